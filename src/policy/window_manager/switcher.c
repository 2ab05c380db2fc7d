/* Whatever an order writes is made into a place for every window (find_places). */
#include "policy/window_manager/switcher.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The place of every window in what was written. */
static void find_places(const uint8_t *order, uint32_t count, uint32_t in_use, uint8_t *ret_places)
{
    uint32_t place = 1;
    bool placed[SWITCHER_WINDOWS_MAX + 1] = {false};
    placed[in_use] = true;
    ret_places[in_use] = 0;
    for (uint32_t i = 0; i < count; i++)
        if (order[i] < count && !placed[order[i]]) {
            placed[order[i]] = true;
            ret_places[order[i]] = (uint8_t)place++;
        }
    for (uint32_t window = 0; window < count; window++)
        if (!placed[window])
            ret_places[window] = (uint8_t)(count - 1);
}

static void ask(const struct switcher *switcher, uint32_t count, uint32_t in_use,
                uint8_t *ret_places)
{
    assert(count <= SWITCHER_WINDOWS_MAX && in_use < count);
    uint8_t order[SWITCHER_WINDOWS_MAX + 1] = {0};
    switcher->order(switcher->context, order, count);
    find_places(order, count, in_use, ret_places);
}

double switcher_presses(const struct window_trace *trace, const struct switcher *switcher)
{
    uint8_t places[SWITCHER_WINDOWS_MAX + 1];
    uint32_t in_use = 0;
    uint64_t presses = 0;
    for (uint32_t i = 0; i < trace->count; i++) {
        ask(switcher, trace->window_count, in_use, places);
        in_use = trace->windows[i];
        presses += places[in_use];
        switcher->switched(switcher->context, in_use);
    }
    return (double)presses / trace->count;
}

double switcher_movement(const struct window_trace *trace, const struct switcher *switcher)
{
    uint8_t before[SWITCHER_WINDOWS_MAX + 1], after[SWITCHER_WINDOWS_MAX + 1];
    uint64_t moved = 0;
    ask(switcher, trace->window_count, 0, before);
    for (uint32_t i = 0; i < trace->count; i++) {
        switcher->switched(switcher->context, trace->windows[i]);
        ask(switcher, trace->window_count, trace->windows[i], after);
        for (uint32_t window = 0; window < trace->window_count; window++)
            moved += (uint32_t)abs(after[window] - before[window]);
        memcpy(before, after, sizeof before);
    }
    return (double)moved / trace->count / trace->window_count;
}

double switcher_mru_presses(const struct window_trace *trace)
{
    uint32_t *list = malloc(trace->window_count * sizeof *list);
    uint64_t presses = 0;
    if (!list)
        return nan("");
    for (uint32_t i = 0; i < trace->window_count; i++)
        list[i] = i;
    for (uint32_t i = 0; i < trace->count; i++) {
        uint32_t place = 0;
        for (uint32_t in_hand = trace->windows[i]; place < trace->window_count; place++) {
            uint32_t moved = list[place];
            list[place] = in_hand;
            in_hand = moved;
            if (moved == trace->windows[i])
                break;
        }
        presses += place;
    }
    free(list);
    return (double)presses / trace->count;
}
