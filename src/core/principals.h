/* Who stands behind connections: the holder of a token, with what it may do at the most and what it
 * did lately, over all its connections together. It is admit's: no log and no replay knows of it.
 *
 * Rates are buckets that empty with time: what was said fills one by what it is, and above two
 * seconds' worth nothing more goes in. So a bucket that nobody has used is an empty one, whatever
 * the limits are, and a limit that is changed holds for what was said before as well. */
#ifndef KHUB_CORE_PRINCIPALS_H
#define KHUB_CORE_PRINCIPALS_H

#include <sys/queue.h>

#include "core/hub.h"
#include "core/index.h"

struct spending {
    double messages, bytes; /* in the bucket; bytes may be over its brim by the last line of all */
    int64_t at;             /* hub clock of the last look at it */
};

struct principal {
    struct slice key;   /* the token's name */
    struct quota quota; /* the hub's, where the token has none */
    struct spending spending;
    size_t peers;     /* connections of its */
    size_t under_way; /* messages of these that were proposed and are not yet applied */
    int64_t day;      /* of which this is how much it said, in all rooms; 0: of none */
    uint64_t messages;
    TAILQ_ENTRY(principal) idle; /* in hub->idle while it has none, the longest first */
};
TAILQ_HEAD(principal_list, principal);

/* A message of so many bytes: 0, and it is counted; or -1 with the limit that it would be over. */
int spending_take(struct spending *spending, const struct quota *quota, size_t bytes, int64_t clock,
                  struct overrun *ret_over);

/* The one of that name, made if need be; for a connection, which gives it back. */
struct principal *principal_take(struct hub *hub, struct slice name);
void principal_give(struct hub *hub, struct principal *principal);
/* How many messages of that day were accepted from it, over all rooms. */
uint64_t principal_messages(const struct hub *hub, struct principal *principal, int64_t day);
/* One more was; `from` may be gone. */
void principal_said(struct hub *hub, peer_id from, struct slice owner, int64_t day);
/* What the token says; 0 where it says nothing. */
void principal_set_quota(const struct hub *hub, struct principal *principal,
                         const struct quota *quota);
/* Forgets those that have no connection, and nothing to remember against them. */
void principals_tick(struct hub *hub);
void principals_free(struct hub *hub);

#endif
