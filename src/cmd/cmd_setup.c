/* khub setup: a client of MCP finds khub; its configuration is printed, made or taken back. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/membership_place.h"
#include "cmd/setup.h"
#include "cmd/setup_file.h"
#include "cmd/visit.h"
#include "wire/address.h"
#include "wire/shown.h"

struct setup_settings {
    const char *client, *as, *hub, *room, *fingerprint, *ca, *token_file;
    const char *name, *http, *token_name;
    long wait;
    bool user, write, remove, no_hook;
};

/* ── how khub is started ── */

static bool is_this(const char *path, const char *here)
{
    char real[PATH_MAX];
    return access(path, X_OK) == 0 && realpath(path, real) && strcmp(real, here) == 0;
}

/* "khub" where that is this program for whoever looks in $PATH; else where it lies. */
static void find_command(char ret_command[PATH_MAX])
{
    char here[PATH_MAX], at[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", here, sizeof here - 1);
    const char *part = getenv("PATH");
    snprintf(ret_command, PATH_MAX, "khub");
    if (len <= 0)
        return;
    here[len] = '\0';
    while (part && *part) {
        size_t size = strcspn(part, ":");
        snprintf(at, sizeof at, "%.*s/khub", (int)size, part);
        if (size > 0 && access(at, X_OK) == 0) {
            if (!is_this(at, here))
                break; /* another one comes first */
            return;
        }
        part += size + (part[size] == ':');
    }
    memcpy(ret_command, here, (size_t)len + 1);
}

static int add_argument(json_t *arguments, const char *option, const char *value)
{
    if (!value)
        return 0;
    return json_array_append_new(arguments, json_string(option)) |
           json_array_append_new(arguments, json_string(value));
}

/* A file that is named from here is found from elsewhere, too. */
static int add_file(json_t *arguments, const char *option, const char *path)
{
    char whole[PATH_MAX];
    return add_argument(arguments, option, path && realpath(path, whole) ? whole : path);
}

static json_t *arguments_of(const struct setup_settings *settings)
{
    json_t *arguments = json_array();
    int error = add_argument(arguments, "--as", settings->as) |
                add_argument(arguments, "--hub", settings->hub) |
                add_argument(arguments, "--room", settings->room) |
                add_argument(arguments, "--fingerprint", settings->fingerprint) |
                add_file(arguments, "--ca", settings->ca) |
                add_file(arguments, "--token-file", settings->token_file);
    if (error == 0)
        return arguments;
    json_decref(arguments);
    return NULL;
}

/* ── what was asked ── */

static int refuse(const char *sentence)
{
    complain("setup", "%s", sentence);
    return EXIT_USAGE;
}

static bool is_word(const char *text, const char *more)
{
    for (const char *c = text; *c; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
              strchr(more, *c)))
            return false;
    return true;
}

static int check_texts(const struct setup_settings *settings)
{
    const char *texts[] = {settings->as, settings->room,       settings->fingerprint,
                           settings->ca, settings->token_file, settings->http};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (texts[i] && slice_hides(slice_of(texts[i])))
            return refuse("what can't be seen is in an argument, or what is no UTF-8.");
    return 0;
}

static int check(const struct setup_settings *settings)
{
    struct address address;
    const char *why;
    bool stdio = settings->as || settings->hub || settings->room || settings->fingerprint ||
                 settings->ca || settings->token_file;
    if (settings->write && settings->remove)
        return refuse("--write or --remove: not both.");
    if (!is_word(settings->name, "-_"))
        return refuse("--name: letters, digits, '-' and '_' alone.");
    if (settings->http && stdio)
        return refuse("over HTTP the gateway knows its hub, and the model says who it is: --http "
                      "takes none of --as, --hub, --room, --fingerprint, --ca and --token-file.");
    if (settings->http && strncmp(settings->http, "http://", 7) != 0 &&
        strncmp(settings->http, "https://", 8) != 0)
        return refuse("--http: an address that begins with http:// or https://, such as "
                      "http://127.0.0.1:6080/mcp.");
    if (settings->token_name && !settings->http)
        return refuse("--token-env goes with --http; the token of 'khub mcp' is in "
                      "~/.config/khub/tokens, $KHUB_TOKEN or --token-file.");
    if (settings->token_name &&
        (!is_word(settings->token_name, "_") || strchr("0123456789", settings->token_name[0])))
        return refuse("--token-env: the name of a variable, not the token.");
    if (settings->hub && address_parse(settings->hub, &address, &why) < 0) {
        complain("setup", "--hub: %s.", why);
        return EXIT_USAGE;
    }
    return check_texts(settings);
}

