/* What came for a member since it last acked, and what of it is shown in one turn: what is for it
 * alone first, then the newest; the rest is counted, and named. */
#ifndef KHUB_CMD_INBOX_H
#define KHUB_CMD_INBOX_H

#include <sys/queue.h>

#include "cmd/membership.h"
#include "khub.h"
#include "wire/text.h"

/* All of one seq, which come together and are shown together. */
struct item {
    TAILQ_ENTRY(item) next;
    uint64_t seq;
    bool direct, again; /* for this member alone; shown before, and not acked */
    size_t count;
    struct text lines; /* the messages as they came, each with a line end */
};
TAILQ_HEAD(item_list, item);

struct items {
    struct item_list list; /* in order of their seq */
    size_t count;
};

struct inbox {
    /* Set by the caller. */
    const struct membership *member;
    size_t most;   /* items of each kind that are kept, to be shown */
    bool again;    /* what was shown before, too */
    uint64_t only; /* but for 0, this seq and nothing else, whatever was shown or acked */
    uint64_t read; /* up to here all was dealt with, be it through another door */

    bool closed; /* takes nothing more */
    struct items direct, others;
    size_t fresh_direct, fresh; /* messages that were not shown before, direct or not */
    /* What is not going to be shown: rising seqs; and {type: {"count", "from": {name: true}}}. */
    json_t *rest_direct, *rest, *types_direct, *types;
    json_t *unacked;   /* rising seqs of what was shown before and is not shown again */
    json_t *people;    /* {name: true when it came, false when it left}, the latest */
    struct item *open; /* of the last seq: more of it may come */
    bool failed;       /* no memory: all else is worth nothing */
};

void inbox_begin(struct inbox *inbox);
void inbox_free(struct inbox *inbox);
/* A message that came, in order. */
void inbox_take(struct inbox *inbox, const struct khub_message *message);
/* Nothing more comes. */
void inbox_close(struct inbox *inbox);
/* An item of either list is not going to be shown. */
void inbox_pass_over(struct inbox *inbox, struct items *items, struct item *item);
/* All that is in the lists was shown: so it is noted in the member, who was told of all up to
 * `told`. */
void inbox_note(const struct inbox *inbox, struct membership *member, uint64_t told);

#endif
