/* khub kb: the knowledge that a hub keeps. */
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/fields.h"
#include "cmd/json_out.h"
#include "cmd/kb.h"
#include "cmd/nearest.h"
#include "cmd/subject_named.h"
#include "cmd/table.h"
#include "cmd/visit.h"

/* A section as the hub calls it and as people do. */
static const struct section {
    const char *name, *member;
} sections[] = {
    {"patterns", "shared_patterns"},
    {"components", "shared_components"},
    {"features", "collective_features"},
    {"benchmarks", "performance_benchmarks"},
};
#define SECTION_TOTAL (sizeof(sections) / sizeof(sections[0]))
static const char *const section_choices[] = {"all",      "patterns",   "components",
                                              "features", "benchmarks", NULL};
static const char *const actions[] = {"list", "get", "top", "ledger", NULL};

/* One entry on its way through each_entry. */
struct entry {
    const struct section *section;
    const char *id;
    struct json_value value;
};

/* The mean score that others reported for a component_id. */
struct reported {
    const char *id; /* points to `owned`, or for a key to anybody's */
    char *owned;
    double score;
};

struct survey {
    const struct kb_settings *settings;
    struct reported *reported; /* sorted by id */
    size_t reported_count;
    struct table table;
    int64_t now;
    size_t count;
    struct nearest nearest;
    char *names[NEAREST_MAX]; /* copies of those in nearest */
    bool found;
    int code; /* of what was found */
};

static bool wanted(const struct kb_settings *settings, const struct section *section)
{
    return strcmp(settings->section, "all") == 0 || strcmp(settings->section, section->name) == 0;
}

/* Calls `visit` with each entry of the wanted sections, in the hub's order. */
static void each_entry(struct survey *survey, struct json_value sync,
                       void (*visit)(struct survey *survey, const struct entry *entry))
{
    struct json_value knowledge = json_get(sync, "global_knowledge_base");
    for (size_t i = 0; i < SECTION_TOTAL; i++) {
        struct json_value section = json_get(knowledge, sections[i].member), name;
        struct json_iterator iterator = {.rest = section.raw};
        struct entry entry = {.section = &sections[i]};
        if (section.kind != JSON_KIND_OBJECT || !wanted(survey->settings, &sections[i]))
            continue;
        while (json_next_member(&iterator, &name, &entry.value)) {
            OWNED char *id = field_text(name);
            entry.id = id;
            visit(survey, &entry);
        }
    }
}

void kb_each_claim(struct json_value sync, const char *subject,
                   void (*visit)(void *data, const struct kb_claim *claim), void *data)
{
    static const struct {
        const char *section, *body;
    } holders[] = {{"shared_patterns", "pattern"}, {"collective_features", "component"}};
    struct json_value knowledge = json_get(sync, "global_knowledge_base");
    for (size_t i = 0; i < sizeof(holders) / sizeof(holders[0]); i++) {
        struct json_value section = json_get(knowledge, holders[i].section), name, entry;
        struct json_iterator iterator = {.rest = section.raw};
        while (section.kind == JSON_KIND_OBJECT && json_next_member(&iterator, &name, &entry)) {
            struct kb_claim claim = {.pattern = i == 0,
                                     .entry = entry,
                                     .body = json_get(entry, holders[i].body),
                                     .verification = json_get(entry, "verification")};
            OWNED char *id = field_text(name);
            claim.id = id;
            if (claim.verification.kind == JSON_KIND_OBJECT &&
                json_string_is(json_get(claim.body, "subject"), slice_of(subject)))
                visit(data, &claim);
        }
    }
}

/* Of a component's reports (an array) or of an entry's benchmarks by reporter (an object): the mean
 * of their scores, NAN without any. */
static double mean_score(struct json_value reports)
{
    struct json_iterator iterator = {.rest = reports.raw};
    struct json_value name, report;
    double sum = 0;
    size_t count = 0;
    while (reports.kind == JSON_KIND_ARRAY    ? json_next_element(&iterator, &report)
           : reports.kind == JSON_KIND_OBJECT ? json_next_member(&iterator, &name, &report)
                                              : false) {
        struct json_value metrics = json_get(report, "metrics");
        double score =
            field_number(metrics.kind == JSON_KIND_OBJECT ? metrics : report, "score", (double)NAN);
        if (isfinite(score)) {
            sum += score;
            count++;
        }
    }
    return count > 0 ? sum / (double)count : (double)NAN;
}

