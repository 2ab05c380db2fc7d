/* What khub train prints at its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>

#include "cmd/train_summary.h"
#include "tests/unit/squeezed.h"

static const struct terminal plain = {.unicode = true};
static const struct summary summary = {.patterns_shared = 3, .claims_committed = 5};
static const struct summary_head head = {.ai_id = "ada",
                                         .specialization = "networking",
                                         .hub = "127.0.0.1:6000",
                                         .ended = "time is up",
                                         .joined = true,
                                         .seconds = 60};

static char *printed(const struct brain_standing *standing)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    train_summary(&summary, &head, standing, &plain, out);
    fclose(out);
    char *words = squeezed(text);
    free(text);
    return words;
}

static void figures_and_counts_are_shown(void **state)
{
    (void)state;
    static const struct brain_standing standing = {
        .title = "counting sheep",
        .titles = {"WHAT", "HOW MUCH", "SURE"},
        .rows = {{.name = "sheep", .value = 12, .unit = " head", .cells = {"quite"}},
                 {.name = "Größe", .value = 0.5, .unit = "", .decimals = 3},
                 {.name = "wolves", .value = (double)NAN, .unit = " head"}},
        .row_count = 3,
        .remark = "a remark"};
    static const char *const wanted[] = {"ada (networking), 60 s, with the hub at 127.0.0.1:6000;",
                                         "; ended: time is up\n\n",
                                         "counting sheep\nWHAT HOW MUCH SURE\n",
                                         "sheep 12 head quite\n",
                                         "Größe 0.500\n",
                                         "wolves -\na remark\n\n",
                                         "\nclaims committed to 5\n",
                                         "\npatterns shared 3\n"};
    char *words = printed(&standing);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (!strstr(words, wanted[i]))
            fail_msg("no \"%s\" in:\n%s", wanted[i], words);
    free(words);
}

/* A brain may have figures without titles, and none at all. */
static void what_is_not_there_takes_no_line(void **state)
{
    (void)state;
    struct brain_standing standing = {.title = "counting sheep",
                                      .rows = {{.name = "sheep", .value = 12, .unit = ""}},
                                      .row_count = 1};
    char *words = printed(&standing);
    assert_non_null(strstr(words, "counting sheep\nsheep 12\n\npatterns shared 3\n"));
    free(words);
    standing.row_count = 0;
    words = printed(&standing);
    assert_non_null(strstr(words, "counting sheep\n\npatterns shared 3\n"));
    free(words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_and_counts_are_shown),
        cmocka_unit_test(what_is_not_there_takes_no_line),
    };
    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
