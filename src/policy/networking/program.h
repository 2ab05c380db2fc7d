/* What a program knows when it is asked by how much a window changes, and how far apart packets are
 * sent. What is around it is the rules': the shortest round trip and who makes way for it, the
 * minimum that leaks upwards, the window's range; no growth of a window that is not in use, or
 * while losses are recovered from; a single packet after a timeout.
 *
 * Packets are in 1/65536, round trips in us, what lies between two packets in ns. A state of zeros
 * is that of a new connection. No division. */
#ifndef KHUB_POLICY_NETWORKING_PROGRAM_H
#define KHUB_POLICY_NETWORKING_PROGRAM_H

#include <stdint.h>

#include "policy/networking/rules.h"
#include "policy/program_decider.h"

#define NETWORKING_PROGRAM_MOST (INT64_C(1) << 32)

enum {
    NETWORKING_LOST,
    NETWORKING_ASKS_GAP,
    NETWORKING_WINDOW,
    NETWORKING_EACH,
    NETWORKING_THRESHOLD,
    NETWORKING_SUMMIT,
    NETWORKING_SINCE_LOSS,
    NETWORKING_RTT,
    NETWORKING_STANDING,
    NETWORKING_LEAST_RTT,
    NETWORKING_DELAY,
    NETWORKING_JITTER,
    NETWORKING_SPREAD,
    NETWORKING_INTERVAL,
    NETWORKING_PIPE,
    NETWORKING_IN_FLIGHT,
    NETWORKING_FEATURES
};

struct networking_program {
    struct networking_state known;
    uint64_t round_at_us;       /* since then so many packets came: */
    uint32_t round_acked;       /* a round trip of them is a rate */
    uint32_t interval_ns;       /* a packet, at the highest rate; 0: none known */
    uint32_t threshold, summit; /* windows; threshold 0: never shrank */
    uint32_t in_flight;
};

/* How fast a longer delay is believed and what is sent while the base is measured: as the rules'
 * textbook has it. */
static const struct networking_rules networking_program_rules = {.drain = 32768, .rise = 512};

static inline void networking_program_features(const struct networking_program *state,
                                               uint64_t now_us, int64_t *ret_features)
{
    const struct networking_state *known = &state->known;
    uint32_t window = (uint32_t)(known->window >> 8), each = networking_reciprocal(window);
    uint32_t standing = known->standing >> 8, least = known->least_rtt_us;
    uint64_t since = now_us - known->answered_at_us, pipe = 0;
    if (state->interval_ns > 0)
        pipe = (uint64_t)least * 1000 * networking_reciprocal(state->interval_ns) >> 16;
    const uint64_t most = NETWORKING_PROGRAM_MOST;
    ret_features[NETWORKING_LOST] = 0;
    ret_features[NETWORKING_ASKS_GAP] = 0;
    ret_features[NETWORKING_WINDOW] = window;
    ret_features[NETWORKING_EACH] = each;
    ret_features[NETWORKING_THRESHOLD] =
        state->threshold ? state->threshold : NETWORKING_PROGRAM_MOST;
    ret_features[NETWORKING_SUMMIT] = state->summit;
    ret_features[NETWORKING_SINCE_LOSS] = (int64_t)(since < most ? since : most);
    ret_features[NETWORKING_RTT] = known->last_rtt_us;
    ret_features[NETWORKING_STANDING] = standing;
    ret_features[NETWORKING_LEAST_RTT] = least;
    ret_features[NETWORKING_DELAY] = standing > least ? standing - least : 0;
    ret_features[NETWORKING_JITTER] = known->jitter >> 4;
    ret_features[NETWORKING_SPREAD] = (int64_t)((uint64_t)standing * 1000 * each >> 16);
    ret_features[NETWORKING_INTERVAL] = state->interval_ns;
    ret_features[NETWORKING_PIPE] = (int64_t)(pipe < most ? pipe : most);
    ret_features[NETWORKING_IN_FLIGHT] =
        (int64_t)(state->in_flight < 65535 ? state->in_flight : 65535) * 65536;
}

/* The rate of a round trip's packets: at once when it is higher, else an eighth of the way. */
static inline void networking_program_rate(struct networking_program *state, uint64_t now_us,
                                           uint32_t acked)
{
    uint64_t elapsed = now_us - state->round_at_us;
    state->round_acked += acked;
    if (state->round_at_us != 0 &&
        (elapsed < state->known.standing >> 8 || state->round_acked == 0))
        return;
    if (state->round_at_us != 0) {
        elapsed = elapsed < NETWORKING_LONGEST_US ? elapsed : NETWORKING_LONGEST_US;
        elapsed = (elapsed * networking_reciprocal(state->round_acked) >> 16) * 1000 >> 16;
        uint32_t interval = elapsed < 1000         ? 1000
                            : elapsed < UINT32_MAX ? (uint32_t)elapsed
                                                   : UINT32_MAX;
        if (state->interval_ns == 0 || interval < state->interval_ns)
            state->interval_ns = interval;
        else
            state->interval_ns += (interval - state->interval_ns) >> 3;
    }
    state->round_at_us = now_us;
    state->round_acked = 0;
}

