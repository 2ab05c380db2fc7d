/* Who is in a room: members, their seats, their capabilities. */

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/memory.h"
#include "core/names.h"
#include "core/state.h"
#include "wire/nearest.h"

/* ── capabilities ── */

static struct capability *capability_get(struct room *room, struct slice text)
{
    struct capability *capability = index_get(&room->capabilities, text, sizeof *capability);
    if (capability->users++ == 0)
        TAILQ_INSERT_TAIL(&room->capability_list, capability, next);
    return capability;
}

static void capability_put(struct room *room, struct capability *capability)
{
    if (--capability->users)
        return;
    index_remove(&room->capabilities, capability);
    TAILQ_REMOVE(&room->capability_list, capability, next);
    keyed_free(capability);
}

static void member_drop_capabilities(struct room *room, struct member *member)
{
    for (size_t i = 0; i < member->capability_count; i++)
        capability_put(room, member->capabilities[i]);
    free(member->capabilities);
    member->capabilities = NULL;
    member->capability_count = 0;
}

void member_set_capabilities(struct room *room, struct member *member, struct json_value array)
{
    member_drop_capabilities(room, member);
    struct json_iterator elements = {.rest = array.raw};
    struct json_value element;
    size_t capacity = 0;
    char buffer[CAPABILITY_BYTES_MAX];
    room->mark++;
    while (array.kind == JSON_KIND_ARRAY && json_next_element(&elements, &element)) {
        long len = json_decode(element, buffer, sizeof buffer);
        assert(len >= 0); /* hello_check has seen to it */
        struct capability *capability = capability_get(room, (struct slice){buffer, (size_t)len});
        if (capability->mark == room->mark) { /* named twice */
            capability->users--;
            continue;
        }
        capability->mark = room->mark;
        member->capabilities =
            memory_grow(member->capabilities, &capacity, member->capability_count + 1,
                        sizeof *member->capabilities);
        member->capabilities[member->capability_count++] = capability;
    }
}

size_t member_capability_text(const struct member *member, struct text *text)
{
    text_add_literal(text, "[");
    for (size_t i = 0; i < member->capability_count; i++) {
        if (i)
            text_add_literal(text, ",");
        text_add_string(text, member->capabilities[i]->key);
    }
    text_add_literal(text, "]");
    return member->capability_count;
}

static char ascii_lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : byte;
}

static bool text_begins(const char *text, struct slice part)
{
    for (size_t i = 0; i < part.len; i++)
        if (ascii_lower(text[i]) != ascii_lower(part.at[i]))
            return false;
    return true;
}

static bool text_contains(struct slice text, struct slice part)
{
    for (size_t i = 0; i + part.len <= text.len; i++)
        if (text_begins(text.at + i, part))
            return true;
    return false;
}

void capability_mark_containing(struct room *room, struct slice text)
{
    struct capability *capability;
    room->mark++;
    TAILQ_FOREACH (capability, &room->capability_list, next)
        if (text_contains(capability->key, text))
            capability->mark = room->mark;
}

bool member_has_marked(const struct room *room, const struct member *member)
{
    for (size_t i = 0; i < member->capability_count; i++)
        if (member->capabilities[i]->mark == room->mark)
            return true;
    return false;
}

/* ── members ── */

static void member_free(void *object)
{
    struct member *member = object;
    slice_free(&member->key);
    slice_free(&member->owner);
    slice_free(&member->specialization);
    receipts_free(member);
    free(member->capabilities);
    free(member);
}

void members_free(struct room *room)
{
    index_clear(&room->lookalikes, keyed_free);
    index_clear(&room->members, member_free);
    holdings_free(room);
    index_clear(&room->capabilities, keyed_free);
    free(room->seats);
    text_free(&room->listed);
}

struct member *member_find(const struct room *room, struct slice ai_id)
{
    return index_find(&room->members, ai_id);
}

struct member *member_addressed(struct room *room, struct slice ai_id)
{
    struct member *last = room->addressed;
    if (last && slice_equal(last->key, ai_id))
        return last;
    struct member *found = member_find(room, ai_id);
    if (found)
        room->addressed = found;
    return found;
}

struct slice member_owner(const struct member *member)
{
    return member->owner.len ? member->owner : member->key;
}

void member_set_owner(struct room *room, struct member *member, struct slice owner)
{
    if (slice_equal(owner, member->owner))
        return;
    slice_free(&member->owner);
    if (owner.len)
        member->owner = slice_copy(owner);
    holding_join(room, member);
}

int64_t member_heard(const struct room *room, struct slice ai_id)
{
    const struct member *member = member_find(room, ai_id);
    const struct peer *peer = member && member->peer ? peer_find(room->hub, member->peer) : NULL;
    return peer ? peer->heard : member ? member->heard : INT64_MIN;
}

