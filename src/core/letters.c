#include "core/letters.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/collaboration.h"
#include "core/effects.h"
#include "core/handlers.h"
#include "core/memory.h"
#include "core/state.h"

/* ── piles ── */

void letters_init(struct letters *letters)
{
    TAILQ_INIT(&letters->list);
}

static struct letter_pile *pile_get(struct index *index, struct slice ai_id)
{
    struct letter_pile *pile = index_get(index, ai_id, sizeof *pile);
    if (!pile->count)
        TAILQ_INIT(&pile->letters);
    return pile;
}

static void pile_count(struct letter_pile *pile, const struct letter *letter, int change)
{
    pile->count += (size_t)change;
    pile->bytes += (size_t)change * letter->line.len; /* wraps and comes right when it shrinks */
}

static void pile_drop(struct index *index, struct letter_pile *pile, const struct letter *letter)
{
    assert(pile->count > 0 && pile->bytes >= letter->line.len);
    pile_count(pile, letter, -1);
    if (pile->count)
        return;
    index_remove(index, pile);
    keyed_free(pile);
}

static void letter_free(struct letter *letter)
{
    slice_free(&letter->line); /* and the message_id */
    free(letter);
}

/* Puts the letter at its place in a list by seqs: mostly that is the end. */
#define PLACE_BY_SEQ(list, letter, field)                                                          \
    do {                                                                                           \
        struct letter *before = TAILQ_LAST(list, letter_list);                                     \
        while (before && before->seq > (letter)->seq)                                              \
            before = TAILQ_PREV(before, letter_list, field);                                       \
        if (before)                                                                                \
            TAILQ_INSERT_AFTER(list, before, letter, field);                                       \
        else                                                                                       \
            TAILQ_INSERT_HEAD(list, letter, field);                                                \
    } while (0)

static struct letter *letter_add(struct room *room, uint64_t seq, enum message_type type,
                                 struct slice line, struct slice sender, struct slice target,
                                 struct slice message_id)
{
    struct letters *letters = &room->letters;
    struct letter *letter = memory_new(sizeof *letter);
    letter->seq = seq;
    letter->key = (struct slice){letter->digits, u64_format(seq, letter->digits)};
    letter->type = type;
    letter->line = slice_join((struct slice[]){line, message_id}, 2);
    letter->line.len = line.len;
    letter->message_id = (struct slice){letter->line.at + line.len, message_id.len};
    letter->said = pile_get(&letters->said, sender);
    letter->addressed = pile_get(&letters->addressed, target);
    letter->sender = letter->said->key;
    letter->target = letter->addressed->key;
    PLACE_BY_SEQ(&letters->list, letter, next);
    PLACE_BY_SEQ(&letter->said->letters, letter, said_next);
    PLACE_BY_SEQ(&letter->addressed->letters, letter, addressed_next);
    pile_count(letter->said, letter, 1);
    pile_count(letter->addressed, letter, 1);
    letters->count++;
    letters->bytes += letter->line.len;
    return letter;
}

static void letter_end(struct room *room, struct letter *letter)
{
    struct letters *letters = &room->letters;
    assert(letters->count > 0 && letters->bytes >= letter->line.len);
    TAILQ_REMOVE(&letters->list, letter, next);
    TAILQ_REMOVE(&letter->said->letters, letter, said_next);
    TAILQ_REMOVE(&letter->addressed->letters, letter, addressed_next);
    pile_drop(&letters->said, letter->said, letter);
    pile_drop(&letters->addressed, letter->addressed, letter);
    letters->count--;
    letters->bytes -= letter->line.len;
    change_gone(&room->changes, &letter->change, ROW_LETTER, letter->key);
    letter_free(letter);
}

void letters_free(struct room *room)
{
    struct letter *first;
    while ((first = TAILQ_FIRST(&room->letters.list))) {
        TAILQ_REMOVE(&room->letters.list, first, next);
        letter_free(first);
    }
    index_clear(&room->letters.said, keyed_free);
    index_clear(&room->letters.addressed, keyed_free);
}

