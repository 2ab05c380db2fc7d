/* khub train: one AI node, its log on stderr, and on a terminal a line below that says how it goes.
 *
 * Any AI can have it say much, and its console may stand still: so all goes through sinks, for
 * which nobody waits. */
#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "brain/brain.h"
#include "brain/capabilities.h"
#include "cmd/commands.h"
#include "cmd/searcher_given.h"
#include "cmd/terminal.h"
#include "cmd/token_choice.h"
#include "cmd/traces_given.h"
#include "cmd/train_summary.h"
#include "cmd/visit.h"
#include "net/sink.h"
#include "node/bounds.h"
#include "node/trainer.h"

#define MINUTES_LEAST 0.05

_Static_assert(LIST_MAX <= MIGRANT_ROOMS_MAX && ROOM_NAME_MAX <= ROOM_MAX,
               "whatever rooms are named, a trainer can look into");

struct train_settings {
    const char *hub, *token_file, *room, *ai_id, *specialization, *summary, *out, *acks, *by;
    struct trace_settings traces;
    struct searcher_settings searcher;
    struct text_list migrants;
    long migrate_every;
    double minutes;
    bool json, private_trace;
};

/* The live line, the last one of the terminal. Empty: none is to be seen. */
struct live {
    struct terminal terminal;
    struct line line;
    bool drawn;
    FILE *out;
    struct sink
        *log; /* the same terminal as `out` has one sink with it, so that all stays in order */
};

static void live_wipe(struct live *live)
{
    if (!live->drawn)
        return;
    fputs("\r\x1b[K", live->out);
    fflush(live->out);
    live->drawn = false;
}

static void live_draw(struct live *live)
{
    struct slice text = line_end(&live->line);
    if (text.len == 0)
        return;
    fputs("\r\x1b[K", live->out);
    fwrite(text.at, 1, text.len, live->out);
    fflush(live->out);
    live->drawn = true;
}

static void add_standing(struct line *line, const struct brain_standing *standing)
{
    for (size_t i = 0; i < standing->brief_count; i++) {
        const struct brain_row *row = &standing->brief[i];
        line_addf(line, "%s%s ", i > 0 ? "  " : "", row->name);
        if (isnan(row->value))
            line_addf(line, "-");
        else
            line_addf(line, "%.*f%s", row->decimals, row->value, row->unit);
    }
    if (standing->remark[0])
        line_addf(line, "  %s", standing->remark);
}

static void on_progress(const struct trainer_progress *progress, void *data)
{
    struct live *live = data;
    char left[CLOCK_SIZE];
    if (!progress) {
        live_wipe(live);
        line_clear(&live->line);
        return;
    }
    terminal_measure(&live->terminal);
    line_clear(&live->line);
    if (live->terminal.width > 1)
        live->line.width = live->terminal.width - 1; /* the last column would wrap it */
    if (!progress->joined)
        line_addf(&live->line, "no hub  ");
    const struct summary *count = progress->count;
    if (progress->referee)
        line_addf(&live->line, "checked %u, refuted %u  ",
                  count->patterns_checked + count->components_checked,
                  count->patterns_refuted + count->components_refuted);
    add_standing(&live->line, progress->standing);
    if (progress->left_ms > 0) {
        span_format((int64_t)progress->left_ms, left);
        line_addf(&live->line, "  %s left", left);
    }
    live_draw(live);
}

static void on_log(const char *text, void *data)
{
    struct live *live = data;
    bool drawn = live->drawn;
    live_wipe(live);
    struct text line = {0};
    text_addf(&line, "[TRAINER] %s\n", text);
    sink_write(live->log, text_slice(&line));
    text_free(&line);
    if (drawn)
        live_draw(live);
}

static void on_summary(const struct summary *count, const struct summary_head *head,
                       const struct brain_standing *standing, void *data)
{
    struct live *live = data;
    terminal_measure(&live->terminal);
    train_summary(count, head, standing, &live->terminal, live->out);
}

static void notice_dropped(struct text *text, uint64_t lines)
{
    text_addf(text, "[TRAINER] %llu %s missing here: not read in time\n", (unsigned long long)lines,
              word_of(lines, "line is", "lines are"));
}

static bool same_terminal(void)
{
    struct stat out, err;
    return isatty(STDERR_FILENO) && isatty(STDOUT_FILENO) && fstat(STDOUT_FILENO, &out) == 0 &&
           fstat(STDERR_FILENO, &err) == 0 && out.st_rdev == err.st_rdev;
}

