/* Contexts: the rules of a connection, and the files they come from. What is hard is what a file
 * may be: a key that others can read is none. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tls/tls.h"

/* Without these a client has no business: enough for a chain of certificates, not for a flood. */
#define PEER_CHAIN_BYTES_MAX (16 << 10)

/* Each is authenticated and has forward secrecy; TLS 1.3 has no others. */
#define CIPHERS_1_2 "ECDHE+AESGCM:ECDHE+CHACHA20"

void tls_sentence(char *ret_why, size_t size)
{
    unsigned long code = ERR_peek_error(); /* the first is the cause */
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    if (code && ERR_SYSTEM_ERROR(code))
        snprintf(ret_why, size, "%s", strerror(ERR_GET_REASON(code)));
    else
        snprintf(ret_why, size, "%s", reason ? reason : "OpenSSL says no more");
    ERR_clear_error();
}

/* "'FILE': what it is, and why not". Returns -1. */
static int file_fails(const char *path, const char *what, char *ret_why, size_t size)
{
    char sentence[256];
    tls_sentence(sentence, sizeof sentence);
    snprintf(ret_why, size, "'%s' %s: %s", path, what, sentence);
    return -1;
}

/* ── keys ── */

/* Nobody is asked for a passphrase: a hub starts alone. */
static int no_passphrase(char *buffer, int size, int writing, void *data)
{
    (void)buffer, (void)size, (void)writing;
    *(bool *)data = true;
    return 0;
}

/* The group of a file that is root's own may read it, as Debian's ssl-cert does. 0, or -1. */
static int key_check(FILE *file, const char *path, char *ret_why, size_t size)
{
    struct stat status;
    if (fstat(fileno(file), &status) < 0) {
        snprintf(ret_why, size, "the key '%s': %s", path, strerror(errno));
        return -1;
    }
    mode_t others = status.st_uid == 0 ? S_IWGRP | S_IRWXO : S_IRWXG | S_IRWXO;
    if (S_ISREG(status.st_mode) && status.st_size <= TLS_KEY_BYTES_MAX &&
        (status.st_uid == geteuid() || status.st_uid == 0) && !(status.st_mode & others))
        return 0;
    if (!S_ISREG(status.st_mode) || status.st_size > TLS_KEY_BYTES_MAX)
        snprintf(ret_why, size, "the key '%s' is no file of at most %d bytes", path,
                 TLS_KEY_BYTES_MAX);
    else if (status.st_mode & others)
        snprintf(ret_why, size,
                 "the key '%s' may be read by others (mode %04o): chmod 600 it, and if they had "
                 "the time to, make a new one",
                 path, (unsigned)(status.st_mode & 07777));
    else
        snprintf(ret_why, size, "the key '%s' belongs to another user (uid %u)", path,
                 (unsigned)status.st_uid);
    return -1;
}

static EVP_PKEY *key_read(const char *path, char *ret_why, size_t size)
{
    bool locked = false;
    EVP_PKEY *key = NULL;
    FILE *file = fopen(path, "re");
    if (!file) {
        snprintf(ret_why, size, "the key '%s': %s", path, strerror(errno));
        return NULL;
    }
    setvbuf(file, NULL, _IONBF, 0); /* no copy of a key in a buffer that nobody wipes */
    if (key_check(file, path, ret_why, size) == 0) {
        key = PEM_read_PrivateKey(file, NULL, no_passphrase, &locked);
        if (!key && locked)
            snprintf(ret_why, size,
                     "the key '%s' is locked with a passphrase; one that is not is "
                     "needed",
                     path);
        else if (!key)
            file_fails(path, "is no private key in PEM", ret_why, size);
    }
    ERR_clear_error();
    fclose(file);
    return key;
}

/* ── contexts ── */

