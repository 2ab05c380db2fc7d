/* The CPU simulator against queueing theory, an independent recursion, and traces worked by
 * hand; the disciplines against each other where theory has them equal; and the figures that
 * docs/SUBJECTS.md shows. usage: test_policy_process_manager SUBJECTS.md */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/optimise/evaluation.h"
#include "policy/process_manager/rules.h"
#include "policy/process_manager/simulator.h"
#include "policy/random.h"
#include "policy/subject_table.h"
#include "policy_effort.h"

#define MS INT64_C(1000000)

static const char *path;

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

/* E[T(x)] = l E[min(S,x)^2] / 2 (1 - r(x))^2 + x / (1 - r(x)), r(x) = l E[min(S,x)], averaged over
 * x (Kleinrock 1976). */
static double least_attained(const struct law *law)
{
    double first = 0, second = 0, sum = 0; /* of those that are shorter than x */
    for (int i = 0; i < GRID; i++) {
        double u = (i + 0.5) / GRID, x = law_quantile(law, u);
        first += 0.5 * x / GRID;
        second += 0.5 * x * x / GRID;
        double load = law->lambda * (first + x * (1 - u));
        sum += law->lambda * (second + x * x * (1 - u)) / (2 * (1 - load) * (1 - load)) +
               x / (1 - load);
        first += 0.5 * x / GRID;
        second += 0.5 * x * x / GRID;
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

static struct cpu_figures figures_of(const struct job *jobs, uint32_t count,
                                     struct cpu_policy policy, int64_t switch_cost)
{
    struct cpu_figures figures;
    policy.switch_cost = switch_cost;
    assert_int_equal(cpu_run(jobs, count, &policy, &figures), 0);
    return figures;
}

static double response(const struct job *jobs, uint32_t count, struct cpu_policy policy)
{
    return figures_of(jobs, count, policy, 0).response;
}

static double srpt_response(const struct job *jobs, uint32_t count)
{
    struct cpu_figures figures;
    assert_int_equal(cpu_run_srpt(jobs, count, &figures), 0);
    return figures.response;
}

static const int64_t forever = CPU_NEVER, tiny = MS / 5;

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
    double least;
};

static void law_check(const struct law_case *expected)
{
    enum { REPETITIONS = 12 };
    struct law law = law_make(expected->alpha, expected->load);
    uint32_t count = test_sample(200000), few = count / 4;
    double fcfs = 0, srpt = 0, sharing = 0, least = 0;
    for (uint64_t seed = 0; seed < REPETITIONS; seed++) {
        struct job *jobs = law_trace(&law, 1000 + seed, count);
        double mean = response(jobs, count, cpu_round_robin(&forever));
        assert_true(mean == lindley(jobs, count));
        fcfs += mean / MS / REPETITIONS;
        srpt += srpt_response(jobs, count) / MS / REPETITIONS;
        if (seed < 4) {
            sharing += response(jobs, few, cpu_round_robin(&tiny)) / MS / 4;
            least += response(jobs, few, cpu_least_attained(&tiny)) / MS / 4;
        }
        free(jobs);
    }
    double pk = pollaczek_khinchine(&law), ps = law.mean / (1 - law.load),
           sm = schrage_miller(&law), fb = least_attained(&law);
    print_message("# alpha %.1f load %.1f: FCFS %.2f (%.2f), RR 0.2 ms %.2f (%.2f), SRPT %.2f "
                  "(%.2f), FB 0.2 ms %.2f (%.2f)\n",
                  law.alpha, law.load, fcfs, pk, sharing, ps, srpt, sm, least, fb);
    assert_near(fcfs, pk, test_tolerance(expected->fcfs) * pk);
    assert_near(sharing, ps, test_tolerance(expected->sharing) * ps);
    assert_near(srpt, sm, test_tolerance(expected->srpt) * sm);
    assert_near(least, fb, test_tolerance(expected->least) * fb);
}

static void queueing_theory(void **state)
{
    (void)state;
    static const struct law_case cases[] = {
        {0, 0.5, 0.005, 0.01, 0.005, 0.01},
        {0, 0.8, 0.015, 0.03, 0.01, 0.03},
        {1.5, 0.5, 0.04, 0.04, 0.01, 0.02},
        {1.5, 0.8, 0.06, 0.05, 0.02, 0.02},
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
    /* Who has no memory gains nothing by having been served: as PS and FCFS. */
    assert_near(least_attained(&exponential), 20, 0.001);
}

/* Two jobs of 25 ms at once, slices of 10 ms, 1 ms a switch: 0-1 switch, a 10, switch, b 10,
 * switch, a 10 … */
static void round_robin_by_hand(void **state)
{
    (void)state;
    struct job jobs[] = {{0, 25 * MS}, {0, 25 * MS}};
    const int64_t ten = 10 * MS;
    /* a ends at 5 switches and 25 + 20 ms: 50; b one switch and 5 ms later: 56. */
    struct cpu_figures figures = figures_of(jobs, 2, cpu_round_robin(&ten), MS);
    assert_true(figures.response == (50.0 + 56.0) / 2 * MS);
    assert_true(figures.longest_wait == 12 * MS); /* b's first, from 0 to 12 */
    assert_near(figures.tail_slowdown, 56.0 / 25, 1e-12);
    figures = figures_of(jobs, 2, cpu_round_robin(&forever), MS); /* 26, 52 */
    assert_true(figures.response == (26.0 + 52.0) / 2 * MS);
    assert_true(figures.longest_wait == 27 * MS);
    /* Who comes during a slice stands before whose slice it was: 0-10 a, 10-20 b, 20-25 c, 25-35 a,
     * 35-45 b. */
    struct job three[] = {{0, 20 * MS}, {0, 20 * MS}, {5 * MS, 5 * MS}};
    figures = figures_of(three, 3, cpu_round_robin(&ten), 0);
    assert_near(figures.response, (35.0 + 45.0 + 20.0) / 3 * MS, 1);
    assert_true(figures.longest_wait == 15 * MS);
    assert_near(figures.tail_slowdown, 45.0 / 20, 1e-12);        /* c's 20 count as of 10 ms */
    struct job at_its_end[] = {{0, 20 * MS}, {10 * MS, 5 * MS}}; /* of the slice: no later */
    assert_true(response(at_its_end, 2, cpu_round_robin(&ten)) == (25.0 + 5.0) / 2 * MS);
}

/* 1 % may be slower, rounded down: of 99 none, of 100 and 101 one, of 250 two. Each job alone. */
static void tail_by_hand(void **state)
{
    (void)state;
    enum { COUNT = 250 };
    static struct job jobs[COUNT];
    static const uint32_t counts[] = {1, 99, 100, 101, 199, 200, 250};
    for (uint32_t i = 0; i < COUNT; i++)
        jobs[i] = (struct job){1000 * MS * i, 20 * MS};
    /* The k-th pair: the second waits for all of the first, which is 20 ms. */
    for (uint32_t i = 0; i < COUNT; i += 2)
        jobs[i + 1].arrival = jobs[i].arrival;
    for (uint32_t i = 1; i < 6; i += 2) /* three that are shorter: slowdowns 3, 5 and 2.2 */
        jobs[i].service = i == 1 ? 10 * MS : i == 3 ? 5 * MS : 2 * MS;
    const struct job quick = {0, 2 * MS}; /* sooner than slowdowns are measured */
    assert_true(figures_of(&quick, 1, cpu_round_robin(&forever), 0).tail_slowdown == 1);
    static const double slowdowns[] = {3, 2.5, 2.2}; /* 30/10, 25/10, 22/10: at least 10 */
    for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
        double tail = figures_of(jobs, counts[k], cpu_round_robin(&forever), 0).tail_slowdown;
        assert_near(tail, counts[k] == 1 ? 1 : slowdowns[counts[k] / 100], 1e-12);
    }
}

static void levels_by_hand(void **state)
{
    (void)state;
    const struct feedback_queue queue = {
        .levels = 2, .slice = {5 * MS, 20 * MS}, .level_end = {10 * MS}, .boost = CPU_NEVER};
    /* a, alone, is below at 11 (switch at 0) and goes on; b at 15 takes the CPU: switch, 3 ms, done
     * at 19; a: switch, then its last 16 ms: done at 36. */
    struct job preempted[] = {{0, 30 * MS}, {15 * MS, 3 * MS}};
    assert_true(figures_of(preempted, 2, cpu_feedback(&queue), MS).response ==
                (36.0 + 4.0) / 2 * MS);
    /* 1-6 a, 7-12 b, 13-18 a falls, 19-24 b falls, 25-27 a done, 28-30 b done. */
    struct job both[] = {{0, 12 * MS}, {MS / 2, 12 * MS}};
    assert_true(figures_of(both, 2, cpu_feedback(&queue), MS).response == (27.0 + 29.5) / 2 * MS);
}

/* Who is interrupted keeps its place and what is left of its slice: a 0-5, b 5-10, a 10-20, c
 * 20-25, a 25-35, b 35-55 done, a 55-60 done. */
static void interrupted_by_hand(void **state)
{
    (void)state;
    const struct feedback_queue queue = {
        .levels = 2, .slice = {5 * MS, 20 * MS}, .level_end = {5 * MS}, .boost = CPU_NEVER};
    struct job jobs[] = {{0, 30 * MS}, {0, 25 * MS}, {20 * MS, 5 * MS}};
    struct cpu_figures figures = figures_of(jobs, 3, cpu_feedback(&queue), 0);
    assert_near(figures.response, (60.0 + 55.0 + 5.0) / 3 * MS, 1);
    assert_true(figures.longest_wait == 25 * MS); /* b's, from 10 to 35 */
}

/* A long job below, short ones above without end: only the boost lets the long one on. */
static void boost_ends_starvation(void **state)
{
    (void)state;
    enum { COUNT = 1001 };
    static struct job jobs[COUNT];
    jobs[0] = (struct job){0, 30 * MS};
    for (int i = 1; i < COUNT; i++)
        jobs[i] = (struct job){5 * MS + 10 * MS * (i - 1), 10 * MS};
    struct feedback_queue queue = {
        .levels = 2, .slice = {10 * MS, 10 * MS}, .level_end = {10 * MS}, .boost = CPU_NEVER};
    struct cpu_figures never = figures_of(jobs, COUNT, cpu_feedback(&queue), 0);
    queue.boost = 100 * MS;
    struct cpu_figures boosted = figures_of(jobs, COUNT, cpu_feedback(&queue), 0);
    /* Without: the long one ends behind all others, at 10.03 s, and each short one waits 5 ms.
     * With: it ends early, and each of the short ones behind it waits 20 ms more. */
    assert_true(never.response * COUNT > 10000.0 * MS && never.longest_wait == 10000 * MS);
    assert_true(boosted.response * COUNT < never.response * COUNT + 1000 * 20.0 * MS - 9000.0 * MS);
    assert_in_range(boosted.longest_wait, 50 * MS, 200 * MS);
}

/* All that have fallen are put back in their order, and so is what runs: a, b and c fall at 10, 20
 * and 30; at 35, in a's next slice, all begin anew. */
static void boost_by_hand(void **state)
{
    (void)state;
    struct feedback_queue queue = {
        .levels = 2, .slice = {10 * MS, 40 * MS}, .level_end = {10 * MS}, .boost = 35 * MS};
    struct job jobs[] = {{0, 40 * MS}, {0, 30 * MS}, {0, 12 * MS}};
    /* a 30-45 and falls, b 45-55 and falls, c 55-57 done, a 57-70; at 70 anew: a 70-72 done, b
     * 72-82 done. */
    assert_near(response(jobs, 3, cpu_feedback(&queue)), (72.0 + 82.0 + 57.0) / 3 * MS, 1);
    queue.boost = CPU_NEVER; /* a 30-60 done, b 60-80 done, c 80-82 done */
    assert_near(response(jobs, 3, cpu_feedback(&queue)), (60.0 + 80.0 + 82.0) / 3 * MS, 1);
}

static double pareto_survival(const void *context, double ms)
{
    (void)context;
    return ms <= 3 ? 1 : (pow(3 / ms, 1.5) - pow(1e-3, 1.5)) / (1 - pow(1e-3, 1.5));
}

static double exponential_survival(const void *context, double ms)
{
    (void)context;
    return exp(-ms / 10);
}

/* Half of them 1 ms in the mean, half 19: the longer one has run, the longer it will. */
static double falling_survival(const void *context, double ms)
{
    (void)context;
    return 0.5 * exp(-ms) + 0.5 * exp(-ms / 19);
}

/* Erlang of four stages of 2.5 ms: the longer it has run, the sooner it ends. */
static double rising_survival(const void *context, double ms)
{
    (void)context;
    double x = ms / 2.5;
    return exp(-x) * (1 + x + x * x / 2 + x * x * x / 6);
}

static struct job *drawn(uint64_t seed, uint32_t count, bool rising)
{
    struct job *jobs = malloc(count * sizeof *jobs);
    struct random random;
    double clock = 0;
    random_seed(&random, seed);
    for (uint32_t i = 0; i < count; i++) {
        clock += random_exponential(&random, 10 / 0.8);
        double service = random_exponential(&random, rising                          ? 2.5
                                                     : random_uniform(&random) < 0.5 ? 1
                                                                                     : 19);
        for (int stage = 1; rising && stage < 4; stage++)
            service += random_exponential(&random, 2.5);
        jobs[i] = (struct job){(int64_t)(clock * MS), 1 + (int64_t)(service * MS)};
    }
    return jobs;
}

/* Where the hazard rate falls Gittins' index is FB, job by job; where it rises, FCFS. */
static void gittins_is_what_theory_says(void **state)
{
    (void)state;
    const uint32_t count = test_sample(40000);
    const int64_t slice = 2 * MS;
    struct gittins gittins;
    struct job *jobs = drawn(5, count, false);
    gittins_make(falling_survival, NULL, 0.02, 400, slice, &gittins);
    double index = response(jobs, count, cpu_gittins(&gittins)),
           least = response(jobs, count, cpu_least_attained(&slice)),
           fcfs = response(jobs, count, cpu_round_robin(&forever));
    assert_near(index, least, 0.002 * least);
    assert_true(index < 0.8 * fcfs);
    free(jobs);
    jobs = drawn(6, count, true);
    gittins_make(rising_survival, NULL, 0.02, 400, slice, &gittins);
    fcfs = response(jobs, count, cpu_round_robin(&forever));
    assert_true(response(jobs, count, cpu_gittins(&gittins)) == fcfs);
    assert_true(response(jobs, count, cpu_least_attained(&slice)) > 1.2 * fcfs);
    free(jobs);
    /* Without memory every rank is the mean. */
    gittins_make(exponential_survival, NULL, 0.02, 400, slice, &gittins);
    for (int i = 0; i < GITTINS_POINTS / 2; i++)
        assert_near((double)gittins.rank[i], 10.0 * MS, 0.001 * 10 * MS);
    /* A Pareto's job is alike at first, and then ever longer; its law begins at 3 ms with a hazard
     * rate of 1.5/3. */
    gittins_make(pareto_survival, NULL, 0.02, 3000, slice, &gittins);
    /* The least of (3 + 6 (1 - (3/b)^0.5)) / (1 - (3/b)^1.5), near b = 10 ms. */
    assert_near((double)gittins.rank[0], 6.84 * MS, 0.02 * MS);
    int at = 0;
    while (gittins.attained[at] < 3 * MS)
        at++;
    assert_near((double)gittins.rank[at], 2.0 * MS, 0.1 * MS);
    for (; gittins.attained[at] < 300 * MS; at++)
        assert_true(gittins.rank[at + 1] > gittins.rank[at]);
}

/* Who knows the distribution does better in the mean than who knows nothing, and worse than who
 * knows all. */
static void knowing_more_helps(void **state)
{
    (void)state;
    const uint32_t count = test_sample(40000);
    const int64_t slice = MS / 2;
    double index = 0, least = 0, shortest = 0, sharing = 0;
    for (uint64_t seed = 0; seed < 4; seed++) {
        struct law law = law_make(1.5, 0.8);
        struct job *jobs = law_trace(&law, 50 + seed, count);
        struct gittins gittins;
        gittins_make(pareto_survival, NULL, 0.02, 3000, slice, &gittins);
        index += response(jobs, count, cpu_gittins(&gittins));
        least += response(jobs, count, cpu_least_attained(&slice));
        sharing += response(jobs, count, cpu_round_robin(&slice));
        shortest += srpt_response(jobs, count);
        free(jobs);
    }
    assert_true(shortest < 0.95 * index && index < 0.98 * least && least < 0.9 * sharing);
}

/* The share that is longer, as the workloads have it. */
static void survival_is_that_of_the_workloads(void **state)
{
    (void)state;
    enum { WORKLOADS = 24 };
    static const double lengths[] = {0.5, 2, 5, 15, 50, 200, 1000};
    for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
        double expected = 0, counted = 0;
        for (uint64_t seed = 0; seed < WORKLOADS; seed++) {
            struct process_workload *load = subject_process_manager.workload_new(seed);
            expected += process_law_survival(&load->law, lengths[k]) / WORKLOADS;
            for (uint32_t i = 0; i < load->count; i++)
                counted += (load->jobs[i].service > lengths[k] * MS) / (double)load->count;
            free(load);
        }
        assert_near(counted / WORKLOADS, expected, 0.006); /* 3 sigma of 36,000 jobs: 0.008 */
    }
    struct process_law law = {1, 3, 1.5, 30};
    assert_near(process_law_survival(&law, 3), 0.5, 1e-9);
    assert_near(process_law_survival(&law, 3 * exp(1)), 0.15865525393, 1e-9);
    assert_near(process_law_survival(&law, 3 * exp(-2)), 0.97724986805, 1e-9);
    assert_true(process_law_survival(&law, 0) == 1);
}

