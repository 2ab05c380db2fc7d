/* The index's thread, and the queue to it.
 *
 * Texts come in order and go into the file many in one transaction; a search between them finds
 * what came before it. What can't be written is tried again, and searches are answered as failed
 * meanwhile. A file that turns out to be damaged is thrown away, and everything asked for again:
 * until the answer to that comes (ITEM_AGAIN), what still stands in the queue is of no use. */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <time.h>

#include "core/memory.h"
#include "store/search_inside.h"

#define RETRY_MS          500u
#define TRANSACTION_BYTES (4u << 20)

enum item_kind { ITEM_PUT, ITEM_SETTLE, ITEM_AGAIN, ITEM_FIND };

struct item {
    enum item_kind kind;
    struct slice bytes; /* owned: what the slices below are parts of */
    struct slice room;
    struct search_text text;
    struct search_wish wish;
    struct search_result result; /* of the wish */
    STAILQ_ENTRY(item) next;
};
STAILQ_HEAD(item_list, item);

struct search_index {
    struct search_options options;
    char *directory;
    pthread_t thread;
    struct search_file file;           /* the thread's, as is */
    bool discarding;                   /* until ITEM_AGAIN */
    char failure_said[STORE_WHY_SIZE]; /* the caller's */

    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct item_list queue, done; /* under the mutex, as all below */
    bool again;                   /* everything is to be put again */
    bool closing, silent;
    char failure[STORE_WHY_SIZE]; /* "" while all is well */

    _Atomic size_t backlog;
    _Atomic bool failing;
};

/* ── items ── */

static struct item *item_new(enum item_kind kind)
{
    struct item *item = memory_new(sizeof *item);
    item->kind = kind;
    return item;
}

/* The next part of the item's bytes. */
static struct slice part_of(const char **at, size_t len)
{
    struct slice part = {*at, len};
    *at += len;
    return part;
}

static void item_free(struct search_index *index, struct item *item)
{
    atomic_fetch_sub(&index->backlog, item->bytes.len + sizeof *item);
    slice_free(&item->bytes);
    search_result_free(&item->result);
    free(item);
}

static void enqueue(struct search_index *index, struct item *item)
{
    atomic_fetch_add(&index->backlog, item->bytes.len + sizeof *item);
    pthread_mutex_lock(&index->mutex);
    STAILQ_INSERT_TAIL(&index->queue, item, next);
    pthread_cond_signal(&index->changed);
    pthread_mutex_unlock(&index->mutex);
}

void search_put(struct search_index *index, struct slice room, const struct search_text *text)
{
    const struct slice parts[] = {room, text->key, text->contributor, text->subject, text->text};
    struct item *item = item_new(ITEM_PUT);
    item->bytes = slice_join(parts, sizeof parts / sizeof *parts);
    const char *at = item->bytes.at;
    item->room = part_of(&at, room.len);
    item->text = *text;
    item->text.key = part_of(&at, text->key.len);
    item->text.contributor = part_of(&at, text->contributor.len);
    item->text.subject = part_of(&at, text->subject.len);
    item->text.text = text->text.at ? part_of(&at, text->text.len) : (struct slice){NULL, 0};
    enqueue(index, item);
}

void search_settle(struct search_index *index)
{
    enqueue(index, item_new(ITEM_SETTLE));
}

void search_find(struct search_index *index, const struct search_wish *wish)
{
    struct item *item = item_new(ITEM_FIND);
    item->bytes = search_wish_copy(wish, &item->wish);
    enqueue(index, item);
}

/* ── the thread ── */

/* Under the mutex. */
static void wake(struct search_index *index)
{
    if (!index->silent)
        index->options.wake(index->options.ctx);
}

static void say(struct search_index *index, const char *why)
{
    pthread_mutex_lock(&index->mutex);
    snprintf(index->failure, sizeof index->failure, "%s", why);
    atomic_store(&index->failing, *why != '\0');
    wake(index);
    pthread_mutex_unlock(&index->mutex);
}

static void hand_on(struct search_index *index, struct item *item)
{
    pthread_mutex_lock(&index->mutex);
    STAILQ_INSERT_TAIL(&index->done, item, next);
    wake(index);
    pthread_mutex_unlock(&index->mutex);
}

static void answer_failed(struct search_index *index, struct item *item)
{
    search_result_free(&item->result);
    item->result = (struct search_result){.found.failed = true};
    hand_on(index, item);
}

