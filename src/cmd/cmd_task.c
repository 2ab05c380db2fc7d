/* khub task: the list of work of a room, as a member that joined with khub join. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/commands.h"
#include "cmd/fields.h"
#include "cmd/given.h"
#include "cmd/json_out.h"
#include "cmd/task.h"
#include "cmd/turn.h"

#define TTL_DEFAULT  "900"
#define NOTHING_TEXT "none" /* of a list of ids: that it is empty */

struct task_settings {
    struct membership_choice choice;
    const char *action, *what;
    const char *key, *body, *needs, *blocks, *title, *why, *note, *intent, *status, *holder;
    const char *printed, *sha256, *artifact;
    struct text_list commands;
    long ttl, index, exit;
    bool exit_alone, json;
};

static const char *const actions[] = {"list", "add",     "show", "claim",  "done", "report",
                                      "edit", "release", "drop", "reopen", NULL};
static const char *const statuses[] = {"open", "ready",   "blocked", "claimed",
                                       "done", "dropped", "all",     NULL};

/* ── payloads ── */

static void add_text(struct text *payload, const char *name, const char *value)
{
    if (!value)
        return;
    text_addf(payload, "%s\"%s\":", payload->len > 1 ? "," : "", name);
    text_add_string(payload, slice_of(value));
}

/* "t3,t4" as an array. */
static void add_ids(struct text *payload, const char *name, const char *ids)
{
    if (!ids)
        return;
    text_addf(payload, "%s\"%s\":[", payload->len > 1 ? "," : "", name);
    for (bool first = true; *ids && strcmp(ids, NOTHING_TEXT) != 0; first = false) {
        size_t len = strcspn(ids, ", ");
        if (len) {
            text_add_literal(payload, first ? "" : ",");
            text_add_string(payload, (struct slice){ids, len});
        }
        ids += len + (ids[len] != '\0');
    }
    text_add_literal(payload, "]");
}

static void end(struct text *payload)
{
    text_add(payload, (struct slice)SLICE("}\0"));
}

static int refused(const struct turn *turn, enum ask_result result)
{
    return result == ASK_REFUSED ? ask_complain(&turn->visit) : EXIT_FAILED;
}

static void print_answer(const struct turn *turn, const struct task_settings *settings)
{
    if (settings->json) {
        json_print(stdout, turn->ask.answer.raw, false);
        putchar('\n');
    } else {
        task_print_change(turn->ask.answer);
    }
}

/* Says it, and prints what the hub makes of it. */
static int say(struct turn *turn, const struct task_settings *settings, enum message_type type,
               struct text *payload)
{
    end(payload);
    enum ask_result result = ask(&turn->visit, type, payload);
    text_free(payload);
    if (result != ASK_ANSWERED)
        return refused(turn, result);
    print_answer(turn, settings);
    return EXIT_WORKED;
}

/* The task of that id, good until the next question. */
static int fetch(struct turn *turn, const char *id, struct json_value *ret_task)
{
    struct text query = {0};
    text_add_literal(&query, "{");
    add_text(&query, "id", id);
    end(&query);
    enum ask_result result = ask(&turn->visit, MESSAGE_TASK_QUERY, &query);
    text_free(&query);
    if (result != ASK_ANSWERED)
        return refused(turn, result);
    *ret_task = json_get(turn->ask.answer, "task");
    return EXIT_WORKED;
}

/* ── looking ── */

static int list(struct turn *turn, const struct task_settings *settings, const struct text *given)
{
    struct text more = {0}, tasks = {0};
    (void)given;
    text_add_literal(&more, ",");
    if (strcmp(settings->status, "all") != 0)
        add_text(&more, "status", settings->status);
    add_text(&more, "holder", settings->holder);
    if (more.len == 1)
        text_clear(&more);
    enum ask_result result =
        ask_pages_of(&turn->visit, MESSAGE_TASK_QUERY, QUERY_LIMIT, &more, "tasks", &tasks);
    if (result == ASK_ANSWERED && settings->json) {
        json_print(stdout, text_slice(&tasks), false);
        putchar('\n');
    } else if (result == ASK_ANSWERED) {
        task_print_list(json_value_of(text_slice(&tasks)), json_get(turn->ask.answer, "counts"));
    }
    text_free(&more);
    text_free(&tasks);
    return result == ASK_ANSWERED ? EXIT_WORKED : refused(turn, result);
}

