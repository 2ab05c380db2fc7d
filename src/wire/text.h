/* A growing buffer, for writing JSON and lines. Failure to allocate is sticky: check `failed`
 * once, at the end. */
#ifndef KHUB_WIRE_TEXT_H
#define KHUB_WIRE_TEXT_H

#include <stdint.h>

#include "wire/slice.h"
#include "wire/types.h"

struct text {
    char *at;
    size_t len, capacity;
    bool failed;
    bool secret; /* its memory is overwritten before it is let go (secret.h) */
};

void text_free(struct text *text);  /* back to {0}; text_free of {0} is fine */
void text_clear(struct text *text); /* len = 0, not failed; keeps the memory */
/* Room for `more` bytes behind len; false, and failed, when there is none to be had. */
bool text_reserve(struct text *text, size_t more);
/* Lines are made of many short pieces: a call for each would take longer than to copy them. */
static inline void text_add(struct text *text, struct slice bytes)
{
    bool fits = !text->failed && text->capacity - text->len >= bytes.len;
    if (!bytes.len || (!fits && !text_reserve(text, bytes.len)))
        return;
    memcpy(text->at + text->len, bytes.at, bytes.len);
    text->len += bytes.len;
}
static inline void text_add_literal(struct text *text, const char *literal)
{
    text_add(text, slice_of(literal));
}
void text_add_number(struct text *text, uint64_t number); /* in decimal digits */
void text_addf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A JSON string with its quotes; `bytes` is UTF-8 (invalid bytes become U+FFFD, so the output is
 * always strict JSON). What hides (shown.h) is written as \u escapes: the same string, safe to
 * show. */
void text_add_string(struct text *text, struct slice bytes);
/* An accepted text (wire/json.h) on one line, or one member a line with two spaces of indent when
 * pretty, with its own numbers and its own order; what hides becomes \u escapes. */
void text_add_json(struct text *text, struct slice accepted, bool pretty);
/* What was written; nothing (len 0) when it failed, so that half a line never goes out. */
struct slice text_slice(const struct text *text);

/* ISO 8601 in UTC with milliseconds, "2026-11-22T08:00:00.123+00:00", which Python 3.7's
 * fromisoformat reads as well. */
#define TIMESTAMP_SIZE 32
void timestamp_format(int64_t unix_ms, char buffer[TIMESTAMP_SIZE]);
#define U64_SIZE 21
/* In decimal digits and a NUL. How many digits. */
size_t u64_format(uint64_t number, char ret_digits[U64_SIZE]);
/* Lower-case digits: 2 * count of them and a NUL. */
void hex_format(const uint8_t *bytes, size_t count, char *ret_hex);
/* A UUIDv4 from 16 random bytes, 36 characters and a NUL. */
#define UUID_SIZE 37
void uuid_format(const uint8_t random[16], char buffer[UUID_SIZE]);

/* Appends one NetworkMessage up to its payload: {"message_id":…,…,"target_ai":…,"payload": —
 * then add the payload's object and call message_end, which closes it (no line end). target.len
 * 0 writes null. */
void message_begin(struct text *text, struct slice message_id, struct slice sender_id,
                   enum message_type type, struct slice timestamp, struct slice target);
void message_end(struct text *text);

#endif
