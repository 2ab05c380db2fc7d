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
#define BUFFER_MAX (64u << 10) /* bytes that are written, or read, in one call */

/* Bytes of a file, side by side. */
struct span {
    uint8_t *bytes; /* BUFFER_MAX of them */
    size_t len;
    sqlite3_int64 at;
};

/* A file whose methods are ours, in front of its own. */
struct tapped {
    sqlite3_io_methods methods; /* the first member: a file points there */
    const sqlite3_io_methods *real;
    struct files *files;
    struct span gathered; /* it has yet to be written */
};

struct files {
    /* A commit leaves nothing gathered of the log, but where SQLite fills up a sector behind what
     * it has synchronised: on a disk that may damage the rest of one. So there nothing is. Of the
     * database pages are, while they are moved. */
    struct tapped database, log;
    bool gathers; /* the log */
    int file;     /* the database's, as the system knows it */

    bool unsynced; /* something may be in the log that is not on the disk */
    uint8_t frame[FILES_FRAME_HEADER];
    sqlite3_int64 frame_at; /* where that header is in the log; 0: there is none */
    uint32_t *frame_pages;  /* by frame of the log, as far as it was written here; 0: not known */
    size_t frame_count, frame_capacity;

    bool moving;           /* a step is under way, */
    bool early;            /* the first */
    struct span ahead;     /* of the log, read before it is asked for */
    sqlite3_int64 log_end; /* when the step began */
    sqlite3_int64 next_at; /* where a read goes on from the one before it */
    uint32_t unread;       /* a page that was not read: it is not to be written */
    bool *noted;           /* by page */
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

/* ── what is gathered ── */

static int flush(sqlite3_file *file)
{
    struct tapped *tapped = tapped_of(file);
    struct span *gathered = &tapped->gathered;
    size_t len = gathered->len;
    gathered->len = 0;
    return len ? tapped->real->xWrite(file, gathered->bytes, (int)len, gathered->at) : SQLITE_OK;
}

static int gather(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 offset)
{
    struct span *gathered = &tapped_of(file)->gathered;
    bool follows = offset == gathered->at + (sqlite3_int64)gathered->len;
    int code = SQLITE_OK;
    assert(len >= 0 && (size_t)len <= BUFFER_MAX); /* a page at the most */
    if (!follows || gathered->len + (size_t)len > BUFFER_MAX)
        code = flush(file);
    if (code != SQLITE_OK)
        return code;
    if (!gathered->len)
        gathered->at = offset;
    memcpy(gathered->bytes + gathered->len, bytes, (size_t)len);
    gathered->len += (size_t)len;
    return SQLITE_OK;
}

/* ── the log ── */

/* Which page a frame is of. */
static void frame_note(struct files *files, sqlite3_int64 offset, uint32_t page)
{
    size_t frame = (size_t)((offset - FILES_LOG_HEADER) / FRAME_SIZE), before = files->frame_count;
    if (frame >= before) {
        files->frame_pages = memory_grow(files->frame_pages, &files->frame_capacity, frame + 1,
                                         sizeof *files->frame_pages);
        memset(files->frame_pages + before, 0, (frame + 1 - before) * sizeof *files->frame_pages);
        files->frame_count = frame + 1;
    }
    files->frame_pages[frame] = page;
}

/* Of the frame whose page begins there; 0: not known. */
static uint32_t frame_page(const struct files *files, sqlite3_int64 offset)
{
    sqlite3_int64 frame = (offset - FILES_LOG_HEADER) / FRAME_SIZE;
    bool begins = offset == FILES_LOG_HEADER + frame * FRAME_SIZE + FILES_FRAME_HEADER;
    return begins && (size_t)frame < files->frame_count ? files->frame_pages[frame] : 0;
}

static void frames_forget(struct files *files)
{
    files->frame_at = 0;
    files->frame_count = 0;
    note_none(files);
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
        page = be32toh(page);
        files->frame_at = offset;
        frame_note(files, offset, page);
        if (page < files->noted_size)
            files->noted[page] = false;
    } else if (!in_order || in_frame != FILES_FRAME_HEADER || len != FILES_PAGE_SIZE) {
        frames_forget(files); /* a new log, or one whose frames are written in pieces */
    }
}

