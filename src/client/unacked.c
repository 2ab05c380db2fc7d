#include "client/unacked.h"

#include <stdio.h>
#include <stdlib.h>

#include "client/link.h"
#include "wire/types.h"

int unacked_add(struct khub *link, const char *message_id, struct slice line,
                khub_outcome_callback *callback, void *data)
{
    size_t total;
    if (__builtin_add_overflow(link->unacked_bytes, line.len + 1, &total) ||
        total > link->queue_max)
        return KHUB_E_FULL;
    struct unacked *unacked = malloc(sizeof *unacked + line.len);
    if (!unacked)
        return KHUB_E_NO_MEMORY;
    snprintf(unacked->message_id, sizeof unacked->message_id, "%s", message_id);
    memcpy(unacked->line, line.at, line.len);
    unacked->len = line.len;
    unacked->callback = callback;
    unacked->data = data;
    unacked->behind = false;
    TAILQ_INSERT_TAIL(&link->unacked, unacked, next);
    link->unacked_bytes = total;
    return 0;
}

static void unacked_take(struct khub *link, struct unacked *unacked)
{
    TAILQ_REMOVE(&link->unacked, unacked, next);
    link->unacked_bytes -= unacked->len + 1;
}

void unacked_remove_last(struct khub *link)
{
    struct unacked *last = TAILQ_LAST(&link->unacked, unacked_list);
    unacked_take(link, last);
    free(last);
}

int unacked_queue(struct khub *link)
{
    const struct unacked *unacked;
    TAILQ_FOREACH (unacked, &link->unacked, next)
        if (outbox_push(&link->queue, (struct slice){unacked->line, unacked->len}, SIZE_MAX) < 0)
            return KHUB_E_NO_MEMORY;
    return 0;
}

/* The callback may publish: the message is no longer listed when it is called. */
static void unacked_tell(struct khub *link, struct unacked *unacked,
                         const struct khub_outcome *outcome)
{
    unacked_take(link, unacked);
    if (unacked->callback)
        unacked->callback(link, outcome, unacked->data);
    free(unacked);
}

/* NULL: there is none. */
static struct unacked *unacked_find(struct khub *link, const char *message_id)
{
    struct unacked *unacked; /* nearly always the first: the hub answers in order */
    TAILQ_FOREACH (unacked, &link->unacked, next)
        if (strcmp(unacked->message_id, message_id) == 0)
            return unacked;
    return NULL;
}

void unacked_settle(struct khub *link, const struct khub_outcome *outcome)
{
    struct unacked *unacked = unacked_find(link, outcome->message_id);
    if (unacked)
        unacked_tell(link, unacked, outcome);
}

bool unacked_stand_behind(struct khub *link, const char *message_id)
{
    const struct unacked *unkept = unacked_find(link, message_id);
    if (!unkept)
        return false;
    for (struct unacked *next = TAILQ_NEXT(unkept, next); next; next = TAILQ_NEXT(next, next))
        next->behind = true;
    return true;
}

void unacked_refuse_behind(struct khub *link)
{
    struct unacked *unacked, *next;
    for (unacked = TAILQ_FIRST(&link->unacked); unacked; unacked = next) {
        next = TAILQ_NEXT(unacked, next);
        if (!unacked->behind)
            continue;
        struct khub_outcome outcome = {
            .message_id = unacked->message_id,
            .error = KHUB_E_REFUSED,
            .code = wire_error_code(WIRE_STORAGE_UNAVAILABLE),
            .detail = "what was said before this could not be kept: nothing came of either"};
        unacked_tell(link, unacked, &outcome);
        next = TAILQ_FIRST(&link->unacked); /* it may have published, and the link ended */
    }
}

void unacked_fail(struct khub *link, int error)
{
    struct unacked *first;
    while ((first = TAILQ_FIRST(&link->unacked))) {
        struct khub_outcome outcome = {
            .message_id = first->message_id, .error = error, .code = "", .detail = link->detail};
        unacked_tell(link, first, &outcome);
    }
}

void unacked_free(struct khub *link)
{
    while (!TAILQ_EMPTY(&link->unacked))
        unacked_remove_last(link);
}
