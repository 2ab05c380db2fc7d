/* What a program knows of a window when it is asked for its score; the list has the highest first.
 * What is around it is the rules': the order of last use, and memories of what came next, which
 * forget in 4 choices (of all) and in 16. Shares are in 1/1024. */
#ifndef KHUB_POLICY_WINDOW_MANAGER_PROGRAM_H
#define KHUB_POLICY_WINDOW_MANAGER_PROGRAM_H

#include <stdint.h>

#include "policy/program_decider.h"
#include "policy/window_manager/rules.h"

enum {
    WINDOW_MANAGER_PLACE,
    WINDOW_MANAGER_INVERSE,
    WINDOW_MANAGER_AGE,
    WINDOW_MANAGER_ANY,
    WINDOW_MANAGER_ONE,
    WINDOW_MANAGER_TWO,
    WINDOW_MANAGER_LAST_ONE,
    WINDOW_MANAGER_LAST_TWO,
    WINDOW_MANAGER_SEEN_ONE,
    WINDOW_MANAGER_SEEN_TWO,
    WINDOW_MANAGER_FEATURES
};

struct window_manager_program {
    struct window_manager_state known;
    uint32_t choices, used_at[WINDOWS_MAX];
    uint32_t last_one[WINDOWS_MAX], last_two[WINDOWS_MAX][WINDOWS_MAX]; /* and 1; 0: none yet */
};

/* Half-lives of 4 and 16 choices. */
static const struct window_manager_rules window_manager_program_rules = {
    .keep = {55109, 62757, 62757}};

static inline void window_manager_program_reset(struct window_manager_program *state)
{
    volatile uint32_t *words = (volatile uint32_t *)state;
    for (uint32_t i = 0; i < sizeof *state / sizeof *words; i++)
        words[i] = 0;
    for (uint32_t i = 0; i < WINDOWS_MAX; i++)
        state->known.recent[i] = i;
}

/* Of all choices that are remembered and one more. */
static inline int64_t window_manager_share(const struct followers *followers, uint32_t window)
{
    return followers->of[window] / ((followers->all + ONE) >> 10);
}

static inline void window_manager_program_features(struct window_manager_program *state,
                                                   uint32_t window, uint32_t place,
                                                   int64_t *ret_features)
{
    struct window_manager_state *known = &state->known;
    const struct followers *one = recall(known, 1), *two = recall(known, 2);
    uint32_t in_use = known->recent[0], before = known->recent[1];
    ret_features[WINDOW_MANAGER_PLACE] = place;
    ret_features[WINDOW_MANAGER_INVERSE] = 1024 / place;
    ret_features[WINDOW_MANAGER_AGE] = state->choices - state->used_at[window];
    ret_features[WINDOW_MANAGER_ANY] = window_manager_share(recall(known, 0), window);
    ret_features[WINDOW_MANAGER_ONE] = window_manager_share(one, window);
    ret_features[WINDOW_MANAGER_TWO] = window_manager_share(two, window);
    ret_features[WINDOW_MANAGER_LAST_ONE] = state->last_one[in_use] == window + 1 ? 1024 : 0;
    ret_features[WINDOW_MANAGER_LAST_TWO] =
        state->last_two[before][in_use] == window + 1 ? 1024 : 0;
    ret_features[WINDOW_MANAGER_SEEN_ONE] = one->all >> 6;
    ret_features[WINDOW_MANAGER_SEEN_TWO] = two->all >> 6;
}

/* As the rules' order: of equal scores the window that was used later is first. */
static inline void window_manager_program_order(const struct program_decider *decider,
                                                struct window_manager_program *state,
                                                uint8_t *ret_windows, uint32_t count)
{
    int64_t features[WINDOW_MANAGER_FEATURES], scores[WINDOWS_MAX];
    uint32_t listed = 0;
    for (uint32_t i = 0; i < WINDOWS_MAX; i++) {
        uint32_t window = state->known.recent[i], at = listed;
        int64_t score = 0;
        if (window >= count || listed >= count)
            continue; /* there is no such window now */
        if (listed > 0) {
            window_manager_program_features(state, window, listed, features);
            score = program_asked(decider, features);
        }
        scores[listed++] = 0;
        for (; at > 1 && scores[at - 1] < score; at--) {
            scores[at] = scores[at - 1];
            ret_windows[at] = ret_windows[at - 1];
        }
        scores[at] = score;
        ret_windows[at] = (uint8_t)window;
    }
    for (; listed < count; listed++)
        ret_windows[listed] = (uint8_t)listed;
}

static inline void window_manager_program_switched(struct window_manager_program *state,
                                                   uint32_t window)
{
    uint32_t in_use = state->known.recent[0], before = state->known.recent[1];
    if (window >= WINDOWS_MAX || window == in_use)
        return;
    state->used_at[in_use] = state->used_at[window] = ++state->choices;
    state->last_one[in_use] = state->last_two[before][in_use] = window + 1;
    window_manager_switched(&window_manager_program_rules, &state->known, window);
}

#endif
