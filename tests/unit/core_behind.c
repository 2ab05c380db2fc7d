/* The order of what somebody with acks says, past a message that could not be kept. */
#include "core_fixture.h"

#include <string.h>

#define BEHIND_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

static void chat_as(struct fixture *f, unsigned peer, const char *id, const char *message_id)
{
    say_raw(f, peer,
            "{'message_id':'%s','sender_id':'%s','message_type':'chat','timestamp':'t',"
            "'payload':{'said':'%s'},'target_ai':null}",
            message_id, id, message_id);
}

/* The next line is the refusal of that message; behind: NULL, or behind which it stands; "": it is
 * in no order. */
static void expect_unkept(struct fixture *f, unsigned peer, const char *message_id,
                          const char *behind)
{
    json_t *error = expect(f, peer, "error");
    assert_string_equal(string_of(error, "code"), "storage_unavailable");
    assert_string_equal(string_of(error, "in_reply_to"), message_id);
    if (behind && *behind)
        assert_string_equal(string_of(error, "behind"), behind);
    else if (behind)
        assert_null(json_object_get(error, "behind"));
    else
        assert_true(json_is_null(json_object_get(error, "behind")));
}

static void expect_acks(struct fixture *f, unsigned peer, const char *const *message_ids)
{
    json_int_t last = 0;
    for (size_t i = 0; message_ids[i]; i++) {
        json_t *ack = expect(f, peer, "ack");
        assert_string_equal(string_of(ack, "message_id"), message_ids[i]);
        assert_true(integer_of(ack, "seq") > last);
        last = integer_of(ack, "seq");
    }
    expect_nothing(f, peer);
}

static void say_refused(struct fixture *f, unsigned peer, const char *message_id)
{
    say(f, peer, "heartbeat", "{'refused':'%s'}", message_id);
    expect(f, peer, "heartbeat");
}

static void test_what_stands_behind_it_is_refused_until_it_is_said_again(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "'acks':true");
    fixture_fill(f, true);
    chat_as(f, ADA, "ada", "a");
    expect_unkept(f, ADA, "a", NULL);
    chat_as(f, ADA, "ada", "b");
    expect_unkept(f, ADA, "b", "a");
    fixture_fill(f, false);
    chat_as(f, ADA, "ada", "c"); /* there is room again */
    expect_unkept(f, ADA, "c", "a");
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p'}}");
    json_t *error = expect_error(f, ADA, "storage_unavailable");
    assert_string_equal(string_of(error, "behind"), "a");
    assert_non_null(strstr(string_of(error, "detail"), "\"a\""));
    chat_as(f, ADA, "ada", "a");
    chat_as(f, ADA, "ada", "b");
    chat_as(f, ADA, "ada", "c");
    expect_acks(f, ADA, (const char *const[]){"a", "b", "c", NULL});
}

static void test_it_may_be_refused_again(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "'acks':true");
    fixture_fill(f, true);
    chat_as(f, ADA, "ada", "a");
    expect_unkept(f, ADA, "a", NULL);
    say_refused(f, ADA, "a");
    chat_as(f, ADA, "ada", "a");
    expect_unkept(f, ADA, "a", NULL);
    fixture_fill(f, false);
    chat_as(f, ADA, "ada", "b");
    expect_unkept(f, ADA, "b", "a");
    chat_as(f, ADA, "ada", "a");
    chat_as(f, ADA, "ada", "b");
    expect_acks(f, ADA, (const char *const[]){"a", "b", NULL});
}

/* It is judged anew, and may be refused for another reason: then its sender knows as well. */
static void test_it_may_be_refused_for_good(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "'acks':true");
    join(f, BOB, "bob", 2, "'acks':true");
    fixture_fill(f, true);
    chat_as(f, ADA, "ada", "a");
    expect_unkept(f, ADA, "a", NULL);
    fixture_fill(f, false);
    say_raw(f, ADA,
            "{'message_id':'a','sender_id':'ada','message_type':'chat','timestamp':'t',"
            "'payload':{},'target_ai':'nobody'}");
    assert_string_equal(string_of(expect(f, ADA, "error"), "code"), "unknown_target");
    chat_as(f, ADA, "ada", "b");
    expect_acks(f, ADA, (const char *const[]){"b", NULL});
}

static void test_who_gives_it_up_says_so(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "'acks':true");
    fixture_fill(f, true);
    chat_as(f, ADA, "ada", "a");
    expect_unkept(f, ADA, "a", NULL);
    chat_as(f, ADA, "ada", "b");
    expect_unkept(f, ADA, "b", "a");
    fixture_fill(f, false);
    say_refused(f, ADA, "b"); /* that is another one */
    say(f, ADA, "heartbeat", "{}");
    expect(f, ADA, "heartbeat");
    say(f, ADA, "heartbeat", "{'refused':5}");
    expect(f, ADA, "heartbeat");
    chat_as(f, ADA, "ada", "c");
    expect_unkept(f, ADA, "c", "a");
    say_refused(f, ADA, "a");
    chat_as(f, ADA, "ada", "d");
    expect_acks(f, ADA, (const char *const[]){"d", NULL});
}

