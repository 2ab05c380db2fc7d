/* BBR's model of the line and its four states. */
#include <stdbool.h>
#include <stdlib.h>

#include "policy/networking/congestion.h"

enum { CYCLE = 8, BANDWIDTH_ROUNDS = 10, PLATEAU = 3 };
#define BELIEVED_US  10000000u
#define PROBE_RTT_US 200000u

static const double high_gain = 2.885; /* 2 / ln 2: doubles the rate each round trip */
static const double cycle_gains[CYCLE] = {1.25, 0.75, 1, 1, 1, 1, 1, 1};

enum bbr_phase { STARTUP, DRAIN, PROBE_BANDWIDTH, PROBE_RTT };

struct bbr {
    enum bbr_phase phase;
    double rates[BANDWIDTH_ROUNDS]; /* packets/us, the most of each of the last round trips */
    double bandwidth;               /* the most of these */
    double plateau;                 /* the most when it last grew by a quarter */
    uint32_t rounds, full_rounds, acked, round_at;
    bool full;
    uint32_t least_rtt; /* us; 0: none yet */
    uint64_t least_at, phase_at;
    uint32_t cycle;
    bool lost;       /* since this phase of the cycle began */
    bool timed_out;  /* and nothing was heard since */
    bool conserving; /* a round trip after losses: a packet out for a packet in */
    uint32_t conserve_at, conserve_again, in_flight; /* again: in that round at the earliest */
};

static void *bbr_new(const void *context)
{
    (void)context;
    return calloc(1, sizeof(struct bbr));
}

static double pipe(const struct bbr *bbr)
{
    return bbr->bandwidth * bbr->least_rtt;
}

static double bandwidth_gain(const struct bbr *bbr)
{
    switch (bbr->phase) {
    case STARTUP:
        return high_gain;
    case DRAIN:
        return 1 / high_gain;
    case PROBE_BANDWIDTH:
        return cycle_gains[bbr->cycle];
    case PROBE_RTT:
        return 1;
    }
    return 1;
}

static struct sending bbr_answer(const struct bbr *bbr)
{
    double gain = bbr->phase == STARTUP || bbr->phase == DRAIN ? high_gain : 2;
    double window = gain * pipe(bbr);
    if (window < 4 || bbr->phase == PROBE_RTT)
        window = 4;
    if (!bbr->full && window < LINK_WINDOW_FIRST)
        window = LINK_WINDOW_FIRST;
    if (window > 65535)
        window = 65535;
    if (bbr->conserving && window > bbr->in_flight)
        window = bbr->in_flight > 4 ? bbr->in_flight : 4;
    if (bbr->timed_out)
        window = 1;
    struct sending answer = {.window = (uint32_t)(window * 65536)};
    if (bbr->bandwidth > 0) {
        double gap = 1000 / (bandwidth_gain(bbr) * bbr->bandwidth);
        answer.gap_ns = gap < 4e9 ? (uint32_t)gap : 4000000000u;
    }
    return answer;
}

/* The most of the last ten round trips, and whether it still grows. */
static void watch_bandwidth(struct bbr *bbr, const struct link_ack *ack)
{
    bool new_round = bbr->acked - ack->delivered >= bbr->round_at;
    if (new_round) {
        bbr->round_at = bbr->acked;
        bbr->rounds++;
        bbr->rates[bbr->rounds % BANDWIDTH_ROUNDS] = 0;
    }
    double rate = (double)ack->delivered / (ack->interval_us > 0 ? ack->interval_us : 1);
    double *most = &bbr->rates[bbr->rounds % BANDWIDTH_ROUNDS];
    if (rate > *most)
        *most = rate;
    if (new_round) {
        bbr->bandwidth = 0;
        for (int i = 0; i < BANDWIDTH_ROUNDS; i++)
            if (bbr->rates[i] > bbr->bandwidth)
                bbr->bandwidth = bbr->rates[i];
    } else if (rate > bbr->bandwidth) {
        bbr->bandwidth = rate;
    }
    if (!new_round || bbr->full)
        return;
    if (bbr->bandwidth >= 1.25 * bbr->plateau) {
        bbr->plateau = bbr->bandwidth;
        bbr->full_rounds = 0;
    } else {
        bbr->full = ++bbr->full_rounds >= PLATEAU;
    }
}

