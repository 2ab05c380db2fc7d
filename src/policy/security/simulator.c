/* security: which system calls are an attacker's and not the program's.
 *
 * The question. A program makes system calls; somebody who has taken it over makes others in its
 * name. All we have seen before is what the program does when all is well. A call that never came
 * after the last few is suspicious, but after many calls much is new even in an innocent program,
 * and what comes after few an attacker knows how to imitate. How far back should we look, how much
 * evidence is a surprise, and for how long is it remembered, if 2 % false alarms are all that
 * anybody will put up with?
 *
 * The model. For each call the policy is told how often the n-grams of up to 12 calls that end
 * there occurred in training. From these it has the call's probability after the `order` calls
 * before it, each order smoothed by the next shorter one (MacKay and Peto 1995: what is seen counts
 * beside `doubt` observations of the shorter one's law). Two suspicions are tested against that:
 * that all calls are alike to whoever makes them, and that it is somebody who imitates the program
 * by fewer calls. The bits by which such a one makes the call more probable are added up as a CUSUM
 * does (Page 1954), which is also a leaky integrator, since an attack ends. Measured and left out:
 * the discounts of Kneser and Ney and the escapes of Witten and Bell, which need to know how many
 * different calls came next, did no better; nor did adding up the odds instead of taking the
 * greater suspicion. STIDE (Forrest and others 1996), which asks whether an n-gram is new, is about
 * this policy with a short order, hardly any doubt and one bit of evidence at most. The textbook
 * setting is that: STIDE with windows of 6 and a locality frame of 20 (Warrender, Forrest,
 * Pearlmutter 1999). The cost is 1 - (area under the ROC curve up to 2 % false alarms) / 2 %, so
 * moving a threshold gains nothing. The 20 calls after an attack do not count.
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
#include "policy/program.h"
#include "policy/security/program.h"
#include "policy/security/roc.h"
#include "policy/security/rules.h"
#include "policy/subject_table.h"

enum { ORDER, DOUBT, ALLOWANCE, IMITATED, LEAD, MOST, RELIEF, MEMORY, CAP, PARAMETERS };

static const struct parameter parameters[PARAMETERS] = {
    [ORDER] = {"order", "calls", "before this one that tell how probable it is", 1, 11, false, true,
               5},
    [DOUBT] = {"doubt", "", "observations that the law of fewer calls counts for", 0.05, 50, true,
               false, 0.05},
    [ALLOWANCE] = {"allowance", "bits", "of surprise that are no evidence", 0, 8, false, false, 5},
    [IMITATED] = {"imitated", "calls", "before this one that an imitator looks at", 0, 6, false,
                  true, 6},
    [LEAD] = {"lead", "bits", "for the imitator at each call", 0, 4, false, false, 0},
    [MOST] = {"most", "bits", "of evidence in one call", 0.5, 30, true, false, 1},
    [RELIEF] = {"relief", "bits", "that one call takes away at most", 0, 10, false, false, 0},
    [MEMORY] = {"memory", "calls", "half-life of suspicion", 1, 200, true, false, 10},
    [CAP] = {"cap", "bits", "of suspicion", 5, 200, true, false, 200},
};

/* One workload in the making. */
struct making {
    struct automaton program;
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
    memset(ret->places, PLACE_MOST, TEST_CALLS); /* it has run for long */
    attack_filter_start(&making->filter, &making->program, &making->mimicry, state);
    for (size_t i = 0; i < TEST_CALLS; i++)
        ret->beliefs[i] = attack_filter_take(&making->filter, &test[i]);
    return syscalls_count(calls, TRAINING_CALLS, TRAINING_CALLS + TEST_CALLS, ret->seen);
}

