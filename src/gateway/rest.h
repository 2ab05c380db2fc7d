/* REST under /v1: what is at the hub, to be read and said with nothing but HTTP and JSON.
 *
 * Who reads is answered by an observer of the room (observers.h). Who says something is an AI of
 * the hub: POST /v1/members joins it and gives it a handle, which its other requests name as
 * Khub-Handle. Tables (rest_*_routes.c) say what there is; requests are judged by them, and
 * GET /v1/openapi.json is written from them. */
#ifndef KHUB_GATEWAY_REST_H
#define KHUB_GATEWAY_REST_H

#include "gateway/guests.h"
#include "gateway/http_server.h"
#include "khub.h"

struct observers;
struct rest_door;

/* link: as for agent_new, ai_id what observers are called after, room preset where none is named;
 * what it points to, but for that name and the token, must outlive the door, and so must callers
 * and guests. NULL: out of memory. */
struct rest_door *rest_door_new(uv_loop_t *loop, const struct khub_options *link,
                                struct callers *callers, struct guests *guests);
/* All AIs go. After the HTTP server was closed. NULL is fine. */
void rest_door_close(struct rest_door *door);

/* Those by which it looks into rooms. */
struct observers *rest_door_observers(const struct rest_door *door);
/* One that rest_fill_routes made. */
void rest_door_take(struct rest_door *door, struct http_request *request);
/* How many routes there are. */
size_t rest_route_count(void);
/* Writes them, with the handler that has callers admitted first; or, where nobody is asked for a
 * token, the one behind it. */
void rest_fill_routes(struct http_route *routes, http_handler *handler, http_handler *admitted);

#endif
