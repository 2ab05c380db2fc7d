/* The CPU simulator against queueing theory, an independent recursion, and traces worked by
 * hand. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdlib.h>

#include "policy/optimise/evaluation.h"
#include "policy/process_manager/simulator.h"
#include "policy/random.h"
#include "policy/subject_table.h"
#include "policy_effort.h"

#define MS INT64_C(1000000)

/* M/G/1 with E[S] and more, by the midpoints of GRID quantiles. */
enum { GRID = 200000 };
struct law {
    double alpha; /* of a Pareto bounded by 3 and 3000 ms; 0: exponential, mean 10 ms */
    double load, lambda, mean, second; /* per ms; ms; ms^2 */
};

static double law_quantile(const struct law *law, double u)
{
    if (law->alpha == 0)
        return -10 * log(1 - u);
    return 3 / pow(1 - u * (1 - pow(3.0 / 3000, law->alpha)), 1 / law->alpha);
}

static struct law law_make(double alpha, double load)
{
    struct law law = {.alpha = alpha, .load = load};
    double tail = pow(3.0 / 3000, alpha);
    if (alpha == 0) {
        law.mean = 10;
        law.second = 200;
    } else {
        double scale = alpha * pow(3, alpha) / (1 - tail);
        law.mean = scale * (pow(3, 1 - alpha) - pow(3000, 1 - alpha)) / (alpha - 1);
        law.second = scale * (pow(3000, 2 - alpha) - pow(3, 2 - alpha)) / (2 - alpha);
    }
    law.lambda = load / law.mean;
    return law;
}

static double pollaczek_khinchine(const struct law *law)
{
    return law->mean + law->lambda * law->second / (2 * (1 - law->load));
}

/* E[T(x)] = l (m2(x) + x^2 (1 - F(x))) / 2 (1 - r(x))^2 + integral of dt / (1 - r(t)) from 0 to x,
 * averaged over x. */
static double schrage_miller(const struct law *law)
{
    double first = 0, second = 0, residence = 0, sum = 0, before = 0;
    for (int i = 0; i < GRID; i++) {
        double u = (i + 0.5) / GRID, x = law_quantile(law, u);
        first += 0.5 * x / GRID;
        second += 0.5 * x * x / GRID;
        double load = law->lambda * first;
        residence += (x - before) / (1 - load);
        sum += law->lambda * (second + x * x * (1 - u)) / (2 * (1 - load) * (1 - load)) + residence;
        first += 0.5 * x / GRID;
        second += 0.5 * x * x / GRID;
        before = x;
    }
    return sum / GRID;
}

static struct job *law_trace(const struct law *law, uint64_t seed, uint32_t count)
{
    struct job *jobs = malloc(count * sizeof *jobs);
    struct random random;
    double clock = 0;
    random_seed(&random, seed);
    for (uint32_t i = 0; i < count; i++) {
        clock += random_exponential(&random, 1 / law->lambda);
        double service = law->alpha > 0 ? random_bounded_pareto(&random, law->alpha, 3, 3000)
                                        : random_exponential(&random, 10);
        jobs[i] = (struct job){(int64_t)(clock * MS), 1 + (int64_t)(service * MS)};
    }
    return jobs;
}

static struct cpu_policy round_robin(int64_t slice, int64_t switch_cost)
{
    return (struct cpu_policy){
        .levels = 1, .slice = {slice}, .boost = CPU_NEVER, .switch_cost = switch_cost};
}

/* First come, first served, as Lindley wrote it. */
static double lindley(const struct job *jobs, uint32_t count)
{
    int64_t free_at = 0;
    double sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        free_at = (jobs[i].arrival > free_at ? jobs[i].arrival : free_at) + jobs[i].service;
        sum += (double)(free_at - jobs[i].arrival);
    }
    return sum / count;
}

struct law_case {
    double alpha, load;
    double fcfs, sharing, srpt; /* tolerances, relative; heavy tails converge slowly */
};

