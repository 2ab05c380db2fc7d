/* The scanner: strict RFC 8259 over bytes that nobody has judged yet.
 *
 * It is the hub's hottest loop, and the one that meets every peer's bytes first. Most of a line
 * is the inside of strings, so those are passed 16 bytes at a time (SSE2) or 8 (the portable
 * twin, also taken with -DJSON_PORTABLE, so that both are tested on any machine). No byte at or
 * after `end` is ever read, so a line needs no terminator. */
#include "wire/json_scan.h"

#include <assert.h>
#include <stdint.h>

#include "wire/utf8.h"

#if defined(__SSE2__) && !defined(JSON_PORTABLE)
#define RUN_SSE2 1
#include <emmintrin.h>
#else
#define RUN_SSE2 0
#endif

static bool is_plain(char byte)
{
    unsigned char value = (unsigned char)byte;
    return value >= 0x20 && value < 0x80 && value != '"' && value != '\\';
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static inline const char *run_bytes(const char *at, const char *end)
{
    while (at < end && is_plain(*at))
        at++;
    return at;
}

#if RUN_SSE2

static inline const char *plain_run(const char *at, const char *end)
{
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i backslash = _mm_set1_epi8('\\');
    const __m128i space = _mm_set1_epi8(' ');
    while (end - at >= 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        /* The comparison is a signed one: it finds the control characters and all from 0x80
         * upward at once. */
        __m128i special = _mm_or_si128(_mm_cmplt_epi8(bytes, space), _mm_cmpeq_epi8(bytes, quote));
        special = _mm_or_si128(special, _mm_cmpeq_epi8(bytes, backslash));
        unsigned found = (unsigned)_mm_movemask_epi8(special);
        if (found != 0)
            return at + __builtin_ctz(found);
        at += 16;
    }
    return run_bytes(at, end);
}

#else

/* A word that holds a special byte is left to run_bytes, which finds it in either byte order. */
static inline const char *plain_run(const char *at, const char *end)
{
    while (end - at >= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        if (json_special_bytes(word) != 0)
            break;
        at += 8;
    }
    return run_bytes(at, end);
}

#endif

const char *json_plain_run(const char *at, const char *end)
{
    return plain_run(at, end);
}

bool json_scan_fail(struct json_scan *scan, const char *at, const char *reason)
{
    scan->fault = JSON_SYNTAX;
    scan->at = at;
    scan->reason = reason;
    return false;
}

/* The steps below return where they ended, or NULL after a fault. */
static const char *fail(struct json_scan *scan, const char *at, const char *reason)
{
    json_scan_fail(scan, at, reason);
    return NULL;
}

static const char *too_deep(struct json_scan *scan, const char *at)
{
    scan->fault = JSON_TOO_DEEP;
    scan->at = at;
    scan->reason = "it is nested too deep";
    return NULL;
}

/* The four digits after "\u", or -1. */
static long hex_four(const char *at, const char *end)
{
    if (end - at < 4)
        return -1;
    long code = 0;
    for (int i = 0; i < 4; i++) {
        char byte = at[i];
        char letter = (char)(byte | 0x20);
        if (is_digit(byte))
            code = code * 16 + (byte - '0');
        else if (letter >= 'a' && letter <= 'f')
            code = code * 16 + (letter - 'a' + 10);
        else
            return -1;
    }
    return code;
}

/* at: a backslash. */
static const char *scan_escape(struct json_scan *scan, const char *at)
{
    const char *end = scan->end;
    if (end - at < 2)
        return fail(scan, at, "a string has no end");
    if (at[1] != 'u') {
        if (at[1] == '\0' || !strchr("\"\\/bfnrt", at[1]))
            return fail(scan, at, "there is no such escape");
        return at + 2;
    }
    long code = hex_four(at + 2, end);
    if (code < 0)
        return fail(scan, at, "\\u needs four hexadecimal digits");
    if (code >= 0xDC00 && code <= 0xDFFF)
        return fail(scan, at, "a low surrogate without a high one before it");
    if (code < 0xD800 || code > 0xDBFF)
        return at + 6;
    if (end - at < 12 || at[6] != '\\' || at[7] != 'u')
        return fail(scan, at, "a high surrogate without a low one after it");
    long low = hex_four(at + 8, end);
    if (low < 0xDC00 || low > 0xDFFF)
        return fail(scan, at, "a high surrogate without a low one after it");
    return at + 12;
}

/* at: in a string, where json_plain_run stopped. Ends behind the closing quote. */
static __attribute__((noinline)) const char *scan_string_rest(struct json_scan *scan,
                                                              const char *at, bool *ret_escaped)
{
    const char *end = scan->end;
    *ret_escaped = false;
    for (;;) {
        if (at == end)
            return fail(scan, at, "a string has no end");
        unsigned char byte = (unsigned char)*at;
        if (byte == '"')
            return at + 1;
        if (byte < 0x20)
            return fail(scan, at, "a string has a control character that is not escaped");
        if (byte == '\\') {
            *ret_escaped = true;
            at = scan_escape(scan, at);
            if (!at)
                return NULL;
        }
        while (at < end && (unsigned char)*at >= 0x80) {
            size_t length = utf8_length(at, end);
            if (length == 0)
                return fail(scan, at, "the bytes are not UTF-8");
            at += length;
        }
        at = plain_run(at, end);
    }
}

/* at: behind the opening quote. Ends behind the closing one. Most strings are one plain run, so
 * that much is inlined. */
static inline const char *scan_string(struct json_scan *scan, const char *at, bool *ret_escaped)
{
    at = plain_run(at, scan->end);
    if (at == scan->end || *at != '"')
        return scan_string_rest(scan, at, ret_escaped);
    *ret_escaped = false;
    return at + 1;
}

/* at: '-' or a digit. */
static const char *scan_number(struct json_scan *scan, const char *at)
{
    const char *end = scan->end;
    if (*at == '-')
        at++;
    if (at == end || !is_digit(*at))
        return fail(scan, at, "a number needs a digit here");
    if (*at == '0' && end - at > 1 && is_digit(at[1]))
        return fail(scan, at, "a number has a leading zero");
    while (at < end && is_digit(*at))
        at++;
    if (at < end && *at == '.') {
        at++;
        if (at == end || !is_digit(*at))
            return fail(scan, at, "a number needs a digit here");
        while (at < end && is_digit(*at))
            at++;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < end && (*at == '+' || *at == '-'))
            at++;
        if (at == end || !is_digit(*at))
            return fail(scan, at, "a number needs a digit here");
        while (at < end && is_digit(*at))
            at++;
    }
    return at;
}

