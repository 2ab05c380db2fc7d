/* A gateway (HTTP) in a loop of its own, with its lines for people: of `khub gateway`, and beside
 * the hub of `khub serve --http`. */
#ifndef KHUB_CMD_DOOR_H
#define KHUB_CMD_DOOR_H

#include <uv.h>

#include "auth/token.h"
#include "cmd/options.h"
#include "gateway/gateway.h"
#include "net/server.h"
#include "tls/tls.h"

#define DOOR_ROOM "gateway" /* that the hub is looked at from: nobody need be there */

struct door {
    /* The caller's; strings are not copied. */
    const char *hub, *room;
    const char *agents_room; /* that clients of MCP join; NULL: main */
    const struct khub_tls *tls;
    struct text_list http;          /* addresses to listen on */
    struct text_list hosts;         /* names that it may be called by */
    struct text_list push_allow;    /* networks that are posted to, public or not */
    bool pushes;                    /* notifications are posted, to public ones as well */
    const char *port_file;          /* gets the first port of http once it listens; NULL: none */
    const char *tls_cert, *tls_key; /* PEM files; NULL: it speaks no TLS */
    bool insecure; /* other machines may reach it without TLS, and at a hub without tokens */
    char token[TOKEN_TEXT_SIZE];                         /* "": none; wiped by door_open */
    bool share_token;                                    /* it stands for clients who show none */
    bool token_open, quiet;                              /* quiet: no lines on stdout */
    size_t connections_max;                              /* 0: as many as the system lets */
    void (*refused)(struct door *door, const char *why); /* the hub refuses it for good; or NULL */

    /* Its own. */
    uv_loop_t loop;
    struct gateway *gateway;
    uv_async_t end, reload;   /* beside a hub, */
    void (*ended)(void *ctx); /* which is told of its end */
    void *ended_ctx;
    bool asked; /* to end */
    uv_thread_t thread;
    const char *names[LIST_MAX + 1];    /* of hosts, ended by NULL */
    const char *networks[LIST_MAX + 1]; /* of push_allow, the same */
    char fingerprint[TLS_FINGERPRINT_SIZE];
};

/* Makes the loop and all that is in it, and listens. 0 with a line that says where, or an exit code
 * with a sentence; in any case the loop is to be run until it ends, and closed. */
int door_open(struct door *door, char *ret_said, size_t size);
/* From a callback in its loop. */
void door_close(struct door *door);
/* Reads its certificate anew, for the connections that come from now on; one that is not good is
 * not taken, and ret_said tells why. From its loop. */
void door_reload(struct door *door, char *ret_said, size_t size);

/* What runs it beside a hub, whose address it will be told. */
struct server_beside door_beside(struct door *door);

#endif
