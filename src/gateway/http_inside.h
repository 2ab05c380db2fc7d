/* What the files of the HTTP server share. */
#ifndef KHUB_GATEWAY_HTTP_INSIDE_H
#define KHUB_GATEWAY_HTTP_INSIDE_H

#include <sys/queue.h>

#include "gateway/http_reader.h"
#include "gateway/http_server.h"
#include "tls/tls.h"
#include "wire/address.h"
#include "wire/text.h"

/* What a connection waits for. Each has a list, in the order in which the waits began; as all of a
 * list have the same limit, its head is the first whose time is over. */
enum http_wait {
    HTTP_WAIT_IDLE,   /* the next request */
    HTTP_WAIT_SHAKE,  /* the rest of a TLS handshake */
    HTTP_WAIT_HEAD,   /* the rest of its head */
    HTTP_WAIT_BODY,   /* and body */
    HTTP_WAIT_ANSWER, /* the handler; there is no limit */
    HTTP_WAIT_DRAIN,  /* the client takes the answer */
    HTTP_WAIT_STREAM, /* the next event, or sign of life */
    HTTP_WAIT_PARTS,  /* the next part of the answer; or the client takes those that there are */
    HTTP_WAIT_TUNNEL, /* its connection is another protocol's; there is no limit */
    HTTP_WAIT_LINGER, /* the client closes its side */
    HTTP_WAITS
};

TAILQ_HEAD(http_connection_list, http_connection);
TAILQ_HEAD(http_request_list, http_request);

/* Under way: its head has come. */
struct http_request {
    struct http_connection *connection;
    const struct http_route *route; /* NULL: refused before one was found */
    struct slice params[HTTP_PARAMS_MAX];
    char *params_text; /* what they are slices of; owned */
    struct text body, fields;
    http_gone *gone;
    void *data;
    http_drained *drained;            /* of an answer in parts, with `data` */
    const struct http_tunnel *tunnel; /* the connection is another protocol's; NULL: it is not */
    void *tunnel_data;
    bool reads;     /* of a tunnel: what comes is handed out */
    bool handed;    /* to the handler */
    bool head_only; /* the method is HEAD */
    bool streaming;
    bool tagged;        /* its answer may be kept */
    unsigned good_s;    /* for so long unasked */
    bool telling;       /* is in the server's list of such */
    struct text events; /* said in this turn of the loop: they go out together */
    TAILQ_ENTRY(http_request) next_telling;
    bool abandoned_at_end; /* who says nothing more does not wait for the answer */
};

/* Its life: reading and answering in turns; `ending` once nothing more is read of it (its last
 * answer goes out, then the client is waited for); `closed` when only the loop still has it. */
struct http_connection {
    struct http_server *server;
    uv_tcp_t socket;
    enum http_wait wait;
    uint64_t since; /* the wait began, by the loop's clock */
    TAILQ_ENTRY(http_connection) next;
    struct http_reader reader;
    struct http_request *request; /* under way; NULL: none */
    struct tls_session *tls;      /* NULL: it is not encrypted */
    size_t tls_said;              /* that the peer made us say, since all was taken */
    struct text ahead;            /* what was said ahead of the answer */
    size_t unsent;                /* at the last look, to see whether it has become less */
    bool going;                   /* requests are being read, further up in the stack */
    bool paused;                  /* the socket is not read */
    bool begun;                   /* its first bytes have come */
    bool ended;                   /* the client says nothing more */
    bool ending, shut, closed;
};

struct http_listener {
    struct http_server *server;
    uv_tcp_t socket;
    struct endpoint endpoint;
};

