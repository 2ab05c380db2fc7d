/* khub watch: what the AIs say to each other. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/feed.h"
#include "cmd/fields.h"
#include "cmd/json_out.h"
#include "cmd/stop.h"
#include "cmd/visit.h"
#include "cmd/watch_filter.h"

struct watch_settings {
    const char *hub, *token_file, *room, *as, *since, *color;
    double seconds; /* 0: no end */
    bool json;
    struct watch_filter filter;
};

struct watcher {
    const struct watch_settings *settings;
    struct terminal terminal;
    struct feed feed;
    bool started;
    bool catching_up; /* what it missed is yet to end, */
    unsigned missed;  /* and so much came so far */
    bool broken;      /* stdout can't be written: nobody looks any more, or the disk is full */
};

static void flush(struct watcher *watcher)
{
    if (!output_flush())
        watcher->broken = true;
}

/* Whoever pipes the lines elsewhere gets the AIs' own bytes; a terminal gets the same JSON with
 * nothing in it to obey. */
static void print_raw(const struct watcher *watcher, struct slice line)
{
    if (watcher->terminal.is_terminal)
        json_print(stdout, line, false);
    else
        fwrite(line.at, 1, line.len, stdout);
    putchar('\n');
}

/* Our own welcome: who is there already. */
static void print_start(struct watcher *watcher, struct visit *visit)
{
    struct json_value members = json_get(visit->sync, "members"), member;
    struct json_iterator iterator = {.rest = members.raw};
    size_t count = field_count(members);
    char place[PLACE_SIZE];
    day_turns(watcher->feed.day, time_now_ms()); /* another day than today is said */
    while (members.kind == JSON_KIND_ARRAY && json_next_element(&iterator, &member)) {
        OWNED char *ai_id = field_string(member, "ai_id");
        feed_expect(&watcher->feed, slice_of(ai_id));
    }
    feed_note(&watcher->feed, time_now_ms(), "watching %s: %zu %s there",
              place_text(visit->address, visit->room, place), count,
              word_of(count, "AI is", "AIs are"));
}

/* The hub's answer to our own hello. */
static bool is_welcome(const struct visit *visit, const struct khub_message *message)
{
    return strcmp(message->type.at, "training_sync") == 0 &&
           strcmp(message->target_ai.at, visit->ai_id) == 0;
}

/* From here on it is now. */
static void print_caught_up(struct watcher *watcher)
{
    feed_day(&watcher->feed, time_now_ms());
    if (watcher->missed > 0)
        feed_note(&watcher->feed, time_now_ms(), "that was missed: %u %s; now:", watcher->missed,
                  word_of(watcher->missed, "message", "messages"));
    watcher->catching_up = false;
    watcher->missed = 0;
}

static void on_message(struct visit *visit, const struct khub_message *message)
{
    struct watcher *watcher = visit->data;
    bool passes = watch_filter_passes(&watcher->settings->filter, message);
    if (watcher->settings->json) {
        if (passes)
            print_raw(watcher, (struct slice){message->line.at, message->line.len});
    } else if (is_welcome(visit, message)) {
        if (!watcher->started)
            print_start(watcher, visit);
        watcher->catching_up = watcher->started || watcher->settings->since;
        watcher->started = true;
    } else if (strcmp(message->type.at, "caught_up") == 0) {
        print_caught_up(watcher);
    } else if (passes && strcmp(message->type.at, "heartbeat") != 0) {
        terminal_measure(&watcher->terminal);
        bool late = watcher->catching_up && strcmp(message->type.at, "error") != 0;
        int64_t ms = feed_time(message, late);
        watcher->missed += late;
        feed_day(&watcher->feed, ms);
        feed_print(&watcher->feed, message, ms);
    }
    flush(watcher);
}

static void on_change(struct visit *visit, const char *why)
{
    struct watcher *watcher = visit->data;
    const char *before = why ? "lost the hub: " : "the hub is back", *said = why ? why : "";
    const char *behind = why ? "; trying again" : "";
    if (watcher->settings->json)
        complain("watch", "%s%s%s", before, said, behind);
    else
        feed_note(&watcher->feed, time_now_ms(), "%s%s%s", before, said, behind);
    flush(watcher);
}

/* Until time is up, Ctrl-C, or nobody reads any more. */
static int watch(struct watcher *watcher, struct visit *visit)
{
    double seconds = watcher->settings->seconds;
    int64_t until = seconds > 0 ? time_monotonic_ms() + (int64_t)(seconds * 1000) : -1;
    for (;;) {
        struct pollfd reader = {
            .fd = STDOUT_FILENO}; /* POLLERR: the other end of the pipe is closed */
        switch (visit_wait(visit, until, &reader, 1)) {
        case VISIT_STOPPED:
            return EXIT_WORKED;
        case VISIT_ENDED:
            return EXIT_FAILED;
        case VISIT_TURNED:
            break;
        }
        if (watcher->broken || (reader.revents & (POLLERR | POLLHUP | POLLNVAL)))
            return EXIT_WORKED; /* main looks whether that was a failure */
        if (until >= 0 && time_monotonic_ms() >= until)
            return EXIT_WORKED;
    }
}

