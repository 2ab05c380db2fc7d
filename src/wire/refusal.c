/* What a refused peer is told: sentences that quote its own bytes, which may be anything. */
#include <stdarg.h>
#include <stdio.h>

#include "wire/message.h"
#include "wire/text.h"
#include "wire/utf8.h"

static bool is_control(const char *at, size_t length)
{
    unsigned char first = (unsigned char)at[0];
    if (length == 1)
        return first < 0x20 || first == 0x7F;
    return length == 2 && first == 0xC2 && (unsigned char)at[1] < 0xA0;
}

int refuse(struct refusal *ret_refusal, enum wire_error code, const char *format, ...)
{
    char *detail = ret_refusal->detail;
    ret_refusal->code = code;
    va_list arguments;
    va_start(arguments, format);
    int written = vsnprintf(detail, WIRE_DETAIL_MAX, format, arguments);
    va_end(arguments);
    const char *end = detail + (written < 0 ? 0 : strnlen(detail, WIRE_DETAIL_MAX - 1));
    char *at = detail;
    while (at < end) {
        size_t length = utf8_length(at, end);
        if (length == 0 && end == detail + WIRE_DETAIL_MAX - 1 && end - at < UTF8_MAX)
            break; /* the cut went through a character */
        if (length == 0 || is_control(at, length)) {
            *at = '?';
            length = 1; /* what is left of it is judged anew */
        }
        at += length;
    }
    *at = '\0';
    return -(int)code;
}

const char *excerpt_format(struct slice bytes, char buffer[EXCERPT_SIZE])
{
    static const char ellipsis[] = "…";
    /* Room for the longest piece ("\x00", or four bytes of UTF-8) before the ellipsis and the NUL. */
    const size_t room = EXCERPT_SIZE - sizeof ellipsis;
    const char *at = bytes.at, *end = bytes.at + bytes.len;
    size_t used = 0;
    while (at < end) {
        char piece[8];
        size_t length = utf8_length(at, end), piece_len;
        if (length == 0 || is_control(at, length)) {
            unsigned byte = (unsigned char)(length == 2 ? at[1] : at[0]);
            piece_len = (size_t)snprintf(piece, sizeof piece, length ? "\\u%04x" : "\\x%02x", byte);
        } else {
            memcpy(piece, at, length);
            piece_len = length;
        }
        if (used + piece_len > room) {
            memcpy(buffer + used, ellipsis, sizeof ellipsis - 1);
            used += sizeof ellipsis - 1;
            break;
        }
        memcpy(buffer + used, piece, piece_len);
        used += piece_len;
        at += length ? length : 1;
    }
    buffer[used] = '\0';
    return buffer;
}
