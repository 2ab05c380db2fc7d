/* What is shared: own patterns, components and measurements go out; those of others are run before a word of them is believed,
 * and what came of it goes back. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trainer/node.h"

#define SYNC_OF_ONE_MAX 2u /* of SYNC_PATTERNS_MAX that one AI may have */

/* FNV-1a; a clash only means that one thing is not checked. */
static uint64_t hash_of(const char *sender, const char *id)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    const char *parts[] = {sender, "\n", id};
    for (size_t k = 0; k < 3; k++)
        for (const char *c = parts[k]; *c; c++)
            hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
    return hash ? hash : 1;
}

static bool seen_already(const struct node *node, const char *sender, const char *id)
{
    uint64_t hash = hash_of(sender, id);
    for (size_t i = 0; i < SEEN_THINGS_MAX; i++)
        if (node->seen[i] == hash)
            return true;
    return false;
}

/* Remembers it; false when it was seen before. What this AI itself shared is remembered under its own id. */
static bool seen_first(struct node *node, const char *sender, const char *id)
{
    if (seen_already(node, sender, id))
        return false;
    node->seen[node->seen_next++ % SEEN_THINGS_MAX] = hash_of(sender, id);
    return true;
}

void sharing_published(struct node *node, const json_t *thing)
{
    seen_first(node, node->options->ai_id, payload_string(thing, "id", THING_ID_MAX));
}

/* The latest is kept, for a hub that lost it. */
static void keep_last(json_t **last, json_t *thing)
{
    json_decref(*last);
    *last = json_incref(thing);
}

/* Training. */

struct train_job {
    struct node_job base;
    unsigned evaluations;
    json_t *patterns, *components;
};

static void train_push(struct node *node, unsigned evaluations);

static void train_work(struct job *job)
{
    struct train_job *work = (struct train_job *)job;
    struct node *node = work->base.node;
    node->brain->train(node->brain->state, work->evaluations, &node->jobs.stop, &work->patterns,
                       &work->components);
}

static double number(const json_t *object, const char *name)
{
    return json_number_value(json_object_get(object, name));
}

static void share_pattern(struct node *node, json_t *pattern)
{
    json_t *payload = json_pack("{s:O}", "pattern", pattern);
    if (node_publish(node, "pattern_share", payload, NULL, NULL) == 0) {
        node->count.patterns_shared++;
        sharing_published(node, pattern);
        keep_last(&node->last_pattern, pattern);
        node_say(
            node,
            "Shared pattern %s (ratio %.3f on training, %.3f on held-out workloads, bound %.3f)",
            payload_string(pattern, "id", THING_ID_MAX), number(pattern, "ratio_train"),
            number(pattern, "ratio_heldout"), number(pattern, "bound_ratio"));
    }
    json_decref(payload);
}

/* The seed's shape: what this AI measured of its own component, under the component's id. */
static void report_own(struct node *node, const json_t *component)
{
    static const char *const told[] = {"ratio_heldout", "ci95",        "wins",           "seeds",
                                       "cost_heldout",  "bound_ratio", "gap_closed",     "baseline",
                                       "evaluations",   "subject",     "subject_version"};
    json_t *metrics = json_pack("{s:b}", "self_reported", 1);
    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        json_object_set(metrics, told[i], json_object_get(component, told[i]));
    json_t *payload = json_pack("{s:O,s:o}", "component_id", json_object_get(component, "id"),
                                "performance", metrics);
    if (node_publish(node, "performance_report", payload, NULL, NULL) == 0)
        node->count.reports_sent++;
    json_decref(payload);
}

static void share_component(struct node *node, json_t *component)
{
    json_t *payload = json_pack("{s:O}", "component", component);
    if (node_publish(node, "os_component_share", payload, NULL, NULL) == 0) {
        node->count.components_shared++;
        sharing_published(node, component);
        keep_last(&node->last_component, component);
        node_say(node, "Shared component %s (held-out ratio %.3f, %.0f %% of the gap closed)",
                 payload_string(component, "id", THING_ID_MAX), number(component, "ratio_heldout"),
                 100 * number(component, "gap_closed"));
        report_own(node, component);
    }
    json_decref(payload);
}

static void train_done(struct job *job, bool ran)
{
    struct train_job *work = (struct train_job *)job;
    struct node *node = work->base.node;
    json_t *thing;
    size_t i;
    json_array_foreach(work->patterns, i, thing)
    {
        share_pattern(node, thing);
    }
    json_array_foreach(work->components, i, thing)
    {
        share_component(node, thing);
    }
    if (ran && !work->patterns)
        node_say(node, "training has ended: out of memory");
    else if (ran && node->phase == NODE_RUNNING)
        train_push(node, TRAIN_EVALUATIONS);
    json_decref(work->patterns);
    json_decref(work->components);
    free(work);
}

