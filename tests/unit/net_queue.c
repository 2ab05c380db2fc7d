/* Out-streams and queues, without sockets: what a queue gives is byte for byte what was pushed,
 * whatever is merged, split, cut, copied out or swept in between; and no chunk stays when nobody
 * refers to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "net/queue.h"

static struct span append_text(struct streams *streams, uint32_t stream, const char *text)
{
    struct slice part = slice_of(text);
    return streams_append(streams, stream, &part, 1);
}

/* A line of `len` bytes, its '\n' included, that looks different for each `mark`. */
static struct slice line_make(char *buffer, size_t len, unsigned mark)
{
    for (size_t i = 0; i + 1 < len; i++)
        buffer[i] = (char)('a' + (mark + i * 7 + i / 251) % 26);
    buffer[len - 1] = '\n';
    return (struct slice){buffer, len};
}

/* All that a queue holds, by its vectors; the caller frees it. */
static char *queue_text(const struct queue *queue)
{
    unsigned vectors_max = 100000;
    struct iovec *vectors = test_malloc(vectors_max * sizeof *vectors);
    size_t bytes, len = 0;
    unsigned count = queue_vectors(queue, vectors, vectors_max, SIZE_MAX, &bytes);
    char *text = test_malloc(bytes + 1);
    for (unsigned i = 0; i < count; i++) {
        memcpy(text + len, vectors[i].iov_base, vectors[i].iov_len);
        len += vectors[i].iov_len;
    }
    text[len] = '\0';
    assert_int_equal(len, queue->bytes);
    test_free(vectors);
    return text;
}

/* Nobody refers to anything of it any more. */
static void streams_end(struct streams *streams)
{
    streams_sweep(streams);
    assert_int_equal(streams->bytes, 0);
    streams_free(streams);
}

static void expect_queue(const struct queue *queue, const char *wanted)
{
    char *text = queue_text(queue);
    assert_string_equal(text, wanted);
    test_free(text);
}

static void neighbours_merge_into_one_range(void **state)
{
    (void)state;
    struct streams streams;
    struct queue queue;
    struct iovec vectors[8];
    size_t bytes;
    streams_init(&streams);
    queue_init(&queue);
    for (int i = 0; i < 100; i++)
        queue_push(&queue, &streams, append_text(&streams, 0, "0123456789\n"));
    assert_int_equal(queue_vectors(&queue, vectors, 8, SIZE_MAX, &bytes), 1);
    assert_int_equal(bytes, 1100);
    assert_int_equal(queue.older_count, 0);
    assert_null(queue.older); /* and nothing was allocated for it */
    queue_consume(&queue, &streams, 1100);
    assert_int_equal(queue.bytes, 0);
    streams_end(&streams);
}

static void a_gap_makes_a_second_range(void **state)
{
    (void)state;
    struct streams streams;
    struct queue queue;
    struct iovec vectors[8];
    size_t bytes;
    streams_init(&streams);
    queue_init(&queue);
    queue_push(&queue, &streams, append_text(&streams, 0, "one\n"));
    append_text(&streams, 0, "not for us\n");
    queue_push(&queue, &streams, append_text(&streams, 0, "two\n"));
    queue_push(&queue, &streams, append_text(&streams, 1, "other stream\n"));
    assert_int_equal(queue_vectors(&queue, vectors, 8, SIZE_MAX, &bytes), 3);
    expect_queue(&queue, "one\ntwo\nother stream\n");
    assert_int_equal(queue_vectors(&queue, vectors, 2, SIZE_MAX, &bytes),
                     2); /* bounded by vectors */
    assert_int_equal(bytes, 8);
    assert_int_equal(queue_vectors(&queue, vectors, 8, 6, &bytes), 2); /* and by bytes */
    assert_int_equal(bytes, 6);
    queue_consume(&queue, &streams, 6);
    expect_queue(&queue, "o\nother stream\n");
    queue_clear(&queue, &streams);
    streams_end(&streams);
}

static void a_line_longer_than_a_chunk_arrives_whole(void **state)
{
    (void)state;
    static const size_t lengths[] = {CHUNK_CAPACITY - 5, CHUNK_CAPACITY, CHUNK_CAPACITY + 1,
                                     3 * CHUNK_BYTES, 1u << 20};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct streams streams;
        struct queue queue;
        char *bytes = test_malloc(lengths[i]);
        struct slice line = line_make(bytes, lengths[i], (unsigned)i);
        streams_init(&streams);
        queue_init(&queue);
        queue_push(&queue, &streams, append_text(&streams, 3, "before\n"));
        queue_push(&queue, &streams, streams_append(&streams, 3, &line, 1));
        queue_push(&queue, &streams, append_text(&streams, 3, "after\n"));
        char *text = queue_text(&queue);
        assert_memory_equal(text, "before\n", 7);
        assert_memory_equal(text + 7, line.at, line.len);
        assert_string_equal(text + 7 + line.len, "after\n");
        test_free(text);
        queue_consume(&queue, &streams, 7 + line.len);
        expect_queue(&queue, "after\n");
        queue_clear(&queue, &streams);
        streams_end(&streams);
        test_free(bytes);
    }
}

