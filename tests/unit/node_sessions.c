/* An AI node in collaboration: what it accepts, steps of search and reviews, lost writes, who
 * ends a session and how. */
#include "node_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    node_unmake(node);
}

/* Time goes by, and steps are due, until so many were made. */
static void until_stepped(struct node *node, unsigned steps)
{
    work(node);
    while (calls.stepped < steps) {
        for (size_t i = 0; i < SESSIONS_TRACKED_MAX; i++)
            node->sessions[i].next_step = node->sessions[i].retry_at = 0;
        sessions_tick(node);
        work(node);
    }
}

/* The sync of an AI that was killed and started again. */
static void test_sessions_of_an_earlier_run_are_taken_up(void **state)
{
    static const char sync[] =
        "{\"active_ais\":[],\"collaboration_opportunities\":[],\"sessions\":["
        "{\"session_id\":\"s1\",\"type\":\"feature_development\",\"status\":\"active\","
        "\"initiator\":\"bob\",\"participants\":[\"bob\",\"ada\"],\"progress\":0.25},"
        "{\"session_id\":\"s2\",\"type\":\"feature_development\",\"status\":\"pending\","
        "\"initiator\":\"ada\",\"participants\":[\"ada\"],\"progress\":0.0}]}";
    char payload[300];
    (void)state;
    struct node *node = node_make();
    for (int i = 0; i < 2; i++) /* once, however often it is told */
        say(node, "hub", "training_sync", sync);
    struct session *session = &node->sessions[0];
    assert_int_equal(session->state, SESSION_ACTIVE);
    assert_string_equal(session->initiator_id, "bob");
    assert_int_equal(session->participant_count, 2);
    assert_int_equal(node->sessions[1].state, SESSION_WAITING);
    assert_true(node->sessions[1].initiator);
    assert_int_equal(node->sessions[2].state, SESSION_FREE);
    assert_int_equal(node->count.sessions_active, 1);
    /* What is in the workspace it hears when it writes: the hub takes nothing that knows less. */
    until_stepped(node, 1);
    const struct said *write = said_last("workspace_update");
    assert_int_equal(json_integer_value(json_object_get(write->payload, "base_version")), 0);
    snprintf(payload, sizeof payload,
             "{\"code\":\"conflict\",\"detail\":\"\",\"in_reply_to\":\"%s\",\"session_id\":\"s1\","
             "\"key\":\"candidate\",\"value\":{\"b\":2},\"version\":7}",
             write->message_id);
    say(node, "hub", "error", payload);
    assert_int_equal(session->state, SESSION_ACTIVE);
    assert_int_equal(session->version, 7);
    assert_true(session->reconcile);
    node_unmake(node);
}

/* However long it is away. */
static void test_nothing_is_late_while_the_hub_is_away(void **state)
{
    (void)state;
    struct node *node = node_make();
    ask(node, 1, "feature_development");
    say(node, "hub", "collaboration_update",
        "{\"session_id\":\"s1\",\"status\":\"active\",\"participants\":[\"bob\",\"ada\"],"
        "\"progress\":0}");
    struct session *session = &node->sessions[0];
    until_stepped(node, 1);
    assert_true(session->writing);
    link_state = KHUB_WAITING;
    session->moved -= 2 * IDLE_MS; /* as if so much time had gone by */
    session->write_deadline = 0;
    sessions_tick(node);
    assert_int_equal(session->state, SESSION_ACTIVE);
    assert_true(session->writing);
    link_state = KHUB_JOINED;
    sessions_joined(node);
    sessions_tick(node);
    assert_int_equal(session->state, SESSION_ACTIVE);
    assert_true(session->writing); /* the link says it again, and the hub answers */
    session->moved -= 2 * IDLE_MS;
    session->writing = false;
    sessions_tick(node);
    assert_int_equal(session->state, SESSION_FREE);
    node_unmake(node);
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
    assert_int_equal(session->state, SESSION_FREE);
    assert_int_equal(node->count.sessions_failed, 1);
    node_unmake(node);
}

