/* The decisions of S3-FIFO (Yang et al., SOSP 2023). The mechanism keeps two FIFO queues of frames,
 * small and main, and the numbers of the pages that left the small queue (ghosts). It asks these
 * functions, which remember nothing.
 *
 * Two additions to the published one: hits soon after a page's arrival may count for nothing
 * (correlated references), and pages of long sequential runs leave first (drop-behind). */
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
    uint32_t promote;    /* hits in the small queue that are worth a place in the main one, 1..7 */
    uint32_t cap;        /* hits remembered of a page, 1..7 */
    uint32_t run;        /* length of a sequential run from which on its pages are dropped behind */
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
    return remembered          ? FILE_SYSTEM_MAIN
           : run >= rules->run ? FILE_SYSTEM_BEHIND
                               : FILE_SYSTEM_SMALL;
}

/* The page's hits after one more. newcomers: pages that became newest of the small queue since it
 * came. */
static inline uint32_t file_system_on_hit(const struct file_system_rules *rules, uint32_t capacity,
                                          uint32_t in_main, uint32_t hits, uint32_t newcomers)
{
    uint32_t most = in_main || rules->cap > rules->promote ? rules->cap : rules->promote;
    if (hits >= most || in_main)
        return hits < most ? hits + 1 : hits;
    uint32_t small = file_system_small_frames(rules, capacity);
    uint32_t settled = (uint32_t)((uint64_t)small * rules->correlated >> 16);
    return newcomers >= settled ? hits + 1 : hits;
}

/* Whether the oldest page of a queue stays (1): of the small one by going to the main one, of the
 * main one by starting again, a hit poorer; or is the victim (0). */
static inline uint32_t file_system_keeps(const struct file_system_rules *rules, uint32_t in_main,
                                         uint32_t hits)
{
    return hits >= (in_main ? 1u : rules->promote);
}

#endif
