/* The policy brain: learns the parameters of an OS policy on a simulated subsystem, by CMA-ES on its own workloads.
 *
 * What makes it hard is honesty. Selection looks at the training workloads only; every number that is shared is measured on
 * held-out ones that all AIs know by name and nobody selects on, with the best ordinary practice and the bound beside it. */
#include "trainer/brain_policy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "policy/random.h"
#include "trainer/capabilities.h"
#include "trainer/words.h"

struct bench *policy_bench(struct policy_brain *brain, const struct subject *subject)
{
    size_t count;
    const struct subject *const *all = subjects(&count);
    for (size_t i = 0; i < count && i < SUBJECTS_MAX; i++)
        if (all[i] == subject) {
            brain->benches[i].subject = subject;
            return &brain->benches[i];
        }
    abort(); /* subjects come from the table, never from a peer */
}

int bench_peer(struct policy_brain *brain, struct bench *bench)
{
    char split[SPLIT_SIZE];
    snprintf(split, sizeof split, "peer/%s", brain->ai_id);
    if (!bench->peer)
        bench->peer = exam_new(bench->subject, split, PEER_SEEDS);
    return bench->peer ? 0 : -1;
}

int bench_heldout(struct bench *bench)
{
    const struct subject *subject = bench->subject;
    if (bench->heldout)
        return 0;
    struct exam *exam = exam_new(subject, "test", HELDOUT_SEEDS);
    if (!exam)
        return -1;
    bench->bound_ratio = exam_bound(exam).ratio;
    bench->textbook_cost = exam_baseline(exam, 0).cost;
    bench->practice_ratio = HUGE_VAL;
    for (int i = 1; i < subject->baseline_count; i++) {
        double ratio = exam_baseline(exam, i).ratio;
        if (ratio < bench->practice_ratio) {
            bench->practice_ratio = ratio;
            bench->practice = subject->baseline_names[i];
        }
    }
    bench->heldout = exam;
    return 0;
}

void bench_measure(const struct bench *bench, const double *parameters,
                   struct measured *ret_measured)
{
    struct score score = exam_score(bench->heldout, parameters);
    *ret_measured = (struct measured){.score = score,
                                      .practice = bench->practice,
                                      .practice_ratio = bench->practice_ratio,
                                      .bound_ratio = bench->bound_ratio,
                                      .gap_closed = (1 - score.ratio) / (1 - bench->bound_ratio)};
}

json_t *policy_id(struct policy_brain *brain, const char *middle)
{
    return json_sprintf("%s_%s_%lld_%u", brain->ai_id, middle, (long long)time(NULL),
                        brain->made++);
}

void policy_add_parent(struct policy_brain *brain, const char *id)
{
    if (brain->parent_count == PARENTS_MAX) {
        memmove(brain->parents[0], brain->parents[1],
                sizeof brain->parents - sizeof brain->parents[0]);
        brain->parent_count--;
    }
    words_cut(id, brain->parents[brain->parent_count++], PATTERN_ID_MAX);
}

int policy_begin(struct policy_brain *brain)
{
    if (brain->train.count == 0) {
        char split[SPLIT_SIZE];
        snprintf(split, sizeof split, "train/%s", brain->ai_id);
        struct exam *exam = exam_new(brain->subject, split, TRAIN_SEEDS);
        if (!exam)
            return -1;
        brain->train = (struct panel){.exams = {exam}, .count = 1};
    }
    if (brain->search.cmaes)
        return 0;
    /* Somebody's confirmed best, if it came before the first step, is worth more than a hundred evaluations from scratch. */
    const struct bench *bench = policy_bench(brain, brain->subject);
    if (search_begin(&brain->search, brain->subject, brain->seed,
                     bench->known ? bench->best : NULL) < 0)
        return -1;
    if (bench->known) {
        brain->pattern_ratio = search_try(&brain->search, &brain->train, bench->best);
        policy_add_parent(brain, bench->best_id);
    }
    return 0;
}

static json_t *parents_json(const struct policy_brain *brain)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < brain->parent_count; i++)
        json_array_append_new(array, json_string(brain->parents[i]));
    return array;
}

