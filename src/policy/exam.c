/* An exam: workloads, generated once, with the textbook's cost on each.
 *
 * Scores are paired: on each seed the policy's cost is divided by the textbook's on the same
 * workload, and the ratios are averaged. So one heavy-tailed seed weighs no more than another, and
 * the interval is that of the difference, not of the workloads. */
#include <math.h>
#include <stdlib.h>

#include "policy/subject.h"

struct sitting {
    void *workload;
    double textbook;
};

struct exam {
    const struct subject *subject;
    size_t count;
    struct sitting sittings[];
};

struct exam *exam_new(const struct subject *subject, const char *split, size_t seeds)
{
    if (seeds > (SIZE_MAX - sizeof(struct exam)) / sizeof(struct sitting))
        return NULL;
    struct exam *exam = calloc(1, sizeof *exam + seeds * sizeof exam->sittings[0]);
    if (!exam)
        return NULL;
    exam->subject = subject;
    for (; exam->count < seeds; exam->count++) {
        struct sitting *sitting = &exam->sittings[exam->count];
        sitting->workload = subject->workload_new(subject_seed(subject, split, exam->count));
        if (!sitting->workload) {
            exam_free(exam);
            return NULL;
        }
        sitting->textbook = subject->baseline_cost(sitting->workload, 0);
        if (!(sitting->textbook > 0)) {
            exam->count++;
            exam_free(exam);
            return NULL;
        }
    }
    return exam;
}

void exam_free(struct exam *exam)
{
    if (!exam)
        return;
    for (size_t i = 0; i < exam->count; i++)
        exam->subject->workload_free(exam->sittings[i].workload);
    free(exam);
}

size_t exam_size(const struct exam *exam)
{
    return exam->count;
}

/* One cost per sitting: with parameters, or (NULL) of baseline `which`, or (which < 0) of the
 * bound. */
static double sitting_cost(const struct exam *exam, size_t i, const double *parameters, int which)
{
    const void *workload = exam->sittings[i].workload;
    if (parameters)
        return exam->subject->cost_of(workload, parameters);
    return which < 0 ? exam->subject->bound_cost(workload)
                     : exam->subject->baseline_cost(workload, which);
}

static struct score measure(const struct exam *exam, const double *parameters, int which)
{
    double n = (double)exam->count, sum = 0, squares = 0, costs = 0;
    struct score score = {.seeds = exam->count};
    for (size_t i = 0; i < exam->count; i++) {
        double textbook = exam->sittings[i].textbook;
        double cost = sitting_cost(exam, i, parameters, which), ratio = cost / textbook;
        sum += ratio;
        squares += (ratio - 1) * (ratio - 1); /* about 1, where ratios lie: less cancellation */
        costs += cost;
        score.wins += cost < textbook;
    }
    score.ratio = sum / n;
    score.cost = costs / n;
    double spread = squares - n * (score.ratio - 1) * (score.ratio - 1);
    score.ci95 = n > 1 ? 1.96 * sqrt(fmax(spread, 0) / (n - 1) / n) : 0;
    if (isnan(score.ratio))
        score.ci95 = nan("");
    return score;
}

struct score exam_score(const struct exam *exam, const double *parameters)
{
    return measure(exam, parameters, 0);
}

struct score exam_baseline(const struct exam *exam, int which)
{
    return measure(exam, NULL, which);
}

struct score exam_bound(const struct exam *exam)
{
    return measure(exam, NULL, -1);
}

double exam_gap_closed(const struct exam *exam, double ratio)
{
    return (1 - ratio) / (1 - exam_bound(exam).ratio);
}
