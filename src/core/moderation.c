/* Moderation: the orders of admins. What they leave behind is in bans.c. */
#include "core/moderation.h"

#include <assert.h>

#include "core/collaboration.h"
#include "core/effects.h"
#include "core/handlers.h"
#include "core/memory.h"
#include "core/state.h"

enum action {
    ACTION_KICK,
    ACTION_BAN,
    ACTION_UNBAN,
    ACTION_READ_ONLY,
    ACTION_WRITABLE,
    ACTION_RETRACT,
    ACTION_COUNT
};

static const struct {
    const char *text;
    bool reasoned; /* nobody does it without a reason */
    enum { AT_ROOM, AT_SOMEBODY, AT_ENTRY } aim;
} actions[ACTION_COUNT] = {
    [ACTION_KICK] = {"kick", true, AT_SOMEBODY},
    [ACTION_BAN] = {"ban", true, AT_SOMEBODY},
    [ACTION_UNBAN] = {"unban", false, AT_SOMEBODY},
    [ACTION_READ_ONLY] = {"read_only", true, AT_ROOM},
    [ACTION_WRITABLE] = {"writable", false, AT_ROOM},
    [ACTION_RETRACT] = {"retract", true, AT_ENTRY},
};

/* What a moderation message orders; texts in the struct's own buffers. */
struct order {
    char name_text[COMPONENT_ID_BYTES_MAX], reason_text[MODERATION_REASON_MAX];
    enum action action;
    struct moderated whom;
    struct slice reason;
    uint64_t for_s; /* 0: for ever */
};

/* ── reading ── */

static int action_read(const struct request *request, struct order *ret_order)
{
    struct json_value action = json_get(request->message->payload, "action");
    char shown[PAYLOAD_SHOWN_SIZE];
    for (int at = 0; at < ACTION_COUNT; at++) {
        if (json_string_is(action, slice_of(actions[at].text))) {
            ret_order->action = (enum action)at;
            return 0;
        }
    }
    return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                  "payload.action must be \"kick\", \"ban\", \"unban\", \"read_only\", "
                  "\"writable\" or \"retract\", and is %s",
                  payload_shown(action, shown));
}

static int somebody_read(const struct request *request, struct json_value target,
                         struct order *ret_order)
{
    struct slice ai_id, owner;
    char owner_text[WIRE_ID_MAX];
    int error;
    if ((error = payload_text(request, target, "payload.target.ai_id", OPTIONAL, WIRE_ID_MAX,
                              ret_order->name_text, &ai_id)) < 0 ||
        (error = payload_text(request, target, "payload.target.owner", OPTIONAL, sizeof owner_text,
                              owner_text, &owner)) < 0)
        return error;
    if ((ai_id.len > 0) == (owner.len > 0))
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload.target must have either an ai_id or an owner (a token's name)");
    if (owner.len)
        memcpy(ret_order->name_text, owner_text, owner.len);
    ret_order->whom = (struct moderated){.is_owner = owner.len > 0,
                                         .name = {ret_order->name_text, ai_id.len + owner.len}};
    return 0;
}

static int retracted_read(const struct request *request, struct json_value target,
                          struct order *ret_order)
{
    struct moderated *what = &ret_order->whom;
    int error;
    if ((error = payload_text(request, target, "payload.target.id", OPTIONAL,
                              sizeof ret_order->name_text, ret_order->name_text, &what->name)) <
            0 ||
        (error =
             payload_u64(request, target, "payload.target.seq", 1, JSON_WHOLE_MAX, &what->seq)) < 0)
        return error;
    what->is_entry = what->name.len > 0;
    if (what->is_entry != (what->seq > 0))
        return 0;
    return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                  "payload.target must have either the id of an entry or the seq of a message");
}

static int target_read(const struct request *request, struct order *ret_order)
{
    struct json_value target = json_get(request->message->payload, "target");
    int error;
    ret_order->whom = (struct moderated){.is_owner = false};
    if (actions[ret_order->action].aim == AT_ROOM) {
        if (target.kind == JSON_KIND_ABSENT || target.kind == JSON_KIND_NULL)
            return 0;
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload.target is no part of %s, which is for the whole room",
                      actions[ret_order->action].text);
    }
    if ((error = payload_object_of(request, target, "payload.target", &target)) < 0)
        return error;
    if (actions[ret_order->action].aim == AT_SOMEBODY)
        return somebody_read(request, target, ret_order);
    return retracted_read(request, target, ret_order);
}

