/* NetworkMessage: one pass over the line finds the six members, then a table judges them.
 *
 * What comes first when a line has several faults: that it is no strict JSON; then the first
 * member that should not be there, or is nested too deep; then the first that is missing or
 * wrong of message_id, sender_id, timestamp, target_ai, message_type, payload. */
#include "wire/message.h"

#include <assert.h>
#include <stdint.h>

#include "wire/json_scan.h"
#include "wire/shown.h"
#include "wire/text.h"

/* X(NAME, as it stands on the wire) */
#define MEMBERS(X)                                                                                 \
    X(MESSAGE_ID, "message_id")                                                                    \
    X(SENDER_ID, "sender_id")                                                                      \
    X(MESSAGE_TYPE, "message_type")                                                                \
    X(TIMESTAMP, "timestamp")                                                                      \
    X(TARGET, "target_ai")                                                                         \
    X(PAYLOAD, "payload")

enum member {
#define X(name, text) MEMBER_##name,
    MEMBERS(X)
#undef X
        MEMBER_COUNT
};

static const char *const member_names[MEMBER_COUNT] = {
#define X(name, text) [MEMBER_##name] = (text),
    MEMBERS(X)
#undef X
};

#define THE_MEMBERS                                                                                \
    "a NetworkMessage has message_id, sender_id, message_type, timestamp, payload and, if it "     \
    "likes, target_ai"

/* The members that are text: what they may hold, and where they go in struct message. */
struct text_rule {
    unsigned min, max; /* bytes, decoded */
    bool is_id;        /* no control characters */
    bool optional;     /* may be absent, null or "" */
    size_t slice_at, buffer_at;
};

static const struct text_rule text_rules[MEMBER_COUNT] = {
    [MEMBER_MESSAGE_ID] = {1, WIRE_ID_MAX, true, false, offsetof(struct message, message_id),
                           offsetof(struct message, decoded)},
    [MEMBER_SENDER_ID] = {1, WIRE_ID_MAX, true, false, offsetof(struct message, sender_id),
                          offsetof(struct message, decoded[WIRE_ID_MAX])},
    [MEMBER_TARGET] = {0, WIRE_ID_MAX, true, true, offsetof(struct message, target),
                       offsetof(struct message, decoded[2 * WIRE_ID_MAX])},
    [MEMBER_TIMESTAMP] = {0, WIRE_TIMESTAMP_MAX, false, false, offsetof(struct message, timestamp),
                          offsetof(struct message, decoded[3 * WIRE_ID_MAX])},
};

static const char *const kind_words[] = {
    [JSON_KIND_ABSENT] = "nothing",  [JSON_KIND_NULL] = "null",
    [JSON_KIND_FALSE] = "false",     [JSON_KIND_TRUE] = "true",
    [JSON_KIND_NUMBER] = "a number", [JSON_KIND_STRING] = "a string",
    [JSON_KIND_ARRAY] = "an array",  [JSON_KIND_OBJECT] = "an object",
};

bool message_id_fits(struct slice text)
{
    if (text.len < 1 || text.len > WIRE_ID_MAX)
        return false;
    size_t i = 0;
    /* Eight bytes at a time while none is a control character, U+007F, or the start of anything
     * longer. */
    for (; text.len - i >= 8; i += 8) {
        uint64_t word;
        memcpy(&word, text.at + i, sizeof word);
        uint64_t odd = ((word - 0x20 * EVERY_BYTE) & ~word) | word | (word + EVERY_BYTE);
        if (odd & (0x80 * EVERY_BYTE))
            break;
    }
    for (; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.at[i];
        if (byte < 0x20 || byte == 0x7F)
            return false;
        if (byte == 0xC2 && i + 1 < text.len && (unsigned char)text.at[i + 1] < 0xA0)
            return false; /* U+0080 to U+009F */
    }
    return true;
}

/* MEMBER_COUNT when the name is none of the six. Lengths are compared first, then a few bytes
 * whose number the compiler knows. */
static enum member member_find(const struct json_value *name)
{
    char buffer[16]; /* longer than any member's name */
    struct slice text = name->raw;
    if (name->escaped) {
        long len = json_decode(*name, buffer, sizeof buffer);
        text = (struct slice){buffer, len < 0 ? 0 : (size_t)len};
    }
#define X(name, known)                                                                             \
    if (text.len == sizeof(known) - 1 && memcmp(text.at, (known), sizeof(known) - 1) == 0)         \
        return MEMBER_##name;
    MEMBERS(X)
#undef X
    return MEMBER_COUNT;
}

