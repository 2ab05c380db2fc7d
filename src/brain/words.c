#include "brain/words.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool contains(const char *haystack, const char *needle, size_t length)
{
    for (; *haystack; haystack++) {
        size_t i = 0;
        while (i < length && haystack[i] && lower(haystack[i]) == lower(needle[i]))
            i++;
        if (i == length)
            return true;
    }
    return false;
}

static bool any_contains(const char *const *capabilities, const char *word, size_t length)
{
    for (; *capabilities; capabilities++)
        if (contains(*capabilities, word, length))
            return true;
    return false;
}

bool words_match(const char *feature, const char *const *capabilities)
{
    static const char space[] = " \t\r\n\v\f";
    size_t length = strlen(feature);
    if (length == 0)
        return false;
    if (any_contains(capabilities, feature, length)) /* as the hub matches */
        return true;
    for (const char *word = feature; *word; word += length) {
        word += strspn(word, space);
        length = strcspn(word, space);
        if (length >= WORD_MIN && any_contains(capabilities, word, length))
            return true;
    }
    return false;
}

void words_cut(const char *text, char *ret_copy, size_t size)
{
    size_t length = strnlen(text, size);
    if (length == size) {
        length--;
        while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
            length--;
    }
    memcpy(ret_copy, text, length);
    ret_copy[length] = '\0';
}

/* Characters that show as themselves. Left out on purpose: controls, marks of direction and of no width, private use, tags. */
static const struct {
    uint32_t first, last;
} shown[] = {
    {0x20, 0x7e},     {0xa1, 0xac},       {0xae, 0x61b},      {0x61d, 0x180d},    {0x180f, 0x1fff},
    {0x2010, 0x2027}, {0x2030, 0x205e},   {0x20a0, 0xd7ff},   {0xf900, 0xfdff},   {0xfe10, 0xfefe},
    {0xff01, 0xffef}, {0x10000, 0x1bc9f}, {0x1bca4, 0x1d172}, {0x1d17b, 0x3fffd},
};

/* The character that begins here, and its bytes; 0 bytes when it is none. The text ends with a NUL. */
static uint32_t character(const unsigned char *c, size_t *ret_length)
{
    size_t length = *c < 0x80   ? 1
                    : *c < 0xc2 ? 0
                    : *c < 0xe0 ? 2
                    : *c < 0xf0 ? 3
                    : *c < 0xf5 ? 4
                                : 0;
    uint32_t code = length <= 1 ? *c : *c & (0xffu >> (length + 1));
    for (size_t k = 1; k < length; k++) {
        if ((c[k] & 0xc0) != 0x80)
            length = 0;
        else
            code = code << 6 | (c[k] & 0x3fu);
    }
    *ret_length = length;
    return code;
}

/* Bytes of the printable character that begins here; 0: it must not reach a terminal as it is. */
static size_t printable(const unsigned char *c)
{
    size_t length;
    uint32_t code = character(c, &length);
    for (size_t i = 0; length && i < sizeof shown / sizeof *shown; i++)
        if (code >= shown[i].first && code <= shown[i].last)
            return length;
    return 0;
}

const char *words_printable(const char *text, char buffer[WORDS_PRINTED_SIZE])
{
    const unsigned char *at = (const unsigned char *)text,
                        *end = at + strnlen(text, WORDS_PRINTED_MAX);
    char *out = buffer;
    while (at < end) {
        size_t length = printable(at);
        if (length > (size_t)(end - at))
            break;
        if (length == 0) {
            out += snprintf(out, 5, "\\x%02x", *at++);
            continue;
        }
        memcpy(out, at, length);
        out += length;
        at += length;
    }
    const char *more = *at ? "…" : "";
    memcpy(out, more, strlen(more) + 1);
    return buffer;
}