static int show(struct turn *turn, const struct task_settings *settings, const struct text *given)
{
    struct json_value task = {.kind = JSON_KIND_ABSENT};
    int code = fetch(turn, settings->what, &task);
    (void)given;
    if (code != EXIT_WORKED)
        return code;
    if (settings->json) {
        json_print(stdout, task.raw, false);
        putchar('\n');
    } else {
        task_print(task);
    }
    return EXIT_WORKED;
}

/* ── claiming ── */

static int claim_one(struct turn *turn, const struct task_settings *settings, const char *id)
{
    struct text payload = {0}, key = {0};
    text_addf(&key, "task:%s", id);
    text_add(&key, (struct slice){"", 1});
    text_add_literal(&payload, "{");
    add_text(&payload, "key", key.at);
    text_addf(&payload, ",\"ttl_s\":%ld", settings->ttl);
    add_text(&payload, "intent", settings->intent);
    end(&payload);
    enum ask_result result = ask(&turn->visit, MESSAGE_LEASE_REQUEST, &payload);
    bool held = result == ASK_ANSWERED &&
                json_string_is(json_get(turn->ask.answer, "status"), slice_of("held"));
    if (result == ASK_ANSWERED && !held)
        lease_keep(turn, key.at, turn->ask.answer);
    text_free(&payload);
    text_free(&key);
    if (held)
        return EXIT_NOT_NOW;
    bool not_now = result == ASK_REFUSED && strcmp(turn->ask.code, "conflict") == 0;
    return not_now ? EXIT_NOT_NOW : result == ASK_ANSWERED ? EXIT_WORKED : refused(turn, result);
}

/* What it is now, that is claimed; whole, for whoever begins to work on it. */
static int claimed(struct turn *turn, const struct task_settings *settings, const char *id)
{
    struct task_settings shown = *settings;
    shown.what = id;
    return show(turn, &shown, NULL);
}

/* Any that is ready: others want them too. */
static int claim_some(struct turn *turn, const struct task_settings *settings)
{
    struct text query = {0}, more = {0};
    text_add_literal(&more, ",\"status\":\"ready\"");
    enum ask_result result =
        ask_pages_of(&turn->visit, MESSAGE_TASK_QUERY, QUERY_LIMIT, &more, "tasks", &query);
    struct json_value tasks = json_value_of(text_slice(&query)), task;
    struct json_iterator iterator = {.rest = tasks.raw};
    int code = result == ASK_ANSWERED ? EXIT_NOT_NOW : refused(turn, result);
    while (code == EXIT_NOT_NOW && json_next_element(&iterator, &task)) {
        OWNED char *id = field_string(task, "id");
        code = claim_one(turn, settings, id);
        if (code == EXIT_WORKED)
            code = claimed(turn, settings, id);
    }
    if (code == EXIT_NOT_NOW)
        puts(settings->json ? "null" : "no task is ready");
    text_free(&query);
    text_free(&more);
    return code;
}

static int claim(struct turn *turn, const struct task_settings *settings, const struct text *given)
{
    (void)given;
    if (!settings->what)
        return claim_some(turn, settings);
    int code = claim_one(turn, settings, settings->what);
    if (code == EXIT_NOT_NOW && turn->ask.code[0] && !settings->json)
        puts(turn->ask.why);
    if (code != EXIT_WORKED && code != EXIT_NOT_NOW)
        return code;
    int shown = claimed(turn, settings, settings->what);
    return shown == EXIT_WORKED ? code : shown;
}

static int release(struct turn *turn, const struct task_settings *settings,
                   const struct text *given)
{
    struct text key = {0};
    (void)given;
    text_addf(&key, "task:%s", settings->what);
    text_add(&key, (struct slice){"", 1});
    uint64_t fence = lease_fence(turn, key.at);
    int code = fence ? lease_release(turn, key.at, fence, false)
                     : complain("task",
                                "you do not hold %s (any more): 'khub task show %s' tells "
                                "who does.",
                                settings->what, settings->what);
    json_object_del(turn->member.leases, key.at);
    turn_keep(turn);
    text_free(&key);
    return code == 0 ? claimed(turn, settings, settings->what) : code;
}

