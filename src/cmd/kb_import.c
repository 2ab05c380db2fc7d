/* khub kb import: what kb export wrote, shared anew.
 *
 * Lines are read from the last to the first, since an export begins with the newest: so the hub has
 * them in the order that they had. Reports come behind all else, as what they name must be there.
 * What the hub knows already is not shared again. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/fields.h"
#include "cmd/kb.h"
#include "cmd/stop.h"
#include "cmd/terminal.h"
#include "core/index.h"
#include "core/memory.h"
#include "wire/bounds.h"

#define UNDER_WAY_MAX  256u /* messages that are not acked yet */
#define REFUSALS_SHOWN 10u
#define PROGRESS_MS    2000
#define LINE_DEPTH_MAX (WIRE_DEPTH_MAX + 16u)

/* How each section's entries are shared: in the body's member of the entry, by this type. */
static const struct sharing {
    const char *member, *body, *type;
    bool has_id; /* the body tells the entry's id */
} sharings[] = {
    {"shared_patterns", "pattern", "pattern_share", true},
    {"collective_features", "component", "os_component_share", false},
    {"shared_components", "code", "code_share", true},
};

struct import {
    struct visit *visit;
    const char *section;
    struct index known; /* of keyed objects: what is there, as key_of writes it */
    size_t taken, known_already, refused, unanswered, claims;
    size_t under_way, done, count; /* done, count: lines */
    STAILQ_HEAD(, sent) again;     /* came too fast: to be said once more, */
    int64_t again_at;              /* and not before this (monotonic) */
    int64_t progress_at;
};

/* A message on its way. */
struct sent {
    struct import *import;
    size_t line;
    const char *type;
    char *payload;           /* owned */
    STAILQ_ENTRY(sent) next; /* in import->again */
};

struct known {
    struct slice key;
};

/* ── what is known ── */

/* Remembers a text; false when it was there. Takes it over. */
static bool remember(struct import *import, struct text *key)
{
    size_t before = import->known.count;
    index_get(&import->known, text_slice(key), sizeof(struct known));
    text_free(key);
    return import->known.count > before;
}

/* A string as it stands, or any other value. */
static void add_value(struct text *text, struct json_value value)
{
    const char *quote = value.kind == JSON_KIND_STRING ? "\"" : "";
    text_add_literal(text, quote);
    text_add(text, value.raw);
    text_add_literal(text, quote);
}

/* The body as it is shared: nobody here has measured a claim, so it does not claim. A pattern or a
 * code says its id. */
static void add_body(struct text *text, struct json_value body, const struct sharing *sharing,
                     const char *id)
{
    struct json_iterator iterator = {.rest = body.raw};
    struct json_value name, value;
    bool named = !sharing->has_id || json_get(body, "id").kind != JSON_KIND_ABSENT;
    const char *between = "";
    text_add_literal(text, "{");
    if (!named) {
        text_add_literal(text, "\"id\":");
        text_add_string(text, slice_of(id));
        between = ",";
    }
    while (json_next_member(&iterator, &name, &value)) {
        if (json_string_is(name, slice_of("commitment_id")))
            continue;
        text_add_literal(text, between);
        add_value(text, name);
        text_add_literal(text, ":");
        add_value(text, value);
        between = ",";
    }
    text_add_literal(text, "}");
}

static struct text key_of(const char *what, const char *id, struct slice json)
{
    struct text key = {0};
    text_addf(&key, "%s\n%s\n", what, id);
    text_add_json(&key, json, false);
    return key;
}

static const struct sharing *sharing_of(const char *member)
{
    for (size_t i = 0; i < sizeof(sharings) / sizeof(sharings[0]); i++)
        if (strcmp(sharings[i].member, member) == 0)
            return &sharings[i];
    return NULL;
}

static void know_reports(struct import *import, const struct kb_entry *entry)
{
    struct json_iterator iterator = {.rest = entry->value.raw};
    struct json_value report;
    while (json_next_element(&iterator, &report)) {
        struct text key = key_of("report", entry->id, json_get(report, "metrics").raw);
        remember(import, &key);
    }
}

