/* khub serve: the hub. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/data_place.h"
#include "cmd/door.h"
#include "cmd/other_user.h"
#include "cmd/token_choice.h"
#include "cmd/visit.h"
#include "net/heap.h"
#include "net/server.h"
#include "store/store.h"
#include "wire/bounds.h"

struct serve_settings {
    struct text_list listen, http, http_hosts;
    long port;
    bool insecure, no_tokens, quiet, memory, salvage, no_confine, http_share_token;
    size_t max_line, sync_limit, max_knowledge, max_output;
    double rate;
    size_t rate_bytes;
    long max_chain, epoch;
    long max_connections, owner_connections, owner_sessions, owner_entries;
    size_t owner_knowledge, owner_daily;
    double room_rate;
    size_t room_rate_bytes, room_daily;
    long room_connections, room_sessions, room_entries;
    const char *port_file, *log, *data, *sync, *retain, *user;
    const char *tls_cert, *tls_key, *tls_client_ca, *tls_min;
    const char *http_token, *http_room;
};

/* "-" is stdout, to stand in a pipe; a file is added to. A descriptor, or -1. */
static int open_log(const char *path)
{
    if (strcmp(path, "-") == 0)
        return STDOUT_FILENO;
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
}

/* "always", "none", "interval:MS". 0, or -1. */
static int read_sync(const char *text, enum store_sync *ret_sync, unsigned *ret_ms)
{
    char end;
    *ret_ms = 100;
    if (strcmp(text, "always") == 0 || strcmp(text, "none") == 0) {
        *ret_sync = *text == 'a' ? STORE_SYNC_ALWAYS : STORE_SYNC_NONE;
        return 0;
    }
    *ret_sync = STORE_SYNC_INTERVAL;
    return sscanf(text, "interval:%u%c", ret_ms, &end) == 1 && *ret_ms >= 1 && *ret_ms <= 60000
               ? 0
               : -1;
}

/* "30d,10M,20G": how old, how many, how large; "-" in a place is no bound. 0, or -1. */
static int read_retain(const char *text, struct server_options *options)
{
    char age[16], count[16], bytes[16], end;
    size_t entries = 0, size = 0;
    if (sscanf(text, "%15[^,],%15[^,],%15[^,]%c", age, count, bytes, &end) != 3 ||
        (strcmp(age, "-") != 0 && age_parse(age, &options->retain_ms) < 0) ||
        (strcmp(count, "-") != 0 && size_parse(count, &entries) < 0) ||
        (strcmp(bytes, "-") != 0 && size_parse(bytes, &size) < 0))
        return -1;
    options->retain_entries = entries;
    options->retain_bytes = size;
    return 0;
}

/* Where to keep things: a directory, or NULL with --memory. EXIT_WORKED, or another exit code after
 * a sentence. */
static int choose_place(const struct serve_settings *settings, char place[DATA_PLACE_SIZE],
                        const char **ret_directory)
{
    const struct surroundings surroundings = surroundings_here();
    char why[DATA_PLACE_SIZE + 256];
    if (settings->memory && settings->data) {
        complain("serve", "--memory keeps nothing, --data '%s' keeps all: use one of them.",
                 settings->data);
        return EXIT_USAGE;
    }
    if (settings->memory && settings->salvage) {
        complain("serve", "--memory keeps nothing, so there is nothing to --salvage.");
        return EXIT_USAGE;
    }
    *ret_directory = settings->data;
    if (settings->memory || settings->data)
        return EXIT_WORKED;
    if (data_place(&surroundings, place, why, sizeof why) < 0 ||
        data_place_make(place, why, sizeof why) < 0)
        return complain("serve", "%s; --data DIR names one, --memory keeps nothing.", why);
    *ret_directory = place;
    return EXIT_WORKED;
}

/* From here on this is the user's process: what it opens and makes, it does as that user, as it
 * will on SIGHUP. EXIT_WORKED, or another exit code after a sentence. */
