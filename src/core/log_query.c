/* log_query: what was said in a room, as an observer would have seen it, read from what the edge
 * keeps. The core says who may ask, and for what; the edge reads, beside the loop, and hands back a
 * page; the answer to the asker is made here. */
#include <inttypes.h>

#include "core/effects.h"
#include "core/handlers.h"
#include "core/memory.h"
#include "core/state.h"
#include "wire/nearest.h"

static int read_types(const struct request *request, struct message_types *ret_types)
{
    struct json_value types = json_get(request->message->payload, "types"), element;
    struct json_iterator elements = {.rest = types.raw};
    if (types.kind == JSON_KIND_ABSENT || types.kind == JSON_KIND_NULL)
        return 0;
    bool fine = types.kind == JSON_KIND_ARRAY;
    while (fine && json_next_element(&elements, &element)) {
        unsigned type = 0;
        while (type < MESSAGE_TYPE_COUNT &&
               !json_string_is(element, slice_of(message_type_text((enum message_type)type))))
            type++;
        fine = type < MESSAGE_TYPE_COUNT;
        if (fine)
            message_types_add(ret_types, (enum message_type)type);
    }
    return fine ? 0
                : refuse(request->refusal, WIRE_BAD_PAYLOAD,
                         "payload.types must be an array of message types");
}

static int read_filter(const struct request *request, struct message_filter *filter)
{
    struct json_value payload = request->message->payload;
    struct slice sender, target, session;
    int error;
    if ((error = payload_text(request, payload, "payload.sender", OPTIONAL, sizeof filter->sender,
                              filter->sender, &sender)) < 0 ||
        (error = payload_text(request, payload, "payload.target", OPTIONAL, sizeof filter->target,
                              filter->target, &target)) < 0 ||
        (error = payload_text(request, payload, "payload.session", OPTIONAL, sizeof filter->session,
                              filter->session, &session)) < 0)
        return error;
    filter->sender_len = sender.len;
    filter->target_len = target.len;
    filter->session_len = session.len;
    return read_types(request, &filter->types);
}

/* No AI was ever here, as far as is remembered: somebody tried that name, or mistyped another. */
static bool room_is_untried(const struct room *room)
{
    const struct member *member;
    TAILQ_FOREACH (member, &room->departed, next)
        if (!member->observer)
            return false;
    return room != room->hub->lobby && room->seat_count == room->observer_count &&
           !knowledge_count(&room->knowledge);
}

/* Rooms with names like that one's which the asker may enter, and in which somebody was. */
static void add_near(struct text *text, const struct request *request, peer_id from)
{
    const struct hub *hub = request->hub;
    struct nearest nearest = {.word = request->room->key};
    if (!room_is_untried(request->room)) {
        text_add_literal(text, "null");
        return;
    }
    for (size_t i = 0; i < hub->room_count; i++) {
        const struct room *room = hub->rooms[i];
        if (!room_is_untried(room) &&
            (!hub->edge.may_enter || hub->edge.may_enter(hub->edge.ctx, from, room->key)))
            nearest_offer(&nearest, room->key);
    }
    text_add_literal(text, "[");
    for (size_t i = 0; i < nearest.count; i++) {
        text_addf(text, "%s", i ? "," : "");
        text_add_string(text, nearest.best[i].name);
    }
    text_add_literal(text, "]");
}

/* {"in_reply_to":…, and what is common to all answers. */
static struct text *result_begin(struct request *request, const struct seat *seat,
                                 const struct member *to, struct slice in_reply_to)
{
    struct text *text = hub_message_begin(request, MESSAGE_LOG_RESULT, slice_of("hub"), to->key);
    text_add_literal(text, "{\"in_reply_to\":");
    text_add_string(text, in_reply_to);
    text_add_literal(text, ",\"last\":");
    text_add_number(text, request->room->last_seq);
    text_add_literal(text, ",\"near\":");
    add_near(text, request, seat->peer);
    return text;
}

static void result_end(struct request *request, const struct seat *to)
{
    struct outgoing outgoing;
    hub_message_end(request, MESSAGE_LOG_RESULT, &outgoing);
    effect_to_connection(request, &outgoing, to);
}

int log_query_answer(struct request *request, const struct seat *to)
{
    struct json_value payload = request->message->payload;
    const struct hub_edge *edge = &request->hub->edge;
    struct hub_log_query query = {.peer = request->from,
                                  .room = request->room->key,
                                  .in_reply_to = request->message->message_id,
                                  .ai_id = request->member->key,
                                  .sees = request->member->sees,
                                  .limit = QUERY_LIMIT,
                                  .until = request->room->last_seq,
                                  .bytes_max = request->room->limits.output_max / 4};
    int error;
    if (!request->member->observer)
        return refuse(request->refusal, WIRE_FORBIDDEN,
                      "who asks for all that was said must have joined with \"role\":\"observer\"");
    if ((error = payload_u64(request, payload, "payload.after", 0, JSON_WHOLE_MAX, &query.after)) <
            0 ||
        (error = payload_u64(request, payload, "payload.until", 0, JSON_WHOLE_MAX, &query.until)) <
            0 ||
        (error = payload_u64(request, payload, "payload.limit", 1, LOG_LIMIT, &query.limit)) < 0 ||
        (error = read_filter(request, &query.filter)) < 0)
        return error;
    if (query.until > request->room->last_seq)
        query.until = request->room->last_seq;
    if (query.after > query.until)
        query.after = query.until;
    if (edge->read_log) {
        query.own = member_own_ids(request->room, request->member);
        bool asked = edge->read_log(edge->ctx, &query);
        slice_free(&query.own);
        return asked ? 0
                     : refuse_over(request->refusal, WIRE_QUOTA_EXCEEDED,
                                   &(struct overrun){"log_queries", "connection", 1, 0},
                                   "one log_query at a time: the last one on this connection is "
                                   "not answered yet");
    }
    struct text *text = result_begin(request, to, request->member, query.in_reply_to);
    text_addf(text,
              ",\"kept\":false,\"damaged\":null,\"first\":%" PRIu64 ",\"upto\":%" PRIu64
              ",\"whole\":true,\"messages\":[]}",
              request->room->last_seq + 1, query.until);
    result_end(request, to);
    return 0;
}

void hub_log_page(struct hub *hub, peer_id id, struct slice in_reply_to,
                  const struct hub_log_page *page, int64_t now)
{
    const struct peer *peer = peer_find(hub, id);
    struct refusal refusal;
    if (!peer || !peer_who(peer))
        return;
    struct request request = {.hub = hub, .room = peer->room, .answered_ms = now};
    struct seat seat = peer_seat(peer);
    if (page->failed) {
        refuse(&refusal, WIRE_STORAGE_UNAVAILABLE, "what was kept can't be read just now");
        hub_error(&request, &seat, &refusal, in_reply_to);
        return;
    }
    struct text *text = result_begin(&request, &seat, peer_who(peer), in_reply_to);
    text_addf(text,
              ",\"kept\":true,\"first\":%" PRIu64 ",\"upto\":%" PRIu64 ",\"whole\":%s,\"damaged\":",
              page->first, page->upto, page->whole ? "true" : "false");
    if (page->damaged)
        text_add_number(text, page->damaged);
    else
        text_add_literal(text, "null");
    text_add_literal(text, ",\"messages\":[");
    text_add(text, page->messages);
    text_add_literal(text, "]}");
    result_end(&request, &seat);
}