/* ── changing ── */

static int add(struct turn *turn, const struct task_settings *settings, const struct text *given)
{
    struct text payload = {0};
    text_add_literal(&payload, "{");
    add_text(&payload, "title", settings->what);
    add_text(&payload, "key", settings->key);
    add_text(&payload, "body", given->len ? given->at : settings->body);
    add_ids(&payload, "needs", settings->needs);
    add_ids(&payload, "blocks", settings->blocks);
    return say(turn, settings, MESSAGE_TASK, &payload);
}

static int edit(struct turn *turn, const struct task_settings *settings, const struct text *given)
{
    struct json_value task = {.kind = JSON_KIND_ABSENT};
    struct text payload = {0};
    int code = fetch(turn, settings->what, &task);
    if (code != EXIT_WORKED)
        return code;
    text_add_literal(&payload, "{");
    add_text(&payload, "id", settings->what);
    text_addf(&payload, ",\"version\":%.0f", field_number(task, "version", 0));
    add_text(&payload, "title", settings->title);
    add_text(&payload, "body", given->len ? given->at : settings->body);
    add_ids(&payload, "needs", settings->needs);
    return say(turn, settings, MESSAGE_TASK, &payload);
}

static int move(struct turn *turn, const struct task_settings *settings, const struct text *given)
{
    struct text payload = {0};
    (void)given;
    text_add_literal(&payload, "{");
    add_text(&payload, "id", settings->what);
    add_text(&payload, "status", strcmp(settings->action, "drop") == 0 ? "dropped" : "open");
    add_text(&payload, "why", settings->why);
    return say(turn, settings, MESSAGE_TASK, &payload);
}

/* ── evidence ── */

/* Runs what shall show that it is done, before a turn is taken: that may last. `given` becomes the
 * elements of evidence, or the members of a report. */
static int run_commands(const struct task_settings *settings, struct text *given)
{
    bool reports = strcmp(settings->action, "report") == 0;
    for (size_t i = 0; i < settings->commands.count; i++) {
        if (!reports) {
            text_add_literal(given, i ? ",{" : "{");
            text_add_literal(given, "\"command\":");
            text_add_string(given, slice_of(settings->commands.at[i]));
            if (settings->artifact)
                text_addf(given, ",\"artifact\":\"%s\"", settings->artifact);
        }
        int code = task_run(settings->commands.at[i], settings->exit_alone, given);
        if (code != 0)
            return code;
        if (!reports)
            text_add_literal(given, "}");
    }
    if (reports && !settings->commands.count) {
        text_addf(given, ",\"exit\":%ld", settings->exit);
        add_text(given, "printed", settings->printed);
        add_text(given, "sha256", settings->sha256);
    }
    return 0;
}

static int finish(struct turn *turn, const struct task_settings *settings, const struct text *given)
{
    struct text payload = {0}, key = {0};
    text_addf(&key, "task:%s", settings->what);
    text_add(&key, (struct slice){"", 1});
    uint64_t fence = lease_fence(turn, key.at);
    text_add_literal(&payload, "{");
    add_text(&payload, "id", settings->what);
    text_addf(&payload, ",\"status\":\"done\",\"fence\":%" PRIu64, fence ? fence : 1);
    add_text(&payload, "why", settings->why);
    text_addf(&payload, ",\"evidence\":[%.*s]", SLICE_FORMAT(text_slice(given)));
    int code = say(turn, settings, MESSAGE_TASK, &payload);
    if (code == EXIT_WORKED) {
        json_object_del(turn->member.leases, key.at);
        code = turn_keep(turn);
    }
    text_free(&key);
    return code;
}

/* Is what was run what is to be shown again? */
static int check_command(const struct task_settings *settings, struct json_value task)
{
    struct json_value evidence = json_get(task, "evidence"), item;
    struct json_iterator iterator = {.rest = evidence.raw};
    long index = 0;
    while (evidence.kind == JSON_KIND_ARRAY && json_next_element(&iterator, &item))
        if (index++ == settings->index && settings->commands.count &&
            !json_string_is(json_get(item, "command"), slice_of(settings->commands.at[0])))
            return complain("task",
                            "evidence %ld of %s is of another command: 'khub task show %s' "
                            "tells which.",
                            settings->index, settings->what, settings->what);
    return EXIT_WORKED;
}

