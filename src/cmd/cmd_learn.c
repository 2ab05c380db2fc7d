/* khub learn: one subject, learned here and now, without a hub.
 *
 * The search sees the training workloads alone; the curve's held-out points are measured beside it
 * and choose nothing. */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/json_out.h"
#include "cmd/learn.h"
#include "cmd/out_directory.h"
#include "cmd/stop.h"
#include "cmd/subject_named.h"
#include "cmd/table.h"
#include "cmd/traces_given.h"
#include "cmd/visit.h"
#include "policy/optimise/search.h"
#include "wire/text.h"

#define CURVE_STEP    1.4 /* from one held-out point of the curve to the next, as a factor */
#define PROGRESS_TENS 10u /* lines of progress where there is no terminal */

struct learn_settings {
    const char *subject, *out, *as;
    struct trace_settings traces;
    long evaluations, train, heldout;
    bool json, force;
};

struct learning {
    const struct learn_settings *settings;
    struct terminal terminal; /* of the progress, which is stderr */
    struct line line;
    struct objective train;
    struct evaluation_set *heldout;
    struct search search;
    struct learned learned;
    struct traces_given given;
    unsigned next_point, tens;
    bool drawn;
    char directory[512];
    bool made_directory;
};

static void erase_line(struct learning *learning)
{
    if (learning->drawn)
        fputs("\r\033[K", stderr);
    learning->drawn = false;
}

/* One line that stays where it is on a terminal; elsewhere a line at each tenth. */
static void show_progress(struct learning *learning)
{
    const struct learned *learned = &learning->learned;
    const struct plot_point *last = &learned->points[learned->point_count - 1];
    unsigned budget = (unsigned)learning->settings->evaluations;
    unsigned done = learning->search.evaluations, tens = done * PROGRESS_TENS / budget;
    if (learning->settings->json || (!learning->terminal.moves && tens == learning->tens))
        return;
    learning->tens = tens;
    erase_line(learning);
    terminal_measure(&learning->terminal);
    line_clear(&learning->line);
    if (learning->terminal.width > 1)
        learning->line.width = learning->terminal.width - 1; /* the last column would wrap it */
    line_addf(&learning->line,
              "%s: %u of %u evaluations, held-out %.3f %s %.3f, gap closed %s, train %.3f",
              learned->subject->name, done, budget, last->heldout, plus_minus(&learning->terminal),
              last->ci95, learned_gap(learned, last->heldout, (char[LEARNED_GAP_SIZE]){0}),
              learning->search.best_ratio);
    struct slice text = line_end(&learning->line);
    fwrite(text.at, 1, text.len, stderr);
    if (learning->terminal.moves)
        learning->drawn = true;
    else
        fputc('\n', stderr);
    fflush(stderr);
}

static void say(struct learning *learning, const char *what)
{
    if (learning->settings->json)
        return;
    erase_line(learning);
    fprintf(stderr, "%s: %s\n", learning->learned.subject->name, what);
}

/* ── measuring ── */

/* The name of a split of this run, to be freed; NULL when out of memory. All of --as is in it:
 * another name is another run, however long. */
static char *split_of(const struct learning *learning, const char *kind)
{
    char *split;
    return asprintf(&split, "%s/%s", kind, learning->settings->as) < 0 ? NULL : split;
}

static struct evaluation_set *workloads_of(const struct learning *learning, const char *kind,
                                           size_t seeds)
{
    char *split = split_of(learning, kind);
    struct evaluation_set *set =
        split ? evaluation_set_new_until(learning->learned.subject, split, seeds, stop_flag())
              : NULL;
    free(split);
    return set;
}

static int make_workloads(struct learning *learning)
{
    struct learned *learned = &learning->learned;
    learning->train.sets[0] = workloads_of(learning, "train", learned->train_seeds);
    learning->train.count = learning->train.sets[0] != NULL;
    learning->heldout = workloads_of(learning, "heldout", learned->heldout_seeds);
    if (!learning->train.count || !learning->heldout)
        return -1;
    for (int i = 0; i < learned->subject->baseline_count; i++)
        learned->baselines[i] = evaluation_set_baseline(learning->heldout, i);
    learned->bound = evaluation_set_bound(learning->heldout);
    if (learned->subject->informed_cost)
        learned->informed = evaluation_set_informed(learning->heldout);
    return learned->subject->bound_cost && isnan(learned->bound.ratio) ? -1 : 0;
}

