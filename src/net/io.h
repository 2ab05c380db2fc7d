/* A way to a peer and back: bytes in, bytes out, in order. Nothing above it knows what carries
 * them.
 *
 * Today there is one maker, io_plain, over a socket as it is. One that encrypts is a second row of
 * functions behind the same face: what it needs to do on the socket to read or to write, it does by
 * itself.
 *
 * An io belongs to one loop and is used from its thread. It tells what happens by events, which
 * never come within a call of it. */
#ifndef KHUB_NET_IO_H
#define KHUB_NET_IO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>
#include <uv.h>

struct io;

enum io_event {
    IO_READABLE, /* io_read has something to say: bytes, the end, or an error */
    IO_WRITABLE, /* io_write takes bytes again, or knows why not */
    IO_CLOSED /* after io_close, when no stack holds it any more. The last: the io is freed then */
};
typedef void io_callback(struct io *io, enum io_event event, void *context);

#define IO_WANT_READ  1
#define IO_WANT_WRITE 2

/* Over a connected, non-blocking socket, which the io owns from now on. It wants nothing yet. NULL
 * when there is no memory or no room in the loop; the socket is still the caller's then. */
struct io *io_plain(uv_loop_t *loop, int fd, io_callback *callback, void *context);

/* Which events come, until they are no longer wanted: IO_WANT_…, or 0. Cheap when nothing
 * changes. */
void io_want(struct io *io, int wanted);
/* Up to `size` bytes: how many, 0 at the peer's end, or a negative errno; -EAGAIN: nothing yet. */
ssize_t io_read(struct io *io, char *buffer, size_t size);
/* Takes bytes from the start of the vectors: how many, at least 1, or a negative errno; -EAGAIN:
 * none for now. What was taken will go out. At least one vector, and none of them empty. */
ssize_t io_write(struct io *io, struct iovec *vectors, unsigned count);
/* Nothing more will be written: the peer is told so. It may go on sending. */
void io_finish(struct io *io);

/* How far the peer's side has taken what was written, as a count of bytes that grows. They are
 * those on the wire, which need not be as many as were written: only to be compared with an earlier
 * count of the same io, for its pace. */
uint64_t io_taken(const struct io *io);
/* Whether closing it now loses nothing: the peer has all that was written, and all that came was
 * read. */
bool io_is_settled(const struct io *io);
/* Closes it at once. Of events only IO_CLOSED comes from now on. */
void io_close(struct io *io);

#endif
