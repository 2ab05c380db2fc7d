/* khub kb list: what has been shared, a row for each. */
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/fields.h"
#include "cmd/kb.h"
#include "cmd/table.h"
#include "cmd/visit.h"

#define SECONDS_LEAST 1000000000 /* less is no unix time of any khub, but the number of a clash */
#define SECONDS_MOST  100000000000
#define READABLE_MAX  20u /* rows of each section, unless somebody says how many */

struct listing {
    const struct kb_settings *settings;
    size_t limit; /* of each section */
    size_t told[KB_SECTIONS], shown[KB_SECTIONS];
    const struct kb_scores *scores;
    struct table table;
    int64_t now;
};

static size_t total(const size_t counts[KB_SECTIONS])
{
    size_t sum = 0;
    for (size_t i = 0; i < KB_SECTIONS; i++)
        sum += counts[i];
    return sum;
}

/* Counts an entry; whether it is to be shown. */
static bool take(struct listing *listing, const struct kb_entry *entry, bool only_counted)
{
    size_t at = (size_t)(entry->section - kb_sections);
    listing->told[at]++;
    bool shown = listing->shown[at] < listing->limit && !only_counted;
    listing->shown[at] += shown;
    return shown;
}

static struct json_value last_element(struct json_value array)
{
    struct json_iterator iterator = {.rest = array.raw};
    struct json_value element = {0}, last = {0};
    while (array.kind == JSON_KIND_ARRAY && json_next_element(&iterator, &element))
        last = element;
    return last;
}

/* By how many reports or, of a component, by how many other AIs: the hub tells no more. */
static void add_used(struct table *table, const struct kb_entry *entry)
{
    struct json_value told = json_get(entry->value, "usage_count");
    struct json_value latest = json_get(entry->value, "performance_benchmarks"), reporter, metrics;
    struct slice contributor = json_get(entry->value, "contributor").raw;
    struct json_iterator iterator = {.rest = latest.raw};
    size_t used = field_count(entry->value.kind == JSON_KIND_ARRAY ? entry->value : latest);
    while (latest.kind == JSON_KIND_OBJECT && json_next_member(&iterator, &reporter, &metrics))
        used -= slice_equal(reporter.raw, contributor);
    OWNED char *text = field_text(told);
    if (*text)
        table_add(table, text);
    else
        table_addf(table, "%zu", used);
}

/* What others found of a claim; of what claims nothing, whether somebody has tested it; or that an
 * admin took it back. */
static char *status_of(const struct kb_entry *entry)
{
    struct json_value verification = json_get(entry->value, "verification");
    if (json_get(entry->value, "retracted").kind == JSON_KIND_OBJECT)
        return field_text(
            (struct json_value){.raw = slice_of("retracted"), .kind = JSON_KIND_STRING});
    if (verification.kind == JSON_KIND_OBJECT)
        return field_string(verification, "status");
    bool tested = json_get(entry->value, "integration_tested").kind == JSON_KIND_TRUE;
    return field_text(
        (struct json_value){.raw = slice_of(tested ? "tested" : "-"), .kind = JSON_KIND_STRING});
}

/* The unix seconds at which the hub took a component, which end its key: "…_SECONDS", or with the
 * number of a clash "…_SECONDS_2". 0: it does not say. */
static int64_t key_seconds(const char *key)
{
    int64_t seconds = 0;
    for (const char *at = strchr(key, '_'); at; at = strchr(at + 1, '_')) {
        char *end;
        long long number = strtoll(at + 1, &end, 10);
        if ((*end == '\0' || *end == '_') && number >= SECONDS_LEAST && number < SECONDS_MOST)
            seconds = number;
    }
    return seconds;
}

/* By the hub's own clock where it tells it, else by their author's word. */
static void entry_age(const struct kb_entry *entry, struct json_value latest, int64_t now,
                      char ret_age[AGO_SIZE])
{
    bool component = json_get(entry->value, "component").kind == JSON_KIND_OBJECT;
    int64_t seconds = component ? key_seconds(entry->id) : 0;
    if (seconds > 0)
        span_format(now - seconds * 1000, ret_age);
    else
        field_ago(latest, "timestamp", now, ret_age);
}

static void list_entry(void *data, const struct kb_entry *entry)
{
    struct listing *listing = data;
    bool reports = entry->value.kind == JSON_KIND_ARRAY;
    if (reports && kb_sifts(listing->settings))
        return; /* of nobody and no subject: it is there for the others' scores */
    /* Among the others, USED and SCORE say what was reported. */
    if (!take(listing, entry, reports && strcmp(listing->settings->section, "all") == 0))
        return;
    struct json_value latest = reports ? last_element(entry->value) : entry->value;
    OWNED char *author = field_string(latest, reports ? "reporter" : "contributor");
    OWNED char *status = status_of(entry);
    double score = kb_score(listing->scores, entry);
    char ago[AGO_SIZE];
    entry_age(entry, latest, listing->now, ago);
    table_add(&listing->table, entry->id);
    table_add(&listing->table, entry->section->one);
    table_add(&listing->table, author);
    table_add(&listing->table, ago);
    add_used(&listing->table, entry);
    table_add_number(&listing->table, score, 3, "");
    table_add(&listing->table, status);
}

