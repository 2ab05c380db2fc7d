/* What others are told of a task, and what leases.c asks and tells of one that is claimed. */
#include <inttypes.h>
#include <stdio.h>

#include "core/collaboration.h"
#include "core/state.h"

static void rerun_tell(const struct task *task, const struct task_news *news, struct text *text)
{
    const struct item *item = &task->evidence.items[news->index];
    text_addf(text, ",\"report\":{\"index\":%zu,", news->index);
    rerun_write(news->rerun, text);
    text_addf(text, ",\"status\":\"%s\"},\"evidence_was\":\"%s\"",
              evidence_status_text(item_status(item)), evidence_status_text(news->evidence_was));
}

void task_tell(struct request *request, const struct task *task, const struct task_news *news)
{
    struct outgoing outgoing;
    struct text *text =
        hub_message_begin(request, MESSAGE_TASK, slice_of("hub"), (struct slice){NULL, 0});
    text_addf(text, "{\"change\":\"%s\",", news->change);
    task_write(task, news->whole, text);
    text_addf(text, ",\"was\":\"%s\",\"by\":", task_status_text(news->was));
    if (news->by.len)
        text_add_string(text, news->by);
    else
        text_add_literal(text, "null");
    if (news->held_by.len)
        text_add_member(text, "held_by", news->held_by);
    if (news->ready && news->ready->count) {
        text_add_literal(text, ",\"ready\":");
        task_ids_write(news->ready, false, text);
    }
    if (news->rerun)
        rerun_tell(task, news, text);
    if (request->message)
        text_add_member(text, "in_reply_to", request->message->message_id);
    text_add_literal(text, "}");
    hub_message_end(request, MESSAGE_TASK, &outgoing);
    effect_to_room(request, &outgoing, NULL);
    hub_note(request->hub, request->from, HUB_TASK, task->key, slice_of(news->change));
}

const char *task_waits_for(const struct task *task, char buffer[TASK_WAITS_SIZE])
{
    size_t len = 0, left = task->open_needs;
    for (size_t i = 0; i < task->needs.count; i++) {
        const struct task *needed = task->needs.at[i];
        if (needed->state != TASK_OPEN)
            continue;
        if (len + needed->key.len + WIRE_ID_MAX + 32 > TASK_WAITS_SIZE) {
            snprintf(buffer + len, TASK_WAITS_SIZE - len, " and %zu more", left);
            break;
        }
        len += (size_t)snprintf(buffer + len, TASK_WAITS_SIZE - len, "%s%.*s", len ? ", " : "",
                                SLICE_FORMAT(needed->key));
        if (needed->lease)
            len += (size_t)snprintf(buffer + len, TASK_WAITS_SIZE - len, " (claimed by \"%.*s\")",
                                    SLICE_FORMAT(needed->lease->holder));
        left--;
    }
    return buffer;
}

/* ── claims ── */

int task_claim_check(struct request *request, struct slice lease_key)
{
    char waits[TASK_WAITS_SIZE];
    struct slice id = task_id_of(lease_key);
    const struct task *task = task_find(request->room, id);
    if (!task)
        return refuse(request->refusal, WIRE_NOT_FOUND, "there is no task \"%.*s\" in this room",
                      SLICE_FORMAT(id));
    if (task->state != TASK_OPEN) {
        text_add_literal(&request->extra, ",\"task\":{");
        task_write(task, false, &request->extra);
        text_add_literal(&request->extra, "}");
        return refuse(request->refusal, WIRE_CONFLICT, "task %.*s is %s already, by \"%.*s\"",
                      SLICE_FORMAT(id), task_status_text(task_status(task)),
                      SLICE_FORMAT(task->closer));
    }
    if (!task->open_needs)
        return 0;
    text_add_literal(&request->extra, ",\"blocked_by\":");
    task_ids_write(&task->needs, true, &request->extra);
    return refuse(request->refusal, WIRE_CONFLICT, "task %.*s is blocked: it waits for %s",
                  SLICE_FORMAT(id), task_waits_for(task, waits));
}

void task_claimed(struct request *request, struct task *task)
{
    task->changed_ms = request->entry->time_ms;
    task_changed(request->room, task);
    task_tell(
        request, task,
        &(struct task_news){.change = "claimed", .was = TASK_IS_READY, .by = request->member->key});
}

void task_unclaimed(struct request *request, struct task *task, struct slice holder,
                    const char *how)
{
    bool said = request->message != NULL;
    task->changed_ms = request->entry->time_ms;
    task_changed(request->room, task);
    task_tell(request, task,
              &(struct task_news){.change = how,
                                  .was = TASK_IS_CLAIMED,
                                  .by = said ? holder : (struct slice){NULL, 0},
                                  .held_by = holder});
}
