/* See address.h. What makes it hard is IPv6: its text holds colons, and it can carry an IPv4
 * address inside. */
#include "wire/address.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "wire/bounds.h"
#include "wire/slice.h"

#define PORT_MAX      65535u
#define SECURE_PREFIX "khubs://"

static int parse_local(const char *path, struct address *ret_address, const char **ret_why)
{
    struct address address = {.local = true};
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof address.path) {
        *ret_why =
            len ? "the path is too long for a unix socket (107 bytes)" : "the path is missing";
        return -1;
    }
    memcpy(address.path, path, len);
    *ret_address = address;
    return 0;
}

/* Where the host lies, and the text of the port: NULL when there is none. */
static int split(const char *text, struct slice *ret_host, const char **ret_port)
{
    const char *colon = strchr(text, ':'), *end = text + strlen(text);
    if (*text == '[') {
        end = strchr(++text, ']');
        if (!end || (end[1] != ':' && end[1] != '\0'))
            return -1;
        colon = end[1] == ':' ? end + 1 : NULL;
    } else if (colon && strchr(colon + 1, ':')) {
        colon = NULL; /* an IPv6 address alone */
    } else if (colon) {
        end = colon;
    }
    *ret_host = (struct slice){text, (size_t)(end - text)};
    *ret_port = colon ? colon + 1 : NULL;
    return 0;
}

/* getaddrinfo would take "6000x" for a service name, and 70000 modulo 65536. */
static bool port_fits(const char *port)
{
    size_t digits = strspn(port, "0123456789");
    unsigned value = 0;
    if (digits < 1 || digits > 5 || port[digits] != '\0')
        return false;
    for (; *port; port++)
        value = value * 10 + (unsigned)(*port - '0');
    return value <= PORT_MAX;
}

int address_parse(const char *text, struct address *ret_address, const char **ret_why)
{
    struct address address = {0};
    struct slice host;
    const char *port;
    if (strncmp(text, "unix:", 5) == 0)
        return parse_local(text + 5, ret_address, ret_why);
    if (strncmp(text, SECURE_PREFIX, strlen(SECURE_PREFIX)) == 0) {
        address.secure = true;
        text += strlen(SECURE_PREFIX);
    }
    if (split(text, &host, &port) < 0 || host.len < 1 || host.len > ADDRESS_HOST_MAX ||
        (port && !port_fits(port))) {
        *ret_why = "it is not HOST:PORT, [IPV6]:PORT, khubs://HOST:PORT or unix:/PATH";
        return -1;
    }
    memcpy(address.host, host.at, host.len);
    assert(!port || strlen(port) < sizeof address.port); /* port_fits has seen to it */
    if (port)
        memcpy(address.port, port, strlen(port));
    *ret_address = address;
    return 0;
}

static void local_endpoint(const struct address *address, struct endpoint *ret_endpoint)
{
    *ret_endpoint = (struct endpoint){.len = sizeof ret_endpoint->local};
    ret_endpoint->local.sun_family = AF_UNIX;
    memcpy(ret_endpoint->local.sun_path, address->path, sizeof address->path);
}

int address_resolve(const struct address *address, int flags, size_t most,
                    struct endpoint *ret_endpoints, size_t *ret_count, const char **ret_why)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | flags};
    struct addrinfo *found = NULL;
    char port[8];
    size_t count = 0;
    if (address->local) {
        local_endpoint(address, ret_endpoints);
        *ret_count = 1;
        return 0;
    }
    snprintf(port, sizeof port, "%d", KHUB_PORT);
    int fault = getaddrinfo(address->host, *address->port ? address->port : port, &hints, &found);
    if (fault) {
        *ret_why = gai_strerror(fault);
        return fault;
    }
    for (struct addrinfo *each = found; each && count < most; each = each->ai_next) {
        struct endpoint *endpoint = &ret_endpoints[count];
        if (each->ai_addrlen > sizeof endpoint->storage)
            continue;
        *endpoint = (struct endpoint){.len = each->ai_addrlen};
        memcpy(&endpoint->storage, each->ai_addr, each->ai_addrlen);
        count++;
    }
    freeaddrinfo(found);
    if (count == 0) {
        *ret_why = "the host has no address of use here";
        return EAI_NONAME;
    }
    *ret_count = count;
    return 0;
}

const char *endpoint_format(const struct endpoint *endpoint, char buffer[ENDPOINT_TEXT_SIZE])
{
    char host[INET6_ADDRSTRLEN] = "?";
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&endpoint->storage;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&endpoint->storage;
    switch (endpoint->any.sa_family) {
    case AF_INET:
        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
        snprintf(buffer, ENDPOINT_TEXT_SIZE, "%s:%u", host, ntohs(v4->sin_port));
        break;
    case AF_INET6:
        inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
        snprintf(buffer, ENDPOINT_TEXT_SIZE, "[%s]:%u", host, ntohs(v6->sin6_port));
        break;
    default:
        snprintf(buffer, ENDPOINT_TEXT_SIZE, "unix:%.*s", (int)sizeof endpoint->local.sun_path,
                 endpoint->local.sun_path);
    }
    return buffer;
}

unsigned endpoint_port(const struct endpoint *endpoint)
{
    if (endpoint->any.sa_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)&endpoint->storage)->sin_port);
    if (endpoint->any.sa_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)&endpoint->storage)->sin6_port);
    return 0;
}

void endpoint_set_port(struct endpoint *endpoint, unsigned port)
{
    if (endpoint->any.sa_family == AF_INET)
        ((struct sockaddr_in *)&endpoint->storage)->sin_port = htons((uint16_t)port);
    else if (endpoint->any.sa_family == AF_INET6)
        ((struct sockaddr_in6 *)&endpoint->storage)->sin6_port = htons((uint16_t)port);
}

bool address_is_name(const struct address *address)
{
    struct in_addr v4;
    return !address->local && !strchr(address->host, ':') &&
           inet_pton(AF_INET, address->host, &v4) != 1;
}

bool endpoint_is_local(const struct endpoint *endpoint)
{
    if (endpoint->any.sa_family == AF_UNIX)
        return true;
    if (endpoint->any.sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)&endpoint->storage)->sin_addr.s_addr) >> 24 ==
               127;
    if (endpoint->any.sa_family != AF_INET6)
        return false;
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)&endpoint->storage)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(v6) || (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
}

struct origin endpoint_origin(const struct endpoint *peer)
{
    struct origin origin = {{0}};
    const struct sockaddr_in *four = (const void *)&peer->storage;
    const struct sockaddr_in6 *six = (const void *)&peer->storage;
    origin.bytes[15] = 1;
    if (peer->any.sa_family == AF_INET)
        memcpy(origin.bytes, &four->sin_addr, sizeof four->sin_addr);
    else if (peer->any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
        memcpy(origin.bytes, six->sin6_addr.s6_addr + 12, 4);
    else if (peer->any.sa_family == AF_INET6)
        memcpy(origin.bytes, &six->sin6_addr, 8); /* its owner has the other half to choose from */
    origin.bytes[14] = (uint8_t)peer->any.sa_family;
    return origin;
}
