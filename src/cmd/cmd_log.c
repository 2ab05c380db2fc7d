/* khub log: what was said in a room. */
#include <inttypes.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/feed.h"
#include "cmd/fields.h"
#include "cmd/history.h"
#include "cmd/json_out.h"
#include "cmd/stop.h"
#include "cmd/watch_filter.h"

#define LIMIT_PRESET 50
#define DAY_SIZE     32

struct log_settings {
    const char *hub, *room, *directory, *color;
    const char *from, *to, *session, *since, *until;
    struct text_list types;
    long limit; /* 0: as told in --help */
    bool follow, json;
};

/* What is printed, and for whom. */
struct log_view {
    const struct log_settings *settings;
    struct message_filter filter;
    struct terminal terminal;
    struct feed feed;
    char day[DAY_SIZE]; /* of the last message */
    uint64_t printed;
    uint64_t seen; /* following: the training_sync's seq; what is not above it was missed */
    bool broken;   /* stdout can't be written */
};

/* ── a message ── */

static void print_day(struct log_view *view, int64_t ms)
{
    char day[DAY_SIZE];
    time_t seconds = (time_t)(ms / 1000);
    struct tm fields;
    struct line *line = &view->feed.line;
    if (!localtime_r(&seconds, &fields) || !strftime(day, sizeof day, "%A, %Y-%m-%d", &fields) ||
        strcmp(day, view->day) == 0)
        return;
    snprintf(view->day, sizeof view->day, "%s", day);
    line_clear(line);
    line_style(line, STYLE_DIM);
    line_addf(line, "%s %s", view->terminal.unicode ? "──" : "--", day);
    line_print(line, stdout);
}

static void print_json(const struct log_view *view, uint64_t seq, int64_t ms, struct slice message)
{
    char time[TIMESTAMP_SIZE];
    timestamp_format(ms, time);
    printf("{\"seq\":%" PRIu64 ",\"time\":\"%s\",\"message\":", seq, time);
    if (view->terminal.is_terminal)
        json_print(stdout, message, false);
    else
        fwrite(message.at, 1, message.len, stdout); /* the AI's own bytes */
    fputs("}\n", stdout);
}

static void print_message(struct log_view *view, const struct khub_message *message, int64_t ms)
{
    view->printed++;
    if (view->settings->json) {
        print_json(view, message->seq, ms, (struct slice){message->line.at, message->line.len});
        return;
    }
    terminal_measure(&view->terminal);
    print_day(view, ms);
    feed_print(&view->feed, message, ms);
}

/* Whether somebody still reads. */
static bool flush(struct log_view *view)
{
    view->broken = view->broken || fflush(stdout) != 0 || ferror(stdout);
    return !view->broken;
}

/* ── what was ── */

static struct khub_text text_of(struct slice slice)
{
    return (struct khub_text){slice.at, slice.len};
}

/* {seq, time, message}. */
static bool print_kept(void *data, struct json_value kept)
{
    struct log_view *view = data;
    struct message parsed;
    struct refusal refusal;
    struct slice line = json_get(kept, "message").raw;
    OWNED char *time = field_string(kept, "time");
    struct khub_message message = {.line = text_of(line)};
    int64_t ms = 0;
    if (message_parse(line, &parsed, &refusal) < 0)
        return true; /* a later hub's type */
    time_parse(time, &ms);
    json_u64(json_get(kept, "seq"), &message.seq);
    message.sender_id = text_of(parsed.sender_id);
    message.target_ai = text_of(parsed.target);
    message.type = text_of(slice_of(message_type_text(parsed.type)));
    message.payload = text_of(parsed.payload.raw);
    print_message(view, &message, ms);
    return view->printed % 64 ? !view->broken : flush(view);
}

