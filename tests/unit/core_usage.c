/* What owners have now of what they may have: who may ask, and what counts, over all rooms. */
#include "core_fixture.h"

#include <string.h>

#include "core/state.h"

#define USAGE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

/* A token is its owner's name; ops' are admins', and alice's has limits. */
static int ask(void *ctx, const struct hub_login *login, struct hub_pass *ret_pass,
               struct refusal *ret_refusal)
{
    static char owner[64];
    (void)ctx, (void)ret_refusal;
    snprintf(owner, sizeof owner, "%.*s", SLICE_FORMAT(login->token));
    *ret_pass = (struct hub_pass){.owner = slice_of(owner), .admin = strncmp(owner, "ops", 3) == 0};
    if (strcmp(owner, "alice") == 0)
        ret_pass->quota.most[LIMIT_CONNECTIONS] = 3;
    return 0;
}

static int setup(void **state)
{
    struct hub_config config = fixture_config();
    config.owner.most[LIMIT_DAILY] = 50;
    config.room.most[LIMIT_ENTRIES] = 9;
    *state = fixture_new(&config);
    fixture_let_in(*state, ask);
    return 0;
}

static json_t *asked(struct fixture *f, const char *payload)
{
    skip_all(f);
    say(f, EVE, "usage_query", "%s", payload);
    json_t *result = expect(f, EVE, "usage_result");
    assert_string_equal(string_of(result, "in_reply_to"), last_message_id(f));
    return result;
}

/* Fails when the owner is not listed. */
static json_t *owner_in(json_t *result, const char *name)
{
    json_t *owner;
    size_t i;
    json_array_foreach(json_object_get(result, "owners"), i,
                       owner) if (strcmp(string_of(owner, "owner"), name) == 0) return owner;
    fail_msg("%s is not listed", name);
    return NULL;
}

static void expect_use(json_t *of, int connections, int sessions, int entries, int daily)
{
    json_t *use = json_object_get(of, "use");
    assert_int_equal(integer_of(use, "connections"), connections);
    assert_int_equal(integer_of(use, "sessions"), sessions);
    assert_int_equal(integer_of(use, "entries"), entries);
    assert_int_equal(integer_of(use, "daily"), daily);
    assert_int_equal(integer_of(use, "knowledge") > 0, entries > 0);
    assert_int_equal(json_object_size(use), 5);
}

static void test_use_is_counted_over_ids_and_rooms(void **state)
{
    struct fixture *f = *state;
    join(f, EVE, "eve", 2, "'token':'ops','role':'observer'");
    join(f, ADA, "ada", 2, "'token':'alice'");
    join(f, BOB, "bob", 2, "'token':'alice','room':'lab'");
    join(f, CEY, "cey", 2, "'token':'carol'");
    say(f, ADA, "pattern_share", "{'pattern':{'id':'a1'}}");
    say(f, ADA, "pattern_share", "{'pattern':{'id':'a2'}}");
    say(f, BOB, "pattern_share", "{'pattern':{'id':'b1'}}");
    say(f, ADA, "collaboration_request", "{'type':'pair'}");
    say(f, BOB, "collaboration_request", "{'type':'pair'}");
    json_t *result = asked(f, "{}");
    expect_use(owner_in(result, "alice"), 2, 2, 3, 7); /* with two hellos */
    expect_use(owner_in(result, "carol"), 1, 0, 0, 1);
    expect_use(owner_in(result, "ops"), 1, 0, 0, 1);
    assert_int_equal(integer_of(result, "total"), 3);
    assert_true(json_is_null(json_object_get(result, "next")));
    json_t *limits = json_object_get(owner_in(result, "alice"), "limits");
    assert_number(number_of(limits, "connections"), 3);
    assert_number(number_of(limits, "daily"), 50); /* the hub's, where it has none */
    assert_int_equal(json_object_size(limits), 2);
    json_t *room = json_object_get(result, "room"); /* of who asks */
    expect_use(room, 3, 1, 2, 6);
    limits = json_object_get(room, "limits");
    assert_number(number_of(limits, "entries"), 9);
    assert_number(number_of(limits, "knowledge"), (double)fixture_config().knowledge_max);
    assert_int_equal(json_object_size(limits), 2);
    leave(f, ADA);
    result = asked(f, "{}");
    expect_use(owner_in(result, "alice"), 1, 2, 3, 7);
    leave(f, BOB);
    wait_ticking(f, 3000); /* and its connections are forgotten */
    say(f, EVE, "heartbeat", "{}");
    result = asked(f, "{}");
    expect_use(owner_in(result, "alice"), 0, 2, 3, 7);
    assert_true(json_is_null(json_object_get(owner_in(result, "alice"), "limits")));
    pass(f, DAY_MS); /* the next day */
    result = asked(f, "{}");
    expect_use(owner_in(result, "alice"), 0, 2, 3, 0);
    expect_use(json_object_get(result, "room"), 2, 1, 2, 0);
}

