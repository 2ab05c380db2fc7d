/* khub kb: all that a hub knows, also when it is more than a training_sync holds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/commands.h"
#include "cmd/fields.h"
#include "cmd/kb.h"
#include "cmd/terminal.h"
#include "wire/bounds.h"

#define ANSWER_MS    10000 /* for the hub to answer one query */
#define PAGE_ENTRIES 200
#define DEPTH_MAX    (WIRE_DEPTH_MAX + 16u) /* of the deepest payload inside a result */

/* What is asked for, page by page, and what came of it, section by section in the order of the
 * hub's names. */
struct pages {
    const char *words; /* NULL: all */
    const char *id;    /* whose revisions are asked for; NULL: none */
    long revision;     /* 0: all of them */
    struct text revisions;
    const char *section;
    const char *specialization, *subject, *order; /* NULL: not said */
    size_t limit;                                 /* of what words find */
    size_t count;                                 /* of entries so far */
    struct text found; /* of words: {section, id, snippet} of each, in order */
    bool more;
    struct text sections[KB_SECTIONS];
    struct text totals;       /* of the last page */
    struct text cursor;       /* a JSON value; empty: from the beginning */
    char question[UUID_SIZE]; /* the query that is not answered yet, or "" */
    bool complete, refused, too_fast;
    int64_t retry_after_ms; /* of one that came too fast */
    bool selects;           /* some are asked for, or in an order; */
    bool scored;            /* and then all the reports */
    char why[256];          /* it was refused */
};

static void take_result(struct pages *pages, struct json_value result)
{
    struct json_value entries = json_get(result, "entries");
    for (size_t i = 0; i < KB_SECTIONS; i++) {
        struct slice raw = json_get(entries, kb_sections[i].member).raw; /* {…} */
        if (raw.len <= 2)
            continue;
        text_add_literal(&pages->sections[i], pages->sections[i].len > 0 ? "," : "");
        text_add(&pages->sections[i], (struct slice){raw.at + 1, raw.len - 2});
    }
    struct slice found = json_get(result, "found").raw; /* […] */
    if (found.len > 2) {
        text_add_literal(&pages->found, pages->found.len > 0 ? "," : "");
        text_add(&pages->found, (struct slice){found.at + 1, found.len - 2});
    }
    struct slice revisions = json_get(result, "revisions").raw;
    if (revisions.len > 2) {
        text_add_literal(&pages->revisions, pages->revisions.len > 0 ? "," : "");
        text_add(&pages->revisions, (struct slice){revisions.at + 1, revisions.len - 2});
    }
    pages->count += (size_t)field_number(result, "count", 0);
    text_clear(&pages->totals);
    text_add(&pages->totals, json_get(result, "totals").raw);
    struct json_value next = json_get(result, "next");
    pages->more = next.kind == JSON_KIND_STRING;
    pages->complete = !pages->more || (pages->words && pages->count >= pages->limit);
    text_clear(&pages->cursor);
    text_addf(&pages->cursor, "\"%.*s\"", SLICE_FORMAT(next.raw));
}

static void take_too_fast(struct pages *pages, struct json_value error)
{
    pages->too_fast = true;
    pages->retry_after_ms = (int64_t)field_number(error, "retry_after_ms", 0);
}

void kb_pages_message(struct visit *visit, const struct khub_message *message)
{
    struct pages *pages = visit->data;
    struct slice text = {message->payload.at, message->payload.len};
    bool result = strcmp(message->type.at, "knowledge_result") == 0;
    size_t at;
    if (!pages || !pages->question[0] || strcmp(message->sender_id.at, "hub") != 0 ||
        (!result && strcmp(message->type.at, "error") != 0) ||
        json_check(text, DEPTH_MAX, &at) != JSON_FINE)
        return;
    struct json_value payload = json_value_of(text);
    if (!json_string_is(json_get(payload, "in_reply_to"), slice_of(pages->question)))
        return;
    pages->question[0] = '\0';
    if (result)
        take_result(pages, payload);
    else if (json_string_is(json_get(payload, "code"),
                            slice_of(wire_error_code(WIRE_RATE_LIMITED))))
        take_too_fast(pages, payload);
    else {
        OWNED char *detail = field_string(payload, "detail");
        snprintf(pages->why, sizeof(pages->why), "%s", detail);
        pages->refused = true;
    }
}

/* A member that is a text; NULL: it is not said. */
static void add_said(struct text *query, const char *name, const char *said)
{
    if (!said)
        return;
    text_addf(query, ",\"%s\":", name);
    text_add_string(query, slice_of(said));
}

static int ask_page(struct visit *visit, struct pages *pages)
{
    struct text query = {0};
    size_t left = pages->words ? pages->limit - pages->count : PAGE_ENTRIES;
    text_addf(&query, "{\"limit\":%zu", left < PAGE_ENTRIES ? left : PAGE_ENTRIES);
    if (pages->cursor.len > 0)
        text_addf(&query, ",\"cursor\":%.*s", SLICE_FORMAT(text_slice(&pages->cursor)));
    add_said(&query, "text", pages->words);
    add_said(&query, "specialization", pages->specialization);
    add_said(&query, "subject", pages->subject);
    add_said(&query, "order", pages->order);
    add_said(&query, "id", pages->id);
    if (pages->id && pages->revision > 0)
        text_addf(&query, ",\"revision\":%ld", pages->revision);
    else if (pages->id)
        text_add_literal(&query, ",\"revision\":\"all\"");
    for (size_t i = 0; pages->section && i < KB_SECTIONS; i++)
        if (strcmp(pages->section, kb_sections[i].name) == 0)
            text_addf(&query, ",\"section\":\"%s\"", kb_sections[i].member);
    text_add(&query, (struct slice)SLICE("}\0"));
    int error = query.failed
                    ? -1
                    : khub_publish(visit->link, "knowledge_query", query.at, NULL, pages->question);
    text_free(&query);
    return error < 0 ? -1 : 0;
}

