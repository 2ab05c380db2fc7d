/* Reno, CUBIC and Vegas on one kind of state: a window in packets. */
#include "policy/networking/congestion.h"

#include <math.h>
#include <stdlib.h>

#include "policy/elementary.h"

/* In packets and microseconds; CUBIC's curve in seconds. */
struct window {
    double size, threshold; /* threshold: where slow start ends */
    double least_rtt;
    double heard; /* Reno: time of the last acknowledgement */
    /* CUBIC: the window of the last loss, when the curve began and how long it takes to be there
     * again, and what Reno would have. */
    double summit, began, climb, friendly;
};

static uint32_t answer(struct window *window)
{
    if (window->size < 1)
        window->size = 1;
    if (window->size > 65535)
        window->size = 65535;
    return (uint32_t)(window->size * 65536);
}

static void *window_new(const void *context)
{
    struct window *window = malloc(sizeof *window);
    (void)context;
    if (window)
        *window = (struct window){
            .size = LINK_WINDOW_FIRST, .threshold = HUGE_VAL, .least_rtt = HUGE_VAL, .began = -1};
    return window;
}

static uint32_t halve(const void *context, void *state, uint64_t now_us)
{
    struct window *window = state;
    (void)context, (void)now_us;
    window->size = window->threshold = window->size / 2;
    return answer(window);
}

static uint32_t reno_on_ack(const void *context, void *state, uint64_t now_us, uint32_t rtt_us,
                            uint32_t acked)
{
    struct window *window = state;
    (void)context;
    /* By the clock, not by acked / window: just after a loss the acknowledgements are still those
     * of the larger window. */
    double passed = (double)now_us - window->heard;
    window->heard = (double)now_us;
    window->size += window->size < window->threshold ? acked : passed / rtt_us;
    return answer(window);
}

const struct congestion_control congestion_reno = {
    .state_new = window_new, .on_ack = reno_on_ack, .on_loss = halve};

static const double cubic_scale = 0.4, cubic_beta = 0.7;

static uint32_t cubic_on_ack(const void *context, void *state, uint64_t now_us, uint32_t rtt_us,
                             uint32_t acked)
{
    struct window *window = state;
    (void)context;
    if (window->size < window->threshold) {
        window->size += acked;
        return answer(window);
    }
    double now = (double)now_us * 1e-6;
    if (window->began < 0) {
        window->began = now;
        window->friendly = window->size;
        double below = window->summit - window->size;
        window->climb = below > 0 ? elementary_power(below / cubic_scale, 1.0 / 3) : 0;
        if (below < 0)
            window->summit = window->size;
    }
    double time = now + rtt_us * 1e-6 - window->began - window->climb;
    double target = window->summit + cubic_scale * time * time * time;
    target = target > 1.5 * window->size ? 1.5 * window->size : target;
    window->friendly += 3 * (1 - cubic_beta) / (1 + cubic_beta) * acked / window->size;
    if (target > window->size)
        window->size += (target - window->size) * acked / window->size;
    if (window->friendly > window->size)
        window->size = window->friendly;
    return answer(window);
}

static uint32_t cubic_on_loss(const void *context, void *state, uint64_t now_us)
{
    struct window *window = state;
    (void)context, (void)now_us;
    /* Fast convergence: a flow that is losing ground yields more, to make room for newcomers. */
    window->summit =
        window->size < window->summit ? window->size * (1 + cubic_beta) / 2 : window->size;
    window->size *= cubic_beta;
    window->threshold = window->size;
    window->began = -1;
    return answer(window);
}

const struct congestion_control congestion_cubic = {
    .state_new = window_new, .on_ack = cubic_on_ack, .on_loss = cubic_on_loss};

static uint32_t vegas_on_ack(const void *context, void *state, uint64_t now_us, uint32_t rtt_us,
                             uint32_t acked)
{
    struct window *window = state;
    (void)context, (void)now_us;
    if (rtt_us < window->least_rtt)
        window->least_rtt = rtt_us;
    double queued = window->size * (1 - window->least_rtt / rtt_us);
    if (window->size < window->threshold && queued > 1)
        window->threshold = window->size;
    if (window->size < window->threshold)
        window->size += 0.5 * acked;
    else if (queued < 2)
        window->size += acked / window->size;
    else if (queued > 4)
        window->size -= acked / window->size;
    return answer(window);
}

const struct congestion_control congestion_vegas = {
    .state_new = window_new, .on_ack = vegas_on_ack, .on_loss = halve};
