/* See table.h. */
#include "cmd/table.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>

#include "cmd/fields.h"

#define GAP          2u /* columns between columns */
#define SHRUNK_LEAST 8u /* no column is cut below this */

void table_begin(struct table *table, const struct column *columns, size_t column_count)
{
    assert(column_count > 0 && column_count <= TABLE_COLUMNS_MAX);
    *table = (struct table){.columns = columns, .column_count = column_count};
}

static void table_take(struct table *table, char *cell)
{
    if (table->count == table->capacity) {
        size_t capacity = table->capacity ? table->capacity * 2 : 64;
        char **cells = reallocarray(table->cells, capacity, sizeof(*cells));
        if (!cells) {
            table->failed = true;
            free(cell);
            return;
        }
        table->cells = cells;
        table->capacity = capacity;
    }
    assert(table->column_count > 0 && table->count < table->capacity);
    table->cells[table->count++] = cell;
}

void table_add(struct table *table, const char *text)
{
    char *cell = strdup(text);
    if (cell)
        table_take(table, cell);
    else
        table->failed = true;
}

void table_addf(struct table *table, const char *format, ...)
{
    char *cell;
    va_list arguments;
    va_start(arguments, format);
    int len = vasprintf(&cell, format, arguments);
    va_end(arguments);
    if (len >= 0)
        table_take(table, cell);
    else
        table->failed = true;
}

void table_add_number(struct table *table, double number, int decimals, const char *unit)
{
    if (isfinite(number))
        table_addf(table, "%.*f%s", decimals, number, unit);
    else
        table_add(table, "-");
}

void table_add_member(struct table *table, struct json_value object, const char *name)
{
    OWNED char *text = field_string(object, name);
    table_add(table, text);
}

static unsigned total_width(const struct table *table, const unsigned *widths)
{
    unsigned total = (unsigned)(table->column_count - 1) * GAP;
    for (size_t i = 0; i < table->column_count; i++)
        total += widths[i];
    return total;
}

/* Takes columns off the widest that shrinks, until the row fits or none is left to take from. */
static void fit_widths(const struct table *table, unsigned *widths, unsigned window)
{
    while (window > 0 && total_width(table, widths) > window) {
        size_t widest = table->column_count;
        for (size_t i = 0; i < table->column_count; i++) {
            bool shrinks = table->columns[i].shrinks || table->columns[i].wraps;
            if (shrinks && widths[i] > SHRUNK_LEAST &&
                (widest == table->column_count || widths[i] > widths[widest]))
                widest = i;
        }
        if (widest == table->column_count)
            return;
        widths[widest]--;
    }
}

/* Takes the words off the cell that fit into `width` columns, or of one that is too long what
 * fits. */
static struct slice take_words(struct slice *cell, unsigned width, bool unicode)
{
    bool whole = text_columns(*cell, unicode) <= width;
    size_t taken = whole ? cell->len : 0, fits = 0; /* to the end of a word, and of a letter */
    for (size_t end = 1; !whole && end <= cell->len; end++) {
        if (end < cell->len && (cell->at[end] & 0xc0) == 0x80)
            continue; /* inside of a letter in UTF-8 */
        if (text_columns((struct slice){cell->at, end}, unicode) > width)
            break;
        fits = end;
        if (end < cell->len && cell->at[end] == ' ' && cell->at[end - 1] != ' ')
            taken = end;
    }
    if (taken == 0)
        taken = fits > 0 ? fits : cell->len;
    struct slice words = {cell->at, taken};
    while (taken < cell->len && cell->at[taken] == ' ')
        taken++;
    *cell = (struct slice){cell->at + taken, cell->len - taken};
    return words;
}

static void print_line(const struct table *table, const unsigned *widths, const struct slice *cells,
                       struct line *line, FILE *out)
{
    size_t shown = table->column_count; /* no blanks at the end of a line */
    while (shown > 0 && cells[shown - 1].len == 0)
        shown--;
    for (size_t i = 0; i < shown; i++) {
        bool last = i + 1 == shown;
        struct slice cell = cells[i];
        if (i > 0)
            line_pad(line, line->column + GAP);
        if (table->columns[i].right)
            line_cell_right(line, cell, widths[i]);
        else if (last && text_columns(cell, line->terminal->unicode) <= widths[i])
            line_add(line, cell);
        else
            line_cell(line, cell, widths[i]);
    }
    line_print(line, out);
}

/* As many lines as its longest wrapped cell takes. */
static void print_row(const struct table *table, const unsigned *widths, const char *const *cells,
                      struct line *line, FILE *out)
{
    struct slice rests[TABLE_COLUMNS_MAX], pieces[TABLE_COLUMNS_MAX];
    bool more = true;
    for (size_t i = 0; i < table->column_count; i++)
        rests[i] = slice_of(cells[i] ? cells[i] : "");
    while (more) {
        more = false;
        for (size_t i = 0; i < table->column_count; i++) {
            pieces[i] = rests[i];
            if (table->columns[i].wraps)
                pieces[i] = take_words(&rests[i], widths[i], line->terminal->unicode);
            else
                rests[i].len = 0;
            more = more || rests[i].len > 0;
        }
        print_line(table, widths, pieces, line, out);
        line_clear(line);
    }
}

void table_print(const struct table *table, const struct terminal *terminal, FILE *out)
{
    unsigned widths[TABLE_COLUMNS_MAX];
    const char *cells[TABLE_COLUMNS_MAX];
    bool titled = false;
    assert(table->column_count > 0);
    for (size_t i = 0; i < table->column_count; i++) {
        cells[i] = table->columns[i].title;
        titled = titled || *cells[i];
        widths[i] = text_columns(slice_of(cells[i]), terminal->unicode);
    }
    for (size_t i = 0; i < table->count; i++) {
        unsigned columns = text_columns(slice_of(table->cells[i]), terminal->unicode);
        unsigned *width = &widths[i % table->column_count];
        *width = columns > *width ? columns : *width;
    }
    fit_widths(table, widths, terminal->width);

    struct line line;
    line_begin(&line, terminal);
    if (titled) {
        line_style(&line, STYLE_BOLD);
        print_row(table, widths, cells, &line, out);
    }
    for (size_t row = 0; row < table->count; row += table->column_count) {
        for (size_t i = 0; i < table->column_count; i++)
            cells[i] = row + i < table->count ? table->cells[row + i] : NULL;
        print_row(table, widths, cells, &line, out);
    }
    line_free(&line);
    if (table->failed)
        fputs("khub: out of memory: the table is not whole\n", stderr);
}

void table_free(struct table *table)
{
    for (size_t i = 0; i < table->count; i++)
        free(table->cells[i]);
    free(table->cells);
    *table = (struct table){0};
}
