/* khub mcp: a bridge by which an LLM's client (MCP on stdio) joins a hub. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "cmd/commands.h"
#include "cmd/hub_tls.h"
#include "cmd/mcp_keeper.h"
#include "cmd/token_choice.h"
#include "cmd/visit.h"
#include "gateway/bounds.h"
#include "gateway/mcp.h"
#include "wire/frame.h"

#define UNREAD_BYTES_MAX                                                                           \
    (64u << 20)        /* bytes that the client has yet to read; then it is given up */
#define FINISH_MS 5000 /* for answers under way when stdin has ended */

struct mcp_settings {
    const char *hub, *token_file, *room, *as, *specialization, *state;
    long stays;
};

/* A client at stdin and stdout. */
struct bridge {
    struct mcp_outlet outlet; /* first: it is the bridge */
    uv_loop_t loop;
    uv_stream_t *in, *out;
    union {
        uv_pipe_t pipe;
        uv_tty_t tty;
    } in_handle, out_handle;
    uv_signal_t interrupted, terminated;
    uv_prepare_t finishing;
    uv_timer_t finish_timer;
    struct frame frame;
    struct mcp *mcp;
    struct membership_keeper keeper;
    char token[TOKEN_TEXT_SIZE];
    char chunk[65536];
    bool ended; /* nothing more comes in */
    bool closed;
    int code;
};

/* ── out ── */

struct unwritten {
    uv_write_t request;
    char *text;
};

static void bridge_close(struct bridge *bridge);

static void on_written(uv_write_t *request, int status)
{
    struct unwritten *unwritten = (struct unwritten *)request;
    struct bridge *bridge = request->handle->data;
    free(unwritten->text);
    free(unwritten);
    if (status < 0)
        bridge_close(bridge);
}

static void bridge_send(struct mcp_outlet *outlet, const json_t *message)
{
    struct bridge *bridge = (struct bridge *)outlet;
    if (bridge->closed)
        return;
    if (uv_stream_get_write_queue_size(bridge->out) > UNREAD_BYTES_MAX) {
        bridge->code = complain("mcp", "the client has not read its last %u MiB: giving it up.",
                                UNREAD_BYTES_MAX >> 20);
        bridge_close(bridge);
        return;
    }
    struct unwritten *unwritten = malloc(sizeof *unwritten);
    char *text = json_dumps(message, JSON_COMPACT);
    size_t len = text ? strlen(text) : 0;
    if (!unwritten || !text) {
        free(unwritten);
        free(text);
        bridge->code = complain("mcp", "out of memory");
        bridge_close(bridge);
        return;
    }
    text[len] = '\n'; /* in the place of its NUL */
    unwritten->text = text;
    uv_buf_t buffer = uv_buf_init(text, (unsigned)len + 1);
    if (uv_write(&unwritten->request, bridge->out, &buffer, 1, on_written) < 0) {
        free(text);
        free(unwritten);
        bridge_close(bridge);
    }
}

/* ── in ── */

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buffer)
{
    struct bridge *bridge = handle->data;
    (void)suggested;
    *ret_buffer = uv_buf_init(bridge->chunk, sizeof bridge->chunk);
}

static void take(struct bridge *bridge, struct slice input)
{
    struct slice line;
    enum frame_result result;
    while (!bridge->closed && (result = frame_next(&bridge->frame, &input, &line)) != FRAME_MORE) {
        if (result == FRAME_LINE)
            mcp_take(bridge->mcp, line, &bridge->outlet);
        else
            complain("mcp",
                     result == FRAME_TOO_LONG ? "a message of over %u MiB was skipped"
                                              : "a message was skipped: out of memory",
                     RPC_LINE_MAX >> 20);
    }
}

static void on_finishing(uv_prepare_t *prepare)
{
    struct bridge *bridge = prepare->data;
    if (!mcp_busy(bridge->mcp))
        bridge_close(bridge);
}

static void on_finish_time(uv_timer_t *timer)
{
    bridge_close(timer->data);
}

