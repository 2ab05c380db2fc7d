/* What a room knows: patterns, components, features and measurements, in the seed's shapes, with live counts.
 *
 * Every count that is shown is kept as it changes and can be recounted from the reports (verify.c does). Benchmark entries keep reports as a
 * list, as the seed does; the other sections keep the latest report of each reporter. */
#include <stdlib.h>

#include "core/effects.h"
#include "core/knowledge.h"
#include "core/memory.h"

#define ENTRY_OVERHEAD  256u /* bytes a stored entry counts for beside its texts */
#define REPORT_OVERHEAD 128u

const char *section_text(enum section section)
{
    static const char *const texts[] = {
#define X(name, text) text,
        SECTIONS(X)
#undef X
    };
    return texts[section];
}

void knowledge_init(struct knowledge *knowledge)
{
    *knowledge = (struct knowledge){0};
    TAILQ_INIT(&knowledge->recent);
}

static void report_free(struct report *report)
{
    slice_free(&report->reporter);
    slice_free(&report->timestamp);
    slice_free(&report->metrics);
    free(report);
}

static void entry_free(void *object)
{
    struct knowledge_entry *entry = object;
    struct report *report;
    while ((report = TAILQ_FIRST(&entry->reports))) {
        TAILQ_REMOVE(&entry->reports, report, next);
        report_free(report);
    }
    slice_free(&entry->key);
    slice_free(&entry->body);
    slice_free(&entry->timestamp);
    slice_free(&entry->own_id);
    claim_free(entry->claim);
    free(entry);
}

static void contributor_free(void *object)
{
    struct contributor *contributor = object;
    slice_free(&contributor->key);
    free(contributor);
}

static void alias_free(void *object)
{
    struct alias *alias = object;
    slice_free(&alias->key);
    free(alias);
}

void knowledge_free(struct knowledge *knowledge)
{
    index_clear(&knowledge->aliases, alias_free);
    for (int section = 0; section < SECTION_COUNT; section++)
        index_clear(&knowledge->sections[section], entry_free);
    index_clear(&knowledge->contributors, contributor_free);
    knowledge_init(knowledge);
}

struct knowledge_entry *knowledge_find(const struct knowledge *knowledge, enum section section,
                                       struct slice id)
{
    return index_find(&knowledge->sections[section], id);
}

size_t knowledge_count(const struct knowledge *knowledge)
{
    size_t count = 0;
    for (int section = 0; section < SECTION_COUNT; section++)
        count += knowledge->sections[section].count;
    return count;
}

size_t knowledge_cost(struct slice id, struct slice body, struct slice timestamp)
{
    return ENTRY_OVERHEAD + id.len + body.len + timestamp.len;
}

/* ── contributors ── */

const struct contributor *knowledge_contributor(const struct knowledge *knowledge,
                                                struct slice ai_id)
{
    return index_find(&knowledge->contributors, ai_id);
}

#define SCORE_SHARED  1u
#define SCORE_USED    1u
#define SCORE_TESTED  5u
#define SCORE_REFUTED 10u /* lost */

uint64_t contributor_score(const struct contributor *contributor)
{
    uint64_t won = SCORE_SHARED * contributor->entries + SCORE_USED * contributor->uses +
                   SCORE_TESTED * contributor->tested;
    uint64_t lost = SCORE_REFUTED * contributor->claims[CLAIM_REFUTED];
    return won > lost ? won - lost : 0;
}

static struct contributor *contributor_get(struct knowledge *knowledge, struct slice ai_id)
{
    struct contributor *contributor = index_find(&knowledge->contributors, ai_id);
    if (!contributor) {
        contributor = memory_new(sizeof *contributor);
        contributor->key = slice_copy(ai_id);
        index_add(&knowledge->contributors, contributor);
    }
    return contributor;
}

/* ── entries ── */

static void entry_changed(struct knowledge *knowledge, struct knowledge_entry *entry)
{
    change_mark(knowledge->changes, &entry->change, entry,
                ROW_PATTERN + (enum row_kind)entry->section);
}

static void entry_touch(struct knowledge *knowledge, struct knowledge_entry *entry)
{
    entry->order = ++knowledge->changes->order;
    entry_changed(knowledge, entry);
    TAILQ_REMOVE(&knowledge->recent, entry, recent);
    TAILQ_INSERT_HEAD(&knowledge->recent, entry, recent);
}

