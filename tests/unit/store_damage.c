/* What a store makes of files that are not as it left them: damaged ones, older schemas, other
 * programs. */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/store_fixture.h"

/* ── bytes that are not what they were ── */

static void run_sql(const struct world *world, const char *sql)
{
    char path[160];
    sqlite3 *database;
    snprintf(path, sizeof path, "%s/hub.db", world->data);
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    int result = sqlite3_exec(database, sql, NULL, NULL, NULL);
    if (result != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(database));
    sqlite3_close(database);
}

/* Bytes of a pack, which are no text. */
#define REPLACE_IN(table, from, to)                                                                \
    "UPDATE " table " SET bytes = CAST(replace(CAST(bytes AS TEXT), " from ", " to ") AS BLOB)"

static void fill(struct world *world)
{
    begin(world, STORE_SYNC_ALWAYS);
    propose(world, ENTRY_MESSAGE, "one");
    propose(world, ENTRY_MESSAGE, "two");
    await(world, 2);
    checkpoint(world, "{1}", 0);
    end(world);
}

static void assert_refused(struct world *world, const char *says)
{
    char why[STORE_WHY_SIZE];
    assert_int_equal(open_store(world, STORE_SYNC_ALWAYS, why), -1);
    if (!strstr(why, says))
        fail_msg("\"%s\" does not say \"%s\"", why, says);
}

static void test_a_flipped_bit_is_seen(void **state)
{
    struct world *world = *state;
    fill(world);
    run_sql(world, REPLACE_IN("entry_packs", "'two'", "'twv'"));
    assert_refused(world, "entry 2 is damaged");
    run_sql(world, REPLACE_IN("entry_packs", "'twv'", "'two'"));
    run_sql(world, "UPDATE entry_packs SET time = time + 1");
    assert_refused(world, "the pack that ends with entry 2 is damaged");
    run_sql(world, "UPDATE entry_packs SET time = time - 1, count = 1");
    assert_refused(world, "the pack that ends with entry 2 is damaged");
    run_sql(world, "UPDATE entry_packs SET count = 2");
    run_sql(world, "UPDATE state SET bytes = x'7b327d'");
    assert_refused(world, "row 1 is damaged");
    run_sql(world, "UPDATE rooms SET trimmed = 1");
    assert_refused(world, "what is known of room 1 is damaged");
    run_sql(world, "UPDATE meta SET value = zeroblob(32) WHERE name = 'key'");
    assert_refused(world, "the hub's key is damaged");
}

static void note_damage(void *ctx, struct slice room, const char *what, uint64_t number)
{
    struct world *world = ctx;
    append(world->rows, sizeof world->rows, what, room, number);
}

static void check(struct world *world, struct store_counts *ret_counts)
{
    struct store_options options = {.directory = world->data};
    struct store_damage damage = {world, note_damage};
    char why[STORE_WHY_SIZE];
    world->rows[0] = '\0';
    if (store_open(&options, &world->store, why) < 0 ||
        store_check(world->store, &damage, ret_counts, why) < 0)
        fail_msg("%s", why);
    assert_int_equal(store_close(world->store), 0);
    world->store = NULL;
}

/* The seqs of rooms to come begin there, and stand in what entries are found by. */
static void test_a_seq_that_is_none_is_seen(void **state)
{
    struct world *world = *state;
    static const char *const numbers[] = {"-1", "17592186044416"};
    fill(world);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char sql[128], says[96];
        snprintf(sql, sizeof sql, "REPLACE INTO meta VALUES ('let_go', CAST('%s' AS BLOB), 0)",
                 numbers[i]);
        run_sql(world, sql);
        snprintf(says, sizeof says, "damaged: %s is no seq", numbers[i]);
        assert_refused(world, says);
    }
    run_sql(world, "REPLACE INTO meta VALUES ('let_go', CAST('7' AS BLOB), 0)");
    assert_refused(world, "not what it was");
    /* What is salvaged can be gone on from, by a room that may have been there before, too. */
    struct store_options options = {.directory = world->data, .salvage = true};
    struct store_damage damage = {world, note_damage};
    char why[STORE_WHY_SIZE], whole[sizeof world->data];
    struct store_salvaged result;
    snprintf(whole, sizeof whole, "%s/whole", world->folder);
    assert_int_equal(store_open(&options, &world->store, why), 0);
    assert_int_equal(store_salvage(world->store, whole, &damage, &result, why), 0);
    assert_int_equal(result.left_out, 1);
    assert_false(result.unsure);
    assert_int_equal(store_close(world->store), 0);
    world->store = NULL;
    data_remove(world);
    memcpy(world->data, whole, sizeof whole);
    begin(world, STORE_SYNC_ALWAYS);
    assert_string_equal(world->rows, "member0:{1} loaded ");
    world->log.free(world->log.state);
    open_log(world, "lab", 0);
    propose(world, ENTRY_MESSAGE, "a");
    await(world, 1);
    assert_true(world->seen[0].seq > UINT64_C(1) << 43);
    end(world);
}

