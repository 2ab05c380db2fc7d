/* khub approvals and khub approve: what waits for a person, and his answer. */
#include <string.h>
#include <unistd.h>

#include "cmd/ask.h"
#include "cmd/commands.h"
#include "cmd/fields.h"
#include "cmd/inbox_print.h"
#include "cmd/json_out.h"
#include "cmd/stop.h"
#include "cmd/summary.h"
#include "cmd/table.h"

struct approvals_settings {
    const char *hub, *token_file, *room;
    bool all, json;
};

static const struct column columns[] = {
    {.title = "ID"},
    {.title = "ASKER", .shrinks = true},
    {.title = "STATUS"},
    {.title = "CHOICES", .shrinks = true},
    {.title = "DEFAULT", .shrinks = true},
    {.title = "ASKED", .right = true},
    {.title = "QUESTION", .shrinks = true},
};

static void add_status(struct table *table, struct json_value approval)
{
    OWNED char *status = field_string(approval, "status");
    OWNED char *choice = field_string(approval, "choice");
    OWNED char *by = field_string(approval, "by");
    if (strcmp(status, "pending") == 0)
        table_addf(table, "waits, %.0f s in all", field_number(approval, "timeout_s", 0));
    else if (*by)
        table_addf(table, "%s, by %s", choice, by);
    else if (*choice)
        table_addf(table, "%s, nobody answered", choice);
    else
        table_add(table, status);
}

static void add_approval(struct table *table, struct json_value approval)
{
    char ago[AGO_SIZE];
    OWNED char *choices = field_names(json_get(approval, "choices"));
    field_ago(approval, "asked", time_now_ms(), ago);
    table_add_member(table, approval, "approval_id");
    table_add_member(table, approval, "asker");
    add_status(table, approval);
    table_add(table, choices);
    table_add_member(table, approval, "default");
    table_add(table, ago);
    table_add_member(table, approval, "question");
}

static bool is_wanted(const struct approvals_settings *settings, struct json_value approval)
{
    return settings->all || json_string_is(json_get(approval, "status"), slice_of("pending"));
}

static void print_list(const struct approvals_settings *settings, struct json_value approvals)
{
    struct terminal terminal = terminal_of(STDOUT_FILENO, "auto");
    struct json_iterator iterator = {.rest = approvals.raw};
    struct json_value approval;
    struct table table;
    size_t count = 0;
    table_begin(&table, TABLE_COLUMNS(columns));
    while (json_next_element(&iterator, &approval))
        if (is_wanted(settings, approval)) {
            add_approval(&table, approval);
            count++;
        }
    if (count) {
        table_print(&table, &terminal, stdout);
    } else {
        char place[PLACE_SIZE];
        printf("Nothing waits for a person at %s%s.\n",
               place_text(settings->hub, settings->room, place),
               settings->all ? ", and nothing was decided" : "");
    }
    table_free(&table);
}

static void print_json(const struct approvals_settings *settings, struct json_value approvals)
{
    struct json_iterator iterator = {.rest = approvals.raw};
    struct json_value approval;
    const char *before = "[";
    while (json_next_element(&iterator, &approval))
        if (is_wanted(settings, approval)) {
            fputs(before, stdout);
            json_print(stdout, approval.raw, false);
            before = ",";
        }
    puts(strcmp(before, "[") == 0 ? "[]" : "]");
}

static int run_approvals(const void *data)
{
    const struct approvals_settings *settings = data;
    struct ask asked = {0};
    struct text text = {0};
    struct visit visit = {.command = "approvals",
                          .address = settings->hub,
                          .token_file = settings->token_file,
                          .room = settings->room,
                          .observer = true,
                          .message = ask_message,
                          .data = &asked};
    stop_catch();
    int code = visit_begin(&visit);
    enum ask_result result = ASK_FAILED;
    if (code == EXIT_WORKED)
        result = ask_pages(&visit, MESSAGE_APPROVAL_QUERY, QUERY_LIMIT, "approvals", &text);
    if (code == EXIT_WORKED && result != ASK_ANSWERED)
        code = result == ASK_REFUSED ? ask_complain(&visit) : EXIT_FAILED;
    else if (code == EXIT_WORKED && settings->json)
        print_json(settings, json_value_of(text_slice(&text)));
    else if (code == EXIT_WORKED)
        print_list(settings, json_value_of(text_slice(&text)));
    visit_end(&visit);
    ask_free(&asked);
    text_free(&text);
    return code;
}

/* ── approve ── */

struct approve_settings {
    const char *hub, *token_file, *room, *as, *id, *choice, *note;
    bool json;
};

