/* The store's thread: many entries in one transaction, checkpoints between them.
 *
 * What can't be written (a full disk, a failing one) is tried again every RETRY_MS, and whatever
 * else comes is held back behind it; but messages among it are given up and their senders told. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/memory.h"
#include "store/backup.h"

#define RETRY_MS       500u
#define TRIM_AT_ONCE   5000  /* entries let go in one transaction */
#define DERIVED_MS     20u   /* what can be made again waits so long for company */
#define WAL_PAGES_MAX  16384 /* 64 MiB: then the database takes in what the log holds */
#define LAST_TRIES_MAX 4     /* at the end, before what can't be written is given up */

static struct timespec in_ms(unsigned ms)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_nsec += (long)(ms % 1000) * 1000000;
    at.tv_sec += ms / 1000 + at.tv_nsec / 1000000000;
    at.tv_nsec %= 1000000000;
    return at;
}

/* ── writing ── */

static int write_room(struct database *database, struct store_log *log)
{
    sqlite3_stmt *add = database->statements[STATEMENT_ADD_ROOM];
    sqlite3_bind_int64(add, 1, log->id);
    sqlite3_bind_blob64(add, 2, log->room.at, log->room.len, SQLITE_STATIC);
    return database_step(database, STATEMENT_ADD_ROOM);
}

static int write_entry(struct database *database, const struct batch *batch,
                       const struct item *item)
{
    struct store_log *log = item->log;
    struct entry entry = item->entry;
    assert((uintptr_t)entry.bytes.at + entry.bytes.len <= batch->bytes.len);
    entry.bytes.at = batch->bytes.at + (uintptr_t)entry.bytes.at;
    if (!log->written && write_room(database, log) < 0)
        return -1;
    sqlite3_stmt *add = database->statements[STATEMENT_ADD_ENTRY];
    sqlite3_bind_int64(add, 1, entry_id(log->id, entry.seq));
    sqlite3_bind_int64(add, 2, entry.time_ms);
    sqlite3_bind_int64(add, 3, (int64_t)entry.peer);
    sqlite3_bind_int64(add, 4, (int64_t)entry.takes_over);
    sqlite3_bind_int64(add, 5, entry.kind);
    sqlite3_bind_blob64(add, 6, entry.bytes.len ? entry.bytes.at : "", entry.bytes.len,
                        SQLITE_STATIC);
    sqlite3_bind_int64(add, 7, (int64_t)entry_checksum(log->room, &entry));
    return database_step(database, STATEMENT_ADD_ENTRY);
}

static int write_message(struct database *database, const struct batch *batch,
                         const struct item *item)
{
    const struct kept *kept = &item->kept;
    const char *bytes = batch->bytes.at + (uintptr_t)item->entry.bytes.at;
    size_t texts = kept->but_len + kept->names_len;
    assert(texts <= item->entry.bytes.len);
    assert((uintptr_t)item->entry.bytes.at + item->entry.bytes.len <= batch->bytes.len);
    sqlite3_stmt *add = database->statements[STATEMENT_ADD_MESSAGE];
    sqlite3_bind_int64(add, 1, entry_id(item->log->id, item->entry.seq));
    sqlite3_bind_int64(add, 2, kept->number);
    sqlite3_bind_int64(add, 3, kept->level);
    sqlite3_bind_int64(add, 4, kept->audience);
    sqlite3_bind_int64(add, 5, kept->observed);
    sqlite3_bind_text64(add, 6, kept->but_len ? bytes : "", kept->but_len, SQLITE_STATIC,
                        SQLITE_UTF8);
    sqlite3_bind_text64(add, 7, kept->names_len ? bytes + kept->but_len : "", kept->names_len,
                        SQLITE_STATIC, SQLITE_UTF8);
    if (kept->own)
        sqlite3_bind_null(add, 8);
    else
        sqlite3_bind_blob64(add, 8, bytes + texts, item->entry.bytes.len - texts, SQLITE_STATIC);
    return database_step(database, STATEMENT_ADD_MESSAGE);
}

