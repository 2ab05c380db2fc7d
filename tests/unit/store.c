/* The store: what it takes comes back in order once it is on disk, and is there after the end; the
 * lock, a disk that is full, kill -9. */
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/store_fixture.h"

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
    static const char *const files[] = {"", "/hub.db", "/hub.db-wal", "/hub.db-mark", "/lock"};
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
    open_log(world, "main", 9);
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
    open_log(world, "lab", 12);
    world->log.forget(world->log.state);
    open_log(world, "other", 12);
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

static void test_what_is_lost_at_the_end_is_told(void **state)
{
    static const struct {
        enum store_sync sync;
        const char *lost;
    } cases[] = {{STORE_SYNC_ALWAYS, "2:m1 4:m2 3:gone "},
                 {STORE_SYNC_INTERVAL, "applied 2:m1 applied 3:gone applied 4:m2 "}};
    struct world *world = *state;
    struct sigaction before;
    sigaction(SIGXFSZ, &(struct sigaction){.sa_handler = SIG_IGN}, &before);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(world, cases[i].sync);
        propose(world, ENTRY_START, "{}");
        await(world, 1);
        end(world);
        assert_string_equal(world->unwritten, "");
        begin(world, cases[i].sync);
        limit_files(1024);
        propose(world, ENTRY_MESSAGE, "m1");
        propose(world, ENTRY_LEAVE, "gone");
        propose(world, ENTRY_MESSAGE, "m2");
        world->log.free(world->log.state);
        assert_int_equal(store_close(world->store), -1);
        limit_files(RLIM_INFINITY);
        assert_string_equal(world->unwritten, cases[i].lost);
        world->unwritten[0] = '\0';
        begin(world, STORE_SYNC_ALWAYS);
        assert_string_equal(world->entries, "1:{} ");
        end(world);
        data_remove(world);
    }
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
    sqlite3_prepare_v2(database, "SELECT sum(count), max(id) & 0xfffffffffff FROM entry_packs", -1,
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
        STORE_TEST(test_a_full_disk_refuses_messages_until_there_is_room),
        STORE_TEST(test_what_is_lost_at_the_end_is_told),
        STORE_TEST(test_kill_9_loses_nothing_that_came_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
