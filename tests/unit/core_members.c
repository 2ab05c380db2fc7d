/* member_query: who is in a room, page by page, and one that is named. */
#include "core_fixture.h"

#include <stdio.h>
#include <string.h>

#include "core/bounds.h"

static void verify_page(struct fixture *f, unsigned peer, const char *query, const char *ids,
                        const char *next)
{
    char found[512] = "";
    size_t i;
    json_t *member;
    say(f, peer, "member_query", "%s", query);
    json_t *result = expect(f, peer, "member_result");
    assert_string_equal(string_of(result, "in_reply_to"), last_message_id(f));
    json_array_foreach(json_object_get(result, "members"), i, member)
        snprintf(found + strlen(found), sizeof found - strlen(found), "%s%s", i ? "," : "",
                 string_of(member, "ai_id"));
    assert_string_equal(found, ids);
    if (next)
        assert_string_equal(string_of(result, "next"), next);
    else
        assert_true(json_is_null(json_object_get(result, "next")));
}

static json_t *one(struct fixture *f, unsigned peer, const char *id)
{
    say(f, peer, "member_query", "{'id':'%s'}", id);
    json_t *members = json_object_get(expect(f, peer, "member_result"), "members");
    assert_int_equal(json_array_size(members), 1);
    return json_array_get(members, 0);
}

static void those_there_are_told_in_the_order_of_their_ids(void **state)
{
    struct fixture *f = *state;
    join(f, CEY, "cey", 2,
         "'specialization':'audio','capabilities':['mix'],'collaboration_ready':false");
    join(f, ADA, "ada", 1, "");
    join(f, BOB, "bob", 2, "'stays_s':60");
    join(f, DAN, "dan", 2, "");
    join(f, EVE, "eye", 2, "'role':'observer'");
    leave(f, BOB);
    leave(f, DAN);
    verify_page(f, CEY, "{}", "ada,bob,cey", NULL);
    verify_page(f, EVE, "{}", "ada,bob,cey", NULL);
    verify_page(f, CEY, "{'limit':1}", "ada", "ada");
    verify_page(f, CEY, "{'limit':1,'after':'ada'}", "bob", "bob");
    verify_page(f, CEY, "{'limit':2,'after':'b'}", "bob,cey",
                "cey"); /* dan has yet to be looked at */
    verify_page(f, CEY, "{'after':'cey'}", "", NULL);
    say(f, CEY, "member_query", "{}");
    json_t *result = expect(f, CEY, "member_result");
    assert_int_equal(number_of(result, "connected"), 2);
    assert_int_equal(number_of(result, "away"), 1);
    json_t *cey = one(f, EVE, "cey");
    assert_string_equal(string_of(cey, "specialization"), "audio");
    assert_true(json_is_false(json_object_get(cey, "collaboration_ready")));
    assert_string_equal(json_string_value(json_array_get(json_object_get(cey, "capabilities"), 0)),
                        "mix");
    assert_null(json_object_get(cey, "away_since"));
    assert_null(json_object_get(cey, "left"));
}

static void it_is_told_when_each_was_last_heard_of(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    join(f, BOB, "bob", 2, "'stays_s':60");
    join(f, CEY, "cey", 1, "");
    leave(f, BOB);
    pass(f, 4000);
    say(f, CEY, "heartbeat", "{}");
    pass(f, 1000);
    json_t *ada = one(f, ADA, "ada"), *bob = one(f, ADA, "bob"), *cey = one(f, ADA, "cey");
    assert_string_equal(string_of(ada, "heard"), "2026-11-22T08:00:05.000+00:00");
    assert_string_equal(string_of(ada, "status"), "connected");
    assert_string_equal(string_of(bob, "heard"), "2026-11-22T08:00:00.000+00:00");
    assert_string_equal(string_of(bob, "status"), "away");
    assert_string_equal(string_of(cey, "heard"), "2026-11-22T08:00:04.000+00:00");
    leave(f, CEY);
    pass(f, 1000);
    cey = one(f, ADA, "cey");
    assert_string_equal(string_of(cey, "heard"), "2026-11-22T08:00:05.000+00:00");
    assert_string_equal(string_of(cey, "status"), "left");
}

static void of_one_it_is_told_if_it_is_away_or_has_left(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    join(f, BOB, "bob", 2, "'stays_s':60");
    join(f, DAN, "dan", 2, "");
    leave(f, BOB);
    leave(f, DAN);
    json_t *bob = one(f, ADA, "bob");
    assert_non_null(json_object_get(bob, "away_since"));
    assert_non_null(json_object_get(bob, "stays_until"));
    assert_null(json_object_get(bob, "left"));
    json_t *dan = one(f, ADA, "dan");
    assert_non_null(json_object_get(dan, "left"));
    assert_null(json_object_get(dan, "away_since"));
}

