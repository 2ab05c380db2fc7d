/* Anomaly detection in system calls: the filter against what happened, the n-gram counts against
 * counting by hand, the curve against curves worked by hand, and what is known about STIDE. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "policy/security/roc.h"
#include "policy/security/rules.h"
#include "policy/security/simulator.h"
#include "policy/subject_table.h"
#include "policy_effort.h"

static const struct subject *const subject = &subject_security;

static struct security_workload *workload_new(uint64_t index)
{
    return subject->workload_new(subject_seed(subject, "peer", index));
}

/* Three tests look at the same ones, and making them is most of their work. */
enum { SHARED = 120 };
static struct security_workload *shared[SHARED];

static const struct security_workload *shared_workload(uint32_t index)
{
    if (!shared[index])
        shared[index] = workload_new(index);
    return shared[index];
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < SHARED; i++)
        free(shared[i]);
    return 0;
}

/* Of the calls to which the filter gives a probability, that share is an attack's. What it gives
 * less what happened is a martingale: its sums over workloads are independent, with mean 0. */
static void filter_is_calibrated(void **state)
{
    (void)state;
    enum { BINS = 12 }; /* ten of attack, and all of attack and of normal */
    double sums[BINS] = {0}, squares[BINS] = {0}, believed = 0;
    uint32_t seeds = test_sample(SHARED);
    for (uint32_t seed = 0; seed < seeds; seed++) {
        const struct security_workload *load = shared_workload(seed);
        double surplus[BINS] = {0};
        for (size_t i = 0; i < TEST_CALLS; i++) {
            struct belief belief = load->beliefs[i];
            assert_true(belief.attack > 0 && belief.normal >= 0);
            assert_true(belief.attack + belief.normal < 1 + 1e-12);
            double attack = belief.attack - (load->kinds[i] == CALL_ATTACK);
            surplus[belief.attack < 1 ? (int)(belief.attack * 10) : 9] += attack;
            surplus[10] += attack;
            surplus[11] += belief.normal - (load->kinds[i] == CALL_NORMAL);
            believed += belief.attack;
        }
        for (int bin = 0; bin < BINS; bin++) {
            sums[bin] += surplus[bin];
            squares[bin] += surplus[bin] * surplus[bin];
        }
    }
    believed /= (double)seeds * TEST_CALLS;
    assert_near(believed, 30.0 / 530, test_tolerance(0.004));
    for (int bin = 0; bin < BINS; bin++)
        assert_near(sums[bin] / sqrt(squares[bin]), 0, 3.5);
}

/* Counting calls by belief costs every policy on average what counting them by truth does. */
static void beliefs_count_as_the_truth_does(void **state)
{
    (void)state;
    uint32_t seeds = test_sample(SHARED);
    double sum = 0, squares = 0;
    for (uint32_t seed = 0; seed < seeds; seed++) {
        const struct security_workload *load = shared_workload(seed);
        struct belief truth[TEST_CALLS];
        uint16_t scores[TEST_CALLS];
        for (size_t i = 0; i < TEST_CALLS; i++)
            truth[i] =
                (struct belief){load->kinds[i] == CALL_NORMAL, load->kinds[i] == CALL_ATTACK};
        security_stide(load, 6, 20, scores);
        double believed = roc_missed_area(load->beliefs, scores, TEST_CALLS);
        assert_true(believed == subject->baseline_cost(load, 0));
        double surplus = believed - roc_missed_area(truth, scores, TEST_CALLS);
        sum += surplus;
        squares += surplus * surplus;
    }
    assert_near(sum / sqrt(squares), 0, 3);
    assert_near(sum / seeds, 0, test_tolerance(0.015));
}

/* "Why 6?" */
static void stide_is_best_at_5_or_6(void **state)
{
    (void)state;
    /* 1 - partial AUC of windows 2..12, and how far from it we may be. */
    static const double expected[] = {.725, .418, .321, .305, .316, .336,
                                      .359, .385, .415, .446, .482};
    enum { WINDOWS = sizeof expected / sizeof *expected };
    double costs[WINDOWS] = {0}, unframed = 0;
    uint32_t seeds = test_sample(96);
    for (uint32_t seed = 0; seed < seeds; seed++) {
        const struct security_workload *load = shared_workload(seed);
        uint16_t scores[TEST_CALLS];
        for (size_t k = 0; k < WINDOWS; k++) {
            security_stide(load, 2 + k, 20, scores);
            costs[k] += roc_missed_area(load->beliefs, scores, TEST_CALLS) / seeds;
        }
        unframed += subject->baseline_cost(load, 3) / seeds;
    }
    int best = 0;
    for (int k = 0; k < WINDOWS; k++) {
        assert_near(costs[k], expected[k], 0.07 + test_tolerance(0.02));
        if (costs[k] < costs[best])
            best = k;
    }
    assert_in_range(2 + best, 5, 6);
    for (int k = 0; k + 1 < WINDOWS; k++)
        assert_true(k < best ? costs[k] > costs[k + 1] : costs[k] < costs[k + 1]);
    assert_true(unframed > 1.2 * costs[6 - 2]);
}

