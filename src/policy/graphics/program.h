/* What a program knows when it is asked when to start composing a frame. Times in us. */
#ifndef KHUB_POLICY_GRAPHICS_PROGRAM_H
#define KHUB_POLICY_GRAPHICS_PROGRAM_H

#include <stdint.h>

enum { GRAPHICS_PROGRAM_MOST_US = 65535, GRAPHICS_PROGRAM_FIRST_US = 16667 };
enum {
    GRAPHICS_DAMAGE,
    GRAPHICS_PREDICTED,
    GRAPHICS_MEAN,
    GRAPHICS_DEVIATION,
    GRAPHICS_FAST,
    GRAPHICS_HIGH,
    GRAPHICS_HIGHEST,
    GRAPHICS_LAST,
    GRAPHICS_LATE,
    GRAPHICS_FEATURES
};

/* Averages are in 1/256. */
struct graphics_program {
    int64_t mean, deviation, fast, high, highest, last, late;
    int64_t constant, slope, damage, predicted; /* of a line through the costs, over the damage */
    uint32_t known;
};

static inline void graphics_program_reset(struct graphics_program *state)
{
    /* volatile: else compilers make it a call of memset, and there is none. By bytes, as which
     * anything may be written. */
    volatile unsigned char *bytes = (volatile unsigned char *)state;
    for (uint32_t i = 0; i < sizeof *state; i++)
        bytes[i] = 0;
}

static inline int64_t graphics_nearer(int64_t from, int64_t to, int shift)
{
    return to > from ? from + ((to - from) >> shift) : from - ((from - to) >> shift);
}

static inline void graphics_program_asked(struct graphics_program *state, uint32_t damage_px,
                                          int64_t ret_features[GRAPHICS_FEATURES])
{
    state->damage = (int64_t)((damage_px < 2097152 ? damage_px : 2097152) >> 11);
    state->predicted = state->constant + ((state->slope * state->damage) >> 10);
    ret_features[GRAPHICS_DAMAGE] = state->damage;
    ret_features[GRAPHICS_PREDICTED] = state->predicted >> 8;
    ret_features[GRAPHICS_MEAN] = state->mean >> 8;
    ret_features[GRAPHICS_DEVIATION] = state->deviation >> 8;
    ret_features[GRAPHICS_FAST] = state->fast >> 8;
    ret_features[GRAPHICS_HIGH] = state->high >> 8;
    ret_features[GRAPHICS_HIGHEST] = state->highest >> 8;
    ret_features[GRAPHICS_LAST] = state->last >> 8;
    ret_features[GRAPHICS_LATE] = state->late >> 8;
}

static inline int64_t graphics_apart(int64_t a, int64_t b)
{
    return a > b ? a - b : b - a;
}

/* A step down the slope of the squared error, as long as takes back 1/16 of it. */
static inline void graphics_program_line(struct graphics_program *state, int64_t cost)
{
    int64_t error = cost - state->predicted, most = state->predicted;
    error = error > most ? most : error; /* a spike teaches no more than twice what was expected */
    int64_t step = error < 0 ? -(-error >> 5) : error >> 5;
    int64_t along = (error < 0 ? -error : error) * state->damage >> 15;
    state->constant += step;
    state->slope += error < 0 ? -along : along;
    if (state->constant < 0)
        state->constant = 0;
    if (state->slope < 0)
        state->slope = 0;
}

static inline void graphics_program_done(struct graphics_program *state, uint32_t cost_us,
                                         uint32_t missed)
{
    int64_t cost = 256 * (int64_t)(cost_us < 250000 ? cost_us : 250000);
    if (!state->known) {
        state->known = 1;
        state->mean = state->fast = state->highest = cost;
        state->deviation = cost / 8;
        state->constant = state->slope = cost / 2;
        state->predicted = cost;
    }
    state->last = cost;
    state->mean = graphics_nearer(state->mean, cost, 6);
    state->fast = graphics_nearer(state->fast, cost, 2);
    state->deviation = graphics_nearer(state->deviation, graphics_apart(cost, state->predicted), 5);
    state->highest = cost > state->highest ? cost : graphics_nearer(state->highest, cost, 5);
    /* Robbins and Monro, on what the prediction was off by: to about 15/16. */
    int64_t step = state->deviation >> 5;
    state->high += cost - state->predicted > state->high ? 15 * step : -step;
    state->late = graphics_nearer(state->late, missed ? 1024 * 256 : 0, 5);
    graphics_program_line(state, cost);
}

static inline uint32_t graphics_program_answer(const struct graphics_program *state, int64_t us)
{
    if (!state->known)
        return GRAPHICS_PROGRAM_FIRST_US;
    return (uint32_t)(us < 0 ? 0 : us < GRAPHICS_PROGRAM_MOST_US ? us : GRAPHICS_PROGRAM_MOST_US);
}

#endif
