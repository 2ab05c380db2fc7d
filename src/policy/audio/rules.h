/* How long to hold back a talkspurt: the usual network delay, so many deviations, and something of
 * its own for the time of a delay spike (the shape of Ramjee's algorithm 4).
 *
 * Times that need fractions are in 1/65536 us; gains and multiples in 1/2^20. */
#ifndef KHUB_POLICY_AUDIO_RULES_H
#define KHUB_POLICY_AUDIO_RULES_H

#include <stdint.h>

enum {
    AUDIO_DELAY_MAX_US = 2000000,   /* nothing is held back for longer, or taken for later */
    AUDIO_FIRST_DEVIATION_US = 2000 /* while only one packet is known */
};

struct audio_rules {
    uint32_t mean_gain, deviation_gain;    /* in 1/2^20 */
    uint32_t deviations, spike_deviations; /* in 1/2^20 */
    uint32_t spike_threshold_us;           /* a jump so far beyond two deviations is a spike */
    uint32_t spike_exit_us;                /* once the delay varies less, the spike is over */
    uint32_t margin_us, floor_us;
};

struct audio_state {
    int64_t mean, deviation, variation;
    int64_t last, before_last; /* network delays, us */
    uint32_t packets, spike;
};

static inline void audio_reset(struct audio_state *state)
{
    state->mean = state->deviation = 0;
    state->packets = state->spike = 0; /* the rest is set before it is asked for */
}

/* Rounded towards 0. Nothing here divides: not every machine has a signed division. */
static inline int64_t audio_share(int64_t value, uint32_t share)
{
    return value < 0 ? -(-value * share >> 20) : value * share >> 20;
}

static inline int64_t audio_distance(int64_t a, int64_t b)
{
    int64_t difference = a - b;
    return difference < 0 ? -difference : difference;
}

/* A packet arrived; its network delay. */
static inline void audio_packet(const struct audio_rules *rules, struct audio_state *state,
                                uint32_t delay_us)
{
    int64_t delay = delay_us < AUDIO_DELAY_MAX_US ? delay_us : AUDIO_DELAY_MAX_US;
    int64_t last = state->last, before_last = state->before_last;
    if (state->packets == 0) {
        last = before_last = delay;
        state->mean = delay * 65536;
        state->deviation = (int64_t)AUDIO_FIRST_DEVIATION_US * 65536;
        state->packets = 1;
    }
    state->before_last = last;
    state->last = delay;
    if (state->spike) {
        state->variation =
            (state->variation >> 1) + (audio_distance(2 * delay, last + before_last) << 13);
        if (state->variation <= (int64_t)rules->spike_exit_us * 65536) {
            state->spike = 0;
            return;
        }
    } else if (audio_distance(delay, last) >
               (state->deviation >> 15) + (int64_t)rules->spike_threshold_us) {
        state->variation = 0;
        state->spike = 1;
    }
    if (state->spike)
        state->mean += (delay - last) * 65536;
    else
        state->mean += audio_share(delay * 65536 - state->mean, rules->mean_gain);
    if (state->mean < 0)
        state->mean = 0;
    if (state->mean > AUDIO_DELAY_MAX_US * INT64_C(65536))
        state->mean = AUDIO_DELAY_MAX_US * INT64_C(65536);
    int64_t distance = audio_distance(delay * 65536, state->mean);
    state->deviation += audio_share(distance - state->deviation, rules->deviation_gain);
}

/* The delay from sending to playing for the talkspurt that begins. */
static inline uint32_t audio_playout_delay(const struct audio_rules *rules,
                                           const struct audio_state *state)
{
    uint32_t deviations = state->spike ? rules->spike_deviations : rules->deviations;
    int64_t delay =
        ((state->mean + audio_share(state->deviation, deviations)) >> 16) + rules->margin_us;
    if (delay < (int64_t)rules->floor_us)
        delay = rules->floor_us;
    return (uint32_t)(delay < 0 ? 0 : delay < AUDIO_DELAY_MAX_US ? delay : AUDIO_DELAY_MAX_US);
}

#endif
