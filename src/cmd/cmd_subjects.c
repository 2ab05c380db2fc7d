/* khub subjects: what can be learned. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/json_out.h"
#include "cmd/subject_named.h"
#include "cmd/table.h"
#include "cmd/visit.h"
#include "policy/optimise/evaluation.h"
#include "wire/nearest.h"

struct subjects_settings {
    const char *name;
    bool json;
};

/* What nobody can beat, on some of the workloads of docs/SUBJECTS.md's figures: so many take no
 * time. NAN when out of memory. */
#define BOUND_WORKLOADS 16u
static struct score bound_measure(const struct subject *subject)
{
    struct evaluation_set *set = evaluation_set_new(subject, "bench", BOUND_WORKLOADS);
    struct score score = {.ratio = (double)NAN, .ci95 = (double)NAN};
    if (set)
        score = evaluation_set_bound(set);
    evaluation_set_free(set);
    return score;
}

const struct subject *subject_named(const char *command, const char *name)
{
    size_t count;
    const struct subject *const *all = subjects(&count);
    const struct subject *found = subject_find(name);
    struct nearest nearest = {.word = slice_of(name)};
    if (found)
        return found;
    for (size_t i = 0; i < count; i++)
        nearest_offer(&nearest, slice_of(all[i]->name));
    if (nearest.count > 0)
        complain(command, "no subject is called '%s': did you mean '%s'?", name,
                 nearest.best[0].name.at);
    else
        complain(command, "no subject is called '%s'; 'khub subjects' lists them.", name);
    return NULL;
}

static void print_all(const struct terminal *terminal)
{
    static const struct column columns[] = {
        {.title = "SUBJECT"},
        {.title = "WHAT IS TUNED", .wraps = true},
        {.title = "COST (LOWER IS BETTER)", .wraps = true},
    };
    struct table table;
    size_t count;
    const struct subject *const *all = subjects(&count);
    table_begin(&table, TABLE_COLUMNS(columns));
    for (size_t i = 0; i < count; i++) {
        table_add(&table, all[i]->name);
        table_add(&table, all[i]->title);
        table_add(&table, all[i]->cost);
    }
    table_print(&table, terminal, stdout);
    table_free(&table);
    puts("\nAll workloads are synthetic. 'khub subjects NAME' shows one with parameters and\n"
         "baselines; 'khub learn NAME' learns it.");
}

static void print_parameters(const struct subject *subject, const struct terminal *terminal)
{
    static const struct column columns[] = {
        {.title = "PARAMETER"},
        {.title = "FROM", .right = true},
        {.title = "TO", .right = true},
        {.title = "TEXTBOOK", .right = true},
        {.title = "UNIT"},
        {.title = "SCALE"},
        {.title = "MEANING", .wraps = true},
    };
    struct table table;
    table_begin(&table, TABLE_COLUMNS(columns));
    for (int i = 0; i < subject->parameter_count; i++) {
        const struct parameter *p = &subject->parameters[i];
        table_add(&table, p->name);
        table_addf(&table, "%g", p->low);
        table_addf(&table, "%g", p->high);
        table_addf(&table, "%g", p->textbook);
        table_add(&table, p->unit);
        table_addf(&table, "%s%s", p->logarithmic ? "log" : "linear", p->whole ? ", whole" : "");
        table_add(&table, p->meaning);
    }
    table_print(&table, terminal, stdout);
    table_free(&table);
}

static void print_one(const struct subject *subject, const struct terminal *terminal)
{
    struct score bound = bound_measure(subject);
    printf("%s: %s\n\n", subject->name, subject->title);
    printf("  cost            %s\n", subject->cost);
    printf("  version         %s\n", subject->version);
    printf("  bound           %.3f of the textbook's cost, %s %.3f on %u workloads\n", bound.ratio,
           plus_minus(terminal), bound.ci95, BOUND_WORKLOADS);
    printf("  learned by      %s%s\n", subject->specialization,
           subject->solve ? ", computed (dynamic programme) instead of searched" : "");
    printf("  textbook        %s\n", subject->baseline_names[0]);
    for (int i = 1; i < subject->baseline_count; i++)
        printf("  %-15s %s\n", i == 1 ? "best practices" : "", subject->baseline_names[i]);
    printf("  C module        ");
    for (size_t i = 0; i < subject->operation_count; i++)
        printf("%s%s", i ? ", " : "", subject->operations[i].name);
    printf("\n\n");
    print_parameters(subject, terminal);
}

