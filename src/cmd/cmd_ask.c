/* khub ask: a question to a person, as a member that joined with khub join. */
#include <string.h>

#include "cmd/commands.h"
#include "cmd/fields.h"
#include "cmd/inbox_print.h"
#include "cmd/json_out.h"
#include "cmd/stop.h"
#include "cmd/turn.h"

#define TIMEOUT_DEFAULT "600"

struct ask_settings {
    struct membership_choice choice;
    const char *question, *preset, *to, *withdraw;
    struct text_list choices;
    long timeout;
    bool wait, json;
};

static void write_request(const struct ask_settings *settings, struct text *payload)
{
    text_add_literal(payload, "{\"question\":");
    text_add_string(payload, slice_of(settings->question));
    text_add_literal(payload, ",\"choices\":[");
    for (size_t i = 0; i < settings->choices.count; i++) {
        text_add_literal(payload, i ? "," : "");
        text_add_string(payload, slice_of(settings->choices.at[i]));
    }
    text_add_literal(payload, "],\"default\":");
    text_add_string(payload, slice_of(settings->preset));
    text_addf(payload, ",\"timeout_s\":%ld", settings->timeout);
    text_add(payload, (struct slice)SLICE("}\0"));
}

static void write_withdrawal(const struct ask_settings *settings, struct text *payload)
{
    text_add_literal(payload, "{\"withdrawn\":true,\"approval_id\":");
    text_add_string(payload, slice_of(settings->withdraw));
    text_add(payload, (struct slice)SLICE("}\0"));
}

/* ── waiting for the decision ── */

struct waiting {
    char id[APPROVAL_ID_MAX + 1];
    struct text decision; /* "": none yet */
};

static void on_message(struct visit *visit, const struct khub_message *message, void *data)
{
    struct waiting *waiting = data;
    struct json_value payload =
        json_value_of((struct slice){message->payload.at, message->payload.len});
    (void)visit;
    if (strcmp(message->type.at, "approval") != 0 || strcmp(message->sender_id.at, "hub") != 0 ||
        !json_string_is(json_get(payload, "approval_id"), slice_of(waiting->id)) ||
        json_string_is(json_get(payload, "status"), slice_of("pending")))
        return;
    text_clear(&waiting->decision);
    text_add(&waiting->decision, payload.raw);
}

/* False: somebody stopped us, or the hub is gone; the decision comes with khub recv. */
static bool wait_decision(struct turn *turn, struct waiting *waiting)
{
    while (!waiting->decision.len)
        if (visit_wait(&turn->visit, -1, NULL, 0) != VISIT_TURNED)
            return false;
    return true;
}

/* ── telling ── */

/* The choice alone stands on stdout, for a script; who chose, and what was said to it, beside. */
static void tell_decision(struct json_value approval)
{
    OWNED char *id = field_string(approval, "approval_id");
    OWNED char *status = field_string(approval, "status");
    OWNED char *choice = field_string(approval, "choice");
    OWNED char *by = field_string(approval, "by");
    OWNED char *note = field_string(approval, "note");
    struct text text = {0};
    text_addf(&text, "%s is %s", id, strcmp(status, "timed_out") == 0 ? "timed out" : status);
    if (*by) {
        text_add_literal(&text, " by ");
        text_add_name(&text, slice_of(by));
    }
    if (*note) {
        text_add_literal(&text, ": ");
        text_add_string(&text, slice_of(note));
    }
    fprintf(stderr, "%.*s\n", SLICE_FORMAT(text_slice(&text)));
    text_free(&text);
    if (*choice)
        puts(choice);
}

static void tell_asked(const struct ask_settings *settings, struct json_value approval)
{
    OWNED char *id = field_string(approval, "approval_id");
    struct text preset = {0};
    text_add_name(&preset, slice_of(settings->preset));
    printf("%s is asked: the answer comes with khub recv, within %ld s; else it is %.*s\n", id,
           settings->timeout, SLICE_FORMAT(text_slice(&preset)));
    text_free(&preset);
}

static int decision_code(struct json_value approval)
{
    return json_string_is(json_get(approval, "status"), slice_of("answered")) ? EXIT_WORKED
                                                                              : EXIT_NOT_NOW;
}

static int tell(struct turn *turn, const struct ask_settings *settings, struct waiting *waiting)
{
    struct json_value approval = turn->ask.answer;
    if (settings->wait && !wait_decision(turn, waiting))
        return complain("ask",
                        "%s is asked, and not decided yet: khub recv tells what comes of it.",
                        waiting->id);
    if (settings->wait)
        approval = json_value_of(text_slice(&waiting->decision));
    if (settings->json) {
        json_print(stdout, approval.raw, false);
        putchar('\n');
    } else if (settings->wait) {
        tell_decision(approval);
    } else if (settings->withdraw) {
        printf("%s is withdrawn\n", settings->withdraw);
    } else {
        tell_asked(settings, approval);
    }
    return settings->wait ? decision_code(approval) : EXIT_WORKED;
}

