/* What a brain makes of what it found: first a claim, whose parameters or source are committed to,
 * and when the hub has said on which workloads, the measured thing that is shared. A module is
 * shared as a component, for it is one.
 *
 * What is claimed is chosen on the training workloads alone, and must be this AI's own: what
 * came from another is claimed again only when it was made better. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "brain/capabilities.h"
#include "brain/policy/parts.h"

json_t *policy_id(struct policy_brain *brain)
{
    /* The seconds tell it from those of an earlier run. */
    char seconds[16], *at = seconds + sizeof seconds - 1;
    *at = '\0';
    for (unsigned long long left = (unsigned long long)time(NULL); at > seconds; left /= 36) {
        *--at = "0123456789abcdefghijklmnopqrstuvwxyz"[left % 36];
        if (left < 36)
            break;
    }
    return json_sprintf("%s_%s_%u", brain->ai_id, at, brain->made++);
}

static json_t *parents_json(const struct policy_brain *brain)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < brain->parent_count; i++)
        json_array_append_new(array, json_string(brain->parents[i]));
    return array;
}

static json_t *claim_json(const struct policy_brain *brain, const char *kind,
                          const struct finding *finding)
{
    const struct subject *subject = finding->subject;
    json_t *claim = json_pack(
        "{s:s,s:s,s:s,s:s,s:s,s:b,s:f,s:i,s:i,s:s,s:o}", "kind", kind, "specialization",
        brain->specialization, "subject", subject->name, "subject_version", subject->version,
        "cost", subject->cost, "synthetic", !subject->traces, "ratio_train", finding->ratio_train,
        "train_seeds", (int)TRAIN_SEEDS, "evaluations", (int)finding->evaluations, "optimiser",
        finding->optimiser, "parents", finding->parents);
    return merged(claim, solution_json(subject, finding->solution));
}

/* The claim with an id and one member more; NULL when out of memory. */
static json_t *claim_named(json_t *claim, json_t *id, const char *member, const char *name)
{
    json_t *names = json_pack("{s:o,s:s}", "id", id, member, name);
    return merged(claim, names);
}

static int claim_pattern(struct policy_brain *brain, const struct finding *finding, json_t *claims)
{
    json_t *claim = claim_named(claim_json(brain, "pattern", finding), policy_id(brain), "type",
                                "tuned_policy");
    return claim ? json_array_append_new(claims, claim) : -1;
}

json_t *claim_component(struct policy_brain *brain, const struct finding *finding)
{
    char name[80];
    snprintf(name, sizeof name, "%s_module", finding->subject->name);
    json_t *claim =
        claim_named(claim_json(brain, "component", finding), policy_id(brain), "name", name);
    return merged(claim, json_pack("{s:s,s:o}", "title", finding->subject->title, "capabilities",
                                   capabilities_json(brain->specialization)));
}

static int claim_rendered(struct policy_brain *brain, const struct finding *finding, json_t *claims)
{
    json_t *claim = claim_component(brain, finding);
    return claim ? json_array_append_new(claims, claim) : -1;
}

struct finding finding_own(const struct policy_brain *brain, const struct solution *solution)
{
    bool module = solution->source != NULL;
    return (struct finding){.subject = brain->subject,
                            .solution = solution,
                            .ratio_train = module ? brain->module_ratio : brain->search.best_ratio,
                            .evaluations = brain->search.evaluations,
                            .optimiser = module ? brain->outside.name : outside_name(brain),
                            .parents = parents_json(brain)};
}

static bool is_news(double ratio, double last, double improvement, bool all)
{
    return ratio < last * (1 - (all ? LAST_IMPROVEMENT : improvement));
}

static void claimed(struct policy_brain *brain)
{
    brain->claimed = true;
    brain->claimed_evaluations = brain->search.evaluations;
}

/* What is better than all that was claimed, of parameters too. */
static int claim_module(struct policy_brain *brain, bool all, json_t *claims)
{
    double last = fmin(brain->pattern_ratio, brain->component_ratio);
    if (!is_news(brain->module_ratio, last, PUBLISH_IMPROVEMENT, all))
        return 0;
    assert(brain->module.source);
    struct finding finding = finding_own(brain, &brain->module);
    if (claim_rendered(brain, &finding, claims) < 0)
        return -1;
    brain->pattern_ratio = brain->component_ratio = brain->module_ratio;
    claimed(brain);
    return 0;
}

static int claim_parameters(struct policy_brain *brain, bool all, json_t *claims)
{
    double ratio = brain->search.best_ratio;
    if (!is_news(ratio, brain->pattern_ratio, PUBLISH_IMPROVEMENT, all))
        return 0;
    assert(brain->search.cmaes && isfinite(ratio)); /* it is below a finite one */
    struct solution best = solution_of(brain->subject, brain->search.best);
    struct finding finding = finding_own(brain, &best);
    if (claim_pattern(brain, &finding, claims) < 0)
        return -1;
    brain->pattern_ratio = ratio;
    claimed(brain);
    if (!is_news(ratio, brain->component_ratio, RENDER_IMPROVEMENT, all))
        return 0;
    finding = finding_own(brain, &best);
    if (claim_rendered(brain, &finding, claims) < 0)
        return -1;
    brain->component_ratio = ratio;
    return 0;
}