static void law_check(const struct law_case *expected)
{
    enum { REPETITIONS = 12 };
    struct law law = law_make(expected->alpha, expected->load);
    uint32_t count = test_sample(200000), few = count / 4;
    double fcfs = 0, srpt = 0, sharing = 0;
    for (uint64_t seed = 0; seed < REPETITIONS; seed++) {
        struct job *jobs = law_trace(&law, 1000 + seed, count);
        struct cpu_policy forever = round_robin(CPU_NEVER, 0), tiny = round_robin(MS / 5, 0);
        double mean = cpu_mean_response(jobs, count, &forever);
        assert_true(mean == lindley(jobs, count));
        fcfs += mean / MS / REPETITIONS;
        srpt += cpu_srpt_mean_response(jobs, count) / MS / REPETITIONS;
        if (seed < 4)
            sharing += cpu_mean_response(jobs, few, &tiny) / MS / 4;
        free(jobs);
    }
    double pk = pollaczek_khinchine(&law), ps = law.mean / (1 - law.load),
           sm = schrage_miller(&law);
    print_message(
        "# alpha %.1f load %.1f: FCFS %.2f (%.2f), RR 0.2 ms %.2f (%.2f), SRPT %.2f (%.2f)\n",
        law.alpha, law.load, fcfs, pk, sharing, ps, srpt, sm);
    assert_near(fcfs, pk, test_tolerance(expected->fcfs) * pk);
    assert_near(sharing, ps, test_tolerance(expected->sharing) * ps);
    assert_near(srpt, sm, test_tolerance(expected->srpt) * sm);
}

static void queueing_theory(void **state)
{
    (void)state;
    static const struct law_case cases[] = {
        {0, 0.5, 0.005, 0.01, 0.005},
        {0, 0.8, 0.015, 0.03, 0.01},
        {1.5, 0.5, 0.04, 0.04, 0.01},
        {1.5, 0.8, 0.06, 0.05, 0.02},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        law_check(&cases[i]);
}

static void constants_of_the_laws(void **state)
{
    (void)state;
    struct law exponential = law_make(0, 0.5), pareto = law_make(1.5, 0.8);
    assert_near(pollaczek_khinchine(&exponential), 20, 1e-9);
    assert_near(schrage_miller(&exponential), 14.26, 0.01);
    assert_near(pareto.mean / (1 - pareto.load), 43.58, 0.01);
    assert_near(pollaczek_khinchine(&pareto), 198.5, 0.1);
    assert_near(schrage_miller(&pareto), 18.49, 0.01);
}

/* Two jobs of 25 ms at once, slices of 10 ms, 1 ms a switch: 0-1 switch, a 10, switch, b 10,
 * switch, a 10 … */
static void round_robin_by_hand(void **state)
{
    (void)state;
    struct job jobs[] = {{0, 25 * MS}, {0, 25 * MS}};
    struct cpu_policy policy = round_robin(10 * MS, MS);
    /* a ends at 5 switches and 25 + 20 ms: 50; b one switch and 5 ms later: 56. */
    assert_true(cpu_mean_response(jobs, 2, &policy) == (50.0 + 56.0) / 2 * MS);
    policy.slice[0] = CPU_NEVER; /* 26, 52 */
    assert_true(cpu_mean_response(jobs, 2, &policy) == (26.0 + 52.0) / 2 * MS);
    /* Who comes during a slice stands before whose slice it was: 0-10 a, 10-20 b, 20-25 c, 25-35 a,
     * 35-45 b. */
    struct job three[] = {{0, 20 * MS}, {0, 20 * MS}, {5 * MS, 5 * MS}};
    policy = round_robin(10 * MS, 0);
    assert_near(cpu_mean_response(three, 3, &policy), (35.0 + 45.0 + 20.0) / 3 * MS, 1);
}

static void levels_by_hand(void **state)
{
    (void)state;
    struct cpu_policy policy = {.levels = 2,
                                .slice = {5 * MS, 20 * MS},
                                .level_end = {10 * MS},
                                .boost = CPU_NEVER,
                                .switch_cost = MS};
    /* a falls at 11 (switch at 0); alone it goes on below; b at 15 takes the CPU: switch, 3 ms,
     * done at 19; a: switch, then its last 16 ms: 20 ms had run by 15 less the switch, so 14 of 30
     * done: done at 36. */
    struct job preempted[] = {{0, 30 * MS}, {15 * MS, 3 * MS}};
    assert_true(cpu_mean_response(preempted, 2, &policy) == (36.0 + 4.0) / 2 * MS);
    /* Not by yielding, but by time: a slice cut short by an arrival still counts. b of 12 ms also
     * falls after 10. */
    struct job both[] = {{0, 12 * MS}, {MS / 2, 12 * MS}};
    /* 1-6 a, 7-12 b, 13-18 a falls, 19-24 b falls, 25-27 a done, 28-30 b done. */
    assert_true(cpu_mean_response(both, 2, &policy) == (27.0 + 29.5) / 2 * MS);
}

/* A long job below, short ones above without end: only the boost lets the long one on. */
static void boost_ends_starvation(void **state)
{
    (void)state;
    enum { COUNT = 1001 };
    static struct job jobs[COUNT];
    jobs[0] = (struct job){0, 30 * MS};
    for (int i = 1; i < COUNT; i++)
        jobs[i] = (struct job){5 * MS + (i - 1) * 10 * MS, 10 * MS};
    struct cpu_policy policy = {
        .levels = 2, .slice = {10 * MS, 10 * MS}, .level_end = {10 * MS}, .boost = CPU_NEVER};
    double never = cpu_mean_response(jobs, COUNT, &policy) * COUNT;
    policy.boost = 100 * MS;
    double boosted = cpu_mean_response(jobs, COUNT, &policy) * COUNT;
    /* Without: the long one ends behind all others, at 10.03 s, and each short one waits 5 ms.
     * With: it ends early, and each of the short ones behind it waits 20 ms more. */
    assert_true(never > 10000.0 * MS);
    assert_true(boosted < never + 1000 * 20.0 * MS - 9000.0 * MS);
}

/* No policy beats the clairvoyant, on any trace. */
static void srpt_is_a_bound(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 7);
    for (int round = 0; round < (int)test_sample(400); round++) {
        struct law law = law_make(random_between(&random, 1.1, 1.9),
                                  random_between(&random, 0.3, 1.1)); /* overload as well */
        uint32_t count = 1 + (uint32_t)random_below(&random, 400);
        struct job *jobs = law_trace(&law, random_u64(&random), count);
        struct cpu_policy policy = {
            .levels = 1 + (int)random_below(&random, CPU_LEVELS_MAX),
            .boost = (int64_t)random_log_between(&random, 1, 1e4) * MS,
            .switch_cost = round % 2 ? 0 : (int64_t)random_log_between(&random, 1, 1e6)};
        int64_t end = 0;
        for (int level = 0; level < policy.levels; level++) {
            policy.slice[level] = (int64_t)random_log_between(&random, 1e4, 1e9);
            policy.level_end[level] = end += (int64_t)random_log_between(&random, 1e4, 1e9);
        }
        double bound = cpu_srpt_mean_response(jobs, count);
        assert_true(bound <= cpu_mean_response(jobs, count, &policy));
        free(jobs);
    }
}

