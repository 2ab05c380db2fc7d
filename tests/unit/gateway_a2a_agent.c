/* Agents elsewhere: which way of speaking to one its card is taken at, and what comes of a stream
 * of events that is split anywhere. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <string.h>

#include "fetch/sse_reader.h"
#include "gateway/a2a_agent.h"
#include "gateway/a2a_old.h"

#define HERE "https://agent.example"

/* The URL that is taken of a card; why, when none is. */
static char taken[1024];

static bool reads(const char *card, const char *const *allowed, struct a2a_face *ret_face)
{
    char why[A2A_WHY_SIZE];
    json_t *read = json_loads(card, 0, NULL);
    assert_non_null(read);
    bool good =
        a2a_face_read(read, HERE "/.well-known/agent-card.json", allowed, ret_face, why) == 0;
    snprintf(taken, sizeof taken, "%s", good ? ret_face->url : why);
    json_decref(read);
    return good;
}

#define ONE(url, binding, version)                                                                 \
    "{\"url\":\"" url "\",\"protocolBinding\":\"" binding "\",\"protocolVersion\":\"" version      \
    "\",\"tenant\":\"t\"}"

static void ways(void **state)
{
    struct a2a_face face;
    (void)state;
    assert_true(http_client_possible());
    assert_true(
        reads("{\"name\":\"x\",\"capabilities\":{\"streaming\":true},\"supportedInterfaces\":[" ONE(
                  HERE "/grpc", "GRPC",
                  "1.0") "," ONE(HERE "/old", "JSONRPC",
                                 "0.3") "," ONE(HERE "/rest", "HTTP+JSON",
                                                "1.0") "," ONE(HERE "/rpc", "JSONRPC", "1.0") "]}",
              NULL, &face));
    assert_string_equal(taken, HERE "/rest"); /* of 1.0 the first */
    assert_true(face.rest && !face.old && face.streams);
    assert_string_equal(face.tenant, "t");
    assert_true(reads("{\"protocolVersion\":\"0.3.0\",\"url\":\"" HERE "/a\","
                      "\"preferredTransport\":\"HTTP+JSON\",\"additionalInterfaces\":["
                      "{\"url\":\"" HERE "/b\",\"transport\":\"JSONRPC\"}]}",
                      NULL, &face));
    assert_string_equal(taken, HERE "/b"); /* of 0.3 JSON-RPC */
    assert_true(!face.rest && face.old && !face.streams);
    assert_true(reads("{\"protocolVersion\":\"0.3.0\",\"url\":\"" HERE "/a\"}", NULL, &face));
    assert_true(!face.rest && face.old);
    assert_false(reads("{\"supportedInterfaces\":[" ONE(HERE, "GRPC", "1.0") "]}", NULL, &face));
    assert_non_null(strstr(taken, "it speaks GRPC 1.0"));
    assert_false(reads("{\"supportedInterfaces\":[" ONE(HERE, "JSONRPC", "2.0") "]}", NULL, &face));
    assert_false(reads("[]", NULL, &face));
    assert_false(reads("{\"supportedInterfaces\":[7,{},null,\"x\"],\"url\":7}", NULL, &face));
}

static void origins(void **state)
{
    static const char *const here[] = {HERE, "https://agent.example:443/x",
                                       "HTTPS://AGENT.example/"};
    static const char *const elsewhere[] = {"http://agent.example",
                                            "https://agent.example:444",
                                            "https://agent.example.org",
                                            "https://agent.example@evil.example",
                                            "https://169.254.169.254",
                                            "file:///etc/passwd",
                                            "//agent.example",
                                            "agent",
                                            ""};
    static const char *const allowed[] = {"http://127.0.0.1:7", "https://[::1]:9", NULL};
    struct a2a_face face;
    char card[512];
    (void)state;
    for (size_t i = 0; i < sizeof here / sizeof *here; i++) {
        snprintf(card, sizeof card, "{\"protocolVersion\":\"0.3\",\"url\":\"%s\"}", here[i]);
        if (!reads(card, NULL, &face))
            fail_msg("'%s': %s", here[i], taken);
    }
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++) {
        snprintf(card, sizeof card, "{\"protocolVersion\":\"0.3\",\"url\":\"%s\"}", elsewhere[i]);
        if (reads(card, allowed, &face))
            fail_msg("'%s' is gone to", elsewhere[i]);
    }
    assert_true(
        reads("{\"protocolVersion\":\"0.3\",\"url\":\"http://127.0.0.1:7/x\"}", allowed, &face));
    assert_true(reads("{\"protocolVersion\":\"0.3\",\"url\":\"https://[::1]:9\"}", allowed, &face));
    assert_false(
        reads("{\"protocolVersion\":\"0.3\",\"url\":\"http://127.0.0.1:8\"}", allowed, &face));
    assert_non_null(strstr(taken, "--allow http://127.0.0.1:8"));
}

