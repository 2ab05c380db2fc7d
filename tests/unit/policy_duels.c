/* Whom the page cache's policy follows, S3-FIFO or LRU: against a plain re-implementation, and
 * where it is known who is the better one. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdlib.h>

#include "plain_cache.h"
#include "policy/file_system/simulator.h"
#include "policy/subject_table.h"
#include "policy_effort.h"

/* The whole policy again, as plainly: the pages of each of the two caches, and when each page of
 * the third came among those that the same of these hold. */
struct plain_lru {
    uint32_t at[PLAIN_MAX], count; /* oldest first */
};

static bool plain_lru_holds(const struct plain_lru *lru, uint32_t page)
{
    for (uint32_t i = 0; i < lru->count; i++)
        if (lru->at[i] == page)
            return true;
    return false;
}

static bool plain_lru_refer(struct plain_lru *lru, uint32_t capacity, uint32_t page)
{
    bool hit = plain_lru_holds(lru, page);
    uint32_t gone = 0;
    while (hit && lru->at[gone] != page)
        gone++;
    if (hit || lru->count == capacity)
        memmove(&lru->at[gone], &lru->at[gone + 1], (--lru->count - gone) * sizeof lru->at[0]);
    lru->at[lru->count++] = page;
    return !hit;
}

struct plain_duel {
    struct plain queues;
    struct plain_lru lru;
    struct {
        uint32_t page, came;
        bool in_queues, in_lru;
    } frames[PLAIN_MAX];
    uint32_t count, clock, won, lost;
    bool follows_queues;
};

/* Those whose holders are others than before come anew; of several at once, the queues' first, and
 * the page that is asked for last. */
static void plain_sort(struct plain_duel *cache, uint32_t asked)
{
    for (int turn = 0; turn < 3; turn++)
        for (uint32_t i = 0; i < cache->count; i++) {
            uint32_t page = cache->frames[i].page;
            bool in_queues =
                plain_find(&cache->queues.small, page) || plain_find(&cache->queues.main, page);
            bool in_lru = plain_lru_holds(&cache->lru, page);
            bool of_queues = in_queues != cache->frames[i].in_queues;
            bool moved = of_queues || in_lru != cache->frames[i].in_lru;
            if (!moved || turn != (page == asked ? 2 : of_queues ? 0 : 1))
                continue;
            cache->frames[i].in_queues = in_queues;
            cache->frames[i].in_lru = in_lru;
            cache->frames[i].came = cache->clock++;
        }
}

/* Of those that neither holds, or else only the other one, the first that came. */
static uint32_t plain_victim(const struct plain_duel *cache)
{
    uint32_t victim = PLAIN_MAX;
    for (int turn = 0; turn < 2 && victim == PLAIN_MAX; turn++)
        for (uint32_t i = 0; i < cache->count; i++) {
            bool in_queues = cache->frames[i].in_queues, in_lru = cache->frames[i].in_lru;
            bool free =
                turn == 0 ? !in_queues && !in_lru : !(cache->follows_queues ? in_queues : in_lru);
            if (free && (victim == PLAIN_MAX || cache->frames[i].came < cache->frames[victim].came))
                victim = i;
        }
    assert_in_range(victim, 0, cache->count - 1);
    return victim;
}

static bool plain_duel_refer(struct plain_duel *cache, const struct references *trace,
                             const struct in_frames *policy, uint32_t page, uint32_t run)
{
    bool queues = plain_refer(&cache->queues, trace, policy, page, run);
    bool lru = plain_lru_refer(&cache->lru, trace->capacity, page);
    if (queues != lru) {
        cache->won += lru;
        cache->lost += queues;
        uint32_t most = policy->duels > 2 ? policy->duels : 2;
        if (cache->won + cache->lost >= most) {
            cache->won /= 2;
            cache->lost /= 2;
        }
        double lead = (double)cache->won - cache->lost;
        if (fabs(lead) > policy->margin * sqrt((double)cache->won + cache->lost))
            cache->follows_queues = lead > 0;
    }
    plain_sort(cache, page);
    for (uint32_t i = 0; i < cache->count; i++)
        if (cache->frames[i].page == page)
            return false;
    uint32_t frame = cache->count < trace->capacity ? cache->count : plain_victim(cache);
    cache->count += frame == cache->count;
    cache->frames[frame].page = page;
    cache->frames[frame].in_queues = cache->frames[frame].in_lru = true;
    cache->frames[frame].came = cache->clock++;
    return true;
}

static int64_t plain_duel_misses(const struct references *trace, const struct in_frames *policy,
                                 uint32_t *ret_changes)
{
    struct plain_duel *cache = calloc(1, sizeof *cache);
    int64_t misses = 0;
    uint32_t run = 0;
    for (uint32_t i = 0; i < trace->count; i++) {
        bool before = cache->follows_queues;
        run = i > 0 && trace->pages[i] == trace->pages[i - 1] + 1 ? run + 1 : 1;
        misses += plain_duel_refer(cache, trace, policy, trace->pages[i], run);
        *ret_changes += cache->follows_queues != before;
    }
    free(cache);
    return misses;
}

