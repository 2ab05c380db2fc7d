/* An agent of A2A that is elsewhere, as an AI of the hub's: what is said to that AI is put to the
 * agent, and what the agent says is said by the AI, in reply to what was asked. The mirror of the
 * A2A door (a2a.h). docs/A2A.md says what becomes what.
 *
 *     mail ──▶ waits ──▶ asking ──▶ asked ──▶ its outcome is said ──▶ done
 *                ▲          │ nobody took it        ▲
 *                └──────────┘                       │ it is not known whether it was taken
 *                           └───────────────────────┘
 *
 * What is asked is noted on disk before it is put, and its outcome before it is said, which it is
 * under an id that follows from it: so after a kill nothing is put twice, and nothing is said
 * twice. One question of a peer, or of a session, is put at a time, in their order. */
#ifndef KHUB_GATEWAY_BRIDGE_H
#define KHUB_GATEWAY_BRIDGE_H

#include "gateway/a2a_agent.h"
#include "gateway/agent.h"

struct bridge;

struct bridge_options {
    uv_loop_t *loop;
    struct a2a_agent agent;   /* but for its client and its face */
    struct khub_options link; /* as for agent_new, but for its capabilities, which the card says */
    const struct mail_past *past; /* NULL: it begins now */
    json_t *notes;  /* an object: what of a bridge outlives its process, read and written */
    unsigned tries; /* of a question that nobody takes */
    /* The notes, and what is kept of the AI, go to disk. */
    void (*keep)(struct agent *agent, void *data);
    /* Something for people to read; it may quote peers. */
    void (*say)(const char *line, void *data);
    /* The card can't be read, or the hub will not have it: it does nothing any more. */
    void (*ended)(const char *why, void *data);
    void *data;
};

/* options are copied, not what they point to. NULL: out of memory, or no libcurl. */
struct bridge *bridge_new(const struct bridge_options *options);
/* The card was read: what ends it now is the hub's word. */
bool bridge_has_card(const struct bridge *bridge);
/* Its AI is away then, and stays. Freed by the loop, later. NULL is fine. */
void bridge_close(struct bridge *bridge);

#endif
