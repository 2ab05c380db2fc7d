/* Files become traces: formats and compressions, found out or named; what is broken or hostile is
 * refused with its place, in bounded memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "trace_fixture.h"

#define BYTES(literal) ((struct slice){(literal), sizeof(literal) - 1})

static void assert_references(struct trace *trace, const char *format, const int64_t *wanted,
                              size_t count)
{
    if (!trace)
        fail_msg("%s", trace_why);
    assert_string_equal(trace->format, format);
    assert_int_equal(trace->kind, TRACE_REFERENCES);
    assert_int_equal(trace->count, count);
    assert_memory_equal(trace->values, wanted, count * sizeof *wanted);
    trace_free(trace);
}

static void assert_refused(struct trace *trace, const char *said)
{
    assert_null(trace);
    if (!strstr(trace_why, said))
        fail_msg("'%s' is not in: %s", said, trace_why);
}

static const int64_t three[] = {1, 2, 3};

static void text_with_marks(void **state)
{
    (void)state;
    static const int64_t wanted[] = {5, INT64_MAX, 0, 7};
    assert_references(
        trace_of_text("\xef\xbb\xbf 5\r\n9223372036854775807\r\n*\r\n\r\n0 \n7", TRACE_REFERENCES),
        "text", wanted, 4);
}

static void numbers_of_both_orders(void **state)
{
    (void)state;
    static const char little[] = "\x01\0\0\0\x02\0\0\0\x03\0\0\0";
    static const char big[] = "\0\0\0\x01\0\0\0\x02\0\0\0\x03";
    static const int64_t turned[] = {1 << 24, 2 << 24, 3 << 24};
    assert_references(trace_of_bytes("a", BYTES(little), TRACE_REFERENCES, NULL), "u32le", three,
                      3);
    assert_references(trace_of_bytes("a", BYTES(big), TRACE_REFERENCES, NULL), "u32be", three, 3);
    assert_references(trace_of_bytes("a", BYTES(big), TRACE_REFERENCES, "u32le"), "u32le", turned,
                      3);
    /* Nobody knows. */
    assert_refused(trace_of_bytes("a", BYTES("\x01\x07\0\0\x05\0\x09\0"), TRACE_REFERENCES, NULL),
                   "say --format if it is one of oracleGeneral, text, u32le, u32be");
    assert_refused(
        trace_of_bytes("a", BYTES("\x01\0\0\0\x02\0"), TRACE_REFERENCES, "u32le"),
        "it ends within a record of u32le, after 2 of its 4 bytes; --format says what else");
}

static void oracle_general(void **state)
{
    (void)state;
    static const char records[] = "\x05\0\0\0\xff\xff\xff\xff\xff\xff\xff\x7f\0\x02\0\0\x02\0\0\0\0"
                                  "\0\0\0"
                                  "\x05\0\0\0\x09\0\0\0\x01\0\0\0\0\x02\0\0\xff\xff\xff\xff\xff\xff"
                                  "\xff\xff";
    static const int64_t wanted[] = {INT64_MAX, 0x100000009};
    assert_references(trace_of_bytes("a", BYTES(records), TRACE_REFERENCES, NULL), "oracleGeneral",
                      wanted, 2);
    assert_refused(
        trace_of_bytes("a", (struct slice){records, 47}, TRACE_REFERENCES, "oracleGeneral"),
        "after 23 of its 24 bytes");
}

static const struct slice gz = SLICE("\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x33\xe4\x32\xe2\x32"
                                     "\xe6\x02\x00\xd8\x54\x5f\x77\x06\x00\x00\x00");
static const struct slice xz =
    SLICE("\xfd\x37\x7a\x58\x5a\x00\x00\x04\xe6\xd6\xb4\x46\x02\x00\x21\x01\x16\x00\x00\x00\x74\x2f"
          "\xe5\xa3\x01\x00\x05\x31\x0a\x32\x0a\x33\x0a\x00\x00\x00\xe3\xc1\xb1\x7e\x5b\xb8\x57\x4e"
          "\x00\x01\x1e\x06\xc1\x2f\xa4\x1d\x1f\xb6\xf3\x7d\x01\x00\x00\x00\x00\x04\x59\x5a");
static const struct slice bz2 =
    SLICE("\x42\x5a\x68\x39\x31\x41\x59\x26\x53\x59\x12\x5d\x9f\x8a\x00\x00\x01\xc8\x00\x00\x10\x38"
          "\x00\x20\x00\x21\x9a\x68\x33\x4d\x1c\xb7\x8b\xb9\x22\x9c\x28\x48\x09\x2e\xcf\xc5\x00");
