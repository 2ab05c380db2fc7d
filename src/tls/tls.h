/* TLS, as far as a hub and its clients have it in common: certificates, keys and the rules of a
 * connection, out of OpenSSL. Nothing here touches a socket.
 *
 * Functions return 0 or a pointer, or -1 or NULL with a sentence in ret_why that names the file or
 * value at fault. */
#ifndef KHUB_TLS_TLS_H
#define KHUB_TLS_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "wire/text.h"

struct ssl_ctx_st;
struct x509_st;
struct x509_store_ctx_st;

#define TLS_WHY_SIZE         768u
#define TLS_DIGEST_SIZE      32u
#define TLS_FINGERPRINT_SIZE 72u   /* "sha256:", 64 hex digits, NUL */
#define TLS_NAME_MAX         128u  /* bytes of a name that a certificate gives its owner */
#define TLS_KEY_BYTES_MAX    65536 /* of a key's file */

/* ── contexts: the rules that connections are made by ── */

struct tls_server_files {
    const char *cert, *key; /* PEM; the certificate with what leads to its issuer behind it */
    const char *client_ca;  /* PEM: who may vouch for a client; NULL: clients aren't asked */
    bool also_1_2;          /* TLS 1.2 as well as 1.3 */
    /* What is spoken inside (ALPN), "http/1.1", static: a client that names only others is refused.
     * NULL: nothing is said of that. */
    const char *protocol;
};
/* Reads the files. The caller frees it with tls_context_free; connections that were made by it go
 * on with it. ret_fingerprint: of the certificate. */
struct ssl_ctx_st *tls_server_context(const struct tls_server_files *files,
                                      char ret_fingerprint[TLS_FINGERPRINT_SIZE], char *ret_why,
                                      size_t size);

struct tls_client_files {
    const char *ca;         /* PEM: who may vouch for the hub; NULL: whom the system trusts */
    const char *cert, *key; /* PEM: this client's own; NULL: none */
    bool pinned;            /* the hub is known by its certificate's fingerprint: nobody vouches */
};
struct ssl_ctx_st *tls_client_context(const struct tls_client_files *files, char *ret_why,
                                      size_t size);
/* NULL is fine. */
void tls_context_free(struct ssl_ctx_st *context);

/* ── a server's side of a connection, without a socket: bytes in, bytes out ── */

#define TLS_FIRST_BYTE      0x16        /* of what a client says */
#define TLS_SHAKE_BYTES_MAX (32u << 10) /* of the peer's, before the handshake has ended */

struct tls_sessions; /* what those of one thread share */
struct tls_session;

/* NULL: out of memory. */
struct tls_sessions *tls_sessions_new(void);
/* After all sessions. NULL is fine. */
void tls_sessions_free(struct tls_sessions *all);
/* What the last calls of one session want to be sent to its peer; the caller clears it, before he
 * calls for another. */
struct text *tls_sessions_out(struct tls_sessions *all);

/* NULL: out of memory. */
struct tls_session *tls_session_new(struct tls_sessions *all, struct ssl_ctx_st *context);
/* NULL is fine. */
void tls_session_free(struct tls_session *session);

enum { TLS_SESSION_END = -1, TLS_SESSION_FAILED = -2 };

/* What came of the peer: not copied, so it is to be read until tls_session_read has no more. */
void tls_session_take(struct tls_session *session, struct slice bytes);
/* Goes on with the handshake, and reads. How many bytes; 0: more must come; TLS_SESSION_END: the
 * peer's word for it; TLS_SESSION_FAILED: the connection is to be closed, when what the peer is
 * told of it is out. */
ssize_t tls_session_read(struct tls_session *session, char *buffer, size_t size);
/* Encrypts all of it, once the handshake has ended. False: it has failed. */
bool tls_session_write(struct tls_session *session, struct slice bytes);
/* Says that nothing more will be written. */
void tls_session_finish(struct tls_session *session);
/* Has the handshake ended? */
bool tls_session_is_open(const struct tls_session *session);
/* Why it failed. */
const char *tls_session_failure(const struct tls_session *session);

/* What OpenSSL has against the last call, as a sentence for people; forgets it. Never empty. */
void tls_sentence(char *ret_why, size_t size);

/* ── certificates ── */

/* SHA-256 of the whole certificate, as `openssl x509 -fingerprint -sha256` takes it. */
int tls_digest(const struct x509_st *cert, uint8_t ret_digest[TLS_DIGEST_SIZE]);
/* "sha256:" and 64 digits. Returns buffer. */
const char *tls_fingerprint_format(const uint8_t digest[TLS_DIGEST_SIZE],
                                   char buffer[TLS_FINGERPRINT_SIZE]);
/* Reads 64 hex digits, of either case, with or without colons between and "sha256:" before. 0 or
 * -1. */
int tls_fingerprint_parse(const char *text, uint8_t ret_digest[TLS_DIGEST_SIZE]);
/* The name that it gives its owner (the common name of its subject): UTF-8, 1 to TLS_NAME_MAX
 * bytes and no NUL in it. Allocated; NULL when there is none such. */
char *tls_owner(const struct x509_st *cert);

struct tls_expected {
    const char *host; /* for sentences; OpenSSL compares it itself (SSL_set1_host) */
    bool pinned;      /* the certificate has this digest, and nobody need vouch for it */
    uint8_t digest[TLS_DIGEST_SIZE];
};
/* The callback of a handshake (SSL_CTX_set_cert_verify_callback). False with a sentence. */
bool tls_verify(struct x509_store_ctx_st *chain, const struct tls_expected *expected, char *ret_why,
                size_t size);

struct tls_pair_wish {
    const char *directory;
    const char *const *hosts; /* names and addresses that it is good for; */
    size_t host_count;        /* the first one is also its owner's name */
    unsigned days;
};
/* Makes a key (EC P-256) and a certificate of its own signature: key.pem, for its owner alone, and
 * cert.pem, in a directory that is made if need be. What is there already stays, and is an
 * error. */
int tls_make_pair(const struct tls_pair_wish *wish, char ret_fingerprint[TLS_FINGERPRINT_SIZE],
                  char *ret_why, size_t size);

#endif
