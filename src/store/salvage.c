/* What is whole of a damaged database, copied into a new one. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "store/inside.h"

/* More than can have been given and be lost without a trace. */
#define SEQS_LEFT_OUT 1000000u

struct salvaging {
    struct database *from, *to;
    const struct store_damage *damage;
    struct store_salvaged *result;
    bool let_go_lost; /* the seq to go on from was not whole */
    uint64_t row;     /* of the room's rows, in the order in which a recovery reads them */
    int64_t room;
    int64_t *leaving; /* owned */
    size_t leaving_count, leaving_capacity;
};

/* Of a row of the old database: is it to be copied? Says so when it is not whole. */
typedef bool (*is_wanted)(struct salvaging *salvaging, sqlite3_stmt *row);

static void leave_out(const struct salvaging *salvaging, struct slice room, const char *what,
                      uint64_t number)
{
    salvaging->result->left_out++;
    salvaging->damage->found(salvaging->damage->ctx, room, what, number);
}

/* Of a room that is no more, and what it left is yet to go. */
static bool is_leaving(const struct salvaging *salvaging, int64_t room)
{
    for (size_t i = 0; i < salvaging->leaving_count; i++)
        if (salvaging->leaving[i] == room)
            return true;
    return false;
}

static bool row_is_wanted(struct salvaging *salvaging, sqlite3_stmt *statement)
{
    struct slice room = column_slice(statement, ROW_COLUMNS);
    struct row row = column_row(statement);
    bool orphan = sqlite3_column_type(statement, ROW_COLUMNS) == SQLITE_NULL;
    bool wanted = !orphan && row_is_whole(room, &row, statement);
    int64_t id = sqlite3_column_int64(statement, ROW_COLUMNS + 1);
    if (orphan && is_leaving(salvaging, id))
        return false;
    salvaging->row = id == salvaging->room ? salvaging->row + 1 : 1;
    salvaging->room = id;
    if (!wanted)
        leave_out(salvaging, room, "row", salvaging->row);
    return wanted;
}

/* One that is not whole was made up for: a database has a key of its own, and begins anew at seqs
 * above all that there can have been. */
static bool meta_is_wanted(struct salvaging *salvaging, sqlite3_stmt *statement)
{
    bool whole = sqlite3_column_int(statement, 2);
    const char *name = (const char *)sqlite3_column_text(statement, 0);
    if (!whole)
        leave_out(salvaging, slice_of(""), name, 0);
    if (!whole && strcmp(name, "let_go") == 0)
        salvaging->let_go_lost = true;
    return whole;
}

/* It is kept, since all of its entries would go with it; whose checksums know its name. */
static bool room_is_wanted(struct salvaging *salvaging, sqlite3_stmt *statement)
{
    if (!sqlite3_column_int(statement, 3))
        leave_out(salvaging, column_slice(statement, 1), "what is said of room",
                  (uint64_t)sqlite3_column_int64(statement, 0));
    return true;
}

/* It is copied whatever becomes of its file: who reads that is told when a part of it is gone. */
static bool chunk_is_wanted(struct salvaging *salvaging, sqlite3_stmt *statement)
{
    int64_t id = sqlite3_column_int64(statement, 0);
    bool whole = chunk_is_whole(statement);
    if (is_leaving(salvaging, id >> ID_SEQ_BITS))
        return false;
    if (!whole)
        leave_out(salvaging, column_slice(statement, 3), "part of a file, of entry", id_seq(id));
    return whole;
}

