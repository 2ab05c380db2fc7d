/* The simulator of the policy. It keeps the books of two caches, of S3-FIFO and of LRU, and has the
 * pages of a third: what that holds is the answer. It follows the one that has missed less of late:
 * when a page has to leave, it is one that the followed cache has not got, as long as there is one,
 * and there always is (Subramanian, Smaragdakis and Loh, MICRO 2006).
 *
 * Queues are lists of pages; the ghost queue needs none: a page remembers when it was given up.
 * Decisions are asked for one by one, of the policy's own rules or of a compiled one, which may
 * answer anything. */
#include <assert.h>
#include <stdlib.h>

#include "policy/file_system/cache.h"
#include "policy/inlined.h"

enum { HITS_MAX = 7, STAMP_MAX = (1 << 27) - 1 };
enum place { ABSENT = 0, SMALL, MAIN, GHOST };
enum ring { OF_S3FIFO, OF_LRU, OF_FRAMES, RINGS };
/* Who holds a page of the cache, too. */
enum { BY_LRU = 1, BY_S3FIFO = 2, HOLDERS = 4 };

struct node {
    uint32_t newer, older;
};

struct page {
    struct node in[RINGS];
    uint32_t place : 2, hits : 3;
    uint32_t
        stamp : 27; /* of its queue: newcomers when it became newest; GHOST: pages given up when
                          * it was */
    bool in_lru, resident;
    uint8_t holders; /* of one that is resident, as it was when it came into its ring */
};

/* A ring of pages; its head is an entry behind all pages. */
struct queue {
    enum ring ring;
    uint32_t head, count, newcomers;
};

struct run {
    const struct cache_decider *decider;
    struct page *pages;
    uint32_t capacity;
    struct queue small, main;
    uint32_t small_frames, ghost_pages, given_up;
    struct queue lru;
    struct queue frames[HOLDERS];
    uint32_t resident;
    uint32_t duels, won, lost; /* by S3-FIFO against LRU */
    bool follows_s3fifo;
};

INLINED static void link_between(struct page *pages, enum ring ring, uint32_t id, uint32_t older,
                                 uint32_t newer)
{
    pages[id].in[ring].newer = newer;
    pages[id].in[ring].older = older;
    pages[older].in[ring].newer = id;
    pages[newer].in[ring].older = id;
}

/* A ring's newest is older than its head, and its oldest newer. */
INLINED static void add_newest(struct page *pages, struct queue *queue, uint32_t id)
{
    link_between(pages, queue->ring, id, pages[queue->head].in[queue->ring].older, queue->head);
    queue->newcomers++;
    queue->count++;
}

INLINED static void add_oldest(struct page *pages, struct queue *queue, uint32_t id)
{
    link_between(pages, queue->ring, id, queue->head, pages[queue->head].in[queue->ring].newer);
    queue->count++;
}

INLINED static void take(struct page *pages, struct queue *queue, uint32_t id)
{
    uint32_t newer = pages[id].in[queue->ring].newer, older = pages[id].in[queue->ring].older;
    pages[older].in[queue->ring].newer = newer;
    pages[newer].in[queue->ring].older = older;
    queue->count--;
}

INLINED static uint32_t take_oldest(struct page *pages, struct queue *queue)
{
    uint32_t id = pages[queue->head].in[queue->ring].newer;
    take(pages, queue, id);
    return id;
}

/* ── S3-FIFO ── */

INLINED static void make_newest(struct run *run, struct queue *queue, uint32_t id)
{
    run->pages[id].stamp = queue->newcomers & STAMP_MAX;
    add_newest(run->pages, queue, id);
}

/* Returns whom S3-FIFO gives up. */
INLINED static uint32_t evict(struct run *run)
{
    const struct cache_decider *decider = run->decider;
    while (run->small.count >= run->small_frames || run->main.count == 0) {
        uint32_t id = take_oldest(run->pages, &run->small);
        struct page *page = &run->pages[id];
        if (!decider->keeps(decider->context, false, page->hits)) {
            page->place = GHOST;
            page->stamp = run->given_up++ & STAMP_MAX;
            return id;
        }
        page->place = MAIN;
        page->hits = 0;
        make_newest(run, &run->main, id);
    }
    for (;;) {
        uint32_t id = take_oldest(run->pages, &run->main);
        struct page *page = &run->pages[id];
        if (page->hits == 0 || !decider->keeps(decider->context, true, page->hits)) {
            page->place = ABSENT;
            return id;
        }
        page->hits--;
        make_newest(run, &run->main, id);
    }
}

