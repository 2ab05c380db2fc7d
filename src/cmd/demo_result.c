/* What came of the demo: tables from the trainers' own summaries, and the list of what has to have
 * happened. */
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "cmd/demo.h"
#include "cmd/json_out.h"
#include "cmd/options.h"
#include "cmd/table.h"

#define LOSSES_NAMED 4u /* in a sentence; all of them are in the JSON */

enum { FIGURE_PARTS = 3 };
/* A figure is members of a summary, added: {"patterns", "checked"}. */
struct figure {
    const char *parts[FIGURE_PARTS][2]; /* NULL: no more */
};

/* What must have happened: for each AI, for each that was there from the first, or at least once in
 * all. A latecomer that takes the best there is may have nothing to add to it. */
enum whose { EACH, EACH_FIRST, SOMEBODY };
static const struct requirement {
    struct figure figure;
    enum whose whose;
    const char *missing; /* what did not happen: a sentence, behind the AI's name or as it is */
} requirements[] = {
    {{{{"patterns", "shared"}}}, EACH_FIRST, "shared no pattern"},
    {{{{"components", "shared"}}}, EACH_FIRST, "shared no component"},
    {{{{"patterns", "checked"}, {"components", "checked"}}}, EACH, "checked nothing of another's"},
    /* shared with all, or in a session */
    {{{{"patterns", "taken_in"}, {"components", "taken_in"}, {"sessions", "learned"}}},
     SOMEBODY,
     "no AI took in what another had found"},
    {{{{"claims", "confirmed"}}}, SOMEBODY, "no claim was confirmed by two others"},
    {{{{"sessions", "completed"}}}, SOMEBODY, "no collaboration session was completed"},
};

static double number_at(const json_t *object, const char *name)
{
    return json_number_value(json_object_get(object, name));
}

static unsigned figure_of(const json_t *summary, const struct figure *figure)
{
    double sum = 0;
    for (size_t i = 0; i < FIGURE_PARTS && figure->parts[i][0]; i++)
        sum += number_at(json_object_get(summary, figure->parts[i][0]), figure->parts[i][1]);
    return sum > 0 && sum < 1e9 ? (unsigned)sum : 0;
}

static const char *text_at(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "-";
}

static void add_ratio(struct table *table, double ratio)
{
    table_add_number(table, ratio > 0 ? ratio : (double)NAN, 3, "");
}

/* Whose work is in what an AI has, the latest first; NULL: nobody else's. (A session's result goes
 * under the name of the one who completed it, which may be this AI.) */
static const char *built_on(const json_t *training, const char *ai_id)
{
    const json_t *from = json_object_get(training, "taken_from");
    for (size_t i = 0; i < json_array_size(from); i++) {
        const char *author = json_string_value(json_array_get(from, i));
        if (author && strcmp(author, ai_id) != 0)
            return author;
    }
    return NULL;
}

/* Held-out ratios to the textbook's cost. What an AI has stands under TOGETHER when another's work
 * is in it, and under ALONE when not; of who had something before that, both are known. */
static void print_learned(const struct terminal *terminal, json_t *const *summaries)
{
    static const struct column columns[] = {
        {.title = "AI"},
        {.title = "LEARNED"},
        {.title = "BEST PRACTICE", .right = true, .wraps = true},
        {.title = "ALONE", .right = true},
        {.title = "TOGETHER", .right = true},
        {.title = "BOUND", .right = true},
        {.title = "BUILT ON"},
    };
    struct table table;
    table_begin(&table, TABLE_COLUMNS(columns));
    for (size_t i = 0; i < DEMO_AIS; i++) {
        const json_t *training = json_object_get(summaries[i], "training");
        const char *from = built_on(training, demo_ais[i].ai_id);
        double now = number_at(training, "ratio_heldout");
        table_add(&table, demo_ais[i].ai_id);
        table_add(&table, text_at(training, "subject"));
        add_ratio(&table, number_at(json_object_get(training, "best_practice"), "ratio"));
        add_ratio(&table, from ? number_at(training, "ratio_alone") : now);
        add_ratio(&table, from ? now : 0);
        add_ratio(&table, number_at(training, "bound_ratio"));
        table_add(&table, from ? from : "nobody else");
    }
    table_print(&table, terminal, stdout);
    table_free(&table);
}

static void print_shared(const struct terminal *terminal, json_t *const *summaries)
{
    static const struct column columns[] = {
        {.title = "AI"},
        {.title = "PATTERNS", .right = true},
        {.title = "COMPONENTS", .right = true},
        {.title = "CHECKED", .right = true},
        {.title = "CLAIMS", .right = true},
        {.title = "CONFIRMED", .right = true},
        {.title = "SESSIONS DONE", .right = true, .wraps = true},
    };
    static const struct figure figures[] = {
        {{{"patterns", "shared"}}},
        {{{"components", "shared"}}},
        {{{"patterns", "checked"}, {"components", "checked"}}},
        {{{"claims", "proved"}}},
        {{{"claims", "confirmed"}}},
        {{{"sessions", "completed"}}},
    };
    struct table table;
    table_begin(&table, TABLE_COLUMNS(columns));
    for (size_t i = 0; i < DEMO_AIS; i++) {
        table_add(&table, demo_ais[i].ai_id);
        for (size_t j = 0; j < sizeof(figures) / sizeof(figures[0]); j++)
            table_addf(&table, "%u", figure_of(summaries[i], &figures[j]));
    }
    table_print(&table, terminal, stdout);
    table_free(&table);
}

