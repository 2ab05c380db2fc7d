/* The list of a room's tasks: what waits for what.
 *
 *            its last open need closes          lease_request               done
 *   blocked ──────────────────────────▶ ready ───────────────▶ claimed ──────────────▶ done
 *      ▲                                │   ▲                     │
 *      └──── an open one is needed ─────┘   └ released or expired ┘
 *
 * Whatever is open can be dropped, and whatever is closed opened again. A dropped task keeps nobody
 * waiting, as one that is done does not. That needs make no circle is seen to when they are said:
 * from what would wait, along all that waits for it. */
#include "core/tasks.h"

#include <assert.h>
#include <stdlib.h>

#include "core/memory.h"
#include "core/state.h"

#define TASK_OVERHEAD 768u /* bytes that a task counts for beside its texts */

void tasks_init(struct tasks *tasks)
{
    TAILQ_INIT(&tasks->list);
    TAILQ_INIT(&tasks->closed);
}

static void task_free(void *object)
{
    struct task *task = object;
    slice_free(&task->key);
    slice_free(&task->author);
    slice_free(&task->owner);
    slice_free(&task->title);
    slice_free(&task->body);
    slice_free(&task->closer);
    slice_free(&task->closer_owner);
    slice_free(&task->why);
    slice_free(&task->needed);
    task_set_free(&task->needs);
    task_set_free(&task->blocks);
    evidence_free(&task->evidence);
    free(task);
}

void tasks_free(struct tasks *tasks)
{
    index_clear(&tasks->index, task_free);
}

struct task *task_find(const struct room *room, struct slice id)
{
    return index_find(&room->tasks.index, id);
}

struct slice task_id_of(struct slice lease_key)
{
    static const struct slice lead = SLICE("task:");
    if (lease_key.len <= lead.len || memcmp(lease_key.at, lead.at, lead.len) != 0)
        return (struct slice){NULL, 0};
    return (struct slice){lease_key.at + lead.len, lease_key.len - lead.len};
}

struct task *task_of_lease(const struct room *room, struct slice lease_key)
{
    struct slice id = task_id_of(lease_key);
    return id.len ? task_find(room, id) : NULL;
}

const char *task_status_text(enum task_status status)
{
    static const char *const texts[] = {
#define X(name, text) text,
        TASK_STATUSES(X)
#undef X
    };
    return texts[status];
}

enum task_status task_status(const struct task *task)
{
    if (task->state != TASK_OPEN)
        return task->state == TASK_DONE ? TASK_IS_DONE : TASK_IS_DROPPED;
    if (task->lease)
        return TASK_IS_CLAIMED;
    return task->open_needs ? TASK_IS_BLOCKED : TASK_IS_READY;
}

size_t task_cost(const struct task *task)
{
    return TASK_OVERHEAD + task->key.len + task->author.len + task->owner.len + task->title.len +
           task->body.len + task->closer.len + task->closer_owner.len + task->why.len +
           evidence_cost(&task->evidence);
}

void tasks_count_owned(const struct room *room, struct slice owner, size_t *ret_count,
                       size_t *ret_bytes)
{
    const struct task *task;
    *ret_count = *ret_bytes = 0;
    TAILQ_FOREACH (task, &room->tasks.list, next) {
        bool counts = task->state == TASK_OPEN && slice_equal(task->owner, owner);
        *ret_count += counts;
        *ret_bytes += counts ? task->bytes : 0;
    }
}

/* ── sets ── */

void task_set_add(struct task_set *set, struct task *task)
{
    set->at = memory_grow(set->at, &set->capacity, set->count + 1, sizeof(struct task *));
    set->at[set->count++] = task;
}

bool task_set_has(const struct task_set *set, const struct task *task)
{
    size_t place = 0;
    while (place < set->count && set->at[place] != task)
        place++;
    return place < set->count;
}

void task_set_free(struct task_set *set)
{
    free(set->at);
    *set = (struct task_set){0};
}

static void task_set_remove(struct task_set *set, const struct task *task)
{
    size_t place = 0;
    while (place < set->count && set->at[place] != task)
        place++;
    assert(place < set->count);
    memmove(&set->at[place], &set->at[place + 1], (--set->count - place) * sizeof *set->at);
}

/* ── what waits for what ── */

/* In the order of their seqs, which does not tell when it was said that they wait. */
static void task_block(struct task *needed, struct task *waiting)
{
    struct task_set *blocks = &needed->blocks;
    task_set_add(blocks, waiting);
    for (size_t at = blocks->count - 1; at > 0 && blocks->at[at - 1]->seq > waiting->seq; at--) {
        blocks->at[at] = blocks->at[at - 1];
        blocks->at[at - 1] = waiting;
    }
}

bool task_wait_for(struct task *task, struct task *needed)
{
    if (task_set_has(&task->needs, needed))
        return false;
    task_set_add(&task->needs, needed);
    task_block(needed, task);
    task->open_needs += needed->state == TASK_OPEN;
    return true;
}

void task_wait_no_more(struct task *task)
{
    for (size_t i = 0; i < task->needs.count; i++)
        task_set_remove(&task->needs.at[i]->blocks, task);
    task->needs.count = task->open_needs = 0;
}

/* Puts a task, seen now, behind all that wait to be looked at. */
static void queue_add(struct task *task, struct task *via, uint64_t search, struct task **last)
{
    if (task->seen == search)
        return;
    task->seen = search;
    task->via = via;
    task->queued = NULL;
    if (*last)
        (*last)->queued = task;
    *last = task;
}

