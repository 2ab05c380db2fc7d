/* The spin-then-park mutex: what fixed limits cost against closed formulas, the competitive ratio,
 * glibc's rule by hand, and the rules themselves. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "policy/elementary.h"
#include "policy/module.h"
#include "policy/optimise/evaluation.h"
#include "policy/performance/rules.h"
#include "policy/performance/simulator.h"
#include "policy/random.h"
#include "policy/subject.h"
#include "policy_effort.h"

static const struct subject *performance(void)
{
    return subject_find("performance");
}

static struct performance_workload *load_of(uint32_t count)
{
    struct performance_workload *load = calloc(1, sizeof *load + count * sizeof load->acquires[0]);
    load->count = count;
    return load;
}

/* Whoever spins up to t for a wait that is exponential with mean m pays m (1 - e^-t/m) + C
 * e^-t/m. */
static void exponential_waits(void **state)
{
    (void)state;
    static const double means[] = {2, 6, 18}, published[] = {2.110, 6.527, 11.59};
    for (int i = 0; i < 3; i++) {
        struct performance_workload *load = load_of(test_sample(400000));
        struct random random;
        random_seed(&random, 61 + (uint64_t)i);
        for (uint32_t k = 0; k < load->count; k++)
            load->acquires[k].wait = (uint32_t)(random_exponential(&random, means[i]) * 1000 + 0.5);
        for (uint32_t limit = 0; limit <= 16000; limit += 4000) {
            double tail = elementary_exp(-(limit / 1000.0) / means[i]);
            double expected = means[i] * (1 - tail) + 8 * tail;
            double cost = performance_fixed_cost(load, limit);
            assert_near(cost, expected, test_tolerance(0.01 * expected));
            if (limit == PERFORMANCE_PARK_NS) {
                print_message("# mean %g us, limit 8 us: %.3f (%.3f)\n", means[i], cost, expected);
                assert_near(expected, published[i], 0.005);
            }
        }
        free(load);
    }
}

/* Spinning for as long as parking costs is at worst twice the best in hindsight, which a wait just
 * beyond the limit comes to. */
static void spinning_for_the_cost_of_parking_is_2_competitive(void **state)
{
    (void)state;
    struct performance_workload *worst_case = load_of(1);
    worst_case->acquires[0].wait = PERFORMANCE_PARK_NS + 1;
    assert_true(performance()->bound_cost(worst_case) == 8);
    assert_true(performance_fixed_cost(worst_case, PERFORMANCE_PARK_NS) == 16);
    free(worst_case);
    double worst = 0;
    for (uint64_t seed = 0; seed < test_sample(200); seed++) {
        void *load = performance()->workload_new(seed);
        double ratio =
            performance_fixed_cost(load, PERFORMANCE_PARK_NS) / performance()->bound_cost(load);
        worst = ratio > worst ? ratio : worst;
        free(load);
    }
    print_message("# worst of %u seeds: %.2f times the bound\n", test_sample(200), worst);
    assert_true(worst > 1.3 && worst <= 2);
}

/* Whatever the limits are; only who is told the waits reaches it. */
static void nobody_beats_the_bound(void **state)
{
    (void)state;
    const struct subject *subject = performance();
    struct random random;
    random_seed(&random, 62);
    for (uint64_t seed = 0; seed < test_sample(80); seed++) {
        struct performance_workload *load = subject->workload_new(random_u64(&random));
        double bound = subject->bound_cost(load);
        for (int k = 0; k < 6; k++)
            assert_true(bound <=
                        performance_fixed_cost(load, (uint32_t)random_below(&random, 40000)));
        uint64_t told = 0;
        for (uint32_t i = 0; i < load->count; i++)
            told += load->acquires[i].wait <= 8000 ? load->acquires[i].wait : 8000;
        assert_near(bound, (double)told / load->count / 1000, 1e-12 * bound);
        free(load);
    }
}

