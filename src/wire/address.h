/* Addresses: their text, taken apart, and the sockets' addresses (endpoints) that it stands for. */
#ifndef KHUB_WIRE_ADDRESS_H
#define KHUB_WIRE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#define ADDRESS_HOST_MAX 255u /* bytes */

struct address {
    bool local;  /* unix:/path: only path counts; otherwise only host and port */
    bool secure; /* khubs://: over TLS */
    char host[ADDRESS_HOST_MAX + 1];
    char port[6]; /* "0" to "65535"; "" when the text had none */
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

struct endpoint {
    socklen_t len;
    union {
        struct sockaddr any;
        struct sockaddr_storage storage;
        struct sockaddr_un local;
    };
};

/* Reads "host:port", "[ipv6]:port", or a host or IPv6 address alone, each with "khubs://" before it
 * or not; or "unix:/path". Looks nothing up. 0, or -1 with *ret_why a sentence, static. */
int address_parse(const char *text, struct address *ret_address, const char **ret_why);
/* Fills 1 to `most` endpoints, of port 6000 when the text had none; what is above `most` is left
 * out. flags: AI_PASSIVE to listen on them, AI_NUMERICHOST to look nothing up; without it a name
 * blocks until the resolver answers. 0, or an EAI_… of <netdb.h> (EAI_NONAME: no such host) with
 * *ret_why a sentence, static. */
int address_resolve(const struct address *address, int flags, size_t most,
                    struct endpoint *ret_endpoints, size_t *ret_count, const char **ret_why);

/* Whether it is to be looked up: neither numbers nor a unix socket. */
bool address_is_name(const struct address *address);

#define ENDPOINT_TEXT_SIZE 128u
/* "127.0.0.1:6000", "[::1]:6000" or "unix:/path". Returns buffer. */
const char *endpoint_format(const struct endpoint *endpoint, char buffer[ENDPOINT_TEXT_SIZE]);
/* The TCP port; 0 for a unix socket. */
unsigned endpoint_port(const struct endpoint *endpoint);
/* Gives it that TCP port; nothing for a unix socket. */
void endpoint_set_port(struct endpoint *endpoint, unsigned port);
/* Whether a peer of this endpoint is on this machine: 127/8, ::1, ::ffff:127/104, a unix socket. */
bool endpoint_is_local(const struct endpoint *endpoint);

/* Where peers come from, as far as one is held to account for another: an IPv4 address, the first
 * half of an IPv6 one, all Unix sockets. Equal ones have equal bytes. */
struct origin {
    uint8_t bytes[16];
};
struct origin endpoint_origin(const struct endpoint *peer);

#endif
