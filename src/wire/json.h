/* Strict RFC 8259 in one pass, and a cursor over what has passed.
 *
 * json_check is the only judge: UTF-8 valid (no surrogates, no overlong forms), no lone \u
 * surrogate escapes, numbers by the grammar (any size: they are never converted here), nesting
 * bounded. The cursor functions below take only slices that json_check (or message_parse) has
 * accepted; they allocate nothing and return slices of their input. */
#ifndef KHUB_WIRE_JSON_H
#define KHUB_WIRE_JSON_H

#include <stdint.h>

#include "wire/slice.h"

#define JSON_DEPTH_LIMIT 1024u /* a larger depth_max counts as this one */

enum json_kind { /* jansson has the shorter names */
                 JSON_KIND_ABSENT = 0,
                 JSON_KIND_NULL,
                 JSON_KIND_FALSE,
                 JSON_KIND_TRUE,
                 JSON_KIND_NUMBER,
                 JSON_KIND_STRING,
                 JSON_KIND_ARRAY,
                 JSON_KIND_OBJECT
};

struct json_value {
    struct slice raw; /* the value as it stands; a string without its quotes, the others whole */
    enum json_kind kind;
    bool escaped; /* a string with at least one backslash: decode before comparing */
};

enum json_fault { JSON_FINE = 0, JSON_SYNTAX, JSON_TOO_DEEP };

/* Judges one whole text (white space around it allowed). On a fault *ret_at is the byte offset
 * where it shows. */
enum json_fault json_check(struct slice text, unsigned depth_max, size_t *ret_at);

/* The kind and extent of an accepted text. */
struct json_value json_value_of(struct slice accepted);

/* Steps through an accepted object or array. Start: {.rest = value.raw}. False at the end, and
 * for another kind; but check that a value is no string first: what is inside its quotes may
 * look like an array. */
struct json_iterator {
    struct slice rest;
    bool started;
};
bool json_next_member(struct json_iterator *iterator, struct json_value *ret_name,
                      struct json_value *ret_value);
bool json_next_element(struct json_iterator *iterator, struct json_value *ret_value);

/* The member of an object by its name; of duplicates the last, as Python and jansson do.
 * JSON_KIND_ABSENT when there is none or `object` is no object. */
struct json_value json_get(struct json_value object, const char *name);
struct json_member {
    struct json_value name, value;
};
/* The first members of an object, as they stand in it. */
struct json_members {
    struct json_member *at;
    size_t max, count; /* count < max: those are all */
};
/* Where a member goes that is looked for: to the struct json_value that lies `at` bytes into
 * what is filled. */
#define JSON_PLACE_NAME_MAX 64
struct json_place {
    struct slice name; /* 1..JSON_PLACE_NAME_MAX bytes */
    size_t at;
};
/* Several members in one walk over the object, each as json_get finds it. */
void json_get_members(struct json_value object, const struct json_place *places, size_t count,
                      void *ret_found);
/* The same of an object whose members, all of them, were kept when it was scanned. */
void json_pick_members(const struct json_member *members, size_t member_count,
                       const struct json_place *places, size_t count, void *ret_found);

/* Decodes a string's escapes into buffer, at most `size` bytes, no NUL added. Returns the
 * decoded length, or -1 when it does not fit. */
long json_decode(struct json_value string, char *buffer, size_t size);
/* Whether a string value, decoded, equals text. */
bool json_string_is(struct json_value string, struct slice text);

#define JSON_NUMBER_MAX 512 /* characters of a number that json_number and json_u64 convert */
#define JSON_WHOLE_MAX  (1ull << 53) /* the largest whole number that json_u64 takes from 3e2 */
/* The value as a double / as an unsigned integer. 0, or -1 when it is of another kind, not
 * finite, not whole, out of range or over JSON_NUMBER_MAX. json_u64 takes 3.0 and 3e2 as well,
 * up to 2^53. The locale does not matter. */
int json_number(struct json_value value, double *ret_number);
int json_u64(struct json_value value, uint64_t *ret_number);

#endif
