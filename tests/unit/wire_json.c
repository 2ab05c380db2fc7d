/* The scanner's boundaries: each production of RFC 8259 and what lies just beside it, every byte in
 * every place of a string, all of UTF-8. Built twice: with SSE2, and with its portable twin. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire/json.h"
#include "wire/utf8.h"
#include "wire_guard.h"

#define TEXT(literal)                                                                              \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }
#define DEPTH 64

static enum json_fault check(struct slice text, size_t *ret_at)
{
    return json_check(guarded(text), DEPTH, ret_at);
}

static bool is_fine(struct slice text)
{
    size_t at = SIZE_MAX;
    enum json_fault fault = check(text, &at);
    if (fault == JSON_FINE)
        assert_int_equal(at, SIZE_MAX); /* out-parameters stay untouched */
    else
        assert_true(at <= text.len);
    return fault == JSON_FINE;
}

static const struct slice good[] = {
    /* words, and white space around anything */
    TEXT("null"),
    TEXT("true"),
    TEXT("false"),
    TEXT(" null"),
    TEXT("null "),
    TEXT(" \t\r\n null \t\r\n "),
    /* numbers */
    TEXT("0"),
    TEXT("-0"),
    TEXT("1"),
    TEXT("-1"),
    TEXT("10"),
    TEXT("1234567890"),
    TEXT("0.0"),
    TEXT("-0.0"),
    TEXT("0.5"),
    TEXT("1.25"),
    TEXT("1e0"),
    TEXT("1E0"),
    TEXT("1e+0"),
    TEXT("1e-0"),
    TEXT("1e00"),
    TEXT("0e1"),
    TEXT("-0e-1"),
    TEXT("1.5e10"),
    TEXT("1.50E-10"),
    TEXT("1e999"),
    TEXT("-1e999"),
    TEXT("1e-999"),
    TEXT("123456789012345678901234567890"),
    TEXT("0.000000000000000000000000000000000000000000001"),
    TEXT("18446744073709551616"),
    /* strings */
    TEXT("\"\""),
    TEXT("\"a\""),
    TEXT("\" \""),
    TEXT("\"\x7F\""),
    TEXT("\"/\""),
    TEXT("\"'\""),
    TEXT("\"{[,:]}\""),
    TEXT("\"\\\"\""),
    TEXT("\"\\\\\""),
    TEXT("\"\\/\""),
    TEXT("\"\\b\\f\\n\\r\\t\""),
    TEXT("\"\\u0000\""),
    TEXT("\"\\u001F\""),
    TEXT("\"\\uabcd\""),
    TEXT("\"\\uABCD\""),
    TEXT("\"\\uaBc9\""),
    TEXT("\"\\uD7FF\""),
    TEXT("\"\\uE000\""),
    TEXT("\"\\uFFFF\""),
    TEXT("\"\\uFFFE\""),
    TEXT("\"\\uD800\\uDC00\""),
    TEXT("\"\\udbff\\udfff\""),
    TEXT("\"\\uD83D\\uDE00\\uD83D\\uDE00\""),
    TEXT("\"\\\\u12\""),
    TEXT("\"\\\\\\\"\""),
    TEXT("\"0123456789abcdef0123456789abcdef\""),
    TEXT("\"0123456789abcde\\\"0123456789abcdef\""),
    /* arrays */
    TEXT("[]"),
    TEXT("[ ]"),
    TEXT("[\t\r\n]"),
    TEXT("[1]"),
    TEXT("[1,2]"),
    TEXT(" [ 1 , 2 ] "),
    TEXT("[null,true,false,\"\",0,[],{}]"),
    TEXT("[[]]"),
    TEXT("[[],[]]"),
    TEXT("[[[[]]],[[]]]"),
    TEXT("[1e1,1e1]"),
    TEXT("[\"a\",\"b\"]"),
    /* objects */
    TEXT("{}"),
    TEXT("{ }"),
    TEXT("{\"a\":1}"),
    TEXT("{\"\":\"\"}"),
    TEXT(" { \"a\" : 1 , \"b\" : 2 } "),
    TEXT("{\"a\":1,\"a\":2}"),
    TEXT("{\"a\":{\"a\":{}}}"),
    TEXT("{\"\\u0000\":0}"),
    TEXT("{\"a\":[],\"b\":{}}"),
    TEXT("[{},{\"a\":[{}]}]"),
    TEXT("{\"a\":[{\"b\":[{}]},[]],\"c\":{}}"),
    TEXT("{\"\xC3\xA9\":\"\xE2\x82\xAC\"}"),
};