int policy_claim(struct policy_brain *brain, bool all, json_t *claims)
{
    if (!all && brain->claimed &&
        brain->search.evaluations - brain->claimed_evaluations < PUBLISH_EVALUATIONS)
        return 0;
    return claim_module(brain, all, claims) < 0 ? -1 : claim_parameters(brain, all, claims);
}

int policy_solve(struct policy_brain *brain, json_t *claims)
{
    const struct subject *subject = brain->second;
    double parameters[SUBJECT_PARAMETERS_MAX];
    if (!subject)
        return 0;
    struct evaluation_set *set = policy_evaluation_set(brain, subject, "train", TRAIN_SEEDS);
    int result = set ? evaluation_set_solve(set, parameters) : -1;
    if (result == 0) {
        struct solution solution = solution_of(subject, parameters);
        struct finding finding = {.subject = subject,
                                  .solution = &solution,
                                  .ratio_train = evaluation_set_score(set, parameters).ratio,
                                  .optimiser = "solved exactly",
                                  .parents = json_array()};
        result = claim_pattern(brain, &finding, claims);
        finding.parents = json_array();
        if (claim_rendered(brain, &finding, claims) < 0)
            result = -1;
        brain->second = NULL; /* once is enough: there is nothing better */
    }
    evaluation_set_free(set);
    return result;
}

/* Proof. */

/* What anybody who measured the claim would have to know no more. */
static json_t *measured_json(const struct subject *subject, const struct score *score,
                             const struct baselines *beside)
{
    json_t *measured =
        json_pack("{s:f,s:f,s:f,s:i,s:s,s:f,s:f,s:f}", "ratio", score->ratio, "ci95", score->ci95,
                  "cost_heldout", score->cost, "wins", (int)score->wins, "baseline",
                  subject->baseline_names[0], "baseline_cost", beside->textbook_cost, "bound_ratio",
                  beside->bound_ratio, "gap_closed", gap_closed(score->ratio, beside->bound_ratio));
    if (measured && beside->practice) {
        json_object_set_new(measured, "practice", json_string(beside->practice));
        json_object_set_new(measured, "practice_ratio", json_real(beside->practice_ratio));
    }
    return measured;
}

/* The component's C, as it was found to compile and run here. NULL when out of memory, and when
 * it does not do what its parameters do: then it is not shared. */
static json_t *rendered_json(struct policy_brain *brain, const struct test_set *test_set,
                             const double *parameters, brain_stop *stop)
{
    char split[NONCE_SPLIT_SIZE];
    nonce_split(test_set->nonce, split);
    const struct module *module = policy_module(brain, test_set->subject, parameters, split, stop);
    if (module->outcome == MODULE_DIFFERS)
        return NULL;
    return json_pack("{s:o,s:s,s:s}", "implementation",
                     implementation_json(test_set->subject, parameters), "language", "c11",
                     "module", module->text);
}

/* What was measured, beside the claim. NULL when it could not be: then it is not shared. */
static json_t *proof_json(struct test_set *test_set, const struct solution *solution,
                          brain_stop *stop)
{
    struct probe_report report;
    solution_measure(test_set->subject, solution, &test_set->set, 1, stop, &report);
    if (report.result != PROBE_RAN || atomic_load(stop))
        return NULL;
    json_t *proof = json_pack(
        "{s:s,s:i,s:o}", "nonce", test_set->nonce, "seeds", (int)report.score.seeds, "measured",
        measured_json(test_set->subject, &report.score, test_set_baselines(test_set)));
    if (proof && solution->source)
        json_object_set_new(proof, "module",
                            json_sprintf("compiled, and run: %zu bytes", report.object_bytes));
    return proof;
}

json_t *policy_prove(void *state, const json_t *claim, const char *commitment_id, const char *nonce,
                     brain_stop *stop)
{
    struct policy_brain *brain = state;
    const struct subject *subject = member_subject(claim);
    const char *kind = member_string(claim, "kind", 16);
    struct solution solution;
    char why[128];
    if (!subject || !kind || !nonce_valid(nonce) || atomic_load(stop) ||
        solution_read(subject, claim, &solution, why, sizeof why) != 0)
        return NULL;
    struct test_set *test_set = policy_test_set(brain, subject, nonce, HELDOUT_SEEDS);
    json_t *proved = NULL;
    if (test_set && !atomic_load(stop))
        proved = merged(json_deep_copy(claim), proof_json(test_set, &solution, stop));
    if (proved && !solution.source && strcmp(kind, "component") == 0)
        proved = merged(proved, rendered_json(brain, test_set, solution.parameters, stop));
    solution_free(&solution);
    if (proved) {
        json_object_del(proved, "kind");
        json_object_set_new(proved, "commitment_id", json_string(commitment_id));
    }
    if (proved && atomic_load(stop)) {
        json_decref(proved);
        return NULL;
    }
    return proved;
}
