/* ADFA-LD's archive: small ones in its format, made here, and what is wrong with others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "trace_fixture.h"

/* ── a zip archive whose files are stored as they are ── */

enum { ZIP_SIZE = 8192 };
struct zip {
    char at[ZIP_SIZE];
    size_t length;
};

static void put(struct zip *zip, uint64_t number, int bytes)
{
    for (int i = 0; i < bytes; i++)
        zip->at[zip->length++] = (char)(number >> 8 * i);
}

static uint32_t crc32_of(const char *text)
{
    uint32_t crc = UINT32_MAX;
    for (; *text; text++) {
        crc ^= (unsigned char)*text;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

/* From the version that is needed to the length of the name, which both headers have alike. */
static void put_file(struct zip *zip, const char *path, const char *text)
{
    put(zip, 20, 2);
    put(zip, 0, 2 + 2 + 2);
    put(zip, 0x21, 2);
    put(zip, crc32_of(text), 4);
    put(zip, (uint32_t)strlen(text), 4);
    put(zip, (uint32_t)strlen(text), 4);
    put(zip, (uint32_t)strlen(path), 2);
}

struct file {
    const char *path, *text;
};

static void zip_files(struct zip *zip, const struct file *files, size_t count)
{
    uint32_t places[16];
    zip->length = 0;
    for (size_t i = 0; i < count; i++) {
        places[i] = (uint32_t)zip->length;
        put(zip, 0x04034b50, 4);
        put_file(zip, files[i].path, files[i].text);
        put(zip, 0, 2);
        memcpy(&zip->at[zip->length], files[i].path, strlen(files[i].path));
        zip->length += strlen(files[i].path);
        memcpy(&zip->at[zip->length], files[i].text, strlen(files[i].text));
        zip->length += strlen(files[i].text);
    }
    uint32_t directory = (uint32_t)zip->length;
    for (size_t i = 0; i < count; i++) {
        put(zip, 0x02014b50, 4);
        put(zip, 20, 2);
        put_file(zip, files[i].path, files[i].text);
        put(zip, 0, 4);
        put(zip, 0, 4);
        put(zip, 0, 4);
        put(zip, places[i], 4);
        memcpy(&zip->at[zip->length], files[i].path, strlen(files[i].path));
        zip->length += strlen(files[i].path);
    }
    uint32_t end = (uint32_t)zip->length;
    put(zip, 0x06054b50, 4);
    put(zip, 0, 4);
    put(zip, (uint32_t)count, 2);
    put(zip, (uint32_t)count, 2);
    put(zip, end - directory, 4);
    put(zip, directory, 4);
    put(zip, 0, 2);
}

static struct trace *trace_of_files(const struct file *files, size_t count)
{
    struct zip zip;
    zip_files(&zip, files, count);
    return trace_of_bytes("made.zip", (struct slice){zip.at, zip.length}, TRACE_CALLS, NULL);
}

#define TRAINING   "ADFA-LD/Training_Data_Master/"
#define VALIDATION "ADFA-LD/Validation_Data_Master/"
#define ATTACK     "ADFA-LD/Attack_Data_Master/"

static const struct file whole[] = {
    {TRAINING "UTD-0001.txt", "6 6 63 265 "},      {VALIDATION "UVD-0001.txt", "6\n63\t3\r\n"},
    {ATTACK "Adduser_1/UAD-1.txt", "11"},          {ATTACK "Adduser_1/UAD-2.txt", ""},
    {"ADFA-LD/ADFA-LD+Syscall+List.txt", "#if 0"}, {VALIDATION "UVD-0002.txt", "4294967295 0"},
    {ATTACK "Web_Shell_2/UAD-3.txt", "168 168"},
};
enum { WHOLE = sizeof whole / sizeof *whole };

static void sequences(void **state)
{
    (void)state;
    enum { T = TRACE_CALLS_TRAINING, N = TRACE_CALLS_NORMAL, A = TRACE_CALLS_ATTACK };
    static const int64_t wanted[][3] = {{0, T, 6},          {0, T, 6},  {0, T, 63},  {0, T, 265},
                                        {1, N, 6},          {1, N, 63}, {1, N, 3},   {2, A, 11},
                                        {3, N, 4294967295}, {3, N, 0},  {4, A, 168}, {4, A, 168}};
    struct trace *trace = trace_of_files(whole, WHOLE);
    if (!trace) {
        print_error("%s\n", trace_why);
        abort();
    }
    assert_string_equal(trace->format, "ADFA-LD");
    assert_int_equal(trace->count, sizeof wanted / sizeof *wanted);
    assert_memory_equal(trace->values, wanted, sizeof wanted);
    trace_free(trace);
}

static void assert_refused(struct trace *trace, const char *why)
{
    assert_null(trace);
    if (!strstr(trace_why, why))
        fail_msg("%s", trace_why);
}

static void assert_refused_with(size_t which, const char *text, const char *why)
{
    struct file files[WHOLE];
    memcpy(files, whole, sizeof files);
    files[which].text = text;
    assert_refused(trace_of_files(files, WHOLE), why);
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    assert_refused_with(1, "6 63\n3 x\n", "UVD-0001.txt");
    assert_refused_with(1, "6 63\n3 x\n", ":2: found 'x', wanted the number of a system call");
    assert_refused_with(2, "11 -1", "found '-1', wanted the number of a system call");
    assert_refused_with(2, "4294967296", "found '4294967296'");
    assert_refused_with(0, " \n", "found 0 sequences in Training_Data_Master/, wanted 1 or more");
    assert_refused_with(1, "", "found 1 sequences in Validation_Data_Master/, wanted 2 or more");
    assert_refused_with(6, "", "found 1 sequences in Attack_Data_Master/, wanted 2 or more");
    assert_refused(trace_of_text("6 6 63\n", TRACE_CALLS), "there are no system calls in it");
    assert_refused(trace_of_text("<html>", TRACE_CALLS), "say --format if it is one of ADFA-LD");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sequences),
        cmocka_unit_test(what_is_wrong_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