static int compare_reported(const void *left, const void *right)
{
    return strcmp(((const struct reported *)left)->id, ((const struct reported *)right)->id);
}

/* Sorts the reports once: entries look theirs up, and there may be thousands of both. */
static void gather_reported(struct survey *survey, struct json_value sync)
{
    struct json_value section =
        json_get(json_get(sync, "global_knowledge_base"), "performance_benchmarks");
    struct json_iterator iterator = {.rest = section.raw};
    struct json_value name, reports;
    survey->reported = calloc(field_count(section) + 1, sizeof(*survey->reported));
    while (survey->reported && section.kind == JSON_KIND_OBJECT &&
           json_next_member(&iterator, &name, &reports)) {
        struct reported *reported = &survey->reported[survey->reported_count++];
        reported->id = reported->owned = field_text(name);
        reported->score = mean_score(reports);
    }
    if (survey->reported_count > 0)
        qsort(survey->reported, survey->reported_count, sizeof(*survey->reported),
              compare_reported);
}

/* How good others found it: the hub's quality_score, or the mean of what testers reported. */
static double entry_score(const struct survey *survey, const struct entry *entry)
{
    const struct reported key = {.id = entry->id}, *found = NULL;
    if (entry->value.kind == JSON_KIND_ARRAY)
        return mean_score(entry->value);
    double score = mean_score(json_get(entry->value, "performance_benchmarks"));
    if (!isfinite(score) && survey->reported_count > 0)
        found =
            bsearch(&key, survey->reported, survey->reported_count, sizeof(key), compare_reported);
    if (found)
        score = found->score;
    return isfinite(score) ? score : field_number(entry->value, "quality_score", (double)NAN);
}

static struct json_value last_element(struct json_value array)
{
    struct json_iterator iterator = {.rest = array.raw};
    struct json_value element = {0}, last = {0};
    while (array.kind == JSON_KIND_ARRAY && json_next_element(&iterator, &element))
        last = element;
    return last;
}

static void list_entry(struct survey *survey, const struct entry *entry)
{
    bool reports = entry->value.kind == JSON_KIND_ARRAY;
    struct json_value latest = reports ? last_element(entry->value) : entry->value;
    OWNED char *contributor = field_string(latest, reports ? "reporter" : "contributor");
    OWNED char *usage = field_string(latest, "usage_count");
    double score = entry_score(survey, entry);
    char ago[AGO_SIZE];
    field_ago(latest, "timestamp", survey->now, ago);
    table_add(&survey->table, entry->id);
    table_add(&survey->table, entry->section->name);
    table_add(&survey->table, contributor);
    table_add(&survey->table, ago);
    if (reports)
        table_addf(&survey->table, "%zu", field_count(entry->value));
    else
        table_add(&survey->table, *usage ? usage : "-");
    if (isfinite(score))
        table_addf(&survey->table, "%.3f", score);
    else
        table_add(&survey->table, "-");
    table_add(&survey->table,
              json_get(entry->value, "integration_tested").kind == JSON_KIND_TRUE ? "tested" : "");
    survey->count++;
}

static void print_entry_json(const struct entry *entry)
{
    fputs("{\"id\":", stdout);
    json_print_string(stdout, slice_of(entry->id));
    printf(",\"section\":\"%s\",\"entry\":", entry->section->member);
    json_print(stdout, entry->value.raw, false);
    putchar('}');
}

static void list_entry_json(struct survey *survey, const struct entry *entry)
{
    fputs(survey->count++ > 0 ? ",\n" : "", stdout);
    print_entry_json(entry);
}

/* The hub cuts what it tells: say so, for a list that ends early looks like a whole one. */
static void note_truncated(const struct survey *survey, struct json_value sync)
{
    struct json_value totals = json_get(sync, "knowledge_totals");
    double total = 0;
    if (json_get(sync, "truncated").kind != JSON_KIND_TRUE)
        return;
    for (size_t i = 0; i < SECTION_TOTAL; i++) {
        if (wanted(survey->settings, &sections[i]))
            total += field_number(totals, sections[i].member, 0);
    }
    if (total > (double)survey->count)
        complain("kb", "the hub told only the newest %zu of %.0f entries (its --sync-limit).",
                 survey->count, total);
}

