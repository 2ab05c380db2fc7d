/* An HTTP/1.1 server in a libuv loop: listeners, connections, requests, answers, and streams of
 * server-sent events.
 *
 * Requests come to the handlers of a table of routes. A handler answers at once or later, once:
 * with http_reply, or with http_stream_begin, any number of events, and http_stream_end. Until then
 * the connection's next request waits, so answers are in the order of the requests; and the request
 * and all slices of it stay. After that the request is no more.
 *
 * All calls are the loop's thread's; handlers and callbacks come from the loop alone, never from
 * within a call of these functions. */
#ifndef KHUB_GATEWAY_HTTP_SERVER_H
#define KHUB_GATEWAY_HTTP_SERVER_H

#include <uv.h>

#include "gateway/http_bounds.h"
#include "wire/address.h"
#include "wire/slice.h"

struct http_server;
struct http_request;
struct ssl_ctx_st;

typedef void http_handler(struct http_request *request);
/* The client is gone, and the request with it: it must not be used again. */
typedef void http_gone(struct http_request *request, void *data);

struct http_route {
    /* A GET answers HEAD as well: the server leaves the body out. */
    const char *method;
    /* "/v1/sessions/{id}": {…} is one segment, whatever it is, and not empty. */
    const char *path;
    http_handler *handler;
    size_t body_max;  /* bytes of a request's body; 0: it has none */
    const void *data; /* the handler's own: http_request_route */
};

/* 0 means the default in http_bounds.h. */
struct http_server_options {
    const struct http_route *routes; /* ended by method NULL; must outlive the server */
    void *data;                      /* http_server_data */
    size_t connections_max;          /* 0: as many as RLIMIT_NOFILE allows, less a reserve */
    uint64_t idle_ms;                /* a connection without a request */
    uint64_t shake_ms;               /* for a TLS handshake */
    uint64_t head_ms, body_ms;       /* for a head, or a body, to come whole */
    uint64_t drain_ms;               /* for a reader to take something of an answer */
    uint64_t alive_ms;               /* between two signs of life in a silent stream */
    uint64_t linger_ms;              /* for the client to close its side */
    size_t stream_max;               /* bytes that may wait for a stream's reader */
    size_t bodies_max;               /* bytes of all bodies together */
    int send_buffer;                 /* of a socket, in bytes; 0: the system's choice */
    bool afar;                       /* it may listen where other machines reach it, */
    bool plain_afar;                 /* and these need not encrypt */
    /* Names that clients may call this server by (Host), beside localhost and addresses; ended by
     * NULL; must outlive the server; NULL: none. */
    const char *const *hosts;
};

/* options are copied. NULL: out of memory. */
struct http_server *http_server_new(uv_loop_t *loop, const struct http_server_options *options);
/* Listens on every address of `text`: "127.0.0.1:8080", "[::1]:0", "localhost:8080". Without
 * options.afar only such that this machine alone can reach. 0, or -1 with a sentence. */
int http_server_listen(struct http_server *server, const char *text, char *ret_why, size_t size);
/* From now on a connection that begins with TLS is made by this context, which is the server's to
 * free; so is what it had before, when the last connection of it has ended. Peers of this machine
 * may go without, others may not, unless plain_afar. False: out of memory, and nothing changed. */
bool http_server_use_tls(struct http_server *server, struct ssl_ctx_st *context);
/* Of the first listener; 0: there is none. */
unsigned http_server_port(const struct http_server *server);
/* Does it listen where other machines reach it? */
bool http_server_is_afar(const struct http_server *server);
/* "127.0.0.1:8080, [::1]:8080", as it listens. Written into buffer, which is returned. */
const char *http_server_addresses(const struct http_server *server, char *buffer, size_t size);
/* Ends it, and all connections at once: requests under way are gone (their callbacks come from
 * within this call, the only exception). It is freed by the loop, later. NULL is fine. */
void http_server_close(struct http_server *server);

/* ── a request; slices are good until it is answered ── */

void *http_server_data(const struct http_request *request);
const struct http_route *http_request_route(const struct http_request *request);
struct slice http_request_method(const struct http_request *request); /* "GET" also for HEAD */
struct slice http_request_path(const struct http_request *request);
/* What stands for the route's index-th {…}, decoded. */
struct slice http_request_param(const struct http_request *request, unsigned index);
/* ?name=value, decoded into buffer, with a NUL. False: there is none, or it is malformed or too
 * long. */
bool http_request_query(const struct http_request *request, const char *name, char *buffer,
                        size_t size);
/* All of it, as it was written, without the '?'. */
struct slice http_request_query_text(const struct http_request *request);
/* Of a header field, in any letter case; at NULL: there is none. */
struct slice http_request_header(const struct http_request *request, const char *name);
struct slice http_request_body(const struct http_request *request);
/* The token that is shown (http_head_bearer), a secret, which is overwritten with the request. Its
 * at is NULL when nothing was shown. False: what was shown is no such thing, and the request is to
 * be answered with http_reply_unauthorized. */
bool http_request_bearer(const struct http_request *request, struct slice *ret_token);
/* Over TLS. */
bool http_request_is_secure(const struct http_request *request);
/* Where it comes from. */
struct endpoint http_request_peer(const struct http_request *request);
/* Of one whose answer may come much later: a client that closes its side, which may mean no more
 * than that it has nothing to add, is taken for one that is gone. */
