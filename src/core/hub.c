/* The hub's entrance: admit a line, give it its place, apply it.
 *
 * Every message type is one row of `handlers`: a check that may refuse and changes nothing, and a proceed that can't fail. The check runs
 * against the state in which proceed will run, so an accepted message is accepted for good. */
#include "core/hub.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/memory.h"
#include "core/room.h"

struct handler {
    int (*check)(struct request *request);
    void (*proceed)(struct request *request);
};

/* A type without a row is only relayed. */
static const struct handler handlers[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_HELLO] = {hello_check, hello_proceed},
    [MESSAGE_PATTERN_SHARE] = {pattern_check, pattern_proceed},
    [MESSAGE_CODE_SHARE] = {code_check, code_proceed},
    [MESSAGE_FEATURE_REQUEST] = {feature_check, feature_proceed},
    [MESSAGE_OS_COMPONENT_SHARE] = {component_check, component_proceed},
    [MESSAGE_PERFORMANCE_REPORT] = {report_check, report_proceed},
    [MESSAGE_COLLABORATION_REQUEST] = {collaboration_request_check, collaboration_request_proceed},
    [MESSAGE_COLLABORATION_RESPONSE] = {collaboration_response_check,
                                        collaboration_response_proceed},
    [MESSAGE_COLLABORATION_UPDATE] = {collaboration_update_check, collaboration_update_proceed},
    [MESSAGE_WORKSPACE_UPDATE] = {workspace_check, workspace_proceed},
    [MESSAGE_COMMITMENT] = {commitment_check, commitment_proceed},
};

const char *close_reason_text(enum close_reason reason)
{
    static const char *const texts[] = {
#define X(name, text) text,
        CLOSE_REASONS(X)
#undef X
    };
    assert((unsigned)reason < CLOSE_REASON_COUNT);
    return texts[reason];
}

const char *hub_event_text(enum hub_event event)
{
    static const char *const texts[] = {
#define X(name, text) text,
        HUB_EVENTS(X)
#undef X
    };
    assert((unsigned)event < HUB_EVENT_COUNT);
    return texts[event];
}

struct hub_config hub_config_default(void)
{
    return (struct hub_config){.line_max = WIRE_LINE_MAX,
                               .sync_limit = SYNC_LIMIT,
                               .knowledge_max = KNOWLEDGE_BYTES_MAX,
                               .output_max = 8u << 20,
                               .rate = 0,
                               .pending_ms = SESSION_PENDING_MS,
                               .silent_ms = SESSION_SILENT_MS,
                               .heartbeat_ms = HEARTBEAT_TIMEOUT_MS};
}

struct hub *hub_new(const struct hub_config *config, const struct hub_edge *edge)
{
    struct hub *hub = memory_new(sizeof *hub);
    hub->config = *config;
    hub->edge = *edge;
    room_new(hub, slice_of("main"));
    return hub;
}

void hub_free(struct hub *hub)
{
    if (!hub)
        return;
    for (size_t i = 0; i < hub->room_count; i++)
        room_free(hub->rooms[i]);
    free(hub->rooms);
    free(hub->peers);
    text_free(&hub->scratch);
    text_free(&hub->payload);
    free(hub);
}

/* Durations are measured on a clock of our own. The edge ticks every second, so a wall clock that runs back, or leaps by more than
 * CLOCK_STEP_MAX_MS, was set, or the machine slept: nobody was silent for all that time. */
static void hub_set_clock(struct hub *hub, int64_t now)
{
    int64_t step = hub->last_now ? now - hub->last_now : 0;
    if (step > CLOCK_STEP_MAX_MS)
        step = CLOCK_STEP_MAX_MS;
    if (step > 0)
        hub->clock += step;
    hub->last_now = now;
}

/* ── peers ── */

static size_t peer_slot(peer_id id)
{
    return (size_t)(uint32_t)id;
}

struct peer *peer_find(struct hub *hub, peer_id id)
{
    struct peer *peer = peer_slot(id) < hub->peer_capacity ? &hub->peers[peer_slot(id)] : NULL;
    return peer && id && peer->id == id ? peer : NULL;
}

