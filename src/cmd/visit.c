/* See visit.h. */
#include "cmd/visit.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/hub_tls.h"
#include "cmd/options.h"
#include "cmd/stop.h"
#include "cmd/terminal.h"
#include "cmd/token_choice.h"
#include "wire/bounds.h"
#include "wire/types.h"

#define SYNC_DEPTH_MAX                                                                             \
    (WIRE_DEPTH_MAX + 16u) /* entries of the deepest payload, inside a training_sync */
#define HEARTBEAT_MS 30000
#define SILENT_MS    INT_MAX
#define AGAIN_MS     500  /* before a hub that can't keep that we join is asked again */
#define PAUSE_LONG   5000 /* ms that nobody waits without knowing why */
#define FLUSH_MS     3000 /* for what is queued when a visit ends */
#define STOPPED_MS   300  /* the same after SIGINT or SIGTERM */

int complain(const char *command, const char *format, ...)
{
    struct terminal terminal = terminal_of(STDERR_FILENO, "never");
    struct line line;
    va_list arguments;
    terminal.width = 0; /* sentences wrap, and are not cut */
    line_begin(&line, &terminal);
    line_addf(&line, "khub %s: ", command);
    va_start(arguments, format);
    line_addv(&line, format, arguments);
    va_end(arguments);
    line_print(&line, stderr);
    line_free(&line);
    return EXIT_FAILED;
}

void identity_make(const char *role, bool observes, char buffer[IDENTITY_SIZE])
{
    char host[64] = "localhost";
    const struct passwd *user = getpwuid(getuid());
    gethostname(host, sizeof(host) - 1);
    int len = snprintf(buffer, IDENTITY_SIZE, "%s%.32s@%s", observes ? "~" : "",
                       user ? user->pw_name : "somebody", host);
    if (role)
        snprintf(buffer + len, IDENTITY_SIZE - (size_t)len, "/%.16s.%d", role, (int)getpid());
}

const char *place_text(const char *address, const char *room, char buffer[PLACE_SIZE])
{
    if (room && strcmp(room, ROOM_DEFAULT) != 0)
        snprintf(buffer, PLACE_SIZE, "%s, room '%s'", address, room);
    else
        snprintf(buffer, PLACE_SIZE, "%s", address);
    return buffer;
}

static void keep_sync(struct visit *visit, const struct khub_message *message)
{
    size_t at;
    text_clear(&visit->sync_text);
    text_add(&visit->sync_text, (struct slice){message->payload.at, message->payload.len});
    struct slice text = text_slice(&visit->sync_text);
    visit->sync = (struct json_value){0};
    if (!visit->sync_text.failed && json_check(text, SYNC_DEPTH_MAX, &at) == JSON_FINE)
        visit->sync = json_value_of(text);
}

/* The hub answers in order, so this says that it has judged all that stood before the question: the
 * echo of a heartbeat, or the refusal of one that came too fast. */
static bool is_answer(const struct visit *visit, const struct khub_message *message)
{
    bool may_be =
        strcmp(message->type.at, "heartbeat") == 0 || strcmp(message->type.at, "error") == 0;
    if (!visit->question[0] || strcmp(message->sender_id.at, "hub") != 0 || !may_be)
        return false;
    struct json_value payload =
        json_value_of((struct slice){message->payload.at, message->payload.len});
    return json_string_is(json_get(payload, "in_reply_to"), slice_of(visit->question));
}

/* Said once: `what` comes of it. */
static void tell_unstored(struct visit *visit, const char *what)
{
    if (!visit->unstored && !visit->quiet && !stop_asked())
        complain(visit->command, "the hub at %s can't store anything just now: %s", visit->address,
                 what);
    visit->unstored = true;
}

static void take_sync(struct visit *visit, const struct khub_message *message)
{
    visit->synced = true;
    keep_sync(visit, message);
    if (visit->sync.kind != JSON_KIND_OBJECT)
        return;
    visit->joined = true;
    if (json_get(visit->sync, "kept").kind == JSON_KIND_FALSE)
        tell_unstored(visit, "what it knows is shown all the same");
    else
        visit->unstored = false;
}

static bool is_error(const struct khub_message *message, enum wire_error error)
{
    struct json_value payload =
        json_value_of((struct slice){message->payload.at, message->payload.len});
    return strcmp(message->type.at, "error") == 0 &&
           json_string_is(json_get(payload, "code"), slice_of(wire_error_code(error)));
}

