/* ledger_query: the claims of a room, with what others found of them, a page at a time. In the
 * order of their last changes: what changes while somebody turns pages comes again, and nothing is
 * missed. */
#include <inttypes.h>

#include "core/collaboration.h"
#include "core/effects.h"
#include "core/handlers.h"
#include "core/query.h"
#include "core/state.h"

struct ledger_query {
    char subject_text[COMMITMENT_SUBJECT_MAX], author_text[WIRE_ID_MAX];
    struct slice subject, author; /* len 0: any */
    int status;                   /* of CLAIM_STATUSES; -1: any */
    uint64_t after, limit;
    size_t bytes_max;
};

static int status_read(const struct request *request, int *ret_status)
{
    struct json_value value = json_get(request->message->payload, "status");
    char shown[PAYLOAD_SHOWN_SIZE];
    *ret_status = -1;
    if (value.kind == JSON_KIND_ABSENT || value.kind == JSON_KIND_NULL)
        return 0;
    for (int status = 0; status < CLAIM_STATUS_COUNT; status++) {
        if (!json_string_is(value, slice_of(claim_status_text((enum claim_status)status))))
            continue;
        *ret_status = status;
        return 0;
    }
    return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                  "payload.status must be \"claimed\", \"confirmed\", \"refuted\" or "
                  "\"contested\", and is %s",
                  payload_shown(value, shown));
}

static int ledger_query_read(struct request *request, struct ledger_query *query)
{
    struct json_value payload = request->message->payload;
    int error;
    query->limit = QUERY_PRESET;
    query->bytes_max = request->room->limits.sync_limit;
    if ((error = payload_text(request, payload, "payload.subject", OPTIONAL,
                              sizeof query->subject_text, query->subject_text, &query->subject)) <
            0 ||
        (error = payload_text(request, payload, "payload.author", OPTIONAL,
                              sizeof query->author_text, query->author_text, &query->author)) < 0 ||
        (error = status_read(request, &query->status)) < 0 ||
        (error = payload_u64(request, payload, "payload.after", 0, JSON_WHOLE_MAX, &query->after)) <
            0)
        return error;
    return payload_u64(request, payload, "payload.limit", 1, QUERY_LIMIT, &query->limit);
}

/* What is looked at of a body is added to *searched. */
static bool query_wants(const struct ledger_query *query, const struct knowledge_entry *entry,
                        size_t *searched)
{
    if (!entry->claim || !entry->claim->live ||
        (query->status >= 0 && entry->claim->status != (enum claim_status)query->status) ||
        (query->author.len && !slice_equal(entry->contributor->key, query->author)))
        return false;
    *searched += entry->body.len;
    return !query->subject.len || json_string_is(knowledge_subject(entry), query->subject);
}

/* A string as it stands in the body: what a claim must have. */
static void body_add(const struct knowledge_entry *entry, const char *name, struct text *text)
{
    struct slice raw = json_get(json_value_of(entry->body), name).raw;
    text_addf(text, ",\"%s\":\"", name);
    text_add(text, raw);
    text_add_literal(text, "\"");
}

static void settled_write(const struct claim *claim, struct text *text)
{
    text_add_literal(text, ",\"before\":{");
    for (int status = 0; status < CLAIM_STATUS_COUNT; status++)
        text_addf(text, "%s\"%s\":%" PRIu64, status ? "," : "",
                  claim_status_text((enum claim_status)status), claim->settled[status]);
    text_add_literal(text, "}");
}

static void claim_write(const struct knowledge *knowledge, const struct knowledge_entry *entry,
                        struct text *text)
{
    const struct shares *shares = &entry->shares;
    struct votes votes = {0};
    text_addf(text, "{\"section\":\"%s\",\"id\":", section_text(entry->section));
    text_add_string(text, entry->key);
    if (entry->own_id.len)
        text_add_member(text, "own_id", entry->own_id);
    text_add_member(text, "author", entry->contributor->key);
    body_add(entry, "subject", text);
    body_add(entry, "subject_version", text);
    text_add_member(text, "timestamp", entry->timestamp);
    text_add_literal(text, ",\"seq\":");
    if (shares->count)
        text_add_number(text, shares->seqs[shares->count - 1]);
    else
        text_add_literal(text, "null");
    if (entry->claim->seal->broken)
        claim_judge(entry->claim, &votes);
    text_addf(text,
              ",\"revision\":%" PRIu64 ",\"agreeing\":%zu,\"disagreeing\":%zu,\"in_sight\":%zu",
              entry->revision, votes.agreeing, votes.disagreeing, votes.in_sight);
    settled_write(entry->claim, text);
    verification_write(knowledge, entry, text);
    text_add_literal(text, "}");
}

static void claims_write(const struct request *request, const struct ledger_query *query,
                         struct text *text)
{
    const struct knowledge *knowledge = &request->room->knowledge;
    const struct knowledge_entry *entry = changed_after(knowledge, query->after);
    size_t begun = text->len, searched = 0, looks = 0;
    uint64_t told = 0, looked_at = query->after;
    text_add_literal(text, ",\"claims\":[");
    for (; entry; entry = TAILQ_PREV(entry, knowledge_list, recent)) {
        if (looks++ == QUERY_LOOKS_MAX || searched >= QUERY_SEARCHED_MAX || told == query->limit ||
            (told && text->len - begun > query->bytes_max))
            break;
        looked_at = entry->order;
        if (!query_wants(query, entry, &searched))
            continue;
        text_add_literal(text, told++ ? "," : "");
        claim_write(knowledge, entry, text);
    }
    text_add_literal(text, "],\"next\":");
    if (entry)
        text_add_number(text, looked_at);
    else
        text_add_literal(text, "null");
}

int ledger_query_answer(struct request *request, const struct seat *to)
{
    struct ledger_query query = {.limit = 0};
    const struct knowledge *knowledge = &request->room->knowledge;
    const struct knowledge_entry *newest = TAILQ_FIRST(&knowledge->recent);
    struct outgoing outgoing;
    int error = ledger_query_read(request, &query);
    if (error < 0)
        return error;
    struct text *text =
        hub_message_begin(request, MESSAGE_LEDGER_RESULT, slice_of("hub"), request->member->key);
    text_add_literal(text, "{\"in_reply_to\":");
    text_add_string(text, request->message->message_id);
    claims_write(request, &query, text);
    text_addf(text, ",\"newest\":%" PRIu64, newest ? newest->order : 0);
    if (query.author.len) {
        text_add_literal(text, ",\"account\":");
        account_write(&knowledge->ledger, query.author, text);
    }
    text_add_literal(text, "}");
    hub_message_end(request, MESSAGE_LEDGER_RESULT, &outgoing);
    effect_to_connection(request, &outgoing, to);
    return 0;
}
