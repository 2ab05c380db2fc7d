/* khub admin: what an admin does to a room, and to those in it. */
#include <stdlib.h>
#include <unistd.h>

#include "cmd/admin_use.h"
#include "cmd/ask.h"
#include "cmd/commands.h"
#include "cmd/fields.h"
#include "cmd/json_out.h"
#include "cmd/stop.h"
#include "cmd/table.h"
#include "core/bounds.h"

struct admin_settings {
    const char *hub, *token_file, *room, *action, *whom, *reason, *duration;
    long seq;
    bool owner, json;
};

static const char *const actions[] = {"bans",     "kick",    "ban", "unban", "read-only",
                                      "writable", "retract", "use", NULL};
/* The same on the wire, what is said when it is done, and what it wants to be told. */
static const struct {
    const char *action, *done;
    bool aimed, reasoned;
} orders[] = {{"", "", false, false},
              {"kick", "kicked from", true, true},
              {"ban", "banned from", true, true},
              {"unban", "may come again to", true, false},
              {"read_only", "is read-only", false, true},
              {"writable", "is writable", false, false},
              {"retract", "retracted in", true, true},
              {"", "", false, false}};

static const struct column columns[] = {
    {.title = "WHOM", .shrinks = true}, {.title = "SINCE", .right = true}, {.title = "UNTIL"},
    {.title = "BY", .shrinks = true},   {.title = "WHY", .shrinks = true},
};

static bool acts(const struct admin_settings *settings, const char *action)
{
    return strcmp(settings->action, action) == 0;
}

static size_t place_of(const struct admin_settings *settings)
{
    size_t place = 0;
    while (!acts(settings, actions[place]))
        place++;
    return place;
}

/* ── bans ── */

static void add_ban(struct table *table, struct json_value ban, int64_t now)
{
    struct json_value target = json_get(ban, "target");
    OWNED char *ai_id = field_string(target, "ai_id");
    OWNED char *owner = field_string(target, "owner");
    OWNED char *until = field_string(ban, "until");
    char ago[AGO_SIZE], left[AGO_SIZE];
    int64_t end;
    field_ago(ban, "since", now, ago);
    table_addf(table, "%s%s", *owner ? "token " : "", *owner ? owner : ai_id);
    table_add(table, ago);
    if (!*until || time_parse(until, &end) < 0) {
        table_add(table, "lifted");
    } else {
        span_format(end > now ? end - now : 0, left);
        table_addf(table, "in %s", left);
    }
    table_add_member(table, ban, "by");
    table_add_member(table, ban, "reason");
}

/* Who may not write there just now, and why. */
static void print_state(const struct admin_settings *settings, struct json_value read_only)
{
    struct terminal terminal = terminal_of(STDOUT_FILENO, "auto");
    OWNED char *by = field_string(read_only, "by");
    OWNED char *reason = field_string(read_only, "reason");
    char ago[AGO_SIZE];
    struct line line;
    if (read_only.kind != JSON_KIND_OBJECT)
        return;
    field_ago(read_only, "since", time_now_ms(), ago);
    terminal.width = 0;
    line_begin(&line, &terminal);
    line_addf(&line, "Room %s is read-only, by %s (%s): %s", settings->room, by, ago, reason);
    line_print(&line, stdout);
    line_free(&line);
}

static void print_bans(const struct admin_settings *settings, struct json_value bans,
                       struct json_value read_only)
{
    struct terminal terminal = terminal_of(STDOUT_FILENO, "auto");
    struct json_iterator iterator = {.rest = bans.raw};
    struct json_value ban;
    struct table table;
    if (settings->json) {
        fputs("{\"bans\":", stdout);
        json_print(stdout, bans.raw, false);
        fputs(",\"read_only\":", stdout);
        json_print(stdout, read_only.kind == JSON_KIND_OBJECT ? read_only.raw : slice_of("null"),
                   false);
        puts("}");
        return;
    }
    print_state(settings, read_only);
    if (field_count(bans) == 0) {
        printf("Nobody is banned from room %s at %s.\n", settings->room, settings->hub);
        return;
    }
    table_begin(&table, TABLE_COLUMNS(columns));
    while (json_next_element(&iterator, &ban))
        add_ban(&table, ban, time_now_ms());
    table_print(&table, &terminal, stdout);
    table_free(&table);
}