/* ── where it goes ── */

static int user_path(const struct setup_client *client, const char *file, char ret_path[PATH_MAX])
{
    const char *variable = client->user_variable ? getenv(client->user_variable) : NULL;
    const char *home = getenv("HOME");
    if (!client->user)
        return complain("setup", "%s.", client->no_user);
    if (!(variable && *variable) && !(home && *home))
        return complain("setup", "HOME is not set: where the user's file is, is not known.");
    int len = variable && *variable
                  ? snprintf(ret_path, PATH_MAX, "%s/%s", variable, file)
                  : snprintf(ret_path, PATH_MAX, "%s/%s/%s", home, client->user_home, file);
    return len < PATH_MAX ? 0 : complain("setup", "%s", strerror(ENAMETOOLONG));
}

/* project and user: the file's name in either. */
static int find_path(const struct setup_client *client, bool for_user, const char *project,
                     const char *user, char ret_path[PATH_MAX])
{
    char folder[PATH_MAX];
    if (for_user)
        return user_path(client, user, ret_path);
    int code = place_project("setup", folder);
    if (code != 0)
        return code;
    if (snprintf(ret_path, PATH_MAX, "%s/%s", folder[1] ? folder : "", project) < PATH_MAX)
        return 0;
    return complain("setup", "%s", strerror(ENAMETOOLONG));
}

/* ── doing it ── */

struct setting_up {
    const struct setup_settings *settings;
    const struct setup_client *client;
    struct setup_wish wish;
    json_t *entry;
    bool hooked;                   /* the hook is wanted */
    struct setup_file file, apart; /* apart: the hook's, where that has one of its own */
    struct setup_file *hook_file;  /* which of them it is; NULL: the client has no hook */
};

static int find_files(struct setting_up *setup)
{
    const struct setup_client *client = setup->client;
    const struct setup_hook *hook = client->hook;
    bool user = setup->settings->user;
    int code = find_path(client, user, client->project, client->user, setup->file.path);
    if (code != 0 || !hook)
        return code;
    code = find_path(client, user, hook->project, hook->user, setup->apart.path);
    bool same = strcmp(setup->file.path, setup->apart.path) == 0;
    setup->hook_file = same ? &setup->file : &setup->apart;
    return code;
}

/* The entry and the hook, each into the text of its file, which may be one. */
static enum setup_result edit_entry(struct setting_up *setup, char ret_why[SETUP_WHY_SIZE])
{
    return setup_edit(setup->client, &setup->wish, setup->entry, &setup->file.text, ret_why);
}

static enum setup_result edit_hook(struct setting_up *setup, const json_t *before,
                                   char ret_why[SETUP_WHY_SIZE])
{
    return setup_hook_edit(setup->client, &setup->wish, before, setup->hooked,
                           &setup->hook_file->text, ret_why);
}

static void print_file(const struct setup_file *file, const char *beside)
{
    printf("%s takes this%s:\n\n%.*s\n", file->path, beside, SLICE_FORMAT(text_slice(&file->text)));
}

/* What the files take, alone. */
static int print_alone(struct setting_up *setup, const char *beside)
{
    char why[SETUP_WHY_SIZE];
    text_clear(&setup->file.text);
    text_clear(&setup->apart.text);
    text_reserve(&setup->file.text, 1);
    if (edit_entry(setup, why) != SETUP_DONE ||
        (setup->hooked && edit_hook(setup, NULL, why) != SETUP_DONE))
        return complain("setup", "%s", why);
    print_file(&setup->file, beside);
    if (setup->hooked && setup->hook_file == &setup->apart)
        print_file(&setup->apart, beside);
    return EXIT_WORKED;
}

/* What is left to say, of the hook above all. */
static void print_hints(const struct setting_up *setup)
{
    const struct setup_settings *settings = setup->settings;
    printf("%s\n", setup->client->hint);
    if (settings->http)
        puts("Over HTTP no hook wakes it: it waits with its tool inbox (wait_s).");
    else if (!setup->hook_file)
        printf("No hook of %s's wakes it: it waits with its tool inbox (wait_s).\n",
               setup->client->title);
    else if (setup->hooked && !settings->as)
        puts("Without --as the hook finds its AI only where no other one has joined from.");
}

