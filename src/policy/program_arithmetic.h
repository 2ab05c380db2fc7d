#ifndef KHUB_POLICY_PROGRAM_ARITHMETIC_H
#define KHUB_POLICY_PROGRAM_ARITHMETIC_H

#include <stdint.h>

/* What programs compute with: whole numbers that end at +-2^40, so that nothing overflows. */
static inline int64_t within(int64_t value)
{
    const int64_t end = INT64_C(1) << 40;
    return value > end ? end : value < -end ? -end : value;
}

static inline int64_t add(int64_t a, int64_t b)
{
    return within(within(a) + within(b));
}

static inline int64_t subtract(int64_t a, int64_t b)
{
    return within(within(a) - within(b));
}

static inline int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* factor / 1024 of it, towards 0 */
static inline int64_t scale(int32_t factor, int64_t value)
{
    int64_t product = within(value) * (factor > 1048576 ? 1048576 : factor < 0 ? 0 : factor);
    return within(product < 0 ? -(-product >> 10) : product >> 10);
}

/* The product in 1/1024, of numbers that end at +-2^31 */
static inline int64_t times(int64_t a, int64_t b)
{
    const int64_t end = INT64_C(1) << 31;
    a = a > end ? end : a < -end ? -end : a;
    b = b > end ? end : b < -end ? -end : b;
    int64_t product = a * b;
    return within(product < 0 ? -(-product >> 10) : product >> 10);
}

static inline int64_t if_more(int64_t a, int64_t b, int64_t yes, int64_t no)
{
    return a > b ? yes : no;
}

#endif
