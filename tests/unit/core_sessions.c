/* Collaboration: requests, who hears what, who may do what, and the bounds. */
#include "core_steps.h"

#include <stdlib.h>
#include <string.h>

#define SESSION_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

static void test_a_directed_request_reaches_its_target_and_observers(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    say(f, ADA, "collaboration_request",
        "{'type':'feature_development','description':'a \\u0041 \"d\"','target_ai':'bob',"
        "'expertise_offered':['tcp'],'seeking_expertise':['fs','mm']}");
    expect_error(f, ADA, "bad_json"); /* the quotes in the description */
    say(f, ADA, "collaboration_request",
        "{'type':'feature_development','description':'a \\u0041 d','target_ai':'bob',"
        "'expertise_offered':['tcp'],'seeking_expertise':['fs','mm']}");
    json_t *line = expect_whole(f, BOB, "collaboration_request");
    assert_string_equal(string_of(line, "sender_id"), "ada");
    assert_string_equal(string_of(line, "target_ai"), "bob");
    json_t *stamped = json_object_get(line, "payload");
    assert_string_equal(names_of(stamped),
                        "description,expertise_offered,initiator,seeking_expertise,"
                        "session_id,type");
    assert_string_equal(string_of(stamped, "type"), "feature_development");
    assert_string_equal(string_of(stamped, "description"), "a A d");
    assert_string_equal(string_of(stamped, "initiator"), "ada");
    assert_string_equal(joined_of(stamped, "expertise_offered"), "tcp");
    assert_string_equal(joined_of(stamped, "seeking_expertise"), "fs,mm");
    assert_int_equal(strlen(string_of(stamped, "session_id")), 36);
    json_t *update = expect_status(f, ADA, string_of(stamped, "session_id"), "pending");
    assert_string_equal(joined_of(update, "participants"), "ada");
    assert_number(number_of(update, "progress"), 0);
    expect(f, EVE, "collaboration_request");
    expect_nothing(f, CEY);
    expect_nothing(f, DAN);
    json_t *session = session_of(f, string_of(stamped, "session_id"));
    assert_string_equal(string_of(session, "status"), "pending");
    assert_string_equal(string_of(session, "initiator"), "ada");
    assert_string_equal(string_of(session, "type"), "feature_development");
}

static void test_a_request_to_everyone_reaches_everyone_else(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    const char *session = request(f, "");
    assert_string_equal(string_of(expect(f, BOB, "collaboration_request"), "session_id"), session);
    assert_string_equal(string_of(expect(f, CEY, "collaboration_request"), "session_id"), session);
    assert_string_equal(string_of(expect(f, DAN, "collaboration_request"), "session_id"), session);
    assert_string_equal(string_of(expect(f, EVE, "collaboration_request"), "session_id"), session);
    expect_no(f, ADA, "collaboration_request");
}

static void test_the_top_level_target_asks_as_well(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    say_to(f, ADA, "cey", "collaboration_request", "{'type':'t','description':'d'}");
    assert_string_equal(string_of(expect(f, CEY, "collaboration_request"), "initiator"), "ada");
    expect_nothing(f, BOB);
    expect_nothing(f, DAN);
}

static void test_a_seed_ai_asks_with_its_own_payload(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    say(f, DAN, "collaboration_request",
        "{'type':'feature_development','description':'dan seeking help','target_ai':'',"
        "'expertise_offered':['a'],'seeking_expertise':['networking','security','performance']}");
    expect(f, ADA, "collaboration_request");
    expect(f, BOB, "collaboration_request");
    expect_nothing(f, DAN); /* collaboration_update is level 2's */
}

static void test_asking_who_is_not_there_makes_no_session(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    say(f, ADA, "collaboration_request", "{'type':'t','description':'d','target_ai':'nobody'}");
    expect_error(f, ADA, "unknown_target");
    leave(f, BOB);
    skip_all(f);
    say(f, ADA, "collaboration_request", "{'type':'t','description':'d','target_ai':'bob'}");
    json_t *offline = expect_error(f, ADA, "target_offline");
    assert_true(json_is_false(json_object_get(offline, "accepted")));
    say(f, ADA, "collaboration_request", "{'type':'t','description':'d','target_ai':'ada'}");
    json_t *error = expect(f, ADA, "error");
    assert_true(strncmp(string_of(error, "code"), "bad_", 4) == 0);
    assert_int_equal(hub_count(fixture_hub(f)).sessions_live, 0);
    expect_nothing(f, EVE);
}