static json_t *pattern_json(struct policy_brain *brain, const struct bench *bench,
                            const struct measured *measured)
{
    const struct search *search = &brain->search;
    double wins = (double)measured->score.wins / (double)measured->score.seeds;
    json_t *pattern =
        json_pack("{s:o,s:s,s:s,s:b,s:f,s:f,s:i,s:i,s:s,s:o}", "id", policy_id(brain, "pattern"),
                  "type", "tuned_policy", "specialization", brain->specialization, "own_subject",
                  brain->own_subject, "confidence", wins, "ratio_train", search->best_ratio,
                  "train_seeds", (int)TRAIN_SEEDS, "evaluations", (int)search->evaluations,
                  "optimiser", "cma-es", "parents", parents_json(brain));
    if (pattern && measured_add(pattern, bench, search->best, measured) < 0) {
        json_decref(pattern);
        return NULL;
    }
    return pattern;
}

/* A component of the current best. name may be a peer's text of any length up to FEATURE_BYTES_MAX: the id does not hold it, or
 * with a long id of the AI it would be longer than anybody takes. */
static json_t *component_json(struct policy_brain *brain, const struct bench *bench,
                              const struct measured *measured, const char *middle, const char *name)
{
    const struct search *search = &brain->search;
    json_t *component = json_pack(
        "{s:o,s:s,s:s,s:b,s:f,s:o,s:o,s:s,s:f,s:i,s:i,s:o}", "id", policy_id(brain, middle), "name",
        name, "specialization", brain->specialization, "own_subject", brain->own_subject,
        "development_level", fmin(fmax(measured->gap_closed, 0), 1), "capabilities",
        capabilities_json(brain->specialization), "implementation",
        implementation_json(brain->subject, search->best), "language", "c11", "ratio_train",
        search->best_ratio, "train_seeds", (int)TRAIN_SEEDS, "evaluations",
        (int)search->evaluations, "parents", parents_json(brain));
    if (component && measured_add(component, bench, search->best, measured) < 0) {
        json_decref(component);
        return NULL;
    }
    return component;
}

/* Adds what is worth sharing. 0, or -1 when out of memory. */
static int policy_share(struct policy_brain *brain, bool all, json_t *patterns, json_t *components)
{
    double ratio = brain->search.best_ratio;
    double wanted = brain->pattern_ratio * (all ? 1 : 1 - PUBLISH_IMPROVEMENT);
    struct bench *bench = policy_bench(brain, brain->subject);
    if (!(ratio < wanted))
        return 0;
    if (!all && brain->shared.score.seeds > 0 &&
        brain->search.evaluations - brain->shared_evaluations < PUBLISH_EVALUATIONS)
        return 0;
    if (bench_heldout(bench) < 0)
        return -1;
    struct measured measured;
    bench_measure(bench, brain->search.best, &measured);
    json_t *pattern = pattern_json(brain, bench, &measured);
    if (!pattern || json_array_append_new(patterns, pattern) < 0)
        return -1;
    brain->pattern_ratio = ratio;
    brain->shared = measured;
    brain->shared_evaluations = brain->search.evaluations;
    if (!all && !(ratio < brain->component_ratio * (1 - RENDER_IMPROVEMENT)))
        return 0;
    char name[80];
    snprintf(name, sizeof name, "%s_module", brain->subject->name);
    json_t *component = component_json(brain, bench, &measured, name, name);
    if (!component || json_array_append_new(components, component) < 0)
        return -1;
    brain->component_ratio = ratio;
    return 0;
}

static int policy_train(void *state, unsigned evaluations, brain_stop *stop, json_t **ret_patterns,
                        json_t **ret_components)
{
    struct policy_brain *brain = state;
    json_t *patterns = json_array(), *components = json_array();
    if (!patterns || !components || policy_begin(brain) < 0)
        goto failed;
    search_run(&brain->search, &brain->train, evaluations, stop);
    if (!atomic_load(stop) && policy_share(brain, evaluations == 0, patterns, components) < 0)
        goto failed;
    *ret_patterns = patterns;
    *ret_components = components;
    return 0;
failed:
    json_decref(patterns);
    json_decref(components);
    return -1;
}

/* What the one who asked should know of the answer. */
static json_t *answer_note(const struct policy_brain *brain, const json_t *requirements)
{
    const char *unread = json_is_object(requirements) && json_object_size(requirements) > 0
                             ? "; the requirements were not read"
                             : "";
    if (brain->own_subject)
        return json_sprintf("a policy of %s, tuned for %s%s", brain->subject->name,
                            brain->subject->cost, unread);
    return json_sprintf(
        "this AI has no simulator for %s yet: a policy of %s, the nearest there is, "
        "tuned for %s%s",
        brain->specialization, brain->subject->name, brain->subject->cost, unread);
}