INLINED static void bring_in(struct run *run, uint32_t id, uint32_t sequence)
{
    struct page *page = &run->pages[id];
    const struct cache_decider *decider = run->decider;
    bool remembered =
        page->place == GHOST && ((run->given_up - page->stamp) & STAMP_MAX) <= run->ghost_pages;
    uint32_t place = decider->on_miss(decider->context, remembered, sequence);
    page->place = place == FILE_SYSTEM_MAIN ? MAIN : SMALL;
    page->hits = 0;
    if (place == FILE_SYSTEM_MAIN) {
        make_newest(run, &run->main, id);
    } else if (place == FILE_SYSTEM_SMALL) {
        make_newest(run, &run->small, id);
    } else {
        page->stamp = run->small.newcomers & STAMP_MAX;
        add_oldest(run->pages, &run->small, id);
    }
}

INLINED static void hit(struct run *run, uint32_t id)
{
    const struct cache_decider *decider = run->decider;
    struct page *page = &run->pages[id];
    struct queue *queue = page->place == MAIN ? &run->main : &run->small;
    uint32_t answer = decider->on_hit(decider->context, run->capacity, page->place == MAIN,
                                      page->hits, (queue->newcomers - page->stamp) & STAMP_MAX);
    page->hits = answer & HITS_MAX;
    if (answer & FILE_SYSTEM_NEWEST) {
        take(run->pages, queue, id);
        make_newest(run, queue, id);
    }
}

INLINED static bool in_s3fifo(const struct page *page)
{
    return page->place == SMALL || page->place == MAIN;
}

enum { NOBODY = UINT32_MAX };

/* Whether S3-FIFO missed; and whom it gave up. */
INLINED static bool refer_s3fifo(struct run *run, uint32_t id, uint32_t sequence,
                                 uint32_t *ret_given_up)
{
    *ret_given_up = NOBODY;
    if (in_s3fifo(&run->pages[id])) {
        hit(run, id);
        return false;
    }
    if (run->small.count + run->main.count == run->capacity)
        *ret_given_up = evict(run);
    bring_in(run, id, sequence);
    return true;
}

/* ── LRU, and the cache itself ── */

INLINED static bool refer_lru(struct run *run, uint32_t id, uint32_t *ret_given_up)
{
    bool missed = !run->pages[id].in_lru;
    *ret_given_up = NOBODY;
    if (!missed) {
        take(run->pages, &run->lru, id);
    } else if (run->lru.count == run->capacity) {
        *ret_given_up = take_oldest(run->pages, &run->lru);
        run->pages[*ret_given_up].in_lru = false;
    }
    run->pages[id].in_lru = true;
    add_newest(run->pages, &run->lru, id);
    return missed;
}

/* Puts a resident page among those that the same ones hold. */
INLINED static void sort_in(struct run *run, uint32_t id)
{
    struct page *page = &run->pages[id];
    uint8_t holders = (page->in_lru ? BY_LRU : 0) | (in_s3fifo(page) ? BY_S3FIFO : 0);
    if (!page->resident || holders == page->holders)
        return;
    take(run->pages, &run->frames[page->holders], id);
    page->holders = holders;
    add_newest(run->pages, &run->frames[holders], id);
}

/* Makes one frame free: of a page that neither holds, or else only the one that is not followed.
 * The followed one holds what was asked for, which is not resident, and no more pages than are; so
 * it lacks one of these. */
INLINED static void free_frame(struct run *run)
{
    uint32_t other = run->follows_s3fifo ? BY_LRU : BY_S3FIFO;
    struct queue *from = &run->frames[run->frames[0].count > 0 ? 0 : other];
    assert(from->count > 0);
    run->pages[take_oldest(run->pages, from)].resident = false;
    run->resident--;
}

INLINED static void duel(struct run *run, bool won)
{
    const struct cache_decider *decider = run->decider;
    *(won ? &run->won : &run->lost) += 1;
    if (run->won + run->lost >= run->duels) {
        run->won /= 2;
        run->lost /= 2;
    }
    run->follows_s3fifo =
        decider->follows(decider->context, run->follows_s3fifo, run->won, run->lost) != 0;
}

