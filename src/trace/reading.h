/* What the readers of formats share: a file under way to become a trace. Text comes in lines,
 * binary in bytes; records go to the trace; what is wrong is said with its place.
 *
 * A format is a row of the table in formats.c: whether a beginning looks like it, and a function
 * that reads one stream of it (of a zip archive each file is one) to its end. */
#ifndef KHUB_TRACE_READING_H
#define KHUB_TRACE_READING_H

#include "trace/source.h"
#include "wire/slice.h"

#define READING_SIZE (64u << 10) /* the longest line, and the most that can be seen ahead */

struct reading {
    struct source source;
    struct trace *trace;
    size_t capacity; /* values that there is memory for */
    char buffer[READING_SIZE];
    size_t begin, end; /* of it: bytes yet to be read */
    bool ended;
    uint64_t line;    /* number of the line that was read last, from 1 */
    size_t streams;   /* which of the file's streams this is, from 1 */
    int64_t state[4]; /* a format's own, from one stream to the next; 0 at first */
};

struct trace_format {
    const char *name;
    enum trace_kind kind;
    /* Whether a file that begins like this (at most READING_SIZE bytes; all of it when `whole`) is
     * of this format. */
    bool (*fits)(struct slice beginning, bool whole);
    /* 0, or -1 when reading_wrong or another of these said what is wrong. */
    int (*read)(struct reading *reading);
    int (*end)(struct reading *reading); /* after the last stream: is all there? NULL: it is */
};
/* Ended by a row without a name; of those that fit the first is taken. */
extern const struct trace_format trace_formats[];

/* What comes next, without taking it: as much as the buffer holds. */
int reading_peek(struct reading *reading, struct slice *ret_bytes, bool *ret_whole);
/* Takes the next line, without its end ("\n" or "\r\n") and without a byte order mark before the
 * first; good until the next call. 1, 0 at the end, or -1. */
int reading_line(struct reading *reading, struct slice *ret_line);
/* Takes exactly `size` bytes. 1, 0 when there are none left, or -1, also when there are fewer. */
int reading_bytes(struct reading *reading, void *ret_bytes, size_t size);
/* Adds a record of as many values as the trace's kind has columns. 0 or -1. */
int reading_add(struct reading *reading, const int64_t *values);
/* "FILE:LINE: found '…', wanted …"; what is not read in lines has none. Returns -1. */
int reading_wrong(struct reading *reading, struct slice found, const char *wanted);
/* "FILE: …", for what has no line. Returns -1. */
__attribute__((format(printf, 2, 3))) int reading_failed(struct reading *reading,
                                                         const char *format, ...);

/* ── parts of a line ── */

bool blank(char c); /* or a tab */
/* How the text begins, as reading_line gives it: without its end or a byte order mark. */
struct slice first_line(struct slice text);
/* The text behind a byte order mark, if it begins with one. */
struct slice without_mark(struct slice text);
/* Takes the next word, parted by blanks and tabs; empty at the end. */
struct slice word_take(struct slice *rest);
/* Takes what stands before the next `parting`, which goes too; the rest when there is none. */
struct slice field_take(struct slice *rest, char parting);
/* All of the text as a whole number, or as one with up to `digits` decimal places, times
 * 10^digits; further places are cut off. False when it is none, or out of range. */
bool number_of(struct slice text, int64_t *ret_number);
bool decimal_of(struct slice text, int digits, int64_t *ret_number);

#endif
