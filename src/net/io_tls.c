/* See io_tls.h. An io of this kind goes through these states:
 *
 *     SNIFFING ──0x16──▶ SHAKING ──done──▶ OPEN
 *        │ any other        │ bad, late, too long │ a broken record
 *        ▼                  └──────▶ FAILED ◀─────┘
 *     (becomes an io_plain)
 *
 * What makes it hard is that OpenSSL's wishes are not the caller's. It may hold bytes that no event
 * of the socket will tell of: then the io waits in `ready`, and the edge tells. And it wants a
 * write that went halfway to be repeated with the same bytes, when the caller may have dropped
 * them: so OpenSSL writes to memory, which takes all, and what the system does not take of that is
 * `held` here. */
#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "net/bounds.h"
#include "net/io_tls_inside.h"
#include "tls/tls.h"

/* ── the socket, as OpenSSL sees it ── */

static int socket_read(BIO *bio, char *buffer, int size)
{
    struct tls *tls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (tls->drained || tls->allowance == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t most = (size_t)size < tls->allowance ? (size_t)size : tls->allowance;
    ssize_t len = recv(tls->plain.fd, buffer, most, MSG_DONTWAIT);
    if (len > 0) {
        tls->allowance -= (size_t)len;
        tls->drained = (size_t)len < most;
        if (tls->state == TLS_SHAKING)
            tls->shaken += (size_t)len;
        return (int)len;
    }
    if (len == 0) {
        tls->eof = true;
        return 0;
    }
    if (errno == EAGAIN || errno == EINTR) {
        tls->drained = true;
        BIO_set_retry_read(bio);
    } else {
        tls->error = -errno;
    }
    return -1;
}

static int socket_write(BIO *bio, const char *bytes, int len)
{
    struct tls *tls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    text_add(&tls->edge->out, (struct slice){bytes, (size_t)len});
    return tls->edge->out.failed ? -1 : len;
}

static long socket_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

BIO_METHOD *tls_socket_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "a hub's socket");
    assert(method);
    BIO_meth_set_read(method, socket_read);
    BIO_meth_set_write(method, socket_write);
    BIO_meth_set_ctrl(method, socket_control);
    return method;
}

/* ── what is watched ── */

static void on_poll(uv_poll_t *handle, int status, int events);

void tls_watch(struct tls *tls)
{
    int wanted = tls->plain.io.wanted;
    bool shaking = tls->state == TLS_SHAKING;
    bool reads = shaking ? !tls->due : tls->state == TLS_SNIFFING ? wanted : wanted & IO_WANT_READ;
    bool writes = tls->held.len || (tls->state == TLS_OPEN && (wanted & IO_WANT_WRITE));
    int events = (reads && !tls->error ? UV_READABLE : 0) | (writes ? UV_WRITABLE : 0);
    if (events == tls->watched)
        return;
    tls->watched = (uint8_t)events;
    if (events)
        uv_poll_start(&tls->plain.poll, events, on_poll);
    else
        uv_poll_stop(&tls->plain.poll);
}

/* io_read has something to say. */
static void tls_more(struct tls *tls)
{
    tls->more = true;
    if (tls->plain.io.wanted & IO_WANT_READ)
        tls_due_add(tls);
}

static void shaking_end(struct tls *tls, enum tls_state state)
{
    if (tls->state == TLS_SHAKING) {
        tls_due_remove(tls);
        tls_shaking_remove(tls);
    }
    tls->state = (uint8_t)state;
}

/* What is due then is that somebody hears of it. */
void tls_fail(struct tls *tls, int error, const char *why)
{
    shaking_end(tls, TLS_FAILED);
    tls->error = error;
    if (why && !tls->failure)
        tls->failure = strdup(why);
    text_free(&tls->held);
    tls->held_at = 0;
    tls_more(tls);
    tls_watch(tls);
}

/* ── out ── */

static int send_some(struct tls *tls, struct slice bytes, size_t *ret_sent)
{
    struct iovec vector = {(void *)(uintptr_t)bytes.at, bytes.len};
    *ret_sent = 0;
    while (vector.iov_len) {
        ssize_t sent = plain_write(&tls->plain.io, &vector, 1);
        if (sent < 0)
            return sent == -EAGAIN ? 0 : (int)sent;
        *ret_sent += (size_t)sent;
        vector = (struct iovec){(char *)vector.iov_base + sent, vector.iov_len - (size_t)sent};
    }
    return 0;
}

