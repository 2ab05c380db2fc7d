/* Which window the switcher shows next to the one in use: the recent ones first, but before them
 * those that usually follow.
 *
 * Three memories count what came next, and forget slowly: after anything, after the window in use,
 * after the last two. A window's score is recency[place in the list of recent ones], and of each
 * memory weight * count / (all its counts + prior). Fixed point: ONE is 1. Half-lives are at most
 * 300 choices, so counts stay below 2^25. */
#ifndef KHUB_POLICY_WINDOW_MANAGER_RULES_H
#define KHUB_POLICY_WINDOW_MANAGER_RULES_H

#include <stdint.h>

enum { WINDOWS_MAX = 16, MEMORIES = 3, ONE = 65536 };

struct window_manager_rules {
    uint32_t recency[WINDOWS_MAX];
    uint32_t weight[MEMORIES], keep[MEMORIES]; /* keep: of a count, whenever another is added */
    uint32_t prior;
};

struct followers {
    uint32_t all, of[WINDOWS_MAX];
};

struct window_manager_state {
    uint32_t recent[WINDOWS_MAX]; /* the first is in use */
    struct followers of_any, of_one[WINDOWS_MAX], of_two[WINDOWS_MAX][WINDOWS_MAX];
};

static inline void window_manager_reset(struct window_manager_state *state)
{
    /* volatile: else compilers make it a call of memset, and there is none */
    volatile uint32_t *words = (volatile uint32_t *)state;
    for (uint32_t i = 0; i < sizeof *state / sizeof *words; i++)
        words[i] = 0;
    for (uint32_t i = 0; i < WINDOWS_MAX; i++)
        state->recent[i] = i;
}

static inline struct followers *recall(struct window_manager_state *state, uint32_t memory)
{
    if (memory == 0)
        return &state->of_any;
    if (memory == 1)
        return &state->of_one[state->recent[0]];
    return &state->of_two[state->recent[1]][state->recent[0]];
}

/* Writes the windows 0..count-1: first the one in use, then as Tab shall visit them. Those beyond
 * WINDOWS_MAX have no history and come last. */
static inline void window_manager_order(const struct window_manager_rules *rules,
                                        struct window_manager_state *state, uint8_t *ret_windows,
                                        uint32_t count)
{
    const struct followers *followers[MEMORIES];
    uint32_t factor[MEMORIES];
    uint32_t scores[WINDOWS_MAX], listed = 0;
    for (uint32_t k = 0; k < MEMORIES; k++) {
        followers[k] = recall(state, k);
        factor[k] = (rules->weight[k] << 11) / ((followers[k]->all + rules->prior) / 32 + 1);
    }
    for (uint32_t i = 0; i < WINDOWS_MAX; i++) {
        uint32_t window = state->recent[i], at = listed;
        if (window >= count || listed >= count)
            continue; /* there is no such window now */
        uint64_t score = (uint64_t)rules->recency[listed] * ONE;
        for (uint32_t k = 0; k < MEMORIES; k++)
            score += (uint64_t)followers[k]->of[window] * factor[k];
        scores[listed++] = 0;
        for (; at > 1 && scores[at - 1] < score >> 16; at--) {
            scores[at] = scores[at - 1];
            ret_windows[at] = ret_windows[at - 1];
        }
        scores[at] = (uint32_t)(score >> 16);
        ret_windows[at] = (uint8_t)window;
    }
    for (; listed < count; listed++)
        ret_windows[listed] = (uint8_t)listed;
}

static inline void window_manager_switched(const struct window_manager_rules *rules,
                                           struct window_manager_state *state, uint32_t window)
{
    uint32_t in_hand = window;
    if (window >= WINDOWS_MAX || window == state->recent[0])
        return;
    for (uint32_t k = 0; k < MEMORIES; k++) {
        struct followers *followers = recall(state, k);
        followers->all = ONE;
        for (uint32_t i = 0; i < WINDOWS_MAX; i++) {
            followers->of[i] = (uint32_t)((uint64_t)followers->of[i] * rules->keep[k] >> 16);
            followers->all += followers->of[i];
        }
        followers->of[window] += ONE;
    }
    for (uint32_t place = 0; place < WINDOWS_MAX; place++) {
        uint32_t moved = state->recent[place];
        state->recent[place] = in_hand;
        in_hand = moved;
        if (moved == window)
            break;
    }
}

#endif
