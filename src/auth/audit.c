/* The audit's thread, and the queue to it. What makes it hard is that whoever reaches the port can
 * cause notes: so what waits has a bound, and what floods is counted. */
#include "auth/audit.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

#include "auth/audit_file.h"
#include "core/memory.h"

#define MINUTE_MS     60000
#define COUNTS_NOBODY 8u /* places for what is unlike too many others */

struct waiting {
    struct audit_note note; /* its texts are parts of: */
    struct slice bytes;     /* owned */
    STAILQ_ENTRY(waiting) next;
};
STAILQ_HEAD(waiting_list, waiting);

struct audit {
    char *directory;
    pthread_t thread;
    struct audit_file file;      /* the thread's */
    struct waiting_list written; /* the thread's: what it writes just now */

    /* The caller's. */
    struct waiting *counts[AUDIT_COUNTS_MAX + COUNTS_NOBODY]; /* times: beyond the first */
    size_t count_count;
    char failure_said[AUDIT_WHY_SIZE];

    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct waiting_list queue; /* under the mutex, as all below */
    size_t queued, acts;       /* in the queue, and with the thread; acts of these */
    uint64_t dropped;          /* since the thread last wrote */
    bool closing;
    char failure[AUDIT_WHY_SIZE]; /* "" while all is well */
};

/* ── notes ── */

static struct slice text_cut(struct slice text)
{
    size_t len = text.len < AUDIT_TEXT_MAX ? text.len : AUDIT_TEXT_MAX;
    while (len < text.len && len > 0 && ((unsigned char)text.at[len] & 0xC0) == 0x80)
        len--; /* not within a character */
    return (struct slice){text.at, len};
}

static struct waiting *waiting_new(const struct audit_note *note)
{
    struct waiting *waiting = memory_new(sizeof *waiting);
    struct slice *texts[] = {&waiting->note.token, &waiting->note.ai_id, &waiting->note.room,
                             &waiting->note.from, &waiting->note.detail};
    struct slice parts[sizeof texts / sizeof *texts];
    waiting->note = *note;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        parts[i] = text_cut(*texts[i]);
    waiting->bytes = slice_join(parts, sizeof texts / sizeof *texts);
    const char *at = waiting->bytes.at;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        *texts[i] = (struct slice){at, parts[i].len};
        at += parts[i].len;
    }
    return waiting;
}

static void waiting_free(struct waiting *waiting)
{
    slice_free(&waiting->bytes);
    free(waiting);
}

void audit_note(struct audit *audit, const struct audit_note *note)
{
    if (!audit)
        return;
    struct waiting *waiting = waiting_new(note);
    size_t most = note->act ? 2 * AUDIT_WAITING_MAX : AUDIT_WAITING_MAX;
    pthread_mutex_lock(&audit->mutex);
    if (audit->queued < most) {
        STAILQ_INSERT_TAIL(&audit->queue, waiting, next);
        audit->queued++;
        audit->acts += note->act;
        waiting = NULL;
        pthread_cond_signal(&audit->changed);
    } else {
        audit->dropped += note->times ? note->times : 1;
    }
    pthread_mutex_unlock(&audit->mutex);
    if (waiting)
        waiting_free(waiting);
}

/* ── counts ── */

static bool alike(const struct audit_note *one, const struct audit_note *other)
{
    return strcmp(one->what, other->what) == 0 && slice_equal(one->from, other->from) &&
           slice_equal(one->token, other->token) && slice_equal(one->ai_id, other->ai_id) &&
           slice_equal(one->room, other->room) && slice_equal(one->detail, other->detail);
}

static struct waiting *count_find(const struct audit *audit, const struct audit_note *note)
{
    for (size_t i = 0; i < audit->count_count; i++)
        if (alike(&audit->counts[i]->note, note))
            return audit->counts[i];
    return NULL;
}