static void test_what_was_said_in_a_room_that_went_is_counted(void **state)
{
    struct fixture *f = *state;
    fixture_hub(f)->config.rooms_max = 2;
    join(f, EVE, "eve", 2, "'token':'ops'");
    join(f, ADA, "ada", 2, "'token':'alice'");
    join(f, BOB, "bob", 2, "'token':'alice','room':'lab'");
    say(f, BOB, "chat", "{'text':'x'}");
    leave(f, BOB);
    join(f, CEY, "cey", 2, "'token':'carol','room':'other'"); /* in the place of lab */
    json_t *result = asked(f, "{}");
    expect_use(owner_in(result, "alice"), 1, 0, 0, 3);
}

static void test_who_is_away_has_the_place_of_a_connection(void **state)
{
    struct fixture *f = *state;
    join(f, EVE, "eve", 2, "'token':'ops'");
    join(f, ADA, "ada", 2, "'token':'alice','stays_s':60");
    join(f, BOB, "bob", 2, "'token':'alice'");
    leave(f, ADA);
    json_t *result = asked(f, "{}");
    expect_use(owner_in(result, "alice"), 2, 0, 0, 2);
    expect_use(json_object_get(result, "room"), 3, 0, 0, 3);
    leave(f, BOB);
    result = asked(f, "{}");
    expect_use(owner_in(result, "alice"), 1, 0, 0, 2);
}

static void test_none_but_an_admin_is_told(void **state)
{
    struct fixture *f = *state;
    join(f, EVE, "eve", 2, "'token':'ops'");
    join(f, ADA, "ada", 2, "'token':'alice'");
    join(f, BOB, "bob", 2, "'token':'alice','role':'observer'");
    join(f, DAN, "dan", 1, "'token':'ops'");
    for (unsigned peer = ADA; peer <= BOB; peer++) {
        say(f, peer, "usage_query", "{}");
        json_t *error = expect_error(f, peer, "forbidden");
        assert_non_null(strstr(string_of(error, "detail"), "an admin's"));
        expect_nothing(f, peer);
    }
    say(f, DAN, "usage_query", "{}");
    expect_error(f, DAN, "forbidden"); /* of level 1 */
    asked(f, "{}");
    fixture_let_in(f, NULL);
    join(f, CEY, "cey", 2, "'admin':true"); /* where nobody asks, nobody is one */
    say(f, CEY, "usage_query", "{}");
    expect_error(f, CEY, "forbidden");
}

static void test_owners_are_listed_page_by_page(void **state)
{
    struct fixture *f = *state;
    char id[16], hello[64], payload[96] = "{'limit':2}";
    json_t *seen = json_object();
    for (unsigned i = 0; i < 4; i++) {
        snprintf(id, sizeof id, "own%u", 7 - i);
        snprintf(hello, sizeof hello, "'token':'%s'", id);
        join(f, 20 + i, id, 2, hello);
    }
    join(f, EVE, "eve", 2, "'token':'ops'");
    for (unsigned page = 0; page < 3; page++) {
        json_t *result = asked(f, payload), *owner, *next = json_object_get(result, "next");
        size_t i;
        assert_int_equal(integer_of(result, "total"), 5);
        json_array_foreach(json_object_get(result, "owners"), i, owner)
        {
            assert_null(json_object_get(seen, string_of(owner, "owner")));
            json_object_set_new(seen, string_of(owner, "owner"), json_true());
        }
        assert_int_equal(json_array_size(json_object_get(result, "owners")), page < 2 ? 2 : 1);
        if (page == 2)
            assert_true(json_is_null(next));
        else
            snprintf(payload, sizeof payload, "{'limit':2,'after':'%s'}", json_string_value(next));
    }
    assert_int_equal(json_object_size(seen), 5);
    json_decref(seen);
    say(f, EVE, "usage_query", "{'limit':201}");
    expect_error(f, EVE, "bad_payload");
    say(f, EVE, "usage_query", "{'after':7}");
    expect_error(f, EVE, "bad_payload");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        USAGE_TEST(test_use_is_counted_over_ids_and_rooms),
        USAGE_TEST(test_what_was_said_in_a_room_that_went_is_counted),
        USAGE_TEST(test_who_is_away_has_the_place_of_a_connection),
        USAGE_TEST(test_none_but_an_admin_is_told),
        USAGE_TEST(test_owners_are_listed_page_by_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
