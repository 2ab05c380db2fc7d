/* One CPU and a trace of jobs: a schedule by deadlines, and the clairvoyant schedule that no policy
 * can beat.
 *
 * All times are whole nanoseconds, so that a run is the same on every machine. */
#ifndef KHUB_POLICY_PROCESS_MANAGER_CPU_H
#define KHUB_POLICY_PROCESS_MANAGER_CPU_H

#include <stddef.h>
#include <stdint.h>

#define CPU_NEVER INT64_MAX

struct job {
    int64_t arrival; /* rising along the trace */
    int64_t service; /* > 0: CPU time it needs */
};

/* Jobs wait in one line, in the order of their deadlines; of equal ones, who was put in line first
 * goes first. A job gets its deadline when it comes and whenever its slice has ended, and keeps it
 * until the next one has: who comes with an earlier deadline than that of the job that runs takes
 * the CPU from it. */
struct cpu_policy {
    /* The deadline of a job put in line at `now` that has had `attained` of CPU. */
    int64_t (*deadline)(const void *context, int64_t now, int64_t attained);
    /* How long it may then run, > 0; what is left when the CPU is taken away stays its own. */
    int64_t (*slice)(const void *context, int64_t attained);
    const void *context;
    int64_t boost;       /* period after which all count as having had no CPU; or CPU_NEVER */
    int64_t switch_cost; /* spent whenever another job than the last one is given the CPU */
};

/* Slowdown is response time / service time, where what is shorter than this counts as this long,
 * and it is at least 1 (bounded slowdown; Feitelson, Rudolph 1998). */
#define CPU_SLOWDOWN_FLOOR INT64_C(10000000)

struct cpu_figures {
    double response;      /* mean of completion - arrival, ns */
    double tail_slowdown; /* 1 % of the jobs (rounded down) are slowed down more */
    int64_t longest_wait; /* for which a job that could run did not, at a stretch, ns */
};

/* 0, or -1 when out of memory. count > 0. */
int cpu_run(const struct job *jobs, uint32_t count, const struct cpu_policy *policy,
            struct cpu_figures *ret_figures);

/* The same under shortest remaining processing time with free switches, whose mean response time is
 * the least on every trace (Schrage 1968). */
int cpu_run_srpt(const struct job *jobs, uint32_t count, struct cpu_figures *ret_figures);

#endif
