/* tokens.db. What makes it hard is that a hub must not wait for a command that has the file: so it
 * answers from what it read last, and reads it again when SQLite says that somebody wrote. */
#include "auth/tokens.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth/file.h"
#include "auth/tokens_schema.h"
#include "core/memory.h"

#define QUOTA_TEXT_SIZE 256u /* of quota_write */
#define COLUMNS         "id, sha256, name, role, ids, rooms, expires, created, revoked, sees_direct, types"

struct tokens {
    sqlite3 *handle;
    int64_t version; /* PRAGMA data_version when they were read */
    bool any;
    struct token *live; /* not revoked; expired ones are among them */
    size_t count;
    char actor[ACTOR_MAX + 1];
};

/* ── the file ── */

int tokens_open(const char *directory, enum tokens_open how, int wait_ms,
                struct tokens **ret_tokens, char ret_why[TOKENS_WHY_SIZE])
{
    char path[4096];
    *ret_tokens = NULL;
    if (file_path(directory, "tokens.db", path, sizeof path, ret_why, TOKENS_WHY_SIZE) < 0)
        return -1;
    int prepared = file_prepare(directory, path, how == TOKENS_MAKE, ret_why, TOKENS_WHY_SIZE);
    if (prepared != 0)
        return prepared < 0 ? -1 : 0;
    struct tokens *tokens = memory_new(sizeof *tokens);
    tokens->version = -1;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    int error = sqlite3_open_v2(path, &tokens->handle, flags, NULL) == SQLITE_OK
                    ? sqlite3_busy_timeout(tokens->handle, wait_ms)
                    : -1;
    if (error != 0)
        sql_fail(tokens->handle, ret_why);
    if (error == 0)
        error = sql_execute(tokens->handle,
                            "PRAGMA trusted_schema = OFF; PRAGMA secure_delete = ON;", ret_why);
    if (error == 0)
        error = tokens_schema(tokens->handle, ret_why);
    if (error == 0 && tokens_refresh(tokens, ret_why) < 0)
        error = -1;
    if (error != 0) {
        tokens_close(tokens);
        return -1;
    }
    *ret_tokens = tokens;
    return 0;
}

void tokens_wait(struct tokens *tokens, int wait_ms)
{
    sqlite3_busy_timeout(tokens->handle, wait_ms);
}

void tokens_close(struct tokens *tokens)
{
    if (!tokens)
        return;
    sqlite3_close(tokens->handle);
    free(tokens->live);
    free(tokens);
}

/* ── rows ── */

/* Into an array of `size`, with its NUL. False when it does not fit. */
static bool column_text(sqlite3_stmt *row, int column, char *to, size_t size)
{
    const char *text = (const char *)sqlite3_column_text(row, column);
    if (!text || strlen(text) >= size)
        return false;
    memcpy(to, text, strlen(text) + 1);
    return true;
}

static bool column_role(sqlite3_stmt *row, int column, enum token_role *ret_role)
{
    const char *text = (const char *)sqlite3_column_text(row, column);
    for (enum token_role role = 0; text && role < TOKEN_ROLE_COUNT; role++) {
        if (strcmp(token_role_text(role), text) == 0) {
            *ret_role = role;
            return true;
        }
    }
    return false;
}

/* "": all, and none. False when it is no list of what may be published. */
static bool column_types(sqlite3_stmt *row, int column, struct message_types *ret_types)
{
    const char *text = (const char *)sqlite3_column_text(row, column);
    struct slice wrong;
    *ret_types = (struct message_types){{0}};
    return text &&
           (!*text ||
            (message_types_read(slice_of(text), ret_types, &wrong) == 0 &&
             !message_types_any(message_types_without(*ret_types, message_types_published()))));
}

/* Tokens as they are read, one after the other. */
struct reading {
    sqlite3_stmt *rows, *limits;
};

static void reading_end(struct reading *reading)
{
    sqlite3_finalize(reading->rows);
    sqlite3_finalize(reading->limits);
}

