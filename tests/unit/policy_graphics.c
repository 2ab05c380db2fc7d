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

static void parameters_are_rules_by_hand(void **state)
{
    (void)state;
    const double p[] = {0.125, 2, 0.5, 0.0625, 3};
    struct graphics_rules rules;
    subject->rules_of(p, &rules);
    assert_int_equal(rules.rate, 1 << 17);
    assert_int_equal(rules.damage_weight, 2 << 16);
    assert_int_equal(rules.surprise, 1 << 15);
    assert_int_equal(rules.forget, 1 << 16);
    assert_int_equal(rules.jank_us, 3 * PERIOD); /* in periods */
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

enum { RATE, DAMAGE_WEIGHT, SURPRISE, FORGET, JANK, PARAMETERS };

static struct graphics_rules rules_of(const double *p)
{
    int which;
    assert_true(subject_valid(subject, p, PARAMETERS, &which));
    struct graphics_rules rules;
    subject->rules_of(p, &rules);
    return rules;
}

/* One frame: when it would be begun, and what is learned from its cost. */
static uint32_t compose(const struct graphics_rules *rules, struct graphics_state *memory,
                        uint32_t damage, uint32_t cost)
{
    uint32_t lead = graphics_lead(rules, memory, damage);
    graphics_done(rules, memory, cost);
    return lead;
}

static void cost_of_damage_is_learned(void **state)
{
    (void)state;
    struct graphics_rules rules = rules_of((double[]){0.3, 4, 4, 0.01, 1});
    struct graphics_state memory = {0};
    struct random random;
    random_seed(&random, 9);
    for (int i = 0; i < 3000; i++) {
        uint32_t damage = (uint32_t)random_below(&random, SCREEN + 1);
        uint32_t cost = 2000 + (uint32_t)((uint64_t)damage * 8000 / SCREEN);
        uint32_t lead = compose(&rules, &memory, damage, cost);
        if (i > 1500) {
            assert_near(memory.predicted, cost, 0.005 * cost);
            assert_true(lead >= cost && lead < 1.06 * cost); /* the edge beyond */
        }
    }
    assert_near(memory.constant / 1024.0, 2000, 20);
    assert_near(memory.slope / 1024.0, 8000, 40);
    /* More than a screen counts as one. */
    assert_int_equal(graphics_lead(&rules, &memory, UINT32_MAX),
                     graphics_lead(&rules, &memory, SCREEN));
}

/* An error is shared out between the constant and the slope as damage and its weight say, and what
 * is left of it is 1 - rate. */
static void errors_by_hand(void **state)
{
    (void)state;
    struct graphics_rules rules = rules_of((double[]){0.25, 4, 0.5, 0.01, 1});
    struct graphics_state memory = {0};
    assert_int_equal(compose(&rules, &memory, SCREEN / 2, 6000), PERIOD); /* nothing known yet */
    assert_near(memory.constant / 1024.0, 4000, 1);
    assert_near(memory.slope / 1024.0, 4000, 1);
    compose(&rules, &memory, SCREEN / 2, 7000); /* 1000 too little: 1/(1 + 4/4) of it to each 1 */
    assert_near(memory.constant / 1024.0, 4000 + 0.25 * 1000 / 2, 1);
    assert_near(memory.slope / 1024.0, 4000 + 0.25 * 1000 / 2 * 4 / 2, 1);
    graphics_lead(&rules, &memory, SCREEN / 2);
    assert_near(memory.predicted, 6250, 1);
    graphics_done(&rules, &memory, 5250); /* and too much */
    graphics_lead(&rules, &memory, SCREEN / 2);
    assert_near(memory.predicted, 6000, 2);
    graphics_done(&rules, &memory, 3000000); /* teaches as 9000 would */
    graphics_lead(&rules, &memory, SCREEN / 2);
    assert_near(memory.predicted, 6750, 2);
    for (int i = 0; i < 100; i++) /* nothing costs less than nothing */
        compose(&rules, &memory, 0, 0);
    assert_true(memory.constant < 1024 && memory.slope > 0);
}

/* Three kinds of frames, so many of each: by the model's costs one lead is best. */
static void newsvendor_by_hand(void **state)
{
    (void)state;
    static const struct {
        uint32_t predicted, counts[3], edges[3], jank; /* in periods */
        uint32_t lead;
    } table[] = {
        /* One frame of a hundred is worth 333 us, with a jank of one period; of 34, 980. */
        {6400, {900, 90, 10}, {64, 73, 79}, 1, 7300},
        {6400, {900, 90, 30}, {64, 73, 79}, 1, 7900},
        {6400, {900, 90, 10}, {64, 73, 79}, 4, 7900},
        {6400, {990, 9, 1}, {64, 73, 79}, 0, 6400},
        /* What fits into no period is meant for the next vblank but one, unless it is rare. */
        {16000, {100, 900, 0}, {61, 79, 87}, 1, 19750 - PERIOD},
        {16000, {900, 100, 0}, {64, 79, 87}, 1, 16000},
        /* A start at vblank covers 0.22 of what is between 16.5 and 17.3 ms. */
        {16500, {950, 50, 0}, {64, 67, 70}, 1, PERIOD},
        {16500, {980, 20, 0}, {64, 67, 70}, 1, 16500},
        {16500, {900, 100, 0}, {61, 67, 70}, 1, 15726},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct graphics_rules rules = {.jank_us = table[i].jank * PERIOD};
        struct graphics_state memory = {.known = 1, .constant = table[i].predicted << 10};
        for (uint32_t k = 0; k < 3; k++)
            for (uint32_t bin = 0; bin + 1 < GRAPHICS_BINS; bin++)
                if (graphics_edge(bin) == table[i].edges[k]) {
                    memory.bins[bin] += table[i].counts[k];
                    memory.all += table[i].counts[k];
                }
        assert_int_equal(graphics_lead(&rules, &memory, 0), table[i].lead);
    }
}

/* A frame is in the bin that its cost fits into, to the microsecond, and counts less by `forget`
 * than the one after it, also across the halvings. */
static void frames_are_counted_and_forgotten(void **state)
{
    (void)state;
    struct graphics_rules rules = rules_of((double[]){0.02, 0.5, 0.1, 0.05, 1});
    for (uint32_t edge = 0; edge < GRAPHICS_BINS; edge++) {
        struct graphics_state memory = {.known = 1, .predicted = 6400, .frame = GRAPHICS_FRAME};
        uint32_t last = edge + 1 == GRAPHICS_BINS; /* has no end */
        graphics_count(&rules, &memory, last ? GRAPHICS_COST_MAX_US : 100 * graphics_edge(edge));
        assert_int_equal(memory.bins[edge], GRAPHICS_FRAME);
        if (!last)
            graphics_count(&rules, &memory, 100 * graphics_edge(edge) + 1);
        assert_true(last || memory.bins[edge + 1] > GRAPHICS_FRAME);
    }
    struct graphics_state memory = {0};
    compose(&rules, &memory, 0, 5000);
    compose(&rules, &memory, 0, 1000000); /* the only one beyond all */
    double seen = memory.bins[GRAPHICS_BINS - 1] - GRAPHICS_UNSEEN;
    assert_near(seen, GRAPHICS_FRAME, 0);
    uint32_t greatest = 0;
    for (int i = 1; i <= 60; i++) {
        compose(&rules, &memory, 0, 1000);
        double share =
            (memory.bins[GRAPHICS_BINS - 1] - GRAPHICS_UNSEEN * pow(1.05, -i)) / memory.frame;
        assert_near(share, pow(1.05, -i - 1), 0.02);
        greatest = memory.frame > greatest ? memory.frame : greatest;
        uint32_t all = 0;
        for (uint32_t bin = 0; bin < GRAPHICS_BINS; bin++)
            all += memory.bins[bin];
        assert_int_equal(all, memory.all);
    }
    assert_in_range(greatest, 1.8 * GRAPHICS_FRAME, 2 * GRAPHICS_FRAME - 1);
}

/* Where costs are independent, what it learns is as good as knowing their distribution. */
static void as_good_as_the_newsvendor(void **state)
{
    (void)state;
    const double p[PARAMETERS] = {0.02, 0.5, 4, 0.0005, 1};
    struct rules rules;
    assert_int_equal(subject_rules(subject, p, &rules), 0);
    for (int m = 1; m <= 4; m *= 2) {
        struct graphics_workload *load = frames_new(test_sample(100000));
        struct random random;
        random_seed(&random, (uint64_t)m);
        for (uint32_t k = 0; k < load->count; k++)
            load->frames[k] = (struct graphics_frame){
                .cost_us = 1 + (uint32_t)random_exponential(&random, 1000 * m)};
        double cost = subject->cost_of(load, &rules), known = newsvendor(m, newsvendor_lead(m));
        print_message("# mean %d ms: cost %.3f, %+.1f %% of the optimum\n", m, cost,
                      100 * (cost / known - 1));
        assert_true(cost > (1 - test_tolerance(0.01)) * known);
        assert_true(cost < (1 + test_tolerance(0.03)) * known);
        free(load);
    }
}

/* Whatever it is told, by whatever parameters, and even if nobody reset it. */
static void anything_may_come(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 6);
    for (int round = 0; round < 50; round++) {
        double u[PARAMETERS], p[PARAMETERS];
        for (int i = 0; i < PARAMETERS; i++)
            u[i] = (double)random_below(&random, 3) / 2;
        subject_units(subject, u, p);
        struct graphics_rules rules = rules_of(p);
        struct graphics_state memory = {0};
        if (round % 2)
            graphics_done(&rules, &memory, 0);
        for (int i = 0; i < 4000; i++) {
            static const uint32_t costs[] = {0, 1, 100, 5000, 16667, 250000, UINT32_MAX};
            uint32_t damage = (uint32_t)(random_u64(&random) >> (random_u64(&random) % 33 + 31));
            uint32_t cost = costs[random_below(&random, i < 2000 ? 7 : 3)];
            assert_in_range(compose(&rules, &memory, damage, cost), 0, PERIOD);
            assert_in_range(memory.predicted, GRAPHICS_LEAST_US, GRAPHICS_MOST_US);
            assert_in_range(memory.constant, 0, GRAPHICS_COST_MAX_US << 10);
            assert_in_range(memory.slope, 0, GRAPHICS_COST_MAX_US << 10);
            assert_in_range(memory.frame, GRAPHICS_FRAME, 2 * GRAPHICS_FRAME - 1);
        }
        uint64_t all = 0;
        for (uint32_t bin = 0; bin < GRAPHICS_BINS; bin++)
            all += memory.bins[bin];
        assert_true(all == memory.all); /* it never wrapped */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(newsvendors_optimum),
        cmocka_unit_test(frames_by_hand),
        cmocka_unit_test(nobody_beats_the_clairvoyant),
        cmocka_unit_test(parameters_are_rules_by_hand),
        cmocka_unit_test(baselines_are_what_they_say),
        cmocka_unit_test(cost_of_damage_is_learned),
        cmocka_unit_test(errors_by_hand),
        cmocka_unit_test(newsvendor_by_hand),
        cmocka_unit_test(frames_are_counted_and_forgotten),
        cmocka_unit_test(as_good_as_the_newsvendor),
        cmocka_unit_test(anything_may_come),
    };
    return cmocka_run_group_tests_name("policy_graphics", tests, NULL, NULL);
}
