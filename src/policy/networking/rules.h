/* The decisions of a sender's congestion control: how many packets it may have on their way, from
 * the time they take and from their loss.
 *
 * It aims at a queueing delay. Below it the window grows by `additive` packets a round trip and by
 * a share of itself that is the larger the further below; above it shrinks by a share that is the
 * larger the further above; after a loss it keeps `kept`. Until the delay first shows it doubles as
 * in slow start. No clock, no floating point: fit for a kernel. */
#ifndef KHUB_POLICY_NETWORKING_RULES_H
#define KHUB_POLICY_NETWORKING_RULES_H

#include <stdint.h>

/* Windows are in 1/2^24 packet, so that what a single acknowledgement adds to a large one is not
 * rounded away; answers are in 1/65536 packet. */
#define NETWORKING_PACKET (UINT64_C(1) << 24)
#define NETWORKING_FIRST  (10 * NETWORKING_PACKET) /* RFC 6928 */
#define NETWORKING_MOST   (65535 * NETWORKING_PACKET)

struct networking_rules {
    uint32_t additive, gain, decrease, start_gain; /* in 1/2^24 */
    uint32_t target_us;                            /* > 0 */
    uint32_t target_rtt;                           /* of the least round trip, in 1/65536 */
    uint32_t kept, start_exit;                     /* in 1/65536 */
};

struct networking_state {
    uint64_t window;
    uint32_t least_rtt_us;
    uint32_t starting;
};

static inline void networking_reset(struct networking_state *state)
{
    state->window = NETWORKING_FIRST;
    state->least_rtt_us = UINT32_MAX;
    state->starting = 1;
}

static inline uint32_t networking_answer(struct networking_state *state)
{
    if (state->window < NETWORKING_PACKET)
        state->window = NETWORKING_PACKET;
    if (state->window > NETWORKING_MOST)
        state->window = NETWORKING_MOST;
    return (uint32_t)(state->window >> 8);
}

static inline uint32_t networking_on_ack(const struct networking_rules *rules,
                                         struct networking_state *state, uint32_t rtt_us,
                                         uint32_t acked)
{
    if (rtt_us < state->least_rtt_us)
        state->least_rtt_us = rtt_us;
    if (acked > 65535)
        acked = 65535;
    uint64_t delay = rtt_us - state->least_rtt_us;
    uint64_t target = rules->target_us + ((uint64_t)state->least_rtt_us * rules->target_rtt >> 16);
    if (state->starting && delay > (target * rules->start_exit >> 16))
        state->starting = 0;
    if (state->starting) {
        state->window += (uint64_t)acked * rules->start_gain;
    } else if (delay <= target) {
        uint64_t additive = rules->additive * NETWORKING_PACKET / state->window;
        uint64_t proportional = rules->gain * (target - delay) / target;
        state->window += acked * (additive + proportional);
    } else {
        uint64_t less = acked * (rules->decrease * (delay - target) / delay);
        state->window = less < state->window ? state->window - less : 0;
    }
    return networking_answer(state);
}

static inline uint32_t networking_on_loss(const struct networking_rules *rules,
                                          struct networking_state *state)
{
    state->starting = 0;
    state->window = state->window * rules->kept >> 16;
    return networking_answer(state);
}

#endif
