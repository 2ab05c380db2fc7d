/* UTF-8 as RFC 3629 has it: no overlong form, no surrogate, nothing above U+10FFFF. */
#ifndef KHUB_WIRE_UTF8_H
#define KHUB_WIRE_UTF8_H

#include <stdint.h>

#include "wire/slice.h"

#define UTF8_MAX 4 /* bytes of the longest sequence */

/* The length (1..4) of the sequence that starts at `at`, or 0 when none does that is valid and
 * ends by `end`. at < end. */
static inline size_t utf8_length(const char *at, const char *end)
{
    const unsigned char *byte = (const unsigned char *)at;
    size_t left = (size_t)(end - at);
    unsigned lead = byte[0];
    if (lead < 0x80)
        return 1;
    if (lead < 0xC2 || lead > 0xF4)
        return 0;
    size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (left < length)
        return 0;
    /* Only the second byte can make a sequence overlong, a surrogate, or too large. */
    unsigned lowest = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    unsigned highest = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (byte[1] < lowest || byte[1] > highest)
        return 0;
    for (size_t i = 2; i < length; i++)
        if ((byte[i] & 0xC0) != 0x80)
            return 0;
    return length;
}

static inline bool utf8_valid(struct slice bytes)
{
    const char *at = bytes.at, *end = slice_end(bytes);
    size_t length = 1;
    while (at < end && (length = utf8_length(at, end)) > 0)
        at += length;
    return length > 0;
}

/* The longest start of valid UTF-8 that has at most `most` bytes and ends between two
 * characters. */
static inline struct slice utf8_cut(struct slice bytes, size_t most)
{
    if (bytes.len <= most)
        return bytes;
    while (most > 0 && ((unsigned char)bytes.at[most] & 0xC0) == 0x80)
        most--;
    return (struct slice){bytes.at, most};
}

/* The code point of a sequence whose length utf8_length has found. */
static inline uint32_t utf8_read(const char *at, size_t length)
{
    const unsigned char *byte = (const unsigned char *)at;
    uint32_t code = length == 1 ? byte[0] : byte[0] & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++)
        code = code << 6 | (byte[i] & 0x3Fu);
    return code;
}

/* Writes a code point (no surrogate, at most U+10FFFF) and returns its length. */
static inline size_t utf8_write(uint32_t code, char buffer[UTF8_MAX])
{
    if (code < 0x80) {
        buffer[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        buffer[0] = (char)(0xC0 | code >> 6);
        buffer[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        buffer[0] = (char)(0xE0 | code >> 12);
        buffer[1] = (char)(0x80 | (code >> 6 & 0x3F));
        buffer[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    buffer[0] = (char)(0xF0 | code >> 18);
    buffer[1] = (char)(0x80 | (code >> 12 & 0x3F));
    buffer[2] = (char)(0x80 | (code >> 6 & 0x3F));
    buffer[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}

#endif
