/* A task as a row, out and in. What it needs is settled when all rows of its room are there. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/collaboration.h"
#include "core/load.h"
#include "core/memory.h"

static const char *const state_texts[] = {
    [TASK_OPEN] = "open", [TASK_DONE] = "done", [TASK_DROPPED] = "dropped"};

/* ── out ── */

static void outcome_out(const struct outcome *outcome, struct text *text)
{
    text_addf(text, ",\"exit\":%" PRIu64 ",\"sha256\":\"%s\"", outcome->exit, outcome->sha256);
}

static void item_out(const struct item *item, struct text *text)
{
    text_add_literal(text, "{\"command\":");
    text_add_string(text, item->command);
    text_add_member(text, "printed", item->printed);
    text_add_member(text, "artifact", slice_of(item->artifact));
    outcome_out(&item->outcome, text);
    text_add_literal(text, ",\"reports\":[");
    for (size_t i = 0; i < item->rerun_count; i++) {
        const struct rerun *rerun = &item->reruns[i];
        text_add_literal(text, i ? ",{\"by\":" : "{\"by\":");
        text_add_string(text, rerun->ai_id);
        text_add_member(text, "owner", rerun->owner);
        text_add_member(text, "note", rerun->note);
        outcome_out(&rerun->outcome, text);
        text_addf(text, ",\"seq\":%" PRIu64 ",\"counts\":%s}", rerun->seq,
                  rerun->counts ? "true" : "false");
    }
    text_add_literal(text, "]}");
}

void task_write_row(const struct task *task, struct text *text)
{
    text_addf(text,
              "\"seq\":%" PRIu64 ",\"version\":%" PRIu64 ",\"created_ms\":%" PRId64
              ",\"changed_ms\":%" PRId64 ",\"state\":\"%s\"",
              task->seq, task->version, task->created_ms, task->changed_ms,
              state_texts[task->state]);
    text_add_member(text, "author", task->author);
    text_add_member(text, "owner", task->owner);
    text_add_member(text, "title", task->title);
    text_add_member(text, "body", task->body);
    text_add_literal(text, ",\"needs\":");
    task_ids_write(&task->needs, false, text);
    text_add_member(text, "closer", task->closer);
    text_add_member(text, "closer_owner", task->closer_owner);
    text_add_member(text, "why", task->why);
    text_addf(text, ",\"title_seq\":%" PRIu64 ",\"body_seq\":%" PRIu64 ",\"why_seq\":%" PRIu64,
              task->title_seq, task->body_seq, task->why_seq);
    text_addf(text, ",\"fence\":%" PRIu64 ",\"order\":%" PRIu64 ",\"evidence\":[", task->fence,
              task->order);
    for (size_t i = 0; i < task->evidence.count; i++) {
        text_add_literal(text, i ? "," : "");
        item_out(&task->evidence.items[i], text);
    }
    text_add_literal(text, "]");
}

/* ── in ── */

static void outcome_in(struct loading *loading, struct json_value object, struct outcome *outcome)
{
    outcome->exit = load_u64(loading, object, "exit");
    load_short(loading, object, "sha256", outcome->sha256, sizeof outcome->sha256);
    if (outcome->exit > EVIDENCE_EXIT_MAX ||
        (*outcome->sha256 && !commitment_digest_fits(slice_of(outcome->sha256))))
        load_damage(loading, "exit");
}

static void rerun_in(struct loading *loading, struct json_value object, struct item *item)
{
    struct rerun rerun = {.ai_id = load_text(loading, object, "by"),
                          .owner = load_text(loading, object, "owner"),
                          .note = load_text(loading, object, "note"),
                          .seq = load_u64(loading, object, "seq"),
                          .counts = load_bool(loading, object, "counts")};
    outcome_in(loading, object, &rerun.outcome);
    rerun.agrees = outcome_agrees(item, &rerun.outcome);
    if (rerun.ai_id.len && rerun.owner.len && item->rerun_count < RERUNS_MAX)
        item_put(item, &rerun);
    else
        load_damage(loading, "reports");
    slice_free(&rerun.ai_id);
    slice_free(&rerun.owner);
    slice_free(&rerun.note);
}

static void item_in(struct loading *loading, struct json_value object, struct evidence *evidence)
{
    struct json_iterator reports = {.rest = load_array(loading, object, "reports").raw};
    struct json_value report;
    struct item read = {.command = load_text(loading, object, "command"),
                        .printed = load_text(loading, object, "printed")};
    load_short(loading, object, "artifact", read.artifact, sizeof read.artifact);
    outcome_in(loading, object, &read.outcome);
    if (!read.command.len || evidence->count == EVIDENCE_MAX)
        load_damage(loading, "command");
    struct item *item = evidence_add(evidence, &read);
    slice_free(&read.command);
    slice_free(&read.printed);
    while (json_next_element(&reports, &report))
        rerun_in(loading, report, item);
}

