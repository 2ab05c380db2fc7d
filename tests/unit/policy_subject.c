/* What holds for every subject: ranges, purity, bounds, sets, and memory that runs out. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/optimise/search.h"
#include "policy/random.h"
#include "policy/subject.h"
#include "policy_effort.h"

/* Linked with --wrap: the allocation after so many more fails (-1: none). */
static long allocations_left = -1;
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);

static bool allocation_fails(void)
{
    return allocations_left >= 0 && allocations_left-- == 0;
}

void *__wrap_malloc(size_t size)
{
    return allocation_fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return allocation_fails() ? NULL : __real_calloc(count, size);
}

static void random_parameters(const struct subject *subject, struct random *random, double *ret)
{
    double u[SUBJECT_PARAMETERS_MAX];
    for (int i = 0; i < subject->parameter_count; i++)
        u[i] = random_between(random, -2, 3);
    subject_units(subject, u, ret);
}

/* Runs `check` on every subject. */
static void for_each(void (*check)(const struct subject *subject))
{
    size_t count;
    const struct subject *const *all = subjects(&count);
    assert_true(count > 0);
    for (size_t i = 0; i < count; i++)
        check(all[i]);
}

static void check_definition(const struct subject *subject)
{
    int which;
    double textbook[SUBJECT_PARAMETERS_MAX];
    assert_ptr_equal(subject_find(subject->name), subject);
    assert_in_range(subject->parameter_count, 1, SUBJECT_PARAMETERS_MAX);
    assert_true(subject->baseline_count > 0 && subject->version[0] && subject->cost[0]);
    for (int i = 0; i < subject->parameter_count; i++) {
        const struct parameter *p = &subject->parameters[i];
        assert_true(p->name && p->unit && p->meaning && p->low < p->high);
        assert_true(!p->logarithmic || p->low > 0);
    }
    subject_textbook(subject, textbook);
    assert_true(subject_valid(subject, textbook, subject->parameter_count, &which));
}

static unsigned occurrences(const char *text, const char *part)
{
    unsigned count = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
        count++;
    return count;
}

/* What is drawn, told and rendered by name has a name of its own, and the module's text a place for
 * each constant. */
static void check_names(const struct subject *subject)
{
    for (int i = 0; i < subject->parameter_count; i++)
        for (int k = 0; k < i; k++)
            assert_string_not_equal(subject->parameters[i].name, subject->parameters[k].name);
    for (int i = 0; i < subject->baseline_count; i++) {
        assert_true(subject->baseline_names[i][0] != '\0');
        for (int k = 0; k < i; k++)
            assert_string_not_equal(subject->baseline_names[i], subject->baseline_names[k]);
    }
    for (size_t i = 0; i < subject->constant_count; i++) {
        const struct constant *constant = &subject->constants[i];
        char place[64];
        snprintf(place, sizeof place, "@%s@", constant->name);
        assert_int_equal(occurrences(subject->module, place), 1);
        assert_true(constant->count > 0 && constant->first + constant->count <= RULES_WORDS);
    }
    assert_int_equal(occurrences(subject->module, "@ops@\n"), 1);
    assert_int_equal(occurrences(subject->module, "@"), 2 * subject->constant_count + 2);
    assert_true(subject->operation_count > 0);
    for (size_t i = 0; i < subject->operation_count; i++) {
        const struct operation *operation = &subject->operations[i];
        char place[96];
        snprintf(place, sizeof place, " %s(", operation->name);
        assert_true(occurrences(subject->module, place) >= 1);
        snprintf(place, sizeof place, "\n    .%s = %s,\n", operation->name, operation->name);
        assert_int_equal(occurrences(subject->module, place), 1);
        assert_true(operation->meaning[0] && operation->returns[0] && operation->parameters[0]);
        assert_int_equal(strncmp(operation->parameters, "void *state", 11) == 0, subject->stateful);
    }
}