static const struct word {
    struct slice text;
    enum json_kind kind;
} words[] = {
    {SLICE("null"), JSON_KIND_NULL},
    {SLICE("true"), JSON_KIND_TRUE},
    {SLICE("false"), JSON_KIND_FALSE},
};

/* at: a value that is no container. */
static inline const char *scan_scalar(struct json_scan *scan, const char *at,
                                      enum json_kind *ret_kind, bool *ret_escaped)
{
    if (at < scan->end && *at == '"') {
        *ret_kind = JSON_KIND_STRING;
        return scan_string(scan, at + 1, ret_escaped);
    }
    if (at < scan->end && (is_digit(*at) || *at == '-')) {
        *ret_kind = JSON_KIND_NUMBER;
        return scan_number(scan, at);
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        struct slice text = words[i].text;
        if ((size_t)(scan->end - at) >= text.len && memcmp(at, text.at, text.len) == 0) {
            *ret_kind = words[i].kind;
            return at + text.len;
        }
    }
    return fail(scan, at, "a value is expected here");
}

/* at: where a name should start. Ends behind the ':'. */
static inline const char *scan_name(struct json_scan *scan, const char *at,
                                    struct json_value *ret_name)
{
    if (at == scan->end || *at != '"')
        return fail(scan, at, "a member's name in quotes is expected here");
    bool escaped;
    const char *behind = scan_string(scan, at + 1, &escaped);
    if (!behind)
        return NULL;
    struct slice raw = {at + 1, (size_t)(behind - at) - 2};
    at = json_skip_space(behind, scan->end);
    if (at == scan->end || *at != ':')
        return fail(scan, at, "':' is expected here");
    *ret_name = (struct json_value){.raw = raw, .kind = JSON_KIND_STRING, .escaped = escaped};
    return at + 1;
}

/* What is open: one bit a level, set for an object. */
struct nest {
    uint64_t objects[JSON_DEPTH_LIMIT / 64];
    unsigned depth;
};

static inline void nest_push(struct nest *nest, bool object)
{
    uint64_t bit = UINT64_C(1) << (nest->depth % 64);
    uint64_t *word = &nest->objects[nest->depth / 64];
    *word = object ? *word | bit : *word & ~bit;
    nest->depth++;
}

/* Closes the innermost; returns whether the one around it is an object. False when nothing is
 * open any more. */
static inline bool nest_pop(struct nest *nest)
{
    nest->depth--;
    if (nest->depth == 0)
        return false;
    unsigned top = nest->depth - 1;
    return nest->objects[top / 64] >> (top % 64) & 1;
}

/* at: '{' or '['. Ends behind its closing bracket. */
static const char *scan_container(struct json_scan *scan, const char *at, unsigned depth_max)
{
    const char *end = scan->end;
    struct json_value name;
    enum json_kind kind;
    bool escaped;
    bool object = false; /* the innermost open container is one */
    struct nest nest = {.objects = {0}};
    assert(depth_max <= JSON_DEPTH_LIMIT); /* what there are bits for */
    for (;;) {
        if (at < end && (*at == '{' || *at == '[')) {
            if (nest.depth == depth_max)
                return too_deep(scan, at);
            object = *at == '{';
            nest_push(&nest, object);
            at = json_skip_space(at + 1, end);
            bool empty = at < end && *at == (object ? '}' : ']');
            if (!empty) {
                if (object && !(at = scan_name(scan, at, &name)))
                    return NULL;
                at = json_skip_space(at, end);
                continue;
            }
        } else {
            at = scan_scalar(scan, at, &kind, &escaped);
            if (!at)
                return NULL;
            at = json_skip_space(at, end);
        }
        while (at < end && *at == (object ? '}' : ']')) {
            at++;
            object = nest_pop(&nest);
            if (nest.depth == 0)
                return at;
            at = json_skip_space(at, end);
        }
        if (at == end || *at != ',')
            return fail(scan, at,
                        object ? "',' or '}' is expected here" : "',' or ']' is expected here");
        at = json_skip_space(at + 1, end);
        if (object && !(at = scan_name(scan, at, &name)))
            return NULL;
        at = json_skip_space(at, end);
    }
}

