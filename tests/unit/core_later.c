/* What is said behind something that is not applied yet is judged behind it. */
#include "core_fixture.h"

#include <string.h>

#include "core/state.h"

#define LATER_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

/* ada asks bob, who has not answered; nothing is unread, and logs take their time from now on. */
static const char *asked(struct fixture *f)
{
    join(f, ADA, "ada", 2, "");
    join(f, BOB, "bob", 2, "'acks':true");
    say(f, ADA, "collaboration_request", "{'type':'t','description':'d','target_ai':'bob'}");
    const char *session = string_of(expect(f, ADA, "collaboration_update"), "session_id");
    skip_all(f);
    fixture_hold(f);
    return session;
}

static void say_yes(struct fixture *f, const char *session)
{
    say(f, BOB, "collaboration_response", "{'session_id':'%s','accepted':true}", session);
}

static void write_key(struct fixture *f, const char *session)
{
    say(f, BOB, "workspace_update", "{'session_id':'%s','key':'k','value':1}", session);
}

static void test_what_is_right_behind_it_is_taken(void **state)
{
    struct fixture *f = *state;
    const char *session = asked(f);
    say_yes(f, session);
    write_key(f, session);
    expect_nothing(f, BOB);
    fixture_commit(f);
    assert_int_equal(integer_of(expect(f, ADA, "workspace_update"), "version"), 1);
    expect_no(f, BOB, "error");
}

static void test_what_is_still_wrong_is_refused_once_and_in_its_place(void **state)
{
    struct fixture *f = *state;
    asked(f);
    say(f, BOB, "chat", "{'text':'before'}");
    write_key(f, "none");
    expect_nothing(f, BOB);
    fixture_commit(f);
    expect(f, BOB, "ack");
    expect_error(f, BOB, "unknown_session");
    expect_nothing(f, BOB);
    expect(f, ADA, "chat");
    expect_nothing(f, ADA);
}

static void test_what_others_said_delays_no_refusal(void **state)
{
    struct fixture *f = *state;
    asked(f);
    say(f, ADA, "chat", "{'text':'under way'}");
    write_key(f, "none");
    expect_error(f, BOB, "unknown_session");
}

static void test_it_may_have_to_wait_again_and_again(void **state)
{
    struct fixture *f = *state;
    const char *session = asked(f);
    say_yes(f, session);
    for (unsigned version = 0; version < 5; version++) {
        say(f, BOB, "workspace_update", "{'session_id':'%s','key':'k','value':1,'base_version':%u}",
            session, version);
        fixture_commit(f);
        fixture_hold(f);
    }
    for (unsigned version = 1; version <= 5; version++)
        assert_int_equal(integer_of(expect(f, ADA, "workspace_update"), "version"), version);
}

static void test_it_counts_once_under_a_rate(void **state)
{
    struct fixture *f = *state;
    const char *session = asked(f);
    fixture_hub(f)->config.owner.most[LIMIT_RATE] = 1; /* bursts of two */
    say_yes(f, session);
    write_key(f, session);
    fixture_commit(f);
    expect(f, ADA, "workspace_update");
    expect_no(f, BOB, "error");
    skip_all(f);
    say(f, BOB, "chat", "{'text':'a third'}");
    expect_error(f, BOB, "rate_limited");
}

static void test_a_limit_is_looked_at_again_too(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    join(f, BOB, "bob", 2, "");
    fixture_hub(f)->config.owner.most[LIMIT_SESSIONS] = 1;
    say(f, BOB, "collaboration_request", "{'type':'t','description':'one','target_ai':'ada'}");
    const char *session = string_of(expect(f, BOB, "collaboration_update"), "session_id");
    skip_all(f);
    fixture_hold(f);
    say(f, BOB, "collaboration_update", "{'session_id':'%s','status':'cancelled'}", session);
    say(f, BOB, "collaboration_request", "{'type':'t','description':'two','target_ai':'ada'}");
    expect_nothing(f, BOB);
    fixture_commit(f);
    expect_no(f, BOB, "error");
    expect(f, ADA, "collaboration_request");
}

static void test_what_it_stands_behind_may_be_lost(void **state)
{
    struct fixture *f = *state;
    const char *session = asked(f);
    say_yes(f, session);
    write_key(f, session);
    fixture_lose(f);
    json_t *first = expect(f, BOB, "error"), *second = expect(f, BOB, "error");
    assert_string_equal(string_of(first, "code"), "storage_unavailable");
    assert_string_equal(string_of(second, "code"), "storage_unavailable");
    assert_string_equal(string_of(second, "behind"), string_of(first, "in_reply_to"));
    expect_nothing(f, ADA);
}

static void test_its_connection_may_end_meanwhile(void **state)
{
    struct fixture *f = *state;
    const char *session = asked(f);
    say_yes(f, session);
    write_key(f, session);
    hub_dismiss(fixture_hub(f), (peer_id)1 << 32 | BOB, CLOSE_SLOW_CONSUMER,
                &(struct refusal){.code = WIRE_SLOW_CONSUMER}, now(f));
    fixture_commit(f);
    expect_no(f, ADA, "workspace_update");
}

static void test_who_is_not_read_meanwhile_is_not_silent(void **state)
{
    struct fixture *f = *state;
    const char *session = asked(f);
    leave(f, ADA);
    say_yes(f, session);
    write_key(f, session);
    wait_ticking(f, 2 * fixture_hub(f)->config.heartbeat_ms);
    fixture_commit(f);
    say(f, BOB, "heartbeat", "{}");
    skip_all(f);
    wait_ticking(f, 2 * fixture_hub(f)->config.heartbeat_ms);
    expect_closed(f, BOB, CLOSE_HEARTBEAT_TIMEOUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LATER_TEST(test_what_is_right_behind_it_is_taken),
        LATER_TEST(test_what_is_still_wrong_is_refused_once_and_in_its_place),
        LATER_TEST(test_what_others_said_delays_no_refusal),
        LATER_TEST(test_it_may_have_to_wait_again_and_again),
        LATER_TEST(test_it_counts_once_under_a_rate),
        LATER_TEST(test_a_limit_is_looked_at_again_too),
        LATER_TEST(test_what_it_stands_behind_may_be_lost),
        LATER_TEST(test_its_connection_may_end_meanwhile),
        LATER_TEST(test_who_is_not_read_meanwhile_is_not_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