static int list(struct visit *visit, const struct admin_settings *settings)
{
    const struct ask *asked = visit->data;
    struct text bans = {0};
    enum ask_result result =
        ask_pages(visit, MESSAGE_MODERATION_QUERY, BANS_SHOWN_MAX, "bans", &bans);
    if (result == ASK_ANSWERED)
        print_bans(settings, json_value_of(text_slice(&bans)),
                   json_get(asked->answer, "read_only"));
    text_free(&bans);
    return result == ASK_ANSWERED  ? EXIT_WORKED
           : result == ASK_REFUSED ? ask_complain(visit)
                                   : EXIT_FAILED;
}

/* ── orders ── */

static void print_done(const struct admin_settings *settings, struct json_value told)
{
    struct terminal terminal = terminal_of(STDOUT_FILENO, "auto");
    OWNED char *until = field_string(told, "until");
    size_t place = place_of(settings);
    struct line line;
    if (settings->json) {
        json_print(stdout, told.raw, false);
        putchar('\n');
        return;
    }
    terminal.width = 0;
    line_begin(&line, &terminal);
    if (settings->seq)
        line_addf(&line, "seq %ld: %s room %s", settings->seq, orders[place].done, settings->room);
    else if (orders[place].aimed)
        line_addf(&line, "%s%s: %s room %s%s%s", settings->owner ? "token " : "", settings->whom,
                  orders[place].done, settings->room, *until ? " until " : "", until);
    else
        line_addf(&line, "room %s %s", settings->room, orders[place].done);
    line_print(&line, stdout);
    line_free(&line);
}

static int order(struct visit *visit, const struct admin_settings *settings, int64_t for_ms)
{
    const struct ask *asked = visit->data;
    struct text payload = {0};
    size_t place = place_of(settings);
    text_addf(&payload, "{\"action\":\"%s\"", orders[place].action);
    if (settings->seq) {
        text_addf(&payload, ",\"target\":{\"seq\":%ld}", settings->seq);
    } else if (orders[place].aimed) {
        text_addf(&payload, ",\"target\":{\"%s\":",
                  acts(settings, "retract") ? "id"
                  : settings->owner         ? "owner"
                                            : "ai_id");
        text_add_string(&payload, slice_of(settings->whom));
        text_add_literal(&payload, "}");
    }
    if (settings->reason) {
        text_add_literal(&payload, ",\"reason\":");
        text_add_string(&payload, slice_of(settings->reason));
    }
    if (for_ms)
        text_addf(&payload, ",\"for_s\":%lld", (long long)for_ms / 1000);
    text_add(&payload, (struct slice)SLICE("}\0"));
    enum ask_result result = ask(visit, MESSAGE_MODERATION, &payload);
    text_free(&payload);
    if (result == ASK_REFUSED)
        return ask_complain(visit);
    if (result == ASK_FAILED)
        return EXIT_FAILED;
    print_done(settings, asked->answer);
    return EXIT_WORKED;
}

/* ── the command ── */

#define usage(...) (complain("admin", __VA_ARGS__), EXIT_USAGE)

static int check(const struct admin_settings *settings, int64_t *ret_for_ms)
{
    size_t place = place_of(settings);
    bool aimed = orders[place].aimed, retracts = acts(settings, "retract");
    *ret_for_ms = 0;
    if (!aimed && (settings->whom || settings->owner))
        return usage("%s is for the whole room, and takes no WHOM or --owner.", settings->action);
    if (settings->seq && !retracts)
        return usage("--seq goes with retract, and not with %s.", settings->action);
    if (retracts && (!settings->whom == !settings->seq || settings->owner))
        return usage("retract wants either the ID of an entry, as 'khub kb list' shows it, or the "
                     "--seq of a message, as 'khub log' shows it; and no --owner.");
    if (aimed && !retracts && !settings->whom)
        return usage("%s wants to know WHOM: an AI's id or, with --owner, a token's name.",
                     settings->action);
    if ((acts(settings, "bans") || acts(settings, "use")) && settings->reason)
        return usage("%s only looks, and takes no --reason.", settings->action);
    if (orders[place].reasoned && !settings->reason)
        return usage("%s wants a --reason, which the room is told.", settings->action);
    if (settings->duration && !acts(settings, "ban"))
        return usage("--for goes with ban, and not with %s.", settings->action);
    if (settings->duration && (age_parse(settings->duration, ret_for_ms) < 0 || *ret_for_ms < 1000))
        return usage("--for is '%s': it must be a time such as 30d, 2h, 90m or 45s.",
                     settings->duration);
    return EXIT_WORKED;
}

