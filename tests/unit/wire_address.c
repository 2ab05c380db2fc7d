/* Addresses: what is one, what is none, what they stand for, and who counts as local (the one test
 * that protected mode stands on). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netdb.h>
#include <string.h>

#include "wire/address.h"

#define PATH_107                                                                                   \
    "/2345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"    \
    "012345678901234567"

static void good_ones_are_taken_apart(void **state)
{
    static const struct {
        const char *text, *host, *port, *path;
    } cases[] = {
        {"127.0.0.1:6000", "127.0.0.1", "6000", ""},
        {"127.0.0.1:0", "127.0.0.1", "0", ""},
        {"hub.example:1", "hub.example", "1", ""},
        {"hub.example", "hub.example", "", ""},
        {"h:65535", "h", "65535", ""},
        {"h:00080", "h", "00080", ""},
        {"[::1]:6001", "::1", "6001", ""},
        {"[::1]", "::1", "", ""},
        {"::1", "::1", "", ""},
        {"[fe80::1%lo]:6000", "fe80::1%lo", "6000", ""},
        {"unix:/run/hub", "", "", "/run/hub"},
        {"unix:relative:6000", "", "", "relative:6000"},
        {"unix:" PATH_107, "", "", PATH_107},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct address address;
        const char *why = NULL;
        assert_int_equal(address_parse(cases[i].text, &address, &why), 0);
        assert_string_equal(address.host, cases[i].host);
        assert_string_equal(address.port, cases[i].port);
        assert_string_equal(address.path, cases[i].path);
        assert_int_equal(address.local, cases[i].path[0] != '\0');
        assert_null(why);
    }
}

static void bad_ones_are_refused_with_a_reason(void **state)
{
    static char host_256[300], path_108[] = "unix:" PATH_107 "x";
    static const char *const cases[] = {
        "",           ":",          ":6000",       "host:",           "host:-1",
        "host:+1",    "host: 1",    "host:1 ",     "host:x",          "host:6000x",
        "host:65536", "host:99999", "host:000080", "host:4294973296", "[::1]6000",
        "[::1]:",     "[::1",       "[]:6000",     "[::1]:6000:1",    "host:http",
        "unix:",      "host:1\n",   path_108,      host_256,
    };
    (void)state;
    memset(host_256, 'h', 256);
    memcpy(host_256 + 256, ":6000", 6);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct address address = {.port = "same"};
        const char *why = NULL;
        if (address_parse(cases[i], &address, &why) == 0)
            fail_msg("taken: %s", cases[i]);
        assert_non_null(why);
        assert_string_equal(address.port, "same");
    }
}

static void endpoints_are_shown(void **state)
{
    (void)state;
    static const struct {
        const char *text, *shown;
        unsigned port;
        bool local;
    } cases[] = {
        {"0.0.0.0:6000", "0.0.0.0:6000", 6000, false},
        {"127.0.0.1:0", "127.0.0.1:0", 0, true},
        {"127.255.255.254:1", "127.255.255.254:1", 1, true},
        {"126.255.255.255:1", "126.255.255.255:1", 1, false},
        {"128.0.0.1:1", "128.0.0.1:1", 1, false},
        {"192.0.2.2:65535", "192.0.2.2:65535", 65535, false},
        {"10.0.0.1", "10.0.0.1:6000", 6000, false},
        {"1.0.0.127:1", "1.0.0.127:1", 1, false},
        {"[::]:6000", "[::]:6000", 6000, false},
        {"[::1]:6000", "[::1]:6000", 6000, true},
        {"[::1]", "[::1]:6000", 6000, true},
        {"::1", "[::1]:6000", 6000, true},
        {"[::2]:7", "[::2]:7", 7, false},
        {"[::ffff:127.0.0.1]:7", "[::ffff:127.0.0.1]:7", 7, true},
        {"[::ffff:127.9.9.9]:7", "[::ffff:127.9.9.9]:7", 7, true},
        {"[::ffff:192.0.2.1]:7", "[::ffff:192.0.2.1]:7", 7, false},
        {"[::ffff:128.0.0.1]:7", "[::ffff:128.0.0.1]:7", 7, false},
        {"[::127.0.0.1]:7", "[::127.0.0.1]:7", 7, false}, /* IPv4-compatible is not IPv4-mapped */
        {"[64:ff9b::7f00:1]:7", "[64:ff9b::7f00:1]:7", 7, false},
        {"[fe80::1]:7", "[fe80::1]:7", 7, false},
        {"[7f00::1]:7", "[7f00::1]:7", 7, false},
        {"unix:/run/khub.sock", "unix:/run/khub.sock", 0, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct address address;
        struct endpoint endpoint;
        char shown[ENDPOINT_TEXT_SIZE];
        const char *why = NULL;
        size_t count = 0;
        assert_int_equal(address_parse(cases[i].text, &address, &why), 0);
        assert_int_equal(address_resolve(&address, AI_NUMERICHOST, 1, &endpoint, &count, &why), 0);
        assert_int_equal(count, 1);
        assert_string_equal(endpoint_format(&endpoint, shown), cases[i].shown);
        assert_int_equal(endpoint_port(&endpoint), cases[i].port);
        assert_int_equal(endpoint_is_local(&endpoint), cases[i].local);
        assert_null(why);
    }
}

static void an_unknown_family_is_not_local(void **state)
{
    (void)state;
    struct endpoint endpoint = {.len = sizeof endpoint.storage};
    endpoint.any.sa_family = AF_UNSPEC;
    assert_false(endpoint_is_local(&endpoint));
    endpoint.any.sa_family = AF_PACKET;
    assert_false(endpoint_is_local(&endpoint));
}

static void what_is_no_host_says_why(void **state)
{
    struct address address;
    struct endpoint endpoint;
    size_t count = 77;
    const char *why = NULL;
    (void)state;
    assert_int_equal(address_parse("[1.2.3.4.5:6]:6001", &address, &why), 0);
    assert_int_not_equal(address_resolve(&address, 0, 1, &endpoint, &count, &why), 0);
    assert_non_null(why);
    assert_int_equal(count, 77);
    why = NULL;
    assert_int_equal(address_parse("name:6001", &address, &why), 0);
    assert_int_equal(address_resolve(&address, AI_NUMERICHOST, 1, &endpoint, &count, &why),
                     EAI_NONAME);
    assert_non_null(why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_ones_are_taken_apart),
        cmocka_unit_test(bad_ones_are_refused_with_a_reason),
        cmocka_unit_test(endpoints_are_shown),
        cmocka_unit_test(an_unknown_family_is_not_local),
        cmocka_unit_test(what_is_no_host_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
