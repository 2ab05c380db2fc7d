/* The simulators of one CPU, event by event: an event is an arrival, the end of a slice, a level or
 * a job, or a boost.
 *
 * What makes it fast: a job that has its level to itself runs through its slices in one event. What
 * makes it exact: integers. */
#include "policy/process_manager/cpu.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#define NOBODY UINT32_MAX

struct task {
    int64_t remaining, attained, slice_left;
    uint32_t next; /* in its queue */
    uint32_t era;  /* boosts seen; an older era's attained and slice_left are void */
};

struct queue {
    uint32_t first, last;
};

struct cpu {
    const struct job *jobs;
    const struct cpu_policy *policy;
    uint32_t count, arrived, era;
    int64_t now, next_boost;
    struct queue queues[CPU_LEVELS_MAX];
    struct task *tasks;
};

static void push_back(struct cpu *cpu, int level, uint32_t id)
{
    struct queue *queue = &cpu->queues[level];
    cpu->tasks[id].next = NOBODY;
    if (queue->first == NOBODY)
        queue->first = id;
    else
        cpu->tasks[queue->last].next = id;
    queue->last = id;
}

static void push_front(struct cpu *cpu, int level, uint32_t id)
{
    struct queue *queue = &cpu->queues[level];
    cpu->tasks[id].next = queue->first;
    if (queue->first == NOBODY)
        queue->last = id;
    queue->first = id;
}

static void admit(struct cpu *cpu)
{
    while (cpu->arrived < cpu->count && cpu->jobs[cpu->arrived].arrival <= cpu->now) {
        uint32_t id = cpu->arrived++;
        cpu->tasks[id] = (struct task){.remaining = cpu->jobs[id].service, .era = cpu->era};
        push_back(cpu, 0, id);
    }
}

