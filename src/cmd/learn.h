/* What `khub learn` has found out, on its way to the table, the JSON and the report. */
#ifndef KHUB_CMD_LEARN_H
#define KHUB_CMD_LEARN_H

#include "cmd/plot.h"
#include "policy/optimise/evaluation.h"
#include "policy/subject.h"
#include "probe/probe.h"

#define LEARN_POINTS_MAX 64u
#define LEARN_LEVELS_MAX 12u

struct learned {
    const struct subject *subject;
    size_t train_seeds, heldout_seeds;
    unsigned evaluations;
    double seconds;
    bool interrupted;
    double parameters[SUBJECT_PARAMETERS_MAX];
    double ratio_train;
    struct score heldout, bound, baselines[LEARN_LEVELS_MAX];
    /* Of traces: costs on their later halves, each in one piece. */
    double later, later_bound, later_baselines[LEARN_LEVELS_MAX];
    struct score informed; /* of 0 seeds where the subject has no such thing */
    bool has_figures;      /* of the tuned policy */
    struct spread figures[SUBJECT_FIGURES_MAX];
    struct plot_point points[LEARN_POINTS_MAX];
    size_t point_count;
    char *source; /* of the C module */
    struct probe_report module;
    bool module_agrees; /* it ran, with the same score to the bit */
};

/* "38 %", or "-" where there is no bound. Returns buffer. */
#define LEARNED_GAP_SIZE 32
const char *learned_gap(const struct learned *learned, double ratio, char buffer[LEARNED_GAP_SIZE]);
/* Where its workloads come from, in a sentence or two. */
const char *learned_origin(const struct learned *learned);

/* Writes report.md, convergence.svg, ratios.svg and policy.c into an existing directory. 0, or -1
 * with errno. */
int learn_report_write(const struct learned *learned, const char *directory,
                       const char *command_line);

#endif
