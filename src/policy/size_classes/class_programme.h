/* The best size classes for known requests: an exact dynamic programme, O(K n^2) for K classes out
 * of n sizes. */
#ifndef KHUB_POLICY_SIZE_CLASSES_CLASS_PROGRAMME_H
#define KHUB_POLICY_SIZE_CLASSES_CLASS_PROGRAMME_H

#include <stdint.h>

enum { CLASS_STEPS_MAX = 512, CLASSES_MAX = 12 };

/* Which `classes` of the steps 0..steps-1, the last one among them, are cheapest when what is of
 * step i costs weights[i] * charges[c], c being the least chosen step not below i. ret_chosen has
 * them, ascending. Returns that cost, exact where the numbers are whole and below 2^53; NAN when
 * out of memory. 1 <= classes <= steps. */
double class_programme(const double *weights, const double *charges, uint32_t steps,
                       uint32_t classes, uint32_t *ret_chosen);

#endif
