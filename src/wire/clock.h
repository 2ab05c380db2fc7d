/* The clocks. Not for the core, which is told the time. */
#ifndef KHUB_WIRE_CLOCK_H
#define KHUB_WIRE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t clock_read_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Unix time. */
static inline int64_t time_now_ms(void)
{
    return clock_read_ms(CLOCK_REALTIME);
}

/* For time-outs: no change of the wall clock moves it. */
static inline int64_t time_monotonic_ms(void)
{
    return clock_read_ms(CLOCK_MONOTONIC);
}

/* The same clock in nanoseconds. */
static inline uint64_t time_monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#endif
