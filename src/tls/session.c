/* A connection without a socket. OpenSSL reads what the caller handed in, and writes to memory; so
 * a step of it never waits, and never goes halfway. */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>

#include "tls/tls.h"

struct tls_sessions {
    BIO_METHOD *method;
    struct text out;
};

struct tls_session {
    struct tls_sessions *all;
    SSL *ssl;
    struct slice in; /* what was handed in, and is not read yet */
    size_t shaken;   /* bytes of the peer's, before the handshake ended */
    bool ended, failed;
    char why[128];
};

static int in_read(BIO *bio, char *buffer, int size)
{
    struct tls_session *session = BIO_get_data(bio);
    size_t len = session->in.len < (size_t)size ? session->in.len : (size_t)size;
    BIO_clear_retry_flags(bio);
    if (len == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    memcpy(buffer, session->in.at, len);
    session->in = (struct slice){session->in.at + len, session->in.len - len};
    return (int)len;
}

static int out_write(BIO *bio, const char *bytes, int len)
{
    struct tls_session *session = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    text_add(&session->all->out, (struct slice){bytes, (size_t)len});
    return session->all->out.failed ? -1 : len;
}

static long control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

struct tls_sessions *tls_sessions_new(void)
{
    struct tls_sessions *all = calloc(1, sizeof *all);
    if (all && (all->method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "a session's bytes"))) {
        BIO_meth_set_read(all->method, in_read);
        BIO_meth_set_write(all->method, out_write);
        BIO_meth_set_ctrl(all->method, control);
        return all;
    }
    free(all);
    return NULL;
}

void tls_sessions_free(struct tls_sessions *all)
{
    if (!all)
        return;
    BIO_meth_free(all->method);
    text_free(&all->out);
    free(all);
}

struct text *tls_sessions_out(struct tls_sessions *all)
{
    return &all->out;
}

struct tls_session *tls_session_new(struct tls_sessions *all, SSL_CTX *context)
{
    struct tls_session *session = calloc(1, sizeof *session);
    BIO *bio = session ? BIO_new(all->method) : NULL;
    if (bio && (session->ssl = SSL_new(context))) {
        session->all = all;
        BIO_set_data(bio, session);
        BIO_set_init(bio, 1);
        SSL_set_bio(session->ssl, bio, bio);
        SSL_set_accept_state(session->ssl);
        return session;
    }
    BIO_free(bio);
    free(session);
    return NULL;
}

void tls_session_free(struct tls_session *session)
{
    if (!session)
        return;
    SSL_free(session->ssl);
    free(session);
}

static ssize_t fail(struct tls_session *session, const char *why)
{
    if (why)
        snprintf(session->why, sizeof session->why, "%s", why);
    else
        tls_sentence(session->why, sizeof session->why);
    session->failed = true;
    session->in = (struct slice){NULL, 0};
    return TLS_SESSION_FAILED;
}

void tls_session_take(struct tls_session *session, struct slice bytes)
{
    session->in = bytes;
    if (!tls_session_is_open(session))
        session->shaken += bytes.len;
}

ssize_t tls_session_read(struct tls_session *session, char *buffer, size_t size)
{
    size_t len;
    if (session->failed)
        return TLS_SESSION_FAILED;
    if (session->ended)
        return TLS_SESSION_END;
    ERR_clear_error();
    int result = SSL_read_ex(session->ssl, buffer, size, &len);
    if (result == 1)
        return (ssize_t)len;
    int kind = SSL_get_error(session->ssl, result);
    if (kind == SSL_ERROR_ZERO_RETURN) {
        session->ended = true;
        return TLS_SESSION_END;
    }
    if (kind != SSL_ERROR_WANT_READ)
        return fail(session, NULL);
    if (!tls_session_is_open(session) && session->shaken > TLS_SHAKE_BYTES_MAX)
        return fail(session, "its handshake is too long");
    return 0;
}

bool tls_session_write(struct tls_session *session, struct slice bytes)
{
    size_t written;
    while (bytes.len > 0 && !session->failed) {
        ERR_clear_error();
        if (SSL_write_ex(session->ssl, bytes.at, bytes.len, &written) != 1)
            fail(session, NULL);
        else
            bytes = (struct slice){bytes.at + written, bytes.len - written};
    }
    return !session->failed;
}

void tls_session_finish(struct tls_session *session)
{
    if (session->failed || !tls_session_is_open(session))
        return;
    ERR_clear_error();
    SSL_shutdown(session->ssl);
    ERR_clear_error();
}

bool tls_session_is_open(const struct tls_session *session)
{
    return SSL_is_init_finished(session->ssl);
}

const char *tls_session_failure(const struct tls_session *session)
{
    return session->why;
}