static int pair_use(SSL_CTX *context, const char *cert, const char *path, char *ret_why,
                    size_t size)
{
    if (SSL_CTX_use_certificate_chain_file(context, cert) != 1)
        return file_fails(cert, "is no certificate in PEM", ret_why, size);
    EVP_PKEY *key = key_read(path, ret_why, size);
    if (!key)
        return -1;
    int used = SSL_CTX_use_PrivateKey(context, key);
    EVP_PKEY_free(key);
    if (used == 1)
        return 0;
    ERR_clear_error();
    snprintf(ret_why, size, "the key '%s' is not that of the certificate '%s'", path, cert);
    return -1;
}

static SSL_CTX *context_new(const SSL_METHOD *method, bool also_1_2)
{
    SSL_CTX *context = SSL_CTX_new(method);
    if (!context)
        return NULL;
    SSL_CTX_set_min_proto_version(context, also_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION);
    SSL_CTX_set_cipher_list(context, CIPHERS_1_2);
    /* No tickets: a connection lasts, and each one is judged by the files of now. */
    /* What was read is overwritten in OpenSSL's buffer, for it may hold a token (io_no_secrets). */
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                     SSL_OP_CLEANSE_PLAINTEXT);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_max_cert_list(context, PEER_CHAIN_BYTES_MAX);
    return context;
}

static int clients_ask(SSL_CTX *context, const char *path, char *ret_why, size_t size)
{
    STACK_OF(X509_NAME) *names = NULL;
    if (SSL_CTX_load_verify_file(context, path) != 1 || !(names = SSL_load_client_CA_file(path)))
        return file_fails(path, "holds no certificates in PEM", ret_why, size);
    SSL_CTX_set_client_CA_list(context, names);
    /* Who shows none may have a token instead. */
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    return 0;
}

/* One protocol is spoken; who names none may mean it. */
static int on_protocols(SSL *ssl, const unsigned char **ret_chosen, unsigned char *ret_len,
                        const unsigned char *named, unsigned len, void *protocol)
{
    size_t wanted = strlen(protocol);
    (void)ssl;
    for (unsigned i = 0; i < len; i += named[i] + 1u) {
        if (named[i] != wanted || len - i <= wanted || memcmp(named + i + 1, protocol, wanted) != 0)
            continue;
        *ret_chosen = named + i + 1;
        *ret_len = named[i];
        return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

SSL_CTX *tls_server_context(const struct tls_server_files *files,
                            char ret_fingerprint[TLS_FINGERPRINT_SIZE], char *ret_why, size_t size)
{
    uint8_t digest[TLS_DIGEST_SIZE];
    SSL_CTX *context = context_new(TLS_server_method(), files->also_1_2);
    if (!context) {
        tls_sentence(ret_why, size);
        return NULL;
    }
    if (files->protocol)
        SSL_CTX_set_alpn_select_cb(context, on_protocols, (void *)(uintptr_t)files->protocol);
    if (pair_use(context, files->cert, files->key, ret_why, size) < 0 ||
        (files->client_ca && clients_ask(context, files->client_ca, ret_why, size) < 0)) {
        SSL_CTX_free(context);
        return NULL;
    }
    if (tls_digest(SSL_CTX_get0_certificate(context), digest) == 0)
        tls_fingerprint_format(digest, ret_fingerprint);
    return context;
}

SSL_CTX *tls_client_context(const struct tls_client_files *files, char *ret_why, size_t size)
{
    SSL_CTX *context = context_new(TLS_client_method(), true);
    if (!context) {
        tls_sentence(ret_why, size);
        return NULL;
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    int trusted = 0;
    if (files->ca && SSL_CTX_load_verify_file(context, files->ca) != 1)
        trusted = file_fails(files->ca, "holds no certificates in PEM", ret_why, size);
    else if (!files->ca && !files->pinned)
        SSL_CTX_set_default_verify_paths(context); /* a system without roots trusts nobody */
    if (trusted < 0 || (files->cert && pair_use(context, files->cert, files->key, ret_why, size))) {
        SSL_CTX_free(context);
        return NULL;
    }
    ERR_clear_error();
    return context;
}

void tls_context_free(SSL_CTX *context)
{
    SSL_CTX_free(context);
}
