/* What of a room is one owner's: the sum over all AIs that came with its token. What they know
 * follows from members and tenants; how much they said in a day is a row.
 *
 * An AI, and all that it has contributed, is its whose token it showed last, as for votes. Of who
 * showed none there is no holding: it owns itself, and what it has is its tenant's. */
#ifndef KHUB_CORE_HOLDINGS_H
#define KHUB_CORE_HOLDINGS_H

#include <sys/queue.h>

#include "core/changes.h"
#include "core/index.h"

struct member;
struct request;
struct room;

struct holding {
    struct slice key;      /* the token's name */
    size_t members;        /* AIs of it that the room remembers */
    size_t entries, bytes; /* of their knowledge (struct tenant) */
    int64_t day;           /* since 1970, in UTC, in which they said something last, */
    uint64_t messages;     /* and how many of what they said in it was accepted; 0: nothing yet */
    struct change change;
    TAILQ_ENTRY(holding) idle; /* in room->holdings_idle while it has no member */
};
TAILQ_HEAD(holding_list, holding);

#define DAY_MS 86400000

/* The member's owner is another one from now on: it takes along what it has. */
void holding_join(struct room *room, struct member *member);
/* It is nobody's any more, or is about to be forgotten. */
void holding_leave(struct room *room, struct member *member);
/* The member may have contributed what it had none of before. */
void holding_settle(struct room *room, const struct member *member);
/* A message of its member was accepted, who has an owner. */
void holding_count(const struct request *request);
/* Forgets those without a member; at the end of an entry, in which an AI may have left its owner
 * and come back. */
void holdings_trim(struct room *room);
/* For load.c: the row of one, before its members are. False when it is there already. */
bool holding_restore(struct room *room, struct slice owner, int64_t day, uint64_t messages);
/* Messages of the owner that the room accepted in that day. */
uint64_t holding_messages(const struct room *room, struct slice owner, int64_t day);
void holdings_free(struct room *room);

#endif
