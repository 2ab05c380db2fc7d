/* What one connection has yet to send: ranges of out-streams, oldest first.
 *
 * Neighbours merge, so that whoever receives everything has one range, and one write sends it. The
 * newest range lies in the struct itself; a list for older ones is made only when there is a gap (a
 * line that was not for this connection). */
#ifndef KHUB_NET_QUEUE_H
#define KHUB_NET_QUEUE_H

#include <sys/uio.h>

#include "net/stream.h"

struct range {
    uint64_t start, end; /* offsets; end is behind the last byte */
    uint32_t stream;     /* STREAM_NONE: private, offsets count from the chunk's base 0 */
    struct chunk *first, *last;
};

struct queue {
    size_t bytes;
    struct range newest; /* start == end: the queue is empty */
    struct range *older; /* ring, oldest at older_head */
    uint32_t older_head, older_count, older_capacity;
    bool inside_line; /* the last byte that went out did not end a line */
};

void queue_init(struct queue *queue);
/* Lets go of everything. */
void queue_clear(struct queue *queue, struct streams *streams);

/* The path for what is no neighbour of the newest range, or goes over the end of its chunk. */
bool queue_push_apart(struct queue *queue, struct streams *streams, struct span span);

/* Adds a span. No allocation, and a look at one chunk, for the neighbour of what came last. True
 * when the queue is in so many ranges that it had better be written soon. */
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

/* Adds bytes of this connection's own, copied. */
void queue_push_copy(struct queue *queue, struct streams *streams, struct slice bytes);

/* The oldest bytes, as at most vectors_max vectors of at most bytes_max together. Returns how many
 * vectors; 0 when empty. */
unsigned queue_vectors(const struct queue *queue, struct iovec *ret_vectors, unsigned vectors_max,
                       size_t bytes_max, size_t *ret_bytes);
/* They went out. */
void queue_consume(struct queue *queue, struct streams *streams, size_t bytes);

/* Forgets all but the rest of the line that is half out, so that what comes next begins a line. */
void queue_cut(struct queue *queue, struct streams *streams);
/* Copies short ranges out of the chunks that they keep in memory. For queues that don't move. */
void queue_copy_out(struct queue *queue, struct streams *streams);

#endif
