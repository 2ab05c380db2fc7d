/* The store on a disk that fails at its k-th call, for every k and in every way: whatever was
 * handed back as committed is there afterwards, in order and once; what was said to be lost is not;
 * of anything else all or nothing. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/fault_vfs.h"
#include "tests/unit/store_fixture.h"

#define ROUNDS     5u
#define EACH_ROUND 3u /* entries */
#define AT_MOST    (ROUNDS * EACH_ROUND)
#define ROWS       600u /* of a checkpoint: more than fit in two of its steps */

/* What the hub was told in one life of the store. */
struct life {
    char said[AT_MOST][24]; /* entry of seq N at N - 1 */
    size_t said_count;
    uint64_t checkpoint; /* the last that was handed in */
};

static void say(struct world *world, struct life *life, enum entry_kind kind)
{
    char *text = life->said[life->said_count];
    snprintf(text, sizeof life->said[0], "said-%zu", life->said_count + 1);
    if (propose(world, kind, text) == 0)
        life->said_count++;
}

/* Until all of it came back, or the store says that it can't keep anything. False then. */
static bool settle(struct world *world, const struct life *life)
{
    store_push(world->store);
    while (world->count < life->said_count && !store_failure(world->store))
        await_news(world);
    return world->count == life->said_count;
}

static bool all_kept(const struct world *world)
{
    for (size_t i = 0; i < world->count; i++)
        if (world->seen[i].lost)
            return false;
    return true;
}

/* Rows that all say the same. */
static void checkpoint_many(struct world *world, uint64_t seq)
{
    char key[16], bytes[24];
    snprintf(bytes, sizeof bytes, "{%" PRIu64 "}", seq);
    for (unsigned i = 0; i < ROWS; i++) {
        snprintf(key, sizeof key, "%u", i * 7 % ROWS);
        struct row row = {ROW_PATTERN, slice_of(key), slice_of(bytes)};
        store_checkpoint_row(world->store, slice_of("main"), &row);
    }
    store_checkpoint_end(world->store, slice_of("main"), seq);
}

static unsigned rows_seen;

static void see_row(struct world *world, const struct row *row)
{
    static char first[24];
    if (!rows_seen++) {
        append(world->rows, sizeof world->rows, "", row->bytes, 0);
        snprintf(first, sizeof first, "%.*s", SLICE_FORMAT(row->bytes));
    } else if (!slice_is(row->bytes, first)) {
        fail_msg("row %u is of another checkpoint than those before it", rows_seen);
    }
}

/* A message, less its last brace. */
#define MESSAGE(payload)                                                                           \
    "{\"message_id\":\"m\",\"sender_id\":\"ada\",\"message_type\":\"chat\","                       \
    "\"timestamp\":\"2026-11-22T08:00:00+00:00\",\"payload\":" payload ",\"target_ai\":null"

/* What that entry said is kept, for all. */
static void keep(struct world *world, uint64_t seq)
{
    struct effect effect = {.room = slice_of("main"),
                            .seq = seq,
                            .number = 1,
                            .audience = AUDIENCE_ROOM,
                            .origin = LINE_MADE,
                            .level = 1,
                            .line = slice_of(MESSAGE("{\"said\":1}"))};
    store_keep(world->store, &effect);
}

static void retract(struct world *world, uint64_t seq)
{
    store_retract(world->store, slice_of("main"), seq, slice_of(MESSAGE("{\"gone\":1}")), 1);
}

