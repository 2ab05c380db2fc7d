/* khub search: several searchers, one budget, one table.
 *
 * Each starts from nothing, on the same training workloads, and may spend the same number of
 * simulations. What each found is measured once, on held-out workloads that chose nothing. */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/json_out.h"
#include "cmd/out_directory.h"
#include "cmd/search_files.h"
#include "cmd/searcher_given.h"
#include "cmd/stop.h"
#include "cmd/subject_named.h"
#include "cmd/table.h"
#include "cmd/traces_given.h"
#include "cmd/visit.h"
#include "policy/optimise/evaluation.h"
#include "probe/probe.h"
#include "search/exchange.h"

#define PROGRESS_TENS 10u

struct search_settings {
    const char *subject, *as, *out;
    struct searcher_settings searcher;
    struct text_list by;
    struct trace_settings traces;
    long evaluations, heldout;
    bool json, force;
};

/* What one searcher came to. */
struct outcome {
    char name[64];
    struct judge judge;
    struct score heldout; /* ratio NAN: it has found nothing that could be measured */
    struct score later;   /* the same on windows of the later half of a trace */
    size_t bytes;         /* of its best's compiled object; 0: not compiled */
    double seconds;
    struct model_spent spent; /* by a language model */
    char why[256];            /* why it ended before its budget; "": it did not */
};

struct running {
    const struct search_settings *settings;
    const struct subject *subject;
    struct traces_given traces;
    const struct subject *traced; /* the subject of the traces; NULL: none were given */
    struct evaluation_set *heldout;
    struct evaluation_set *later; /* of the traces; NULL: likewise */
    char *train_split, *heldout_split;
    struct searcher_given given;
    uint64_t budget;
    struct terminal terminal;
    bool made_directory;
    unsigned tens; /* of the searcher that runs: how far it was when it last said so */
    struct outcome outcomes[LIST_MAX];
    size_t count;
};

static const char *const by_default[] = {"cmaes", "random"};

/* ── searching ── */

static void show_progress(const struct judge *judge, void *data)
{
    struct running *running = data;
    unsigned tens = (unsigned)(judge->simulations * PROGRESS_TENS / running->budget);
    if (running->settings->json || tens == running->tens || judge->best.stages == 0)
        return;
    running->tens = tens;
    fprintf(stderr, "%s: %llu of %llu simulations, %u candidates, %u refused, best %.3f on %zu\n",
            running->outcomes[running->count].name, (unsigned long long)judge->simulations,
            (unsigned long long)running->budget, judge->judged, judge->refused,
            trial_ratio(&judge->best), stage_workloads[judge->best.stages - 1]);
}

/* Whoever is named by --by. 0, or -1 after a sentence. */
static int make_proposer(const struct running *running, const char *by,
                         struct proposer *ret_proposer, char why[256])
{
    char kind[64];
    struct searcher searcher = running->given.searcher;
    snprintf(kind, sizeof kind, "search/%.*s", (int)strcspn(by, ":"), by);
    uint64_t seed = subject_seed(running->subject, kind, 0);
    searcher.by = by;
    return searcher_begin(&searcher, running->subject, seed, running->budget, ret_proposer, why);
}

/* The best's score on workloads of one kind, where nobody searched. */
static struct score best_on(struct outcome *outcome, const struct evaluation_set *set,
                            const struct probe_report *report, const char *where)
{
    const struct trial *best = &outcome->judge.best;
    if (best->kind != TRIAL_SOURCE)
        return trial_score(best, set);
    if (report->result == PROBE_RAN)
        return report->score;
    snprintf(outcome->why, sizeof outcome->why, "its best, on the %s: %.200s", where, report->why);
    return (struct score){.ratio = nan("")};
}

static void measure_best(struct running *running, struct outcome *outcome)
{
    const struct trial *best = &outcome->judge.best;
    struct probe_report report = {.result = PROBE_FAILED}, later = report;
    outcome->heldout = outcome->later = (struct score){.ratio = nan("")};
    if (best->stages == 0)
        return;
    char *source = trial_source(running->subject, best);
    size_t workloads = evaluation_set_size(running->heldout);
    if (source)
        probe_module(running->subject, source, running->heldout_split, workloads, NULL, &report);
    if (source && running->traced && best->kind == TRIAL_SOURCE)
        probe_module(running->traced, source, running->heldout_split, workloads, NULL, &later);
    free(source);
    outcome->bytes = report.object_bytes;
    outcome->heldout = best_on(outcome, running->heldout, &report, "held-out workloads");
    if (running->traced)
        outcome->later = best_on(outcome, running->later, &later, "trace's later half");
}