static void good_texts_pass(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!is_fine(good[i]))
            fail_msg("refused: %.*s", SLICE_FORMAT(good[i]));
}

/* Good JSON stays good inside of good JSON, and no beginning of a container is good. */
static void good_texts_nest(void **state)
{
    (void)state;
    char nested[512];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        int len = snprintf(nested, sizeof nested, "[%.*s,{\"a\":%.*s}]", SLICE_FORMAT(good[i]),
                           SLICE_FORMAT(good[i]));
        for (size_t cut = 0; cut < (size_t)len; cut++)
            assert_false(is_fine((struct slice){nested, cut}));
        assert_true(is_fine((struct slice){nested, (size_t)len}));
    }
}

static const struct fault {
    struct slice text;
    size_t at; /* where it shows */
} bad[] = {
    /* nothing, and nothing that JSON knows */
    {TEXT(""), 0},
    {TEXT(" "), 1},
    {TEXT("\t\r\n "), 4},
    {TEXT("a"), 0},
    {TEXT("nul"), 0},
    {TEXT("nulL"), 0},
    {TEXT("Null"), 0},
    {TEXT("tru"), 0},
    {TEXT("True"), 0},
    {TEXT("fals"), 0},
    {TEXT("nullnull"), 4},
    {TEXT("truefalse"), 4},
    {TEXT("NaN"), 0},
    {TEXT("Infinity"), 0},
    {TEXT("undefined"), 0},
    {TEXT("'a'"), 0},
    {TEXT("//a\n1"), 0},
    {TEXT("1 /*a*/"), 2},
    {TEXT("\0"), 0},
    {TEXT("1\0"), 1},
    {TEXT("null\0"), 4},
    {TEXT("\f1"), 0},
    {TEXT("\v1"), 0},
    {TEXT("1\f"), 1},
    {TEXT("\xC2\xA0"
          "1"),
     0},
    {TEXT("\xEF\xBB\xBF"
          "1"),
     0},
    {TEXT("\xEF\xBB\xBF{}"), 0},
    {TEXT("1\xEF\xBB\xBF"), 1},
    {TEXT("\x1e{}"), 0},
    /* two texts in one */
    {TEXT("1 2"), 2},
    {TEXT("{}{}"), 2},
    {TEXT("[] []"), 3},
    {TEXT("{},"), 2},
    {TEXT("\"a\"\"b\""), 3},
    {TEXT("{}x"), 2},
    {TEXT("{}}"), 2},
    {TEXT("[]]"), 2},
    /* numbers */
    {TEXT("-"), 1},
    {TEXT("+1"), 0},
    {TEXT("--1"), 1},
    {TEXT("-a"), 1},
    {TEXT("- 1"), 1},
    {TEXT("00"), 0},
    {TEXT("01"), 0},
    {TEXT("-01"), 1},
    {TEXT("-00"), 1},
    {TEXT("1."), 2},
    {TEXT("1.a"), 2},
    {TEXT("1.e5"), 2},
    {TEXT(".5"), 0},
    {TEXT("-.5"), 1},
    {TEXT("1e"), 2},
    {TEXT("1E"), 2},
    {TEXT("1e+"), 3},
    {TEXT("1e-"), 3},
    {TEXT("1e++1"), 3},
    {TEXT("1e1.5"), 3},
    {TEXT("1e1e1"), 3},
    {TEXT("1.2.3"), 3},
    {TEXT("0x1"), 1},
    {TEXT("1_000"), 1},
    {TEXT("1f"), 1},
    {TEXT("1 e5"), 2},
    {TEXT("0.5."), 3},
    {TEXT("1-2"), 1},
    {TEXT("[01]"), 1},
    {TEXT("[1.]"), 3},
    {TEXT("[-]"), 2},
    {TEXT("\xEF\xBC\x91"), 0}, /* a full-width 1 */
    /* strings */
    {TEXT("\""), 1},
    {TEXT("\"a"), 2},
    {TEXT("\"\\"), 1},
    {TEXT("\"\\\""), 3},
    {TEXT("\"\\\\\\\""), 5},
    {TEXT("\"\\a\""), 1},
    {TEXT("\"\\'\""), 1},
    {TEXT("\"\\0\""), 1},
    {TEXT("\"\\x41\""), 1},
    {TEXT("\"\\N\""), 1},
    {TEXT("\"\\U0041\""), 1},
    {TEXT("\"\\ \""), 1},
    {TEXT("\"\\\0\""), 1},
    {TEXT("\"\\\n\""), 1},
    {TEXT("\"\\v\""), 1},
    {TEXT("\"\\\xC3\xA9\""), 1},
    {TEXT("\"\n\""), 1},
    {TEXT("\"a\tb\""), 2},
    {TEXT("\"a\0b\""), 2},
    {TEXT("\"\x1F\""), 1},
    {TEXT("\"0123456789abcdef\n\""), 17},
    {TEXT("\"\\u\""), 1},
    {TEXT("\"\\u1\""), 1},
    {TEXT("\"\\u12\""), 1},
    {TEXT("\"\\u123\""), 1},
    {TEXT("\"\\u123"), 1},
    {TEXT("\"\\u12G4\""), 1},
    {TEXT("\"\\u 123\""), 1},
    {TEXT("\"\\u-123\""), 1},
    {TEXT("\"\\u+123\""), 1},
    {TEXT("\"\\u0x12\""), 1},
    {TEXT("\"\\u12`4\""), 1},
    {TEXT("\"\\u12@4\""), 1},
    {TEXT("\"\\u12:4\""), 1},
    {TEXT("\"\\u12/4\""), 1},
    {TEXT("\"\\ug000\""), 1},
    {TEXT("\"\\u\x11"
          "000\""),
     1},
    /* surrogates */
    {TEXT("\"\\uD800\""), 1},
    {TEXT("\"\\uDBFF\""), 1},
    {TEXT("\"\\uDC00\""), 1},
    {TEXT("\"\\uDFFF\""), 1},
    {TEXT("\"\\uD800a\""), 1},
    {TEXT("\"\\uD800\\n\""), 1},
    {TEXT("\"\\uD800\\u0041\""), 1},
    {TEXT("\"\\uD800\\uD800\""), 1},
    {TEXT("\"\\uD800\\uDBFF\""), 1},
    {TEXT("\"\\uD800\\uE000\""), 1},
    {TEXT("\"\\uDC00\\uD800\""), 1},
    {TEXT("\"\\uD800\\uDC0\""), 1},
    {TEXT("\"\\uD800\\uDC0"), 1},
    {TEXT("\"\\uD800\\udcG0\""), 1},
    {TEXT("\"\\uD800 \\uDC00\""), 1},
    {TEXT("\"\\uD800\\UDC00\""), 1},
    {TEXT("\"\\uD800/uDC00\""), 1},
    {TEXT("\"\\uD83D\\uDE00\\uDE00\""), 13},
    /* arrays */
    {TEXT("["), 1},
    {TEXT("]"), 0},
    {TEXT("[1"), 2},
    {TEXT("[1,"), 3},
    {TEXT("[,]"), 1},
    {TEXT("[1,]"), 3},
    {TEXT("[,1]"), 1},
    {TEXT("[1,,2]"), 3},
    {TEXT("[1 2]"), 3},
    {TEXT("[1:2]"), 2},
    {TEXT("[1}"), 2},
    {TEXT("[}"), 1},
    {TEXT("[1;2]"), 2},
    {TEXT("[\"a\":1]"), 4},
    {TEXT("[[]"), 3},
    {TEXT("[[],"), 4},
    {TEXT("(1)"), 0},
    {TEXT("[1)"), 2},
    {TEXT("[{]}"), 2},
    {TEXT("[{}}"), 3},
    /* objects */
    {TEXT("{"), 1},
    {TEXT("}"), 0},
    {TEXT("{]"), 1},
    {TEXT("{1:2}"), 1},
    {TEXT("{a:1}"), 1},
    {TEXT("{'a':1}"), 1},
    {TEXT("{null:1}"), 1},
    {TEXT("{\"a\"}"), 4},
    {TEXT("{\"a\":}"), 5},
    {TEXT("{\"a\" 1}"), 5},
    {TEXT("{\"a\",1}"), 4},
    {TEXT("{\"a\"::1}"), 5},
    {TEXT("{\"a\":1,}"), 7},
    {TEXT("{,}"), 1},
    {TEXT("{,\"a\":1}"), 1},
    {TEXT("{\"a\":1 \"b\":2}"), 7},
    {TEXT("{\"a\":1,,}"), 7},
    {TEXT("{\"a\":1]"), 6},
    {TEXT("{\"a\":1"), 6},
    {TEXT("{\"a\":"), 5},
    {TEXT("{\"a\""), 4},
    {TEXT("{\"a"), 3},
    {TEXT("{\"a\":1,\"b\"}"), 10},
    {TEXT("{[]:1}"), 1},
    {TEXT("{{}:1}"), 1},
    {TEXT("{\"a\"=1}"), 4},
    {TEXT("{\"a\":[}]"), 6},
    {TEXT("{\"a\":1;\"b\":2}"), 6},
    {TEXT("{\"a\n\":1}"), 3},
    {TEXT("{\"\\uD800\":1}"), 2},
    {TEXT("{\"a\":1,2}"), 7},
    {TEXT("{\"\xFF\":1}"), 2},
};

