/* How long things took, counted in buckets of fixed bounds: two additions for each. */
#ifndef KHUB_WIRE_HISTOGRAM_H
#define KHUB_WIRE_HISTOGRAM_H

#include <stdint.h>

struct text;

/* X(microseconds): the most of each bucket */
#define HISTOGRAM_BOUNDS(X)                                                                        \
    X(50)                                                                                          \
    X(100)                                                                                         \
    X(200)                                                                                         \
    X(500)                                                                                         \
    X(1000)                                                                                        \
    X(2000)                                                                                        \
    X(5000)                                                                                        \
    X(10000)                                                                                       \
    X(20000)                                                                                       \
    X(50000)                                                                                       \
    X(100000)                                                                                      \
    X(200000)                                                                                      \
    X(500000)                                                                                      \
    X(1000000)                                                                                     \
    X(2000000)                                                                                     \
    X(5000000)

#define X(us) HISTOGRAM_TO_##us,
enum { HISTOGRAM_BOUNDS(X) HISTOGRAM_BUCKETS };
#undef X

struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS + 1]; /* each of its bucket alone; the last: above all */
    uint64_t sum_ns;
};

/* `times` things took so long each. */
void histogram_add(struct histogram *histogram, uint64_t ns, uint64_t times);
/* {"count":3,"sum_s":0.0012,"le_s":[0.00005,…],"counts":[…]}: one more of counts than of le_s. */
void histogram_write(const struct histogram *histogram, struct text *text);

#endif
