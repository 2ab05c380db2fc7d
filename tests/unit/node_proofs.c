/* From a claim to what is published: commitments, nonces, proofs, and the links and hubs that go
 * on the way. */
#include "node_fixture.h"

#include <stdio.h>
#include <string.h>

static const struct claim_use trained = {.purpose = CLAIM_TRAINED};

static void add(struct node *node, json_t *claim, const struct claim_use *use)
{
    const char *reason = NULL;
    assert_true(proofs_add(node, claim, use, &reason));
    assert_null(reason);
}

static const char *text_in(const json_t *object, const char *name)
{
    return payload_string(object, name, 128);
}

static void refuse_last(struct node *node, const char *code)
{
    say_json(node, "hub", "error",
             json_pack("{s:s,s:s,s:s}", "code", code, "detail", "so it is", "in_reply_to",
                       said_last("commitment")->message_id));
}

static void test_nothing_goes_out_unproved(void **state)
{
    (void)state;
    struct node *node = node_make();
    add(node, claim_make("pattern", "p1", 0.5), &trained);
    assert_int_equal(said_count, 1);
    const json_t *commitment = said_last("commitment")->payload;
    assert_int_equal(json_object_size(commitment), 3);
    assert_string_equal(text_in(commitment, "subject"), "process_manager");
    assert_string_equal(text_in(commitment, "subject_version"), "1");
    /* Of "khub parameters 1\nprocess_manager\n1\na=3fe0000000000000\n", by another program. */
    assert_string_equal(text_in(commitment, "sha256"),
                        "d78e3b3408088eccb429053b2f73118e4920ad6576a94b95d9765f61b1509b4c");
    work(node);
    assert_int_equal(calls.proved, 0);
    challenge_last(node, '1');
    work(node);
    assert_int_equal(calls.proved, 1);
    const json_t *pattern = json_object_get(said_last("pattern_share")->payload, "pattern");
    assert_string_equal(text_in(pattern, "id"), "p1");
    assert_string_equal(text_in(pattern, "nonce"), "11111111111111111111111111111111");
    assert_string_equal(text_in(pattern, "commitment_id"), "commitment-1");
    /* Its figures go to the hub alone, before it. */
    const struct said *measurement = said_last("measurement");
    assert_true(measurement < said_last("pattern_share"));
    assert_null(json_object_get(pattern, "measured"));
    assert_string_equal(text_in(measurement->payload, "commitment_id"), "commitment-1");
    assert_true(json_number_value(json_object_get(measurement->payload, "ratio")) == 0.7);
    assert_false(proofs_pending(node));
    assert_int_equal(node->count.claims_committed, 1);
    assert_int_equal(node->count.claims_proved, 1);
    assert_int_equal(node->count.patterns_shared, 1);
    /* A component brings its own report along, with the nonce. */
    claim_through(node, claim_make("component", "c1", 0.25));
    assert_string_equal(
        text_in(json_object_get(said_last("os_component_share")->payload, "component"), "id"),
        "c1");
    const json_t *report = said_last("performance_report")->payload;
    assert_string_equal(text_in(report, "component_id"), "c1");
    assert_non_null(json_object_get(json_object_get(report, "performance"), "nonce"));
    node_unmake(node);
}

/* Committed to by its source's hash, behind a first line of its own; and shared as a component. */
static void test_a_module_is_committed_to(void **state)
{
    (void)state;
    struct node *node = node_make();
    json_t *claim = claim_make("component", "m1", 1);
    json_object_del(claim, "parameters");
    json_object_set_new(claim, "source", json_string("int x;\n"));
    json_t *both = json_deep_copy(claim);
    json_object_set_new(both, "parameters", json_pack("{s:f}", "a", 0.5));
    add(node, claim, &trained);
    /* Of "khub module 1\nprocess_manager\n1\n" and the source's SHA-256, by another program. */
    assert_string_equal(text_in(said_last("commitment")->payload, "sha256"),
                        "86a3cfaa8204ab5abd20708f7429aa664cfbca23715a20bee8ab2ec5f50e2013");
    challenge_last(node, '1');
    work(node);
    const json_t *shared = json_object_get(said_last("os_component_share")->payload, "component");
    assert_string_equal(text_in(shared, "source"), "int x;\n");
    /* With both it is of parameters. */
    add(node, both, &trained);
    assert_string_equal(text_in(said_last("commitment")->payload, "sha256"),
                        "d78e3b3408088eccb429053b2f73118e4920ad6576a94b95d9765f61b1509b4c");
    node_unmake(node);
}

