/* The hub: how it begins, what time does to it, and how connections and it end. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/effects.h"
#include "core/handlers.h"
#include "core/memory.h"
#include "core/state.h"
#include "core/stays.h"

struct hub *hub_new(const struct hub_config *config, const struct hub_edge *edge)
{
    struct hub *hub = memory_new(sizeof *hub);
    hub->config = *config;
    hub->edge = *edge;
    TAILQ_INIT(&hub->idle);
    return hub;
}

void hub_start(struct hub *hub, int64_t now)
{
    assert(!hub->lobby && !hub->peer_count);
    hub->serving = true;
    hub->messages_before = hub->messages;
    hub->refused_before = hub->refused;
    for (size_t i = 0; i < hub->room_count; i++)
        room_start(hub->rooms[i], now);
    hub->lobby = room_find(hub, slice_of("main"));
    if (!hub->lobby)
        hub->lobby = room_open(hub, slice_of("main"), now);
}

void hub_free(struct hub *hub)
{
    if (!hub)
        return;
    for (size_t i = 0; i < hub->room_count; i++)
        room_free(hub->rooms[i]);
    free(hub->rooms);
    for (size_t i = 0; i < hub->peer_capacity; i++) {
        slice_free(&hub->peers[i].ai_id);
        slice_free(&hub->peers[i].unkept);
        free(hub->peers[i].guest);
    }
    free(hub->peers);
    principals_free(hub);
    for (size_t i = 0; i < hub->orphan_count; i++)
        slice_free(&hub->orphans[i].parents);
    free(hub->orphans);
    free(hub->addressees);
    text_free(&hub->cut);
    text_free(&hub->scratch);
    text_free(&hub->payload);
    free(hub);
}

/* Durations are measured on a clock of our own. The edge ticks every second, so a wall clock
 * that runs back, or leaps by more than CLOCK_STEP_MAX_MS, was set, or the machine slept: nobody
 * was silent for all that time. */
void hub_set_clock(struct hub *hub, int64_t now)
{
    int64_t step = hub->last_now ? now - hub->last_now : 0;
    if (step > CLOCK_STEP_MAX_MS)
        step = CLOCK_STEP_MAX_MS;
    if (step > 0) {
        hub->clock += step;
        hub->rate_clock += step;
    }
    hub->last_now = now;
}

void hub_unheard(struct hub *hub, int64_t now)
{
    int64_t clock = hub->clock;
    hub_set_clock(hub, now);
    hub->clock = clock;
}

void hub_open(struct hub *hub, peer_id id, int64_t now)
{
    hub_set_clock(hub, now);
    peer_new(hub, id);
}

void hub_set_pass(struct hub *hub, peer_id id, const struct hub_pass *pass)
{
    struct peer *peer = peer_find(hub, id);
    if (!peer || !peer->principal)
        return;
    peer->barred = pass->barred;
    principal_set_quota(hub, peer->principal, &pass->quota);
}

void hub_truncated(struct hub *hub, peer_id id, uint64_t first, int64_t now)
{
    const struct peer *peer = peer_find(hub, id);
    if (!peer || !peer->member)
        return;
    struct request request = {.hub = hub, .room = peer->room, .answered_ms = now};
    struct seat seat = peer_seat(peer);
    request_truncated(&request, &seat, first);
}

void hub_caught_up(struct hub *hub, peer_id id, uint64_t seq, int64_t now)
{
    const struct peer *peer = peer_find(hub, id);
    if (!peer || !peer->member)
        return;
    struct request request = {.hub = hub, .room = peer->room, .answered_ms = now};
    struct seat seat = peer_seat(peer);
    request_caught_up(&request, &seat, seq);
}

void hub_gone(struct hub *hub, peer_id id, enum close_reason reason, int64_t now)
{
    hub_set_clock(hub, now);
    struct peer *peer = peer_find(hub, id);
    if (peer)
        peer_leave(hub, peer, reason, now);
}

void hub_expel(struct hub *hub, peer_id id, enum close_reason reason, enum wire_error error,
               int64_t now)
{
    struct refusal refusal;
    refuse(&refusal, error, "%s", wire_error_meaning(error));
    hub_dismiss(hub, id, reason, &refusal, now);
}

void hub_dismiss(struct hub *hub, peer_id id, enum close_reason reason,
                 const struct refusal *refusal, int64_t now)
{
    hub_set_clock(hub, now);
    struct peer *peer = peer_find(hub, id);
    if (peer)
        peer_expel(hub, peer, reason, refusal, now);
}

int64_t hub_tick(struct hub *hub, int64_t now)
{
    int64_t wait = 1000;
    hub_set_clock(hub, now);
    principals_tick(hub);
    for (size_t i = 0; i < hub->room_count; i++) {
        sessions_propose_ends(hub->rooms[i], now);
        replies_tick(hub->rooms[i], now);
        seals_tick(hub->rooms[i], now);
        wait = epochs_tick(hub->rooms[i], now, wait);
        leases_propose_ends(hub->rooms[i], now);
        stays_propose_ends(hub->rooms[i], now);
        approvals_tick(hub->rooms[i], now);
        touches_propose_ends(hub->rooms[i], now);
    }
    for (size_t i = 0; i < hub->peer_capacity; i++) {
        const struct peer *peer = &hub->peers[i];
        int64_t silent = hub->clock - peer->heard;
        struct refusal refusal;
        if (!peer->id || peer_seat(peer).level != 2 || silent < hub->config.heartbeat_ms ||
            peer->later) /* it can't be heard meanwhile */
            continue;
        refuse(&refusal, WIRE_HEARTBEAT_TIMEOUT,
               "nothing was heard for %.1f s; a line, such as a heartbeat, must come within %.1f s",
               (double)silent / 1000, (double)hub->config.heartbeat_ms / 1000);
        hub_dismiss(hub, peer->id, CLOSE_HEARTBEAT_TIMEOUT, &refusal, now);
    }
    return wait;
}

void hub_stop(struct hub *hub, int64_t now)
{
    struct refusal refusal;
    hub_set_clock(hub, now);
    refuse(&refusal, WIRE_SHUTTING_DOWN, "%s", wire_error_meaning(WIRE_SHUTTING_DOWN));
    for (size_t i = 0; i < hub->peer_capacity; i++) {
        struct peer *peer = &hub->peers[i];
        if (!peer->id)
            continue;
        if (peer_seat(peer).level == 2)
            peer_answer(hub, peer, &refusal, (struct slice){NULL, 0}, now);
        hub->edge.close(hub->edge.ctx, peer->id, CLOSE_SHUTTING_DOWN);
        peer_leave(hub, peer, CLOSE_SHUTTING_DOWN, now);
    }
}
