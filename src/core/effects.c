/* How a line gets from the core to those who should have it: effects, answers, and the lines that
 * the hub makes itself. */
#include <assert.h>
#include <stdio.h>

#include "core/effects.h"
#include "core/memory.h"
#include "core/state.h"

/* ── the closed lists, as texts ── */

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

const char *sees_text(enum sees sees)
{
    static const char *const texts[] = {
#define X(name, text) text,
        SEES(X)
#undef X
    };
    assert((unsigned)sees < SEES_COUNT);
    return texts[sees];
}

/* ── lines as a level reads them ── */

/* ,"seq":N}\n without printf, which costs a tenth of all that is done for a line. */
static struct slice tail_format(uint64_t seq, char buffer[EFFECT_TAIL_SIZE])
{
    static const char lead[] = ",\"seq\":";
    char *at = buffer + EFFECT_TAIL_SIZE;
    *--at = '\n';
    *--at = '}';
    do
        *--at = (char)('0' + seq % 10);
    while (seq /= 10);
    at -= sizeof lead - 1;
    memcpy(at, lead, sizeof lead - 1);
    return (struct slice){at, (size_t)(buffer + EFFECT_TAIL_SIZE - at)};
}

void effect_parts(const struct effect *effect, int level, char tail[EFFECT_TAIL_SIZE],
                  struct slice ret_parts[EFFECT_PARTS])
{
    ret_parts[0] = effect->line;
    ret_parts[1] = level == 1 ? (struct slice){"}\n", 2} : tail_format(effect->seq, tail);
}

/* ── who should have it ── */

static void effect_send(struct hub *hub, const struct effect *effect)
{
    hub->effects++;
    hub->edge.effect(hub->edge.ctx, effect);
}

/* Has somebody said something in this entry that others are told? That one comes is no more than
 * presence; and what an admin orders stays. */
static bool says_something(const struct request *request, const struct outgoing *outgoing)
{
    return request->message && outgoing->origin != LINE_PASSING &&
           message_type_is_published(request->message->type) &&
           request->message->type != MESSAGE_MODERATION;
}

static struct effect effect_of(struct request *request, const struct outgoing *outgoing)
{
    struct room *room = request->room;
    if (says_something(request, outgoing))
        said_note(room, request->entry->seq, SAID_MESSAGE);
    return (struct effect){.room = room->key,
                           .seq = request->entry->seq,
                           .number = ++request->effects,
                           .origin = outgoing->origin,
                           .level = outgoing->level,
                           .line = outgoing->line,
                           .stream = room->number};
}

void effect_to_room(struct request *request, const struct outgoing *outgoing,
                    const struct member *but)
{
    const struct room *room = request->room;
    struct effect effect = effect_of(request, outgoing);
    effect.audience = AUDIENCE_ROOM;
    if (but)
        effect.but = but->key;
    effect.seats = room->seats;
    effect.seat_count = room->seat_count;
    effect.skipped = but;
    effect_send(request->hub, &effect);
}

static void addressee_add(struct hub *hub, size_t *count, const struct seat *seat)
{
    hub->addressees =
        memory_grow(hub->addressees, &hub->addressee_capacity, *count + 1, sizeof *hub->addressees);
    hub->addressees[(*count)++] = *seat;
}

static bool addressee_named(const struct hub *hub, size_t named, const struct member *member)
{
    for (size_t i = 0; i < named; i++)
        if (hub->addressees[i].member == member)
            return true;
    return false;
}

/* Is an observer shown it, that is for those names? */
static bool effect_is_seen(const struct room *room, const struct effect *effect,
                           const struct member *observer)
{
    return observer->sees == SEES_ALL || /* as most: that costs a relay nothing */
           member_oversees(room, observer, effect->names, effect->name_count) ||
           (effect->but.len && member_oversees(room, observer, &effect->but, 1));
}

/* members: of those names, in their order; NULL where nobody has it. */
static void effect_to_named(struct request *request, const struct outgoing *outgoing,
                            const struct slice *names, struct member *const *members, size_t count,
                            bool observed, const struct member *but)
{
    struct hub *hub = request->hub;
    const struct room *room = request->room;
    struct effect effect = effect_of(request, outgoing);
    struct slice kept[PARTICIPANTS_MAX];
    size_t seats = 0;
    effect.audience = AUDIENCE_MEMBERS;
    effect.names = kept;
    effect.observed = observed;
    if (but)
        effect.but = but->key;
    for (size_t i = 0; i < count; i++) {
        struct member *member = members[i];
        if (but && slice_equal(names[i], but->key))
            continue;
        kept[effect.name_count++] = names[i];
        if (member && member->peer)
            addressee_add(hub, &seats,
                          &(struct seat){member->peer, member, member->level, member->observer});
    }
    size_t named = seats;
    for (size_t i = 0; observed && room->observer_count && i < room->seat_count; i++) {
        const struct seat *seat = &room->seats[i];
        if (seat->observer && seat->member != but && effect_is_seen(room, &effect, seat->member) &&
            !addressee_named(hub, named, seat->member))
            addressee_add(hub, &seats, seat);
    }
    assert(seats <= room->seat_count);
    effect.seats = hub->addressees;
    effect.seat_count = seats;
    effect_send(hub, &effect);
}

void effect_to_names(struct request *request, const struct outgoing *outgoing,
                     const struct slice *names, size_t count, bool observed,
                     const struct member *but)
{
    struct member *members[PARTICIPANTS_MAX];
    assert(count <= PARTICIPANTS_MAX);
    for (size_t i = 0; i < count; i++)
        members[i] = member_find(request->room, names[i]);
    effect_to_named(request, outgoing, names, members, count, observed, but);
}