/* Waits until the page has come, or, when it was asked too fast, as long as to ask again. */
static int await_page(struct visit *visit, struct pages *pages)
{
    int64_t until = time_monotonic_ms() + ANSWER_MS;
    while (pages->question[0])
        if (visit_wait(visit, until, NULL, 0) != VISIT_TURNED || time_monotonic_ms() >= until)
            return -1;
    if (!pages->too_fast)
        return 0;
    pages->too_fast = false;
    return visit_pause(visit, pages->retry_after_ms) ? 0 : -1;
}

/* The sync's object, with all entries in the place of those that it had. */
static void put_together(struct visit *visit, const struct pages *pages)
{
    struct text text = {0};
    struct json_iterator iterator = {.rest = visit->sync.raw};
    struct json_value name, value;
    size_t at;
    text_add_literal(&text, "{\"truncated\":false,\"global_knowledge_base\":");
    for (size_t i = 0; i < KB_SECTIONS; i++) {
        text_addf(&text, "%s\"%s\":{", i ? "," : "{", kb_sections[i].member);
        text_add(&text, text_slice(&pages->sections[i]));
        text_add_literal(&text, "}");
    }
    text_addf(&text, "},\"more\":%s,\"found\":[", pages->more ? "true" : "false");
    text_add(&text, text_slice(&pages->found));
    text_add_literal(&text, "],\"revisions\":[");
    text_add(&text, text_slice(&pages->revisions));
    text_add_literal(&text, "],\"knowledge_totals\":");
    text_add(&text, text_slice(&pages->totals));
    while (json_next_member(&iterator, &name, &value)) {
        if (!json_string_is(name, slice_of("ledger")))
            continue;
        text_add_literal(&text, ",\"ledger\":");
        text_add(&text, value.raw);
    }
    text_add_literal(&text, "}");
    if (text.failed || json_check(text_slice(&text), DEPTH_MAX, &at) != JSON_FINE) {
        text_free(&text);
        return;
    }
    text_free(&visit->sync_text);
    visit->sync_text = text;
    visit->sync = json_value_of(text_slice(&visit->sync_text));
}

/* All pages of it. 0, or -1 when the hub did not answer. */
static int ask_pages(struct visit *visit, struct pages *pages)
{
    int error = 0;
    visit->data = pages;
    while (error == 0 && !pages->complete && !pages->refused) {
        error = ask_page(visit, pages);
        if (error == 0)
            error = await_page(visit, pages);
    }
    visit->data = NULL;
    return error;
}

static int ask_all(struct visit *visit, struct pages *pages)
{
    int error = ask_pages(visit, pages), code = EXIT_WORKED;
    if (error == 0 && pages->complete && pages->scored) {
        pages->specialization = pages->subject = pages->order = NULL;
        pages->section = "reports";
        pages->complete = false;
        text_clear(&pages->cursor);
        error = ask_pages(visit, pages);
    }
    if (error < 0)
        code = visit->ended ? EXIT_FAILED : complain("kb", "the hub did not answer in time.");
    else if (pages->complete)
        put_together(visit, pages);
    else if (pages->words)
        code = complain("kb", "the hub does not search: %s", pages->why);
    else if (pages->id || pages->selects)
        code = complain("kb", "%s", pages->why);
    for (size_t i = 0; i < KB_SECTIONS; i++)
        text_free(&pages->sections[i]);
    text_free(&pages->found);
    text_free(&pages->revisions);
    text_free(&pages->totals);
    text_free(&pages->cursor);
    return code;
}

int kb_complete(struct visit *visit)
{
    struct pages pages = {.words = NULL};
    if (json_get(visit->sync, "truncated").kind != JSON_KIND_TRUE)
        return EXIT_WORKED;
    return ask_all(visit, &pages);
}

int kb_search(struct visit *visit, const struct kb_settings *settings)
{
    struct pages pages = {.words = settings->text,
                          .section = settings->section,
                          .specialization = settings->specialization,
                          .subject = settings->subject,
                          .order = settings->order,
                          .limit = settings->limit > 0 ? (size_t)settings->limit : KB_FOUND};
    return ask_all(visit, &pages);
}

int kb_select(struct visit *visit, const struct kb_settings *settings)
{
    bool all = strcmp(settings->section, "all") == 0 && !kb_sifts(settings);
    struct pages pages = {.section = settings->section,
                          .specialization = settings->specialization,
                          .subject = settings->subject,
                          .order = settings->order,
                          .selects = true,
                          .scored =
                              !settings->json && !all && strcmp(settings->section, "reports") != 0};
    return ask_all(visit, &pages);
}

int kb_revisions(struct visit *visit, const struct kb_settings *settings)
{
    struct pages pages = {
        .id = settings->id, .section = settings->section, .revision = settings->revision};
    return ask_all(visit, &pages);
}
