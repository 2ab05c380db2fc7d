/* A page cache of fixed size and a trace of references: replacement policies, and the clairvoyant
 * one that no other can beat. */
#ifndef KHUB_POLICY_FILE_SYSTEM_CACHE_H
#define KHUB_POLICY_FILE_SYSTEM_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/file_system/rules.h"

struct references {
    uint32_t capacity;   /* frames, > 0 */
    uint32_t page_count; /* pages are numbered 0..page_count-1 */
    uint32_t count;      /* references, < 2^27 */
    const uint32_t *pages;
};

/* Each returns the number of misses, cold ones included, or -1 when out of memory. */
int64_t cache_fifo_misses(const struct references *trace);
int64_t cache_lru_misses(const struct references *trace);
int64_t cache_clock_misses(const struct references *trace);
int64_t cache_arc_misses(const struct references *trace);
/* Belady's MIN: evicts what is wanted again last. Every missed page is brought in, as by all
 * others. */
int64_t cache_min_misses(const struct references *trace);

/* The policy by these rules: follows S3-FIFO or LRU, whichever has missed less of late. */
int64_t cache_misses(const struct references *trace, const struct file_system_rules *rules);
/* Their S3-FIFO alone. */
int64_t cache_s3fifo_misses(const struct references *trace, const struct file_system_rules *rules);

/* The mechanism without its decisions, which `context` and these functions take (the questions are
 * those of rules.h). Whatever they answer, the simulation ends: small frames are clamped to
 * 1..capacity, hits are the lowest three bits of what on_hit says, an unknown place counts as
 * FILE_SYSTEM_BEHIND, and a page of the main queue without hits is evicted. */
struct cache_decider {
    uint32_t (*small_frames)(const void *context, uint32_t capacity);
    uint32_t (*ghost_pages)(const void *context, uint32_t capacity);
    uint32_t (*on_miss)(const void *context, uint32_t remembered, uint32_t run);
    uint32_t (*on_hit)(const void *context, uint32_t capacity, uint32_t in_main, uint32_t hits,
                       uint32_t newcomers);
    uint32_t (*keeps)(const void *context, uint32_t in_main, uint32_t hits);
    uint32_t (*duels)(const void *context, uint32_t capacity);
    uint32_t (*follows)(const void *context, uint32_t followed, uint32_t won, uint32_t lost);
    const void *context;
};
int64_t cache_decided_misses(const struct references *trace, const struct cache_decider *decider);
/* These rules decide; they must outlive it. */
struct cache_decider cache_ruled(const struct file_system_rules *rules);

#endif