/* 0, or -1 with a sentence. */
static int reading_begin(struct tokens *tokens, struct reading *ret_reading,
                         char why[TOKENS_WHY_SIZE])
{
    struct reading reading = {
        .rows = sql_prepare(tokens->handle, "SELECT " COLUMNS " FROM tokens ORDER BY id", why)};
    if (reading.rows)
        reading.limits =
            sql_prepare(tokens->handle, "SELECT name, most FROM limits WHERE token = ?1", why);
    if (!reading.limits) {
        reading_end(&reading);
        return -1;
    }
    *ret_reading = reading;
    return 0;
}

/* False when one is not known, or can't be read: nobody is let in without a limit that was set. */
static bool limits_read(sqlite3_stmt *limits, int64_t token, struct quota *ret_quota)
{
    enum limit limit;
    int result;
    bool known = true;
    sqlite3_reset(limits);
    sqlite3_bind_int64(limits, 1, token);
    while ((result = sqlite3_step(limits)) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(limits, 0);
        if (!name || limit_find(name, &limit) < 0)
            known = false;
        else
            ret_quota->most[limit] = sqlite3_column_double(limits, 1);
    }
    return known && result == SQLITE_DONE;
}

/* False when it is nothing that this program wrote: it is left out, and so lets nobody in. */
static bool row_read(const struct reading *reading, struct token *ret_token)
{
    sqlite3_stmt *row = reading->rows;
    struct token_grant *grant = &ret_token->grant;
    const void *sha256 = sqlite3_column_blob(row, 1);
    *ret_token = (struct token){.id = sqlite3_column_int64(row, 0)};
    if (sqlite3_column_bytes(row, 1) != (int)TOKEN_SHA256)
        return false;
    memcpy(ret_token->sha256, sha256, TOKEN_SHA256);
    grant->expires_ms = sqlite3_column_int64(row, 6);
    grant->created_ms = sqlite3_column_int64(row, 7);
    grant->revoked_ms = sqlite3_column_int64(row, 8);
    grant->sees_direct = sqlite3_column_int(row, 9) != 0;
    return column_text(row, 2, grant->name, sizeof grant->name) &&
           column_role(row, 3, &grant->role) &&
           column_text(row, 4, grant->ids, sizeof grant->ids) &&
           column_text(row, 5, grant->rooms, sizeof grant->rooms) &&
           column_types(row, 10, &grant->types) &&
           limits_read(reading->limits, ret_token->id, &grant->quota);
}

int tokens_each(struct tokens *tokens, void (*each)(void *ctx, const struct token_grant *grant),
                void *ctx, char ret_why[TOKENS_WHY_SIZE])
{
    struct reading reading;
    struct token token;
    int result;
    if (reading_begin(tokens, &reading, ret_why) < 0)
        return -1;
    while ((result = sqlite3_step(reading.rows)) == SQLITE_ROW)
        if (row_read(&reading, &token))
            each(ctx, &token.grant);
    if (result != SQLITE_DONE)
        sql_fail(tokens->handle, ret_why);
    reading_end(&reading);
    return result == SQLITE_DONE ? 0 : -1;
}

/* ── for who lets in ── */

/* All that are not revoked, in place of what was known; untouched when they can't be read. */
static int live_read(struct tokens *tokens, char why[TOKENS_WHY_SIZE])
{
    struct reading reading;
    struct token token, *live = NULL;
    size_t count = 0, capacity = 0;
    bool any = false;
    int result;
    if (reading_begin(tokens, &reading, why) < 0)
        return -1;
    while ((result = sqlite3_step(reading.rows)) == SQLITE_ROW) {
        any = true;
        if (!row_read(&reading, &token) || token.grant.revoked_ms)
            continue;
        live = memory_grow(live, &capacity, count + 1, sizeof *live);
        live[count++] = token;
    }
    if (result != SQLITE_DONE)
        sql_fail(tokens->handle, why);
    reading_end(&reading);
    if (result != SQLITE_DONE) {
        free(live);
        return -1;
    }
    free(tokens->live);
    tokens->live = live;
    tokens->count = count;
    tokens->any = any;
    return 0;
}