static const struct part {
    const char *what, *select, *insert;
    const char *order, *back; /* of the select's rows; the other way round, for what lies behind
                                 something that can't be read. NULL: none */
    int columns[8]; /* of the select, in the order of the insert's parameters; ended by -1 */
    is_wanted is_wanted;
} parts[] = {
    {"meta",
     "SELECT name, value, checksum = sum_of(name, value) AND (name NOT IN ('let_go', 'floor', 'undo_end') OR"
     " CAST(CAST(value AS TEXT) AS INTEGER) BETWEEN 0 AND (1 << 44) - 1)"
     " FROM meta WHERE name <> 'probe' AND name NOT GLOB 'leaving *'",
     "INSERT OR REPLACE INTO meta (name, value, checksum) VALUES (?1, ?2, sum_of(?1, ?2))",
     NULL,
     NULL,
     {0, 1, -1},
     meta_is_wanted},
    {"rooms",
     "SELECT id, name, trimmed, checksum = sum_of(id, name, trimmed) FROM rooms",
     "INSERT OR IGNORE INTO rooms (id, name, trimmed, checksum)"
     " VALUES (?1, ?2, ?3, sum_of(?1, ?2, ?3))",
     "id",
     "id DESC",
     {0, 1, 2, -1},
     room_is_wanted},
    {"state",
     "SELECT " ROW_COLUMN_NAMES ", name, room FROM (SELECT room, " ROW_COLUMN_NAMES " FROM state)"
     " LEFT JOIN (SELECT id, name FROM rooms) ON id = room",
     "INSERT OR IGNORE INTO state (kind, key, bytes, checksum, room) VALUES (?1, ?2, ?3, ?4, ?5)",
     "room, kind, key",
     "room DESC, kind DESC, key DESC",
     {0, 1, 2, 3, 5, -1},
     row_is_wanted},
    {"parts of files",
     "SELECT " CHUNK_COLUMN_NAMES ", (SELECT name FROM rooms WHERE rooms.id = chunks.id >> 44)"
     " FROM chunks WHERE chunks.id NOT IN (SELECT id FROM dropping)",
     "INSERT OR IGNORE INTO chunks (id, bytes, checksum) VALUES (?1, ?2, sum_of(?1, ?2))",
     "id",
     "id DESC",
     {0, 1, -1},
     chunk_is_wanted},
};

static int copy_row(sqlite3_stmt *from, sqlite3_stmt *to, const struct part *part)
{
    for (int i = 0; i < 8 && part->columns[i] >= 0; i++)
        sqlite3_bind_value(to, i + 1, sqlite3_column_value(from, part->columns[i]));
    int result = sqlite3_step(to);
    sqlite3_reset(to);
    return result == SQLITE_DONE ? 0 : -1;
}

enum read_result { READ_ALL, READ_SOME, READ_FAILED };

/* READ_FAILED: the new database can't be written; READ_SOME: the old one can't be read any further.
 */
static enum read_result copy_rows(struct salvaging *salvaging, const struct part *part,
                                  const char *order)
{
    sqlite3_stmt *from = NULL, *to = NULL;
    enum read_result copied = READ_ALL;
    char select[512];
    assert(strlen(part->select) + (order ? strlen(order) : 0) + 16 < sizeof select);
    snprintf(select, sizeof select, "%s%s%s", part->select, order ? " ORDER BY " : "",
             order ? order : "");
    int result = sqlite3_prepare_v2(salvaging->from->handle, select, -1, &from, NULL);
    if (sqlite3_prepare_v2(salvaging->to->handle, part->insert, -1, &to, NULL) != SQLITE_OK)
        copied = READ_FAILED;
    while (copied == READ_ALL && (result == SQLITE_OK || result == SQLITE_ROW)) {
        result = sqlite3_step(from);
        if (result == SQLITE_ROW && part->is_wanted(salvaging, from) &&
            copy_row(from, to, part) < 0)
            copied = READ_FAILED;
    }
    if (copied == READ_ALL && result != SQLITE_DONE)
        copied = READ_SOME;
    sqlite3_finalize(from);
    sqlite3_finalize(to);
    return copied;
}

/* From its beginning, and when that does not lead to its end, from there. What lies between is left
 * out, and that is said. 0, or -1 when the new database can't be written. */
static int copy_part(struct salvaging *salvaging, const struct part *part)
{
    enum read_result copied = copy_rows(salvaging, part, part->order);
    if (copied == READ_SOME) {
        salvaging->result->unsure = true;
        leave_out(salvaging, slice_of(""), part->what, 0);
        if (part->back)
            copied = copy_rows(salvaging, part, part->back);
    }
    return copied == READ_FAILED ? -1 : 0;
}

/* ── packs: all items that are whole ── */

