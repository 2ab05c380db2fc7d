/* Tasks in worlds with logs that commit later: what is said of them, and a model that follows what
 * the hub says. A task is claimed when all that it needs is closed, by one at a time; it is done
 * once, by who holds it; what becomes ready by that is told; and evidence is what the reports make
 * of it. */
#include "tasks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "speech.h"

void model_tasks_clear(struct tasks_model *tasks)
{
    free(tasks->at);
    *tasks = (struct tasks_model){NULL, 0};
}

static int task_index(const struct tasks_model *tasks, const char *id)
{
    for (size_t i = 0; id && i < tasks->count; i++)
        if (strcmp(tasks->at[i].id, id) == 0)
            return (int)i;
    return NOBODY;
}

static bool needs(const struct task_model *task, size_t other)
{
    return task->needs[other / 64] >> (other % 64) & 1;
}

static bool waits(const struct tasks_model *tasks, const struct task_model *task)
{
    for (size_t i = 0; i < tasks->count; i++)
        if (needs(task, i) && !tasks->at[i].closed)
            return true;
    return false;
}

/* ── what is said ── */

static const struct task_model *some_task(struct maker *maker)
{
    const struct tasks_model *tasks = &maker->world->tasks[maker->room];
    return tasks->count ? &tasks->at[below(maker, (unsigned)tasks->count)] : NULL;
}

/* One that the sender holds, or that is its own; else any. */
static const struct task_model *task_at_hand(struct maker *maker, bool held)
{
    const struct tasks_model *tasks = &maker->world->tasks[maker->room];
    int sender = maker->said->sender;
    size_t from = tasks->count ? below(maker, (unsigned)tasks->count) : 0;
    for (size_t i = 0; sender >= 0 && i < tasks->count; i++) {
        const struct task_model *task = &tasks->at[(from + i) % tasks->count];
        if (strcmp(held ? task->holder : task->author, names[sender]) == 0)
            return task;
    }
    return some_task(maker);
}

static void put_ids(struct maker *maker, const char *name)
{
    put_member(maker->writer, name);
    put(maker->writer, "[");
    for (unsigned i = below(maker, 3); i > 0; i--) {
        const struct task_model *task = some_task(maker);
        put_string(maker->writer, task && below(maker, 30) ? task->id : "nowhere");
        put(maker->writer, i > 1 ? "," : "");
    }
    put(maker->writer, "]");
}

static void put_outcome(struct maker *maker)
{
    static const char *const printed[] = {"fine", "", "1 \"failed\"", "é"};
    put_raw_member(maker->writer, "exit", below(maker, 3) ? "0" : "1");
    if (below(maker, 4))
        put_text_member(maker->writer, "printed", printed[below(maker, below(maker, 2) ? 1 : 4)]);
}

static void put_evidence(struct maker *maker)
{
    put_member(maker->writer, "evidence");
    put(maker->writer, "[");
    for (unsigned i = below(maker, TASK_ITEMS + 1); i > 0; i--) {
        put(maker->writer, "{");
        put_text_member(maker->writer, "command", "make \"it\"");
        put_outcome(maker);
        put(maker->writer, i > 1 ? "}," : "}");
    }
    put(maker->writer, "]");
}

static void put_fence(struct maker *maker, const struct task_model *task)
{
    char fence[24];
    snprintf(fence, sizeof fence, "%llu",
             (unsigned long long)(task->fence + (below(maker, 8) == 0)));
    put_raw_member(maker->writer, "fence", fence);
}

static void make_added(struct maker *maker)
{
    char key[16];
    snprintf(key, sizeof key, "k%u", below(maker, 99));
    if (flaw_here(maker, 1)) {
        static const char *const wrong[] = {"5", "\"\"", "null", "{}"};
        FLAWED(maker->writer, maker->said, "title", wrong);
    } else {
        put_text_member(maker->writer, "title", "to \"do\" it, é");
    }
    if (below(maker, 2))
        put_text_member(maker->writer, "key", key);
    if (below(maker, 2))
        put_text_member(maker->writer, "body", "all of it");
    put_ids(maker, "needs");
    if (below(maker, 3) == 0)
        put_ids(maker, "blocks");
}