static int put_question(struct turn *turn, const struct ask_settings *settings)
{
    struct text payload = {0};
    struct waiting waiting = {.id = ""};
    if (settings->withdraw)
        write_withdrawal(settings, &payload);
    else
        write_request(settings, &payload);
    turn->ask.target = settings->to;
    turn->ask.other = on_message;
    turn->ask.data = &waiting;
    enum ask_result result = ask(&turn->visit, MESSAGE_APPROVAL_REQUEST, &payload);
    text_free(&payload);
    if (result != ASK_ANSWERED)
        return result == ASK_REFUSED ? ask_complain(&turn->visit) : EXIT_FAILED;
    OWNED char *id = field_string(turn->ask.answer, "approval_id");
    snprintf(waiting.id, sizeof waiting.id, "%s", id);
    int code = tell(turn, settings, &waiting);
    text_free(&waiting.decision);
    return code;
}

static int check(const struct ask_settings *settings)
{
    if (settings->withdraw && (settings->question || settings->choices.count || settings->wait))
        return complain("ask", "--withdraw goes without a question, choices and --wait."),
               EXIT_USAGE;
    if (settings->withdraw)
        return EXIT_WORKED;
    if (!settings->question)
        return complain("ask", "what is the question? (khub ask --help)"), EXIT_USAGE;
    if (settings->choices.count < 2 || !settings->preset)
        return complain("ask", "a question has two choices at the least (--choice yes --choice "
                               "no), and one that holds when nobody answers (--default no)."),
               EXIT_USAGE;
    return EXIT_WORKED;
}

static int run(const void *data)
{
    const struct ask_settings *settings = data;
    struct turn turn;
    int code = check(settings);
    if (code != EXIT_WORKED)
        return code;
    code = turn_begin(&turn, "ask", &settings->choice);
    if (code == 0)
        code = turn_join(&turn);
    if (code == 0)
        code = put_question(&turn, settings);
    turn_end(&turn);
    return code;
}

#define AT(member) .offset = offsetof(struct ask_settings, member)
static const struct setting options[] = {
    {.name = "choice",
     .letter = 'c',
     .kind = SETTING_LIST,
     AT(choices),
     .argument = "TEXT",
     .bytes = APPROVAL_CHOICE_MAX,
     .help = "What may be answered: two to eight of them."},
    {.name = "default",
     .kind = SETTING_TEXT,
     AT(preset),
     .argument = "TEXT",
     .bytes = APPROVAL_CHOICE_MAX,
     .help = "The choice that holds when nobody answers in time: the safe one."},
    {.name = "timeout",
     .kind = SETTING_WHOLE,
     AT(timeout),
     .argument = "SECONDS",
     .fallback = TIMEOUT_DEFAULT,
     .low = 1,
     .high = APPROVAL_TIMEOUT_MAX_S,
     .help = "So long a person has for it."},
    {.name = "to",
     .kind = SETTING_TEXT,
     AT(to),
     .argument = "AI_ID",
     .bytes = WIRE_ID_MAX,
     .help = "The one person who may answer. Without it: any."},
    {.name = "wait",
     .kind = SETTING_FLAG,
     AT(wait),
     .help = "Stay until it is decided, and print the choice."},
    {.name = "withdraw",
     .kind = SETTING_TEXT,
     AT(withdraw),
     .argument = "ID",
     .bytes = APPROVAL_ID_MAX,
     .help = "Take back a question that you asked."},
    TURN_SETTING(struct ask_settings),
    JSON_SETTING(struct ask_settings,
                 "The hub's word on it, as JSON (docs/PROTOCOL.md, Approvals)."),
    {0},
};

static const struct setting operands[] = {
    {.name = "QUESTION",
     .kind = SETTING_TEXT,
     AT(question),
     .bytes = APPROVAL_QUESTION_MAX,
     .help = "What a person is to decide, and what he needs to know for that."},
    {0},
};

const struct command command_ask = {
    .name = "ask",
    .summary = "ask a person, and go on with what he chose",
    .about = "Asks the people at a hub, as a member that joined with 'khub join': a question with "
             "choices, a time, and the choice that holds when nobody answers in it. People see it "
             "in 'khub chat' and 'khub approvals', and answer with 'khub approve'. The decision "
             "comes with 'khub recv'; with --wait the command stays until then, and prints the "
             "choice alone on stdout.",
    .example = "  khub ask \"Deploy 1.4 to production?\" --choice yes --choice no --default no\n"
               "  if [ \"$(khub ask 'Delete 3 GB of logs?' -c yes -c no --default no --wait)\" = "
               "yes ]; then …",
    .worked = "it is asked; with --wait: a person has answered",
    .failed = "it was refused, or the hub could not be reached",
    .not_now = "with --wait: nobody answered, and the default holds; or it was withdrawn",
    .options = options,
    .operands = operands,
    .settings_size = sizeof(struct ask_settings),
    .run = run,
};
