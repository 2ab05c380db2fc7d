/* graphics: the newsvendor's optimum, frames worked out by hand, the clairvoyant, and what the
 * rules learn. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdlib.h>

#include "policy/graphics/simulator.h"
#include "policy/module.h"
#include "policy/random.h"
#include "policy/subject_table.h"
#include "policy_effort.h"

static const struct subject *const subject = &subject_graphics;
enum { PERIOD = GRAPHICS_PERIOD_US, SCREEN = 1 << 21 };
#define T_MS (PERIOD / 1000.0)

static struct graphics_workload *frames_new(uint32_t count)
{
    struct graphics_workload *load = malloc(sizeof *load + count * sizeof load->frames[0]);
    assert_non_null(load);
    load->count = count;
    return load;
}

static uint32_t fixed_lead(void *context, uint32_t damage_px)
{
    (void)damage_px;
    return *(const uint32_t *)context;
}

static double fixed_cost(const struct graphics_workload *load, uint32_t lead_us)
{
    struct graphics_policy policy = {fixed_lead, NULL, &lead_us};
    return graphics_mean_cost(load, &policy);
}

/* Of a lead of `lead` ms when costs are exponential with mean m: every missed vblank costs a
 * period, the first one a period more. */
static double newsvendor(double m, double lead)
{
    return lead + T_MS * exp(-lead / m) * (1 + 1 / (1 - exp(-T_MS / m)));
}

static double newsvendor_lead(double m)
{
    return m * log(T_MS * (1 + 1 / (1 - exp(-T_MS / m))) / m);
}

static void newsvendors_optimum(void **state)
{
    (void)state;
    static const struct {
        double mean, lead;
    } table[] = {{1, 3.51}, {2, 5.63}, {4, 8.51}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        double m = table[i].mean, least = HUGE_VAL, best = 0;
        struct graphics_workload *load = frames_new(test_sample(1000000));
        struct random random;
        random_seed(&random, i);
        for (uint32_t k = 0; k < load->count; k++)
            load->frames[k] = (struct graphics_frame){
                .cost_us = 1 + (uint32_t)random_exponential(&random, 1000 * m)};
        for (uint32_t lead = 2000; lead <= 12000; lead += 250) {
            double cost = fixed_cost(load, lead), expected = newsvendor(m, lead / 1000.0);
            assert_near(cost, expected, test_tolerance(0.005) * expected);
            if (cost < least) {
                least = cost;
                best = lead / 1000.0;
            }
        }
        double known = newsvendor_lead(m), known_cost = newsvendor(m, known);
        print_message("# mean %.0f ms: best lead %.2f (%.2f), cost %.3f (%.3f)\n", m, best, known,
                      least, known_cost);
        assert_near(known, table[i].lead, 0.005);
        assert_near(best, known, test_tolerance(0.3));
        assert_near(least, known_cost, test_tolerance(0.005) * known_cost);
        free(load);
    }
}

struct witness {
    uint32_t lead_us, damage_px[4], cost_us[4], missed[4], leads, dones;
};

static uint32_t witness_lead(void *context, uint32_t damage_px)
{
    struct witness *witness = context;
    witness->damage_px[witness->leads++] = damage_px;
    return witness->lead_us;
}

static void witness_done(void *context, uint32_t cost_us, uint32_t missed)
{
    struct witness *witness = context;
    witness->cost_us[witness->dones] = cost_us;
    witness->missed[witness->dones++] = missed;
}