static void test_same_parameters_share_a_commitment(void **state)
{
    (void)state;
    struct node *node = node_make();
    add(node, claim_make("pattern", "p1", 0.5), &trained);
    add(node, claim_make("component", "c1", 0.5), &trained);
    assert_int_equal(said_of("commitment"), 1);
    challenge_last(node, '1');
    /* One that comes while these are being proved has its nonce at once. */
    add(node, claim_make("component", "c2", 0.5), &trained);
    add(node, claim_make("pattern", "p2", 0.75), &trained);
    assert_int_equal(said_of("commitment"), 2);
    work(node);
    assert_int_equal(calls.proved, 3);
    assert_int_equal(said_of("pattern_share"), 1);
    assert_int_equal(said_of("os_component_share"), 2);
    challenge_last(node, '2');
    work(node);
    assert_int_equal(said_of("pattern_share"), 2);
    assert_false(proofs_pending(node));
    node_unmake(node);
}

static void test_what_is_no_claim(void **state)
{
    (void)state;
    static const char *const odd[] = {
        "{}",
        "{\"subject\":\"s\",\"subject_version\":\"1\"}",
        "{\"subject\":\"s\",\"subject_version\":\"1\",\"parameters\":[]}",
        "{\"subject\":\"s\",\"subject_version\":\"1\",\"parameters\":{\"a\":\"1\"}}",
        "{\"subject\":\"s\",\"subject_version\":\"\",\"parameters\":{\"a\":1}}",
        "{\"subject\":\"s\\n\",\"subject_version\":\"1\",\"parameters\":{\"a\":1}}",
    };
    struct node *node = node_make();
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        const char *reason = NULL;
        assert_false(proofs_add(node, json_loads(odd[i], 0, NULL), &trained, &reason));
        assert_non_null(reason);
    }
    assert_int_equal(said_count, 0);
    node_unmake(node);
}

/* Only the hub's challenge, for what was committed to, with a nonce that is one. */
static void test_odd_challenges(void **state)
{
    (void)state;
    struct node *node = node_make();
    add(node, claim_make("pattern", "p1", 0.5), &trained);
    const json_t *commitment = said_last("commitment")->payload;
    static const struct {
        const char *sender, *member, *value;
    } odd[] = {
        {"eve", "x", ""},
        {"hub", "sha256", "d78e"},
        {"hub", "subject", "audio"},
        {"hub", "subject_version", "2"},
        {"hub", "nonce", "12"},
        {"hub", "commitment_id", ""},
    };
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        json_t *payload = json_deep_copy(commitment);
        json_object_set_new(payload, "commitment_id", json_string("c"));
        json_object_set_new(payload, "nonce", json_string("00112233445566778899aabbccddeeff"));
        json_object_set_new(payload, odd[i].member, json_string(odd[i].value));
        say_json(node, odd[i].sender, "challenge", payload);
        work(node);
        assert_int_equal(calls.proved, 0);
    }
    assert_true(proofs_pending(node));
    node_unmake(node);
}

static void relink(struct node *node)
{
    link_state = KHUB_JOINED;
    proofs_joined(node);
}

static void test_a_lost_link(void **state)
{
    (void)state;
    struct node *node = node_make();
    link_state = KHUB_WAITING;
    add(node, claim_make("pattern", "p1", 0.5), &trained);
    proofs_tick(node);
    assert_int_equal(said_count, 0);
    relink(node);
    assert_int_equal(said_of("commitment"), 1);
    challenge_last(node, '1');
    link_state = KHUB_WAITING;
    work(node);
    assert_int_equal(calls.proved, 1);
    assert_int_equal(said_of("pattern_share"), 0);
    /* The same hub gives the same nonce: what was proved stands. */
    relink(node);
    assert_int_equal(said_of("commitment"), 2);
    assert_int_equal(said_of("pattern_share"), 0);
    challenge_last(node, '1');
    assert_int_equal(said_of("pattern_share"), 1);
    assert_int_equal(calls.proved, 1);
    /* A fresh one gives another: all again. */
    add(node, claim_make("pattern", "p2", 0.75), &trained);
    challenge_last(node, '2');
    link_state = KHUB_WAITING;
    work(node);
    relink(node);
    challenge_last(node, '3');
    assert_int_equal(said_of("pattern_share"), 1);
    work(node);
    assert_int_equal(calls.proved, 3);
    assert_int_equal(said_of("pattern_share"), 2);
    assert_string_equal(
        text_in(json_object_get(said_last("pattern_share")->payload, "pattern"), "nonce"),
        "33333333333333333333333333333333");
    /* And when it comes while the old one is being proved, that proof counts for nothing. */
    add(node, claim_make("pattern", "p3", 1), &trained);
    challenge_last(node, '4');
    relink(node);
    challenge_last(node, '5');
    work(node);
    assert_int_equal(calls.proved, 5);
    assert_int_equal(said_of("pattern_share"), 3);
    assert_string_equal(
        text_in(json_object_get(said_last("pattern_share")->payload, "pattern"), "nonce"),
        "55555555555555555555555555555555");
    node_unmake(node);
}

