/* From schema 2, a row for each entry and each message, to packs of them. Checksums of entries stay
 * what they are, right or wrong: damage is not made good by being moved. */
#include "store/inside.h"

struct moving {
    struct database *database;
    enum pack_kind kind;
    int64_t last; /* id of what was moved last */
    struct pack_builder builder;
};

static void move_entry(struct moving *moving, sqlite3_stmt *row)
{
    struct entry entry = {.seq = id_seq(sqlite3_column_int64(row, 0)),
                          .time_ms = sqlite3_column_int64(row, 2),
                          .peer = (peer_id)sqlite3_column_int64(row, 3),
                          .takes_over = (peer_id)sqlite3_column_int64(row, 4),
                          .kind = (enum entry_kind)sqlite3_column_int(row, 5),
                          .bytes = column_slice(row, 6)};
    pack_add_entry_as(&moving->builder, &entry, (uint64_t)sqlite3_column_int64(row, 7));
}

static void move_message(struct moving *moving, sqlite3_stmt *row)
{
    struct message_kept message = {.seq = id_seq(sqlite3_column_int64(row, 0)),
                                   .number = (uint32_t)sqlite3_column_int64(row, 2),
                                   .level = sqlite3_column_int(row, 3),
                                   .audience = (enum audience)sqlite3_column_int(row, 4),
                                   .observed = sqlite3_column_int(row, 5),
                                   .own = sqlite3_column_type(row, 8) == SQLITE_NULL,
                                   .but = column_slice(row, 6),
                                   .names = column_slice(row, 7),
                                   .line = column_slice(row, 8)};
    pack_add_message(&moving->builder, column_slice(row, 1), &message);
}

static int move_pack(struct moving *moving)
{
    return database_add_pack(moving->database, moving->kind, moving->last >> ID_SEQ_BITS,
                             &moving->builder);
}

/* Of a salvaged database what can be read is moved; what is left is said to be. */
static int move_all(struct database *database, enum pack_kind kind, const char *select,
                    void (*move)(struct moving *moving, sqlite3_stmt *row))
{
    struct moving moving = {.database = database, .kind = kind};
    sqlite3_stmt *row = NULL;
    int error = 0;
    int result = sqlite3_prepare_v2(database->handle, select, -1, &row, NULL);
    while (error == 0 && (result == SQLITE_OK || result == SQLITE_ROW)) {
        result = sqlite3_step(row);
        int64_t id = result == SQLITE_ROW ? sqlite3_column_int64(row, 0) : moving.last;
        if (id < moving.last)
            result = SQLITE_CORRUPT;
        if (result != SQLITE_ROW)
            break;
        if (id >> ID_SEQ_BITS != moving.last >> ID_SEQ_BITS ||
            pack_is_full(&moving.builder, id_seq(id)))
            error = move_pack(&moving);
        moving.last = id;
        if (error == 0)
            move(&moving, row);
    }
    if (error == 0)
        error = move_pack(&moving);
    sqlite3_finalize(row);
    pack_builder_free(&moving.builder);
    if (error == 0 && result != SQLITE_DONE && database->salvage) {
        database->cut = true;
        result = SQLITE_DONE;
    }
    return error == 0 && result == SQLITE_DONE ? 0 : -1;
}

int migrate_to_packs(struct database *database)
{
    if (move_all(database, PACK_ENTRIES,
                 "SELECT entries.id, NULL, time, peer, takes_over, kind, bytes, checksum"
                 " FROM entries ORDER BY id",
                 move_entry) < 0 ||
        move_all(database, PACK_MESSAGES,
                 "SELECT messages.id, name, number, level, audience, observed, but, names, line"
                 " FROM messages LEFT JOIN rooms ON rooms.id = messages.id >> 44"
                 " ORDER BY messages.id, number",
                 move_message) < 0)
        return -1;
    /* a broken table can't be taken away */
    int result = database->cut
                     ? SQLITE_OK
                     : sqlite3_exec(database->handle, "DROP TABLE entries; DROP TABLE messages",
                                    NULL, NULL, NULL);
    return result == SQLITE_OK ? 0 : -1;
}
