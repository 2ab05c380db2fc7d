/* An HTTP server with handlers of every kind, for tests over real sockets. Arguments set its
 * options: head_ms=200; tls=DIR/hub is a certificate and its key, DIR/hub.pem and DIR/hub.key. It
 * says its port on a line, and ends with SIGTERM. */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/http_server.h"
#include "tls/tls.h"
#include "wire/text.h"

#define WAITING_MAX 20000u

static struct {
    struct http_server *server;
    uv_signal_t signal;
    struct http_request *later[WAITING_MAX]; /* wait for /release */
    size_t later_count;
    struct http_request *feeds[WAITING_MAX]; /* hear what /say says */
    size_t feed_count;
    unsigned gone;
    const char *tls;
} test;

static void take_out(struct http_request **list, size_t *count, const struct http_request *request)
{
    for (size_t i = 0; i < *count; i++)
        if (list[i] == request)
            list[i--] = list[--*count];
}

static void on_gone(struct http_request *request, void *data)
{
    (void)data;
    test.gone++;
    take_out(test.later, &test.later_count, request);
    take_out(test.feeds, &test.feed_count, request);
}

static size_t query_number(struct http_request *request, const char *name, size_t fallback)
{
    char value[16];
    return http_request_query(request, name, value, sizeof value) ? strtoul(value, NULL, 10)
                                                                  : fallback;
}

static void reply_text(struct http_request *request, const char *sentence)
{
    http_reply(request, 200, "text/plain", slice_of(sentence));
}

static void handle_hello(struct http_request *request)
{
    http_reply_header(request, "X-Fine", slice_of("yes"));
    http_reply_header(request, "X-Bad", slice_of("a\r\nX-Split: b"));
    reply_text(request, "hello\n");
}

static void handle_echo(struct http_request *request)
{
    http_reply(request, 200, "application/octet-stream", http_request_body(request));
}

static void handle_thing(struct http_request *request)
{
    http_reply(request, 200, "text/plain", http_request_param(request, 0));
}

static void handle_big(struct http_request *request)
{
    size_t len = query_number(request, "bytes", 1);
    char *bytes = malloc(len);
    if (!bytes)
        abort();
    memset(bytes, 'x', len);
    http_reply(request, 200, "text/plain", (struct slice){bytes, len});
    free(bytes);
}

static void handle_later(struct http_request *request)
{
    if (test.later_count == WAITING_MAX) {
        http_reply_error(request, 503, "too many wait");
        return;
    }
    test.later[test.later_count++] = request;
    http_request_on_gone(request, on_gone, NULL);
}

static void handle_release(struct http_request *request)
{
    struct http_request *first;
    while (test.later_count > 0) {
        first = test.later[0];
        take_out(test.later, &test.later_count, first);
        reply_text(first, "later\n");
    }
    reply_text(request, "released\n");
}

/* count events of size bytes each, with ids that go on behind Last-Event-ID; then the end. */
static void handle_stream(struct http_request *request)
{
    size_t count = query_number(request, "count", 1), size = query_number(request, "size", 1);
    struct slice last = http_request_header(request, "last-event-id");
    uint64_t id = last.at ? strtoull(last.at, NULL, 10) : 0;
    char *bytes = malloc(size), digits[U64_SIZE];
    bool good = http_stream_begin(request);
    if (!bytes)
        abort();
    memset(bytes, 'x', size);
    for (size_t i = 0; good && i < count; i++) {
        size_t len = u64_format(++id, digits);
        good = http_stream_event(request, (struct slice){NULL, 0}, (struct slice){digits, len},
                                 (struct slice){bytes, size});
    }
    free(bytes);
    if (good)
        http_stream_end(request);
}

static void handle_feed(struct http_request *request)
{
    if (test.feed_count == WAITING_MAX) {
        http_reply_error(request, 503, "too many listen");
        return;
    }
    http_request_on_gone(request, on_gone, NULL);
    if (http_stream_begin(request))
        test.feeds[test.feed_count++] = request;
}

static void handle_say(struct http_request *request)
{
    struct slice event = SLICE("said");
    for (size_t i = 0; i < test.feed_count; i++)
        if (!http_stream_event(test.feeds[i], event, slice_of("7"), http_request_body(request))) {
            take_out(test.feeds, &test.feed_count, test.feeds[i]);
            i--;
        }
    reply_text(request, "said\n");
}

