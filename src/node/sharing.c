/* What this AI itself finds: training in short jobs, its claims on their way to the hub, and what
 * is published when they are proved.
 *
 * The standing (how good it is on workloads that it does not train on) costs as much as many
 * evaluations, and is for showing only: it is measured every few seconds, on the worker like all
 * that the brain does. */
#include <stdlib.h>

#include "node/node.h"

/* Training. */

struct train_job {
    struct node_job base;
    unsigned budget;
    int error;
    bool moved; /* it had something to do, or waits for an answer to it */
    json_t *claims;
    struct brain_standing standing;
};

static void train_push(struct node *node, unsigned budget);

static void train_work(struct job *job)
{
    struct train_job *work = (struct train_job *)job;
    struct node *node = work->base.node;
    struct brain *brain = node->brain;
    brain->standing(brain->state, &work->standing);
    uint64_t before = work->standing.spent;
    work->error = brain->train(brain->state, work->budget, &node->jobs.stop, &work->claims);
    brain->standing(brain->state, &work->standing);
    work->moved = work->standing.spent != before || work->standing.thinking;
}

static void train_done(struct job *job, bool ran)
{
    struct train_job *work = (struct train_job *)job;
    struct node *node = work->base.node;
    const struct claim_use use = {.purpose = CLAIM_TRAINED};
    const char *reason;
    json_t *claim;
    size_t i;
    json_array_foreach(work->claims, i, claim)
    {
        if (!proofs_add(node, json_incref(claim), &use, &reason))
            node_say(node, "what was found is not shared: %s", reason);
    }
    node->training = false;
    node->trained_at = node_now(node);
    if (ran)
        node->standing = work->standing;
    if (ran && work->error < 0)
        node_say(node, "training is out of memory; it is tried again");
    if (ran && work->moved && node->phase == NODE_RUNNING)
        train_push(node, node->brain->budget.training);
    json_decref(work->claims);
    free(work);
}

static void train_push(struct node *node, unsigned budget)
{
    struct train_job *work = calloc(1, sizeof *work);
    if (!work)
        return;
    work->base = (struct node_job){.job = {.work = train_work, .done = train_done}, .node = node};
    work->budget = budget;
    node->training = jobs_push(&node->jobs, JOB_TRAIN, &work->base.job) == 0;
    if (!node->training)
        free(work);
}

/* Measuring. */

struct measure_job {
    struct node_job base;
    json_t *learned;       /* to be kept; NULL: nothing */
    json_t *summary, *use; /* for the summary's file: the brain's own, and what it would use */
    struct brain_standing standing;
};

static void measure_work(struct job *job)
{
    struct measure_job *work = (struct measure_job *)job;
    struct brain *brain = work->base.node->brain;
    brain->measure_standing(brain->state, &work->base.node->jobs.stop);
    brain->standing(brain->state, &work->standing);
    if (work->base.node->keeping)
        work->learned = brain->learned(brain->state);
    if (work->base.node->options->summary_path) {
        work->summary = brain->summary(brain->state);
        work->use = brain->learned(brain->state);
    }
}

static void measure_done(struct job *job, bool ran)
{
    struct measure_job *work = (struct measure_job *)job;
    struct node *node = work->base.node;
    if (ran)
        node->standing = work->standing;
    node->measuring = false;
    node->measured_at = node_now(node);
    node_keep(node, work->learned);
    if (work->summary)
        node_summarize_so_far(node, work->summary, work->use);
    free(work);
}

static void measure_push(struct node *node)
{
    struct measure_job *work = calloc(1, sizeof *work);
    if (!work)
        return;
    work->base =
        (struct node_job){.job = {.work = measure_work, .done = measure_done}, .node = node};
    node->measuring = jobs_push(&node->jobs, JOB_TRAIN, &work->base.job) == 0;
    if (!node->measuring)
        free(work);
}

void sharing_train(struct node *node)
{
    train_push(node, node->brain->budget.training);
}

void sharing_last(struct node *node)
{
    train_push(node, 0);
    measure_push(node);
}

void sharing_tick(struct node *node)
{
    uint64_t now = node_now(node);
    if (node->phase != NODE_RUNNING || !node->joined)
        return;
    if (!node->training && now - node->trained_at >= MEASURE_MS) /* it had nothing to do */
        train_push(node, node->brain->budget.training);
    if (!node->measuring && now - node->measured_at >= MEASURE_MS)
        measure_push(node);
}

/* Publishing. */