/* A session of ada and bob with bob's candidate in it; `number` is below 10. */
static struct session *session_begin(struct node *node, unsigned number, const char *candidate)
{
    char payload[400];
    ask(node, number, "feature_development");
    struct session *session = NULL;
    for (size_t i = 0; i < SESSIONS_TRACKED_MAX; i++)
        if ((node->sessions[i].state != SESSION_FREE) &&
            node->sessions[i].id[1] == (char)('0' + number))
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
    assert_true((node->sessions[0].state != SESSION_FREE) &&
                (node->sessions[1].state != SESSION_FREE));
    node->sessions[0].since -= OFFERED_MS;
    node->sessions[1].since -= OFFERED_MS;
    sessions_tick(node);
    assert_false((node->sessions[0].state != SESSION_FREE) ||
                 (node->sessions[1].state != SESSION_FREE));
    assert_int_equal(node->count.sessions_failed, 0);
    struct session *session = session_begin(node, 2, "{\"a\":1}");
    session->since -= OFFERED_MS;
    sessions_tick(node);
    assert_int_not_equal(session->state, SESSION_FREE);
    work(node);
    session->since -= IDLE_MS; /* what took long, but moved, goes on */
    sessions_tick(node);
    assert_int_not_equal(session->state, SESSION_FREE);
    session->moved -= IDLE_MS;
    sessions_tick(node);
    assert_int_equal(session->state, SESSION_FREE);
    assert_int_equal(node->count.sessions_failed, 1);
    work(node);
    node_unmake(node);
}

/* As if nobody had said or done anything in it for so long. */
static void let_pass(struct session *session, uint64_t ms)
{
    session->since -= ms;
    session->moved -= ms;
    session->told -= ms;
    session->changed -= ms;
}

static size_t said_at_work(void)
{
    const struct said *last = said_last("collaboration_update");
    bool so = last && strcmp(payload_string(last->payload, "note", 64), "at work on it") == 0;
    return so ? said_of("collaboration_update") : 0;
}

/* With much to do it does one thing after the other: the session that is furthest is next, unless
 * it has been for so long that it can't be meant well. The partners of the others hear that they
 * wait for work. */
static void test_the_furthest_session_is_searched_first(void **state)
{
    (void)state;
    struct node *node = node_make();
    struct session *far =
        session_begin(node, 1, "{\"subject\":\"process_manager\",\"evaluations\":{\"ada\":200}}");
    struct session *near =
        session_begin(node, 2, "{\"subject\":\"process_manager\",\"evaluations\":{\"ada\":20}}");
    struct session *sessions[] = {far, near};
    for (unsigned i = 0; i <= SEARCHED_MAX; i++) {
        struct session *next = i < SEARCHED_MAX ? far : near, *other = sessions[next == far];
        far->next_step = near->next_step = 0;
        sessions_tick(node);
        assert_true(next->working && !other->working);
        let_pass(other, IDLE_MS);
        size_t before = said_of("collaboration_update");
        sessions_tick(node); /* nor does the other begin meanwhile */
        assert_false(other->working);
        assert_int_equal(other->state, SESSION_ACTIVE);
        assert_int_equal(said_at_work(), before + 1);
        work(node);
        json_decref(next->candidate);
        next->candidate = json_pack("{s:s,s:{s:i}}", "subject", "process_manager", "evaluations",
                                    "ada", next == far ? 200 : 20);
        next->writing = false;
        assert_int_equal(calls.stepped, i + 1);
    }
    node_unmake(node);
}

/* A slow machine: no limit is set to this AI's own work, and the partners hear that it goes on. */
static void test_work_may_take_its_time(void **state)
{
    (void)state;
    struct node *node = node_make();
    struct session *session = session_begin(node, 1, "{\"a\":1}");
    session->next_step = 0;
    sessions_tick(node);
    assert_true(session->working); /* until the loop runs */
    size_t before = said_of("collaboration_update");
    for (unsigned i = 1; i <= 3; i++) {
        let_pass(session, IDLE_MS);
        sessions_tick(node);
        sessions_tick(node);
        assert_int_equal(said_at_work(), before + i); /* once in AT_WORK_MS */
    }
    link_state = KHUB_WAITING; /* nobody hears it */
    let_pass(session, IDLE_MS);
    sessions_tick(node);
    assert_int_equal(said_of("collaboration_update"), before + 3);
    link_state = KHUB_JOINED;
    work(node);
    assert_true(session->writing);
    sessions_tick(node);
    assert_int_equal(session->state, SESSION_ACTIVE); /* its end was a sign of life */
    assert_int_equal(node->count.sessions_failed, 0);
    node_unmake(node);
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
    for (uint64_t version = 3; (session->state != SESSION_FREE) && version < 20; version++) {
        json_t *bad = json_pack("{s:i}", "bad", 1);
        session->writing = false;
        session->reconcile = true;
        session_current(node, session, "bob", bad, version);
        json_decref(bad);
        until_stepped(node, calls.stepped + 1);
    }
    assert_int_equal(session->state, SESSION_FREE);
    assert_int_equal(node->count.sessions_failed, 1);
    work(node);
    node_unmake(node);
}

