/* A message that is taken back: who reads what was kept is shown what stands in its place, and its
 * bytes leave the disk, as soon as no recovery needs them. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/inside.h"
#include "tests/unit/store_fixture.h"

#define SECRET    "hunter2hunter2"
#define TOMBSTONE "{\"gone\":true"

/* A message of the entry, to all (NULL) or to one; its entry's own line, or another. */
static void keep(struct world *world, uint64_t seq, uint32_t number, const char *name,
                 const char *line)
{
    struct slice names[] = {slice_of(name ? name : "")};
    struct effect effect = {.room = slice_of("main"),
                            .seq = seq,
                            .number = number,
                            .audience = name ? AUDIENCE_MEMBERS : AUDIENCE_ROOM,
                            .names = names,
                            .name_count = name != NULL,
                            .origin = line ? LINE_MADE : LINE_OWN,
                            .level = 1,
                            .line = slice_of(line ? line : "unused")};
    store_keep(world->store, &effect);
}

static void retract(struct world *world, uint64_t seq)
{
    store_retract(world->store, slice_of("main"), seq, slice_of(TOMBSTONE), 2);
}

/* Three entries: 2 has the secret, in its own line, which is for all, and in one that was made for
 * bea. */
static void say_three(struct world *world)
{
    begin(world, STORE_SYNC_ALWAYS);
    propose(world, ENTRY_MESSAGE, "{\"a\":1}");
    propose(world, ENTRY_MESSAGE, "{\"" SECRET "\":2}");
    propose(world, ENTRY_MESSAGE, "{\"b\":3}");
    await(world, 3);
    keep(world, 1, 1, NULL, NULL);
    keep(world, 2, 1, NULL, NULL);
    keep(world, 2, 2, "bea", "{\"told\":\"" SECRET "\"");
    keep(world, 3, 1, NULL, NULL);
}

static bool file_has(const struct world *world, const char *name)
{
    char path[160];
    struct stat found;
    snprintf(path, sizeof path, "%s/%s", world->data, name);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    assert_int_equal(fstat(file, &found), 0);
    char *bytes = malloc((size_t)found.st_size + 1);
    assert_int_equal(read(file, bytes, (size_t)found.st_size), found.st_size);
    bool has = memmem(bytes, (size_t)found.st_size, SECRET, strlen(SECRET)) != NULL;
    free(bytes);
    close(file);
    return has;
}

static bool disk_has(const struct world *world)
{
    return file_has(world, "hub.db") || file_has(world, "hub.db-wal");
}

static void found(void *ctx, struct slice room, const char *what, uint64_t at)
{
    (void)ctx;
    fail_msg("room \"%.*s\", %s %llu is said to be damaged", SLICE_FORMAT(room), what,
             (unsigned long long)at);
}

static const struct store_damage damage = {NULL, found};

static void close_still(struct world *world)
{
    store_close(world->store);
    world->store = NULL;
}

/* All is whole that is there: so many entries and messages. */
static void expect_whole(struct world *world, uint64_t entries, uint64_t messages)
{
    struct store_options options = {.directory = world->data};
    struct store_counts counts;
    char why[STORE_WHY_SIZE];
    if (store_open(&options, &world->store, why) < 0 ||
        store_check(world->store, &damage, &counts, why) < 0)
        fail_msg("%s", why);
    assert_int_equal(counts.entries, entries);
    assert_int_equal(counts.messages, messages);
    close_still(world);
}

