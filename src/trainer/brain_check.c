/* What others claim, run again.
 *
 * Two questions, kept apart. Does the claim hold: are the numbers, measured on the held-out workloads that the claim itself
 * names, the same to 1e-9, and is a component's source there, and what its parameters render to? And is it good for this AI: how does it
 * do on workloads of this AI's own that nobody else has used? Only parameters are run, never another's source. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "trainer/brain_policy.h"
#include "trainer/words.h"

#define REASON_SIZE 256

static bool agrees(double claimed, double measured)
{
    return fabs(claimed - measured) <= CLAIM_TOLERANCE * fmax(fabs(claimed), fabs(measured));
}

/* Whether the numbers that are claimed are those that were measured. The score's always; what stands beside it (the bound, the
 * textbook's cost, and what follows from them) when the claim is on the whole held-out set, for which this AI knows them too.
 * Not compared: best_practice, confidence, and what only the claimant can know: ratio_train, ratio_session, evaluations. */
static bool claims_hold(const json_t *thing, const struct bench *bench, const struct score *score,
                        char *ret_why, size_t size)
{
    bool whole = score->seeds == HELDOUT_SEEDS;
    double gap = (1 - score->ratio) / (1 - bench->bound_ratio);
    const struct {
        const char *name;
        double measured;
        bool required, beside;
    } claims[] = {{"ratio_heldout", score->ratio, true, false},
                  {"ci95", score->ci95, false, false},
                  {"cost_heldout", score->cost, false, false},
                  {"wins", (double)score->wins, false, false},
                  {"bound_ratio", bench->bound_ratio, false, true},
                  {"gap_closed", gap, false, true},
                  {"baseline_cost", bench->textbook_cost, false, true},
                  {"development_level", fmin(fmax(gap, 0), 1), false, true}};
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
        if (claims[i].beside && !whole)
            continue;
        double claimed;
        if (!json_object_get(thing, claims[i].name) && !claims[i].required)
            continue;
        if (!member_number(thing, claims[i].name, &claimed)) {
            snprintf(ret_why, size, "%s is missing or no number", claims[i].name);
            return false;
        }
        if (!agrees(claimed, claims[i].measured)) {
            snprintf(ret_why, size, "%s is claimed to be %.12g and measures %.12g", claims[i].name,
                     claimed, claims[i].measured);
            return false;
        }
    }
    return true;
}

/* A component, which must bring its source; anything else is a pattern. */
static bool is_component(const json_t *thing)
{
    const char *type = member_string(thing, "type", 64);
    return json_object_get(thing, "development_level") || !type ||
           strcmp(type, "tuned_policy") != 0;
}

static bool source_holds(const struct subject *subject, const json_t *thing,
                         const double *parameters, char *ret_why, size_t size)
{
    const json_t *source = json_object_get(thing, "implementation");
    if (!source && !is_component(thing))
        return true;
    if (!source) {
        snprintf(ret_why, size, "implementation is missing");
        return false;
    }
    json_t *rendered = implementation_json(subject, parameters);
    bool same = rendered && json_equal(source, rendered);
    json_decref(rendered);
    if (!same)
        snprintf(ret_why, size, "implementation is not what the parameters render to");
    return same;
}

/* How many held-out workloads the claim stands on; 0 when on a number that can't be checked. */
static size_t claim_seeds(const json_t *thing)
{
    double seeds;
    if (!member_number(thing, "seeds", &seeds) ||
        !(seeds >= CLAIM_SEEDS_MIN && seeds <= HELDOUT_SEEDS) || seeds != floor(seeds))
        return 0;
    return (size_t)seeds;
}

/* The score on the claim's own workloads. 0 or -1 (out of memory). */
static int claim_score(struct bench *bench, size_t seeds, const double *parameters,
                       struct score *ret_score)
{
    if (seeds == HELDOUT_SEEDS) {
        if (bench_heldout(bench) < 0)
            return -1;
        *ret_score = exam_score(bench->heldout, parameters);
        return 0;
    }
    struct exam *exam = exam_new(bench->subject, "test", seeds);
    if (!exam)
        return -1;
    *ret_score = exam_score(exam, parameters);
    exam_free(exam);
    return 0;
}

