/* What the files of net/ share: the whole server as one struct, and the turn of its loop.
 *
 * In a turn, sockets are read, lines go to the hub, the hub calls back (edge.c), and queues fill.
 * turn_end then does what the callbacks could not: it expels connections (callbacks must not call
 * the hub), writes each queue that changed once, frees chunks and writes the log. After that
 * libuv's closing phase frees the memory of dead connections. */
#ifndef KHUB_NET_STATE_H
#define KHUB_NET_STATE_H

#include <uv.h>

#include "auth/audit.h"
#include "net/audited.h"
#include "net/beside.h"
#include "net/connection.h"
#include "net/disk.h"
#include "net/id_table.h"
#include "net/journal.h"
#include "net/latency.h"
#include "net/listener.h"
#include "net/login.h"
#include "net/search.h"
#include "net/server.h"
#include "net/stream.h"

struct server {
    struct server_options options;
    uv_loop_t loop;
    struct hub *hub;
    struct streams streams;
    struct journal journal;

    struct listener listeners[LISTENERS_MAX];
    size_t listener_count;
    struct beside beside;
    int landlock;         /* the kernel's version of it that holds here; 0: none */
    int reserve_fd;       /* closed for a moment when no descriptors are left */
    uint64_t full_said;   /* loop time of the last log line on a full hub; 0: none */
    uint64_t turned_away; /* by a full hub, ever */

    struct id_table connections; /* as the hub names them */
    size_t connection_count;     /* all but dead ones; includes those being closed */
    size_t surplus_count;        /* of these, those beyond connections_max */
    uint64_t serial;             /* of the newest connection */
    uint64_t accepted, deliveries, bytes_in, bytes_out, closed[CLOSE_REASON_COUNT];
    struct latency latency;
    uint64_t started_at; /* loop time */
    uint64_t answers;    /* answers that no entry caused; counted to make their ids unique */

    struct connection_list dirty;     /* have something to write */
    struct connection_list overfull;  /* to be expelled once no call of the hub is under way */
    struct connection_list newcomers; /* have not joined a room; oldest first */
    struct connection_list laggards;  /* pace.h */
    struct connection_list held;      /* readable, but reading is paused */
    struct connection_list again;     /* the hub takes now what it wanted later */
    struct connection_list closing;   /* FLUSHING or LINGERING */
    bool paused;                      /* reading is paused for a receiver that lags */
    uint64_t paused_at;               /* loop time at which the pause began, */
    uint64_t ticked_at;               /* and of the last tick */
    uint64_t appended_flushed;        /* streams.appended when all queues were last written */
    uint64_t appended_swept;          /* and when chunks were last swept */
    size_t long_queue;                /* bytes; a longer queue is written before the turn's end */
    size_t compacted;                 /* streams.bytes after the last queue_copy_out of all */
    size_t partial_bytes;             /* in unfinished lines of all connections */

    uv_prepare_t prepare;
    uv_check_t check;
    uv_timer_t tick, beat, stop_timer, accept_timer;
    uv_signal_t interrupted, terminated, quit, hung_up, asked;
    bool parting;  /* it was told to stop: first what runs beside it does, */
    bool stopping; /* and then the hub */

    uint8_t key[32];     /* from which the hub derives: the store's, or this run's */
    uint8_t run_key[32]; /* of edge_unique */
    uint8_t id_key[16];  /* of edge_identify: derived from the first when it is needed */
    bool id_key_made;
    struct evp_mac_ctx_st *hmac;            /* once it is needed (edge.c) */
    struct tls_edge *tls;                   /* NULL: all that is carried is plain */
    char fingerprint[TLS_FINGERPRINT_SIZE]; /* of its certificate */
    struct disk disk;
    struct searching searching;
    struct login login;
    struct audit *audit; /* who did what; NULL: nothing is kept */
    struct acts_again acts_again;
    char *read_buffer;
};

/* Does part of what ends a turn in the middle of it, if much was appended since the last time. */
void turn_relieve(struct server *server);
/* Starts the timer of pace_review and connection_deadlines, unless it runs already. */
void beat_start(struct server *server);
/* The hub's next tick comes within so many ms. */
void tick_within(struct server *server, int64_t ms);
/* The connection that the hub knows by this id, or NULL. */
static inline struct connection *server_find(const struct server *server, peer_id id)
{
    return id_table_find(&server->connections, id);
}

/* The hub's effects, carried out (edge.c). */
struct hub_edge edge_of(struct server *server);
/* Frees what its effects made for themselves. */
void edge_end(struct server *server);
/* A new random key. 0, or -1 when the system has no randomness. */
int edge_key(uint8_t ret_key[32]);

#endif
