/* What others claim, measured again.
 *
 * Two questions, kept apart. Does the claim hold: are the numbers, measured on the workloads
 * that follow from its nonce, the same to 1e-9, and is a component's source what its parameters
 * render to? And is it good for this AI: how does it do on workloads of this AI's own? Only
 * parameters are run, and C that this AI has rendered from them; never another's source. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "brain/policy/parts.h"

#define REASON_SIZE 512

/* A claim as it is checked. */
struct checked {
    const struct subject *subject;
    const json_t *thing;
    const char *nonce;
    size_t seeds;
    double parameters[SUBJECT_PARAMETERS_MAX];
    struct score score, own;
    bool holds, integrated;
    const char *module; /* what came of its C; NULL: a pattern's */
    char why[REASON_SIZE];
};

/* Whether the numbers that are claimed, if any are, are those that were measured: the score's, what
 * stands beside it (the bound, the textbook's cost), and what follows from them. Whether the ratio
 * is its author's, which the hub holds back, the hub says. Not compared: names, confidence, and
 * what decides nothing: ratio_train, evaluations. */
static bool numbers_hold(struct checked *checked, struct test_set *test_set)
{
    const struct score *score = &checked->score;
    const struct baselines *beside = test_set_baselines(test_set);
    double gap = gap_closed(score->ratio, beside->bound_ratio);
    const struct {
        const char *name;
        double measured;
    } claims[] = {{"ratio_heldout", score->ratio},
                  {"ci95", score->ci95},
                  {"cost_heldout", score->cost},
                  {"wins", (double)score->wins},
                  {"bound_ratio", beside->bound_ratio},
                  {"gap_closed", gap},
                  {"baseline_cost", beside->textbook_cost},
                  {"practice_ratio", beside->practice_ratio},
                  {"development_level", fmin(fmax(gap, 0), 1)}};
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
        double claimed;
        if (!json_object_get(checked->thing, claims[i].name))
            continue;
        if (!member_number(checked->thing, claims[i].name, &claimed)) {
            snprintf(checked->why, REASON_SIZE, "%s is no number", claims[i].name);
            return false;
        }
        if (!numbers_agree(claimed, claims[i].measured)) {
            snprintf(checked->why, REASON_SIZE, "%s is claimed to be %.12g and measures %.12g",
                     claims[i].name, claimed, claims[i].measured);
            return false;
        }
    }
    return true;
}

/* A session's result says how it does on each partner's workloads, which all know by its name.
 * Whether these numbers are true; -1: out of memory. */
static int partners_hold(struct checked *checked)
{
    const json_t *ratios = json_object_get(checked->thing, "ratios");
    struct candidate candidate;
    double mean, all, claimed, sum = 0;
    if (!ratios && !json_object_get(checked->thing, "ratio_session"))
        return true;
    size_t each = 0;
    if (candidate_read(checked->thing, &candidate) == 0 &&
        member_number(checked->thing, "session_seeds", &all) && all >= 1 &&
        all <= HELDOUT_SEEDS * BRAIN_CONTRIBUTORS_MAX)
        each = (size_t)all / candidate.name_count;
    if (each < 1 || !member_number(checked->thing, "ratio_session", &mean)) {
        snprintf(checked->why, REASON_SIZE, "ratio_session is not said to be on whose workloads");
        return false;
    }
    for (size_t i = 0; i < candidate.name_count; i++) {
        double ratio = candidate_ratio_on(&candidate, i, each);
        if (isnan(ratio))
            return -1;
        sum += ratio;
        if (ratios && (!member_number(ratios, candidate.names[i], &claimed) ||
                       !numbers_agree(claimed, ratio))) {
            snprintf(checked->why, REASON_SIZE, "its ratio on the workloads of %s measures %.12g",
                     candidate.names[i], ratio);
            return false;
        }
    }
    sum /= (double)candidate.name_count;
    if (!numbers_agree(mean, sum))
        snprintf(checked->why, REASON_SIZE,
                 "ratio_session is claimed to be %.12g and measures %.12g", mean, sum);
    return numbers_agree(mean, sum);
}

/* A component, which must bring its source; anything else is a pattern. */
static bool is_component(const json_t *thing)
{
    const char *kind = member_string(thing, "kind", 16);
    return json_object_get(thing, "implementation") ||
           json_object_get(thing, "development_level") || (kind && strcmp(kind, "component") == 0);
}

static bool source_holds(struct checked *checked)
{
    const json_t *source = json_object_get(checked->thing, "implementation");
    json_t *rendered = implementation_json(checked->subject, checked->parameters);
    bool same = source && rendered && json_equal(source, rendered);
    json_decref(rendered);
    if (!same)
        snprintf(checked->why, REASON_SIZE, "%s",
                 source ? "its C is not what its parameters render to"
                        : "implementation is missing");
    return same;
}

/* Whether this AI's own rendering does what the parameters do. Where that can't be found out,
 * for want of a compiler say, it is not held against the claim, and does not speak for it
 * either. */
