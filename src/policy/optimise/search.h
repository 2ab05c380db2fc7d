/* The search for parameters, in pieces: CMA-ES on the workloads of one or more sets, from scratch
 * or from what is known already. */
#ifndef KHUB_POLICY_OPTIMISE_SEARCH_H
#define KHUB_POLICY_OPTIMISE_SEARCH_H

#include <stdatomic.h>

#include "policy/optimise/cmaes.h"
#include "policy/optimise/evaluation.h"

#define OBJECTIVE_SETS_MAX 16u

/* What a search makes small: the ratio on the workloads of one or more AIs, as the mean of each
 * set's mean. Owns the sets. */
struct objective {
    struct evaluation_set *sets[OBJECTIVE_SETS_MAX];
    size_t count;
};
/* NAN when a set's score is, and of no sets. */
double objective_ratio(const struct objective *objective, const double *parameters);
void objective_free(struct objective *objective); /* its sets; it then has none */

/* CMA-ES that can be left after any evaluation and resumed later, by one thread at a time. */
struct search {
    const struct subject *subject;
    struct cmaes *cmaes; /* NULL: not begun */
    double costs[CMAES_LAMBDA_MAX];
    int next;                             /* candidate of the generation that is due */
    bool offered;                         /* `offer` waits to be injected */
    double offer[SUBJECT_PARAMETERS_MAX]; /* in the unit cube */
    double best[SUBJECT_PARAMETERS_MAX];  /* in units */
    double best_ratio;                    /* HUGE_VAL: none yet */
    unsigned evaluations, generations;
};
/* start (in units) may be NULL: from scratch, with the textbook setting injected. 0, or -1 when out
 * of memory. To be ended with search_end. */
int search_begin(struct search *search, const struct subject *subject, uint64_t seed,
                 const double *start);
void search_end(struct search *search);
/* Runs so many, or fewer when *stop (may be NULL) becomes true; returns how many. */
unsigned search_run(struct search *search, const struct objective *objective, unsigned evaluations,
                    const atomic_bool *stop);
/* Hands the search a point whose ratio on its objective is known: it becomes the best if it is, and
 * is injected. */
void search_offer(struct search *search, const double *parameters, double ratio);
/* Evaluates one point and offers it. Returns its ratio. */
double search_try(struct search *search, const struct objective *objective,
                  const double *parameters);

#endif
