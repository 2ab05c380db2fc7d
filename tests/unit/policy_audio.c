/* audio: the E-model's points, the best fixed buffer, calls worked out by hand, the bound against
 * brute force, and the rules against Ramjee's algorithms in floating point. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>

#include "policy/audio/simulator.h"
#include "policy/module.h"
#include "policy/random.h"
#include "policy/subject_table.h"
#include "policy_effort.h"

static const struct subject *const subject = &subject_audio;
enum { CODING_US = 25000 };

/* Id + Ie at this playout delay. */
static double impairment(double playout_us, double loss_share)
{
    return 94.2 - audio_rating((uint32_t)playout_us + CODING_US, loss_share);
}

static uint32_t fixed_delay(void *context)
{
    return *(const uint32_t *)context;
}

static double fixed_cost(const struct audio_call *call, uint32_t delay_us)
{
    struct audio_policy policy = {fixed_delay, NULL, &delay_us};
    return audio_impairment(call, &policy);
}

static void points_of_the_e_model(void **state)
{
    (void)state;
    assert_near(audio_rating(150000, 0), 90.6, 0.05);
    assert_near(audio_rating(300000, 0), 73.5, 0.05);
    assert_near(audio_rating(100000, 0.05), 75.0, 0.05);
    assert_near(audio_rating(0, 0), 94.2, 1e-9);
    assert_near(audio_rating(177300, 0) - audio_rating(178300, 0), 0.024 + 0.11, 1e-9);
}

/* Every packet is late by itself: e = e^(-(d - b)/m). */
static void best_fixed_buffer(void **state)
{
    (void)state;
    const double base = 50, mean = 10;
    struct random random;
    random_seed(&random, 1);
    uint32_t count = test_sample(2000000);
    uint32_t *delays = malloc(count * sizeof *delays), starts[] = {0, count};
    for (uint32_t i = 0; i < count; i++)
        delays[i] = (uint32_t)(1000 * (base + random_exponential(&random, mean)));
    struct audio_call call = {count, 1, delays, starts};
    double least = HUGE_VAL, best = 0;
    for (uint32_t delay = 110000; delay <= 140000; delay += 500) {
        double cost = fixed_cost(&call, delay);
        double expected = impairment(delay, exp(-(delay / 1000.0 - base) / mean));
        assert_near(cost, expected, test_tolerance(0.005) * expected);
        if (cost < least) {
            least = cost;
            best = delay / 1000.0;
        }
    }
    /* Where a ms more costs as much as it saves: 0.024 = 450 e / (m (1 + 15 e)). */
    double loss = 0.024 * mean / (450 - 15 * 0.024 * mean), known = base - mean * log(loss);
    double known_cost = impairment(1000 * known, loss);
    print_message("# best fixed delay %.1f ms (%.1f), impairment %.3f (%.3f)\n", best, known, least,
                  known_cost);
    assert_near(known, 125.3, 0.05);
    assert_near(known_cost, 3.848, 0.0005);
    assert_near(best, known, test_tolerance(2));
    assert_near(least, known_cost, test_tolerance(0.005) * known_cost);
    free(delays);
}

struct witness {
    uint32_t answers[8], packets[16];
    uint32_t asked_after[8]; /* so many packets */
    uint32_t packet_count, asked;
};

static uint32_t witness_delay(void *context)
{
    struct witness *witness = context;
    witness->asked_after[witness->asked] = witness->packet_count;
    return witness->answers[witness->asked++];
}

static void witness_packet(void *context, uint32_t delay_us)
{
    struct witness *witness = context;
    witness->packets[witness->packet_count++] = delay_us;
}