static void a_large_line_for_one_does_not_part_the_lines_of_others(void **state)
{
    (void)state;
    struct streams streams;
    struct queue one, other;
    struct iovec vectors[8];
    size_t bytes;
    char *buffer = test_malloc(LARGE_LINE_BYTES);
    struct slice line = line_make(buffer, LARGE_LINE_BYTES, 0);
    streams_init(&streams);
    queue_init(&one);
    queue_init(&other);
    struct span before = append_text(&streams, 0, "before\n");
    struct span large = streams_append(&streams, 0, &line, 1);
    struct span after = append_text(&streams, 0, "after\n");
    queue_push(&one, &streams, before);
    queue_push(&one, &streams, large);
    queue_push(&one, &streams, after);
    queue_push(&other, &streams, before);
    queue_push(&other, &streams, after);
    assert_int_equal(queue_vectors(&other, vectors, 8, SIZE_MAX, &bytes), 1);
    expect_queue(&other, "before\nafter\n");
    char *text = queue_text(&one);
    assert_memory_equal(text, "before\n", 7);
    assert_memory_equal(text + 7, line.at, line.len);
    assert_string_equal(text + 7 + line.len, "after\n");
    test_free(text);
    queue_clear(&one, &streams);
    queue_clear(&other, &streams);
    streams_end(&streams);
    test_free(buffer);
}

static void a_chunk_goes_when_its_last_reader_has_it(void **state)
{
    (void)state;
    struct streams streams;
    struct queue fast, slow;
    char bytes[1000];
    streams_init(&streams);
    queue_init(&fast);
    queue_init(&slow);
    for (unsigned i = 0; i < 1000; i++) {
        struct slice line = line_make(bytes, sizeof bytes, i);
        struct span span = streams_append(&streams, 0, &line, 1);
        queue_push(&fast, &streams, span);
        if (i == 500) /* the slow one holds a thousand bytes in the middle, and only their chunks */
            queue_push(&slow, &streams, span);
        queue_consume(&fast, &streams, fast.bytes);
        streams_sweep(&streams);
        assert_true(streams.bytes <= 3 * CHUNK_BYTES);
    }
    char *text = queue_text(&slow);
    assert_memory_equal(text, line_make(bytes, sizeof bytes, 500).at, sizeof bytes);
    test_free(text);
    queue_clear(&slow, &streams);
    streams_end(&streams);
}

static void few_bytes_in_many_chunks_are_copied_out(void **state)
{
    (void)state;
    struct streams streams;
    struct queue queue;
    char *wanted = test_calloc(1, 100 * 16), *others = test_malloc(LARGE_LINE_BYTES / 2), text[16];
    struct slice filler = line_make(others, LARGE_LINE_BYTES / 2, 1);
    streams_init(&streams);
    queue_init(&queue);
    for (int i = 0; i < 100; i++) {
        snprintf(text, sizeof text, "line %d\n", i);
        strcat(wanted, text);
        queue_push(&queue, &streams, append_text(&streams, 0, text));
        for (size_t filled = 0; filled < CHUNK_BYTES; filled += filler.len)
            streams_append(&streams, 0, &filler, 1);
    }
    streams_sweep(&streams);
    assert_true(streams.bytes > 50 * CHUNK_BYTES);
    queue_copy_out(&queue, &streams);
    streams_sweep(&streams);
    assert_true(streams.bytes <= PRIVATE_BYTES_MIN + 2 * sizeof(struct chunk));
    expect_queue(&queue, wanted);
    queue_consume(&queue, &streams, 7);
    queue_push(&queue, &streams, append_text(&streams, 0, "and on\n"));
    queue_copy_out(&queue, &streams);
    strcat(wanted, "and on\n");
    expect_queue(&queue, wanted + 7);
    queue_clear(&queue, &streams);
    streams_end(&streams);
    test_free(wanted);
    test_free(others);
}

static void a_cut_keeps_the_line_that_is_half_out(void **state)
{
    (void)state;
    struct streams streams;
    struct queue queue;
    streams_init(&streams);
    queue_init(&queue);
    queue_push(&queue, &streams, append_text(&streams, 0, "first\n"));
    queue_push(&queue, &streams, append_text(&streams, 0, "second\n"));
    queue_push(&queue, &streams, append_text(&streams, 1, "third\n"));
    queue_consume(&queue, &streams, 8);
    queue_cut(&queue, &streams);
    queue_push_copy(&queue, &streams, (struct slice)SLICE("error\n"));
    expect_queue(&queue, "cond\nerror\n");
    queue_consume(&queue, &streams, 5);
    queue_push(&queue, &streams, append_text(&streams, 1, "fourth\n"));
    queue_cut(&queue, &streams); /* at a line's end nothing is half out */
    assert_int_equal(queue.bytes, 0);
    streams_sweep(&streams);
    assert_int_equal(streams.bytes, 0);
    queue_clear(&queue, &streams);
    streams_end(&streams);
}

