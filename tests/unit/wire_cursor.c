/* The cursor over accepted JSON: kinds, extents, steps, names, decoding, numbers. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire/json.h"
#include "wire_guard.h"

#define TEXT(literal)                                                                              \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

static struct json_value value_of(const char *text)
{
    struct slice copy = guarded(slice_of(text));
    size_t at;
    assert_int_equal(json_check(copy, 64, &at), JSON_FINE);
    return json_value_of(copy);
}

static void assert_slice(struct slice slice, const char *text)
{
    if (!slice_is(slice, text))
        fail_msg("'%.*s' is not '%s'", SLICE_FORMAT(slice), text);
}

static void kinds_and_extents(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum json_kind kind;
        const char *raw;
    } rows[] = {
        {"null", JSON_KIND_NULL, "null"},
        {" false ", JSON_KIND_FALSE, "false"},
        {"\ttrue\r\n", JSON_KIND_TRUE, "true"},
        {"0", JSON_KIND_NUMBER, "0"},
        {" -1.5e+10 ", JSON_KIND_NUMBER, "-1.5e+10"},
        {"\"\"", JSON_KIND_STRING, ""},
        {" \"a\" ", JSON_KIND_STRING, "a"},
        {"\"\\\"\"", JSON_KIND_STRING, "\\\""},
        {"\"\\\\\"", JSON_KIND_STRING, "\\\\"},
        {"\"]}\\\"{[\"", JSON_KIND_STRING, "]}\\\"{["},
        {"\"\xC3\xA9\xE2\x82\xAC\"", JSON_KIND_STRING, "\xC3\xA9\xE2\x82\xAC"},
        {"[]", JSON_KIND_ARRAY, "[]"},
        {" [ [ ] , \"]\" ] ", JSON_KIND_ARRAY, "[ [ ] , \"]\" ]"},
        {"{}", JSON_KIND_OBJECT, "{}"},
        {" {\"}\":{\"\\\"}\":[]}} ", JSON_KIND_OBJECT, "{\"}\":{\"\\\"}\":[]}}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct json_value value = value_of(rows[i].text);
        assert_int_equal(value.kind, rows[i].kind);
        assert_slice(value.raw, rows[i].raw);
        bool backslash = value.kind == JSON_KIND_STRING && strchr(rows[i].raw, '\\');
        assert_int_equal(value.escaped, backslash);
    }
    assert_int_equal(json_value_of((struct slice)SLICE("")).kind, JSON_KIND_ABSENT);
    assert_int_equal(json_value_of((struct slice)SLICE("  ")).kind, JSON_KIND_ABSENT);
}

static void members_one_by_one(void **state)
{
    (void)state;
    static const char *const spellings[] = {
        "{\"a\":1,\"\":[2,{}],\"\\u0063\":{\"d\":[]},\"a\":\"x\"}",
        " { \"a\" : 1 , \"\" : [2,{}] , \"\\u0063\" : {\"d\":[]} , \"a\" : \"x\" } ",
        "\r\n{\t\"a\"\n:\n1\r,\n\"\":[2,{}],\"\\u0063\":{\"d\":[]},\"a\":\"x\"\n}\n",
    };
    static const char *const names[] = {"a", "", "\\u0063", "a"};
    static const char *const values[] = {"1", "[2,{}]", "{\"d\":[]}", "x"};
    static const enum json_kind kinds[] = {JSON_KIND_NUMBER, JSON_KIND_ARRAY, JSON_KIND_OBJECT,
                                           JSON_KIND_STRING};
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
        struct json_iterator members = {.rest = value_of(spellings[i]).raw};
        struct json_value name, value;
        for (size_t member = 0; member < 4; member++) {
            assert_true(json_next_member(&members, &name, &value));
            assert_slice(name.raw, names[member]);
            assert_int_equal(name.kind, JSON_KIND_STRING);
            assert_int_equal(name.escaped, member == 2);
            assert_slice(value.raw, values[member]);
            assert_int_equal(value.kind, kinds[member]);
        }
        name.kind = value.kind = JSON_KIND_ABSENT;
        for (int again = 0; again < 2; again++)
            assert_false(json_next_member(&members, &name, &value));
        assert_int_equal(name.kind, JSON_KIND_ABSENT);
        assert_int_equal(value.kind, JSON_KIND_ABSENT);
    }
}

static void elements_one_by_one(void **state)
{
    (void)state;
    static const char *const spellings[] = {
        "[1,\"]\",[[],2],{\"a\":[]},null,-0.5e1]",
        " [ 1 , \"]\" , [[],2] , {\"a\":[]} , null , -0.5e1 ] "};
    static const char *const values[] = {"1", "]", "[[],2]", "{\"a\":[]}", "null", "-0.5e1"};
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
        struct json_iterator elements = {.rest = value_of(spellings[i]).raw};
        struct json_value value;
        for (size_t element = 0; element < 6; element++) {
            assert_true(json_next_element(&elements, &value));
            assert_slice(value.raw, values[element]);
        }
        assert_false(json_next_element(&elements, &value));
        assert_false(json_next_element(&elements, &value));
    }
}

static void empty_and_other_kinds_have_nothing_inside(void **state)
{
    (void)state;
    static const char *const texts[] = {"{}", "{ }",  "[]",      "[ \n ]",
                                        "1",  "null", "\"[1]\"", "\"\""};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct json_value name, value;
        struct json_iterator inside = {.rest = value_of(texts[i]).raw};
        assert_false(json_next_member(&inside, &name, &value));
        if (i !=
            6) { /* a string's meaning may look like an array: kinds are the caller's to check */
            inside = (struct json_iterator){.rest = value_of(texts[i]).raw};
            assert_false(json_next_element(&inside, &value));
        }
    }
    struct json_value value;
    struct json_iterator inside = {.rest = value_of("{\"a\":1}").raw};
    assert_false(json_next_element(&inside, &value));
}