static void handle_counts(struct http_request *request)
{
    const struct http_counts *counts = http_server_counts(test.server);
    struct text text = {0};
    text_addf(
        &text, "{\"connections\":%zu,\"streams_open\":%zu,\"later\":%zu,\"feeds\":%zu,\"gone\":%u",
        counts->connections, counts->streams_open, test.later_count, test.feed_count, test.gone);
#define X(name, help) text_addf(&text, ",\"" #name "\":%ju", (uintmax_t)counts->name);
    HTTP_COUNTERS(X)
#undef X
    text_add_literal(&text, "}\n");
    http_reply(request, 200, "application/json", text_slice(&text));
    text_free(&text);
}

static const struct http_route routes[] = {
    {.method = "GET", .path = "/hello", .handler = handle_hello},
    {.method = "POST", .path = "/echo", .handler = handle_echo, .body_max = 1 << 20},
    {.method = "GET", .path = "/things/{name}", .handler = handle_thing},
    {.method = "GET", .path = "/big", .handler = handle_big},
    {.method = "GET", .path = "/later", .handler = handle_later},
    {.method = "GET", .path = "/release", .handler = handle_release},
    {.method = "GET", .path = "/stream", .handler = handle_stream},
    {.method = "GET", .path = "/feed", .handler = handle_feed},
    {.method = "POST", .path = "/say", .handler = handle_say, .body_max = 1 << 20},
    {.method = "GET", .path = "/counts", .handler = handle_counts},
    {0},
};

static bool option_read(struct http_server_options *options, const char *word)
{
    const struct {
        const char *name;
        uint64_t *ms;
        size_t *bytes;
        int *number;
    } known[] = {
        {.name = "idle_ms", .ms = &options->idle_ms},
        {.name = "shake_ms", .ms = &options->shake_ms},
        {.name = "head_ms", .ms = &options->head_ms},
        {.name = "body_ms", .ms = &options->body_ms},
        {.name = "drain_ms", .ms = &options->drain_ms},
        {.name = "alive_ms", .ms = &options->alive_ms},
        {.name = "linger_ms", .ms = &options->linger_ms},
        {.name = "stream_max", .bytes = &options->stream_max},
        {.name = "bodies_max", .bytes = &options->bodies_max},
        {.name = "connections_max", .bytes = &options->connections_max},
        {.name = "send_buffer", .number = &options->send_buffer},
    };
    const char *sign = strchr(word, '=');
    if (sign && slice_is((struct slice){word, (size_t)(sign - word)}, "tls")) {
        test.tls = sign + 1;
        return true;
    }
    for (size_t i = 0; sign && i < sizeof known / sizeof *known; i++) {
        unsigned long value = strtoul(sign + 1, NULL, 10);
        if (!slice_is((struct slice){word, (size_t)(sign - word)}, known[i].name))
            continue;
        if (known[i].ms)
            *known[i].ms = value;
        else if (known[i].bytes)
            *known[i].bytes = value;
        else
            *known[i].number = (int)value;
        return true;
    }
    return false;
}

/* 0, or -1 with a sentence. */
static int tls_begin(char *ret_why, size_t size)
{
    char cert[512], key[512], fingerprint[TLS_FINGERPRINT_SIZE];
    snprintf(cert, sizeof cert, "%s.pem", test.tls);
    snprintf(key, sizeof key, "%s.key", test.tls);
    const struct tls_server_files files = {.cert = cert, .key = key, .protocol = "http/1.1"};
    struct ssl_ctx_st *context = tls_server_context(&files, fingerprint, ret_why, size);
    return context && http_server_use_tls(test.server, context) ? 0 : -1;
}

static void on_signal(uv_signal_t *signal, int number)
{
    (void)number;
    http_server_close(test.server);
    uv_close((uv_handle_t *)signal, NULL);
}

int main(int count, char **words)
{
    static uv_loop_t loop;
    struct http_server_options options = {.routes = routes};
    char why[TLS_WHY_SIZE];
    for (int i = 1; i < count; i++)
        if (!option_read(&options, words[i])) {
            fprintf(stderr, "no option: %s\n", words[i]);
            return 2;
        }
    uv_loop_init(&loop);
    test.server = http_server_new(&loop, &options);
    if (!test.server || (test.tls && tls_begin(why, sizeof why) < 0) ||
        http_server_listen(test.server, "127.0.0.1:0", why, sizeof why) < 0) {
        fprintf(stderr, "%s\n", test.server ? why : "out of memory");
        return 1;
    }
    uv_signal_init(&loop, &test.signal);
    uv_signal_start(&test.signal, on_signal, SIGTERM);
    signal(SIGPIPE, SIG_IGN);
    printf("%u\n", http_server_port(test.server));
    fflush(stdout);
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop) == 0 ? 0 : 1; /* all handles are closed */
}
