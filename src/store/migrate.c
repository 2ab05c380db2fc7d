/* From schema 2, a row for each entry and each message, to packs of them. A database that is
 * damaged is left as it is. Of what is read of one to be salvaged, checksums of entries stay what
 * they are, right or wrong: damage is not made good by being moved. */
#include <inttypes.h>
#include <stdio.h>

#include "store/inside.h"

/* Names without what else is said of rooms, which schema 1 has not. */
#define NAMES " LEFT JOIN (SELECT id AS of, name FROM rooms) ON of = "
#define ENTRIES                                                                                    \
    "SELECT id, name, time, peer, takes_over, kind, bytes, checksum FROM entries" NAMES            \
    "id >> 44 ORDER BY id"

struct moving {
    struct database *database;
    enum pack_kind kind;
    int64_t last; /* id of what was moved last */
    struct pack_builder builder;
};

/* Of a row of ENTRIES. */
static struct entry entry_of(sqlite3_stmt *row)
{
    return (struct entry){.seq = id_seq(sqlite3_column_int64(row, 0)),
                          .time_ms = sqlite3_column_int64(row, 2),
                          .peer = (peer_id)sqlite3_column_int64(row, 3),
                          .takes_over = (peer_id)sqlite3_column_int64(row, 4),
                          .kind = (enum entry_kind)sqlite3_column_int(row, 5),
                          .bytes = column_slice(row, 6)};
}

static uint64_t entry_checksum_of(sqlite3_stmt *row)
{
    return (uint64_t)sqlite3_column_int64(row, 7);
}

static void move_entry(struct moving *moving, sqlite3_stmt *row)
{
    struct entry entry = entry_of(row);
    pack_add_entry_as(&moving->builder, &entry, entry_checksum_of(row));
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
    if (move_all(database, PACK_ENTRIES, ENTRIES, move_entry) < 0 ||
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

/* ── before anything is moved ── */

static bool entry_is_whole(struct slice room, sqlite3_stmt *row)
{
    struct entry entry = entry_of(row);
    return entry_checksum(room, &entry) == entry_checksum_of(row);
}

static bool state_is_whole(struct slice room, sqlite3_stmt *statement)
{
    struct row row = column_row(statement);
    return row_is_whole(room, &row, statement);
}

static const struct part {
    const char *what, *select;
    int name, number; /* columns */
    bool (*is_whole)(struct slice room, sqlite3_stmt *row);
} parts[] = {
    {"entry", ENTRIES, 1, 0, entry_is_whole},
    {"row",
     "SELECT " ROW_COLUMN_NAMES ", name, row_number() OVER (PARTITION BY room ORDER BY kind, key)"
     " FROM state" NAMES "room ORDER BY room, kind, key",
     ROW_COLUMNS, ROW_COLUMNS + 1, state_is_whole},
};

static bool part_is_whole(const struct part *part, sqlite3_stmt *row)
{
    return sqlite3_column_type(row, part->name) != SQLITE_NULL &&
           part->is_whole(column_slice(row, part->name), row);
}

int migrate_check(struct database *database, const char *path, char why[STORE_WHY_SIZE])
{
    int error = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts && error == 0; i++) {
        const struct part *part = &parts[i];
        sqlite3_stmt *row = NULL;
        int result = sqlite3_prepare_v2(database->handle, part->select, -1, &row, NULL);
        while (result == SQLITE_OK || (result == SQLITE_ROW && part_is_whole(part, row)))
            result = sqlite3_step(row);
        if (result == SQLITE_ROW) {
            struct slice room = column_slice(row, part->name);
            snprintf(why, STORE_WHY_SIZE, "room \"%.*s\": %s %" PRIu64 " is damaged",
                     SLICE_FORMAT(room), part->what,
                     id_seq(sqlite3_column_int64(row, part->number)));
            error = STORE_DAMAGED;
        } else if (result != SQLITE_DONE) {
            error = database_fail(database, path, why);
        }
        sqlite3_finalize(row);
    }
    return error;
}
