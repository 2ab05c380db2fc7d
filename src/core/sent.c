/* See sent.h. */
#include "core/sent.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/collaboration.h"
#include "core/memory.h"
#include "core/state.h"

void sents_init(struct sents *sents)
{
    TAILQ_INIT(&sents->list);
}

/* ── they come and go ── */

static void sent_free(struct room *room, struct sent *sent)
{
    for (size_t i = 0; i < sent->act_count; i++)
        slice_free(&sent->acts[i].ai_id);
    for (size_t i = 0; i < sent->name_count; i++)
        slice_free(&sent->names[i]);
    room->sents.acts -= sent->act_count;
    slice_free(&sent->message_id);
    free(sent->acts);
    free(sent);
}

#define BUCKETS_FIRST 64u

static struct sent_bucket *bucket_of(const struct room *room, uint64_t hash)
{
    uint64_t spread = id_hash_spread(hash, room->ids_key);
    return &room->sents.buckets[(spread >> 32) & (room->sents.bucket_count - 1)];
}

/* At its place by seqs: mostly that is the first. */
static void bucket_put(struct room *room, struct sent *sent)
{
    struct sent_bucket *bucket = bucket_of(room, sent->id_hash);
    struct sent *newer = NULL, *next = LIST_FIRST(bucket);
    for (; next && next->seq > sent->seq; next = LIST_NEXT(next, beside))
        newer = next;
    if (newer)
        LIST_INSERT_AFTER(newer, sent, beside);
    else
        LIST_INSERT_HEAD(bucket, sent, beside);
}

/* Twice as many, for one more than fits. */
static void buckets_grow(struct room *room)
{
    struct sents *sents = &room->sents;
    struct sent *sent;
    free(sents->buckets);
    sents->bucket_count = sents->bucket_count ? 2 * sents->bucket_count : BUCKETS_FIRST;
    sents->buckets = memory_new(sents->bucket_count * sizeof *sents->buckets);
    TAILQ_FOREACH (sent, &sents->list, next)
        bucket_put(room, sent);
}

static void sent_end(struct room *room, struct sent *sent)
{
    struct sents *sents = &room->sents;
    struct member *sender = sent->sender;
    assert(sents->count > 0 && sender->sent_count > 0);
    LIST_REMOVE(sent, beside);
    TAILQ_REMOVE(&sents->list, sent, next);
    TAILQ_REMOVE(&sender->sent, sent, own);
    sents->count--;
    sender->sent_count--;
    change_gone(&room->changes, &sent->change, ROW_SENT, sent->key);
    sent_free(room, sent);
}

void sents_free(struct room *room)
{
    struct sent *sent;
    while ((sent = TAILQ_FIRST(&room->sents.list))) {
        TAILQ_REMOVE(&room->sents.list, sent, next);
        sent_free(room, sent);
    }
    free(room->sents.buckets);
}

void sents_forget(struct room *room, struct member *member)
{
    struct sent *sent;
    while ((sent = TAILQ_FIRST(&member->sent)))
        sent_end(room, sent);
}

/* Puts it at its place in a list by seqs: mostly that is the end. */
#define PLACE_BY_SEQ(list, sent, field)                                                            \
    do {                                                                                           \
        struct sent *before = TAILQ_LAST(list, sent_list);                                         \
        while (before && before->seq > (sent)->seq)                                                \
            before = TAILQ_PREV(before, sent_list, field);                                         \
        if (before)                                                                                \
            TAILQ_INSERT_AFTER(list, before, sent, field);                                         \
        else                                                                                       \
            TAILQ_INSERT_HEAD(list, sent, field);                                                  \
    } while (0)

/* Its digits, with zeros before them: a number in the order of text. */
static void key_write(uint64_t seq, char ret_digits[SENT_KEY_SIZE])
{
    char *digit = ret_digits + SENT_KEY_SIZE - 1;
    memset(ret_digits, '0', SENT_KEY_SIZE - 1);
    *digit = '\0';
    for (; seq; seq /= 10)
        *--digit = (char)('0' + seq % 10);
}

/* There are fewer than may be. */
static struct sent *sent_add(struct room *room, struct member *sender, uint64_t seq,
                             struct slice message_id, uint64_t hash)
{
    struct sents *sents = &room->sents;
    struct sent *sent = memory_new(sizeof *sent);
    sent->seq = sent->place = seq;
    key_write(seq, sent->digits);
    sent->key = (struct slice){sent->digits, SENT_KEY_SIZE - 1};
    sent->sender = sender;
    sent->message_id = slice_copy(message_id);
    sent->id_hash = hash;
    if (sents->count == sents->bucket_count)
        buckets_grow(room);
    bucket_put(room, sent);
    PLACE_BY_SEQ(&sents->list, sent, next);
    PLACE_BY_SEQ(&sender->sent, sent, own);
    sents->count++;
    sender->sent_count++;
    return sent;
}

