/* process_manager: least attained service with ageing, that pays for its context switches.
 *
 * The question. One CPU, and jobs whose length nobody knows. Serving the short ones first gives the
 * lowest mean response time. The longer a job has run, the longer it will: so serve who has had the
 * least. But every switch to another job costs 50 us (the direct cost and the cold cache; Li, Ding,
 * Shen 2007), and who has had much CPU may wait for seconds. How long should slices be, and how
 * much later is a long job's turn?
 *
 * The policy. Deadlines (rules.h). Each job by itself rises while it waits, since its deadline
 * stays and those of newcomers do not; there is no boost of everybody at once, which undoes for all
 * what was learned about them. With one level this is round robin; with long graces, least attained
 * service; with three levels and a grace of 1 s, the textbook's multi-level feedback queue, but for
 * the boost. Con Kolivas' BFS and Linux' EEVDF keep such a line of virtual deadlines; there, how
 * much later one is depends on nice, not on what the job has had.
 *
 * The cost. Response^0.7 * tail^0.3: a geometric mean, so that a ratio of costs is one of ratios,
 * whatever the units and whichever the baseline (Fleming, Wallace 1986). Response is the mean
 * response time. Tail is the slowdown that 1 % of the jobs exceed, and where somebody who could run
 * had to stand still for longer than a second, as many times that as seconds. Slowdown alone does
 * not see starvation: a long job that stands still is no later than under round robin, where all
 * run, but slowly. A second is the textbook's period of boosts (Arpaci-Dusseau), and what Solaris
 * lets a thread wait before it rises (ts_maxwait).
 *
 * The workload (synthetic). 1,500 jobs, Poisson arrivals, load 0.6..0.9. A share of 0.6..0.95 are
 * short bursts (lognormal, median 1..4 ms, sigma 1); the rest are bounded Pareto (alpha 1.1..1.6,
 * from 20..60 ms up to 3 s). The time scale is then set so that the jobs drawn make exactly that
 * load.
 *
 * The bound. No response is less on any trace than under shortest remaining time first with free
 * switches (Schrage 1968), and no slowdown is less than 1. Who knows the distribution of lengths,
 * but no job's own, does best in the mean by Gittins' index; it is shown beside.
 *
 * Known answers. Without switch costs, FCFS follows Pollaczek and Khinchine: E[S] + l E[S^2] /
 * 2(1-r). Tiny slices are processor sharing: E[S] / (1-r). Least attained service is an integral
 * over l E[min(S,x)^2] / 2(1-r(x))^2 + x / (1-r(x)) (Kleinrock 1976), shortest remaining time first
 * that of Schrage and Miller (1966). Gittins' index is the former where the hazard rate falls, and
 * FCFS where it rises. */
#include "policy/process_manager/simulator.h"

#include <math.h>
#include <stdlib.h>

#include "policy/elementary.h"
#include "policy/module.h"
#include "policy/process_manager/program.h"
#include "policy/process_manager/rules.h"
#include "policy/program.h"
#include "policy/random.h"
#include "policy/subject_table.h"

enum { JOBS = 1500 };
#define NS_PER_MS      INT64_C(1000000)
#define SWITCH_COST_NS INT64_C(50000)

enum { SLICE, SLICE_GROWTH, ALLOTMENT, ALLOTMENT_GROWTH, GRACE, GRACE_GROWTH, LEVELS, PARAMETERS };

static const struct parameter parameters[PARAMETERS] = {
    [SLICE] = {"slice", "ms", "slice in the first level", 0.2, 50, true, false, 10},
    [SLICE_GROWTH] = {"slice_growth", "", "slice of a level to that of the one before", 1, 4, true,
                      false, 2},
    [ALLOTMENT] = {"allotment", "ms", "CPU time in the first level", 0.5, 100, true, false, 20},
    [ALLOTMENT_GROWTH] = {"allotment_growth", "", "allotment of a level to that of the one before",
                          1.2, 6, true, false, 2},
    [GRACE] = {"grace", "ms", "how much later than a newcomer's the second level's deadline is",
               0.5, 5000, true, false, 1000},
    [GRACE_GROWTH] = {"grace_growth", "", "grace of a level to that of the one before", 1, 6, true,
                      false, 2},
    [LEVELS] = {"levels", "", "levels of attained CPU time", 1, PROCESS_MANAGER_LEVELS_MAX, false,
                true, 3},
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
    struct process_law law;
    law.short_share = random_between(&random, 0.6, 0.95);
    law.median = random_between(&random, 1, 4);
    law.alpha = random_between(&random, 1.1, 1.6);
    law.long_from = random_between(&random, 20, 60);
    load->law = law;
    double clock = 0, work = 0;
    for (uint32_t i = 0; i < JOBS; i++) {
        arrivals[i] = clock += random_exponential(&random, 1);
        double service =
            random_uniform(&random) < law.short_share
                ? law.median * elementary_exp(random_normal(&random))
                : random_bounded_pareto(&random, law.alpha, law.long_from, PROCESS_LONGEST_MS);
        load->jobs[i].service = 1 + (int64_t)(service * NS_PER_MS);
        work += service;
    }
    double gap = work / utilisation / clock;
    for (uint32_t i = 0; i < JOBS; i++)
        load->jobs[i].arrival = (int64_t)(arrivals[i] * gap * NS_PER_MS);
    free(arrivals);
    return load;
}

