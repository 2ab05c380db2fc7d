/* Leases: the messages that ask for them and give them back, their ends, and the check of what is
 * shared in the name of one.
 *
 *            lease_request               lease_release
 *   (none) ───────────────▶ open ──────────────────────────────▶ (none)   released
 *                          │   ▲ └── its holder silent for ttl ─▶ (none)   expired
 *                          └───┘
 *               its holder asks again: renewed
 *
 * How long somebody was silent is this hub's to know (lease_due): heartbeats are in no log. So an
 * end by silence is proposed as an entry, and apply looks at the lease alone: an entry that was
 * overtaken by a renewal does nothing. */
#include "core/leases.h"

#include <assert.h>
#include <stdlib.h>

#include "core/collaboration.h"
#include "core/effects.h"
#include "core/handlers.h"
#include "core/memory.h"
#include "core/state.h"
#include "wire/json_scan.h"

struct lease *lease_find(const struct room *room, struct slice key)
{
    return index_find(&room->leases, key);
}

size_t leases_count(const struct room *room, struct slice ai_id)
{
    const struct lease *lease;
    size_t count = 0;
    TAILQ_FOREACH (lease, &room->leases_open, next)
        count += slice_equal(lease->holder, ai_id);
    return count;
}

void lease_free(struct lease *lease)
{
    slice_free(&lease->key);
    slice_free(&lease->holder);
    slice_free(&lease->intent);
    free(lease);
}

void lease_restore(struct room *room, struct lease *lease)
{
    TAILQ_INSERT_TAIL(&room->leases_open, lease, next);
}

/* ── as JSON ── */

/* Its members, from "key" on, without braces. */
static void lease_write(const struct room *room, const struct lease *lease, struct text *text)
{
    const struct member *holder = member_find(room, lease->holder);
    char time[TIMESTAMP_SIZE];
    text_add_literal(text, "\"key\":");
    text_add_string(text, lease->key);
    text_add_member(text, "holder", lease->holder);
    text_addf(text, ",\"fence\":%llu", (unsigned long long)lease->fence);
    text_add_member(text, "intent", lease->intent);
    timestamp_format(lease->granted_ms, time);
    text_addf(text, ",\"ttl_s\":%u,\"since\":\"%s\",\"expires\":", lease->ttl_s, time);
    if (!holder || holder->peer) { /* nobody knows when it will fall silent */
        text_add_literal(text, "null");
        return;
    }
    timestamp_format(holder->left_ms + (int64_t)lease->ttl_s * 1000, time);
    text_addf(text, "\"%s\"", time);
}

void leases_write(const struct room *room, struct slice holder, struct text *text)
{
    const struct lease *lease;
    const char *before = "{";
    text_add_literal(text, "[");
    TAILQ_FOREACH (lease, &room->leases_open, next) {
        if (holder.len && !slice_equal(holder, lease->holder))
            continue;
        text_add_literal(text, before);
        lease_write(room, lease, text);
        text_add_literal(text, "}");
        before = ",{";
    }
    text_add_literal(text, "]");
}

/* ── telling ── */

/* What became of the lease: to `only`, or (NULL) to all of level 2. `reply_to`, len 0: to
 * nothing. */
static void lease_tell(struct request *request, const struct lease *lease, const char *status,
                       const struct member *only, const char *done)
{
    struct outgoing outgoing;
    struct text *text = hub_message_begin(request, MESSAGE_LEASE, slice_of("hub"),
                                          only ? only->key : (struct slice){NULL, 0});
    text_addf(text, "{\"status\":\"%s\",", status);
    lease_write(request->room, lease, text);
    if (done)
        text_addf(text, ",\"done\":%s", done);
    if (request->message && request->message->type != MESSAGE_TASK) /* else it is no answer */
        text_add_member(text, "in_reply_to", request->message->message_id);
    text_add_literal(text, "}");
    hub_message_end(request, MESSAGE_LEASE, &outgoing);
    if (only)
        effect_to_member(request, &outgoing, only);
    else
        effect_to_room(request, &outgoing, NULL);
    hub_note(request->hub, request->from, HUB_LEASE, lease->key, slice_of(status));
}