/* Those longest there make way: first the newcomer's own sender's, then anybody's. */
static void letters_trim(struct room *room, const struct letter *newest)
{
    struct letters *letters = &room->letters;
    const struct letter_pile *own = newest->said;
    while (own->count > LETTERS_EACH_MAX || own->bytes > LETTERS_BYTES_EACH_MAX) {
        letters->forgotten++;
        assert(TAILQ_FIRST(&own->letters) != newest); /* a line is shorter than a share */
        letter_end(room, TAILQ_FIRST(&own->letters));
    }
    while (letters->count > LETTERS_MAX || letters->bytes > LETTERS_BYTES_MAX) {
        letters->forgotten++;
        letter_end(room, TAILQ_FIRST(&letters->list));
    }
}

/* ── they come and go ── */

/* Its target is away, stays, and gets it when it comes back. */
static bool letter_waits(const struct room *room, const struct letter *letter)
{
    const struct member *target = letter->lack == LETTER_LACKS_ABSENT && room->limits.keeps
                                      ? member_find(room, letter->target)
                                      : NULL;
    return target && member_is_away(target);
}

static bool letter_is_dead(const struct room *room, const struct letter *letter)
{
    bool lacking = letter->lack != LETTER_LACKS_NONE && !letter_waits(room, letter);
    return lacking || letter->overdue;
}

/* By its seq; the newest is asked for most. */
static struct letter *letter_find(const struct room *room, uint64_t seq)
{
    struct letter *letter;
    TAILQ_FOREACH_REVERSE(letter, &room->letters.list, letter_list, next)
    if (letter->seq <= seq)
        return letter->seq == seq ? letter : NULL;
    return NULL;
}

/* Of the request's entry and message: the one that is there, or a new one. NULL: it is too long to
 * be kept here, and counts as forgotten. */
static struct letter *letter_of(struct request *request)
{
    struct room *room = request->room;
    const struct message *message = request->message;
    struct letter *letter = letter_find(room, request->entry->seq);
    if (letter)
        return letter;
    if (message->line.len > LETTERS_BYTES_EACH_MAX) {
        room->letters.forgotten++;
        return NULL;
    }
    letter = letter_add(room, request->entry->seq, message->type, message->line, message->sender_id,
                        message->target, message->message_id);
    letter->said_ms = request->entry->time_ms;
    change_fresh(&letter->change);
    letters_trim(room, letter);
    return letter;
}

static void letter_changed(struct room *room, struct letter *letter)
{
    change_mark(&room->changes, &letter->change, letter, ROW_LETTER);
}

bool letter_is_stored(const struct room *room, uint64_t seq)
{
    const struct letter *letter = letter_find(room, seq);
    return letter && letter_waits(room, letter);
}

size_t letters_dead(const struct room *room)
{
    const struct letter *letter;
    size_t count = 0;
    TAILQ_FOREACH (letter, &room->letters.list, next)
        count += letter_is_dead(room, letter);
    return count;
}

enum letter_lack letter_lack(const struct room *room, uint64_t seq)
{
    const struct letter *letter = letter_find(room, seq);
    return letter ? letter->lack : LETTER_LACKS_NONE;
}

void letter_lay(struct request *request, enum letter_lack lack)
{
    struct letter *letter = letter_of(request);
    if (!letter)
        return;
    letter->lack = lack;
    letter_changed(request->room, letter);
}

void letter_await(struct request *request, int64_t wait_ms)
{
    struct letter *letter = letter_of(request);
    if (!letter)
        return;
    letter->wait_ms = wait_ms;
    letter->awaited = true;
    letter_changed(request->room, letter);
}

void letter_overdue(struct room *room, uint64_t seq)
{
    struct letter *letter = letter_find(room, seq);
    if (!letter) /* it made way */
        return;
    letter->awaited = false;
    letter->overdue = true;
    letter_changed(room, letter);
}

void letter_retract(struct room *room, uint64_t seq)
{
    struct letter *letter = letter_find(room, seq);
    char digits[U64_SIZE];
    reply_await_no_more(room, (struct slice){digits, u64_format(seq, digits)});
    if (letter)
        letter_end(room, letter);
}

