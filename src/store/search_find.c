/* What an index finds: the documents that have all the words, a page of them in some order. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/memory.h"
#include "store/inside.h"
#include "store/search_inside.h"
#include "wire/words.h"

#define RANKED_MAX 10000 /* of more entries that match, the newest */
/* Of the id, the contributor and the text: an id says more of what an entry is than its text. */
#define WEIGHTS "4.0, 2.0, 1.0"

/* As FTS5 reads it: each word in quotes, so that nothing in it is an operator. */
static void expression(const struct words *words, struct text *text)
{
    for (size_t i = 0; i < words->count; i++) {
        const struct word *word = &words->each[i];
        text_addf(text, "%s\"%.*s\"%s", i ? " " : "", (int)word->len, words->letters + word->at,
                  word->prefix ? "*" : "");
    }
}

static int hit_add(struct search_room *room, const struct words *words, sqlite3_stmt *row,
                   struct search_result *result)
{
    struct slice key = column_slice(row, 2);
    result->hits =
        memory_grow(result->hits, &result->capacity, result->found.count + 1, sizeof *result->hits);
    struct search_hit *hit = &result->hits[result->found.count++];
    hit->place = (struct query_place){.section = sqlite3_column_int(row, 1),
                                      .key.len = key.len,
                                      .order = (uint64_t)sqlite3_column_int64(row, 3)};
    text_add(&result->bytes, key);
    sqlite3_bind_int64(room->text, 1, sqlite3_column_int64(row, 0));
    size_t before = result->bytes.len;
    int step = sqlite3_step(room->text);
    if (step == SQLITE_ROW)
        words_snippet(words, column_slice(room->text, 0), &result->bytes);
    sqlite3_reset(room->text);
    hit->snippet.len = result->bytes.len - before;
    return step == SQLITE_ROW ? 0 : -1;
}

/* Bytes have moved while they were gathered. */
static void hits_place(struct search_result *result)
{
    const char *at = result->bytes.at;
    for (size_t i = 0; i < result->found.count; i++) {
        struct search_hit *hit = &result->hits[i];
        hit->place.key.at = at;
        hit->snippet.at = at + hit->place.key.len;
        at = hit->snippet.at + hit->snippet.len;
    }
    result->found.hits = result->hits;
}

/* What of the words' table is asked for, and where a page of each order begins. */
static void add_conditions(struct text *sql, const struct search_wish *wish)
{
    static const char *const behind[] = {[QUERY_NEWEST] = " AND changed < ?8",
                                         [QUERY_OLDEST] = " AND changed > ?8",
                                         [QUERY_ID] = " AND (section, documents.key) > (?9, ?10)"};
    text_add_literal(sql, " MATCH ?1 AND changed > ?11");
    if (wish->section != SEARCH_ANYWHERE)
        text_add_literal(sql, " AND section = ?2");
    if (wish->contributor.len)
        text_add_literal(sql, " AND documents.contributor = ?3");
    if (wish->subject.len)
        text_add_literal(sql, " AND subject = ?12");
    if (wish->order == QUERY_RELEVANCE)
        text_add_literal(sql, wish->newest ? " AND documents.id <= ?6" : "");
    else if (wish->goes_on)
        text_add_literal(sql, behind[wish->order]);
}

/* Ranking costs a look at each that matches, so only the newest are; the other orders need but a
 * place of each, and tell all. */
static void write_select(struct text *sql, const struct search_wish *wish, const char *name)
{
    static const char *const orders[] = {
        [QUERY_NEWEST] = "changed DESC", [QUERY_OLDEST] = "changed", [QUERY_ID] = "section, key"};
    bool ranks = wish->order == QUERY_RELEVANCE;
    text_add_literal(sql, "SELECT id, section, key, changed FROM (SELECT documents.id, section,"
                          " documents.key AS key, changed");
    if (ranks)
        text_addf(sql, ", bm25(%s, " WEIGHTS ") AS worth", name);
    text_addf(sql, " FROM %s JOIN documents ON documents.id = %s.rowid WHERE %s", name, name, name);
    add_conditions(sql, wish);
    if (ranks)
        text_addf(sql, " ORDER BY %s.rowid DESC LIMIT ?7", name);
    text_addf(sql, ") ORDER BY %s LIMIT ?4 OFFSET ?5",
              ranks ? "worth, id DESC" : orders[wish->order]);
    text_add(sql, (struct slice){"", 1});
}

static sqlite3_stmt *selection(struct search_file *file, const struct search_room *room,
                               const struct search_wish *wish, struct slice match)
{
    sqlite3_stmt *row;
    struct text sql = {0};
    char name[64];
    snprintf(name, sizeof name, "words_%" PRId64, room->id);
    write_select(&sql, wish, name);
    int result = sqlite3_prepare_v2(file->handle, sql.at, -1, &row, NULL);
    text_free(&sql);
    if (result != SQLITE_OK)
        return NULL;
    search_bind_text(row, 1, match);
    sqlite3_bind_int(row, 2, wish->section);
    search_bind_slice(row, 3, wish->contributor);
    sqlite3_bind_int64(row, 4, (int64_t)wish->limit + 1);
    sqlite3_bind_int64(row, 5, (int64_t)wish->from);
    sqlite3_bind_int64(row, 6, (int64_t)wish->newest);
    sqlite3_bind_int(row, 7, RANKED_MAX);
    sqlite3_bind_int64(row, 8, (int64_t)wish->place.order);
    sqlite3_bind_int(row, 9, wish->place.section);
    search_bind_slice(row, 10, wish->place.key);
    sqlite3_bind_int64(row, 11, (int64_t)wish->since);
    search_bind_slice(row, 12, wish->subject);
    return row;
}

int search_file_find(struct search_file *file, const struct search_wish *wish,
                     struct search_result *result)
{
    struct words words;
    struct text match = {0};
    int error, step = SQLITE_DONE;
    struct search_room *room = search_file_room(file, wish->room, false, &error);
    if (!room)
        return error;
    enum words_fault fault = words_read(wish->words, &words);
    assert(fault == WORDS_FINE); /* the hub has refused all others */
    (void)fault;
    expression(&words, &match);
    sqlite3_stmt *row = selection(file, room, wish, text_slice(&match));
    error = row ? 0 : -1;
    while (error == 0 && (step = sqlite3_step(row)) == SQLITE_ROW) {
        result->found.more = result->found.count == wish->limit;
        if (result->found.more)
            break;
        error = hit_add(room, &words, row, result);
    }
    sqlite3_finalize(row);
    text_free(&match);
    if (error < 0 || (step != SQLITE_DONE && step != SQLITE_ROW))
        return -1; /* with what sqlite3_errcode says of it */
    hits_place(result);
    result->found.newest =
        wish->newest
            ? wish->newest
            : (uint64_t)search_file_number(file, "SELECT coalesce(max(id), 0) FROM documents");
    return 0;
}

void search_result_free(struct search_result *result)
{
    free(result->hits);
    text_free(&result->bytes);
}