static void search_by(struct running *running, const char *by)
{
    struct outcome *outcome = &running->outcomes[running->count];
    struct proposer proposer = {0};
    bool made = make_proposer(running, by, &proposer, outcome->why) == 0;
    int64_t begun = time_monotonic_ms();
    snprintf(outcome->name, sizeof outcome->name, "%s", made ? proposer.name : by);
    running->tens = 0;
    judge_begin(&outcome->judge, running->subject, running->train_split, stop_flag());
    outcome->judge.traced = running->traced;
    if (made)
        proposer_search(&proposer, &outcome->judge, running->budget, show_progress, running,
                        outcome->why);
    outcome->spent = proposer.spent;
    proposer_free(&proposer);
    outcome->seconds = 1e-3 * (double)(time_monotonic_ms() - begun);
    measure_best(running, outcome);
    running->count++;
    if (outcome->why[0])
        complain("search", "%s: %s", outcome->name, outcome->why);
}

/* ── showing ── */

static void add_score(struct table *table, const struct terminal *terminal,
                      const struct score *score)
{
    if (isnan(score->ratio))
        table_add(table, "-");
    else
        table_addf(table, "%.3f %s %.3f", score->ratio, plus_minus(terminal), score->ci95);
}

/* The two tables are one that a window of 80 columns is too narrow for. */
static void print_outcomes(const struct running *running, const struct terminal *terminal)
{
    static const struct column synthetic[] = {
        {.title = "SEARCHER", .wraps = true}, {.title = "HELD-OUT", .right = true},
        {.title = "TRAIN", .right = true},    {.title = "WORST", .right = true},
        {.title = "BYTES", .right = true},
    };
    enum { COLUMNS = sizeof synthetic / sizeof *synthetic, TRACE_AT = 2 };
    struct column columns[COLUMNS + 1];
    struct table table;
    for (size_t i = 0; i < COLUMNS; i++)
        columns[i + (running->traced && i >= TRACE_AT)] = synthetic[i];
    if (running->traced)
        columns[TRACE_AT] = (struct column){.title = "TRACE", .right = true};
    table_begin(&table, columns, COLUMNS + !!running->traced);
    for (size_t i = 0; i < running->count; i++) {
        const struct outcome *outcome = &running->outcomes[i];
        table_add(&table, outcome->name);
        add_score(&table, terminal, &outcome->heldout);
        if (running->traced)
            add_score(&table, terminal, &outcome->later);
        table_add_number(&table, trial_ratio(&outcome->judge.best), 3, "");
        table_add_number(&table, outcome->heldout.seeds ? outcome->heldout.worst : nan(""), 2, "");
        table_add_number(&table, outcome->bytes ? (double)outcome->bytes : nan(""), 0, "");
    }
    table_print(&table, terminal, stdout);
    table_free(&table);
}

static void print_costs(const struct running *running, const struct terminal *terminal)
{
    static const struct column columns[] = {
        {.title = "SEARCHER", .wraps = true},    {.title = "CANDIDATES", .right = true},
        {.title = "REFUSED", .right = true},     {.title = "REPEATS", .right = true},
        {.title = "SIMULATIONS", .right = true}, {.title = "SECONDS", .right = true},
    };
    struct table table;
    table_begin(&table, TABLE_COLUMNS(columns));
    for (size_t i = 0; i < running->count; i++) {
        const struct judge *judge = &running->outcomes[i].judge;
        table_add(&table, running->outcomes[i].name);
        table_addf(&table, "%u", judge->judged);
        table_addf(&table, "%u", judge->refused);
        table_addf(&table, "%u", judge->repeats);
        table_addf(&table, "%llu", (unsigned long long)judge->simulations);
        table_addf(&table, "%.1f", running->outcomes[i].seconds);
    }
    table_print(&table, terminal, stdout);
    table_free(&table);
}

