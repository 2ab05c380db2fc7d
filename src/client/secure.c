/* See secure.h. OpenSSL reads and writes the socket itself, through a BIO of ours: its own would
 * have SIGPIPE end the program. */
#include "client/secure.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "khub.h"
#include "tls/tls.h"

struct secure {
    char *host, *ca, *cert, *key;
    struct tls_expected expected;
    BIO_METHOD *method;
    SSL_CTX *context;
    SSL *ssl;      /* NULL: no connection */
    int fd, error; /* errno of the socket's last failure */
    bool eof, writes;
    char why[SECURE_WHY_SIZE];
};

/* ── the socket ── */

static int socket_read(BIO *bio, char *buffer, int size)
{
    struct secure *secure = BIO_get_data(bio);
    ssize_t len;
    BIO_clear_retry_flags(bio);
    do
        len = recv(secure->fd, buffer, (size_t)size, MSG_DONTWAIT);
    while (len < 0 && errno == EINTR);
    if (len < 0 && errno == EAGAIN)
        BIO_set_retry_read(bio);
    else if (len < 0)
        secure->error = errno;
    secure->eof |= len == 0;
    return (int)len;
}

static int socket_write(BIO *bio, const char *bytes, int size)
{
    struct secure *secure = BIO_get_data(bio);
    ssize_t len;
    BIO_clear_retry_flags(bio);
    do
        len = send(secure->fd, bytes, (size_t)size, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (len < 0 && errno == EINTR);
    if (len < 0 && errno == EAGAIN)
        BIO_set_retry_write(bio);
    else if (len < 0)
        secure->error = errno;
    return (int)len;
}

static long socket_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

/* ── making ── */

static int copy(const char *text, char **ret_copy)
{
    *ret_copy = text ? strdup(text) : NULL;
    return text && !*ret_copy ? KHUB_E_NO_MEMORY : 0;
}

static int fill(struct secure *secure, const struct khub_tls *options, const char *host)
{
    static const struct khub_tls nothing = {0};
    if (!options)
        options = &nothing;
    if (!options->cert != !options->key || (options->ca && options->fingerprint))
        return KHUB_E_ARGUMENT;
    secure->expected.pinned = options->fingerprint != NULL;
    if (options->fingerprint &&
        tls_fingerprint_parse(options->fingerprint, secure->expected.digest) < 0)
        return KHUB_E_ARGUMENT;
    if (copy(host, &secure->host) < 0 || copy(options->ca, &secure->ca) < 0 ||
        copy(options->cert, &secure->cert) < 0 || copy(options->key, &secure->key) < 0)
        return KHUB_E_NO_MEMORY;
    secure->expected.host = secure->host;
    secure->method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "a link's socket");
    if (!secure->method)
        return KHUB_E_NO_MEMORY;
    BIO_meth_set_read(secure->method, socket_read);
    BIO_meth_set_write(secure->method, socket_write);
    BIO_meth_set_ctrl(secure->method, socket_control);
    return 0;
}

int secure_new(const struct khub_tls *options, const char *host, struct secure **ret_secure)
{
    struct secure *secure = calloc(1, sizeof *secure);
    if (!secure)
        return KHUB_E_NO_MEMORY;
    int error = fill(secure, options, host);
    if (error < 0)
        secure_free(secure);
    else
        *ret_secure = secure;
    return error;
}

void secure_free(struct secure *secure)
{
    if (!secure)
        return;
    secure_drop(secure);
    BIO_meth_free(secure->method);
    free(secure->host);
    free(secure->ca);
    free(secure->cert);
    free(secure->key);
    free(secure);
}

/* ── a connection ── */

static int on_verify(X509_STORE_CTX *chain, void *data)
{
    struct secure *secure = data;
    return tls_verify(chain, &secure->expected, secure->why, sizeof secure->why);
}