static void know(void *data, const struct kb_entry *entry)
{
    struct import *import = data;
    const struct sharing *sharing = sharing_of(entry->section->member);
    if (!sharing) {
        know_reports(import, entry);
        return;
    }
    struct json_value body = json_get(entry->value, sharing->body);
    struct text text = {0};
    add_body(&text, body, sharing, entry->id);
    struct text key = key_of(sharing->body, "", text_slice(&text));
    remember(import, &key);
    text_free(&text);
}

/* ── what becomes of it ── */

static void refuse_line(struct import *import, size_t line, const char *why)
{
    if (import->refused++ < REFUSALS_SHOWN)
        complain("kb", "line %zu: %s", line, why);
}

static void sent_free(struct sent *sent)
{
    free(sent->payload);
    free(sent);
}

static void on_outcome(struct khub *link, const struct khub_outcome *outcome, void *data)
{
    struct sent *sent = data;
    struct import *import = sent->import;
    (void)link;
    import->under_way--;
    if (outcome->error == KHUB_E_REFUSED &&
        strcmp(outcome->code, wire_error_code(WIRE_RATE_LIMITED)) == 0) {
        int64_t wait = outcome->retry_after_ms > 0 ? outcome->retry_after_ms : TOO_FAST_MS;
        import->again_at = time_monotonic_ms() + wait;
        STAILQ_INSERT_TAIL(&import->again, sent, next);
        return;
    }
    if (outcome->error == 0)
        import->taken++;
    else if (outcome->error == KHUB_E_REFUSED)
        refuse_line(import, sent->line, outcome->detail);
    else
        import->unanswered++; /* the visit is over */
    sent_free(sent);
}

static void tell_progress(struct import *import)
{
    int64_t now = time_monotonic_ms();
    if (now < import->progress_at || !isatty(STDERR_FILENO))
        return;
    complain("kb", "%zu of %zu lines so far.", import->done, import->count);
    import->progress_at = now + PROGRESS_MS;
}

/* Until so many are under way at the most. 0, or -1 when the visit is over. */
static int await(struct import *import, size_t most)
{
    while (import->under_way > most) {
        if (visit_wait(import->visit, time_monotonic_ms() + PROGRESS_MS, NULL, 0) != VISIT_TURNED)
            return -1;
        tell_progress(import);
    }
    return 0;
}

static int publish(struct import *import, struct sent *sent)
{
    int error = KHUB_E_FULL;
    for (size_t most = UNDER_WAY_MAX - 1; error == KHUB_E_FULL; most = most / 2) {
        if (await(import, most) < 0)
            break;
        error = khub_publish_acked(import->visit->link, sent->type, sent->payload, NULL, on_outcome,
                                   sent, NULL);
        if (error == KHUB_E_FULL && !import->under_way)
            break;
    }
    if (error == 0) {
        import->under_way++;
        return 0;
    }
    bool over = error == KHUB_E_FULL && import->under_way > 0; /* the visit is */
    if (!over)
        refuse_line(import, sent->line, khub_error_text(error));
    sent_free(sent);
    return over ? -1 : 0;
}

/* What came too fast, in its order: one when the hub said that it takes one, and as long as none is
 * refused more and more at once. 0, or -1 when the visit is over. */
static int publish_again(struct import *import)
{
    size_t most = 0; /* under way beside the next */
    struct sent *sent;
    while ((sent = STAILQ_FIRST(&import->again))) {
        int64_t left = import->again_at - time_monotonic_ms();
        if (left > 0) {
            if (await(import, 0) < 0 || !visit_pause(import->visit, left))
                return -1;
            most = 0;
            continue;
        }
        STAILQ_REMOVE_HEAD(&import->again, next);
        if (publish(import, sent) < 0 || await(import, most) < 0)
            return -1;
        most = 2 * most + 1 < UNDER_WAY_MAX ? 2 * most + 1 : UNDER_WAY_MAX - 1;
        if (STAILQ_EMPTY(&import->again) && await(import, 0) < 0)
            return -1;
    }
    return 0;
}

