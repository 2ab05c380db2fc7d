/* The queue in front of the link, first in, first out. What comes in is told at once when it will
 * have left: nothing that comes later changes that. */
#ifndef KHUB_POLICY_NETWORKING_BOTTLENECK_H
#define KHUB_POLICY_NETWORKING_BOTTLENECK_H

#include <stdbool.h>

#include "policy/networking/link.h"

struct bottleneck {
    const struct link *link;
    uint64_t free_at;           /* when all that came will have left */
    uint32_t capacity;          /* the one that held when the last packet's service began */
    size_t opportunity;         /* the first that nobody has taken */
    uint64_t wraps_ms;          /* what to add to its time */
    uint64_t *leaves;           /* of those that are here, a ring */
    uint32_t mask, first, next; /* of the ring; next - first are here, as far as anybody looked */
};

/* 0, or -1 when out of memory; to be ended in both cases. */
int bottleneck_begin(struct bottleneck *bottleneck, const struct link *link);
void bottleneck_end(struct bottleneck *bottleneck);
/* A packet comes; times never fall from call to call. Whether there is room for it; then it is in
 * service from *ret_begins, and has left at *ret_leaves. */
bool bottleneck_enter(struct bottleneck *bottleneck, uint64_t now, uint64_t *ret_begins,
                      uint64_t *ret_leaves);
/* Packets that the link can carry in the measured time. */
double bottleneck_capacity(const struct link *link);

#endif