static int report(struct turn *turn, const struct task_settings *settings, const struct text *given)
{
    struct json_value task = {.kind = JSON_KIND_ABSENT};
    struct text payload = {0};
    int code = fetch(turn, settings->what, &task);
    if (code != EXIT_WORKED || (code = check_command(settings, task)) != EXIT_WORKED)
        return code;
    text_add_literal(&payload, "{");
    add_text(&payload, "task", settings->what);
    text_addf(&payload, ",\"index\":%ld", settings->index);
    if (field_number(task, "fence", 0) > 0)
        text_addf(&payload, ",\"fence\":%.0f", field_number(task, "fence", 0));
    add_text(&payload, "note", settings->note);
    text_add(&payload, text_slice(given));
    return say(turn, settings, MESSAGE_EVIDENCE_REPORT, &payload);
}

/* ── the command ── */

static const struct action {
    const char *name;
    int (*run)(struct turn *turn, const struct task_settings *settings, const struct text *given);
    const char *lacks; /* what is missing without WHAT; NULL: nothing */
} table[] = {
    {"list", list, NULL},      {"add", add, "what is to be done (a title)"},
    {"show", show, "an id"},   {"claim", claim, NULL},
    {"done", finish, "an id"}, {"report", report, "an id"},
    {"edit", edit, "an id"},   {"release", release, "an id"},
    {"drop", move, "an id"},   {"reopen", move, "an id"},
};

static int misused(const char *why)
{
    complain("task", "%s", why);
    return EXIT_USAGE;
}

/* What can be said before the hub is asked. */
static int check(const struct task_settings *settings, const struct action *action)
{
    bool reports = strcmp(action->name, "report") == 0;
    char why[128];
    if (action->lacks && !settings->what) {
        snprintf(why, sizeof why, "%s wants %s.", action->name, action->lacks);
        return misused(why);
    }
    if (strcmp(action->name, "drop") == 0 && !settings->why)
        return misused("drop wants --why.");
    if (reports && settings->commands.count > 1)
        return misused("a report is of one command: one --run.");
    if (reports && !settings->commands.count && settings->exit < 0)
        return misused("a report wants --run COMMAND, or --exit and what it printed.");
    return 0;
}

static int run(const void *data)
{
    const struct task_settings *settings = data;
    const struct action *action = table;
    struct text given = {0};
    struct turn turn;
    while (strcmp(action->name, settings->action) != 0)
        action++;
    int code = check(settings, action);
    if (code == 0 && (action->run == finish || action->run == report))
        code = run_commands(settings, &given);
    else if (code == 0 && settings->body && strcmp(settings->body, "-") == 0)
        code = given_read_stdin("task", &given);
    if (code == 0 && given.len && action->run != finish && action->run != report)
        text_add(&given, (struct slice){"", 1});
    if (code != 0) {
        text_free(&given);
        return code;
    }
    code = turn_begin(&turn, "task", &settings->choice);
    if (code == 0)
        code = turn_join(&turn);
    if (code == 0)
        code = action->run(&turn, settings, &given);
    turn_end(&turn);
    text_free(&given);
    return code;
}

#define AT(member) .offset = offsetof(struct task_settings, member)
#define TEXT_SETTING(option, member_of, called, most, sentence)                                    \
    {                                                                                              \
        .name = (option), .kind = SETTING_TEXT, AT(member_of), .argument = (called),               \
        .bytes = (most), .help = (sentence)                                                        \
    }
