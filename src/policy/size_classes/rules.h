/* The decision of an allocator with size classes: which one serves a request. */
#ifndef KHUB_POLICY_SIZE_CLASSES_RULES_H
#define KHUB_POLICY_SIZE_CLASSES_RULES_H

#include <stdint.h>

struct size_classes_rules {
    uint32_t count;
    const uint32_t *sizes; /* in bytes, ascending */
};

/* The least class that is large enough; the largest one for what none is large enough for. */
static inline uint32_t size_classes_of(const struct size_classes_rules *rules, uint32_t size)
{
    uint32_t low = 0, high = rules->count - 1;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (rules->sizes[middle] >= size)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

#endif
