/* A candidate of a search: a policy that somebody proposes, and what came of running it.
 *
 * It is a subject's parameters, a program in the subject's frame (policy/program.h), or the C
 * source of a whole module. The judge (judge.h) measures all of them on the same workloads, which
 * anybody can make again from the name of a split. */
#ifndef KHUB_SEARCH_TRIAL_H
#define KHUB_SEARCH_TRIAL_H

#include <stdbool.h>

#include "policy/optimise/evaluation.h"
#include "policy/program.h"
#include "policy/subject.h"

/* The workloads of a cascade, stage by stage: each stage has those of the one before it, and more.
 * What is no good on the first two is not run on the rest. */
enum { STAGE_FIRST, STAGE_TRAIN, STAGE_LAST, STAGES };
extern const size_t stage_workloads[STAGES]; /* 2, 16, 64 */

enum trial_kind { TRIAL_PARAMETERS, TRIAL_PROGRAM, TRIAL_SOURCE };

struct trial {
    enum trial_kind kind;
    unsigned stages; /* how many it was run at, 0..STAGES */
    bool repeats;    /* it did on the first workloads what another did, whose results these are */
    union {
        double parameters[SUBJECT_PARAMETERS_MAX]; /* in units */
        struct program program;
    };
    char *source;         /* of a module, its own; of other kinds NULL */
    double ratio[STAGES]; /* mean of cost / textbook's cost; lower is better */
    double worst;         /* on one workload, of the last stage that it was run at */
    double on_trace;      /* the same mean on windows of a trace; 0: it was run on none */
    size_t bytes;         /* of its compiled object; 0: not compiled */
    char why[256];        /* a sentence: why it was run at none; "": it was */
};

void trial_free(struct trial *trial);
/* A copy with a source of its own. 0, or -1 when out of memory. */
int trial_copy(const struct trial *trial, struct trial *ret_copy);
/* Which is better, on the most workloads that both were run on: below 0 when it is `a`. One that
 * was run at no stage is worse than any that was. */
int trial_compare(const struct trial *a, const struct trial *b);
/* The C of it: its own source, or what it renders to. For free(); NULL when out of memory. */
char *trial_source(const struct subject *subject, const struct trial *trial);
/* Measures it, where that takes no compiler: it is no source. */
struct score trial_score(const struct trial *trial, const struct evaluation_set *set);
/* The ratio at its last stage; NAN: it was run at none. */
double trial_ratio(const struct trial *trial);

#endif
