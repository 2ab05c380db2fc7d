/* Addresses: what is one, what is none, and what they stand for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <string.h>

#include "client/address.h"
#include "khub.h"

#define PATH_107                                                                                   \
    "/2345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"    \
    "012345678901234567"

static void good_ones_are_taken_apart(void **state)
{
    static const struct {
        const char *text, *host, *port, *path;
    } cases[] = {
        {"127.0.0.1:6000", "127.0.0.1", "6000", ""},
        {"hub.example:1", "hub.example", "1", ""},
        {"h:65535", "h", "65535", ""},
        {"h:00080", "h", "00080", ""},
        {"[::1]:6000", "::1", "6000", ""},
        {"[fe80::1%lo]:6000", "fe80::1%lo", "6000", ""},
        {"unix:/run/hub", "", "", "/run/hub"},
        {"unix:relative:6000", "", "", "relative:6000"},
        {"unix:" PATH_107, "", "", PATH_107},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct address address;
        assert_int_equal(link_address_parse(cases[i].text, &address), 0);
        assert_string_equal(address.host, cases[i].host);
        assert_string_equal(address.port, cases[i].port);
        assert_string_equal(address.path, cases[i].path);
        assert_int_equal(address.local, cases[i].path[0] != '\0');
    }
}

static void bad_ones_are_refused(void **state)
{
    static char host_256[300], path_108[] = "unix:" PATH_107 "x";
    static const char *const cases[] = {
        "",
        ":",
        "host",
        "host:",
        ":6000",
        "host:0",
        "host:-1",
        "host:+1",
        "host: 1",
        "host:1 ",
        "host:6000x",
        "host:65536",
        "host:99999",
        "host:100000",
        "host:4294973296",
        "::1:6000",
        "[::1]",
        "[::1]6000",
        "[::1]:",
        "[::1",
        "[]:6000",
        "[::1]:6000:1",
        "a:b:1",
        "host:http",
        "unix:",
        "host:1\n",
        path_108,
        host_256,
    };
    (void)state;
    memset(host_256, 'h', 256);
    memcpy(host_256 + 256, ":6000", 6);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct address address = {.port = "same"};
        if (link_address_parse(cases[i], &address) != KHUB_E_ADDRESS)
            fail_msg("taken: %s", cases[i]);
        assert_string_equal(address.port, "same");
    }
}

static void numbers_are_resolved(void **state)
{
    struct address address;
    struct endpoint endpoints[ENDPOINTS_MAX];
    unsigned count = 0;
    const char *why = NULL;
    (void)state;
    assert_int_equal(link_address_parse("127.0.0.2:6001", &address), 0);
    assert_int_equal(link_address_resolve(&address, endpoints, &count, &why), 0);
    assert_int_equal(count, 1);
    const struct sockaddr_in *ipv4 = (const void *)&endpoints[0].at;
    assert_int_equal(ipv4->sin_family, AF_INET);
    assert_int_equal(ntohs(ipv4->sin_port), 6001);
    assert_int_equal(ntohl(ipv4->sin_addr.s_addr), 0x7f000002);
    assert_int_equal(endpoints[0].len, sizeof *ipv4);

    assert_int_equal(link_address_parse("[::1]:6001", &address), 0);
    assert_int_equal(link_address_resolve(&address, endpoints, &count, &why), 0);
    assert_int_equal(count, 1);
    assert_int_equal(endpoints[0].at.ss_family, AF_INET6);
    assert_null(why);
}

static void what_is_no_host_says_why(void **state)
{
    struct address address;
    struct endpoint endpoints[ENDPOINTS_MAX];
    unsigned count = 77;
    const char *why = NULL;
    (void)state;
    assert_int_equal(link_address_parse("[1.2.3.4.5:6]:6001", &address), 0);
    assert_true(link_address_resolve(&address, endpoints, &count, &why) < 0);
    assert_non_null(why);
    assert_int_equal(count, 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_ones_are_taken_apart),
        cmocka_unit_test(bad_ones_are_refused),
        cmocka_unit_test(numbers_are_resolved),
        cmocka_unit_test(what_is_no_host_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
