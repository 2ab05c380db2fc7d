/* A value is put into a text of JSON, or taken away, and nothing else of it changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cmd/json_edit.h"

static struct text text_with(const char *content)
{
    struct text text = {0};
    text_add_literal(&text, content);
    return text;
}

static void assert_text(struct text *text, const char *wanted)
{
    text_add(text, (struct slice){"", 1});
    assert_string_equal(text->at, wanted);
    text->len--;
}

/* Puts it there, compares, and compares again when it was put there once more. */
static void assert_set(const char *before, const char *pointer, const char *value,
                       const char *wanted)
{
    struct text text = text_with(before);
    json_t *parsed = json_loads(value, JSON_DECODE_ANY, NULL);
    assert_int_equal(json_edit_set(&text, pointer, parsed), 0);
    assert_text(&text, wanted);
    if (!strchr(pointer, '-')) {
        assert_int_equal(json_edit_set(&text, pointer, parsed), 0);
        assert_text(&text, wanted);
    }
    json_decref(parsed);
    text_free(&text);
}

static void assert_removed(const char *before, const char *pointer, const char *wanted)
{
    struct text text = text_with(before);
    assert_int_equal(json_edit_remove(&text, pointer), 0);
    assert_text(&text, wanted);
    if (!strpbrk(pointer, "0123456789")) { /* an index is then that of the next */
        assert_int_equal(json_edit_remove(&text, pointer), -1);
        assert_text(&text, wanted);
    }
    text_free(&text);
}

static void test_what_is_on_the_way_is_made(void **state)
{
    (void)state;
    assert_set("{}\n", "/a/b", "{\"c\":[\"x\",1]}",
               "{\n  \"a\": {\n    \"b\": {\n      \"c\": [\"x\", 1]\n    }\n  }\n}\n");
    assert_set("{}", "/hooks/Stop/-", "{\"hooks\":[{\"t\":1}]}",
               "{\n  \"hooks\": {\n    \"Stop\": [\n      {\n        \"hooks\": [\n          {\n"
               "            \"t\": 1\n          }\n        ]\n      }\n    ]\n  }\n}");
    assert_set("{\n\t\"a\": {}\n}", "/a/b", "true", "{\n\t\"a\": {\n\t\t\"b\": true\n\t}\n}");
}

static void test_it_looks_like_its_neighbours(void **state)
{
    (void)state;
    assert_set("{\"a\":1,\"b\":{\"c\":2}}", "/b/d", "{\"e\":3}",
               "{\"a\":1,\"b\":{\"c\":2,\"d\": {\"e\": 3}}}");
    assert_set("{ \"a\" : 1 }", "/b", "2", "{ \"a\" : 1, \"b\": 2 }");
    assert_set("{\r\n    \"a\": [\r\n        1\r\n    ]\r\n}\r\n", "/b", "{\"c\":{}}",
               "{\r\n    \"a\": [\r\n        1\r\n    ],\r\n    \"b\": {\r\n        \"c\": {}\r\n"
               "    }\r\n}\r\n");
    assert_set("{\n  \"x\": [\n    1,\n    2\n  ]\n}\n", "/x/-", "3",
               "{\n  \"x\": [\n    1,\n    2,\n    3\n  ]\n}\n");
}

static void test_one_that_is_there_is_replaced_in_its_place(void **state)
{
    (void)state;
    assert_set("{\n  \"z\": 1.50,\n  \"a\": \"o\\u006cd\",\n  \"b\": 1e3\n}", "/a", "[\"new\"]",
               "{\n  \"z\": 1.50,\n  \"a\": [\"new\"],\n  \"b\": 1e3\n}");
    /* equal: as it is written */
    assert_set("{\"a\":\"o\\u006cd\"}", "/a", "\"old\"", "{\"a\":\"o\\u006cd\"}");
    assert_set("{\"k\\u0068ub\":{\"a\":1}}", "/khub/a", "2", "{\"k\\u0068ub\":{\"a\":2}}");
    assert_set("{\"x\":[{\"a\":1},{\"a\":1}]}", "/x/1/a", "2", "{\"x\":[{\"a\":1},{\"a\":2}]}");
}

