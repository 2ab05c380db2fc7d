/* khub sessions: what AIs work on together, or have. */
#include <unistd.h>

#include "cmd/ask.h"
#include "cmd/commands.h"
#include "cmd/fields.h"
#include "cmd/history.h"
#include "cmd/json_out.h"
#include "cmd/log_view.h"
#include "cmd/stop.h"
#include "cmd/table.h"
#include "core/bounds.h"

#define DEPTH_MAX   (WIRE_DEPTH_MAX + 16u)
#define BEFORE_MS   1000 /* the offer's own message came as long before the session at the most */
#define SHORT_BYTES 8

struct sessions_settings {
    const char *hub, *token_file, *room, *id;
    bool live, json;
};

static const struct column columns[] = {
    {.title = "SESSION"},
    {.title = "STATUS"},
    {.title = "SINCE", .right = true},
    {.title = "DONE", .right = true},
    {.title = "PARTICIPANTS", .wraps = true},
    {.title = "TYPE", .shrinks = true},
    {.title = "WHAT FOR", .wraps = true},
};

static const struct column cell_columns[] = {
    {.title = "KEY", .shrinks = true},
    {.title = "VERSION", .right = true},
    {.title = "VALUE", .wraps = true},
};

struct sessions {
    const struct sessions_settings *settings;
    struct visit *visit;
    struct text text; /* of all pages: a JSON array, or an object's members */
};

static bool is_live(struct json_value session)
{
    struct json_value status = json_get(session, "status");
    return json_string_is(status, slice_of("pending")) ||
           json_string_is(status, slice_of("active"));
}

/* ── asking ── */

/* An exit code. */
static int ask_page(struct sessions *sessions, const struct text *query)
{
    enum ask_result result = ask(sessions->visit, MESSAGE_SESSION_QUERY, query);
    if (result == ASK_REFUSED)
        return ask_complain(sessions->visit);
    return result == ASK_ANSWERED ? EXIT_WORKED : EXIT_FAILED;
}

static void add_inner(struct text *text, struct slice raw)
{
    if (raw.len <= 2)
        return;
    text_add_literal(text, text->len > 1 ? "," : "");
    text_add(text, (struct slice){raw.at + 1, raw.len - 2});
}

static int finish(struct sessions *sessions, const char *bracket, struct json_value *ret_value)
{
    size_t at;
    text_add(&sessions->text, slice_of(bracket));
    if (sessions->text.failed ||
        json_check(text_slice(&sessions->text), DEPTH_MAX, &at) != JSON_FINE)
        return complain("sessions", "out of memory");
    *ret_value = json_value_of(text_slice(&sessions->text));
    return EXIT_WORKED;
}

/* All sessions, as an array. */
static int fetch_all(struct sessions *sessions, struct json_value *ret_all)
{
    text_clear(&sessions->text);
    enum ask_result result =
        ask_pages(sessions->visit, MESSAGE_SESSION_QUERY, QUERY_LIMIT, "sessions", &sessions->text);
    if (result == ASK_REFUSED)
        return ask_complain(sessions->visit);
    return result == ASK_ANSWERED ? finish(sessions, "", ret_all) : EXIT_FAILED;
}

/* One, with its whole workspace as the last member. */
static int fetch_one(struct sessions *sessions, const char *id, struct json_value *ret_session)
{
    const struct ask *asked = sessions->visit->data;
    struct text cells = {0}, key = {0};
    int code;
    text_clear(&sessions->text);
    do {
        struct text query = {0};
        text_add_literal(&query, "{\"id\":");
        text_add_string(&query, slice_of(id));
        text_addf(&query, "%.*s}", SLICE_FORMAT(text_slice(&key)));
        text_add(&query, (struct slice){"", 1});
        code = ask_page(sessions, &query);
        text_free(&query);
        if (code != EXIT_WORKED)
            break;
        struct json_value session = json_get(asked->answer, "session"), name, value;
        struct json_iterator iterator = {.rest = session.raw};
        text_clear(&sessions->text);
        while (json_next_member(&iterator, &name, &value)) {
            if (json_string_is(name, slice_of("workspace"))) {
                add_inner(&cells, value.raw);
                continue;
            }
            bool quoted = value.kind == JSON_KIND_STRING;
            text_addf(&sessions->text, "%s\"%.*s\":", sessions->text.len ? "," : "{",
                      SLICE_FORMAT(name.raw));
            text_addf(&sessions->text, "%s%.*s%s", quoted ? "\"" : "", SLICE_FORMAT(value.raw),
                      quoted ? "\"" : "");
        }
        text_clear(&key);
        struct json_value next = json_get(asked->answer, "next");
        if (next.kind == JSON_KIND_STRING)
            text_addf(&key, ",\"key\":\"%.*s\"", SLICE_FORMAT(next.raw));
    } while (key.len > 0);
    text_addf(&sessions->text, ",\"workspace\":{%.*s}", SLICE_FORMAT(text_slice(&cells)));
    text_free(&cells);
    text_free(&key);
    return code == EXIT_WORKED ? finish(sessions, "}", ret_session) : code;
}

