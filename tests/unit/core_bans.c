/* Who is kept out of a room, by its id or by its token: until when, by whom and why. */
#include "core_admins.h"

#include "wire/text.h"

#define BANS_TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

static void test_who_is_banned_is_closed_and_stays_out(void **state)
{
    struct fixture *f = *state;
    join_room(f);
    order(f, "ban", "{'ai_id':'bob'}", ",'for_s':7200");
    json_t *told = expect(f, CEY, "moderation");
    assert_string_equal(string_of(told, "action"), "ban");
    char until[64];
    snprintf(until, sizeof until, "%s", string_of(told, "until"));
    assert_string_equal(string_of(expect(f, CEY, "presence"), "reason"), "banned");
    assert_string_equal(string_of(expect(f, BOB, "error"), "code"), "banned");
    expect_closed(f, BOB, CLOSE_BANNED);
    open_peer(f, GUS);
    say_hello(f, GUS, "bob", "{'protocol':2,'token':'own:alice'}");
    json_t *error = expect_error(f, GUS, "banned");
    assert_string_equal(string_of(error, "by"), "ops");
    assert_string_equal(string_of(error, "reason"), "too loud");
    assert_string_equal(string_of(error, "until"), until);
    assert_non_null(strstr(string_of(error, "detail"), until));
    assert_non_null(strstr(string_of(error, "detail"), "the id \"bob\" is banned from room "
                                                       "\"main\" by \"ops\""));
    expect_open(f, GUS);
    say_hello(f, GUS, "bob", "{'protocol':2,'token':'own:alice','room':'lab'}");
    expect(f, GUS, "training_sync"); /* of another room */
    leave(f, GUS);
    pass(f, 7199999);
    open_peer(f, GUS);
    say_hello(f, GUS, "bob", "{'protocol':2,'token':'own:alice'}");
    expect_error(f, GUS, "banned");
    pass(f, 1);
    say_hello(f, GUS, "bob", "{'protocol':2,'token':'own:alice'}");
    expect(f, GUS, "training_sync");
}

static void test_a_token_is_kept_out_whatever_its_ids(void **state)
{
    struct fixture *f = *state;
    join_room(f);
    order(f, "ban", "{'owner':'alice'}", "");
    expect_closed(f, BOB, CLOSE_BANNED);
    expect_closed(f, CEY, CLOSE_BANNED);
    open_peer(f, GUS);
    say_hello(f, GUS, "somebody", "{'token':'own:alice'}");
    json_t *error = expect_error(f, GUS, "banned");
    assert_true(json_is_null(json_object_get(error, "until")));
    assert_non_null(strstr(string_of(error, "detail"), "the token \"alice\""));
    say_hello(f, GUS, "alice", "{'token':'own:carol'}"); /* no such id is banned */
    expect(f, GUS, "training_sync");
}

/* What was under way when it was banned joins nobody. */
static void test_a_hello_behind_a_ban_is_refused(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "'token':'boss:ops'");
    open_peer(f, BOB);
    fixture_hold(f);
    order(f, "ban", "{'owner':'alice'}", "");
    say_hello(f, BOB, "bob", "{'protocol':2,'token':'own:alice'}");
    fixture_commit(f);
    assert_string_equal(string_of(expect(f, BOB, "error"), "code"), "banned");
    assert_int_equal(hub_count(fixture_hub(f)).members, 1);
}

static void test_a_ban_is_lifted(void **state)
{
    struct fixture *f = *state;
    join_room(f);
    order(f, "ban", "{'ai_id':'gus'}", ""); /* who never was here */
    order(f, "unban", "{'owner':'gus'}", "");
    json_t *error = expect(f, ADA, "error");
    assert_string_equal(string_of(error, "code"), "not_found");
    order(f, "unban", "{'ai_id':'gus'}", "");
    skip_all(f);
    order(f, "unban", "{'ai_id':'gus'}", "");
    expect_error(f, ADA, "not_found");
    join(f, GUS, "gus", 2, "'token':'own:gus'");
    say(f, ADA, "moderation", "{'action':'ban','target':{'ai_id':'bob'},'reason':'r','for_s':1}");
    pass(f, 1000);
    skip_all(f);
    order(f, "unban", "{'ai_id':'bob'}", ""); /* its time is over */
    expect_error(f, ADA, "not_found");
    say(f, ADA, "moderation", "{'action':'ban','target':{'ai_id':'bob'},'reason':'r'}");
    say(f, ADA, "moderation", "{'action':'unban','target':{'ai_id':'bob'}}"); /* without a reason */
    join(f, HAL, "bob", 2, "'token':'own:alice'");
}

static void test_a_ban_is_replaced_by_a_later_one(void **state)
{
    struct fixture *f = *state;
    join_room(f);
    order(f, "ban", "{'ai_id':'bob'}", "");
    say(f, ADA, "moderation",
        "{'action':'ban','target':{'ai_id':'bob'},'reason':'milder','for_s':5}");
    skip_all(f);
    say(f, CEY, "moderation_query", "{}");
    json_t *result = expect(f, CEY, "moderation_result");
    json_t *ban = json_array_get(json_object_get(result, "bans"), 0);
    assert_int_equal(integer_of(result, "total"), 1);
    assert_string_equal(string_of(ban, "reason"), "milder");
    assert_false(json_is_null(json_object_get(ban, "until")));
    pass(f, 5000);
    join(f, GUS, "bob", 2, "'token':'own:alice'");
}

