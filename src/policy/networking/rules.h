/* The decisions of a sender's congestion control: how many packets it may have on their way, and
 * how far apart it sends them, from the time they take and from their loss.
 *
 * It aims at a queueing delay, which is part a time, part packets of its own, and part what round
 * trips vary by. Below it the window grows by `additive` packets a round trip and by a share of
 * itself that is the larger the further below; above it shrinks by a share that is the larger the
 * further above; after a loss it keeps `kept`. Until the delay first shows it doubles as in slow
 * start, and again after a timeout, up to what it then keeps. It does not grow unless half of it
 * was in use (RFC 7661). The delay is judged by a minimum that leaks upwards, so that a single late
 * acknowledgement says nothing.
 *
 * The shortest round trip is believed for 10 s. If none so short has come by then, it makes way for
 * two round trips, with `drain` of its window, and takes the shortest of those.
 *
 * A state of zeros is that of a new connection. No floating point and no division: fit for a
 * kernel, for BPF and for 32 bits. */
#ifndef KHUB_POLICY_NETWORKING_RULES_H
#define KHUB_POLICY_NETWORKING_RULES_H

#include <stdint.h>

/* Windows are in 1/2^24 packet, so that what a single acknowledgement adds to a large one is not
 * rounded away; answers are in 1/65536 packet. */
#define NETWORKING_PACKET      (UINT64_C(1) << 24)
#define NETWORKING_FIRST       (10 * NETWORKING_PACKET) /* RFC 6928 */
#define NETWORKING_MOST        (65535 * NETWORKING_PACKET)
#define NETWORKING_MAKES_WAY   (4 * NETWORKING_PACKET) /* but not for more than this */

#define NETWORKING_BELIEVED_US 10000000u   /* for so long a shortest round trip is believed */
#define NETWORKING_LONGEST_US  0x00ffffffu /* longer round trips are taken for this one */

struct networking_rules {
    uint32_t additive, gain, decrease, start_gain; /* in 1/2^24 */
    uint32_t target_us;                            /* > 0 */
    uint32_t target_packets, target_jitters;       /* in 1/256 */
    uint32_t kept, start_exit, drain;              /* in 1/65536 */
    uint32_t rise;                                 /* a round trip, in 1/256 */
    uint32_t pace_ns;                              /* a microsecond of the round trip, spread */
};

struct networking_state {
    uint64_t window;
    uint64_t least_at_us, making_way_at_us;
    uint64_t answered_at_us; /* the last loss or timeout */
    uint32_t least_rtt_us;   /* 0: none yet */
    uint32_t making_way_us;  /* for so long; 0: it does not */
    uint32_t found_rtt_us;   /* the shortest meanwhile */
    uint32_t standing;       /* the leaking minimum, in 1/256 us; 0: none yet */
    uint32_t last_rtt_us;    /* 0: none yet */
    uint32_t jitter;         /* mean difference of two round trips in a row, in 1/16 us */
    uint32_t threshold; /* where slow start ends after a timeout, in 1/256 packet; 0: nowhere */
    uint32_t settled;   /* slow start is over */
};

/* 2^32 / b for 0 < b, to 16 bits, without a division: two steps of Newton's from a straight line.
 * In them b, shifted until it is 2^31 or more, is x in 1/2^32, and its inverse is in 1/2^31. */
static inline uint32_t networking_reciprocal(uint32_t b)
{
    uint32_t x = b, shift = 0;
    for (uint32_t bits = 16; bits > 0; bits /= 2)
        if (!(x >> (32 - bits))) {
            x <<= bits;
            shift += bits;
        }
    /* 48/17 - 32/17 x */
    uint32_t inverse = (uint32_t)(UINT64_C(6063483241) - (UINT64_C(4042322160) * x >> 32));
    for (int step = 0; step < 2; step++) {
        uint32_t rest = -(uint32_t)((uint64_t)inverse * x >> 32); /* 2 - x inverse */
        inverse = (uint32_t)((uint64_t)inverse * rest >> 31);
    }
    return inverse >> (31 - shift);
}

/* a / b in 1/4096, for 0 < b and a <= b. */
static inline uint32_t networking_part(uint32_t a, uint32_t b)
{
    if (b >> 20) {
        a >>= 12;
        b >>= 12;
    }
    return (uint32_t)((uint64_t)a * networking_reciprocal(b) >> 20);
}

/* 1 / window, in 1/2^24. */
static inline uint32_t networking_inverse(const struct networking_state *state)
{
    return networking_reciprocal((uint32_t)(state->window >> 16));
}

/* Within 1 to 65,535 packets; a new connection's is RFC 6928's. */
static inline void networking_keep_range(struct networking_state *state)
{
    if (state->window == 0)
        state->window = NETWORKING_FIRST;
    if (state->window < NETWORKING_PACKET)
        state->window = NETWORKING_PACKET;
    if (state->window > NETWORKING_MOST)
        state->window = NETWORKING_MOST;
}

/* In the low half the window, in 1/65536 packet. In the high half nanoseconds from a packet to the
 * next: the standing round trip, spread over the window, at `pace`; 0 while no round trip is
 * known. inverse: of the window, as it was a moment ago. */
static inline uint64_t networking_answer(const struct networking_rules *rules,
                                         const struct networking_state *state, uint32_t inverse)
{
    uint64_t window = state->window;
    uint64_t each = (uint64_t)(state->standing >> 8) * inverse; /* us, in 1/2^24 */
    uint64_t gap = (each >> 12) * rules->pace_ns >> 12;
    if (gap > UINT32_MAX)
        gap = UINT32_MAX;
    if (state->making_way_us && window > NETWORKING_MAKES_WAY) {
        window = (window >> 16) * rules->drain;
        if (window < NETWORKING_MAKES_WAY)
            window = NETWORKING_MAKES_WAY;
    }
    return gap << 32 | window >> 8;
}