/* ── list ── */

static void add_session(struct table *table, struct json_value session)
{
    OWNED char *id = field_string(session, "session_id");
    OWNED char *participants = field_names(json_get(session, "participants"));
    char ago[AGO_SIZE];
    field_ago(session, "changed", time_now_ms(), ago);
    table_addf(table, "%.*s", SHORT_BYTES, id);
    table_add_member(table, session, "status");
    table_add(table, ago);
    table_addf(table, "%.0f %%", 100 * field_number(session, "progress", 0));
    table_add(table, participants);
    table_add_member(table, session, "type");
    table_add_member(table, session, "description");
}

static void print_table(const struct sessions *sessions, struct json_value all)
{
    struct terminal terminal = terminal_of(STDOUT_FILENO, "auto");
    struct json_iterator iterator = {.rest = all.raw};
    struct json_value session;
    struct table table;
    char place[PLACE_SIZE];
    size_t shown = 0;
    table_begin(&table, TABLE_COLUMNS(columns));
    while (json_next_element(&iterator, &session)) {
        if (sessions->settings->live && !is_live(session))
            continue;
        add_session(&table, session);
        shown++;
    }
    if (shown)
        table_print(&table, &terminal, stdout);
    else
        printf("No session %s at %s.\n", sessions->settings->live ? "is under way" : "is known",
               place_text(sessions->settings->hub, sessions->settings->room, place));
    table_free(&table);
}

static void print_json(const struct sessions *sessions, struct json_value all)
{
    struct json_iterator iterator = {.rest = all.raw};
    struct json_value session;
    const char *before = "[";
    while (json_next_element(&iterator, &session)) {
        if (sessions->settings->live && !is_live(session))
            continue;
        fputs(before, stdout);
        json_print(stdout, session.raw, false);
        before = ",\n";
    }
    fputs(*before == '[' ? "[]\n" : "]\n", stdout);
}

/* ── one ── */

/* The whole id of the one session that begins so; owned. NULL after a sentence. */
static char *find_id(const struct sessions *sessions, struct json_value all)
{
    const char *begun = sessions->settings->id;
    struct json_iterator iterator = {.rest = all.raw};
    struct json_value session;
    char *found = NULL;
    while (json_next_element(&iterator, &session)) {
        char *id = field_string(session, "session_id");
        if (strncmp(id, begun, strlen(begun)) != 0) {
            free(id);
            continue;
        }
        if (!found) {
            found = id;
            continue;
        }
        complain("sessions", "'%s' begins more than one: %s, %s.", begun, found, id);
        free(id);
        free(found);
        return NULL;
    }
    if (!found)
        complain("sessions", "there is no session '%s'; 'khub sessions' lists them.", begun);
    return found;
}

static void print_line(struct line *line, const char *title, const char *text)
{
    line_clear(line);
    line_addf(line, "%-13s %s", title, text);
    line_print(line, stdout);
}

static void print_head(struct json_value session)
{
    static const struct {
        const char *title, *member;
    } rows[] = {{"session", "session_id"}, {"type", "type"},     {"what for", "description"},
                {"status", "status"},      {"since", "changed"}, {"made", "created"},
                {"initiator", "initiator"}};
    struct terminal terminal = terminal_of(STDOUT_FILENO, "auto");
    OWNED char *participants = field_names(json_get(session, "participants"));
    OWNED char *target = field_string(session, "target");
    char done[32];
    struct line line;
    terminal.width = 0; /* nothing is cut */
    line_begin(&line, &terminal);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        OWNED char *text = field_string(session, rows[i].member);
        print_line(&line, rows[i].title, text);
    }
    print_line(&line, "offered to", *target ? target : "everyone");
    print_line(&line, "participants", participants);
    snprintf(done, sizeof done, "%.0f %%", 100 * field_number(session, "progress", 0));
    print_line(&line, "done", done);
    line_free(&line);
}

static void print_workspace(struct json_value session)
{
    struct terminal terminal = terminal_of(STDOUT_FILENO, "auto");
    struct json_value workspace = json_get(session, "workspace"), name, cell;
    struct json_iterator iterator = {.rest = workspace.raw};
    struct table table;
    if (field_count(workspace) == 0) {
        printf("\n%s\n", is_live(session)
                             ? "Its workspace is empty."
                             : "Its workspace went with its end; what was written is below.");
        return;
    }
    putchar('\n');
    table_begin(&table, TABLE_COLUMNS(cell_columns));
    while (json_next_member(&iterator, &name, &cell)) {
        OWNED char *key = field_text(name);
        table_add(&table, key);
        table_add_member(&table, cell, "version");
        table_add_member(&table, cell, "value");
    }
    table_print(&table, &terminal, stdout);
    table_free(&table);
}

struct told {
    struct log_view *view;
    const char *before; /* of JSON */
};

static bool tell_json(void *data, struct json_value message)
{
    struct told *told = data;
    fputs(told->before, stdout);
    json_print(stdout, message.raw, false);
    told->before = ",\n";
    return !ferror(stdout);
}