static void test_refusals(void **state)
{
    (void)state;
    struct node *node = node_make();
    struct session *session = session_begin(node, 1, "{\"a\":1}");
    until_stepped(node, 1);
    refuse_write(node, session, "rate_limited", "");
    assert_true((session->state != SESSION_FREE) && session->reconcile && !session->writing);
    session->state = SESSION_CONCLUDING;
    refuse_write(node, session, "rate_limited", "");
    assert_int_equal(session->state, SESSION_ACTIVE);
    refuse_write(node, session, "quota_exceeded", "");
    assert_int_equal(session->state, SESSION_FREE);
    assert_int_equal(node->count.sessions_failed, 1);
    /* Conflicts that bring nothing to go on from. */
    session = session_begin(node, 2, "{\"a\":1}");
    until_stepped(node, 2);
    for (unsigned i = 1; i < WRITES_LOST_MAX; i++)
        refuse_write(node, session, "conflict", ",\"version\":5");
    assert_int_not_equal(session->state, SESSION_FREE);
    assert_int_equal(session->version, 5);
    refuse_write(node, session, "conflict", ",\"version\":5");
    assert_int_equal(session->state, SESSION_FREE);
    assert_int_equal(node->count.sessions_failed, 2);
    work(node);
    node_unmake(node);
}

/* A candidate of bob's subject, which is not ada's. */
static const char audio[] = "{\"subject\":\"audio\",\"evaluations\":{\"bob\":20}}";

static void accept_write(struct node *node, unsigned version)
{
    char payload[200];
    snprintf(payload, sizeof payload,
             "{\"session_id\":\"s1\",\"key\":\"candidate\",\"version\":%u,\"accepted\":true}",
             version);
    say(node, "hub", "workspace_update", payload);
}

static void write_of_bob(struct node *node, const char *value, unsigned version)
{
    char payload[400];
    snprintf(payload, sizeof payload,
             "{\"session_id\":\"s1\",\"key\":\"candidate\",\"value\":%s,\"version\":%u}", value,
             version);
    say(node, "bob", "workspace_update", payload);
}

/* Every step that is due, as if a long time had passed. */
static void tick_often(struct node *node, struct session *session)
{
    for (unsigned i = 0; i < 5 && (session->state != SESSION_FREE); i++) {
        session->next_step = 0;
        sessions_tick(node);
        work(node);
    }
}

/* Of another's subject it reviews the candidate: once, and again when it has changed; then it
 * waits for the owner. */
static void test_reviews_once_for_each_candidate(void **state)
{
    (void)state;
    wishes.review = "holds";
    struct node *node = node_make();
    struct session *session = session_begin(node, 1, audio);
    tick_often(node, session);
    assert_int_equal(calls.stepped, 1);
    const json_t *value = json_object_get(said_last("workspace_update")->payload, "value");
    assert_non_null(json_object_get(json_object_get(value, "reviews"), "ada"));
    assert_string_equal(payload_string(said_last("collaboration_update")->payload, "note", 64),
                        "reviewed: holds");
    accept_write(node, 2);
    tick_often(node, session);
    assert_int_equal(calls.stepped, 1); /* all is said, and bob concludes */
    assert_int_equal(calls.concluded, 0);
    assert_int_equal(node->count.sessions_reviews, 1);
    assert_int_equal(node->count.sessions_steps, 0);
    write_of_bob(node, audio, 3); /* a new one, without the review */
    tick_often(node, session);
    assert_int_equal(calls.stepped, 2);
    assert_int_equal(said_of("workspace_update"), 2);
    node_unmake(node);
}

