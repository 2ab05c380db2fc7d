/* Of many AIs that could answer a feature request, one builds: whoever has the lease of it.
 *
 *            granted, renewed                  published, declined
 *   ASKED ───────────────────▶ BUILDING ──────────────────────────▶ FREE, and given back
 *    │  ▲                        (its lease is lost: it builds on, and publishes nothing)
 *    │  └── expired, given back undone ──┐
 *    └── held by another ──▶ STANDBY ────┴── given back, done ──▶ FREE, and declined
 *
 * The hub says what becomes of leases in one order to all. So who asks late, after another has
 * built it already, has heard so before its own lease is granted, and gives it back. A hub that
 * knows no leases, or has none to give, stops nobody from building. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/node.h"

#define LEASE_TTL_S 60 /* of silence; libkhub is heard of every 30 s */

/* What a lease is for, as the hub keeps it: who was killed and started again reads its own. */
#define INTENT_BEGIN   "to build '"
#define INTENT_FOR     "' for "
#define INTENT_REQUEST " (request "

static void wait_free(struct feature_wait *wait)
{
    json_decref(wait->requirements);
    *wait = (struct feature_wait){.state = WAIT_FREE};
}

static void wait_ask(struct node *node, struct feature_wait *wait)
{
    json_t *payload = json_pack("{s:s,s:i,s:o}", "key", wait->key, "ttl_s", LEASE_TTL_S, "intent",
                                json_sprintf(INTENT_BEGIN "%s" INTENT_FOR "%s" INTENT_REQUEST "%s)",
                                             wait->feature, wait->requestor, wait->request_id));
    wait->sent_at = node_now(node);
    if (node_publish(node, "lease_request", payload, NULL, wait->sent) < 0)
        wait->sent[0] = '\0';
    json_decref(payload);
}

/* Somebody else may take it up, unless it is done. */
static void lease_return(struct node *node, const char *key, uint64_t fence, bool done)
{
    json_t *payload =
        json_pack("{s:s,s:I,s:b}", "key", key, "fence", (json_int_t)fence, "done", done);
    node_publish(node, "lease_release", payload, NULL, NULL);
    json_decref(payload);
}

static struct feature_wait *wait_building(struct node *node, const char *requestor,
                                          const char *feature)
{
    for (size_t i = 0; i < FEATURE_WAITS_MAX; i++) {
        struct feature_wait *wait = &node->waits[i];
        if (wait->state == WAIT_BUILDING && strcmp(wait->requestor, requestor) == 0 &&
            strcmp(wait->feature, feature) == 0)
            return wait;
    }
    return NULL;
}

bool feature_lease(struct node *node, const char *requestor, const char *feature,
                   json_t **ret_lease, char ret_request_id[ID_MAX + 1])
{
    const struct feature_wait *wait = wait_building(node, requestor, feature);
    *ret_lease = NULL;
    snprintf(ret_request_id, ID_MAX + 1, "%s", wait ? wait->request_id : "");
    if (wait && wait->lost)
        return false;
    if (wait && wait->fence)
        *ret_lease = json_pack("{s:s,s:I}", "key", wait->key, "fence", (json_int_t)wait->fence);
    return true;
}

/* Is this AI still to build something under that lease? */
static bool key_wanted(const struct node *node, const char *key)
{
    for (size_t i = 0; i < FEATURE_WAITS_MAX; i++) {
        const struct feature_wait *wait = &node->waits[i];
        if ((wait->state == WAIT_ASKED || wait->state == WAIT_BUILDING) &&
            strcmp(wait->key, key) == 0)
            return true;
    }
    return false;
}

/* Does it wait for that lease, or has it? */
static bool key_known(const struct node *node, const char *key)
{
    for (size_t i = 0; i < FEATURE_WAITS_MAX; i++)
        if (node->waits[i].state != WAIT_FREE && strcmp(node->waits[i].key, key) == 0)
            return true;
    return false;
}

static void wait_over(struct node *node, struct feature_wait *wait, bool done)
{
    char key[LEASE_KEY_MAX + 1];
    uint64_t fence = wait->fence;
    assert(wait->state != WAIT_FREE);
    words_copy(key, wait->key);
    wait_free(wait);
    if (fence && !key_wanted(node, key))
        lease_return(node, key, fence, done);
}

