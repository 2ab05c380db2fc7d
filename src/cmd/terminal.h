/* What is at the other end of stdout, and the making of one line for it.
 *
 * Nothing that an AI wrote reaches a terminal as it is: line_add takes any bytes and adds only
 * what is harmless, counting columns as the terminal will. */
#ifndef KHUB_CMD_TERMINAL_H
#define KHUB_CMD_TERMINAL_H

#include <stdarg.h>
#include <stdio.h>

#include "wire/clock.h"
#include "wire/slice.h"
#include "wire/text.h"

enum style {
    STYLE_PLAIN = 0,
    STYLE_DIM,
    STYLE_BOLD,
    STYLE_RED,
    STYLE_GREEN,
    STYLE_YELLOW,
    STYLE_BLUE,
    STYLE_MAGENTA,
    STYLE_CYAN,
    STYLE_COUNT
};

struct terminal {
    int fd;
    bool is_terminal;
    bool color;
    bool moves;      /* obeys escape sequences */
    bool unicode;    /* false: arrows, bars and foreign letters are spelt in ASCII */
    unsigned width;  /* columns; 0: no end */
    unsigned height; /* lines; 0: nobody knows */
};

extern const char *const color_choices[]; /* auto, always, never; for --color */
/* Writes what is buffered for stdout. False: it can't be written, now or before. */
bool output_flush(void);
/* Why it could not be, an errno; 0: it could, or nobody knows. */
int output_error(void);
/* What fd is. color: one of color_choices; auto: a terminal, without NO_COLOR, whose
 * TERM is neither empty nor dumb. */
struct terminal terminal_of(int fd, const char *color);
/* Asks for the width again: windows change. */
void terminal_measure(struct terminal *terminal);
/* The sign between a number and how far it may be off. */
const char *plus_minus(const struct terminal *terminal);

/* Columns of UTF-8 text as a terminal shows them once it went through line_add. */
unsigned text_columns(struct slice text, bool unicode);

/* A line being made. Failures to allocate show as a shorter line. */
struct line {
    const struct terminal *terminal;
    struct text text;
    unsigned column, width; /* width 0: no end */
    size_t fits;            /* bytes of text after which an ellipsis still fits */
    enum style style;
    bool full; /* something was cut; nothing more is added */
};

void line_begin(struct line *line, const struct terminal *terminal);
/* Back to empty, keeping the memory. The width is the terminal's, as it is now. */
void line_clear(struct line *line);
void line_free(struct line *line);
void line_style(struct line *line, enum style style);
/* Bytes of anyone's: control characters, escape sequences, marks that turn the writing direction,
 * and bytes that are no UTF-8 become visible; line ends and tabs become spaces. */
void line_add(struct line *line, struct slice bytes);
/* What printf makes of it, by the same rule. */
void line_addf(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));
void line_addv(struct line *line, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));
/* Fills with spaces up to a column, counted from 0. */
void line_pad(struct line *line, unsigned column);
/* Exactly `columns` columns: cut with an ellipsis, or filled with spaces. */
void line_cell(struct line *line, struct slice bytes, unsigned columns);
void line_cell_right(struct line *line, struct slice bytes, unsigned columns);
/* A bar of `columns` for a share from 0 to 1 (NAN and others are brought there). */
void line_bar(struct line *line, double share, unsigned columns);
/* Ends the colour and gives what was made, without a line end; good until the next call. */
struct slice line_end(struct line *line);
/* Writes it with a line end. */
void line_print(struct line *line, FILE *out);

/* "14:03:07" local time of unix milliseconds. */
#define CLOCK_SIZE 16
void clock_format(int64_t unix_ms, char buffer[CLOCK_SIZE]);
/* Notes on which local day it is; whether that is another than the one noted. "": none was. */
#define DAY_SIZE 40
bool day_turns(char day[DAY_SIZE], int64_t unix_ms);
/* "just now", "5 s", "12 min", "3 h", "4 d": a time span of so many milliseconds. */
void span_format(int64_t ms, char buffer[CLOCK_SIZE]);
/* The word that goes with a count: `one` with 1, `many` with all others. */
const char *word_of(uint64_t count, const char *one, const char *many);
/* Unix milliseconds of an ISO 8601 time with its offset (none: UTC). 0, or -1. */
int time_parse(const char *text, int64_t *ret_unix_ms);
/* When something was, as a person types it: how long before `now` ("90s", "10m", "2h", "3d"), or a
 * local time ("2026-11-26", "2026-11-26T05:00", with seconds), or one with Z or an offset behind
 * its seconds. 0, or -1. */
int when_parse(const char *text, int64_t now, int64_t *ret_unix_ms);

#endif
