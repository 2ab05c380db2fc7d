/* The judge of a search: measures what is proposed, the same for whoever proposed it, and counts
 * what that cost.
 *
 * The unit of cost is a simulation: one policy on one workload. Parameters are run at STAGE_TRAIN
 * at once; programs and sources climb from STAGE_FIRST. A source is compiled and runs in the
 * sandbox (probe/). What does there, to the bit, what one did that climbed further, goes no
 * further: it is given that one's results, and is no elite unless it is smaller. Only what is the
 * best so far is run at STAGE_LAST, where luck on sixteen workloads shows. Where there is a trace,
 * what is the best there is run on windows of its earlier half as well, and is the best only if
 * none that came so far was better on these: so what is good because the synthetic workloads are as
 * they are does not stand above all. */
#ifndef KHUB_SEARCH_JUDGE_H
#define KHUB_SEARCH_JUDGE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "policy/optimise/evaluation.h"
#include "search/archive.h"
#include "search/novelty.h"

#define JUDGE_WINDOWS ((size_t)16) /* of a trace */

struct judge {
    const struct subject *subject;
    const struct subject *traced;        /* the same of a trace; NULL: none; set it after begin */
    const char *split;                   /* of the training workloads; the caller's */
    const atomic_bool *stop;             /* NULL: never */
    struct evaluation_set *sets[STAGES]; /* NULL: not made yet */
    struct evaluation_set *windows;      /* likewise, of the trace */
    uint64_t simulations;                /* so far */
    unsigned judged, refused; /* candidates; of those, the ones that were run at no stage */
    unsigned repeats;         /* and those that did what another did */
    struct behaviours behaviours;
    struct archive archive;
    struct trial best;  /* stages 0: none yet */
    double first_ratio; /* at STAGE_FIRST, of the best that climbed; HUGE_VAL: none did */
};

void judge_begin(struct judge *judge, const struct subject *subject, const char *split,
                 const atomic_bool *stop);
/* Another's word on when to stop, from now on; the judge's workloads heed it too. */
void judge_heed(struct judge *judge, const atomic_bool *stop);
/* Measures it, and keeps it if it is good. 0; -1 when this machine failed and not the candidate
 * (out of memory, no compiler, no sandbox), or it was stopped: `why` then says which. */
int judge_measure(struct judge *judge, struct trial *trial, char why[256]);
void judge_end(struct judge *judge);

#endif