void feature_wait_over(struct node *node, const char *requestor, const char *feature, bool done)
{
    struct feature_wait *wait = wait_building(node, requestor, feature);
    if (wait)
        wait_over(node, wait, done);
}

static void wait_build(struct node *node, struct feature_wait *wait)
{
    assert(wait->state == WAIT_ASKED || wait->state == WAIT_STANDBY);
    wait->state = WAIT_BUILDING;
    if (feature_build(node, wait->requestor, wait->feature, wait->requirements) == 0)
        return;
    feature_declined(node, wait->requestor, wait->feature, "this AI is too busy");
    wait_over(node, wait, false);
}

bool feature_wait_add(struct node *node, const char *requestor, const char *feature,
                      const char *request_id, const json_t *requirements)
{
    struct feature_wait *place = NULL;
    unsigned of_one = 0;
    for (size_t i = 0; i < FEATURE_WAITS_MAX; i++) {
        struct feature_wait *wait = &node->waits[i];
        if (wait->state == WAIT_FREE)
            place = wait;
        else
            of_one += strcmp(wait->requestor, requestor) == 0;
    }
    if (!place || of_one >= ANSWERS_OF_ONE_MAX)
        return false;
    words_copy(place->requestor, requestor);
    words_copy(place->feature, feature);
    words_copy(place->request_id, request_id);
    place->requirements = json_deep_copy(requirements);
    size_t len =
        (size_t)snprintf(place->key, sizeof place->key, "feature:%s:%s", feature, requestor);
    place->state = WAIT_ASKED;
    if (len >= sizeof place->key)
        place->key[0] = '\0'; /* there is no lease of that: it builds as if alone */
    else
        wait_ask(node, place);
    if (!place->sent[0])
        wait_build(node, place);
    return true;
}

/* ── what the hub says ── */

/* This AI has the lease now. */
static void wait_granted(struct node *node, struct feature_wait *wait, uint64_t fence)
{
    wait->fence = fence;
    wait->lost = false;
    if (wait->state == WAIT_BUILDING)
        return; /* a renewal, or had anew behind a silence */
    if (!wait->done) {
        wait_build(node, wait);
        return;
    }
    feature_declined(node, wait->requestor, wait->feature, "another has built it");
    wait_over(node, wait, true);
}

/* Another has it. */
static void wait_held(struct node *node, struct feature_wait *wait, const char *holder)
{
    if (wait->state == WAIT_BUILDING) {
        wait->lost = true;
        wait->fence = 0;
        return;
    }
    if (wait->state == WAIT_ASKED)
        node_say(node, "feature request '%s' of %s: %s builds it, this AI stands by",
                 SAY(wait->feature), SAY(wait->requestor), SAY(holder));
    wait->state = WAIT_STANDBY;
}

/* Nobody has it any more. */
static void wait_ended(struct node *node, struct feature_wait *wait, bool own, bool done)
{
    if (own && wait->state == WAIT_BUILDING && wait->fence) {
        wait->fence = 0; /* it expired: this AI was not heard of */
        wait_ask(node, wait);
    } else if (!own && wait->state == WAIT_ASKED) {
        wait->done = wait->done || done; /* what was asked is still to be answered */
    } else if (wait->state == WAIT_STANDBY && done) {
        feature_declined(node, wait->requestor, wait->feature, "another has built it");
        wait_free(wait);
    } else if (wait->state == WAIT_STANDBY) {
        wait->state = WAIT_ASKED;
        wait_ask(node, wait);
    }
}

void feature_lease_told(struct node *node, const char *sender, const json_t *payload)
{
    const char *key = payload_string(payload, "key", LEASE_KEY_MAX);
    const char *status = payload_string(payload, "status", 16);
    const char *holder = payload_string(payload, "holder", ID_MAX);
    json_int_t fence = json_integer_value(json_object_get(payload, "fence"));
    bool own = strcmp(holder, node->options->ai_id) == 0;
    (void)sender;
    for (size_t i = 0; key[0] && i < FEATURE_WAITS_MAX; i++) {
        struct feature_wait *wait = &node->waits[i];
        if (wait->state == WAIT_FREE || strcmp(wait->key, key) != 0)
            continue;
        if (strcmp(status, "granted") == 0 || strcmp(status, "renewed") == 0) {
            if (own && fence > 0)
                wait_granted(node, wait, (uint64_t)fence);
        } else if (strcmp(status, "held") == 0) {
            wait_held(node, wait, holder);
        } else {
            wait_ended(node, wait, own, json_is_true(json_object_get(payload, "done")));
        }
    }
}