/* ── lease_request ── */

struct lease_wish {
    char key_text[LEASE_KEY_BYTES_MAX], intent_text[LEASE_INTENT_BYTES_MAX];
    struct slice key, intent;
    uint64_t ttl_s;
};

static int wish_read(struct request *request, struct lease_wish *ret_wish)
{
    struct json_value payload = request->message->payload;
    int error;
    if ((error = payload_text(request, payload, "payload.key", REQUIRED, sizeof ret_wish->key_text,
                              ret_wish->key_text, &ret_wish->key)) < 0 ||
        (error = payload_text(request, payload, "payload.intent", OPTIONAL,
                              sizeof ret_wish->intent_text, ret_wish->intent_text,
                              &ret_wish->intent)) < 0)
        return error;
    struct json_value ttl = json_get(payload, "ttl_s");
    char shown[PAYLOAD_SHOWN_SIZE];
    if (json_u64(ttl, &ret_wish->ttl_s) < 0 || !ret_wish->ttl_s ||
        ret_wish->ttl_s > LEASE_TTL_MAX_S)
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload.ttl_s must be a whole number of seconds, 1 to %u, and is %s",
                      LEASE_TTL_MAX_S, payload_shown(ttl, shown));
    return 0;
}

int level_check(struct request *request, const char *what)
{
    if (request->member && request->member->level == 2)
        return 0;
    return refuse(request->refusal, WIRE_FORBIDDEN,
                  "%s is told to level 2 alone: say hello with \"protocol\":2 first", what);
}

int lease_request_check(struct request *request)
{
    struct lease_wish wish;
    const struct room *room = request->room;
    int error;
    if ((error = level_check(request, "who holds a lease")) < 0 ||
        (error = wish_read(request, &wish)) < 0)
        return error;
    if (lease_find(room, wish.key))
        return 0; /* renewed, or held: neither takes room */
    if (task_id_of(wish.key).len && (error = task_claim_check(request, wish.key)) < 0)
        return error;
    if (room->leases.count >= LEASES_MAX)
        return refuse_over(request->refusal, WIRE_QUOTA_EXCEEDED,
                           &(struct overrun){"leases", "room", LEASES_MAX, 0},
                           "%u leases are open in this room, the most there may be", LEASES_MAX);
    if (leases_count(room, request->message->sender_id) >= LEASES_EACH_MAX)
        return refuse_over(request->refusal, WIRE_QUOTA_EXCEEDED,
                           &(struct overrun){"leases", "ai", LEASES_EACH_MAX, 0},
                           "%u leases of yours are open, the most there may be", LEASES_EACH_MAX);
    return 0;
}

static struct lease *lease_new(struct request *request, struct slice key)
{
    struct room *room = request->room;
    struct lease *lease = memory_new(sizeof *lease);
    lease->key = slice_copy(key);
    lease->holder = slice_copy(request->member->key);
    lease->fence = request->entry->seq;
    lease->granted_ms = request->entry->time_ms;
    lease->task = task_of_lease(room, key);
    if (lease->task)
        lease->task->lease = lease;
    index_add(&room->leases, lease);
    lease_restore(room, lease);
    return lease;
}

void lease_request_proceed(struct request *request)
{
    struct lease_wish wish;
    int error = wish_read(request, &wish);
    assert(error == 0); /* checked before */
    (void)error;
    struct lease *lease = lease_find(request->room, wish.key);
    bool granted = !lease;
    request->handled = true;
    if (lease && !slice_equal(lease->holder, request->member->key)) {
        lease_tell(request, lease, "held", request->member, NULL);
        return;
    }
    if (granted)
        lease = lease_new(request, wish.key);
    if (wish.intent.len) {
        slice_free(&lease->intent);
        lease->intent = slice_copy(wish.intent);
    }
    lease->ttl_s = (unsigned)wish.ttl_s;
    lease->renewed = request->entry->seq;
    lease->since = request->hub->clock;
    change_mark(&request->room->changes, &lease->change, lease, ROW_LEASE);
    if (!granted)
        lease_tell(request, lease, "renewed", request->member, NULL);
    else /* that a task is claimed all are told by the task */
        lease_tell(request, lease, "granted", lease->task ? request->member : NULL, NULL);
    if (granted && lease->task)
        task_claimed(request, lease->task);
    if (granted)
        touches_warn_of_lease(request, lease);
}

