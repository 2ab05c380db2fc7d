/* One CPU and a trace of jobs: the multi-level feedback queue, and the clairvoyant schedule that no
 * policy can beat.
 *
 * All times are whole nanoseconds, so that a run is the same on every machine. */
#ifndef KHUB_POLICY_PROCESS_MANAGER_CPU_H
#define KHUB_POLICY_PROCESS_MANAGER_CPU_H

#include <stddef.h>
#include <stdint.h>

#define CPU_LEVELS_MAX 8
#define CPU_NEVER      INT64_MAX

struct job {
    int64_t arrival; /* rising along the trace */
    int64_t service; /* > 0: CPU time it needs */
};

/* Level 0 is served first. A job falls to level l + 1 once it has had level_end[l] of CPU since its
 * arrival or the last boost. */
struct cpu_policy {
    int levels;                        /* 1..CPU_LEVELS_MAX */
    int64_t slice[CPU_LEVELS_MAX];     /* > 0 */
    int64_t level_end[CPU_LEVELS_MAX]; /* rising; not used for the last level */
    int64_t boost;       /* period after which all jobs start again at level 0; CPU_NEVER */
    int64_t switch_cost; /* spent whenever another job than the last one is given the CPU */
};

/* Mean response time (completion - arrival) in ns. NAN when out of memory. */
double cpu_mean_response(const struct job *jobs, uint32_t count, const struct cpu_policy *policy);

/* The same under shortest remaining processing time with free switches: optimal on every trace
 * (Schrage 1968). */
double cpu_srpt_mean_response(const struct job *jobs, uint32_t count);

#endif
