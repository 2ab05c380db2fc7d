/* Which entries of a room are messages: bounded, in rows, and of what lies too far back unknown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/room.h"

static int setup(void **state)
{
    struct room *room = memory_new(sizeof *room);
    changes_init(&room->changes);
    room->changes.kept = true;
    *state = room;
    return 0;
}

static int teardown(void **state)
{
    struct room *room = *state;
    changes_free(&room->changes); /* blocks are in its list */
    said_release(room);
    free(room);
    return 0;
}

static void say(struct room *room, uint64_t seq)
{
    room->last_seq = seq;
    said_note(room, seq, SAID_MESSAGE);
}

static void test_what_is_noted_is_found(void **state)
{
    struct room *room = *state;
    say(room, 1);
    say(room, 8);
    say(room, SAID_BLOCK - 1);
    say(room, SAID_BLOCK);
    said_note(room, 8, SAID_RETRACTED);
    assert_int_equal(said_find(room, 1), SAID_MESSAGE);
    assert_int_equal(said_find(room, 2), SAID_NOTHING);
    assert_int_equal(said_find(room, 8), SAID_RETRACTED);
    assert_int_equal(said_find(room, SAID_BLOCK - 1), SAID_MESSAGE);
    assert_int_equal(said_find(room, SAID_BLOCK), SAID_MESSAGE);
    assert_int_equal(said_find(room, SAID_BLOCK + 1), SAID_NOTHING);
    assert_int_equal(said_find(room, SAID_BLOCK * 9ull), SAID_NOTHING);
    assert_true(said_whole(room));
}

/* The oldest block makes way, and its row goes; a gap in the seqs is no block. */
static void test_a_bounded_number_is_known(void **state)
{
    struct room *room = *state;
    uint64_t window = (uint64_t)SAID_BLOCK * SAID_BLOCKS_MAX;
    say(room, 5);
    say(room, SAID_BLOCK + 5);
    while (changes_take(&room->changes))
        ;
    say(room, window - 1);
    assert_int_equal(said_find(room, 5), SAID_MESSAGE);
    say(room, window + 5);
    assert_int_equal(said_find(room, 5), SAID_LONG_AGO);
    assert_int_equal(said_find(room, SAID_BLOCK + 5), SAID_MESSAGE);
    assert_int_equal(said_find(room, 2 * SAID_BLOCK + 5), SAID_NOTHING);
    said_note(room, 5, SAID_RETRACTED); /* which there is no place for */
    assert_int_equal(said_find(room, 5), SAID_LONG_AGO);
    bool gone = false;
    struct change *change;
    while ((change = changes_take(&room->changes)))
        if (!change->of) {
            gone = change->kind == ROW_SAID && slice_is(change->key, "0");
            change_free(change);
        }
    assert_true(gone);
    assert_true(said_whole(room));
}

/* What an earlier version kept says nothing of this. */
static void test_before_it_was_kept_nothing_is_known(void **state)
{
    struct room *room = *state;
    room->messages.from = 100;
    say(room, 100);
    assert_int_equal(said_find(room, 99), SAID_LONG_AGO);
    assert_int_equal(said_find(room, 101), SAID_NOTHING);
    said_note(room, 99, SAID_RETRACTED);
    assert_int_equal(said_find(room, 99), SAID_RETRACTED);
}

static struct json_value hex(const char *digits)
{
    return (struct json_value){.kind = JSON_KIND_STRING, .raw = slice_of(digits)};
}

static const struct json_value absent = {.kind = JSON_KIND_ABSENT};

static void write_block(const void *block, void *ctx)
{
    said_write(block, ctx);
}

static void test_rows_say_it_again(void **state)
{
    struct room *room = *state;
    struct text text = {0};
    room->last_seq = SAID_BLOCK + 20;
    assert_true(said_restore(room, slice_of("1"), hex("0180"), hex("01")));
    assert_int_equal(said_find(room, SAID_BLOCK), SAID_RETRACTED);
    assert_int_equal(said_find(room, SAID_BLOCK + 15), SAID_MESSAGE);
    said_each(room, write_block, &text);
    assert_true(slice_is(text_slice(&text), "\"messages\":\"0180\",\"retracted\":\"01\""));
    text_free(&text);
    assert_true(said_restore(room, slice_of("0"), hex(""), absent));
    static const char *const keys[] = {"1", "2", "", "x", "-1"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        assert_false(said_restore(room, slice_of(keys[i]), hex("01"), absent));
}

static void test_digits_that_are_none_are_damage(void **state)
{
    static const char *const wrong[] = {"0", "0g", "0A", "  "};
    struct room *room = *state;
    char *long_one = malloc(SAID_BLOCK / 4 + 3);
    assert_non_null(long_one);
    memset(long_one, '0', SAID_BLOCK / 4 + 2);
    long_one[SAID_BLOCK / 4 + 2] = '\0';
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(said_restore(room, slice_of("0"), hex(wrong[i]), absent));
        assert_false(said_restore(room, slice_of("0"), hex("00"), hex(wrong[i])));
    }
    assert_false(said_restore(room, slice_of("0"), hex(long_one), absent));
    assert_false(said_restore(room, slice_of("0"), absent, absent));
    free(long_one);
    assert_true(said_restore(room, slice_of("0"), hex("02"), absent));
    assert_false(said_whole(room)); /* of an entry that is not there */
}

int main(void)
{
#define SAID_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        SAID_TEST(test_what_is_noted_is_found),
        SAID_TEST(test_a_bounded_number_is_known),
        SAID_TEST(test_before_it_was_kept_nothing_is_known),
        SAID_TEST(test_rows_say_it_again),
        SAID_TEST(test_digits_that_are_none_are_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
