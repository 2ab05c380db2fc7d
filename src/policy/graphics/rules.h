/* When to start composing a frame: a newsvendor's choice above a prediction of its cost.
 *
 * The prediction is a constant and so much for a whole screen of damage. What frames really cost,
 * in relation to it, is counted in bins, and the older the less. A lead that covers a bin costs
 * itself, and for the share of all beyond it what a late frame costs; the cheapest one is taken.
 *
 * Costs that need fractions are in 1/1024 us, shares in 1/2^20; damage counts in 1/1024 of a screen
 * of 2^21 pixels (about 1920 x 1080), and no further than one. */
#ifndef KHUB_POLICY_GRAPHICS_RULES_H
#define KHUB_POLICY_GRAPHICS_RULES_H

#include <stdint.h>

enum {
    GRAPHICS_PERIOD_US = 16667,    /* from one vblank to the next, 60 Hz */
    GRAPHICS_COST_MAX_US = 250000, /* what takes longer teaches nothing more */
    GRAPHICS_LEAST_US = 100,       /* predictions are within these */
    GRAPHICS_MOST_US = 65535,
    GRAPHICS_BINS = 16,
    GRAPHICS_FRAME = 1 << 19, /* what a frame counts at first; later ones more, up to twice */
    GRAPHICS_UNSEEN = 1 << 15 /* what is in each bin before there were any */
};

struct graphics_rules {
    uint32_t rate;          /* share of an error that the next prediction takes back, in 1/2^20 */
    uint32_t damage_weight; /* how readily it is put down to damage, in 1/65536 */
    uint32_t surprise;      /* a cost beyond this much more teaches no more, in 1/65536 */
    uint32_t forget;        /* so much less a frame counts than the next, in 1/2^20 */
    uint32_t jank_us;       /* what being late is worth, besides the period that it takes */
};

struct graphics_state {
    uint32_t known;             /* whether there was a frame: the rest below is from it on */
    uint32_t damage, predicted; /* of the frame asked for last; in us */
    uint32_t constant, slope;   /* what any frame costs; what a whole screen costs on top */
    uint32_t frame, all;        /* what a frame counts now; what is in all bins */
    uint32_t bins[GRAPHICS_BINS];
};

static inline void graphics_reset(struct graphics_state *state)
{
    state->known = state->damage = state->predicted = 0;
}

/* Up to where a bin goes, in 1/64 of the prediction: 0.95, 1.00, 1.05 ... 1.23, then ever further,
 * to 3.6. The last one has whatever is beyond. */
static inline uint32_t graphics_edge(uint32_t bin)
{
    return 61 + 3 * bin + ((1u << bin) >> 7);
}

/* A choice among leads, in the order of their length. Times are in 1/64 us, costs in what all bins
 * count of that. Who covers a bin waits for as long as that takes; the frames beyond it pay. */
struct graphics_choice {
    uint32_t bin, beyond; /* the next bin; what is in it and those after */
    uint32_t best;
    uint64_t least;
};

static inline void graphics_consider(struct graphics_choice *choice, uint64_t cost, uint32_t lead)
{
    if (cost < choice->least) {
        choice->least = cost;
        choice->best = lead;
    }
}

/* Leads within the period: those beyond pay it, and the jank. The last of them is a start right at
 * vblank, which covers its share of the bin that it falls into. */
static inline void graphics_in_time(const struct graphics_rules *rules,
                                    const struct graphics_state *state,
                                    struct graphics_choice *choice)
{
    const uint32_t period = 64 * GRAPHICS_PERIOD_US, late = period + 64 * rules->jank_us;
    for (uint32_t before = 0; choice->bin + 1 < GRAPHICS_BINS; choice->bin++) {
        uint32_t lead = graphics_edge(choice->bin) * state->predicted;
        uint32_t in = state->bins[choice->bin];
        if (lead > period) {
            uint32_t share = ((period - before) << 10) / (lead - before); /* in 1/1024 */
            in = choice->beyond - (uint32_t)((uint64_t)in * share >> 10);
            graphics_consider(choice, (uint64_t)period * state->all + (uint64_t)in * late, period);
            return;
        }
        uint64_t cost = (uint64_t)lead * state->all;
        if (cost >= choice->least)
            return; /* and so for all that are longer */
        choice->beyond -= in;
        graphics_consider(choice, cost + (uint64_t)choice->beyond * late, lead);
        before = lead;
    }
}

