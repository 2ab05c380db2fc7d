/* performance: how long a thread should spin for a mutex before it goes to sleep.
 *
 * The question. The mutex is taken. Spinning burns CPU time for as long as the wait lasts; going to
 * sleep and being woken costs 8 us, however long it lasts. Nobody knows how long it will last. What
 * should the limit for spinning be, and when is it better not to spin at all?
 *
 * The model. 20,000 contended acquires with waits W. With a limit L an acquire costs W if the mutex
 * becomes free within it, otherwise L plus the 8 us (C). The policy keeps a running estimate of one
 * turn at the mutex (rising and falling at different rates, long waits clipped), scales it to the
 * queue ahead, adds a margin, and parks at once if even the expected wait is too long. After each
 * acquire it learns how long that one took.
 *
 * The workload (synthetic; the ranges are our choice). Three alternating regimes, each with
 * lognormal hold times of its own and a crowd of its own of 0..6 in the queue. W is the rest of the
 * owner's hold plus the holds of those ahead of us. With probability 0.0003..0.02 the owner is
 * preempted, for 1.5 ms on average.
 *
 * Known answers. Spinning for as long as parking costs is never worse than twice the best in
 * hindsight (Karlin, Li, Manasse, Owicki 1991: ski rental). For exponential waits of mean m a limit
 * t costs m (1 - e^-t/m) + C e^-t/m. The textbook is what glibc does for PTHREAD_MUTEX_ADAPTIVE_NP:
 * up to 10 rounds more than twice a running mean of rounds, and 100 at most (40 ns each here). The
 * bound knows W: the sum of min(W, C). */
#include "policy/performance/simulator.h"

#include <math.h>
#include <stdlib.h>

#include "policy/elementary.h"
#include "policy/module.h"
#include "policy/performance/program.h"
#include "policy/performance/rules.h"
#include "policy/program.h"
#include "policy/random.h"
#include "policy/subject_table.h"

enum { ACQUIRES = 20000, REGIMES = 3, QUEUE_MAX = 6 };

enum { UP, DOWN, MULTIPLIER, MARGIN, CAP, PARK_AT, CLIP, QUEUE_WEIGHT, PARAMETERS };

static const struct parameter parameters[PARAMETERS] = {
    [UP] = {"up", "", "share of a longer turn that is believed", 0.002, 0.5, true, false, 0.125},
    [DOWN] = {"down", "", "share of a shorter turn that is believed", 0.002, 0.5, true, false,
              0.125},
    [MULTIPLIER] = {"multiplier", "", "limit to expected wait", 0.3, 8, true, false, 2},
    [MARGIN] = {"margin", "us", "limit beyond that", 0, 8, false, false, 0.4},
    [CAP] = {"cap", "us", "longest limit", 0.5, 60, true, false, 4},
    [PARK_AT] = {"park_at", "us", "expected wait from which on to park at once", 1, 60, true, false,
                 60},
    [CLIP] = {"clip", "us", "longest turn that is believed", 1, 100, true, false, 4},
    [QUEUE_WEIGHT] = {"queue_weight", "turns", "wait for each one in the queue", 0, 3, false, false,
                      0},
};

/* One workload in the making. */
struct regime {
    double share;         /* of the time, before the three are made to sum up to 1 */
    double median, sigma; /* of the holds, us */
    double crowd;         /* chance of one more in the queue */
};

static void draw_regimes(struct random *random, struct regime *ret_regimes)
{
    static const struct {
        double share_up_to, median;
    } kinds[REGIMES] = {{1, 0.25}, {0.8, 1.5}, {0.3, 10}};
    double scale = random_log_between(random, 0.4, 2), total = 0;
    for (int i = 0; i < REGIMES; i++) {
        struct regime *regime = &ret_regimes[i];
        total += regime->share = random_between(random, 0, kinds[i].share_up_to);
        regime->median = scale * kinds[i].median * random_log_between(random, 1 / 1.5, 1.5);
        regime->sigma = random_between(random, 0.2, 0.8);
        regime->crowd = random_between(random, 0.05, 0.6);
    }
    for (int i = 0; i < REGIMES; i++)
        ret_regimes[i].share /= total;
}

static const struct regime *draw_regime(struct random *random, const struct regime *regimes)
{
    double dice = random_uniform(random);
    int i = 0;
    while (i < REGIMES - 1 && (dice -= regimes[i].share) >= 0)
        i++;
    return &regimes[i];
}

static double draw_hold(struct random *random, const struct regime *regime)
{
    return regime->median * elementary_exp(regime->sigma * random_normal(random));
}

