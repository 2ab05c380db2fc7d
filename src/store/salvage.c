/* What is whole of a damaged database, copied into a new one. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "store/inside.h"

struct salvaging {
    struct database *from, *to;
    const struct store_damage *damage;
    uint64_t *left_out;
};

/* Of a row of the old database: is it to be copied? */
typedef bool (*is_wanted)(const struct salvaging *salvaging, sqlite3_stmt *row);

static void leave_out(const struct salvaging *salvaging, struct slice room, const char *what,
                      uint64_t number)
{
    ++*salvaging->left_out;
    salvaging->damage->found(salvaging->damage->ctx, room, what, number);
}

/* Who missed what is left out is told so: the past up to there is not kept any more. */
static void note_gap(const struct salvaging *salvaging, sqlite3_stmt *row, uint64_t seq)
{
    sqlite3_stmt *step;
    if (sqlite3_prepare_v2(salvaging->to->handle,
                           "UPDATE rooms SET trimmed = max(trimmed, ?2) WHERE id = ?1", -1, &step,
                           NULL) != SQLITE_OK)
        return;
    sqlite3_bind_int64(step, 1, sqlite3_column_int64(row, 0) >> ID_SEQ_BITS);
    sqlite3_bind_int64(step, 2, (int64_t)seq);
    sqlite3_step(step);
    sqlite3_finalize(step);
}

static bool entry_is_wanted(const struct salvaging *salvaging, sqlite3_stmt *row)
{
    struct slice room = column_slice(row, ENTRY_COLUMNS);
    struct entry entry = column_entry(row);
    bool wanted =
        sqlite3_column_type(row, ENTRY_COLUMNS) != SQLITE_NULL && entry_is_whole(room, &entry, row);
    if (!wanted) {
        leave_out(salvaging, room, "entry", entry.seq);
        note_gap(salvaging, row, entry.seq);
    }
    return wanted;
}

static bool row_is_wanted(const struct salvaging *salvaging, sqlite3_stmt *statement)
{
    struct slice room = column_slice(statement, ROW_COLUMNS);
    struct row row = column_row(statement);
    bool wanted = sqlite3_column_type(statement, ROW_COLUMNS) != SQLITE_NULL &&
                  row_is_whole(room, &row, statement);
    if (!wanted)
        leave_out(salvaging, room, "row",
                  (uint64_t)sqlite3_column_int64(statement, ROW_COLUMNS + 1));
    return wanted;
}

static const struct part {
    const char *what, *select, *insert;
    int columns[8];      /* of the select, in the order of the insert's parameters; ended by -1 */
    is_wanted is_wanted; /* NULL: every row */
} parts[] = {
    {"meta",
     /* of a seq that is none, one above all that there can have been */
     "SELECT name, CASE WHEN name = 'let_go' AND CAST(CAST(value AS TEXT) AS INTEGER)"
     " NOT BETWEEN 0 AND (1 << 44) - 1 THEN CAST(printf('%020d', 1 << 43) AS BLOB) ELSE value END"
     " FROM meta WHERE name <> 'probe'",
     "INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)",
     {0, 1, -1},
     NULL},
    {"rooms",
     "SELECT id, name, trimmed FROM rooms",
     "INSERT OR IGNORE INTO rooms (id, name, trimmed) VALUES (?1, ?2, ?3)",
     {0, 1, 2, -1},
     NULL},
    {"state",
     "SELECT " ROW_COLUMN_NAMES ", name, row_number() OVER (PARTITION BY room ORDER BY kind, key),"
     " room FROM state LEFT JOIN rooms ON rooms.id = room ORDER BY room, kind, key",
     "INSERT OR IGNORE INTO state (kind, key, bytes, checksum, room) VALUES (?1, ?2, ?3, ?4, ?5)",
     {0, 1, 2, 3, 6, -1},
     row_is_wanted},
    {"entries",
     "SELECT " ENTRY_COLUMN_NAMES ", name FROM entries LEFT JOIN rooms"
     " ON rooms.id = entries.id >> 44 ORDER BY entries.id",
     "INSERT OR IGNORE INTO entries (id, time, peer, takes_over, kind, bytes, checksum)"
     " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
     {0, 1, 2, 3, 4, 5, 6, -1},
     entry_is_wanted},
    {"messages",
     "SELECT id, number, level, audience, observed, but, names, line FROM messages",
     "INSERT OR IGNORE INTO messages (id, number, level, audience, observed, but, names, line)"
     " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
     {0, 1, 2, 3, 4, 5, 6, 7},
     NULL},
};

