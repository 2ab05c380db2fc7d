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

/* Who decides: one of these. */
struct decider {
    const double *parameters;
    const module_function *functions;
    int baseline; /* when the others are NULL; below 0 is the bound */
};

static double sitting_cost(const struct exam *exam, size_t i, struct decider decider)
{
    const struct subject *subject = exam->subject;
    const void *workload = exam->sittings[i].workload;
    if (decider.parameters)
        return subject->cost_of(workload, decider.parameters);
    if (decider.functions)
        return subject->module_cost(workload, decider.functions);
    return decider.baseline < 0 ? subject->bound_cost(workload)
                                : subject->baseline_cost(workload, decider.baseline);
}

static struct score measure(const struct exam *exam, struct decider decider)
{
    double n = (double)exam->count, sum = 0, squares = 0, costs = 0;
    struct score score = {.seeds = exam->count};
    for (size_t i = 0; i < exam->count; i++) {
        double textbook = exam->sittings[i].textbook;
        double cost = sitting_cost(exam, i, decider), ratio = cost / textbook;
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
    return measure(exam, (struct decider){.parameters = parameters});
}

struct score exam_module(const struct exam *exam, const module_function *functions)
{
    return measure(exam, (struct decider){.functions = functions});
}

struct score exam_baseline(const struct exam *exam, int which)
{
    return measure(exam, (struct decider){.baseline = which});
}

struct score exam_bound(const struct exam *exam)
{
    return measure(exam, (struct decider){.baseline = -1});
}

int exam_solve(const struct exam *exam, double *ret_parameters)
{
    const void **workloads = malloc(exam->count * sizeof *workloads);
    if (!workloads || !exam->subject->solve) {
        free(workloads);
        return -1;
    }
    for (size_t i = 0; i < exam->count; i++)
        workloads[i] = exam->sittings[i].workload;
    int result = exam->subject->solve(workloads, exam->count, ret_parameters);
    free(workloads);
    return result;
}

double exam_gap_closed(const struct exam *exam, double ratio)
{
    return (1 - ratio) / (1 - exam_bound(exam).ratio);
}