static int list(struct survey *survey, struct json_value sync)
{
    static const struct column columns[] = {
        {.title = "ID", .wraps = true},
        {.title = "SECTION"},
        {.title = "CONTRIBUTOR", .shrinks = true},
        {.title = "AGE", .right = true},
        {.title = "USED", .right = true},
        {.title = "SCORE", .right = true},
        {.title = ""},
    };
    if (survey->settings->json) {
        putchar('[');
        each_entry(survey, sync, list_entry_json);
        puts("]");
    } else {
        struct terminal terminal = terminal_of(STDOUT_FILENO, "auto");
        gather_reported(survey, sync);
        table_begin(&survey->table, columns, sizeof(columns) / sizeof(columns[0]));
        each_entry(survey, sync, list_entry);
        if (survey->count > 0)
            table_print(&survey->table, &terminal, stdout);
        else
            puts("Nothing has been shared yet.");
        table_free(&survey->table);
        for (size_t i = 0; i < survey->reported_count; i++)
            free(survey->reported[i].owned);
        free(survey->reported);
    }
    note_truncated(survey, sync);
    return EXIT_WORKED;
}

/* A component is known by the hub's key, and to the AIs by its own id. */
static bool entry_is(const struct entry *entry, const char *id)
{
    struct json_value own_id = json_get(json_get(entry->value, "component"), "id");
    return strcmp(entry->id, id) == 0 ||
           (own_id.kind == JSON_KIND_STRING && json_string_is(own_id, slice_of(id)));
}

static void get_entry(struct survey *survey, const struct entry *entry)
{
    survey->count++;
    if (!entry_is(entry, survey->settings->id))
        return;
    if (survey->settings->source) {
        if (!survey->found)
            survey->code = kb_print_source(entry->value);
    } else if (survey->settings->json) {
        fputs(survey->found ? ",\n" : "[", stdout);
        print_entry_json(entry);
    } else {
        printf("%s%s:\n", survey->found ? "\n" : "", entry->section->member);
        json_print(stdout, entry->value.raw, true);
        putchar('\n');
    }
    survey->found = true;
}

/* nearest keeps no copies, and an entry's id is gone after the call. */
static void offer_entry(struct survey *survey, const struct entry *entry)
{
    char *copy = strdup(entry->id);
    if (!copy)
        return;
    nearest_offer(&survey->nearest, copy);
    bool kept = false;
    for (size_t i = 0; i < survey->nearest.count; i++)
        kept = kept || survey->nearest.best[i].name == copy;
    for (size_t i = 0; i < NEAREST_MAX && kept; i++) {
        bool still = false;
        for (size_t j = 0; j < survey->nearest.count; j++)
            still = still || survey->nearest.best[j].name == survey->names[i];
        if (!still) {
            free(survey->names[i]);
            survey->names[i] = copy;
            return;
        }
    }
    free(copy);
}

static int get(struct survey *survey, struct json_value sync)
{
    each_entry(survey, sync, get_entry);
    if (survey->found) {
        fputs(survey->settings->json && !survey->settings->source ? "]\n" : "", stdout);
        return survey->code;
    }
    survey->nearest.word = survey->settings->id;
    each_entry(survey, sync, offer_entry);
    complain("kb", "there is no entry '%s'.", survey->settings->id);
    for (size_t i = 0; i < survey->nearest.count; i++)
        complain("kb", "did you mean '%s'?", survey->nearest.best[i].name);
    for (size_t i = 0; i < NEAREST_MAX; i++)
        free(survey->names[i]);
    note_truncated(survey, sync);
    return EXIT_FAILED;
}

/* What an action wants behind it; NULL: nothing. */
static const struct action {
    const char *name, *wants;
} wants[] = {
    {"list", NULL},
    {"get", "get wants an ID; 'khub kb list' shows them."},
    {"top", "top wants a SUBJECT; 'khub subjects' lists them."},
    {"ledger", NULL},
};