/* Also below a checkpoint, where no recovery looks. */
static void test_a_check_names_each_damage(void **state)
{
    struct world *world = *state;
    struct store_counts counts;
    assert_false(store_exists(world->data));
    fill(world);
    begin(world, STORE_SYNC_ALWAYS);
    checkpoint(world, "{1}", 2);
    end(world);
    assert_true(store_exists(world->data));
    check(world, &counts);
    assert_string_equal(world->rows, "");
    assert_int_equal(counts.rooms, 1);
    assert_int_equal(counts.entries, 2);
    assert_int_equal(counts.rows, 1);
    assert_int_equal(counts.damaged, 0);
    run_sql(world,
            REPLACE_IN("entry_packs", "'one'",
                       "'own'") ";"
                                "UPDATE state SET bytes = x'7b327d'; UPDATE rooms SET trimmed = 1");
    check(world, &counts);
    assert_string_equal(world->rows, "what is said of room1:main row1:main entry1:main ");
    assert_int_equal(counts.damaged, 3);
    assert_int_equal(counts.entries, 2);
    run_sql(world, REPLACE_IN("entry_packs", "'own'",
                              "'one'") ";"
                                       "UPDATE rooms SET trimmed = 0; DELETE FROM state;"
                                       "UPDATE entry_packs SET count = 1");
    check(world, &counts);
    assert_string_equal(world->rows, "what is said of the entries up to2:main ");
    assert_int_equal(counts.entries, 2);
    run_sql(world, "UPDATE entry_packs SET count = 2, id = id + (1 << 44)");
    check(world, &counts);
    assert_string_equal(world->rows, "what is said of the entries up to2: "
                                     "of a room that is not there: entry1: "
                                     "of a room that is not there: entry2: ");
}

/* ── a database that an earlier version made ── */

/* As schema 1 was made. It stays as it is: such databases are out there. */
static const char schema_1[] =
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;"
    "CREATE TABLE rooms (id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE) STRICT;"
    "CREATE TABLE entries (id INTEGER PRIMARY KEY, time INTEGER NOT NULL, peer INTEGER NOT NULL,"
    " takes_over INTEGER NOT NULL, kind INTEGER NOT NULL, bytes BLOB NOT NULL,"
    " checksum INTEGER NOT NULL) STRICT;"
    "CREATE TABLE state (room INTEGER NOT NULL, kind INTEGER NOT NULL, key BLOB NOT NULL,"
    " bytes BLOB NOT NULL, checksum INTEGER NOT NULL,"
    " PRIMARY KEY (room, kind, key)) STRICT, WITHOUT ROWID;"
    "PRAGMA application_id = 0x6b687562; PRAGMA user_version = 1;"
    "INSERT INTO meta VALUES ('key', zeroblob(32));"
    "INSERT INTO rooms VALUES (1, CAST('main' AS BLOB));"
    "INSERT INTO state VALUES (1, 1, CAST('ada' AS BLOB), CAST('{1}' AS BLOB), -3851528519389157713);"
    "INSERT INTO entries VALUES (1 << 44 | 1, 7, -1, 3, 1, CAST('one' AS BLOB), 8188560483642357914);"
    "INSERT INTO entries VALUES (1 << 44 | 2, 7, -1, 3, 1, CAST('two' AS BLOB), -5372360809533272585);";

static void test_a_database_of_schema_1_is_taken_over(void **state)
{
    struct world *world = *state;
    uint8_t key[32], zero[32] = {0};
    assert_int_equal(mkdir(world->data, 0700), 0);
    run_sql(world, schema_1);
    begin(world, STORE_SYNC_ALWAYS);
    assert_string_equal(world->rows, "member0:{1} loaded ");
    assert_string_equal(world->entries, "1:one 2:two ");
    store_key(world->store, key);
    assert_memory_equal(key, zero, 32);
    propose(world, ENTRY_MESSAGE, "three");
    await(world, 1);
    end(world);
    begin(world, STORE_SYNC_ALWAYS); /* once more: it is of this schema now */
    assert_string_equal(world->entries, "1:one 2:two 3:three ");
    end(world);
}

/* What schema 2 had besides. It stays as it is, too. */
static const char from_1_to_2[] =
    "CREATE TABLE messages (id INTEGER NOT NULL, number INTEGER NOT NULL, level INTEGER NOT NULL,"
    " audience INTEGER NOT NULL, observed INTEGER NOT NULL, but TEXT NOT NULL,"
    " names TEXT NOT NULL, line BLOB, PRIMARY KEY (id, number)) STRICT, WITHOUT ROWID;"
    "ALTER TABLE rooms ADD COLUMN trimmed INTEGER NOT NULL DEFAULT 0;"
    "PRAGMA user_version = 2;"
    "INSERT INTO meta VALUES ('let_go', CAST('00000000000000000005' AS BLOB));"
    "INSERT INTO messages VALUES (1 << 44 | 1, 1, 1, 0, 0, 'ada', '', NULL);"
    "INSERT INTO messages VALUES (1 << 44 | 2, 1, 2, 1, 1, '', 'bea' || char(10), NULL);"
    "INSERT INTO messages VALUES (1 << 44 | 2, 2, 1, 0, 0, '', '', CAST('{\"m\":1' AS BLOB));";