static int become(const char *name, const char *directory)
{
    struct other_user user;
    char why[256];
    if (user_find(name, &user, why, sizeof why) < 0 ||
        (directory && user_give(&user, directory, why, sizeof why) < 0) ||
        user_become(&user, why, sizeof why) < 0)
        return complain("serve", "--user %s: %s", name, why);
    return EXIT_WORKED;
}

/* EXIT_WORKED, or EXIT_USAGE after a sentence. */
static int choose_tls(const struct serve_settings *settings, struct tls_server_files *ret_files)
{
    if (!settings->tls_cert != !settings->tls_key) {
        complain("serve", "--tls-cert and --tls-key go together; 'khub cert DIR' makes a pair.");
        return EXIT_USAGE;
    }
    if (settings->tls_client_ca && !settings->tls_cert) {
        complain("serve", "--tls-client-ca needs --tls-cert and --tls-key.");
        return EXIT_USAGE;
    }
    *ret_files = (struct tls_server_files){.cert = settings->tls_cert,
                                           .key = settings->tls_key,
                                           .client_ca = settings->tls_client_ca,
                                           .also_1_2 = strcmp(settings->tls_min, "1.2") == 0};
    return EXIT_WORKED;
}

static void take_limits(const struct serve_settings *settings, struct hub_config *config)
{
    config->line_max = settings->max_line;
    config->sync_limit = settings->sync_limit;
    config->knowledge_max = settings->max_knowledge;
    config->output_max = settings->max_output;
    config->owner.most[LIMIT_RATE] = settings->rate;
    config->owner.most[LIMIT_RATE_BYTES] = (double)settings->rate_bytes;
    config->owner.most[LIMIT_CONNECTIONS] = (double)settings->owner_connections;
    config->room.most[LIMIT_RATE] = settings->room_rate;
    config->room.most[LIMIT_RATE_BYTES] = (double)settings->room_rate_bytes;
    config->room.most[LIMIT_CONNECTIONS] = (double)settings->room_connections;
    config->room.most[LIMIT_SESSIONS] = (double)settings->room_sessions;
    config->room.most[LIMIT_ENTRIES] = (double)settings->room_entries;
    config->room.most[LIMIT_DAILY] = (double)settings->room_daily;
    config->owner.most[LIMIT_SESSIONS] = (double)settings->owner_sessions;
    config->owner.most[LIMIT_ENTRIES] = (double)settings->owner_entries;
    config->owner.most[LIMIT_KNOWLEDGE] = (double)settings->owner_knowledge;
    config->owner.most[LIMIT_DAILY] = (double)settings->owner_daily;
    config->chain_max = (uint64_t)settings->max_chain;
    config->epoch_ms = 1000 * settings->epoch;
}

/* EXIT_WORKED, or another exit code after a sentence. */
static int choose_http(const struct serve_settings *settings, const char *hub, struct door *door,
                       struct server_beside *ret_beside)
{
    char why[TOKEN_CHOICE_WHY_SIZE];
    if (settings->http.count == 0)
        return EXIT_WORKED;
    *door = (struct door){.room = settings->http_room,
                          .http = settings->http,
                          .hosts = settings->http_hosts,
                          .tls_cert = settings->tls_cert,
                          .tls_key = settings->tls_key,
                          .insecure = settings->insecure,
                          .share_token = settings->http_share_token};
    if (token_choose(hub, settings->http_token, door->token, why) < 0)
        return complain("serve", "%s", why);
    *ret_beside = door_beside(door);
    return EXIT_WORKED;
}

