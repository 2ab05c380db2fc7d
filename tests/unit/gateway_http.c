/* HTTP without a socket: what is a request, what is refused and by which status, whatever the
 * splits; where routes lead; who is foreign. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/http_inside.h"
#include "let_go.h"
#include "wire_guard.h"

#define HOST "Host: localhost\r\n"

/* What came out of a stream, written down: "GET /path{body}" for each request, ":keep" or ":close"
 * behind it, and "!status" for a refusal. */
struct record {
    struct text text;
    unsigned fields; /* of the head: what comes later adds none */
    bool refused;
};

static void note(struct record *record, const struct http_reader *reader, enum http_event event)
{
    const struct http_head *head = reader->head;
    switch (event) {
    case HTTP_EVENT_HEAD:
        text_addf(&record->text, "%.*s %.*s", SLICE_FORMAT(head->method), SLICE_FORMAT(head->path));
        if (head->query.at)
            text_addf(&record->text, "?%.*s", SLICE_FORMAT(head->query));
        text_add_literal(&record->text, "{");
        record->fields = head->field_count;
        break;
    case HTTP_EVENT_BODY:
        text_add(&record->text, reader->body);
        break;
    case HTTP_EVENT_DONE:
        assert_int_equal(head->field_count, record->fields);
        text_add_literal(&record->text, head->keep_alive ? "}:keep " : "}:close ");
        break;
    case HTTP_EVENT_REFUSED:
        text_addf(&record->text, "!%d", reader->status);
        assert_non_null(reader->why);
        record->refused = true;
        break;
    case HTTP_EVENT_MORE:
        break;
    }
}

static void feed(struct http_reader *reader, struct slice bytes, struct record *record)
{
    struct slice input = guarded(bytes);
    enum http_event event;
    while (!record->refused && (event = http_reader_next(reader, &input)) != HTTP_EVENT_MORE) {
        note(record, reader, event);
        if (event == HTTP_EVENT_DONE)
            http_reader_clear(reader);
    }
    assert_true(record->refused || input.len == 0);
}

/* The stream in pieces of `most` bytes. The caller frees the record's text. */
static struct record read_split(struct slice stream, size_t most)
{
    struct record record = {0};
    struct http_reader reader;
    http_reader_init(&reader);
    while (stream.len > 0) {
        size_t len = stream.len < most ? stream.len : most;
        feed(&reader, (struct slice){stream.at, len}, &record);
        stream.at += len;
        stream.len -= len;
    }
    http_reader_free(&reader);
    text_add(&record.text, (struct slice){"", 1});
    return record;
}

static void expect(struct slice stream, const char *wanted)
{
    static const size_t sizes[] = {SIZE_MAX, 1, 2, 3, 7};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct record record = read_split(stream, sizes[i]);
        if (strcmp(record.text.at, wanted) != 0)
            print_message("in pieces of %zu: %.*s\n", sizes[i], (int)stream.len, stream.at);
        assert_string_equal(record.text.at, wanted);
        text_free(&record.text);
    }
}

/* ── requests ── */

