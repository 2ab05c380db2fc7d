/* When to start composing a frame: a prediction of its cost, and a reserve above that.
 *
 * Times that need fractions are in 1/65536 us, shares and rates in 1/2^20; damage counts in screens
 * of 2^21 pixels (about 1920 x 1080) and no further than one. */
#ifndef KHUB_POLICY_GRAPHICS_RULES_H
#define KHUB_POLICY_GRAPHICS_RULES_H

#include <stdint.h>

enum {
    GRAPHICS_PERIOD_US = 16667,    /* from one vblank to the next, 60 Hz */
    GRAPHICS_COST_MAX_US = 250000, /* what takes longer teaches nothing more */
    GRAPHICS_HITS = 32,            /* so many take back what a miss added to the reserve */
    GRAPHICS_HOLD = 16             /* a frame takes a 16th off the peak */
};

struct graphics_rules {
    uint32_t rate, deviation_rate, slope_rate; /* in 1/2^20 */
    uint32_t deviations, hold;                 /* in 1/2^20 */
    uint32_t margin_us;
    uint32_t step; /* in 1/65536 us */
};

struct graphics_state {
    int64_t mean, slope;           /* cost at usual damage; what a whole screen more costs */
    int64_t deviation, peak;       /* mean overrun of those frames that overran; the greatest */
    int64_t reserve;               /* learned from misses */
    int64_t usual_damage, unusual; /* in 1/2^20 screen: mean, and this frame's distance from it */
    uint32_t frames;
};

static inline int64_t graphics_share(int64_t value, int64_t share)
{
    return value * share / 1048576;
}

static inline int64_t graphics_clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

static inline int64_t graphics_prediction(const struct graphics_state *state)
{
    return state->mean + graphics_share(state->slope, state->unusual);
}

/* How many microseconds before vblank to start composing a frame with this many pixels to draw. */
static inline uint32_t graphics_lead(const struct graphics_rules *rules,
                                     struct graphics_state *state, uint32_t damage_px)
{
    int64_t damage = graphics_clamp((int64_t)damage_px, 0, 2097152) / 2;
    if (state->frames == 0)
        state->usual_damage = damage;
    int64_t shift = graphics_share(damage - state->usual_damage, rules->rate);
    state->usual_damage += shift;
    state->mean += graphics_share(state->slope, shift);
    state->unusual = damage - state->usual_damage;
    if (state->frames == 0)
        return GRAPHICS_PERIOD_US;
    int64_t lead = graphics_prediction(state) + state->reserve +
                   graphics_share(state->deviation, rules->deviations) +
                   graphics_share(state->peak, rules->hold);
    return (uint32_t)graphics_clamp(lead / 65536 + rules->margin_us, 0, GRAPHICS_PERIOD_US);
}

/* The frame asked for last took this long, and came this many vblanks late. */
static inline void graphics_done(const struct graphics_rules *rules, struct graphics_state *state,
                                 uint32_t cost_us, uint32_t missed)
{
    int64_t cost = graphics_clamp((int64_t)cost_us, 0, GRAPHICS_COST_MAX_US) * 65536;
    if (state->frames == 0)
        state->mean = cost;
    state->frames = 1;
    int64_t overrun = cost - graphics_prediction(state);
    state->mean += graphics_share(overrun, rules->rate);
    state->slope += graphics_share(2 * graphics_share(overrun, state->unusual), rules->slope_rate);
    state->slope = graphics_clamp(state->slope, 0, GRAPHICS_COST_MAX_US * INT64_C(65536));
    state->peak -= state->peak / GRAPHICS_HOLD;
    if (overrun > 0)
        state->deviation += graphics_share(overrun - state->deviation, rules->deviation_rate);
    if (overrun > state->peak)
        state->peak = overrun;
    state->reserve += missed ? (int64_t)rules->step : -(int64_t)rules->step / GRAPHICS_HITS;
    state->reserve = graphics_clamp(state->reserve, 0, GRAPHICS_PERIOD_US * INT64_C(65536));
}

#endif
