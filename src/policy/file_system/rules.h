/* The decisions of S3-FIFO (Yang et al., SOSP 2023), and when LRU is the better one. The mechanism
 * keeps two queues of frames, small and main, and the numbers of the pages that left the small
 * queue (ghosts). Beside them it keeps LRU's list, and counts who misses what. It asks these
 * functions, which remember nothing.
 *
 * Three additions to the published one: hits soon after a page's arrival may count for nothing
 * (correlated references), pages of long sequential runs leave first (drop-behind), and a hit on a
 * page that others of its queue came after may make it newest again. So the queues reach from FIFO
 * to LRU (a small queue of all frames that promotes nobody, and lags by nothing, is LRU itself).
 *
 * And a fourth: queues and list are books of what each would hold. Who has to leave is a page that
 * the one that is followed does not hold. At first that is LRU; it changes when the other has won
 * more of the last duels, references that one of both missed, and by a margin. */
#ifndef KHUB_POLICY_FILE_SYSTEM_RULES_H
#define KHUB_POLICY_FILE_SYSTEM_RULES_H

#include <stdint.h>

enum file_system_place {
    FILE_SYSTEM_SMALL = 0, /* newest of the small queue */
    FILE_SYSTEM_MAIN = 1,  /* newest of the main queue */
    FILE_SYSTEM_BEHIND = 2 /* oldest of the small queue: the next to leave */
};

struct file_system_rules {
    uint32_t small;      /* frames of the small queue, in 1/65536 of the cache */
    uint32_t ghost;      /* pages remembered, in 1/65536 of the cache */
    uint32_t correlated; /* in 1/65536 of the small queue: so many newcomers must have come after a
                          * page before a hit on it counts */
    uint32_t promote;    /* hits in the small queue that are worth a place in the main one, 1..7; 8:
                          * nothing is, also not to be remembered */
    uint32_t cap;        /* hits remembered of a page, 1..7 */
    uint32_t small_lag, main_lag; /* in 1/65536 of a queue: so many must have become newest of it
                                   * after a page before a hit makes that newest again; whole:
                                   * none does */
    uint32_t run;    /* length of a sequential run from which on its pages are dropped behind */
    uint32_t duels;  /* in 1/65536 of the cache: so many are counted; then both counts are halved */
    uint32_t margin; /* in 1/256 standard deviations of a fair coin: whom to follow changes when
                      * more duels are won than that says */
};

/* So many frames, of which the small queue gives up its oldest page; else the main one does. */
static inline uint32_t file_system_small_frames(const struct file_system_rules *rules,
                                                uint32_t capacity)
{
    uint32_t frames = (uint32_t)((uint64_t)capacity * rules->small >> 16);
    return frames ? frames : 1;
}

static inline uint32_t file_system_ghost_pages(const struct file_system_rules *rules,
                                               uint32_t capacity)
{
    return (uint32_t)((uint64_t)capacity * rules->ghost >> 16);
}

/* Where a missed page goes, one of enum file_system_place. remembered: it is a ghost. */
static inline uint32_t file_system_on_miss(const struct file_system_rules *rules,
                                           uint32_t remembered, uint32_t run)
{
    return remembered && rules->promote < 8 ? FILE_SYSTEM_MAIN
           : run >= rules->run              ? FILE_SYSTEM_BEHIND
                                            : FILE_SYSTEM_SMALL;
}

/* Added to a page's hits: it becomes newest of its queue. */
enum { FILE_SYSTEM_NEWEST = 8 };

static inline uint32_t file_system_share(uint32_t frames, uint32_t share)
{
    return (uint32_t)((uint64_t)frames * share >> 16);
}

/* The page's hits after one more, up to 7; and FILE_SYSTEM_NEWEST. In the main queue a hit makes a
 * page newest or is counted, but not both. newcomers: pages that became newest of its queue since
 * it did. */
static inline uint32_t file_system_on_hit(const struct file_system_rules *rules, uint32_t capacity,
                                          uint32_t in_main, uint32_t hits, uint32_t newcomers)
{
    uint32_t small = file_system_small_frames(rules, capacity);
    uint32_t lag = in_main ? rules->main_lag : rules->small_lag;
    uint32_t frames = in_main ? capacity - small : small;
    uint32_t newest = lag < 65536 && newcomers >= file_system_share(frames, lag);
    if (in_main)
        return newest ? hits | FILE_SYSTEM_NEWEST : hits < rules->cap ? hits + 1 : hits;
    uint32_t most = rules->cap > rules->promote ? rules->cap : rules->promote;
    if (hits < most && hits < 7 && newcomers >= file_system_share(small, rules->correlated))
        hits++;
    return newest ? hits | FILE_SYSTEM_NEWEST : hits;
}

/* Whether the oldest page of a queue stays (1): of the small one by going to the main one, of the
 * main one by starting again, a hit poorer; or is the victim (0). */
static inline uint32_t file_system_keeps(const struct file_system_rules *rules, uint32_t in_main,
                                         uint32_t hits)
{
    return hits >= (in_main ? 1u : rules->promote);
}

/* So many duels are counted at the most. Of one alone nothing would be left when it is halved. */
static inline uint32_t file_system_duels(const struct file_system_rules *rules, uint32_t capacity)
{
    uint64_t duels = (uint64_t)capacity * rules->duels >> 16;
    return duels < 2 ? 2 : duels < UINT32_MAX ? (uint32_t)duels : UINT32_MAX;
}

/* Whether S3-FIFO is followed (1), or LRU (0). followed: whether it was, at the beginning 0; won,
 * lost: duels, in which LRU missed, and in which S3-FIFO did. */
static inline uint32_t file_system_follows(const struct file_system_rules *rules, uint32_t followed,
                                           uint32_t won, uint32_t lost)
{
    uint64_t more = won > lost ? won - lost : lost - won, count = (uint64_t)won + lost;
    uint64_t variance = (uint64_t)rules->margin * rules->margin * count >> 16;
    return more * more > variance ? won > lost : followed;
}

#endif
