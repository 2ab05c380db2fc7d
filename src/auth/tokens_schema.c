/* See tokens_schema.h. */
#include "auth/tokens_schema.h"

#include <stdio.h>

#define APPLICATION_ID 0x6b687574 /* "khut" */
#define TOKENS_SCHEMA  5

/* What makes a file of each schema out of one of the schema before; the first, out of nothing. */
static const char *const schemas[TOKENS_SCHEMA] = {
    "CREATE TABLE tokens (id INTEGER PRIMARY KEY AUTOINCREMENT, sha256 BLOB NOT NULL UNIQUE,"
    " name TEXT NOT NULL, role TEXT NOT NULL, ids TEXT NOT NULL, rooms TEXT NOT NULL,"
    " rate REAL NOT NULL, expires INTEGER NOT NULL, created INTEGER NOT NULL,"
    " revoked INTEGER NOT NULL) STRICT;"
    "CREATE UNIQUE INDEX names ON tokens (name) WHERE revoked = 0;",
    "CREATE TABLE audit (id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL,"
    " who TEXT NOT NULL, what TEXT NOT NULL, name TEXT NOT NULL, detail TEXT NOT NULL) STRICT;"
    "CREATE TRIGGER audit_stays BEFORE UPDATE ON audit"
    " BEGIN SELECT RAISE(ABORT, 'what was done is not changed'); END;"
    "CREATE TRIGGER audit_keeps BEFORE DELETE ON audit"
    " BEGIN SELECT RAISE(ABORT, 'what was done is not taken away'); END;",
    "CREATE TABLE limits (token INTEGER NOT NULL, name TEXT NOT NULL, most REAL NOT NULL,"
    " PRIMARY KEY (token, name)) STRICT, WITHOUT ROWID;"
    "INSERT INTO limits SELECT id, 'rate', rate FROM tokens WHERE rate > 0;"
    "ALTER TABLE tokens DROP COLUMN rate;",
    /* who was given no such right before has none */
    "ALTER TABLE tokens ADD COLUMN sees_direct INTEGER NOT NULL DEFAULT 0;",
    /* '': all; who could publish before may do so on */
    "ALTER TABLE tokens ADD COLUMN types TEXT NOT NULL DEFAULT '';",
};

int sql_fail(sqlite3 *handle, char why[TOKENS_WHY_SIZE])
{
    snprintf(why, TOKENS_WHY_SIZE, "tokens.db: %s", sqlite3_errmsg(handle));
    return -1;
}

int sql_execute(sqlite3 *handle, const char *sql, char why[TOKENS_WHY_SIZE])
{
    return sqlite3_exec(handle, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : sql_fail(handle, why);
}

sqlite3_stmt *sql_prepare(sqlite3 *handle, const char *sql, char why[TOKENS_WHY_SIZE])
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(handle, sql, -1, &statement, NULL) != SQLITE_OK)
        sql_fail(handle, why);
    return statement;
}

int sql_number(sqlite3 *handle, const char *sql, int64_t *ret_number, char why[TOKENS_WHY_SIZE])
{
    sqlite3_stmt *statement = sql_prepare(handle, sql, why);
    int error = -1;
    if (!statement)
        return -1;
    if (sqlite3_step(statement) == SQLITE_ROW) {
        *ret_number = sqlite3_column_int64(statement, 0);
        error = 0;
    } else {
        sql_fail(handle, why);
    }
    sqlite3_finalize(statement);
    return error;
}

/* Two programs may come to a new file at once: only one of them makes the tables. */
static int schema_make(sqlite3 *handle, char why[TOKENS_WHY_SIZE])
{
    char sql[128];
    int64_t version = 0;
    if (sql_execute(handle, "BEGIN IMMEDIATE", why) < 0)
        return -1;
    snprintf(sql, sizeof sql, "PRAGMA application_id = %d; PRAGMA user_version = %d;",
             APPLICATION_ID, TOKENS_SCHEMA);
    int error = sql_number(handle, "PRAGMA user_version", &version, why);
    for (; error == 0 && version >= 0 && version < TOKENS_SCHEMA; version++)
        error = sql_execute(handle, schemas[version], why);
    if (error == 0 && version == TOKENS_SCHEMA)
        error = sql_execute(handle, sql, why);
    if (error == 0)
        return sql_execute(handle, "COMMIT", why);
    sqlite3_exec(handle, "ROLLBACK", NULL, NULL, NULL);
    return -1;
}

int tokens_schema(sqlite3 *handle, char why[TOKENS_WHY_SIZE])
{
    int64_t version = 0, application = 0;
    if (sql_number(handle, "PRAGMA user_version", &version, why) < 0)
        return -1;
    if (sql_number(handle, "PRAGMA application_id", &application, why) < 0)
        return -1;
    bool ours = version == 0 || application == APPLICATION_ID;
    if (ours && version < TOKENS_SCHEMA && schema_make(handle, why) < 0)
        return -1;
    if (sql_number(handle, "PRAGMA user_version", &version, why) < 0 ||
        sql_number(handle, "PRAGMA application_id", &application, why) < 0)
        return -1;
    if (application == APPLICATION_ID && version == TOKENS_SCHEMA)
        return 0;
    snprintf(why, TOKENS_WHY_SIZE, "tokens.db is of %s",
             application == APPLICATION_ID ? "a later version of khub" : "another program");
    return -1;
}