/* Any policy by lot: deadlines by attained time, half of them not even rising with it. */
struct lot {
    int64_t grace[8], slice[8], unit;
};

static int lot_level(const struct lot *lot, int64_t attained)
{
    int level = 0;
    while (level < 7 && attained > lot->unit << level)
        level++;
    return level;
}

static int64_t lot_deadline(const void *context, int64_t now, int64_t attained)
{
    const struct lot *lot = context;
    return now + lot->grace[lot_level(lot, attained)];
}

static int64_t lot_slice(const void *context, int64_t attained)
{
    const struct lot *lot = context;
    return lot->slice[lot_level(lot, attained)];
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
        struct lot lot = {.unit = (int64_t)random_log_between(&random, 1e5, 1e8)};
        for (int level = 0; level < 8; level++) {
            lot.slice[level] = (int64_t)random_log_between(&random, 1e4, 1e9);
            lot.grace[level] = (int64_t)random_log_between(&random, 1e4, 1e11);
        }
        struct cpu_policy policy = {lot_deadline, lot_slice, &lot,
                                    .boost = (int64_t)random_log_between(&random, 1, 1e4) * MS};
        int64_t cost = round % 2 ? 0 : (int64_t)random_log_between(&random, 1, 1e6);
        struct cpu_figures figures = figures_of(jobs, count, policy, cost);
        assert_true(srpt_response(jobs, count) <= figures.response);
        assert_true(figures.tail_slowdown >= 1 && figures.longest_wait >= 0);
        free(jobs);
    }
}

