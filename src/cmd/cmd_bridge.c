/* khub bridge: an agent that is elsewhere, and speaks another protocol, as an AI of a hub. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/hub_tls.h"
#include "cmd/mcp_keeper.h"
#include "cmd/terminal.h"
#include "cmd/token_choice.h"
#include "cmd/visit.h"
#include "gateway/bridge.h"
#include "wire/secret.h"
#include "wire/shown.h"

#define HEADERS_MAX  16u
#define HEADERS_SIZE 16384u

struct bridge_settings {
    const char *kind, *url;
    const char *hub, *token_file, *room, *as, *specialization, *state;
    const char *header_file, *agent_ca;
    struct text_list allow;
    long stays, tries;
    bool quiet;
};

struct bridge_run {
    const struct bridge_settings *settings;
    uv_loop_t loop;
    uv_signal_t interrupted, terminated;
    struct bridge *bridge;
    struct membership_keeper keeper;
    struct mail_past past;
    const char *allow[LIST_MAX + 1], *headers[HEADERS_MAX + 1];
    char token[TOKEN_TEXT_SIZE];
    char header_text[HEADERS_SIZE];
    bool ended;
    int code;
};

/* ── what is shown to the agent ── */

/* The file's text. 0, or an exit code after a sentence. */
static int header_read(const char *path, char text[HEADERS_SIZE])
{
    struct stat found;
    size_t len = 0;
    ssize_t got = 1;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (file < 0 || fstat(file, &found) < 0) {
        complain("bridge", "--header-file '%s': %s.", SHOWN(path), strerror(errno));
        return EXIT_USAGE;
    }
    bool own = (found.st_mode & 077) == 0;
    while (own && len < HEADERS_SIZE - 1 && got > 0) {
        got = read(file, text + len, HEADERS_SIZE - 1 - len);
        len += got > 0 ? (size_t)got : 0;
    }
    close(file);
    text[len] = '\0';
    if (own && len < HEADERS_SIZE - 1 && strlen(text) == len)
        return 0;
    if (!own)
        complain("bridge",
                 "others may read --header-file '%s' (its mode is %04o): chmod 600 it, and if they "
                 "did, have what is in it replaced.",
                 SHOWN(path), found.st_mode & 07777);
    else
        complain("bridge", "--header-file '%s' is no text, or has more than %u bytes.", SHOWN(path),
                 HEADERS_SIZE - 2);
    return EXIT_USAGE;
}

/* "Name: value", of what may stand there. */
static bool is_header(const char *line)
{
    static const char token[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    size_t name = strspn(line, token);
    if (name == 0 || line[name] != ':' || !line[name + 1 + strspn(line + name + 1, " ")])
        return false;
    for (; *line; line++)
        if ((unsigned char)*line < ' ' || *line == 0x7f)
            return false;
    return true;
}

/* Each line of the file is one; none of them is shown when it is wrong. */
static int headers_read(struct bridge_run *run)
{
    const char *path = run->settings->header_file;
    size_t count = 0, number = 0;
    char *rest = run->header_text, *line;
    int code = path ? header_read(path, run->header_text) : 0;
    if (!path || code != 0)
        return code;
    while ((line = strsep(&rest, "\n"))) {
        line[strcspn(line, "\r")] = '\0';
        number++;
        if (!*line)
            continue;
        if (!is_header(line) || count == HEADERS_MAX) {
            complain("bridge", "line %zu of --header-file '%s' is %s.", number, SHOWN(path),
                     count == HEADERS_MAX
                         ? "one too many: 16 are shown at the most"
                         : "no header: one is written 'Authorization: Bearer ...'");
            return EXIT_USAGE;
        }
        run->headers[count++] = line;
    }
    return 0;
}

/* ── what the bridge tells ── */

static void on_say(const char *text, void *data)
{
    const struct bridge_run *run = data;
    struct terminal terminal = terminal_of(STDOUT_FILENO, "never");
    struct line line;
    if (run->settings->quiet)
        return;
    line_begin(&line, &terminal);
    line.width = 0;
    line_addf(&line, "[bridge] %s", text);
    line_print(&line, stdout);
    line_free(&line);
    output_flush();
}

static void end(struct bridge_run *run)
{
    if (run->ended)
        return;
    run->ended = true;
    bridge_close(run->bridge);
    uv_close((uv_handle_t *)&run->interrupted, NULL);
    uv_close((uv_handle_t *)&run->terminated, NULL);
}

static void on_ended(const char *why, void *data)
{
    struct bridge_run *run = data;
    const struct bridge_settings *settings = run->settings;
    bool joined = run->bridge && bridge_has_card(run->bridge);
    if (joined)
        run->code = complain("bridge", "the hub at %s refused us: %s", settings->hub, why);
    else
        run->code = complain("bridge", "no card of an agent at %s: %s", SHOWN(settings->url), why);
    end(run);
}

static void on_signal(uv_signal_t *handle, int number)
{
    (void)number;
    end(handle->data);
}

static void on_keep(struct agent *agent, void *data)
{
    struct bridge_run *run = data;
    run->keeper.face.keep(&run->keeper.face, agent, false);
}

/* ── its run ── */

static void signals_begin(struct bridge_run *run)
{
    struct {
        uv_signal_t *handle;
        int number;
    } signals[] = {{&run->interrupted, SIGINT}, {&run->terminated, SIGTERM}};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        uv_signal_init(&run->loop, signals[i].handle);
        signals[i].handle->data = run;
        uv_signal_start(signals[i].handle, on_signal, signals[i].number);
    }
}

