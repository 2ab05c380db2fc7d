/* Leases: the exclusive right to work on a key, for as long as signs of life come from its holder.
 *
 * A lease is granted with a fence: the seq of the message that asked for it, so fences of a room
 * rise and none comes twice. What is shared in the name of a lease shows its fence, and is refused
 * once the key has another one, or none. */
#ifndef KHUB_CORE_LEASES_H
#define KHUB_CORE_LEASES_H

#include "core/changes.h"
#include "core/index.h"
#include "wire/text.h"
#include <sys/queue.h>

struct request;
struct room;
struct task;

struct lease {
    struct slice key;
    struct slice holder, intent; /* intent.len 0: it said none */
    uint64_t fence;              /* seq of the entry that granted it */
    uint64_t renewed;            /* and of the last by which its holder asked for it */
    unsigned ttl_s;
    int64_t granted_ms; /* unix time */
    int64_t since;      /* hub clock at which its holder last asked for it */
    struct task *task;  /* whose key it is (tasks.h); NULL: no task's */
    struct change change;
    TAILQ_ENTRY(lease) next; /* in room->leases_open, by fence */
};
TAILQ_HEAD(lease_list, lease);

/* NULL when nobody holds it. */
struct lease *lease_find(const struct room *room, struct slice key);
/* Of this AI's. */
size_t leases_count(const struct room *room, struct slice ai_id);
/* It is in no index and no list. */
void lease_free(struct lease *lease);
/* For load.c: gives it its place behind all that are there. */
void lease_restore(struct room *room, struct lease *lease);
/* Proposes the end of those whose holder was silent for their time on this hub's clock. For admit:
 * apply has no clock. */
void leases_propose_ends(struct room *room, int64_t now);
/* Does the sender hold that key under that fence? 0, or -code: who is refused is told what holds
 * now. */
int lease_check_held(struct request *request, struct slice key, uint64_t fence);
/* A task's lease ends with the task's claim, and its holder is told so; done: that is why. */
void lease_end_claim(struct request *request, struct lease *lease, bool done);
/* [{…},…], those of the holder that are open (len 0: all), the oldest first. */
void leases_write(const struct room *room, struct slice holder, struct text *text);

#endif
