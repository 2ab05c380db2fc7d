/* log_memory: the order it gives, what it keeps, and its two bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "core/log.h"

/* Appends an entry whose bytes are `text`; returns its seq. */
static uint64_t append(struct log *log, const char *text)
{
    struct entry entry = {.time_ms = 7, .peer = 9, .kind = ENTRY_MESSAGE, .bytes = slice_of(text)};
    assert_int_equal(log->append(log->state, &entry), 0);
    return entry.seq;
}

struct found {
    char text[256];
    uint64_t stop_at;
};

static int collect(void *ctx, const struct entry *entry)
{
    struct found *found = ctx;
    size_t len = strlen(found->text);
    assert_int_equal(entry->time_ms, 7);
    assert_int_equal(entry->peer, 9);
    assert_int_equal(entry->kind, ENTRY_MESSAGE);
    snprintf(found->text + len, sizeof found->text - len, "%llu:%.*s ",
             (unsigned long long)entry->seq, SLICE_FORMAT(entry->bytes));
    return entry->seq == found->stop_at ? 42 : 0;
}

static const char *kept_after(struct log *log, uint64_t after)
{
    static struct found found;
    found = (struct found){.stop_at = 0};
    assert_int_equal(log->read(log->state, after, collect, &found), 0);
    return found.text;
}

static void test_seqs_rise_from_one(void **state)
{
    struct log log = log_memory(10, 1000);
    (void)state;
    assert_int_equal(log.first(log.state), 0);
    assert_string_equal(kept_after(&log, 0), "");
    assert_int_equal(append(&log, "a"), 1);
    assert_int_equal(append(&log, "b"), 2);
    assert_int_equal(append(&log, "c"), 3);
    assert_int_equal(log.first(log.state), 1);
    assert_int_equal(log.committed(log.state), 3);
    log.free(log.state);
}

static void test_reading_begins_after(void **state)
{
    struct log log = log_memory(10, 1000);
    (void)state;
    append(&log, "a");
    append(&log, "b");
    append(&log, "c");
    assert_string_equal(kept_after(&log, 0), "1:a 2:b 3:c ");
    assert_string_equal(kept_after(&log, 1), "2:b 3:c ");
    assert_string_equal(kept_after(&log, 3), "");
    assert_string_equal(kept_after(&log, 99), "");
    log.free(log.state);
}

static void test_reading_stops_when_told(void **state)
{
    struct log log = log_memory(10, 1000);
    struct found found = {.stop_at = 2};
    (void)state;
    append(&log, "a");
    append(&log, "b");
    append(&log, "c");
    assert_int_equal(log.read(log.state, 0, collect, &found), 42);
    assert_string_equal(found.text, "1:a 2:b ");
    log.free(log.state);
}

static void test_it_keeps_its_own_copy(void **state)
{
    struct log log = log_memory(10, 1000);
    char text[] = "abc";
    (void)state;
    append(&log, text);
    memset(text, 'x', 3);
    assert_string_equal(kept_after(&log, 0), "1:abc ");
    log.free(log.state);
}

static void test_the_oldest_go_when_there_are_too_many(void **state)
{
    struct log log = log_memory(3, 1000);
    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        char text[8];
        snprintf(text, sizeof text, "e%u", i);
        assert_int_equal(append(&log, text), i + 1);
    }
    assert_int_equal(log.first(log.state), 98);
    assert_int_equal(log.committed(log.state), 100);
    assert_string_equal(kept_after(&log, 0), "98:e97 99:e98 100:e99 ");
    log.free(log.state);
}

static void test_the_oldest_go_when_they_are_too_long(void **state)
{
    struct log log = log_memory(100, 10);
    (void)state;
    append(&log, "aaaa");
    append(&log, "bbbb");
    assert_string_equal(kept_after(&log, 0), "1:aaaa 2:bbbb ");
    append(&log, "ccc");
    assert_string_equal(kept_after(&log, 0), "2:bbbb 3:ccc ");
    append(&log, "dddddddddd");
    assert_string_equal(kept_after(&log, 0), "4:dddddddddd ");
    append(&log, "");
    assert_string_equal(kept_after(&log, 0), "4:dddddddddd 5: ");
    log.free(log.state);
}

/* An entry longer than all the log may hold takes its place in the order; nothing of it is kept. */
static void test_an_entry_over_the_bound_is_not_kept(void **state)
{
    struct log log = log_memory(100, 10);
    (void)state;
    append(&log, "aaaa");
    assert_int_equal(append(&log, "eleven bytes"), 2);
    assert_int_equal(log.committed(log.state), 2);
    assert_string_equal(kept_after(&log, 1), "");
    assert_int_equal(append(&log, "b"), 3);
    assert_string_equal(kept_after(&log, 1), "3:b ");
    log.free(log.state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seqs_rise_from_one),
        cmocka_unit_test(test_reading_begins_after),
        cmocka_unit_test(test_reading_stops_when_told),
        cmocka_unit_test(test_it_keeps_its_own_copy),
        cmocka_unit_test(test_the_oldest_go_when_there_are_too_many),
        cmocka_unit_test(test_the_oldest_go_when_they_are_too_long),
        cmocka_unit_test(test_an_entry_over_the_bound_is_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