static void test_what_is_taken_away_takes_its_comma(void **state)
{
    (void)state;
    assert_removed("{\n  \"a\": 1,\n  \"b\": 2,\n  \"c\": 3\n}", "/a",
                   "{\n  \"b\": 2,\n  \"c\": 3\n}");
    assert_removed("{\n  \"a\": 1,\n  \"b\": 2,\n  \"c\": 3\n}", "/b",
                   "{\n  \"a\": 1,\n  \"c\": 3\n}");
    assert_removed("{\n  \"a\": 1,\n  \"b\": 2,\n  \"c\": \"3\"\n}", "/c",
                   "{\n  \"a\": 1,\n  \"b\": 2\n}");
    assert_removed("{\"x\":[1 , \"t\" ,3]}", "/x/1", "{\"x\":[1 ,3]}");
}

static void test_what_held_nothing_else_goes_with_it(void **state)
{
    (void)state;
    assert_removed("{\"a\":{\"b\":[{\"c\":1}]},\"d\":{}}", "/a/b/0/c", "{\"d\":{}}");
    assert_removed("{\n  \"a\": {\n    \"b\": 1\n  }\n}\n", "/a/b", "{}\n");
}

static void test_taken_away_again_it_is_what_it_was(void **state)
{
    static const char *const files[] = {
        "{\"a\":1}", "{\n\t\"mcpServers\": {\n\t\t\"other\": {\"command\": \"x\"}\n\t}\n}",
        "{ \"mcpServers\":{ \"o\":{} , \"p\" :{}}}\n\n",
        "{\r\n \"z\": null,\r\n \"mcpServers\": {\r\n  \"o\": [\r\n  ]\r\n }\r\n}"};
    json_t *value = json_pack("{s:s,s:[s]}", "command", "khub", "args", "mcp");
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct text text = text_with(files[i]);
        assert_int_equal(json_edit_set(&text, "/mcpServers/khub", value), 0);
        assert_int_not_equal(text.len, strlen(files[i]));
        assert_int_equal(json_edit_remove(&text, "/mcpServers/khub"), 0);
        assert_text(&text, files[i]);
        text_free(&text);
    }
    json_decref(value);
}

static void test_what_is_no_object_is_not_gone_through(void **state)
{
    static const struct {
        const char *text, *pointer;
    } cases[] = {{"{\"a\":\"{}\"}", "/a/b"},
                 {"{\"a\":[]}", "/a/b"},
                 {"{\"a\":[]}", "/a/0"},
                 {"{\"a\":{}}", "/a/-"},
                 {"{\"a\":null}", "/a/b/c"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct text text = text_with(cases[i].text);
        assert_int_equal(json_edit_set(&text, cases[i].pointer, json_true()), -1);
        assert_int_equal(json_edit_remove(&text, cases[i].pointer), -1);
        assert_text(&text, cases[i].text);
        text_free(&text);
    }
}

static void assert_refused(const char *text, int wanted)
{
    char why[160];
    int line = -1;
    assert_int_equal(json_edit_check(slice_of(text), &line, why, sizeof why), -1);
    assert_int_equal(line, wanted);
    assert_true(why[0]);
}

static void test_what_is_not_taken(void **state)
{
    char why[160];
    int line;
    (void)state;
    assert_refused("{\n  // a comment\n  \"a\": 1\n}", 2);
    assert_refused("{\n  \"a\": 1,\n}", 3);
    assert_refused("{\"a\":1,\n\"a\":2}", 2);
    assert_refused("[1]", 0);
    assert_refused("", 1);
    assert_refused("\xEF\xBB\xBF{}", 1);
    assert_int_equal(json_edit_check(slice_of(" {\"a\":[{}]}\n"), &line, why, sizeof why), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_on_the_way_is_made),
        cmocka_unit_test(test_it_looks_like_its_neighbours),
        cmocka_unit_test(test_one_that_is_there_is_replaced_in_its_place),
        cmocka_unit_test(test_what_is_taken_away_takes_its_comma),
        cmocka_unit_test(test_what_held_nothing_else_goes_with_it),
        cmocka_unit_test(test_taken_away_again_it_is_what_it_was),
        cmocka_unit_test(test_what_is_no_object_is_not_gone_through),
        cmocka_unit_test(test_what_is_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