/* What another has reviewed there is nothing more to search for: the owner ends it. What it had
 * to say is not written twice. */
static const char seen_by_all[] =
    "{\"subject\":\"process_manager\",\"evaluations\":{\"ada\":20},"
    "\"workloads\":[\"ada\",\"bob\"],\"reviews\":{\"bob\":{\"ratio\":0.8,"
    "\"holds\":true,\"text\":\"fine\"}}}";

static void test_a_reviewed_candidate_is_concluded(void **state)
{
    (void)state;
    struct node *node = node_make();
    struct session *session = session_begin(node, 1, seen_by_all);
    tick_often(node, session);
    assert_int_equal(calls.stepped, 0);
    assert_int_equal(calls.concluded, 1);
    assert_int_equal(session->state, SESSION_CONCLUDING);
    assert_int_equal(said_of("os_component_share"), 0);
    challenge_last(node, '1');
    work(node);
    const json_t *result = said_last("os_component_share")->payload;
    assert_true(json_is_true(json_object_get(result, "collaboration_complete")));
    assert_string_equal(payload_string(result, "session_id", 64), "s1");
    assert_non_null(json_object_get(json_object_get(result, "component"), "nonce"));
    assert_int_equal(node->count.sessions_concluded, 0);
    say(node, "hub", "collaboration_update",
        "{\"session_id\":\"s1\",\"status\":\"completed\",\"participants\":[\"ada\",\"bob\"],"
        "\"by\":\"ada\"}");
    assert_int_equal(node->count.sessions_concluded, 1);
    assert_int_equal(node->count.components_shared, 1);
    assert_int_equal(node->count.sessions_completed, 1);
    node_unmake(node);
}

static void test_of_two_results_the_hub_takes_one(void **state)
{
    (void)state;
    struct node *node = node_make();
    struct session *session = session_begin(node, 1, seen_by_all);
    tick_often(node, session);
    challenge_last(node, '1');
    work(node);
    assert_int_equal(said_of("os_component_share"), 1);
    say(node, "hub", "collaboration_update",
        "{\"session_id\":\"s1\",\"status\":\"completed\",\"participants\":[\"ada\",\"bob\"],"
        "\"by\":\"bob\"}");
    assert_int_equal(session->state, SESSION_FREE);
    assert_int_equal(node->count.sessions_concluded, 0);
    assert_int_equal(node->count.components_shared, 0);
    assert_int_equal(node->count.claims_proved, 0);
    assert_int_equal(node->count.sessions_completed, 1);
    node_unmake(node);
}

/* Three take part, and the third can't review: the owner goes on with what there is, but not at
 * once. */
static void test_a_review_that_never_comes(void **state)
{
    (void)state;
    static const char own[] = "{\"subject\":\"process_manager\",\"evaluations\":{\"ada\":20},"
                              "\"workloads\":[\"ada\",\"bob\",\"cyd\"],\"reviews\":{\"bob\":{"
                              "\"ratio\":0.8,\"holds\":true,\"text\":\"fine\"}}}";
    wishes.review = "unchanged";
    struct node *node = node_make();
    struct session *session = session_begin(node, 1, own);
    session->reviewed = session->version;
    tick_often(node, session);
    assert_int_equal(calls.concluded, 0);
    session->changed -= REVIEW_MS;
    tick_often(node, session);
    assert_int_equal(calls.concluded, 1);
    node_unmake(node);
}

static void write_reviewed(struct node *node, struct session *session, const char *writer,
                           int parameter, const char *bobs, const char *cyds)
{
    json_t *reviews = json_pack("{s:{s:s},s:{s:s}}", "bob", "text", bobs, "cyd", "text", cyds);
    say_json(node, writer, "workspace_update",
             json_pack("{s:s,s:s,s:{s:s,s:{s:i},s:o},s:i}", "session_id", session->id, "key",
                       "candidate", "value", "subject", "process_manager", "parameters", "a",
                       parameter, "reviews", reviews, "version", (int)session->version + 1));
}

static const char *review_in(const struct session *session, const char *name)
{
    const json_t *reviews = json_object_get(session->candidate, "reviews");
    return payload_string(json_object_get(reviews, name), "text", 64);
}