static void test_a_request_of_wrong_kinds_is_a_bad_payload(void **state)
{
    static const char *const payloads[] = {
        "{'type':5,'description':'d'}",
        "{'type':'t','description':[]}",
        "{'type':'t','description':'d','target_ai':7}",
        "{'type':'t','description':'d','expertise_offered':'tcp'}",
        "{'type':'t','description':'d','seeking_expertise':{}}",
    };
    struct fixture *f = *state;
    join_all(f);
    for (unsigned i = 0; i < sizeof payloads / sizeof *payloads; i++) {
        say(f, ADA, "collaboration_request", "%s", payloads[i]);
        expect_error(f, ADA, "bad_payload");
        expect_nothing(f, BOB);
    }
    assert_int_equal(hub_count(fixture_hub(f)).sessions_live, 0);
}

static void test_accepting_makes_it_active(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    const char *session = request(f, "bob");
    skip_all(f);
    answer(f, BOB, session, true);
    json_t *update = expect_status(f, ADA, session, "active");
    assert_string_equal(joined_of(update, "participants"), "ada,bob");
    assert_string_equal(string_of(update, "by"), "bob");
    assert_true(json_is_true(json_object_get(update, "accepted")));
    assert_string_equal(string_of(update, "reason"), "because");
    expect_status(f, BOB, session, "active");
    expect_status(f, EVE, session, "active");
    expect_nothing(f, CEY);
    expect_nothing(f, DAN);
    expect_no(f, ADA, "collaboration_response"); /* it is not relayed as it came */
}

static void test_declining_a_directed_request_ends_it(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    const char *session = request(f, "bob");
    skip_all(f);
    answer(f, BOB, session, false);
    json_t *update = expect_status(f, ADA, session, "declined");
    assert_string_equal(string_of(update, "by"), "bob");
    assert_true(json_is_false(json_object_get(update, "accepted")));
    assert_string_equal(string_of(update, "reason"), "because");
    assert_int_equal(hub_count(fixture_hub(f)).sessions_live, 0);
    assert_int_equal(hub_count(fixture_hub(f)).sessions_ended, 1);
}

/* One of many says no: the others may still say yes. */
static void test_declining_a_request_to_everyone_leaves_it_pending(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    const char *session = request(f, "");
    skip_all(f);
    answer(f, BOB, session, false);
    expect_status(f, ADA, session, "pending");
    answer(f, CEY, session, true);
    expect_status(f, ADA, session, "active");
}

static void test_several_may_accept_a_request_to_everyone(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    const char *session = request(f, "");
    answer(f, BOB, session, true);
    skip_all(f);
    answer(f, CEY, session, true);
    json_t *update = expect_status(f, BOB, session, "active");
    assert_string_equal(joined_of(update, "participants"), "ada,bob,cey");
    expect_status(f, ADA, session, "active");
    expect_status(f, CEY, session, "active");
}

static void test_only_the_target_may_answer_a_directed_request(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    const char *session = request(f, "bob");
    skip_all(f);
    answer(f, CEY, session, true);
    expect_error(f, CEY, "forbidden");
    answer(f, CEY, session, false);
    expect_error(f, CEY, "forbidden");
    expect_nothing(f, ADA);
    assert_string_equal(string_of(session_of(f, session), "status"), "pending");
}

static void test_the_initiator_cannot_accept_its_own_request(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    const char *session = request(f, "");
    skip_all(f);
    answer(f, ADA, session, true);
    expect_whole(f, ADA, "error");
    assert_string_equal(string_of(session_of(f, session), "status"), "pending");
}