static double process_cost(struct cpu_figures figures)
{
    double still = figures.longest_wait > 1000 * MS ? (double)figures.longest_wait / 1e9 : 1;
    return pow(figures.response / MS, 0.7) * pow(figures.tail_slowdown * still, 0.3);
}

/* process_manager's, on its own workloads; every switch costs 50 us. */
static void baselines_are_what_they_say(void **state)
{
    (void)state;
    const struct subject *subject = &subject_process_manager;
    static const int64_t three = 3 * MS, ten = 10 * MS;
    static const struct feedback_queue textbook = {.levels = 3,
                                                   .slice = {10 * MS, 20 * MS, 40 * MS},
                                                   .level_end = {20 * MS, 60 * MS},
                                                   .boost = 1000 * MS};
    const struct cpu_policy known[] = {cpu_round_robin(&three), cpu_feedback(&textbook),
                                       cpu_least_attained(&three), cpu_round_robin(&ten),
                                       cpu_round_robin(&forever)};
    assert_int_equal(subject->baseline_count, sizeof known / sizeof *known);
    for (uint64_t seed = 0; seed < 8; seed++) {
        struct process_workload *load = subject->workload_new(seed);
        double numbers[SUBJECT_FIGURES_MAX];
        for (int which = 0; which < subject->baseline_count; which++) {
            struct cpu_figures figures = figures_of(load->jobs, load->count, known[which], MS / 20);
            double cost = process_cost(figures);
            assert_near(subject->baseline_cost(load, which), cost, 1e-12 * cost);
            assert_int_equal(subject->figures_of(load, NULL, which, numbers), 0);
            assert_true(numbers[0] == figures.response / MS);
            assert_true(numbers[1] == figures.tail_slowdown);
            assert_true(numbers[2] == (double)figures.longest_wait / MS);
        }
        /* The bound: the least response, nobody slowed down, nobody waiting. */
        double bound = pow(srpt_response(load->jobs, load->count) / MS, 0.7);
        assert_near(subject->bound_cost(load), bound, 1e-12 * bound);
        free(load);
    }
}