static void bad_texts_are_refused_where_the_fault_shows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        size_t at = SIZE_MAX;
        enum json_fault fault = check(bad[i].text, &at);
        if (fault != JSON_SYNTAX || at != bad[i].at)
            fail_msg("fault %d at %zu, not %zu: %.*s", (int)fault, at, bad[i].at,
                     SLICE_FORMAT(bad[i].text));
    }
}

/* Every byte at every place of strings of every length around the blocks of 8 and 16 bytes. */
static void every_byte_in_every_place_of_a_string(void **state)
{
    (void)state;
    char text[64];
    for (size_t len = 1; len <= 40; len++) {
        for (size_t place = 0; place < len; place++) {
            for (unsigned byte = 0; byte < 256; byte++) {
                memset(text, 'x', sizeof text);
                text[0] = '"';
                text[1 + place] = (char)byte;
                text[1 + len] = '"';
                size_t at = SIZE_MAX;
                enum json_fault fault = check((struct slice){text, len + 2}, &at);
                bool fine = byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
                assert_int_equal(fault, fine ? JSON_FINE : JSON_SYNTAX);
                /* a quote ends the string: the fault is what comes behind it */
                if (byte == '"')
                    assert_int_equal(at, place + 2);
                else if (byte != '\\' && !fine)
                    assert_int_equal(at, place + 1);
            }
        }
    }
}