static void test_requests(void **state)
{
    (void)state;
    static const struct {
        const char *stream, *wanted;
    } streams[] = {
        {"", ""},
        {"GET / HTTP/1.1\r\n" HOST "\r\n", "GET /{}:keep "},
        {"GET /a?b=c&d HTTP/1.1\r\n" HOST "\r\n", "GET /a?b=c&d{}:keep "},
        {"GET /? HTTP/1.1\r\n" HOST "\r\n", "GET /?{}:keep "},
        {"GET /%7Ea HTTP/1.1\r\nhOST:localhost\r\n\r\n", "GET /%7Ea{}:keep "},
        {"GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", "GET /{}:close "},
        {"GET / HTTP/1.0\r\n" HOST "\r\n", "GET /{}:close "},
        {"HEAD / HTTP/1.1\r\n" HOST "\r\n", "HEAD /{}:keep "},
        {"GET / HTTP/1.1\r\n" HOST "Empty:\r\nTabs:\ta\tb \t\r\n\r\n", "GET /{}:keep "},
        {"POST /m HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello", "POST /m{hello}:keep "},
        {"POST /m HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", "POST /m{}:keep "},
        {"POST /m HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhel", "POST /m{hel"},
        {"POST /m HTTP/1.1\r\n" HOST "Transfer-Encoding: Chunked\r\n\r\n"
         "5\r\nhello\r\n000A\r\n, old hub!\r\n0\r\n\r\n",
         "POST /m{hello, old hub!}:keep "},
        {"POST /m HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n",
         "POST /m{}:keep "},
        /* the second is not taken for the first one's body, nor a body for it */
        {"GET /1 HTTP/1.1\r\n" HOST "\r\nGET /2 HTTP/1.1\r\n" HOST "\r\n",
         "GET /1{}:keep GET /2{}:keep "},
        {"POST /1 HTTP/1.1\r\n" HOST "Content-Length: 19\r\n\r\nGET /x HTTP/1.1\r\n\r\n"
         "GET /2 HTTP/1.1\r\n" HOST "\r\n",
         "POST /1{GET /x HTTP/1.1\r\n\r\n}:keep GET /2{}:keep "},
        {"POST /1 HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
         "GET /2 HTTP/1.1\r\n" HOST "\r\n",
         "POST /1{ab}:keep GET /2{}:keep "},
        {"GET / HTTP/1.1\r\n" HOST "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n"
         "HTTP2-Settings: AAMAAABk\r\n\r\n",
         "GET /{}:keep "},
    };
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++)
        expect(slice_of(streams[i].stream), streams[i].wanted);
}

