/* See files.h.
 *
 * What makes it hard: a page that the second step leaves out must be in the database's file as the
 * log has it. So it is noted which were written by the first, and a page is taken off that note as
 * soon as anything of it is added to the log, or anything happens that is not understood here. When
 * the database is synchronised, well or not, nothing is noted any more. */
#include "store/files.h"

#include <assert.h>
#include <endian.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/memory.h"

#define FRAME_SIZE (FILES_FRAME_HEADER + FILES_PAGE_SIZE)
#define BUFFER_MAX (64u << 10) /* bytes of the log that are gathered */

/* A file whose methods are ours, in front of its own. */
struct tapped {
    sqlite3_io_methods methods; /* the first member: a file points there */
    const sqlite3_io_methods *real;
    struct files *files;
};

struct files {
    struct tapped database, log;
    int file; /* the database's, as the system knows it */

    /* Of the log. A commit leaves nothing here, but where SQLite fills up a sector behind what it
     * has synchronised: on a disk that may damage the rest of one. So there nothing is gathered. */
    bool gathers;
    uint8_t *gathered;
    size_t len;
    sqlite3_int64 at;
    bool unsynced; /* something may be in the log that is not on the disk */
    uint8_t frame[FILES_FRAME_HEADER];
    sqlite3_int64 frame_at; /* where that header is in the log; 0: there is none */

    bool early;  /* the first step is under way */
    bool *noted; /* by page */
    size_t noted_size;
    uint32_t *list; /* those that were noted */
    size_t count, capacity;
};

static struct tapped *tapped_of(sqlite3_file *file)
{
    union {
        const sqlite3_io_methods *methods;
        struct tapped *tapped;
    } first = {file->pMethods};
    return first.tapped;
}

/* ── pages that the first step has written ── */

static void note(struct files *files, uint32_t page)
{
    if (page >= files->noted_size) {
        size_t before = files->noted_size;
        files->noted =
            memory_grow(files->noted, &files->noted_size, (size_t)page + 1, sizeof(bool));
        memset(files->noted + before, 0, (files->noted_size - before) * sizeof(bool));
    }
    files->noted[page] = true;
    files->list = memory_grow(files->list, &files->capacity, files->count + 1, sizeof *files->list);
    files->list[files->count++] = page;
}

static bool is_noted(const struct files *files, uint32_t page)
{
    return page < files->noted_size && files->noted[page];
}

static void note_none(struct files *files)
{
    while (files->count)
        files->noted[files->list[--files->count]] = false;
}

/* This goes to the log. */
static void note_log(struct files *files, const void *bytes, int len, sqlite3_int64 offset)
{
    sqlite3_int64 in_frame = (offset - FILES_LOG_HEADER) % FRAME_SIZE;
    bool in_order = offset >= FILES_LOG_HEADER;
    if (in_order && in_frame == 0 && len == FILES_FRAME_HEADER) {
        uint32_t page;
        memcpy(files->frame, bytes, sizeof files->frame);
        memcpy(&page, bytes, sizeof page);
        files->frame_at = offset;
        if (be32toh(page) < files->noted_size)
            files->noted[be32toh(page)] = false;
    } else if (!in_order || in_frame != FILES_FRAME_HEADER || len != FILES_PAGE_SIZE) {
        files->frame_at = 0; /* a new log, or one whose frames are written in pieces */
        note_none(files);
    }
}

/* ── the log ── */

static int log_flush(sqlite3_file *file)
{
    const struct tapped *tapped = tapped_of(file);
    struct files *files = tapped->files;
    size_t len = files->len;
    files->len = 0;
    return len ? tapped->real->xWrite(file, files->gathered, (int)len, files->at) : SQLITE_OK;
}

static int log_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 offset)
{
    struct files *files = tapped_of(file)->files;
    bool follows = offset == files->at + (sqlite3_int64)files->len;
    int code = SQLITE_OK;
    note_log(files, bytes, len, offset);
    files->unsynced = true;
    if (!files->gathers)
        return tapped_of(file)->real->xWrite(file, bytes, len, offset);
    assert(len >= 0 && (size_t)len <= BUFFER_MAX); /* a page at the most */
    if (!follows || files->len + (size_t)len > BUFFER_MAX)
        code = log_flush(file);
    if (code != SQLITE_OK)
        return code;
    if (!files->len)
        files->at = offset;
    memcpy(files->gathered + files->len, bytes, (size_t)len);
    files->len += (size_t)len;
    return SQLITE_OK;
}

