/* The database: one SQLite file in a directory that one process has at a time. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "store/inside.h"

#define APPLICATION_ID 0x6b687562 /* "khub" */
#define NEW            "new.db"

/* From each version to the next; the first makes everything. What SQL can't say is in
 * migrate.c. */
static const char *const migrations[STORE_SCHEMA] = {
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;"
    "CREATE TABLE rooms (id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE) STRICT;"
    "CREATE TABLE entries (id INTEGER PRIMARY KEY, time INTEGER NOT NULL, peer INTEGER NOT NULL,"
    " takes_over INTEGER NOT NULL, kind INTEGER NOT NULL, bytes BLOB NOT NULL,"
    " checksum INTEGER NOT NULL) STRICT;"
    "CREATE TABLE state (room INTEGER NOT NULL, kind INTEGER NOT NULL, key BLOB NOT NULL,"
    " bytes BLOB NOT NULL, checksum INTEGER NOT NULL,"
    " PRIMARY KEY (room, kind, key)) STRICT, WITHOUT ROWID;",
    "CREATE TABLE messages (id INTEGER NOT NULL, number INTEGER NOT NULL, level INTEGER NOT NULL,"
    " audience INTEGER NOT NULL, observed INTEGER NOT NULL, but TEXT NOT NULL,"
    " names TEXT NOT NULL, line BLOB, PRIMARY KEY (id, number)) STRICT, WITHOUT ROWID;"
    "ALTER TABLE rooms ADD COLUMN trimmed INTEGER NOT NULL DEFAULT 0;",
    /* id: the room's, and the seq of the last item; time: the last item's */
    "CREATE TABLE entry_packs (id INTEGER PRIMARY KEY, count INTEGER NOT NULL,"
    " time INTEGER NOT NULL, bytes BLOB NOT NULL, checksum INTEGER NOT NULL) STRICT;"
    "CREATE TABLE message_packs (id INTEGER PRIMARY KEY, count INTEGER NOT NULL,"
    " time INTEGER NOT NULL, bytes BLOB NOT NULL, checksum INTEGER NOT NULL) STRICT;"
    "ALTER TABLE rooms ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE meta ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;"
    "UPDATE rooms SET checksum = sum_of(id, name, trimmed);"
    "UPDATE meta SET checksum = sum_of(name, value);",
    /* what rows of state were (bytes NULL: not there) before a checkpoint that is not whole;
     * checksum: the row's; sum: of all but the bytes */
    ("CREATE TABLE undo (id INTEGER PRIMARY KEY, room INTEGER NOT NULL, kind INTEGER NOT NULL,"
     " key BLOB NOT NULL, bytes BLOB, checksum INTEGER NOT NULL, sum INTEGER NOT NULL) STRICT;"),
    /* what entries brought, and which of it is to go; id: the entry's */
    "CREATE TABLE chunks (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL,"
    " checksum INTEGER NOT NULL) STRICT;"
    "CREATE TABLE dropping (id INTEGER PRIMARY KEY) STRICT;",
};