static void test_what_was_taken_before_is_acked_again(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "'acks':true");
    chat_as(f, ADA, "ada", "a");
    expect_acks(f, ADA, (const char *const[]){"a", NULL});
    fixture_fill(f, true);
    chat_as(f, ADA, "ada", "a"); /* there is nothing to keep */
    expect_acks(f, ADA, (const char *const[]){"a", NULL});
    chat_as(f, ADA, "ada", "b");
    expect_unkept(f, ADA, "b", NULL);
    chat_as(f, ADA, "ada", "a");
    expect_acks(f, ADA, (const char *const[]){"a", NULL});
    fixture_fill(f, false);
    chat_as(f, ADA, "ada", "a");
    expect_acks(f, ADA, (const char *const[]){"a", NULL});
    chat_as(f, ADA, "ada", "c");
    expect_unkept(f, ADA, "c", "b");
    say_refused(f, ADA, "b");
    fixture_hold(f);
    chat_as(f, ADA, "ada", "a");
    chat_as(f, ADA, "ada", "c");
    fixture_lose(f);
    expect(f, ADA, "ack");
    expect_unkept(f, ADA, "c", NULL);
}

/* They are in no order. */
static void test_questions_and_hellos_do_not_wait(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "'acks':true");
    fixture_fill(f, true);
    say_hello(f, ADA, "ada", "{'protocol':2,'acks':true}");
    expect_error(f, ADA, "storage_unavailable");
    fixture_fill(f, false);
    chat_as(f, ADA, "ada", "a");
    expect_acks(f, ADA, (const char *const[]){"a", NULL});
    fixture_fill(f, true);
    chat_as(f, ADA, "ada", "b");
    expect_unkept(f, ADA, "b", NULL);
    say(f, ADA, "knowledge_query", "{}");
    expect(f, ADA, "knowledge_result");
    fixture_fill(f, false);
    say_hello(f, ADA, "ada", "{'protocol':2,'acks':true}");
    expect(f, ADA, "training_sync");
    chat_as(f, ADA, "ada", "c"); /* a hello may have been under way */
    expect_unkept(f, ADA, "c", "b");
}

static void test_it_is_one_connection_s(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "'acks':true");
    join(f, BOB, "bob", 2, "'acks':true");
    fixture_fill(f, true);
    chat_as(f, ADA, "ada", "a");
    expect_unkept(f, ADA, "a", NULL);
    fixture_fill(f, false);
    chat_as(f, BOB, "bob", "x");
    expect(f, ADA, "chat");
    expect(f, BOB, "ack");
    leave(f, ADA);
    join(f, CEY, "ada", 2, "'acks':true");
    chat_as(f, CEY, "ada", "a");
    chat_as(f, CEY, "ada", "b");
    expect_acks(f, CEY, (const char *const[]){"a", "b", NULL});
}

/* Nobody else can tell whether it was taken, and says it again. */
static void test_it_is_for_those_with_acks(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    join(f, BOB, "bob", 2, "");
    fixture_fill(f, true);
    chat_as(f, ADA, "ada", "a");
    expect_unkept(f, ADA, "a", "");
    fixture_fill(f, false);
    chat_as(f, ADA, "ada", "b");
    expect(f, BOB, "chat");
    expect_nothing(f, ADA);
}

/* They had been taken, and stand before what was refused at once: it is they that come first. */
static void test_what_is_lost_stands_before_what_was_refused(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "'acks':true");
    fixture_hold(f);
    chat_as(f, ADA, "ada", "a");
    chat_as(f, ADA, "ada", "b");
    fixture_fill(f, true);
    chat_as(f, ADA, "ada", "c");
    expect_unkept(f, ADA, "c", NULL);
    fixture_lose(f);
    expect_unkept(f, ADA, "a", NULL);
    expect_unkept(f, ADA, "b", "a");
    fixture_fill(f, false);
    say_refused(f, ADA, "c");
    chat_as(f, ADA, "ada", "c");
    expect_unkept(f, ADA, "c", "a");
    chat_as(f, ADA, "ada", "a");
    chat_as(f, ADA, "ada", "b");
    chat_as(f, ADA, "ada", "c");
    expect_acks(f, ADA, (const char *const[]){"a", "b", "c", NULL});
}

/* Who observes a full hub has not joined: what it says is refused until it has, and what it said
 * behind that, too. */
static void test_a_guest_s_stand_in_order_too(void **state)
{
    struct hub_config config = fixture_config();
    config.receives = true;
    struct fixture *f = fixture_new(&config);
    (void)state;
    fixture_fill(f, true);
    open_peer(f, BOB);
    say_hello(f, BOB, "eye", "{'protocol':2,'role':'observer','acks':true}");
    expect(f, BOB, "training_sync");
    chat_as(f, BOB, "eye", "a");
    expect_unkept(f, BOB, "a", NULL);
    fixture_fill(f, false);
    say_hello(f, BOB, "eye", "{'protocol':2,'role':'observer','acks':true}");
    expect(f, BOB, "training_sync");
    chat_as(f, BOB, "eye", "b");
    expect_unkept(f, BOB, "b", "a");
    chat_as(f, BOB, "eye", "a");
    chat_as(f, BOB, "eye", "b");
    expect_acks(f, BOB, (const char *const[]){"a", "b", NULL});
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHIND_TEST(test_what_stands_behind_it_is_refused_until_it_is_said_again),
        BEHIND_TEST(test_it_may_be_refused_again),
        BEHIND_TEST(test_it_may_be_refused_for_good),
        BEHIND_TEST(test_who_gives_it_up_says_so),
        BEHIND_TEST(test_what_was_taken_before_is_acked_again),
        BEHIND_TEST(test_questions_and_hellos_do_not_wait),
        BEHIND_TEST(test_it_is_one_connection_s),
        BEHIND_TEST(test_it_is_for_those_with_acks),
        BEHIND_TEST(test_what_is_lost_stands_before_what_was_refused),
        cmocka_unit_test(test_a_guest_s_stand_in_order_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
