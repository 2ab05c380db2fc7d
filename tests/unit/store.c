/* The store: what it takes comes back in order once it is on disk, and is there after the end; the
 * lock, damage, a disk that is full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/store.h"
#include "tests/unit/own_folder.h"

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, folder_make, folder_remove)

/* ── a folder, and what comes back ── */

struct seen {
    uint64_t seq;
    enum entry_kind kind;
    char text[24];
    bool lost;
};

struct world {
    char folder[OWN_FOLDER_SIZE], data[OWN_FOLDER_SIZE + 16];
    struct store *store;
    struct log log;
    struct seen *seen;
    size_t count;
    /* of the last recovery */
    char rows[4096], entries[4096];
    uint64_t seq;
    int refuse_row;

    pthread_mutex_t mutex;
    pthread_cond_t woken;
    bool awake;
};

static int folder_make(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    assert_int_equal(own_folder_make(world->folder), 0);
    snprintf(world->data, sizeof world->data, "%s/data", world->folder);
    pthread_mutex_init(&world->mutex, NULL);
    pthread_cond_init(&world->woken, NULL);
    *state = world;
    return 0;
}

static int folder_remove(void **state)
{
    static const char *const files[] = {"hub.db", "hub.db-wal", "hub.db-shm", "lock"};
    struct world *world = *state;
    char path[160];
    store_close(world->store);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", world->data, files[i]);
        unlink(path);
    }
    rmdir(world->data);
    int left = rmdir(world->folder);
    pthread_cond_destroy(&world->woken);
    pthread_mutex_destroy(&world->mutex);
    free(world->seen);
    free(world);
    return left;
}

static void wake(void *ctx)
{
    struct world *world = ctx;
    pthread_mutex_lock(&world->mutex);
    world->awake = true;
    pthread_cond_signal(&world->woken);
    pthread_mutex_unlock(&world->mutex);
}

static void see(struct world *world, const struct entry *entry, bool lost)
{
    world->seen = realloc(world->seen, (world->count + 1) * sizeof *world->seen);
    assert_non_null(world->seen);
    struct seen *seen = &world->seen[world->count++];
    *seen = (struct seen){.seq = entry->seq, .kind = entry->kind, .lost = lost};
    snprintf(seen->text, sizeof seen->text, "%.*s", SLICE_FORMAT(entry->bytes));
}

static void applied(void *ctx, const struct entry *entry)
{
    see(ctx, entry, false);
}

static void lost(void *ctx, const struct entry *entry)
{
    see(ctx, entry, true);
}

/* Takes what comes back until there are `count`. */
static void await(struct world *world, size_t count)
{
    store_push(world->store);
    while (world->count < count) {
        pthread_mutex_lock(&world->mutex);
        while (!world->awake)
            pthread_cond_wait(&world->woken, &world->mutex);
        world->awake = false;
        pthread_mutex_unlock(&world->mutex);
        store_take(world->store);
    }
}

/* ── recovery, as text ── */

static void append(char *text, size_t size, const char *what, struct slice bytes, uint64_t number)
{
    size_t len = strlen(text);
    snprintf(text + len, size - len, "%s%llu:%.*s ", what, (unsigned long long)number,
             SLICE_FORMAT(bytes));
}

static int read_row(void *ctx, struct slice room, const struct row *row)
{
    struct world *world = ctx;
    assert_true(slice_is(room, "main"));
    append(world->rows, sizeof world->rows, row_kind_text(row->kind), row->bytes, 0);
    return world->refuse_row;
}

static int read_loaded(void *ctx, struct slice room)
{
    struct world *world = ctx;
    (void)room;
    strcat(world->rows, "loaded ");
    return 0;
}

static uint64_t read_seq(void *ctx, struct slice room)
{
    (void)room;
    return ((struct world *)ctx)->seq;
}

static int read_entry(void *ctx, struct slice room, const struct entry *entry)
{
    struct world *world = ctx;
    assert_true(slice_is(room, "main"));
    append(world->entries, sizeof world->entries, "", entry->bytes, entry->seq);
    return 0;
}

static int open_store(struct world *world, enum store_sync sync, char why[STORE_WHY_SIZE])
{
    struct store_options options = {world->data, sync, 1, wake, world};
    struct store_reader reader = {world, read_row, read_loaded, read_seq, read_entry};
    world->rows[0] = world->entries[0] = why[0] = '\0';
    if (store_open(&options, &world->store, why) < 0)
        return -1;
    if (store_recover(world->store, &reader, why) < 0) {
        store_close(world->store);
        world->store = NULL;
        return -1;
    }
    return 0;
}