static void *workload_new(uint64_t seed)
{
    struct performance_workload *load = malloc(sizeof *load + ACQUIRES * sizeof load->acquires[0]);
    if (!load)
        return NULL;
    struct random random;
    struct regime regimes[REGIMES];
    random_seed(&random, seed);
    draw_regimes(&random, regimes);
    double preempted = random_log_between(&random, 0.0003, 0.02);
    double change = 1 / random_log_between(&random, 50, 2000);
    const struct regime *regime = draw_regime(&random, regimes);
    load->count = ACQUIRES;
    for (uint32_t i = 0; i < ACQUIRES; i++) {
        if (random_uniform(&random) < change)
            regime = draw_regime(&random, regimes);
        uint32_t queue = 0;
        while (queue < QUEUE_MAX && random_uniform(&random) < regime->crowd)
            queue++;
        double wait = draw_hold(&random, regime);
        wait *= random_uniform(&random); /* the owner has had a part of its turn */
        for (uint32_t k = 0; k < queue; k++)
            wait += draw_hold(&random, regime);
        if (random_uniform(&random) < preempted)
            wait += random_exponential(&random, 1500);
        load->acquires[i] = (struct acquire){(uint32_t)(wait * 1000), queue};
    }
    return load;
}

static void rules_of(const double *p, void *ret_rules)
{
    *(struct performance_rules *)ret_rules =
        (struct performance_rules){.up = fixed_point(p[UP], 65536),
                                   .down = fixed_point(p[DOWN], 65536),
                                   .multiplier = fixed_point(p[MULTIPLIER], 4096),
                                   .queue_weight = fixed_point(p[QUEUE_WEIGHT], 4096),
                                   .margin = fixed_point(p[MARGIN], 1000),
                                   .cap = fixed_point(p[CAP], 1000),
                                   .park_at = fixed_point(p[PARK_AT], 1000),
                                   .clip = fixed_point(p[CLIP], 1000)};
}

RULES_FIT(performance_rules);
static const struct constant constants[] = {
    CONSTANT(performance_rules, up),         CONSTANT(performance_rules, down),
    CONSTANT(performance_rules, multiplier), CONSTANT(performance_rules, queue_weight),
    CONSTANT(performance_rules, margin),     CONSTANT(performance_rules, cap),
    CONSTANT(performance_rules, park_at),    CONSTANT(performance_rules, clip),
};
extern const char performance_module[];

static uint64_t spent(uint32_t wait, uint32_t limit)
{
    return wait <= limit ? wait : (uint64_t)limit + PERFORMANCE_PARK_NS;
}

static double mean_us(const struct performance_workload *load, uint64_t ns)
{
    return (double)ns / load->count / 1000;
}

/* Who decides: the rules, or a compiled module. */
struct decider {
    uint32_t (*spin_limit)(const void *context, void *state, uint32_t queue);
    void (*feedback)(const void *context, void *state, uint32_t waited);
    const void *context;
    void *state;
};

static inline double simulate(const struct performance_workload *load, struct decider decider)
{
    uint64_t ns = 0;
    for (uint32_t i = 0; i < load->count; i++) {
        uint32_t wait = load->acquires[i].wait;
        ns += spent(wait,
                    decider.spin_limit(decider.context, decider.state, load->acquires[i].queue));
        decider.feedback(decider.context, decider.state, wait);
    }
    return mean_us(load, ns);
}

static uint32_t ruled_limit(const void *rules, void *state, uint32_t queue)
{
    return performance_spin_limit(rules, state, queue);
}

static void ruled_feedback(const void *rules, void *state, uint32_t waited)
{
    performance_learn(rules, state, waited);
}

static double cost_of(const void *workload, const void *rules)
{
    struct performance_state state;
    performance_reset(&state);
    return simulate(workload, (struct decider){ruled_limit, ruled_feedback, rules, &state});
}

double performance_fixed_cost(const struct performance_workload *load, uint32_t limit)
{
    uint64_t ns = 0;
    for (uint32_t i = 0; i < load->count; i++)
        ns += spent(load->acquires[i].wait, limit);
    return mean_us(load, ns);
}

/* nptl/pthread_mutex_lock.c; a round is a pause and a look. */
static double glibc_adaptive_cost(const struct performance_workload *load)
{
    const int round_ns = 40, most_rounds = 100;
    uint64_t ns = 0;
    int spins = 0;
    for (uint32_t i = 0; i < load->count; i++) {
        uint32_t wait = load->acquires[i].wait;
        int most = spins * 2 + 10 < most_rounds ? spins * 2 + 10 : most_rounds;
        uint32_t limit = (uint32_t)(most * round_ns);
        int count = wait <= limit ? ((int)wait + round_ns - 1) / round_ns : most + 1;
        spins += (count - spins) / 8;
        ns += spent(wait, limit);
    }
    return mean_us(load, ns);
}

static const char *const baseline_names[] = {"glibc adaptive", "spin 8 us", "park at once",
                                             "spin always"};