/* What an earlier process kept of this AI. NULL, after a sentence: nothing can be kept. */
static json_t *recall(struct bridge_run *run, struct khub_options *link, bool *ret_known)
{
    struct membership_keeper *keeper = &run->keeper;
    *ret_known = keeper->face.recall(&keeper->face, "", link, &run->past);
    json_t *notes = keeper->open ? json_object_get(keeper->member.root, "bridge") : NULL;
    if (keeper->open && !json_is_object(notes))
        json_object_set_new(keeper->member.root, "bridge", notes = json_object());
    return notes;
}

static int serve(struct bridge_run *run)
{
    const struct bridge_settings *settings = run->settings;
    bool known;
    struct bridge_options options = {.loop = &run->loop,
                                     .agent = {.url = settings->url,
                                               .headers = run->headers,
                                               .allowed = run->allow,
                                               .ca = settings->agent_ca},
                                     .link = {.address = settings->hub,
                                              .ai_id = settings->as,
                                              .specialization = settings->specialization,
                                              .room = settings->room,
                                              .version = KHUB_VERSION,
                                              .stays_s = (unsigned)settings->stays,
                                              .token = run->token,
                                              .token_open = hub_token_open,
                                              .tls = hub_tls()},
                                     .tries = (unsigned)settings->tries,
                                     .keep = on_keep,
                                     .say = on_say,
                                     .ended = on_ended,
                                     .data = run};
    options.notes = recall(run, &options.link, &known);
    if (!options.notes)
        return EXIT_FAILED;
    options.past = known ? &run->past : NULL;
    signals_begin(run);
    run->bridge = bridge_new(&options);
    if (!run->bridge) {
        run->code = complain("bridge", "out of memory");
        end(run);
    }
    uv_run(&run->loop, UV_RUN_DEFAULT);
    return run->code;
}

/* 0, or an exit code after a sentence. */
static int check(struct bridge_run *run)
{
    const struct bridge_settings *settings = run->settings;
    char origin[320];
    if (!http_client_possible()) {
        complain("bridge", "it wants libcurl, which is not installed (libcurl4).");
        return EXIT_FAILED;
    }
    if (!settings->as) {
        complain("bridge", "--as NAME is missing: under which the agent joins the hub.");
        return EXIT_USAGE;
    }
    if (!a2a_origin(settings->url, origin)) {
        complain("bridge", "'%s' is no URL of http or https: https://agent.example.",
                 SHOWN(settings->url));
        return EXIT_USAGE;
    }
    for (size_t i = 0; i < settings->allow.count; i++) {
        run->allow[i] = settings->allow.at[i];
        if (!a2a_origin(run->allow[i], origin)) {
            complain("bridge", "--allow is '%s', which is no origin: https://host:port.",
                     SHOWN(run->allow[i]));
            return EXIT_USAGE;
        }
    }
    if (settings->agent_ca && access(settings->agent_ca, R_OK) < 0) {
        complain("bridge", "--agent-ca '%s': %s.", SHOWN(settings->agent_ca), strerror(errno));
        return EXIT_USAGE;
    }
    int code = hub_tls_check("bridge", settings->hub);
    return code != EXIT_WORKED ? code : headers_read(run);
}

static int run_whole(struct bridge_run *run)
{
    const struct bridge_settings *settings = run->settings;
    char why[TOKEN_CHOICE_WHY_SIZE];
    int code = check(run);
    if (code != 0)
        return code;
    if (token_choose(settings->hub, settings->token_file, run->token, why) < 0)
        return complain("bridge", "%s", why);
    signal(SIGPIPE, SIG_IGN);
    run->keeper = (struct membership_keeper){.command = "bridge",
                                             .state = settings->state,
                                             .hub = settings->hub,
                                             .stays_s = settings->stays};
    membership_keeper_begin(&run->keeper);
    uv_loop_init(&run->loop);
    code = serve(run);
    membership_keeper_end(&run->keeper);
    uv_loop_close(&run->loop);
    token_wipe(run->token, sizeof run->token);
    return code;
}

