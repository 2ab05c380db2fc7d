/* The simulators of one CPU, event by event: an event is an arrival, the end of a slice or a job,
 * or a boost. What makes it exact: integers. */
#include "policy/process_manager/cpu.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "policy/inlined.h"

#define NOBODY UINT32_MAX

struct task {
    int64_t remaining, attained, deadline;
    int64_t slice_left; /* 0: its next one is whole */
    int64_t idle_since; /* it has not run since then */
};

/* In a binary heap, the earliest deadline on top. */
struct waiting {
    int64_t deadline;
    uint64_t turn; /* rises with each that is put in line */
    uint32_t id;
};

struct cpu {
    const struct job *jobs;
    const struct cpu_policy *policy; /* NULL: shortest remaining processing time */
    uint32_t count, arrived, waiting, done;
    uint32_t running, last; /* who has the CPU; who had it before */
    int64_t now, boost, next_boost, longest_wait;
    uint64_t turns;
    struct task *tasks;
    struct waiting *line;
    double responses, *slowdowns;
};

INLINED static bool before(const struct waiting *a, const struct waiting *b)
{
    return a->deadline != b->deadline ? a->deadline < b->deadline : a->turn < b->turn;
}

/* Member by member: of a struct assignment a sanitizer makes a call, which takes longer than all
 * else here. */
INLINED static void put(struct waiting *to, const struct waiting *from)
{
    to->deadline = from->deadline;
    to->turn = from->turn;
    to->id = from->id;
}

static void line_push(struct cpu *cpu, int64_t deadline, uint64_t turn, uint32_t id)
{
    const struct waiting item = {deadline, turn, id};
    struct waiting *line = cpu->line;
    uint32_t at = cpu->waiting++;
    for (; at > 0 && before(&item, &line[(at - 1) / 2]); at = (at - 1) / 2)
        put(&line[at], &line[(at - 1) / 2]);
    put(&line[at], &item);
}

/* Who is next. */
static uint32_t line_pop(struct cpu *cpu)
{
    struct waiting *line = cpu->line, item;
    uint32_t first = line[0].id, at = 0, count = --cpu->waiting;
    put(&item, &line[count]);
    for (uint32_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && before(&line[child + 1], &line[child]))
            child++;
        if (!before(&line[child], &item))
            break;
        put(&line[at], &line[child]);
    }
    put(&line[at], &item);
    return first;
}

static int64_t deadline_of(const struct cpu *cpu, int64_t now, const struct task *task)
{
    return cpu->policy ? cpu->policy->deadline(cpu->policy->context, now, task->attained)
                       : task->remaining;
}

static void put_in_line(struct cpu *cpu, uint32_t id, int64_t now)
{
    struct task *task = &cpu->tasks[id];
    task->deadline = deadline_of(cpu, now, task);
    line_push(cpu, task->deadline, ++cpu->turns, id);
}

static void admit(struct cpu *cpu)
{
    while (cpu->arrived < cpu->count && cpu->jobs[cpu->arrived].arrival <= cpu->now) {
        uint32_t id = cpu->arrived++;
        const struct job *job = &cpu->jobs[id];
        struct task *task = &cpu->tasks[id];
        task->remaining = job->service;
        task->idle_since = job->arrival;
        task->attained = task->slice_left = 0;
        put_in_line(cpu, id, job->arrival);
    }
}