static void begin(struct world *world, enum store_sync sync)
{
    char why[STORE_WHY_SIZE];
    if (open_store(world, sync, why) < 0)
        fail_msg("%s", why);
    assert_int_equal(store_begin(world->store), 0);
    world->log = store_log(world->store, slice_of("main"),
                           (struct commit){.apply = applied, .lose = lost, .ctx = world});
    world->count = 0;
}

static void end(struct world *world)
{
    world->log.free(world->log.state);
    assert_int_equal(store_close(world->store), 0);
    world->store = NULL;
}

static int propose(struct world *world, enum entry_kind kind, const char *text)
{
    struct entry entry = {
        .time_ms = 7, .peer = (peer_id)-1, .takes_over = 3, .kind = kind, .bytes = slice_of(text)};
    return world->log.propose(world->log.state, &entry);
}

/* ── what is taken comes back ── */

static void test_entries_come_back_in_order_and_are_kept(void **state)
{
    struct world *world = *state;
    begin(world, STORE_SYNC_ALWAYS);
    assert_string_equal(world->entries, "");
    propose(world, ENTRY_START, "{}");
    propose(world, ENTRY_MESSAGE, "a");
    propose(world, ENTRY_LEAVE, "");
    await(world, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(world->seen[i].seq, i + 1);
    assert_string_equal(world->seen[1].text, "a");
    assert_int_equal(world->seen[2].kind, ENTRY_LEAVE);
    end(world);
    begin(world, STORE_SYNC_ALWAYS);
    assert_string_equal(world->entries, "1:{} 2:a 3: ");
    propose(world, ENTRY_MESSAGE, "b");
    await(world, 1);
    assert_int_equal(world->seen[0].seq, 4);
    end(world);
}

static void test_what_is_not_handed_back_is_kept_all_the_same(void **state)
{
    struct world *world = *state;
    begin(world, STORE_SYNC_ALWAYS);
    for (unsigned i = 0; i < 100; i++)
        propose(world, ENTRY_MESSAGE, "x");
    end(world);
    begin(world, STORE_SYNC_ALWAYS);
    assert_non_null(strstr(world->entries, " 100:x "));
    end(world);
}

static void test_without_sync_entries_are_applied_at_once(void **state)
{
    static const enum store_sync syncs[] = {STORE_SYNC_INTERVAL, STORE_SYNC_NONE};
    struct world *world = *state;
    for (unsigned i = 0; i < 2; i++) {
        begin(world, syncs[i]);
        propose(world, ENTRY_MESSAGE, "now");
        assert_int_equal(world->count, 1);
        end(world);
    }
    begin(world, STORE_SYNC_ALWAYS);
    assert_string_equal(world->entries, "1:now 2:now ");
    end(world);
}

static void test_the_key_stays_the_same(void **state)
{
    struct world *world = *state;
    uint8_t keys[2][32], none[32] = {0};
    for (unsigned i = 0; i < 2; i++) {
        begin(world, STORE_SYNC_ALWAYS);
        store_key(world->store, keys[i]);
        end(world);
    }
    assert_memory_equal(keys[0], keys[1], 32);
    assert_memory_not_equal(keys[0], none, 32);
}

static void test_files_are_their_owners_alone(void **state)
{
    static const char *const files[] = {"", "/hub.db", "/hub.db-wal", "/lock"};
    struct world *world = *state;
    begin(world, STORE_SYNC_ALWAYS);
    propose(world, ENTRY_MESSAGE, "x");
    await(world, 1);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[160];
        struct stat found;
        snprintf(path, sizeof path, "%s%s", world->data, files[i]);
        assert_int_equal(stat(path, &found), 0);
        assert_int_equal(found.st_mode & 0777, i ? 0600 : 0700);
    }
    end(world);
}

/* ── checkpoints ── */

static void checkpoint(struct world *world, const char *bytes, uint64_t seq)
{
    struct row row = {ROW_MEMBER, SLICE("ada"), bytes ? slice_of(bytes) : (struct slice){NULL, 0}};
    store_checkpoint_row(world->store, slice_of("main"), &row);
    store_checkpoint_end(world->store, slice_of("main"), seq);
}

