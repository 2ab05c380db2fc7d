/* A page of a list, told in the order of the numbers that its things have. The answer names how
 * many there are of those that were asked for (total), and the number behind which the next page
 * begins (next; null: there is none). */
#ifndef KHUB_CORE_ORDER_PAGE_H
#define KHUB_CORE_ORDER_PAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/text.h"

struct request;

struct order_page {
    uint64_t after;   /* those behind this number are told, */
    uint64_t limit;   /* so many at the most, */
    size_t bytes_max; /* and no more once they have so many bytes */
    struct text *text;
    size_t begun, told, total;
    uint64_t last; /* that was told */
    bool more;     /* than were told */
};

/* payload.after and payload.limit, and what the room lets an answer have. 0, or -code. */
int order_page_read(const struct request *request, struct order_page *ret_page);
/* Writes ,"name":[ */
void order_page_begin(struct order_page *page, struct text *text, const char *name);
/* The next of those that were asked for, in the order of their numbers. Is it on this page? Then
 * the comma before it, if there is one, is written, and the caller writes the rest. */
bool order_page_tells(struct order_page *page, uint64_t number);
/* Writes ],"total":N */
void order_page_total(const struct order_page *page);
/* Writes ,"next":N */
void order_page_next(const struct order_page *page);

#endif
