/* Outlines are found by their seqs, those that were passed over are gone, and nothing grows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "core/outlines.h"

/* A line that says its number. */
static struct message message_of(uint64_t number, char buffer[256])
{
    struct message message;
    struct refusal refusal;
    int len = snprintf(buffer, 256,
                       "{\"message_id\":\"%llu\",\"sender_id\":\"ada\",\"message_type\":\"chat\","
                       "\"timestamp\":\"t\",\"target_ai\":null,\"payload\":{\"text\":\"hi\"}}",
                       (unsigned long long)number);
    assert_int_equal(message_parse((struct slice){buffer, (size_t)len}, &message, &refusal), 0);
    return message; /* nothing of it is decoded */
}

static void add(struct outlines *outlines, uint64_t seq)
{
    char buffer[256];
    struct message message = message_of(seq, buffer);
    outlines_add(outlines, seq, &message);
}

/* Its line is written anew: what is taken has to be found in that. */
static bool take(struct outlines *outlines, uint64_t seq)
{
    char buffer[256], digits[24];
    struct message message = message_of(seq, buffer), taken;
    if (!outlines_take(outlines, seq, message.line, &taken))
        return false;
    snprintf(digits, sizeof digits, "%llu", (unsigned long long)seq);
    assert_true(slice_is(taken.message_id, digits));
    assert_ptr_equal(taken.message_id.at, message.message_id.at);
    assert_ptr_equal(taken.members[0].value.raw.at, message.members[0].value.raw.at);
    assert_int_equal(taken.type, MESSAGE_CHAT);
    return true;
}

static void each_is_taken_once(void **state)
{
    struct outlines outlines = {0};
    (void)state;
    assert_false(take(&outlines, 1));
    for (uint64_t seq = 1; seq <= 3; seq++)
        add(&outlines, seq);
    for (uint64_t seq = 1; seq <= 3; seq++)
        assert_true(take(&outlines, seq));
    assert_false(take(&outlines, 3));
    outlines_free(&outlines);
}

/* Entries that are no messages have none; of a message that was lost nobody asks. */
static void seqs_are_passed_over(void **state)
{
    struct outlines outlines = {0};
    (void)state;
    add(&outlines, 2);
    add(&outlines, 5);
    add(&outlines, 7);
    assert_false(take(&outlines, 1));
    assert_true(take(&outlines, 2));
    assert_false(take(&outlines, 3));
    assert_false(take(&outlines, 6)); /* 5 was lost */
    assert_true(take(&outlines, 7));
    outlines_free(&outlines);
}

/* However long some are always under way. */
static void what_is_taken_makes_room(void **state)
{
    struct outlines outlines = {0};
    uint64_t taken = 0;
    (void)state;
    for (uint64_t seq = 1; seq <= 50000; seq++) {
        add(&outlines, seq);
        if (seq > 100)
            assert_true(take(&outlines, ++taken));
    }
    assert_true(outlines.bytes.capacity <= 512u << 10);
    while (taken < 50000)
        assert_true(take(&outlines, ++taken));
    outlines_free(&outlines);
}

/* What has no outline is parsed again by whoever takes it. */
static void escapes_have_none(void **state)
{
    static const char line[] = "{\"message_id\":\"a\\u0062\",\"sender_id\":\"ada\","
                               "\"message_type\":\"chat\",\"timestamp\":\"t\",\"payload\":{}}";
    struct outlines outlines = {0};
    struct message message, taken;
    struct refusal refusal;
    (void)state;
    assert_int_equal(message_parse(slice_of(line), &message, &refusal), 0);
    outlines_add(&outlines, 1, &message);
    assert_false(outlines_take(&outlines, 1, message.line, &taken));
    outlines_free(&outlines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_taken_once),
        cmocka_unit_test(seqs_are_passed_over),
        cmocka_unit_test(what_is_taken_makes_room),
        cmocka_unit_test(escapes_have_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
