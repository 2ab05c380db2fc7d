/* A checkpoint of many rows, step by step: whatever ends a store between two of them, its state is
 * that of the checkpoint before, and then that of this one; never something of both. */
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "store/inside.h"
#include "tests/unit/store_fixture.h"

#define ROWS 5000u
#define OLD  4000u /* of them, in the first checkpoint */

/* ── what there is to be ── */

/* Which of two checkpoints row `at` is from when both are written; 0: it is not there. */
static unsigned version(unsigned at, unsigned checkpoints)
{
    if (checkpoints == 0 || (checkpoints == 1 && at >= OLD))
        return 0;
    if (checkpoints == 1 || (at < OLD && at % 3 == 2))
        return 1;
    return at < OLD && at % 3 == 0 ? 0 : 2;
}

static void add_row(struct world *world, unsigned at, unsigned number)
{
    char key[16], bytes[16];
    snprintf(key, sizeof key, "k%u", at);
    snprintf(bytes, sizeof bytes, "{%u}", number);
    struct row row = {ROW_PATTERN, slice_of(key),
                      number ? slice_of(bytes) : (struct slice){NULL, 0}};
    store_checkpoint_row(world->store, slice_of("main"), &row);
}

/* In no order, and some of them again and again: what was said last counts. */
static void add_rows(struct world *world, unsigned number)
{
    for (unsigned i = 0; i < ROWS; i++) {
        unsigned at = i * 2617 % ROWS, now = version(at, number);
        if (at % 50 == 7) {
            add_row(world, at, now ? 0 : 9);
            add_row(world, at, 9);
        }
        if (now != version(at, number - 1) || at % 50 == 7)
            add_row(world, at, now);
    }
    for (unsigned at = 7; at < ROWS; at += 100) {
        add_row(world, at, 0);
        if (version(at, number))
            add_row(world, at, version(at, number));
    }
    store_checkpoint_end(world->store, slice_of("main"), number);
}

static unsigned versions[ROWS];

static void see_row(struct world *world, const struct row *row)
{
    char key[16], bytes[16];
    (void)world;
    snprintf(key, sizeof key, "%.*s", SLICE_FORMAT(row->key));
    snprintf(bytes, sizeof bytes, "%.*s", SLICE_FORMAT(row->bytes));
    versions[strtoul(key + 1, NULL, 10)] = (unsigned)strtoul(bytes + 1, NULL, 10);
}

static int open_seeing(struct world *world, char why[STORE_WHY_SIZE])
{
    world->on_row = see_row;
    memset(versions, 0, sizeof versions);
    return open_store(world, STORE_SYNC_ALWAYS, why);
}

static void expect_versions(unsigned checkpoints)
{
    for (unsigned at = 0; at < ROWS; at++)
        if (versions[at] != version(at, checkpoints))
            fail_msg("row %u is {%u}, and not {%u} as after checkpoint %u", at, versions[at],
                     version(at, checkpoints), checkpoints);
}

/* Of a store that nobody has open: is its state that after so many checkpoints? */
static void expect_state(struct world *world, unsigned checkpoints)
{
    char why[STORE_WHY_SIZE];
    if (open_seeing(world, why) < 0)
        fail_msg("%s", why);
    unsigned rows = 0;
    expect_versions(checkpoints);
    for (unsigned at = 0; at < ROWS; at++)
        rows += versions[at] > 0;
    /* those of no room, too, but of one that is no more and whose rows are yet to go */
    assert_int_equal(database_number(&world->store->database, "SELECT count(*) FROM state"
                                                              " WHERE room NOT IN " LEAVING_IDS),
                     rows);
    assert_int_equal(database_number(&world->store->database, "SELECT count(*) FROM undo"), 0);
    assert_int_equal(store_close(world->store), 0);
    world->store = NULL;
}

/* ── a store without its thread ── */

/* With room "main", and an entry in it. */
static void open_still(struct world *world)
{
    char why[STORE_WHY_SIZE];
    begin(world, STORE_SYNC_ALWAYS);
    propose(world, ENTRY_MESSAGE, "a");
    await(world, 1);
    end(world);
    assert_int_equal(open_seeing(world, why), 0);
    open_log(world, "main", 0);
}

