#include "gateway/quoted.h"

#include <stdlib.h>

#include "wire/shown.h"

void text_add_shown(struct text *text, struct slice bytes)
{
    while (bytes.len > 0) {
        struct shown shown = shown_next(&bytes);
        if (shown.spelt && (shown.code == '\n' || shown.code == '\r' || shown.code == '\t'))
            text_add_literal(text, " ");
        else
            text_add(text, (struct slice){shown.bytes, shown.len});
    }
}

void text_add_quoted(struct text *text, struct slice bytes)
{
    text_add_literal(text, "| ");
    while (bytes.len > 0) {
        struct shown shown = shown_next(&bytes);
        if (shown.spelt && shown.code == '\n')
            text_add_literal(text, "\n| ");
        else if (shown.spelt && shown.code == '\t')
            text_add_literal(text, "\t");
        else if (!shown.spelt || shown.code != '\r')
            text_add(text, (struct slice){shown.bytes, shown.len});
    }
    text_add_literal(text, "\n");
}

void text_add_dumped(struct text *text, const json_t *json)
{
    char *dumped = json_dumps(json, JSON_COMPACT);
    if (dumped)
        text_add_json(text, slice_of(dumped), false);
    else
        text->failed = true;
    free(dumped);
}

void text_add_quoted_json(struct text *text, struct slice accepted)
{
    text_add_literal(text, "+ ");
    text_add_json(text, accepted, false);
    text_add_literal(text, "\n");
}

struct slice slice_cut(struct slice bytes, size_t size)
{
    if (bytes.len <= size)
        return bytes;
    while (size > 0 && ((unsigned char)bytes.at[size] & 0xc0) == 0x80)
        size--;
    return (struct slice){bytes.at, size};
}
