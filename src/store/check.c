/* Every entry, row and message of the database held against its checksum, also those below a
 * checkpoint, which a recovery does not read; but nothing of rooms that are no more. */
#include <errno.h>
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
    static const char *const files[] = {"hub.db", "hub.db-wal", "salvaged.db"};
    char path[4096];
    errno = ENAMETOOLONG;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (snprintf(path, sizeof path, "%s/%s", directory, files[i]) < (int)sizeof path &&
            access(path, F_OK) == 0)
            return true;
    return false;
}

static void damaged(const struct checking *checking, struct slice room, const char *what,
                    uint64_t number)
{
    checking->counts->damaged++;
    checking->damage->found(checking->damage->ctx, room, what, number);
}

static bool item_is_whole(struct slice room, const struct pack *pack, uint32_t at,
                          uint64_t *ret_seq)
{
    struct entry entry;
    struct message_kept message;
    bool whole = pack->kind == PACK_ENTRIES ? pack_entry(room, pack, at, &entry)
                                            : pack_message(room, pack, at, &message);
    *ret_seq = pack->kind == PACK_ENTRIES ? entry.seq : message.seq;
    return whole;
}

/* The row, and each item that it holds. */
static void check_pack(const struct checking *checking, sqlite3_stmt *statement,
                       enum pack_kind kind)
{
    static const char *const orphans[] = {[PACK_ENTRIES] = "of a room that is not there: entry",
                                          [PACK_MESSAGES] =
                                              "of a room that is not there: message kept of entry"};
    static const char *const items[] = {
        [PACK_ENTRIES] = "entry", [PACK_MESSAGES] = "message kept of entry"};
    static const char *const packs[] = {[PACK_ENTRIES] = "what is said of the entries up to",
                                        [PACK_MESSAGES] =
                                            "what is said of the messages kept up to entry"};
    struct slice room = column_slice(statement, PACK_COLUMNS);
    bool orphan = sqlite3_column_type(statement, PACK_COLUMNS) == SQLITE_NULL;
    struct pack pack;
    uint64_t seq;
    if (!column_pack(room, kind, statement, &pack))
        damaged(checking, room, packs[kind], pack.last);
    for (uint32_t at = 0; at < pack.count; at++) {
        ++*(kind == PACK_ENTRIES ? &checking->counts->entries : &checking->counts->messages);
        if (!item_is_whole(room, &pack, at, &seq) || orphan)
            damaged(checking, room, orphan ? orphans[kind] : items[kind], seq);
    }
}

static void check_entries(const struct checking *checking, sqlite3_stmt *statement)
{
    check_pack(checking, statement, PACK_ENTRIES);
}

static void check_messages(const struct checking *checking, sqlite3_stmt *statement)
{
    check_pack(checking, statement, PACK_MESSAGES);
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
    checking->counts->rooms++;
    if (!sqlite3_column_int(statement, 2))
        damaged(checking, column_slice(statement, 1), "what is said of room",
                (uint64_t)sqlite3_column_int64(statement, 0));
}

static void check_chunk(const struct checking *checking, sqlite3_stmt *statement)
{
    bool orphan = sqlite3_column_type(statement, 3) == SQLITE_NULL;
    checking->counts->chunks++;
    if (orphan || !chunk_is_whole(statement))
        damaged(checking, column_slice(statement, 3),
                orphan ? "of a room that is not there: part of a file, of entry"
                       : "part of a file, of entry",
                id_seq(sqlite3_column_int64(statement, 0)));
}

int store_check(struct store *store, const struct store_damage *damage,
                struct store_counts *ret_counts, char ret_why[STORE_WHY_SIZE])
{
    static const struct {
        const char *sql;
        void (*each)(const struct checking *checking, sqlite3_stmt *statement);
    } readings[] = {
        {"SELECT id, name, checksum = sum_of(id, name, trimmed) FROM rooms", check_room},
        {"SELECT " ROW_COLUMN_NAMES ", name, row_number() OVER (PARTITION BY room ORDER BY kind,"
         " key) FROM (SELECT room, " ROW_COLUMN_NAMES " FROM state WHERE room NOT IN " LEAVING_IDS
         ") LEFT JOIN"
         " (SELECT id, name FROM rooms) ON id = room ORDER BY room, kind, key",
         check_row},
        {"SELECT " PACK_COLUMN_NAMES ", (SELECT name FROM rooms WHERE rooms.id ="
         " entry_packs.id >> 44) FROM entry_packs WHERE id >> 44 NOT IN " LEAVING_IDS
         " ORDER BY id",
         check_entries},
        {"SELECT " PACK_COLUMN_NAMES ", (SELECT name FROM rooms WHERE rooms.id ="
         " message_packs.id >> 44) FROM message_packs WHERE id >> 44 NOT IN " LEAVING_IDS
         " ORDER BY id",
         check_messages},
        {"SELECT " CHUNK_COLUMN_NAMES ", (SELECT name FROM rooms WHERE rooms.id ="
         " chunks.id >> 44) FROM chunks WHERE chunks.id >> 44 NOT IN " LEAVING_IDS
         " AND chunks.id NOT IN (SELECT id FROM dropping) ORDER BY id",
         check_chunk},
    };
    _Static_assert(ID_SEQ_BITS == 44, "as the texts above say");
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
