/* Drawing looks up where to begin in a table of `count` steps and walks on from there: a step or
 * two on average. */
#include "policy/zipf.h"

#include <assert.h>
#include <stdlib.h>

#include "policy/elementary.h"

int zipf_init(struct zipf *zipf, uint32_t count, double exponent)
{
    assert(count > 0);
    struct zipf made = {.count = count,
                        .cumulative = malloc(count * sizeof *made.cumulative),
                        .guide = malloc(count * sizeof *made.guide)};
    if (!made.cumulative || !made.guide) {
        zipf_clear(&made);
        return -1;
    }
    double sum = 0;
    for (uint32_t k = 0; k < count; k++)
        made.cumulative[k] = sum += elementary_power(k + 1.0, -exponent);
    for (uint32_t k = 0; k < count; k++)
        made.cumulative[k] /= sum;
    assert(made.cumulative[count - 1] == 1); /* so that every draw ends */
    for (uint32_t slot = 0, k = 0; slot < count; slot++) {
        while (k < count - 1 && made.cumulative[k] <= (double)slot / count)
            k++;
        made.guide[slot] = k;
    }
    *zipf = made;
    return 0;
}

void zipf_clear(struct zipf *zipf)
{
    free(zipf->cumulative);
    free(zipf->guide);
    *zipf = (struct zipf){0};
}

double zipf_probability(const struct zipf *zipf, uint32_t rank)
{
    assert(rank < zipf->count);
    return zipf->cumulative[rank] - (rank > 0 ? zipf->cumulative[rank - 1] : 0);
}

uint32_t zipf_draw(const struct zipf *zipf, struct random *random)
{
    double u = random_uniform(random);
    uint32_t rank = zipf->guide[(uint32_t)(u * zipf->count)];
    while (rank < zipf->count - 1 && zipf->cumulative[rank] <= u)
        rank++;
    return rank;
}