/* Keeps the shortest round trip, and finds out when the way has become longer. */
static inline void networking_least(struct networking_state *state, uint64_t now_us, uint32_t rtt)
{
    if (state->least_rtt_us == 0 || rtt <= state->least_rtt_us) {
        state->least_rtt_us = rtt;
        state->least_at_us = now_us;
        state->making_way_us = 0;
    } else if (!state->making_way_us) {
        if (now_us - state->least_at_us < NETWORKING_BELIEVED_US)
            return;
        state->making_way_at_us = now_us;
        state->making_way_us = 2 * rtt;
        state->found_rtt_us = rtt;
    } else {
        if (rtt < state->found_rtt_us)
            state->found_rtt_us = rtt;
        if (now_us - state->making_way_at_us < state->making_way_us)
            return;
        state->least_rtt_us = state->found_rtt_us;
        state->least_at_us = now_us;
        state->making_way_us = 0;
    }
}

/* The minimum that leaks upwards. inverse: of the window. */
static inline void networking_stand(const struct networking_rules *rules,
                                    struct networking_state *state, uint32_t rtt, uint32_t inverse)
{
    uint32_t fine = rtt << 8;
    if (state->standing == 0 || fine <= state->standing) {
        state->standing = fine;
        return;
    }
    uint64_t part = (uint64_t)rules->rise * inverse >> 8; /* in 1/2^24 */
    uint32_t above = fine - state->standing;
    state->standing += part < NETWORKING_PACKET ? (uint32_t)(above * part >> 24) : above;
}

/* As RFC 3550 has it for what comes by RTP. */
static inline void networking_vary(struct networking_state *state, uint32_t rtt)
{
    uint32_t last = state->last_rtt_us ? state->last_rtt_us : rtt;
    state->jitter += (rtt > last ? rtt - last : last - rtt) - ((state->jitter + 8) >> 4);
    state->last_rtt_us = rtt;
}

static inline uint32_t networking_target(const struct networking_rules *rules,
                                         const struct networking_state *state, uint32_t inverse)
{
    uint64_t packet = (uint64_t)(state->standing >> 8) * inverse >> 24; /* us */
    uint64_t jitter = state->jitter >> 4;
    uint64_t target = rules->target_us + (packet * rules->target_packets >> 8) +
                      (jitter * rules->target_jitters >> 8);
    return target < UINT32_MAX ? (uint32_t)target : UINT32_MAX;
}

/* Towards the target. may_grow: the window is in use, and no loss is being recovered from. */
static inline void networking_aim(const struct networking_rules *rules,
                                  struct networking_state *state, uint32_t acked, uint32_t may_grow,
                                  uint32_t inverse)
{
    uint32_t standing = state->standing >> 8;
    uint32_t delay = standing > state->least_rtt_us ? standing - state->least_rtt_us : 0;
    uint32_t target = networking_target(rules, state, inverse);
    if (delay > ((uint64_t)target * rules->start_exit >> 16) ||
        (state->threshold && state->window >> 16 >= state->threshold))
        state->settled = 1;
    if (!state->settled) {
        if (may_grow)
            state->window += (uint64_t)acked * rules->start_gain;
    } else if (delay > target) {
        uint64_t less = (uint64_t)rules->decrease * networking_part(delay - target, delay) >> 12;
        less *= acked;
        state->window = less < state->window ? state->window - less : 1;
    } else if (may_grow) {
        uint64_t more = (uint64_t)rules->additive * inverse >> 24;
        more += (uint64_t)rules->gain * networking_part(target - delay, target) >> 12;
        state->window += acked * more;
    }
}

static inline uint64_t networking_on_ack(const struct networking_rules *rules,
                                         struct networking_state *state, uint64_t now_us,
                                         uint32_t rtt_us, uint32_t acked, uint32_t in_flight)
{
    uint32_t rtt = rtt_us < NETWORKING_LONGEST_US ? rtt_us : NETWORKING_LONGEST_US;
    networking_keep_range(state);
    uint32_t inverse = networking_inverse(state),
             used = 2 * (uint64_t)in_flight >= state->window >> 24;
    networking_least(state, now_us, rtt);
    networking_stand(rules, state, rtt, inverse);
    networking_vary(state, rtt);
    if (!state->making_way_us)
        networking_aim(rules, state, acked < 65535 ? acked : 65535,
                       used && now_us - rtt_us >= state->answered_at_us, inverse);
    networking_keep_range(state);
    return networking_answer(rules, state, inverse);
}

/* Once for all losses of a round trip. */
static inline uint64_t networking_on_loss(const struct networking_rules *rules,
                                          struct networking_state *state, uint64_t now_us)
{
    networking_keep_range(state);
    state->settled = 1;
    state->answered_at_us = now_us;
    state->window = (state->window >> 16) * rules->kept;
    networking_keep_range(state);
    return networking_answer(rules, state, networking_inverse(state));
}

/* Nothing was heard for too long: it begins anew, with a single packet. */
static inline uint64_t networking_on_timeout(const struct networking_rules *rules,
                                             struct networking_state *state, uint64_t now_us)
{
    networking_keep_range(state);
    state->threshold = (uint32_t)((state->window >> 16) * rules->kept >> 16);
    state->settled = 0;
    state->answered_at_us = now_us;
    state->window = NETWORKING_PACKET;
    return networking_answer(rules, state, networking_inverse(state));
}

#endif