static void get_finds_the_last_of_its_name(void **state)
{
    (void)state;
    struct json_value object =
        value_of("{\"a\":1,\"b\":{\"c\":\"inner\",\"a\":9},\"a\":2,\"\":3,\"d\\u0022\":4,\"ab\":5,"
                 "\"\\u00e9\":6,\"\xE2\x82\xAC\":7,\"n\":null}");
    assert_slice(json_get(object, "a").raw, "2");
    struct json_value found[4];
    memset(found, 0x5A, sizeof found);
    static const struct json_place places[] = {{TEXT("d\""), 0},
                                               {TEXT("a"), sizeof *found},
                                               {TEXT("c"), 2 * sizeof *found},
                                               {TEXT("ab"), 3 * sizeof *found}};
    json_get_members(object, places, 4, found);
    assert_slice(found[0].raw, "4");
    assert_slice(found[1].raw, "2");
    assert_int_equal(found[2].kind, JSON_KIND_ABSENT);
    assert_slice(found[3].raw, "5");
    json_get_members(json_get(object, "a"), places, 4, found); /* no object: it has none */
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(found[i].kind, JSON_KIND_ABSENT);
    assert_slice(json_get(object, "ab").raw, "5");
    assert_slice(json_get(object, "").raw, "3");
    assert_slice(json_get(object, "d\"").raw, "4");
    assert_slice(json_get(object, "\xC3\xA9").raw, "6");
    assert_slice(json_get(object, "\xE2\x82\xAC").raw, "7");
    assert_slice(json_get(json_get(object, "b"), "c").raw, "inner");
    assert_int_equal(json_get(object, "n").kind, JSON_KIND_NULL);
    assert_int_equal(json_get(object, "c").kind, JSON_KIND_ABSENT);
    assert_int_equal(json_get(object, "d\\u0022").kind, JSON_KIND_ABSENT);
    assert_int_equal(json_get(json_get(object, "c"), "c").kind, JSON_KIND_ABSENT);
    assert_int_equal(json_get(json_get(object, "a"), "a").kind, JSON_KIND_ABSENT);
    assert_int_equal(json_get(value_of("[\"a\",1]"), "a").kind, JSON_KIND_ABSENT);
    assert_int_equal(json_get(value_of("\"{\\\"a\\\":1}\""), "a").kind, JSON_KIND_ABSENT);
    assert_int_equal(json_get(value_of("{\"a\\u0000\":1}"), "a").kind, JSON_KIND_ABSENT);
}