void http_request_abandon_at_end(struct http_request *request);
/* Needed by handlers that answer later. */
void http_request_on_gone(struct http_request *request, http_gone *gone, void *data);

/* ── its answer ── */

/* A header field of the answer that is yet to be given; the value has no control characters (else
 * nothing is added). */
void http_reply_header(struct http_request *request, const char *name, struct slice value);
/* The answer may be kept: by who asked, for good_s seconds; after that, or (0) before each use, it
 * is asked for again by its ETag ("\"…\"", with the quotes). True: who asks has it already, and 304
 * without a body is the answer. */
bool http_reply_tagged(struct http_request *request, const char *etag, unsigned good_s);
/* type: of the body, "application/json"; NULL: there is none. The body is copied. */
void http_reply(struct http_request *request, unsigned status, const char *type, struct slice body);
/* A sentence, as {"error":{"code":"not_found","message":"…"}}; the code is the status's name. */
void http_reply_error(struct http_request *request, unsigned status, const char *sentence);
/* 401, which asks for a token, with a sentence that says no more than is known of it. */
void http_reply_unauthorized(struct http_request *request, const char *sentence);

/* The answer has a body of so many bytes, which comes in parts. `drained` is called whenever all
 * parts so far are with the system, and not from within these calls. False: it has ended already
 * (the method was HEAD, or the client is gone), gone is not called, and the request is no more. */
typedef void http_drained(struct http_request *request, void *data);
bool http_parts_begin(struct http_request *request, unsigned status, const char *type,
                      uint64_t length, http_drained *drained);
/* False: the client is gone; gone is not called, and the request is no more. */
bool http_part(struct http_request *request, struct slice bytes);
/* All parts were given, as many bytes as was said; or no more of them can be had, by which the
 * client sees that something is missing: the connection breaks off. The request is no more. */
void http_parts_end(struct http_request *request);
void http_parts_break(struct http_request *request);

/* The answer is a stream of events. False: it has ended already (the method was HEAD, or the client
 * is gone), gone is not called, and the request is no more. */
bool http_stream_begin(struct http_request *request);
/* One event; those of a turn of the loop go out together, at its end. event and id may be at NULL:
 * none; neither has control characters. data may have lines. False: the reader was too slow, or is
 * gone, and was cut; gone is not called, and the request is no more. It will come back with the id
 * of the last event that it has as Last-Event-ID. */
bool http_stream_event(struct http_request *request, struct slice event, struct slice id,
                       struct slice data);
void http_stream_end(struct http_request *request);
/* Bytes that its reader has yet to take. */
size_t http_stream_waiting(const struct http_request *request);

/* ── an upgrade: from now on the connection's bytes are another protocol's ── */

struct http_tunnel {
    /* Bytes came. They are all taken; they are good until this returns, or the request is no
     * more. */
    void (*bytes)(struct http_request *request, struct slice bytes, void *data);
    /* All that was written is with the system. */
    void (*drained)(struct http_request *request, void *data);
};

/* Does the client ask for that protocol ("websocket"), so that it can be obeyed? */
bool http_request_upgrades(const struct http_request *request, const char *protocol);
/* How often there is a header field of that name. */
unsigned http_request_header_times(const struct http_request *request, const char *name);
/* Answers 101, with the fields that were added before; the request stays, all slices of it do not.
 * Nothing is read before http_tunnel_reads. A client that closes its side is gone
 * (http_request_on_gone). False: it is already, gone is not called, and the request is no more. */
bool http_upgrade(struct http_request *request, const char *protocol,
                  const struct http_tunnel *tunnel, void *data);
/* False: the client is gone; gone is not called, and the request is no more. */
bool http_tunnel_write(struct http_request *request, struct slice bytes);
/* Bytes that were written and wait for the client. */
size_t http_tunnel_unsent(const struct http_request *request);
/* Whether bytes are read. What came meanwhile, and so this much is bounded, is handed out from
 * within this call. */
void http_tunnel_reads(struct http_request *request, bool reads);
/* Ends it: what waits goes out before; or (broken) at once. The request is no more. */
void http_tunnel_end(struct http_request *request, bool broken);

/* ── what happened ── */

#define HTTP_CLASSES 6u /* of statuses: 1xx to 5xx by their first digit */

/* X(name, help). Counters. */
#define HTTP_COUNTERS(X)                                                                           \
    X(accepted, "connections that were accepted")                                                  \
    X(surplus, "connections that were refused because all were taken")                             \
    X(evicted, "idle connections that made room for others")                                       \
    X(timeouts, "connections that were closed because they were too slow")                         \
    X(handshakes, "TLS handshakes that were begun")                                                \
    X(secured, "TLS handshakes that ended well")                                                   \
    X(foreign, "requests of a foreign Host or Origin")                                             \
    X(streams, "streams of events that were begun")                                                \
    X(events, "events that were said")                                                             \
    X(streams_cut, "streams whose reader was too slow")                                            \
    X(upgrades, "connections that became another protocol's")                                      \
    X(bytes_in, "bytes that came in")                                                              \
    X(bytes_out, "bytes that were answered")

struct http_counts {
#define X(name, help) uint64_t name;
    HTTP_COUNTERS(X)
#undef X
    size_t connections, streams_open, upgrades_open; /* now */
};
const struct http_counts *http_server_counts(const struct http_server *server);
/* Answers by the route (an index of the table; of its end: what had no route) and class. */
uint64_t http_server_answers(const struct http_server *server, size_t route, unsigned class);

#endif