static void close_still(struct world *world)
{
    store_close(world->store);
    world->store = NULL;
}

static struct checkpoint *gather(struct world *world, unsigned number)
{
    add_rows(world, number);
    struct checkpoint *checkpoint = STAILQ_FIRST(&world->store->checkpoints);
    STAILQ_REMOVE_HEAD(&world->store->checkpoints, next);
    world->store->checkpoint = checkpoint;
    while (!order_make(checkpoint))
        ;
    return checkpoint;
}

static void step(struct world *world, struct checkpoint *checkpoint)
{
    char why[STORE_WHY_SIZE];
    size_t before = checkpoint->written;
    if (transaction_run(&world->store->database, NULL, checkpoint, why) < 0)
        fail_msg("%s", why);
    assert_true(checkpoint->written - before <= STEP_ROWS);
}

static void let_go(struct world *world)
{
    checkpoint_free(world->store->checkpoint);
    world->store->checkpoint = NULL;
}

/* What a crash would leave, in a folder of its own. */
static struct world crash(const struct world *world)
{
    struct world copy = *world;
    snprintf(copy.data, sizeof copy.data, "%s/copy", world->folder);
    copy.store = NULL;
    char command[512];
    snprintf(command, sizeof command, "cp -r %s %s", world->data, copy.data);
    assert_int_equal(system(command), 0);
    return copy;
}

static uint64_t size_of(const struct world *world)
{
    static const char *const files[] = {"hub.db", "hub.db-wal"};
    uint64_t size = 0;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[192];
        struct stat found;
        snprintf(path, sizeof path, "%s/%s", world->data, files[i]);
        size += stat(path, &found) == 0 ? (uint64_t)found.st_size : 0;
    }
    return size;
}

/* Who only reads it sees the same, and leaves it as it is. */
static void expect_read(struct world *world, unsigned checkpoints)
{
    uint64_t size = size_of(world);
    char why[STORE_WHY_SIZE];
    world->retain.reading = true;
    if (open_seeing(world, why) < 0)
        fail_msg("%s", why);
    world->retain.reading = false;
    expect_versions(checkpoints);
    store_close(world->store);
    world->store = NULL;
    assert_int_equal(size_of(world), size);
}

static void expect_after_crash(const struct world *world, unsigned checkpoints)
{
    struct world copy = crash(world);
    expect_read(&copy, checkpoints);
    expect_state(&copy, checkpoints);
    data_remove(&copy);
}

static void test_no_step_but_the_last_changes_the_state(void **state)
{
    struct world *world = *state;
    open_still(world);
    for (unsigned number = 1; number <= 2; number++) {
        struct checkpoint *checkpoint = gather(world, number);
        unsigned steps = 0;
        while (!checkpoint_is_whole(checkpoint)) {
            expect_after_crash(world, number - 1);
            step(world, checkpoint);
            steps++;
        }
        assert_true(steps > 10);
        while (!checkpoint_is_swept(&world->store->database)) {
            expect_after_crash(world, number);
            step(world, checkpoint);
        }
        assert_int_equal(database_number(&world->store->database, "SELECT count(*) FROM undo"), 0);
        let_go(world);
    }
    close_still(world);
    expect_state(world, 2);
}

/* So that the rows of a step lie side by side. */
static void test_rows_go_in_the_order_of_their_keys(void **state)
{
    struct world *world = *state;
    struct slice before = {"", 0};
    open_still(world);
    struct checkpoint *checkpoint = gather(world, 1);
    assert_true(checkpoint->count >= OLD);
    for (size_t at = 0; at < checkpoint->count; at++) {
        const struct checkpoint_row *row = order_row(checkpoint, at);
        struct slice key = {checkpoint->bytes.at + row->key_at, row->key_len};
        assert_true(slice_compare(before, key) <= 0);
        assert_ptr_equal(order_row(checkpoint, at), row); /* asked for again */
        before = key;
    }
    close_still(world);
}

