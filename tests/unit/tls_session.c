/* A server's side of TLS without a socket, against OpenSSL's client: in pieces of every size, what
 * ends it, and what it says for itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/ssl.h>
#include <stdlib.h>

#include "tests/unit/lab_folder.h"
#include "tls/tls.h"

static struct {
    struct tls_sessions *all;
    struct ssl_ctx_st *context;
    SSL_CTX *client;
} test;

/* A session, and the client that speaks to it in pieces of so many bytes. */
struct pair {
    struct tls_session *session;
    SSL *ssl;
    BIO *to_server, *to_client;
    size_t piece;
    struct text heard; /* by the server */
    ssize_t said;      /* by tls_session_read, last */
};

static struct pair pair_new(size_t piece)
{
    struct pair pair = {.piece = piece, .session = tls_session_new(test.all, test.context)};
    assert_non_null(pair.session);
    pair.ssl = SSL_new(test.client);
    pair.to_server = BIO_new(BIO_s_mem());
    pair.to_client = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(pair.to_client, -1);
    SSL_set_bio(pair.ssl, pair.to_client, pair.to_server);
    SSL_set_connect_state(pair.ssl);
    return pair;
}

static void pair_free(struct pair *pair)
{
    tls_session_free(pair->session);
    SSL_free(pair->ssl);
    text_free(&pair->heard);
}

/* Hands the server some bytes, and the client what it says to them. */
static void hand(struct pair *pair, struct slice bytes)
{
    char buffer[100];
    tls_session_take(pair->session, bytes);
    while ((pair->said = tls_session_read(pair->session, buffer, sizeof buffer)) > 0)
        text_add(&pair->heard, (struct slice){buffer, (size_t)pair->said});
    struct text *out = tls_sessions_out(test.all);
    if (out->len)
        BIO_write(pair->to_client, out->at, (int)out->len);
    text_clear(out);
}

/* All that the client has said. */
static void carry(struct pair *pair)
{
    char *at;
    size_t len = (size_t)BIO_get_mem_data(pair->to_server, &at);
    char *bytes = malloc(len ? len : 1);
    memcpy(bytes, at, len);
    assert_int_equal(BIO_reset(pair->to_server), 1);
    for (size_t from = 0; from < len; from += pair->piece)
        hand(pair,
             (struct slice){bytes + from, len - from < pair->piece ? len - from : pair->piece});
    free(bytes);
}

static void shake(struct pair *pair)
{
    for (int turn = 0; turn < 4 && pair->said == 0; turn++) {
        SSL_do_handshake(pair->ssl);
        carry(pair);
    }
}

/* What the client hears, which it is to hear. */
static void client_hears(struct pair *pair, size_t len)
{
    size_t got, all = 0;
    char buffer[4096];
    while (SSL_read_ex(pair->ssl, buffer, sizeof buffer, &got) == 1)
        all += got;
    assert_int_equal(all, len);
}

static void bytes_go_both_ways_whatever_the_pieces(void **state)
{
    (void)state;
    static const size_t pieces[] = {SIZE_MAX / 2, 1, 2, 7, 1000};
    static char much[100000];
    memset(much, 'x', sizeof much);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        struct pair pair = pair_new(pieces[i]);
        assert_false(tls_session_is_open(pair.session));
        shake(&pair);
        assert_true(tls_session_is_open(pair.session));
        assert_string_equal(SSL_get_version(pair.ssl), "TLSv1.3");
        assert_int_equal(SSL_write(pair.ssl, much, sizeof much), sizeof much);
        carry(&pair);
        assert_int_equal(pair.heard.len, sizeof much);
        assert_true(tls_session_write(pair.session, (struct slice){much, sizeof much}));
        hand(&pair, (struct slice){NULL, 0});
        client_hears(&pair, sizeof much);
        pair_free(&pair);
    }
}

static void an_end_is_said_by_either_side(void **state)
{
    (void)state;
    struct pair pair = pair_new(SIZE_MAX / 2);
    shake(&pair);
    tls_session_finish(pair.session);
    size_t once = tls_sessions_out(test.all)->len;
    tls_session_finish(pair.session);
    assert_true(once > 0);
    assert_int_equal(tls_sessions_out(test.all)->len, once);
    assert_int_equal(SSL_write(pair.ssl, "last", 4), 4);
    SSL_shutdown(pair.ssl);
    carry(&pair);
    assert_true(slice_is(text_slice(&pair.heard), "last"));
    assert_int_equal(pair.said, TLS_SESSION_END);
    hand(&pair, slice_of("more"));
    assert_int_equal(pair.said, TLS_SESSION_END);
    pair_free(&pair);
}