/* What happens on the later half of each trace in one piece, as it would have on the machine. */
static int measure_later(struct learning *learning)
{
    struct learned *learned = &learning->learned;
    const struct subject *subject = learned->subject;
    if (!subject->traces)
        return 0;
    struct evaluation_set *set = evaluation_set_new(subject, TRACE_LATER, subject->traces->count);
    if (!set)
        return -1;
    for (int i = 0; i < subject->baseline_count; i++)
        learned->later_baselines[i] = evaluation_set_baseline(set, i).cost;
    learned->later = evaluation_set_score(set, learned->parameters).cost;
    learned->later_bound = evaluation_set_bound(set).cost;
    evaluation_set_free(set);
    return isnan(learned->later) ? -1 : 0;
}

static void add_point(struct learning *learning, const double *parameters, double train)
{
    struct learned *learned = &learning->learned;
    const struct plot_point *last =
        learned->point_count > 0 ? &learned->points[learned->point_count - 1] : NULL;
    if (last && (isnan(last->heldout) || last->evaluations == learning->search.evaluations ||
                 learned->point_count == LEARN_POINTS_MAX))
        learned->point_count--; /* the newest is the one that counts */
    learned->heldout = evaluation_set_score(learning->heldout, parameters);
    learned->points[learned->point_count++] = (struct plot_point){
        learning->search.evaluations, train, learned->heldout.ratio, learned->heldout.ci95};
}

/* What was found so far is measured, however soon the user wants an end. */
static void measure_to_the_end(struct learning *learning)
{
    evaluation_set_heed(learning->heldout, NULL);
    evaluation_set_heed(learning->train.sets[0], NULL);
}

/* One generation after the other, so that the curve has its points. 0, or -1 when out of memory or
 * interrupted before anything was found. */
static int search_all(struct learning *learning)
{
    struct search *search = &learning->search;
    struct learned *learned = &learning->learned;
    unsigned budget = (unsigned)learning->settings->evaluations;
    char *split = split_of(learning, "search");
    uint64_t seed = split ? subject_seed(learned->subject, split, 0) : 0;
    free(split);
    if (!split || search_begin(search, learned->subject, seed, NULL) < 0)
        return -1;
    learning->next_point = 1;
    while (search->evaluations < budget && !learned->interrupted) {
        unsigned left = budget - search->evaluations;
        unsigned generation = (unsigned)cmaes_lambda(search->cmaes);
        search_run(search, &learning->train, generation < left ? generation : left, stop_flag());
        bool due = search->evaluations >= learning->next_point || search->evaluations >= budget;
        if (due && isfinite(search->best_ratio)) {
            add_point(learning, search->best, search->best_ratio);
            learning->next_point = (unsigned)(search->evaluations * CURVE_STEP) + 1;
        }
        learned->interrupted = stop_asked() && search->evaluations < budget;
        if (!stop_asked() && learned->point_count > 0)
            show_progress(learning);
    }
    if (!isfinite(search->best_ratio))
        return -1;
    if (stop_asked()) {
        say(learning, "interrupted; measuring what it has found");
        measure_to_the_end(learning);
        add_point(learning, search->best, search->best_ratio);
    }
    memcpy(learned->parameters, search->best, sizeof learned->parameters);
    return 0;
}

static int solve(struct learning *learning)
{
    struct learned *learned = &learning->learned;
    measure_to_the_end(learning);
    if (evaluation_set_solve(learning->train.sets[0], learned->parameters) < 0)
        return -1;
    learning->search.evaluations = 1;
    add_point(learning, learned->parameters,
              objective_ratio(&learning->train, learned->parameters));
    return 0;
}

/* What stands behind the cost of what was learned. */
static void measure_figures(struct learning *learning)
{
    struct learned *learned = &learning->learned;
    learned->has_figures =
        learned->subject->figure_names &&
        evaluation_set_figures(learning->heldout, learned->parameters, 0, learned->figures) == 0;
}

static void try_module(struct learning *learning, const char *split)
{
    struct learned *learned = &learning->learned;
    struct probe_report *module = &learned->module;
    module->result = PROBE_FAILED;
    if (!stop_asked())
        probe_module(learned->subject, learned->source, split, learned->heldout_seeds, stop_flag(),
                     module);
    if (stop_asked() && module->result != PROBE_RAN)
        *module = (struct probe_report){.result = PROBE_FAILED,
                                        .why = "interrupted before it was measured"};
    learned->module_agrees =
        module->result == PROBE_RAN && module->score.ratio == learned->heldout.ratio;
    if (module->result == PROBE_RAN && !learned->module_agrees)
        snprintf(module->why, sizeof module->why,
                 "its ratio is %.9g and not %.9g as its parameters'", module->score.ratio,
                 learned->heldout.ratio);
}

