#ifndef KHUB_POLICY_PROGRAM_DECIDER_H
#define KHUB_POLICY_PROGRAM_DECIDER_H

#include <stdint.h>

/* Who decides in a frame: a program that is interpreted, or one that is C. */
struct program_decider {
    int64_t (*decide)(const void *program, const int64_t *features);
    const void *program;
};

static inline int64_t program_asked(const struct program_decider *decider, const int64_t *features)
{
    return decider->decide(decider->program, features);
}

#endif