static void frames_by_hand(void **state)
{
    (void)state;
    struct graphics_workload *load = frames_new(4);
    const struct graphics_frame frames[] = {
        {7000, 11}, {7001, 12}, {7000 + PERIOD, 13}, {7001 + PERIOD, 14}};
    const uint32_t missed[] = {0, 1, 1, 2};
    for (int i = 0; i < 4; i++)
        load->frames[i] = frames[i];
    struct witness witness = {.lead_us = 7000};
    struct graphics_policy policy = {witness_lead, witness_done, &witness};
    /* 4 leads, 4 vblanks missed, by 3 frames that jerk. */
    assert_true(graphics_mean_cost(load, &policy) == (4 * 7000 + 7 * PERIOD) / 4.0 / 1000);
    assert_true(witness.leads == 4 && witness.dones == 4);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(witness.damage_px[i], frames[i].damage_px);
        assert_int_equal(witness.cost_us[i], frames[i].cost_us);
        assert_int_equal(witness.missed[i], missed[i]);
    }
    /* Nobody composes before the last vblank; who never starts in time misses all. */
    assert_true(fixed_cost(load, UINT32_MAX) == fixed_cost(load, PERIOD));
    assert_true(fixed_cost(load, PERIOD) == (4 * PERIOD + 4 * PERIOD) / 4.0 / 1000);
    assert_true(fixed_cost(load, 0) == (1 + 1 + 2 + 2 + 4) * PERIOD / 4.0 / 1000);
    free(load);
}

/* Knows what comes, and starts so that it ends exactly at a vblank. */
struct clairvoyant {
    const struct graphics_workload *load;
    uint32_t frame;
};

static uint32_t clairvoyant_lead(void *context, uint32_t damage_px)
{
    (void)damage_px;
    struct clairvoyant *clairvoyant = context;
    return (clairvoyant->load->frames[clairvoyant->frame++].cost_us - 1) % PERIOD + 1;
}

/* What a module may do: anything. */
static struct random dice;

static void dice_answer(const struct compiled_policy *policy, struct module_call *call)
{
    (void)policy;
    uint64_t x = random_u64(&dice);
    call->result = call->which == MODULE_STATE_NEW ? 0 : x % 4 ? (x >> 8) % PERIOD : x >> 32;
}

static const struct compiled_policy dice_module = {dice_answer, NULL};

/* With frames that never fit among them, which the priors have only few of. */
static void nobody_beats_the_clairvoyant(void **state)
{
    (void)state;
    random_seed(&dice, 5);
    uint32_t never_fit = 0;
    for (uint64_t seed = 0; seed < 64 + test_sample(136); seed++) {
        struct graphics_workload *load = subject->workload_new(1000 + seed);
        double bound = subject->bound_cost(load);
        struct clairvoyant clairvoyant = {.load = load};
        struct graphics_policy policy = {clairvoyant_lead, NULL, &clairvoyant};
        assert_true(graphics_mean_cost(load, &policy) == bound);
        for (int round = 0; round < 8; round++)
            assert_true(bound < fixed_cost(load, (uint32_t)random_below(&dice, PERIOD)));
        assert_true(bound < subject->module_cost(load, &dice_module));
        for (uint32_t i = 0; i < load->count; i++)
            never_fit += load->frames[i].cost_us > PERIOD;
        free(load);
    }
    assert_true(never_fit > 64);
}

static void baselines_are_what_they_say(void **state)
{
    (void)state;
    struct graphics_workload *load = subject->workload_new(3);
    assert_true(subject->baseline_cost(load, 0) == fixed_cost(load, 7000));
    assert_true(subject->baseline_cost(load, 3) == fixed_cost(load, PERIOD));
    free(load);
    /* One cost all the time: who looks back knows it. Mutter misses the first frame, when there is
     * nothing to look at, and both the only one that takes longer. */
    load = frames_new(100);
    for (uint32_t i = 0; i < load->count; i++)
        load->frames[i] = (struct graphics_frame){5000, SCREEN};
    load->frames[50].cost_us = 9000; /* for 16 frames Mutter, for 15 KWin will remember it */
    assert_near(subject->baseline_cost(load, 1), (100 * 6000 + 16 * 4000 - 5000 + 4 * PERIOD) / 1e5,
                1e-9);
    assert_near(subject->baseline_cost(load, 2),
                (100 * 8000 + 15 * 4000 - 8000 + PERIOD / 4 + 3000 + 2 * PERIOD) / 1e5, 1e-9);
    free(load);
}

/* Parameters by which only what is named learns. */
static struct graphics_rules rules_of(double rate, double slope_rate, double margin, double step)
{
    const double p[] = {rate, 0.1, 0, 0, margin, step, slope_rate};
    int which;
    assert_true(subject_valid(subject, p, 7, &which));
    struct graphics_rules rules;
    subject->rules_of(p, &rules);
    return rules;
}