static void test_a_checkpoint_stands_for_the_entries_below_it(void **state)
{
    struct world *world = *state;
    begin(world, STORE_SYNC_ALWAYS);
    propose(world, ENTRY_MESSAGE, "a");
    propose(world, ENTRY_MESSAGE, "b");
    await(world, 2);
    checkpoint(world, "{1}", 2);
    propose(world, ENTRY_MESSAGE, "c");
    await(world, 3);
    end(world);
    world->seq = 2;
    begin(world, STORE_SYNC_ALWAYS);
    assert_string_equal(world->rows, "member0:{1} loaded ");
    assert_string_equal(world->entries, "3:c ");
    checkpoint(world, NULL, 3); /* the row is gone */
    end(world);
    world->seq = 3;
    begin(world, STORE_SYNC_ALWAYS);
    assert_string_equal(world->rows, "");
    assert_string_equal(world->entries, "");
    propose(world, ENTRY_MESSAGE, "d");
    await(world, 1);
    assert_int_equal(world->seen[0].seq, 4); /* never used twice, though nothing is left of 3 */
    end(world);
}

static void test_a_room_that_is_let_go_leaves_nothing(void **state)
{
    struct world *world = *state;
    begin(world, STORE_SYNC_ALWAYS);
    propose(world, ENTRY_MESSAGE, "a");
    await(world, 1);
    checkpoint(world, "{1}", 1);
    world->log.forget(world->log.state);
    world->log =
        store_log(world->store, slice_of("main"),
                  (struct commit){.apply = applied, .lose = lost, .ctx = world, .after = 9});
    propose(world, ENTRY_MESSAGE, "b");
    await(world, 2);
    assert_int_equal(world->seen[1].seq, 10);
    end(world);
    begin(world, STORE_SYNC_ALWAYS);
    assert_string_equal(world->rows, "");
    assert_string_equal(world->entries, "10:b ");
    end(world);
}

/* From a room's name and a seq its secrets are made: neither comes twice, whatever was let go. */
static void test_the_seqs_of_a_room_that_is_let_go_never_come_again(void **state)
{
    struct world *world = *state;
    begin(world, STORE_SYNC_ALWAYS);
    for (unsigned i = 1; i <= 12; i++) {
        propose(world, ENTRY_MESSAGE, "a");
        await(world, i);
    }
    world->log.forget(world->log.state);
    struct commit commit = {.apply = applied, .lose = lost, .ctx = world, .after = 12};
    world->log = store_log(world->store, slice_of("lab"), commit);
    world->log.forget(world->log.state);
    world->log = store_log(world->store, slice_of("other"), commit);
    end(world);
    begin(world, STORE_SYNC_ALWAYS);
    propose(world, ENTRY_MESSAGE, "b");
    await(world, 1);
    assert_int_equal(world->seen[0].seq, 13);
    end(world);
}

/* ── who may have it ── */

static void test_one_hub_at_a_time(void **state)
{
    struct world *world = *state;
    struct world other = *world;
    char why[STORE_WHY_SIZE], pid[32];
    begin(world, STORE_SYNC_ALWAYS);
    assert_int_equal(open_store(&other, STORE_SYNC_ALWAYS, why), -1);
    snprintf(pid, sizeof pid, "process %ld", (long)getpid());
    assert_non_null(strstr(why, pid));
    end(world);
    begin(world, STORE_SYNC_ALWAYS); /* nothing stays locked */
    end(world);
}

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
    run_sql(world, "UPDATE entries SET bytes = x'747776' WHERE kind = 1 AND bytes = x'74776f'");
    assert_refused(world, "entry 2 is damaged");
    run_sql(world, "UPDATE entries SET bytes = x'74776f', peer = 0 WHERE bytes = x'747776'");
    assert_refused(world, "entry 2 is damaged");
    run_sql(world, "DELETE FROM entries WHERE peer = 0");
    run_sql(world, "UPDATE state SET bytes = x'7b327d'");
    assert_refused(world, "row 1 is damaged");
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
    run_sql(world, "UPDATE entries SET time = time + 1; UPDATE state SET bytes = x'7b327d'");
    check(world, &counts);
    assert_string_equal(world->rows, "row1:main entry1:main entry2:main ");
    assert_int_equal(counts.damaged, 3);
    run_sql(world, "UPDATE entries SET time = time - 1; DELETE FROM state;"
                   "UPDATE entries SET id = id + (1 << 44) WHERE id & 1");
    check(world, &counts);
    assert_string_equal(world->rows, "of a room that is not there: entry1: ");
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

