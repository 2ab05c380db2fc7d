/* See fault_vfs.h.
 *
 * Between SQLite and its own VFS. Syncs are not handed on: what a crash leaves is made here, so no
 * real disk need be waited for. SQLite's log has no index in shared memory here, which it does not
 * need where one process has the file. */
#include "tests/unit/fault_vfs.h"

#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#define SECTOR 512

struct file {
    sqlite3_file base;
    const char *path; /* SQLite's, good while the file is open */
    sqlite3_file *real;
};

/* How a file was before a write or truncation that is not synced: these bytes at the offset, and
 * that size. */
struct undo {
    char *path, *bytes;
    sqlite3_int64 offset, size;
    size_t len;
    TAILQ_ENTRY(undo) next;
};
TAILQ_HEAD(undo_list, undo);

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* a call is held, or let go on */
    sqlite3_vfs *real;
    bool armed, struck, dead, keeps_sectors, holds, held;
    enum fault fault;
    unsigned at, calls, seed;
    struct undo_list undone; /* the newest last */
} disk = {.mutex = PTHREAD_MUTEX_INITIALIZER,
          .changed = PTHREAD_COND_INITIALIZER,
          .undone = TAILQ_HEAD_INITIALIZER(disk.undone)};

const char *fault_text(enum fault fault)
{
    static const char *const texts[] = {"an I/O error", "a full disk", "a torn write", "a crash"};
    return texts[fault];
}

/* ── what a crash takes back ── */

static void undo_free(struct undo *undo)
{
    TAILQ_REMOVE(&disk.undone, undo, next);
    free(undo->path);
    free(undo->bytes);
    free(undo);
}

static void undo_forget(const char *path)
{
    struct undo *undo, *next;
    for (undo = TAILQ_FIRST(&disk.undone); undo; undo = next) {
        next = TAILQ_NEXT(undo, next);
        if (!path || strcmp(undo->path, path) == 0)
            undo_free(undo);
    }
}

/* Before so many bytes there are changed. */
static void undo_keep(struct file *file, sqlite3_int64 offset, size_t len)
{
    struct undo *undo = calloc(1, sizeof *undo);
    assert(undo);
    undo->path = strdup(file->path);
    undo->bytes = calloc(1, len + 1);
    assert(undo->path && undo->bytes);
    undo->offset = offset;
    file->real->pMethods->xFileSize(file->real, &undo->size);
    undo->len = offset >= undo->size                       ? 0
                : undo->size - offset < (sqlite3_int64)len ? (size_t)(undo->size - offset)
                                                           : len;
    if (undo->len)
        file->real->pMethods->xRead(file->real, undo->bytes, (int)undo->len, offset);
    TAILQ_INSERT_TAIL(&disk.undone, undo, next);
}

static void undo_do(struct undo *undo)
{
    int file = open(undo->path, O_RDWR | O_CLOEXEC);
    if (file >= 0) {
        ssize_t written = pwrite(file, undo->bytes, undo->len, undo->offset);
        int cut = ftruncate(file, undo->size);
        assert(written == (ssize_t)undo->len && cut == 0);
        (void)written;
        (void)cut;
        close(file);
    }
    undo_free(undo);
}

static void crash(void)
{
    const struct undo *undo;
    unsigned count = 0;
    disk.dead = true;
    TAILQ_FOREACH (undo, &disk.undone, next)
        count++;
    for (unsigned stays = (unsigned)rand_r(&disk.seed) % (count + 1); count > stays; count--)
        undo_do(TAILQ_LAST(&disk.undone, undo_list));
}

/* Under the mutex: is this call the one? */
static bool strikes(void)
{
    if (!disk.armed || ++disk.calls != disk.at)
        return false;
    disk.struck = true;
    disk.held = disk.holds;
    pthread_cond_broadcast(&disk.changed);
    while (disk.holds)
        pthread_cond_wait(&disk.changed, &disk.mutex);
    disk.held = false;
    return true;
}