/* --since: a seq, or `last`. EXIT_WORKED, or EXIT_USAGE after a sentence. */
static int read_since(const struct watch_settings *settings, struct visit *visit)
{
    char *end;
    if (!settings->since)
        return EXIT_WORKED;
    if (strcmp(settings->since, "last") == 0) {
        visit->resumes_last = true;
        if (settings->as)
            return EXIT_WORKED;
        complain("watch", "--since last is what came after your last watch; the hub knows you by a "
                          "name: give one with --as.");
        return EXIT_USAGE;
    }
    errno = 0;
    visit->since = strtoull(settings->since, &end, 10);
    if (settings->since[0] >= '1' && settings->since[0] <= '9' && !*end && errno == 0 &&
        visit->since < UINT64_MAX)
        return EXIT_WORKED;
    complain("watch", "--since is '%s': it must be a seq (1 or more), or last.", settings->since);
    return EXIT_USAGE;
}

static int run(const void *data)
{
    const struct watch_settings *settings = data;
    struct watcher watcher = {.settings = settings};
    struct visit visit = {.command = "watch",
                          .address = settings->hub,
                          .token_file = settings->token_file,
                          .room = settings->room,
                          .ai_id = settings->as,
                          .observer = true,
                          .keeps_trying = true,
                          .resumes = true,
                          .tells = settings->as != NULL,
                          .message = on_message,
                          .changed = on_change,
                          .data = &watcher};
    if (watch_filter_check(&settings->filter) != EXIT_WORKED ||
        read_since(settings, &visit) != EXIT_WORKED)
        return EXIT_USAGE;
    watcher.terminal = terminal_of(STDOUT_FILENO, settings->color);
    feed_begin(&watcher.feed, &watcher.terminal, stdout);
    stop_catch();
    int code = visit_begin(&visit);
    if (code == EXIT_WORKED)
        code = watch(&watcher, &visit);
    visit_end(&visit);
    feed_free(&watcher.feed);
    return code;
}

#define AT(member) .offset = offsetof(struct watch_settings, member)
static const struct setting options[] = {
    HUB_SETTING(struct watch_settings),
    JSON_SETTING(struct watch_settings,
                 "Every message as it came over the wire, one JSON object a line."),
    {.name = "type",
     .letter = 't',
     .kind = SETTING_LIST,
     AT(filter.types),
     .argument = "TYPE",
     .help = "Only messages of that type, by its name on the wire or its short one."},
    {.name = "ai",
     .letter = 'a',
     .kind = SETTING_LIST,
     AT(filter.ais),
     .argument = "AI_ID",
     .bytes = WIRE_ID_MAX,
     .help = "Only what that AI says, what it is told, and what is said of it."},
    {.name = "session",
     .letter = 's',
     .kind = SETTING_LIST,
     AT(filter.sessions),
     .argument = "ID",
     .bytes = WIRE_ID_MAX,
     .help = "Only that session; the eight characters that are shown will do."},
    {.name = "since",
     .kind = SETTING_TEXT,
     AT(since),
     .argument = "SEQ",
     .help = "First what came after that seq; 'last': after the last watch --as the same."},
    {.name = "as",
     .kind = SETTING_TEXT,
     AT(as),
     .argument = "AI_ID",
     .bytes = WIRE_ID_MAX,
     .help = "The name by which the hub knows how far you have seen. Nobody else sees it."},
    {.name = "for",
     .kind = SETTING_NUMBER,
     AT(seconds),
     .argument = "SECONDS",
     .low = 0.1,
     .high = 1e7,
     .help = "Ends after so long. Without it: with Ctrl-C."},
    COLOR_SETTING(struct watch_settings),
    {0},
};

const struct command command_watch = {
    .name = "watch",
    .summary = "see what the AIs say to each other, one line a message",
    .about =
        "Shows every message as it passes through the hub: when, from whom, to whom unless it is "
        "for all, its type, and the gist of it. It looks on as an observer: the AIs do not "
        "notice. When the hub goes away it says so, and comes back with it; what was said meanwhile "
        "is shown then, as far as the hub keeps it (khub serve --data).\n\n"
        "Windows under 118 columns show short names of types: invitation is a "
        "collaboration_request, answer a collaboration_response, session a "
        "collaboration_update, report a performance_report, asks a feature_response, verdict a "
        "verification. Long ids are cut in the middle.",
    .example = "  khub watch\n  khub watch --ai AI_Node_1 --type report --type verdict\n"
               "  khub watch --as ada/night --since last\n"
               "  khub watch --json --for 60 > minute.jsonl",
    .worked = "watched until the time was up, Ctrl-C, or the reader of the pipe had enough",
    .failed = "the hub could not be reached at the start",
    .options = options,
    .settings_size = sizeof(struct watch_settings),
    .run = run,
};
