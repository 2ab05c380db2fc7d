/* log_memory: it commits at once, in the order of what is proposed, and gives back what it got. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "log/memory.h"

struct seen {
    struct log *log;
    uint64_t seqs[8];
    unsigned count;
    struct entry last;
};

static void see(void *ctx, const struct entry *entry)
{
    struct seen *seen = ctx;
    assert_true(seen->count < 8);
    seen->seqs[seen->count++] = entry->seq;
    seen->last = *entry;
}

static void test_an_entry_is_committed_within_propose(void **state)
{
    struct seen seen = {.count = 0};
    struct log log = log_memory((struct commit){see, &seen, 0});
    struct entry entry = {
        .time_ms = 7, .peer = 9, .takes_over = 8, .kind = ENTRY_MESSAGE, .bytes = slice_of("{}")};
    (void)state;
    assert_int_equal(log.propose(log.state, &entry), 0);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.last.seq, 1);
    assert_int_equal(seen.last.time_ms, 7);
    assert_int_equal(seen.last.peer, 9);
    assert_int_equal(seen.last.takes_over, 8);
    assert_int_equal(seen.last.kind, ENTRY_MESSAGE);
    assert_ptr_equal(seen.last.bytes.at, entry.bytes.at);
    assert_int_equal(seen.last.bytes.len, 2);
    assert_int_equal(entry.seq, 1); /* the log has set it */
    log.free(log.state);
}

static void test_seqs_rise(void **state)
{
    struct seen seen = {.count = 0};
    struct log log = log_memory((struct commit){see, &seen, 0});
    struct entry entry = {.kind = ENTRY_LEAVE, .bytes = slice_of("peer_closed")};
    (void)state;
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(log.propose(log.state, &entry), 0);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(seen.seqs[i], i + 1);
    log.free(log.state);
}

static void test_seqs_begin_above_what_was(void **state)
{
    struct seen seen = {.count = 0};
    struct log log = log_memory((struct commit){see, &seen, 41});
    struct entry entry = {.kind = ENTRY_LEAVE, .bytes = slice_of("peer_closed")};
    (void)state;
    assert_int_equal(log.propose(log.state, &entry), 0);
    assert_int_equal(seen.seqs[0], 42);
    log.forget(log.state);
}

static void test_each_log_counts_its_own(void **state)
{
    struct seen left = {.count = 0}, right = {.count = 0};
    struct log logs[2] = {log_memory((struct commit){see, &left, 0}),
                          log_memory((struct commit){see, &right, 0})};
    struct entry entry = {.kind = ENTRY_START};
    (void)state;
    logs[0].propose(logs[0].state, &entry);
    logs[0].propose(logs[0].state, &entry);
    logs[1].propose(logs[1].state, &entry);
    assert_int_equal(left.last.seq, 2);
    assert_int_equal(right.last.seq, 1);
    logs[0].free(logs[0].state);
    logs[1].free(logs[1].state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_entry_is_committed_within_propose),
        cmocka_unit_test(test_seqs_rise),
        cmocka_unit_test(test_seqs_begin_above_what_was),
        cmocka_unit_test(test_each_log_counts_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