static void train_push(struct node *node, unsigned evaluations)
{
    struct train_job *work = calloc(1, sizeof *work);
    if (!work)
        return;
    work->base = (struct node_job){.job = {.work = train_work, .done = train_done}, .node = node};
    work->evaluations = evaluations;
    if (jobs_push(&node->jobs, JOB_TRAIN, &work->base.job) < 0)
        free(work);
}

void sharing_train(struct node *node)
{
    train_push(node, TRAIN_EVALUATIONS);
}

void sharing_last(struct node *node)
{
    train_push(node, 0);
}

/* What others share. */

struct check_job {
    struct node_job base;
    bool pattern; /* else a component */
    char sender[ID_MAX + 1], id[THING_ID_MAX + 1];
    json_t *thing, *metrics;
    bool taken;
};

static void check_work(struct job *job)
{
    struct check_job *work = (struct check_job *)job;
    struct node *node = work->base.node;
    struct brain *brain = node->brain;
    work->metrics = brain->check(brain->state, work->thing, &node->jobs.stop);
    if (work->metrics && json_is_true(json_object_get(work->metrics, "claim_holds")))
        work->taken = brain->take_in(brain->state, work->thing, work->metrics);
}

static void check_report(struct node *node, const struct check_job *work)
{
    json_t *payload =
        json_pack("{s:s,s:O}", "component_id", work->id, "performance", work->metrics);
    if (node_publish(node, "performance_report", payload, NULL, NULL) == 0)
        node->count.reports_sent++;
    json_decref(payload);
}

static void check_count(struct node *node, const struct check_job *work, bool holds)
{
    struct summary *count = &node->count;
    *(work->pattern ? &count->patterns_checked : &count->components_checked) += 1;
    *(work->pattern ? &count->patterns_refuted : &count->components_refuted) += !holds;
    *(work->pattern ? &count->patterns_taken_in : &count->components_taken_in) += work->taken;
}

static void check_done(struct job *job, bool ran)
{
    struct check_job *work = (struct check_job *)job;
    struct node *node = work->base.node;
    const char *what = work->pattern ? "pattern" : "component";
    bool holds = json_is_true(json_object_get(work->metrics, "claim_holds"));
    double own = number(work->metrics, "ratio_own"), claimed = number(work->metrics, "claimed");
    if (ran && work->metrics) {
        check_count(node, work, holds);
        check_report(node, work);
    }
    if (work->taken) {
        node_say(node,
                 "Integrated shared %s %s from %s (claimed %.3f, confirmed; %.3f on own workloads)",
                 what, SAY(work->id), SAY(work->sender), claimed, own);
    } else if (holds) {
        node_say(node,
                 "Checked %s %s from %s: the claim of %.3f holds; %.3f on own workloads is no "
                 "better than known",
                 what, SAY(work->id), SAY(work->sender), claimed, own);
    } else if (work->metrics) {
        struct peer *peer = node_peer(node, work->sender, true);
        if (peer)
            peer->refuted++;
        node_say(node, "Refused %s %s from %s: %s", what, SAY(work->id), SAY(work->sender),
                 SAY(payload_string(work->metrics, "reason", 1024)));
    } else if (ran && !node->jobs.stopping) {
        node_say(node, "Received %s %s from %s: of no subject that this AI can run", what,
                 SAY(work->id), SAY(work->sender));
    }
    json_decref(work->thing);
    json_decref(work->metrics);
    free(work);
}

static void check_push(struct node *node, const char *sender, const json_t *thing, bool pattern)
{
    const char *id = payload_string(thing, "id", THING_ID_MAX);
    const struct peer *peer = node_peer(node, sender, false);
    if (!json_is_object(thing) || !id[0] || strlen(sender) > ID_MAX ||
        node->phase != NODE_RUNNING || strcmp(sender, node->options->ai_id) == 0 ||
        (peer && peer->refuted >= REFUTED_MAX) || !seen_first(node, sender, id))
        return;
    struct check_job *work = calloc(1, sizeof *work);
    if (!work)
        return;
    work->base = (struct node_job){.job = {.work = check_work, .done = check_done}, .node = node};
    work->pattern = pattern;
    work->thing = json_deep_copy(thing); /* its own: the worker and the loop share no JSON */
    words_copy(work->sender, sender);
    words_copy(work->id, id);
    if (!work->thing || jobs_push(&node->jobs, JOB_CHECK, &work->base.job) < 0) {
        node->count.link_skipped++;
        json_decref(work->thing);
        free(work);
    }
}

void sharing_pattern(struct node *node, const char *sender, const json_t *pattern)
{
    node->count.patterns_received++;
    check_push(node, sender, pattern, true);
}

