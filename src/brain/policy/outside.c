/* Who searches in the place of CMA-ES (search/searcher.h): a program of the user's, a language
 * model, genetic programming. It proposes parameters, programs and C sources; the judge of searches
 * (search/judge.h) measures them on this AI's training workloads, and what others found is among
 * the elites that it is shown. What it found is offered to others and claimed like anything that
 * this AI finds: parameters as parameters, and what is none as a module. When it fails, or is done,
 * CMA-ES goes on from the best parameters, and the standing says so. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "brain/policy/parts.h"

int brain_policy_search_by(struct brain *brain, const struct searcher *searcher, char ret_why[256])
{
    struct policy_brain *policy = brain->state;
    struct outside *outside = &policy->outside;
    char split[SPLIT_SIZE];
    if (!policy->subject || policy->subject->solve) {
        snprintf(ret_why, 256, "%s searches for nothing: there is nothing to propose",
                 policy->specialization);
        return -1;
    }
    snprintf(split, sizeof split, "search/%s", policy->ai_id);
    uint64_t seed = subject_seed(policy->subject, split, 0);
    if (searcher_begin(searcher, policy->subject, seed, 0, &outside->proposer, ret_why) < 0)
        return -1;
    snprintf(outside->name, sizeof outside->name, "%s", outside->proposer.name);
    snprintf(outside->split, sizeof outside->split, "train/%s", policy->ai_id);
    outside->at_once = strchr(searcher->by, ':') == NULL;
    judge_begin(&outside->judge, policy->subject, outside->split, NULL);
    size_t used = strlen(brain->description);
    snprintf(brain->description + used, sizeof brain->description - used, ", by '%.60s'",
             searcher->by);
    return 0;
}

void outside_show(struct policy_brain *brain, const struct solution *solution,
                  const struct probe_report *report)
{
    const char *source = json_string_value(solution->source);
    struct trial trial = {.kind = source ? TRIAL_SOURCE : TRIAL_PARAMETERS,
                          .stages = STAGE_TRAIN + 1,
                          .worst = report->score.worst,
                          .bytes = report->object_bytes};
    if (!brain->outside.proposer.state)
        return;
    if (source)
        trial.source = (char *)(uintptr_t)source; /* the archive keeps a copy */
    else
        memcpy(trial.parameters, solution->parameters, sizeof trial.parameters);
    trial.ratio[STAGE_TRAIN] = report->score.ratio;
    archive_add(&brain->outside.judge.archive, &trial); /* without memory it is shown one less */
}

/* It is asked no more. */
static void ended(struct outside *outside, const char *why)
{
    assert(!outside->asking.thinking);
    snprintf(outside->ended, sizeof outside->ended, "%s", why);
    proposer_free(&outside->proposer);
}

static void told(struct outside *outside, brain_stop *stop)
{
    struct proposer *proposer = &outside->proposer;
    char why[256] = "";
    bool failed = proposer->told(proposer->state, outside->asked, outside->count, why) < 0;
    for (size_t i = 0; i < outside->count; i++)
        trial_free(&outside->asked[i]);
    outside->count = outside->next = 0;
    if (failed && !atomic_load(stop))
        ended(outside, why);
    else if (proposer->done)
        ended(outside, proposer->spent.requests ? "all that it may have is used up"
                                                : "it has no more to propose");
}

/* Who takes his time thinks on a thread of his own, and is waited for a moment in each job: in
 * between are those of others. False: there is no answer yet. */
static bool ask_thinker(struct outside *outside, size_t most, brain_stop *stop, int *ret_count,
                        char why[256])
{
    struct asking *asking = &outside->asking;
    const unsigned look_ms = 10;
    if (!asking->thinking &&
        asking_begin(asking, &outside->proposer, &outside->judge.archive, 0, most) < 0)
        return false; /* without memory it is tried again */
    for (unsigned ms = 0; ms < THINKING_MS && !atomic_load(stop); ms += look_ms)
        if (asking_answered(asking, look_ms, outside->asked, ret_count, why))
            return true;
    return false;
}

