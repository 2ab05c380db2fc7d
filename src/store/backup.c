/* See backup.h. */
#include "store/backup.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define WANTED     "backup.wanted"
#define PART       "backup.part"
#define COPY       "backup.db"
#define FAILED     "backup.failed"
#define STEP_PAGES 256
#define LOOK_MS    50
#define ROOM_LEFT  (1u << 20) /* bytes on a hub's disk that are no copy's */

/* ── the side of the store ── */

bool backup_wanted(const struct database *database)
{
    return faccessat(database->directory, WANTED, F_OK, 0) == 0;
}

/* An empty file is a new database to SQLite; this one is its owner's alone. */
static int part_make(const struct database *database)
{
    unlinkat(database->directory, PART, 0);
    unlinkat(database->directory, PART "-journal", 0);
    int part = openat(database->directory, PART, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return part < 0 ? -1 : close(part);
}

/* A copy that fills the hub's disk and then is none would cost what is said meanwhile. */
static bool has_room(struct database *database, struct backup *backup)
{
    struct statvfs disk;
    uint64_t needed = (uint64_t)database_number(database, "PRAGMA page_count") * FILES_PAGE_SIZE;
    if (fstatvfs(database->directory, &disk) < 0 ||
        disk.f_bavail * disk.f_frsize >= needed + ROOM_LEFT)
        return true;
    snprintf(backup->why, sizeof backup->why,
             "the hub makes the copy in its directory, on whose disk is no room for it: %" PRIu64
             " KiB and %u are needed, %" PRIu64 " are free. Without a hub, no room is needed there",
             needed >> 10, ROOM_LEFT >> 10, (uint64_t)(disk.f_bavail * disk.f_frsize) >> 10);
    return false;
}

static int backup_begin(struct database *database, struct backup *backup)
{
    char path[4096];
    if (!has_room(database, backup))
        return -1;
    const char *name = sqlite3_db_filename(database->handle, "main");
    int len =
        snprintf(path, sizeof path, "%.*s" PART, (int)(strlen(name) - strlen("hub.db")), name);
    if (len >= (int)sizeof path || part_make(database) < 0) {
        snprintf(backup->why, sizeof backup->why, "%s",
                 strerror(len >= (int)sizeof path ? ENAMETOOLONG : errno));
        return -1;
    }
    if (sqlite3_open_v2(path, &backup->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) ==
        SQLITE_OK)
        backup->copy = sqlite3_backup_init(backup->handle, "main", database->handle, "main");
    if (backup->copy)
        return 0;
    snprintf(backup->why, sizeof backup->why, "%s", sqlite3_errmsg(backup->handle));
    return -1;
}

static void backup_close(struct backup *backup)
{
    sqlite3_backup_finish(backup->copy);
    sqlite3_close(backup->handle);
    backup->copy = NULL;
    backup->handle = NULL;
}

void backup_drop(struct database *database, struct backup *backup)
{
    if (!backup->copy)
        return;
    backup_close(backup);
    unlinkat(database->directory, PART, 0);
}

/* The wish goes last: who waits for that finds the rest. */
static void backup_end(struct database *database, struct backup *backup, bool good)
{
    int directory = database->directory;
    backup_close(backup);
    unlinkat(directory, FAILED, 0);
    if (good && renameat(directory, PART, directory, COPY) < 0) {
        snprintf(backup->why, sizeof backup->why, "%s", strerror(errno));
        good = false;
    }
    if (!good) {
        unlinkat(directory, PART, 0);
        unlinkat(directory, COPY, 0);
        int said = openat(directory, FAILED, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        /* on a full disk it stays empty, and is there all the same */
        if (said >= 0 && write(said, backup->why, strlen(backup->why)) >= 0)
            fsync(said);
        if (said >= 0)
            close(said);
    }
    fsync(directory);
    unlinkat(directory, WANTED, 0);
}

bool backup_step(struct database *database, struct backup *backup)
{
    assert(backup->copy || !backup->handle); /* the last one was closed */
    if (!backup->copy && backup_begin(database, backup) < 0) {
        backup_end(database, backup, false);
        return false;
    }
    int result = sqlite3_backup_step(backup->copy, STEP_PAGES);
    if (result == SQLITE_OK)
        return true;
    if (result != SQLITE_DONE)
        snprintf(backup->why, sizeof backup->why, "%s", sqlite3_errstr(result));
    backup_end(database, backup, result == SQLITE_DONE);
    return false;
}

/* ── the side of whoever wants one ── */

static int fail(char why[STORE_WHY_SIZE], const char *what)
{
    snprintf(why, STORE_WHY_SIZE, "%.400s: %s", what, strerror(errno));
    return -1;
}

/* A hub has the directory. */
static bool is_held(int directory)
{
    int lock = openat(directory, "lock", O_RDONLY | O_CLOEXEC);
    bool held = lock >= 0 && flock(lock, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
    if (lock >= 0)
        close(lock);
    return held;
}

/* Beside the place where it is to be. 0, or -1 with a sentence, and nothing is left there. */
static int copy_here(const struct database *database, const char *part, char why[STORE_WHY_SIZE])
{
    sqlite3 *to = NULL;
    sqlite3_backup *copy = NULL;
    int made = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (made < 0)
        return fail(why, part);
    close(made);
    int result = sqlite3_open_v2(part, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (result == SQLITE_OK)
        copy = sqlite3_backup_init(to, "main", database->handle, "main");
    if (copy) {
        result = sqlite3_backup_step(copy, -1);
        sqlite3_backup_finish(copy);
    }
    if (result != SQLITE_DONE)
        snprintf(why, STORE_WHY_SIZE, "%.400s: %s", part, sqlite3_errmsg(to));
    sqlite3_close(to);
    if (result != SQLITE_DONE)
        unlink(part);
    return result == SQLITE_DONE ? 0 : -1;
}

/* Not every file system can tell by itself that none is there. */
static int rename_to_new(const char *from, const char *to)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL)
        return -1;
    if (faccessat(AT_FDCWD, to, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        errno = EEXIST;
        return -1;
    }
    return rename(from, to);
}

/* The name of its folder, in a buffer as long as a path may be. 0, or -1 with errno. */
static int folder_of(const char *file, char ret_folder[PATH_MAX])
{
    if (snprintf(ret_folder, PATH_MAX, "%s", file) >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return -1;
    }
    const char *name = dirname(ret_folder);
    memmove(ret_folder, name, strlen(name) + 1);
    return 0;
}

/* A name that was given is on the disk, too. 0, or -1 with errno. */
static int folder_sync(const char *file)
{
    char folder[PATH_MAX];
    if (folder_of(file, folder) < 0)
        return -1;
    int directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return -1;
    int error = fsync(directory), number = errno;
    close(directory);
    errno = number;
    return error;
}

/* Gives a whole copy its name. 0, or -1 with errno, and nothing is left of it. */
static int put_in_place(const char *part, const char *file)
{
    int error = rename_to_new(part, file);
    int number = errno;
    if (error < 0)
        unlink(part);
    errno = number;
    return error < 0 ? error : folder_sync(file);
}

/* The copy's name while it is not whole. 0, or -1 with errno. */
static int part_of(const char *file, char ret_part[PATH_MAX])
{
    if (snprintf(ret_part, PATH_MAX, "%s.part", file) < PATH_MAX)
        return 0;
    errno = ENAMETOOLONG;
    return -1;
}

/* By this process, since nobody else has the directory, whose own disk may be full. 0, or a
 * store_code with a sentence. */
static int make_here(const char *path, const char *file, char why[STORE_WHY_SIZE])
{
    struct database database = DATABASE_NONE;
    char part[PATH_MAX];
    if (part_of(file, part) < 0)
        return fail(why, file);
    int error = database_open(&database, path, STORE_SYNC_ALWAYS, why);
    if (error == 0) {
        unlinkat(database.directory, PART, 0); /* of a hub that was killed meanwhile */
        unlinkat(database.directory, PART "-journal", 0);
        error = copy_here(&database, part, why);
    }
    if (error == 0 && put_in_place(part, file) < 0)
        error = fail(why, file);
    database_close(&database);
    return error;
}

/* Waits until the wish is gone. When the hub goes instead, its place is taken: ret_here. */
static int await(int directory, const char *path, const char *file, bool *ret_here,
                 char why[STORE_WHY_SIZE])
{
    int error = 0;
    *ret_here = false;
    while (faccessat(directory, WANTED, F_OK, 0) == 0) {
        if (!is_held(directory)) {
            error = make_here(path, file, why);
            *ret_here = error == 0;
            if (*ret_here || (error != STORE_HELD && !is_held(directory))) {
                unlinkat(directory, WANTED, 0);
                return error;
            }
        }
        nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000l}, NULL);
    }
    return 0;
}

static int copy_bytes(int from, int to)
{
    static char buffer[1u << 16];
    ssize_t len;
    while ((len = read(from, buffer, sizeof buffer)) > 0)
        for (ssize_t done = 0; done < len;) {
            ssize_t written = write(to, buffer + done, (size_t)(len - done));
            if (written < 0)
                return -1;
            done += written;
        }
    return len < 0 ? -1 : fsync(to);
}

/* Beside the place where it is to be: one that is not whole does not have its name. 0, or -1 with a
 * sentence, and nothing is left there. */
static int copy_to(int directory, const char *file, char why[STORE_WHY_SIZE])
{
    char part[PATH_MAX];
    if (part_of(file, part) < 0)
        return fail(why, file);
    int to = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0)
        return fail(why, part);
    int from = openat(directory, COPY, O_RDONLY | O_CLOEXEC);
    int error = from < 0 || copy_bytes(from, to) < 0 ? fail(why, file) : 0;
    if (error < 0)
        unlink(part);
    if (from >= 0)
        close(from);
    close(to);
    return error == 0 && put_in_place(part, file) < 0 ? fail(why, file) : error;
}

