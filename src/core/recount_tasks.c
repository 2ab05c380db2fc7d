/* Tasks, counted anew: see hub_recount. */
#include "core/recount.h"

static void recount_needs(struct verdict *verdict, const struct task *task)
{
    size_t open = 0;
    for (size_t i = 0; i < task->needs.count; i++) {
        const struct task *needed = task->needs.at[i];
        open += needed->state == TASK_OPEN;
        if (!task_set_has(&needed->blocks, task))
            verdict_fail(verdict, "task %.*s needs %.*s, which does not know it",
                         SLICE_FORMAT(task->key), SLICE_FORMAT(needed->key));
    }
    for (size_t i = 0; i < task->blocks.count; i++)
        if (!task_set_has(&task->blocks.at[i]->needs, task) ||
            (i && task->blocks.at[i - 1]->seq >= task->blocks.at[i]->seq))
            verdict_fail(verdict,
                         "task %.*s blocks %.*s, which does not need it, or is out of order",
                         SLICE_FORMAT(task->key), SLICE_FORMAT(task->blocks.at[i]->key));
    if (open != task->open_needs || task->needs.count > TASK_NEEDS_MAX ||
        task->blocks.count > TASK_BLOCKS_MAX)
        verdict_fail(verdict, "task %.*s waits for %zu open tasks, counted %zu",
                     SLICE_FORMAT(task->key), open, task->open_needs);
}

static void recount_task(struct verdict *verdict, const struct task *task)
{
    const struct room *room = verdict->room;
    recount_needs(verdict, task);
    if (task_find(room, task->key) != task || task->bytes != task_cost(task) || task->needed.at)
        verdict_fail(verdict, "task %.*s takes %zu bytes, counted %zu, or is not indexed",
                     SLICE_FORMAT(task->key), task_cost(task), task->bytes);
    if (task->lease && (task->lease->task != task || task->state != TASK_OPEN ||
                        task_of_lease(room, task->lease->key) != task))
        verdict_fail(verdict, "task %.*s is held by a lease that is not its own",
                     SLICE_FORMAT(task->key));
    if ((task->state != TASK_DONE && task->evidence.count) || task->evidence.count > EVIDENCE_MAX)
        verdict_fail(verdict, "task %.*s has evidence, and is not done", SLICE_FORMAT(task->key));
}

void recount_tasks(struct verdict *verdict)
{
    const struct tasks *tasks = &verdict->room->tasks;
    const struct task *task;
    const struct lease *lease;
    size_t count[2] = {0}, bytes[2] = {0}, closed = 0;
    uint64_t seq = 0, order = 0;
    TAILQ_FOREACH (task, &tasks->list, next) {
        bool open = task->state == TASK_OPEN;
        recount_task(verdict, task);
        count[open]++;
        bytes[open] += task->bytes;
        if (task->seq <= seq)
            verdict_fail(verdict, "task %.*s is out of order", SLICE_FORMAT(task->key));
        seq = task->seq;
    }
    TAILQ_FOREACH (task, &tasks->closed, next_closed) {
        if (task->state == TASK_OPEN || task->order <= order)
            verdict_fail(verdict, "task %.*s is out of order among those that are closed",
                         SLICE_FORMAT(task->key));
        order = task->order;
        closed++;
    }
    TAILQ_FOREACH (lease, &verdict->room->leases_open, next)
        if (lease->task != task_of_lease(verdict->room, lease->key))
            verdict_fail(verdict, "the lease of \"%.*s\" is not its task's",
                         SLICE_FORMAT(lease->key));
    if (count[true] != tasks->open_count || bytes[true] != tasks->open_bytes ||
        count[false] != tasks->closed_count || bytes[false] != tasks->closed_bytes ||
        closed != count[false] || count[true] + count[false] != tasks->index.count)
        verdict_fail(verdict, "%zu tasks are open, %zu closed; counted %zu and %zu", count[true],
                     count[false], tasks->open_count, tasks->closed_count);
    if (count[true] > TASKS_OPEN_MAX || count[false] > TASKS_CLOSED_MAX ||
        bytes[true] > TASKS_BYTES_MAX || bytes[false] > TASKS_CLOSED_BYTES_MAX)
        verdict_fail(verdict, "%zu tasks are open, %zu closed: over the limit", count[true],
                     count[false]);
}