/* Whom the hub's own line goes to in the place of the request's: who takes part in a session with
 * its sender, or was offered one. False: to nobody, or not to the sender's knowledge. */
static bool sent_in_session(const struct request *request, struct sent *sent)
{
    const struct session *session = request->session;
    if (!session)
        return false;
    if (sent->type == MESSAGE_COLLABORATION_REQUEST) {
        if (session->target.len)
            sent->names[sent->name_count++] = slice_copy(session->target);
        return true;
    }
    for (size_t i = 0; i < session->participant_count; i++)
        if (!slice_equal(session->participants[i], sent->sender->key))
            sent->names[sent->name_count++] = slice_copy(session->participants[i]);
    return sent->name_count > 0;
}

void sent_keep(struct request *request)
{
    struct room *room = request->room;
    struct member *sender = request->member;
    if (request->handled && !request->session)
        return; /* it was the hub's alone */
    if (sender->sent_count == SENT_EACH_MAX)
        sent_end(room, TAILQ_FIRST(&sender->sent));
    else if (room->sents.count == SENT_MAX)
        sent_end(room, TAILQ_FIRST(&room->sents.list));
    struct sent *sent =
        sent_add(room, sender, request->entry->seq, request->message->message_id, request->id_hash);
    sent->type = request->message->type;
    sent->said_ms = request->entry->time_ms;
    change_fresh(&sent->change);
    change_mark(&room->changes, &sent->change, sent, ROW_SENT);
    if (request->target)
        sent->names[sent->name_count++] = slice_copy(request->target->key);
    else if (request->handled && !sent_in_session(request, sent))
        sent_end(room, sent);
}

/* ── which of them ── */

struct sent *sent_find(const struct member *sender, struct slice message_id, uint64_t seq)
{
    struct sent *sent;
    TAILQ_FOREACH_REVERSE(sent, &sender->sent, sent_list, own)
    if (message_id.len ? slice_equal(sent->message_id, message_id) : sent->seq == seq)
        return sent;
    return NULL;
}

/* The newest is asked for most. */
static struct sent *sent_at(const struct room *room, uint64_t seq)
{
    struct sent *sent;
    TAILQ_FOREACH_REVERSE(sent, &room->sents.list, sent_list, next)
    if (sent->seq <= seq)
        return sent->seq == seq ? sent : NULL;
    return NULL;
}

bool sent_is_for(const struct sent *sent, const struct member *member)
{
    bool named = false;
    for (size_t i = 0; i < sent->name_count && !named; i++)
        named = slice_equal(sent->names[i], member->key);
    if (sent->name_count)
        return named;
    return member != sent->sender && !member->observer &&
           member->level >= message_type_level(sent->type);
}

const struct act *sent_act(const struct sent *sent, struct slice ai_id)
{
    for (size_t i = 0; i < sent->act_count; i++)
        if (slice_equal(sent->acts[i].ai_id, ai_id))
            return &sent->acts[i];
    return NULL;
}

/* ── what becomes of them ── */

static struct sent *sent_latest(const struct room *room, struct slice message_id)
{
    struct sent *sent = LIST_FIRST(bucket_of(room, id_hash(message_id)));
    while (sent && !slice_equal(sent->message_id, message_id))
        sent = LIST_NEXT(sent, beside);
    return sent;
}

/* What the message answers: of its target's, if it has one; else of whoever said something under
 * that message_id last. */
static struct sent *sent_named(struct request *request)
{
    struct json_value named = payload_members(request)->in_reply_to;
    char buffer[WIRE_ID_MAX];
    long len = named.kind == JSON_KIND_STRING ? json_decode(named, buffer, sizeof buffer) : 0;
    if (len <= 0)
        return NULL;
    struct slice message_id = {buffer, (size_t)len};
    struct sent *latest = sent_latest(request->room, message_id);
    if (!latest || !request->target || latest->sender == request->target)
        return latest;
    return sent_find(request->target, message_id, 0);
}

void sent_answered(struct request *request)
{
    struct room *room = request->room;
    const struct member *member = request->member;
    struct sent *sent = room->sents.count ? sent_named(request) : NULL;
    if (!sent || !sent_is_for(sent, member) || sent_act(sent, member->key) ||
        sent->act_count == ACTS_EACH_MAX || room->sents.acts == ACTS_MAX)
        return;
    sent->acts =
        memory_grow(sent->acts, &sent->act_capacity, sent->act_count + 1, sizeof *sent->acts);
    sent->acts[sent->act_count++] =
        (struct act){slice_copy(member->key), request->entry->seq, request->entry->time_ms};
    room->sents.acts++;
    change_mark(&room->changes, &sent->change, sent, ROW_SENT);
}

