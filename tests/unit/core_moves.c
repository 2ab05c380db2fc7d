/* Every move that a session can make, or cannot; its time-outs; and acceptance by naming it,
 * which is all that level 1 knows. */
#include "core_steps.h"

#include <string.h>

#define SESSION_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

/* The states a session can be brought to by hand, and every message that a participant can then
 * send. */
static const char *session_in(struct fixture *f, const char *status)
{
    if (strcmp(status, "pending") == 0)
        return request(f, "bob");
    if (strcmp(status, "expired") == 0) {
        const char *session = request(f, "bob");
        wait_ticking(f, SESSION_PENDING_MS + 1000);
        return session;
    }
    if (strcmp(status, "declined") == 0) {
        const char *session = request(f, "bob");
        answer(f, BOB, session, false);
        return session;
    }
    const char *session = active_session(f);
    if (strcmp(status, "completed") == 0)
        say(f, BOB, "os_component_share",
            "{'component':{},'collaboration_complete':true,'session_id':'%s'}", session);
    else if (strcmp(status, "abandoned") == 0)
        for (unsigned i = 0; i < 5; i++) /* cey goes on talking, the participants do not */
            wait_ticking(f, SESSION_SILENT_MS / 4);
    else if (strcmp(status, "active") != 0)
        say(f, BOB, "collaboration_update", "{'session_id':'%s','status':'%s'}", session, status);
    return session;
}

static void test_the_whole_table_of_moves(void **state)
{
    /* to: what the session is after the message; NULL: refused with `code`. */
    static const struct {
        const char *from, *message, *to;
    } moves[] = {
        {"pending", "accept", "active"},     {"pending", "decline", "declined"},
        {"pending", "cancel", NULL},         {"pending", "fail", NULL},
        {"pending", "progress", NULL},       {"pending", "complete", NULL},
        {"active", "accept", NULL},          {"active", "cancel", "cancelled"},
        {"active", "fail", "failed"},        {"active", "progress", "active"},
        {"active", "complete", "completed"}, {"active", "set pending", NULL},
        {"active", "set declined", NULL},    {"active", "set expired", NULL},
        {"active", "set abandoned", NULL},   {"completed", "accept", NULL},
        {"completed", "decline", NULL},      {"completed", "cancel", NULL},
        {"completed", "progress", NULL},     {"failed", "accept", NULL},
        {"failed", "cancel", NULL},          {"failed", "progress", NULL},
        {"cancelled", "accept", NULL},       {"cancelled", "fail", NULL},
        {"declined", "accept", NULL},        {"declined", "progress", NULL},
        {"expired", "accept", NULL},         {"expired", "decline", NULL},
        {"expired", "progress", NULL},
    };
    static const struct {
        const char *message, *type, *payload;
    } messages[] = {
        {"accept", "collaboration_response", "'accepted':true"},
        {"decline", "collaboration_response", "'accepted':false"},
        {"cancel", "collaboration_update", "'status':'cancelled'"},
        {"fail", "collaboration_update", "'status':'failed'"},
        {"set pending", "collaboration_update", "'status':'pending'"},
        {"set declined", "collaboration_update", "'status':'declined'"},
        {"set expired", "collaboration_update", "'status':'expired'"},
        {"set abandoned", "collaboration_update", "'status':'abandoned'"},
        {"progress", "collaboration_update", "'progress':0.5"},
        {"complete", "os_component_share", "'component':{},'collaboration_complete':true"},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof moves / sizeof *moves; i++) {
        struct hub_config config = fixture_config();
        config.heartbeat_ms = 1 << 30;
        struct fixture *f = fixture_new(&config);
        unsigned k = 0;
        join_all(f);
        const char *session = session_in(f, moves[i].from);
        skip_all(f);
        while (strcmp(messages[k].message, moves[i].message) != 0)
            k++;
        say(f, BOB, messages[k].type, "{'session_id':'%s',%s}", session, messages[k].payload);
        if (moves[i].to)
            expect_status(f, ADA, session, moves[i].to);
        else
            expect_whole(f, BOB, "error");
        if (!moves[i].to)
            expect_nothing(f, ADA);
        fixture_free(f);
    }
}

