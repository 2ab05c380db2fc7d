/* A link's connection, encrypted: TLS on its socket. A libkhub that was built without TLS
 * (-Dclient_tls=false) has secure_none.c in place of secure.c, and links no OpenSSL. */
#ifndef KHUB_CLIENT_SECURE_H
#define KHUB_CLIENT_SECURE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct khub_tls;
struct secure;

#define SECURE_WHY_SIZE 768u

/* How the hub at `host` is to be known: options may be NULL; all is copied. 0 or a khub_error. */
int secure_new(const struct khub_tls *options, const char *host, struct secure **ret_secure);
/* NULL is fine. */
void secure_free(struct secure *secure);

/* A connection begins: reads the files. 0, or -1 (secure_why). */
int secure_begin(struct secure *secure, int fd);
/* It is over; nothing more is said. NULL is fine. */
void secure_drop(struct secure *secure);
enum secure_step {
    SECURE_DONE,
    SECURE_WAITS,   /* for the socket */
    SECURE_LOST,    /* the connection broke */
    SECURE_REFUSED, /* it is not the hub that was meant, or does not encrypt */
};
/* Goes on with the handshake. */
enum secure_step secure_shake(struct secure *secure);
/* Whether what waits, waits until the socket can be written to. */
bool secure_wants_write(const struct secure *secure);
/* As send and recv, with their errno: EPROTO when TLS itself failed, ECONNRESET when the connection
 * ended without its word. A send that has to wait is repeated with the same bytes, or more. */
ssize_t secure_send(struct secure *secure, const char *bytes, size_t len);
ssize_t secure_receive(struct secure *secure, char *buffer, size_t size);
/* Says by TLS that nothing more comes. */
void secure_finish(struct secure *secure);
/* A sentence on the last failure. */
const char *secure_why(const struct secure *secure);

#endif
