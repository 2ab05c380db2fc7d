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
    double costs[ORDERS] = {0}, unframed = 0;
    uint32_t seeds = test_sample(96);
    for (uint32_t seed = 0; seed < seeds; seed++) {
        const struct security_workload *load = shared_workload(seed);
        uint16_t scores[TEST_CALLS];
        for (size_t k = 0; k < ORDERS; k++) {
            security_stide(load, ORDER_LEAST + k, 20, scores);
            costs[k] += roc_missed_area(load->beliefs, scores, TEST_CALLS) / seeds;
        }
        unframed += subject->baseline_cost(load, 3) / seeds;
    }
    int best = 0;
    for (int k = 0; k < ORDERS; k++) {
        assert_near(costs[k], expected[k], 0.07 + test_tolerance(0.02));
        if (costs[k] < costs[best])
            best = k;
    }
    assert_in_range(ORDER_LEAST + best, 5, 6);
    for (int k = 0; k + 1 < ORDERS; k++)
        assert_true(k < best ? costs[k] > costs[k + 1] : costs[k] < costs[k + 1]);
    assert_true(unframed > 1.2 * costs[6 - ORDER_LEAST]);
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
    uint16_t seen[TEST][ORDERS];
    struct random random;
    random_seed(&random, 3);
    for (size_t i = 0; i < TRAINING + TEST; i++) /* much of it comes again, and again */
        calls[i] = i >= 40 && i % 25 ? calls[i - 40] : (uint8_t)(21 + random_below(&random, 3));
    assert_int_equal(syscalls_count(calls, TRAINING, TRAINING + TEST, seen), 0);
    for (size_t i = 0; i < TEST; i++)
        for (size_t k = 0; k < ORDERS; k++) {
            size_t order = ORDER_LEAST + k;
            const uint8_t *gram = &calls[TRAINING + i + 1 - order];
            assert_int_equal(seen[i][k], occurrences(calls, TRAINING, gram, order));
        }
}

/* Which windows see something foreign where one stretch of training goes over into another. */
static void check_joint(const uint8_t *calls, size_t p, size_t q, size_t n)
{
    enum { STRETCH = 20 };
    uint8_t all[LETTERS + 2 * STRETCH];
    uint16_t seen[2 * STRETCH][ORDERS];
    memcpy(all, calls, LETTERS);
    memcpy(all + LETTERS, &calls[p - STRETCH], STRETCH);
    memcpy(all + LETTERS + STRETCH, &calls[q], STRETCH);
    assert_int_equal(syscalls_count(all, LETTERS, sizeof all, seen), 0);
    for (size_t window = ORDER_LEAST; window <= ORDER_MOST; window++) {
        bool alarm = false;
        for (size_t i = window - 1; i < 2 * STRETCH; i++)
            alarm |= seen[i][window - ORDER_LEAST] == 0;
        assert_int_equal(alarm, window >= n);
    }
}

/* Tan, Maxion 2002: a sequence of n calls that is foreign while all its parts are known is seen if
 * and only if the window is n or longer. Such a one is made where training has the same n - 2 calls
 * twice: what comes before the first, these, and what comes after the second. */
static void foreign_sequences_need_their_window(void **state)
{
    (void)state;
    static const uint64_t alphabet[ORDERS] = {24, 12, 6, 4, 3, 3, 3, 2, 2, 2, 2};
    uint8_t calls[LETTERS], foreign[ORDER_MOST];
    for (size_t n = ORDER_LEAST; n <= ORDER_MOST; n++) {
        struct random random;
        uint32_t joints = 0;
        random_seed(&random, n);
        for (size_t i = 0; i < LETTERS; i++)
            calls[i] = (uint8_t)random_below(&random, alphabet[n - ORDER_LEAST]);
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

/* A rare n-gram is one seen less than 10^scale times. */
static void rarities(void **state)
{
    (void)state;
    double p[SUBJECT_PARAMETERS_MAX];
    struct security_rules rules;
    subject_textbook(subject, p);
    subject->rules_of(p, &rules);
    assert_int_equal(security_rarity(&rules, 0), 65536);
    assert_int_equal(security_rarity(&rules, 1), 0); /* STIDE's: foreign or not */
    p[2] = 2;
    subject->rules_of(p, &rules);
    for (uint32_t seen = 0; seen < 99; seen++)
        assert_near(security_rarity(&rules, seen) / 65536.0, 1 - log10(seen + 1) / 2, 0.001);
    assert_in_range(security_rarity(&rules, 99), 0, 20);
    assert_int_equal(security_rarity(&rules, 110), 0);
    assert_int_equal(security_rarity(&rules, UINT32_MAX), 0);
}

/* Suspicion rises to all there is and falls by half in each half-life. */
static void suspicion_is_remembered(void **state)
{
    (void)state;
    static const uint32_t foreign[ORDERS] = {0};
    uint32_t known[ORDERS], score = 0;
    double p[] = {6, 2, 1, 5, 20, 0.5, 0};
    for (int k = 0; k < ORDERS; k++)
        known[k] = 1000000;
    for (int slow = 0; slow < 2; slow++) {
        struct security_rules rules;
        struct security_state memory;
        p[6] = slow;
        subject->rules_of(p, &rules);
        security_reset(&memory);
        assert_int_equal(security_step(&rules, &memory, known), 0);
        for (int i = 0; i < 1000; i++)
            score = security_step(&rules, &memory, foreign);
        assert_in_range(score, 65530, 65535);
        for (int half = 1; half <= 4; half++) {
            for (int i = 0; i < (slow ? 20 : 5); i++)
                score = security_step(&rules, &memory, known);
            assert_near(score, ldexp(65535, -half), 60);
        }
    }
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
                foreign += load->seen[i - back][6 - ORDER_LEAST] == 0;
            assert_int_equal(scores[i], foreign);
        }
    }
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
        cmocka_unit_test(rarities),
        cmocka_unit_test(suspicion_is_remembered),
        cmocka_unit_test(frames_are_counted),
        cmocka_unit_test(nobody_sees_the_truth),
    };
    return cmocka_run_group_tests_name("policy_security", tests, NULL, tear_down);
}