static int refuse_syntax(const struct json_scan *scan, struct slice line,
                         struct refusal *ret_refusal)
{
    char near[EXCERPT_SIZE];
    size_t offset = (size_t)(scan->at - line.at);
    assert(scan->at >= line.at && offset <= line.len);
    size_t left = line.len - offset;
    if (left == 0)
        return refuse(ret_refusal, WIRE_BAD_JSON,
                      "the line is not strict JSON: it ends at byte %zu, where %s", offset,
                      scan->reason);
    excerpt_format((struct slice){scan->at, left}, near);
    return refuse(ret_refusal, WIRE_BAD_JSON, "the line is not strict JSON: at byte %zu, %s: %s",
                  offset, scan->reason, near);
}

/* text: the member decoded, or as much of its bytes as there is to show. */
static int refuse_text(enum member member, struct slice text, const char *why,
                       struct refusal *ret_refusal)
{
    const struct text_rule *rule = &text_rules[member];
    char excerpt[EXCERPT_SIZE];
    return refuse(ret_refusal, WIRE_BAD_FIELD,
                  "%s must be a string of %u to %u bytes%s%s, but %s: \"%s\"", member_names[member],
                  rule->min, rule->max, rule->is_id ? " without control characters" : "",
                  rule->optional ? ", or null" : "", why, excerpt_format(text, excerpt));
}

static int refuse_kind(enum member member, struct json_value value, struct refusal *ret_refusal)
{
    const char *name = member_names[member];
    const char *wanted = member == MEMBER_PAYLOAD  ? "an object"
                         : member == MEMBER_TARGET ? "a string or null"
                                                   : "a string";
    char excerpt[EXCERPT_SIZE];
    return refuse(ret_refusal, WIRE_BAD_FIELD, "%s must be %s, not %s: %s", name, wanted,
                  kind_words[value.kind], excerpt_format(value.raw, excerpt));
}

static int refuse_missing(enum member member, struct refusal *ret_refusal)
{
    return refuse(ret_refusal, WIRE_MISSING_FIELD, "%s is missing: " THE_MEMBERS,
                  member_names[member]);
}

/* A text member into its slice. *message stays as it is on a refusal. */
static int take_text(struct message *message, enum member member, struct json_value value,
                     struct refusal *ret_refusal)
{
    const struct text_rule *rule = &text_rules[member];
    struct slice *slice = (struct slice *)(void *)((char *)message + rule->slice_at);
    if (rule->optional && (value.kind == JSON_KIND_ABSENT || value.kind == JSON_KIND_NULL)) {
        *slice = (struct slice){NULL, 0};
        return 0;
    }
    if (value.kind == JSON_KIND_ABSENT)
        return refuse_missing(member, ret_refusal);
    if (value.kind != JSON_KIND_STRING)
        return refuse_kind(member, value, ret_refusal);
    struct slice text = value.raw;
    if (value.escaped) {
        char *buffer = (char *)message + rule->buffer_at;
        long len = json_decode(value, buffer, rule->max);
        if (len < 0)
            return refuse_text(member, value.raw, "it is longer", ret_refusal);
        text = (struct slice){buffer, (size_t)len};
    }
    if (text.len < rule->min || text.len > rule->max)
        return refuse_text(member, text, text.len ? "it is longer" : "it is empty", ret_refusal);
    if (rule->is_id && text.len > 0 && !message_id_fits(text))
        return refuse_text(member, text, "it has some", ret_refusal);
    *slice = text;
    return 0;
}

static int take_type(struct message *message, struct json_value value, struct refusal *ret_refusal)
{
    if (value.kind == JSON_KIND_ABSENT)
        return refuse_missing(MEMBER_MESSAGE_TYPE, ret_refusal);
    if (value.kind != JSON_KIND_STRING)
        return refuse_kind(MEMBER_MESSAGE_TYPE, value, ret_refusal);
    char buffer[WIRE_ID_MAX]; /* more than any type has */
    struct slice text = value.raw;
    long len = value.escaped ? json_decode(value, buffer, sizeof buffer) : -1;
    if (len >= 0)
        text = (struct slice){buffer, (size_t)len};
    if (message_type_find(text, &message->type) == 0)
        return 0;
    char excerpt[EXCERPT_SIZE];
    return refuse(ret_refusal, WIRE_UNKNOWN_TYPE,
                  "message_type \"%s\" is not one that this hub knows",
                  excerpt_format(text, excerpt));
}

