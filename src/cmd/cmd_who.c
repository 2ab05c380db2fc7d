/* khub who: the AIs at a hub, and what they work on together. */
#include <unistd.h>

#include "cmd/ask.h"
#include "cmd/commands.h"
#include "cmd/fields.h"
#include "cmd/json_out.h"
#include "cmd/summary.h"
#include "cmd/table.h"
#include "cmd/visit.h"
#include "core/bounds.h"

#define COMMON_MAX 64u /* capabilities of one AI */

/* Capabilities that all have; points into the sync. */
struct common {
    struct slice at[COMMON_MAX];
    size_t count;
};

struct who_settings {
    const char *hub, *token_file, *room;
    bool json;
};

static const struct column member_columns[] = {
    {.title = "AI", .shrinks = true},
    {.title = "STATUS"},
    {.title = "SPECIALIZATION", .shrinks = true},
    {.title = "LEVEL", .right = true},
    {.title = "SESSIONS", .right = true},
    {.title = "CONTRIBUTION", .right = true},
    {.title = "JOINED", .right = true},
    {.title = "IDLE", .right = true},
    {.title = "ON", .shrinks = true},
    {.title = "CAPABILITIES", .shrinks = true},
};

static const struct column session_columns[] = {
    {.title = "SESSION"},
    {.title = "TYPE", .shrinks = true},
    {.title = "STATUS"},
    {.title = "PROGRESS", .right = true},
    {.title = "INITIATOR", .shrinks = true},
    {.title = "PARTICIPANTS", .wraps = true},
};

static bool has(struct json_value array, struct slice raw)
{
    struct json_iterator iterator = {.rest = array.raw};
    struct json_value element;
    while (array.kind == JSON_KIND_ARRAY && json_next_element(&iterator, &element))
        if (slice_equal(element.raw, raw))
            return true;
    return false;
}

static bool all_have(struct json_value members, struct slice raw)
{
    struct json_iterator iterator = {.rest = members.raw};
    struct json_value member;
    while (json_next_element(&iterator, &member))
        if (!has(json_get(member, "capabilities"), raw))
            return false;
    return true;
}

/* What several AIs have all of them tells nothing, and would fill the column. (The hub writes all
 * texts alike, so that JSON can be compared.) */
static struct common common_capabilities(struct json_value members)
{
    struct common common = {0};
    struct json_iterator iterator = {.rest = members.raw};
    struct json_value first, capability;
    if (field_count(members) < 2 || !json_next_element(&iterator, &first))
        return common;
    iterator = (struct json_iterator){.rest = json_get(first, "capabilities").raw};
    while (common.count < COMMON_MAX && json_next_element(&iterator, &capability))
        if (all_have(members, capability.raw))
            common.at[common.count++] = capability.raw;
    return common;
}

static void add_capabilities(struct table *table, struct json_value member,
                             const struct common *common)
{
    struct json_value capabilities = json_get(member, "capabilities"), capability;
    struct json_iterator iterator = {.rest = capabilities.raw};
    struct text names = {0};
    while (capabilities.kind == JSON_KIND_ARRAY && json_next_element(&iterator, &capability)) {
        bool told = false;
        for (size_t i = 0; i < common->count; i++)
            told = told || slice_equal(common->at[i], capability.raw);
        OWNED char *name = field_text(capability);
        if (!told)
            text_addf(&names, "%s%s", names.len > 0 ? ", " : "", name);
    }
    table_addf(table, "%.*s", SLICE_FORMAT(text_slice(&names)));
    text_free(&names);
}

/* "here", of one who was just heard of; "here, 5 min" of one who is silent; "away, 5 min". */
static void add_status(struct table *table, struct json_value member, int64_t now)
{
    bool away = json_string_is(json_get(member, "status"), slice_of("away"));
    char ago[AGO_SIZE];
    field_ago(member, "heard", now, ago);
    table_addf(table, "%s, %s", away ? "away" : "here", ago);
}

static void add_member(struct table *table, struct json_value member, const struct common *common,
                       int64_t now)
{
    char ago[AGO_SIZE], idle[AGO_SIZE];
    field_ago(member, "joined", now, ago);
    table_add_member(table, member, "ai_id");
    add_status(table, member, now);
    table_add_member(table, member, "specialization");
    table_add_member(table, member, "level");
    table_add_member(table, member, "sessions");
    table_addf(table, "%.0f", field_number(member, "contribution_score", 0));
    table_add(table, ago);
    field_ago(member, "idle_since", now, idle);
    table_add(table, idle);
    OWNED char *work = member_work(member);
    table_add(table, work);
    add_capabilities(table, member, common);
}

