/* Zipf's law: rank k (0..count-1) is drawn with probability proportional to (k + 1)^-exponent. */
#ifndef KHUB_POLICY_ZIPF_H
#define KHUB_POLICY_ZIPF_H

#include "policy/random.h"

struct zipf {
    uint32_t count;
    double *cumulative; /* of rank 0..k; the last is 1 */
    uint32_t *guide;    /* of k/count of the way: the first rank whose cumulative is beyond it */
};
/* 0, or -1 when out of memory. */
int zipf_init(struct zipf *zipf, uint32_t count, double exponent);
void zipf_clear(struct zipf *zipf);
double zipf_probability(const struct zipf *zipf, uint32_t rank);
uint32_t zipf_draw(const struct zipf *zipf, struct random *random);

#endif
