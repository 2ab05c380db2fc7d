/* A list of a test that has a place more each time. */
#ifndef KHUB_TESTS_GROWN_H
#define KHUB_TESTS_GROWN_H

#include <stddef.h>
#include <stdlib.h>

/* The list of `count` elements of that size, which came from here and grew one by one, with room
 * for one more; NULL: out of memory. It doubles: address sanitizer's realloc copies each time, and
 * maps fresh pages for what is large. */
static inline void *grown(void *list, size_t count, size_t size)
{
    if (count & (count - 1))
        return list;
    return realloc(list, (count ? 2 * count : 1) * size);
}

#endif
