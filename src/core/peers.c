/* Peers: who is at the other end of each connection, from its opening to its end, and what this hub
 * says to it of its own accord. Nothing here is in a log, but what a peer's going leaves there. */
#include "core/peers.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/effects.h"
#include "core/memory.h"
#include "core/state.h"
#include "core/stays.h"

int peer_let_in(struct hub *hub, struct peer *peer, const struct hub_pass *pass, peer_id takes_over,
                struct refusal *ret_refusal)
{
    struct principal *principal = pass->owner.len ? principal_take(hub, pass->owner) : NULL;
    const struct peer *replaced = peer_find(hub, takes_over);
    principal_give(hub, peer->principal);
    peer->principal = principal;
    peer->barred = pass->barred;
    peer->admin = pass->admin;
    peer->sees = pass->sees;
    if (!principal)
        return 0;
    principal_set_quota(hub, principal, &pass->quota);
    double most = principal->quota.most[LIMIT_CONNECTIONS];
    /* a place that is counted already: that connection's, or its own if its member was away */
    if (most <= 0 || (replaced && replaced->principal == principal))
        return 0;
    size_t away = stays_away_of(hub, principal->key); /* each has the place of a connection */
    if ((double)(principal->peers + away) <= most)
        return 0;
    return refuse_over(
        ret_refusal, WIRE_QUOTA_EXCEEDED,
        &(struct overrun){limit_text(LIMIT_CONNECTIONS), "token", most, 0},
        "the token of \"%.*s\" has %zu connections already, and %zu members that are "
        "away and stay; all together it may have %.15g: close one, or let one leave",
        SLICE_FORMAT(principal->key), principal->peers - 1, away, most);
}

struct peer *peer_new(struct hub *hub, peer_id id)
{
    size_t before = hub->peer_capacity;
    hub->peers =
        memory_grow(hub->peers, &hub->peer_capacity, peer_index(id) + 1, sizeof *hub->peers);
    memset(hub->peers + before, 0, (hub->peer_capacity - before) * sizeof *hub->peers);
    struct peer *peer = &hub->peers[peer_index(id)];
    assert(peer->id == 0);
    *peer = (struct peer){.id = id, .heard = hub->clock, .cursor_at = hub->clock - CURSOR_MS};
    hub->peer_count++;
    return peer;
}

static void guest_end(struct peer *peer)
{
    if (!peer->guest)
        return;
    assert(peer->room->guests > 0);
    peer->room->guests--;
    free(peer->guest);
    peer->guest = NULL;
}

void peer_drop(struct hub *hub, struct peer *peer)
{
    assert(peer->id && hub->peer_count > 0);
    guest_end(peer);
    slice_free(&peer->ai_id);
    slice_free(&peer->unkept);
    if (peer->principal)
        peer->principal->under_way -= peer->under_way;
    principal_give(hub, peer->principal);
    *peer = (struct peer){0};
    hub->peer_count--;
}

void peer_bind(struct peer *peer, struct room *room, struct slice ai_id)
{
    if (peer->ai_id.len)
        return;
    peer->ai_id = slice_copy(ai_id);
    peer->room = room;
}

void peer_receive(struct hub *hub, struct peer *peer, struct room *room, struct slice ai_id,
                  struct slice specialization)
{
    assert(!peer->member);
    if (peer->guest)
        return;
    peer_bind(peer, room, ai_id);
    peer->guest = memory_new(sizeof *peer->guest);
    *peer->guest = (struct member){.key = peer->ai_id,
                                   .owner = peer_owner(peer),
                                   .peer = peer->id,
                                   .level = 2,
                                   .observer = true,
                                   .sees = peer->sees};
    room->guests++;
    hub->edge.joined(hub->edge.ctx, peer->id);
    hub_note(hub, peer->id, HUB_OBSERVING, peer->ai_id, specialization);
}

