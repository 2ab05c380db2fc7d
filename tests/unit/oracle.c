#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "oracle.h"
#include "wire/message.h"
#include "wire/utf8.h"

/* A string's meaning in a block of exactly its size, so that a sanitizer sees any write too far.
 * The caller frees it. */
static char *decoded(struct json_value string, size_t *ret_len)
{
    char *buffer = malloc(string.raw.len + 1);
    if (!buffer)
        abort();
    long len = json_decode(string, buffer, string.raw.len);
    if (len < 0)
        abort(); /* the meaning is never longer than the spelling */
    *ret_len = (size_t)len;
    return buffer;
}

static json_t *number_tree(struct json_value value)
{
    char *copy = strndup(value.raw.at, value.raw.len);
    if (!copy)
        abort();
    json_t *tree;
    if (strpbrk(copy, ".eE")) {
        double real = strtod(copy, NULL), ours;
        bool same = json_number(value, &ours) != 0 || ours == real;
        tree = same ? json_real(real) : NULL;
    } else {
        long long integer = strtoll(copy, NULL, 10);
        uint64_t ours;
        bool same = json_u64(value, &ours) != 0 ? integer < 0 : (long long)ours == integer;
        tree = same ? json_integer(integer) : NULL;
    }
    free(copy);
    return tree;
}

/* Whether the cursor stopped at the closing bracket: all that is left is that, white space, and in
 * an empty container the opening one. */
static bool is_used_up(struct json_iterator iterator)
{
    const char *at = iterator.rest.at, *last = at + iterator.rest.len - 1;
    if (!iterator.started)
        at++;
    while (at < last && strchr(" \t\r\n", *at))
        at++;
    return iterator.rest.len > 0 && at == last && (*at == ']' || *at == '}');
}

/* The cursor's view of a value as a jansson tree; NULL when the cursor contradicts itself.
 * Recursive, but no deeper than the scanner let pass. */
static json_t *tree_of(struct json_value value)
{
    json_t *tree = NULL;
    struct json_iterator inside = {.rest = value.raw};
    struct json_value name, element;
    size_t len;
    char *text;
    switch (value.kind) {
    case JSON_KIND_ABSENT:
        return NULL;
    case JSON_KIND_NULL:
        return json_null();
    case JSON_KIND_FALSE:
        return json_false();
    case JSON_KIND_TRUE:
        return json_true();
    case JSON_KIND_NUMBER:
        return number_tree(value);
    case JSON_KIND_STRING:
        text = decoded(value, &len);
        if (json_string_is(value, (struct slice){text, len}))
            tree = json_stringn(text, len);
        free(text);
        return tree;
    case JSON_KIND_ARRAY:
        tree = json_array();
        while (json_next_element(&inside, &element))
            if (json_array_append_new(tree, tree_of(element)) != 0)
                goto contradiction;
        break;
    case JSON_KIND_OBJECT:
        tree = json_object();
        while (json_next_member(&inside, &name, &element)) {
            text = decoded(name, &len);
            int set = json_object_setn_new(tree, text, len, tree_of(element));
            free(text);
            if (set != 0)
                goto contradiction;
        }
        break;
    }
    if (!is_used_up(inside))
        goto contradiction;
    return tree;
contradiction:
    json_decref(tree);
    return NULL;
}

static bool has_controls(const char *at, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)at[i];
        if (byte < 0x20 || byte == 0x7F)
            return true;
        if (byte == 0xC2 && i + 1 < len && (unsigned char)at[i + 1] <= 0x9F)
            return true;
    }
    return false;
}

static const char *refusal_fault(const struct refusal *refusal)
{
    size_t len = strnlen(refusal->detail, WIRE_DETAIL_MAX);
    if (len == 0 || len == WIRE_DETAIL_MAX)
        return "the refusal's sentence is empty, or has no end";
    const char *end = refusal->detail + len;
    for (const char *at = refusal->detail; at < end;) {
        size_t length = utf8_length(at, end);
        if (length == 0)
            return "the refusal's sentence is not UTF-8";
        at += length;
    }
    return has_controls(refusal->detail, len) ? "the refusal's sentence has control characters"
                                              : NULL;
}