static int write_forget(struct database *database, const struct store_log *log)
{
    sqlite3_stmt **statements = database->statements;
    sqlite3_bind_int64(statements[STATEMENT_FORGET_ENTRIES], 1, entry_id(log->id, 0));
    sqlite3_bind_int64(statements[STATEMENT_FORGET_ENTRIES], 2, entry_id(log->id + 1, 0) - 1);
    sqlite3_bind_int64(statements[STATEMENT_FORGET_MESSAGES], 1, entry_id(log->id, 0));
    sqlite3_bind_int64(statements[STATEMENT_FORGET_MESSAGES], 2, entry_id(log->id + 1, 0) - 1);
    sqlite3_bind_int64(statements[STATEMENT_FORGET_ROWS], 1, log->id);
    sqlite3_bind_int64(statements[STATEMENT_FORGET_ROOM], 1, log->id);
    sqlite3_bind_int64(statements[STATEMENT_LET_GO], 1, (int64_t)log->seq);
    if (database_step(database, STATEMENT_FORGET_ENTRIES) < 0 ||
        database_step(database, STATEMENT_FORGET_MESSAGES) < 0 ||
        database_step(database, STATEMENT_FORGET_ROWS) < 0 ||
        database_step(database, STATEMENT_LET_GO) < 0)
        return -1;
    return database_step(database, STATEMENT_FORGET_ROOM);
}

static int write_item(struct database *database, const struct batch *batch, const struct item *item)
{
    switch (item->kind) {
    case ITEM_ENTRY:
        return write_entry(database, batch, item);
    case ITEM_MESSAGE:
        return write_message(database, batch, item);
    case ITEM_FORGET:
        return write_forget(database, item->log);
    }
    return -1;
}

static int write_items(struct database *database, const struct batch *batch)
{
    int error = 0;
    for (size_t i = 0; i < batch->count && error == 0; i++)
        error = write_item(database, batch, &batch->items[i]);
    return error;
}

static int write_checkpoint(struct database *database, const struct checkpoint *checkpoint)
{
    int error = 0;
    for (size_t i = 0; i < checkpoint->count && error == 0; i++) {
        const struct checkpoint_row *kept = &checkpoint->rows[i];
        enum statement statement = kept->gone ? STATEMENT_DROP_ROW : STATEMENT_PUT_ROW;
        sqlite3_stmt *step = database->statements[statement];
        assert(kept->bytes_at + kept->bytes_len <= checkpoint->bytes.len);
        struct row row = {kept->kind,
                          {checkpoint->bytes.at + kept->key_at, kept->key_len},
                          {checkpoint->bytes.at + kept->bytes_at, kept->bytes_len}};
        sqlite3_bind_int64(step, 1, checkpoint->room_id);
        sqlite3_bind_int64(step, 2, row.kind);
        sqlite3_bind_blob64(step, 3, row.key.len ? row.key.at : "", row.key.len, SQLITE_STATIC);
        if (!kept->gone) {
            sqlite3_bind_blob64(step, 4, row.bytes.at, row.bytes.len, SQLITE_STATIC);
            sqlite3_bind_int64(step, 5, (int64_t)row_checksum(checkpoint->room, &row));
        }
        error = database_step(database, statement);
    }
    return error;
}

/* 0, or -1 with the transaction taken back; why is then set. */
static int transact(struct database *database, const struct batch *batch,
                    const struct checkpoint *checkpoint, char why[STORE_WHY_SIZE])
{
    int error = database_step(database, STATEMENT_BEGIN);
    if (error == 0 && batch)
        error = write_items(database, batch);
    if (error == 0 && checkpoint)
        error = write_checkpoint(database, checkpoint);
    if (error == 0)
        error = database_step(database, STATEMENT_COMMIT);
    if (error == 0)
        return 0;
    snprintf(why, STORE_WHY_SIZE, "%s", sqlite3_errmsg(database->handle));
    if (!sqlite3_get_autocommit(database->handle))
        database_step(database, STATEMENT_ROLLBACK);
    return -1;
}

/* ── letting go ── */

/* The oldest chunk of a room's entries: its last one's id and time. False when there are not so
 * many below the checkpoint. */