static int log_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 offset)
{
    struct files *files = tapped_of(file)->files;
    note_log(files, bytes, len, offset);
    files->unsynced = true;
    return files->gathers ? gather(file, bytes, len, offset)
                          : tapped_of(file)->real->xWrite(file, bytes, len, offset);
}

static int log_sync(sqlite3_file *file, int flags)
{
    const struct tapped *tapped = tapped_of(file);
    int code = flush(file);
    if (code == SQLITE_OK && tapped->files->unsynced)
        code = tapped->real->xSync(file, flags);
    if (code == SQLITE_OK)
        tapped->files->unsynced = false;
    return code;
}

/* For a move, which mostly reads on where it has read; so that is there already. */
static int log_read_on(sqlite3_file *file, uint8_t *bytes, size_t len, sqlite3_int64 offset)
{
    const struct tapped *tapped = tapped_of(file);
    struct files *files = tapped->files;
    struct span *ahead = &files->ahead;
    bool follows = offset == files->next_at;
    files->next_at = offset + FRAME_SIZE;
    if (offset < ahead->at || offset + (sqlite3_int64)len > ahead->at + (sqlite3_int64)ahead->len) {
        sqlite3_int64 left = files->log_end - offset;
        if (!follows || left < (sqlite3_int64)len)
            return tapped->real->xRead(file, bytes, (int)len, offset);
        size_t wanted = left < BUFFER_MAX ? (size_t)left : BUFFER_MAX;
        int code = tapped->real->xRead(file, ahead->bytes, (int)wanted, offset);
        if (code != SQLITE_OK)
            return code;
        ahead->at = offset;
        ahead->len = wanted;
    }
    memcpy(bytes, ahead->bytes + (offset - ahead->at), len);
    return SQLITE_OK;
}

static int log_read(sqlite3_file *file, void *bytes, int len, sqlite3_int64 offset)
{
    struct files *files = tapped_of(file)->files;
    int code = flush(file);
    if (code != SQLITE_OK)
        return code;
    if (!files->moving || len != FILES_PAGE_SIZE)
        return tapped_of(file)->real->xRead(file, bytes, len, offset);
    files->unread = frame_page(files, offset);
    if (is_noted(files, files->unread))
        return SQLITE_OK; /* in the database it is already, and so is not read to be written */
    files->unread = 0;
    return log_read_on(file, bytes, (size_t)len, offset);
}

static int log_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct files *files = tapped_of(file)->files;
    int code = flush(file);
    files->unsynced = true;
    frames_forget(files);
    return code == SQLITE_OK ? tapped_of(file)->real->xTruncate(file, size) : code;
}

static int log_size(sqlite3_file *file, sqlite3_int64 *ret_size)
{
    int code = flush(file);
    return code == SQLITE_OK ? tapped_of(file)->real->xFileSize(file, ret_size) : code;
}

static int tapped_close(sqlite3_file *file)
{
    int code = flush(file);
    file->pMethods = tapped_of(file)->real;
    int closed = file->pMethods->xClose(file);
    return code == SQLITE_OK ? closed : code;
}

/* ── the database ── */

/* What could not be written is in the log still. */
static int database_flush(sqlite3_file *file)
{
    int code = flush(file);
    if (code != SQLITE_OK)
        note_none(tapped_of(file)->files);
    return code;
}

static int database_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 offset)
{
    struct files *files = tapped_of(file)->files;
    uint32_t page = (uint32_t)(offset / FILES_PAGE_SIZE) + 1;
    bool whole = len == FILES_PAGE_SIZE && offset % FILES_PAGE_SIZE == 0;
    if (whole && is_noted(files, page)) {
        files->unread = 0;
        return SQLITE_OK;
    }
    assert(!files->unread);
    int code = files->moving ? gather(file, bytes, len, offset) : database_flush(file);
    if (code == SQLITE_OK && !files->moving)
        code = tapped_of(file)->real->xWrite(file, bytes, len, offset);
    if (code != SQLITE_OK)
        note_none(files);
    else if (whole && files->early)
        note(files, page);
    return code;
}

