/* Apply: what a committed entry does. The only judge, and the only path.
 *
 * Every message type is one row of `handlers`: a check that may refuse and changes nothing, and a
 * proceed that can't fail. Both are functions of the room's earlier entries alone, so that whoever
 * replays them comes to the same state and the same effects. A refused entry changes nothing, but
 * for one thing: an AI that claims what it did not commit to is counted (claim_count_mismatch). */
#include <assert.h>
#include <stdlib.h>

#include "core/effects.h"
#include "core/handlers.h"
#include "core/memory.h"
#include "core/state.h"

struct handler {
    int (*check)(struct request *request);
    void (*proceed)(struct request *request);
    bool fenced; /* may be done in the name of a lease */
};

/* A type without a row is only relayed. */
static const struct handler handlers[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_HELLO] = {hello_check, hello_proceed},
    [MESSAGE_PATTERN_SHARE] = {pattern_check, pattern_proceed, true},
    [MESSAGE_CODE_SHARE] = {code_check, code_proceed, true},
    [MESSAGE_FEATURE_REQUEST] = {feature_check, feature_proceed},
    [MESSAGE_OS_COMPONENT_SHARE] = {component_check, component_proceed, true},
    [MESSAGE_PERFORMANCE_REPORT] = {report_check, report_proceed},
    [MESSAGE_COLLABORATION_REQUEST] = {collaboration_request_check, collaboration_request_proceed},
    [MESSAGE_COLLABORATION_RESPONSE] = {collaboration_response_check,
                                        collaboration_response_proceed},
    [MESSAGE_COLLABORATION_UPDATE] = {collaboration_update_check, collaboration_update_proceed},
    [MESSAGE_WORKSPACE_UPDATE] = {workspace_check, workspace_proceed, true},
    [MESSAGE_LEASE_REQUEST] = {lease_request_check, lease_request_proceed},
    [MESSAGE_LEASE_RELEASE] = {lease_release_check, lease_release_proceed},
    [MESSAGE_COMMITMENT] = {commitment_check, commitment_proceed},
    [MESSAGE_MEASUREMENT] = {measurement_check, measurement_proceed},
    [MESSAGE_DEAD_LETTER] = {dead_letter_check, dead_letter_proceed},
    [MESSAGE_CHAT] = {chat_check, NULL},
    [MESSAGE_MODERATION] = {moderation_check, moderation_proceed},
    [MESSAGE_TOUCH] = {touch_check, touch_proceed},
    [MESSAGE_APPROVAL_REQUEST] = {approval_request_check, approval_request_proceed},
    [MESSAGE_APPROVAL_ANSWER] = {approval_answer_check, approval_answer_proceed},
    [MESSAGE_ARTIFACT_OFFER] = {artifact_offer_check, artifact_offer_proceed, true},
    [MESSAGE_ARTIFACT_CHUNK] = {artifact_chunk_check, artifact_chunk_proceed},
    [MESSAGE_TASK] = {task_check, task_proceed},
    [MESSAGE_EVIDENCE_REPORT] = {evidence_report_check, evidence_report_proceed},
};

/* ── messages ── */

struct slice request_owner(const struct request *request)
{
    return request->member ? member_owner(request->member) : request->message->sender_id;
}

int chat_check(struct request *request)
{
    return payload_check_string(request, payload_members(request)->text, "payload.text");
}

static int target_check(struct request *request)
{
    struct slice target = request->message->target;
    request->target = NULL;
    if (!target.len)
        return 0;
    if (slice_equal(target, request->message->sender_id))
        return refuse(request->refusal, WIRE_BAD_FIELD, "target_ai is the sender itself, \"%.*s\"",
                      SLICE_FORMAT(target));
    request->target = request->room ? member_addressed(request->room, target) : NULL;
    if (request->target)
        return 0;
    char nearest[WIRE_DETAIL_MAX] = "";
    if (request->room)
        member_nearest(request->room, target, nearest, sizeof nearest);
    return refuse(request->refusal, WIRE_UNKNOWN_TARGET, "no AI \"%.*s\" was seen in this room%s",
                  SLICE_FORMAT(target), nearest);
}

/* What was accepted once of who asked for acks is so for ever; a hello is no such message. */
static bool repeat_check(struct request *request, struct receipt *ret_receipt)
{
    const struct member *member = request->member;
    if (!member || !member->acks || request->message->type == MESSAGE_HELLO)
        return false;
    request->id_hash = id_hash(request->message->message_id);
    return receipt_find(request->room, member, request->id_hash, ret_receipt);
}

