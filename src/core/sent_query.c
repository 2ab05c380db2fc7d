/* sent_query: what became of what an AI said, for each receiver. Nothing of it is written down when
 * a message is delivered: it follows from what each was given, and said of its cursor. */
#include <inttypes.h>

#include "core/collaboration.h"
#include "core/effects.h"
#include "core/handlers.h"
#include "core/memory.h"
#include "core/state.h"

/* X(NAME, text) */
#define SENT_STATES(X)                                                                             \
    X(STORED, "stored")       /* it waits for the receiver, which gets it when it asks */          \
    X(DELIVERED, "delivered") /* the connection that it has now was given it */                    \
    X(SEEN, "seen")           /* the receiver said that it has read it */                          \
    X(ACTED_ON, "acted_on")   /* a message of its names it */                                      \
    X(DEAD, "dead")           /* a dead letter: see letters.h */                                   \
    X(GONE, "gone")           /* nothing brings it any more, and it never said to have read it */

enum sent_state {
#define X(name, text) SENT_STATE_##name,
    SENT_STATES(X)
#undef X
        SENT_STATE_COUNT
};

static const char *const state_texts[] = {
#define X(name, text) text,
    SENT_STATES(X)
#undef X
};

struct sent_query {
    char sender_text[WIRE_ID_MAX], message_id_text[WIRE_ID_MAX], after_text[WIRE_ID_MAX];
    struct slice sender, message_id;
    struct slice after; /* receivers behind this one; len 0: from the first */
    uint64_t seq;       /* 0, and no message_id: many */
    uint64_t before;    /* messages before this one */
    uint64_t limit;
};

static int query_read(struct request *request, struct sent_query *query)
{
    struct json_value payload = request->message->payload;
    int error;
    query->limit = QUERY_PRESET;
    query->before = UINT64_MAX;
    if ((error = payload_text(request, payload, "payload.sender", OPTIONAL,
                              sizeof query->sender_text, query->sender_text, &query->sender)) < 0 ||
        (error = payload_text(request, payload, "payload.message_id", OPTIONAL,
                              sizeof query->message_id_text, query->message_id_text,
                              &query->message_id)) < 0 ||
        (error = payload_text(request, payload, "payload.after", OPTIONAL, sizeof query->after_text,
                              query->after_text, &query->after)) < 0 ||
        (error = payload_u64(request, payload, "payload.seq", 1, JSON_WHOLE_MAX, &query->seq)) <
            0 ||
        (error = payload_u64(request, payload, "payload.before", 1, JSON_WHOLE_MAX,
                             &query->before)) < 0 ||
        (error = payload_u64(request, payload, "payload.limit", 1, QUERY_LIMIT, &query->limit)) < 0)
        return error;
    if (!query->sender.len)
        query->sender = request->member->key;
    if (request->member->observer || slice_equal(query->sender, request->member->key))
        return 0;
    return refuse(
        request->refusal, WIRE_FORBIDDEN,
        "what became of another's messages only observers may ask (\"role\":\"observer\")");
}

/* Members ask of their own; observers of what they are shown. */
static bool may_see(const struct request *request, const struct sent *sent)
{
    struct slice names[PARTICIPANTS_MAX + 1];
    size_t count = sent->name_count;
    if (!sent->name_count || slice_equal(sent->sender->key, request->member->key))
        return true;
    memcpy(names, sent->names, count * sizeof *names);
    names[count++] = sent->sender->key;
    return member_oversees(request->room, request->member, names, count);
}

/* ── one receiver ── */

/* How far it said to have read, be that kept yet or not. */
static uint64_t cursor_of(struct hub *hub, const struct member *member)
{
    const struct peer *peer = member->peer ? peer_find(hub, member->peer) : NULL;
    return peer && peer->cursor > member->cursor ? peer->cursor : member->cursor;
}

/* It stays, and is given what it missed when it asks. */
static bool is_kept_for(const struct room *room, const struct member *member)
{
    return room->limits.keeps && member->stays_s;
}

