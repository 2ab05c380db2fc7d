/* Short texts as files in a session's workspace: actions of the tool for sessions. */
#ifndef KHUB_GATEWAY_SESSION_FILES_H
#define KHUB_GATEWAY_SESSION_FILES_H

struct agent;
struct mcp_call;

#define FILE_TEXT_MAX 65536u /* bytes */

/* session_id, key and, to put, value are given. */
void session_put(struct mcp_call *call, struct agent *agent);
void session_get(struct mcp_call *call, struct agent *agent);

#endif
