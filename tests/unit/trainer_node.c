/* An AI node with a brain that only counts, and a link to nowhere: what it does with each message, and that none does it harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/random.h"
#include "trainer/node.h"

/* The brain. */

static struct {
    atomic_uint answered, checked, taken, stepped, given,
        concluded; /* the worker counts, the loop looks */
    char feature[256];
} calls;

static char *fake_describe(void *state)
{
    (void)state;
    return strdup("counting");
}

static int fake_train(void *state, unsigned evaluations, brain_stop *stop, json_t **ret_patterns,
                      json_t **ret_components)
{
    (void)state, (void)evaluations, (void)stop;
    *ret_patterns = json_array();
    *ret_components = json_array();
    return 0;
}

static void fake_standing(void *state, struct brain_standing *ret_standing)
{
    (void)state;
    *ret_standing = (struct brain_standing){
        .subject = "process_manager", .subject_version = "1", .cost = "ms", .textbook = "RR"};
}

static json_t *fake_answer(void *state, const char *feature, const json_t *requirements,
                           brain_stop *stop)
{
    (void)state, (void)requirements, (void)stop;
    calls.answered++;
    snprintf(calls.feature, sizeof calls.feature, "%s", feature);
    return json_pack("{s:s,s:s}", "id", "made", "name", feature);
}

static int fake_collaborate(void *state, const struct brain_session *session,
                            const json_t *candidate, unsigned evaluations, brain_stop *stop,
                            json_t **ret_candidate, double *ret_progress)
{
    (void)state, (void)evaluations, (void)stop;
    assert(session->participant_count >= 1 && session->participant_count <= BRAIN_CONTRIBUTORS_MAX);
    calls.given += candidate != NULL;
    calls.stepped++;
    if (json_object_get(candidate, "bad"))
        return -1;
    *ret_candidate = json_pack("{s:{s:i}}", "evaluations", "ada", 10);
    *ret_progress = 0.1;
    return 0;
}

static json_t *fake_conclude(void *state, const struct brain_session *session,
                             const json_t *candidate, brain_stop *stop)
{
    (void)state, (void)session, (void)candidate, (void)stop;
    calls.concluded++;
    return json_pack("{s:s}", "id", "concluded");
}

static bool fake_forget(void *state, const char *session_id, brain_stop *stop)
{
    (void)state, (void)session_id, (void)stop;
    return false;
}

static json_t *fake_check(void *state, const json_t *thing, brain_stop *stop)
{
    (void)state, (void)stop;
    calls.checked++;
    bool holds = !json_object_get(thing, "lie");
    return json_pack("{s:b,s:f,s:f}", "claim_holds", holds, "ratio_own", 0.7, "claimed", 0.7);
}

static bool fake_take_in(void *state, const json_t *thing, const json_t *metrics)
{
    (void)state, (void)thing, (void)metrics;
    calls.taken++;
    return true;
}

static void fake_free(void *state)
{
    (void)state;
}

static struct brain fake = {.name = "fake",
                            .describe = fake_describe,
                            .train = fake_train,
                            .standing = fake_standing,
                            .answer = fake_answer,
                            .collaborate = fake_collaborate,
                            .conclude = fake_conclude,
                            .forget = fake_forget,
                            .check = fake_check,
                            .take_in = fake_take_in,
                            .free = fake_free};

/* The node. */

static const struct trainer_options options = {.address = "unix:/nonexistent/khub",
                                               .ai_id = "ada",
                                               .specialization = "process_manager",
                                               .minutes = 60};

static struct node *node_make(void)
{
    struct node *node;
    calls.answered = calls.checked = calls.taken = calls.stepped = calls.given = calls.concluded =
        0;
    assert_int_equal(node_new(&options, &fake, &node), 0);
    return node;
}

static struct khub_text text_of(const char *text)
{
    return (struct khub_text){.at = text, .len = strlen(text)};
}

