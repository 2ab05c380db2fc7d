/* See inbox.h. */
#include "cmd/inbox.h"

#include <stdlib.h>
#include <string.h>

#include "wire/bounds.h"
#include "wire/concern.h"
#include "wire/json.h"
#include "wire/types.h"

static struct json_value payload_of(const struct khub_message *message)
{
    return json_value_of((struct slice){message->payload.at, message->payload.len});
}

static enum concern concern(const struct membership *member, const struct khub_message *message)
{
    return concern_of(
        slice_of(member->ai_id), (struct slice){message->sender_id.at, message->sender_id.len},
        (struct slice){message->type.at, message->type.len},
        (struct slice){message->target_ai.at, message->target_ai.len}, payload_of(message));
}

void inbox_begin(struct inbox *inbox)
{
    TAILQ_INIT(&inbox->direct.list);
    TAILQ_INIT(&inbox->others.list);
    inbox->rest_direct = json_array();
    inbox->rest = json_array();
    inbox->types_direct = json_object();
    inbox->types = json_object();
    inbox->unacked = json_array();
    inbox->people = json_object();
}

static void item_free(struct item *item)
{
    if (item)
        text_free(&item->lines);
    free(item);
}

static void items_free(struct items *items)
{
    struct item *item;
    while ((item = TAILQ_FIRST(&items->list))) {
        TAILQ_REMOVE(&items->list, item, next);
        item_free(item);
    }
}

void inbox_free(struct inbox *inbox)
{
    if (!inbox->people)
        return;
    items_free(&inbox->direct);
    items_free(&inbox->others);
    item_free(inbox->open);
    json_decref(inbox->rest_direct);
    json_decref(inbox->rest);
    json_decref(inbox->types_direct);
    json_decref(inbox->types);
    json_decref(inbox->unacked);
    json_decref(inbox->people);
    *inbox = (struct inbox){0};
}

/* ── what is not shown ── */

static void fail_if(struct inbox *inbox, bool failed)
{
    inbox->failed |= failed;
}

#define NAME_SIZE (WIRE_ID_MAX + 1u)

/* A name of a message's, decoded; none that the hub lets pass is longer. How many bytes. */
static size_t name_decode(struct json_value value, char ret_name[NAME_SIZE])
{
    long len = value.kind == JSON_KIND_STRING ? json_decode(value, ret_name, WIRE_ID_MAX) : 0;
    return len > 0 ? (size_t)len : 0;
}

/* Into its place: those that are passed over later may be older. */
static void seqs_add(struct inbox *inbox, json_t *seqs, uint64_t seq)
{
    size_t at = json_array_size(seqs);
    while (at > 0 && (uint64_t)json_integer_value(json_array_get(seqs, at - 1)) > seq)
        at--;
    fail_if(inbox, json_array_insert_new(seqs, at, json_integer((json_int_t)seq)) < 0);
}

/* Counts a message under its type, and who said it. */
static void rest_count(struct inbox *inbox, struct slice line, bool direct)
{
    struct json_value message = json_value_of(line);
    json_t *types = direct ? inbox->types_direct : inbox->types;
    char type[NAME_SIZE], from[NAME_SIZE];
    size_t len = name_decode(json_get(message, "message_type"), type);
    size_t from_len = name_decode(json_get(message, "sender_id"), from);
    json_t *found = json_object_getn(types, type, len);
    if (!found) {
        found = json_pack("{s:i, s:{}}", "count", 0, "from");
        fail_if(inbox, json_object_setn_new(types, type, len, found) < 0);
    }
    json_t *count = json_object_get(found, "count");
    json_integer_set(count, json_integer_value(count) + 1);
    json_object_setn_new(json_object_get(found, "from"), from, from_len, json_true());
}

void inbox_pass_over(struct inbox *inbox, struct items *items, struct item *item)
{
    struct slice rest = text_slice(&item->lines);
    TAILQ_REMOVE(&items->list, item, next);
    items->count--;
    while (rest.len > 0) {
        const char *end = memchr(rest.at, '\n', rest.len);
        size_t len = (size_t)(end - rest.at);
        rest_count(inbox, (struct slice){rest.at, len}, item->direct);
        rest = (struct slice){end + 1, rest.len - len - 1};
    }
    if (item->again)
        seqs_add(inbox, inbox->unacked, item->seq);
    else
        seqs_add(inbox, item->direct ? inbox->rest_direct : inbox->rest, item->seq);
    item_free(item);
}

/* ── what comes ── */

/* The open item is whole. Of what is for the member alone the oldest are kept, that it may answer
 * in order; of the others the newest. */
