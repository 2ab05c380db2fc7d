/* The tables of subcommands: every option is documented, its default is what help says, its limits
 * hold; and what is said about what is wrong. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/commands.h"
#include "net/server.h"
#include "store/store.h"
#include "wire/bounds.h"

#define WORDS_MAX 24

struct toy {
    const char *hub, *token_file, *room, *text, *choice;
    struct text_list list;
    long whole;
    double number;
    size_t size;
    bool flag, json;
    const char *first;
    double second;
};

static const char *const choices[] = {"red", "green", NULL};
#define AT(member) .offset = offsetof(struct toy, member)
static const struct setting toy_options[] = {
    HUB_SETTING(struct toy),
    JSON_SETTING(struct toy, "As JSON."),
    {.name = "text",
     .letter = 't',
     .kind = SETTING_TEXT,
     AT(text),
     .argument = "T",
     .help = "A text."},
    {.name = "list", .kind = SETTING_LIST, AT(list), .argument = "T", .help = "Texts."},
    {.name = "whole",
     .kind = SETTING_WHOLE,
     AT(whole),
     .argument = "N",
     .help = "A number.",
     .fallback = "7",
     .low = 1,
     .high = 64},
    {.name = "number",
     .kind = SETTING_NUMBER,
     AT(number),
     .argument = "N",
     .help = "A number.",
     .low = 0.5,
     .high = 2},
    {.name = "size",
     .kind = SETTING_SIZE,
     AT(size),
     .argument = "BYTES",
     .help = "A size.",
     .fallback = "1M",
     .low = 1024,
     .high = 1 << 30},
    {.name = "choice",
     .kind = SETTING_CHOICE,
     AT(choice),
     .argument = "C",
     .help = "A colour.",
     .choices = choices,
     .fallback = "red"},
    {.name = "flag", .letter = 'f', .kind = SETTING_FLAG, AT(flag), .help = "A flag."},
    {0},
};
static const struct setting toy_operands[] = {
    {.name = "FIRST", .kind = SETTING_TEXT, AT(first), .help = "A text.", .required = true},
    {.name = "SECOND",
     .kind = SETTING_NUMBER,
     AT(second),
     .help = "A number.",
     .low = 1,
     .high = 3,
     .fallback = "2"},
    {0},
};

static int toy_run(const void *settings)
{
    (void)settings;
    return EXIT_WORKED;
}

static const struct command toy = {
    .name = "toy",
    .summary = "s",
    .about = "a",
    .example = "  e",
    .worked = "w",
    .failed = "f",
    .options = toy_options,
    .operands = toy_operands,
    .settings_size = sizeof(struct toy),
    .run = toy_run,
};

/* The words of parses that went well: settings point into them. Freed with the next parse. */
static char *kept_words;

static int free_words(void **state)
{
    (void)state;
    free(kept_words);
    kept_words = NULL;
    return 0;
}

/* Parses a line of words; *ret_said is what was written (caller frees). */
static enum options_result parse(const struct command *command, const char *text, void *settings,
                                 char **ret_said)
{
    char *words = strdup(text), *argv[WORDS_MAX] = {NULL}, *rest = words;
    int argc = 0;
    size_t size;
    FILE *errors = open_memstream(ret_said, &size);
    assert_non_null(words);
    assert_non_null(errors);
    for (char *word; argc < WORDS_MAX - 1 && (word = strsep(&rest, " ")) != NULL;)
        argv[argc++] = word;
    enum options_result result = options_parse(command, argc, argv, settings, errors);
    fclose(errors);
    free(kept_words);
    kept_words = words;
    return result;
}

static void values_are_stored(void **state)
{
    (void)state;
    struct toy got = {0};
    char *said;
    unsetenv("KHUB_HUB");
    assert_int_equal(
        parse(&toy,
              "toy -t x --list a --list=b --whole 64 --number 0.5 --size 64K --choice green -f "
              "one 3",
              &got, &said),
        OPTIONS_FINE);
    assert_string_equal(said, "");
    assert_string_equal(got.text, "x");
    assert_int_equal(got.list.count, 2);
    assert_string_equal(got.list.at[1], "b");
    assert_int_equal(got.whole, 64);
    assert_true(got.number >= 0.5 && got.number <= 0.5);
    assert_int_equal(got.size, 65536);
    assert_string_equal(got.choice, "green");
    assert_true(got.flag);
    assert_false(got.json);
    assert_string_equal(got.hub, HUB_DEFAULT);
    assert_string_equal(got.first, "one");
    assert_true(got.second >= 3 && got.second <= 3);
    free(said);
}

