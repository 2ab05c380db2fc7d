/* khub gateway: HTTP for a hub that is elsewhere. */
#include <stdlib.h>
#include <string.h>

#include "cmd/commands.h"
#include "cmd/terminal.h"
#include "cmd/token_choice.h"
#include "cmd/visit.h"
#include "gateway/gateway.h"

#define GATEWAY_ADDRESS "127.0.0.1:6080"
#define GATEWAY_ROOM    "gateway"

struct gateway_settings {
    const char *hub, *token_file, *room;
    struct text_list http;
    bool quiet;
};

struct door {
    uv_loop_t loop;
    uv_signal_t interrupted, terminated;
    struct gateway *gateway;
    const struct gateway_settings *settings;
    char token[TOKEN_TEXT_SIZE];
    bool closed;
    int code;
};

static void say(const struct door *door, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A sentence for people, which may quote a hub. */
static void say(const struct door *door, const char *format, ...)
{
    struct terminal terminal = terminal_of(STDOUT_FILENO, "never");
    struct line line;
    va_list arguments;
    if (door->settings->quiet)
        return;
    line_begin(&line, &terminal);
    line.width = 0;
    va_start(arguments, format);
    line_addf(&line, "[gateway] ");
    line_addv(&line, format, arguments);
    va_end(arguments);
    line_print(&line, stdout);
    line_free(&line);
    output_flush();
}

/* ── what happens ── */

static void door_close(struct door *door)
{
    if (door->closed)
        return;
    door->closed = true;
    gateway_close(door->gateway);
    uv_close((uv_handle_t *)&door->interrupted, NULL);
    uv_close((uv_handle_t *)&door->terminated, NULL);
}

static void on_signal(uv_signal_t *handle, int number)
{
    (void)number;
    door_close(handle->data);
}

static void on_changed(struct gateway *gateway, const char *why, void *data)
{
    const struct door *door = data;
    char place[PLACE_SIZE];
    (void)gateway;
    if (why)
        say(door, "the hub at %s is not there: %s", door->settings->hub, why);
    else
        say(door, "joined the hub at %s",
            place_text(door->settings->hub, door->settings->room, place));
}

/* ── its beginning and end ── */

static void signals_begin(struct door *door)
{
    struct {
        uv_signal_t *handle;
        int number;
    } signals[] = {{&door->interrupted, SIGINT}, {&door->terminated, SIGTERM}};
    for (size_t i = 0; i < 2; i++) {
        uv_signal_init(&door->loop, signals[i].handle);
        signals[i].handle->data = door;
        uv_signal_start(signals[i].handle, on_signal, signals[i].number);
    }
}

static void on_refused(struct gateway *gateway, int error, const char *why, void *data)
{
    struct door *door = data;
    (void)gateway, (void)error;
    door->code = complain("gateway", "the hub at %s refused us: %s", door->settings->hub, why);
    door_close(door);
}

static int listen_all(struct door *door)
{
    const struct gateway_settings *settings = door->settings;
    char why[512], addresses[512];
    for (size_t i = 0; i < settings->http.count || i == 0; i++) {
        const char *address = settings->http.count ? settings->http.at[i] : GATEWAY_ADDRESS;
        if (gateway_listen(door->gateway, address, why, sizeof why) < 0)
            return complain("gateway", "%s", why);
    }
    say(door, "HTTP at %s; only this machine can reach it",
        http_server_addresses(gateway_http(door->gateway), addresses, sizeof addresses));
    return EXIT_WORKED;
}

static int serve(struct door *door)
{
    const struct gateway_settings *settings = door->settings;
    char identity[IDENTITY_SIZE];
    identity_make("gateway", identity);
    struct gateway_options options = {.link = {.address = settings->hub,
                                               .ai_id = identity,
                                               .specialization = "gateway",
                                               .room = settings->room,
                                               .version = KHUB_VERSION,
                                               .token = door->token,
                                               .token_open = hub_token_open,
                                               .tls = hub_tls()}};
    const struct gateway_callbacks callbacks = {.changed = on_changed, .refused = on_refused};
    int error = gateway_new(&door->loop, &options, &callbacks, door, &door->gateway);
    token_wipe(door->token, sizeof door->token);
    if (error < 0) {
        complain("gateway", "--hub is '%s': %s.", settings->hub, khub_error_text(error));
        return error == KHUB_E_ADDRESS ? EXIT_USAGE : EXIT_FAILED;
    }
    signals_begin(door);
    door->code = listen_all(door);
    if (door->code != EXIT_WORKED)
        door_close(door);
    uv_run(&door->loop, UV_RUN_DEFAULT);
    return door->code;
}

static int run(const void *data)
{
    struct door door = {.settings = data};
    char why[TOKEN_CHOICE_WHY_SIZE];
    int code = hub_tls_check("gateway", door.settings->hub);
    if (code != EXIT_WORKED)
        return code;
    if (token_choose(door.settings->hub, door.settings->token_file, door.token, why) < 0)
        return complain("gateway", "%s", why);
    signal(SIGPIPE, SIG_IGN);
    uv_loop_init(&door.loop);
    code = serve(&door);
    uv_run(&door.loop, UV_RUN_DEFAULT); /* what is still closing */
    uv_loop_close(&door.loop);
    return code;
}

#define AT(member) .offset = offsetof(struct gateway_settings, member)
static const struct setting options[] = {
    {.name = "http",
     .kind = SETTING_LIST,
     AT(http),
     .argument = "ADDRESS",
     .help = "Where to listen: host:port or [ipv6]:port, of this machine alone; port 0 is any free "
             "one. Without it: " GATEWAY_ADDRESS "."},
    HUB_PLACE_SETTING(struct gateway_settings),
    {.name = "room",
     .letter = 'r',
     .kind = SETTING_TEXT,
     AT(room),
     .argument = "ROOM",
     .bytes = ROOM_NAME_MAX,
     .fallback = GATEWAY_ROOM,
     .help = "The room that it looks on in, to know whether the hub is there. Best one without "
             "traffic; with a token that is bound to rooms, one of them."},
    {.name = "quiet",
     .letter = 'q',
     .kind = SETTING_FLAG,
     AT(quiet),
     .help = "No lines on stdout about the hub."},
    {0},
};

const struct command command_gateway = {
    .name = "gateway",
    .summary = "answer HTTP beside a hub: is it well, and metrics",
    .about =
        "Answers HTTP for a hub, wherever that is: /healthz (200 while this process lives), "
        "/readyz (200 while the hub has let it in and answers, else 503 and why), and /metrics for "
        "Prometheus. It is one more client of the hub, an observer, and comes back whenever the hub "
        "does.\n\nNobody is asked for a token, so it listens on addresses of this machine alone, and "
        "refuses requests that call it by another name (Host) or come from a web page (Origin). It "
        "speaks no TLS yet.",
    .example = "  khub gateway &\n"
               "  curl http://127.0.0.1:6080/readyz\n"
               "  khub gateway --hub khubs://hub.example:6000 --http 127.0.0.1:9100",
    .worked = "was stopped",
    .failed = "could not listen, or the hub refused it for good",
    .options = options,
    .settings_size = sizeof(struct gateway_settings),
    .run = run,
};
