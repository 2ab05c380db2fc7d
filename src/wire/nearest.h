/* The names most like a word that was not found: "did you mean …?". */
#ifndef KHUB_WIRE_NEAREST_H
#define KHUB_WIRE_NEAREST_H

#include "wire/slice.h"

#define NEAREST_MAX          3u   /* names kept */
#define NEAREST_DISTANCE_MAX 3u   /* wrong letters that are still near */
#define NEAREST_BYTES_MAX    128u /* of a word that is compared; longer ones are near to nothing */

struct nearest {
    struct slice word; /* set by the caller */
    size_t count;      /* of best, the nearest first, of equals those offered first */
    struct {
        struct slice name;
        unsigned distance;
    } best[NEAREST_MAX];
};

/* Single letters to add, drop, change or swap with their neighbour, whatever the case of ASCII;
 * more than `most` (at most NEAREST_DISTANCE_MAX) is most + 1. */
unsigned nearest_distance(struct slice left, struct slice right, unsigned most);
/* Keeps the name when it is near enough: NEAREST_DISTANCE_MAX and a third of the word's letters
 * wrong at most (one of two letters is near, too), or one holds the other. The name is not
 * copied. Costs a few times the length of both. */
void nearest_offer(struct nearest *nearest, struct slice name);

#endif