/* Messages that may come at once under a rate limit: those of two seconds, and one at the least. */
static double rate_burst(const struct hub *hub)
{
    return 2 * hub->config.rate < 1 ? 1 : 2 * hub->config.rate;
}

static struct peer *peer_new(struct hub *hub, peer_id id)
{
    size_t before = hub->peer_capacity;
    hub->peers =
        memory_grow(hub->peers, &hub->peer_capacity, peer_slot(id) + 1, sizeof *hub->peers);
    memset(hub->peers + before, 0, (hub->peer_capacity - before) * sizeof *hub->peers);
    struct peer *peer = &hub->peers[peer_slot(id)];
    assert(peer->id == 0);
    *peer = (struct peer){
        .id = id, .heard = hub->clock, .allowance = rate_burst(hub), .allowance_at = hub->clock};
    hub->peer_count++;
    return peer;
}

void peer_drop(struct hub *hub, struct peer *peer)
{
    *peer = (struct peer){0};
    hub->peer_count--;
}

void hub_open(struct hub *hub, peer_id id, int64_t now)
{
    hub_set_clock(hub, now);
    peer_new(hub, id);
}

/* ── applying entries ── */

static int target_check(struct request *request)
{
    struct slice target = request->message->target;
    request->target = NULL;
    if (!target.len)
        return 0;
    if (slice_equal(target, request->message->sender_id))
        return refuse(request->refusal, WIRE_BAD_FIELD, "target_ai is the sender itself, \"%.*s\"",
                      SLICE_FORMAT(target));
    request->target = request->room ? member_find(request->room, target) : NULL;
    if (request->target)
        return 0;
    char nearest[WIRE_DETAIL_MAX] = "";
    if (request->room)
        member_nearest(request->room, target, nearest, sizeof nearest);
    return refuse(request->refusal, WIRE_UNKNOWN_TARGET, "no AI \"%.*s\" was seen in this room%s",
                  SLICE_FORMAT(target), nearest);
}

/* All that may refuse a message for the state's sake. Changes nothing. request->room is NULL for a room that is not there yet. */
static int request_check(struct request *request)
{
    const struct handler *handler = &handlers[request->message->type];
    int error = 0;
    if (!request->member)
        error = join_check(request->room, request->peer, request->message, request->refusal);
    if (error == 0)
        error = target_check(request);
    if (error == 0 && handler->check)
        error = handler->check(request);
    return error;
}

static void request_proceed(struct request *request)
{
    enum message_type type = request->message->type;
    const struct handler *handler = &handlers[type];
    request->hub->messages++;
    if (!request->member && type != MESSAGE_HELLO) {
        join_proceed(request);
        hub_note(request->hub, request->member->peer, HUB_JOINED, request->member->key,
                 request->member->specialization);
    }
    if (request->mismatched) { /* refused, but for good reason with a place in the log: it counts */
        claim_refuse(request);
        return;
    }
    if (request->member && request->member->level == 1)
        session_accept_by_naming(request);
    if (handler->proceed)
        handler->proceed(request);
    if (!request->handled && type != MESSAGE_HEARTBEAT)
        relay_message(request);
}

/* Gives the entry its place in the room's log. When the log can't keep it, it takes no place and -1 is returned. */
static int room_append(struct room *room, struct entry *entry)
{
    if (room->log.append(room->log.state, entry) < 0)
        return -1;
    room->last_seq = entry->seq;
    return 0;
}

static void apply_leave(struct hub *hub, struct room *room, const struct entry *entry)
{
    struct peer *peer = peer_find(hub, entry->peer);
    if (!peer || !peer->member)
        return;
    struct member *member = peer->member;
    struct request request = {.hub = hub, .room = room, .entry = entry};
    bool told =
        !member->observer && !slice_is(entry->bytes, close_reason_text(CLOSE_SHUTTING_DOWN));
    member_depart(room, member, entry->time_ms);
    peer_drop(hub, peer);
    if (told)
        presence_tell(&request, member, entry->bytes);
    hub_note(hub, entry->peer, HUB_LEFT, member->key, entry->bytes);
    departed_trim(room);
}

