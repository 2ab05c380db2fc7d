/* The making of one line of output (terminal.h).
 *
 * The heart is glyph_next: what of foreign bytes is safe to show, says wire/shown.h; it counts the
 * columns of that, and spells what this terminal lacks. */
#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <wchar.h>

#include "cmd/terminal.h"
#include "wire/shown.h"

#define MARKS_MAX 2u /* accents and the like that may sit on one letter */

static const char *const style_codes[STYLE_COUNT] = {
    [STYLE_PLAIN] = "\033[0m", [STYLE_DIM] = "\033[2m",      [STYLE_BOLD] = "\033[1m",
    [STYLE_RED] = "\033[31m",  [STYLE_GREEN] = "\033[32m",   [STYLE_YELLOW] = "\033[33m",
    [STYLE_BLUE] = "\033[34m", [STYLE_MAGENTA] = "\033[35m", [STYLE_CYAN] = "\033[36m",
};

/* What one character of the input becomes. */
struct glyph {
    struct shown shown;
    unsigned columns;
};

/* Takes one character from *rest. *marks counts those of no width in a row; a glyph of length 0 is
 * one too many of them. */
static struct glyph glyph_next(struct slice *rest, bool unicode, unsigned *marks)
{
    struct glyph glyph = {.shown = shown_next(rest)};
    struct shown *shown = &glyph.shown;
    if (shown->spelt && (shown->code == '\n' || shown->code == '\r' || shown->code == '\t'))
        *shown = (struct shown){.bytes = " ", .len = 1, .code = ' '};
    int columns = shown->spelt         ? -1
                  : shown->code < 0x7f ? 1
                  : unicode            ? wcwidth((wchar_t)shown->code)
                                       : -1;
    if (columns < 0 && !shown->spelt)
        shown_spell(shown);
    if (columns == 0 && *marks >= MARKS_MAX)
        shown->len = 0;
    glyph.columns = columns < 0 ? (unsigned)shown->len : (unsigned)columns;
    *marks = columns == 0 ? *marks + 1 : 0;
    return glyph;
}

unsigned text_columns(struct slice text, bool unicode)
{
    unsigned columns = 0, marks = 0;
    while (text.len > 0)
        columns += glyph_next(&text, unicode, &marks).columns;
    return columns;
}

void line_begin(struct line *line, const struct terminal *terminal)
{
    *line = (struct line){.terminal = terminal, .width = terminal->width};
}

void line_clear(struct line *line)
{
    text_clear(&line->text);
    line->column = 0;
    line->fits = 0;
    line->width = line->terminal->width;
    line->style = STYLE_PLAIN;
    line->full = false;
}

void line_free(struct line *line)
{
    text_free(&line->text);
}

void line_style(struct line *line, enum style style)
{
    if (!line->terminal->color || line->full || style == line->style)
        return;
    if (line->style != STYLE_PLAIN)
        text_add_literal(&line->text, style_codes[STYLE_PLAIN]);
    if (style != STYLE_PLAIN)
        text_add_literal(&line->text, style_codes[style]);
    line->style = style;
}

static const char *ellipsis(const struct line *line)
{
    return line->terminal->unicode ? "…" : "~";
}

static void line_cut(struct line *line)
{
    if (line->text.failed)
        return;
    assert(line->fits <= line->text.len);
    line->text.len = line->fits;
    if (line->terminal->color) /* the end of a colour may be in what was cut */
        text_add_literal(&line->text, style_codes[STYLE_PLAIN]);
    line->style = STYLE_PLAIN;
    text_add_literal(&line->text, ellipsis(line));
    line->column = line->width;
    line->full = true;
}

/* Bytes known to be harmless, all of them or, at the end of the line, none. */
static void line_put(struct line *line, struct slice bytes, unsigned columns)
{
    if (line->full)
        return;
    if (line->width > 0 && line->column + columns > line->width) {
        line_cut(line);
        return;
    }
    text_add(&line->text, bytes);
    line->column += columns;
    if (line->width == 0 || line->column < line->width)
        line->fits = line->text.len;
}

void line_add(struct line *line, struct slice bytes)
{
    unsigned marks = 0;
    while (bytes.len > 0 && !line->full) {
        struct glyph glyph = glyph_next(&bytes, line->terminal->unicode, &marks);
        line_put(line, (struct slice){glyph.shown.bytes, glyph.shown.len}, glyph.columns);
    }
}

void line_addf(struct line *line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    line_addv(line, format, arguments);
    va_end(arguments);
}

void line_addv(struct line *line, const char *format, va_list arguments)
{
    char *made = NULL;
    int len = vasprintf(&made, format, arguments);
    if (len < 0)
        return;
    line_add(line, (struct slice){made, (size_t)len});
    free(made);
}

void line_pad(struct line *line, unsigned column)
{
    while (line->column < column && !line->full)
        line_put(line, slice_of(" "), 1);
}

/* The longest start of bytes that fills at most `columns`; *ret_columns: what it fills. */
static struct slice fitting(struct slice bytes, unsigned columns, bool unicode,
                            unsigned *ret_columns)
{
    struct slice rest = bytes;
    unsigned filled = 0, marks = 0;
    size_t kept = 0;
    while (rest.len > 0) {
        struct glyph glyph = glyph_next(&rest, unicode, &marks);
        if (filled + glyph.columns > columns)
            break;
        filled += glyph.columns;
        kept = bytes.len - rest.len;
    }
    *ret_columns = filled;
    return (struct slice){bytes.at, kept};
}

static void line_cell_any(struct line *line, struct slice bytes, unsigned columns, bool right)
{
    bool unicode = line->terminal->unicode;
    unsigned filled, end = line->column + columns;
    struct slice shown = fitting(bytes, columns, unicode, &filled);
    bool cut = shown.len < bytes.len && columns > 0;
    if (cut)
        shown = fitting(bytes, columns - 1, unicode, &filled);
    assert(filled + cut <= columns);
    if (right)
        line_pad(line, end - filled - cut);
    line_add(line, shown);
    if (cut)
        line_put(line, slice_of(ellipsis(line)), 1);
    line_pad(line, end);
}

void line_cell(struct line *line, struct slice bytes, unsigned columns)
{
    line_cell_any(line, bytes, columns, false);
}

void line_cell_right(struct line *line, struct slice bytes, unsigned columns)
{
    line_cell_any(line, bytes, columns, true);
}

void line_bar(struct line *line, double share, unsigned columns)
{
    double clean = share > 0 ? (share < 1 ? share : 1) : 0; /* NAN fails both */
    unsigned done = (unsigned)(clean * columns + 0.5);
    bool unicode = line->terminal->unicode;
    for (unsigned i = 0; i < columns; i++)
        line_put(line, slice_of(i < done ? (unicode ? "━" : "#") : (unicode ? "─" : ".")), 1);
}

struct slice line_end(struct line *line)
{
    if (line->style != STYLE_PLAIN) {
        text_add_literal(&line->text, style_codes[STYLE_PLAIN]);
        line->style = STYLE_PLAIN;
    }
    return text_slice(&line->text);
}

void line_print(struct line *line, FILE *out)
{
    struct slice made = line_end(line);
    fwrite(made.at, 1, made.len, out);
    fputc('\n', out);
}