static json_t *policy_answer(void *state, const char *feature, const json_t *requirements,
                             brain_stop *stop)
{
    struct policy_brain *brain = state;
    struct bench *bench = policy_bench(brain, brain->subject);
    if (policy_begin(brain) < 0 || bench_heldout(bench) < 0)
        return NULL;
    if (brain->search.evaluations < ANSWER_EVALUATIONS)
        search_run(&brain->search, &brain->train, ANSWER_EVALUATIONS - brain->search.evaluations,
                   stop);
    if (atomic_load(stop) || !isfinite(brain->search.best_ratio))
        return NULL;
    struct measured measured;
    bench_measure(bench, brain->search.best, &measured);
    char name[FEATURE_BYTES_MAX + 1];
    words_cut(feature, name, sizeof name);
    json_t *component = component_json(brain, bench, &measured, "answer", name);
    if (component)
        json_object_set_new(component, "note", answer_note(brain, requirements));
    return component;
}

static void policy_standing(void *state, struct brain_standing *ret_standing)
{
    const struct policy_brain *brain = state;
    const struct subject *subject = brain->subject;
    const struct measured *shared = &brain->shared;
    double ratio = brain->search.best_ratio;
    *ret_standing = (struct brain_standing){
        .subject = subject->name,
        .subject_version = subject->version,
        .cost = subject->cost,
        .own_subject = brain->own_subject,
        .evaluations = brain->search.evaluations,
        .ratio_train = isfinite(ratio) ? ratio : 0,
        .ratio_heldout = shared->score.ratio,
        .ci95 = shared->score.ci95,
        .cost_heldout = shared->score.cost,
        .wins = shared->score.wins,
        .seeds = shared->score.seeds,
        .textbook = subject->baseline_names[0],
        .practice = shared->practice,
        .practice_ratio = shared->practice ? shared->practice_ratio : 0,
        .bound_ratio = shared->bound_ratio,
        .gap_closed = shared->gap_closed,
    };
    for (size_t i = 0; i < SUBJECTS_MAX; i++)
        if (brain->benches[i].subject == subject)
            ret_standing->textbook_cost = brain->benches[i].textbook_cost;
}

static char *policy_describe(void *state)
{
    const struct policy_brain *brain = state;
    char *sentence = NULL;
    int length = brain->own_subject
                     ? asprintf(&sentence, "training %s (%s; synthetic workloads)",
                                brain->subject->name, brain->subject->cost)
                     : asprintf(&sentence,
                                "no simulator for %s yet: training the nearest subject, %s (%s; "
                                "synthetic workloads)",
                                brain->specialization, brain->subject->name, brain->subject->cost);
    return length < 0 ? NULL : sentence;
}

static void policy_free(void *state)
{
    struct policy_brain *brain = state;
    panel_free(&brain->train);
    search_end(&brain->search);
    for (size_t i = 0; i < SUBJECTS_MAX; i++) {
        exam_free(brain->benches[i].peer);
        exam_free(brain->benches[i].heldout);
    }
    for (size_t i = 0; i < BRAIN_SESSIONS_MAX; i++)
        policy_session_free(&brain->slots[i]);
    free(brain);
}

struct brain *brain_policy_new(const char *ai_id, const char *specialization)
{
    struct brain *brain = calloc(1, sizeof *brain);
    struct policy_brain *policy = calloc(1, sizeof *policy);
    if (!brain || !policy) {
        free(brain);
        free(policy);
        return NULL;
    }
    words_cut(ai_id, policy->ai_id, sizeof policy->ai_id);
    words_cut(specialization, policy->specialization, sizeof policy->specialization);
    policy->subject = subject_for(specialization, &policy->own_subject);
    char split[SPLIT_SIZE];
    snprintf(split, sizeof split, "search/%s", policy->ai_id);
    policy->seed = subject_seed(policy->subject, split, 0);
    policy->search.best_ratio = HUGE_VAL;
    policy->pattern_ratio = policy->component_ratio = HUGE_VAL;
    *brain = (struct brain){.name = "policy",
                            .state = policy,
                            .describe = policy_describe,
                            .train = policy_train,
                            .standing = policy_standing,
                            .answer = policy_answer,
                            .collaborate = policy_collaborate,
                            .conclude = policy_conclude,
                            .forget = policy_forget,
                            .check = policy_check,
                            .take_in = policy_take_in,
                            .free = policy_free};
    return brain;
}

void brain_free(struct brain *brain)
{
    if (!brain)
        return;
    brain->free(brain->state);
    free(brain);
}
