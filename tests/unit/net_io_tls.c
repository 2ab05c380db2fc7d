/* The io that encrypts, against a client that is OpenSSL over memory: so that what goes over the
 * socket, and in which pieces, is the test's to choose. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/bounds.h"
#include "net/io_tls.h"
#include "tests/unit/lab_folder.h"
#include "tls/tls.h"

static SSL_CTX *server_context(bool asks_clients)
{
    char cert[256], key[256], ca[256], fingerprint[TLS_FINGERPRINT_SIZE], why[TLS_WHY_SIZE] = "";
    const struct tls_server_files files = {.cert = in_folder("hub.pem", cert),
                                           .key = in_folder("hub.key", key),
                                           .client_ca =
                                               asks_clients ? in_folder("ca.pem", ca) : NULL,
                                           .also_1_2 = true};
    SSL_CTX *context = tls_server_context(&files, fingerprint, why, sizeof why);
    assert_string_equal(why, "");
    return context;
}

/* ── an io and its peer ── */

struct end {
    struct io *io;
    int peer; /* non-blocking; -1: closed */
    unsigned events[IO_CLOSED + 1];
    bool stays; /* wants what it wanted after an event, too */
    SSL *ssl;   /* the client: reads `in`, writes `out` */
    BIO *in, *out;
};

static void on_io(struct io *io, enum io_event event, void *context)
{
    struct end *end = context;
    assert_ptr_equal(io, end->io);
    end->events[event]++;
    if (event != IO_CLOSED && !end->stays)
        io_want(io, 0);
}

static void end_begin(struct end *end, struct tls_edge *edge)
{
    int ends[2];
    *end = (struct end){0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    end->peer = ends[1];
    end->io = io_tls(edge, ends[0], on_io, end);
    assert_non_null(end->io);
}

struct pair {
    uv_loop_t loop;
    struct tls_edge *edge;
    SSL_CTX *client;
    struct end end;
};

static void client_begin(struct pair *pair, struct end *end)
{
    end->ssl = SSL_new(pair->client);
    end->in = BIO_new(BIO_s_mem());
    end->out = BIO_new(BIO_s_mem());
    SSL_set_bio(end->ssl, end->in, end->out);
    SSL_set_connect_state(end->ssl);
}

static void pair_begin(struct pair *pair, uint64_t shake_ms, bool asks_clients)
{
    *pair = (struct pair){0};
    assert_int_equal(uv_loop_init(&pair->loop), 0);
    pair->edge = tls_edge_new(&pair->loop, shake_ms);
    tls_edge_use(pair->edge, server_context(asks_clients));
    pair->client = SSL_CTX_new(TLS_client_method());
    end_begin(&pair->end, pair->edge);
    client_begin(pair, &pair->end);
}

static void end_over(struct end *end, uv_loop_t *loop)
{
    io_close(end->io);
    assert_int_equal(end->events[IO_CLOSED], 0); /* not within the call */
    while (!end->events[IO_CLOSED])
        uv_run(loop, UV_RUN_NOWAIT);
    SSL_free(end->ssl);
    if (end->peer >= 0)
        close(end->peer);
}

static void pair_over(struct pair *pair)
{
    end_over(&pair->end, &pair->loop);
    tls_edge_stop(pair->edge);
    uv_run(&pair->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&pair->loop), 0);
    tls_edge_free(pair->edge);
    SSL_CTX_free(pair->client);
}

/* What the client has written goes to the socket, `piece` bytes at a time with a turn after each;
 * what comes from there is handed to it. */
static void carry(struct end *end, uv_loop_t *loop, size_t piece)
{
    static char bytes[1 << 16];
    int len;
    while ((len = BIO_read(end->out, bytes, (int)piece)) > 0) {
        for (ssize_t at = 0, sent; at < len; at += sent) {
            sent = send(end->peer, bytes + at, (size_t)(len - at), MSG_NOSIGNAL);
            if (sent < 0)
                sent = 0;
            uv_run(loop, UV_RUN_NOWAIT);
        }
    }
    uv_run(loop, UV_RUN_NOWAIT);
    ssize_t got;
    while ((got = recv(end->peer, bytes, sizeof bytes, 0)) > 0)
        BIO_write(end->in, bytes, (int)got);
}

