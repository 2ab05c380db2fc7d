/* Somebody at work on several things, in several windows, and the chain's own probabilities.
 *
 * The next window is drawn from what the current one and the task that is on allow. Whoever sees
 * only the windows has to infer the task: a forward filter over tasks, exact for this chain. */
#include "policy/window_manager/window_tasks.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "policy/random.h"

static bool belongs(const struct task *task, uint32_t window)
{
    for (uint32_t i = 0; i < task->size; i++)
        if (task->windows[i] == window)
            return true;
    return false;
}

static uint32_t next_in_turn(const struct task *task, uint32_t window)
{
    uint32_t i = 0;
    while (task->windows[i] != window) {
        i++;
        assert(i < task->size); /* it is one of the task's */
    }
    return task->windows[(i + 1) % task->size];
}

/* Any window of the task but the one in use. */
static uint32_t draw_window(const struct task *task, struct random *random, uint32_t in_use)
{
    assert(task->size >= 2);
    uint32_t window;
    do
        window = task->windows[random_below(random, task->size)];
    while (window == in_use);
    return window;
}

/* A window for this task: one of no other task, while there are any. */
static uint32_t draw_member(const struct window_workload *load, struct random *random,
                            const struct task *tasks, const struct task *task)
{
    uint32_t candidates[TRACE_WINDOWS_MAX], count = 0;
    for (int others_too = 0; count == 0; others_too++)
        for (uint32_t window = 0; window < load->trace.window_count; window++) {
            bool taken = belongs(task, window);
            for (uint32_t k = 0; !others_too && k < load->task_count; k++)
                taken |= belongs(&tasks[k], window);
            if (!taken)
                candidates[count++] = window;
        }
    return candidates[random_below(random, count)];
}

/* A new task in place of this one; one of its windows is a neighbour's. */
static void draw_task(const struct window_workload *load, struct random *random, struct task *tasks,
                      uint32_t number)
{
    const struct task *neighbour = &tasks[number == 0 ? load->task_count - 1 : number - 1];
    struct task task = {.size = 1, .in_turn = random_between(random, 0.4, 0.95)};
    uint32_t size = 2 + (uint32_t)random_below(random, TASK_WINDOWS_MAX - 1);
    tasks[number].size = 0;
    if (neighbour->size > 0)
        task.windows[0] = neighbour->windows[random_below(random, neighbour->size)];
    while (task.size < size) {
        task.windows[task.size] = draw_member(load, random, tasks, &task);
        task.size++;
    }
    tasks[number] = task;
}

static void draw_tasks(struct window_workload *load, struct random *random, uint32_t epoch)
{
    struct task *tasks = load->tasks[epoch];
    if (epoch == 0) {
        for (uint32_t k = 0; k < load->task_count; k++)
            draw_task(load, random, tasks, k);
        return;
    }
    memcpy(tasks, load->tasks[epoch - 1], sizeof load->tasks[0]);
    draw_task(load, random, tasks, (uint32_t)random_below(random, load->task_count));
}

/* Another number below `count`. */
static uint32_t draw_other(struct random *random, uint32_t count, uint32_t than)
{
    uint32_t other = (uint32_t)random_below(random, count - 1);
    return other + (other >= than);
}

void *window_workload_new(uint64_t seed)
{
    struct window_workload *load = calloc(1, sizeof *load);
    if (!load)
        return NULL;
    struct random random;
    random_seed(&random, seed);
    load->trace = (struct window_trace){.window_count = 8 + (uint32_t)random_below(&random, 7),
                                        .count = SWITCHES,
                                        .windows = load->windows};
    load->task_count = 2 + (uint32_t)random_below(&random, TASKS_MAX - 1);
    load->task_switch = random_between(&random, 0.02, 0.2);
    load->noise = random_between(&random, 0.01, 0.1);
    uint32_t in_use = 0, on = 0;
    for (uint32_t i = 0; i < SWITCHES; i++) {
        struct task *tasks = load->tasks[i / EPOCH];
        if (i % EPOCH == 0) {
            draw_tasks(load, &random, i / EPOCH);
            on = (uint32_t)random_below(&random, load->task_count);
        }
        load->task_of[i] = (uint8_t)on;
        if (random_uniform(&random) < load->noise)
            in_use = draw_other(&random, load->trace.window_count, in_use);
        else if (random_uniform(&random) < load->task_switch) {
            on = draw_other(&random, load->task_count, on);
            in_use = draw_window(&tasks[on], &random, in_use);
        } else if (belongs(&tasks[on], in_use) && random_uniform(&random) < tasks[on].in_turn)
            in_use = next_in_turn(&tasks[on], in_use);
        else
            in_use = draw_window(&tasks[on], &random, in_use);
        load->windows[i] = (uint16_t)in_use;
    }
    return load;
}

