/* WebSockets: what is a message and what is refused, whatever the splits; what a server's frames
 * begin with; and a door between a client and a hub that are the test's own, where time passes when
 * the test says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/ws.h"
#include "gateway/ws_reader.h"

#define MESSAGE_MAX 1000u
#define MASK        "\x37\xfa\x21\x3d"

/* ── bytes ── */

static void frame_add(struct text *text, unsigned first, struct slice payload)
{
    struct text plain = {0};
    ws_frame_begin(&plain, WS_TEXT, true, payload.len);
    plain.at[0] = (char)first;
    plain.at[1] = (char)(plain.at[1] | 0x80);
    text_add(text, text_slice(&plain));
    text_add(text, slice_of(MASK));
    for (size_t i = 0; i < payload.len; i++) {
        char byte = (char)(payload.at[i] ^ MASK[i % 4]);
        text_add(text, (struct slice){&byte, 1});
    }
    text_free(&plain);
}

/* What came out of a stream, written down: "text." for a message, "<ping>", "(pong)", "#code
 * reason" for a close, "!code" for a refusal. */
static struct text read_split(struct slice stream, size_t most)
{
    struct ws_reader reader;
    struct text record = {0}, message = {0};
    char room[2048];
    ws_reader_init(&reader, MESSAGE_MAX);
    while (stream.len > 0) {
        struct slice input = {stream.at, stream.len < most ? stream.len : most};
        enum ws_event event;
        stream = (struct slice){stream.at + input.len, stream.len - input.len};
        while ((event = ws_reader_next(&reader, &input, room)) != WS_EVENT_MORE) {
            if (event == WS_EVENT_TEXT) {
                text_add(&message, reader.piece);
            } else if (event == WS_EVENT_END) {
                text_addf(&record, "%.*s.", SLICE_FORMAT(text_slice(&message)));
                text_clear(&message);
            } else if (event == WS_EVENT_REFUSED) {
                text_addf(&record, "!%d", (int)reader.code);
            } else {
                text_addf(&record,
                          event == WS_EVENT_PING   ? "<%.*s>"
                          : event == WS_EVENT_PONG ? "(%.*s)"
                                                   : "#%.*s",
                          SLICE_FORMAT(reader.piece));
            }
            if (event == WS_EVENT_CLOSE)
                text_addf(&record, " %d", (int)reader.code);
        }
        assert_int_equal(input.len, 0);
    }
    text_free(&message);
    text_add(&record, (struct slice){"", 1});
    return record;
}

static void expect(struct slice stream, const char *wanted)
{
    for (size_t most = 1; most <= stream.len; most++) {
        struct text record = read_split(stream, most);
        if (strcmp(record.at, wanted) != 0)
            print_message("in pieces of %zu\n", most);
        assert_string_equal(record.at, wanted);
        text_free(&record);
    }
}