static const struct setting options[] = {
    TURN_SETTING(struct task_settings),
    {.name = "status",
     .kind = SETTING_CHOICE,
     AT(status),
     .argument = "STATUS",
     .fallback = "open",
     .choices = statuses,
     .help = "list: those that are so; open: ready, blocked or claimed."},
    TEXT_SETTING("holder", holder, "NAME", WIRE_ID_MAX, "list: those that it has claimed."),
    TEXT_SETTING("key", key, "ID", TASK_ID_BYTES_MAX,
                 "add: what to call it. Without it the hub does: t17."),
    TEXT_SETTING("title", title, "TEXT", TASK_TITLE_BYTES_MAX, "edit: another title."),
    TEXT_SETTING("body", body, "TEXT", TASK_BODY_BYTES_MAX,
                 "add, edit: all there is to say of it. -: what stands on stdin."),
    TEXT_SETTING("needs", needs, "A,B", 0,
                 "add, edit: ids of tasks that have to be done first; 'none'."),
    TEXT_SETTING("blocks", blocks, "A,B", 0, "add: ids of tasks that shall wait for it."),
    {.name = "ttl",
     .kind = SETTING_WHOLE,
     AT(ttl),
     .argument = "SECONDS",
     .fallback = TTL_DEFAULT,
     .low = 1,
     .high = LEASE_TTL_MAX_S,
     .help = "claim: it ends when nothing was heard of you for so long; each command of yours is a "
             "sign of life."},
    TEXT_SETTING("intent", intent, "TEXT", LEASE_INTENT_BYTES_MAX,
                 "claim: how you go about it, in a sentence; others see it."),
    {.name = "run",
     .kind = SETTING_LIST,
     AT(commands),
     .argument = "COMMAND",
     .bytes = EVIDENCE_COMMAND_MAX,
     .help = "done: runs it with sh, and gives what came of it as evidence; may stand several "
             "times. report: the same of the command that the evidence names; read it first."},
    {.name = "exit-only",
     .kind = SETTING_FLAG,
     AT(exit_alone),
     .help = "With --run: says how it ended and not what it printed, of what never prints the same "
             "twice."},
    TEXT_SETTING("artifact", artifact, "SHA256", 64, "done: of the files that it was run on."),
    {.name = "index",
     .kind = SETTING_WHOLE,
     AT(index),
     .argument = "N",
     .fallback = "0",
     .low = 0,
     .high = EVIDENCE_MAX - 1,
     .help = "report: which command of the evidence."},
    {.name = "exit",
     .kind = SETTING_WHOLE,
     AT(exit),
     .argument = "N",
     .fallback = "-1",
     .low = -1,
     .high = EVIDENCE_EXIT_MAX,
     .help = "report, of a command that you ran already: how it ended,"},
    TEXT_SETTING("printed", printed, "TEXT", EVIDENCE_PRINTED_MAX, "and what it printed;"),
    TEXT_SETTING("sha256", sha256, "SHA256", 64, "or the SHA-256 of that."),
    TEXT_SETTING("note", note, "TEXT", RERUN_NOTE_MAX, "report: what else there is to say."),
    TEXT_SETTING("why", why, "TEXT", TASK_WHY_BYTES_MAX, "done, drop, reopen: why."),
    JSON_SETTING(struct task_settings, "What the hub says, as JSON (docs/PROTOCOL.md, Tasks)."),
    {0},
};

static const struct setting operands[] = {
    {.name = "ACTION",
     .kind = SETTING_CHOICE,
     AT(action),
     .fallback = "list",
     .choices = actions,
     .help = "What to do."},
    {.name = "WHAT",
     .kind = SETTING_TEXT,
     AT(what),
     .bytes = TASK_TITLE_BYTES_MAX,
     .help = "add: the title of what is to be done. Else the task's id; claim without it takes one "
             "that is ready."},
    {0},
};

const struct command command_task = {
    .name = "task",
    .summary = "share a list of work: what is ready, who has it, what shows it done",
    .about = "Tasks of the room, as a member that joined with 'khub join'. One that needs others "
             "is blocked until these are done, then ready; who claims it has it alone, until it "
             "is done, given back, or nothing was heard of its holder for --ttl seconds.\n\n"
             "done tells what was run to see that it is (--run), and what came of it. Nobody has "
             "to believe that: others run the same and report. When two of other owners saw the "
             "same the evidence is confirmed, when two saw the same other thing refuted. The hub "
             "runs nothing.",
    .example = "  khub task add 'parse floats' --body 'as in RFC 8259' --needs t3\n"
               "  khub task claim\n"
               "  khub task done t17 --run 'make test'\n"
               "  khub task report t17 --run 'make test'",
    .worked = "done",
    .failed = "it was refused, or the hub could not be reached",
    .not_now = "claim: somebody else has it, it waits for others, or none is ready",
    .options = options,
    .operands = operands,
    .settings_size = sizeof(struct task_settings),
    .run = run,
};