static void enter(struct bbr *bbr, enum bbr_phase phase, uint64_t now)
{
    bbr->phase = phase;
    bbr->phase_at = now;
    bbr->lost = false;
}

/* Anywhere in the cycle but where it makes up for what it has not done: senders that begin at one
 * time shall not all try for more at one time. */
static void begin_cycle(struct bbr *bbr, uint64_t now)
{
    uint32_t lot = ((uint32_t)now * 2654435761u >> 16) % (CYCLE - 1);
    bbr->cycle = lot == 0 ? 0 : lot + 1;
    enter(bbr, PROBE_BANDWIDTH, now);
}

/* A phase of the cycle lasts a round trip; the one that tries for more until it shows in the queue
 * or in losses, the one that makes up for it no longer than that takes. */
static void go_through_cycle(struct bbr *bbr, const struct link_ack *ack)
{
    bool over = ack->now_us - bbr->phase_at > bbr->least_rtt;
    double gain = cycle_gains[bbr->cycle];
    if (gain > 1)
        over = over && (bbr->lost || ack->in_flight >= gain * pipe(bbr));
    else if (gain < 1)
        over = over || ack->in_flight <= pipe(bbr);
    if (over) {
        bbr->cycle = (bbr->cycle + 1) % CYCLE;
        enter(bbr, PROBE_BANDWIDTH, ack->now_us);
    }
}

static void change_phase(struct bbr *bbr, const struct link_ack *ack, bool stale)
{
    if (bbr->phase == STARTUP && bbr->full)
        enter(bbr, DRAIN, ack->now_us);
    if (bbr->phase == DRAIN && ack->in_flight <= pipe(bbr))
        begin_cycle(bbr, ack->now_us);
    if (bbr->phase == PROBE_BANDWIDTH)
        go_through_cycle(bbr, ack);
    if (bbr->phase != PROBE_RTT && stale) {
        enter(bbr, PROBE_RTT, ack->now_us);
    } else if (bbr->phase == PROBE_RTT &&
               ack->now_us - bbr->phase_at > PROBE_RTT_US + bbr->least_rtt) {
        bbr->least_at = ack->now_us;
        if (bbr->full)
            begin_cycle(bbr, ack->now_us);
        else
            enter(bbr, STARTUP, ack->now_us);
    }
}

static struct sending bbr_on_ack(const void *context, void *state, const struct link_ack *ack)
{
    struct bbr *bbr = state;
    (void)context;
    bbr->acked += ack->acked;
    bbr->timed_out = false;
    bbr->in_flight = ack->in_flight;
    if (bbr->acked - ack->delivered >= bbr->conserve_at)
        bbr->conserving = false;
    watch_bandwidth(bbr, ack);
    bool stale = ack->now_us - bbr->least_at > BELIEVED_US;
    if (bbr->least_rtt == 0 || ack->rtt_us <= bbr->least_rtt || stale) {
        bbr->least_rtt = ack->rtt_us > 0 ? ack->rtt_us : 1;
        bbr->least_at = ack->now_us;
    }
    change_phase(bbr, ack, stale);
    return bbr_answer(bbr);
}

static struct sending bbr_on_loss(const void *context, void *state, uint64_t now_us)
{
    struct bbr *bbr = state;
    (void)context, (void)now_us;
    bbr->lost = true;
    if (bbr->rounds >= bbr->conserve_again) {
        bbr->conserving = true;
        bbr->conserve_at = bbr->acked;
        bbr->conserve_again = bbr->rounds + 2;
    }
    return bbr_answer(bbr);
}

static struct sending bbr_on_timeout(const void *context, void *state, uint64_t now_us)
{
    struct bbr *bbr = state;
    (void)context, (void)now_us;
    bbr->timed_out = true;
    return bbr_answer(bbr);
}

const struct congestion_control congestion_bbr = {.state_new = bbr_new,
                                                  .on_ack = bbr_on_ack,
                                                  .on_loss = bbr_on_loss,
                                                  .on_timeout = bbr_on_timeout};