static int run(const void *data)
{
    const struct serve_settings *settings = data;
    struct door door = {0};
    struct server_options options = server_options_default();
    char listen[32], place[DATA_PLACE_SIZE];
    if (settings->port != KHUB_PORT && settings->listen.count > 0) {
        complain("serve", "--port and --listen say the same thing: use one of them.");
        return EXIT_USAGE;
    }
    if (settings->listen.count == 0 && settings->port != KHUB_PORT) {
        snprintf(listen, sizeof(listen), "%s:%ld", settings->insecure ? "0.0.0.0" : "127.0.0.1",
                 settings->port);
        options.listen[options.listen_count++] = listen;
    }
    _Static_assert(LIST_MAX <= LISTENERS_MAX, "as many --listen as the options take");
    for (size_t i = 0; i < settings->listen.count; i++)
        options.listen[options.listen_count++] = settings->listen.at[i];
    take_limits(settings, &options.hub);
    options.connections_max = (size_t)settings->max_connections;
    options.insecure = settings->insecure;
    options.no_tokens = settings->no_tokens;
    options.salvage = settings->salvage;
    options.confine = options.confine && !settings->no_confine;
    options.port_file = settings->port_file;
    if (read_sync(settings->sync, &options.sync, &options.sync_ms) < 0) {
        complain("serve", "--sync takes always, none, or interval:MS with 1 to 60000 ms, not '%s'.",
                 settings->sync);
        return EXIT_USAGE;
    }
    if (read_retain(settings->retain, &options) < 0) {
        complain("serve",
                 "--retain takes AGE,COUNT,BYTES such as 30d,10M,20G (- for no bound), not '%s'.",
                 settings->retain);
        return EXIT_USAGE;
    }
    if (choose_tls(settings, &options.tls) != EXIT_WORKED)
        return EXIT_USAGE;
    int placed = choose_place(settings, place, &options.data);
    if (placed == EXIT_WORKED && settings->user)
        placed = become(settings->user, options.data);
    if (placed != EXIT_WORKED)
        return placed;
    placed = choose_http(settings, options.listen_count ? options.listen[0] : HUB_DEFAULT, &door,
                         &options.beside);
    if (placed != EXIT_WORKED)
        return placed;
    options.console = settings->quiet ? -1 : STDOUT_FILENO;
    if (settings->log) {
        options.log = open_log(settings->log);
        if (options.log < 0)
            return complain("serve", "could not open the log '%s': %s", settings->log,
                            strerror(errno));
        if (options.log != STDOUT_FILENO)
            options.log_path = settings->log;
    }
    heap_tune();
    int code = server_run(&options);
    token_wipe(door.token, sizeof door.token); /* of a hub that did not come so far */
    return code;
}

