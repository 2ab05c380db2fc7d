/* Integer arithmetic, and the functions of elementary.h: the same numbers on every machine. */
#include "policy/random.h"

#include <assert.h>
#include <math.h>

#include "policy/elementary.h"

uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void random_seed(struct random *random, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        random->state[i] = splitmix64(&seed);
}

static uint64_t rotate_left(uint64_t x, int bits)
{
    return (x << bits) | (x >> (64 - bits));
}

uint64_t random_u64(struct random *random)
{
    uint64_t *s = random->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate_left(s[3], 45);
    return result;
}

double random_uniform(struct random *random)
{
    return (double)(random_u64(random) >> 11) * 0x1p-53;
}

double random_between(struct random *random, double low, double high)
{
    return low + (high - low) * random_uniform(random);
}

double random_log_between(struct random *random, double low, double high)
{
    assert(low > 0 && low <= high);
    return low * elementary_power(high / low, random_uniform(random));
}

double random_exponential(struct random *random, double mean)
{
    assert(mean >= 0);
    return -mean * elementary_log(1 - random_uniform(random));
}

/* Marsaglia's polar method; its second number is thrown away, so that the generator is all the
 * state there is. */
double random_normal(struct random *random)
{
    double x, y, square;
    do {
        x = random_between(random, -1, 1);
        y = random_between(random, -1, 1);
        square = x * x + y * y;
    } while (square >= 1 || square == 0);
    return x * sqrt(-2 * elementary_log(square) / square);
}

double random_bounded_pareto(struct random *random, double alpha, double low, double high)
{
    assert(alpha > 0 && low > 0 && low < high);
    double tail = elementary_power(low / high, alpha); /* beyond high */
    return low / elementary_power(1 - random_uniform(random) * (1 - tail), 1 / alpha);
}

uint64_t random_below(struct random *random, uint64_t bound)
{
    assert(bound > 0);
    uint64_t uneven = -bound % bound, x; /* 2^64 mod bound numbers would come once too often */
    do
        x = random_u64(random);
    while (x < uneven);
    return x % bound;
}