static void test_what_two_readers_could_understand_differently(void **state)
{
    (void)state;
#define POST    "POST / HTTP/1.1\r\n" HOST
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
    static const struct {
        const char *stream, *wanted;
    } streams[] = {
        /* how long the body is */
        {POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", "!400"},
        {POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", "!400"},
        {POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "!400"},
        {POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "!400"},
        {POST "Content-Length: 3, 3\r\n\r\nabc", "!400"},
        {POST "Content-Length: -1\r\n\r\n", "!400"},
        {POST "Content-Length: +3\r\n\r\nabc", "!400"},
        {POST "Content-Length: 0x3\r\n\r\nabc", "!400"},
        {POST "Content-Length: 3 4\r\n\r\nabc", "!400"},
        {POST "Content-Length:\r\n\r\nabc", "!400"},
        {POST "Content-Length: 1000000000000000\r\n\r\n", "!400"},
        {POST "Content-Length: 18446744073709551616\r\n\r\n", "!400"},
        {POST "Content-Length : 3\r\n\r\nabc", "!400"},
        {POST "Transfer-Encoding: gzip, chunked\r\n\r\n", "!501"},
        {POST "Transfer-Encoding: chunked, identity\r\n\r\n", "!501"},
        {POST "Transfer-Encoding: identity\r\n\r\n", "!501"},
        {POST "Transfer-Encoding: xchunked\r\n\r\n", "!501"},
        {POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", "!501"},
        {POST "Transfer-Encoding: \x0b"
              "chunked\r\n\r\n",
         "!400"},
        {POST "Transfer-Encoding : chunked\r\n\r\n", "!400"},
        {"POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", "!400"},
        /* lines */
        {"GET / HTTP/1.1\n" HOST "\r\n", "!400"},
        {"GET / HTTP/1.1\r\nHost: localhost\n\r\n", "!400"},
        {"GET / HTTP/1.1\r\n" HOST "\n", "!400"},
        {"GET / HTTP/1.1\r\n" HOST "A: b\rC: d\r\n\r\n", "!400"},
        {"GET / HTTP/1.1\r\n" HOST "A: b\r\r\n\r\n", "!400"},
        {"GET / HTTP/1.1\r\n" HOST "A: b\r\n c\r\n\r\n", "!400"},
        {"GET / HTTP/1.1\r\n" HOST "A: b\x01\r\n\r\n", "!400"},
        {"GET / HTTP/1.1\r\n" HOST "A b\r\n\r\n", "!400"},
        {"GET / HTTP/1.1\r\n" HOST ": b\r\n\r\n", "!400"},
        {"GET / HTTP/1.1\r\n" HOST "A B: c\r\n\r\n", "!400"},
        {"GET / HTTP/1.1\r\n" HOST "A(: c\r\n\r\n", "!400"},
        {"GET / HTTP/1.1\r\n" HOST "A\t: c\r\n\r\n", "!400"},
        {"\r\nGET / HTTP/1.1\r\n" HOST "\r\n", "!400"},
        /* the first line */
        {"GET  / HTTP/1.1\r\n" HOST "\r\n", "!400"},
        {"GET /  HTTP/1.1\r\n" HOST "\r\n", "!400"},
        {"GET / HTTP/1.1 \r\n" HOST "\r\n", "!400"},
        {"GET /\tHTTP/1.1\r\n" HOST "\r\n", "!400"},
        {"GET /\r\n" HOST "\r\n", "!400"},
        {"GET / HTTP/2.0\r\n" HOST "\r\n", "!505"},
        {"GET / HTTP/1.2\r\n" HOST "\r\n", "!505"},
        {"GET / HTTP/0.9\r\n" HOST "\r\n", "!505"},
        {"GET / HTTP/11\r\n" HOST "\r\n", "!400"},
        {"GET / H\r\n\r\n.1\r\n" HOST "\r\n", "!400"},
        {"GET / http/1.1\r\n" HOST "\r\n", "!400"},
        {"get / HTTP/1.1\r\n" HOST "\r\n", "!400"},
        {"NONE / HTTP/1.1\r\n" HOST "\r\n", "!501"},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "!501"},
        {"GET http://localhost/ HTTP/1.1\r\n" HOST "\r\n", "!400"},
        {"GET localhost HTTP/1.1\r\n" HOST "\r\n", "!400"},
        {"OPTIONS * HTTP/1.1\r\n" HOST "\r\n", "!400"},
        {"CONNECT localhost:80 HTTP/1.1\r\n" HOST "\r\n", "!400"},
        {"GET /a#b HTTP/1.1\r\n" HOST "\r\n", "!400"},
        {"GET /a\\b HTTP/1.1\r\n" HOST "\r\n", "!400"},
        {"GET /\x80 HTTP/1.1\r\n" HOST "\r\n", "!400"},
        {"GET /% HTTP/1.1\r\n" HOST "\r\n", "!400"},
        {"GET /%4 HTTP/1.1\r\n" HOST "\r\n", "!400"},
        {"GET /%4g HTTP/1.1\r\n" HOST "\r\n", "!400"},
        {"{\"message_type\":\"hello\"}\n", "!400"},
        {"\x16\x03\x01\x02", "!400"},
        /* who is meant */
        {"GET / HTTP/1.1\r\n\r\n", "!400"},
        {"GET / HTTP/1.0\r\n\r\n", "!400"},
        {"GET / HTTP/1.1\r\nHost:\r\n\r\n", "!400"},
        {"GET / HTTP/1.1\r\n" HOST HOST "\r\n", "!400"},
        {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "!400"},
        {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "!400"},
        {"GET / HTTP/1.1\r\nHost: user@localhost\r\n\r\n", "!400"},
        {"GET / HTTP/1.1\r\nHost: localhost:x\r\n\r\n", "!400"},
        {"GET / HTTP/1.1\r\nHost: localhost:\r\n\r\n", "!400"},
        {"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", "!400"},
        {"GET / HTTP/1.1\r\nHost: localhost, localhost\r\n\r\n", "!400"},
        /* what the connection becomes */
        {"GET / HTTP/1.1\r\n" HOST "Upgrade: x\r\nConnection: Upgrade\r\n\r\n", "!501"},
        {"GET / HTTP/1.1\r\n" HOST "Upgrade: x\r\n\r\n", "!501"},
        {"GET / HTTP/1.1\r\n" HOST "Upgrade: h2c\r\nUpgrade: x\r\n\r\n", "!501"},
        {POST "Expect: miracles\r\nContent-Length: 1\r\n\r\n", "!417"},
        /* chunks */
        {CHUNKED "\r\n", "POST /{!400"},
        {CHUNKED "g\r\n", "POST /{!400"},
        {CHUNKED "-1\r\n", "POST /{!400"},
        {CHUNKED " 1\r\na", "POST /{!400"},
        {CHUNKED "1 \r\na", "POST /{!400"},
        {CHUNKED "1;x=y\r\na\r\n", "POST /{!400"},
        {CHUNKED "1\na", "POST /{!400"},
        {CHUNKED "1\rxa", "POST /{!400"},
        {CHUNKED "0x1\r\na", "POST /{!400"},
        {CHUNKED "000000001\r\na", "POST /{!400"},
        {CHUNKED "1\r\nabc", "POST /{a!400"},
        {CHUNKED "1\r\na\n", "POST /{a!400"},
        {CHUNKED "1\r\na\r0", "POST /{a!400"},
        {CHUNKED "1\r\naXX0\r\n\r\n", "POST /{a!400"},
        {CHUNKED "0\r\nA: b\n\r\n", "POST /{!400"},
        {CHUNKED "0\r\n\n", "POST /{!400"},
        {CHUNKED "0\r\nA: b\r\n c\r\n\r\n", "POST /{!400"},
    };
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++)
        expect(slice_of(streams[i].stream), streams[i].wanted);
    expect((struct slice){"GET / HTTP/1.1\r\n" HOST "A: \0\r\n\r\n", 39}, "!400");
}

/* What http-parser would refuse by itself, a head's own check refuses as well. */
static void test_lengths_are_not_left_to_the_parser(void **state)
{
    (void)state;
    static const struct http_field length = {SLICE("Content-Length"), SLICE("3")},
                                   chunked = {SLICE("Transfer-Encoding"), SLICE("chunked")};
    char bytes[] = "POST / HTTP/1.1\r\n";
    for (unsigned i = 0; i < 3; i++) {
        struct http_head head = {.bytes = bytes,
                                 .len = sizeof bytes - 1,
                                 .method = {bytes, 4},
                                 .target = {bytes + 5, 1},
                                 .minor = 1,
                                 .fields = {{SLICE("Host"), SLICE("localhost")}},
                                 .field_count = 2};
        const char *why = NULL;
        head.fields[1] = length;
        if (i > 0)
            head.fields[head.field_count++] = i == 1 ? length : chunked;
        assert_int_equal(http_head_check(&head, &why), i ? 400 : 0);
        assert_true(!why == !i);
    }
}

static void expect_text(struct text *stream, const char *wanted)
{
    assert_false(stream->failed);
    expect(text_slice(stream), wanted);
    text_free(stream);
}

static void add_times(struct text *text, const char *piece, size_t times)
{
    while (times--)
        text_add_literal(text, piece);
}

static void test_at_the_limits(void **state)
{
    (void)state;
    static const char begin[] = "GET / HTTP/1.1\r\n" HOST;
    for (size_t over = 0; over < 2; over++) {
        struct text stream = {0};
        text_add_literal(&stream, begin);
        add_times(&stream, "A: b\r\n", HTTP_FIELDS_MAX - 1 + over);
        text_add_literal(&stream, "\r\n");
        expect_text(&stream, over ? "!431" : "GET /{}:keep ");

        text_add_literal(&stream, begin);
        text_add_literal(&stream, "A: ");
        add_times(&stream, "b", HTTP_HEAD_MAX - stream.len - 4 + over);
        text_add_literal(&stream, "\r\n\r\n");
        assert_int_equal(stream.len, HTTP_HEAD_MAX + over);
        expect_text(&stream, over ? "!431" : "GET /{}:keep ");

        text_add_literal(&stream,
                         "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\nA: ");
        add_times(&stream, "b", HTTP_TRAILER_MAX - 3 - 4 + over);
        text_add_literal(&stream, "\r\n\r\n");
        expect_text(&stream, over ? "POST /{!400" : "POST /{}:keep ");
    }
    struct text stream = {0};
    text_add_literal(&stream, "GET /");
    add_times(&stream, "a", HTTP_HEAD_MAX);
    expect_text(&stream, "!414");
}

/* Nothing is kept for a connection without a request, and no more than its bounds for one. */
static void test_what_is_held(void **state)
{
    (void)state;
    struct http_reader reader;
    struct slice input = SLICE("GET / HTTP/1.1\r\n" HOST "\r\n");
    http_reader_init(&reader);
    assert_null(reader.head);
    assert_int_equal(http_reader_next(&reader, &input), HTTP_EVENT_HEAD);
    assert_int_equal(reader.head->capacity, HTTP_HEAD_BEGIN);
    assert_int_equal(http_reader_next(&reader, &input), HTTP_EVENT_DONE);
    http_reader_clear(&reader);
    assert_null(reader.head);
    struct text many = {0};
    text_add_literal(&many, "GET / HTTP/1.1\r\n");
    add_times(&many, "A: bcdefghijklmnopqrstuvwxyz01234567890\r\n", 1000);
    input = text_slice(&many);
    assert_int_equal(http_reader_next(&reader, &input), HTTP_EVENT_REFUSED);
    assert_true(reader.head->capacity <= HTTP_HEAD_MAX);
    http_reader_free(&reader);
    text_free(&many);
}

/* ── tokens ── */

/* What is shown, "" for nothing, or "!" for what is no token. */
static void shown(struct http_field first, struct http_field second, const char *wanted)
{
    struct http_head head = {.fields = {first, second}, .field_count = second.name.at ? 2 : 1};
    struct slice token;
    bool good = http_head_bearer(&head, &token);
    assert_true(good || !token.at);
    assert_true(slice_is(good ? token : slice_of("!"), wanted));
}

static void test_bearer_tokens(void **state)
{
    (void)state;
    static const struct {
        const char *value, *wanted;
    } values[] = {
        {"Bearer khub_abc", "khub_abc"},
        {"bearer khub_abc", "khub_abc"},
        {"BEARER   a-._~+/9==", "a-._~+/9=="},
        {"Bearer", "!"},
        {"Bearer ", "!"},
        {"Bearer =", "!"},
        {"Bearer a b", "!"},
        {"Bearer a=b", "!"},
        {"Bearer a,b", "!"},
        {"Bearer \"a\"", "!"},
        {"Bearer\tabc", "!"},
        {"Bearerabc", "!"},
        {"Basic YTpi", "!"},
        {"khub_abc", "!"},
        {"", "!"},
    };
    const struct http_field none = {{NULL, 0}, {NULL, 0}};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct http_field field = {slice_of("authorization"), slice_of(values[i].value)};
        shown(field, none, values[i].wanted);
        shown(field, (struct http_field){slice_of("Authorization"), slice_of("Bearer abc")}, "!");
    }
    shown((struct http_field){slice_of("X-Authorization"), slice_of("Bearer abc")}, none, "");
    char text[HTTP_BEARER_MAX + 16];
    for (size_t over = 0; over <= 1; over++) {
        snprintf(text, sizeof text, "Bearer %0*d", (int)(HTTP_BEARER_MAX + over), 0);
        shown((struct http_field){slice_of("Authorization"), slice_of(text)}, none,
              over ? "!" : text + 7);
    }
}

