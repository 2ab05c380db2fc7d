/* khub dead: direct messages that were not taken. */
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/ask.h"
#include "cmd/commands.h"
#include "cmd/fields.h"
#include "cmd/json_out.h"
#include "cmd/stop.h"
#include "cmd/table.h"

struct dead_settings {
    const char *hub, *token_file, *room, *action, *id, *from, *to;
    bool all, json;
};

static const char *const actions[] = {"list", "show", "resend", "drop", NULL};

static const struct column columns[] = {
    {.title = "ID", .right = true},     {.title = "SINCE", .right = true},
    {.title = "FROM", .shrinks = true}, {.title = "TO", .shrinks = true},
    {.title = "TYPE", .shrinks = true}, {.title = "WHY"},
    {.title = "BYTES", .right = true},
};

/* What the hub told, over all pages. */
struct dead {
    const struct dead_settings *settings;
    struct visit *visit;
    struct text letters; /* a JSON array's elements */
    struct text tail;    /* of the last page: the members behind */
    bool kept;
    double total, forgotten;
};

/* ── asking ── */

static void add_text(struct text *query, const char *name, const char *value)
{
    if (!value)
        return;
    text_addf(query, ",\"%s\":", name);
    text_add_string(query, slice_of(value));
}

static void take_page(struct dead *dead, struct json_value page, double *ret_after)
{
    struct slice letters = json_get(page, "letters").raw; /* […] */
    if (letters.len > 2) {
        text_add_literal(&dead->letters, dead->letters.len ? "," : "");
        text_add(&dead->letters, (struct slice){letters.at + 1, letters.len - 2});
    }
    dead->kept = json_get(page, "kept").kind == JSON_KIND_TRUE;
    dead->total = field_number(page, "total", 0);
    dead->forgotten = field_number(page, "forgotten", 0);
    *ret_after = field_number(page, "next", 0);
}

/* All that the settings ask for. An exit code. */
static int fetch(struct dead *dead)
{
    const struct dead_settings *settings = dead->settings;
    const struct ask *asked = dead->visit->data;
    enum ask_result result = ASK_ANSWERED;
    double after = 0;
    do {
        struct text query = {0};
        text_addf(&query, "{\"limit\":200,\"after\":%.0f", after);
        add_text(&query, "sender", settings->from);
        add_text(&query, "target", settings->to);
        if (settings->id)
            text_addf(&query, ",\"id\":%s", settings->id);
        text_add(&query, (struct slice)SLICE("}\0"));
        result = ask(dead->visit, MESSAGE_DEAD_QUERY, &query);
        text_free(&query);
        if (result == ASK_ANSWERED)
            take_page(dead, asked->answer, &after);
    } while (result == ASK_ANSWERED && after > 0);
    if (result == ASK_REFUSED)
        return ask_complain(dead->visit);
    text_add(&dead->letters, (struct slice){"", 1});
    return result == ASK_ANSWERED ? EXIT_WORKED : EXIT_FAILED;
}

/* ── list ── */

static void add_why(struct table *table, struct json_value letter)
{
    OWNED char *why = field_string(letter, "why");
    bool overdue = json_get(letter, "no_reply").kind == JSON_KIND_TRUE;
    if (strcmp(why, "no_reply") == 0)
        table_add(table, "no reply");
    else
        table_addf(table, "%s%s", strcmp(why, "level") == 0 ? "reads level 1" : why,
                   overdue ? ", no reply" : "");
}

static void add_letter(struct table *table, struct json_value letter, int64_t now)
{
    char ago[AGO_SIZE];
    field_ago(letter, "since", now, ago);
    table_add_member(table, letter, "id");
    table_add(table, ago);
    table_add_member(table, letter, "sender");
    table_add_member(table, letter, "target");
    table_add_member(table, letter, "type");
    add_why(table, letter);
    table_add_member(table, letter, "bytes");
}

/* What nobody finds in the table. */
static void print_notes(const struct dead *dead)
{
    if (dead->forgotten > 0)
        printf("%.0f that lay here before made way for later ones.\n", dead->forgotten);
    if (!dead->kept)
        printf("This hub keeps nothing on disk: what lies here, it forgets when it ends.\n");
}

static void print_list(const struct dead *dead, struct json_value letters)
{
    struct terminal terminal = terminal_of(STDOUT_FILENO, "auto");
    struct json_iterator iterator = {.rest = letters.raw};
    struct json_value letter;
    struct table table;
    if (field_count(letters) == 0) {
        char place[PLACE_SIZE];
        printf("Nothing lies at %s: no direct message %sis left that was not taken.\n",
               place_text(dead->settings->hub, dead->settings->room, place),
               dead->settings->from || dead->settings->to ? "of these AIs " : "");
        print_notes(dead);
        return;
    }
    table_begin(&table, TABLE_COLUMNS(columns));
    while (json_next_element(&iterator, &letter))
        add_letter(&table, letter, time_now_ms());
    table_print(&table, &terminal, stdout);
    table_free(&table);
    print_notes(dead);
}