/* The family at its corners is what is known: round robin with one level; with graces that nobody
 * waits for, strict priorities by attained time. */
static void known_disciplines_are_points_of_the_family(void **state)
{
    (void)state;
    const struct subject *subject = &subject_process_manager;
    enum { SLICE, SLICE_GROWTH, ALLOTMENT, ALLOTMENT_GROWTH, GRACE, GRACE_GROWTH, LEVELS };
    double p[SUBJECT_PARAMETERS_MAX];
    for (uint64_t seed = 0; seed < 4; seed++) {
        struct process_workload *load = subject->workload_new(seed);
        subject_textbook(subject, p);
        p[SLICE] = 3;
        p[LEVELS] = 1;
        assert_true(subject_cost(subject, load, p) == subject->baseline_cost(load, 0));
        /* No wait on these workloads comes near to 5 s * 6^6. */
        p[SLICE] = 5;
        p[SLICE_GROWTH] = 1;
        p[ALLOTMENT] = 5;
        p[ALLOTMENT_GROWTH] = 2;
        p[GRACE] = 5000;
        p[GRACE_GROWTH] = 6;
        p[LEVELS] = 3;
        const struct feedback_queue queue = {.levels = 3,
                                             .slice = {5 * MS, 5 * MS, 5 * MS},
                                             .level_end = {5 * MS, 15 * MS},
                                             .boost = CPU_NEVER};
        struct cpu_figures figures =
            figures_of(load->jobs, load->count, cpu_feedback(&queue), MS / 20);
        if (figures.longest_wait < 5000 * MS)
            assert_near(subject_cost(subject, load, p), process_cost(figures), 1e-9);
        free(load);
    }
}