/* A seq, or when somebody said that was: --since and --until. `beyond`: what follows that time. */
static int place_of(struct history *history, const char *option, const char *text, bool beyond,
                    uint64_t *ret_seq)
{
    size_t len = strlen(text);
    int64_t ms;
    if (len < 16 && strspn(text, "0123456789") == len) {
        struct json_value number = {.kind = JSON_KIND_NUMBER, .raw = slice_of(text)};
        if (json_u64(number, ret_seq) == 0) {
            *ret_seq += beyond;
            return EXIT_WORKED;
        }
    }
    if (when_parse(text, time_now_ms(), &ms) == 0)
        return history_seek(history, ms + beyond, ret_seq);
    complain("log",
             "--%s is '%s': it must be a seq (1042), how long ago (90s, 10m, 2h, 3d), or a time "
             "(2026-11-26, 2026-11-26T05:00, 2026-11-26T05:00:00Z).",
             option, text);
    return EXIT_USAGE;
}

static int wish_of(struct log_view *view, struct history *history, struct history_wish *ret_wish)
{
    const struct log_settings *settings = view->settings;
    uint64_t since = 1, end = history->last + 1;
    int code = EXIT_WORKED;
    if (settings->since)
        code = place_of(history, "since", settings->since, false, &since);
    if (code == EXIT_WORKED && settings->until)
        code = place_of(history, "until", settings->until, true, &end);
    if (end > history->last + 1)
        end = history->last + 1;
    *ret_wish = (struct history_wish){.after = since > 0 ? since - 1 : 0,
                                      .until = end > 0 ? end - 1 : 0,
                                      .limit = (uint64_t)settings->limit,
                                      .filter = &view->filter};
    if (ret_wish->after > ret_wish->until)
        ret_wish->after = ret_wish->until;
    if (!settings->limit && !settings->since)
        ret_wish->limit = LIMIT_PRESET;
    return code;
}

/* Whoever asked from a place on, and did not get all of it, hears so. */
static void note_gone(const struct log_view *view, const struct history *history,
                      const struct history_wish *wish)
{
    if (view->settings->since && wish->after + 1 < history->first && !view->broken)
        complain("log", "what was said before seq %" PRIu64 " is not kept any more.",
                 history->first);
}

static int note_damage(const struct history *history)
{
    return history->damaged ? complain("log",
                                       "what was said at seq %" PRIu64 " is damaged on disk, and "
                                       "left out; 'khub check' says more of it.",
                                       history->damaged)
                            : EXIT_WORKED;
}

static int print_past(struct log_view *view, struct history *history)
{
    struct history_wish wish;
    int code = wish_of(view, history, &wish);
    if (code != EXIT_WORKED)
        return code;
    code = wish.limit ? history_newest(history, &wish, print_kept, view)
                      : history_walk(history, &wish, print_kept, view);
    flush(view);
    if (code == EXIT_WORKED)
        note_gone(view, history, &wish);
    if (code == EXIT_WORKED && !view->printed && !view->settings->follow && !view->settings->json &&
        !stop_asked())
        puts("Nothing of that was said, or it is not kept any more.");
    return code == EXIT_WORKED ? note_damage(history) : code;
}

/* ── what comes ── */

/* Without the seq that the hub put behind it; owned. */
static char *line_as_said(const struct khub_message *message)
{
    char tail[48];
    int len = snprintf(tail, sizeof tail, ",\"seq\":%" PRIu64 "}", message->seq);
    struct slice line = {message->line.at, message->line.len};
    char *copy = field_text((struct json_value){.raw = line, .kind = JSON_KIND_OBJECT});
    if (line.len > (size_t)len && strcmp(copy + line.len - (size_t)len, tail) == 0)
        strcpy(copy + line.len - (size_t)len, "}");
    return copy;
}

static void follow_message(struct visit *visit, const struct khub_message *message)
{
    struct log_view *view = visit->data;
    enum message_type type;
    struct json_value payload =
        json_value_of((struct slice){message->payload.at, message->payload.len});
    if (message_type_find((struct slice){message->type.at, message->type.len}, &type) < 0 ||
        type == MESSAGE_HEARTBEAT || type == MESSAGE_CAUGHT_UP)
        return;
    if (type == MESSAGE_TRAINING_SYNC) {
        view->seen = message->seq;
        return;
    }
    if (type == MESSAGE_ERROR) { /* to us: observers see no others' */
        OWNED char *detail = field_string(payload, "detail");
        complain("log", "%s", detail);
        return;
    }
    if (!message_filter_passes(
            &view->filter, type, (struct slice){message->sender_id.at, message->sender_id.len},
            (struct slice){message->target_ai.at, message->target_ai.len}, payload))
        return;
    int64_t ms = time_now_ms();
    if (message->seq <= view->seen)
        time_parse(message->timestamp.at, &ms); /* it came while we were away */
    struct khub_message said = *message;
    OWNED char *line = line_as_said(message);
    said.line = (struct khub_text){line, strlen(line)};
    print_message(view, &said, ms);
    flush(view);
}