static int list(struct dead *dead, struct json_value letters)
{
    if (!dead->settings->json) {
        print_list(dead, letters);
        return EXIT_WORKED;
    }
    fputs("{\"letters\":", stdout);
    json_print(stdout, letters.raw, false);
    printf(",\"total\":%.0f,\"forgotten\":%.0f,\"kept\":%s}\n", dead->total, dead->forgotten,
           dead->kept ? "true" : "false");
    return EXIT_WORKED;
}

/* ── show ── */

static int show(const struct dead *dead, struct json_value letters)
{
    struct json_iterator iterator = {.rest = letters.raw};
    struct json_value letter, name, value;
    if (!json_next_element(&iterator, &letter))
        return EXIT_FAILED;
    if (dead->settings->json) {
        json_print(stdout, letter.raw, false);
        putchar('\n');
        return EXIT_WORKED;
    }
    iterator = (struct json_iterator){.rest = letter.raw};
    while (json_next_member(&iterator, &name, &value)) {
        printf("%.*s: ", SLICE_FORMAT(name.raw));
        if (value.kind == JSON_KIND_STRING) {
            OWNED char *text = field_text(value);
            json_print_string(stdout, slice_of(text));
        } else {
            fputs(value.kind == JSON_KIND_OBJECT ? "\n" : "", stdout);
            json_print(stdout, value.raw, true);
        }
        putchar('\n');
    }
    return EXIT_WORKED;
}

/* ── resend, drop ── */

static void print_outcome(const struct dead *dead, struct json_value letter, const char *why)
{
    struct terminal terminal = terminal_of(STDOUT_FILENO, "auto");
    OWNED char *id = field_string(letter, "id");
    OWNED char *sender = field_string(letter, "sender");
    OWNED char *target = field_string(letter, "target");
    bool drop = strcmp(dead->settings->action, "drop") == 0;
    struct line line;
    if (dead->settings->json) {
        printf("{\"id\":%s,\"done\":%s,\"why\":", id, why ? "false" : "true");
        json_print_string(stdout, slice_of(why ? why : ""));
        puts("}");
        return;
    }
    terminal.width = 0;
    line_begin(&line, &terminal);
    line_addf(&line, "%s, from %s to %s: %s", id, sender, target,
              why    ? why
              : drop ? "dropped"
                     : "sent again");
    line_print(&line, stdout);
    line_free(&line);
}

/* One letter. An exit code. */
static int handle(const struct dead *dead, struct json_value letter)
{
    const struct ask *asked = dead->visit->data;
    OWNED char *id = field_string(letter, "id");
    struct text payload = {0};
    text_addf(&payload, "{\"id\":%s,\"action\":\"%s\"}", id, dead->settings->action);
    text_add(&payload, (struct slice){"", 1});
    enum ask_result result = ask(dead->visit, MESSAGE_DEAD_LETTER, &payload);
    text_free(&payload);
    if (result == ASK_FAILED)
        return EXIT_FAILED;
    print_outcome(dead, letter, result == ASK_REFUSED ? asked->why : NULL);
    output_flush();
    return result == ASK_ANSWERED ? EXIT_WORKED : EXIT_FAILED;
}

static int handle_all(const struct dead *dead, struct json_value letters)
{
    struct json_iterator iterator = {.rest = letters.raw};
    struct json_value letter;
    int code = EXIT_WORKED;
    if (field_count(letters) == 0 && !dead->settings->json)
        print_list(dead, letters);
    while (!dead->visit->ended && !stop_asked() && json_next_element(&iterator, &letter))
        if (handle(dead, letter) != EXIT_WORKED)
            code = EXIT_FAILED;
    return code;
}

/* ── the command ── */

static int check_id(const struct dead_settings *settings)
{
    const char *id = settings->id;
    const char *filter = settings->all ? "--all" : settings->from ? "--from" : "--to";
    if (strspn(id, "0123456789") != strlen(id) || strlen(id) > 15 || id[0] == '0') {
        complain("dead", "ID is '%s': it must be a number, as 'khub dead' shows it.", id);
        return EXIT_USAGE;
    }
    if (settings->all || settings->from || settings->to) {
        complain("dead", "%s goes without an ID.", filter);
        return EXIT_USAGE;
    }
    return EXIT_WORKED;
}