/* Nobody reviews in another's name, or keeps another's review for what it was not given for. */
static void test_reviews_in_anothers_name(void **state)
{
    (void)state;
    wishes.review = "unchanged";
    struct node *node = node_make();
    struct session *session = session_begin(node, 1, "{}");
    write_reviewed(node, session, "bob", 1, "bob's", "bob's too");
    assert_string_equal(review_in(session, "bob"), "bob's");
    assert_string_equal(review_in(session, "cyd"), "");
    write_reviewed(node, session, "cyd", 1, "bob's", "cyd's");
    assert_string_equal(review_in(session, "bob"), "bob's"); /* as it was */
    assert_string_equal(review_in(session, "cyd"), "cyd's");
    write_reviewed(node, session, "bob", 1, "bob's, changed", "cyd's, not any more");
    assert_string_equal(review_in(session, "bob"), "bob's, changed");
    assert_string_equal(review_in(session, "cyd"), "");
    write_reviewed(node, session, "cyd", 1, "bob's, changed", "cyd's");
    write_reviewed(node, session, "bob", 2, "bob's", "cyd's"); /* of other parameters */
    assert_string_equal(review_in(session, "bob"), "bob's");
    assert_string_equal(review_in(session, "cyd"), "");
    work(node);
    node_unmake(node);
}

/* The last step has made the review obsolete: another one comes, and until then the session is
 * not ended. */
static void test_the_last_candidate_is_reviewed(void **state)
{
    (void)state;
    static const char searched[] =
        "{\"subject\":\"process_manager\",\"evaluations\":{\"ada\":240}}";
    static const char reviewed[] = "{\"subject\":\"process_manager\",\"evaluations\":{\"ada\":240},"
                                   "\"workloads\":[\"ada\",\"bob\"],\"reviews\":{\"bob\":{"
                                   "\"ratio\":0.8,\"holds\":true,\"text\":\"fine\"}}}";
    struct node *node = node_make();
    struct session *session = session_begin(node, 1, searched);
    session->had_review = true;
    session->reviewed = session->version;
    tick_often(node, session);
    assert_int_equal(calls.stepped + calls.concluded, 0);
    write_of_bob(node, reviewed, 2);
    tick_often(node, session);
    assert_int_equal(calls.concluded, 1);
    node_unmake(node);
}

/* The result's proof too takes what it takes; the hub's word that it has the result does not. */
static void test_a_result_waits_for_its_proof(void **state)
{
    (void)state;
    static const char own[] = "{\"subject\":\"process_manager\",\"evaluations\":{\"ada\":240}}";
    struct node *node = node_make();
    struct session *session = session_begin(node, 1, own);
    tick_often(node, session);
    assert_int_equal(session->state, SESSION_CONCLUDING);
    let_pass(session, IDLE_MS);
    sessions_tick(node);
    assert_int_equal(session->state, SESSION_CONCLUDING);
    assert_int_not_equal(said_at_work(), 0);
    challenge_last(node, '1');
    work(node);
    assert_int_equal(said_of("os_component_share"), 1);
    sessions_tick(node);
    assert_int_equal(session->state, SESSION_CONCLUDING);
    session->handed_in -= ENDED_MS;
    sessions_tick(node);
    assert_int_equal(session->state, SESSION_FREE);
    assert_int_equal(node->count.sessions_failed, 1);
    node_unmake(node);
}

/* Bob has spent the budget and is to conclude: he is waited for as long as he is heard of. */
static void test_a_partner_that_concludes_is_waited_for(void **state)
{
    (void)state;
    static const char bobs[] = "{\"subject\":\"audio\",\"evaluations\":{\"bob\":240}}";
    struct node *node = node_make();
    struct session *session = session_begin(node, 1, bobs);
    session->reviewed = session->version;
    tick_often(node, session);
    assert_int_not_equal(session->spent_since, 0);
    for (unsigned i = 0; i < 3; i++) {
        session->spent_since -= ENDED_MS;
        let_pass(session, ENDED_MS);
        say(node, "hub", "collaboration_update",
            "{\"session_id\":\"s1\",\"status\":\"active\",\"participants\":[\"bob\",\"ada\"],"
            "\"by\":\"bob\",\"note\":\"at work on it\"}");
        sessions_tick(node);
        assert_int_equal(session->state, SESSION_ACTIVE);
    }
    let_pass(session, ENDED_MS);
    sessions_tick(node);
    assert_int_equal(session->state, SESSION_FREE);
    assert_int_equal(node->count.sessions_failed, 1);
    node_unmake(node);
}

