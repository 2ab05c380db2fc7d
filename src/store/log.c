/* The hub's side of the store: entries go in, and come back when they are on disk. */
#include "store/inside.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "core/memory.h"
#include "store/backup.h"
#include "wire/clock.h"

/* Bytes that an empty batch keeps for the next. */
#define BATCH_KEPT_MAX (1u << 20)
/* So many messages fill a row, and are written with the entries that come next. */
#define KEEPING_MANY 1024u

/* ── batches ── */

static struct batch *batch_new(void)
{
    return memory_new(sizeof(struct batch));
}

static void batch_free(struct batch *batch)
{
    if (!batch)
        return;
    text_free(&batch->bytes);
    free(batch->items);
    free(batch);
}

/* What is to be stored is whole, or nobody goes on. */
static void expect_whole(const struct text *bytes)
{
    if (!bytes->failed)
        return;
    fprintf(stderr, "khub: out of memory: what is to be stored\n");
    abort();
}

/* A new item, whose bytes go behind those of the batch, and then batch_end. */
static struct item *batch_begin(struct store_log *log, struct batch *batch, enum item_kind kind)
{
    batch->items =
        memory_grow(batch->items, &batch->capacity, batch->count + 1, sizeof *batch->items);
    struct item *item = &batch->items[batch->count++];
    *item = (struct item){.kind = kind, .log = log};
    item->entry.bytes.at = (const char *)(uintptr_t)batch->bytes.len;
    batch->urgent += kind != ITEM_MESSAGE;
    return item;
}

static void batch_end(struct store *store, const struct batch *batch, struct item *item)
{
    expect_whole(&batch->bytes);
    size_t len = batch->bytes.len - (uintptr_t)item->entry.bytes.at;
    item->entry.bytes.len = len - item->entry.blob.len;
    atomic_fetch_add_explicit(&store->backlog, len + sizeof *item, memory_order_relaxed);
}

/* Under the mutex. In its place comes an empty one, or NULL. */
static void batch_wait(struct store *store, struct batch **batch)
{
    if (!(*batch)->count)
        return;
    STAILQ_INSERT_TAIL(&store->waiting, *batch, next);
    store->waiting_urgent += (*batch)->urgent;
    *batch = STAILQ_FIRST(&store->spare);
    if (*batch)
        STAILQ_REMOVE_HEAD(&store->spare, next);
}

/* Gives the entries that were gathered to the thread, and then, if `all`, the messages: what an
 * entry caused is not written before it. hurry: it is to begin at once. */
static void hand_over(struct store *store, bool all, bool hurry)
{
    pthread_mutex_lock(&store->mutex);
    batch_wait(store, &store->filling);
    if (all)
        batch_wait(store, &store->keeping);
    store->hurry = store->hurry || hurry;
    bool wake = store->hurry || store->waiting_urgent >= store->company;
    pthread_mutex_unlock(&store->mutex);
    if (!store->filling)
        store->filling = batch_new();
    if (!store->keeping)
        store->keeping = batch_new();
    if (wake)
        pthread_cond_signal(&store->changed);
}

void store_push(struct store *store)
{
    const struct batch *keeping = store->keeping;
    bool large = keeping->bytes.len > BATCH_EARLY;
    if (store->filling->count || large)
        hand_over(store, large || keeping->count >= KEEPING_MANY, false);
}

/* ── a room's log ── */

struct store_log *log_find(const struct store *store, struct slice room)
{
    struct store_log *log;
    TAILQ_FOREACH (log, &store->logs, next)
        if (!log->dead && slice_equal(log->room, room))
            return log;
    return NULL;
}

/* A message that the hub waits for. */
static bool item_comes_back(const struct item *item)
{
    return item->kind == ITEM_ENTRY && item->entry.kind == ENTRY_MESSAGE && !item->applied;
}