/* Those who wait behind what can't be written. */
static void give_up_finds(struct search_index *index, struct item_list *items)
{
    struct item_list finds = STAILQ_HEAD_INITIALIZER(finds);
    struct item *item, *next;
    for (item = STAILQ_FIRST(items); item; item = next) {
        next = STAILQ_NEXT(item, next);
        if (item->kind != ITEM_FIND)
            continue;
        STAILQ_REMOVE(items, item, item, next);
        STAILQ_INSERT_TAIL(&finds, item, next);
    }
    while ((item = STAILQ_FIRST(&finds))) {
        STAILQ_REMOVE_HEAD(&finds, next);
        answer_failed(index, item);
    }
}

/* Sleeps, but for saying no to searches; false when the index closes. */
static bool wait_to_retry(struct search_index *index, struct item_list *taken)
{
    struct timespec until;
    bool over = false;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)RETRY_MS * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&index->mutex);
    do {
        pthread_mutex_unlock(&index->mutex);
        give_up_finds(index, taken);
        pthread_mutex_lock(&index->mutex);
        while (STAILQ_EMPTY(&index->queue) && !index->closing && !over)
            over = pthread_cond_timedwait(&index->changed, &index->mutex, &until) == ETIMEDOUT;
        STAILQ_CONCAT(taken, &index->queue);
    } while (!index->closing && !over);
    bool closing = index->closing;
    pthread_mutex_unlock(&index->mutex);
    give_up_finds(index, taken);
    return !closing;
}

static void want_again(struct search_index *index)
{
    index->discarding = true;
    pthread_mutex_lock(&index->mutex);
    index->again = true;
    wake(index);
    pthread_mutex_unlock(&index->mutex);
}

/* Until there is a file; false when the index closes before. */
static bool file_begin(struct search_index *index, struct item_list *taken)
{
    char why[STORE_WHY_SIZE];
    while (search_file_open(&index->file, index->directory, why) < 0) {
        search_file_close(&index->file);
        say(index, why);
        if (!wait_to_retry(index, taken))
            return false;
    }
    want_again(index);
    return true;
}

/* What went wrong with the file: what was under way is to be tried again, or not at all. False
 * when the index closes. */
static bool recover(struct search_index *index, struct item_list *taken)
{
    char why[STORE_WHY_SIZE];
    snprintf(why, sizeof why, "the search index: %s", sqlite3_errmsg(index->file.handle));
    if (search_file_is_damaged(&index->file)) {
        search_file_remove(&index->file, index->directory);
        return file_begin(index, taken);
    }
    search_file_step(&index->file, SEARCH_ROLLBACK);
    search_file_rooms_free(&index->file);
    say(index, why);
    return wait_to_retry(index, taken);
}

static int item_write(struct search_index *index, const struct item *item)
{
    switch (item->kind) {
    case ITEM_PUT:
        return search_file_put(&index->file, item->room, &item->text);
    case ITEM_SETTLE:
        return search_file_settle(&index->file);
    case ITEM_AGAIN:
    case ITEM_FIND:
        break;
    }
    return 0;
}

/* The first of them, up to a search or so many bytes, in one transaction. How many, or -1. */
static long write_some(struct search_index *index, const struct item_list *taken)
{
    const struct item *item = STAILQ_FIRST(taken);
    size_t bytes = 0;
    long count = 0;
    int error = search_file_step(&index->file, SEARCH_BEGIN);
    for (; item && item->kind < ITEM_AGAIN && error == 0 && bytes < TRANSACTION_BYTES;
         item = STAILQ_NEXT(item, next)) {
        error = item_write(index, item);
        bytes += item->bytes.len;
        count++;
    }
    if (error == 0)
        error = search_file_step(&index->file, SEARCH_COMMIT);
    return error < 0 ? -1 : count;
}

static void item_drop(struct search_index *index, struct item_list *taken)
{
    struct item *item = STAILQ_FIRST(taken);
    STAILQ_REMOVE_HEAD(taken, next);
    item_free(index, item);
}

/* Writes what comes first, or finds it. False when the index closes with a file that can't be
 * written. */