static void definitions(void **state)
{
    (void)state;
    for_each(check_definition);
    for_each(check_names);
    assert_null(subject_find("no such subject"));
}

static void subject_for_every_specialization(void **state)
{
    (void)state;
    static const struct {
        const char *specialization, *subject;
    } table[] = {
        {"process_manager", "process_manager"},
        {"file_system", "file_system"},
        {"networking", "networking"},
        {"security", "security"},
        {"performance", "performance"},
        {"graphics", "graphics"},
        {"audio", "audio"},
        {"window_manager", "window_manager"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const struct subject *subject = subject_for(table[i].specialization);
        assert_non_null(subject);
        assert_string_equal(subject->name, table[i].subject);
    }
    assert_null(subject_for("general"));
    assert_null(subject_for("astrology"));
}

static void check_units(const struct subject *subject)
{
    double u[SUBJECT_PARAMETERS_MAX], back[SUBJECT_PARAMETERS_MAX];
    double p[SUBJECT_PARAMETERS_MAX], q[SUBJECT_PARAMETERS_MAX];
    int n = subject->parameter_count, which;
    struct random random;
    random_seed(&random, 21);
    for (int corner = 0; corner < 2; corner++) {
        for (int i = 0; i < n; i++)
            u[i] = corner;
        subject_units(subject, u, p);
        assert_true(subject_valid(subject, p, n, &which));
        for (int i = 0; i < n; i++) {
            double edge = corner ? subject->parameters[i].high : subject->parameters[i].low;
            assert_near(p[i], edge, 1e-14 * edge);
        }
    }
    for (int round = 0; round < 1000; round++) {
        for (int i = 0; i < n; i++)
            u[i] = random_uniform(&random);
        subject_units(subject, u, p);
        assert_true(subject_valid(subject, p, n, &which));
        subject_unit_cube(subject, p, back);
        for (int i = 0; i < n; i++) {
            assert_near(back[i], u[i], 1e-14);
            back[i] =
                round % 2 ? -u[i] - 2 * (round % 5) : 2 - u[i] + 2 * (round % 5); /* mirrored */
        }
        subject_units(subject, back, q);
        for (int i = 0; i < n; i++)
            assert_near(q[i], p[i], 1e-13 * subject->parameters[i].high);
    }
    for (int i = 0; i < n; i++)
        u[i] = i % 2 ? HUGE_VAL : nan("");
    subject_units(subject, u, p);
    assert_true(subject_valid(subject, p, n, &which));
}

static void units_and_folding(void **state)
{
    (void)state;
    for_each(check_units);
}

static void check_validity(const struct subject *subject)
{
    int n = subject->parameter_count, which = -7;
    double p[SUBJECT_PARAMETERS_MAX + 1], textbook[SUBJECT_PARAMETERS_MAX + 1] = {0};
    subject_textbook(subject, textbook);
    assert_true(subject_valid(subject, textbook, n, &which));
    assert_int_equal(which, -7);
    void *workload = subject->workload_new(1);
    for (int i = 0; i < n; i++) {
        const struct parameter *range = &subject->parameters[i];
        const double bad[] = {nan(""), HUGE_VAL, -HUGE_VAL, range->low - 1e-9, range->high * 1.0001,
                              -1e300};
        for (size_t b = 0; b < sizeof bad / sizeof *bad; b++) {
            memcpy(p, textbook, sizeof p);
            p[i] = bad[b];
            assert_false(subject_valid(subject, p, n, &which));
            assert_int_equal(which, i);
            assert_true(isnan(subject_cost(subject, workload, p)));
            assert_int_equal(subject_render(subject, p, NULL, 0), -1);
        }
    }
    assert_false(subject_valid(subject, textbook, n - 1, &which));
    assert_int_equal(which, n - 1);
    assert_false(subject_valid(subject, textbook, n + 1, &which));
    assert_int_equal(which, n);
    free(workload);
}

static void validity(void **state)
{
    (void)state;
    for_each(check_validity);
}

static void seeds_of_splits(void **state)
{
    (void)state;
    const struct subject *process = subject_find("process_manager");
    const struct subject *file = subject_find("file_system");
    assert_true(subject_seed(process, "test", 0) == UINT64_C(0x1cd43401858ea8c7));
    assert_true(subject_seed(process, "test", 0) != subject_seed(process, "test", 1));
    assert_true(subject_seed(process, "test", 0) != subject_seed(process, "peer", 0));
    assert_true(subject_seed(process, "test", 0) != subject_seed(file, "test", 0));
    assert_true(subject_seed(process, "train/a", 3) != subject_seed(process, "train/b", 3));
}

static void check_bound(const struct subject *subject)
{
    struct random random;
    random_seed(&random, 31);
    for (uint64_t seed = 0; seed < test_sample(64); seed++) {
        double p[SUBJECT_PARAMETERS_MAX];
        void *workload = subject->workload_new(random_u64(&random));
        double bound = subject->bound_cost(workload);
        assert_true(bound > 0);
        for (int which = 0; which < subject->baseline_count; which++)
            assert_true(bound <= subject->baseline_cost(workload, which));
        for (int k = 0; k < 6; k++) {
            random_parameters(subject, &random, p);
            assert_true(bound <= subject_cost(subject, workload, p));
        }
        free(workload);
    }
}

/* Not even who searches on the very workload. */
static void check_bound_of_one(const struct subject *subject)
{
    for (uint32_t seed = 0; seed < 1 + test_sample(3); seed++) {
        char split[32];
        double p[SUBJECT_PARAMETERS_MAX];
        struct search search;
        snprintf(split, sizeof split, "bound/%u", seed);
        struct objective one = {.sets = {evaluation_set_new(subject, split, 1)}, .count = 1};
        double bound = evaluation_set_bound(one.sets[0]).ratio;
        assert_int_equal(search_begin(&search, subject, seed, NULL), 0);
        search_run(&search, &one, test_sample(200), NULL);
        assert_true(search.best_ratio >= bound);
        if (evaluation_set_solve(one.sets[0], p) == 0)
            assert_true(objective_ratio(&one, p) >= bound);
        search_end(&search);
        objective_free(&one);
    }
}

static void nobody_beats_the_bound(void **state)
{
    (void)state;
    for_each(check_bound);
    for_each(check_bound_of_one);
}

enum { COSTS = 40 };
struct reader {
    const struct subject *subject;
    const void *workload;
    double costs[COSTS];
};

static void *read_costs(void *data)
{
    struct reader *reader = data;
    struct random random;
    random_seed(&random, 41);
    for (int i = 0; i < COSTS; i++) {
        double p[SUBJECT_PARAMETERS_MAX];
        random_parameters(reader->subject, &random, p);
        reader->costs[i] = subject_cost(reader->subject, reader->workload, p);
    }
    return NULL;
}

/* The same bits twice, from a workload made anew, and from two threads on one workload; others from
 * another seed. */
static void check_purity(const struct subject *subject)
{
    struct reader readers[4];
    void *first = subject->workload_new(5), *second = subject->workload_new(5);
    pthread_t threads[2];
    for (int i = 0; i < 4; i++)
        readers[i] = (struct reader){.subject = subject, .workload = i == 1 ? second : first};
    read_costs(&readers[0]);
    read_costs(&readers[1]);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_costs, &readers[2 + i]), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (int i = 1; i < 4; i++)
        assert_memory_equal(readers[0].costs, readers[i].costs, sizeof readers[0].costs);
    void *third = subject->workload_new(6);
    struct reader other = {.subject = subject, .workload = third};
    read_costs(&other);
    assert_memory_not_equal(readers[0].costs, other.costs, sizeof other.costs);
    free(third);
    free(first);
    free(second);
}

