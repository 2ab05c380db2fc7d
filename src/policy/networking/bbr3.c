/* BBR's third version: the model of the line has an upper bound of what it may carry, learned from
 * losses when more is tried for, and lower ones, for as long as others' losses say so. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "policy/networking/congestion.h"

enum { PLATEAU = 3, ROUNDS_MOST = 63, LOSSES_OF_START = 6, GROWTHS_MOST = 30 };
#define BELIEVED_US    10000000u /* a least round trip */
#define PROBE_EVERY_US 5000000u  /* that is not seen for so long is looked for */
#define PROBE_RTT_US   200000u
#define WAIT_US        2000000u /* between probes for more, and up to WAIT_MORE_US more */
#define WAIT_MORE_US   1000000u

static const double least_window = 4, kept = 0.7, too_much_lost = 0.02, headroom = 0.85,
                    margin = 0.99; /* of a pace */

/* START and FILL_EMPTY make the first estimate; the next four are its cycle. */
enum phase { START, FILL_EMPTY, DOWN, CRUISE, REFILL, UP, PROBE_RTT };

static const struct {
    double pace, window;
} gains[] = {
    [START] = {2.77, 2}, [FILL_EMPTY] = {0.5, 2}, [DOWN] = {0.9, 2},      [CRUISE] = {1, 2},
    [REFILL] = {1, 2},   [UP] = {1.25, 2.25},     [PROBE_RTT] = {1, 0.5},
};

/* Acknowledgements of what was sent: while more was tried for, and the round trip after it. */
enum samples { OF_NO_PROBE, STARTING, FEEDBACK, STOPPING };

struct bbr3 {
    enum phase phase;
    enum samples samples;
    double rates[2]; /* packets/us, the most of this cycle and of the one before */
    double window;
    double high;                      /* of what is on the way; HUGE_VAL: not known */
    double low_rate, low;             /* the lower bounds; HUGE_VAL: none */
    double latest_rate, latest;       /* the most in this round of losses */
    double plateau;                   /* the rate when it last grew by a quarter */
    uint32_t plateaus;                /* rounds since */
    bool full_now, full;              /* it grows no more; it once did not */
    uint32_t acked, round_at, rounds; /* rounds: since the last probe for more */
    uint32_t growth_rounds, growth_acks;
    uint32_t losses;      /* events of this round, in START */
    bool lost_in_round;   /* since the lower bounds were looked at */
    bool may_be_too_much; /* what was sent by a probe is being heard of */
    bool was_too_much, stopped_early;
    uint32_t least_rtt; /* us; 0: none yet */
    uint32_t probed_rtt;
    uint64_t least_at, probed_at, phase_at, wait_us;
    bool drained, timed_out;
    uint32_t drained_at;
};

static void *bbr3_new(const void *context)
{
    (void)context;
    struct bbr3 *bbr = calloc(1, sizeof *bbr);
    if (bbr) {
        bbr->window = LINK_WINDOW_FIRST;
        bbr->high = bbr->low_rate = bbr->low = HUGE_VAL;
    }
    return bbr;
}

static double most_rate(const struct bbr3 *bbr)
{
    return bbr->rates[0] > bbr->rates[1] ? bbr->rates[0] : bbr->rates[1];
}

static double rate(const struct bbr3 *bbr)
{
    return fmin(most_rate(bbr), bbr->low_rate);
}

static double product(const struct bbr3 *bbr, double rate)
{
    return rate * bbr->least_rtt;
}

static double high_with_headroom(const struct bbr3 *bbr)
{
    return fmax(headroom * bbr->high, least_window);
}

static struct sending answer_of(const struct bbr3 *bbr)
{
    double window = bbr->timed_out ? 1 : fmin(bbr->window, 65535);
    struct sending answer = {.window = (uint32_t)(window * 65536)};
    if (rate(bbr) > 0) {
        double gap = 1000 / (margin * gains[bbr->phase].pace * rate(bbr));
        answer.gap_ns = gap < 4e9 ? (uint32_t)gap : 4000000000u;
    }
    return answer;
}

static void enter(struct bbr3 *bbr, enum phase phase, uint64_t now)
{
    bbr->phase = phase;
    bbr->phase_at = now;
}

static void forget_lower_bounds(struct bbr3 *bbr)
{
    bbr->low = bbr->low_rate = HUGE_VAL;
    bbr->lost_in_round = false;
}

static void forget_plateau(struct bbr3 *bbr)
{
    bbr->plateau = 0;
    bbr->plateaus = 0;
    bbr->full_now = false;
}

static void begin_down(struct bbr3 *bbr, uint64_t now)
{
    bbr->growth_rounds = bbr->growth_acks = bbr->rounds = 0;
    bbr->wait_us = WAIT_US + ((uint32_t)now * 2654435761u >> 12) % WAIT_MORE_US;
    bbr->samples = STOPPING;
    enter(bbr, DOWN, now);
}