int tokens_refresh(struct tokens *tokens, char ret_why[TOKENS_WHY_SIZE])
{
    int64_t version = 0;
    if (sql_number(tokens->handle, "PRAGMA data_version", &version, ret_why) < 0)
        return -1;
    if (version == tokens->version)
        return 0;
    if (live_read(tokens, ret_why) < 0)
        return -1;
    tokens->version = version;
    return 1;
}

bool tokens_any(const struct tokens *tokens)
{
    return tokens->any;
}

static bool is_good(const struct token *token, int64_t now)
{
    return !token->grant.expires_ms || token->grant.expires_ms > now;
}

const struct token *tokens_find(const struct tokens *tokens, struct slice text, int64_t now)
{
    const struct token *found = NULL;
    uint8_t sha256[TOKEN_SHA256];
    token_hash(text, sha256);
    for (size_t i = 0; i < tokens->count; i++) {
        const struct token *token = &tokens->live[i];
        bool same = CRYPTO_memcmp(token->sha256, sha256, sizeof sha256) == 0;
        found = same ? token : found; /* and on: no sooner done for the first than for the last */
    }
    return found && is_good(found, now) ? found : NULL;
}

const struct token *tokens_by_id(const struct tokens *tokens, int64_t id, int64_t now)
{
    for (size_t i = 0; i < tokens->count; i++)
        if (tokens->live[i].id == id)
            return is_good(&tokens->live[i], now) ? &tokens->live[i] : NULL;
    return NULL;
}

const struct token *tokens_named(const struct tokens *tokens, const char *name, int64_t now)
{
    for (size_t i = 0; i < tokens->count; i++)
        if (strcmp(tokens->live[i].grant.name, name) == 0)
            return is_good(&tokens->live[i], now) ? &tokens->live[i] : NULL;
    return NULL;
}

int64_t tokens_next_expiry(const struct tokens *tokens, int64_t now)
{
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < tokens->count; i++) {
        int64_t at = tokens->live[i].grant.expires_ms;
        if (at > now && at < next)
            next = at;
    }
    return next;
}

/* ── giving out and taking back ── */

static int mark_revoked(struct tokens *tokens, const char *name, int64_t now,
                        char why[TOKENS_WHY_SIZE])
{
    sqlite3_stmt *statement = sql_prepare(
        tokens->handle, "UPDATE tokens SET revoked = ?2 WHERE name = ?1 AND revoked = 0", why);
    if (!statement)
        return -1;
    sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, now);
    int error = sqlite3_step(statement) == SQLITE_DONE ? 0 : sql_fail(tokens->handle, why);
    sqlite3_finalize(statement);
    return error;
}

/* Of the token of this id. */
static int limit_set(struct tokens *tokens, int64_t token, enum limit limit, double most,
                     char why[TOKENS_WHY_SIZE])
{
    sqlite3_stmt *row =
        sql_prepare(tokens->handle,
                    most > 0 ? "INSERT INTO limits (token, name, most) VALUES (?1, ?2, ?3)"
                               " ON CONFLICT DO UPDATE SET most = ?3"
                             : "DELETE FROM limits WHERE token = ?1 AND name = ?2",
                    why);
    if (!row)
        return -1;
    sqlite3_bind_int64(row, 1, token);
    sqlite3_bind_text(row, 2, limit_text(limit), -1, SQLITE_STATIC);
    if (most > 0)
        sqlite3_bind_double(row, 3, most);
    int error = sqlite3_step(row) == SQLITE_DONE ? 0 : sql_fail(tokens->handle, why);
    sqlite3_finalize(row);
    return error;
}

static int quota_set(struct tokens *tokens, int64_t token, const struct quota *quota,
                     char why[TOKENS_WHY_SIZE])
{
    int error = 0;
    for (enum limit limit = 0; limit < LIMIT_COUNT && error == 0; limit++)
        if (quota->most[limit] >= 0)
            error = limit_set(tokens, token, limit, quota->most[limit], why);
    return error;
}

