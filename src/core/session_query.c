/* session_query: the sessions of a room, live and ended, and the workspace of one. */
#include <inttypes.h>

#include "core/collaboration.h"
#include "core/effects.h"
#include "core/handlers.h"
#include "core/order_page.h"
#include "core/state.h"

struct session_query {
    char id_text[WIRE_ID_MAX], key_text[WORKSPACE_KEY_BYTES_MAX];
    struct slice id;  /* len 0: many */
    struct slice key; /* of the workspace: behind this one; len 0: from the first */
    struct order_page page;
};

static int query_read(struct request *request, struct session_query *query)
{
    struct json_value payload = request->message->payload;
    int error;
    if ((error = payload_text(request, payload, "payload.id", OPTIONAL, sizeof query->id_text,
                              query->id_text, &query->id)) < 0 ||
        (error = payload_text(request, payload, "payload.key", OPTIONAL, sizeof query->key_text,
                              query->key_text, &query->key)) < 0)
        return error;
    return order_page_read(request, &query->page);
}

/* Its members, from "session_id" on, without the last brace. */
static void session_told(const struct session *session, struct text *text)
{
    char time[TIMESTAMP_SIZE];
    session_write(session, false, text);
    text->len--; /* its brace */
    text_add_member(text, "target", session->target);
    text_add_member(text, "description", session->description);
    timestamp_format(session->created_ms, time);
    text_add_member(text, "created", slice_of(time));
    timestamp_format(session->changed_ms, time);
    text_add_member(text, "changed", slice_of(time));
    text_addf(text, ",\"keys\":%zu", session->workspace.count);
}

/* ── many ── */

/* The two lists as one, in the order of `order`: that of a session's making, or end. */
static const struct session *merge_next(const struct session **ended, const struct session **live)
{
    bool first = *ended && (!*live || (*ended)->order < (*live)->order);
    const struct session **from = first ? ended : live;
    const struct session *session = *from;
    if (session)
        *from = TAILQ_NEXT(session, next);
    return session;
}

static void many_write(const struct request *request, struct order_page *page, struct text *text)
{
    const struct room *room = request->room;
    const struct session *ended = TAILQ_FIRST(&room->ended), *live = TAILQ_FIRST(&room->live);
    const struct session *session;
    order_page_begin(page, text, "sessions");
    while ((session = merge_next(&ended, &live))) {
        if (!session_shown(room, session, request->member) ||
            !order_page_tells(page, session->order))
            continue;
        session_told(session, text);
        text_add_literal(text, "}");
    }
    order_page_total(page);
    order_page_next(page);
}

/* ── one ── */

struct cells {
    const struct session_query *query;
    struct text *text;
    size_t begun;
    const struct cell *last;
    bool more;
};

static void cell_tell(void *object, void *ctx)
{
    const struct cell *cell = object;
    struct cells *cells = ctx;
    struct text *text = cells->text;
    if (cells->query->key.len && slice_compare(cell->key, cells->query->key) <= 0)
        return;
    cells->more = cells->more || (cells->last && text->len - cells->begun + cell->value.len >
                                                     cells->query->page.bytes_max);
    if (cells->more)
        return;
    text_add_literal(text, cells->last ? "," : "");
    text_add_string(text, cell->key);
    text_addf(text, ":{\"version\":%" PRIu64 ",\"value\":", cell->version);
    text_add(text, cell->value);
    text_add_literal(text, "}");
    cells->last = cell;
}

static void one_write(const struct session *session, const struct session_query *query,
                      struct text *text)
{
    struct cells cells = {.query = query, .text = text, .begun = text->len};
    text_add_literal(text, ",\"session\":");
    session_told(session, text);
    text_add_literal(text, ",\"workspace\":{");
    index_walk(&session->workspace, cell_tell, &cells);
    text_add_literal(text, "}},\"next\":");
    if (cells.more)
        text_add_string(text, cells.last->key);
    else
        text_add_literal(text, "null");
}

int session_query_answer(struct request *request, const struct seat *to)
{
    struct session_query query = {.page = {0}};
    struct outgoing outgoing;
    int error = query_read(request, &query);
    if (error < 0)
        return error;
    const struct session *session = query.id.len ? session_find(request->room, query.id) : NULL;
    if (query.id.len && (!session || !session_shown(request->room, session, request->member)))
        return refuse(request->refusal, WIRE_UNKNOWN_SESSION,
                      "there is no session \"%.*s\" here that you may see", SLICE_FORMAT(query.id));
    struct text *text =
        hub_message_begin(request, MESSAGE_SESSION_RESULT, slice_of("hub"), request->member->key);
    text_add_literal(text, "{\"in_reply_to\":");
    text_add_string(text, request->message->message_id);
    if (session)
        one_write(session, &query, text);
    else
        many_write(request, &query.page, text);
    text_add_literal(text, "}");
    hub_message_end(request, MESSAGE_SESSION_RESULT, &outgoing);
    effect_to_connection(request, &outgoing, to);
    return 0;
}
