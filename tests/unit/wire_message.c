/* NetworkMessage: each rule of each member at its boundary, what is refused for what, and what the
 * sentence says. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire/message.h"
#include "wire/text.h"
#include "wire_guard.h"
#include "wire_sentence.h"

enum { ID, SENDER, TYPE, TIMESTAMP, PAYLOAD, TARGET, MEMBERS };

static const char *const names[MEMBERS] = {"message_id", "sender_id", "message_type",
                                           "timestamp",  "payload",   "target_ai"};

/* The six values of a line; a NULL one is left out. */
struct line {
    const char *values[MEMBERS];
};

static const struct line good = {
    {"\"m-1\"", "\"AI_1\"", "\"chat\"", "\"2026-11-22\"", "{\"text\":\"hi\"}", "\"AI_2\""}};

/* The good line, but for one member. */
static struct line with(size_t member, const char *value)
{
    struct line line = good;
    line.values[member] = value;
    return line;
}

static char room[GUARD_ROOM];

static struct slice spell(struct line line)
{
    size_t len = 0;
    for (size_t i = 0; i < MEMBERS; i++)
        if (line.values[i])
            len += (size_t)snprintf(room + len, sizeof room - len, "%s\"%s\":%s", len ? "," : "{",
                                    names[i], line.values[i]);
    len += (size_t)snprintf(room + len, sizeof room - len, "%s}", len ? "" : "{");
    return (struct slice){room, len};
}

static struct message message;
static enum wire_error parse(struct slice line)
{
    memset(&message, 0x5A, sizeof message);
    memset(&refusal, 0x5A, sizeof refusal);
    struct slice copy = guarded(line);
    int code = -message_parse(copy, &message, &refusal);
    if (code == WIRE_OK) {
        assert_int_equal((unsigned char)refusal.detail[0], 0x5A);
    } else {
        assert_int_equal(refusal.code, code);
        assert_sentence();
    }
    return (enum wire_error)code;
}

static enum wire_error parse_line(struct line line)
{
    return parse(spell(line));
}

#define ASSERT_SLICE(slice, text)                                                                  \
    do {                                                                                           \
        if (!slice_is(slice, text))                                                                \
            fail_msg("'%.*s' is not '%s'", SLICE_FORMAT(slice), text);                             \
    } while (0)

static void a_good_line_is_taken_apart(void **state)
{
    (void)state;
    assert_int_equal(parse_line(good), WIRE_OK);
    ASSERT_SLICE(message.message_id, "m-1");
    ASSERT_SLICE(message.sender_id, "AI_1");
    ASSERT_SLICE(message.timestamp, "2026-11-22");
    ASSERT_SLICE(message.target, "AI_2");
    assert_int_equal(message.type, MESSAGE_CHAT);
    assert_int_equal(message.payload.kind, JSON_KIND_OBJECT);
    ASSERT_SLICE(message.payload.raw, "{\"text\":\"hi\"}");
    ASSERT_SLICE(json_get(message.payload, "text").raw, "hi");
    assert_true(slice_equal(message.line, spell(good)));
}

static void white_space_is_no_part_of_the_line(void **state)
{
    (void)state;
    char text[512];
    struct slice bare = spell(good);
    int len = snprintf(text, sizeof text, " \t\r%.*s \t\r", SLICE_FORMAT(bare));
    assert_int_equal(parse((struct slice){text, (size_t)len}), WIRE_OK);
    assert_true(slice_equal(message.line, bare));
    assert_int_equal(
        parse(slice_of(
            " {\t\"target_ai\" : null , \"payload\" : { } ,\r\"timestamp\" : \"\" , "
            "\"message_type\" : \"hello\" , \"sender_id\" : \"a\" , \"message_id\" : \"b\" } ")),
        WIRE_OK);
    ASSERT_SLICE(message.payload.raw, "{ }");
    assert_int_equal(message.line.at[0], '{');
    assert_int_equal(message.line.at[message.line.len - 1], '}');
}

