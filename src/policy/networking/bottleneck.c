/* Service by capacities that change, or by opportunities that were recorded. */
#include "policy/networking/bottleneck.h"

#include <assert.h>
#include <stdlib.h>

#define MILLISECOND (LINK_SECOND / 1000)

int bottleneck_begin(struct bottleneck *bottleneck, const struct link *link)
{
    const struct link_opportunities *recorded = link->opportunities;
    size_t size = 2;
    while (size < link->buffer + (size_t)2)
        size *= 2;
    assert(size <= UINT32_MAX);
    *bottleneck = (struct bottleneck){.link = link, .mask = (uint32_t)(size - 1)};
    if (recorded) {
        assert(recorded->begin_ms < recorded->at_ms[recorded->count - 1]);
        while (recorded->at_ms[bottleneck->opportunity] < recorded->begin_ms)
            bottleneck->opportunity++;
    }
    bottleneck->leaves = malloc(size * sizeof *bottleneck->leaves);
    return bottleneck->leaves ? 0 : -1;
}

void bottleneck_end(struct bottleneck *bottleneck)
{
    free(bottleneck->leaves);
}

/* When a service that begins then is over: what of it is left at a change goes on at the new
 * speed. Rounded up, so that no link carries more than its capacity. */
static uint64_t served(struct bottleneck *bottleneck, uint64_t begins)
{
    const struct link *link = bottleneck->link;
    uint32_t k = bottleneck->capacity;
    while (k + 1 < link->capacity_count && begins >= link->capacities[k + 1].from)
        k++;
    bottleneck->capacity = k;
    uint64_t left = link->capacities[k].service, at = begins;
    for (; k + 1 < link->capacity_count && at + left > link->capacities[k + 1].from; k++) {
        uint64_t old = link->capacities[k].service, new = link->capacities[k + 1].service;
        left -= link->capacities[k + 1].from - at;
        left = (left * new + old - 1) / old;
        at = link->capacities[k + 1].from;
    }
    return at + left;
}

/* The next opportunity from then on, which is taken. */
static uint64_t taken(struct bottleneck *bottleneck, uint64_t from)
{
    const struct link_opportunities *recorded = bottleneck->link->opportunities;
    for (;;) {
        uint64_t at_ms = recorded->at_ms[bottleneck->opportunity] + bottleneck->wraps_ms;
        if (++bottleneck->opportunity == recorded->count) {
            bottleneck->opportunity = 0;
            bottleneck->wraps_ms += recorded->at_ms[recorded->count - 1];
        }
        uint64_t at = (at_ms - recorded->begin_ms) * MILLISECOND;
        if (at >= from)
            return at;
    }
}

bool bottleneck_enter(struct bottleneck *bottleneck, uint64_t now, uint64_t *ret_begins,
                      uint64_t *ret_leaves)
{
    while (bottleneck->first != bottleneck->next &&
           bottleneck->leaves[bottleneck->first & bottleneck->mask] <= now)
        bottleneck->first++;
    if (bottleneck->next - bottleneck->first > bottleneck->link->buffer)
        return false;
    uint64_t begins = bottleneck->free_at > now ? bottleneck->free_at : now, leaves;
    if (bottleneck->link->opportunities)
        begins = leaves = taken(bottleneck, begins);
    else
        leaves = served(bottleneck, begins);
    bottleneck->free_at = leaves;
    bottleneck->leaves[bottleneck->next++ & bottleneck->mask] = leaves;
    *ret_begins = begins;
    *ret_leaves = leaves;
    return true;
}

double bottleneck_capacity(const struct link *link)
{
    const struct link_opportunities *recorded = link->opportunities;
    double packets = 0;
    for (uint32_t k = 0; !recorded && k < link->capacity_count; k++) {
        uint64_t from = link->capacities[k].from, to = link->end;
        if (k + 1 < link->capacity_count && link->capacities[k + 1].from < to)
            to = link->capacities[k + 1].from;
        from = from > link->measured_from ? from : link->measured_from;
        if (from < to)
            packets += (double)(to - from) / (double)link->capacities[k].service;
    }
    if (recorded) {
        uint64_t begin = link->measured_from / MILLISECOND + recorded->begin_ms;
        uint64_t end = link->end / MILLISECOND + recorded->begin_ms, wraps = 0;
        for (size_t k = 0; recorded->at_ms[k] + wraps <= end;) {
            packets += recorded->at_ms[k] + wraps >= begin;
            if (++k == recorded->count) {
                k = 0;
                wraps += recorded->at_ms[recorded->count - 1];
            }
        }
    }
    return packets;
}

uint64_t link_least_service(const struct link *link)
{
    uint64_t least = link->opportunities ? 0 : UINT64_MAX;
    for (uint32_t k = 0; k < link->capacity_count; k++)
        if (link->capacities[k].service < least)
            least = link->capacities[k].service;
    return least;
}