static void duels_are_as_described(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    static uint32_t pages[COUNT];
    struct random random;
    uint32_t changes = 0, rounds = test_sample(500);
    random_seed(&random, 15);
    for (uint32_t round = 0; round < rounds; round++) {
        uint32_t capacity = 1 + (uint32_t)random_below(&random, PLAIN_MAX - 1);
        struct references trace = {capacity, 200, COUNT, pages};
        struct in_frames policy = {.small = 1 + (uint32_t)random_below(&random, capacity),
                                   .ghost = (uint32_t)random_below(&random, PLAIN_GHOSTS),
                                   .promote = 1 + (uint32_t)random_below(&random, 8),
                                   .cap = 1 + (uint32_t)random_below(&random, 7),
                                   .run = 2 + (uint32_t)random_below(&random, 20),
                                   .small_lag = NEVER,
                                   .main_lag = NEVER,
                                   .duels = (uint32_t)random_below(&random, 200),
                                   .margin = (double)random_below(&random, 13) / 4};
        if (random_below(&random, 3) > 0)
            policy.small_lag = (uint32_t)random_below(&random, policy.small);
        mixed_references(&random, pages, COUNT, trace.page_count);
        struct file_system_rules rules = rules_in(&policy, &trace);
        assert_int_equal(cache_misses(&trace, &rules),
                         plain_duel_misses(&trace, &policy, &changes));
    }
    print_message("# %u changes in %u rounds\n", changes, rounds);
    assert_true(changes > rounds);
}

/* Who follows S3-FIFO, or LRU, from the beginning and for ever is that, to the last miss. */
static uint32_t follows_queues(const void *rules, uint32_t followed, uint32_t won, uint32_t lost)
{
    (void)rules, (void)won, (void)lost;
    return 1 + followed; /* whatever is not 0 */
}

static uint32_t follows_lru(const void *rules, uint32_t followed, uint32_t won, uint32_t lost)
{
    (void)rules, (void)won, (void)lost;
    return followed;
}

static void who_is_always_followed_is_what_it_is(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 8; seed++) {
        struct file_workload *load = subject_file_system.workload_new(seed);
        struct file_system_rules rules;
        double parameters[SUBJECT_PARAMETERS_MAX];
        subject_textbook(&subject_file_system, parameters);
        subject_file_system.rules_of(parameters, &rules);
        struct cache_decider decider = cache_ruled(&rules);
        decider.follows = follows_queues;
        assert_int_equal(cache_decided_misses(&load->trace, &decider),
                         cache_s3fifo_misses(&load->trace, &rules));
        decider.follows = follows_lru;
        assert_int_equal(cache_decided_misses(&load->trace, &decider),
                         cache_lru_misses(&load->trace));
        free(load);
    }
}

/* Known answers. Its main queue is full of pages that nobody wants any more, and pages come that
 * are new, in turn with those of a circle that LRU just holds: that misses the new ones alone.
 * S3-FIFO misses all, for nothing is asked for again before it has left the small queue. */
enum { FRAMES = 100, WANTED_ONCE = 90, CIRCLE = 50, STEPS = 20000 };

static uint32_t for_lru(uint32_t *pages)
{
    uint32_t count = 0, fresh = 1000;
    for (uint32_t i = 0; i < 2 * WANTED_ONCE; i++) /* twice in a row */
        pages[count++] = CIRCLE + i / 2;
    for (uint32_t i = 0; i < STEPS; i++) {
        pages[count++] = i % CIRCLE;
        pages[count++] = fresh++;
    }
    return count;
}

/* New ones, in turn with those of a larger circle, each twice in a row: S3-FIFO holds that, and
 * LRU, which holds all that came last, never. */
static uint32_t for_s3fifo(uint32_t *pages)
{
    uint32_t count = 0, fresh = 1000 + STEPS;
    for (uint32_t i = 0; i < STEPS; i++) {
        pages[count++] = 200 + i % 80;
        pages[count++] = 200 + i % 80;
        pages[count++] = fresh++;
    }
    return count;
}

static void the_better_one_is_followed(void **state)
{
    (void)state;
    static uint32_t pages[2 * WANTED_ONCE + 2 * STEPS + 3 * STEPS];
    const struct in_frames queues = {.small = 10,
                                     .promote = 1,
                                     .cap = 3,
                                     .run = UINT32_MAX,
                                     .small_lag = NEVER,
                                     .main_lag = NEVER,
                                     .duels = FRAMES,
                                     .margin = 2};
    struct references first = {FRAMES, 1000 + 2 * STEPS, for_lru(pages), pages}, second = first;
    second.pages = pages + first.count;
    second.count = for_s3fifo(pages + first.count);
    struct references both = first;
    both.count += second.count;
    struct file_system_rules rules = rules_in(&queues, &both);
    int64_t lru = cache_lru_misses(&first), s3fifo = cache_s3fifo_misses(&second, &rules);
    assert_int_equal(lru, WANTED_ONCE + CIRCLE + STEPS);
    assert_int_equal(cache_s3fifo_misses(&first, &rules), WANTED_ONCE + 2 * STEPS);
    assert_int_equal(cache_lru_misses(&second), 2 * STEPS);
    assert_int_equal(s3fifo, STEPS + 80);
    /* LRU is followed from the beginning; S3-FIFO once it has won, also when LRU had before. */
    int64_t changed = cache_misses(&second, &rules), changed_later = cache_misses(&both, &rules);
    print_message("# late by %d misses, and by %d\n", (int)(changed - s3fifo),
                  (int)(changed_later - lru - s3fifo));
    assert_int_equal(cache_misses(&first, &rules), lru);
    assert_in_range(changed, s3fifo + 1, s3fifo + 2 * FRAMES);
    assert_in_range(changed_later, lru + s3fifo + 1, lru + s3fifo + 4 * FRAMES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(duels_are_as_described),
        cmocka_unit_test(who_is_always_followed_is_what_it_is),
        cmocka_unit_test(the_better_one_is_followed),
    };
    return cmocka_run_group_tests_name("policy_duels", tests, NULL, NULL);
}
