/* What reaches a terminal: nothing it would obey, in columns that are counted as it counts them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <locale.h>
#include <math.h>
#include <stdlib.h>

#include <jansson.h>

#include "cmd/json_out.h"
#include "cmd/prompt.h"
#include "cmd/table.h"
#include "wire/json.h"

static const struct terminal plain = {.fd = -1, .unicode = true};
static const struct terminal ascii = {.fd = -1};
static const struct terminal colored = {.fd = -1, .unicode = true, .color = true, .width = 10};

static char *shown(const struct terminal *terminal, struct slice bytes)
{
    struct line line;
    line_begin(&line, terminal);
    line_add(&line, bytes);
    struct slice made = line_end(&line);
    char *text = strndup(made.at ? made.at : "", made.len);
    assert_non_null(text);
    line_free(&line);
    return text;
}

static void foreign_text_is_made_harmless(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *unicode, *ascii;
    } texts[] = {
        {"plain text", "plain text", "plain text"},
        {"red \033[31m", "red \\x1b[31m", "red \\x1b[31m"},
        {"bell\a\b\177", "bell\\x07\\x08\\x7f", "bell\\x07\\x08\\x7f"},
        {"two\r\nlines\tand", "two  lines and", "two  lines and"},
        {"grüße", "grüße", "gr\\u{fc}\\u{df}e"},
        {"日本", "日本", "\\u{65e5}\\u{672c}"},
        {"\xc2\x9b"
         "31m",
         "\\u{9b}31m", "\\u{9b}31m"},
        {"\xe2\x80\xae"
         "evil",
         "\\u{202e}evil", "\\u{202e}evil"},
        {"a\xe2\x80\x8b"
         "b\xef\xbb\xbf",
         "a\\u{200b}b\\u{feff}", "a\\u{200b}b\\u{feff}"},
        {"\xff\xfe", "\\xff\\xfe", "\\xff\\xfe"},
        {"\xc3", "\\xc3", "\\xc3"},
        {"\xc0\x80", "\\xc0\\x80", "\\xc0\\x80"},
        {"\xed\xa0\x80", "\\xed\\xa0\\x80", "\\xed\\xa0\\x80"},
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", "\\xf4\\x90\\x80\\x80"},
        {"e\xcc\x81\xcc\x81\xcc\x81\xcc\x81", "e\xcc\x81\xcc\x81",
         "e\\u{301}\\u{301}\\u{301}\\u{301}"},
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char *unicode = shown(&plain, slice_of(texts[i].bytes));
        char *spelt = shown(&ascii, slice_of(texts[i].bytes));
        assert_string_equal(unicode, texts[i].unicode);
        assert_string_equal(spelt, texts[i].ascii);
        free(unicode);
        free(spelt);
    }
    char *nul = shown(&plain, (struct slice){"a\0b", 3});
    assert_string_equal(nul, "a\\x00b");
    free(nul);
}

/* Whatever bytes come, no control character goes out, and the columns are those of the text that
 * does. */
static void no_byte_gets_through(void **state)
{
    (void)state;
    uint32_t random = 12345;
    for (int round = 0; round < 20000; round++) {
        char bytes[24];
        for (size_t i = 0; i < sizeof(bytes); i++) {
            random = random * 1664525u + 1013904223u;
            bytes[i] = (char)((random >> 20) % 3 ? random >> 24 : (random >> 24) % 0x30);
        }
        struct slice slice = {bytes, sizeof(bytes)};
        char *unicode = shown(&plain, slice), *spelt = shown(&ascii, slice);
        for (const char *at = spelt; *at; at++)
            assert_true(*at >= ' ' && *at < 0x7f);
        for (const unsigned char *at = (const unsigned char *)unicode; *at; at++)
            assert_true(*at >= ' ' && *at != 0x7f && !(at[0] == 0xc2 && at[1] < 0xa0));
        assert_int_equal(strlen(spelt), text_columns(slice, false));
        assert_int_equal(text_columns(slice_of(unicode), true), text_columns(slice, true));
        free(unicode);
        free(spelt);
    }
}

static void columns_are_counted(void **state)
{
    (void)state;
    assert_int_equal(text_columns(slice_of("abc"), true), 3);
    assert_int_equal(text_columns(slice_of("grüße"), true), 5);
    assert_int_equal(text_columns(slice_of("日本"), true), 4);
    assert_int_equal(text_columns(slice_of("e\xcc\x81"), true), 1);
    assert_int_equal(text_columns(slice_of("\033"), true), 4);
}