void sharing_component(struct node *node, const char *sender, const json_t *payload)
{
    node->count.components_received++;
    check_push(node, sender, json_object_get(payload, "component"), false);
}

void sharing_code(struct node *node, const char *sender, const json_t *payload)
{
    const json_t *code = json_object_get(payload, "code");
    node_say(node, "Received code component %s from %s: source of others is not run",
             SAY(payload_string(code, "id", THING_ID_MAX)), SAY(sender));
}

void sharing_report(struct node *node, const char *sender, const json_t *payload)
{
    const char *id = payload_string(payload, "component_id", THING_ID_MAX);
    const json_t *metrics = json_object_get(payload, "performance");
    const json_t *holds = json_object_get(metrics, "claim_holds");
    char reporter[ID_MAX + 2];
    if (!json_is_boolean(holds) || strlen(sender) > ID_MAX ||
        strcmp(sender, node->options->ai_id) == 0 ||
        !seen_already(node, node->options->ai_id, id)) /* nothing that this AI shared */
        return;
    snprintf(reporter, sizeof reporter, "\n%s",
             sender); /* not what it shared: what it reported on */
    if (!seen_first(node, reporter, id))
        return;
    if (json_is_true(holds)) {
        node->count.reports_confirmed++;
        node_say(node, "%s confirmed %s (%.3f on its own workloads)", SAY(sender), SAY(id),
                 number(metrics, "ratio_own"));
    } else {
        node->count.reports_refuted++;
        node_say(node, "%s refuted %s: %s", SAY(sender), SAY(id),
                 SAY(payload_string(metrics, "reason", 1024)));
    }
}

/* What was chosen of a sync. */
struct chosen {
    const json_t *patterns[SYNC_PATTERNS_MAX];
    const char *contributors[SYNC_PATTERNS_MAX];
    size_t count;
};

/* Whether it may be checked: not chosen yet, and of nobody who has been caught lying or has had a share already. */
static bool sync_eligible(const struct chosen *chosen, struct node *node, const json_t *pattern,
                          const char *contributor)
{
    const char *id = payload_string(pattern, "id", THING_ID_MAX);
    const struct peer *peer = node_peer(node, contributor, false);
    size_t of_one = 0;
    for (size_t k = 0; k < chosen->count; k++) {
        if (chosen->patterns[k] == pattern)
            return false;
        of_one += strcmp(chosen->contributors[k], contributor) == 0;
    }
    return strcmp(payload_string(pattern, "subject", 64), node->subject) == 0 && id[0] &&
           contributor[0] && of_one < SYNC_OF_ONE_MAX && !(peer && peer->refuted >= REFUTED_MAX) &&
           strcmp(contributor, node->options->ai_id) != 0 && !seen_already(node, contributor, id);
}

/* Of the knowledge in a sync, the eligible pattern that claims most; false: none. It goes by the training workloads: the
 * held-out ones select nothing. Those without such a claim come last. */
static bool sync_choose(struct chosen *chosen, struct node *node, json_t *patterns)
{
    const json_t *best = NULL;
    const char *key;
    json_t *entry;
    double lowest = HUGE_VAL;
    size_t k = chosen->count;
    json_object_foreach(patterns, key, entry)
    {
        const json_t *pattern = json_object_get(entry, "pattern");
        const char *contributor = payload_string(entry, "contributor", ID_MAX);
        double claimed = number(pattern, "ratio_train");
        if (!(claimed > 0))
            claimed = HUGE_VAL;
        if ((best && claimed >= lowest) || !sync_eligible(chosen, node, pattern, contributor))
            continue;
        best = pattern;
        lowest = claimed;
        chosen->contributors[k] = contributor;
    }
    if (best)
        chosen->patterns[chosen->count++] = best;
    return best != NULL;
}

/* A hub that began anew knows nothing of what this AI shared before, and an AI that has learnt all it can would never say it again. */
static void share_again(struct node *node, const json_t *patterns)
{
    json_t *pattern = node->last_pattern, *component = node->last_component;
    if (!pattern || json_object_get(patterns, payload_string(pattern, "id", THING_ID_MAX)))
        return;
    share_pattern(node, json_incref(pattern));
    json_decref(pattern);
    if (component)
        share_component(node, json_incref(component));
    json_decref(component);
}

void sharing_sync(struct node *node, const json_t *knowledge, bool truncated)
{
    json_t *patterns = json_object_get(knowledge, "shared_patterns");
    if (!truncated)
        share_again(node, patterns);
    struct chosen chosen = {0};
    while (chosen.count < SYNC_PATTERNS_MAX && sync_choose(&chosen, node, patterns)) {
        size_t last = chosen.count - 1;
        node->count.patterns_received++;
        check_push(node, chosen.contributors[last], chosen.patterns[last], true);
    }
}