static void test_another_program_or_version_is_refused(void **state)
{
    struct world *world = *state;
    fill(world);
    run_sql(world, "PRAGMA user_version = 1000");
    assert_refused(world, "later version");
    run_sql(world, "PRAGMA application_id = 1");
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

/* ── a disk that is full ── */

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Files that may not grow stand for it. */
static void test_a_full_disk_refuses_messages_until_there_is_room(void **state)
{
    struct world *world = *state;
    struct sigaction before;
    sigaction(SIGXFSZ, &(struct sigaction){.sa_handler = SIG_IGN}, &before);
    begin(world, STORE_SYNC_ALWAYS);
    propose(world, ENTRY_MESSAGE, "before");
    await(world, 1);
    limit_files(16384);
    static char large[65536];
    memset(large, 'x', sizeof large - 1);
    propose(world, ENTRY_MESSAGE, large);
    await(world, 2);
    assert_true(world->seen[1].lost);
    assert_non_null(store_failure(world->store));
    assert_int_equal(propose(world, ENTRY_MESSAGE, "no"), -1);
    assert_int_equal(propose(world, ENTRY_LEAVE, "gone"), 0); /* it has happened */
    limit_files(RLIM_INFINITY);
    await(world, 3);
    assert_false(world->seen[2].lost);
    assert_string_equal(world->seen[2].text, "gone");
    while (store_failure(world->store))
        usleep(1000);
    assert_int_equal(propose(world, ENTRY_MESSAGE, "after"), 0);
    await(world, 4);
    end(world);
    begin(world, STORE_SYNC_ALWAYS);
    assert_string_equal(world->entries, "1:before 3:gone 4:after ");
    end(world);
    sigaction(SIGXFSZ, &before, NULL);
}

/* ── kill -9 ── */

/* A child proposes as fast as it can, and says how many came back; it is killed. */
static void child(struct world *world, int out)
{
    begin(world, STORE_SYNC_ALWAYS);
    for (uint64_t told = 0;;) {
        for (unsigned i = 0; i < 20; i++)
            propose(world, ENTRY_MESSAGE, "m");
        await(world, world->count + 1);
        uint64_t back = world->seen[world->count - 1].seq;
        if (back > told && write(out, &back, sizeof back) != (ssize_t)sizeof back)
            _exit(1);
        told = back;
    }
}

static uint64_t count_recovered(struct world *world)
{
    uint64_t last = 0;
    char why[STORE_WHY_SIZE];
    if (open_store(world, STORE_SYNC_ALWAYS, why) < 0)
        fail_msg("%s", why);
    store_close(world->store);
    world->store = NULL;
    char path[160];
    sqlite3 *database;
    sqlite3_stmt *statement;
    snprintf(path, sizeof path, "%s/hub.db", world->data);
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    sqlite3_prepare_v2(database, "SELECT count(*), max(id) & 0xfffffffffff FROM entries", -1,
                       &statement, NULL);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    last = (uint64_t)sqlite3_column_int64(statement, 1);
    assert_int_equal(sqlite3_column_int64(statement, 0), last); /* no gap */
    sqlite3_finalize(statement);
    sqlite3_close(database);
    return last;
}

static void test_kill_9_loses_nothing_that_came_back(void **state)
{
    struct world *world = *state;
    for (unsigned round = 0; round < 5; round++) {
        int pipes[2];
        uint64_t back = 0, told;
        assert_int_equal(pipe(pipes), 0);
        pid_t pid = fork();
        if (pid == 0) {
            close(pipes[0]);
            child(world, pipes[1]);
        }
        close(pipes[1]);
        for (unsigned i = 0; i < 3 + 7 * round; i++)
            assert_int_equal(read(pipes[0], &back, sizeof back), sizeof back);
        kill(pid, SIGKILL);
        while (read(pipes[0], &told, sizeof told) == (ssize_t)sizeof told)
            back = told;
        close(pipes[0]);
        waitpid(pid, NULL, 0);
        assert_true(count_recovered(world) >= back);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_entries_come_back_in_order_and_are_kept),
        STORE_TEST(test_what_is_not_handed_back_is_kept_all_the_same),
        STORE_TEST(test_without_sync_entries_are_applied_at_once),
        STORE_TEST(test_the_key_stays_the_same),
        STORE_TEST(test_files_are_their_owners_alone),
        STORE_TEST(test_a_checkpoint_stands_for_the_entries_below_it),
        STORE_TEST(test_a_room_that_is_let_go_leaves_nothing),
        STORE_TEST(test_the_seqs_of_a_room_that_is_let_go_never_come_again),
        STORE_TEST(test_one_hub_at_a_time),
        STORE_TEST(test_a_flipped_bit_is_seen),
        STORE_TEST(test_a_check_names_each_damage),
        STORE_TEST(test_a_database_of_schema_1_is_taken_over),
        STORE_TEST(test_another_program_or_version_is_refused),
        STORE_TEST(test_a_broken_file_is_refused),
        STORE_TEST(test_a_full_disk_refuses_messages_until_there_is_room),
        STORE_TEST(test_kill_9_loses_nothing_that_came_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
