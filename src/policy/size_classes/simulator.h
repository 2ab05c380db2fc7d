/* What this subject's own files and its tests share; everybody else uses subject.h. */
#ifndef KHUB_POLICY_SIZE_CLASSES_SIMULATOR_H
#define KHUB_POLICY_SIZE_CLASSES_SIMULATOR_H

#include <stddef.h>
#include <stdint.h>

#include "policy/size_classes/slab.h"

enum {
    SIZE_QUANTUM = 16, /* all classes are multiples of it */
    SIZE_STEPS = SLAB_OBJECT_MAX / SIZE_QUANTUM,
    SIZE_TUNED = 11, /* classes to be chosen; the largest one always is there */
    SIZE_CLASSES = SIZE_TUNED + 1
};

struct size_workload {
    uint32_t count, objects;
    double requested;             /* bytes in use, summed up over the times after each event */
    double lifetimes[SIZE_STEPS]; /* in events, of the objects that need i + 1 quanta, summed up */
    struct slab_event events[];
};

/* The rules of this subject: the classes that parameters mean, ascending; the last is
 * SLAB_OBJECT_MAX. */
struct size_table {
    uint32_t sizes[SIZE_CLASSES];
};

/* (reserved - requested) / requested with these classes, ascending; NAN when out of memory. */
double size_classes_waste(const struct size_workload *load, const uint32_t *sizes, uint32_t count);

#endif
