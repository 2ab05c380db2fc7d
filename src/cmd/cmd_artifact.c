/* khub artifact: files in the workspaces of sessions, as a member that joined with khub join. */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "cmd/artifact_file.h"
#include "cmd/commands.h"
#include "cmd/fields.h"
#include "cmd/json_out.h"
#include "cmd/table.h"
#include "wire/clock.h"
#include "wire/commitment.h"

#define SHOW_EVERY_MS 200
#define FOUND_MAX     200u /* files of one name or sha256 */

static const char *const actions[] = {"list", "put", "get", NULL};

/* ── what put and get share ── */

void progress_begin(struct progress *progress, const char *verb, uint64_t done, uint64_t whole)
{
    struct terminal terminal = terminal_of(STDERR_FILENO, "auto");
    *progress = (struct progress){.verb = verb,
                                  .done = done,
                                  .whole = whole,
                                  .begun_from = done,
                                  .begun = time_monotonic_ms(),
                                  .is_shown = terminal.is_terminal && terminal.moves};
    progress->shown = progress->begun;
}

void progress_go_on(struct progress *progress, uint64_t done)
{
    int64_t now = time_monotonic_ms();
    progress->done = done < progress->whole ? done : progress->whole;
    if (!progress->is_shown || now - progress->shown < SHOW_EVERY_MS)
        return;
    double seconds = (double)(now - progress->begun) / 1000;
    fprintf(stderr, "\r%s %3.0f %% of %.1f MiB, %.1f MiB a second\033[K", progress->verb,
            100.0 * (double)progress->done / (double)progress->whole,
            (double)progress->whole / 1048576,
            (double)(progress->done - progress->begun_from) / 1048576 / seconds);
    progress->shown = now;
}

void progress_end(struct progress *progress)
{
    if (progress->shown != progress->begun)
        fputs("\r\033[K", stderr);
}

EVP_MD_CTX *sha256_begin(void)
{
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    if (!digest || !EVP_DigestInit_ex(digest, EVP_sha256(), NULL)) {
        fputs("khub: out of memory\n", stderr);
        abort();
    }
    return digest;
}

void sha256_end(EVP_MD_CTX *digest, char ret_hex[SHA256_TEXT_SIZE])
{
    uint8_t bytes[EVP_MAX_MD_SIZE] = {0};
    EVP_DigestFinal_ex(digest, bytes, NULL);
    EVP_MD_CTX_free(digest);
    hex_format(bytes, 32, ret_hex);
}

bool is_sha256(const char *text)
{
    return commitment_digest_fits(slice_of(text));
}

int artifact_find(struct turn *turn, const char *what, const char *session_id,
                  struct json_value *ret_array)
{
    struct text payload = {0};
    text_addf(&payload, "{\"limit\":%u,\"%s\":", FOUND_MAX, is_sha256(what) ? "sha256" : "name");
    text_add_string(&payload, slice_of(what));
    if (*session_id) {
        text_add_literal(&payload, ",\"session_id\":");
        text_add_string(&payload, slice_of(session_id));
    }
    text_add(&payload, (struct slice)SLICE("}\0"));
    enum ask_result result = ask(&turn->visit, MESSAGE_ARTIFACT_QUERY, &payload);
    text_free(&payload);
    if (result != ASK_ANSWERED)
        return result == ASK_REFUSED ? ask_complain(&turn->visit) : EXIT_FAILED;
    *ret_array = json_get(turn->ask.answer, "artifacts");
    return ret_array->kind == JSON_KIND_ARRAY
               ? 0
               : complain("artifact", "the hub's answer has no list of files.");
}

/* ── the session ── */