static int take_payload(struct message *message, struct json_value value,
                        struct refusal *ret_refusal)
{
    if (value.kind == JSON_KIND_ABSENT)
        return refuse_missing(MEMBER_PAYLOAD, ret_refusal);
    if (value.kind != JSON_KIND_OBJECT)
        return refuse_kind(MEMBER_PAYLOAD, value, ret_refusal);
    message->payload = value;
    return 0;
}

/* Sorts members into values, up to the first that should not be there: an unknown one, one that
 * is there already, or one in which the scan stopped because it was nested too deep. What was
 * sorted before it stays. */
static int sort_members(const struct json_members *members, struct json_value values[MEMBER_COUNT],
                        struct refusal *ret_refusal)
{
    char excerpt[EXCERPT_SIZE];
    for (size_t i = 0; i < members->count; i++) {
        const struct json_member *found = &members->at[i];
        enum member member = member_find(&found->name);
        if (member == MEMBER_COUNT)
            return refuse(ret_refusal, WIRE_UNKNOWN_FIELD,
                          "there is no member \"%s\": " THE_MEMBERS,
                          excerpt_format(found->name.raw, excerpt));
        if (values[member].kind != JSON_KIND_ABSENT)
            return refuse(ret_refusal, WIRE_DUPLICATE_FIELD,
                          "%s stands twice: each member may stand once", member_names[member]);
        if (found->value.kind == JSON_KIND_ABSENT)
            return refuse(ret_refusal, WIRE_BAD_FIELD, "%s is nested deeper than %u levels",
                          member_names[member], WIRE_DEPTH_MAX);
        values[member] = found->value;
    }
    return 0;
}

/* One more than there are names: so the first member that should not be there is always among
 * those kept. */
#define MEMBERS_KEPT (MEMBER_COUNT + 1)

/* Whether the line is one object and nothing else, with no fault of JSON or of its set of
 * members. */
static int scan_line(struct slice line, struct json_value values[MEMBER_COUNT],
                     struct message *ret_message, struct refusal *ret_refusal)
{
    struct json_member at[MEMBERS_KEPT];
    struct json_members members = {.at = at, .max = MEMBERS_KEPT};
    struct json_members inner = {.at = ret_message->members, .max = MESSAGE_MEMBERS_KEPT};
    struct json_scan scan = {.at = line.at, .end = slice_end(line)};
    scan.at = json_skip_space(scan.at, scan.end);
    const char *from = scan.at;
    if (json_scan_object(&scan, WIRE_DEPTH_MAX, &members, &inner)) {
        ret_message->member_count = inner.count;
        ret_message->line = (struct slice){from, (size_t)(scan.at - from)};
        scan.at = json_skip_space(scan.at, scan.end);
        if (scan.at != scan.end)
            json_scan_fail(&scan, scan.at, "something stands behind the object");
    }
    if (scan.fault != JSON_SYNTAX)
        return sort_members(&members, values, ret_refusal);
    struct refusal second = {.code = WIRE_OK}; /* the first is the one that counts */
    sort_members(&members, values, &second);
    return refuse_syntax(&scan, line, ret_refusal);
}

int message_parse(struct slice line, struct message *ret_message, struct refusal *ret_refusal)
{
    struct json_value values[MEMBER_COUNT] = {{.kind = JSON_KIND_ABSENT}};
    ret_message->message_id = (struct slice){NULL, 0};
    int code = scan_line(line, values, ret_message, ret_refusal);
    if (code != 0) {
        struct refusal second = {.code = WIRE_OK};
        take_text(ret_message, MEMBER_MESSAGE_ID, values[MEMBER_MESSAGE_ID], &second);
        return code;
    }
    static const enum member texts[] = {MEMBER_MESSAGE_ID, MEMBER_SENDER_ID, MEMBER_TIMESTAMP,
                                        MEMBER_TARGET};
    for (size_t i = 0; i < sizeof texts / sizeof *texts && code == 0; i++)
        code = take_text(ret_message, texts[i], values[texts[i]], ret_refusal);
    if (code == 0)
        code = take_type(ret_message, values[MEMBER_MESSAGE_TYPE], ret_refusal);
    if (code == 0)
        code = take_payload(ret_message, values[MEMBER_PAYLOAD], ret_refusal);
    return code;
}