static void item_end(struct inbox *inbox)
{
    struct item *item = inbox->open;
    inbox->open = NULL;
    if (!item)
        return;
    struct items *items = item->direct ? &inbox->direct : &inbox->others;
    fail_if(inbox, item->lines.failed);
    TAILQ_INSERT_TAIL(&items->list, item, next);
    items->count++;
    if (!item->again && item->direct)
        inbox->fresh_direct += item->count;
    if (!item->again && !item->direct)
        inbox->fresh += item->count;
    if (items->count > inbox->most)
        inbox_pass_over(inbox, items, item->direct ? item : TAILQ_FIRST(&items->list));
}

static bool was_shown(const struct membership *member, uint64_t seq)
{
    return seq <= member->told && !seqs_have(member->unread_direct, seq) &&
           !seqs_have(member->unread, seq);
}

static void person_note(struct inbox *inbox, const struct khub_message *message, bool came)
{
    char name[NAME_SIZE];
    if (message->seq <= inbox->member->told)
        return;
    struct json_value line = json_value_of((struct slice){message->line.at, message->line.len});
    size_t len = name_decode(
        came ? json_get(line, "sender_id") : json_get(payload_of(message), "ai_id"), name);
    json_object_deln(inbox->people, name, len); /* to its end */
    fail_if(inbox, json_object_setn_new(inbox->people, name, len, json_boolean(came)) < 0);
}

static void item_add(struct inbox *inbox, const struct khub_message *message, bool direct,
                     bool again)
{
    if (!inbox->open) {
        inbox->open = calloc(1, sizeof *inbox->open);
        fail_if(inbox, !inbox->open);
        if (!inbox->open)
            return;
        inbox->open->seq = message->seq;
        inbox->open->again = again;
    }
    inbox->open->direct |= direct;
    inbox->open->count++;
    text_add(&inbox->open->lines, (struct slice){message->line.at, message->line.len});
    text_add_literal(&inbox->open->lines, "\n");
}

void inbox_take(struct inbox *inbox, const struct khub_message *message)
{
    uint64_t seq = message->seq;
    enum concern is = inbox->closed || seq == 0 ? CONCERN_NONE : concern(inbox->member, message);
    if (is == CONCERN_NONE || (inbox->only ? inbox->only != seq : seq <= inbox->read))
        return;
    if (is == CONCERN_CAME || is == CONCERN_LEFT) {
        person_note(inbox, message, is == CONCERN_CAME);
        return;
    }
    bool again = !inbox->only && was_shown(inbox->member, seq);
    if (inbox->open && inbox->open->seq != seq)
        item_end(inbox);
    if (again && !inbox->again) {
        if (!seqs_have(inbox->unacked, seq))
            seqs_add(inbox, inbox->unacked, seq);
        return;
    }
    item_add(inbox, message, is == CONCERN_OWN, again);
}

void inbox_close(struct inbox *inbox)
{
    inbox->closed = true;
    item_end(inbox);
}

/* ── what is kept of it ── */

static void note_lines(const struct item *item, struct membership *member)
{
    struct slice rest = text_slice(&item->lines);
    while (rest.len > 0) {
        const char *end = memchr(rest.at, '\n', rest.len);
        size_t len = (size_t)(end - rest.at);
        struct json_value message = json_value_of((struct slice){rest.at, len});
        char id[WIRE_ID_MAX + 1], from[WIRE_ID_MAX + 1];
        long id_len = json_decode(json_get(message, "message_id"), id, WIRE_ID_MAX);
        long from_len = json_decode(json_get(message, "sender_id"), from, WIRE_ID_MAX);
        if (id_len > 0 && from_len > 0) {
            id[id_len] = from[from_len] = '\0';
            membership_note(member, item->seq, id, from, item->direct);
        }
        rest = (struct slice){end + 1, rest.len - len - 1};
    }
}

/* An array of seqs takes the place of another's, but for its oldest that are too many. */
static void seqs_replace(json_t *old, json_t *seqs)
{
    json_array_clear(old);
    json_array_extend(old, seqs);
    while (json_array_size(old) > UNREAD_MAX)
        json_array_remove(old, 0);
}

static void seqs_remove(json_t *seqs, uint64_t seq)
{
    for (size_t i = json_array_size(seqs); i-- > 0;)
        if ((uint64_t)json_integer_value(json_array_get(seqs, i)) == seq)
            json_array_remove(seqs, i);
}

void inbox_note(const struct inbox *inbox, struct membership *member, uint64_t told)
{
    const struct item *item;
    TAILQ_FOREACH (item, &inbox->direct.list, next)
        note_lines(item, member);
    TAILQ_FOREACH (item, &inbox->others.list, next)
        note_lines(item, member);
    if (inbox->only) {
        seqs_remove(member->unread_direct, inbox->only);
        seqs_remove(member->unread, inbox->only);
        return;
    }
    seqs_replace(member->unread_direct, inbox->rest_direct);
    seqs_replace(member->unread, inbox->rest);
    member->told = told > member->told ? told : member->told;
}