/* ── against a model: each queue beside a plain string ── */

#define QUEUES     6
#define STREAMS    3
#define STEPS      20000
#define LINE_MOST  (3 * CHUNK_BYTES)
#define MODEL_MOST (4u << 20)

struct model {
    struct queue queue;
    char *bytes;
    size_t start, end;
};

static uint64_t random_state;

static uint64_t random_below(uint64_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % below;
}

static void model_push(struct model *model, struct streams *streams, struct span span,
                       struct slice line)
{
    if (model->end + line.len > MODEL_MOST)
        return;
    queue_push(&model->queue, streams, span);
    memcpy(model->bytes + model->end, line.at, line.len);
    model->end += line.len;
}

static void model_consume(struct model *model, struct streams *streams)
{
    struct iovec vectors[5];
    size_t bytes, most = 1 + random_below(random_below(2) ? 500 : 200000);
    unsigned count = queue_vectors(&model->queue, vectors, 5, most, &bytes);
    const char *at = model->bytes + model->start;
    assert_true(bytes <= most && bytes <= model->end - model->start);
    assert_true(bytes > 0 || model->start == model->end);
    for (unsigned i = 0; i < count; i++) {
        assert_memory_equal(vectors[i].iov_base, at, vectors[i].iov_len);
        at += vectors[i].iov_len;
    }
    size_t taken = bytes ? random_below(bytes + 1) : 0;
    queue_consume(&model->queue, streams, taken);
    model->start += taken;
    if (model->start == model->end)
        model->start = model->end = 0;
}

static void model_cut(struct model *model, struct streams *streams)
{
    const char *at = model->bytes + model->start;
    size_t left = model->end - model->start;
    bool inside = model->start > 0 && at[-1] != '\n';
    const char *end = inside ? memchr(at, '\n', left) : NULL;
    queue_cut(&model->queue, streams);
    model->end = end ? (size_t)(end + 1 - model->bytes) : model->start;
    if (model->start == model->end)
        model->start = model->end = 0;
}

static void model_step(struct model models[QUEUES], struct streams *streams, char *buffer,
                       unsigned step)
{
    struct model *model = &models[random_below(QUEUES)];
    uint64_t what = random_below(100);
    if (what < 60) {
        size_t len = 1 + random_below(random_below(50) ? 400 : LINE_MOST);
        struct slice line = line_make(buffer, len, step);
        size_t split = random_below(len + 1);
        struct slice parts[2] = {{line.at, split}, {line.at + split, len - split}};
        struct span span = streams_append(streams, (uint32_t)random_below(STREAMS), parts, 2);
        for (unsigned i = 0; i < QUEUES; i++)
            if (random_below(4))
                model_push(&models[i], streams, span, line);
    } else if (what < 90) {
        model_consume(model, streams);
    } else if (what < 94) {
        streams_sweep(streams);
    } else if (what < 97) {
        queue_copy_out(&model->queue, streams);
    } else if (what < 98) {
        model_cut(model, streams);
    } else {
        struct slice line = line_make(buffer, 1 + random_below(300), step);
        if (model->end + line.len <= MODEL_MOST) {
            queue_push_copy(&model->queue, streams, line);
            memcpy(model->bytes + model->end, line.at, line.len);
            model->end += line.len;
        }
    }
    assert_int_equal(model->queue.bytes, model->end - model->start);
}

static void queues_agree_with_a_model(void **state)
{
    (void)state;
    char *buffer = test_malloc(LINE_MOST);
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct streams streams;
        struct model models[QUEUES];
        random_state = seed * 0x9e3779b97f4a7c15u;
        streams_init(&streams);
        for (unsigned i = 0; i < QUEUES; i++) {
            models[i] = (struct model){.bytes = test_malloc(MODEL_MOST)};
            queue_init(&models[i].queue);
        }
        for (unsigned step = 0; step < STEPS; step++)
            model_step(models, &streams, buffer, step);
        for (unsigned i = 0; i < QUEUES; i++) {
            while (models[i].queue.bytes)
                model_consume(&models[i], &streams);
            queue_clear(&models[i].queue, &streams);
            test_free(models[i].bytes);
        }
        streams_end(&streams);
    }
    test_free(buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neighbours_merge_into_one_range),
        cmocka_unit_test(a_gap_makes_a_second_range),
        cmocka_unit_test(a_line_longer_than_a_chunk_arrives_whole),
        cmocka_unit_test(a_large_line_for_one_does_not_part_the_lines_of_others),
        cmocka_unit_test(a_chunk_goes_when_its_last_reader_has_it),
        cmocka_unit_test(few_bytes_in_many_chunks_are_copied_out),
        cmocka_unit_test(a_cut_keeps_the_line_that_is_half_out),
        cmocka_unit_test(queues_agree_with_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