static bool work(struct search_index *index, struct item_list *taken)
{
    struct item *item = STAILQ_FIRST(taken);
    if (item->kind == ITEM_AGAIN) {
        index->discarding = false;
        search_file_again(&index->file);
        item_drop(index, taken);
    } else if (item->kind == ITEM_FIND) {
        STAILQ_REMOVE_HEAD(taken, next);
        bool failed =
            index->discarding || search_file_find(&index->file, &item->wish, &item->result) < 0;
        bool damaged = failed && !index->discarding && search_file_is_damaged(&index->file);
        if (failed)
            answer_failed(index, item);
        else
            hand_on(index, item);
        return !damaged || recover(index, taken);
    } else if (index->discarding) {
        item_drop(index, taken);
    } else {
        long written = write_some(index, taken);
        if (written < 0)
            return recover(index, taken);
        while (written--)
            item_drop(index, taken);
        if (atomic_load(&index->failing))
            say(index, "");
    }
    return true;
}

/* What this thread makes is its owner's alone from the first instant, whatever the umask: that is
 * the process's, so the thread gets one of its own. Some sandboxes refuse that. */
static void search_alone(void)
{
    if (unshare(CLONE_FS) == 0)
        umask(0077);
}

static void *search_run(void *data)
{
    struct search_index *index = data;
    struct item_list taken = STAILQ_HEAD_INITIALIZER(taken);
    search_alone();
    bool going = file_begin(index, &taken);
    while (going) {
        pthread_mutex_lock(&index->mutex);
        while (STAILQ_EMPTY(&index->queue) && !index->closing)
            pthread_cond_wait(&index->changed, &index->mutex);
        STAILQ_CONCAT(&taken, &index->queue);
        going = !STAILQ_EMPTY(&taken);
        pthread_mutex_unlock(&index->mutex);
        while (going && !STAILQ_EMPTY(&taken))
            going = work(index, &taken);
    }
    while (!STAILQ_EMPTY(&taken))
        item_drop(index, &taken);
    search_file_close(&index->file);
    return NULL;
}

/* ── beginning, results, end ── */

int search_open(const struct search_options *options, struct search_index **ret_index)
{
    struct search_index *index = memory_new(sizeof *index);
    pthread_condattr_t monotonic;
    sigset_t all, before;
    index->options = *options;
    index->directory = strdup(options->directory);
    index->discarding = true;
    STAILQ_INIT(&index->queue);
    STAILQ_INIT(&index->done);
    pthread_mutex_init(&index->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&index->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    sigfillset(&all); /* signals are for the thread that runs the loop */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = index->directory ? pthread_create(&index->thread, NULL, search_run, index) : ENOMEM;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0) {
        *ret_index = index;
        return 0;
    }
    pthread_cond_destroy(&index->changed);
    pthread_mutex_destroy(&index->mutex);
    free(index->directory);
    free(index);
    errno = error;
    return -1;
}

size_t search_backlog(const struct search_index *index)
{
    return atomic_load(&index->backlog);
}

const char *search_failure(struct search_index *index)
{
    if (!atomic_load(&index->failing))
        return NULL;
    pthread_mutex_lock(&index->mutex);
    memcpy(index->failure_said, index->failure, sizeof index->failure_said);
    pthread_mutex_unlock(&index->mutex);
    return index->failure_said;
}

static struct item *done_take(struct search_index *index, bool *ret_again)
{
    pthread_mutex_lock(&index->mutex);
    struct item *item = STAILQ_FIRST(&index->done);
    if (item)
        STAILQ_REMOVE_HEAD(&index->done, next);
    *ret_again = index->again;
    index->again = false;
    pthread_mutex_unlock(&index->mutex);
    return item;
}

void search_take(struct search_index *index)
{
    struct item *item;
    bool again;
    do {
        item = done_take(index, &again);
        if (again) {
            enqueue(index, item_new(ITEM_AGAIN));
            index->options.again(index->options.ctx);
        }
        if (!item)
            return;
        index->options.found(index->options.ctx, &item->wish, &item->result.found);
        item_free(index, item);
    } while (true);
}

void search_silence(struct search_index *index)
{
    pthread_mutex_lock(&index->mutex);
    index->silent = true;
    pthread_mutex_unlock(&index->mutex);
}

void search_close(struct search_index *index)
{
    if (!index)
        return;
    pthread_mutex_lock(&index->mutex);
    index->closing = true;
    pthread_cond_signal(&index->changed);
    pthread_mutex_unlock(&index->mutex);
    pthread_join(index->thread, NULL);
    while (!STAILQ_EMPTY(&index->queue))
        item_drop(index, &index->queue);
    while (!STAILQ_EMPTY(&index->done))
        item_drop(index, &index->done);
    assert(!atomic_load(&index->backlog));
    pthread_cond_destroy(&index->changed);
    pthread_mutex_destroy(&index->mutex);
    free(index->directory);
    free(index);
}
