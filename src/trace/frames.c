/* Traces of frames: how long each took, as it was seen from outside. */
#include "trace/frames.h"

#include <string.h>

/* ── PresentMon: CSV with a header, as CapFrameX and OCAT write it too; lines that begin with "//"
 * are remarks ── */

#define COLUMN "MsBetweenPresents"

enum { LONGEST_US = 3600000000 }; /* an hour */

/* Takes the next field of a line of CSV, without its quotes; of one with quotes in it, which are
 * doubled, what stands before the first: those are names. */
static struct slice csv_take(struct slice *rest)
{
    if (rest->len == 0 || *rest->at != '"')
        return field_take(rest, ',');
    *rest = (struct slice){rest->at + 1, rest->len - 1};
    struct slice field = field_take(rest, '"');
    while (rest->len > 0 && *rest->at == '"') {
        *rest = (struct slice){rest->at + 1, rest->len - 1};
        field_take(rest, '"');
    }
    field_take(rest, ',');
    return field;
}

static bool is_column(struct slice field)
{
    /* PresentMon's versions write it with an M or an m. */
    return field.len == sizeof COLUMN - 1 && (*field.at | 32) == 'm' &&
           memcmp(field.at + 1, &COLUMN[1], field.len - 1) == 0;
}

/* Which field of this header it is, from 0; -1: none. */
static int column_of(struct slice header)
{
    for (int column = 0; header.len > 0; column++)
        if (is_column(csv_take(&header)))
            return column;
    return -1;
}

static bool is_remark(struct slice line)
{
    return line.len == 0 || (line.len >= 2 && line.at[0] == '/' && line.at[1] == '/');
}

bool frames_presentmon_fits(struct slice beginning, bool whole)
{
    (void)whole;
    beginning = without_mark(beginning);
    while (beginning.len > 0) {
        struct slice line = first_line(beginning);
        if (!is_remark(line))
            return column_of(line) >= 0;
        field_take(&beginning, '\n');
    }
    return false;
}

int frames_presentmon_read(struct reading *reading)
{
    struct slice line;
    int column = -1, more;
    while ((more = reading_line(reading, &line)) > 0) {
        if (is_remark(line))
            continue;
        if (column < 0) {
            column = column_of(line);
            if (column < 0)
                return reading_wrong(reading, line, "a header with " COLUMN);
            continue;
        }
        struct slice rest = line, field = {0};
        for (int i = 0; i <= column; i++)
            field = csv_take(&rest);
        int64_t took;
        if (!decimal_of(field, 3, &took) || took < 0 || took > LONGEST_US)
            return reading_wrong(reading, field, COLUMN " as milliseconds up to 3600000");
        if (reading_add(reading, &took) < 0)
            return -1;
    }
    return more;
}
