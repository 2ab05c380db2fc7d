/* What a program knows when it is asked how long a talkspurt is held back: the network's delays, by
 * slow and fast averages, a quantile and extremes. All in us. */
#ifndef KHUB_POLICY_AUDIO_PROGRAM_H
#define KHUB_POLICY_AUDIO_PROGRAM_H

#include <stdint.h>

enum { AUDIO_PROGRAM_MOST_US = 2000000 };
enum {
    AUDIO_MEAN,
    AUDIO_DEVIATION,
    AUDIO_FAST,
    AUDIO_FAST_DEVIATION,
    AUDIO_HIGH,
    AUDIO_HIGHEST,
    AUDIO_LEAST,
    AUDIO_LAST,
    AUDIO_FEATURES
};

/* In 1/256 us: a share of a small difference is not rounded away. */
struct audio_program {
    int64_t f[AUDIO_FEATURES];
    uint32_t packets;
};

static inline void audio_program_reset(struct audio_program *state)
{
    /* volatile: else compilers make it a call of memset, and there is none. By bytes, as which
     * anything may be written. */
    volatile unsigned char *bytes = (volatile unsigned char *)state;
    for (uint32_t i = 0; i < sizeof *state; i++)
        bytes[i] = 0;
}

/* 1/2^shift of the way from a value to another, towards the value. */
static inline int64_t audio_nearer(int64_t from, int64_t to, int shift)
{
    return to > from ? from + ((to - from) >> shift) : from - ((from - to) >> shift);
}

static inline int64_t audio_apart(int64_t a, int64_t b)
{
    return a > b ? a - b : b - a;
}

static inline void audio_program_packet(struct audio_program *state, uint32_t delay_us)
{
    int64_t delay = (int64_t)(delay_us < AUDIO_PROGRAM_MOST_US ? delay_us : AUDIO_PROGRAM_MOST_US);
    int64_t *f = state->f;
    delay *= 256;
    if (state->packets == 0) {
        f[AUDIO_MEAN] = f[AUDIO_FAST] = f[AUDIO_HIGH] = f[AUDIO_HIGHEST] = f[AUDIO_LEAST] = delay;
        f[AUDIO_DEVIATION] = f[AUDIO_FAST_DEVIATION] = 512000; /* 2 ms */
        state->packets = 1;
    }
    f[AUDIO_LAST] = delay;
    f[AUDIO_MEAN] = audio_nearer(f[AUDIO_MEAN], delay, 7);
    f[AUDIO_DEVIATION] = audio_nearer(f[AUDIO_DEVIATION], audio_apart(delay, f[AUDIO_MEAN]), 7);
    f[AUDIO_FAST] = audio_nearer(f[AUDIO_FAST], delay, 3);
    f[AUDIO_FAST_DEVIATION] =
        audio_nearer(f[AUDIO_FAST_DEVIATION], audio_apart(delay, f[AUDIO_FAST]), 3);
    /* Robbins and Monro: it rises 31 times as far as it falls, and so comes to 31/32. */
    int64_t step = f[AUDIO_DEVIATION] >> 6;
    f[AUDIO_HIGH] += delay > f[AUDIO_HIGH] ? 31 * step : -step;
    if (f[AUDIO_HIGH] < 0)
        f[AUDIO_HIGH] = 0;
    f[AUDIO_HIGHEST] = delay > f[AUDIO_HIGHEST] ? delay : audio_nearer(f[AUDIO_HIGHEST], delay, 8);
    f[AUDIO_LEAST] = delay < f[AUDIO_LEAST] ? delay : audio_nearer(f[AUDIO_LEAST], delay, 10);
}

static inline void audio_program_features(const struct audio_program *state,
                                          int64_t ret_features[AUDIO_FEATURES])
{
    for (int i = 0; i < AUDIO_FEATURES; i++)
        ret_features[i] = state->f[i] >> 8;
}

static inline uint32_t audio_program_answer(int64_t delay_us)
{
    return (uint32_t)(delay_us < 0                       ? 0
                      : delay_us < AUDIO_PROGRAM_MOST_US ? delay_us
                                                         : AUDIO_PROGRAM_MOST_US);
}

#endif