/* Everybody to level 0, those of the higher levels first. */
static void boost(struct cpu *cpu)
{
    struct queue *top = &cpu->queues[0];
    for (int level = 1; level < cpu->policy->levels; level++) {
        struct queue *queue = &cpu->queues[level];
        if (queue->first == NOBODY)
            continue;
        if (top->first == NOBODY)
            *top = *queue;
        else {
            cpu->tasks[top->last].next = queue->first;
            top->last = queue->last;
        }
        queue->first = NOBODY;
    }
    cpu->era++;
    cpu->next_boost = (cpu->now / cpu->policy->boost + 1) * cpu->policy->boost;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* How long a job that holds the CPU keeps it: until it ends, falls, or something else must be
 * looked at. */
static int64_t stretch(const struct cpu *cpu, int level, const struct task *task, bool alone)
{
    const struct cpu_policy *policy = cpu->policy;
    int64_t length = least(task->remaining, cpu->next_boost - cpu->now);
    if (level + 1 < policy->levels)
        length = least(length, policy->level_end[level] - task->attained);
    if (!alone)
        length = least(length, task->slice_left);
    if ((alone || level > 0) && cpu->arrived < cpu->count)
        length = least(length, cpu->jobs[cpu->arrived].arrival - cpu->now);
    return length;
}

/* Runs the first job of this level and puts it where it then belongs. Returns whether it is
 * done. */
static bool run(struct cpu *cpu, int level)
{
    const struct cpu_policy *policy = cpu->policy;
    struct queue *queue = &cpu->queues[level];
    uint32_t id = queue->first;
    struct task *task = &cpu->tasks[id];
    queue->first = task->next;
    if (task->era != cpu->era) {
        task->era = cpu->era;
        task->attained = task->slice_left = 0;
    }
    if (task->slice_left == 0)
        task->slice_left = policy->slice[level];
    bool alone = queue->first == NOBODY;
    int64_t length = stretch(cpu, level, task, alone);
    assert(length >= 0);
    cpu->now += length;
    task->remaining -= length;
    task->attained += length;
    bool expired = !alone && length == task->slice_left;
    if (length < task->slice_left)
        task->slice_left -= length;
    else /* alone: further slices were begun on the way */
        task->slice_left =
            policy->slice[level] - (length - task->slice_left) % policy->slice[level];
    if (task->remaining == 0)
        return true;
    admit(cpu); /* who came in this time stands before it */
    bool fallen = level + 1 < policy->levels && task->attained >= policy->level_end[level];
    if (fallen || expired) {
        task->slice_left = 0;
        push_back(cpu, level + fallen, id);
    } else
        push_front(cpu, level, id);
    return false;
}

static int first_level(const struct cpu *cpu)
{
    int level = 0;
    while (level < cpu->policy->levels && cpu->queues[level].first == NOBODY)
        level++;
    return level;
}

double cpu_mean_response(const struct job *jobs, uint32_t count, const struct cpu_policy *policy)
{
    assert(policy->levels >= 1 && policy->levels <= CPU_LEVELS_MAX && policy->boost > 0);
    struct cpu cpu = {.jobs = jobs, .policy = policy, .count = count, .next_boost = policy->boost};
    cpu.tasks = malloc(count * sizeof *cpu.tasks);
    if (!cpu.tasks)
        return nan("");
    for (int level = 0; level < CPU_LEVELS_MAX; level++)
        cpu.queues[level].first = NOBODY;
    double sum = 0;
    uint32_t last = NOBODY;
    for (uint32_t done = 0; done < count;) {
        admit(&cpu);
        if (cpu.now >= cpu.next_boost)
            boost(&cpu);
        int level = first_level(&cpu);
        if (level == policy->levels) {
            cpu.now = jobs[cpu.arrived].arrival;
            continue;
        }
        uint32_t id = cpu.queues[level].first;
        if (id != last) {
            last = id;
            cpu.now += policy->switch_cost;
            admit(&cpu);
            if (first_level(&cpu) < level || cpu.now >= cpu.next_boost)
                continue; /* the world changed during the switch */
        }
        if (run(&cpu, level)) {
            sum += (double)(cpu.now - jobs[id].arrival);
            done++;
        }
    }
    free(cpu.tasks);
    return sum / count;
}

/* A binary heap of jobs, the one with the least remaining time on top. */
struct waiting {
    int64_t remaining;
    uint32_t id;
};

static void sift_up(struct waiting *heap, uint32_t at)
{
    struct waiting item = heap[at];
    for (; at > 0 && item.remaining < heap[(at - 1) / 2].remaining; at = (at - 1) / 2)
        heap[at] = heap[(at - 1) / 2];
    heap[at] = item;
}

static void remove_top(struct waiting *heap, uint32_t count)
{
    struct waiting item = heap[count - 1];
    uint32_t at = 0;
    for (uint32_t child; (child = 2 * at + 1) < count - 1; at = child) {
        if (child + 1 < count - 1 && heap[child + 1].remaining < heap[child].remaining)
            child++;
        if (item.remaining <= heap[child].remaining)
            break;
        heap[at] = heap[child];
    }
    heap[at] = item;
}

double cpu_srpt_mean_response(const struct job *jobs, uint32_t count)
{
    struct waiting *heap = malloc(count * sizeof *heap);
    if (!heap)
        return nan("");
    int64_t now = 0;
    uint32_t waiting = 0, arrived = 0;
    double sum = 0;
    while (arrived < count || waiting > 0) {
        if (waiting == 0 && now < jobs[arrived].arrival)
            now = jobs[arrived].arrival;
        for (; arrived < count && jobs[arrived].arrival <= now; arrived++) {
            heap[waiting] = (struct waiting){.remaining = jobs[arrived].service, .id = arrived};
            sift_up(heap, waiting++);
        }
        int64_t until = arrived < count ? jobs[arrived].arrival : CPU_NEVER;
        int64_t length = least(heap[0].remaining, until - now);
        now += length;
        heap[0].remaining -= length; /* still the least */
        if (heap[0].remaining == 0) {
            sum += (double)(now - jobs[heap[0].id].arrival);
            remove_top(heap, waiting--);
        }
    }
    free(heap);
    return sum / count;
}