void make_task(struct maker *maker)
{
    const struct tasks_model *tasks = &maker->world->tasks[maker->room];
    unsigned kind = below(maker, 10);
    const struct task_model *task = task_at_hand(maker, kind > 3);
    if (!task || (kind < 4 && tasks->count < TASKS_TOLD && below(maker, 2))) {
        make_added(maker);
        return;
    }
    put_text_member(maker->writer, "id", task->id);
    if (kind > 3) {
        put_text_member(maker->writer, "status", "done");
        put_fence(maker, task);
        put_evidence(maker);
    } else if (kind == 3) {
        put_text_member(maker->writer, "status", task->closed ? "open" : "dropped");
        put_text_member(maker->writer, "why", "for a \"reason\"");
    } else {
        put_raw_member(maker->writer, "version", below(maker, 3) ? "1" : "2");
        put_ids(maker, "needs");
    }
}

void make_evidence_report(struct maker *maker)
{
    const struct task_model *task = some_task(maker);
    for (unsigned tries = 0; task && !task->item_count && tries < 24; tries++)
        task = some_task(maker);
    put_text_member(maker->writer, "task", task ? task->id : "nowhere");
    put_raw_member(maker->writer, "index", below(maker, 3) ? "0" : "1");
    if (task && below(maker, 2))
        put_fence(maker, task);
    put_outcome(maker);
}

void make_task_query(struct maker *maker)
{
    static const char *const statuses[] = {"ready", "open", "done"};
    const struct task_model *task = some_task(maker);
    if (task && below(maker, 2))
        put_text_member(maker->writer, "id", task->id);
    if (below(maker, 2))
        put_text_member(maker->writer, "status", PICK(maker->writer->chance, statuses));
}

bool make_task_key(struct maker *maker)
{
    const struct task_model *task = some_task(maker);
    char key[80];
    for (unsigned tries = 0; task && (task->closed || task->holder[0]) && tries < 8; tries++)
        task = some_task(maker);
    if (!task)
        return false;
    snprintf(key, sizeof key, "task:%s", task->id);
    put_text_member(maker->writer, "key", key);
    return true;
}

/* ── what the hub says ── */

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static const char *status_of(const struct tasks_model *tasks, const struct task_model *task)
{
    if (task->closed)
        return task->done ? "done" : "dropped";
    if (task->holder[0])
        return "claimed";
    return waits(tasks, task) ? "blocked" : "ready";
}

/* Does it need itself, over however many others? */
static bool is_circle(const struct tasks_model *tasks, size_t from)
{
    bool reached[TASKS_TOLD] = {false}, more = true;
    reached[from] = true;
    while (more) {
        more = false;
        for (size_t i = 0; i < tasks->count; i++) {
            if (!reached[i])
                continue;
            if (needs(&tasks->at[i], from))
                return true;
            for (size_t k = 0; k < tasks->count; k++) {
                more = more || (needs(&tasks->at[i], k) && !reached[k]);
                reached[k] = reached[k] || needs(&tasks->at[i], k);
            }
        }
    }
    return false;
}

static void need(struct world *world, const struct tasks_model *tasks, struct task_model *task,
                 const json_t *id)
{
    int other = task_index(tasks, json_string_value(id));
    if (other == NOBODY)
        world_fail(world, "task %s needs what is not there", task->id);
    else
        task->needs[other / 64] |= 1ull << (other % 64);
}

static void take_needs(struct world *world, const struct tasks_model *tasks,
                       struct task_model *task, const json_t *payload)
{
    size_t at;
    json_t *id;
    task->needs[0] = task->needs[1] = 0;
    json_array_foreach(json_object_get(payload, "needs"), at, id) need(world, tasks, task, id);
    if (is_circle(tasks, (size_t)(task - tasks->at)))
        world_fail(world, "task %s needs itself", task->id);
}

static void task_added(struct world *world, struct tasks_model *tasks, const json_t *payload)
{
    size_t at;
    json_t *id;
    if (tasks->count == TASKS_TOLD || task_index(tasks, text_of(payload, "id")) != NOBODY) {
        world_fail(world, "task %s comes twice, or there are too many", text_of(payload, "id"));
        return;
    }
    tasks->at = realloc(tasks->at, (tasks->count + 1) * sizeof *tasks->at);
    size_t place = tasks->count++;
    struct task_model *task = &tasks->at[place];
    memset(task, 0, sizeof *task);
    snprintf(task->id, sizeof task->id, "%s", text_of(payload, "id"));
    snprintf(task->author, sizeof task->author, "%s", text_of(payload, "author"));
    take_needs(world, tasks, task, payload);
    json_array_foreach(json_object_get(payload, "blocks"), at, id)
    {
        int other = task_index(tasks, json_string_value(id));
        if (other != NOBODY && !tasks->at[other].closed)
            tasks->at[other].needs[place / 64] |= 1ull << (place % 64);
        else
            world_fail(world, "task %s blocks what is not open", task->id);
    }
    if (is_circle(tasks, place))
        world_fail(world, "task %s needs itself", task->id);
}