/* Carries until the client has finished its handshake (1), or has failed (-1). */
static int shake(struct end *end, uv_loop_t *loop, size_t piece)
{
    io_want(end->io, IO_WANT_READ);
    for (;;) {
        int result = SSL_do_handshake(end->ssl);
        int kind = SSL_get_error(end->ssl, result);
        carry(end, loop, piece);
        if (result == 1)
            return 1;
        if (kind != SSL_ERROR_WANT_READ)
            return -1;
        if (end->events[IO_READABLE])
            return -1;
    }
}

static void pair_shaken(struct pair *pair)
{
    assert_int_equal(shake(&pair->end, &pair->loop, 1 << 14), 1);
    while (tls_edge_shaking(pair->edge))
        uv_run(&pair->loop, UV_RUN_NOWAIT);
    io_want(pair->end.io, 0);
    pair->end.events[IO_READABLE] = 0;
}

/* Waits for an event that is wanted. */
static void await(struct pair *pair, enum io_event event)
{
    unsigned before = pair->end.events[event];
    io_want(pair->end.io, event == IO_READABLE ? IO_WANT_READ : IO_WANT_WRITE);
    while (pair->end.events[event] == before)
        uv_run(&pair->loop, UV_RUN_ONCE);
}

/* ── tests ── */

static void a_handshake_comes_in_pieces_of_one_byte(void **state)
{
    (void)state;
    struct pair pair;
    char buffer[64];
    pair_begin(&pair, 1 << 20, false);
    assert_int_equal(io_read(pair.end.io, buffer, sizeof buffer), -EAGAIN);
    struct iovec vector = {(void *)(uintptr_t) "early", 5};
    assert_int_equal(io_write(pair.end.io, &vector, 1), -EAGAIN);
    assert_null(io_protection(pair.end.io).version);
    assert_int_equal(shake(&pair.end, &pair.loop, 1), 1);
    assert_int_equal(SSL_write(pair.end.ssl, "hello", 5), 5);
    carry(&pair.end, &pair.loop, 1);
    assert_int_equal(pair.end.events[IO_READABLE], 1);
    assert_int_equal(io_read(pair.end.io, buffer, sizeof buffer), 5);
    assert_memory_equal(buffer, "hello", 5);
    assert_int_equal(io_read(pair.end.io, buffer, sizeof buffer), -EAGAIN);
    struct iovec two[2] = {{(void *)(uintptr_t) "ans", 3}, {(void *)(uintptr_t) "wer", 3}};
    assert_int_equal(io_write(pair.end.io, two, 2), 6);
    assert_true(io_is_flushed(pair.end.io) && io_taken(pair.end.io) > 6);
    carry(&pair.end, &pair.loop, 1);
    assert_int_equal(SSL_read(pair.end.ssl, buffer, sizeof buffer), 6);
    assert_memory_equal(buffer, "answer", 6);
    struct io_protection protection = io_protection(pair.end.io);
    assert_string_equal(protection.version, "TLSv1.3");
    assert_string_equal(protection.cipher, SSL_get_cipher_name(pair.end.ssl));
    assert_null(protection.name);
    assert_null(protection.failure);
    pair_over(&pair);
}

