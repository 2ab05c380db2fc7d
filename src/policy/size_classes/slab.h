/* A simulated slab allocator: objects of one size class share slabs of whole pages, and pages are
 * given back only when their slab is empty. */
#ifndef KHUB_POLICY_SIZE_CLASSES_SLAB_H
#define KHUB_POLICY_SIZE_CLASSES_SLAB_H

#include <stdint.h>

enum { SLAB_OBJECT_MAX = 8192 };

struct slab_event {
    uint32_t size : 14; /* 1..SLAB_OBJECT_MAX: this object is allocated; 0: it is freed */
    uint32_t object : 18;
};

/* The classes, and the function that says which of them serves a size: one that is large enough. */
struct slab_policy {
    uint32_t count;        /* of classes, up to SLAB_CLASSES_MAX */
    const uint32_t *sizes; /* 1..SLAB_OBJECT_MAX */
    uint32_t (*class_of)(const void *context, uint32_t size);
    const void *context;
};
enum { SLAB_CLASSES_MAX = 32 };

/* Bytes of a slab for objects of this size, as SLUB chooses them: the fewest of 1, 2, 4 or 8 pages
 * that hold 4 objects and leave at most a sixteenth over; 8 where none does. */
uint32_t slab_bytes(uint32_t object_size);

enum { SLAB_OBJECTS_MAX = 1 << 18 };
/* The bytes held in slabs, summed up over the times after each event; objects are numbered below
 * `objects` (at most SLAB_OBJECTS_MAX), each allocated once. -1 when out of memory. */
int64_t slab_reserved(const struct slab_event *events, uint32_t count, uint32_t objects,
                      const struct slab_policy *policy);

#endif