static void departed_remove(struct room *room, struct member *member)
{
    assert(!member_is_here(member) && room->departed_count > 0);
    TAILQ_REMOVE(&room->departed, member, next);
    room->departed_count--;
}

/* Who is not connected is in one of two lists. */
static void departed_add(struct room *room, struct member *member)
{
    bool away = member_is_away(member);
    TAILQ_INSERT_TAIL(away ? &room->away : &room->departed, member, next);
    room->away_count += away;
    room->departed_count += !away;
}

/* Neither its id nor what it can do is held for it any more. */
static void member_let_go(struct room *room, struct member *member)
{
    name_unseat(room, member);
    member_drop_capabilities(room, member);
}

static void away_remove(struct room *room, struct member *member)
{
    assert(member_is_away(member) && room->away_count > 0);
    TAILQ_REMOVE(&room->away, member, next);
    room->away_count--;
    member_let_go(room, member);
}

void member_changed(struct room *room, struct member *member)
{
    change_mark(&room->changes, &member->change, member, ROW_MEMBER);
}

void member_spoke(struct room *room, struct member *member, int64_t time_ms)
{
    member->spoke_ms = time_ms;
    member_changed(room, member);
}

void member_read(struct room *room, struct member *member, uint64_t seq)
{
    if (seq <= member->cursor || seq > room->last_seq)
        return;
    member->cursor = seq;
    reach_read(member);
    member_changed(room, member);
}

struct member *member_join(struct room *room, peer_id peer, struct slice ai_id, int64_t now)
{
    struct member *member = member_find(room, ai_id);
    bool was_away = member && member_is_away(member);
    if (member) {
        assert(!member->peer);
        if (was_away)
            away_remove(room, member);
        else
            departed_remove(room, member);
        member_set_owner(room, member, (struct slice){NULL, 0});
        slice_free(&member->specialization);
    } else {
        member = memory_new(sizeof *member);
        member->key = slice_copy(ai_id);
        TAILQ_INIT(&member->sent);
        member->sessions =
            session_count_active(room, ai_id); /* it was forgotten, its sessions were not */
        index_add(&room->members, member);
    }
    member->peer = peer;
    name_seat(room, member);
    member->specialization = slice_copy(slice_of("general"));
    member->level = 1;
    member->observer = false;
    member->sees = SEES_ALL;
    member->ready = false;
    member->acks = false;
    member->admin = false;
    member->stays_s = 0;
    if (!was_away)
        member->joined_ms = now;
    member->heard = room->hub->clock; /* should its connection be gone already */
    room->seats =
        memory_grow(room->seats, &room->seat_capacity, room->seat_count + 1, sizeof *room->seats);
    room->seats[room->seat_count++] = (struct seat){peer, member, member->level, member->observer};
    member->order = ++room->changes.order;
    member_changed(room, member);
    peer_joined(room->hub, member);
    return member;
}

void member_restore(struct room *room, struct member *member)
{
    if (member_is_here(member))
        name_seat(room, member);
    if (!member->peer) {
        departed_add(room, member);
        return;
    }
    room->seats =
        memory_grow(room->seats, &room->seat_capacity, room->seat_count + 1, sizeof *room->seats);
    room->seats[room->seat_count++] =
        (struct seat){member->peer, member, member->level, member->observer};
    room->observer_count += member->observer;
}

static struct seat *seat_find(const struct room *room, const struct member *member)
{
    size_t place = room->seat_count; /* the newest are asked for most */
    while (place > 0 && room->seats[place - 1].member != member)
        place--;
    assert(place > 0); /* who is connected has a seat */
    return &room->seats[place - 1];
}

struct member *member_seated(const struct room *room, peer_id peer)
{
    for (size_t i = room->seat_count; i > 0; i--)
        if (room->seats[i - 1].peer == peer)
            return room->seats[i - 1].member;
    return NULL;
}

void member_set_level(struct room *room, struct member *member, int level, bool observer)
{
    struct seat *seat = seat_find(room, member);
    assert(level == 1 || level == 2);
    if (observer != member->observer)
        room->listed_seats = 0;
    room->observer_count += (size_t)observer - (size_t)member->observer;
    seat->level = member->level = level;
    seat->observer = member->observer = observer;
}

/* ── what an observer sees ── */

static bool same_owner(const struct member *member, const struct member *observer)
{
    return slice_equal(member_owner(member), member_owner(observer));
}

bool member_oversees(const struct room *room, const struct member *observer,
                     const struct slice *names, size_t count)
{
    if (!observer->observer)
        return false;
    if (observer->sees != SEES_OWN)
        return observer_is_shown(observer->sees, false);
    bool own = false;
    for (size_t i = 0; i < count && !own; i++) {
        const struct member *named = member_find(room, names[i]);
        own = named && same_owner(named, observer);
    }
    return observer_is_shown(SEES_OWN, own);
}

