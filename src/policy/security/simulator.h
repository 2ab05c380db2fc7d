/* What this subject's own files and its tests share; everybody else uses subject.h. */
#ifndef KHUB_POLICY_SECURITY_SIMULATOR_H
#define KHUB_POLICY_SECURITY_SIMULATOR_H

#include "policy/security/attack_filter.h"

enum { TRAINING_CALLS = 12000, TEST_CALLS = 10000 };

struct security_workload {
    uint8_t kinds[TEST_CALLS];         /* enum call_kind, as it was; no cost depends on it */
    struct belief beliefs[TEST_CALLS]; /* as can be known at that call */
    uint32_t seen[TEST_CALLS][GRAMS];  /* how often in training, as syscalls_count tells */
};

/* STIDE's score of each test call: how many of the last `frame` windows of 2..12 calls never
 * occurred in training. */
void security_stide(const struct security_workload *load, size_t window, size_t frame,
                    uint16_t *ret_scores);

#endif
