/* What this subject's own files and its tests share; everybody else uses subject.h. */
#ifndef KHUB_POLICY_FILE_SYSTEM_SIMULATOR_H
#define KHUB_POLICY_FILE_SYSTEM_SIMULATOR_H

#include <stddef.h>

#include "policy/file_system/cache.h"

struct file_workload {
    struct references trace; /* its pages are those below */
    uint32_t pages[];
};

#endif
