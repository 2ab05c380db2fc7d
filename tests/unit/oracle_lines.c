/* Agreement with jansson on mutated lines. Each line is made from a number alone, so a disagreement
 * is replayed with
 *   KHUB_ORACLE_FIRST=<number> KHUB_ORACLE_LINES=1 <this program>
 * KHUB_ORACLE_LINES sets how many lines are judged. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "oracle.h"

#if defined(__SANITIZE_ADDRESS__)
#define LINES 30000
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LINES 30000
#endif
#endif
#ifndef LINES
#define LINES 500000 /* 4 to 10 seconds */
#endif

#define ROOM 2048 /* bytes that a mutated line may grow to */

static const char *const seeds[] = {
    "{\"message_id\": \"c1675e0b-b980-4575-a896-61fec08aa83b\", \"sender_id\": \"AI_M42\", "
    "\"message_type\": \"pattern_share\", \"timestamp\": \"2026-11-22T08:00:41.455644\", "
    "\"payload\": {\"pattern\": {\"id\": \"p_1\", \"confidence\": 0.56, \"data\": {\"example\": "
    "\"x\"}}}, \"target_ai\": null}",
    "{\"message_id\":\"1\",\"sender_id\":\"a\",\"message_type\":\"heartbeat\",\"timestamp\":\"\","
    "\"payload\":{}}",
    "{\"target_ai\":\"b\",\"payload\":{\"text\":\"\\u00e9\\ud83d\\ude00 "
    "\\\"\\\\\\/\\b\\f\\n\\r\\t\"},"
    "\"timestamp\":\"t\",\"message_type\":\"chat\",\"sender_id\":\"a\",\"message_id\":\"2\"}",
    "{\"message_id\":\"gr\xC3\xBC\xC3\x9F\",\"sender_id\":\"\xE6\x97\xA5\xE6\x9C\xAC\",\"message_"
    "type\":"
    "\"chat\",\"timestamp\":\"\xF0\x9F\x98\x80\",\"payload\":{\"\xC3\xA9\":"
    "\"\xEF\xBF\xBF\xF4\x8F\xBF\xBF\"},"
    "\"target_ai\":\"\"}",
    "{\"message_id\":\"5\",\"sender_id\":\"n\",\"message_type\":\"performance_report\","
    "\"timestamp\":\"t\","
    "\"payload\":{\"metrics\":[0,-0,1.5,-2e10,3E-7,4e+2,12345678901234,0.1e1,true,false,null,[],{},"
    "[[{\"a\":[1]}]]]}}",
    "{\"message_id\":\"6\",\"sender_id\":\"n\",\"message_type\":\"hello\",\"timestamp\":\"t\","
    "\"payload\":"
    "{\"a\":1,\"b\":2,\"a\":3,\"\":4,\"capabilities\":[\"x\",\"y\"]},\"target_ai\":null}",
    "{ \"m\\u0065ssage_id\" : \"\\u0037\" ,\t\"sender_id\":\"\\u006e\" , \"message_type\" : "
    "\"ch\\u0061t\" , \"timestamp\" : \"\\t\" , \"payload\" : { \"a\" : [ 1 , 2 ] } } ",
};
#define SEEDS (sizeof seeds / sizeof *seeds)

/* What is worth putting in: all of the grammar, and what lies just beside it. */
#define TOKEN(text)                                                                                \
    {                                                                                              \
        text, sizeof text - 1                                                                      \
    }
