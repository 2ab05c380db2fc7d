/* See shown.h. The ranges are Unicode's Default_Ignorable_Code_Point, its separators of lines and
 * paragraphs, its controls, its format characters that have no look of their own, private use and
 * noncharacters; the fourth row has three that are drawn as nothing. */
#include "wire/shown.h"

#include <assert.h>
#include <stdio.h>

#include "wire/utf8.h"

/* In order, for the search. */
static const struct {
    uint32_t first, last;
} hidden[] = {
    {0x00, 0x1f},        {0x7f, 0x9f},       {0xad, 0xad},       {0x34f, 0x34f},
    {0x61c, 0x61c},      {0x115f, 0x1160},   {0x17b4, 0x17b5},   {0x180b, 0x180f},
    {0x200b, 0x200f},    {0x2028, 0x202e},   {0x2060, 0x206f},   {0x2800, 0x2800},
    {0x3164, 0x3164},    {0xe000, 0xf8ff},   {0xfdd0, 0xfdef},   {0xfe00, 0xfe0f},
    {0xfeff, 0xfeff},    {0xffa0, 0xffa0},   {0xfff0, 0xfffb},   {0xfffe, 0xffff},
    {0x13430, 0x1343f},  {0x1bca0, 0x1bca3}, {0x1d159, 0x1d159}, {0x1d173, 0x1d17a},
    {0xe0000, 0x10ffff},
};

bool code_point_hides(uint32_t code)
{
    size_t low = 0, high = sizeof hidden / sizeof hidden[0];
    if (code >= 0x20 && code < 0x7f)
        return false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (code > hidden[middle].last)
            low = middle + 1;
        else if (code < hidden[middle].first)
            high = middle;
        else
            return true;
    }
    return (code & 0xfffe) == 0xfffe; /* the last two of each plane are noncharacters */
}

bool slice_hides(struct slice bytes)
{
    const char *at = bytes.at, *end = slice_end(bytes);
    while (at < end) {
        size_t length = utf8_length(at, end);
        if (length == 0 || code_point_hides(utf8_read(at, length)))
            return true;
        at += length;
    }
    return false;
}

static void spell_byte(struct shown *shown)
{
    shown->len = (size_t)snprintf(shown->bytes, sizeof shown->bytes, "\\x%02x", shown->code);
    shown->spelt = true;
}

void shown_spell(struct shown *shown)
{
    shown->len = (size_t)snprintf(shown->bytes, sizeof shown->bytes, "\\u{%x}", shown->code);
    assert(shown->len < sizeof shown->bytes); /* the longest is 10ffff */
    shown->spelt = true;
}

struct shown shown_next(struct slice *rest)
{
    struct shown shown = {0};
    assert(rest->len > 0);
    const char *at = rest->at;
    size_t length = utf8_length(at, at + rest->len);
    shown.code = length ? utf8_read(at, length) : (unsigned char)*at;
    if (length == 0 || (length == 1 && code_point_hides(shown.code)))
        spell_byte(&shown);
    else if (code_point_hides(shown.code))
        shown_spell(&shown);
    else
        memcpy(shown.bytes, at, shown.len = length);
    length += length == 0;
    *rest = (struct slice){at + length, rest->len - length};
    return shown;
}

const char *shown_format(struct slice bytes, char *buffer, size_t size)
{
    static const char ellipsis[] = "…";
    assert(size >= SHOWN_SIZE + sizeof ellipsis);
    size_t used = 0, fits = 0; /* fits: after which an ellipsis still has room */
    while (bytes.len > 0) {
        struct shown shown = shown_next(&bytes);
        if (used + shown.len >= size) {
            memcpy(buffer + fits, ellipsis, sizeof ellipsis - 1);
            used = fits + sizeof ellipsis - 1;
            break;
        }
        memcpy(buffer + used, shown.bytes, shown.len);
        used += shown.len;
        if (used + sizeof ellipsis <= size)
            fits = used;
    }
    assert(used < size);
    buffer[used] = '\0';
    return buffer;
}