static void what_can_not_be_told_is_refused(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    join(f, BOB, "bob", 1, "");
    join(f, EVE, "eye", 2, "'role':'observer'");
    say(f, ADA, "member_query", "{'id':'nobody'}");
    expect_error(f, ADA, "not_found");
    say(f, ADA, "member_query", "{'id':'eye'}");
    expect_error(f, ADA, "not_found");
    say(f, ADA, "member_query", "{'limit':201}");
    expect_error(f, ADA, "bad_payload");
    say(f, ADA, "member_query", "{'after':7}");
    expect_error(f, ADA, "bad_payload");
    say(f, BOB, "member_query", "{}");
    expect_error(f, BOB, "forbidden");
}

/* A room that remembers many who left is not walked through for one answer. */
static void a_page_looks_at_so_many(void **state)
{
    struct fixture *f = *state;
    char id[32];
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(id, sizeof id, "m%04u", i);
        join(f, BOB, id, 2, "");
        leave(f, BOB);
    }
    join(f, ADA, "zoe", 2, "");
    verify_page(f, ADA, "{}", "", "m4095");
    verify_page(f, ADA, "{'after':'m4095'}", "zoe", NULL);
}

static size_t on(json_t *member, const char *list)
{
    return json_array_size(json_object_get(json_object_get(member, "on"), list));
}

static void what_one_does_is_what_it_holds(void **state)
{
    struct fixture *f = *state;
    char joined[40], spoke[40];
    join(f, ADA, "ada", 2, "");
    join(f, BOB, "bob", 2, "");
    join(f, EVE, "eye", 2, "'role':'observer'");
    json_t *ada = one(f, BOB, "ada");
    snprintf(joined, sizeof joined, "%s", string_of(ada, "joined"));
    assert_string_equal(string_of(ada, "idle_since"), joined);
    pass(f, 5000);
    say(f, ADA, "heartbeat", "{}"); /* says nothing, nor does a question or a second hello */
    say(f, ADA, "member_query", "{}");
    say_hello(f, ADA, "ada", "{'protocol':2}");
    say(f, ADA, "chat", "{'text':7}"); /* nor what is refused */
    skip_all(f);
    assert_string_equal(string_of(one(f, BOB, "ada"), "idle_since"), joined);
    say(f, ADA, "chat", "{'text':'I work on it'}"); /* whatever it says of itself */
    ada = one(f, BOB, "ada");
    snprintf(spoke, sizeof spoke, "%s", string_of(ada, "idle_since"));
    assert_true(strcmp(spoke, joined) > 0);
    assert_int_equal(on(ada, "leases") + on(ada, "tasks") + on(ada, "sessions"), 0);
    pass(f, 5000);
    say(f, ADA, "lease_request", "{'key':'src/a.c','ttl_s':60,'intent':'a fix'}");
    say(f, ADA, "task", "{'key':'build','title':'build it'}");
    say(f, ADA, "lease_request", "{'key':'task:build','ttl_s':60}");
    say(f, ADA, "collaboration_request", "{'type':'pair','description':'d','target_ai':'bob'}");
    skip_all(f);
    ada = one(f, EVE, "ada");
    assert_true(strcmp(string_of(ada, "idle_since"), spoke) > 0);
    assert_int_equal(on(ada, "leases"), 1);
    assert_int_equal(on(ada, "tasks"), 1);
    assert_int_equal(on(ada, "sessions"), 1);
    json_t *work = json_object_get(ada, "on");
    json_t *lease = json_array_get(json_object_get(work, "leases"), 0);
    assert_string_equal(string_of(lease, "key"), "src/a.c");
    assert_string_equal(string_of(lease, "intent"), "a fix");
    assert_true(strlen(string_of(lease, "since")) > 20);
    json_t *task = json_array_get(json_object_get(work, "tasks"), 0);
    assert_string_equal(string_of(task, "id"), "build");
    assert_string_equal(string_of(task, "title"), "build it");
    json_t *session = json_array_get(json_object_get(work, "sessions"), 0);
    assert_string_equal(string_of(session, "type"), "pair");
    assert_string_equal(string_of(session, "status"), "pending");
    join(f, CEY, "cey", 2, "");
    assert_int_equal(on(one(f, CEY, "ada"), "sessions"), 0); /* it was not offered to it */
    assert_int_equal(on(one(f, CEY, "ada"), "leases"), 1);
    assert_int_equal(on(one(f, CEY, "bob"), "leases"), 0);
    for (unsigned i = 0; i < ON_SHOWN_MAX + 1; i++)
        say(f, ADA, "lease_request", "{'key':'%u','ttl_s':60}", i);
    skip_all(f);
    assert_int_equal(on(one(f, CEY, "ada"), "leases"), ON_SHOWN_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        TEST(those_there_are_told_in_the_order_of_their_ids),
        TEST(it_is_told_when_each_was_last_heard_of),
        TEST(of_one_it_is_told_if_it_is_away_or_has_left),
        TEST(what_can_not_be_told_is_refused),
        TEST(a_page_looks_at_so_many),
        TEST(what_one_does_is_what_it_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
