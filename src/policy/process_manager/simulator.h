/* What this subject's own files and its tests share; everybody else uses subject.h. */
#ifndef KHUB_POLICY_PROCESS_MANAGER_SIMULATOR_H
#define KHUB_POLICY_PROCESS_MANAGER_SIMULATOR_H

#include "policy/process_manager/cpu.h"
#include "policy/process_manager/disciplines.h"

#define PROCESS_LONGEST_MS 3000.0

/* How long jobs are, in ms: short bursts, lognormal with sigma 1; the others bounded Pareto. */
struct process_law {
    double short_share, median, alpha, long_from;
};
/* The share of jobs that need more CPU than this; context: a struct process_law. */
double process_law_survival(const void *context, double ms);

struct process_workload {
    struct process_law law;
    uint32_t count;
    struct job jobs[];
};

#endif