/* Of those that wait for it and for nothing else, each is told to be ready, and no other. */
static void check_ready(struct world *world, const struct tasks_model *tasks,
                        const struct task_model *closed, const json_t *payload)
{
    const json_t *ready = json_object_get(payload, "ready");
    size_t expected = 0, at;
    json_t *id;
    for (size_t i = 0; i < tasks->count; i++)
        expected += needs(&tasks->at[i], (size_t)(closed - tasks->at)) &&
                    strcmp(status_of(tasks, &tasks->at[i]), "ready") == 0;
    json_array_foreach(ready, at, id)
    {
        int other = task_index(tasks, json_string_value(id));
        if (other == NOBODY || !needs(&tasks->at[other], (size_t)(closed - tasks->at)) ||
            strcmp(status_of(tasks, &tasks->at[other]), "ready") != 0)
            world_fail(world, "%s is ready by %s, and is not", json_string_value(id), closed->id);
    }
    if (json_array_size(ready) != expected)
        world_fail(world, "%zu tasks are ready by %s, and %zu are told", expected, closed->id,
                   json_array_size(ready));
}

static void task_closed(struct world *world, struct tasks_model *tasks, struct task_model *task,
                        const json_t *payload, bool done)
{
    uint64_t fence = (uint64_t)json_integer_value(json_object_get(payload, "fence"));
    const json_t *items = json_object_get(payload, "evidence");
    if (task->closed || strcmp(text_of(payload, "held_by"), task->holder) != 0)
        world_fail(world, "task %s of \"%s\" ends twice, or in another's hands", task->id,
                   task->holder);
    if (done && (!task->holder[0] || strcmp(text_of(payload, "by"), task->holder) != 0 ||
                 fence != task->fence || waits(tasks, task)))
        world_fail(world, "task %s is done by %s, and \"%s\" holds it", task->id,
                   text_of(payload, "by"), task->holder);
    task->closed = true;
    task->done = done;
    task->holder[0] = '\0';
    task->rerun_count = 0;
    task->item_count = json_array_size(items);
    for (size_t i = 0; i < task->item_count && i < TASK_ITEMS; i++) {
        const json_t *item = json_array_get(items, i);
        task->items[i].exit = json_integer_value(json_object_get(item, "exit"));
        snprintf(task->items[i].sha256, sizeof task->items[i].sha256, "%s",
                 text_of(item, "sha256"));
    }
    check_ready(world, tasks, task, payload);
}

/* ── evidence ── */

static bool is_other(const struct task_model *task, const struct rerun_model *rerun)
{
    return rerun->exit != task->items[rerun->index].exit ||
           (*task->items[rerun->index].sha256 &&
            strcmp(rerun->sha256, task->items[rerun->index].sha256) != 0);
}

static const char *item_judged(const struct task_model *task, size_t index)
{
    unsigned same = 0, other = 0, pairs = 0;
    for (size_t i = 0; i < task->rerun_count; i++) {
        const struct rerun_model *one = &task->reruns[i];
        if (one->index != index || !one->counts)
            continue;
        same += !is_other(task, one);
        other += is_other(task, one);
        for (size_t k = 0; k < i; k++) {
            const struct rerun_model *two = &task->reruns[k];
            pairs +=
                two->index == index && two->counts && is_other(task, one) && is_other(task, two) &&
                one->exit == two->exit &&
                (one->exit != task->items[index].exit || strcmp(one->sha256, two->sha256) == 0);
        }
    }
    if (same + other < 2)
        return "unverified";
    if (same >= 2 && !pairs)
        return "confirmed";
    return pairs && same < 2 ? "refuted" : "contested";
}

static const char *task_judged(const struct task_model *task)
{
    static const char *const worst[] = {"refuted", "contested", "unverified", "confirmed"};
    for (size_t rank = 0; task->item_count && rank < 4; rank++)
        for (size_t i = 0; i < task->item_count; i++)
            if (strcmp(item_judged(task, i), worst[rank]) == 0)
                return worst[rank];
    return "none";
}