static void follow_change(struct visit *visit, const char *why)
{
    const struct log_view *view = visit->data;
    if (!view->broken)
        complain("log", "%s%s%s", why ? "lost the hub: " : "the hub is back", why ? why : "",
                 why ? "; trying again" : "");
}

/* Until Ctrl-C, or nobody reads any more. */
static int follow(struct log_view *view, uint64_t since)
{
    struct visit visit = {.command = "log",
                          .address = view->settings->hub,
                          .room = view->settings->room,
                          .observer = true,
                          .keeps_trying = true,
                          .patient = true, /* it may have gone since it told the past */
                          .resumes = true,
                          .since = since,
                          .message = follow_message,
                          .changed = follow_change,
                          .data = view};
    int code = visit_begin(&visit);
    while (code == EXIT_WORKED && !view->broken) {
        struct pollfd reader = {.fd = STDOUT_FILENO}; /* POLLERR: the pipe's other end is closed */
        enum visit_result result = visit_wait(&visit, -1, &reader, 1);
        if (result == VISIT_ENDED)
            code = EXIT_FAILED;
        if (result != VISIT_TURNED || (reader.revents & (POLLERR | POLLHUP | POLLNVAL)))
            break;
    }
    visit_end(&visit);
    return code;
}

/* ── the command ── */

static int at_hub(struct log_view *view)
{
    struct ask asked = {0};
    struct visit visit = {.command = "log",
                          .address = view->settings->hub,
                          .room = view->settings->room,
                          .observer = true,
                          .message = ask_message,
                          .data = &asked};
    struct history history = {.command = "log", .visit = &visit};
    int code = visit_begin(&visit);
    if (code == EXIT_WORKED)
        code = history_at_hub(&history);
    if (code == EXIT_WORKED && history.kept)
        code = print_past(view, &history);
    else if (code == EXIT_WORKED && !view->settings->follow)
        code = complain("log",
                        "the hub at %s keeps nothing (--memory): what was said is gone; --follow "
                        "shows what comes.",
                        view->settings->hub);
    visit_end(&visit);
    ask_free(&asked);
    if (code == EXIT_WORKED && view->settings->follow && !view->broken && !stop_asked())
        code = follow(view, history.kept ? history.last : 0);
    history_free(&history);
    return code;
}

static int in_directory(struct log_view *view)
{
    struct history history = {.command = "log"};
    int code = history_in_directory(&history, view->settings->directory, view->settings->room);
    if (code == EXIT_WORKED)
        code = print_past(view, &history);
    history_free(&history);
    return code;
}

static int take_name(const char *option, const char *text, char *to, size_t *ret_len)
{
    size_t len = text ? strlen(text) : 0;
    if (len > WIRE_ID_MAX) {
        complain("log", "--%s has %zu bytes: an id has at most %u.", option, len, WIRE_ID_MAX);
        return EXIT_USAGE;
    }
    memcpy(to, text ? text : "", len);
    *ret_len = len;
    return EXIT_WORKED;
}

static int filter_read(const struct log_settings *settings, struct message_filter *filter)
{
    int code = types_named("log", &settings->types, &filter->types);
    if (code == EXIT_WORKED)
        code = take_name("from", settings->from, filter->sender, &filter->sender_len);
    if (code == EXIT_WORKED)
        code = take_name("to", settings->to, filter->target, &filter->target_len);
    if (code == EXIT_WORKED)
        code = take_name("session", settings->session, filter->session, &filter->session_len);
    return code;
}

