/* CMA-ES: its constants, the standard functions within about the known numbers of evaluations, and
 * what was added to it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <string.h>

#include "policy/optimise/cmaes_internal.h"
#include "policy_effort.h"

static void constants(void **state)
{
    (void)state;
    static const struct {
        int n, lambda;
        double mueff, cs, ds, cc, c1, cmu, chi_n;
    } table[] = {
        {5, 8, 2.6002, .3651, 1.3651, .4502, .04729, .04786, 2.1285},
        {8, 10, 3.1673, .3196, 1.3196, .3437, .02231, .03360, 2.7421},
        {12, 11, 3.4148, .2652, 1.2652, .2586, .01109, .01963, 3.3931},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct cmaes *search = cmaes_new(table[i].n, 1, NULL, 0.3);
        assert_int_equal(cmaes_lambda(search), table[i].lambda);
        cmaes_free(search);
        struct cmaes_constants k;
        cmaes_constants(table[i].n, table[i].lambda, &k);
        assert_near(k.mueff, table[i].mueff, 5.1e-5);
        assert_near(k.cs, table[i].cs, 5.1e-5);
        assert_near(k.ds, table[i].ds, 5.1e-5);
        assert_near(k.cc, table[i].cc, 5.1e-5);
        assert_near(k.c1, table[i].c1, 5.1e-6);
        assert_near(k.cmu, table[i].cmu, 5.1e-6);
        assert_near(k.chi_n, table[i].chi_n, 5.1e-5);
    }
}

static void eigen_decomposition(void **state)
{
    (void)state;
    static double matrix[CMAES_N_MAX][CMAES_N_MAX], copy[CMAES_N_MAX][CMAES_N_MAX];
    static double vectors[CMAES_N_MAX][CMAES_N_MAX], values[CMAES_N_MAX];
    struct random random;
    random_seed(&random, 3);
    for (int n = 1; n <= CMAES_N_MAX; n++) {
        for (int i = 0; i < n; i++)
            for (int j = 0; j <= i; j++)
                matrix[i][j] = matrix[j][i] = random_normal(&random) * (i == j ? 100 : 1);
        memcpy(copy, matrix, sizeof copy);
        eigen_decompose(n, copy, vectors, values);
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++) {
                double rebuilt = 0, dot = 0;
                for (int k = 0; k < n; k++) {
                    rebuilt += vectors[i][k] * values[k] * vectors[j][k];
                    dot += vectors[k][i] * vectors[k][j];
                }
                assert_near(rebuilt, matrix[i][j], 1e-11);
                assert_near(dot, i == j, 1e-13);
            }
    }
}

typedef double function(const double *x, int n);

static double sphere(const double *x, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += x[i] * x[i];
    return sum;
}

static double ellipsoid(const double *x, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += pow(1e6, i / (n - 1.0)) * x[i] * x[i];
    return sum;
}

static double rosenbrock(const double *x, int n)
{
    double sum = 0;
    for (int i = 0; i + 1 < n; i++)
        sum += 100 * pow(x[i + 1] - x[i] * x[i], 2) + pow(1 - x[i], 2);
    return sum;
}

struct problem {
    function *cost;
    int n, budget;
    double target;
    const double *injected; /* into each generation; NULL: nothing */
};

/* Evaluations until the cost is below the target; budget when it never is. */
static int solve(struct cmaes *search, const struct problem *problem)
{
    double costs[CMAES_LAMBDA_MAX];
    int evaluations = 0;
    cmaes_set_tolerance(search, 0);
    while (evaluations < problem->budget) {
        if (problem->injected)
            cmaes_inject(search, problem->injected);
        for (int k = 0; k < cmaes_lambda(search); k++) {
            costs[k] = problem->cost(cmaes_candidate(search, k), problem->n);
            evaluations++;
            if (costs[k] < problem->target)
                return evaluations;
        }
        cmaes_tell(search, costs);
    }
    return problem->budget;
}