static bool begins_with(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* Of the member's own live sessions the one whose id begins so, or the only active one. *ret_id:
 * NULL when there is none; owned. 0, or an exit code after a sentence: there are several. */
static int session_of(const struct turn *turn, const char *wanted, char **ret_id)
{
    struct json_value sessions = json_get(turn->visit.sync, "sessions"), session;
    struct json_iterator iterator = {.rest = sessions.raw};
    *ret_id = NULL;
    while (sessions.kind == JSON_KIND_ARRAY && json_next_element(&iterator, &session)) {
        OWNED char *id = field_string(session, "session_id");
        bool fits = wanted ? begins_with(id, wanted)
                           : json_string_is(json_get(session, "status"), slice_of("active"));
        if (!fits)
            continue;
        if (*ret_id) {
            free(*ret_id);
            *ret_id = NULL;
            return complain("artifact", "you take part in several sessions: say which with "
                                        "--session ('khub sessions' lists them).");
        }
        *ret_id = strdup(id);
    }
    return 0;
}

/* ── list ── */

static const struct column columns[] = {
    {.title = "NAME", .shrinks = true},
    {.title = "VERSION"},
    {.title = "BYTES", .right = true},
    {.title = "BY", .shrinks = true},
    {.title = "SESSION"},
    {.title = "WHEN", .right = true},
    {.title = "SHA256"},
};

static void add_artifact(struct table *table, struct json_value artifact, int64_t now)
{
    char ago[AGO_SIZE];
    OWNED char *status = field_string(artifact, "status");
    OWNED char *session = field_string(artifact, "session_id");
    OWNED char *sha256 = field_string(artifact, "sha256");
    double next = field_number(artifact, "next", 0), chunks = field_number(artifact, "chunks", 1);
    field_ago(artifact, "at", now, ago);
    table_add_member(table, artifact, "name");
    if (strcmp(status, "open") == 0)
        table_addf(table, "%.0f %% here", 100 * next / (chunks > 0 ? chunks : 1));
    else
        table_addf(table, "%.0f%s", field_number(artifact, "version", 0),
                   strcmp(status, "former") == 0 ? ", former" : "");
    table_add_member(table, artifact, "size");
    table_add_member(table, artifact, "by");
    table_addf(table, "%.8s", session);
    table_add(table, ago);
    table_addf(table, "%.12s", sha256);
}

static void print_table(struct json_value artifacts, const char *session)
{
    struct terminal terminal = terminal_of(STDOUT_FILENO, "auto");
    struct json_iterator iterator = {.rest = artifacts.raw};
    struct json_value artifact;
    struct table table;
    size_t count = 0;
    table_begin(&table, TABLE_COLUMNS(columns));
    while (json_next_element(&iterator, &artifact)) {
        OWNED char *id = field_string(artifact, "session_id");
        if (session && !begins_with(id, session))
            continue;
        add_artifact(&table, artifact, time_now_ms());
        count++;
    }
    if (count)
        table_print(&table, &terminal, stdout);
    else
        puts("There is no file that you may read.");
    table_free(&table);
}

static int list(struct turn *turn, const struct artifact_settings *settings)
{
    struct text array = {0};
    enum ask_result result =
        ask_pages(&turn->visit, MESSAGE_ARTIFACT_QUERY, FOUND_MAX, "artifacts", &array);
    int code = result == ASK_ANSWERED  ? EXIT_WORKED
               : result == ASK_REFUSED ? ask_complain(&turn->visit)
                                       : EXIT_FAILED;
    if (code == EXIT_WORKED && settings->json) {
        json_print(stdout, text_slice(&array), false);
        putchar('\n');
    } else if (code == EXIT_WORKED) {
        print_table(json_value_of(text_slice(&array)), settings->session);
    }
    text_free(&array);
    return code;
}

/* ── the command ── */

static bool acts(const struct artifact_settings *settings, const char *action)
{
    return strcmp(settings->action, action) == 0;
}

static int act(struct turn *turn, const struct artifact_settings *settings)
{
    if (acts(settings, "list"))
        return list(turn, settings);
    OWNED char *session_id = NULL;
    bool puts_it = acts(settings, "put");
    int code = puts_it || settings->session ? session_of(turn, settings->session, &session_id) : 0;
    if (code != 0)
        return code;
    if (puts_it && !session_id && settings->session)
        return complain("artifact", "you take part in no session '%s' that has not ended.",
                        settings->session);
    if (puts_it && !session_id)
        return complain("artifact",
                        "you take part in no active session, and a file lies in one: "
                        "'khub say --type collaboration_request --to WHOM' offers one.");
    if (puts_it)
        return artifact_put(turn, settings, session_id);
    /* of one that has ended the sync says nothing: its whole id may have been said */
    const char *said = settings->session ? settings->session : "";
    return artifact_get(turn, settings, session_id ? session_id : said);
}

static int run(const void *data)
{
    const struct artifact_settings *settings = data;
    struct turn turn;
    if (!acts(settings, "list") && !settings->what) {
        complain("artifact", acts(settings, "put") ? "put what? A FILE is missing."
                                                   : "get what? A NAME or SHA256 is missing.");
        return EXIT_USAGE;
    }
    int code = turn_begin(&turn, "artifact", &settings->choice);
    if (code == 0)
        code = turn_join(&turn);
    if (code == 0)
        code = act(&turn, settings);
    turn_end(&turn);
    return code;
}

#define AT(member) .offset = offsetof(struct artifact_settings, member)
static const struct setting options[] = {
    TURN_SETTING(struct artifact_settings),
    {.name = "session",
     .kind = SETTING_TEXT,
     AT(session),
     .argument = "ID",
     .bytes = 64,
     .help = "Of which session, as its id begins. Without it: put takes the only active one that "
             "you take part in, get and list look in all."},
    {.name = "name",
     .kind = SETTING_TEXT,
     AT(name),
     .argument = "NAME",
     .bytes = ARTIFACT_NAME_MAX,
     .help = "With put: what it is called there. Without it: as the file is called."},
    {.name = "base",
     .kind = SETTING_WHOLE,
     AT(base),
     .argument = "VERSION",
     .fallback = "0",
     .low = 0,
     .high = 9e15,
     .help = "With put: the version in whose place it comes; 0: a name that nothing has yet."},
    {.name = "for-room",
     .kind = SETTING_FLAG,
     AT(for_room),
     .help = "With put: all who are in the room may read it, not the session's alone."},
    {.name = "out",
     .letter = 'o',
     .kind = SETTING_TEXT,
     AT(out),
     .argument = "FILE",
     .help = "With get: where to. Without it: here, as it is called."},
    {.name = "force",
     .kind = SETTING_FLAG,
     AT(force),
     .help = "With get: writes over a file that is there."},
    JSON_SETTING(struct artifact_settings,
                 "As JSON: of list an array of files, of put the hub's word (docs/PROTOCOL.md, "
                 "Files), of get {\"path\", \"size\", \"sha256\"}."),
    {0},
};

static const struct setting operands[] = {
    {.name = "ACTION",
     .kind = SETTING_CHOICE,
     AT(action),
     .fallback = "list",
     .choices = actions,
     .help = "What to do."},
    {.name = "FILE|NAME|SHA256",
     .kind = SETTING_TEXT,
     AT(what),
     .help = "Of put a file; of get one's name in a session, or its sha256."},
    {0},
};

const struct command command_artifact = {
    .name = "artifact",
    .summary = "hand files to others in a session: put, get, list",
    .about =
        "Files of up to 64 MiB in the workspace of a session: patches, build logs, test archives. As "
        "a member that joined with 'khub join'.\n\n"
        "put sends one. The hub keeps it only if it has the SHA-256 that it had here; what broke off "
        "goes on where it was when it is said again. get writes one, under its name only when all of "
        "it is there and is what its sha256 says. A file outlives the end of its session; 'khub "
        "artifact list' shows which there are.",
    .example = "  khub artifact put fix.patch --session 3f2a\n"
               "  khub artifact put build.log --for-room --json\n"
               "  khub artifact get fix.patch --out /tmp/fix.patch",
    .worked = "it is there, or listed",
    .failed = "it was refused, is not there, or the hub could not be reached",
    .options = options,
    .operands = operands,
    .settings_size = sizeof(struct artifact_settings),
    .run = run,
};
