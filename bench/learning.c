/* What the trainers' search learns: each subject, a few runs, scored on workloads that nobody
 * trained on. usage: learning [EVALUATIONS [RUNS]]     (1500, 5)
 *
 * All workloads are synthetic; beside the tuned policy stand the best ordinary practice and the
 * bound that none beats. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "policy/cmaes.h"
#include "policy/subject.h"

enum { TRAIN_SEEDS = 16, TEST_SEEDS = 64, LAMBDA_MAX = 60 };

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Returns the evaluations made; ret_best has the best on the training seeds. */
static int search(const struct subject *subject, const struct exam *train, uint64_t seed,
                  int budget, double *ret_best)
{
    double u[SUBJECT_PARAMETERS_MAX], p[SUBJECT_PARAMETERS_MAX], costs[LAMBDA_MAX], best = HUGE_VAL;
    int evaluations = 0;
    for (int i = 0; i < subject->parameter_count; i++)
        p[i] = subject->parameters[i].textbook;
    subject_unit_cube(subject, p, u);
    struct cmaes *cmaes = cmaes_new(subject->parameter_count, seed, NULL, 0.3);
    if (!cmaes)
        return -1;
    cmaes_inject(cmaes, u);
    while (evaluations < budget) {
        for (int k = 0; k < cmaes_lambda(cmaes); k++, evaluations++) {
            subject_units(subject, cmaes_candidate(cmaes, k), p);
            costs[k] = exam_score(train, p).ratio;
            if (costs[k] < best) {
                best = costs[k];
                memcpy(ret_best, p, sizeof p);
            }
        }
        cmaes_tell(cmaes, costs);
    }
    cmaes_free(cmaes);
    return evaluations;
}

static void print_score(const char *who, struct score score, double gap_closed)
{
    printf("  %-22s %6.3f +- %.3f  %3zu/%zu  %10.4g  %6.0f %%\n", who, score.ratio, score.ci95,
           score.wins, score.seeds, score.cost, 100 * gap_closed);
}

static int learn(const struct subject *subject, int budget, int runs)
{
    struct exam *test = exam_new(subject, "test", TEST_SEEDS);
    double best[SUBJECT_PARAMETERS_MAX] = {0};
    if (!test)
        return -1;
    printf("\n%s: %s; %s; ratio to %s, 95 %% interval\n", subject->name, subject->title,
           subject->cost, subject->baseline_names[0]);
    printf("  %-22s %15s  %5s  %10s  %8s\n", "", "held-out ratio", "wins", "mean cost", "gap");
    for (int which = 0; which < subject->baseline_count; which++) {
        struct score score = exam_baseline(test, which);
        print_score(subject->baseline_names[which], score, exam_gap_closed(test, score.ratio));
    }
    for (int run = 0; run < runs; run++) {
        char split[32], who[64];
        snprintf(split, sizeof split, "train/bench%d", run);
        struct exam *train = exam_new(subject, split, TRAIN_SEEDS);
        if (!train)
            return -1;
        double begin = seconds();
        int evaluations = search(subject, train, (uint64_t)run + 1, budget, best);
        double us = (seconds() - begin) * 1e6 / evaluations;
        struct score score = exam_score(test, best);
        snprintf(who, sizeof who, "tuned, run %d", run + 1);
        print_score(who, score, exam_gap_closed(test, score.ratio));
        printf("  %22s train %.3f; %d evaluations, %.0f us each, %.0f us a seed;", "",
               exam_score(train, best).ratio, evaluations, us, us / TRAIN_SEEDS);
        for (int i = 0; i < subject->parameter_count; i++)
            printf(" %s %.3g", subject->parameters[i].name, best[i]);
        printf("\n");
        exam_free(train);
    }
    print_score("bound", exam_bound(test), 1);
    exam_free(test);
    return 0;
}

int main(int argc, char **argv)
{
    int budget = argc > 1 ? atoi(argv[1]) : 1500, runs = argc > 2 ? atoi(argv[2]) : 5;
    size_t count;
    const struct subject *const *all = subjects(&count);
    if (budget < 1 || runs < 1) {
        fprintf(stderr, "usage: %s [EVALUATIONS [RUNS]]\n", argv[0]);
        return 2;
    }
    printf("%d evaluations, %d training and %d held-out seeds, synthetic workloads\n", budget,
           TRAIN_SEEDS, TEST_SEEDS);
    for (size_t i = 0; i < count; i++)
        if (learn(all[i], budget, runs) < 0) {
            fprintf(stderr, "out of memory\n");
            return 1;
        }
    return 0;
}