/* Of a WebSocket, whose page can't say Authorization. */
static void test_bearer_tokens_among_protocols(void **state)
{
    (void)state;
    static const struct {
        const char *offered, *wanted;
    } values[] = {
        {"khub, khub.bearer.khub_abc", "khub_abc"},
        {"khub.bearer.khub_abc,khub", "khub_abc"},
        {"khub.bearer.khub_abc", "khub_abc"},
        {"khub", ""},
        {"", ""},
        {"khub.bearer", ""},
        {"Khub.bearer.khub_abc", ""},
        {"x.khub.bearer.khub_abc", ""},
        {"khub.bearer.", "!"},
        {"khub.bearer.a b", "!"},
        {"khub, khub.bearer.a, khub.bearer.a", "!"},
        {"khub.bearer., khub.bearer.a", "!"},
    };
    const struct http_field upgrade = {slice_of("Upgrade"), slice_of("WebSocket")};
    const struct http_field other = {slice_of("Upgrade"), slice_of("h2c")};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct http_field field = {slice_of("Sec-WebSocket-Protocol"), slice_of(values[i].offered)};
        shown(field, upgrade, values[i].wanted);
        shown(field, other, "");
    }
    /* beside an Authorization there is none, even the same */
    struct http_head head = {
        .fields = {upgrade,
                   {slice_of("Sec-WebSocket-Protocol"), slice_of("khub, khub.bearer.abc")},
                   {slice_of("Authorization"), slice_of("Bearer abc")}},
        .field_count = 2};
    struct slice token;
    assert_true(http_head_bearer(&head, &token) && slice_is(token, "abc"));
    head.field_count = 3;
    assert_false(http_head_bearer(&head, &token));
    assert_null(token.at);
}

