/* knowledge_query: what a room knows, a page at a time, the last changed first.
 *
 * A look at the state of now, and no part of it: it takes no place in the log and counts as no use
 * of an entry. Each answer is bounded in entries, in bytes, and in what is looked at for it, so
 * that nobody waits long for another's question. A cursor names the last entry that was looked at
 * and its place then: the next page is found at once, unless that entry has changed meanwhile.
 *
 * Words are looked for in the edge's index, off the loop, and ranked; a hub that has none looks
 * through its entries instead. The cursor of a ranking is a place in it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/effects.h"
#include "core/handlers.h"
#include "core/peers.h"
#include "core/query.h"
#include "core/state.h"

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

/* "ORDER SECTION ID", as page_write_cursor wrote it; `at` ends with a NUL. */
static bool place_read(struct query *query, char *at, size_t len)
{
    char *end;
    query->cursor_order = strtoull(at, &end, 10);
    bool fine = at[0] >= '0' && at[0] <= '9' && end[0] == ' ' && end[1] >= '0' &&
                end[1] < '0' + SECTION_COUNT && end[2] == ' ';
    if (!fine)
        return false;
    query->cursor_section = (enum section)(end[1] - '0');
    query->cursor_id = (struct slice){end + 3, len - (size_t)(end + 3 - at)};
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

static int query_read_cursor(struct request *request, struct query *query)
{
    struct slice text;
    int error = payload_text(request, request->message->payload, "payload.cursor", OPTIONAL,
                             CURSOR_BYTES_MAX - 1, query->cursor_text, &text);
    if (error < 0 || text.len == 0)
        return error;
    query->cursor_text[text.len] = '\0';
    query->goes_on = place_read(query, query->cursor_text, text.len);
    if (!query->goes_on && !(query->text.len && rank_read(query, query->cursor_text)) &&
        !(query->revisions && revisions_read_cursor(query, query->cursor_text)))
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload.cursor must be the `next` of an earlier knowledge_result");
    return 0;
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
    query->revisions = true;
    bool all = value.kind == JSON_KIND_STRING && json_string_is(value, slice_of("all"));
    if (!all && (json_u64(value, &query->revision) < 0 || !query->revision))
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload.revision must be \"all\" or a whole number from 1");
    if (!query->id.len)
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload.revision goes with the id of an entry");
    return 0;
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
        (error = query_read_revision(request, query)) < 0 ||
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

/* Does it hold all the words, in its id, its contributor and its text together? */
static bool page_search(struct page *page, const struct query *query,
                        const struct knowledge_entry *entry)
{
    if (!query->text.len)
        return true;
    text_clear(&page->wording);
    knowledge_write_text(entry, &page->wording);
    struct slice contributor = {NULL, 0};
    if (entry->contributor)
        contributor = entry->contributor->key;
    page->searched += (entry->key.len + contributor.len + page->wording.len) * query->words.count;
    return (words_in(&query->words, entry->key) | words_in(&query->words, contributor) |
            words_in(&query->words, text_slice(&page->wording))) == words_all(&query->words);
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

/* The next of what a search found, with its snippet. */
static void page_tell(struct page *page, const struct knowledge_entry *entry, struct slice snippet)
{
    struct text *found = &page->found;
    text_addf(found, "%s{\"section\":\"%s\",\"id\":", found->len ? "," : "",
              section_text(entry->section));
    text_add_string(found, entry->key);
    text_add_literal(found, ",\"snippet\":");
    text_add(found, snippet);
    text_add_literal(found, "}");
}

/* The same of an entry whose text page_search has looked at. */
static bool page_add_searched(struct page *page, const struct query *query,
                              const struct knowledge *knowledge,
                              const struct knowledge_entry *entry)
{
    size_t before = page->count;
    bool added = page_add(page, knowledge, entry);
    if (!query->text.len || page->count == before)
        return added;
    struct text snippet = {0};
    words_snippet(&query->words, text_slice(&page->wording), &snippet);
    page_tell(page, entry, text_slice(&snippet));
    text_free(&snippet);
    return added;
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
            (wanted && !page_add_searched(page, query, knowledge, entry))) {
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
        page_add_searched(page, query, knowledge, entry);
    }
    return found;
}

/* Where the next page begins, as text; nothing at the end. */
static void page_cursor(const struct page *page, struct text *cursor)
{
    const struct knowledge_entry *behind = page->behind;
    if (!page->more || !behind)
        return;
    text_addf(cursor, "%llu %u ", (unsigned long long)behind->order, (unsigned)behind->section);
    text_add(cursor, behind->key);
}

void query_page_send(const struct page *page, struct request *request, const struct seat *to,
                     const struct query *query, struct slice cursor)
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
    if (cursor.len)
        text_add_string(text, cursor);
    else
        text_add_literal(text, "null");
    if (query->text.len) {
        text_add_literal(text, ",\"found\":[");
        text_add(text, text_slice(&page->found));
        text_add_literal(text, "]");
    }
    if (query->revisions) {
        text_add_literal(text, ",\"revisions\":[");
        text_add(text, text_slice(&page->revisions));
        text_add_literal(text, "]");
    }
    text_addf(text,
              ",\"newest\":%llu,\"totals\":", newest ? (unsigned long long)newest->order : 0ull);
    knowledge_write_totals(knowledge, text);
    text_add_literal(text, "}");
    struct outgoing outgoing;
    hub_message_end(request, MESSAGE_KNOWLEDGE_RESULT, &outgoing);
    effect_to_connection(request, &outgoing, to);
}