/* The seed's shape: what this AI measured of its own component, under the component's id. */
static void report_own(struct node *node, const struct proof *proof)
{
    const json_t *component = proof->result;
    const char *const parts[] = {"own report", proof->sha256, proof->commitment_id, proof->nonce,
                                 NULL};
    json_t *metrics = node->brain->own_metrics(component);
    json_object_set_new(metrics, "self_reported", json_true());
    json_t *payload = json_pack("{s:O,s:o}", "component_id", json_object_get(component, "id"),
                                "performance", metrics);
    once_publish(node, &(struct once_message){.parts = parts,
                                              .type = "performance_report",
                                              .payload = payload,
                                              .id = "",
                                              .count = &node->count.reports_sent});
    json_decref(payload);
}

/* The latest is kept, for a hub that lost it. */
static void keep_last(struct last_shared *last, const struct proof *proof)
{
    json_decref(last->claim);
    last->claim = json_incref(proof->claim);
    words_copy(last->id, payload_string(proof->result, "id", THING_ID_MAX));
    last->untold = true;
}

static void share_again(struct node *node, const struct last_shared *last);

static void share_told(struct node *node, const char *id, enum once_end end)
{
    struct last_shared *lasts[] = {&node->last_pattern, &node->last_component};
    node->count.claims_proved += end == ONCE_TAKEN;
    if (end == ONCE_REPEATED)
        node_say(node, "%s says nothing new: it was shared before this AI was started", id);
    for (size_t i = 0; i < sizeof lasts / sizeof *lasts; i++) {
        if (!lasts[i]->claim || strcmp(lasts[i]->id, id) != 0)
            continue;
        lasts[i]->untold = false;
        if (end == ONCE_UNKNOWN && node->phase == NODE_RUNNING)
            share_again(node, lasts[i]);
    }
}

void sharing_proved(struct node *node, const struct proof *proof)
{
    json_t *thing = proof->result;
    bool component = proof_is_component(proof);
    const char *id = payload_string(thing, "id", THING_ID_MAX);
    const char *const parts[] = {"share",       component ? "component" : "pattern",
                                 proof->sha256, proof->commitment_id,
                                 proof->nonce,  NULL};
    json_t *payload = json_pack("{s:O}", parts[1], proof->shared);
    struct last_shared *last = component ? &node->last_component : &node->last_pattern;
    const struct once_message message = {.parts = parts,
                                         .type = component ? "os_component_share" : "pattern_share",
                                         .payload = payload,
                                         .id = id,
                                         .count = component ? &node->count.components_shared
                                                            : &node->count.patterns_shared,
                                         .told = share_told};
    keep_last(last, proof);
    if (once_publish(node, &message) == 0) {
        seen_first(node, node->options->ai_id, id);
        node_say(node, "Shared %s %s (%s)", parts[1], id, TELL(node, thing, NULL));
        if (component)
            report_own(node, proof);
    } else {
        last->untold = false;
    }
    json_decref(payload);
}

static void share_again(struct node *node, const struct last_shared *last)
{
    const struct claim_use use = {.purpose = CLAIM_TRAINED};
    const char *reason;
    if (!last->claim || last->untold || proofs_has(node, last->claim))
        return;
    if (!proofs_add(node, json_incref(last->claim), &use, &reason))
        node_say(node, "%s is not shared again: %s", last->id, reason);
}

void sharing_again(struct node *node, const json_t *knowledge)
{
    const json_t *patterns = json_object_get(knowledge, "shared_patterns");
    if (!node->last_pattern.claim || json_object_get(patterns, node->last_pattern.id))
        return;
    share_again(node, &node->last_pattern);
    share_again(node, &node->last_component);
}

void sharing_measured(struct node *node, const char *sender, const char *id, const json_t *metrics)
{
    const json_t *holds = json_object_get(metrics, "claim_holds");
    char reporter[ID_MAX + 2];
    if (!holds)
        holds = json_object_get(metrics, "agrees");
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
        node_say(node, "%s finds that %s holds (%s)", SAY(sender), SAY(id),
                 TELL(node, NULL, metrics));
    } else {
        node->count.reports_refuted++;
        node_say(node, "%s finds that %s does not hold: %s", SAY(sender), SAY(id),
                 SAY(payload_string(metrics, "reason", 1024)));
    }
}

void sharing_report(struct node *node, const char *sender, const json_t *payload)
{
    sharing_measured(node, sender, payload_string(payload, "component_id", THING_ID_MAX),
                     json_object_get(payload, "performance"));
}
