/* A short run of the whole: 300 evaluations on a few training seeds beat the textbook on seeds that
 * nobody trained on. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <string.h>

#include "policy/cmaes.h"
#include "policy/subject.h"
#include "policy_effort.h"

enum { LAMBDA_MAX = 60 };

static double learn(const struct subject *subject, const struct exam *exam, int budget,
                    double *ret_best)
{
    double u[SUBJECT_PARAMETERS_MAX], p[SUBJECT_PARAMETERS_MAX], costs[LAMBDA_MAX], best = HUGE_VAL;
    for (int i = 0; i < subject->parameter_count; i++)
        p[i] = subject->parameters[i].textbook;
    subject_unit_cube(subject, p, u);
    struct cmaes *search = cmaes_new(subject->parameter_count, 1, NULL, 0.3);
    cmaes_inject(search, u);
    for (int evaluations = 0; evaluations < budget;) {
        for (int k = 0; k < cmaes_lambda(search); k++, evaluations++) {
            subject_units(subject, cmaes_candidate(search, k), p);
            costs[k] = exam_score(exam, p).ratio;
            if (costs[k] < best) {
                best = costs[k];
                memcpy(ret_best, p, sizeof p);
            }
        }
        cmaes_tell(search, costs);
    }
    cmaes_free(search);
    return best;
}

static void check_learning(const char *name, double textbook_setting_at_least)
{
    const struct subject *subject = subject_find(name);
    double best[SUBJECT_PARAMETERS_MAX], textbook[SUBJECT_PARAMETERS_MAX];
    size_t test_seeds = 16 + test_sample(48);
    struct exam *train = exam_new(subject, "train/test", 8);
    struct exam *test = exam_new(subject, "test", test_seeds);
    double train_ratio = learn(subject, train, 60 + (int)test_sample(240), best);
    for (int i = 0; i < subject->parameter_count; i++)
        textbook[i] = subject->parameters[i].textbook;
    struct score tuned = exam_score(test, best), setting = exam_score(test, textbook);
    double closed = exam_gap_closed(test, tuned.ratio);
    print_message(
        "# %s: train %.3f, held-out %.3f +- %.3f (textbook setting %.3f), wins %zu/%zu, gap "
        "closed %.2f\n",
        name, train_ratio, tuned.ratio, tuned.ci95, setting.ratio, tuned.wins, tuned.seeds, closed);
    assert_true(tuned.ratio + 2 * tuned.ci95 < 1);
    assert_true(tuned.wins * 10 >= tuned.seeds * 8);
    assert_true(tuned.ratio < setting.ratio - textbook_setting_at_least);
    assert_true(train_ratio <= exam_score(train, textbook).ratio); /* which was injected */
    assert_true(closed > 0 && closed < 1);
    exam_free(train);
    exam_free(test);
}

static void process_manager_learns(void **state)
{
    (void)state;
    check_learning("process_manager", 0.01);
}

static void file_system_learns(void **state)
{
    (void)state;
    check_learning("file_system", 0.005);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(process_manager_learns),
        cmocka_unit_test(file_system_learns),
    };
    return cmocka_run_group_tests_name("policy_learning", tests, NULL, NULL);
}
