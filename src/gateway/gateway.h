/* The hub's door for those who speak HTTP. It is one more client of the hub, by a link of libkhub
 * in the same loop: it observes a room in which nobody need be, to know whether the hub is there.
 *
 *     GET /healthz   200 while this process lives
 *     GET /readyz    200 when the hub has let this gateway in and answers it; else 503, and why
 *     GET /metrics   counters, in Prometheus' text format
 *     POST, GET, DELETE /mcp   MCP (mcp_http.h)
 *     /.well-known, /a2a   A2A (a2a.h)
 *     GET /ws        the line protocol over WebSocket (ws.h)
 *
 * The first two are open to all, /metrics to who is of this machine, or may observe; all else to
 * those whom the hub lets in (callers.h).
 *
 * All calls are the loop's thread's. */
#ifndef KHUB_GATEWAY_GATEWAY_H
#define KHUB_GATEWAY_GATEWAY_H

#include "gateway/http_server.h"
#include "gateway/mcp.h"
#include "khub.h"

struct gateway;

struct gateway_callbacks {
    /* The hub was joined (why NULL), or it is not there, or can't keep anything: a sentence, when
     * it is another than before. */
    void (*changed)(struct gateway *gateway, const char *why, void *data);
    /* The hub will not have this gateway, and no trying again would help: error is libkhub's. HTTP
     * goes on, and says so. */
    void (*refused)(struct gateway *gateway, int error, const char *why, void *data);
};

struct gateway_options {
    /* Who to be at which hub; observer, retries and the like are set. What it points to, but for
     * the token, must outlive the gateway: clients of MCP join by it, under names and tokens of
     * their own. */
    struct khub_options link;
    bool open;               /* who is of another machine is let in at a hub without tokens, too */
    bool shares_token;       /* these may do by its token what it allows, showing none */
    const char *agents_room; /* that these join; NULL: "main" */
    bool pushes;             /* A2A's notifications are posted, to public addresses, */
    const char *const *push_allow;   /* and to these (webhooks.h); must outlive it; NULL: none */
    const struct mcp_more *mcp_more; /* mcp.h; NULL: nothing */
    uint64_t idle_ms;                /* after which one of them is forgotten; 0: half an hour */
    uint64_t ping_ms;                /* between two looks at a WebSocket; 0: 20000 */
    struct http_server_options http; /* its limits; routes and data are set */
    unsigned answer_ms;              /* for the hub to answer; 0: 5000 */
};

/* options are copied (of http, not what it points to). 0, or an error of khub_new's. */
int gateway_new(uv_loop_t *loop, const struct gateway_options *options,
                const struct gateway_callbacks *callbacks, void *data,
                struct gateway **ret_gateway);
/* See http_server_listen. */
int gateway_listen(struct gateway *gateway, const char *address, char *ret_why, size_t size);
struct http_server *gateway_http(struct gateway *gateway);
/* Leaves the hub and closes all connections, from its callbacks too. Freed by the loop, later. NULL
 * is fine. */
void gateway_close(struct gateway *gateway);

#endif
