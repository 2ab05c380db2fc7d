/* A stream of any bytes: whatever the splits, framing must give what a plain reading of the whole
 * stream gives, and hold no more than it may. The first byte sets the limit of a line, the next
 * four how the stream is split, the rest is the stream. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire/frame.h"

#define HEAD 5

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds, const char *sentence)
{
    if (!holds) {
        fprintf(stderr, "fuzz_frame: %s\n", sentence);
        abort();
    }
}

/* What came out: each line after its length (four bytes), a too long one as TOO_LONG alone. */
#define TOO_LONG UINT32_MAX
struct record {
    char *at;
    size_t len, capacity;
};

static void record_add(struct record *record, uint32_t mark, struct slice line)
{
    expect(record->len + sizeof mark + line.len <= record->capacity, "more came out than went in");
    memcpy(record->at + record->len, &mark, sizeof mark);
    if (line.len > 0)
        memcpy(record->at + record->len + sizeof mark, line.at, line.len);
    record->len += sizeof mark + line.len;
}

static struct record record_make(struct slice stream)
{
    /* at worst every second byte ends a line of one byte */
    size_t capacity = stream.len * 8 + 8;
    struct record record = {.at = malloc(capacity), .capacity = capacity};
    if (!record.at)
        abort();
    return record;
}

/* The plain reading: the whole stream at once, line by line, by the words of frame.h. */
static void read_plainly(struct slice stream, size_t line_max, struct record *record)
{
    const char *at = stream.at, *end = stream.at + stream.len;
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        struct slice line = {at, (size_t)((stop ? stop : end) - at)};
        /* an unfinished line is too long as soon as nothing that may follow can mend it */
        if (line.len > 0 && line.at[line.len - 1] == '\r')
            line.len--;
        if (line.len > line_max)
            record_add(record, TOO_LONG, (struct slice){NULL, 0});
        else if (stop && line.len > 0)
            record_add(record, (uint32_t)line.len, line);
        at = stop ? stop + 1 : end;
    }
}

static void feed(struct frame *frame, struct slice piece, struct record *record)
{
    /* a block of its own, so that a line may not point into one that is gone */
    char *block = malloc(piece.len ? piece.len : 1);
    if (!block)
        abort();
    if (piece.len > 0)
        memcpy(block, piece.at, piece.len);
    struct slice input = {block, piece.len}, line;
    enum frame_result result;
    while ((result = frame_next(frame, &input, &line)) != FRAME_MORE) {
        expect(result != FRAME_NO_MEMORY, "out of memory");
        expect(frame->capacity <= frame->line_max + 1, "more is held than a line may be");
        if (result == FRAME_TOO_LONG)
            record_add(record, TOO_LONG, (struct slice){NULL, 0});
        else
            record_add(record, (uint32_t)line.len, line);
    }
    expect(input.len == 0, "input is left over");
    expect(frame->capacity <= frame->line_max + 1, "more is held than a line may be");
    expect((frame->partial == NULL) == (frame_pending(frame) == 0), "memory is held for nothing");
    free(block);
}

/* Pieces of 1 to `most` bytes; one size if seed is 0. */
static void read_split(struct slice stream, size_t line_max, size_t most, uint32_t seed,
                       struct record *record)
{
    struct frame frame;
    frame_init(&frame, line_max);
    while (stream.len > 0) {
        size_t size = most;
        if (seed != 0) {
            seed = seed * 1664525u + 1013904223u;
            size = 1 + (seed >> 8) % most;
        }
        size = size < stream.len ? size : stream.len;
        feed(&frame, (struct slice){stream.at, size}, record);
        stream.at += size;
        stream.len -= size;
    }
    frame_free(&frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < HEAD)
        return 0;
    size_t line_max = 1 + data[0] % 64;
    uint32_t seed;
    memcpy(&seed, data + 1, sizeof seed);
    struct slice stream = {(const char *)data + HEAD, size - HEAD};
    struct record plain = record_make(stream);
    read_plainly(stream, line_max, &plain);
    const struct {
        size_t most;
        uint32_t seed;
    } splits[] = {{SIZE_MAX, 0}, {1, 0}, {2, 0}, {2 * line_max, seed | 1}, {3, seed | 1}};
    for (size_t i = 0; i < sizeof splits / sizeof *splits; i++) {
        struct record split = record_make(stream);
        read_split(stream, line_max, splits[i].most, splits[i].seed, &split);
        expect(split.len == plain.len && memcmp(split.at, plain.at, plain.len) == 0,
               "the lines depend on the splits");
        free(split.at);
    }
    free(plain.at);
    return 0;
}
