/* The store's thread: what it does next, and what it does when the disk won't have it.
 *
 * What can't be written (a full disk, a failing one) is tried again every RETRY_MS, and whatever
 * else comes is held back behind it; but messages among it are given up and their senders told.
 *
 * One that is given up must not be overtaken by those that its sender had said behind it, should
 * there be room again by then. So each item says of how many such losses the hub had heard when it
 * proposed it, and what was proposed without having heard of the last is given up too. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <time.h>

#include "core/memory.h"
#include "store/backup.h"

#define RETRY_MS       500u
#define COMPANY_MIN    16u /* entries in a commit: with fewer, the next does not wait for more */
#define WAL_MOVE_BYTES (1u << 20)   /* then the database takes in what the log holds, */
#define WAL_REST       4u           /* and that part of so many later the rest: all wait */
#define WAL_PAGES_MAX  16384        /* 64 MiB: then what the log used is given back */
#define GROUP_BYTES    (16u << 20)  /* in one transaction, or a batch more */
#define LAST_TRIES_MAX 4            /* at the end, before what can't be written is given up */
#define LOG_SMALL      (1u << 20)   /* bytes of the log that are no matter on any disk */
#define FREE_MIN       (256u << 10) /* bytes, before a disk that was full is tried again */

static struct timespec in_ns(int64_t ns)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_nsec += ns % 1000000000;
    at.tv_sec += ns / 1000000000 + at.tv_nsec / 1000000000;
    at.tv_nsec %= 1000000000;
    return at;
}

static struct timespec in_ms(unsigned ms)
{
    return in_ns((int64_t)ms * 1000000);
}

static void wake(struct store *store)
{
    pthread_mutex_lock(&store->waking);
    if (!store->silent)
        store->options.wake(store->options.ctx);
    pthread_mutex_unlock(&store->waking);
}

static void say(struct store *store, const char *why)
{
    pthread_mutex_lock(&store->mutex);
    snprintf(store->failure, sizeof store->failure, "%s", why);
    if (*why)
        snprintf(store->last_failure, sizeof store->last_failure, "%s", why);
    atomic_store(&store->failing, *why != '\0');
    pthread_mutex_unlock(&store->mutex);
    wake(store);
}

static void hand_on(struct store *store, struct batch *batch)
{
    size_t bytes = 0;
    for (size_t i = 0; i < batch->count; i++) {
        const struct item *item = &batch->items[i];
        bytes += item->entry.bytes.len + item->entry.blob.len + sizeof *item;
        item->log->written = item->log->written || !item->lost;
    }
    pthread_mutex_lock(&store->mutex);
    STAILQ_INSERT_TAIL(&store->done, batch, next);
    assert(atomic_load(&store->backlog) >= bytes);
    atomic_fetch_sub(&store->backlog, bytes);
    pthread_mutex_unlock(&store->mutex);
}

static void hand_on_all(struct store *store, struct group *group)
{
    struct batch *batch;
    while ((batch = STAILQ_FIRST(&group->batches))) {
        STAILQ_REMOVE_HEAD(&group->batches, next);
        hand_on(store, batch);
    }
    wake(store);
}

/* Takes the messages out of a batch that can't be written, if the hub had heard of fewer than so
 * many losses: what happened without anybody asking stays, and what is derived. NULL when there are
 * none. */
