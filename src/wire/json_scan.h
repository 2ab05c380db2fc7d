/* The scanner under json_check and message_parse: wire's own, not for other rooms.
 *
 * A scan moves over bytes that nobody has judged yet. Each step either passes a whole, valid
 * piece of JSON, or sets `fault` and leaves `at` where the fault shows; after a fault no step
 * may follow. Nothing is recursive: what is open is a stack of bits. */
#ifndef KHUB_WIRE_JSON_SCAN_H
#define KHUB_WIRE_JSON_SCAN_H

#include <stdint.h>

#include "wire/json.h"

struct json_scan {
    const char *at, *end;
    enum json_fault fault;
    const char *reason; /* of the fault, for a person: "a string has no end"; static storage */
};

static inline bool json_is_space(char byte)
{
    return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

static inline const char *json_skip_space(const char *at, const char *end)
{
    /* Nearly always there is none, or one blank: hence the first, single comparison. */
    while (at < end && (unsigned char)*at <= ' ' && json_is_space(*at))
        at++;
    return at;
}

#define EVERY_BYTE UINT64_C(0x0101010101010101)

/* The high bit of each byte of `word` that is zero; bytes above a zero one may be marked as
 * well. */
static inline uint64_t zero_bytes(uint64_t word)
{
    return (word - EVERY_BYTE) & ~word & (0x80 * EVERY_BYTE);
}

/* The same of those at which json_plain_run stops. */
static inline uint64_t json_special_bytes(uint64_t word)
{
    uint64_t control = (word - ' ' * EVERY_BYTE) & ~word;
    return ((control | word) & (0x80 * EVERY_BYTE)) | zero_bytes(word ^ '"' * EVERY_BYTE) |
           zero_bytes(word ^ '\\' * EVERY_BYTE);
}

/* Passes over bytes that stand for themselves in a string: stops at '"', '\\', below 0x20, at
 * 0x80 and above, or at the end. */
const char *json_plain_run(const char *at, const char *end);

/* White space and one whole object, each of whose values is nested at most depth_max. Keeps its
 * first members, and those of the last of its values that is an object itself, which spares a
 * second walk over that one. Both lists are kept up to date even when a fault comes; the member in
 * which it came then stands last, with its value JSON_KIND_ABSENT, if its name was whole. False on
 * a fault. */
bool json_scan_object(struct json_scan *scan, unsigned depth_max, struct json_members *ret_members,
                      struct json_members *ret_inner);

/* Sets a syntax fault at `at`; returns false. */
bool json_scan_fail(struct json_scan *scan, const char *at, const char *reason);

#endif
