/* The table in docs/SUBJECTS.md is true: on the workloads of ./dev bench learning the best practice
 * and the bound have the ratios that it says, to its last digit, and its gaps follow from its
 * ratios. usage: test_policy_documented SUBJECTS.md */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/optimise/evaluation.h"

enum { SEEDS = 64, COLUMNS = 7 }; /* as bench/learning.c */
enum { SUBJECT, TEXTBOOK, PRACTICE, TUNED, BOUND, GAP, BYTES };

static const char *path;

/* The row of a subject, cut into its cells in `line`. */
static void find_row(const char *subject, char *line, size_t size, char **ret_cells)
{
    FILE *file = fopen(path, "r");
    char start[64];
    assert_non_null(file);
    snprintf(start, sizeof start, "| %s |", subject);
    bool found = false;
    while (!found && fgets(line, (int)size, file))
        found = strncmp(line, start, strlen(start)) == 0;
    fclose(file);
    if (!found)
        fail_msg("%s has no row for %s", path, subject);
    char *rest = NULL;
    for (int i = 0; i < COLUMNS; i++) {
        ret_cells[i] = strtok_r(i == 0 ? line : NULL, "|", &rest);
        assert_non_null(ret_cells[i]);
    }
}

/* The number at the end of a cell: "MLFQ 0.817 ". */
static double last_number(char *cell)
{
    size_t length = strlen(cell);
    while (length > 0 && cell[length - 1] == ' ')
        cell[--length] = '\0';
    const char *space = strrchr(cell, ' ');
    return strtod(space ? space : cell, NULL);
}

static void assert_shown(const char *subject, const char *what, double shown, double measured)
{
    if (fabs(shown - measured) > 0.0005 + 1e-9)
        fail_msg("%s: %s is %.3f in %s and %.4f as measured", subject, what, shown, path, measured);
}

static void row_is_true(void **state)
{
    const struct subject *subject = *state;
    struct evaluation_set *set = evaluation_set_new(subject, "bench", SEEDS);
    char line[512], *cells[COLUMNS];
    find_row(subject->name, line, sizeof line, cells);
    double practice = HUGE_VAL, bound = evaluation_set_bound(set).ratio;
    for (int which = 1; which < subject->baseline_count; which++)
        practice = fmin(practice, evaluation_set_baseline(set, which).ratio);
    assert_shown(subject->name, "the best practice", last_number(cells[PRACTICE]), practice);
    assert_shown(subject->name, "the bound", last_number(cells[BOUND]), bound);
    double gap = 100 * gap_closed(strtod(cells[TUNED], NULL), strtod(cells[BOUND], NULL));
    assert_true(fabs(strtod(cells[GAP], NULL) - gap) < 0.7); /* of rounded ratios */
    evaluation_set_free(set);
}

int main(int argc, char **argv)
{
    size_t count;
    const struct subject *const *all = subjects(&count);
    struct CMUnitTest tests[16];
    assert_int_equal(argc, 2);
    path = argv[1];
    assert_in_range(count, 1, 16);
    for (size_t i = 0; i < count; i++)
        /* initial_state is handed through as void *, and only read */
        tests[i] = (struct CMUnitTest){.name = all[i]->name,
                                       .test_func = row_is_true,
                                       .initial_state = (void *)(uintptr_t)all[i]};
    return _cmocka_run_group_tests("policy_documented", tests, count, NULL, NULL);
}
