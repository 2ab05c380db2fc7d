/* The workspace of a session: versions, conflicts, who may write, and its bounds. */
#include "core_fixture.h"

#include <stdlib.h>
#include <string.h>

#define WORKSPACE_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

static void join_all(struct fixture *f)
{
    join(f, ADA, "ada", 2, "");
    join(f, BOB, "bob", 2, "");
    join(f, CEY, "cey", 2, "");
    join(f, EVE, "eye", 2, "'role':'observer'");
}

/* ada asks bob; returns the session_id. */
static const char *request(struct fixture *f)
{
    say(f, ADA, "collaboration_request", "{'type':'t','description':'d','target_ai':'bob'}");
    return string_of(expect(f, ADA, "collaboration_update"), "session_id");
}

/* A session of ada's and bob's that is under way, with nothing unread. */
static const char *active_session(struct fixture *f)
{
    const char *session = request(f);
    say(f, BOB, "collaboration_response", "{'session_id':'%s','accepted':true}", session);
    skip_all(f);
    return session;
}

static void test_the_workspace_has_versions(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    const char *session = active_session(f);
    say(f, BOB, "workspace_update", "{'session_id':'%s','key':'best','value':{'n':1.50}}", session);
    json_t *line = expect_whole(f, ADA, "workspace_update");
    assert_string_equal(string_of(line, "sender_id"), "bob");
    json_t *payload = json_object_get(line, "payload");
    assert_string_equal(names_of(payload), "key,session_id,value,version");
    assert_string_equal(string_of(payload, "key"), "best");
    assert_int_equal(integer_of(payload, "version"), 1);
    assert_non_null(strstr(read_line(f), "{\"n\":1.50}"));
    line = expect_whole(f, BOB, "workspace_update"); /* the writer learns the version */
    assert_string_equal(string_of(line, "sender_id"), "hub");
    payload = json_object_get(line, "payload");
    assert_string_equal(names_of(payload), "accepted,key,session_id,version");
    assert_int_equal(integer_of(payload, "version"), 1);
    expect(f, EVE, "workspace_update");
    expect_nothing(f, CEY);
    say(f, ADA, "workspace_update", "{'session_id':'%s','key':'best','value':2,'base_version':1}",
        session);
    assert_int_equal(integer_of(expect(f, BOB, "workspace_update"), "version"), 2);
    say(f, ADA, "workspace_update",
        "{'session_id':'%s','key':'other','value':null,'base_version':0}", session);
    assert_int_equal(integer_of(expect(f, BOB, "workspace_update"), "version"), 1);
}

static void test_a_stale_write_gets_the_current_value(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    const char *session = active_session(f);
    say(f, BOB, "workspace_update", "{'session_id':'%s','key':'k','value':[7]}", session);
    skip_all(f);
    static const char *const stale[] = {"0", "2", "18446744073709551615"};
    for (unsigned i = 0; i < 3; i++) {
        say(f, ADA, "workspace_update", "{'session_id':'%s','key':'k','value':8,'base_version':%s}",
            session, stale[i]);
        json_t *error = expect_error(f, ADA, "conflict");
        assert_string_equal(names_of(error),
                            "code,detail,in_reply_to,key,session_id,value,version");
        assert_string_equal(string_of(error, "key"), "k");
        assert_int_equal(integer_of(error, "version"), 1);
        assert_int_equal(json_integer_value(json_array_get(json_object_get(error, "value"), 0)), 7);
        expect_nothing(f, BOB);
    }
    say(f, ADA, "workspace_update", "{'session_id':'%s','key':'k','value':8}", session);
    expect_error(f, ADA, "conflict");
    say(f, ADA, "workspace_update", "{'session_id':'%s','key':'new','value':8,'base_version':3}",
        session);
    json_t *error = expect_error(f, ADA, "conflict");
    assert_int_equal(integer_of(error, "version"), 0);
}