static void write_answer(const struct approve_settings *settings, struct text *payload)
{
    text_add_literal(payload, "{\"approval_id\":");
    text_add_string(payload, slice_of(settings->id));
    text_add_literal(payload, ",\"choice\":");
    text_add_string(payload, slice_of(settings->choice));
    if (settings->note) {
        text_add_literal(payload, ",\"note\":");
        text_add_string(payload, slice_of(settings->note));
    }
    text_add(payload, (struct slice)SLICE("}\0"));
}

static int answer(struct visit *visit, const struct approve_settings *settings)
{
    const struct ask *asked = visit->data;
    struct text payload = {0}, name = {0};
    write_answer(settings, &payload);
    enum ask_result result = ask(visit, MESSAGE_APPROVAL_ANSWER, &payload);
    text_free(&payload);
    if (result != ASK_ANSWERED)
        return result == ASK_REFUSED ? ask_complain(visit) : EXIT_FAILED;
    if (settings->json) {
        json_print(stdout, asked->answer.raw, false);
        putchar('\n');
        return EXIT_WORKED;
    }
    OWNED char *asker = field_string(asked->answer, "asker");
    text_add_name(&name, slice_of(asker));
    printf("%s is decided: %s; %.*s is told\n", settings->id, settings->choice,
           SLICE_FORMAT(text_slice(&name)));
    text_free(&name);
    return EXIT_WORKED;
}

static int run_approve(const void *data)
{
    const struct approve_settings *settings = data;
    char identity[IDENTITY_SIZE];
    struct ask asked = {0};
    identity_make("approve", false, identity);
    struct visit visit = {.command = "approve",
                          .address = settings->hub,
                          .token_file = settings->token_file,
                          .room = settings->room,
                          .ai_id = settings->as ? settings->as : identity,
                          .specialization = "person",
                          .message = ask_message,
                          .data = &asked};
    stop_catch();
    int code = visit_begin(&visit);
    if (code == EXIT_WORKED)
        code = answer(&visit, settings);
    visit_end(&visit);
    ask_free(&asked);
    return code;
}

#define AT(member) .offset = offsetof(struct approvals_settings, member)
static const struct setting approvals_options[] = {
    HUB_SETTING(struct approvals_settings),
    {.name = "all",
     .kind = SETTING_FLAG,
     AT(all),
     .help = "Also what was decided, as far as the hub remembers it."},
    JSON_SETTING(struct approvals_settings,
                 "As JSON: an array of them (docs/PROTOCOL.md, Approvals)."),
    {0},
};
#undef AT

#define AT(member) .offset = offsetof(struct approve_settings, member)
static const struct setting approve_options[] = {
    HUB_SETTING(struct approve_settings),
    {.name = "as",
     .kind = SETTING_TEXT,
     AT(as),
     .argument = "AI_ID",
     .bytes = WIRE_ID_MAX,
     .help = "The name you go by. Without it: user@host/approve and a number."},
    {.name = "note",
     .kind = SETTING_TEXT,
     AT(note),
     .argument = "TEXT",
     .bytes = APPROVAL_NOTE_MAX,
     .help = "What you say to it; the asker is told."},
    JSON_SETTING(struct approve_settings,
                 "The hub's word on it, as JSON (docs/PROTOCOL.md, Approvals)."),
    {0},
};

static const struct setting operands[] = {
    {.name = "ID",
     .kind = SETTING_TEXT,
     AT(id),
     .required = true,
     .bytes = APPROVAL_ID_MAX,
     .help = "Which one, as 'khub approvals' shows it."},
    {.name = "CHOICE",
     .kind = SETTING_TEXT,
     AT(choice),
     .required = true,
     .bytes = APPROVAL_CHOICE_MAX,
     .help = "One of its choices."},
    {0},
};

const struct command command_approvals = {
    .name = "approvals",
    .summary = "list what AIs ask people to decide",
    .about = "Lists the questions that wait for a person at a hub: who asks, what may be chosen, "
             "and what holds when nobody answers in time. 'khub approve' answers one. It looks on "
             "as an observer.",
    .example = "  khub approvals\n  khub approvals --all --json",
    .worked = "listed",
    .failed = "the hub could not be reached",
    .options = approvals_options,
    .settings_size = sizeof(struct approvals_settings),
    .run = run_approvals,
};

const struct command command_approve = {
    .name = "approve",
    .summary = "answer what an AI asks a person to decide",
    .about = "Joins a hub as a person, answers one question that 'khub approvals' lists, and "
             "leaves. The first answer counts. On a hub with tokens it takes an admin's, or one "
             "that was given out with approval_answer among its --types.",
    .example = "  khub approve a41 yes --note \"after 18:00\"",
    .worked = "it is decided so",
    .failed = "it was decided already, or not yours to answer, or the hub could not be reached",
    .options = approve_options,
    .operands = operands,
    .settings_size = sizeof(struct approve_settings),
    .run = run_approve,
};