static void defaults_are_stored(void **state)
{
    (void)state;
    struct toy got = {0};
    char *said;
    unsetenv("KHUB_HUB");
    assert_int_equal(parse(&toy, "toy one", &got, &said), OPTIONS_FINE);
    assert_int_equal(got.whole, 7);
    assert_int_equal(got.size, 1 << 20);
    assert_string_equal(got.choice, "red");
    assert_null(got.text);
    assert_true(got.second >= 2 && got.second <= 2);
    free(said);
}

static void options_may_follow_operands(void **state)
{
    (void)state;
    struct toy got = {0};
    char *said;
    assert_int_equal(parse(&toy, "toy one --flag 2 --text=--x", &got, &said), OPTIONS_FINE);
    assert_true(got.flag);
    assert_string_equal(got.text, "--x");
    free(said);
    got = (struct toy){0};
    assert_int_equal(parse(&toy, "toy -- --flag", &got, &said), OPTIONS_FINE);
    assert_string_equal(got.first, "--flag");
    assert_false(got.flag);
    free(said);
}

static void environment_comes_before_the_default(void **state)
{
    (void)state;
    struct toy got = {0};
    char *said;
    setenv("KHUB_HUB", "[::1]:7000", 1);
    assert_int_equal(parse(&toy, "toy one", &got, &said), OPTIONS_FINE);
    assert_string_equal(got.hub, "[::1]:7000");
    free(said);
    assert_int_equal(parse(&toy, "toy one --hub h:1", &got, &said), OPTIONS_FINE);
    assert_string_equal(got.hub, "h:1");
    free(said);
    setenv("KHUB_HUB", "", 1);
    assert_int_equal(parse(&toy, "toy one", &got, &said), OPTIONS_FINE);
    assert_string_equal(got.hub, HUB_DEFAULT);
    free(said);
    unsetenv("KHUB_HUB");
}

/* Each line, and all that must stand in what is said about it. */
static const struct {
    const char *words, *said, *said_too;
} wrongs[] = {
    {"toy", "FIRST is missing", "khub toy --help"},
    {"toy a 2 b", "'b' is one argument too many", ""},
    {"toy a 4", "SECOND is '4'", "between 1 and 3"},
    {"toy a 0.99", "SECOND is '0.99'", "between 1 and 3"},
    {"toy a nan", "SECOND is 'nan'", "a number"},
    {"toy a 2x", "SECOND is '2x'", "a number"},
    {"toy a --whole 0", "--whole is '0'", "between 1 and 64"},
    {"toy a --whole 65", "--whole is '65'", "between 1 and 64"},
    {"toy a --whole 1.5", "--whole is '1.5'", "a whole number"},
    {"toy a --whole 99999999999999999999", "--whole is '99999999999999999999'", "between 1 and 64"},
    {"toy a --whole=", "--whole is ''", "a whole number"},
    {"toy a --size 1023", "--size is '1023'", "between 1K and 1G"},
    {"toy a --size 2G", "--size is '2G'", "between 1K and 1G"},
    {"toy a --size -1", "--size is '-1'", "a size"},
    {"toy a --text=", "--text is ''", "not empty"},
    {"toy a --choice rde", "--choice is 'rde': did you mean 'red'", "red or green"},
    {"toy a --choice violet", "--choice is 'violet'", "red or green"},
    {"toy a --text", "--text wants a value", ""},
    {"toy a -t", "-t wants a value", ""},
    {"toy a --whole 1 --whole 2", "--whole stands twice", ""},
    {"toy a --flag=1", "--flag takes no value", ""},
    {"toy a --flga", "unknown option '--flga': did you mean '--flag'", ""},
    {"toy a --zzzzzz", "unknown option '--zzzzzz'.", ""},
    {"toy a -z", "unknown option '-z'", ""},
    {"toy a -fz", "unknown option '-z'", ""},
};

static void wrongs_are_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
        struct toy got = {0};
        char *said;
        assert_int_equal(parse(&toy, wrongs[i].words, &got, &said), OPTIONS_WRONG);
        if (!strstr(said, wrongs[i].said) || !strstr(said, wrongs[i].said_too))
            fail_msg("'%s' was answered by: %s", wrongs[i].words, said);
        free(said);
    }
}