/* A folder, and in it two files: "1\n2\n" and "3\n". */
static const struct slice zip = SLICE(
    "\x50\x4b\x03\x04\x14\x00\x00\x00\x00\x00\x00\x00\x21\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    "\x00\x00\x00\x02\x00\x00\x00\x61\x2f\x50\x4b\x03\x04\x14\x00\x00\x00\x08\x00\x00\x00\x21\x00"
    "\x61\x78\xe1\x69\x06\x00\x00\x00\x04\x00\x00\x00\x09\x00\x00\x00\x61\x2f\x6f\x6e\x65\x2e\x74"
    "\x78\x74\x33\xe4\x32\xe2\x02\x00\x50\x4b\x03\x04\x14\x00\x00\x00\x08\x00\x00\x00\x21\x00\xd1"
    "\x9e\x67\x55\x04\x00\x00\x00\x02\x00\x00\x00\x09\x00\x00\x00\x61\x2f\x74\x77\x6f\x2e\x74\x78"
    "\x74\x33\xe6\x02\x00\x50\x4b\x01\x02\x14\x03\x14\x00\x00\x00\x00\x00\x00\x00\x21\x00\x00\x00"
    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xed"
    "\x41\x00\x00\x00\x00\x61\x2f\x50\x4b\x01\x02\x14\x03\x14\x00\x00\x00\x08\x00\x00\x00\x21\x00"
    "\x61\x78\xe1\x69\x06\x00\x00\x00\x04\x00\x00\x00\x09\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    "\x00\x80\x01\x20\x00\x00\x00\x61\x2f\x6f\x6e\x65\x2e\x74\x78\x74\x50\x4b\x01\x02\x14\x03\x14"
    "\x00\x00\x00\x08\x00\x00\x00\x21\x00\xd1\x9e\x67\x55\x04\x00\x00\x00\x02\x00\x00\x00\x09\x00"
    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x01\x4d\x00\x00\x00\x61\x2f\x74\x77\x6f\x2e\x74"
    "\x78\x74\x50\x4b\x05\x06\x00\x00\x00\x00\x03\x00\x03\x00\x9e\x00\x00\x00\x78\x00\x00\x00\x00"
    "\x00");

static void compressed(void **state)
{
    (void)state;
    const struct slice files[] = {gz, xz, bz2, zip};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        assert_references(trace_of_bytes("a", files[i], TRACE_REFERENCES, NULL), "text", three, 3);
}

/* A file that breaks off anywhere, or has a byte turned, is refused or read: no more is asked. */
static void broken(void **state)
{
    (void)state;
    const struct slice files[] = {gz, xz, bz2, zip};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct slice half = {files[i].at, files[i].len * 2 / 3};
        char turned[512];
        memcpy(turned, files[i].at, files[i].len);
        turned[files[i].len / 2] ^= 0x55;
        struct trace *trace = trace_of_bytes("a", half, TRACE_REFERENCES, NULL);
        assert_true(trace || strstr(trace_why, "/a"));
        trace_free(trace);
        trace = trace_of_bytes("a", (struct slice){turned, files[i].len}, TRACE_REFERENCES, NULL);
        assert_true(trace || strstr(trace_why, "/a"));
        trace_free(trace);
    }
    assert_refused(trace_of_bytes("a", (struct slice){xz.at, 40}, TRACE_REFERENCES, NULL), "/a: ");
    assert_refused(trace_of_bytes("a", (struct slice){gz.at, 20}, TRACE_REFERENCES, NULL), "/a: ");
}

/* The digest is that of the file's bytes as they lie there: what sha256sum prints. */
static void digests(void **state)
{
    (void)state;
    struct trace *plain = trace_of_text("1\n2\n3\n", TRACE_REFERENCES);
    struct trace *packed = trace_of_bytes("a", gz, TRACE_REFERENCES, NULL);
    char one[TRACE_DIGEST_SIZE], two[TRACE_DIGEST_SIZE], turned[TRACE_DIGEST_SIZE];
    assert_non_null(plain);
    assert_non_null(packed);
    assert_string_equal(plain->digest,
                        "14c5e74c4b96ccef41cd94db73a9ec3348038ac094feca4fd897cecffa07cdae");
    assert_string_not_equal(plain->digest, packed->digest);
    const struct trace *both[] = {plain, packed, plain};
    assert_int_equal(trace_identity(both, 1, one), 0);
    assert_string_equal(one, plain->digest);
    assert_int_equal(trace_identity(both, 2, two), 0);
    assert_int_equal(trace_identity(both + 1, 2, turned), 0);
    assert_string_not_equal(two, one);
    assert_string_not_equal(two, turned);
    trace_free(plain);
    trace_free(packed);
}