static void talkspurts_by_hand(void **state)
{
    (void)state;
    static const uint32_t delays[] = {100, 200,        300,        AUDIO_LOST, 400,
                                      100, AUDIO_LOST, AUDIO_LOST, 500};
    static const uint32_t starts[] = {0, 3, 6, 8, 9};
    const struct audio_call call = {9, 4, delays, starts};
    /* 100 and 200 are played; then 400 and 100; nothing; nothing, 500 is late. */
    struct witness witness = {.answers = {200, 400, 7000, 499}};
    struct audio_policy policy = {witness_delay, witness_packet, &witness};
    double delay = (3 * impairment(200, 0) + 3 * impairment(400, 0) + 2 * impairment(7000, 0) +
                    impairment(499, 0)) /
                   9;
    double loss = impairment(0, 5.0 / 9) - impairment(0, 0);
    assert_near(audio_impairment(&call, &policy), delay + loss, 1e-9);
    assert_int_equal(witness.packet_count, 6);
    static const uint32_t arrived[] = {100, 200, 300, 400, 100, 500};
    assert_memory_equal(witness.packets, arrived, sizeof arrived);
    /* With the first that arrived of each, at its end when none did. */
    static const uint32_t asked_after[] = {1, 4, 5, 6};
    assert_int_equal(witness.asked, 4);
    assert_memory_equal(witness.asked_after, asked_after, sizeof asked_after);
    /* Nothing is held back for longer than 2 s. */
    assert_true(fixed_cost(&call, UINT32_MAX) == fixed_cost(&call, AUDIO_DELAY_MAX_US));
}

enum { SPURTS = 3, LONGEST = 4 };

/* One delay for each talkspurt, in turn. */
struct plan {
    uint32_t delays[SPURTS], next;
};

static uint32_t plan_delay(void *context)
{
    struct plan *plan = context;
    return plan->delays[plan->next++];
}

/* All choices that can matter: nothing, or as long as one of its packets takes. */
static double brute_force(const struct audio_call *call, struct plan *plan, uint32_t spurt)
{
    if (spurt == call->talkspurt_count) {
        struct audio_policy policy = {plan_delay, NULL, plan};
        plan->next = 0;
        return audio_impairment(call, &policy);
    }
    plan->delays[spurt] = 0;
    double least = brute_force(call, plan, spurt + 1);
    for (uint32_t i = call->starts[spurt]; i < call->starts[spurt + 1]; i++)
        if (call->delays_us[i] != AUDIO_LOST) {
            plan->delays[spurt] = call->delays_us[i];
            least = fmin(least, brute_force(call, plan, spurt + 1));
        }
    return least;
}

static void bound_is_the_best_plan(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 2);
    for (int round = 0; round < (int)test_sample(3000); round++) {
        uint32_t delays[SPURTS * LONGEST], starts[SPURTS + 1] = {0}, count = 0;
        double spread = random_log_between(&random, 1000, 3000000); /* some beyond what is played */
        for (int spurt = 0; spurt < SPURTS; spurt++) {
            for (uint64_t left = 1 + random_below(&random, LONGEST); left > 0; left--)
                delays[count++] = random_below(&random, 8) == 0
                                      ? AUDIO_LOST
                                      : (uint32_t)random_exponential(&random, spread);
            starts[spurt + 1] = count;
        }
        const struct audio_call call = {count, SPURTS, delays, starts};
        struct plan plan;
        assert_true(audio_least_impairment(&call) == brute_force(&call, &plan, 0));
    }
}

/* What a module may do: anything. */
static struct random dice;

static void dice_answer(const struct compiled_policy *policy, struct module_call *call)
{
    (void)policy;
    uint64_t x = random_u64(&dice);
    call->result = call->which == MODULE_STATE_NEW ? 0 : x % 8 ? (x >> 8) % 300000 : x >> 32;
}

static const struct compiled_policy dice_module = {dice_answer, NULL};

static void nobody_beats_the_bound(void **state)
{
    (void)state;
    random_seed(&dice, 5);
    for (uint64_t seed = 0; seed < 64 + test_sample(136); seed++) {
        void *load = subject->workload_new(2000 + seed);
        double bound = subject->bound_cost(load);
        assert_true(bound > 0);
        for (int round = 0; round < 8; round++)
            assert_true(bound < subject->module_cost(load, &dice_module));
        free(load);
    }
}

