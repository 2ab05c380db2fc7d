/* A searcher from outside in the place of CMA-ES: a program of the user's, asked by JSON lines
 * (search/proposer.h). What it proposes is measured, offered to others and claimed like anything
 * that this AI finds; what others found is among the elites that it is shown. When it fails,
 * CMA-ES goes on from the best, and the standing says so. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "brain/policy/parts.h"

#define PATIENCE_MS 60000

int brain_policy_search_by(struct brain *brain, const char *command, char ret_why[256])
{
    struct policy_brain *policy = brain->state;
    char split[SPLIT_SIZE];
    if (!policy->subject || policy->subject->solve) {
        snprintf(ret_why, 256, "%s searches for nothing: there is nothing to propose",
                 policy->specialization);
        return -1;
    }
    snprintf(split, sizeof split, "search/%s", policy->ai_id);
    uint64_t seed = subject_seed(policy->subject, split, 0);
    if (proposer_exec(policy->subject, command, seed, 0, PATIENCE_MS, &policy->outside, ret_why) <
        0)
        return -1;
    size_t used = strlen(brain->description);
    snprintf(brain->description + used, sizeof brain->description - used, ", by '%.60s'", command);
    return 0;
}

void outside_show(struct policy_brain *brain, const double *parameters)
{
    struct trial trial = {.kind = TRIAL_PARAMETERS, .stages = STAGE_TRAIN + 1};
    struct score score = evaluation_set_score(brain->train.sets[0], parameters);
    if (!brain->outside.state || isnan(score.ratio))
        return;
    memcpy(trial.parameters, parameters, sizeof trial.parameters);
    trial.ratio[STAGE_TRAIN] = score.ratio;
    trial.worst = score.worst;
    archive_add(&brain->outside_archive, &trial); /* without memory it is shown one less */
}

/* Runs a proposal. False: it was stopped. */
static bool run_trial(struct policy_brain *brain, struct trial *trial)
{
    if (trial->kind != TRIAL_PARAMETERS) {
        snprintf(trial->why, sizeof trial->why, "trainers share parameters: name them");
        return true;
    }
    struct score score = evaluation_set_score(brain->train.sets[0], trial->parameters);
    if (isnan(score.ratio))
        return false;
    trial->stages = STAGE_TRAIN + 1;
    trial->ratio[STAGE_TRAIN] = score.ratio;
    trial->worst = score.worst;
    search_offer(&brain->search, trial->parameters, score.ratio);
    archive_add(&brain->outside_archive, trial);
    return true;
}

unsigned outside_search(struct policy_brain *brain, unsigned evaluations, brain_stop *stop)
{
    struct proposer *outside = &brain->outside;
    struct trial trials[PROPOSALS_MAX];
    char why[256] = "";
    struct search_state state = {.archive = &brain->outside_archive, .stop = stop};
    size_t most = evaluations < PROPOSALS_MAX ? evaluations : PROPOSALS_MAX;
    int count = outside->propose(outside, &state, most, trials, why);
    unsigned done = 0;
    for (int i = 0; i < count; i++)
        done += !atomic_load(stop) && run_trial(brain, &trials[i]);
    bool failed = count < 0;
    if (count >= 0 && done == (unsigned)count)
        failed = outside->told(outside->state, trials, (size_t)count, why) < 0;
    for (int i = 0; i < count; i++)
        trial_free(&trials[i]);
    brain->search.evaluations += done;
    brain->search.generations++;
    if (outside->done)
        snprintf(why, sizeof why, "it has no more to propose");
    if ((failed && !atomic_load(stop)) || outside->done) {
        snprintf(brain->outside_ended, sizeof brain->outside_ended, "%s", why);
        proposer_free(outside);
    }
    return done;
}

const char *outside_name(const struct policy_brain *brain)
{
    return brain->outside.state ? brain->outside.name : "cma-es";
}

void outside_end(struct policy_brain *brain)
{
    proposer_free(&brain->outside);
    archive_free(&brain->outside_archive);
}
