/* Sockets that were passed to the hub, as sd_listen_fds(3) describes it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/state.h"

#define PASSED_FROM 3

/* A whole number that is all of the variable's text; -1: there is none. */
static long variable(const char *name)
{
    const char *text = getenv(name);
    char *end;
    if (!text || *text < '0' || *text > '9')
        return -1;
    errno = 0;
    long value = strtol(text, &end, 10);
    return *end || errno ? -1 : value;
}

static bool is_listening(int fd)
{
    int listening = 0, type = 0;
    socklen_t len = sizeof listening;
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == 0 && listening &&
           getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM;
}

static int listener_pass(struct server *server, int fd, char *ret_why, size_t size)
{
    struct listener *listener = &server->listeners[server->listener_count];
    *listener = (struct listener){.server = server,
                                  .fd = fd,
                                  .file.lock = -1,
                                  .endpoint.len = sizeof listener->endpoint.storage};
    int error = is_listening(fd) ? 0 : EINVAL;
    if (!error && getsockname(fd, &listener->endpoint.any, &listener->endpoint.len) < 0)
        error = errno;
    int family = listener->endpoint.any.sa_family;
    if (!error && family != AF_INET && family != AF_INET6 && family != AF_UNIX)
        error = EAFNOSUPPORT;
    if (error) {
        snprintf(
            ret_why, size,
            "descriptor %d was passed to listen on ($LISTEN_FDS), but is no stream socket that "
            "listens: %s",
            fd, strerror(error));
        return -1;
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    listener_options(fd, family);
    error = listener_watch(listener);
    if (error < 0) {
        snprintf(ret_why, size, "cannot listen on descriptor %d: %s", fd, strerror(-error));
        return -1;
    }
    server->listener_count++;
    return 0;
}

int listeners_passed(struct server *server, char *ret_why, size_t size)
{
    long count = variable("LISTEN_PID") == getpid() ? variable("LISTEN_FDS") : 0;
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    if (count > (long)LISTENERS_MAX) {
        snprintf(ret_why, size, "%ld sockets were passed to listen on, more than %u", count,
                 LISTENERS_MAX);
        return -1;
    }
    for (int i = 0; i < count; i++)
        if (listener_pass(server, PASSED_FROM + i, ret_why, size) < 0)
            return -1;
    return 0;
}
