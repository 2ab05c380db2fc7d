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

/* "own:NAME" a member's token, "root:NAME" an admin's, "seer:NAME" and "eye:NAME" observers' with
 * and without the right to see all. */
static int ask(void *ctx, const struct hub_login *login, struct hub_pass *ret_pass,
               struct refusal *ret_refusal)
{
    static char owner[64];
    char kind[16], shown[96];
    (void)ctx, (void)ret_refusal;
    snprintf(shown, sizeof shown, "%.*s", SLICE_FORMAT(login->token));
    assert_int_equal(sscanf(shown, "%15[^:]:%63s", kind, owner), 2);
    *ret_pass = (struct hub_pass){.owner = slice_of(owner),
                                  .sees = strcmp(kind, "own") == 0   ? SEES_OWN
                                          : strcmp(kind, "eye") == 0 ? SEES_PUBLIC
                                                                     : SEES_ALL};
    return 0;
}

static void expect_told(struct fixture *f, unsigned peer, const char *sender)
{
    json_t *told = expect(f, peer, "error");
    assert_string_equal(string_of(told, "code"), "loop");
    assert_string_equal(string_of(told, "sender"), sender);
    assert_string_equal(string_of(told, "refused"), last_message_id(f));
    assert_true(json_is_null(json_object_get(told, "in_reply_to")));
    assert_non_null(strstr(string_of(told, "detail"), "reply 51"));
}

static void test_admins_are_told_of_a_loop_now_and_then(void **state)
{
    static const unsigned pair[] = {BOB, ADA};
    struct fixture *f = *state;
    char last[48];
    fixture_let_in(f, ask);
    join(f, ADA, "ada", 2, "'token':'own:ada'");
    join(f, BOB, "bob", 2, "'token':'own:bob'");
    join(f, CEY, "cey", 2, "'token':'own:cey'");
    join(f, DAN, "dan", 2, "'token':'root:dan'");
    join(f, EVE, "eve", 2, "'token':'seer:eve','role':'observer'");
    join(f, FAY, "fay", 2, "'token':'eye:fay','role':'observer'");
    join(f, GUS, "gus", 2, "'token':'own:gus','role':'observer'");
    join(f, HAL, "hal", 2, "'token':'root:hal','room':'lab'");
    join(f, IDA, "ida", 1, "'token':'root:ida'");
    say(f, ADA, "chat", "{'text':'?'}");
    skip_all(f);
    reply_in_turn(f, pair, 2, CHAIN_MAX);
    snprintf(last, sizeof last, "%s", last_message_id(f));
    skip_all(f);
    static const unsigned others[] = {ADA, CEY, FAY, GUS, HAL}, told[] = {DAN, EVE, IDA};
    for (unsigned times = 0; times < 3; times++) {
        say(f, BOB, "chat", "{'text':'and?','in_reply_to':'%s'}", last);
        expect_error(f, BOB, "loop");
        for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
            if (times != 1) /* which comes too soon */
                expect_told(f, told[i], "bob");
            expect_nothing(f, told[i]);
        }
        for (size_t i = 0; i < sizeof others / sizeof *others; i++)
            expect_nothing(f, others[i]);
        wait_ticking(f, times ? 1000 : LOOP_TOLD_MS - 1000);
    }
    wait_ticking(f, LOOP_TOLD_MS);
    say(f, DAN, "chat", "{'text':'and I?','in_reply_to':'%s'}", last);
    expect_error(f, DAN, "loop"); /* once, as who said it */
    expect_nothing(f, DAN);
    expect_told(f, EVE, "dan");
}

/* Both replies were under way, and neither was known when the other was admitted. */
static void test_admins_are_told_of_a_loop_that_only_apply_sees(void **state)
{
    static const unsigned pair[] = {BOB, ADA};
    struct fixture *f = *state;
    char last[48];
    fixture_let_in(f, ask);
    join(f, ADA, "ada", 2, "'token':'own:ada'");
    join(f, BOB, "bob", 2, "'token':'own:bob'");
    join(f, CEY, "cey", 2, "'token':'own:cey'");
    join(f, DAN, "dan", 2, "'token':'root:dan'");
    say(f, ADA, "chat", "{'text':'?'}");
    reply_in_turn(f, pair, 2, CHAIN_MAX - 1);
    snprintf(last, sizeof last, "%s", last_message_id(f));
    fixture_hold(f);
    say(f, ADA, "chat", "{'text':'the last','in_reply_to':'%s'}", last);
    snprintf(last, sizeof last, "%s", last_message_id(f));
    say(f, BOB, "chat", "{'text':'one more','in_reply_to':'%s'}", last);
    skip_all(f);
    fixture_commit(f);
    expect_told(f, DAN, "bob");
    expect_nothing(f, DAN);
    assert_string_equal(string_of(expect(f, BOB, "error"), "code"), "loop");
    expect_no(f, ADA, "error");
    expect_no(f, CEY, "error");
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
        CHAINS_TEST(test_admins_are_told_of_a_loop_now_and_then),
        CHAINS_TEST(test_admins_are_told_of_a_loop_that_only_apply_sees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
