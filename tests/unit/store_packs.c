/* Packs: what is put in comes out; a flipped bit costs one item. And what a store makes of them:
 * messages that are kept and read back, once; what is trimmed; what is salvaged. */
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "store/inside.h"
#include "tests/unit/store_fixture.h"

#define ITEMS 9u

static const struct slice room = SLICE("main");

/* ── a pack alone ── */

static struct entry entry_of(uint32_t at, char text[32])
{
    snprintf(text, 32, "%.*s", (int)(3 * at), "abcdefghijklmnopqrstuvwxyz012345");
    return (struct entry){.seq = 100 + 2 * at,
                          .time_ms = 1000 - (int64_t)at,
                          .peer = at ? (peer_id)-at : 0,
                          .takes_over = at * 7,
                          .kind = (enum entry_kind)(at % ENTRY_KIND_COUNT),
                          .bytes = slice_of(text)};
}

static struct message_kept message_of(uint32_t at, char text[32])
{
    snprintf(text, 32, "%.*s", (int)(3 * at), "abcdefghijklmnopqrstuvwxyz012345");
    return (struct message_kept){.seq = 100 + at / 2,
                                 .number = at % 2 + 1,
                                 .level = (int)(at % 2) + 1,
                                 .audience = (enum audience)(at % 3),
                                 .observed = at % 5 == 0,
                                 .own = at == 0,
                                 .but = {text, at},
                                 .names = {text + at, at},
                                 .line = {text + 2 * at, at}};
}

static bool entries_equal(const struct entry *left, const struct entry *right)
{
    return left->seq == right->seq && left->time_ms == right->time_ms &&
           left->peer == right->peer && left->takes_over == right->takes_over &&
           left->kind == right->kind && slice_equal(left->bytes, right->bytes);
}

static bool messages_equal(const struct message_kept *left, const struct message_kept *right)
{
    return left->seq == right->seq && left->number == right->number &&
           left->level == right->level && left->audience == right->audience &&
           left->observed == right->observed && left->own == right->own &&
           slice_equal(left->but, right->but) && slice_equal(left->names, right->names) &&
           slice_equal(left->line, right->line);
}

static void build(enum pack_kind kind, struct pack_builder *builder, struct pack *ret_pack)
{
    char text[32];
    for (uint32_t at = 0; at < ITEMS; at++) {
        struct entry entry = entry_of(at, text);
        struct message_kept message = message_of(at, text);
        if (kind == PACK_ENTRIES)
            pack_add_entry(builder, room, &entry);
        else
            pack_add_message(builder, room, &message);
    }
    *ret_pack = (struct pack){
        .kind = kind, .last = builder->last, .count = builder->count, .bytes = pack_bytes(builder)};
}

/* Is the item, as it was put in, whole? One that is whole is as it was put in. */
static bool item_whole(const struct pack *pack, uint32_t at)
{
    char text[32];
    struct entry entry, entry_was = entry_of(at, text);
    struct message_kept message, message_was = message_of(at, text);
    if (pack->kind == PACK_ENTRIES) {
        bool whole = pack_entry(room, pack, at, &entry);
        if (whole)
            assert_true(entries_equal(&entry, &entry_was));
        return whole;
    }
    bool whole = pack_message(room, pack, at, &message);
    if (whole)
        assert_true(messages_equal(&message, &message_was));
    return whole;
}

static void test_what_is_put_in_comes_out(void **state)
{
    (void)state;
    for (enum pack_kind kind = 0; kind < PACK_KIND_COUNT; kind++) {
        struct pack_builder builder = {0};
        struct pack pack;
        build(kind, &builder, &pack);
        assert_int_equal(pack.count, ITEMS);
        for (uint32_t at = 0; at < ITEMS; at++)
            assert_true(item_whole(&pack, at));
        assert_int_equal(pack_count_whole(room, &pack), ITEMS);
        pack_builder_free(&builder);
    }
}

static void test_another_rooms_are_not_whole(void **state)
{
    (void)state;
    struct pack_builder builder = {0};
    struct pack pack;
    struct entry entry;
    build(PACK_ENTRIES, &builder, &pack);
    assert_false(pack_entry(slice_of("lab"), &pack, 3, &entry));
    assert_int_equal(entry.seq, 106); /* which one it is can still be said */
    pack_builder_free(&builder);
}