void peer_joined(struct hub *hub, struct member *member)
{
    struct peer *peer = peer_find(hub, member->peer);
    bool told = peer && peer->guest;
    if (peer) {
        guest_end(peer);
        peer->member = member;
    }
    if (!told)
        hub->edge.joined(hub->edge.ctx, member->peer);
}

void peer_departed(struct hub *hub, const struct member *member)
{
    struct peer *peer = peer_find(hub, member->peer);
    if (peer && peer->member == member) /* of a former hub's members, no connection is one */
        peer->member = NULL;
}

struct peer *peer_challenged(struct hub *hub, const struct entry *entry)
{
    return entry->takes_over == entry->peer ? NULL : peer_find(hub, entry->takes_over);
}

void peer_applied(struct hub *hub, const struct entry *entry)
{
    struct peer *peer = peer_find(hub, entry->peer);
    struct peer *challenged = peer_challenged(hub, entry);
    if (challenged)
        challenged->challenged--;
    if (!peer || !peer->under_way)
        return;
    if (peer->principal)
        peer->principal->under_way--;
    if (--peer->under_way)
        return;
    if (!peer_who(peer)) {
        slice_free(&peer->ai_id); /* refused: it may try another id, or another room */
        peer->room = NULL;
    }
    if (peer->later)
        hub->edge.go_on(hub->edge.ctx, peer->id);
}

void peer_unreceive(struct hub *hub, struct peer *peer, const struct refusal *refusal, int64_t now)
{
    peer_answer(hub, peer, refusal, (struct slice){NULL, 0}, now);
    guest_end(peer);
}

/* ── answers: what this hub says to a connection of its own accord ── */

struct seat peer_seat(const struct peer *peer)
{
    struct member *who = peer_who(peer);
    return (struct seat){.peer = peer->id, .member = who, .level = who ? who->level : 1};
}

void peer_answer(struct hub *hub, const struct peer *peer, const struct refusal *refusal,
                 struct slice in_reply_to, int64_t now)
{
    struct request request = {
        .hub = hub, .room = peer->room ? peer->room : hub->lobby, .answered_ms = now};
    struct seat seat = peer_seat(peer);
    hub_error(&request, &seat, refusal, in_reply_to);
}

void peer_refuse(struct hub *hub, const struct peer *peer, const struct refusal *refusal,
                 struct slice in_reply_to, int64_t now)
{
    hub->refused++;
    peer_answer(hub, peer, refusal, in_reply_to, now);
}

/* Keeps how far it has read, if there was anything to read since what is kept: the entry that does
 * so is itself nothing to read, so that an idle room has none. */
void peer_keep_cursor(struct hub *hub, struct peer *peer, int64_t now)
{
    char digits[U64_SIZE];
    const struct member *member = peer->member;
    if (!member || peer->cursor <= member->cursor || member->cursor >= peer->room->told_seq)
        return;
    struct entry entry = {.time_ms = now,
                          .peer = peer->id,
                          .kind = ENTRY_CURSOR,
                          .bytes = {digits, u64_format(peer->cursor, digits)}};
    peer->cursor_at = hub->clock;
    room_happened(peer->room, &entry);
}

void peer_left(struct hub *hub, peer_id id)
{
    struct peer *peer = peer_find(hub, id);
    if (!peer)
        return;
    hub->edge.close(hub->edge.ctx, id, CLOSE_LEFT);
    peer_drop(hub, peer);
}

/* The connection is no more; if it was somebody's, or may still become so, its room hears of it. */
void peer_leave(struct hub *hub, struct peer *peer, enum close_reason reason, int64_t now)
{
    struct entry entry = {.time_ms = now,
                          .peer = peer->id,
                          .kind = ENTRY_LEAVE,
                          .bytes = slice_of(close_reason_text(reason))};
    /* its room knows nothing of a guest */
    struct room *room = peer->guest && !peer->under_way ? NULL : peer->room;
    peer_keep_cursor(hub, peer, now);
    if (peer->member)
        peer->member->heard = hub->clock; /* its seat stands until this is applied */
    peer_drop(hub, peer);
    if (!room)
        return;
    room_happened(room, &entry);
}