/* All 720 orders of the six members. */
static void members_in_any_order(void **state)
{
    (void)state;
    static const char *const members[] = {
        "\"message_id\":\"1\"", "\"sender_id\":\"2\"", "\"message_type\":\"hello\"",
        "\"timestamp\":\"3\"",  "\"payload\":{}",      "\"target_ai\":\"4\""};
    for (unsigned order = 0; order < 720; order++) {
        size_t left[] = {0, 1, 2, 3, 4, 5}, len = 0;
        char text[256];
        unsigned rest = order;
        for (unsigned count = 6; count > 0; count--) {
            size_t pick = rest % count;
            rest /= count;
            len += (size_t)snprintf(text + len, sizeof text - len, "%c%s", len ? ',' : '{',
                                    members[left[pick]]);
            left[pick] = left[count - 1];
        }
        text[len++] = '}';
        assert_int_equal(parse((struct slice){text, len}), WIRE_OK);
        ASSERT_SLICE(message.message_id, "1");
        ASSERT_SLICE(message.sender_id, "2");
        ASSERT_SLICE(message.timestamp, "3");
        ASSERT_SLICE(message.target, "4");
        ASSERT_SLICE(message.payload.raw, "{}");
        assert_int_equal(message.type, MESSAGE_HELLO);
    }
}

static void everyone_is_null_absent_or_empty(void **state)
{
    (void)state;
    static const char *const targets[] = {NULL, "null", "\"\""};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(parse_line(with(TARGET, targets[i])), WIRE_OK);
        assert_int_equal(message.target.len, 0);
    }
}

static void escaped_members_are_decoded(void **state)
{
    (void)state;
    assert_int_equal(
        parse(
            slice_of("{\"message\\u005fid\":\"\\u0031\\/\",\"\\u0073ender_id\":\"\\u00e9\\\"\","
                     "\"message_typ\\u0065\":\"hell\\u006f\",\"timestamp\":\"\\n\","
                     "\"p\\u0061yload\":{\"\\u0061\":1},\"target\\u005Fai\":\"\\ud83d\\ude00\"}")),
        WIRE_OK);
    ASSERT_SLICE(message.message_id, "1/");
    ASSERT_SLICE(message.sender_id, "\xC3\xA9\"");
    ASSERT_SLICE(message.timestamp, "\n");
    ASSERT_SLICE(message.target, "\xF0\x9F\x98\x80");
    assert_int_equal(message.type, MESSAGE_HELLO);
    ASSERT_SLICE(json_get(message.payload, "a").raw, "1");
    /* all four at their limit, each byte an escape */
    char id[6 * WIRE_ID_MAX + 3] = "\"", time[6 * WIRE_TIMESTAMP_MAX + 3] = "\"";
    for (unsigned i = 0; i < WIRE_ID_MAX; i++)
        memcpy(id + 1 + 6 * i, i % 2 ? "\\u0061" : "\\u0062", 6);
    for (unsigned i = 0; i < WIRE_TIMESTAMP_MAX; i++)
        memcpy(time + 1 + 6 * i, "\\u0000", 6);
    strcat(id, "\"");
    strcat(time, "\"");
    struct line long_line = with(ID, id);
    long_line.values[SENDER] = long_line.values[TARGET] = id;
    long_line.values[TIMESTAMP] = time;
    assert_int_equal(parse_line(long_line), WIRE_OK);
    assert_int_equal(message.message_id.len, WIRE_ID_MAX);
    assert_int_equal(message.timestamp.len, WIRE_TIMESTAMP_MAX);
    assert_true(slice_equal(message.message_id, message.sender_id));
    assert_true(slice_equal(message.message_id, message.target));
    assert_memory_equal(message.target.at, "babababa", 8);
}

static void every_type_is_found(void **state)
{
    (void)state;
    for (unsigned type = 0; type < MESSAGE_TYPE_COUNT; type++) {
        char text[64];
        snprintf(text, sizeof text, "\"%s\"", message_type_text((enum message_type)type));
        assert_int_equal(parse_line(with(TYPE, text)), WIRE_OK);
        assert_int_equal(message.type, type);
        text[1]++;
        assert_int_equal(parse_line(with(TYPE, text)), WIRE_UNKNOWN_TYPE);
        text[1]--;
        text[strlen(text) - 2] = '"';
        text[strlen(text) - 1] = ' ';
        assert_int_equal(parse_line(with(TYPE, text)), WIRE_UNKNOWN_TYPE);
    }
    static const char *const unknown[] = {"\"\"",
                                          "\"Hello\"",
                                          "\"hello \"",
                                          "\" hello\"",
                                          "\"hello\\u0000\"",
                                          "\"knowledge_wish\"",
                                          "\"hub\"",
                                          "\"pattern_shared\"",
                                          "\"\\u0000\"",
                                          "\"h\xC3\xA9llo\""};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        assert_int_equal(parse_line(with(TYPE, unknown[i])), WIRE_UNKNOWN_TYPE);
    assert_int_equal(parse_line(with(TYPE, "\"frobnicate\"")), WIRE_UNKNOWN_TYPE);
    ASSERT_SAYS("message_type \"frobnicate\"");
}