/* Who missed what is left out is told so: the past up to there is not kept any more. */
static void note_gap(const struct salvaging *salvaging, int64_t id, uint64_t seq)
{
    sqlite3_stmt *step;
    if (sqlite3_prepare_v2(salvaging->to->handle,
                           "UPDATE rooms SET (trimmed, checksum) = (SELECT most,"
                           " sum_of(id, name, most) FROM (SELECT max(trimmed, ?2) AS most))"
                           " WHERE id = ?1",
                           -1, &step, NULL) != SQLITE_OK)
        return;
    sqlite3_bind_int64(step, 1, id >> ID_SEQ_BITS);
    sqlite3_bind_int64(step, 2, (int64_t)seq);
    sqlite3_step(step);
    sqlite3_finalize(step);
}

static void item_left_out(const struct salvaging *salvaging, struct slice room, int64_t id,
                          const char *what, uint64_t seq)
{
    leave_out(salvaging, room, what, seq);
    note_gap(salvaging, id, seq);
}

/* Entries that are there, of which messages may be the own lines. */
static bool entry_is_kept(const struct salvaging *salvaging, int64_t id)
{
    sqlite3_stmt *step = salvaging->to->statements[STATEMENT_READ_ENTRIES];
    struct pack pack;
    struct entry entry = {0};
    sqlite3_bind_int64(step, 1, id);
    sqlite3_bind_int64(step, 2, entry_id((id >> ID_SEQ_BITS) + 1, 0) - 1);
    bool found = sqlite3_step(step) == SQLITE_ROW;
    if (found) {
        column_pack(slice_of(""), PACK_ENTRIES, step, &pack);
        uint32_t at = pack_find(&pack, id_seq(id));
        if (at < pack.count)
            pack_entry(slice_of(""), &pack, at, &entry);
        found = at < pack.count && entry.seq == id_seq(id);
    }
    sqlite3_reset(step);
    return found;
}

static void copy_entries(const struct salvaging *salvaging, struct slice room, int64_t id,
                         const struct pack *pack, struct pack_builder *builder)
{
    for (uint32_t at = 0; at < pack->count; at++) {
        struct entry entry;
        if (pack_entry(room, pack, at, &entry) && entry.seq > builder->last)
            pack_add_entry(builder, room, &entry);
        else
            item_left_out(salvaging, room, id, "entry", entry.seq);
    }
}

static void copy_messages(const struct salvaging *salvaging, struct slice room, int64_t id,
                          const struct pack *pack, struct pack_builder *builder)
{
    for (uint32_t at = 0; at < pack->count; at++) {
        struct message_kept message;
        bool whole = pack_message(room, pack, at, &message) && message.seq >= builder->last;
        /* without its entry it is nothing; and that was told */
        if (whole &&
            (!message.own || entry_is_kept(salvaging, entry_id(id >> ID_SEQ_BITS, message.seq))))
            pack_add_message(builder, room, &message);
        else if (!whole)
            item_left_out(salvaging, room, id, "message kept of entry", message.seq);
    }
}

static int copy_pack(const struct salvaging *salvaging, enum pack_kind kind, sqlite3_stmt *from)
{
    struct pack_builder builder = {0};
    struct slice room = column_slice(from, PACK_COLUMNS);
    int64_t id = sqlite3_column_int64(from, 0);
    struct pack pack;
    bool orphan = sqlite3_column_type(from, PACK_COLUMNS) == SQLITE_NULL;
    if (orphan && is_leaving(salvaging, id >> ID_SEQ_BITS))
        return 0;
    if (!column_pack(room, kind, from, &pack))
        leave_out(salvaging, room,
                  kind == PACK_ENTRIES ? "what is said of the entries up to"
                                       : "what is said of the messages kept up to entry",
                  pack.last);
    if (orphan)
        item_left_out(salvaging, room, id, "of a room that is not there: all up to", pack.last);
    else if (kind == PACK_ENTRIES)
        copy_entries(salvaging, room, id, &pack, &builder);
    else
        copy_messages(salvaging, room, id, &pack, &builder);
    int error = database_add_pack(salvaging->to, kind, id >> ID_SEQ_BITS, &builder);
    pack_builder_free(&builder);
    return error;
}

static sqlite3_stmt *prepared(const struct database *database, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    sqlite3_prepare_v2(database->handle, sql, -1, &statement, NULL);
    return statement;
}

/* Where a walk over the packs has come, from the first or back from the last. */
struct pack_walk {
    sqlite3_stmt *next, *row;
    int64_t id, end;
    bool back;
};

