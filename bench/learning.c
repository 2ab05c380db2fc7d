/* What the trainers' search learns: each subject, a few runs, scored on workloads that nobody
 * trained on.
 *
 * usage: learning [EVALUATIONS [RUNS [SUBJECT]]]     (1500, 5, all)
 *
 * All workloads are synthetic; beside the tuned policy stand the best ordinary practice and the
 * bound that none beats. Beside those stands, where there is one, what an independent prototype of
 * the same design measured (one run of 1,500 evaluations, with workload priors of its own; of
 * graphics in floating point, on these workloads): a right implementation lands near it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "policy/optimise/search.h"

enum { TRAIN_SEEDS = 16, TEST_SEEDS = 64, RUNS_MAX = 64 };

/* The prototype's held-out ratio with its 95 % interval, and its bound. */
static const struct prototype {
    const char *subject;
    double ratio, ci95, bound;
} prototypes[] = {
    {"process_manager", 0.694, 0.025, 0.309}, {"file_system", 0.917, 0.012, 0.762},
    {"performance", 0.696, 0.013, 0.635},     {"size_classes", 0.356, 0.030, 0.122},
    {"graphics", 0.481, 0.025, 0.355},        {"audio", 0.504, 0.047, 0.220},
    {"window_manager", 0.721, 0.022, 0.639},
};
#define NEAR 0.03 /* beyond its interval: worth an explanation */

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

struct run {
    double best[SUBJECT_PARAMETERS_MAX], train, us;
    unsigned evaluations;
    struct score score;
};

static int learn_once(const struct subject *subject, const struct evaluation_set *test, int number,
                      unsigned budget, struct run *ret_run)
{
    char split[32];
    snprintf(split, sizeof split, "train/bench%d", number);
    struct objective train = {.sets = {evaluation_set_new(subject, split, TRAIN_SEEDS)},
                              .count = 1};
    struct search search = {0};
    if (!train.sets[0])
        return -1;
    double begin = seconds();
    int failed;
    if (subject->solve) {
        failed = evaluation_set_solve(train.sets[0], ret_run->best);
        ret_run->evaluations = 1;
    } else {
        failed = search_begin(&search, subject, (uint64_t)number + 1, NULL);
        if (!failed)
            ret_run->evaluations = search_run(&search, &train, budget, NULL);
        memcpy(ret_run->best, search.best, sizeof search.best);
        search_end(&search);
    }
    if (!failed) {
        ret_run->us = (seconds() - begin) * 1e6 / ret_run->evaluations;
        ret_run->train = objective_ratio(&train, ret_run->best);
        ret_run->score = evaluation_set_score(test, ret_run->best);
    }
    objective_free(&train);
    return failed;
}

static void print_score(const char *who, struct score score, double bound_ratio)
{
    printf("  %-22s %6.3f +- %.3f  %3zu/%zu  %10.4g  %6.0f %%\n", who, score.ratio, score.ci95,
           score.wins, score.seeds, score.cost, 100 * gap_closed(score.ratio, bound_ratio));
}

/* The subject's figures, over all workloads: their mean, and in brackets the most of one. */
static void print_figures(const struct evaluation_set *test, const struct subject *subject,
                          const double *parameters, int which)
{
    struct spread figures[SUBJECT_FIGURES_MAX];
    if (!subject->figure_names || evaluation_set_figures(test, parameters, which, figures) < 0)
        return;
    printf("  %22s", "");
    for (int k = 0; subject->figure_names[k]; k++)
        printf("%s %s %.4g (%.4g)", k > 0 ? ";" : "", subject->figure_names[k], figures[k].mean,
               figures[k].most);
    printf("\n");
}

static int compare_ratios(const void *left, const void *right)
{
    double a = ((const struct run *)left)->score.ratio,
           b = ((const struct run *)right)->score.ratio;
    return (a > b) - (a < b);
}

