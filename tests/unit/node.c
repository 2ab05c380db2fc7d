/* An AI node and its messages: that it hears what concerns it, believes only whom it should, and
 * that none does it harm. */
#include "node_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/random.h"

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
    challenge_last(node, '1');
    work(node);
    assert_int_equal(node->count.features_answered, 4);
    node_unmake(node);
}

/* Asked for what it has a capability for and no answer, it says so at once, to the one who
 * asked. */
static void test_a_feature_is_declined(void **state)
{
    (void)state;
    struct node *node = node_make();
    say(node, "hub", "feature_response",
        "{\"original_request\":{\"feature\":\"memory_management\"},\"requestor\":\"bob\"}");
    say(node, "bob", "feature_request", "{\"feature\":\"memory_management\"}");
    const struct said *chat = said_last("chat");
    assert_non_null(chat);
    assert_string_equal(chat->target, "bob");
    assert_string_equal(payload_string(chat->payload, "feature_name", 64), "memory_management");
    assert_true(json_is_true(json_object_get(chat->payload, "declined")));
    assert_non_null(strstr(payload_string(chat->payload, "text", 600), "nothing of that kind"));
    assert_int_equal(said_of("chat"), 1); /* once, though it heard of it twice */
    assert_int_equal(calls.answered, 0);
    assert_int_equal(node->count.features_declined, 1);
    /* What no capability of its own matches, nobody has asked it. */
    say(node, "bob", "feature_request", "{\"feature\":\"encryption\"}");
    assert_int_equal(said_of("chat"), 1);
    node_unmake(node);
}

static unsigned lease_seq;

/* What the hub says of the lease that was asked for last. */
static void lease_told(struct node *node, const char *status, const char *holder, bool done)
{
    const struct said *asked = said_last("lease_request");
    assert_non_null(asked);
    say_json(node, "hub", "lease",
             json_pack("{s:s,s:s,s:O,s:i,s:b}", "status", status, "holder", holder, "key",
                       json_object_get(asked->payload, "key"), "fence", (int)++lease_seq, "done",
                       done));
    work(node);
}

static struct node *node_asked(void)
{
    struct node *node = node_make();
    wishes.unleased = true;
    say(node, "bob", "feature_request", "{\"feature\":\"process_scheduling\"}");
    work(node);
    assert_int_equal(said_of("lease_request"), 1);
    assert_int_equal(calls.answered, 0);
    return node;
}

/* Its answer carries the lease, which it gives back behind it. */
static void test_a_feature_is_built_under_a_lease(void **state)
{
    (void)state;
    struct node *node = node_asked();
    assert_string_equal(payload_string(said_last("lease_request")->payload, "key", 256),
                        "feature:process_scheduling:bob");
    lease_told(node, "granted", "ada", false);
    assert_int_equal(calls.answered, 1);
    challenge_last(node, '1');
    work(node);
    const json_t *lease = json_object_get(said_last("os_component_share")->payload, "lease");
    assert_int_equal(json_integer_value(json_object_get(lease, "fence")), lease_seq);
    const struct said *back = said_last("lease_release");
    assert_non_null(back);
    assert_int_equal(json_integer_value(json_object_get(back->payload, "fence")), lease_seq);
    assert_true(json_is_true(json_object_get(back->payload, "done")));
    node_unmake(node);
}

static struct node *node_with_leases(const char *leases)
{
    char sync[600];
    struct node *node = node_make();
    wishes.unleased = true;
    snprintf(sync, sizeof sync,
             "{\"active_ais\":[],\"collaboration_opportunities\":[],\"leases\":[%s]}", leases);
    say(node, "hub", "training_sync", sync);
    assert_int_equal(said_of("lease_request"), 0); /* the request may be still to come */
    return node;
}

/* Killed while it built, and started again: it has the lease yet, under the same fence. Its answer
 * goes by the name that the first would have gone by. */
