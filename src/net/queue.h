/* What one connection has yet to send: ranges of out-streams, oldest first.
 *
 * Adjacent ranges merge, so a connection that receives everything has a single range, and one write
 * sends it. The newest range is part of the struct; a ring for older ones is allocated only when
 * there is a gap, that is, a line that was not for this connection. */
#ifndef KHUB_NET_QUEUE_H
#define KHUB_NET_QUEUE_H

#include <sys/uio.h>

#include "net/stream.h"

struct range {
    uint64_t start, end; /* offsets; end is one past the last byte */
    uint32_t stream;     /* STREAM_NONE: private, offsets count from the chunk's base 0 */
    struct chunk *first, *last;
};

struct queue {
    size_t bytes;
    struct range newest; /* start == end: the queue is empty */
    struct range *older; /* ring, oldest at older_head */
    uint32_t older_head, older_count, older_capacity;
    bool inside_line; /* the last byte sent did not end a line */
};

void queue_init(struct queue *queue);
/* Drops everything. */
void queue_clear(struct queue *queue, struct streams *streams);

/* The slow path of queue_push: a gap, or the end of a chunk. */
bool queue_push_apart(struct queue *queue, struct streams *streams, struct span span);

/* Adds a span. If it follows the newest range directly, this allocates nothing and looks at one
 * chunk. True when the queue has so many ranges that it should be written soon. */
static inline bool queue_push(struct queue *queue, struct streams *streams, struct span span)
{
    struct range *newest = &queue->newest;
    uint64_t end = span.offset + span.len;
    if (newest->end == span.offset && newest->stream == span.stream &&
        newest->start != newest->end && end <= newest->last->base + newest->last->used) {
        newest->end = end;
        queue->bytes += span.len;
        return false;
    }
    return queue_push_apart(queue, streams, span);
}

/* Adds a copy of bytes that are for this connection alone. */
void queue_push_copy(struct queue *queue, struct streams *streams, struct slice bytes);

/* Adds all that the other queue holds; that one is empty then. */
void queue_move(struct queue *queue, struct queue *from);

/* The oldest bytes, at most bytes_max, as at most vectors_max vectors. Returns the number of
 * vectors; 0 when the queue is empty. */
unsigned queue_vectors(const struct queue *queue, struct iovec *ret_vectors, unsigned vectors_max,
                       size_t bytes_max, size_t *ret_bytes);
/* Drops that many of the oldest bytes: they have been sent. */
void queue_consume(struct queue *queue, struct streams *streams, size_t bytes);

/* Drops everything but the rest of a line that is partly sent, so that what is queued next begins a
 * line. */
void queue_cut(struct queue *queue, struct streams *streams);
/* Copies short ranges out of their chunks, so that a stalled queue does not keep whole chunks in
 * memory. */
void queue_copy_out(struct queue *queue, struct streams *streams);

#endif