static enum sent_state state_reached(const struct room *room, const struct member *member,
                                     uint64_t place)
{
    const struct peer *peer;
    switch (reach_find(member, cursor_of(room->hub, member), place)) {
    case REACHED_READ:
        return SENT_STATE_SEEN;
    case REACHED_NOW:
        peer = peer_find(room->hub, member->peer);
        return peer && peer->catching_up ? SENT_STATE_STORED : SENT_STATE_DELIVERED;
    case REACHED_LATER:
    case REACHED_ONCE:
        return is_kept_for(room, member) ? SENT_STATE_STORED : SENT_STATE_GONE;
    case REACHED_NOT:
        break;
    }
    return SENT_STATE_GONE;
}

/* member: of that name; NULL: it is forgotten. */
static enum sent_state state_of(const struct room *room, const struct sent *sent,
                                struct slice ai_id, const struct member *member)
{
    enum letter_lack lack = letter_lack(room, sent->place);
    if (sent_act(sent, ai_id))
        return SENT_STATE_ACTED_ON;
    if (lack == LETTER_LACKS_LEVEL)
        return SENT_STATE_DEAD;
    enum sent_state state = member ? state_reached(room, member, sent->place) : SENT_STATE_GONE;
    return state == SENT_STATE_GONE && lack == LETTER_LACKS_ABSENT ? SENT_STATE_DEAD : state;
}

/* Was it there when that was said to all, or is it given it later? */
static bool was_there(const struct room *room, const struct sent *sent, const struct member *member)
{
    if (!sent_is_for(sent, member))
        return false;
    switch (reach_find(member, cursor_of(room->hub, member), sent->place)) {
    case REACHED_NOT:
        return false;
    case REACHED_LATER:
        return is_kept_for(room, member);
    case REACHED_ONCE:
    case REACHED_NOW:
    case REACHED_READ:
        break;
    }
    return true;
}

/* ── all of one message ── */

struct telling {
    const struct room *room;
    const struct sent *sent;
    struct slice after; /* those behind it are told, */
    uint64_t limit;     /* so many at the most */
    struct text *text;
    size_t told, total, counts[SENT_STATE_COUNT];
    struct slice last; /* that was told */
    bool more;
};

static void receiver_tell(struct telling *telling, struct slice ai_id, const struct member *member)
{
    enum sent_state state = state_of(telling->room, telling->sent, ai_id, member);
    const struct act *act = sent_act(telling->sent, ai_id);
    struct text *text = telling->text;
    char time[TIMESTAMP_SIZE];
    telling->total++;
    telling->counts[state]++;
    if (slice_compare(ai_id, telling->after) <= 0)
        return;
    telling->more = telling->told == telling->limit;
    if (telling->more)
        return;
    text_add_literal(text, telling->told++ ? ",{\"ai_id\":" : "{\"ai_id\":");
    text_add_string(text, ai_id);
    text_addf(text, ",\"state\":\"%s\"", state_texts[state]);
    if (act) {
        timestamp_format(act->at_ms, time);
        text_addf(text, ",\"by_seq\":%" PRIu64 ",\"at\":\"%s\"", act->seq, time);
    }
    if (state == SENT_STATE_DEAD)
        text_addf(text, ",\"why\":\"%s\"",
                  letter_lack_text(letter_lack(telling->room, telling->sent->place)));
    text_add_literal(text, "}");
    telling->last = ai_id;
}

static void member_look(void *object, void *ctx)
{
    const struct member *member = object;
    struct telling *telling = ctx;
    if (was_there(telling->room, telling->sent, member))
        receiver_tell(telling, member->key, member);
}

/* In the bytewise order of their ids. */
static void names_look(struct telling *telling)
{
    const struct sent *sent = telling->sent;
    bool done[PARTICIPANTS_MAX] = {false};
    for (size_t i = 0; i < sent->name_count; i++) {
        size_t least = sent->name_count;
        for (size_t j = 0; j < sent->name_count; j++)
            if (!done[j] && (least == sent->name_count ||
                             slice_compare(sent->names[j], sent->names[least]) < 0))
                least = j;
        done[least] = true;
        receiver_tell(telling, sent->names[least], member_find(telling->room, sent->names[least]));
    }
}

