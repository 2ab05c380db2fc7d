/* A knowledge_query as it came: what is asked for, in which order, and where a page begins. */
#include <inttypes.h>
#include <stdlib.h>

#include "core/query.h"

static const char *const order_names[QUERY_ORDER_COUNT] = {
#define X(name, text) text,
    QUERY_ORDERS(X)
#undef X
};

static int query_read_section(struct request *request, struct query *query)
{
    struct json_value section = json_get(request->message->payload, "section");
    char shown[PAYLOAD_SHOWN_SIZE];
    query->section = SECTION_COUNT;
    if (section.kind == JSON_KIND_ABSENT || section.kind == JSON_KIND_NULL)
        return 0;
    for (int i = 0; i < SECTION_COUNT && section.kind == JSON_KIND_STRING; i++)
        if (json_string_is(section, slice_of(section_text((enum section)i))))
            query->section = (enum section)i;
    if (query->section == SECTION_COUNT)
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload.section must be one of the four sections' names (shared_patterns, "
                      "shared_components, collective_features, performance_benchmarks), and is %s",
                      payload_shown(section, shown));
    return 0;
}

/* "CHANGED SECTION ID" behind the order's word, as query_write_cursor wrote it; `at` ends with a
 * NUL. */
static bool place_read(struct query *query, const char *at, size_t len)
{
    char *end;
    unsigned long long order = strtoull(at, &end, 10);
    if (at[0] < '0' || at[0] > '9' || end[0] != ' ' || end[1] < '0' ||
        end[1] >= '0' + SECTION_COUNT || end[2] != ' ')
        return false;
    query->goes_on = true;
    query->place = (struct query_place){.order = order < INT64_MAX ? order : INT64_MAX,
                                        .section = end[1] - '0',
                                        .key = {end + 3, len - (size_t)(end + 3 - at)}};
    return true;
}

/* "rank FROM NEWEST", as query_found wrote it. */
static bool rank_read(struct query *query, const char *at)
{
    char *end;
    if (strncmp(at, "rank ", 5) != 0 || at[5] < '0' || at[5] > '9')
        return false;
    query->from = strtoull(at + 5, &end, 10);
    if (end[0] != ' ' || end[1] < '0' || end[1] > '9')
        return false;
    query->newest = strtoull(end + 1, &end, 10);
    query->ranked = query->from <= INT64_MAX && query->newest <= INT64_MAX && !*end;
    return query->ranked;
}

/* What a cursor begins with. Without an index, what is relevant comes as the newest does. */
static const char *const cursor_words[QUERY_ORDER_COUNT] = {
    [QUERY_NEWEST] = "", [QUERY_OLDEST] = "oldest ", [QUERY_ID] = "id ", [QUERY_RELEVANCE] = ""};

void query_write_cursor(enum query_order order, const struct query_place *place, struct text *text)
{
    text_addf(text, "%s%" PRIu64 " %d ", cursor_words[order], place->order, place->section);
    text_add(text, place->key);
}

/* Which order the cursor is of; QUERY_ORDER_COUNT: it is none. */
static enum query_order cursor_read(struct query *query, size_t len)
{
    static const enum query_order worded[] = {QUERY_OLDEST, QUERY_ID};
    const char *at = query->cursor_text;
    if (rank_read(query, at))
        return QUERY_RELEVANCE;
    if (place_read(query, at, len))
        return query->order == QUERY_RELEVANCE ? QUERY_RELEVANCE : QUERY_NEWEST;
    for (size_t i = 0; i < sizeof worded / sizeof *worded; i++) {
        size_t word = strlen(cursor_words[worded[i]]);
        if (strncmp(at, cursor_words[worded[i]], word) == 0 &&
            place_read(query, at + word, len - word))
            return worded[i];
    }
    return QUERY_ORDER_COUNT;
}

