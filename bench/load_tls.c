/* The generator over TLS: handshakes, reads and writes; and many handshakes at once. Whom it talks
 * to it does not check: what is measured is the broker. */
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static SSL_CTX *context(void)
{
    static SSL_CTX *made;
    if (!made) {
        made = SSL_CTX_new(TLS_client_method());
        if (!made)
            fail("no TLS");
        SSL_CTX_set_mode(made, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                   SSL_MODE_RELEASE_BUFFERS);
        SSL_CTX_set_read_ahead(made, 1);
    }
    return made;
}

static void never_blocks(int fd)
{
    if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
        fail("fcntl: %s", strerror(errno));
}

static SSL *client_of(int fd)
{
    SSL *ssl = SSL_new(context());
    if (!ssl || SSL_set_fd(ssl, fd) != 1)
        fail("no TLS connection");
    SSL_set_connect_state(ssl);
    return ssl;
}

/* True when it is done; else it goes on with what comes. */
static bool shake(SSL *ssl)
{
    ERR_clear_error();
    int result = SSL_do_handshake(ssl);
    if (result != 1 && SSL_get_error(ssl, result) != SSL_ERROR_WANT_READ)
        fail("handshake: %s", ERR_reason_error_string(ERR_peek_error()));
    return result == 1;
}

bool tls_begin(struct connection *connection)
{
    never_blocks(connection->fd);
    connection->ssl = client_of(connection->fd);
    return shake(connection->ssl);
}

bool tls_shake(struct connection *connection)
{
    return shake(connection->ssl);
}

void tls_end(struct connection *connection)
{
    SSL_free(connection->ssl);
}

/* As recv and send would: -1 with EAGAIN when the socket has to be waited for. */
static ssize_t outcome(SSL *ssl, int result)
{
    int kind = SSL_get_error(ssl, result);
    if (kind == SSL_ERROR_ZERO_RETURN)
        return 0;
    errno = kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE ? EAGAIN : EPROTO;
    return -1;
}

ssize_t tls_receive(struct connection *connection, char *buffer, size_t size)
{
    size_t len = 0, got;
    while (len < size) {
        ERR_clear_error();
        int result = SSL_read_ex(connection->ssl, buffer + len, size - len, &got);
        if (result != 1)
            return len ? (ssize_t)len : outcome(connection->ssl, result);
        len += got;
    }
    return (ssize_t)len;
}

ssize_t tls_send(struct connection *connection, const char *bytes, size_t len)
{
    size_t sent;
    ERR_clear_error();
    int result = SSL_write_ex(connection->ssl, bytes, len, &sent);
    return result == 1 ? (ssize_t)sent : outcome(connection->ssl, result);
}

/* One that is done is polled no more. */
static bool shaken(struct pollfd *poll, SSL *client)
{
    bool done = shake(client);
    if (done)
        poll->fd = -1 - poll->fd;
    return done;
}

/* All connect, then all say hello, then each goes on as it is answered. */
void shake_run(const struct plan *plan)
{
    struct pollfd *polls = calloc(plan->receivers, sizeof *polls);
    SSL **clients = calloc(plan->receivers, sizeof *clients);
    unsigned left = plan->receivers;
    if (!polls || !clients)
        fail("out of memory");
    for (unsigned i = 0; i < plan->receivers; i++) {
        polls[i] = (struct pollfd){.fd = connect_to(plan->port), .events = POLLIN};
        never_blocks(polls[i].fd);
        clients[i] = client_of(polls[i].fd);
    }
    int64_t start = clock_ns(), cpu = broker_cpu_ns(plan);
    for (unsigned i = 0; i < plan->receivers; i++)
        left -= shaken(&polls[i], clients[i]);
    while (left) {
        if (poll(polls, plan->receivers, 20000) <= 0)
            fail("%u of %u handshakes are not done, and nothing comes", left, plan->receivers);
        for (unsigned i = 0; i < plan->receivers; i++)
            left -= polls[i].revents && shaken(&polls[i], clients[i]);
    }
    printf("{\"case\": \"shake\", \"handshakes\": %u, \"wall_us\": %.3f, \"cpu_us\": %.3f}\n",
           plan->receivers, (double)(clock_ns() - start) / 1e3,
           (double)(broker_cpu_ns(plan) - cpu) / 1e3);
    for (unsigned i = 0; i < plan->receivers; i++) {
        SSL_free(clients[i]);
        close(-1 - polls[i].fd);
    }
    free(polls);
    free(clients);
}