/* The members that are text. */
static const size_t texts[] = {ID, SENDER, TARGET, TIMESTAMP, TYPE};
#define TEXTS            5
#define JUDGED_BY_LENGTH 4 /* the first of them; a type is judged by its list */

static void wrong_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *value, *word;
    } rows[] = {{"1", "a number: 1"},
                {"true", "true"},
                {"false", "false"},
                {"[\"a\"]", "an array: ["},
                {"{\"a\":1}", "an object: {"},
                {"null", "null"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t text = 0; text < TEXTS; text++) {
            size_t member = texts[text];
            if (member == TARGET && strcmp(rows[i].value, "null") == 0)
                continue;
            assert_int_equal(parse_line(with(member, rows[i].value)), WIRE_BAD_FIELD);
            ASSERT_SAYS(names[member]);
            ASSERT_SAYS(rows[i].word);
            ASSERT_SAYS("must be a string");
        }
        if (rows[i].value[0] == '{')
            continue;
        assert_int_equal(parse_line(with(PAYLOAD, rows[i].value)), WIRE_BAD_FIELD);
        ASSERT_SAYS("payload must be an object");
        ASSERT_SAYS(rows[i].word);
    }
    assert_int_equal(parse_line(with(PAYLOAD, "\"{}\"")), WIRE_BAD_FIELD);
    ASSERT_SAYS("payload must be an object, not a string: {}");
}

/* len bytes, in every width of UTF-8 that divides it, raw or with its first byte escaped. */
static void lengths_of_one(size_t member, size_t len, enum wire_error expected)
{
    static const char *const letters[] = {"a", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
    char value[2048];
    for (size_t width = 1; width <= 4; width++) {
        for (int escaped = 0; escaped < 2; escaped++) {
            size_t used = 0, meant = len;
            value[used++] = '"';
            if (escaped && meant > 0) {
                memcpy(value + used, "\\u0061", 6);
                used += 6;
                meant--;
            }
            if (meant % width != 0)
                continue;
            for (size_t i = 0; i < meant / width; i++, used += width)
                memcpy(value + used, letters[width - 1], width);
            memcpy(value + used, "\"", 2);
            assert_int_equal(parse_line(with(member, value)), expected);
            if (expected == WIRE_BAD_FIELD) {
                ASSERT_SAYS(names[member]);
                ASSERT_SAYS(member == TIMESTAMP ? "64 bytes" : "128 bytes");
            }
        }
    }
}

static void lengths_at_their_limits(void **state)
{
    (void)state;
    for (size_t text = 0; text < JUDGED_BY_LENGTH; text++) {
        size_t member = texts[text];
        size_t limit = member == TIMESTAMP ? WIRE_TIMESTAMP_MAX : WIRE_ID_MAX;
        bool may_be_empty = member == TARGET || member == TIMESTAMP;
        lengths_of_one(member, 0, may_be_empty ? WIRE_OK : WIRE_BAD_FIELD);
        for (size_t len = 1; len < 8; len++)
            lengths_of_one(member, len, WIRE_OK);
        for (size_t less = 0; less < 4; less++)
            lengths_of_one(member, limit - less, WIRE_OK);
        for (size_t more = 1; more < 8; more++)
            lengths_of_one(member, limit + more, WIRE_BAD_FIELD);
        lengths_of_one(member, 1000, WIRE_BAD_FIELD);
    }
}

/* Every code point up to U+0100, raw where JSON lets it be, and escaped, at every place of ids of
 * every length around the block of 8. */
static void control_characters_in_ids(void **state)
{
    (void)state;
    for (unsigned code = 0; code <= 0x100; code++) {
        bool control = code < 0x20 || (code >= 0x7F && code <= 0x9F);
        char bytes[UTF8_MAX], escape[8];
        size_t width = utf8_write(code, bytes);
        snprintf(escape, sizeof escape, "\\u%04x", code);
        for (size_t place = 0; place < 18; place++) {
            for (int spelling = 0; spelling < 2; spelling++) {
                if (spelling == 0 && (code < 0x20 || code == '"' || code == '\\'))
                    continue;
                char value[64] = "\"";
                memset(value + 1, 'x', place);
                if (spelling == 0)
                    memcpy(value + 1 + place, bytes, width);
                else
                    strcat(value, escape);
                strcat(value, place % 3 ? "yz\"" : "\"");
                for (size_t text = 0; text < JUDGED_BY_LENGTH; text++) {
                    size_t member = texts[text];
                    bool refused = control && member != TIMESTAMP;
                    assert_int_equal(parse_line(with(member, value)),
                                     refused ? WIRE_BAD_FIELD : WIRE_OK);
                    if (refused)
                        ASSERT_SAYS("control characters");
                }
            }
        }
    }
    assert_int_equal(parse_line(with(SENDER, "\"a\\nb\\u0085\"")), WIRE_BAD_FIELD);
    ASSERT_SAYS("sender_id");
    ASSERT_SAYS("a\\x0ab\\u{85}");
}

static void missing_members(void **state)
{
    (void)state;
    for (size_t member = ID; member < TARGET; member++) {
        assert_int_equal(parse_line(with(member, NULL)), WIRE_MISSING_FIELD);
        ASSERT_SAYS(names[member]);
        ASSERT_SAYS("is missing");
        if (member == ID)
            assert_int_equal(message.message_id.len, 0);
        else
            ASSERT_SLICE(message.message_id, "m-1");
    }
    assert_int_equal(parse(slice_of("{}")), WIRE_MISSING_FIELD);
    assert_int_equal(parse(slice_of(" { } ")), WIRE_MISSING_FIELD);
}

/* Puts `more` before the closing brace of a good line. */
static enum wire_error parse_with(const char *more)
{
    static char text[GUARD_ROOM];
    struct slice line = spell(good);
    int len = snprintf(text, sizeof text, "%.*s,%s}", (int)line.len - 1, line.at, more);
    return parse((struct slice){text, (size_t)len});
}

static void unknown_members(void **state)
{
    (void)state;
    static const char *const unknown[] = {
        "seq",      "",         "Message_id",     "message_ids", "message_i",
        "target",   "payload ", "payload\\u0000", "a\\nb",       "\xF0\x9F\x98\x80",
        "sender-id"};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        char member[64];
        snprintf(member, sizeof member, "\"%s\":1", unknown[i]);
        assert_int_equal(parse_with(member), WIRE_UNKNOWN_FIELD);
        ASSERT_SAYS(unknown[i]);
        ASSERT_SLICE(message.message_id, "m-1");
    }
    /* many of them, and good members behind them */
    char text[4096] = "{";
    for (int i = 0; i < 200; i++)
        strcat(text, "\"x\":{},");
    struct slice line = spell(good);
    strncat(text, line.at + 1, line.len - 1);
    assert_int_equal(parse(slice_of(text)), WIRE_UNKNOWN_FIELD);
}