static void test_bans_are_listed_page_by_page(void **state)
{
    struct fixture *f = *state;
    char target[64], after[160] = "";
    size_t seen = 0;
    join_room(f);
    for (unsigned i = 0; i < 5; i++) {
        snprintf(target, sizeof target, "{'%s':'x%u'}", i % 2 ? "owner" : "ai_id", i);
        order(f, "ban", target, i == 4 ? ",'for_s':1" : "");
    }
    pass(f, 1000);
    skip_all(f);
    for (unsigned page = 0; page < 3; page++) {
        say(f, CEY, "moderation_query", "{'limit':2%s}", after);
        json_t *result = expect(f, CEY, "moderation_result");
        assert_string_equal(string_of(result, "in_reply_to"), last_message_id(f));
        assert_int_equal(integer_of(result, "total"), 4); /* and one that is over */
        json_t *bans = json_object_get(result, "bans"), *next = json_object_get(result, "next");
        seen += json_array_size(bans);
        if (!json_is_string(next))
            break;
        json_t *ban = json_array_get(bans, 0);
        assert_string_equal(string_of(ban, "by"), "ops");
        assert_int_equal(json_object_size(json_object_get(ban, "target")), 1);
        assert_true(json_is_string(json_object_get(ban, "since")));
        snprintf(after, sizeof after, ",'after':'%s'", json_string_value(next));
    }
    assert_int_equal(seen, 4);
    say(f, CEY, "moderation_query", "{'limit':201}");
    expect_error(f, CEY, "bad_payload");
    say(f, DAN, "moderation_query", "{}");
    expect_error(f, DAN, "forbidden"); /* of level 1 */
}

static void test_a_room_has_bounded_bans_and_those_that_are_over_make_place(void **state)
{
    struct fixture *f = *state;
    char target[64];
    join_room(f);
    for (unsigned i = 0; i < BANS_MAX; i++) {
        snprintf(target, sizeof target, "{'ai_id':'x%u'}", i);
        order(f, "ban", target, i == 7 ? ",'for_s':3" : "");
    }
    skip_all(f);
    order(f, "ban", "{'ai_id':'more'}", "");
    json_t *error = expect_error(f, ADA, "quota_exceeded");
    assert_non_null(strstr(string_of(error, "detail"), "4096 bans"));
    assert_limit(error, "bans", "room", BANS_MAX);
    order(f, "ban", "{'ai_id':'x9'}", ""); /* which is banned already */
    expect(f, ADA, "moderation");
    pass(f, 3000);
    skip_all(f);
    order(f, "ban", "{'ai_id':'more'}", "");
    expect(f, ADA, "moderation");
}

/* A room in which somebody is banned is kept; when all bans are over, it makes place. */
static void test_a_room_with_bans_is_not_given_away(void **state)
{
    struct hub_config config = fixture_config();
    config.rooms_max = 2;
    struct fixture *f = fixture_new(&config);
    (void)state;
    fixture_let_in(f, ask);
    join(f, ADA, "ada", 2, "'token':'boss:ops','room':'lab'");
    order(f, "ban", "{'ai_id':'bob'}", ",'for_s':10");
    leave(f, ADA);
    open_peer(f, CEY);
    say_hello(f, CEY, "cey", "{'token':'own:carol','room':'other'}");
    expect_error(f, CEY, "quota_exceeded");
    wait_ticking(f, 10000);
    say_hello(f, CEY, "cey", "{'token':'own:carol','room':'other'}");
    expect(f, CEY, "training_sync");
    fixture_free(f);
}

/* While nothing can be kept an observer is a guest, of whom the log knows nothing. */
static void test_a_guest_that_is_banned_is_one_no_more(void **state)
{
    struct hub_config config = fixture_config();
    config.receives = true;
    struct fixture *f = fixture_new(&config);
    (void)state;
    fixture_let_in(f, ask);
    join(f, ADA, "ada", 2, "'token':'boss:ops'");
    fixture_fill(f, true);
    open_peer(f, EVE);
    open_peer(f, FAY);
    say_hello(f, EVE, "eve", "{'protocol':2,'role':'observer','token':'own:alice'}");
    expect(f, EVE, "training_sync");
    say_hello(f, FAY, "fay", "{'protocol':2,'role':'observer','token':'own:carol'}");
    expect(f, FAY, "training_sync");
    open_peer(f, HAL);
    say_hello(f, HAL, "hal", "{'protocol':2,'role':'observer','token':'boss:night'}");
    expect(f, HAL, "training_sync");
    fixture_fill(f, false);
    order(f, "ban", "{'owner':'night'}", ""); /* no admin is kept out */
    expect_nothing(f, HAL);
    order(f, "ban", "{'owner':'alice'}", "");
    assert_string_equal(string_of(expect(f, EVE, "error"), "code"), "banned");
    expect_nothing(f, FAY);
    expect_closed(f, EVE, CLOSE_BANNED);
    say(f, FAY, "knowledge_query", "{}");
    expect(f, FAY, "knowledge_result");
    char why[256];
    assert_int_equal(hub_recount(fixture_hub(f), why, sizeof why), 0);
    fixture_fill(f, true);
    open_peer(f, GUS);
    say_hello(f, GUS, "eve", "{'protocol':2,'role':'observer','token':'own:alice'}");
    expect_error(f, GUS, "banned");
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BANS_TEST(test_who_is_banned_is_closed_and_stays_out),
        BANS_TEST(test_a_token_is_kept_out_whatever_its_ids),
        BANS_TEST(test_a_hello_behind_a_ban_is_refused),
        BANS_TEST(test_a_ban_is_lifted),
        BANS_TEST(test_a_ban_is_replaced_by_a_later_one),
        BANS_TEST(test_bans_are_listed_page_by_page),
        BANS_TEST(test_a_room_has_bounded_bans_and_those_that_are_over_make_place),
        cmocka_unit_test(test_a_room_with_bans_is_not_given_away),
        cmocka_unit_test(test_a_guest_that_is_banned_is_one_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