/* ── jobs of a trace ── */

enum { TRACE_LEAST = 300 };
#define TRACE_MEAN_MS 20.0

/* What a job's length is multiplied by: lengths stay what they are where their mean is 1..100 ms,
 * as of a machine's threads; batch jobs of hours shrink to a mean of 20 ms. */
static double length_scale(const struct trace_part *window, double *ret_work_ms)
{
    double work = 0;
    for (size_t i = 0; i < window->count; i++)
        work += (double)trace_record(window->trace, window->first + i)[1] / 1000;
    double mean = work / (double)window->count;
    double scale = mean >= 1 && mean <= 100 ? 1 : TRACE_MEAN_MS / mean;
    *ret_work_ms = work * scale;
    return scale;
}

/* The gaps between jobs keep their proportions, and are scaled to the load that the seed draws: the
 * trace may be of many processors, or of one that is mostly idle. */
static void *workload_read(const struct trace_part *part, uint64_t seed)
{
    size_t length = part->count / 2 < JOBS ? part->count / 2 : JOBS;
    struct trace_part window = trace_window(part, seed, length);
    struct process_workload *load = malloc(sizeof *load + window.count * sizeof load->jobs[0]);
    if (!load)
        return NULL;
    struct random random;
    random_seed(&random, ~seed); /* apart from the draw of the window */
    double utilisation = random_between(&random, 0.6, 0.9), work;
    double scale = length_scale(&window, &work);
    int64_t begun = trace_record(window.trace, window.first)[0];
    double span = (double)(trace_record(window.trace, window.first + window.count - 1)[0] - begun);
    double stretch = span > 0 ? work / utilisation / span : 0;
    *load = (struct process_workload){.count = (uint32_t)window.count};
    for (size_t i = 0; i < window.count; i++) {
        const int64_t *record = trace_record(window.trace, window.first + i);
        load->jobs[i].arrival = (int64_t)((double)(record[0] - begun) * stretch * NS_PER_MS);
        load->jobs[i].service = 1 + (int64_t)((double)record[1] * scale / 1000 * NS_PER_MS);
    }
    return load;
}

/* The share of a normal distribution beyond z, by Simpson's rule from its middle on. */
static double normal_beyond(double z)
{
    enum { STRIPS = 64 };
    double far = fmin(fabs(z), 8), width = far / STRIPS, sum = 0;
    for (int i = 0; i <= STRIPS; i++) {
        double x = i * width, weight = i == 0 || i == STRIPS ? 1 : i % 2 ? 4 : 2;
        sum += weight * elementary_exp(-x * x / 2);
    }
    double within = sum * width / 3 * 0.3989422804014327; /* 1 / sqrt(2 pi) */
    return z > 0 ? 0.5 - within : 0.5 + within;
}

double process_law_survival(const void *context, double ms)
{
    const struct process_law *law = context;
    if (ms <= 0)
        return 1;
    double longer = 1, tail = elementary_power(law->long_from / PROCESS_LONGEST_MS, law->alpha);
    if (ms >= PROCESS_LONGEST_MS)
        longer = 0;
    else if (ms > law->long_from)
        longer = (elementary_power(law->long_from / ms, law->alpha) - tail) / (1 - tail);
    return law->short_share * normal_beyond(elementary_log(ms / law->median)) +
           (1 - law->short_share) * longer;
}

static void rules_of(const double *p, void *ret_rules)
{
    struct process_manager_rules *rules = ret_rules;
    *rules = (struct process_manager_rules){.levels = fixed_point(p[LEVELS], 1)};
    const double most = UINT32_MAX / 1e3; /* more than an hour is as good as for ever */
    double slice = p[SLICE], allotment = p[ALLOTMENT], end = 0, grace = p[GRACE];
    for (uint32_t level = 0; level < rules->levels; level++) {
        end += allotment;
        rules->level_ends_us[level] = fixed_point(fmin(end, most), 1000);
        rules->slices_us[level] = fixed_point(fmin(slice, most), 1000);
        rules->graces_us[level] = level == 0 ? 0 : fixed_point(fmin(grace, most), 1000);
        slice *= p[SLICE_GROWTH];
        allotment *= p[ALLOTMENT_GROWTH];
        grace *= level == 0 ? 1 : p[GRACE_GROWTH];
    }
}