/* A plain second opinion: the code point that the bytes spell, if they spell one in its shortest
 * form. */
static bool spells_one(const unsigned char *byte, size_t len)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned lead = byte[0];
    uint32_t code;
    if (len == 2 && lead >> 5 == 6)
        code = lead & 0x1F;
    else if (len == 3 && lead >> 4 == 14)
        code = lead & 0x0F;
    else if (len == 4 && lead >> 3 == 30)
        code = lead & 0x07;
    else
        return false;
    for (size_t i = 1; i < len; i++) {
        if (byte[i] >> 6 != 2)
            return false;
        code = code << 6 | (byte[i] & 0x3F);
    }
    return code >= least[len] && code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);
}

static void utf8_is_judged_as_a_whole(const unsigned char *bytes, size_t len)
{
    char text[8] = "\"";
    memcpy(text + 1, bytes, len);
    text[1 + len] = '"';
    size_t at;
    bool fine = json_check((struct slice){text, len + 2}, DEPTH, &at) == JSON_FINE;
    if (fine != spells_one(bytes, len))
        fail_msg("%02x %02x %02x %02x (of these %zu) %s", bytes[0], bytes[1], bytes[2], bytes[3],
                 len, fine ? "passed" : "was refused");
}

/* All sequences of two and three bytes, and those of four with every first two and the bounds of
 * the last two. */
