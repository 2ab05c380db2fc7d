/* What the ios that encrypt (io_tls.c) and what they share (tls_edge.c) know of each other. */
#ifndef KHUB_NET_IO_TLS_INSIDE_H
#define KHUB_NET_IO_TLS_INSIDE_H

#include <openssl/ssl.h>
#include <sys/queue.h>

#include "net/io_inside.h"
#include "net/io_tls.h"
#include "wire/text.h"

#define RECORD_BYTES SSL3_RT_MAX_PLAIN_LENGTH

enum tls_state { TLS_SNIFFING, TLS_SHAKING, TLS_OPEN, TLS_FAILED };

struct tls {
    struct plain plain; /* first */
    struct tls_edge *edge;
    SSL *ssl; /* from SHAKING on */
    uint8_t state, watched;
    bool due;              /* in one of the edge's lists */
    bool more;             /* io_read has something to say of which the socket will not tell */
    bool drained, eof;     /* what receiving said last */
    bool ended, finishing; /* the peer has said its end; ours is said once `held` is out */
    bool finished;
    int error, write_error; /* negative errno, once all or writing alone has failed */
    size_t allowance;       /* bytes that may be received before the io's next turn */
    size_t shaken;          /* bytes received for the handshake */
    struct text held;       /* encrypted, and not taken by the system: from held_at on */
    size_t held_at;
    uint64_t late_at;     /* when a handshake has taken too long, in the loop's ms */
    char *name, *failure; /* NULL: none */
    TAILQ_ENTRY(tls) due_link, shaking_link;
};
TAILQ_HEAD(tls_list, tls);

struct tls_edge {
    uv_loop_t *loop;
    SSL_CTX *context;
    BIO_METHOD *method;
    uint64_t shake_ms;
    struct tls_list steps;   /* a step of their handshake is due */
    struct tls_list ready;   /* their owner is to be told */
    struct tls_list shaking; /* all handshakes, the oldest first */
    size_t shaking_count;
    size_t writes;    /* since the last steps */
    struct text out;  /* what OpenSSL writes in the call under way */
    char *record;     /* RECORD_BYTES: small pieces, gathered */
    uv_idle_t idle;   /* runs while an io is due */
    uv_timer_t timer; /* runs while there are handshakes */
};

/* ── the io's ── */

/* An io's socket, as OpenSSL reads and writes it; the BIO's data is the struct tls. */
BIO_METHOD *tls_socket_method(void);
/* Goes on with its handshake. */
void tls_step(struct tls *tls);
/* From now on io_read and io_write say `error`; `why` is copied, NULL: there is no sentence. */
void tls_fail(struct tls *tls, int error, const char *why);
/* Has the loop watch its socket for what matters to it now. */
void tls_watch(struct tls *tls);

/* ── the edge's ── */

/* A step is due if it shakes hands (its state says so), and that its owner is told if not. */
void tls_due_add(struct tls *tls);
void tls_due_remove(struct tls *tls);
/* Its handshake begins, and has so much time; it is over. */
void tls_shaking_add(struct tls *tls);
void tls_shaking_remove(struct tls *tls);

#endif
