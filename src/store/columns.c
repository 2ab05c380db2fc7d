/* Rows of the database, and what they say: columns of a statement that is at a row; packs in and
 * out. */
#include <xxhash.h>

#include "store/inside.h"

struct slice column_slice(sqlite3_stmt *statement, int column)
{
    const char *at = sqlite3_column_blob(statement, column);
    return (struct slice){at ? at : "", (size_t)sqlite3_column_bytes(statement, column)};
}

/* ── rows of state ── */

struct row column_row(sqlite3_stmt *statement)
{
    return (struct row){(enum row_kind)sqlite3_column_int(statement, 0), column_slice(statement, 1),
                        column_slice(statement, 2)};
}

uint64_t row_checksum(struct slice room, const struct row *row)
{
    uint64_t seed = XXH3_64bits_withSeed(room.at, room.len, (uint64_t)row->kind);
    return XXH3_64bits_withSeed(row->bytes.at, row->bytes.len,
                                XXH3_64bits_withSeed(row->key.at, row->key.len, seed));
}

bool row_is_whole(struct slice room, const struct row *row, sqlite3_stmt *statement)
{
    return row_checksum(room, row) == (uint64_t)sqlite3_column_int64(statement, ROW_COLUMNS - 1);
}

/* ── packs ── */

/* Of what stands beside the bytes; each item of these has its own. */
static int64_t pack_checksum(enum pack_kind kind, int64_t id, int64_t count, int64_t time)
{
    const int64_t head[] = {kind, id, count, time};
    return (int64_t)XXH3_64bits(head, sizeof head);
}

bool column_pack(struct slice room, enum pack_kind kind, sqlite3_stmt *statement,
                 struct pack *ret_pack)
{
    int64_t id = sqlite3_column_int64(statement, 0), count = sqlite3_column_int64(statement, 1);
    int64_t time = sqlite3_column_int64(statement, 2);
    bool whole = sqlite3_column_int64(statement, 4) == pack_checksum(kind, id, count, time);
    *ret_pack = (struct pack){.kind = kind,
                              .bytes = column_slice(statement, 3),
                              .last = id_seq(id),
                              .count = (uint32_t)count};
    if (!whole)
        ret_pack->count = pack_count_whole(room, ret_pack);
    return whole;
}

int database_add_pack(struct database *database, enum pack_kind kind, int64_t room,
                      struct pack_builder *builder)
{
    static const enum statement statements[PACK_KIND_COUNT] = {
        [PACK_ENTRIES] = STATEMENT_ADD_ENTRIES, [PACK_MESSAGES] = STATEMENT_ADD_MESSAGES};
    sqlite3_stmt *add = database->statements[statements[kind]];
    int64_t id = entry_id(room, builder->last);
    if (!builder->count)
        return 0;
    struct slice bytes = pack_bytes(builder);
    sqlite3_bind_int64(add, 1, id);
    sqlite3_bind_int64(add, 2, builder->count);
    sqlite3_bind_int64(add, 3, builder->last_ms);
    sqlite3_bind_blob64(add, 4, bytes.at, bytes.len, SQLITE_STATIC);
    sqlite3_bind_int64(add, 5, pack_checksum(kind, id, builder->count, builder->last_ms));
    int error = bytes.at ? database_step(database, statements[kind]) : -1;
    pack_clear(builder);
    return error;
}