/* Two acquires by hand. The first limit is 10 rounds of 40 ns; 11 rounds were counted when it was
 * passed, an eighth of which (rounded down) is the new mean: 1, so the next limit is 12 rounds. */
static void glibc_by_hand(void **state)
{
    (void)state;
    struct performance_workload *load = load_of(2);
    load->acquires[0].wait = 100000;
    load->acquires[1].wait = 480;
    assert_near(performance()->baseline_cost(load, 0), (0.4 + 8 + 0.48) / 2, 1e-12);
    load->acquires[1].wait = 481;
    assert_near(performance()->baseline_cost(load, 0), (0.4 + 8 + 0.48 + 8) / 2, 1e-12);
    load->acquires[0].wait = 400; /* 10 rounds: 1 again */
    assert_near(performance()->baseline_cost(load, 0), (0.4 + 0.48 + 8) / 2, 1e-12);
    load->acquires[0].wait = 280; /* 7 rounds: still 0 */
    load->acquires[1].wait = 401;
    assert_near(performance()->baseline_cost(load, 0), (0.28 + 0.4 + 8) / 2, 1e-12);
    free(load);
    /* At most 100 rounds: a microsecond beyond them costs the parking. */
    load = load_of(200);
    for (uint32_t i = 0; i < load->count; i++)
        load->acquires[i].wait = i + 1 < load->count ? 100000 : 4000;
    double within = performance()->baseline_cost(load, 0);
    load->acquires[load->count - 1].wait = 4001;
    assert_near((performance()->baseline_cost(load, 0) - within) * load->count, 8, 1e-9);
    free(load);
}

/* A constant wait w is known up to w (1-g)^n after n times. */
/* In steps it is what a division of 64 bits would be. */
static void quotients(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 8);
    for (int i = 0; i < 20000; i++) {
        uint32_t value = (uint32_t)random_u64(&random) >> random_below(&random, 32);
        uint32_t divisor = 4096 + (uint32_t)random_below(&random, (1 << 26) - 4096);
        if (i % 4 == 0)
            divisor = i % 8 ? 4096 : (1 << 26) - 1;
        assert_int_equal(performance_quotient(i % 16 ? value : UINT32_MAX, divisor),
                         ((uint64_t)(i % 16 ? value : UINT32_MAX) << 12) / divisor);
    }
}

static void rules_learn(void **state)
{
    (void)state;
    struct performance_rules rules = {.up = 8192, /* 1/8 */
                                      .down = 32768,
                                      .multiplier = 2 * 4096,
                                      .queue_weight = 2048,
                                      .margin = 100,
                                      .cap = 7000,
                                      .park_at = 10000,
                                      .clip = 20000};
    struct performance_state memory;
    performance_reset(&memory);
    assert_int_equal(performance_spin_limit(&rules, &memory, 6), 100); /* knows nothing yet */
    double expected = 0;
    for (int n = 0; n < 30; n++) {
        assert_near(performance_spin_limit(&rules, &memory, 0), 2 * expected + 100, 3);
        performance_learn(&rules, &memory, 2000);
        expected += (2000 - expected) / 8;
    }
    /* Half a turn for each one in the queue, in the question and in the answer. */
    assert_near(performance_spin_limit(&rules, &memory, 1), 2 * 1.5 * expected + 100, 5);
    performance_learn(&rules, &memory, 1500); /* a turn of 1000: down by half the way */
    expected -= (expected - 1000) / 2;
    assert_near(performance_spin_limit(&rules, &memory, 0), 2 * expected + 100, 3);
    assert_int_equal(performance_spin_limit(&rules, &memory, 5), 7000); /* the cap */
    assert_int_equal(performance_spin_limit(&rules, &memory, 14), 0);   /* not worth it */
    assert_int_equal(performance_spin_limit(&rules, &memory, 255),
                     performance_spin_limit(&rules, &memory, UINT32_MAX));
    rules.park_at = rules.cap = UINT32_MAX; /* nobody counts more than 255 */
    assert_true(performance_spin_limit(&rules, &memory, 254) <
                performance_spin_limit(&rules, &memory, 255));
    assert_int_equal(performance_spin_limit(&rules, &memory, 255),
                     performance_spin_limit(&rules, &memory, 256));
    assert_int_equal(performance_spin_limit(&rules, &memory, 255),
                     performance_spin_limit(&rules, &memory, UINT32_MAX));
    /* who expects what parking is worth, and no more, still spins */
    memory.turn = 10000 << 8;
    rules.park_at = 10000;
    assert_int_equal(performance_spin_limit(&rules, &memory, 0), 2 * 10000 + 100);
    rules.park_at = 9999;
    assert_int_equal(performance_spin_limit(&rules, &memory, 0), 0);
    rules.cap = 7000;
    /* A preempted owner counts as clip. */
    performance_reset(&memory);
    performance_spin_limit(&rules, &memory, 0);
    performance_learn(&rules, &memory, UINT32_MAX);
    assert_int_equal(performance_spin_limit(&rules, &memory, 0), 2 * 20000 / 8 + 100);
}

