/* What entries brought (struct entry): each in a row of its own, under its room and the seq of its
 * entry, written with that. It is in no checkpoint, and stays when its entry is let go. What is to
 * go is noted at once, in order with all else, and goes in steps between other transactions: of a
 * large file it is tens of thousands of pages. */
#include <assert.h>

#include "store/inside.h"

#define DROP_CHUNKS 8 /* of one step */

int chunk_put(struct database *database, const struct store_log *log, uint64_t seq,
              struct slice bytes)
{
    sqlite3_stmt *put = database->statements[STATEMENT_PUT_CHUNK];
    sqlite3_bind_int64(put, 1, entry_id(log->id, seq));
    sqlite3_bind_blob64(put, 2, bytes.at, bytes.len, SQLITE_STATIC);
    int error = database_step(database, STATEMENT_PUT_CHUNK);
    sqlite3_clear_bindings(put);
    return error;
}

int chunks_drop_later(struct database *database, const struct store_log *log, struct slice seqs)
{
    int error = 0;
    database->dropping = true;
    for (size_t at = 0; at + sizeof(uint64_t) <= seqs.len && error == 0; at += sizeof(uint64_t)) {
        uint64_t seq;
        memcpy(&seq, seqs.at + at, sizeof seq);
        sqlite3_bind_int64(database->statements[STATEMENT_DROP_LATER], 1, entry_id(log->id, seq));
        error = database_step(database, STATEMENT_DROP_LATER);
    }
    return error;
}

static int drop_one(struct database *database, int64_t id)
{
    sqlite3_bind_int64(database->statements[STATEMENT_DROP_CHUNK], 1, id);
    sqlite3_bind_int64(database->statements[STATEMENT_DROPPED], 1, id);
    int error = database_step(database, STATEMENT_DROP_CHUNK);
    return error == 0 ? database_step(database, STATEMENT_DROPPED) : error;
}

int chunks_drop_some(struct database *database)
{
    sqlite3_stmt *next = database->statements[STATEMENT_DROPPING];
    int error = database_step(database, STATEMENT_BEGIN), count = 0, result = SQLITE_ROW;
    for (; error == 0 && count < DROP_CHUNKS; count++) {
        result = sqlite3_step(next);
        int64_t id = result == SQLITE_ROW ? sqlite3_column_int64(next, 0) : 0;
        sqlite3_reset(next);
        if (result != SQLITE_ROW)
            break;
        error = drop_one(database, id);
    }
    if (result != SQLITE_ROW && result != SQLITE_DONE)
        error = -1;
    if (error == 0)
        error = database_step(database, STATEMENT_COMMIT);
    if (error < 0 && !sqlite3_get_autocommit(database->handle))
        database_step(database, STATEMENT_ROLLBACK);
    if (error == 0)
        database->dropping = count == DROP_CHUNKS;
    return error;
}

void chunk_run(struct database *database, struct reading *reading)
{
    sqlite3_stmt *read = database->statements[STATEMENT_READ_CHUNK];
    struct store_page *page = &reading->page;
    *page = (struct store_page){
        .reader = reading->wish.reader, .chunk = reading->wish.chunk, .failed = true};
    sqlite3_bind_int64(read, 1, entry_id(reading->log->id, reading->wish.chunk));
    if (sqlite3_step(read) == SQLITE_ROW && chunk_is_whole(read)) {
        text_add(&reading->lines, column_slice(read, 1));
        page->failed = reading->lines.failed;
    }
    sqlite3_reset(read);
}

bool store_has_chunk(struct store *store, struct slice room, uint64_t seq)
{
    const struct store_log *log = log_find(store, room);
    sqlite3_stmt *read = store->database.statements[STATEMENT_READ_CHUNK];
    assert(!store->running);
    sqlite3_bind_int64(read, 1, log ? entry_id(log->id, seq) : -1);
    bool found = sqlite3_step(read) == SQLITE_ROW;
    sqlite3_reset(read);
    return found;
}

bool chunk_is_whole(sqlite3_stmt *statement)
{
    return sqlite3_column_int(statement, 2);
}

uint64_t chunks_bytes(struct database *database)
{
    /* SQLite reads no more than the beginnings of what is so long */
    int64_t bytes =
        database_number(database, "SELECT coalesce(sum(length(bytes) + 4096), 0) FROM chunks");
    return bytes > 0 ? (uint64_t)bytes : 0;
}