static void test_a_pending_session_expires_after_a_minute(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    const char *session = request(f, "bob");
    skip_all(f);
    wait_ticking(f, SESSION_PENDING_MS - 1000);
    expect_no(f, ADA, "collaboration_update");
    wait_ticking(f, 2000);
    json_t *update = expect_status(f, ADA, session, "expired");
    assert_string_equal(joined_of(update, "participants"), "ada");
    expect_status(f, EVE, session, "expired");
    assert_null(session_of(f, session));
    skip_all(f);
    answer(f, BOB, session, true);
    expect(f, BOB, "error");
}

static void test_an_active_session_is_abandoned_when_nobody_is_heard_of(void **state)
{
    struct hub_config config = fixture_config();
    (void)state;
    config.heartbeat_ms = 1 << 30;
    struct fixture *f = fixture_new(&config);
    join_all(f);
    const char *session = active_session(f);
    wait_ticking(f, SESSION_SILENT_MS - 2000);
    say(f, BOB, "heartbeat", "{}"); /* any sign of life of a participant */
    wait_ticking(f, SESSION_SILENT_MS - 2000);
    say(f, CEY, "heartbeat", "{}"); /* but not of others */
    expect_no(f, ADA, "collaboration_update");
    wait_ticking(f, 4000);
    expect_status(f, ADA, session, "abandoned");
    expect_status(f, BOB, session, "abandoned");
    assert_null(session_of(f, session));
    fixture_free(f);
}

/* Nobody's wall clock ends a session: the hub's own clock never runs back, and a jump is no
 * minute of silence. */
static void test_a_clock_set_back_ends_nothing(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    const char *session = request(f, "bob");
    skip_all(f);
    pass(f, -24 * 3600 * 1000);
    hub_tick(fixture_hub(f), now(f));
    expect_nothing(f, ADA);
    wait_ticking(f, SESSION_PENDING_MS + 2000);
    expect_status(f, ADA, session, "expired");
}

static void test_a_seed_ai_accepts_by_naming_the_session(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    const char *session = request(f, "dan");
    expect(f, DAN, "collaboration_request");
    skip_all(f);
    say_to(f, DAN, "ada", "os_component_share",
           "{'component':{'name':'done'},'collaboration_complete':true,'session_id':'%s'}",
           session);
    json_t *update = expect_status(f, ADA, session, "active");
    assert_string_equal(joined_of(update, "participants"), "ada,dan");
    assert_string_equal(string_of(update, "by"), "dan");
    expect_status(f, ADA, session, "completed");
    expect_no(f, DAN, "error");
}

static void test_naming_accepts_for_who_was_asked_only(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    join(f, FAY, "fay", 1, "");
    const char *session = request(f, "dan");
    skip_all(f);
    say(f, FAY, "pattern_share", "{'pattern':{},'session_id':'%s'}", session);
    assert_string_equal(string_of(session_of(f, session), "status"), "pending");
    say(f, BOB, "pattern_share", "{'pattern':{},'session_id':'%s'}", session);
    assert_string_equal(string_of(session_of(f, session), "status"), "pending");
    say(f, DAN, "pattern_share", "{'pattern':{},'session_id':'%s'}", session);
    assert_string_equal(string_of(session_of(f, session), "status"), "active");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_whole_table_of_moves),
        SESSION_TEST(test_a_pending_session_expires_after_a_minute),
        cmocka_unit_test(test_an_active_session_is_abandoned_when_nobody_is_heard_of),
        SESSION_TEST(test_a_clock_set_back_ends_nothing),
        SESSION_TEST(test_a_seed_ai_accepts_by_naming_the_session),
        SESSION_TEST(test_naming_accepts_for_who_was_asked_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
