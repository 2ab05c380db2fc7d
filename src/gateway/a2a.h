/* A2A 1.0, and 0.3 where it is asked for: agents of other frameworks find the AIs of a room by
 * their cards, and give them tasks.
 *
 * An AI wants it by a capability of its hello, "a2a"; it is the tenant of its id. A task is a
 * session of the hub's, and its id the session's: all that is told of one is read from the hub when
 * it is asked for, by an observer of the caller's (observers.h). docs/A2A.md says what is what.
 *
 *     GET  /.well-known/agent-card.json     the card of the hub
 *     GET  /.well-known/ai-catalog.json     a list of all
 *     GET  /mcp/server-card                 what clients of MCP read before they connect
 *     GET  /a2a/{tenant}/.well-known/agent-card.json
 */
#ifndef KHUB_GATEWAY_A2A_H
#define KHUB_GATEWAY_A2A_H

#include "gateway/callers.h"
#include "gateway/guests.h"
#include "gateway/observers.h"

struct a2a_door;
struct webhooks;

struct a2a_options {
    uv_loop_t *loop;
    struct callers *callers;
    struct observers *observers; /* of all doors, */
    struct guests *guests;       /* and so are these */
    struct khub_options link;    /* as for agent_new, but for who joins, and what he shows */
    struct webhooks *webhooks;   /* by which notifications go out; NULL: none do */
    bool wants_token;            /* the hub asks for one, and ours stands for nobody else */
};

/* options are copied; what they point to must outlive the door. NULL: out of memory. */
struct a2a_door *a2a_door_new(const struct a2a_options *options);
/* After the HTTP server was closed, and before the observers are. NULL is fine. */
void a2a_door_close(struct a2a_door *door);

/* How many routes there are. */
size_t a2a_route_count(void);
/* Writes them, with the handler that has callers admitted first; or, where a stranger is told what
 * everybody may know, one that admits only who shows a token. */
void a2a_fill_routes(struct http_route *routes, http_handler *handler, http_handler *strangers);
/* One that a2a_fill_routes made, of an admitted caller; or (stranger) of who showed no token at a
 * hub that asks for them. */
void a2a_door_take(struct a2a_door *door, struct http_request *request, bool stranger);
bool a2a_door_wants_token(const struct a2a_door *door);

#endif
