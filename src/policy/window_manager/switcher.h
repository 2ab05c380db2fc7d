/* A window switcher: Tab goes down a list of windows, whose order a policy decides.
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

/* A policy, with its `context`. order() writes the windows 0..count-1 in the order of the list, the
 * one in use first. Whatever it writes is made a list: what does not exist or comes twice is left
 * out, what is missing goes to the end. switched() tells it which window was chosen. */
struct switcher {
    void *context;
    void (*order)(void *context, uint8_t *ret_windows, uint32_t count);
    void (*switched)(void *context, uint32_t window);
};

/* Mean presses of Tab for a choice. */
double switcher_presses(const struct window_trace *trace, const struct switcher *switcher);

/* How little can be learned by heart: by how many places a window moves in the list from one choice
 * to the next, on average. */
double switcher_movement(const struct window_trace *trace, const struct switcher *switcher);

/* Mean presses when the list is in the order of last use (move to front), for any number of
 * windows. Choosing the window in use costs none. NAN when out of memory. */
double switcher_mru_presses(const struct window_trace *trace);

#endif
