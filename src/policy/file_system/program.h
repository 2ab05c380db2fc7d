/* What a program knows when one of the rules' questions is put to it, and what its answers mean.
 * The mechanism is the rules'. Shares are of the cache, in 1/1024. Features are seven: of more
 * compilers would clear those that are no question's by memset, which a module has not got. */
#ifndef KHUB_POLICY_FILE_SYSTEM_PROGRAM_H
#define KHUB_POLICY_FILE_SYSTEM_PROGRAM_H

#include <stdint.h>

#include "policy/file_system/rules.h"
#include "policy/program_decider.h"

/* What is asked: for the small queue's share; for the share of pages that are remembered; where a
 * missed page goes (more than 0: to the main queue, less: behind); its hits after one more (8 or
 * more: it becomes newest as well); whether it stays (more than 0); for the share of duels that are
 * counted; whether the queues are followed from now on (more than 0), or LRU (less). */
enum {
    FILE_SYSTEM_ASK_SMALL,
    FILE_SYSTEM_ASK_GHOST,
    FILE_SYSTEM_ASK_MISS,
    FILE_SYSTEM_ASK_HIT,
    FILE_SYSTEM_ASK_KEEP,
    FILE_SYSTEM_ASK_DUELS,
    FILE_SYSTEM_ASK_FOLLOW
};

enum {
    FILE_SYSTEM_QUESTION,
    FILE_SYSTEM_CAPACITY,
    FILE_SYSTEM_PROVEN,
    FILE_SYSTEM_RUN,
    FILE_SYSTEM_HITS,
    FILE_SYSTEM_NEWCOMERS,
    FILE_SYSTEM_LEAD,
    FILE_SYSTEM_FEATURES
};

enum { FILE_SYSTEM_PROGRAM_MOST = 1 << 20 };

static inline uint32_t file_system_program_share(const struct program_decider *decider,
                                                 uint32_t question, uint32_t capacity)
{
    const int64_t features[FILE_SYSTEM_FEATURES] = {
        [FILE_SYSTEM_QUESTION] = question, [FILE_SYSTEM_CAPACITY] = capacity};
    int64_t share = program_asked(decider, features), most = 65536;
    share = share < 0 ? 0 : share < most ? share : most;
    uint64_t frames = (uint64_t)share * capacity >> 10;
    return frames < UINT32_MAX ? (uint32_t)frames : UINT32_MAX;
}

static inline uint32_t file_system_program_small(const struct program_decider *decider,
                                                 uint32_t capacity)
{
    uint32_t frames = file_system_program_share(decider, FILE_SYSTEM_ASK_SMALL, capacity);
    return frames < 1 ? 1 : frames < capacity ? frames : capacity;
}

static inline uint32_t file_system_program_ghost(const struct program_decider *decider,
                                                 uint32_t capacity)
{
    return file_system_program_share(decider, FILE_SYSTEM_ASK_GHOST, capacity);
}

static inline uint32_t file_system_program_on_miss(const struct program_decider *decider,
                                                   uint32_t remembered, uint32_t run)
{
    const int64_t features[FILE_SYSTEM_FEATURES] = {[FILE_SYSTEM_QUESTION] = FILE_SYSTEM_ASK_MISS,
                                                    [FILE_SYSTEM_PROVEN] = remembered ? 1 : 0,
                                                    [FILE_SYSTEM_RUN] = run};
    int64_t place = program_asked(decider, features);
    return place > 0 ? FILE_SYSTEM_MAIN : place < 0 ? FILE_SYSTEM_BEHIND : FILE_SYSTEM_SMALL;
}

static inline uint32_t file_system_program_on_hit(const struct program_decider *decider,
                                                  uint32_t capacity, uint32_t in_main,
                                                  uint32_t hits, uint32_t newcomers)
{
    uint32_t most = FILE_SYSTEM_PROGRAM_MOST, later = newcomers < most ? newcomers : most;
    const int64_t features[FILE_SYSTEM_FEATURES] = {
        [FILE_SYSTEM_QUESTION] = FILE_SYSTEM_ASK_HIT,
        [FILE_SYSTEM_CAPACITY] = capacity,
        [FILE_SYSTEM_PROVEN] = in_main ? 1 : 0,
        [FILE_SYSTEM_HITS] = hits,
        [FILE_SYSTEM_NEWCOMERS] = 1024 * later / (capacity > 0 ? capacity : 1)};
    int64_t answer = program_asked(decider, features);
    return (uint32_t)(answer < 0 ? 0 : answer < 15 ? answer : 15);
}

static inline uint32_t file_system_program_keeps(const struct program_decider *decider,
                                                 uint32_t in_main, uint32_t hits)
{
    const int64_t features[FILE_SYSTEM_FEATURES] = {[FILE_SYSTEM_QUESTION] = FILE_SYSTEM_ASK_KEEP,
                                                    [FILE_SYSTEM_PROVEN] = in_main ? 1 : 0,
                                                    [FILE_SYSTEM_HITS] = hits};
    return program_asked(decider, features) > 0;
}

static inline uint32_t file_system_program_duels(const struct program_decider *decider,
                                                 uint32_t capacity)
{
    return file_system_program_share(decider, FILE_SYSTEM_ASK_DUELS, capacity);
}

static inline uint32_t file_system_program_follows(const struct program_decider *decider,
                                                   uint32_t followed, uint32_t won, uint32_t lost)
{
    const int64_t features[FILE_SYSTEM_FEATURES] = {
        [FILE_SYSTEM_QUESTION] = FILE_SYSTEM_ASK_FOLLOW, [FILE_SYSTEM_LEAD] = (int64_t)won - lost};
    int64_t answer = program_asked(decider, features);
    return answer > 0 ? 1 : answer < 0 ? 0 : followed;
}

#endif
