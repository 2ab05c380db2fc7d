/* Prints, to the last bit, costs of every subject and a search's way: policy_bits.sh compares what
 * different compilers make of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/optimise/cmaes.h"
#include "policy/optimise/evaluation.h"
#include "policy/program.h"
#include "policy/random.h"
#include "policy/subject.h"

static void print_costs(const struct subject *subject, struct random *random)
{
    for (uint64_t seed = 0; seed < 2; seed++) {
        void *workload = subject->workload_new(seed);
        for (int which = 0; which < subject->baseline_count; which++)
            printf("%s: %s %a\n", subject->name, subject->baseline_names[which],
                   subject->baseline_cost(workload, which));
        printf("%s: bound %a\n", subject->name, subject->bound_cost(workload));
        const char *const *known = subject->frame ? subject->frame->known : NULL;
        for (struct program program; known && *known; known++)
            if (program_read(subject->frame, *known, &program) == 0)
                printf("%s: %s %a\n", subject->name, *known,
                       subject->frame->cost_of(workload, &program));
        if (subject->informed_cost)
            printf("%s: informed %a\n", subject->name, subject->informed_cost(workload));
        for (int k = 0; k < 6; k++) {
            double u[SUBJECT_PARAMETERS_MAX], p[SUBJECT_PARAMETERS_MAX];
            for (int i = 0; i < subject->parameter_count; i++)
                u[i] = random_between(random, -1, 2);
            subject_units(subject, u, p);
            for (int i = 0; i < subject->parameter_count; i++)
                printf("%a ", p[i]);
            printf("%s: %a\n", subject->name, subject_cost(subject, workload, p));
        }
        free(workload);
    }
}

static void print_search(const struct subject *subject)
{
    struct evaluation_set *set = evaluation_set_new(subject, "train/bits", 2);
    struct cmaes *search = cmaes_new(subject->parameter_count, 7, NULL, 0.3);
    double costs[64], p[SUBJECT_PARAMETERS_MAX];
    for (int generation = 0; generation < 4; generation++) {
        for (int k = 0; k < cmaes_lambda(search); k++) {
            subject_units(subject, cmaes_candidate(search, k), p);
            costs[k] = evaluation_set_score(set, p).ratio;
            printf("%a ", costs[k]);
        }
        cmaes_tell(search, costs);
        printf("%s: sigma %a\n", subject->name, cmaes_sigma(search));
    }
    cmaes_free(search);
    evaluation_set_free(set);
}

int main(void)
{
    struct random random;
    random_seed(&random, 1);
    for (int i = 0; i < 100; i++) {
        printf("%a ", random_normal(&random));
        printf("%a\n", random_bounded_pareto(&random, 1.3, 2, 3000));
    }
    size_t count;
    const struct subject *const *all = subjects(&count);
    for (size_t i = 0; i < count; i++) {
        print_costs(all[i], &random);
        print_search(all[i]);
    }
    return 0;
}