static void test_a_database_of_schema_2_is_taken_over(void **state)
{
    struct world *world = *state;
    struct store_counts counts;
    assert_int_equal(mkdir(world->data, 0700), 0);
    run_sql(world, schema_1);
    run_sql(world, from_1_to_2);
    begin(world, STORE_SYNC_ALWAYS);
    assert_string_equal(world->entries, "1:one 2:two ");
    read_kept(world, "cy", 2, 0, 2);
    assert_string_equal(world->page, "on,\"seq\":1} {\"m\":1,\"seq\":2} ");
    read_kept(world, "bea", 1, 0, 2);
    assert_string_equal(world->page, "on} {\"m\":1} ");
    world->log.free(world->log.state);
    open_log(world, "lab", 0);
    propose(world, ENTRY_MESSAGE, "a");
    await(world, 1);
    assert_int_equal(world->seen[0].seq, 6);
    end(world);
    check(world, &counts);
    assert_string_equal(world->rows, "");
    assert_int_equal(counts.messages, 3);
}

/* It had all but the table that a checkpoint needs while it is written. */
static void test_a_database_of_schema_3_is_taken_over(void **state)
{
    struct world *world = *state;
    fill(world);
    run_sql(world, "DROP TABLE undo; DROP TABLE chunks; DROP TABLE dropping;"
                   "PRAGMA user_version = 3");
    begin(world, STORE_SYNC_ALWAYS);
    assert_string_equal(world->rows, "member0:{1} loaded ");
    assert_string_equal(world->entries, "1:one 2:two ");
    checkpoint(world, "{2}", 2);
    end(world);
    world->seq = 2;
    begin(world, STORE_SYNC_ALWAYS);
    assert_string_equal(world->rows, "member0:{2} loaded ");
    assert_string_equal(world->entries, "");
    end(world);
}

/* The version that the file says it is of. */
static int schema_of(const struct world *world)
{
    char path[160];
    sqlite3 *database;
    sqlite3_stmt *version;
    snprintf(path, sizeof path, "%s/hub.db", world->data);
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(database, "PRAGMA user_version", -1, &version, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(version), SQLITE_ROW);
    int schema = sqlite3_column_int(version, 0);
    sqlite3_finalize(version);
    sqlite3_close(database);
    return schema;
}

/* Nothing is moved in the file of one that is: it is all that there is of what it holds. */
static void test_what_was_damaged_before_stays_so(void **state)
{
    static const char *const damages[][2] = {
        {"UPDATE entries SET time = 8 WHERE id & 2", "room \"main\": entry 2 is damaged"},
        {"UPDATE state SET bytes = x'7b327d'", "room \"main\": row 1 is damaged"},
        {"UPDATE entries SET id = id + (1 << 44) WHERE id & 2", "room \"\": entry 2 is damaged"},
        {"UPDATE state SET room = 2", "room \"\": row 1 is damaged"}};
    struct world *world = *state;
    for (int schema = 1; schema <= 2; schema++)
        for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
            assert_int_equal(mkdir(world->data, 0700), 0);
            run_sql(world, schema_1);
            if (schema == 2)
                run_sql(world, from_1_to_2);
            run_sql(world, damages[i][0]);
            assert_refused(world, damages[i][1]);
            assert_refused(world, damages[i][1]);
            assert_int_equal(schema_of(world), schema);
            data_remove(world);
        }
}

static void test_another_program_or_version_is_refused(void **state)
{
    struct world *world = *state;
    fill(world);
    run_sql(world, "PRAGMA user_version = 1000");
    assert_refused(world, "schema 1000; this one knows");
    run_sql(world, "PRAGMA application_id = 1");
    assert_refused(world, "another program");
    run_sql(world, "PRAGMA application_id = 0; PRAGMA user_version = 0"); /* as most have them */
    assert_refused(world, "another program");
}

static void test_a_broken_file_is_refused(void **state)
{
    struct world *world = *state;
    char path[160];
    fill(world);
    snprintf(path, sizeof path, "%s/hub.db", world->data);
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    for (unsigned at = 4096; at < 12288; at += 64) {
        fseek(file, at, SEEK_SET);
        fputs("broken", file);
    }
    fclose(file);
    assert_refused(world, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_a_flipped_bit_is_seen),
        STORE_TEST(test_a_seq_that_is_none_is_seen),
        STORE_TEST(test_a_check_names_each_damage),
        STORE_TEST(test_a_database_of_schema_1_is_taken_over),
        STORE_TEST(test_a_database_of_schema_2_is_taken_over),
        STORE_TEST(test_a_database_of_schema_3_is_taken_over),
        STORE_TEST(test_what_was_damaged_before_stays_so),
        STORE_TEST(test_another_program_or_version_is_refused),
        STORE_TEST(test_a_broken_file_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
