/* What the files of the index share: search.c is its thread and the queue to it, search_file.c the
 * database, search_find.c what is found there. */
#ifndef KHUB_STORE_SEARCH_INSIDE_H
#define KHUB_STORE_SEARCH_INSIDE_H

#include <sqlite3.h>

#include "store/search.h"
#include "store/store.h"
#include "wire/text.h"

/* ── search_file.c ── */

enum search_statement {
    SEARCH_BEGIN,
    SEARCH_COMMIT,
    SEARCH_ROLLBACK,
    SEARCH_ROOM,
    SEARCH_ADD_ROOM,
    SEARCH_DROP_ROOM,
    SEARCH_DOCUMENT,
    SEARCH_ADD_DOCUMENT,
    SEARCH_SET_DOCUMENT,
    SEARCH_DROP_DOCUMENT,
    SEARCH_STATEMENT_COUNT
};

/* A room's own table of words: rooms share nothing, not even how rare a word is. */
struct search_room {
    struct slice name; /* owned */
    int64_t id;
    sqlite3_stmt *put, *drop, *text;
    struct search_room *next;
};

struct search_file {
    sqlite3 *handle;
    sqlite3_stmt *statements[SEARCH_STATEMENT_COUNT];
    struct search_room *rooms; /* those that were used */
    unsigned char *seen;       /* bit i: document i was put since `again`; NULL: it has settled */
    size_t seen_bytes;
};

/* Opens search.db, or makes it. One that is damaged, or another version's, is made anew; one that
 * can't be read for another reason, such as a full disk, stays. 0, or -1 with a sentence. */
int search_file_open(struct search_file *file, const char *directory, char ret_why[STORE_WHY_SIZE]);
/* The same, and what is there stays as it is: 0, or a store_code. */
int search_file_open_as_is(struct search_file *file, const char *directory);
/* After something of it went wrong: because of what is in it? */
bool search_file_is_damaged(const struct search_file *file);
/* Fine for one that is {0}. */
void search_file_close(struct search_file *file);
/* Forgets which rooms there are, after a rollback. */
void search_file_rooms_free(struct search_file *file);
/* Closes it and takes it away. */
void search_file_remove(struct search_file *file, const char *directory);
/* The room of that name, which is made when it is to be. NULL with *ret_error 0: there is none. */
struct search_room *search_file_room(struct search_file *file, struct slice name, bool make,
                                     int *ret_error);
/* What a query for one number finds, or -1. */
int64_t search_file_number(struct search_file *file, const char *sql);
/* Of one that could not be opened: is it an index, but another version's? */
bool search_file_is_other(struct search_file *file);
/* These return 0, or -1: sqlite3_errmsg says why. Within a transaction (SEARCH_BEGIN). */
int search_file_put(struct search_file *file, struct slice name, const struct search_text *text);
int search_file_settle(struct search_file *file);
int search_file_step(struct search_file *file, enum search_statement statement);
/* 1: the text is in it as it is; 0: it is not; -1. */
int search_file_compare(struct search_file *file, struct slice name,
                        const struct search_text *text);
/* Does it agree with itself? 0 with the number of documents, or -1. */
int search_file_whole(struct search_file *file, int64_t *ret_documents);
/* From now on what is put counts as seen, until it settles. */
void search_file_again(struct search_file *file);

/* So that a text that is there as it is need not be put again. */
int64_t search_hash(const struct search_text *text);

static inline void search_bind_slice(sqlite3_stmt *step, int at, struct slice bytes)
{
    sqlite3_bind_blob64(step, at, bytes.len ? bytes.at : "", bytes.len, SQLITE_STATIC);
}

static inline void search_bind_text(sqlite3_stmt *step, int at, struct slice bytes)
{
    sqlite3_bind_text64(step, at, bytes.len ? bytes.at : "", bytes.len, SQLITE_STATIC, SQLITE_UTF8);
}

/* ── search_find.c ── */

/* What came of a search: hits point into the bytes once they are placed. */
struct search_result {
    struct search_found found;
    struct search_hit *hits;
    size_t capacity;
    struct text bytes;
};
int search_file_find(struct search_file *file, const struct search_wish *wish,
                     struct search_result *result);
void search_result_free(struct search_result *result);

#endif