static bool oldest_chunk(struct database *database, const struct checkpoint *checkpoint,
                         int64_t *ret_id, int64_t *ret_time)
{
    sqlite3_stmt *step = database->statements[STATEMENT_OLDEST];
    sqlite3_bind_int64(step, 1, entry_id(checkpoint->room_id, 0));
    sqlite3_bind_int64(step, 2, entry_id(checkpoint->room_id, checkpoint->seq));
    sqlite3_bind_int64(step, 3, TRIM_AT_ONCE - 1);
    bool found = sqlite3_step(step) == SQLITE_ROW;
    if (found) {
        *ret_id = sqlite3_column_int64(step, 0);
        *ret_time = sqlite3_column_int64(step, 1);
    }
    sqlite3_reset(step);
    return found;
}

static uint64_t pragma_number(sqlite3 *handle, const char *pragma)
{
    sqlite3_stmt *step;
    uint64_t number = 0;
    if (sqlite3_prepare_v2(handle, pragma, -1, &step, NULL) != SQLITE_OK)
        return 0;
    if (sqlite3_step(step) == SQLITE_ROW)
        number = (uint64_t)sqlite3_column_int64(step, 0);
    sqlite3_finalize(step);
    return number;
}

/* Bytes of the database that hold something. */
static uint64_t database_bytes(const struct database *database)
{
    uint64_t pages = pragma_number(database->handle, "PRAGMA page_count");
    uint64_t empty = pragma_number(database->handle, "PRAGMA freelist_count");
    return (pages - empty) * pragma_number(database->handle, "PRAGMA page_size");
}

static bool beyond_retention(const struct store *store, const struct checkpoint *checkpoint,
                             int64_t id, int64_t time)
{
    const struct store_options *options = &store->options;
    uint64_t seq = (uint64_t)(id - entry_id(checkpoint->room_id, 0));
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t age = (int64_t)now.tv_sec * 1000 - time;
    return (options->retain_ms && age > options->retain_ms) ||
           (options->retain_entries && seq + options->retain_entries <= checkpoint->seq) ||
           (options->retain_bytes && database_bytes(&store->database) > options->retain_bytes);
}

static int trim_chunk(struct database *database, const struct checkpoint *checkpoint, int64_t id)
{
    static const enum statement deletes[] = {STATEMENT_TRIM, STATEMENT_TRIM_MESSAGES};
    int64_t first = entry_id(checkpoint->room_id, 0);
    sqlite3_stmt *set = database->statements[STATEMENT_SET_TRIMMED];
    int error = database_step(database, STATEMENT_BEGIN);
    for (size_t i = 0; i < 2 && error == 0; i++) {
        sqlite3_bind_int64(database->statements[deletes[i]], 1, first);
        sqlite3_bind_int64(database->statements[deletes[i]], 2, id);
        error = database_step(database, deletes[i]);
    }
    sqlite3_bind_int64(set, 1, checkpoint->room_id);
    sqlite3_bind_int64(set, 2, id - first);
    if (error == 0)
        error = database_step(database, STATEMENT_SET_TRIMMED);
    if (error == 0)
        error = database_step(database, STATEMENT_COMMIT);
    if (error < 0 && !sqlite3_get_autocommit(database->handle))
        database_step(database, STATEMENT_ROLLBACK);
    return error;
}

/* What is below the checkpoint and beyond what is to be retained. */
static void trim(struct store *store, const struct checkpoint *checkpoint)
{
    int64_t id, time;
    while (oldest_chunk(&store->database, checkpoint, &id, &time) &&
           beyond_retention(store, checkpoint, id, time) &&
           trim_chunk(&store->database, checkpoint, id) == 0)
        ;
}

/* ── the thread ── */

/* Under the mutex. */
static void wake(struct store *store)
{
    if (!store->silent)
        store->options.wake(store->options.ctx);
}

static void say(struct store *store, const char *why)
{
    pthread_mutex_lock(&store->mutex);
    snprintf(store->failure, sizeof store->failure, "%s", why);
    atomic_store(&store->failing, *why != '\0');
    wake(store);
    pthread_mutex_unlock(&store->mutex);
}

