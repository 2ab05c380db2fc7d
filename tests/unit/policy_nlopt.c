/* The search beside somebody else's: NLopt's controlled random search (GN_CRS2_LM; Kaelo, Ali 2006)
 * on the same training workloads, with as many evaluations, finds nothing better that matters. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <nlopt.h>

#include "policy/optimise/search.h"
#include "policy_effort.h"

enum { RUNS = 3, TRAIN_SEEDS = 4 };
/* CMA-ES may be behind by so much of the textbook's cost, in the mean of the runs. */
static const double margin = 0.005;

struct problem {
    const struct subject *subject;
    struct objective objective;
    int evaluations;
};

static double ratio_of(unsigned n, const double *u, double *gradient, void *data)
{
    struct problem *problem = data;
    double p[SUBJECT_PARAMETERS_MAX];
    assert_int_equal(n, problem->subject->parameter_count);
    assert_null(gradient);
    problem->evaluations++;
    subject_units(problem->subject, u, p);
    return objective_ratio(&problem->objective, p);
}

static double best_of_crs(struct problem *problem, unsigned long seed, int budget)
{
    unsigned n = (unsigned)problem->subject->parameter_count;
    double u[SUBJECT_PARAMETERS_MAX], best;
    nlopt_opt search = nlopt_create(NLOPT_GN_CRS2_LM, n);
    assert_non_null(search);
    nlopt_srand(seed);
    problem->evaluations = 0;
    for (unsigned i = 0; i < n; i++)
        u[i] = 0.5;
    assert_true(nlopt_set_lower_bounds1(search, 0) > 0 && nlopt_set_upper_bounds1(search, 1) > 0 &&
                nlopt_set_min_objective(search, ratio_of, problem) > 0 &&
                nlopt_set_maxeval(search, budget) > 0);
    assert_int_equal(nlopt_optimize(search, u, &best), NLOPT_MAXEVAL_REACHED);
    assert_in_range(problem->evaluations, budget, budget + 10); /* it ends a step it began */
    nlopt_destroy(search);
    return best;
}

static double best_of_cmaes(const struct problem *problem, uint64_t seed, int budget)
{
    struct search search;
    assert_int_equal(search_begin(&search, problem->subject, seed, NULL), 0);
    assert_int_equal(search_run(&search, &problem->objective, (unsigned)budget, NULL), budget);
    double best = search.best_ratio;
    search_end(&search);
    return best;
}

static void compare(const char *name, int budget)
{
    struct problem problem = {.subject = subject_find(name), .objective = {.count = 1}};
    double textbook[SUBJECT_PARAMETERS_MAX], crs = 0, own = 0;
    problem.objective.sets[0] = evaluation_set_new(problem.subject, "train/nlopt", TRAIN_SEEDS);
    for (int i = 0; i < problem.subject->parameter_count; i++)
        textbook[i] = problem.subject->parameters[i].textbook;
    double before = objective_ratio(&problem.objective, textbook);
    for (unsigned seed = 1; seed <= RUNS; seed++) {
        crs += best_of_crs(&problem, seed, budget) / RUNS;
        own += best_of_cmaes(&problem, seed, budget) / RUNS;
    }
    print_message("# %s, %d evaluations: textbook setting %.4f, CRS2 %.4f, CMA-ES %.4f\n", name,
                  budget, before, crs, own);
    assert_true(own <= crs + test_tolerance(margin));
    assert_true(own < before - 0.01 && crs < before - 0.01);
    objective_free(&problem.objective);
}

static void graphics(void **state)
{
    (void)state;
    compare("graphics", 150 + (int)test_sample(450));
}

static void audio(void **state)
{
    (void)state;
    compare("audio", 150 + (int)test_sample(450));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(graphics),
        cmocka_unit_test(audio),
    };
    return cmocka_run_group_tests_name("policy_nlopt", tests, NULL, NULL);
}
