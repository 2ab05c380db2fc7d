/* What the tests and the component's run need of this subject beyond subject.h. */
#ifndef KHUB_POLICY_PROCESS_MANAGER_SIMULATOR_H
#define KHUB_POLICY_PROCESS_MANAGER_SIMULATOR_H

#include "policy/process_manager/cpu.h"

struct process_workload {
    uint32_t count;
    struct job jobs[];
};

/* The policy that these parameters mean, in whole microseconds: what is simulated is what is
 * rendered. */
struct cpu_policy process_policy(const double *parameters);

/* struct subject's render; -1 when a parameter is out of range. */
int process_render(const double *parameters, char *buffer, size_t size);

#endif
