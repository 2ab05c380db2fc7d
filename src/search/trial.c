#include "search/trial.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const size_t stage_workloads[STAGES] = {2, 16, 64};

void trial_free(struct trial *trial)
{
    free(trial->source);
    trial->source = NULL;
}

int trial_copy(const struct trial *trial, struct trial *ret_copy)
{
    char *source = trial->source ? strdup(trial->source) : NULL;
    if (trial->source && !source)
        return -1;
    *ret_copy = *trial;
    ret_copy->source = source;
    return 0;
}

int trial_compare(const struct trial *a, const struct trial *b)
{
    unsigned common = a->stages < b->stages ? a->stages : b->stages;
    if (common == 0)
        return (a->stages == 0) - (b->stages == 0);
    double left = a->ratio[common - 1], right = b->ratio[common - 1];
    return (left > right) - (left < right);
}

double trial_ratio(const struct trial *trial)
{
    return trial->stages > 0 ? trial->ratio[trial->stages - 1] : nan("");
}