static void print_run(const struct subject *subject, double bound_ratio, int number,
                      const struct run *run)
{
    char who[64];
    snprintf(who, sizeof who, "tuned, run %d", number + 1);
    print_score(who, run->score, bound_ratio);
    printf("  %22s train %.3f; %u evaluations, %.0f us each, %.0f us a seed;", "", run->train,
           run->evaluations, run->us, run->us / TRAIN_SEEDS);
    for (int i = 0; i < subject->parameter_count; i++)
        printf(" %s %.3g", subject->parameters[i].name, run->best[i]);
    printf("\n");
}

static void print_prototype(const struct subject *subject, double median)
{
    for (size_t i = 0; i < sizeof prototypes / sizeof *prototypes; i++) {
        const struct prototype *prototype = &prototypes[i];
        if (strcmp(prototype->subject, subject->name) != 0)
            continue;
        double beyond = fabs(median - prototype->ratio) - prototype->ci95;
        printf("  %-22s %6.3f +- %.3f, bound %.3f; the median of the runs is %s\n", "prototype",
               prototype->ratio, prototype->ci95, prototype->bound,
               beyond <= 0      ? "inside its interval"
               : beyond <= NEAR ? "near it"
                                : "FAR FROM IT");
    }
}

static int learn(const struct subject *subject, unsigned budget, int runs)
{
    struct evaluation_set *test = evaluation_set_new(subject, "bench", TEST_SEEDS);
    struct run run[RUNS_MAX];
    if (!test)
        return -1;
    struct score bound = evaluation_set_bound(test);
    printf("\n%s: %s; %s; ratio to %s, 95 %% interval\n", subject->name, subject->title,
           subject->cost, subject->baseline_names[0]);
    printf("  %-22s %15s  %5s  %10s  %8s\n", "", "held-out ratio", "wins", "mean cost", "gap");
    for (int which = 0; which < subject->baseline_count; which++) {
        struct score score = evaluation_set_baseline(test, which);
        print_score(subject->baseline_names[which], score, bound.ratio);
        print_figures(test, subject, NULL, which);
    }
    if (subject->informed_cost) {
        print_score(subject->informed_name, evaluation_set_informed(test), bound.ratio);
        print_figures(test, subject, NULL, SUBJECT_INFORMED);
    }
    for (int i = 0; i < runs; i++) {
        if (learn_once(subject, test, i, budget, &run[i]) < 0)
            return -1;
        print_run(subject, bound.ratio, i, &run[i]);
        print_figures(test, subject, run[i].best, 0);
    }
    print_score("bound", bound, bound.ratio);
    print_figures(test, subject, NULL, SUBJECT_BOUND);
    qsort(run, (size_t)runs, sizeof run[0], compare_ratios);
    print_prototype(subject, run[runs / 2].score.ratio);
    fflush(stdout);
    evaluation_set_free(test);
    return 0;
}

int main(int argc, char **argv)
{
    int budget = argc > 1 ? atoi(argv[1]) : 1500, runs = argc > 2 ? atoi(argv[2]) : 5;
    const char *only = argc > 3 ? argv[3] : NULL;
    size_t count;
    const struct subject *const *all = subjects(&count);
    if (argc > 4 || budget < 1 || runs < 1 || runs > RUNS_MAX || (only && !subject_find(only))) {
        fprintf(stderr, "usage: %s [EVALUATIONS [RUNS [SUBJECT]]]\n", argv[0]);
        return 2;
    }
    printf("%d evaluations, %d training and %d held-out seeds, synthetic workloads\n", budget,
           TRAIN_SEEDS, TEST_SEEDS);
    for (size_t i = 0; i < count; i++)
        if ((!only || strcmp(only, all[i]->name) == 0) &&
            learn(all[i], (unsigned)budget, runs) < 0) {
            fprintf(stderr, "out of memory\n");
            return 1;
        }
    return 0;
}