static int check(const struct dead_settings *settings)
{
    bool lists = strcmp(settings->action, "list") == 0;
    bool shows = strcmp(settings->action, "show") == 0;
    if (lists && settings->id) {
        complain("dead", "list takes no ID; 'khub dead show ID' shows one.");
        return EXIT_USAGE;
    }
    if (settings->all && (lists || shows)) {
        complain("dead", "--all goes with resend and drop, and not with %s.", settings->action);
        return EXIT_USAGE;
    }
    if (!lists && !settings->id && (shows || !settings->all)) {
        complain("dead", "%s wants an ID%s; 'khub dead' lists them.", settings->action,
                 shows ? "" : ", or --all");
        return EXIT_USAGE;
    }
    return settings->id ? check_id(settings) : EXIT_WORKED;
}

static int act(struct dead *dead)
{
    const char *action = dead->settings->action;
    struct text text = {0};
    size_t at;
    int code = fetch(dead);
    if (code != EXIT_WORKED)
        return code;
    text_addf(&text, "[%s]", dead->letters.failed ? "" : dead->letters.at);
    if (dead->letters.failed || text.failed ||
        json_check(text_slice(&text), JSON_DEPTH_LIMIT, &at) != JSON_FINE) {
        text_free(&text);
        return complain("dead", "out of memory");
    }
    struct json_value letters = json_value_of(text_slice(&text));
    if (strcmp(action, "list") == 0)
        code = list(dead, letters);
    else
        code = strcmp(action, "show") == 0 ? show(dead, letters) : handle_all(dead, letters);
    text_free(&text);
    return code;
}

static int run(const void *data)
{
    const struct dead_settings *settings = data;
    struct ask asked = {0};
    struct visit visit = {.command = "dead",
                          .address = settings->hub,
                          .token_file = settings->token_file,
                          .room = settings->room,
                          .observer = true,
                          .message = ask_message,
                          .data = &asked};
    struct dead dead = {.settings = settings, .visit = &visit};
    int code = check(settings);
    if (code != EXIT_WORKED)
        return code;
    stop_catch();
    code = visit_begin(&visit);
    if (code == EXIT_WORKED)
        code = act(&dead);
    visit_end(&visit);
    ask_free(&asked);
    text_free(&dead.letters);
    return code;
}

#define AT(member) .offset = offsetof(struct dead_settings, member)
static const struct setting options[] = {
    HUB_SETTING(struct dead_settings),
    {.name = "from",
     .kind = SETTING_TEXT,
     AT(from),
     .argument = "AI_ID",
     .bytes = WIRE_ID_MAX,
     .help = "Only what that AI said."},
    {.name = "to",
     .kind = SETTING_TEXT,
     AT(to),
     .argument = "AI_ID",
     .bytes = WIRE_ID_MAX,
     .help = "Only what is for it."},
    {.name = "all",
     .kind = SETTING_FLAG,
     AT(all),
     .help = "With resend and drop: all that list would show."},
    JSON_SETTING(struct dead_settings,
                 "As JSON: {\"letters\": […], \"total\", \"forgotten\", \"kept\"}; of show the "
                 "letter with its \"message\"; of resend and drop {\"id\", \"done\", \"why\"} a "
                 "line."),
    {0},
};

static const struct setting operands[] = {
    {.name = "ACTION",
     .kind = SETTING_CHOICE,
     AT(action),
     .fallback = "list",
     .choices = actions,
     .help = "What to do."},
    {.name = "ID", .kind = SETTING_TEXT, AT(id), .help = "Which one, as list shows it."},
    {0},
};

const struct command command_dead = {
    .name = "dead",
    .summary = "list, show and send again what nobody took",
    .about =
        "Lists the direct messages that were not taken, the oldest first: their target was not "
        "connected and has not asked for what it missed (absent), can't have such a message since "
        "it joined at level 1 (reads level 1), or did not answer within payload.reply_by (no "
        "reply). A message goes from the list when its target resumes from before it, or answers "
        "it.\n\n"
        "show prints one whole. resend has the hub deliver it again, as its sender said it: the "
        "same bytes in the same name, with a new seq. It is no new message: what it shared is not "
        "shared twice. Its target must be connected; the time for a reply begins anew. drop gives "
        "it up.\n\n"
        "A hub with --memory knows this too, for as long as it runs.",
    .example = "  khub dead\n"
               "  khub dead --to AI_Node_1 --json\n"
               "  khub dead show 1042\n"
               "  khub dead resend 1042\n"
               "  khub dead resend --all --to AI_Node_1",
    .worked = "done; also when there was nothing to list, or to send again",
    .failed =
        "there is no such message, one could not be sent again, or the hub could not be reached",
    .options = options,
    .operands = operands,
    .settings_size = sizeof(struct dead_settings),
    .run = run,
};