static void same_arguments_same_bits(void **state)
{
    (void)state;
    for_each(check_purity);
}

static void check_scores(const struct subject *subject)
{
    enum { SEEDS = 9 };
    double p[SUBJECT_PARAMETERS_MAX], sum = 0, ratios[SEEDS], spread = 0, cost = 0, worst = 0;
    subject_textbook(subject, p);
    struct evaluation_set *set = evaluation_set_new(subject, "peer", SEEDS);
    assert_int_equal(evaluation_set_size(set), SEEDS);
    struct score textbook = evaluation_set_baseline(set, 0), score = evaluation_set_score(set, p);
    assert_true(textbook.ratio == 1 && textbook.ci95 == 0 && textbook.wins == 0);
    size_t wins = 0;
    for (size_t i = 0; i < SEEDS; i++) {
        void *workload = subject->workload_new(subject_seed(subject, "peer", i));
        double mine = subject_cost(subject, workload, p),
               base = subject->baseline_cost(workload, 0);
        ratios[i] = mine / base;
        sum += ratios[i];
        cost += mine / SEEDS;
        wins += mine < base;
        worst = fmax(worst, ratios[i]);
        free(workload);
    }
    for (size_t i = 0; i < SEEDS; i++)
        spread += pow(ratios[i] - sum / SEEDS, 2);
    assert_near(score.ratio, sum / SEEDS, 1e-14);
    assert_near(score.ci95, 1.96 * sqrt(spread / (SEEDS - 1) / SEEDS), 1e-9);
    assert_near(score.cost, cost, 1e-12 * cost);
    assert_int_equal(score.wins, wins);
    assert_true(score.worst == worst);
    assert_int_equal(score.seeds, SEEDS);
    struct score bound = evaluation_set_bound(set);
    assert_true(bound.ratio < score.ratio && bound.ratio < 1);
    assert_true(gap_closed(1, bound.ratio) == 0 && gap_closed(bound.ratio, bound.ratio) == 1);
    p[0] = nan("");
    score = evaluation_set_score(set, p);
    assert_true(isnan(score.ratio) && isnan(score.ci95) && score.wins == 0);
    evaluation_set_free(set);
}