int request_check(struct request *request)
{
    const struct handler *handler = &handlers[request->message->type];
    int error = 0;
    request->repeated = repeat_check(request, &request->receipt);
    if (request->repeated)
        return 0;
    if (!request->member)
        error = join_check(request);
    if (error == 0 && request->room && request->room->read_only.by.len)
        error = read_only_check(request);
    if (error == 0)
        error = target_check(request);
    if (error == 0 && handler->fenced)
        error = lease_check_fence(request);
    if (error == 0)
        error = reply_check(request);
    if (error == 0)
        error = chain_check(request);
    if (error == 0 && handler->check)
        error = handler->check(request);
    return error;
}

static void relay_offline(struct request *request)
{
    struct refusal refusal;
    bool stored = letter_is_stored(request->room, request->entry->seq);
    refuse(&refusal, WIRE_TARGET_OFFLINE,
           "\"%.*s\" is not connected: the message was accepted, but not delivered to it%s",
           SLICE_FORMAT(request->target->key), stored ? " yet: it waits for its return" : "");
    text_addf(&request->extra, ",\"accepted\":true,\"stored\":%s", stored ? "true" : "false");
    request_error(request, &refusal);
    text_clear(&request->extra);
}

void relay_message(struct request *request)
{
    const struct message *message = request->message;
    struct outgoing outgoing = {.line = {message->line.at, message->line.len - 1},
                                .origin = LINE_OWN,
                                .level = message_type_level(message->type)};
    if (!request->target) {
        effect_to_room(request, &outgoing, request->member);
        return;
    }
    effect_to_target(request, &outgoing);
    if (message->type != MESSAGE_HELLO && !request->target->peer)
        letter_lay(request, LETTER_LACKS_ABSENT);
    else if (message->type != MESSAGE_HELLO && request->target->level < outgoing.level)
        letter_lay(request, LETTER_LACKS_LEVEL);
    if (!request->target->peer && !request->member->acks)
        relay_offline(request);
}

/* `seq`: of the message that is acked. Who is told that it was not delivered is told whether it
 * waits for a member that is away. */
static void ack_send(struct request *request, uint64_t seq, bool delivered)
{
    const struct member *member = request->member;
    struct seat seat = {request->from, request->member, member->level, member->observer};
    struct outgoing outgoing;
    struct text *text = hub_message_begin(request, MESSAGE_ACK, slice_of("hub"), member->key);
    text_add_literal(text, "{\"message_id\":");
    text_add_string(text, request->message->message_id);
    text_add_literal(text, ",\"seq\":");
    text_add_number(text, seq);
    text_add_literal(text, delivered ? ",\"delivered\":true}" : ",\"delivered\":false,\"stored\":");
    if (!delivered)
        text_add_literal(text, letter_is_stored(request->room, seq) ? "true}" : "false}");
    hub_message_end(request, MESSAGE_ACK, &outgoing);
    effect_to_connection(request, &outgoing, &seat);
}

bool request_is_repeat(struct request *request)
{
    return request->room && repeat_check(request, &request->receipt);
}

void request_ack_again(struct request *request)
{
    ack_send(request, receipt_seq(&request->receipt), receipt_delivered(&request->receipt));
}

/* It was accepted: its sender, who asked for acks, hears so, and may say it again. */
static void request_acknowledge(struct request *request)
{
    uint64_t seq = request->entry->seq;
    bool delivered = !request->target || request->target->peer;
    receipt_keep(request->room, request->member, request->id_hash, seq, request->entry->time_ms,
                 delivered);
    ack_send(request, seq, delivered);
}

static void request_proceed(struct request *request)
{
    enum message_type type = request->message->type;
    const struct handler *handler = &handlers[type];
    if (request->repeated) {
        request_ack_again(request);
        return;
    }
    request->hub->messages++;
    if (!request->member && type != MESSAGE_HELLO) {
        join_proceed(request);
        reach_begin(request->member, request->entry->seq);
        hub_note(request->hub, request->from, HUB_JOINED, request->member->key,
                 request->member->specialization);
    }
    if (request->member && request->member->level == 1)
        session_accept_by_naming(request);
    if (handler->proceed)
        handler->proceed(request);
    if (request->growth.ai_id.len)
        holding_settle(request->room, request->member);
    if (!request->handled && type != MESSAGE_HEARTBEAT)
        relay_message(request);
    assert(request->member); /* who was none has joined by now */
    if (type != MESSAGE_HELLO)
        member_spoke(request->room, request->member, request->entry->time_ms);
    room_count(request->room, request->entry->time_ms);
    if (request->member->holding)
        holding_count(request);
    reply_proceed(request);
    chain_proceed(request);
    sent_answered(request);
    if (request->member->acks && type != MESSAGE_HELLO && type != MESSAGE_HEARTBEAT) {
        sent_keep(request);
        request_acknowledge(request);
    }
}