/* ── files ── */

static struct file *file_of(sqlite3_file *base)
{
    return (struct file *)(void *)base;
}

static int real_write(struct file *file, const void *bytes, int len, sqlite3_int64 offset)
{
    undo_keep(file, offset, (size_t)len);
    return file->real->pMethods->xWrite(file->real, bytes, len, offset);
}

/* Of a write that is torn. */
static int half(int len, sqlite3_int64 offset)
{
    sqlite3_int64 end = offset + len / 2;
    if (disk.keeps_sectors)
        end -= end % SECTOR;
    return end > offset ? (int)(end - offset) : 0;
}

/* The call that is struck: what becomes of it. */
static int struck_write(struct file *file, const void *bytes, int len, sqlite3_int64 offset)
{
    if (disk.fault == FAULT_TORN || disk.fault == FAULT_CRASH)
        real_write(file, bytes, half(len, offset), offset);
    if (disk.fault == FAULT_CRASH)
        crash();
    return disk.fault == FAULT_FULL ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static int struck_other(int code)
{
    if (disk.fault == FAULT_CRASH)
        crash();
    return code;
}

static int file_write(sqlite3_file *base, const void *bytes, int len, sqlite3_int64 offset)
{
    pthread_mutex_lock(&disk.mutex);
    int code = disk.dead   ? SQLITE_IOERR_WRITE
               : strikes() ? struck_write(file_of(base), bytes, len, offset)
                           : real_write(file_of(base), bytes, len, offset);
    pthread_mutex_unlock(&disk.mutex);
    return code;
}

static int real_truncate(struct file *file, sqlite3_int64 size)
{
    sqlite3_int64 before = 0;
    file->real->pMethods->xFileSize(file->real, &before);
    undo_keep(file, size, before > size ? (size_t)(before - size) : 0);
    return file->real->pMethods->xTruncate(file->real, size);
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    pthread_mutex_lock(&disk.mutex);
    int code = disk.dead   ? SQLITE_IOERR_TRUNCATE
               : strikes() ? struck_other(SQLITE_IOERR_TRUNCATE)
                           : real_truncate(file_of(base), size);
    pthread_mutex_unlock(&disk.mutex);
    return code;
}

static int file_sync(sqlite3_file *base, int flags)
{
    (void)flags;
    pthread_mutex_lock(&disk.mutex);
    int code = disk.dead   ? SQLITE_IOERR_FSYNC
               : strikes() ? struck_other(SQLITE_IOERR_FSYNC)
                           : SQLITE_OK;
    if (code == SQLITE_OK)
        undo_forget(file_of(base)->path);
    pthread_mutex_unlock(&disk.mutex);
    return code;
}

static int file_close(sqlite3_file *base)
{
    struct file *file = file_of(base);
    return file->real->pMethods->xClose(file->real);
}

static int file_read(sqlite3_file *base, void *bytes, int len, sqlite3_int64 offset)
{
    struct file *file = file_of(base);
    return file->real->pMethods->xRead(file->real, bytes, len, offset);
}

static int file_size(sqlite3_file *base, sqlite3_int64 *ret_size)
{
    struct file *file = file_of(base);
    return file->real->pMethods->xFileSize(file->real, ret_size);
}

static int file_lock(sqlite3_file *base, int lock)
{
    struct file *file = file_of(base);
    return file->real->pMethods->xLock(file->real, lock);
}

static int file_unlock(sqlite3_file *base, int lock)
{
    struct file *file = file_of(base);
    return file->real->pMethods->xUnlock(file->real, lock);
}

static int file_check_lock(sqlite3_file *base, int *ret_reserved)
{
    struct file *file = file_of(base);
    return file->real->pMethods->xCheckReservedLock(file->real, ret_reserved);
}

/* A hint on the size would write behind this disk's back. */
static int file_control(sqlite3_file *base, int what, void *data)
{
    struct file *file = file_of(base);
    return what == SQLITE_FCNTL_SIZE_HINT
               ? SQLITE_NOTFOUND
               : file->real->pMethods->xFileControl(file->real, what, data);
}

static int file_sector(sqlite3_file *base)
{
    struct file *file = file_of(base);
    return file->real->pMethods->xSectorSize(file->real);
}

static int file_device(sqlite3_file *base)
{
    (void)base;
    return disk.keeps_sectors ? SQLITE_IOCAP_POWERSAFE_OVERWRITE : 0;
}

static const sqlite3_io_methods methods = {.iVersion = 1,
                                           .xClose = file_close,
                                           .xRead = file_read,
                                           .xWrite = file_write,
                                           .xTruncate = file_truncate,
                                           .xSync = file_sync,
                                           .xFileSize = file_size,
                                           .xLock = file_lock,
                                           .xUnlock = file_unlock,
                                           .xCheckReservedLock = file_check_lock,
                                           .xFileControl = file_control,
                                           .xSectorSize = file_sector,
                                           .xDeviceCharacteristics = file_device};

/* ── the VFS ── */

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *base, int flags,
                    int *ret_flags)
{
    struct file *file = file_of(base);
    (void)vfs;
    *file = (struct file){.path = path ? path : "", .real = (sqlite3_file *)(void *)(file + 1)};
    int code = disk.real->xOpen(disk.real, path, file->real, flags, ret_flags);
    if (code == SQLITE_OK)
        file->base.pMethods = &methods;
    return code;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync)
{
    (void)vfs;
    pthread_mutex_lock(&disk.mutex);
    int code = disk.dead   ? SQLITE_IOERR_DELETE
               : strikes() ? struck_other(SQLITE_IOERR_DELETE)
                           : disk.real->xDelete(disk.real, path, sync);
    if (code == SQLITE_OK)
        undo_forget(path);
    pthread_mutex_unlock(&disk.mutex);
    return code;
}