/* Shares it, unless that is known. 0, or -1. Takes the payload over. */
static int share(struct import *import, size_t line, const char *type, struct text *payload,
                 struct text *key)
{
    if (!remember(import, key)) {
        import->known_already++;
        text_free(payload);
        return 0;
    }
    text_add(payload, (struct slice){"", 1});
    if (payload->failed) {
        text_free(payload);
        refuse_line(import, line, "out of memory");
        return 0;
    }
    struct sent *sent = memory_new(sizeof(*sent));
    *sent = (struct sent){.import = import, .line = line, .type = type, .payload = payload->at};
    if (STAILQ_EMPTY(&import->again))
        return publish(import, sent);
    STAILQ_INSERT_TAIL(&import->again, sent, next); /* behind those that wait */
    return publish_again(import);
}

/* ── lines ── */

static int import_reports(struct import *import, size_t line, const char *id,
                          struct json_value reports)
{
    struct json_iterator iterator = {.rest = reports.raw};
    struct json_value report;
    int error = 0;
    while (error == 0 && json_next_element(&iterator, &report)) {
        struct json_value metrics = json_get(report, "metrics");
        if (metrics.kind != JSON_KIND_OBJECT) {
            refuse_line(import, line, "a report has no metrics.");
            continue;
        }
        struct text payload = {0}, key = key_of("report", id, metrics.raw);
        text_add_literal(&payload, "{\"component_id\":");
        text_add_string(&payload, slice_of(id));
        text_add_literal(&payload, ",\"performance\":");
        text_add(&payload, metrics.raw);
        text_add_literal(&payload, "}");
        error = share(import, line, "performance_report", &payload, &key);
    }
    return error;
}

static int import_body(struct import *import, size_t line, const struct sharing *sharing,
                       const char *id, struct json_value entry)
{
    struct json_value body = json_get(entry, sharing->body);
    if (json_get(entry, "retracted").kind == JSON_KIND_OBJECT)
        return 0; /* nothing is left of it to be shared */
    if (body.kind != JSON_KIND_OBJECT) {
        refuse_line(import, line, "its entry has no body.");
        return 0;
    }
    struct text text = {0}, payload = {0};
    add_body(&text, body, sharing, id);
    text_addf(&payload, "{\"%s\":", sharing->body);
    text_add_json(&payload, text_slice(&text), false);
    text_add_literal(&payload, "}");
    struct text key = key_of(sharing->body, "", text_slice(&text));
    size_t before = import->known_already;
    text_free(&text);
    int error = share(import, line, sharing->type, &payload, &key);
    import->claims +=
        import->known_already == before && json_get(body, "commitment_id").kind != JSON_KIND_ABSENT;
    return error;
}

static bool is_wanted(const struct import *import, const char *member)
{
    for (size_t i = 0; i < KB_SECTIONS; i++)
        if (strcmp(kb_sections[i].member, member) == 0)
            return strcmp(import->section, "all") == 0 ||
                   strcmp(import->section, kb_sections[i].name) == 0;
    return true; /* it is refused */
}

/* One line, in the pass for reports or in the one for all else. 0, or -1 when the visit is over. */
static int import_line(struct import *import, size_t number, struct slice line, bool reports)
{
    size_t at;
    struct json_value object = {.kind = JSON_KIND_ABSENT};
    if (json_check(line, LINE_DEPTH_MAX, &at) == JSON_FINE)
        object = json_value_of(line);
    OWNED char *member = field_string(object, "section");
    OWNED char *id = field_string(object, "id");
    struct json_value entry = json_get(object, "entry");
    const struct sharing *sharing = sharing_of(member);
    bool are_reports = strcmp(member, "performance_benchmarks") == 0;
    if (are_reports != reports || !is_wanted(import, member))
        return 0;
    import->done++;
    if (object.kind != JSON_KIND_OBJECT || (!sharing && !are_reports) ||
        entry.kind != (are_reports ? JSON_KIND_ARRAY : JSON_KIND_OBJECT)) {
        refuse_line(import, number,
                    "this is no {\"id\", \"section\", \"entry\"} as 'khub kb export' writes.");
        return 0;
    }
    return are_reports ? import_reports(import, number, id, entry)
                       : import_body(import, number, sharing, id, entry);
}