static void begin_refill(struct bbr3 *bbr, uint64_t now)
{
    forget_lower_bounds(bbr);
    bbr->growth_rounds = bbr->growth_acks = 0;
    bbr->stopped_early = false;
    bbr->round_at = bbr->acked;
    enter(bbr, REFILL, now);
}

static void begin_up(struct bbr3 *bbr, uint64_t now, double now_rate)
{
    bbr->samples = STARTING;
    bbr->may_be_too_much = true;
    forget_plateau(bbr);
    bbr->plateau = now_rate;
    enter(bbr, UP, now);
}

static void too_much(struct bbr3 *bbr, const struct link_ack *ack)
{
    bbr->was_too_much = true;
    bbr->may_be_too_much = false;
    bbr->high = fmax(ack->carried, kept * fmin(product(bbr, rate(bbr)), bbr->window));
    if (bbr->phase == UP)
        begin_down(bbr, ack->now_us);
}

/* The bound is tried upwards, twice as fast with each round trip. */
static void raise_high(struct bbr3 *bbr, bool new_round)
{
    if (bbr->window < bbr->high)
        return;
    if (new_round && bbr->growth_rounds < GROWTHS_MOST)
        bbr->growth_rounds++;
    double each = fmax(bbr->window / (double)(1u << bbr->growth_rounds), 1);
    if (++bbr->growth_acks >= each) {
        bbr->high += floor(bbr->growth_acks / each);
        bbr->growth_acks = 0;
    }
}

/* Whether it has gone on to another phase by that. */
static bool adapt_high(struct bbr3 *bbr, const struct link_ack *ack, bool new_round)
{
    if (new_round && bbr->samples == STARTING) {
        bbr->samples = FEEDBACK;
    } else if (new_round && bbr->samples == STOPPING) {
        bbr->samples = OF_NO_PROBE;
        bbr->may_be_too_much = false;
        bbr->rates[1] = bbr->rates[0];
        bbr->rates[0] = 0;
        if (bbr->stopped_early && !bbr->was_too_much) {
            begin_refill(bbr, ack->now_us);
            return true;
        }
    }
    if (ack->lost > too_much_lost * ack->carried) {
        if (bbr->may_be_too_much)
            too_much(bbr, ack);
        return false;
    }
    if (bbr->high < ack->carried)
        bbr->high = ack->carried;
    if (bbr->phase == UP && bbr->high < HUGE_VAL)
        raise_high(bbr, new_round);
    return false;
}

/* Once a round trip, if something was lost and it was not this one that tried for more. */
static void adapt_low(struct bbr3 *bbr, const struct link_ack *ack, double now_rate, bool new_round)
{
    bbr->latest_rate = fmax(bbr->latest_rate, now_rate);
    bbr->latest = fmax(bbr->latest, ack->delivered);
    if (!new_round)
        return;
    if (bbr->lost_in_round && bbr->full && bbr->phase != UP && bbr->phase != REFILL) {
        double old_rate = fmin(bbr->low_rate, most_rate(bbr)), old = fmin(bbr->low, bbr->window);
        bbr->low_rate = fmax(bbr->latest_rate, kept * old_rate);
        bbr->low = fmax(bbr->latest, kept * old);
    }
    bbr->lost_in_round = false;
    bbr->latest_rate = now_rate;
    bbr->latest = ack->delivered;
}

static void watch_plateau(struct bbr3 *bbr, const struct link_ack *ack, double now_rate,
                          bool new_round)
{
    if (!bbr->full && new_round) {
        if (bbr->losses >= LOSSES_OF_START && ack->lost > too_much_lost * ack->carried) {
            bbr->full = bbr->full_now = true;
            bbr->high = fmax(product(bbr, most_rate(bbr)), bbr->latest);
        }
        bbr->losses = 0;
    }
    if (bbr->full_now)
        return;
    if (now_rate >= 1.25 * bbr->plateau) {
        bbr->plateau = now_rate;
        bbr->plateaus = 0;
    } else if (new_round && ++bbr->plateaus >= PLATEAU) {
        bbr->full = bbr->full_now = true;
    }
}

static bool time_to_probe(const struct bbr3 *bbr, uint64_t now)
{
    /* Reno would have had its turn by then: one packet a round trip. */
    double rounds = fmin(fmin(product(bbr, rate(bbr)), bbr->window), ROUNDS_MOST);
    return now - bbr->phase_at > bbr->wait_us || bbr->rounds >= rounds;
}

static void go_through_cycle(struct bbr3 *bbr, const struct link_ack *ack, double now_rate,
                             bool new_round)
{
    uint64_t now = ack->now_us;
    switch (bbr->phase) {
    case DOWN:
        if (time_to_probe(bbr, now))
            begin_refill(bbr, now);
        else if (ack->in_flight <= fmin(high_with_headroom(bbr), product(bbr, most_rate(bbr))))
            bbr->phase = CRUISE; /* the time counts from where it began to go down */
        break;
    case CRUISE:
        if (time_to_probe(bbr, now))
            begin_refill(bbr, now);
        break;
    case REFILL:
        if (new_round)
            begin_up(bbr, now, now_rate);
        break;
    case UP:
        if (bbr->was_too_much && ack->in_flight >= bbr->high) {
            bbr->stopped_early = true;
        } else if (bbr->window >= bbr->high) {
            forget_plateau(bbr); /* it is the bound that holds it back */
            bbr->plateau = now_rate;
            break;
        } else if (!bbr->full_now) {
            break;
        }
        bbr->was_too_much = false;
        begin_down(bbr, now);
        break;
    default:
        break;
    }
}