struct security_workload *security_workload_new(size_t count, size_t sequences)
{
    struct security_workload *load;
    size_t beliefs = sequences > 0 ? sequences : count;
    load = malloc(sizeof *load + beliefs * sizeof *load->beliefs +
                  count * (sizeof *load->seen + sizeof *load->places + sizeof *load->kinds));
    if (!load)
        return NULL;
    *load = (struct security_workload){.count = count, .sequences = sequences};
    load->beliefs = (void *)(load + 1);
    load->seen = (void *)(load->beliefs + beliefs);
    load->places = (void *)(load->seen + count);
    load->kinds = load->places + count;
    return load;
}

static void *workload_new(uint64_t seed)
{
    struct security_workload *load = security_workload_new(TEST_CALLS, 0);
    struct making *making = malloc(sizeof *making);
    if (!load || !making || make(making, seed, load) < 0) {
        free(load);
        load = NULL;
    }
    free(making);
    return load;
}

static bool is_foreign(const struct security_workload *load, size_t call, size_t window)
{
    return load->places[call] >= window && load->seen[call][window] == 0;
}

void security_stide(const struct security_workload *load, size_t window, size_t frame,
                    uint16_t *ret_scores)
{
    uint16_t foreign = 0;
    size_t begin = 0; /* of the sequence */
    for (size_t i = 0; i < load->count; i++) {
        if (load->places[i] == 1) {
            foreign = 0;
            begin = i;
        }
        foreign += is_foreign(load, i, window);
        if (i - begin >= frame)
            foreign -= is_foreign(load, i - frame, window);
        ret_scores[i] = foreign;
    }
}

enum { BIT = 65536 }; /* of evidence */

static void rules_of(const double *p, void *ret_rules)
{
    *(struct security_rules *)ret_rules = (struct security_rules){
        .order = fixed_point(p[ORDER], 1),
        .doubt = fixed_point(p[DOUBT], 256),
        .allowance = fixed_point(p[ALLOWANCE], BIT),
        .imitated = fixed_point(p[IMITATED], 1),
        .lead = fixed_point(p[LEAD], BIT),
        .most = fixed_point(p[MOST], BIT),
        .relief = fixed_point(p[RELIEF], BIT),
        .keep = fixed_point(elementary_power(0.5, 1 / p[MEMORY]), 65536),
        .cap = fixed_point(p[CAP], BIT),
    };
}

_Static_assert((int)SECURITY_COUNTS == GRAMS, "the same n-grams");
RULES_FIT(security_rules);
static const struct constant constants[] = {
    CONSTANT(security_rules, order),     CONSTANT(security_rules, doubt),
    CONSTANT(security_rules, allowance), CONSTANT(security_rules, imitated),
    CONSTANT(security_rules, lead),      CONSTANT(security_rules, most),
    CONSTANT(security_rules, relief),    CONSTANT(security_rules, keep),
    CONSTANT(security_rules, cap),
};
extern const char security_module[];

/* What is missed when calls have these scores, which it may overwrite. */
static double missed_area(const struct security_workload *load, uint16_t *scores)
{
    if (load->sequences == 0)
        return roc_missed_area(load->beliefs, scores, load->count);
    size_t sequences = 0;
    for (size_t i = 0; i < load->count; i++) {
        uint16_t score = scores[i];
        if (sequences == 0 || load->places[i] == 1)
            scores[sequences++] = score;
        else if (score > scores[sequences - 1])
            scores[sequences - 1] = score;
    }
    return roc_missed_area(load->beliefs, scores, sequences);
}

/* Who judges the calls: our rules, or a compiled module's. */
struct decider {
    int (*start)(const void *judge, void *state); /* a sequence; 0, or -1 when out of memory */
    uint32_t (*step)(const void *judge, void *state, const uint32_t *counts);
    const void *judge;
    void *state;
};

static double simulate(const struct security_workload *load, struct decider decider)
{
    uint16_t *scores = malloc(load->count * sizeof *scores);
    double cost = nan("");
    if (!scores)
        return cost;
    for (size_t i = 0; i < load->count; i++) {
        if ((i == 0 || load->places[i] == 1) && decider.start(decider.judge, decider.state) < 0)
            goto done;
        uint32_t score = decider.step(decider.judge, decider.state, load->seen[i]);
        scores[i] = score < UINT16_MAX ? (uint16_t)score : UINT16_MAX;
    }
    cost = missed_area(load, scores);
done:
    free(scores);
    return cost;
}