static void utf8_sequences(void **state)
{
    (void)state;
    static const unsigned char bounds[] = {0x80, 0x8F, 0x9F, 0xBF, 0xC0, 0xC2, 0xFF};
    unsigned char bytes[4] = {0};
    for (unsigned lead = 0x80; lead < 0x100; lead++) {
        bytes[0] = (unsigned char)lead;
        for (unsigned second = 0x80; second < 0x100; second++) {
            bytes[1] = (unsigned char)second;
            bytes[2] = bytes[3] = 0;
            utf8_is_judged_as_a_whole(bytes, 2);
            for (unsigned third = 0x80; third < 0x100; third++) {
                bytes[2] = (unsigned char)third;
                utf8_is_judged_as_a_whole(bytes, 3);
                for (size_t i = 0; i < sizeof bounds && third < 0xC2; i++) {
                    bytes[3] = bounds[i];
                    utf8_is_judged_as_a_whole(bytes, 4);
                }
                bytes[3] = 0;
            }
        }
    }
}

/* Each code point, written by the textbook, passes; it passes at every place around the blocks, and
 * cut short at the end it does not. */
static void utf8_code_points(void **state)
{
    (void)state;
    char text[64];
    for (uint32_t code = 0x80; code <= 0x10FFFF; code++) {
        char bytes[UTF8_MAX];
        size_t len = utf8_write(code, bytes);
        bool surrogate = code >= 0xD800 && code <= 0xDFFF;
        assert_int_equal(spells_one((const unsigned char *)bytes, len), !surrogate);
        assert_int_equal(utf8_length(bytes, bytes + len), surrogate ? 0 : len);
        for (size_t cut = 1; cut < len; cut++)
            assert_int_equal(utf8_length(bytes, bytes + cut), 0);
        size_t before = code % 35;
        memset(text, 'x', sizeof text);
        text[0] = '"';
        memcpy(text + 1 + before, bytes, len);
        text[1 + before + len] = '"';
        assert_int_equal(is_fine((struct slice){text, before + len + 2}), !surrogate);
        assert_false(is_fine((struct slice){text, before + len}));
    }
}

/* What opens and closes `depth` levels: arrays, objects, or both in turn. */
static struct slice nest(char *room, unsigned depth, int kind)
{
    size_t len = 0;
    for (unsigned i = 0; i < depth; i++) {
        bool object = kind == 1 || (kind == 2 && i % 2 == 0);
        const char *open = object ? i + 1 < depth ? "{\"a\":" : "{" : "[";
        memcpy(room + len, open, strlen(open));
        len += strlen(open);
    }
    for (unsigned i = depth; i-- > 0;) {
        bool object = kind == 1 || (kind == 2 && i % 2 == 0);
        room[len++] = object ? '}' : ']';
    }
    return (struct slice){room, len};
}