static void say(struct node *node, const char *sender, const char *type, const char *payload)
{
    struct khub_message message = {.message_id = text_of("m"),
                                   .sender_id = text_of(sender),
                                   .type = text_of(type),
                                   .timestamp = text_of(""),
                                   .target_ai = text_of(""),
                                   .payload = text_of(payload),
                                   .line = text_of("")};
    node_message(node, &message);
}

/* Until the worker has nothing left to do. */
static void work(struct node *node)
{
    while (!jobs_idle(&node->jobs))
        uv_run(&node->loop, UV_RUN_ONCE);
}

static void test_feature_is_answered_once(void **state)
{
    (void)state;
    static const char request[] = "{\"feature\":\"process_scheduling\",\"requirements\":{}}";
    static const char response[] = "{\"original_request\":{\"feature\":\"process_scheduling\","
                                   "\"requirements\":{}},\"requestor\":\"bob\"}";
    struct node *node = node_make();
    say(node, "bob", "feature_request", request);
    say(node, "hub", "feature_response", response);
    work(node);
    assert_int_equal(calls.answered, 1);
    assert_string_equal(calls.feature, "process_scheduling");
    /* Asked again, in the other order: once more. */
    say(node, "hub", "feature_response", response);
    say(node, "bob", "feature_request", request);
    work(node);
    assert_int_equal(calls.answered, 2);
    /* Another AI, another feature; one that is not this AI's; what only the hub may say. */
    say(node, "cyd", "feature_request", request);
    say(node, "bob", "feature_request", "{\"feature\":\"fair Scheduling\"}");
    say(node, "bob", "feature_request", "{\"feature\":\"encryption\"}");
    say(node, "eve", "feature_response", response);
    work(node);
    assert_int_equal(calls.answered, 4);
    assert_int_equal(node->count.features_heard, 5);
    assert_int_equal(node->count.features_answered, 4);
    node_free(node);
}

static void test_things_are_checked_once(void **state)
{
    (void)state;
    struct node *node = node_make();
    say(node, "bob", "pattern_share", "{\"pattern\":{\"id\":\"p1\"}}");
    say(node, "bob", "pattern_share", "{\"pattern\":{\"id\":\"p1\"}}");
    say(node, "cyd", "pattern_share",
        "{\"pattern\":{\"id\":\"p1\"}}"); /* another's of the same name */
    say(node, "bob", "os_component_share", "{\"component\":{\"id\":\"c1\"}}");
    say(node, "ada", "pattern_share", "{\"pattern\":{\"id\":\"own\"}}");
    say(node, "bob", "pattern_share", "{\"pattern\":{}}");
    say(node, "bob", "pattern_share", "{\"pattern\":\"p9\"}");
    say(node, "bob", "pattern_share", "{}");
    work(node);
    assert_int_equal(calls.checked, 3);
    assert_int_equal(calls.taken, 3);
    assert_int_equal(node->count.patterns_taken_in, 2);
    assert_int_equal(node->count.components_taken_in, 1);
    assert_int_equal(node->count.reports_sent, 3);
    /* Who is caught lying is not listened to for ever. */
    for (unsigned i = 0; i < REFUTED_MAX + 5; i++) {
        char payload[80];
        snprintf(payload, sizeof payload, "{\"pattern\":{\"id\":\"l%u\",\"lie\":1}}", i);
        say(node, "eve", "pattern_share", payload);
        work(node);
    }
    assert_int_equal(node->count.patterns_refuted, REFUTED_MAX);
    assert_int_equal(calls.taken, 3);
    node_free(node);
}

/* More than the worker can take: the rest is let go and counted, and sessions are still first. */
static void test_flood_of_patterns(void **state)
{
    (void)state;
    struct node *node = node_make();
    for (unsigned i = 0; i < 10 * JOBS_CHECK_MAX; i++) {
        char payload[80];
        snprintf(payload, sizeof payload, "{\"pattern\":{\"id\":\"p%u\"}}", i);
        say(node, "bob", "pattern_share", payload);
    }
    assert_true(jobs_waiting(&node->jobs, JOB_CHECK) <= JOBS_CHECK_MAX);
    work(node);
    assert_true(calls.checked <= JOBS_CHECK_MAX + 1);
    assert_int_equal(node->count.link_skipped + calls.checked, 10 * JOBS_CHECK_MAX);
    node_free(node);
}

