/* security: which system calls are an attacker's and not the program's.
 *
 * The question. A program makes system calls; somebody who has taken it over makes others in its
 * name. All we have seen before is what the program does when all is well. An n-gram of calls never
 * seen before is suspicious, but long ones are often new even in an innocent program, and short
 * ones an attacker knows how to imitate. How much should each length count, how rare is rare, and
 * for how long is suspicion remembered, if 2 % false alarms are all that anybody will put up with?
 *
 * The model. For each call the policy is told how often the n-grams of 2..12 calls that end there
 * occurred in training. Their rarities are weighted by length, summed, capped, and remembered by
 * two leaky integrators. This generalises STIDE (Forrest and others 1996); the textbook setting is
 * STIDE with windows of 6 and a locality frame of 20 (Warrender, Forrest, Pearlmutter 1999). The
 * cost is 1 - (area under the ROC curve up to 2 % false alarms) / 2 %, so moving a threshold gains
 * nothing. The 20 calls after an attack do not count.
 *
 * The workload (synthetic; the priors are ours). The program is a random automaton of 40 states
 * over 24 calls of uneven popularity. There are 12,000 calls of training, then 10,000 in which
 * attacks begin every 500 calls and last for 30, on average. An attack draws from a law of its own,
 * or imitates the pairs or the triples of the training.
 *
 * How calls are counted. The exact Bayes filter knows the program, the attacks' laws and their
 * rate. From the calls so far it tells how probable it is that the last one is an attack's. A call
 * counts towards detections and false alarms with these probabilities, not with what it turned out
 * to be. In expectation that is the same for every policy, since none sees more than the filter
 * does; but it removes the luck. So the bound holds on every single workload, not just on average:
 * ranking calls by the filter's odds is the best there is (Neyman and Pearson). Counted by what
 * calls turned out to be, luck would beat the filter on about one workload in 200.
 *
 * Known answers. The filter is calibrated: of the calls to which it gives 30 %, 30 % are an
 * attack's. STIDE is best with windows of 5 or 6 (the well-known "why 6?"). A foreign sequence of n
 * calls whose parts are all known is seen if and only if the window is n or longer (Tan and Maxion
 * 2002). */
#include "policy/security/simulator.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "policy/elementary.h"
#include "policy/module.h"
#include "policy/security/roc.h"
#include "policy/security/rules.h"
#include "policy/subject_table.h"

enum { CENTRE, WIDTH, SCALE, SHORT_MEMORY, LONG_MEMORY, SATURATION, MIX, PARAMETERS };

static const struct parameter parameters[PARAMETERS] = {
    [CENTRE] = {"centre", "calls", "length of the n-grams that weigh most", 2, 12, false, false, 6},
    [WIDTH] = {"width", "calls", "spread of the weights about it", 0.5, 8, true, false, 0.5},
    [SCALE] = {"scale", "log10", "an n-gram seen 10^scale times is not rare", 0.05, 3, true, false,
               0.05},
    [SHORT_MEMORY] = {"short_memory", "calls", "half-life of the first integrator", 0.5, 30, true,
                      false, 7},
    [LONG_MEMORY] = {"long_memory", "calls", "half-life of the second", 2, 60, true, false, 14},
    [SATURATION] = {"saturation", "", "share of the weight that is full suspicion", 0.05, 1, true,
                    false, 1},
    [MIX] = {"mix", "", "what the second integrator counts for", 0, 1, false, false, 0},
};

/* One workload in the making. */
struct making {
    struct program program;
    struct mimicry mimicry;
    struct attack_filter filter;
    uint8_t calls[TRAINING_CALLS + TEST_CALLS];
};

static int make(struct making *making, uint64_t seed, struct security_workload *ret)
{
    struct random random;
    random_seed(&random, seed);
    program_draw(&making->program, &random);
    uint8_t *calls = making->calls, *test = calls + TRAINING_CALLS;
    uint8_t state = syscalls_normal(&making->program, 0, &random, calls, TRAINING_CALLS);
    mimicry_learn(&making->mimicry, calls, TRAINING_CALLS, &random);
    syscalls_attacked(&making->program, &making->mimicry, state, &random, test, ret->kinds,
                      TEST_CALLS);
    attack_filter_start(&making->filter, &making->program, &making->mimicry, state);
    for (size_t i = 0; i < TEST_CALLS; i++)
        ret->beliefs[i] = attack_filter_take(&making->filter, &test[i]);
    return syscalls_count(calls, TRAINING_CALLS, TRAINING_CALLS + TEST_CALLS, ret->seen);
}

static void *workload_new(uint64_t seed)
{
    struct security_workload *load = malloc(sizeof *load);
    struct making *making = malloc(sizeof *making);
    if (!load || !making || make(making, seed, load) < 0) {
        free(load);
        load = NULL;
    }
    free(making);
    return load;
}

