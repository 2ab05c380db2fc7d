/* See transport.h. */
#include "client/transport.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "khub.h"
#include "wire/clock.h"

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

__attribute__((format(printf, 4, 5))) static enum transport_step
failed(struct transport *transport, enum transport_step step, int cause, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(transport->why, sizeof transport->why, format, arguments);
    va_end(arguments);
    transport->cause = cause;
    return step;
}

static enum transport_step lost(struct transport *transport, const char *why)
{
    return failed(transport, TRANSPORT_FAILED, KHUB_E_UNREACHABLE, "%s", why);
}

/* Starts to connect to one endpoint. 0 connected or under way, or the errno of the failure. */
static int endpoint_try(struct transport *transport, const struct endpoint *endpoint)
{
    int fd = socket(endpoint->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    if (endpoint->any.sa_family != AF_UNIX)
        socket_tune(fd);
    transport->fd = fd;
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

/* The endpoint under way is none. The next one waits for the next step, so that between two sockets
 * there is none. */
static enum transport_step endpoint_failed(struct transport *transport, int error)
{
    if (transport->fd >= 0)
        close(transport->fd);
    transport->fd = -1;
    if (transport->endpoint_next < transport->endpoint_count) {
        transport->again = true;
        return TRANSPORT_WAITS;
    }
    int cause = error == ENOMEM ? KHUB_E_NO_MEMORY : KHUB_E_UNREACHABLE;
    return failed(transport, TRANSPORT_FAILED, cause, "no connection to the hub: %s",
                  strerror(error));
}

static enum transport_step endpoint_next(struct transport *transport)
{
    assert(transport->endpoint_next < transport->endpoint_count);
    int error = endpoint_try(transport, &transport->endpoints[transport->endpoint_next++]);
    if (error)
        return endpoint_failed(transport, error);
    transport->due_ms = time_monotonic_ms() + CONNECT_MS;
    return TRANSPORT_WAITS;
}

static enum transport_step lookup_failed(struct transport *transport, int fault, const char *why)
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
    return failed(transport, TRANSPORT_FAILED, cause, "%s: %s", transport->address.host, why);
}

enum transport_step transport_begin(struct transport *transport)
{
    const char *why = "";
    transport->again = false;
    transport->endpoint_count = transport->endpoint_next = 0;
    if (!transport->endpoints)
        transport->endpoints = calloc(ENDPOINTS_MAX, sizeof *transport->endpoints);
    if (!transport->endpoints)
        return failed(transport, TRANSPORT_FAILED, KHUB_E_NO_MEMORY, "no memory to connect");
    int fault = address_resolve(&transport->address, AI_NUMERICHOST, ENDPOINTS_MAX,
                                transport->endpoints, &transport->endpoint_count, &why);
    if (fault == 0)
        return endpoint_next(transport);
    if (fault != EAI_NONAME)
        return lookup_failed(transport, fault, why);
    if (lookup_begin(&transport->address, &transport->lookup) < 0)
        return failed(transport, TRANSPORT_FAILED, KHUB_E_NO_MEMORY, "no thread to look up %s",
                      transport->address.host);
    transport->due_ms = time_monotonic_ms() + LOOKUP_MS;
    return TRANSPORT_WAITS;
}

/* The first endpoint waits for the next step, as each next one does. */
static enum transport_step lookup_step(struct transport *transport)
{
    const char *why = "the resolver does not answer";
    int fault = EAI_AGAIN;
    bool answered = lookup_take(transport->lookup, transport->endpoints, &transport->endpoint_count,
                                &fault, &why);
    if (!answered && time_monotonic_ms() < transport->due_ms)
        return TRANSPORT_WAITS;
    lookup_drop(transport->lookup);
    transport->lookup = NULL;
    if (fault)
        return lookup_failed(transport, fault, why);
    transport->again = true;
    return TRANSPORT_WAITS;
}

static enum transport_step opened(struct transport *transport)
{
    free(transport->endpoints);
    transport->endpoints = NULL;
    return TRANSPORT_OPEN;
}

static enum transport_step shaking_step(struct transport *transport)
{
    switch (secure_shake(transport->secure)) {
    case SECURE_DONE:
        transport->shaking = false;
        return opened(transport);
    case SECURE_WAITS:
        if (time_monotonic_ms() >= transport->due_ms)
            return lost(transport, "the hub has not finished the handshake of TLS");
        return TRANSPORT_WAITS;
    case SECURE_LOST:
        return failed(transport, TRANSPORT_FAILED, KHUB_E_UNREACHABLE,
                      "the handshake of TLS with the hub broke off: %s",
                      secure_why(transport->secure));
    case SECURE_REFUSED:
        break;
    }
    return failed(transport, TRANSPORT_DISTRUSTED, KHUB_E_UNTRUSTED, "%s",
                  secure_why(transport->secure));
}

static enum transport_step endpoint_connected(struct transport *transport)
{
    if (!transport->secure && transport->private &&
        !endpoint_is_local(&transport->endpoints[transport->endpoint_next - 1]))
        return failed(transport, TRANSPORT_UNFIT, KHUB_E_UNTRUSTED,
                      "the token is not shown to another machine without TLS, for whoever listens "
                      "on the way would have it: the address wants to be khubs://HOST:PORT");
    if (!transport->secure)
        return opened(transport);
    if (secure_begin(transport->secure, transport->fd) < 0)
        return failed(transport, TRANSPORT_UNFIT, KHUB_E_UNTRUSTED, "%s",
                      secure_why(transport->secure));
    transport->shaking = true;
    transport->due_ms = time_monotonic_ms() + SHAKING_MS;
    return shaking_step(transport);
}

enum transport_step transport_go_on(struct transport *transport)
{
    transport->again = false;
    if (transport->shaking)
        return shaking_step(transport);
    if (transport->lookup)
        return lookup_step(transport);
    if (transport->fd < 0)
        return endpoint_next(transport);
    int outcome = connect_outcome(transport->fd);
    if (outcome == 0 && time_monotonic_ms() >= transport->due_ms)
        outcome = -ETIMEDOUT;
    if (outcome < 0)
        return endpoint_failed(transport, -outcome);
    return outcome > 0 ? endpoint_connected(transport) : TRANSPORT_WAITS;
}

/* ── beginning and end ── */

int transport_init(struct transport *transport, const struct address *address,
                   const struct khub_tls *tls)
{
    *transport = (struct transport){.address = *address, .fd = -1};
    return address->secure ? secure_new(tls, transport->address.host, &transport->secure) : 0;
}

void transport_drop(struct transport *transport)
{
    secure_drop(transport->secure);
    if (transport->fd >= 0)
        close(transport->fd);
    transport->fd = -1;
    lookup_drop(transport->lookup);
    transport->lookup = NULL;
    free(transport->endpoints);
    transport->endpoints = NULL;
    transport->shaking = false;
}

void transport_free(struct transport *transport)
{
    transport_drop(transport);
    secure_free(transport->secure);
    transport->secure = NULL;
}

/* ── open ── */

int transport_fd(const struct transport *transport)
{
    return transport->lookup ? lookup_fd(transport->lookup) : transport->fd;
}

bool transport_wants_write(const struct transport *transport)
{
    if (transport->fd < 0)
        return false;
    bool connecting = transport->endpoints && !transport->shaking;
    return connecting || (transport->secure && secure_wants_write(transport->secure));
}

ssize_t transport_send(struct transport *transport, struct slice bytes)
{
    return transport->secure ? secure_send(transport->secure, bytes.at, bytes.len)
                             : send(transport->fd, bytes.at, bytes.len, MSG_NOSIGNAL);
}

ssize_t transport_receive(struct transport *transport, char *buffer, size_t size)
{
    return transport->secure ? secure_receive(transport->secure, buffer, size)
                             : recv(transport->fd, buffer, size, 0);
}

const char *transport_failure(const struct transport *transport, int error)
{
    return transport->secure && (error == EPROTO || error == ECONNRESET)
               ? secure_why(transport->secure)
               : strerror(error);
}

void transport_finish(struct transport *transport)
{
    if (transport->secure)
        secure_finish(transport->secure);
    shutdown(transport->fd, SHUT_WR);
}
