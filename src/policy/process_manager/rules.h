/* The decisions of a multi-level feedback queue, as tables: how long a job runs before the next of
 * its level does, and in which level it is for the CPU time it has had. Times in microseconds. */
#ifndef KHUB_POLICY_PROCESS_MANAGER_RULES_H
#define KHUB_POLICY_PROCESS_MANAGER_RULES_H

#include <stdint.h>

enum { PROCESS_MANAGER_LEVELS_MAX = 8 };

struct process_manager_rules {
    uint32_t levels; /* 1..PROCESS_MANAGER_LEVELS_MAX; 0 is served first */
    uint32_t slices_us[PROCESS_MANAGER_LEVELS_MAX];
    uint32_t level_ends_us[PROCESS_MANAGER_LEVELS_MAX]; /* rising; the last level's is not used */
    uint32_t boost_us;                                  /* so often all go back to level 0 */
};

static inline uint32_t process_manager_slice_us(const struct process_manager_rules *rules,
                                                uint32_t level)
{
    return rules->slices_us[level < rules->levels ? level : rules->levels - 1];
}

/* attained_us: CPU time since the job came or was last boosted. It falls by that, not by used-up
 * slices, so it gains nothing by yielding just before a slice ends. */
static inline uint32_t process_manager_level_of(const struct process_manager_rules *rules,
                                                uint64_t attained_us)
{
    uint32_t level = 0;
    while (level < rules->levels - 1 && attained_us >= rules->level_ends_us[level])
        level++;
    return level;
}

#endif