static int own_start(const void *rules, void *state)
{
    (void)rules;
    security_reset(state);
    return 0;
}

static uint32_t own_step(const void *rules, void *state, const uint32_t *counts)
{
    return security_step(rules, state, counts);
}

static double cost_of(const void *workload, const void *rules)
{
    struct security_state state = {.before = {0}};
    return simulate(workload, (struct decider){own_start, own_step, rules, &state});
}

enum { ASK_STEP };
static const struct operation operations[] = {
    [ASK_STEP] =
        {"step", "uint32_t", "void *state, const uint32_t *counts",
         "Ask at each system call how suspicious it is, 0 to 65535: 256 for each bit of evidence. "
         "counts[k], k = 0 to 12: how often the last k calls, in this order, with this one, occurred "
         "in training; counts[0]: how many calls that was. A state for each process that is "
         "watched."},
};

static int asked_start(const void *judge, void *state)
{
    module_states_drop(judge);
    return module_state_new(judge, state);
}

static uint32_t asked_step(const void *judge, void *state, const uint32_t *counts)
{
    const struct module_state *asked = state;
    struct module_call call = {.which = ASK_STEP, .state = asked->number};
    (void)judge;
    memcpy(call.bytes, counts, GRAMS * sizeof *counts);
    return (uint32_t)module_ask(asked->module, &call);
}

static double module_cost(const void *workload, const struct compiled_policy *module)
{
    struct module_state state;
    return simulate(workload, (struct decider){asked_start, asked_step, module, &state});
}

/* The fifth has STIDE's best frame on these workloads, which no textbook knows. The last is this
 * family's mechanism with constants set by hand. */
static const char *const baseline_names[] = {"STIDE 6, frame 20",  "STIDE 5, frame 20",
                                             "STIDE 10, frame 20", "STIDE 6, no frame",
                                             "STIDE 5, frame 14",  "Markov 7, CUSUM"};

/* A Markov chain of order 7, which counts what it has not seen as one observation of the chain of
 * order 6, and so on. The allowance is midway between what a normal call surprises (0.6 bits) and
 * one of 24 that are all alike (4.6). Nothing is forgotten; the cap is what 30 normal calls take
 * away, as many as an attack has. In floating point, for a surprise may be of 90 bits, and the
 * rules' probabilities end at 2^-31. */
enum { CHAIN_ORDER = 7 };
struct chain {
    double before[CHAIN_ORDER + 1]; /* the counts at the last call */
    double suspicion;               /* bits */
};

static int chain_start(const void *judge, void *state)
{
    (void)judge;
    *(struct chain *)state = (struct chain){.suspicion = 0};
    return 0;
}

static uint32_t chain_step(const void *judge, void *state, const uint32_t *counts)
{
    static const double never = 1.0 / 256, allowance = 2.6, cap = 60;
    struct chain *chain = state;
    double probability = never;
    (void)judge;
    chain->before[0] = counts[0];
    for (int k = 0; k <= CHAIN_ORDER && chain->before[k] > 0; k++)
        probability = (counts[k + 1] + probability) / (chain->before[k] + 1);
    for (int k = 1; k <= CHAIN_ORDER; k++)
        chain->before[k] = counts[k];
    double surprise = -elementary_log(probability) / elementary_log(2);
    chain->suspicion = fmin(fmax(chain->suspicion + surprise - allowance, 0), cap);
    return (uint32_t)(chain->suspicion * 256);
}

