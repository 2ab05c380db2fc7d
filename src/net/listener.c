/* Listeners. What makes it hard is a peer that waits when no descriptor is left for it: the
 * listening socket stays readable, so a loop that cannot accept would spin. */
#include "net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "net/admission.h"
#include "net/state.h"

/* ── accepting ── */

/* No files left: one is kept in reserve, to accept with and close, so that the peer knows at
 * once. */
static bool turn_away(struct listener *listener)
{
    struct server *server = listener->server;
    if (server->reserve_fd < 0)
        return false;
    close(server->reserve_fd);
    int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0)
        admission_full(server, fd, "?");
    server->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return fd >= 0;
}

static void on_pause_over(uv_timer_t *timer);

static void on_connection(uv_poll_t *handle, int status, int events)
{
    struct listener *listener = handle->data;
    struct server *server = listener->server;
    (void)events;
    if (status < 0) /* libuv has stopped watching it */
        uv_timer_start(&server->accept_timer, on_pause_over, ACCEPT_PAUSE_MS, 0);
    for (unsigned i = 0; i < ACCEPTS_PER_TURN; i++) {
        struct endpoint peer = {.len = sizeof peer.storage};
        int fd = accept4(listener->fd, &peer.any, &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            admission_decide(server, fd, &peer, &listener->endpoint);
            continue;
        }
        if (errno == EAGAIN)
            return;
        bool exhausted = errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS;
        if (exhausted && !turn_away(listener)) {
            uv_poll_stop(handle);
            uv_timer_start(&server->accept_timer, on_pause_over, ACCEPT_PAUSE_MS, 0);
            return;
        }
        /* Anything else is the fate of that one peer (ECONNABORTED, EPROTO and their like). */
    }
}

static void on_pause_over(uv_timer_t *timer)
{
    struct server *server = timer->data;
    if (server->reserve_fd < 0)
        server->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    for (size_t i = 0; i < server->listener_count; i++)
        if (server->listeners[i].fd >= 0)
            uv_poll_start(&server->listeners[i].poll, UV_READABLE, on_connection);
}

/* ── opening ── */

static void option_set(int fd, int level, int name, int value)
{
    /* None of these is worth dying for where a system refuses it. */
    setsockopt(fd, level, name, &value, sizeof value);
}