/* What it has of traces is known to the policies before there is a brain. An exit code. */
static int take_traces(const struct train_settings *settings, struct traces_given *given)
{
    const struct subject *subject = subject_for(settings->specialization);
    if (settings->private_trace && settings->traces.files.count == 0) {
        complain("train", "--private is of a trace; name one with --trace.");
        return EXIT_USAGE;
    }
    if (!subject && settings->traces.files.count > 0) {
        complain("train", "'%s' trains no subject that a trace could be of.",
                 settings->specialization);
        return EXIT_USAGE;
    }
    int code = subject ? traces_give("train", &settings->traces, given, &subject) : EXIT_WORKED;
    if (code != EXIT_WORKED || given->count == 0)
        return code;
    if (!subject->bound_cost)
        return complain("train", "nobody knows a bound of %s on traces, and claims name one.",
                        subject->name);
    subject_add(subject, settings->private_trace);
    return EXIT_WORKED;
}

/* An exit code. */
static int check_migrants(const struct train_settings *settings)
{
    const struct text_list *rooms = &settings->migrants;
    if (rooms->count > 0 && strcmp(settings->specialization, "general") == 0)
        return complain("train", "'general' searches for nothing: no migrants come to it."),
               EXIT_USAGE;
    for (size_t i = 0; i < rooms->count; i++) {
        if (strcmp(rooms->at[i], settings->room) == 0)
            return complain("train", "--migrants '%s' is the room that it is in; name another.",
                            rooms->at[i]),
                   EXIT_USAGE;
        for (size_t j = 0; j < i; j++)
            if (strcmp(rooms->at[i], rooms->at[j]) == 0)
                return complain("train", "--migrants '%s' stands there twice.", rooms->at[i]),
                       EXIT_USAGE;
    }
    return EXIT_WORKED;
}

static int train(const struct train_settings *settings, const struct searcher *searcher,
                 struct live *live)
{
    bool shows = live->terminal.moves && !settings->json;
    char token[TOKEN_TEXT_SIZE], why[TOKEN_CHOICE_WHY_SIZE];
    if (token_choose(settings->hub, settings->token_file, token, why) < 0)
        return complain("train", "%s", why);
    line_begin(&live->line, &live->terminal);
    int code = trainer_run(&(struct trainer_options){
        .address = settings->hub,
        .tls = hub_tls(),
        .token = token,
        .token_open = hub_token_open,
        .room = settings->room,
        .ai_id = settings->ai_id,
        .specialization = settings->specialization,
        .minutes = settings->minutes,
        .searcher = searcher,
        .migrant_rooms = settings->migrants.at,
        .migrant_room_count = settings->migrants.count,
        .migrate_every = (unsigned)settings->migrate_every,
        .summary_path = settings->summary,
        .keep_path = settings->out,
        .acks_path = settings->acks,
        .json = settings->json,
        .out = live->out,
        .log = on_log,
        .progress = shows ? on_progress : NULL,
        .summary = on_summary,
        .data = live,
    });
    line_free(&live->line);
    token_wipe(token, sizeof token);
    return code;
}

static int run(const void *data)
{
    const struct train_settings *settings = data;
    struct searcher_given searching = {0};
    if (searcher_check("train", &settings->searcher, &settings->by, settings->by != NULL) !=
        EXIT_WORKED)
        return EXIT_USAGE;
    struct live live = {.terminal = terminal_of(STDOUT_FILENO, "auto")};
    struct sink *out = sink_open(STDOUT_FILENO, false, SINK_BYTES_MAX, notice_dropped);
    bool shared = same_terminal();
    live.log = shared ? out : sink_open(STDERR_FILENO, false, SINK_BYTES_MAX, notice_dropped);
    live.out = out ? sink_stream(out) : NULL;
    struct traces_given given = {0};
    int code = hub_tls_check("train", settings->hub);
    if (code == EXIT_WORKED)
        code = check_migrants(settings);
    if (code == EXIT_WORKED)
        code = take_traces(settings, &given);
    if (code == EXIT_WORKED)
        code = searcher_give("train", &settings->searcher, &searching);
    searching.searcher.by = settings->by;
    bool other = settings->by && strcmp(settings->by, "cmaes") != 0;
    if (code == EXIT_WORKED)
        code = live.out && live.log ? train(settings, other ? &searching.searcher : NULL, &live)
                                    : complain("train", "out of memory");
    searcher_given_free(&searching);
    traces_given_free(&given);
    if (live.out)
        fclose(live.out);
    if (live.log && !shared)
        sink_close(live.log); /* that lines of it were lost is no failure */
    if (out && sink_close(out) < 0 && code == EXIT_WORKED)
        code = complain("train", "the summary could not be written: %s", strerror(errno));
    return code;
}

