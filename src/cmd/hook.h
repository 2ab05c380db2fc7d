/* Hooks of LLM clients: a command that the client runs when its agent has come to the end of a
 * turn, and whose answer may be that the agent should go on.
 *
 * What a hook says, an agent takes for its user's word. So nothing that a peer wrote is in it: a
 * count, and names of senders that are plain ones. */
#ifndef KHUB_CMD_HOOK_H
#define KHUB_CMD_HOOK_H

#include "cmd/waiting_note.h"

/* Whose hooks are spoken. Ended by NULL. */
extern const char *const hook_clients[];

/* What the client says of the turn, on stdin: does the agent go on already since a hook said so? */
bool hook_goes_on(void);

/* Should an agent be woken for what waits? Each message wakes it once; and a hook keeps it going
 * HOOK_WAKES_MAX times in a row at the most, whoever writes to it meanwhile. When it should, that
 * is noted beside the membership's file; if that can't be, it should not. */
#define HOOK_WAKES_MAX 8u
bool hook_should_wake(const char *membership, const struct waiting *waiting, bool goes_on);

/* Answers the client. waiting NULL: the agent may stop. The exit code that it wants. */
int hook_answer(const char *client, const struct waiting *waiting);

#endif
