/* What a room knows as JSON, in the seed's shapes. */
#include "core/effects.h"
#include "core/knowledge.h"

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
        if (report->seal)
            continue;
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
    const char *before = "";
    text_add_literal(text, "[");
    TAILQ_FOREACH (report, &entry->reports, next) {
        if (report->seal)
            continue;
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
    if (entry->retracted.by.len) {
        text_add_literal(text, ",\"retracted\":");
        ruling_write_whole(&entry->retracted, text);
    }
    text_add_literal(text, "}");
}

/* What an entry takes at the least when it is written: its texts, but for the reports'
 * timestamps, which not every section shows, and for its claim, which holds more than is
 * written. */
static size_t entry_least(const struct knowledge_entry *entry)
{
    size_t unwritten = ENTRY_OVERHEAD +
                       entry->report_count * (REPORT_OVERHEAD + WIRE_TIMESTAMP_MAX) +
                       entry->held_bytes + claim_cost(entry->claim);
    return entry->bytes > unwritten ? entry->bytes - unwritten : 0;
}

/* Newest first until the limit is reached. An entry that is over half of the limit by itself is
 * passed over, or it would hide all the others; a few of them, for each costs its writing,
 * unless it can be seen that it is over the limit. */
#define GIANTS_PASSED_MAX  4
#define ENTRIES_PASSED_MAX 4096

bool knowledge_write(const struct knowledge *knowledge, size_t limit, struct text *text)
{
    struct text parts[SECTION_COUNT] = {{0}};
    const struct knowledge_entry *entry;
    size_t used = 0, giants = 0, passed = 0;
    bool truncated = false;
    TAILQ_FOREACH (entry, &knowledge->recent, recent) {
        struct text *part = &parts[entry->section];
        size_t before = part->len;
        if (entry_least(entry) >= limit) {
            truncated = true;
            if (limit == 0 || ++passed > ENTRIES_PASSED_MAX)
                break;
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