void security_stide(const struct security_workload *load, size_t window, size_t frame,
                    uint16_t *ret_scores)
{
    size_t order = window - ORDER_LEAST;
    uint16_t foreign = 0;
    for (size_t i = 0; i < TEST_CALLS; i++) {
        foreign += load->seen[i][order] == 0;
        if (i >= frame)
            foreign -= load->seen[i - frame][order] == 0;
        ret_scores[i] = foreign;
    }
}

static void rules_of(const double *p, void *ret_rules)
{
    struct security_rules *ret = ret_rules;
    double weights[ORDERS], sum = 0;
    for (int k = 0; k < ORDERS; k++) {
        double distance = (ORDER_LEAST + k - p[CENTRE]) / p[WIDTH];
        weights[k] = elementary_exp(-distance * distance / 2);
        sum += weights[k];
    }
    for (int k = 0; k < ORDERS; k++)
        ret->weights[k] = fixed_point(weights[k] / sum, 65536);
    ret->decline = fixed_point(elementary_log(2) / elementary_log(10) / p[SCALE], 65536);
    ret->gain = fixed_point(16 / p[SATURATION], 65536);
    ret->keep[0] = fixed_point(elementary_power(0.5, 1 / p[SHORT_MEMORY]), 65536);
    ret->keep[1] = fixed_point(elementary_power(0.5, 1 / p[LONG_MEMORY]), 65536);
    ret->mix = fixed_point(p[MIX], 65536);
}

_Static_assert((int)SECURITY_ORDERS == ORDERS && (int)SECURITY_ORDER_LEAST == ORDER_LEAST,
               "the same n-grams");
RULES_FIT(security_rules);
static const struct constant constants[] = {
    CONSTANT(security_rules, weights), CONSTANT(security_rules, decline),
    CONSTANT(security_rules, gain),    CONSTANT(security_rules, keep),
    CONSTANT(security_rules, mix),
};
extern const char security_module[];

/* Who judges the calls: our rules, or a compiled module's. */
struct decider {
    uint32_t (*step)(const void *judge, void *state, const uint32_t *seen);
    const void *judge;
    void *state;
};

static double simulate(const struct security_workload *load, struct decider decider)
{
    uint16_t scores[TEST_CALLS];
    for (size_t i = 0; i < TEST_CALLS; i++) {
        uint32_t seen[ORDERS];
        for (int k = 0; k < ORDERS; k++)
            seen[k] = load->seen[i][k];
        uint32_t score = decider.step(decider.judge, decider.state, seen);
        scores[i] = score < UINT16_MAX ? (uint16_t)score : UINT16_MAX;
    }
    return roc_missed_area(load->beliefs, scores, TEST_CALLS);
}

static uint32_t own_step(const void *rules, void *state, const uint32_t *seen)
{
    return security_step(rules, state, seen);
}

static double cost_of(const void *workload, const void *rules)
{
    struct security_state state;
    security_reset(&state);
    return simulate(workload, (struct decider){own_step, rules, &state});
}

enum { ASK_STEP };
static const struct operation operations[] = {
    [ASK_STEP] =
        {"step", "uint32_t", "void *state, const uint32_t *counts",
         "Ask at each system call how suspicious it is, 0 to 65535. counts[k], k = 0 to 10: how "
         "often the last k + 2 calls, in this order, with this one, occurred in training. A state "
         "for each process that is watched."},
};

static uint32_t asked_step(const void *judge, void *state, const uint32_t *seen)
{
    const struct module_state *asked = state;
    struct module_call call = {.which = ASK_STEP, .state = asked->number};
    (void)judge;
    memcpy(call.bytes, seen, ORDERS * sizeof *seen);
    return (uint32_t)module_ask(asked->module, &call);
}

static double module_cost(const void *workload, const struct compiled_policy *module)
{
    struct module_state state;
    if (module_state_new(module, &state) < 0)
        return nan("");
    return simulate(workload, (struct decider){asked_step, NULL, &state});
}

/* The last has the best frame on these workloads, which no textbook knows. */
static const char *const baseline_names[] = {"STIDE 6, frame 20", "STIDE 5, frame 20",
                                             "STIDE 10, frame 20", "STIDE 6, no frame",
                                             "STIDE 5, frame 14"};

static double baseline_cost(const void *workload, int which)
{
    static const struct {
        size_t window, frame;
    } stide[] = {{6, 20}, {5, 20}, {10, 20}, {6, 1}, {5, 14}};
    const struct security_workload *load = workload;
    uint16_t scores[TEST_CALLS];
    security_stide(load, stide[which].window, stide[which].frame, scores);
    return roc_missed_area(load->beliefs, scores, TEST_CALLS);
}

static double bound_cost(const void *workload)
{
    const struct security_workload *load = workload;
    return roc_least_missed_area(load->beliefs, TEST_CALLS);
}

const struct subject subject_security = {
    .name = "security",
    .specialization = "security",
    .title = "anomaly detection in system calls by n-grams of many lengths",
    .cost = "attack calls missed at up to 2 % false alarms (1 - partial AUC)",
    .version = "2",
    .module = security_module,
    .stateful = true,
    SUBJECT_PARTS,
};
