/* The workload of window_manager: a user who goes back and forth between windows, task by task; and
 * the order of windows by the true probabilities of what comes next. */
#ifndef KHUB_POLICY_WINDOW_MANAGER_WINDOW_TASKS_H
#define KHUB_POLICY_WINDOW_MANAGER_WINDOW_TASKS_H

#include <stdbool.h>

#include "policy/window_manager/switcher.h"

enum { SWITCHES = 1200, EPOCH = 300, TASKS_MAX = 5, TASK_WINDOWS_MAX = 4 };
enum { TRACE_WINDOWS_MAX = 14 };
#define PROBABILITIES_SAME 1e-11 /* of the greater one: so near they are equal */

/* What the user is busy with: windows used in turn. */
struct task {
    uint32_t size;
    uint32_t windows[TASK_WINDOWS_MAX];
    double in_turn; /* probability that the next window in turn is next */
};

struct window_workload {
    struct window_trace trace; /* its windows are those below */
    uint16_t windows[SWITCHES];
    /* The truth behind it, which policies don't see. */
    double task_switch, noise; /* probabilities */
    uint32_t task_count;
    struct task tasks[SWITCHES / EPOCH][TASKS_MAX]; /* in each epoch */
    uint8_t task_of[SWITCHES];                      /* on before each switch */
};

/* To be freed with free(); NULL when out of memory. */
void *window_workload_new(uint64_t seed);

/* How likely each window is chosen at switch i, 0..SWITCHES - 1, when the task is known. ret:
 * window_count numbers. */
void window_probabilities(const struct window_workload *load, uint32_t i, double *ret);

/* Mean presses when windows are listed by their true probability of being next; equal ones share
 * their places. knows_task: the current task is known; otherwise it is inferred from the switches
 * so far, as well as can be (Bayes). ret_expected: the mean that the probabilities themselves
 * predict. */
double window_bayes_presses(const struct window_workload *load, bool knows_task,
                            double *ret_expected);

#endif