static const struct rule {
    const char *name;
    bool optional, is_id;
    size_t min, max;
} rules[] = {
    {"message_id", false, true, 1, 128},
    {"sender_id", false, true, 1, 128},
    {"timestamp", false, false, 0, 64},
    {"target_ai", true, true, 0, 128},
};
#define RULES (sizeof rules / sizeof *rules)

static enum wire_error judge_text(const json_t *tree, const struct rule *rule)
{
    const json_t *value = json_object_get(tree, rule->name);
    if (!value)
        return rule->optional ? WIRE_OK : WIRE_MISSING_FIELD;
    if (json_is_null(value) && rule->optional)
        return WIRE_OK;
    if (!json_is_string(value))
        return WIRE_BAD_FIELD;
    size_t len = json_string_length(value);
    if (len < rule->min || len > rule->max)
        return WIRE_BAD_FIELD;
    return rule->is_id && has_controls(json_string_value(value), len) ? WIRE_BAD_FIELD : WIRE_OK;
}

static bool is_known(const char *name, size_t len)
{
    static const char known[] = "|message_id|sender_id|message_type|timestamp|payload|target_ai|";
    char wanted[32];
    if (len > 20 || memchr(name, '|', len) || memchr(name, '\0', len))
        return false;
    snprintf(wanted, sizeof wanted, "|%.*s|", (int)len, name);
    return len > 0 && strstr(known, wanted) != NULL;
}

/* The first member, in the line's order, that is unknown or there already. */
static enum wire_error judge_names(struct slice line)
{
    struct json_iterator members = {.rest = json_value_of(line).raw};
    struct json_value name, value;
    json_t *seen = json_object();
    enum wire_error code = WIRE_OK;
    while (code == WIRE_OK && json_next_member(&members, &name, &value)) {
        size_t len;
        char *text = decoded(name, &len);
        if (!is_known(text, len))
            code = WIRE_UNKNOWN_FIELD;
        else if (json_object_getn(seen, text, len))
            code = WIRE_DUPLICATE_FIELD;
        else
            json_object_setn_new(seen, text, len, json_true());
        free(text);
    }
    json_decref(seen);
    return code;
}

static enum wire_error judge_tree(const json_t *tree, struct slice line)
{
    if (!json_is_object(tree))
        return WIRE_BAD_JSON;
    enum wire_error code = judge_names(line);
    for (size_t i = 0; i < RULES && code == WIRE_OK; i++)
        code = judge_text(tree, &rules[i]);
    if (code != WIRE_OK)
        return code;
    const json_t *type = json_object_get(tree, "message_type");
    const json_t *payload = json_object_get(tree, "payload");
    if (!type)
        return WIRE_MISSING_FIELD;
    if (!json_is_string(type))
        return WIRE_BAD_FIELD;
    bool found = false;
    for (unsigned i = 0; i < MESSAGE_TYPE_COUNT; i++)
        found = found ||
                (json_string_length(type) == strlen(json_string_value(type)) &&
                 strcmp(message_type_text((enum message_type)i), json_string_value(type)) == 0);
    if (!found)
        return WIRE_UNKNOWN_TYPE;
    if (!payload)
        return WIRE_MISSING_FIELD;
    return json_is_object(payload) ? WIRE_OK : WIRE_BAD_FIELD;
}

static bool slice_is_text(struct slice slice, const json_t *tree, const char *name)
{
    const json_t *text = json_object_get(tree, name);
    if (!json_is_string(text))
        return slice.len == 0;
    return slice_equal(slice, (struct slice){json_string_value(text), json_string_length(text)});
}

