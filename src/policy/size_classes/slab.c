/* Each class has a list of its slabs with room, the one to be filled first in front; a slab that is
 * empty is given back at once. Numbers of slabs are reused, so there are never more than
 * objects. */
#include "policy/size_classes/slab.h"

#include <assert.h>
#include <stdlib.h>

enum { PAGE = 4096, PAGES_MAX = 8, OBJECTS_MIN = 4, LEFT_OVER_SHARE = 16 };

#define NONE UINT32_MAX

/* Slabs with room are in a list of their class, the one to be filled first in front. */
struct slab {
    uint16_t used, class;
    uint32_t previous, next;
};

struct size_class {
    uint32_t bytes;     /* of a slab */
    uint32_t slots;     /* in a slab */
    uint32_t with_room; /* the first one */
};

struct allocator {
    struct size_class classes[SLAB_CLASSES_MAX];
    uint64_t reserved;
    uint32_t made;     /* slabs that there ever were at once */
    uint32_t returned; /* first of those that are not in use now */
    uint32_t *slab_of; /* an object */
    struct slab *slabs;
};

uint32_t slab_bytes(uint32_t object_size)
{
    for (uint32_t bytes = PAGE; bytes < PAGES_MAX * PAGE; bytes *= 2)
        if (bytes / object_size >= OBJECTS_MIN && bytes % object_size <= bytes / LEFT_OVER_SHARE)
            return bytes;
    return PAGES_MAX * PAGE;
}

static void link_first(struct allocator *a, uint32_t index)
{
    struct slab *slab = &a->slabs[index];
    uint32_t *first = &a->classes[slab->class].with_room;
    slab->previous = NONE;
    slab->next = *first;
    if (*first != NONE)
        a->slabs[*first].previous = index;
    *first = index;
}

static void unlink_slab(struct allocator *a, uint32_t index)
{
    struct slab *slab = &a->slabs[index];
    if (slab->previous == NONE)
        a->classes[slab->class].with_room = slab->next;
    else
        a->slabs[slab->previous].next = slab->next;
    if (slab->next != NONE)
        a->slabs[slab->next].previous = slab->previous;
}

static uint32_t slab_new(struct allocator *a, uint16_t class)
{
    uint32_t index = a->returned;
    if (index == NONE)
        index = a->made++;
    else
        a->returned = a->slabs[index].next;
    a->slabs[index] = (struct slab){.class = class};
    a->reserved += a->classes[class].bytes;
    link_first(a, index);
    return index;
}

static void allocate(struct allocator *a, uint32_t object, uint16_t class)
{
    uint32_t index = a->classes[class].with_room;
    if (index == NONE)
        index = slab_new(a, class);
    a->slab_of[object] = index;
    if (++a->slabs[index].used == a->classes[class].slots)
        unlink_slab(a, index);
}

static void release(struct allocator *a, uint32_t object)
{
    uint32_t index = a->slab_of[object];
    struct slab *slab = &a->slabs[index];
    const struct size_class *class = &a->classes[slab->class];
    assert(slab->used > 0);
    if (slab->used-- == class->slots)
        link_first(a, index);
    if (slab->used == 0) {
        unlink_slab(a, index);
        slab->next = a->returned;
        a->returned = index;
        a->reserved -= class->bytes;
    }
}

int64_t slab_reserved(const struct slab_event *events, uint32_t count, uint32_t objects,
                      const struct slab_policy *policy)
{
    struct allocator a = {.returned = NONE,
                          .slab_of = calloc(objects, sizeof *a.slab_of),
                          .slabs = calloc(objects, sizeof *a.slabs)};
    int64_t sum = -1;
    assert(objects <= SLAB_OBJECTS_MAX && policy->count >= 1 && policy->count <= SLAB_CLASSES_MAX);
    if (a.slab_of && a.slabs) {
        for (uint32_t i = 0; i < policy->count; i++) {
            uint32_t bytes = slab_bytes(policy->sizes[i]);
            a.classes[i] = (struct size_class){bytes, bytes / policy->sizes[i], NONE};
        }
        sum = 0;
        for (uint32_t i = 0; i < count; i++) {
            uint32_t size = events[i].size;
            if (size > 0) {
                uint32_t class = policy->class_of(policy->context, size);
                assert(class < policy->count && policy->sizes[class] >= size);
                allocate(&a, events[i].object, (uint16_t) class);
            } else
                release(&a, events[i].object);
            sum += (int64_t)a.reserved;
        }
    }
    free(a.slab_of);
    free(a.slabs);
    return sum;
}
