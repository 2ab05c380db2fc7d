/* process_manager: a multi-level feedback queue that pays for its context switches.
 *
 * The question. One CPU, and jobs whose length nobody knows. Serving the short ones first gives the
 * lowest mean response time, but to find out which are short you have to start them all, and every
 * switch to another job costs 50 us (the direct cost and the cold cache; Li, Ding, Shen 2007). How
 * long should slices be, when is a job no longer "short", and how often do all start afresh?
 *
 * The model. Preemptive priority levels, round robin within a level. A job drops a level by the CPU
 * time it has had, not by the slices it has used up, so it gains nothing by yielding just before a
 * slice ends. Once every `boost` all jobs go back to level 0. The period is capped at 1 s: with the
 * mean as the only goal a tuner would never boost, and long jobs would starve.
 *
 * The workload (synthetic). 1,500 jobs, Poisson arrivals, load 0.6..0.9. A share of 0.6..0.95 are
 * short bursts (lognormal, median 1..4 ms, sigma 1); the rest are bounded Pareto (alpha 1.1..1.6,
 * from 20..60 ms up to 3 s). The time scale is then set so that the jobs drawn make exactly that
 * load.
 *
 * Known answers. Without switch costs, FCFS follows Pollaczek and Khinchine: E[S] + l E[S^2] /
 * 2(1-r). Tiny slices are processor sharing: E[S] / (1-r). Shortest remaining time first is the
 * integral of Schrage and Miller (1966), and optimal on every trace (Schrage 1968): the bound. PIAS
 * (NSDI 2015) tunes thresholds of this kind for network flows. */
#include "policy/process_manager/simulator.h"

#include <math.h>
#include <stdlib.h>

#include "policy/elementary.h"
#include "policy/module.h"
#include "policy/process_manager/rules.h"
#include "policy/random.h"
#include "policy/subject_table.h"

enum { JOBS = 1500 };
#define NS_PER_MS      INT64_C(1000000)
#define SWITCH_COST_NS INT64_C(50000)

enum { SLICE0, SLICE_GROWTH, ALLOTMENT0, ALLOTMENT_GROWTH, BOOST, LEVELS, PARAMETERS };

static const struct parameter parameters[PARAMETERS] = {
    [SLICE0] = {"slice0", "ms", "slice of the highest level", 0.2, 50, true, false, 10},
    [SLICE_GROWTH] = {"slice_growth", "", "slice of a level to that of the one above", 1, 4, true,
                      false, 2},
    [ALLOTMENT0] = {"allotment0", "ms", "CPU time in the highest level", 0.5, 100, true, false, 20},
    [ALLOTMENT_GROWTH] = {"allotment_growth", "", "allotment of a level to that of the one above",
                          1.2, 6, true, false, 2},
    [BOOST] = {"boost", "ms", "period after which all start again", 50, 1000, true, false, 1000},
    [LEVELS] = {"levels", "", "priority levels", 2, CPU_LEVELS_MAX, false, true, 3},
};

/* Arrivals are drawn in units of the mean gap, whose length then follows from the work that was
 * drawn: with such heavy tails the expected work would miss the load by far on 1,500 jobs. */
static void *workload_new(uint64_t seed)
{
    struct process_workload *load = malloc(sizeof *load + JOBS * sizeof load->jobs[0]);
    double *arrivals = malloc(JOBS * sizeof *arrivals);
    if (!load || !arrivals) {
        free(load);
        free(arrivals);
        return NULL;
    }
    load->count = JOBS;
    struct random random;
    random_seed(&random, seed);
    double utilisation = random_between(&random, 0.6, 0.9);
    double short_share = random_between(&random, 0.6, 0.95);
    double median = random_between(&random, 1, 4);
    double alpha = random_between(&random, 1.1, 1.6);
    double longest = 3000, long_from = random_between(&random, 20, 60);
    double clock = 0, work = 0;
    for (uint32_t i = 0; i < JOBS; i++) {
        arrivals[i] = clock += random_exponential(&random, 1);
        double service = random_uniform(&random) < short_share
                             ? median * elementary_exp(random_normal(&random))
                             : random_bounded_pareto(&random, alpha, long_from, longest);
        load->jobs[i].service = 1 + (int64_t)(service * NS_PER_MS);
        work += service;
    }
    double gap = work / utilisation / clock;
    for (uint32_t i = 0; i < JOBS; i++)
        load->jobs[i].arrival = (int64_t)(arrivals[i] * gap * NS_PER_MS);
    free(arrivals);
    return load;
}