static void a_peer_without_tls_is_carried_as_it_is(void **state)
{
    (void)state;
    struct pair pair;
    char buffer[64];
    pair_begin(&pair, 1 << 20, false);
    assert_int_equal(send(pair.end.peer, "plain", 5, 0), 5);
    await(&pair, IO_READABLE);
    assert_int_equal(io_read(pair.end.io, buffer, sizeof buffer), 5);
    assert_memory_equal(buffer, "plain", 5);
    await(&pair, IO_WRITABLE);
    struct iovec vector = {(void *)(uintptr_t) "answer", 6};
    assert_int_equal(io_write(pair.end.io, &vector, 1), 6);
    assert_int_equal(recv(pair.end.peer, buffer, sizeof buffer, 0), 6);
    assert_memory_equal(buffer, "answer", 6);
    assert_null(io_protection(pair.end.io).version);
    io_finish(pair.end.io);
    assert_int_equal(recv(pair.end.peer, buffer, sizeof buffer, 0), 0);
    pair_over(&pair);
}

static void the_end_is_told_from_a_connection_that_broke(void **state)
{
    (void)state;
    for (int broken = 0; broken < 2; broken++) {
        struct pair pair;
        char buffer[64];
        pair_begin(&pair, 1 << 20, false);
        pair_shaken(&pair);
        assert_int_equal(SSL_write(pair.end.ssl, "last", 4), 4);
        if (!broken)
            SSL_shutdown(pair.end.ssl);
        carry(&pair.end, &pair.loop, 1 << 14);
        if (broken)
            shutdown(pair.end.peer, SHUT_WR);
        await(&pair, IO_READABLE);
        assert_int_equal(io_read(pair.end.io, buffer, sizeof buffer), 4);
        await(&pair, IO_READABLE); /* though the socket has no more to say */
        assert_int_equal(io_read(pair.end.io, buffer, sizeof buffer), broken ? -ECONNRESET : 0);
        if (broken)
            assert_string_equal(io_protection(pair.end.io).failure,
                                "it ended without the word of TLS for it");
        else
            assert_null(io_protection(pair.end.io).failure);
        pair_over(&pair);
    }
}

/* Both ways of ending: with what is still to be written written, and the other way still open. */
static void our_end_is_said_by_tls(void **state)
{
    (void)state;
    for (int finishes = 0; finishes < 2; finishes++) {
        struct pair pair;
        char buffer[64];
        pair_begin(&pair, 1 << 20, false);
        pair_shaken(&pair);
        struct iovec vector = {(void *)(uintptr_t) "last", 4};
        assert_int_equal(io_write(pair.end.io, &vector, 1), 4);
        if (finishes) {
            io_finish(pair.end.io);
            assert_int_equal(io_write(pair.end.io, &vector, 1), -EPIPE);
            assert_int_equal(SSL_write(pair.end.ssl, "more", 4), 4);
            carry(&pair.end, &pair.loop, 1 << 14);
            await(&pair, IO_READABLE);
            assert_int_equal(io_read(pair.end.io, buffer, sizeof buffer), 4);
        } else {
            io_close(pair.end.io);
            carry(&pair.end, &pair.loop, 1 << 14);
        }
        assert_int_equal(SSL_read(pair.end.ssl, buffer, sizeof buffer), 4);
        int result = SSL_read(pair.end.ssl, buffer, sizeof buffer);
        assert_int_equal(SSL_get_error(pair.end.ssl, result), SSL_ERROR_ZERO_RETURN);
        if (finishes) {
            pair_over(&pair);
            continue;
        }
        SSL_free(pair.end.ssl);
        close(pair.end.peer);
        tls_edge_stop(pair.edge);
        uv_run(&pair.loop, UV_RUN_DEFAULT);
        assert_int_equal(uv_loop_close(&pair.loop), 0);
        tls_edge_free(pair.edge);
        SSL_CTX_free(pair.client);
    }
}

/* Nothing may be said behind our end, not even what a peer's new keys ask for. (Found by fuzz_tls:
 * reading failed.) */