/* Whatever bit it is: at most one item is not whole, and all others are as they were. */
static void test_a_flipped_bit_costs_one_item(void **state)
{
    (void)state;
    for (enum pack_kind kind = 0; kind < PACK_KIND_COUNT; kind++) {
        struct pack_builder builder = {0};
        struct pack pack;
        build(kind, &builder, &pack);
        char *bytes = malloc(pack.bytes.len);
        size_t all = 0;
        assert_non_null(bytes);
        for (size_t bit = 0; bit < 8 * pack.bytes.len; bit++) {
            uint32_t lost = 0;
            memcpy(bytes, pack.bytes.at, pack.bytes.len);
            bytes[bit / 8] ^= (char)(1 << bit % 8);
            struct pack flipped = pack;
            flipped.bytes.at = bytes;
            for (uint32_t at = 0; at < ITEMS; at++)
                lost += !item_whole(&flipped, at);
            if (lost > 1)
                fail_msg("kind %d, bit %zu: %u items", (int)kind, bit, lost);
            all += lost;
        }
        /* some say nothing: a spare field's, or where an empty text is */
        assert_true(all > 8 * pack.bytes.len - ITEMS * 64);
        free(bytes);
        pack_builder_free(&builder);
    }
}

/* Short ones, and counts that lie: nothing outside of the pack is read. */
static void test_nothing_outside_of_a_pack_is_read(void **state)
{
    (void)state;
    for (enum pack_kind kind = 0; kind < PACK_KIND_COUNT; kind++) {
        struct pack_builder builder = {0};
        struct pack pack;
        build(kind, &builder, &pack);
        for (size_t len = 0; len <= pack.bytes.len; len++) {
            char *bytes = malloc(len ? len : 1); /* its own, so that a sanitizer sees its ends */
            assert_non_null(bytes);
            memcpy(bytes, slice_end(pack.bytes) - len, len);
            struct pack cut = {kind, {bytes, len}, pack.last, 3 * ITEMS};
            for (uint32_t at = 0; at < cut.count; at++) {
                struct entry entry;
                struct message_kept message;
                if (kind == PACK_ENTRIES)
                    pack_entry(room, &cut, at, &entry);
                else
                    pack_message(room, &cut, at, &message);
            }
            assert_true(pack_count_whole(room, &cut) <= ITEMS + 2);
            assert_true(pack_find(&cut, 105) <= cut.count);
            free(bytes);
        }
        pack_builder_free(&builder);
    }
}

static void test_items_are_found_by_seq(void **state)
{
    (void)state;
    struct pack_builder builder = {0};
    struct pack pack;
    build(PACK_ENTRIES, &builder, &pack); /* 100, 102, … 116 */
    assert_int_equal(pack_find(&pack, 0), 0);
    assert_int_equal(pack_find(&pack, 100), 0);
    assert_int_equal(pack_find(&pack, 101), 1);
    assert_int_equal(pack_find(&pack, 116), ITEMS - 1);
    assert_int_equal(pack_find(&pack, 117), ITEMS);
    pack_builder_free(&builder);
}

/* ── messages in a store ── */

