#include "policy/process_manager/disciplines.h"

#include <assert.h>
#include <math.h>

#include "policy/elementary.h"

#define NS_PER_MS 1e6

static int64_t constant_slice(const void *context, int64_t attained)
{
    (void)attained;
    return *(const int64_t *)context;
}

static int64_t time_itself(const void *context, int64_t now, int64_t attained)
{
    (void)context;
    (void)attained;
    return now;
}

struct cpu_policy cpu_round_robin(const int64_t *slice)
{
    return (struct cpu_policy){time_itself, constant_slice, slice, .boost = CPU_NEVER};
}

static int64_t attained_alone(const void *context, int64_t now, int64_t attained)
{
    (void)context;
    (void)now;
    return attained;
}

struct cpu_policy cpu_least_attained(const int64_t *slice)
{
    return (struct cpu_policy){attained_alone, constant_slice, slice, .boost = CPU_NEVER};
}

static int feedback_level(const struct feedback_queue *queue, int64_t attained)
{
    int level = 0;
    while (level < queue->levels - 1 && attained >= queue->level_end[level])
        level++;
    return level;
}

static int64_t feedback_deadline(const void *context, int64_t now, int64_t attained)
{
    const int64_t later = INT64_C(1) << 59; /* 18 years in ns */
    return feedback_level(context, attained) * later + now;
}

static int64_t feedback_slice(const void *context, int64_t attained)
{
    const struct feedback_queue *queue = context;
    return queue->slice[feedback_level(queue, attained)];
}

struct cpu_policy cpu_feedback(const struct feedback_queue *queue)
{
    assert(queue->levels >= 1 && queue->levels <= FEEDBACK_LEVELS_MAX);
    return (struct cpu_policy){feedback_deadline, feedback_slice, queue, .boost = queue->boost};
}

/* From point i on: to which other one should one go, for the least time per completion? What is
 * spent until then is the integral of the survival function, what is done its fall. */
static double least_per_completion(const double *ms, const double *survival, int i)
{
    double spent = 0, best = HUGE_VAL;
    for (int k = i + 1; k < GITTINS_POINTS; k++) {
        spent += (survival[k - 1] + survival[k]) / 2 * (ms[k] - ms[k - 1]);
        double done = survival[i] - survival[k];
        if (done > 0 && spent / done < best)
            best = spent / done;
    }
    return best;
}

void gittins_make(double (*survival)(const void *law, double ms), const void *law, double shortest,
                  double longest, int64_t slice, struct gittins *ret_gittins)
{
    double ms[GITTINS_POINTS] = {0}, survivors[GITTINS_POINTS];
    double step = elementary_power(longest / shortest, 1.0 / (GITTINS_POINTS - 2));
    for (int i = 0; i < GITTINS_POINTS; i++) {
        ms[i] = i == 0 ? 0 : i == 1 ? shortest : ms[i - 1] * step;
        survivors[i] = i < GITTINS_POINTS - 1 ? survival(law, ms[i]) : 0;
    }
    ret_gittins->slice = slice;
    for (int i = 0; i < GITTINS_POINTS; i++) {
        double rank = least_per_completion(ms, survivors, i);
        ret_gittins->attained[i] = (int64_t)(ms[i] * NS_PER_MS);
        /* nobody gets there, or nobody ends any more: as the point before */
        ret_gittins->rank[i] = isfinite(rank) ? (int64_t)(rank * NS_PER_MS)
                               : i > 0        ? ret_gittins->rank[i - 1]
                                              : 0;
    }
}

static int64_t gittins_rank(const void *context, int64_t now, int64_t attained)
{
    (void)now;
    const struct gittins *gittins = context;
    int low = 0, high = GITTINS_POINTS - 1;
    if (attained >= gittins->attained[high])
        return gittins->rank[high];
    while (high - low > 1) {
        int middle = (low + high) / 2;
        if (attained >= gittins->attained[middle])
            low = middle;
        else
            high = middle;
    }
    double share = (double)(attained - gittins->attained[low]) /
                   (double)(gittins->attained[high] - gittins->attained[low]);
    return gittins->rank[low] +
           (int64_t)(share * (double)(gittins->rank[high] - gittins->rank[low]));
}

static int64_t gittins_slice(const void *context, int64_t attained)
{
    (void)attained;
    return ((const struct gittins *)context)->slice;
}

struct cpu_policy cpu_gittins(const struct gittins *gittins)
{
    return (struct cpu_policy){gittins_rank, gittins_slice, gittins, .boost = CPU_NEVER};
}
