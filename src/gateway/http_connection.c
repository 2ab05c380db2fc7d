/* One client's connection: bytes in, requests to their handlers, one at a time; answers out. What
 * makes it hard is that a handler may answer at once or later, and the client may be gone at any
 * point between: so there is one place that reads on (`take`), which nothing enters twice. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "gateway/http_inside.h"

/* ── the socket ── */

static uv_stream_t *stream_of(struct http_connection *connection)
{
    return (uv_stream_t *)&connection->socket;
}

size_t http_connection_unsent(const struct http_connection *connection)
{
    return uv_stream_get_write_queue_size((const uv_stream_t *)&connection->socket);
}

struct endpoint http_connection_peer(const struct http_connection *connection)
{
    struct endpoint peer = {0};
    int len = sizeof peer.storage;
    if (uv_tcp_getpeername(&connection->socket, &peer.any, &len) == 0)
        peer.len = (socklen_t)len;
    return peer;
}

struct unsent {
    uv_write_t request;
    char bytes[];
};

static void drained(struct http_connection *connection);

static void on_written(uv_write_t *request, int status)
{
    struct http_connection *connection = request->handle->data;
    free(request);
    if (connection->closed)
        return;
    if (status < 0)
        http_connection_close(connection, true);
    else if (http_connection_unsent(connection) > 0)
        return;
    else if (connection->wait == HTTP_WAIT_DRAIN)
        drained(connection);
    else if (connection->wait == HTTP_WAIT_PARTS)
        connection->request->drained(connection->request, connection->request->data);
    else if (connection->wait == HTTP_WAIT_TUNNEL)
        connection->request->tunnel->drained(connection->request, connection->request->tunnel_data);
}

bool http_connection_write(struct http_connection *connection, struct slice bytes)
{
    return connection->tls ? http_tls_write(connection, bytes)
                           : http_connection_send(connection, bytes);
}

bool http_connection_send(struct http_connection *connection, struct slice bytes)
{
    uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)bytes.at, (unsigned)bytes.len);
    int taken = uv_try_write(stream_of(connection), &buffer, 1);
    if (taken < 0 && taken != UV_EAGAIN)
        return false;
    size_t sent = taken > 0 ? (size_t)taken : 0;
    connection->server->counts.bytes_out += bytes.len;
    if (sent == bytes.len)
        return true;
    struct unsent *unsent = malloc(sizeof *unsent + bytes.len - sent);
    if (!unsent)
        return false;
    memcpy(unsent->bytes, bytes.at + sent, bytes.len - sent);
    buffer = uv_buf_init(unsent->bytes, (unsigned)(bytes.len - sent));
    if (uv_write(&unsent->request, stream_of(connection), &buffer, 1, on_written) == 0)
        return true;
    free(unsent);
    return false;
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buffer)
{
    struct http_connection *connection = handle->data;
    (void)suggested;
    *ret_buffer = uv_buf_init(connection->server->chunk, sizeof connection->server->chunk);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer);

static void reading_pause(struct http_connection *connection, bool pause)
{
    if (connection->paused == pause || connection->ended)
        return;
    connection->paused = pause;
    if (pause)
        uv_read_stop(stream_of(connection));
    else
        uv_read_start(stream_of(connection), on_room, on_read);
}

static void wait_for(struct http_connection *connection, enum http_wait wait)
{
    http_wait_end(connection);
    http_wait_begin(connection, wait);
}

/* ── its end ── */

static void on_closed(uv_handle_t *handle)
{
    struct http_connection *connection = handle->data;
    struct http_server *server = connection->server;
    free(connection);
    http_server_handle_gone(server);
}

void http_connection_close(struct http_connection *connection, bool tell)
{
    struct http_request *request = connection->request;
    if (connection->closed)
        return;
    connection->closed = true;
    http_wait_end(connection);
    connection->server->counts.connections--;
    if (request && request->handed && request->gone && tell)
        request->gone(request, request->data);
    http_request_free(request);
    connection->request = NULL;
    http_tls_free(connection);
    http_reader_free(&connection->reader);
    text_free(&connection->ahead);
    uv_close((uv_handle_t *)&connection->socket, on_closed);
}

