/* Cursors: how far an AI said to have read is kept with it, and costs little. */
#include "core_fixture.h"

#include <stdio.h>
#include <string.h>

#include "wire/text.h"

#define CURSORS_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

static json_int_t cursor_in(const struct hub *hub, const char *id)
{
    struct text text = {0};
    json_int_t cursor = -1;
    size_t index;
    json_t *row;
    hub_dump(hub, slice_of("main"), &text);
    json_t *dump = json_loadb(text.at, text.len, 0, NULL);
    json_array_foreach(json_object_get(dump, "members"), index, row)
    {
        if (strcmp(string_of(row, "ai_id"), id) == 0)
            cursor = integer_of(row, "cursor");
    }
    json_decref(dump);
    text_free(&text);
    return cursor;
}

static uint64_t seq(struct fixture *f)
{
    return hub_seq(fixture_hub(f), slice_of("main"));
}

static void read_up_to(struct fixture *f, unsigned peer, uint64_t seq)
{
    say(f, peer, "heartbeat", "{'seq':%llu}", (unsigned long long)seq);
    expect(f, peer, "heartbeat");
}

static void test_what_was_read_is_kept(void **state)
{
    struct fixture *f = *state;
    join(f, BOB, "bob", 2, "");
    uint64_t bob = seq(f);
    join(f, ADA, "ada", 2, "");
    assert_int_equal(cursor_in(fixture_hub(f), "ada"), seq(f)); /* that of its joining */
    say(f, BOB, "chat", "{}");
    expect(f, ADA, "chat");
    uint64_t heard = seq(f);
    read_up_to(f, ADA, heard);
    assert_int_equal(cursor_in(fixture_hub(f), "ada"), heard);
    assert_int_equal(cursor_in(fixture_hub(f), "bob"), bob);
    expect_nothing(f, BOB); /* nobody hears of it */
    leave(f, ADA);
    join(f, CEY, "ada", 2, "");
    assert_int_equal(cursor_in(fixture_hub(f), "ada"), heard);
}

static void test_a_cursor_never_goes_back_nor_beyond(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    join(f, BOB, "bob", 2, "");
    skip_all(f);
    uint64_t there = seq(f);
    read_up_to(f, ADA, there + 1000);
    assert_int_equal(cursor_in(fixture_hub(f), "ada"), there);
    say(f, BOB, "chat", "{}");
    skip_all(f);
    wait_ticking(f, CURSOR_MS);
    read_up_to(f, ADA, 1);
    assert_int_equal(cursor_in(fixture_hub(f), "ada"), there);
    say(f, ADA, "heartbeat", "{'seq':'all'}");
    say(f, ADA, "heartbeat", "{'seq':-4}");
    leave(f, ADA);
    assert_int_equal(cursor_in(fixture_hub(f), "ada"), there);
}

static void test_few_are_kept_and_the_last_when_it_goes(void **state)
{
    struct fixture *f = *state;
    join(f, BOB, "bob", 1, "");
    join(f, ADA, "ada", 2, "");
    read_up_to(f, ADA, seq(f));
    say(f, BOB, "chat", "{}");
    skip_all(f);
    uint64_t heard = seq(f);
    read_up_to(f, ADA, heard);
    uint64_t kept = (uint64_t)cursor_in(fixture_hub(f), "ada");
    assert_int_equal(kept, heard);
    say(f, BOB, "chat", "{}");
    skip_all(f);
    heard = seq(f);
    for (int i = 0; i < 3; i++)
        read_up_to(f, ADA, heard);
    assert_int_equal(seq(f), heard); /* too soon after the last for an entry */
    assert_int_equal(cursor_in(fixture_hub(f), "ada"), kept);
    leave(f, ADA);
    assert_int_equal(cursor_in(fixture_hub(f), "ada"), heard);
}