static const char *const texts[STATEMENT_COUNT] = {
    [STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
    [STATEMENT_COMMIT] = "COMMIT",
    [STATEMENT_ROLLBACK] = "ROLLBACK",
    [STATEMENT_ADD_ROOM] = "INSERT INTO rooms (id, name, checksum) VALUES (?1, ?2,"
                           " sum_of(?1, ?2, 0)) ON CONFLICT (id) DO NOTHING",
    [STATEMENT_ADD_ENTRIES] = "INSERT INTO entry_packs (id, count, time, bytes, checksum)"
                              " VALUES (?1, ?2, ?3, ?4, ?5)",
    [STATEMENT_ADD_MESSAGES] = "INSERT INTO message_packs (id, count, time, bytes, checksum)"
                               " VALUES (?1, ?2, ?3, ?4, ?5)",
    [STATEMENT_PUT_ROW] = "INSERT INTO state (room, kind, key, bytes, checksum)"
                          " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE"
                          " SET bytes = excluded.bytes, checksum = excluded.checksum",
    [STATEMENT_DROP_ROW] = "DELETE FROM state WHERE room = ?1 AND kind = ?2 AND key = ?3",
    [STATEMENT_KEEP_ROW] = "INSERT INTO undo SELECT id, room, kind, key, bytes, checksum, " UNDO_SUM
                           " FROM (SELECT ?4 AS id, ?1 AS room, ?2 AS kind, ?3 AS key, bytes,"
                           " coalesce(checksum, 0) AS checksum FROM (SELECT 1) LEFT JOIN state"
                           " ON state.room = ?1 AND state.kind = ?2 AND state.key = ?3)",
    [STATEMENT_DROP_UNDO] = "DELETE FROM undo WHERE id < ?1",
    [STATEMENT_UNDO_END] =
        "INSERT INTO meta (name, value, checksum) SELECT 'undo_end', value,"
        " sum_of('undo_end', value) FROM (SELECT CAST(printf('%020d', ?1) AS BLOB) AS value)"
        " WHERE true ON CONFLICT DO UPDATE SET value = excluded.value,"
        " checksum = excluded.checksum",
    [STATEMENT_PROBE] = "INSERT INTO meta (name, value) VALUES ('probe', randomblob(16384))"
                        " ON CONFLICT DO UPDATE SET value = excluded.value",
    [STATEMENT_READ_ENTRIES] = "SELECT " PACK_COLUMN_NAMES " FROM entry_packs"
                               " WHERE id BETWEEN ?1 AND ?2 ORDER BY id",
    [STATEMENT_READ_MESSAGES] = "SELECT " PACK_COLUMN_NAMES " FROM message_packs"
                                " WHERE id BETWEEN ?1 AND ?2 ORDER BY id",
    [STATEMENT_OLDEST] = "SELECT id, time, count FROM entry_packs WHERE id BETWEEN ?1 AND ?2"
                         " ORDER BY id",
    [STATEMENT_TRIMMED] = "SELECT trimmed FROM rooms WHERE id = ?1",
    [STATEMENT_SET_TRIMMED] = "UPDATE rooms SET trimmed = ?2, checksum = sum_of(id, name, ?2)"
                              " WHERE id = ?1",
    [STATEMENT_DROP_ENTRIES] = "DELETE FROM entry_packs WHERE id BETWEEN ?1 AND ?2",
    [STATEMENT_DROP_MESSAGES] = "DELETE FROM message_packs WHERE id BETWEEN ?1 AND ?2",
    [STATEMENT_DROP_ROWS] = "DELETE FROM state WHERE room = ?1",
    [STATEMENT_DROP_ROOM] = "DELETE FROM rooms WHERE id = ?1",
    [STATEMENT_LET_GO] =
        "INSERT INTO meta (name, value, checksum) SELECT 'let_go', most, sum_of('let_go', most)"
        " FROM (SELECT max(CAST(printf('%020d', ?1) AS BLOB),"
        " coalesce((SELECT value FROM meta WHERE name = 'let_go'), x'')) AS most)"
        " WHERE true ON CONFLICT DO UPDATE SET value = excluded.value,"
        " checksum = excluded.checksum",
    [STATEMENT_LEAVE] =
        "INSERT INTO meta (name, value, checksum) SELECT name, x'', sum_of(name, x'')"
        " FROM (SELECT 'leaving ' || ?1 AS name)",
    [STATEMENT_LEAVING] = "SELECT min(id) FROM " LEAVING_IDS,
    [STATEMENT_LEFT] = "DELETE FROM meta WHERE name = 'leaving ' || ?1",
    [STATEMENT_SIZES_OF_ENTRIES] = "SELECT id, length(bytes) FROM entry_packs"
                                   " WHERE id BETWEEN ?1 AND ?2 ORDER BY id",
    [STATEMENT_SIZES_OF_MESSAGES] = "SELECT id, length(bytes) FROM message_packs"
                                    " WHERE id BETWEEN ?1 AND ?2 ORDER BY id",
    /* the first ?2 + 1 of them, if there are so many */
    [STATEMENT_DROP_SOME_ROWS] = "DELETE FROM state WHERE room = ?1 AND (kind, key) <="
                                 " (SELECT kind, key FROM state WHERE room = ?1"
                                 " ORDER BY kind, key LIMIT 1 OFFSET ?2)",
    [STATEMENT_REPLACE_ENTRIES] = "UPDATE entry_packs SET bytes = ?2 WHERE id = ?1",
    [STATEMENT_REPLACE_MESSAGES] = "UPDATE message_packs SET bytes = ?2 WHERE id = ?1",
    /* ?1: the room; ?2: the entry's seq */
    [STATEMENT_WIPE] = "INSERT OR REPLACE INTO meta (name, value, checksum)"
                       " SELECT name, x'', sum_of(name, x'')"
                       " FROM (SELECT printf('wipe %d %020d', ?1, ?2) AS name)",
    [STATEMENT_WIPING] = "SELECT CAST(substr(name, -20) AS INTEGER) FROM meta"
                         " WHERE name GLOB printf('wipe %d *', ?1)"
                         " AND name <= printf('wipe %d %020d', ?1, ?2) LIMIT 1",
    [STATEMENT_WIPED] = "DELETE FROM meta WHERE name = printf('wipe %d %020d', ?1, ?2)",
    [STATEMENT_WIPE_NOTHING] = "DELETE FROM meta WHERE name GLOB printf('wipe %d *', ?1)",
    [STATEMENT_PUT_CHUNK] = "INSERT OR REPLACE INTO chunks (id, bytes, checksum)"
                            " VALUES (?1, ?2, sum_of(?1, ?2))",
    [STATEMENT_READ_CHUNK] = "SELECT " CHUNK_COLUMN_NAMES " FROM chunks WHERE id = ?1",
    [STATEMENT_DROP_LATER] = "INSERT OR IGNORE INTO dropping (id) VALUES (?1)",
    [STATEMENT_DROPPING] = "SELECT id FROM dropping LIMIT 1",
    [STATEMENT_DROP_CHUNK] = "DELETE FROM chunks WHERE id = ?1",
    [STATEMENT_DROPPED] = "DELETE FROM dropping WHERE id = ?1",
    [STATEMENT_SIZES_OF_CHUNKS] = "SELECT id, length(bytes) FROM chunks"
                                  " WHERE id BETWEEN ?1 AND ?2 ORDER BY id",
    [STATEMENT_DROP_CHUNKS] = "DELETE FROM chunks WHERE id BETWEEN ?1 AND ?2",
};

static int fail(char why[STORE_WHY_SIZE], const char *directory, const char *what)
{
    snprintf(why, STORE_WHY_SIZE, "%s: %s", directory, what);
    return -1;
}

/* ── the directory ── */

static int say_holder(int directory, char why[STORE_WHY_SIZE], const char *path)
{
    char pid[32] = "";
    int lock = openat(directory, "lock", O_RDONLY | O_CLOEXEC);
    ssize_t len = lock >= 0 ? read(lock, pid, sizeof pid - 1) : -1;
    if (lock >= 0)
        close(lock);
    pid[len > 0 ? len : 0] = '\0';
    pid[strspn(pid, "0123456789")] = '\0';
    snprintf(why, STORE_WHY_SIZE, "%s: another hub has it (process %s)", path,
             *pid ? pid : "unknown");
    return STORE_HELD;
}

/* What anybody may put there, or take away, is no hub's. */
static int directory_trust(int directory, const char *path, char why[STORE_WHY_SIZE])
{
    struct stat found;
    if (fstat(directory, &found) < 0)
        return fail(why, path, strerror(errno));
    if (found.st_uid != geteuid()) {
        const struct passwd *owner = getpwuid(found.st_uid);
        snprintf(why, STORE_WHY_SIZE,
                 "%s: it belongs to %s (user %ld), and this process is user %ld's; a hub keeps "
                 "things in a directory of its own user's",
                 path, owner ? owner->pw_name : "somebody else", (long)found.st_uid,
                 (long)geteuid());
        return -1;
    }
    if (found.st_mode & (S_IWGRP | S_IWOTH)) {
        snprintf(why, STORE_WHY_SIZE,
                 "%s: others may write there (mode %04o); take that from them: chmod go-w %s", path,
                 (unsigned)found.st_mode & 07777, path);
        return -1;
    }
    return 0;
}

/* The lock is the kernel's: it ends with the process, whatever ends that. */
static int directory_take(struct database *database, const char *path, char why[STORE_WHY_SIZE])
{
    char pid[32];
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return fail(why, path,
                    errno == ENOENT ? "it can't be made: the directory above it is not there"
                                    : strerror(errno));
    database->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (database->directory < 0)
        return fail(why, path, strerror(errno));
    if (directory_trust(database->directory, path, why) < 0)
        return -1;
    database->lock =
        openat(database->directory, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (database->lock < 0)
        return fail(why, path, strerror(errno));
    if (flock(database->lock, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? say_holder(database->directory, why, path)
                                    : fail(why, path, strerror(errno));
    int len = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    /* whose it is helps a person; on a full disk it is not worth failing for */
    if (ftruncate(database->lock, 0) == 0)
        (void)!pwrite(database->lock, pid, (size_t)len, 0);
    return 0;
}

/* ── the file ── */

int database_fail(struct database *database, const char *path, char why[STORE_WHY_SIZE])
{
    int code = sqlite3_errcode(database->handle) & 0xff;
    int number = sqlite3_system_errno(database->handle);
    const char *said = sqlite3_errmsg(database->handle);
    if ((code == SQLITE_CANTOPEN || code == SQLITE_IOERR) && number)
        snprintf(why, STORE_WHY_SIZE, "%s: %s: %s", path, said, strerror(number));
    else
        fail(why, path, said);
    return code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? STORE_DAMAGED : -1;
}

int database_damaged(char why[STORE_WHY_SIZE], const char *path, const char *what)
{
    snprintf(why, STORE_WHY_SIZE, "%s: the database is damaged: %s", path, what);
    return STORE_DAMAGED;
}

static int run(struct database *database, const char *sql, const char *path,
               char why[STORE_WHY_SIZE])
{
    return sqlite3_exec(database->handle, sql, NULL, NULL, NULL) == SQLITE_OK
               ? 0
               : database_fail(database, path, why);
}

int64_t database_number(struct database *database, const char *sql)
{
    sqlite3_stmt *statement;
    int64_t number = -1;
    if (sqlite3_prepare_v2(database->handle, sql, -1, &statement, NULL) != SQLITE_OK)
        return -1;
    if (sqlite3_step(statement) == SQLITE_ROW)
        number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return number;
}

/* SQL's sum_of(value, ...): of integers, and of the bytes of all else. */
static void sum_of(sqlite3_context *context, int count, sqlite3_value **values)
{
    uint64_t sum = 0;
    for (int i = 0; i < count; i++) {
        if (sqlite3_value_type(values[i]) == SQLITE_INTEGER) {
            int64_t number = sqlite3_value_int64(values[i]);
            sum = XXH3_64bits_withSeed(&number, sizeof number, sum);
        } else {
            const void *bytes = sqlite3_value_blob(values[i]);
            size_t len = (size_t)sqlite3_value_bytes(values[i]);
            sum = XXH3_64bits_withSeed(len ? bytes : "", len, sum);
        }
    }
    sqlite3_result_int64(context, (int64_t)sum);
}

int database_functions(struct database *database)
{
    int result = sqlite3_create_function(database->handle, "sum_of", -1,
                                         SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS,
                                         NULL, sum_of, NULL, NULL);
    return result == SQLITE_OK ? 0 : -1;
}

int database_check(struct database *database, const char *path, char why[STORE_WHY_SIZE])
{
    sqlite3_stmt *statement;
    int result =
        sqlite3_prepare_v2(database->handle, "PRAGMA quick_check(1)", -1, &statement, NULL);
    if (result != SQLITE_OK)
        return database_fail(database, path, why);
    const char *said = sqlite3_step(statement) == SQLITE_ROW
                           ? (const char *)sqlite3_column_text(statement, 0)
                           : sqlite3_errmsg(database->handle);
    int error = said && strcmp(said, "ok") == 0
                    ? 0
                    : database_damaged(why, path, said ? said : "unreadable");
    sqlite3_finalize(statement);
    return error;
}

static int prepare(struct database *database, int at, const char *path, char why[STORE_WHY_SIZE])
{
    return sqlite3_prepare_v3(database->handle, texts[at], -1, SQLITE_PREPARE_PERSISTENT,
                              &database->statements[at], NULL) == SQLITE_OK
               ? 0
               : database_fail(database, path, why);
}

/* What SQL can't say of the step to this version. */
static int migrate_more(struct database *database, int64_t version, const char *path,
                        char why[STORE_WHY_SIZE])
{
    if (version != STORE_SCHEMA_PACKS)
        return 0;
    int error = prepare(database, STATEMENT_ADD_ENTRIES, path, why);
    if (error == 0)
        error = prepare(database, STATEMENT_ADD_MESSAGES, path, why);
    if (error == 0 && migrate_to_packs(database) < 0)
        error = database_fail(database, path, why);
    return error;
}

static int later_version(char why[STORE_WHY_SIZE], const char *path, int64_t version)
{
    snprintf(why, STORE_WHY_SIZE,
             "%s: the database is of a later version of khub (schema %lld; this one knows those up "
             "to %d)",
             path, (long long)version, STORE_SCHEMA);
    return -1;
}

int database_migrate(struct database *database, const char *path, char why[STORE_WHY_SIZE])
{
    int64_t version = database_number(database, "PRAGMA user_version");
    int64_t application = database_number(database, "PRAGMA application_id");
    char sql[128];
    int error = 0;
    if (version < 0)
        return database_fail(database, path, why);
    bool made = version > 0 || database_number(database, "SELECT count(*) FROM sqlite_schema") > 0;
    if (made && application != APPLICATION_ID)
        return fail(why, path, "hub.db is another program's database");
    if (version > STORE_SCHEMA)
        return later_version(why, path, version);
    if (version > 0 && version < STORE_SCHEMA_PACKS && !database->salvage)
        error = migrate_check(database, path, why);
    for (; version < STORE_SCHEMA && error == 0; version++) {
        snprintf(sql, sizeof sql, "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT;",
                 APPLICATION_ID, (int)version + 1);
        error = run(database, "BEGIN IMMEDIATE;", path, why);
        if (error == 0)
            error = run(database, migrations[version], path, why);
        if (error == 0)
            error = migrate_more(database, version + 1, path, why);
        if (error == 0)
            error = run(database, sql, path, why);
    }
    return error;
}

static int prepare_all(struct database *database, const char *path, char why[STORE_WHY_SIZE])
{
    int error = 0;
    for (int at = 0; at < STATEMENT_COUNT; at++)
        if (!database->statements[at] && (error = prepare(database, at, path, why)) < 0)
            break;
    return error;
}

/* Opens a file of the directory by name. The directory is taken. */
static int file_open(struct database *database, const char *directory, const char *name, int flags,
                     enum store_sync sync, char ret_why[STORE_WHY_SIZE])
{
    static const char *const syncs[] = {
        [STORE_SYNC_ALWAYS] = "FULL", [STORE_SYNC_INTERVAL] = "FULL", [STORE_SYNC_NONE] = "OFF"};
    char path[4096], pragmas[512];
    if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path)
        return fail(ret_why, directory, strerror(ENAMETOOLONG));
    if (sqlite3_open_v2(path, &database->handle,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | flags, NULL) != SQLITE_OK)
        return database_fail(database, directory, ret_why);
    if (database_functions(database) < 0)
        return database_fail(database, directory, ret_why);
    snprintf(
        pragmas, sizeof pragmas,
        "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = %s;"
        "PRAGMA wal_autocheckpoint = 0; PRAGMA secure_delete = FAST; PRAGMA cache_size = -16384;"
        "PRAGMA trusted_schema = OFF;",
        syncs[sync]);
    return run(database, pragmas, directory, ret_why);
}

static void file_close(struct database *database)
{
    for (int at = 0; at < STATEMENT_COUNT; at++) {
        sqlite3_finalize(database->statements[at]);
        database->statements[at] = NULL;
    }
    sqlite3_close(database->handle);
    files_free(database->files);
    database->handle = NULL;
    database->files = NULL;
}

/* A new one is made under another name: one that is not whole was not cut off while it was made. It
 * leaves nothing in its log, which would not get that name: closing it would say nothing of it. */
static int file_make(struct database *database, const char *directory, char ret_why[STORE_WHY_SIZE])
{
    static const char *const left[] = {NEW, NEW "-wal", NEW "-journal"};
    for (size_t i = 0; i < sizeof left / sizeof *left; i++)
        unlinkat(database->directory, left[i], 0);
    int error = file_open(database, directory, NEW, SQLITE_OPEN_CREATE, STORE_SYNC_ALWAYS, ret_why);
    if (error == 0)
        error = database_migrate(database, directory, ret_why);
    if (error == 0)
        error = meta_key_make(database, directory, ret_why);
    if (error == 0 && sqlite3_wal_checkpoint_v2(database->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE,
                                                NULL, NULL) != SQLITE_OK)
        error = database_fail(database, directory, ret_why);
    file_close(database);
    if (error < 0)
        return error;
    if (renameat(database->directory, NEW, database->directory, "hub.db") < 0 ||
        fsync(database->directory) < 0)
        return fail(ret_why, directory, strerror(errno));
    return 0;
}

/* Its files as they lie there: are they such that SQLite would say what it can't read? */
static int files_look(const struct database *database, const char *directory,
                      char ret_why[STORE_WHY_SIZE])
{
    struct stat found;
    if (fstatat(database->directory, "hub.db", &found, 0) < 0)
        return errno == ENOENT
                   ? database_damaged(ret_why, directory, "hub.db is gone, and its log is there")
                   : fail(ret_why, directory, strerror(errno));
    if (found.st_size == 0)
        return database_damaged(ret_why, directory, "hub.db is empty");
    if (wal_damaged(database->directory, "hub.db-wal"))
        return database_damaged(ret_why, directory, "in its log (hub.db-wal)");
    return 0;
}

/* Is it there, or its log? */
static bool is_there(int directory)
{
    return faccessat(directory, "hub.db", F_OK, 0) == 0 ||
           faccessat(directory, "hub.db-wal", F_OK, 0) == 0;
}

/* In a directory that is taken. */
static int hub_open(struct database *database, const char *directory, enum store_sync sync,
                    char ret_why[STORE_WHY_SIZE])
{
    char aside[STORE_NAME_SIZE];
    if (aside_finish(database->directory, aside) < 0)
        return fail(ret_why, directory, strerror(errno));
    if (database->salvage)
        return damaged_open(database, directory, ret_why);
    int error = 0;
    if (!is_there(database->directory))
        error = file_make(database, directory, ret_why);
    if (error == 0)
        error = files_look(database, directory, ret_why);
    /* one that was put there, a copy, may be readable for all */
    if (error == 0 && fchmodat(database->directory, "hub.db", 0600, 0) < 0)
        error = fail(ret_why, directory, strerror(errno));
    if (error == 0)
        error = file_open(database, directory, "hub.db", 0, sync, ret_why);
    if (error == 0)
        error = database_check(database, directory, ret_why);
    if (error == 0 && wal_watch(database, "hub.db-wal", sync) < 0)
        error = fail(ret_why, directory, strerror(errno));
    /* schema by schema, then all that is derived from it */
    if (error == 0)
        error = database_migrate(database, directory, ret_why);
    if (error == 0)
        error = meta_key_make(database, directory, ret_why);
    if (error == 0)
        error = prepare_all(database, directory, ret_why);
    if (error == 0)
        error = meta_seq(database, "let_go", &database->let_go, directory, ret_why);
    if (error == 0)
        error = meta_seq(database, "floor", &database->floor, directory, ret_why);
    if (error == 0)
        error = checkpoint_take_back(database, directory, ret_why);
    if (error == 0)
        database->last_room = database_number(
            database, "SELECT max(id) FROM (SELECT id FROM rooms UNION ALL SELECT id"
                      " FROM " LEAVING_IDS ")");
    if (error == 0 && retract_look(database) < 0)
        error = database_fail(database, directory, ret_why);
    database->leaving = database->dropping = true; /* perhaps: the first step looks */
    return error;
}

int database_open(struct database *database, const char *directory, enum store_sync sync,
                  char ret_why[STORE_WHY_SIZE])
{
    assert(database->directory < 0 && database->lock < 0 && !database->handle);
    mode_t before = umask(0077); /* all that is made here is its owner's alone */
    int error = directory_take(database, directory, ret_why);
    if (error == 0)
        error = hub_open(database, directory, sync, ret_why);
    umask(before);
    return error;
}

static int file_open_to_read(struct database *database, const char *directory,
                             char ret_why[STORE_WHY_SIZE])
{
    char path[4096];
    int kept = 0;
    if (files_look(database, directory, ret_why) < 0)
        return -1;
    if (snprintf(path, sizeof path, "%s/hub.db", directory) >= (int)sizeof path)
        return fail(ret_why, directory, strerror(ENAMETOOLONG));
    /* Opened to write: only so it can be had alone, and needs no file for the index of its log.
     * Nothing is written, and what the log holds stays there. */
    if (sqlite3_open_v2(path, &database->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK ||
        database_functions(database) < 0 ||
        sqlite3_db_config(database->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, &kept) !=
            SQLITE_OK)
        return database_fail(database, directory, ret_why);
    if (run(database,
            "PRAGMA locking_mode = EXCLUSIVE; PRAGMA temp_store = MEMORY;"
            "PRAGMA cache_size = -16384; PRAGMA trusted_schema = OFF;",
            directory, ret_why) < 0)
        return -1;
    int64_t version = database_number(database, "PRAGMA user_version");
    if (version < 0)
        return database_fail(database, directory, ret_why);
    if (database_number(database, "PRAGMA application_id") != APPLICATION_ID)
        return fail(ret_why, directory, "hub.db is another program's database");
    if (version > STORE_SCHEMA)
        return later_version(ret_why, directory, version);
    if (version < STORE_SCHEMA)
        return fail(ret_why, directory,
                    "the database is of an earlier version of khub: 'khub check' brings it up to "
                    "this one");
    int error = meta_key(database, directory, ret_why);
    if (error == 0)
        error = checkpoint_see_back(database, directory, ret_why);
    if (error == 0)
        error = run(database, "PRAGMA query_only = ON;", directory, ret_why);
    return error < 0 ? error : prepare_all(database, directory, ret_why);
}

int database_open_to_read(struct database *database, const char *directory,
                          char ret_why[STORE_WHY_SIZE])
{
    assert(database->directory < 0 && database->lock < 0 && !database->handle);
    mode_t before = umask(0077);
    int error = directory_take(database, directory, ret_why);
    if (error == 0)
        error = file_open_to_read(database, directory, ret_why);
    umask(before);
    return error;
}

void database_close(struct database *database)
{
    wal_unwatch(database);
    file_close(database);
    if (database->salvage && database->lock >= 0)
        damaged_close(database);
    if (database->lock >= 0)
        close(database->lock);
    if (database->directory >= 0)
        close(database->directory);
}

int database_step(struct database *database, enum statement statement)
{
    sqlite3_stmt *step = database->statements[statement];
    assert(step); /* database_open has prepared them all */
    int result = sqlite3_step(step);
    sqlite3_reset(step);
    return result == SQLITE_DONE || result == SQLITE_ROW ? 0 : -1;
}