static void ask(struct node *node, unsigned number, const char *type)
{
    char payload[200];
    snprintf(payload, sizeof payload,
             "{\"session_id\":\"s%u\",\"type\":\"%s\",\"initiator\":\"bob\",\"description\":\"\"}",
             number, type);
    say(node, "bob", "collaboration_request", payload);
}

static void test_acceptance_is_bounded(void **state)
{
    (void)state;
    struct node *node = node_make();
    for (unsigned i = 0; i < 4; i++)
        ask(node, i, "code_review");
    assert_int_equal(node->count.sessions_accepted, SESSIONS_OTHER_TYPES);
    assert_int_equal(node->count.sessions_declined, 1);
    for (unsigned i = 4; i < 20; i++)
        ask(node, i, "feature_development");
    assert_int_equal(node->count.sessions_accepted, SESSIONS_AT_ONCE_MAX);
    assert_int_equal(sessions_live(node), SESSIONS_AT_ONCE_MAX);
    ask(node, 0, "feature_development"); /* known already */
    say(node, "bob", "collaboration_request",
        "{\"type\":\"feature_development\"}"); /* no session of the hub's */
    assert_int_equal(node->count.sessions_accepted, SESSIONS_AT_ONCE_MAX);
    assert_int_equal(node->count.sessions_declined, 1 + 20 - 4 - 5);
    /* One comes to its end: there is room again. */
    say(node, "hub", "collaboration_update",
        "{\"session_id\":\"s0\",\"status\":\"completed\",\"participants\":[\"bob\",\"ada\"]}");
    ask(node, 50, "cross_specialization");
    assert_int_equal(node->count.sessions_accepted, SESSIONS_AT_ONCE_MAX + 1);
    assert_int_equal(node->count.sessions_completed, 1);
    node_free(node);
}

static void until_stepped(struct node *node, unsigned steps)
{
    while (calls.stepped < steps || !jobs_idle(&node->jobs))
        uv_run(&node->loop, UV_RUN_ONCE);
}

static void test_session_conflict_and_loss(void **state)
{
    (void)state;
    struct node *node = node_make();
    ask(node, 1, "feature_development");
    struct session *session = &node->sessions[0];
    assert_int_equal(session->state, SESSION_INVITED);
    say(node, "hub", "collaboration_update",
        "{\"session_id\":\"s1\",\"status\":\"active\",\"participants\":[\"bob\",\"ada\"],"
        "\"progress\":0}");
    assert_int_equal(session->state, SESSION_ACTIVE);
    assert_int_equal(session->participant_count, 2);
    say(node, "bob", "workspace_update",
        "{\"session_id\":\"s1\",\"key\":\"candidate\",\"value\":{\"a\":1},\"version\":1}");
    assert_int_equal(session->version, 1);
    until_stepped(node, 1);
    assert_true(session->writing);
    /* The hub: another was first. The current value is taken, joined, and written again. */
    char payload[400];
    snprintf(payload, sizeof payload,
             "{\"code\":\"conflict\",\"detail\":\"\",\"in_reply_to\":\"%s\",\"session_id\":\"s1\","
             "\"key\":\"candidate\","
             "\"value\":{\"b\":2},\"version\":7}",
             session->sent[0]);
    say(node, "hub", "error", payload);
    assert_false(session->writing);
    assert_true(session->reconcile);
    assert_int_equal(session->version, 7);
    assert_non_null(json_object_get(session->candidate, "b"));
    until_stepped(node, 2);
    assert_true(session->writing);
    /* It is in, as version 8. */
    say(node, "hub", "workspace_update",
        "{\"session_id\":\"s1\",\"key\":\"candidate\",\"version\":8,\"accepted\":true}");
    assert_false(session->writing);
    assert_int_equal(session->version, 8);
    /* An older version that comes late changes nothing. */
    say(node, "bob", "workspace_update",
        "{\"session_id\":\"s1\",\"key\":\"candidate\",\"value\":{\"c\":3},\"version\":5}");
    assert_null(json_object_get(session->candidate, "c"));
    /* The hub has no such session any more. */
    snprintf(payload, sizeof payload,
             "{\"code\":\"unknown_session\",\"detail\":\"\",\"in_reply_to\":\"%s\"}",
             session->sent[1]);
    say(node, "hub", "error", payload);
    assert_false(session->used);
    assert_int_equal(node->count.sessions_failed, 1);
    node_free(node);
}

