/* The plain io: a socket as it is, watched by libuv. What makes it hard is closing. libuv releases
 * a handle only at the end of the turn, and a callback that closes the io may have been called for
 * the first of two events. */
#include "net/io_inside.h"

#include <assert.h>
#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* ── the face ── */

void io_want(struct io *io, int wanted)
{
    assert(!io->closed);
    if (wanted == io->wanted)
        return;
    io->wanted = wanted;
    io->kind->want(io, wanted);
}

ssize_t io_read(struct io *io, char *buffer, size_t size)
{
    assert(!io->closed);
    return io->kind->read(io, buffer, size);
}

ssize_t io_write(struct io *io, struct iovec *vectors, unsigned count)
{
    assert(!io->closed && count > 0);
    return io->kind->write(io, vectors, count);
}

void io_finish(struct io *io)
{
    assert(!io->closed);
    io->kind->finish(io);
}

bool io_is_flushed(const struct io *io)
{
    return io->kind->is_flushed(io);
}

uint64_t io_taken(const struct io *io)
{
    return io->kind->taken(io);
}

bool io_is_settled(const struct io *io)
{
    return io->kind->is_settled(io);
}

struct io_protection io_protection(const struct io *io)
{
    struct io_protection protection = {0};
    io->kind->protection(io, &protection);
    return protection;
}

void io_no_secrets(struct io *io)
{
    if (io->kind->no_secrets)
        io->kind->no_secrets(io);
}

void io_close(struct io *io)
{
    assert(!io->closed);
    io->closed = true;
    io->kind->close(io);
}

/* ── a socket as it is ── */

static void plain_on_poll(uv_poll_t *handle, int status, int events)
{
    struct plain *plain = handle->data;
    struct io *io = &plain->io;
    if (status < 0) {
        /* A socket in error; libuv does not watch it any more. Reading tells what the error is,
         * after the last bytes. */
        io->wanted = 0;
        events = UV_READABLE;
    }
    if (events & UV_WRITABLE)
        io->callback(io, IO_WRITABLE, io->context);
    if ((events & UV_READABLE) && !io->closed)
        io->callback(io, IO_READABLE, io->context);
}

void plain_want(struct io *io, int wanted)
{
    struct plain *plain = (struct plain *)io;
    int events =
        (wanted & IO_WANT_READ ? UV_READABLE : 0) | (wanted & IO_WANT_WRITE ? UV_WRITABLE : 0);
    if (events)
        uv_poll_start(&plain->poll, events, plain_on_poll);
    else
        uv_poll_stop(&plain->poll);
}

static ssize_t plain_read(struct io *io, char *buffer, size_t size)
{
    ssize_t len = recv(((struct plain *)io)->fd, buffer, size, MSG_DONTWAIT);
    if (len >= 0)
        return len;
    return errno == EINTR ? -EAGAIN : -errno;
}

#define WRITE_FLAGS (MSG_NOSIGNAL | MSG_DONTWAIT)

ssize_t plain_write(struct io *io, struct iovec *vectors, unsigned count)
{
    struct plain *plain = (struct plain *)io;
    struct msghdr message = {.msg_iov = vectors, .msg_iovlen = count};
    ssize_t sent;
    do /* the kernel takes one piece by send() for a few per cent less */
        sent = count == 1 ? send(plain->fd, vectors[0].iov_base, vectors[0].iov_len, WRITE_FLAGS)
                          : sendmsg(plain->fd, &message, WRITE_FLAGS);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return errno == ENOBUFS ? -EAGAIN : -errno;
    plain->sent += (uint64_t)sent;
    return sent;
}

void plain_finish(struct io *io)
{
    shutdown(((struct plain *)io)->fd, SHUT_WR);
}

/* The system has it, and sends it also when the socket is closed. */
static bool plain_is_flushed(const struct io *io)
{
    (void)io;
    return true;
}

/* What went out, less what the system still holds. Its buffers are large enough that a socket can
 * be full for seconds while the peer reads all the time. */
uint64_t plain_taken(const struct io *io)
{
    const struct plain *plain = (const struct plain *)io;
    int held = 0;
    /* Of a unix socket the system tells the memory that it uses, not bytes; it has little room, and
     * is soon full. */
    if (plain->over_unix || ioctl(plain->fd, SIOCOUTQ, &held) < 0)
        held = 0;
    /* The end of ours, once said, counts as a byte there. */
    return held > 0 && (uint64_t)held > plain->sent ? 0 : plain->sent - (uint64_t)held;
}

bool plain_is_settled(const struct io *io)
{
    const struct plain *plain = (const struct plain *)io;
    int unread = 0, unacknowledged = 0;
    if (ioctl(plain->fd, SIOCINQ, &unread) < 0 || unread > 0)
        return false;
    if (plain->over_unix) /* what is sent there is with the peer at once */
        return true;
    return ioctl(plain->fd, SIOCOUTQ, &unacknowledged) == 0 && unacknowledged == 0;
}

static void plain_on_closed(uv_handle_t *handle)
{
    struct plain *plain = handle->data;
    plain->io.callback(&plain->io, IO_CLOSED, plain->io.context);
    free(plain);
}

void plain_close(struct io *io)
{
    struct plain *plain = (struct plain *)io;
    uv_close((uv_handle_t *)&plain->poll, plain_on_closed);
    close(plain->fd);
}

static void plain_protection(const struct io *io, struct io_protection *ret_protection)
{
    (void)io, (void)ret_protection;
}

const struct io_kind io_plain_kind = {.want = plain_want,
                                      .read = plain_read,
                                      .write = plain_write,
                                      .finish = plain_finish,
                                      .is_flushed = plain_is_flushed,
                                      .taken = plain_taken,
                                      .is_settled = plain_is_settled,
                                      .protection = plain_protection,
                                      .close = plain_close};

int plain_init(struct plain *plain, const struct io_kind *kind, uv_loop_t *loop, int fd,
               io_callback *callback, void *context)
{
    int domain = AF_INET;
    socklen_t len = sizeof domain;
    *plain = (struct plain){.fd = fd};
    plain->io = (struct io){.kind = kind, .callback = callback, .context = context};
    if (uv_poll_init(loop, &plain->poll, fd) < 0)
        return -1;
    plain->poll.data = plain;
    plain->over_unix =
        getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain == AF_UNIX;
    return 0;
}

struct io *io_plain(uv_loop_t *loop, int fd, io_callback *callback, void *context)
{
    struct plain *plain = malloc(sizeof *plain);
    if (!plain || plain_init(plain, &io_plain_kind, loop, fd, callback, context) < 0) {
        free(plain);
        return NULL;
    }
    return &plain->io;
}
