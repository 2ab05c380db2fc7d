/* The decisions of a scheduler that serves first who has had the least CPU, and lets nobody wait
 * for ever: by the CPU time that it has had a job is in a level, and a level says how long the job
 * may run at a stretch, and how much later than a newcomer's its deadline is. The earliest deadline
 * runs. So a job that has waited goes before all who come later by more than that, one job at a
 * time. Times in microseconds. */
#ifndef KHUB_POLICY_PROCESS_MANAGER_RULES_H
#define KHUB_POLICY_PROCESS_MANAGER_RULES_H

#include <stdint.h>

enum { PROCESS_MANAGER_LEVELS_MAX = 8 };

struct process_manager_rules {
    uint32_t levels;                                    /* 1..PROCESS_MANAGER_LEVELS_MAX */
    uint32_t level_ends_us[PROCESS_MANAGER_LEVELS_MAX]; /* rising; the last level's is not used */
    uint32_t slices_us[PROCESS_MANAGER_LEVELS_MAX];
    uint32_t graces_us[PROCESS_MANAGER_LEVELS_MAX]; /* rising from 0 */
};

/* Of a job that has had so much CPU since it came. It counts by time, not by used-up slices, so
 * nobody gains by yielding just before a slice ends. */
static inline uint32_t process_manager_level(const struct process_manager_rules *rules,
                                             uint64_t attained_us)
{
    uint32_t level = 0;
    while (level < PROCESS_MANAGER_LEVELS_MAX - 1 && level + 1 < rules->levels &&
           attained_us >= rules->level_ends_us[level])
        level++;
    return level;
}

static inline uint32_t process_manager_slice_us(const struct process_manager_rules *rules,
                                                uint64_t attained_us)
{
    return rules->slices_us[process_manager_level(rules, attained_us)];
}

static inline uint32_t process_manager_grace_us(const struct process_manager_rules *rules,
                                                uint64_t attained_us)
{
    return rules->graces_us[process_manager_level(rules, attained_us)];
}

#endif
