/* Framing: one stream, every way to split it, the same lines. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire/frame.h"
#include "wire_guard.h"

#define LINE_MAX 16

/* What came out, written down: lines in brackets, '!' for one that was too long. */
struct record {
    char at[4096];
    size_t len;
};

static void record_add(struct record *record, const char *bytes, size_t len)
{
    assert_true(record->len + len < sizeof record->at);
    memcpy(record->at + record->len, bytes, len);
    record->len += len;
    record->at[record->len] = '\0';
}

static void feed(struct frame *frame, struct slice bytes, struct record *record)
{
    struct slice input = guarded(bytes), line;
    for (;;) {
        enum frame_result result = frame_next(frame, &input, &line);
        assert_int_not_equal(result, FRAME_NO_MEMORY);
        assert_true(frame->capacity <= frame->line_max + 1);
        assert_true(frame->len <= frame->capacity);
        if (result == FRAME_MORE)
            break;
        if (result == FRAME_TOO_LONG) {
            record_add(record, "!", 1);
            assert_null(frame->partial);
            continue;
        }
        assert_in_range(line.len, 1, frame->line_max);
        record_add(record, "[", 1);
        record_add(record, line.at, line.len);
        record_add(record, "]", 1);
    }
    assert_int_equal(input.len, 0);
    /* what is held is a line not ended, and without one nothing is held */
    if (frame_pending(frame) == 0)
        assert_null(frame->partial);
}

static const struct {
    const char *stream, *lines;
} streams[] = {
    {"", ""},
    {"a", ""},
    {"\n", ""},
    {"\r\n", ""},
    {"\n\n\r\n\n", ""},
    {"a\n", "[a]"},
    {"a\r\n", "[a]"},
    {"a\nb\n", "[a][b]"},
    {"\n\na\n\r\n\nb\n\n", "[a][b]"},
    {"ab\r\ncd\r\nef", "[ab][cd]"},
    {"a\rb\n\rc\n", "[a\rb][\rc]"},
    {"a\r\r\n\r\r\n", "[a\r][\r]"},
    {" \n\t\n", "[ ][\t]"},
    /* around the limit of 16 */
    {"0123456789abcde\n0123456789abcdef\nx\n", "[0123456789abcde][0123456789abcdef][x]"},
    {"0123456789abcdef\r\nx\r\n", "[0123456789abcdef][x]"},
    {"0123456789abcdefg\nx\n", "![x]"},
    {"0123456789abcdefg\r\nx\n", "![x]"},
    {"0123456789abcdef\r\r\nx\n", "![x]"},
    {"0123456789abcdef\rg\nx\n", "![x]"},
    {"0123456789abcdef\r", ""},
    {"0123456789abcdefg", "!"},
    {"0123456789abcdefghijklmnopqrstuvwxyz0123456789\n", "!"},
    {"a\n0123456789abcdefghijklmnopqrstuvwxyz0123456789\nb\n0123456789abcdefghijklmnopqrstuvwxyz\nc"
     "\n",
     "[a]![b]![c]"},
    {"0123456789abcdefghijklm\n\n\n0123456789abcdefghijklm\r\n\r\nok\n", "!![ok]"},
    {"{\"a\":1}\n{\"b\":2}\r\n\n[3]\n", "[{\"a\":1}][{\"b\":2}][[3]]"},
};
#define STREAMS (sizeof streams / sizeof *streams)

/* The stream in pieces that end at `first`, at `second`, and at its end. */
static void try_split(const char *stream, size_t first, size_t second, const char *lines)
{
    struct frame frame;
    struct record record = {.len = 0};
    record.at[0] = '\0';
    frame_init(&frame, LINE_MAX);
    size_t len = strlen(stream);
    feed(&frame, (struct slice){stream, first}, &record);
    feed(&frame, (struct slice){stream + first, second - first}, &record);
    feed(&frame, (struct slice){stream + second, len - second}, &record);
    frame_free(&frame);
    if (strcmp(record.at, lines) != 0)
        fail_msg("split at %zu and %zu: %s, not %s", first, second, record.at, lines);
}

static void every_stream_split_at_every_two_places(void **state)
{
    (void)state;
    for (size_t i = 0; i < STREAMS; i++) {
        size_t len = strlen(streams[i].stream);
        for (size_t first = 0; first <= len; first++)
            for (size_t second = first; second <= len; second++)
                try_split(streams[i].stream, first, second, streams[i].lines);
    }
}

static void every_stream_in_pieces_of_each_size(void **state)
{
    (void)state;
    for (size_t i = 0; i < STREAMS; i++) {
        size_t len = strlen(streams[i].stream);
        for (size_t size = 1; size <= len; size++) {
            struct frame frame;
            struct record record = {.len = 0};
            record.at[0] = '\0';
            frame_init(&frame, LINE_MAX);
            for (size_t at = 0; at < len; at += size)
                feed(&frame,
                     (struct slice){streams[i].stream + at, len - at < size ? len - at : size},
                     &record);
            frame_free(&frame);
            assert_string_equal(record.at, streams[i].lines);
        }
    }
}

static void nul_bytes_are_bytes(void **state)
{
    (void)state;
    struct frame frame;
    struct slice input = SLICE("a\0b\n\0\n"), line;
    frame_init(&frame, LINE_MAX);
    assert_int_equal(frame_next(&frame, &input, &line), FRAME_LINE);
    assert_int_equal(line.len, 3);
    assert_memory_equal(line.at, "a\0b", 3);
    assert_int_equal(frame_next(&frame, &input, &line), FRAME_LINE);
    assert_int_equal(line.len, 1);
    assert_int_equal(frame_next(&frame, &input, &line), FRAME_MORE);
    frame_free(&frame);
}

