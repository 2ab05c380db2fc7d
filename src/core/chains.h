/* Chains of replies: messages that name in payload.in_reply_to the message_id of what they answer.
 * Bots that answer bots would go on for ever, in pairs, triangles or any other shape; so the hub
 * counts along the chain, whoever says its links, and refuses one that is too long.
 *
 *   question ◀── reply 1 ◀── reply 2 ◀── … ◀── reply chain_max ◀── refused: loop
 *
 * A person's reply begins anew, and so does one to what lies CHAIN_PAUSE_MS back. Only replies are
 * remembered: what is not known was none. A room has bounded space for them; the oldest go. */
#ifndef KHUB_CORE_CHAINS_H
#define KHUB_CORE_CHAINS_H

#include "core/changes.h"
#include "core/index.h"

struct room;
struct request;

/* A reply that was accepted. */
struct chain_link {
    struct slice key; /* owned: its message_id; who says it again, or another, has it from then */
    struct slice sender; /* owned */
    uint64_t seq;
    uint64_t depth;  /* replies in a row up to this one */
    int64_t said_ms; /* unix time */
    struct change change;
    TAILQ_ENTRY(chain_link) next;
};

struct chains {
    TAILQ_HEAD(chain_links, chain_link) list; /* the oldest first */
    struct index links;                       /* by message_id */
};

void chains_init(struct chains *chains);
void chains_free(struct room *room);
/* Is this message no reply, or one that its chain has room for? 0 or -code. */
int chain_check(struct request *request);
/* It was refused because it has none, by admit or by apply: tells those in the room who see all by
 * a token, but for who said it, unless they were told of another one just now. That is for this
 * moment, and no effect of an entry. */
void loop_tell(struct request *request);
/* The message was accepted. */
void chain_proceed(struct request *request);

/* ── for load.c and recount.c ── */

/* One of that message_id and seq at its place, to be filled; NULL when it is there already, or
 * there are too many. */
struct chain_link *chain_restore(struct room *room, struct slice message_id, uint64_t seq);
/* Are all in their order, and found? */
bool chains_whole(const struct room *room);

#endif
