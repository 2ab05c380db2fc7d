/* Workloads are made once, each with the textbook's cost on it; every score is a mean of ratios to
 * those. A set can be told to give up: it looks at its flag before each workload. */
#include "policy/optimise/evaluation.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "policy/module.h"
#include "policy/program.h"

struct instance {
    void *workload;
    double textbook;
};

struct evaluation_set {
    const struct subject *subject;
    const atomic_bool *stop; /* may be NULL */
    size_t count;
    struct instance instances[];
};

static bool stopped(const struct evaluation_set *set)
{
    return set->stop && atomic_load(set->stop);
}

struct evaluation_set *evaluation_set_new(const struct subject *subject, const char *split,
                                          size_t seeds)
{
    return evaluation_set_new_until(subject, split, seeds, NULL);
}

struct evaluation_set *evaluation_set_new_until(const struct subject *subject, const char *split,
                                                size_t seeds, const atomic_bool *stop)
{
    struct evaluation_set *set;
    if (seeds > (SIZE_MAX - sizeof *set) / sizeof set->instances[0])
        return NULL;
    set = calloc(1, sizeof *set + seeds * sizeof set->instances[0]);
    if (!set)
        return NULL;
    set->subject = subject;
    set->stop = stop;
    while (set->count < seeds) {
        void *workload = stopped(set) ? NULL : subject_workload(subject, split, set->count);
        double textbook = workload ? subject->baseline_cost(workload, 0) : nan("");
        set->instances[set->count++] = (struct instance){workload, textbook};
        if (!(textbook > 0)) {
            evaluation_set_free(set);
            return NULL;
        }
    }
    return set;
}

void evaluation_set_heed(struct evaluation_set *set, const atomic_bool *stop)
{
    set->stop = stop;
}

void evaluation_set_free(struct evaluation_set *set)
{
    if (!set)
        return;
    for (size_t i = 0; i < set->count; i++)
        free(set->instances[i].workload);
    free(set);
}

size_t evaluation_set_size(const struct evaluation_set *set)
{
    return set->count;
}

/* Who decides: one of these. */
struct decider {
    const struct rules *rules;
    const struct compiled_policy *module;
    const double *costs; /* of each workload, known already */
    const struct program *program;
    int baseline; /* when the others are NULL; or SUBJECT_BOUND, SUBJECT_INFORMED */
};

static double instance_cost(const struct evaluation_set *set, size_t i, struct decider decider)
{
    const struct subject *subject = set->subject;
    const void *workload = set->instances[i].workload;
    if (decider.rules)
        return subject->cost_of(workload, decider.rules);
    if (decider.costs)
        return decider.costs[i];
    if (decider.module) {
        module_states_drop(decider.module);
        return subject->module_cost(workload, decider.module);
    }
    if (decider.program)
        return subject->frame->cost_of(workload, decider.program);
    if (decider.baseline == SUBJECT_INFORMED)
        return subject->informed_cost(workload);
    return decider.baseline == SUBJECT_BOUND ? subject->bound_cost(workload)
                                             : subject->baseline_cost(workload, decider.baseline);
}

static struct score measure(const struct evaluation_set *set, struct decider decider)
{
    double n = (double)set->count, sum = 0, squares = 0, costs = 0;
    struct score score = {.seeds = set->count};
    for (size_t i = 0; i < set->count; i++) {
        double textbook = set->instances[i].textbook;
        double cost = stopped(set) ? nan("") : instance_cost(set, i, decider);
        double ratio = cost / textbook;
        sum += ratio;
        squares += (ratio - 1) * (ratio - 1); /* about 1, where ratios lie: less cancellation */
        costs += cost;
        score.worst = ratio > score.worst ? ratio : score.worst;
        score.wins += cost < textbook;
    }
    score.ratio = sum / n;
    score.cost = costs / n;
    double spread = squares - n * (score.ratio - 1) * (score.ratio - 1);
    score.ci95 = n > 1 ? 1.96 * sqrt(fmax(spread, 0) / (n - 1) / n) : 0;
    if (isnan(score.ratio))
        score.ci95 = score.worst = nan("");
    return score;
}

struct score evaluation_set_score(const struct evaluation_set *set, const double *parameters)
{
    struct rules rules;
    if (subject_rules(set->subject, parameters, &rules) < 0)
        return (struct score){nan(""), nan(""), nan(""), nan(""), .seeds = set->count};
    return measure(set, (struct decider){.rules = &rules});
}

/* What a module's simulations cost that go on side by side. */
struct module_costs {
    const struct evaluation_set *set;
    double *costs;
};

static void find_module_cost(size_t i, const struct compiled_policy *module, void *data)
{
    struct module_costs *side = data;
    side->costs[i] = stopped(side->set)
                         ? nan("")
                         : instance_cost(side->set, i, (struct decider){.module = module});
}

struct score evaluation_set_module(const struct evaluation_set *set,
                                   const struct compiled_policy *module)
{
    struct module_costs side = {.set = set};
    if (module->side_by_side)
        side.costs = malloc(set->count * sizeof *side.costs);
    struct decider decider = {.module = module};
    if (side.costs && module->side_by_side(module, set->count, find_module_cost, &side))
        decider = (struct decider){.costs = side.costs};
    struct score score = measure(set, decider);
    free(side.costs);
    return score;
}

struct score evaluation_set_program(const struct evaluation_set *set, const struct program *program)
{
    assert(set->subject->frame);
    return measure(set, (struct decider){.program = program});
}

struct score evaluation_set_baseline(const struct evaluation_set *set, int which)
{
    assert(which >= 0 && which < set->subject->baseline_count);
    return measure(set, (struct decider){.baseline = which});
}

struct score evaluation_set_bound(const struct evaluation_set *set)
{
    if (!set->subject->bound_cost)
        return (struct score){nan(""), nan(""), nan(""), nan(""), .seeds = set->count};
    return measure(set, (struct decider){.baseline = SUBJECT_BOUND});
}

struct score evaluation_set_informed(const struct evaluation_set *set)
{
    assert(set->subject->informed_cost);
    return measure(set, (struct decider){.baseline = SUBJECT_INFORMED});
}

int evaluation_set_figures(const struct evaluation_set *set, const double *parameters, int which,
                           struct spread *ret_figures)
{
    const struct subject *subject = set->subject;
    struct spread figures[SUBJECT_FIGURES_MAX] = {0};
    struct rules rules;
    if (parameters && subject_rules(subject, parameters, &rules) < 0)
        return -1;
    for (size_t i = 0; i < set->count; i++) {
        double numbers[SUBJECT_FIGURES_MAX];
        if (subject->figures_of(set->instances[i].workload, parameters ? &rules : NULL, which,
                                numbers) < 0)
            return -1;
        for (int k = 0; subject->figure_names[k]; k++) {
            figures[k].mean += numbers[k] / (double)set->count;
            figures[k].most = fmax(figures[k].most, numbers[k]);
        }
    }
    for (int k = 0; subject->figure_names[k]; k++)
        ret_figures[k] = figures[k];
    return 0;
}

int evaluation_set_solve(const struct evaluation_set *set, double *ret_parameters)
{
    const void **workloads = malloc(set->count * sizeof *workloads);
    if (!workloads || !set->subject->solve) {
        free(workloads);
        return -1;
    }
    for (size_t i = 0; i < set->count; i++)
        workloads[i] = set->instances[i].workload;
    int result = set->subject->solve(workloads, set->count, ret_parameters);
    free(workloads);
    return result;
}