size_t report_cost(const struct report *report)
{
    return REPORT_OVERHEAD + report->reporter.len + report->timestamp.len + report->metrics.len;
}

size_t knowledge_entry_cost(const struct knowledge_entry *entry)
{
    return knowledge_cost(entry->key, entry->body, entry->timestamp) + entry->reports_bytes +
           claim_cost(entry->claim);
}

void knowledge_weigh(struct knowledge *knowledge, struct knowledge_entry *entry)
{
    size_t bytes = knowledge_entry_cost(entry);
    knowledge->bytes += bytes - entry->bytes; /* wraps and comes right when it shrinks */
    entry->bytes = bytes;
}

static void alias_set(struct knowledge *knowledge, struct knowledge_entry *entry)
{
    struct alias *alias = index_find(&knowledge->aliases, entry->own_id);
    if (!alias) {
        alias = memory_new(sizeof *alias);
        alias->key = slice_copy(entry->own_id);
        index_add(&knowledge->aliases, alias);
    } else if (alias->entry->contributor != entry->contributor) {
        return; /* nobody takes over what is reported on another's component */
    }
    alias->entry = entry;
    change_mark(knowledge->changes, &alias->change, alias, ROW_ALIAS);
}

struct knowledge_entry *knowledge_restore(struct knowledge *knowledge, enum section section,
                                          struct slice id, struct slice contributor)
{
    struct knowledge_entry *entry = memory_new(sizeof *entry);
    entry->key = slice_copy(id);
    entry->section = section;
    TAILQ_INIT(&entry->reports);
    index_add(&knowledge->sections[section], entry);
    if (section != SECTION_BENCHMARKS) {
        entry->contributor = contributor_get(knowledge, contributor);
        entry->contributor->entries++;
    }
    return entry;
}

static struct knowledge_entry *entry_new(struct knowledge *knowledge, enum section section,
                                         struct slice id, struct slice contributor)
{
    struct knowledge_entry *entry = knowledge_restore(knowledge, section, id, contributor);
    TAILQ_INSERT_HEAD(&knowledge->recent, entry, recent);
    return entry;
}

struct knowledge_entry *knowledge_put(struct knowledge *knowledge, enum section section,
                                      struct slice id, struct slice body, struct slice contributor,
                                      struct slice timestamp, struct slice own_id)
{
    struct knowledge_entry *entry = knowledge_find(knowledge, section, id);
    if (!entry)
        entry = entry_new(knowledge, section, id, contributor);
    entry_touch(knowledge, entry);
    entry->revision++;
    slice_free(&entry->body);
    slice_free(&entry->timestamp);
    slice_free(&entry->own_id);
    entry->body = slice_copy(body);
    entry->timestamp = slice_copy(timestamp);
    entry->own_id = slice_copy(own_id);
    if (own_id.len)
        alias_set(knowledge, entry);
    knowledge_weigh(knowledge, entry);
    return entry;
}

/* ── reports ── */

static void entry_drop_report(struct knowledge_entry *entry, struct report *report)
{
    TAILQ_REMOVE(&entry->reports, report, next);
    entry->report_count--;
    entry->reports_bytes -= report_cost(report);
    report_free(report);
}

static void report_append(struct knowledge_entry *entry, const struct reporting *reporting,
                          double score)
{
    struct report *report = memory_new(sizeof *report);
    report->reporter = slice_copy(reporting->reporter);
    report->timestamp = slice_copy(reporting->timestamp);
    report->metrics = slice_copy(reporting->metrics.raw);
    report->score = score;
    TAILQ_INSERT_TAIL(&entry->reports, report, next);
    entry->report_count++;
    entry->reports_bytes += report_cost(report);
}

static void entry_add_report(struct knowledge *knowledge, struct knowledge_entry *entry,
                             const struct reporting *reporting, double score)
{
    report_append(entry, reporting, score);
    while (entry->report_count > REPORTS_EACH_MAX ||
           (entry->report_count > 1 && entry->reports_bytes > REPORTS_BYTES_EACH_MAX))
        entry_drop_report(entry, TAILQ_FIRST(&entry->reports));
    knowledge_weigh(knowledge, entry);
}