static bool walk_is_over(const struct pack_walk *walk)
{
    return walk->back ? walk->id <= walk->end : walk->id >= walk->end;
}

/* A pack that can't be read is no reason to leave out those behind it. READ_SOME: where the next
 * one is can't be told. */
static enum read_result walk_packs(struct salvaging *salvaging, enum pack_kind kind,
                                   struct pack_walk *walk)
{
    int error = 0, result = walk->next && walk->row ? SQLITE_ROW : SQLITE_ERROR;
    while (error == 0 && result == SQLITE_ROW) {
        sqlite3_bind_int64(walk->next, 1, walk->id);
        result = sqlite3_step(walk->next);
        int64_t id = result == SQLITE_ROW ? sqlite3_column_int64(walk->next, 0) : walk->id;
        sqlite3_reset(walk->next);
        if (result == SQLITE_ROW && (walk->back ? id >= walk->id : id <= walk->id))
            result = SQLITE_CORRUPT;
        if (result != SQLITE_ROW)
            break;
        walk->id = id;
        if (walk_is_over(walk))
            return READ_ALL;
        sqlite3_bind_int64(walk->row, 1, id);
        if (sqlite3_step(walk->row) == SQLITE_ROW)
            error = copy_pack(salvaging, kind, walk->row);
        else
            item_left_out(salvaging, slice_of(""), id,
                          kind == PACK_ENTRIES ? "entries up to" : "messages kept up to entry",
                          id_seq(id));
        sqlite3_reset(walk->row);
    }
    if (error < 0)
        return READ_FAILED;
    return result == SQLITE_DONE ? READ_ALL : READ_SOME;
}

/* 0 or -1, as copy_part. */
static int copy_packs(struct salvaging *salvaging, enum pack_kind kind)
{
    static const char *const ids[][2] = {
        [PACK_ENTRIES] = {"SELECT id FROM entry_packs WHERE id > ?1 ORDER BY id LIMIT 1",
                          "SELECT id FROM entry_packs WHERE id < ?1 ORDER BY id DESC LIMIT 1"},
        [PACK_MESSAGES] = {"SELECT id FROM message_packs WHERE id > ?1 ORDER BY id LIMIT 1",
                           "SELECT id FROM message_packs WHERE id < ?1 ORDER BY id DESC LIMIT 1"}};
    static const char *const rows[] = {
        [PACK_ENTRIES] = "SELECT " PACK_COLUMN_NAMES ", (SELECT name FROM rooms WHERE rooms.id ="
                         " entry_packs.id >> 44) FROM entry_packs WHERE id = ?1",
        [PACK_MESSAGES] = "SELECT " PACK_COLUMN_NAMES ", (SELECT name FROM rooms WHERE rooms.id ="
                          " message_packs.id >> 44) FROM message_packs WHERE id = ?1"};
    struct pack_walk walk = {.row = prepared(salvaging->from, rows[kind]), .id = INT64_MIN};
    enum read_result copied = READ_SOME;
    for (int back = 0; back < 2 && copied == READ_SOME; back++) {
        walk.next = prepared(salvaging->from, ids[kind][back]);
        walk.back = back;
        walk.end = back ? walk.id : INT64_MAX;
        walk.id = back ? INT64_MAX : INT64_MIN;
        copied = walk_packs(salvaging, kind, &walk);
        sqlite3_finalize(walk.next);
        if (copied == READ_SOME && !back) {
            salvaging->result->unsure = true;
            leave_out(salvaging, slice_of(""), kind == PACK_ENTRIES ? "entries" : "messages", 0);
        }
    }
    sqlite3_finalize(walk.row);
    return copied == READ_FAILED ? -1 : 0;
}

