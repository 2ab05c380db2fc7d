/* audit.db. Nothing in it is changed, and nothing taken away but accesses that are no longer among
 * the last: SQLite itself sees to that, whoever has the file open. (Who may write the file may
 * replace it.) */
#include "auth/audit_file.h"

#include <sqlite3.h>
#include <stdio.h>

#include "auth/file.h"

#define APPLICATION_ID 0x6b687561 /* "khua" */
#define AUDIT_SCHEMA   1

#define TEXT_OF(x)     #x
#define TEXT(x)        TEXT_OF(x)
/* The ids of rows rise by one each, acts' too: so at the most so many accesses stay. */
#define IS_LATE(id) id " > (SELECT max(id) FROM audit) - " TEXT(AUDIT_ACCESSES_KEPT)

static const char schema[] =
    "CREATE TABLE audit (id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL,"
    " what TEXT NOT NULL, act INTEGER NOT NULL, token TEXT NOT NULL, ai TEXT NOT NULL,"
    " room TEXT NOT NULL, origin TEXT NOT NULL, detail TEXT NOT NULL, times INTEGER NOT NULL)"
    " STRICT;"
    "CREATE INDEX accesses ON audit (id) WHERE act = 0;"
    "CREATE TRIGGER audit_stays BEFORE UPDATE ON audit"
    " BEGIN SELECT RAISE(ABORT, 'what was done is not changed'); END;"
    "CREATE TRIGGER audit_keeps BEFORE DELETE ON audit WHEN OLD.act != 0 OR " IS_LATE(
        "OLD.id") " BEGIN SELECT RAISE(ABORT, 'what was done is not taken away'); END;";

static int fail(const struct audit_file *file, char why[AUDIT_WHY_SIZE])
{
    snprintf(why, AUDIT_WHY_SIZE, "audit.db: %s", sqlite3_errmsg(file->handle));
    return -1;
}