enum { LETTERS = 600 };

static uint32_t occurrences(const uint8_t *calls, size_t count, const uint8_t *gram, size_t order)
{
    uint32_t found = 0;
    for (size_t i = 0; i + order <= count; i++)
        found += memcmp(&calls[i], gram, order) == 0;
    return found;
}

static void grams_are_counted(void **state)
{
    (void)state;
    enum { TRAINING = 300, TEST = 200 };
    uint8_t calls[TRAINING + TEST];
    uint32_t seen[TEST][GRAMS];
    struct random random;
    random_seed(&random, 3);
    for (size_t i = 0; i < TRAINING + TEST; i++) /* much of it comes again, and again */
        calls[i] = i >= 40 && i % 25 ? calls[i - 40] : (uint8_t)(11 * random_below(&random, 3));
    assert_int_equal(syscalls_count(calls, TRAINING, TRAINING + TEST, seen), 0);
    for (size_t i = 0; i < TEST; i++)
        for (size_t n = 0; n < GRAMS; n++) {
            const uint8_t *gram = &calls[TRAINING + i + 1 - n];
            uint32_t expected = n > 0 ? occurrences(calls, TRAINING, gram, n) : TRAINING;
            assert_int_equal(seen[i][n], expected);
        }
}

enum { BIT = 65536 };

/* How many bits the policy is surprised by a call: all that is evidence, and nothing remembered. */
static double surprise(const struct security_rules *like, struct security_state *memory,
                       const uint32_t *counts)
{
    struct security_rules rules = *like;
    rules.allowance = rules.relief = rules.keep = 0;
    rules.most = rules.cap = 40 * BIT;
    security_step(&rules, memory, counts);
    return memory->suspicion[0] / 65536.0;
}

/* A call was never seen after the `order` calls before it: it is less probable than if it had been
 * once. */
static bool is_foreign(uint32_t order, struct security_state *memory, const uint32_t *counts)
{
    const struct security_rules rules = {.order = order, .doubt = 13, .imitated = order};
    uint32_t before = memory->before[order];
    double bits = surprise(&rules, memory, counts);
    return before > 0 && bits > log2(before) + 1;
}

/* Which windows see something foreign where one stretch of training goes over into another; and
 * which orders, a call less. */
static void check_joint(const uint8_t *calls, size_t p, size_t q, size_t n)
{
    enum { STRETCH = 20, JOINED = 2 * STRETCH };
    uint8_t all[LETTERS + JOINED];
    uint32_t seen[JOINED][GRAMS];
    memcpy(all, calls, LETTERS);
    memcpy(all + LETTERS, &calls[p - STRETCH], STRETCH);
    memcpy(all + LETTERS + STRETCH, &calls[q], STRETCH);
    assert_int_equal(syscalls_count(all, LETTERS, sizeof all, seen), 0);
    for (size_t window = 2; window <= GRAM_MOST; window++) {
        bool alarm = false, surprised = false;
        struct security_state memory;
        security_reset(&memory);
        for (size_t i = 0; i < JOINED; i++) {
            bool foreign = is_foreign((uint32_t)window - 1, &memory, seen[i]);
            if (i + 1 < window) /* it reaches back to the end of training */
                continue;
            alarm |= seen[i][window] == 0;
            surprised |= foreign;
        }
        assert_int_equal(alarm, window >= n);
        assert_int_equal(surprised, window >= n);
    }
}

/* Tan, Maxion 2002: a sequence of n calls that is foreign while all its parts are known is seen if
 * and only if the window is n or longer. Such a one is made where training has the same n - 2 calls
 * twice: what comes before the first, these, and what comes after the second. */