static int run(const void *data)
{
    const struct admin_settings *settings = data;
    struct ask asked = {0};
    struct visit visit = {.command = "admin",
                          .address = settings->hub,
                          .token_file = settings->token_file,
                          .room = settings->room,
                          .observer = true,
                          .message = ask_message,
                          .data = &asked};
    int64_t for_ms;
    int code = check(settings, &for_ms);
    if (code != EXIT_WORKED)
        return code;
    stop_catch();
    code = visit_begin(&visit);
    if (code == EXIT_WORKED)
        code = acts(settings, "bans")  ? list(&visit, settings)
               : acts(settings, "use") ? admin_use(&visit, settings->json)
                                       : order(&visit, settings, for_ms);
    visit_end(&visit);
    ask_free(&asked);
    return code;
}

#define AT(member) .offset = offsetof(struct admin_settings, member)
static const struct setting options[] = {
    HUB_SETTING(struct admin_settings),
    {.name = "reason",
     .kind = SETTING_TEXT,
     AT(reason),
     .argument = "TEXT",
     .help = "Why: who it is done to is told, and the room. At most 256 bytes."},
    {.name = "for",
     .kind = SETTING_TEXT,
     AT(duration),
     .argument = "AGE",
     .help = "With ban: for so long (30d, 2h, 90m). Without it: until somebody lifts it."},
    {.name = "seq",
     .kind = SETTING_WHOLE,
     AT(seq),
     .argument = "N",
     .low = 1,
     .high = 9e15,
     .help = "With retract, in place of an ID: the message of that seq, as 'khub log' shows it."},
    {.name = "owner",
     .kind = SETTING_FLAG,
     AT(owner),
     .help = "WHOM is the name of a token: all AIs that joined with it, whatever their ids."},
    JSON_SETTING(struct admin_settings,
                 "As JSON: of bans {\"bans\": [{\"target\", \"by\", \"reason\", \"since\", "
                 "\"until\"}, …], \"read_only\"}; of use {\"owners\": [{\"owner\", \"use\", "
                 "\"limits\"}, …], \"room\"}; else the message that the room got."),
    {0},
};

static const struct setting operands[] = {
    {.name = "ACTION",
     .kind = SETTING_CHOICE,
     AT(action),
     .fallback = "bans",
     .choices = actions,
     .help = "What to do."},
    {.name = "WHOM",
     .kind = SETTING_TEXT,
     AT(whom),
     .help = "An AI's id or, with --owner, a token's name; of retract the ID of an entry."},
    {0},
};

const struct command command_admin = {
    .name = "admin",
    .summary = "keep order in a room: kick, ban, close it, take knowledge back",
    .about =
        "What an admin may do in a room. It takes a token of that role ('khub token add NAME --role "
        "admin'); at a hub that gave out no tokens nobody is an admin. Everybody in the room is told "
        "who did what, to whom and why, and it stands in the hub's log and in its audit.\n\n"
        "kick closes an AI's connection; what it shared stays, its leases end when it was silent "
        "for their time, and it may come back. ban closes it too, and the room refuses it from then "
        "on, until the time is over or somebody says unban. Who is banned by its id can come "
        "under another that its token permits: --owner bans the token. bans lists them.\n\n"
        "read-only refuses all that members would say or change in the room, until writable: they "
        "may look, ask, come and go, and admins write on.\n\n"
        "retract takes an entry of knowledge back: what it said, what it said before and what others "
        "measured of it are gone, the messages in which it was shared among them; its id stays, says "
        "who and why, and nobody shares under it again. retract --seq takes one message back, "
        "whatever it is; of a share, what it shared goes as well. In its place whoever asks (khub log, "
        "who resumes) is told who took it back, when and why; it is no letter any more. What it said "
        "leaves the hub's disk within a minute or so; who has read it has read it, and copies "
        "and backups have it.\n\n"
        "use shows what each token's owner uses now of what it may have, over all rooms, and what the "
        "room does: connections, open sessions, entries and bytes of knowledge, and the messages of "
        "this day (UTC).\n\n"
        "No admin is kicked or kept out by another one: whoever runs the hub takes its token back "
        "('khub token revoke'). It looks on as an observer: only what it does is noticed.",
    .example = "  khub admin kick AI_Node_7 --reason \"says the same line again and again\"\n"
               "  khub admin ban ci --owner --for 2h --reason \"builds that never end\"\n"
               "  khub admin bans\n"
               "  khub admin use\n"
               "  khub admin unban ci --owner\n"
               "  khub admin read-only --room lab --reason \"the results are being read\"\n"
               "  khub admin retract leaky-pattern --reason \"has a password in it\"\n"
               "  khub admin retract --seq 812 --room lab --reason \"an address\"",
    .worked = "done, or listed",
    .failed =
        "there is nobody or nothing like that, the token is no admin's, or the hub could not be reached",
    .options = options,
    .operands = operands,
    .settings_size = sizeof(struct admin_settings),
    .run = run,
};