RULES_FIT(process_manager_rules);
static const struct constant constants[] = {
    CONSTANT(process_manager_rules, levels),
    CONSTANT(process_manager_rules, level_ends_us),
    CONSTANT(process_manager_rules, slices_us),
    CONSTANT(process_manager_rules, graces_us),
};
extern const char process_manager_module[];

/* Who decides: the rules, or a compiled module. */
struct decider {
    uint32_t (*grace_us)(const void *context, uint64_t attained_us);
    uint32_t (*slice_us)(const void *context, uint64_t attained_us);
    const void *context;
};

static int64_t decided_deadline(const void *context, int64_t now, int64_t attained)
{
    const struct decider *decider = context;
    return now + (int64_t)decider->grace_us(decider->context, (uint64_t)attained / 1000) * 1000;
}

/* At least so long: whatever a module answers, a run ends. */
enum { SHORTEST_SLICE_US = 50 };

static int64_t decided_slice(const void *context, int64_t attained)
{
    const struct decider *decider = context;
    uint32_t us = decider->slice_us(decider->context, (uint64_t)attained / 1000);
    return (int64_t)(us > SHORTEST_SLICE_US ? us : SHORTEST_SLICE_US) * 1000;
}

static int run_decided(const struct process_workload *load, const struct decider *decider,
                       struct cpu_figures *ret_figures)
{
    struct cpu_policy policy = {decided_deadline, decided_slice, decider, .boost = CPU_NEVER,
                                .switch_cost = SWITCH_COST_NS};
    return cpu_run(load->jobs, load->count, &policy, ret_figures);
}

static uint32_t ruled_grace_us(const void *rules, uint64_t attained_us)
{
    return process_manager_grace_us(rules, attained_us);
}

static uint32_t ruled_slice_us(const void *rules, uint64_t attained_us)
{
    return process_manager_slice_us(rules, attained_us);
}

enum { ASK_GRACE, ASK_SLICE };
static const struct operation operations[] = {
    [ASK_GRACE] = {"grace_us", "uint32_t", "uint64_t attained_us",
                   "How much later than now the deadline is of a job that has had this much CPU "
                   "since it came."},
    [ASK_SLICE] = {"slice_us", "uint32_t", "uint64_t attained_us",
                   "How long it may then run, unless somebody comes with an earlier deadline."},
};

static uint32_t asked_grace_us(const void *module, uint64_t attained_us)
{
    struct module_call call = {.which = ASK_GRACE, .arguments = {attained_us}};
    return (uint32_t)module_ask(module, &call);
}

static uint32_t asked_slice_us(const void *module, uint64_t attained_us)
{
    struct module_call call = {.which = ASK_SLICE, .arguments = {attained_us}};
    return (uint32_t)module_ask(module, &call);
}

static const char *const baseline_names[] = {"RR 3 ms", "MLFQ textbook", "FB 3 ms", "RR 10 ms",
                                             "FCFS"};

static int run_baseline(const struct process_workload *load, int which,
                        struct cpu_figures *ret_figures)
{
    static const int64_t slices[] = {3 * NS_PER_MS, 0, 3 * NS_PER_MS, 10 * NS_PER_MS, CPU_NEVER};
    static const struct feedback_queue textbook = {
        .levels = 3,
        .slice = {10 * NS_PER_MS, 20 * NS_PER_MS, 40 * NS_PER_MS},
        .level_end = {20 * NS_PER_MS, 60 * NS_PER_MS},
        .boost = 1000 * NS_PER_MS};
    struct cpu_policy policy = which == 1   ? cpu_feedback(&textbook)
                               : which == 2 ? cpu_least_attained(&slices[which])
                                            : cpu_round_robin(&slices[which]);
    policy.switch_cost = SWITCH_COST_NS;
    return cpu_run(load->jobs, load->count, &policy, ret_figures);
}

static int run_informed(const struct process_workload *load, struct cpu_figures *ret_figures)
{
    struct gittins gittins;
    gittins_make(process_law_survival, &load->law, 0.02, PROCESS_LONGEST_MS, 3 * NS_PER_MS,
                 &gittins);
    struct cpu_policy policy = cpu_gittins(&gittins);
    policy.switch_cost = SWITCH_COST_NS;
    return cpu_run(load->jobs, load->count, &policy, ret_figures);
}

static double cost_of_figures(const struct cpu_figures *figures)
{
    double response_ms = figures->response / NS_PER_MS;
    double still = fmax((double)figures->longest_wait / (1000 * NS_PER_MS), 1);
    return elementary_power(response_ms, 0.7) *
           elementary_power(figures->tail_slowdown * still, 0.3);
}