static void foreign_sequences_need_their_window(void **state)
{
    (void)state;
    static const uint64_t alphabet[GRAMS] = {[2] = 24, 12, 6, 4, 3, 3, 3, 2, 2, 2, 2};
    uint8_t calls[LETTERS], foreign[GRAM_MOST];
    for (size_t n = 2; n <= GRAM_MOST; n++) {
        struct random random;
        uint32_t joints = 0;
        random_seed(&random, n);
        for (size_t i = 0; i < LETTERS; i++)
            calls[i] = (uint8_t)random_below(&random, alphabet[n]);
        for (size_t p = 20; p < LETTERS - 20 && joints < 12; p++)
            for (size_t q = 20; q < LETTERS - 20; q++) {
                memcpy(foreign, &calls[p - (n - 1)], n - 1);
                foreign[n - 1] = calls[q];
                if (memcmp(&calls[p - (n - 2)], &calls[q - (n - 2)], n - 2) != 0 ||
                    occurrences(calls, LETTERS, foreign, n) > 0)
                    continue;
                check_joint(calls, p, q, n);
                joints++;
                break;
            }
        assert_true(joints >= 12);
    }
}

static void curves_by_hand(void **state)
{
    (void)state;
    enum { COUNT = 200 };
    struct belief beliefs[COUNT];
    uint16_t scores[COUNT] = {0};
    /* 100 normal calls, 2 of which may be reported; 50 attack calls; 50 that nobody counts. */
    for (int i = 0; i < COUNT; i++)
        beliefs[i] = (struct belief){i < 100, i >= 100 && i < 150};
    assert_near(roc_missed_area(beliefs, scores, COUNT), 0.99, 1e-12); /* guessing */
    for (int i = 150; i < COUNT; i++)
        scores[i] = 60000;
    assert_near(roc_missed_area(beliefs, scores, COUNT), 0.99, 1e-12);
    for (int i = 100; i < 120; i++) /* 20 attack calls first */
        scores[i] = 65535;
    assert_near(roc_missed_area(beliefs, scores, COUNT), 0.6 * 0.99, 1e-12);
    scores[0] = 50; /* then one normal call, then all the other attack calls */
    for (int i = 120; i < 150; i++)
        scores[i] = 49;
    assert_near(roc_missed_area(beliefs, scores, COUNT), 0.6 * 0.5, 1e-12);
    scores[0] = 49; /* all of these at once */
    assert_near(roc_missed_area(beliefs, scores, COUNT), 0.3 * 0.5, 1e-12);
    for (int i = 100; i < 150; i++)
        scores[i] = 65535;
    assert_near(roc_missed_area(beliefs, scores, COUNT), 0, 1e-12);
    for (int i = 1; i < 3; i++) /* two normal calls before all */
        scores[i] = 65535;
    for (int i = 100; i < 150; i++)
        scores[i] = 65534;
    assert_near(roc_missed_area(beliefs, scores, COUNT), 1, 1e-12);
}

/* The least area over all orders of the calls from `first` on. */
static double best_order(const struct belief *beliefs, uint16_t *scores, size_t first, size_t count)
{
    double best = first + 1 < count ? 1 : roc_missed_area(beliefs, scores, count);
    for (size_t i = first; first + 1 < count && i < count; i++) {
        uint16_t score = scores[i];
        scores[i] = scores[first];
        scores[first] = score;
        best = fmin(best, best_order(beliefs, scores, first + 1, count));
        scores[first] = scores[i];
        scores[i] = score;
    }
    return best;
}

static void the_least_area_is_that_of_the_best_order(void **state)
{
    (void)state;
    enum { CALLS = 6 };
    struct random random;
    random_seed(&random, 6);
    for (int round = 0; round < 4; round++) {
        struct belief beliefs[CALLS] = {{0.9, 0.001}};
        uint16_t scores[CALLS] = {0};
        for (int i = 1; i < CALLS; i++) {
            beliefs[i].attack = random_uniform(&random);
            beliefs[i].normal = 0.01 * random_uniform(&random) * (1 - beliefs[i].attack);
            scores[i] = (uint16_t)i;
        }
        double least = roc_least_missed_area(beliefs, CALLS);
        assert_near(best_order(beliefs, scores, 0, CALLS), least, 1e-12);
    }
}

static void logarithms_of_integers(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 4);
    for (uint32_t n = 1; n < 200000; n++) {
        assert_near(security_log2(n) / 65536.0, log2(n), 0.001);
        assert_true(security_log2(n + 1) >= security_log2(n));
    }
    for (int i = 0; i < 100000; i++) {
        uint32_t n = 1 + (uint32_t)random_below(&random, UINT32_MAX);
        assert_near(security_log2(n) / 65536.0, log2(n), 0.001);
    }
    assert_near(security_log2(UINT32_MAX) / 65536.0, 32, 0.001);
}