/* Of an accepted line: everything in struct message, and every value in the payload. */
static const char *compare_message(const struct message *message, const json_t *tree)
{
    if (!slice_is_text(message->message_id, tree, "message_id") ||
        !slice_is_text(message->sender_id, tree, "sender_id") ||
        !slice_is_text(message->timestamp, tree, "timestamp") ||
        !slice_is_text(message->target, tree, "target_ai"))
        return "a member's text differs";
    if (!slice_is_text(slice_of(message_type_text(message->type)), tree, "message_type"))
        return "the type differs";
    if (message->line.at[0] != '{' || message->line.at[message->line.len - 1] != '}')
        return "the line does not go from brace to brace";
    json_t *ours = tree_of(message->payload);
    bool same = ours && json_equal(ours, json_object_get(tree, "payload"));
    json_decref(ours);
    return same ? NULL : "the cursor sees another payload";
}

/* Where jansson gave up for a reason that is none to wire (see oracle.h), or -1: a fault of wire's
 * must not come before it. A number overflows before jansson looks whether it may stand there, so
 * its place is the number's first byte. */
static int gave_up_at(struct slice line, const json_error_t *error)
{
    enum json_error_code code = json_error_code(error);
    int at = error->position;
    if (code == json_error_null_byte_in_key)
        return at;
    if (code != json_error_numeric_overflow)
        return -1;
    while (at > 0 && line.at[at - 1] && strchr("0123456789+-.eE", line.at[at - 1]))
        at--;
    return at;
}

/* wire stopped at `at` because of the depth: whether it had to, and jansson found no fault before
 * that. */
static const char *compare_depth(struct slice line, size_t at, const json_t *tree,
                                 const json_error_t *error)
{
    size_t depth = 0;
    bool inside = false;
    for (size_t i = 0; i <= at; i++) {
        char byte = line.at[i];
        if (inside && byte == '\\')
            i++;
        else if (byte == '"')
            inside = !inside;
        else if (!inside && (byte == '{' || byte == '['))
            depth++;
        else if (!inside && (byte == '}' || byte == ']'))
            depth--;
    }
    if (inside || depth != WIRE_DEPTH_MAX + 2)
        return "called too deep what is not";
    return tree || error->position > (int)at || gave_up_at(line, error) >= 0
               ? NULL
               : "a fault before the depth was missed";
}

static const char *compare_json(struct slice line, enum json_fault fault, size_t at,
                                const json_t *tree, const json_error_t *error)
{
    if (fault == JSON_TOO_DEEP)
        return compare_depth(line, at, tree, error);
    int gave_up = tree ? -1 : gave_up_at(line, error);
    if (gave_up >= 0)
        return fault == JSON_FINE || (int)at >= gave_up ? NULL : "a fault where jansson saw none";
    if ((tree != NULL) != (fault == JSON_FINE))
        return tree ? "jansson accepts this JSON" : "jansson refuses this JSON";
    if (!tree)
        return NULL;
    json_t *ours = tree_of(json_value_of(line));
    bool same = ours && json_equal(ours, tree);
    json_decref(ours);
    return same ? NULL : "the cursor sees another tree";
}

static const char *compare_code(struct slice line, enum wire_error code, enum json_fault fault,
                                const json_t *tree)
{
    const char *first = line.at, *end = line.at + line.len;
    while (first < end && strchr(" \t\r\n", *first) && *first)
        first++;
    bool no_json = fault == JSON_SYNTAX || first == end || *first != '{';
    if ((code == WIRE_BAD_JSON) != no_json)
        return no_json ? "what is no JSON object is refused for another reason"
                       : "a JSON object is refused as none";
    if (fault == JSON_TOO_DEEP && (code == WIRE_OK || code == WIRE_MISSING_FIELD))
        return "too deep a line was let pass";
    if (tree && fault == JSON_FINE && code != judge_tree(tree, line))
        return "the line is refused for another reason";
    return NULL;
}

