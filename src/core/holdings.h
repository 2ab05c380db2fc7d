/* What of a room is one owner's: the sum over all AIs that came with its token. It follows from
 * members and tenants, and no row says it.
 *
 * An AI, and all that it has contributed, is its whose token it showed last, as for votes. Of who
 * showed none there is no holding: it owns itself, and what it has is its tenant's. */
#ifndef KHUB_CORE_HOLDINGS_H
#define KHUB_CORE_HOLDINGS_H

#include "core/index.h"

struct member;
struct room;

struct holding {
    struct slice key;      /* the token's name */
    size_t members;        /* AIs of it that the room remembers */
    size_t entries, bytes; /* of their knowledge (struct tenant) */
};

/* The member's owner is another one from now on: it takes along what it has. */
void holding_join(struct room *room, struct member *member);
/* It is nobody's any more, or is about to be forgotten. */
void holding_leave(struct room *room, struct member *member);
/* The member may have contributed what it had none of before. */
void holding_settle(struct room *room, const struct member *member);
void holdings_free(struct room *room);

#endif
