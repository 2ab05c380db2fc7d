/* How suspicious a system call is. The mechanism keeps a table of the n-grams seen in training and
 * tells how often each of those that end at this call was seen; the policy judges. Rare ones of
 * many lengths are weighed together, and what they say is remembered for a short and a long while,
 * since attacks last. */
#ifndef KHUB_POLICY_SECURITY_RULES_H
#define KHUB_POLICY_SECURITY_RULES_H

#include <stdint.h>

enum { SECURITY_ORDER_LEAST = 2, SECURITY_ORDERS = 11 }; /* n-grams of 2..12 calls */

struct security_rules {
    uint32_t weights[SECURITY_ORDERS]; /* of each length; they sum up to 65536 or nearly */
    uint32_t decline; /* of an n-gram's rarity when it was seen twice as often; 65536 is all */
    uint32_t gain;    /* 2^20, or more when less than all of the weight shall be full suspicion */
    uint32_t keep[2]; /* of 65536, how much the short and the long memory keep at each call */
    uint32_t mix;     /* of 65536, what the long memory counts for */
};

struct security_state {
    uint32_t memory[2]; /* short and long; 2^28 is full suspicion */
};

static inline void security_reset(struct security_state *state)
{
    state->memory[0] = 0;
    state->memory[1] = 0;
}

/* log2(n) in 1/65536 for n > 0, to within 0.001: the highest bit, and f + f(1-f)(a - bf + cff) for
 * the fraction f. */
static inline uint32_t security_log2(uint32_t n)
{
    uint32_t bits = 0;
    for (uint32_t step = 16; step > 0; step /= 2)
        if (n >> (bits + step) > 0)
            bits += step;
    uint32_t f = (n << (31 - bits) & 0x7fffffff) >> 15;
    uint32_t curve = 29013 - (f * (16214 - (f * 5466 >> 16)) >> 16);
    return (bits << 16) + f + ((f * (65536 - f) >> 16) * curve >> 16);
}

/* 65536 for an n-gram never seen, less the more often it was, 0 for a common one. */
static inline uint32_t security_rarity(const struct security_rules *rules, uint32_t seen)
{
    uint32_t log = security_log2(seen < UINT32_MAX ? seen + 1 : seen);
    uint64_t decline = (uint64_t)log * rules->decline >> 16;
    return decline < 65536 ? 65536 - (uint32_t)decline : 0;
}

/* seen[k]: how often the n-gram of SECURITY_ORDER_LEAST + k calls was. Returns 0..65535. */
static inline uint32_t security_step(const struct security_rules *rules,
                                     struct security_state *state, const uint32_t *seen)
{
    uint64_t sum = 0;
    for (uint32_t k = 0; k < SECURITY_ORDERS; k++)
        if (rules->weights[k] > 0)
            sum += (uint64_t)rules->weights[k] * security_rarity(rules, seen[k]);
    uint64_t suspicion = (sum >> 8) * rules->gain >> 16;
    if (suspicion > 1u << 28)
        suspicion = 1u << 28;
    for (uint32_t k = 0; k < 2; k++)
        state->memory[k] = (uint32_t)((state->memory[k] * (uint64_t)rules->keep[k] +
                                       suspicion * (65536 - rules->keep[k])) >>
                                      16);
    uint64_t level =
        state->memory[0] * (uint64_t)(65536 - rules->mix) + state->memory[1] * (uint64_t)rules->mix;
    uint32_t score = (uint32_t)(level >> 28);
    return score < 65535 ? score : 65535;
}

#endif