static void watch_round_trip(struct bbr3 *bbr, const struct link_ack *ack)
{
    uint64_t now = ack->now_us;
    uint32_t rtt = ack->rtt_us > 0 ? ack->rtt_us : 1;
    bool due = now - bbr->probed_at > PROBE_EVERY_US;
    if (bbr->probed_rtt == 0 || rtt < bbr->probed_rtt || due) {
        bbr->probed_rtt = rtt;
        bbr->probed_at = now;
    }
    if (bbr->least_rtt == 0 || bbr->probed_rtt < bbr->least_rtt ||
        now - bbr->least_at > BELIEVED_US) {
        bbr->least_rtt = bbr->probed_rtt;
        bbr->least_at = bbr->probed_at;
    }
    if (bbr->phase != PROBE_RTT && due) {
        enter(bbr, PROBE_RTT, now);
        bbr->samples = OF_NO_PROBE;
        bbr->drained = false;
    }
    if (bbr->phase != PROBE_RTT)
        return;
    if (!bbr->drained) {
        double target = fmax(gains[PROBE_RTT].window * product(bbr, rate(bbr)), least_window);
        bbr->drained = ack->in_flight <= target + ack->acked;
        bbr->drained_at = bbr->acked;
        bbr->phase_at = now;
    } else if (now - bbr->phase_at > PROBE_RTT_US &&
               bbr->acked - ack->delivered >= bbr->drained_at) {
        bbr->probed_at = now;
        forget_lower_bounds(bbr);
        if (bbr->full) {
            begin_down(bbr, now);
            bbr->phase = CRUISE;
        } else {
            enter(bbr, START, now);
        }
    }
}

static void set_window(struct bbr3 *bbr, const struct link_ack *ack)
{
    double most = gains[bbr->phase].window * product(bbr, rate(bbr)), bound = bbr->low;
    if (bbr->full)
        bbr->window = fmin(bbr->window + ack->acked, most);
    else if (bbr->window < most || bbr->acked < LINK_WINDOW_FIRST)
        bbr->window += ack->acked;
    if (bbr->phase == CRUISE || bbr->phase == PROBE_RTT)
        bound = fmin(bound, high_with_headroom(bbr));
    else if (bbr->phase >= DOWN)
        bound = fmin(bound, bbr->high);
    if (bbr->phase == PROBE_RTT)
        bound = fmin(bound, most);
    bbr->window = fmax(fmin(bbr->window, bound), least_window);
}

static struct sending bbr3_on_ack(const void *context, void *state, const struct link_ack *ack)
{
    struct bbr3 *bbr = state;
    (void)context;
    bbr->acked += ack->acked;
    bbr->timed_out = false;
    bool new_round = bbr->acked - ack->delivered >= bbr->round_at;
    if (new_round) {
        bbr->round_at = bbr->acked;
        bbr->rounds++;
    }
    double now_rate = (double)ack->delivered / (ack->interval_us > 0 ? ack->interval_us : 1);
    bbr->rates[0] = fmax(bbr->rates[0], now_rate);
    if (bbr->least_rtt == 0)
        bbr->least_rtt = ack->rtt_us > 0 ? ack->rtt_us : 1;
    adapt_low(bbr, ack, now_rate, new_round);
    watch_plateau(bbr, ack, now_rate, new_round);
    if (bbr->phase == START && bbr->full)
        enter(bbr, FILL_EMPTY, ack->now_us);
    if (bbr->phase == FILL_EMPTY && ack->in_flight <= product(bbr, most_rate(bbr)))
        begin_down(bbr, ack->now_us);
    if (bbr->full && !adapt_high(bbr, ack, new_round))
        go_through_cycle(bbr, ack, now_rate, new_round);
    watch_round_trip(bbr, ack);
    set_window(bbr, ack);
    return answer_of(bbr);
}

static struct sending bbr3_on_loss(const void *context, void *state, uint64_t now_us)
{
    struct bbr3 *bbr = state;
    (void)context, (void)now_us;
    bbr->lost_in_round = true;
    bbr->losses++;
    return answer_of(bbr);
}

static struct sending bbr3_on_timeout(const void *context, void *state, uint64_t now_us)
{
    struct bbr3 *bbr = state;
    (void)context, (void)now_us;
    bbr->lost_in_round = true;
    bbr->timed_out = true;
    return answer_of(bbr);
}

const struct congestion_control congestion_bbr3 = {.state_new = bbr3_new,
                                                   .on_ack = bbr3_on_ack,
                                                   .on_loss = bbr3_on_loss,
                                                   .on_timeout = bbr3_on_timeout};
