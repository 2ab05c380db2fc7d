/* What one transaction does: entries and messages go into packs, a checkpoint goes a step on. */
#include <assert.h>
#include <stdio.h>

#include "store/inside.h"

static int write_room(struct database *database, struct store_log *log)
{
    sqlite3_stmt *add = database->statements[STATEMENT_ADD_ROOM];
    sqlite3_bind_int64(add, 1, log->id);
    sqlite3_bind_blob64(add, 2, log->room.at, log->room.len, SQLITE_STATIC);
    return database_step(database, STATEMENT_ADD_ROOM);
}

static int write_pack(struct database *database, struct store_log *log, enum pack_kind kind)
{
    if (!log->packs[kind].count)
        return 0;
    if (!log->written && write_room(database, log) < 0)
        return -1;
    return database_add_pack(database, kind, log->id, &log->packs[kind]);
}

/* An earlier hub ended in the midst of what an entry caused: its last pack, which ends with that
 * entry, is filled on. 0 or -1. */
static int take_back(struct database *database, struct store_log *log, struct pack_builder *pack)
{
    sqlite3_stmt *read = database->statements[STATEMENT_READ_MESSAGES];
    sqlite3_stmt *drop = database->statements[STATEMENT_DROP_MESSAGES];
    int64_t id = entry_id(log->id, log->kept_seq);
    struct pack last = {0};
    for (int at = 1; at <= 2; at++) {
        sqlite3_bind_int64(read, at, id);
        sqlite3_bind_int64(drop, at, id);
    }
    int result = sqlite3_step(read);
    if (result == SQLITE_ROW)
        column_pack(log->room, PACK_MESSAGES, read, &last);
    for (uint32_t at = 0; at < last.count; at++) {
        struct message_kept message;
        if (pack_message(log->room, &last, at, &message))
            pack_add_message(pack, log->room, &message);
    }
    sqlite3_reset(read);
    return database_step(database, STATEMENT_DROP_MESSAGES);
}

/* The log's pack that is to take the item. NULL when the one before could not be written. */
static struct pack_builder *pack_for(struct database *database, struct group *group,
                                     struct store_log *log, enum pack_kind kind, uint64_t seq)
{
    if (!log->packing) {
        log->packing = true;
        log->next_packing = group->packing;
        group->packing = log;
    }
    if (pack_is_full(&log->packs[kind], seq) && write_pack(database, log, kind) < 0)
        return NULL;
    struct pack_builder *pack = &log->packs[kind];
    bool back = kind == PACK_MESSAGES && !pack->count && seq == log->kept_seq;
    return back && take_back(database, log, pack) < 0 ? NULL : pack;
}

/* The packs are empty now; those of one room keep their memory. */
static void packs_clear(struct store_log *log, bool keep)
{
    for (enum pack_kind kind = 0; kind < PACK_KIND_COUNT; kind++)
        if (keep)
            pack_clear(&log->packs[kind]);
        else
            pack_builder_free(&log->packs[kind]);
}

/* All that is in packs is written; or after an error let go. */
static int end_packs(struct database *database, struct group *group, int error)
{
    struct store_log *log;
    while ((log = group->packing)) {
        struct store *store = log->store;
        bool last = !log->next_packing;
        for (enum pack_kind kind = 0; kind < PACK_KIND_COUNT && error == 0; kind++)
            error = write_pack(database, log, kind);
        packs_clear(log, last);
        if (last && store->packed && store->packed != log)
            packs_clear(store->packed, false);
        if (last)
            store->packed = log;
        group->packing = log->next_packing;
        log->packing = false;
    }
    return error;
}

static int write_entry(struct database *database, struct group *group, const struct batch *batch,
                       const struct item *item)
{
    struct entry entry = item->entry;
    assert((uintptr_t)entry.bytes.at + entry.bytes.len + entry.blob.len <= batch->bytes.len);
    entry.bytes.at = batch->bytes.at + (uintptr_t)entry.bytes.at;
    struct pack_builder *pack = pack_for(database, group, item->log, PACK_ENTRIES, entry.seq);
    if (pack)
        pack_add_entry(pack, item->log->room, &entry);
    if (pack && entry.blob.len)
        return chunk_put(database, item->log, entry.seq,
                         (struct slice){slice_end(entry.bytes), entry.blob.len});
    return pack ? 0 : -1;
}