static void on_shut(uv_shutdown_t *shutdown, int status)
{
    (void)status;
    free(shutdown);
}

/* The answer is out, and it was the last. Were the socket closed while the client still sends, a
 * reset could take the answer from it: so the client is to close first, for a moment. */
static void linger(struct http_connection *connection)
{
    http_tls_finish(connection);
    uv_shutdown_t *shutdown = connection->ended ? NULL : malloc(sizeof *shutdown);
    if (!shutdown || uv_shutdown(shutdown, stream_of(connection), on_shut) < 0) {
        free(shutdown);
        http_connection_close(connection, false);
        return;
    }
    wait_for(connection, HTTP_WAIT_LINGER);
    reading_pause(connection, false);
}

void http_connection_overdue(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    size_t unsent = http_connection_unsent(connection);
    bool moves = unsent < connection->unsent || connection->unsent == 0;
    connection->unsent = unsent;
    switch (connection->wait) {
    case HTTP_WAIT_HEAD:
    case HTTP_WAIT_BODY:
        server->counts.timeouts++;
        http_refuse(connection, 408, "the request took too long to come");
        return;
    case HTTP_WAIT_STREAM:
        if (unsent > 0 && !moves) {
            server->counts.streams_cut++;
            break;
        }
        wait_for(connection, HTTP_WAIT_STREAM);
        if (unsent > 0 || http_stream_alive(connection->request))
            return;
        break;
    case HTTP_WAIT_PARTS:
        if (unsent == 0 || moves) { /* who makes the parts has a time of its own */
            wait_for(connection, HTTP_WAIT_PARTS);
            return;
        }
        server->counts.timeouts++;
        break;
    case HTTP_WAIT_DRAIN:
        if (moves) {
            wait_for(connection, HTTP_WAIT_DRAIN);
            return;
        }
        server->counts.timeouts++;
        break;
    case HTTP_WAIT_SHAKE:
        server->counts.timeouts++;
        break;
    case HTTP_WAIT_IDLE:
    case HTTP_WAIT_LINGER:
    case HTTP_WAIT_ANSWER:
    case HTTP_WAIT_TUNNEL:
    case HTTP_WAITS:
        break;
    }
    http_connection_close(connection, true);
}

/* ── requests ── */

/* May the next bytes be read as a request? */
static bool is_ready(const struct http_connection *connection)
{
    return !connection->closed && !connection->ending && connection->wait != HTTP_WAIT_DRAIN &&
           !(connection->request && connection->request->handed);
}

static struct http_place place_of(const struct http_connection *connection)
{
    const struct http_server *server = connection->server;
    struct http_place place = {.hosts = server->options.hosts, .secure = connection->tls != NULL};
    int len = sizeof place.here.storage;
    if (server->reached_from_afar &&
        uv_tcp_getsockname(&connection->socket, &place.here.any, &len) == 0)
        place.here.len = (socklen_t)len;
    return place;
}

static void head_came(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    const struct http_head *head = connection->reader.head;
    struct http_request *request = calloc(1, sizeof *request);
    const char *why = "there is nothing here by that name";
    struct text allowed = {0};
    if (!request) {
        http_refuse(connection, 503, "out of memory");
        return;
    }
    connection->request = request;
    request->connection = connection;
    request->head_only = slice_is(head->method, "HEAD");
    const struct http_place place = place_of(connection);
    unsigned status = http_guard_check(head, &place, &why);
    if (status)
        server->counts.foreign++;
    else if (!(request->route = http_route_find(request, &status, &allowed)))
        why = status == 405   ? "that method can't be used here"
              : status == 400 ? "the path is malformed"
              : status == 503 ? "out of memory"
                              : why;
    else if (head->length > request->route->body_max ||
             (head->chunked && !request->route->body_max)) {
        status = 413;
        why = "the body is too long";
    }
    if (status == 405)
        http_reply_header(request, "Allow", text_slice(&allowed));
    text_free(&allowed);
    if (status) {
        http_refuse(connection, status, why);
        return;
    }
    static const struct slice go_on = SLICE("HTTP/1.1 100 Continue\r\n\r\n");
    if (head->continues && !http_connection_write(connection, go_on))
        http_connection_close(connection, true);
    else
        wait_for(connection, HTTP_WAIT_BODY);
}