static void standard_functions(void **state)
{
    (void)state;
    enum { RUNS = 11 };
    static const struct {
        const char *name;
        struct problem problem;
        double start, known; /* mean evaluations of another implementation */
    } table[] = {
        {"sphere", {sphere, 8, 20000, 1e-9, NULL}, 1, 1232},
        {"ellipsoid", {ellipsoid, 8, 20000, 1e-9, NULL}, 1, 4126},
        {"Rosenbrock", {rosenbrock, 8, 20000, 1e-9, NULL}, 0, 4355},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        double start[8], sum = 0;
        int solved = 0;
        for (int k = 0; k < 8; k++)
            start[k] = table[i].start;
        for (uint64_t seed = 1; seed <= RUNS; seed++) {
            struct cmaes *search = cmaes_new(8, seed, start, 0.3);
            int evaluations = solve(search, &table[i].problem);
            solved += evaluations < table[i].problem.budget;
            sum += evaluations;
            cmaes_free(search);
        }
        print_message("# %s: %.0f evaluations (%.0f), %d/%d solved\n", table[i].name, sum / RUNS,
                      table[i].known, solved, RUNS);
        assert_int_equal(solved, RUNS);
        assert_near(sum / RUNS, table[i].known, 0.25 * table[i].known);
    }
}

static double mean_evaluations(const struct problem *problem, const double *start, double sigma)
{
    enum { RUNS = 15 };
    double sum = 0;
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        struct cmaes *search = cmaes_new(problem->n, seed, start, sigma);
        sum += solve(search, problem);
        cmaes_free(search);
    }
    return sum / RUNS;
}

static void warm_start_and_injection_help(void **state)
{
    (void)state;
    static const double far[] = {3, 3, 3, 3, 3, 3, 3, 3}, near[] = {.1, .1, .1, .1, .1, .1, .1, .1};
    struct problem problem = {sphere, 8, 20000, 1e-9, NULL};
    double scratch = mean_evaluations(&problem, far, 0.3);
    double warm = mean_evaluations(&problem, near, 0.1);
    assert_true(warm < 0.8 * scratch);

    /* The way to where somebody else already is: at least half as long again without being told. */
    problem.target = 0.1;
    double alone = mean_evaluations(&problem, far, 0.3);
    problem.injected = near;
    double told = mean_evaluations(&problem, far, 0.3);
    print_message(
        "# sphere: from afar %.0f, warm start %.0f; to a known point %.0f, told of it %.0f\n",
        scratch, warm, alone, told);
    assert_true(alone > 1.5 * told);
}

/* Injected is what was given when it is near; what is far is drawn in to the allowed Mahalanobis
 * length. */
static void injection_is_clipped(void **state)
{
    (void)state;
    double start[3] = {0.5, 0.5, 0.5}, near[3] = {0.6, 0.45, 0.5}, far[3] = {100.5, 0.5, 0.5};
    struct cmaes *search = cmaes_new(3, 1, start, 0.1);
    const double *last = cmaes_candidate(search, cmaes_lambda(search) - 1);
    cmaes_inject(search, near);
    assert_memory_equal(last, near, sizeof near);
    cmaes_inject(search, far);
    assert_near(last[0], 0.5 + 0.1 * (sqrt(3) + 6.0 / 5), 1e-12);
    assert_near(last[1], 0.5, 1e-12);
    double hopeless[3] = {nan(""), 0, 0}, before[3];
    memcpy(before, last, sizeof before);
    cmaes_inject(search, hopeless);
    assert_memory_equal(last, before, sizeof before);
    cmaes_free(search);
}

/* NAN is worse than anything, so a forbidden half of the space is left; and a generation of nothing
 * else is survived. */