static void test_what_it_built_when_it_was_killed_it_builds(void **state)
{
    char answered[37];
    (void)state;
    struct node *node = node_asked();
    lease_told(node, "granted", "ada", false);
    challenge_last(node, '1');
    work(node);
    snprintf(answered, sizeof answered, "%s", said_last("os_component_share")->message_id);
    char lease[300];
    snprintf(lease, sizeof lease,
             "{\"key\":\"feature:process_scheduling:bob\",\"holder\":\"ada\",\"fence\":9,"
             "\"intent\":\"%s\"}",
             payload_string(said_last("lease_request")->payload, "intent", 200));
    node_unmake(node);
    node = node_with_leases(lease);
    say(node, "hub", "caught_up", "{\"seq\":1}");
    assert_string_equal(payload_string(said_last("lease_request")->payload, "key", 256),
                        "feature:process_scheduling:bob");
    lease_told(node, "renewed", "ada", false);
    challenge_last(node, '2'); /* with what it has found since */
    work(node);
    assert_string_equal(said_last("os_component_share")->message_id, answered);
    say(node, "hub", "caught_up", "{\"seq\":2}"); /* once */
    assert_int_equal(said_of("lease_request"), 1);
    node_unmake(node);
}

static void test_what_is_asked_meanwhile_is_not_built_twice(void **state)
{
    (void)state;
    struct node *node = node_with_leases(
        "{\"key\":\"feature:process_scheduling:bob\",\"holder\":\"ada\",\"fence\":9,"
        "\"intent\":\"to build 'process_scheduling' for bob (request m)\"}");
    say(node, "bob", "feature_request", "{\"feature\":\"process_scheduling\"}");
    say(node, "hub", "caught_up", "{\"seq\":1}");
    assert_int_equal(said_of("lease_request"), 1);
    node_unmake(node);
}

/* A name may hold what parts them; and who says what a lease is for need not be a trainer. */
static void test_intents_are_read_with_care(void **state)
{
    static const struct {
        const char *key, *intent, *requestor;
    } cases[] = {
        {"feature:process_scheduling:b' for c (request x)",
         "to build 'process_scheduling' for b' for c (request x) (request m)",
         "b' for c (request x)"},
        {"feature:process_scheduling:bob", "to build 'process_scheduling' for bob", NULL},
        {"feature:process_scheduling:bob", "to build 'process_scheduling' for eve (request m)",
         NULL},
        {"feature:process_scheduling:bob", "by hand", NULL},
        {"feature:process_scheduling:bob", "", NULL},
        {"roof", "to build 'process_scheduling' for bob (request m)", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char lease[400];
        snprintf(lease, sizeof lease, "{\"key\":\"%s\",\"intent\":\"%s\"}", cases[i].key,
                 cases[i].intent);
        struct node *node = node_with_leases(lease);
        say(node, "hub", "caught_up", "{\"seq\":1}");
        assert_int_equal(said_of("lease_request"), cases[i].requestor != NULL);
        if (cases[i].requestor)
            assert_string_equal(node->waits[FEATURE_WAITS_MAX - 1].requestor, cases[i].requestor);
        node_unmake(node);
    }
}

static void test_while_another_builds_it_stands_by(void **state)
{
    (void)state;
    struct node *node = node_asked();
    lease_told(node, "granted", "cyd", false); /* to all */
    lease_told(node, "held", "cyd", false);    /* to this AI */
    assert_int_equal(calls.answered, 0);
    lease_told(node, "released", "cyd", true);
    assert_int_equal(calls.answered, 0);
    assert_int_equal(said_of("lease_request"), 1);
    const struct said *chat = said_last("chat");
    assert_string_equal(chat->target, "bob");
    assert_true(json_is_true(json_object_get(chat->payload, "declined")));
    node_unmake(node);
}

static void test_what_another_leaves_undone_it_takes_up(void **state)
{
    static const char *const ends[] = {"expired", "released"};
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct node *node = node_asked();
        lease_told(node, "held", "cyd", false);
        lease_told(node, ends[i], "cyd", false);
        assert_int_equal(said_of("lease_request"), 2);
        lease_told(node, "granted", "ada", false);
        assert_int_equal(calls.answered, 1);
        node_unmake(node);
    }
}

/* Another was granted it, built it and gave it back before this AI's request came to the hub. */
static void test_who_asks_late_builds_nothing(void **state)
{
    (void)state;
    struct node *node = node_asked();
    lease_told(node, "granted", "cyd", false);
    lease_told(node, "released", "cyd", true);
    lease_told(node, "granted", "ada", false);
    assert_int_equal(calls.answered, 0);
    assert_int_equal(said_of("lease_release"), 1);
    assert_int_equal(said_of("chat"), 1);
    node_unmake(node);
}