static int copy_row(sqlite3_stmt *from, sqlite3_stmt *to, const struct part *part)
{
    for (int i = 0; i < 8 && part->columns[i] >= 0; i++)
        sqlite3_bind_value(to, i + 1, sqlite3_column_value(from, part->columns[i]));
    int result = sqlite3_step(to);
    sqlite3_reset(to);
    return result == SQLITE_DONE ? 0 : -1;
}

/* 0, or -1 when the new database can't be written. Where the old one can't be read any further, the
 * rest of the part is left out, and that is said. */
static int copy_part(const struct salvaging *salvaging, const struct part *part)
{
    sqlite3_stmt *from = NULL, *to = NULL;
    int error = 0;
    int result = sqlite3_prepare_v2(salvaging->from->handle, part->select, -1, &from, NULL);
    if (sqlite3_prepare_v2(salvaging->to->handle, part->insert, -1, &to, NULL) != SQLITE_OK)
        error = -1;
    while (error == 0 && (result == SQLITE_OK || result == SQLITE_ROW)) {
        result = sqlite3_step(from);
        if (result == SQLITE_ROW && (!part->is_wanted || part->is_wanted(salvaging, from)))
            error = copy_row(from, to, part);
    }
    if (error == 0 && result != SQLITE_DONE)
        leave_out(salvaging, slice_of(""), part->what, 0);
    sqlite3_finalize(from);
    sqlite3_finalize(to);
    return error;
}

static int execute(struct database *database, const char *sql)
{
    return sqlite3_exec(database->handle, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : -1;
}

int store_salvage(struct store *store, const char *directory, const struct store_damage *damage,
                  uint64_t *ret_left_out, char ret_why[STORE_WHY_SIZE])
{
    struct database to = {.directory = -1, .lock = -1};
    struct salvaging salvaging = {&store->database, &to, damage, ret_left_out};
    *ret_left_out = 0;
    if (store_exists(directory)) {
        snprintf(ret_why, STORE_WHY_SIZE, "%s: %s", directory, strerror(EEXIST));
        return -1;
    }
    int error = database_open(&to, directory, STORE_SYNC_ALWAYS, ret_why);
    if (error == 0) {
        error = execute(&to, "BEGIN");
        for (size_t i = 0; i < sizeof parts / sizeof *parts && error == 0; i++)
            error = copy_part(&salvaging, &parts[i]);
        /* messages that were their entry's own line */
        if (error == 0)
            error = execute(&to, "DELETE FROM messages WHERE line IS NULL AND id NOT IN"
                                 " (SELECT id FROM entries); COMMIT");
        if (error < 0)
            snprintf(ret_why, STORE_WHY_SIZE, "%s: %s", directory, sqlite3_errmsg(to.handle));
    }
    database_close(&to);
    return error;
}

int store_leave_out(struct store *store, struct slice room, const struct row *row)
{
    const struct store_log *log = log_find(store, room);
    sqlite3_stmt **statements = store->database.statements;
    if (!log)
        return -1;
    if (!row) {
        sqlite3_bind_int64(statements[STATEMENT_FORGET_ROWS], 1, log->id);
        return database_step(&store->database, STATEMENT_FORGET_ROWS);
    }
    sqlite3_stmt *drop = statements[STATEMENT_DROP_ROW];
    sqlite3_bind_int64(drop, 1, log->id);
    sqlite3_bind_int64(drop, 2, row->kind);
    sqlite3_bind_blob64(drop, 3, row->key.len ? row->key.at : "", row->key.len, SQLITE_TRANSIENT);
    return database_step(&store->database, STATEMENT_DROP_ROW);
}