static void task_reported(struct world *world, struct task_model *task, const json_t *payload)
{
    const json_t *report = json_object_get(payload, "report");
    struct rerun_model rerun = {.index =
                                    (size_t)json_integer_value(json_object_get(report, "index")),
                                .exit = json_integer_value(json_object_get(report, "exit")),
                                .counts = json_is_true(json_object_get(report, "counts"))};
    snprintf(rerun.owner, sizeof rerun.owner, "%s", text_of(report, "owner"));
    snprintf(rerun.sha256, sizeof rerun.sha256, "%s", text_of(report, "sha256"));
    if (!task->done || rerun.index >= task->item_count ||
        (rerun.counts && (strcmp(rerun.owner, task->author) == 0 ||
                          strcmp(rerun.owner, text_of(payload, "closed_by")) == 0)) ||
        json_is_true(json_object_get(report, "agrees")) == is_other(task, &rerun)) {
        world_fail(world, "a report on %s of %s's, which is none", task->id, rerun.owner);
        return;
    }
    size_t place = 0;
    while (place < task->rerun_count && (task->reruns[place].index != rerun.index ||
                                         strcmp(task->reruns[place].owner, rerun.owner) != 0))
        place++;
    if (place == TASK_RERUNS)
        return;
    task->rerun_count += place == task->rerun_count;
    task->reruns[place] = rerun;
    if (strcmp(text_of(payload, "evidence_status"), task_judged(task)) != 0)
        world_fail(world, "evidence of %s is %s, and told to be %s", task->id, task_judged(task),
                   text_of(payload, "evidence_status"));
}

/* ── all of it ── */

static void task_claimed(struct world *world, const struct tasks_model *tasks,
                         struct task_model *task, const json_t *payload)
{
    uint64_t fence = (uint64_t)json_integer_value(json_object_get(payload, "fence"));
    if (task->closed || task->holder[0] || waits(tasks, task) || fence <= task->fence)
        world_fail(world, "%s is claimed by %s, and may not be", task->id,
                   text_of(payload, "holder"));
    snprintf(task->holder, sizeof task->holder, "%s", text_of(payload, "holder"));
    task->fence = fence;
}

static void task_told(struct world *world, struct tasks_model *tasks, const json_t *payload)
{
    const char *change = text_of(payload, "change");
    if (strcmp(change, "added") == 0)
        task_added(world, tasks, payload);
    int at = task_index(tasks, text_of(payload, "id"));
    if (at == NOBODY) {
        world_fail(world, "%s is %s, and not there", text_of(payload, "id"), change);
        return;
    }
    struct task_model *task = &tasks->at[at];
    if (strcmp(change, "claimed") == 0) {
        task_claimed(world, tasks, task, payload);
    } else if (strcmp(change, "released") == 0 || strcmp(change, "expired") == 0) {
        if (!task->holder[0] || strcmp(text_of(payload, "held_by"), task->holder) != 0)
            world_fail(world, "%s is %s, and \"%s\" has it", task->id, change, task->holder);
        task->holder[0] = '\0';
    } else if (strcmp(change, "done") == 0 || strcmp(change, "dropped") == 0) {
        task_closed(world, tasks, task, payload, strcmp(change, "done") == 0);
    } else if (strcmp(change, "edited") == 0) {
        take_needs(world, tasks, task, payload);
    } else if (strcmp(change, "opened") == 0) {
        if (!task->closed)
            world_fail(world, "%s is opened, and is open", task->id);
        task->closed = task->done = false;
        task->item_count = 0;
    } else if (strcmp(change, "reported") == 0) {
        task_reported(world, task, payload);
    }
    if (strcmp(text_of(payload, "status"), status_of(tasks, task)) != 0)
        world_fail(world, "%s is %s, and told to be %s", task->id, status_of(tasks, task),
                   text_of(payload, "status"));
}

void tasks_follow(struct world *world, const struct effect *effect)
{
    static const char word[] = "\"message_type\":\"task\"";
    int room = room_index(effect->room);
    if (!memmem(effect->line.at, effect->line.len, word, sizeof word - 1))
        return;
    struct text line = {0};
    text_add(&line, effect->line);
    text_add_literal(&line, "}");
    json_t *object = json_loadb(line.at, line.len, JSON_ALLOW_NUL, NULL);
    if (strcmp(text_of(object, "sender_id"), "hub") == 0)
        task_told(world, &world->tasks[room], json_object_get(object, "payload"));
    json_decref(object);
    text_free(&line);
}
