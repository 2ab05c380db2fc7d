/* SQLite's write-ahead log, read by ourselves.
 *
 * After a crash SQLite takes what the log holds up to the first frame whose checksum is wrong. That
 * is right for a transaction that was being written: nobody was told of it. But one flipped bit
 * takes back all transactions behind it as well, without a word. So each frame is looked at here,
 * and where one that is whole follows a transaction that is not, the log is damaged.
 *
 * What is cut off at its end, or in its last transaction, can't be seen like that. So how far it
 * went is written down beside it after each commit: without waiting for the disk, so it may lag
 * behind after a power failure, and never runs ahead.
 *
 * A frame's checksum goes on from that of the frame before. Seen are frames that fit the one before
 * them as it is written there: so one damaged frame does not hide those behind it. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "core/memory.h"
#include "store/inside.h"

#define WAL_HEADER    FILES_LOG_HEADER
#define FRAME_HEADER  FILES_FRAME_HEADER
#define WAL_MAGIC     0x377f0682u /* its last bit: words of checksums are big-endian */
#define WAL_VERSION   3007000u
#define WAL_PAGE_SIZE FILES_PAGE_SIZE

/* Of a file that may end anywhere. */
struct wal {
    int file;
    bool empty, big_endian, header_whole;
    uint32_t salt[2];     /* of this generation; older frames behind it have others */
    uint32_t checksum[2]; /* of what was read last, as it is written there */
    uint8_t frame[FRAME_HEADER + WAL_PAGE_SIZE];
    uint32_t page, commit; /* of the frame: its page; pages of the database, in a last frame */
    bool fits;             /* it does with the one before it */
    bool ours;             /* has the generation's salt */
};

static uint32_t word(const uint8_t *at)
{
    uint32_t big;
    memcpy(&big, at, sizeof big);
    return be32toh(big);
}

static void put_word(uint8_t *at, uint32_t value)
{
    uint32_t big = htobe32(value);
    memcpy(at, &big, sizeof big);
}

static void checksum_add(bool big_endian, const uint8_t *at, size_t len, uint32_t sum[2])
{
    for (size_t i = 0; i < len; i += 8) {
        uint32_t words[2];
        memcpy(words, at + i, sizeof words);
        sum[0] += (big_endian ? be32toh(words[0]) : le32toh(words[0])) + sum[1];
        sum[1] += (big_endian ? be32toh(words[1]) : le32toh(words[1])) + sum[0];
    }
}

/* Without a header that says which: that of the first frame that has one. */
static bool salt_find(struct wal *wal)
{
    uint8_t salt[8];
    for (uint64_t i = 0;; i++) {
        off_t at = (off_t)(WAL_HEADER + i * sizeof wal->frame + 8);
        if (pread(wal->file, salt, sizeof salt, at) != (ssize_t)sizeof salt)
            return false;
        wal->salt[0] = word(salt);
        wal->salt[1] = word(salt + 4);
        if (wal->salt[0] || wal->salt[1])
            return true;
    }
}

/* False when nothing was written there. */
static bool wal_begin(struct wal *wal)
{
    uint8_t header[WAL_HEADER];
    uint32_t sum[2] = {0, 0};
    if (pread(wal->file, header, sizeof header, 0) != (ssize_t)sizeof header)
        return false;
    wal->big_endian = word(header) & 1;
    checksum_add(wal->big_endian, header, 24, sum);
    wal->checksum[0] = word(header + 24);
    wal->checksum[1] = word(header + 28);
    wal->header_whole = (word(header) & ~1u) == WAL_MAGIC && word(header + 8) == WAL_PAGE_SIZE &&
                        sum[0] == wal->checksum[0] && sum[1] == wal->checksum[1];
    wal->salt[0] = word(header + 16);
    wal->salt[1] = word(header + 20);
    if (wal->header_whole)
        return true;
    wal->big_endian = __BYTE_ORDER == __BIG_ENDIAN; /* the machine's own is what SQLite takes */
    return salt_find(wal);
}

/* False at the end. */
static bool wal_next(struct wal *wal, uint64_t index)
{
    off_t at = (off_t)(WAL_HEADER + index * sizeof wal->frame);
    if (pread(wal->file, wal->frame, sizeof wal->frame, at) != (ssize_t)sizeof wal->frame)
        return false;
    uint32_t sum[2] = {wal->checksum[0], wal->checksum[1]};
    checksum_add(wal->big_endian, wal->frame, 8, sum);
    checksum_add(wal->big_endian, wal->frame + FRAME_HEADER, WAL_PAGE_SIZE, sum);
    wal->page = word(wal->frame);
    wal->commit = word(wal->frame + 4);
    wal->ours = word(wal->frame + 8) == wal->salt[0] && word(wal->frame + 12) == wal->salt[1];
    wal->checksum[0] = word(wal->frame + 16);
    wal->checksum[1] = word(wal->frame + 20);
    wal->fits = wal->ours && sum[0] == wal->checksum[0] && sum[1] == wal->checksum[1];
    return true;
}