static double cost_of(const void *workload, const void *rules)
{
    struct cpu_figures figures;
    const struct decider decider = {ruled_grace_us, ruled_slice_us, rules};
    return run_decided(workload, &decider, &figures) < 0 ? nan("") : cost_of_figures(&figures);
}

static double module_cost(const void *workload, const struct compiled_policy *module)
{
    struct cpu_figures figures;
    const struct decider decider = {asked_grace_us, asked_slice_us, module};
    return run_decided(workload, &decider, &figures) < 0 ? nan("") : cost_of_figures(&figures);
}

static double baseline_cost(const void *workload, int which)
{
    struct cpu_figures figures;
    return run_baseline(workload, which, &figures) < 0 ? nan("") : cost_of_figures(&figures);
}

static double informed_cost(const void *workload)
{
    struct cpu_figures figures;
    return run_informed(workload, &figures) < 0 ? nan("") : cost_of_figures(&figures);
}

static double bound_cost(const void *workload)
{
    const struct process_workload *load = workload;
    struct cpu_figures figures;
    if (cpu_run_srpt(load->jobs, load->count, &figures) < 0)
        return nan("");
    figures.tail_slowdown = 1;
    figures.longest_wait = 0;
    return cost_of_figures(&figures);
}

static const char *const figure_names[] = {"mean response, ms", "slowdown of the worst 1 %",
                                           "longest wait, ms", NULL};

static int figures_of(const void *workload, const void *rules, int which, double *ret_figures)
{
    const struct process_workload *load = workload;
    const struct decider decider = {ruled_grace_us, ruled_slice_us, rules};
    struct cpu_figures figures;
    int result = rules                       ? run_decided(load, &decider, &figures)
                 : which == SUBJECT_INFORMED ? run_informed(load, &figures)
                 : which == SUBJECT_BOUND    ? cpu_run_srpt(load->jobs, load->count, &figures)
                                             : run_baseline(load, which, &figures);
    if (result < 0)
        return -1;
    ret_figures[0] = figures.response / NS_PER_MS;
    ret_figures[1] = figures.tail_slowdown;
    ret_figures[2] = (double)figures.longest_wait / NS_PER_MS;
    return 0;
}

/* ── a program decides ── */

static const struct feature features[PROCESS_MANAGER_FEATURES] = {
    [PROCESS_MANAGER_ATTAINED] = {"attained", "us", "CPU time that the job has had"},
    [PROCESS_MANAGER_OCTAVE] = {"octave", "1/1024", "its logarithm to base 2"},
    [PROCESS_MANAGER_ASKS_SLICE] = {"asks_slice", "", "1: for its slice; 0: for its grace"},
};

/* Round robin of 3 ms; least attained service; and with three levels, as the textbook's. */
static const char *const known[] = {
    "if_more asks_slice 0 3000 0", "if_more asks_slice 0 3000 times 1024000 attained",
    "if_more asks_slice 0 10000 if_more attained 20000 if_more attained 60000 2000000 1000000 0",
    NULL};

static uint32_t programmed(const void *program, uint64_t attained_us, uint32_t asks_slice)
{
    int64_t f[PROCESS_MANAGER_FEATURES];
    process_manager_program_features(attained_us, asks_slice, f);
    return process_manager_program_answer(program_run(program, f));
}

static uint32_t programmed_grace_us(const void *program, uint64_t attained_us)
{
    return programmed(program, attained_us, 0);
}

static uint32_t programmed_slice_us(const void *program, uint64_t attained_us)
{
    return programmed(program, attained_us, 1);
}

static double program_cost(const void *workload, const struct program *program)
{
    struct cpu_figures figures;
    const struct decider decider = {programmed_grace_us, programmed_slice_us, program};
    return run_decided(workload, &decider, &figures) < 0 ? nan("") : cost_of_figures(&figures);
}

extern const char process_manager_program_text[];
static const struct program_frame frame = {.feature_count = PROCESS_MANAGER_FEATURES,
                                           .features = features,
                                           .text = process_manager_program_text,
                                           .known = known,
                                           .cost_of = program_cost};

const struct subject subject_process_manager = {
    .name = "process_manager",
    .specialization = "process_manager",
    .title = "least attained service with ageing and context-switch cost",
    .cost = "mean response (ms)^0.7 x tail^0.3",
    .version = "4",
    .module = process_manager_module,
    .frame = &frame,
    .informed_name = "Gittins index",
    .informed_cost = informed_cost,
    .figure_names = figure_names,
    .figures_of = figures_of,
    .workload_read = workload_read,
    .trace_kind = TRACE_JOBS,
    .trace_least = TRACE_LEAST,
    SUBJECT_PARTS,
};