static void apply_expire(struct hub *hub, struct room *room, const struct entry *entry)
{
    struct request request = {.hub = hub, .room = room, .entry = entry};
    session_expire(&request, entry->bytes);
}

/* A message that was logged elsewhere or earlier: judged anew, since the judgement is a function of the entries before it. */
static void apply_message(struct hub *hub, struct room *room, const struct entry *entry)
{
    struct message message;
    struct refusal refusal;
    struct peer *peer = peer_find(hub, entry->peer);
    if (!peer)
        peer = peer_new(hub, entry->peer);
    if (message_parse(entry->bytes, &message, &refusal) < 0)
        return;
    struct request request = {.hub = hub,
                              .room = room,
                              .peer = peer,
                              .member = peer->member,
                              .message = &message,
                              .refusal = &refusal};
    if (request_check(&request) == 0) {
        request.entry = entry;
        request_proceed(&request);
    }
    text_free(&request.extra);
}

void hub_apply(struct hub *hub, struct slice room_name, const struct entry *entry)
{
    static void (*const appliers[])(struct hub *, struct room *,
                                    const struct entry *) = {[ENTRY_MESSAGE] = apply_message,
                                                             [ENTRY_LEAVE] = apply_leave,
                                                             [ENTRY_EXPIRE] = apply_expire};
    struct room *room = room_find(hub, room_name);
    if (!room)
        room = room_new(hub, room_name);
    hub_set_clock(hub, entry->time_ms);
    room->last_seq = entry->seq;
    appliers[entry->kind](hub, room, entry);
}

/* ── admitting lines ── */

static void hub_refuse(struct hub *hub, struct peer *peer, const struct refusal *refusal,
                       struct slice in_reply_to, int64_t now)
{
    hub->refused++;
    hub_error(hub, peer, refusal, in_reply_to, (struct slice){NULL, 0}, now);
}

static void peer_leave(struct hub *hub, struct peer *peer, enum close_reason reason, int64_t now)
{
    if (!peer->member) {
        peer_drop(hub, peer);
        return;
    }
    struct room *room = peer->room;
    struct entry entry = {.time_ms = now,
                          .peer = peer->id,
                          .kind = ENTRY_LEAVE,
                          .bytes = slice_of(close_reason_text(reason))};
    if (room_append(room, &entry) < 0)
        entry.seq = room->last_seq; /* it went all the same */
    apply_leave(hub, room, &entry);
}

static void peer_expel(struct hub *hub, struct peer *peer, enum close_reason reason,
                       const struct refusal *refusal, int64_t now)
{
    hub_error(hub, peer, refusal, (struct slice){NULL, 0}, (struct slice){NULL, 0}, now);
    hub->edge.close(hub->edge.ctx, peer->id, reason);
    peer_leave(hub, peer, reason, now);
}

/* A line that is no message, or not this sender's to send. The connection survives 99 of them in a row. */
static void peer_bad_line(struct hub *hub, struct peer *peer, struct refusal *refusal,
                          struct slice in_reply_to, int64_t now)
{
    hub_refuse(hub, peer, refusal, in_reply_to, now);
    if (++peer->bad_lines < BAD_LINES_MAX)
        return;
    refuse(refusal, refusal->code, "that was bad line %u in a row: the connection is closed",
           BAD_LINES_MAX);
    peer_expel(hub, peer, CLOSE_BAD_LINES, refusal, now);
}

static bool peer_within_rate(struct hub *hub, struct peer *peer)
{
    double rate = hub->config.rate, burst = rate_burst(hub);
    if (rate <= 0)
        return true;
    peer->allowance += rate * (double)(hub->clock - peer->allowance_at) / 1000;
    peer->allowance_at = hub->clock;
    if (peer->allowance > burst)
        peer->allowance = burst;
    if (peer->allowance < 1)
        return false;
    peer->allowance -= 1;
    return true;
}