static int check_operands(const struct kb_settings *settings)
{
    for (size_t i = 0; i < sizeof(wants) / sizeof(wants[0]); i++) {
        if (strcmp(settings->action, wants[i].name) != 0)
            continue;
        if (!settings->id && wants[i].wants) {
            complain("kb", "%s", wants[i].wants);
            return EXIT_USAGE;
        }
        if (settings->id && !wants[i].wants) {
            complain("kb", "%s takes no ID.", settings->action);
            return EXIT_USAGE;
        }
    }
    if (settings->source && strcmp(settings->action, "get") != 0) {
        complain("kb", "--source goes with get, and not with %s.", settings->action);
        return EXIT_USAGE;
    }
    if (strcmp(settings->action, "top") == 0 && !subject_named("kb", settings->id))
        return EXIT_USAGE;
    return EXIT_WORKED;
}

static int act(struct survey *survey, struct json_value sync)
{
    const struct kb_settings *settings = survey->settings;
    int code = EXIT_WORKED;
    if (strcmp(settings->action, "get") == 0)
        return get(survey, sync);
    if (strcmp(settings->action, "list") == 0)
        return list(survey, sync);
    if (strcmp(settings->action, "top") == 0)
        code = kb_top(settings, sync);
    else
        code = kb_ledger(settings, sync);
    if (json_get(sync, "truncated").kind == JSON_KIND_TRUE)
        complain("kb", "the hub told only the newest of its entries (its --sync-limit).");
    return code;
}

static int run(const void *data)
{
    const struct kb_settings *settings = data;
    struct survey survey = {.settings = settings, .now = time_now_ms()};
    struct visit visit = {.command = "kb", .address = settings->hub, .observer = true};
    int code = check_operands(settings);
    if (code != EXIT_WORKED)
        return code;
    code = visit_begin(&visit);
    if (code == EXIT_WORKED)
        code = act(&survey, visit.sync);
    visit_end(&visit);
    return code;
}

#define AT(member) .offset = offsetof(struct kb_settings, member)
static const struct setting options[] = {
    HUB_SETTING(struct kb_settings),
    {.name = "section",
     .letter = 's',
     .kind = SETTING_CHOICE,
     AT(section),
     .argument = "SECTION",
     .fallback = "all",
     .choices = section_choices,
     .help = "Only that section."},
    JSON_SETTING(
        struct kb_settings,
        "As JSON: an array of {\"id\", \"section\", \"entry\"}; an ID may stand in several "
        "sections. Of top: of {\"id\", \"ratio_verifiers\", \"confirmed_by\", \"entry\"}; "
        "ledger: the hub's object."),
    {.name = "source",
     .kind = SETTING_FLAG,
     AT(source),
     .help = "Of get: only the C source, fit to paste; a pattern's is made of its parameters."},
    {0},
};

static const struct setting operands[] = {
    {.name = "ACTION",
     .kind = SETTING_CHOICE,
     AT(action),
     .required = true,
     .choices = actions,
     .help = "What to do."},
    {.name = "ID",
     .kind = SETTING_TEXT,
     AT(id),
     .help = "Of get: the entry; of top: the subject ('khub subjects' lists them)."},
    {0},
};

const struct command command_kb = {
    .name = "kb",
    .summary = "list, rank or get what the AIs have shared",
    .about = "Reads the hub's knowledge: shared patterns, code components, features (whole OS "
             "components) and performance "
             "reports. SCORE is the mean of what other AIs measured, from 0 to 1; USED counts uses "
             "by others, of "
             "benchmarks the reports.\n"
             "top ranks the claims of one subject that two other AIs have measured again and found "
             "true, by the mean ratio on those AIs' own workloads, never by the author's number. "
             "ledger shows what each AI has claimed and what came of it.",
    .example = "  khub kb list --section features\n  khub kb get AI_Node_1_pattern_1 --json\n"
               "  khub kb top networking\n  khub kb get AI_Node_1_component_3 --source > policy.c",
    .worked = "printed",
    .failed = "there is no such entry, its source is not what its parameters render to, or the "
              "hub could not be reached",
    .options = options,
    .operands = operands,
    .settings_size = sizeof(struct kb_settings),
    .run = run,
};
