#include "gateway/guests.h"

#include <stdlib.h>

#include "gateway/bounds.h"
#include "wire/clock.h"
#include "wire/text.h"

#define IDLE_MS 1800000
#define TICK_MS 10000
#define BUCKETS 256u

TAILQ_HEAD(guest_list, guest);

struct guests {
    uv_timer_t timer;
    int64_t idle_ms;
    size_t count;
    struct guest_list buckets[BUCKETS]; /* by the first two digits, which are as random as any */
};

static void on_tick(uv_timer_t *timer)
{
    const struct guests *guests = timer->data;
    int64_t now = time_monotonic_ms();
    for (unsigned i = 0; i < BUCKETS; i++) {
        struct guest *guest = TAILQ_FIRST(&guests->buckets[i]);
        while (guest) {
            struct guest *behind = TAILQ_NEXT(guest, next);
            if (!guest->busy && now - guest->used >= guests->idle_ms)
                guest->idle(guest);
            guest = behind;
        }
    }
}

struct guests *guests_new(uv_loop_t *loop, uint64_t idle_ms)
{
    struct guests *guests = calloc(1, sizeof *guests);
    if (!guests)
        return NULL;
    guests->idle_ms = idle_ms ? (int64_t)idle_ms : IDLE_MS;
    for (unsigned i = 0; i < BUCKETS; i++)
        TAILQ_INIT(&guests->buckets[i]);
    uv_timer_init(loop, &guests->timer);
    guests->timer.data = guests;
    uint64_t tick = guests->idle_ms < TICK_MS ? (uint64_t)guests->idle_ms : TICK_MS;
    uv_timer_start(&guests->timer, on_tick, tick, tick);
    uv_unref((uv_handle_t *)&guests->timer);
    return guests;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void guests_close(struct guests *guests)
{
    if (guests)
        uv_close((uv_handle_t *)&guests->timer, on_closed);
}

static unsigned digit_of(char hex)
{
    return (unsigned)(hex <= '9' ? hex - '0' : hex - 'a' + 10);
}

static unsigned bucket_of(const char *handle)
{
    return (digit_of(handle[0]) << 4 | digit_of(handle[1])) % BUCKETS;
}

/* All who show no token are one, and have all the room that there is. */
static size_t count_of(const struct guests *guests, const struct caller *who)
{
    const struct guest *guest;
    size_t count = 0;
    for (unsigned i = 0; who->shows && i < BUCKETS; i++)
        TAILQ_FOREACH (guest, &guests->buckets[i], next)
            count += caller_same(&guest->who, who);
    return count;
}

bool guests_add(struct guests *guests, struct guest *guest, enum guest_kind kind,
                const struct caller *who, void (*idle)(struct guest *guest))
{
    unsigned char random[(GUEST_HANDLE_SIZE - 1) / 2];
    if (guests->count == GUESTS_MAX || count_of(guests, who) >= GUESTS_OWN_MAX ||
        uv_random(NULL, NULL, random, sizeof random, 0, NULL) < 0)
        return false;
    hex_format(random, sizeof random, guest->handle);
    guest->kind = kind;
    guest->who = *who;
    guest->idle = idle;
    guest->used = time_monotonic_ms();
    TAILQ_INSERT_TAIL(&guests->buckets[bucket_of(guest->handle)], guest, next);
    guests->count++;
    return true;
}

void guests_remove(struct guests *guests, struct guest *guest)
{
    TAILQ_REMOVE(&guests->buckets[bucket_of(guest->handle)], guest, next);
    guests->count--;
}

struct guest *guests_find(const struct guests *guests, struct slice handle, enum guest_kind kind,
                          const struct caller *who)
{
    struct guest *guest;
    if (handle.len != GUEST_HANDLE_SIZE - 1)
        return NULL;
    TAILQ_FOREACH (guest, &guests->buckets[bucket_of(handle.at)], next) {
        /* who has it speaks for an AI: how far a guess was right is nobody's business */
        bool own = caller_same(&guest->who, who);
        if ((slice_equal_secret(handle, slice_of(guest->handle)) & own) && guest->kind == kind)
            return guest;
    }
    return NULL;
}

void guest_busy(struct guest *guest)
{
    guest->busy++;
    guest->used = time_monotonic_ms();
}

void guest_done(struct guest *guest)
{
    guest->busy--;
    guest->used = time_monotonic_ms();
}