static void print_beside(const struct running *running, const struct terminal *terminal)
{
    static const struct column columns[] = {{.title = "BESIDE THEM", .wraps = true},
                                            {.title = "HELD-OUT", .right = true},
                                            {.title = "TRACE", .right = true}};
    const struct subject *subject = running->subject;
    struct table table;
    table_begin(&table, columns, sizeof columns / sizeof *columns - !running->traced);
    for (int i = 0; i <= subject->baseline_count; i++) { /* behind the last one, the bound */
        bool bound = i == subject->baseline_count;
        struct score heldout = bound ? evaluation_set_bound(running->heldout)
                                     : evaluation_set_baseline(running->heldout, i);
        table_add(&table, bound ? "bound that nobody can beat" : subject->baseline_names[i]);
        add_score(&table, terminal, &heldout);
        if (!running->traced)
            continue;
        struct score later = bound ? evaluation_set_bound(running->later)
                                   : evaluation_set_baseline(running->later, i);
        add_score(&table, terminal, &later);
    }
    table_print(&table, terminal, stdout);
    table_free(&table);
}

static void print_spent(const struct running *running)
{
    for (size_t i = 0; i < running->count; i++) {
        const struct model_spent *spent = &running->outcomes[i].spent;
        if (spent->requests == 0)
            continue;
        printf("\n%s: %u %s (%u made again), %llu tokens of questions and %llu of answers",
               running->outcomes[i].name, spent->requests,
               word_of(spent->requests, "request", "requests"), spent->repeated,
               (unsigned long long)spent->in, (unsigned long long)spent->out);
        if (spent->cost > 0)
            printf(", %.4f at the prices given", spent->cost);
        printf("\n");
    }
}

static void print_people(const struct running *running)
{
    const struct subject *subject = running->subject;
    printf("%s: %s\n%s; ratio to %s, lower is better\n\n", subject->name, subject->title,
           subject->cost, subject->baseline_names[0]);
    struct terminal terminal = terminal_of(STDOUT_FILENO, "auto");
    print_outcomes(running, &terminal);
    printf("\n");
    print_beside(running, &terminal);
    printf("\n");
    print_costs(running, &terminal);
    print_spent(running);
    printf("\nEach was given %llu simulations on the same training workloads (%ld %s on %zu); the "
           "last\ncandidates may take more%s. Measured on %zu held-out workloads; all "
           "synthetic%s.\n",
           (unsigned long long)running->budget, running->settings->evaluations,
           word_of((uint64_t)running->settings->evaluations, "evaluation", "evaluations"),
           stage_workloads[STAGE_TRAIN], stop_asked() ? ". Interrupted before the end" : "",
           evaluation_set_size(running->heldout), running->traced ? " but the column TRACE" : "");
    if (running->traced)
        printf("TRACE: of as many windows of the later half of what --trace names. What was the "
               "best on\n%zu workloads ran on %zu windows of its earlier half, too.\n",
               stage_workloads[STAGE_LAST], JUDGE_WINDOWS);
}

static json_t *number_or_null(double number)
{
    return isfinite(number) ? json_real(number) : json_null();
}

/* Of a search with traces: the best's ratio on their earlier half and on the later. */
static void add_traced(json_t *json, const struct outcome *outcome)
{
    double earlier = outcome->judge.best.on_trace;
    json_object_set_new(json, "trace_train", number_or_null(earlier > 0 ? earlier : nan("")));
    json_object_set_new(json, "trace", number_or_null(outcome->later.ratio));
    json_object_set_new(json, "trace_ci95", number_or_null(outcome->later.ci95));
}

static json_t *outcome_json(const struct running *running, const struct outcome *outcome)
{
    const struct judge *judge = &outcome->judge;
    json_t *best =
        judge->best.stages ? exchange_trial(running->subject, &judge->best) : json_null();
    json_t *json = json_pack(
        "{s:o,s:o,s:o,s:o,s:i,s:i,s:i,s:i,s:I,s:f,s:i,s:o,s:o,s:o}", "searcher",
        json_of_bytes(outcome->name), "heldout", number_or_null(outcome->heldout.ratio), "ci95",
        number_or_null(outcome->heldout.ci95), "train", number_or_null(trial_ratio(&judge->best)),
        "bytes", (int)outcome->bytes, "candidates", (int)judge->judged, "refused",
        (int)judge->refused, "repeats", (int)judge->repeats, "simulations",
        (json_int_t)judge->simulations, "seconds", outcome->seconds, "elites",
        (int)judge->archive.count, "best", best, "spent", exchange_spent(&outcome->spent), "ended",
        *outcome->why ? json_of_bytes(outcome->why) : json_null());
    if (json && running->traced)
        add_traced(json, outcome);
    return json;
}