#define FIN 0x80u
static void test_messages(void **state)
{
    static const struct {
        struct {
            unsigned first;
            const char *payload;
        } frames[5];
        const char *wanted;
    } cases[] = {
        {{{FIN | WS_TEXT, "hello"}}, "hello."},
        {{{FIN | WS_TEXT, ""}, {FIN | WS_TEXT, "x"}}, ".x."},
        {{{WS_TEXT, "a"}, {0, ""}, {0, "b"}, {FIN, "c"}}, "abc."},
        {{{WS_TEXT, "a"}, {FIN | WS_PING, "?"}, {0, "b"}, {FIN | WS_PONG, "!"}, {FIN, ""}},
         "<?>(!)ab."},
        {{{WS_TEXT, "\xe2"}, {0, "\x82"}, {FIN | WS_PING, ""}, {FIN, "\xac"}}, "<>\u20ac."},
        {{{WS_TEXT, "\xe2"}, {0, "\x82"}, {FIN, ""}}, "!1007"},
        {{{WS_TEXT, "\xe2"}, {FIN, "\x28\xac"}}, "!1007"},
        {{{FIN | WS_TEXT, "12345678\xff"}}, "!1007"},
        {{{FIN | WS_TEXT, "1234567\xed\xa0\x80"}}, "!1007"},
        {{{FIN | WS_CLOSE, ""}, {FIN | WS_TEXT, "x"}}, "# 1005"},
        {{{FIN | WS_CLOSE, "\x03\xe8"
                           "bye"}},
         "#bye 1000"},
        {{{FIN | WS_CLOSE, "\x13\x87"}}, "# 4999"},
        {{{FIN | WS_CLOSE, "\x13\x88"}}, "!1002"},
        {{{FIN | WS_CLOSE, "\x03"}}, "!1002"},
        {{{FIN | WS_CLOSE, "\x03\xec"}}, "!1002"},
        {{{FIN | WS_CLOSE, "\x03\xe8\xff"}}, "!1007"},
        {{{FIN | WS_BINARY, "x"}}, "!1003"},
        {{{FIN, "x"}}, "!1002"},
        {{{WS_TEXT, "x"}, {FIN | WS_TEXT, "y"}}, "!1002"},
        {{{WS_TEXT, "x"}, {FIN | WS_BINARY, "y"}}, "!1002"},
        {{{WS_PING, ""}}, "!1002"},
        {{{FIN | 0x40 | WS_TEXT, "x"}}, "!1002"},
        {{{FIN | 0x10 | WS_PING, ""}}, "!1002"},
        {{{FIN | 3, "x"}}, "!1002"},
        {{{FIN | 11, "x"}}, "!1002"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text stream = {0};
        for (size_t j = 0; j < 5 && (cases[i].frames[j].first || cases[i].frames[j].payload); j++)
            frame_add(&stream, cases[i].frames[j].first, slice_of(cases[i].frames[j].payload));
        expect(text_slice(&stream), cases[i].wanted);
        text_free(&stream);
    }
}

static void test_headers(void **state)
{
    static const struct {
        struct slice stream;
        const char *wanted;
    } cases[] = {
        {SLICE("\x81\x01x"), "!1002"},             /* no mask */
        {SLICE("\x89\xfe\x00\x7e" MASK), "!1002"}, /* a long ping */
        {SLICE("\x81\xfe\x00\x05" MASK), "!1002"}, /* could be shorter */
        {SLICE("\x81\xff\x00\x00\x00\x00\x00\x00\xff\xff" MASK), "!1002"},
        {SLICE("\x81\xff\x80\x00\x00\x00\x00\x00\x00\x00" MASK), "!1002"}, /* a sign */
        {SLICE("\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff" MASK), "!1009"},
        {SLICE("\x81\xfe\x03\xe9" MASK), "!1009"}, /* one more than MESSAGE_MAX */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect(cases[i].stream, cases[i].wanted);
}

static void test_at_the_limits(void **state)
{
    char payload[MESSAGE_MAX + 1], wanted[MESSAGE_MAX + 8];
    struct text stream = {0};
    (void)state;
    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = (char)('a' + i % 23); /* prime to the mask's length */
    for (size_t len = 0; len <= MESSAGE_MAX; len += len < 130 ? 1 : 290) {
        text_clear(&stream);
        frame_add(&stream, FIN | WS_TEXT, (struct slice){payload, len});
        snprintf(wanted, sizeof wanted, "%.*s.", (int)len, payload);
        expect(text_slice(&stream), wanted);
    }
    /* of each message alone, and of its frames together */
    frame_add(&stream, FIN | WS_TEXT, (struct slice){payload, 1});
    snprintf(wanted, sizeof wanted, "%.*s.a.", (int)MESSAGE_MAX, payload);
    expect(text_slice(&stream), wanted);
    text_clear(&stream);
    frame_add(&stream, WS_TEXT, (struct slice){payload, MESSAGE_MAX});
    frame_add(&stream, FIN, (struct slice){payload, 0});
    snprintf(wanted, sizeof wanted, "%.*s.", (int)MESSAGE_MAX, payload);
    expect(text_slice(&stream), wanted);
    text_clear(&stream);
    frame_add(&stream, WS_TEXT, (struct slice){payload, MESSAGE_MAX});
    frame_add(&stream, FIN, (struct slice){payload, 1});
    expect(text_slice(&stream), "!1009");
    text_clear(&stream);
    frame_add(&stream, FIN | WS_PING, (struct slice){payload, WS_CONTROL_MAX});
    snprintf(wanted, sizeof wanted, "<%.*s>", (int)WS_CONTROL_MAX, payload);
    expect(text_slice(&stream), wanted);
    text_free(&stream);
}

static void test_what_a_server_says(void **state)
{
    static const struct {
        size_t len;
        struct slice wanted;
    } cases[] = {{0, SLICE("\x81\x00")},
                 {125, SLICE("\x81\x7d")},
                 {126, SLICE("\x81\x7e\x00\x7e")},
                 {65535, SLICE("\x81\x7e\xff\xff")},
                 {65536, SLICE("\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00")}};
    struct text text = {0};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        text_clear(&text);
        ws_frame_begin(&text, WS_TEXT, true, cases[i].len);
        assert_true(slice_equal(text_slice(&text), cases[i].wanted));
    }
    /* a reason is cut between two characters */
    char reason[200] = "x", *at = reason + 1;
    for (unsigned i = 0; i < 50; i++)
        at = stpcpy(at, "\u20ac");
    text_clear(&text);
    ws_close_write(&text, WS_POLICY, slice_of(reason));
    assert_int_equal(text.len, 2 + 2 + 1 + 40 * 3);
    assert_true(slice_equal((struct slice){text.at, 4}, (struct slice)SLICE("\x88\x7b\x03\xf0")));
    text_clear(&text);
    ws_close_write(&text, WS_NO_CODE, slice_of("x"));
    assert_true(slice_equal(text_slice(&text), (struct slice)SLICE("\x88\x00")));
    text_free(&text);
}

/* ── a door ── */

#define PING_MS 3600000u /* never while a test runs; `look` has it pass */

static struct {
    uv_loop_t loop;
    struct http_server *http;
    struct ws_door *door;
    int hub, client; /* sockets of the test's: the hub's end of the door's connection, a client's */
    int listens;
} place;

static void ws_get(struct http_request *request)
{
    ws_door_get(place.door, request);
}

static const struct http_route routes[] = {{.method = "GET", .path = "/ws", .handler = ws_get},
                                           {0}};

/* Turns of the loop until `count` bytes came at a socket. */
static struct slice take(int fd, size_t count)
{
    static char buffer[1024];
    size_t len = 0;
    assert_true(count <= sizeof buffer);
    while (len < count) {
        ssize_t got = recv(fd, buffer + len, count - len, MSG_DONTWAIT);
        if (got < 0) {
            assert_int_equal(errno, EAGAIN);
            uv_run(&place.loop, UV_RUN_NOWAIT);
            continue;
        }
        assert_true(got > 0);
        len += (size_t)got;
    }
    return (struct slice){buffer, len};
}

static void take_end(int fd)
{
    char byte;
    ssize_t got;
    while ((got = recv(fd, &byte, 1, MSG_DONTWAIT)) < 0 && errno == EAGAIN)
        uv_run(&place.loop, UV_RUN_NOWAIT);
    assert_true(got == 0 || errno == ECONNRESET);
}

static void give(int fd, struct slice bytes)
{
    assert_int_equal(send(fd, bytes.at, bytes.len, MSG_NOSIGNAL), bytes.len);
}

static int connect_to(unsigned port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static int setup(void **state)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof here;
    char why[200], address[40];
    (void)state;
    place.listens = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(place.listens, (struct sockaddr *)&here, sizeof here), 0);
    assert_int_equal(getsockname(place.listens, (struct sockaddr *)&here, &len), 0);
    assert_int_equal(listen(place.listens, 5), 0);
    snprintf(address, sizeof address, "127.0.0.1:%u", ntohs(here.sin_port));
    uv_loop_init(&place.loop);
    place.http = http_server_new(&place.loop, &(struct http_server_options){.routes = routes});
    place.door = ws_door_new(&place.loop, &(struct khub_options){.address = address}, PING_MS);
    assert_int_equal(http_server_listen(place.http, "127.0.0.1:0", why, sizeof why), 0);
    place.client = connect_to(http_server_port(place.http));
    give(place.client, slice_of("GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                                "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"));
    char last[4] = "";
    while (memcmp(last, "\r\n\r\n", 4) != 0) {
        memmove(last, last + 1, 3);
        last[3] = *take(place.client, 1).at;
    }
    place.hub = accept(place.listens, NULL, NULL);
    assert_true(place.hub >= 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    close(place.client);
    close(place.hub);
    close(place.listens);
    ws_door_close(place.door);
    http_server_close(place.http);
    uv_run(&place.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&place.loop), 0);
    return 0;
}

static void on_handle(uv_handle_t *handle, void *data)
{
    uv_timer_t *timer = (uv_timer_t *)handle;
    unsigned *found = data;
    if (handle->type != UV_TIMER || uv_is_closing(handle) || uv_timer_get_repeat(timer) != PING_MS)
        return;
    uv_timer_start(timer, timer->timer_cb, 0, PING_MS);
    ++*found;
}

/* As if the time for a look at the clients had come. */
static void look(void)
{
    unsigned found = 0;
    uv_walk(&place.loop, on_handle, &found);
    assert_int_equal(found, 1);
    uv_run(&place.loop, UV_RUN_NOWAIT);
}

static void say(unsigned first, const char *payload)
{
    struct text text = {0};
    frame_add(&text, first, slice_of(payload));
    give(place.client, text_slice(&text));
    text_free(&text);
}

#define EXPECT(fd, literal)                                                                        \
    assert_true(slice_equal(take((fd), sizeof(literal) - 1), (struct slice)SLICE(literal)))

static void test_lines_pass_both_ways(void **state)
{
    (void)state;
    say(FIN | WS_TEXT, "one");
    say(FIN | WS_TEXT, "two\r\n");
    EXPECT(place.hub, "one\ntwo\r\n");
    give(place.hub, slice_of("three\n\nfo"));
    EXPECT(place.client, "\x81\x05three");
    give(place.hub, slice_of("ur\n"));
    EXPECT(place.client, "\x81\x04"
                         "four");
    /* the beginning of a line that never ends, and what ends it all */
    say(WS_TEXT, "fi");
    say(FIN | WS_PING, "?");
    EXPECT(place.client, "\x8a\x01?");
    say(FIN, "ve\nsix");
    EXPECT(place.client, "\x88\x39\x03\xf0"
                         "a message is one line: nothing may stand behind its end");
    EXPECT(place.hub, "fi");
    take_end(place.hub);
}

static void test_the_silent_are_asked_and_then_cut(void **state)
{
    (void)state;
    say(FIN | WS_TEXT, "x");
    EXPECT(place.hub, "x\n");
    look(); /* it spoke */
    look();
    EXPECT(place.client, "\x89\x00");
    say(FIN | WS_PONG, "");
    say(FIN | WS_TEXT, "y");
    EXPECT(place.hub, "y\n");
    look();
    assert_int_equal(ws_door_counts(place.door)->dead, 0);
    look();
    EXPECT(place.client, "\x89\x00");
    look();
    assert_int_equal(ws_door_counts(place.door)->dead, 1);
    take_end(place.client);
    take_end(place.hub);
}

static void test_who_does_not_take_what_waits_is_cut(void **state)
{
    (void)state;
    static char line[1 << 16];
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = '\n';
    /* what neither the client nor anybody between takes any more */
    for (unsigned still = 0; still < 100; still++) {
        ssize_t sent = send(place.hub, line, sizeof line, MSG_DONTWAIT | MSG_NOSIGNAL);
        still = sent > 0 ? 0 : still;
        uv_run(&place.loop, UV_RUN_NOWAIT);
    }
    for (unsigned i = 0; i < 3; i++) {
        say(FIN | WS_TEXT, "I live, and read nothing"); /* that does not help it */
        EXPECT(place.hub, "I live, and read nothing\n");
        look();
        if (i < 2)
            assert_int_equal(ws_door_counts(place.door)->dead, 0);
    }
    assert_int_equal(ws_door_counts(place.door)->dead, 1);
    take_end(place.hub);
}

/* Only the newest of those that came while something waited. */
static void test_pongs_do_not_pile_up(void **state)
{
    (void)state;
    static char line[1 << 16], taken[1 << 16];
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = '\n';
    size_t len = 0; /* of the line under way, so far */
    for (unsigned still = 0; still < 100; still++) {
        ssize_t sent = send(place.hub, line + len, sizeof line - len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0) {
            still = 0;
            len += (size_t)sent;
            len %= sizeof line;
        }
        uv_run(&place.loop, UV_RUN_NOWAIT);
    }
    for (unsigned i = 0; i < 1000; i++)
        say(FIN | WS_PING, i == 999 ? "last" : "ping");
    for (unsigned i = 0; i < 20; i++)
        uv_run(&place.loop, UV_RUN_NOWAIT);
    size_t pongs = 0;
    bool last = false;
    /* each line is a frame of 4 + 65535 bytes; between them pongs of 6 */
    while (!last) {
        char head[4];
        memcpy(head, take(place.client, 2).at, 2);
        if (head[0] == (char)0x8a) {
            last = slice_is(take(place.client, 4), "last");
            pongs++;
            continue;
        }
        assert_int_equal((unsigned char)head[0], 0x81);
        memcpy(head, take(place.client, 2).at, 2);
        size_t rest = (size_t)((unsigned char)head[0] << 8 | (unsigned char)head[1]);
        while (rest > 0) {
            ssize_t got = recv(place.client, taken, rest, MSG_DONTWAIT);
            if (got < 0)
                uv_run(&place.loop, UV_RUN_NOWAIT);
            else
                rest -= (size_t)got;
        }
    }
    assert_int_equal(pongs, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_at_the_limits),
        cmocka_unit_test(test_what_a_server_says),
        cmocka_unit_test_setup_teardown(test_lines_pass_both_ways, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_silent_are_asked_and_then_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_does_not_take_what_waits_is_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pongs_do_not_pile_up, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