static void duplicate_members(void **state)
{
    (void)state;
    static const struct {
        const char *member, *name;
    } rows[] = {
        {"\"message_id\":\"m-1\"", "message_id"},
        {"\"sender_id\":\"AI_1\"", "sender_id"},
        {"\"message_type\":\"chat\"", "message_type"},
        {"\"timestamp\":\"\"", "timestamp"},
        {"\"payload\":{}", "payload"},
        {"\"target_ai\":null", "target_ai"},
        {"\"message\\u005fid\":\"m-1\"", "message_id"},
        {"\"\\u0070\\u0061\\u0079\\u006c\\u006f\\u0061\\u0064\":1", "payload"},
        {"\"sender_id\":[[[]]]", "sender_id"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(parse_with(rows[i].member), WIRE_DUPLICATE_FIELD);
        ASSERT_SAYS(rows[i].name);
        ASSERT_SAYS("twice");
        ASSERT_SLICE(message.message_id, "m-1");
    }
    /* null and absent mean the same, but null is there */
    assert_int_equal(parse(slice_of("{\"target_ai\":null,\"target_ai\":null}")),
                     WIRE_DUPLICATE_FIELD);
    /* inside of payload duplicates are nobody's business */
    assert_int_equal(parse_line(with(PAYLOAD, "{\"a\":1,\"a\":2,\"message_id\":3}")), WIRE_OK);
}

/* When there is more than one fault, the order is the one in message.c's head. */
static void the_first_fault_counts(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum wire_error code;
    } rows[] = {
        {"{\"x\":1,\"message_id\":1,}", WIRE_BAD_JSON},
        {"{\"message_id\":1,\"message_id\":2", WIRE_BAD_JSON},
        {"{\"message_id\":1,\"x\":2,\"message_id\":3}", WIRE_UNKNOWN_FIELD},
        {"{\"message_id\":1,\"message_id\":2,\"x\":3}", WIRE_DUPLICATE_FIELD},
        {"{\"message_id\":1,\"message_id\":2}", WIRE_DUPLICATE_FIELD},
        {"{\"x\":1}", WIRE_UNKNOWN_FIELD},
        {"{\"message_id\":1}", WIRE_BAD_FIELD},
        {"{\"sender_id\":1}", WIRE_MISSING_FIELD},
        {"{\"message_id\":\"1\",\"sender_id\":1,\"message_type\":\"x\"}", WIRE_BAD_FIELD},
        {"{\"message_id\":\"1\",\"sender_id\":\"a\",\"timestamp\":\"\",\"message_type\":\"x\"}",
         WIRE_UNKNOWN_TYPE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(parse(slice_of(rows[i].line)), rows[i].code);
}

static void what_is_no_object(void **state)
{
    (void)state;
    static const char *const lines[] = {"",          " ",
                                        "1",         "null",
                                        "true",      "\"{}\"",
                                        "[]",        "[{}]",
                                        "}",         "hi",
                                        "[",         "{",
                                        "{{",        "GET / HTTP/1.1",
                                        "{}{}",      "{},",
                                        "{} x",      "{}]",
                                        "\xFF\xFE{", "\xEF\xBB\xBF{}"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        assert_int_equal(parse(slice_of(lines[i])), WIRE_BAD_JSON);
        ASSERT_SAYS("not strict JSON");
        assert_int_equal(message.message_id.len, 0);
    }
    assert_int_equal(parse((struct slice)SLICE("{\0}")), WIRE_BAD_JSON);
    ASSERT_SAYS("at byte 1");
    ASSERT_SAYS("\\x00");
    assert_int_equal(parse((struct slice)SLICE("{}\0")), WIRE_BAD_JSON);
    assert_int_equal(parse(slice_of("{\"a\": \"\xE9t\xE9\"}")), WIRE_BAD_JSON);
    ASSERT_SAYS("at byte 7, the bytes are not UTF-8: \\xe9t\\xe9");
    assert_int_equal(parse(slice_of("{\"a\": tru")), WIRE_BAD_JSON);
    assert_int_equal(parse(slice_of("{\"a\": ")), WIRE_BAD_JSON);
    ASSERT_SAYS("it ends at byte 6");
}

static void every_prefix_of_a_good_line_is_refused(void **state)
{
    (void)state;
    char text[512];
    struct slice line = spell(good);
    memcpy(text, line.at, line.len);
    for (size_t len = 0; len < line.len; len++) {
        assert_int_equal(parse((struct slice){text, len}), WIRE_BAD_JSON);
        /* the id is known as soon as its value has ended */
        bool known = len >= sizeof "{\"message_id\":\"m-1\"" - 1;
        assert_int_equal(message.message_id.len, known ? 3 : 0);
    }
    assert_int_equal(parse((struct slice){text, line.len}), WIRE_OK);
    for (unsigned byte = 1; byte < 256; byte++) {
        text[line.len] = (char)byte;
        bool space = byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
        assert_int_equal(parse((struct slice){text, line.len + 1}),
                         space ? WIRE_OK : WIRE_BAD_JSON);
    }
}

static const char *nested(char *buffer, unsigned depth, const char *open, const char *close)
{
    buffer[0] = '\0';
    for (unsigned i = 0; i < depth; i++)
        strcat(buffer, open);
    for (unsigned i = 0; i < depth; i++)
        strcat(buffer, close);
    return buffer;
}

static void payload_depth(void **state)
{
    (void)state;
    char inner[2048], payload[2200];
    /* payload is one level itself */
    snprintf(payload, sizeof payload, "{\"a\":%s}", nested(inner, WIRE_DEPTH_MAX - 1, "[", "]"));
    assert_int_equal(parse_line(with(PAYLOAD, payload)), WIRE_OK);
    snprintf(payload, sizeof payload, "{\"a\":%s}", nested(inner, WIRE_DEPTH_MAX, "[", "]"));
    assert_int_equal(parse_line(with(PAYLOAD, payload)), WIRE_BAD_FIELD);
    ASSERT_SAYS("payload is nested deeper than 64");
    ASSERT_SLICE(message.message_id, "m-1");
    snprintf(payload, sizeof payload, "%s1%s", nested(inner, WIRE_DEPTH_MAX, "{\"a\":", ""),
             nested(inner + 1024, WIRE_DEPTH_MAX, "", "}"));
    assert_int_equal(parse_line(with(PAYLOAD, payload)), WIRE_OK);
    snprintf(payload, sizeof payload, "{\"a\":{\"b\":%s}}",
             nested(inner, WIRE_DEPTH_MAX - 1, "[", "]"));
    assert_int_equal(parse_line(with(PAYLOAD, payload)), WIRE_BAD_FIELD);
    assert_int_equal(parse_line(with(SENDER, nested(inner, WIRE_DEPTH_MAX + 1, "[", "]"))),
                     WIRE_BAD_FIELD);
    ASSERT_SAYS("sender_id is nested deeper");
}

static void sentences_stay_short_and_clean(void **state)
{
    (void)state;
    static char value[8192];
    static const char *const fillings[] = {"a",   "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80",
                                           "\\n", "\\u0000",  "\xC2\x85",     "\x7F",
                                           "%s%n"};
    for (size_t i = 0; i < sizeof fillings / sizeof *fillings; i++) {
        for (size_t shift = 0; shift < 4; shift++) {
            value[0] = '"';
            memset(value + 1, '.', shift);
            value[1 + shift] = '\0';
            for (int count = 0; count < 800; count++)
                strcat(value, fillings[i]);
            strcat(value, "\"");
            for (size_t text = 0; text < TEXTS; text++) {
                size_t member = texts[text];
                /* parse() looks at each sentence */
                assert_int_not_equal(parse_line(with(member, value)), WIRE_OK);
                assert_true(strlen(refusal.detail) < 300);
                ASSERT_SAYS("\xE2\x80\xA6"); /* an ellipsis: there was more */
            }
            strcat(value, ":1");
            parse_with(value);
            assert_int_equal(refusal.code, WIRE_UNKNOWN_FIELD);
        }
    }
}

/* The same is found whether the scan kept all of the payload's members or there are too many. */
static void members_of_the_payload(void **state)
{
    static const struct json_place places[] = {
        {SLICE("a"), 0},
        {SLICE("b"), sizeof(struct json_value)},
        {SLICE("absent"), 2 * sizeof(struct json_value)},
    };
    (void)state;
    for (unsigned others = 0; others <= 2 * MESSAGE_MEMBERS_KEPT; others++) {
        struct json_value found[3];
        memset(found, 0x5A, sizeof found);
        struct text payload = {0};
        text_add_literal(&payload, "{\"a\":1,\"\\u0062\":{\"a\":[2],\"absent\":3}");
        for (unsigned i = 0; i < others; i++)
            text_addf(&payload, " , \"other%u\" : \"%u\"", i, i);
        text_add_literal(&payload, ",\"a\":\"the last\"}");
        text_addf(&payload, "%c", '\0');
        assert_int_equal(parse_line(with(PAYLOAD, payload.at)), WIRE_OK);
        message_get_members(&message, places, 3, found);
        assert_int_equal(found[0].kind, JSON_KIND_STRING);
        ASSERT_SLICE(found[0].raw, "the last");
        assert_int_equal(found[1].kind, JSON_KIND_OBJECT);
        ASSERT_SLICE(found[1].raw, "{\"a\":[2],\"absent\":3}");
        assert_int_equal(found[2].kind, JSON_KIND_ABSENT);
        text_free(&payload);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_line_is_taken_apart),
        cmocka_unit_test(white_space_is_no_part_of_the_line),
        cmocka_unit_test(members_in_any_order),
        cmocka_unit_test(everyone_is_null_absent_or_empty),
        cmocka_unit_test(escaped_members_are_decoded),
        cmocka_unit_test(every_type_is_found),
        cmocka_unit_test(wrong_kinds),
        cmocka_unit_test(lengths_at_their_limits),
        cmocka_unit_test(control_characters_in_ids),
        cmocka_unit_test(missing_members),
        cmocka_unit_test(unknown_members),
        cmocka_unit_test(duplicate_members),
        cmocka_unit_test(the_first_fault_counts),
        cmocka_unit_test(what_is_no_object),
        cmocka_unit_test(every_prefix_of_a_good_line_is_refused),
        cmocka_unit_test(payload_depth),
        cmocka_unit_test(members_of_the_payload),
        cmocka_unit_test(sentences_stay_short_and_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