static void probabilities(void **state)
{
    (void)state;
    const uint32_t one = UINT32_C(1) << 31, slack = one >> 16;
    assert_near(security_probability(0, 3, 4, one), 0.75 * one, slack);
    assert_near(security_probability(256, 0, 1, one), 0.5 * one, slack); /* as often as not */
    assert_int_equal(security_probability(13, 0, 1, 0), 0);
    for (uint32_t count = 1; count > 0; count *= 2)
        assert_in_range(security_probability(12800, count, count, one), one - slack, one);
    assert_in_range(security_probability(13, UINT32_MAX, UINT32_MAX, one), one - slack, one);
    for (uint32_t before = 1; before < 1 << 25; before *= 2) /* whatever anybody says */
        assert_in_range(security_probability(256, 1 << 25, before, one), one - slack, one);
    for (uint32_t n = one; n >= one; n += 99991) {
        double inverse = ldexp(1, 63) / n;
        assert_in_range(security_inverse(n), (uint64_t)(inverse * (1 - ldexp(1, -16))),
                        (uint64_t)inverse);
    }
    struct random random;
    random_seed(&random, 5);
    for (int i = 0; i < 100000; i++) {
        uint32_t doubt = 13 + (uint32_t)random_below(&random, 12788);
        uint32_t before = (uint32_t)(1 + random_below(&random, UINT64_C(1) << (i % 32)));
        uint32_t count = (uint32_t)random_below(&random, (uint64_t)before + 1);
        uint32_t shorter = (uint32_t)random_below(&random, (uint64_t)one + 1);
        double observations = doubt / 256.0;
        double expected = (count + observations * shorter / one) / (before + observations) * one;
        assert_near(security_probability(doubt, count, before, shorter), expected,
                    expected / (1 << 16) + 2);
    }
    assert_int_equal(security_surprise(one), 0);
    assert_int_equal(security_surprise(one / 8), 3 << 16);
    assert_int_equal(security_surprise(0), 31 << 16);
}

/* What a step does, in floating point. Adds to *slack what rounding may have done to it: little,
 * but where probabilities are near the least there is. */
static double step_by_hand(const double *p, const uint32_t *before, const uint32_t *counts,
                           double suspicion[2], double *slack)
{
    double probability = 1.0 / 256, imitation = probability, keep = exp2(-1 / p[7]);
    for (int k = 0; k <= round(p[0]); k++) {
        double then = k > 0 ? before[k] : counts[0];
        if (then == 0)
            break;
        probability = fmax((counts[k + 1] + p[1] * probability) / (then + p[1]), ldexp(1, -31));
        if (k <= round(p[3]))
            imitation = probability;
    }
    double evidence[] = {-log2(probability) - p[2], log2(imitation / probability) + p[4]};
    for (int k = 0; k < 2; k++)
        suspicion[k] =
            fmin(fmax(suspicion[k] * keep + fmax(fmin(evidence[k], p[5]), -p[6]), 0), p[8]);
    *slack = *slack * keep + 0.002 + fmin(ldexp(1, -29) / probability, 2);
    return fmax(suspicion[0], suspicion[1]);
}

static void steps_are_as_by_hand(void **state)
{
    (void)state;
    const struct security_workload *load = shared_workload(2);
    static const uint32_t none[GRAMS];
    for (uint64_t seed = 0; seed < 12; seed++) {
        struct random random;
        double u[SUBJECT_PARAMETERS_MAX], p[SUBJECT_PARAMETERS_MAX], by_hand[2] = {0};
        double alarm = 0, slack = 0.01;
        struct security_rules rules;
        struct security_state memory;
        random_seed(&random, seed);
        for (int i = 0; i < subject->parameter_count; i++)
            u[i] = random_uniform(&random);
        subject_units(subject, u, p);
        p[1] = round(p[1] * 256) / 256;
        subject->rules_of(p, &rules);
        security_reset(&memory);
        for (size_t i = 0; i < 3000; i++) {
            const uint32_t *before = i > 0 ? load->seen[i - 1] : none;
            double expected = step_by_hand(p, before, load->seen[i], by_hand, &slack);
            uint32_t score = security_step(&rules, &memory, load->seen[i]);
            assert_near(score / 256.0, expected, slack);
            alarm = fmax(alarm, expected);
        }
        assert_true(alarm > 4);
    }
}

/* Shannon's entropy rate: what the program's next call tells on average, in bits. Its states are
 * visited as often as by one who walks for long. */