/* Ends behind the value. */
static inline const char *scan_value(struct json_scan *scan, const char *from, unsigned depth_max,
                                     struct json_value *ret_value)
{
    const char *at;
    enum json_kind kind;
    bool escaped = false;
    if (from < scan->end && (*from == '{' || *from == '[')) {
        kind = *from == '{' ? JSON_KIND_OBJECT : JSON_KIND_ARRAY;
        at = scan_container(scan, from, depth_max);
    } else {
        at = scan_scalar(scan, from, &kind, &escaped);
    }
    if (!at)
        return NULL;
    size_t quote = kind == JSON_KIND_STRING;
    ret_value->raw = (struct slice){from + quote, (size_t)(at - from) - 2 * quote};
    ret_value->kind = kind;
    ret_value->escaped = escaped;
    return at;
}

static unsigned depth_bounded(unsigned depth_max)
{
    return depth_max < JSON_DEPTH_LIMIT ? depth_max : JSON_DEPTH_LIMIT;
}

/* White space and one whole value, nested at most depth_max (a container with nothing in it is
 * 1). False on a fault. */
static bool json_scan_value(struct json_scan *scan, unsigned depth_max,
                            struct json_value *ret_value)
{
    const char *at = json_skip_space(scan->at, scan->end);
    at = scan_value(scan, at, depth_bounded(depth_max), ret_value);
    if (at)
        scan->at = at;
    return at != NULL;
}

/* at: behind an object's '{'. Keeps its members; where `inner` is not NULL, also those of its
 * values that are objects, each in the place of the one before. Ends behind its '}'. */
static inline const char *scan_members(struct json_scan *scan, const char *at, unsigned depth_max,
                                       struct json_members *kept, struct json_members *inner);

/* at: '{', of a value in an object. Out of line, so that scan_members stands twice and no more. */
static __attribute__((noinline)) const char *
scan_inner(struct json_scan *scan, const char *at, unsigned depth_max, struct json_members *kept)
{
    return depth_max == 0 ? too_deep(scan, at)
                          : scan_members(scan, at + 1, depth_max - 1, kept, NULL);
}

static inline const char *scan_members(struct json_scan *scan, const char *at, unsigned depth_max,
                                       struct json_members *kept, struct json_members *inner)
{
    const char *end = scan->end;
    struct json_member beyond = {.value = {.kind = JSON_KIND_ABSENT}}; /* for those not kept */
    kept->count = 0;
    at = json_skip_space(at, end);
    if (at < end && *at == '}')
        return at + 1;
    for (;;) {
        struct json_member *member = kept->count < kept->max ? &kept->at[kept->count] : &beyond;
        member->value.kind = JSON_KIND_ABSENT;
        at = scan_name(scan, at, &member->name);
        if (!at)
            return NULL;
        kept->count += member != &beyond;
        at = json_skip_space(at, end);
        if (inner && at < end && *at == '{') {
            const char *from = at;
            at = scan_inner(scan, from, depth_max, inner);
            if (!at)
                return NULL;
            member->value =
                (struct json_value){.raw = {from, (size_t)(at - from)}, .kind = JSON_KIND_OBJECT};
        } else if (!(at = scan_value(scan, at, depth_max, &member->value))) {
            return NULL;
        }
        at = json_skip_space(at, end);
        if (at < end && *at == '}')
            return at + 1;
        if (at == end || *at != ',')
            return fail(scan, at, "',' or '}' is expected here");
        at = json_skip_space(at + 1, end);
    }
}

bool json_scan_object(struct json_scan *scan, unsigned depth_max, struct json_members *ret_members,
                      struct json_members *ret_inner)
{
    const char *at = json_skip_space(scan->at, scan->end);
    ret_members->count = ret_inner->count = 0;
    if (at == scan->end || *at != '{')
        return json_scan_fail(scan, at, "an object, beginning with '{', is expected here");
    at = scan_members(scan, at + 1, depth_bounded(depth_max), ret_members, ret_inner);
    if (at)
        scan->at = at;
    return at != NULL;
}

enum json_fault json_check(struct slice text, unsigned depth_max, size_t *ret_at)
{
    struct json_scan scan = {.at = text.at, .end = slice_end(text)};
    struct json_value value;
    if (json_scan_value(&scan, depth_max, &value)) {
        scan.at = json_skip_space(scan.at, scan.end);
        if (scan.at == scan.end)
            return JSON_FINE;
        json_scan_fail(&scan, scan.at, "something stands behind the value");
    }
    assert(scan.at >= text.at && scan.at <= scan.end);
    *ret_at = (size_t)(scan.at - text.at);
    return scan.fault;
}