/* Renders it, compiles it, and runs it on the held-out workloads. */
static int make_module(struct learning *learning)
{
    struct learned *learned = &learning->learned;
    const struct subject *subject = learned->subject;
    int length = subject_render(subject, learned->parameters, NULL, 0);
    char *split = split_of(learning, "heldout");
    learned->source = length > 0 ? malloc((size_t)length + 1) : NULL;
    int failed = !split || !learned->source ? -1 : 0;
    if (!failed) {
        subject_render(subject, learned->parameters, learned->source, (size_t)length + 1);
        try_module(learning, split);
    }
    free(split);
    return failed;
}

static int learn(struct learning *learning)
{
    struct learned *learned = &learning->learned;
    int64_t begun = time_monotonic_ms();
    say(learning, "making the workloads");
    if (make_workloads(learning) < 0)
        return -1;
    if ((learned->subject->solve ? solve(learning) : search_all(learning)) < 0)
        return -1;
    if (measure_later(learning) < 0)
        return -1;
    learned->evaluations = learning->search.evaluations;
    learned->ratio_train = learned->points[learned->point_count - 1].train;
    learned->seconds = 1e-3 * (double)(time_monotonic_ms() - begun);
    measure_figures(learning);
    return make_module(learning);
}

/* ── showing ── */

static void add_row(struct table *table, const struct terminal *terminal,
                    const struct learned *learned, const char *name, const struct score *score,
                    double later)
{
    char gap[LEARNED_GAP_SIZE];
    table_add(table, name);
    table_addf(table, "%.3f %s %.3f", score->ratio, plus_minus(terminal), score->ci95);
    table_addf(table, "%zu/%zu", score->wins, score->seeds);
    table_addf(table, "%.4g", score->cost);
    table_add(table, learned_gap(learned, score->ratio, gap));
    if (learned->subject->traces)
        table_addf(table, "%.4g", later);
}

static void print_table(const struct learned *learned)
{
    const struct subject *subject = learned->subject;
    struct terminal terminal = terminal_of(STDOUT_FILENO, "auto");
    static const struct column columns[] = {
        {.title = "HELD-OUT", .wraps = true},   {.title = "RATIO", .right = true},
        {.title = "BETTER ON", .right = true},  {.title = "MEAN COST", .right = true},
        {.title = "GAP CLOSED", .right = true}, {.title = "IN ONE PIECE", .right = true},
    };
    struct table table;
    table_begin(&table, columns, sizeof columns / sizeof *columns - !subject->traces);
    for (int i = 0; i < subject->baseline_count; i++)
        add_row(&table, &terminal, learned, subject->baseline_names[i], &learned->baselines[i],
                learned->later_baselines[i]);
    if (learned->informed.seeds > 0)
        add_row(&table, &terminal, learned, subject->informed_name, &learned->informed, 0);
    add_row(&table, &terminal, learned, "tuned", &learned->heldout, learned->later);
    if (subject->bound_cost)
        add_row(&table, &terminal, learned, "bound that nobody can beat", &learned->bound,
                learned->later_bound);
    table_print(&table, &terminal, stdout);
    table_free(&table);
}

static void print_people(const struct learned *learned)
{
    const struct subject *subject = learned->subject;
    printf("\n%s: %s\n%s; ratio to %s, lower is better\n\n", subject->name, subject->title,
           subject->cost, subject->baseline_names[0]);
    print_table(learned);
    printf("\n%u %s in %.1f s%s, on %zu training %s; measured on %zu held-out ones%s.\n",
           learned->evaluations, word_of(learned->evaluations, "evaluation", "evaluations"),
           learned->seconds, learned->interrupted ? ", interrupted before the end" : "",
           learned->train_seeds, word_of(learned->train_seeds, "workload", "workloads"),
           learned->heldout_seeds, subject->traces ? "" : "; all synthetic");
    if (subject->traces)
        printf("%s\nIN ONE PIECE: the cost on the later half as a whole.\n",
               learned_origin(learned));
    for (int i = 0; learned->has_figures && subject->figure_names[i]; i++)
        printf("The tuned policy's %s: %.4g in the mean, %.4g at the most.\n",
               subject->figure_names[i], learned->figures[i].mean, learned->figures[i].most);
    if (learned->module_agrees)
        printf(
            "The C module: %zu bytes, no undefined symbols, and in a sandbox the same score to the "
            "bit.\n",
            learned->module.object_bytes);
    else
        printf("The C module was not run: %s.\n", learned->module.why);
}