/* The events of a stream that comes in pieces of so many bytes, each behind a '|'. */
static void read_in_pieces(const char *stream, size_t piece, struct text *ret_events)
{
    struct sse_reader reader = {.most = 64};
    size_t len = strlen(stream);
    struct slice event = {0};
    for (size_t at = 0; at < len; at += piece) {
        struct slice input = {stream + at, len - at < piece ? len - at : piece};
        int got;
        while ((got = sse_next(&reader, &input, &event)) > 0) {
            text_add_literal(ret_events, "|");
            text_add(ret_events, event);
        }
        assert_int_equal(got, 0);
    }
    sse_reader_free(&reader);
}

static void events(void **state)
{
    static const char stream[] = ": alive\n\nevent: x\ndata: one\n\n\n"
                                 "data:two\r\ndata:  lines\r\nid: 7\r\n\r\n"
                                 "data\rdata: \r\rdatas: no\n\nretry: 5\n\ndata: {\"a\":1}\n\n"
                                 "data: has no end\n";
    (void)state;
    for (size_t piece = 1; piece <= sizeof stream; piece++) {
        struct text found = {0};
        read_in_pieces(stream, piece, &found);
        text_add(&found, (struct slice){"", 1});
        assert_string_equal(found.at, "|one|two\n lines|\n|{\"a\":1}");
        text_free(&found);
    }
}

static void events_that_are_too_long(void **state)
{
    static const char *const streams[] = {"data: 123456789", "data: 1234\ndata: 5678\n"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct sse_reader reader = {.most = 12};
        struct slice input = {streams[i], strlen(streams[i])}, event;
        assert_int_equal(sse_next(&reader, &input, &event), -1);
        sse_reader_free(&reader);
    }
}

/* What 0.3 says, and 1.0. */
static void words_of_old(void **state)
{
    json_t *old = json_loads(
        "{\"task\":{\"id\":\"t\",\"status\":{\"state\":\"input-required\",\"message\":{\"role\":"
        "\"agent\",\"parts\":[{\"kind\":\"text\",\"text\":\"a\"}]}},\"artifacts\":[{\"parts\":["
        "{\"kind\":\"file\",\"file\":{\"bytes\":\"AA==\",\"mimeType\":\"x/y\",\"name\":\"n\"}},"
        "{\"kind\":\"data\",\"data\":{\"b\":1}}]},7]}}",
        0, NULL);
    json_t *wanted = json_loads(
        "{\"task\":{\"id\":\"t\",\"status\":{\"state\":\"TASK_STATE_INPUT_REQUIRED\",\"message\":{"
        "\"role\":\"ROLE_AGENT\",\"parts\":[{\"text\":\"a\"}]}},\"artifacts\":[{\"parts\":["
        "{\"raw\":\"AA==\",\"mediaType\":\"x/y\",\"filename\":\"n\"},{\"data\":{\"b\":1}}]},7]}}",
        0, NULL);
    json_t *nonsense = json_loads("{\"task\":{\"status\":7,\"artifacts\":{}},\"message\":[],"
                                  "\"statusUpdate\":{\"status\":{\"state\":1,\"message\":2}}}",
                                  0, NULL);
    (void)state;
    assert_non_null(wanted);
    a2a_old_read(old);
    assert_true(json_equal(old, wanted));
    a2a_old_read(nonsense);
    json_decref(old);
    json_decref(wanted);
    json_decref(nonsense);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ways),
        cmocka_unit_test(origins),
        cmocka_unit_test(words_of_old),
        cmocka_unit_test(events),
        cmocka_unit_test(events_that_are_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