void letters_answered(struct room *room, struct slice member, struct json_value message_id)
{
    const struct letter_pile *pile = index_find(&room->letters.addressed, member);
    struct letter *letter = pile ? TAILQ_FIRST(&pile->letters) : NULL, *next;
    for (; message_id.kind == JSON_KIND_STRING && letter; letter = next) { /* the pile may go */
        next = TAILQ_NEXT(letter, addressed_next);
        if (json_string_is(message_id, letter->message_id))
            letter_end(room, letter);
    }
}

void letters_resumed(struct room *room, struct slice member, int level, uint64_t since)
{
    const struct letter_pile *pile = index_find(&room->letters.addressed, member);
    struct letter *letter = pile ? TAILQ_FIRST(&pile->letters) : NULL, *next;
    for (; letter; letter = next) {
        next = TAILQ_NEXT(letter, addressed_next);
        if (letter->lack == LETTER_LACKS_NONE || letter->seq <= since ||
            message_type_level(letter->type) > level)
            continue;
        letter->lack = LETTER_LACKS_NONE;
        letter_changed(room, letter);
        if (!letter->awaited && !letter->overdue)
            letter_end(room, letter);
    }
}

/* ── as JSON ── */

const char *letter_lack_text(enum letter_lack lack)
{
    static const char *const texts[] = {
#define X(name, text) text,
        LETTER_LACKS(X)
#undef X
    };
    assert((unsigned)lack < LETTER_LACK_COUNT);
    return texts[lack];
}

static bool target_is_there(const struct room *room, const struct letter *letter)
{
    const struct member *target = member_find(room, letter->target);
    return target && target->peer;
}

static void letter_write(const struct room *room, const struct letter *letter, bool whole,
                         struct text *text)
{
    char time[TIMESTAMP_SIZE];
    text_addf(text, "{\"id\":%" PRIu64, letter->seq);
    text_add_member(text, "sender", letter->sender);
    text_add_member(text, "target", letter->target);
    text_add_member(text, "type", slice_of(message_type_text(letter->type)));
    text_add_member(text, "message_id", letter->message_id);
    timestamp_format(letter->said_ms, time);
    text_addf(text, ",\"since\":\"%s\",\"why\":\"%s\",\"no_reply\":%s,\"reply_by\":", time,
              letter->lack == LETTER_LACKS_NONE || letter_waits(room, letter)
                  ? wire_error_code(WIRE_NO_REPLY)
                  : letter_lack_text(letter->lack),
              letter->overdue ? "true" : "false");
    if (letter->wait_ms)
        text_addf(text, "%.17g", (double)letter->wait_ms / 1000);
    else
        text_add_literal(text, "null");
    text_addf(text, ",\"connected\":%s,\"bytes\":%zu",
              target_is_there(room, letter) ? "true" : "false", letter->line.len);
    if (whole) {
        text_add_literal(text, ",\"message\":");
        text_add(text, letter->line);
    }
    text_add_literal(text, "}");
}

/* ── dead_query ── */

struct dead_query {
    char sender_text[WIRE_ID_MAX], target_text[WIRE_ID_MAX];
    struct slice sender, target; /* len 0: any */
    uint64_t id, after, limit;   /* id 0: many */
};

static int query_read(struct request *request, struct dead_query *query)
{
    struct json_value payload = request->message->payload;
    int error;
    query->limit = QUERY_PRESET;
    if ((error = payload_u64(request, payload, "payload.id", 1, JSON_WHOLE_MAX, &query->id)) < 0 ||
        (error = payload_u64(request, payload, "payload.after", 0, JSON_WHOLE_MAX, &query->after)) <
            0 ||
        (error = payload_u64(request, payload, "payload.limit", 1, QUERY_LIMIT, &query->limit)) < 0)
        return error;
    if ((error = payload_text(request, payload, "payload.sender", OPTIONAL,
                              sizeof query->sender_text, query->sender_text, &query->sender)) < 0)
        return error;
    return payload_text(request, payload, "payload.target", OPTIONAL, sizeof query->target_text,
                        query->target_text, &query->target);
}

