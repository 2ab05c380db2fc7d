/* What this subject's own files and its tests share; everybody else uses subject.h. */
#ifndef KHUB_POLICY_SECURITY_SIMULATOR_H
#define KHUB_POLICY_SECURITY_SIMULATOR_H

#include "policy/security/attack_filter.h"
#include "policy/trace.h"

enum { TRAINING_CALLS = 12000, TEST_CALLS = 10000 };
enum { PLACE_MOST = 255 };

struct security_workload {
    size_t count;            /* calls to be judged */
    uint32_t (*seen)[GRAMS]; /* how often in training, as grams_count tells */
    uint8_t *places;         /* in their sequence, from 1; PLACE_MOST: that or more */
    uint8_t *kinds;          /* enum call_kind, as it was; no cost depends on it */
    struct belief *beliefs;  /* as can be known at that call; or of each sequence */
    size_t sequences;        /* that are judged, each by its most suspicious call; 0: calls are */
};

/* With room for all that. One block, for free(); NULL when out of memory. */
struct security_workload *security_workload_new(size_t count, size_t sequences);

/* A workload out of recorded sequences of system calls (recorded.c); NULL when out of memory. */
void *security_recorded(const struct trace_part *part, uint64_t seed);

/* STIDE's score of each test call: how many of the last `frame` windows of 2..12 calls never
 * occurred in training. */
void security_stide(const struct security_workload *load, size_t window, size_t frame,
                    uint16_t *ret_scores);

#endif
