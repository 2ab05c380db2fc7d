/* best(k, j), the least cost of the steps 0..j with k + 1 classes of which j is the last, is the
 * least over i < j of best(k - 1, i) + (weight of the steps i+1..j) * charge(j). */
#include "policy/size_classes/class_programme.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

struct programme {
    double up_to[CLASS_STEPS_MAX]; /* weights of the steps 0..j */
    /* best[k][j]: the steps 0..j with k + 1 classes, the last of them j, the one before it
     * before[k][j]; the steps between the two are all charged for j. */
    double best[CLASSES_MAX][CLASS_STEPS_MAX];
    uint32_t before[CLASSES_MAX][CLASS_STEPS_MAX];
};

/* The class before j that is cheapest: the first one of those. */
static void choose_before(struct programme *table, uint32_t k, uint32_t j, double charge)
{
    table->best[k][j] = HUGE_VAL;
    for (uint32_t i = k - 1; i < j; i++) {
        double cost = table->best[k - 1][i] + (table->up_to[j] - table->up_to[i]) * charge;
        if (cost < table->best[k][j]) {
            table->best[k][j] = cost;
            table->before[k][j] = i;
        }
    }
}

double class_programme(const double *weights, const double *charges, uint32_t steps,
                       uint32_t classes, uint32_t *ret_chosen)
{
    assert(classes >= 1 && classes <= CLASSES_MAX);
    assert(steps >= classes && steps <= CLASS_STEPS_MAX);
    struct programme *table = calloc(1, sizeof *table);
    if (!table)
        return nan("");
    double sum = 0;
    for (uint32_t j = 0; j < steps; j++) {
        table->up_to[j] = sum += weights[j];
        table->best[0][j] = sum * charges[j];
    }
    for (uint32_t k = 1; k < classes; k++)
        for (uint32_t j = k; j < steps; j++)
            choose_before(table, k, j, charges[j]);
    double cost = table->best[classes - 1][steps - 1];
    ret_chosen[classes - 1] = steps - 1;
    for (uint32_t k = classes - 1; k > 0; k--)
        ret_chosen[k - 1] = table->before[k][ret_chosen[k]];
    free(table);
    return cost;
}