struct task *tasks_circle(struct room *room, struct task *waiting, const struct task_set *needs,
                          const struct task_set *blocks)
{
    uint64_t search = ++room->tasks.searches;
    struct task *last = NULL, *first = NULL;
    for (size_t i = 0; i < needs->count; i++)
        needs->at[i]->aimed_at = search;
    if (waiting)
        queue_add(waiting, NULL, search, &last);
    first = last;
    for (size_t i = 0; i < blocks->count; i++) {
        queue_add(blocks->at[i], NULL, search, &last);
        first = first ? first : last;
    }
    for (struct task *task = first; task; task = task->queued) {
        if (task->aimed_at == search)
            return task;
        for (size_t i = 0; i < task->blocks.count; i++)
            queue_add(task->blocks.at[i], task, search, &last);
    }
    return NULL;
}

/* ── their lives ── */

static void task_weigh(struct room *room, const struct task *task, int sign)
{
    struct tasks *tasks = &room->tasks;
    bool open = task->state == TASK_OPEN;
    *(open ? &tasks->open_count : &tasks->closed_count) += (size_t)sign;
    *(open ? &tasks->open_bytes : &tasks->closed_bytes) += (size_t)sign * task->bytes;
}

void task_changed(struct room *room, struct task *task)
{
    task_weigh(room, task, -1);
    task->bytes = task_cost(task);
    task_weigh(room, task, 1);
    change_mark(&room->changes, &task->change, task, ROW_TASK);
}

void task_link_lease(struct room *room, struct task *task)
{
    const struct slice parts[] = {SLICE("task:"), task->key};
    struct slice key = slice_join(parts, 2);
    task->lease = lease_find(room, key);
    if (task->lease)
        task->lease->task = task;
    slice_free(&key);
}

struct task *task_new(struct room *room, struct slice id, const struct task *texts, uint64_t seq)
{
    struct task *task = memory_new(sizeof *task);
    task->key = slice_copy(id);
    task->seq = task->title_seq = task->body_seq = seq;
    task->version = 1;
    task->author = slice_copy(texts->author);
    task->owner = slice_copy(texts->owner);
    task->title = slice_copy(texts->title);
    task->body = slice_copy(texts->body);
    task->created_ms = task->changed_ms = texts->created_ms;
    index_add(&room->tasks.index, task);
    TAILQ_INSERT_TAIL(&room->tasks.list, task, next);
    task_link_lease(room, task);
    task->bytes = task_cost(task);
    task_weigh(room, task, 1);
    change_mark(&room->changes, &task->change, task, ROW_TASK);
    return task;
}

/* It is forgotten: those that needed it, which it keeps waiting no longer, need it no more. */
static void task_forget(struct room *room, struct task *task)
{
    struct tasks *tasks = &room->tasks;
    assert(task->state != TASK_OPEN && !task->lease);
    task_wait_no_more(task);
    for (size_t i = 0; i < task->blocks.count; i++) {
        task_set_remove(&task->blocks.at[i]->needs, task);
        task_changed(room, task->blocks.at[i]);
    }
    task_weigh(room, task, -1);
    TAILQ_REMOVE(&tasks->closed, task, next_closed);
    TAILQ_REMOVE(&tasks->list, task, next);
    index_remove(&tasks->index, task);
    change_gone(&room->changes, &task->change, ROW_TASK, task->key);
    task_free(task);
}

void task_close(struct room *room, struct task *task, enum task_state state,
                struct task_set *ret_ready)
{
    struct tasks *tasks = &room->tasks;
    assert(task->state == TASK_OPEN && state != TASK_OPEN && !task->lease);
    task_weigh(room, task, -1);
    task->state = state;
    task_weigh(room, task, 1);
    task->order = ++room->changes.order;
    TAILQ_INSERT_TAIL(&tasks->closed, task, next_closed);
    task_changed(room, task);
    for (size_t i = 0; i < task->blocks.count; i++) {
        struct task *waiting = task->blocks.at[i];
        if (--waiting->open_needs == 0 && task_status(waiting) == TASK_IS_READY)
            task_set_add(ret_ready, waiting);
    }
}

void tasks_trim(struct room *room)
{
    struct tasks *tasks = &room->tasks;
    while (tasks->closed_count > TASKS_CLOSED_MAX || tasks->closed_bytes > TASKS_CLOSED_BYTES_MAX)
        task_forget(room, TAILQ_FIRST(&tasks->closed));
}

void task_open(struct room *room, struct task *task)
{
    assert(task->state != TASK_OPEN);
    task_weigh(room, task, -1);
    task->state = TASK_OPEN;
    task_weigh(room, task, 1);
    TAILQ_REMOVE(&room->tasks.closed, task, next_closed);
    evidence_free(&task->evidence);
    task->fence = 0;
    for (size_t i = 0; i < task->blocks.count; i++)
        task->blocks.at[i]->open_needs++;
    task_changed(room, task);
}

static bool text_retract(struct slice *text, uint64_t said_at, uint64_t seq, const char *instead)
{
    if (said_at != seq)
        return false;
    slice_free(text);
    *text = slice_copy(slice_of(instead));
    return true;
}

void tasks_retract(struct room *room, uint64_t seq)
{
    struct task *task;
    TAILQ_FOREACH (task, &room->tasks.list, next) {
        bool texts = text_retract(&task->title, task->title_seq, seq, "retracted");
        bool changed = text_retract(&task->body, task->body_seq, seq, "") || texts;
        task->version += changed;
        if (text_retract(&task->why, task->why_seq, seq, "")) {
            evidence_free(&task->evidence);
            changed = true;
        }
        if (evidence_retract(&task->evidence, seq) || changed)
            task_changed(room, task);
    }
}