static int run(const void *data)
{
    const struct log_settings *settings = data;
    struct log_view view = {.settings = settings, .feed.numbered = true};
    int code = filter_read(settings, &view.filter);
    if (code != EXIT_WORKED)
        return code;
    if (settings->follow && (settings->directory || settings->until)) {
        complain("log", "--follow goes without %s.", settings->directory ? "--data" : "--until");
        return EXIT_USAGE;
    }
    view.terminal = terminal_of(STDOUT_FILENO, settings->color);
    feed_begin(&view.feed, &view.terminal, stdout);
    view.feed.numbered = true;
    stop_catch();
    code = settings->directory ? in_directory(&view) : at_hub(&view);
    feed_free(&view.feed);
    return stop_asked() ? EXIT_WORKED : code;
}

#define AT(member) .offset = offsetof(struct log_settings, member)
static const struct setting options[] = {
    HUB_SETTING(struct log_settings),
    ROOM_SETTING(struct log_settings),
    {.name = "data",
     .letter = 'd',
     .kind = SETTING_TEXT,
     AT(directory),
     .argument = "DIR",
     .help = "Reads what a hub kept in this directory, which none has now, instead of asking one."},
    {.name = "from",
     .kind = SETTING_TEXT,
     AT(from),
     .argument = "AI_ID",
     .help = "Only what that AI said; 'hub' is the hub."},
    {.name = "to",
     .kind = SETTING_TEXT,
     AT(to),
     .argument = "AI_ID",
     .help = "Only what was said to that AI alone."},
    {.name = "type",
     .letter = 't',
     .kind = SETTING_LIST,
     AT(types),
     .argument = "TYPE",
     .help = "Only messages of that type, by its name on the wire or its short one."},
    {.name = "session",
     .letter = 's',
     .kind = SETTING_TEXT,
     AT(session),
     .argument = "ID",
     .help = "Only that session; the eight characters that are shown will do."},
    {.name = "since",
     .kind = SETTING_TEXT,
     AT(since),
     .argument = "WHEN",
     .help =
         "From then on: a seq, how long ago (90s, 10m, 2h, 3d), or a time, local unless it says "
         "otherwise (2026-11-26, 2026-11-26T05:00, 2026-11-26T05:00:00Z)."},
    {.name = "until",
     .kind = SETTING_TEXT,
     AT(until),
     .argument = "WHEN",
     .help = "Up to then, a seq or time likewise; it is in it."},
    {.name = "limit",
     .letter = 'n',
     .kind = SETTING_WHOLE,
     AT(limit),
     .argument = "N",
     .low = 1,
     .high = 1e6,
     .help = "Of all that, the newest N. Without it: 50; with --since all."},
    {.name = "follow",
     .letter = 'f',
     .kind = SETTING_FLAG,
     AT(follow),
     .help = "Then goes on with what comes, without a gap, until Ctrl-C; also when the hub goes "
             "and comes back."},
    JSON_SETTING(struct log_settings,
                 "A message a line: {\"seq\", \"time\", \"message\"}; time is the hub's, message "
                 "the line as it was said."),
    COLOR_SETTING(struct log_settings),
    {0},
};

const struct command command_log = {
    .name = "log",
    .summary = "see what was said in a room",
    .about =
        "Shows what a hub has kept of what was said: the seq of each message, when the hub took "
        "it, from whom, to whom unless it was for all, its type, and the gist of it. It sees what "
        "an observer would have seen: what the hub answered to one AI alone is not in it.\n\n"
        "How far back it goes says --retain of 'khub serve'; a hub with --memory keeps nothing. "
        "--data reads a directory and changes nothing there; meanwhile no hub can begin on it.",
    .example = "  khub log\n"
               "  khub log --since 10m --type chat --from AI_Node_1\n"
               "  khub log --session 3f9a2c11 --since 1\n"
               "  khub log --limit 5 --follow\n"
               "  khub log --data /var/lib/khub --since 2026-11-26T05:00 --json > night.jsonl",
    .worked = "printed, be it nothing; or Ctrl-C; or the reader of the pipe had enough",
    .failed = "the hub could not be reached or keeps nothing, or the directory can't be read",
    .options = options,
    .settings_size = sizeof(struct log_settings),
    .run = run,
};
