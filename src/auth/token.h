/* A token: a text that opens a hub to who shows it.
 *
 *     khub_ SECRET CHECK      five, 52 and 6 characters
 *
 * SECRET is 256 random bits in base32, most significant bit first, with 4 zero bits behind them;
 * CHECK the first 30 bits of the SHA-256 of all that stands before it. The digits are Crockford's,
 * 0 to 9 and a to z without i, l, o and u; capitals are other characters. So a token that was
 * mistyped is told from one that nobody gave out before it is looked for, and scanners for
 * secrets find one in any text. */
#ifndef KHUB_AUTH_TOKEN_H
#define KHUB_AUTH_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/slice.h"

#define TOKEN_BITS_BYTES 32u
#define TOKEN_LENGTH     63u
#define TOKEN_TEXT_SIZE  (TOKEN_LENGTH + 1) /* with a NUL */
#define TOKEN_SHA256     32u

/* Writes the token of these random bytes. */
void token_write(const uint8_t random[TOKEN_BITS_BYTES], char ret_text[TOKEN_TEXT_SIZE]);
/* Is the text written as a token is, with the check that belongs to it? */
bool token_is_whole(struct slice text);
/* What is kept of a token: the SHA-256 of its text. */
void token_hash(struct slice text, uint8_t ret_sha256[TOKEN_SHA256]);
/* Overwrites a secret that nobody needs any more. */
void token_wipe(void *bytes, size_t size);

#endif