struct own_ids {
    const struct member *observer;
    struct text text;
    size_t count;
};

static void own_id_add(void *object, void *ctx)
{
    const struct member *member = object;
    struct own_ids *ids = ctx;
    if (!same_owner(member, ids->observer) || ids->count == OWN_IDS_MAX)
        return;
    ids->count++;
    text_add(&ids->text, member->key);
    text_add_literal(&ids->text, "\n");
}

struct slice member_own_ids(const struct room *room, const struct member *observer)
{
    struct own_ids ids = {.observer = observer};
    if (!observer->observer || observer->sees != SEES_OWN)
        return (struct slice){NULL, 0};
    index_walk(&room->members, own_id_add, &ids);
    struct slice copy = slice_copy(text_slice(&ids.text));
    text_free(&ids.text);
    return copy;
}

void departed_trim(struct room *room)
{
    while (room->departed_count > MEMBERS_REMEMBERED_MAX) {
        struct member *oldest = TAILQ_FIRST(&room->departed);
        departed_remove(room, oldest);
        index_remove(&room->members, oldest);
        if (room->addressed == oldest)
            room->addressed = NULL;
        holding_leave(room, oldest);
        receipts_forget(room, oldest);
        sents_forget(room, oldest);
        change_gone(&room->changes, &oldest->change, ROW_MEMBER, oldest->key);
        member_free(oldest);
    }
    holdings_trim(room);
}

/* Its connection is over, with the entry that is being applied. */
static void member_unseat(struct room *room, struct member *member, int64_t now)
{
    peer_departed(room->hub, member);
    assert(room->observer_count >= (size_t)member->observer);
    room->observer_count -= (size_t)member->observer;
    room->listed_seats = 0;
    if (!member->stays_s)
        member_let_go(room, member);
    member->peer = 0;
    member->left_ms = now;
    reach_end(member, room->last_seq);
    member->heard = room->hub->clock;
    member->order = ++room->changes.order;
    member_changed(room, member);
    departed_add(room, member);
}

void member_depart(struct room *room, struct member *member, int64_t now)
{
    assert(member->peer && room->seat_count > 0);
    struct seat *seat = seat_find(room, member);
    size_t behind = room->seat_count - (size_t)(seat - room->seats) - 1;
    memmove(seat, seat + 1, behind * sizeof *seat);
    room->seat_count--;
    member_unseat(room, member, now);
}

void member_stay_no_more(struct room *room, struct member *member)
{
    bool away = member_is_away(member);
    if (away)
        away_remove(room, member);
    member->stays_s = 0;
    member_changed(room, member);
    if (!away)
        return;
    member->order = ++room->changes.order;
    departed_add(room, member);
}

static void member_pardon(void *object, void *ctx)
{
    struct member *member = object;
    if (!member->expelled)
        return;
    member->expelled = 0;
    member_changed(ctx, member);
}

void members_depart(struct room *room, int64_t now)
{
    for (size_t i = 0; i < room->seat_count; i++)
        member_unseat(room, room->seats[i].member, now);
    room->seat_count = 0;
    index_walk(&room->members, member_pardon, room);
}

uint64_t member_contribution(const struct room *room, struct slice ai_id)
{
    const struct contributor *contributor = knowledge_contributor(&room->knowledge, ai_id);
    return contributor ? contributor_score(contributor) : 0;
}

/* ── names like that ── */

#define NEAREST_BYTES (16u << 10) /* of names that one refusal is worth comparing */

void member_nearest(const struct room *room, struct slice name, char *buffer, size_t size)
{
    struct nearest nearest = {.word = name};
    size_t compared = 0;
    for (size_t i = 0; i < room->seat_count && compared < NEAREST_BYTES; i++) {
        const struct seat *seat = &room->seats[i];
        if (seat->observer)
            continue;
        compared += seat->member->key.len;
        nearest_offer(&nearest, seat->member->key);
    }
    const struct member *away;
    TAILQ_FOREACH (away, &room->away, next) {
        if (compared >= NEAREST_BYTES)
            break;
        compared += away->key.len;
        nearest_offer(&nearest, away->key);
    }
    size_t at = 0;
    buffer[0] = '\0';
    for (size_t i = 0; i < nearest.count && at < size; i++)
        at += (size_t)snprintf(buffer + at, size - at, "%s\"%.*s\"", i ? ", " : "; did you mean ",
                               SLICE_FORMAT(nearest.best[i].name));
    if (nearest.count && at + 1 < size)
        snprintf(buffer + at, size - at, "?");
}
