/* What stands in `meta`, each with its checksum: the hub's key, and seqs to go on from. */
#include <stdio.h>
#include <sys/random.h>

#include "store/inside.h"

/* Reads the key. ret_there: there is one. 0, or STORE_DAMAGED with a sentence. */
static int key_find(struct database *database, bool *ret_there, const char *path,
                    char why[STORE_WHY_SIZE])
{
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(database->handle,
                           "SELECT value, checksum = sum_of(name, value) FROM meta"
                           " WHERE name = 'key'",
                           -1, &statement, NULL) != SQLITE_OK)
        return database_fail(database, path, why);
    int result = sqlite3_step(statement);
    bool found = result == SQLITE_ROW && sqlite3_column_bytes(statement, 0) == 32;
    bool whole = found && sqlite3_column_int(statement, 1);
    if (found)
        memcpy(database->key, sqlite3_column_blob(statement, 0), 32);
    sqlite3_finalize(statement);
    *ret_there = result != SQLITE_DONE;
    if (*ret_there && !found)
        return database_damaged(why, path, "the hub's key can't be read");
    return whole || !*ret_there ? 0 : database_damaged(why, path, "the hub's key is damaged");
}

int meta_key_make(struct database *database, const char *path, char why[STORE_WHY_SIZE])
{
    sqlite3_stmt *statement;
    bool there = false;
    int error = key_find(database, &there, path, why);
    if (error < 0 || there)
        return error;
    if (getrandom(database->key, sizeof database->key, 0) != (ssize_t)sizeof database->key) {
        snprintf(why, STORE_WHY_SIZE, "%s: the system has no randomness", path);
        return STORE_FAILED;
    }
    if (sqlite3_prepare_v2(database->handle,
                           "INSERT INTO meta (name, value, checksum)"
                           " VALUES ('key', ?1, sum_of('key', ?1))",
                           -1, &statement, NULL) != SQLITE_OK)
        return database_fail(database, path, why);
    sqlite3_bind_blob(statement, 1, database->key, sizeof database->key, SQLITE_STATIC);
    error = sqlite3_step(statement) == SQLITE_DONE ? 0 : database_fail(database, path, why);
    sqlite3_finalize(statement);
    return error;
}

int meta_key(struct database *database, const char *path, char why[STORE_WHY_SIZE])
{
    bool there = false;
    int error = key_find(database, &there, path, why);
    return error == 0 && !there ? database_damaged(why, path, "the hub's key is gone") : error;
}

/* Seqs are given from there on: none that is no seq is gone on from. */
int meta_seq(struct database *database, const char *name, uint64_t *ret_seq, const char *path,
             char why[STORE_WHY_SIZE])
{
    char number[160], checked[128], what[64];
    snprintf(number, sizeof number,
             "SELECT coalesce((SELECT CAST(CAST(value AS TEXT) AS INTEGER)"
             " FROM meta WHERE name = '%s'), 0)",
             name);
    snprintf(checked, sizeof checked,
             "SELECT count(*) FROM meta WHERE name = '%s' AND checksum <> sum_of(name, value)",
             name);
    int64_t seq = database_number(database, number);
    bool fits = seq >= 0 && seq >> ID_SEQ_BITS == 0;
    *ret_seq = fits ? (uint64_t)seq : 0;
    snprintf(what, sizeof what, "%lld is no seq to go on from", (long long)seq);
    if (!fits)
        return database_damaged(why, path, what);
    return database_number(database, checked) == 0
               ? 0
               : database_damaged(why, path, "the seq to go on from is not what it was");
}
