/* Connecting: each address of the host in turn, without blocking. */
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include "client/link.h"

/* Seconds of silence before the kernel asks whether the hub's machine is still there: all that
 * level 1, which has no heartbeats, can rely on. */
#define KEEPALIVE_IDLE_S     60
#define KEEPALIVE_INTERVAL_S 15
#define KEEPALIVE_PROBES     4

static void socket_tune(int fd)
{
    static const struct {
        int level, name, value;
    } wishes[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},
        {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S},
        {IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S},
        {IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES},
    };
    for (size_t i = 0; i < sizeof wishes / sizeof wishes[0]; i++)
        setsockopt(fd, wishes[i].level, wishes[i].name, &wishes[i].value, sizeof(int));
}

/* A socket that connects to a free port of its own machine may be given that very port, and then
 * talks to itself. */
static bool talks_to_itself(int fd)
{
    struct sockaddr_storage here = {0}, there = {0};
    socklen_t here_len = sizeof here, there_len = sizeof there;
    if (getsockname(fd, (struct sockaddr *)&here, &here_len) < 0 ||
        getpeername(fd, (struct sockaddr *)&there, &there_len) < 0)
        return false;
    return here.ss_family != AF_UNIX && here_len == there_len &&
           memcmp(&here, &there, here_len) == 0;
}

/* Starts to connect to one endpoint. 0 connected or under way, or the errno of the failure. */
static int endpoint_try(struct khub *link, const struct endpoint *endpoint)
{
    int fd = socket(endpoint->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    if (endpoint->any.sa_family != AF_UNIX)
        socket_tune(fd);
    link->fd = fd;
    if (connect(fd, &endpoint->any, endpoint->len) == 0 || errno == EINPROGRESS || errno == EINTR)
        return 0;
    return errno;
}

/* Whether the socket under way is connected: 1, 0 not yet, or a negative errno. */
static int connect_outcome(int fd)
{
    struct pollfd asked = {.fd = fd, .events = POLLOUT};
    if (poll(&asked, 1, 0) <= 0)
        return 0;
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        error = errno;
    if (error != 0)
        return -error;
    return talks_to_itself(fd) ? -ECONNREFUSED : 1;
}

/* The endpoint under way is none. The next one waits for the next turn, so that between two
 * sockets, which may well get the same number, khub_fd says -1: whoever watches the fd can tell
 * that it is another. */
static void endpoint_failed(struct khub *link, int error)
{
    if (link->fd >= 0)
        close(link->fd);
    link->fd = -1;
    if (link->endpoint_next < link->endpoint_count) {
        link->again = true;
        return;
    }
    int cause = error == ENOMEM ? KHUB_E_NO_MEMORY : KHUB_E_UNREACHABLE;
    link_lost(link, cause, "no connection to the hub: %s", strerror(error));
}

static void endpoint_next(struct khub *link)
{
    assert(link->endpoint_next < link->endpoint_count);
    int error = endpoint_try(link, &link->endpoints[link->endpoint_next++]);
    if (error == 0)
        link->due_ms = time_monotonic_ms() + CONNECT_MS;
    else
        endpoint_failed(link, error);
}

static void lookup_failed(struct khub *link, int fault, const char *why)
{
    static const struct {
        int fault, cause;
    } causes[] = {{EAI_MEMORY, KHUB_E_NO_MEMORY},
                  {EAI_SYSTEM, KHUB_E_SYSTEM},
                  {EAI_AGAIN, KHUB_E_UNREACHABLE}};
    int cause = KHUB_E_ADDRESS;
    for (size_t i = 0; i < sizeof causes / sizeof causes[0]; i++)
        if (causes[i].fault == fault)
            cause = causes[i].cause;
    link_lost(link, cause, "%s: %s", link->address.host, why);
}

void link_connect(struct khub *link)
{
    const char *why = "";
    link->endpoint_count = link->endpoint_next = 0;
    int fault = address_resolve(&link->address, AI_NUMERICHOST, ENDPOINTS_MAX, link->endpoints,
                                &link->endpoint_count, &why);
    if (fault == 0) {
        endpoint_next(link);
    } else if (fault != EAI_NONAME) {
        lookup_failed(link, fault, why);
    } else if (lookup_begin(&link->address, &link->lookup) < 0) {
        link_lost(link, KHUB_E_NO_MEMORY, "no thread to look up %s", link->address.host);
    } else {
        link->due_ms = time_monotonic_ms() + LOOKUP_MS;
    }
}

/* The first endpoint waits for the next turn, as each next one does. */
static void lookup_step(struct khub *link)
{
    const char *why = "the resolver does not answer";
    int fault = EAI_AGAIN;
    bool answered = lookup_take(link->lookup, link->endpoints, &link->endpoint_count, &fault, &why);
    if (!answered && time_monotonic_ms() < link->due_ms)
        return;
    lookup_drop(link->lookup);
    link->lookup = NULL;
    if (fault)
        lookup_failed(link, fault, why);
    else
        link->again = true;
}

static void shaking_step(struct khub *link)
{
    switch (secure_shake(link->secure)) {
    case SECURE_DONE:
        link->shaking = false;
        link_connected(link);
        return;
    case SECURE_WAITS:
        if (time_monotonic_ms() >= link->due_ms)
            link_lost(link, KHUB_E_UNREACHABLE, "the hub has not finished the handshake of TLS");
        return;
    case SECURE_LOST:
        link_lost(link, KHUB_E_UNREACHABLE, "the handshake of TLS with the hub broke off: %s",
                  secure_why(link->secure));
        return;
    case SECURE_REFUSED:
        link_distrust(link);
        return;
    }
}

static void endpoint_connected(struct khub *link)
{
    if (!link->secure && link->token[0] && !link->token_open &&
        !endpoint_is_local(&link->endpoints[link->endpoint_next - 1])) {
        link_end(link, KHUB_E_UNTRUSTED,
                 "the token is not shown to another machine without TLS, for whoever listens on "
                 "the way would have it: the address wants to be khubs://HOST:PORT");
        return;
    }
    if (!link->secure) {
        link_connected(link);
        return;
    }
    if (secure_begin(link->secure, link->fd) < 0) {
        link_end(link, KHUB_E_UNTRUSTED, "%s", secure_why(link->secure));
        return;
    }
    link->shaking = true;
    link->due_ms = time_monotonic_ms() + SHAKING_MS;
    shaking_step(link);
}

void link_connect_step(struct khub *link)
{
    if (link->shaking) {
        shaking_step(link);
        return;
    }
    if (link->lookup) {
        lookup_step(link);
        return;
    }
    if (link->fd < 0) {
        endpoint_next(link);
        return;
    }
    int outcome = connect_outcome(link->fd);
    if (outcome == 0 && time_monotonic_ms() >= link->due_ms)
        outcome = -ETIMEDOUT;
    if (outcome > 0)
        endpoint_connected(link);
    else if (outcome < 0)
        endpoint_failed(link, -outcome);
}
