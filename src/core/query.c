/* knowledge_query: what a room knows, a page at a time, the last changed first.
 *
 * A look at the state of now, and no part of it: it takes no place in the log and counts as no use
 * of an entry. Each answer is bounded in entries, in bytes, and in what is looked at for it, so
 * that nobody waits long for another's question. A cursor names the last entry that was looked at
 * and its place then: the next page is found at once, unless that entry has changed meanwhile. */
#include <stdlib.h>

#include "core/effects.h"
#include "core/handlers.h"
#include "core/state.h"

#define KEY_BYTES_MAX    1024u /* more than any entry's id has */
#define CURSOR_BYTES_MAX (KEY_BYTES_MAX + 32u)
#define GIANTS_MAX       4u /* written in vain for one answer */

struct query {
    char id_text[KEY_BYTES_MAX], contributor_text[WIRE_ID_MAX], cursor_text[CURSOR_BYTES_MAX];
    char words_text[QUERY_TEXT_BYTES_MAX];
    struct slice id, contributor, words; /* len 0: any. words in small ASCII letters */
    /* words[0..i] ends as words begins, in again[i] bytes and no more (Knuth, Morris, Pratt). */
    size_t again[QUERY_TEXT_BYTES_MAX];
    enum section section; /* SECTION_COUNT: all */
    uint64_t since, limit;
    bool goes_on; /* behind this place: */
    uint64_t cursor_order;
    enum section cursor_section;
    struct slice cursor_id;
};

/* What one answer holds. */
struct page {
    struct text parts[SECTION_COUNT];
    struct text decoded; /* a body that is searched */
    size_t count, looked, searched, used, omitted;
    size_t bytes, entry_bytes;            /* the most, of all and of one */
    const struct knowledge_entry *behind; /* the last that was looked at */
    bool more;
};

static int query_read_section(struct request *request, struct query *query)
{
    struct json_value section = json_get(request->message->payload, "section");
    query->section = SECTION_COUNT;
    if (section.kind == JSON_KIND_ABSENT || section.kind == JSON_KIND_NULL)
        return 0;
    for (int i = 0; i < SECTION_COUNT && section.kind == JSON_KIND_STRING; i++)
        if (json_string_is(section, slice_of(section_text((enum section)i))))
            query->section = (enum section)i;
    if (query->section == SECTION_COUNT)
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload.section must be one of the four sections' names: shared_patterns, "
                      "shared_components, collective_features, performance_benchmarks");
    return 0;
}

/* "ORDER SECTION ID", as page_write_cursor wrote it. */
static int query_read_cursor(struct request *request, struct query *query)
{
    struct slice text;
    int error = payload_text(request, request->message->payload, "payload.cursor", OPTIONAL,
                             CURSOR_BYTES_MAX - 1, query->cursor_text, &text);
    if (error < 0 || text.len == 0)
        return error;
    char *end, *at = query->cursor_text;
    at[text.len] = '\0';
    query->cursor_order = strtoull(at, &end, 10);
    bool fine = at[0] >= '0' && at[0] <= '9' && end[0] == ' ' && end[1] >= '0' &&
                end[1] < '0' + SECTION_COUNT && end[2] == ' ';
    if (!fine)
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload.cursor must be the `next` of an earlier knowledge_result");
    query->goes_on = true;
    query->cursor_section = (enum section)(end[1] - '0');
    query->cursor_id = (struct slice){end + 3, text.len - (size_t)(end + 3 - at)};
    return 0;
}

/* Other letters than ASCII's have their case: no tables of Unicode for a search by substring. */
static char small_letter(char letter)
{
    return (char)(letter >= 'A' && letter <= 'Z' ? letter + ('a' - 'A') : letter);
}