static void sent_tell(struct telling *telling)
{
    const struct sent *sent = telling->sent;
    struct text *text = telling->text;
    char time[TIMESTAMP_SIZE];
    text_addf(text, "{\"seq\":%" PRIu64, sent->seq);
    text_add_member(text, "message_id", sent->message_id);
    text_add_member(text, "sender", sent->sender->key);
    text_add_member(text, "type", slice_of(message_type_text(sent->type)));
    timestamp_format(sent->said_ms, time);
    text_addf(text, ",\"at\":\"%s\",\"to_all\":%s,\"receivers\":[", time,
              sent->name_count ? "false" : "true");
    if (sent->name_count)
        names_look(telling);
    else
        index_walk(&telling->room->members, member_look, telling);
    text_addf(text, "],\"total\":%zu,\"counts\":{", telling->total);
    for (int state = 0; state < SENT_STATE_COUNT; state++)
        text_addf(text, "%s\"%s\":%zu", state ? "," : "", state_texts[state],
                  telling->counts[state]);
    text_add_literal(text, "}}");
}

/* ── the answer ── */

static void one_write(const struct request *request, const struct sent_query *query,
                      const struct sent *sent, struct text *text)
{
    struct telling telling = {.room = request->room,
                              .sent = sent,
                              .after = query->after,
                              .limit = query->limit,
                              .text = text};
    sent_tell(&telling);
    text_add_literal(text, "],\"next\":");
    if (telling.more)
        text_add_string(text, telling.last);
    else
        text_add_literal(text, "null");
}

/* The newest first. Of those to all each costs a look at everybody: a page may be short. */
static void many_write(const struct request *request, const struct sent_query *query,
                       const struct member *sender, struct text *text)
{
    const struct room *room = request->room;
    const struct sent *sent = sender ? TAILQ_LAST(&sender->sent, sent_list) : NULL;
    size_t begun = text->len, told = 0, looks = 0;
    uint64_t last = 0;
    for (; sent; sent = TAILQ_PREV(sent, sent_list, own)) {
        if (sent->seq >= query->before || !may_see(request, sent))
            continue;
        if (told == query->limit ||
            (told && (looks > SENT_LOOKS_MAX || text->len - begun > room->limits.sync_limit)))
            break;
        struct telling telling = {
            .room = room, .sent = sent, .limit = SENT_RECEIVERS_SHOWN, .text = text};
        text_add_literal(text, told++ ? "," : "");
        sent_tell(&telling);
        looks += sent->name_count ? sent->name_count : room->members.count;
        last = sent->seq;
    }
    text_add_literal(text, "],\"next\":");
    if (sent)
        text_addf(text, "%" PRIu64, last);
    else
        text_add_literal(text, "null");
}

int sent_query_answer(struct request *request, const struct seat *to)
{
    struct sent_query query = {.seq = 0};
    const struct room *room = request->room;
    struct outgoing outgoing;
    int error = query_read(request, &query);
    if (error < 0)
        return error;
    const struct member *sender = member_find(room, query.sender);
    bool one = query.seq || query.message_id.len;
    const struct sent *sent = one && sender ? sent_find(sender, query.message_id, query.seq) : NULL;
    if (one && (!sent || !may_see(request, sent)))
        return refuse(request->refusal, WIRE_NOT_FOUND,
                      "no such message of \"%.*s\" is known here: of each AI with acks it is its "
                      "last %u",
                      SLICE_FORMAT(query.sender), SENT_EACH_MAX);
    struct text *text =
        hub_message_begin(request, MESSAGE_SENT_RESULT, slice_of("hub"), request->member->key);
    text_add_literal(text, "{\"in_reply_to\":");
    text_add_string(text, request->message->message_id);
    text_add_literal(text, ",\"messages\":[");
    if (one)
        one_write(request, &query, sent, text);
    else
        many_write(request, &query, sender, text);
    text_add_literal(text, "}");
    hub_message_end(request, MESSAGE_SENT_RESULT, &outgoing);
    effect_to_connection(request, &outgoing, to);
    return 0;
}