static void a_list_has_an_end(void **state)
{
    (void)state;
    struct toy got = {0};
    char *argv[2 * LIST_MAX + 4] = {(char[]){"toy"}, (char[]){"a"}}, *said;
    char option[] = "--list", value[] = "v";
    int argc = 2;
    size_t size;
    for (unsigned i = 0; i <= LIST_MAX; i++) {
        argv[argc++] = option;
        argv[argc++] = value;
    }
    FILE *errors = open_memstream(&said, &size);
    assert_int_equal(options_parse(&toy, argc, argv, &got, errors), OPTIONS_WRONG);
    fclose(errors);
    assert_non_null(strstr(said, "--list 'v' is one too many: there may be 16"));
    free(said);
}

static void limits_are_said_in_whole_numbers(void **state)
{
    const struct setting whole = {.kind = SETTING_WHOLE, .low = 1, .high = 9e15};
    const struct setting number = {.kind = SETTING_NUMBER, .low = 0.1, .high = 1e7};
    char said[80];
    (void)state;
    assert_string_equal(setting_limits(&whole, said, sizeof said),
                        "between 1 and 9000000000000000");
    assert_string_equal(setting_limits(&number, said, sizeof said), "between 0.1 and 10000000");
}

static void help_is_asked_for(void **state)
{
    (void)state;
    struct toy got = {0};
    char *said;
    assert_int_equal(parse(&toy, "toy --help", &got, &said), OPTIONS_HELP);
    free(said);
    assert_int_equal(parse(&toy, "toy -h --nonsense", &got, &said), OPTIONS_HELP);
    free(said);
}

/* The tables of the real subcommands. */

static char *help_of(const struct command *command)
{
    char *page;
    size_t size;
    FILE *out = open_memstream(&page, &size);
    options_help(command, out);
    fclose(out);
    return page;
}

static void check_setting(const struct command *command, const struct setting *setting,
                          const char *page)
{
    char term[64];
    snprintf(term, sizeof(term), "  %s%s",
             setting->argument || setting->kind == SETTING_FLAG ? "--" : "", setting->name);
    if (!strstr(page, setting->name) || !setting->help || strlen(setting->help) < 5)
        fail_msg("khub %s --help does not explain %s", command->name, term);
    if (setting->low < setting->high && !strstr(page, "between"))
        fail_msg("khub %s --help does not give the limits of %s", command->name, term);
    if (setting->fallback && !strstr(page, setting->fallback))
        fail_msg("khub %s --help does not give the default of %s", command->name, term);
    assert_true(setting->offset < command->settings_size);
    assert_true((setting->kind == SETTING_CHOICE) == (setting->choices != NULL));
}

static void every_setting_is_explained(void **state)
{
    (void)state;
    for (const struct command *const *command = commands; *command; command++) {
        char *page = help_of(*command), usage[64];
        size_t count = 0;
        snprintf(usage, sizeof(usage), "Usage: khub %s", (*command)->name);
        assert_non_null(strstr(page, usage));
        assert_non_null(strstr(page, "Example:\n  "));
        assert_non_null(strstr(page, "Exit codes:\n  0  "));
        assert_non_null((*command)->run);
        for (const struct setting *setting = (*command)->options; setting && setting->name;
             setting++) {
            check_setting(*command, setting, page);
            assert_true(setting->kind == SETTING_FLAG || setting->argument != NULL);
            count++;
        }
        assert_true(count < SETTINGS_MAX);
        for (const struct setting *setting = (*command)->operands; setting && setting->name;
             setting++)
            check_setting(*command, setting, page);
        for (const char *line = page; *line; line += strcspn(line, "\n") + 1)
            assert_true(strcspn(line, "\n") <= 100);
        free(page);
    }
}

/* What each subcommand's tables say by default is accepted by its own limits. */
static void every_default_is_allowed(void **state)
{
    (void)state;
    unsetenv("KHUB_HUB");
    for (const struct command *const *command = commands; *command; command++) {
        void *settings = calloc(1, (*command)->settings_size + 1);
        char *said;
        enum options_result result = parse(*command, (*command)->name, settings, &said);
        if (result == OPTIONS_WRONG && !strstr(said, "is missing"))
            fail_msg("khub %s: %s", (*command)->name, said);
        free(said);
        free(settings);
    }
}

