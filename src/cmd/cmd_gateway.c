/* khub gateway: HTTP for a hub that is elsewhere. */
#include <signal.h>
#include <string.h>

#include "cmd/commands.h"
#include "cmd/door.h"
#include "cmd/token_choice.h"
#include "cmd/visit.h"
#include "gateway/webhooks.h"
#include "wire/shown.h"

#define GATEWAY_ADDRESS "127.0.0.1:6080"

struct gateway_settings {
    const char *hub, *token_file, *room, *agents_room, *port_file;
    const char *tls_cert, *tls_key;
    struct text_list http, hosts, push_allow;
    bool push, share_token, http_insecure, quiet;
};

struct gateway_run {
    struct door door; /* first: it is the run */
    uv_signal_t interrupted, terminated, hung_up;
    bool ended;
    int code;
};

static void end(struct gateway_run *run)
{
    if (run->ended)
        return;
    run->ended = true;
    door_close(&run->door);
    uv_close((uv_handle_t *)&run->interrupted, NULL);
    uv_close((uv_handle_t *)&run->terminated, NULL);
    uv_close((uv_handle_t *)&run->hung_up, NULL);
}

static void on_signal(uv_signal_t *handle, int number)
{
    (void)number;
    end(handle->data);
}

static void on_hangup(uv_signal_t *handle, int number)
{
    struct gateway_run *run = handle->data;
    char said[TLS_WHY_SIZE + 64];
    (void)number;
    door_reload(&run->door, said, sizeof said);
}

static void on_refused(struct door *door, const char *why)
{
    struct gateway_run *run = (struct gateway_run *)door;
    run->code = complain("gateway", "the hub at %s refused us: %s", door->hub, why);
    end(run);
}

/* From here on until signals_begin they wait: whoever reads that it listens may end it. */
static void signals_hold(sigset_t *ret_before)
{
    sigset_t held;
    sigemptyset(&held);
    sigaddset(&held, SIGINT);
    sigaddset(&held, SIGTERM);
    sigaddset(&held, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &held, ret_before);
}

static void signals_begin(struct gateway_run *run)
{
    struct {
        uv_signal_t *handle;
        int number;
        uv_signal_cb called;
    } signals[] = {{&run->interrupted, SIGINT, on_signal},
                   {&run->terminated, SIGTERM, on_signal},
                   {&run->hung_up, SIGHUP, on_hangup}};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        uv_signal_init(&run->door.loop, signals[i].handle);
        signals[i].handle->data = run;
        uv_signal_start(signals[i].handle, signals[i].called, signals[i].number);
    }
}

/* Can it be posted at all, and to these? */
static bool push_check(const struct gateway_settings *settings)
{
    for (size_t i = 0; i < settings->push_allow.count; i++) {
        if (!webhooks_network_good(settings->push_allow.at[i])) {
            complain("gateway",
                     "--push-allow is '%s', which is no address or network: 10.1.2.3, 10.0.0.0/8.",
                     SHOWN(settings->push_allow.at[i]));
            return false;
        }
    }
    if ((settings->push || settings->push_allow.count) && !webhooks_possible()) {
        complain("gateway", "--push wants libcurl, which is not installed (libcurl4).");
        return false;
    }
    return true;
}

static int run(const void *data)
{
    const struct gateway_settings *settings = data;
    struct gateway_run run = {.door = {.hub = settings->hub,
                                       .room = settings->room,
                                       .agents_room = settings->agents_room,
                                       .tls = hub_tls(),
                                       .http = settings->http,
                                       .hosts = settings->hosts,
                                       .push_allow = settings->push_allow,
                                       .pushes = settings->push || settings->push_allow.count,
                                       .port_file = settings->port_file,
                                       .tls_cert = settings->tls_cert,
                                       .tls_key = settings->tls_key,
                                       .insecure = settings->http_insecure,
                                       .share_token = settings->share_token,
                                       .token_open = hub_token_open,
                                       .quiet = settings->quiet,
                                       .refused = on_refused}};
    char why[1024];
    _Static_assert(sizeof why >= TOKEN_CHOICE_WHY_SIZE && sizeof why >= TLS_WHY_SIZE, "its room");
    if (!settings->tls_cert != !settings->tls_key) {
        complain("gateway", "--tls-cert and --tls-key go together; 'khub cert DIR' makes a pair.");
        return EXIT_USAGE;
    }
    if (!push_check(settings))
        return EXIT_USAGE;
    run.code = hub_tls_check("gateway", settings->hub);
    if (run.code != EXIT_WORKED)
        return run.code;
    if (token_choose(settings->hub, settings->token_file, run.door.token, why) < 0)
        return complain("gateway", "%s", why);
    if (run.door.http.count == 0)
        run.door.http.at[run.door.http.count++] = GATEWAY_ADDRESS;
    signal(SIGPIPE, SIG_IGN);
    files_raise();
    sigset_t before;
    signals_hold(&before);
    run.code = door_open(&run.door, why, sizeof why);
    if (run.code == EXIT_WORKED)
        signals_begin(&run);
    else
        complain("gateway", "%s", why);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    uv_run(&run.door.loop, UV_RUN_DEFAULT);
    uv_loop_close(&run.door.loop);
    return run.code;
}

