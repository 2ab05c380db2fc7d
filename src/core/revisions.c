/* knowledge_query for the revisions of an entry: what it says, and what it said before. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/effects.h"
#include "core/query.h"
#include "core/state.h"

bool revisions_read_cursor(struct query *query, const char *at)
{
    unsigned section;
    int end = 0;
    if (sscanf(at, "below %1u %" SCNu64 "%n", &section, &query->cursor_revision, &end) != 2 ||
        at[end] || section >= SECTION_COUNT)
        return false;
    query->cursor_section = (enum section)section;
    query->below = true;
    return true;
}

/* One of an entry's revisions. */
struct revision {
    const struct knowledge_entry *entry;
    uint64_t number;
    struct slice body, timestamp;
    const struct former *former; /* NULL: it is in force */
};

static void revision_write(const struct revision *revision, struct text *text)
{
    static const char *const bodies[] = {[SECTION_PATTERNS] = "pattern",
                                         [SECTION_COMPONENTS] = "code",
                                         [SECTION_FEATURES] = "component"};
    const struct knowledge_entry *entry = revision->entry;
    char replaced[TIMESTAMP_SIZE];
    text_addf(text, "{\"section\":\"%s\",\"id\":", section_text(entry->section));
    text_add_string(text, entry->key);
    text_addf(text, ",\"revision\":%" PRIu64 ",\"replaced\":", revision->number);
    if (revision->former) {
        timestamp_format(revision->former->replaced_ms, replaced);
        text_addf(text, "\"%s\"", replaced);
    } else {
        text_add_literal(text, "null");
    }
    text_addf(text, ",\"entry\":{\"%s\":", bodies[entry->section]);
    text_add(text, revision->body);
    text_add_literal(text, ",\"contributor\":");
    text_add_string(text, entry->contributor->key);
    text_add_literal(text, ",\"timestamp\":");
    text_add_string(text, revision->timestamp);
    if (entry->retracted.by.len) {
        text_add_literal(text, ",\"retracted\":");
        ruling_write_whole(&entry->retracted, text);
    }
    text_add_literal(text, "}}");
}

/* False when there is no place for it on this page. */
static bool revision_add(struct page *page, const struct query *query,
                         const struct revision *revision)
{
    struct text *text = &page->revisions;
    size_t before = text->len;
    if (query->revision && query->revision != revision->number)
        return true;
    if (query->below && revision->entry->section == query->cursor_section &&
        revision->number >= query->cursor_revision)
        return true;
    if (page->count == query->limit || page->omitted == GIANTS_MAX)
        return false;
    text_add_literal(text, before ? "," : "");
    revision_write(revision, text);
    size_t size = text->len - before;
    bool giant = size > page->entry_bytes;
    bool fits = page->count == 0 || page->used + size <= page->bytes;
    if (giant || !fits)
        text->len = before;
    page->omitted += giant;
    page->count += !giant && fits;
    page->used += !giant && fits ? size : 0;
    return giant || fits;
}

/* All of one entry, the newest first. False when the page was full before the end: the cursor is
 * then set. */
static bool entry_add(struct page *page, const struct query *query,
                      const struct knowledge_entry *entry, struct text *cursor)
{
    const struct former *former = TAILQ_LAST(&entry->formers, former_list);
    struct revision revision = {entry, entry->revision, entry->body, entry->timestamp, NULL};
    uint64_t above = revision.number + 1; /* the last that was added */
    while (revision_add(page, query, &revision)) {
        above = revision.number;
        if (!former)
            return true;
        revision =
            (struct revision){entry, former->revision, former->body, former->timestamp, former};
        former = TAILQ_PREV(former, former_list, of_entry);
    }
    text_addf(cursor, "below %u %" PRIu64, (unsigned)entry->section, above);
    return false;
}

int revisions_answer(struct request *request, const struct query *query, const struct seat *to)
{
    struct knowledge_entry *named[NAMED_MAX];
    struct page page = query_page(request->room);
    struct text cursor = {0};
    bool any = false, going = true;
    int error = 0;
    knowledge_named(&request->room->knowledge, query->id, named);
    for (unsigned i = query->below ? query->cursor_section : 0; i < NAMED_MAX && going; i++) {
        bool wanted = named[i] && (query->section == SECTION_COUNT || query->section == i);
        any = any || wanted;
        going = !wanted || entry_add(&page, query, named[i], &cursor);
    }
    if (!any)
        error = refuse(request->refusal, WIRE_NOT_FOUND,
                       "there is no pattern, code or component \"%.*s\"", SLICE_FORMAT(query->id));
    else if (query->revision && page.count + page.omitted == 0)
        error = refuse(request->refusal, WIRE_NOT_FOUND,
                       "revision %" PRIu64 " of \"%.*s\" is not kept, or never was",
                       query->revision, SLICE_FORMAT(query->id));
    else
        query_page_send(&page, request, to, query, text_slice(&cursor));
    text_free(&cursor);
    query_page_free(&page);
    return error;
}