static double entropy_rate(const struct automaton *program)
{
    double visits[2][PROGRAM_STATES] = {{1}}, rate = 0;
    for (int step = 0; step < 4000; step++) { /* half of them wait: no walk is periodic */
        const double *now = visits[step % 2];
        double *next = visits[(step + 1) % 2];
        for (int state = 0; state < PROGRAM_STATES; state++)
            next[state] = now[state] / 2;
        for (int state = 0; state < PROGRAM_STATES; state++)
            for (int call = 0; call < SYSCALLS; call++)
                next[program->next[state][call]] +=
                    now[state] / 2 * program->probability[state][call];
    }
    for (int state = 0; state < PROGRAM_STATES; state++)
        for (int call = 0; call < SYSCALLS; call++)
            if (program->probability[state][call] > 0)
                rate -= visits[0][state] * program->probability[state][call] *
                        log2(program->probability[state][call]);
    return rate;
}

/* The longer the training, the nearer is the surprise to the entropy rate, below which nobody
 * comes. */
static void surprise_nears_the_entropy_rate(void **state)
{
    (void)state;
    enum { PROGRAMS = 6, LENGTHS = 4, MOST = 32000, TEST = 8000 };
    static const size_t lengths[LENGTHS] = {500, 2000, 8000, MOST};
    static const struct security_rules rules = {.order = 11, .doubt = 128, .imitated = 11};
    double excess[LENGTHS] = {0};
    uint8_t *calls = malloc(MOST + TEST);
    uint32_t(*seen)[GRAMS] = malloc(TEST * sizeof *seen);
    for (uint64_t seed = 0; seed < PROGRAMS; seed++) {
        struct random random;
        struct automaton program;
        random_seed(&random, seed);
        program_draw(&program, &random);
        syscalls_normal(&program, 0, &random, calls, MOST + TEST);
        for (int k = 0; k < LENGTHS; k++) {
            size_t skipped = MOST - lengths[k];
            struct security_state memory;
            double sum = 0;
            assert_int_equal(syscalls_count(&calls[skipped], lengths[k], lengths[k] + TEST, seen),
                             0);
            security_reset(&memory);
            for (size_t i = 0; i < TEST; i++)
                sum += surprise(&rules, &memory, seen[i]);
            excess[k] += (sum / TEST - entropy_rate(&program)) / PROGRAMS;
        }
    }
    free(calls);
    free(seen);
    for (int k = 1; k < LENGTHS; k++) /* fourfold training: not half of what was too much */
        assert_true(excess[k] > 0 && excess[k] < excess[k - 1] / 2);
    assert_near(excess[LENGTHS - 1], 0.05, 0.02);
}

/* Page's CUSUM: a walk of one bit up or down at even odds, never below 0, takes h (h + 1) steps to
 * h on average. */
static void cusum_runs_as_long_as_walks_do(void **state)
{
    (void)state;
    enum { HEIGHT = 8, RUNS = 4000 };
    struct security_rules rules = {.most = BIT, .relief = BIT, .keep = 65536, .cap = HEIGHT * BIT};
    struct random random;
    random_seed(&random, 8);
    uint32_t steps = 0;
    for (int run = 0; run < RUNS; run++)
        for (uint32_t suspicion = 0; suspicion < rules.cap; steps++)
            suspicion = security_add(&rules, suspicion,
                                     random_uniform(&random) < 0.5 ? 100 * BIT : -100 * BIT);
    assert_near((double)steps / RUNS, HEIGHT * (HEIGHT + 1), 3.5);
}

/* Nothing is below no suspicion, nor above the cap; half is left after a half-life. */
static void suspicion_is_remembered(void **state)
{
    (void)state;
    double p[] = {5, 1, 3, 6, 0, 4, 2, 10, 64};
    struct security_rules rules;
    subject->rules_of(p, &rules);
    assert_int_equal(security_add(&rules, 0, -5 * BIT), 0);
    assert_int_equal(security_add(&rules, BIT, -BIT), 0); /* less is left than that */
    assert_int_equal(security_add(&rules, 0, 3 * BIT), 3 * BIT);
    assert_int_equal(security_add(&rules, 0, 5 * BIT), 4 * BIT); /* at most */
    assert_near(security_add(&rules, 40 * BIT, 4 * BIT), 40 * BIT * exp2(-0.1) + 4 * BIT, 64);
    rules.keep = 65536;
    assert_int_equal(security_add(&rules, 50 * BIT, -5 * BIT), 48 * BIT);
    assert_int_equal(security_add(&rules, 63 * BIT, 3 * BIT), 64 * BIT);
    subject->rules_of(p, &rules);
    uint32_t suspicion = 64 * BIT;
    for (int half = 1; half <= 4; half++) {
        for (int i = 0; i < 10; i++)
            suspicion = security_add(&rules, suspicion, 0);
        assert_near(suspicion / 65536.0, ldexp(64, -half), 0.01);
    }
}

