/* Openings: another protocol is known by its first bytes, however they are split; everything else
 * is ours to judge as a line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/opening.h"

/* Takes all in two pieces, split at `at`. Returns the protocol's name, or NULL. */
static const char *split_at(struct slice bytes, size_t at)
{
    struct opening opening = {0};
    struct slice pieces[] = {{bytes.at, at}, {bytes.at + at, bytes.len - at}};
    for (size_t i = 0; i < 2; i++) {
        const struct protocol *protocol = opening.over ? NULL : opening_take(&opening, pieces[i]);
        if (protocol)
            return protocol->name;
    }
    return NULL;
}

static const char *byte_by_byte(struct slice bytes)
{
    struct opening opening = {0};
    for (size_t i = 0; i < bytes.len && !opening.over; i++) {
        const struct protocol *protocol = opening_take(&opening, (struct slice){bytes.at + i, 1});
        if (protocol)
            return protocol->name;
    }
    return NULL;
}

static void expect(struct slice bytes, const char *name)
{
    for (size_t at = 0; at <= bytes.len; at++) {
        const char *found = split_at(bytes, at);
        if (name)
            assert_string_equal(found ? found : "(none)", name);
        else
            assert_null(found);
    }
    const char *found = byte_by_byte(bytes);
    assert_string_equal(found ? found : "(none)", name ? name : "(none)");
}

#define EXPECT(literal, name) expect((struct slice)SLICE(literal), name)

static void other_protocols_are_known(void **state)
{
    (void)state;
    EXPECT("GET / HTTP/1.1\r\nHost: localhost:6000\r\nUpgrade: websocket\r\n\r\n", "HTTP");
    EXPECT("POST / HTTP/1.1\r\n\r\n{\"message_id\":\"1\"}\n", "HTTP");
    EXPECT("HEAD /", "HTTP");
    EXPECT("PUT /", "HTTP");
    EXPECT("DELETE /", "HTTP");
    EXPECT("OPTIONS *", "HTTP");
    EXPECT("PATCH /", "HTTP");
    EXPECT("CONNECT hub:6000", "HTTP");
    EXPECT("TRACE /", "HTTP");
    EXPECT("Host: localhost", "HTTP");
    EXPECT("host:localhost", "HTTP");
    EXPECT("HTTP/1.1 200 OK\r\n", "HTTP");
    EXPECT("\r\n\nGET / HTTP/1.1\r\n", "HTTP");
    EXPECT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/2");
    EXPECT("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "TLS");
    EXPECT("\x00\x01\x00\x08\x21\x12\xa4\x42xxxxxxxxxxxx", "STUN");
    EXPECT("\x00\x03\x00\x08\x21\x12\xa4\x42xxxxxxxxxxxx", "STUN");
    EXPECT("SSH-2.0-OpenSSH_9.2\r\n", "SSH");
    EXPECT("EHLO example.org\r\n", "SMTP");
    EXPECT("*1\r\n$4\r\nPING\r\n", "Redis");
    EXPECT("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", "PROXY");
}

static void lines_are_left_to_the_hub(void **state)
{
    (void)state;
    EXPECT("{\"message_id\":\"1\",\"sender_id\":\"ada\"}\n", NULL);
    EXPECT("\r\n{}\n", NULL);
    EXPECT("", NULL);
    EXPECT("\n\n\n", NULL);
    EXPECT("GET", NULL);
    EXPECT("GET\n / HTTP/1.1\n", NULL);
    EXPECT("GETTING there\n", NULL);
    EXPECT("get / http/1.1\n", NULL);
    EXPECT("POS\nT / HTTP\n", NULL);
    EXPECT("PRI * HTTP/1", NULL);
    EXPECT("* a list\n", NULL);
    EXPECT("\x16\x16\x03", NULL);
    EXPECT("\x00\x01\x00\x08\x21\x12\xa4\x43", NULL);
    EXPECT("hello\n", NULL);
    EXPECT("\n{}\nGET / HTTP/1.1\n", NULL); /* not its first bytes */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_protocols_are_known),
        cmocka_unit_test(lines_are_left_to_the_hub),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