static json_t *baseline_json(const struct running *running, int which)
{
    json_t *json = json_pack("{s:s,s:f}", "name", running->subject->baseline_names[which], "ratio",
                             evaluation_set_baseline(running->heldout, which).ratio);
    if (json && running->traced)
        json_object_set_new(json, "trace",
                            number_or_null(evaluation_set_baseline(running->later, which).ratio));
    return json;
}

static int print_json(const struct running *running)
{
    const struct subject *subject = running->subject;
    json_t *searchers = json_array(), *baselines = json_array();
    for (size_t i = 0; i < running->count; i++)
        json_array_append_new(searchers, outcome_json(running, &running->outcomes[i]));
    for (int i = 0; i < subject->baseline_count; i++)
        json_array_append_new(baselines, baseline_json(running, i));
    return json_print_result(
        "search", json_pack("{s:s,s:s,s:b,s:o*,s:I,s:i,s:o,s:o,s:o}", "subject", subject->name,
                            "subject_version", subject->version, "synthetic", 1, "traces",
                            running->traced ? traces_json(running->traced) : NULL, "budget",
                            (json_int_t)running->budget, "heldout_workloads",
                            (int)evaluation_set_size(running->heldout), "searchers", searchers,
                            "baselines", baselines, "bound",
                            number_or_null(evaluation_set_bound(running->heldout).ratio)));
}

/* ── the command ── */

static int prepare(struct running *running)
{
    const struct search_settings *settings = running->settings;
    if (settings->out && out_directory_make("search", settings->out, settings->force,
                                            &running->made_directory) != EXIT_WORKED)
        return EXIT_FAILED;
    if (asprintf(&running->train_split, "train/%s", settings->as) < 0)
        running->train_split = NULL;
    if (asprintf(&running->heldout_split, "heldout/%s", settings->as) < 0)
        running->heldout_split = NULL;
    if (searcher_give("search", &settings->searcher, &running->given) != EXIT_WORKED)
        return EXIT_FAILED;
    running->budget = (uint64_t)settings->evaluations * stage_workloads[STAGE_TRAIN];
    if (running->train_split && running->heldout_split)
        running->heldout =
            evaluation_set_new(running->subject, running->heldout_split, (size_t)settings->heldout);
    if (running->heldout && running->traced) {
        running->later =
            evaluation_set_new(running->traced, running->heldout_split, (size_t)settings->heldout);
        if (!running->later)
            return complain("search", "out of memory, or there is a window of the trace that "
                                      "costs nothing");
    }
    return running->heldout ? EXIT_WORKED : complain("search", "out of memory");
}

static int keep(const struct running *running)
{
    const char *out = running->settings->out;
    bool found = false;
    for (size_t i = 0; out && i < running->count; i++) {
        found = found || running->outcomes[i].judge.best.stages > 0;
        if (search_files_write(running->subject, &running->outcomes[i].judge, out, i + 1) < 0)
            return complain("search", "can't write what was found to %s: %s", out, strerror(errno));
    }
    if (found && !running->settings->json)
        printf("Written: %s/1.jsonl and 1.c, and so on: all elites, and the best, of each.\n", out);
    return EXIT_WORKED;
}

static int search_all(struct running *running)
{
    const struct text_list *by = &running->settings->by;
    size_t count = by->count ? by->count : sizeof by_default / sizeof *by_default;
    int code = prepare(running);
    for (size_t i = 0; code == EXIT_WORKED && i < count && !stop_asked(); i++)
        search_by(running, by->count ? by->at[i] : by_default[i]);
    if (running->count == 0)
        return code;
    int shown = EXIT_WORKED;
    if (running->settings->json)
        shown = print_json(running);
    else
        print_people(running);
    int kept = keep(running);
    for (size_t i = 0; i < running->count; i++)
        if (running->outcomes[i].why[0])
            code = EXIT_FAILED;
    return code != EXIT_WORKED ? code : shown != EXIT_WORKED ? shown : kept;
}