/* Longer ones mean the vblank after: late for certain, and those beyond pay another period. */
static inline void graphics_late(const struct graphics_rules *rules,
                                 const struct graphics_state *state, struct graphics_choice *choice)
{
    const uint32_t period = 64 * GRAPHICS_PERIOD_US, jank = 64 * rules->jank_us;
    for (; choice->bin + 1 < GRAPHICS_BINS; choice->bin++) {
        uint32_t lead = graphics_edge(choice->bin) * state->predicted;
        uint64_t cost = (uint64_t)(lead + jank) * state->all;
        if (lead > 2 * period || cost >= choice->least)
            return;
        choice->beyond -= state->bins[choice->bin];
        graphics_consider(choice, cost + (uint64_t)choice->beyond * period, lead - period);
    }
}

/* How many microseconds before vblank to start composing a frame with this many pixels to draw. */
static inline uint32_t graphics_lead(const struct graphics_rules *rules,
                                     struct graphics_state *state, uint32_t damage_px)
{
    state->damage = (damage_px < 2097152 ? damage_px : 2097152) >> 11;
    uint32_t slope = (uint32_t)((uint64_t)state->slope * state->damage >> 10);
    uint32_t predicted = (state->constant + slope) >> 10;
    state->predicted = predicted < GRAPHICS_LEAST_US  ? GRAPHICS_LEAST_US
                       : predicted < GRAPHICS_MOST_US ? predicted
                                                      : GRAPHICS_MOST_US;
    if (!state->known)
        return GRAPHICS_PERIOD_US;
    struct graphics_choice choice = {0, state->all, 64 * GRAPHICS_PERIOD_US, UINT64_MAX};
    graphics_in_time(rules, state, &choice);
    graphics_late(rules, state, &choice);
    return choice.best / 64;
}

/* Counts a frame that took this long. Instead of all bins shrinking at each, each counts more than
 * the one before. */
static inline void graphics_count(const struct graphics_rules *rules, struct graphics_state *state,
                                  uint32_t cost_us)
{
    uint32_t bin = 0;
    while (bin + 1 < GRAPHICS_BINS && 64 * cost_us > graphics_edge(bin) * state->predicted)
        bin++;
    state->bins[bin] += state->frame;
    state->all += state->frame;
    state->frame += (uint32_t)((uint64_t)state->frame * rules->forget >> 20);
    if (state->frame < 2 * GRAPHICS_FRAME)
        return;
    state->frame /= 2;
    state->all = 0;
    for (bin = 0; bin < GRAPHICS_BINS; bin++)
        state->all += state->bins[bin] /= 2;
}

static inline uint32_t graphics_moved(uint32_t value, uint64_t by, uint32_t up)
{
    const uint32_t most = GRAPHICS_COST_MAX_US << 10;
    if (up)
        return by < most - value ? value + (uint32_t)by : most;
    return by < value ? value - (uint32_t)by : 0;
}

/* Normalised least mean squares: a step along 1 and the damage, as long as would take back `rate`
 * of the error. */
static inline void graphics_learn(const struct graphics_rules *rules, struct graphics_state *state,
                                  uint32_t cost_us)
{
    uint32_t most =
        state->predicted + (uint32_t)((uint64_t)state->predicted * rules->surprise >> 16);
    uint32_t cost = cost_us < most ? cost_us : most, up = cost > state->predicted;
    uint32_t error = up ? cost - state->predicted : state->predicted - cost;
    uint32_t weight = rules->damage_weight * state->damage >> 10;
    uint32_t step = (rules->rate << 10) / (1024 + (weight * state->damage >> 16));
    uint64_t by = (uint64_t)error * step >> 10;
    state->constant = graphics_moved(state->constant, by, up);
    state->slope = graphics_moved(state->slope, by * weight >> 16, up);
}

/* The frame asked for last took this long. */
static inline void graphics_done(const struct graphics_rules *rules, struct graphics_state *state,
                                 uint32_t cost_us)
{
    uint32_t cost = cost_us < GRAPHICS_COST_MAX_US ? cost_us : GRAPHICS_COST_MAX_US;
    if (state->known) {
        graphics_count(rules, state, cost);
        graphics_learn(rules, state, cost);
        return;
    }
    state->known = 1;
    state->constant = state->slope = (cost << 10) / (1024 + state->damage) << 10;
    state->frame = GRAPHICS_FRAME;
    state->all = 0;
    for (uint32_t bin = 0; bin < GRAPHICS_BINS; bin++)
        state->all += state->bins[bin] = GRAPHICS_UNSEEN;
}

#endif