static json_t *load(struct slice line, json_error_t *ret_error)
{
    char *copy = malloc(line.len + 1);
    if (!copy)
        abort();
    memcpy(copy, line.at, line.len);
    for (size_t i = 0; i < line.len; i++)
        if (copy[i] == '\0')
            copy[i] = '\x01';
    json_t *tree = json_loadb(copy, line.len, JSON_ALLOW_NUL | JSON_DECODE_ANY, ret_error);
    free(copy);
    return tree;
}

static bool same_value(struct json_value one, struct json_value other)
{
    return one.kind == other.kind && one.escaped == other.escaped &&
           slice_equal(one.raw, other.raw);
}

static bool within(struct slice line, struct slice slice)
{
    return !slice.len || (slice.at >= line.at && slice_end(slice) <= slice_end(line));
}

/* Is it what was parsed, out of other bytes? */
static bool same_message(const struct message *parsed, const struct message *recalled)
{
    const struct slice texts[][2] = {{parsed->message_id, recalled->message_id},
                                     {parsed->sender_id, recalled->sender_id},
                                     {parsed->timestamp, recalled->timestamp},
                                     {parsed->target, recalled->target},
                                     {parsed->payload.raw, recalled->payload.raw}};
    bool same = parsed->type == recalled->type && slice_equal(parsed->line, recalled->line) &&
                same_value(parsed->payload, recalled->payload) &&
                parsed->member_count == recalled->member_count;
    for (size_t i = 0; i < sizeof texts / sizeof *texts && same; i++)
        same = slice_equal(texts[i][0], texts[i][1]) && within(recalled->line, texts[i][1]);
    for (size_t i = 0; i < parsed->member_count && same; i++)
        same = same_value(parsed->members[i].name, recalled->members[i].name) &&
               same_value(parsed->members[i].value, recalled->members[i].value) &&
               within(recalled->line, recalled->members[i].name.raw) &&
               within(recalled->line, recalled->members[i].value.raw);
    return same;
}

/* A member that is written with escapes lies in no line. */
static bool has_decoded(const struct message *message)
{
    return !within(message->line, message->message_id) ||
           !within(message->line, message->sender_id) ||
           !within(message->line, message->timestamp) || !within(message->line, message->target);
}

static const char *compare_outline(const struct message *message)
{
    char outline[MESSAGE_OUTLINE_MAX];
    struct message recalled;
    size_t len = message_outline(message, outline);
    if (!len)
        return has_decoded(message) ? NULL : "a message has no outline";
    char *copy = malloc(message->line.len);
    if (!copy)
        return "out of memory";
    memcpy(copy, message->line.at, message->line.len);
    memset(&recalled, 0x5A, sizeof recalled);
    message_recall((struct slice){copy, message->line.len}, (struct slice){outline, len},
                   &recalled);
    const char *fault =
        same_message(message, &recalled) ? NULL : "an outline recalls another message";
    free(copy);
    return fault;
}

const char *oracle_compare(struct slice line, enum wire_error *ret_code)
{
    struct message message;
    struct refusal refusal;
    int code = -message_parse(line, &message, &refusal);
    *ret_code = (enum wire_error)code;
    if (code != 0 && (int)refusal.code != code)
        return "the refusal's code is not the one returned";
    const char *fault = code != 0 ? refusal_fault(&refusal) : NULL;
    if (fault)
        return fault;

    size_t at = 0;
    json_error_t error;
    json_t *tree = load(line, &error);
    enum json_fault checked = json_check(line, WIRE_DEPTH_MAX + 1, &at);
    fault = compare_json(line, checked, at, tree, &error);
    if (!fault)
        fault = compare_code(line, *ret_code, checked, tree);
    if (!fault && tree && code == 0)
        fault = compare_message(&message, tree);
    if (!fault && code == 0)
        fault = compare_outline(&message);
    json_decref(tree);
    return fault;
}