static void on_message(struct khub *link, const struct khub_message *message, void *data)
{
    struct visit *visit = data;
    (void)link;
    if (strcmp(message->type.at, "training_sync") == 0) {
        if (visit->synced) { /* a guest has joined at last; what it was told is still looked at */
            visit->unstored = false;
            return;
        }
        take_sync(visit, message);
    } else if (!visit->synced && is_error(message, WIRE_STORAGE_UNAVAILABLE)) {
        /* a refusal of our hello that time heals */
        tell_unstored(visit, "nobody can join, trying again");
    }
    visit->heard = true;
    visit->unauthorized |= is_error(message, WIRE_UNAUTHORIZED);
    visit->in_use |= is_error(message, WIRE_ID_IN_USE);
    visit->taken_over |= is_error(message, WIRE_TAKEN_OVER);
    visit->anew |= !visit->synced && visit->since > 0 && is_error(message, WIRE_BAD_PAYLOAD);
    if (is_answer(visit, message)) {
        visit->question[0] = '\0';
        visit->answers++;
        return;
    }
    /* The link itself deals with what a hub that is back has against its hello. */
    if (visit->lost && strcmp(message->type.at, "error") == 0)
        return;
    /* Whoever was told to stop prints nothing more: its reader may stand still. */
    if (visit->message && !stop_asked())
        visit->message(visit, message);
}

static void on_state(struct khub *link, enum khub_state state, int error, const char *detail,
                     void *data)
{
    struct visit *visit = data;
    (void)link;
    if (error != 0) {
        visit->error = error;
        snprintf(visit->why, sizeof(visit->why), "%s", *detail ? detail : khub_error_text(error));
    }
    if (error != 0)
        visit->synced = false;
    bool waits = visit->joined || visit->patient;
    if (waits && error != 0 && !visit->lost) {
        visit->lost = true;
        visit->question[0] = '\0';
        if (visit->changed && state != KHUB_ENDED && !stop_asked())
            visit->changed(visit, visit->why);
    } else if (state == KHUB_JOINED && visit->lost) {
        visit->lost = false;
        visit->error = 0;
        if (visit->changed && !stop_asked())
            visit->changed(visit, NULL);
    }
}

/* How to start the hub that is not there. */
static void print_hint(const struct visit *visit)
{
    bool local =
        strncmp(visit->address, "127.", 4) == 0 || strncmp(visit->address, "unix:", 5) == 0 ||
        strncmp(visit->address, "localhost", 9) == 0 || strncmp(visit->address, "[::1]", 5) == 0;
    if (strcmp(visit->address, HUB_DEFAULT) == 0)
        complain(visit->command, "start one with 'khub serve', or name another with --hub.");
    else if (local)
        complain(visit->command, "start one with 'khub serve --listen %s'.", visit->address);
    else
        complain(visit->command, "is 'khub serve' running there?");
}

static int explain(struct visit *visit)
{
    visit->ended = true;
    if (visit->quiet)
        return EXIT_FAILED;
    if (visit->unstored && !visit->joined)
        return complain(
            visit->command,
            "the hub at %s still can't store that you join; its log says why. Try again "
            "later.",
            visit->address);
    if (visit->error == KHUB_E_REFUSED || (visit->heard && !visit->joined)) {
        complain(visit->command, "the hub at %s refused us: %s", visit->address, visit->why);
        if (visit->unauthorized)
            complain(visit->command,
                     "a token is shown from --token-file, from $KHUB_TOKEN, or from "
                     "the hub's file in ~/.config/khub/tokens; 'khub token' on the "
                     "hub's machine gives one out.");
        return EXIT_FAILED;
    }
    if (visit->error == KHUB_E_UNTRUSTED) {
        complain(visit->command, "%s", visit->why);
        if (strstr(visit->why, "the token is not shown"))
            complain(visit->command, "--insecure shows it all the same.");
        if (strstr(visit->why, "vouches"))
            complain(visit->command,
                     "if it is the hub's own, from 'khub cert' or the first lines of "
                     "'khub serve', give it as --fingerprint; --ca FILE names who "
                     "vouches.");
        return EXIT_FAILED;
    }
    if (visit->error == KHUB_E_ADDRESS || visit->error == KHUB_E_NO_MEMORY)
        return complain(visit->command, "'%s': %s", visit->address, visit->why);
    if (visit->joined)
        return complain(visit->command, "lost the hub at %s: %s", visit->address, visit->why);
    complain(visit->command, "no hub at %s: %s", visit->address, visit->why);
    print_hint(visit);
    return EXIT_FAILED;
}

