/* Reno, CUBIC and Vegas on one kind of state: a window in packets. */
#include "policy/networking/congestion.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "policy/elementary.h"

/* In packets and microseconds; CUBIC's curve in seconds. */
struct window {
    double size, threshold; /* threshold: where slow start ends */
    /* CUBIC: the window of the last loss, when the curve began and how long it takes to be there
     * again, and what Reno would have. */
    double summit, began, climb, friendly;
    /* Vegas: packets acknowledged, and how many there were when a round trip began; the shortest of
     * it, and of all; whether slow start grows in it. */
    uint32_t acked, round_at, round_rtt, least_rtt, growing;
};

static struct sending answer(struct window *window)
{
    if (window->size < 1)
        window->size = 1;
    if (window->size > 65535)
        window->size = 65535;
    return (struct sending){.window = (uint32_t)(window->size * 65536)};
}

static void *window_new(const void *context)
{
    struct window *window = malloc(sizeof *window);
    (void)context;
    if (window)
        *window = (struct window){.size = LINK_WINDOW_FIRST,
                                  .threshold = HUGE_VAL,
                                  .began = -1,
                                  .round_rtt = UINT32_MAX,
                                  .least_rtt = UINT32_MAX};
    return window;
}

/* Slow start, until half the window is there again. */
static struct sending begin_anew(struct window *window, double kept)
{
    window->threshold = fmax(window->size * kept, 2);
    window->size = 1;
    window->began = -1;
    return answer(window);
}

static struct sending halve(const void *context, void *state, uint64_t now_us)
{
    struct window *window = state;
    (void)context, (void)now_us;
    window->size = window->threshold = fmax(window->size / 2, 2);
    return answer(window);
}

static struct sending halve_and_begin_anew(const void *context, void *state, uint64_t now_us)
{
    (void)context, (void)now_us;
    return begin_anew(state, 0.5);
}

static struct sending reno_on_ack(const void *context, void *state, const struct link_ack *ack)
{
    struct window *window = state;
    (void)context;
    if (!ack->recovering)
        window->size += window->size < window->threshold ? ack->acked : ack->acked / window->size;
    return answer(window);
}

const struct congestion_control congestion_reno = {.state_new = window_new,
                                                   .on_ack = reno_on_ack,
                                                   .on_loss = halve,
                                                   .on_timeout = halve_and_begin_anew};

static const double cubic_scale = 0.4, cubic_beta = 0.7;

/* After a loss, or at the end of slow start. */
static void cubic_begin_curve(struct window *window, double now)
{
    window->began = now;
    window->friendly = window->size;
    double below = window->summit - window->size;
    window->climb = below > 0 ? elementary_power(below / cubic_scale, 1.0 / 3) : 0;
    if (below < 0)
        window->summit = window->size;
}

static struct sending cubic_on_ack(const void *context, void *state, const struct link_ack *ack)
{
    struct window *window = state;
    (void)context;
    if (ack->recovering)
        return answer(window);
    if (window->size < window->threshold) {
        window->size += ack->acked;
        return answer(window);
    }
    double now = (double)ack->now_us * 1e-6;
    if (window->began < 0)
        cubic_begin_curve(window, now);
    double time = now + ack->rtt_us * 1e-6 - window->began - window->climb;
    double target = window->summit + cubic_scale * time * time * time;
    target = target > 1.5 * window->size ? 1.5 * window->size : target;
    double each = ack->acked / window->size;
    window->friendly += 3 * (1 - cubic_beta) / (1 + cubic_beta) * each;
    if (target > window->size)
        window->size += (target - window->size) * each;
    if (window->friendly > window->size)
        window->size = window->friendly;
    return answer(window);
}

/* Fast convergence: a flow that is losing ground yields more, to make room for newcomers. */
static void cubic_remember(struct window *window)
{
    window->summit =
        window->size < window->summit ? window->size * (1 + cubic_beta) / 2 : window->size;
}

static struct sending cubic_on_loss(const void *context, void *state, uint64_t now_us)
{
    struct window *window = state;
    (void)context, (void)now_us;
    cubic_remember(window);
    window->size = window->threshold = fmax(window->size * cubic_beta, 2);
    window->began = -1;
    return answer(window);
}

static struct sending cubic_on_timeout(const void *context, void *state, uint64_t now_us)
{
    (void)context, (void)now_us;
    cubic_remember(state);
    return begin_anew(state, cubic_beta);
}

const struct congestion_control congestion_cubic = {.state_new = window_new,
                                                    .on_ack = cubic_on_ack,
                                                    .on_loss = cubic_on_loss,
                                                    .on_timeout = cubic_on_timeout};

/* A round trip is over: what of the window was in the queue? */
static void vegas_decide(struct window *window, uint32_t recovering)
{
    double queued = window->size * (1 - (double)window->least_rtt / window->round_rtt);
    bool starting = window->size < window->threshold;
    if (starting && queued > 1)
        window->threshold = window->size;
    else if (!starting && queued < 2 && !recovering)
        window->size += 1;
    else if (!starting && queued > 4)
        window->size -= 1;
    window->growing = !window->growing;
    window->round_rtt = UINT32_MAX;
    window->round_at = window->acked;
}

static struct sending vegas_on_ack(const void *context, void *state, const struct link_ack *ack)
{
    struct window *window = state;
    (void)context;
    window->acked += ack->acked;
    if (ack->rtt_us < window->least_rtt)
        window->least_rtt = ack->rtt_us;
    if (ack->rtt_us < window->round_rtt)
        window->round_rtt = ack->rtt_us;
    if (window->acked - ack->delivered >= window->round_at) /* it was sent in this round */
        vegas_decide(window, ack->recovering);
    if (window->size < window->threshold && window->growing && !ack->recovering)
        window->size += ack->acked;
    return answer(window);
}

const struct congestion_control congestion_vegas = {.state_new = window_new,
                                                    .on_ack = vegas_on_ack,
                                                    .on_loss = halve,
                                                    .on_timeout = halve_and_begin_anew};