/* What a walk over all of it finds. */
struct findings {
    uint64_t frames;    /* up to the last that ends a whole transaction */
    uint64_t recovered; /* by SQLite: up to the last before the first that does not fit */
    uint32_t pages;     /* of the largest database that one left */
    bool damaged;
};

static struct findings wal_walk(struct wal *wal)
{
    struct findings found = {0};
    bool broken = false, ended = false; /* there was a frame that does not fit; behind it an end */
    wal->empty = !wal_begin(wal);
    if (wal->empty)
        return found;
    broken = ended = !wal->header_whole;
    for (uint64_t i = 0; wal_next(wal, i); i++) {
        broken = broken || !wal->fits;
        /* the next transaction began when this one was on disk */
        found.damaged = found.damaged || (ended && wal->fits);
        ended = ended || (broken && wal->ours && wal->commit);
        if (!wal->fits || !wal->commit)
            continue;
        found.frames = i + 1;
        if (!broken)
            found.recovered = i + 1;
        if (wal->commit > found.pages)
            found.pages = wal->commit;
    }
    return found;
}

static struct wal *wal_open(int directory, const char *name)
{
    int file = openat(directory, name, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return NULL;
    struct wal *wal = memory_new(sizeof *wal);
    wal->file = file;
    return wal;
}

static void wal_close(struct wal *wal)
{
    close(wal->file);
    free(wal);
}

/* ── how far it went ── */

#define MARK "hub.db-mark"

struct mark {
    uint32_t salt[2];
    uint64_t frames;
    uint64_t pages;    /* of the database that they made */
    uint64_t checksum; /* of what is above */
};

static uint64_t mark_checksum(const struct mark *mark)
{
    return XXH3_64bits(mark, offsetof(struct mark, checksum));
}

/* False when there is none, and ret_mark is untouched. */
static bool mark_read(int directory, struct mark *ret_mark)
{
    struct mark mark;
    int file = openat(directory, MARK, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    ssize_t len = read(file, &mark, sizeof mark);
    close(file);
    if (len != (ssize_t)sizeof mark || mark_checksum(&mark) != mark.checksum)
        return false;
    *ret_mark = mark;
    return true;
}

/* 0, or -1 with errno. */
static int mark_open(struct database *database)
{
    if (database->mark < 0)
        database->mark = openat(database->directory, MARK, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    return database->mark < 0 ? -1 : 0;
}

/* The header of the last frame. */
static bool last_frame(const struct database *database, int frames,
                       uint8_t ret_header[FRAME_HEADER])
{
    const uint8_t *header = database->files ? files_frame(database->files, frames - 1) : NULL;
    off_t at = WAL_HEADER + (frames - 1) * (off_t)(FRAME_HEADER + WAL_PAGE_SIZE);
    if (header)
        memcpy(ret_header, header, FRAME_HEADER);
    return header || pread(database->log, ret_header, FRAME_HEADER, at) == (ssize_t)FRAME_HEADER;
}

static int on_commit(void *ctx, sqlite3 *handle, const char *name, int frames)
{
    struct database *database = ctx;
    uint8_t header[FRAME_HEADER];
    const off_t frame_size = FRAME_HEADER + WAL_PAGE_SIZE;
    (void)handle, (void)name;
    database->log_bytes = (uint64_t)(frames * frame_size);
    if (database->log < 0 || mark_open(database) < 0 || !last_frame(database, frames, header))
        return SQLITE_OK;
    struct mark mark = {.salt = {word(header + 8), word(header + 12)},
                        .frames = (uint64_t)frames,
                        .pages = word(header + 4)};
    mark.checksum = mark_checksum(&mark);
    /* on a full disk too: its place is there since it was opened, or since there was room */
    (void)!pwrite(database->mark, &mark, sizeof mark, 0);
    return SQLITE_OK;
}

/* 0, or -1 with errno. */
static int files_watch(struct database *database)
{
    int file = openat(database->directory, "hub.db", O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return -1;
    database->files = files_tap(database->handle, file);
    if (!database->files)
        close(file);
    return 0;
}

int wal_watch(struct database *database, const char *name, enum store_sync sync)
{
    struct mark mark = {.frames = 0};
    bool marked = mark_read(database->directory, &mark);
    sqlite3_wal_hook(database->handle, on_commit, database);
    if (sync == STORE_SYNC_NONE)
        return unlinkat(database->directory, MARK, 0) < 0 && errno != ENOENT ? -1 : 0;
    database->log = openat(database->directory, name, O_RDONLY | O_CLOEXEC);
    if (database->log < 0 || files_watch(database) < 0)
        return -1;
    if (mark_open(database) == 0 &&
        (marked || pwrite(database->mark, &mark, sizeof mark, 0) == (ssize_t)sizeof mark))
        return 0;
    /* without room nothing is committed that it would tell of: what is there can be read */
    return errno == ENOSPC || errno == EDQUOT ? 0 : -1;
}

void wal_unmark(const struct database *database)
{
    static const struct mark none;
    if (database->mark >= 0)
        (void)!pwrite(database->mark, &none, sizeof none, 0);
}

void wal_unwatch(struct database *database)
{
    if (database->mark >= 0)
        unlinkat(database->directory, MARK, 0);
    if (database->log >= 0)
        close(database->log);
    if (database->mark >= 0)
        close(database->mark);
    database->log = database->mark = -1;
}

/* A log that is not there was taken in by whoever had the database open last, or is lost: then the
 * database is smaller, unless nothing was added to it. */
static bool was_taken_in(int directory, const struct mark *mark)
{
    struct stat found;
    return fstatat(directory, "hub.db", &found, 0) == 0 &&
           (uint64_t)found.st_size >= mark->pages * WAL_PAGE_SIZE;
}

/* Of a log, or none, that holds so many frames: were there more? One of another generation began
 * when what the mark counts was in the database. */
static bool is_short(int directory, const struct wal *wal, const struct mark *mark, uint64_t frames)
{
    if (!mark->frames)
        return false;
    if (!wal || wal->empty)
        return !was_taken_in(directory, mark);
    if (!wal->header_whole)
        return frames < mark->frames;
    bool same = wal->salt[0] == mark->salt[0] && wal->salt[1] == mark->salt[1];
    return same && frames < mark->frames;
}

bool wal_damaged(int directory, const char *name)
{
    struct mark mark = {.frames = 0};
    struct wal *wal = wal_open(directory, name);
    struct findings found = {0};
    if (wal)
        found = wal_walk(wal);
    bool cut = mark_read(directory, &mark) && is_short(directory, wal, &mark, found.recovered);
    if (wal)
        wal_close(wal);
    return found.damaged || cut;
}

/* ── a copy in which SQLite reads on behind what is damaged ── */

static int write_all(int file, const uint8_t *at, size_t len)
{
    return write(file, at, len) == (ssize_t)len ? 0 : -1;
}

static int write_header(int file, const struct wal *wal, uint32_t sum[2])
{
    uint8_t header[WAL_HEADER] = {0};
    put_word(header, WAL_MAGIC | (wal->big_endian ? 1 : 0));
    put_word(header + 4, WAL_VERSION);
    put_word(header + 8, WAL_PAGE_SIZE);
    put_word(header + 16, wal->salt[0]);
    put_word(header + 20, wal->salt[1]);
    checksum_add(wal->big_endian, header, 24, sum);
    put_word(header + 24, sum[0]);
    put_word(header + 28, sum[1]);
    return write_all(file, header, sizeof header);
}

static int write_frame(int file, struct wal *wal, uint32_t sum[2])
{
    put_word(wal->frame + 8, wal->salt[0]);
    put_word(wal->frame + 12, wal->salt[1]);
    checksum_add(wal->big_endian, wal->frame, 8, sum);
    checksum_add(wal->big_endian, wal->frame + FRAME_HEADER, WAL_PAGE_SIZE, sum);
    put_word(wal->frame + 16, sum[0]);
    put_word(wal->frame + 20, sum[1]);
    return write_all(file, wal->frame, sizeof wal->frame);
}

/* A damaged frame is kept: most of it is right, and entries have checksums of their own. One that
 * names no page is left out. */
static int copy_frames(struct wal *wal, const struct findings *found, int to, bool *ret_all)
{
    uint32_t sum[2] = {0, 0};
    *ret_all = true;
    if (!wal_begin(wal) || write_header(to, wal, sum) < 0)
        return -1;
    for (uint64_t i = 0; i < found->frames && wal_next(wal, i); i++) {
        bool kept = wal->fits || (wal->page >= 1 && wal->page <= found->pages);
        if (!wal->fits && wal->commit > found->pages)
            put_word(wal->frame + 4, 0);
        *ret_all = *ret_all && kept;
        if (kept && write_frame(to, wal, sum) < 0)
            return -1;
    }
    return 0;
}

int wal_mend(int directory, const char *name, const char *into, bool *ret_all)
{
    struct mark mark = {.frames = 0}; /* without one nothing is short */
    mark_read(directory, &mark);
    struct wal *wal = wal_open(directory, name);
    if (!wal) {
        bool none = errno == ENOENT;
        *ret_all = !is_short(directory, NULL, &mark, 0);
        return none ? 0 : -1;
    }
    *ret_all = true;
    struct findings found = wal_walk(wal);
    int to = openat(directory, into, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int error = to < 0 ? -1 : 0;
    if (error == 0 && found.frames)
        error = copy_frames(wal, &found, to, ret_all);
    int number = errno;
    if (is_short(directory, wal, &mark, found.frames))
        *ret_all = false;
    if (to >= 0)
        close(to);
    wal_close(wal);
    errno = number;
    return error;
}
