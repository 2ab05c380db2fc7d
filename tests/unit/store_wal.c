/* What in a write-ahead log is damage, and what a crash leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/inside.h"
#include "tests/unit/own_folder.h"

#define HEADER 32u
#define FRAME  (24u + 4096u)

/* A log that is being written. */
struct sheet {
    char folder[OWN_FOLDER_SIZE];
    int directory;
    uint8_t bytes[HEADER + 16 * FRAME];
    size_t len;
    uint32_t sum[2], salt;
};

static void put(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void add(struct sheet *sheet, const uint8_t *at, size_t len)
{
    for (size_t i = 0; i < len; i += 8) {
        uint32_t word[2];
        memcpy(word, at + i, sizeof word);
        sheet->sum[0] += le32toh(word[0]) + sheet->sum[1];
        sheet->sum[1] += le32toh(word[1]) + sheet->sum[0];
    }
}

/* A generation begins, over what is there. */
static void begin(struct sheet *sheet, uint32_t salt)
{
    uint8_t *header = sheet->bytes;
    put(header, 0x377f0682);
    put(header + 4, 3007000);
    put(header + 8, 4096);
    put(header + 16, salt);
    put(header + 20, ~salt);
    sheet->sum[0] = sheet->sum[1] = 0;
    sheet->salt = salt;
    add(sheet, header, 24);
    put(header + 24, sheet->sum[0]);
    put(header + 28, sheet->sum[1]);
    sheet->len = HEADER;
}

/* pages: of the database, when the frame ends a transaction. */
static void frame(struct sheet *sheet, uint32_t page, uint32_t pages)
{
    uint8_t *at = sheet->bytes + sheet->len;
    assert_true(sheet->len + FRAME <= sizeof sheet->bytes);
    put(at, page);
    put(at + 4, pages);
    put(at + 8, sheet->salt);
    put(at + 12, ~sheet->salt);
    memset(at + 24, (int)page + 1, 4096);
    add(sheet, at, 8);
    add(sheet, at + 24, 4096);
    put(at + 16, sheet->sum[0]);
    put(at + 20, sheet->sum[1]);
    sheet->len += FRAME;
}

/* Two frames, of which the second ends it. */
static void transaction(struct sheet *sheet)
{
    frame(sheet, 1, 0);
    frame(sheet, 2, 3);
}

static bool is_damaged(const struct sheet *sheet, size_t len)
{
    int file = openat(sheet->directory, "log", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(write(file, sheet->bytes, len), len);
    close(file);
    return wal_damaged(sheet->directory, "log");
}

static int make(void **state)
{
    static struct sheet sheet;
    memset(&sheet, 0, sizeof sheet);
    own_folder_make(sheet.folder);
    sheet.directory = open(sheet.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = &sheet;
    return sheet.directory < 0 ? -1 : 0;
}

static int clear(void **state)
{
    const struct sheet *sheet = *state;
    unlinkat(sheet->directory, "log", 0);
    close(sheet->directory);
    return rmdir(sheet->folder);
}

static void test_what_a_crash_leaves_is_no_damage(void **state)
{
    struct sheet *sheet = *state;
    assert_false(wal_damaged(sheet->directory, "log"));
    assert_false(is_damaged(sheet, 0));
    assert_false(is_damaged(sheet, sizeof sheet->bytes)); /* nothing but zeros */
    begin(sheet, 7);
    for (int i = 0; i < 3; i++)
        transaction(sheet);
    frame(sheet, 1, 0);
    for (size_t len = 0; len <= sheet->len; len += 515) /* however far it came */
        assert_false(is_damaged(sheet, len));
}

static void test_an_unfinished_transaction_below_a_shorter_one_is_no_damage(void **state)
{
    struct sheet *sheet = *state;
    begin(sheet, 7);
    transaction(sheet);
    size_t len = sheet->len;
    const uint32_t sum[2] = {sheet->sum[0], sheet->sum[1]};
    for (int i = 0; i < 8; i++) /* of which nobody was told, and the hub was killed */
        frame(sheet, 3, 0);
    size_t all = sheet->len;
    sheet->len = len;
    memcpy(sheet->sum, sum, sizeof sum);
    transaction(sheet);
    assert_false(is_damaged(sheet, all));
}

static void test_an_earlier_generation_behind_this_one_is_no_damage(void **state)
{
    struct sheet *sheet = *state;
    begin(sheet, 7);
    for (int i = 0; i < 4; i++)
        transaction(sheet);
    size_t all = sheet->len;
    begin(sheet, 8);
    assert_false(is_damaged(sheet, all));
    transaction(sheet);
    assert_false(is_damaged(sheet, all));
}

/* Where a transaction that was on disk stands behind it. */
static void test_any_flipped_bit_is_damage(void **state)
{
    struct sheet *sheet = *state;
    begin(sheet, 7);
    for (int i = 0; i < 3; i++)
        transaction(sheet);
    assert_false(is_damaged(sheet, sheet->len));
    for (size_t at = 0; at < HEADER + 4 * FRAME; at += at < HEADER + 2 * FRAME ? 1 : 97) {
        if (at >= HEADER + 24 && (at - HEADER) % FRAME >= 48)
            at += 60; /* in a page they are all alike */
        sheet->bytes[at] ^= 1 << at % 8;
        bool damaged = is_damaged(sheet, sheet->len);
        sheet->bytes[at] ^= 1 << at % 8;
        if (!damaged)
            fail_msg("byte %zu", at);
    }
}

static void test_what_is_mended_is_whole(void **state)
{
    struct sheet *sheet = *state;
    bool all;
    begin(sheet, 7);
    for (int i = 0; i < 3; i++)
        transaction(sheet);
    for (size_t at = 3; at < HEADER + 4 * FRAME; at += 371) {
        sheet->bytes[at] ^= 4;
        is_damaged(sheet, sheet->len);
        sheet->bytes[at] ^= 4;
        assert_int_equal(wal_mend(sheet->directory, "log", "mended", &all), 0);
        assert_true(all || (at - HEADER) % FRAME < 24);
        assert_false(wal_damaged(sheet->directory, "mended"));
        struct stat mended;
        fstatat(sheet->directory, "mended", &mended, 0);
        assert_int_equal(mended.st_size, sheet->len - (all ? 0 : FRAME));
        unlinkat(sheet->directory, "mended", 0);
    }
}

#define LOG_TEST(name) cmocka_unit_test_setup_teardown(name, make, clear)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(test_what_a_crash_leaves_is_no_damage),
        LOG_TEST(test_an_unfinished_transaction_below_a_shorter_one_is_no_damage),
        LOG_TEST(test_an_earlier_generation_behind_this_one_is_no_damage),
        LOG_TEST(test_any_flipped_bit_is_damage),
        LOG_TEST(test_what_is_mended_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