static int run(const void *data)
{
    struct running running = {.settings = data};
    running.subject = subject_named("search", running.settings->subject);
    const struct text_list *by = &running.settings->by;
    if (!running.subject ||
        searcher_check("search", &running.settings->searcher, by->at, by->count) != EXIT_WORKED)
        return EXIT_USAGE;
    const struct subject *traced = running.subject;
    int code = traces_give("search", &running.settings->traces, &running.traces, &traced);
    running.traced = traced != running.subject ? traced : NULL;
    stop_hear();
    if (code == EXIT_WORKED)
        code = search_all(&running);
    if (running.made_directory)
        rmdir(running.settings->out); /* if there was nothing to keep */
    for (size_t i = 0; i < running.count; i++)
        judge_end(&running.outcomes[i].judge);
    evaluation_set_free(running.heldout);
    evaluation_set_free(running.later);
    traces_given_free(&running.traces);
    searcher_given_free(&running.given);
    free(running.train_split);
    free(running.heldout_split);
    return code;
}

#define AT(member) .offset = offsetof(struct search_settings, member)
static const struct setting operands[] = {
    {.name = "SUBJECT",
     .kind = SETTING_TEXT,
     AT(subject),
     .required = true,
     .help = "What to search in; 'khub subjects' lists them."},
    {0},
};
static const struct setting options[] = {
    {.name = "by",
     .letter = 'b',
     .kind = SETTING_LIST,
     AT(by),
     .argument = "SEARCHER",
     .help =
         "Who searches; may stand several times. cmaes and random search for parameters; "
         "genetic for programs, in a subject that has a frame for them; "
         "exec:COMMAND is any program, asked by JSON lines on its stdin (docs/SEARCH.md), for "
         "parameters or whole C modules; llm:MODEL is a language model, asked for modules. cmaes and random when nobody says."},
    {.name = "evaluations",
     .letter = 'e',
     .kind = SETTING_WHOLE,
     AT(evaluations),
     .argument = "N",
     .fallback = "1500",
     .low = 1,
     .high = 1000000,
     .help = "What each may spend: N times 16 simulations."},
    {.name = "heldout",
     .kind = SETTING_WHOLE,
     AT(heldout),
     .argument = "N",
     .fallback = "64",
     .low = 2,
     .high = 1024,
     .help = "Workloads that what they found is measured on, and that nobody searches on."},
    TRACE_SETTINGS_THAT(
        struct search_settings,
        "The search is on synthetic workloads; but what is the best on 64 of these is "
        "also run on windows of the earlier half of this trace of a real machine, and "
        "is the best only if none was better there. The table shows what each searcher "
        "found on windows of the later half as well."),
    {.name = "as",
     .kind = SETTING_TEXT,
     AT(as),
     .argument = "NAME",
     .fallback = "learn",
     .help = "Whose workloads, as those of 'khub learn --as'."},
    MODEL_SETTINGS(struct search_settings),
    ANSWER_PATIENCE_SETTING(struct search_settings),
    {.name = "out",
     .letter = 'o',
     .kind = SETTING_TEXT,
     AT(out),
     .argument = "DIRECTORY",
     .help = "Keeps what each has found: all elites as JSON lines, and the best as C."},
    {.name = "force",
     .kind = SETTING_FLAG,
     AT(force),
     .help = "Writes into a directory that is there."},
    JSON_SETTING(struct search_settings, "No progress; the result as JSON on stdout."),
    {0},
};

const struct command command_search = {
    .name = "search",
    .summary = "let several searchers look for a policy, and compare them",
    .about =
        "Each searcher looks for a policy of one simulated subsystem, on the same training "
        "workloads, with the same budget of simulations (one policy on one workload). It keeps an "
        "archive of elites: the best for each size of compiled code and each worst case. At the "
        "end the best of each is measured on held-out workloads, and they stand in one table, "
        "with the ordinary practices and the bound.\n\n"
        "A C module that a program proposes is compiled as a kernel would take it, and runs in a "
        "sandbox: on 2 workloads, on 16 if it is not much worse there than the best, and on 64 if "
        "it is the best on 16; with --trace then on windows of a real machine's trace. Ctrl-C ends "
        "the search with what there is.",
    .example = "  khub search graphics\n"
               "  khub search audio --by cmaes --by 'exec:python3 mine.py' --evaluations 300\n"
               "  khub search file_system --by cmaes --by genetic --trace w106.trace.xz\n"
               "  khub search audio --by llm:qwen3 --model-url http://127.0.0.1:11434/v1",
    .worked = "all searched to the end, or were told to stop",
    .failed = "a searcher failed before its budget was spent, or something could not be done",
    .options = options,
    .operands = operands,
    .settings_size = sizeof(struct search_settings),
    .run = run,
};