/* What a crash left is put right once; another may end that. */
static void test_a_checkpoint_after_one_that_was_taken_back(void **state)
{
    struct world *world = *state;
    char why[STORE_WHY_SIZE];
    open_still(world);
    for (unsigned number = 1; number <= 2; number++) {
        step(world, gather(world, number));
        close_still(world);
        expect_state(world, number - 1);
        assert_int_equal(open_seeing(world, why), 0);
        open_log(world, "main", 0);
        struct checkpoint *checkpoint = gather(world, number);
        while (!checkpoint_is_whole(checkpoint))
            step(world, checkpoint);
        step(world, checkpoint); /* sweeps some, not all */
        let_go(world);
    }
    close_still(world);
    expect_state(world, 2);
}

static void test_a_step_that_is_rolled_back_is_done_again(void **state)
{
    struct world *world = *state;
    char why[STORE_WHY_SIZE];
    unsigned failed = 0;
    open_still(world);
    struct checkpoint *checkpoint = gather(world, 1);
    sqlite3 *handle = world->store->database.handle;
    while (!checkpoint_is_whole(checkpoint)) {
        /* not a page more than there are */
        sqlite3_exec(handle, "PRAGMA max_page_count = 1", NULL, NULL, NULL);
        failed += transaction_run(&world->store->database, NULL, checkpoint, why) < 0;
        sqlite3_exec(handle, "PRAGMA max_page_count = 1000000", NULL, NULL, NULL);
        if (!checkpoint_is_whole(checkpoint))
            step(world, checkpoint);
    }
    assert_true(failed > 5);
    close_still(world);
    expect_state(world, 1);
}

/* All that was proposed, in one transaction with a checkpoint's step. */
static void write_all(struct world *world, struct checkpoint *checkpoint)
{
    struct group group = {.batches = STAILQ_HEAD_INITIALIZER(group.batches)};
    struct store *store = world->store;
    char why[STORE_WHY_SIZE];
    store_look(store);
    STAILQ_CONCAT(&group.batches, &store->waiting);
    if (transaction_run(&store->database, &group, checkpoint, why) < 0)
        fail_msg("%s", why);
    STAILQ_CONCAT(&store->waiting, &group.batches); /* freed with it */
}

static void test_a_room_that_is_let_go_half_written_leaves_nothing(void **state)
{
    struct world *world = *state;
    open_still(world);
    struct checkpoint *checkpoint = gather(world, 1);
    while (!checkpoint_is_whole(checkpoint))
        step(world, checkpoint);
    let_go(world);
    checkpoint = gather(world, 2);
    step(world, checkpoint);
    step(world, checkpoint);
    size_t before = checkpoint->written;
    world->log.forget(world->log.state);
    write_all(world, checkpoint); /* with it no step is taken */
    assert_int_equal(checkpoint->written, before);
    while (world->store->database.leaving)
        assert_int_equal(forget_step(&world->store->database), 0);
    expect_after_crash(world, 0);
    let_go(world);
    close_still(world);
    expect_state(world, 0);
}

static void note(void *ctx, struct slice room, const char *what, uint64_t number)
{
    struct world *world = ctx;
    append(world->entries, sizeof world->entries, what, room, number);
}

/* Salvages the copy, and looks at what that makes. */
static struct store_salvaged salvage(struct world *copy)
{
    struct store_options options = {.directory = copy->data, .salvage = true};
    struct store_damage damage = {copy, note};
    struct store_salvaged result = {0};
    struct world whole = *copy;
    char why[STORE_WHY_SIZE];
    snprintf(whole.data, sizeof whole.data, "%s/whole", copy->folder);
    if (store_open(&options, &copy->store, why) < 0 ||
        store_salvage(copy->store, whole.data, &damage, &result, why) < 0)
        fail_msg("%s", why);
    store_close(copy->store);
    copy->store = NULL;
    if (!result.unsure)
        expect_state(&whole, 1);
    data_remove(&whole);
    return result;
}

