/* JSON as it goes out: strings of any bytes, and accepted texts laid out anew. What was accepted
 * needs no second parser: outside of strings only punctuation matters. */
#include "wire/json_scan.h"
#include "wire/shown.h"
#include "wire/text.h"
#include "wire/utf8.h"

/* A character that a JSON string cannot have as it is, or that hides. */
static void add_escaped(struct text *text, uint32_t code)
{
    static const char named[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *name = code < 0x80 ? memchr(named, (int)code, sizeof named - 1) : NULL;
    if (name)
        text_add(text, (struct slice){(char[]){'\\', letters[name - named]}, 2});
    else if (code < 0x10000)
        text_addf(text, "\\u%04x", code);
    else /* the two halves of UTF-16 */
        text_addf(text, "\\u%04x\\u%04x", 0xd800 + ((code - 0x10000) >> 10),
                  0xdc00 + (code & 0x3ff));
}

/* The end of what stands for itself: json_plain_run passes over DEL. */
static const char *shown_run(const char *at, const char *end)
{
    const char *stop = json_plain_run(at, end);
    const char *hides = stop > at ? memchr(at, 0x7f, (size_t)(stop - at)) : NULL;
    return hides ? hides : stop;
}

/* Does every byte stand for itself, and is shown? Most strings that a hub writes are short ids, for
 * which a run costs more than this. */
static bool all_shown(struct slice bytes)
{
    uint64_t word, special = 0;
    for (size_t at = 0; bytes.len - at >= sizeof word; at += sizeof word) {
        memcpy(&word, bytes.at + at, sizeof word);
        special |= json_special_bytes(word) | zero_bytes(word ^ 0x7f * EVERY_BYTE);
    }
    size_t rest = bytes.len % sizeof word;
    word = ' ' * EVERY_BYTE;
    if (rest)
        memcpy(&word, slice_end(bytes) - rest, rest);
    return !(special | json_special_bytes(word) | zero_bytes(word ^ 0x7f * EVERY_BYTE));
}

void text_add_string(struct text *text, struct slice bytes)
{
    if (all_shown(bytes)) {
        text_add_literal(text, "\"");
        text_add(text, bytes);
        text_add_literal(text, "\"");
        return;
    }
    const char *at = bytes.at, *end = slice_end(bytes);
    text_add_literal(text, "\"");
    while (at < end) {
        const char *stop = shown_run(at, end);
        text_add(text, (struct slice){at, (size_t)(stop - at)});
        if (stop == end)
            break;
        size_t length = utf8_length(stop, end);
        uint32_t code = length ? utf8_read(stop, length) : 0;
        if (length == 1 || (length > 1 && code_point_hides(code)))
            add_escaped(text, code);
        else if (length > 1)
            text_add(text, (struct slice){stop, length});
        else
            text_add_literal(text, "\xEF\xBF\xBD");
        at = stop + (length ? length : 1);
    }
    text_add_literal(text, "\"");
}

/* A string of an accepted text, from its opening quote; returns the bytes it took. */
static size_t add_accepted_string(struct text *text, struct slice rest)
{
    const char *at = rest.at, *end = slice_end(rest);
    do {
        size_t length = *at == '\\' ? 2 : utf8_length(at, end);
        uint32_t code = *at == '\\' ? 0 : utf8_read(at, length);
        if (code >= 0x7f && code_point_hides(code))
            add_escaped(text, code);
        else
            text_add(text, (struct slice){at, length});
        at += length;
    } while (at < end && *at != '"');
    text_add_literal(text, "\"");
    return (size_t)(at - rest.at) + 1;
}

static void add_line_end(struct text *text, bool pretty, unsigned depth)
{
    if (pretty)
        text_addf(text, "\n%*s", (int)(2 * depth), "");
}

void text_add_json(struct text *text, struct slice accepted, bool pretty)
{
    unsigned depth = 0;
    bool opened = false; /* nothing yet behind the last [ or { */
    for (size_t at = 0; at < accepted.len;) {
        char byte = accepted.at[at];
        if (json_is_space(byte)) {
            at++;
            continue;
        }
        bool closes = byte == '}' || byte == ']';
        if (closes && depth > 0)
            depth--;
        if (opened != closes)
            add_line_end(text, pretty, depth);
        opened = byte == '{' || byte == '[';
        if (byte == '"') {
            at += add_accepted_string(text, (struct slice){accepted.at + at, accepted.len - at});
            continue;
        }
        text_add(text, (struct slice){&byte, 1});
        at++;
        if (opened)
            depth++;
        else if (byte == ',')
            add_line_end(text, pretty, depth);
        else if (byte == ':' && pretty)
            text_add_literal(text, " ");
    }
}