/* A session of ada and bob with bob's candidate in it; `number` is below 10. */
static struct session *session_begin(struct node *node, unsigned number, const char *candidate)
{
    char payload[400];
    ask(node, number, "feature_development");
    struct session *session = NULL;
    for (size_t i = 0; i < SESSIONS_TRACKED_MAX; i++)
        if (node->sessions[i].used && node->sessions[i].id[1] == (char)('0' + number))
            session = &node->sessions[i];
    assert_non_null(session);
    snprintf(payload, sizeof payload,
             "{\"session_id\":\"s%u\",\"status\":\"active\",\"participants\":[\"bob\",\"ada\"]}",
             number);
    say(node, "hub", "collaboration_update", payload);
    snprintf(payload, sizeof payload,
             "{\"session_id\":\"s%u\",\"key\":\"candidate\",\"value\":%s,\"version\":1}", number,
             candidate);
    say(node, "bob", "workspace_update", payload);
    return session;
}

/* The hub's answer to the write sent last. */
static void refuse_write(struct node *node, const struct session *session, const char *code,
                         const char *more)
{
    char payload[400];
    unsigned last = session->sent_next - 2; /* after it comes the word of progress */
    snprintf(payload, sizeof payload, "{\"code\":\"%s\",\"in_reply_to\":\"%s\"%s}", code,
             session->sent[last % SENT_REMEMBERED], more);
    say(node, "hub", "error", payload);
}

static void test_session_time_limits(void **state)
{
    (void)state;
    struct node *node = node_make();
    say(node, "hub", "collaboration_update",
        "{\"session_id\":\"own\",\"status\":\"pending\",\"participants\":[\"ada\"]}");
    ask(node, 1, "feature_development");
    sessions_tick(node);
    assert_int_equal(node->sessions[0].state, SESSION_WAITING);
    assert_true(node->sessions[0].used && node->sessions[1].used);
    node->sessions[0].since -= OFFERED_MS;
    node->sessions[1].since -= OFFERED_MS;
    sessions_tick(node);
    assert_false(node->sessions[0].used || node->sessions[1].used);
    assert_int_equal(node->count.sessions_failed, 0);
    struct session *session = session_begin(node, 2, "{\"a\":1}");
    session->since -= OFFERED_MS;
    sessions_tick(node);
    assert_true(session->used);
    session->since -= ACTIVE_MS;
    sessions_tick(node);
    assert_false(session->used);
    assert_int_equal(node->count.sessions_failed, 1);
    work(node);
    node_free(node);
}

static void test_unreadable_candidate(void **state)
{
    (void)state;
    struct node *node = node_make();
    struct session *session = session_begin(node, 1, "{\"bad\":1}");
    until_stepped(node, 1);
    assert_true(session->replace);
    assert_int_equal(session->unreadable, 1);
    until_stepped(node, 2); /* its own best, in its place */
    assert_int_equal(calls.given, 1);
    assert_false(session->replace);
    assert_true(session->writing);
    say(node, "hub", "workspace_update",
        "{\"session_id\":\"s1\",\"key\":\"candidate\",\"version\":2,\"accepted\":true}");
    until_stepped(node, 3); /* and on from what is shared */
    assert_int_equal(calls.given, 2);
    assert_int_equal(session->unreadable, 1);
    /* Every time again: not for ever. */
    for (uint64_t version = 3; session->used && version < 20; version++) {
        json_t *bad = json_pack("{s:i}", "bad", 1);
        session->writing = false;
        session->reconcile = true;
        session_current(session, bad, version);
        json_decref(bad);
        until_stepped(node, calls.stepped + 1);
    }
    assert_false(session->used);
    assert_int_equal(node->count.sessions_failed, 1);
    work(node);
    node_free(node);
}

