/* Out-streams: lines that are stored once, for any number of readers.
 *
 * A stream is an endless sequence of bytes. Only the part that somebody has yet to read is in
 * memory, in chunks. Appending copies a line to the end, once. Readers (queue.h) hold ranges of the
 * stream and a reference on each chunk that a range touches. A chunk without references lives until
 * the next streams_sweep, so within one call of the hub a span can be passed on without
 * counting. */
#ifndef KHUB_NET_STREAM_H
#define KHUB_NET_STREAM_H

#include "core/hub.h"
#include "net/bounds.h"

/* Bytes that were appended to an out-stream: offset and length in stream `stream`. */
struct span {
    uint32_t stream;
    uint32_t len;
    uint64_t offset;
};

#define STREAM_NONE UINT32_MAX /* of chunks that belong to one queue alone */

struct chunk {
    struct chunk *next, *prev; /* in the stream's order; in a private run likewise */
    uint64_t base;             /* offset of bytes[0] in the stream */
    uint64_t used, capacity;   /* bytes */
    uint32_t references;       /* ranges that touch it */
    uint32_t stream;           /* as a span names it, or STREAM_NONE */
    bool suspect;              /* in the list of those that the sweep looks at */
    struct chunk *next_suspect;
    char bytes[];
};

#define CHUNK_CAPACITY (CHUNK_BYTES - sizeof(struct chunk))

struct stream {
    struct chunk *last;  /* the newest chunk in memory; NULL when there is none */
    struct chunk *begin; /* where the last append began; NULL when that is gone */
    uint64_t end;        /* offset one past the last byte */
};

struct streams {
    struct stream *list;
    size_t count;
    struct chunk *suspects; /* chunks that may have lost their last reference */
    struct chunk *spare;
    unsigned spare_count;
    uint64_t appended; /* bytes, ever */
    size_t bytes;      /* in all chunks but the spare ones, headers included */
};

void streams_init(struct streams *streams);
/* No queue may refer to any of them. */
void streams_free(struct streams *streams);

/* Copies the parts to the end of stream `number` (below OUT_STREAMS_MAX), which is made if need be.
 * Together they are shorter than 4 GiB. Aborts when out of memory. Lines of LARGE_LINE_BYTES or
 * more go to a second stream of the same number: a training_sync is for one receiver and must not
 * break the ranges of all others. The returned span names the stream it lies in. */
struct span streams_append(struct streams *streams, uint32_t number, const struct slice *parts,
                           unsigned count);
/* The chunk with the byte at `offset` of a span's stream. It must still be in memory. */
struct chunk *streams_find(const struct streams *streams, uint32_t index, uint64_t offset);

/* A chunk of `capacity` bytes outside all streams, with one reference. */
struct chunk *chunk_private(struct streams *streams, size_t capacity);
void chunk_release(struct streams *streams, struct chunk *chunk);

/* Frees the chunks without references. Called once per loop turn. */
void streams_sweep(struct streams *streams);

#endif
