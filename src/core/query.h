/* What query.c, query_read.c and revisions.c share: a knowledge_query that was read, and the answer
 * to it. */
#ifndef KHUB_CORE_QUERY_H
#define KHUB_CORE_QUERY_H

#include "core/handlers.h"
#include "core/search_wish.h"
#include "wire/words.h"

#define KEY_BYTES_MAX    1024u /* more than any entry's id has */
#define CURSOR_BYTES_MAX (KEY_BYTES_MAX + 32u)
#define GIANTS_MAX       4u /* written in vain for one answer */

struct query {
    char id_text[KEY_BYTES_MAX], contributor_text[WIRE_ID_MAX], cursor_text[CURSOR_BYTES_MAX];
    char specialization_text[WIRE_ID_MAX], subject_text[WIRE_ID_MAX], text_text[WORDS_BYTES_MAX];
    struct slice id, contributor, specialization, subject, text; /* len 0: any */
    struct words words;                                          /* of the text */
    enum section section;                                        /* SECTION_COUNT: all */
    uint64_t since, limit;
    enum query_order order;
    bool ordered;             /* it says so itself */
    bool goes_on;             /* behind this place; */
    struct query_place place; /* its key a part of cursor_text */
    bool ranked;              /* or at this place in a ranking */
    uint64_t from, newest;
    bool revisions;    /* of an id are asked for */
    uint64_t revision; /* 0: all */
    bool below;        /* in cursor_section, below cursor_revision */
    enum section cursor_section;
    uint64_t cursor_revision;
};

/* 0, or -code. The query must be {0}. */
int query_read(struct request *request, struct query *query);
/* What is read as the place again, in that order. */
void query_write_cursor(enum query_order order, const struct query_place *place, struct text *text);

/* Of the entries that changed after that place among the changes the one that did first; NULL: none
 * did. */
const struct knowledge_entry *changed_after(const struct knowledge *knowledge, uint64_t order);

/* What one answer holds. */
struct page {
    struct text parts[SECTION_COUNT];
    struct text wording; /* of the entry that is searched */
    struct text found;   /* what is in it, in order: of a search, or one that asks for an order */
    struct text revisions;
    size_t count, looked, searched, used, omitted;
    size_t bytes, entry_bytes;            /* the most, of all and of one */
    const struct knowledge_entry *behind; /* the last that was looked at */
    bool more;
};

struct page query_page(const struct room *room);
void query_page_free(struct page *page);
/* Answers with what the page holds; cursor.len 0: it is the last. Its parts are told in any case,
 * `found` of a query with a text or an order, `revisions` of one for them. */
void query_page_send(const struct page *page, struct request *request, const struct seat *to,
                     const struct query *query, struct slice cursor);

/* Answers a query for revisions (revisions.c). 0, or -code. */
int revisions_answer(struct request *request, const struct query *query, const struct seat *to);
/* "below SECTION REVISION", as revisions_answer wrote it; `at` ends with a NUL. */
bool revisions_read_cursor(struct query *query, const char *at);

#endif