static void run_sql(const struct world *world, const char *sql)
{
    char path[160];
    sqlite3 *database;
    snprintf(path, sizeof path, "%s/hub.db", world->data);
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    if (sqlite3_exec(database, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(database));
    sqlite3_close(database);
}

static void expect_refused(struct world *world, const char *says)
{
    char why[STORE_WHY_SIZE];
    assert_int_equal(open_seeing(world, why), -1);
    if (!strstr(why, says))
        fail_msg("\"%s\" does not say \"%s\"", why, says);
}

static void test_what_is_to_be_put_back_is_checked_and_salvaged(void **state)
{
    static const char *const damages[] = {
        "UPDATE undo SET key = CAST('k1' AS BLOB) WHERE id = (SELECT max(id) FROM undo)",
        "UPDATE undo SET bytes = NULL WHERE id = (SELECT min(id) FROM undo WHERE bytes IS NOT NULL)",
        "UPDATE undo SET kind = kind + 1", "UPDATE undo SET checksum = 0"};
    struct world *world = *state;
    open_still(world);
    struct checkpoint *checkpoint = gather(world, 1);
    while (!checkpoint_is_whole(checkpoint) || !checkpoint_is_swept(&world->store->database))
        step(world, checkpoint);
    let_go(world);
    checkpoint = gather(world, 2);
    for (unsigned i = 0; i < 4; i++)
        step(world, checkpoint);
    struct world copy = crash(world);
    struct store_salvaged result = salvage(&copy);
    assert_false(result.unsure);
    assert_int_equal(result.left_out, 0);
    expect_state(&copy, 1); /* it is as it was */
    data_remove(&copy);
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        copy = crash(world);
        run_sql(&copy, damages[i]);
        expect_refused(&copy, "unfinished checkpoint");
        assert_true(salvage(&copy).unsure);
        data_remove(&copy);
    }
    copy = crash(world);
    run_sql(&copy, "UPDATE meta SET value = CAST('00000000000000000001' AS BLOB)"
                   " WHERE name = 'undo_end'");
    expect_refused(&copy, "not what it was");
    data_remove(&copy);
}

/* ── with its thread ── */

static void test_entries_are_committed_between_steps(void **state)
{
    struct world *world = *state;
    world->on_row = see_row;
    begin(world, STORE_SYNC_ALWAYS);
    propose(world, ENTRY_MESSAGE, "a");
    propose(world, ENTRY_MESSAGE, "b");
    await(world, 2);
    add_rows(world, 1);
    for (unsigned i = 0; i < 20; i++) {
        propose(world, ENTRY_MESSAGE, "m");
        await(world, world->count + 1);
    }
    add_rows(world, 2);
    propose(world, ENTRY_MESSAGE, "z");
    await(world, 23);
    for (size_t i = 0; i < 23; i++)
        assert_int_equal(world->seen[i].seq, i + 1);
    end(world); /* writes what is left of it */
    expect_state(world, 2);
}

static void test_a_room_may_go_while_its_checkpoint_is_written(void **state)
{
    struct world *world = *state;
    world->on_row = see_row;
    begin(world, STORE_SYNC_ALWAYS);
    propose(world, ENTRY_MESSAGE, "a");
    await(world, 1);
    for (unsigned i = 0; i < 8; i++) {
        add_rows(world, 1);
        propose(world, ENTRY_MESSAGE, "b");
        await(world, world->count + 1 + i % 2);
        world->log.forget(world->log.state);
        open_log(world, "main", 0);
        propose(world, ENTRY_MESSAGE, "c");
        propose(world, ENTRY_MESSAGE, "d");
    }
    add_rows(world, 1);
    end(world);
    expect_state(world, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_no_step_but_the_last_changes_the_state),
        STORE_TEST(test_rows_go_in_the_order_of_their_keys),
        STORE_TEST(test_a_checkpoint_after_one_that_was_taken_back),
        STORE_TEST(test_a_step_that_is_rolled_back_is_done_again),
        STORE_TEST(test_a_room_that_is_let_go_half_written_leaves_nothing),
        STORE_TEST(test_what_is_to_be_put_back_is_checked_and_salvaged),
        STORE_TEST(test_entries_are_committed_between_steps),
        STORE_TEST(test_a_room_may_go_while_its_checkpoint_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