#define AT(member) .offset = offsetof(struct gateway_settings, member)
static const struct setting options[] = {
    CONFIG_SETTING,
    {.name = "http",
     .kind = SETTING_LIST,
     AT(http),
     .argument = "ADDRESS",
     .help = "Where to listen: host:port or [ipv6]:port; port 0 is any free one. What other "
             "machines reach wants --tls-cert. Without it: " GATEWAY_ADDRESS "."},
    {.name = "http-host",
     .kind = SETTING_LIST,
     AT(hosts),
     .argument = "NAME",
     .help = "A name that clients may call it by, beside localhost and the address that they "
             "connect to; a request that calls it otherwise is refused."},
    {.name = "push",
     .kind = SETTING_FLAG,
     AT(push),
     .help = "What becomes of tasks of A2A is posted to who asks for it: over https, to addresses "
             "of the Internet alone."},
    {.name = "push-allow",
     .kind = SETTING_LIST,
     AT(push_allow),
     .argument = "NETWORK",
     .help = "And to this address or network (10.1.2.3, 10.0.0.0/8, fd00::/8), which is none of "
             "those; to 127.0.0.1 also without TLS. Implies --push."},
    {.name = "tls-cert",
     .kind = SETTING_TEXT,
     AT(tls_cert),
     .argument = "FILE",
     .help = "A certificate (PEM, with those that lead to its issuer): it then answers https as "
             "well, on the same ports, and other machines nothing else. It and its key are read "
             "anew on SIGHUP."},
    {.name = "tls-key",
     .kind = SETTING_TEXT,
     AT(tls_key),
     .argument = "FILE",
     .help = "Its private key, which nobody else may read."},
    {.name = "http-insecure",
     .kind = SETTING_FLAG,
     AT(http_insecure),
     .help = "Other machines may come without TLS, where their tokens can be read on the way, and "
             "at a hub without tokens whoever reaches it is in."},
    HUB_PLACE_SETTING(struct gateway_settings),
    {.name = "room",
     .letter = 'r',
     .kind = SETTING_TEXT,
     AT(room),
     .argument = "ROOM",
     .bytes = ROOM_NAME_MAX,
     .fallback = DOOR_ROOM,
     .help = "The room that it looks on in, to know whether the hub is there. Best one without "
             "traffic; with a token that is bound to rooms, one of them."},
    {.name = "agents-room",
     .kind = SETTING_TEXT,
     AT(agents_room),
     .argument = "ROOM",
     .bytes = ROOM_NAME_MAX,
     .fallback = ROOM_DEFAULT,
     .help = "The room that clients of MCP join, when they name none."},
    {.name = "port-file",
     .kind = SETTING_TEXT,
     AT(port_file),
     .argument = "FILE",
     .help = "Writes the TCP port there once it listens; for scripts that use port 0."},
    {.name = "share-token",
     .kind = SETTING_FLAG,
     AT(share_token),
     .help =
         "Who shows no token is let in by the gateway's own: everybody on this machine may do "
         "by it what it allows. Without it the hub is asked whether it lets in who shows none."},
    {.name = "quiet",
     .letter = 'q',
     .kind = SETTING_FLAG,
     AT(quiet),
     .help = "No lines on stdout about the hub."},
    {0},
};

const struct command command_gateway = {
    .name = "gateway",
    .summary = "answer HTTP beside a hub: REST, MCP, WebSocket, metrics",
    .about =
        "Answers HTTP for a hub, wherever that is: /healthz (200 while this process lives), "
        "/readyz (200 while the hub has let it in and answers, else 503 and why), /metrics for "
        "Prometheus, REST under /v1 (/v1/openapi.json describes it), /mcp for clients that speak "
        "MCP, and /ws for AIs that speak the hub's own lines over WebSocket. It is one more "
        "client of the hub, an observer, and comes back whenever the hub "
        "does.\n\nClients show the token that the hub gave them (Authorization: Bearer khub_...), and "
        "their AIs join with it; what the hub does not let in, the gateway does not either. Its own "
        "token is for /readyz and for what it asks the hub itself.\n\nOther machines it answers over TLS "
        "alone, and only beside a hub that asks for tokens. It refuses requests that call it by "
        "another name (Host) or come from a web page (Origin).",
    .example = "  khub gateway &\n"
               "  curl http://127.0.0.1:6080/readyz\n"
               "  khub gateway --hub khubs://hub.example:6000 --http 127.0.0.1:9100",
    .worked = "was stopped",
    .failed = "could not listen, or the hub refused it for good",
    .options = options,
    .settings_size = sizeof(struct gateway_settings),
    .run = run,
};
