/* A stream of any bytes from an HTTP client: whatever the splits, the same requests come out, or
 * the same refusal, and no more is held than may be. The first four bytes set how it is split. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/http_reader.h"
#include "wire/text.h"

#define HEAD 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds, const char *sentence)
{
    if (!holds) {
        fprintf(stderr, "fuzz_http: %s\n", sentence);
        abort();
    }
}

/* What must hold of a head that may stand. */
static void look_at(const struct http_head *head)
{
    expect(head->len <= HTTP_HEAD_MAX, "a head is too long");
    expect(!(head->chunked && head->length), "a body of two lengths");
    expect(head->path.len > 0 && head->path.at[0] == '/', "a path that is none");
    expect(http_is_host(head->host), "a Host that is none");
    expect(!memchr(head->target.at, ' ', head->target.len), "a space in the target");
    for (unsigned i = 0; i < head->field_count; i++) {
        struct slice value = head->fields[i].value;
        expect(head->fields[i].name.len > 0, "a field without a name");
        for (size_t j = 0; j < value.len; j++)
            expect((unsigned char)value.at[j] >= 0x20 || value.at[j] == '\t',
                   "a control character in a value");
    }
}

static void note(struct text *record, struct http_reader *reader, enum http_event event)
{
    const struct http_head *head = reader->head;
    switch (event) {
    case HTTP_EVENT_HEAD:
        look_at(head);
        text_addf(record, "%.*s %.*s %.*s %u", SLICE_FORMAT(head->method),
                  SLICE_FORMAT(head->target), SLICE_FORMAT(head->host), head->field_count);
        break;
    case HTTP_EVENT_BODY:
        text_add(record, reader->body);
        break;
    case HTTP_EVENT_DONE:
        text_addf(record, "\n%d\n", head->keep_alive);
        http_reader_clear(reader);
        break;
    case HTTP_EVENT_REFUSED:
        expect(reader->why && reader->status >= 400 && reader->status < 600, "refused without why");
        text_addf(record, "!%d", reader->status);
        break;
    case HTTP_EVENT_MORE:
        break;
    }
}

/* Pieces of 1 to `most` bytes; one size if seed is 0. */
static struct text read_split(struct slice stream, size_t most, uint32_t seed)
{
    struct http_reader reader;
    struct text record = {0};
    enum http_event event = HTTP_EVENT_MORE;
    http_reader_init(&reader);
    while (stream.len > 0 && event != HTTP_EVENT_REFUSED) {
        size_t len = most;
        if (seed != 0) {
            seed = seed * 1664525u + 1013904223u;
            len = 1 + (seed >> 8) % most;
        }
        len = len < stream.len ? len : stream.len;
        /* a block of its own, so that nothing may point into one that is gone */
        char *block = malloc(len);
        if (!block)
            abort();
        memcpy(block, stream.at, len);
        struct slice input = {block, len};
        do {
            event = http_reader_next(&reader, &input);
            note(&record, &reader, event);
        } while (event != HTTP_EVENT_MORE && event != HTTP_EVENT_REFUSED);
        expect(event == HTTP_EVENT_REFUSED || input.len == 0, "input is left over");
        free(block);
        stream.at += len;
        stream.len -= len;
    }
    http_reader_free(&reader);
    return record;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < HEAD)
        return 0;
    uint32_t seed;
    memcpy(&seed, data, sizeof seed);
    struct slice stream = {(const char *)data + HEAD, size - HEAD};
    struct text whole = read_split(stream, SIZE_MAX, 0);
    const struct {
        size_t most;
        uint32_t seed;
    } splits[] = {{1, 0}, {2, 0}, {16, seed | 1}};
    for (size_t i = 0; i < sizeof splits / sizeof *splits; i++) {
        struct text split = read_split(stream, splits[i].most, splits[i].seed);
        expect(slice_equal(text_slice(&whole), text_slice(&split)),
               "the requests depend on the splits");
        text_free(&split);
    }
    text_free(&whole);
    return 0;
}
