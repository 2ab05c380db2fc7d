/* What the files of a WebSocket share. */
#ifndef KHUB_GATEWAY_WS_INSIDE_H
#define KHUB_GATEWAY_WS_INSIDE_H

#include <sys/queue.h>

#include "client/transport.h"
#include "gateway/bounds.h"
#include "gateway/ws.h"
#include "gateway/ws_reader.h"

enum ws_state { WS_CONNECTING, WS_OPEN, WS_PARTING };

struct ws {
    struct ws_door *door;
    TAILQ_ENTRY(ws) next;
    enum ws_state state;
    struct http_request *request; /* NULL: the client is gone, or was told that we go */
    struct ws_reader reader;
    bool line_ended; /* the message under way: its line's end has come */
    struct transport hub;
    uv_poll_t *poll; /* of its fd; NULL: none. Its own memory: it may close later than the ws */
    int watched;     /* what it is watched for */
    uv_timer_t timer;
    struct text to_hub;  /* what it has not taken yet */
    struct text held;    /* the beginning of a line of the hub's */
    bool in_line;        /* and whether a part of that was sent to the client */
    bool said_error;     /* the hub's last line was an error: */
    char error_code[32]; /* its code */
    bool heard, pinged;  /* the client, since the last look; and whether it was asked to speak */
    size_t unsent;       /* at the last look */
    bool pong_due;
    uint8_t pong_len;
    char pong[WS_CONTROL_MAX];
};
TAILQ_HEAD(ws_list, ws);

struct ws_door {
    uv_loop_t *loop;
    struct address address;
    const struct khub_tls *tls;
    bool private; /* what clients say is not to be read on the way to another machine */
    uint64_t ping_ms;
    struct ws_list all;
    size_t handles; /* timers that are not closed yet */
    struct ws_counts counts;
    struct text in, out; /* what is on its way, within one callback */
    bool closing;
    char chunk[WS_READ_BYTES];
};

/* ── a ws, and its client (ws.c) ── */

/* At its end; what the loop still has of it goes later. */
void ws_free(struct ws *ws);
/* Tells the client why it ends, if it is still there, and frees the ws. */
void ws_end(struct ws *ws, enum ws_code code, const char *why);
/* False: the client is gone, and what it said goes to the hub (ws_hub_part). */
bool ws_client_write(struct ws *ws, struct slice bytes);
/* The time of its state is over in `ms`, and again each `repeat`; 0: once. */
void ws_time_set(struct ws *ws, uint64_t ms, uint64_t repeat);

/* ── its connection to the hub (ws_hub.c) ── */

/* Begins to connect; goes on with that. The ws may be no more after this. */
void ws_hub_begin(struct ws *ws);
void ws_hub_go_on(struct ws *ws);
/* Lines, and the beginning of one, go to the hub, as far as it takes them; what it does not waits
 * in to_hub. False: the ws is no more. */
bool ws_hub_say(struct ws *ws, struct slice lines);
/* Is it to be read, and written to? As things are now: whoever changes them calls this. False: it
 * can't be watched, and the ws is to be ended. */
bool ws_hub_watch(struct ws *ws);
/* The client said all: the hub takes it, and ends its side in turn. */
void ws_hub_part(struct ws *ws);
void ws_hub_drop(struct ws *ws);

#endif
