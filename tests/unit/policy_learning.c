/* A short run of the whole, for each subject: a few hundred evaluations on a few training seeds (or
 * the computed optimum) beat the textbook, and the textbook's setting of the same policy, on seeds
 * that nobody trained on. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "policy/optimise/search.h"
#include "policy_effort.h"

/* Evaluations in full: enough for each to be clearly better, with the smaller samples of slow
 * builds as well. */
static unsigned evaluations(void)
{
    return 90 + test_sample(60);
}

static double learn(const struct subject *subject, const struct objective *train, double *ret_best)
{
    if (subject->solve) {
        assert_int_equal(evaluation_set_solve(train->sets[0], ret_best), 0);
        return objective_ratio(train, ret_best);
    }
    struct search search;
    assert_int_equal(search_begin(&search, subject, 1, NULL), 0);
    assert_int_equal(search_run(&search, train, evaluations(), NULL), evaluations());
    memcpy(ret_best, search.best, sizeof search.best);
    double ratio = search.best_ratio;
    search_end(&search);
    return ratio;
}

static void learns(void **state)
{
    const struct subject *subject = *state;
    double best[SUBJECT_PARAMETERS_MAX] = {0}, textbook[SUBJECT_PARAMETERS_MAX];
    struct objective train = {.sets = {evaluation_set_new(subject, "train/test", 8)}, .count = 1};
    struct evaluation_set *heldout =
        evaluation_set_new(subject, "heldout/test", 8 + test_sample(24));
    double train_ratio = learn(subject, &train, best);
    for (int i = 0; i < subject->parameter_count; i++)
        textbook[i] = subject->parameters[i].textbook;
    struct score tuned = evaluation_set_score(heldout, best),
                 setting = evaluation_set_score(heldout, textbook);
    double closed = gap_closed(tuned.ratio, evaluation_set_bound(heldout).ratio);
    print_message("# %s: train %.3f, held-out %.3f +- %.3f (textbook setting %.3f), wins %zu/%zu, "
                  "gap closed %.2f\n",
                  subject->name, train_ratio, tuned.ratio, tuned.ci95, setting.ratio, tuned.wins,
                  tuned.seeds, closed);
    assert_true(tuned.ratio + tuned.ci95 < 1);
    assert_true(tuned.wins * 10 >= tuned.seeds * 7);
    assert_true(tuned.ratio < setting.ratio);
    assert_true(train_ratio <= objective_ratio(&train, textbook)); /* which was injected */
    assert_true(closed > 0 && closed < 1);
    objective_free(&train);
    evaluation_set_free(heldout);
}

/* A subject whose work is counted, and that is told to stop in the middle of it. */
static struct subject counted;
static atomic_bool stop;
static unsigned calls, last_call; /* last_call: the one that brings the stop */

static void count_call(void)
{
    if (++calls == last_call)
        atomic_store(&stop, true);
}

static void *counted_workload_new(uint64_t seed)
{
    count_call();
    return subject_find(counted.name)->workload_new(seed);
}

static double counted_cost_of(const void *workload, const void *rules)
{
    count_call();
    return subject_find(counted.name)->cost_of(workload, rules);
}

static void stop_after(unsigned more)
{
    calls = 0;
    last_call = more;
    atomic_store(&stop, false);
}

static void stops_after_the_workload_in_hand(void **state)
{
    (void)state;
    enum { SEEDS = 8 };
    counted = *subject_find("audio");
    counted.workload_new = counted_workload_new;
    counted.cost_of = counted_cost_of;
    stop_after(3);
    assert_null(evaluation_set_new_until(&counted, "train/test", SEEDS, &stop));
    assert_int_equal(calls, 3);

    double textbook[SUBJECT_PARAMETERS_MAX];
    subject_textbook(&counted, textbook);
    stop_after(SEEDS + 5);
    struct objective train = {
        .sets = {evaluation_set_new_until(&counted, "train/test", SEEDS, &stop)}, .count = 1};
    assert_true(isnan(evaluation_set_score(train.sets[0], textbook).ratio));
    assert_int_equal(calls, SEEDS + 5);

    /* In the third evaluation of a search: two were whole, and only they count. */
    struct search search;
    stop_after(2 * SEEDS + 5);
    assert_int_equal(search_begin(&search, &counted, 1, NULL), 0);
    assert_int_equal(search_run(&search, &train, 100, &stop), 2);
    assert_int_equal(search.evaluations, 2);
    assert_int_equal(calls, 2 * SEEDS + 5);
    double ratio = search.best_ratio;
    assert_true(isnan(evaluation_set_score(train.sets[0], search.best).ratio));
    evaluation_set_heed(train.sets[0], NULL);
    assert_true(evaluation_set_score(train.sets[0], search.best).ratio == ratio);
    /* It goes on with the very candidate that was left. */
    atomic_store(&stop, false);
    assert_int_equal(search_run(&search, &train, 100, &stop), 100);
    struct search whole;
    assert_int_equal(search_begin(&whole, &counted, 1, NULL), 0);
    assert_int_equal(search_run(&whole, &train, 102, NULL), 102);
    assert_true(whole.best_ratio == search.best_ratio);
    search_end(&whole);
    search_end(&search);
    objective_free(&train);
}

int main(void)
{
    size_t count;
    const struct subject *const *all = subjects(&count);
    struct CMUnitTest tests[16 + 1];
    assert_in_range(count, 8, 16);
    for (size_t i = 0; i < count; i++)
        /* initial_state is handed through as void *, and only read */
        tests[i] = (struct CMUnitTest){
            .name = all[i]->name, .test_func = learns, .initial_state = (void *)(uintptr_t)all[i]};
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(stops_after_the_workload_in_hand);
    return _cmocka_run_group_tests("learning", tests, count, NULL, NULL);
}