void *__real_realloc(void *block, size_t size);
void *__wrap_realloc(void *block, size_t size);
void *__wrap_realloc(void *block, size_t size)
{
    let_go(block);
    return __real_realloc(block, size);
}

/* In a head that grows behind it, is answered, or is never whole. */
static void test_tokens_are_overwritten(void **state)
{
    (void)state;
    struct text stream = {.secret = true};
    text_add_literal(&stream, "GET / HTTP/1.1\r\n" HOST "Authorization: Bearer khub_secret\r\nA: ");
    add_times(&stream, "b", (size_t)4 * HTTP_HEAD_BEGIN);
    size_t unfinished = stream.len;
    text_add_literal(&stream, "\r\n\r\n");
    looked_for = "khub_secret";
    for (size_t len = unfinished; len <= stream.len; len += stream.len - unfinished) {
        struct http_reader reader;
        struct slice input = {stream.at, len};
        http_reader_init(&reader);
        assert_int_equal(http_reader_next(&reader, &input),
                         len == unfinished ? HTTP_EVENT_MORE : HTTP_EVENT_HEAD);
        http_reader_free(&reader);
    }
    looked_for = NULL;
    text_free(&stream);
    assert_int_equal(let_go_count, 0);
}

/* ── routes ── */

static void handle(struct http_request *request)
{
    (void)request;
}

