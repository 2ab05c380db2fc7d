/* The simulator of S3-FIFO. Both queues are rings; the ghost queue needs none: a page remembers
 * when it was given up. Decisions are asked for one by one, of S3-FIFO's own rules or of a compiled
 * policy, which may answer anything. */
#include <stdlib.h>

#include "policy/file_system/cache.h"

enum { HITS_MAX = 7 };
enum place { ABSENT = 0, SMALL, MAIN, GHOST };

struct page {
    uint32_t place : 2, hits : 3;
    uint32_t stamp : 27; /* SMALL: newcomers when it came; GHOST: pages given up when it was */
};

struct ring {
    uint32_t *pages;
    uint32_t mask, oldest, count;
};

struct s3fifo_run {
    const struct s3fifo_decider *decider;
    struct page *pages;
    struct ring small, main;
    uint32_t small_frames, newcomers, given_up;
};

static bool ring_init(struct ring *ring, uint32_t capacity)
{
    uint32_t size = 1;
    while (size < capacity)
        size *= 2;
    *ring = (struct ring){.pages = calloc(size, sizeof *ring->pages), .mask = size - 1};
    return ring->pages != NULL;
}

static void ring_add_newest(struct ring *ring, uint32_t page)
{
    ring->pages[(ring->oldest + ring->count++) & ring->mask] = page;
}

static void ring_add_oldest(struct ring *ring, uint32_t page)
{
    ring->count++;
    ring->pages[--ring->oldest & ring->mask] = page;
}

static uint32_t ring_take_oldest(struct ring *ring)
{
    ring->count--;
    return ring->pages[ring->oldest++ & ring->mask];
}

/* Makes one frame free. */
static void evict(struct s3fifo_run *cache)
{
    const struct s3fifo_decider *decider = cache->decider;
    while (cache->small.count >= cache->small_frames || cache->main.count == 0) {
        uint32_t id = ring_take_oldest(&cache->small);
        struct page *page = &cache->pages[id];
        if (!decider->keeps(decider->context, false, page->hits)) {
            page->place = GHOST;
            page->stamp = cache->given_up++;
            return;
        }
        page->place = MAIN;
        page->hits = 0;
        ring_add_newest(&cache->main, id);
    }
    for (;;) {
        uint32_t id = ring_take_oldest(&cache->main);
        struct page *page = &cache->pages[id];
        if (page->hits == 0 || !decider->keeps(decider->context, true, page->hits)) {
            page->place = ABSENT;
            return;
        }
        page->hits--;
        ring_add_newest(&cache->main, id);
    }
}

static void bring_in(struct s3fifo_run *cache, uint32_t id, uint32_t run)
{
    struct page *page = &cache->pages[id];
    const struct s3fifo_decider *decider = cache->decider;
    bool remembered = page->place == GHOST && cache->given_up - page->stamp <= decider->ghost;
    enum s3fifo_place place = decider->on_miss(decider->context, remembered, run);
    *page = (struct page){.place = place == S3FIFO_MAIN ? MAIN : SMALL, .stamp = cache->newcomers};
    if (place == S3FIFO_MAIN)
        ring_add_newest(&cache->main, id);
    else if (place == S3FIFO_BEHIND)
        ring_add_oldest(&cache->small, id);
    else {
        ring_add_newest(&cache->small, id);
        cache->newcomers++;
    }
}

static uint32_t clamp(uint32_t x, uint32_t low, uint32_t high)
{
    return x < low ? low : x > high ? high : x;
}

int64_t cache_decided_misses(const struct trace *trace, const struct s3fifo_decider *decider)
{
    struct s3fifo_run cache = {.decider = decider,
                               .small_frames = clamp(decider->small, 1, trace->capacity),
                               .pages = calloc(trace->page_count, sizeof *cache.pages)};
    bool ready = ring_init(&cache.small, trace->capacity);
    ready = ring_init(&cache.main, trace->capacity) && ready && cache.pages;
    int64_t misses = ready ? 0 : -1;
    uint32_t before = UINT32_MAX - 1, run = 0;
    for (uint32_t i = 0; ready && i < trace->count; i++) {
        uint32_t id = trace->pages[i];
        struct page *page = &cache.pages[id];
        run = id == before + 1 ? run + 1 : 1;
        before = id;
        if (page->place == SMALL || page->place == MAIN) {
            uint32_t hits = decider->on_hit(decider->context, page->place == MAIN, page->hits,
                                            cache.newcomers - page->stamp);
            page->hits = clamp(hits, 0, HITS_MAX) & HITS_MAX;
            continue;
        }
        misses++;
        if (cache.small.count + cache.main.count == trace->capacity)
            evict(&cache);
        bring_in(&cache, id, run);
    }
    free(cache.pages);
    free(cache.small.pages);
    free(cache.main.pages);
    return misses;
}

static enum s3fifo_place own_on_miss(const void *policy, bool remembered, uint32_t run)
{
    return s3fifo_on_miss(policy, remembered, run);
}

static uint32_t own_on_hit(const void *policy, bool in_main, uint32_t hits,
                           uint32_t newcomers_since)
{
    return s3fifo_on_hit(policy, in_main, hits, newcomers_since);
}

static bool own_keeps(const void *policy, bool in_main, uint32_t hits)
{
    return s3fifo_keeps(policy, in_main, hits);
}

int64_t cache_s3fifo_misses(const struct trace *trace, const struct s3fifo *policy)
{
    struct s3fifo_decider own = {.context = policy,
                                 .small = policy->small,
                                 .ghost = policy->ghost,
                                 .on_miss = own_on_miss,
                                 .on_hit = own_on_hit,
                                 .keeps = own_keeps};
    return cache_decided_misses(trace, &own);
}
