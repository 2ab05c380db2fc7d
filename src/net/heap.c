/* See heap.h. */
#include "net/heap.h"

#include <malloc.h>

/* What counts as large, and what is free at the heap's end and kept. */
#define LARGE_BYTES     (96 << 10) /* more than a chunk of a stream */
#define HEAP_KEPT_BYTES (4 << 20)

void heap_tune(void)
{
    mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    mallopt(M_TRIM_THRESHOLD, HEAP_KEPT_BYTES);
}