static const struct slice tokens[] = {
    TOKEN("{"),
    TOKEN("}"),
    TOKEN("["),
    TOKEN("]"),
    TOKEN(","),
    TOKEN(":"),
    TOKEN("\""),
    TOKEN("\\"),
    TOKEN(" "),
    TOKEN("\t"),
    TOKEN("\r"),
    TOKEN("\n"),
    TOKEN("\f"),
    TOKEN("\v"),
    TOKEN("\0"),
    TOKEN("\x1f"),
    TOKEN("\x7f"),
    TOKEN("\xC2\xA0"),
    TOKEN("\xEF\xBB\xBF"),
    TOKEN("true"),
    TOKEN("false"),
    TOKEN("null"),
    TOKEN("True"),
    TOKEN("nul"),
    TOKEN("NaN"),
    TOKEN("Infinity"),
    TOKEN("-"),
    TOKEN("+"),
    TOKEN("."),
    TOKEN("0"),
    TOKEN("1"),
    TOKEN("9"),
    TOKEN("e"),
    TOKEN("E"),
    TOKEN("1e400"),
    TOKEN("-1e400"),
    TOKEN("1e-400"),
    TOKEN("-0.0"),
    TOKEN("9223372036854775807"),
    TOKEN("9223372036854775808"),
    TOKEN("-9223372036854775809"),
    TOKEN("01"),
    TOKEN("1."),
    TOKEN(".5"),
    TOKEN("1e"),
    TOKEN("0x1"),
    TOKEN("1.0E+2"),
    TOKEN("\\u"),
    TOKEN("\\u0000"),
    TOKEN("\\u001f"),
    TOKEN("\\u0041"),
    TOKEN("\\u00e9"),
    TOKEN("\\ud800"),
    TOKEN("\\udc00"),
    TOKEN("\\ud83d\\ude00"),
    TOKEN("\\uDBFF\\uDFFF"),
    TOKEN("\\uD800\\u0041"),
    TOKEN("\\uFFFF"),
    TOKEN("\\u12G4"),
    TOKEN("\\x41"),
    TOKEN("\\n"),
    TOKEN("\\\""),
    TOKEN("\\\\"),
    TOKEN("\\/"),
    TOKEN("\\'"),
    TOKEN("'"),
    TOKEN("/*a*/"),
    TOKEN("\x80"),
    TOKEN("\xBF"),
    TOKEN("\xC0\x80"),
    TOKEN("\xC1\xBF"),
    TOKEN("\xC2\x80"),
    TOKEN("\xDF\xBF"),
    TOKEN("\xE0\x9F\xBF"),
    TOKEN("\xE0\xA0\x80"),
    TOKEN("\xED\x9F\xBF"),
    TOKEN("\xED\xA0\x80"),
    TOKEN("\xEE\x80\x80"),
    TOKEN("\xEF\xBF\xBF"),
    TOKEN("\xF0\x8F\xBF\xBF"),
    TOKEN("\xF0\x90\x80\x80"),
    TOKEN("\xF4\x8F\xBF\xBF"),
    TOKEN("\xF4\x90\x80\x80"),
    TOKEN("\xF5\x80\x80\x80"),
    TOKEN("\xFE"),
    TOKEN("\xFF"),
    TOKEN("\xE2\x82"),
    TOKEN("\xF0\x9F\x98"),
    TOKEN("\"\":1,"),
    TOKEN("\"a\":{},"),
    TOKEN("\"a\\u0000b\":1,"),
    TOKEN(",\"b\":[]"),
    TOKEN("{\"k\":"),
    TOKEN("[["),
    TOKEN("]]"),
    TOKEN("[1,2,3]"),
    TOKEN("{\"a\":\"b\"}"),
    TOKEN("\"a\""),
    TOKEN("\"message_id\":"),
    TOKEN("\"sender_id\":\"n\","),
    TOKEN(",\"target_ai\":\"x\""),
    TOKEN("\"target_ai\":\"\\u0009\","),
    TOKEN("\"message\\u005fid\":\"1\","),
    TOKEN("\"payload\":{},"),
    TOKEN("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["),
    TOKEN("]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"),
    TOKEN("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
};
#define TOKENS (sizeof tokens / sizeof *tokens)

static uint64_t random_state;

/* splitmix64 */
static uint64_t draw(void)
{
    uint64_t mixed = random_state += UINT64_C(0x9E3779B97F4A7C15);
    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94D049BB133111EB);
    return mixed ^ mixed >> 31;
}

static size_t below(size_t bound)
{
    return (size_t)(draw() % bound);
}

struct line {
    char at[ROOM];
    size_t len;
};

/* Puts `bytes` in the place of `cut` bytes at `from`; leaves the line alone when it would not
 * fit. */
static void splice(struct line *line, size_t from, size_t cut, struct slice bytes)
{
    if (line->len - cut + bytes.len > ROOM)
        return;
    memmove(line->at + from + bytes.len, line->at + from + cut, line->len - from - cut);
    if (bytes.len > 0)
        memcpy(line->at + from, bytes.at, bytes.len);
    line->len += bytes.len - cut;
}

/* A place in the line; half of the time one beside a structural byte, where grammars break. */
static size_t some_place(const struct line *line)
{
    size_t from = below(line->len + 1);
    if (draw() % 2)
        while (from < line->len && !memchr("{}[],:\"\\", line->at[from], 8))
            from++;
    return from;
}

static void insert_token(struct line *line)
{
    splice(line, some_place(line), 0, tokens[below(TOKENS)]);
}

static void replace_byte(struct line *line)
{
    size_t from = some_place(line);
    if (from < line->len)
        splice(line, from, 1, tokens[below(TOKENS)]);
}

static void delete_range(struct line *line)
{
    size_t from = some_place(line);
    size_t most = line->len - from < 8 ? line->len - from : 8;
    splice(line, from, below(most + 1), (struct slice){NULL, 0});
}

static void copy_range(struct line *line)
{
    size_t from = some_place(line);
    size_t most = line->len - from < 48 ? line->len - from : 48;
    char copy[48];
    size_t len = below(most + 1);
    memcpy(copy, line->at + from, len);
    splice(line, some_place(line), 0, (struct slice){copy, len});
}

static void flip_bit(struct line *line)
{
    if (line->len > 0) {
        size_t from = below(line->len);
        line->at[from] = (char)(line->at[from] ^ (1 << below(8)));
    }
}