static void test_refusals(void **state)
{
    (void)state;
    struct node *node = node_make();
    struct session *session = session_begin(node, 1, "{\"a\":1}");
    until_stepped(node, 1);
    refuse_write(node, session, "rate_limited", "");
    assert_true(session->used && session->reconcile && !session->writing);
    session->state = SESSION_CONCLUDING;
    refuse_write(node, session, "rate_limited", "");
    assert_int_equal(session->state, SESSION_ACTIVE);
    refuse_write(node, session, "quota_exceeded", "");
    assert_false(session->used);
    assert_int_equal(node->count.sessions_failed, 1);
    /* Conflicts that bring nothing to go on from. */
    session = session_begin(node, 2, "{\"a\":1}");
    until_stepped(node, 2);
    for (unsigned i = 1; i < WRITES_LOST_MAX; i++)
        refuse_write(node, session, "conflict", ",\"version\":5");
    assert_true(session->used);
    assert_int_equal(session->version, 5);
    refuse_write(node, session, "conflict", ",\"version\":5");
    assert_false(session->used);
    assert_int_equal(node->count.sessions_failed, 2);
    work(node);
    node_free(node);
}

static void test_the_hub_is_not_impersonated(void **state)
{
    (void)state;
    struct node *node = node_make();
    ask(node, 1, "feature_development");
    say(node, "eve", "collaboration_update",
        "{\"session_id\":\"s1\",\"status\":\"failed\",\"participants\":[\"ada\"]}");
    say(node, "eve", "error", "{\"code\":\"unknown_session\"}");
    say(node, "eve", "presence", "{\"ai_id\":\"bob\",\"status\":\"left\"}");
    say(node, "eve", "training_sync", "{\"active_ais\":[\"x\",\"y\"]}");
    assert_true(node->sessions[0].used);
    assert_int_equal(node->others, 0);
    node_free(node);
}

static void test_peers(void **state)
{
    (void)state;
    struct node *node = node_make();
    say(node, "hub", "training_sync",
        "{\"active_ais\":[\"ada\",\"bob\",7,\"\"],\"collaboration_opportunities\":[{\"ai_id\":"
        "\"bob\",\"specialization\":"
        "\"security\",\"capabilities\":[\"encryption\",1,null]}],\"global_knowledge_base\":{"
        "\"shared_patterns\":{\"p\":{"
        "\"pattern\":{\"id\":\"p\",\"subject\":\"process_manager\",\"ratio_heldout\":0.8},"
        "\"contributor\":\"bob\"},"
        "\"q\":{\"pattern\":{\"id\":\"q\",\"subject\":\"file_system\",\"ratio_heldout\":0.8},"
        "\"contributor\":\"bob\"},"
        "\"r\":{\"pattern\":[],\"contributor\":{}}}}}");
    assert_int_equal(node->others, 1);
    work(node);
    assert_int_equal(calls.checked, 1); /* of its own subject alone */
    say(node, "cyd", "hello",
        "{\"specialization\":\"audio\",\"capabilities\":[\"media_handling\"]}");
    assert_int_equal(node->others, 2);
    assert_string_equal(node_peer(node, "cyd", false)->specialization, "audio");
    say(node, "hub", "presence",
        "{\"ai_id\":\"bob\",\"status\":\"left\",\"reason\":\"peer_closed\"}");
    assert_int_equal(node->others, 1);
    /* More than are remembered. */
    for (unsigned i = 0; i < PEERS_MAX + 100; i++) {
        char id[32];
        snprintf(id, sizeof id, "ai%u", i);
        say(node, id, "hello", "{}");
    }
    assert_true(node->peer_count <= PEERS_MAX);
    node_free(node);
}

/* Every type with every odd payload there is, and thousands that are put together by chance. */
static const char *const types[] = {"hello",
                                    "pattern_share",
                                    "code_share",
                                    "feature_request",
                                    "feature_response",
                                    "collaboration_request",
                                    "os_component_share",
                                    "performance_report",
                                    "training_sync",
                                    "heartbeat",
                                    "error",
                                    "presence",
                                    "chat",
                                    "collaboration_response",
                                    "collaboration_update",
                                    "workspace_update",
                                    "knowledge_result",
                                    "no_such_type",
                                    ""};