/* What parameters mean: a level's numbers are those of the one before, times their growth; and
 * nothing is more than 2^32 us. */
static void parameters_are_rules_by_hand(void **state)
{
    (void)state;
    const double p[SUBJECT_PARAMETERS_MAX] = {2, 2, 3, 2, 100, 3, 4},
                 most[SUBJECT_PARAMETERS_MAX] = {50, 4, 100, 6, 5000, 6, 8};
    static const struct process_manager_rules right = {.levels = 4,
                                                       .level_ends_us = {3000, 9000, 21000, 45000},
                                                       .slices_us = {2000, 4000, 8000, 16000},
                                                       .graces_us = {0, 100000, 300000, 900000}};
    struct process_manager_rules rules;
    subject_process_manager.rules_of(p, &rules);
    assert_memory_equal(&rules, &right, sizeof right);
    assert_int_equal(process_manager_grace_us(&rules, 8999), 100000);
    assert_int_equal(process_manager_grace_us(&rules, 9000), 300000);
    assert_int_equal(process_manager_slice_us(&rules, 20999), 8000);
    assert_int_equal(process_manager_slice_us(&rules, UINT64_MAX), 16000);
    subject_process_manager.rules_of(most, &rules);
    assert_int_equal(rules.graces_us[7], UINT32_MAX);
}