/* Its lease expired while it was not heard of, and another has it now. */
static void test_a_lost_lease_publishes_nothing(void **state)
{
    (void)state;
    struct node *node = node_asked();
    lease_told(node, "granted", "ada", false);
    lease_told(node, "expired", "ada", false);
    assert_int_equal(said_of("lease_request"), 2); /* at once, again */
    lease_told(node, "held", "cyd", false);
    challenge_last(node, '1');
    work(node);
    assert_int_equal(said_of("os_component_share"), 0);
    assert_int_equal(said_of("lease_release"), 0);
    assert_int_equal(node->count.features_answered, 0);
    node_unmake(node);
}

/* A hub that knows no leases, or has none to give. */
static void test_without_a_lease_it_builds_as_if_alone(void **state)
{
    (void)state;
    struct node *node = node_asked();
    say_json(node, "hub", "error",
             json_pack("{s:s,s:s,s:s}", "code", "unknown_type", "detail", "d", "in_reply_to",
                       said_last("lease_request")->message_id));
    work(node);
    assert_int_equal(calls.answered, 1);
    challenge_last(node, '1');
    work(node);
    const struct said *answer = said_last("os_component_share");
    assert_non_null(answer);
    assert_null(json_object_get(answer->payload, "lease"));
    assert_int_equal(said_of("lease_release"), 0);
    node_unmake(node);
}

static void test_the_hub_is_not_impersonated(void **state)
{
    (void)state;
    struct node *node = node_make();
    say(node, "bob", "collaboration_request",
        "{\"session_id\":\"s1\",\"type\":\"feature_development\",\"initiator\":\"bob\"}");
    say(node, "eve", "collaboration_update",
        "{\"session_id\":\"s1\",\"status\":\"failed\",\"participants\":[\"ada\"]}");
    say(node, "eve", "error", "{\"code\":\"unknown_session\"}");
    say(node, "eve", "presence", "{\"ai_id\":\"bob\",\"status\":\"left\"}");
    say(node, "eve", "training_sync", "{\"active_ais\":[\"x\",\"y\"]}");
    assert_int_not_equal(node->sessions[0].state, SESSION_FREE);
    assert_int_equal(node->others, 0);
    node_unmake(node);
}

static void test_other_ais(void **state)
{
    (void)state;
    struct node *node = node_make();
    say(node, "hub", "training_sync",
        "{\"active_ais\":[\"ada\",\"bob\",7,\"\"],\"collaboration_opportunities\":[{\"ai_id\":"
        "\"bob\",\"specialization\":"
        "\"security\",\"capabilities\":[\"encryption\",1,null]}],\"global_knowledge_base\":{"
        "\"shared_patterns\":{\"p\":{"
        "\"pattern\":{\"id\":\"p\",\"subject\":\"process_manager\",\"subject_version\":\"1\"},"
        "\"verification\":{\"status\":\"claimed\"},\"contributor\":\"bob\"},"
        "\"q\":{\"pattern\":{\"id\":\"q\",\"subject\":\"file_system\",\"subject_version\":\"1\"},"
        "\"verification\":{\"status\":\"claimed\"},\"contributor\":\"bob\"},"
        "\"r\":{\"pattern\":[],\"contributor\":{}}}}}");
    assert_int_equal(node->others, 1);
    work(node);
    assert_int_equal(calls.checked, 1); /* of its own subject alone */
    say(node, "cyd", "hello",
        "{\"specialization\":\"audio\",\"capabilities\":[\"media_handling\"]}");
    assert_int_equal(node->others, 2);
    assert_string_equal(node_member(node, "cyd", false)->specialization, "audio");
    say(node, "hub", "presence",
        "{\"ai_id\":\"bob\",\"status\":\"left\",\"reason\":\"peer_closed\"}");
    assert_int_equal(node->others, 1);
    /* More than are remembered. */
    for (unsigned i = 0; i < MEMBERS_MAX + 100; i++) {
        char id[32];
        snprintf(id, sizeof id, "ai%u", i);
        say(node, id, "hello", "{}");
    }
    assert_true(node->member_count <= MEMBERS_MAX);
    node_unmake(node);
}

/* What jansson does not take costs the entry it stands in, not the whole sync; nor an error's
 * answer. */
