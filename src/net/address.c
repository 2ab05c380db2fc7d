/* Addresses. What makes it hard is IPv6: its text holds colons, and it can carry an IPv4 address inside. */
#include "net/address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "wire/limits.h"

#define STRINGIFY_(value) #value
#define STRINGIFY(value)  STRINGIFY_(value)
#define PORT_TEXT_SIZE    8u /* "65535" and to spare */

static int parse_unix(const char *path, struct address *ret_address, const char **ret_why)
{
    struct address address = {.len = sizeof address.local};
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof address.local.sun_path) {
        *ret_why =
            len ? "the path is too long for a unix socket (107 bytes)" : "the path is missing";
        return -1;
    }
    address.local.sun_family = AF_UNIX;
    memcpy(address.local.sun_path, path, len);
    *ret_address = address;
    return 0;
}

/* Splits "host:port" and "[host]:port". A host without port has the protocol's own. */
static int split_host(const char *text, char host[ADDRESS_TEXT_SIZE], char port[PORT_TEXT_SIZE])
{
    const char *host_at = text, *host_end, *port_at = NULL;
    if (*text == '[') {
        host_at++;
        host_end = strchr(text, ']');
        if (!host_end || (host_end[1] != ':' && host_end[1] != '\0'))
            return -1;
        if (host_end[1] == ':')
            port_at = host_end + 2;
    } else {
        const char *colon = strchr(text, ':');
        host_end = colon ? colon : text + strlen(text);
        if (colon && strchr(colon + 1, ':'))
            host_end = text + strlen(text); /* a bare IPv6 address */
        else if (colon)
            port_at = colon + 1;
    }
    size_t len = (size_t)(host_end - host_at);
    if (len == 0 || len >= ADDRESS_TEXT_SIZE || (port_at && strlen(port_at) >= PORT_TEXT_SIZE))
        return -1;
    memcpy(host, host_at, len);
    host[len] = '\0';
    snprintf(port, PORT_TEXT_SIZE, "%s", port_at ? port_at : STRINGIFY(KHUB_PORT));
    return 0;
}

static bool port_fits(const char *port)
{
    unsigned value = 0;
    for (const char *digit = port; *digit; digit++) {
        if (*digit < '0' || *digit > '9')
            return false;
        value = value * 10 + (unsigned)(*digit - '0');
    }
    return *port && value <= UINT16_MAX;
}

int address_parse(const char *text, struct address *ret_address, const char **ret_why)
{
    if (strncmp(text, "unix:", 5) == 0)
        return parse_unix(text + 5, ret_address, ret_why);
    char host[ADDRESS_TEXT_SIZE], port[PORT_TEXT_SIZE];
    if (split_host(text, host, port) < 0 || !port_fits(port)) {
        *ret_why = "it is not HOST:PORT, [IPV6]:PORT or unix:/PATH";
        return -1;
    }
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found;
    int fault = getaddrinfo(host, port, &hints, &found);
    if (fault) {
        *ret_why = gai_strerror(fault);
        return -1;
    }
    struct address address = {.len = found->ai_addrlen};
    memcpy(&address.storage, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    *ret_address = address;
    return 0;
}

const char *address_format(const struct address *address, char buffer[ADDRESS_TEXT_SIZE])
{
    char host[INET6_ADDRSTRLEN] = "?";
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address->storage;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address->storage;
    switch (address->any.sa_family) {
    case AF_INET:
        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
        snprintf(buffer, ADDRESS_TEXT_SIZE, "%s:%u", host, ntohs(v4->sin_port));
        break;
    case AF_INET6:
        inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
        snprintf(buffer, ADDRESS_TEXT_SIZE, "[%s]:%u", host, ntohs(v6->sin6_port));
        break;
    default:
        snprintf(buffer, ADDRESS_TEXT_SIZE, "unix:%.*s", (int)sizeof address->local.sun_path,
                 address->local.sun_path);
    }
    return buffer;
}

unsigned address_port(const struct address *address)
{
    if (address->any.sa_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)&address->storage)->sin_port);
    if (address->any.sa_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)&address->storage)->sin6_port);
    return 0;
}

bool address_is_local(const struct address *address)
{
    if (address->any.sa_family == AF_UNIX)
        return true;
    if (address->any.sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)&address->storage)->sin_addr.s_addr) >> 24 == 127;
    if (address->any.sa_family != AF_INET6)
        return false;
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)&address->storage)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(v6) || (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
}
