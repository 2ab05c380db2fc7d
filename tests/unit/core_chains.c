/* Replies in a row: counted along the chain, whoever says them, and stopped. */
#include "core_fixture.h"

#include <stdio.h>
#include <string.h>

#include "core/bounds.h"

#define CHAINS_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

static void verify(struct fixture *f)
{
    char why[256] = "";
    hub_recount(fixture_hub(f), why, sizeof why);
    assert_string_equal(why, "");
}

static void join_three(struct fixture *f)
{
    join(f, ADA, "ada", 2, "");
    join(f, BOB, "bob", 2, "");
    join(f, CEY, "cey", 2, "");
    skip_all(f);
}

/* The peers, in turn and to all, each reply to what was said last; so many. */
static void reply_in_turn(struct fixture *f, const unsigned *peers, size_t peer_count,
                          unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char before[48];
        snprintf(before, sizeof before, "%s", last_message_id(f));
        say(f, peers[i % peer_count], "chat", "{'text':'and?','in_reply_to':'%s'}", before);
        expect_relayed(f, peers[(i + 1) % peer_count]);
        skip_all(f);
    }
}

/* One more is refused, and nobody hears it; the last that was said stays what it was. */
static void expect_loop(struct fixture *f, unsigned peer, unsigned other, const char *before)
{
    say(f, peer, "chat", "{'text':'and?','in_reply_to':'%s'}", before);
    json_t *error = expect_error(f, peer, "loop");
    assert_non_null(strstr(string_of(error, "detail"), "51 in a row"));
    assert_non_null(strstr(string_of(error, "detail"), "50 (--max-chain)"));
    expect_nothing(f, other);
}

static void test_a_pair_is_stopped(void **state)
{
    static const unsigned pair[] = {BOB, ADA};
    struct fixture *f = *state;
    char last[48];
    join_three(f);
    say(f, ADA, "chat", "{'text':'?'}");
    skip_all(f);
    reply_in_turn(f, pair, 2, CHAIN_MAX);
    snprintf(last, sizeof last, "%s", last_message_id(f));
    expect_loop(f, BOB, ADA, last);
    expect_loop(f, CEY, ADA, last); /* whoever goes on with it */
    say(f, BOB, "chat", "{'text':'something else'}");
    expect_relayed(f, ADA);
    verify(f);
}

static void test_a_triangle_is_stopped(void **state)
{
    static const unsigned triangle[] = {BOB, CEY, ADA};
    struct fixture *f = *state;
    char last[48];
    join_three(f);
    say(f, ADA, "chat", "{'text':'?'}");
    skip_all(f);
    reply_in_turn(f, triangle, 3, CHAIN_MAX);
    snprintf(last, sizeof last, "%s", last_message_id(f));
    expect_loop(f, ADA, CEY, last);
    verify(f);
}

static void test_a_person_begins_anew(void **state)
{
    static const unsigned pair[] = {BOB, ADA};
    struct fixture *f = *state;
    char last[48];
    join_three(f);
    join(f, DAN, "dan", 2, "'specialization':'person'");
    skip_all(f);
    say(f, ADA, "chat", "{'text':'?'}");
    skip_all(f);
    reply_in_turn(f, pair, 2, CHAIN_MAX);
    snprintf(last, sizeof last, "%s", last_message_id(f));
    say(f, DAN, "chat", "{'text':'go on','in_reply_to':'%s'}", last);
    expect_relayed(f, ADA);
    skip_all(f);
    reply_in_turn(f, pair, 2, CHAIN_MAX);
    snprintf(last, sizeof last, "%s", last_message_id(f));
    expect_loop(f, BOB, ADA, last);
    verify(f);
}

static void test_a_pause_begins_anew(void **state)
{
    static const unsigned pair[] = {BOB, ADA};
    struct fixture *f = *state;
    char last[48];
    join_three(f);
    say(f, ADA, "chat", "{'text':'?'}");
    skip_all(f);
    reply_in_turn(f, pair, 2, CHAIN_MAX);
    snprintf(last, sizeof last, "%s", last_message_id(f));
    pass(f, CHAIN_PAUSE_MS - 1);
    expect_loop(f, BOB, ADA, last);
    pass(f, 1);
    say(f, BOB, "chat", "{'text':'back again','in_reply_to':'%s'}", last);
    expect_relayed(f, ADA);
    verify(f);
}

