/* knowledge_query: what a room knows, a page at a time.
 *
 * A look at the state of now, and no part of it: it takes no place in the log and counts as no use
 * of an entry. Each answer is bounded in entries, in bytes, and in what is looked at for it, so
 * that nobody waits long for another's question. A cursor names the last entry that was looked at
 * and its place then: the next page is found at once, unless that entry has changed meanwhile and
 * its place was among the changes.
 *
 * Words are looked for in the edge's index, off the loop; a hub that has none looks through its
 * entries instead, which it can't rank. The cursor of a ranking is a place in it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/effects.h"
#include "core/handlers.h"
#include "core/peers.h"
#include "core/query.h"
#include "core/state.h"

/* What an AI said last that it is for; one that the room has forgotten is for nothing. */
static bool is_specialized(const struct room *room, const struct knowledge_entry *entry,
                           struct slice specialization)
{
    const struct member *member =
        entry->contributor ? member_find(room, entry->contributor->key) : NULL;
    return member && slice_equal(member->specialization, specialization);
}

static bool query_matches(struct page *page, const struct query *query, const struct room *room,
                          const struct knowledge_entry *entry)
{
    if (query->section != SECTION_COUNT && entry->section != query->section)
        return false;
    if (query->contributor.len &&
        !(entry->contributor && slice_equal(entry->contributor->key, query->contributor)))
        return false;
    if (query->specialization.len && !is_specialized(room, entry, query->specialization))
        return false;
    if (!query->subject.len)
        return true;
    page->searched += entry->body.len;
    return json_string_is(knowledge_subject(entry), query->subject);
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

/* The next of what was found; with its snippet, when words were looked for. */
static void page_tell(struct page *page, const struct knowledge_entry *entry, struct slice snippet)
{
    struct text *found = &page->found;
    text_addf(found, "%s{\"section\":\"%s\",\"id\":", found->len ? "," : "",
              section_text(entry->section));
    text_add_string(found, entry->key);
    if (snippet.len)
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
    if ((!query->text.len && !query->ordered) || page->count == before)
        return added;
    struct text snippet = {0};
    if (query->text.len)
        words_snippet(&query->words, text_slice(&page->wording), &snippet);
    page_tell(page, entry, text_slice(&snippet));
    text_free(&snippet);
    return added;
}

/* ── in an order ── */

/* Looked for from both ends, for it is mostly near to one. */
const struct knowledge_entry *changed_after(const struct knowledge *knowledge, uint64_t order)
{
    const struct knowledge_entry *newer = TAILQ_FIRST(&knowledge->recent);
    const struct knowledge_entry *older = TAILQ_LAST(&knowledge->recent, knowledge_list);
    while (newer && newer->order > order && older->order <= order) {
        newer = TAILQ_NEXT(newer, recent);
        older = TAILQ_PREV(older, knowledge_list, recent);
    }
    if (newer && newer->order > order)
        return older;
    return newer ? TAILQ_PREV(newer, knowledge_list, recent) : NULL;
}

/* The first behind the id, in that section or a later one. */
static const struct knowledge_entry *
id_after(const struct query *query, const struct knowledge *knowledge, int section, struct slice id)
{
    const struct knowledge_entry *entry = NULL;
    for (; !entry && section < SECTION_COUNT; section++, id = (struct slice){NULL, 0})
        if (query->section == SECTION_COUNT || query->section == (enum section)section)
            entry = index_after(&knowledge->sections[section], id);
    return entry;
}

static const struct knowledge_entry *query_next(const struct query *query,
                                                const struct knowledge *knowledge,
                                                const struct knowledge_entry *entry)
{
    if (query->order == QUERY_ID)
        return id_after(query, knowledge, (int)entry->section, entry->key);
    return query->order == QUERY_OLDEST ? TAILQ_PREV(entry, knowledge_list, recent)
                                        : TAILQ_NEXT(entry, recent);
}

/* Where the first page begins, or one whose cursor names what has changed or is gone. */
static const struct knowledge_entry *query_first(const struct query *query,
                                                 const struct knowledge *knowledge)
{
    const struct query_place *place = &query->place;
    const struct knowledge_entry *entry;
    if (query->order == QUERY_ID)
        return id_after(query, knowledge, place->section, place->key);
    if (query->order == QUERY_OLDEST)
        return changed_after(knowledge, place->order > query->since ? place->order : query->since);
    TAILQ_FOREACH (entry, &knowledge->recent, recent)
        if (!query->goes_on || entry->order < place->order)
            break;
    return entry;
}

static const struct knowledge_entry *query_start(const struct query *query,
                                                 const struct knowledge *knowledge)
{
    const struct knowledge_entry *entry = NULL;
    if (query->goes_on)
        entry = knowledge_find(knowledge, (enum section)query->place.section, query->place.key);
    if (entry && entry->order == query->place.order)
        return query_next(query, knowledge, entry);
    return query_first(query, knowledge);
}

static void page_fill(struct page *page, const struct query *query, const struct room *room)
{
    const struct knowledge *knowledge = &room->knowledge;
    const struct knowledge_entry *entry = query_start(query, knowledge);
    for (; entry; entry = query_next(query, knowledge, entry)) {
        bool full = page->looked == QUERY_LOOKS_MAX || page->searched >= QUERY_SEARCHED_MAX;
        bool recent = entry->order > query->since;
        if (!recent && query->order != QUERY_ID && query->order != QUERY_OLDEST)
            return;
        bool wanted = !full && recent && query_matches(page, query, room, entry) &&
                      page_search(page, query, entry);
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
static bool page_fill_named(struct page *page, const struct query *query, const struct room *room)
{
    const struct knowledge *knowledge = &room->knowledge;
    struct knowledge_entry *named[NAMED_MAX];
    bool found = false;
    knowledge_named(knowledge, query->id, named);
    for (unsigned i = 0; i < SECTION_COUNT; i++) {
        const struct knowledge_entry *entry =
            i < NAMED_MAX ? named[i] : knowledge_find(knowledge, SECTION_BENCHMARKS, query->id);
        if (!entry || !query_matches(page, query, room, entry) || !page_search(page, query, entry))
            continue;
        found = true;
        page_add_searched(page, query, knowledge, entry);
    }
    return found;
}

/* Where the next page begins, as text; nothing at the end. */
static void page_cursor(const struct page *page, enum query_order order, struct text *cursor)
{
    const struct knowledge_entry *behind = page->behind;
    if (!page->more || !behind)
        return;
    struct query_place place = {behind->order, (int)behind->section, behind->key};
    query_write_cursor(order, &place, cursor);
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
    if (query->text.len || query->ordered) {
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
    struct page page = query_page(request->room);
    struct text cursor = {0};
    int error = 0;
    if (!query->id.len)
        page_fill(&page, query, request->room);
    else if (!page_fill_named(&page, query, request->room))
        error = refuse(request->refusal, WIRE_NOT_FOUND, "there is no entry \"%.*s\"",
                       SLICE_FORMAT(query->id));
    page_cursor(&page, query->order, &cursor);
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
    if (query->goes_on && query->order == QUERY_RELEVANCE)
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload.cursor is not of a search in this hub's index; begin again");
    if (peer->searches == SEARCHES_EACH_MAX)
        return refuse_over(
            request->refusal, WIRE_RATE_LIMITED,
            &(struct overrun){"searches", "connection", SEARCHES_EACH_MAX, 0},
            "%u searches of this connection are under way; ask again when one is answered",
            SEARCHES_EACH_MAX);
    struct search_wish wish = {.asker = request->from,
                               .room = request->room->key,
                               .message_id = request->message->message_id,
                               .words = query->text,
                               .section = query->section == SECTION_COUNT ? SEARCH_ANYWHERE
                                                                          : (int)query->section,
                               .contributor = query->contributor,
                               .subject = query->subject,
                               .specialization = query->specialization,
                               .since = query->since,
                               .limit = query->specialization.len ? QUERY_LIMIT : query->limit,
                               .told = query->limit,
                               .order = query->order,
                               .from = query->from,
                               .newest = query->newest,
                               .goes_on = query->goes_on,
                               .place = query->place};
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
                          .subject = wish->subject,
                          .specialization = wish->specialization,
                          .text = wish->words,
                          .since = wish->since,
                          .limit = wish->told,
                          .order = wish->order,
                          .goes_on = wish->goes_on,
                          .place = wish->place};
    if (wish->from)
        return refuse(request->refusal, WIRE_STORAGE_UNAVAILABLE,
                      "the hub can't read its index just now; begin the search again");
    words_read(query.text, &query.words);
    return query_look(request, &query, to);
}

/* Is it still there, and what is asked for? */
static const struct knowledge_entry *
hit_entry(const struct room *room, const struct search_wish *wish, const struct search_hit *hit)
{
    const struct knowledge_entry *entry =
        knowledge_find(&room->knowledge, (enum section)hit->place.section, hit->place.key);
    if (!entry || entry->order <= wish->since)
        return NULL;
    bool wanted = !wish->specialization.len || is_specialized(room, entry, wish->specialization);
    return wanted ? entry : NULL;
}

/* How many of the hits are told, or passed over. */
static size_t page_fill_found(struct page *page, const struct room *room,
                              const struct search_wish *wish, const struct search_found *found)
{
    size_t at = 0;
    for (; at < found->count; at++) {
        const struct knowledge_entry *entry = hit_entry(room, wish, &found->hits[at]);
        size_t before = page->count;
        if (!entry)
            continue;
        if (page->count == wish->told || !page_add(page, &room->knowledge, entry))
            break;
        if (page->count > before)
            page_tell(page, entry, found->hits[at].snippet);
    }
    return at;
}

int query_found(struct request *request, const struct seat *to, const struct search_wish *wish,
                const struct search_found *found)
{
    struct page page = query_page(request->room);
    struct text cursor = {0};
    if (found->failed)
        return query_look_instead(request, wish, to);
    size_t at = page_fill_found(&page, request->room, wish, found);
    bool more = found->more || at < found->count;
    if (more && wish->order == QUERY_RELEVANCE)
        text_addf(&cursor, "rank %" PRIu64 " %" PRIu64, wish->from + at, found->newest);
    else if (more && at)
        query_write_cursor(wish->order, &found->hits[at - 1].place, &cursor);
    query_page_send(&page, request, to, &(struct query){.text = wish->words}, text_slice(&cursor));
    text_free(&cursor);
    query_page_free(&page);
    return 0;
}
