#include "search/trial.h"

#include <assert.h>
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

static int render(const struct subject *subject, const struct trial *trial, char *buffer,
                  size_t size)
{
    return trial->kind == TRIAL_PROGRAM
               ? subject_render_program(subject, &trial->program, buffer, size)
               : subject_render(subject, trial->parameters, buffer, size);
}

char *trial_source(const struct subject *subject, const struct trial *trial)
{
    if (trial->kind == TRIAL_SOURCE)
        return strdup(trial->source);
    int length = render(subject, trial, NULL, 0);
    char *source = length > 0 ? malloc((size_t)length + 1) : NULL;
    if (source)
        render(subject, trial, source, (size_t)length + 1);
    return source;
}

int trial_compare(const struct trial *a, const struct trial *b)
{
    unsigned common = a->stages < b->stages ? a->stages : b->stages;
    if (common == 0)
        return (a->stages == 0) - (b->stages == 0);
    double left = a->ratio[common - 1], right = b->ratio[common - 1];
    return (left > right) - (left < right);
}

struct score trial_score(const struct trial *trial, const struct evaluation_set *set)
{
    assert(trial->kind != TRIAL_SOURCE);
    return trial->kind == TRIAL_PROGRAM ? evaluation_set_program(set, &trial->program)
                                        : evaluation_set_score(set, trial->parameters);
}

double trial_ratio(const struct trial *trial)
{
    return trial->stages > 0 ? trial->ratio[trial->stages - 1] : nan("");
}