/* Ageing, one job at a time: a long job waits for newcomers as long as its grace, and no longer. */
static void ageing_by_hand(void **state)
{
    (void)state;
    enum { COUNT = 101 };
    static struct process_workload *load;
    load = malloc(sizeof *load + COUNT * sizeof load->jobs[0]);
    load->count = COUNT;
    load->jobs[0] = (struct job){0, 40 * MS};
    for (int i = 1; i < COUNT; i++) /* the CPU is never free */
        load->jobs[i] = (struct job){5 * MS + 10 * MS * (i - 1), 10 * MS};
    /* slice 10, allotment 10, grace 200, 2 levels: it runs 0-10 and has then the deadline 210.
     * Those that came until then go first, and each slice of its own leaves 10 ms more of them. */
    double p[SUBJECT_PARAMETERS_MAX] = {10, 1, 10, 2, 200, 1, 2}, numbers[SUBJECT_FIGURES_MAX];
    struct rules rules;
    assert_int_equal(subject_rules(&subject_process_manager, p, &rules), 0);
    assert_int_equal(subject_process_manager.figures_of(load, &rules, SUBJECT_INFORMED, numbers),
                     0);
    assert_true(numbers[2] >= 200 && numbers[2] <= 240);
    p[4] = 50;
    assert_int_equal(subject_rules(&subject_process_manager, p, &rules), 0);
    assert_int_equal(subject_process_manager.figures_of(load, &rules, 0, numbers), 0);
    assert_true(numbers[2] >= 50 && numbers[2] <= 90);
    free(load);
}

