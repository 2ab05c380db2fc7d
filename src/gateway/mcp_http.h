/* MCP over HTTP ("streamable HTTP"): POST, GET and DELETE of /mcp, in both eras.
 *
 * In the earlier era a conversation is a session, whose id the client gets with the answer to
 * `initialize` and names in each request; GET opens a stream of what answers nothing, which a
 * client that lost it resumes. In the later era each request stands for itself: an AI is named by
 * the handle that `join` gives, as the argument `handle`, or "khub/handle" in _meta.
 *
 * Both are good with the token that began them, and an AI joins the hub with that. */
#ifndef KHUB_GATEWAY_MCP_HTTP_H
#define KHUB_GATEWAY_MCP_HTTP_H

#include "gateway/guests.h"
#include "gateway/http_server.h"
#include "gateway/mcp.h"
#include "khub.h"

struct mcp_door;

/* link: as for agent_new; what it points to must outlive the door; ai_id NULL; what it shows to the
 * hub is its callers'. guests: where its conversations are found by their handles. Both, and
 * what it speaks more (mcp.h; NULL: nothing), must outlive the door. NULL: out of memory. */
struct mcp_door *mcp_door_new(uv_loop_t *loop, const struct khub_options *link,
                              struct callers *callers, struct guests *guests,
                              const struct mcp_more *more);
/* Ends all conversations; their AIs go. After the HTTP server was closed. NULL is fine. */
void mcp_door_close(struct mcp_door *door);

/* Requests of callers that were admitted. */
void mcp_door_post(struct mcp_door *door, struct http_request *request);
void mcp_door_get(struct mcp_door *door, struct http_request *request);
void mcp_door_delete(struct mcp_door *door, struct http_request *request);

#endif