static void hand_on(struct store *store, struct batch *batch)
{
    size_t bytes = 0;
    for (size_t i = 0; i < batch->count; i++) {
        const struct item *item = &batch->items[i];
        bytes += item->entry.bytes.len + sizeof *item;
        item->log->written = item->log->written || !item->lost;
    }
    pthread_mutex_lock(&store->mutex);
    STAILQ_INSERT_TAIL(&store->done, batch, next);
    assert(atomic_load(&store->backlog) >= bytes);
    atomic_fetch_sub(&store->backlog, bytes);
    wake(store);
    pthread_mutex_unlock(&store->mutex);
}

/* Takes the messages out of a batch that can't be written: what happened without anybody asking
 * stays, and what is derived. NULL when there are none. */
static struct batch *messages_of(struct batch *batch)
{
    struct batch *lost = NULL;
    size_t left = 0;
    for (size_t i = 0; i < batch->count; i++) {
        const struct item *item = &batch->items[i];
        if (item->kind != ITEM_ENTRY || item->entry.kind != ENTRY_MESSAGE || item->applied) {
            batch->items[left++] = *item;
            continue;
        }
        if (!lost)
            lost = memory_new(sizeof *lost);
        lost->items =
            memory_grow(lost->items, &lost->capacity, lost->count + 1, sizeof *lost->items);
        struct item *moved = &lost->items[lost->count++];
        *moved = *item;
        moved->lost = true;
        moved->entry.bytes.at = (const char *)(uintptr_t)lost->bytes.len;
        text_add(&lost->bytes, (struct slice){batch->bytes.at + (uintptr_t)item->entry.bytes.at,
                                              item->entry.bytes.len});
    }
    batch->count = left;
    assert(!lost || batch->urgent >= lost->count);
    batch->urgent -= lost ? lost->count : 0;
    return lost;
}

/* Those who said what can't be kept hear of it now, also those who came after. */
static void give_up_messages(struct store *store, struct batch *batch)
{
    struct batch *lost[2] = {messages_of(batch), NULL};
    pthread_mutex_lock(&store->mutex);
    lost[1] = messages_of(store->filling);
    pthread_mutex_unlock(&store->mutex);
    for (size_t i = 0; i < 2; i++)
        if (lost[i])
            hand_on(store, lost[i]);
}

/* Sleeps, unless the store closes. */
static bool wait_to_retry(struct store *store)
{
    struct timespec until = in_ms(RETRY_MS);
    pthread_mutex_lock(&store->mutex);
    while (!store->closing &&
           pthread_cond_timedwait(&store->changed, &store->mutex, &until) != ETIMEDOUT)
        ;
    bool closing = store->closing;
    pthread_mutex_unlock(&store->mutex);
    if (closing)
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    return !closing;
}

/* Some pages of the copy, if one is wanted. */
static void step_backup(struct store *store)
{
    pthread_mutex_lock(&store->mutex);
    bool wanted = store->backing_up;
    pthread_mutex_unlock(&store->mutex);
    if (!wanted || backup_step(&store->database, &store->backup))
        return;
    pthread_mutex_lock(&store->mutex);
    store->backing_up = false;
    pthread_mutex_unlock(&store->mutex);
}

/* Until it is written, or nothing of it is left to write; at the end of the store, a few times. */
static void write_batch(struct store *store, struct batch *batch)
{
    char why[STORE_WHY_SIZE];
    unsigned last_tries = 0;
    while (transact(&store->database, batch, NULL, why) < 0) {
        say(store, why);
        give_up_messages(store, batch);
        if (!batch->count)
            return;
        step_backup(store); /* who waits for a copy hears that there is no room for it either */
        if (!wait_to_retry(store) && ++last_tries == LAST_TRIES_MAX) {
            store->unwritten = true;
            return;
        }
    }
    if (atomic_load(&store->failing))
        say(store, "");
}

/* One try: entries are more urgent, and what a checkpoint holds can be made from them again. */
static void write_rows(struct store *store, struct checkpoint *checkpoint)
{
    char why[STORE_WHY_SIZE];
    if (transact(&store->database, NULL, checkpoint, why) == 0) {
        trim(store, checkpoint);
        checkpoint_free(checkpoint);
        return;
    }
    say(store, why);
    pthread_mutex_lock(&store->mutex);
    STAILQ_INSERT_HEAD(&store->checkpoints, checkpoint, next);
    pthread_mutex_unlock(&store->mutex);
}