static int open_link(struct visit *visit)
{
    struct khub_options options = {
        .address = visit->address,
        .ai_id = visit->ai_id,
        .specialization = visit->specialization,
        .capabilities = visit->capabilities,
        .room = visit->room,
        .version = KHUB_VERSION,
        .observer = visit->observer,
        .sync_max = visit->knowing ? 0 : KHUB_SYNC_NONE,
        .not_ready = true,
        .acks = visit->acks,
        .resume = visit->resumes,
        .resume_last = visit->resumes_last,
        .resume_tell = visit->tells,
        .own_cursor = visit->resumes && visit->own_beats,
        .since = visit->since,
        .resume_token = visit->resume_token,
        .stays_s = visit->stays_s,
        .retries = visit->keeps_trying ? 0 : -1,
        .heartbeat_ms = visit->own_beats ? SILENT_MS : HEARTBEAT_MS,
        .token = visit->token,
        .token_open = hub_token_open,
        .tls = hub_tls(),
        .data = visit,
    };
    struct khub_callbacks callbacks = {.message = on_message, .state = on_state};
    int error = khub_new(&options, &callbacks, &visit->link);
    if (error == 0)
        return EXIT_WORKED;
    if (error == KHUB_E_ADDRESS) {
        complain(visit->command, "--hub is '%s': %s.", visit->address, khub_error_text(error));
        return EXIT_USAGE;
    }
    if (error == KHUB_E_ARGUMENT) {
        complain(visit->command,
                 "'%s' can't be an ai_id: it must be 1 to 128 bytes of UTF-8 without "
                 "control characters, and not the hub's own.",
                 visit->ai_id);
        return EXIT_USAGE;
    }
    return complain(visit->command, "%s", khub_error_text(error));
}

/* Of a link that has ended with a refusal that time heals. */
static int begin_again(struct visit *visit)
{
    struct timespec pause = {.tv_nsec = AGAIN_MS * 1000000L};
    khub_free(visit->link);
    visit->link = NULL;
    visit->error = 0;
    visit->why[0] = '\0';
    stop_poll(NULL, 0, &pause);
    return stop_asked() ? EXIT_FAILED : open_link(visit);
}

/* Has it ended for good? */
static bool begin_failed(struct visit *visit, enum visit_result result)
{
    if (result == VISIT_TURNED || !visit->unstored || visit->ended)
        return result != VISIT_TURNED;
    return begin_again(visit) != EXIT_WORKED;
}

/* Whether the link's next try may do better. To one that comes back with its resume_token it does,
 * when the hub has yet to see that its last connection is gone, and when the hub began anew: then
 * the link says no `since`. */
static bool may_join_yet(const struct visit *visit)
{
    return visit->patient || visit->unstored ||
           (visit->resume_token && (visit->in_use || visit->anew));
}

static int join(struct visit *visit)
{
    int code = open_link(visit);
    if (code != EXIT_WORKED) {
        visit->ended = true;
        return code;
    }
    int64_t until = visit->patient ? -1 : time_monotonic_ms() + VISIT_JOIN_MS;
    while (!visit->joined) {
        if (begin_failed(visit, visit_wait(visit, until, NULL, 0)))
            return EXIT_FAILED;
        if (visit->joined)
            break;
        if (visit->error != 0 && !may_join_yet(visit))
            return explain(visit);
        if (!visit->patient && time_monotonic_ms() >= until) {
            if (visit->error == 0)
                snprintf(visit->why, sizeof(visit->why),
                         "something took the connection, but did not answer as a hub does");
            return explain(visit);
        }
    }
    visit->error = 0; /* of a try that failed before */
    visit->why[0] = '\0';
    return EXIT_WORKED;
}

int visit_begin(struct visit *visit)
{
    char why[TOKEN_CHOICE_WHY_SIZE];
    if (!visit->ai_id) {
        identity_make(visit->command, visit->observer, visit->identity);
        visit->ai_id = visit->identity;
    }
    int code = hub_tls_check(visit->command, visit->address);
    if (code == EXIT_WORKED &&
        token_choose(visit->address, visit->token_file, visit->token, why) < 0)
        code = complain(visit->command, "%s", why);
    if (code == EXIT_WORKED)
        code = join(visit);
    else
        visit->ended = true;
    token_wipe(visit->token, sizeof visit->token);
    return code;
}

static struct timespec time_left(int64_t until, int link_ms, bool *ret_endless)
{
    int64_t left = until < 0 ? -1 : until - time_monotonic_ms();
    if (until >= 0 && left < 0)
        left = 0;
    if (link_ms >= 0 && (left < 0 || link_ms < left))
        left = link_ms;
    *ret_endless = left < 0;
    return (struct timespec){.tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000};
}