struct http_server {
    uv_loop_t *loop;
    struct http_server_options options;
    uint64_t limits[HTTP_WAITS]; /* ms; 0: none */
    struct http_connection_list waits[HTTP_WAITS];
    struct http_listener *listeners[HTTP_LISTENERS_MAX];
    size_t listener_count;
    uv_timer_t timer;
    uv_timer_t turn; /* is over */
    struct http_request_list telling;
    struct ssl_ctx_st *tls;        /* of connections from now on; owned; NULL: there is no TLS */
    struct tls_sessions *sessions; /* NULL: there was never any */
    size_t shaking;
    bool reached_from_afar; /* it listens on more than loopback */
    size_t handles;         /* of the loop, that are not closed yet */
    size_t bodies;          /* bytes of all */
    size_t route_count;
    uint64_t (*answers)[HTTP_CLASSES];
    struct http_counts counts;
    bool closing;
    char chunk[HTTP_READ_BYTES];
    char *plain; /* HTTP_READ_BYTES of what TLS brought; with sessions */
};

/* ── server ── */

/* A handle is closed. Frees the server with the last one. */
void http_server_handle_gone(struct http_server *server);
/* A connection begins to wait. */
void http_wait_begin(struct http_connection *connection, enum http_wait wait);
void http_wait_end(struct http_connection *connection);

/* ── connection ── */

/* Takes what waits at the listener. */
void http_connection_accept(struct http_listener *listener);
/* Writes, or queues what the system does not take now. False: it can't be written to any more, and
 * is closed. */
bool http_connection_write(struct http_connection *connection, struct slice bytes);
/* The same of bytes as they go over the wire. */
bool http_connection_send(struct http_connection *connection, struct slice bytes);
struct endpoint http_connection_peer(const struct http_connection *connection);
/* Bytes came, decrypted. What can't be taken now is kept, and reading pauses. */
void http_connection_came(struct http_connection *connection, struct slice input);
/* Nothing more will come; `broken`: without the word for it. */
void http_connection_ended(struct http_connection *connection, bool broken);
size_t http_connection_unsent(const struct http_connection *connection);
/* At once, whatever waits. Whose request is under way is told, if `tell`. */
void http_connection_close(struct http_connection *connection, bool tell);
/* The answer was given: the request is let go, and the next one is read, or (keep false) none. */
void http_connection_answered(struct http_connection *connection, bool keep);
/* A tunnel's reading is paused, or goes on with what was kept. */
void http_connection_reads(struct http_connection *connection, bool reads);
/* Its time to wait is over. */
void http_connection_overdue(struct http_connection *connection);

/* ── TLS ── */

/* Bytes came as they are on the wire: the first ones say whether it is TLS. */
void http_tls_came(struct http_connection *connection, struct slice bytes);
/* As http_connection_write, of one that is encrypted. */
bool http_tls_write(struct http_connection *connection, struct slice bytes);
/* Tells the client that nothing more is said. */
void http_tls_finish(struct http_connection *connection);
/* The connection is no more. */
void http_tls_free(struct http_connection *connection);

/* ── answers ── */

/* Refuses what was not understood, or may not be. The connection ends with it. */
void http_refuse(struct http_connection *connection, unsigned status, const char *why);
void http_request_free(struct http_request *request);
/* A sign of life in a stream. False: it can't be written. */
bool http_stream_alive(struct http_request *request);
/* The server ends: what was said in this turn goes out, and, if it is one, the stream's end. */
void http_stream_part(struct http_request *request);
/* The turn is over: what was said in it goes out. */
void http_streams_tell(uv_timer_t *turn);

/* ── routes ── */

/* The route of a request, with its params. NULL: *ret_status is 404, 405 (ret_allowed gets the
 * methods that there are) or 400; 503: out of memory. */
const struct http_route *http_route_find(struct http_request *request, unsigned *ret_status,
                                         struct text *ret_allowed);

/* ── guard ── */

/* Where a request came, as it may say it. */
struct http_place {
    const char *const *hosts; /* names that were given to us, ended by NULL; NULL: none */
    struct endpoint here;     /* that was connected to; len 0: only loopback can be */
    bool secure;              /* over TLS */
};
/* Is a request meant for us, by what it calls us (Host) and what page made it (Origin)? 0; or the
 * status to refuse it with, and a sentence. */
unsigned http_guard_check(const struct http_head *head, const struct http_place *place,
                          const char **ret_why);

#endif