static inline int64_t networking_program_change(const struct program_decider *decider,
                                                const struct networking_program *state,
                                                uint64_t now_us, uint32_t lost)
{
    int64_t features[NETWORKING_FEATURES];
    networking_program_features(state, now_us, features);
    features[NETWORKING_LOST] = lost ? 1 : 0;
    int64_t change = program_asked(decider, features);
    return change > NETWORKING_PROGRAM_MOST    ? NETWORKING_PROGRAM_MOST
           : change < -NETWORKING_PROGRAM_MOST ? -NETWORKING_PROGRAM_MOST
                                               : change;
}

static inline uint64_t networking_program_answer(const struct program_decider *decider,
                                                 const struct networking_program *state,
                                                 uint64_t now_us)
{
    int64_t features[NETWORKING_FEATURES];
    networking_program_features(state, now_us, features);
    features[NETWORKING_ASKS_GAP] = 1;
    int64_t gap = program_asked(decider, features);
    gap = gap < 0 ? 0 : gap < UINT32_MAX ? gap : UINT32_MAX;
    return (uint64_t)gap << 32 | networking_answer(&networking_program_rules, &state->known, 0);
}

static inline uint64_t networking_program_shrunk(uint64_t window, int64_t change)
{
    uint64_t less = (uint64_t)-change << 8;
    return window > less + NETWORKING_PACKET ? window - less : NETWORKING_PACKET;
}

static inline uint64_t networking_program_on_ack(const struct program_decider *decider,
                                                 struct networking_program *state, uint64_t now_us,
                                                 uint32_t rtt_us, uint32_t acked,
                                                 uint32_t in_flight)
{
    struct networking_state *known = &state->known;
    uint32_t rtt = rtt_us < NETWORKING_LONGEST_US ? rtt_us : NETWORKING_LONGEST_US;
    networking_keep_range(known);
    acked = acked < 65535 ? acked : 65535;
    state->in_flight = in_flight;
    networking_least(known, now_us, rtt);
    networking_stand(&networking_program_rules, known, rtt, networking_inverse(known));
    networking_vary(known, rtt);
    networking_program_rate(state, now_us, acked);
    uint32_t used = 2 * (uint64_t)in_flight >= known->window >> 24;
    int64_t change =
        known->making_way_us ? 0 : networking_program_change(decider, state, now_us, 0);
    if (change > 0 && used && now_us - rtt_us >= known->answered_at_us)
        known->window += (uint64_t)change * acked << 8;
    if (change < 0) {
        known->window = networking_program_shrunk(known->window, change * acked);
        if (state->threshold == 0)
            state->threshold = (uint32_t)(known->window >> 8);
    }
    networking_keep_range(known);
    return networking_program_answer(decider, state, now_us);
}

/* What the program leaves of the window, which it can't make larger. */
static inline void networking_program_lose(const struct program_decider *decider,
                                           struct networking_program *state, uint64_t now_us)
{
    struct networking_state *known = &state->known;
    networking_keep_range(known);
    state->summit = (uint32_t)(known->window >> 8);
    int64_t change = networking_program_change(decider, state, now_us, 1);
    if (change < 0)
        known->window = networking_program_shrunk(known->window, change);
    state->threshold = (uint32_t)(known->window >> 8);
    known->answered_at_us = now_us;
}

static inline uint64_t networking_program_on_loss(const struct program_decider *decider,
                                                  struct networking_program *state, uint64_t now_us)
{
    networking_program_lose(decider, state, now_us);
    return networking_program_answer(decider, state, now_us);
}

static inline uint64_t networking_program_on_timeout(const struct program_decider *decider,
                                                     struct networking_program *state,
                                                     uint64_t now_us)
{
    networking_program_lose(decider, state, now_us);
    state->known.window = NETWORKING_PACKET;
    return networking_program_answer(decider, state, now_us);
}

static inline void networking_program_reset(struct networking_program *state)
{
    /* volatile: else compilers make it a call of memset, and there is none. By bytes, as which
     * anything may be written. */
    volatile unsigned char *bytes = (volatile unsigned char *)state;
    for (uint32_t i = 0; i < sizeof *state; i++)
        bytes[i] = 0;
}

#endif
