/* tokens.db as a file of SQLite: its schema, and how one asks it. auth's own, not for other rooms.
 *
 * `why` gets a sentence where something fails. */
#ifndef KHUB_AUTH_TOKENS_SCHEMA_H
#define KHUB_AUTH_TOKENS_SCHEMA_H

#include <sqlite3.h>
#include <stdint.h>

#include "auth/tokens.h"

/* Makes the tables, or makes of an earlier version's what this one has. 0, or -1. */
int tokens_schema(sqlite3 *handle, char why[TOKENS_WHY_SIZE]);
/* What SQLite says is wrong, as the sentence; -1. */
int sql_fail(sqlite3 *handle, char why[TOKENS_WHY_SIZE]);
/* 0, or -1. */
int sql_execute(sqlite3 *handle, const char *sql, char why[TOKENS_WHY_SIZE]);
/* A statement, or NULL. */
sqlite3_stmt *sql_prepare(sqlite3 *handle, const char *sql, char why[TOKENS_WHY_SIZE]);
/* The number that a statement (a pragma) gives. 0, or -1. */
int sql_number(sqlite3 *handle, const char *sql, int64_t *ret_number, char why[TOKENS_WHY_SIZE]);

#endif
