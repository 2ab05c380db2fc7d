/* khub search: several searchers, one budget, one table.
 *
 * Each starts from nothing, on the same training workloads, and may spend the same number of
 * simulations. What each found is measured once, on held-out workloads that chose nothing. */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/json_out.h"
#include "cmd/search_files.h"
#include "cmd/searcher_given.h"
#include "cmd/stop.h"
#include "cmd/subject_named.h"
#include "cmd/table.h"
#include "cmd/visit.h"
#include "policy/optimise/evaluation.h"
#include "probe/probe.h"
#include "search/exchange.h"

#define PROGRESS_TENS 10u

struct search_settings {
    const char *subject, *as, *out;
    struct searcher_settings searcher;
    struct text_list by;
    long evaluations, heldout;
    bool json;
};

/* What one searcher came to. */
struct outcome {
    char name[64];
    struct judge judge;
    struct score heldout; /* ratio NAN: it has found nothing that could be measured */
    size_t bytes;         /* of its best's compiled object; 0: not compiled */
    double seconds;
    struct model_spent spent; /* by a language model */
    char why[256];            /* why it ended before its budget; "": it did not */
};

struct running {
    const struct search_settings *settings;
    const struct subject *subject;
    struct evaluation_set *heldout;
    char *train_split, *heldout_split;
    struct searcher_given given;
    uint64_t budget;
    struct terminal terminal;
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

/* Whoever is named by --by. EXIT_USAGE after a sentence; EXIT_FAILED, and `why` says how. */
static int make_proposer(const struct running *running, const char *by,
                         struct proposer *ret_proposer, char why[256])
{
    char kind[64];
    struct searcher searcher = running->given.searcher;
    if (!searcher_known(by))
        return complain("search", "'%s' is no searcher; there are " SEARCHERS, by), EXIT_USAGE;
    snprintf(kind, sizeof kind, "search/%.*s", (int)strcspn(by, ":"), by);
    uint64_t seed = subject_seed(running->subject, kind, 0);
    searcher.by = by;
    return searcher_begin(&searcher, running->subject, seed, running->budget, ret_proposer, why) < 0
               ? EXIT_FAILED
               : EXIT_WORKED;
}

/* The best's score on workloads that nobody searched on, and its size. */
static void measure_best(struct running *running, struct outcome *outcome)
{
    const struct subject *subject = running->subject;
    const struct trial *best = &outcome->judge.best;
    struct probe_report report = {.result = PROBE_FAILED};
    outcome->heldout = (struct score){.ratio = nan("")};
    if (best->stages == 0)
        return;
    char *source = trial_source(subject, best);
    if (source)
        probe_module(subject, source, running->heldout_split, evaluation_set_size(running->heldout),
                     NULL, &report);
    free(source);
    outcome->bytes = report.object_bytes;
    if (best->kind != TRIAL_SOURCE)
        outcome->heldout = trial_score(best, running->heldout);
    else if (report.result == PROBE_RAN)
        outcome->heldout = report.score;
    else
        snprintf(outcome->why, sizeof outcome->why, "its best, on the held-out workloads: %.200s",
                 report.why);
}

static int search_by(struct running *running, const char *by)
{
    struct outcome *outcome = &running->outcomes[running->count];
    struct proposer proposer = {0};
    int code = make_proposer(running, by, &proposer, outcome->why);
    if (code == EXIT_USAGE)
        return code;
    int64_t begun = time_monotonic_ms();
    snprintf(outcome->name, sizeof outcome->name, "%s", code == EXIT_WORKED ? proposer.name : by);
    running->tens = 0;
    judge_begin(&outcome->judge, running->subject, running->train_split, stop_flag());
    if (code == EXIT_WORKED)
        proposer_search(&proposer, &outcome->judge, running->budget, show_progress, running,
                        outcome->why);
    outcome->spent = proposer.spent;
    proposer_free(&proposer);
    outcome->seconds = 1e-3 * (double)(time_monotonic_ms() - begun);
    measure_best(running, outcome);
    running->count++;
    if (outcome->why[0])
        complain("search", "%s: %s", outcome->name, outcome->why);
    return EXIT_WORKED;
}

/* ── showing ── */

static void add_row(struct table *table, const char *name, struct score score)
{
    table_add(table, name);
    if (isnan(score.ratio))
        table_add(table, "-");
    else
        table_addf(table, "%.3f +- %.3f", score.ratio, score.ci95);
}

static void print_table(const struct running *running)
{
    static const struct column columns[] = {
        {.title = "SEARCHER", .wraps = true},    {.title = "HELD-OUT", .right = true},
        {.title = "TRAIN", .right = true},       {.title = "WORST", .right = true},
        {.title = "BYTES", .right = true},       {.title = "CANDIDATES", .right = true},
        {.title = "REFUSED", .right = true},     {.title = "REPEATS", .right = true},
        {.title = "SIMULATIONS", .right = true}, {.title = "SECONDS", .right = true},
    };
    struct terminal terminal = terminal_of(STDOUT_FILENO, "auto");
    struct table table;
    table_begin(&table, TABLE_COLUMNS(columns));
    for (size_t i = 0; i < running->count; i++) {
        const struct outcome *outcome = &running->outcomes[i];
        const struct judge *judge = &outcome->judge;
        add_row(&table, outcome->name, outcome->heldout);
        table_add_number(&table, trial_ratio(&judge->best), 3, "");
        table_add_number(&table, outcome->heldout.seeds ? outcome->heldout.worst : nan(""), 2, "");
        table_add_number(&table, outcome->bytes ? (double)outcome->bytes : nan(""), 0, "");
        table_addf(&table, "%u", judge->judged);
        table_addf(&table, "%u", judge->refused);
        table_addf(&table, "%u", judge->repeats);
        table_addf(&table, "%llu", (unsigned long long)judge->simulations);
        table_addf(&table, "%.1f", outcome->seconds);
    }
    table_print(&table, &terminal, stdout);
    table_free(&table);
    printf("\n");
    static const struct column beside[] = {{.title = "BESIDE THEM", .wraps = true},
                                           {.title = "HELD-OUT", .right = true}};
    table_begin(&table, TABLE_COLUMNS(beside));
    for (int i = 0; i < running->subject->baseline_count; i++)
        add_row(&table, running->subject->baseline_names[i],
                evaluation_set_baseline(running->heldout, i));
    add_row(&table, "bound that nobody can beat", evaluation_set_bound(running->heldout));
    table_print(&table, &terminal, stdout);
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
    print_table(running);
    print_spent(running);
    printf("\nEach had %llu simulations on the same training workloads (%ld evaluations on %zu); "
           "measured on %zu held-out ones; all synthetic.\n",
           (unsigned long long)running->budget, running->settings->evaluations,
           stage_workloads[STAGE_TRAIN], evaluation_set_size(running->heldout));
}

static json_t *number_or_null(double number)
{
    return isfinite(number) ? json_real(number) : json_null();
}

static json_t *spent_json(const struct model_spent *spent)
{
    if (spent->requests == 0)
        return json_null();
    return json_pack("{s:i,s:i,s:I,s:I,s:f}", "requests", (int)spent->requests, "repeated",
                     (int)spent->repeated, "tokens_in", (json_int_t)spent->in, "tokens_out",
                     (json_int_t)spent->out, "cost", spent->cost);
}

static json_t *outcome_json(const struct running *running, const struct outcome *outcome)
{
    const struct judge *judge = &outcome->judge;
    json_t *best =
        judge->best.stages ? exchange_trial(running->subject, &judge->best) : json_null();
    return json_pack(
        "{s:o,s:o,s:o,s:o,s:i,s:i,s:i,s:i,s:I,s:f,s:i,s:o,s:o,s:o}", "searcher",
        json_of_bytes(outcome->name), "heldout", number_or_null(outcome->heldout.ratio), "ci95",
        number_or_null(outcome->heldout.ci95), "train", number_or_null(trial_ratio(&judge->best)),
        "bytes", (int)outcome->bytes, "candidates", (int)judge->judged, "refused",
        (int)judge->refused, "repeats", (int)judge->repeats, "simulations",
        (json_int_t)judge->simulations, "seconds", outcome->seconds, "elites",
        (int)judge->archive.count, "best", best, "spent", spent_json(&outcome->spent), "ended",
        *outcome->why ? json_of_bytes(outcome->why) : json_null());
}

static int print_json(const struct running *running)
{
    const struct subject *subject = running->subject;
    json_t *searchers = json_array(), *baselines = json_array();
    for (size_t i = 0; i < running->count; i++)
        json_array_append_new(searchers, outcome_json(running, &running->outcomes[i]));
    for (int i = 0; i < subject->baseline_count; i++)
        json_array_append_new(baselines,
                              json_pack("{s:s,s:f}", "name", subject->baseline_names[i], "ratio",
                                        evaluation_set_baseline(running->heldout, i).ratio));
    return json_print_result(
        "search",
        json_pack("{s:s,s:s,s:b,s:I,s:i,s:o,s:o,s:o}", "subject", subject->name, "subject_version",
                  subject->version, "synthetic", 1, "budget", (json_int_t)running->budget,
                  "heldout_workloads", (int)evaluation_set_size(running->heldout), "searchers",
                  searchers, "baselines", baselines, "bound",
                  number_or_null(evaluation_set_bound(running->heldout).ratio)));
}

/* ── the command ── */

static int prepare(struct running *running)
{
    const struct search_settings *settings = running->settings;
    if (settings->out && mkdir(settings->out, 0777) != 0 && errno != EEXIST)
        return complain("search", "can't make the directory %s: %s", settings->out,
                        strerror(errno));
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
    return running->heldout ? EXIT_WORKED : complain("search", "out of memory");
}

static int keep(const struct running *running)
{
    const char *out = running->settings->out;
    for (size_t i = 0; out && i < running->count; i++)
        if (search_files_write(running->subject, &running->outcomes[i].judge, out, i + 1) < 0)
            return complain("search", "can't write what was found to %s: %s", out, strerror(errno));
    if (out && !running->settings->json)
        printf("Written: %s/1.jsonl and 1.c, and so on: all elites, and the best, of each.\n", out);
    return EXIT_WORKED;
}

static int search_all(struct running *running)
{
    const struct text_list *by = &running->settings->by;
    size_t count = by->count ? by->count : sizeof by_default / sizeof *by_default;
    int code = prepare(running);
    for (size_t i = 0; code == EXIT_WORKED && i < count && !stop_asked(); i++)
        code = search_by(running, by->count ? by->at[i] : by_default[i]);
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
    if (!running.subject)
        return EXIT_USAGE;
    stop_hear();
    int code = search_all(&running);
    for (size_t i = 0; i < running.count; i++)
        judge_end(&running.outcomes[i].judge);
    evaluation_set_free(running.heldout);
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
        "it is the best on 16. Ctrl-C ends the search with what there is.",
    .example = "  khub search graphics\n"
               "  khub search audio --by cmaes --by 'exec:python3 mine.py' --evaluations 300\n"
               "  khub search audio --by llm:qwen3 --model-url http://127.0.0.1:11434/v1",
    .worked = "all searched to the end, or were told to stop",
    .failed = "a searcher failed before its budget was spent, or something could not be done",
    .options = options,
    .operands = operands,
    .settings_size = sizeof(struct search_settings),
    .run = run,
};