static int print(struct setting_up *setup)
{
    int code = print_alone(setup, "");
    if (code == EXIT_WORKED)
        printf("With --write it is put there, beside what is there. ");
    if (code == EXIT_WORKED)
        print_hints(setup);
    return code;
}

static int refuse_file(struct setting_up *setup, const struct setup_file *file, const char *why)
{
    complain("setup", "%s: %s. It is left as it is.", file->path, why);
    if (setup->entry)
        print_alone(setup, ", beside what is there");
    return EXIT_FAILED;
}

/* One that is as it is to be stays. */
static int write_file(const struct setup_file *file)
{
    if (!setup_file_changed(file)) {
        printf("%s has it already.\n", file->path);
        return EXIT_WORKED;
    }
    int code = setup_file_write(file);
    if (code == 0)
        printf("%s: written.\n", file->path);
    return code;
}

static int take_back(const struct setting_up *setup, const struct setup_file *file,
                     const char *project)
{
    bool empty = setup_is_empty(setup->client, text_slice(&file->text));
    int code = empty ? setup_file_remove(file, strchr(project, '/')) : setup_file_write(file);
    if (code == 0)
        printf("%s: %s.\n", file->path,
               empty ? "removed, for nothing else was in it" : "what was khub's is taken back");
    return code;
}

/* done: whether anything of khub's was there to be set or taken back. */
static int finish_file(const struct setting_up *setup, const struct setup_file *file,
                       const char *project, bool done)
{
    if (setup->entry && (file == &setup->file || setup->hooked))
        return write_file(file);
    if (done && file->there)
        return take_back(setup, file, project);
    if (file == &setup->file)
        printf("%s has no entry '%s'.\n", file->path, setup->wish.name);
    return EXIT_WORKED;
}

/* All is looked at before anything is written. */
static int change_files(struct setting_up *setup)
{
    char why[SETUP_WHY_SIZE];
    enum setup_result hook = SETUP_ABSENT, entry;
    bool apart = setup->hook_file == &setup->apart;
    int code = setup_file_read(&setup->file);
    if (code == 0 && apart)
        code = setup_file_read(&setup->apart);
    if (code != 0)
        return code;
    json_t *before = setup_arguments(setup->client, &setup->wish, text_slice(&setup->file.text));
    entry = edit_entry(setup, why);
    if (entry != SETUP_REFUSED && setup->hook_file)
        hook = edit_hook(setup, before, why);
    json_decref(before);
    if (entry == SETUP_REFUSED || hook == SETUP_REFUSED)
        return refuse_file(setup, entry == SETUP_REFUSED ? &setup->file : setup->hook_file, why);
    bool done = entry == SETUP_DONE || (hook == SETUP_DONE && !apart);
    code = finish_file(setup, &setup->file, setup->client->project, done);
    if (code == 0 && apart)
        code = finish_file(setup, &setup->apart, setup->client->hook->project, hook == SETUP_DONE);
    if (code == 0 && setup->entry)
        print_hints(setup);
    return code;
}

static int set_up(struct setting_up *setup)
{
    const struct setup_settings *settings = setup->settings;
    if (!settings->remove)
        setup->entry = setup_entry(setup->client, &setup->wish);
    if (!setup->wish.arguments || (!settings->remove && !setup->entry))
        return complain("setup", "out of memory");
    return settings->write || settings->remove ? change_files(setup) : print(setup);
}

static int run(const void *data)
{
    const struct setup_settings *settings = data;
    struct setting_up setup = {.settings = settings, .client = setup_client_find(settings->client)};
    char command[PATH_MAX];
    int code = check(settings);
    if (code == 0)
        code = find_files(&setup);
    if (code != 0)
        return code;
    find_command(command);
    setup.wish = (struct setup_wish){.name = settings->name,
                                     .command = command,
                                     .arguments = arguments_of(settings),
                                     .url = settings->http,
                                     .token_name = settings->token_name,
                                     .wait_s = settings->wait};
    setup.hooked = setup.hook_file && !settings->http && !settings->no_hook && !settings->remove;
    code = set_up(&setup);
    setup_file_free(&setup.file);
    setup_file_free(&setup.apart);
    json_decref(setup.entry);
    json_decref(setup.wish.arguments);
    return code;
}

