/* A room that is let go: gone at once for everybody, and what there was of it goes in steps, also
 * with the next store; nobody takes what is left of it for damage, or for another room's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/inside.h"
#include "tests/unit/store_fixture.h"

#define PACKS        300u
#define ROWS         600u
#define PACKS_A_STEP 256
#define ROWS_A_STEP  256

static int64_t number(struct world *world, const char *sql)
{
    return database_number(&world->store->database, sql);
}

static int64_t packs_left(struct world *world)
{
    return number(world, "SELECT count(*) FROM entry_packs");
}

static int64_t rows_left(struct world *world)
{
    return number(world, "SELECT count(*) FROM state");
}

static void see_row(struct world *world, const struct row *row)
{
    (void)row; /* too many for world->rows, where "loaded " stands for them */
    assert_true(world->store != NULL);
}

/* A store without its thread, with a room "main" of so many packs and rows. */
static void make_room(struct world *world)
{
    char key[16], why[STORE_WHY_SIZE];
    world->on_row = see_row;
    begin(world, STORE_SYNC_ALWAYS);
    for (unsigned i = 0; i < PACKS; i++) {
        propose(world, ENTRY_MESSAGE, "a");
        await(world, i + 1);
    }
    for (unsigned i = 0; i < ROWS; i++) {
        snprintf(key, sizeof key, "k%u", i);
        struct row row = {ROW_PATTERN, slice_of(key), SLICE("{1}")};
        store_checkpoint_row(world->store, slice_of("main"), &row);
    }
    store_checkpoint_end(world->store, slice_of("main"), 1);
    end(world);
    if (open_store(world, STORE_SYNC_ALWAYS, why) < 0)
        fail_msg("%s", why);
    assert_string_equal(world->rows, "loaded ");
    open_log(world, "main", 0);
    assert_int_equal(packs_left(world), PACKS);
    assert_int_equal(rows_left(world), ROWS);
}

/* As the thread does it. */
static void let_go(struct world *world)
{
    struct store *store = world->store;
    struct group group = {.batches = STAILQ_HEAD_INITIALIZER(group.batches)};
    char why[STORE_WHY_SIZE];
    world->log.forget(world->log.state);
    store_push(store);
    STAILQ_CONCAT(&group.batches, &store->waiting);
    if (transaction_run(&store->database, &group, NULL, why) < 0)
        fail_msg("%s", why);
    STAILQ_CONCAT(&store->waiting, &group.batches); /* freed with it */
}

static void found(void *ctx, struct slice room, const char *what, uint64_t at)
{
    (void)ctx;
    fail_msg("room \"%.*s\", %s %llu is said to be damaged", SLICE_FORMAT(room), what,
             (unsigned long long)at);
}

static const struct store_damage damage = {NULL, found};

/* Nothing is there, as far as anybody can tell. */
static void expect_nothing_there(struct world *world)
{
    struct store_counts counts;
    char why[STORE_WHY_SIZE];
    assert_int_equal(store_check(world->store, &damage, &counts, why), 0);
    assert_int_equal(counts.rooms + counts.entries + counts.rows + counts.messages, 0);
}

static void close_still(struct world *world)
{
    store_close(world->store);
    world->store = NULL;
}

static void test_a_room_goes_at_once_and_its_things_in_steps(void **state)
{
    struct world *world = *state;
    make_room(world);
    let_go(world);
    assert_int_equal(packs_left(world), PACKS);
    unsigned steps = 0;
    while (world->store->database.leaving) {
        int64_t packs = packs_left(world), rows = rows_left(world);
        expect_nothing_there(world);
        assert_int_equal(forget_step(&world->store->database), 0);
        assert_in_range(packs - packs_left(world), 0, PACKS_A_STEP);
        assert_in_range(rows - rows_left(world), 0, ROWS_A_STEP);
        steps++;
    }
    assert_int_equal(steps, 2 + 3 + 1); /* packs, rows; none was left */
    assert_int_equal(packs_left(world) + rows_left(world), 0);
    assert_int_equal(number(world, "SELECT count(*) FROM meta WHERE name LIKE 'leaving%'"), 0);
    close_still(world);
}

static void test_what_is_left_of_it_is_nobodys(void **state)
{
    struct world *world = *state, whole = *world;
    struct store_options options = {.directory = world->data, .salvage = true};
    struct store_salvaged result;
    char why[STORE_WHY_SIZE];
    make_room(world);
    let_go(world);
    assert_int_equal(forget_step(&world->store->database), 0);
    close_still(world);
    /* for a salvage */
    snprintf(whole.data, sizeof whole.data, "%s/whole", world->folder);
    assert_int_equal(store_open(&options, &world->store, why), 0);
    assert_int_equal(store_salvage(world->store, whole.data, &damage, &result, why), 0);
    assert_int_equal(result.left_out, 0);
    close_still(world);
    assert_int_equal(open_store(&whole, STORE_SYNC_ALWAYS, why), 0);
    assert_int_equal(packs_left(&whole) + rows_left(&whole), 0);
    assert_int_equal(number(&whole, "SELECT count(*) FROM meta WHERE name LIKE 'leaving%'"), 0);
    close_still(&whole);
    data_remove(&whole);
    /* for the next store, and a room of the same name */
    assert_int_equal(open_store(world, STORE_SYNC_ALWAYS, why), 0);
    assert_string_equal(world->rows, "");
    assert_string_equal(world->entries, "");
    open_log(world, "main", 0);
    assert_int_equal(((struct store_log *)world->log.state)->id, 2);
    world->log.free(world->log.state);
    close_still(world);
}

static void test_the_next_store_goes_on_with_it(void **state)
{
    struct world *world = *state;
    char why[STORE_WHY_SIZE];
    make_room(world);
    let_go(world);
    close_still(world);
    begin(world, STORE_SYNC_ALWAYS);
    propose(world, ENTRY_MESSAGE, "b");
    await(world, 1);
    while (world->store->database.leaving) /* as its thread does, which has nothing else to do */
        usleep(1000);
    end(world);
    assert_int_equal(open_store(world, STORE_SYNC_ALWAYS, why), 0);
    assert_string_equal(world->rows, "");
    assert_int_equal(packs_left(world), 1);
    assert_int_equal(rows_left(world), 0);
    close_still(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_a_room_goes_at_once_and_its_things_in_steps),
        STORE_TEST(test_what_is_left_of_it_is_nobodys),
        STORE_TEST(test_the_next_store_goes_on_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