/* A host by number is asked for by number, and no name is sent. */
static int host_expect(struct secure *secure)
{
    unsigned char any[sizeof(struct in6_addr)];
    X509_VERIFY_PARAM *wanted = SSL_get0_param(secure->ssl);
    if (inet_pton(AF_INET, secure->host, any) == 1 || inet_pton(AF_INET6, secure->host, any) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(wanted, secure->host);
    return SSL_set_tlsext_host_name(secure->ssl, secure->host) == 1 &&
           SSL_set1_host(secure->ssl, secure->host) == 1;
}

int secure_begin(struct secure *secure, int fd)
{
    const struct tls_client_files files = {.ca = secure->ca,
                                           .cert = secure->cert,
                                           .key = secure->key,
                                           .pinned = secure->expected.pinned};
    secure_drop(secure);
    secure->fd = fd;
    secure->error = 0;
    secure->eof = secure->writes = false;
    secure->why[0] = '\0';
    secure->context = tls_client_context(&files, secure->why, sizeof secure->why);
    if (!secure->context)
        return -1;
    SSL_CTX_set_cert_verify_callback(secure->context, on_verify, secure);
    BIO *bio = BIO_new(secure->method);
    secure->ssl = SSL_new(secure->context);
    if (!bio || !secure->ssl || !host_expect(secure)) {
        BIO_free(bio);
        snprintf(secure->why, sizeof secure->why, "no TLS for %s: out of memory, or no such host",
                 secure->host);
        secure_drop(secure);
        return -1;
    }
    BIO_set_data(bio, secure);
    BIO_set_init(bio, 1);
    SSL_set_bio(secure->ssl, bio, bio);
    SSL_set_connect_state(secure->ssl);
    return 0;
}

void secure_drop(struct secure *secure)
{
    if (!secure)
        return;
    SSL_free(secure->ssl);
    tls_context_free(secure->context);
    secure->ssl = NULL;
    secure->context = NULL;
}

/* Why OpenSSL does not go on, as an errno: EAGAIN, 0 at the hub's end, or what failed. */
static int trouble(struct secure *secure, int result)
{
    int kind = SSL_get_error(secure->ssl, result);
    secure->writes = kind == SSL_ERROR_WANT_WRITE;
    if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE)
        return EAGAIN;
    if (kind == SSL_ERROR_ZERO_RETURN)
        return 0;
    if (kind == SSL_ERROR_SYSCALL && (secure->error || secure->eof)) {
        int error = secure->error ? secure->error : ECONNRESET;
        snprintf(secure->why, sizeof secure->why, "%s",
                 secure->error ? strerror(error) : "it ended without the word of TLS for it");
        return error;
    }
    if (!secure->why[0]) /* what tls_verify said is more */
        tls_sentence(secure->why, sizeof secure->why);
    return EPROTO;
}

/* The hub is known: who may vouch for it is not asked again, and of a system's roots there are so
 * many that they would be most of what a connection holds. */
static void vouchers_forget(struct secure *secure)
{
    X509_STORE *nobody = X509_STORE_new();
    if (nobody)
        SSL_CTX_set_cert_store(secure->context, nobody);
}

enum secure_step secure_shake(struct secure *secure)
{
    ERR_clear_error();
    int result = SSL_do_handshake(secure->ssl);
    if (result == 1) {
        secure->writes = false;
        vouchers_forget(secure);
        return SECURE_DONE;
    }
    unsigned long code = ERR_peek_error();
    int error = trouble(secure, result);
    if (error == EAGAIN)
        return SECURE_WAITS;
    if (error != EPROTO && error != 0)
        return SECURE_LOST;
    if (ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_WRONG_VERSION_NUMBER)
        snprintf(
            secure->why, sizeof secure->why,
            "it does not speak TLS there: a hub without a certificate is at HOST:PORT, without "
            "khubs://");
    return SECURE_REFUSED;
}

bool secure_wants_write(const struct secure *secure)
{
    return secure->writes;
}

ssize_t secure_send(struct secure *secure, const char *bytes, size_t len)
{
    size_t sent;
    ERR_clear_error();
    int result = SSL_write_ex(secure->ssl, bytes, len, &sent);
    if (result == 1) {
        secure->writes = false;
        return (ssize_t)sent;
    }
    errno = trouble(secure, result);
    if (errno == 0)
        errno = EPIPE;
    return -1;
}

ssize_t secure_receive(struct secure *secure, char *buffer, size_t size)
{
    size_t len;
    bool writes = secure->writes; /* of a send that waits */
    ERR_clear_error();
    int result = SSL_read_ex(secure->ssl, buffer, size, &len);
    if (result == 1)
        return (ssize_t)len;
    int error = trouble(secure, result);
    secure->writes |= writes;
    errno = error;
    return error == 0 ? 0 : -1;
}

void secure_finish(struct secure *secure)
{
    ERR_clear_error();
    SSL_shutdown(secure->ssl);
    ERR_clear_error();
}

const char *secure_why(const struct secure *secure)
{
    return secure->why;
}
