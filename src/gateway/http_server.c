/* The server itself: listeners, time limits, beginning and end. */
#include "gateway/http_server.h"

#include <netdb.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "gateway/http_inside.h"

/* ── time limits ── */

static void on_time(uv_timer_t *timer);

/* Has the timer come when the first wait is over. */
static void timer_set(struct http_server *server)
{
    uint64_t now = uv_now(server->loop), first = UINT64_MAX;
    for (unsigned i = 0; i < HTTP_WAITS; i++) {
        const struct http_connection *head = TAILQ_FIRST(&server->waits[i]);
        if (head && server->limits[i] && head->since + server->limits[i] < first)
            first = head->since + server->limits[i];
    }
    if (first == UINT64_MAX)
        uv_timer_stop(&server->timer);
    else
        uv_timer_start(&server->timer, on_time, first > now ? first - now : 0, 0);
}

static void on_time(uv_timer_t *timer)
{
    struct http_server *server = timer->data;
    uint64_t now = uv_now(server->loop);
    for (unsigned i = 0; i < HTTP_WAITS; i++) {
        struct http_connection *head;
        while (server->limits[i] && (head = TAILQ_FIRST(&server->waits[i])) &&
               head->since + server->limits[i] <= now)
            http_connection_overdue(head); /* which takes it out, or puts it at the end */
    }
    timer_set(server);
}

void http_wait_end(struct http_connection *connection)
{
    TAILQ_REMOVE(&connection->server->waits[connection->wait], connection, next);
}

void http_wait_begin(struct http_connection *connection, enum http_wait wait)
{
    struct http_server *server = connection->server;
    connection->wait = wait;
    connection->since = uv_now(server->loop);
    TAILQ_INSERT_TAIL(&server->waits[wait], connection, next);
    /* A timer that comes too early sets itself anew. */
    if (server->limits[wait] && (!uv_is_active((uv_handle_t *)&server->timer) ||
                                 uv_timer_get_due_in(&server->timer) > server->limits[wait]))
        uv_timer_start(&server->timer, on_time, server->limits[wait], 0);
}

/* ── beginning and end ── */

static size_t connections_most(size_t wanted)
{
    struct rlimit files;
    size_t most = 1024;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0)
        most = files.rlim_cur > 2 * (size_t)HTTP_FILES_RESERVED
                   ? (size_t)files.rlim_cur - HTTP_FILES_RESERVED
                   : HTTP_FILES_RESERVED;
    return wanted && wanted < most ? wanted : most;
}

static void options_complete(struct http_server_options *options)
{
    struct {
        uint64_t *limit, fallback;
    } limits[] = {{&options->idle_ms, HTTP_IDLE_MS},    {&options->head_ms, HTTP_HEAD_MS},
                  {&options->shake_ms, HTTP_SHAKE_MS},  {&options->body_ms, HTTP_BODY_MS},
                  {&options->drain_ms, HTTP_DRAIN_MS},  {&options->alive_ms, HTTP_ALIVE_MS},
                  {&options->linger_ms, HTTP_LINGER_MS}};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        if (!*limits[i].limit)
            *limits[i].limit = limits[i].fallback;
    if (!options->stream_max)
        options->stream_max = HTTP_STREAM_MAX;
    if (!options->bodies_max)
        options->bodies_max = HTTP_BODIES_MAX;
    options->connections_max = connections_most(options->connections_max);
}

struct http_server *http_server_new(uv_loop_t *loop, const struct http_server_options *options)
{
    struct http_server *server = calloc(1, sizeof *server);
    if (!server)
        return NULL;
    server->loop = loop;
    server->options = *options;
    options_complete(&server->options);
    const struct http_server_options *now = &server->options;
    server->limits[HTTP_WAIT_IDLE] = now->idle_ms;
    server->limits[HTTP_WAIT_SHAKE] = now->shake_ms;
    server->limits[HTTP_WAIT_HEAD] = now->head_ms;
    server->limits[HTTP_WAIT_BODY] = now->body_ms;
    server->limits[HTTP_WAIT_DRAIN] = now->drain_ms;
    server->limits[HTTP_WAIT_STREAM] = now->alive_ms;
    server->limits[HTTP_WAIT_LINGER] = now->linger_ms;
    for (unsigned i = 0; i < HTTP_WAITS; i++)
        TAILQ_INIT(&server->waits[i]);
    while (now->routes[server->route_count].method)
        server->route_count++;
    server->answers = calloc(server->route_count + 1, sizeof *server->answers);
    if (!server->answers || uv_timer_init(loop, &server->timer) < 0) {
        free(server->answers);
        free(server);
        return NULL;
    }
    uv_timer_init(loop, &server->turn);
    TAILQ_INIT(&server->telling);
    server->timer.data = server->turn.data = server;
    server->handles = 2;
    return server;
}

void http_server_handle_gone(struct http_server *server)
{
    if (--server->handles > 0)
        return;
    tls_context_free(server->tls);
    tls_sessions_free(server->sessions);
    free(server->plain);
    free(server->answers);
    free(server);
}

