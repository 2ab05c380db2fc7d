/* A window switcher: Tab goes down a list of windows, and somebody decides its order.
 *
 * A trace is the windows that are chosen, one after the other; window 0 is in use before. */
#ifndef KHUB_POLICY_WINDOW_MANAGER_SWITCHER_H
#define KHUB_POLICY_WINDOW_MANAGER_SWITCHER_H

#include <stdint.h>

#define SWITCHER_WINDOWS_MAX 255 /* that an order can be given for */

struct window_trace {
    uint32_t window_count;
    uint32_t count;          /* choices, > 0 */
    const uint16_t *windows; /* 0..window_count-1 */
};

/* Who decides, knowing `context`. order() writes the windows 0..count-1 as they shall stand, the
 * one in use first. Whatever it writes is taken as a list: what is in it twice or does not exist is
 * left out, what is missing stands at the end. */
struct switcher {
    void *context;
    void (*order)(void *context, uint8_t *ret_windows, uint32_t count);
    void (*switched)(void *context, uint32_t window);
};

/* Mean presses of Tab for a choice. */
double switcher_presses(const struct window_trace *trace, const struct switcher *switcher);

/* How little can be learnt by heart: mean places by which a window of the list moves between two
 * choices. */
double switcher_movement(const struct window_trace *trace, const struct switcher *switcher);

/* Mean presses when the list is in the order of last use (move to front), for any number of
 * windows. Choosing the window in use costs none. NAN when out of memory. */
double switcher_mru_presses(const struct window_trace *trace);

#endif