static void what_is_no_tls_fails_with_a_sentence(void **state)
{
    (void)state;
    static char long_one[TLS_SHAKE_BYTES_MAX + 1] = {0x16, 3, 1};
    static const struct slice streams[] = {SLICE("\x16\x03\x01\x00\x05hello"),
                                           SLICE("GET / HTTP/1.1\r\n\r\n"),
                                           SLICE("\x16\xff\xff\xff")};
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++) {
        struct pair pair = pair_new(1);
        for (size_t at = 0; at < streams[i].len; at++)
            hand(&pair, (struct slice){streams[i].at + at, 1});
        hand(&pair, (struct slice){long_one, 5}); /* if it was waited for more */
        assert_int_equal(pair.said, TLS_SESSION_FAILED);
        assert_true(strlen(tls_session_failure(pair.session)) > 5);
        assert_false(tls_session_write(pair.session, slice_of("late")));
        pair_free(&pair);
    }
    /* pieces of a hello that never ends, each a record */
    struct pair pair = pair_new(1);
    char record[5 + 1000] = {0x16, 3, 1,          1000 >> 8, (char)(1000 & 255),
                             1,    0, (char)0xff, (char)0xff};
    for (int i = 0; i < 40 && pair.said == 0; i++) {
        hand(&pair, (struct slice){record, sizeof record});
        memset(record + 5, 0, 1000);
    }
    assert_int_equal(pair.said, TLS_SESSION_FAILED);
    assert_string_equal(tls_session_failure(pair.session), "its handshake is too long");
    pair_free(&pair);
}

static void one_protocol_is_spoken_inside(void **state)
{
    (void)state;
    static const struct {
        const char *names;
        unsigned len;
        const char *chosen; /* NULL: it is refused; "": none */
    } offers[] = {{"\x02h2\x08http/1.1", 12, "http/1.1"},
                  {"\x08http/1.1", 9, "http/1.1"},
                  {"\x02h2", 3, NULL},
                  {"\x08http/1.0", 9, NULL},
                  {"\x09http/1.1x", 10, NULL},
                  {"\x07http/1.", 8, NULL},
                  {NULL, 0, ""}};
    for (size_t i = 0; i < sizeof offers / sizeof *offers; i++) {
        struct pair pair = pair_new(SIZE_MAX / 2);
        const unsigned char *chosen;
        unsigned len;
        if (offers[i].names)
            SSL_set_alpn_protos(pair.ssl, (const unsigned char *)offers[i].names, offers[i].len);
        shake(&pair);
        assert_int_equal(tls_session_is_open(pair.session), offers[i].chosen != NULL);
        SSL_get0_alpn_selected(pair.ssl, &chosen, &len);
        if (offers[i].chosen)
            assert_true(slice_is((struct slice){(const char *)chosen, len}, offers[i].chosen));
        pair_free(&pair);
    }
}

/* Whoever has it renew its keys is answered each time: the host counts that. */
static void key_updates_are_answered(void **state)
{
    (void)state;
    struct pair pair = pair_new(SIZE_MAX / 2);
    shake(&pair);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(SSL_key_update(pair.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        assert_int_equal(SSL_do_handshake(pair.ssl), 1);
    }
    char *at;
    size_t len = (size_t)BIO_get_mem_data(pair.to_server, &at);
    tls_session_take(pair.session, (struct slice){at, len});
    char byte;
    assert_int_equal(tls_session_read(pair.session, &byte, 1), 0);
    assert_true(tls_sessions_out(test.all)->len > 0);
    text_clear(tls_sessions_out(test.all));
    pair_free(&pair);
}

static int prepare(void **state)
{
    char cert[256], key[256], fingerprint[TLS_FINGERPRINT_SIZE], why[TLS_WHY_SIZE];
    if (lab_folder_make(state) < 0)
        return -1;
    const struct tls_server_files files = {.cert = in_folder("hub.pem", cert),
                                           .key = in_folder("hub.key", key),
                                           .protocol = "http/1.1"};
    test.context = tls_server_context(&files, fingerprint, why, sizeof why);
    test.client = SSL_CTX_new(TLS_client_method());
    test.all = tls_sessions_new();
    return test.context && test.client && test.all ? 0 : -1;
}

static int clear(void **state)
{
    tls_sessions_free(test.all);
    tls_context_free(test.context);
    SSL_CTX_free(test.client);
    return lab_folder_remove(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_go_both_ways_whatever_the_pieces),
        cmocka_unit_test(an_end_is_said_by_either_side),
        cmocka_unit_test(what_is_no_tls_fails_with_a_sentence),
        cmocka_unit_test(one_protocol_is_spoken_inside),
        cmocka_unit_test(key_updates_are_answered),
    };
    return cmocka_run_group_tests(tests, prepare, clear);
}
