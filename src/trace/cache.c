/* Traces of caches: which block was asked for, and nothing else. */
#include "trace/cache.h"

#include <string.h>

/* ── text: a number a line; "*" is a mark of the LIRS paper's, and no reference ── */

bool cache_text_fits(struct slice beginning, bool whole)
{
    static const struct slice used = SLICE("0123456789* \t\r\n");
    (void)whole;
    beginning = without_mark(beginning);
    for (size_t i = 0; i < beginning.len && i < 64; i++)
        if (!memchr(used.at, beginning.at[i], used.len))
            return false;
    return beginning.len > 0;
}

int cache_text_read(struct reading *reading)
{
    struct slice line;
    int more;
    while ((more = reading_line(reading, &line)) > 0) {
        int64_t block;
        struct slice rest = line, word = word_take(&rest);
        if (word.len == 0 || (slice_is(word, "*") && word_take(&rest).len == 0))
            continue;
        if (!number_of(word, &block) || block < 0 || word_take(&rest).len > 0)
            return reading_wrong(reading, line, "the number of a block, below 2^63, or '*'");
        if (reading_add(reading, &block) < 0)
            return -1;
    }
    return more;
}

/* ── u32le, u32be: four bytes a block ── */

static uint32_t little(const void *bytes)
{
    const unsigned char *at = bytes;
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint32_t big(const void *bytes)
{
    return __builtin_bswap32(little(bytes));
}

/* In how many places the number of a block follows that of the one before: so often do programs
 * read on that in the wrong byte order it hardly ever happens. */
static size_t followers(struct slice beginning, uint32_t (*number)(const void *bytes))
{
    size_t count = 0;
    for (size_t i = 0; i + 8 <= beginning.len; i += 4)
        count += number(beginning.at + i) + 1 == number(beginning.at + i + 4);
    return count;
}

static bool binary_fits(struct slice beginning, bool whole)
{
    return beginning.len >= 4 && (!whole || beginning.len % 4 == 0);
}

bool cache_u32le_fits(struct slice beginning, bool whole)
{
    return binary_fits(beginning, whole) &&
           followers(beginning, little) > followers(beginning, big);
}

bool cache_u32be_fits(struct slice beginning, bool whole)
{
    return binary_fits(beginning, whole) &&
           followers(beginning, big) > followers(beginning, little);
}

static int read_numbers(struct reading *reading, uint32_t (*number)(const void *bytes))
{
    unsigned char bytes[4];
    int more;
    while ((more = reading_bytes(reading, bytes, sizeof bytes)) > 0)
        if (reading_add(reading, &(int64_t){number(bytes)}) < 0)
            return -1;
    return more;
}

int cache_u32le_read(struct reading *reading)
{
    return read_numbers(reading, little);
}

int cache_u32be_read(struct reading *reading)
{
    return read_numbers(reading, big);
}

/* ── oracleGeneral, of libCacheSim: 24 bytes, little-endian: u32 time, u64 block, u32 size, i64
 * when it is asked for again (-1: never) ── */

enum { ORACLE_SIZE = 24 };

static uint64_t little64(const void *bytes)
{
    return little(bytes) | (uint64_t)little((const char *)bytes + 4) << 32;
}

/* Times that never go back, and next accesses that lie ahead: 32 records of anything else are never
 * like that. */
bool cache_oracle_fits(struct slice beginning, bool whole)
{
    size_t records = beginning.len / ORACLE_SIZE;
    uint32_t before = 0;
    if (records == 0 || (whole && beginning.len % ORACLE_SIZE != 0))
        return false;
    for (size_t i = 0; i < records && i < 32; i++) {
        const char *record = beginning.at + i * ORACLE_SIZE;
        int64_t again = (int64_t)little64(record + 16);
        if (little(record) < before || again < -1 || (again >= 0 && (uint64_t)again <= i) ||
            again > (int64_t)1 << 40)
            return false;
        before = little(record);
    }
    return true;
}

int cache_oracle_read(struct reading *reading)
{
    unsigned char bytes[ORACLE_SIZE];
    int more;
    while ((more = reading_bytes(reading, bytes, sizeof bytes)) > 0)
        if (reading_add(reading, &(int64_t){(int64_t)little64(bytes + 4)}) < 0)
            return -1;
    return more;
}
