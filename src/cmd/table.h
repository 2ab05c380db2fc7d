/* The one table printer: rows of texts in aligned columns, fitted to the terminal. */
#ifndef KHUB_CMD_TABLE_H
#define KHUB_CMD_TABLE_H

#include "cmd/terminal.h"
#include "wire/json.h"

#define TABLE_COLUMNS_MAX      12u
#define TABLE_COLUMNS(columns) (columns), sizeof(columns) / sizeof((columns)[0])

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

/* The columns must outlive it; column_count is at most TABLE_COLUMNS_MAX. */
void table_begin(struct table *table, const struct column *columns, size_t column_count);
/* Adds the next cell, row by row from the left. Bytes of anyone's; cut at a NUL. */
void table_add(struct table *table, const char *text);
void table_addf(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The number with its unit behind it; "-" of one that is not finite. */
void table_add_number(struct table *table, double number, int decimals, const char *unit);
/* The text of an object's member, as field_string gives it. */
void table_add_member(struct table *table, struct json_value object, const char *name);
/* Titles if there are any, then the rows; the rows of an unfinished last row are filled up. */
void table_print(const struct table *table, const struct terminal *terminal, FILE *out);
void table_free(struct table *table);

#endif
