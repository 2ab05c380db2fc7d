/* See inbox_print.h. */
#include "cmd/inbox_print.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/fields.h"
#include "cmd/terminal.h"
#include "wire/bounds.h"
#include "wire/clock.h"
#include "wire/shown.h"

#define OTHERS_BYTES 800u /* of the body of what is for all; of more the rest is left out */
#define LEAST_BYTES  400u /* of a body that is cut because it would not fit at all */
#define SEQS_SHOWN   8u
#define NAMES_SHOWN  12u

/* ── pieces ── */

static bool is_plain(struct slice name)
{
    static const char *const words[] = {"you", "all", "from", "to"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (slice_is(name, words[i]))
            return false;
    for (size_t i = 0; i < name.len; i++) {
        char byte = name.at[i];
        if (!((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
              (byte >= '0' && byte <= '9') || (i > 0 && strchr("_.@/-+", byte) && byte)))
            return false;
    }
    return name.len > 0;
}

void text_add_name(struct text *text, struct slice name)
{
    if (is_plain(name))
        text_add(text, name);
    else
        text_add_string(text, name);
}

static void add_member_name(struct text *text, struct json_value object, const char *name)
{
    OWNED char *decoded = field_string(object, name);
    text_add_name(text, slice_of(decoded));
}

/* One character in its spelling (wire/shown.h), but for a tab, which stays, and a line end. */
static void add_character(struct text *text, struct slice *rest)
{
    struct shown shown;
    if (rest->len >= 2 && rest->at[0] == '\r' && rest->at[1] == '\n')
        *rest = (struct slice){rest->at + 1, rest->len - 1};
    shown = shown_next(rest);
    if (shown.code == '\n')
        text_add_literal(text, "\n| ");
    else if (shown.code == '\t')
        text_add_literal(text, "\t");
    else
        text_add(text, (struct slice){shown.bytes, shown.len});
}

static void add_cut(struct text *text, size_t left, uint64_t seq)
{
    text_addf(text, "+ cut: %zu bytes more (khub recv --seq %llu)\n", left,
              (unsigned long long)seq);
}

/* A text of `most` bytes, or fewer. */
static void add_said(struct text *text, struct json_value said, uint64_t seq, size_t most)
{
    char *decoded = malloc(said.raw.len + 1);
    long len = decoded ? json_decode(said, decoded, said.raw.len) : -1;
    struct slice rest = {decoded, len > 0 ? (size_t)len : 0};
    size_t from = text->len;
    text_add_literal(text, "| ");
    while (rest.len > 0 && text->len - from < most)
        add_character(text, &rest);
    text_add_literal(text, "\n");
    if (rest.len > 0)
        add_cut(text, rest.len, seq);
    free(decoded);
}

/* JSON of `most` bytes, or fewer; its cut is between two characters. */
static void add_json(struct text *text, struct slice json, uint64_t seq, size_t most)
{
    struct text line = {0};
    text_add_json(&line, json, false);
    struct slice made = text_slice(&line);
    size_t len = made.len < most ? made.len : most;
    while (len > 0 && len < made.len && ((unsigned char)made.at[len] & 0xc0) == 0x80)
        len--;
    text_add_literal(text, "+ ");
    text_add(text, (struct slice){made.at, len});
    text_add_literal(text, "\n");
    if (len < made.len)
        add_cut(text, made.len - len, seq);
    text_free(&line);
}

/* ── a message ── */

/* What a chat says beside its text, as an object; "" when that is all. */
static void further_members(struct json_value payload, struct text *ret_object)
{
    static const char *const told[] = {"text", "in_reply_to", "reply_by"};
    struct json_iterator iterator = {.rest = payload.raw};
    struct json_value name, value;
    while (json_next_member(&iterator, &name, &value)) {
        bool is_told = false;
        for (size_t i = 0; i < sizeof told / sizeof told[0]; i++)
            is_told |= json_string_is(name, slice_of(told[i]));
        if (is_told)
            continue;
        text_addf(ret_object, "%s\"%.*s\":", ret_object->len ? "," : "{", SLICE_FORMAT(name.raw));
        if (value.kind == JSON_KIND_STRING)
            text_addf(ret_object, "\"%.*s\"", SLICE_FORMAT(value.raw));
        else
            text_add(ret_object, value.raw);
    }
    text_add_literal(ret_object, ret_object->len ? "}" : "");
}

static void add_age(struct text *text, struct json_value message, int64_t now)
{
    char ago[AGO_SIZE];
    field_ago(message, "timestamp", now, ago);
    if (*ago && *ago != '?')
        text_addf(text, ", %s%s", ago, strcmp(ago, "just now") == 0 ? "" : " ago");
}

static const json_t *note_of(const json_t *notes, const char *message_id)
{
    const json_t *note = NULL;
    for (size_t i = 0; i < json_array_size(notes); i++) {
        const json_t *at = json_array_get(notes, i);
        if (strcmp(json_string_value(json_object_get(at, "message_id")), message_id) == 0)
            note = at;
    }
    return note;
}

static void add_reference(struct text *text, const struct membership *member,
                          struct json_value payload)
{
    OWNED char *reply = field_string(payload, "in_reply_to");
    const json_t *said = note_of(member->said, reply), *heard = note_of(member->heard, reply);
    const json_t *note = said ? said : heard;
    if (note)
        text_addf(text, ", re %s#%lld", said ? "your " : "",
                  (long long)json_integer_value(json_object_get(note, "seq")));
}

static void add_head(struct text *text, const struct inbox *inbox, const struct item *item,
                     struct json_value message)
{
    struct json_value payload = json_get(message, "payload"), by = json_get(payload, "reply_by");
    bool error = json_string_is(json_get(message, "message_type"), slice_of("error"));
    text_addf(text, "#%llu ", (unsigned long long)item->seq);
    add_member_name(text, error ? payload : message, error ? "code" : "message_type");
    text_add_literal(text, " from ");
    add_member_name(text, message, "sender_id");
    text_add_literal(text, item->direct ? " to you" : " to all");
    add_age(text, message, time_now_ms());
    add_reference(text, inbox->member, payload);
    if (by.kind == JSON_KIND_NUMBER)
        text_addf(text, ", wants a reply within %.9g s", field_number(payload, "reply_by", 0));
    text_add_literal(text, item->again ? ", shown before\n" : "\n");
}

static void add_message(struct text *text, const struct inbox *inbox, const struct item *item,
                        struct slice line, size_t most)
{
    struct json_value message = json_value_of(line), payload = json_get(message, "payload");
    struct json_value said = json_get(payload, "text");
    struct text further = {0};
    add_head(text, inbox, item, message);
    bool chat = json_string_is(json_get(message, "message_type"), slice_of("chat")) &&
                said.kind == JSON_KIND_STRING;
    if (chat) {
        add_said(text, said, item->seq, most);
        further_members(payload, &further);
    } else {
        text_add(&further, payload.raw);
    }
    if (further.len > 0)
        add_json(text, text_slice(&further), item->seq, most);
    text_free(&further);
}

/* Its messages, one behind the other; `most` bytes of each body. */
static void add_item(struct text *text, const struct inbox *inbox, const struct item *item,
                     size_t most)
{
    struct slice rest = text_slice(&item->lines);
    while (rest.len > 0) {
        const char *end = memchr(rest.at, '\n', rest.len);
        size_t len = (size_t)(end - rest.at);
        add_message(text, inbox, item, (struct slice){rest.at, len}, most);
        rest = (struct slice){end + 1, rest.len - len - 1};
    }
}

/* ── what fits ── */

/* A direct message alone may be as long as all that is shown. */
static size_t body_most(const struct item *item, const struct inbox_look *look)
{
    size_t all = look->tokens * TOKEN_BYTES;
    if (look->whole)
        return SIZE_MAX;
    if (!item->direct && all > OTHERS_BYTES)
        return OTHERS_BYTES;
    return all > LEAST_BYTES ? all : LEAST_BYTES;
}

static size_t item_bytes(const struct inbox *inbox, const struct item *item,
                         const struct inbox_look *look)
{
    if (look->json)
        return item->lines.len;
    struct text text = {0};
    add_item(&text, inbox, item, body_most(item, look));
    size_t len = text.len;
    text_free(&text);
    return len;
}

struct budget {
    size_t bytes, messages;
    bool empty; /* nothing was taken yet: the first fits in any case */
};

static bool budget_take(struct budget *budget, size_t bytes)
{
    bool fits = budget->empty || (bytes <= budget->bytes && budget->messages > 0);
    budget->empty = false;
    budget->bytes = fits && bytes < budget->bytes ? budget->bytes - bytes : 0;
    budget->messages -= fits && budget->messages > 0;
    return fits;
}

void inbox_choose(struct inbox *inbox, const struct inbox_look *look)
{
    struct budget budget = {look->whole ? SIZE_MAX : look->tokens * TOKEN_BYTES, look->most, true};
    struct item *item, *next;
    for (item = TAILQ_FIRST(&inbox->direct.list); item; item = next) {
        next = TAILQ_NEXT(item, next);
        if (!budget_take(&budget, item_bytes(inbox, item, look)))
            inbox_pass_over(inbox, &inbox->direct, item);
    }
    for (item = TAILQ_LAST(&inbox->others.list, item_list); item; item = next) {
        next = TAILQ_PREV(item, item_list, next);
        if (!budget_take(&budget, item_bytes(inbox, item, look)))
            inbox_pass_over(inbox, &inbox->others, item);
    }
}

/* ── all of it ── */

static void add_types(json_t *types, const char *to, const char *first, struct text *text)
{
    const char *type, *before = first;
    json_t *found;
    json_object_foreach(types, type, found)
    {
        size_t from = json_object_size(json_object_get(found, "from"));
        text_addf(text, "%s%lld ", before,
                  (long long)json_integer_value(json_object_get(found, "count")));
        text_add_name(text, slice_of(type));
        text_add_literal(text, to);
        if (from > 1)
            text_addf(text, " of %zu", from);
        before = ", ";
    }
}

void inbox_add_rest(const struct inbox *inbox, struct text *text)
{
    bool both = json_object_size(inbox->types_direct) > 0;
    add_types(inbox->types_direct, " to you", "", text);
    add_types(inbox->types, "", both ? ", " : "", text);
}

static size_t count_types(json_t *types)
{
    const char *type;
    json_t *found;
    size_t count = 0;
    json_object_foreach(types, type, found) count +=
        (size_t)json_integer_value(json_object_get(found, "count"));
    return count;
}

size_t inbox_rest(const struct inbox *inbox)
{
    return count_types(inbox->types_direct) + count_types(inbox->types);
}

static void add_people(const struct inbox *inbox, bool came, struct text *text)
{
    const char *name;
    json_t *value;
    size_t count = 0;
    json_object_foreach(inbox->people, name, value)
    {
        if (json_is_true(value) != came || ++count > NAMES_SHOWN)
            continue;
        text_add_literal(text, count == 1 ? (came ? "-- came: " : "-- left: ") : ", ");
        text_add_name(text, slice_of(name));
    }
    if (count > NAMES_SHOWN)
        text_addf(text, " and %zu more", count - NAMES_SHOWN);
    text_add_literal(text, count ? "\n" : "");
}

static void add_unacked(const struct inbox *inbox, struct text *text)
{
    size_t count = json_array_size(inbox->unacked);
    if (count == 0)
        return;
    text_add_literal(text, "-- shown before, not acked:");
    for (size_t i = 0; i < count && i < SEQS_SHOWN; i++)
        text_addf(text, " #%lld", (long long)json_integer_value(json_array_get(inbox->unacked, i)));
    if (count > SEQS_SHOWN)
        text_addf(text, " and %zu more", count - SEQS_SHOWN);
    text_add_literal(text, " (khub recv --again, or khub ack)\n");
}

static void print_text(const struct inbox *inbox, const struct inbox_look *look, FILE *out)
{
    struct text text = {0};
    const struct item *item;
    TAILQ_FOREACH (item, &inbox->direct.list, next)
        add_item(&text, inbox, item, body_most(item, look));
    TAILQ_FOREACH (item, &inbox->others.list, next)
        add_item(&text, inbox, item, body_most(item, look));
    size_t rest = inbox_rest(inbox);
    if (rest > 0) {
        text_addf(&text, "-- %zu more: ", rest);
        inbox_add_rest(inbox, &text);
        text_add_literal(&text, " (khub recv again, or --max, --tokens)\n");
    }
    add_people(inbox, true, &text);
    add_people(inbox, false, &text);
    add_unacked(inbox, &text);
    struct slice made = text_slice(&text);
    fwrite(made.at, 1, made.len, out);
    text_free(&text);
}

/* The line of a message is an object; what only a reader of JSON wants to know stands before it. */
static void add_json_item(struct text *text, const struct item *item, const char **before)
{
    struct slice rest = text_slice(&item->lines);
    while (rest.len > 0) {
        const char *end = memchr(rest.at, '\n', rest.len);
        size_t len = (size_t)(end - rest.at);
        text_addf(text, "%s{\"seq\":%llu,\"direct\":%s,\"again\":%s,\"message\":", *before,
                  (unsigned long long)item->seq, item->direct ? "true" : "false",
                  item->again ? "true" : "false");
        text_add_json(text, (struct slice){rest.at, len}, false);
        text_add_literal(text, "}");
        *before = ",";
        rest = (struct slice){end + 1, rest.len - len - 1};
    }
}

static void add_json_types(json_t *types, const char *name, struct text *text)
{
    const char *type, *before = "";
    json_t *found;
    text_addf(text, ",\"%s\":{", name);
    json_object_foreach(types, type, found)
    {
        text_add_literal(text, before);
        text_add_string(text, slice_of(type));
        text_addf(text, ":{\"count\":%lld,\"senders\":%zu}",
                  (long long)json_integer_value(json_object_get(found, "count")),
                  json_object_size(json_object_get(found, "from")));
        before = ",";
    }
    text_add_literal(text, "}");
}

static void add_json_people(const struct inbox *inbox, bool came, struct text *text)
{
    const char *name, *before = "";
    json_t *value;
    text_addf(text, ",\"%s\":[", came ? "came" : "left");
    json_object_foreach(inbox->people, name, value)
    {
        if (json_is_true(value) != came)
            continue;
        text_add_literal(text, before);
        text_add_string(text, slice_of(name));
        before = ",";
    }
    text_add_literal(text, "]");
}

static void print_json(const struct inbox *inbox, uint64_t told, FILE *out)
{
    struct text text = {0};
    const struct item *item;
    const char *before = "";
    text_add_literal(&text, "{\"messages\":[");
    TAILQ_FOREACH (item, &inbox->direct.list, next)
        add_json_item(&text, item, &before);
    TAILQ_FOREACH (item, &inbox->others.list, next)
        add_json_item(&text, item, &before);
    text_addf(&text, "],\"more\":{\"count\":%zu", inbox_rest(inbox));
    add_json_types(inbox->types_direct, "direct", &text);
    add_json_types(inbox->types, "others", &text);
    text_add_literal(&text, "}");
    add_json_people(inbox, true, &text);
    add_json_people(inbox, false, &text);
    text_add_literal(&text, ",\"unacked\":[");
    for (size_t i = 0; i < json_array_size(inbox->unacked); i++)
        text_addf(&text, "%s%lld", i ? "," : "",
                  (long long)json_integer_value(json_array_get(inbox->unacked, i)));
    text_addf(&text, "],\"acked\":%llu,\"seq\":%llu}\n", (unsigned long long)inbox->member->acked,
              (unsigned long long)told);
    struct slice made = text_slice(&text);
    fwrite(made.at, 1, made.len, out);
    text_free(&text);
}

void inbox_print(const struct inbox *inbox, const struct inbox_look *look, uint64_t told, FILE *out)
{
    if (look->json)
        print_json(inbox, told, out);
    else
        print_text(inbox, look, out);
}
