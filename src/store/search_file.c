/* The index's database: documents by room, section and id, and for each room a table of words. */
#include <assert.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "core/memory.h"
#include "store/inside.h"
#include "store/search_inside.h"
#include "wire/words.h"

#define SEARCH_SCHEMA  2
#define APPLICATION_ID 0x6b687573 /* "khus" */
#define SEEN_STEP      4096u      /* bytes */

/* Words are Unicode's runs of letters and digits, without accents. */
#define WORDS_TABLE                                                                                \
    "CREATE VIRTUAL TABLE words_%" PRId64 " USING fts5 (key, contributor, text,"                   \
    " tokenize = 'unicode61 remove_diacritics 2')"

static const char schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE rooms (id INTEGER PRIMARY KEY AUTOINCREMENT, name BLOB NOT NULL UNIQUE) STRICT;"
    "CREATE TABLE documents (id INTEGER PRIMARY KEY AUTOINCREMENT, room INTEGER NOT NULL,"
    " section INTEGER NOT NULL, key BLOB NOT NULL, contributor BLOB NOT NULL,"
    " subject BLOB NOT NULL, changed INTEGER NOT NULL, hash INTEGER NOT NULL,"
    " UNIQUE (room, section, key)) STRICT;";

static const char *const texts[SEARCH_STATEMENT_COUNT] = {
    [SEARCH_BEGIN] = "BEGIN IMMEDIATE",
    [SEARCH_COMMIT] = "COMMIT",
    [SEARCH_ROLLBACK] = "ROLLBACK",
    [SEARCH_ROOM] = "SELECT id FROM rooms WHERE name = ?1",
    [SEARCH_ADD_ROOM] = "INSERT INTO rooms (name) VALUES (?1)",
    [SEARCH_DROP_ROOM] = "DELETE FROM rooms WHERE id = ?1",
    [SEARCH_DOCUMENT] =
        "SELECT id, hash, changed FROM documents WHERE (room, section, key) = (?1, ?2, ?3)",
    [SEARCH_ADD_DOCUMENT] = "INSERT INTO documents VALUES (NULL,?,?,?,?,?,?,?)",
    [SEARCH_SET_DOCUMENT] =
        "UPDATE documents SET subject = ?2, changed = ?3, hash = ?4 WHERE id = ?1",
    [SEARCH_DROP_DOCUMENT] = "DELETE FROM documents WHERE id = ?1",
};

/* ── the file ── */

static int file_fail(const struct search_file *file, char why[STORE_WHY_SIZE])
{
    snprintf(why, STORE_WHY_SIZE, "the search index: %s", sqlite3_errmsg(file->handle));
    return -1;
}

