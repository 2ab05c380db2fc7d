/* khub log: what was said in a room. */
#include <assert.h>
#include <inttypes.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/fields.h"
#include "cmd/history.h"
#include "cmd/log_view.h"
#include "cmd/stop.h"
#include "cmd/watch_filter.h"

#define LIMIT_PRESET 50

struct log_settings {
    const char *hub, *token_file, *room, *directory, *color;
    const char *from, *to, *session, *since, *until;
    struct text_list types;
    long limit; /* 0: as told in --help */
    bool follow, json;
};

/* What --since or --until says. */
struct when {
    bool said, is_time;
    uint64_t seq;
    int64_t ms; /* unix time */
};

struct log_show {
    const struct log_settings *settings;
    struct when since, until;
    struct message_filter filter;
    struct log_view view;
    uint64_t seen; /* following: the training_sync's seq; what is not above it was missed */
};

/* ── what was ── */

static int when_read(const char *option, const char *text, struct when *ret_when)
{
    size_t len = text ? strlen(text) : 0;
    struct when when = {.said = text != NULL};
    if (len < 16 && text && strspn(text, "0123456789") == len) {
        struct json_value number = {.kind = JSON_KIND_NUMBER, .raw = slice_of(text)};
        when.is_time = json_u64(number, &when.seq) < 0;
    } else {
        when.is_time = when.said;
    }
    if (when.is_time && when_parse(text, time_now_ms(), &when.ms) < 0) {
        complain(
            "log",
            "--%s is '%s': it must be a seq (1042), how long ago (90s, 10m, 2h, 3d), or a time "
            "(2026-11-26, 2026-11-26T05:00, 2026-11-26T05:00:00Z).",
            option, text);
        return EXIT_USAGE;
    }
    *ret_when = when;
    return EXIT_WORKED;
}

/* Both, before a hub is asked; of a seq and a time only it can tell which comes first. */
static int range_read(const struct log_settings *settings, struct log_show *show)
{
    int code = when_read("since", settings->since, &show->since);
    if (code == EXIT_WORKED)
        code = when_read("until", settings->until, &show->until);
    const struct when *since = &show->since, *until = &show->until;
    if (code != EXIT_WORKED || !since->said || !until->said || since->is_time != until->is_time ||
        (since->is_time ? since->ms <= until->ms : since->seq <= until->seq))
        return code;
    complain("log", "--since is '%s' and --until is '%s': that is %s, and nothing lies between.",
             settings->since, settings->until, since->is_time ? "earlier" : "smaller");
    return EXIT_USAGE;
}

/* `beyond`: what follows. */
static int when_seek(struct history *history, const struct when *when, bool beyond,
                     uint64_t *ret_seq)
{
    if (when->is_time)
        return history_seek(history, when->ms + beyond, ret_seq);
    *ret_seq = when->seq + beyond;
    return EXIT_WORKED;
}

static int wish_of(struct log_show *show, struct history *history, struct history_wish *ret_wish)
{
    const struct log_settings *settings = show->settings;
    uint64_t since = 1, end = history->last + 1;
    int code = EXIT_WORKED;
    if (show->since.said)
        code = when_seek(history, &show->since, false, &since);
    if (code == EXIT_WORKED && show->until.said)
        code = when_seek(history, &show->until, true, &end);
    if (end > history->last + 1)
        end = history->last + 1;
    *ret_wish = (struct history_wish){.after = since > 0 ? since - 1 : 0,
                                      .until = end > 0 ? end - 1 : 0,
                                      .limit = (uint64_t)settings->limit,
                                      .filter = &show->filter};
    if (ret_wish->after > ret_wish->until)
        ret_wish->after = ret_wish->until;
    if (!settings->limit && !settings->since)
        ret_wish->limit = LIMIT_PRESET;
    return code;
}

