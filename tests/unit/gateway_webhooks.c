/* Where is posted to, and where not. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <string.h>

#include "gateway/webhooks.h"

static bool permits(const struct webhooks *webhooks, const char *text, bool plain)
{
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &four.sin_addr) == 1)
        return webhooks_permit(webhooks, (const struct sockaddr *)(const void *)&four, plain);
    assert_int_equal(inet_pton(AF_INET6, text, &six.sin6_addr), 1);
    return webhooks_permit(webhooks, (const struct sockaddr *)(const void *)&six, plain);
}

static void addresses(void **state)
{
    static const char *const inner[] = {
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.9.9.9",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:10.0.0.1",
        "::ffff:127.0.0.1",
        "64:ff9b::a00:1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:a00:1::1",
        "3fff::1",
        "fc00::1",
        "fd12::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "4000::1",
    };
    static const char *const outer[] = {
        "1.1.1.1",         "8.8.8.8",        "9.255.255.255", "11.0.0.1",  "100.63.255.255",
        "100.128.0.1",     "172.15.255.255", "172.32.0.1",    "192.0.1.1", "192.167.255.255",
        "223.255.255.255", "::ffff:8.8.8.8", "2606:4700::1",  "2a00::1",   "2001:4860::1",
    };
    static const char *const allowed[] = {"10.1.0.0/16", "127.0.0.1", "fd12::/16", NULL};
    (void)state;
    uv_loop_t loop;
    uv_loop_init(&loop);
    struct webhooks *none = webhooks_new(&loop, NULL), *some = webhooks_new(&loop, allowed);
    assert_non_null(none);
    for (size_t i = 0; i < sizeof inner / sizeof *inner; i++)
        if (permits(none, inner[i], false) || permits(none, inner[i], true))
            fail_msg("%s is posted to", inner[i]);
    for (size_t i = 0; i < sizeof outer / sizeof *outer; i++)
        if (!permits(none, outer[i], false) || permits(none, outer[i], true))
            fail_msg("%s is judged wrongly", outer[i]);
    assert_true(permits(some, "10.1.255.255", false));
    assert_false(permits(some, "10.1.255.255", true)); /* not in the open */
    assert_false(permits(some, "10.2.0.0", false));
    assert_true(permits(some, "127.0.0.1", true));
    assert_true(permits(some, "::ffff:127.0.0.1", true));
    assert_false(permits(some, "127.0.0.2", false));
    assert_true(permits(some, "fd12:3::1", false));
    assert_false(permits(some, "fd13::1", false));
    assert_false(webhooks_permit(some, &(struct sockaddr){.sa_family = AF_UNIX}, false));
    webhooks_close(none);
    webhooks_close(some);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void networks(void **state)
{
    static const char *const good[] = {"10.1.2.3", "10.0.0.0/8", "0.0.0.0/0",  "::1",
                                       "fd00::/8", "::/0",       "1.2.3.4/32", "fd00::1/128"};
    static const char *const bad[] = {
        "",        "x",  "10.0.0",   "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x",
        "::1/129", "/8", "localhost"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(webhooks_network_good(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (webhooks_network_good(bad[i]))
            fail_msg("'%s' passes", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses),
        cmocka_unit_test(networks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
