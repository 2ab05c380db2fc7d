/* Bans: who is kept out of a room, by whom, why and until when. A ban whose time is over counts
 * for nothing; it is taken away when the next one is made, since apply has no clock but its
 * entries'. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/effects.h"
#include "core/handlers.h"
#include "core/memory.h"
#include "core/state.h"

#define KEY_MAX (sizeof "owner/" - 1 + WIRE_ID_MAX)

static const struct slice kinds[] = {SLICE("ai_id/"), SLICE("owner/")};

/* ── where they are ── */

static struct slice key_of(const struct moderated *whom, char buffer[KEY_MAX])
{
    struct slice kind = kinds[whom->is_owner];
    assert(whom->name.len <= WIRE_ID_MAX);
    memcpy(buffer, kind.at, kind.len);
    memcpy(buffer + kind.len, whom->name.at, whom->name.len);
    return (struct slice){buffer, kind.len + whom->name.len};
}

/* Whom it keeps out. False: it is no ban's key. */
static bool key_read(struct slice key, struct moderated *ret_whom)
{
    for (int kind = 0; kind < 2; kind++) {
        size_t len = kinds[kind].len;
        if (key.len <= len || key.len > len + WIRE_ID_MAX ||
            memcmp(key.at, kinds[kind].at, len) != 0)
            continue;
        *ret_whom =
            (struct moderated){.is_owner = kind == 1, .name = {key.at + len, key.len - len}};
        return true;
    }
    return false;
}

static bool in_force(const struct ban *ban, int64_t now)
{
    return !ban->until_ms || ban->until_ms > now;
}

static struct ban *ban_at(const struct room *room, const struct moderated *whom)
{
    char buffer[KEY_MAX];
    return whom->name.len ? index_find(&room->bans, key_of(whom, buffer)) : NULL;
}

struct ban *ban_find(const struct room *room, const struct moderated *whom, int64_t now)
{
    struct ban *ban = ban_at(room, whom);
    return ban && in_force(ban, now) ? ban : NULL;
}

struct counting {
    int64_t now;
    size_t in_force;
    struct ban *over; /* the first whose time is over */
};

static void count_one(void *object, void *ctx)
{
    struct ban *ban = object;
    struct counting *counting = ctx;
    if (in_force(ban, counting->now))
        counting->in_force++;
    else if (!counting->over)
        counting->over = ban;
}

static struct counting bans_count(const struct room *room, int64_t now)
{
    struct counting counting = {.now = now};
    index_walk(&room->bans, count_one, &counting);
    return counting;
}

bool bans_hold(const struct room *room, int64_t now)
{
    return bans_count(room, now).in_force > 0;
}

bool ban_has_place(const struct room *room, const struct moderated *whom, int64_t now)
{
    return ban_find(room, whom, now) || bans_count(room, now).in_force < BANS_MAX;
}

/* ── their making and end ── */

static void ban_free(void *object)
{
    struct ban *ban = object;
    slice_free(&ban->key);
    ruling_free(&ban->ruling);
    free(ban);
}

void bans_free(struct room *room)
{
    index_clear(&room->bans, ban_free);
}

void ban_lift(struct room *room, struct ban *ban)
{
    change_gone(&room->changes, &ban->change, ROW_BAN, ban->key);
    index_remove(&room->bans, ban);
    ban_free(ban);
}

static struct ban *ban_new(struct room *room, struct slice key)
{
    struct ban *ban = memory_new(sizeof *ban);
    ban->key = slice_copy(key);
    index_add(&room->bans, ban);
    return ban;
}

void ban_put(struct request *request, const struct moderated *whom, struct slice reason,
             int64_t until_ms)
{
    struct room *room = request->room;
    int64_t now = request->entry->time_ms;
    char buffer[KEY_MAX];
    struct ban *ban;
    while ((ban = bans_count(room, now).over))
        ban_lift(room, ban);
    ban = ban_at(room, whom);
    if (!ban)
        ban = ban_new(room, key_of(whom, buffer));
    ruling_free(&ban->ruling);
    ban->ruling = ruling_copy(&(struct ruling){member_owner(request->member), reason, now});
    ban->until_ms = until_ms;
    change_mark(&room->changes, &ban->change, ban, ROW_BAN);
}

/* ── whom they keep out ── */

/* The owner that admit put into a hello; a copy in the buffer. */
static struct slice owner_said(const struct message *message, char buffer[WIRE_ID_MAX])
{
    struct json_value owner = {.kind = JSON_KIND_ABSENT};
    if (message->type == MESSAGE_HELLO)
        owner = json_get(message->payload, "owner");
    long len = owner.kind == JSON_KIND_STRING ? json_decode(owner, buffer, WIRE_ID_MAX) : 0;
    return (struct slice){buffer, len > 0 ? (size_t)len : 0};
}

