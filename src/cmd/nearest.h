/* The names most like a word that was not found: "did you mean …?". */
#ifndef KHUB_CMD_NEAREST_H
#define KHUB_CMD_NEAREST_H

#include <stddef.h>

#define NEAREST_MAX       3u
#define NEAREST_BYTES_MAX 128u /* of a word that is compared; longer ones are near to nothing */

struct nearest {
    const char *word;
    size_t count; /* of best, the nearest first */
    struct {
        const char *name;
        unsigned distance;
    } best[NEAREST_MAX];
};

/* Single letters to add, drop, change or swap with their neighbour; UINT_MAX when a word is over
 * NEAREST_BYTES_MAX. */
unsigned nearest_distance(const char *left, const char *right);
/* Keeps the name when it is near enough: a third of the word's letters wrong at most, or one holds
 * the other. The name is not copied. */
void nearest_offer(struct nearest *nearest, const char *name);

#endif
