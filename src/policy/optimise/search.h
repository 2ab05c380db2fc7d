/* The search for parameters, in pieces: CMA-ES on a panel of exams, from scratch or from what is known already. */
#ifndef KHUB_POLICY_OPTIMISE_SEARCH_H
#define KHUB_POLICY_OPTIMISE_SEARCH_H

#include <stdatomic.h>

#include "policy/optimise/cmaes.h"
#include "policy/subject.h"

#define PANEL_MAX  16u
#define LAMBDA_MAX 64u

/* Workloads of several AIs; a score on them is the mean of each one's mean. Owns the exams. */
struct panel {
    struct exam *exams[PANEL_MAX];
    size_t count;
};
double panel_ratio(const struct panel *panel, const double *parameters);
void panel_free(struct panel *panel);

/* CMA-ES that can be left after any evaluation and gone on with. */
struct search {
    const struct subject *subject;
    struct cmaes *cmaes; /* NULL: not begun */
    double costs[LAMBDA_MAX];
    int next;                             /* candidate of the generation that is due */
    bool offered;                         /* `offer` waits to be injected */
    double offer[SUBJECT_PARAMETERS_MAX]; /* in the unit cube */
    double best[SUBJECT_PARAMETERS_MAX];  /* in units */
    double best_ratio;                    /* HUGE_VAL: none yet */
    unsigned evaluations, generations;
};
/* start (in units) may be NULL: from scratch, with the textbook's setting injected. 0, or -1 when out of memory. */
int search_begin(struct search *search, const struct subject *subject, uint64_t seed,
                 const double *start);
void search_end(struct search *search);
/* Runs about `evaluations` (fewer when stopped; stop may be NULL); returns how many. */
unsigned search_run(struct search *search, const struct panel *panel, unsigned evaluations,
                    const atomic_bool *stop);
/* Hands the search a point whose ratio on its panel is known: it becomes the best if it is, and is injected. */
void search_offer(struct search *search, const double *parameters, double ratio);
/* Evaluates one point and offers it. Returns its ratio. */
double search_try(struct search *search, const struct panel *panel, const double *parameters);

#endif
