/* Lines, bytes and numbers out of a source, records into a trace. */
#include "trace/reading.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire/shown.h"

int reading_failed(struct reading *reading, const char *format, ...)
{
    const struct source *source = &reading->source;
    va_list arguments;
    int length = snprintf(source->why, TRACE_WHY_SIZE, "%.200s%s%.100s%s: ", source->path,
                          *source->entry ? "(" : "", source->entry, *source->entry ? ")" : "");
    va_start(arguments, format);
    vsnprintf(source->why + length, TRACE_WHY_SIZE - (size_t)length, format, arguments);
    va_end(arguments);
    return -1;
}

int reading_wrong(struct reading *reading, struct slice found, const char *wanted)
{
    const struct source *source = &reading->source;
    char excerpt[EXCERPT_SIZE], line[24] = "";
    if (reading->line > 0)
        snprintf(line, sizeof line, ":%llu", (unsigned long long)reading->line);
    snprintf(source->why, TRACE_WHY_SIZE, "%.200s%s%.100s%s%s: found '%s', wanted %s", source->path,
             *source->entry ? "(" : "", source->entry, *source->entry ? ")" : "", line,
             excerpt_format(found, excerpt), wanted);
    return -1;
}

/* Fills the buffer as far as there are bytes. 0 or -1. */
static int fill(struct reading *reading)
{
    if (reading->begin > 0) {
        memmove(reading->buffer, reading->buffer + reading->begin, reading->end - reading->begin);
        reading->end -= reading->begin;
        reading->begin = 0;
    }
    while (!reading->ended && reading->end < sizeof reading->buffer) {
        ptrdiff_t got = source_read(&reading->source, reading->buffer + reading->end,
                                    sizeof reading->buffer - reading->end);
        if (got < 0)
            return -1;
        reading->end += (size_t)got;
        reading->ended = got == 0;
    }
    return 0;
}

int reading_peek(struct reading *reading, struct slice *ret_bytes, bool *ret_whole)
{
    if (fill(reading) < 0)
        return -1;
    *ret_bytes = (struct slice){reading->buffer + reading->begin, reading->end - reading->begin};
    *ret_whole = reading->ended;
    return 0;
}

struct slice without_mark(struct slice text)
{
    static const struct slice mark = SLICE("\xef\xbb\xbf");
    bool marked = text.len >= mark.len && memcmp(text.at, mark.at, mark.len) == 0;
    return marked ? (struct slice){text.at + mark.len, text.len - mark.len} : text;
}

int reading_line(struct reading *reading, struct slice *ret_line)
{
    const char *at = reading->buffer + reading->begin;
    const char *end = memchr(at, '\n', reading->end - reading->begin);
    if (!end) {
        if (fill(reading) < 0)
            return -1;
        at = reading->buffer;
        end = memchr(at, '\n', reading->end);
        if (!end && reading->end == 0)
            return 0;
    }
    reading->line++;
    size_t len = end ? (size_t)(end - at) : reading->end;
    if (!end && !reading->ended)
        return reading_wrong(reading, (struct slice){at, len}, "a line of fewer than 65536 bytes");
    reading->begin += end ? len + 1 : len;
    if (len > 0 && at[len - 1] == '\r')
        len--;
    *ret_line = (struct slice){at, len};
    if (reading->line == 1)
        *ret_line = without_mark(*ret_line);
    return 1;
}

int reading_bytes(struct reading *reading, void *ret_bytes, size_t size)
{
    assert(size > 0 && size <= sizeof reading->buffer);
    if (reading->end - reading->begin < size && fill(reading) < 0)
        return -1;
    size_t left = reading->end - reading->begin;
    if (left == 0)
        return 0;
    if (left < size)
        return reading_failed(reading,
                              "it ends within a record of %s, after %zu of its %zu bytes; --format "
                              "says what else it is",
                              reading->trace->format, left, size);
    memcpy(ret_bytes, reading->buffer + reading->begin, size);
    reading->begin += size;
    return 1;
}

int reading_add(struct reading *reading, const int64_t *values)
{
    struct trace *trace = reading->trace;
    size_t columns = (size_t)trace_columns(trace->kind), used = trace->count * columns;
    if (used + columns > TRACE_VALUES_MAX)
        return reading_failed(reading, "it has more than %zu %s; give a part of it",
                              TRACE_VALUES_MAX / columns, trace_kind_plural(trace->kind));
    if (used + columns > reading->capacity) {
        size_t more = reading->capacity > 0 ? 2 * reading->capacity : 4096;
        int64_t *grown = realloc(trace->values, more * sizeof *grown);
        if (!grown)
            return reading_failed(reading, "out of memory");
        trace->values = grown;
        reading->capacity = more;
    }
    memcpy(trace->values + used, values, columns * sizeof *values);
    trace->count++;
    return 0;
}

/* ── parts of a line ── */

bool blank(char c)
{
    return c == ' ' || c == '\t';
}

struct slice first_line(struct slice text)
{
    struct slice line = field_take(&text, '\n');
    if (line.len > 0 && line.at[line.len - 1] == '\r')
        line.len--;
    return without_mark(line);
}

struct slice word_take(struct slice *rest)
{
    if (rest->len == 0)
        return *rest;
    while (rest->len > 0 && blank(*rest->at))
        *rest = (struct slice){rest->at + 1, rest->len - 1};
    struct slice word = {rest->at, 0};
    while (word.len < rest->len && !blank(word.at[word.len]))
        word.len++;
    *rest = (struct slice){rest->at + word.len, rest->len - word.len};
    return word;
}

struct slice field_take(struct slice *rest, char parting)
{
    const char *end = rest->len > 0 ? memchr(rest->at, parting, rest->len) : NULL;
    struct slice field = {rest->at, end ? (size_t)(end - rest->at) : rest->len};
    size_t gone = field.len + (end != NULL);
    *rest = (struct slice){rest->at + gone, rest->len - gone};
    return field;
}

bool number_of(struct slice text, int64_t *ret_number)
{
    return decimal_of(text, 0, ret_number) && memchr(text.at, '.', text.len) == NULL;
}

bool decimal_of(struct slice text, int digits, int64_t *ret_number)
{
    bool negative = text.len > 0 && *text.at == '-', point = false, any = false;
    int64_t number = 0;
    for (size_t i = negative; i < text.len; i++) {
        char c = text.at[i];
        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if (c < '0' || c > '9')
            return false;
        any = true;
        if (point && digits-- <= 0)
            continue;
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, c - '0', &number))
            return false;
    }
    for (; digits > 0; digits--)
        if (__builtin_mul_overflow(number, 10, &number))
            return false;
    *ret_number = negative ? -number : number;
    return any;
}