static int log_propose(void *state, struct entry *entry)
{
    struct store_log *log = state;
    struct store *store = log->store;
    assert(!log->dead && !entry->seq);
    /* it would stand before what is given up, but is not handed back yet */
    if (entry->kind == ENTRY_MESSAGE && (atomic_load(&store->failing) || store->stale))
        return -1;
    if (store->filling->bytes.len > BATCH_EARLY)
        hand_over(store, false, false); /* between two entries */
    entry->seq = ++log->seq;
    bool applied = store->options.sync != STORE_SYNC_ALWAYS;
    struct batch *batch = store->filling;
    if (!batch->begun_ns)
        batch->begun_ns = time_monotonic_ns();
    struct item *item = batch_begin(log, batch, ITEM_ENTRY);
    struct slice place = item->entry.bytes;
    item->applied = applied;
    item->losses = store->losses_heard;
    item->entry = *entry;
    item->entry.bytes = place;
    store->under_way += item_comes_back(item);
    text_add(&batch->bytes, entry->bytes);
    text_add(&batch->bytes, entry->blob);
    batch_end(store, batch, item);
    if (applied)
        log->commit.apply(log->commit.ctx, entry);
    return 0;
}

static void log_end(void *state)
{
    struct store_log *log = state;
    assert(!log->dead); /* free or forget, and once */
    log->dead = true;
}

/* Those of a room that is no more. */
static void checkpoints_drop(const struct store_log *log)
{
    struct store *store = log->store;
    struct checkpoint *checkpoint, *next;
    if (store->gathering && store->gathering->log == log) {
        checkpoint_free(store->gathering);
        store->gathering = NULL;
    }
    pthread_mutex_lock(&store->mutex);
    for (checkpoint = STAILQ_FIRST(&store->checkpoints); checkpoint; checkpoint = next) {
        next = STAILQ_NEXT(checkpoint, next);
        if (checkpoint->log != log)
            continue;
        STAILQ_REMOVE(&store->checkpoints, checkpoint, checkpoint, next);
        checkpoint_free(checkpoint);
    }
    pthread_mutex_unlock(&store->mutex);
}

static void log_forget(void *state)
{
    struct store_log *log = state;
    struct store *store = log->store;
    assert(!log->dead);
    log->dead = true;
    checkpoints_drop(log);
    hand_over(store, true, false); /* nothing of it is written once it is gone */
    batch_end(store, store->filling, batch_begin(log, store->filling, ITEM_FORGET));
}

struct log store_log(struct store *store, struct slice room, struct commit commit)
{
    struct store_log *log = log_find(store, room);
    if (!log) {
        log = memory_new(sizeof *log);
        log->store = store;
        log->room = slice_copy(room);
        log->id = ++store->database.last_room;
        log->seq = store->database.let_go; /* the room may have been there, and have had secrets */
        TAILQ_INSERT_TAIL(&store->logs, log, next);
    }
    assert(!log->commit.apply); /* a room has one log */
    assert(commit.apply && commit.lose);
    if (commit.after > log->seq)
        log->seq = commit.after;
    log->commit = commit;
    return (struct log){log, log_propose, log_end, log_forget};
}

/* ── handing back ── */

/* Is it a message that is on disk now? */
static bool item_hand_back(const struct batch *batch, struct item *item)
{
    struct store_log *log = item->log;
    struct store *store = log->store;
    if (item_comes_back(item)) {
        assert(store->under_way > 0);
        store->under_way--;
        store->stale -= store->stale > 0;
    }
    if (log->dead || item->applied || item->kind != ITEM_ENTRY)
        return false;
    assert(item->entry.seq <= log->seq);
    item->entry.bytes.at = batch->bytes.at + (uintptr_t)item->entry.bytes.at;
    item->entry.blob = (struct slice){NULL, 0};
    if (item->lost)
        log->commit.lose(log->commit.ctx, &item->entry);
    else
        log->commit.apply(log->commit.ctx, &item->entry);
    return item->entry.kind == ENTRY_MESSAGE && !item->lost;
}

static struct batch *done_take(struct store *store)
{
    pthread_mutex_lock(&store->mutex);
    struct batch *batch = STAILQ_FIRST(&store->done);
    if (batch)
        STAILQ_REMOVE_HEAD(&store->done, next);
    pthread_mutex_unlock(&store->mutex);
    return batch;
}

static void batch_recycle(struct store *store, struct batch *batch)
{
    batch->count = batch->urgent = 0;
    batch->begun_ns = batch->losses = 0;
    text_clear(&batch->bytes);
    if (batch->bytes.capacity > BATCH_KEPT_MAX)
        text_free(&batch->bytes);
    pthread_mutex_lock(&store->mutex);
    assert(batch != store->filling && batch != store->keeping);
    STAILQ_INSERT_HEAD(&store->spare, batch, next);
    pthread_mutex_unlock(&store->mutex);
}