/* While the result waited for its proof another wrote: that is the candidate now. */
static void test_a_late_step_before_the_end(void **state)
{
    (void)state;
    static const char own[] =
        "{\"subject\":\"process_manager\",\"evaluations\":{\"ada\":200,\"bob\":40}}";
    struct node *node = node_make();
    struct session *session = session_begin(node, 1, own);
    session->present[0] = false; /* bob, whose turn it would be */
    tick_often(node, session);
    assert_int_equal(session->state, SESSION_CONCLUDING);
    write_of_bob(node, own, 2);
    challenge_last(node, '1');
    work(node);
    assert_int_equal(said_of("os_component_share"), 0);
    assert_int_equal(session->state, SESSION_ACTIVE);
    /* And when the hub refuses the claim, the session has failed, with the reason. */
    tick_often(node, session);
    assert_int_equal(calls.concluded, 2);
    say_json(node, "hub", "error",
             json_pack("{s:s,s:s,s:s}", "code", "quota_exceeded", "detail", "full", "in_reply_to",
                       said_last("commitment")->message_id));
    assert_int_equal(session->state, SESSION_FREE);
    assert_non_null(strstr(payload_string(said_last("collaboration_update")->payload, "note", 300),
                           "quota_exceeded"));
    work(node);
    node_unmake(node);
}

/* The referee asks for no sessions, opens none, and waits for a candidate; but not for ever. */
static void test_the_referee_reviews(void **state)
{
    (void)state;
    wishes.referee = true;
    wishes.review = "holds";
    struct node *node = node_make();
    say(node, "bob", "hello", "{}");
    sessions_request(node);
    assert_int_equal(said_of("collaboration_request"), 0);
    ask(node, 1, "feature_development");
    say(node, "hub", "collaboration_update",
        "{\"session_id\":\"s1\",\"status\":\"active\",\"participants\":[\"bob\",\"ada\"]}");
    struct session *session = &node->sessions[0];
    tick_often(node, session);
    assert_int_equal(calls.stepped, 0);
    write_of_bob(node, audio, 1);
    tick_often(node, session);
    assert_int_equal(node->count.sessions_reviews, 1);
    ask(node, 2, "feature_development");
    say(node, "hub", "collaboration_update",
        "{\"session_id\":\"s2\",\"status\":\"active\",\"participants\":[\"bob\",\"ada\"]}");
    node->sessions[1].since -= ENDED_MS;
    sessions_tick(node);
    assert_int_equal(node->sessions[1].state, SESSION_ACTIVE); /* bob was heard of */
    node->sessions[1].moved -= ENDED_MS;
    sessions_tick(node);
    assert_int_equal(node->sessions[1].state, SESSION_FREE);
    work(node);
    node_unmake(node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_acceptance_is_bounded),
        cmocka_unit_test(test_sessions_of_an_earlier_run_are_taken_up),
        cmocka_unit_test(test_nothing_is_late_while_the_hub_is_away),
        cmocka_unit_test(test_session_conflict_and_loss),
        cmocka_unit_test(test_session_time_limits),
        cmocka_unit_test(test_the_furthest_session_is_searched_first),
        cmocka_unit_test(test_work_may_take_its_time),
        cmocka_unit_test(test_unreadable_candidate),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_reviews_once_for_each_candidate),
        cmocka_unit_test(test_a_reviewed_candidate_is_concluded),
        cmocka_unit_test(test_of_two_results_the_hub_takes_one),
        cmocka_unit_test(test_a_review_that_never_comes),
        cmocka_unit_test(test_reviews_in_anothers_name),
        cmocka_unit_test(test_the_last_candidate_is_reviewed),
        cmocka_unit_test(test_a_result_waits_for_its_proof),
        cmocka_unit_test(test_a_partner_that_concludes_is_waited_for),
        cmocka_unit_test(test_a_late_step_before_the_end),
        cmocka_unit_test(test_the_referee_reviews),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
