/* Against DNS rebinding: a web page of a stranger has a name of its own lead to this machine, and
 * its scripts then speak to us, from the user's own browser. It can't hide under which name it
 * found us, nor where it is from. */
#include <arpa/inet.h>
#include <strings.h>

#include "gateway/http_inside.h"

/* localhost, 127.0.0.0/8 or [::1], whatever the port (it may be forwarded). */
static bool is_loopback(struct slice host)
{
    char name[64];
    struct in_addr four;
    struct in6_addr six;
    bool bracketed = host.len > 0 && host.at[0] == '[';
    const char *end = bracketed ? memchr(host.at, ']', host.len) : memchr(host.at, ':', host.len);
    size_t begin = bracketed, len = (end ? (size_t)(end - host.at) : host.len) - begin;
    if (!http_is_host(host) || len >= sizeof name)
        return false;
    memcpy(name, host.at + begin, len);
    name[len] = '\0';
    if (bracketed)
        return inet_pton(AF_INET6, name, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
    return http_same((struct slice){name, len}, "localhost") ||
           (inet_pton(AF_INET, name, &four) == 1 && ntohl(four.s_addr) >> 24 == 127);
}

unsigned http_guard_check(const struct http_head *head, const char **ret_why)
{
    static const char scheme[] = "http://";
    if (!is_loopback(head->host)) {
        *ret_why = "the Host is not this machine's own: localhost, 127.0.0.1 or [::1]";
        return 403;
    }
    for (unsigned i = 0; i < head->field_count; i++) {
        struct slice origin = head->fields[i].value;
        if (!http_same(head->fields[i].name, "origin"))
            continue;
        bool ours = origin.len == sizeof scheme - 1 + head->host.len &&
                    strncasecmp(origin.at, scheme, sizeof scheme - 1) == 0 &&
                    strncasecmp(origin.at + sizeof scheme - 1, head->host.at, head->host.len) == 0;
        if (!ours) {
            *ret_why = "the Origin is another than the Host: pages of others have no business here";
            return 403;
        }
    }
    return 0;
}