static void names_are_unique(void **state)
{
    (void)state;
    for (const struct command *const *command = commands; *command; command++) {
        assert_ptr_equal(command_find((*command)->name), *command);
        for (const struct setting *one = (*command)->options; one && one->name; one++) {
            for (const struct setting *other = one + 1; other->name; other++) {
                assert_string_not_equal(one->name, other->name);
                assert_true(one->letter == 0 || one->letter != other->letter);
            }
        }
    }
    assert_null(command_find("serv"));
    assert_ptr_equal(command_find("--help"), &command_help);
}

static const char *default_of(const struct command *command, const char *name)
{
    for (const struct setting *setting = command->options; setting->name; setting++) {
        if (strcmp(setting->name, name) == 0)
            return setting->fallback;
    }
    return NULL;
}

/* Help promises the hub's own defaults. */
static void serve_says_how_coarse_retain_is(void **state)
{
    char *page = help_of(command_find("serve")), at_once[32], together[32];
    (void)state;
    snprintf(at_once, sizeof at_once, " %d ", STORE_TRIM_AT_ONCE);
    snprintf(together, sizeof together, " %d ", STORE_TOGETHER_MAX);
    for (char *end = page; (end = strchr(end, '\n'));)
        *end = ' '; /* wherever the lines end */
    assert_non_null(strstr(page, at_once));
    assert_non_null(strstr(page, together));
    free(page);
}

static void serve_has_the_hubs_defaults(void **state)
{
    (void)state;
    struct server_options server = server_options_default();
    const struct {
        const char *name;
        size_t bytes;
    } sizes[] = {{"max-line", server.hub.line_max},
                 {"sync-limit", server.hub.sync_limit},
                 {"max-knowledge", server.hub.knowledge_max},
                 {"max-output", server.hub.output_max}};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t bytes = 0;
        assert_int_equal(size_parse(default_of(&command_serve, sizes[i].name), &bytes), 0);
        assert_int_equal(bytes, sizes[i].bytes);
    }
    assert_int_equal(atoi(default_of(&command_serve, "port")), KHUB_PORT);
    assert_true(
        strtod(default_of(&command_serve, "rate"), NULL) <= server.hub.owner.most[LIMIT_RATE] &&
        strtod(default_of(&command_serve, "rate"), NULL) >= server.hub.owner.most[LIMIT_RATE]);
}

static void sizes_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t bytes;
        int result;
    } sizes[] = {{"0", 0, 0},
                 {"1", 1, 0},
                 {"64K", 65536, 0},
                 {"64k", 65536, 0},
                 {"64KB", 65536, 0},
                 {"64KiB", 65536, 0},
                 {"8M", 8u << 20, 0},
                 {"1G", 1u << 30, 0},
                 {"2T", 2ull << 40, 0},
                 {"18446744073709551615", SIZE_MAX, 0},
                 {"18446744073709551616", 0, -1},
                 {"18014398509481984K", 0, -1},
                 {"", 0, -1},
                 {"K", 0, -1},
                 {"-1", 0, -1},
                 {"+1", 0, -1},
                 {" 1", 0, -1},
                 {"1 ", 0, -1},
                 {"1KK", 0, -1},
                 {"1.5M", 0, -1},
                 {"1Ki", 0, -1},
                 {"0x10", 0, -1}};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t bytes = 12345;
        if (size_parse(sizes[i].text, &bytes) != sizes[i].result)
            fail_msg("size '%s' was judged wrongly", sizes[i].text);
        assert_int_equal(bytes, sizes[i].result == 0 ? sizes[i].bytes : 12345);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_stored),
        cmocka_unit_test(defaults_are_stored),
        cmocka_unit_test(options_may_follow_operands),
        cmocka_unit_test(environment_comes_before_the_default),
        cmocka_unit_test(wrongs_are_named),
        cmocka_unit_test(a_list_has_an_end),
        cmocka_unit_test(limits_are_said_in_whole_numbers),
        cmocka_unit_test(help_is_asked_for),
        cmocka_unit_test(every_setting_is_explained),
        cmocka_unit_test(every_default_is_allowed),
        cmocka_unit_test(names_are_unique),
        cmocka_unit_test(serve_says_how_coarse_retain_is),
        cmocka_unit_test(serve_has_the_hubs_defaults),
        cmocka_unit_test(sizes_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, free_words);
}