static enum task_state state_in(struct loading *loading)
{
    struct json_value state = json_get(loading->object, "state");
    for (int at = TASK_OPEN; at <= TASK_DROPPED; at++)
        if (json_string_is(state, slice_of(state_texts[at])))
            return (enum task_state)at;
    load_damage(loading, "state");
    return TASK_DROPPED;
}

void load_task(struct loading *loading)
{
    struct room *room = loading->room;
    struct json_value object = loading->object, needs = load_array(loading, object, "needs");
    struct json_iterator items = {.rest = load_array(loading, object, "evidence").raw};
    struct json_value item;
    struct slice key = loading->row->key;
    if (!key.len || key.len > TASK_ID_BYTES_MAX || task_find(room, key)) {
        load_damage(loading, "key");
        return;
    }
    struct task *task = memory_new(sizeof *task);
    task->key = slice_copy(key);
    index_add(&room->tasks.index, task);
    task->seq = load_u64(loading, object, "seq");
    task->version = load_u64(loading, object, "version");
    task->created_ms = load_i64(loading, object, "created_ms");
    task->changed_ms = load_i64(loading, object, "changed_ms");
    task->state = state_in(loading);
    task->author = load_text(loading, object, "author");
    task->owner = load_text(loading, object, "owner");
    task->title = load_text(loading, object, "title");
    task->body = load_text(loading, object, "body");
    task->closer = load_text(loading, object, "closer");
    task->closer_owner = load_text(loading, object, "closer_owner");
    task->why = load_text(loading, object, "why");
    task->title_seq = load_u64(loading, object, "title_seq");
    task->body_seq = load_u64(loading, object, "body_seq");
    task->why_seq = load_u64(loading, object, "why_seq");
    task->fence = load_u64(loading, object, "fence");
    task->order = load_u64(loading, object, "order");
    task->needed = slice_copy(needs.raw);
    while (json_next_element(&items, &item))
        item_in(loading, item, &task->evidence);
    if (!task->seq || task->seq > room->last_seq || !task->author.len || !task->title.len)
        load_damage(loading, "seq");
}

void task_restore(struct room *room, void *object)
{
    struct tasks *tasks = &room->tasks;
    struct task *task = object;
    bool open = task->state == TASK_OPEN;
    TAILQ_INSERT_TAIL(&tasks->list, task, next);
    task->bytes = task_cost(task);
    *(open ? &tasks->open_count : &tasks->closed_count) += 1;
    *(open ? &tasks->open_bytes : &tasks->closed_bytes) += task->bytes;
    task_link_lease(room, task);
}

void task_restore_closed(struct room *room, void *object)
{
    struct task *task = object;
    if (task->state != TASK_OPEN)
        TAILQ_INSERT_TAIL(&room->tasks.closed, task, next_closed);
}

/* False: one of them is not there, or is the task itself, or waits for it. */
static bool needs_link(struct room *room, struct task *task)
{
    struct json_iterator ids = {.rest = task->needed};
    struct task_set needs = {0}, none = {0};
    struct json_value id;
    bool whole = true;
    while (whole && json_next_element(&ids, &id)) {
        struct slice key = load_string(id);
        struct task *needed = task_find(room, key);
        slice_free(&key);
        whole = needed && needs.count < TASK_NEEDS_MAX;
        if (whole)
            task_set_add(&needs, needed);
    }
    whole = whole && !tasks_circle(room, task, &needs, &none);
    for (size_t i = 0; whole && i < needs.count; i++)
        whole = task_wait_for(task, needs.at[i]);
    task_set_free(&needs);
    slice_free(&task->needed);
    task->needed = (struct slice){NULL, 0};
    return whole;
}

int tasks_link(struct room *room, char *ret_why, size_t size)
{
    struct task *task;
    TAILQ_FOREACH (task, &room->tasks.list, next) {
        bool held = task->lease && task->state != TASK_OPEN;
        if (!held && needs_link(room, task))
            continue;
        snprintf(ret_why, size, "room \"%.*s\": task %.*s %s", SLICE_FORMAT(room->key),
                 SLICE_FORMAT(task->key),
                 held ? "is closed, and claimed" : "needs what is not there, or needs itself");
        return -1;
    }
    return 0;
}