static void add_session(struct table *table, struct json_value session)
{
    OWNED char *id = field_string(session, "session_id");
    OWNED char *participants = field_names(json_get(session, "participants"));
    struct slice short_id = session_short(slice_of(id));
    table_addf(table, "%.*s", SLICE_FORMAT(short_id));
    table_add_member(table, session, "type");
    table_add_member(table, session, "status");
    table_addf(table, "%.0f %%", 100 * field_number(session, "progress", 0));
    table_add_member(table, session, "initiator");
    table_add(table, participants);
}

static void print_tables(struct json_value members, struct json_value sessions, const char *place)
{
    struct terminal terminal = terminal_of(STDOUT_FILENO, "auto");
    struct json_iterator iterator = {.rest = members.raw};
    struct json_value element;
    struct table table;
    if (field_count(members) == 0) {
        printf("Nobody is at %s. Try: khub train AI_Node_1 networking\n", place);
        return;
    }
    const struct common common = common_capabilities(members);
    table_begin(&table, TABLE_COLUMNS(member_columns));
    while (json_next_element(&iterator, &element))
        add_member(&table, element, &common, time_now_ms());
    table_print(&table, &terminal, stdout);
    table_free(&table);
    if (field_count(sessions) == 0)
        return;

    putchar('\n');
    table_begin(&table, TABLE_COLUMNS(session_columns));
    iterator = (struct json_iterator){.rest = sessions.raw};
    while (json_next_element(&iterator, &element))
        add_session(&table, element);
    table_print(&table, &terminal, stdout);
    table_free(&table);
}

static int tell(const struct visit *visit, struct slice members, bool json)
{
    char place[PLACE_SIZE];
    struct json_value sessions = json_get(visit->sync, "sessions");
    if (sessions.kind != JSON_KIND_ARRAY)
        return complain("who", "the hub at %s does not tell who is there.", visit->address);
    if (!json) {
        print_tables(json_value_of(members), sessions,
                     place_text(visit->address, visit->room, place));
        return EXIT_WORKED;
    }
    fputs("{\"members\":", stdout);
    json_print(stdout, members, false);
    fputs(",\"sessions\":", stdout);
    json_print(stdout, sessions.raw, false);
    fputs("}\n", stdout);
    return EXIT_WORKED;
}

/* An exit code. */
static int ask_and_tell(struct visit *visit, bool json)
{
    struct text members = {0};
    enum ask_result result =
        ask_pages(visit, MESSAGE_MEMBER_QUERY, QUERY_LIMIT, "members", &members);
    int code = result == ASK_ANSWERED  ? tell(visit, text_slice(&members), json)
               : result == ASK_REFUSED ? ask_complain(visit)
                                       : EXIT_FAILED;
    text_free(&members);
    return code;
}

int who_print(const char *address, const char *token_file, const char *room, bool json)
{
    struct ask ask = {.other = NULL};
    struct visit visit = {.command = "who",
                          .address = address,
                          .token_file = token_file,
                          .room = room,
                          .observer = true,
                          .message = ask_message,
                          .data = &ask};
    int code = visit_begin(&visit);
    if (code == EXIT_WORKED)
        code = ask_and_tell(&visit, json);
    visit_end(&visit);
    ask_free(&ask);
    return code;
}

static int run(const void *data)
{
    const struct who_settings *settings = data;
    return who_print(settings->hub, settings->token_file, settings->room, settings->json);
}

static const struct setting options[] = {
    HUB_SETTING(struct who_settings),
    JSON_SETTING(struct who_settings, "As JSON: {\"members\": […], \"sessions\": […]}; "
                                      "each member has \"status\" and \"heard\"."),
    {0},
};

const struct command command_who = {
    .name = "who",
    .summary = "list the AIs at a hub and their sessions",
    .about =
        "Lists the AIs that are connected (here), or between two of their turns (away: what is for "
        "them alone waits), how long ago each was last heard of, since when it has said nothing (idle), "
        "what it holds now (on: tasks, claims, sessions), what it can do (without what all of "
        "them can), how much it has contributed (1 for each entry shared, 1 for each use of it by "
        "another, 5 when another has tested it), and below the collaboration sessions that are pending "
        "or active. It looks on as an observer: the AIs do not notice.",
    .example = "  khub who\n  khub who --json | python3 -m json.tool",
    .worked = "listed",
    .failed = "the hub could not be reached",
    .options = options,
    .settings_size = sizeof(struct who_settings),
    .run = run,
};
