/* Words, phrases and prefixes: how they are read, found and shown. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire/words.h"

/* What is looked for, as letters, with * behind a prefix and | between. */
static void assert_read(const char *text, const char *wanted)
{
    struct words words;
    char read[512] = "";
    enum words_fault fault = words_read(slice_of(text), &words);
    assert_int_equal(fault, *wanted ? WORDS_FINE : WORDS_NONE);
    for (size_t i = 0; i < words.count; i++)
        snprintf(read + strlen(read), sizeof read - strlen(read), "%s%.*s%s", i ? "|" : "",
                 (int)words.each[i].len, words.letters + words.each[i].at,
                 words.each[i].prefix ? "*" : "");
    assert_string_equal(read, wanted);
}

static void words_are_read(void **state)
{
    (void)state;
    assert_read("", "");
    assert_read("fair Queue", " fair | queue ");
    assert_read("  \"Fair  queue\"tail ", " fair queue | tail ");
    assert_read("sched* \"run que\"*", " sched*| run que*");
    assert_read("\"never closed", " never closed ");
    assert_read("a\"b\"c", " a | b | c ");
    assert_read("AI_Node_1.c", " ai node 1 c ");
    assert_read("(x) ++ -- \"\" ** y", " x | y ");
    assert_read("\xC3\x89T\xC3\x89 \xE2\x80\x94 \xC2\xB7", " \xC3\xA9t\xC3\xA9 ");
    assert_read("***", "");
    assert_read("\" \"*", "");
}

static void too_much_is_refused(void **state)
{
    (void)state;
    struct words words;
    char many[WORDS_BYTES_MAX + 2] = "";
    for (unsigned i = 0; i < WORDS_MAX; i++)
        strcat(many, "a ");
    assert_int_equal(words_read(slice_of(many), &words), WORDS_FINE);
    strcat(many, "a");
    assert_int_equal(words_read(slice_of(many), &words), WORDS_TOO_MANY);
    memset(many, 'x', WORDS_BYTES_MAX + 1);
    assert_int_equal(words_read((struct slice){many, WORDS_BYTES_MAX}, &words), WORDS_FINE);
    assert_int_equal(words_read((struct slice){many, WORDS_BYTES_MAX + 1}, &words), WORDS_TOO_MANY);
    for (size_t i = 0; i < WORDS_BYTES_MAX; i++) /* as long as letters can get */
        many[i] = i % 2 ? '"' : 'x';
    words_read((struct slice){many, 2 * WORDS_MAX}, &words);
}

static void assert_in(const char *text, const char *looked_for, unsigned wanted)
{
    struct words words;
    assert_int_equal(words_read(slice_of(looked_for), &words), WORDS_FINE);
    /* of a copy without a byte behind it, so that reading too far shows */
    char *copy = malloc(strlen(text) + !*text);
    assert_non_null(copy);
    memcpy(copy, text, strlen(text));
    unsigned found = words_in(&words, (struct slice){copy, strlen(text)});
    free(copy);
    if (found != wanted)
        fail_msg("\"%s\" in \"%s\": %u, not %u", looked_for, text, found, wanted);
}

static void words_are_found(void **state)
{
    (void)state;
    assert_in("", "a", 0);
    assert_in("a", "a", 1);
    assert_in("start art.", "art", 1);
    assert_in("start", "art", 0);
    assert_in("artful", "art", 0);
    assert_in("artful", "art*", 1);
    assert_in("The FAIR, queue", "\"fair queue\" queue nothing", 3);
    assert_in("fair old queue", "\"fair queue\"", 0);
    assert_in("a a a b", "\"a a b\"", 1);
    assert_in("ababac", "\"abac\"", 0);
    assert_in("ab ab ac", "\"ab ac\"", 1);
    assert_in("ai_node_1_pattern_12", "pattern \"node 1\" 2", 3);
    assert_in("\xC3\x89t\xC3\xA9\xE2\x80\x94x", "\xC3\xA9T\xC3\xA9 x", 3);
    assert_in("caf\xC3\xA9", "caf", 0);
}

static void assert_snippet(const char *text, const char *looked_for, const char *wanted)
{
    struct words words;
    struct text json = {0};
    assert_int_equal(words_read(slice_of(looked_for), &words), WORDS_FINE);
    words_snippet(&words, slice_of(text), &json);
    text_addf(&json, "%c", 0);
    assert_string_equal(json.at, wanted);
    text_free(&json);
}

#define FILLER "one two three four five six seven eight nine ten "

static void snippets_show_what_was_found(void **state)
{
    (void)state;
    assert_snippet("", "a", "[\"\"]");
    assert_snippet("a b c", "b", "[\"a \",\"b\",\" c\"]");
    assert_snippet("b", "b", "[\"\",\"b\",\"\"]");
    assert_snippet("none of it", "b", "[\"none of it\"]");
    assert_snippet("say \"Fair  Queue\"", "\"fair queue\" fair",
                   "[\"say \\\"\",\"Fair  Queue\",\"\\\"\"]"); /* none within another */
    assert_snippet("scheduling", "sched*", "[\"\",\"scheduling\",\"\"]");
    /* where the most of the words are, cut between words */
    assert_snippet("alpha " FILLER FILLER FILLER FILLER FILLER FILLER
                   "alpha beta " FILLER FILLER FILLER FILLER FILLER,
                   "alpha beta",
                   "[\"\xE2\x80\xA6"
                   "two three four five six seven eight nine ten "
                   "\",\"alpha\",\" \",\"beta\",\" " FILLER FILLER
                   "one two three four five six seven eight nine\xE2\x80\xA6\"]");
}

static void a_cut_is_between_characters(void **state)
{
    (void)state;
    char text[1024] = "";
    for (unsigned i = 0; i < 300; i++)
        strcat(text, "\xC3\xA9");
    assert_snippet(
        text, "x",
        "[\"\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9"
        "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9"
        "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9"
        "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9"
        "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9"
        "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9"
        "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9"
        "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9"
        "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9"
        "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9"
        "\xE2\x80\xA6\"]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_read),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(words_are_found),
        cmocka_unit_test(snippets_show_what_was_found),
        cmocka_unit_test(a_cut_is_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
