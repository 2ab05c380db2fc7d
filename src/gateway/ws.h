/* GET /ws: the hub's line protocol over WebSocket, a message a line. Each WebSocket has a
 * connection of its own to the hub, and whoever speaks is an AI to it as on a socket: hello, token,
 * heartbeats and cursors are its own. Nothing is understood here but where a line ends, and the
 * hub's last word, which becomes the reason of the close.
 *
 * All calls are the loop's thread's. */
#ifndef KHUB_GATEWAY_WS_H
#define KHUB_GATEWAY_WS_H

#include "gateway/http_server.h"
#include "khub.h"

struct ws_door;

/* X(name, help). Counters. */
#define WS_COUNTERS(X)                                                                             \
    X(opened, "WebSockets that were opened")                                                       \
    X(unreached, "those for which there was no connection to the hub")                             \
    X(refused, "those that were closed because their client broke the protocol")                   \
    X(dead, "those that were closed because their client gave no sign of life")                    \
    X(lines_in, "lines of clients for the hub")                                                    \
    X(lines_out, "lines of the hub for clients")

struct ws_counts {
#define X(name, help) uint64_t name;
    WS_COUNTERS(X)
#undef X
    size_t open; /* now */
};

/* link: which hub, and how it is to be known (address, tls, token_open); whether it has a token
 * says whether clients' tokens are to be expected. What they point to must outlive the door.
 * ping_ms: 0: the preset. NULL: out of memory. */
struct ws_door *ws_door_new(uv_loop_t *loop, const struct khub_options *link, uint64_t ping_ms);
void ws_door_get(struct ws_door *door, struct http_request *request);
const struct ws_counts *ws_door_counts(const struct ws_door *door);
/* Tells all clients, and closes all connections to the hub. Freed by the loop, later. NULL is
 * fine. */
void ws_door_close(struct ws_door *door);

/* Judges the request to open one (RFC 6455, 4.2), and adds what the answer to it says. False: it
 * was answered, and is no more. */
bool ws_handshake(struct http_request *request);

#endif