static void cut_end(struct line *line)
{
    line->len -= below(line->len < 16 ? line->len + 1 : 16);
}

static void graft(struct line *line)
{
    struct slice other = slice_of(seeds[below(SEEDS)]);
    size_t from = below(other.len + 1);
    splice(line, some_place(line), 0, (struct slice){other.at + from, below(other.len - from + 1)});
}

/* A value in the place of a value: mostly still good JSON, so that the rules behind the grammar are
 * met as well. */
static void replace_value(struct line *line)
{
    static const char *const values[] = {
        "null",
        "true",
        "0",
        "-12.5e3",
        "\"\"",
        "\"a\"",
        "\"\\u0001\"",
        "[]",
        "{}",
        "[1,{}]",
        "\"training_sync\"",
        "\"chat\"",
        "\"hub\"",
        "1e999",
        "{\"a\":{\"b\":null}}",
        "\"\\u0000\"",
        "\"\xC2\x85\"",
        "\"0123456789012345678901234567890123456789012345678901234567890123\\n\"",
    };
    size_t from = below(line->len + 1);
    while (from < line->len && line->at[from] != ':')
        from++;
    if (from == line->len)
        return;
    from++;
    size_t to = from;
    while (to < line->len && line->at[to] != ',' && line->at[to] != '}')
        to++;
    splice(line, from, to - from, slice_of(values[below(sizeof values / sizeof *values)]));
}

/* A stretch from one ',' to the next (often a whole member) taken out, or put in a second time. */
static void drop_or_repeat_member(struct line *line)
{
    size_t from = below(line->len + 1);
    while (from < line->len && line->at[from] != ',')
        from++;
    size_t to = from < line->len ? from + 1 : from;
    while (to < line->len && line->at[to] != ',' && line->at[to] != '}')
        to++;
    char copy[ROOM];
    memcpy(copy, line->at + from, to - from);
    if (draw() % 2)
        splice(line, from, to - from, (struct slice){NULL, 0});
    else
        splice(line, from, 0, (struct slice){copy, to - from});
}

static void (*const mutations[])(struct line *line) = {
    insert_token, replace_byte, delete_range,  copy_range,    flip_bit,
    cut_end,      graft,        replace_value, replace_value, drop_or_repeat_member,
};

static void make_line(uint64_t number, struct line *ret_line)
{
    random_state = number * UINT64_C(0xD1342543DE82EF95) + 1;
    struct slice seed = slice_of(seeds[below(SEEDS)]);
    memcpy(ret_line->at, seed.at, seed.len);
    ret_line->len = seed.len;
    for (size_t count = below(5); count > 0; count--)
        mutations[below(sizeof mutations / sizeof *mutations)](ret_line);
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

/* So that it can be put into a C string as it is. */
static void print_line(const struct line *line)
{
    printf("# ");
    for (size_t i = 0; i < line->len; i++) {
        unsigned char byte = (unsigned char)line->at[i];
        if (byte >= 0x20 && byte < 0x7F)
            putchar(byte);
        else
            printf("\\%03o", byte);
    }
    putchar('\n');
}

static void jansson_agrees_on_mutated_lines(void **state)
{
    (void)state;
    uint64_t first = setting("KHUB_ORACLE_FIRST", 0), count = setting("KHUB_ORACLE_LINES", LINES);
    uint64_t seen[WIRE_ERROR_COUNT] = {0};
    struct line line;
    for (uint64_t number = first; number < first + count; number++) {
        make_line(number, &line);
        /* Exactly its size on the heap: a sanitizer sees any byte read beyond it. */
        char *exact = malloc(line.len ? line.len : 1);
        assert_non_null(exact);
        memcpy(exact, line.at, line.len);
        enum wire_error code;
        const char *fault = oracle_compare((struct slice){exact, line.len}, &code);
        free(exact);
        if (fault) {
            print_line(&line);
            fail_msg("line %llu: %s", (unsigned long long)number, fault);
        }
        seen[code]++;
    }
    printf("# %llu lines:", (unsigned long long)count);
    for (int code = 0; code < WIRE_ERROR_COUNT; code++)
        if (seen[code])
            printf(" %s %llu", wire_error_code((enum wire_error)code),
                   (unsigned long long)seen[code]);
    printf("\n");
    /* The mutations are no use if they never get past the grammar, or always do. */
    static const enum wire_error all[] = {WIRE_OK,
                                          WIRE_BAD_JSON,
                                          WIRE_MISSING_FIELD,
                                          WIRE_UNKNOWN_FIELD,
                                          WIRE_DUPLICATE_FIELD,
                                          WIRE_BAD_FIELD,
                                          WIRE_UNKNOWN_TYPE};
    for (size_t i = 0; i < sizeof all / sizeof *all && count >= 10000; i++)
        assert_true(seen[all[i]] > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(jansson_agrees_on_mutated_lines)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