static void keep(struct world *world, uint64_t seq, uint32_t number, const char *name,
                 const char *line)
{
    struct slice names[] = {slice_of(name ? name : "")};
    struct effect effect = {.room = room,
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

static void test_messages_are_read_back_by_those_they_were_for(void **state)
{
    struct world *world = *state;
    begin(world, STORE_SYNC_ALWAYS);
    for (uint64_t seq = 1; seq <= 3; seq++)
        propose(world, ENTRY_MESSAGE, seq == 1 ? "{1}" : seq == 2 ? "{2}" : "{3}");
    await(world, 3);
    keep(world, 1, 1, NULL, NULL);
    keep(world, 2, 1, "bea", NULL);
    keep(world, 2, 2, NULL, "{made");
    keep(world, 3, 1, "ada", NULL);
    read_kept(world, "ada", 1, 0, 3);
    assert_string_equal(world->page, "{1} {made} {3} ");
    read_kept(world, "bea", 2, 0, 3);
    assert_string_equal(world->page, "{1,\"seq\":1} {2,\"seq\":2} {made,\"seq\":2} ");
    read_kept(world, "bea", 1, 1, 2);
    assert_string_equal(world->page, "{2} {made} ");
    end(world);
}

/* After a crash the entries behind a checkpoint cause everything once more. */
static void test_once_more_is_the_same_as_once(void **state)
{
    struct world *world = *state;
    begin(world, STORE_SYNC_ALWAYS);
    propose(world, ENTRY_MESSAGE, "{1}");
    propose(world, ENTRY_MESSAGE, "{2}");
    await(world, 2);
    keep(world, 1, 1, NULL, NULL);
    keep(world, 2, 1, NULL, "{a");
    end(world);
    begin(world, STORE_SYNC_ALWAYS);
    keep(world, 1, 1, NULL, NULL);
    keep(world, 2, 1, NULL, "{a");
    keep(world, 2, 2, NULL, "{b");
    read_kept(world, "ada", 1, 0, 2);
    assert_string_equal(world->page, "{1} {a} {b} ");
    end(world);
}

static int64_t count_of(const struct world *world, const char *table)
{
    char path[sizeof world->data + 8], sql[64];
    struct database database = DATABASE_NONE;
    snprintf(path, sizeof path, "%s/hub.db", world->data);
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
    assert_int_equal(sqlite3_open(path, &database.handle), SQLITE_OK);
    int64_t count = database_number(&database, sql);
    sqlite3_close(database.handle);
    return count;
}

/* Entries in a row for each commit; what they caused in one, since nobody waited for it. */
static void test_messages_of_many_commits_are_one_row(void **state)
{
    struct world *world = *state;
    begin(world, STORE_SYNC_ALWAYS);
    for (uint64_t seq = 1; seq <= 10; seq++) {
        propose(world, ENTRY_MESSAGE, "{1}");
        await(world, seq);
        keep(world, seq, 1, NULL, NULL);
        store_push(world->store);
    }
    store_look(world->store);
    propose(world, ENTRY_MESSAGE, "{11}");
    await(world, 11);
    end(world);
    assert_int_equal(count_of(world, "entry_packs"), 11);
    assert_int_equal(count_of(world, "message_packs"), 1);
}

static void propose_some(struct world *world)
{
    for (unsigned i = 0; i < 3; i++)
        propose(world, ENTRY_MESSAGE, "{1}");
}

/* Nor is anything kept that an entry caused which is not: without its thread. */
static void test_what_an_entry_caused_is_written_after_it(void **state)
{
    struct world *world = *state;
    char why[STORE_WHY_SIZE];
    assert_int_equal(open_store(world, STORE_SYNC_NONE, why), 0);
    open_log(world, "main", 0);
    propose_some(world);
    keep(world, 1, 1, NULL, NULL);
    store_look(world->store);
    const struct batch *first = STAILQ_FIRST(&world->store->waiting);
    const struct batch *second = first ? STAILQ_NEXT(first, next) : NULL;
    assert_true(first && second);
    assert_int_equal(first->items[0].kind, ITEM_ENTRY);
    assert_int_equal(second->items[0].kind, ITEM_MESSAGE);
    world->log.free(world->log.state);
    store_close(world->store);
    world->store = NULL;
}

/* What was yet to be written of a room that is let go is not written behind it. */
static void test_of_a_room_that_is_gone_no_message_stays(void **state)
{
    struct world *world = *state;
    begin(world, STORE_SYNC_ALWAYS);
    propose_some(world);
    await(world, 3);
    keep(world, 1, 1, NULL, NULL);
    world->log.forget(world->log.state);
    store_push(world->store);
    open_log(world, "other", 0);
    for (uint64_t seq = 1; seq <= 20; seq++) {
        propose(world, ENTRY_MESSAGE, "{1}");
        await(world, seq + 3);
    }
    end(world);
    assert_int_equal(count_of(world, "message_packs"), 0);
}

static void fill_many(struct world *world, uint64_t count)
{
    char text[128];
    for (uint64_t seq = 1; seq <= count; seq++) {
        snprintf(text, sizeof text, "{%08" PRIu64 "%*s}", seq, 80, "");
        propose(world, ENTRY_MESSAGE, text);
        if (seq % 700 == 0)
            await(world, seq);
    }
    await(world, count);
    for (uint64_t seq = 1; seq <= count; seq++)
        keep(world, seq, 1, seq % 1000 == 0 ? "ada" : "bea", NULL);
}

/* More than a pack holds, and more than a page. */
static void test_many_are_read_page_by_page(void **state)
{
    struct world *world = *state;
    begin(world, STORE_SYNC_ALWAYS);
    fill_many(world, 10000);
    read_kept(world, "ada", 1, 999, 9999);
    assert_true(world->reads > 1);
    for (unsigned at = 0; at < 9; at++) {
        assert_int_equal(strtoul(world->page + at * 91 + 1, NULL, 10), 1000 * (at + 1));
        assert_int_equal(world->page[at * 91 + 90], ' ');
    }
    assert_int_equal(strlen(world->page), 9 * 91);
    end(world);
}

static void test_what_is_not_retained_is_trimmed(void **state)
{
    struct world *world = *state;
    struct store_counts counts;
    struct store_damage damage = {0};
    char why[STORE_WHY_SIZE];
    world->retain.retain_entries = 3000;
    begin(world, STORE_SYNC_ALWAYS);
    fill_many(world, 10000);
    checkpoint(world, "{1}", 10000);
    do /* STORE_TRIM_AT_ONCE of them go at a time */
        read_kept(world, "ada", 1, 0, 10000);
    while (world->trimmed <= 7000 - STORE_TOGETHER_MAX);
    read_kept(world, "ada", 1, 0, 10000);
    assert_in_range(world->trimmed, 7001 - STORE_TOGETHER_MAX, 7000);
    assert_int_equal(strtoul(world->page + 1, NULL, 10), (world->trimmed / 1000 + 1) * 1000);
    uint64_t trimmed = world->trimmed;
    end(world);
    struct store_options options = {.directory = world->data};
    assert_int_equal(store_open(&options, &world->store, why), 0);
    assert_int_equal(store_check(world->store, &damage, &counts, why), 0);
    assert_int_equal(counts.damaged, 0);
    assert_int_equal(counts.entries, 10000 - trimmed);
    assert_in_range(counts.messages, 10000 - trimmed, 11000 - trimmed); /* by whole packs */
}

/* By rows, each when its last entry is beyond; with a checkpoint in which nothing has changed, too.
 */
static void test_no_row_stays_that_is_beyond(void **state)
{
    struct world *world = *state;
    world->retain.retain_entries = 7;
    begin(world, STORE_SYNC_ALWAYS);
    for (uint64_t seq = 1; seq <= 20; seq++) {
        propose(world, ENTRY_MESSAGE, "{1}");
        if (seq != 12) /* 12 and 13 are one row */
            await(world, seq);
    }
    for (uint64_t seq = 1; seq <= 20; seq++)
        keep(world, seq, 1, NULL, NULL);
    store_checkpoint_end(world->store, room, 18);
    read_kept(world, "ada", 1, 0, 20);
    while (world->trimmed < 11)
        read_kept(world, "ada", 1, 0, 20);
    assert_int_equal(world->trimmed, 11);
    store_checkpoint_end(world->store, room, 20);
    while (world->trimmed < 13)
        read_kept(world, "ada", 1, 0, 20);
    assert_int_equal(world->trimmed, 13);
    end(world);
    assert_int_equal(count_of(world, "entry_packs"), 7);
}

/* ── damage ── */

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

static void note_damage(void *ctx, struct slice of, const char *what, uint64_t number)
{
    struct world *world = ctx;
    append(world->rows, sizeof world->rows, what, of, number);
}

/* Into a new directory, which then stands in the old one's place. */
static void salvage(struct world *world, struct store_salvaged *ret_result)
{
    struct store_options options = {.directory = world->data, .salvage = true};
    struct store_damage damage = {world, note_damage};
    char why[STORE_WHY_SIZE], whole[sizeof world->data];
    world->rows[0] = '\0';
    snprintf(whole, sizeof whole, "%s/whole", world->folder);
    assert_int_equal(store_open(&options, &world->store, why), 0);
    if (store_salvage(world->store, whole, &damage, ret_result, why) < 0)
        fail_msg("%s", why);
    store_close(world->store);
    world->store = NULL;
    data_remove(world);
    memcpy(world->data, whole, sizeof whole);
}

static void keep_three(struct world *world)
{
    begin(world, STORE_SYNC_ALWAYS);
    propose(world, ENTRY_MESSAGE, "{1}");
    propose(world, ENTRY_MESSAGE, "{2}");
    propose(world, ENTRY_MESSAGE, "{3}");
    await(world, 3);
    keep(world, 1, 1, NULL, NULL);
    keep(world, 2, 1, NULL, NULL);
    keep(world, 2, 2, NULL, "{made");
    keep(world, 3, 1, NULL, "{also");
    end(world);
}

static void test_a_damaged_message_is_not_delivered(void **state)
{
    struct world *world = *state;
    keep_three(world);
    run_sql(world, "UPDATE message_packs SET bytes ="
                   " CAST(replace(CAST(bytes AS TEXT), 'made', 'fade') AS BLOB)");
    begin(world, STORE_SYNC_ALWAYS);
    read_kept(world, "ada", 1, 0, 3);
    assert_string_equal(world->page, "{1} {2} {also} ");
    assert_int_equal(world->trimmed, 2); /* so it is told that something is missing */
    end(world);
}

static void test_what_is_whole_in_a_pack_is_salvaged(void **state)
{
    struct world *world = *state;
    struct store_salvaged result;
    keep_three(world);
    run_sql(world, "UPDATE message_packs SET bytes ="
                   " CAST(replace(CAST(bytes AS TEXT), 'made', 'fade') AS BLOB), count = 100;"
                   "UPDATE entry_packs SET bytes ="
                   " CAST(replace(CAST(bytes AS TEXT), '{1}', '{7}') AS BLOB)");
    salvage(world, &result);
    assert_string_equal(world->rows, "entry1:main what is said of the messages kept up to "
                                     "entry3:main message kept of entry2:main ");
    assert_int_equal(result.left_out, 3);
    begin(world, STORE_SYNC_ALWAYS);
    assert_string_equal(world->entries, "2:{2} 3:{3} ");
    read_kept(world, "ada", 1, 0, 3);
    assert_string_equal(world->page, "{2} {also} ");
    assert_int_equal(world->trimmed, 2);
    end(world);
}

static long pages_of(const struct world *world)
{
    char path[160];
    struct stat found;
    snprintf(path, sizeof path, "%s/hub.db", world->data);
    assert_int_equal(stat(path, &found), 0);
    return (long)found.st_size / 4096;
}

static void break_page(const struct world *world, long number)
{
    char path[160], broken[4096];
    snprintf(path, sizeof path, "%s/hub.db", world->data);
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    memset(broken, 0xa5, sizeof broken);
    fseek(file, number * 4096, SEEK_SET);
    assert_int_equal(fwrite(broken, 1, sizeof broken, file), sizeof broken);
    fclose(file);
}

/* A page that is broken in the midst of a large pack costs that pack, and not those behind it. */
static void test_a_broken_page_costs_one_pack(void **state)
{
    struct world *world = *state;
    struct store_counts counts;
    struct store_damage damage = {world, note_damage};
    char why[STORE_WHY_SIZE];
    struct store_salvaged result;
    begin(world, STORE_SYNC_ALWAYS);
    fill_many(world, 5000);
    end(world);
    break_page(world, pages_of(world) / 3);
    salvage(world, &result);
    assert_true(result.left_out > 0);
    struct store_options options = {.directory = world->data};
    assert_int_equal(store_open(&options, &world->store, why), 0);
    assert_int_equal(store_check(world->store, &damage, &counts, why), 0);
    assert_int_equal(counts.damaged, 0);
    assert_in_range(counts.entries, 4000, 4999);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_put_in_comes_out),
        cmocka_unit_test(test_another_rooms_are_not_whole),
        cmocka_unit_test(test_a_flipped_bit_costs_one_item),
        cmocka_unit_test(test_nothing_outside_of_a_pack_is_read),
        cmocka_unit_test(test_items_are_found_by_seq),
        STORE_TEST(test_messages_are_read_back_by_those_they_were_for),
        STORE_TEST(test_once_more_is_the_same_as_once),
        STORE_TEST(test_messages_of_many_commits_are_one_row),
        STORE_TEST(test_what_an_entry_caused_is_written_after_it),
        STORE_TEST(test_of_a_room_that_is_gone_no_message_stays),
        STORE_TEST(test_many_are_read_page_by_page),
        STORE_TEST(test_what_is_not_retained_is_trimmed),
        STORE_TEST(test_no_row_stays_that_is_beyond),
        STORE_TEST(test_a_damaged_message_is_not_delivered),
        STORE_TEST(test_what_is_whole_in_a_pack_is_salvaged),
        STORE_TEST(test_a_broken_page_costs_one_pack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