static const struct http_route routes[] = {
    {.method = "GET", .path = "/", .handler = handle},
    {.method = "GET", .path = "/v1/members", .handler = handle},
    {.method = "GET", .path = "/v1/sessions/{id}", .handler = handle},
    {.method = "DELETE", .path = "/v1/sessions/{id}", .handler = handle},
    {.method = "GET", .path = "/v1/sessions/{id}/keys/{key}", .handler = handle},
    {0},
};

/* "index[param,param]", or "status[allowed]". */
static void routed(const char *method, const char *path, const char *wanted)
{
    struct http_server server = {.options.routes = routes};
    struct http_head head = {.method = slice_of(method), .path = slice_of(path)};
    struct http_connection connection = {.server = &server, .reader.head = &head};
    struct http_request request = {.connection = &connection,
                                   .head_only = strcmp(method, "HEAD") == 0};
    struct text allowed = {0}, found = {0};
    unsigned status;
    const struct http_route *route = http_route_find(&request, &status, &allowed);
    if (route)
        text_addf(&found, "%td[%.*s,%.*s]", route - routes, SLICE_FORMAT(request.params[0]),
                  SLICE_FORMAT(request.params[1]));
    else
        text_addf(&found, "%u[%.*s]", status, SLICE_FORMAT(text_slice(&allowed)));
    text_add(&found, (struct slice){"", 1});
    assert_string_equal(found.at, wanted);
    text_free(&found);
    text_free(&allowed);
    free(request.params_text);
}