/* One life, which may end anywhere. */
static void live(struct world *world, struct life *life)
{
    char why[STORE_WHY_SIZE];
    world->count = 0;
    if (open_store(world, STORE_SYNC_ALWAYS, why) < 0)
        return;
    assert_int_equal(store_begin(world->store), 0);
    open_log(world, "main", 0);
    for (unsigned round = 0; round < ROUNDS; round++) {
        size_t before = life->said_count;
        for (unsigned i = 0; i < EACH_ROUND; i++)
            say(world, life, i == 1 ? ENTRY_LEAVE : ENTRY_MESSAGE);
        if (life->said_count < before + EACH_ROUND || !settle(world, life) || !all_kept(world))
            break;
        if (round == 0)
            keep(world, 1);
        if (round == 2) /* and is overwritten with the next checkpoint */
            retract(world, 1);
        if (round % 2 == 0)
            continue;
        life->checkpoint = life->said_count;
        checkpoint_many(world, life->checkpoint);
    }
    world->log.free(world->log.state);
    store_close(world->store);
    world->store = NULL;
}

/* Where an entry of the text "SEQ:TEXT SEQ:TEXT " ends; its seq and whether it is what was said. */
static const char *entry_next(const char *at, const struct life *life, uint64_t *ret_seq)
{
    char *end;
    *ret_seq = strtoull(at, &end, 10);
    size_t len = strcspn(end, " ");
    if (*end != ':' || *ret_seq < 1 || *ret_seq > life->said_count ||
        strncmp(end + 1, life->said[*ret_seq - 1], len - 1) != 0 ||
        strlen(life->said[*ret_seq - 1]) != len - 1)
        fail_msg("what is there was never said: %s", at);
    return end + len + 1;
}

static bool is_there(const char *entries, uint64_t seq)
{
    char text[32];
    size_t len = (size_t)snprintf(text, sizeof text, "%" PRIu64 ":", seq);
    for (const char *at = entries; *at; at = strchr(at, ' ') + 1)
        if (strncmp(at, text, len) == 0)
            return true;
    return false;
}

/* The next life begins with what is to be there, and goes on above it. When the power went, nobody
 * heard what the store said after it: what it held for lost may be there then. */
static void check(struct world *world, const struct life *life, const struct seen *seen,
                  size_t count, bool power_went)
{
    uint64_t base = 0, last = 0;
    rows_seen = 0;
    begin(world, STORE_SYNC_ALWAYS);
    const char *row = strchr(world->rows, '{');
    if (row)
        base = strtoull(row + 1, NULL, 10);
    assert_true(base <= life->checkpoint);
    assert_int_equal(rows_seen, base ? ROWS : 0);
    for (const char *at = world->entries; *at;) {
        uint64_t seq;
        at = entry_next(at, life, &seq);
        assert_true(seq > last && seq > base);
        last = seq;
    }
    for (size_t i = 0; i < count; i++) {
        bool there = seen[i].seq <= base || is_there(world->entries, seen[i].seq);
        if (seen[i].lost ? there && !power_went : !there)
            fail_msg("entry %" PRIu64 " was %s, and is %s", seen[i].seq,
                     seen[i].lost ? "lost" : "kept", there ? "there" : "gone");
    }
    propose(world, ENTRY_MESSAGE, "after it");
    await(world, 1);
    assert_false(world->seen[0].lost);
    assert_true(world->seen[0].seq > last && world->seen[0].seq > base);
    end(world);
}

/* False when the disk had not so many calls to strike. */
static bool try(struct world *world, enum fault fault, unsigned at)
{
    struct life life = {.said_count = 0};
    fault_arm(fault, at, at);
    live(world, &life);
    bool struck = fault_disarm();
    if (!struck)
        assert_int_equal(world->count, AT_MOST);
    struct seen seen[AT_MOST];
    size_t count = world->count;
    memcpy(seen, world->seen, count * sizeof *seen);
    check(world, &life, seen, count, fault == FAULT_CRASH);
    data_remove(world);
    return struck;
}

static void test_a_disk_that_fails_at_any_call(void **state)
{
    struct world *world = *state;
    world->seq_in_row = true;
    world->on_row = see_row;
    world->seen = calloc(1, sizeof *world->seen);
    assert_non_null(world->seen);
    for (enum fault fault = 0; fault < FAULT_COUNT; fault++) {
        unsigned at = 1;
        while (try(world, fault, at))
            at++;
        print_message("# %s at each of %u calls\n", fault_text(fault), at - 1);
        assert_true(at > 20); /* or nothing was tried */
    }
}

