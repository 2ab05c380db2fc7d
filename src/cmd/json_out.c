/* See json_out.h. What was accepted needs no second parser: outside of strings only punctuation
 * matters. */
#include "cmd/json_out.h"

#include <stdlib.h>

#include "cmd/options.h"
#include "cmd/visit.h"

/* Length of the character at the start, when it is one that terminals act on (DEL, C1, line
 * separators, marks of direction), else 0. */
static size_t acted_on(struct slice rest, unsigned *ret_point)
{
    const unsigned char *at = (const unsigned char *)rest.at;
    if (at[0] == 0x7f) {
        *ret_point = 0x7f;
        return 1;
    }
    if (at[0] == 0xc2 && rest.len >= 2 && at[1] <= 0x9f) {
        *ret_point = at[1];
        return 2;
    }
    if (at[0] == 0xd8 && rest.len >= 2 && at[1] == 0x9c) {
        *ret_point = 0x61c;
        return 2;
    }
    if (at[0] != 0xe2 || rest.len < 3 || (at[1] != 0x80 && at[1] != 0x81))
        return 0;
    unsigned point = 0x2000 | (at[1] & 0x3fu) << 6 | (at[2] & 0x3fu);
    *ret_point = point;
    bool acts = (point >= 0x200b && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e) ||
                (point >= 0x2060 && point <= 0x206f);
    return acts ? 3 : 0;
}

/* Writes a string from its opening quote; returns the bytes it took. */
static size_t print_string(FILE *out, struct slice text)
{
    size_t at = 1;
    fputc('"', out);
    while (at < text.len) {
        unsigned point;
        size_t len = acted_on((struct slice){text.at + at, text.len - at}, &point);
        if (len > 0) {
            fprintf(out, "\\u%04x", point);
            at += len;
            continue;
        }
        char byte = text.at[at++];
        fputc(byte, out);
        if (byte == '"')
            break;
        if (byte == '\\' && at < text.len)
            fputc(text.at[at++], out);
    }
    return at;
}

static void new_line(FILE *out, bool pretty, unsigned depth)
{
    if (pretty)
        fprintf(out, "\n%*s", (int)(2 * depth), "");
}

void json_print(FILE *out, struct slice accepted, bool pretty)
{
    unsigned depth = 0;
    bool opened = false; /* nothing yet behind the last [ or { */
    for (size_t at = 0; at < accepted.len;) {
        char byte = accepted.at[at];
        if (strchr(" \t\r\n", byte)) {
            at++;
            continue;
        }
        bool closes = byte == '}' || byte == ']';
        if (closes && depth > 0)
            depth--;
        if (opened != closes)
            new_line(out, pretty, depth);
        opened = false;
        if (byte == '"') {
            at += print_string(out, (struct slice){accepted.at + at, accepted.len - at});
            continue;
        }
        fputc(byte, out);
        at++;
        if (byte == '{' || byte == '[') {
            opened = true;
            depth++;
        } else if (byte == ',') {
            new_line(out, pretty, depth);
        } else if (byte == ':' && pretty) {
            fputc(' ', out);
        }
    }
}

void json_print_string(FILE *out, struct slice bytes)
{
    struct text text = {0};
    text_add_string(&text, bytes);
    if (!text.failed)
        json_print(out, text_slice(&text), false);
    text_free(&text);
}

int json_print_result(const char *command, json_t *root)
{
    char *text = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
    json_decref(root);
    if (!text)
        return complain(command, "out of memory");
    puts(text);
    free(text);
    return EXIT_WORKED;
}