static json_t *refusal_json(const struct subject *subject, const char *why)
{
    return json_pack("{s:f,s:b,s:b,s:s,s:s,s:s}", "score", 0.0, "integration_tested", 0,
                     "claim_holds", 0, "reason", why, "subject", subject->name, "subject_version",
                     subject->version);
}

json_t *policy_check(void *state, const json_t *thing, brain_stop *stop)
{
    struct policy_brain *brain = state;
    const struct subject *subject = member_subject(thing);
    if (!subject || atomic_load(stop))
        return NULL;
    struct bench *bench = policy_bench(brain, subject);
    double parameters[SUBJECT_PARAMETERS_MAX], claimed;
    char why[REASON_SIZE];
    if (parameters_read(subject, json_object_get(thing, "parameters"), parameters, why,
                        sizeof why) < 0)
        return refusal_json(subject, why);
    if (!member_number(thing, "ratio_heldout", &claimed))
        return refusal_json(subject, "ratio_heldout is missing or no number");
    size_t seeds = claim_seeds(thing);
    if (seeds == 0)
        return refusal_json(subject,
                            "seeds must be 16..64: fewer prove nothing, more take too long");
    struct score score;
    if (claim_score(bench, seeds, parameters, &score) < 0 || atomic_load(stop) ||
        bench_peer(brain, bench) < 0)
        return NULL;
    bool holds = claims_hold(thing, bench, &score, why, sizeof why) &&
                 source_holds(subject, thing, parameters, why, sizeof why);
    struct score peer = exam_score(bench->peer, parameters);
    char profile[SPLIT_SIZE];
    snprintf(profile, sizeof profile, "peer/%s", brain->ai_id);
    json_t *metrics = json_pack(
        "{s:f,s:b,s:b,s:f,s:f,s:i,s:f,s:f,s:i,s:s,s:s,s:s}", "score",
        holds ? fmin(fmax(1 - peer.ratio, 0), 1) : 0.0, "integration_tested", holds, "claim_holds",
        holds, "ratio", score.ratio, "claimed", claimed, "n", (int)seeds, "ratio_own", peer.ratio,
        "ci95_own", peer.ci95, "n_own", (int)peer.seeds, "profile", profile, "subject",
        subject->name, "subject_version", subject->version);
    if (metrics && !holds)
        json_object_set_new(metrics, "reason", json_string(why));
    return metrics;
}

bool policy_take_in(void *state, const json_t *thing, const json_t *metrics)
{
    struct policy_brain *brain = state;
    const struct subject *subject = member_subject(thing);
    double parameters[SUBJECT_PARAMETERS_MAX], ratio;
    char why[REASON_SIZE];
    if (!subject || !json_is_true(json_object_get(metrics, "claim_holds")) ||
        !member_number(metrics, "ratio_own", &ratio) ||
        parameters_read(subject, json_object_get(thing, "parameters"), parameters, why,
                        sizeof why) < 0)
        return false;
    struct bench *bench = policy_bench(brain, subject);
    const char *id = member_string(thing, "id", PATTERN_ID_MAX - 1);
    bool better = !bench->known || ratio < bench->best_ratio;
    if (better) {
        bench->known = true;
        bench->best_ratio = ratio;
        memcpy(bench->best, parameters, sizeof bench->best);
        words_cut(id ? id : "", bench->best_id, sizeof bench->best_id);
    }
    /* Of its own subject it takes what is better on its own workloads than its own best; of the others the best there is. */
    if (subject != brain->subject || !brain->search.cmaes)
        return better;
    double before = brain->search.best_ratio;
    if (!(search_try(&brain->search, &brain->train, parameters) < before))
        return false;
    policy_add_parent(brain, id ? id : "");
    /* What came from another is not shared again until this AI has made it better. */
    brain->pattern_ratio = fmin(brain->pattern_ratio, brain->search.best_ratio);
    brain->component_ratio = fmin(brain->component_ratio, brain->search.best_ratio);
    return true;
}
