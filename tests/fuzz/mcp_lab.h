/* A hub, links to it and a loop, all in this process and one thread: no socket, no clock but the
 * lab's, no chance. The hub is the core with its log in memory; the links are libkhub's, whose
 * transport ends here; a peer, bea, says what she is told to say. So a run is a function of what
 * was asked of it. One lab at a time. */
#ifndef KHUB_FUZZ_MCP_LAB_H
#define KHUB_FUZZ_MCP_LAB_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "wire/slice.h"

/* Ends the process with the sentence, unless it holds. */
static inline void lab_expect(bool holds, const char *sentence)
{
    if (!holds) {
        fprintf(stderr, "fuzz_mcp: %s\n", sentence);
        abort();
    }
}

void lab_open(void);
/* Everything must be closed by now: no timer, link, connection or block of memory is left. */
void lab_close(void);
/* To be passed on, and never looked into. */
uv_loop_t *lab_loop(void);
/* Until nothing moves any more, at this moment. */
void lab_settle(void);
/* Time goes by, and what is due on the way happens. */
void lab_pass(int64_t ms);

/* bea says a message, to ada (or to all). payload: JSON text; the hub judges it. */
void lab_say(struct slice type, struct slice payload, bool to_all);
/* The hub takes no token, not even none, but bea's, and tells those who are there; or it does
 * again. */
void lab_refuse(bool refuses);
/* Every link is cut; the hub can be reached again only when it is not away. */
void lab_cut(bool away);

#endif