#define AT(member) .offset = offsetof(struct setup_settings, member)
#define TEXT_SETTING(option, field, of, sentence)                                                  \
    {                                                                                              \
        .name = (option), .kind = SETTING_TEXT, AT(field), .argument = (of), .help = (sentence)    \
    }
static const struct setting options[] = {
    {.name = "write",
     .kind = SETTING_FLAG,
     AT(write),
     .help = "Puts it into the client's file, beside what is there. Once more changes nothing."},
    {.name = "remove",
     .kind = SETTING_FLAG,
     AT(remove),
     .help = "Takes it back: entry and hook, and a file or object that holds nothing else."},
    {.name = "user",
     .kind = SETTING_FLAG,
     AT(user),
     .help = "The user's own file, for all projects, in place of the project's."},
    {.name = "as",
     .kind = SETTING_TEXT,
     AT(as),
     .argument = "AI_ID",
     .bytes = WIRE_ID_MAX,
     .help = "The name to join under, when the model names none."},
    TEXT_SETTING("hub", hub, "ADDRESS",
                 "The hub. Without it khub mcp takes $KHUB_HUB, else " HUB_DEFAULT "."),
    {.name = "room",
     .letter = 'r',
     .kind = SETTING_TEXT,
     AT(room),
     .argument = "ROOM",
     .bytes = ROOM_NAME_MAX,
     .help = "The room at the hub."},
    TEXT_SETTING("fingerprint", fingerprint, "SHA256",
                 "Of khubs://, the hub's certificate, as 'khub cert' shows it."),
    TEXT_SETTING("ca", ca, "FILE", "Certificates (PEM) of who vouches for a hub at khubs://."),
    TEXT_SETTING(
        "token-file", token_file, "FILE",
        "A file with the token to show. Without it khub mcp takes $KHUB_TOKEN, else a file "
        "in ~/.config/khub/tokens."),
    TEXT_SETTING("http", http, "URL",
                 "Over HTTP, in place of a bridge that the client starts: of 'khub gateway' or "
                 "'khub serve --http', http://127.0.0.1:6080/mcp."),
    TEXT_SETTING("token-env", token_name, "VARIABLE",
                 "With --http: the client sends the token that is in this variable. The token "
                 "itself is never written."),
    {.name = "no-hook",
     .kind = SETTING_FLAG,
     AT(no_hook),
     .help = "Without the hook that wakes the agent at the end of its turn when something waits."},
    {.name = "wait",
     .letter = 'w',
     .kind = SETTING_WHOLE,
     AT(wait),
     .argument = "SECONDS",
     .fallback = "0",
     .low = 0,
     .high = 86400,
     .help = "So long the hook waits for something to come: of Claude Code beside the agent, which "
             "is idle; of others within its turn, which does not end meanwhile."},
    {.name = "name",
     .kind = SETTING_TEXT,
     AT(name),
     .argument = "NAME",
     .bytes = 64,
     .fallback = "khub",
     .help = "What the client calls it. Several names are several AIs, each with its own --as."},
    {0},
};
static const struct setting operands[] = {
    {.name = "CLIENT",
     .kind = SETTING_CHOICE,
     AT(client),
     .choices = setup_client_ids,
     .required = true,
     .help = "Claude Code, Codex, Cursor, Gemini CLI or VS Code."},
    {0},
};

const struct command command_setup = {
    .name = "setup",
    .summary = "let an LLM client find khub: prints its configuration, or writes it",
    .about =
        "Prints what the client's configuration takes to start 'khub mcp', or to find a gateway "
        "over HTTP, and which file that is: of the project (the nearest directory from here upwards "
        "that has a .khub or a .git), or with --user of the user. With it goes a hook, where the "
        "client has them: 'khub waiting', at the end of a turn.\n\n"
        "With --write the entry is put there. Other entries, their order and the file's layout stay "
        "as they are; the file is replaced whole, or not at all. A file that has comments where "
        "they would be lost, or that is not understood, is left alone, and so is an entry of that "
        "name that is none of khub's.",
    .example =
        "  khub setup claude --as reviewer\n"
        "  khub setup claude --as reviewer --write\n"
        "  khub setup codex --user --http http://127.0.0.1:6080/mcp --token-env HUB --write\n"
        "  khub setup claude --remove",
    .worked = "printed, written or taken back; or there was nothing to do",
    .failed = "the file can't be read or written, or is not understood: it is as it was",
    .options = options,
    .operands = operands,
    .settings_size = sizeof(struct setup_settings),
    .run = run,
};