#define AT(member) .offset = offsetof(struct train_settings, member)
static const struct setting options[] = {
    HUB_SETTING(struct train_settings),
    JSON_SETTING(struct train_settings, "The summary at the end as JSON."),
    TRACE_SETTINGS(struct train_settings),
    {.name = "private",
     .kind = SETTING_FLAG,
     AT(private_trace),
     .help = "Of --trace: it trains on synthetic workloads, and the trace stays here. What others "
             "send is measured on it too, and only that ratio is told (ratio_own)."},
    {.name = "summary",
     .kind = SETTING_TEXT,
     AT(summary),
     .argument = "FILE",
     .help =
         "Writes the summary as JSON to FILE too; while it trains, each time that it measures, as "
         "it stands then (\"ended\": null)."},
    {.name = "acks",
     .kind = SETTING_TEXT,
     AT(acks),
     .argument = "FILE",
     .help = "Appends a line to FILE for each message that the hub has acked: its message_id, its "
             "place in the room (seq) and its type."},
    {.name = "by",
     .kind = SETTING_TEXT,
     AT(by),
     .argument = "SEARCHER",
     .help = "Who searches in the place of CMA-ES, as 'khub search' has them: random, genetic, "
             "exec:COMMAND (a program) or llm:MODEL (a language model). A module that it finds is "
             "measured, claimed and checked like parameters. cmaes when nobody says."},
    MODEL_SETTINGS(struct train_settings),
    ANSWER_PATIENCE_SETTING(struct train_settings),
    {.name = "migrants",
     .kind = SETTING_LIST,
     AT(migrants),
     .argument = "ROOM",
     .bytes = ROOM_NAME_MAX,
     .help =
         "Another room of the hub, an island of its own: the best that was confirmed there comes "
         "over, one claim at a time. It may stand several times; then one room has its turn "
         "after the other. The token must be good for these rooms too."},
    {.name = "migrate-every",
     .kind = SETTING_WHOLE,
     AT(migrate_every),
     .argument = "N",
     .fallback = "1000",
     .low = 1,
     .high = 1e9,
     .help =
         "So many evaluations of its own search lie between one migrant and the next, and before "
         "the first."},
    {.name = "out",
     .letter = 'o',
     .kind = SETTING_TEXT,
     AT(out),
     .argument = "DIR",
     .help = "Keeps what it learns in DIR (learned.json, policy.c), whatever ends it, and goes on "
             "from what is there. Without it an AI of the same name makes the same search again. "
             "Also the hub's resume_token, by which it gets its name back."},
    {0},
};

static const struct setting operands[] = {
    {.name = "AI_ID",
     .kind = SETTING_TEXT,
     AT(ai_id),
     .bytes = WIRE_ID_MAX,
     .required = true,
     .help = "The name it goes by; no two AIs of a hub have the same."},
    {.name = "SPECIALIZATION",
     .kind = SETTING_CHOICE,
     AT(specialization),
     .required = true,
     .choices = trainer_specializations,
     .help = "What it is good at."},
    {.name = "MINUTES",
     .kind = SETTING_NUMBER,
     AT(minutes),
     .fallback = "1",
     .low = MINUTES_LEAST,
     .high = TRAIN_MINUTES_MOST,
     .help = "How long it trains; fractions are fine."},
    {0},
};

const struct command command_train = {
    .name = "train",
    .summary = "run an AI that trains, shares and collaborates",
    .about =
        "Joins a hub as an AI with a specialization. It learns a policy for its part of an "
        "operating system in "
        "a simulator, shares what it finds, checks what others share by running it, answers "
        "feature "
        "requests and works with other AIs on common candidates. After MINUTES it sums up and "
        "leaves.\n\n"
        "A hub that is killed and comes back it goes on with: what it said and the hub had not "
        "acked it says again, what it missed it hears. Killed itself, and started again under "
        "the same name, it goes on with its sessions, commitments and answers, which the hub "
        "knows; what it had shared or reported before does not count again.",
    .example = "  khub train AI_Node_1 networking 2\n  khub train AI_Node_2 file_system 2",
    .worked = "trained to the end, or was told to stop and did so in order",
    .failed = "the hub was not reached, refused the AI or was lost; or no summary could be written",
    .options = options,
    .operands = operands,
    .settings_size = sizeof(struct train_settings),
    .run = run,
};
