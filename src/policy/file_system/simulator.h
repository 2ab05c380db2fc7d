/* What the tests and the component's run need of this subject beyond subject.h. */
#ifndef KHUB_POLICY_FILE_SYSTEM_SIMULATOR_H
#define KHUB_POLICY_FILE_SYSTEM_SIMULATOR_H

#include <stddef.h>

#include "policy/file_system/cache.h"

struct file_workload {
    struct trace trace; /* its pages are those below */
    uint32_t pages[];
};

/* The parameters as they are simulated and rendered: fractions in 1/65536. */
struct file_tuning {
    uint32_t small, ghost,
        correlated; /* small and ghost of the capacity, correlated of the small queue */
    uint32_t promote, cap, run;
};
struct file_tuning file_tuning(const double *parameters);
/* For a cache of this many frames. */
struct s3fifo file_policy(const struct file_tuning *tuning, uint32_t capacity);

/* struct subject's render; -1 when a parameter is out of range. */
int file_render(const double *parameters, char *buffer, size_t size);

#endif