static void test_odd_payloads(void **state)
{
    (void)state;
    static const char *const payloads[] = {
        "{}",
        "[]",
        "null",
        "7",
        "\"\"",
        "{",
        "",
        "{\"a\":1e999}",
        "{\"session_id\":null}",
        "{\"pattern\":{\"id\":\"x\",\"ratio_heldout\":1e400}}",
        "{\"pattern\":{\"id\":\"\\u0000\"}}",
        "{\"active_ais\":{},\"collaboration_opportunities\":7,\"global_knowledge_base\":[]}",
        "{\"session_id\":\"s\",\"status\":\"active\",\"participants\":[\"ada\",\"ada\",\"a\",\"b\","
        "\"c\",\"d\",\"e\",\"f\",\"g\",\"h\"]}",
        "{\"session_id\":\"s\",\"status\":\"active\",\"participants\":[\"ada\",{},null,\"\"]}",
        "{\"session_id\":\"s\",\"key\":\"candidate\",\"value\":null,\"version\":"
        "99999999999999999999}",
        "{\"session_id\":\"s\",\"key\":\"candidate\",\"value\":[[]],\"version\":-1}",
        "{\"session_id\":\"s\",\"key\":\"candidate\",\"version\":3}",
        "{\"code\":\"conflict\",\"in_reply_to\":\"\",\"version\":1}",
        "{\"feature\":[],\"requirements\":\"\"}",
        "{\"original_request\":\"x\",\"requestor\":\"y\"}",
        "{\"component_id\":\"ada_\",\"performance\":{\"claim_holds\":\"yes\"}}",
        "{\"component_id\":\"ada_x\",\"performance\":{\"claim_holds\":false,\"reason\":7,\"ratio_"
        "own\":\"\"}}",
    };
    struct node *node = node_make();
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        for (size_t k = 0; k < sizeof payloads / sizeof *payloads; k++) {
            say(node, "eve", types[i], payloads[k]);
            say(node, "hub", types[i], payloads[k]);
        }
    assert_true(node->count.link_skipped > 0);
    work(node);
    node_free(node);
}

static const char *const names[] = {"session_id",
                                    "status",
                                    "participants",
                                    "type",
                                    "initiator",
                                    "key",
                                    "value",
                                    "version",
                                    "pattern",
                                    "id",
                                    "component",
                                    "subject",
                                    "parameters",
                                    "active_ais",
                                    "feature",
                                    "requestor",
                                    "original_request",
                                    "requirements",
                                    "code",
                                    "in_reply_to",
                                    "progress",
                                    "note",
                                    "performance",
                                    "component_id",
                                    "claim_holds",
                                    "evaluations",
                                    "ai_id",
                                    "capabilities",
                                    "specialization",
                                    "contributor",
                                    "global_knowledge_base",
                                    "shared_patterns",
                                    "collaboration_opportunities",
                                    "ratio_heldout"};
static const char *const leaves[] = {"null",
                                     "true",
                                     "-1",
                                     "1e308",
                                     "0.5",
                                     "\"ada\"",
                                     "\"bob\"",
                                     "\"s1\"",
                                     "\"\"",
                                     "\"active\"",
                                     "\"pending\"",
                                     "\"candidate\"",
                                     "\"process_manager\"",
                                     "\"completed\"",
                                     "\"conflict\"",
                                     "9007199254740993",
                                     "\"feature_development\"",
                                     "\"left\"",
                                     "\"process_scheduling\"",
                                     "\"\\u001b[2J\""};

