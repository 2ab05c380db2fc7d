/* A sink. What makes it hard is its end, because the thread may be in a write that never returns.
 * Such a thread is left behind, together with the memory that it uses, and ends with the
 * process. */
#include "net/sink.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define SLOW_ROUNDS 40u         /* 10 s */
#define BATCH_KEPT  (64u << 10) /* bytes of memory that are kept for the next batch */

struct sink {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* something waits, or is out, or closing began */
    sink_notice *notice;
    size_t most; /* bytes that may wait */

    /* Under the mutex. */
    struct text waiting;
    uint64_t dropped;  /* lines that came behind `waiting` and found no room */
    uint64_t progress; /* grows with all that is written */
    int fd;
    bool owned;
    int next_fd; /* of sink_redirect; -1: none */
    bool closing, done;
    int error; /* errno of the last write that failed; 0: none since a line got through */

    /* The thread's own. */
    struct text batch;
    bool inside_line; /* the last byte written did not end a line */

    struct sink *next_stuck;
};

/* Those given up with a write under way: their threads may still come back to them. */
static _Atomic(struct sink *) stuck;

static uint64_t lines_of(struct slice bytes)
{
    uint64_t lines = 0;
    for (size_t i = 0; i < bytes.len; i++)
        lines += bytes.at[i] == '\n';
    return lines;
}

/* ── the thread ── */

static void tell_progress(struct sink *sink, int error)
{
    pthread_mutex_lock(&sink->mutex);
    sink->progress++;
    sink->error = error;
    pthread_cond_broadcast(&sink->changed);
    pthread_mutex_unlock(&sink->mutex);
}

/* As many whole lines as a pipe takes in one piece, or the start of a longer one. */
static size_t piece_of(struct slice bytes)
{
    if (bytes.len <= PIPE_BUF)
        return bytes.len;
    const char *end = memrchr(bytes.at, '\n', PIPE_BUF);
    return end ? (size_t)(end - bytes.at) + 1 : PIPE_BUF;
}

/* Blocks as long as it takes. Returns what could not be written: nothing, or the rest behind an
 * error. */
static struct slice write_out(struct sink *sink, int fd, struct slice bytes)
{
    while (bytes.len) {
        ssize_t written = write(fd, bytes.at, piece_of(bytes));
        if (written < 0 && errno == EAGAIN) { /* somebody else made it non-blocking */
            poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
            continue;
        }
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0) {
            tell_progress(sink, errno);
            return bytes;
        }
        sink->inside_line = bytes.at[written - 1] != '\n';
        bytes.at += written;
        bytes.len -= (size_t)written;
        tell_progress(sink, 0);
    }
    return bytes;
}

/* Says how many lines are missing here. Returns those that it could not say so of: none, or all. */
static uint64_t tell_dropped(struct sink *sink, int fd, uint64_t dropped)
{
    if (dropped == 0)
        return 0;
    struct text line = {0};
    if (sink->inside_line)
        text_add_literal(&line, "\n");
    sink->notice(&line, dropped);
    bool told = !line.failed && write_out(sink, fd, text_slice(&line)).len == 0;
    text_free(&line);
    return told ? 0 : dropped;
}

/* Writes one batch, `before` and `behind` which lines were dropped. Returns how many dropped lines
 * are still to be told of. */
static uint64_t write_batch(struct sink *sink, int fd, uint64_t before, uint64_t behind)
{
    uint64_t untold = tell_dropped(sink, fd, before);
    struct slice left = text_slice(&sink->batch);
    if (untold == 0)
        left = write_out(sink, fd, left);
    untold += lines_of(left);
    if (sink->batch.capacity > BATCH_KEPT)
        text_free(&sink->batch);
    text_clear(&sink->batch);
    return untold ? untold + behind : tell_dropped(sink, fd, behind);
}

static void take_next_fd(struct sink *sink)
{
    if (sink->next_fd < 0)
        return;
    if (sink->owned)
        close(sink->fd);
    sink->fd = sink->next_fd;
    sink->owned = true;
    sink->next_fd = -1;
}

static void *work(void *data)
{
    struct sink *sink = data;
    uint64_t untold =
        0; /* dropped lines of earlier batches, that an error kept from being told of */
    pthread_mutex_lock(&sink->mutex);
    for (;;) {
        while (sink->waiting.len == 0 && sink->dropped == 0 && sink->next_fd < 0 && !sink->closing)
            pthread_cond_wait(&sink->changed, &sink->mutex);
        take_next_fd(sink);
        if (sink->waiting.len == 0 && sink->dropped == 0 && sink->closing)
            break;
        struct text taken = sink->waiting;
        sink->waiting = sink->batch;
        sink->batch = taken;
        uint64_t behind = sink->dropped;
        sink->dropped = 0;
        int fd = sink->fd;
        pthread_mutex_unlock(&sink->mutex);
        untold = write_batch(sink, fd, untold, behind);
        pthread_mutex_lock(&sink->mutex);
    }
    sink->dropped = untold;
    sink->done = true;
    pthread_cond_broadcast(&sink->changed);
    pthread_mutex_unlock(&sink->mutex);
    return NULL;
}

