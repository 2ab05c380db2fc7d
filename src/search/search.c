/* One searcher's run: who proposes on one side, who measures on the other. */
#include <stdio.h>
#include <stdlib.h>

#include "search/proposer.h"

void proposer_free(struct proposer *proposer)
{
    if (proposer->state)
        proposer->free(proposer->state);
    *proposer = (struct proposer){0};
}

static int measure_all(struct judge *judge, struct trial *trials, size_t count, char why[256])
{
    for (size_t i = 0; i < count; i++)
        if (judge_measure(judge, &trials[i], why) < 0)
            return -1;
    return 0;
}

static bool stopped(const struct judge *judge)
{
    return judge->stop && atomic_load(judge->stop);
}

int proposer_search(struct proposer *proposer, struct judge *judge, uint64_t budget,
                    proposer_watch *watch, void *data, char why[256])
{
    struct trial *trials = calloc(PROPOSALS_MAX, sizeof *trials);
    int failed = trials ? 0 : -1;
    if (failed)
        snprintf(why, 256, "out of memory");
    while (!failed && !proposer->done && judge->simulations < budget && !stopped(judge)) {
        struct search_state state = {.archive = &judge->archive,
                                     .best = &judge->best,
                                     .left = budget - judge->simulations,
                                     .stop = judge->stop};
        uint64_t left = (state.left - 1) / stage_workloads[STAGE_TRAIN] + 1;
        size_t most = left < PROPOSALS_MAX ? (size_t)left : PROPOSALS_MAX;
        int count = proposer->propose(proposer, &state, most, trials, why);
        size_t proposed = count > 0 ? (size_t)count : 0;
        if (count < 0 || measure_all(judge, trials, proposed, why) < 0 ||
            proposer->told(proposer->state, trials, proposed, why) < 0)
            failed = -1;
        else
            watch(judge, data);
        for (size_t i = 0; i < proposed; i++)
            trial_free(&trials[i]);
    }
    free(trials);
    failed = failed && !stopped(judge) ? -1 : 0;
    if (!failed)
        why[0] = '\0'; /* what was wrong in between was got over, or but that it was told to stop */
    return failed;
}
