/* khub waiting: does something wait for a member? Nothing of it is shown, nothing is acked. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/file_replace.h"
#include "cmd/hook.h"
#include "cmd/inbox.h"
#include "cmd/inbox_print.h"
#include "cmd/json_out.h"
#include "cmd/stop.h"
#include "cmd/turn.h"
#include "wire/clock.h"

#define LOOK_MS 200 /* before a bridge's note is looked at again */

struct waiting_settings {
    struct membership_choice choice;
    double wait;
    const char *hook;
    bool json;
};

/* ── asking the hub ── */

struct asking {
    struct turn turn;
    struct inbox inbox;
    bool caught_up;
    bool truncated; /* the hub does not have all of it any more */
};

static void on_message(struct visit *visit, const struct khub_message *message)
{
    struct asking *asking = visit->data;
    struct json_value payload =
        json_value_of((struct slice){message->payload.at, message->payload.len});
    bool hub = strcmp(message->sender_id.at, "hub") == 0;
    if (!visit->joined)
        return;
    inbox_take(&asking->inbox, message);
    asking->caught_up |= hub && strcmp(message->type.at, "caught_up") == 0;
    asking->truncated |= hub && json_string_is(json_get(payload, "code"),
                                               slice_of(wire_error_code(WIRE_REPLAY_TRUNCATED)));
}

/* Joins, and lets come what was not acked; it is counted, and noted nowhere. */
static int take_missed(struct asking *asking)
{
    struct turn *turn = &asking->turn;
    struct visit *visit = &turn->visit;
    asking->inbox = (struct inbox){.member = &turn->member};
    inbox_begin(&asking->inbox);
    *visit = (struct visit){
        .resumes = true, .since = turn->member.acked, .message = on_message, .data = asking};
    int code = turn_join(turn);
    if (code != 0)
        return code;
    asking->caught_up |= turn->began_anew || visit->since == 0; /* nothing was missed */
    while (!asking->caught_up) {
        if (visit_wait(visit, -1, NULL, 0) != VISIT_TURNED)
            return EXIT_FAILED;
        if (visit->lost)
            return complain("waiting", "lost the hub at %s: %s", visit->address, visit->why);
    }
    inbox_close(&asking->inbox);
    if (asking->truncated)
        complain("waiting", "the hub does not keep all that was said since #%" PRIu64 ".",
                 turn->member.acked);
    return asking->inbox.failed ? complain("waiting", "out of memory") : 0;
}

static void count_missed(const struct inbox *inbox, struct waiting *ret_waiting)
{
    const char *type, *name;
    json_t *counted, *one;
    json_object_foreach(inbox->types_direct, type, counted)
    {
        json_object_foreach(json_object_get(counted, "from"), name, one)
        {
            waiting_add(ret_waiting, 0, name);
        }
    }
    size_t seqs = json_array_size(inbox->rest_direct);
    ret_waiting->count = inbox->fresh_direct;
    if (seqs > 0)
        ret_waiting->seq =
            (uint64_t)json_integer_value(json_array_get(inbox->rest_direct, seqs - 1));
}

static int ask_hub(const struct membership_choice *choice, struct waiting *ret_waiting)
{
    struct asking asking = {0};
    int code = turn_begin(&asking.turn, "waiting", choice);
    if (code == 0)
        code = take_missed(&asking);
    if (code == 0)
        count_missed(&asking.inbox, ret_waiting);
    turn_end(&asking.turn);
    inbox_free(&asking.inbox);
    return code;
}

/* ── looking at a bridge's note ── */

/* Waits until it should be said that something waits, for as long as a bridge is there. */
struct watch {
    const struct waiting_settings *settings;
    struct place place;
    int64_t until; /* monotonic ms */
    bool goes_on;
};

/* A pause. False: somebody stopped us, or nobody reads what we say. */
static bool pause_for(int64_t ms)
{
    struct pollfd outs[] = {{.fd = STDOUT_FILENO}, {.fd = STDERR_FILENO}};
    stop_poll(outs, 2, &(struct timespec){.tv_nsec = ms * 1000000L});
    return !stop_asked() && !((outs[0].revents | outs[1].revents) & (POLLERR | POLLNVAL));
}

static bool is_enough(const struct watch *watch, const struct waiting *waiting)
{
    if (watch->settings->hook)
        return hook_should_wake(watch->place.path, waiting, watch->goes_on);
    return waiting->count > 0;
}

enum watched { WATCHED_ENOUGH, WATCHED_NOTHING, WATCHED_NO_BRIDGE };

static enum watched watch_note(const struct watch *watch, bool (*still)(const struct watch *watch),
                               struct waiting *ret_waiting)
{
    for (;;) {
        struct waiting waiting;
        if (!waiting_note_read(watch->place.path, &waiting))
            return WATCHED_NO_BRIDGE;
        if (is_enough(watch, &waiting)) {
            *ret_waiting = waiting;
            return WATCHED_ENOUGH;
        }
        waiting_free(&waiting);
        if (time_monotonic_ms() >= watch->until || !pause_for(LOOK_MS) || !still(watch))
            return WATCHED_NOTHING;
    }
}

/* ── as a hook ── */

/* A hook that waits in the background is not ended by the client when the next turn's begins: the
 * last one that began says so in this file, and the others go. */