void listener_options(int fd, int family)
{
    if (family == AF_UNIX)
        return;
    option_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    option_set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    option_set(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
    option_set(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
    option_set(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT);
    option_set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, UNACKED_MS);
    option_set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (family == AF_INET6)
        option_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
}

/* X(errno, hint) */
#define HINTS(X)                                                                                   \
    X(EADDRINUSE, "another hub may be running there: stop it, or choose another with --listen")    \
    X(EADDRNOTAVAIL, "this machine has no such address")                                           \
    X(EACCES, "ports below 1024, and directories of others, need rights that this user has not")   \
    X(ENOENT, "the directory of the socket does not exist")

static const char *hint_of(int error)
{
    switch (error) {
#define X(code, hint)                                                                              \
    case code:                                                                                     \
        return hint;
        HINTS(X)
#undef X
    default:
        return NULL;
    }
}

static int sentence(char *ret_why, size_t size, const char *text, int error, const char *hint)
{
    if (!*hint)
        hint = hint_of(error);
    snprintf(ret_why, size, "cannot listen on %s: %s%s%s", text, strerror(error),
             hint ? "\n  hint: " : "", hint ? hint : "");
    return -1;
}

int listener_watch(struct listener *listener)
{
    struct server *server = listener->server;
    int error = uv_poll_init(&server->loop, &listener->poll, listener->fd);
    if (error < 0)
        return error;
    listener->poll.data = listener;
    return uv_poll_start(&listener->poll, UV_READABLE, on_connection);
}

static void socket_close(struct listener *listener)
{
    socket_file_remove(&listener->file);
    close(listener->fd);
    listener->fd = -1;
}

static int socket_open(struct listener *listener, char *ret_hint, size_t size)
{
    struct endpoint *endpoint = &listener->endpoint;
    int family = endpoint->any.sa_family;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    listener->fd = fd;
    listener_options(fd, family);
    int bound = family == AF_UNIX ? socket_file_bind(&listener->file, fd, endpoint, ret_hint, size)
                                  : bind(fd, &endpoint->any, endpoint->len);
    if (bound < 0 || listen(fd, LISTEN_BACKLOG) < 0) {
        int error = errno;
        socket_close(listener);
        errno = error;
        return -1;
    }
    if (family != AF_UNIX) {
        endpoint->len = sizeof endpoint->storage;
        getsockname(fd, &endpoint->any, &endpoint->len);
    }
    return 0;
}

/* ── opening all addresses of a name ── */

/* What `localhost` may stand for though the machine has no such address: IPv6 that is switched
 * off. */
static bool may_be_left_out(int error)
{
    return error == EADDRNOTAVAIL || error == EAFNOSUPPORT;
}

/* Whether an address came before: a resolver may name one twice. */
static bool is_repeated(const struct endpoint *endpoints, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (endpoints[i].len == endpoints[index].len &&
            memcmp(&endpoints[i].storage, &endpoints[index].storage, endpoints[index].len) == 0)
            return true;
    return false;
}

static void sockets_close(struct listener *listeners, size_t count)
{
    for (size_t i = 0; i < count; i++)
        socket_close(&listeners[i]);
}

/* Opens each endpoint, the others at the port that the first one got if any will do. Returns how
 * many; -1 with errno when one can't be, or none. */
static int sockets_open(struct listener *listeners, struct server *server,
                        const struct endpoint *endpoints, size_t count, char *ret_hint, size_t size)
{
    int opened = 0, error = EADDRNOTAVAIL;
    for (size_t i = 0; i < count; i++) {
        struct listener *listener = &listeners[opened];
        if (is_repeated(endpoints, i))
            continue;
        *listener = (struct listener){.server = server, .fd = -1, .file.lock = -1};
        listener->endpoint = endpoints[i];
        if (opened > 0)
            endpoint_set_port(&listener->endpoint, endpoint_port(&listeners[0].endpoint));
        if (socket_open(listener, ret_hint, size) == 0) {
            opened++;
            continue;
        }
        error = errno;
        if (!may_be_left_out(error)) {
            sockets_close(listeners, (size_t)opened);
            errno = error;
            return -1;
        }
    }
    errno = error;
    return opened > 0 ? opened : -1;
}

int listener_open(struct server *server, const char *text, char *ret_why, size_t size)
{
    struct listener *listeners = &server->listeners[server->listener_count];
    struct endpoint endpoints[LISTENERS_MAX];
    struct address address;
    const char *why;
    char hint[256] = "";
    size_t count;
    int opened;
    if (strncmp(text, "khubs://", 8) == 0) {
        snprintf(ret_why, size,
                 "cannot listen on %s: khubs:// is for those who connect; with --tls-cert every "
                 "port speaks TLS as well",
                 text);
        return -1;
    }
    if (address_parse(text, &address, &why) < 0 ||
        address_resolve(&address, AI_PASSIVE, LISTENERS_MAX - server->listener_count, endpoints,
                        &count, &why) != 0) {
        snprintf(ret_why, size, "cannot listen on %s: %s", text, why);
        return -1;
    }
    unsigned tries = endpoint_port(&endpoints[0]) == 0 && count > 1 ? ANY_PORT_TRIES : 1;
    do /* a port that is free for one address may be taken for another */
        opened = sockets_open(listeners, server, endpoints, count, hint, sizeof hint);
    while (opened < 0 && errno == EADDRINUSE && --tries);
    if (opened < 0)
        return sentence(ret_why, size, text, errno, hint);
    for (int i = 0; i < opened; i++) {
        int error = listener_watch(&listeners[i]);
        if (error < 0) {
            sockets_close(listeners + i, (size_t)(opened - i));
            return sentence(ret_why, size, text, -error, hint);
        }
        listeners[i].name = address_is_name(&address) ? text : NULL;
        server->listener_count++;
    }
    return 0;
}

void listener_close(struct listener *listener)
{
    if (listener->fd < 0)
        return;
    uv_close((uv_handle_t *)&listener->poll, NULL);
    socket_close(listener);
}
