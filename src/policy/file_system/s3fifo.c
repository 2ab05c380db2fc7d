/* The simulator of S3-FIFO. Both queues are lists of pages; the ghost queue needs none: a page
 * remembers when it was given up. Decisions are asked for one by one, of S3-FIFO's own rules or of
 * a compiled policy, which may answer anything. */
#include <assert.h>
#include <stdlib.h>

#include "policy/file_system/cache.h"
#include "policy/inlined.h"

enum { HITS_MAX = 7, STAMP_MAX = (1 << 27) - 1 };
enum place { ABSENT = 0, SMALL, MAIN, GHOST };

struct page {
    uint32_t newer, older; /* of its queue */
    uint32_t place : 2, hits : 3;
    uint32_t
        stamp : 27; /* of its queue: newcomers when it became newest; GHOST: pages given up when
                          * it was */
};

/* A ring of pages; its head is an entry behind all pages. */
struct queue {
    uint32_t head, count, newcomers;
};

struct s3fifo_run {
    const struct cache_decider *decider;
    struct page *pages;
    struct queue small, main;
    uint32_t small_frames, ghost_pages, given_up;
};

INLINED static void link_between(struct page *pages, uint32_t id, uint32_t older, uint32_t newer)
{
    pages[id].older = older;
    pages[id].newer = newer;
    pages[older].newer = id;
    pages[newer].older = id;
}

/* A ring's newest is older than its head, and its oldest newer. */
INLINED static void add_newest(struct page *pages, struct queue *queue, uint32_t id)
{
    link_between(pages, id, pages[queue->head].older, queue->head);
    pages[id].stamp = queue->newcomers++ & STAMP_MAX;
    queue->count++;
}

INLINED static void add_oldest(struct page *pages, struct queue *queue, uint32_t id)
{
    link_between(pages, id, queue->head, pages[queue->head].newer);
    pages[id].stamp = queue->newcomers & STAMP_MAX;
    queue->count++;
}

INLINED static void take(struct page *pages, struct queue *queue, uint32_t id)
{
    pages[pages[id].older].newer = pages[id].newer;
    pages[pages[id].newer].older = pages[id].older;
    queue->count--;
}

INLINED static uint32_t take_oldest(struct page *pages, struct queue *queue)
{
    uint32_t id = pages[queue->head].newer;
    take(pages, queue, id);
    return id;
}

/* From here on: so each of simulate's two callers gets a simulator of its own; that of the rules
 * has their code in place of calls, and takes 0.8 of the time. */

/* Makes one frame free. */
INLINED static void evict(struct s3fifo_run *cache)
{
    const struct cache_decider *decider = cache->decider;
    while (cache->small.count >= cache->small_frames || cache->main.count == 0) {
        uint32_t id = take_oldest(cache->pages, &cache->small);
        struct page *page = &cache->pages[id];
        if (!decider->keeps(decider->context, false, page->hits)) {
            page->place = GHOST;
            page->stamp = cache->given_up++ & STAMP_MAX;
            return;
        }
        page->place = MAIN;
        page->hits = 0;
        add_newest(cache->pages, &cache->main, id);
    }
    for (;;) {
        uint32_t id = take_oldest(cache->pages, &cache->main);
        struct page *page = &cache->pages[id];
        if (page->hits == 0 || !decider->keeps(decider->context, true, page->hits)) {
            page->place = ABSENT;
            return;
        }
        page->hits--;
        add_newest(cache->pages, &cache->main, id);
    }
}

INLINED static void bring_in(struct s3fifo_run *cache, uint32_t id, uint32_t run)
{
    struct page *page = &cache->pages[id];
    const struct cache_decider *decider = cache->decider;
    bool remembered = page->place == GHOST && cache->given_up - page->stamp <= cache->ghost_pages;
    uint32_t place = decider->on_miss(decider->context, remembered, run);
    page->place = place == FILE_SYSTEM_MAIN ? MAIN : SMALL;
    page->hits = 0;
    if (place == FILE_SYSTEM_MAIN)
        add_newest(cache->pages, &cache->main, id);
    else if (place == FILE_SYSTEM_SMALL)
        add_newest(cache->pages, &cache->small, id);
    else
        add_oldest(cache->pages, &cache->small, id);
}

INLINED static void hit(struct s3fifo_run *cache, uint32_t id, uint32_t capacity)
{
    const struct cache_decider *decider = cache->decider;
    struct page *page = &cache->pages[id];
    struct queue *queue = page->place == MAIN ? &cache->main : &cache->small;
    uint32_t answer = decider->on_hit(decider->context, capacity, page->place == MAIN, page->hits,
                                      (queue->newcomers - page->stamp) & STAMP_MAX);
    page->hits = answer & HITS_MAX;
    if (answer & FILE_SYSTEM_NEWEST) {
        take(cache->pages, queue, id);
        add_newest(cache->pages, queue, id);
    }
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
    uint32_t heads = trace->page_count;
    struct s3fifo_run cache = {.decider = decider,
                               .small_frames = clamp(small, 1, capacity),
                               .ghost_pages = decider->ghost_pages(decider->context, capacity),
                               .small.head = heads,
                               .main.head = heads + 1,
                               .pages = calloc((size_t)heads + 2, sizeof *cache.pages)};
    bool ready = cache.pages;
    if (ready) {
        link_between(cache.pages, heads, heads, heads);
        link_between(cache.pages, heads + 1, heads + 1, heads + 1);
    }
    int64_t misses = ready ? 0 : -1;
    uint32_t before = UINT32_MAX - 1, run = 0;
    for (uint32_t i = 0; ready && i < trace->count; i++) {
        uint32_t id = trace->pages[i];
        struct page *page = &cache.pages[id];
        run = id == before + 1 ? run + 1 : 1;
        before = id;
        if (page->place == SMALL || page->place == MAIN) {
            hit(&cache, id, capacity);
            continue;
        }
        misses++;
        if (cache.small.count + cache.main.count == capacity)
            evict(&cache);
        bring_in(&cache, id, run);
    }
    assert(cache.small.count + cache.main.count <= capacity);
    free(cache.pages);
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