void effect_to_target(struct request *request, const struct outgoing *outgoing)
{
    effect_to_named(request, outgoing, &request->target->key, &request->target, 1, true,
                    request->member);
}

void effect_to_member(struct request *request, const struct outgoing *outgoing,
                      const struct member *member)
{
    effect_to_names(request, outgoing, &member->key, 1, false, NULL);
}

/* ── what the hub says itself ── */

void hub_secret(struct hub *hub, struct slice room, uint64_t seq, uint32_t count, char ret_hex[33])
{
    uint8_t bytes[16];
    hub->edge.derive(hub->edge.ctx, room, seq, count, bytes);
    hex_format(bytes, sizeof bytes, ret_hex);
}

void hub_uuid(struct hub *hub, struct slice room, uint64_t seq, uint32_t count,
              char ret_uuid[UUID_SIZE])
{
    uint8_t bytes[16];
    hub->edge.derive(hub->edge.ctx, room, seq, count, bytes);
    uuid_format(bytes, ret_uuid);
}

/* The next id that this request's entry has to give; of an answer, one that nobody had. */
static void request_uuid(struct request *request, char ret_uuid[UUID_SIZE])
{
    struct hub *hub = request->hub;
    uint8_t bytes[16];
    if (request->entry)
        hub->edge.identify(hub->edge.ctx, request->room->key, request->entry->seq, request->made++,
                           bytes);
    else
        hub->edge.unique(hub->edge.ctx, bytes);
    uuid_format(bytes, ret_uuid);
}

struct text *hub_message_begin(struct request *request, enum message_type type, struct slice sender,
                               struct slice target)
{
    struct hub *hub = request->hub;
    int64_t time_ms = request->entry ? request->entry->time_ms : request->answered_ms;
    char uuid[UUID_SIZE];
    request_uuid(request, uuid);
    if (!*hub->stamp || time_ms != hub->stamp_ms)
        timestamp_format(time_ms, hub->stamp);
    hub->stamp_ms = time_ms;
    text_clear(&hub->scratch);
    message_begin(&hub->scratch, (struct slice){uuid, UUID_SIZE - 1}, sender, type,
                  slice_of(hub->stamp), target);
    return &hub->scratch;
}

void hub_message_end(struct request *request, enum message_type type, struct outgoing *ret_outgoing)
{
    struct text *line = &request->hub->scratch;
    message_end(line);
    assert(line->len > 1 && line->at[line->len - 1] == '}');
    *ret_outgoing =
        (struct outgoing){.line = {line->at, line->len - 1},
                          .origin = type == MESSAGE_TRAINING_SYNC ? LINE_PASSING : LINE_MADE,
                          .level = message_type_level(type)};
}

void effect_to_connection(struct request *request, const struct outgoing *outgoing,
                          const struct seat *seat)
{
    const struct room *room = request->room;
    struct effect effect = {.room = room->key,
                            .seq = request->entry ? request->entry->seq : room->last_seq,
                            .number = request->entry ? ++request->effects : 0,
                            .audience = AUDIENCE_CONNECTION,
                            .level = outgoing->level,
                            .line = outgoing->line,
                            .stream = room->number,
                            .seats = seat,
                            .seat_count = 1};
    effect_send(request->hub, &effect);
}

/* Which limit it was, and when it is free again. */
static void error_add_overrun(struct text *line, const struct overrun *over)
{
    if (!over->limit)
        return;
    text_addf(line, ",\"limit\":\"%s\",\"whose\":\"%s\",\"most\":%.17g", over->limit, over->whose,
              over->most);
    if (over->wait_ms > 0)
        text_addf(line, ",\"retry_after_ms\":%lld", (long long)over->wait_ms);
}

void hub_error(struct request *request, const struct seat *to, const struct refusal *refusal,
               struct slice in_reply_to)
{
    struct outgoing outgoing;
    struct text *line = hub_message_begin(request, MESSAGE_ERROR, slice_of("hub"),
                                          to->member ? to->member->key : (struct slice){NULL, 0});
    text_addf(line, "{\"code\":\"%s\",\"detail\":", wire_error_code(refusal->code));
    text_add_string(line, slice_of(refusal->detail));
    text_add_literal(line, ",\"in_reply_to\":");
    if (in_reply_to.len)
        text_add_string(line, in_reply_to);
    else
        text_add_literal(line, "null");
    text_add(line, text_slice(&request->extra));
    error_add_overrun(line, &refusal->over);
    text_add_literal(line, "}");
    hub_message_end(request, MESSAGE_ERROR, &outgoing);
    effect_to_connection(request, &outgoing, to);
    hub_note(request->hub, to->peer, HUB_REFUSED, slice_of(wire_error_code(refusal->code)),
             slice_of(refusal->detail));
}

void request_truncated(struct request *request, const struct seat *to, uint64_t first)
{
    struct refusal refusal;
    refuse(&refusal, WIRE_REPLAY_TRUNCATED,
           "what came before seq %llu is not kept: what follows begins there",
           (unsigned long long)first);
    text_addf(&request->extra, ",\"first\":%llu", (unsigned long long)first);
    hub_error(request, to, &refusal, (struct slice){NULL, 0});
    text_free(&request->extra);
}

void request_caught_up(struct request *request, const struct seat *to, uint64_t seq)
{
    struct peer *peer = peer_find(request->hub, to->peer);
    if (peer)
        peer->catching_up = false;
    struct outgoing outgoing;
    struct text *text =
        hub_message_begin(request, MESSAGE_CAUGHT_UP, slice_of("hub"), to->member->key);
    text_addf(text, "{\"seq\":%llu}", (unsigned long long)seq);
    hub_message_end(request, MESSAGE_CAUGHT_UP, &outgoing);
    effect_to_connection(request, &outgoing, to);
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
