/* Addresses: what is accepted, how they are shown, and who counts as local (the one test that protected mode stands on). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/address.h"

static void addresses_are_read_and_shown(void **state)
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
        char shown[ADDRESS_TEXT_SIZE];
        const char *why = "";
        assert_int_equal(address_parse(cases[i].text, &address, &why), 0);
        assert_string_equal(address_format(&address, shown), cases[i].shown);
        assert_int_equal(address_port(&address), cases[i].port);
        assert_int_equal(address_is_local(&address), cases[i].local);
    }
}

static void what_is_no_address_is_refused_with_a_reason(void **state)
{
    (void)state;
    char long_path[200] = "unix:/";
    memset(long_path + 6, 'x', 150);
    const char *const cases[] = {
        "",          ":6000",         "127.0.0.1:", "127.0.0.1:65536",
        "1.2.3.4:x", "1.2.3.4:-1",    "1.2.3.4:+1", "1.2.3.4:000000000006000",
        "[::1",      "[::1]6000",     "[]:1",       "unix:",
        "[::1]:",    "1.2.3.4:6 000", long_path};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct address address = {.len = 77};
        const char *why = NULL;
        assert_int_equal(address_parse(cases[i], &address, &why), -1);
        assert_non_null(why);
        assert_int_equal(address.len, 77); /* untouched */
    }
}

static void an_unknown_family_is_not_local(void **state)
{
    (void)state;
    struct address address = {.len = sizeof address.storage};
    address.any.sa_family = AF_UNSPEC;
    assert_false(address_is_local(&address));
    address.any.sa_family = AF_PACKET;
    assert_false(address_is_local(&address));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_and_shown),
        cmocka_unit_test(what_is_no_address_is_refused_with_a_reason),
        cmocka_unit_test(an_unknown_family_is_not_local),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
