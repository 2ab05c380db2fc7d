/* A short run of the whole, for each subject: a few hundred evaluations on a few training seeds (or the computed optimum) beat the
 * textbook, and the textbook's setting of the same policy, on seeds that nobody trained on. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <string.h>

#include "policy/optimise/search.h"
#include "policy_effort.h"

/* Evaluations in full: enough for each to be clearly better, with the smaller samples of slow builds as well. */
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

int main(void)
{
    size_t count;
    const struct subject *const *all = subjects(&count);
    struct CMUnitTest tests[16];
    assert_in_range(count, 8, 16);
    for (size_t i = 0; i < count; i++)
        /* initial_state is handed through as void *, and only read */
        tests[i] = (struct CMUnitTest){
            .name = all[i]->name, .test_func = learns, .initial_state = (void *)(uintptr_t)all[i]};
    return _cmocka_run_group_tests("learning", tests, count, NULL, NULL);
}