/* ── outlines ── */

struct outlined_slice {
    uint32_t at, len; /* in the line */
};

struct outlined_value {
    struct outlined_slice raw;
    uint8_t kind, escaped;
};

struct outline {
    uint32_t line_len;
    uint8_t type, member_count;
    struct outlined_slice message_id, sender_id, timestamp, target;
    struct outlined_value payload;
    struct {
        struct outlined_value name, value;
    } members[MESSAGE_MEMBERS_KEPT]; /* so many as there are */
};
_Static_assert(sizeof(struct outline) <= MESSAGE_OUTLINE_MAX, "an outline has its place");

/* False when it does not lie in the line. */
static bool outline_slice(struct slice line, struct slice slice, struct outlined_slice *ret_slice)
{
    uintptr_t at = (uintptr_t)slice.at - (uintptr_t)line.at;
    *ret_slice = (struct outlined_slice){slice.len ? (uint32_t)at : 0, (uint32_t)slice.len};
    return !slice.len || (at <= line.len && slice.len <= line.len - at);
}

static bool outline_value(struct slice line, const struct json_value *value,
                          struct outlined_value *ret_value)
{
    ret_value->kind = (uint8_t)value->kind;
    ret_value->escaped = value->escaped;
    return outline_slice(line, value->raw, &ret_value->raw);
}

static size_t outline_size(size_t member_count)
{
    return offsetof(struct outline, members) +
           member_count * sizeof((struct outline *)NULL)->members[0];
}

size_t message_outline(const struct message *message, char ret_outline[MESSAGE_OUTLINE_MAX])
{
    struct outline outline;
    struct slice line = message->line;
    if (line.len > UINT32_MAX)
        return 0;
    outline.line_len = (uint32_t)line.len;
    outline.type = (uint8_t)message->type;
    outline.member_count = (uint8_t)message->member_count;
    bool within = outline_slice(line, message->message_id, &outline.message_id) &&
                  outline_slice(line, message->sender_id, &outline.sender_id) &&
                  outline_slice(line, message->timestamp, &outline.timestamp) &&
                  outline_slice(line, message->target, &outline.target) &&
                  outline_value(line, &message->payload, &outline.payload);
    for (size_t i = 0; i < message->member_count && within; i++)
        within = outline_value(line, &message->members[i].name, &outline.members[i].name) &&
                 outline_value(line, &message->members[i].value, &outline.members[i].value);
    size_t size = outline_size(message->member_count);
    memcpy(ret_outline, &outline, size);
    return within ? size : 0;
}

static struct slice recall_slice(struct slice line, struct outlined_slice slice)
{
    return (struct slice){slice.len ? line.at + slice.at : NULL, slice.len};
}

static struct json_value recall_value(struct slice line, struct outlined_value value)
{
    return (struct json_value){.raw = recall_slice(line, value.raw),
                               .kind = (enum json_kind)value.kind,
                               .escaped = value.escaped};
}

void message_recall(struct slice line, struct slice outline, struct message *ret_message)
{
    struct outline found;
    assert(outline.len <= sizeof found);
    memcpy(&found, outline.at, outline.len);
    assert(found.line_len == line.len && outline.len == outline_size(found.member_count));
    ret_message->line = line;
    ret_message->type = (enum message_type)found.type;
    ret_message->message_id = recall_slice(line, found.message_id);
    ret_message->sender_id = recall_slice(line, found.sender_id);
    ret_message->timestamp = recall_slice(line, found.timestamp);
    ret_message->target = recall_slice(line, found.target);
    ret_message->payload = recall_value(line, found.payload);
    ret_message->member_count = found.member_count;
    for (size_t i = 0; i < found.member_count; i++)
        ret_message->members[i] = (struct json_member){recall_value(line, found.members[i].name),
                                                       recall_value(line, found.members[i].value)};
}

void message_get_members(const struct message *message, const struct json_place *places,
                         size_t count, void *ret_found)
{
    if (message->member_count < MESSAGE_MEMBERS_KEPT)
        json_pick_members(message->members, message->member_count, places, count, ret_found);
    else
        json_get_members(message->payload, places, count, ret_found);
}