/* What depends on the connection alone: is this its own id, and a type that is its to send. */
static int admit_check(const struct peer *peer, const struct message *message,
                       struct refusal *ret_refusal)
{
    struct slice sender = message->sender_id;
    if (slice_is(sender, "hub"))
        return refuse(ret_refusal, WIRE_RESERVED_ID,
                      "sender_id \"hub\" is the hub's own; take another");
    if (peer->member && !slice_equal(sender, peer->member->key))
        return refuse(ret_refusal, WIRE_SENDER_MISMATCH,
                      "sender_id is \"%.*s\", but this connection began as \"%.*s\"",
                      SLICE_FORMAT(sender), SLICE_FORMAT(peer->member->key));
    if (!message_type_from_client(message->type))
        return refuse(ret_refusal, WIRE_FORBIDDEN_TYPE, "only the hub sends %s messages",
                      message_type_text(message->type));
    return 0;
}

/* Where a message belongs. A room that is not there yet: 0, with *ret_room NULL and its name. */
static int admit_room(struct hub *hub, const struct peer *peer, const struct message *message,
                      char buffer[ROOM_NAME_MAX], struct slice *ret_name, struct room **ret_room,
                      struct refusal *ret_refusal)
{
    if (peer->member && message->type != MESSAGE_HELLO) {
        *ret_room = peer->room;
        return 0;
    }
    struct slice name = slice_of("main");
    int error =
        message->type == MESSAGE_HELLO ? hello_room(message, buffer, &name, ret_refusal) : 0;
    if (error < 0)
        return error;
    if (peer->member && !slice_equal(name, peer->room->key))
        return refuse(ret_refusal, WIRE_FORBIDDEN,
                      "this connection is in room \"%.*s\"; connect anew for another",
                      SLICE_FORMAT(peer->room->key));
    struct room *room = room_find(hub, name);
    if (!room && hub->room_count >= ROOMS_MAX)
        return refuse(ret_refusal, WIRE_QUOTA_EXCEEDED,
                      "there are %u rooms already, the most this hub keeps", ROOMS_MAX);
    *ret_name = name;
    *ret_room = room;
    return 0;
}

/* Ids of heartbeats come from a range of counts that no entry's messages and secrets reach. */
#define HEARTBEAT_COUNTS 0xC0000000u

/* Proof of life: not logged, not relayed, answered to level 2. */
static void peer_heartbeat(struct hub *hub, struct peer *peer, int64_t now)
{
    if (peer->member->level != 2)
        return;
    struct entry entry = {.seq = peer->room->last_seq, .time_ms = now};
    struct request request = {.hub = hub,
                              .room = peer->room,
                              .entry = &entry,
                              .made = HEARTBEAT_COUNTS |
                                      ((uint32_t)hub->refusals++ & ~HEARTBEAT_COUNTS)};
    char time[TIMESTAMP_SIZE];
    timestamp_format(now, time);
    struct text *text =
        hub_message_begin(&request, MESSAGE_HEARTBEAT, slice_of("hub"), peer->member->key);
    text_addf(text, "{\"server_time\":\"%s\",\"seq\":%llu}", time,
              (unsigned long long)peer->room->last_seq);
    struct outgoing outgoing;
    hub_message_end(&request, MESSAGE_HEARTBEAT, &outgoing);
    outgoing_to_member(&outgoing, peer->member);
}

