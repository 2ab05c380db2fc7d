/* The store's thread: many entries in one transaction, checkpoints between them.
 *
 * What can't be written (a full disk, a failing one) is tried again every RETRY_MS, and whatever
 * else comes is held back behind it; but messages among it are given up and their senders told. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/memory.h"
#include "store/inside.h"

#define RETRY_MS       500u
#define TRIM_AT_ONCE   5000 /* entries let go in one transaction */
#define WAL_PAGES_MAX  4096 /* 16 MiB: then the database takes in what the log holds */
#define LAST_TRIES_MAX 4    /* at the end, before what can't be written is given up */

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

static int write_forget(struct database *database, const struct store_log *log)
{
    sqlite3_stmt **statements = database->statements;
    sqlite3_bind_int64(statements[STATEMENT_FORGET_ENTRIES], 1, entry_id(log->id, 0));
    sqlite3_bind_int64(statements[STATEMENT_FORGET_ENTRIES], 2, entry_id(log->id + 1, 0) - 1);
    sqlite3_bind_int64(statements[STATEMENT_FORGET_ROWS], 1, log->id);
    sqlite3_bind_int64(statements[STATEMENT_FORGET_ROOM], 1, log->id);
    sqlite3_bind_int64(statements[STATEMENT_LET_GO], 1, (int64_t)log->seq);
    if (database_step(database, STATEMENT_FORGET_ENTRIES) < 0 ||
        database_step(database, STATEMENT_FORGET_ROWS) < 0 ||
        database_step(database, STATEMENT_LET_GO) < 0)
        return -1;
    return database_step(database, STATEMENT_FORGET_ROOM);
}

static int write_items(struct database *database, const struct batch *batch)
{
    int error = 0;
    for (size_t i = 0; i < batch->count && error == 0; i++) {
        const struct item *item = &batch->items[i];
        if (item->lost)
            continue;
        error = item->kind == ITEM_ENTRY ? write_entry(database, batch, item)
                                         : write_forget(database, item->log);
    }
    return error;
}

static int write_checkpoint(struct database *database, const struct checkpoint *checkpoint)
{
    int error = 0;
    for (size_t i = 0; i < checkpoint->count && error == 0; i++) {
        const struct checkpoint_row *kept = &checkpoint->rows[i];
        enum statement statement = kept->gone ? STATEMENT_DROP_ROW : STATEMENT_PUT_ROW;
        sqlite3_stmt *step = database->statements[statement];
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

/* Entries below a checkpoint, some thousands at a time. */
static void trim(struct database *database, const struct checkpoint *checkpoint)
{
    sqlite3_stmt *step = database->statements[STATEMENT_TRIM];
    sqlite3_bind_int64(step, 1, entry_id(checkpoint->room_id, 0));
    sqlite3_bind_int64(step, 2, entry_id(checkpoint->room_id, checkpoint->seq));
    sqlite3_bind_int64(step, 3, TRIM_AT_ONCE);
    while (database_step(database, STATEMENT_TRIM) == 0 &&
           sqlite3_changes(database->handle) == TRIM_AT_ONCE)
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
    size_t bytes = batch->bytes.len + batch->count * sizeof *batch->items;
    for (size_t i = 0; i < batch->count; i++)
        if (!batch->items[i].lost)
            batch->items[i].log->written = true;
    pthread_mutex_lock(&store->mutex);
    STAILQ_INSERT_TAIL(&store->done, batch, next);
    atomic_fetch_sub(&store->backlog, bytes);
    wake(store);
    pthread_mutex_unlock(&store->mutex);
}

/* Messages of a batch that can't be written are lost; what happened without anybody asking is
 * not. */
static bool give_up_messages(struct batch *batch)
{
    bool left = false;
    for (size_t i = 0; i < batch->count; i++) {
        struct item *item = &batch->items[i];
        if (item->kind == ITEM_ENTRY && item->entry.kind == ENTRY_MESSAGE && !item->applied)
            item->lost = true;
        left = left || !item->lost;
    }
    return left;
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

/* Until it is written, or nothing of it is left to write; at the end of the store, a few times. */
static void write_batch(struct store *store, struct batch *batch)
{
    char why[STORE_WHY_SIZE];
    unsigned last_tries = 0;
    while (transact(&store->database, batch, NULL, why) < 0) {
        say(store, why);
        if (!give_up_messages(batch))
            return;
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
        trim(&store->database, checkpoint);
        checkpoint_free(checkpoint);
        return;
    }
    say(store, why);
    pthread_mutex_lock(&store->mutex);
    STAILQ_INSERT_HEAD(&store->checkpoints, checkpoint, next);
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
};

/* False when the store closes and there is nothing left. While nothing can be written, checkpoints
 * wait, and no work after a while means: see whether it can be. */
static bool work_wait(struct store *store, struct work *ret_work)
{
    bool failing = atomic_load(&store->failing);
    struct timespec until = in_ms(RETRY_MS);
    *ret_work = (struct work){NULL, NULL};
    while (!store->filling->count && (failing || STAILQ_EMPTY(&store->checkpoints)) &&
           !store->closing) {
        if (!failing)
            pthread_cond_wait(&store->changed, &store->mutex);
        else if (pthread_cond_timedwait(&store->changed, &store->mutex, &until) == ETIMEDOUT)
            return true;
    }
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
    } else {
        return false;
    }
    return true;
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
        } else {
            probe(store);
        }
        if (since_wal > (size_t)WAL_PAGES_MAX * 4096) {
            wal_bound(&store->database);
            since_wal = 0;
        }
        pthread_mutex_lock(&store->mutex);
    }
    pthread_mutex_unlock(&store->mutex);
    return NULL;
}