static void parameters_are_rules_by_hand(void **state)
{
    (void)state;
    const double p[] = {0.5, 0.25, 3, 1.5, 12, 13, 14, 2};
    struct performance_rules rules;
    performance()->rules_of(p, &rules);
    assert_int_equal(rules.up, 1 << 15);
    assert_int_equal(rules.down, 1 << 14);
    assert_int_equal(rules.multiplier, 3 << 12);
    assert_int_equal(rules.margin, 1500);
    assert_int_equal(rules.cap, 12000);
    assert_int_equal(rules.park_at, 13000);
    assert_int_equal(rules.clip, 14000);
    assert_int_equal(rules.queue_weight, 2 << 12);
}

/* In a module's place: spins for as long as it was told last, or what it is here. */
static uint32_t waited_last, constant_limit = UINT32_MAX;

static void fake_answer(const struct compiled_policy *policy, struct module_call *call)
{
    (void)policy;
    switch (call->which) {
    case 0:
        assert_in_range(call->arguments[0], 0, 6);
        call->result = constant_limit != UINT32_MAX ? constant_limit : waited_last;
        break;
    case 1:
        waited_last = (uint32_t)call->arguments[0];
        break;
    default:
        assert_int_equal(call->which, MODULE_STATE_NEW);
        waited_last = 0;
        call->result = 0;
    }
}

static void modules_decide(void **state)
{
    (void)state;
    const struct compiled_policy module = {fake_answer, NULL};
    const struct subject *subject = performance();
    struct performance_workload *load = subject->workload_new(7);
    uint64_t as_last = 0;
    uint32_t last = 0;
    for (uint32_t i = 0; i < load->count; i++) {
        uint32_t wait = load->acquires[i].wait;
        as_last += wait <= last ? wait : last + PERFORMANCE_PARK_NS;
        last = wait;
    }
    double cost = (double)as_last / load->count / 1000;
    constant_limit = UINT32_MAX;
    assert_true(subject->module_cost(load, &module) == cost);
    for (constant_limit = 0; constant_limit < 20000; constant_limit += 6500)
        assert_true(subject->module_cost(load, &module) ==
                    performance_fixed_cost(load, constant_limit));
    constant_limit = UINT32_MAX - 1;
    assert_true(subject->module_cost(load, &module) == subject->baseline_cost(load, 3));
    free(load);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exponential_waits),
        cmocka_unit_test(spinning_for_the_cost_of_parking_is_2_competitive),
        cmocka_unit_test(nobody_beats_the_bound),
        cmocka_unit_test(glibc_by_hand),
        cmocka_unit_test(quotients),
        cmocka_unit_test(rules_learn),
        cmocka_unit_test(parameters_are_rules_by_hand),
        cmocka_unit_test(modules_decide),
    };
    return cmocka_run_group_tests_name("policy_performance", tests, NULL, NULL);
}