/* The same on a disk where the log is gathered, and is moved into the database again and again. */
static void test_a_log_that_is_moved_often(void **state)
{
    struct world *world = *state;
    fault_keep_sectors(true);
    world->retain.move_bytes = 4096;
    test_a_disk_that_fails_at_any_call(state);
    fault_keep_sectors(false);
}

/* It is ordered, and on disk; but what was kept can't be changed just now. */
static void test_what_waits_to_be_taken_back_is_not_shown(void **state)
{
    struct world *world = *state;
    struct store_wish wish = {.room = slice_of("main"),
                              .level = 2,
                              .observer = true,
                              .log = true,
                              .limit = 9,
                              .bytes_max = sizeof world->page - 1,
                              .until = 1};
    begin(world, STORE_SYNC_ALWAYS);
    propose(world, ENTRY_MESSAGE, "{}");
    await(world, 1);
    keep(world, 1);
    store_read(world->store, &wish);
    while (!world->reads)
        await_news(world);
    assert_non_null(strstr(world->page, "said"));
    end(world);
    begin(world, STORE_SYNC_ALWAYS); /* with a log that has nothing to give back */
    world->page[0] = '\0';
    fault_arm(FAULT_FULL, 1, 1);
    retract(world, 1);
    store_read(world->store, &wish);
    while (world->reads < 2)
        await_news(world);
    assert_true(fault_disarm());
    assert_null(strstr(world->page, "said")); /* nothing; if it is taken back by now, that it is */
    while (store_failure(world->store))
        await_news(world);
    store_read(world->store, &wish);
    while (world->reads < 3)
        await_news(world);
    assert_non_null(strstr(world->page, "gone"));
    end(world);
}

static const char *fate(const struct world *world, size_t at, const char *text)
{
    assert_true(at < world->count);
    assert_string_equal(world->seen[at].text, text);
    return world->seen[at].lost ? "lost" : "kept";
}

/* One could not be kept, and there is room again before the hub has heard of it: what it had
 * proposed behind that one is not kept either, and what comes then waits for that. */
static void test_none_overtakes_one_that_is_given_up(void **state)
{
    struct world *world = *state;
    begin(world, STORE_SYNC_ALWAYS);
    propose(world, ENTRY_MESSAGE, "before");
    await(world, 1);
    end(world);
    begin(world, STORE_SYNC_ALWAYS); /* with a log that has nothing to give back */
    fault_hold();
    fault_arm(FAULT_FULL, 1, 1);
    assert_int_equal(propose(world, ENTRY_MESSAGE, "given up"), 0);
    store_push(world->store);
    fault_await_held();
    assert_int_equal(propose(world, ENTRY_MESSAGE, "behind"), 0); /* all is well, so far */
    assert_int_equal(propose(world, ENTRY_LEAVE, "gone"), 0);
    fault_let_go_on();
    while (!world->count)
        await_news(world);
    assert_string_equal(fate(world, 0, "given up"), "lost");
    while (store_failure(world->store))
        await_news(world);
    assert_true(fault_disarm());
    assert_int_equal(propose(world, ENTRY_MESSAGE, "too early"), -1);
    await(world, 3);
    assert_string_equal(fate(world, 1, "behind"), "lost");
    assert_string_equal(fate(world, 2, "gone"), "kept");
    assert_int_equal(propose(world, ENTRY_MESSAGE, "after"), 0);
    await(world, 4);
    assert_string_equal(fate(world, 3, "after"), "kept");
    end(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {STORE_TEST(test_a_disk_that_fails_at_any_call),
                                       STORE_TEST(test_a_log_that_is_moved_often),
                                       STORE_TEST(test_what_waits_to_be_taken_back_is_not_shown),
                                       STORE_TEST(test_none_overtakes_one_that_is_given_up)};
    fault_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