/* Adds `probability` times that of each window when any of the task is drawn. */
static void add_any(const struct task *task, uint32_t in_use, double probability, double *sums)
{
    uint32_t others = task->size - belongs(task, in_use);
    for (uint32_t i = 0; i < task->size; i++)
        if (task->windows[i] != in_use)
            sums[task->windows[i]] += probability / others;
}

static void add_task(const struct task *task, uint32_t in_use, double probability, double *sums)
{
    double in_turn = belongs(task, in_use) ? task->in_turn : 0;
    if (in_turn > 0)
        sums[next_in_turn(task, in_use)] += probability * in_turn;
    add_any(task, in_use, probability * (1 - in_turn), sums);
}

/* ret_joint[k][w]: that task k is on after switch i, and w is chosen by it; belief: before. */
static void look_ahead(const struct window_workload *load, uint32_t i, const double *belief,
                       double ret_joint[TASKS_MAX][TRACE_WINDOWS_MAX])
{
    const struct task *tasks = load->tasks[i / EPOCH];
    uint32_t in_use = i == 0 ? 0 : load->windows[i - 1], count = load->trace.window_count;
    for (uint32_t k = 0; k < load->task_count; k++) {
        double meant = 1 - load->noise, stays = belief[k] * meant * (1 - load->task_switch);
        double comes = (1 - belief[k]) * meant * load->task_switch / (load->task_count - 1);
        for (uint32_t w = 0; w < count; w++)
            ret_joint[k][w] = w == in_use ? 0 : belief[k] * load->noise / (count - 1);
        add_task(&tasks[k], in_use, stays, ret_joint[k]);
        add_any(&tasks[k], in_use, comes, ret_joint[k]);
    }
}

/* The same over all tasks, into ret_sums. */
static void sum_up(const struct window_workload *load, double joint[TASKS_MAX][TRACE_WINDOWS_MAX],
                   double *ret_sums)
{
    for (uint32_t w = 0; w < load->trace.window_count; w++)
        ret_sums[w] = 0;
    for (uint32_t k = 0; k < load->task_count; k++)
        for (uint32_t w = 0; w < load->trace.window_count; w++)
            ret_sums[w] += joint[k][w];
}

void window_probabilities(const struct window_workload *load, uint32_t i, double *ret)
{
    double belief[TASKS_MAX], joint[TASKS_MAX][TRACE_WINDOWS_MAX];
    for (uint32_t k = 0; k < load->task_count; k++)
        belief[k] = k == load->task_of[i];
    look_ahead(load, i, belief, joint);
    sum_up(load, joint, ret);
}

/* Which probability is greater: -1, 0 or 1. Those that are equal in truth are sums of the same
 * terms in another order, at most ten of them, so in doubles they lie within 1e-14 of each other;
 * others lie further apart by orders of magnitude: their terms are products of random numbers. */
static int compare(double a, double b)
{
    double same = PROBABILITIES_SAME * (a > b ? a : b);
    return (a - b > same) - (b - a > same);
}

/* Twice the place of window w by these probabilities; equals share theirs. */
static uint32_t twice_place_of(const double *probabilities, uint32_t count, uint32_t in_use,
                               uint32_t w)
{
    uint32_t twice = 2;
    for (uint32_t other = 0; other < count; other++)
        if (other != w && other != in_use)
            twice += (uint32_t)(1 + compare(probabilities[other], probabilities[w]));
    return twice;
}

double window_bayes_presses(const struct window_workload *load, bool knows_task,
                            double *ret_expected)
{
    double belief[TASKS_MAX], joint[TASKS_MAX][TRACE_WINDOWS_MAX], expected = 0;
    uint32_t in_use = 0, twice_presses = 0, count = load->trace.window_count;
    for (uint32_t i = 0; i < load->trace.count; i++) {
        uint32_t chosen = load->windows[i];
        double sums[TRACE_WINDOWS_MAX];
        for (uint32_t k = 0; k < load->task_count; k++)
            if (knows_task)
                belief[k] = k == load->task_of[i];
            else if (i % EPOCH == 0)
                belief[k] = 1.0 / load->task_count;
        look_ahead(load, i, belief, joint);
        sum_up(load, joint, sums);
        for (uint32_t w = 0; w < count; w++)
            expected += w == in_use ? 0 : sums[w] * twice_place_of(sums, count, in_use, w) / 2;
        assert(sums[chosen] > 0);
        twice_presses += twice_place_of(sums, count, in_use, chosen);
        for (uint32_t k = 0; k < load->task_count; k++)
            belief[k] = joint[k][chosen] / sums[chosen];
        in_use = chosen;
    }
    *ret_expected = expected / load->trace.count;
    return twice_presses / 2.0 / load->trace.count;
}
