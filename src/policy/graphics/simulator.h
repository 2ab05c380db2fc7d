/* What this subject's own files and its tests share; everybody else uses subject.h. */
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

/* A policy: when composing starts, in us before vblank (what is beyond the period is taken as the
 * period), and what came of it. */
struct graphics_policy {
    uint32_t (*lead_us)(void *context, uint32_t damage_px);
    void (*done)(void *context, uint32_t cost_us, uint32_t missed); /* may be NULL */
    void *context;
};

/* Latency plus jank under this policy, in ms per frame. */
double graphics_mean_cost(const struct graphics_workload *workload,
                          const struct graphics_policy *policy);

#endif