/* What was acked or under way, and what of it is there. */
static const struct {
    const char *name, *title;
    size_t offset;
} kept[] = {
    {"acked_before", "messages acked before it was killed", offsetof(struct demo_audit, before)},
    {"acked", "messages acked in all", offsetof(struct demo_audit, all)},
    {"shares", "patterns and components acked", offsetof(struct demo_audit, shares)},
    {"sessions", "sessions under way, and gone on with",
     offsetof(struct demo_audit, sessions_count)},
};
#define KEPT (sizeof(kept) / sizeof(kept[0]))

static const struct audit_count *count_at(const struct demo_audit *audit, size_t which)
{
    return (const void *)((const char *)audit + kept[which].offset);
}

static void print_kept(const struct terminal *terminal, const struct demo_audit *audit)
{
    static const struct column columns[] = {
        {.title = "THE HUB HAD"},
        {.title = "NUMBER", .right = true},
        {.title = "THERE NOW", .right = true},
        {.title = "LOST", .right = true},
        {.title = "TWICE", .right = true},
    };
    struct table table;
    table_begin(&table, TABLE_COLUMNS(columns));
    for (size_t i = 0; i < KEPT; i++) {
        const struct audit_count *count = count_at(audit, i);
        table_add(&table, kept[i].title);
        table_addf(&table, "%u", count->counted);
        table_addf(&table, "%u", count->there);
        table_addf(&table, "%u", count->counted - count->there);
        table_addf(&table, "%u", count->twice);
    }
    printf("\nThe hub was killed after %.1f s, and was back within %.1f s. %s\n",
           (double)audit->killed_after / 1000, (double)audit->away / 1000,
           audit_nothing_lost(audit) ? "Nothing was lost:" : "Something was lost:");
    table_print(&table, terminal, stdout);
    table_free(&table);
}

static json_t *kept_json(const struct demo_audit *audit)
{
    json_t *root = json_pack("{s:b,s:f,s:f,s:O}", "nothing_lost", audit_nothing_lost(audit),
                             "killed_after_s", (double)audit->killed_after / 1000, "away_s",
                             (double)audit->away / 1000, "losses", audit->losses);
    for (size_t i = 0; i < KEPT; i++) {
        const struct audit_count *count = count_at(audit, i);
        json_object_set_new(root, kept[i].name,
                            json_pack("{s:i,s:i,s:i,s:i}", "number", (int)count->counted, "there",
                                      (int)count->there, "lost",
                                      (int)(count->counted - count->there), "twice",
                                      (int)count->twice));
    }
    return root;
}

static void print_tables(const struct demo_view *view, const struct demo_audit *audit,
                         json_t *const *summaries)
{
    struct terminal terminal = view->terminal;
    terminal_measure(&terminal);
    unsigned width =
        terminal.width > 0 && terminal.width < HELP_WIDTH ? terminal.width : HELP_WIDTH;
    putchar('\n');
    print_learned(&terminal, summaries);
    putchar('\n');
    options_fill(
        stdout,
        "Cost on held-out synthetic workloads, which no AI trains on or chooses by, as a share of "
        "the textbook policy's: lower is better, and nobody can get below BOUND. Each AI has "
        "workloads of its own, so BEST PRACTICE and BOUND differ between two of one subject. ALONE "
        "has nothing of another's in it, TOGETHER has. An AI's own search goes on meanwhile: what "
        "meeting by itself gains, ./dev bench meeting measures.",
        0, width);
    putchar('\n');
    print_shared(&terminal, summaries);
    print_kept(&terminal, audit);
    printf("\n%u %s relayed; %u %s completed; %u %s confirmed by two others.\n", view->all.messages,
           word_of(view->all.messages, "message", "messages"), view->completed_count,
           word_of(view->completed_count, "session", "sessions"), view->all.confirmed,
           word_of(view->all.confirmed, "claim", "claims"));
}

static int print_json(const struct demo_view *view, const struct demo_audit *audit,
                      json_t *const *summaries, json_t *missing)
{
    json_t *ais = json_array();
    for (size_t i = 0; i < DEMO_AIS; i++)
        json_array_append(ais, summaries[i] ? summaries[i] : json_null());
    json_t *root =
        json_pack("{s:b,s:O,s:i,s:i,s:i,s:o,s:o}", "worked", json_array_size(missing) == 0,
                  "missing", missing, "messages_relayed", (int)view->all.messages,
                  "sessions_completed", (int)view->completed_count, "claims_confirmed",
                  (int)view->all.confirmed, "restart", kept_json(audit), "ais", ais);
    return json_print_result("demo", root);
}