static void bad_lines_are_named(void **state)
{
    (void)state;
    static const char wanted[] = "wanted the number of a block, below 2^63, or '*'";
    static const struct {
        const char *text, *said;
    } bad[] = {
        {"1\n2\nthree\n", "/made:3: found 'three', "},
        {"1\n-2\n", "/made:2: found '-2', "},
        {"1\n\n2 3\n", "/made:3: found '2 3', "},
        {"1\n* 3\n", "/made:2: found '* 3', "},
        {"1\n9223372036854775808\n", "/made:2: found '9223372036854775808', "},
        {"1\n1.0\n", "/made:2: found '1.0', "},
        {"1\n\x1b[2J\xff\n", "/made:2: found '\\x1b[2J\\xff', "},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_refused(trace_of_bytes("made", slice_of(bad[i].text), TRACE_REFERENCES, "text"),
                       bad[i].said);
        assert_non_null(strstr(trace_why, wanted));
    }
    assert_refused(trace_of_text("", TRACE_REFERENCES), "it is empty");
    assert_refused(trace_of_text("*\n\n", TRACE_REFERENCES), "there are no references in it");
    assert_refused(trace_of_bytes("a", BYTES("1\n"), TRACE_REFERENCES, "json"),
                   "'json' is no format of references; they are oracleGeneral, text");
    assert_refused(trace_of_text("hello", TRACE_REFERENCES), "looks like no trace of references");
}

static void a_line_without_end(void **state)
{
    (void)state;
    size_t size = 200000;
    char *bytes = malloc(size);
    memset(bytes, '7', size);
    assert_refused(trace_of_bytes("a", (struct slice){bytes, size}, TRACE_REFERENCES, NULL),
                   "wanted a line of fewer than 65536 bytes");
    /* Lines lie across the ends of the buffer. */
    for (size_t i = 0; i < size; i++)
        bytes[i] = i % 7 == 6 ? '\n' : '7';
    struct trace *trace = trace_of_bytes("a", (struct slice){bytes, size}, TRACE_REFERENCES, NULL);
    assert_non_null(trace);
    assert_int_equal(trace->count, (size + 6) / 7);
    for (size_t i = 0; i < size / 7; i++)
        assert_int_equal(trace->values[i], 777777);
    trace_free(trace);
    free(bytes);
}

static void what_is_no_file(void **state)
{
    (void)state;
    char folder[OWN_FOLDER_SIZE], path[OWN_FOLDER_SIZE + 8];
    assert_int_equal(own_folder_make(folder), 0);
    snprintf(path, sizeof path, "%s/fifo", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_refused(trace_read(path, TRACE_REFERENCES, NULL, trace_why), "/fifo: it is no regular");
    unlink(path);
    assert_refused(trace_read(path, TRACE_REFERENCES, NULL, trace_why), "No such file");
    assert_refused(trace_read(folder, TRACE_REFERENCES, NULL, trace_why), "it is a directory");
    assert_refused(trace_read("/dev/zero", TRACE_REFERENCES, NULL, trace_why), "no regular file");
    /* A claim of 10 GiB costs nothing. */
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && ftruncate(fd, (off_t)10 << 30) == 0);
    close(fd);
    assert_refused(trace_read(path, TRACE_REFERENCES, "u32le", trace_why), "more than 8 GiB");
    unlink(path);
    rmdir(folder);
}

/* All of it in memory would be more than there may be. */
static void more_records_than_fit(void **state)
{
    (void)state;
    char folder[OWN_FOLDER_SIZE], path[OWN_FOLDER_SIZE + 8];
    assert_int_equal(own_folder_make(folder), 0);
    snprintf(path, sizeof path, "%s/zeros", folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && ftruncate(fd, (off_t)(4 * TRACE_VALUES_MAX + 4)) == 0);
    close(fd);
    assert_refused(trace_read(path, TRACE_REFERENCES, "u32le", trace_why),
                   "it has more than 33554432 references; give a part of it");
    unlink(path);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_with_marks),
        cmocka_unit_test(numbers_of_both_orders),
        cmocka_unit_test(oracle_general),
        cmocka_unit_test(compressed),
        cmocka_unit_test(broken),
        cmocka_unit_test(digests),
        cmocka_unit_test(bad_lines_are_named),
        cmocka_unit_test(a_line_without_end),
        cmocka_unit_test(what_is_no_file),
        cmocka_unit_test(more_records_than_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