static int query_read_words(struct request *request, struct query *query)
{
    int error = payload_text(request, request->message->payload, "payload.text", OPTIONAL,
                             sizeof query->words_text, query->words_text, &query->words);
    for (size_t i = 0; error == 0 && i < query->words.len; i++)
        query->words_text[i] = small_letter(query->words_text[i]);
    for (size_t i = 1, same = 0; error == 0 && i < query->words.len; i++) {
        while (same > 0 && query->words_text[i] != query->words_text[same])
            same = query->again[same - 1];
        same += query->words_text[i] == query->words_text[same];
        query->again[i] = same;
    }
    return error;
}

static int query_read(struct request *request, struct query *query)
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
        (error = query_read_words(request, query)) < 0 ||
        (error = payload_u64(request, payload, "payload.since", 0, JSON_WHOLE_MAX, &query->since)) <
            0 ||
        (error = payload_u64(request, payload, "payload.limit", 1, QUERY_LIMIT, &query->limit)) < 0)
        return error;
    return query_read_cursor(request, query);
}

static bool query_matches(const struct query *query, const struct knowledge_entry *entry)
{
    if (query->section != SECTION_COUNT && entry->section != query->section)
        return false;
    return query->contributor.len == 0 ||
           (entry->contributor && slice_equal(entry->contributor->key, query->contributor));
}

/* In one pass, whatever the two are: no search of an unlucky text costs more than another. */
static bool holds(struct slice text, const struct query *query)
{
    size_t same = 0;
    for (size_t i = 0; i < text.len; i++) {
        char letter = small_letter(text.at[i]);
        while (same > 0 && letter != query->words.at[same])
            same = query->again[same - 1];
        same += letter == query->words.at[same];
        if (same == query->words.len)
            return true;
    }
    return false;
}

/* Does its id hold the words, or its body, whose strings may be written with escapes? */
static bool page_search(struct page *page, const struct query *query,
                        const struct knowledge_entry *entry)
{
    struct slice body = entry->body;
    if (query->words.len == 0)
        return true;
    page->searched += entry->key.len + body.len;
    if (holds(entry->key, query))
        return true;
    if (body.len == 0 || !memchr(body.at, '\\', body.len))
        return holds(body, query);
    text_clear(&page->decoded); /* escapes stand in strings alone, and never get longer */
    text_add(&page->decoded, body);
    if (page->decoded.failed)
        return false;
    struct json_value whole = {.raw = body, .kind = JSON_KIND_STRING, .escaped = true};
    long len = json_decode(whole, page->decoded.at, page->decoded.len);
    return len >= 0 && holds((struct slice){page->decoded.at, (size_t)len}, query);
}

/* False when there is no place for it on this page. */
static bool page_add(struct page *page, const struct knowledge *knowledge,
                     const struct knowledge_entry *entry)
{
    struct text *part = &page->parts[entry->section];
    size_t before = part->len;
    if (page->omitted == GIANTS_MAX)
        return false;
    if (before)
        text_add_literal(part, ",");
    knowledge_write_entry(knowledge, entry, part);
    size_t size = part->len - before;
    if (size > page->entry_bytes) {
        page->omitted++;
        part->len = before;
        return true;
    }
    if (page->count > 0 && page->used + size > page->bytes) {
        part->len = before;
        return false;
    }
    page->used += size;
    page->count++;
    return true;
}

static const struct knowledge_entry *query_start(const struct query *query,
                                                 const struct knowledge *knowledge)
{
    const struct knowledge_entry *entry;
    if (!query->goes_on)
        return TAILQ_FIRST(&knowledge->recent);
    entry = knowledge_find(knowledge, query->cursor_section, query->cursor_id);
    if (entry && entry->order == query->cursor_order)
        return TAILQ_NEXT(entry, recent);
    TAILQ_FOREACH (entry, &knowledge->recent, recent)
        if (entry->order < query->cursor_order)
            break;
    return entry;
}