enum visit_result visit_wait(struct visit *visit, int64_t until, struct pollfd *polls, size_t count)
{
    struct pollfd all[VISIT_POLLS_MAX + 1] = {{.fd = -1}};
    if (count > VISIT_POLLS_MAX)
        abort();
    if (visit->ended)
        return VISIT_ENDED;
    all[0].fd = khub_fd(visit->link);
    all[0].events = (short)(POLLIN | (khub_wants_write(visit->link) ? POLLOUT : 0));
    for (size_t i = 0; i < count; i++)
        all[i + 1] = polls[i];
    bool endless;
    struct timespec left = time_left(until, khub_timeout_ms(visit->link), &endless);
    int ready = stop_poll(all, count + 1, endless ? NULL : &left);
    for (size_t i = 0; i < count; i++)
        polls[i].revents = ready > 0 ? all[i + 1].revents : 0;
    if (stop_asked())
        return VISIT_STOPPED;

    int error = khub_turn(visit->link);
    if (error == 0 && khub_link_state(visit->link) != KHUB_ENDED)
        return VISIT_TURNED;
    if (visit->error == 0)
        visit->error = error != 0 ? error : KHUB_E_CLOSED;
    if (visit->why[0] == '\0')
        snprintf(visit->why, sizeof(visit->why), "%s", khub_error_text(visit->error));
    if (!visit->unstored || visit->joined)
        explain(visit); /* else visit_begin tries again */
    return VISIT_ENDED;
}

/* Asks the hub whether it has judged all that was published before; `answers` goes up when it has.
 * False when it was not asked: the last question is still open, or the queue is full. */
static bool ask(struct visit *visit)
{
    return !visit->question[0] &&
           khub_publish(visit->link, "heartbeat", "{}", NULL, visit->question) == 0;
}

static bool is_sending(const struct visit *visit)
{
    return khub_link_state(visit->link) == KHUB_JOINED && khub_wants_write(visit->link);
}

bool visit_pause(struct visit *visit, int64_t retry_after_ms)
{
    int64_t ms = retry_after_ms > 0 ? retry_after_ms : TOO_FAST_MS;
    int64_t until = time_monotonic_ms() + ms;
    if (ms >= PAUSE_LONG && !visit->slowed) {
        complain(visit->command, "the hub takes the next message in %lld s; waiting, Ctrl-C stops.",
                 (long long)(ms + 999) / 1000);
        visit->slowed = true;
    }
    while (time_monotonic_ms() < until)
        if (visit_wait(visit, until, NULL, 0) != VISIT_TURNED)
            return false;
    return true;
}

int visit_settle(struct visit *visit, int ms)
{
    int64_t until = time_monotonic_ms() + ms;
    unsigned answers = visit->answers;
    bool asked = false;
    for (;;) {
        size_t queued = khub_queued(visit->link);
        bool settled =
            visit->acks ? queued == 0 : !visit->question[0] && asked && visit->answers > answers;
        if (settled)
            return 0;
        if (!visit->acks && !visit->question[0]) { /* of an earlier one the answer is not enough */
            answers = visit->answers;
            asked = ask(visit);
        }
        bool sending = is_sending(visit);
        if (visit_wait(visit, until, NULL, 0) != VISIT_TURNED)
            return -1;
        bool sent = sending && !is_sending(visit) && khub_link_state(visit->link) == KHUB_JOINED;
        if (sent || khub_queued(visit->link) < queued)
            until = time_monotonic_ms() + ms;
        if (time_monotonic_ms() >= until)
            return -1;
    }
}

/* The hub may pour out a full room before it notices that we leave: whoever was told to stop
 * waits less. */
static void leave(struct visit *visit)
{
    int64_t until = time_monotonic_ms() + FLUSH_MS;
    visit->quiet = true;
    if (visit->leaves)
        khub_leave(visit->link);
    else
        khub_close(visit->link);
    while (time_monotonic_ms() < until && visit_wait(visit, until, NULL, 0) == VISIT_TURNED)
        ;
    if (!visit->ended && stop_asked())
        khub_run(visit->link, STOPPED_MS);
}

void visit_end(struct visit *visit)
{
    if (visit->link && !visit->ended && !visit->abrupt)
        leave(visit);
    khub_free(visit->link);
    text_free(&visit->sync_text);
    visit->link = NULL;
}