#define AT(member) .offset = offsetof(struct serve_settings, member)
static const char *const tls_versions[] = {"1.2", "1.3", NULL};
static const struct setting options[] = {
    CONFIG_SETTING,
    {.name = "listen",
     .letter = 'l',
     .kind = SETTING_LIST,
     AT(listen),
     .argument = "ADDRESS",
     .help =
         "Where to listen: host:port, [ipv6]:port or unix:/path; port 0 is any free one, and "
         "a name all its addresses. Without it: the sockets that systemd passes, else 127.0.0.1, "
         "or 0.0.0.0 with --insecure, at --port."},
    {.name = "port",
     .letter = 'p',
     .kind = SETTING_WHOLE,
     AT(port),
     .argument = "N",
     .high = 65535,
     .fallback = "6000",
     .help = "Short for --listen 127.0.0.1:N, or 0.0.0.0:N with --insecure."},
    {.name = "http",
     .kind = SETTING_LIST,
     AT(http),
     .argument = "ADDRESS",
     .help =
         "Answers HTTP there as well, as 'khub gateway' does for a hub elsewhere: host:port or "
         "[ipv6]:port. Clients show their tokens there as well; what other machines reach wants "
         "--tls-cert, or --insecure."},
    {.name = "http-host",
     .kind = SETTING_LIST,
     AT(http_hosts),
     .argument = "NAME",
     .help = "A name that HTTP clients may call it by, beside localhost and the address that they "
             "connect to; a request that calls it otherwise is refused."},
    {.name = "http-token",
     .kind = SETTING_TEXT,
     AT(http_token),
     .argument = "FILE",
     .help = "A file with the token that HTTP shows to this hub for itself, when it asks for "
             "tokens; without it $KHUB_TOKEN."},
    {.name = "http-share-token",
     .kind = SETTING_FLAG,
     AT(http_share_token),
     .help =
         "HTTP clients that show no token are let in by that one: everybody on this machine may "
         "do by it what it allows."},
    {.name = "http-room",
     .kind = SETTING_TEXT,
     AT(http_room),
     .argument = "ROOM",
     .bytes = ROOM_NAME_MAX,
     .fallback = DOOR_ROOM,
     .help = "The room that HTTP looks on in, to know whether the hub is there."},
    {.name = "insecure",
     .kind = SETTING_FLAG,
     AT(insecure),
     .help =
         "Takes AIs from other machines though no token was given out ('khub token'): whoever "
         "reaches the port may join, read and write everything. Without it a hub without tokens "
         "takes only peers of this machine."},
    {.name = "no-tokens",
     .kind = SETTING_FLAG,
     AT(no_tokens),
     .help = "Asks nobody for a token, though some were given out for the data directory: whoever "
             "reaches the hub is in, as in one without tokens. They stay what they are, for a hub "
             "that asks again."},
    {.name = "tls-cert",
     .kind = SETTING_TEXT,
     AT(tls_cert),
     .argument = "FILE",
     .help = "A certificate (PEM, with those that lead to its issuer): the hub then speaks TLS as "
             "well, on the same ports, and with peers of other machines nothing else. It and all "
             "below are read anew on SIGHUP."},
    {.name = "tls-key",
     .kind = SETTING_TEXT,
     AT(tls_key),
     .argument = "FILE",
     .help = "Its private key, which nobody else may read."},
    {.name = "tls-client-ca",
     .kind = SETTING_TEXT,
     AT(tls_client_ca),
     .argument = "FILE",
     .help = "Certificates of those who vouch for clients: who shows one of theirs may be of "
             "another machine."},
    {.name = "tls-min",
     .kind = SETTING_CHOICE,
     AT(tls_min),
     .argument = "VERSION",
     .fallback = "1.3",
     .choices = tls_versions,
     .help = "The oldest TLS that is spoken."},
    {.name = "max-line",
     .kind = SETTING_SIZE,
     AT(max_line),
     .argument = "BYTES",
     .fallback = "1M",
     .low = 1024,
     .high = 1 << 30,
     .help = "The longest message; a longer one is refused."},
    {.name = "sync-limit",
     .kind = SETTING_SIZE,
     AT(sync_limit),
     .argument = "BYTES",
     .fallback = "1M",
     .low = 0,
     .high = 1 << 30,
     .help = "Knowledge told to an AI that joins, newest first."},
    {.name = "max-knowledge",
     .kind = SETTING_SIZE,
     AT(max_knowledge),
     .argument = "BYTES",
     .fallback = "1G",
     .low = 1024,
     .high = 1ll << 40,
     .help = "Knowledge kept in a room."},
    {.name = "max-output",
     .kind = SETTING_SIZE,
     AT(max_output),
     .argument = "BYTES",
     .fallback = "8M",
     .low = 65536,
     .high = 1ll << 34,
     .help = "What may wait for one AI that reads slowly; beyond that it is closed."},
    {.name = "rate",
     .kind = SETTING_NUMBER,
     AT(rate),
     .argument = "N",
     .fallback = "0",
     .low = 0,
     .high = 1e9,
     .help = "Messages a second that one owner may send, in bursts of two seconds' worth; 0 is no "
             "limit. An owner is a token with all its connections ('khub token' gives it limits of "
             "its own); on a hub without tokens each connection is one."},
    {.name = "rate-bytes",
     .kind = SETTING_SIZE,
     AT(rate_bytes),
     .argument = "BYTES",
     .fallback = "0",
     .low = 0,
     .high = 1ll << 40,
     .help = "Bytes of messages a second, likewise."},
    {.name = "epoch",
     .kind = SETTING_WHOLE,
     AT(epoch),
     .argument = "SECONDS",
     .fallback = "2",
     .low = 1,
     .high = 3600,
     .help =
         "How long AIs that commit themselves to parameters wait for others to do so; then they "
         "all learn on which workloads they are measured. In longer ones an AI has fewer "
         "throws of the dice, and waits longer to claim anything."},
    {.name = "max-chain",
     .kind = SETTING_WHOLE,
     AT(max_chain),
     .argument = "N",
     .fallback = "50",
     .low = 0,
     .high = 1000000,
     .help = "Replies in a row (payload.in_reply_to) without a person, or ten minutes between two; "
             "then the chain is taken for a loop, and refused. 0 is no limit."},
    {.name = "max-connections",
     .kind = SETTING_WHOLE,
     AT(max_connections),
     .argument = "N",
     .fallback = "0",
     .low = 0,
     .high = 10000000,
     .help = "AIs at the same time; 0 is as many as the system lets."},
    {.name = "owner-connections",
     .kind = SETTING_WHOLE,
     AT(owner_connections),
     .argument = "N",
     .fallback = "0",
     .low = 0,
     .high = 10000000,
     .help = "Connections at the same time with one token; 0 is no limit of its own."},
    {.name = "owner-sessions",
     .kind = SETTING_WHOLE,
     AT(owner_sessions),
     .argument = "N",
     .fallback = "0",
     .low = 0,
     .high = 10000000,
     .help = "Sessions that all AIs of one token may have offered and open, over all rooms; "
             "without tokens, one AI in its room. 0 is no limit of its own, here and below."},
    {.name = "owner-entries",
     .kind = SETTING_WHOLE,
     AT(owner_entries),
     .argument = "N",
     .fallback = "0",
     .low = 0,
     .high = 1000000000,
     .help = "Entries of knowledge, likewise."},
    {.name = "owner-knowledge",
     .kind = SETTING_SIZE,
     AT(owner_knowledge),
     .argument = "BYTES",
     .fallback = "0",
     .low = 0,
     .high = 1ll << 40,
     .help = "Bytes of knowledge, likewise."},
    {.name = "owner-daily",
     .kind = SETTING_SIZE,
     AT(owner_daily),
     .argument = "N",
     .fallback = "0",
     .low = 0,
     .high = 1ll << 40,
     .help =
         "Messages that are kept of all AIs of one token in a day (UTC); without tokens nobody's "
         "day is counted."},
    {.name = "room-rate",
     .kind = SETTING_NUMBER,
     AT(room_rate),
     .argument = "N",
     .fallback = "0",
     .low = 0,
     .high = 1e9,
     .help = "Messages a second of all who have joined a room; 0 is no limit, here and below."},
    {.name = "room-rate-bytes",
     .kind = SETTING_SIZE,
     AT(room_rate_bytes),
     .argument = "BYTES",
     .fallback = "0",
     .low = 0,
     .high = 1ll << 40,
     .help = "Bytes of messages a second, likewise."},
    {.name = "room-connections",
     .kind = SETTING_WHOLE,
     AT(room_connections),
     .argument = "N",
     .fallback = "0",
     .low = 0,
     .high = 10000000,
     .help = "AIs and observers in a room at the same time."},
    {.name = "room-sessions",
     .kind = SETTING_WHOLE,
     AT(room_sessions),
     .argument = "N",
     .fallback = "0",
     .low = 0,
     .high = 4096,
     .help = "Sessions that are open in a room; there are never more than 4096."},
    {.name = "room-entries",
     .kind = SETTING_WHOLE,
     AT(room_entries),
     .argument = "N",
     .fallback = "0",
     .low = 0,
     .high = 200000,
     .help = "Entries of knowledge in a room; there are never more than 200000. Of its bytes "
             "--max-knowledge says it."},
    {.name = "room-daily",
     .kind = SETTING_SIZE,
     AT(room_daily),
     .argument = "N",
     .fallback = "0",
     .low = 0,
     .high = 1ll << 40,
     .help = "Messages that are kept of all who are in a room in a day (UTC)."},
    {.name = "port-file",
     .kind = SETTING_TEXT,
     AT(port_file),
     .argument = "FILE",
     .help = "Writes the TCP port there once it listens; for scripts that use port 0."},
    {.name = "data",
     .kind = SETTING_TEXT,
     AT(data),
     .argument = "DIR",
     .help = "Keeps everything there, in one database: what was accepted is there again after a "
             "crash. One hub at a time, and nobody else may write there. Without it: khub in "
             "$XDG_STATE_HOME, else ~/.local/state/khub; /var/lib/khub for root; for a systemd "
             "service its StateDirectory."},
    {.name = "memory",
     .kind = SETTING_FLAG,
     AT(memory),
     .help =
         "Keeps nothing on disk: what it is told is gone when it ends. Such a hub has no tokens."},
    {.name = "salvage",
     .kind = SETTING_FLAG,
     AT(salvage),
     .help = "When something there is damaged, begins all the same, with all that is whole; says "
             "what was lost, and keeps the damaged file beside the new one. Without it a hub does "
             "not begin on damage."},
    {.name = "sync",
     .kind = SETTING_TEXT,
     AT(sync),
     .argument = "HOW",
     .fallback = "always",
     .help = "On disk: always (a message is on disk before anybody hears of it), interval:MS "
             "(within so many ms), or none (when the system thinks fit)."},
    {.name = "retain",
     .kind = SETTING_TEXT,
     AT(retain),
     .argument = "A,N,B",
     .fallback = "30d,10M,20G",
     .help =
         "How much of what was said is kept for those who were away: age (d or h), messages of each "
         "room, bytes in all; - is no bound. Knowledge is always kept. What is beyond a bound goes "
         "within a minute when something is said in its room, else within a quarter of an hour; "
         "but up to 1024 messages that were written together go when the last of them is beyond. "
         "Beyond the bytes 5000 messages of a room or some more go at a time."},
    {.name = "user",
     .kind = SETTING_TEXT,
     AT(user),
     .argument = "NAME",
     .help = "Gives up being root before anything is opened: the hub is then this user's, with "
             "its groups alone. A data directory that is not there yet is made for it. (For a "
             "port below 1024 have systemd listen.)"},
    {.name = "no-confine",
     .kind = SETTING_FLAG,
     AT(no_confine),
     .help = "Leaves the hub all that its user may do, for debuggers, valgrind and core dumps. "
             "Without it a hub that serves opens no file but its own (Landlock) and makes no "
             "connection (with --http to itself), process or code (seccomp)."},
    {.name = "log",
     .kind = SETTING_TEXT,
     AT(log),
     .argument = "FILE",
     .help = "Adds key=value lines there, one for each event, and opens it anew on SIGHUP; - is "
             "stdout. Without it: none."},
    {.name = "quiet",
     .letter = 'q',
     .kind = SETTING_FLAG,
     AT(quiet),
     .help = "No lines on stdout about who comes and goes."},
    {0},
};

const struct command command_serve = {
    .name = "serve",
    .summary = "run the hub",
    .about =
        "Runs the hub: AIs connect to it, say hello, and from then on hear each other, share "
        "patterns and components, and work on them in pairs. What they say is on disk before "
        "anybody hears of it, and there again when the hub is started anew, whatever ended it; "
        "with --memory nothing is kept.\n\nIt ends on SIGINT (Ctrl-C), SIGTERM or SIGQUIT, after "
        "everything queued was sent. SIGHUP does not end it: it opens the log anew and reads the "
        "TLS files again, and SIGUSR1 logs counters.",
    .example = "  khub serve --port 6000 --log /var/log/khub.log\n"
               "  khub serve --port 6001 --data ~/second-hub\n"
               "  khub serve --listen unix:/run/khub.sock --quiet --memory",
    .worked = "was stopped, and stopped in order",
    .failed = "could not listen or run; or something could not be stored before it ended, and it "
              "said what",
    .options = options,
    .settings_size = sizeof(struct serve_settings),
    .run = run,
};
