/* Letting a room go. What there is of a large one is millions of entries: who waits for a commit
 * would wait for all of them. So the room itself goes at once, and its name can come back as
 * another room, under another id; that something of the old one is left stands in `meta`, and it
 * goes in steps, between other transactions. What is left after a crash the next hub takes away. */
#include "store/inside.h"

/* Of one step. */
#define FORGET_PACKS 256
#define FORGET_BYTES (1 << 20) /* of packs, or some more */
#define FORGET_ROWS  256

int forget_begin(struct database *database, struct store_log *log)
{
    sqlite3_stmt **statements = database->statements;
    int error = checkpoint_forget(database, log);
    for (enum pack_kind kind = 0; kind < PACK_KIND_COUNT; kind++)
        pack_clear(&log->packs[kind]);
    sqlite3_bind_int64(statements[STATEMENT_DROP_ROOM], 1, log->id);
    sqlite3_bind_int64(statements[STATEMENT_LEAVE], 1, log->id);
    sqlite3_bind_int64(statements[STATEMENT_LET_GO], 1, (int64_t)log->seq);
    if (error == 0)
        error = database_step(database, STATEMENT_DROP_ROOM);
    if (error == 0)
        error = database_step(database, STATEMENT_LEAVE);
    database->leaving = true;
    if (error == 0)
        error = retract_forget(database, log);
    return error == 0 ? database_step(database, STATEMENT_LET_GO) : error;
}

/* The id of such a room; 0: there is none; -1: that can't be read. */
static int64_t leaving_next(struct database *database)
{
    sqlite3_stmt *step = database->statements[STATEMENT_LEAVING];
    int64_t id = sqlite3_step(step) == SQLITE_ROW ? sqlite3_column_int64(step, 0) : -1;
    sqlite3_reset(step);
    return id;
}

/* The first packs of it. 1, 0 when there are none, or -1. */
static int sweep_packs(struct database *database, int64_t room, enum statement sizes,
                       enum statement drop)
{
    sqlite3_stmt *step = database->statements[sizes];
    int64_t last = 0, bytes = 0;
    int result = SQLITE_ROW;
    sqlite3_bind_int64(step, 1, entry_id(room, 0));
    sqlite3_bind_int64(step, 2, entry_id(room + 1, 0) - 1);
    for (int packs = 0; packs < FORGET_PACKS && bytes < FORGET_BYTES; packs++) {
        result = sqlite3_step(step);
        if (result != SQLITE_ROW)
            break;
        last = sqlite3_column_int64(step, 0);
        bytes += sqlite3_column_int64(step, 1);
    }
    sqlite3_reset(step);
    if (result != SQLITE_ROW && result != SQLITE_DONE)
        return -1;
    if (!last)
        return 0;
    sqlite3_bind_int64(database->statements[drop], 1, entry_id(room, 0));
    sqlite3_bind_int64(database->statements[drop], 2, last);
    return database_step(database, drop) < 0 ? -1 : 1;
}

/* The same of its rows. */
static int sweep_rows(struct database *database, int64_t room)
{
    sqlite3_stmt *some = database->statements[STATEMENT_DROP_SOME_ROWS];
    sqlite3_stmt *rest = database->statements[STATEMENT_DROP_ROWS];
    sqlite3_bind_int64(some, 1, room);
    sqlite3_bind_int(some, 2, FORGET_ROWS - 1);
    if (database_step(database, STATEMENT_DROP_SOME_ROWS) < 0)
        return -1;
    if (sqlite3_changes(database->handle) > 0)
        return 1;
    sqlite3_bind_int64(rest, 1, room);
    return database_step(database, STATEMENT_DROP_ROWS);
}

/* Some of what it left, or with the last of it the note of it. */
static int sweep(struct database *database, int64_t room)
{
    int some = sweep_packs(database, room, STATEMENT_SIZES_OF_ENTRIES, STATEMENT_DROP_ENTRIES);
    if (some == 0)
        some = sweep_packs(database, room, STATEMENT_SIZES_OF_MESSAGES, STATEMENT_DROP_MESSAGES);
    if (some == 0)
        some = sweep_packs(database, room, STATEMENT_SIZES_OF_CHUNKS, STATEMENT_DROP_CHUNKS);
    if (some == 0)
        some = sweep_rows(database, room);
    if (some != 0)
        return some < 0 ? -1 : 0;
    sqlite3_bind_int64(database->statements[STATEMENT_LEFT], 1, room);
    return database_step(database, STATEMENT_LEFT);
}

int forget_step(struct database *database)
{
    int64_t id = leaving_next(database);
    if (id < 0)
        return -1;
    database->leaving = id > 0;
    if (id == 0)
        return 0;
    int error = database_step(database, STATEMENT_BEGIN);
    if (error == 0)
        error = sweep(database, id);
    if (error == 0)
        error = database_step(database, STATEMENT_COMMIT);
    if (error < 0 && !sqlite3_get_autocommit(database->handle))
        database_step(database, STATEMENT_ROLLBACK);
    return error;
}
