/* Answers, and what handlers ask of a request. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "gateway/http_inside.h"

/* ── the request ── */

void *http_server_data(const struct http_request *request)
{
    return request->connection->server->options.data;
}

const struct http_route *http_request_route(const struct http_request *request)
{
    return request->route;
}

static const struct http_head *head_of(const struct http_request *request)
{
    return request->connection->reader.head;
}

struct slice http_request_method(const struct http_request *request)
{
    return request->head_only ? slice_of("GET") : head_of(request)->method;
}

struct slice http_request_path(const struct http_request *request)
{
    return head_of(request)->path;
}

struct slice http_request_param(const struct http_request *request, unsigned index)
{
    return index < HTTP_PARAMS_MAX ? request->params[index] : (struct slice){NULL, 0};
}

struct slice http_request_header(const struct http_request *request, const char *name)
{
    return http_head_field(head_of(request), name);
}

struct slice http_request_body(const struct http_request *request)
{
    return text_slice(&request->body);
}

bool http_request_bearer(const struct http_request *request, struct slice *ret_token)
{
    return http_head_bearer(head_of(request), ret_token);
}

bool http_request_is_secure(const struct http_request *request)
{
    return request->connection->tls != NULL;
}

struct endpoint http_request_peer(const struct http_request *request)
{
    return http_connection_peer(request->connection);
}

bool http_request_query(const struct http_request *request, const char *name, char *buffer,
                        size_t size)
{
    struct slice rest = head_of(request)->query;
    size_t name_len = strlen(name);
    while (rest.len > 0) {
        const char *end = memchr(rest.at, '&', rest.len);
        size_t len = end ? (size_t)(end - rest.at) : rest.len;
        if (len > name_len && rest.at[name_len] == '=' && memcmp(rest.at, name, name_len) == 0) {
            len -= name_len + 1;
            if (len >= size)
                return false;
            memcpy(buffer, rest.at + name_len + 1, len);
            if (!http_unescape(buffer, len, &len))
                return false;
            buffer[len] = '\0';
            return true;
        }
        rest = end ? (struct slice){end + 1, rest.len - len - 1} : (struct slice){NULL, 0};
    }
    return false;
}

unsigned http_request_header_times(const struct http_request *request, const char *name)
{
    return http_head_times(head_of(request), name);
}

struct slice http_request_query_text(const struct http_request *request)
{
    return head_of(request)->query;
}

void http_request_abandon_at_end(struct http_request *request)
{
    request->abandoned_at_end = true;
}

void http_request_on_gone(struct http_request *request, http_gone *gone, void *data)
{
    request->gone = gone;
    request->data = data;
}

void http_request_free(struct http_request *request)
{
    if (!request)
        return;
    struct http_server *server = request->connection->server;
    server->bodies -= request->body.len;
    server->counts.streams_open -= request->streaming;
    server->counts.upgrades_open -= request->tunnel != NULL;
    if (request->telling)
        TAILQ_REMOVE(&server->telling, request, next_telling);
    text_free(&request->events);
    text_free(&request->body);
    text_free(&request->fields);
    free(request->params_text);
    free(request);
}

/* ── the answer's head ── */

static bool has_control(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.at[i] < 0x20 || text.at[i] == 0x7f)
            return true;
    return false;
}

void http_reply_header(struct http_request *request, const char *name, struct slice value)
{
    if (!has_control(value))
        text_addf(&request->fields, "%s: %.*s\r\n", name, SLICE_FORMAT(value));
}

bool http_reply_tagged(struct http_request *request, const char *etag, unsigned good_s)
{
    struct slice had = http_request_header(request, "if-none-match");
    char weak[64];
    snprintf(weak, sizeof weak, "W/%s", etag); /* something on the way may have packed the body */
    request->tagged = true;
    request->good_s = good_s;
    http_reply_header(request, "ETag", slice_of(etag));
    return http_list_has(had, etag) || http_list_has(had, weak) || slice_is(had, "*");
}

