/* What others claim, measured again.
 *
 * Two questions, kept apart. Does the claim hold: are the numbers, measured on the workloads that
 * follow from its nonce, the same to 1e-9, and is a component's source what its parameters render
 * to? And is it good for this AI: how does it do on workloads of this AI's own? Of a claim of
 * parameters, these are run, and C that this AI has rendered from them. A claim of a module is its
 * source, which runs in the probe's sandbox alone (solution.h); what is refused there does not
 * hold, and what this machine can't run gets no verdict. */
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
    struct solution solution;
    struct score score, own; /* own: NAN when a module broke there */
    bool holds, integrated;
    const char *module; /* what came of its C; NULL: a pattern's */
    char ran[320];      /* the same of a claim's own source */
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
    json_t *rendered = implementation_json(checked->subject, checked->solution.parameters);
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
        policy_module(brain, checked->subject, checked->solution.parameters, split, stop);
    checked->module = module->text;
    checked->integrated = module->outcome == MODULE_SAME; /* what was not run is not tested */
    if (module->outcome == MODULE_DIFFERS)
        snprintf(checked->why, REASON_SIZE, "its C does not score what its parameters do: %s",
                 module->text);
    return module->outcome != MODULE_DIFFERS;
}

/* A module's claim has one text of it: who reads another would read what nobody has measured. */
static bool text_holds(struct checked *checked)
{
    const json_t *text = json_object_get(checked->thing, "implementation");
    if (!text || json_equal(text, checked->solution.source))
        return true;
    snprintf(checked->why, REASON_SIZE, "its implementation is not the source that it claims");
    return false;
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
    bool has_own = isfinite(own->ratio);
    char profile[SPLIT_SIZE];
    if (subject_seen(checked->subject) != checked->subject)
        snprintf(profile, sizeof profile, "%s", PRIVATE_PROFILE);
    else if (brain->subject)
        snprintf(profile, sizeof profile, "peer/%s", brain->peer_shown);
    else
        snprintf(profile, sizeof profile, "referee");
    json_t *metrics = json_pack(
        "{s:f,s:b,s:b,s:f,s:i,s:s,s:s,s:s,s:s}", "score",
        checked->holds && has_own ? fmin(fmax(1 - own->ratio, 0), 1) : 0.0, "integration_tested",
        checked->holds && checked->integrated, "claim_holds", checked->holds, "ratio",
        checked->score.ratio, "n", (int)checked->seeds, "nonce", checked->nonce, "profile", profile,
        "subject", checked->subject->name, "subject_version", checked->subject->version);
    if (has_own)
        metrics = merged(metrics, json_pack("{s:f,s:f,s:i}", "ratio_own", own->ratio, "ci95_own",
                                            own->ci95, "n_own", (int)own->seeds));
    if (metrics && checked->module)
        json_object_set_new(metrics, "module", json_string(checked->module));
    if (metrics && !checked->holds)
        json_object_set_new(metrics, "reason", json_string(checked->why));
    double claimed;
    if (metrics && member_number(checked->thing, "ratio_heldout", &claimed))
        json_object_set_new(metrics, "claimed", json_real(claimed));
    return metrics;
}

/* What came of a module's own source, when it ran on the nonce's workloads. */
static void module_ran(struct checked *checked, const struct probe_report *report,
                       const char *broke)
{
    if (broke)
        snprintf(checked->ran, sizeof checked->ran, "it broke on this AI's own workloads: %s",
                 broke);
    else
        snprintf(checked->ran, sizeof checked->ran, "compiled, and run: %zu bytes",
                 report->object_bytes);
    checked->module = checked->ran;
    checked->integrated = !broke;
}

/* Runs it on the nonce's workloads, and on those that are this AI's own. 0; 1: it does not run,
 * which is said in `why`; -1: nothing can be said of it. */
static int claim_run(struct policy_brain *brain, struct checked *checked, struct test_set *test_set,
                     brain_stop *stop)
{
    struct evaluation_set *sets[1 + MUTUAL_WORKLOADS_MAX] = {test_set->set};
    struct probe_report reports[1 + MUTUAL_WORKLOADS_MAX];
    const char *broke = NULL;
    size_t own = own_sets(brain, policy_record(brain, checked->subject), sets + 1);
    if (own == 0)
        return -1;
    solution_measure(checked->subject, &checked->solution, sets, 1 + own, stop, reports);
    if (atomic_load(stop) || !probe_judged(reports[0].result))
        return -1;
    if (reports[0].result != PROBE_RAN) {
        snprintf(checked->why, REASON_SIZE, "it does not run: %s",
                 reports[0].why[0] ? reports[0].why : probe_result_meaning(reports[0].result));
        return 1;
    }
    checked->score = reports[0].score;
    for (size_t i = 1; i <= own && !broke; i++) {
        if (!probe_judged(reports[i].result))
            return -1;
        if (reports[i].result != PROBE_RAN)
            broke = reports[i].why;
    }
    checked->own.ratio = nan("");
    if (!broke)
        checked->own = reports_mean(reports + 1, own);
    checked->integrated = true;
    if (checked->solution.source)
        module_ran(checked, &reports[0], broke);
    return 0;
}

/* As claim_run. */
static int claim_measure(struct policy_brain *brain, struct checked *checked, brain_stop *stop)
{
    struct test_set *test_set =
        policy_test_set(brain, checked->subject, checked->nonce, checked->seeds);
    if (!test_set || atomic_load(stop))
        return -1;
    int result = claim_run(brain, checked, test_set, stop);
    if (result == 0)
        checked->holds = numbers_hold(checked, test_set);
    if (checked->seeds > HELDOUT_SEEDS) /* too much to keep for the next one */
        test_set_end(test_set);
    if (result != 0)
        return result;
    int partners = checked->holds ? partners_hold(checked) : 0;
    if (partners < 0)
        return -1;
    checked->holds = partners;
    if (checked->holds && checked->solution.source)
        checked->holds = text_holds(checked);
    else if (checked->holds && is_component(checked->thing))
        checked->holds = source_holds(checked) && module_holds(brain, checked, stop);
    return atomic_load(stop) ? -1 : 0;
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
    int result = solution_read(checked.subject, thing, &checked.solution, checked.why, REASON_SIZE);
    if (result == 0)
        result = claim_measure(brain, &checked, stop);
    json_t *metrics = NULL;
    if (result == 0)
        metrics = metrics_json(brain, &checked);
    else if (result > 0)
        metrics = refusal_json(&checked);
    solution_free(&checked.solution);
    return metrics;
}