static int execute(struct audit_file *file, const char *sql, char why[AUDIT_WHY_SIZE])
{
    return sqlite3_exec(file->handle, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail(file, why);
}

static int number_take(void *ctx, int count, char **texts, char **names)
{
    (void)count;
    (void)names;
    sscanf(texts[0] ? texts[0] : "0", "%d", (int *)ctx);
    return 0;
}

static int number_read(struct audit_file *file, const char *sql, int *ret_number,
                       char why[AUDIT_WHY_SIZE])
{
    *ret_number = 0;
    return sqlite3_exec(file->handle, sql, number_take, ret_number, NULL) == SQLITE_OK
               ? 0
               : fail(file, why);
}

/* In a transaction: two programs may come to a new file at once. */
static int schema_check(struct audit_file *file, char why[AUDIT_WHY_SIZE])
{
    char sql[128];
    int version, application;
    if (number_read(file, "PRAGMA user_version", &version, why) < 0 ||
        number_read(file, "PRAGMA application_id", &application, why) < 0)
        return -1;
    if (version == 0 && application == 0) {
        snprintf(sql, sizeof sql, "PRAGMA application_id = %d; PRAGMA user_version = %d;",
                 APPLICATION_ID, AUDIT_SCHEMA);
        return execute(file, schema, why) < 0 ? -1 : execute(file, sql, why);
    }
    if (application == APPLICATION_ID && version == AUDIT_SCHEMA)
        return 0;
    snprintf(why, AUDIT_WHY_SIZE, "audit.db is of %s",
             application == APPLICATION_ID ? "a later version of khub" : "another program");
    return -1;
}

static int statements_make(struct audit_file *file, char why[AUDIT_WHY_SIZE])
{
    static const char insert[] =
        "INSERT INTO audit (time, what, act, token, ai, room, origin, detail, times)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    static const char let_go[] = "DELETE FROM audit WHERE act = 0 AND NOT " IS_LATE("id");
    bool made = sqlite3_prepare_v2(file->handle, insert, -1, &file->insert, NULL) == SQLITE_OK &&
                sqlite3_prepare_v2(file->handle, let_go, -1, &file->let_go, NULL) == SQLITE_OK;
    return made ? 0 : fail(file, why);
}

int audit_file_open(struct audit_file *file, const char *directory, char ret_why[AUDIT_WHY_SIZE])
{
    char path[4096];
    if (file_path(directory, "audit.db", path, sizeof path, ret_why, AUDIT_WHY_SIZE) < 0 ||
        file_prepare(directory, path, true, ret_why, AUDIT_WHY_SIZE) < 0)
        return -1;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    bool opened = sqlite3_open_v2(path, &file->handle, flags, NULL) == SQLITE_OK &&
                  sqlite3_busy_timeout(file->handle, AUDIT_PATIENCE_MS) == SQLITE_OK;
    int error = opened ? audit_file_begin(file, ret_why) : fail(file, ret_why);
    if (error == 0)
        error = schema_check(file, ret_why);
    if (error == 0)
        error = execute(file, "COMMIT", ret_why);
    if (error == 0)
        error = statements_make(file, ret_why);
    if (error < 0)
        audit_file_close(file);
    return error;
}

void audit_file_close(struct audit_file *file)
{
    sqlite3_finalize(file->insert);
    sqlite3_finalize(file->let_go);
    sqlite3_close(file->handle);
    *file = (struct audit_file){NULL, NULL, NULL};
}

int audit_file_begin(struct audit_file *file, char ret_why[AUDIT_WHY_SIZE])
{
    return execute(file, "BEGIN IMMEDIATE", ret_why);
}

/* A step of a statement that hands out nothing. */
static int step(struct audit_file *file, sqlite3_stmt *statement, char why[AUDIT_WHY_SIZE])
{
    int error = sqlite3_step(statement) == SQLITE_DONE ? 0 : fail(file, why);
    sqlite3_reset(statement);
    return error;
}

int audit_file_end(struct audit_file *file, bool well, char ret_why[AUDIT_WHY_SIZE])
{
    int error = well ? step(file, file->let_go, ret_why) : -1;
    if (error == 0)
        error = execute(file, "COMMIT", ret_why);
    if (error < 0)
        sqlite3_exec(file->handle, "ROLLBACK", NULL, NULL, NULL);
    return error;
}

static void bind(sqlite3_stmt *row, int at, struct slice text)
{
    sqlite3_bind_text(row, at, text.at ? text.at : "", (int)text.len, SQLITE_STATIC);
}

int audit_file_add(struct audit_file *file, const struct audit_note *note,
                   char ret_why[AUDIT_WHY_SIZE])
{
    sqlite3_stmt *row = file->insert;
    sqlite3_bind_int64(row, 1, note->time_ms);
    bind(row, 2, slice_of(note->what));
    sqlite3_bind_int(row, 3, note->act);
    bind(row, 4, note->token);
    bind(row, 5, note->ai_id);
    bind(row, 6, note->room);
    bind(row, 7, note->from);
    bind(row, 8, note->detail);
    sqlite3_bind_int64(row, 9, note->times ? (int64_t)note->times : 1);
    return step(file, row, ret_why);
}

/* ── for who reads it ── */

bool audit_filter_takes(const struct audit_filter *filter, const struct audit_note *note)
{
    return note->time_ms >= filter->since_ms && note->time_ms <= filter->until_ms &&
           (!filter->token || slice_is(note->token, filter->token)) &&
           (!filter->ai_id || slice_is(note->ai_id, filter->ai_id));
}

static struct slice column(sqlite3_stmt *row, int at)
{
    const char *text = (const char *)sqlite3_column_text(row, at);
    return (struct slice){text ? text : "", (size_t)sqlite3_column_bytes(row, at)};
}

static int rows_read(struct audit_file *file, const struct audit_filter *filter,
                     void (*each)(void *ctx, const struct audit_note *note), void *ctx,
                     char why[AUDIT_WHY_SIZE])
{
    static const char sql[] =
        "SELECT time, what, act, token, ai, room, origin, detail, times FROM audit ORDER BY id";
    sqlite3_stmt *row = NULL;
    int result = SQLITE_ERROR;
    if (sqlite3_prepare_v2(file->handle, sql, -1, &row, NULL) != SQLITE_OK)
        return fail(file, why);
    while ((result = sqlite3_step(row)) == SQLITE_ROW) {
        struct audit_note note = {.time_ms = sqlite3_column_int64(row, 0),
                                  .what = column(row, 1).at,
                                  .act = sqlite3_column_int(row, 2) != 0,
                                  .token = column(row, 3),
                                  .ai_id = column(row, 4),
                                  .room = column(row, 5),
                                  .from = column(row, 6),
                                  .detail = column(row, 7),
                                  .times = (uint64_t)sqlite3_column_int64(row, 8)};
        if (audit_filter_takes(filter, &note))
            each(ctx, &note);
    }
    int error = result == SQLITE_DONE ? 0 : fail(file, why);
    sqlite3_finalize(row);
    return error;
}

int audit_each(const char *directory, const struct audit_filter *filter,
               void (*each)(void *ctx, const struct audit_note *note), void *ctx,
               char ret_why[AUDIT_WHY_SIZE])
{
    char path[4096];
    struct audit_file file = {NULL, NULL, NULL};
    if (file_path(directory, "audit.db", path, sizeof path, ret_why, AUDIT_WHY_SIZE) < 0)
        return -1;
    int prepared = file_prepare(directory, path, false, ret_why, AUDIT_WHY_SIZE);
    if (prepared != 0)
        return prepared < 0 ? -1 : 0;
    int error = audit_file_open(&file, directory, ret_why);
    if (error == 0)
        error = rows_read(&file, filter, each, ctx, ret_why);
    audit_file_close(&file);
    return error;
}