/* ── naming a lease ── */

/* A key and the fence that somebody has for it. */
struct fence {
    char key_text[LEASE_KEY_BYTES_MAX];
    struct slice key;
    uint64_t number;
};

static int fence_read(struct request *request, struct json_value object, const char *key_path,
                      const char *fence_path, struct fence *ret_fence)
{
    int error = payload_text(request, object, key_path, REQUIRED, sizeof ret_fence->key_text,
                             ret_fence->key_text, &ret_fence->key);
    if (error < 0)
        return error;
    struct json_value number = json_get(object, "fence");
    char shown[PAYLOAD_SHOWN_SIZE];
    if (json_u64(number, &ret_fence->number) < 0)
        return refuse(request->refusal, WIRE_BAD_PAYLOAD, "%s must be a whole number, and is %s",
                      fence_path, payload_shown(number, shown));
    return 0;
}

/* Is it the sender's, under that fence? Who is refused is told what holds now. */
static int fence_check(struct request *request, const struct fence *fence)
{
    const struct lease *lease = request->room ? lease_find(request->room, fence->key) : NULL;
    if (lease && lease->fence == fence->number &&
        slice_equal(lease->holder, request->message->sender_id))
        return 0;
    text_add_member(&request->extra, "key", fence->key);
    if (!lease) {
        text_add_literal(&request->extra, ",\"holder\":null,\"fence\":null");
        return refuse(request->refusal, WIRE_STALE_LEASE, "nobody holds a lease of \"%.*s\"",
                      SLICE_FORMAT(fence->key));
    }
    text_add_member(&request->extra, "holder", lease->holder);
    text_addf(&request->extra, ",\"fence\":%llu", (unsigned long long)lease->fence);
    return refuse(request->refusal, WIRE_STALE_LEASE,
                  "the lease of \"%.*s\" is held by \"%.*s\" with fence %llu, not %llu",
                  SLICE_FORMAT(fence->key), SLICE_FORMAT(lease->holder),
                  (unsigned long long)lease->fence, (unsigned long long)fence->number);
}

int lease_check_held(struct request *request, struct slice key, uint64_t fence)
{
    struct fence held = {.key = key, .number = fence};
    return fence_check(request, &held);
}

int lease_check_fence(struct request *request)
{
    struct json_value shown = payload_members(request)->lease;
    struct fence fence;
    if (shown.kind == JSON_KIND_ABSENT || shown.kind == JSON_KIND_NULL)
        return 0;
    if (shown.kind != JSON_KIND_OBJECT)
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload.lease must be an object with key and fence");
    int error = fence_read(request, shown, "payload.lease.key", "payload.lease.fence", &fence);
    return error < 0 ? error : fence_check(request, &fence);
}

/* ── ends ── */

/* It is given back, or its time is up. */
static void lease_end(struct request *request, struct lease *lease, const char *status,
                      const char *done)
{
    struct room *room = request->room;
    const struct member *holder = member_find(room, lease->holder);
    if (!lease->task)
        lease_tell(request, lease, status, NULL, done);
    else if (holder)
        lease_tell(request, lease, status, holder, done);
    if (lease->task)
        lease->task->lease = NULL;
    change_gone(&room->changes, &lease->change, ROW_LEASE, lease->key);
    index_remove(&room->leases, lease);
    TAILQ_REMOVE(&room->leases_open, lease, next);
    lease_free(lease);
}

