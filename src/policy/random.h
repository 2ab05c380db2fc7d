/* splitmix64 and xoshiro256** (Blackman, Vigna; public domain algorithms), and the distributions
 * that workloads need. */
#ifndef KHUB_POLICY_RANDOM_H
#define KHUB_POLICY_RANDOM_H

#include <stdint.h>

struct random {
    uint64_t state[4];
};
uint64_t splitmix64(uint64_t *state);
/* The same seed draws the same numbers on every machine. */
void random_seed(struct random *random, uint64_t seed);
uint64_t random_u64(struct random *random);
double random_uniform(struct random *random);                          /* [0,1) */
double random_between(struct random *random, double low, double high); /* uniform */
double random_log_between(struct random *random, double low,
                          double high); /* log-uniform; low > 0 */
double random_exponential(struct random *random, double mean);
double random_normal(struct random *random); /* mean 0, standard deviation 1 */
double random_bounded_pareto(struct random *random, double alpha, double low, double high);
uint64_t random_below(struct random *random, uint64_t bound); /* 0..bound-1, unbiased; bound > 0 */

#endif
