/* A table of a file of TOML is added, changed, taken away, and nothing else of it changes; what
 * can't be followed is left alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cmd/toml_edit.h"

static const struct toml_table khub = {"mcp_servers", "khub"};
static const char *const keys[] = {"command", "args", "url", NULL};

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

static json_t *stdio(void)
{
    return json_pack("{s:s,s:[s,s]}", "command", "khub", "args", "mcp", "a \"b\" \\");
}
#define STDIO "command = \"khub\"\nargs = [\"mcp\", \"a \\\"b\\\" \\\\\"]\n"

/* Set twice it is this, and taken away again it is `after`. */
static void assert_set(const char *before, const char *wanted, const char *after)
{
    struct text text = text_with(before);
    json_t *values = stdio();
    int line = -1;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(toml_edit_set(&text, &khub, keys, values, &line), 0);
        assert_text(&text, wanted);
    }
    assert_int_equal(toml_edit_remove(&text, &khub, &line), 0);
    assert_text(&text, after);
    assert_int_equal(toml_edit_remove(&text, &khub, &line), 0);
    assert_text(&text, after);
    json_decref(values);
    text_free(&text);
}

static void test_it_is_added_at_the_end(void **state)
{
    static const char others[] = "# mine\nmodel = \"o\"   # [mcp_servers.khub]\n\n"
                                 "[mcp_servers.other]\nargs = [ # which\n  \"]\", '[x]',\n]\n"
                                 "note = \"\"\"\n[mcp_servers.khub]\ncommand = 1 \\\"\"\"\"\"\n"
                                 "path = 'C:\\'\nmore = '''\n[mcp_servers.khub]'''\n"
                                 "\n[[list]]\nx = { y = [1, 2], \"z.z\" = 3 }\n# the end\n";
    char wanted[1024];
    (void)state;
    assert_set("", "[mcp_servers.khub]\n" STDIO, "");
    snprintf(wanted, sizeof wanted, "%s\n[mcp_servers.khub]\n" STDIO, others);
    assert_set(others, wanted, others);
    assert_set("a = 1", "a = 1\n\n[mcp_servers.khub]\n" STDIO, "a = 1\n");
    assert_set("[mcp_servers]\nother = {}\n",
               "[mcp_servers]\nother = {}\n\n[mcp_servers.khub]\n" STDIO,
               "[mcp_servers]\nother = {}\n");
}

static void test_what_others_put_into_it_stays(void **state)
{
    (void)state;
    assert_set(
        "x = 1\n\n[ mcp_servers . \"khub\" ] # ours\n# why\nurl = \"http://x\"\nenabled = false\n"
        "args = [\n  \"mcp\", # first\n]\ncommand = 'khub'\ntool_timeout_sec = 9\n\n# of y\n"
        "[y]\nz = 1\n",
        "x = 1\n\n[ mcp_servers . \"khub\" ] # ours\n" STDIO
        "# why\nenabled = false\ntool_timeout_sec = 9\n\n# of y\n[y]\nz = 1\n",
        "x = 1\n\n# of y\n[y]\nz = 1\n");
    assert_set("[mcp_servers.khub]", "[mcp_servers.khub]\n" STDIO, "");
}

static void test_tables_inside_it_go_with_it(void **state)
{
    (void)state;
    assert_set("[mcp_servers.khub]\ncommand = \"k\"\n\n[mcp_servers.khub.env]\nA = \"1\"\n\n"
               "[mcp_servers.khub2]\ncommand = \"k\"\n\n[mcp_servers.khub.env.more]\n",
               "[mcp_servers.khub]\n" STDIO "\n[mcp_servers.khub.env]\nA = \"1\"\n\n"
               "[mcp_servers.khub2]\ncommand = \"k\"\n\n[mcp_servers.khub.env.more]\n",
               "\n[mcp_servers.khub2]\ncommand = \"k\"\n");
}

static void test_its_values_are_read(void **state)
{
    json_t *values = NULL, *wanted = json_pack("{s:s,s:[s,s],s:n}", "command", "/a b/khub", "args",
                                               "mcp", "x", "url");
    int line;
    (void)state;
    assert_int_equal(toml_edit_read(slice_of("[mcp_servers.khub]\nurl = 'literal'\nother = 1\n"
                                             "args = [\"mcp\",\n \"x\"]\ncommand=\"/a b/khub\"#\n"
                                             "[mcp_servers.khub.env]\nurl = \"no\"\n"),
                                    &khub, keys, &values, &line),
                     0);
    assert_true(json_equal(values, wanted));
    json_decref(values);
    json_decref(wanted);
    assert_int_equal(toml_edit_read(slice_of("[mcp_servers.khub2]\n"), &khub, keys, &values, &line),
                     0);
    assert_null(values);
}

static void assert_left_alone(const char *content, int wanted)
{
    struct text text = text_with(content);
    json_t *values = stdio();
    int line = -1;
    assert_int_equal(toml_edit_set(&text, &khub, keys, values, &line), -1);
    assert_int_equal(line, wanted);
    assert_int_equal(toml_edit_remove(&text, &khub, &line), -1);
    assert_text(&text, content);
    json_decref(values);
    text_free(&text);
}

static void test_what_is_not_understood_is_left_alone(void **state)
{
    (void)state;
    assert_left_alone("mcp_servers = { khub = {} }\n", 1);
    assert_left_alone("a = 1\nmcp_servers.khub.command = \"x\"\n", 2);
    assert_left_alone("[mcp_servers]\nkhub = { command = \"x\" }\n", 2);
    assert_left_alone("[mcp_servers]\n\"khub\".command = \"x\"\n", 2);
    assert_left_alone("[[mcp_servers.khub]]\n", 1);
    assert_left_alone("[[mcp_servers]]\n", 1);
    assert_left_alone("[mcp_servers.khub]\na = 1\n[mcp_servers.khub]\n", 3);
    assert_left_alone("a = \"open\nb = 1\n", 1);
    assert_left_alone("a = 1\nb = [1,\n2\n", 4);
    assert_left_alone("a = \"\"\"\n\n", 3);
    assert_left_alone("[a\n", 1);
    assert_left_alone("[a] b = 1\n", 1);
    assert_left_alone("\n\na\n", 3);
    assert_left_alone("a = }\n", 1);
    assert_left_alone("a =\n", 1);
    assert_left_alone("{\"json\": 1}\n", 1);
}

static void test_line_ends_are_those_of_the_file(void **state)
{
    struct text text = text_with("a = 1\r\n");
    json_t *values = json_pack("{s:s}", "url", "x");
    int line;
    (void)state;
    assert_int_equal(toml_edit_set(&text, &khub, keys, values, &line), 0);
    assert_text(&text, "a = 1\r\n\r\n[mcp_servers.khub]\r\nurl = \"x\"\r\n");
    assert_int_equal(toml_edit_remove(&text, &khub, &line), 0);
    assert_text(&text, "a = 1\r\n");
    json_decref(values);
    text_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_is_added_at_the_end),
        cmocka_unit_test(test_what_others_put_into_it_stays),
        cmocka_unit_test(test_tables_inside_it_go_with_it),
        cmocka_unit_test(test_its_values_are_read),
        cmocka_unit_test(test_what_is_not_understood_is_left_alone),
        cmocka_unit_test(test_line_ends_are_those_of_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