/* Without training, or with a state of zeroes, each call is as surprising as one of 256. */
static void nothing_is_known_without_training(void **state)
{
    (void)state;
    static const uint32_t counts[GRAMS];
    struct security_state memory = {{0}, {0}};
    struct security_rules rules = {.order = 11, .doubt = 13};
    for (int i = 0; i < 20; i++)
        assert_near(surprise(&rules, &memory, counts), 8, 0);
}

/* Short, hardly in doubt, and one bit at most: the textbook's setting is about STIDE. */
static void the_textbook_setting_is_about_stide(void **state)
{
    (void)state;
    double p[SUBJECT_PARAMETERS_MAX], sum = 0;
    uint32_t seeds = test_sample(40);
    subject_textbook(subject, p);
    for (uint32_t seed = 0; seed < seeds; seed++)
        sum += log(subject_cost(subject, shared_workload(seed), p) /
                   subject->baseline_cost(shared_workload(seed), 0));
    assert_near(exp(sum / seeds), 1, test_tolerance(0.06));
}

/* The practice's chain, computed anew from the counts. A surprise is no less for being beyond what
 * the policy's whole numbers can say: by its rules the same constants miss more. */
static void the_practice_is_a_chain(void **state)
{
    (void)state;
    static const struct security_rules limited = {.order = 7,
                                                  .doubt = 256,
                                                  .allowance = 13 * 65536 / 5,
                                                  .imitated = 7,
                                                  .most = 31 * 65536,
                                                  .relief = 31 * 65536,
                                                  .keep = 65536,
                                                  .cap = 60 * 65536};
    double missed = 0, missed_by_rules = 0;
    enum { SEEDS = 20 }; /* under sanitizers, too: of a few, luck makes more than the limit does */
    for (uint32_t seed = 0; seed < SEEDS; seed++) {
        const struct security_workload *load = shared_workload(seed);
        uint16_t scores[TEST_CALLS];
        double suspicion = 0;
        for (size_t i = 0; i < TEST_CALLS; i++) {
            double probability = (load->seen[i][1] + 1.0 / 256) / (TRAINING_CALLS + 1);
            for (int k = 1; i > 0 && k <= 7 && load->seen[i - 1][k] > 0; k++)
                probability = (load->seen[i][k + 1] + probability) / (load->seen[i - 1][k] + 1.0);
            suspicion = fmin(fmax(suspicion - log2(probability) - 2.6, 0), 60);
            scores[i] = (uint16_t)(suspicion * 256);
        }
        double cost = subject->baseline_cost(load, 5);
        assert_near(cost, roc_missed_area(load->beliefs, scores, TEST_CALLS), 1e-4);
        missed += cost;
        missed_by_rules += subject->cost_of(load, &limited);
    }
    print_message("# missed by the chain %.4f, by the rules %.4f\n", missed / SEEDS,
                  missed_by_rules / SEEDS);
    assert_true(missed < 0.99 * missed_by_rules);
}

/* STIDE's frame, counted anew for each call. */
static void frames_are_counted(void **state)
{
    (void)state;
    const struct security_workload *load = shared_workload(1);
    static const size_t frames[] = {1, 14, 20};
    uint16_t scores[TEST_CALLS];
    for (size_t k = 0; k < sizeof frames / sizeof *frames; k++) {
        security_stide(load, 6, frames[k], scores);
        for (size_t i = 0; i < TEST_CALLS; i++) {
            uint32_t foreign = 0;
            for (size_t back = 0; back < frames[k] && back <= i; back++)
                foreign += load->seen[i - back][6] == 0;
            assert_int_equal(scores[i], foreign);
        }
    }
}

/* ── recorded sequences ── */

enum { RECORDED = 900 };
struct recorded {
    struct trace trace;
    struct trace_options options;
    int64_t values[RECORDED][3];
};

/* Sequences of so many calls of each kind, one after the other, of few different calls. */
static struct recorded *recorded_new(const int64_t *kinds, const size_t *lengths, size_t count)
{
    struct recorded *recorded = calloc(1, sizeof *recorded);
    struct random random;
    random_seed(&random, 11);
    recorded->trace = (struct trace){.kind = TRACE_CALLS, .values = recorded->values[0]};
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < lengths[i]; k++) {
            int64_t *record = recorded->values[recorded->trace.count++];
            assert_in_range(recorded->trace.count, 1, RECORDED);
            record[0] = (int64_t)i;
            record[1] = kinds[i];
            record[2] = (int64_t)(kinds[i] == TRACE_CALLS_ATTACK ? 300 : 0) +
                        (int64_t)random_below(&random, 3);
        }
    return recorded;
}

