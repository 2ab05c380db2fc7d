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
    const struct database *database = &recovering->store->database;
    char sql[128];
    snprintf(sql, sizeof sql,
             "SELECT " ROW_COLUMN_NAMES " FROM %s WHERE room = ?1 ORDER BY kind, key",
             database->state);
    if (sqlite3_prepare_v2(database->handle, sql, -1, &statement, NULL) != SQLITE_OK)
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

static int recover_pack(const struct recovering *recovering, struct store_log *log,
                        sqlite3_stmt *statement)
{
    struct pack pack;
    struct entry entry;
    const struct store_reader *reader = recovering->reader;
    if (!column_pack(log->room, PACK_ENTRIES, statement, &pack))
        return damaged(recovering, log, "the pack that ends with entry", pack.last);
    for (uint32_t at = pack_find(&pack, log->seq + 1); at < pack.count; at++) {
        if (!pack_entry(log->room, &pack, at, &entry) || entry.seq <= log->seq)
            return damaged(recovering, log, "entry", entry.seq);
        log->seq = entry.seq;
        int error = reader->entry(reader->ctx, log->room, &entry);
        if (error < 0)
            return error;
    }
    return 0;
}

static int recover_entries(const struct recovering *recovering, struct store_log *log)
{
    sqlite3_stmt *statement = recovering->store->database.statements[STATEMENT_READ_ENTRIES];
    int result, error = 0;
    sqlite3_bind_int64(statement, 1, entry_id(log->id, log->seq + 1));
    sqlite3_bind_int64(statement, 2, entry_id(log->id + 1, 0) - 1);
    while ((result = sqlite3_step(statement)) == SQLITE_ROW && error == 0)
        error = recover_pack(recovering, log, statement);
    if (error == 0 && result != SQLITE_DONE)
        error = read_failed(recovering);
    sqlite3_reset(statement);
    return error;
}

/* Up to where messages are kept already: what the entries after the rows say again is no more. */
int kept_find(struct store *store, struct store_log *log, char why[STORE_WHY_SIZE])
{
    const struct recovering recovering = {.store = store, .why = why};
    struct database *database = &store->database;
    sqlite3_stmt *last = NULL;
    struct pack pack;
    int result = sqlite3_prepare_v2(database->handle,
                                    "SELECT " PACK_COLUMN_NAMES " FROM message_packs"
                                    " WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC LIMIT 1",
                                    -1, &last, NULL);
    sqlite3_bind_int64(last, 1, entry_id(log->id, 0));
    sqlite3_bind_int64(last, 2, entry_id(log->id + 1, 0) - 1);
    if (result == SQLITE_OK)
        result = sqlite3_step(last);
    if (result == SQLITE_ROW) {
        struct message_kept message = {0};
        column_pack(log->room, PACK_MESSAGES, last, &pack);
        if (pack.count)
            pack_message(log->room, &pack, pack.count - 1, &message);
        log->kept_seq = message.seq;
        log->kept_number = message.number;
    }
    sqlite3_finalize(last);
    return result == SQLITE_ROW || result == SQLITE_DONE ? 0 : read_failed(&recovering);
}

int rooms_read(struct store *store, char why[STORE_WHY_SIZE])
{
    const struct recovering recovering = {.store = store, .why = why};
    sqlite3_stmt *statement;
    int result;
    if (sqlite3_prepare_v2(store->database.handle,
                           "SELECT id, name, checksum = sum_of(id, name, trimmed) FROM rooms"
                           " ORDER BY id",
                           -1, &statement, NULL) != SQLITE_OK)
        return read_failed(&recovering);
    while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
        struct store_log *log = memory_new(sizeof *log);
        log->store = store;
        log->id = sqlite3_column_int64(statement, 0);
        log->room = slice_copy(column_slice(statement, 1));
        log->written = true;
        TAILQ_INSERT_TAIL(&store->logs, log, next);
        if (sqlite3_column_int(statement, 2))
            continue;
        sqlite3_finalize(statement);
        return damaged(&recovering, log, "what is known of room", (uint64_t)log->id);
    }
    sqlite3_finalize(statement);
    return result == SQLITE_DONE ? 0 : read_failed(&recovering);
}

int store_recover(struct store *store, const struct store_reader *reader,
                  char ret_why[STORE_WHY_SIZE])
{
    struct recovering recovering = {store, reader, ret_why};
    struct store_log *log;
    bool any;
    if (TAILQ_EMPTY(&store->logs) && rooms_read(store, ret_why) < 0)
        return -1;
    TAILQ_FOREACH (log, &store->logs, next) {
        if (recover_rows(&recovering, log, &any) < 0)
            return -1;
        log->seq = reader->seq(reader->ctx, log->room);
        if (kept_find(store, log, ret_why) < 0 || recover_entries(&recovering, log) < 0)
            return -1;
        if (log->seq < store->database.floor)
            log->seq = store->database.floor;
    }
    return 0;
}