static const struct {
    const char *text; /* without its quotes */
    struct slice means;
} strings[] = {
    {"", TEXT("")},
    {"a", TEXT("a")},
    {"plain, and rather long, to pass several blocks",
     TEXT("plain, and rather long, to pass several blocks")},
    {"\\\"\\\\\\/\\b\\f\\n\\r\\t", TEXT("\"\\/\b\f\n\r\t")},
    {"a\\nb", TEXT("a\nb")},
    {"\\u0041", TEXT("A")},
    {"\\u0000", TEXT("\0")},
    {"x\\u0000y", TEXT("x\0y")},
    {"\\u007f\\u0080", TEXT("\x7F\xC2\x80")},
    {"\\u07ff\\u0800", TEXT("\xDF\xBF\xE0\xA0\x80")},
    {"\\uD7FF\\ue000\\uFFFF", TEXT("\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF")},
    {"\\uD800\\uDC00", TEXT("\xF0\x90\x80\x80")},
    {"\\uDBFF\\uDFFF", TEXT("\xF4\x8F\xBF\xBF")},
    {"\\ud83d\\ude00!", TEXT("\xF0\x9F\x98\x80!")},
    {"\xE2\x82\xAC\\u20aC\xE2\x82\xAC", TEXT("\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC")},
    {"\\\\u0041", TEXT("\\u0041")},
    {"\\\\\\\\n", TEXT("\\\\n")},
};

static void strings_are_decoded(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
        char text[128], buffer[128];
        snprintf(text, sizeof text, "\"%s\"", strings[i].text);
        struct json_value value = value_of(text);
        struct slice means = strings[i].means;
        memset(buffer, '#', sizeof buffer);
        assert_int_equal(json_decode(value, buffer, means.len), means.len);
        if (means.len > 0)
            assert_memory_equal(buffer, means.at, means.len);
        assert_int_equal(buffer[means.len], '#');
        for (size_t size = 0; size < means.len; size++) {
            memset(buffer, '#', sizeof buffer);
            assert_int_equal(json_decode(value, buffer, size), -1);
            assert_int_equal(buffer[size], '#');
        }
        for (size_t other = 0; other < sizeof strings / sizeof *strings; other++)
            assert_int_equal(json_string_is(value, strings[other].means),
                             slice_equal(means, strings[other].means));
        /* neither a beginning nor a continuation is the same */
        memcpy(buffer, means.at, means.len);
        buffer[means.len] = 'x';
        assert_false(json_string_is(value, (struct slice){buffer, means.len + 1}));
        if (means.len > 0)
            assert_false(json_string_is(value, (struct slice){buffer, means.len - 1}));
    }
    char buffer[8];
    assert_int_equal(json_decode(value_of("12"), buffer, sizeof buffer), -1);
    assert_int_equal(json_decode((struct json_value){.kind = JSON_KIND_ABSENT}, buffer, 8), -1);
    assert_false(json_string_is(value_of("12"), (struct slice)SLICE("12")));
}

static void numbers_as_doubles(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double number;
    } rows[] = {
        {"0", 0},
        {"-0", 0},
        {"1.5", 1.5},
        {"-2.25e2", -225},
        {"1E+2", 100},
        {"1e-400", 0},
        {"0.1", 0.1},
        {"1.7976931348623157e308", 1.7976931348623157e308},
        {"5e-324", 5e-324},
        {"9007199254740993", 9007199254740992.0},
        {"123456789.125", 123456789.125},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double number = 99;
        assert_int_equal(json_number(value_of(rows[i].text), &number), 0);
        assert_true(number == rows[i].number);
    }
    static const char *const bad[] = {"1e309", "-1e309", "1e99999999999", "\"1\"",
                                      "null",  "true",   "[1]",           "{}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        double number = 99;
        assert_int_equal(json_number(value_of(bad[i]), &number), -1);
        assert_true(number == 99);
    }
    double number = 99;
    assert_int_equal(json_number((struct json_value){.kind = JSON_KIND_ABSENT}, &number), -1);
    char digits[JSON_NUMBER_MAX + 2];
    memset(digits, '0', sizeof digits);
    memcpy(digits, "3.", 2);
    digits[JSON_NUMBER_MAX] = '\0';
    assert_int_equal(json_number(value_of(digits), &number), 0);
    assert_true(number == 3);
    digits[JSON_NUMBER_MAX] = '0';
    digits[JSON_NUMBER_MAX + 1] = '\0';
    assert_int_equal(json_number(value_of(digits), &number), -1);
}