static void body_came(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    struct http_request *request = connection->request;
    struct slice piece = connection->reader.body;
    if (piece.len > request->route->body_max - request->body.len) {
        http_refuse(connection, 413, "the body is too long");
        return;
    }
    if (server->bodies + piece.len > server->options.bodies_max) {
        http_reply_header(request, "Retry-After", slice_of("1"));
        http_refuse(connection, 503, "too much is being sent at once: try again later");
        return;
    }
    size_t before = request->body.len;
    text_add(&request->body, piece);
    server->bodies += request->body.len - before;
    if (request->body.failed)
        http_refuse(connection, 503, "out of memory");
}

/* Bytes of another protocol. */
static void tunnel_take(struct http_connection *connection, struct slice *input)
{
    struct http_request *request = connection->request;
    struct slice bytes = *input;
    if (!request->reads || !bytes.len)
        return;
    *input = (struct slice){NULL, 0};
    request->tunnel->bytes(request, bytes, request->tunnel_data);
}

static void take(struct http_connection *connection, struct slice *input)
{
    connection->going = true;
    bool more = false;
    if (connection->wait == HTTP_WAIT_TUNNEL)
        tunnel_take(connection, input);
    while (!more && is_ready(connection)) {
        switch (http_reader_next(&connection->reader, input)) {
        case HTTP_EVENT_MORE:
            more = true;
            if (connection->wait == HTTP_WAIT_IDLE && connection->reader.head)
                wait_for(connection, HTTP_WAIT_HEAD);
            break;
        case HTTP_EVENT_HEAD:
            head_came(connection);
            break;
        case HTTP_EVENT_BODY:
            body_came(connection);
            break;
        case HTTP_EVENT_DONE:
            wait_for(connection, HTTP_WAIT_ANSWER);
            connection->request->handed = true;
            connection->request->route->handler(connection->request);
            break;
        case HTTP_EVENT_REFUSED:
            http_refuse(connection, (unsigned)connection->reader.status, connection->reader.why);
            break;
        }
    }
    connection->going = false;
}

/* Goes on with what was said ahead. */
static void go_on(struct http_connection *connection)
{
    if (connection->going) /* further up in the stack it goes on by itself */
        return;
    struct slice input = text_slice(&connection->ahead);
    take(connection, &input);
    if (connection->closed)
        return;
    if (input.len && !connection->ending) {
        memmove(connection->ahead.at, input.at, input.len);
        connection->ahead.len = input.len;
        return;
    }
    text_free(&connection->ahead);
    if (connection->ended && is_ready(connection))
        http_connection_close(connection, true);
    else
        reading_pause(connection,
                      connection->wait == HTTP_WAIT_TUNNEL && !connection->request->reads);
}

void http_connection_reads(struct http_connection *connection, bool reads)
{
    connection->request->reads = reads;
    if (reads && !connection->going)
        go_on(connection);
    else
        reading_pause(connection, !reads);
}

static void drained(struct http_connection *connection)
{
    connection->unsent = 0;
    if (connection->ending) {
        linger(connection);
        return;
    }
    wait_for(connection, HTTP_WAIT_IDLE);
    go_on(connection);
}

void http_connection_answered(struct http_connection *connection, bool keep)
{
    http_request_free(connection->request);
    connection->request = NULL;
    http_reader_clear(&connection->reader);
    connection->ending |= !keep;
    connection->unsent = http_connection_unsent(connection);
    if (connection->unsent > 0)
        wait_for(connection, HTTP_WAIT_DRAIN);
    else
        drained(connection);
}

/* ── bytes in ── */