static void reading_free(struct reading *reading)
{
    slice_free(&reading->wish.room);
    slice_free(&reading->wish.ai_id);
    slice_free(&reading->wish.own);
    text_free(&reading->lines);
    free(reading);
}

static struct reading *page_take(struct store *store)
{
    pthread_mutex_lock(&store->mutex);
    struct reading *reading = STAILQ_FIRST(&store->pages);
    if (reading)
        STAILQ_REMOVE_HEAD(&store->pages, next);
    pthread_mutex_unlock(&store->mutex);
    return reading;
}

void store_take(struct store *store)
{
    struct batch *batch;
    struct reading *reading;
    while ((batch = done_take(store))) {
        size_t messages = 0;
        for (size_t i = 0; i < batch->count; i++)
            messages += item_hand_back(batch, &batch->items[i]);
        if (batch->losses) { /* what is under way was proposed before this was heard */
            store->losses_heard = batch->losses;
            store->stale = store->under_way;
        }
        if (messages && store->options.taken)
            store->options.taken(store->options.ctx, batch->begun_ns, messages);
        batch_recycle(store, batch);
    }
    while ((reading = page_take(store))) {
        reading->page.lines = text_slice(&reading->lines);
        if (!reading->log->dead)
            store->options.page(store->options.ctx, &reading->page);
        reading_free(reading);
    }
}

/* ── what is kept for those who are not there ── */

void store_keep(struct store *store, const struct effect *effect)
{
    struct store_log *log = log_find(store, effect->room);
    assert(log && effect->number); /* a room that has effects has a log */
    if (effect->seq < log->kept_seq ||
        (effect->seq == log->kept_seq && effect->number <= log->kept_number))
        return;
    struct batch *batch = store->keeping;
    struct item *item = batch_begin(log, batch, ITEM_MESSAGE);
    struct text *bytes = &batch->bytes;
    text_add(bytes, effect->but);
    size_t names = bytes->len;
    for (size_t i = 0; i < effect->name_count; i++) {
        text_add(bytes, effect->names[i]);
        text_add_literal(bytes, "\n");
    }
    item->kept = (struct kept){.number = effect->number,
                               .level = effect->level,
                               .audience = effect->audience,
                               .observed = effect->observed,
                               .own = effect->origin == LINE_OWN,
                               .but_len = (uint32_t)effect->but.len,
                               .names_len = (uint32_t)(bytes->len - names)};
    item->entry.seq = effect->seq;
    if (effect->origin != LINE_OWN)
        text_add(bytes, effect->line);
    batch_end(store, batch, item);
}

void store_retract(struct store *store, struct slice room, uint64_t seq, struct slice line,
                   int level)
{
    struct store_log *log = log_find(store, room);
    assert(log);                          /* a room in which something was said has a log */
    struct batch *batch = store->keeping; /* behind what it takes back */
    struct item *item = batch_begin(log, batch, ITEM_RETRACT);
    item->kept.level = level;
    item->entry.seq = seq;
    text_add(&batch->bytes, line);
    batch_end(store, batch, item);
}

void store_drop(struct store *store, struct slice room, const uint64_t *seqs, size_t count)
{
    struct store_log *log = log_find(store, room);
    assert(log);                          /* a room in which something was said has a log */
    struct batch *batch = store->keeping; /* behind the entry that says so */
    struct item *item = batch_begin(log, batch, ITEM_DROP);
    text_add(&batch->bytes, (struct slice){(const char *)seqs, count * sizeof *seqs});
    batch_end(store, batch, item);
}

bool store_read_chunk(struct store *store, peer_id reader, struct slice room, uint64_t seq)
{
    struct store_log *log = log_find(store, room);
    if (!log)
        return false;
    struct reading *reading = memory_new(sizeof *reading);
    reading->wish.reader = reader;
    reading->wish.chunk = seq;
    reading->log = log;
    pthread_mutex_lock(&store->mutex);
    STAILQ_INSERT_TAIL(&store->wishes, reading, next);
    pthread_mutex_unlock(&store->mutex);
    pthread_cond_signal(&store->changed);
    return true;
}

