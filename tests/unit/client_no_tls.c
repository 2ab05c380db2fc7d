/* libkhub as it is built with -Dclient_tls=false: this program links no OpenSSL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <link.h>
#include <string.h>

#include "khub.h"

static int find_openssl(struct dl_phdr_info *info, size_t size, void *found)
{
    (void)size;
    *(bool *)found |= strstr(info->dlpi_name, "libssl") || strstr(info->dlpi_name, "libcrypto");
    return 0;
}

static void no_openssl_is_loaded(void **state)
{
    (void)state;
    bool found = false;
    dl_iterate_phdr(find_openssl, &found);
    assert_false(found);
}

static void an_address_that_needs_tls_is_an_error_that_says_so(void **state)
{
    (void)state;
    struct khub *link = NULL;
    struct khub_options options = {.ai_id = "ada", .address = "khubs://localhost:6000"};
    assert_int_equal(khub_new(&options, NULL, &link), KHUB_E_NO_TLS);
    assert_null(link);
    assert_string_equal(khub_error_text(KHUB_E_NO_TLS), "this libkhub was built without TLS");
}

static void other_addresses_are_as_ever(void **state)
{
    (void)state;
    struct khub *link = NULL;
    struct khub_options options = {.ai_id = "ada", .address = "unix:/nonexistent", .retries = -1};
    assert_int_equal(khub_new(&options, NULL, &link), 0);
    assert_int_equal(khub_run(link, -1), KHUB_E_UNREACHABLE);
    khub_free(link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_openssl_is_loaded),
        cmocka_unit_test(an_address_that_needs_tls_is_an_error_that_says_so),
        cmocka_unit_test(other_addresses_are_as_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