int ban_check(struct request *request)
{
    const struct room *room = request->room;
    char owner[WIRE_ID_MAX], until[TIMESTAMP_SIZE] = "an admin lifts it";
    if (!room || !room->bans.count || hello_is_admins(request->message))
        return 0;
    struct moderated whom = {.name = request->message->sender_id};
    const struct ban *ban = ban_find(room, &whom, request->answered_ms);
    if (!ban) {
        whom = (struct moderated){.is_owner = true, .name = owner_said(request->message, owner)};
        ban = ban_find(room, &whom, request->answered_ms);
    }
    if (!ban)
        return 0;
    ruling_write(&ban->ruling, &request->extra);
    text_add_literal(&request->extra, ",\"until\":");
    until_write(ban->until_ms, &request->extra);
    if (ban->until_ms)
        timestamp_format(ban->until_ms, until);
    return refuse(request->refusal, WIRE_BANNED,
                  "%s \"%.*s\" is banned from room \"%.*s\" by \"%.*s\", until %s: %.*s",
                  whom.is_owner ? "the token" : "the id", SLICE_FORMAT(whom.name),
                  SLICE_FORMAT(room->key), SLICE_FORMAT(ban->ruling.by), until,
                  SLICE_FORMAT(ban->ruling.reason));
}

/* ── told ── */

void moderated_write(const struct moderated *whom, struct text *text)
{
    if (whom->seq) {
        text_addf(text, "{\"seq\":%" PRIu64 "}", whom->seq);
        return;
    }
    if (!whom->name.len) {
        text_add_literal(text, "null");
        return;
    }
    text_add_literal(text, whom->is_owner   ? "{\"owner\":"
                           : whom->is_entry ? "{\"id\":"
                                            : "{\"ai_id\":");
    text_add_string(text, whom->name);
    text_add_literal(text, "}");
}

void until_write(int64_t until_ms, struct text *text)
{
    char time[TIMESTAMP_SIZE];
    if (!until_ms) {
        text_add_literal(text, "null");
        return;
    }
    timestamp_format(until_ms, time);
    text_addf(text, "\"%s\"", time);
}

struct listing {
    struct text *text;
    int64_t now;
    uint64_t limit, told;
    struct slice after; /* len 0: from the first */
    size_t total;
    const struct ban *last;
    bool more;
};

static void ban_list(void *object, void *ctx)
{
    const struct ban *ban = object;
    struct listing *listing = ctx;
    struct text *text = listing->text;
    struct moderated whom;
    if (!in_force(ban, listing->now) || !key_read(ban->key, &whom))
        return;
    listing->total++;
    if (listing->after.len && slice_compare(ban->key, listing->after) <= 0)
        return;
    listing->more = listing->told == listing->limit;
    if (listing->more)
        return;
    text_add_literal(text, listing->told++ ? ",{\"target\":" : "{\"target\":");
    moderated_write(&whom, text);
    ruling_write(&ban->ruling, text);
    text_add_literal(text, ",\"since\":");
    until_write(ban->ruling.since_ms, text);
    text_add_literal(text, ",\"until\":");
    until_write(ban->until_ms, text);
    text_add_literal(text, "}");
    listing->last = ban;
}

int moderation_answer(struct request *request, const struct seat *to)
{
    struct json_value payload = request->message->payload;
    struct listing listing = {.now = request->answered_ms, .limit = BANS_SHOWN_PRESET};
    struct outgoing outgoing;
    char after[KEY_MAX];
    int error;
    if ((error = payload_text(request, payload, "payload.after", OPTIONAL, sizeof after, after,
                              &listing.after)) < 0 ||
        (error =
             payload_u64(request, payload, "payload.limit", 1, BANS_SHOWN_MAX, &listing.limit)) < 0)
        return error;
    struct text *text = listing.text = hub_message_begin(request, MESSAGE_MODERATION_RESULT,
                                                         slice_of("hub"), request->member->key);
    text_add_literal(text, "{\"in_reply_to\":");
    text_add_string(text, request->message->message_id);
    text_add_literal(text, ",\"bans\":[");
    index_walk(&request->room->bans, ban_list, &listing);
    text_addf(text, "],\"total\":%zu,\"next\":", listing.total);
    if (listing.more)
        text_add_string(text, listing.last->key);
    else
        text_add_literal(text, "null");
    text_add_literal(text, ",\"read_only\":");
    ruling_write_whole(&request->room->read_only, text);
    text_add_literal(text, "}");
    hub_message_end(request, MESSAGE_MODERATION_RESULT, &outgoing);
    effect_to_connection(request, &outgoing, to);
    return 0;
}

/* ── for load.c and recount.c ── */

struct ban *ban_restore(struct room *room, struct slice key)
{
    struct moderated whom;
    if (!key_read(key, &whom) || room->bans.count >= BANS_MAX || ban_at(room, &whom))
        return NULL;
    return ban_new(room, key);
}

static void ban_whole(void *object, void *ctx)
{
    const struct ban *ban = object;
    struct moderated whom;
    bool *whole = ctx;
    *whole = *whole && key_read(ban->key, &whom) && ban->ruling.by.len && ban->ruling.reason.len &&
             ban->until_ms >= 0;
}

bool bans_whole(const struct room *room)
{
    bool whole = room->bans.count <= BANS_MAX;
    index_walk(&room->bans, ban_whole, &whole);
    return whole;
}