/* To a file that is not there yet, be it on another disk. 0, or -1 with a sentence; in any case
 * none is left in the directory. */
static int move_to(int directory, const char *file, char why[STORE_WHY_SIZE])
{
    int error = renameat2(directory, COPY, AT_FDCWD, file, RENAME_NOREPLACE);
    if (error == 0)
        return folder_sync(file) < 0 ? fail(why, file) : 0;
    error = errno == EXDEV || errno == EINVAL ? copy_to(directory, file, why) : fail(why, file);
    unlinkat(directory, COPY, 0);
    return error;
}

/* May a copy be put there? 0, or -1 with errno. Asked before it is made, which takes long. */
static int place_look(const char *file)
{
    char folder[PATH_MAX];
    if (faccessat(AT_FDCWD, file, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        errno = EEXIST;
        return -1;
    }
    return folder_of(file, folder) < 0 ? -1 : access(folder, W_OK | X_OK);
}

/* What came of it: 0, or -1 with the sentence that the hub left. */
static int outcome(int directory, char why[STORE_WHY_SIZE])
{
    int failed = openat(directory, FAILED, O_RDONLY | O_CLOEXEC);
    if (failed < 0)
        return 0;
    ssize_t len = read(failed, why, STORE_WHY_SIZE - 1);
    why[len > 0 ? len : 0] = '\0';
    if (len <= 0)
        snprintf(why, STORE_WHY_SIZE,
                 "the copy could not be made, and on the disk of the directory is no room to say "
                 "why. Without a hub, no room is needed there: stop it, and try again");
    close(failed);
    unlinkat(directory, FAILED, 0);
    return -1;
}

int store_backup(const char *path, const char *file, char ret_why[STORE_WHY_SIZE])
{
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return fail(ret_why, path);
    int error = 0;
    bool here = false;
    if (!store_exists(path)) {
        error = fail(ret_why, path);
    } else if (place_look(file) < 0) {
        error = fail(ret_why, file);
    }
    /* one at a time: of two that wait for the same copy only one would get it */
    if (error == 0 && flock(directory, LOCK_EX) < 0)
        error = fail(ret_why, path);
    if (error == 0) {
        int wish = openat(directory, WANTED, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        error = wish < 0 ? fail(ret_why, path) : close(wish);
    }
    if (error == 0)
        error = await(directory, path, file, &here, ret_why);
    if (error == 0 && !here)
        error = outcome(directory, ret_why);
    if (error == 0 && !here)
        error = move_to(directory, file, ret_why);
    close(directory);
    return error;
}