/* The algorithms as the paper has them, in ms. */
struct ramjee {
    double gain, threshold;
    double mean, deviation, variation, last, before_last;
    bool known, impulse;
};

static void ramjee_packet(struct ramjee *r, double delay)
{
    if (!r->known) {
        r->mean = r->last = r->before_last = delay;
        r->deviation = 2;
        r->known = true;
    }
    double last = r->last, before_last = r->before_last;
    r->before_last = last;
    r->last = delay;
    if (!r->impulse) {
        if (fabs(delay - last) > 2 * r->deviation + r->threshold) {
            r->variation = 0;
            r->impulse = true;
        }
    } else {
        r->variation = r->variation / 2 + fabs(2 * delay - last - before_last) / 8;
        if (r->variation <= 7.875) {
            r->impulse = false;
            return;
        }
    }
    if (r->impulse)
        r->mean += delay - last;
    else
        r->mean = r->gain * delay + (1 - r->gain) * r->mean;
    r->deviation = r->gain * fabs(delay - r->mean) + (1 - r->gain) * r->deviation;
}

static void rules_are_ramjees(void **state)
{
    (void)state;
    static const double gains[] = {0.01, 0.002, 0.125};
    for (int which = 0; which < 3; which++) {
        const double gain = gains[which], p[] = {gain, gain, 4, 100, 7.875, 0, 4, 0};
        struct audio_rules rules;
        subject->rules_of(p, &rules);
        struct audio_state memory = {0};
        struct ramjee ramjee = {.gain = rules.mean_gain / 0x1p20, .threshold = 100};
        struct random random;
        random_seed(&random, 3);
        double spike = 0;
        int impulses = 0;
        for (int i = 0; i < 100000; i++) {
            if (random_below(&random, 200) == 0)
                spike = random_between(&random, 80, 400);
            double delay = floor(1000 * (40 + spike + random_exponential(&random, 5))) / 1000;
            spike = fmax(0, spike - 15);
            ramjee_packet(&ramjee, delay);
            audio_packet(&rules, &memory, (uint32_t)(delay * 1000 + 0.5));
            assert_int_equal(memory.spike, ramjee.impulse);
            assert_near(audio_playout_delay(&rules, &memory) / 1000.0,
                        ramjee.mean + 4 * ramjee.deviation, 0.1);
            impulses += ramjee.impulse;
        }
        assert_in_range(impulses, 1000, 50000);
    }
}

static void margins_and_floors_by_hand(void **state)
{
    (void)state;
    const double p[] = {0.5, 0.5, 1, 100, 10, 5, 3, 60};
    struct audio_rules rules;
    subject->rules_of(p, &rules);
    struct audio_state memory = {0};
    assert_int_equal(audio_playout_delay(&rules, &memory), 60000); /* knows nothing */
    audio_packet(&rules, &memory, 40000);                          /* 1 ms: half of the first 2 */
    assert_int_equal(audio_playout_delay(&rules, &memory), 60000);
    audio_packet(&rules, &memory, 80000); /* mean 60, deviation 10.5 */
    assert_int_equal(audio_playout_delay(&rules, &memory), 60000 + 10500 + 5000);
    audio_packet(&rules, &memory, 300000); /* a spike: the mean jumps along, to 280 */
    assert_int_equal(audio_playout_delay(&rules, &memory), 280000 + 3 * 15250 + 5000);
    for (int i = 0; i < 100; i++)
        audio_packet(&rules, &memory, UINT32_MAX);
    assert_int_equal(audio_playout_delay(&rules, &memory), AUDIO_DELAY_MAX_US);
}

/* A mean that was left behind by delays that rose slowly does not come down below none when they
 * fall at once: what comes after is not held back for less because of it. */
