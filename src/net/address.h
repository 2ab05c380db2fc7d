/* Addresses to listen on, and of peers. No I/O but name look-ups in address_parse. */
#ifndef KHUB_NET_ADDRESS_H
#define KHUB_NET_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "net/limits.h"

struct address {
    socklen_t len;
    union {
        struct sockaddr any;
        struct sockaddr_storage storage;
        struct sockaddr_un local;
    };
};

/* Reads "host:port", "[ipv6]:port", "host" (port 6000) or "unix:/path". 0, or -1 with *ret_why a sentence, static. */
int address_parse(const char *text, struct address *ret_address, const char **ret_why);
/* "127.0.0.1:6000", "[::1]:6000" or "unix:/path". Returns buffer. */
const char *address_format(const struct address *address, char buffer[ADDRESS_TEXT_SIZE]);
/* The TCP port; 0 for a unix socket. */
unsigned address_port(const struct address *address);
/* Whether a peer of this address is on this machine: 127/8, ::1, ::ffff:127/104, a unix socket. */
bool address_is_local(const struct address *address);

#endif