static int execute(struct database *database, const char *sql)
{
    return sqlite3_exec(database->handle, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : -1;
}

/* A room that may come goes on above all seqs that there can have been. */
static int new_rooms_above(struct database *database)
{
    sqlite3_stmt *step = database->statements[STATEMENT_LET_GO];
    sqlite3_bind_int64(step, 1, INT64_C(1) << (ID_SEQ_BITS - 1));
    return database_step(database, STATEMENT_LET_GO);
}

/* As far as they can be read. */
static void find_leaving(struct salvaging *salvaging)
{
    sqlite3_stmt *step = prepared(salvaging->from, "SELECT id FROM " LEAVING_IDS);
    while (step && sqlite3_step(step) == SQLITE_ROW) {
        salvaging->leaving = memory_grow(salvaging->leaving, &salvaging->leaving_capacity,
                                         salvaging->leaving_count + 1, sizeof *salvaging->leaving);
        salvaging->leaving[salvaging->leaving_count++] = sqlite3_column_int64(step, 0);
    }
    sqlite3_finalize(step);
}

static int copy_all(struct salvaging *salvaging)
{
    find_leaving(salvaging);
    int error = execute(salvaging->to, "BEGIN");
    for (size_t i = 0; i < sizeof parts / sizeof *parts && error == 0; i++)
        error = copy_part(salvaging, &parts[i]);
    if (error == 0 && salvaging->let_go_lost)
        error = new_rooms_above(salvaging->to);
    for (enum pack_kind kind = 0; kind < PACK_KIND_COUNT && error == 0; kind++)
        error = copy_packs(salvaging, kind);
    if (salvaging->from->cut) {
        salvaging->result->unsure = true;
        leave_out(salvaging, slice_of(""), "entries", 0);
    }
    return error == 0 ? execute(salvaging->to, "COMMIT") : error;
}

int store_salvage(struct store *store, const char *directory, const struct store_damage *damage,
                  struct store_salvaged *ret_result, char ret_why[STORE_WHY_SIZE])
{
    struct database to = DATABASE_NONE;
    struct salvaging salvaging = {
        .from = &store->database, .to = &to, .damage = damage, .result = ret_result};
    assert(store->database.salvage);
    *ret_result = (struct store_salvaged){.unsure = store->database.unsure};
    if (store_exists(directory)) {
        snprintf(ret_why, STORE_WHY_SIZE, "%s: %s", directory, strerror(EEXIST));
        return -1;
    }
    int error = database_open(&to, directory, STORE_SYNC_ALWAYS, ret_why);
    if (error == 0 && copy_all(&salvaging) < 0) {
        snprintf(ret_why, STORE_WHY_SIZE, "%s: %s", directory, sqlite3_errmsg(to.handle));
        error = -1;
    }
    database_close(&to);
    free(salvaging.leaving);
    return error;
}

int store_go_on_above(struct store *store, bool unsure)
{
    const struct store_log *log;
    uint64_t highest = 0;
    char sql[512];
    TAILQ_FOREACH (log, &store->logs, next)
        if (log->seq > highest)
            highest = log->seq;
    uint64_t floor = highest + SEQS_LEFT_OUT;
    snprintf(sql, sizeof sql,
             "BEGIN; INSERT INTO meta (name, value, checksum)"
             " SELECT name, value, sum_of(name, value) FROM (SELECT column1 AS name,"
             " CAST(printf('%%020d', %" PRIu64 ") AS BLOB) AS value"
             " FROM (VALUES ('floor'), ('let_go'))) WHERE true"
             " ON CONFLICT DO UPDATE SET value = excluded.value, checksum = excluded.checksum"
             " WHERE value < excluded.value;"
             "UPDATE rooms SET trimmed = %" PRIu64 ", checksum = sum_of(id, name, %" PRIu64 ")"
             " WHERE %d; COMMIT",
             floor, floor, floor, unsure);
    return execute(&store->database, sql);
}

int store_leave_out(struct store *store, struct slice room, const struct row *row)
{
    const struct store_log *log = log_find(store, room);
    sqlite3_stmt **statements = store->database.statements;
    if (!log)
        return -1;
    if (!row) {
        sqlite3_bind_int64(statements[STATEMENT_DROP_ROWS], 1, log->id);
        return database_step(&store->database, STATEMENT_DROP_ROWS);
    }
    sqlite3_stmt *drop = statements[STATEMENT_DROP_ROW];
    sqlite3_bind_int64(drop, 1, log->id);
    sqlite3_bind_int64(drop, 2, row->kind);
    sqlite3_bind_blob64(drop, 3, row->key.len ? row->key.at : "", row->key.len, SQLITE_TRANSIENT);
    return database_step(&store->database, STATEMENT_DROP_ROW);
}
