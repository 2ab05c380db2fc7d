/* A checkpoint, in steps that go into the commits of entries: who waits for one of these waits for
 * a step, however many rows a checkpoint has.
 *
 * Rows are written in place, and none of them counts before all do. So what each was is put into
 * table `undo` first; the last step, with no need of that itself, says in `meta` that what is there
 * is not needed any more, and steps after it take it away. A store that finds something there that
 * is needed, after a crash or in a copy, puts it back where it was: then the state is again what
 * the checkpoint before made of it. A checkpoint of one step has nothing to do with all that.
 *
 * Rows of `undo` are numbered on for ever. One checkpoint is written at a time. */
#include <assert.h>
#include <stdio.h>
#include <time.h>

#include "store/inside.h"

#define STEP_BYTES (128u << 10) /* of its rows, or what is over with the last one */
#define SWEEP_ROWS 1024u        /* of `undo` */

/* ── rows ── */

static size_t step_end(struct checkpoint *checkpoint)
{
    size_t at = checkpoint->written, bytes = 0;
    size_t rows = checkpoint->at_once ? SIZE_MAX : STEP_ROWS;
    size_t most = checkpoint->at_once ? SIZE_MAX : STEP_BYTES;
    while (at < checkpoint->count && at - checkpoint->written < rows && bytes < most)
        bytes += order_row(checkpoint, at++)->bytes_len;
    return at;
}

static void bind_row(sqlite3_stmt *step, const struct checkpoint *checkpoint, const struct row *row)
{
    sqlite3_bind_int64(step, 1, checkpoint->log->id);
    sqlite3_bind_int64(step, 2, row->kind);
    sqlite3_bind_blob64(step, 3, row->key.len ? row->key.at : "", row->key.len, SQLITE_STATIC);
}

/* What it was goes into `undo`. */
static int keep_row(struct database *database, const struct checkpoint *checkpoint,
                    const struct row *row, uint64_t number)
{
    sqlite3_stmt *step = database->statements[STATEMENT_KEEP_ROW];
    bind_row(step, checkpoint, row);
    sqlite3_bind_int64(step, 4, (int64_t)number);
    return database_step(database, STATEMENT_KEEP_ROW);
}

static int put_row(struct database *database, const struct checkpoint *checkpoint,
                   const struct row *row)
{
    sqlite3_stmt *step = database->statements[STATEMENT_PUT_ROW];
    bind_row(step, checkpoint, row);
    sqlite3_bind_blob64(step, 4, row->bytes.at, row->bytes.len, SQLITE_STATIC);
    sqlite3_bind_int64(step, 5, (int64_t)row_checksum(checkpoint->log->room, row));
    return database_step(database, STATEMENT_PUT_ROW);
}

static int drop_row(struct database *database, const struct checkpoint *checkpoint,
                    const struct row *row)
{
    bind_row(database->statements[STATEMENT_DROP_ROW], checkpoint, row);
    return database_step(database, STATEMENT_DROP_ROW);
}

/* Nothing of `undo` is needed. */
static int undo_end(struct database *database)
{
    sqlite3_bind_int64(database->statements[STATEMENT_UNDO_END], 1, (int64_t)database->undo_next);
    return database_step(database, STATEMENT_UNDO_END);
}

static int write_rows(struct database *database, struct checkpoint *checkpoint)
{
    int error = 0;
    checkpoint->step_end = step_end(checkpoint);
    bool last = checkpoint->step_end == checkpoint->count;
    for (size_t i = checkpoint->written; i < checkpoint->step_end && error == 0; i++) {
        const struct checkpoint_row *kept = order_row(checkpoint, i);
        assert(kept->bytes_at + kept->bytes_len <= checkpoint->bytes.len);
        struct row row = {kept->kind,
                          {checkpoint->bytes.at + kept->key_at, kept->key_len},
                          {checkpoint->bytes.at + kept->bytes_at, kept->bytes_len}};
        if (!last)
            error = keep_row(database, checkpoint, &row,
                             database->undo_next + (i - checkpoint->written));
        if (error == 0)
            error = (kept->gone ? drop_row : put_row)(database, checkpoint, &row);
    }
    return error == 0 && last && checkpoint->written ? undo_end(database) : error;
}

/* ── steps ── */

static uint64_t sweep_end(const struct database *database, const struct checkpoint *checkpoint)
{
    uint64_t end = database->undo_swept + SWEEP_ROWS;
    return end < database->undo_needed && !checkpoint->at_once ? end : database->undo_needed;
}

