#include "core/memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static void memory_die(size_t size) __attribute__((noreturn));

static void memory_die(size_t size)
{
    fprintf(stderr, "khub: out of memory: %zu bytes could not be had\n", size);
    abort();
}

void *memory_new(size_t size)
{
    void *memory = calloc(1, size ? size : 1);
    if (!memory)
        memory_die(size);
    return memory;
}

void *memory_grow(void *array, size_t *capacity, size_t wanted, size_t element)
{
    if (array && wanted <= *capacity)
        return array;
    size_t room = *capacity ? *capacity : 8;
    while (room < wanted)
        if (__builtin_mul_overflow(room, (size_t)2, &room))
            memory_die(SIZE_MAX);
    size_t bytes;
    if (__builtin_mul_overflow(room, element, &bytes))
        memory_die(SIZE_MAX);
    void *grown = realloc(array, bytes);
    if (!grown)
        memory_die(bytes);
    *capacity = room;
    return grown;
}

struct slice slice_copy(struct slice bytes)
{
    return slice_join(&bytes, 1);
}

struct slice slice_join(const struct slice *parts, size_t count)
{
    size_t len = 0;
    for (size_t i = 0; i < count; i++)
        len += parts[i].len;
    char *joined = malloc(len + 1);
    size_t at = 0;
    if (!joined)
        memory_die(len + 1);
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len)
            memcpy(joined + at, parts[i].at, parts[i].len);
        at += parts[i].len;
    }
    joined[len] = '\0';
    return (struct slice){joined, len};
}

void slice_free(struct slice *owned)
{
    /* at is const for its readers; the owner may let go of it */
    free((void *)(uintptr_t)owned->at);
    *owned = (struct slice){NULL, 0};
}
