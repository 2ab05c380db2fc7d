/* artifact_query: which files there are, and their bytes, a chunk at a time. The core says who may
 * read what; the edge reads, beside the loop; the answer to the asker is made here. */
#include <inttypes.h>

#include "core/artifacts.h"
#include "core/collaboration.h"
#include "core/order_page.h"
#include "core/state.h"
#include "wire/base64.h"

struct artifact_query {
    char session_text[WIRE_ID_MAX], name_text[ARTIFACT_NAME_MAX],
        sha256_text[COMMITMENT_DIGEST_SIZE];
    struct slice session_id, name, sha256; /* len 0: any */
    uint64_t index;                        /* of the chunk; UINT64_MAX: none, but a list */
    struct order_page page;
};

static int query_read(const struct request *request, struct artifact_query *query)
{
    struct json_value payload = request->message->payload;
    int error;
    query->index = UINT64_MAX;
    if ((error = payload_text(request, payload, "payload.session_id", OPTIONAL,
                              sizeof query->session_text, query->session_text,
                              &query->session_id)) < 0 ||
        (error = payload_text(request, payload, "payload.name", OPTIONAL, sizeof query->name_text,
                              query->name_text, &query->name)) < 0 ||
        (error = payload_text(request, payload, "payload.sha256", OPTIONAL,
                              sizeof query->sha256_text, query->sha256_text, &query->sha256)) < 0 ||
        (error = payload_u64(request, payload, "payload.index", 0, ARTIFACT_CHUNKS_MAX,
                             &query->index)) < 0)
        return error;
    return order_page_read(request, &query->page);
}

static bool is_asked_for(const struct request *request, const struct artifact_query *query,
                         const struct artifact *artifact)
{
    return (!query->session_id.len || slice_equal(query->session_id, artifact->session->key)) &&
           (!query->name.len || slice_equal(query->name, artifact->name)) &&
           (!query->sha256.len || slice_is(query->sha256, artifact->sha256)) &&
           artifact_shown(request->room, artifact, request->member);
}

static struct text *result_begin(struct request *request, struct slice to, struct slice in_reply_to)
{
    struct text *text = hub_message_begin(request, MESSAGE_ARTIFACT_RESULT, slice_of("hub"), to);
    text_add_literal(text, "{\"in_reply_to\":");
    text_add_string(text, in_reply_to);
    return text;
}

static void result_end(struct request *request, const struct seat *to)
{
    struct outgoing outgoing;
    hub_message_end(request, MESSAGE_ARTIFACT_RESULT, &outgoing);
    effect_to_connection(request, &outgoing, to);
}

static void list_tell(struct request *request, struct artifact_query *query, const struct seat *to)
{
    const struct artifact *artifact;
    struct text *text = result_begin(request, request->member->key, request->message->message_id);
    order_page_begin(&query->page, text, "artifacts");
    TAILQ_FOREACH (artifact, &request->room->artifacts, next)
        if (is_asked_for(request, query, artifact) &&
            order_page_tells(&query->page, artifact->number))
            artifact_write(artifact, text);
    order_page_total(&query->page);
    order_page_next(&query->page);
    text_add_literal(text, "}");
    result_end(request, to);
}

/* Of those asked for the last that is whole, and has its name if any has. */
static const struct artifact *find_whole(const struct request *request,
                                         const struct artifact_query *query)
{
    const struct artifact *artifact, *found = NULL;
    TAILQ_FOREACH (artifact, &request->room->artifacts, next)
        if (artifact->version && is_asked_for(request, query, artifact) &&
            (!found || found->former || !artifact->former))
            found = artifact;
    return found;
}

static int chunk_ask(struct request *request, const struct artifact_query *query)
{
    const struct hub_edge *edge = &request->hub->edge;
    const struct artifact *artifact = find_whole(request, query);
    struct text *head = &request->extra;
    if (!query->sha256.len && !(query->session_id.len && query->name.len))
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "who asks for a chunk says of which file: payload.sha256, or "
                      "payload.session_id and payload.name");
    if (!artifact || query->index >= artifact_chunks(artifact) || !edge->read_chunk)
        return refuse(request->refusal, WIRE_NOT_FOUND,
                      artifact ? "the file has %zu chunks"
                               : "there is no such file that you may read",
                      artifact ? artifact_chunks(artifact) : 0);
    text_add_member(head, "session_id", artifact->session->key);
    text_add_member(head, "name", artifact->name);
    text_addf(head,
              ",\"version\":%" PRIu64 ",\"sha256\":\"%s\",\"size\":%" PRIu64 ",\"chunks\":%zu"
              ",\"index\":%" PRIu64,
              artifact->version, artifact->sha256, artifact->size, artifact_chunks(artifact),
              query->index);
    struct hub_chunk_query wanted = {.peer = request->from,
                                     .room = request->room->key,
                                     .in_reply_to = request->message->message_id,
                                     .head = text_slice(head),
                                     .seq = artifact->chunks[query->index]};
    bool asked = edge->read_chunk(edge->ctx, &wanted);
    text_free(head);
    return asked ? 0
                 : refuse_over(request->refusal, WIRE_QUOTA_EXCEEDED,
                               &(struct overrun){"artifact_queries", "connection", 1, 0},
                               "one chunk at a time: the last one that this connection asked for "
                               "has not come yet");
}

int artifact_query_answer(struct request *request, const struct seat *to)
{
    struct artifact_query query;
    int error = query_read(request, &query);
    if (error < 0)
        return error;
    if (query.index != UINT64_MAX)
        return chunk_ask(request, &query);
    list_tell(request, &query, to);
    return 0;
}

void hub_chunk(struct hub *hub, peer_id id, struct slice in_reply_to, struct slice head,
               struct slice bytes, int64_t now)
{
    const struct peer *peer = peer_find(hub, id);
    struct refusal refusal;
    if (!peer || !peer_who(peer))
        return;
    struct request request = {.hub = hub, .room = peer->room, .answered_ms = now};
    struct seat seat = peer_seat(peer);
    if (!bytes.at) {
        refuse(&refusal, WIRE_STORAGE_UNAVAILABLE, "that part of the file can't be read just now");
        hub_error(&request, &seat, &refusal, in_reply_to);
        return;
    }
    struct text *text = result_begin(&request, peer_who(peer)->key, in_reply_to);
    text_add(text, head);
    text_add_literal(text, ",\"data\":\"");
    text_add_base64(text, bytes);
    text_add_literal(text, "\"}");
    result_end(&request, &seat);
}
