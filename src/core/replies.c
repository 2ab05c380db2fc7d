#include "core/replies.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/effects.h"
#include "core/handlers.h"
#include "core/memory.h"
#include "core/state.h"

/* ── who may await what ── */

static bool may_ask(const struct request *request)
{
    enum message_type type = request->message->type;
    return request->target && type != MESSAGE_HELLO && type != MESSAGE_HEARTBEAT;
}

/* Seconds; 0: none is asked for. Negative: not fit. */
static double reply_by(struct request *request)
{
    struct json_value value = payload_members(request)->reply_by;
    double seconds;
    if (value.kind == JSON_KIND_ABSENT || value.kind == JSON_KIND_NULL)
        return 0;
    bool fits = json_number(value, &seconds) == 0 && seconds > 0 && seconds <= REPLY_BY_MAX_S;
    return fits ? seconds : -1;
}

/* None is awaited for longer than its time from now: how much of it is over is the hub's clock's to
 * know, and that is in no log. */
static void free_sooner(struct overrun *over, const struct awaited *awaited)
{
    if (!over->wait_ms || awaited->wait_ms < over->wait_ms)
        over->wait_ms = awaited->wait_ms;
}

int reply_quota_check(const struct request *request, struct slice sender)
{
    const struct room *room = request->room;
    const struct awaited *awaited;
    struct overrun ais = {"replies", "ai", AWAITED_EACH_MAX, 0};
    struct overrun rooms = {"replies", "room", AWAITED_MAX, 0};
    size_t own = 0;
    TAILQ_FOREACH (awaited, &room->awaited, next) {
        bool is_own = slice_equal(awaited->sender, sender);
        own += is_own;
        if (is_own)
            free_sooner(&ais, awaited);
        free_sooner(&rooms, awaited);
    }
    if (own < AWAITED_EACH_MAX && room->awaited_count < AWAITED_MAX)
        return 0;
    return refuse_over(
        request->refusal, WIRE_QUOTA_EXCEEDED, own < AWAITED_EACH_MAX ? &rooms : &ais,
        "%zu replies to \"%.*s\" are awaited, and %zu in this room: the most are "
        "%u and %u",
        own, SLICE_FORMAT(sender), room->awaited_count, AWAITED_EACH_MAX, AWAITED_MAX);
}

int reply_check(struct request *request)
{
    if (!may_ask(request))
        return 0;
    double seconds = reply_by(request);
    char shown[PAYLOAD_SHOWN_SIZE];
    if (seconds < 0)
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload.reply_by must be a number of seconds, above 0 and at most %u, and "
                      "is %s",
                      REPLY_BY_MAX_S, payload_shown(payload_members(request)->reply_by, shown));
    return seconds > 0 ? reply_quota_check(request, request->message->sender_id) : 0;
}

/* ── they come and go ── */

static void awaited_free(struct awaited *awaited)
{
    slice_free(&awaited->key);
    slice_free(&awaited->sender);
    slice_free(&awaited->target);
    slice_free(&awaited->message_id);
    free(awaited);
}

static void awaited_end(struct room *room, struct awaited *awaited)
{
    assert(room->awaited_count > 0);
    TAILQ_REMOVE(&room->awaited, awaited, next);
    room->awaited_count--;
    change_gone(&room->changes, &awaited->change, ROW_AWAITED, awaited->key);
    awaited_free(awaited);
}

void replies_free(struct room *room)
{
    struct awaited *first;
    while ((first = TAILQ_FIRST(&room->awaited))) {
        TAILQ_REMOVE(&room->awaited, first, next);
        awaited_free(first);
    }
}

/* From this entry on, whose seq is the latest. */
static void reply_await(const struct request *request, struct slice sender, struct slice target,
                        struct slice message_id, int64_t wait_ms)
{
    struct room *room = request->room;
    struct awaited *awaited = memory_new(sizeof *awaited);
    char digits[U64_SIZE];
    awaited->seq = request->entry->seq;
    awaited->key = slice_copy((struct slice){digits, u64_format(awaited->seq, digits)});
    awaited->sender = slice_copy(sender);
    awaited->target = slice_copy(target);
    awaited->message_id = slice_copy(message_id);
    awaited->wait_ms = wait_ms;
    awaited->since = room->hub->clock;
    TAILQ_INSERT_TAIL(&room->awaited, awaited, next);
    room->awaited_count++;
    change_mark(&room->changes, &awaited->change, awaited, ROW_AWAITED);
}