static struct batch *messages_of(struct batch *batch, uint64_t losses)
{
    struct batch *lost = NULL;
    size_t left = 0;
    for (size_t i = 0; i < batch->count; i++) {
        const struct item *item = &batch->items[i];
        if (item->kind != ITEM_ENTRY || item->entry.kind != ENTRY_MESSAGE || item->applied ||
            item->losses >= losses) {
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

/* The same of all of them. */
static void messages_of_all(struct batch_list *batches, uint64_t losses, struct batch_list *lost)
{
    struct batch *batch;
    STAILQ_FOREACH(batch, batches, next)
    {
        struct batch *out = messages_of(batch, losses);
        if (out)
            STAILQ_INSERT_TAIL(lost, out, next);
    }
}

/* Those who said what can't be kept hear of it now, also those who came after. */
static void give_up_messages(struct store *store, struct group *group)
{
    struct group lost = {.batches = STAILQ_HEAD_INITIALIZER(lost.batches)};
    struct batch *batch, *last = NULL;
    messages_of_all(&group->batches, UINT64_MAX, &lost.batches);
    pthread_mutex_lock(&store->mutex);
    messages_of_all(&store->waiting, UINT64_MAX, &lost.batches);
    store->waiting_urgent = 0;
    STAILQ_FOREACH(batch, &store->waiting, next)
    store->waiting_urgent += batch->urgent;
    pthread_mutex_unlock(&store->mutex);
    STAILQ_FOREACH(batch, &lost.batches, next)
    last = batch;
    if (last) /* none of them is to come when the hub has heard of it */
        last->losses = ++store->losses;
    hand_on_all(store, &lost);
}

/* What was proposed before the hub had heard of the last that was given up is so as well. */
static void give_up_stale(struct store *store, struct group *group)
{
    struct group lost = {.batches = STAILQ_HEAD_INITIALIZER(lost.batches)};
    messages_of_all(&group->batches, store->losses, &lost.batches);
    if (!STAILQ_EMPTY(&lost.batches))
        hand_on_all(store, &lost);
}

static bool group_is_empty(const struct group *group)
{
    const struct batch *batch;
    STAILQ_FOREACH(batch, &group->batches, next)
    if (batch->count)
        return false;
    return true;
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

static uint64_t disk_free(const struct database *database)
{
    struct statvfs disk;
    return fstatvfs(database->directory, &disk) < 0 ? UINT64_MAX : disk.f_bavail * disk.f_frsize;
}

/* For its disk. */
static bool log_is_large(const struct database *database)
{
    return database->log_bytes > LOG_SMALL && database->log_bytes > disk_free(database) / 4;
}

/* The database takes in what its log holds: nobody else has it open. False when not all of it could
 * be. */
static bool log_move(struct database *database, int *ret_pages)
{
    int moved = 0;
    *ret_pages = 0;
    if (database->files)
        files_move(database->files, database->handle, FILES_END, ret_pages, &moved);
    else
        sqlite3_wal_checkpoint_v2(database->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, ret_pages,
                                  &moved);
    return *ret_pages == moved;
}

/* And its place on the disk is given back. */
static bool log_give_back(struct database *database)
{
    int pages;
    if (!database->log_bytes || !log_move(database, &pages))
        return false;
    wal_unmark(database);
    if (sqlite3_wal_checkpoint_v2(database->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) !=
        SQLITE_OK)
        return false;
    database->log_bytes = 0;
    return true;
}

static void log_bound(struct database *database)
{
    int pages;
    if (log_is_large(database) || (log_move(database, &pages) && pages > WAL_PAGES_MAX))
        log_give_back(database);
}

/* When the database takes in what its log holds. */
struct moving {
    uint64_t log_at; /* log_bytes when it did */
    uint64_t looked; /* log_bytes when the disk was looked at */
    bool begun;
};

static bool is_too_large(const struct database *database, struct moving *moving)
{
    uint64_t log = database->log_bytes;
    if (log >= moving->looked && log < moving->looked + LOG_SMALL / 4)
        return false;
    moving->looked = log;
    return log_is_large(database);
}

/* However little was written into its pages: where the log has been written to before, and does not
 * grow, a commit asks the disk for one thing less. */
static void move_on(struct store *store, struct moving *moving)
{
    struct database *database = &store->database;
    uint64_t log = database->log_bytes;
    uint64_t most = store->options.move_bytes ? store->options.move_bytes : WAL_MOVE_BYTES;
    if (log < moving->log_at)
        moving->log_at = 0; /* it began anew */
    uint64_t waits = log - moving->log_at;
    if (waits > most + most / WAL_REST || is_too_large(database, moving)) {
        log_bound(database);
        *moving = (struct moving){.log_at = database->log_bytes};
    } else if (waits > most && !moving->begun && database->files) {
        files_move(database->files, database->handle, FILES_BEGIN, NULL, NULL);
        moving->begun = true;
    }
}

/* What there is to do. */
struct work {
    struct group group;
    struct checkpoint *checkpoint;
    struct reading *reading;
};

static void hand_page(struct store *store, struct reading *reading)
{
    pthread_mutex_lock(&store->mutex);
    STAILQ_INSERT_TAIL(&store->pages, reading, next);
    pthread_mutex_unlock(&store->mutex);
    wake(store);
}

/* Who reads what is on disk need not wait for what can't be written. */
static bool is_past(const struct reading *reading)
{
    return reading->wish.log || reading->wish.chunk;
}

/* Under the mutex. NULL: nobody wants to see a log, or a chunk. */
static struct reading *take_log_wish(struct store *store, struct work *work)
{
    struct reading *reading = work->reading;
    if (reading && is_past(reading)) {
        work->reading = NULL;
        return reading;
    }
    STAILQ_FOREACH(reading, &store->wishes, next)
    if (is_past(reading))
        break;
    if (reading)
        STAILQ_REMOVE(&store->wishes, reading, reading, next);
    return reading;
}

/* Is there an item of that kind of it that is to be written? */
static bool has_items(const struct batch_list *batches, const struct store_log *log,
                      enum item_kind kind)
{
    const struct batch *batch;
    STAILQ_FOREACH(batch, batches, next)
    for (size_t i = 0; i < batch->count; i++)
        if (batch->items[i].kind == kind && batch->items[i].log == log)
            return true;
    return false;
}

/* Under the mutex. */
static bool waiting_of(const struct store *store, const struct work *work,
                       const struct store_log *log, enum item_kind kind)
{
    return has_items(&work->group.batches, log, kind) || has_items(&store->waiting, log, kind);
}

/* While the group can't be written, what was said is shown as far as it is on disk; and nothing
 * while some of that is to be taken back. Who resumes waits: it gets all, in order. */
static void read_logs(struct store *store, struct work *work)
{
    for (;;) {
        pthread_mutex_lock(&store->mutex);
        struct reading *reading = take_log_wish(store, work);
        bool chunk = reading && reading->wish.chunk;
        bool waits = reading && !chunk && waiting_of(store, work, reading->log, ITEM_MESSAGE);
        bool retracts = reading && !chunk && waiting_of(store, work, reading->log, ITEM_RETRACT);
        pthread_mutex_unlock(&store->mutex);
        if (!reading)
            return;
        if (retracts)
            reading->page =
                (struct store_page){.reader = reading->wish.reader, .log = true, .failed = true};
        else if (waits)
            reading_run_as_far(&store->database, reading);
        else
            reading_run(&store->database, reading);
        hand_page(store, reading);
    }
}

static void lose_all(struct group *group)
{
    const struct batch *batch;
    STAILQ_FOREACH(batch, &group->batches, next)
    for (size_t i = 0; i < batch->count; i++)
        batch->items[i].lost = true;
}

/* Until it is written, or nothing of it is left to write; at the end of the store, a few times.
 * With a step of the checkpoint (NULL: none), if that can be written too: entries are more urgent.
 * True when it was. */
static bool write_group(struct store *store, struct work *work, struct checkpoint *checkpoint)
{
    struct group *group = &work->group;
    char why[STORE_WHY_SIZE];
    unsigned last_tries = 0;
    give_up_stale(store, group);
    if (group_is_empty(group))
        return false;
    if (checkpoint && transaction_run(&store->database, group, checkpoint, why) == 0)
        return true;
    while (transaction_run(&store->database, group, NULL, why) < 0) {
        if (log_give_back(&store->database))
            continue;
        say(store, why);
        give_up_messages(store, group);
        if (group_is_empty(group))
            return false;
        step_backup(store); /* who waits for a copy hears that there is no room for it either */
        read_logs(store, work);
        if (!wait_to_retry(store) && ++last_tries == LAST_TRIES_MAX) {
            store->unwritten = true;
            lose_all(group);
            return false;
        }
    }
    if (atomic_load(&store->failing))
        say(store, "");
    return false;
}

/* A step without a group, tried once: what a checkpoint holds can be made from entries again. */
static void write_step(struct store *store, struct checkpoint *checkpoint)
{
    char why[STORE_WHY_SIZE];
    if (transaction_run(&store->database, NULL, checkpoint, why) < 0)
        say(store, why);
}

/* What was taken back: and its last copy, which SQLite's log has. Is there more? */
static bool wipe_some(struct store *store, const struct checkpoint *checkpoint)
{
    struct database *database = &store->database;
    bool wiping = database->wiping, more = wiping && retract_wipe(database, checkpoint);
    if (wiping && !database->wiping)
        log_give_back(database);
    return more;
}

/* After a step: when that was the last, entries that are not to be retained go, some at a time, and
 * then the checkpoint. */
static void checkpoint_settle(struct store *store, struct checkpoint *checkpoint)
{
    bool whole = checkpoint_is_whole(checkpoint) && checkpoint_is_swept(&store->database);
    if (!checkpoint->log->forgotten &&
        (!whole || checkpoint_trim(store, checkpoint) || wipe_some(store, checkpoint)))
        return;
    checkpoint_free(checkpoint);
    store->checkpoint = NULL;
}

static void read_page(struct store *store, struct reading *reading)
{
    reading_run(&store->database, reading);
    hand_page(store, reading);
}

/* Is there room again? An empty transaction would not tell. */
static void probe(struct store *store)
{
    log_give_back(&store->database);
    if (disk_free(&store->database) >= FREE_MIN &&
        database_step(&store->database, STATEMENT_PROBE) == 0)
        say(store, "");
}

/* Some of what rooms left that are no more. What can't be written waits, as checkpoints do. */
static void forget_some(struct store *store)
{
    if (store->database.leaving && !atomic_load(&store->failing) &&
        forget_step(&store->database) < 0)
        say(store, sqlite3_errmsg(store->database.handle));
}

/* The same of what files left. */
static void drop_some(struct store *store)
{
    if (store->database.dropping && !atomic_load(&store->failing) &&
        chunks_drop_some(&store->database) < 0)
        say(store, sqlite3_errmsg(store->database.handle));
}

/* Until there is something to do. Under the mutex.
 *
 * Those who were answered by the last commit mostly have the next message ready soon. To go on
 * without them would be to write in two commits what fits in one; so for half the time that a
 * commit takes, as many are waited for as there were last time. */
static void await_work(struct store *store, const struct timespec *company_until)
{
    bool failing = atomic_load(&store->failing);
    struct timespec retry = in_ms(RETRY_MS);
    while (!store->hurry && !store->backing_up && !store->closing && STAILQ_EMPTY(&store->wishes) &&
           (failing || (!store->checkpoint && STAILQ_EMPTY(&store->checkpoints) &&
                        !store->database.leaving && !store->database.dropping))) {
        bool some = !STAILQ_EMPTY(&store->waiting);
        if (some && store->waiting_urgent >= store->company)
            break;
        if (!store->company && !failing)
            pthread_cond_wait(&store->changed, &store->mutex);
        else if (pthread_cond_timedwait(&store->changed, &store->mutex,
                                        store->company ? company_until : &retry) != ETIMEDOUT)
            continue;
        else if (store->company)
            store->company = 0;
        else
            break; /* time to see whether anything can be written */
    }
    store->company = 0;
}

/* All that waits if `all`, and else as much as is good for one transaction. Under the mutex. */
static void take_group(struct store *store, struct group *group, bool all)
{
    struct batch *batch;
    while ((batch = STAILQ_FIRST(&store->waiting)) && (all || group->bytes < GROUP_BYTES)) {
        STAILQ_REMOVE_HEAD(&store->waiting, next);
        STAILQ_INSERT_TAIL(&group->batches, batch, next);
        group->bytes += batch->bytes.len + batch->count * sizeof *batch->items;
        group->urgent += batch->urgent;
    }
    assert(store->waiting_urgent >= group->urgent);
    store->waiting_urgent -= group->urgent;
    store->hurry = store->hurry && batch;
}

/* The next one, if none is being written. Was there one? Under the mutex. */
static bool take_checkpoint(struct store *store)
{
    struct checkpoint *next = store->checkpoint ? NULL : STAILQ_FIRST(&store->checkpoints);
    if (next) {
        STAILQ_REMOVE_HEAD(&store->checkpoints, next);
        store->checkpoint = next;
    }
    if (store->checkpoint)
        store->checkpoint->at_once = store->closing || store->options.sync != STORE_SYNC_ALWAYS;
    return next != NULL;
}

/* False when the store closes and there is nothing left. While nothing can be written, checkpoints
 * wait, and no work after a while means: see whether it can be. */
static bool take_work(struct store *store, struct work *work)
{
    bool failing = atomic_load(&store->failing);
    bool begins = !failing && take_checkpoint(store);
    work->checkpoint = failing ? NULL : store->checkpoint;
    work->reading = STAILQ_FIRST(&store->wishes);
    /* what was kept before a wish, or a checkpoint, is written before it */
    take_group(store, &work->group, begins || work->reading);
    if (work->reading)
        STAILQ_REMOVE_HEAD(&store->wishes, next);
    return !STAILQ_EMPTY(&work->group.batches) || work->checkpoint || work->reading ||
           !store->closing;
}

static bool work_wait(struct store *store, const struct timespec *company_until, struct work *work)
{
    *work = (struct work){.group = {.batches = STAILQ_HEAD_INITIALIZER(work->group.batches)}};
    pthread_mutex_lock(&store->mutex);
    await_work(store, company_until);
    bool some = take_work(store, work);
    pthread_mutex_unlock(&store->mutex);
    return some;
}

static void pause_between(const struct store *store)
{
    unsigned ms = store->options.sync == STORE_SYNC_ALWAYS ? 0 : store->options.interval_ms;
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    if (ms)
        nanosleep(&time, NULL);
}

/* Writes the group and hands it on. *ret_company_until: how long the next may wait for more. True
 * when a step of the checkpoint (NULL: none) was written with it. */
static bool write_and_hand_on(struct store *store, struct work *work, struct checkpoint *checkpoint,
                              struct timespec *ret_company_until)
{
    size_t urgent = work->group.urgent;
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    bool stepped = write_group(store, work, checkpoint);
    clock_gettime(CLOCK_MONOTONIC, &after);
    int64_t took =
        (after.tv_sec - before.tv_sec) * INT64_C(1000000000) + after.tv_nsec - before.tv_nsec;
    *ret_company_until = in_ns(took / 2);
    pthread_mutex_lock(&store->mutex);
    store->company = urgent < COMPANY_MIN ? 0 : urgent;
    if (urgent)
        histogram_add(&store->commits, (uint64_t)took, 1);
    pthread_mutex_unlock(&store->mutex);
    hand_on_all(store, &work->group);
    pause_between(store);
    return stepped;
}

void *writer_run(void *data)
{
    struct store *store = data;
    struct timespec company_until = {0};
    struct work work;
    struct moving moving = {0};
    while (work_wait(store, &company_until, &work)) {
        bool batches = !STAILQ_EMPTY(&work.group.batches), stepped = false;
        struct checkpoint *checkpoint =
            work.checkpoint && order_make(work.checkpoint) ? work.checkpoint : NULL;
        if (batches)
            stepped = write_and_hand_on(store, &work, checkpoint, &company_until);
        if (checkpoint && !stepped)
            write_step(store, checkpoint);
        if (checkpoint)
            checkpoint_settle(store, checkpoint);
        if (!batches && !work.checkpoint && atomic_load(&store->failing))
            probe(store);
        forget_some(store);
        drop_some(store);
        step_backup(store);
        if (work.reading)
            read_page(store, work.reading);
        move_on(store, &moving);
    }
    backup_drop(&store->database, &store->backup);
    return NULL;
}
