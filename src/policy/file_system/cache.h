/* A page cache of fixed size and a trace of references: replacement policies, and the clairvoyant
 * one that none beats. */
#ifndef KHUB_POLICY_FILE_SYSTEM_CACHE_H
#define KHUB_POLICY_FILE_SYSTEM_CACHE_H

#include <stdbool.h>
#include <stdint.h>

struct trace {
    uint32_t capacity;   /* frames, > 0 */
    uint32_t page_count; /* pages are numbered 0..page_count-1 */
    uint32_t count;      /* references, < 2^27 */
    const uint32_t *pages;
};

/* Each returns the number of misses, cold ones included, or -1 when out of memory. */
int64_t cache_fifo_misses(const struct trace *trace);
int64_t cache_lru_misses(const struct trace *trace);
int64_t cache_clock_misses(const struct trace *trace);
int64_t cache_arc_misses(const struct trace *trace);
/* Belady's MIN: evicts what is wanted again last. Every missed page is brought in, as by all
 * others. */
int64_t cache_min_misses(const struct trace *trace);

/* S3-FIFO (Yang et al., SOSP 2023): a small queue of newcomers, a main queue of pages that were hit
 * in it, and a ghost queue that remembers the numbers of those that were not. With two additions:
 * hits soon after a page's arrival may count for nothing (correlated references), and pages of long
 * sequential runs leave first (drop-behind). For one capacity. */
struct s3fifo {
    uint32_t small;      /* frames from which on the small queue gives one up, 1..capacity */
    uint32_t ghost;      /* page numbers remembered */
    uint32_t promote;    /* hits in the small queue that are worth a place in the main one, 1..7 */
    uint32_t cap;        /* hits remembered of a page, 1..7 */
    uint32_t correlated; /* hits before so many newcomers have come after the page don't count */
    uint32_t run;        /* length of a sequential run from which on its pages are dropped behind */
};
int64_t cache_s3fifo_misses(const struct trace *trace, const struct s3fifo *policy);

/* The decisions of S3-FIFO, as the simulator takes them and a rendered policy must. */
enum s3fifo_place { S3FIFO_SMALL = 0, S3FIFO_MAIN = 1, S3FIFO_BEHIND = 2 };

/* Where a missed page goes: the newest of the small or the main queue, or the small queue's next
 * victim. */
static inline enum s3fifo_place s3fifo_on_miss(const struct s3fifo *policy, bool remembered,
                                               uint32_t run)
{
    return remembered ? S3FIFO_MAIN : run >= policy->run ? S3FIFO_BEHIND : S3FIFO_SMALL;
}

/* The page's hits after one more. */
static inline uint32_t s3fifo_on_hit(const struct s3fifo *policy, bool in_main, uint32_t hits,
                                     uint32_t newcomers_since)
{
    uint32_t most = in_main || policy->cap > policy->promote ? policy->cap : policy->promote;
    bool counts = (in_main || newcomers_since >= policy->correlated) && hits < most;
    return hits + counts;
}

/* Whether the oldest page of a queue stays: of the small one by going to the main one, of the main
 * one by starting again, a hit poorer. */
static inline bool s3fifo_keeps(const struct s3fifo *policy, bool in_main, uint32_t hits)
{
    return hits >= (in_main ? 1 : policy->promote);
}

/* The mechanism without its decisions: somebody else takes them, knowing `context`. Whatever the
 * answers are, the simulation ends: `small` is taken as 1..capacity, hits as 0..7, and a page of
 * the main queue that has no hits left goes. */
struct s3fifo_decider {
    const void *context;
    uint32_t small, ghost;
    enum s3fifo_place (*on_miss)(const void *context, bool remembered, uint32_t run);
    uint32_t (*on_hit)(const void *context, bool in_main, uint32_t hits, uint32_t newcomers_since);
    bool (*keeps)(const void *context, bool in_main, uint32_t hits);
};
int64_t cache_decided_misses(const struct trace *trace, const struct s3fifo_decider *decider);

#endif