static json_t *figures_json(const struct learned *learned)
{
    json_t *figures = json_array();
    for (int i = 0; learned->has_figures && learned->subject->figure_names[i]; i++)
        json_array_append_new(
            figures, json_pack("{s:s,s:f,s:f}", "name", learned->subject->figure_names[i], "mean",
                               learned->figures[i].mean, "most", learned->figures[i].most));
    return figures;
}

static json_t *score_json(const struct learned *learned, const char *name,
                          const struct score *score, double later)
{
    json_t *json = json_pack("{s:s,s:f,s:f,s:i,s:i,s:f}", "name", name, "ratio", score->ratio,
                             "ci95", score->ci95, "wins", (int)score->wins, "seeds",
                             (int)score->seeds, "cost", score->cost);
    if (learned->subject->bound_cost)
        json_object_set_new(json, "gap_closed",
                            json_real(gap_closed(score->ratio, learned->bound.ratio)));
    if (learned->subject->traces)
        json_object_set_new(json, "cost_in_one_piece", json_real(later));
    return json;
}

static int print_json(const struct learning *learning)
{
    const struct learned *learned = &learning->learned;
    const struct subject *subject = learned->subject;
    json_t *baselines = json_array(), *parameters = json_object();
    for (int i = 0; i < subject->baseline_count; i++)
        json_array_append_new(baselines,
                              score_json(learned, subject->baseline_names[i],
                                         &learned->baselines[i], learned->later_baselines[i]));
    for (int i = 0; i < subject->parameter_count; i++)
        json_object_set_new(parameters, subject->parameters[i].name,
                            json_real(learned->parameters[i]));
    json_t *root = json_pack(
        "{s:s,s:s,s:s,s:b,s:o*,s:b,s:i,s:f,s:f,s:i,s:o,s:o,s:o*,s:o,s:o,s:o,s:{s:s,s:b,s:i},s:o}",
        "subject", subject->name, "subject_version", subject->version, "cost", subject->cost,
        "synthetic", !subject->traces, "traces", traces_json(subject), "interrupted",
        learned->interrupted, "evaluations", (int)learned->evaluations, "seconds", learned->seconds,
        "ratio_train", learned->ratio_train, "train_seeds", (int)learned->train_seeds, "heldout",
        score_json(learned, "tuned", &learned->heldout, learned->later), "baselines", baselines,
        "bound",
        subject->bound_cost ? score_json(learned, "bound", &learned->bound, learned->later_bound)
                            : NULL,
        "informed",
        learned->informed.seeds > 0
            ? score_json(learned, subject->informed_name, &learned->informed, 0)
            : json_null(),
        "figures", figures_json(learned), "parameters", parameters, "module", "result",
        probe_result_text(learned->module.result), "agrees", learned->module_agrees, "bytes",
        (int)learned->module.object_bytes, "directory", json_of_bytes(learning->directory));
    return json_print_result("learn", root);
}

/* ── the command ── */

static int make_directory(struct learning *learning)
{
    const struct learn_settings *settings = learning->settings;
    int length = snprintf(learning->directory, sizeof learning->directory, "%s%s",
                          settings->out ? settings->out : "khub-learn-",
                          settings->out ? "" : learning->learned.subject->name);
    if (length < 0 || (size_t)length >= sizeof learning->directory)
        return complain("learn", "the name of the directory is longer than %zu bytes",
                        sizeof learning->directory - 1);
    return out_directory_make("learn", learning->directory, settings->force,
                              &learning->made_directory);
}

/* What would do the same again; to be freed, NULL when out of memory. */
static char *command_line(const struct learn_settings *settings)
{
    const struct trace_settings *traces = &settings->traces;
    struct text text = {0};
    text_addf(&text, "khub learn %s --evaluations %ld --train %ld --heldout %ld --as %s",
              settings->subject, settings->evaluations, settings->train, settings->heldout,
              settings->as);
    for (size_t i = 0; i < traces->files.count; i++)
        text_addf(&text, " --trace %s", traces->files.at[i]);
    if (traces->format)
        text_addf(&text, " --format %s", traces->format);
    if (traces->cache)
        text_addf(&text, " --cache %s", traces->cache);
    text_add(&text, (struct slice){"", 1});
    if (!text.failed)
        return text.at;
    text_free(&text);
    return NULL;
}

static int report(struct learning *learning)
{
    const struct learn_settings *settings = learning->settings;
    char *line;
    if (!(line = command_line(settings)))
        return complain("learn", "out of memory");
    int error = learn_report_write(&learning->learned, learning->directory, line) < 0 ? errno : 0;
    int code = EXIT_WORKED;
    free(line);
    if (settings->json)
        code = print_json(learning);
    else
        print_people(&learning->learned);
    if (error) /* what was learned is told all the same: it may have taken hours */
        return complain("learn", "can't write the report in %s: %s", learning->directory,
                        strerror(error));
    if (!settings->json)
        printf("Written: %s/report.md, convergence.svg, ratios.svg, policy.c\n",
               learning->directory);
    return code;
}