bool feature_lease_error(struct node *node, const json_t *payload)
{
    const char *answered = payload_string(payload, "in_reply_to", 36);
    bool found = false;
    for (size_t i = 0; answered[0] && i < FEATURE_WAITS_MAX; i++) {
        struct feature_wait *wait = &node->waits[i];
        if (wait->state == WAIT_FREE || strcmp(wait->sent, answered) != 0)
            continue;
        found = true;
        if (wait->state == WAIT_ASKED)
            wait_build(node, wait);
    }
    return found;
}

/* ── the link ── */

void feature_leases_joined(struct node *node)
{
    for (size_t i = 0; i < FEATURE_WAITS_MAX; i++)
        if (node->waits[i].state != WAIT_FREE && node->waits[i].key[0])
            wait_ask(node, &node->waits[i]); /* what became of it meanwhile nobody said */
}

/* Takes an intent apart whose parts make up this key; false when it is none. */
static bool intent_read(const char *intent, const char *key, char feature[ID_MAX + 1],
                        char requestor[ID_MAX + 1], char request_id[ID_MAX + 1])
{
    const char *at = intent + strlen(INTENT_BEGIN), *end = intent + strlen(intent), *request = NULL;
    char made[LEASE_KEY_MAX + 1];
    if (strncmp(intent, INTENT_BEGIN, strlen(INTENT_BEGIN)) != 0 || end[-1] != ')')
        return false;
    for (const char *found = at; (found = strstr(found, INTENT_REQUEST)); found++)
        request = found;
    for (const char *middle = at; request && (middle = strstr(middle, INTENT_FOR)); middle++) {
        const char *name = middle + strlen(INTENT_FOR), *id = request + strlen(INTENT_REQUEST);
        if (name > request || middle - at > (ptrdiff_t)ID_MAX ||
            request - name > (ptrdiff_t)ID_MAX || end - 1 - id > (ptrdiff_t)ID_MAX)
            continue;
        snprintf(feature, ID_MAX + 1, "%.*s", (int)(middle - at), at);
        snprintf(requestor, ID_MAX + 1, "%.*s", (int)(request - name), name);
        snprintf(request_id, ID_MAX + 1, "%.*s", (int)(end - 1 - id), id);
        int len = snprintf(made, sizeof made, "feature:%s:%s", feature, requestor);
        if (len < (int)sizeof made && strcmp(made, key) == 0)
            return true;
    }
    return false;
}

void feature_leases_caught_up(struct node *node)
{
    char feature[ID_MAX + 1], requestor[ID_MAX + 1], request_id[ID_MAX + 1];
    const json_t *lease;
    size_t i;
    json_array_foreach(node->own_leases, i, lease)
    {
        const char *key = payload_string(lease, "key", LEASE_KEY_MAX);
        if (node->phase != NODE_RUNNING || !key[0] || key_known(node, key) ||
            !intent_read(payload_string(lease, "intent", 1024), key, feature, requestor,
                         request_id))
            continue;
        node_say(node, "Going on with feature request '%s' of %s", SAY(feature), SAY(requestor));
        feature_wait_add(node, requestor, feature, request_id, NULL);
    }
    json_decref(node->own_leases);
    node->own_leases = NULL;
}

void feature_leases_tick(struct node *node)
{
    if (khub_link_state(node->link) != KHUB_JOINED)
        return;
    for (size_t i = 0; i < FEATURE_WAITS_MAX; i++) {
        struct feature_wait *wait = &node->waits[i];
        if (wait->state == WAIT_ASKED && node_now(node) - wait->sent_at >= CHALLENGE_MS)
            wait_build(node, wait);
    }
}

void feature_leases_leave(struct node *node)
{
    for (size_t i = 0; i < FEATURE_WAITS_MAX; i++) {
        struct feature_wait *wait = &node->waits[i];
        if (wait->state == WAIT_BUILDING && wait->fence)
            lease_return(node, wait->key, wait->fence, false);
        wait_free(wait);
    }
}
