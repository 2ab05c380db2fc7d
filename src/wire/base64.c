/* See base64.h. */
#include "wire/base64.h"

#include <assert.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* One more than a digit's value; 0: it is none. */
static const uint8_t values[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
};

void text_add_base64(struct text *text, struct slice bytes)
{
    const uint8_t *from = (const uint8_t *)bytes.at;
    if (!bytes.len || !text_reserve(text, base64_length(bytes.len)))
        return;
    char *to = text->at + text->len;
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t three = (uint32_t)from[i] << 16 | (left > 1 ? (uint32_t)from[i + 1] << 8 : 0) |
                         (left > 2 ? from[i + 2] : 0);
        *to++ = digits[three >> 18];
        *to++ = digits[three >> 12 & 63];
        *to++ = left > 1 ? digits[three >> 6 & 63] : '=';
        *to++ = left > 2 ? digits[three & 63] : '=';
    }
    text->len += base64_length(bytes.len);
}

/* Four characters, of which the last `padding` are '='. */
static bool decode_four(const uint8_t *from, unsigned padding, uint8_t *to)
{
    uint32_t three = 0;
    bool fine = true;
    assert(padding <= 2);
    for (unsigned i = 0; i < 4 - padding; i++) {
        fine = fine && values[from[i]];
        three |= (uint32_t)(uint8_t)(values[from[i]] - 1) << (18 - 6 * i);
    }
    to[0] = (uint8_t)(three >> 16);
    if (padding < 2)
        to[1] = (uint8_t)(three >> 8);
    if (padding < 1)
        to[2] = (uint8_t)three;
    return fine && !(padding && three & (padding == 1 ? 0xffu : 0xffffu));
}

bool text_add_base64_decoded(struct text *text, struct slice characters)
{
    const uint8_t *from = (const uint8_t *)characters.at;
    size_t len = characters.len, fours = len / 4;
    if (!len)
        return true;
    if (len % 4 || !text_reserve(text, fours * 3))
        return false;
    unsigned padding =
        (from[len - 1] == '=') + (unsigned)(from[len - 1] == '=' && from[len - 2] == '=');
    uint8_t *to = (uint8_t *)text->at + text->len;
    bool fine = true;
    for (size_t i = 0; i + 1 < fours && fine; i++)
        fine = decode_four(from + 4 * i, 0, to + 3 * i);
    fine = fine && decode_four(from + len - 4, padding, to + 3 * (fours - 1));
    if (fine)
        text->len += fours * 3 - padding;
    return fine;
}
