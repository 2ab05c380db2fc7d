/* Options in a file: what stands there is judged as on the command line, which comes before it;
 * what is wrong is told with its line. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/config.h"
#include "cmd/options.h"

struct toy {
    struct text_list list;
    const char *text, *choice;
    long whole;
    bool flag;
};

#define AT(member) .offset = offsetof(struct toy, member)
static const char *const choices[] = {"red", "green", NULL};
static const struct setting toy_options[] = {
    CONFIG_SETTING,
    {.name = "list", .kind = SETTING_LIST, AT(list), .argument = "T", .help = "Texts."},
    {.name = "text",
     .kind = SETTING_TEXT,
     AT(text),
     .argument = "T",
     .environment = "KHUB_TOY",
     .fallback = "else",
     .help = "A text."},
    {.name = "whole",
     .kind = SETTING_WHOLE,
     AT(whole),
     .argument = "N",
     .fallback = "7",
     .low = 1,
     .high = 64,
     .help = "A number."},
    {.name = "choice",
     .kind = SETTING_CHOICE,
     AT(choice),
     .argument = "C",
     .choices = choices,
     .help = "One."},
    {.name = "flag", .kind = SETTING_FLAG, AT(flag), .help = "A flag."},
    {0},
};
static const struct command toy = {
    .name = "toy", .options = toy_options, .settings_size = sizeof(struct toy)};

static char path[] = "/tmp/khub-test-conf-XXXXXX";

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

/* The toy with --config `file`, and `more` words (at most one option with its value) on the command
 * line. *ret_said: what was written; the caller frees it. */
static enum options_result parse_file(const char *file, const char *more, struct toy *got,
                                      char **ret_said)
{
    static char words[64]; /* settings point there */
    char line[sizeof(words)], *argv[8] = {NULL}, *rest = words;
    int argc = 0;
    size_t size;
    snprintf(line, sizeof(line), "toy --config %s%s%s", file, *more ? " " : "", more);
    memcpy(words, line, sizeof(words));
    while ((argv[argc] = strsep(&rest, " ")) != NULL)
        argc++;
    FILE *errors = open_memstream(ret_said, &size);
    assert_non_null(errors);
    *got = (struct toy){0};
    enum options_result result = options_parse(&toy, argc, argv, got, errors);
    fclose(errors);
    return result;
}

/* With `text` (len bytes) in the file. */
static enum options_result parse(const char *text, size_t len, const char *more, struct toy *got,
                                 char **ret_said)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
    return parse_file(path, more, got, ret_said);
}

static void fine(const char *text, const char *more, struct toy *got)
{
    char *said;
    enum options_result result = parse(text, strlen(text), more, got, &said);
    if (result != OPTIONS_FINE)
        fail_msg("'%s' was refused: %s", text, said);
    free(said);
}

static void lines_are_options(void **state)
{
    (void)state;
    struct toy got;
    fine("# a comment\n\n  list = a b  \nlist=c=d\n\twhole =\t9\r\nflag\ntext = # no comment", "",
         &got);
    assert_int_equal(got.list.count, 2);
    assert_string_equal(got.list.at[0], "a b");
    assert_string_equal(got.list.at[1], "c=d");
    assert_int_equal(got.whole, 9);
    assert_true(got.flag);
    assert_string_equal(got.text, "# no comment");
}

static void a_flag_may_say_no(void **state)
{
    (void)state;
    struct toy got;
    fine("flag = no\n", "", &got);
    assert_false(got.flag);
    fine("flag = off\n", "--flag", &got);
    assert_true(got.flag);
    fine("flag = yes\n", "", &got);
    assert_true(got.flag);
}

static void the_command_line_comes_first_and_defaults_last(void **state)
{
    (void)state;
    struct toy got;
    fine("list = a\nlist = b\ntext = file\n", "--list c", &got);
    assert_int_equal(got.list.count, 1);
    assert_string_equal(got.list.at[0], "c");
    assert_string_equal(got.text, "file");
    assert_int_equal(got.whole, 7);
    fine("whole = wrong\n", "--whole 3", &got);
    assert_int_equal(got.whole, 3);
    setenv("KHUB_TOY", "environment", 1);
    fine("text = file\n", "", &got);
    assert_string_equal(got.text, "file");
    fine("", "", &got);
    assert_string_equal(got.text, "environment");
    unsetenv("KHUB_TOY");
}

static const struct {
    const char *text, *said, *said_too;
} wrongs[] = {
    {"\n#\nwhoel = 9\n", ":3: unknown option 'whoel': did you mean 'whole'?", "toy --help"},
    {"zzzzzz = 9\n", ":1: unknown option 'zzzzzz'.", ""},
    {"--whole = 9\n", ":1: unknown option '--whole'", "did you mean 'whole'?"},
    {"whole = 65\n", ":1: whole is '65'", "between 1 and 64"},
    {"whole\n", ":1: whole wants a value: whole = N", ""},
    {"text =\n", ":1: text is ''", "not empty"},
    {"whole = 1\nwhole = 2\n", ":2: whole stands twice", ""},
    {"choice = rde\n", ":1: choice is 'rde': did you mean 'red'", "red or green"},
    {"flag = maybe\n", ":1: flag is 'maybe': it must be yes or no", ""},
    {"config = /etc/other\n", ":1: a file can't name another", ""},
    {"= 3\n", ":1: a line is 'name = value'", ""},
};

static void wrongs_are_named_with_their_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
        struct toy got;
        char *said;
        assert_int_equal(parse(wrongs[i].text, strlen(wrongs[i].text), "", &got, &said),
                         OPTIONS_WRONG);
        if (!strstr(said, path) || !strstr(said, wrongs[i].said) ||
            !strstr(said, wrongs[i].said_too))
            fail_msg("'%s' was answered by: %s", wrongs[i].text, said);
        free(said);
    }
}

static void bytes_that_are_no_line_are_refused(void **state)
{
    (void)state;
    struct toy got;
    char *said, longest[CONFIG_LINE_MAX + 8];
    memset(longest, 'x', sizeof(longest));
    memcpy(longest, "text = ", 7);
    assert_int_equal(parse(longest, CONFIG_LINE_MAX, "", &got, &said), OPTIONS_FINE);
    free(said);
    assert_int_equal(parse(longest, CONFIG_LINE_MAX + 1, "", &got, &said), OPTIONS_WRONG);
    assert_non_null(strstr(said, "of at most 4096 bytes"));
    free(said);
    assert_int_equal(parse("flag\0x\n", 7, "", &got, &said), OPTIONS_WRONG);
    free(said);
}

static void a_file_that_is_not_there_is_named(void **state)
{
    (void)state;
    struct toy got;
    char *said;
    assert_int_equal(parse_file("/nowhere/khub.conf", "", &got, &said), OPTIONS_WRONG);
    assert_non_null(strstr(said, "could not read '/nowhere/khub.conf': No such file"));
    free(said);
    assert_int_equal(parse_file("/", "", &got, &said), OPTIONS_WRONG);
    assert_non_null(strstr(said, "could not read '/': Is a directory"));
    free(said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_options),
        cmocka_unit_test(a_flag_may_say_no),
        cmocka_unit_test(the_command_line_comes_first_and_defaults_last),
        cmocka_unit_test(wrongs_are_named_with_their_line),
        cmocka_unit_test(bytes_that_are_no_line_are_refused),
        cmocka_unit_test(a_file_that_is_not_there_is_named),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