static bool tell(void *data, struct json_value message)
{
    const struct told *told = data;
    return log_view_kept(told->view, message);
}

/* What was said in it, from its making on. */
static int print_history(const struct sessions *sessions, struct json_value session, const char *id,
                         struct told *told)
{
    struct history history = {.command = "sessions", .visit = sessions->visit};
    struct message_filter filter = {.session_len = strlen(id)};
    OWNED char *created = field_string(session, "created");
    bool json = sessions->settings->json;
    uint64_t first = 1;
    int64_t ms = 0;
    memcpy(filter.session, id, filter.session_len);
    int code = history_at_hub(&history);
    if (code == EXIT_WORKED && history.kept && time_parse(created, &ms) == 0)
        code = history_seek(&history, ms - BEFORE_MS, &first);
    if (code == EXIT_WORKED && history.kept) {
        struct history_wish wish = {.after = first - 1, .until = history.last, .filter = &filter};
        if (!json)
            putchar('\n');
        code = history_walk(&history, &wish, json ? tell_json : tell, told);
    } else if (code == EXIT_WORKED && !json) {
        puts("\nWhat was said in it is gone: this hub keeps nothing (--memory).");
    }
    history_free(&history);
    return code;
}

static int show(struct sessions *sessions, const char *id)
{
    struct log_view view;
    struct told told = {.view = &view, .before = ""};
    struct json_value session = {.kind = JSON_KIND_ABSENT};
    int code = fetch_one(sessions, id, &session);
    if (code != EXIT_WORKED)
        return code;
    if (sessions->settings->json) {
        fputs("{\"session\":", stdout);
        json_print(stdout, session.raw, false);
        fputs(",\"messages\":[", stdout);
        code = print_history(sessions, session, id, &told);
        fputs("]}\n", stdout);
        return code;
    }
    print_head(session);
    print_workspace(session);
    log_view_begin(&view, "auto", false);
    code = print_history(sessions, session, id, &told);
    log_view_end(&view);
    return code;
}

/* ── the command ── */

static int act(struct sessions *sessions)
{
    struct json_value all = {.kind = JSON_KIND_ABSENT};
    int code = fetch_all(sessions, &all);
    if (code != EXIT_WORKED)
        return code;
    if (!sessions->settings->id) {
        (sessions->settings->json ? print_json : print_table)(sessions, all);
        return EXIT_WORKED;
    }
    OWNED char *id = find_id(sessions, all);
    return id && strlen(id) <= WIRE_ID_MAX ? show(sessions, id) : EXIT_FAILED;
}

static int run(const void *data)
{
    const struct sessions_settings *settings = data;
    struct ask asked = {0};
    struct visit visit = {.command = "sessions",
                          .address = settings->hub,
                          .token_file = settings->token_file,
                          .room = settings->room,
                          .observer = true,
                          .message = ask_message,
                          .data = &asked};
    struct sessions sessions = {.settings = settings, .visit = &visit};
    if (settings->id && settings->live) {
        complain("sessions", "--live goes without an ID.");
        return EXIT_USAGE;
    }
    stop_catch();
    int code = visit_begin(&visit);
    if (code == EXIT_WORKED)
        code = act(&sessions);
    visit_end(&visit);
    ask_free(&asked);
    text_free(&sessions.text);
    return code;
}

#define AT(member) .offset = offsetof(struct sessions_settings, member)
static const struct setting options[] = {
    HUB_SETTING(struct sessions_settings),
    {.name = "live",
     .letter = 'l',
     .kind = SETTING_FLAG,
     AT(live),
     .help = "Only those that are pending or active."},
    JSON_SETTING(struct sessions_settings,
                 "As JSON: an array of sessions; with an ID {\"session\": {…, \"workspace\": {KEY: "
                 "{\"version\", \"value\"}}}, \"messages\": [{\"seq\", \"time\", \"message\"}]}."),
    {0},
};

static const struct setting operands[] = {
    {.name = "ID",
     .kind = SETTING_TEXT,
     AT(id),
     .help = "One session; the eight characters that are shown will do."},
    {0},
};

const struct command command_sessions = {
    .name = "sessions",
    .summary = "list what AIs work on together, or show one",
    .about =
        "Lists the collaboration sessions of a room, the oldest first: what became of each, since "
        "when, how far it is, who takes part, its type and what it is for. A hub remembers the "
        "last 1,024 that ended.\n\n"
        "With an ID it shows one: its workspace, each key with its version and value, as long as "
        "it is under way; and all that was said in it, as 'khub log --session ID' does.",
    .example = "  khub sessions\n"
               "  khub sessions --live\n"
               "  khub sessions 3f9a2c11\n"
               "  khub sessions 3f9a2c11 --json | python3 -m json.tool",
    .worked = "printed, be it none",
    .failed = "there is no such session, or the hub could not be reached",
    .options = options,
    .operands = operands,
    .settings_size = sizeof(struct sessions_settings),
    .run = run,
};
