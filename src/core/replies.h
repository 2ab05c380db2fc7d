/* Replies that somebody waits for: direct messages with a payload.reply_by, which their target has
 * not named in a payload.in_reply_to yet. */
#ifndef KHUB_CORE_REPLIES_H
#define KHUB_CORE_REPLIES_H

#include "core/changes.h"
#include "wire/text.h"

struct room;
struct request;
struct letter;

struct awaited {
    struct slice key; /* owned: the message's seq in digits */
    uint64_t seq;
    struct slice sender, target, message_id; /* owned */
    int64_t wait_ms;
    int64_t since; /* hub clock at which it was accepted, or the hub began */
    bool proposed; /* its end is on its way through the log */
    struct change change;
    TAILQ_ENTRY(awaited) next; /* in room->awaited */
};
TAILQ_HEAD(awaited_list, awaited);

/* Of a direct message: is payload.reply_by, if it is there, fit, and may its sender await one more?
 * 0 or -code. */
int reply_check(struct request *request);
/* The message was accepted: it may be awaited, and it may be what was. */
void reply_proceed(struct request *request);
/* May this sender await one more reply? 0 or -code. */
int reply_quota_check(const struct request *request, struct slice sender);
/* A letter was sent again by this request: its reply is awaited from now on. */
void reply_await_letter(const struct request *request, const struct letter *letter);
/* Its time is not up, but begins anew under another key. */
void reply_await_no_more(struct room *room, struct slice key);
/* Proposes the end of those whose time is up. */
void replies_tick(struct room *room, int64_t now);
/* The end of its time: its sender is told, unless it was answered by now. */
void reply_overdue(struct request *request, struct slice key);
void replies_free(struct room *room);

/* ── for save.c and load.c ── */

/* One of that seq, to be filled, at its place; NULL when the key is no seq, or there already. */
struct awaited *reply_restore(struct room *room, struct slice key);

#endif
