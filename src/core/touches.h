/* Touches: what an AI says it works on or has changed, path by path, without a right to it. Two
 * whose paths overlap are warned, and so are they when one of the paths is the key of a lease.
 *
 * Paths are texts whose parts are parted by "/". One overlaps itself, and what lies below it. */
#ifndef KHUB_CORE_TOUCHES_H
#define KHUB_CORE_TOUCHES_H

#include "core/changes.h"
#include "core/index.h"
#include "wire/text.h"
#include <sys/queue.h>

struct lease;
struct request;
struct room;

struct touch {
    struct slice key;      /* the path, "\n", the ai_id: neither holds a line end */
    struct slice path, ai; /* parts of it */
    struct slice note;     /* len 0: it said none */
    uint64_t first, last;  /* seqs of the messages that began it, and said it last */
    unsigned ttl_s;
    int64_t since;    /* hub clock at which it was said last */
    int64_t begun_ms; /* unix time */
    uint64_t order;   /* in which they were said last */
    struct change change;
    TAILQ_ENTRY(touch) next; /* in room->touches_open, by order */
};
TAILQ_HEAD(touch_list, touch);

/* It is in no index and no list. */
void touch_free(struct touch *touch);
/* A new one of that key, to be filled; NULL when it is none, or there already. */
struct touch *touch_new(struct room *room, struct slice key);
/* Its place, behind all that are there. */
void touch_restore(struct room *room, struct touch *touch);
/* A lease was granted: its holder, and those whose paths its key overlaps, are warned. */
void touches_warn_of_lease(struct request *request, const struct lease *lease);
/* Proposes the end of those whose time is up on this hub's clock. For admit: apply has no clock. */
void touches_propose_ends(struct room *room, int64_t now);
/* [{…},…]: the TOUCHES_SHOWN_MAX that were said last, the last first. */
void touches_write(const struct room *room, struct text *text);
bool touches_whole(const struct room *room);

#endif
