/* Effects: how a line gets from the core to those who should have it.
 *
 * A line is appended to a room's out-stream at most once for each level (level 2 reads `,"seq":N` at its end) and delivered as a
 * span of that stream, so that what goes to many is stored once. */
#include <stdio.h>

#include "core/room.h"

static struct span stream_append(struct hub *hub, const struct room *room, int level,
                                 const struct slice *parts, unsigned count)
{
    return hub->edge.append(hub->edge.ctx, room->number * 2 + (uint32_t)(level - 1), parts, count);
}

static void peer_deliver(struct hub *hub, peer_id peer, struct span span)
{
    hub->deliveries++;
    hub->edge.deliver(hub->edge.ctx, peer, span);
}

#define TAIL_SIZE 32

/* ,"seq":N}\n without printf, which costs a tenth of all that is done for a line. */
static struct slice tail_format(uint64_t seq, char buffer[TAIL_SIZE])
{
    static const char lead[] = ",\"seq\":";
    char *at = buffer + TAIL_SIZE;
    *--at = '\n';
    *--at = '}';
    do
        *--at = (char)('0' + seq % 10);
    while (seq /= 10);
    at -= sizeof lead - 1;
    memcpy(at, lead, sizeof lead - 1);
    return (struct slice){at, (size_t)(buffer + TAIL_SIZE - at)};
}

/* A line is held as parts without its last brace: what stands there differs by level. */
static struct span outgoing_append(struct outgoing *outgoing, int level)
{
    char tail[TAIL_SIZE];
    struct slice parts[4] = {outgoing->parts[0], outgoing->parts[1], outgoing->parts[2],
                             level == 1 ? (struct slice){"}\n", 2}
                                        : tail_format(outgoing->seq, tail)};
    outgoing->appended[level - 1] = true;
    return outgoing->spans[level - 1] =
               stream_append(outgoing->room->hub, outgoing->room, level, parts, 4);
}

static void outgoing_deliver(struct outgoing *outgoing, peer_id peer, int level)
{
    struct span span = outgoing->appended[level - 1] ? outgoing->spans[level - 1]
                                                     : outgoing_append(outgoing, level);
    peer_deliver(outgoing->room->hub, peer, span);
}

void outgoing_to(struct outgoing *outgoing, const struct seat *seat)
{
    if (outgoing->level <= seat->level)
        outgoing_deliver(outgoing, seat->peer, seat->level);
}

void outgoing_to_member(struct outgoing *outgoing, const struct member *member)
{
    if (member && member->peer && outgoing->level <= member->level)
        outgoing_deliver(outgoing, member->peer, member->level);
}

void outgoing_to_observers(struct outgoing *outgoing, const struct member *but,
                           const struct member *but_too)
{
    const struct room *room = outgoing->room;
    for (size_t i = 0; room->observer_count && i < room->seat_count; i++) {
        const struct seat *seat = &room->seats[i];
        if (seat->observer && seat->member != but && seat->member != but_too)
            outgoing_to(outgoing, seat);
    }
}

void outgoing_to_all(struct outgoing *outgoing, const struct member *but)
{
    const struct room *room = outgoing->room;
    for (size_t i = 0; i < room->seat_count; i++)
        if (room->seats[i].member != but)
            outgoing_to(outgoing, &room->seats[i]);
}

/* Fills parts with the line less its last brace; of a hello, `kept` is its payload without secrets. */
static void outgoing_from_line(struct outgoing *outgoing, const struct request *request,
                               struct slice kept)
{
    const struct message *message = request->message;
    struct slice line = {message->line.at, message->line.len - 1};
    *outgoing = (struct outgoing){.room = request->room,
                                  .parts = {line},
                                  .level = message_type_level(message->type),
                                  .seq = request->entry->seq};
    if (!kept.at)
        return;
    const char *behind = message->payload.raw.at + message->payload.raw.len;
    outgoing->parts[0].len = (size_t)(message->payload.raw.at - line.at);
    outgoing->parts[1] = kept;
    outgoing->parts[2] = (struct slice){behind, (size_t)(line.at + line.len - behind)};
}

/* The payload of a hello without the secrets in it; {NULL} when there are none. */
static struct slice hello_without_secrets(const struct request *request)
{
    static const struct slice token = SLICE("token"), resume_token = SLICE("resume_token");
    struct json_iterator members = {.rest = request->message->payload.raw};
    struct json_value name, value;
    struct text *kept = &request->hub->payload;
    bool cut = false;
    text_clear(kept);
    text_add_literal(kept, "{");
    while (json_next_member(&members, &name, &value)) {
        if (json_string_is(name, token) || json_string_is(name, resume_token)) {
            cut = true;
            continue;
        }
        if (kept->len > 1)
            text_add_literal(kept, ",");
        /* name without its quotes, value with all that is its own */
        const char *end = value.raw.at + value.raw.len + (value.kind == JSON_KIND_STRING);
        text_add(kept, (struct slice){name.raw.at - 1, (size_t)(end - name.raw.at + 1)});
    }
    text_add_literal(kept, "}");
    return cut ? text_slice(kept) : (struct slice){NULL, 0};
}