static int insert(struct tokens *tokens, const struct token_grant *grant,
                  const uint8_t sha256[TOKEN_SHA256], char why[TOKENS_WHY_SIZE])
{
    sqlite3_stmt *row = sql_prepare(tokens->handle,
                                    "INSERT INTO tokens (sha256, name, role, ids, rooms, expires,"
                                    " created, sees_direct, types, revoked)"
                                    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0)",
                                    why);
    char types[MESSAGE_TYPES_TEXT_SIZE];
    if (!row)
        return -1;
    message_types_write(grant->types, types);
    sqlite3_bind_blob(row, 1, sha256, TOKEN_SHA256, SQLITE_STATIC);
    sqlite3_bind_text(row, 2, grant->name, -1, SQLITE_STATIC);
    sqlite3_bind_text(row, 3, token_role_text(grant->role), -1, SQLITE_STATIC);
    sqlite3_bind_text(row, 4, grant->ids, -1, SQLITE_STATIC);
    sqlite3_bind_text(row, 5, grant->rooms, -1, SQLITE_STATIC);
    sqlite3_bind_int64(row, 6, grant->expires_ms);
    sqlite3_bind_int64(row, 7, grant->created_ms);
    sqlite3_bind_int(row, 8, grant->sees_direct);
    sqlite3_bind_text(row, 9, types, -1, SQLITE_STATIC);
    int error = sqlite3_step(row) == SQLITE_DONE ? 0 : sql_fail(tokens->handle, why);
    sqlite3_finalize(row);
    return error < 0
               ? -1
               : quota_set(tokens, sqlite3_last_insert_rowid(tokens->handle), &grant->quota, why);
}

/* "rate=5 connections=3": those that are there; "" when none is. */
static void quota_write(const struct quota *quota, char *text, size_t size)
{
    size_t len = 0;
    text[0] = '\0';
    for (enum limit limit = 0; limit < LIMIT_COUNT && len < size; limit++)
        if (quota->most[limit] > 0)
            len += (size_t)snprintf(text + len, size - len, "%s%s=%.15g", len ? " " : "",
                                    limit_text(limit), quota->most[limit]);
}

/* Says in the audit what is done in the transaction that is open. */
static int audit_add(struct tokens *tokens, int64_t now, const char *what, const char *name,
                     const char *detail, char why[TOKENS_WHY_SIZE])
{
    sqlite3_stmt *row = sql_prepare(
        tokens->handle,
        "INSERT INTO audit (time, who, what, name, detail) VALUES (?1, ?2, ?3, ?4, ?5)", why);
    if (!row)
        return -1;
    sqlite3_bind_int64(row, 1, now);
    sqlite3_bind_text(row, 2, tokens->actor, -1, SQLITE_STATIC);
    sqlite3_bind_text(row, 3, what, -1, SQLITE_STATIC);
    sqlite3_bind_text(row, 4, name, -1, SQLITE_STATIC);
    sqlite3_bind_text(row, 5, detail, -1, SQLITE_STATIC);
    int error = sqlite3_step(row) == SQLITE_DONE ? 0 : sql_fail(tokens->handle, why);
    sqlite3_finalize(row);
    return error;
}

/* The same of a token that is new. */
static int audit_add_grant(struct tokens *tokens, const char *what, const struct token_grant *grant,
                           char why[TOKENS_WHY_SIZE])
{
    char limits[QUOTA_TEXT_SIZE], types[MESSAGE_TYPES_TEXT_SIZE];
    char detail[ID_PATTERN_MAX + ROOM_LIST_MAX + sizeof limits + sizeof types + 128];
    quota_write(&grant->quota, limits, sizeof limits);
    message_types_write(grant->types, types);
    snprintf(detail, sizeof detail, "role=%s%s ids=%s rooms=%s%s%s%s%s expires=%lld",
             token_role_text(grant->role), grant->sees_direct ? " sees_direct" : "", grant->ids,
             *grant->rooms ? grant->rooms : "all", *types ? " types=" : "", types,
             *limits ? " " : "", limits, (long long)grant->expires_ms);
    return audit_add(tokens, grant->created_ms, what, grant->name, detail, why);
}