void sent_again(struct room *room, uint64_t seq, uint64_t place)
{
    struct sent *sent;
    TAILQ_FOREACH_REVERSE(sent, &room->sents.list, sent_list, next)
    if (sent->place == seq) {
        sent->place = place;
        change_mark(&room->changes, &sent->change, sent, ROW_SENT);
        return;
    }
}

void sent_retract(struct room *room, uint64_t seq)
{
    struct sent *sent = sent_at(room, seq);
    if (sent)
        sent_end(room, sent);
}

/* ── as rows ── */

void sent_write(const struct sent *sent, struct text *text)
{
    text_add_literal(text, "\"sender\":");
    text_add_string(text, sent->sender->key);
    text_add_member(text, "message_id", sent->message_id);
    text_add_member(text, "type", slice_of(message_type_text(sent->type)));
    text_addf(text, ",\"place\":%" PRIu64 ",\"said_ms\":%" PRId64 ",\"names\":[", sent->place,
              sent->said_ms);
    for (size_t i = 0; i < sent->name_count; i++) {
        text_add_literal(text, i ? "," : "");
        text_add_string(text, sent->names[i]);
    }
    text_add_literal(text, "],\"acts\":[");
    for (size_t i = 0; i < sent->act_count; i++) {
        text_add_literal(text, i ? ",[" : "[");
        text_add_string(text, sent->acts[i].ai_id);
        text_addf(text, ",%" PRIu64 ",%" PRId64 "]", sent->acts[i].seq, sent->acts[i].at_ms);
    }
    text_add_literal(text, "]");
}

/* 20 digits. */
static bool key_seq(struct slice key, uint64_t *ret_seq)
{
    size_t zeros = 0;
    while (zeros + 1 < key.len && key.at[zeros] == '0')
        zeros++;
    struct json_value digits = {.kind = JSON_KIND_NUMBER, .raw = {key.at + zeros, key.len - zeros}};
    return key.len == SENT_KEY_SIZE - 1 && json_u64(digits, ret_seq) == 0;
}

struct sent *sent_restore(struct room *room, struct slice key, struct member *sender,
                          struct slice message_id)
{
    uint64_t seq;
    if (!key.len || !key_seq(key, &seq) || seq > room->last_seq || sent_at(room, seq) ||
        room->sents.count == SENT_MAX || sender->sent_count == SENT_EACH_MAX || !message_id.len)
        return NULL;
    return sent_add(room, sender, seq, message_id, id_hash(message_id));
}

bool sent_restore_name(struct sent *sent, struct slice ai_id)
{
    bool fits = sent->name_count < PARTICIPANTS_MAX && ai_id.len && ai_id.len <= WIRE_ID_MAX;
    if (fits)
        sent->names[sent->name_count++] = ai_id;
    else
        slice_free(&ai_id);
    return fits;
}

bool sent_restore_act(struct room *room, struct sent *sent, struct act act)
{
    uint64_t before = sent->act_count ? sent->acts[sent->act_count - 1].seq : sent->seq;
    if (sent->act_count == ACTS_EACH_MAX || room->sents.acts == ACTS_MAX || act.seq <= before ||
        act.seq > room->last_seq || !act.ai_id.len || act.ai_id.len > WIRE_ID_MAX) {
        slice_free(&act.ai_id);
        return false;
    }
    sent->acts =
        memory_grow(sent->acts, &sent->act_capacity, sent->act_count + 1, sizeof *sent->acts);
    sent->acts[sent->act_count++] = act;
    room->sents.acts++;
    return true;
}

/* Is it in its bucket, and those behind it are older? */
static bool bucket_has(const struct room *room, const struct sent *sent)
{
    const struct sent *next = LIST_FIRST(bucket_of(room, id_hash(sent->message_id)));
    while (next && next != sent)
        next = LIST_NEXT(next, beside);
    const struct sent *older = next ? LIST_NEXT(next, beside) : NULL;
    return next && sent->id_hash == id_hash(sent->message_id) && (!older || older->seq < sent->seq);
}

bool sents_whole(const struct room *room)
{
    const struct sents *sents = &room->sents;
    const struct sent *sent;
    size_t count = 0, acts = 0, own = 0;
    uint64_t seq = 0;
    TAILQ_FOREACH (sent, &sents->list, next) {
        if (sent->seq <= seq || sent->place < sent->seq || sent->place > room->last_seq ||
            sent->act_count > ACTS_EACH_MAX || !bucket_has(room, sent) ||
            member_find(room, sent->sender->key) != sent->sender)
            return false;
        for (size_t i = 0; i < sent->act_count; i++)
            if (sent_act(sent, sent->acts[i].ai_id) != &sent->acts[i])
                return false;
        seq = sent->seq;
        count++;
        acts += sent->act_count;
        own += sent == TAILQ_FIRST(&sent->sender->sent) ? sent->sender->sent_count : 0;
    }
    return count == sents->count && own == count && acts == sents->acts &&
           count <= sents->bucket_count && count <= SENT_MAX && acts <= ACTS_MAX;
}
