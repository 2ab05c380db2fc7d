/* The growing buffer, and the few things the hub writes with it itself. */
#include "wire/text.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire/secret.h"

#define TEXT_MIN 256u /* bytes of the first allocation */

void text_free(struct text *text)
{
    if (text->secret)
        secret_free(text->at, text->capacity);
    else
        free(text->at);
    *text = (struct text){0};
}

void text_clear(struct text *text)
{
    text->len = 0;
    text->failed = false;
}

bool text_reserve(struct text *text, size_t more)
{
    size_t needed;
    assert(text->len <= text->capacity);
    if (text->failed)
        return false;
    if (__builtin_add_overflow(text->len, more, &needed) || needed > SIZE_MAX / 4) {
        text->failed = true;
        return false;
    }
    if (needed <= text->capacity)
        return true;
    size_t capacity = text->capacity ? text->capacity : TEXT_MIN;
    while (capacity < needed)
        capacity *= 2;
    char *grown = text->secret ? secret_grow(text->at, text->capacity, capacity)
                               : realloc(text->at, capacity);
    if (!grown) {
        text->failed = true;
        return false;
    }
    text->at = grown;
    text->capacity = capacity;
    return true;
}

void text_addf(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0)
        text->failed = true;
    /* vsnprintf ends with a NUL, which is not counted but needs its place. */
    if (length < 0 || !text_reserve(text, (size_t)length + 1))
        return;
    va_start(arguments, format);
    vsnprintf(text->at + text->len, (size_t)length + 1, format, arguments);
    va_end(arguments);
    text->len += (size_t)length;
}

void text_add_number(struct text *text, uint64_t number)
{
    char digits[U64_SIZE];
    text_add(text, (struct slice){digits, u64_format(number, digits)});
}

size_t u64_format(uint64_t number, char ret_digits[U64_SIZE])
{
    char digits[U64_SIZE - 1], *at = digits + sizeof digits;
    do
        *--at = (char)('0' + number % 10);
    while (number /= 10);
    size_t len = (size_t)(digits + sizeof digits - at);
    memcpy(ret_digits, at, len);
    ret_digits[len] = '\0';
    return len;
}

struct slice text_slice(const struct text *text)
{
    if (text->failed)
        return (struct slice){NULL, 0};
    return (struct slice){text->at, text->len};
}

/* The day's place in the calendar. Years are counted from March here: so a leap day is the last
 * of its year, and months follow a pattern of 153 days in five. */
static void date_of(uint64_t days, unsigned *ret_year, unsigned *ret_month, unsigned *ret_day)
{
    days += 719468; /* from 0000-03-01 to 1970-01-01 */
    unsigned era = (unsigned)(days / 146097), of_era = (unsigned)(days % 146097);
    unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
    unsigned month = (5 * of_year + 2) / 153;
    *ret_day = of_year - (153 * month + 2) / 5 + 1;
    *ret_month = month < 10 ? month + 3 : month - 9;
    *ret_year = era * 400 + year + (month >= 10);
}

static char *put_digits(char *at, unsigned count, unsigned number, char behind)
{
    for (unsigned i = count; i > 0; i--, number /= 10)
        at[i - 1] = (char)('0' + number % 10);
    at[count] = behind;
    return at + count + 1;
}

/* Every line that the hub makes has one: libc would take as long for it as for all the rest. */
void timestamp_format(int64_t unix_ms, char buffer[TIMESTAMP_SIZE])
{
    const int64_t last_ms = INT64_C(253402300799999); /* the end of the year 9999 */
    unsigned year, month, day;
    if (unix_ms < 0)
        unix_ms = 0;
    if (unix_ms > last_ms)
        unix_ms = last_ms;
    unsigned of_day = (unsigned)(unix_ms % 86400000);
    date_of((uint64_t)unix_ms / 86400000, &year, &month, &day);
    buffer = put_digits(buffer, 4, year, '-');
    buffer = put_digits(buffer, 2, month, '-');
    buffer = put_digits(buffer, 2, day, 'T');
    buffer = put_digits(buffer, 2, of_day / 3600000, ':');
    buffer = put_digits(buffer, 2, of_day / 60000 % 60, ':');
    buffer = put_digits(buffer, 2, of_day / 1000 % 60, '.');
    buffer = put_digits(buffer, 3, of_day % 1000, '+');
    memcpy(buffer, "00:00", sizeof "00:00");
}

static const char hex_digits[] = "0123456789abcdef";

void hex_format(const uint8_t *bytes, size_t count, char *ret_hex)
{
    for (size_t i = 0; i < count; i++) {
        *ret_hex++ = hex_digits[bytes[i] >> 4];
        *ret_hex++ = hex_digits[bytes[i] & 0xF];
    }
    *ret_hex = '\0';
}

void uuid_format(const uint8_t random[16], char buffer[UUID_SIZE])
{
    static const uint8_t places[16] = {0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34};
    uint8_t bytes[16];
    memcpy(bytes, random, sizeof bytes);
    bytes[6] = (bytes[6] & 0x0F) | 0x40; /* version 4: random */
    bytes[8] = (bytes[8] & 0x3F) | 0x80; /* the variant of RFC 9562 */
    for (size_t i = 0; i < sizeof bytes; i++) {
        buffer[places[i]] = hex_digits[bytes[i] >> 4];
        buffer[places[i] + 1] = hex_digits[bytes[i] & 0xF];
    }
    buffer[8] = buffer[13] = buffer[18] = buffer[23] = '-';
    buffer[UUID_SIZE - 1] = '\0';
}

void message_begin(struct text *text, struct slice message_id, struct slice sender_id,
                   enum message_type type, struct slice timestamp, struct slice target)
{
    text_add_literal(text, "{\"message_id\":");
    text_add_string(text, message_id);
    text_add_literal(text, ",\"sender_id\":");
    text_add_string(text, sender_id);
    text_add_literal(text, ",\"message_type\":\"");
    text_add_literal(text, message_type_text(type));
    text_add_literal(text, "\",\"timestamp\":");
    text_add_string(text, timestamp);
    text_add_literal(text, ",\"target_ai\":");
    if (target.len > 0)
        text_add_string(text, target);
    else
        text_add_literal(text, "null");
    text_add_literal(text, ",\"payload\":");
}

void message_end(struct text *text)
{
    text_add_literal(text, "}");
}