static int query_read_cursor(struct request *request, struct query *query)
{
    struct slice text;
    int error = payload_text(request, request->message->payload, "payload.cursor", OPTIONAL,
                             CURSOR_BYTES_MAX - 1, query->cursor_text, &text);
    if (error < 0 || text.len == 0)
        return error;
    query->cursor_text[text.len] = '\0';
    if (query->revisions && revisions_read_cursor(query, query->cursor_text))
        return 0;
    enum query_order order = cursor_read(query, text.len);
    if (order == QUERY_ORDER_COUNT)
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload.cursor must be the `next` of an earlier knowledge_result");
    if (order != query->order)
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload.cursor is of the order \"%s\", and this query's is \"%s\": give "
                      "the same order with it, or begin again",
                      order_names[order], order_names[query->order]);
    return 0;
}

static int query_read_order(struct request *request, struct query *query)
{
    struct json_value value = json_get(request->message->payload, "order");
    query->order = query->text.len ? QUERY_RELEVANCE : QUERY_NEWEST;
    if (value.kind == JSON_KIND_ABSENT || value.kind == JSON_KIND_NULL)
        return 0;
    query->ordered = true;
    for (int i = 0; value.kind == JSON_KIND_STRING && i < QUERY_ORDER_COUNT; i++) {
        if (!json_string_is(value, slice_of(order_names[i])))
            continue;
        query->order = (enum query_order)i;
        if (query->order == QUERY_RELEVANCE && !query->text.len)
            return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                          "payload.order \"relevance\" goes with payload.text, the words that "
                          "something is relevant to");
        return 0;
    }
    int shown = value.raw.len < 64 ? (int)value.raw.len : 64;
    return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                  "payload.order must be \"newest\", \"oldest\", \"id\" or \"relevance\", and is "
                  "%.*s",
                  shown, value.raw.at);
}

static int query_read_words(struct request *request, struct query *query)
{
    int error = payload_text(request, request->message->payload, "payload.text", OPTIONAL,
                             sizeof query->text_text, query->text_text, &query->text);
    if (error < 0 || !query->text.len)
        return error;
    switch (words_read(query->text, &query->words)) {
    case WORDS_FINE:
        break;
    case WORDS_NONE:
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload.text is words to look for: there is no letter and no digit in it");
    case WORDS_TOO_MANY:
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload.text has more than %u words and phrases", WORDS_MAX);
    }
    return 0;
}

/* "all", or the number of one. */
static int query_read_revision(struct request *request, struct query *query)
{
    struct json_value value = json_get(request->message->payload, "revision");
    if (value.kind == JSON_KIND_ABSENT || value.kind == JSON_KIND_NULL)
        return 0;
    char shown[PAYLOAD_SHOWN_SIZE];
    query->revisions = true;
    bool all = value.kind == JSON_KIND_STRING && json_string_is(value, slice_of("all"));
    if (!all && (json_u64(value, &query->revision) < 0 || !query->revision))
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload.revision must be \"all\" or a whole number from 1, and is %s",
                      payload_shown(value, shown));
    if (!query->id.len)
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload.revision goes with the id of an entry");
    return 0;
}

int query_read(struct request *request, struct query *query)
{
    struct json_value payload = request->message->payload;
    int error;
    query->limit = QUERY_PRESET;
    if ((error = query_read_section(request, query)) < 0 ||
        (error = payload_text(request, payload, "payload.id", OPTIONAL, sizeof query->id_text,
                              query->id_text, &query->id)) < 0 ||
        (error = payload_text(request, payload, "payload.contributor", OPTIONAL,
                              sizeof query->contributor_text, query->contributor_text,
                              &query->contributor)) < 0 ||
        (error = payload_text(request, payload, "payload.specialization", OPTIONAL,
                              sizeof query->specialization_text, query->specialization_text,
                              &query->specialization)) < 0 ||
        (error = payload_text(request, payload, "payload.subject", OPTIONAL,
                              sizeof query->subject_text, query->subject_text, &query->subject)) <
            0 ||
        (error = query_read_words(request, query)) < 0 ||
        (error = query_read_order(request, query)) < 0 ||
        (error = query_read_revision(request, query)) < 0 ||
        (error = payload_u64(request, payload, "payload.since", 0, JSON_WHOLE_MAX, &query->since)) <
            0 ||
        (error = payload_u64(request, payload, "payload.limit", 1, QUERY_LIMIT, &query->limit)) < 0)
        return error;
    return query_read_cursor(request, query);
}
