/* What others share: it is run before a word of it is believed, and what came of it goes back to
 * all.
 *
 * What this AI has measured itself it believes above all. For the rest there is the hub's
 * ledger: an AI of which a claim was refuted by two others is not listened to any more. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/node.h"

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

bool seen_already(const struct node *node, const char *sender, const char *id)
{
    uint64_t hash = hash_of(sender, id);
    for (size_t i = 0; i < SEEN_THINGS_MAX; i++)
        if (node->seen[i] == hash)
            return true;
    return false;
}

bool seen_first(struct node *node, const char *sender, const char *id)
{
    if (seen_already(node, sender, id))
        return false;
    node->seen[node->seen_next++ % SEEN_THINGS_MAX] = hash_of(sender, id);
    return true;
}

struct check_job {
    struct node_job base;
    bool pattern; /* else a component */
    bool migrant; /* of another room */
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
        work->taken = brain->take_in(brain->state, work->sender, work->thing, work->metrics);
}

static void check_report(struct node *node, const struct check_job *work)
{
    const char *const parts[] = {"report", work->sender, work->id,
                                 payload_string(work->thing, "nonce", 32), NULL};
    json_t *payload =
        json_pack("{s:s,s:O}", "component_id", work->id, "performance", work->metrics);
    once_publish(node, &(struct once_message){.parts = parts,
                                              .type = "performance_report",
                                              .payload = payload,
                                              .id = work->id,
                                              .count = &node->count.reports_sent});
    json_decref(payload);
}

/* Of each thing it is said once whether it held. */
static bool verdict_first(struct node *node, const char *author, const char *id)
{
    char key[ID_MAX + 3];
    snprintf(key, sizeof key, "\n\n%s", author); /* not what it shared: what came of it */
    return seen_first(node, key, id);
}

static void check_count(struct node *node, const struct check_job *work, bool holds)
{
    struct summary *count = &node->count;
    if (work->migrant) {
        count->migrants_checked++;
        count->migrants_refuted += !holds;
        count->migrants_taken_in += work->taken;
        return;
    }
    *(work->pattern ? &count->patterns_checked : &count->components_checked) += 1;
    *(work->pattern ? &count->patterns_refuted : &count->components_refuted) += !holds;
    *(work->pattern ? &count->patterns_taken_in : &count->components_taken_in) += work->taken;
}

/* Its claim did not hold: after a few of these, or one if others say the same, this AI checks
 * nothing more of it. */
static void check_refused(struct node *node, const struct check_job *work)
{
    struct member *member = node_member(node, work->sender, true);
    verdict_first(node, work->sender, work->id);
    node_say(node, "Refused %s %s from %s: %s", work->pattern ? "pattern" : "component",
             SAY(work->id), SAY(work->sender), SAY(payload_string(work->metrics, "reason", 1024)));
    if (member && (++member->refuted >= REFUTED_MAX || member->suspect))
        checks_shun(node, member);
}

static void check_said(struct node *node, const struct check_job *work)
{
    const char *what = work->pattern ? "pattern" : "component";
    if (work->taken)
        node_say(node, "Integrated shared %s %s from %s (its %s)", what, SAY(work->id),
                 SAY(work->sender), TELL(node, work->thing, work->metrics));
    else
        node_say(node, "Checked %s %s from %s: its %s is no better than known", what, SAY(work->id),
                 SAY(work->sender), TELL(node, work->thing, work->metrics));
}

static void check_done(struct job *job, bool ran)
{
    struct check_job *work = (struct check_job *)job;
    struct node *node = work->base.node;
    bool holds = json_is_true(json_object_get(work->metrics, "claim_holds"));
    if (ran && work->metrics) {
        check_count(node, work, holds);
        if (!work->migrant) /* this room has no such claim */
            check_report(node, work);
        if (holds)
            check_said(node, work);
        else
            check_refused(node, work);
    } else if (ran && !node->jobs.stopping) {
        bool of_trace = strstr(payload_string(work->thing, "subject_version", 128), "sha256:");
        node_say(node, "Received %s %s from %s: %s", work->pattern ? "pattern" : "component",
                 SAY(work->id), SAY(work->sender),
                 of_trace ? "it is of a trace that is not here, or proves nothing: no vote"
                          : "it proves nothing, or nothing that this AI can run");
    }
    json_decref(work->thing);
    json_decref(work->metrics);
    free(work);
}

static bool check_is_of(const struct job *job, const void *sender)
{
    return strcmp(((const struct check_job *)job)->sender, sender) == 0;
}

static unsigned checks_waiting(const struct node *node, const char *sender)
{
    unsigned count = 0;
    for (const struct job *job = node->jobs.classes[JOB_CHECK].first; job; job = job->next)
        count += check_is_of(job, sender);
    return count;
}

