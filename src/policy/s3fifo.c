/* The simulator of S3-FIFO. Both queues are rings; the ghost queue needs none: a page remembers
 * when it was given up. */
#include <stdlib.h>

#include "policy/cache.h"

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
    const struct s3fifo *policy;
    struct page *pages;
    struct ring small, main;
    uint32_t newcomers, given_up;
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
    const struct s3fifo *policy = cache->policy;
    while (cache->small.count >= policy->small || cache->main.count == 0) {
        uint32_t id = ring_take_oldest(&cache->small);
        struct page *page = &cache->pages[id];
        if (!s3fifo_keeps(policy, false, page->hits)) {
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
        if (!s3fifo_keeps(policy, true, page->hits)) {
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
    bool remembered = page->place == GHOST && cache->given_up - page->stamp <= cache->policy->ghost;
    enum s3fifo_place place = s3fifo_on_miss(cache->policy, remembered, run);
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

int64_t cache_s3fifo_misses(const struct trace *trace, const struct s3fifo *policy)
{
    struct s3fifo_run cache = {.policy = policy,
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
            page->hits = s3fifo_on_hit(policy, page->place == MAIN, page->hits,
                                       cache.newcomers - page->stamp) &
                         7;
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
