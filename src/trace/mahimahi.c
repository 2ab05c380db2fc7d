/* Mahimahi's traces of a link: a line is the millisecond in which 1500 bytes could be delivered;
 * after the last one it begins again. */
#include "trace/mahimahi.h"

enum { LAST_MS = 1 << 30 };

bool mahimahi_fits(struct slice beginning, bool whole)
{
    static const struct slice used = SLICE("0123456789\r\n");
    (void)whole;
    for (size_t i = 0; i < beginning.len && i < 64; i++)
        if (!memchr(used.at, beginning.at[i], used.len))
            return false;
    return beginning.len > 0;
}

int mahimahi_read(struct reading *reading)
{
    struct slice line;
    int64_t before = 0;
    int more;
    while ((more = reading_line(reading, &line)) > 0) {
        int64_t ms;
        if (!number_of(line, &ms) || ms < before || ms > LAST_MS)
            return reading_wrong(reading, line,
                                 "a whole number of milliseconds up to 1073741824, not before "
                                 "the line before");
        if (reading_add(reading, &(int64_t){ms * 1000}) < 0)
            return -1;
        before = ms;
    }
    return more;
}