static void rules_of(const double *p, void *ret_rules)
{
    struct process_manager_rules *rules = ret_rules;
    *rules = (struct process_manager_rules){.levels = fixed_point(p[LEVELS], 1),
                                            .boost_us = fixed_point(p[BOOST], 1000)};
    double slice = p[SLICE0], allotment = p[ALLOTMENT0], end = 0;
    for (uint32_t level = 0; level < rules->levels; level++) {
        end += allotment;
        rules->slices_us[level] = fixed_point(slice, 1000);
        /* nobody gets an hour of CPU from one boost to the next: 2^32 us are as good as more */
        rules->level_ends_us[level] = fixed_point(fmin(end, UINT32_MAX / 1e3), 1000);
        slice *= p[SLICE_GROWTH];
        allotment *= p[ALLOTMENT_GROWTH];
    }
}

_Static_assert((int)PROCESS_MANAGER_LEVELS_MAX == CPU_LEVELS_MAX, "as many levels");
RULES_FIT(process_manager_rules);
static const struct constant constants[] = {
    CONSTANT(process_manager_rules, levels),
    CONSTANT(process_manager_rules, slices_us),
    CONSTANT(process_manager_rules, level_ends_us),
    CONSTANT(process_manager_rules, boost_us),
};
extern const char process_manager_module[];

/* Who decides: the rules, or a compiled module. */
struct decider {
    uint32_t (*levels)(const void *context);
    uint32_t (*slice_us)(const void *context, uint32_t level);
    uint32_t (*level_of)(const void *context, uint64_t attained_us);
    uint64_t (*boost_us)(const void *context);
    const void *context;
};

static int64_t clamped_ns(uint64_t us, double low_ms, double high_ms)
{
    uint64_t low = fixed_point(low_ms, 1000), high = fixed_point(high_ms, 1000);
    return (int64_t)(us < low ? low : us > high ? high : us) * 1000;
}

/* The tables behind the four answers: a level ends at the least attained time that belongs to a
 * later one. */
static struct cpu_policy tables(const struct decider *decider)
{
    enum { LONGEST_US_BITS = 50 };
    const void *context = decider->context;
    uint32_t count = decider->levels(context);
    count = count < 1 ? 1 : count > CPU_LEVELS_MAX ? CPU_LEVELS_MAX : count;
    struct cpu_policy policy = {.levels = (int)count,
                                .boost = clamped_ns(decider->boost_us(context),
                                                    parameters[BOOST].low, parameters[BOOST].high),
                                .switch_cost = SWITCH_COST_NS};
    uint64_t end = 0;
    for (uint32_t level = 0; level < count; level++) {
        policy.slice[level] =
            clamped_ns(decider->slice_us(context, level), parameters[SLICE0].low, UINT32_MAX / 1e3);
        uint64_t high = UINT64_C(1) << LONGEST_US_BITS;
        while (end < high) { /* from the last level's end on: ends must rise */
            uint64_t middle = (end + high) / 2;
            if (decider->level_of(context, middle) > level)
                high = middle;
            else
                end = middle + 1;
        }
        policy.level_end[level] = (int64_t)end * 1000;
    }
    return policy;
}

