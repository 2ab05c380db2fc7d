/* A call played out: what a policy's delays do to it, and the least that any could.
 *
 * Whatever a policy knows, if it changes the delay at talkspurts only, then all that it does to a
 * call is to choose one delay for each of them. The bound is the best of all such choices. A choice
 * comes to (D, L): delay impairments and losses, both sums over talkspurts. The cost grows with
 * both and is concave, as ln is; so it is least at a corner of the lower left hull of all (D, L). A
 * corner is where D + lambda L is least for some price lambda of a loss, and that each talkspurt
 * can see to alone, along a hull of its own. So, as lambda rises from 0, the talkspurts' hulls are
 * walked together in the order of their slopes, and the least cost met on the way is exact. (Moon,
 * Kurose, Towsley 1998 bound the mean delay for a given loss, by dynamic programming.) */
#include "policy/audio/simulator.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "policy/elementary.h"

enum { CODING_US = 25000, COMFORTABLE_US = 177300 };

/* In millionths of R, so that sums over a call are exact. */
static int64_t delay_impairment(uint32_t mouth_to_ear_us)
{
    int64_t us = mouth_to_ear_us, beyond = us > COMFORTABLE_US ? us - COMFORTABLE_US : 0;
    return 24 * us + 110 * beyond;
}

static double loss_impairment(double share)
{
    return 30 * elementary_log(1 + 15 * share);
}

double audio_rating(uint32_t delay_us, double loss_share)
{
    return 94.2 - (double)delay_impairment(delay_us) * 1e-6 - loss_impairment(loss_share);
}

/* What was done to a call so far. */
struct outcome {
    int64_t delay; /* sum over packets of delay_impairment */
    uint32_t played;
};

static double impairment(const struct audio_call *call, const struct outcome *outcome)
{
    double count = call->packet_count;
    return (double)outcome->delay * 1e-6 / count +
           loss_impairment((count - outcome->played) / count);
}

/* One talkspurt. Its delay is decided when its first packet is there, and knows that one. */
static void play(const struct audio_policy *policy, const uint32_t *delays_us, uint32_t count,
                 struct outcome *outcome)
{
    uint32_t playout = 0;
    bool decided = false;
    for (uint32_t i = 0; i < count; i++) {
        bool lost = delays_us[i] == AUDIO_LOST;
        if (!lost && policy->packet)
            policy->packet(policy->context, delays_us[i]);
        if (!decided && (!lost || i + 1 == count)) {
            playout = policy->playout_delay_us(policy->context);
            if (playout > AUDIO_DELAY_MAX_US)
                playout = AUDIO_DELAY_MAX_US;
            decided = true;
        }
        outcome->played += !lost && delays_us[i] <= playout;
    }
    outcome->delay += count * delay_impairment(playout + CODING_US);
}

double audio_impairment(const struct audio_call *call, const struct audio_policy *policy)
{
    struct outcome outcome = {0};
    for (uint32_t t = 0; t < call->talkspurt_count; t++)
        play(policy, call->delays_us + call->starts[t], call->starts[t + 1] - call->starts[t],
             &outcome);
    return impairment(call, &outcome);
}

static int by_delay(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* Adds a corner to a lower hull; those that it puts inside go. */
static uint32_t hull_add(struct outcome *hull, uint32_t corners, struct outcome corner)
{
    while (corners >= 2) {
        const struct outcome *a = &hull[corners - 2], *b = &hull[corners - 1];
        if ((b->delay - a->delay) * (int64_t)(corner.played - b->played) <
            (corner.delay - b->delay) * (int64_t)(b->played - a->played))
            break;
        corners--;
    }
    hull[corners] = corner;
    return corners + 1;
}

/* The lower left hull of what a talkspurt's delays can do, from nothing played on; sorts the
 * delays. */
static uint32_t talkspurt_hull(uint32_t *delays_us, uint32_t count, struct outcome *ret_hull)
{
    qsort(delays_us, count, sizeof *delays_us, by_delay);
    struct outcome nothing = {.delay = count * delay_impairment(CODING_US)};
    uint32_t corners = hull_add(ret_hull, 0, nothing);
    for (uint32_t i = 0; i < count && delays_us[i] <= AUDIO_DELAY_MAX_US; i++) {
        int64_t delay = count * delay_impairment(delays_us[i] + CODING_US);
        corners = hull_add(ret_hull, corners, (struct outcome){delay, i + 1});
    }
    return corners;
}

/* By the price of a packet more that is played. */
static int by_slope(const void *a, const void *b)
{
    const struct outcome *x = a, *y = b;
    int64_t left = x->delay * y->played, right = y->delay * x->played;
    if (left == right)
        return by_delay(&x->played, &y->played);
    return left < right ? -1 : 1;
}

double audio_least_impairment(const struct audio_call *call)
{
    assert(call->starts[call->talkspurt_count] == call->packet_count);
    uint32_t *delays = malloc(call->packet_count * sizeof *delays);
    struct outcome *steps = malloc((call->packet_count + 1) * sizeof *steps), now = {0};
    double least = nan("");
    if (delays && steps) {
        uint32_t count = 0;
        memcpy(delays, call->delays_us, call->packet_count * sizeof *delays);
        for (uint32_t t = 0; t < call->talkspurt_count; t++) {
            uint32_t start = call->starts[t];
            struct outcome *hull = steps + count;
            uint32_t corners = talkspurt_hull(delays + start, call->starts[t + 1] - start, hull);
            now.delay += hull[0].delay;
            for (uint32_t i = 0; i + 1 < corners; i++)
                hull[i] = (struct outcome){hull[i + 1].delay - hull[i].delay,
                                           hull[i + 1].played - hull[i].played};
            count += corners - 1;
        }
        qsort(steps, count, sizeof *steps, by_slope);
        least = impairment(call, &now);
        for (uint32_t i = 0; i < count; i++) {
            now.delay += steps[i].delay;
            now.played += steps[i].played;
            least = fmin(least, impairment(call, &now));
        }
    }
    free(delays);
    free(steps);
    return least;
}
