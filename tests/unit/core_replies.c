/* Replies that are awaited: in time nobody hears anything, too late the sender is told. */
#include "core_fixture.h"

#include <stdio.h>
#include <string.h>

#include "core_steps.h"

#define REPLIES_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

static void verify(struct fixture *f)
{
    char why[256] = "";
    hub_recount(fixture_hub(f), why, sizeof why);
    assert_string_equal(why, "");
}

static void join_both(struct fixture *f)
{
    join(f, ADA, "ada", 2, "");
    join(f, BOB, "bob", 2, "");
    join(f, CEY, "cey", 2, "");
    skip_all(f);
}

static void ask(struct fixture *f, const char *seconds, char message_id[48])
{
    say_to(f, ADA, "bob", "chat", "{'text':'?','reply_by':%s}", seconds);
    snprintf(message_id, 48, "%s", last_message_id(f));
    expect_relayed(f, BOB);
}

static void test_who_is_not_answered_in_time_is_told(void **state)
{
    struct fixture *f = *state;
    char asked[48];
    join_both(f);
    ask(f, "10", asked);
    wait_ticking(f, 9000);
    expect_nothing(f, ADA);
    wait_ticking(f, 2000);
    json_t *payload = expect(f, ADA, "error");
    assert_string_equal(string_of(payload, "code"), "no_reply");
    assert_string_equal(string_of(payload, "in_reply_to"), asked);
    assert_non_null(strstr(string_of(payload, "detail"), "\"bob\""));
    assert_non_null(strstr(string_of(payload, "detail"), "10 s"));
    wait_ticking(f, 60000);
    expect_nothing(f, ADA); /* once */
    expect_nothing(f, BOB);
    expect_nothing(f, CEY);
    verify(f);
}

/* Whatever it says, and to whomever; only its target answers it. */
static void test_its_target_answers_by_naming_it(void **state)
{
    struct fixture *f = *state;
    char first[48], second[48];
    join_both(f);
    ask(f, "10", first);
    ask(f, "10", second);
    say(f, CEY, "chat", "{'in_reply_to':'%s'}", second);
    say(f, BOB, "pattern_share", "{'pattern':{},'in_reply_to':'%s'}", first);
    skip_all(f);
    wait_ticking(f, 12000);
    assert_string_equal(string_of(expect(f, ADA, "error"), "in_reply_to"), second);
    expect_nothing(f, ADA);
    say_to(f, BOB, "ada", "chat", "{'in_reply_to':'%s'}", second); /* late is not refused */
    expect_relayed(f, ADA);
    verify(f);
}

static void test_a_refused_answer_is_none(void **state)
{
    struct fixture *f = *state;
    char asked[48];
    join_both(f);
    ask(f, "1", asked);
    say(f, BOB, "chat", "{'text':5,'in_reply_to':'%s'}", asked);
    expect_error(f, BOB, "bad_payload");
    wait_ticking(f, 2000);
    assert_string_equal(string_of(expect(f, ADA, "error"), "code"), "no_reply");
}

static void test_an_absent_target_is_waited_for_as_well(void **state)
{
    struct fixture *f = *state;
    char asked[48];
    join_both(f);
    leave(f, BOB);
    skip_all(f);
    say_to(f, ADA, "bob", "chat", "{'reply_by':5}");
    snprintf(asked, sizeof asked, "%s", last_message_id(f));
    expect_error(f, ADA, "target_offline");
    join(f, DAN, "bob", 2, "");
    say_to(f, DAN, "ada", "chat", "{'in_reply_to':'%s'}", asked);
    expect_relayed(f, ADA);
    wait_ticking(f, 10000);
    expect_nothing(f, ADA);
}

static void test_a_time_is_a_number_of_seconds(void **state)
{
    static const char *const wrong[] = {"0", "-1", "'soon'", "86401", "[]", "true", "1e400"};
    struct fixture *f = *state;
    join_both(f);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        say_to(f, ADA, "bob", "chat", "{'reply_by':%s}", wrong[i]);
        json_t *error = expect_error(f, ADA, "bad_payload");
        assert_non_null(strstr(string_of(error, "detail"), "payload.reply_by"));
    }
    expect_nothing(f, BOB);
    say_to(f, ADA, "bob", "chat", "{'reply_by':null}");
    say(f, ADA, "chat", "{'reply_by':'whenever'}"); /* to all: nobody is asked */
    wait_ticking(f, 3000);
    expect_nothing(f, ADA);
}

static void test_an_ai_awaits_a_limited_number(void **state)
{
    struct fixture *f = *state;
    join_both(f);
    for (unsigned i = 0; i < AWAITED_EACH_MAX; i++)
        say_to(f, ADA, "bob", "chat", "{'reply_by':0.5}");
    expect_nothing(f, ADA);
    say_to(f, ADA, "bob", "chat", "{'reply_by':0.5}");
    json_t *error = expect_error(f, ADA, "quota_exceeded");
    assert_limit(error, "replies", "ai", AWAITED_EACH_MAX);
    assert_int_equal(integer_of(error, "retry_after_ms"), 500);
    say_to(f, CEY, "bob", "chat", "{'reply_by':0.5}"); /* others may */
    expect_nothing(f, CEY);
    verify(f);
    wait_ticking(f, 2000);
    for (unsigned i = 0; i < AWAITED_EACH_MAX; i++)
        assert_string_equal(string_of(expect(f, ADA, "error"), "code"), "no_reply");
    expect_nothing(f, ADA);
    say_to(f, ADA, "bob", "chat", "{'reply_by':0.5}");
    expect_nothing(f, ADA);
    verify(f);
}

static void test_a_room_awaits_a_limited_number(void **state)
{
    enum { ASKERS = AWAITED_MAX / AWAITED_EACH_MAX };
    struct fixture *f = *state;
    char id[16];
    join_both(f);
    for (unsigned i = 0; i < ASKERS; i++) {
        snprintf(id, sizeof id, "asks%u", i);
        join(f, 20 + i, id, 2, "'sync':'none'");
        for (unsigned n = 0; n < AWAITED_EACH_MAX; n++)
            say_to(f, 20 + i, "bob", "chat", "{'reply_by':%u}", 60 - i);
    }
    skip_all(f);
    say_to(f, ADA, "bob", "chat", "{'reply_by':5}");
    json_t *error = expect_error(f, ADA, "quota_exceeded");
    assert_limit(error, "replies", "room", AWAITED_MAX);
    assert_int_equal(integer_of(error, "retry_after_ms"), (61 - ASKERS) * 1000);
    say_to(f, 20, "bob", "chat", "{'reply_by':5}"); /* over its own as well */
    error = expect_error(f, 20, "quota_exceeded");
    assert_limit(error, "replies", "ai", AWAITED_EACH_MAX);
    assert_int_equal(integer_of(error, "retry_after_ms"), 60000);
    verify(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        REPLIES_TEST(test_who_is_not_answered_in_time_is_told),
        REPLIES_TEST(test_its_target_answers_by_naming_it),
        REPLIES_TEST(test_a_refused_answer_is_none),
        REPLIES_TEST(test_an_absent_target_is_waited_for_as_well),
        REPLIES_TEST(test_a_time_is_a_number_of_seconds),
        REPLIES_TEST(test_an_ai_awaits_a_limited_number),
        REPLIES_TEST(test_a_room_awaits_a_limited_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