static void list_entry_json(void *data, const struct kb_entry *entry)
{
    struct listing *listing = data;
    bool first = total(listing->shown) == 0;
    if (!take(listing, entry, false))
        return;
    fputs(first ? "" : ",\n", stdout);
    kb_print_entry(entry, NULL);
}

/* "12 patterns, 70 components": of `counts` those that are not 0; "" when all are. Caller frees. */
static char *name_counts(const size_t counts[KB_SECTIONS])
{
    struct text names = {0};
    for (size_t i = 0; i < KB_SECTIONS; i++) {
        if (counts[i] == 0)
            continue;
        text_addf(&names, "%s%zu %s", names.len > 0 ? ", " : "", counts[i],
                  word_of(counts[i], kb_sections[i].one, kb_sections[i].name));
    }
    char *text =
        field_text((struct json_value){.raw = text_slice(&names), .kind = JSON_KIND_STRING});
    text_free(&names);
    return text;
}

/* What the hub has, whether it told it or not. */
static void read_totals(struct json_value sync, size_t counts[KB_SECTIONS])
{
    for (size_t i = 0; i < KB_SECTIONS; i++)
        counts[i] =
            (size_t)field_number(json_get(sync, "knowledge_totals"), kb_sections[i].member, 0);
}

/* Who asked for one section must not think that nothing else is there. */
static void print_nothing(const struct listing *listing, struct json_value sync)
{
    size_t totals[KB_SECTIONS];
    read_totals(sync, totals);
    OWNED char *others = name_counts(totals);
    const char *section = listing->settings->section;
    if (kb_sifts(listing->settings))
        puts("Nothing that has been shared is of that.");
    else if (strcmp(section, "all") == 0)
        puts("Nothing has been shared yet.");
    else
        printf(*others ? "No %s so far, but %s.\n" : "No %s so far%s.\n", section, others);
}

/* "The newest 20 of 50". */
static const char *foremost(const struct kb_settings *settings)
{
    if (!settings->order || strcmp(settings->order, "newest") == 0)
        return "The newest ";
    return strcmp(settings->order, "oldest") == 0 ? "The oldest " : "The first ";
}

/* What was left out here. */
static void print_more(const struct listing *listing)
{
    size_t most = 0, reports = listing->told[KB_SECTIONS - 1];
    putchar('\n');
    for (size_t i = 0; i < KB_SECTIONS; i++) {
        if (listing->shown[i] == 0 || listing->shown[i] == listing->told[i])
            continue;
        printf("%s%zu of %zu %s", most > 0 ? ", " : foremost(listing->settings), listing->shown[i],
               listing->told[i], kb_sections[i].name);
        most = listing->told[i] > most ? listing->told[i] : most;
    }
    if (most > 0)
        printf("; --limit %zu shows all.\n", most);
    if (reports > 0 && listing->shown[KB_SECTIONS - 1] == 0)
        printf("What others measured of them: --section reports (%zu).\n", reports);
}

/* A list that ends early looks like a whole one: say so. */
static void note_rest(const struct listing *listing, struct json_value sync)
{
    size_t totals[KB_SECTIONS], untold = 0;
    read_totals(sync, totals);
    for (size_t i = 0; i < KB_SECTIONS; i++)
        if (listing->told[i] > 0 && totals[i] > listing->told[i])
            untold += totals[i] - listing->told[i];
    if (total(listing->shown) < total(listing->told) && !listing->settings->json)
        print_more(listing);
    if (untold > 0 && !kb_sifts(listing->settings))
        complain("kb", "the hub told only the newest %zu of %zu entries (its --sync-limit).",
                 total(listing->told), total(listing->told) + untold);
}

static void print_rows(struct listing *listing, struct json_value sync)
{
    static const struct column columns[] = {
        {.title = "ID", .wraps = true},
        {.title = "KIND"},
        {.title = "AUTHOR", .shrinks = true},
        {.title = "AGE", .right = true},
        {.title = "USED", .right = true},
        {.title = "SCORE", .right = true},
        {.title = "STATUS"},
    };
    struct terminal terminal = terminal_of(STDOUT_FILENO, "auto");
    struct kb_scores *scores = kb_scores_new(sync);
    listing->scores = scores;
    table_begin(&listing->table, TABLE_COLUMNS(columns));
    kb_each_entry(listing->settings->section, sync, list_entry, listing);
    if (total(listing->shown) > 0)
        table_print(&listing->table, &terminal, stdout);
    else
        print_nothing(listing, sync);
    table_free(&listing->table);
    kb_scores_free(scores);
}

int kb_list(const struct kb_settings *settings, struct json_value sync)
{
    size_t otherwise = settings->json ? SIZE_MAX : READABLE_MAX;
    struct listing listing = {.settings = settings,
                              .limit = settings->limit > 0 ? (size_t)settings->limit : otherwise,
                              .now = time_now_ms()};
    if (settings->json) {
        putchar('[');
        kb_each_entry(settings->section, sync, list_entry_json, &listing);
        puts("]");
    } else {
        print_rows(&listing, sync);
    }
    note_rest(&listing, sync);
    return EXIT_WORKED;
}