static int write_message(struct database *database, struct group *group, const struct batch *batch,
                         const struct item *item)
{
    const struct kept *kept = &item->kept;
    /* messages that are their entries' own lines, to all, have none */
    const char *bytes = batch->bytes.len ? batch->bytes.at + (uintptr_t)item->entry.bytes.at : "";
    size_t texts = (size_t)kept->but_len + kept->names_len;
    assert(texts <= item->entry.bytes.len);
    assert((uintptr_t)item->entry.bytes.at + item->entry.bytes.len <= batch->bytes.len);
    struct message_kept message = {.seq = item->entry.seq,
                                   .number = kept->number,
                                   .level = kept->level,
                                   .audience = kept->audience,
                                   .observed = kept->observed,
                                   .own = kept->own,
                                   .but = {bytes, kept->but_len},
                                   .names = {bytes + kept->but_len, kept->names_len},
                                   .line = {bytes + texts, item->entry.bytes.len - texts}};
    struct pack_builder *pack = pack_for(database, group, item->log, PACK_MESSAGES, message.seq);
    if (pack)
        pack_add_message(pack, item->log->room, &message);
    return pack ? 0 : -1;
}

/* What the messages of an entry say from now on. */
static int write_retraction(struct database *database, const struct batch *batch,
                            const struct item *item)
{
    if (item->kind != ITEM_RETRACT || item->log->forgotten)
        return 0;
    const char *bytes = batch->bytes.at + (uintptr_t)item->entry.bytes.at;
    return retract_messages(database, item->log, item->entry.seq,
                            (struct slice){bytes, item->entry.bytes.len}, item->kept.level);
}

static int write_item(struct database *database, struct group *group, const struct batch *batch,
                      const struct item *item)
{
    switch (item->kind) {
    case ITEM_RETRACT:
        return 0; /* when all packs are written */
    case ITEM_ENTRY:
        return write_entry(database, group, batch, item);
    case ITEM_MESSAGE:
        return write_message(database, group, batch, item);
    case ITEM_FORGET:
        return forget_begin(database, item->log);
    case ITEM_DROP:
        return item->log->forgotten
                   ? 0
                   : chunks_drop_later(
                         database, item->log,
                         (struct slice){batch->bytes.at + (uintptr_t)item->entry.bytes.at,
                                        item->entry.bytes.len});
    }
    return -1;
}

static int write_items(struct database *database, struct group *group)
{
    const struct batch *batch;
    int error = 0;
    STAILQ_FOREACH(batch, &group->batches, next)
    for (size_t i = 0; i < batch->count && error == 0; i++)
        error = write_item(database, group, batch, &batch->items[i]);
    error = end_packs(database, group, error);
    STAILQ_FOREACH(batch, &group->batches, next)
    for (size_t i = 0; i < batch->count && error == 0; i++)
        error = write_retraction(database, batch, &batch->items[i]);
    return error;
}

int transaction_run(struct database *database, struct group *group, struct checkpoint *checkpoint,
                    char why[STORE_WHY_SIZE])
{
    int error = database_step(database, STATEMENT_BEGIN);
    if (error == 0 && group)
        error = write_items(database, group);
    if (error == 0 && checkpoint)
        error = checkpoint_write(database, checkpoint);
    if (error == 0)
        error = database_step(database, STATEMENT_COMMIT);
    if (error == 0 && checkpoint)
        checkpoint_written(database, checkpoint);
    if (error == 0)
        return 0;
    snprintf(why, STORE_WHY_SIZE, "%s", sqlite3_errmsg(database->handle));
    if (!sqlite3_get_autocommit(database->handle))
        database_step(database, STATEMENT_ROLLBACK);
    return -1;
}