static int order_read(const struct request *request, struct order *ret_order)
{
    struct json_value payload = request->message->payload;
    int error;
    ret_order->for_s = 0;
    if ((error = action_read(request, ret_order)) < 0)
        return error;
    enum need need = actions[ret_order->action].reasoned ? REQUIRED : OPTIONAL;
    if ((error =
             payload_text(request, payload, "payload.reason", need, sizeof ret_order->reason_text,
                          ret_order->reason_text, &ret_order->reason)) < 0 ||
        (error = target_read(request, ret_order)) < 0)
        return error;
    return ret_order->action == ACTION_BAN ? payload_u64(request, payload, "payload.for_s", 1,
                                                         BAN_SECONDS_MAX, &ret_order->for_s)
                                           : 0;
}

/* ── a room that is read-only ── */

void moderation_free(struct room *room)
{
    bans_free(room);
    ruling_free(&room->read_only);
}

/* To look, to come and to say that one is there is no writing; and admins write on. */
int read_only_check(struct request *request)
{
    const struct room *room = request->room;
    const struct ruling *ruling = &room->read_only;
    enum message_type type = request->message->type;
    char since[TIMESTAMP_SIZE];
    if (type == MESSAGE_HELLO || type == MESSAGE_HEARTBEAT ||
        (request->member && request->member->admin))
        return 0;
    timestamp_format(ruling->since_ms, since);
    ruling_write(ruling, &request->extra);
    text_add_member(&request->extra, "since", slice_of(since));
    return refuse(request->refusal, WIRE_READ_ONLY,
                  "room \"%.*s\" is read-only since %s, by \"%.*s\": %.*s", SLICE_FORMAT(room->key),
                  since, SLICE_FORMAT(ruling->by), SLICE_FORMAT(ruling->reason));
}

/* ── whom it meets ── */

static bool meets(const struct moderated *whom, const struct member *member)
{
    return slice_equal(whom->name, whom->is_owner ? member_owner(member) : member->key);
}

/* The last of those who are here, connected or away, whom it meets; NULL: none. */
static struct member *met_last(const struct room *room, const struct moderated *whom)
{
    struct member *member;
    size_t place = room->seat_count;
    while (place > 0 && !meets(whom, room->seats[place - 1].member))
        place--;
    if (place > 0)
        return room->seats[place - 1].member;
    TAILQ_FOREACH (member, &room->away, next)
        if (meets(whom, member))
            return member;
    return NULL;
}

static int kick_check(const struct request *request, const struct moderated *whom)
{
    const struct room *room = request->room;
    const struct member *met = met_last(room, whom);
    if (!whom->is_owner && !met && !member_find(room, whom->name)) {
        char nearest[WIRE_DETAIL_MAX];
        member_nearest(room, whom->name, nearest, sizeof nearest);
        return refuse(request->refusal, WIRE_UNKNOWN_TARGET,
                      "no AI \"%.*s\" was seen in this room%s", SLICE_FORMAT(whom->name), nearest);
    }
    if (!met)
        return refuse(
            request->refusal, WIRE_TARGET_OFFLINE,
            "%s \"%.*s\" is connected to this room, or stays in it: there is nobody to kick",
            whom->is_owner ? "nobody of the token" : "no", SLICE_FORMAT(whom->name));
    return 0;
}

/* Admins are equals: whoever gave out their tokens takes them back. */
static int admin_spare(const struct request *request, const struct moderated *whom)
{
    const struct room *room = request->room;
    const struct member *met = met_last(room, whom);
    if (!met || !met->admin)
        return 0;
    return refuse(request->refusal, WIRE_FORBIDDEN,
                  "\"%.*s\" is an admin itself: no other kicks or bans it; revoke its token "
                  "(khub token revoke)",
                  SLICE_FORMAT(met->key));
}

/* ── does it fit ── */