static void test_who_reads_is_shown_what_stands_in_its_place(void **state)
{
    struct world *world = *state;
    say_three(world);
    retract(world, 2);
    read_kept(world, "bea", 2, 0, 3);
    assert_string_equal(world->page, "{\"a\":1,\"seq\":1} " TOMBSTONE ",\"seq\":2} " TOMBSTONE
                                     ",\"seq\":2} {\"b\":3,\"seq\":3} ");
    read_kept(world, "cey", 2, 0, 3);
    assert_string_equal(world->page,
                        "{\"a\":1,\"seq\":1} " TOMBSTONE ",\"seq\":2} {\"b\":3,\"seq\":3} ");
    read_kept(world, "cey", 1, 0, 3); /* for whom it is not */
    assert_string_equal(world->page, "{\"a\":1} {\"b\":3} ");
    retract(world, 2);
    retract(world, 9); /* of which nothing was kept */
    read_kept(world, "cey", 2, 1, 2);
    assert_string_equal(world->page, TOMBSTONE ",\"seq\":2} ");
    end(world);
    expect_whole(world, 3, 4);
}

/* In one commit with what it takes back, or long after it: here the thread has written all. */
static void test_it_is_found_in_a_pack_of_before(void **state)
{
    struct world *world = *state;
    say_three(world);
    read_kept(world, "cey", 2, 0, 3);
    assert_non_null(strstr(world->page, SECRET));
    retract(world, 2);
    propose(world, ENTRY_MESSAGE, "{\"c\":4}");
    await(world, 4);
    read_kept(world, "cey", 2, 1, 4);
    assert_string_equal(world->page, TOMBSTONE ",\"seq\":2} {\"b\":3,\"seq\":3} ");
    end(world);
    expect_whole(world, 4, 4);
}

/* A recovery that begins before the entry makes the state of it. */
static void test_its_entry_stays_until_a_checkpoint_is_behind_it(void **state)
{
    struct world *world = *state;
    char why[STORE_WHY_SIZE];
    say_three(world);
    retract(world, 2);
    checkpoint(world, "{1}", 1);
    end(world);
    world->seq = 1;
    assert_int_equal(open_store(world, STORE_SYNC_ALWAYS, why), 0);
    assert_string_equal(world->entries, "2:{\"" SECRET "\":2} 3:{\"b\":3} ");
    close_still(world);
    /* another store, which knows of it from the last one */
    begin(world, STORE_SYNC_ALWAYS);
    checkpoint(world, "{2}", 2);
    end(world);
    assert_false(disk_has(world));
    expect_whole(world, 3, 4);
    /* from its beginning: with its place, and nothing in it */
    world->seq = 0;
    assert_int_equal(open_store(world, STORE_SYNC_ALWAYS, why), 0);
    assert_string_equal(world->entries, "1:{\"a\":1} 2: 3:{\"b\":3} ");
    assert_int_equal(database_number(&world->store->database,
                                     "SELECT count(*) FROM meta WHERE name GLOB 'wipe*'"),
                     0);
    assert_int_equal(database_number(&world->store->database, "PRAGMA secure_delete"),
                     2); /* as ever */
    close_still(world);
}

/* While the hub runs: also the log of SQLite's, which nobody else takes in, has it no more. */
static void test_it_leaves_the_disk_while_the_hub_runs(void **state)
{
    struct world *world = *state;
    char line[32768]; /* of many pages of the database's */
    say_three(world);
    memset(line, 'x', sizeof line);
    snprintf(line + 30000, sizeof line - 30000, SECRET "}");
    propose(world, ENTRY_MESSAGE, line);
    await(world, 4);
    keep(world, 4, 1, NULL, NULL);
    keep(world, 4, 2, "bea", line);
    checkpoint(world, "{\"known\":\"" SECRET "\"}", 4);
    read_kept(world, "cey", 2, 0, 3);
    assert_true(disk_has(world));
    retract(world, 2);
    retract(world, 4);
    checkpoint(world, "{4}", 4);
    for (unsigned tries = 0; disk_has(world); tries++) {
        assert_true(tries < 600000);
        usleep(1000);
    }
    read_kept(world, "cey", 2, 1, 2);
    assert_string_equal(world->page, TOMBSTONE ",\"seq\":2} ");
    end(world);
    expect_whole(world, 4, 6);
}