static void cost_of_damage_is_learned(void **state)
{
    (void)state;
    struct graphics_rules rules = rules_of(0.003, 0.5, 0, 0.001);
    struct graphics_state memory = {0};
    struct random random;
    random_seed(&random, 9);
    for (int i = 0; i < 20000; i++) {
        uint32_t damage = (uint32_t)random_below(&random, SCREEN + 1);
        uint32_t lead = graphics_lead(&rules, &memory, damage);
        uint32_t cost = 2000 + (uint32_t)((uint64_t)damage * 8000 / SCREEN);
        if (i > 10000)
            assert_near(lead, cost, 200);
        graphics_done(&rules, &memory, cost, 0);
    }
    assert_near((double)memory.slope / 65536, 8000, 400);
    /* More than a screen counts as one. */
    assert_int_equal(graphics_lead(&rules, &memory, UINT32_MAX),
                     graphics_lead(&rules, &memory, SCREEN));
}

static void reserves_by_hand(void **state)
{
    (void)state;
    struct graphics_rules rules = rules_of(0.5, 0.0005, 1.5, 1);
    struct graphics_state memory = {0};
    /* Nothing known yet: at vblank. */
    assert_int_equal(graphics_lead(&rules, &memory, 0), PERIOD);
    graphics_done(&rules, &memory, 4000, 0);
    assert_int_equal(graphics_lead(&rules, &memory, 0), 4000 + 1500);
    /* A miss adds the step, 32 hits take it away, and below nothing there is none. */
    graphics_done(&rules, &memory, 4000, 1);
    assert_int_equal(graphics_lead(&rules, &memory, 0), 4000 + 1500 + 1000);
    for (int hits = 1; hits <= 40; hits++) {
        graphics_done(&rules, &memory, 4000, 0);
        uint32_t left = hits < 32 ? 1000 - (uint32_t)hits * 1000 / 32 : 0;
        assert_near(graphics_lead(&rules, &memory, 0), 5500 + left, 1);
    }
    /* Half of a change is believed at once; one of 3 s is taken for one of 250 ms. */
    graphics_done(&rules, &memory, 8000, 0);
    assert_near(graphics_lead(&rules, &memory, 0), 6000 + 1500, 1);
    graphics_done(&rules, &memory, 3000000, 0);
    assert_near((double)memory.mean / 65536, (6000 + 250000) / 2, 1);
    assert_int_equal(graphics_lead(&rules, &memory, 0), PERIOD);
}

static void overruns_and_peaks_by_hand(void **state)
{
    (void)state;
    const double p[] = {0.003, 0.25, 2, 0.5, 0, 0.001, 0.0005};
    struct graphics_rules rules;
    subject->rules_of(p, &rules);
    struct graphics_state memory = {0};
    graphics_lead(&rules, &memory, 0);
    graphics_done(&rules, &memory, 4000, 0);
    graphics_lead(&rules, &memory, 0);
    graphics_done(&rules, &memory, 6000, 0); /* an overrun of 2000 */
    double mean = 4000 + 0.003 * 2000, deviation = 0.25 * 2000, peak = 2000;
    assert_near(graphics_lead(&rules, &memory, 0), mean + 2 * deviation + 0.5 * peak, 2);
    graphics_done(&rules, &memory, 3000, 0); /* the peak fades; what is early is no overrun */
    mean += 0.003 * (3000 - mean);
    peak -= peak / 16;
    assert_near(graphics_lead(&rules, &memory, 0), mean + 2 * deviation + 0.5 * peak, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(newsvendors_optimum),
        cmocka_unit_test(frames_by_hand),
        cmocka_unit_test(nobody_beats_the_clairvoyant),
        cmocka_unit_test(baselines_are_what_they_say),
        cmocka_unit_test(cost_of_damage_is_learned),
        cmocka_unit_test(reserves_by_hand),
        cmocka_unit_test(overruns_and_peaks_by_hand),
    };
    return cmocka_run_group_tests_name("policy_graphics", tests, NULL, NULL);
}
