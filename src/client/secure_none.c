/* libkhub without TLS: no link to a hub that encrypts can be made. */
#include "client/secure.h"

#include <errno.h>

#include "khub.h"

int secure_new(const struct khub_tls *options, const char *host, struct secure **ret_secure)
{
    (void)options, (void)host, (void)ret_secure;
    return KHUB_E_NO_TLS;
}

/* Since there is none, these are called with NULL, or not at all. */
void secure_free(struct secure *secure)
{
    (void)secure;
}

void secure_drop(struct secure *secure)
{
    (void)secure;
}

int secure_begin(struct secure *secure, int fd)
{
    (void)secure, (void)fd;
    return -1;
}

enum secure_step secure_shake(struct secure *secure)
{
    (void)secure;
    return SECURE_REFUSED;
}

bool secure_wants_write(const struct secure *secure)
{
    (void)secure;
    return false;
}

ssize_t secure_send(struct secure *secure, const char *bytes, size_t len)
{
    (void)secure, (void)bytes, (void)len;
    errno = EPROTO;
    return -1;
}

ssize_t secure_receive(struct secure *secure, char *buffer, size_t size)
{
    (void)secure, (void)buffer, (void)size;
    errno = EPROTO;
    return -1;
}

void secure_finish(struct secure *secure)
{
    (void)secure;
}

const char *secure_why(const struct secure *secure)
{
    (void)secure;
    return khub_error_text(KHUB_E_NO_TLS);
}