static double mean_response_ms(const struct process_workload *load, const struct cpu_policy *policy)
{
    return cpu_mean_response(load->jobs, load->count, policy) / NS_PER_MS;
}

static double decided_cost(const void *workload, const struct decider *decider)
{
    struct cpu_policy policy = tables(decider);
    return mean_response_ms(workload, &policy);
}

static uint32_t ruled_levels(const void *rules)
{
    return ((const struct process_manager_rules *)rules)->levels;
}

static uint32_t ruled_slice_us(const void *rules, uint32_t level)
{
    return process_manager_slice_us(rules, level);
}

static uint32_t ruled_level_of(const void *rules, uint64_t attained_us)
{
    return process_manager_level_of(rules, attained_us);
}

static uint64_t ruled_boost_us(const void *rules)
{
    return ((const struct process_manager_rules *)rules)->boost_us;
}

static double cost_of(const void *workload, const void *rules)
{
    return decided_cost(workload, &(struct decider){ruled_levels, ruled_slice_us, ruled_level_of,
                                                    ruled_boost_us, rules});
}

enum { ASK_LEVELS, ASK_SLICE, ASK_LEVEL_OF, ASK_BOOST };
static const struct operation operations[] = {
    [ASK_LEVELS] = {"levels", "uint32_t", "void",
                    "Priority levels; 0 is served first, round robin inside a level."},
    [ASK_SLICE] = {"slice_us", "uint32_t", "uint32_t level",
                   "How long a job of this level may run before the next of its level does."},
    [ASK_LEVEL_OF] =
        {"level_of", "uint32_t", "uint64_t attained_us",
         "The level of a job that has had this much CPU since it came or was last boosted."},
    [ASK_BOOST] = {"boost_us", "uint64_t", "void",
                   "So often all jobs go back to level 0, and their attained time to 0."},
};

static uint32_t asked_levels(const void *module)
{
    return (uint32_t)module_ask(module, &(struct module_call){.which = ASK_LEVELS});
}

static uint32_t asked_slice_us(const void *module, uint32_t level)
{
    struct module_call call = {.which = ASK_SLICE, .arguments = {level}};
    return (uint32_t)module_ask(module, &call);
}

static uint32_t asked_level_of(const void *module, uint64_t attained_us)
{
    struct module_call call = {.which = ASK_LEVEL_OF, .arguments = {attained_us}};
    return (uint32_t)module_ask(module, &call);
}

static uint64_t asked_boost_us(const void *module)
{
    return module_ask(module, &(struct module_call){.which = ASK_BOOST});
}

static double module_cost(const void *workload, const struct compiled_policy *module)
{
    return decided_cost(workload, &(struct decider){asked_levels, asked_slice_us, asked_level_of,
                                                    asked_boost_us, module});
}

static const char *const baseline_names[] = {"RR 10 ms", "MLFQ textbook", "FCFS", "RR 1 ms"};

static double baseline_cost(const void *workload, int which)
{
    static const int64_t round_robin[] = {10 * NS_PER_MS, 0, CPU_NEVER, NS_PER_MS};
    if (round_robin[which] == 0) {
        double textbook[PARAMETERS];
        subject_textbook(&subject_process_manager, textbook);
        return subject_cost(&subject_process_manager, workload, textbook);
    }
    struct cpu_policy policy = {.levels = 1,
                                .slice = {round_robin[which]},
                                .boost = CPU_NEVER,
                                .switch_cost = SWITCH_COST_NS};
    return mean_response_ms(workload, &policy);
}

static double bound_cost(const void *workload)
{
    const struct process_workload *load = workload;
    return cpu_srpt_mean_response(load->jobs, load->count) / NS_PER_MS;
}

const struct subject subject_process_manager = {
    .name = "process_manager",
    .specialization = "process_manager",
    .title = "multi-level feedback queue with context-switch cost",
    .cost = "mean response time, ms",
    .version = "3",
    .module = process_manager_module,
    SUBJECT_PARTS,
};
