/* How often the n-grams of a test came in training. The test's calls are taken first, then training
 * is learned, however long it is, then the counts are looked up: memory grows with the test. */
#ifndef KHUB_POLICY_SECURITY_GRAMS_H
#define KHUB_POLICY_SECURITY_GRAMS_H

#include <stddef.h>
#include <stdint.h>

enum { GRAM_MOST = 12, GRAMS }; /* n-grams of 0..GRAM_MOST calls are counted */

struct grams;
struct grams *grams_new(void); /* NULL when out of memory */
void grams_free(struct grams *grams);
/* The next call, of test or training, begins a sequence: no n-gram reaches back beyond it. */
void grams_start(struct grams *grams);
/* The next call of the test. What is written stands for the n-grams that end there, for
 * grams_count. 0, or -1 when out of memory. */
int grams_take(struct grams *grams, uint32_t call, uint32_t ret_grams[GRAMS]);
/* The next call of training. */
void grams_learn(struct grams *grams, uint32_t call);
/* Puts how often each was learned in place of what grams_take wrote; 0 for what would reach back
 * beyond its sequence. Of n = 0 it is how many calls were learned. */
void grams_count(const struct grams *grams, uint32_t counted[GRAMS]);

#endif
