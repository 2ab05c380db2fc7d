/* A stream of any bytes from a WebSocket's client: whatever the splits, the same messages come out,
 * or the same refusal; a message is UTF-8, and no longer than it may be. The first four bytes set
 * how it is split. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/ws_reader.h"

#define HEAD        4
#define MESSAGE_MAX 300u /* what a fuzzer's inputs can be longer than */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds, const char *sentence)
{
    if (!holds) {
        fprintf(stderr, "fuzz_ws: %s\n", sentence);
        abort();
    }
}

/* What has come out so far, and the message under way. */
struct record {
    struct text all, message;
};

static void note(struct record *record, const struct ws_reader *reader, enum ws_event event)
{
    struct slice piece = reader->piece;
    switch (event) {
    case WS_EVENT_TEXT:
        expect(piece.len > 0, "a piece of nothing");
        text_add(&record->message, piece);
        break;
    case WS_EVENT_END:
        expect(record->message.len <= MESSAGE_MAX, "a message is too long");
        expect(utf8_valid(text_slice(&record->message)), "a message is not UTF-8");
        text_addf(&record->all, "%zu:", record->message.len);
        text_add(&record->all, text_slice(&record->message));
        text_clear(&record->message);
        break;
    case WS_EVENT_PING:
    case WS_EVENT_PONG:
        expect(piece.len <= WS_CONTROL_MAX, "a control frame is too long");
        text_addf(&record->all, "%c%zu:", event == WS_EVENT_PING ? 'i' : 'o', piece.len);
        text_add(&record->all, piece);
        break;
    case WS_EVENT_CLOSE:
        expect(utf8_valid(piece) && piece.len <= WS_CONTROL_MAX - 2, "a reason that is none");
        text_addf(&record->all, "c%d:", (int)reader->code);
        text_add(&record->all, piece);
        break;
    case WS_EVENT_REFUSED:
        expect(reader->why && reader->code >= WS_PROTOCOL_ERROR, "refused without why");
        text_addf(&record->all, "!%d", (int)reader->code);
        break;
    case WS_EVENT_MORE:
        break;
    }
}

/* Pieces of 1 to `most` bytes; one size if seed is 0. */
static struct text read_split(struct slice stream, size_t most, uint32_t seed)
{
    struct ws_reader reader;
    struct record record = {0};
    ws_reader_init(&reader, MESSAGE_MAX);
    while (stream.len > 0) {
        size_t len = most;
        if (seed != 0) {
            seed = seed * 1664525u + 1013904223u;
            len = 1 + (seed >> 8) % most;
        }
        len = len < stream.len ? len : stream.len;
        /* blocks of their own, so that nothing may point into one that is gone */
        char *block = malloc(len), *room = malloc(len);
        if (!block || !room)
            abort();
        memcpy(block, stream.at, len);
        struct slice input = {block, len};
        enum ws_event event;
        do {
            expect(input.len <= len, "more is left than there was");
            event = ws_reader_next(&reader, &input, room);
            note(&record, &reader, event);
        } while (event != WS_EVENT_MORE);
        expect(input.len == 0, "input is left over");
        free(block);
        free(room);
        stream.at += len;
        stream.len -= len;
    }
    text_free(&record.message);
    return record.all;
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
               "the messages depend on the splits");
        text_free(&split);
    }
    text_free(&whole);
    return 0;
}
