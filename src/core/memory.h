/* Memory of the daemon: what can't be had ends the process with a message. */
#ifndef KHUB_CORE_MEMORY_H
#define KHUB_CORE_MEMORY_H

#include "wire/slice.h"

/* Zeroed; free() it. Never NULL. */
void *memory_new(size_t size) __attribute__((malloc, returns_nonnull));
/* Grows an array to at least `wanted` elements by doubling; *capacity is its present size in
 * elements. New ones are not zeroed. */
void *memory_grow(void *array, size_t *capacity, size_t wanted, size_t element)
    __attribute__((returns_nonnull));
/* A copy of the bytes with a NUL behind them; free((char *)copy.at) frees it. */
struct slice slice_copy(struct slice bytes);
/* The same from several parts. */
struct slice slice_join(const struct slice *parts, size_t count);
void slice_free(struct slice *owned);

#endif
