/* Bytes somebody else owns: a pointer and a length, never NUL-terminated. */
#ifndef KHUB_WIRE_SLICE_H
#define KHUB_WIRE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
    const char *at;
    size_t len;
};

/* A slice over a string literal, usable in static initialisers. */
#define SLICE(literal)                                                                             \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }
/* For printf's "%.*s". */
#define SLICE_FORMAT(slice) (int)(slice).len, (slice).at

static inline struct slice slice_of(const char *text)
{
    return (struct slice){text, strlen(text)};
}

static inline bool slice_equal(struct slice left, struct slice right)
{
    return left.len == right.len && (left.len == 0 || memcmp(left.at, right.at, left.len) == 0);
}

/* The same of a secret: its time tells how long they are, and nothing of where they differ. */
static inline bool slice_equal_secret(struct slice left, struct slice right)
{
    volatile unsigned char differ = left.len != right.len;
    size_t len = left.len < right.len ? left.len : right.len;
    for (size_t i = 0; i < len; i++)
        differ |= (unsigned char)left.at[i] ^ (unsigned char)right.at[i];
    return !differ;
}

static inline bool slice_is(struct slice slice, const char *text)
{
    return slice_equal(slice, slice_of(text));
}

/* Behind its last byte. Of a slice of nothing NULL, to which C lets nothing be added, not even
 * 0. */
static inline const char *slice_end(struct slice slice)
{
    return slice.len ? slice.at + slice.len : slice.at;
}

/* Bytewise order, shorter first on a tie: <0, 0, >0. */
static inline int slice_compare(struct slice left, struct slice right)
{
    size_t shared = left.len < right.len ? left.len : right.len;
    int order = shared ? memcmp(left.at, right.at, shared) : 0;
    if (order != 0)
        return order;
    return (left.len > right.len) - (left.len < right.len);
}

#endif