void peer_expel(struct hub *hub, struct peer *peer, enum close_reason reason,
                const struct refusal *refusal, int64_t now)
{
    peer_answer(hub, peer, refusal, (struct slice){NULL, 0}, now);
    hub->edge.close(hub->edge.ctx, peer->id, reason);
    peer_leave(hub, peer, reason, now);
}

/* A line that is no message, or not this sender's to send. The connection survives 99 of them in
 * a row. */
void peer_bad_line(struct hub *hub, struct peer *peer, struct refusal *refusal,
                   struct slice in_reply_to, int64_t now)
{
    peer_refuse(hub, peer, refusal, in_reply_to, now);
    if (++peer->bad_lines < BAD_LINES_MAX)
        return;
    refuse(refusal, refusal->code, "that was bad line %u in a row: the connection is closed",
           BAD_LINES_MAX);
    peer_expel(hub, peer, CLOSE_BAD_LINES, refusal, now);
}

static __attribute__((noinline)) int spend(struct hub *hub, struct peer *peer,
                                           const struct quota *quota, size_t bytes,
                                           struct refusal *ret_refusal)
{
    struct principal *principal = peer->principal;
    struct spending *spending = principal ? &principal->spending : &peer->spending;
    struct overrun over;
    enum limit limit = LIMIT_RATE;
    if (spending_take(spending, quota, bytes, hub->rate_clock, &over) == 0)
        return 0;
    limit_find(over.limit, &limit);
    over.whose = principal ? "token" : "ai";
    if (!principal)
        return refuse_over(ret_refusal, WIRE_RATE_LIMITED, &over,
                           "more than %g %s (bursts of 2 s); send it again in %.3f s", over.most,
                           limit_called(limit), (double)over.wait_ms / 1000);
    return refuse_over(ret_refusal, WIRE_RATE_LIMITED, &over,
                       "more than %g %s from all connections of the token of \"%.*s\" (bursts of "
                       "2 s); send it again in %.3f s",
                       over.most, limit_called(limit), SLICE_FORMAT(principal->key),
                       (double)over.wait_ms / 1000);
}

static __attribute__((noinline)) int room_spend(struct hub *hub, struct room *room, size_t bytes,
                                                struct refusal *ret_refusal)
{
    struct overrun over;
    enum limit limit = LIMIT_RATE;
    if (spending_take(&room->spending, &hub->config.room, bytes, hub->rate_clock, &over) == 0)
        return 0;
    limit_find(over.limit, &limit);
    over.whose = "room";
    return refuse_over(ret_refusal, WIRE_RATE_LIMITED, &over,
                       "more than %g %s from all who are in room \"%.*s\" (bursts of 2 s); send it "
                       "again in %.3f s",
                       over.most, limit_called(limit), SLICE_FORMAT(room->key),
                       (double)over.wait_ms / 1000);
}

static bool has_rates(const struct quota *quota)
{
    return quota->most[LIMIT_RATE] > 0 || quota->most[LIMIT_RATE_BYTES] > 0;
}

int peer_spend(struct hub *hub, struct peer *peer, size_t bytes, struct refusal *ret_refusal)
{
    const struct quota *quota = peer->principal ? &peer->principal->quota : &hub->config.owner;
    int error = has_rates(quota) ? spend(hub, peer, quota, bytes, ret_refusal) : 0;
    if (error == 0 && has_rates(&hub->config.room) && peer_who(peer))
        error = room_spend(hub, peer->room, bytes, ret_refusal);
    return error;
}

/* What it says to have read: no more than there is. */
void peer_read(struct hub *hub, struct peer *peer, const struct message *message, int64_t now)
{
    uint64_t seq, there = peer->room->last_seq;
    if (json_u64(json_get(message->payload, "seq"), &seq) < 0)
        return;
    peer->cursor = seq < there ? seq : there;
    if (hub->clock - peer->cursor_at >= CURSOR_MS)
        peer_keep_cursor(hub, peer, now);
}