/* What it is a reply to is awaited no longer. */
static void reply_take(struct request *request)
{
    struct room *room = request->room;
    struct json_value named = payload_members(request)->in_reply_to;
    struct awaited *awaited = TAILQ_FIRST(&room->awaited), *next;
    for (; named.kind == JSON_KIND_STRING && awaited; awaited = next) {
        next = TAILQ_NEXT(awaited, next);
        if (slice_equal(awaited->target, request->member->key) &&
            json_string_is(named, awaited->message_id))
            awaited_end(room, awaited);
    }
}

void reply_proceed(struct request *request)
{
    struct room *room = request->room;
    if (room->awaited_count)
        reply_take(request);
    if (room->letters.count)
        letters_answered(room, request->member->key, payload_members(request)->in_reply_to);
    double seconds = may_ask(request) ? reply_by(request) : 0;
    if (seconds <= 0)
        return;
    int64_t wait_ms = (int64_t)(seconds * 1000);
    reply_await(request, request->member->key, request->target->key, request->message->message_id,
                wait_ms);
    letter_await(request, wait_ms);
}

void reply_await_letter(const struct request *request, const struct letter *letter)
{
    reply_await(request, letter->sender, letter->target, letter->message_id, letter->wait_ms);
}

/* ── the end of their time ── */

/* One whose time is up and whose end was not proposed yet, or NULL. */
static struct awaited *reply_due(const struct room *room)
{
    struct awaited *awaited;
    TAILQ_FOREACH (awaited, &room->awaited, next)
        if (!awaited->proposed && room->hub->clock - awaited->since >= awaited->wait_ms)
            return awaited;
    return NULL;
}

void replies_tick(struct room *room, int64_t now)
{
    struct awaited *due;
    while ((due = reply_due(room))) {
        char key[24]; /* a log that commits at once lets it go meanwhile */
        struct slice copy = {key, due->key.len};
        assert(due->key.len <= sizeof key);
        memcpy(key, due->key.at, due->key.len);
        due->proposed = true;
        room_happened(room, &(struct entry){.time_ms = now, .kind = ENTRY_OVERDUE, .bytes = copy});
    }
}

static struct awaited *reply_find(const struct room *room, struct slice key)
{
    struct awaited *awaited;
    TAILQ_FOREACH (awaited, &room->awaited, next)
        if (slice_equal(awaited->key, key))
            return awaited;
    return NULL;
}

void reply_await_no_more(struct room *room, struct slice key)
{
    struct awaited *awaited = reply_find(room, key);
    if (awaited)
        awaited_end(room, awaited);
}

void reply_overdue(struct request *request, struct slice key)
{
    struct awaited *awaited = reply_find(request->room, key);
    struct outgoing outgoing;
    struct refusal refusal;
    if (!awaited)
        return;
    refuse(&refusal, WIRE_NO_REPLY, "\"%.*s\" has not answered within %g s",
           SLICE_FORMAT(awaited->target), (double)awaited->wait_ms / 1000);
    struct text *text = hub_message_begin(request, MESSAGE_ERROR, slice_of("hub"), awaited->sender);
    text_addf(text, "{\"code\":\"%s\",\"detail\":", wire_error_code(WIRE_NO_REPLY));
    text_add_string(text, slice_of(refusal.detail));
    text_add_literal(text, ",\"in_reply_to\":");
    text_add_string(text, awaited->message_id);
    text_add_literal(text, "}");
    hub_message_end(request, MESSAGE_ERROR, &outgoing);
    effect_to_names(request, &outgoing, &awaited->sender, 1, false, NULL);
    letter_overdue(request->room, awaited->seq);
    awaited_end(request->room, awaited);
}

/* ── as rows ── */

struct awaited *reply_restore(struct room *room, struct slice key)
{
    uint64_t seq;
    struct json_value number = {.kind = JSON_KIND_NUMBER, .raw = key};
    struct awaited *before;
    if (!key.len || json_u64(number, &seq) < 0 || seq > room->last_seq || reply_find(room, key) ||
        room->awaited_count == AWAITED_MAX)
        return NULL;
    struct awaited *awaited = memory_new(sizeof *awaited);
    awaited->key = slice_copy(key);
    awaited->seq = seq;
    awaited->since = room->hub->clock; /* nobody could answer while there was no hub */
    TAILQ_FOREACH_REVERSE(before, &room->awaited, awaited_list, next)
    if (before->seq < seq)
        break;
    if (before)
        TAILQ_INSERT_AFTER(&room->awaited, before, awaited, next);
    else
        TAILQ_INSERT_HEAD(&room->awaited, awaited, next);
    room->awaited_count++;
    return awaited;
}