static void depth_is_bounded(void **state)
{
    (void)state;
    static char room[16 * 1024];
    static const unsigned bounds[] = {1, 2, 63, 64, 65, 127, 128, 129, JSON_DEPTH_LIMIT};
    size_t at;
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        for (int kind = 0; kind < 3; kind++) {
            unsigned bound = bounds[i];
            assert_int_equal(json_check(guarded(nest(room, bound, kind)), bound, &at), JSON_FINE);
            struct slice deeper = guarded(nest(room, bound + 1, kind));
            assert_int_equal(json_check(deeper, bound, &at), JSON_TOO_DEEP);
            unsigned objects = kind == 0 ? 0 : kind == 1 ? bound : (bound + 1) / 2;
            assert_int_equal(at, 5 * objects + (bound - objects));
        }
    }
    assert_int_equal(json_check(nest(room, 1, 0), 0, &at), JSON_TOO_DEEP);
    assert_int_equal(json_check(slice_of("\"[{\""), 0, &at), JSON_FINE);
    assert_int_equal(json_check(nest(room, JSON_DEPTH_LIMIT, 2), UINT32_MAX, &at), JSON_FINE);
    assert_int_equal(json_check(nest(room, JSON_DEPTH_LIMIT + 1, 2), UINT32_MAX, &at),
                     JSON_TOO_DEEP);
}

/* Depth is what is open at once, not what was opened; each level remembers what it is. */
static void levels_remember_what_they_are(void **state)
{
    (void)state;
    char room[1024];
    struct slice text = nest(room, DEPTH, 2);
    for (size_t i = 0; i < text.len; i++) {
        if (room[i] != ']' && room[i] != '}')
            continue;
        char right = room[i];
        room[i] = right == ']' ? '}' : ']';
        size_t at;
        assert_int_equal(check(text, &at), JSON_SYNTAX);
        assert_int_equal(at, i);
        room[i] = right;
    }
    char wide[GUARD_ROOM];
    size_t len = 1;
    wide[0] = '[';
    while (len < sizeof wide - 16) {
        memcpy(wide + len, "[{\"a\":[]}],", 11);
        len += 11;
    }
    memcpy(wide + len, "{}]", 3);
    assert_true(is_fine((struct slice){wide, len + 3}));
}

static void a_mebibyte_of_brackets_stops_at_the_bound(void **state)
{
    (void)state;
    size_t size = 1u << 20, at;
    char *brackets = malloc(size);
    assert_non_null(brackets);
    memset(brackets, '[', size);
    assert_int_equal(json_check((struct slice){brackets, size}, DEPTH, &at), JSON_TOO_DEEP);
    assert_int_equal(at, DEPTH);
    free(brackets);
}

static void numbers_of_any_size(void **state)
{
    (void)state;
    size_t size = 100000, at;
    char *digits = malloc(size);
    assert_non_null(digits);
    memset(digits, '7', size);
    assert_int_equal(json_check((struct slice){digits, size}, 0, &at), JSON_FINE);
    digits[1] = '.';
    assert_int_equal(json_check((struct slice){digits, size}, 0, &at), JSON_FINE);
    digits[1] = 'e';
    assert_int_equal(json_check((struct slice){digits, size}, 0, &at), JSON_FINE);
    digits[size - 1] = 'e';
    assert_int_equal(json_check((struct slice){digits, size}, 0, &at), JSON_SYNTAX);
    assert_int_equal(at, size - 1);
    free(digits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_texts_pass),
        cmocka_unit_test(good_texts_nest),
        cmocka_unit_test(bad_texts_are_refused_where_the_fault_shows),
        cmocka_unit_test(every_byte_in_every_place_of_a_string),
        cmocka_unit_test(utf8_sequences),
        cmocka_unit_test(utf8_code_points),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(levels_remember_what_they_are),
        cmocka_unit_test(a_mebibyte_of_brackets_stops_at_the_bound),
        cmocka_unit_test(numbers_of_any_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