static int sweep(struct database *database, const struct checkpoint *checkpoint)
{
    sqlite3_stmt *step = database->statements[STATEMENT_DROP_UNDO];
    sqlite3_bind_int64(step, 1, (int64_t)sweep_end(database, checkpoint));
    return database_step(database, STATEMENT_DROP_UNDO);
}

bool checkpoint_is_swept(const struct database *database)
{
    return database->undo_swept == database->undo_needed;
}

bool checkpoint_is_whole(const struct checkpoint *checkpoint)
{
    return checkpoint->written == checkpoint->count;
}

int checkpoint_write(struct database *database, struct checkpoint *checkpoint)
{
    if (checkpoint->log->forgotten)
        return 0;
    return checkpoint_is_whole(checkpoint) ? sweep(database, checkpoint)
                                           : write_rows(database, checkpoint);
}

void checkpoint_written(struct database *database, struct checkpoint *checkpoint)
{
    if (checkpoint->log->forgotten)
        return;
    if (checkpoint_is_whole(checkpoint)) {
        database->undo_swept = sweep_end(database, checkpoint);
        return;
    }
    bool last = checkpoint->step_end == checkpoint->count;
    if (last)
        database->undo_needed = database->undo_next;
    else
        database->undo_next += checkpoint->step_end - checkpoint->written;
    checkpoint->log->half_written = !last;
    checkpoint->written = checkpoint->step_end;
}

int checkpoint_forget(struct database *database, struct store_log *log)
{
    log->forgotten = true;
    return log->half_written ? undo_end(database) : 0;
}

/* ── at the beginning ── */

#define SUM_FITS "sum = " UNDO_SUM
#define IS_NEEDED                                                                                  \
    "id >= coalesce((SELECT CAST(CAST(value AS TEXT) AS INTEGER) FROM meta"                        \
    " WHERE name = 'undo_end'), 0)"
/* Of what a row was, the first is what it was before the checkpoint. */
#define FIRST                                                                                      \
    "(SELECT * FROM undo WHERE id IN (SELECT min(id) FROM undo WHERE " IS_NEEDED " AND " SUM_FITS  \
    " GROUP BY room, kind, key))"

static int take_back(struct database *database)
{
    static const char sql[] =
        "BEGIN IMMEDIATE;"
        "INSERT INTO state (room, kind, key, bytes, checksum) SELECT room, kind, key, bytes,"
        " checksum FROM " FIRST " WHERE bytes IS NOT NULL"
        " ON CONFLICT DO UPDATE SET bytes = excluded.bytes, checksum = excluded.checksum;"
        "DELETE FROM state WHERE (room, kind, key) IN"
        " (SELECT room, kind, key FROM " FIRST " WHERE bytes IS NULL);"
        "DELETE FROM undo;"
        "COMMIT;";
    if (sqlite3_exec(database->handle, sql, NULL, NULL, NULL) == SQLITE_OK)
        return 0;
    if (!sqlite3_get_autocommit(database->handle))
        sqlite3_exec(database->handle, "ROLLBACK", NULL, NULL, NULL);
    return -1;
}

/* *ret_some: is there anything in `undo`? */
static int undo_look(struct database *database, const char *path, bool *ret_some,
                     char why[STORE_WHY_SIZE])
{
    int error = meta_seq(database, "undo_end", &database->undo_needed, path, why);
    database->undo_swept = database->undo_next = database->undo_needed;
    int64_t some = database_number(database, "SELECT EXISTS (SELECT 1 FROM undo)");
    int64_t broken = database_number(database, "SELECT count(*) FROM undo WHERE " IS_NEEDED
                                               " AND NOT " SUM_FITS);
    *ret_some = some > 0;
    if (error == 0 && (some < 0 || broken < 0))
        error = database_fail(database, path, why);
    if (error == 0 && broken)
        error = database_damaged(why, path, "in what an unfinished checkpoint has to put back");
    return error;
}

