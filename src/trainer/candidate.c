#include "trainer/candidate.h"

#include <math.h>

#include "trainer/brain.h"

static unsigned evaluations_of(const json_t *count)
{
    json_int_t n = json_is_integer(count) ? json_integer_value(count) : 0;
    if (n < 0)
        return 0;
    return n > BRAIN_SESSION_BUDGET ? BRAIN_SESSION_BUDGET : (unsigned)n;
}

unsigned candidate_evaluations(const json_t *candidate, const char *ai_id)
{
    return evaluations_of(json_object_get(json_object_get(candidate, "evaluations"), ai_id));
}

unsigned candidate_spent(const json_t *candidate)
{
    json_t *all = json_object_get(candidate, "evaluations");
    unsigned sum = 0, entries = 0;
    void *at = json_object_iter(all);
    for (; at && entries < BRAIN_CONTRIBUTORS_MAX; entries++) {
        sum += evaluations_of(json_object_iter_value(at));
        at = json_object_iter_next(all, at);
    }
    return sum > BRAIN_SESSION_BUDGET ? BRAIN_SESSION_BUDGET : sum;
}

double candidate_progress(const json_t *candidate)
{
    return (double)candidate_spent(candidate) / BRAIN_SESSION_BUDGET;
}

double candidate_ratio(const json_t *candidate)
{
    const json_t *ratio = json_object_get(candidate, "ratio");
    double value = json_number_value(ratio);
    return isfinite(value) && value > 0 ? value : 0;
}