/* Asks for at most so many. */
static void ask(struct outside *outside, size_t most, brain_stop *stop)
{
    struct proposer *proposer = &outside->proposer;
    char why[256] = "";
    struct search_state state = {
        .archive = &outside->judge.archive, .best = &outside->judge.best, .stop = stop};
    int count = 0;
    most = most < PROPOSALS_MAX ? most : PROPOSALS_MAX;
    if (outside->at_once)
        count = proposer->propose(proposer, &state, most, outside->asked, why);
    else if (!ask_thinker(outside, most, stop, &count, why))
        return;
    outside->count = count > 0 ? (size_t)count : 0;
    outside->spent = proposer->spent;
    if (count < 0 && !atomic_load(stop))
        ended(outside, why);
    else if (count == 0)
        told(outside, stop);
}

/* What is no parameters and the judge's best is this AI's best module: as C, for that is what
 * others are given. */
static void module_found(struct policy_brain *brain, const struct trial *trial)
{
    char *source = trial_source(brain->subject, trial);
    struct solution module = {.source = source ? json_string(source) : NULL};
    free(source);
    if (!module.source)
        return; /* without memory it is not shared */
    solution_copy(&brain->module, &module);
    solution_free(&module);
    brain->module_ratio = trial->ratio[STAGE_TRAIN];
}

/* How many evaluations it took: a whole one at least of a source, for a compiler works too. */
static unsigned evaluations_of(struct outside *outside, const struct trial *trial,
                               uint64_t simulations)
{
    uint64_t each = stage_workloads[STAGE_TRAIN];
    if (trial->kind == TRIAL_SOURCE)
        return (unsigned)((simulations + each - 1) / each);
    outside->simulations += simulations;
    unsigned whole = (unsigned)(outside->simulations / each);
    outside->simulations %= each;
    return whole;
}

/* 0; -1: this machine can't, or it was stopped. */
static int judge_next(struct policy_brain *brain, brain_stop *stop, unsigned *ret_spent)
{
    struct outside *outside = &brain->outside;
    struct judge *judge = &outside->judge;
    struct trial *trial = &outside->asked[outside->next];
    uint64_t before = judge->simulations;
    char why[256];
    if (judge_measure(judge, trial, why) < 0) {
        if (!atomic_load(stop))
            ended(outside, why);
        return -1;
    }
    outside->next++;
    *ret_spent = evaluations_of(outside, trial, judge->simulations - before);
    if (trial->stages > STAGE_TRAIN && trial->kind == TRIAL_PARAMETERS)
        search_offer(&brain->search, trial->parameters, trial->ratio[STAGE_TRAIN]);
    if (trial->stages == STAGES && trial->kind != TRIAL_PARAMETERS &&
        trial->ratio[STAGE_TRAIN] < brain->module_ratio && trial_compare(trial, &judge->best) <= 0)
        module_found(brain, trial);
    return 0;
}

unsigned outside_search(struct policy_brain *brain, unsigned evaluations, brain_stop *stop)
{
    struct outside *outside = &brain->outside;
    bool compiled = false;
    unsigned spent = 0;
    judge_heed(&outside->judge, stop);
    if (outside->count == 0)
        ask(outside, evaluations, stop);
    while (outside->next < outside->count && spent < evaluations && !compiled) {
        unsigned more;
        compiled = outside->asked[outside->next].kind == TRIAL_SOURCE;
        if (judge_next(brain, stop, &more) < 0)
            break;
        spent += more;
    }
    if (outside->asking.thinking)
        return 0;
    if (outside->count > 0 && outside->next == outside->count)
        told(outside, stop);
    brain->search.evaluations += spent;
    brain->search.generations++;
    return spent;
}

const char *outside_name(const struct policy_brain *brain)
{
    return brain->outside.proposer.state ? brain->outside.name : "cma-es";
}

void outside_settle(struct policy_brain *brain)
{
    struct outside *outside = &brain->outside;
    const atomic_bool *stop = outside->judge.stop;
    if (!outside->asking.thinking || !stop || !atomic_load(stop))
        return;
    asking_end(&outside->asking);
    outside->spent = outside->proposer.spent;
}

void outside_end(struct policy_brain *brain)
{
    struct outside *outside = &brain->outside;
    asking_end(&outside->asking);
    proposer_free(&outside->proposer);
    judge_end(&outside->judge);
    for (size_t i = 0; i < outside->count; i++)
        trial_free(&outside->asked[i]);
}