static void test_refused_commitments(void **state)
{
    (void)state;
    static const char *const codes[] = {"bad_claim", "quota_exceeded", "unknown_type"};
    struct node *node = node_make();
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        add(node, claim_make("pattern", "p1", 0.5), &trained);
        add(node, claim_make("component", "c1", 0.5), &trained);
        refuse_last(node, codes[i]);
        assert_false(proofs_pending(node));
    }
    /* Too fast for the hub: the same again, a while later. */
    add(node, claim_make("pattern", "p1", 0.5), &trained);
    size_t before = said_of("commitment");
    refuse_last(node, "rate_limited");
    proofs_tick(node);
    assert_int_equal(said_of("commitment"), before);
    node->proofs[0].retry_at = 0;
    proofs_tick(node);
    assert_int_equal(said_of("commitment"), before + 1);
    /* No answer at all: not while the epoch may last in which there is none. */
    say_json(node, "hub", "training_sync", json_pack("{s:{s:f}}", "limits", "epoch_s", 40.0));
    node->proofs[0].sent_at -= CHALLENGE_MS;
    proofs_tick(node);
    assert_true(proofs_pending(node));
    node->proofs[0].sent_at -= 40000;
    proofs_tick(node);
    assert_false(proofs_pending(node));
    /* What can't be measured. */
    wishes.unprovable = true;
    claim_through(node, claim_make("pattern", "p1", 0.5));
    assert_false(proofs_pending(node));
    assert_int_equal(said_of("pattern_share"), 0);
    node_unmake(node);
}

static void test_claims_are_bounded(void **state)
{
    (void)state;
    struct claim_use answer = {.purpose = CLAIM_ANSWER, .requestor = "bob", .feature = "f"};
    struct node *node = node_make();
    for (unsigned i = 0; i < PROOFS_MAX + 5; i++)
        add(node, claim_make("pattern", "p", i), &trained);
    /* Newer ones have taken the place of the oldest; an answer does too. */
    assert_int_equal(said_of("commitment"), PROOFS_MAX + 5);
    add(node, claim_make("component", "c", -1), &answer);
    for (unsigned i = 1; i < PROOFS_MAX; i++)
        add(node, claim_make("component", "c", -1.0 - i), &answer);
    const char *reason = NULL;
    assert_false(proofs_add(node, claim_make("component", "c", 0), &answer, &reason));
    assert_non_null(reason);
    work(node);
    node_unmake(node);
}

static void test_a_feature_is_answered_by_proof(void **state)
{
    (void)state;
    struct node *node = node_make();
    say(node, "bob", "feature_request", "{\"feature\":\"process_scheduling\"}");
    work(node);
    assert_int_equal(calls.answered, 1);
    assert_int_equal(said_of("os_component_share"), 0);
    challenge_last(node, '1');
    work(node);
    const struct said *answer = said_last("os_component_share");
    assert_non_null(answer);
    assert_string_equal(answer->target, "bob");
    assert_string_equal(text_in(answer->payload, "original_requestor"), "bob");
    assert_string_equal(text_in(answer->payload, "feature_name"), "process_scheduling");
    assert_non_null(
        json_object_get(json_object_get(answer->payload, "component"), "commitment_id"));
    assert_int_equal(node->count.features_answered, 1);
    assert_int_equal(node->count.components_shared, 0);
    say(node, "cyd", "feature_request", "{\"feature\":\"process_scheduling\"}");
    work(node);
    refuse_last(node, "quota_exceeded");
    assert_int_equal(node->count.features_answered, 1);
    assert_false(proofs_pending(node));
    node_unmake(node);
}

