/* Against DNS rebinding: a web page of a stranger has a name of its own lead to this machine, and
 * its scripts then speak to us, from the user's own browser. It can't hide under which name it
 * found us, nor where it is from. */
#include <arpa/inet.h>
#include <strings.h>

#include "gateway/http_inside.h"

/* A Host without its port, and without the brackets of an IPv6 address. "": it is too long. */
static const char *name_of(struct slice host, char name[ADDRESS_HOST_MAX + 1], bool *ret_six)
{
    bool bracketed = host.len > 0 && host.at[0] == '[';
    const char *end = bracketed ? memchr(host.at, ']', host.len) : memchr(host.at, ':', host.len);
    size_t len = (end ? (size_t)(end - host.at) : host.len) - bracketed;
    len = len <= ADDRESS_HOST_MAX ? len : 0;
    memcpy(name, host.at + bracketed, len);
    name[len] = '\0';
    *ret_six = bracketed;
    return name;
}

/* localhost, 127.0.0.0/8, [::1], or the very address that was connected to, whatever the port (it
 * may be forwarded). A page can't have a name of its own pass for an address. */
static bool is_here(const char *name, bool is_six, const struct endpoint *here)
{
    const struct sockaddr_in *here_four = (const void *)&here->storage;
    const struct sockaddr_in6 *here_six = (const void *)&here->storage;
    struct in_addr four;
    struct in6_addr six;
    if (is_six)
        return inet_pton(AF_INET6, name, &six) == 1 &&
               (IN6_IS_ADDR_LOOPBACK(&six) ||
                (here->any.sa_family == AF_INET6 &&
                 memcmp(&six, &here_six->sin6_addr, sizeof six) == 0));
    if (inet_pton(AF_INET, name, &four) == 1)
        return ntohl(four.s_addr) >> 24 == 127 ||
               (here->any.sa_family == AF_INET && four.s_addr == here_four->sin_addr.s_addr) ||
               (here->any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&here_six->sin6_addr) &&
                memcmp(&four, here_six->sin6_addr.s6_addr + 12, sizeof four) == 0);
    return strcasecmp(name, "localhost") == 0;
}

static bool is_ours(const char *name, const char *const *hosts)
{
    for (; hosts && *hosts; hosts++)
        if (strcasecmp(name, *hosts) == 0)
            return true;
    return false;
}

/* Of a name that was given to us it may be either scheme: what encrypts may stand before us. */
static bool origin_is(struct slice origin, bool secure, bool ours, struct slice host)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (unsigned i = 0; i < 2; i++) {
        size_t len = strlen(schemes[i]);
        if ((ours || i == secure) && origin.len == len + host.len &&
            strncasecmp(origin.at, schemes[i], len) == 0 &&
            strncasecmp(origin.at + len, host.at, host.len) == 0)
            return true;
    }
    return false;
}

unsigned http_guard_check(const struct http_head *head, const struct http_place *place,
                          const char **ret_why)
{
    char buffer[ADDRESS_HOST_MAX + 1];
    bool six;
    const char *name = name_of(head->host, buffer, &six);
    bool ours = is_ours(name, place->hosts);
    if (!http_is_host(head->host) || (!ours && !is_here(name, six, &place->here))) {
        *ret_why = "the Host is no name of this gateway's: localhost, 127.0.0.1, [::1], the "
                   "address that was connected to, or one that it was given (--http-host)";
        return 403;
    }
    for (unsigned i = 0; i < head->field_count; i++) {
        if (!http_same(head->fields[i].name, "origin") ||
            origin_is(head->fields[i].value, place->secure, ours, head->host))
            continue;
        *ret_why = "the Origin is another than the Host: pages of others have no business here";
        return 403;
    }
    return 0;
}