/* Whether the cache missed. */
INLINED static bool refer(struct run *run, uint32_t id, uint32_t sequence)
{
    uint32_t from_s3fifo, from_lru;
    bool s3fifo = refer_s3fifo(run, id, sequence, &from_s3fifo);
    bool lru = refer_lru(run, id, &from_lru);
    if (s3fifo != lru)
        duel(run, lru);
    if (from_s3fifo != NOBODY)
        sort_in(run, from_s3fifo);
    if (from_lru != NOBODY)
        sort_in(run, from_lru);
    struct page *page = &run->pages[id];
    if (page->resident) {
        sort_in(run, id);
        return false;
    }
    if (run->resident == run->capacity)
        free_frame(run);
    run->resident++;
    page->resident = true;
    page->holders = BY_LRU | BY_S3FIFO;
    add_newest(run->pages, &run->frames[page->holders], id);
    return true;
}

static uint32_t clamp(uint32_t x, uint32_t low, uint32_t high)
{
    return x < low ? low : x > high ? high : x;
}

static void queue_init(struct run *run, struct queue *queue, enum ring ring, uint32_t head)
{
    *queue = (struct queue){.ring = ring, .head = head};
    link_between(run->pages, ring, head, head, head);
}

static bool run_begin(struct run *run, const struct references *trace,
                      const struct cache_decider *decider)
{
    uint32_t capacity = trace->capacity, heads = trace->page_count;
    assert(capacity > 0);
    *run = (struct run){.decider = decider,
                        .capacity = capacity,
                        .small_frames =
                            clamp(decider->small_frames(decider->context, capacity), 1, capacity),
                        .ghost_pages = decider->ghost_pages(decider->context, capacity),
                        .duels = decider->duels(decider->context, capacity),
                        .follows_s3fifo = decider->follows(decider->context, 0, 0, 0) != 0,
                        .pages = calloc((size_t)heads + HOLDERS, sizeof *run->pages)};
    if (!run->pages)
        return false;
    queue_init(run, &run->small, OF_S3FIFO, heads);
    queue_init(run, &run->main, OF_S3FIFO, heads + 1);
    queue_init(run, &run->lru, OF_LRU, heads);
    for (uint32_t holders = 0; holders < HOLDERS; holders++)
        queue_init(run, &run->frames[holders], OF_FRAMES, heads + holders);
    return true;
}

/* alone: of S3-FIFO, without LRU beside it. */
INLINED static int64_t simulate(const struct references *trace, const struct cache_decider *decider,
                                bool alone)
{
    struct run run;
    if (!run_begin(&run, trace, decider))
        return -1;
    int64_t misses = 0;
    uint32_t before = UINT32_MAX - 1, sequence = 0, given_up;
    for (uint32_t i = 0; i < trace->count; i++) {
        uint32_t id = trace->pages[i];
        sequence = id == before + 1 ? sequence + 1 : 1;
        before = id;
        misses += alone ? refer_s3fifo(&run, id, sequence, &given_up) : refer(&run, id, sequence);
    }
    assert(run.small.count + run.main.count <= run.capacity && run.resident <= run.capacity);
    free(run.pages);
    return misses;
}

int64_t cache_decided_misses(const struct references *trace, const struct cache_decider *decider)
{
    return simulate(trace, decider, false);
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

static uint32_t ruled_duels(const void *rules, uint32_t capacity)
{
    return file_system_duels(rules, capacity);
}

static uint32_t ruled_follows(const void *rules, uint32_t followed, uint32_t won, uint32_t lost)
{
    return file_system_follows(rules, followed, won, lost);
}

struct cache_decider cache_ruled(const struct file_system_rules *rules)
{
    return (struct cache_decider){ruled_small, ruled_ghost, ruled_on_miss, ruled_on_hit,
                                  ruled_keeps, ruled_duels, ruled_follows, rules};
}

int64_t cache_misses(const struct references *trace, const struct file_system_rules *rules)
{
    struct cache_decider decider = cache_ruled(rules);
    return simulate(trace, &decider, false);
}

int64_t cache_s3fifo_misses(const struct references *trace, const struct file_system_rules *rules)
{
    struct cache_decider decider = cache_ruled(rules);
    return simulate(trace, &decider, true);
}
