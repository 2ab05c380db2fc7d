/* Addresses: three spellings, one list of endpoints. */
#include "client/address.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>

#include "khub.h"
#include "wire/slice.h"

#define PORT_MAX 65535u

static int copy_bounded(struct slice from, char *to, size_t size)
{
    if (from.len == 0 || from.len >= size)
        return KHUB_E_ADDRESS;
    memcpy(to, from.at, from.len);
    to[from.len] = '\0';
    return 0;
}

/* getaddrinfo would take "6000x" for a service name, and 70000 modulo 65536. */
static int port_check(const char *port)
{
    size_t digits = strspn(port, "0123456789");
    if (digits == 0 || digits > 5 || port[digits] != '\0')
        return KHUB_E_ADDRESS;
    unsigned value = 0;
    for (size_t i = 0; i < digits; i++)
        value = value * 10 + (unsigned)(port[i] - '0');
    return value >= 1 && value <= PORT_MAX ? 0 : KHUB_E_ADDRESS;
}

int link_address_parse(const char *text, struct address *ret_address)
{
    static const char local_prefix[] = "unix:";
    struct address address = {0};

    if (strncmp(text, local_prefix, sizeof local_prefix - 1) == 0) {
        address.local = true;
        if (copy_bounded(slice_of(text + sizeof local_prefix - 1), address.path,
                         sizeof address.path) < 0)
            return KHUB_E_ADDRESS;
        *ret_address = address;
        return 0;
    }

    struct slice host;
    const char *colon;
    if (text[0] == '[') {
        const char *bracket = strchr(text, ']');
        if (!bracket || bracket[1] != ':')
            return KHUB_E_ADDRESS;
        host = (struct slice){text + 1, (size_t)(bracket - text) - 1};
        colon = bracket + 1;
    } else {
        colon = strchr(text, ':');
        if (!colon || strchr(colon + 1, ':'))
            return KHUB_E_ADDRESS;
        host = (struct slice){text, (size_t)(colon - text)};
    }
    if (port_check(colon + 1) < 0 || copy_bounded(host, address.host, sizeof address.host) < 0)
        return KHUB_E_ADDRESS;
    memcpy(address.port, colon + 1, strlen(colon + 1));
    *ret_address = address;
    return 0;
}

static void local_endpoint(const struct address *address, struct endpoint *ret_endpoint)
{
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    memcpy(local.sun_path, address->path, sizeof local.sun_path);
    memset(ret_endpoint, 0, sizeof *ret_endpoint);
    memcpy(&ret_endpoint->at, &local, sizeof local);
    ret_endpoint->len = sizeof local;
}

static int resolver_error(int fault)
{
    switch (fault) {
    case EAI_MEMORY:
        return KHUB_E_NO_MEMORY;
    case EAI_SYSTEM:
        return KHUB_E_SYSTEM;
    case EAI_AGAIN:
        return KHUB_E_UNREACHABLE;
    default:
        return KHUB_E_ADDRESS;
    }
}

int link_address_resolve(const struct address *address,
                         struct endpoint ret_endpoints[ENDPOINTS_MAX], unsigned *ret_count,
                         const char **ret_why)
{
    if (address->local) {
        local_endpoint(address, &ret_endpoints[0]);
        *ret_count = 1;
        return 0;
    }

    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    int fault = getaddrinfo(address->host, address->port, &hints, &found);
    if (fault != 0) {
        *ret_why = gai_strerror(fault);
        return resolver_error(fault);
    }
    unsigned count = 0;
    for (struct addrinfo *each = found; each && count < ENDPOINTS_MAX; each = each->ai_next) {
        if (each->ai_addrlen > sizeof ret_endpoints[count].at)
            continue;
        memset(&ret_endpoints[count], 0, sizeof ret_endpoints[count]);
        memcpy(&ret_endpoints[count].at, each->ai_addr, each->ai_addrlen);
        ret_endpoints[count].len = each->ai_addrlen;
        count++;
    }
    freeaddrinfo(found);
    if (count == 0) {
        *ret_why = "the host has no address that can be connected to";
        return KHUB_E_ADDRESS;
    }
    *ret_count = count;
    return 0;
}