static double baseline_cost(const void *workload, int which)
{
    static const struct {
        size_t window, frame;
    } stide[] = {{6, 20}, {5, 20}, {10, 20}, {6, 1}, {5, 14}};
    const struct security_workload *load = workload;
    if ((size_t)which >= sizeof stide / sizeof *stide)
        return simulate(load, (struct decider){chain_start, chain_step, NULL, &(struct chain){}});
    uint16_t *scores = malloc(load->count * sizeof *scores);
    if (!scores)
        return nan("");
    security_stide(load, stide[which].window, stide[which].frame, scores);
    double cost = missed_area(load, scores);
    free(scores);
    return cost;
}

static double bound_cost(const void *workload)
{
    const struct security_workload *load = workload;
    return roc_least_missed_area(load->beliefs, load->count);
}

/* ── a program decides ── */

static const struct feature features[SECURITY_FEATURES] = {
    [SECURITY_SUSPICION] = {"suspicion", "bits/1024", "what it answered at the last call"},
    [SECURITY_WHICH] = {"which", "", "of the two suspicions: 0 or 1"},
    [SECURITY_LENGTH] = {"length", "calls",
                         "of the longest n-gram that ends here and came in training, up to 12"},
    [SECURITY_LENGTH_BEFORE] = {"length_before", "calls", "the same at the last call"},
    [SECURITY_SURPRISE_0] = {"surprise_0", "bits/1024", "of this call, whatever came before it"},
    [SECURITY_SURPRISE_1] = {"surprise_1", "bits/1024", "of this call after the one before it"},
    [SECURITY_SURPRISE_2] = {"surprise_2", "bits/1024", "after two calls"},
    [SECURITY_SURPRISE_3] = {"surprise_3", "bits/1024", "after three"},
    [SECURITY_SURPRISE_4] = {"surprise_4", "bits/1024", "after four"},
    [SECURITY_SURPRISE_5] = {"surprise_5", "bits/1024", "after five"},
    [SECURITY_SURPRISE_7] = {"surprise_7", "bits/1024", "after seven"},
    [SECURITY_SURPRISE_11] = {"surprise_11", "bits/1024", "after eleven"},
    [SECURITY_FAST] = {"fast", "bits/1024", "average of surprise_5 over 8 calls before this one"},
    [SECURITY_SLOW] = {"slow", "bits/1024", "the same over 64"},
};

/* STIDE with windows of 6, without a frame and with one that leaks, as the textbook's 20; a Markov
 * chain of order 7 with a CUSUM; and that with the rules' suspicion of an imitator beside it. */
static const char imitated[] =
    "least 61440 most 0 add suspicion if_more which 0 subtract surprise_7 surprise_2 subtract "
    "surprise_7 2662";
static const char *const known[] = {
    "if_more 6 length 1024 0", "add scale 955 suspicion if_more 6 length 1024 0",
    "least 61440 most 0 add suspicion subtract surprise_7 2662", imitated, NULL};

static int programmed_start(const void *decider, void *state)
{
    (void)decider;
    security_program_reset(state);
    return 0;
}

static uint32_t programmed_step(const void *decider, void *state, const uint32_t *counts)
{
    return security_program_step(decider, state, counts);
}

static double program_cost(const void *workload, const struct program *program)
{
    struct security_program state = {.before = {0}};
    struct program_decider decider = {program_decide, program};
    return simulate(workload,
                    (struct decider){programmed_start, programmed_step, &decider, &state});
}

extern const char security_program_text[];
static const struct program_frame frame = {.feature_count = SECURITY_FEATURES,
                                           .features = features,
                                           .text = security_program_text,
                                           .known = known,
                                           .cost_of = program_cost};

const struct subject subject_security = {
    .name = "security",
    .specialization = "security",
    .title = "anomaly detection in system calls by a Markov chain's surprise",
    .cost = "attack calls missed at up to 2 % false alarms (1 - partial AUC)",
    .version = "4",
    .module = security_module,
    .stateful = true,
    .frame = &frame,
    .workload_read = security_recorded,
    .trace_kind = TRACE_CALLS,
    .trace_least = 500,
    .trace_unbounded = true,
    SUBJECT_PARTS,
};