static void test_participants_are_bounded(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    for (unsigned i = 0; i < PARTICIPANTS_MAX; i++) {
        char id[8];
        snprintf(id, sizeof id, "ai%u", i);
        join(f, BOB + i, id, 2, "");
    }
    const char *session = request(f, "");
    for (unsigned i = 0; i < PARTICIPANTS_MAX - 1; i++) {
        answer(f, BOB + i, session, true);
        expect_no(f, BOB + i, "error");
    }
    skip_all(f);
    answer(f, BOB + PARTICIPANTS_MAX - 1, session, true);
    assert_limit(expect_error(f, BOB + PARTICIPANTS_MAX - 1, "quota_exceeded"), "participants",
                 "session", PARTICIPANTS_MAX);
    assert_int_equal(json_array_size(json_object_get(session_of(f, session), "participants")),
                     PARTICIPANTS_MAX);
}

static void test_messages_on_an_unknown_session_are_refused(void **state)
{
    static const char *const messages[][2] = {
        {"collaboration_response", "{'session_id':'none','accepted':true}"},
        {"collaboration_update", "{'session_id':'none','progress':0.5}"},
        {"workspace_update", "{'session_id':'none','key':'k','value':1}"},
    };
    struct fixture *f = *state;
    join_all(f);
    for (unsigned i = 0; i < 3; i++) {
        say(f, BOB, messages[i][0], "%s", messages[i][1]);
        expect_error(f, BOB, "unknown_session");
    }
    expect_nothing(f, EVE);
}

static void test_messages_of_wrong_kinds_are_bad_payloads(void **state)
{
    static const char *const messages[][2] = {
        {"collaboration_response", "{'accepted':true}"},
        {"collaboration_response", "{'session_id':5,'accepted':true}"},
        {"collaboration_response", "{'session_id':'%s'}"},
        {"collaboration_response", "{'session_id':'%s','accepted':'yes'}"},
        {"collaboration_response", "{'session_id':'%s','accepted':true,'reason':5}"},
        {"collaboration_update", "{'progress':0.5}"},
        {"collaboration_update", "{'session_id':'%s','progress':'half'}"},
        {"collaboration_update", "{'session_id':'%s','progress':1.5}"},
        {"collaboration_update", "{'session_id':'%s','progress':-0.1}"},
        {"collaboration_update", "{'session_id':'%s','progress':1e999}"},
        {"collaboration_update", "{'session_id':'%s','note':5}"},
        {"collaboration_update", "{'session_id':'%s','status':'sleeping'}"},
        {"collaboration_update", "{'session_id':'%s','status':7}"},
        {"workspace_update", "{'session_id':'%s','value':1}"},
        {"workspace_update", "{'session_id':'%s','key':5,'value':1}"},
        {"workspace_update", "{'session_id':'%s','key':'','value':1}"},
        {"workspace_update", "{'session_id':'%s','key':'k'}"},
        {"workspace_update", "{'session_id':'%s','key':'k','value':1,'base_version':'1'}"},
        {"workspace_update", "{'session_id':'%s','key':'k','value':1,'base_version':-1}"},
        {"workspace_update", "{'session_id':'%s','key':'k','value':1,'base_version':0.5}"},
    };
    struct fixture *f = *state;
    join_all(f);
    const char *session = active_session(f);
    for (unsigned i = 0; i < sizeof messages / sizeof *messages; i++) {
        const char *here = strstr(messages[i][1], "%s");
        int before = here ? (int)(here - messages[i][1]) : 0;
        say(f, BOB, messages[i][0], "%.*s%s%s", before, messages[i][1], here ? session : "",
            here ? here + 2 : messages[i][1]);
        expect_error(f, BOB, "bad_payload");
        expect_nothing(f, ADA);
    }
}

static void test_progress_goes_to_the_participants(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    const char *session = active_session(f);
    say(f, BOB, "collaboration_update",
        "{'session_id':'%s','progress':0.25,'note':'half way to half'}", session);
    json_t *update = expect_status(f, ADA, session, "active");
    assert_string_equal(string_of(update, "by"), "bob");
    assert_number(number_of(update, "progress"), 0.25);
    assert_string_equal(string_of(update, "note"), "half way to half");
    assert_string_equal(joined_of(update, "participants"), "ada,bob");
    expect_status(f, EVE, session, "active");
    expect_nothing(f, CEY);
    expect_nothing(f, DAN);
    assert_number(number_of(session_of(f, session), "progress"), 0.25);
}

