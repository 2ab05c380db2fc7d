/* Messages that the hub has not acked yet: kept whole, and sent again on each new connection. */
#ifndef KHUB_CLIENT_UNACKED_H
#define KHUB_CLIENT_UNACKED_H

#include <stdbool.h>
#include <sys/queue.h>

#include "khub.h"
#include "wire/slice.h"
#include "wire/text.h"

struct unacked {
    TAILQ_ENTRY(unacked) next;
    char message_id[UUID_SIZE];
    khub_outcome_callback *callback; /* NULL: nobody wants to know */
    void *data;
    bool behind; /* what it stands behind could not be kept: the hub refuses it, if it gets it */
    size_t len;
    char line[];
};
TAILQ_HEAD(unacked_list, unacked);

/* 0; KHUB_E_FULL when all of them would have more than queue_max bytes; KHUB_E_NO_MEMORY. */
int unacked_add(struct khub *link, const char *message_id, struct slice line,
                khub_outcome_callback *callback, void *data);
/* Takes back what was added last. */
void unacked_remove_last(struct khub *link);
/* Puts all of them in the queue of a new connection, in their order. 0 or KHUB_E_NO_MEMORY. */
int unacked_queue(struct khub *link);
/* The hub has answered the message of outcome->message_id: it is let go, and its callback called.
 * Nothing when there is none. */
void unacked_settle(struct khub *link, const struct khub_outcome *outcome);
/* The hub could not keep that message: it takes none of those behind it. False: it is none. */
bool unacked_stand_behind(struct khub *link, const char *message_id);
/* The connection is lost, and with it the hub's word on these: they are refused. */
void unacked_refuse_behind(struct khub *link);
/* The link has ended: all are let go, with this error. */
void unacked_fail(struct khub *link, int error);
/* The same without a word to anybody. */
void unacked_free(struct khub *link);

#endif