static void miss(json_t *missing, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void miss(json_t *missing, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    json_array_append_new(missing, json_vsprintf(format, arguments));
    va_end(arguments);
}

static bool gained(const json_t *summary)
{
    return number_at(json_object_get(summary, "training"), "gain") > 0;
}

bool demo_all_gained(json_t *const *summaries)
{
    for (size_t i = 0; i < DEMO_AIS; i++) {
        if (!gained(summaries[i]))
            return false;
    }
    for (size_t i = 0; i < sizeof(requirements) / sizeof(requirements[0]); i++) {
        unsigned sum = 0;
        for (size_t k = 0; k < DEMO_AIS; k++)
            sum += figure_of(summaries[k], &requirements[i].figure);
        if (requirements[i].whose == SOMEBODY && sum == 0)
            return false;
    }
    return true;
}

static void judge_each(json_t *missing, const struct demo_ai *ai, const json_t *summary)
{
    if (!gained(summary))
        miss(missing, "%s gained nothing over its baseline", ai->ai_id);
    for (size_t i = 0; i < sizeof(requirements) / sizeof(requirements[0]); i++) {
        enum whose whose = requirements[i].whose;
        if ((whose == EACH || (whose == EACH_FIRST && ai->joins <= 0)) &&
            figure_of(summary, &requirements[i].figure) == 0)
            miss(missing, "%s %s", ai->ai_id, requirements[i].missing);
    }
}

static void judge(const struct demo_view *view, json_t *const *summaries, json_t *missing)
{
    for (size_t i = 0; i < DEMO_AIS; i++) {
        if (summaries[i])
            judge_each(missing, &demo_ais[i], summaries[i]);
        else
            miss(missing, "%s left no summary", demo_ais[i].ai_id);
    }
    for (size_t i = 0; i < sizeof(requirements) / sizeof(requirements[0]); i++) {
        unsigned sum = 0;
        for (size_t j = 0; j < DEMO_AIS; j++)
            sum += figure_of(summaries[j], &requirements[i].figure);
        if (requirements[i].whose == SOMEBODY && sum == 0)
            miss(missing, "%s", requirements[i].missing);
    }
    if (view->all.messages == 0)
        miss(missing, "no message was relayed");
    if (view->completed_count == 0)
        miss(missing, "the observer saw no session complete");
}

/* Which they are: the cause is looked for in what the hub has in their places. */
static void name_losses(const struct demo_audit *audit, size_t which, bool gone, struct text *text)
{
    const json_t *loss;
    unsigned named = 0, more = 0;
    size_t i;
    json_array_foreach(audit->losses, i, loss)
    {
        if (strcmp(text_at(loss, "of"), kept[which].name) != 0 || audit_is_missing(loss) != gone)
            continue;
        if (named == LOSSES_NAMED) {
            more++;
            continue;
        }
        text_add(text, slice_of(named++ == 0 ? ": " : "; "));
        audit_loss_add(audit, loss, text);
    }
    if (more > 0)
        text_addf(text, "; and %u more", more);
}

static void miss_kept(json_t *missing, const struct demo_audit *audit, size_t which, bool gone)
{
    const struct audit_count *count = count_at(audit, which);
    struct text text = {0};
    name_losses(audit, which, gone, &text);
    miss(missing, "%u of %u %s %s%.*s", gone ? count->counted - count->there : count->twice,
         count->counted, kept[which].title, gone ? "are lost" : "are there twice, or elsewhere",
         SLICE_FORMAT(text_slice(&text)));
    text_free(&text);
}

static void judge_kept(const struct demo_audit *audit, json_t *missing)
{
    for (size_t i = 0; i < KEPT; i++) {
        const struct audit_count *count = count_at(audit, i);
        if (count->there < count->counted)
            miss_kept(missing, audit, i, true);
        if (count->twice > 0)
            miss_kept(missing, audit, i, false);
    }
    if (!audit->killed)
        miss(missing, "the hub was not killed");
    if (audit->before.counted == 0)
        miss(missing, "the hub had acked nothing when it was killed");
}

int demo_result(const struct demo_view *view, const struct demo_audit *audit,
                json_t *const *summaries, bool json)
{
    json_t *missing = json_array();
    if (!missing)
        return EXIT_FAILED;
    judge(view, summaries, missing);
    judge_kept(audit, missing);
    int code = EXIT_WORKED;
    if (json)
        code = print_json(view, audit, summaries, missing);
    else
        print_tables(view, audit, summaries);
    output_flush();
    size_t count = json_array_size(missing);
    for (size_t i = 0; i < count; i++)
        fprintf(stderr, "khub demo: did not work: %s.\n",
                json_string_value(json_array_get(missing, i)));
    json_decref(missing);
    return count == 0 ? code : EXIT_FAILED;
}
