/* Every entry and row of the database held against its checksum, also those below a checkpoint,
 * which a recovery does not read. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "store/inside.h"

struct checking {
    const struct store_damage *damage;
    struct store_counts *counts;
};

bool store_exists(const char *directory)
{
    char path[4096];
    return snprintf(path, sizeof path, "%s/hub.db", directory) < (int)sizeof path &&
           access(path, F_OK) == 0;
}

static void damaged(const struct checking *checking, struct slice room, const char *what,
                    uint64_t number)
{
    checking->counts->damaged++;
    checking->damage->found(checking->damage->ctx, room, what, number);
}

static void check_entry(const struct checking *checking, sqlite3_stmt *statement)
{
    struct slice room = column_slice(statement, ENTRY_COLUMNS);
    struct entry entry = column_entry(statement);
    checking->counts->entries++;
    if (sqlite3_column_type(statement, ENTRY_COLUMNS) == SQLITE_NULL)
        damaged(checking, room, "of a room that is not there: entry", entry.seq);
    else if (!entry_is_whole(room, &entry, statement))
        damaged(checking, room, "entry", entry.seq);
}

static void check_row(const struct checking *checking, sqlite3_stmt *statement)
{
    struct slice room = column_slice(statement, ROW_COLUMNS);
    struct row row = column_row(statement);
    /* the place among the room's rows, in the order in which a recovery reads them */
    uint64_t number = (uint64_t)sqlite3_column_int64(statement, ROW_COLUMNS + 1);
    checking->counts->rows++;
    if (sqlite3_column_type(statement, ROW_COLUMNS) == SQLITE_NULL)
        damaged(checking, room, "of a room that is not there: row", number);
    else if (!row_is_whole(room, &row, statement))
        damaged(checking, room, "row", number);
}

static void check_room(const struct checking *checking, sqlite3_stmt *statement)
{
    (void)statement;
    checking->counts->rooms++;
}

static void count_messages(const struct checking *checking, sqlite3_stmt *statement)
{
    checking->counts->messages = (uint64_t)sqlite3_column_int64(statement, 0);
}

int store_check(struct store *store, const struct store_damage *damage,
                struct store_counts *ret_counts, char ret_why[STORE_WHY_SIZE])
{
    static const struct {
        const char *sql;
        void (*each)(const struct checking *checking, sqlite3_stmt *statement);
    } readings[] = {
        {"SELECT id FROM rooms", check_room},
        {"SELECT " ROW_COLUMN_NAMES ", name, row_number() OVER (PARTITION BY room ORDER BY kind,"
         " key) FROM state LEFT JOIN rooms ON rooms.id = room ORDER BY room, kind, key",
         check_row},
        {"SELECT " ENTRY_COLUMN_NAMES ", name FROM entries LEFT JOIN rooms"
         " ON rooms.id = entries.id >> 44 ORDER BY entries.id",
         check_entry},
        {"SELECT count(*) FROM messages", count_messages},
    };
    _Static_assert(ID_SEQ_BITS == 44, "as the text above says");
    struct checking checking = {damage, ret_counts};
    *ret_counts = (struct store_counts){0};
    for (size_t i = 0; i < sizeof readings / sizeof *readings; i++) {
        sqlite3_stmt *statement;
        int result =
            sqlite3_prepare_v2(store->database.handle, readings[i].sql, -1, &statement, NULL);
        while (result == SQLITE_OK || result == SQLITE_ROW) {
            result = sqlite3_step(statement);
            if (result == SQLITE_ROW)
                readings[i].each(&checking, statement);
        }
        if (result != SQLITE_DONE)
            snprintf(ret_why, STORE_WHY_SIZE, "%s", sqlite3_errmsg(store->database.handle));
        sqlite3_finalize(statement);
        if (result != SQLITE_DONE)
            return -1;
    }
    return 0;
}