void store_read(struct store *store, const struct store_wish *wish)
{
    struct reading *reading = memory_new(sizeof *reading);
    reading->wish = *wish;
    reading->wish.room = slice_copy(wish->room);
    reading->wish.ai_id = slice_copy(wish->ai_id);
    reading->wish.own = slice_copy(wish->own);
    reading->log = log_find(store, wish->room);
    assert(reading->log); /* a room that is there has a log */
    assert(wish->after <= wish->until);
    hand_over(store, true, false); /* what was kept is written before it is read */
    pthread_mutex_lock(&store->mutex);
    STAILQ_INSERT_TAIL(&store->wishes, reading, next);
    pthread_mutex_unlock(&store->mutex);
    pthread_cond_signal(&store->changed);
}

void store_look(struct store *store)
{
    if (store->filling->count || store->keeping->count)
        hand_over(store, true, true);
    if (!backup_wanted(&store->database))
        return;
    pthread_mutex_lock(&store->mutex);
    store->backing_up = true;
    pthread_cond_signal(&store->changed);
    pthread_mutex_unlock(&store->mutex);
}

size_t store_backlog(const struct store *store)
{
    return atomic_load(&store->backlog);
}

void store_commits(struct store *store, struct histogram *ret_commits)
{
    pthread_mutex_lock(&store->mutex);
    *ret_commits = store->commits;
    pthread_mutex_unlock(&store->mutex);
}

const char *store_failure(struct store *store)
{
    if (!atomic_load(&store->failing))
        return NULL;
    pthread_mutex_lock(&store->mutex);
    memcpy(store->failure_said, store->failure, sizeof store->failure_said);
    pthread_mutex_unlock(&store->mutex);
    return store->failure_said;
}

/* ── checkpoints ── */

void checkpoint_free(struct checkpoint *checkpoint)
{
    if (!checkpoint)
        return;
    text_free(&checkpoint->bytes);
    order_free(checkpoint);
    free(checkpoint->rows);
    free(checkpoint);
}

static struct checkpoint *gathering_of(struct store *store, struct slice room)
{
    struct checkpoint *checkpoint = store->gathering;
    if (!checkpoint) {
        checkpoint = store->gathering = memory_new(sizeof *checkpoint);
        checkpoint->log = log_find(store, room);
        assert(checkpoint->log); /* a room that is there has a log */
    }
    assert(slice_equal(checkpoint->log->room, room));
    return checkpoint;
}

void store_checkpoint_row(struct store *store, struct slice room, const struct row *row)
{
    struct checkpoint *checkpoint = gathering_of(store, room);
    checkpoint->rows = memory_grow(checkpoint->rows, &checkpoint->capacity, checkpoint->count + 1,
                                   sizeof *checkpoint->rows);
    struct text *bytes = &checkpoint->bytes;
    struct checkpoint_row *kept = &checkpoint->rows[checkpoint->count++];
    *kept = (struct checkpoint_row){.kind = row->kind,
                                    .key_at = bytes->len,
                                    .key_len = row->key.len,
                                    .bytes_at = bytes->len + row->key.len,
                                    .bytes_len = row->bytes.len,
                                    .gone = !row->bytes.at};
    text_add(bytes, row->key);
    text_add(bytes, row->bytes);
    expect_whole(bytes);
}

void store_checkpoint_end(struct store *store, struct slice room, uint64_t seq)
{
    struct checkpoint *checkpoint = gathering_of(store, room);
    store->gathering = NULL;
    checkpoint->seq = seq;
    hand_over(store, true, false); /* what its entries caused is written before they may go */
    pthread_mutex_lock(&store->mutex);
    STAILQ_INSERT_TAIL(&store->checkpoints, checkpoint, next);
    pthread_cond_signal(&store->changed);
    pthread_mutex_unlock(&store->mutex);
}

/* ── beginning and end ── */