enum { T = TRACE_CALLS_TRAINING, N = TRACE_CALLS_NORMAL, A = TRACE_CALLS_ATTACK };
enum { SEQUENCES = 9 };
static const int64_t recorded_kinds[SEQUENCES] = {T, N, A, N, T, A, N, N, A};
static const size_t recorded_lengths[SEQUENCES] = {200, 60, 30, 20, 150, 40, 3, 270, 25};

/* How often these calls came in one of the sequences of training. */
static uint32_t recorded_occurrences(const struct recorded *recorded, size_t end, size_t n)
{
    uint32_t found = 0;
    for (size_t i = 0; i + n <= recorded->trace.count; i++) {
        const int64_t(*at)[3] = &recorded->values[i];
        bool same = at[0][1] == T && at[0][0] == at[n - 1][0];
        for (size_t k = 0; same && k < n; k++)
            same = at[k][2] == recorded->values[end + 1 - n + k][2];
        found += same;
    }
    return found;
}

/* A half's workload has its sequences, normal ones first, and of each call the counts of those
 * n-grams that lie in its sequence. */
static void check_half(const struct recorded *recorded, bool later, const size_t *sequences)
{
    struct trace_part part = {&recorded->trace, &recorded->options, later ? 450 : 0, 449, false};
    struct security_workload *load = subject->workload_read(&part, 1);
    size_t call = 0, judged = 0;
    for (; sequences[judged] < SEQUENCES; judged++) {
        size_t first = 0, which = sequences[judged];
        for (size_t i = 0; i < which; i++)
            first += recorded_lengths[i];
        for (size_t i = 0; i < recorded_lengths[which]; i++, call++) {
            assert_int_equal(load->places[call], i < 254 ? i + 1 : 255);
            assert_int_equal(load->kinds[call],
                             recorded_kinds[which] == A ? CALL_ATTACK : CALL_NORMAL);
            assert_int_equal(load->seen[call][0], 350);
            for (size_t n = 1; n < GRAMS; n++)
                assert_int_equal(load->seen[call][n],
                                 i + 1 < n ? 0 : recorded_occurrences(recorded, first + i, n));
        }
        assert_true(load->beliefs[judged].attack == (recorded_kinds[which] == A));
        assert_true(load->beliefs[judged].normal == (recorded_kinds[which] == N));
    }
    assert_int_equal(load->count, call);
    assert_int_equal(load->sequences, judged);
    free(load);
}

static void recorded_sequences_are_halved(void **state)
{
    (void)state;
    struct recorded *recorded = recorded_new(recorded_kinds, recorded_lengths, SEQUENCES);
    check_half(recorded, false, (const size_t[]){1, 3, 2, SEQUENCES});
    check_half(recorded, true, (const size_t[]){6, 7, 5, 8, SEQUENCES});
    free(recorded);
}

/* A window has 80 normal sequences and 20 attacks of its half; in one piece it has all. */
static void windows_of_recorded_sequences(void **state)
{
    (void)state;
    enum { NORMAL = 200, ATTACKED_ONES = 60, ALL = 1 + NORMAL + ATTACKED_ONES };
    int64_t kinds[ALL] = {T};
    size_t lengths[ALL] = {10};
    for (size_t i = 1; i < ALL; i++) {
        kinds[i] = i <= NORMAL ? N : A;
        lengths[i] = i <= NORMAL / 2 ? 1 : 2; /* the later half of the normal ones is longer */
    }
    struct recorded *recorded = recorded_new(kinds, lengths, ALL);
    for (int later = 0; later < 2; later++)
        for (int whole = 0; whole < 2; whole++) {
            struct trace_part part = {&recorded->trace, &recorded->options, later ? 200 : 0, 200,
                                      .whole = whole};
            struct security_workload *load = subject->workload_read(&part, 3);
            size_t normal = whole ? 100 : 80, attacks = whole ? 30 : 20;
            assert_int_equal(load->sequences, normal + attacks);
            assert_int_equal(load->count, normal * (later ? 2 : 1) + attacks * 2);
            assert_true(load->beliefs[normal - 1].normal == 1 && load->beliefs[normal].attack == 1);
            free(load);
        }
    free(recorded);
}