static json_t *subject_json(const struct subject *subject)
{
    json_t *parameters = json_array(), *baselines = json_array(), *functions = json_array();
    struct score bound = bound_measure(subject);
    for (int i = 0; i < subject->parameter_count; i++) {
        const struct parameter *p = &subject->parameters[i];
        json_array_append_new(parameters,
                              json_pack("{s:s,s:s,s:s,s:f,s:f,s:f,s:b,s:b}", "name", p->name,
                                        "unit", p->unit, "meaning", p->meaning, "low", p->low,
                                        "high", p->high, "textbook", p->textbook, "logarithmic",
                                        p->logarithmic, "whole", p->whole));
    }
    for (int i = 0; i < subject->baseline_count; i++)
        json_array_append_new(baselines, json_string(subject->baseline_names[i]));
    for (size_t i = 0; i < subject->operation_count; i++)
        json_array_append_new(functions, json_string(subject->operations[i].name));
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:{s:f,s:f,s:i},s:b,s:o,s:o,s:o}", "name",
                     subject->name, "title", subject->title, "specialization",
                     subject->specialization, "cost", subject->cost, "direction", "lower",
                     "version", subject->version, "bound", "ratio", bound.ratio, "ci95", bound.ci95,
                     "workloads", (int)BOUND_WORKLOADS, "computed", subject->solve != NULL,
                     "baselines", baselines, "functions", functions, "parameters", parameters);
}

static int print_json(const struct subject *one)
{
    size_t count;
    const struct subject *const *all = subjects(&count);
    json_t *root = one ? subject_json(one) : json_array();
    for (size_t i = 0; !one && i < count; i++)
        json_array_append_new(root, subject_json(all[i]));
    return json_print_result("subjects", root);
}

static int run(const void *data)
{
    const struct subjects_settings *settings = data;
    const struct subject *one = NULL;
    if (settings->name && !(one = subject_named("subjects", settings->name)))
        return EXIT_USAGE;
    if (settings->json)
        return print_json(one);
    struct terminal terminal = terminal_of(STDOUT_FILENO, "auto");
    if (one)
        print_one(one, &terminal);
    else
        print_all(&terminal);
    return EXIT_WORKED;
}

#define AT(member) .offset = offsetof(struct subjects_settings, member)
static const struct setting operands[] = {
    {.name = "NAME", .kind = SETTING_TEXT, AT(name), .help = "Only this one, with its parameters."},
    {0},
};
static const struct setting options[] = {
    JSON_SETTING(struct subjects_settings,
                 "As JSON: an array, or with a NAME one object. Its \"version\" is a claim's "
                 "subject_version, \"direction\" of costs and ratios is \"lower\" (is better)."),
    {0},
};

const struct command command_subjects = {
    .name = "subjects",
    .summary = "list what the AIs can learn, with parameters and baselines",
    .about =
        "Lists the simulated operating-system subsystems whose policies the AIs tune: what is "
        "tuned, and what it costs. With a NAME (or --json) also the parameters with their units "
        "and ranges, the textbook setting and the best ordinary practices that stand beside every "
        "result, the bound that no policy can be below (its mean ratio to the textbook's cost; "
        "'khub measure' tells that of a nonce's own workloads), and the functions of the C module "
        "that is made of it.",
    .example = "  khub subjects\n  khub subjects audio\n  khub subjects --json",
    .worked = "printed",
    .failed = "could not be written",
    .options = options,
    .operands = operands,
    .settings_size = sizeof(struct subjects_settings),
    .run = run,
};