void request_error(struct request *request, const struct refusal *refusal)
{
    const struct member *member = request->member;
    struct seat seat = {
        .peer = request->from, .member = request->member, .level = member ? member->level : 1};
    hub_error(request, &seat, refusal, request->message->message_id);
}

static void request_find_sender(struct request *request)
{
    const struct peer *peer = peer_find(request->hub, request->from);
    struct slice ai_id = request->message->sender_id;
    struct member *member = peer && peer->room == request->room ? peer->member : NULL;
    if (request->room && (!member || !slice_equal(member->key, ai_id)))
        member = member_find(request->room, ai_id); /* a former hub's connection, or a newcomer */
    request->member = member && member->peer == request->from ? member : NULL;
}

static void request_settle(struct request *request, const struct entry *entry, int error)
{
    request->entry = entry;
    if (error == 0)
        request_proceed(request);
    if (request->message->type == MESSAGE_ARTIFACT_CHUNK)
        chunk_forget(request);
    if (error == 0)
        return;
    request->hub->refused++;
    if (request->mismatched)
        claim_count_mismatch(request);
    request_error(request, request->refusal);
    if (error == -(int)WIRE_LOOP && request->hub->serving)
        loop_tell(request);
}

/* What admit judged a moment ago stands, if nothing was applied in between: no line is read
 * twice on its way through a log that commits at once. */
static bool judged_just_now(const struct hub *hub, const struct room *room,
                            const struct entry *entry)
{
    const struct judged *judged = &hub->judged;
    return judged->request && judged->request->room == room && judged->last_seq == room->last_seq &&
           judged->request->message->line.at == entry->bytes.at &&
           judged->request->from == entry->peer;
}

static void apply_message(struct hub *hub, struct room *room, const struct entry *entry)
{
    if (judged_just_now(hub, room, entry)) {
        struct judged judged = hub->judged;
        hub->judged.request = NULL;
        room->last_seq = entry->seq;
        request_settle(judged.request, entry, judged.error);
        return;
    }
    struct message message;
    struct refusal refusal;
    room->last_seq = entry->seq;
    if (!outlines_take(&room->outlines, entry->seq, entry->bytes, &message) &&
        message_parse(entry->bytes, &message, &refusal) < 0)
        return; /* admit let nothing like that in */
    struct findings found;
    struct request request = {.hub = hub,
                              .room = room,
                              .from = entry->peer,
                              .takes_over = entry->takes_over,
                              .message = &message,
                              .found = &found,
                              .answered_ms = entry->time_ms,
                              .refusal = &refusal};
    request_find_sender(&request);
    int error = request_check(&request);
    request_settle(&request, entry, error);
    text_free(&request.extra);
}

/* ── what else happens ── */

static void apply_start(struct hub *hub, struct room *room, const struct entry *entry)
{
    room->started = hub->serving;
    room->last_seq = entry->seq;
    members_depart(room, entry->time_ms);
    departed_trim(room);
    limits_read(entry->bytes, &room->limits);
}

static bool leaves_by(const struct entry *entry, enum close_reason reason)
{
    return slice_is(entry->bytes, close_reason_text(reason));
}

static void member_leave(struct request *request, struct member *member)
{
    const struct entry *entry = request->entry;
    struct seat seat = {entry->peer, member, member->level, member->observer};
    bool left = leaves_by(entry, CLOSE_LEFT), stayed = member->stays_s;
    bool told = !member->observer && !leaves_by(entry, CLOSE_SHUTTING_DOWN);
    if (left || leaves_by(entry, CLOSE_UNAUTHORIZED)) /* its token, which would let it come back */
        member_stay_no_more(request->room, member);
    member_depart(request->room, member, entry->time_ms);
    bool away = member_is_away(member);
    if (told && !away)
        presence_tell(request, member, entry->bytes, left ? &seat : NULL);
    hub_note(request->hub, entry->peer,
             away     ? HUB_AWAY
             : stayed ? HUB_LEFT_FOR_GOOD
                      : HUB_LEFT,
             member->key, entry->bytes);
    departed_trim(request->room);
}