void lease_end_claim(struct request *request, struct lease *lease, bool done)
{
    lease_end(request, lease, "released", done ? "true" : "false");
}

/* The same, and all are told that nobody works on its task any more. */
static void lease_end_alone(struct request *request, struct lease *lease, const char *status,
                            const char *done)
{
    struct task *task = lease->task;
    struct slice holder = slice_copy(lease->holder);
    lease_end(request, lease, status, done);
    if (task)
        task_unclaimed(request, task, holder, status);
    slice_free(&holder);
}

int lease_release_check(struct request *request)
{
    struct fence fence;
    bool done;
    int error;
    if ((error = level_check(request, "who holds a lease")) < 0 ||
        (error = payload_bool(request, request->message->payload, "payload.done", false, &done)) <
            0 ||
        (error = fence_read(request, request->message->payload, "payload.key", "payload.fence",
                            &fence)) < 0 ||
        (error = fence_check(request, &fence)) < 0)
        return error;
    if (done && lease_find(request->room, fence.key)->task)
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload.done is for keys that are no task's: say that \"%.*s\" is done by "
                      "a task message with its id, fence, \"status\":\"done\" and evidence",
                      SLICE_FORMAT(task_id_of(fence.key)));
    return 0;
}

void lease_release_proceed(struct request *request)
{
    struct json_value payload = request->message->payload;
    struct fence fence;
    int error = fence_read(request, payload, "payload.key", "payload.fence", &fence);
    struct lease *lease = error < 0 ? NULL : lease_find(request->room, fence.key);
    assert(lease); /* checked before */
    bool done = json_get(payload, "done").kind == JSON_KIND_TRUE;
    lease_end_alone(request, lease, "released", done ? "true" : "false");
    request->handled = true;
}

static bool lease_due(const struct room *room, const struct lease *lease)
{
    int64_t heard = member_heard(room, lease->holder);
    if (heard < lease->since)
        heard = lease->since;
    return room->hub->clock - heard >= (int64_t)lease->ttl_s * 1000;
}

/* The bytes of an ENTRY_LEASE_END: it ends, unless it was asked for again meanwhile. */
static void lease_end_write(const struct lease *lease, struct text *text)
{
    text_clear(text);
    text_add_literal(text, "{\"key\":");
    text_add_string(text, lease->key);
    text_addf(text, ",\"renewed\":%llu}", (unsigned long long)lease->renewed);
}

/* The first that is due behind that fence, or NULL. */
static struct lease *lease_due_behind(const struct room *room, uint64_t fence)
{
    struct lease *lease;
    TAILQ_FOREACH (lease, &room->leases_open, next)
        if (lease->fence > fence && lease_due(room, lease))
            return lease;
    return NULL;
}

void leases_propose_ends(struct room *room, int64_t now)
{
    struct text *text = &room->hub->cut;
    const struct lease *lease;
    uint64_t fence = 0;
    /* What a log commits within propose may end any of them: none is kept over it. */
    while ((lease = lease_due_behind(room, fence))) {
        fence = lease->fence;
        lease_end_write(lease, text);
        struct entry entry = {.time_ms = now, .kind = ENTRY_LEASE_END, .bytes = text_slice(text)};
        room_happened(room, &entry);
    }
}

void lease_expire(struct request *request, struct slice bytes)
{
    char key[LEASE_KEY_BYTES_MAX];
    size_t at;
    uint64_t renewed;
    if (json_check(bytes, 1, &at) != JSON_FINE)
        return;
    struct json_value object = json_value_of(bytes), name = json_get(object, "key");
    long len = name.kind == JSON_KIND_STRING ? json_decode(name, key, sizeof key) : -1;
    struct lease *lease =
        len > 0 ? lease_find(request->room, (struct slice){key, (size_t)len}) : NULL;
    if (!lease || json_u64(json_get(object, "renewed"), &renewed) < 0 || renewed != lease->renewed)
        return;
    lease_end_alone(request, lease, "expired", NULL);
}
