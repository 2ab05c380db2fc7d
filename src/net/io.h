/* A way to a peer and back: bytes in and bytes out, in order. What carries them is not known above
 * this header.
 *
 * There are two makers: io_plain, for a socket as it is, and io_tls (io_tls.h), which encrypts when
 * the peer begins with TLS; whatever that has to read or write on the socket for itself, it does by
 * itself.
 *
 * An io belongs to one loop and is used from that loop's thread only. It reports events, never from
 * within a call of it. */
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
    IO_CLOSED    /* after io_close, at the end of the turn; then the io is freed */
};
typedef void io_callback(struct io *io, enum io_event event, void *context);

#define IO_WANT_READ  1
#define IO_WANT_WRITE 2

/* An io for a connected, non-blocking socket, which it owns from now on. No events are wanted yet.
 * NULL when out of memory; then the caller still owns the socket. */
struct io *io_plain(uv_loop_t *loop, int fd, io_callback *callback, void *context);

/* Which events are wanted from now on: IO_WANT_READ, IO_WANT_WRITE, both, or 0. Cheap when nothing
 * changes. */
void io_want(struct io *io, int wanted);
/* Reads up to `size` bytes. Returns how many, 0 when the peer has ended its side, or a negative
 * errno; -EAGAIN when there is nothing yet; -EPROTO when the encryption failed; -ECONNRESET also
 * when it should have ended with the peer's word, and did not: what came may be the beginning of
 * what was sent. */
ssize_t io_read(struct io *io, char *buffer, size_t size);
/* Accepts bytes from the start of the vectors, to be sent. Returns how many (at least 1), or a
 * negative errno; -EAGAIN when it accepts none for now. There must be at least one vector, and none
 * may be empty. */
ssize_t io_write(struct io *io, struct iovec *vectors, unsigned count);
/* Ends our side: nothing more will be written. The peer may go on sending. */
void io_finish(struct io *io);

/* Whether all that was written is with the system, which sends it also when the io is closed. When
 * it is not, IO_WRITABLE comes once it is. */
bool io_is_flushed(const struct io *io);
/* How many bytes the peer's system has taken so far. Bytes on the wire are counted, and those may
 * be more than were written; so only compare this with an earlier count of the same io. It never
 * decreases. */
uint64_t io_taken(const struct io *io);
/* Whether closing now would lose nothing: the peer has everything that was written, and everything
 * that arrived has been read. */
bool io_is_settled(const struct io *io);
/* How the bytes are protected. Known by the time that io_read has brought some. */
struct io_protection {
    const char *version; /* "TLSv1.3"; NULL: they are not */
    const char *cipher;  /* NULL with version */
    const char *name;    /* the peer's, as a certificate says that was checked; NULL: none */
    const char *failure; /* a sentence on why the protection failed; NULL: it did not */
};
/* Its texts are good until the next call of the io. */
struct io_protection io_protection(const struct io *io);
/* What was read is overwritten in the io's memory, for secrets may be in it, until this call: it
 * costs a twentieth of what relaying over TLS does. */
void io_no_secrets(struct io *io);
/* Closes it at once. The only event after this is IO_CLOSED. */
void io_close(struct io *io);

#endif