static const char *hook_path(const struct watch *watch, char path[PATH_MAX])
{
    return beside_path(watch->place.path, ".hook", path);
}

static bool is_last_hook(const struct watch *watch)
{
    char path[PATH_MAX];
    int pid = 0;
    FILE *file = fopen(hook_path(watch, path), "re");
    bool mine = file && fscanf(file, "%d", &pid) == 1 && pid == (int)getpid();
    if (file)
        fclose(file);
    return mine;
}

static void take_hook(const struct watch *watch)
{
    char path[PATH_MAX], text[16];
    snprintf(text, sizeof text, "%d\n", (int)getpid());
    if (file_replace(hook_path(watch, path), slice_of(text), 0600) < 0)
        complain("waiting", "%s: %s: so this does not wait.", path, strerror(errno));
}

/* Whatever goes wrong is no reason to keep an agent from stopping. */
static int run_hook(struct watch *watch)
{
    const struct waiting_settings *settings = watch->settings;
    struct waiting waiting = {0};
    bool wakes = false;
    watch->goes_on = hook_goes_on();
    if (place_choose("waiting", &settings->choice, &watch->place) == 0) {
        if (settings->wait > 0)
            take_hook(watch);
        wakes = watch_note(watch, is_last_hook, &waiting) == WATCHED_ENOUGH;
    }
    int code = hook_answer(settings->hook, wakes ? &waiting : NULL);
    waiting_free(&waiting);
    return code;
}

/* ── for who asks ── */

static int print_json(struct waiting *waiting)
{
    return json_print_result(
        "waiting", json_pack("{s:I,s:I,s:o}", "waiting", (json_int_t)waiting->count, "seq",
                             (json_int_t)waiting->seq, "senders",
                             waiting->senders ? json_incref(waiting->senders) : json_array()));
}

static void print_text(const struct waiting *waiting)
{
    struct text text = {0};
    size_t i;
    const json_t *sender;
    text_addf(&text, "%zu for you alone", waiting->count);
    json_array_foreach(waiting->senders, i, sender)
    {
        text_add_literal(&text, i ? ", " : ", from ");
        text_add_name(&text, slice_of(json_string_value(sender)));
    }
    printf("%.*s\n", SLICE_FORMAT(text_slice(&text)));
    text_free(&text);
}

static bool always(const struct watch *watch)
{
    (void)watch;
    return true;
}

static int run_plain(struct watch *watch)
{
    const struct waiting_settings *settings = watch->settings;
    struct waiting waiting = {0};
    int code = place_choose("waiting", &settings->choice, &watch->place);
    if (code != 0)
        return code;
    if (watch_note(watch, always, &waiting) == WATCHED_NO_BRIDGE)
        code = ask_hub(&settings->choice, &waiting);
    if (code == 0 && settings->json)
        code = print_json(&waiting);
    else if (code == 0 && waiting.count > 0)
        print_text(&waiting);
    else if (code == 0)
        puts("nothing for you alone");
    if (code == 0 && waiting.count == 0)
        code = EXIT_NOT_NOW;
    waiting_free(&waiting);
    return code;
}

static int run(const void *data)
{
    const struct waiting_settings *settings = data;
    struct watch watch = {.settings = settings,
                          .place = {.turn = -1, .wait = -1},
                          .until = time_monotonic_ms() + (int64_t)(settings->wait * 1000)};
    stop_catch();
    return settings->hook ? run_hook(&watch) : run_plain(&watch);
}

#define AT(member) .offset = offsetof(struct waiting_settings, member)
static const struct setting options[] = {
    TURN_SETTING(struct waiting_settings),
    {.name = "wait",
     .letter = 'w',
     .kind = SETTING_NUMBER,
     AT(wait),
     .argument = "SECONDS",
     .fallback = "0",
     .low = 0,
     .high = 86400,
     .help = "Waits so long for something, while 'khub mcp' is at the hub in this name. An agent "
             "that has a shell waits with 'khub recv --wait'."},
    {.name = "hook",
     .kind = SETTING_CHOICE,
     AT(hook),
     .argument = "CLIENT",
     .choices = hook_clients,
     .help =
         "Answers as a hook of this client at the end of a turn, so that its agent goes on when "
         "something waits; 'khub setup' installs it."},
    JSON_SETTING(struct waiting_settings, "As JSON: {\"waiting\", \"seq\", \"senders\"}."),
    {0},
};

const struct command command_waiting = {
    .name = "waiting",
    .summary = "does something wait for a member? Shows and acks nothing",
    .about =
        "Tells how many messages wait that are for this member alone and were not shown to it, and "
        "who sent them. While 'khub mcp' is at the hub in its name, the bridge says it; else the hub "
        "is asked, as 'khub recv' does.\n\n"
        "As a hook it wakes an agent at the end of its turn: once for each message, eight times in a "
        "row at the most, and only while its bridge lives. It says how many wait, and names of "
        "senders that are plain ones; nothing of what they wrote. Exit codes are then the client's: "
        "0, or of Claude Code's 2 when something waits.",
    .example = "  khub waiting --as ada && khub recv\n"
               "  khub waiting --hook claude --as reviewer     # in .claude/settings.json",
    .worked = "something waits",
    .failed = "the hub could not be reached, or nobody has joined from here",
    .not_now = "nothing waits",
    .options = options,
    .settings_size = sizeof(struct waiting_settings),
    .run = run,
};