/* A sequence is as suspicious as its most suspicious call, and begins with none. */
static void sequences_are_judged_as_one(void **state)
{
    (void)state;
    struct recorded *recorded = recorded_new(recorded_kinds, recorded_lengths, SEQUENCES);
    struct trace_part part = {&recorded->trace, &recorded->options, 450, 449, false};
    struct security_workload *load = subject->workload_read(&part, 1);
    uint16_t scores[RECORDED], most[4] = {0};
    size_t judged = 0;
    security_stide(load, 6, 20, scores);
    for (size_t i = 0; i < load->count; i++) {
        uint32_t foreign = 0;
        judged += load->places[i] == 1;
        for (size_t back = 0; back < 20 && back <= i; back++) {
            foreign += load->places[i - back] >= 6 && load->seen[i - back][6] == 0;
            if (load->places[i - back] == 1)
                break;
        }
        assert_int_equal(scores[i], foreign);
        most[judged - 1] = (uint16_t)(foreign > most[judged - 1] ? foreign : most[judged - 1]);
    }
    assert_int_equal(judged, 4);
    assert_true(most[2] == 20 && most[3] == 20); /* all is foreign in an attack */
    assert_true(subject->baseline_cost(load, 0) == roc_missed_area(load->beliefs, most, 4));

    double p[SUBJECT_PARAMETERS_MAX];
    struct security_rules rules;
    struct security_state memory = {.before = {0}};
    subject_textbook(subject, p);
    subject->rules_of(p, &rules);
    memset(most, 0, sizeof most);
    judged = 0;
    for (size_t i = 0; i < load->count; i++) {
        if (load->places[i] == 1) {
            security_reset(&memory);
            judged++;
        }
        uint32_t score = security_step(&rules, &memory, load->seen[i]);
        most[judged - 1] = (uint16_t)(score > most[judged - 1] ? score : most[judged - 1]);
    }
    assert_true(subject_cost(subject, load, p) == roc_missed_area(load->beliefs, most, 4));
    free(load);
    free(recorded);
}

/* What was suspected of one sequence is not remembered in the next: two of a call that was never
 * seen are told apart by nobody. */
static void suspicion_ends_with_its_sequence(void **state)
{
    (void)state;
    struct security_workload *load = security_workload_new(2, 2);
    double p[] = {1, 1, 0, 6, 0, 30, 0, 200, 200};
    const uint16_t equal[2] = {0};
    memset(load->seen, 0, 2 * sizeof *load->seen);
    memset(load->places, 1, 2);
    load->beliefs[0] = (struct belief){.normal = 1};
    load->beliefs[1] = (struct belief){.attack = 1};
    assert_true(subject_cost(subject, load, p) == roc_missed_area(load->beliefs, equal, 2));
    free(load);
}

/* Who knew which calls are an attack's could do anything: no cost changes with that. */
static void nobody_sees_the_truth(void **state)
{
    (void)state;
    struct security_workload *load = workload_new(1);
    double p[SUBJECT_PARAMETERS_MAX], costs[2][8];
    assert_in_range(subject->baseline_count, 1, 6);
    subject_textbook(subject, p);
    for (int forged = 0; forged < 2; forged++) {
        costs[forged][6] = subject_cost(subject, load, p);
        costs[forged][7] = subject->bound_cost(load);
        for (int which = 0; which < 6; which++)
            costs[forged][which] =
                which < subject->baseline_count ? subject->baseline_cost(load, which) : 0;
        for (size_t i = 0; i < TEST_CALLS; i++)
            load->kinds[i] = (uint8_t)(load->kinds[i] == CALL_ATTACK ? CALL_NORMAL : CALL_ATTACK);
    }
    assert_memory_equal(costs[0], costs[1], sizeof costs[0]);
    free(load);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filter_is_calibrated),
        cmocka_unit_test(beliefs_count_as_the_truth_does),
        cmocka_unit_test(stide_is_best_at_5_or_6),
        cmocka_unit_test(grams_are_counted),
        cmocka_unit_test(foreign_sequences_need_their_window),
        cmocka_unit_test(curves_by_hand),
        cmocka_unit_test(the_least_area_is_that_of_the_best_order),
        cmocka_unit_test(logarithms_of_integers),
        cmocka_unit_test(probabilities),
        cmocka_unit_test(steps_are_as_by_hand),
        cmocka_unit_test(surprise_nears_the_entropy_rate),
        cmocka_unit_test(cusum_runs_as_long_as_walks_do),
        cmocka_unit_test(suspicion_is_remembered),
        cmocka_unit_test(nothing_is_known_without_training),
        cmocka_unit_test(the_textbook_setting_is_about_stide),
        cmocka_unit_test(the_practice_is_a_chain),
        cmocka_unit_test(frames_are_counted),
        cmocka_unit_test(nobody_sees_the_truth),
        cmocka_unit_test(recorded_sequences_are_halved),
        cmocka_unit_test(windows_of_recorded_sequences),
        cmocka_unit_test(sequences_are_judged_as_one),
        cmocka_unit_test(suspicion_ends_with_its_sequence),
    };
    return cmocka_run_group_tests_name("policy_security", tests, NULL, tear_down);
}