/* Members know of what they said and of what is for them; observers of what they are shown. */
static bool may_see(const struct request *request, const struct letter *letter)
{
    const struct member *member = request->member;
    struct slice names[] = {letter->sender, letter->target};
    return slice_equal(letter->sender, member->key) || slice_equal(letter->target, member->key) ||
           member_oversees(request->room, member, names, sizeof names / sizeof *names);
}

static bool query_matches(const struct request *request, const struct dead_query *query,
                          const struct letter *letter)
{
    return letter_is_dead(request->room, letter) && may_see(request, letter) &&
           (!query->id || letter->seq == query->id) &&
           (!query->sender.len || slice_equal(letter->sender, query->sender)) &&
           (!query->target.len || slice_equal(letter->target, query->target));
}

/* Its members from "letters" on; returns how many letters it told. */
static size_t query_write(const struct request *request, const struct dead_query *query,
                          struct text *text)
{
    const struct room *room = request->room;
    const struct letter *letter;
    uint64_t last = 0;
    size_t total = 0, told = 0;
    bool more = false;
    text_add_literal(text, ",\"letters\":[");
    TAILQ_FOREACH (letter, &room->letters.list, next) {
        if (!query_matches(request, query, letter))
            continue;
        total++;
        if (letter->seq <= query->after)
            continue;
        if (told == query->limit) {
            more = true;
            continue;
        }
        text_add_literal(text, told++ ? "," : "");
        letter_write(room, letter, query->id != 0, text);
        last = letter->seq;
    }
    text_addf(text, "],\"total\":%zu,\"forgotten\":%" PRIu64 ",\"kept\":%s,\"next\":", total,
              room->letters.forgotten, room->limits.keeps ? "true" : "false");
    if (more)
        text_addf(text, "%" PRIu64, last);
    else
        text_add_literal(text, "null");
    return told;
}

static struct text *result_begin(struct request *request)
{
    struct text *text =
        hub_message_begin(request, MESSAGE_DEAD_RESULT, slice_of("hub"), request->member->key);
    text_add_literal(text, "{\"in_reply_to\":");
    text_add_string(text, request->message->message_id);
    return text;
}

static int letter_unknown(const struct request *request, uint64_t id)
{
    return refuse(request->refusal, WIRE_NOT_FOUND,
                  "no dead letter of yours, or that you may see, has the id %" PRIu64, id);
}

int letters_answer(struct request *request, const struct seat *to)
{
    struct dead_query query = {.id = 0};
    struct outgoing outgoing;
    int error = query_read(request, &query);
    if (error < 0)
        return error;
    struct text *text = result_begin(request);
    if (query_write(request, &query, text) == 0 && query.id)
        return letter_unknown(request, query.id);
    text_add_literal(text, "}");
    hub_message_end(request, MESSAGE_DEAD_RESULT, &outgoing);
    effect_to_connection(request, &outgoing, to);
    return 0;
}

/* ── dead_letter: sent again, or given up ── */

struct handling {
    bool drop;
    struct letter *letter;
};

static int handling_read(const struct request *request, struct handling *ret_handling)
{
    struct json_value payload = request->message->payload;
    struct json_value action = json_get(payload, "action");
    uint64_t id = 0;
    int error = payload_u64(request, payload, "payload.id", 1, JSON_WHOLE_MAX, &id);
    if (error < 0)
        return error;
    if (!id)
        return refuse(request->refusal, WIRE_BAD_PAYLOAD, "payload.id is missing");
    char shown[PAYLOAD_SHOWN_SIZE];
    ret_handling->drop = json_string_is(action, slice_of("drop"));
    if (!ret_handling->drop && !json_string_is(action, slice_of("resend")))
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload.action must be \"resend\" or \"drop\", and is %s",
                      payload_shown(action, shown));
    struct letter *letter = letter_find(request->room, id);
    if (!letter || !letter_is_dead(request->room, letter) || !may_see(request, letter))
        return letter_unknown(request, id);
    ret_handling->letter = letter;
    return 0;
}

