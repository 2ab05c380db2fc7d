/* task_query: the tasks of a room, and one with its texts and evidence; a task as JSON. */
#include <inttypes.h>

#include "core/collaboration.h"
#include "core/handlers.h"
#include "core/order_page.h"
#include "core/state.h"

/* ── one task ── */

void task_ids_write(const struct task_set *set, bool open_alone, struct text *text)
{
    const char *before = "";
    text_add_literal(text, "[");
    for (size_t i = 0; i < set->count; i++) {
        if (open_alone && set->at[i]->state != TASK_OPEN)
            continue;
        text_add_literal(text, before);
        text_add_string(text, set->at[i]->key);
        before = ",";
    }
    text_add_literal(text, "]");
}

static void holder_write(const struct task *task, struct text *text)
{
    const struct lease *lease = task->lease;
    text_add_literal(text, ",\"holder\":");
    if (lease)
        text_add_string(text, lease->holder);
    else
        text_add_literal(text, "null");
    text_add_literal(text, ",\"fence\":");
    if (lease || task->fence)
        text_add_number(text, lease ? lease->fence : task->fence);
    else
        text_add_literal(text, "null");
    if (lease && lease->intent.len)
        text_add_member(text, "intent", lease->intent);
}

void task_write(const struct task *task, bool whole, struct text *text)
{
    char time[TIMESTAMP_SIZE];
    text_add_literal(text, "\"id\":");
    text_add_string(text, task->key);
    text_addf(text, ",\"seq\":%" PRIu64, task->seq);
    text_add_member(text, "title", task->title);
    text_addf(text, ",\"status\":\"%s\",\"version\":%" PRIu64, task_status_text(task_status(task)),
              task->version);
    text_add_member(text, "author", task->author);
    holder_write(task, text);
    text_add_literal(text, ",\"blocked_by\":");
    task_ids_write(&task->needs, true, text);
    timestamp_format(task->created_ms, time);
    text_addf(text, ",\"created\":\"%s\"", time);
    timestamp_format(task->changed_ms, time);
    text_addf(text, ",\"changed\":\"%s\"", time);
    if (task->state != TASK_OPEN)
        text_add_member(text, "closed_by", task->closer);
    if (task->why.len)
        text_add_member(text, "why", task->why);
    if (task->state == TASK_DONE)
        text_addf(text, ",\"evidence_status\":\"%s\"",
                  evidence_status_text(evidence_status(&task->evidence)));
    if (!whole)
        return;
    text_add_member(text, "owner", task->owner);
    text_add_member(text, "body", task->body);
    text_add_literal(text, ",\"needs\":");
    task_ids_write(&task->needs, false, text);
    text_add_literal(text, ",\"blocks\":");
    task_ids_write(&task->blocks, false, text);
    if (task->state != TASK_DONE)
        return;
    text_add_member(text, "closed_by_owner", task->closer_owner);
    text_add_literal(text, ",\"evidence\":");
    evidence_write(&task->evidence, true, text);
}

/* ── the question ── */

struct task_query {
    char id_text[TASK_ID_BYTES_MAX], holder_text[WIRE_ID_MAX], author_text[WIRE_ID_MAX];
    struct slice id, holder, author; /* len 0: any */
    unsigned statuses;               /* a bit for each that is wanted */
    struct order_page page;
};

static int statuses_read(const struct request *request, struct json_value value,
                         unsigned *ret_statuses)
{
    char shown[PAYLOAD_SHOWN_SIZE];
    const unsigned open = 1u << TASK_IS_READY | 1u << TASK_IS_BLOCKED | 1u << TASK_IS_CLAIMED;
    *ret_statuses = (1u << TASK_STATUS_COUNT) - 1;
    if (value.kind == JSON_KIND_ABSENT || value.kind == JSON_KIND_NULL)
        return 0;
    if (json_string_is(value, slice_of("open"))) {
        *ret_statuses = open;
        return 0;
    }
    for (unsigned status = 0; status < TASK_STATUS_COUNT; status++) {
        if (!json_string_is(value, slice_of(task_status_text((enum task_status)status))))
            continue;
        *ret_statuses = 1u << status;
        return 0;
    }
    return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                  "payload.status must be \"ready\", \"blocked\", \"claimed\", \"done\", "
                  "\"dropped\" or \"open\" (the first three), and is %s",
                  payload_shown(value, shown));
}

static int query_read(struct request *request, struct task_query *query)
{
    struct json_value payload = request->message->payload;
    int error;
    if ((error = payload_text(request, payload, "payload.id", OPTIONAL, sizeof query->id_text,
                              query->id_text, &query->id)) < 0 ||
        (error = payload_text(request, payload, "payload.holder", OPTIONAL,
                              sizeof query->holder_text, query->holder_text, &query->holder)) < 0 ||
        (error = payload_text(request, payload, "payload.author", OPTIONAL,
                              sizeof query->author_text, query->author_text, &query->author)) < 0 ||
        (error = statuses_read(request, json_get(payload, "status"), &query->statuses)) < 0)
        return error;
    return order_page_read(request, &query->page);
}

static bool query_wants(const struct task_query *query, const struct task *task)
{
    return (query->statuses >> task_status(task) & 1u) &&
           (!query->author.len || slice_equal(query->author, task->author)) &&
           (!query->holder.len || (task->lease && slice_equal(query->holder, task->lease->holder)));
}

static void many_write(const struct request *request, struct task_query *query, struct text *text)
{
    const struct task *task;
    size_t counts[TASK_STATUS_COUNT] = {0};
    order_page_begin(&query->page, text, "tasks");
    TAILQ_FOREACH (task, &request->room->tasks.list, next) {
        counts[task_status(task)]++;
        if (!query_wants(query, task) || !order_page_tells(&query->page, task->seq))
            continue;
        text_add_literal(text, "{");
        task_write(task, false, text);
        text_add_literal(text, "}");
    }
    order_page_total(&query->page);
    text_add_literal(text, ",\"counts\":{");
    for (unsigned status = 0; status < TASK_STATUS_COUNT; status++)
        text_addf(text, "%s\"%s\":%zu", status ? "," : "",
                  task_status_text((enum task_status)status), counts[status]);
    text_add_literal(text, "}");
    order_page_next(&query->page);
}

int task_query_answer(struct request *request, const struct seat *to)
{
    struct task_query query = {.statuses = 0};
    struct outgoing outgoing;
    int error = query_read(request, &query);
    if (error < 0)
        return error;
    const struct task *task = query.id.len ? task_find(request->room, query.id) : NULL;
    if (query.id.len && !task)
        return refuse(request->refusal, WIRE_NOT_FOUND, "there is no task \"%.*s\" in this room",
                      SLICE_FORMAT(query.id));
    struct text *text =
        hub_message_begin(request, MESSAGE_TASK_RESULT, slice_of("hub"), request->member->key);
    text_add_literal(text, "{\"in_reply_to\":");
    text_add_string(text, request->message->message_id);
    if (task) {
        text_add_literal(text, ",\"task\":{");
        task_write(task, true, text);
        text_add_literal(text, "}");
    } else {
        many_write(request, &query, text);
    }
    text_add_literal(text, "}");
    hub_message_end(request, MESSAGE_TASK_RESULT, &outgoing);
    effect_to_connection(request, &outgoing, to);
    return 0;
}
