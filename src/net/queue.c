/* Queues of ranges. What makes it hard: a range holds a reference on each chunk that it touches,
 * and every way of growing, shrinking or splitting a range has to keep the count right. And a range
 * that is partly sent may end inside a line. */
#include "net/queue.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define OLDER_CAPACITY_MIN 8u /* a power of two, as all capacities of the ring */

void queue_init(struct queue *queue)
{
    *queue = (struct queue){.newest = {.stream = STREAM_NONE}};
}

static bool range_empty(const struct range *range)
{
    return range->start == range->end;
}

static void range_release(const struct range *range, struct streams *streams)
{
    for (struct chunk *chunk = range->first, *next;; chunk = next) {
        next = chunk->next;
        chunk_release(streams, chunk);
        if (chunk == range->last)
            return;
    }
}

/* Extends a range to `end` over the chunks that follow its last one. */
static void range_extend(struct range *range, uint64_t end)
{
    assert(end > range->end);
    while (range->last->base + range->last->used < end) {
        range->last = range->last->next;
        range->last->references++;
    }
    range->end = end;
}

static struct range *older_at(const struct queue *queue, uint32_t index)
{
    return &queue->older[(queue->older_head + index) & (queue->older_capacity - 1)];
}

static void older_grow(struct queue *queue)
{
    uint32_t capacity = queue->older_capacity ? queue->older_capacity * 2 : OLDER_CAPACITY_MIN;
    struct range *older = malloc(capacity * sizeof *older);
    if (!older) {
        fprintf(stderr, "khub: out of memory (%u ranges of output)\n", capacity);
        abort();
    }
    for (uint32_t i = 0; i < queue->older_count; i++)
        older[i] = *older_at(queue, i);
    free(queue->older);
    queue->older = older;
    queue->older_head = 0;
    queue->older_capacity = capacity;
}

/* Makes room for a new newest range. */
static void newest_retire(struct queue *queue)
{
    if (range_empty(&queue->newest))
        return;
    if (queue->older_count == queue->older_capacity)
        older_grow(queue);
    *older_at(queue, queue->older_count++) = queue->newest;
}

/* The memory of a ring that was long is not kept. */
static void older_shrink(struct queue *queue)
{
    if (queue->older_count || queue->older_capacity <= OLDER_CAPACITY_MIN)
        return;
    free(queue->older);
    queue->older = NULL;
    queue->older_head = queue->older_capacity = 0;
}

void queue_clear(struct queue *queue, struct streams *streams)
{
    for (uint32_t i = 0; i < queue->older_count; i++)
        range_release(older_at(queue, i), streams);
    if (!range_empty(&queue->newest))
        range_release(&queue->newest, streams);
    free(queue->older);
    queue_init(queue);
}

static void range_append(struct queue *queue, const struct range *range)
{
    if (range_empty(range))
        return;
    newest_retire(queue);
    queue->newest = *range; /* its references go with it */
    queue->bytes += range->end - range->start;
}

void queue_move(struct queue *queue, struct queue *from)
{
    for (uint32_t i = 0; i < from->older_count; i++)
        range_append(queue, older_at(from, i));
    range_append(queue, &from->newest);
    free(from->older);
    queue_init(from);
}

bool queue_push_apart(struct queue *queue, struct streams *streams, struct span span)
{
    struct range *newest = &queue->newest;
    if (span.len == 0)
        return false;
    queue->bytes += span.len;
    bool neighbour =
        !range_empty(newest) && newest->stream == span.stream && newest->end == span.offset;
    if (!neighbour) {
        newest_retire(queue);
        struct chunk *first = streams_find(streams, span.stream, span.offset);
        first->references++;
        *newest = (struct range){.start = span.offset,
                                 .end = span.offset,
                                 .stream = span.stream,
                                 .first = first,
                                 .last = first};
    }
    range_extend(newest, span.offset + span.len);
    return queue->older_count >= WRITE_VECTORS_MAX - 1; /* one write takes no more */
}

/* Appends to the newest range if that is private and has room, else to a new private chunk. */
static void push_private(struct queue *queue, struct streams *streams, struct slice bytes)
{
    struct range *newest = &queue->newest;
    bool fits = !range_empty(newest) && newest->stream == STREAM_NONE &&
                newest->last->capacity - newest->last->used >= bytes.len;
    if (!fits) {
        size_t capacity = PRIVATE_BYTES_MIN;
        if (!range_empty(newest) && newest->stream == STREAM_NONE)
            capacity = newest->last->capacity * 2;
        if (capacity > CHUNK_CAPACITY)
            capacity = CHUNK_CAPACITY;
        newest_retire(queue);
        struct chunk *chunk = chunk_private(streams, bytes.len > capacity ? bytes.len : capacity);
        *newest = (struct range){.stream = STREAM_NONE, .first = chunk, .last = chunk};
    }
    struct chunk *chunk = newest->last;
    memcpy(chunk->bytes + chunk->used, bytes.at, bytes.len);
    chunk->used += bytes.len;
    newest->end += bytes.len;
}

void queue_push_copy(struct queue *queue, struct streams *streams, struct slice bytes)
{
    if (bytes.len == 0)
        return;
    push_private(queue, streams, bytes);
    queue->bytes += bytes.len;
}

static const struct range *range_at(const struct queue *queue, uint32_t index)
{
    return index < queue->older_count ? older_at(queue, index) : &queue->newest;
}

