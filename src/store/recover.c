/* What was kept, read at the beginning: each room's rows, and the entries after them. */
#include <inttypes.h>
#include <stdio.h>

#include "core/memory.h"
#include "store/inside.h"

struct recovering {
    struct store *store;
    const struct store_reader *reader;
    char *why;
};

struct slice column_slice(sqlite3_stmt *statement, int column)
{
    const char *at = sqlite3_column_blob(statement, column);
    return (struct slice){at ? at : "", (size_t)sqlite3_column_bytes(statement, column)};
}

struct row column_row(sqlite3_stmt *statement)
{
    return (struct row){(enum row_kind)sqlite3_column_int(statement, 0), column_slice(statement, 1),
                        column_slice(statement, 2)};
}

bool row_is_whole(struct slice room, const struct row *row, sqlite3_stmt *statement)
{
    return row_checksum(room, row) == (uint64_t)sqlite3_column_int64(statement, ROW_COLUMNS - 1);
}

struct entry column_entry(sqlite3_stmt *statement)
{
    return (struct entry){.seq = (uint64_t)sqlite3_column_int64(statement, 0) &
                                 ((1ull << ID_SEQ_BITS) - 1),
                          .time_ms = sqlite3_column_int64(statement, 1),
                          .peer = (peer_id)sqlite3_column_int64(statement, 2),
                          .takes_over = (peer_id)sqlite3_column_int64(statement, 3),
                          .kind = (enum entry_kind)sqlite3_column_int(statement, 4),
                          .bytes = column_slice(statement, 5)};
}

bool entry_is_whole(struct slice room, const struct entry *entry, sqlite3_stmt *statement)
{
    return (unsigned)entry->kind < ENTRY_KIND_COUNT &&
           entry_checksum(room, entry) ==
               (uint64_t)sqlite3_column_int64(statement, ENTRY_COLUMNS - 1);
}

static int damaged(const struct recovering *recovering, const struct store_log *log,
                   const char *what, uint64_t seq)
{
    snprintf(recovering->why, STORE_WHY_SIZE, "room \"%.*s\": %s %" PRIu64 " is damaged",
             SLICE_FORMAT(log->room), what, seq);
    return -1;
}

static int read_failed(const struct recovering *recovering)
{
    snprintf(recovering->why, STORE_WHY_SIZE, "%s",
             sqlite3_errmsg(recovering->store->database.handle));
    return -1;
}

static int recover_row(const struct recovering *recovering, const struct store_log *log,
                       sqlite3_stmt *statement, uint64_t number)
{
    struct row row = column_row(statement);
    const struct store_reader *reader = recovering->reader;
    if (!row_is_whole(log->room, &row, statement))
        return damaged(recovering, log, "row", number);
    return reader->row(reader->ctx, log->room, &row);
}

static int recover_rows(const struct recovering *recovering, const struct store_log *log,
                        bool *ret_any)
{
    sqlite3_stmt *statement;
    const struct store_reader *reader = recovering->reader;
    uint64_t number = 0;
    int result, error = 0;
    if (sqlite3_prepare_v2(recovering->store->database.handle,
                           "SELECT " ROW_COLUMN_NAMES " FROM state WHERE room = ?1"
                           " ORDER BY kind, key",
                           -1, &statement, NULL) != SQLITE_OK)
        return read_failed(recovering);
    sqlite3_bind_int64(statement, 1, log->id);
    while ((result = sqlite3_step(statement)) == SQLITE_ROW && error == 0)
        error = recover_row(recovering, log, statement, ++number);
    sqlite3_finalize(statement);
    *ret_any = number > 0;
    if (error == 0 && result != SQLITE_DONE)
        return read_failed(recovering);
    return error == 0 && number ? reader->loaded(reader->ctx, log->room) : error;
}

static int recover_entry(const struct recovering *recovering, struct store_log *log,
                         sqlite3_stmt *statement)
{
    struct entry entry = column_entry(statement);
    const struct store_reader *reader = recovering->reader;
    if (entry.seq <= log->seq || !entry_is_whole(log->room, &entry, statement))
        return damaged(recovering, log, "entry", entry.seq);
    log->seq = entry.seq;
    return reader->entry(reader->ctx, log->room, &entry);
}

static int recover_entries(const struct recovering *recovering, struct store_log *log)
{
    sqlite3_stmt *statement;
    int result, error = 0;
    if (sqlite3_prepare_v2(recovering->store->database.handle,
                           "SELECT " ENTRY_COLUMN_NAMES " FROM entries"
                           " WHERE id > ?1 AND id < ?2 ORDER BY id",
                           -1, &statement, NULL) != SQLITE_OK)
        return read_failed(recovering);
    sqlite3_bind_int64(statement, 1, entry_id(log->id, log->seq));
    sqlite3_bind_int64(statement, 2, entry_id(log->id + 1, 0));
    while ((result = sqlite3_step(statement)) == SQLITE_ROW && error == 0)
        error = recover_entry(recovering, log, statement);
    sqlite3_finalize(statement);
    return error == 0 && result != SQLITE_DONE ? read_failed(recovering) : error;
}

static int rooms_read(const struct recovering *recovering)
{
    struct store *store = recovering->store;
    sqlite3_stmt *statement;
    int result;
    if (sqlite3_prepare_v2(store->database.handle, "SELECT id, name FROM rooms ORDER BY id", -1,
                           &statement, NULL) != SQLITE_OK)
        return read_failed(recovering);
    while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
        struct store_log *log = memory_new(sizeof *log);
        log->store = store;
        log->id = sqlite3_column_int64(statement, 0);
        log->room = slice_copy(column_slice(statement, 1));
        log->written = true;
        TAILQ_INSERT_TAIL(&store->logs, log, next);
    }
    sqlite3_finalize(statement);
    return result == SQLITE_DONE ? 0 : read_failed(recovering);
}

int store_recover(struct store *store, const struct store_reader *reader,
                  char ret_why[STORE_WHY_SIZE])
{
    struct recovering recovering = {store, reader, ret_why};
    struct store_log *log;
    bool any;
    if (rooms_read(&recovering) < 0)
        return -1;
    TAILQ_FOREACH (log, &store->logs, next) {
        if (recover_rows(&recovering, log, &any) < 0)
            return -1;
        log->seq = reader->seq(reader->ctx, log->room);
        if (recover_entries(&recovering, log) < 0)
            return -1;
    }
    return 0;
}