static void add_date(struct text *text)
{
    time_t now = time(NULL);
    struct tm parts;
    char date[64];
    gmtime_r(&now, &parts);
    /* in the language of the C locale, whatever the user's is */
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    snprintf(date, sizeof date, "%s, %02d %s %d %02d:%02d:%02d GMT", days[parts.tm_wday],
             parts.tm_mday, months[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour, parts.tm_min,
             parts.tm_sec);
    text_addf(text, "Date: %s\r\n", date);
}

/* The first line, and the date. */
static void status_write(struct http_connection *connection, struct text *text, unsigned status)
{
    const struct http_request *request = connection->request;
    const struct http_server *server = connection->server;
    size_t route = request && request->route ? (size_t)(request->route - server->options.routes)
                                             : server->route_count;
    server->answers[route][status / 100 % HTTP_CLASSES]++;
    text_addf(text, "HTTP/1.1 %u %s\r\n", status, http_status_str((enum http_status)status));
    add_date(text);
}

/* May the answer be kept? */
static void add_keeping(struct text *text, const struct http_request *request)
{
    if (request && request->tagged && request->good_s)
        text_addf(text, "Cache-Control: private, max-age=%u\r\n", request->good_s);
    else
        text_addf(text, "Cache-Control: %s\r\n",
                  request && request->tagged ? "no-cache" : "no-store");
}

/* All but what tells the body's length, and the empty line. */
static void head_write(struct http_connection *connection, struct text *text, unsigned status,
                       const char *type, bool keep)
{
    status_write(connection, text, status);
    if (type)
        text_addf(text, "Content-Type: %s\r\n", type);
    add_keeping(text, connection->request);
    text_add_literal(text, "X-Content-Type-Options: nosniff\r\n");
    if (!keep)
        text_add_literal(text, "Connection: close\r\n");
    if (connection->request)
        text_add(text, text_slice(&connection->request->fields));
}

/* Sends what was written, and lets the request go. */
static void send_last(struct http_connection *connection, struct text *text, bool keep)
{
    if (text->failed || !http_connection_write(connection, text_slice(text)))
        http_connection_close(connection, false);
    else
        http_connection_answered(connection, keep);
    text_free(text);
}

/* The connection can go on: the client wants it to, and has said all of this request. */
static bool may_keep(const struct http_connection *connection)
{
    return connection->request && connection->reader.head->keep_alive &&
           connection->reader.head->minor >= 1 && connection->reader.reading == HTTP_READING_ENDED;
}

static void reply(struct http_connection *connection, unsigned status, const char *type,
                  struct slice body)
{
    bool keep = may_keep(connection);
    struct text text = {0};
    head_write(connection, &text, status, type, keep);
    if (status != 204 && status != 304)
        text_addf(&text, "Content-Length: %zu\r\n", body.len);
    text_add_literal(&text, "\r\n");
    if (!connection->request || !connection->request->head_only)
        text_add(&text, body);
    send_last(connection, &text, keep);
}

void http_reply(struct http_request *request, unsigned status, const char *type, struct slice body)
{
    reply(request->connection, status, type, body);
}

/* A status by its name: "not_found". */
static void add_code(struct text *text, unsigned status)
{
    for (const char *at = http_status_str((enum http_status)status); *at; at++) {
        char letter = (char)(*at == ' ' || *at == '-' ? '_' : *at | 0x20);
        text_add(text, (struct slice){&letter, 1});
    }
}

void http_refuse(struct http_connection *connection, unsigned status, const char *why)
{
    struct text body = {0};
    text_add_literal(&body, "{\"error\":{\"code\":\"");
    add_code(&body, status);
    text_add_literal(&body, "\",\"message\":");
    text_add_string(&body, slice_of(why));
    text_add_literal(&body, "}}\n");
    reply(connection, status, "application/json", text_slice(&body));
    text_free(&body);
}

void http_reply_error(struct http_request *request, unsigned status, const char *sentence)
{
    http_refuse(request->connection, status, sentence);
}

void http_reply_unauthorized(struct http_request *request, const char *sentence)
{
    http_reply_header(request, "WWW-Authenticate", slice_of("Bearer"));
    http_reply_error(request, 401, sentence);
}

/* ── answers in parts ── */

bool http_parts_begin(struct http_request *request, unsigned status, const char *type,
                      uint64_t length, http_drained *drained)
{
    struct http_connection *connection = request->connection;
    bool keep = may_keep(connection);
    struct text text = {0};
    head_write(connection, &text, status, type, keep);
    text_add_literal(&text, "Content-Length: ");
    text_add_number(&text, length);
    text_add_literal(&text, "\r\n\r\n");
    if (request->head_only) {
        send_last(connection, &text, keep);
        return false;
    }
    bool written = !text.failed && http_connection_write(connection, text_slice(&text));
    text_free(&text);
    if (!written) {
        http_connection_close(connection, false);
        return false;
    }
    request->drained = drained;
    http_wait_end(connection);
    http_wait_begin(connection, HTTP_WAIT_PARTS);
    return true;
}

bool http_part(struct http_request *request, struct slice bytes)
{
    struct http_connection *connection = request->connection;
    if (!http_connection_write(connection, bytes)) {
        http_connection_close(connection, false);
        return false;
    }
    connection->unsent = http_connection_unsent(connection);
    http_wait_end(connection);
    http_wait_begin(connection, HTTP_WAIT_PARTS);
    return true;
}

void http_parts_end(struct http_request *request)
{
    http_connection_answered(request->connection, may_keep(request->connection));
}

void http_parts_break(struct http_request *request)
{
    http_connection_close(request->connection, false);
}

/* ── streams ── */

/* One chunk; in HTTP/1.0, which has none, the bytes. */
static bool chunk_write(struct http_request *request, struct slice bytes)
{
    struct http_connection *connection = request->connection;
    if (head_of(request)->minor == 0)
        return http_connection_write(connection, bytes);
    struct text text = {0};
    text_addf(&text, "%zx\r\n", bytes.len);
    text_add(&text, bytes);
    text_add_literal(&text, "\r\n");
    bool written = !text.failed && http_connection_write(connection, text_slice(&text));
    text_free(&text);
    return written;
}

bool http_stream_begin(struct http_request *request)
{
    struct http_connection *connection = request->connection;
    struct text text = {0};
    bool chunked = head_of(request)->minor >= 1, keep = may_keep(connection);
    head_write(connection, &text, 200, "text/event-stream", keep);
    text_add_literal(&text, "X-Accel-Buffering: no\r\n");
    if (chunked)
        text_add_literal(&text, "Transfer-Encoding: chunked\r\n");
    text_add_literal(&text, "\r\n");
    if (request->head_only || connection->ended) {
        send_last(connection, &text, keep && !connection->ended);
        return false;
    }
    bool written = !text.failed && http_connection_write(connection, text_slice(&text));
    text_free(&text);
    if (!written) {
        http_connection_close(connection, false);
        return false;
    }
    request->streaming = true;
    connection->server->counts.streams++;
    connection->server->counts.streams_open++;
    http_wait_end(connection);
    http_wait_begin(connection, HTTP_WAIT_STREAM);
    return true;
}

/* Lines of a text, each as a line of data. A CR ends one as well, by the rules of event streams. */
static void add_data(struct text *text, struct slice data)
{
    for (;;) {
        size_t len = 0;
        while (len < data.len && data.at[len] != '\n' && data.at[len] != '\r')
            len++;
        text_add_literal(text, "data: ");
        text_add(text, (struct slice){data.at, len});
        text_add_literal(text, "\n");
        if (len == data.len)
            return;
        len += data.at[len] == '\r' && len + 1 < data.len && data.at[len + 1] == '\n' ? 2 : 1;
        data = (struct slice){data.at + len, data.len - len};
    }
}

/* What was said in this turn. */
static bool events_write(struct http_request *request)
{
    bool written = request->events.len == 0 || chunk_write(request, text_slice(&request->events));
    text_free(&request->events);
    if (request->telling)
        TAILQ_REMOVE(&request->connection->server->telling, request, next_telling);
    request->telling = false;
    return written;
}

/* A call of the system for each event of each reader would cost more than all else of it. */
static void tell_later(struct http_request *request)
{
    struct http_server *server = request->connection->server;
    if (request->telling)
        return;
    if (TAILQ_EMPTY(&server->telling))
        uv_timer_start(&server->turn, http_streams_tell, 0, 0);
    TAILQ_INSERT_TAIL(&server->telling, request, next_telling);
    request->telling = true;
}

void http_streams_tell(uv_timer_t *turn)
{
    const struct http_server *server = turn->data;
    struct http_request *request;
    while ((request = TAILQ_FIRST(&server->telling)))
        if (!events_write(request))
            http_connection_close(request->connection, true);
}

bool http_stream_event(struct http_request *request, struct slice event, struct slice id,
                       struct slice data)
{
    struct http_connection *connection = request->connection;
    struct http_server *server = connection->server;
    struct text *text = &request->events;
    size_t waiting = http_stream_waiting(request);
    if (event.at && !has_control(event))
        text_addf(text, "event: %.*s\n", SLICE_FORMAT(event));
    if (id.at && !has_control(id))
        text_addf(text, "id: %.*s\n", SLICE_FORMAT(id));
    add_data(text, data);
    text_add_literal(text, "\n");
    /* What waits is bounded; a single event may be longer, for it can't become shorter. */
    bool slow = waiting > 0 && http_stream_waiting(request) > server->options.stream_max;
    server->counts.streams_cut += slow;
    server->counts.events += !slow;
    bool written = !slow && !text->failed;
    if (written && text->len > HTTP_EVENTS_MAX)
        written = events_write(request);
    else if (written)
        tell_later(request);
    if (!written) {
        http_connection_close(connection, false);
        return false;
    }
    connection->unsent = 0;
    http_wait_end(connection);
    http_wait_begin(connection, HTTP_WAIT_STREAM);
    return true;
}

bool http_stream_alive(struct http_request *request)
{
    return chunk_write(request, slice_of(":\n\n"));
}

void http_stream_end(struct http_request *request)
{
    struct http_connection *connection = request->connection;
    struct text text = {0};
    if (!events_write(request)) {
        http_connection_close(connection, false);
        return;
    }
    if (head_of(request)->minor >= 1)
        text_add_literal(&text, "0\r\n\r\n");
    send_last(connection, &text, may_keep(connection));
}

void http_stream_part(struct http_request *request)
{
    if (request->streaming && events_write(request) && head_of(request)->minor >= 1)
        http_connection_write(request->connection, slice_of("0\r\n\r\n"));
}

/* ── upgrades ── */

bool http_request_upgrades(const struct http_request *request, const char *protocol)
{
    const struct http_head *head = head_of(request);
    return slice_is(head->method, "GET") && head->minor >= 1 &&
           http_head_times(head, "upgrade") == 1 &&
           http_same(http_head_field(head, "upgrade"), protocol) &&
           http_list_has(http_head_field(head, "connection"), "upgrade");
}

bool http_upgrade(struct http_request *request, const char *protocol,
                  const struct http_tunnel *tunnel, void *data)
{
    struct http_connection *connection = request->connection;
    struct text text = {0};
    status_write(connection, &text, 101);
    text_addf(&text, "Upgrade: %s\r\nConnection: Upgrade\r\n", protocol);
    text_add(&text, text_slice(&request->fields));
    text_add_literal(&text, "\r\n");
    bool written =
        !text.failed && !connection->ended && http_connection_write(connection, text_slice(&text));
    text_free(&text);
    if (!written) {
        http_connection_close(connection, false);
        return false;
    }
    text_free(&request->fields);
    http_reader_clear(&connection->reader);
    request->tunnel = tunnel;
    request->tunnel_data = data;
    connection->server->counts.upgrades++;
    connection->server->counts.upgrades_open++;
    http_wait_end(connection);
    http_wait_begin(connection, HTTP_WAIT_TUNNEL);
    return true;
}

bool http_tunnel_write(struct http_request *request, struct slice bytes)
{
    struct http_connection *connection = request->connection;
    if (http_connection_write(connection, bytes))
        return true;
    http_connection_close(connection, false);
    return false;
}

size_t http_tunnel_unsent(const struct http_request *request)
{
    return http_connection_unsent(request->connection) + request->events.len;
}

void http_tunnel_reads(struct http_request *request, bool reads)
{
    http_connection_reads(request->connection, reads);
}

void http_tunnel_end(struct http_request *request, bool broken)
{
    if (broken)
        http_connection_close(request->connection, false);
    else
        http_connection_answered(request->connection, false);
}

size_t http_stream_waiting(const struct http_request *request)
{
    return http_connection_unsent(request->connection);
}