/* What is damaged beside it stays as it is, and known as that. */
static void test_what_lies_beside_it_is_as_it_was(void **state)
{
    struct message_kept one = {.seq = 1, .number = 1, .level = 1, .line = slice_of("{\"a\":1")};
    struct message_kept two = {
        .seq = 2, .number = 1, .level = 1, .but = slice_of("ada"), .line = slice_of(SECRET)};
    struct message_kept read;
    struct slice room = slice_of("main");
    struct pack_builder builder = {0};
    struct text bytes = {0}, again = {0};
    (void)state;
    pack_add_message(&builder, room, &one);
    pack_add_message(&builder, room, &two);
    text_add(&bytes, pack_bytes(&builder));
    bytes.at[3] ^= 1;
    struct pack pack = {PACK_MESSAGES, text_slice(&bytes), 2, 2};
    assert_int_equal(pack_replace(room, &pack, 1, slice_of(TOMBSTONE), 2, &again), 0);
    assert_int_equal(pack_replace(room, &pack, 2, slice_of(TOMBSTONE), 2, &again), 1);
    pack.bytes = text_slice(&again);
    assert_false(pack_message(room, &pack, 0, &read));
    assert_int_equal(read.seq, 1);
    assert_true(pack_message(room, &pack, 1, &read));
    assert_true(slice_is(read.line, TOMBSTONE) && slice_is(read.but, "ada") && read.level == 2);
    assert_null(memmem(again.at, again.len, SECRET, strlen(SECRET)));
    assert_int_equal(pack_count_whole(room, &pack), 2);
    text_free(&bytes);
    text_free(&again);
    pack_builder_free(&builder);
}

static void test_a_room_that_is_let_go_leaves_no_note_of_it(void **state)
{
    struct world *world = *state;
    char why[STORE_WHY_SIZE];
    say_three(world);
    retract(world, 2);
    read_kept(world, "cey", 2, 1, 2);
    world->log.forget(world->log.state);
    assert_int_equal(store_close(world->store), 0);
    world->store = NULL;
    world->seq = 0;
    assert_int_equal(open_store(world, STORE_SYNC_ALWAYS, why), 0);
    assert_int_equal(database_number(&world->store->database,
                                     "SELECT count(*) FROM meta WHERE name GLOB 'wipe*'"),
                     0);
    close_still(world);
}

/* A salvage takes along what is to be overwritten. */
static void test_a_salvage_does_not_bring_it_back(void **state)
{
    struct world *world = *state, whole = *world;
    struct store_options options = {.directory = world->data, .salvage = true};
    struct store_salvaged result;
    char why[STORE_WHY_SIZE];
    say_three(world);
    retract(world, 2);
    end(world);
    snprintf(whole.data, sizeof whole.data, "%s/whole", world->folder);
    assert_int_equal(store_open(&options, &world->store, why), 0);
    assert_int_equal(store_salvage(world->store, whole.data, &damage, &result, why), 0);
    assert_int_equal(result.left_out, 0);
    close_still(world);
    begin(&whole, STORE_SYNC_ALWAYS);
    read_kept(&whole, "cey", 2, 1, 2);
    assert_string_equal(whole.page, TOMBSTONE ",\"seq\":2} ");
    checkpoint(&whole, "{3}", 3);
    end(&whole);
    assert_false(disk_has(&whole));
    data_remove(&whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_who_reads_is_shown_what_stands_in_its_place),
        STORE_TEST(test_it_is_found_in_a_pack_of_before),
        STORE_TEST(test_its_entry_stays_until_a_checkpoint_is_behind_it),
        STORE_TEST(test_it_leaves_the_disk_while_the_hub_runs),
        STORE_TEST(test_what_lies_beside_it_is_as_it_was),
        STORE_TEST(test_a_room_that_is_let_go_leaves_no_note_of_it),
        STORE_TEST(test_a_salvage_does_not_bring_it_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