void audit_count(struct audit *audit, const struct audit_note *note)
{
    if (!audit)
        return;
    struct waiting *counted = count_find(audit, note);
    struct audit_note nobody = {
        .time_ms = note->time_ms, .what = note->what, .detail = slice_of("of too many to name")};
    if (!counted && audit->count_count >= AUDIT_COUNTS_MAX) {
        note = &nobody;
        counted = count_find(audit, note);
    }
    if (counted) {
        counted->note.times++;
        return;
    }
    audit_note(audit, note);
    if (audit->count_count == sizeof audit->counts / sizeof *audit->counts)
        return;
    counted = waiting_new(note);
    counted->note.times = 0;
    audit->counts[audit->count_count++] = counted;
}

/* Notes what was counted since before `before`. */
static void counts_end(struct audit *audit, int64_t before)
{
    size_t kept = 0;
    for (size_t i = 0; i < audit->count_count; i++) {
        struct waiting *counted = audit->counts[i];
        if (counted->note.time_ms >= before) {
            audit->counts[kept++] = counted;
            continue;
        }
        if (counted->note.times)
            audit_note(audit, &counted->note);
        waiting_free(counted);
    }
    audit->count_count = kept;
}

void audit_turn(struct audit *audit, int64_t now)
{
    if (audit)
        counts_end(audit, now - MINUTE_MS);
}

const char *audit_failure(struct audit *audit)
{
    if (!audit)
        return NULL;
    pthread_mutex_lock(&audit->mutex);
    memcpy(audit->failure_said, audit->failure, sizeof audit->failure);
    pthread_mutex_unlock(&audit->mutex);
    return *audit->failure_said ? audit->failure_said : NULL;
}

bool audit_owes(struct audit *audit)
{
    if (!audit)
        return false;
    pthread_mutex_lock(&audit->mutex);
    bool owes = audit->acts > 0 && !*audit->failure;
    pthread_mutex_unlock(&audit->mutex);
    return owes;
}

/* ── after a crash ── */

struct making_up {
    const struct audit_note *acts;
    size_t count;
    bool *there; /* for each: a row is */
};

/* Is it that row? Where it came from is not looked at. */
static bool is_row(const struct audit_note *act, const struct audit_note *row)
{
    struct audit_note cut = *act;
    struct slice *texts[] = {&cut.token, &cut.ai_id, &cut.room, &cut.detail};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *texts[i] = text_cut(*texts[i]);
    cut.from = row->from;
    return row->act && cut.time_ms == row->time_ms && alike(&cut, row);
}

static void row_look(void *ctx, const struct audit_note *row)
{
    const struct making_up *making = ctx;
    size_t at = 0;
    while (at < making->count && (making->there[at] || !is_row(&making->acts[at], row)))
        at++;
    if (at < making->count)
        making->there[at] = true;
}

int audit_make_up(struct audit *audit, const char *directory, const struct audit_note *acts,
                  size_t count, size_t *ret_noted, char ret_why[AUDIT_WHY_SIZE])
{
    struct making_up making = {acts, count, memory_new(count + 1)};
    struct audit_filter filter = {.since_ms = INT64_MAX, .until_ms = INT64_MIN};
    for (size_t i = 0; i < count; i++) {
        filter.since_ms = acts[i].time_ms < filter.since_ms ? acts[i].time_ms : filter.since_ms;
        filter.until_ms = acts[i].time_ms > filter.until_ms ? acts[i].time_ms : filter.until_ms;
    }
    *ret_noted = 0;
    int error = count ? audit_each(directory, &filter, row_look, &making, ret_why) : 0;
    for (size_t i = 0; i < count && error == 0; i++) {
        if (making.there[i])
            continue;
        audit_note(audit, &acts[i]);
        ++*ret_noted;
    }
    free(making.there);
    return error;
}

/* ── the thread ── */

static int dropped_write(struct audit *audit, uint64_t dropped, char why[AUDIT_WHY_SIZE])
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct audit_note note = {.time_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000,
                              .what = "missing",
                              .detail = slice_of("too many at once: these are in no row"),
                              .times = dropped};
    return dropped ? audit_file_add(&audit->file, &note, why) : 0;
}

