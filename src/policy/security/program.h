/* What a program knows of a system call when it is asked how suspicious the caller is now: the
 * suspicion until then, how long an n-gram that ends at the call was seen in training, and how much
 * it surprises after so many calls. It is asked twice, for two suspicions, of which the greater
 * counts. Bits are in 1/1024. */
#ifndef KHUB_POLICY_SECURITY_PROGRAM_H
#define KHUB_POLICY_SECURITY_PROGRAM_H

#include <stdint.h>

#include "policy/program_decider.h"
#include "policy/security/rules.h"

enum {
    SECURITY_PROGRAM_DOUBT = 1024,        /* four observations, as the rules have it */
    SECURITY_PROGRAM_MOST = (1 << 18) - 1 /* of a suspicion: 256 bits */
};
enum {
    SECURITY_SUSPICION,
    SECURITY_WHICH,
    SECURITY_LENGTH,
    SECURITY_LENGTH_BEFORE,
    SECURITY_SURPRISE_0,
    SECURITY_SURPRISE_1,
    SECURITY_SURPRISE_2,
    SECURITY_SURPRISE_3,
    SECURITY_SURPRISE_4,
    SECURITY_SURPRISE_5,
    SECURITY_SURPRISE_7,
    SECURITY_SURPRISE_11,
    SECURITY_FAST,
    SECURITY_SLOW,
    SECURITY_FEATURES
};

struct security_program {
    uint32_t before[SECURITY_COUNTS]; /* the counts at the last call */
    uint32_t length;                  /* of the longest n-gram that ended there and was known */
    int32_t suspicion[SECURITY_SUSPICIONS];
    int32_t fast, slow; /* averages of surprise, in 1/65536 bit */
};

static inline void security_program_reset(struct security_program *state)
{
    for (uint32_t k = 0; k < SECURITY_COUNTS; k++)
        state->before[k] = 0;
    state->length = 0;
    for (uint32_t k = 0; k < SECURITY_SUSPICIONS; k++)
        state->suspicion[k] = 0;
    state->fast = state->slow = 0;
}

/* Of the call after 0..11 calls, in 1/65536 bit: what fewer say, where so many never came. */
static inline void security_program_surprises(const struct security_program *state,
                                              const uint32_t *counts,
                                              int32_t ret_surprises[SECURITY_GRAM_MOST])
{
    uint32_t probability = 0x80000000 >> 8, known = 1;
    for (uint32_t k = 0; k < SECURITY_GRAM_MOST; k++) {
        uint32_t before = k > 0 ? state->before[k] : counts[0];
        known = known && before > 0;
        if (known)
            probability =
                security_probability(SECURITY_PROGRAM_DOUBT, counts[k + 1], before, probability);
        ret_surprises[k] = security_surprise(probability);
    }
}

static inline int32_t security_nearer(int32_t from, int32_t to, int shift)
{
    return to > from ? from + ((to - from) >> shift) : from - ((from - to) >> shift);
}

static inline uint32_t security_program_step(const struct program_decider *decider,
                                             struct security_program *state, const uint32_t *counts)
{
    int32_t surprises[SECURITY_GRAM_MOST], greater = 0;
    int64_t features[SECURITY_FEATURES];
    uint32_t length = 0;
    while (length + 1 < SECURITY_COUNTS && counts[length + 1] > 0)
        length++;
    security_program_surprises(state, counts, surprises);
    for (int k = 0; k <= 5; k++)
        features[SECURITY_SURPRISE_0 + k] = surprises[k] >> 6;
    features[SECURITY_SURPRISE_7] = surprises[7] >> 6;
    features[SECURITY_SURPRISE_11] = surprises[11] >> 6;
    features[SECURITY_LENGTH] = length;
    features[SECURITY_LENGTH_BEFORE] = state->length;
    features[SECURITY_FAST] = state->fast >> 6;
    features[SECURITY_SLOW] = state->slow >> 6;
    for (uint32_t which = 0; which < SECURITY_SUSPICIONS; which++) {
        features[SECURITY_WHICH] = which;
        features[SECURITY_SUSPICION] = state->suspicion[which];
        int64_t now = program_asked(decider, features);
        state->suspicion[which] = (int32_t)(now < 0                       ? 0
                                            : now < SECURITY_PROGRAM_MOST ? now
                                                                          : SECURITY_PROGRAM_MOST);
        greater = greater > state->suspicion[which] ? greater : state->suspicion[which];
    }
    state->length = length;
    state->fast = security_nearer(state->fast, surprises[5], 3);
    state->slow = security_nearer(state->slow, surprises[5], 6);
    for (uint32_t k = 0; k < SECURITY_COUNTS; k++)
        state->before[k] = counts[k];
    return (uint32_t)greater >> 2;
}

#endif