static void test_others_may_not_report_progress(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    const char *session = active_session(f);
    say(f, CEY, "collaboration_update", "{'session_id':'%s','progress':0.5}", session);
    expect_error(f, CEY, "not_participant");
    say(f, EVE, "collaboration_update", "{'session_id':'%s','progress':0.5}", session);
    expect(f, EVE, "error");
    expect_nothing(f, ADA);
}

static void test_a_participant_may_end_it(void **state)
{
    static const char *const ends[] = {"failed", "cancelled"};
    struct fixture *f = *state;
    join_all(f);
    for (unsigned i = 0; i < 2; i++) {
        const char *session = active_session(f);
        say(f, BOB, "collaboration_update", "{'session_id':'%s','status':'%s','note':'n'}", session,
            ends[i]);
        json_t *update = expect_status(f, ADA, session, ends[i]);
        assert_string_equal(string_of(update, "note"), "n");
        expect_status(f, EVE, session, ends[i]);
        assert_null(session_of(f, session));
        skip_all(f);
    }
}

static void test_the_initiator_may_cancel_a_pending_one(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    const char *session = request(f, "bob");
    skip_all(f);
    say(f, BOB, "collaboration_update", "{'session_id':'%s','status':'cancelled'}", session);
    expect_error(f, BOB, "not_participant");
    say(f, ADA, "collaboration_update", "{'session_id':'%s','status':'cancelled'}", session);
    expect_status(f, ADA, session, "cancelled");
    skip_all(f);
    answer(f, BOB, session, true);
    expect(f, BOB, "error");
    assert_int_equal(hub_count(fixture_hub(f)).sessions_live, 0);
}

static void test_completion_comes_with_a_component(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    const char *session = active_session(f);
    say_to(f, BOB, "ada", "os_component_share",
           "{'component':{'name':'done'},'collaboration_complete':true,'session_id':'%s'}",
           session);
    json_t *update = expect_status(f, ADA, session, "completed");
    expect_relayed(f, ADA);
    assert_string_equal(string_of(update, "by"), "bob");
    assert_number(number_of(update, "progress"), 1);
    expect_status(f, BOB, session, "completed");
    expect_no(f, CEY, "os_component_share");
    assert_int_equal(json_object_size(knowledge(f, "collective_features")), 1);
    assert_int_equal(hub_count(fixture_hub(f)).sessions_live, 0);
}

/* Both ends of a seed session announce its completion: the second share is a component like any
 * other. */
static void test_a_seed_ai_s_second_completion_is_stored(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    const char *session = request(f, "dan");
    say_to(f, DAN, "ada", "os_component_share",
           "{'component':{'name':'one'},'collaboration_complete':true,'session_id':'%s'}", session);
    expect_status(f, ADA, session, "active");
    expect_status(f, ADA, session, "completed");
    skip_all(f);
    pass(f, 1000);
    say_to(f, DAN, "ada", "os_component_share",
           "{'component':{'name':'two'},'collaboration_complete':true,'session_id':'%s'}", session);
    expect_relayed(f, ADA);
    expect_nothing(f, ADA);
    expect_no(f, DAN, "error");
    assert_int_equal(json_object_size(knowledge(f, "collective_features")), 2);
}

static void test_level_2_completes_but_once(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    const char *session = active_session(f);
    say(f, BOB, "os_component_share",
        "{'component':{},'collaboration_complete':true,'session_id':'%s'}", session);
    skip_all(f);
    say(f, ADA, "os_component_share",
        "{'component':{},'collaboration_complete':true,'session_id':'%s'}", session);
    expect_error(f, ADA, "conflict");
    expect_nothing(f, BOB);
    assert_int_equal(json_object_size(knowledge(f, "collective_features")), 1);
}