struct kb_lines {
    struct text text;
    struct slice *at;
    size_t count, capacity;
};

void kb_lines_free(struct kb_lines *lines)
{
    if (!lines)
        return;
    text_free(&lines->text);
    free(lines->at);
    free(lines);
}

int kb_lines_read(struct kb_settings *settings)
{
    static char chunk[1u << 16];
    const char *path = settings->id;
    struct kb_lines *lines = settings->lines = memory_new(sizeof *lines);
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    size_t len;
    if (!file)
        return complain("kb", "%s: %s", path, strerror(errno));
    while ((len = fread(chunk, 1, sizeof(chunk), file)) > 0)
        text_add(&lines->text, (struct slice){chunk, len});
    int error = ferror(file) ? errno : 0;
    if (file != stdin)
        fclose(file);
    if (error || lines->text.failed)
        return complain("kb", "%s: %s", path, strerror(error ? error : ENOMEM));
    for (size_t from = 0; from < lines->text.len;) {
        const char *at = lines->text.at + from;
        const char *end = memchr(at, '\n', lines->text.len - from);
        len = end ? (size_t)(end - at) : lines->text.len - from;
        lines->at = memory_grow(lines->at, &lines->capacity, lines->count + 1, sizeof(*lines->at));
        lines->at[lines->count++] = (struct slice){at, len};
        from += len + 1;
    }
    return EXIT_WORKED;
}

static int report(const struct import *import, bool whole)
{
    printf("taken %zu, known already %zu, refused %zu\n", import->taken, import->known_already,
           import->refused);
    output_flush();
    if (import->refused > REFUSALS_SHOWN)
        complain("kb", "%zu more %s refused.", import->refused - REFUSALS_SHOWN,
                 word_of(import->refused - REFUSALS_SHOWN, "was", "were"));
    if (import->claims > 0)
        complain("kb",
                 "%zu of them claimed something elsewhere: here %s nothing, since nobody has "
                 "measured %s.",
                 import->claims, word_of(import->claims, "it claims", "they claim"),
                 word_of(import->claims, "it", "them"));
    if (!whole)
        return complain("kb",
                        "stopped: %zu %s not answered; import again, what is known already is "
                        "not shared twice.",
                        import->unanswered, word_of(import->unanswered, "was", "were"));
    return import->refused > 0 ? EXIT_FAILED : EXIT_WORKED;
}

static bool is_blank(struct slice line)
{
    return line.len == 0 || (line.len == 1 && *line.at == '\r');
}

int kb_import(const struct kb_settings *settings, struct visit *visit)
{
    const struct kb_lines *lines = settings->lines;
    struct import import = {.visit = visit,
                            .section = settings->section,
                            .count = lines->count,
                            .progress_at = time_monotonic_ms() + PROGRESS_MS};
    int error = 0;
    STAILQ_INIT(&import.again);
    stop_catch();
    kb_each_entry("all", visit->sync, know, &import);
    for (int reports = 0; reports < 2; reports++) {
        for (size_t i = lines->count; i > 0 && error == 0; i--)
            if (!is_blank(lines->at[i - 1]))
                error = import_line(&import, i, lines->at[i - 1], reports);
        if (error == 0 && (error = await(&import, 0)) == 0)
            error = publish_again(&import);
    }
    visit_end(visit); /* no outcome comes any more */
    struct sent *sent;
    while ((sent = STAILQ_FIRST(&import.again))) {
        STAILQ_REMOVE_HEAD(&import.again, next);
        sent_free(sent);
    }
    int code = report(&import, error == 0);
    index_clear(&import.known, keyed_free);
    return code;
}
