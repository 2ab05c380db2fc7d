/* approval_query: what waits for a person in a room, and what was decided. */
#include "core/effects.h"
#include "core/handlers.h"
#include "core/order_page.h"
#include "core/state.h"

struct approval_query {
    char id_text[APPROVAL_ID_MAX], status_text[16];
    struct slice id, status; /* len 0: any */
    struct order_page page;
};

static int status_check(const struct request *request, struct slice status)
{
    for (int at = 0; at < APPROVAL_STATUS_COUNT; at++)
        if (slice_is(status, approval_status_text((enum approval_status)at)))
            return 0;
    return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                  "payload.status is \"%.*s\", and must be pending, answered, timed_out or "
                  "withdrawn",
                  SLICE_FORMAT(status));
}

static int query_read(struct request *request, struct approval_query *query)
{
    struct json_value payload = request->message->payload;
    int error;
    if ((error = payload_text(request, payload, "payload.id", OPTIONAL, sizeof query->id_text,
                              query->id_text, &query->id)) < 0 ||
        (error = payload_text(request, payload, "payload.status", OPTIONAL,
                              sizeof query->status_text, query->status_text, &query->status)) < 0 ||
        (query->status.len && (error = status_check(request, query->status)) < 0))
        return error;
    return order_page_read(request, &query->page);
}

/* The two lists as one, in the order of `order`: that of the questions, or of their decisions. */
static const struct approval *merge_next(const struct approval **decided,
                                         const struct approval **pending)
{
    bool first = *decided && (!*pending || (*decided)->order < (*pending)->order);
    const struct approval **from = first ? decided : pending;
    const struct approval *approval = *from;
    if (approval)
        *from = TAILQ_NEXT(approval, next);
    return approval;
}

static void approval_tell(const struct request *request, struct approval_query *query,
                          const struct approval *approval)
{
    struct text *text = query->page.text;
    bool wanted =
        !query->status.len || slice_is(query->status, approval_status_text(approval->status));
    if (!wanted || !approval_shown(request->room, approval, request->member) ||
        !order_page_tells(&query->page, approval->order))
        return;
    text_add_literal(text, "{");
    approval_write(approval, text);
    text_add_literal(text, "}");
}

static void many_tell(const struct request *request, struct approval_query *query)
{
    const struct approvals *approvals = &request->room->approvals;
    const struct approval *decided = TAILQ_FIRST(&approvals->decided);
    const struct approval *pending = TAILQ_FIRST(&approvals->pending), *approval;
    while ((approval = merge_next(&decided, &pending)))
        approval_tell(request, query, approval);
}

int approval_query_answer(struct request *request, const struct seat *to)
{
    struct approval_query query = {.page = {0}};
    struct outgoing outgoing;
    int error = query_read(request, &query);
    if (error < 0)
        return error;
    const struct approval *one = index_find(&request->room->approvals.all, query.id);
    if (query.id.len && !(one && approval_shown(request->room, one, request->member)))
        return refuse(request->refusal, WIRE_NOT_FOUND,
                      "there is no approval \"%.*s\" here that you may see",
                      SLICE_FORMAT(query.id));
    struct text *text =
        hub_message_begin(request, MESSAGE_APPROVAL_RESULT, slice_of("hub"), request->member->key);
    text_add_literal(text, "{\"in_reply_to\":");
    text_add_string(text, request->message->message_id);
    order_page_begin(&query.page, text, "approvals");
    if (one)
        approval_tell(request, &query, one);
    else
        many_tell(request, &query);
    order_page_total(&query.page);
    order_page_next(&query.page);
    text_add_literal(text, "}");
    hub_message_end(request, MESSAGE_APPROVAL_RESULT, &outgoing);
    effect_to_connection(request, &outgoing, to);
    return 0;
}
