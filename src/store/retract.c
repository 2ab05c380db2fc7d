/* Taking a message back. What was kept of it for those who were away is replaced at once, so that
 * nobody is shown it any more. Its entry still stands in the log, and a recovery that begins before
 * it has to read it, for the state follows from it; so that waits, with a note in `meta`, for the
 * next checkpoint of the room behind it, and is then overwritten: its place and time stay, and who
 * reads the log from its beginning, as a salvage without rows does, passes it over.
 *
 * Within a page SQLite always overwrites with zeros what it frees or moves, which costs no more
 * writing. While something is to be overwritten it does so with whole pages too: those that held
 * the old pack, or what rows of state said. */
#include <stdio.h>

#include "store/inside.h"

#define WIPE_AT_ONCE 64

static int zeros_keep(struct database *database, bool on)
{
    database->wiping = on;
    return sqlite3_exec(database->handle,
                        on ? "PRAGMA secure_delete = ON" : "PRAGMA secure_delete = FAST", NULL,
                        NULL, NULL) == SQLITE_OK
               ? 0
               : -1;
}

/* In the pack that has the entry, or its messages; where there is none, nothing. 0 or -1. */
static int replace_in(struct database *database, const struct store_log *log, enum pack_kind kind,
                      uint64_t seq, struct slice line, int level)
{
    static const enum statement reads[PACK_KIND_COUNT] = {
        [PACK_ENTRIES] = STATEMENT_READ_ENTRIES, [PACK_MESSAGES] = STATEMENT_READ_MESSAGES};
    static const enum statement replaces[PACK_KIND_COUNT] = {
        [PACK_ENTRIES] = STATEMENT_REPLACE_ENTRIES, [PACK_MESSAGES] = STATEMENT_REPLACE_MESSAGES};
    sqlite3_stmt *read = database->statements[reads[kind]];
    sqlite3_stmt *replace = database->statements[replaces[kind]];
    struct text bytes = {0};
    struct pack pack;
    sqlite3_bind_int64(read, 1, entry_id(log->id, seq));
    sqlite3_bind_int64(read, 2, entry_id(log->id + 1, 0) - 1);
    int result = sqlite3_step(read);
    int error = result == SQLITE_ROW || result == SQLITE_DONE ? 0 : -1;
    if (result == SQLITE_ROW) {
        column_pack(log->room, kind, read, &pack);
        bool any = pack_replace(log->room, &pack, seq, line, level, &bytes) > 0;
        error = bytes.failed ? -1 : 0;
        sqlite3_bind_int64(replace, 1, sqlite3_column_int64(read, 0));
        sqlite3_bind_blob64(replace, 2, bytes.at, bytes.len, SQLITE_STATIC);
        sqlite3_reset(read);
        if (error == 0 && any)
            error = database_step(database, replaces[kind]);
        sqlite3_clear_bindings(replace);
    }
    sqlite3_reset(read);
    text_free(&bytes);
    return error;
}

int retract_messages(struct database *database, const struct store_log *log, uint64_t seq,
                     struct slice line, int level)
{
    sqlite3_stmt *wipe = database->statements[STATEMENT_WIPE];
    int error = database->wiping ? 0 : zeros_keep(database, true);
    if (error == 0)
        error = replace_in(database, log, PACK_MESSAGES, seq, line, level);
    sqlite3_bind_int64(wipe, 1, log->id);
    sqlite3_bind_int64(wipe, 2, (int64_t)seq);
    return error == 0 ? database_step(database, STATEMENT_WIPE) : error;
}

/* The first of the room up to that seq; 0: there is none. */
static uint64_t wiping_next(struct database *database, const struct checkpoint *checkpoint)
{
    sqlite3_stmt *next = database->statements[STATEMENT_WIPING];
    sqlite3_bind_int64(next, 1, checkpoint->log->id);
    sqlite3_bind_int64(next, 2, (int64_t)checkpoint->seq);
    uint64_t seq = sqlite3_step(next) == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(next, 0) : 0;
    sqlite3_reset(next);
    return seq;
}

static int wipe_one(struct database *database, const struct store_log *log, uint64_t seq)
{
    sqlite3_stmt *wiped = database->statements[STATEMENT_WIPED];
    int error = replace_in(database, log, PACK_ENTRIES, seq, (struct slice){NULL, 0}, 0);
    sqlite3_bind_int64(wiped, 1, log->id);
    sqlite3_bind_int64(wiped, 2, (int64_t)seq);
    return error == 0 ? database_step(database, STATEMENT_WIPED) : error;
}

bool retract_wipe(struct database *database, const struct checkpoint *checkpoint)
{
    uint64_t seq = wiping_next(database, checkpoint);
    if (!seq)
        return false;
    int error = database_step(database, STATEMENT_BEGIN);
    for (int count = 0; error == 0 && seq && count < WIPE_AT_ONCE; count++) {
        error = wipe_one(database, checkpoint->log, seq);
        seq = wiping_next(database, checkpoint);
    }
    if (error == 0)
        error = database_step(database, STATEMENT_COMMIT);
    if (error < 0 && !sqlite3_get_autocommit(database->handle))
        database_step(database, STATEMENT_ROLLBACK);
    if (error == 0)
        error = retract_look(database);
    return error == 0 && seq;
}

int retract_forget(struct database *database, const struct store_log *log)
{
    sqlite3_bind_int64(database->statements[STATEMENT_WIPE_NOTHING], 1, log->id);
    return database_step(database, STATEMENT_WIPE_NOTHING);
}

int retract_look(struct database *database)
{
    int64_t any =
        database_number(database, "SELECT EXISTS (SELECT 1 FROM meta WHERE " WIPING_NAMES ")");
    return any < 0 ? -1 : (any > 0) == database->wiping ? 0 : zeros_keep(database, any > 0);
}