/* All that the thread has, in one transaction. */
static int written_write(struct audit *audit, uint64_t dropped, char why[AUDIT_WHY_SIZE])
{
    const struct waiting *waiting;
    int error = audit->file.handle ? 0 : audit_file_open(&audit->file, audit->directory, why);
    if (error == 0)
        error = audit_file_begin(&audit->file, why);
    if (error < 0)
        return error;
    STAILQ_FOREACH(waiting, &audit->written, next)
    if (error == 0)
        error = audit_file_add(&audit->file, &waiting->note, why);
    if (error == 0)
        error = dropped_write(audit, dropped, why);
    return audit_file_end(&audit->file, error == 0, why);
}

static size_t written_free(struct audit *audit, size_t *ret_acts)
{
    struct waiting *waiting;
    size_t count = 0;
    *ret_acts = 0;
    while ((waiting = STAILQ_FIRST(&audit->written))) {
        STAILQ_REMOVE_HEAD(&audit->written, next);
        *ret_acts += waiting->note.act;
        waiting_free(waiting);
        count++;
    }
    return count;
}

/* Under the mutex. So that a flood makes few transactions, and what fails is not tried all the
 * time. */
static void rest(struct audit *audit, long wait_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += wait_ms % 1000 * 1000000;
    until.tv_sec += wait_ms / 1000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    while (!audit->closing && pthread_cond_timedwait(&audit->changed, &audit->mutex, &until) == 0)
        ;
}

/* Under the mutex, which it leaves meanwhile. False when it could not be written. */
static bool write_some(struct audit *audit)
{
    char why[AUDIT_WHY_SIZE] = "";
    uint64_t dropped = audit->dropped;
    STAILQ_CONCAT(&audit->written, &audit->queue);
    pthread_mutex_unlock(&audit->mutex);
    bool failed = written_write(audit, dropped, why) < 0;
    size_t acts = 0, count = failed ? 0 : written_free(audit, &acts);
    pthread_mutex_lock(&audit->mutex);
    audit->queued -= count;
    audit->acts -= acts;
    if (!failed)
        audit->dropped -= dropped;
    memcpy(audit->failure, why, sizeof why);
    return !failed;
}

static void *audit_run(void *data)
{
    struct audit *audit = data;
    bool closing = false;
    pthread_mutex_lock(&audit->mutex);
    while (!closing) {
        while (!audit->queued && !audit->closing)
            pthread_cond_wait(&audit->changed, &audit->mutex);
        closing = audit->closing;
        bool written = (!audit->queued && !audit->dropped) || write_some(audit);
        if (!closing)
            rest(audit, written ? AUDIT_PACE_MS : AUDIT_RETRY_MS);
    }
    pthread_mutex_unlock(&audit->mutex);
    audit_file_close(&audit->file);
    return NULL;
}

/* ── beginning and end ── */

int audit_open(const char *directory, struct audit **ret_audit)
{
    struct audit *audit = memory_new(sizeof *audit);
    pthread_condattr_t monotonic;
    sigset_t all, before;
    STAILQ_INIT(&audit->queue);
    STAILQ_INIT(&audit->written);
    audit->directory = strdup(directory);
    pthread_mutex_init(&audit->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&audit->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the loop's */
    int error = audit->directory ? pthread_create(&audit->thread, NULL, audit_run, audit) : ENOMEM;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0) {
        *ret_audit = audit;
        return 0;
    }
    free(audit->directory);
    free(audit);
    errno = error;
    return -1;
}

int audit_close(struct audit *audit)
{
    if (!audit)
        return 0;
    counts_end(audit, INT64_MAX);
    pthread_mutex_lock(&audit->mutex);
    audit->closing = true;
    pthread_cond_signal(&audit->changed);
    pthread_mutex_unlock(&audit->mutex);
    pthread_join(audit->thread, NULL);
    bool lost = audit->queued > 0 || audit->dropped > 0;
    size_t acts;
    written_free(audit, &acts);
    pthread_mutex_destroy(&audit->mutex);
    pthread_cond_destroy(&audit->changed);
    free(audit->directory);
    free(audit);
    return lost ? -1 : 0;
}