static double baseline_cost(const void *workload, int which)
{
    static const uint32_t limits[] = {0, PERFORMANCE_PARK_NS, 0, UINT32_MAX};
    return which == 0 ? glibc_adaptive_cost(workload)
                      : performance_fixed_cost(workload, limits[which]);
}

static double bound_cost(const void *workload)
{
    const struct performance_workload *load = workload;
    uint64_t ns = 0;
    for (uint32_t i = 0; i < load->count; i++) {
        uint32_t wait = load->acquires[i].wait;
        ns += wait < PERFORMANCE_PARK_NS ? wait : PERFORMANCE_PARK_NS;
    }
    return mean_us(load, ns);
}

enum { ASK_SPIN_LIMIT, TELL_FEEDBACK };
static const struct operation operations[] = {
    [ASK_SPIN_LIMIT] =
        {"spin_limit_ns", "uint32_t", "void *state, uint32_t queue",
         "Ask when the mutex is taken: how long to spin for it before going to sleep; 0: don't. "
         "queue: how many wait already. A state for each mutex and CPU, since feedback is about "
         "the latest question."},
    [TELL_FEEDBACK] = {"feedback", "void", "void *state, uint32_t waited_ns",
                       "Tell when the mutex is ours: how long that took, awake or asleep."},
};

static uint32_t asked_limit(const void *context, void *state, uint32_t queue)
{
    const struct module_state *asked = state;
    struct module_call call = {
        .which = ASK_SPIN_LIMIT, .state = asked->number, .arguments = {queue}};
    (void)context;
    return (uint32_t)module_ask(asked->module, &call);
}

static void told_feedback(const void *context, void *state, uint32_t waited)
{
    const struct module_state *told = state;
    struct module_call call = {
        .which = TELL_FEEDBACK, .state = told->number, .arguments = {waited}};
    (void)context;
    module_ask(told->module, &call);
}

static double module_cost(const void *workload, const struct compiled_policy *module)
{
    struct module_state state;
    if (module_state_new(module, &state) < 0)
        return nan("");
    return simulate(workload, (struct decider){asked_limit, told_feedback, NULL, &state});
}

/* ── a program decides ── */

static const struct feature features[PERFORMANCE_FEATURES] = {
    [PERFORMANCE_QUEUE] = {"queue", "", "how many wait already"},
    [PERFORMANCE_TURN] = {"turn", "ns",
                          "average of a wait, divided among those who waited; over 16"},
    [PERFORMANCE_EXPECTED] = {"expected", "ns", "that for all of the queue and oneself"},
    [PERFORMANCE_FAST] = {"fast", "ns", "fast average of waits, over 8"},
    [PERFORMANCE_SLOW] = {"slow", "ns", "slow average of waits, over 128"},
    [PERFORMANCE_DEVIATION] = {"deviation", "ns", "slow average of the distance to that"},
    [PERFORMANCE_HIGH] = {"high", "ns", "about what 15 of 16 waits are below"},
    [PERFORMANCE_LAST] = {"last", "ns", "the last wait"},
    [PERFORMANCE_LATEST_LONG] = {"latest_long", "1/1024",
                                 "how many of the last 16 waits were longer than parking costs"},
};

/* glibc's, as long as parking costs, and the rules': twice what is expected, or not at all. */
static const char *const known[] = {"least 4000 add 400 scale 2048 fast", "8000",
                                    "if_more expected 8000 0 least 16000 scale 2048 expected",
                                    NULL};

struct programmed {
    struct performance_program state;
    const struct program *program;
};

static uint32_t programmed_limit(const void *context, void *state, uint32_t queue)
{
    struct programmed *programmed = state;
    int64_t f[PERFORMANCE_FEATURES];
    (void)context;
    performance_program_asked(&programmed->state, queue, f);
    return performance_program_answer(program_run(programmed->program, f));
}

static void programmed_feedback(const void *context, void *state, uint32_t waited)
{
    (void)context;
    performance_program_learn(&((struct programmed *)state)->state, waited);
}

static double program_cost(const void *workload, const struct program *program)
{
    struct programmed programmed = {.program = program};
    performance_program_reset(&programmed.state);
    return simulate(workload,
                    (struct decider){programmed_limit, programmed_feedback, NULL, &programmed});
}

extern const char performance_program_text[];
static const struct program_frame frame = {.feature_count = PERFORMANCE_FEATURES,
                                           .features = features,
                                           .text = performance_program_text,
                                           .known = known,
                                           .cost_of = program_cost};

const struct subject subject_performance = {
    .name = "performance",
    .specialization = "performance",
    .title = "mutex that spins, then parks",
    .cost = "CPU time per contended acquire, us",
    .version = "3",
    .module = performance_module,
    .trace_lacks = "no public one of mutexes is known",
    .stateful = true,
    .frame = &frame,
    SUBJECT_PARTS,
};