static void lines_are_cut_to_the_width(void **state)
{
    (void)state;
    static const struct {
        const char *text, *cut;
    } texts[] = {{"0123456789", "0123456789"},
                 {"0123456789a", "012345678…"},
                 {"日本日本日", "日本日本日"},
                 {"a日本日本日", "a日本日本…"},
                 {"日本日本日本", "日本日本…"}};
    struct terminal narrow = plain;
    narrow.width = 10;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char *text = shown(&narrow, slice_of(texts[i].text));
        assert_string_equal(text, texts[i].cut);
        assert_true(text_columns(slice_of(text), true) <= 10);
        free(text);
    }
    narrow.unicode = false;
    char *text = shown(&narrow, slice_of("0123456789a"));
    assert_string_equal(text, "012345678~");
    free(text);
}

static void colors_end_with_the_line(void **state)
{
    (void)state;
    struct line line;
    line_begin(&line, &colored);
    line_style(&line, STYLE_RED);
    line_add(&line, slice_of("012345678"));
    line_style(&line, STYLE_PLAIN);
    line_add(&line, slice_of("9"));
    line_style(&line, STYLE_GREEN);
    line_add(&line, slice_of("over"));
    line_style(&line, STYLE_BLUE);
    struct slice made = line_end(&line);
    char *text = strndup(made.at, made.len);
    assert_string_equal(text, "\033[31m012345678\033[0m…");
    free(text);

    line_clear(&line);
    line_style(&line, STYLE_RED);
    line_add(&line, slice_of("red"));
    made = line_end(&line);
    text = strndup(made.at, made.len);
    assert_string_equal(text, "\033[31mred\033[0m");
    free(text);
    line_free(&line);
}

static void cells_are_as_wide_as_asked(void **state)
{
    (void)state;
    static const char *const texts[] = {"",       "a",        "abcdef",  "abcdefg",
                                        "日本日", "日本日本", "\033\033"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct line line;
        line_begin(&line, &plain);
        line_cell(&line, slice_of(texts[i]), 6);
        assert_int_equal(line.column, 6);
        line_cell_right(&line, slice_of(texts[i]), 6);
        assert_int_equal(line.column, 12);
        assert_int_equal(text_columns(line_end(&line), true), 12);
        line_free(&line);
    }
}

static void bars_stay_in_bounds(void **state)
{
    (void)state;
    static const struct {
        double share;
        const char *bar;
    } bars[] = {{0, ".........."},
                {0.5, "#####....."},
                {1, "##########"},
                {-1, ".........."},
                {1e300, "##########"},
                {(double)NAN, ".........."},
                {(double)INFINITY, "##########"}};
    for (size_t i = 0; i < sizeof(bars) / sizeof(bars[0]); i++) {
        struct line line;
        line_begin(&line, &ascii);
        line_bar(&line, bars[i].share, 10);
        assert_int_equal(line.text.len, 10);
        assert_memory_equal(line.text.at, bars[i].bar, 10);
        line_free(&line);
    }
}

static char *printed(const struct table *table, const struct terminal *terminal)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    table_print(table, terminal, out);
    fclose(out);
    return text;
}

static void tables_are_aligned(void **state)
{
    (void)state;
    static const struct column columns[] = {
        {.title = "NAME", .shrinks = true}, {.title = "N", .right = true}, {.title = "NOTE"}};
    struct table table;
    table_begin(&table, columns, 3);
    table_add(&table, "日本");
    table_add(&table, "7");
    table_add(&table, "");
    table_add(&table, "grüße\033");
    table_addf(&table, "%d", 1234);
    table_add(&table, "x");
    table_add(&table, "unfinished");
    char *text = printed(&table, &plain);
    assert_string_equal(text, "NAME           N  NOTE\n"
                              "日本           7\n"
                              "grüße\\x1b   1234  x\n"
                              "unfinished\n");
    free(text);
    struct terminal narrow = plain;
    narrow.width = 20;
    text = printed(&table, &narrow);
    assert_string_equal(text, "NAME         N  NOTE\n"
                              "日本         7\n"
                              "grüße…    1234  x\n"
                              "unfinis…\n");
    free(text);
    table_free(&table);
}

static void columns_wrap_and_lose_nothing(void **state)
{
    (void)state;
    static const struct column columns[] = {
        {.title = "N"}, {.title = "MEANING", .wraps = true}, {.title = "UNIT"}};
    struct table table;
    table_begin(&table, columns, 3);
    table_add(&table, "1");
    table_add(&table, "share of the  grüße");
    table_add(&table, "ms");
    table_add(&table, "2");
    table_add(&table, "indivisible, or so");
    table_add(&table, "");
    table_add(&table, "3");
    table_add(&table, "");
    table_add(&table, "s");
    struct terminal narrow = plain;
    narrow.width = 17;
    char *text = printed(&table, &narrow);
    assert_string_equal(text, "N  MEANING   UNIT\n"
                              "1  share of  ms\n"
                              "   the\n"
                              "   grüße\n"
                              "2  indivisi\n"
                              "   ble, or\n"
                              "   so\n"
                              "3            s\n");
    free(text);
    text = printed(&table, &plain);
    assert_non_null(strstr(text, "1  share of the  grüße  ms\n"));
    free(text);
    table_free(&table);
}