static void sync_with(struct node *node, const char *pattern_id, bool truncated)
{
    json_t *patterns = json_object();
    if (pattern_id)
        json_object_set_new(patterns, pattern_id, json_object());
    say_json(node, "hub", "training_sync",
             json_pack("{s:[],s:[],s:{s:o},s:b}", "active_ais", "collaboration_opportunities",
                       "global_knowledge_base", "shared_patterns", patterns, "truncated",
                       truncated));
}

/* A hub that began anew hears again what this AI shared last, proved on its own nonce. */
static void test_shared_again(void **state)
{
    (void)state;
    struct node *node = node_make();
    sync_with(node, NULL, false);
    assert_int_equal(said_count, 0);
    claim_through(node, claim_make("pattern", "p1", 0.5));
    claim_through(node, claim_make("component", "c1", 0.25));
    sync_with(node, "p1", false);
    sync_with(node, NULL, true); /* it may only not be told */
    assert_int_equal(said_of("commitment"), 2);
    sync_with(node, NULL, false);
    sync_with(node, NULL, false); /* once, for all its haste */
    assert_int_equal(said_of("commitment"), 4);
    challenge_last(node, '7');
    work(node);
    const json_t *component =
        json_object_get(said_last("os_component_share")->payload, "component");
    assert_string_equal(text_in(component, "id"), "c1");
    assert_string_equal(text_in(component, "nonce"), "77777777777777777777777777777777");
    node_unmake(node);
}

/* What a share and its report were said under. */
static void said_under(struct node *node, char nonce, char ret_share[37], char ret_report[37])
{
    const struct claim_use use = {.purpose = CLAIM_TRAINED};
    const char *reason;
    assert_true(proofs_add(node, claim_make("component", "c", 0.5), &use, &reason));
    challenge_last(node, nonce);
    work(node);
    snprintf(ret_share, 37, "%s", said_last("os_component_share")->message_id);
    snprintf(ret_report, 37, "%s", said_last("performance_report")->message_id);
}

/* By a trainer that was started again, and knows nothing of the first. */
static void test_what_was_shared_before_does_not_count(void **state)
{
    char share[3][37], report[3][37];
    (void)state;
    struct node *node = node_make();
    said_under(node, '1', share[0], report[0]);
    assert_int_equal(node->count.components_shared, 1);
    assert_int_equal(node->count.reports_sent, 1);
    node_unmake(node);
    node = node_make();
    wishes.repeated = true;
    said_under(node, '1', share[1], report[1]);
    assert_string_equal(share[0], share[1]);
    assert_string_equal(report[0], report[1]);
    assert_string_not_equal(share[0], report[0]);
    assert_int_equal(node->count.components_shared, 0);
    assert_int_equal(node->count.claims_proved, 0);
    assert_int_equal(node->count.reports_sent, 0);
    assert_int_equal(heard_of("c says nothing new"), 1);
    said_under(node, '2', share[2], report[2]); /* another hub's */
    assert_string_not_equal(share[0], share[2]);
    assert_string_not_equal(report[0], report[2]);
    node_unmake(node);
}

/* A hub that began anew does not know the commitment of a share that its forerunner never acked. */
static void test_a_share_that_such_a_hub_refuses_is_proved_anew(void **state)
{
    (void)state;
    struct node *node = node_make();
    wishes.refused = "bad_claim";
    claim_through(node, claim_make("pattern", "p1", 0.5));
    assert_int_equal(node->count.patterns_shared, 0);
    assert_int_equal(said_of("commitment"), 2);
    wishes.refused = NULL;
    challenge_last(node, '7');
    work(node);
    assert_int_equal(said_of("pattern_share"), 2);
    assert_int_equal(node->count.patterns_shared, 1);
    assert_int_equal(node->count.claims_committed, 2);
    node_unmake(node);
}

/* What came too fast is said again, under its own message_id; what is over a quota is not. */
static void test_a_share_that_came_too_fast_is_said_again(void **state)
{
    (void)state;
    struct node *node = node_make();
    wishes.refused = "rate_limited";
    claim_through(node, claim_make("pattern", "p1", 0.5));
    assert_int_equal(said_of("pattern_share"), 1);
    assert_int_equal(node->count.patterns_shared, 0);
    char message_id[64];
    snprintf(message_id, sizeof message_id, "%s", said_last("pattern_share")->message_id);
    onces_tick(node);
    assert_int_equal(said_of("pattern_share"), 1); /* it is early for that */
    wishes.refused = NULL;
    while (said_of("pattern_share") < 2) {
        uv_update_time(&node->loop);
        onces_tick(node);
    }
    onces_tick(node); /* and then it is the hub's turn */
    assert_int_equal(said_of("pattern_share"), 2);
    assert_string_equal(said_last("pattern_share")->message_id, message_id);
    assert_string_equal(
        text_in(json_object_get(said_last("pattern_share")->payload, "pattern"), "id"), "p1");
    work(node);
    assert_int_equal(node->count.patterns_shared, 1);
    wishes.refused = "quota_exceeded";
    claim_through(node, claim_make("pattern", "p2", 0.25));
    wishes.refused = NULL;
    for (unsigned i = 0; i < 3; i++) {
        work(node);
        onces_tick(node);
    }
    assert_int_equal(said_of("pattern_share"), 3);
    assert_int_equal(node->count.patterns_shared, 1);
    node_unmake(node);
}