/* ── those who write ── */

/* Signals are for the thread that runs the loop. */
static int thread_start(struct sink *sink)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&sink->thread, NULL, work, sink);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

struct sink *sink_open(int fd, bool owned, size_t most, sink_notice *notice)
{
    struct sink *sink = calloc(1, sizeof *sink);
    if (!sink)
        return NULL;
    pthread_condattr_t monotonic;
    sink->fd = fd;
    sink->owned = owned;
    sink->next_fd = -1;
    sink->notice = notice;
    sink->most = most;
    pthread_mutex_init(&sink->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&sink->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    int error = thread_start(sink);
    if (error) {
        free(sink);
        errno = error;
        return NULL;
    }
    return sink;
}

void sink_write(struct sink *sink, struct slice lines)
{
    pthread_mutex_lock(&sink->mutex);
    assert(!sink->closing);
    /* Once one line was dropped, so are all behind it, until the count has its place. */
    if (sink->dropped || sink->waiting.len + lines.len > sink->most)
        sink->dropped += lines_of(lines);
    else
        text_add(&sink->waiting, lines);
    if (sink->waiting.failed) { /* no memory: what was there before still is */
        sink->waiting.failed = false;
        sink->dropped += lines_of(lines);
    }
    pthread_cond_broadcast(&sink->changed);
    pthread_mutex_unlock(&sink->mutex);
}

void sink_redirect(struct sink *sink, int fd)
{
    pthread_mutex_lock(&sink->mutex);
    if (sink->next_fd >= 0)
        close(sink->next_fd);
    sink->next_fd = fd;
    pthread_cond_broadcast(&sink->changed);
    pthread_mutex_unlock(&sink->mutex);
}

static struct timespec after_ms(unsigned ms)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_nsec += (long)ms * 1000000;
    at.tv_sec += at.tv_nsec / 1000000000;
    at.tv_nsec %= 1000000000;
    return at;
}

/* Whether a write there would not block now: then the thread is only slow. */
static bool takes_bytes(int fd)
{
    return poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, 0) > 0;
}

/* Whether the thread came to its end. It is given up when it gets nothing out for SINK_PATIENCE_MS
 * into something that takes nothing, or SLOW_ROUNDS times as long into something that seems to. */
static bool wait_done(struct sink *sink)
{
    struct timespec until = after_ms(SINK_PATIENCE_MS);
    uint64_t progress = sink->progress;
    unsigned rounds = 0;
    while (!sink->done) {
        bool late = pthread_cond_timedwait(&sink->changed, &sink->mutex, &until) == ETIMEDOUT;
        bool moved = sink->progress != progress;
        if (late && !moved && (!takes_bytes(sink->fd) || ++rounds == SLOW_ROUNDS))
            return sink->done;
        if (moved)
            rounds = 0;
        if (late || moved)
            until = after_ms(SINK_PATIENCE_MS);
        progress = sink->progress;
    }
    return true;
}

int sink_close(struct sink *sink)
{
    if (!sink)
        return 0;
    pthread_mutex_lock(&sink->mutex);
    sink->closing = true;
    pthread_cond_broadcast(&sink->changed);
    bool done = wait_done(sink);
    pthread_mutex_unlock(&sink->mutex);
    if (!done) {
        pthread_detach(sink->thread);
        sink->next_stuck = atomic_load(&stuck);
        while (!atomic_compare_exchange_weak(&stuck, &sink->next_stuck, sink))
            ;
        errno = EAGAIN;
        return -1;
    }
    pthread_join(sink->thread, NULL);
    int error = sink->dropped ? sink->error : 0;
    if (sink->owned && close(sink->fd) < 0 && !error)
        error = errno;
    pthread_cond_destroy(&sink->changed);
    pthread_mutex_destroy(&sink->mutex);
    text_free(&sink->waiting);
    text_free(&sink->batch);
    free(sink);
    errno = error;
    return error ? -1 : 0;
}

static ssize_t stream_write(void *cookie, const char *bytes, size_t len)
{
    sink_write(cookie, (struct slice){bytes, len});
    return (ssize_t)len;
}

FILE *sink_stream(struct sink *sink)
{
    FILE *stream = fopencookie(sink, "w", (cookie_io_functions_t){.write = stream_write});
    if (stream)
        setvbuf(stream, NULL, _IOLBF, 0);
    return stream;
}
