/* Feature requests: one of which any word matches a capability of this AI is answered, with a
 * component that the brain makes, or declined at once, in a chat to the one who asked.
 *
 * One request reaches this AI twice: as it was sent, and as the hub's feature_response. Both are
 * counted for each requestor and feature; only when the higher of the two counts rises is there
 * something new to do. So each request is answered once, whichever comes first, and a request
 * that is sent again is answered again. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "node/node.h"

struct feature_job {
    struct node_job base;
    char requestor[ID_MAX + 1], feature[ID_MAX + 1];
    json_t *requirements, *component;
};

static void feature_work(struct job *job)
{
    struct feature_job *work = (struct feature_job *)job;
    struct node *node = work->base.node;
    work->component = node->brain->answer(node->brain->state, work->feature, work->requirements,
                                          &node->jobs.stop);
}

static void feature_done(struct job *job, bool ran)
{
    struct feature_job *work = (struct feature_job *)job;
    struct node *node = work->base.node;
    struct claim_use use = {.purpose = CLAIM_ANSWER};
    const char *reason;
    assert(ran || !work->component);
    words_copy(use.requestor, work->requestor);
    words_copy(use.feature, work->feature);
    if (ran && !work->component && !node->jobs.stopping)
        feature_failed(node, work->requestor, work->feature, "it could not be made");
    if (ran && work->component && !proofs_add(node, json_incref(work->component), &use, &reason))
        feature_failed(node, work->requestor, work->feature, reason);
    json_decref(work->requirements);
    json_decref(work->component);
    free(work);
}

static void answer_told(struct node *node, const char *id, enum once_end end)
{
    (void)id;
    node->count.claims_proved += end == ONCE_TAKEN;
}

void feature_proved(struct node *node, const struct proof *proof)
{
    const struct claim_use *use = &proof->use;
    char request_id[ID_MAX + 1];
    json_t *lease;
    if (!feature_lease(node, use->requestor, use->feature, &lease, request_id)) {
        feature_failed(node, use->requestor, use->feature, "another builds it by now");
        return;
    }
    json_t *payload =
        json_pack("{s:O,s:s,s:s,s:o*}", "component", proof->shared, "original_requestor",
                  use->requestor, "feature_name", use->feature, "lease", lease);
    /* Of a request that has no name the nonce must do. */
    const char *const parts[] = {"answer", use->requestor, use->feature,
                                 request_id[0] ? request_id : proof->nonce, NULL};
    const struct once_message message = {.parts = parts,
                                         .type = "os_component_share",
                                         .target = use->requestor,
                                         .payload = payload,
                                         .id = "",
                                         .count = &node->count.features_answered,
                                         .told = answer_told};
    if (once_publish(node, &message) == 0) {
        seen_first(node, node->options->ai_id, payload_string(proof->result, "id", THING_ID_MAX));
        node_say(node, "Fulfilled feature request '%s' for %s (%s)", SAY(use->feature),
                 SAY(use->requestor), TELL(node, proof->result, NULL));
    }
    json_decref(payload);
    feature_wait_over(node, use->requestor, use->feature, true);
}

void feature_declined(struct node *node, const char *requestor, const char *feature,
                      const char *reason)
{
    node->count.features_declined++;
    node_say(node, "feature request '%s' of %s is not answered: %s", SAY(feature), SAY(requestor),
             reason);
    json_t *payload =
        json_pack("{s:o,s:s,s:b}", "text",
                  json_sprintf("the feature request '%s' is not answered: %s", feature, reason),
                  "feature_name", feature, "declined", 1);
    node_publish(node, "chat", payload, requestor, NULL);
    json_decref(payload);
}

void feature_failed(struct node *node, const char *requestor, const char *feature,
                    const char *reason)
{
    feature_declined(node, requestor, feature, reason);
    feature_wait_over(node, requestor, feature, false);
}

static struct feature_seen *feature_find(struct node *node, const char *requestor,
                                         const char *feature)
{
    for (size_t i = 0; i < FEATURES_MAX; i++)
        if (strcmp(node->features[i].requestor, requestor) == 0 &&
            strcmp(node->features[i].feature, feature) == 0)
            return &node->features[i];
    struct feature_seen *seen = &node->features[node->feature_next++ % FEATURES_MAX];
    *seen = (struct feature_seen){0};
    words_copy(seen->requestor, requestor);
    words_copy(seen->feature, feature);
    return seen;
}

/* True when this one was not acted upon yet. */
static bool feature_new(struct feature_seen *seen, bool response)
{
    if (response)
        seen->responses++;
    else
        seen->requests++;
    unsigned most = seen->requests > seen->responses ? seen->requests : seen->responses;
    if (most <= seen->answered)
        return false;
    seen->answered = most;
    return true;
}

static struct feature_job *feature_job_new(struct node *node, const char *requestor,
                                           const char *feature, const json_t *requirements)
{
    struct feature_job *work = calloc(1, sizeof *work);
    if (!work)
        return NULL;
    work->base =
        (struct node_job){.job = {.work = feature_work, .done = feature_done}, .node = node};
    words_copy(work->requestor, requestor);
    words_copy(work->feature, feature);
    work->requirements = json_deep_copy(requirements);
    return work;
}

int feature_build(struct node *node, const char *requestor, const char *feature,
                  const json_t *requirements)
{
    struct feature_job *work = feature_job_new(node, requestor, feature, requirements);
    if (work && jobs_push(&node->jobs, JOB_FEATURE, &work->base.job) == 0)
        return 0;
    if (work)
        json_decref(work->requirements);
    free(work);
    return -1;
}

static void feature_take(struct node *node, const char *requestor, const char *feature,
                         const char *request_id, const json_t *requirements, bool response)
{
    if (!feature[0] || !requestor[0] || strcmp(requestor, node->options->ai_id) == 0 ||
        !feature_new(feature_find(node, requestor, feature), response))
        return;
    node->count.features_heard++;
    if (!words_match(feature, node->capabilities))
        return; /* nobody has asked this AI */
    char why[BRAIN_TEXT_SIZE];
    if (!node->brain->can_answer(node->brain->state, feature, why))
        feature_declined(node, requestor, feature, why);
    else if (!feature_wait_add(node, requestor, feature, request_id, requirements))
        feature_declined(node, requestor, feature, "this AI is too busy");
}

void feature_request(struct node *node, const char *sender, const json_t *payload)
{
    /* A requestor named in the payload is not believed: nobody has components sent to another. */
    const struct khub_text *id = &node->current->message_id;
    feature_take(node, sender, payload_string(payload, "feature", ID_MAX),
                 id->len <= ID_MAX ? id->at : "", json_object_get(payload, "requirements"), false);
}

void feature_response(struct node *node, const char *sender, const json_t *payload)
{
    (void)sender;
    if (json_object_get(payload, "asked")) /* to the requestor: whom the hub has asked */
        return;
    const json_t *original = json_object_get(payload, "original_request");
    feature_take(node, payload_string(payload, "requestor", ID_MAX),
                 payload_string(original, "feature", ID_MAX),
                 payload_string(payload, "request_id", ID_MAX),
                 json_object_get(original, "requirements"), true);
}
