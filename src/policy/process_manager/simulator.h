/* What this subject's own files and its tests share; everybody else uses subject.h. */
#ifndef KHUB_POLICY_PROCESS_MANAGER_SIMULATOR_H
#define KHUB_POLICY_PROCESS_MANAGER_SIMULATOR_H

#include "policy/process_manager/cpu.h"

struct process_workload {
    uint32_t count;
    struct job jobs[];
};

#endif