static void a_whole_line_is_not_copied(void **state)
{
    (void)state;
    struct frame frame;
    static const char stream[] = "first\r\nsecond\nth";
    struct slice input = {stream, sizeof stream - 1}, line;
    frame_init(&frame, LINE_MAX);
    assert_int_equal(frame_next(&frame, &input, &line), FRAME_LINE);
    assert_ptr_equal(line.at, stream);
    assert_int_equal(line.len, 5);
    assert_ptr_equal(input.at, stream + 7); /* moved behind the line, no further */
    assert_int_equal(frame_next(&frame, &input, &line), FRAME_LINE);
    assert_ptr_equal(line.at, stream + 7);
    assert_null(frame.partial);
    assert_int_equal(frame_next(&frame, &input, &line), FRAME_MORE);
    assert_int_equal(frame_pending(&frame), 2);
    input = (struct slice)SLICE("ird\n");
    assert_int_equal(frame_next(&frame, &input, &line), FRAME_LINE);
    assert_true(slice_is(line, "third"));
    assert_int_equal(frame_pending(&frame), 0); /* it was handed out: none of it is left to come */
    assert_int_equal(frame_next(&frame, &input, &line), FRAME_MORE);
    assert_null(frame.partial);
    assert_int_equal(frame.capacity, 0);
    frame_free(&frame);
}

/* Memory follows what was really sent, by doubling, and ends at the limit. */
static void growth_is_bounded(void **state)
{
    (void)state;
    static const size_t limits[] = {1, 2, 100, 255, 256, 257, 1000, 5000, 1u << 20};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct frame frame;
        struct slice line;
        size_t capacity = 0, growths = 0;
        frame_init(&frame, limits[i]);
        for (size_t sent = 0; sent < limits[i]; sent++) {
            struct slice input = {"x", 1};
            assert_int_equal(frame_next(&frame, &input, &line), FRAME_MORE);
            assert_int_equal(frame_pending(&frame), sent + 1);
            if (frame.capacity == capacity)
                continue;
            growths++;
            capacity = frame.capacity;
            assert_true(capacity <= limits[i] + 1);
            assert_true(capacity <= 256 || capacity <= 2 * (sent + 1));
        }
        assert_true(growths <= 20);
        struct slice input = SLICE("\r\n");
        assert_int_equal(frame_next(&frame, &input, &line), FRAME_LINE);
        assert_int_equal(line.len, limits[i]);
        assert_int_equal(frame_next(&frame, &input, &line), FRAME_MORE);
        assert_null(frame.partial);
        frame_free(&frame);
    }
}

/* A line that never ends is reported once, when it passes the limit, and then costs nothing. */
static void a_line_without_end(void **state)
{
    (void)state;
    static char zeros[4096];
    struct frame frame;
    struct slice line;
    size_t reports = 0;
    frame_init(&frame, 10000);
    memset(zeros, '0', sizeof zeros);
    for (size_t piece = 0; piece < 10000; piece++) {
        struct slice input = {zeros, sizeof zeros};
        enum frame_result result = frame_next(&frame, &input, &line);
        if (result == FRAME_TOO_LONG) {
            assert_int_equal(piece, 2);
            reports++;
            result = frame_next(&frame, &input, &line);
        }
        assert_int_equal(result, FRAME_MORE);
        if (piece >= 2)
            assert_null(frame.partial);
    }
    assert_int_equal(reports, 1);
    assert_int_equal(frame_pending(&frame), 0);
    struct slice input = SLICE("0\nok\n");
    assert_int_equal(frame_next(&frame, &input, &line), FRAME_LINE);
    assert_true(slice_is(line, "ok"));
    frame_free(&frame);
}

static void freed_at_any_time(void **state)
{
    (void)state;
    struct frame frame = {0};
    struct slice line, input;
    frame_free(&frame);
    frame_init(&frame, LINE_MAX);
    frame_free(&frame);
    /* while it holds half a line, while a line of its own is out, while it skips */
    input = (struct slice)SLICE("half");
    assert_int_equal(frame_next(&frame, &input, &line), FRAME_MORE);
    frame_free(&frame);
    assert_int_equal(frame_pending(&frame), 0);
    input = (struct slice)SLICE("ha");
    assert_int_equal(frame_next(&frame, &input, &line), FRAME_MORE);
    input = (struct slice)SLICE("lf\n");
    assert_int_equal(frame_next(&frame, &input, &line), FRAME_LINE);
    frame_free(&frame);
    input = (struct slice)SLICE("0123456789abcdefghij");
    assert_int_equal(frame_next(&frame, &input, &line), FRAME_TOO_LONG);
    frame_free(&frame);
    input = (struct slice)SLICE("x\n");
    assert_int_equal(frame_next(&frame, &input, &line), FRAME_LINE);
    assert_true(slice_is(line, "x"));
    frame_free(&frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_stream_split_at_every_two_places),
        cmocka_unit_test(every_stream_in_pieces_of_each_size),
        cmocka_unit_test(nul_bytes_are_bytes),
        cmocka_unit_test(a_whole_line_is_not_copied),
        cmocka_unit_test(growth_is_bounded),
        cmocka_unit_test(a_line_without_end),
        cmocka_unit_test(freed_at_any_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
