/* The simulator of S3-FIFO. Both queues are rings; the ghost queue needs none: a page remembers
 * when it was given up. Decisions are asked for one by one, of S3-FIFO's own rules or of a compiled
 * policy, which may answer anything. */
#include <assert.h>
#include <stdlib.h>

#include "policy/file_system/cache.h"

/* So each of simulate's two callers gets a simulator of its own: that of the rules has their code
 * in place of calls, and takes 0.8 of the time. */
#define INLINED __attribute__((always_inline)) inline

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
    const struct cache_decider *decider;
    struct page *pages;
    struct ring small, main;
    uint32_t small_frames, ghost_pages, newcomers, given_up;
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
INLINED static void evict(struct s3fifo_run *cache)
{
    const struct cache_decider *decider = cache->decider;
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

INLINED static void bring_in(struct s3fifo_run *cache, uint32_t id, uint32_t run)
{
    struct page *page = &cache->pages[id];
    const struct cache_decider *decider = cache->decider;
    bool remembered = page->place == GHOST && cache->given_up - page->stamp <= cache->ghost_pages;
    uint32_t place = decider->on_miss(decider->context, remembered, run);
    *page =
        (struct page){.place = place == FILE_SYSTEM_MAIN ? MAIN : SMALL, .stamp = cache->newcomers};
    if (place == FILE_SYSTEM_MAIN)
        ring_add_newest(&cache->main, id);
    else if (place == FILE_SYSTEM_SMALL) {
        ring_add_newest(&cache->small, id);
        cache->newcomers++;
    } else
        ring_add_oldest(&cache->small, id);
}

static uint32_t clamp(uint32_t x, uint32_t low, uint32_t high)
{
    return x < low ? low : x > high ? high : x;
}

INLINED static int64_t simulate(const struct references *trace, const struct cache_decider *decider)
{
    uint32_t capacity = trace->capacity;
    assert(capacity > 0);
    uint32_t small = decider->small_frames(decider->context, capacity);
    struct s3fifo_run cache = {.decider = decider,
                               .small_frames = clamp(small, 1, capacity),
                               .ghost_pages = decider->ghost_pages(decider->context, capacity),
                               .pages = calloc(trace->page_count, sizeof *cache.pages)};
    bool ready = ring_init(&cache.small, capacity);
    ready = ring_init(&cache.main, capacity) && ready && cache.pages;
    int64_t misses = ready ? 0 : -1;
    uint32_t before = UINT32_MAX - 1, run = 0;
    for (uint32_t i = 0; ready && i < trace->count; i++) {
        uint32_t id = trace->pages[i];
        struct page *page = &cache.pages[id];
        run = id == before + 1 ? run + 1 : 1;
        before = id;
        if (page->place == SMALL || page->place == MAIN) {
            uint32_t hits = decider->on_hit(decider->context, capacity, page->place == MAIN,
                                            page->hits, cache.newcomers - page->stamp);
            page->hits = clamp(hits, 0, HITS_MAX) & HITS_MAX;
            continue;
        }
        misses++;
        if (cache.small.count + cache.main.count == capacity)
            evict(&cache);
        bring_in(&cache, id, run);
    }
    assert(cache.small.count + cache.main.count <= capacity);
    free(cache.pages);
    free(cache.small.pages);
    free(cache.main.pages);
    return misses;
}

int64_t cache_decided_misses(const struct references *trace, const struct cache_decider *decider)
{
    return simulate(trace, decider);
}

static uint32_t ruled_small(const void *rules, uint32_t capacity)
{
    return file_system_small_frames(rules, capacity);
}

static uint32_t ruled_ghost(const void *rules, uint32_t capacity)
{
    return file_system_ghost_pages(rules, capacity);
}

static uint32_t ruled_on_miss(const void *rules, uint32_t remembered, uint32_t run)
{
    return file_system_on_miss(rules, remembered, run);
}

static uint32_t ruled_on_hit(const void *rules, uint32_t capacity, uint32_t in_main, uint32_t hits,
                             uint32_t newcomers)
{
    return file_system_on_hit(rules, capacity, in_main, hits, newcomers);
}

static uint32_t ruled_keeps(const void *rules, uint32_t in_main, uint32_t hits)
{
    return file_system_keeps(rules, in_main, hits);
}

int64_t cache_s3fifo_misses(const struct references *trace, const struct file_system_rules *rules)
{
    struct cache_decider decider = {ruled_small,  ruled_ghost, ruled_on_miss,
                                    ruled_on_hit, ruled_keeps, rules};
    return simulate(trace, &decider);
}