static int run(const void *data)
{
    struct bridge_run *whole = calloc(1, sizeof *whole);
    if (!whole)
        return complain("bridge", "out of memory");
    whole->settings = data;
    int code = run_whole(whole);
    secret_free(whole, sizeof *whole);
    return code;
}

#define AT(member) .offset = offsetof(struct bridge_settings, member)
static const struct setting options[] = {
    HUB_SETTING(struct bridge_settings),
    {.name = "as",
     .kind = SETTING_TEXT,
     AT(as),
     .argument = "NAME",
     .bytes = WIRE_ID_MAX,
     .environment = "KHUB_AS",
     .help = "Its name at the hub. Must be said."},
    {.name = "specialization",
     .kind = SETTING_TEXT,
     AT(specialization),
     .argument = "TEXT",
     .bytes = 64,
     .fallback = "a2a-agent",
     .help = "What the hub is told that it works on; what it can do, its card says."},
    {.name = "header-file",
     .kind = SETTING_TEXT,
     AT(header_file),
     .argument = "FILE",
     .help = "Headers to show to the agent, one a line (Authorization: Bearer ...), in a file that "
             "only you may read. They go to where URL leads and --allow names, and without TLS to "
             "this machine alone."},
    {.name = "allow",
     .kind = SETTING_LIST,
     AT(allow),
     .argument = "ORIGIN",
     .help =
         "The card may lead there (https://host:port), too; else only to where it lies itself."},
    {.name = "agent-ca",
     .kind = SETTING_TEXT,
     AT(agent_ca),
     .argument = "FILE",
     .help =
         "Certificates (PEM) of who vouches for the agent. Without it: whom the system trusts."},
    {.name = "tries",
     .kind = SETTING_WHOLE,
     AT(tries),
     .argument = "N",
     .low = 1,
     .high = 20,
     .fallback = "6",
     .help = "So often a question is put to an agent that is away, after 0.5 s, 1 s, 2 s and so "
             "on; then who asked is told so."},
    {.name = "stays",
     .kind = SETTING_WHOLE,
     AT(stays),
     .argument = "SECONDS",
     .low = 1,
     .high = STAY_MAX_S,
     .fallback = "86400",
     .help =
         "For so long it is a member, away, when the bridge has ended: started again it goes on "
         "where it was, and what came meanwhile waits."},
    {.name = "state",
     .kind = SETTING_TEXT,
     AT(state),
     .argument = "FILE",
     .environment = "KHUB_STATE",
     .help = "What is kept of it: how far it has read, and what it has asked the agent. Without "
             "it: $KHUB_STATE, else .khub/NAME.json in the nearest directory, from here upwards, "
             "that has a .khub or a .git, else in this one."},
    {.name = "quiet",
     .letter = 'q',
     .kind = SETTING_FLAG,
     AT(quiet),
     .help = "No lines on stdout about what it does."},
    {0},
};

static const char *const kinds[] = {"a2a", NULL};
static const struct setting operands[] = {
    {.name = "PROTOCOL",
     .kind = SETTING_CHOICE,
     AT(kind),
     .choices = kinds,
     .required = true,
     .help = "What the agent speaks."},
    {.name = "URL",
     .kind = SETTING_TEXT,
     AT(url),
     .bytes = 1024,
     .required = true,
     .help = "Where it is, or its card: /.well-known/agent-card.json is looked for there, unless "
             "it ends in .json."},
    {0},
};

const struct command command_bridge = {
    .name = "bridge",
    .summary = "bring an agent from outside into a hub, by A2A",
    .about =
        "Reads the card of an A2A agent (1.0 or 0.3, over JSON-RPC or HTTP+JSON) and joins the hub "
        "as NAME, with the agent's skills as capabilities. A chat to NAME, and a session that is "
        "offered to it, is put to the agent; what the agent answers, its progress and its artifacts "
        "come back as messages of NAME, in reply to what was asked. Each peer, and each session, "
        "has a conversation of its own.\n\n"
        "Who asks is always told: by an answer, or, when the agent is away, refuses or breaks off, "
        "by a chat that says so and that answers nothing: the hub then says 'seen', and not 'acted "
        "on'. Whoever ends a session cancels the agent's task. After a kill the bridge goes on where "
        "it was, and no question is put a second time.\n\n"
        "What peers say goes to the agent as it is: it is the agent's to take it for what it is, "
        "words of strangers.",
    .example = "  khub bridge a2a https://agent.example --as reviewer\n"
               "  khub bridge a2a http://127.0.0.1:6080/a2a/ada --as ada-of-next-door\n"
               "  khub bridge a2a https://agent.example --as reviewer --header-file ~/agent.header",
    .worked = "was stopped",
    .failed = "the card can't be read, or the hub refused it for good",
    .options = options,
    .operands = operands,
    .settings_size = sizeof(struct bridge_settings),
    .run = run,
};
