/* What a program knows when it is asked how long to spin for a mutex: how many wait, and how long
 * waits were of late, all together and for each that waited. In ns. */
#ifndef KHUB_POLICY_PERFORMANCE_PROGRAM_H
#define KHUB_POLICY_PERFORMANCE_PROGRAM_H

#include <stdint.h>

enum {
    PERFORMANCE_PROGRAM_MOST_NS = 1 << 20, /* a longer wait counts as so long */
    PERFORMANCE_PROGRAM_LONG_NS = 8000     /* what sleeping and being woken costs */
};
enum {
    PERFORMANCE_QUEUE,
    PERFORMANCE_TURN,
    PERFORMANCE_EXPECTED,
    PERFORMANCE_FAST,
    PERFORMANCE_SLOW,
    PERFORMANCE_DEVIATION,
    PERFORMANCE_HIGH,
    PERFORMANCE_LAST,
    PERFORMANCE_LATEST_LONG,
    PERFORMANCE_FEATURES
};

/* Averages are in 1/256 ns. */
struct performance_program {
    uint32_t queue; /* at the latest question */
    uint32_t turn, fast, slow, deviation, high, last;
    uint32_t latest_long; /* in 1/2^18 */
};

static inline void performance_program_reset(struct performance_program *state)
{
    state->queue = 0;
    state->turn = state->fast = state->slow = state->deviation = state->high = state->last = 0;
    state->latest_long = 0;
}

static inline uint32_t performance_nearer(uint32_t from, uint32_t to, int shift)
{
    return to > from ? from + ((to - from) >> shift) : from - ((from - to) >> shift);
}

static inline void performance_program_asked(struct performance_program *state, uint32_t queue,
                                             int64_t ret_features[PERFORMANCE_FEATURES])
{
    state->queue = queue < 255 ? queue : 255;
    uint32_t turn = state->turn >> 8;
    ret_features[PERFORMANCE_QUEUE] = state->queue;
    ret_features[PERFORMANCE_TURN] = turn;
    ret_features[PERFORMANCE_EXPECTED] = (int64_t)turn * (state->queue + 1);
    ret_features[PERFORMANCE_FAST] = state->fast >> 8;
    ret_features[PERFORMANCE_SLOW] = state->slow >> 8;
    ret_features[PERFORMANCE_DEVIATION] = state->deviation >> 8;
    ret_features[PERFORMANCE_HIGH] = state->high >> 8;
    ret_features[PERFORMANCE_LAST] = state->last >> 8;
    ret_features[PERFORMANCE_LATEST_LONG] = state->latest_long >> 8;
}

static inline uint32_t performance_program_answer(int64_t ns)
{
    return (uint32_t)(ns < 0 ? 0 : ns < UINT32_MAX ? ns : UINT32_MAX);
}

/* A wait teaches no more than twice what parking costs: one owner that was preempted says little
 * about the next. */
static inline void performance_program_learn(struct performance_program *state, uint32_t waited)
{
    uint32_t most = 2 * PERFORMANCE_PROGRAM_LONG_NS;
    uint32_t wait = (waited < most ? waited : most) << 8, turn = wait / (state->queue + 1);
    uint32_t apart = wait > state->slow ? wait - state->slow : state->slow - wait;
    state->turn = performance_nearer(state->turn, turn, 4);
    state->fast = performance_nearer(state->fast, wait, 3);
    state->slow = performance_nearer(state->slow, wait, 7);
    state->deviation = performance_nearer(state->deviation, apart, 7);
    /* Robbins and Monro: to about what 15 of 16 waits are below */
    uint32_t step = (state->deviation >> 6) + 1;
    if (wait > state->high)
        state->high += 15 * step;
    else
        state->high -= step < state->high ? step : state->high;
    state->last = (waited < PERFORMANCE_PROGRAM_MOST_NS ? waited : PERFORMANCE_PROGRAM_MOST_NS)
                  << 8;
    state->latest_long = performance_nearer(state->latest_long,
                                            waited > PERFORMANCE_PROGRAM_LONG_NS ? 1u << 18 : 0, 4);
}

#endif