static void test_who_answers_itself_makes_it_no_longer(void **state)
{
    struct fixture *f = *state;
    join_three(f);
    say(f, ADA, "chat", "{'text':'?'}");
    skip_all(f);
    for (unsigned i = 0; i < 2 * CHAIN_MAX; i++) {
        char before[48];
        snprintf(before, sizeof before, "%s", last_message_id(f));
        say(f, ADA, "chat", "{'text':'progress','in_reply_to':'%s'}", before);
        expect_relayed(f, BOB);
    }
    verify(f);
}

/* Somebody else's message of the same id is another one, if it is said to whom it answers. */
static void test_a_direct_message_answers_its_target(void **state)
{
    static const unsigned pair[] = {BOB, CEY};
    struct fixture *f = *state;
    char last[48];
    join_three(f);
    say(f, CEY, "chat", "{'text':'?'}");
    skip_all(f);
    reply_in_turn(f, pair, 2, CHAIN_MAX);
    snprintf(last, sizeof last, "%s", last_message_id(f)); /* cey's */
    say_to(f, BOB, "ada", "chat", "{'text':'to ada','in_reply_to':'%s'}", last);
    expect_relayed(f, ADA);
    say_to(f, BOB, "cey", "chat", "{'text':'to cey','in_reply_to':'%s'}", last);
    expect_error(f, BOB, "loop");
    verify(f);
}

static void test_what_is_no_name_of_a_message_is_no_reply(void **state)
{
    struct fixture *f = *state;
    join_three(f);
    static const char *const names[] = {"null", "5", "[]", "''"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        say(f, ADA, "chat", "{'text':'?','in_reply_to':%s}", names[i]);
        expect_relayed(f, BOB);
    }
    say(f, ADA, "chat", "{'text':'?','in_reply_to':'%0400d'}", 0); /* longer than any */
    expect_relayed(f, BOB);
    verify(f);
}

static void test_a_hub_may_have_no_limit_or_another(void **state)
{
    static const unsigned pair[] = {BOB, ADA};
    (void)state;
    for (unsigned most = 0; most < 3; most += 2) {
        struct hub_config config = fixture_config();
        config.chain_max = most;
        struct fixture *f = fixture_new(&config);
        join_three(f);
        say(f, ADA, "chat", "{'text':'?'}");
        skip_all(f);
        reply_in_turn(f, pair, 2, most ? most : 2 * CHAIN_MAX);
        char last[48];
        snprintf(last, sizeof last, "%s", last_message_id(f));
        say(f, BOB, "chat", "{'text':'and?','in_reply_to':'%s'}", last);
        if (most)
            expect_error(f, BOB, "loop");
        else
            expect_relayed(f, ADA);
        fixture_free(f);
    }
}

/* What made place is forgotten: its chain begins anew. */
static void test_a_room_remembers_so_many(void **state)
{
    static const unsigned pair[] = {BOB, ADA};
    struct fixture *f = *state;
    char last[48];
    join_three(f);
    say(f, ADA, "chat", "{'text':'?'}");
    skip_all(f);
    reply_in_turn(f, pair, 2, CHAIN_MAX);
    snprintf(last, sizeof last, "%s", last_message_id(f));
    for (unsigned i = 0; i < CHAIN_LINKS_MAX - 1; i++)
        say(f, CEY, "chat", "{'text':'.','in_reply_to':'nobody'}");
    skip_all(f);
    verify(f);
    expect_loop(f, BOB, ADA, last);
    say(f, CEY, "chat", "{'text':'.','in_reply_to':'nobody'}");
    skip_all(f);
    verify(f);
    say(f, BOB, "chat", "{'text':'and?','in_reply_to':'%s'}", last);
    expect_relayed(f, ADA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHAINS_TEST(test_a_pair_is_stopped),
        CHAINS_TEST(test_a_triangle_is_stopped),
        CHAINS_TEST(test_a_person_begins_anew),
        CHAINS_TEST(test_a_pause_begins_anew),
        CHAINS_TEST(test_who_answers_itself_makes_it_no_longer),
        CHAINS_TEST(test_a_direct_message_answers_its_target),
        CHAINS_TEST(test_what_is_no_name_of_a_message_is_no_reply),
        cmocka_unit_test(test_a_hub_may_have_no_limit_or_another),
        CHAINS_TEST(test_a_room_remembers_so_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
