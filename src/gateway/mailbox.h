/* What others said and an AI has yet to deal with: what is for it alone first, then the newest, as
 * much as it wants to read, and a word on the rest.
 *
 * A message is shown once; it waits on until it is acked, and may be shown again until then. No
 * I/O. */
#ifndef KHUB_GATEWAY_MAILBOX_H
#define KHUB_GATEWAY_MAILBOX_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "wire/slice.h"

struct mail {
    uint64_t seq; /* 0: it has no place in the room (an error), and goes when it was shown */
    const char *message_id, *sender, *type, *target, *timestamp; /* target "": everyone */
    const char *payload;                                         /* JSON text of an object */
    size_t payload_len;
    bool directed; /* for this AI alone */
    bool shown;
    TAILQ_ENTRY(mail) next;
};
TAILQ_HEAD(mail_list, mail);

/* How far an AI had read before: what is up to `acked` it had dealt with, what is up to `told` it
 * was shown, but for the unread. */
struct mail_past {
    uint64_t acked, told;
    const uint64_t *unread; /* rising */
    size_t unread_count;
};

struct mailbox {
    struct mail_list messages; /* unacked, in the order of their coming */
    size_t count, unshown, bytes;
    uint64_t acked;        /* all up to this seq is dealt with */
    uint64_t newest;       /* the highest seq that came */
    struct mail_past past; /* unread is owned */
    uint64_t dropped; /* messages let go unshown since there were too many: since the last answer */
};

/* NULL: nothing was read yet. 0 or -1 when out of memory. */
int mailbox_init(struct mailbox *mailbox, const struct mail_past *past);
void mailbox_free(struct mailbox *mailbox);
/* Copies it with its texts; what is acked already is left out. 0 or -1 when out of memory. */
int mailbox_add(struct mailbox *mailbox, const struct mail *message);

struct mail_wish {
    size_t messages, tokens; /* at the most; at least one message comes */
    bool again;              /* those that were shown before, too */
    bool in_order;           /* of their coming, the first ones: for a program */
};
/* Marks as shown what it picks, and writes it into picked (room for wish->messages). How many. */
size_t mailbox_pick(struct mailbox *mailbox, const struct mail_wish *wish, struct mail **picked);
/* Marks what has that seq as shown; 0: what has none. How many messages. */
size_t mailbox_show(struct mailbox *mailbox, uint64_t seq);
/* Bytes of a message's payload that one answer shows, of a budget of tokens. */
size_t mailbox_shown_bytes(const struct mail *message, size_t tokens);
/* What is not shown yet, as {count, directed, from, types: {type: count}}; NULL: out of memory. */
json_t *mailbox_rest(const struct mailbox *mailbox);
/* Deals with everything up to seq, or (0) with all that was shown. How many messages. */
size_t mailbox_ack(struct mailbox *mailbox, uint64_t seq);
/* All up to seq was dealt with through another door: it waits here no more, and counts for nothing.
 * How many messages. */
size_t mailbox_skip(struct mailbox *mailbox, uint64_t seq);
/* The first message of that seq; NULL: it does not wait here (any more). */
const struct mail *mailbox_find(const struct mailbox *mailbox, uint64_t seq);

#endif
