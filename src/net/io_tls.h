/* The io that encrypts: TLS, by OpenSSL. A peer that does not begin with TLS is carried as plain.
 *
 * Handshakes cost: a signature each, tenths of a millisecond to some. So the ios of a loop have one
 * tls_edge in common, which makes a few steps a turn, whoever waits, and more in a turn that writes
 * much; and gives each handshake so much time and memory. */
#ifndef KHUB_NET_IO_TLS_H
#define KHUB_NET_IO_TLS_H

#include "net/io.h"

struct ssl_ctx_st;
struct tls_edge;

/* `shake_ms`: how long a handshake may take. Dies when out of memory. */
struct tls_edge *tls_edge_new(uv_loop_t *loop, uint64_t shake_ms);
/* The context of handshakes that begin from now on. The edge owns it. */
void tls_edge_use(struct tls_edge *edge, struct ssl_ctx_st *context);
/* How many handshakes are under way. */
size_t tls_edge_shaking(const struct tls_edge *edge);
/* Closes the handles, once no io is left open; then, when the loop has ended, frees. NULL is
 * fine. */
void tls_edge_stop(struct tls_edge *edge);
void tls_edge_free(struct tls_edge *edge);

/* As io_plain, of the edge's loop; the edge must have a context. */
struct io *io_tls(struct tls_edge *edge, int fd, io_callback *callback, void *context);

#endif