void knowledge_restore_report(struct knowledge_entry *entry, const struct reporting *reporting)
{
    report_append(entry, reporting, reporting->score);
}

/* The latest of each reporter is kept; one without a score leaves the reporter's earlier one in
 * force. */
static void entry_replace_report(struct knowledge *knowledge, struct knowledge_entry *entry,
                                 const struct reporting *reporting)
{
    struct report *report;
    double score = reporting->score;
    TAILQ_FOREACH (report, &entry->reports, next)
        if (slice_equal(report->reporter, reporting->reporter)) {
            if (score < 0)
                score = report->score;
            entry_drop_report(entry, report);
            break;
        }
    entry_add_report(knowledge, entry, reporting, score);
}

double knowledge_quality(const struct knowledge_entry *entry)
{
    const struct report *report;
    double sum = 0;
    size_t scores = 0;
    TAILQ_FOREACH (report, &entry->reports, next)
        if (report->score >= 0 && !slice_equal(report->reporter, entry->contributor->key)) {
            sum += report->score;
            scores++;
        }
    return scores ? sum / (double)scores : 0;
}

/* A use by another AI counts; an AI's report on its own counts for nothing. */
static void entry_report(struct knowledge *knowledge, struct knowledge_entry *entry,
                         const struct reporting *reporting)
{
    entry_changed(knowledge, entry);
    entry_replace_report(knowledge, entry, reporting);
    if (slice_equal(reporting->reporter, entry->contributor->key))
        return;
    entry->usage++;
    entry->contributor->uses++;
    if (entry->section == SECTION_FEATURES && !entry->tested &&
        json_get(reporting->metrics, "integration_tested").kind == JSON_KIND_TRUE) {
        entry->tested = true;
        entry->contributor->tested++;
    }
}

void knowledge_named(const struct knowledge *knowledge, struct slice id,
                     struct knowledge_entry *ret_named[NAMED_MAX])
{
    ret_named[0] = knowledge_find(knowledge, SECTION_PATTERNS, id);
    ret_named[1] = knowledge_find(knowledge, SECTION_COMPONENTS, id);
    ret_named[2] = knowledge_find(knowledge, SECTION_FEATURES, id);
    if (ret_named[2])
        return;
    const struct alias *alias = index_find(&knowledge->aliases, id);
    ret_named[2] = alias ? alias->entry : NULL;
}

void knowledge_report(struct knowledge *knowledge, struct slice component_id,
                      const struct reporting *reporting,
                      struct knowledge_entry *const named[NAMED_MAX])
{
    struct knowledge_entry *benchmark = knowledge_find(knowledge, SECTION_BENCHMARKS, component_id);
    if (!benchmark)
        benchmark = entry_new(knowledge, SECTION_BENCHMARKS, component_id, (struct slice){NULL, 0});
    entry_touch(knowledge, benchmark);
    entry_add_report(knowledge, benchmark, reporting, reporting->score);
    for (size_t i = 0; i < NAMED_MAX; i++)
        if (named[i])
            entry_report(knowledge, named[i], reporting);
}

/* ── writing ── */

static void write_contributor(const struct knowledge_entry *entry, struct text *text)
{
    text_add_literal(text, ",\"contributor\":");
    text_add_string(text, entry->contributor->key);
    text_add_literal(text, ",\"timestamp\":");
    text_add_string(text, entry->timestamp);
}

static void write_pattern(const struct knowledge_entry *entry, struct text *text)
{
    text_add_literal(text, "{\"pattern\":");
    text_add(text, entry->body);
    write_contributor(entry, text);
    text_addf(text, ",\"usage_count\":%llu", (unsigned long long)entry->usage);
}

static void write_component(const struct knowledge_entry *entry, struct text *text)
{
    text_add_literal(text, "{\"code\":");
    text_add(text, entry->body);
    write_contributor(entry, text);
    text_add_literal(text, ",\"quality_score\":");
    text_add_fraction(text, knowledge_quality(entry));
    text_addf(text, ",\"usage_count\":%llu", (unsigned long long)entry->usage);
}