/* Of an order that is well said: does it fit the room? */
static int order_check(const struct request *request, const struct order *order)
{
    const struct room *room = request->room;
    int error;
    switch (order->action) {
    case ACTION_READ_ONLY:
        return 0;
    case ACTION_RETRACT:
        return retraction_check(request, &order->whom);
    case ACTION_WRITABLE:
        return room->read_only.by.len
                   ? 0
                   : refuse(request->refusal, WIRE_CONFLICT, "room \"%.*s\" is writable already",
                            SLICE_FORMAT(room->key));
    case ACTION_UNBAN:
        return ban_find(room, &order->whom, request->answered_ms)
                   ? 0
                   : refuse(request->refusal, WIRE_NOT_FOUND,
                            "the %s \"%.*s\" is not banned from this room",
                            order->whom.is_owner ? "token" : "id", SLICE_FORMAT(order->whom.name));
    default:
        break;
    }
    if ((error = admin_spare(request, &order->whom)) < 0)
        return error;
    if (order->action == ACTION_KICK)
        return kick_check(request, &order->whom);
    return ban_has_place(room, &order->whom, request->answered_ms)
               ? 0
               : refuse_over(request->refusal, WIRE_QUOTA_EXCEEDED,
                             &(struct overrun){"bans", "room", BANS_MAX, 0},
                             "%u bans are in force in this room, the most there may be", BANS_MAX);
}

int moderation_check(struct request *request)
{
    struct order order;
    if (!request->member || !request->member->admin)
        return refuse(request->refusal, WIRE_FORBIDDEN,
                      "a moderation is an admin's: join with a token of that role (khub token add "
                      "NAME --role admin)");
    if (request->target)
        return refuse(request->refusal, WIRE_BAD_FIELD,
                      "a moderation is for the whole room: whom it meets stands in payload.target, "
                      "and target_ai is null");
    int error = order_read(request, &order);
    return error < 0 ? error : order_check(request, &order);
}

/* ── telling ── */

/* All of level 2 hear who did what to whom, and why. The line, good until the next one is made. */
static struct slice order_tell(struct request *request, const struct order *order, int64_t until_ms)
{
    struct outgoing outgoing;
    const struct member *admin = request->member;
    struct text *text =
        hub_message_begin(request, MESSAGE_MODERATION, slice_of("hub"), (struct slice){NULL, 0});
    text_addf(text, "{\"action\":\"%s\",\"target\":", actions[order->action].text);
    moderated_write(&order->whom, text);
    ruling_write(&(struct ruling){.by = member_owner(admin), .reason = order->reason}, text);
    text_add_member(text, "by_ai", admin->key);
    text_add_literal(text, ",\"until\":");
    until_write(until_ms, text);
    text_add_member(text, "in_reply_to", request->message->message_id);
    text_add_literal(text, "}");
    hub_message_end(request, MESSAGE_MODERATION, &outgoing);
    effect_to_room(request, &outgoing, NULL);
    return outgoing.line;
}

/* For the hub's log and the audit: what was done, and to whom. */
static void order_note(const struct request *request, const struct order *order)
{
    struct hub *hub = request->hub;
    struct text *text = &hub->cut;
    text_clear(text);
    if (order->whom.name.len)
        text_addf(text, "%s \"%.*s\" in ",
                  order->whom.is_owner   ? "token"
                  : order->whom.is_entry ? "entry"
                                         : "id",
                  SLICE_FORMAT(order->whom.name));
    if (order->whom.seq)
        text_addf(text, "message %llu in ", (unsigned long long)order->whom.seq);
    text_addf(text, "room \"%.*s\"", SLICE_FORMAT(request->room->key));
    if (order->for_s)
        text_addf(text, " for %llu s", (unsigned long long)order->for_s);
    if (order->reason.len)
        text_addf(text, ": %.*s", SLICE_FORMAT(order->reason));
    struct hub_act act = {.action = actions[order->action].text,
                          .time_ms = request->entry->time_ms,
                          .owner = member_owner(request->member),
                          .ai_id = request->member->key,
                          .room = request->room->key,
                          .detail = text_slice(text)};
    hub_note(hub, request->from, HUB_MODERATION, slice_of(act.action), act.detail);
    if (hub->edge.acted)
        hub->edge.acted(hub->edge.ctx, request->from, &act);
}

/* ── doing ── */

/* Its connection goes as if it had left, but that it is told. What it said meanwhile, and has no
 * place yet, is nobody's any more: `expelled` is how apply knows it. */
