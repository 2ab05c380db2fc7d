/* The decisions of a spin-then-park mutex: how long to wait awake, and what to learn from a wait.
 * Times in nanoseconds, fractions in fixed point, no floating point: fit for a kernel. */
#ifndef KHUB_POLICY_PERFORMANCE_RULES_H
#define KHUB_POLICY_PERFORMANCE_RULES_H

#include <stdint.h>

struct performance_rules {
    uint32_t up, down;                   /* share of a surprise to believe, in 1/65536 */
    uint32_t multiplier, queue_weight;   /* in 1/4096 */
    uint32_t margin, cap, park_at, clip; /* nanoseconds */
};

struct performance_state {
    uint32_t turn;  /* what one turn at the mutex takes, in 1/256 ns */
    uint32_t ahead; /* turns of those before us at the latest question, in 1/4096 */
};

static inline void performance_reset(struct performance_state *state)
{
    state->turn = 0;
    state->ahead = 0;
}

/* queue: how many wait already. Never spins where even the expected wait is worth sleeping for. */
static inline uint32_t performance_spin_limit(const struct performance_rules *rules,
                                              struct performance_state *state, uint32_t queue)
{
    state->ahead = rules->queue_weight * (queue < 255 ? queue : 255);
    uint64_t expected = ((uint64_t)state->turn * (4096 + state->ahead)) >> 20;
    if (expected > rules->park_at)
        return 0;
    uint64_t limit = ((expected * rules->multiplier) >> 12) + rules->margin;
    return limit < rules->cap ? (uint32_t)limit : rules->cap;
}

/* value * 4096 / divisor, in steps that do with divisions of 32 bits; divisor is below 2^26. */
static inline uint32_t performance_quotient(uint32_t value, uint32_t divisor)
{
    uint32_t quotient = value / divisor, rest = value % divisor;
    for (uint32_t step = 0; step < 2; step++) {
        quotient = (quotient << 6) + (rest << 6) / divisor;
        rest = (rest << 6) % divisor;
    }
    return quotient;
}

/* waited: from the question to having the mutex, awake or asleep. One long wait (an owner that was
 * preempted) says little about the next: it counts as `clip`. */
static inline void performance_learn(const struct performance_rules *rules,
                                     struct performance_state *state, uint32_t waited)
{
    uint32_t turn = performance_quotient(waited, 4096 + state->ahead);
    uint32_t seen = (turn < rules->clip ? turn : rules->clip) << 8;
    if (seen > state->turn)
        state->turn += (uint32_t)(((uint64_t)(seen - state->turn) * rules->up) >> 16);
    else
        state->turn -= (uint32_t)(((uint64_t)(state->turn - seen) * rules->down) >> 16);
}

#endif