/* What the system takes of what is held. 0, or a negative errno. */
static int held_send(struct tls *tls)
{
    size_t sent;
    if (!tls->held.len)
        return 0;
    struct slice held = {tls->held.at + tls->held_at, tls->held.len - tls->held_at};
    int error = send_some(tls, held, &sent);
    tls->held_at += sent;
    if (tls->held_at < tls->held.len)
        return error;
    text_free(&tls->held);
    tls->held_at = 0;
    if (tls->finishing)
        plain_finish(&tls->plain.io);
    tls->finishing = false;
    return error;
}

/* Sends what OpenSSL has written, behind what is held. 0, or a negative errno. */
static int out_send(struct tls *tls)
{
    struct text *out = &tls->edge->out;
    size_t sent = 0;
    if (tls->finished) /* OpenSSL answers key updates behind our word for the end, too */
        text_clear(out);
    int error = out->failed ? -ENOMEM : held_send(tls);
    if (error == 0 && out->len && !tls->held.len)
        error = send_some(tls, text_slice(out), &sent);
    if (error == 0 && sent < out->len) {
        /* A peer that has us write and never reads (key updates): not for ever. */
        if (tls->held.len - tls->held_at + out->len - sent > TLS_HELD_MAX)
            error = -ENOBUFS;
        else
            text_add(&tls->held, (struct slice){out->at + sent, out->len - sent});
        if (tls->held.failed)
            error = -ENOMEM;
    }
    text_clear(out);
    if (out->capacity > TLS_OUT_KEPT)
        text_free(out);
    return error;
}

/* Why OpenSSL does not go on: -EAGAIN, 0 at the peer's end, or what the io fails with. */
static int tls_trouble(struct tls *tls, int result)
{
    int kind = SSL_get_error(tls->ssl, result);
    if (kind == SSL_ERROR_WANT_READ && !tls->eof && !tls->error)
        return -EAGAIN;
    if (kind == SSL_ERROR_ZERO_RETURN)
        return 0;
    if (tls->error)
        return tls->error;
    return tls->eof ? -ECONNRESET : -EPROTO;
}

static void trouble_fail(struct tls *tls, int error)
{
    char why[TLS_WHY_SIZE];
    tls_sentence(why, sizeof why);
    if (error == -ECONNRESET && tls->eof)
        tls_fail(tls, error,
                 tls->state == TLS_SHAKING ? "it ended in the middle of the handshake"
                                           : "it ended without the word of TLS for it");
    else
        tls_fail(tls, error, error == -EPROTO ? why : NULL);
}

/* ── beginning ── */

static void tls_become_plain(struct tls *tls)
{
    struct io *io = &tls->plain.io;
    uv_poll_stop(&tls->plain.poll);
    io->kind = &io_plain_kind;
    plain_want(io, io->wanted); /* whose event is still to come */
}

static void shaking_begin(struct tls *tls)
{
    BIO *bio = BIO_new(tls->edge->method);
    tls->ssl = SSL_new(tls->edge->context);
    if (!tls->ssl || !bio) {
        BIO_free(bio);
        tls_fail(tls, -ENOMEM, NULL);
        return;
    }
    BIO_set_data(bio, tls);
    BIO_set_init(bio, 1);
    SSL_set_bio(tls->ssl, bio, bio);
    SSL_set_accept_state(tls->ssl);
    tls->state = TLS_SHAKING;
    tls_shaking_add(tls);
    tls_due_add(tls);
}

