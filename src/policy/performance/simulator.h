/* What this subject's own files and its tests share; everybody else uses subject.h. */
#ifndef KHUB_POLICY_PERFORMANCE_SIMULATOR_H
#define KHUB_POLICY_PERFORMANCE_SIMULATOR_H

#include <stddef.h>
#include <stdint.h>

#define PERFORMANCE_PARK_NS 8000 /* what going to sleep and being woken costs */

struct acquire {
    uint32_t wait;  /* nanoseconds until the mutex would be ours */
    uint32_t queue; /* how many wait already */
};
struct performance_workload {
    uint32_t count;
    struct acquire acquires[];
};

/* CPU time per acquire, in us, if a thread spins for `limit` ns and then parks. */
double performance_fixed_cost(const struct performance_workload *load, uint32_t limit);

#endif
