#include "net/beside.h"

#include <netinet/in.h>
#include <stdio.h>

#include "net/confine.h"
#include "net/state.h"

/* In its thread, as the last thing there. */
static void tell_ended(void *ctx)
{
    struct server *server = ctx;
    uv_async_send(&server->beside.ended);
}

static void on_ended(uv_async_t *async)
{
    struct server *server = async->data;
    struct beside *beside = &server->beside;
    void (*then)(struct server * server) = beside->then;
    beside->over = true;
    if (!then)
        return;
    beside_end(server);
    then(server);
}

void beside_init(struct server *server)
{
    uv_async_init(&server->loop, &server->beside.ended, on_ended);
    server->beside.ended.data = server;
}

/* Where somebody of this process reaches the hub: the first listener that only this machine can
 * reach, or all of its addresses. False: there is none. */
static bool own_address(const struct server *server, struct endpoint *ret_endpoint)
{
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)&ret_endpoint->storage;
    struct sockaddr_in *four = (struct sockaddr_in *)&ret_endpoint->storage;
    for (size_t i = 0; i < server->listener_count; i++) {
        *ret_endpoint = server->listeners[i].endpoint;
        if (endpoint_is_local(ret_endpoint))
            return true;
        if (ret_endpoint->any.sa_family == AF_INET && four->sin_addr.s_addr == INADDR_ANY) {
            four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            return true;
        }
        if (ret_endpoint->any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr)) {
            six->sin6_addr = in6addr_loopback;
            return true;
        }
    }
    return false;
}

/* It is a thread of this one's, so it is held to what this one is. */
int beside_begin(struct server *server, char *ret_said, size_t size)
{
    const struct server_beside *what = &server->options.beside;
    struct endpoint endpoint;
    char address[ENDPOINT_TEXT_SIZE];
    ret_said[0] = '\0';
    if (!what->begin)
        return 0;
    if (!own_address(server, &endpoint)) {
        snprintf(ret_said, size,
                 "the hub listens at no address by which its own process would be let in");
        return -1;
    }
    if (server->options.confine &&
        confine_connections(endpoint_port(&endpoint), ret_said, size) < 0)
        return -1;
    endpoint_format(&endpoint, address);
    if (what->begin(what->data, address, tell_ended, server, ret_said, size) < 0)
        return -1;
    server->beside.runs = true;
    return 0;
}

void beside_reload(const struct server *server)
{
    if (server->beside.runs)
        server->options.beside.reload(server->options.beside.data);
}

void beside_stop(struct server *server, void (*then)(struct server *server))
{
    struct beside *beside = &server->beside;
    beside->then = then;
    if (beside->runs && !beside->over) {
        server->options.beside.stop(server->options.beside.data);
        return;
    }
    beside_end(server);
    then(server);
}

void beside_end(struct server *server)
{
    struct beside *beside = &server->beside;
    if (beside->runs)
        server->options.beside.end(server->options.beside.data);
    beside->runs = false;
    beside->then = NULL;
}