int tokens_acts(struct tokens *tokens, void (*each)(void *ctx, const struct token_act *act),
                void *ctx, char ret_why[TOKENS_WHY_SIZE])
{
    sqlite3_stmt *rows = sql_prepare(
        tokens->handle, "SELECT time, who, what, name, detail FROM audit ORDER BY id", ret_why);
    int result = SQLITE_ERROR;
    while (rows && (result = sqlite3_step(rows)) == SQLITE_ROW) {
        const char *texts[4];
        for (int i = 0; i < 4; i++) {
            const char *text = (const char *)sqlite3_column_text(rows, i + 1);
            texts[i] = text ? text : "";
        }
        struct token_act act = {sqlite3_column_int64(rows, 0), texts[0], texts[1], texts[2],
                                texts[3]};
        each(ctx, &act);
    }
    if (rows && result != SQLITE_DONE)
        sql_fail(tokens->handle, ret_why);
    sqlite3_finalize(rows);
    return result == SQLITE_DONE ? 0 : -1;
}

void tokens_act_as(struct tokens *tokens, const char *who)
{
    snprintf(tokens->actor, sizeof tokens->actor, "%s", who);
}

/* Makes the token of a grant, in the transaction that is open. */
static int give_out(struct tokens *tokens, const struct token_grant *grant,
                    char ret_text[TOKEN_TEXT_SIZE], char why[TOKENS_WHY_SIZE])
{
    uint8_t random[TOKEN_BITS_BYTES], sha256[TOKEN_SHA256];
    if (RAND_priv_bytes(random, sizeof random) != 1) {
        snprintf(why, TOKENS_WHY_SIZE, "the system has no randomness");
        return -1;
    }
    token_write(random, ret_text);
    token_wipe(random, sizeof random);
    token_hash((struct slice){ret_text, TOKEN_LENGTH}, sha256);
    return insert(tokens, grant, sha256, why);
}

/* The token of that name that is not revoked. 0, or -1 with a sentence. */
static int live_find(struct tokens *tokens, const char *name, struct token *ret_token,
                     char why[TOKENS_WHY_SIZE])
{
    for (size_t i = 0; i < tokens->count; i++) {
        if (strcmp(tokens->live[i].grant.name, name) == 0) {
            *ret_token = tokens->live[i];
            return 0;
        }
    }
    snprintf(why, TOKENS_WHY_SIZE, "there is no token \"%.64s\" that is not revoked", name);
    return -1;
}

/* Begins to change them: nobody else does meanwhile, and what is known is what is there. */
static int begin(struct tokens *tokens, char why[TOKENS_WHY_SIZE])
{
    if (sql_execute(tokens->handle, "BEGIN IMMEDIATE", why) < 0)
        return -1;
    return live_read(tokens, why);
}

static int end(struct tokens *tokens, int error, char *text, char why[TOKENS_WHY_SIZE])
{
    if (error == 0)
        error = sql_execute(tokens->handle, "COMMIT", why);
    if (error < 0) {
        sqlite3_exec(tokens->handle, "ROLLBACK", NULL, NULL, NULL);
        if (text)
            token_wipe(text, TOKEN_TEXT_SIZE);
    }
    /* One's own writing does not move data_version. */
    char ignored[TOKENS_WHY_SIZE];
    live_read(tokens, ignored);
    return error;
}

int tokens_add(struct tokens *tokens, const struct token_grant *grant,
               char ret_text[TOKEN_TEXT_SIZE], char ret_why[TOKENS_WHY_SIZE])
{
    struct token there;
    char ignored[TOKENS_WHY_SIZE];
    int error = begin(tokens, ret_why);
    ret_text[0] = '\0';
    if (error == 0 && live_find(tokens, grant->name, &there, ignored) == 0) {
        snprintf(ret_why, TOKENS_WHY_SIZE,
                 "there is a token \"%s\" already: rotate gives out another one in its place, "
                 "revoke ends it",
                 grant->name);
        error = -1;
    }
    if (error == 0 && tokens->count >= TOKENS_MAX) {
        snprintf(ret_why, TOKENS_WHY_SIZE,
                 "%zu tokens are given out and not revoked, the most that there can be",
                 tokens->count);
        error = -1;
    }
    if (error == 0)
        error = give_out(tokens, grant, ret_text, ret_why);
    if (error == 0)
        error = audit_add_grant(tokens, "added", grant, ret_why);
    return end(tokens, error, ret_text, ret_why);
}