struct page query_page(const struct room *room)
{
    return (struct page){.bytes = room->limits.sync_limit,
                         .entry_bytes = room->limits.output_max / 2};
}

void query_page_free(struct page *page)
{
    for (int i = 0; i < SECTION_COUNT; i++)
        text_free(&page->parts[i]);
    text_free(&page->wording);
    text_free(&page->found);
    text_free(&page->revisions);
}

/* By looking through the entries. */
static int query_look(struct request *request, const struct query *query, const struct seat *to)
{
    const struct knowledge *knowledge = &request->room->knowledge;
    struct page page = query_page(request->room);
    struct text cursor = {0};
    int error = 0;
    if (!query->id.len)
        page_fill(&page, query, knowledge);
    else if (!page_fill_named(&page, query, knowledge))
        error = refuse(request->refusal, WIRE_NOT_FOUND, "there is no entry \"%.*s\"",
                       SLICE_FORMAT(query->id));
    page_cursor(&page, &cursor);
    if (error == 0)
        query_page_send(&page, request, to, query, text_slice(&cursor));
    text_free(&cursor);
    query_page_free(&page);
    return error;
}

/* ── by the edge's index ── */

static int query_search(struct request *request, const struct query *query)
{
    struct hub *hub = request->hub;
    struct peer *peer = peer_find(hub, request->from);
    if (query->goes_on)
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload.cursor is not of a search in this hub's index; begin again");
    if (peer->searches == SEARCHES_EACH_MAX)
        return refuse(
            request->refusal, WIRE_RATE_LIMITED,
            "%u searches of this connection are under way; ask again when one is answered",
            SEARCHES_EACH_MAX);
    struct search_wish wish = {.asker = request->from,
                               .room = request->room->key,
                               .message_id = request->message->message_id,
                               .words = query->text,
                               .section = query->section == SECTION_COUNT ? SEARCH_ANYWHERE
                                                                          : (int)query->section,
                               .contributor = query->contributor,
                               .since = query->since,
                               .limit = query->limit,
                               .from = query->from,
                               .newest = query->newest};
    peer->searches++;
    hub->edge.search(hub->edge.ctx, &wish);
    return 0;
}

int query_answer(struct request *request, const struct seat *to)
{
    struct query query = {.limit = 0};
    int error = query_read(request, &query);
    if (error < 0)
        return error;
    if (query.revisions)
        return revisions_answer(request, &query, to);
    if (query.text.len && !query.id.len && request->hub->edge.search)
        return query_search(request, &query);
    if (query.ranked)
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload.cursor is of a search in an index, and this hub has none; begin "
                      "again");
    return query_look(request, &query, to);
}

/* What the wish says, of an index that has failed. */
static int query_look_instead(struct request *request, const struct search_wish *wish,
                              const struct seat *to)
{
    struct query query = {.section = wish->section == SEARCH_ANYWHERE ? SECTION_COUNT
                                                                      : (enum section)wish->section,
                          .contributor = wish->contributor,
                          .text = wish->words,
                          .since = wish->since,
                          .limit = wish->limit};
    if (wish->from)
        return refuse(request->refusal, WIRE_STORAGE_UNAVAILABLE,
                      "the hub can't read its index just now; begin the search again");
    words_read(query.text, &query.words);
    return query_look(request, &query, to);
}

int query_found(struct request *request, const struct seat *to, const struct search_wish *wish,
                const struct search_found *found)
{
    const struct knowledge *knowledge = &request->room->knowledge;
    struct page page = query_page(request->room);
    struct text cursor = {0};
    size_t at = 0;
    if (found->failed)
        return query_look_instead(request, wish, to);
    for (; at < found->count; at++) {
        const struct search_hit *hit = &found->hits[at];
        const struct knowledge_entry *entry =
            knowledge_find(knowledge, (enum section)hit->section, hit->key);
        size_t before = page.count;
        if (!entry || entry->order <= wish->since)
            continue; /* it went meanwhile, or is not asked for */
        if (!page_add(&page, knowledge, entry))
            break;
        if (page.count > before)
            page_tell(&page, entry, hit->snippet);
    }
    if (found->more || at < found->count)
        text_addf(&cursor, "rank %" PRIu64 " %" PRIu64, wish->from + at, found->newest);
    query_page_send(&page, request, to, &(struct query){.text = wish->words}, text_slice(&cursor));
    text_free(&cursor);
    query_page_free(&page);
    return 0;
}