/* The row of SUBJECTS.md's table of figures that begins so: three numbers, the last of them twice,
 * as the mean and the most. */
static void find_figures(const char *name, double *ret_numbers)
{
    char line[512], start[64];
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    snprintf(start, sizeof start, "| %s | ", name);
    bool found = false;
    while (!found && fgets(line, sizeof line, file))
        found = strncmp(line, start, strlen(start)) == 0;
    fclose(file);
    if (!found || sscanf(line + strlen(start), "%lf | %lf | %lf | %lf |", &ret_numbers[0],
                         &ret_numbers[1], &ret_numbers[2], &ret_numbers[3]) != 4)
        fail_msg("%s has no figures of %s", path, name);
}

static void figures_are_shown_as_they_are(void **state)
{
    (void)state;
    const struct subject *subject = &subject_process_manager;
    struct evaluation_set *set = evaluation_set_new(subject, "bench", 64);
    for (int which = SUBJECT_INFORMED; which < subject->baseline_count; which++) {
        const char *name = which == SUBJECT_INFORMED ? subject->informed_name
                           : which == SUBJECT_BOUND  ? "SRPT"
                                                     : subject->baseline_names[which];
        struct spread figures[SUBJECT_FIGURES_MAX];
        double shown[4];
        find_figures(name, shown);
        assert_int_equal(evaluation_set_figures(set, NULL, which, figures), 0);
        assert_near(shown[0], figures[0].mean, 0.5 + 1e-9);
        assert_near(shown[1], figures[1].mean, 0.05 + 1e-9);
        assert_near(shown[2], figures[2].mean / 1000, 0.005 + 1e-9);
        assert_near(shown[3], figures[2].most / 1000, 0.005 + 1e-9);
    }
    evaluation_set_free(set);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constants_of_the_laws),
        cmocka_unit_test(queueing_theory),
        cmocka_unit_test(round_robin_by_hand),
        cmocka_unit_test(tail_by_hand),
        cmocka_unit_test(levels_by_hand),
        cmocka_unit_test(interrupted_by_hand),
        cmocka_unit_test(boost_ends_starvation),
        cmocka_unit_test(boost_by_hand),
        cmocka_unit_test(gittins_is_what_theory_says),
        cmocka_unit_test(knowing_more_helps),
        cmocka_unit_test(survival_is_that_of_the_workloads),
        cmocka_unit_test(srpt_is_a_bound),
        cmocka_unit_test(baselines_are_what_they_say),
        cmocka_unit_test(known_disciplines_are_points_of_the_family),
        cmocka_unit_test(parameters_are_rules_by_hand),
        cmocka_unit_test(ageing_by_hand),
        cmocka_unit_test(figures_are_shown_as_they_are),
    };
    assert_int_equal(argc, 2);
    path = argv[1];
    return cmocka_run_group_tests_name("policy_process_manager", tests, NULL, NULL);
}