int tokens_revoke(struct tokens *tokens, const char *name, int64_t now,
                  char ret_why[TOKENS_WHY_SIZE])
{
    struct token there;
    int error = begin(tokens, ret_why);
    if (error == 0)
        error = live_find(tokens, name, &there, ret_why);
    if (error == 0)
        error = mark_revoked(tokens, name, now, ret_why);
    if (error == 0)
        error = audit_add(tokens, now, "revoked", name, "", ret_why);
    return end(tokens, error, NULL, ret_why);
}

int tokens_rotate(struct tokens *tokens, const char *name, int64_t now,
                  char ret_text[TOKEN_TEXT_SIZE], char ret_why[TOKENS_WHY_SIZE])
{
    struct token old;
    int error = begin(tokens, ret_why);
    ret_text[0] = '\0';
    if (error == 0)
        error = live_find(tokens, name, &old, ret_why);
    if (error == 0 && !is_good(&old, now)) {
        snprintf(
            ret_why, TOKENS_WHY_SIZE,
            "the token \"%.64s\" has expired, and so would another one in its place: revoke it, "
            "and add it anew",
            name);
        error = -1;
    }
    if (error == 0)
        error = mark_revoked(tokens, name, now, ret_why);
    old.grant.created_ms = now;
    if (error == 0)
        error = give_out(tokens, &old.grant, ret_text, ret_why);
    if (error == 0)
        error = audit_add_grant(tokens, "rotated", &old.grant, ret_why);
    return end(tokens, error, ret_text, ret_why);
}

int tokens_limit(struct tokens *tokens, const char *name, const struct quota *quota, int64_t now,
                 char ret_why[TOKENS_WHY_SIZE])
{
    struct token there;
    char limits[QUOTA_TEXT_SIZE];
    int error = begin(tokens, ret_why);
    if (error == 0)
        error = live_find(tokens, name, &there, ret_why);
    if (error == 0)
        error = quota_set(tokens, there.id, quota, ret_why);
    for (enum limit limit = 0; limit < LIMIT_COUNT && error == 0; limit++)
        if (quota->most[limit] >= 0)
            there.grant.quota.most[limit] = quota->most[limit];
    if (error == 0) {
        quota_write(&there.grant.quota, limits, sizeof limits);
        error =
            audit_add(tokens, now, "limited", name, *limits ? limits : "as the hub says", ret_why);
    }
    return end(tokens, error, NULL, ret_why);
}

static int types_set(struct tokens *tokens, int64_t token, const char *types,
                     char why[TOKENS_WHY_SIZE])
{
    sqlite3_stmt *row =
        sql_prepare(tokens->handle, "UPDATE tokens SET types = ?2 WHERE id = ?1", why);
    if (!row)
        return -1;
    sqlite3_bind_int64(row, 1, token);
    sqlite3_bind_text(row, 2, types, -1, SQLITE_STATIC);
    int error = sqlite3_step(row) == SQLITE_DONE ? 0 : sql_fail(tokens->handle, why);
    sqlite3_finalize(row);
    return error;
}

int tokens_allow(struct tokens *tokens, const char *name, struct message_types types, int64_t now,
                 char ret_why[TOKENS_WHY_SIZE])
{
    struct token there;
    char text[MESSAGE_TYPES_TEXT_SIZE], detail[sizeof text + sizeof "types="];
    int error = begin(tokens, ret_why);
    if (error == 0)
        error = live_find(tokens, name, &there, ret_why);
    if (error == 0) {
        there.grant.types = types;
        error = token_types_check(&there.grant, ret_why);
    }
    message_types_write(types, text);
    if (error == 0)
        error = types_set(tokens, there.id, text, ret_why);
    snprintf(detail, sizeof detail, "types=%s", *text ? text : "all");
    if (error == 0)
        error = audit_add(tokens, now, "allowed", name, detail, ret_why);
    return end(tokens, error, NULL, ret_why);
}