/* The part of a range that lies in one chunk. */
static struct slice range_part(const struct range *range, const struct chunk *chunk)
{
    uint64_t from = range->start > chunk->base ? range->start : chunk->base;
    uint64_t to = chunk == range->last ? range->end : chunk->base + chunk->used;
    return (struct slice){chunk->bytes + (from - chunk->base), to - from};
}

unsigned queue_vectors(const struct queue *queue, struct iovec *ret_vectors, unsigned vectors_max,
                       size_t bytes_max, size_t *ret_bytes)
{
    unsigned count = 0;
    size_t bytes = 0;
    for (uint32_t i = 0; i <= queue->older_count && bytes < queue->bytes; i++) {
        const struct range *range = range_at(queue, i);
        for (struct chunk *chunk = range->first;; chunk = chunk->next) {
            struct slice part = range_part(range, chunk);
            if (count == vectors_max || bytes == bytes_max)
                goto full;
            if (part.len > bytes_max - bytes)
                part.len = bytes_max - bytes;
            ret_vectors[count++] = (struct iovec){(void *)(uintptr_t)part.at, part.len};
            bytes += part.len;
            if (chunk == range->last)
                break;
        }
    }
full:
    *ret_bytes = bytes;
    return count;
}

/* Takes up to `bytes` from a range's start and returns how many. Lets go of the chunks that it
 * leaves behind; of all of them when the range ends up empty. */
static size_t range_take(struct range *range, struct streams *streams, size_t bytes)
{
    size_t taken = 0;
    assert(!range_empty(range));
    for (;;) {
        struct chunk *chunk = range->first;
        size_t len = range_part(range, chunk).len;
        if (bytes - taken < len) {
            range->start += bytes - taken;
            return bytes;
        }
        taken += len;
        range->start += len;
        struct chunk *next = chunk->next;
        chunk_release(streams, chunk);
        if (chunk == range->last) {
            range->start = range->end;
            return taken;
        }
        range->first = next;
    }
}

/* The byte in front of `bytes` taken bytes: did it end a line? */
static bool ends_line(const struct queue *queue, size_t bytes)
{
    for (uint32_t i = 0;; i++) {
        const struct range *range = range_at(queue, i);
        for (struct chunk *chunk = range->first;; chunk = chunk->next) {
            struct slice part = range_part(range, chunk);
            if (bytes <= part.len)
                return part.at[bytes - 1] == '\n';
            bytes -= part.len;
            if (chunk == range->last)
                break;
        }
    }
}

void queue_consume(struct queue *queue, struct streams *streams, size_t bytes)
{
    assert(bytes <= queue->bytes);
    if (bytes == 0)
        return;
    queue->inside_line =
        bytes < queue->bytes && !ends_line(queue, bytes); /* spans are whole lines */
    queue->bytes -= bytes;
    while (bytes && queue->older_count) {
        struct range *oldest = older_at(queue, 0);
        bytes -= range_take(oldest, streams, bytes);
        if (!range_empty(oldest))
            return;
        queue->older_head = (queue->older_head + 1) & (queue->older_capacity - 1);
        queue->older_count--;
    }
    older_shrink(queue);
    if (bytes)
        range_take(&queue->newest, streams, bytes);
}

/* The length of the queue's first bytes up to and with the first '\n'. */
static size_t rest_of_line(const struct queue *queue)
{
    size_t len = 0;
    for (uint32_t i = 0; len < queue->bytes; i++) {
        const struct range *range = range_at(queue, i);
        for (struct chunk *chunk = range->first;; chunk = chunk->next) {
            struct slice part = range_part(range, chunk);
            const char *end = memchr(part.at, '\n', part.len);
            if (end)
                return len + (size_t)(end - part.at) + 1;
            len += part.len;
            if (chunk == range->last)
                break;
        }
    }
    return len;
}

/* Moves the first `bytes` of a queue to another, copied. */
static void copy_head(struct queue *from, struct queue *to, struct streams *streams, size_t bytes)
{
    while (bytes) {
        struct iovec vectors[WRITE_VECTORS_MAX];
        size_t some;
        unsigned count = queue_vectors(from, vectors, WRITE_VECTORS_MAX, bytes, &some);
        for (unsigned i = 0; i < count; i++)
            queue_push_copy(to, streams, (struct slice){vectors[i].iov_base, vectors[i].iov_len});
        queue_consume(from, streams, some);
        bytes -= some;
    }
}

void queue_cut(struct queue *queue, struct streams *streams)
{
    struct queue kept;
    queue_init(&kept);
    kept.inside_line = queue->inside_line;
    if (queue->inside_line)
        copy_head(queue, &kept, streams, rest_of_line(queue));
    queue_clear(queue, streams);
    *queue = kept;
}

void queue_copy_out(struct queue *queue, struct streams *streams)
{
    struct queue copied;
    queue_init(&copied);
    copied.inside_line = queue->inside_line;
    copied.bytes = queue->bytes;
    uint32_t count = queue->older_count + !range_empty(&queue->newest);
    for (uint32_t i = 0; i < count; i++) {
        const struct range *range = range_at(queue, i);
        if (range->stream == STREAM_NONE || range->end - range->start >= COPY_OUT_BELOW) {
            newest_retire(&copied);
            copied.newest = *range;
            continue;
        }
        for (struct chunk *chunk = range->first;; chunk = chunk->next) {
            push_private(&copied, streams, range_part(range, chunk));
            if (chunk == range->last)
                break;
        }
        range_release(range, streams);
    }
    free(queue->older);
    *queue = copied;
}