/* SQLITE_BUSY: what is in the log stays there, and that is no error. */
static int database_sync(sqlite3_file *file, int flags)
{
    const struct tapped *tapped = tapped_of(file);
    int code = database_flush(file);
    if (code == SQLITE_OK && tapped->files->early)
        return SQLITE_BUSY;
    note_none(tapped->files);
    return code == SQLITE_OK ? tapped->real->xSync(file, flags) : code;
}

static int database_read(sqlite3_file *file, void *bytes, int len, sqlite3_int64 offset)
{
    int code = database_flush(file);
    return code == SQLITE_OK ? tapped_of(file)->real->xRead(file, bytes, len, offset) : code;
}

static int database_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    int code = database_flush(file);
    return code == SQLITE_OK ? tapped_of(file)->real->xTruncate(file, size) : code;
}

static int database_size(sqlite3_file *file, sqlite3_int64 *ret_size)
{
    int code = database_flush(file);
    return code == SQLITE_OK ? tapped_of(file)->real->xFileSize(file, ret_size) : code;
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
    files->database.gathered.bytes = memory_new(BUFFER_MAX);
    files->log.gathered.bytes = memory_new(BUFFER_MAX);
    files->ahead.bytes = memory_new(BUFFER_MAX);
    files->gathers = log->pMethods->xDeviceCharacteristics(log) & SQLITE_IOCAP_POWERSAFE_OVERWRITE;
    files->unsynced = true; /* by whoever wrote it */
    tap(&files->database, files, database);
    tap(&files->log, files, log);
    files->database.methods.xWrite = database_write;
    files->database.methods.xSync = database_sync;
    files->database.methods.xRead = database_read;
    files->database.methods.xTruncate = database_truncate;
    files->database.methods.xFileSize = database_size;
    files->log.methods.xWrite = log_write;
    files->log.methods.xSync = log_sync;
    files->log.methods.xRead = log_read;
    files->log.methods.xTruncate = log_truncate;
    files->log.methods.xFileSize = log_size;
    database->pMethods = &files->database.methods;
    log->pMethods = &files->log.methods;
    return files;
}

void files_free(struct files *files)
{
    if (!files)
        return;
    close(files->file);
    free(files->database.gathered.bytes);
    free(files->log.gathered.bytes);
    free(files->ahead.bytes);
    free(files->frame_pages);
    free(files->noted);
    free(files->list);
    free(files);
}

int files_move(struct files *files, sqlite3 *handle, enum files_step step, int *ret_pages,
               int *ret_moved)
{
    sqlite3_file *log = file_of(handle, SQLITE_FCNTL_JOURNAL_POINTER);
    if (!log || log_size(log, &files->log_end) != SQLITE_OK)
        files->log_end = 0;
    files->moving = true;
    files->early = step == FILES_BEGIN;
    int code =
        sqlite3_wal_checkpoint_v2(handle, NULL, SQLITE_CHECKPOINT_PASSIVE, ret_pages, ret_moved);
    files->moving = files->early = false;
    files->unread = 0;
    files->ahead.len = 0;
    files->next_at = 0;
    if (files->database.gathered.len) { /* it failed before they were written: the log has them */
        assert(code != SQLITE_OK);
        files->database.gathered.len = 0;
        note_none(files);
    }
    /* it only begins; what it can't do, the second step does */
    if (step == FILES_BEGIN)
        sync_file_range(files->file, 0, 0, SYNC_FILE_RANGE_WRITE);
    return code;
}

const uint8_t *files_frame(const struct files *files, int frame)
{
    sqlite3_int64 at = FILES_LOG_HEADER + (sqlite3_int64)frame * FRAME_SIZE;
    return files->frame_at == at ? files->frame : NULL;
}
