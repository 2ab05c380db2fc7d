/* Names that pass for others: the hub's, or those of who is there. */
#include "core_fixture.h"

#include <string.h>

#define NAMES_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

/* A hello under this name on a connection of its own. */
static void try_name(struct fixture *f, unsigned peer, const char *id)
{
    say_hello(f, peer, id, "{}");
}

static const char *refusal_of(struct fixture *f, const char *id, const char *code)
{
    try_name(f, BOB, id);
    const char *detail = string_of(expect_error(f, BOB, code), "detail");
    expect_nothing(f, BOB);
    expect_nothing(f, ADA);
    return detail;
}

static void test_what_looks_like_the_hub_is_reserved(void **state)
{
    static const char *const names[] = {
        "hub ",          " hub",     "h ub",      "Hub",
        "HUB",           "\u04bbub", "hu\u0184",  "h\u057db",
        "\uff48ub",      "\u210dub", "hub\u2003", "\U0001d5c1\U0001d5ce\U0001d5bb",
        "\u24d7\u24e4b",
    };
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    open_peer(f, BOB);
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        assert_non_null(strstr(refusal_of(f, names[i], "reserved_id"), "looks like \"hub\""));
    refusal_of(f, "hub", "reserved_id");
    try_name(f, BOB, "hubert"); /* what only begins so is fine */
    expect(f, BOB, "training_sync");
}

static void test_what_nobody_sees_is_refused(void **state)
{
    static const char *const names[] = {
        "hub\u200b", "\u200b", "\u202eada", "ad\u2066a",   "ada\u200d", "\u2028",
        "a\ufeffda", "\u00ad", "ada\ufe0f", "a\U000e0041", "a\u115f",   "\ue000",
    };
    struct fixture *f = *state;
    join(f, ADA, "cey", 2, "");
    open_peer(f, BOB);
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        assert_non_null(strstr(refusal_of(f, names[i], "bad_field"), "\\u{"));
    assert_non_null(strstr(refusal_of(f, " ", "bad_field"), "blanks"));
    assert_non_null(strstr(refusal_of(f, "\u3000\u00a0", "bad_field"), "blanks"));
    try_name(f, BOB, "\u017c\u00f3\u0142w \u732b"); /* any script, and blanks between */
    expect(f, BOB, "training_sync");
}

static void test_what_looks_like_somebody_who_is_there_is_refused(void **state)
{
    static const char *const names[] = {"\u0430da l", "ada  l",     "adal", "ada I",
                                        "ada 1",      "ad\u0251 l", "ada |"};
    struct fixture *f = *state;
    join(f, ADA, "ada l", 2, "");
    open_peer(f, BOB);
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        assert_non_null(strstr(refusal_of(f, names[i], "id_in_use"), "looks like \"ada l\""));
    refusal_of(f, "ada l", "id_in_use");
    try_name(f, BOB, "ADA L"); /* a reader tells them apart */
    expect(f, BOB, "training_sync");
    leave(f, ADA);
    open_peer(f, CEY);
    try_name(f, CEY, "\u0410DA L");
    assert_non_null(
        strstr(string_of(expect_error(f, CEY, "id_in_use"), "detail"), "looks like \"ADA L\""));
    leave(f, BOB);
    try_name(f, CEY, "\u0410DA L"); /* who left is not passed for */
    expect(f, CEY, "training_sync");
}

static void test_first_messages_are_judged_as_hellos_are(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    open_peer(f, BOB);
    say_raw(f, BOB,
            "{'message_id':'m','sender_id':'\u0430da','message_type':'chat','timestamp':'t',"
            "'payload':{}}");
    expect_error(f, BOB, "id_in_use");
    expect_nothing(f, ADA);
    say_raw(f, BOB,
            "{'message_id':'m','sender_id':'hub\u200b','message_type':'chat','timestamp':'t',"
            "'payload':{}}");
    expect_error(f, BOB, "bad_field");
    expect_nothing(f, ADA);
}

static void test_rooms_do_not_know_each_others_names(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "'room':'lab'");
    join(f, BOB, "\u0430da", 2, "");
    expect_open(f, BOB);
}

static void test_an_id_is_taken_over_with_its_look(void **state)
{
    struct fixture *f = *state;
    char token[40];
    snprintf(token, sizeof token, "%s", string_of(join(f, ADA, "ada", 2, ""), "resume_token"));
    open_peer(f, BOB);
    say_hello(f, BOB, "\u0430da", "{'protocol':2,'resume_token':'%s'}", token);
    expect_error(f, BOB, "id_in_use"); /* the secret is not this name's */
    say_hello(f, BOB, "ada", "{'protocol':2,'resume_token':'%s'}", token);
    expect(f, BOB, "training_sync");
    expect_closed(f, ADA, CLOSE_TAKEN_OVER);
    open_peer(f, CEY);
    try_name(f, CEY, "\u0430da");
    expect_error(f, CEY, "id_in_use");
}

static void test_a_rooms_name_hides_nothing(void **state)
{
    static const char *const rooms[] = {"main\u200b", "\u202eniam", "\u2060"};
    struct fixture *f = *state;
    open_peer(f, ADA);
    for (unsigned i = 0; i < sizeof rooms / sizeof *rooms; i++) {
        say_hello(f, ADA, "ada", "{'room':'%s'}", rooms[i]);
        const char *detail = string_of(expect_error(f, ADA, "bad_payload"), "detail");
        assert_non_null(strstr(detail, "payload.room"));
        assert_non_null(strstr(detail, "\\u{"));
    }
    assert_int_equal(hub_count(fixture_hub(f)).rooms, 1);
    say_hello(f, ADA, "ada", "{'room':'b\u00fcro 3'}");
    expect(f, ADA, "training_sync");
}

static void test_every_name_of_many_is_guarded(void **state)
{
    enum { MANY = 120 };
    struct fixture *f = *state;
    char id[32];
    for (unsigned i = 1; i <= MANY; i++) {
        snprintf(id, sizeof id, "ai%u", i);
        open_peer(f, i);
        try_name(f, i, id);
    }
    open_peer(f, MANY + 1);
    for (unsigned i = 1; i <= MANY; i += 7) {
        snprintf(id, sizeof id, "\u0430i%u", i);
        skip_all(f);
        try_name(f, MANY + 1, id);
        expect_error(f, MANY + 1, "id_in_use");
    }
    char why[256];
    assert_int_equal(hub_recount(fixture_hub(f), why, sizeof why), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NAMES_TEST(test_what_looks_like_the_hub_is_reserved),
        NAMES_TEST(test_what_nobody_sees_is_refused),
        NAMES_TEST(test_what_looks_like_somebody_who_is_there_is_refused),
        NAMES_TEST(test_first_messages_are_judged_as_hellos_are),
        NAMES_TEST(test_rooms_do_not_know_each_others_names),
        NAMES_TEST(test_an_id_is_taken_over_with_its_look),
        NAMES_TEST(test_a_rooms_name_hides_nothing),
        NAMES_TEST(test_every_name_of_many_is_guarded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