static int log_sync(sqlite3_file *file, int flags)
{
    const struct tapped *tapped = tapped_of(file);
    int code = log_flush(file);
    if (code == SQLITE_OK && tapped->files->unsynced)
        code = tapped->real->xSync(file, flags);
    if (code == SQLITE_OK)
        tapped->files->unsynced = false;
    return code;
}

static int log_read(sqlite3_file *file, void *bytes, int len, sqlite3_int64 offset)
{
    int code = log_flush(file);
    return code == SQLITE_OK ? tapped_of(file)->real->xRead(file, bytes, len, offset) : code;
}

static int log_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct files *files = tapped_of(file)->files;
    int code = log_flush(file);
    files->unsynced = true;
    files->frame_at = 0;
    note_none(files);
    return code == SQLITE_OK ? tapped_of(file)->real->xTruncate(file, size) : code;
}

static int log_size(sqlite3_file *file, sqlite3_int64 *ret_size)
{
    int code = log_flush(file);
    return code == SQLITE_OK ? tapped_of(file)->real->xFileSize(file, ret_size) : code;
}

static int tapped_close(sqlite3_file *file)
{
    file->pMethods = tapped_of(file)->real;
    return file->pMethods->xClose(file);
}

static int log_close(sqlite3_file *file)
{
    int code = log_flush(file), closed = tapped_close(file);
    return code == SQLITE_OK ? closed : code;
}

/* ── the database ── */

static int database_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 offset)
{
    const struct tapped *tapped = tapped_of(file);
    struct files *files = tapped->files;
    uint32_t page = (uint32_t)(offset / FILES_PAGE_SIZE) + 1;
    bool whole = len == FILES_PAGE_SIZE && offset % FILES_PAGE_SIZE == 0;
    if (whole && is_noted(files, page))
        return SQLITE_OK;
    int code = tapped->real->xWrite(file, bytes, len, offset);
    if (whole && code == SQLITE_OK && files->early)
        note(files, page);
    return code;
}

/* SQLITE_BUSY: what is in the log stays there, and that is no error. */
static int database_sync(sqlite3_file *file, int flags)
{
    const struct tapped *tapped = tapped_of(file);
    if (tapped->files->early)
        return SQLITE_BUSY;
    note_none(tapped->files);
    return tapped->real->xSync(file, flags);
}

/* ── beginning and end ── */

static sqlite3_file *file_of(sqlite3 *handle, int which)
{
    sqlite3_file *file = NULL;
    return sqlite3_file_control(handle, "main", which, &file) == SQLITE_OK && file && file->pMethods
               ? file
               : NULL;
}

static void tap(struct tapped *tapped, struct files *files, const sqlite3_file *file)
{
    tapped->files = files;
    tapped->real = file->pMethods;
    tapped->methods = *file->pMethods;
    tapped->methods.xClose = tapped_close;
}

struct files *files_tap(sqlite3 *handle, int file)
{
    sqlite3_file *database = file_of(handle, SQLITE_FCNTL_FILE_POINTER);
    sqlite3_file *log = file_of(handle, SQLITE_FCNTL_JOURNAL_POINTER);
    if (!database || !log)
        return NULL;
    struct files *files = memory_new(sizeof *files);
    files->file = file;
    files->gathered = memory_new(BUFFER_MAX);
    files->gathers = log->pMethods->xDeviceCharacteristics(log) & SQLITE_IOCAP_POWERSAFE_OVERWRITE;
    files->unsynced = true; /* by whoever wrote it */
    tap(&files->database, files, database);
    tap(&files->log, files, log);
    files->database.methods.xWrite = database_write;
    files->database.methods.xSync = database_sync;
    files->log.methods.xWrite = log_write;
    files->log.methods.xSync = log_sync;
    files->log.methods.xRead = log_read;
    files->log.methods.xTruncate = log_truncate;
    files->log.methods.xFileSize = log_size;
    files->log.methods.xClose = log_close;
    database->pMethods = &files->database.methods;
    log->pMethods = &files->log.methods;
    return files;
}

void files_free(struct files *files)
{
    if (!files)
        return;
    close(files->file);
    free(files->gathered);
    free(files->noted);
    free(files->list);
    free(files);
}

bool files_move_early(struct files *files, sqlite3 *handle)
{
    files->early = true;
    int code = sqlite3_wal_checkpoint_v2(handle, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    files->early = false;
    /* it only begins; what it can't do, the second step does */
    sync_file_range(files->file, 0, 0, SYNC_FILE_RANGE_WRITE);
    return code == SQLITE_OK;
}

const uint8_t *files_frame(const struct files *files, int frame)
{
    sqlite3_int64 at = FILES_LOG_HEADER + (sqlite3_int64)frame * FRAME_SIZE;
    return files->frame_at == at ? files->frame : NULL;
}