static void test_routes(void **state)
{
    (void)state;
    routed("GET", "/", "0[,]");
    routed("GET", "/v1/members", "1[,]");
    routed("HEAD", "/v1/members", "1[,]");
    routed("GET", "/v1/members/", "404[]");
    routed("GET", "/v1", "404[]");
    routed("GET", "//", "404[]");
    routed("GET", "/V1/members", "404[]");
    routed("GET", "/.well-known/oauth-protected-resource", "404[]");
    routed("GET", "/v1/sessions/", "404[]");
    routed("GET", "/v1/sessions/a%2Fb", "2[a/b,]");
    routed("GET", "/v1/sessions/%00", "400[]");
    routed("GET", "/v1/sessions/a/keys/b%20c", "4[a,b c]");
    routed("DELETE", "/v1/sessions/abc", "3[abc,]");
    routed("POST", "/v1/sessions/abc", "405[GET, HEAD, DELETE]");
    routed("POST", "/", "405[GET, HEAD]");
}

static void test_queries(void **state)
{
    (void)state;
    struct http_head head = {.query = slice_of("since=12&a=b%20c&since=13&bad=%0A&last")};
    struct http_connection connection = {.reader.head = &head};
    struct http_request request = {.connection = &connection};
    char value[8];
    assert_true(http_request_query(&request, "since", value, sizeof value));
    assert_string_equal(value, "12");
    assert_true(http_request_query(&request, "a", value, sizeof value));
    assert_string_equal(value, "b c");
    assert_false(http_request_query(&request, "bad", value, sizeof value));
    assert_false(http_request_query(&request, "last", value, sizeof value));
    assert_false(http_request_query(&request, "inc", value, sizeof value));
    assert_false(http_request_query(&request, "a", value, 4));
}

/* ── DNS rebinding ── */

static void test_hosts_and_origins(void **state)
{
    (void)state;
    static const struct {
        const char *host, *origin;
        unsigned status;
    } cases[] = {
        {"localhost", NULL, 0},
        {"LocalHost:8080", NULL, 0},
        {"127.0.0.1", NULL, 0},
        {"127.1.2.3:80", NULL, 0},
        {"[::1]:8080", NULL, 0},
        {"[::1]", NULL, 0},
        {"evil.example", NULL, 403},
        {"localhost.evil.example", NULL, 403},
        {"127.0.0.1.evil.example", NULL, 403},
        {"128.0.0.1", NULL, 403},
        {"0.0.0.0:80", NULL, 403},
        {"127.1", NULL, 403},
        {"2130706433", NULL, 403},
        {"[::2]", NULL, 403},
        {"[::ffff:10.0.0.1]", NULL, 403},
        {"localhost:8080", "http://localhost:8080", 0},
        {"localhost:8080", "HTTP://LOCALHOST:8080", 0},
        {"localhost:8080", "http://localhost:8081", 403},
        {"localhost:8080", "http://localhost", 403},
        {"localhost:8080", "https://localhost:8080", 403},
        {"localhost:8080", "http://localhost:8080.evil.example", 403},
        {"localhost:8080", "http://evil.example", 403},
        {"localhost:8080", "null", 403},
        {"localhost:8080", "", 403},
        {"evil.example", "http://evil.example", 403},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_head head = {.host = slice_of(cases[i].host)};
        const char *why = NULL;
        if (cases[i].origin)
            head.fields[head.field_count++] =
                (struct http_field){SLICE("oRigin"), slice_of(cases[i].origin)};
        unsigned status = http_guard_check(&head, &(struct http_place){0}, &why);
        if (status != cases[i].status)
            print_message("%s from %s\n", cases[i].host, cases[i].origin);
        assert_int_equal(status, cases[i].status);
        assert_true(!status == !why);
    }
}