int checkpoint_see_back(struct database *database, const char *path, char why[STORE_WHY_SIZE])
{
    static const char view[] =
        "CREATE TEMP VIEW state_back AS"
        " SELECT room, kind, key, bytes, checksum FROM state"
        " WHERE (room, kind, key) NOT IN (SELECT room, kind, key FROM " FIRST ")"
        " UNION ALL SELECT room, kind, key, bytes, checksum FROM " FIRST " WHERE bytes IS NOT NULL";
    bool some;
    int error = undo_look(database, path, &some, why);
    if (error < 0 || !some)
        return error;
    if (sqlite3_exec(database->handle, view, NULL, NULL, NULL) != SQLITE_OK)
        return database_fail(database, path, why);
    database->state = "state_back";
    return 0;
}

int checkpoint_take_back(struct database *database, const char *path, char why[STORE_WHY_SIZE])
{
    bool some;
    int error = undo_look(database, path, &some, why);
    bool may = error == 0 || database->salvage;
    if (may && some && take_back(database) < 0 && error == 0)
        error = database_fail(database, path, why);
    return error;
}

/* ── letting go ── */

/* Bytes of the database that hold something. */
static uint64_t database_bytes(struct database *database)
{
    int64_t pages = database_number(database, "PRAGMA page_count");
    int64_t empty = database_number(database, "PRAGMA freelist_count");
    return (uint64_t)((pages - empty) * database_number(database, "PRAGMA page_size"));
}

/* The same without what entries brought, which is not retained but let go; exact when it is over
 * `most`. */
static uint64_t retained_bytes(struct database *database, uint64_t most)
{
    uint64_t all = database_bytes(database), chunks = all > most ? chunks_bytes(database) : 0;
    return all > chunks ? all - chunks : 0;
}

/* Is a pack of entries whose last has this id and time too old, or too far back? */
static bool is_past(const struct store_options *options, const struct checkpoint *checkpoint,
                    int64_t id, int64_t time)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t age = (int64_t)now.tv_sec * 1000 - time;
    return (options->retain_ms && age > options->retain_ms) ||
           (options->retain_entries && id_seq(id) + options->retain_entries <= checkpoint->seq);
}

/* A room's oldest packs below the checkpoint that are not to be retained, STORE_TRIM_AT_ONCE
 * entries or a pack more: the last one's id. False: there is none. */
static bool beyond_retention(struct store *store, const struct checkpoint *checkpoint,
                             int64_t *ret_id)
{
    const struct store_options *options = &store->options;
    bool large = options->retain_bytes &&
                 retained_bytes(&store->database, options->retain_bytes) > options->retain_bytes;
    sqlite3_stmt *step = store->database.statements[STATEMENT_OLDEST];
    int64_t entries = 0;
    sqlite3_bind_int64(step, 1, entry_id(checkpoint->log->id, 0));
    sqlite3_bind_int64(step, 2, entry_id(checkpoint->log->id, checkpoint->seq));
    while (entries < STORE_TRIM_AT_ONCE && sqlite3_step(step) == SQLITE_ROW) {
        int64_t id = sqlite3_column_int64(step, 0);
        if (!large && !is_past(options, checkpoint, id, sqlite3_column_int64(step, 1)))
            break;
        *ret_id = id;
        entries += sqlite3_column_int64(step, 2);
    }
    sqlite3_reset(step);
    return entries > 0;
}

static int trim_chunk(struct database *database, const struct checkpoint *checkpoint, int64_t id)
{
    static const enum statement deletes[] = {STATEMENT_DROP_ENTRIES, STATEMENT_DROP_MESSAGES};
    int64_t first = entry_id(checkpoint->log->id, 0);
    sqlite3_stmt *set = database->statements[STATEMENT_SET_TRIMMED];
    int error = database_step(database, STATEMENT_BEGIN);
    for (size_t i = 0; i < 2 && error == 0; i++) {
        sqlite3_bind_int64(database->statements[deletes[i]], 1, first);
        sqlite3_bind_int64(database->statements[deletes[i]], 2, id);
        error = database_step(database, deletes[i]);
    }
    sqlite3_bind_int64(set, 1, checkpoint->log->id);
    sqlite3_bind_int64(set, 2, id - first);
    if (error == 0)
        error = database_step(database, STATEMENT_SET_TRIMMED);
    if (error == 0)
        error = database_step(database, STATEMENT_COMMIT);
    if (error < 0 && !sqlite3_get_autocommit(database->handle))
        database_step(database, STATEMENT_ROLLBACK);
    return error;
}

bool checkpoint_trim(struct store *store, const struct checkpoint *checkpoint)
{
    int64_t id;
    return beyond_retention(store, checkpoint, &id) &&
           trim_chunk(&store->database, checkpoint, id) == 0;
}
