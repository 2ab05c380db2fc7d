/* Out-streams: lines that were said once, for any number of readers.
 *
 * A stream is an endless run of bytes of which only the part that somebody still has to read is in
 * memory, in chunks. Appending copies a line once, to the end; readers (queue.h) hold ranges of it
 * and count as references on each chunk they touch. A chunk that nobody refers to lives until the
 * next streams_sweep, so that a span can be handed round during one call of the hub without
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
    uint64_t end;        /* offset behind the last byte */
};

struct streams {
    struct stream *list;
    size_t count;
    struct chunk *suspects; /* chunks that may have no references */
    struct chunk *spare;
    unsigned spare_count;
    uint64_t appended; /* bytes, ever */
    size_t bytes;      /* of all chunks that are not spare, heads included */
};

void streams_init(struct streams *streams);
/* No queue may refer to them any more. */
void streams_free(struct streams *streams);

/* Copies the parts to the end of a stream; the stream is made when it is new. Its number is below
 * OUT_STREAMS_MAX, the sum of the parts below 4 GiB. Dies when out of memory. Lines from
 * LARGE_LINE_BYTES on lie in a stream beside it, which the span names: a training_sync is for one
 * receiver, and must not part the lines around it for all others. */
struct span streams_append(struct streams *streams, uint32_t number, const struct slice *parts,
                           unsigned count);
/* The chunk that holds the byte at `offset` of the stream that a span names; it must be in
 * memory. */
struct chunk *streams_find(const struct streams *streams, uint32_t index, uint64_t offset);

/* A chunk outside of all streams, with one reference, for `capacity` bytes. */
struct chunk *chunk_private(struct streams *streams, size_t capacity);
void chunk_release(struct streams *streams, struct chunk *chunk);

/* Lets go of the chunks that nobody refers to: once per loop turn. */
void streams_sweep(struct streams *streams);

#endif