static void behind_our_end_new_keys_are_not_answered(void **state)
{
    (void)state;
    struct pair pair;
    char buffer[64];
    pair_begin(&pair, 1 << 20, false);
    pair_shaken(&pair);
    io_finish(pair.end.io);
    for (int times = 0; times < 3; times++) {
        assert_int_equal(SSL_key_update(pair.end.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        assert_int_equal(SSL_write(pair.end.ssl, "more", 4), 4);
        carry(&pair.end, &pair.loop, 1 << 14);
        await(&pair, IO_READABLE);
        assert_int_equal(io_read(pair.end.io, buffer, sizeof buffer), 4);
        assert_memory_equal(buffer, "more", 4);
    }
    SSL_shutdown(pair.end.ssl);
    carry(&pair.end, &pair.loop, 1 << 14);
    await(&pair, IO_READABLE);
    assert_int_equal(io_read(pair.end.io, buffer, sizeof buffer), 0);
    assert_null(io_protection(pair.end.io).failure);
    pair_over(&pair);
}

static char byte_at(size_t at)
{
    return (char)(at * 2654435761u >> 13);
}

/* Reads what the client has, and checks that it goes on where it stopped. */
static size_t check_stream(struct pair *pair, size_t at)
{
    static char got[1 << 16];
    carry(&pair->end, &pair->loop, 1 << 14);
    int len;
    while ((len = SSL_read(pair->end.ssl, got, sizeof got)) > 0)
        for (int i = 0; i < len; i++, at++)
            assert_int_equal(got[i], byte_at(at));
    return at;
}

/* Much is written to a peer that reads now and then, in pieces of every size; after -EAGAIN the
 * caller comes with fewer bytes. */
static void much_is_written_in_pieces_of_any_size(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 300, 70000, 16384, 5, 16383, 40000, 2, 200000, 7};
    static char bytes[1 << 20];
    struct pair pair;
    size_t total = 8 << 20, at = 0, seen = 0;
    unsigned refused = 0;
    pair_begin(&pair, 1 << 20, false);
    pair_shaken(&pair);
    while (at < total) {
        struct iovec vectors[10];
        size_t len = 0;
        for (unsigned i = 0; i < 10; i++) {
            size_t size = refused % 2 ? 3 : sizes[(at + i) % 10];
            vectors[i] = (struct iovec){bytes + len, size};
            len += size;
        }
        for (size_t i = 0; i < len; i++)
            bytes[i] = byte_at(at + i);
        ssize_t taken = io_write(pair.end.io, vectors, 10);
        if (taken > 0) {
            at += (size_t)taken;
            assert_true((size_t)taken <= len);
            continue;
        }
        assert_int_equal(taken, -EAGAIN);
        assert_false(io_is_flushed(pair.end.io) || io_is_settled(pair.end.io));
        refused++;
        unsigned before = pair.end.events[IO_WRITABLE];
        io_want(pair.end.io, IO_WANT_WRITE);
        uv_run(&pair.loop, UV_RUN_NOWAIT);
        assert_int_equal(pair.end.events[IO_WRITABLE], before);
        while (pair.end.events[IO_WRITABLE] == before)
            seen = check_stream(&pair, seen);
        assert_true(io_is_flushed(pair.end.io));
    }
    assert_true(refused > 2);
    while (seen < at)
        seen = check_stream(&pair, seen);
    assert_int_equal(seen, at);
    pair_over(&pair);
}

/* All of a record is in OpenSSL when its first bytes are read: no event of the socket's tells of
 * the rest. */
static void a_small_buffer_reads_all_of_a_record(void **state)
{
    (void)state;
    static char sent[40000], got[40000];
    struct pair pair;
    size_t at = 0;
    for (size_t i = 0; i < sizeof sent; i++)
        sent[i] = byte_at(i);
    pair_begin(&pair, 1 << 20, false);
    pair_shaken(&pair);
    assert_int_equal(SSL_write(pair.end.ssl, sent, sizeof sent), sizeof sent);
    carry(&pair.end, &pair.loop, 1 << 16);
    while (at < sizeof got) {
        await(&pair, IO_READABLE);
        ssize_t len = io_read(pair.end.io, got + at, sizeof got - at < 999 ? sizeof got - at : 999);
        if (len == -EAGAIN)
            continue;
        assert_true(len > 0);
        at += (size_t)len;
    }
    assert_memory_equal(got, sent, sizeof got);
    pair_over(&pair);
}

static void only_wanted_events_come(void **state)
{
    (void)state;
    struct pair pair;
    char buffer[8];
    pair_begin(&pair, 1 << 20, false);
    pair_shaken(&pair);
    assert_int_equal(SSL_write(pair.end.ssl, "sixteen bytes, 1", 16), 16);
    carry(&pair.end, &pair.loop, 1 << 14);
    unsigned before = pair.end.events[IO_READABLE];
    for (int i = 0; i < 5; i++)
        uv_run(&pair.loop, UV_RUN_NOWAIT);
    assert_int_equal(pair.end.events[IO_READABLE], before);
    assert_int_equal(io_read(pair.end.io, buffer, 8), 8); /* there is more, and nobody asks */
    for (int i = 0; i < 5; i++)
        uv_run(&pair.loop, UV_RUN_NOWAIT);
    assert_int_equal(pair.end.events[IO_READABLE], before);
    await(&pair, IO_READABLE);
    assert_int_equal(io_read(pair.end.io, buffer, 8), 8);
    pair_over(&pair);
}

/* ── what does not get through ── */

/* Waits for the failure; returns its sentence. */
static const char *failure_of(struct pair *pair)
{
    char buffer[64];
    if (!pair->end.events[IO_READABLE])
        await(pair, IO_READABLE);
    assert_int_equal(io_read(pair->end.io, buffer, sizeof buffer), -EPROTO);
    assert_int_equal(tls_edge_shaking(pair->edge), 0);
    struct iovec vector = {buffer, 1};
    assert_int_equal(io_write(pair->end.io, &vector, 1), -EPROTO);
    const char *failure = io_protection(pair->end.io).failure;
    assert_non_null(failure);
    return failure;
}

static void a_handshake_that_takes_too_long_is_over(void **state)
{
    (void)state;
    struct pair pair;
    char hello[2048];
    pair_begin(&pair, 1, false);
    SSL_do_handshake(pair.end.ssl);
    assert_true(BIO_read(pair.end.out, hello, sizeof hello) > 100);
    assert_int_equal(send(pair.end.peer, hello, 100, 0), 100);
    assert_string_equal(failure_of(&pair), "its handshake took too long");
    pair_over(&pair);
}

/* A hello of 100,000 bytes, so its header says. */
static void a_handshake_of_too_many_bytes_is_over(void **state)
{
    (void)state;
    static char record[5 + 16384] = "\x16\x03\x01\x40\x00\x01\x01\x86\xa0";
    struct pair pair;
    pair_begin(&pair, 1 << 20, false);
    io_want(pair.end.io, IO_WANT_READ);
    for (int i = 0; i < 6; i++) {
        for (size_t at = 0; at < sizeof record;) {
            ssize_t sent = send(pair.end.peer, record + at, sizeof record - at, MSG_NOSIGNAL);
            at += sent > 0 ? (size_t)sent : 0;
            uv_run(&pair.loop, UV_RUN_NOWAIT);
            if (pair.end.events[IO_READABLE])
                break;
        }
        memset(record + 5, 0, 4);
    }
    assert_string_equal(failure_of(&pair), "its handshake is too long");
    pair_over(&pair);
}

static void junk_and_broken_records_are_the_end(void **state)
{
    (void)state;
    struct pair pair;
    char buffer[256];
    pair_begin(&pair, 1 << 20, false);
    assert_int_equal(send(pair.end.peer, "\x16hello, is this a hub?\n", 23, 0), 23);
    assert_true(strlen(failure_of(&pair)) > 5);
    pair_over(&pair);

    pair_begin(&pair, 1 << 20, false);
    pair_shaken(&pair);
    assert_int_equal(SSL_write(pair.end.ssl, "secret", 6), 6);
    int len = BIO_read(pair.end.out, buffer, sizeof buffer);
    buffer[len - 1] ^= 1; /* of the record's tag */
    assert_int_equal(send(pair.end.peer, buffer, (size_t)len, 0), len);
    assert_non_null(strstr(failure_of(&pair), "mac"));
    pair_over(&pair);
}

/* TLS 1.2 lets a client ask for another handshake at any time: free work for a stranger. */
static void renegotiation_is_refused(void **state)
{
    (void)state;
    struct pair pair;
    char buffer[64];
    pair_begin(&pair, 1 << 20, false);
    SSL_set_max_proto_version(pair.end.ssl, TLS1_2_VERSION);
    pair_shaken(&pair);
    assert_string_equal(io_protection(pair.end.io).version, "TLSv1.2");
    assert_int_equal(SSL_renegotiate(pair.end.ssl), 1);
    assert_int_equal(SSL_do_handshake(pair.end.ssl), -1); /* as far as it can without an answer */
    carry(&pair.end, &pair.loop, 1 << 14);
    await(&pair, IO_READABLE);
    assert_int_equal(io_read(pair.end.io, buffer, sizeof buffer), -EAGAIN);
    carry(&pair.end, &pair.loop, 1 << 14);
    assert_int_equal(SSL_read(pair.end.ssl, buffer, sizeof buffer), -1);
    assert_int_equal(ERR_GET_REASON(ERR_peek_last_error()), SSL_R_NO_RENEGOTIATION);
    ERR_clear_error();
    assert_int_equal(tls_edge_shaking(pair.edge), 0);
    pair_over(&pair);
}

/* Each is answered, and nobody reads the answers. */
static void key_updates_without_end_are_the_end(void **state)
{
    (void)state;
    struct pair pair;
    char buffer[64];
    ssize_t read = -EAGAIN;
    pair_begin(&pair, 1 << 20, false);
    pair_shaken(&pair);
    for (int i = 0; i < 100000 && read == -EAGAIN; i++) {
        char record[128];
        assert_int_equal(SSL_key_update(pair.end.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        assert_int_equal(SSL_do_handshake(pair.end.ssl), 1);
        int len = BIO_read(pair.end.out, record, sizeof record);
        assert_int_equal(send(pair.end.peer, record, (size_t)len, 0), len);
        read = io_read(pair.end.io, buffer, sizeof buffer);
    }
    assert_int_equal(read, -ENOBUFS);
    pair_over(&pair);
}

static void client_shows(struct pair *pair, const char *name)
{
    char file[32], path[256];
    snprintf(file, sizeof file, "%s.pem", name);
    assert_int_equal(
        SSL_use_certificate_file(pair->end.ssl, in_folder(file, path), SSL_FILETYPE_PEM), 1);
    snprintf(file, sizeof file, "%s.key", name);
    assert_int_equal(
        SSL_use_PrivateKey_file(pair->end.ssl, in_folder(file, path), SSL_FILETYPE_PEM), 1);
}

static void the_name_of_a_certificate_counts_if_somebody_trusted_vouches(void **state)
{
    (void)state;
    struct pair pair;
    pair_begin(&pair, 1 << 20, true);
    client_shows(&pair, "ada");
    pair_shaken(&pair);
    assert_string_equal(io_protection(pair.end.io).name, "ada");
    pair_over(&pair);

    pair_begin(&pair, 1 << 20, true); /* shows none */
    pair_shaken(&pair);
    assert_null(io_protection(pair.end.io).name);
    pair_over(&pair);

    pair_begin(&pair, 1 << 20, true);
    client_shows(&pair, "stranger"); /* named ada as well */
    shake(&pair.end, &pair.loop, 1 << 14);
    assert_non_null(strstr(failure_of(&pair), "certificate verify failed"));
    assert_null(io_protection(pair.end.io).name);
    pair_over(&pair);
}

#define MANY (5 * TLS_STEPS_PER_TURN)

static void write_often(struct pair *pair, unsigned writes)
{
    char bytes[1 << 14], byte = 'x';
    for (; writes; writes--) {
        assert_int_equal(io_write(pair->end.io, &(struct iovec){&byte, 1}, 1), 1);
        while (recv(pair->end.peer, bytes, sizeof bytes, 0) > 0)
            ;
    }
}

/* MANY clients say hello at once. Returns the most that a turn answers, when before each turn the
 * pair's own io has made that many writes. */
static unsigned most_steps(struct pair *pair, unsigned writes)
{
    static struct end ends[MANY];
    unsigned answered = 0, before, most = 0;
    for (unsigned i = 0; i < MANY; i++) {
        char hello[2048];
        end_begin(&ends[i], pair->edge);
        client_begin(pair, &ends[i]);
        SSL_do_handshake(ends[i].ssl);
        int len = BIO_read(ends[i].out, hello, sizeof hello);
        assert_int_equal(send(ends[i].peer, hello, (size_t)len, 0), len);
        io_want(ends[i].io, IO_WANT_READ);
    }
    while (answered < MANY) {
        char byte;
        before = answered;
        answered = 0;
        write_often(pair, writes);
        uv_run(&pair->loop, UV_RUN_NOWAIT);
        for (unsigned i = 0; i < MANY; i++)
            answered += recv(ends[i].peer, &byte, 1, MSG_PEEK) == 1;
        most = answered - before > most ? answered - before : most;
    }
    assert_int_equal(tls_edge_shaking(pair->edge), MANY);
    for (unsigned i = 0; i < MANY; i++)
        end_over(&ends[i], &pair->loop);
    assert_int_equal(tls_edge_shaking(pair->edge), 0);
    return most;
}

/* However many come at once: who has joined waits for no more. */
static void a_turn_makes_a_few_steps_of_handshakes(void **state)
{
    (void)state;
    struct pair pair;
    pair_begin(&pair, 1 << 20, false);
    pair_shaken(&pair);
    assert_int_equal(most_steps(&pair, 0), TLS_STEPS_PER_TURN);
    pair_over(&pair);
}

/* Where each turn writes to many, few newcomers a turn would be few a second, each told to all. */
static void a_turn_that_writes_much_makes_more_of_them(void **state)
{
    (void)state;
    struct pair pair;
    pair_begin(&pair, 1 << 20, false);
    pair_shaken(&pair);
    assert_int_equal(most_steps(&pair, 3 * TLS_WRITES_PER_STEP), TLS_STEPS_PER_TURN + 3);
    write_often(&pair, 3 * TLS_WRITES_PER_STEP);
    assert_int_equal(most_steps(&pair, 0), TLS_STEPS_PER_TURN); /* that was before they came */
    pair_over(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handshake_comes_in_pieces_of_one_byte),
        cmocka_unit_test(a_peer_without_tls_is_carried_as_it_is),
        cmocka_unit_test(the_end_is_told_from_a_connection_that_broke),
        cmocka_unit_test(our_end_is_said_by_tls),
        cmocka_unit_test(behind_our_end_new_keys_are_not_answered),
        cmocka_unit_test(much_is_written_in_pieces_of_any_size),
        cmocka_unit_test(a_small_buffer_reads_all_of_a_record),
        cmocka_unit_test(only_wanted_events_come),
        cmocka_unit_test(a_handshake_that_takes_too_long_is_over),
        cmocka_unit_test(a_handshake_of_too_many_bytes_is_over),
        cmocka_unit_test(junk_and_broken_records_are_the_end),
        cmocka_unit_test(renegotiation_is_refused),
        cmocka_unit_test(key_updates_without_end_are_the_end),
        cmocka_unit_test(the_name_of_a_certificate_counts_if_somebody_trusted_vouches),
        cmocka_unit_test(a_turn_makes_a_few_steps_of_handshakes),
        cmocka_unit_test(a_turn_that_writes_much_makes_more_of_them),
    };
    return cmocka_run_group_tests(tests, lab_folder_make, lab_folder_remove);
}