static void scores(void **state)
{
    (void)state;
    for_each(check_scores);
    evaluation_set_free(NULL);
}

/* Fails one allocation after the other until all are had: a set is then NULL or whole, a cost NAN
 * or right. */
static void check_memory(const struct subject *subject)
{
    double p[SUBJECT_PARAMETERS_MAX];
    subject_textbook(subject, p);
    struct evaluation_set *set = NULL;
    long tries = 0;
    for (; !set; tries++) {
        allocations_left = tries;
        set = evaluation_set_new(subject, "peer", 2);
    }
    assert_in_range(tries, 4, 100);
    allocations_left = -1;
    double right = evaluation_set_score(set, p).ratio, bound = evaluation_set_bound(set).ratio;
    for (tries = 0;; tries++) {
        allocations_left = tries;
        double ratio = evaluation_set_score(set, p).ratio;
        if (!isnan(ratio)) {
            assert_true(ratio == right);
            break;
        }
    }
    assert_in_range(tries, 0, 100); /* some need no memory */
    for (tries = 0;; tries++) {
        allocations_left = tries;
        double ratio = evaluation_set_bound(set).ratio;
        if (!isnan(ratio)) {
            assert_true(ratio == bound);
            break;
        }
    }
    assert_in_range(tries, 0, 100);
    allocations_left = -1;
    evaluation_set_free(set);
}

static void memory_runs_out(void **state)
{
    (void)state;
    for_each(check_memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(definitions),
        cmocka_unit_test(subject_for_every_specialization),
        cmocka_unit_test(units_and_folding),
        cmocka_unit_test(validity),
        cmocka_unit_test(seeds_of_splits),
        cmocka_unit_test(nobody_beats_the_bound),
        cmocka_unit_test(same_arguments_same_bits),
        cmocka_unit_test(scores),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests_name("policy_subject", tests, NULL, NULL);
}
