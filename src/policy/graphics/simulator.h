/* What the tests and the component's run need of this subject beyond subject.h. */
#ifndef KHUB_POLICY_GRAPHICS_SIMULATOR_H
#define KHUB_POLICY_GRAPHICS_SIMULATOR_H

#include <stddef.h>

#include "policy/graphics/rules.h"

struct graphics_frame {
    uint32_t cost_us, damage_px;
};

struct graphics_workload {
    uint32_t count;
    struct graphics_frame frames[];
};

/* Who decides when composing starts. A lead beyond the period is taken as the period. */
struct graphics_policy {
    uint32_t (*lead_us)(void *context, uint32_t damage_px);
    void (*done)(void *context, uint32_t cost_us, uint32_t missed); /* may be NULL */
    void *context;
};

/* Latency plus jank, ms a frame. */
double graphics_mean_cost(const struct graphics_workload *workload,
                          const struct graphics_policy *policy);

#endif
