/* Out-streams. What makes it hard is when a chunk may be freed. A span that was just appended has
 * no reader yet; a chunk in the middle may lose its last reader long before its neighbours do; and
 * the newest chunk is reused while it is in the cache. So releasing frees nothing: a chunk without
 * references becomes a suspect, and the sweep decides. */
#include "net/stream.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

static _Noreturn void out_of_memory(size_t size)
{
    fprintf(stderr, "khub: out of memory (%zu bytes wanted for output)\n", size);
    abort();
}

static void *allocate(size_t size)
{
    void *memory = malloc(size);
    if (!memory)
        out_of_memory(size);
    return memory;
}

/* Whole chunks are the system's own pages: what a burst took goes back when it is over, whatever
 * lies beside it. */
static struct chunk *chunk_allocate(size_t capacity)
{
    size_t size = sizeof(struct chunk) + capacity;
    if (size < CHUNK_BYTES)
        return allocate(size);
    struct chunk *chunk =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (chunk == MAP_FAILED)
        out_of_memory(size);
    return chunk;
}

static void chunk_free(struct chunk *chunk)
{
    size_t size = sizeof *chunk + chunk->capacity;
    if (size < CHUNK_BYTES)
        free(chunk);
    else
        munmap(chunk, size);
}

static void chunk_suspect(struct streams *streams, struct chunk *chunk)
{
    if (chunk->suspect)
        return;
    chunk->suspect = true;
    chunk->next_suspect = streams->suspects;
    streams->suspects = chunk;
}

/* Whoever makes a chunk gives it its place; it comes without references. */
static struct chunk *chunk_new(struct streams *streams, size_t capacity)
{
    struct chunk *chunk = streams->spare;
    if (capacity == CHUNK_CAPACITY && chunk) {
        streams->spare = chunk->next;
        streams->spare_count--;
    } else {
        chunk = chunk_allocate(capacity);
    }
    *chunk = (struct chunk){.capacity = capacity, .stream = STREAM_NONE};
    streams->bytes += sizeof *chunk + capacity;
    return chunk;
}

static void chunk_drop(struct streams *streams, struct chunk *chunk)
{
    streams->bytes -= sizeof *chunk + chunk->capacity;
    if (chunk->capacity != CHUNK_CAPACITY || streams->spare_count == CHUNKS_SPARE_MAX) {
        chunk_free(chunk);
        return;
    }
    chunk->next = streams->spare;
    streams->spare = chunk;
    streams->spare_count++;
}

static void chunk_unlink(struct streams *streams, struct chunk *chunk)
{
    if (chunk->prev)
        chunk->prev->next = chunk->next;
    if (chunk->next)
        chunk->next->prev = chunk->prev;
    if (chunk->stream == STREAM_NONE)
        return;
    struct stream *stream = &streams->list[chunk->stream];
    if (stream->last == chunk)
        stream->last = chunk->prev;
    if (stream->begin == chunk)
        stream->begin = NULL;
}

void streams_init(struct streams *streams)
{
    *streams = (struct streams){0};
}

void streams_free(struct streams *streams)
{
    streams_sweep(streams);
    assert(streams->bytes == 0);
    while (streams->spare) {
        struct chunk *chunk = streams->spare;
        streams->spare = chunk->next;
        chunk_free(chunk);
    }
    free(streams->list);
    streams_init(streams);
}

static struct stream *stream_at(struct streams *streams, uint32_t index)
{
    if (index >= streams->count) {
        size_t count = (size_t)index + 1;
        struct stream *list = allocate(count * sizeof *list);
        memset(list, 0, count * sizeof *list);
        if (streams->count)
            memcpy(list, streams->list, streams->count * sizeof *list);
        free(streams->list);
        streams->list = list;
        streams->count = count;
    }
    return &streams->list[index];
}

/* The chunk that the next byte goes to, with room in it; `wanted` bytes are still to come. */
static struct chunk *stream_tail(struct streams *streams, struct stream *stream, size_t wanted)
{
    struct chunk *last = stream->last;
    /* The newest in memory need not be the stream's end: the end may have been swept from behind a
     * slow reader's chunk. */
    if (last && last->used < last->capacity && last->base + last->used == stream->end)
        return last;
    struct chunk *chunk = chunk_new(streams, wanted > CHUNK_CAPACITY ? wanted : CHUNK_CAPACITY);
    chunk->stream = (uint32_t)(stream - streams->list);
    chunk->base = stream->end;
    chunk->prev = last;
    if (last)
        last->next = chunk;
    stream->last = chunk;
    chunk_suspect(streams, chunk);
    return chunk;
}

struct span streams_append(struct streams *streams, uint32_t number, const struct slice *parts,
                           unsigned count)
{
    size_t left = 0;
    for (unsigned i = 0; i < count; i++)
        left += parts[i].len;
    assert(number < OUT_STREAMS_MAX && left <= UINT32_MAX);
    uint32_t index = number * 2 + (left >= LARGE_LINE_BYTES);
    struct stream *stream = stream_at(streams, index);
    struct span span = {.stream = index, .len = (uint32_t)left, .offset = stream->end};
    if (left == 0)
        return span;
    struct chunk *chunk = stream->begin = stream_tail(streams, stream, left);
    for (unsigned i = 0; i < count; i++) {
        struct slice part = parts[i];
        while (part.len) {
            if (chunk->used == chunk->capacity)
                chunk = stream_tail(streams, stream, left);
            size_t room = chunk->capacity - chunk->used;
            size_t len = part.len < room ? part.len : room;
            memcpy(chunk->bytes + chunk->used, part.at, len);
            chunk->used += len;
            stream->end += len;
            left -= len;
            part.at += len;
            part.len -= len;
        }
    }
    streams->appended += span.len;
    return span;
}

struct chunk *streams_find(const struct streams *streams, uint32_t index, uint64_t offset)
{
    assert(index < streams->count);
    const struct stream *stream = &streams->list[index];
    struct chunk *chunk = stream->begin ? stream->begin : stream->last;
    while (chunk && chunk->base > offset)
        chunk = chunk->prev;
    while (chunk && chunk->base + chunk->used <= offset)
        chunk = chunk->next;
    assert(chunk && chunk->base <= offset);
    return chunk;
}

struct chunk *chunk_private(struct streams *streams, size_t capacity)
{
    struct chunk *chunk = chunk_new(streams, capacity);
    chunk->references = 1;
    return chunk;
}

void chunk_release(struct streams *streams, struct chunk *chunk)
{
    assert(chunk->references > 0);
    if (--chunk->references == 0)
        chunk_suspect(streams, chunk);
}

void streams_sweep(struct streams *streams)
{
    struct chunk *chunk = streams->suspects;
    streams->suspects = NULL;
    while (chunk) {
        struct chunk *next = chunk->next_suspect;
        chunk->suspect = false;
        if (chunk->references == 0) {
            chunk_unlink(streams, chunk);
            chunk_drop(streams, chunk);
        }
        chunk = next;
    }
}