static int execute(struct search_file *file, const char *sql)
{
    return sqlite3_exec(file->handle, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : -1;
}

int64_t search_file_number(struct search_file *file, const char *sql)
{
    sqlite3_stmt *statement;
    int64_t number = -1;
    if (sqlite3_prepare_v2(file->handle, sql, -1, &statement, NULL) != SQLITE_OK)
        return -1;
    if (sqlite3_step(statement) == SQLITE_ROW)
        number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return number;
}

bool search_file_is_damaged(const struct search_file *file)
{
    int code = sqlite3_errcode(file->handle) & 0xFF;
    return code == SQLITE_CORRUPT || code == SQLITE_NOTADB || code == SQLITE_ERROR ||
           code == SQLITE_CONSTRAINT || code == SQLITE_MISMATCH;
}

/* What went wrong just now. */
static int failure_of(const struct search_file *file)
{
    return search_file_is_damaged(file) ? STORE_DAMAGED : STORE_FAILED;
}

static int schema_make(struct search_file *file)
{
    char sql[128];
    int64_t version = search_file_number(file, "PRAGMA user_version");
    int64_t application = version < 0 ? -1 : search_file_number(file, "PRAGMA application_id");
    int64_t tables =
        application < 0 ? -1 : search_file_number(file, "SELECT count(*) FROM sqlite_schema");
    if (tables < 0)
        return failure_of(file);
    if (version == SEARCH_SCHEMA && application == APPLICATION_ID)
        return 0;
    if (version != 0 || tables != 0)
        return STORE_DAMAGED; /* of another version: made anew, not taken over */
    snprintf(sql, sizeof sql, "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT;",
             APPLICATION_ID, SEARCH_SCHEMA);
    return execute(file, schema) < 0 || execute(file, sql) < 0 ? failure_of(file) : STORE_FINE;
}

bool search_file_is_other(struct search_file *file)
{
    return search_file_number(file, "PRAGMA application_id") == APPLICATION_ID &&
           search_file_number(file, "PRAGMA user_version") != SEARCH_SCHEMA;
}

static int path_of(const char *directory, const char *ending, char path[4096])
{
    return snprintf(path, 4096, "%s/search.db%s", directory, ending) < 4096 ? 0 : -1;
}

int search_file_open_as_is(struct search_file *file, const char *directory)
{
    char path[4096];
    if (path_of(directory, "", path) < 0)
        return STORE_FAILED;
    /* one that was put there, or made where search_alone was refused */
    struct stat found;
    int made = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (made >= 0 && fstat(made, &found) == 0 && (found.st_mode & 07777) != 0600)
        fchmod(made, 0600);
    if (made >= 0)
        close(made);
    if (sqlite3_open_v2(path, &file->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
            SQLITE_OK ||
        execute(file, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
                      "PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 4194304;"
                      "PRAGMA cache_size = -16384;"
                      "PRAGMA trusted_schema = OFF;") < 0)
        return failure_of(file);
    int error = schema_make(file);
    if (error < 0)
        return error;
    for (int at = 0; at < SEARCH_STATEMENT_COUNT; at++)
        if (sqlite3_prepare_v3(file->handle, texts[at], -1, SQLITE_PREPARE_PERSISTENT,
                               &file->statements[at], NULL) != SQLITE_OK)
            return failure_of(file);
    return STORE_FINE;
}

int search_file_open(struct search_file *file, const char *directory, char ret_why[STORE_WHY_SIZE])
{
    int error = search_file_open_as_is(file, directory);
    if (error == STORE_DAMAGED) {
        search_file_remove(file, directory);
        error = search_file_open_as_is(file, directory);
    }
    return error < 0 ? file_fail(file, ret_why) : 0;
}

static void room_free(struct search_room *room)
{
    sqlite3_finalize(room->put);
    sqlite3_finalize(room->drop);
    sqlite3_finalize(room->text);
    slice_free(&room->name);
    free(room);
}

void search_file_rooms_free(struct search_file *file)
{
    struct search_room *room;
    while ((room = file->rooms)) {
        file->rooms = room->next;
        room_free(room);
    }
}

void search_file_close(struct search_file *file)
{
    search_file_rooms_free(file);
    for (int at = 0; at < SEARCH_STATEMENT_COUNT; at++)
        sqlite3_finalize(file->statements[at]);
    sqlite3_close(file->handle);
    free(file->seen);
    *file = (struct search_file){.handle = NULL};
}

void search_file_remove(struct search_file *file, const char *directory)
{
    static const char *const endings[] = {"", "-wal", "-shm", "-journal"};
    char path[4096];
    search_file_close(file);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (path_of(directory, endings[i], path) == 0)
            unlink(path);
}

int search_file_step(struct search_file *file, enum search_statement statement)
{
    sqlite3_stmt *step = file->statements[statement];
    int result = sqlite3_step(step);
    sqlite3_reset(step);
    return result == SQLITE_DONE ? 0 : -1;
}

/* ── rooms ── */

static int room_id(struct search_file *file, struct slice name, int64_t *ret_id)
{
    sqlite3_stmt *step = file->statements[SEARCH_ROOM];
    sqlite3_bind_blob64(step, 1, name.at, name.len, SQLITE_STATIC);
    int result = sqlite3_step(step);
    *ret_id = result == SQLITE_ROW ? sqlite3_column_int64(step, 0) : 0;
    sqlite3_reset(step);
    return result == SQLITE_ROW || result == SQLITE_DONE ? 0 : -1;
}

static int room_make(struct search_file *file, struct slice name, int64_t *ret_id)
{
    char sql[512];
    sqlite3_stmt *step = file->statements[SEARCH_ADD_ROOM];
    sqlite3_bind_blob64(step, 1, name.at, name.len, SQLITE_STATIC);
    if (search_file_step(file, SEARCH_ADD_ROOM) < 0)
        return -1;
    *ret_id = sqlite3_last_insert_rowid(file->handle);
    snprintf(sql, sizeof sql, WORDS_TABLE, *ret_id);
    return execute(file, sql);
}

static int room_prepare(struct search_file *file, struct search_room *room)
{
    static const char *const before[] = {"INSERT OR REPLACE INTO", "DELETE FROM",
                                         "SELECT text FROM"};
    static const char *const behind[] = {"(rowid, key, contributor, text) VALUES (?1, ?2, ?3, ?4)",
                                         "WHERE rowid = ?1", "WHERE rowid = ?1"};
    sqlite3_stmt **const statements[] = {&room->put, &room->drop, &room->text};
    for (size_t i = 0; i < 3; i++) {
        char sql[256];
        snprintf(sql, sizeof sql, "%s words_%" PRId64 " %s", before[i], room->id, behind[i]);
        if (sqlite3_prepare_v3(file->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, statements[i],
                               NULL) != SQLITE_OK)
            return -1;
    }
    return 0;
}

struct search_room *search_file_room(struct search_file *file, struct slice name, bool make,
                                     int *ret_error)
{
    struct search_room *room;
    int64_t id;
    *ret_error = 0;
    for (room = file->rooms; room; room = room->next)
        if (slice_equal(room->name, name))
            return room;
    *ret_error = room_id(file, name, &id);
    if (*ret_error == 0 && !id && make)
        *ret_error = room_make(file, name, &id);
    if (*ret_error < 0 || !id)
        return NULL;
    room = memory_new(sizeof *room);
    room->name = slice_copy(name);
    room->id = id;
    *ret_error = room_prepare(file, room);
    if (*ret_error < 0) {
        room_free(room);
        return NULL;
    }
    room->next = file->rooms;
    file->rooms = room;
    return room;
}

static int room_drop(struct search_file *file, int64_t id)
{
    char sql[256];
    struct search_room **at = &file->rooms;
    while (*at && (*at)->id != id)
        at = &(*at)->next;
    if (*at) {
        struct search_room *room = *at;
        *at = room->next;
        room_free(room);
    }
    snprintf(sql, sizeof sql,
             "DROP TABLE words_%" PRId64 "; DELETE FROM documents WHERE room = %" PRId64, id, id);
    sqlite3_bind_int64(file->statements[SEARCH_DROP_ROOM], 1, id);
    return execute(file, sql) < 0 ? -1 : search_file_step(file, SEARCH_DROP_ROOM);
}

/* ── documents ── */

int64_t search_hash(const struct search_text *text)
{
    uint64_t seed = XXH3_64bits(text->contributor.at, text->contributor.len);
    seed = XXH3_64bits_withSeed(text->subject.at, text->subject.len, seed);
    return (int64_t)XXH3_64bits_withSeed(text->text.at, text->text.len, seed);
}

static void note_seen(struct search_file *file, int64_t id)
{
    size_t byte = (size_t)id / 8;
    if (!file->seen)
        return;
    if (byte >= file->seen_bytes) {
        size_t bytes = byte + SEEN_STEP, before = file->seen_bytes;
        file->seen = memory_grow(file->seen, &file->seen_bytes, bytes, 1);
        memset(file->seen + before, 0, file->seen_bytes - before);
    }
    file->seen[byte] |= (unsigned char)(1u << id % 8);
}

/* What is there of a text: its document's number, 0 when it has none. */
struct document {
    int64_t id, hash, changed;
};

static int document_find(struct search_file *file, int64_t room, const struct search_text *text,
                         struct document *ret_document)
{
    sqlite3_stmt *step = file->statements[SEARCH_DOCUMENT];
    sqlite3_bind_int64(step, 1, room);
    sqlite3_bind_int64(step, 2, text->section);
    search_bind_slice(step, 3, text->key);
    int result = sqlite3_step(step);
    *ret_document = (struct document){0};
    if (result == SQLITE_ROW)
        *ret_document =
            (struct document){sqlite3_column_int64(step, 0), sqlite3_column_int64(step, 1),
                              sqlite3_column_int64(step, 2)};
    sqlite3_reset(step);
    return result == SQLITE_ROW || result == SQLITE_DONE ? 0 : -1;
}

static int run(sqlite3_stmt *step)
{
    int result = sqlite3_step(step);
    sqlite3_reset(step);
    sqlite3_clear_bindings(step);
    return result == SQLITE_DONE ? 0 : -1;
}

static int document_drop(struct search_file *file, struct search_room *room, int64_t id)
{
    sqlite3_bind_int64(room->drop, 1, id);
    sqlite3_bind_int64(file->statements[SEARCH_DROP_DOCUMENT], 1, id);
    return run(room->drop) < 0 ? -1 : search_file_step(file, SEARCH_DROP_DOCUMENT);
}

static int document_add(struct search_file *file, int64_t room, const struct search_text *text,
                        int64_t hash, int64_t *ret_id)
{
    sqlite3_stmt *step = file->statements[SEARCH_ADD_DOCUMENT];
    sqlite3_bind_int64(step, 1, room);
    sqlite3_bind_int64(step, 2, text->section);
    search_bind_slice(step, 3, text->key);
    search_bind_slice(step, 4, text->contributor);
    search_bind_slice(step, 5, text->subject);
    sqlite3_bind_int64(step, 6, (int64_t)text->order);
    sqlite3_bind_int64(step, 7, hash);
    int error = run(step);
    *ret_id = sqlite3_last_insert_rowid(file->handle);
    return error;
}

static int document_set(struct search_file *file, int64_t id, const struct search_text *text,
                        int64_t hash)
{
    sqlite3_stmt *step = file->statements[SEARCH_SET_DOCUMENT];
    sqlite3_bind_int64(step, 1, id);
    search_bind_slice(step, 2, text->subject);
    sqlite3_bind_int64(step, 3, (int64_t)text->order);
    sqlite3_bind_int64(step, 4, hash);
    return run(step);
}

int search_file_put(struct search_file *file, struct slice name, const struct search_text *text)
{
    int error;
    struct document held;
    struct search_room *room = search_file_room(file, name, text->text.at != NULL, &error);
    if (!room || document_find(file, room->id, text, &held) < 0)
        return room ? -1 : error;
    int64_t id = held.id, hash = search_hash(text);
    if (!text->text.at)
        return id ? document_drop(file, room, id) : 0;
    bool worded = id && held.hash == hash;
    if (!id)
        error = document_add(file, room->id, text, hash, &id);
    else if (!worded || held.changed != (int64_t)text->order)
        error = document_set(file, id, text, hash);
    if (error < 0)
        return -1;
    note_seen(file, id);
    if (worded)
        return 0;
    sqlite3_bind_int64(room->put, 1, id);
    search_bind_text(room->put, 2, text->key);
    search_bind_text(room->put, 3, text->contributor);
    search_bind_text(room->put, 4, text->text);
    return run(room->put);
}

int search_file_compare(struct search_file *file, struct slice name, const struct search_text *text)
{
    int error;
    struct document held;
    struct search_room *room = search_file_room(file, name, false, &error);
    if (!room || document_find(file, room->id, text, &held) < 0)
        return room ? -1 : error;
    return held.id && held.hash == search_hash(text) && held.changed == (int64_t)text->order;
}

static int words_whole(struct search_file *file, int64_t room)
{
    char sql[192];
    snprintf(sql, sizeof sql,
             "INSERT INTO words_%" PRId64 " (words_%" PRId64 ") VALUES ('integrity-check')", room,
             room);
    return execute(file, sql);
}

int search_file_whole(struct search_file *file, int64_t *ret_documents)
{
    sqlite3_stmt *each;
    int result = SQLITE_ERROR, error = 0;
    *ret_documents = search_file_number(file, "SELECT count(*) FROM documents");
    if (*ret_documents < 0 ||
        sqlite3_prepare_v2(file->handle, "SELECT id FROM rooms", -1, &each, NULL) != SQLITE_OK)
        return -1;
    while (error == 0 && (result = sqlite3_step(each)) == SQLITE_ROW)
        error = words_whole(file, sqlite3_column_int64(each, 0));
    sqlite3_finalize(each);
    return error == 0 && result == SQLITE_DONE ? 0 : -1;
}

void search_file_again(struct search_file *file)
{
    free(file->seen);
    file->seen_bytes = 0;
    file->seen = NULL;
    file->seen = memory_grow(NULL, &file->seen_bytes, SEEN_STEP, 1);
    memset(file->seen, 0, file->seen_bytes);
}

static bool was_seen(const struct search_file *file, int64_t id)
{
    size_t byte = (size_t)id / 8;
    return byte < file->seen_bytes && file->seen[byte] & 1u << id % 8;
}

/* Documents first, by their numbers; then the rooms that have none any more. */
static int drop_unseen(struct search_file *file, sqlite3_stmt *each)
{
    int result, error = 0;
    while (error == 0 && (result = sqlite3_step(each)) == SQLITE_ROW) {
        int64_t id = sqlite3_column_int64(each, 0);
        struct slice name = column_slice(each, 1);
        if (was_seen(file, id))
            continue;
        struct search_room *room = search_file_room(file, name, false, &error);
        if (room)
            error = document_drop(file, room, id);
    }
    return error == 0 && result == SQLITE_DONE ? 0 : -1;
}

int search_file_settle(struct search_file *file)
{
    sqlite3_stmt *each;
    if (sqlite3_prepare_v2(file->handle,
                           "SELECT documents.id, name FROM documents"
                           " JOIN rooms ON rooms.id = room ORDER BY documents.id",
                           -1, &each, NULL) != SQLITE_OK)
        return -1;
    int error = drop_unseen(file, each);
    sqlite3_finalize(each);
    int64_t id;
    while (error == 0 &&
           (id = search_file_number(file, "SELECT id FROM rooms WHERE id NOT IN"
                                          " (SELECT room FROM documents) LIMIT 1")) > 0)
        error = room_drop(file, id);
    if (error < 0)
        return -1;
    free(file->seen);
    file->seen = NULL;
    file->seen_bytes = 0;
    return 0;
}