int store_open(const struct store_options *options, struct store **ret_store,
               char ret_why[STORE_WHY_SIZE])
{
    struct store *store = memory_new(sizeof *store);
    store->options = *options;
    store->database = DATABASE_NONE;
    store->database.salvage = options->salvage;
    TAILQ_INIT(&store->logs);
    STAILQ_INIT(&store->waiting);
    STAILQ_INIT(&store->done);
    STAILQ_INIT(&store->spare);
    STAILQ_INIT(&store->checkpoints);
    STAILQ_INIT(&store->wishes);
    STAILQ_INIT(&store->pages);
    store->filling = batch_new();
    store->keeping = batch_new();
    pthread_condattr_t monotonic;
    pthread_mutex_init(&store->mutex, NULL);
    pthread_mutex_init(&store->waking, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&store->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    struct database *database = &store->database;
    int error = options->reading
                    ? database_open_to_read(database, options->directory, ret_why)
                    : database_open(database, options->directory, options->sync, ret_why);
    if (error == 0 && options->reading)
        error = rooms_read(store, ret_why);
    if (error < 0) {
        store_close(store);
        return error;
    }
    *ret_store = store;
    return 0;
}

void store_key(const struct store *store, uint8_t ret_key[32])
{
    memcpy(ret_key, store->database.key, 32);
}

uint64_t store_size(const struct store *store)
{
    static const char *const files[] = {"hub.db", "hub.db-wal"};
    uint64_t bytes = 0;
    struct stat found;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (fstatat(store->database.directory, files[i], &found, 0) == 0)
            bytes += (uint64_t)found.st_size;
    return bytes;
}

int store_begin(struct store *store)
{
    sigset_t all, before;
    assert(!store->running);
    sigfillset(&all); /* signals are for the thread that runs the loop */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&store->thread, NULL, writer_run, store);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    store->running = error == 0;
    errno = error;
    return error ? -1 : 0;
}

void store_silence(struct store *store)
{
    pthread_mutex_lock(&store->waking);
    store->silent = true;
    pthread_mutex_unlock(&store->waking);
}

static void batches_free(struct batch_list *list)
{
    struct batch *batch;
    while ((batch = STAILQ_FIRST(list))) {
        STAILQ_REMOVE_HEAD(list, next);
        batch_free(batch);
    }
}

static void readings_free(struct reading_list *list)
{
    struct reading *reading;
    while ((reading = STAILQ_FIRST(list))) {
        STAILQ_REMOVE_HEAD(list, next);
        reading_free(reading);
    }
}

/* Of what nobody took back any more. */
static void tell_unwritten(const struct store *store)
{
    const struct batch *batch;
    STAILQ_FOREACH(batch, &store->done, next)
    for (size_t i = 0; i < batch->count; i++) {
        struct item *item = &batch->items[i];
        struct store_unwritten unwritten = {item->log->room, &item->entry, item->applied,
                                            store->last_failure};
        if (item->kind != ITEM_ENTRY || !item->lost)
            continue;
        item->entry.bytes.at = batch->bytes.at + (uintptr_t)item->entry.bytes.at;
        store->options.unwritten(store->options.ctx, &unwritten);
    }
}

int store_close(struct store *store)
{
    struct store_log *log;
    struct checkpoint *checkpoint;
    if (!store)
        return 0;
    hand_over(store, true, true);
    pthread_mutex_lock(&store->mutex);
    store->closing = true;
    pthread_cond_signal(&store->changed);
    pthread_mutex_unlock(&store->mutex);
    if (store->running)
        pthread_join(store->thread, NULL);
    int whole = store->unwritten ? -1 : 0;
    if (store->options.unwritten)
        tell_unwritten(store);
    database_close(&store->database);
    batch_free(store->filling);
    batch_free(store->keeping);
    batches_free(&store->waiting);
    batches_free(&store->done);
    batches_free(&store->spare);
    readings_free(&store->wishes);
    readings_free(&store->pages);
    checkpoint_free(store->gathering);
    checkpoint_free(store->checkpoint);
    while ((checkpoint = STAILQ_FIRST(&store->checkpoints))) {
        STAILQ_REMOVE_HEAD(&store->checkpoints, next);
        checkpoint_free(checkpoint);
    }
    while ((log = TAILQ_FIRST(&store->logs))) {
        TAILQ_REMOVE(&store->logs, log, next);
        slice_free(&log->room);
        for (size_t i = 0; i < PACK_KIND_COUNT; i++)
            pack_builder_free(&log->packs[i]);
        free(log);
    }
    pthread_cond_destroy(&store->changed);
    pthread_mutex_destroy(&store->mutex);
    pthread_mutex_destroy(&store->waking);
    free(store);
    return whole;
}
