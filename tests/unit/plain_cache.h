/* file_system's S3-FIFO again, as plainly as can be, for what is held against it. */
#ifndef KHUB_TESTS_PLAIN_CACHE_H
#define KHUB_TESTS_PLAIN_CACHE_H

#include <math.h>
#include <string.h>

#include "policy/file_system/cache.h"
#include "policy/random.h"

/* S3-FIFO's rules for one capacity: file_system_rules, with frames in place of shares. */
struct in_frames {
    uint32_t small, ghost, correlated, promote, cap, run, small_lag, main_lag;
    uint32_t duels;
    double margin;
};
enum { NEVER = 65536 }; /* a lag */

static inline uint32_t share_of(uint32_t frames, uint32_t of)
{
    return (frames * 65536 + of - 1) / of;
}

static inline uint32_t lag_of(uint32_t frames, uint32_t of)
{
    return frames == NEVER ? 65536 : of > 0 ? share_of(frames, of) : 0;
}

static inline struct file_system_rules rules_in(const struct in_frames *frames,
                                                const struct references *trace)
{
    return (struct file_system_rules){.small = share_of(frames->small, trace->capacity),
                                      .ghost = share_of(frames->ghost, trace->capacity),
                                      .correlated = share_of(frames->correlated, frames->small),
                                      .promote = frames->promote,
                                      .cap = frames->cap,
                                      .run = frames->run,
                                      .small_lag = lag_of(frames->small_lag, frames->small),
                                      .main_lag =
                                          lag_of(frames->main_lag, trace->capacity - frames->small),
                                      .duels = share_of(frames->duels, trace->capacity),
                                      .margin = (uint32_t)(frames->margin * 256)};
}

/* Queues are arrays that are shifted, oldest first. */
enum { PLAIN_MAX = 64, PLAIN_GHOSTS = 256 };
struct plain_page {
    uint32_t page, hits, came;
};
struct plain_queue {
    struct plain_page at[PLAIN_MAX];
    uint32_t count, newcomers;
};

static inline struct plain_page plain_take(struct plain_queue *queue, uint32_t index)
{
    struct plain_page page = queue->at[index];
    queue->count--;
    memmove(&queue->at[index], &queue->at[index + 1], (queue->count - index) * sizeof page);
    return page;
}

static inline void plain_insert(struct plain_queue *queue, uint32_t index, struct plain_page page)
{
    memmove(&queue->at[index + 1], &queue->at[index], (queue->count - index) * sizeof page);
    queue->at[index] = page;
    queue->count++;
}

static inline void plain_add(struct plain_queue *queue, struct plain_page page)
{
    page.came = queue->newcomers++;
    plain_insert(queue, queue->count, page);
}

static inline struct plain_page *plain_find(struct plain_queue *queue, uint32_t page)
{
    for (uint32_t i = 0; i < queue->count; i++)
        if (queue->at[i].page == page)
            return &queue->at[i];
    return NULL;
}

struct plain {
    struct plain_queue small, main;
    uint32_t ghosts[PLAIN_GHOSTS], ghost_count; /* newest first; UINT32_MAX: since brought back */
};

static inline void plain_evict(struct plain *cache, const struct in_frames *policy)
{
    while (cache->small.count >= policy->small || cache->main.count == 0) {
        struct plain_page oldest = plain_take(&cache->small, 0);
        if (oldest.hits < policy->promote) {
            memmove(&cache->ghosts[1], &cache->ghosts[0], (PLAIN_GHOSTS - 1) * sizeof(uint32_t));
            cache->ghosts[0] = oldest.page;
            cache->ghost_count += cache->ghost_count < policy->ghost;
            return;
        }
        oldest.hits = 0;
        plain_add(&cache->main, oldest);
    }
    while (cache->main.at[0].hits > 0) {
        struct plain_page oldest = plain_take(&cache->main, 0);
        oldest.hits--;
        plain_add(&cache->main, oldest);
    }
    plain_take(&cache->main, 0);
}

static inline bool plain_remembers(struct plain *cache, const struct in_frames *policy,
                                   uint32_t page)
{
    for (uint32_t i = 0; i < cache->ghost_count && policy->promote < 8; i++)
        if (cache->ghosts[i] == page) {
            cache->ghosts[i] = UINT32_MAX;
            return true;
        }
    return false;
}

/* Whether it became newest of its queue again. */
static inline bool plain_again(struct plain_queue *queue, struct plain_page *page, uint32_t lag)
{
    if (lag == NEVER || queue->newcomers - page->came < lag)
        return false;
    plain_add(queue, plain_take(queue, (uint32_t)(page - queue->at)));
    return true;
}

static inline bool plain_hit(struct plain *cache, const struct in_frames *policy, uint32_t page)
{
    struct plain_page *small = plain_find(&cache->small, page);
    struct plain_page *main = plain_find(&cache->main, page);
    uint32_t most = policy->cap > policy->promote ? policy->cap : policy->promote;
    if (small) {
        if (cache->small.newcomers - small->came >= policy->correlated && small->hits < most &&
            small->hits < 7)
            small->hits++;
        plain_again(&cache->small, small, policy->small_lag);
    }
    if (main && !plain_again(&cache->main, main, policy->main_lag) && main->hits < policy->cap)
        main->hits++;
    return small || main;
}

/* Whether it missed the page, which is the run's `run`th. */
static inline bool plain_refer(struct plain *cache, const struct references *trace,
                               const struct in_frames *policy, uint32_t page, uint32_t run)
{
    if (plain_hit(cache, policy, page))
        return false;
    if (cache->small.count + cache->main.count == trace->capacity)
        plain_evict(cache, policy);
    struct plain_page entry = {.page = page, .came = cache->small.newcomers};
    if (plain_remembers(cache, policy, page))
        plain_add(&cache->main, entry);
    else if (run >= policy->run)
        plain_insert(&cache->small, 0, entry);
    else
        plain_add(&cache->small, entry);
    return true;
}

/* A short trace with everything in it: skew, runs, loops, immediate repeats. */
static inline void mixed_references(struct random *random, uint32_t *pages, uint32_t count,
                                    uint32_t range)
{
    for (uint32_t i = 0; i < count;) {
        uint32_t kind = (uint32_t)random_below(random, 10);
        uint32_t skewed = (uint32_t)(range * pow(random_uniform(random), 3));
        uint32_t length = kind == 0 ? 1 + (uint32_t)random_below(random, range - skewed) : 1;
        for (uint32_t k = 0; k < length && i < count; k++, i++)
            pages[i] = kind == 1 && i > 0 ? pages[i - 1] : skewed + k;
    }
}

#endif
