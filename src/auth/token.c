/* See token.h. */
#include "auth/token.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#define PREFIX        "khub_"
#define PREFIX_LEN    (sizeof PREFIX - 1)
#define SECRET_DIGITS 52u
#define CHECK_DIGITS  6u
#define CHECKED       (PREFIX_LEN + SECRET_DIGITS)

_Static_assert(CHECKED + CHECK_DIGITS == TOKEN_LENGTH, "the parts of a token are the whole");

static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

/* The first bits of the bytes, five a digit; behind their end come zeros. */
static void base32_write(const uint8_t *bytes, size_t size, size_t count, char *to)
{
    for (size_t i = 0; i < count; i++) {
        unsigned digit = 0;
        for (size_t bit = 5 * i; bit < 5 * i + 5; bit++)
            digit = digit << 1 | (bit < 8 * size ? bytes[bit / 8] >> (7 - bit % 8) & 1u : 0);
        to[i] = digits[digit];
    }
}

void token_hash(struct slice text, uint8_t ret_sha256[TOKEN_SHA256])
{
    SHA256((const uint8_t *)text.at, text.len, ret_sha256);
}

static void check_write(const char *text, char to[CHECK_DIGITS])
{
    uint8_t sha256[TOKEN_SHA256];
    token_hash((struct slice){text, CHECKED}, sha256);
    base32_write(sha256, sizeof sha256, CHECK_DIGITS, to);
}

void token_write(const uint8_t random[TOKEN_BITS_BYTES], char ret_text[TOKEN_TEXT_SIZE])
{
    memcpy(ret_text, PREFIX, PREFIX_LEN);
    base32_write(random, TOKEN_BITS_BYTES, SECRET_DIGITS, ret_text + PREFIX_LEN);
    check_write(ret_text, ret_text + CHECKED);
    ret_text[TOKEN_LENGTH] = '\0';
}

bool token_is_whole(struct slice text)
{
    char check[CHECK_DIGITS];
    if (text.len != TOKEN_LENGTH || memcmp(text.at, PREFIX, PREFIX_LEN) != 0)
        return false;
    for (size_t i = PREFIX_LEN; i < TOKEN_LENGTH; i++)
        if (!memchr(digits, text.at[i], sizeof digits - 1))
            return false;
    check_write(text.at, check);
    return CRYPTO_memcmp(check, text.at + CHECKED, CHECK_DIGITS) == 0;
}

void token_wipe(void *bytes, size_t size)
{
    OPENSSL_cleanse(bytes, size);
}
