/* Reading back what was kept for those who were not there, a page at a time: so many rows are
 * looked at, so many bytes gathered, and then it is somebody else's turn. */
#include <inttypes.h>

#include "store/inside.h"

#define PAGE_BYTES_MAX (256u << 10)
#define PAGE_ROWS_MAX  4000u

/* Names stand one behind the other, each with a line end, which no id can hold. */
static bool names_hold(struct slice names, struct slice ai_id)
{
    while (names.len) {
        const char *end = memchr(names.at, '\n', names.len);
        size_t len = end ? (size_t)(end - names.at) : names.len;
        if (slice_equal((struct slice){names.at, len}, ai_id))
            return true;
        len += end != NULL;
        names = (struct slice){names.at + len, names.len - len};
    }
    return false;
}

/* Was it for this AI? */
static bool row_is_for(sqlite3_stmt *row, const struct store_wish *wish)
{
    enum audience audience = (enum audience)sqlite3_column_int(row, 3);
    bool observed = sqlite3_column_int(row, 4);
    if (sqlite3_column_int(row, 2) > wish->level || slice_equal(column_slice(row, 5), wish->ai_id))
        return false;
    return audience == AUDIENCE_ROOM || (observed && wish->observer) ||
           names_hold(column_slice(row, 6), wish->ai_id);
}

static void add_line(sqlite3_stmt *row, uint64_t seq, int level, struct text *lines)
{
    text_add(lines, column_slice(row, 7));
    if (level == 1)
        text_add_literal(lines, "}\n");
    else
        text_addf(lines, ",\"seq\":%" PRIu64 "}\n", seq);
}

static uint64_t read_trimmed(struct database *database, int64_t room)
{
    sqlite3_stmt *step = database->statements[STATEMENT_TRIMMED];
    sqlite3_bind_int64(step, 1, room);
    uint64_t trimmed =
        sqlite3_step(step) == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(step, 0) : 0;
    sqlite3_reset(step);
    return trimmed;
}

void reading_run(struct database *database, struct reading *reading)
{
    const struct store_wish *wish = &reading->wish;
    struct store_page *page = &reading->page;
    int64_t first = entry_id(reading->log->id, 0);
    sqlite3_stmt *row = database->statements[STATEMENT_READ];
    unsigned rows = 0;
    *page = (struct store_page){.reader = wish->reader,
                                .upto = wish->after,
                                .number = wish->number,
                                .trimmed = read_trimmed(database, reading->log->id)};
    sqlite3_bind_int64(row, 1, first + (int64_t)wish->after);
    sqlite3_bind_int64(row, 2, wish->number);
    sqlite3_bind_int64(row, 3, first + (int64_t)wish->until);
    while (rows++ < PAGE_ROWS_MAX && reading->lines.len < PAGE_BYTES_MAX) {
        if (sqlite3_step(row) != SQLITE_ROW) {
            page->whole = true;
            page->upto = wish->until;
            page->number = UINT32_MAX;
            break;
        }
        page->upto = (uint64_t)(sqlite3_column_int64(row, 0) - first);
        page->number = (uint32_t)sqlite3_column_int64(row, 1);
        if (row_is_for(row, wish))
            add_line(row, page->upto, wish->level, &reading->lines);
    }
    sqlite3_reset(row);
}
