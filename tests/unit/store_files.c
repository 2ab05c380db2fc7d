/* A log that is moved into its database in two steps, again and again: after the second the
 * database's file holds, by itself, what was written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "store/files.h"
#include "tests/unit/own_folder.h"

#define ROWS      200
#define TURNS     400
#define BYTES_MAX 20000

static struct {
    char folder[OWN_FOLDER_SIZE], path[OWN_FOLDER_SIZE + 8], copy[OWN_FOLDER_SIZE + 8];
    sqlite3 *handle;
    struct files *files;
    unsigned seed;
    unsigned rows[ROWS]; /* of how many bytes each is, and of which: 0: it is not there */
} world;

static unsigned below(unsigned bound)
{
    return (unsigned)rand_r(&world.seed) % bound;
}

static void run(sqlite3 *handle, const char *sql)
{
    char *why = NULL;
    if (sqlite3_exec(handle, sql, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s: %s", sql, why);
}

/* ── a log that can't be read, or whose disk may damage what is beside a write ── */

static struct {
    sqlite3_io_methods methods;
    const sqlite3_io_methods *real;
    unsigned reads_left; /* then one fails; 0: none does */
    bool keeps_sectors;  /* if not, SQLite writes frames in pieces, to the end of a sector */
} disk;

static int log_read(sqlite3_file *file, void *bytes, int len, sqlite3_int64 offset)
{
    if (disk.reads_left && --disk.reads_left == 0)
        return SQLITE_IOERR_READ;
    return disk.real->xRead(file, bytes, len, offset);
}

static int log_characteristics(sqlite3_file *file)
{
    int found = disk.real->xDeviceCharacteristics(file);
    return disk.keeps_sectors ? found : found & ~SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static void take_log(void)
{
    sqlite3_file *log = NULL;
    sqlite3_file_control(world.handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
    assert_non_null(log);
    disk.real = log->pMethods;
    disk.methods = *disk.real;
    disk.methods.xRead = log_read;
    disk.methods.xDeviceCharacteristics = log_characteristics;
    log->pMethods = &disk.methods;
}

static void open_database(void)
{
    assert_int_equal(sqlite3_open(world.path, &world.handle), SQLITE_OK);
    run(world.handle, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
                      "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;"
                      "CREATE TABLE t (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);");
    int file = open(world.path, O_RDONLY | O_CLOEXEC);
    assert_true(file >= 0);
    take_log();
    world.files = files_tap(world.handle, file);
    assert_non_null(world.files);
}

static void close_database(void)
{
    assert_int_equal(sqlite3_close(world.handle), SQLITE_OK);
    files_free(world.files);
}

/* Row `id` gets other bytes; those behind all others make the file grow. */
static void put_row(unsigned id)
{
    static char bytes[BYTES_MAX];
    sqlite3_stmt *put;
    unsigned value = 1 + below(BYTES_MAX - 1);
    memset(bytes, (int)(value & 0xff), value);
    assert_int_equal(sqlite3_prepare_v2(world.handle,
                                        "INSERT INTO t VALUES (?1, ?2) ON CONFLICT DO UPDATE"
                                        " SET bytes = excluded.bytes",
                                        -1, &put, NULL),
                     SQLITE_OK);
    sqlite3_bind_int(put, 1, (int)id);
    sqlite3_bind_blob(put, 2, bytes, (int)value, SQLITE_STATIC);
    assert_int_equal(sqlite3_step(put), SQLITE_DONE);
    sqlite3_finalize(put);
    world.rows[id] = value;
}

static void write_some(void)
{
    run(world.handle, "BEGIN");
    for (unsigned left = 1 + below(8); left; left--)
        put_row(below(ROWS));
    run(world.handle, "COMMIT");
}

static void copy_file(void)
{
    static char bytes[1 << 16];
    FILE *from = fopen(world.path, "rb"), *to = fopen(world.copy, "wb");
    assert_true(from && to);
    for (size_t len; (len = fread(bytes, 1, sizeof bytes, from));)
        assert_int_equal(fwrite(bytes, 1, len, to), len);
    fclose(from);
    assert_int_equal(fclose(to), 0);
}

static void expect_row(sqlite3_stmt *row, unsigned id)
{
    const unsigned char *bytes = sqlite3_column_blob(row, 1);
    unsigned value = world.rows[id];
    assert_int_equal(sqlite3_column_int(row, 0), id);
    assert_int_equal(sqlite3_column_bytes(row, 1), value);
    for (unsigned i = 0; i < value; i++)
        assert_int_equal(bytes[i], value & 0xff);
}

/* The file alone, without its log. */
static void expect_all_in_file(void)
{
    sqlite3 *copy;
    sqlite3_stmt *rows;
    char name[sizeof world.copy + 32];
    copy_file();
    snprintf(name, sizeof name, "file:%s?immutable=1", world.copy);
    assert_int_equal(sqlite3_open_v2(name, &copy, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(copy, "PRAGMA integrity_check", -1, &rows, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(rows), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(rows, 0), "ok");
    sqlite3_finalize(rows);
    assert_int_equal(sqlite3_prepare_v2(copy, "SELECT * FROM t ORDER BY id", -1, &rows, NULL),
                     SQLITE_OK);
    for (unsigned id = 0; id < ROWS; id++) {
        if (!world.rows[id])
            continue;
        assert_int_equal(sqlite3_step(rows), SQLITE_ROW);
        expect_row(rows, id);
    }
    assert_int_equal(sqlite3_step(rows), SQLITE_DONE);
    sqlite3_finalize(rows);
    sqlite3_close(copy);
    unlink(world.copy);
}

static void begin_to_move(void)
{
    files_move(world.files, world.handle, FILES_BEGIN, NULL, NULL);
}

static void move_all(void)
{
    int pages = -1, moved = -2;
    assert_int_equal(files_move(world.files, world.handle, FILES_END, &pages, &moved), SQLITE_OK);
    assert_int_equal(pages, moved);
    expect_all_in_file();
}

static void live(void)
{
    open_database();
    for (unsigned turn = 0; turn < TURNS; turn++) {
        unsigned what = below(10);
        if (what == 0)
            move_all();
        else if (what < 3)
            begin_to_move();
        else
            write_some();
    }
    move_all();
    close_database();
}

static void test_the_file_holds_all_after_the_second_step(void **state)
{
    (void)state;
    live();
}

static void test_also_of_a_log_that_is_written_in_pieces(void **state)
{
    (void)state;
    disk.keeps_sectors = false;
    live();
}

static void test_a_log_that_can_not_be_read_costs_nothing(void **state)
{
    (void)state;
    open_database();
    for (unsigned turn = 0; turn < 60; turn++) {
        int pages, moved;
        for (unsigned i = 0; i < 5; i++)
            write_some();
        disk.reads_left = 1 + below(8);
        files_move(world.files, world.handle, turn % 2 ? FILES_BEGIN : FILES_END, &pages, &moved);
        disk.reads_left = 0;
        move_all();
    }
    close_database();
}

/* A file that may not grow stands for a full disk. */
static void let_files_grow_to(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void test_what_a_step_could_not_write_is_written_by_the_next(void **state)
{
    (void)state;
    open_database();
    for (unsigned turn = 0; turn < 20; turn++) {
        int pages, moved;
        for (unsigned i = 0; i < 5; i++)
            write_some();
        let_files_grow_to((rlim_t)(1 + below(100)) * FILES_PAGE_SIZE);
        begin_to_move();
        if (turn % 2)
            files_move(world.files, world.handle, FILES_END, &pages, &moved);
        let_files_grow_to(RLIM_INFINITY);
        if (turn % 4 > 1)
            begin_to_move();
        move_all();
    }
    close_database();
}

static int make(void **state)
{
    (void)state;
    memset(&world, 0, sizeof world);
    disk.reads_left = 0;
    disk.keeps_sectors = true;
    world.seed = 7;
    if (own_folder_make(world.folder) < 0)
        return -1;
    snprintf(world.path, sizeof world.path, "%s/db", world.folder);
    snprintf(world.copy, sizeof world.copy, "%s/copy", world.folder);
    return 0;
}

static int clear(void **state)
{
    (void)state;
    unlink(world.path);
    return rmdir(world.folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_file_holds_all_after_the_second_step, make, clear),
        cmocka_unit_test_setup_teardown(test_also_of_a_log_that_is_written_in_pieces, make, clear),
        cmocka_unit_test_setup_teardown(test_a_log_that_can_not_be_read_costs_nothing, make, clear),
        cmocka_unit_test_setup_teardown(test_what_a_step_could_not_write_is_written_by_the_next,
                                        make, clear),
    };
    signal(SIGXFSZ, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