/* One claim is one commitment, on however many connections it is made. */
static void test_a_commitment_made_again_counts_once(void **state)
{
    const struct claim_use use = {.purpose = CLAIM_TRAINED};
    const char *reason;
    (void)state;
    struct node *node = node_make();
    assert_true(proofs_add(node, claim_make("pattern", "p", 0.5), &use, &reason));
    proofs_joined(node);
    assert_int_equal(said_of("commitment"), 2);
    assert_int_equal(node->count.claims_committed, 1);
    node_unmake(node);
}

/* Training makes claims; at the end it hands out the rest, and these still come through. */
static void test_training_and_its_end(void **state)
{
    (void)state;
    struct node *node = node_make();
    wishes.claims = 2;
    wishes.moves = 3;
    sharing_train(node);
    work(node);
    assert_int_equal(calls.trained, 4); /* the fourth had nothing to do: no fifth at once */
    assert_int_equal(calls.evaluations, node->brain->budget.training);
    assert_int_equal(said_of("commitment"), 2);
    node->joined = true;
    node->trained_at = node->measured_at = node_now(node);
    sharing_tick(node);
    work(node);
    assert_int_equal(calls.trained, 4);
    assert_int_equal(calls.measured, 0);
    node->trained_at -= MEASURE_MS;
    node->measured_at -= MEASURE_MS;
    sharing_tick(node);
    work(node);
    assert_int_equal(calls.trained, 5);
    assert_int_equal(calls.measured, 1);
    challenge_last(node, '1');
    work(node);
    proofs_drop(node);
    wishes.claims = 1;
    node->phase = NODE_ENDING;
    sharing_last(node);
    work(node);
    assert_int_equal(calls.evaluations, 0);
    assert_int_equal(calls.measured, 2);
    assert_true(proofs_pending(node));
    size_t before = said_of("pattern_share");
    challenge_last(node, '2');
    work(node);
    assert_int_equal(said_of("pattern_share"), before + 1);
    assert_false(proofs_pending(node));
    node_unmake(node);
}

/* One who asks for a thousand things has a few answered, and others are too; training's claims
 * keep their places. */
static void test_flood_of_requests(void **state)
{
    (void)state;
    struct node *node = node_make();
    for (unsigned i = 0; i < 10 * PROOFS_MAX; i++) {
        say_json(node, "eve", "feature_request",
                 json_pack("{s:o}", "feature", json_sprintf("process_scheduling %u", i)));
        work(node);
    }
    assert_int_equal(calls.answered, ANSWERS_OF_ONE_MAX);
    say(node, "bob", "feature_request", "{\"feature\":\"process_scheduling\"}");
    work(node);
    assert_int_equal(calls.answered, ANSWERS_OF_ONE_MAX + 1);
    node_unmake(node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_goes_out_unproved),
        cmocka_unit_test(test_a_module_is_committed_to),
        cmocka_unit_test(test_same_parameters_share_a_commitment),
        cmocka_unit_test(test_what_is_no_claim),
        cmocka_unit_test(test_odd_challenges),
        cmocka_unit_test(test_a_lost_link),
        cmocka_unit_test(test_refused_commitments),
        cmocka_unit_test(test_claims_are_bounded),
        cmocka_unit_test(test_a_feature_is_answered_by_proof),
        cmocka_unit_test(test_flood_of_requests),
        cmocka_unit_test(test_shared_again),
        cmocka_unit_test(test_what_was_shared_before_does_not_count),
        cmocka_unit_test(test_a_share_that_such_a_hub_refuses_is_proved_anew),
        cmocka_unit_test(test_a_share_that_came_too_fast_is_said_again),
        cmocka_unit_test(test_a_commitment_made_again_counts_once),
        cmocka_unit_test(test_training_and_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
