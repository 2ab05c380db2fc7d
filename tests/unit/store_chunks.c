/* What entries brought: kept with them, read back, let go in steps, and with its room; damage to it
 * is named, and copied to no salvaged database. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/inside.h"
#include "tests/unit/store_fixture.h"

/* Proposes an entry with what it brings, and waits for it. Its seq. */
static uint64_t bring(struct world *world, const char *blob)
{
    struct entry entry = {
        .time_ms = 1, .kind = ENTRY_MESSAGE, .bytes = slice_of("e"), .blob = slice_of(blob)};
    assert_int_equal(world->log.propose(world->log.state, &entry), 0);
    store_push(world->store);
    await(world, world->count + 1);
    assert_string_equal(world->seen[world->count - 1].text, "e"); /* and nothing behind it */
    return entry.seq;
}

/* A store without its thread, on what is there. */
static void open_still(struct world *world)
{
    char why[STORE_WHY_SIZE];
    if (open_store(world, STORE_SYNC_ALWAYS, why) < 0)
        fail_msg("%s", why);
    open_log(world, "main", 0);
}

/* What that entry brought, as a reader has it; "" when it can't be read. */
static const char *chunk_of(struct world *world, uint64_t seq)
{
    static char text[64];
    struct reading reading = {.wish = {.chunk = seq},
                              .log = log_find(world->store, slice_of("main"))};
    reading_run(&world->store->database, &reading);
    assert_int_equal(reading.page.chunk, seq);
    snprintf(text, sizeof text, "%.*s", SLICE_FORMAT(text_slice(&reading.lines)));
    assert_int_equal(reading.page.failed, !*text);
    text_free(&reading.lines);
    return text;
}

static int64_t number(struct world *world, const char *sql)
{
    return database_number(&world->store->database, sql);
}

static void test_it_is_kept_and_let_go(void **state)
{
    struct world *world = *state;
    uint64_t seqs[20];
    char text[16];
    begin(world, STORE_SYNC_ALWAYS);
    for (unsigned i = 0; i < 20; i++) {
        snprintf(text, sizeof text, "chunk %u", i);
        seqs[i] = bring(world, text);
    }
    end(world);
    open_still(world);
    assert_string_equal(chunk_of(world, seqs[0]), "chunk 0");
    assert_string_equal(chunk_of(world, seqs[19]), "chunk 19");
    assert_string_equal(chunk_of(world, seqs[19] + 1), "");
    struct database *database = &world->store->database;
    assert_int_equal(chunks_bytes(database), 10 * 7 + 10 * 8 + 20 * 4096);
    assert_int_equal(chunks_drop_some(database), 0); /* nothing is to go: */
    assert_false(database->dropping);
    struct slice most = {(const char *)seqs, 19 * sizeof *seqs};
    struct store_log *log = log_find(world->store, slice_of("main"));
    for (unsigned twice = 0; twice < 2; twice++) {
        assert_int_equal(chunks_drop_later(database, log, most), 0);
        assert_true(database->dropping);
        unsigned steps = 0;
        for (; database->dropping; steps++)
            assert_int_equal(chunks_drop_some(database), 0);
        assert_int_equal(steps, 3); /* a few at a time */
    }
    assert_int_equal(number(world, "SELECT count(*) FROM chunks"), 1);
    assert_int_equal(number(world, "SELECT count(*) FROM dropping"), 0);
    assert_string_equal(chunk_of(world, seqs[19]), "chunk 19");
    end(world);
}

/* The thread does so while it has nothing else to do; and what it was told before it ended, the
 * next one does. */
static void test_the_thread_lets_go(void **state)
{
    struct world *world = *state;
    begin(world, STORE_SYNC_ALWAYS);
    uint64_t first = bring(world, "a"), second = bring(world, "b");
    store_drop(world->store, slice_of("main"), &first, 1);
    bring(world, "c");
    store_look(world->store);
    end(world);
    open_still(world);
    while (number(world, "SELECT count(*) FROM chunks") > 2)
        assert_int_equal(chunks_drop_some(&world->store->database), 0);
    assert_string_equal(chunk_of(world, first), "");
    assert_string_equal(chunk_of(world, second), "b");
    end(world);
}

