/* A sink never waits for who reads it, loses nothing that there was room for, and counts what there
 * was none for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/sink.h"

static void notice(struct text *text, uint64_t lines)
{
    text_addf(text, "dropped %llu\n", (unsigned long long)lines);
}

/* A pipe of one page, so that little fills it. */
static void small_pipe(int ret_ends[2])
{
    assert_int_equal(pipe2(ret_ends, O_CLOEXEC), 0);
    assert_true(fcntl(ret_ends[1], F_SETPIPE_SZ, 4096) >= 4096);
}

/* All that comes until the end, as a string. */
static char *read_all(int fd)
{
    struct text text = {0};
    char bytes[4096];
    ssize_t len;
    while ((len = read(fd, bytes, sizeof bytes)) > 0)
        text_add(&text, (struct slice){bytes, (size_t)len});
    text_add(&text, (struct slice){"", 1});
    return text.at;
}

static void write_numbered(struct sink *sink, unsigned from, unsigned to)
{
    char line[64];
    for (unsigned i = from; i < to; i++) {
        snprintf(line, sizeof line, "line %u\n", i);
        sink_write(sink, slice_of(line));
    }
}

/* Lines first, first+1 … as long as they follow; returns where they end and the first number that
 * did not come. */
static const char *skip_numbered(const char *at, unsigned *first)
{
    char line[64];
    for (;;) {
        int len = snprintf(line, sizeof line, "line %u\n", *first);
        if (strncmp(at, line, (size_t)len) != 0)
            return at;
        at += len;
        (*first)++;
    }
}

static void what_fits_arrives_in_order(void **state)
{
    (void)state;
    int ends[2];
    unsigned next = 0;
    small_pipe(ends);
    struct sink *sink = sink_open(ends[1], true, SINK_BYTES_MAX, notice);
    write_numbered(sink, 0, 300);
    assert_int_equal(sink_close(sink), 0);
    char *read = read_all(ends[0]);
    assert_string_equal(skip_numbered(read, &next), "");
    assert_int_equal(next, 300);
    free(read);
    close(ends[0]);
}

/* Nobody reads: writing goes on all the same. Who reads later is told how much is missing, where it
 * is missing. */
static void what_nobody_reads_is_dropped_and_counted(void **state)
{
    (void)state;
    enum { WRITTEN = 100000 };
    int ends[2];
    unsigned next = 0, lost = 0, all_lost = 0;
    char line[64], wanted[64];
    small_pipe(ends);
    struct sink *sink = sink_open(ends[1], true, SINK_BYTES_MAX, notice);
    write_numbered(sink, 0, WRITTEN);
    FILE *reader = fdopen(ends[0], "r");
    assert_non_null(reader);
    while (next < WRITTEN) {
        assert_non_null(fgets(line, sizeof line, reader));
        snprintf(wanted, sizeof wanted, "line %u\n", next);
        if (sscanf(line, "dropped %u", &lost) != 1) {
            assert_string_equal(line, wanted);
            lost = 1;
        } else {
            all_lost += lost;
        }
        next += lost;
    }
    assert_int_equal(next, WRITTEN);
    assert_true(all_lost > 0);
    sink_write(sink, (struct slice)SLICE("and on\n"));
    assert_non_null(fgets(line, sizeof line, reader));
    assert_string_equal(line, "and on\n");
    assert_int_equal(sink_close(sink), 0);
    assert_null(fgets(line, sizeof line, reader));
    fclose(reader);
}

static void a_sink_that_is_stuck_can_be_closed(void **state)
{
    (void)state;
    int ends[2];
    small_pipe(ends);
    struct sink *sink = sink_open(ends[1], false, SINK_BYTES_MAX, notice);
    write_numbered(sink, 0, 5000);
    assert_int_equal(sink_close(sink), -1);
    assert_int_equal(errno, EAGAIN);
    close(ends[0]); /* the thread that was left behind ends; the writing end stays open for it */
}

static void a_failed_write_is_told_of_as_soon_as_one_works(void **state)
{
    (void)state;
    int ends[2];
    small_pipe(ends);
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    if (full < 0)
        skip();
    struct sink *sink = sink_open(full, true, SINK_BYTES_MAX, notice);
    sink_write(sink, (struct slice)SLICE("one\ntwo\n"));
    sink_redirect(sink, ends[1]);
    sink_write(sink, (struct slice)SLICE("three\n"));
    assert_int_equal(sink_close(sink), 0);
    char *read = read_all(ends[0]);
    /* The thread may have come to the first lines before or after the new file did. */
    if (strcmp(read, "one\ntwo\nthree\n") != 0)
        assert_string_equal(read, "dropped 2\nthree\n");
    free(read);
    close(ends[0]);
}

static void a_full_disk_is_an_error_at_the_end(void **state)
{
    (void)state;
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    if (full < 0)
        skip();
    struct sink *sink = sink_open(full, true, SINK_BYTES_MAX, notice);
    sink_write(sink, (struct slice)SLICE("one\n"));
    assert_int_equal(sink_close(sink), -1);
    assert_int_equal(errno, ENOSPC);
}

static void what_is_printed_arrives(void **state)
{
    (void)state;
    int ends[2];
    small_pipe(ends);
    struct sink *sink = sink_open(ends[1], true, SINK_BYTES_MAX, notice);
    FILE *stream = sink_stream(sink);
    fprintf(stream, "a line of %d\n", 1);
    fputs("and a start", stream);
    fclose(stream);
    assert_int_equal(sink_close(sink), 0);
    char *read = read_all(ends[0]);
    assert_string_equal(read, "a line of 1\nand a start");
    free(read);
    close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_fits_arrives_in_order),
        cmocka_unit_test(what_nobody_reads_is_dropped_and_counted),
        cmocka_unit_test(a_sink_that_is_stuck_can_be_closed),
        cmocka_unit_test(a_failed_write_is_told_of_as_soon_as_one_works),
        cmocka_unit_test(a_full_disk_is_an_error_at_the_end),
        cmocka_unit_test(what_is_printed_arrives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