static void nan_costs(void **state)
{
    (void)state;
    double start[4] = {0.02, 0.5, 0.5, 0.5}, costs[CMAES_LAMBDA_MAX];
    struct cmaes *search = cmaes_new(4, 5, start, 0.3);
    cmaes_set_tolerance(search, 0);
    for (int k = 0; k < cmaes_lambda(search); k++)
        costs[k] = nan("");
    cmaes_tell(search, costs);
    for (int generation = 0; generation < 200; generation++) {
        for (int k = 0; k < cmaes_lambda(search); k++) {
            const double *x = cmaes_candidate(search, k);
            for (int i = 0; i < 4; i++)
                assert_true(isfinite(x[i]));
            costs[k] = x[0] < 0 ? nan("") : sphere(x, 4);
        }
        cmaes_tell(search, costs);
    }
    const double *x = cmaes_candidate(search, 0);
    assert_true(fabs(x[0]) < 1e-4 && sphere(x, 4) < 1e-6);
    cmaes_free(search);
}

/* A converged search begins anew with twice the candidates, up to 60; costs that say nothing end in
 * restarts too, not in infinities. */
static void restarts(void **state)
{
    (void)state;
    struct cmaes *search = cmaes_new(6, 9, NULL, 0.3);
    double costs[CMAES_LAMBDA_MAX];
    int first = cmaes_lambda(search), seen = 0;
    for (int generation = 0; generation < 2000; generation++) {
        for (int k = 0; k < cmaes_lambda(search); k++)
            costs[k] = generation % 2000 < 1000 ? sphere(cmaes_candidate(search, k), 6) : 1;
        cmaes_tell(search, costs);
        int restarts = cmaes_restarts(search);
        int lambda = restarts > 5 ? 60 : first << restarts;
        assert_int_equal(cmaes_lambda(search), lambda < 60 ? lambda : 60);
        if (restarts > seen) {
            seen = restarts;
            assert_near(cmaes_sigma(search), 0.3, 0);
        }
        assert_true(isfinite(cmaes_sigma(search)));
    }
    assert_true(seen >= 5);
    cmaes_free(search);
}

static void same_seed_same_search(void **state)
{
    (void)state;
    struct cmaes *a = cmaes_new(8, 77, NULL, 0.3), *b = cmaes_new(8, 77, NULL, 0.3);
    double costs[CMAES_LAMBDA_MAX];
    for (int generation = 0; generation < 100; generation++) {
        for (int k = 0; k < cmaes_lambda(a); k++) {
            assert_memory_equal(cmaes_candidate(a, k), cmaes_candidate(b, k), 8 * sizeof(double));
            costs[k] = rosenbrock(cmaes_candidate(a, k), 8);
        }
        cmaes_tell(a, costs);
        cmaes_tell(b, costs);
    }
    cmaes_free(a);
    cmaes_free(b);
}

static void sizes_out_of_range(void **state)
{
    (void)state;
    assert_null(cmaes_new(0, 1, NULL, 0.3));
    assert_null(cmaes_new(CMAES_N_MAX + 1, 1, NULL, 0.3));
    for (int n = 1; n <= CMAES_N_MAX; n++) {
        struct cmaes *search = cmaes_new(n, 1, NULL, 0.3);
        double costs[CMAES_LAMBDA_MAX];
        for (int generation = 0; generation < 20; generation++) {
            for (int k = 0; k < cmaes_lambda(search); k++)
                costs[k] = sphere(cmaes_candidate(search, k), n);
            cmaes_tell(search, costs);
        }
        assert_true(isfinite(cmaes_candidate(search, 0)[n - 1]));
        cmaes_free(search);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constants),
        cmocka_unit_test(eigen_decomposition),
        cmocka_unit_test(standard_functions),
        cmocka_unit_test(warm_start_and_injection_help),
        cmocka_unit_test(injection_is_clipped),
        cmocka_unit_test(nan_costs),
        cmocka_unit_test(restarts),
        cmocka_unit_test(same_seed_same_search),
        cmocka_unit_test(sizes_out_of_range),
    };
    return cmocka_run_group_tests_name("policy_cmaes", tests, NULL, NULL);
}