static void random_json(struct random *random, char *at, size_t size, int depth)
{
    size_t count = random_below(random, depth == 0 ? 7 : 4);
    uint64_t kind = depth == 0 ? 1 : random_below(random, depth > 4 ? 1 : 4);
    if (kind == 0 || size < 64) {
        snprintf(at, size, "%s", leaves[random_below(random, sizeof leaves / sizeof *leaves)]);
        return;
    }
    size_t used = (size_t)snprintf(at, size, "%s", kind == 1 || kind == 2 ? "{" : "[");
    for (size_t i = 0; i < count && used + 512 < size; i++) {
        if (i > 0)
            used += (size_t)snprintf(at + used, size - used, ",");
        if (kind != 3)
            used += (size_t)snprintf(at + used, size - used, "\"%s\":",
                                     names[random_below(random, sizeof names / sizeof *names)]);
        random_json(random, at + used, (size - used) / 2, depth + 1);
        used += strlen(at + used);
    }
    snprintf(at + used, size - used, "%s", kind == 3 ? "]" : "}");
}

static void test_random_payloads(void **state)
{
    (void)state;
    static char payload[16384];
    static const char *const senders[] = {"hub", "bob", "eve", "ada"};
    struct random random;
    random_seed(&random, 7);
    struct node *node = node_make();
    for (unsigned i = 0; i < 20000; i++) {
        random_json(&random, payload, sizeof payload, 0);
        say(node, senders[random_below(&random, 4)],
            types[random_below(&random, sizeof types / sizeof *types)], payload);
        if (i % 64 == 0)
            uv_run(&node->loop, UV_RUN_NOWAIT);
        assert_true(sessions_live(node) <= SESSIONS_TRACKED_MAX);
    }
    work(node);
    node_free(node);
}

static void test_bad_options(void **state)
{
    (void)state;
    static const struct trainer_options bad[] = {
        {.address = "127.0.0.1:1", .ai_id = "", .specialization = "audio", .minutes = 1},
        {.address = "127.0.0.1:1", .ai_id = NULL, .specialization = "audio", .minutes = 1},
        {.address = "127.0.0.1:1", .ai_id = "hub", .specialization = "audio", .minutes = 1},
        {.address = "127.0.0.1:1", .ai_id = "a\nb", .specialization = "audio", .minutes = 1},
        {.address = "127.0.0.1:1", .ai_id = "a\xff", .specialization = "audio", .minutes = 1},
        {.address = "127.0.0.1:1", .ai_id = "a", .specialization = "alchemy", .minutes = 1},
        {.address = "127.0.0.1:1", .ai_id = "a", .specialization = NULL, .minutes = 1},
        {.address = "127.0.0.1:1", .ai_id = "a", .specialization = "audio", .minutes = 0},
        {.address = "127.0.0.1:1", .ai_id = "a", .specialization = "audio", .minutes = -1},
        {.address = "127.0.0.1:1", .ai_id = "a", .specialization = "audio", .minutes = 1e300},
        {.address = "nonsense", .ai_id = "a", .specialization = "audio", .minutes = 1},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(trainer_run(&bad[i]), 2);
}

/* No hub: it ends at its time, and says that it did not work. */
static void test_no_hub(void **state)
{
    (void)state;
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    struct trainer_options alone = {.address = "unix:/nonexistent/khub",
                                    .ai_id = "ada",
                                    .specialization = "process_manager",
                                    .minutes = 0.01,
                                    .json = true,
                                    .out = out};
    assert_int_equal(trainer_run(&alone), 1);
    fclose(out);
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    assert_true(json_is_false(json_object_get(json, "joined")));
    assert_int_equal(json_integer_value(json_object_get(json, "exit_code")), 1);
    json_decref(json);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_feature_is_answered_once),
        cmocka_unit_test(test_things_are_checked_once),
        cmocka_unit_test(test_flood_of_patterns),
        cmocka_unit_test(test_acceptance_is_bounded),
        cmocka_unit_test(test_session_conflict_and_loss),
        cmocka_unit_test(test_session_time_limits),
        cmocka_unit_test(test_unreadable_candidate),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_the_hub_is_not_impersonated),
        cmocka_unit_test(test_peers),
        cmocka_unit_test(test_odd_payloads),
        cmocka_unit_test(test_random_payloads),
        cmocka_unit_test(test_bad_options),
        cmocka_unit_test(test_no_hub),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