static int run(const void *data)
{
    const struct learn_settings *settings = data;
    struct learning learning = {.settings = settings,
                                .terminal = terminal_of(STDERR_FILENO, "auto")};
    struct learned *learned = &learning.learned;
    learned->subject = subject_named("learn", settings->subject);
    if (!learned->subject)
        return EXIT_USAGE;
    learned->train_seeds = (size_t)settings->train;
    learned->heldout_seeds = (size_t)settings->heldout;
    int code = traces_give("learn", &settings->traces, &learning.given, &learned->subject);
    if (code == EXIT_WORKED)
        code = make_directory(&learning);
    if (code != EXIT_WORKED) {
        traces_given_free(&learning.given);
        return code;
    }
    stop_hear();
    line_begin(&learning.line, &learning.terminal);
    bool worked = learn(&learning) == 0;
    erase_line(&learning);
    if (worked)
        code = report(&learning);
    else
        code = complain("learn",
                        stop_asked() ? "interrupted before anything was learned"
                        : learned->subject->traces
                            ? "out of memory, or there is a window of the trace that costs nothing"
                            : "out of memory");
    if (!worked && learning.made_directory)
        rmdir(learning.directory);
    if (worked && learned->module.result == PROBE_RAN && !learned->module_agrees)
        code = complain("learn", "the C module is not what was tuned: %s", learned->module.why);
    free(learned->source);
    line_free(&learning.line);
    search_end(&learning.search);
    objective_free(&learning.train);
    evaluation_set_free(learning.heldout);
    traces_given_free(&learning.given);
    return code;
}

#define AT(member) .offset = offsetof(struct learn_settings, member)
static const struct setting operands[] = {
    {.name = "SUBJECT",
     .kind = SETTING_TEXT,
     AT(subject),
     .required = true,
     .help = "What to learn; 'khub subjects' lists them."},
    {0},
};
static const struct setting options[] = {
    {.name = "evaluations",
     .letter = 'e',
     .kind = SETTING_WHOLE,
     AT(evaluations),
     .argument = "N",
     .fallback = "1500",
     .low = 1,
     .high = 1000000,
     .help = "How many settings to try."},
    {.name = "train",
     .kind = SETTING_WHOLE,
     AT(train),
     .argument = "N",
     .fallback = "16",
     .low = 1,
     .high = 1024,
     .help = "Workloads that it learns on; few are learned by heart."},
    {.name = "heldout",
     .kind = SETTING_WHOLE,
     AT(heldout),
     .argument = "N",
     .fallback = "64",
     .low = 2,
     .high = 1024,
     .help = "Workloads that it is measured on, and never learns from."},
    {.name = "as",
     .kind = SETTING_TEXT,
     AT(as),
     .argument = "NAME",
     .fallback = "learn",
     .help = "Whose workloads and luck: another name is another run, the same name the same run."},
    {.name = "out",
     .letter = 'o',
     .kind = SETTING_TEXT,
     AT(out),
     .argument = "DIRECTORY",
     .help = "Where the report goes; khub-learn-SUBJECT when nobody says."},
    {.name = "force",
     .kind = SETTING_FLAG,
     AT(force),
     .help = "Writes into a directory that is there."},
    TRACE_SETTINGS(struct learn_settings),
    JSON_SETTING(struct learn_settings, "No progress; the result as JSON on stdout."),
    {0},
};

const struct command command_learn = {
    .name = "learn",
    .summary = "learn one subject here, without a hub, and write a report",
    .about =
        "Tunes the policy of one simulated subsystem by CMA-ES on training workloads, which are "
        "synthetic or, with --trace, of a real machine, measures it "
        "on held-out ones beside the textbook, the best ordinary practices and the bound that "
        "nobody can beat, makes a freestanding C module of it, compiles that and runs it in a "
        "sandbox. Writes report.md with two plots (SVG) and policy.c. Ctrl-C ends the search early "
        "with what it has found by then, whose C is not tried; a second one ends all at once.",
    .example = "  khub learn audio\n  khub learn networking --evaluations 300 --out net\n"
               "  khub learn graphics --json | jq .heldout.ratio\n"
               "  khub learn file_system --trace w106.trace.xz --cache 4123",
    .worked = "learned, measured and written",
    .failed = "something could not be done; it says what",
    .options = options,
    .operands = operands,
    .settings_size = sizeof(struct learn_settings),
    .run = run,
};