/* A server that other machines reach has names, and the address that was connected to. */
static void test_hosts_of_a_server_that_others_reach(void **state)
{
    (void)state;
    static const char *const names[] = {"hub.example", "hub", NULL};
    static const struct {
        const char *here, *host, *origin;
        bool secure;
        unsigned status;
    } cases[] = {
        {"10.1.2.3", "10.1.2.3:6080", NULL, true, 0},
        {"10.1.2.3", "10.1.2.4:6080", NULL, true, 403},
        {"10.1.2.3", "HUB.example", NULL, true, 0},
        {"10.1.2.3", "hub:443", NULL, true, 0},
        {"10.1.2.3", "hub.example.evil.example", NULL, true, 403},
        {"10.1.2.3", "evil.example", NULL, true, 403},
        {"10.1.2.3", "localhost", NULL, true, 0},
        {"[fd00::1]", "[fd00::1]:6080", NULL, true, 0},
        {"[fd00::1]", "[fd00:0::1]", NULL, true, 0},
        {"[fd00::1]", "[fd00::2]", NULL, true, 403},
        {"[fd00::1]", "10.1.2.3", NULL, true, 403},
        {"[::ffff:10.1.2.3]", "10.1.2.3", NULL, true, 0},
        {"[::ffff:10.1.2.3]", "10.1.2.4", NULL, true, 403},
        {"10.1.2.3", "10.1.2.3", "https://10.1.2.3", true, 0},
        {"10.1.2.3", "10.1.2.3", "http://10.1.2.3", true, 403},
        {"10.1.2.3", "10.1.2.3", "https://10.1.2.3", false, 403},
        {"10.1.2.3", "hub:443", "https://hub:443", false, 0},
        {"10.1.2.3", "hub:443", "http://hub:443", true, 0},
        {"10.1.2.3", "hub:443", "https://hub", true, 403},
        {"10.1.2.3", "hub", "https://hub.example", true, 403},
        {"10.1.2.3", "hub", "ftp://hub", true, 403},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_head head = {.host = slice_of(cases[i].host)};
        struct http_place place = {.hosts = names, .secure = cases[i].secure};
        struct address address;
        size_t count;
        const char *why = NULL;
        assert_int_equal(address_parse(cases[i].here, &address, &why), 0);
        assert_int_equal(address_resolve(&address, AI_NUMERICHOST, 1, &place.here, &count, &why),
                         0);
        if (cases[i].origin)
            head.fields[head.field_count++] =
                (struct http_field){SLICE("origin"), slice_of(cases[i].origin)};
        unsigned status = http_guard_check(&head, &place, &why);
        if (status != cases[i].status)
            print_message("%s from %s\n", cases[i].host, cases[i].origin);
        assert_int_equal(status, cases[i].status);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_what_two_readers_could_understand_differently),
        cmocka_unit_test(test_lengths_are_not_left_to_the_parser),
        cmocka_unit_test(test_at_the_limits),
        cmocka_unit_test(test_what_is_held),
        cmocka_unit_test(test_bearer_tokens),
        cmocka_unit_test(test_bearer_tokens_among_protocols),
        cmocka_unit_test(test_tokens_are_overwritten),
        cmocka_unit_test(test_routes),
        cmocka_unit_test(test_queries),
        cmocka_unit_test(test_hosts_and_origins),
        cmocka_unit_test(test_hosts_of_a_server_that_others_reach),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