static void test_only_participants_write(void **state)
{
    struct fixture *f = *state;
    join_all(f);
    const char *session = active_session(f);
    say(f, CEY, "workspace_update", "{'session_id':'%s','key':'k','value':1}", session);
    expect_error(f, CEY, "not_participant");
    const char *pending = request(f);
    skip_all(f);
    say(f, BOB, "workspace_update", "{'session_id':'%s','key':'k','value':1}", pending);
    expect(f, BOB, "error");
    say(f, ADA, "collaboration_update", "{'session_id':'%s','status':'cancelled'}", session);
    skip_all(f);
    say(f, ADA, "workspace_update", "{'session_id':'%s','key':'k','value':1}", session);
    expect(f, ADA, "error");
    expect_no(f, EVE, "workspace_update");
}

static void test_the_workspace_is_bounded(void **state)
{
    struct fixture *f = *state;
    char key[WORKSPACE_KEY_BYTES_MAX + 2];
    join_all(f);
    const char *session = active_session(f);
    memset(key, 'k', sizeof key - 1);
    key[sizeof key - 1] = '\0';
    say(f, ADA, "workspace_update", "{'session_id':'%s','key':'%s','value':1}", session, key);
    expect_error(f, ADA, "bad_payload");
    for (unsigned i = 0; i < WORKSPACE_KEYS_MAX; i++)
        say(f, ADA, "workspace_update", "{'session_id':'%s','key':'k%u','value':1}", session, i);
    expect_no(f, ADA, "error");
    skip_all(f);
    say(f, ADA, "workspace_update", "{'session_id':'%s','key':'one more','value':1}", session);
    assert_limit(expect_error(f, ADA, "quota_exceeded"), "workspace_keys", "session",
                 WORKSPACE_KEYS_MAX);
    say(f, ADA, "workspace_update", "{'session_id':'%s','key':'k0','value':2,'base_version':1}",
        session);
    expect_no(f, ADA, "error");
}

static void test_the_workspace_is_bounded_in_bytes(void **state)
{
    enum { PIECE = 1000 * 1000 };
    struct fixture *f = *state;
    char *line = malloc(PIECE + 1000);
    assert_non_null(line);
    join_all(f);
    const char *session = active_session(f);
    unsigned fit = 0;
    for (unsigned i = 0; i < 6; i++) {
        int len = snprintf(
            line, PIECE + 1000,
            "{\"message_id\":\"m\",\"sender_id\":\"ada\",\"message_type\":\"workspace_update\","
            "\"timestamp\":\"t\",\"payload\":{\"session_id\":\"%s\",\"key\":\"k%u\",\"value\":\"%0*"
            "d\"}}",
            session, i, PIECE, 0);
        say_bytes(f, ADA, line, (size_t)len);
        json_t *got = expect_whole(f, ADA, i < 4 ? "workspace_update" : "error");
        fit += strcmp(string_of(got, "message_type"), "workspace_update") == 0;
        if (i >= 4)
            assert_limit(json_object_get(got, "payload"), "workspace", "session",
                         WORKSPACE_BYTES_MAX);
    }
    assert_int_equal(fit, WORKSPACE_BYTES_MAX / PIECE);
    free(line);
}

static void test_all_workspaces_together_are_bounded(void **state)
{
    struct hub_config config = fixture_config();
    (void)state;
    config.workspaces_max = 100;
    struct fixture *f = fixture_new(&config);
    join_all(f);
    const char *session = active_session(f);
    say(f, ADA, "workspace_update", "{'session_id':'%s','key':'k','value':'%060d'}", session, 0);
    expect_no(f, ADA, "error");
    skip_all(f);
    say(f, ADA, "workspace_update", "{'session_id':'%s','key':'l','value':'%060d'}", session, 0);
    assert_limit(expect_error(f, ADA, "quota_exceeded"), "workspace", "hub", 100);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKSPACE_TEST(test_the_workspace_has_versions),
        WORKSPACE_TEST(test_a_stale_write_gets_the_current_value),
        WORKSPACE_TEST(test_only_participants_write),
        WORKSPACE_TEST(test_the_workspace_is_bounded),
        WORKSPACE_TEST(test_the_workspace_is_bounded_in_bytes),
        cmocka_unit_test(test_all_workspaces_together_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