static void test_odd_json_costs_itself_only(void **state)
{
    (void)state;
    static const char *const odd[] = {"99999999999999999999", "1e999", "\"\\u0000\"",
                                      "{\"\\u0000\":1}"};
    static const unsigned received[] = {2, 1, 2, 1}; /* some are only odd, not unreadable */
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        struct node *node = node_make();
        char payload[1024];
        snprintf(payload, sizeof payload,
                 "{\"active_ais\":[\"ada\",\"bob\",%s],\"collaboration_opportunities\":[{\"ai_id\":"
                 "\"cyd\",\"specialization\":\"audio\",\"x\":%s}],\"global_knowledge_base\":{"
                 "\"other\":%s,\"shared_patterns\":{"
                 "\"p\":{\"pattern\":{\"id\":\"p\",\"subject\":\"process_manager\","
                 "\"subject_version\":\"1\",\"x\":[%s]},"
                 "\"verification\":{\"status\":\"claimed\"},\"contributor\":\"bob\"},"
                 "\"q\":{\"pattern\":{\"id\":\"q\",\"subject\":\"process_manager\","
                 "\"subject_version\":\"1\"},"
                 "\"verification\":{\"status\":\"claimed\"},\"contributor\":\"cyd\"}}}}",
                 odd[i], odd[i], odd[i], odd[i]);
        say(node, "hub", "training_sync", payload);
        assert_int_equal(node->count.link_skipped, 0);
        assert_int_equal(node->others, 2);
        assert_string_equal(node_member(node, "cyd", false)->specialization, "audio");
        assert_int_equal(node->count.patterns_received, received[i]);
        say(node, "bob", "collaboration_request",
            "{\"session_id\":\"s1\",\"type\":\"feature_development\",\"initiator\":\"bob\"}");
        struct session *session = &node->sessions[0];
        assert_int_not_equal(session->state, SESSION_FREE);
        session_remember_sent(session, "m1");
        session->writing = true;
        snprintf(
            payload, sizeof payload,
            "{\"code\":\"conflict\",\"in_reply_to\":\"m1\",\"value\":{\"x\":%s},\"version\":7}",
            odd[i]);
        say(node, "hub", "error", payload);
        assert_int_equal(node->count.link_skipped, 0);
        assert_false(session->writing);
        node_unmake(node);
    }
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
    node_unmake(node);
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
    node_unmake(node);
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

/* For as long as it has time it waits for its hub, and says so once, and then seldom. */
static void test_it_waits_for_its_hub(void **state)
{
    (void)state;
    struct node *node = node_make();
    uv_update_time(&node->loop);
    link_clock = (int64_t)(uv_hrtime() / 1000000) + 1;
    for (unsigned i = 0; i < 200; i++) { /* each comes to nothing: there is no such socket */
        khub_turn(node->link);
        link_clock += 10000;
    }
    assert_int_not_equal(link_state_real(node), KHUB_ENDED);
    assert_int_equal(node->phase, NODE_RUNNING);
    assert_int_equal(heard_of("Cannot connect to the hub"), 1);
    assert_int_equal(heard_count, 1);
    node->loop.time += AWAY_MS;
    for (unsigned i = 0; i < 200; i++) {
        khub_turn(node->link);
        link_clock += 10000;
    }
    assert_int_equal(heard_of("Still no hub"), 1);
    assert_int_equal(heard_count, 2);
    link_clock = 0;
    node_unmake(node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_feature_is_answered_once),
        cmocka_unit_test(test_a_feature_is_declined),
        cmocka_unit_test(test_a_feature_is_built_under_a_lease),
        cmocka_unit_test(test_what_it_built_when_it_was_killed_it_builds),
        cmocka_unit_test(test_what_is_asked_meanwhile_is_not_built_twice),
        cmocka_unit_test(test_intents_are_read_with_care),
        cmocka_unit_test(test_while_another_builds_it_stands_by),
        cmocka_unit_test(test_what_another_leaves_undone_it_takes_up),
        cmocka_unit_test(test_who_asks_late_builds_nothing),
        cmocka_unit_test(test_a_lost_lease_publishes_nothing),
        cmocka_unit_test(test_without_a_lease_it_builds_as_if_alone),
        cmocka_unit_test(test_the_hub_is_not_impersonated),
        cmocka_unit_test(test_other_ais),
        cmocka_unit_test(test_odd_json_costs_itself_only),
        cmocka_unit_test(test_odd_payloads),
        cmocka_unit_test(test_random_payloads),
        cmocka_unit_test(test_bad_options),
        cmocka_unit_test(test_no_hub),
        cmocka_unit_test(test_it_waits_for_its_hub),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