static void page_fill(struct page *page, const struct query *query,
                      const struct knowledge *knowledge)
{
    const struct knowledge_entry *entry = query_start(query, knowledge);
    for (; entry && entry->order > query->since; entry = TAILQ_NEXT(entry, recent)) {
        bool full = page->looked == QUERY_LOOKS_MAX || page->searched >= QUERY_SEARCHED_MAX;
        bool wanted = !full && query_matches(query, entry) && page_search(page, query, entry);
        if (full || (wanted && page->count == query->limit) ||
            (wanted && !page_add(page, knowledge, entry))) {
            page->more = true;
            return;
        }
        page->looked++;
        page->behind = entry;
    }
}

/* What an id names, in every section that is asked for. False when it names nothing. */
static bool page_fill_named(struct page *page, const struct query *query,
                            const struct knowledge *knowledge)
{
    struct knowledge_entry *named[NAMED_MAX];
    bool found = false;
    knowledge_named(knowledge, query->id, named);
    for (unsigned i = 0; i < SECTION_COUNT; i++) {
        const struct knowledge_entry *entry =
            i < NAMED_MAX ? named[i] : knowledge_find(knowledge, SECTION_BENCHMARKS, query->id);
        if (!entry || !query_matches(query, entry) || !page_search(page, query, entry))
            continue;
        found = true;
        page_add(page, knowledge, entry);
    }
    return found;
}

static void page_write_cursor(const struct page *page, struct text *text)
{
    const struct knowledge_entry *behind = page->behind;
    if (!page->more || !behind) {
        text_add_literal(text, "null");
        return;
    }
    struct text cursor = {0};
    text_addf(&cursor, "%llu %u ", (unsigned long long)behind->order, (unsigned)behind->section);
    text_add(&cursor, behind->key);
    text_add_string(text, text_slice(&cursor));
    text_free(&cursor);
}

static void page_send(const struct page *page, struct request *request, const struct seat *to)
{
    const struct knowledge *knowledge = &request->room->knowledge;
    const struct knowledge_entry *newest = TAILQ_FIRST(&knowledge->recent);
    struct text *text =
        hub_message_begin(request, MESSAGE_KNOWLEDGE_RESULT, slice_of("hub"), request->member->key);
    text_add_literal(text, "{\"in_reply_to\":");
    text_add_string(text, request->message->message_id);
    text_add_literal(text, ",\"entries\":");
    for (int i = 0; i < SECTION_COUNT; i++) {
        text_addf(text, "%s\"%s\":{", i ? "," : "{", section_text((enum section)i));
        text_add(text, text_slice(&page->parts[i]));
        text_add_literal(text, "}");
    }
    text_addf(text, "},\"count\":%zu,\"omitted\":%zu,\"next\":", page->count, page->omitted);
    page_write_cursor(page, text);
    text_addf(text,
              ",\"newest\":%llu,\"totals\":", newest ? (unsigned long long)newest->order : 0ull);
    knowledge_write_totals(knowledge, text);
    text_add_literal(text, "}");
    struct outgoing outgoing;
    hub_message_end(request, MESSAGE_KNOWLEDGE_RESULT, &outgoing);
    effect_to_connection(request, &outgoing, to);
}

int query_answer(struct request *request, const struct seat *to)
{
    const struct knowledge *knowledge = &request->room->knowledge;
    const struct room_limits *limits = &request->room->limits;
    struct query query = {.limit = 0};
    struct page page = {.bytes = limits->sync_limit, .entry_bytes = limits->output_max / 2};
    int error = query_read(request, &query);
    if (error < 0)
        return error;
    if (!query.id.len)
        page_fill(&page, &query, knowledge);
    else if (!page_fill_named(&page, &query, knowledge))
        error = refuse(request->refusal, WIRE_NOT_FOUND, "there is no entry \"%.*s\"",
                       SLICE_FORMAT(query.id));
    if (error == 0)
        page_send(&page, request, to);
    for (int i = 0; i < SECTION_COUNT; i++)
        text_free(&page.parts[i]);
    text_free(&page.decoded);
    return error;
}