static void member_expel(struct request *request, struct member *member, enum close_reason reason,
                         const struct refusal *refusal)
{
    struct hub *hub = request->hub;
    struct seat seat = {member->peer, member, member->level, member->observer};
    struct peer *peer = peer_find(hub, member->peer);
    bool connected = member->peer, stayed = member->stays_s;
    if (connected)
        hub_error(request, &seat, refusal, (struct slice){NULL, 0});
    member_stay_no_more(request->room, member);
    if (connected) {
        member->expelled = member->peer;
        member_depart(request->room, member, request->entry->time_ms);
    }
    if (!member->observer)
        presence_tell(request, member, slice_of(close_reason_text(reason)), NULL);
    hub_note(hub, seat.peer, stayed ? HUB_LEFT_FOR_GOOD : HUB_LEFT, member->key,
             slice_of(close_reason_text(reason)));
    if (peer) {
        hub->edge.close(hub->edge.ctx, seat.peer, reason);
        peer_drop(hub, peer);
    }
}

/* Those who only look while nothing can be kept are in no log, and in no row of seats. */
static void guests_expel(struct request *request, const struct moderated *whom,
                         enum close_reason reason, const struct refusal *refusal)
{
    struct hub *hub = request->hub;
    for (size_t i = 0; i < hub->peer_capacity; i++) {
        struct peer *peer = &hub->peers[i];
        if (!peer->id || !peer->guest || peer->room != request->room || peer->admin ||
            !slice_equal(whom->name, whom->is_owner ? peer_owner(peer) : peer->ai_id))
            continue;
        if (peer->under_way) /* its hello: apply will have its word */
            peer_unreceive(hub, peer, refusal, request->entry->time_ms);
        else
            peer_expel(hub, peer, reason, refusal, request->entry->time_ms);
    }
}

static void order_expel(struct request *request, const struct order *order, int64_t until_ms)
{
    struct room *room = request->room;
    struct member *met;
    struct refusal refusal;
    bool ban = order->action == ACTION_BAN;
    char until[TIMESTAMP_SIZE];
    refuse(&refusal, ban ? WIRE_BANNED : WIRE_KICKED, "%s by \"%.*s\"%s%s: %.*s",
           ban ? "banned" : "kicked", SLICE_FORMAT(member_owner(request->member)),
           until_ms ? " until " : "", until_ms ? (timestamp_format(until_ms, until), until) : "",
           SLICE_FORMAT(order->reason));
    ruling_write(&(struct ruling){.by = member_owner(request->member), .reason = order->reason},
                 &request->extra);
    if (ban) {
        text_add_literal(&request->extra, ",\"until\":");
        until_write(until_ms, &request->extra);
    }
    enum close_reason reason = ban ? CLOSE_BANNED : CLOSE_KICKED;
    while ((met = met_last(room, &order->whom)))
        member_expel(request, met, reason, &refusal);
    text_clear(&request->extra);
    if (ban)
        guests_expel(request, &order->whom, reason, &refusal);
}

static void read_only_set(struct request *request, bool read_only, struct slice reason)
{
    struct ruling *ruling = &request->room->read_only;
    ruling_free(ruling);
    if (read_only)
        *ruling = ruling_copy(
            &(struct ruling){member_owner(request->member), reason, request->entry->time_ms});
}

void moderation_proceed(struct request *request)
{
    struct order order;
    int error = order_read(request, &order);
    assert(error == 0); /* checked before */
    (void)error;
    int64_t now = request->entry->time_ms;
    int64_t until = order.for_s ? now + (int64_t)order.for_s * 1000 : 0;
    request->handled = true;
    if (order.action == ACTION_UNBAN)
        ban_lift(request->room, ban_find(request->room, &order.whom, now));
    if (order.action == ACTION_BAN)
        ban_put(request, &order.whom, order.reason, until);
    if (actions[order.action].aim == AT_ROOM)
        read_only_set(request, order.action == ACTION_READ_ONLY, order.reason);
    struct slice told = order_tell(request, &order, until);
    order_note(request, &order);
    if (order.action == ACTION_KICK || order.action == ACTION_BAN)
        order_expel(request, &order, until);
    if (order.action == ACTION_RETRACT)
        retraction_proceed(request, &order.whom, order.reason, told);
    departed_trim(request->room);
}
