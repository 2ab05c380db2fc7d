/* The one table printer: rows of texts in aligned columns, fitted to the terminal. */
#ifndef KHUB_CMD_TABLE_H
#define KHUB_CMD_TABLE_H

#include "cmd/terminal.h"

#define TABLE_COLUMNS_MAX 12u

struct column {
    const char *title;
    bool right;   /* numbers */
    bool shrinks; /* is cut first when the window is narrow */
    bool wraps;   /* shrinks, but nothing is lost: it goes on in the lines below */
};

struct table {
    const struct column *columns;
    size_t column_count;
    char **cells; /* row by row */
    size_t count, capacity;
    bool failed; /* out of memory: table_print says so */
};

/* columns: static, column_count at most TABLE_COLUMNS_MAX. */
void table_begin(struct table *table, const struct column *columns, size_t column_count);
/* Adds the next cell, row by row from the left. Bytes of anyone's; cut at a NUL. */
void table_add(struct table *table, const char *text);
void table_addf(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Titles, then the rows; the rows of an unfinished last row are filled up. */
void table_print(const struct table *table, const struct terminal *terminal, FILE *out);
void table_free(struct table *table);

#endif