static void test_strangers_complete_nothing(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    const char *session = active_session(f);
    say(f, CEY, "os_component_share",
        "{'component':{'name':'x'},'collaboration_complete':true,'session_id':'%s'}", session);
    expect_error(f, CEY, "not_participant");
    assert_string_equal(string_of(session_of(f, session), "status"), "active");
    assert_int_equal(json_object_size(knowledge(f, "collective_features")), 0);
}

static void test_live_sessions_of_one_initiator_are_bounded(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    for (unsigned i = 0; i < SESSIONS_LIVE_EACH_MAX; i++)
        request(f, "");
    skip_all(f);
    say(f, ADA, "collaboration_request", "{'type':'t','description':'d'}");
    json_t *error = expect_error(f, ADA, "quota_exceeded");
    assert_string_equal(string_of(error, "limit"), "sessions");
    assert_string_equal(string_of(error, "whose"), "ai");
    assert_number(number_of(error, "most"), SESSIONS_LIVE_EACH_MAX);
    say(f, BOB, "collaboration_request", "{'type':'t','description':'d'}");
    expect_status(f, BOB, string_of(expect(f, CEY, "collaboration_request"), "session_id"),
                  "pending");
}

static void test_ended_sessions_are_remembered_up_to_a_bound(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    char first[64];
    snprintf(first, sizeof first, "%s", request(f, "bob"));
    answer(f, BOB, first, false);
    skip_all(f);
    answer(f, BOB, first, true);
    expect(f, BOB, "error");
    for (unsigned i = 0; i < SESSIONS_ENDED_MAX; i++) {
        const char *session = request(f, "bob");
        answer(f, BOB, session, false);
        skip_all(f);
    }
    assert_int_equal(hub_count(fixture_hub(f)).sessions_ended, SESSIONS_ENDED_MAX);
    skip_all(f);
    answer(f, BOB, first, true);
    expect_error(f, BOB, "unknown_session");
}

/* An AI that went and came back in time is still a participant. */
static void test_a_participant_may_come_back(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    const char *session = active_session(f);
    leave(f, BOB);
    wait_ticking(f, 30000);
    join(f, BOB, "bob", 2, "");
    say(f, BOB, "collaboration_update", "{'session_id':'%s','progress':0.9}", session);
    expect_no(f, BOB, "error");
    assert_number(number_of(expect_status(f, ADA, session, "active"), "progress"), 0.9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SESSION_TEST(test_a_directed_request_reaches_its_target_and_observers),
        SESSION_TEST(test_a_request_to_everyone_reaches_everyone_else),
        SESSION_TEST(test_the_top_level_target_asks_as_well),
        SESSION_TEST(test_a_seed_ai_asks_with_its_own_payload),
        SESSION_TEST(test_asking_who_is_not_there_makes_no_session),
        SESSION_TEST(test_a_request_of_wrong_kinds_is_a_bad_payload),
        SESSION_TEST(test_accepting_makes_it_active),
        SESSION_TEST(test_declining_a_directed_request_ends_it),
        SESSION_TEST(test_declining_a_request_to_everyone_leaves_it_pending),
        SESSION_TEST(test_several_may_accept_a_request_to_everyone),
        SESSION_TEST(test_only_the_target_may_answer_a_directed_request),
        SESSION_TEST(test_the_initiator_cannot_accept_its_own_request),
        SESSION_TEST(test_participants_are_bounded),
        SESSION_TEST(test_messages_on_an_unknown_session_are_refused),
        SESSION_TEST(test_messages_of_wrong_kinds_are_bad_payloads),
        SESSION_TEST(test_progress_goes_to_the_participants),
        SESSION_TEST(test_others_may_not_report_progress),
        SESSION_TEST(test_a_participant_may_end_it),
        SESSION_TEST(test_the_initiator_may_cancel_a_pending_one),
        SESSION_TEST(test_completion_comes_with_a_component),
        SESSION_TEST(test_a_seed_ai_s_second_completion_is_stored),
        SESSION_TEST(test_level_2_completes_but_once),
        SESSION_TEST(test_strangers_complete_nothing),
        SESSION_TEST(test_live_sessions_of_one_initiator_are_bounded),
        SESSION_TEST(test_ended_sessions_are_remembered_up_to_a_bound),
        SESSION_TEST(test_a_participant_may_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