/* Whoever asked from a place on, and did not get all of it, hears so. */
static void note_gone(const struct log_show *show, const struct history *history,
                      const struct history_wish *wish)
{
    if (show->settings->since && wish->after + 1 < history->first && !show->view.broken)
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

static int print_past(struct log_show *show, struct history *history)
{
    struct history_wish wish;
    int code = wish_of(show, history, &wish);
    if (code != EXIT_WORKED)
        return code;
    code = wish.limit ? history_newest(history, &wish, log_view_kept, &show->view)
                      : history_walk(history, &wish, log_view_kept, &show->view);
    log_view_flush(&show->view);
    if (code == EXIT_WORKED)
        note_gone(show, history, &wish);
    if (code == EXIT_WORKED && !show->view.printed && !show->settings->follow &&
        !show->settings->json && !stop_asked())
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
        memcpy(copy + line.len - (size_t)len, "}", sizeof "}");
    return copy;
}

static void follow_message(struct visit *visit, const struct khub_message *message)
{
    struct log_show *show = visit->data;
    enum message_type type;
    struct json_value payload =
        json_value_of((struct slice){message->payload.at, message->payload.len});
    if (message_type_find((struct slice){message->type.at, message->type.len}, &type) < 0 ||
        type == MESSAGE_HEARTBEAT || type == MESSAGE_CAUGHT_UP)
        return;
    if (type == MESSAGE_TRAINING_SYNC) {
        show->seen = message->seq;
        return;
    }
    if (type == MESSAGE_ERROR) { /* to us: observers see no others' */
        OWNED char *detail = field_string(payload, "detail");
        complain("log", "%s", detail);
        return;
    }
    if (!message_filter_passes(
            &show->filter, type, (struct slice){message->sender_id.at, message->sender_id.len},
            (struct slice){message->target_ai.at, message->target_ai.len}, payload))
        return;
    struct khub_message said = *message;
    OWNED char *line = line_as_said(message);
    said.line = (struct khub_text){line, strlen(line)};
    bool late = message->seq <= show->seen; /* it came while we were away */
    log_view_print(&show->view, &said, feed_time(message, late));
    log_view_flush(&show->view);
}

static void follow_change(struct visit *visit, const char *why)
{
    const struct log_show *show = visit->data;
    if (!show->view.broken)
        complain("log", "%s%s%s", why ? "lost the hub: " : "the hub is back", why ? why : "",
                 why ? "; trying again" : "");
}

/* Until Ctrl-C, or nobody reads any more. */
static int follow(struct log_show *show, uint64_t since)
{
    struct visit visit = {.command = "log",
                          .address = show->settings->hub,
                          .token_file = show->settings->token_file,
                          .room = show->settings->room,
                          .observer = true,
                          .keeps_trying = true,
                          .patient = true, /* it may have gone since it told the past */
                          .resumes = true,
                          .since = since,
                          .message = follow_message,
                          .changed = follow_change,
                          .data = show};
    int code = visit_begin(&visit);
    while (code == EXIT_WORKED && !show->view.broken) {
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

static int tell_past(struct log_show *show, struct history *history)
{
    const struct log_settings *settings = show->settings;
    const char *near = history->near;
    if (near) /* mistyped, or there is nobody yet to follow */
        complain("log", "the hub at %s has no room '%s': no AI was ever there%s%s%s", settings->hub,
                 settings->room, *near ? "; did you mean " : ".", near, *near ? "?" : "");
    else if (history->kept)
        return print_past(show, history);
    else if (!settings->follow)
        complain("log",
                 "the hub at %s keeps nothing (--memory): what was said is gone; --follow "
                 "shows what comes.",
                 settings->hub);
    return settings->follow ? EXIT_WORKED : EXIT_FAILED;
}

static int at_hub(struct log_show *show)
{
    struct ask asked = {0};
    struct visit visit = {.command = "log",
                          .address = show->settings->hub,
                          .token_file = show->settings->token_file,
                          .room = show->settings->room,
                          .observer = true,
                          .message = ask_message,
                          .data = &asked};
    struct history history = {.command = "log", .visit = &visit};
    int code = visit_begin(&visit);
    if (code == EXIT_WORKED)
        code = history_at_hub(&history);
    if (code == EXIT_WORKED)
        code = tell_past(show, &history);
    visit_end(&visit);
    ask_free(&asked);
    if (code == EXIT_WORKED && show->settings->follow && !show->view.broken && !stop_asked())
        code = follow(show, history.kept ? history.last : 0);
    history_free(&history);
    return code;
}

static int in_directory(struct log_show *show)
{
    struct history history = {.command = "log"};
    int code = history_in_directory(&history, show->settings->directory, show->settings->room);
    if (code == EXIT_WORKED)
        code = print_past(show, &history);
    history_free(&history);
    return code;
}

static void take_name(const char *text, char to[WIRE_ID_MAX], size_t *ret_len)
{
    *ret_len = text ? strlen(text) : 0;
    assert(*ret_len <= WIRE_ID_MAX); /* as the table of options says */
    memcpy(to, text ? text : "", *ret_len);
}

static int filter_read(const struct log_settings *settings, struct message_filter *filter)
{
    take_name(settings->from, filter->sender, &filter->sender_len);
    take_name(settings->to, filter->target, &filter->target_len);
    take_name(settings->session, filter->session, &filter->session_len);
    return types_named("log", &settings->types, &filter->types);
}

static int run(const void *data)
{
    const struct log_settings *settings = data;
    struct log_show show = {.settings = settings};
    int code = filter_read(settings, &show.filter);
    if (code == EXIT_WORKED)
        code = range_read(settings, &show);
    if (code != EXIT_WORKED)
        return code;
    if (settings->follow && (settings->directory || settings->until)) {
        complain("log", "--follow goes without %s.", settings->directory ? "--data" : "--until");
        return EXIT_USAGE;
    }
    log_view_begin(&show.view, settings->color, settings->json);
    stop_catch();
    code = settings->directory ? in_directory(&show) : at_hub(&show);
    log_view_end(&show.view);
    return stop_asked() ? EXIT_WORKED : code;
}

#define AT(member) .offset = offsetof(struct log_settings, member)
static const struct setting options[] = {
    HUB_SETTING(struct log_settings),
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
     .bytes = WIRE_ID_MAX,
     .help = "Only what that AI said; 'hub' is the hub."},
    {.name = "to",
     .kind = SETTING_TEXT,
     AT(to),
     .argument = "AI_ID",
     .bytes = WIRE_ID_MAX,
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
     .bytes = WIRE_ID_MAX,
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
    .failed = "the hub could not be reached or keeps nothing, there is no such room, or the "
              "directory can't be read",
    .options = options,
    .settings_size = sizeof(struct log_settings),
    .run = run,
};
