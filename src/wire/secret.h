/* Memory that held a secret (a token, a line with one in it) is overwritten before it is let go:
 * nobody who gets that memory later finds it there. */
#ifndef KHUB_WIRE_SECRET_H
#define KHUB_WIRE_SECRET_H

#include <stddef.h>

/* Overwrites `size` bytes, and frees. NULL is fine. */
void secret_free(void *at, size_t size);
/* As realloc to `grown` bytes, of which the first `size` are kept; grown is no less. What was
 * there before is overwritten. NULL when out of memory: then nothing has changed. */
void *secret_grow(void *at, size_t size, size_t grown);

#endif