static void hub_take(struct hub *hub, struct peer *peer, const struct message *message,
                     struct refusal *refusal, int64_t now)
{
    char name_buffer[ROOM_NAME_MAX];
    struct slice name = {NULL, 0};
    struct request request = {
        .hub = hub, .peer = peer, .member = peer->member, .message = message, .refusal = refusal};
    if (admit_room(hub, peer, message, name_buffer, &name, &request.room, refusal) < 0 ||
        request_check(&request) < 0) {
        hub->refused++;
        hub_error(hub, peer, refusal, message->message_id, text_slice(&request.extra), now);
        text_free(&request.extra);
        return;
    }
    if (!request.room)
        request.room = room_new(hub, name);
    struct entry entry = {
        .time_ms = now, .peer = peer->id, .kind = ENTRY_MESSAGE, .bytes = message->line};
    if (room_append(request.room, &entry) < 0) {
        refuse(refusal, WIRE_QUOTA_EXCEEDED,
               "the hub's log can't keep this message now; send it again later");
        hub_refuse(hub, peer, refusal, message->message_id, now);
        return;
    }
    request.entry = &entry;
    request_proceed(&request);
    text_free(&request.extra);
}

void hub_line(struct hub *hub, peer_id id, struct slice line, int64_t now)
{
    hub_set_clock(hub, now);
    struct peer *peer = peer_find(hub, id);
    if (!peer)
        return;
    struct message message;
    struct refusal refusal;
    peer->heard = hub->clock;
    if (message_parse(line, &message, &refusal) < 0 || admit_check(peer, &message, &refusal) < 0) {
        peer_bad_line(hub, peer, &refusal, message.message_id, now);
        return;
    }
    peer->bad_lines = 0;
    if (!peer_within_rate(hub, peer)) {
        refuse(&refusal, WIRE_RATE_LIMITED,
               "more than %g messages a second (bursts of 2 s); send it again later",
               hub->config.rate);
        hub_refuse(hub, peer, &refusal, message.message_id, now);
    } else if (message.type == MESSAGE_HEARTBEAT && peer->member) {
        peer_heartbeat(hub, peer, now);
    } else {
        hub_take(hub, peer, &message, &refusal, now);
    }
}

void hub_line_too_long(struct hub *hub, peer_id id, int64_t now)
{
    hub_set_clock(hub, now);
    struct peer *peer = peer_find(hub, id);
    struct refusal refusal;
    if (!peer)
        return;
    peer->heard = hub->clock;
    refuse(&refusal, WIRE_LINE_TOO_LONG,
           "a line has at most %zu bytes; the rest of this one is skipped", hub->config.line_max);
    peer_bad_line(hub, peer, &refusal, (struct slice){NULL, 0}, now);
}

/* ── ends ── */

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
    hub_set_clock(hub, now);
    struct peer *peer = peer_find(hub, id);
    struct refusal refusal;
    if (!peer)
        return;
    refuse(&refusal, error, "%s", wire_error_meaning(error));
    peer_expel(hub, peer, reason, &refusal, now);
}

static void tick_sessions(struct hub *hub, struct room *room, int64_t now)
{
    struct session *session = TAILQ_FIRST(&room->live);
    while (session) {
        struct session *next = TAILQ_NEXT(session, next);
        if (session_due(room, session)) {
            struct entry entry = {.time_ms = now, .kind = ENTRY_EXPIRE, .bytes = session->key};
            if (room_append(room, &entry) == 0)
                apply_expire(hub, room, &entry);
        }
        session = next;
    }
}

int64_t hub_tick(struct hub *hub, int64_t now)
{
    hub_set_clock(hub, now);
    for (size_t i = 0; i < hub->room_count; i++)
        tick_sessions(hub, hub->rooms[i], now);
    for (size_t i = 0; i < hub->peer_capacity; i++) {
        const struct peer *peer = &hub->peers[i];
        if (peer->id && peer->member && peer->member->level == 2 &&
            hub->clock - peer->heard >= hub->config.heartbeat_ms)
            hub_expel(hub, peer->id, CLOSE_HEARTBEAT_TIMEOUT, WIRE_HEARTBEAT_TIMEOUT, now);
    }
    return 1000;
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
        if (peer->member && peer->member->level == 2)
            hub_error(hub, peer, &refusal, (struct slice){NULL, 0}, (struct slice){NULL, 0}, now);
        hub->edge.close(hub->edge.ctx, peer->id, CLOSE_SHUTTING_DOWN);
        peer_leave(hub, peer, CLOSE_SHUTTING_DOWN, now);
    }
}
