/* See principals.h. */
#include "core/principals.h"

#include <assert.h>
#include <math.h>

#include "core/holdings.h"
#include "core/state.h"

#define BURST_S 2.0  /* seconds' worth that may come at once */
#define ROUNDED 1e-6 /* what sums of fractions may be off by */

/* ── rates ── */

/* One message at the least, however low the rate. */
static double burst_of(double rate)
{
    return BURST_S * rate < 1 ? 1 : BURST_S * rate;
}

static double emptied(double held, double rate, int64_t ms)
{
    double left = held - rate * (double)ms / 1000;
    return left > 0 && rate > 0 ? left : 0; /* a limit that was lifted is forgotten */
}

static void spending_look(struct spending *spending, const struct quota *quota, int64_t clock)
{
    int64_t ms = clock - spending->at;
    spending->messages = emptied(spending->messages, quota->most[LIMIT_RATE], ms);
    spending->bytes = emptied(spending->bytes, quota->most[LIMIT_RATE_BYTES], ms);
    spending->at = clock;
}

/* Over the limit by `excess`, which goes at its rate. */
static int over(enum limit limit, double rate, double excess, struct overrun *ret_over)
{
    *ret_over = (struct overrun){
        .limit = limit_text(limit), .most = rate, .wait_ms = (int64_t)ceil(excess / rate * 1000)};
    if (ret_over->wait_ms < 1)
        ret_over->wait_ms = 1;
    return -1;
}

int spending_take(struct spending *spending, const struct quota *quota, size_t bytes, int64_t clock,
                  struct overrun *ret_over)
{
    double rate = quota->most[LIMIT_RATE], byte_rate = quota->most[LIMIT_RATE_BYTES];
    if (rate <= 0 && byte_rate <= 0)
        return 0;
    spending_look(spending, quota, clock);
    double excess = spending->messages + 1 - burst_of(rate);
    if (rate > 0 && excess > ROUNDED)
        return over(LIMIT_RATE, rate, excess, ret_over);
    excess = spending->bytes - burst_of(byte_rate);
    if (byte_rate > 0 && excess > ROUNDED)
        return over(LIMIT_RATE_BYTES, byte_rate, excess, ret_over);
    spending->messages += rate > 0 ? 1 : 0;
    spending->bytes += byte_rate > 0 ? (double)bytes : 0;
    return 0;
}

/* ── principals ── */

struct principal *principal_take(struct hub *hub, struct slice name)
{
    struct principal *principal = index_find(&hub->principals, name);
    if (!principal)
        principal = index_get(&hub->principals, name, sizeof *principal);
    else if (!principal->peers)
        TAILQ_REMOVE(&hub->idle, principal, idle);
    principal->peers++;
    return principal;
}

void principal_give(struct hub *hub, struct principal *principal)
{
    if (!principal)
        return;
    assert(principal->peers);
    if (--principal->peers == 0)
        TAILQ_INSERT_TAIL(&hub->idle, principal, idle);
}

uint64_t principal_messages(const struct hub *hub, struct principal *principal, int64_t day)
{
    if (principal->day == day)
        return principal->messages;
    principal->day = day;
    principal->messages = 0;
    for (size_t i = 0; i < hub->room_count; i++)
        principal->messages += holding_messages(hub->rooms[i], principal->key, day);
    return principal->messages;
}

void principal_said(struct hub *hub, peer_id from, struct slice owner, int64_t day)
{
    const struct peer *peer = peer_find(hub, from);
    struct principal *principal =
        peer ? peer->principal : (struct principal *)index_find(&hub->principals, owner);
    if (principal && principal->day == day)
        principal->messages++;
}

void principal_set_quota(const struct hub *hub, struct principal *principal,
                         const struct quota *quota)
{
    principal->quota = quota_over(quota, &hub->config.owner);
}

void principals_tick(struct hub *hub)
{
    struct principal *next, *principal = TAILQ_FIRST(&hub->idle);
    for (; principal; principal = next) {
        next = TAILQ_NEXT(principal, idle);
        spending_look(&principal->spending, &principal->quota, hub->rate_clock);
        if (principal->spending.messages > 0 || principal->spending.bytes > 0)
            continue;
        TAILQ_REMOVE(&hub->idle, principal, idle);
        index_remove(&hub->principals, principal);
        keyed_free(principal);
    }
}

void principals_free(struct hub *hub)
{
    index_clear(&hub->principals, keyed_free);
}