static void on_timer_closed(uv_handle_t *handle)
{
    http_server_handle_gone(handle->data);
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct http_listener *listener = handle->data;
    struct http_server *server = listener->server;
    free(listener);
    http_server_handle_gone(server);
}

void http_server_close(struct http_server *server)
{
    if (!server || server->closing)
        return;
    server->closing = true;
    for (size_t i = 0; i < server->listener_count; i++)
        uv_close((uv_handle_t *)&server->listeners[i]->socket, on_listener_closed);
    for (unsigned i = 0; i < HTTP_WAITS; i++) {
        struct http_connection *connection;
        while ((connection = TAILQ_FIRST(&server->waits[i]))) {
            if (connection->request)
                http_stream_part(connection->request);
            http_connection_close(connection, true);
        }
    }
    uv_close((uv_handle_t *)&server->timer, on_timer_closed);
    uv_close((uv_handle_t *)&server->turn, on_timer_closed);
}

/* ── listening ── */

static void on_connection(uv_stream_t *stream, int status)
{
    if (status == 0)
        http_connection_accept(stream->data);
}

static int listener_open(struct http_server *server, const struct endpoint *endpoint)
{
    struct http_listener *listener = calloc(1, sizeof *listener);
    if (!listener)
        return UV_ENOMEM;
    *listener = (struct http_listener){.server = server, .endpoint = *endpoint};
    int len = sizeof listener->endpoint.storage;
    int error = uv_tcp_init(server->loop, &listener->socket);
    if (error < 0) {
        free(listener);
        return error;
    }
    server->handles++;
    listener->socket.data = listener;
    error = uv_tcp_bind(&listener->socket, &endpoint->any, 0);
    if (error == 0)
        error = uv_listen((uv_stream_t *)&listener->socket, HTTP_LISTEN_BACKLOG, on_connection);
    if (error == 0)
        error = uv_tcp_getsockname(&listener->socket, &listener->endpoint.any, &len);
    if (error < 0) {
        uv_close((uv_handle_t *)&listener->socket, on_listener_closed);
        return error;
    }
    listener->endpoint.len = (socklen_t)len;
    server->reached_from_afar |= !endpoint_is_local(&listener->endpoint);
    server->listeners[server->listener_count++] = listener;
    return 0;
}

static int sentence(char *ret_why, size_t size, const char *text, const char *why)
{
    snprintf(ret_why, size, "cannot listen on %s: %s", text, why);
    return -1;
}

/* What `localhost` may stand for though the machine has no such address: IPv6 that is switched
 * off. */
static bool may_be_left_out(int error)
{
    return error == UV_EADDRNOTAVAIL || error == UV_EAFNOSUPPORT;
}

int http_server_listen(struct http_server *server, const char *text, char *ret_why, size_t size)
{
    struct address address;
    struct endpoint endpoints[HTTP_LISTENERS_MAX];
    const char *why;
    size_t count, before = server->listener_count;
    int error = 0;
    if (address_parse(text, &address, &why) < 0)
        return sentence(ret_why, size, text, why);
    if (address.local || address.secure || !address.port[0] || before == HTTP_LISTENERS_MAX)
        return sentence(ret_why, size, text, "it takes up to 8 of host:port or [ipv6]:port");
    if (address_resolve(&address, AI_PASSIVE, HTTP_LISTENERS_MAX - before, endpoints, &count,
                        &why) != 0)
        return sentence(ret_why, size, text, why);
    for (size_t i = 0; i < count; i++)
        if (!server->options.afar && !endpoint_is_local(&endpoints[i]))
            return sentence(ret_why, size, text,
                            "other machines could reach that, and tokens be read on their way: it "
                            "wants TLS (a certificate and its key) and a hub with tokens; without, "
                            "only addresses of this machine alone will do, such as 127.0.0.1");
    for (size_t i = 0; i < count && (error == 0 || may_be_left_out(error)); i++) {
        if (server->listener_count > before) /* of one name, all have one port */
            endpoint_set_port(&endpoints[i], endpoint_port(&server->listeners[before]->endpoint));
        error = listener_open(server, &endpoints[i]);
    }
    if (server->listener_count > before && (error == 0 || may_be_left_out(error)))
        return 0;
    return sentence(ret_why, size, text, uv_strerror(error));
}

bool http_server_is_afar(const struct http_server *server)
{
    return server->reached_from_afar;
}

unsigned http_server_port(const struct http_server *server)
{
    return server->listener_count ? endpoint_port(&server->listeners[0]->endpoint) : 0;
}

const char *http_server_addresses(const struct http_server *server, char *buffer, size_t size)
{
    size_t len = 0;
    buffer[0] = '\0';
    for (size_t i = 0; i < server->listener_count && len < size; i++) {
        char text[ENDPOINT_TEXT_SIZE];
        len += (size_t)snprintf(buffer + len, size - len, "%s%s", len ? ", " : "",
                                endpoint_format(&server->listeners[i]->endpoint, text));
    }
    return buffer;
}

const struct http_counts *http_server_counts(const struct http_server *server)
{
    return &server->counts;
}

uint64_t http_server_answers(const struct http_server *server, size_t route, unsigned class)
{
    return server->answers[route][class];
}
