/* What a policy is worth: its cost on a set of workloads, beside the textbook's cost on the same
 * ones. */
#ifndef KHUB_POLICY_OPTIMISE_EVALUATION_H
#define KHUB_POLICY_OPTIMISE_EVALUATION_H

#include <stdatomic.h>

#include "policy/subject.h"

/* The workloads 0..size-1 of a split, generated once, and the textbook's cost on each. Scoring
 * changes nothing in it: several threads may do so at once. */
struct evaluation_set;
/* To be freed; NULL when out of memory. Of 0 seeds all scores are NAN. */
struct evaluation_set *evaluation_set_new(const struct subject *subject, const char *split,
                                          size_t seeds);
/* The same, but gives up when *stop becomes true, and then is NULL; later scores give up likewise,
 * and then are NAN. At most one workload later. stop must outlive the set; NULL: never. */
struct evaluation_set *evaluation_set_new_until(const struct subject *subject, const char *split,
                                                size_t seeds, const atomic_bool *stop);
/* From now on scores give up when this one becomes true; NULL: never. Not while somebody scores. */
void evaluation_set_heed(struct evaluation_set *set, const atomic_bool *stop);
void evaluation_set_free(struct evaluation_set *set); /* NULL is allowed */
size_t evaluation_set_size(const struct evaluation_set *set);

/* Scores are paired: on each workload the policy's cost is divided by the textbook's on the same
 * one, and the ratios are averaged. So one heavy-tailed workload weighs no more than another, and
 * the interval is that of the difference, not of the workloads. */
struct score {
    double ratio;       /* mean of cost / textbook's cost; < 1 is better than the textbook */
    double ci95;        /* 1.96 standard errors of that mean; 0 on one workload */
    double cost;        /* mean cost in the subject's unit */
    double worst;       /* the largest of the ratios: the tail */
    size_t seeds, wins; /* workloads; those on which it beat the textbook */
};
/* ratio, ci95, cost and worst are NAN when out of memory, stopped, or when a parameter is out of
 * range. */
struct score evaluation_set_score(const struct evaluation_set *set, const double *parameters);
/* A compiled policy decides. NAN also when it could not be asked. */
struct score evaluation_set_module(const struct evaluation_set *set,
                                   const struct compiled_policy *module);
/* A program decides, in the subject's frame. */
struct score evaluation_set_program(const struct evaluation_set *set,
                                    const struct program *program);
/* which: 0..baseline_count-1, as struct subject's baseline_names. */
struct score evaluation_set_baseline(const struct evaluation_set *set, int which);
/* NAN also where the subject has no bound. */
struct score evaluation_set_bound(const struct evaluation_set *set);
/* Of a subject that has an informed_cost. */
struct score evaluation_set_informed(const struct evaluation_set *set);
/* The figures of a subject that has figure_names, over all workloads: of these parameters, or, when
 * they are NULL, of `which` (struct subject's figures_of). 0, or -1 when out of memory or when a
 * parameter is out of range. */
struct spread {
    double mean, most; /* figures are >= 0 */
};
int evaluation_set_figures(const struct evaluation_set *set, const double *parameters, int which,
                           struct spread *ret_figures);
/* The subject's own solution for these workloads. 0, or -1 when out of memory or it has none. */
int evaluation_set_solve(const struct evaluation_set *set, double *ret_parameters);

/* How much of the way from the textbook (ratio 1) to the bound a ratio is: 0 at the textbook, 1 at
 * the bound, negative when worse than the textbook. bound_ratio < 1. */
static inline double gap_closed(double ratio, double bound_ratio)
{
    return (1 - ratio) / (1 - bound_ratio);
}

#endif