/* They are not what --retain bounds: entries do not go because files are large. */
static void test_they_push_no_entry_out(void **state)
{
    struct world *world = *state;
    char *large = calloc(1, 1 << 20);
    assert_non_null(large);
    memset(large, 'x', (1 << 20) - 1);
    world->retain.retain_bytes = 256 << 10;
    begin(world, STORE_SYNC_ALWAYS);
    bring(world, large);
    bring(world, "small");
    checkpoint(world, "{2}", 2);
    end(world);
    open_still(world);
    assert_true(number(world, "PRAGMA page_count") * number(world, "PRAGMA page_size") > 1 << 20);
    assert_int_equal(number(world, "SELECT sum(count) FROM entry_packs"), 2);
    end(world);
    free(large);
}

static void test_it_goes_with_its_room(void **state)
{
    struct world *world = *state;
    begin(world, STORE_SYNC_ALWAYS);
    bring(world, "a");
    bring(world, "b");
    world->log.forget(world->log.state);
    open_log(world, "main", 0);
    bring(world, "another's");
    end(world);
    open_still(world);
    while (world->store->database.leaving)
        assert_int_equal(forget_step(&world->store->database), 0);
    assert_int_equal(number(world, "SELECT count(*) FROM chunks"), 1);
    assert_int_equal(number(world, "SELECT length(bytes) FROM chunks"), 9);
    end(world);
}

struct damages {
    unsigned count;
    uint64_t seq;
};

static void found(void *ctx, struct slice room, const char *what, uint64_t at)
{
    struct damages *damages = ctx;
    assert_true(slice_is(room, "main"));
    assert_string_equal(what, "part of a file, of entry");
    damages->count++;
    damages->seq = at;
}

static void test_damage_is_named_and_left_out(void **state)
{
    struct world *world = *state;
    struct damages damages = {0};
    const struct store_damage damage = {&damages, found};
    struct store_counts counts;
    struct store_salvaged result;
    char why[STORE_WHY_SIZE], into[OWN_FOLDER_SIZE + 16];
    struct store *damaged, *whole;
    begin(world, STORE_SYNC_ALWAYS);
    bring(world, "fine");
    uint64_t seq = bring(world, "wrong");
    end(world);
    open_still(world);
    assert_int_equal(sqlite3_exec(world->store->database.handle,
                                  "UPDATE chunks SET bytes = x'00' WHERE length(bytes) = 5", NULL,
                                  NULL, NULL),
                     SQLITE_OK);
    assert_string_equal(chunk_of(world, seq), "");
    assert_int_equal(store_check(world->store, &damage, &counts, why), 0);
    assert_int_equal(counts.chunks, 2);
    assert_int_equal(counts.damaged, 1);
    assert_int_equal(damages.seq, seq);
    end(world);
    struct store_options options = {.directory = world->data, .salvage = true};
    snprintf(into, sizeof into, "%s/into", world->folder);
    assert_int_equal(store_open(&options, &damaged, why), 0);
    assert_int_equal(store_salvage(damaged, into, &damage, &result, why), 0);
    assert_int_equal(damages.count, 2);
    assert_int_equal(result.left_out, 1);
    assert_false(result.unsure);
    store_close(damaged);
    options = (struct store_options){.directory = into};
    assert_int_equal(store_open(&options, &whole, why), 0);
    assert_int_equal(database_number(&whole->database, "SELECT count(*) FROM chunks"), 1);
    assert_int_equal(store_check(whole, &damage, &counts, why), 0);
    assert_int_equal(counts.damaged, 0);
    store_close(whole);
    store_remove(into, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_it_is_kept_and_let_go),        STORE_TEST(test_the_thread_lets_go),
        STORE_TEST(test_they_push_no_entry_out),       STORE_TEST(test_it_goes_with_its_room),
        STORE_TEST(test_damage_is_named_and_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