static void read_page(struct store *store, struct reading *reading)
{
    reading_run(&store->database, reading);
    pthread_mutex_lock(&store->mutex);
    STAILQ_INSERT_TAIL(&store->pages, reading, next);
    wake(store);
    pthread_mutex_unlock(&store->mutex);
}

/* Is there room again? An empty transaction would not tell. */
static void probe(struct store *store)
{
    if (database_step(&store->database, STATEMENT_PROBE) == 0)
        say(store, "");
}

/* What there is to do. Under the mutex on the way in and out. */
struct work {
    struct batch *batch;
    struct checkpoint *checkpoint;
    struct reading *reading;
};

/* False when the store closes and there is nothing left. While nothing can be written, checkpoints
 * wait, and no work after a while means: see whether it can be. */
static bool work_wait(struct store *store, struct work *ret_work)
{
    bool failing = atomic_load(&store->failing);
    struct timespec retry = in_ms(RETRY_MS), derived = in_ms(DERIVED_MS);
    *ret_work = (struct work){NULL, NULL, NULL};
    while (!store->pushed && store->filling->bytes.len <= BATCH_EARLY &&
           STAILQ_EMPTY(&store->wishes) && (failing || STAILQ_EMPTY(&store->checkpoints)) &&
           !store->backing_up && !store->closing) {
        bool waits = store->filling->count > 0;
        if (!failing && !waits)
            pthread_cond_wait(&store->changed, &store->mutex);
        else if (pthread_cond_timedwait(&store->changed, &store->mutex,
                                        waits ? &derived : &retry) == ETIMEDOUT)
            break;
        if (!waits)
            derived = in_ms(DERIVED_MS);
    }
    /* What was kept before a wish, or a checkpoint, is written before it. */
    store->pushed = false;
    if (store->filling->count) {
        ret_work->batch = store->filling;
        store->filling = STAILQ_FIRST(&store->spare);
        if (store->filling)
            STAILQ_REMOVE_HEAD(&store->spare, next);
        else
            store->filling = memory_new(sizeof *store->filling);
    } else if (!failing && !STAILQ_EMPTY(&store->checkpoints)) {
        ret_work->checkpoint = STAILQ_FIRST(&store->checkpoints);
        STAILQ_REMOVE_HEAD(&store->checkpoints, next);
    }
    ret_work->reading = STAILQ_FIRST(&store->wishes);
    if (ret_work->reading)
        STAILQ_REMOVE_HEAD(&store->wishes, next);
    return ret_work->batch || ret_work->checkpoint || ret_work->reading || !store->closing;
}

/* The database takes in what its write-ahead log holds: nobody else has it open. */
static void wal_bound(struct database *database)
{
    int pages = 0, moved = 0;
    sqlite3_wal_checkpoint_v2(database->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &moved);
    if (pages > WAL_PAGES_MAX && pages == moved)
        sqlite3_wal_checkpoint_v2(database->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
}

static void pause_between(const struct store *store)
{
    unsigned ms = store->options.sync == STORE_SYNC_ALWAYS ? 0 : store->options.interval_ms;
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    if (ms)
        nanosleep(&time, NULL);
}

void *writer_run(void *data)
{
    struct store *store = data;
    struct work work;
    size_t since_wal = 0;
    pthread_mutex_lock(&store->mutex);
    while (work_wait(store, &work)) {
        pthread_mutex_unlock(&store->mutex);
        if (work.batch) {
            since_wal += work.batch->bytes.len + work.batch->count * sizeof *work.batch->items;
            write_batch(store, work.batch);
            hand_on(store, work.batch);
            pause_between(store);
        } else if (work.checkpoint) {
            since_wal += work.checkpoint->bytes.len;
            write_rows(store, work.checkpoint);
        } else if (atomic_load(&store->failing)) {
            probe(store);
        }
        step_backup(store);
        if (work.reading)
            read_page(store, work.reading);
        if (since_wal > (size_t)WAL_PAGES_MAX * 4096) {
            wal_bound(&store->database);
            since_wal = 0;
        }
        pthread_mutex_lock(&store->mutex);
    }
    pthread_mutex_unlock(&store->mutex);
    backup_drop(&store->database, &store->backup);
    return NULL;
}