static void tls_sniff(struct tls *tls)
{
    char byte;
    ssize_t len = recv(tls->plain.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (len == 1 && byte == TLS_FIRST_BYTE)
        shaking_begin(tls);
    else
        tls_become_plain(tls);
}

static void tls_opened(struct tls *tls)
{
    struct io *io = &tls->plain.io;
    X509 *cert = SSL_get0_peer_certificate(tls->ssl);
    shaking_end(tls, TLS_OPEN);
    if (cert && SSL_get_verify_result(tls->ssl) == X509_V_OK)
        tls->name = tls_owner(cert);
    if (SSL_has_pending(tls->ssl))
        tls_more(tls);
    if (io->wanted & IO_WANT_WRITE && !tls->held.len)
        io->callback(io, IO_WRITABLE, io->context);
}

void tls_step(struct tls *tls)
{
    tls->allowance = TLS_SHAKE_BYTES_MAX - tls->shaken;
    tls->drained = false;
    ERR_clear_error();
    int result = SSL_do_handshake(tls->ssl);
    int trouble = result == 1 ? 0 : tls_trouble(tls, result);
    int error = out_send(tls); /* with what the peer is told of a failure */
    if (result == 1 && error == 0)
        tls_opened(tls);
    else if (trouble == -EAGAIN && error == 0 && tls->allowance > 0)
        return;
    else if (trouble == -EAGAIN && error == 0)
        tls_fail(tls, -EPROTO, "its handshake is too long");
    else if (trouble == -EAGAIN || result == 1)
        tls_fail(tls, error, NULL);
    else
        trouble_fail(tls, trouble ? trouble : -EPROTO);
}

/* ── what the socket tells ── */

static void on_poll(uv_poll_t *handle, int status, int events)
{
    struct tls *tls = handle->data;
    struct io *io = &tls->plain.io;
    if (status < 0) { /* a socket in error, which receiving finds; libuv watches it no more */
        tls->watched = 0;
        events = UV_READABLE;
    }
    if (events & UV_WRITABLE) {
        int error = held_send(tls);
        if (error < 0)
            tls_fail(tls, error, NULL);
        else if (!tls->held.len && tls->state == TLS_OPEN && (io->wanted & IO_WANT_WRITE))
            io->callback(io, IO_WRITABLE, io->context);
    }
    if (io->closed)
        return;
    if (events & UV_READABLE) {
        if (tls->state == TLS_SNIFFING)
            tls_sniff(tls);
        else if (tls->state == TLS_SHAKING)
            tls_due_add(tls);
        else
            io->callback(io, IO_READABLE, io->context);
    }
    if (!io->closed && io->kind != &io_plain_kind)
        tls_watch(tls);
}

/* ── the kind ── */

static void tls_want(struct io *io, int wanted)
{
    struct tls *tls = (struct tls *)io;
    if (wanted & IO_WANT_READ && tls->more && tls->state != TLS_SHAKING)
        tls_due_add(tls);
    tls_watch(tls);
}

/* Also when the end or a failure came behind the bytes: those first. */
static ssize_t tls_read(struct io *io, char *buffer, size_t size)
{
    struct tls *tls = (struct tls *)io;
    size_t len = 0, got;
    int trouble = -EAGAIN;
    tls->more = false;
    if (tls->error)
        return tls->error;
    if (tls->ended)
        return 0;
    if (tls->state != TLS_OPEN)
        return -EAGAIN;
    tls->allowance = size + RECORD_BYTES;
    tls->drained = false;
    while (len < size) {
        ERR_clear_error();
        int result = SSL_read_ex(tls->ssl, buffer + len, size - len, &got);
        if (result == 1) {
            len += got;
            continue;
        }
        trouble = tls_trouble(tls, result);
        break;
    }
    tls->ended = trouble == 0;
    int error = out_send(tls);
    if (trouble < 0 && trouble != -EAGAIN)
        trouble_fail(tls, trouble);
    else if (error < 0)
        tls_fail(tls, error, NULL);
    else if (len == size || (len && tls->ended))
        tls_more(tls);
    tls_watch(tls);
    if (len)
        return (ssize_t)len;
    tls->more = false;
    return tls->error ? tls->error : trouble;
}

/* The next bytes to encrypt: a piece of one vector if it fills a record, or small ones put
 * together. Takes them off the vectors. */
static struct slice pieces_take(struct tls_edge *edge, struct iovec **vectors, unsigned *count)
{
    struct iovec *first = *vectors;
    struct slice piece = {first->iov_base, first->iov_len};
    size_t len = 0;
    if (piece.len >= RECORD_BYTES || *count == 1) {
        if (piece.len > TLS_WRITE_BYTES)
            piece.len = TLS_WRITE_BYTES;
        *first = (struct iovec){(char *)first->iov_base + piece.len, first->iov_len - piece.len};
    } else {
        for (; *count > 0 && len < RECORD_BYTES; (*vectors)++, (*count)--) {
            first = *vectors;
            size_t room = RECORD_BYTES - len, fits = first->iov_len < room ? first->iov_len : room;
            memcpy(edge->record + len, first->iov_base, fits);
            len += fits;
            *first = (struct iovec){(char *)first->iov_base + fits, first->iov_len - fits};
            if (first->iov_len)
                break;
        }
        piece = (struct slice){edge->record, len};
    }
    if (*count > 0 && (*vectors)->iov_len == 0) {
        (*vectors)++;
        (*count)--;
    }
    return piece;
}

/* Encrypts all of a piece: memory takes it all. 0, or a negative errno. */
static int encrypt(struct tls *tls, struct slice piece)
{
    size_t written;
    while (piece.len) {
        ERR_clear_error();
        if (SSL_write_ex(tls->ssl, piece.at, piece.len, &written) != 1)
            return tls->edge->out.failed ? -ENOMEM : -EPROTO;
        piece = (struct slice){piece.at + written, piece.len - written};
    }
    return 0;
}

static ssize_t tls_write(struct io *io, struct iovec *vectors, unsigned count)
{
    struct tls *tls = (struct tls *)io;
    size_t taken = 0;
    if (tls->error || tls->write_error || tls->finished)
        return tls->error ? tls->error : tls->write_error ? tls->write_error : -EPIPE;
    int error = tls->state == TLS_OPEN ? held_send(tls) : -EAGAIN;
    tls->edge->writes++;
    while (error == 0 && count > 0 && !tls->held.len) {
        struct slice piece = pieces_take(tls->edge, &vectors, &count);
        error = encrypt(tls, piece);
        if (error == 0)
            error = out_send(tls);
        taken += piece.len;
    }
    text_clear(&tls->edge->out);
    if (error == -EPROTO)
        trouble_fail(tls, error);
    tls_watch(tls);
    if (error == 0 || error == -EAGAIN)
        return taken ? (ssize_t)taken : -EAGAIN;
    tls->write_error = error;
    return error;
}

/* The word of TLS for "nothing more comes", once. */
static void end_say(struct tls *tls)
{
    if (tls->state == TLS_OPEN && !tls->write_error && !tls->finished) {
        ERR_clear_error();
        SSL_shutdown(tls->ssl);
        ERR_clear_error();
        out_send(tls);
    }
    tls->finished = true;
}

static void tls_finish(struct io *io)
{
    struct tls *tls = (struct tls *)io;
    end_say(tls);
    tls->finishing = tls->held.len > 0;
    if (!tls->finishing)
        plain_finish(io);
    tls_watch(tls);
}

static bool tls_is_flushed(const struct io *io)
{
    return ((const struct tls *)io)->held.len == 0;
}

static bool tls_is_settled(const struct io *io)
{
    const struct tls *tls = (const struct tls *)io;
    return tls->held.len == 0 && !tls->more && plain_is_settled(io);
}

static void tls_protection(const struct io *io, struct io_protection *ret_protection)
{
    const struct tls *tls = (const struct tls *)io;
    *ret_protection = (struct io_protection){.failure = tls->failure};
    if (tls->state != TLS_OPEN)
        return;
    ret_protection->version = SSL_get_version(tls->ssl);
    ret_protection->cipher = SSL_get_cipher_name(tls->ssl);
    ret_protection->name = tls->name;
}

static void tls_no_secrets(struct io *io)
{
    struct tls *tls = (struct tls *)io;
    SSL_clear_options(tls->ssl, SSL_OP_CLEANSE_PLAINTEXT);
}

/* The peer is told that this is the end, if it can be told at once. */
static void tls_close(struct io *io)
{
    struct tls *tls = (struct tls *)io;
    if (tls->held.len == 0)
        end_say(tls);
    tls_due_remove(tls);
    shaking_end(tls, TLS_FAILED);
    SSL_free(tls->ssl);
    text_free(&tls->held);
    free(tls->name);
    free(tls->failure);
    plain_close(io);
}

static const struct io_kind tls_kind = {.want = tls_want,
                                        .read = tls_read,
                                        .write = tls_write,
                                        .finish = tls_finish,
                                        .is_flushed = tls_is_flushed,
                                        .taken = plain_taken,
                                        .is_settled = tls_is_settled,
                                        .protection = tls_protection,
                                        .no_secrets = tls_no_secrets,
                                        .close = tls_close};

struct io *io_tls(struct tls_edge *edge, int fd, io_callback *callback, void *context)
{
    struct tls *tls = calloc(1, sizeof *tls);
    assert(edge->context);
    if (!tls || plain_init(&tls->plain, &tls_kind, edge->loop, fd, callback, context) < 0) {
        free(tls);
        return NULL;
    }
    tls->edge = edge;
    return &tls->plain.io;
}