static void a_narrow_window_leaves_something(void **state)
{
    (void)state;
    static const struct column columns[] = {{.title = "FIRST", .shrinks = true},
                                            {.title = "SECOND"}};
    struct table table;
    struct terminal narrow = plain;
    narrow.width = 5;
    table_begin(&table, columns, 2);
    table_add(&table, "a long, long text");
    table_add(&table, "b");
    char *text = printed(&table, &narrow);
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
        assert_true(text_columns((struct slice){line, strcspn(line, "\n")}, true) <= 5);
    free(text);
    table_free(&table);
}

static void times_are_read(void **state)
{
    (void)state;
    int64_t ms = 0;
    assert_int_equal(time_parse("2026-11-22T08:00:00.123+00:00", &ms), 0);
    assert_int_equal(ms, 1795334400123);
    assert_int_equal(time_parse("2026-11-22T09:30:00.123+01:30", &ms), 0);
    assert_int_equal(ms, 1795334400123);
    assert_int_equal(time_parse("2026-11-22T08:00:00", &ms), 0);
    assert_int_equal(ms, 1795334400000);
    assert_int_equal(time_parse("2026-11-22T08:00:00.999999999999Z", &ms), 0);
    assert_int_equal(ms, 1795334400999);
    assert_int_equal(time_parse("yesterday", &ms), -1);
    assert_int_equal(time_parse("", &ms), -1);
    assert_int_equal(ms, 1795334400999);
}

static void spans_are_told(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } spans[] = {{-5000, "just now"}, {0, "just now"},       {999, "just now"},    {1000, "1 s"},
                 {119000, "119 s"},   {120000, "2 min"},     {7199000, "119 min"}, {7200000, "2 h"},
                 {172800000, "2 d"},  {INT64_MAX, "99999 d"}};
    for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
        char text[CLOCK_SIZE];
        span_format(spans[i].ms, text);
        assert_string_equal(text, spans[i].text);
    }
}

static char *json_text(const char *json, bool pretty)
{
    char *text;
    size_t size, at;
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(json_check(slice_of(json), 80, &at), JSON_FINE);
    json_print(out, slice_of(json), pretty);
    fclose(out);
    return text;
}

static void json_keeps_its_meaning(void **state)
{
    (void)state;
    static const char *const texts[] = {"{}",
                                        "[]",
                                        "[[],{}]",
                                        "{\"a\":1,\"b\":[1,2,{\"c\":null}],\"d\":\"x\\\"}{][,:\"}",
                                        "{\"esc\":\"\\u001b\\\\\"}",
                                        "{\"del\":\"\177\xc2\x9b\xe2\x80\xae\xd8\x9c\"}",
                                        " [ 1 , -0.50e+10 ,\n\ttrue ] ",
                                        "\"\""};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        json_t *before = json_loads(texts[i], JSON_DECODE_ANY, NULL);
        for (int pretty = 0; pretty < 2; pretty++) {
            char *text = json_text(texts[i], pretty);
            json_t *after = json_loads(text, JSON_DECODE_ANY, NULL);
            assert_non_null(after);
            assert_true(json_equal(before, after));
            assert_null(strpbrk(text, "\033\177"));
            assert_null(strstr(text, "\xc2\x9b"));
            assert_true(pretty || !strchr(text, '\n'));
            json_decref(after);
            free(text);
        }
        json_decref(before);
    }
    char *text = json_text("{\"a\":[1,{}],\"b\":{\"c\":2}}", true);
    assert_string_equal(text,
                        "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": {\n    \"c\": 2\n  }\n}");
    free(text);
    text = json_text("{\"big\":1e999,\"long\":123456789012345678901234567890}", false);
    assert_string_equal(text, "{\"big\":1e999,\"long\":123456789012345678901234567890}");
    free(text);
}

static char *next_line(struct prompt *prompt)
{
    struct slice line;
    return prompt_next(prompt, &line) ? strndup(line.at ? line.at : "", line.len) : NULL;
}

static void check_typed(const char *keys, const char *wanted)
{
    struct prompt prompt = {.terminal = &plain, .interactive = true};
    /* One byte at a time: sequences arrive in pieces. */
    for (const char *key = keys; *key; key++) {
        char *early = next_line(&prompt);
        assert_null(early);
        prompt_feed(&prompt, (struct slice){key, 1});
    }
    char *line = next_line(&prompt);
    assert_non_null(line);
    assert_string_equal(line, wanted);
    free(line);
    prompt.interactive = false;
    prompt_end(&prompt);
}