/* What was asked is still answered; who waited for something to come has waited in vain. */
static void finish(struct bridge *bridge)
{
    if (bridge->ended || bridge->closed)
        return;
    bridge->ended = true;
    mcp_finish(bridge->mcp);
    uv_prepare_start(&bridge->finishing, on_finishing);
    uv_timer_start(&bridge->finish_timer, on_finish_time, FINISH_MS, 0);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct bridge *bridge = stream->data;
    if (count > 0)
        take(bridge, (struct slice){buffer->base, (size_t)count});
    else if (count < 0)
        finish(bridge);
}

static void on_signal(uv_signal_t *handle, int number)
{
    (void)number;
    bridge_close(handle->data);
}

/* ── its beginning and end ── */

static void close_handle(uv_handle_t *handle)
{
    if (handle && !uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void on_shut(uv_shutdown_t *request, int status)
{
    (void)status;
    close_handle((uv_handle_t *)request->handle);
    free(request);
}

/* The AI goes from the hub, and what was answered goes out. */
static void bridge_close(struct bridge *bridge)
{
    if (bridge->closed)
        return;
    bridge->closed = true;
    mcp_close(bridge->mcp);
    close_handle((uv_handle_t *)bridge->in);
    close_handle((uv_handle_t *)&bridge->interrupted);
    close_handle((uv_handle_t *)&bridge->terminated);
    close_handle((uv_handle_t *)&bridge->finishing);
    close_handle((uv_handle_t *)&bridge->finish_timer);
    uv_shutdown_t *shut = malloc(sizeof *shut);
    if (!shut || uv_shutdown(shut, bridge->out, on_shut) < 0) {
        free(shut);
        close_handle((uv_handle_t *)bridge->out);
    }
}

/* stdin or stdout as a stream; NULL after a sentence. */
static uv_stream_t *stream_open(struct bridge *bridge, int fd, uv_pipe_t *pipe, uv_tty_t *tty)
{
    uv_stream_t *stream = NULL;
    int error;
    if (uv_guess_handle(fd) == UV_TTY) {
        error = uv_tty_init(&bridge->loop, tty, fd, 0);
        stream = (uv_stream_t *)tty;
    } else {
        uv_pipe_init(&bridge->loop, pipe, 0);
        error = uv_pipe_open(pipe, fd);
        stream = (uv_stream_t *)pipe;
    }
    stream->data = bridge;
    if (error == 0)
        return stream;
    complain("mcp", "%s must be a pipe: %s", fd == STDIN_FILENO ? "stdin" : "stdout",
             uv_strerror(error));
    return NULL;
}

static void handles_begin(struct bridge *bridge)
{
    struct {
        uv_signal_t *handle;
        int number;
    } signals[] = {{&bridge->interrupted, SIGINT}, {&bridge->terminated, SIGTERM}};
    for (size_t i = 0; i < 2; i++) {
        uv_signal_init(&bridge->loop, signals[i].handle);
        signals[i].handle->data = bridge;
        uv_signal_start(signals[i].handle, on_signal, signals[i].number);
    }
    uv_prepare_init(&bridge->loop, &bridge->finishing);
    uv_timer_init(&bridge->loop, &bridge->finish_timer);
    bridge->finishing.data = bridge->finish_timer.data = bridge;
}

static int serve(struct bridge *bridge, const struct mcp_settings *settings)
{
    struct mcp_options options = {
        .loop = &bridge->loop,
        .outlet = &bridge->outlet,
        .keeper = &bridge->keeper.face,
        .link = {.address = settings->hub,
                 .ai_id = settings->as,
                 .specialization = settings->specialization,
                 .room = settings->room,
                 .version = KHUB_VERSION,
                 .stays_s = (unsigned)settings->stays,
                 .token = bridge->token,
                 .token_open = hub_token_open,
                 .tls = hub_tls()},
    };
    bridge->in = stream_open(bridge, STDIN_FILENO, &bridge->in_handle.pipe, &bridge->in_handle.tty);
    if (!bridge->in)
        return EXIT_FAILED;
    bridge->out =
        stream_open(bridge, STDOUT_FILENO, &bridge->out_handle.pipe, &bridge->out_handle.tty);
    bridge->mcp = bridge->out ? mcp_new(&options) : NULL;
    if (!bridge->mcp)
        return bridge->out ? complain("mcp", "out of memory") : EXIT_FAILED;
    handles_begin(bridge);
    uv_read_start(bridge->in, on_room, on_read);
    uv_run(&bridge->loop, UV_RUN_DEFAULT);
    return bridge->code;
}

static int run_bridge(struct bridge *bridge, const struct mcp_settings *settings)
{
    char why[TOKEN_CHOICE_WHY_SIZE];
    if (token_choose(settings->hub, settings->token_file, bridge->token, why) < 0)
        return complain("mcp", "%s", why);
    signal(SIGPIPE, SIG_IGN);
    bridge->outlet.send = bridge_send;
    frame_init(&bridge->frame, RPC_LINE_MAX);
    bridge->keeper = (struct membership_keeper){.command = "mcp",
                                                .state = settings->state,
                                                .hub = settings->hub,
                                                .stays_s = settings->stays};
    membership_keeper_begin(&bridge->keeper);
    uv_loop_init(&bridge->loop);
    int code = serve(bridge, settings);
    frame_free(&bridge->frame);
    membership_keeper_end(&bridge->keeper);
    uv_loop_close(&bridge->loop);
    token_wipe(bridge->token, sizeof bridge->token);
    return code;
}

static int run(const void *data)
{
    const struct mcp_settings *settings = data;
    int code = hub_tls_check("mcp", settings->hub);
    if (code != EXIT_WORKED)
        return code;
    struct bridge *bridge = calloc(1, sizeof *bridge);
    code = bridge ? run_bridge(bridge, settings) : complain("mcp", "out of memory");
    free(bridge);
    return code;
}

#define AT(member) .offset = offsetof(struct mcp_settings, member)
static const struct setting options[] = {
    HUB_SETTING(struct mcp_settings),
    {.name = "as",
     .kind = SETTING_TEXT,
     AT(as),
     .argument = "AI_ID",
     .bytes = WIRE_ID_MAX,
     .environment = "KHUB_AS",
     .help = "The name to join under, when the model names none. Without it: the client's, and a "
             "few digits."},
    {.name = "specialization",
     .kind = SETTING_TEXT,
     AT(specialization),
     .argument = "TEXT",
     .bytes = 64,
     .fallback = "general",
     .help = "What this AI works on, when the model does not say."},
    {.name = "stays",
     .kind = SETTING_WHOLE,
     AT(stays),
     .argument = "SECONDS",
     .low = 1,
     .high = STAY_MAX_S,
     .fallback = "1800",
     .help = "For so long the AI is a member, away, when the client has ended it: started again it "
             "is the same, and what came meanwhile waits."},
    {.name = "state",
     .kind = SETTING_TEXT,
     AT(state),
     .argument = "FILE",
     .environment = "KHUB_STATE",
     .help = "What is kept of the AI. Without it: $KHUB_STATE, else .khub/NAME.json in the nearest "
             "directory, from here upwards, that has a .khub or a .git, else in this one."},
    {0},
};

const struct command command_mcp = {
    .name = "mcp",
    .summary = "a bridge for LLM clients that speak MCP",
    .about =
        "Speaks MCP, the Model Context Protocol, on stdin and stdout: an LLM's client starts it, "
        "and finds tools to join a hub, to read and say, to claim work, to search what is known, "
        "and to work in sessions. Versions 2024-11-05 to 2025-11-25 and 2026-07-28.\n"
        "The AI joins with the first call that needs the hub. When stdin ends it is away, and leaves "
        "for good when it has been so for --stays seconds, or by the tool leave.",
    .example = "  claude mcp add khub -- khub mcp --as reviewer\n"
               "  codex mcp add khub -- khub mcp --hub khubs://hub.example:6000",
    .worked = "the client ended the conversation",
    .failed = "stdin or stdout can't be used, or the token file can't",
    .options = options,
    .settings_size = sizeof(struct mcp_settings),
    .run = run,
};