void fault_install(void)
{
    static sqlite3_vfs vfs;
    disk.real = sqlite3_vfs_find(NULL);
    assert(disk.real && !vfs.zName);
    vfs = *disk.real;
    vfs.zName = "fault";
    vfs.pNext = NULL;
    vfs.szOsFile = (int)sizeof(struct file) + disk.real->szOsFile;
    vfs.xOpen = vfs_open;
    vfs.xDelete = vfs_delete;
    int registered = sqlite3_vfs_register(&vfs, 1);
    assert(registered == SQLITE_OK);
    (void)registered;
}

void fault_arm(enum fault fault, unsigned at, unsigned seed)
{
    pthread_mutex_lock(&disk.mutex);
    undo_forget(NULL);
    disk.armed = true;
    disk.struck = disk.dead = false;
    disk.fault = fault;
    disk.at = at;
    disk.calls = 0;
    disk.seed = seed;
    pthread_mutex_unlock(&disk.mutex);
}

void fault_hold(void)
{
    pthread_mutex_lock(&disk.mutex);
    disk.holds = true;
    pthread_mutex_unlock(&disk.mutex);
}

void fault_await_held(void)
{
    pthread_mutex_lock(&disk.mutex);
    while (!disk.held)
        pthread_cond_wait(&disk.changed, &disk.mutex);
    pthread_mutex_unlock(&disk.mutex);
}

void fault_let_go_on(void)
{
    pthread_mutex_lock(&disk.mutex);
    disk.holds = false;
    pthread_cond_broadcast(&disk.changed);
    pthread_mutex_unlock(&disk.mutex);
}

void fault_keep_sectors(bool keeps)
{
    disk.keeps_sectors = keeps;
}

bool fault_disarm(void)
{
    pthread_mutex_lock(&disk.mutex);
    undo_forget(NULL);
    disk.armed = disk.dead = false;
    pthread_mutex_unlock(&disk.mutex);
    return disk.struck;
}