static void write_feature(const struct knowledge_entry *entry, struct text *text)
{
    const struct report *report;
    const char *before = "";
    text_add_literal(text, "{\"component\":");
    text_add(text, entry->body);
    write_contributor(entry, text);
    text_addf(text, ",\"integration_tested\":%s,\"performance_benchmarks\":{",
              entry->tested ? "true" : "false");
    TAILQ_FOREACH (report, &entry->reports, next) {
        text_add_literal(text, before);
        text_add_string(text, report->reporter);
        text_add_literal(text, ":");
        text_add(text, report->metrics);
        before = ",";
    }
    text_add_literal(text, "}");
}

static void write_benchmark(const struct knowledge_entry *entry, struct text *text)
{
    const struct report *report;
    const char *before = "[";
    TAILQ_FOREACH (report, &entry->reports, next) {
        text_addf(text, "%s{\"reporter\":", before);
        text_add_string(text, report->reporter);
        text_add_literal(text, ",\"timestamp\":");
        text_add_string(text, report->timestamp);
        text_add_literal(text, ",\"metrics\":");
        text_add(text, report->metrics);
        text_add_literal(text, "}");
        before = ",";
    }
    text_add_literal(text, "]");
}

void knowledge_write_entry(const struct knowledge *knowledge, const struct knowledge_entry *entry,
                           struct text *text)
{
    /* benchmarks are written whole, the others without their last brace */
    static void (*const writers[])(const struct knowledge_entry *,
                                   struct text *) = {[SECTION_PATTERNS] = write_pattern,
                                                     [SECTION_COMPONENTS] = write_component,
                                                     [SECTION_FEATURES] = write_feature,
                                                     [SECTION_BENCHMARKS] = write_benchmark};
    text_add_string(text, entry->key);
    text_add_literal(text, ":");
    writers[entry->section](entry, text);
    if (entry->section == SECTION_BENCHMARKS)
        return;
    verification_write(knowledge, entry, text);
    text_add_literal(text, "}");
}

/* What an entry takes at the least when it is written: its texts, but for the reports' timestamps, which not every section shows, and
 * for its claim, which holds more than is written. */
static size_t entry_least(const struct knowledge_entry *entry)
{
    size_t unwritten = ENTRY_OVERHEAD +
                       entry->report_count * (REPORT_OVERHEAD + WIRE_TIMESTAMP_MAX) +
                       claim_cost(entry->claim);
    return entry->bytes > unwritten ? entry->bytes - unwritten : 0;
}

/* Newest first until the limit is reached. An entry that is over half of the limit by itself is passed over, or it would hide all the
 * others; a few of them, for each costs its writing, unless it can be seen that it is over the limit. */
#define GIANTS_PASSED_MAX 4

bool knowledge_write(const struct knowledge *knowledge, size_t limit, struct text *text)
{
    struct text parts[SECTION_COUNT] = {{0}};
    const struct knowledge_entry *entry;
    size_t used = 0, giants = 0;
    bool truncated = false;
    TAILQ_FOREACH (entry, &knowledge->recent, recent) {
        struct text *part = &parts[entry->section];
        size_t before = part->len;
        if (entry_least(entry) > limit) {
            truncated = true;
            continue;
        }
        if (before)
            text_add_literal(part, ",");
        knowledge_write_entry(knowledge, entry, part);
        size_t size = part->len - before;
        if (used + size <= limit) {
            used += size;
            continue;
        }
        truncated = true;
        part->len = before;
        if (size <= limit / 2 || ++giants > GIANTS_PASSED_MAX)
            break;
    }
    for (int section = 0; section < SECTION_COUNT; section++) {
        text_addf(text, "%s\"%s\":{", section ? "," : "{", section_text((enum section)section));
        text_add(text, text_slice(&parts[section]));
        text_add_literal(text, "}");
        text_free(&parts[section]);
    }
    text_add_literal(text, "}");
    return truncated;
}

void knowledge_write_totals(const struct knowledge *knowledge, struct text *text)
{
    for (int section = 0; section < SECTION_COUNT; section++)
        text_addf(text, "%s\"%s\":%zu", section ? "," : "{", section_text((enum section)section),
                  knowledge->sections[section].count);
    text_add_literal(text, "}");
}