static void apply_leave(struct hub *hub, struct room *room, const struct entry *entry)
{
    struct request request = {.hub = hub, .room = room, .from = entry->peer, .entry = entry};
    struct member *member = member_seated(room, entry->peer);
    room->last_seq = entry->seq;
    if (member)
        member_leave(&request, member);
    if (leaves_by(entry, CLOSE_LEFT))
        peer_left(hub, entry->peer);
}

static void apply_cursor(struct hub *hub, struct room *room, const struct entry *entry)
{
    struct member *member = member_seated(room, entry->peer);
    struct json_value number = {.kind = JSON_KIND_NUMBER, .raw = entry->bytes};
    uint64_t seq;
    (void)hub;
    room->last_seq = entry->seq;
    if (member && json_u64(number, &seq) == 0)
        member_read(room, member, seq);
}

static void apply_overdue(struct hub *hub, struct room *room, const struct entry *entry)
{
    struct request request = {.hub = hub, .room = room, .entry = entry};
    room->last_seq = entry->seq;
    reply_overdue(&request, entry->bytes);
}

static void apply_unseal(struct hub *hub, struct room *room, const struct entry *entry)
{
    struct request request = {.hub = hub, .room = room, .entry = entry};
    room->last_seq = entry->seq;
    seal_time_up(&request, entry->bytes);
}

static void apply_epoch_end(struct hub *hub, struct room *room, const struct entry *entry)
{
    struct request request = {.hub = hub, .room = room, .entry = entry};
    room->last_seq = entry->seq;
    epoch_time_up(&request, entry->bytes);
}

static void apply_expire(struct hub *hub, struct room *room, const struct entry *entry)
{
    struct request request = {.hub = hub, .room = room, .entry = entry};
    room->last_seq = entry->seq;
    session_expire(&request, entry->bytes,
                   entry->kind == ENTRY_EXPIRE ? SESSION_PENDING : SESSION_ACTIVE);
}

static void apply_lease_end(struct hub *hub, struct room *room, const struct entry *entry)
{
    struct request request = {.hub = hub, .room = room, .entry = entry};
    room->last_seq = entry->seq;
    lease_expire(&request, entry->bytes);
}

static void apply_stay_end(struct hub *hub, struct room *room, const struct entry *entry)
{
    struct request request = {.hub = hub, .room = room, .entry = entry};
    room->last_seq = entry->seq;
    stay_expire(&request, entry->bytes);
}

static void apply_approval_end(struct hub *hub, struct room *room, const struct entry *entry)
{
    struct request request = {.hub = hub, .room = room, .entry = entry};
    room->last_seq = entry->seq;
    approval_overdue(&request, entry->bytes);
}

static void apply_touch_end(struct hub *hub, struct room *room, const struct entry *entry)
{
    struct request request = {.hub = hub, .room = room, .entry = entry};
    room->last_seq = entry->seq;
    touch_expire(&request, entry->bytes);
}

void room_apply(struct room *room, const struct entry *entry)
{
    static void (*const appliers[ENTRY_KIND_COUNT])(struct hub *, struct room *,
                                                    const struct entry *) = {
        [ENTRY_START] = apply_start,
        [ENTRY_MESSAGE] = apply_message,
        [ENTRY_LEAVE] = apply_leave,
        [ENTRY_EXPIRE] = apply_expire,
        [ENTRY_ABANDON] = apply_expire,
        [ENTRY_CURSOR] = apply_cursor,
        [ENTRY_OVERDUE] = apply_overdue,
        [ENTRY_LEASE_END] = apply_lease_end,
        [ENTRY_UNSEAL] = apply_unseal,
        [ENTRY_STAY_END] = apply_stay_end,
        [ENTRY_APPROVAL_END] = apply_approval_end,
        [ENTRY_TOUCH_END] = apply_touch_end,
        [ENTRY_EPOCH_END] = apply_epoch_end};
    assert(entry->seq > room->last_seq && (unsigned)entry->kind < ENTRY_KIND_COUNT);
    appliers[entry->kind](room->hub, room, entry);
    if (entry->kind != ENTRY_CURSOR)
        room->told_seq = entry->seq;
    peer_applied(room->hub, entry);
}

void hub_apply(struct hub *hub, struct slice room_name, const struct entry *entry)
{
    struct room *room = room_find(hub, room_name);
    room_apply(room ? room : room_new(hub, room_name), entry);
}