/* The entry that keeps a cursor has a seq of its own; reading as far as that is no news. */
static void test_an_idle_room_has_no_entries(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    join(f, BOB, "bob", 2, "");
    skip_all(f);
    for (int i = 0; i < 2; i++) {
        wait_ticking(f, CURSOR_MS);
        read_up_to(f, ADA, seq(f));
        read_up_to(f, BOB, seq(f));
    }
    uint64_t before = seq(f);
    for (int i = 0; i < 5; i++) {
        wait_ticking(f, CURSOR_MS);
        read_up_to(f, ADA, seq(f));
        read_up_to(f, BOB, seq(f));
    }
    assert_int_equal(seq(f), before);
}

static void test_a_stop_keeps_them(void **state)
{
    struct fixture *f = *state;
    join(f, BOB, "bob", 1, "");
    join(f, ADA, "ada", 2, "");
    read_up_to(f, ADA, seq(f));
    say(f, BOB, "chat", "{}");
    skip_all(f);
    uint64_t heard = seq(f);
    read_up_to(f, ADA, heard);
    hub_stop(fixture_hub(f), now(f));
    assert_int_equal(cursor_in(fixture_hub(f), "ada"), heard);
}

/* Whichever door it comes by next, it hears how far it has read. */
static void test_who_joins_is_told_it(void **state)
{
    struct fixture *f = *state;
    join(f, BOB, "bob", 2, "");
    json_t *sync = join(f, ADA, "ada", 2, "");
    assert_int_equal(integer_of(sync, "cursor"), seq(f)); /* that of its joining */
    assert_null(json_object_get(join(f, DAN, "dan", 1, ""), "cursor"));
    say(f, BOB, "chat", "{}");
    skip_all(f);
    uint64_t heard = seq(f);
    read_up_to(f, ADA, heard);
    leave(f, ADA);
    assert_int_equal(integer_of(join(f, CEY, "ada", 2, ""), "cursor"), heard);
    leave(f, CEY);
    say(f, BOB, "chat", "{}");
    heard = seq(f);
    char since[32];
    snprintf(since, sizeof since, "'since':%llu", (unsigned long long)heard);
    assert_int_equal(integer_of(join(f, EVE, "ada", 2, since), "cursor"), heard);
    leave(f, EVE);
    assert_int_equal(integer_of(join(f, FAY, "ada", 2, "'since':1"), "cursor"), heard);
}

/* What one connection said to have read a moment ago is not told again to the one that takes its
 * id. */
static void test_who_takes_an_id_over_takes_its_cursor(void **state)
{
    struct fixture *f = *state;
    char token[64];
    join(f, BOB, "bob", 2, "");
    json_t *sync = join(f, ADA, "ada", 2, "");
    snprintf(token, sizeof token, "'resume_token':'%s'", string_of(sync, "resume_token"));
    for (int i = 0; i < 2; i++) {
        if (i > 0)
            read_up_to(f, ADA, seq(f));
        say(f, BOB, "chat", "{}");
        skip_all(f);
    }
    uint64_t before = (uint64_t)cursor_in(fixture_hub(f), "ada"), heard = seq(f);
    read_up_to(f, ADA, heard); /* too soon after the last to be kept by itself */
    assert_int_equal(cursor_in(fixture_hub(f), "ada"), before);
    assert_int_equal(integer_of(join(f, CEY, "ada", 2, token), "cursor"), heard);
    expect_closed(f, ADA, CLOSE_TAKEN_OVER);
    assert_true(before < heard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CURSORS_TEST(test_what_was_read_is_kept),
        CURSORS_TEST(test_a_cursor_never_goes_back_nor_beyond),
        CURSORS_TEST(test_few_are_kept_and_the_last_when_it_goes),
        CURSORS_TEST(test_an_idle_room_has_no_entries),
        CURSORS_TEST(test_a_stop_keeps_them),
        CURSORS_TEST(test_who_joins_is_told_it),
        CURSORS_TEST(test_who_takes_an_id_over_takes_its_cursor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