static void a_fall_leaves_no_debt(void **state)
{
    (void)state;
    const double p[] = {0.001, 0.001, 0.5, 300, 0.5, 0, 0, 0};
    struct audio_rules rules;
    subject->rules_of(p, &rules);
    struct audio_state memory = {0};
    for (uint32_t delay_us = 1000; delay_us <= 501000; delay_us += 50000)
        audio_packet(&rules, &memory, delay_us);
    assert_true(audio_playout_delay(&rules, &memory) < 20000);
    audio_packet(&rules, &memory, 1000); /* a spike, downwards */
    assert_int_equal(audio_playout_delay(&rules, &memory), 0);
    audio_packet(&rules, &memory, 91000);
    assert_in_range(audio_playout_delay(&rules, &memory), 90000, 91000);
}

/* A module made of the same rules, and the baselines by their constants. */
static struct audio_rules module_rules;

static struct audio_state module_memory;

static void module_answer(const struct compiled_policy *policy, struct module_call *call)
{
    (void)policy;
    switch (call->which) {
    case 0:
        call->result = audio_playout_delay(&module_rules, &module_memory);
        break;
    case 1:
        audio_packet(&module_rules, &module_memory, (uint32_t)call->arguments[0]);
        break;
    default:
        assert_int_equal(call->which, MODULE_STATE_NEW);
        module_memory = (struct audio_state){0};
        call->result = 0;
    }
}

static const struct compiled_policy module = {module_answer, NULL};

static void baselines_are_what_they_say(void **state)
{
    (void)state;
    static const double settings[][8] = {
        [0] = {0.01, 0.01, 4},
        [1] = {0, 0, 0, 0, 0, 0, 0, 150},
        [2] = {0, 0, 0, 0, 0, 0, 0, 100},
        [3] = {0.001998, 0.001998, 4},
        [4] = {0.125, 0.125, 4, 100, 7.875, 0, 4},
    };
    for (uint64_t seed = 0; seed < 8; seed++) {
        void *load = subject->workload_new(seed);
        for (int which = 0; which < subject->baseline_count; which++) {
            subject->rules_of(settings[which], &module_rules);
            if (which != 4)
                module_rules.spike_threshold_us = UINT32_MAX;
            assert_true(subject->module_cost(load, &module) == subject->baseline_cost(load, which));
        }
        free(load);
    }
}

/* The lesson of this subject: who adapts by the textbook loses to who doesn't. */
static void fixed_buffer_beats_the_textbook(void **state)
{
    (void)state;
    double sums[5] = {0};
    for (uint64_t seed = 0; seed < 64; seed++) {
        void *load = subject->workload_new(subject_seed(subject, "test", seed));
        for (int which = 0; which < subject->baseline_count; which++)
            sums[which] += subject->baseline_cost(load, which) / subject->baseline_cost(load, 0);
        free(load);
    }
    assert_true(sums[1] < 0.9 * sums[0] && sums[1] < 0.9 * sums[3]);
    assert_true(sums[4] > sums[2] && sums[2] > sums[0]);
}

/* Rounded towards 0 on both sides, as a division is. */
static void shares(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 8);
    for (int i = 0; i < 20000; i++) {
        int64_t value = (int64_t)random_below(&random, UINT64_C(1) << 38) - (INT64_C(1) << 37);
        uint32_t share = (uint32_t)random_below(&random, 12 << 20);
        value = i % 2 ? value : value >> 30;
        assert_true(audio_share(value, share) == value * (int64_t)share / 1048576);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points_of_the_e_model),
        cmocka_unit_test(best_fixed_buffer),
        cmocka_unit_test(talkspurts_by_hand),
        cmocka_unit_test(bound_is_the_best_plan),
        cmocka_unit_test(nobody_beats_the_bound),
        cmocka_unit_test(rules_are_ramjees),
        cmocka_unit_test(margins_and_floors_by_hand),
        cmocka_unit_test(a_fall_leaves_no_debt),
        cmocka_unit_test(baselines_are_what_they_say),
        cmocka_unit_test(fixed_buffer_beats_the_textbook),
        cmocka_unit_test(shares),
    };
    return cmocka_run_group_tests_name("policy_audio", tests, NULL, NULL);
}
