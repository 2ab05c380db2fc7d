/* The searchers among numbers: random, and CMA-ES. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/optimise/cmaes.h"
#include "search/proposer.h"

#define SIGMA_SCRATCH 0.3

struct numeric {
    const struct subject *subject;
    struct random random;
    bool begun;
    struct cmaes *cmaes; /* NULL: random */
    double costs[CMAES_LAMBDA_MAX];
    int next, told; /* of this generation's candidates: proposed, and told of */
};

static void numeric_free(void *state)
{
    struct numeric *numeric = state;
    cmaes_free(numeric->cmaes);
    free(numeric);
}

static int random_propose(struct proposer *proposer, const struct search_state *search, size_t most,
                          struct trial *ret_trials, char why[256])
{
    struct numeric *numeric = proposer->state;
    const struct subject *subject = numeric->subject;
    (void)search, (void)why;
    for (size_t i = 0; i < most; i++) {
        double u[SUBJECT_PARAMETERS_MAX];
        if (!numeric->begun) {
            numeric->begun = true;
            subject_textbook(subject, ret_trials[i].parameters);
            continue;
        }
        for (int k = 0; k < subject->parameter_count; k++)
            u[k] = random_uniform(&numeric->random);
        subject_units(subject, u, ret_trials[i].parameters);
    }
    return (int)most;
}

static int random_told(void *state, const struct trial *trials, size_t count, char why[256])
{
    (void)state, (void)trials, (void)count, (void)why;
    return 0;
}

/* At most to the end of the generation: the next one needs all its costs. */
static int cmaes_propose(struct proposer *proposer, const struct search_state *search, size_t most,
                         struct trial *ret_trials, char why[256])
{
    struct numeric *numeric = proposer->state;
    (void)search, (void)why;
    int count = 0;
    while (numeric->next < cmaes_lambda(numeric->cmaes) && (size_t)count < most)
        subject_units(numeric->subject, cmaes_candidate(numeric->cmaes, numeric->next++),
                      ret_trials[count++].parameters);
    return count;
}

static int cmaes_told(void *state, const struct trial *trials, size_t count, char why[256])
{
    struct numeric *numeric = state;
    (void)why;
    for (size_t i = 0; i < count; i++)
        numeric->costs[numeric->told++] =
            trials[i].stages > STAGE_TRAIN ? trials[i].ratio[STAGE_TRAIN] : nan("");
    if (numeric->told == cmaes_lambda(numeric->cmaes)) {
        cmaes_tell(numeric->cmaes, numeric->costs);
        numeric->next = numeric->told = 0;
    }
    return 0;
}

static int numeric_new(const struct subject *subject, uint64_t seed, bool random,
                       struct proposer *ret_proposer, char why[256])
{
    struct numeric *numeric = calloc(1, sizeof *numeric);
    double textbook[SUBJECT_PARAMETERS_MAX], u[SUBJECT_PARAMETERS_MAX];
    if (numeric && !random)
        numeric->cmaes = cmaes_new(subject->parameter_count, seed, NULL, SIGMA_SCRATCH);
    if (!numeric || (!random && !numeric->cmaes)) {
        free(numeric);
        snprintf(why, 256, "out of memory");
        return -1;
    }
    numeric->subject = subject;
    random_seed(&numeric->random, seed);
    subject_textbook(subject, textbook);
    subject_unit_cube(subject, textbook, u);
    if (!random)
        cmaes_inject(numeric->cmaes, u);
    *ret_proposer = (struct proposer){.state = numeric,
                                      .propose = random ? random_propose : cmaes_propose,
                                      .told = random ? random_told : cmaes_told,
                                      .free = numeric_free};
    snprintf(ret_proposer->name, sizeof ret_proposer->name, "%s", random ? "random" : "cmaes");
    return 0;
}

int proposer_random(const struct subject *subject, uint64_t seed, struct proposer *ret_proposer,
                    char why[256])
{
    return numeric_new(subject, seed, true, ret_proposer, why);
}

int proposer_cmaes(const struct subject *subject, uint64_t seed, struct proposer *ret_proposer,
                   char why[256])
{
    return numeric_new(subject, seed, false, ret_proposer, why);
}
