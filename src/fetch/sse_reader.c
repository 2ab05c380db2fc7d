#include "fetch/sse_reader.h"

/* A line is whole. True: it ends an event that has data. */
static bool line_take(struct sse_reader *reader)
{
    struct slice line = text_slice(&reader->line);
    if (line.len == 0)
        return reader->has_data;
    const char *colon = memchr(line.at, ':', line.len);
    size_t name = colon ? (size_t)(colon - line.at) : line.len;
    if (name != 4 || memcmp(line.at, "data", 4) != 0)
        return false;
    size_t at = colon ? name + 1 : name;
    at += at < line.len && line.at[at] == ' ';
    text_add_literal(&reader->data, reader->has_data ? "\n" : "");
    text_add(&reader->data, (struct slice){line.at + at, line.len - at});
    reader->has_data = true;
    return false;
}

int sse_next(struct sse_reader *reader, struct slice *input, struct slice *ret_data)
{
    if (reader->told) {
        text_clear(&reader->data);
        reader->has_data = reader->told = false;
    }
    while (input->len > 0) {
        char c = *input->at;
        bool second = reader->after_cr && c == '\n';
        reader->after_cr = c == '\r';
        input->at++;
        input->len--;
        if (second)
            continue;
        if (c != '\r' && c != '\n') {
            text_add(&reader->line, (struct slice){&c, 1});
            if (reader->line.failed || reader->line.len + reader->data.len > reader->most)
                return -1;
            continue;
        }
        bool whole = line_take(reader);
        text_clear(&reader->line);
        if (reader->data.failed)
            return -1;
        if (!whole)
            continue;
        reader->told = true;
        *ret_data = text_slice(&reader->data);
        return 1;
    }
    return 0;
}

void sse_reader_free(struct sse_reader *reader)
{
    text_free(&reader->line);
    text_free(&reader->data);
}
