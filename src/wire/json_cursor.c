/* The cursor: a walk over JSON that the scanner has accepted, without a tree and without memory.
 *
 * It trusts the grammar, so it only looks for where things end; but it never trusts it with its
 * life: every step is bounded by the slice, so that even text which nobody judged could only
 * give wrong answers, not wild reads. */
#include <locale.h>
#include <math.h>
#include <stdlib.h>

#include "wire/json_scan.h"
#include "wire/utf8.h"

/* at: behind the opening quote. Ends at the closing one (or at the end). */
static const char *string_end(const char *at, const char *end, bool *ret_escaped)
{
    *ret_escaped = false;
    for (;;) {
        at = json_plain_run(at, end);
        if (at == end || *at == '"')
            return at;
        if (*at == '\\') {
            *ret_escaped = true;
            at++;
        }
        if (at < end)
            at++;
        while (at < end && (unsigned char)*at >= 0x80)
            at++;
    }
}

/* at: '{' or '['. Ends behind its closing bracket. */
static const char *container_end(const char *at, const char *end)
{
    size_t depth = 0;
    bool escaped;
    while (at < end) {
        char byte = *at++;
        if (byte == '"') {
            at = string_end(at, end, &escaped);
            if (at < end)
                at++;
        } else if (byte == '{' || byte == '[') {
            depth++;
        } else if (byte == '}' || byte == ']') {
            depth--;
            if (depth == 0)
                break;
        }
    }
    return at;
}

static const char *scalar_end(const char *at, const char *end)
{
    while (at < end && !json_is_space(*at) && *at != ',' && *at != '}' && *at != ']')
        at++;
    return at;
}

static enum json_kind kind_of(char first)
{
    switch (first) {
    case '{':
        return JSON_KIND_OBJECT;
    case '[':
        return JSON_KIND_ARRAY;
    case '"':
        return JSON_KIND_STRING;
    case 't':
        return JSON_KIND_TRUE;
    case 'f':
        return JSON_KIND_FALSE;
    case 'n':
        return JSON_KIND_NULL;
    default:
        return JSON_KIND_NUMBER;
    }
}

/* The value at *at, which it passes; JSON_KIND_ABSENT when there is nothing. */
static struct json_value take_value(const char **at, const char *end)
{
    struct json_value value = {.kind = JSON_KIND_ABSENT};
    const char *from = json_skip_space(*at, end);
    *at = from;
    if (from == end)
        return value;
    value.kind = kind_of(*from);
    if (value.kind == JSON_KIND_STRING) {
        const char *close = string_end(from + 1, end, &value.escaped);
        value.raw = (struct slice){from + 1, (size_t)(close - from) - 1};
        *at = close < end ? close + 1 : end;
        return value;
    }
    bool container = value.kind == JSON_KIND_OBJECT || value.kind == JSON_KIND_ARRAY;
    *at = container ? container_end(from, end) : scalar_end(from, end);
    value.raw = (struct slice){from, (size_t)(*at - from)};
    return value;
}

struct json_value json_value_of(struct slice accepted)
{
    const char *at = accepted.at;
    return take_value(&at, accepted.at + accepted.len);
}

/* Moves to the next thing in a container that begins with `open`. False when there is none. */
static bool step_in(struct json_iterator *iterator, char open, const char **ret_at)
{
    const char *end = slice_end(iterator->rest);
    const char *at = json_skip_space(iterator->rest.at, end);
    char expected = iterator->started ? ',' : open;
    if (at == end || *at != expected)
        return false;
    at = json_skip_space(at + 1, end);
    if (at == end || *at == ']' || *at == '}')
        return false;
    iterator->started = true;
    *ret_at = at;
    return true;
}

bool json_next_member(struct json_iterator *iterator, struct json_value *ret_name,
                      struct json_value *ret_value)
{
    const char *at;
    if (!step_in(iterator, '{', &at))
        return false;
    const char *end = slice_end(iterator->rest);
    struct json_value name = take_value(&at, end);
    at = json_skip_space(at, end);
    if (name.kind != JSON_KIND_STRING || at == end || *at != ':')
        return false;
    at++;
    *ret_name = name;
    *ret_value = take_value(&at, end);
    iterator->rest = (struct slice){at, (size_t)(end - at)};
    return true;
}

bool json_next_element(struct json_iterator *iterator, struct json_value *ret_value)
{
    const char *at;
    if (!step_in(iterator, '[', &at))
        return false;
    const char *end = slice_end(iterator->rest);
    *ret_value = take_value(&at, end);
    iterator->rest = (struct slice){at, (size_t)(end - at)};
    return true;
}

struct json_value json_get(struct json_value object, const char *name)
{
    struct json_value found = {.kind = JSON_KIND_ABSENT};
    if (object.kind != JSON_KIND_OBJECT)
        return found;
    struct slice wanted = slice_of(name);
    struct json_iterator members = {.rest = object.raw};
    struct json_value member_name, value;
    while (json_next_member(&members, &member_name, &value))
        if (json_string_is(member_name, wanted))
            found = value;
    return found;
}

static void places_clear(const struct json_place *places, size_t count, void *ret_found)
{
    const struct json_value absent = {.kind = JSON_KIND_ABSENT};
    for (size_t i = 0; i < count; i++)
        memcpy((char *)ret_found + places[i].at, &absent, sizeof absent);
}

static void member_place(const struct json_member *member, const struct json_place *places,
                         size_t count, void *ret_found)
{
    char buffer[JSON_PLACE_NAME_MAX];
    struct slice name = member->name.raw;
    if (member->name.escaped) {
        long len = json_decode(member->name, buffer, sizeof buffer);
        name = (struct slice){buffer, len < 0 ? 0 : (size_t)len};
    }
    for (size_t i = 0; i < count; i++)
        if (slice_equal(name, places[i].name))
            memcpy((char *)ret_found + places[i].at, &member->value, sizeof member->value);
}