static void keys_edit_the_line(void **state)
{
    (void)state;
    check_typed("hello\n", "hello");
    check_typed("helloo\177\r", "hello");
    check_typed("gr\xc3\xbc\177\xc3\xbc\n", "gr\xc3\xbc");
    check_typed("\177\177x\n", "x");
    check_typed("one two  \027\027three\n", "three");
    check_typed("wrong\025right\n", "right");
    check_typed("a\033[Ab\033[1;5Cc\033OPd\033xe\n", "abcde");
    check_typed("a\001\002b\n", "ab");
    check_typed("x\004\n", "x");
    check_typed("\n", "");
}

static void input_ends(void **state)
{
    (void)state;
    struct prompt prompt = {.terminal = &plain, .interactive = true};
    prompt_feed(&prompt, slice_of("\004"));
    assert_null(next_line(&prompt));
    assert_true(prompt.ended);
    prompt.interactive = false;
    prompt_end(&prompt);

    prompt = (struct prompt){.terminal = &plain};
    prompt_feed(&prompt, slice_of("first\nsecond\nlast"));
    char *first = next_line(&prompt), *second = next_line(&prompt), *early = next_line(&prompt);
    prompt.ended = true;
    char *last = next_line(&prompt), *none = next_line(&prompt);
    assert_string_equal(first, "first");
    assert_string_equal(second, "second");
    assert_null(early);
    assert_string_equal(last, "last");
    assert_null(none);
    free(first);
    free(second);
    free(last);
    prompt_end(&prompt);
}

static void a_typed_line_has_an_end(void **state)
{
    (void)state;
    struct prompt prompt = {.terminal = &plain};
    char *much = malloc(PROMPT_LINE_MAX * 2);
    memset(much, 'x', PROMPT_LINE_MAX * 2);
    prompt_feed(&prompt, (struct slice){much, PROMPT_LINE_MAX * 2});
    prompt_feed(&prompt, slice_of("\nnext\n"));
    char *line = next_line(&prompt), *next = next_line(&prompt);
    assert_int_equal(strlen(line), PROMPT_LINE_MAX);
    assert_string_equal(next, "next");
    free(line);
    free(next);
    free(much);
    prompt_end(&prompt);
}

static int64_t when(const char *text)
{
    int64_t ms = -1;
    assert_int_equal(when_parse(text, 1000000000000, &ms), 0);
    return ms;
}

static void a_time_is_told_as_people_do(void **state)
{
    static const char *const wrong[] = {"",    "yesterday",      "10",   "10 m",
                                        "10w", "2026-11-26T5pm", "-10m", "2026-11-26T05:00Z",
                                        "m",   "9999999999d",    "1.5h"};
    int64_t ms;
    (void)state;
    assert_int_equal(when("90s"), 1000000000000 - 90000);
    assert_int_equal(when("10m"), 1000000000000 - 600000);
    assert_int_equal(when("2h"), 1000000000000 - 7200000);
    assert_int_equal(when("3d"), 1000000000000 - 259200000);
    setenv("TZ", "UTC-2", 1); /* two hours east */
    tzset();
    assert_int_equal(when("2026-11-26T05:00"), when("2026-11-26T03:00:00Z"));
    assert_int_equal(when("2026-11-26T05:00:07"), when("2026-11-26T04:00:07+01:00"));
    assert_int_equal(when("2026-11-26"), when("2026-11-25T22:00:00Z"));
    unsetenv("TZ");
    tzset();
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(when_parse(wrong[i], 1000000000000, &ms), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(foreign_text_is_made_harmless),
        cmocka_unit_test(a_time_is_told_as_people_do),
        cmocka_unit_test(no_byte_gets_through),
        cmocka_unit_test(columns_are_counted),
        cmocka_unit_test(lines_are_cut_to_the_width),
        cmocka_unit_test(colors_end_with_the_line),
        cmocka_unit_test(cells_are_as_wide_as_asked),
        cmocka_unit_test(bars_stay_in_bounds),
        cmocka_unit_test(tables_are_aligned),
        cmocka_unit_test(columns_wrap_and_lose_nothing),
        cmocka_unit_test(a_narrow_window_leaves_something),
        cmocka_unit_test(times_are_read),
        cmocka_unit_test(spans_are_told),
        cmocka_unit_test(json_keeps_its_meaning),
        cmocka_unit_test(keys_edit_the_line),
        cmocka_unit_test(input_ends),
        cmocka_unit_test(a_typed_line_has_an_end),
    };
    if (!setlocale(LC_CTYPE, "C.UTF-8"))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
