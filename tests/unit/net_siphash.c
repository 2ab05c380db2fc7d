/* The ids that a hub made are those that it makes when it reads its log again, whichever library
 * they came from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <sodium/crypto_shorthash_siphash24.h>

/* Of the reference implementation: key 00 01 … 0f. */
static void published_vectors(void **state)
{
    static const struct {
        size_t len; /* input: 00 01 … */
        uint8_t hash[16];
    } rows[] = {{0,
                 {0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14, 0xc7,
                  0x55, 0x02, 0x93}},
                {1,
                 {0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44, 0x34, 0x76, 0x59, 0x11, 0x9b,
                  0x22, 0xfc, 0x45}},
                {15,
                 {0x54, 0x93, 0xe9, 0x99, 0x33, 0xb0, 0xa8, 0x11, 0x7e, 0x08, 0xec, 0x0f, 0x97,
                  0xcf, 0xc3, 0xd9}}};
    uint8_t key[16], input[16], hash[16];
    (void)state;
    for (size_t i = 0; i < 16; i++)
        key[i] = input[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        crypto_shorthash_siphashx24(hash, input, rows[i].len, key);
        assert_memory_equal(hash, rows[i].hash, 16);
    }
}

/* Ids of stores from before were made by OpenSSL's. */
static void openssl_finds_the_same(void **state)
{
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
    EVP_MAC_CTX *context = EVP_MAC_CTX_new(mac);
    uint8_t key[16], input[300], hash[16], expected[16];
    uint64_t mixed = 11;
    (void)state;
    assert_non_null(context);
    for (size_t len = 0; len <= sizeof input; len++) {
        size_t made = 0;
        for (size_t i = 0; i < 16; i++)
            key[i] = (uint8_t)((mixed = mixed * UINT64_C(6364136223846793005) + 1) >> 56);
        for (size_t i = 0; i < len; i++)
            input[i] = (uint8_t)((mixed = mixed * UINT64_C(6364136223846793005) + 1) >> 56);
        assert_true(EVP_MAC_init(context, key, sizeof key, NULL) &&
                    EVP_MAC_update(context, input, len) &&
                    EVP_MAC_final(context, expected, &made, sizeof expected) && made == 16);
        crypto_shorthash_siphashx24(hash, input, len, key);
        assert_memory_equal(hash, expected, 16);
    }
    EVP_MAC_CTX_free(context);
    EVP_MAC_free(mac);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors),
        cmocka_unit_test(openssl_finds_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