void http_connection_ended(struct http_connection *connection, bool broken)
{
    struct http_request *request = connection->request;
    connection->ended = true;
    bool answering = connection->wait == HTTP_WAIT_ANSWER || connection->wait == HTTP_WAIT_PARTS ||
                     connection->wait == HTTP_WAIT_DRAIN;
    bool abandons = request && request->abandoned_at_end;
    if (broken || !answering || abandons)
        http_connection_close(connection, true);
}

void http_connection_came(struct http_connection *connection, struct slice input)
{
    take(connection, &input);
    if (connection->closed || connection->ending || !input.len)
        return;
    connection->ahead.secret = true;
    text_add(&connection->ahead, input);
    if (connection->ahead.failed)
        http_connection_close(connection, true);
    else
        reading_pause(connection, true);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct http_connection *connection = stream->data;
    bool unsaid = connection->tls && !connection->ended; /* TLS has a word for the end */
    if (count < 0)
        http_connection_ended(connection, count != UV_EOF || unsaid);
    if (count <= 0)
        return;
    connection->server->counts.bytes_in += (uint64_t)count;
    http_tls_came(connection, (struct slice){buffer->base, (size_t)count});
    explicit_bzero(buffer->base, (size_t)count); /* there may be a token in it */
}

/* ── its beginning ── */

static void socket_options(struct http_connection *connection)
{
    static const struct {
        int level, name, value;
    } options[] = {{SOL_SOCKET, SO_KEEPALIVE, 1},
                   {IPPROTO_TCP, TCP_NODELAY, 1},
                   {IPPROTO_TCP, TCP_KEEPIDLE, HTTP_PROBE_IDLE_S},
                   {IPPROTO_TCP, TCP_KEEPINTVL, HTTP_PROBE_INTERVAL_S},
                   {IPPROTO_TCP, TCP_KEEPCNT, HTTP_PROBE_COUNT},
                   {IPPROTO_TCP, TCP_USER_TIMEOUT, HTTP_UNACKED_MS}};
    int buffer = connection->server->options.send_buffer;
    uv_os_fd_t fd;
    if (uv_fileno((uv_handle_t *)&connection->socket, &fd) < 0)
        return;
    /* None of these is worth dying for where a system refuses it. */
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof(int));
    if (buffer)
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
}

/* Where one leads elsewhere, as tunnels do, it has a descriptor there as well. */
static size_t connections_count(const struct http_server *server)
{
    return server->counts.connections + server->counts.upgrades_open;
}

/* Is there room for one more, now or after the longest idle one went? */
static bool room_made(struct http_server *server)
{
    if (connections_count(server) <= server->options.connections_max)
        return true;
    struct http_connection *idle = TAILQ_FIRST(&server->waits[HTTP_WAIT_IDLE]);
    if (!TAILQ_NEXT(idle, next)) /* the newcomer alone */
        idle = TAILQ_FIRST(&server->waits[HTTP_WAIT_SHAKE]);
    if (!idle)
        return false;
    server->counts.evicted++;
    http_connection_close(idle, true);
    return true;
}

void http_connection_accept(struct http_listener *listener)
{
    struct http_server *server = listener->server;
    struct http_connection *connection = calloc(1, sizeof *connection);
    if (!connection || uv_tcp_init(server->loop, &connection->socket) < 0) {
        fputs("khub: out of memory\n", stderr);
        abort();
    }
    server->handles++;
    server->counts.connections++;
    connection->server = server;
    connection->socket.data = connection;
    connection->paused = true;
    http_reader_init(&connection->reader);
    http_wait_begin(connection, HTTP_WAIT_IDLE);
    if (uv_accept((uv_stream_t *)&listener->socket, stream_of(connection)) < 0) {
        http_connection_close(connection, false);
        return;
    }
    server->counts.accepted++;
    socket_options(connection);
    reading_pause(connection, false);
    if (room_made(server))
        return;
    server->counts.surplus++;
    if (connections_count(server) > server->options.connections_max + HTTP_SURPLUS_MAX)
        http_connection_close(connection, false);
    else
        http_refuse(connection, 503, "too many are connected: try again later");
}