void json_get_members(struct json_value object, const struct json_place *places, size_t count,
                      void *ret_found)
{
    struct json_iterator members = {.rest = object.raw};
    struct json_member member;
    places_clear(places, count, ret_found);
    if (object.kind != JSON_KIND_OBJECT)
        return;
    while (json_next_member(&members, &member.name, &member.value))
        member_place(&member, places, count, ret_found);
}

void json_pick_members(const struct json_member *members, size_t member_count,
                       const struct json_place *places, size_t count, void *ret_found)
{
    places_clear(places, count, ret_found);
    for (size_t i = 0; i < member_count; i++)
        member_place(&members[i], places, count, ret_found);
}

static uint32_t hex_four(const char *at)
{
    uint32_t code = 0;
    for (int i = 0; i < 4; i++) {
        unsigned byte = (unsigned char)at[i];
        unsigned digit = byte <= '9' ? byte - '0' : (byte | 0x20) - 'a' + 10;
        code = code << 4 | (digit & 0xF);
    }
    return code;
}

/* *at: a backslash. Writes what the escape stands for, passes it, and returns the length
 * written. */
static size_t take_escape(const char **at, const char *end, char buffer[UTF8_MAX])
{
    static const char letters[] = "bfnrt", controls[] = "\b\f\n\r\t";
    const char *from = *at;
    if (end - from < 2 || (from[1] == 'u' && end - from < 6)) {
        *at = end;
        return 0;
    }
    if (from[1] != 'u') {
        const char *letter = memchr(letters, from[1], sizeof letters - 1);
        buffer[0] = letter ? controls[letter - letters] : from[1];
        *at = from + 2;
        return 1;
    }
    uint32_t code = hex_four(from + 2);
    *at = from + 6;
    if (code >= 0xD800 && code <= 0xDBFF && end - from >= 12) {
        code = 0x10000 + ((code - 0xD800) << 10) + ((hex_four(from + 8) - 0xDC00) & 0x3FF);
        *at = from + 12;
    }
    return utf8_write(code, buffer);
}

/* The next stretch of a string's meaning: a run of its own bytes, or one escape (in buffer).
 * Moves *at; len 0 at the end. */
static struct slice take_stretch(const char **at, const char *end, char buffer[UTF8_MAX])
{
    const char *from = *at;
    if (from < end && *from == '\\')
        return (struct slice){buffer, take_escape(at, end, buffer)};
    const char *backslash = memchr(from, '\\', (size_t)(end - from));
    *at = backslash ? backslash : end;
    return (struct slice){from, (size_t)(*at - from)};
}

long json_decode(struct json_value string, char *buffer, size_t size)
{
    if (string.kind != JSON_KIND_STRING)
        return -1;
    const char *at = string.raw.at, *end = at + string.raw.len;
    char escape[UTF8_MAX];
    size_t used = 0;
    while (at < end) {
        struct slice stretch = take_stretch(&at, end, escape);
        if (stretch.len > size - used)
            return -1;
        memcpy(buffer + used, stretch.at, stretch.len);
        used += stretch.len;
    }
    return (long)used;
}

bool json_string_is(struct json_value string, struct slice text)
{
    if (string.kind != JSON_KIND_STRING)
        return false;
    if (!string.escaped)
        return slice_equal(string.raw, text);
    const char *at = string.raw.at, *end = at + string.raw.len;
    char escape[UTF8_MAX];
    while (at < end) {
        struct slice stretch = take_stretch(&at, end, escape);
        if (stretch.len > text.len || memcmp(stretch.at, text.at, stretch.len) != 0)
            return false;
        text = (struct slice){text.at + stretch.len, text.len - stretch.len};
    }
    return text.len == 0;
}

int json_number(struct json_value value, double *ret_number)
{
    if (value.kind != JSON_KIND_NUMBER || value.raw.len > JSON_NUMBER_MAX)
        return -1;
    /* strtod wants a NUL, and the decimal point of whatever locale the program around libkhub
     * has set. */
    char copy[JSON_NUMBER_MAX + 16];
    const char *point = localeconv()->decimal_point;
    size_t point_len = strlen(point), used = 0;
    if (point_len >= sizeof copy - JSON_NUMBER_MAX)
        return -1;
    for (size_t i = 0; i < value.raw.len; i++) {
        if (value.raw.at[i] == '.') {
            memcpy(copy + used, point, point_len);
            used += point_len;
        } else {
            copy[used++] = value.raw.at[i];
        }
    }
    copy[used] = '\0';
    double number = strtod(copy, NULL);
    if (!isfinite(number))
        return -1;
    *ret_number = number;
    return 0;
}

int json_u64(struct json_value value, uint64_t *ret_number)
{
    if (value.kind != JSON_KIND_NUMBER)
        return -1;
    uint64_t whole = 0;
    for (size_t i = 0; i < value.raw.len; i++) {
        char byte = value.raw.at[i];
        if (byte < '0' || byte > '9') {
            double number;
            if (json_number(value, &number) != 0 || number < 0 || number > 9007199254740992.0 ||
                number != (double)(uint64_t)number)
                return -1;
            *ret_number = (uint64_t)number;
            return 0;
        }
        if (__builtin_mul_overflow(whole, 10u, &whole) ||
            __builtin_add_overflow(whole, (unsigned)(byte - '0'), &whole))
            return -1;
    }
    *ret_number = whole;
    return 0;
}