static bool module_holds(struct policy_brain *brain, struct checked *checked, brain_stop *stop)
{
    char split[NONCE_SPLIT_SIZE];
    nonce_split(checked->nonce, split);
    const struct module *module =
        policy_module(brain, checked->subject, checked->parameters, split, stop);
    checked->module = module->text;
    checked->integrated = module->outcome == MODULE_SAME; /* what was not run is not tested */
    if (module->outcome == MODULE_DIFFERS)
        snprintf(checked->why, REASON_SIZE, "its C does not score what its parameters do: %s",
                 module->text);
    return module->outcome != MODULE_DIFFERS;
}

/* On how many workloads the claim stands; 0 when on a number that this AI does not run. That
 * says nothing against the claim: the hub takes more, and refuses what is no number of workloads
 * at all. */
static size_t claim_seeds(const json_t *thing)
{
    double seeds;
    if (!member_number(thing, "seeds", &seeds) ||
        !(seeds >= KHUB_WORKLOADS_MIN && seeds <= KHUB_WORKLOADS_MAX) || seeds != floor(seeds))
        return 0;
    return (size_t)seeds;
}

/* What can't be run has no ratio: it is said to be 0, so that all who find it so agree. */
static json_t *refusal_json(const struct checked *checked)
{
    return json_pack("{s:f,s:b,s:b,s:s,s:f,s:i,s:s,s:s,s:s}", "score", 0.0, "integration_tested", 0,
                     "claim_holds", 0, "reason", checked->why, "ratio", 0.0, "n",
                     (int)checked->seeds, "nonce", checked->nonce, "subject",
                     checked->subject->name, "subject_version", checked->subject->version);
}

static json_t *metrics_json(const struct policy_brain *brain, const struct checked *checked)
{
    const struct score *own = &checked->own;
    char profile[SPLIT_SIZE];
    if (subject_seen(checked->subject) != checked->subject)
        snprintf(profile, sizeof profile, "%s", PRIVATE_PROFILE);
    else if (brain->subject)
        snprintf(profile, sizeof profile, "peer/%s", brain->peer_shown);
    else
        snprintf(profile, sizeof profile, "referee");
    json_t *metrics = json_pack(
        "{s:f,s:b,s:b,s:f,s:i,s:s,s:f,s:f,s:i,s:s,s:s,s:s}", "score",
        checked->holds ? fmin(fmax(1 - own->ratio, 0), 1) : 0.0, "integration_tested",
        checked->holds && checked->integrated, "claim_holds", checked->holds, "ratio",
        checked->score.ratio, "n", (int)checked->seeds, "nonce", checked->nonce, "ratio_own",
        own->ratio, "ci95_own", own->ci95, "n_own", (int)own->seeds, "profile", profile, "subject",
        checked->subject->name, "subject_version", checked->subject->version);
    if (metrics && checked->module)
        json_object_set_new(metrics, "module", json_string(checked->module));
    if (metrics && !checked->holds)
        json_object_set_new(metrics, "reason", json_string(checked->why));
    double claimed;
    if (metrics && member_number(checked->thing, "ratio_heldout", &claimed))
        json_object_set_new(metrics, "claimed", json_real(claimed));
    return metrics;
}

/* On this AI's own workloads. 0, or -1 when out of memory. */
static int own_score(struct policy_brain *brain, struct checked *checked)
{
    struct record *record = policy_record(brain, checked->subject);
    if (!brain->subject)
        return referee_score(brain, record, checked->parameters, &checked->own);
    if (record_checking(brain, record) < 0)
        return -1;
    checked->own = evaluation_set_score(record->checking, checked->parameters);
    return 0;
}

/* 0, or -1 when out of memory or stopped. */
static int claim_measure(struct policy_brain *brain, struct checked *checked, brain_stop *stop)
{
    struct test_set *test_set =
        policy_test_set(brain, checked->subject, checked->nonce, checked->seeds);
    if (!test_set || atomic_load(stop))
        return -1;
    checked->score = evaluation_set_score(test_set->set, checked->parameters);
    if (isnan(checked->score.ratio)) /* for want of memory: nobody's fault */
        return -1;
    checked->holds = numbers_hold(checked, test_set);
    checked->integrated = true;
    if (checked->seeds > HELDOUT_SEEDS) /* too much to keep for the next one */
        test_set_end(test_set);
    int partners = checked->holds ? partners_hold(checked) : 0;
    if (partners < 0)
        return -1;
    checked->holds = partners;
    if (checked->holds && is_component(checked->thing))
        checked->holds = source_holds(checked) && module_holds(brain, checked, stop);
    if (atomic_load(stop))
        return -1;
    return own_score(brain, checked);
}

json_t *policy_check(void *state, const json_t *thing, brain_stop *stop)
{
    struct policy_brain *brain = state;
    struct checked checked = {.subject = member_subject(thing),
                              .thing = thing,
                              .nonce = member_string(thing, "nonce", NONCE_LENGTH),
                              .seeds = claim_seeds(thing)};
    if (!checked.subject || !member_string(thing, "commitment_id", COMMITMENT_MAX) ||
        !nonce_valid(checked.nonce) || checked.seeds == 0 || atomic_load(stop))
        return NULL;
    if (parameters_read(checked.subject, json_object_get(thing, "parameters"), checked.parameters,
                        checked.why, REASON_SIZE) < 0)
        return refusal_json(&checked);
    if (claim_measure(brain, &checked, stop) < 0)
        return NULL;
    return metrics_json(brain, &checked);
}
