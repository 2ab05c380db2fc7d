/* A database that is damaged: what can be read of it, and how another takes its place. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/inside.h"

/* ── opened ── */

#define READ "salvage.db" /* what it is read as */

static int fail(char why[STORE_WHY_SIZE], const char *path)
{
    snprintf(why, STORE_WHY_SIZE, "%s: %s", path, strerror(errno));
    return -1;
}

void damaged_close(const struct database *database)
{
    unlinkat(database->directory, READ, 0);
    unlinkat(database->directory, READ "-wal", 0);
    unlinkat(database->directory, READ "-journal", 0);
}

/* The file itself under another name, since nothing is written to it: but SQLite takes an empty one
 * for new, and would not look into its log. */
static int stand_in(int directory)
{
    static const char empty[4096];
    struct stat found;
    if (fstatat(directory, "hub.db", &found, 0) == 0 && found.st_size >= (off_t)sizeof empty)
        return linkat(directory, "hub.db", directory, READ, 0);
    int file = openat(directory, READ, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0)
        return -1;
    int error = write(file, empty, sizeof empty) == (ssize_t)sizeof empty ? 0 : -1;
    return close(file) < 0 ? -1 : error;
}

int damaged_open(struct database *database, const char *path, char why[STORE_WHY_SIZE])
{
    static const char pragmas[] =
        "PRAGMA writable_schema = ON;" /* a file that was cut off is read as far as it goes */
        "PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = OFF; PRAGMA wal_autocheckpoint = 0;"
        "PRAGMA trusted_schema = OFF; PRAGMA journal_mode = WAL;";
    char name[4096], ignored[STORE_WHY_SIZE];
    bool all;
    damaged_close(database);
    if (snprintf(name, sizeof name, "%s/" READ, path) >= (int)sizeof name) {
        errno = ENAMETOOLONG;
        return fail(why, path);
    }
    if (stand_in(database->directory) < 0)
        return fail(why, path);
    if (wal_mend(database->directory, "hub.db-wal", READ "-wal", &all) < 0) {
        snprintf(why, STORE_WHY_SIZE, "%s: a copy of its log (hub.db-wal), to be read there: %s",
                 path, strerror(errno));
        return -1;
    }
    if (sqlite3_open_v2(name, &database->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK)
        return database_fail(database, path, why);
    if (database_functions(database) < 0)
        return database_fail(database, path, why);
    /* what the log holds is read from there, and stays there */
    sqlite3_db_config(database->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_exec(database->handle, pragmas, NULL, NULL, NULL);
    database->unsure = !all || database_check(database, path, ignored) < 0;
    int error = database_migrate(database, path, why);
    if (error == 0 && checkpoint_take_back(database, path, ignored) < 0)
        database->unsure = true;
    return error == STORE_DAMAGED || database->unsure ? 0 : error;
}

/* ── set aside ── */

/* Is there from when all that is whole is in it until it is hub.db. */
#define WHOLE "salvaged.db"

static bool exists(int directory, const char *name)
{
    return faccessat(directory, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int rename_there(int directory, const char *from, const char *to)
{
    return renameat(directory, from, directory, to) == 0 || errno == ENOENT ? 0 : -1;
}

/* The database goes last: so that all get the same number, however often this is begun. */
int aside_finish(int directory, char ret_aside[STORE_NAME_SIZE])
{
    static const char *const beside[] = {"-mark", "-wal"};
    static const char *const derived[] = {"search.db", "search.db-wal", "search.db-shm"};
    char from[STORE_NAME_SIZE], to[STORE_NAME_SIZE + 8];
    unsigned number = 1;
    if (!exists(directory, WHOLE))
        return 0;
    do
        snprintf(ret_aside, STORE_NAME_SIZE, "damaged-%u.db", number);
    while (exists(directory, ret_aside) && ++number);
    for (size_t i = 0; i < sizeof derived / sizeof *derived; i++)
        unlinkat(directory, derived[i], 0);
    for (size_t i = 0; i < sizeof beside / sizeof *beside; i++) {
        snprintf(from, sizeof from, "hub.db%s", beside[i]);
        snprintf(to, sizeof to, "%s%s", ret_aside, beside[i]);
        if (rename_there(directory, from, to) < 0)
            return -1;
    }
    if (rename_there(directory, "hub.db", ret_aside) < 0 ||
        rename_there(directory, WHOLE, "hub.db") < 0)
        return -1;
    return fsync(directory);
}

void store_remove(const char *directory, bool keep)
{
    static const char *const files[] = {"hub.db",     "hub.db-wal",     "hub.db-mark", "new.db",
                                        "new.db-wal", "new.db-journal", "lock"};
    int at = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (at < 0)
        return;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        unlinkat(at, files[i], 0);
    close(at);
    if (!keep)
        rmdir(directory);
}

int store_put_aside(struct store *store, const char *directory, char ret_aside[STORE_NAME_SIZE],
                    char ret_why[STORE_WHY_SIZE])
{
    int to = store->database.directory;
    int from = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (from < 0)
        return fail(ret_why, directory);
    /* without it the new one would have the old one's number, and log */
    int error = exists(to, "hub.db") ? 0 : mknodat(to, "hub.db", S_IFREG | 0600, 0);
    if (error == 0)
        error = renameat(from, "hub.db", to, WHOLE);
    if (error == 0)
        error = fsync(to);
    if (error == 0)
        error = aside_finish(to, ret_aside);
    if (error < 0)
        fail(ret_why, directory);
    close(from);
    store_remove(directory, false);
    return error;
}