static void check_push(struct node *node, const char *sender, const json_t *thing, bool pattern,
                       bool migrant)
{
    const char *id = payload_string(thing, "id", THING_ID_MAX);
    const struct member *member = node_member(node, sender, false);
    if (!json_is_object(thing) || !id[0] || strlen(sender) > ID_MAX ||
        node->phase != NODE_RUNNING || strcmp(sender, node->options->ai_id) == 0 ||
        (member && member->refuted >= REFUTED_MAX) || !seen_first(node, sender, id))
        return;
    struct check_job *work =
        checks_waiting(node, sender) < CHECKS_OF_ONE_MAX ? calloc(1, sizeof *work) : NULL;
    if (!work) {
        node->count.link_skipped++;
        return;
    }
    work->base = (struct node_job){.job = {.work = check_work, .done = check_done}, .node = node};
    work->pattern = pattern;
    work->migrant = migrant;
    work->thing = json_deep_copy(thing); /* its own: the worker and the loop share no JSON */
    words_copy(work->sender, sender);
    words_copy(work->id, id);
    /* What it was shared as decides what it must bring, and not what it says of itself. */
    bool named =
        work->thing && json_object_set_new(work->thing, "kind",
                                           json_string(pattern ? "pattern" : "component")) == 0;
    if (!named || jobs_push(&node->jobs, JOB_CHECK, &work->base.job) < 0) {
        node->count.link_skipped++;
        json_decref(work->thing);
        free(work);
    }
}

void checks_pattern(struct node *node, const char *sender, const json_t *pattern)
{
    node->count.patterns_received++;
    check_push(node, sender, pattern, true, false);
}

void checks_component(struct node *node, const char *sender, const json_t *component)
{
    node->count.components_received++;
    check_push(node, sender, component, false, false);
}

void checks_migrant(struct node *node, const char *author, const json_t *thing, bool pattern)
{
    check_push(node, author, thing, pattern, true);
}

void checks_code(struct node *node, const char *sender, const json_t *payload)
{
    const json_t *code = json_object_get(payload, "code");
    node_say(node, "Received code component %s from %s: it claims nothing, and is not run",
             SAY(payload_string(code, "id", THING_ID_MAX)), SAY(sender));
}

void checks_shun(struct node *node, struct member *member)
{
    member->refuted = REFUTED_MAX;
    jobs_drop(&node->jobs, JOB_CHECK, check_is_of, member->id);
    node_say(node, "%s is not listened to any more: its claims do not hold", SAY(member->id));
}

/* What the hub says of a claim's standing, once all who measured it have said what they found. */

/* Whether its author's number was what this AI found, if it has measured it. */
static void verified_checked(struct node *node, const char *author, const char *id,
                             const json_t *payload, const json_t *verifier)
{
    bool pattern = strcmp(payload_string(payload, "section", 32), "shared_patterns") == 0;
    if (!verdict_first(node, author, id))
        return;
    struct member *member = node_member(node, author, true);
    if (json_is_true(json_object_get(verifier, "agrees"))) {
        if (member)
            member->held++;
        return;
    }
    *(pattern ? &node->count.patterns_refuted : &node->count.components_refuted) += 1;
    node_say(node, "Refused %s %s from %s: it does not measure what its author says",
             pattern ? "pattern" : "component", SAY(id), SAY(author));
    if (member && (++member->refuted >= REFUTED_MAX || member->suspect))
        checks_shun(node, member);
}

static void verified_measured(struct node *node, const char *author, const char *id,
                              const json_t *payload)
{
    const json_t *verifiers =
        json_object_get(json_object_get(payload, "verification"), "verifiers");
    const json_t *verifier;
    size_t i;
    json_array_foreach(verifiers, i, verifier)
    {
        const char *ai_id = payload_string(verifier, "ai_id", ID_MAX);
        if (strcmp(author, node->options->ai_id) == 0)
            sharing_measured(node, ai_id, id, verifier);
        else if (strcmp(ai_id, node->options->ai_id) == 0)
            verified_checked(node, author, id, payload, verifier);
    }
}

static void verified_own(struct node *node, const char *id, const char *status, const char *was,
                         const json_t *payload)
{
    const struct {
        const char *status;
        unsigned *count; /* of those that stand so now */
    } counts[] = {{"confirmed", &node->count.claims_confirmed},
                  {"refuted", &node->count.claims_refuted},
                  {"contested", &node->count.claims_contested}};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        *counts[i].count += strcmp(status, counts[i].status) == 0;
        *counts[i].count -= strcmp(was, counts[i].status) == 0 && *counts[i].count > 0;
    }
    long long agreeing = json_integer_value(json_object_get(payload, "agreeing"));
    long long disagreeing = json_integer_value(json_object_get(payload, "disagreeing"));
    if (strcmp(status, "confirmed") == 0)
        node_say(node, "%s is confirmed by %lld others", SAY(id), agreeing);
    else
        node_say(node, "%s is %s: %lld others agree, %lld do not", SAY(id), SAY(status), agreeing,
                 disagreeing);
}

void checks_verification(struct node *node, const char *sender, const json_t *payload)
{
    (void)sender;
    const char *id = payload_string(payload, "id", THING_ID_MAX);
    const char *author = payload_string(payload, "author", ID_MAX);
    const char *status = payload_string(payload, "status", 16);
    const char *own_id = payload_string(payload, "own_id", THING_ID_MAX);
    verified_measured(node, author, own_id[0] ? own_id : id, payload);
    if (strcmp(author, node->options->ai_id) == 0) {
        verified_own(node, id, status, payload_string(payload, "was", 16), payload);
        return;
    }
    if (strcmp(status, "refuted") != 0)
        return;
    struct member *member = node_member(node, author, true);
    if (!member || member->refuted >= REFUTED_MAX)
        return;
    /* Two who lie together can have an honest claim refuted, but not for those who have run its
     * author's. */
    if (member->held > 0 && member->refuted == 0)
        member->suspect = true;
    else
        checks_shun(node, member);
}