static void relay_offline(struct request *request)
{
    struct refusal refusal;
    refuse(&refusal, WIRE_TARGET_OFFLINE,
           "\"%.*s\" is not connected: the message was accepted, but not delivered to it",
           SLICE_FORMAT(request->target->key));
    hub_error(request->hub, request->peer, &refusal, request->message->message_id,
              (struct slice){NULL, 0}, request->entry->time_ms);
}

void relay_message(struct request *request)
{
    struct outgoing outgoing;
    bool hello = request->message->type == MESSAGE_HELLO;
    outgoing_from_line(&outgoing, request,
                       hello ? hello_without_secrets(request) : (struct slice){NULL, 0});
    if (!request->target) {
        outgoing_to_all(&outgoing, request->member);
        return;
    }
    outgoing_to_member(&outgoing, request->target);
    outgoing_to_observers(&outgoing, request->member, request->target);
    if (!request->target->peer)
        relay_offline(request);
}

/* ── what the hub says itself ── */

void hub_secret(struct hub *hub, struct slice room, uint64_t seq, uint32_t count, char ret_hex[33])
{
    uint8_t bytes[16];
    hub->edge.derive(hub->edge.ctx, room, seq, count, bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(ret_hex + 2 * i, 3, "%02x", bytes[i]);
}

void hub_uuid(struct hub *hub, struct slice room, uint64_t seq, uint32_t count,
              char ret_uuid[UUID_SIZE])
{
    uint8_t bytes[16];
    hub->edge.derive(hub->edge.ctx, room, seq, count, bytes);
    uuid_format(bytes, ret_uuid);
}

struct text *hub_message_begin(struct request *request, enum message_type type, struct slice sender,
                               struct slice target)
{
    struct hub *hub = request->hub;
    char uuid[UUID_SIZE], timestamp[TIMESTAMP_SIZE];
    hub_uuid(hub, request->room->key, request->entry->seq, request->made++, uuid);
    timestamp_format(request->entry->time_ms, timestamp);
    text_clear(&hub->scratch);
    message_begin(&hub->scratch, slice_of(uuid), sender, type, slice_of(timestamp), target);
    return &hub->scratch;
}

void hub_message_end(struct request *request, enum message_type type, struct outgoing *ret_outgoing)
{
    struct text *line = &request->hub->scratch;
    message_end(line);
    *ret_outgoing = (struct outgoing){.room = request->room,
                                      .parts = {{line->at, line->len - 1}},
                                      .level = message_type_level(type),
                                      .seq = request->entry->seq};
}

/* Ids of errors come from a range of counts that no entry's messages reach. */
#define REFUSAL_COUNTS 0x80000000u

void hub_error(struct hub *hub, struct peer *peer, const struct refusal *refusal,
               struct slice in_reply_to, struct slice extra, int64_t now)
{
    const struct room *room = peer->room ? peer->room : hub->rooms[0];
    int level = peer->member ? peer->member->level : 1;
    char uuid[UUID_SIZE], timestamp[TIMESTAMP_SIZE];
    hub->refusals++;
    hub_uuid(hub, room->key, hub->refusals, REFUSAL_COUNTS, uuid);
    timestamp_format(now, timestamp);
    struct text *line = &hub->scratch;
    text_clear(line);
    message_begin(line, slice_of(uuid), slice_of("hub"), MESSAGE_ERROR, slice_of(timestamp),
                  peer->member ? peer->member->key : (struct slice){NULL, 0});
    text_addf(line, "{\"code\":\"%s\",\"detail\":", wire_error_code(refusal->code));
    text_add_string(line, slice_of(refusal->detail));
    text_add_literal(line, ",\"in_reply_to\":");
    if (in_reply_to.len)
        text_add_string(line, in_reply_to);
    else
        text_add_literal(line, "null");
    text_add(line, extra);
    text_add_literal(line, "}");
    message_end(line);
    char seq[32];
    int seq_len =
        level == 1 ? 0
                   : snprintf(seq, sizeof seq, ",\"seq\":%llu", (unsigned long long)room->last_seq);
    struct slice parts[3] = {{line->at, line->len - 1}, {seq, (size_t)seq_len}, {"}\n", 2}};
    peer_deliver(hub, peer->id, stream_append(hub, room, level, parts, 3));
    hub_note(hub, peer->id, HUB_REFUSED, slice_of(wire_error_code(refusal->code)),
             slice_of(refusal->detail));
}

void text_add_fraction(struct text *text, double number)
{
    char digits[32];
    snprintf(digits, sizeof digits, "%.17g", number);
    text_addf(text, strpbrk(digits, ".e") ? "%s" : "%s.0", digits);
}

void hub_note(struct hub *hub, peer_id peer, enum hub_event event, struct slice subject,
              struct slice detail)
{
    if (hub->edge.note)
        hub->edge.note(hub->edge.ctx, peer, event, subject, detail);
}