/* Can it be had now? And if it wants a reply: is there room to await one more? */
static int resend_check(struct request *request, const struct letter *letter)
{
    assert(letter); /* handling_read found it */
    const struct member *target = member_find(request->room, letter->target);
    if (!target || !target->peer) {
        text_add_literal(&request->extra, ",\"accepted\":false");
        return refuse(request->refusal, WIRE_TARGET_OFFLINE,
                      "\"%.*s\" is not connected: nothing was sent", SLICE_FORMAT(letter->target));
    }
    if (target->level < message_type_level(letter->type))
        return refuse(request->refusal, WIRE_CONFLICT,
                      "\"%.*s\" has joined at level %d, and a %s is for level %d: it can't have it",
                      SLICE_FORMAT(letter->target), target->level, message_type_text(letter->type),
                      message_type_level(letter->type));
    return letter->wait_ms && !letter->awaited ? reply_quota_check(request, letter->sender) : 0;
}

int dead_letter_check(struct request *request)
{
    struct handling handling = {.letter = NULL};
    if (!request->member || request->member->level != 2)
        return refuse(request->refusal, WIRE_FORBIDDEN,
                      "a dead_letter is for AIs that have joined at level 2 (its answer goes to no "
                      "other)");
    int error = handling_read(request, &handling);
    return error < 0 || handling.drop ? error : resend_check(request, handling.letter);
}

/* Its own bytes again, at the place of this entry. The time for a reply begins anew: then it stays
 * a letter, under the new seq. */
static void letter_resend(struct request *request, struct letter *letter)
{
    struct room *room = request->room;
    struct outgoing outgoing = {.line = {letter->line.at, letter->line.len - 1},
                                .origin = LINE_MADE,
                                .level = message_type_level(letter->type)};
    effect_to_names(request, &outgoing, &letter->target, 1, true, NULL);
    sent_again(room, letter->seq, request->entry->seq);
    if (letter->awaited)
        reply_await_no_more(room, letter->key);
    if (!letter->wait_ms) {
        letter_end(room, letter);
        return;
    }
    struct letter *again = letter_add(room, request->entry->seq, letter->type, letter->line,
                                      letter->sender, letter->target, letter->message_id);
    again->said_ms = letter->said_ms;
    again->wait_ms = letter->wait_ms;
    again->awaited = true;
    letter_end(room, letter);
    letter_changed(room, again);
    reply_await_letter(request, again);
}

void dead_letter_proceed(struct request *request)
{
    struct handling handling = {.letter = NULL};
    struct outgoing outgoing;
    const struct member *member = request->member;
    struct seat seat = {request->from, request->member, member->level, member->observer};
    struct text told = {0};
    int error = handling_read(request, &handling);
    assert(error == 0 && handling.letter); /* checked before */
    (void)error;
    letter_write(request->room, handling.letter, false, &told);
    if (handling.drop)
        letter_end(request->room, handling.letter);
    else
        letter_resend(request, handling.letter);
    struct text *text = result_begin(request);
    text_addf(text, ",\"status\":\"%s\",\"letter\":", handling.drop ? "dropped" : "resent");
    text_add(text, text_slice(&told));
    text_add_literal(text, "}");
    text_free(&told);
    hub_message_end(request, MESSAGE_DEAD_RESULT, &outgoing);
    effect_to_connection(request, &outgoing, &seat);
    request->handled = true;
}

/* ── as rows ── */

struct letter *letter_restore(struct room *room, struct slice key, struct slice line)
{
    uint64_t seq;
    struct json_value number = {.kind = JSON_KIND_NUMBER, .raw = key};
    struct message message;
    struct refusal refusal;
    if (!key.len || !line.len || json_u64(number, &seq) < 0 || seq > room->last_seq ||
        letter_find(room, seq) || room->letters.count == LETTERS_MAX ||
        message_parse(line, &message, &refusal) < 0 || !message.target.len)
        return NULL;
    return letter_add(room, seq, message.type, line, message.sender_id, message.target,
                      message.message_id);
}
