/* Where the hub is: the text of an address, taken apart, and the socket addresses that it stands for. */
#ifndef KHUB_CLIENT_ADDRESS_H
#define KHUB_CLIENT_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#define ADDRESS_HOST_MAX 255u
#define ENDPOINTS_MAX    16u /* socket addresses tried for one host; further ones are left out */

struct address {
    bool local; /* unix:/path */
    char host[ADDRESS_HOST_MAX + 1];
    char port[6];
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

struct endpoint {
    struct sockaddr_storage at;
    socklen_t len;
};

/* "host:port", "[ipv6]:port" or "unix:/path". 0, or KHUB_E_ADDRESS. */
int link_address_parse(const char *text, struct address *ret_address);

/* Fills 1 to ENDPOINTS_MAX endpoints. A name (not a number) blocks until the resolver answers. 0, or a code of KHUB_ERRORS and a
 * sentence (static storage) on why. */
int link_address_resolve(const struct address *address,
                         struct endpoint ret_endpoints[ENDPOINTS_MAX], unsigned *ret_count,
                         const char **ret_why);

#endif