static void numbers_as_whole_ones(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t number;
    } rows[] = {
        {"0", 0},
        {"7", 7},
        {"-0", 0},
        {"-0.0", 0},
        {"3.0", 3},
        {"3e2", 300},
        {"0.5e1", 5},
        {"9007199254740993", UINT64_C(9007199254740993)},
        {"9007199254740992.0", UINT64_C(9007199254740992)},
        {"18446744073709551615", UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t number = 99;
        assert_int_equal(json_u64(value_of(rows[i].text), &number), 0);
        assert_true(number == rows[i].number);
    }
    static const char *const bad[] = {
        "-1",
        "18446744073709551616",
        "184467440737095516150",
        "1.5",
        "-1.0",
        "1e-1",
        "9007199254740994.0",
        "1e19",
        "1e400",
        "\"1\"",
        "true",
        "null",
        "[]",
        "{}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint64_t number = 99;
        assert_int_equal(json_u64(value_of(bad[i]), &number), -1);
        assert_int_equal(number, 99);
    }
}

/* Programs around libkhub set the locale they like: a decimal comma must not change what 1.5 is. */
static void numbers_in_any_locale(void **state)
{
    (void)state;
    static const char *const names[] = {"C", "C.UTF-8", "de_DE.UTF-8", "fr_FR.UTF-8",
                                        "ps_AF.UTF-8"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        double number = 0;
        if (!setlocale(LC_NUMERIC, names[i]))
            continue; /* not installed here */
        assert_int_equal(json_number(value_of("-12.75e1"), &number), 0);
        assert_true(number == -127.5);
    }
    setlocale(LC_NUMERIC, "C");
}

/* The cursor is for accepted text only; on anything else its answers mean nothing, but it stays in
 * the slice and comes to an end. */
static void unjudged_bytes_do_no_harm(void **state)
{
    (void)state;
    static const char alphabet[] = "{}[],:\"\\ u0d8a1-.\xC3\x80n";
    uint64_t mixed = 1;
    for (int round = 0; round < 100000; round++) {
        char text[24], buffer[32];
        size_t len = (size_t)(mixed >> 60) + 8;
        for (size_t i = 0; i < len; i++) {
            mixed = mixed * UINT64_C(6364136223846793005) + 1442695040888963407u;
            text[i] = alphabet[(mixed >> 33) % (sizeof alphabet - 1)];
        }
        if (round % 2)
            text[0] = round % 4 == 1 ? '{' : '[';
        struct json_value value = json_value_of(guarded((struct slice){text, len}));
        struct json_iterator members = {.rest = value.raw}, elements = {.rest = value.raw};
        struct json_value name, inner;
        size_t steps = 0;
        while (json_next_member(&members, &name, &inner) && steps <= len) {
            json_decode(name, buffer, sizeof buffer);
            json_string_is(inner, (struct slice)SLICE("a"));
            steps++;
        }
        while (json_next_element(&elements, &inner) && steps <= len) {
            json_decode(inner, buffer, sizeof buffer);
            steps++;
        }
        assert_true(steps <= len);
        json_get(value, "a");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_and_extents),
        cmocka_unit_test(members_one_by_one),
        cmocka_unit_test(elements_one_by_one),
        cmocka_unit_test(empty_and_other_kinds_have_nothing_inside),
        cmocka_unit_test(get_finds_the_last_of_its_name),
        cmocka_unit_test(strings_are_decoded),
        cmocka_unit_test(numbers_as_doubles),
        cmocka_unit_test(numbers_as_whole_ones),
        cmocka_unit_test(numbers_in_any_locale),
        cmocka_unit_test(unjudged_bytes_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