/* process_manager's, on its own workloads; every switch costs 50 us. */
static void baselines_are_what_they_say(void **state)
{
    (void)state;
    const struct subject *subject = &subject_process_manager;
    const struct cpu_policy known[] = {
        round_robin(10 * MS, MS / 20),
        {.levels = 3,
         .slice = {10 * MS, 20 * MS, 40 * MS},
         .level_end = {20 * MS, 60 * MS},
         .boost = 1000 * MS,
         .switch_cost = MS / 20},
        round_robin(CPU_NEVER, MS / 20),
        round_robin(MS, MS / 20),
    };
    assert_int_equal(subject->baseline_count, 4);
    for (uint64_t seed = 0; seed < 8; seed++) {
        struct process_workload *load = subject->workload_new(seed);
        for (int which = 0; which < subject->baseline_count; which++)
            assert_true(subject->baseline_cost(load, which) ==
                        cpu_mean_response(load->jobs, load->count, &known[which]) / MS);
        free(load);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constants_of_the_laws),       cmocka_unit_test(queueing_theory),
        cmocka_unit_test(round_robin_by_hand),         cmocka_unit_test(levels_by_hand),
        cmocka_unit_test(boost_ends_starvation),       cmocka_unit_test(srpt_is_a_bound),
        cmocka_unit_test(baselines_are_what_they_say),
    };
    return cmocka_run_group_tests_name("policy_process_manager", tests, NULL, NULL);
}