/* All begin anew, in the order in which they stood. */
static void boost(struct cpu *cpu)
{
    struct waiting *line = cpu->line;
    uint32_t count = cpu->waiting;
    while (cpu->waiting > 0) { /* sorted from the end: the last one pushed is the first */
        uint32_t first = line_pop(cpu);
        line[cpu->waiting].id = first;
    }
    for (uint32_t i = 0; i < count / 2; i++) {
        uint32_t other = line[i].id;
        line[i].id = line[count - 1 - i].id;
        line[count - 1 - i].id = other;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct task *task = &cpu->tasks[line[i].id];
        task->attained = task->slice_left = 0;
        put_in_line(cpu, line[i].id, cpu->now);
    }
    if (cpu->running != NOBODY) {
        struct task *task = &cpu->tasks[cpu->running];
        task->attained = task->slice_left = 0;
        task->deadline = deadline_of(cpu, cpu->now, task);
    }
    cpu->next_boost = (cpu->now / cpu->boost + 1) * cpu->boost;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Gives the CPU to the first of the line, unless who has it goes before. */
static void dispatch(struct cpu *cpu)
{
    if (cpu->waiting == 0)
        return;
    if (cpu->running != NOBODY) {
        const struct task *task = &cpu->tasks[cpu->running];
        if (task->deadline <= cpu->line[0].deadline)
            return;
        /* turn 0: before all with the same deadline, as it was */
        line_push(cpu, task->deadline, 0, cpu->running);
    }
    cpu->running = line_pop(cpu);
    if (cpu->running != cpu->last && cpu->policy)
        cpu->now += cpu->policy->switch_cost;
    cpu->last = cpu->running;
}

/* Until an event. */
static void run(struct cpu *cpu)
{
    const struct cpu_policy *policy = cpu->policy;
    uint32_t id = cpu->running;
    struct task *task = &cpu->tasks[id];
    if (task->slice_left == 0)
        task->slice_left = policy ? policy->slice(policy->context, task->attained) : CPU_NEVER;
    int64_t length = least(task->remaining, task->slice_left);
    length = least(length, cpu->next_boost - cpu->now);
    if (cpu->arrived < cpu->count)
        length = least(length, cpu->jobs[cpu->arrived].arrival - cpu->now);
    assert(length > 0);
    if (cpu->now - task->idle_since > cpu->longest_wait)
        cpu->longest_wait = cpu->now - task->idle_since;
    cpu->now += length;
    task->idle_since = cpu->now;
    task->remaining -= length;
    task->attained += length;
    task->slice_left -= length;
    if (task->remaining > 0 && task->slice_left > 0) {
        if (!policy)
            task->deadline = task->remaining;
        return;
    }
    cpu->running = NOBODY;
    if (task->remaining > 0) {
        task->slice_left = 0;
        admit(cpu); /* who came in this time stands before it */
        put_in_line(cpu, id, cpu->now);
        return;
    }
    int64_t response = cpu->now - cpu->jobs[id].arrival, service = cpu->jobs[id].service;
    double slowdown =
        (double)response / (double)(service > CPU_SLOWDOWN_FLOOR ? service : CPU_SLOWDOWN_FLOOR);
    cpu->slowdowns[cpu->done++] = fmax(slowdown, 1);
    cpu->responses += (double)response;
}

/* The number that would stand at `at` were they sorted; they are partly sorted on the way (Hoare's
 * FIND, as Wirth has it). */
static double select_number(double *numbers, int64_t count, int64_t at)
{
    int64_t low = 0, high = count - 1;
    while (low < high) {
        double pivot = numbers[at];
        int64_t i = low, k = high;
        while (i <= k) {
            while (numbers[i] < pivot)
                i++;
            while (pivot < numbers[k])
                k--;
            if (i > k)
                break;
            double other = numbers[i];
            numbers[i++] = numbers[k];
            numbers[k--] = other;
        }
        if (k < at)
            low = i;
        if (at < i)
            high = k;
    }
    return numbers[at];
}

static int simulate(struct cpu *cpu, struct cpu_figures *ret_figures)
{
    while (cpu->done < cpu->count) {
        admit(cpu);
        if (cpu->now >= cpu->next_boost)
            boost(cpu);
        int64_t before_switch = cpu->now;
        dispatch(cpu);
        if (cpu->running == NOBODY)
            cpu->now = cpu->jobs[cpu->arrived].arrival;
        else if (cpu->now == before_switch)
            run(cpu);
        /* otherwise the world may have changed during the switch */
    }
    ret_figures->response = cpu->responses / cpu->count;
    ret_figures->tail_slowdown =
        select_number(cpu->slowdowns, cpu->count, cpu->count - 1 - cpu->count / 100);
    ret_figures->longest_wait = cpu->longest_wait;
    return 0;
}

static int run_jobs(const struct job *jobs, uint32_t count, const struct cpu_policy *policy,
                    struct cpu_figures *ret_figures)
{
    struct cpu cpu = {.jobs = jobs,
                      .policy = policy,
                      .count = count,
                      .running = NOBODY,
                      .last = NOBODY,
                      .boost = policy ? policy->boost : CPU_NEVER,
                      .next_boost = policy ? policy->boost : CPU_NEVER,
                      .tasks = malloc(count * sizeof *cpu.tasks),
                      .line = malloc(count * sizeof *cpu.line),
                      .slowdowns = malloc(count * sizeof *cpu.slowdowns)};
    bool room = cpu.tasks && cpu.line && cpu.slowdowns;
    int result = room ? simulate(&cpu, ret_figures) : -1;
    free(cpu.tasks);
    free(cpu.line);
    free(cpu.slowdowns);
    return result;
}

int cpu_run(const struct job *jobs, uint32_t count, const struct cpu_policy *policy,
            struct cpu_figures *ret_figures)
{
    assert(count > 0 && policy->boost > 0 && policy->switch_cost >= 0);
    return run_jobs(jobs, count, policy, ret_figures);
}

int cpu_run_srpt(const struct job *jobs, uint32_t count, struct cpu_figures *ret_figures)
{
    assert(count > 0);
    return run_jobs(jobs, count, NULL, ret_figures);
}
