/* Figures of all subjects in one place. The table in docs/SUBJECTS.md is true: on the workloads of
 * ./dev bench learning the best practice and the bound have the ratios that it says, to its last
 * digit, and its gaps follow from its ratios. And the costs lie where an independent prototype,
 * with workload priors of its own, has them. usage: test_policy_figures SUBJECTS.md */
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
#include "policy_effort.h"

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

/* What the prototype measured: on its own workloads, so only nearly the same. */
struct figure {
    double value, tolerance;
};
static const struct prototype {
    const char *subject;
    struct figure baselines[6], bound;         /* 0: it had none */
    double parameters[SUBJECT_PARAMETERS_MAX]; /* as it tuned them */
    struct figure tuned;                       /* 0: not compared */
} prototypes[] = {
    {.subject = "process_manager",
     .baselines = {{1, 0}, {0.818, 0.05}, {0.960, 0.09}, {1.063, 0.05}, {10.24, 3}},
     .bound = {0.309, 0.03},
     .parameters = {2.82, 1.05, 0.76, 3.11, 173.9, 1.43, 8},
     .tuned = {0.694, 0.04}},
    {.subject = "file_system",
     .baselines = {{1, 0}, {0.993, 0.03}, {0.942, 0.03}, {0.926, 0.03}, {1.044, 0.03}},
     .bound = {0.762, 0.04}},
    {.subject = "performance",
     .baselines = {{1, 0}, {0.810, 0.07}, {4.25, 1.3}, {4.46, 1.5}},
     .bound = {0.635, 0.03},
     .parameters = {0.0812, 0.148, 3.49, 4.02, 38.7, 6.14, 11, 1.5},
     .tuned = {0.696, 0.03}},
    {.subject = "window_manager",
     .baselines = {{1, 0}, {0.846, 0.04}, {1.010, 0.04}, {1.303, 0.04}},
     .bound = {0.639, 0.03},
     .parameters = {0.39, 0.566, 3.25, 2.97, 141, 6.95, 6.01},
     .tuned = {0.721, 0.04}},
};

static void assert_figure(const char *what, double measured, const struct figure *figure)
{
    print_message("# %s: %.3f (%.3f)\n", what, measured, figure->value);
    assert_near(measured, figure->value, figure->tolerance);
}

static void check_prototype(const struct prototype *prototype)
{
    const struct subject *subject = subject_find(prototype->subject);
    struct evaluation_set *set = evaluation_set_new(subject, "test", SEEDS);
    double practice = HUGE_VAL;
    for (int which = 0; which < subject->baseline_count; which++) {
        double ratio = evaluation_set_baseline(set, which).ratio;
        if (prototype->baselines[which].value > 0)
            assert_figure(subject->baseline_names[which], ratio, &prototype->baselines[which]);
        practice = which > 0 ? fmin(practice, ratio) : practice;
    }
    assert_figure("bound", evaluation_set_bound(set).ratio, &prototype->bound);
    if (prototype->tuned.value > 0) {
        struct score tuned = evaluation_set_score(set, prototype->parameters);
        assert_figure("tuned", tuned.ratio, &prototype->tuned);
        assert_true(tuned.ratio < practice - 0.08 && tuned.wins >= 60);
    }
    evaluation_set_free(set);
}

static void costs_lie_where_the_prototype_has_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof prototypes / sizeof *prototypes; i++)
        check_prototype(&prototypes[i]);
}

int main(int argc, char **argv)
{
    size_t count;
    const struct subject *const *all = subjects(&count);
    struct CMUnitTest tests[16 + 1];
    assert_int_equal(argc, 2);
    path = argv[1];
    assert_in_range(count, 1, 16);
    for (size_t i = 0; i < count; i++)
        /* initial_state is handed through as void *, and only read */
        tests[i] = (struct CMUnitTest){.name = all[i]->name,
                                       .test_func = row_is_true,
                                       .initial_state = (void *)(uintptr_t)all[i]};
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(costs_lie_where_the_prototype_has_them);
    return _cmocka_run_group_tests("policy_figures", tests, count, NULL, NULL);
}
