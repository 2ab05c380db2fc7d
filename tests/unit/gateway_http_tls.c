/* An HTTP server over TLS, whose client makes it say things of TLS's own, and never reads them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/http_server.h"
#include "tests/unit/lab_folder.h"
#include "tls/tls.h"

#define UPDATES_MOST                                                                               \
    100000 /* of keys: what the system takes, and the server's own bound, is less */

static struct {
    uv_loop_t loop;
    struct http_server *http;
    unsigned port;
} test;

static void handle_echo(struct http_request *request)
{
    http_reply(request, 200, "text/plain", http_request_body(request));
}

static const struct http_route routes[] = {
    {.method = "POST", .path = "/echo", .handler = handle_echo, .body_max = 1 << 20}, {0}};

static int prepare(void **state)
{
    char cert[256], key[256], fingerprint[TLS_FINGERPRINT_SIZE], why[TLS_WHY_SIZE];
    if (lab_folder_make(state) < 0)
        return -1;
    const struct tls_server_files files = {.cert = in_folder("hub.pem", cert),
                                           .key = in_folder("hub.key", key)};
    const struct http_server_options options = {.routes = routes, .send_buffer = 4096};
    uv_loop_init(&test.loop);
    test.http = http_server_new(&test.loop, &options);
    struct ssl_ctx_st *context = tls_server_context(&files, fingerprint, why, sizeof why);
    if (!context || !http_server_use_tls(test.http, context) ||
        http_server_listen(test.http, "127.0.0.1:0", why, sizeof why) < 0)
        return -1;
    test.port = http_server_port(test.http);
    signal(SIGPIPE, SIG_IGN);
    return 0;
}

static int clear(void **state)
{
    http_server_close(test.http);
    uv_run(&test.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&test.loop), 0);
    return lab_folder_remove(state);
}

/* A non-blocking client that has shaken hands. */
static SSL *client_new(SSL_CTX *context, int *ret_fd)
{
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons((uint16_t)test.port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), small = 4096, done;
    there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    assert_int_equal(connect(fd, (struct sockaddr *)&there, sizeof there), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    SSL *ssl = SSL_new(context);
    SSL_set_fd(ssl, fd);
    while ((done = SSL_connect(ssl)) != 1) {
        assert_int_equal(SSL_get_error(ssl, done), SSL_ERROR_WANT_READ);
        uv_run(&test.loop, UV_RUN_NOWAIT);
    }
    *ret_fd = fd;
    return ssl;
}

/* All of it, for the server reads on. False: the connection has ended. */
static bool say(SSL *ssl, const char *bytes, int len)
{
    int result;
    while ((result = SSL_write(ssl, bytes, len)) <= 0) {
        if (SSL_get_error(ssl, result) != SSL_ERROR_WANT_WRITE)
            return false;
        uv_run(&test.loop, UV_RUN_NOWAIT);
    }
    return true;
}

static void answers_to_key_updates_that_nobody_takes_are_the_end(void **state)
{
    (void)state;
    static const char head[] =
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n";
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    int fd, updates = 0;
    SSL *ssl = client_new(context, &fd);
    assert_true(say(ssl, head, sizeof head - 1));
    /* each with a byte of the body, for OpenSSL itself bears no long row of updates */
    while (updates < UPDATES_MOST && SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED) == 1 &&
           say(ssl, "x", 1)) {
        updates++;
        uv_run(&test.loop, UV_RUN_NOWAIT);
    }
    assert_in_range(updates, 1000, UPDATES_MOST - 1);
    assert_int_equal(http_server_counts(test.http)->connections, 0);
    SSL_free(ssl);
    close(fd);
    SSL_CTX_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_to_key_updates_that_nobody_takes_are_the_end),
    };
    return cmocka_run_group_tests(tests, prepare, clear);
}
