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
    bool user, write, remove;
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

static int user_path(const struct setup_client *client, char ret_path[PATH_MAX])
{
    const char *variable = client->user_variable ? getenv(client->user_variable) : NULL;
    const char *home = getenv("HOME");
    if (!client->user)
        return complain("setup", "%s.", client->no_user);
    if (!(variable && *variable) && !(home && *home))
        return complain("setup", "HOME is not set: where the user's file is, is not known.");
    int len = variable && *variable
                  ? snprintf(ret_path, PATH_MAX, "%s/%s", variable, client->user)
                  : snprintf(ret_path, PATH_MAX, "%s/%s/%s", home, client->user_home, client->user);
    return len < PATH_MAX ? 0 : complain("setup", "%s", strerror(ENAMETOOLONG));
}

static int find_path(const struct setup_client *client, bool user, char ret_path[PATH_MAX])
{
    char project[PATH_MAX];
    if (user)
        return user_path(client, ret_path);
    int code = place_project("setup", project);
    if (code != 0)
        return code;
    if (snprintf(ret_path, PATH_MAX, "%s/%s", project[1] ? project : "", client->project) <
        PATH_MAX)
        return 0;
    return complain("setup", "%s", strerror(ENAMETOOLONG));
}

/* ── doing it ── */

struct setting_up {
    const struct setup_settings *settings;
    const struct setup_client *client;
    struct setup_wish wish;
    json_t *entry;
    struct setup_file file;
};

/* What the file takes, alone. */
static int print_entry(const struct setting_up *setup)
{
    struct text text = {0};
    char why[SETUP_WHY_SIZE];
    text_reserve(&text, 1);
    int code = EXIT_WORKED;
    if (setup_edit(setup->client, &setup->wish, setup->entry, &text, why) == SETUP_DONE)
        printf("%.*s", SLICE_FORMAT(text_slice(&text)));
    else
        code = complain("setup", "out of memory");
    text_free(&text);
    return code;
}

static int print(const struct setting_up *setup)
{
    printf("%s takes this:\n\n", setup->file.path);
    int code = print_entry(setup);
    if (code == EXIT_WORKED)
        printf("\nWith --write it is put there, beside what is there. %s\n", setup->client->hint);
    return code;
}

static int refuse_file(const struct setting_up *setup, const char *why)
{
    complain("setup", "%s: %s. It is left as it is.", setup->file.path, why);
    if (setup->entry) {
        printf("%s takes this, beside what is there:\n\n", setup->file.path);
        print_entry(setup);
    }
    return EXIT_FAILED;
}

static int write_file(struct setting_up *setup)
{
    if (!setup_file_changed(&setup->file)) {
        printf("%s has it already.\n", setup->file.path);
        return EXIT_WORKED;
    }
    int code = setup_file_write(&setup->file);
    if (code == 0)
        printf("%s: written. %s\n", setup->file.path, setup->client->hint);
    return code;
}

static int take_back(struct setting_up *setup)
{
    bool empty = setup_is_empty(setup->client, text_slice(&setup->file.text));
    bool own_directory = strchr(setup->client->project, '/');
    int code =
        empty ? setup_file_remove(&setup->file, own_directory) : setup_file_write(&setup->file);
    if (code == 0)
        printf("%s: %s.\n", setup->file.path,
               empty ? "removed, for nothing else was in it" : "khub's entry is taken back");
    return code;
}

static int change_file(struct setting_up *setup)
{
    char why[SETUP_WHY_SIZE];
    int code = setup_file_read(&setup->file);
    if (code != 0)
        return code;
    switch (setup_edit(setup->client, &setup->wish, setup->entry, &setup->file.text, why)) {
    case SETUP_REFUSED:
        return refuse_file(setup, why);
    case SETUP_ABSENT:
        printf("%s has no entry '%s'.\n", setup->file.path, setup->wish.name);
        return EXIT_WORKED;
    case SETUP_DONE:
        break;
    }
    return setup->entry ? write_file(setup) : take_back(setup);
}

static int run(const void *data)
{
    const struct setup_settings *settings = data;
    struct setting_up setup = {.settings = settings, .client = setup_client_find(settings->client)};
    char command[PATH_MAX];
    int code = check(settings);
    if (code == 0)
        code = find_path(setup.client, settings->user, setup.file.path);
    if (code != 0)
        return code;
    find_command(command);
    setup.wish = (struct setup_wish){.name = settings->name,
                                     .command = command,
                                     .arguments = arguments_of(settings),
                                     .url = settings->http,
                                     .token_name = settings->token_name};
    if (!settings->remove)
        setup.entry = setup_entry(setup.client, &setup.wish);
    if (!setup.wish.arguments || (!settings->remove && !setup.entry))
        code = complain("setup", "out of memory");
    else
        code = settings->write || settings->remove ? change_file(&setup) : print(&setup);
    setup_file_free(&setup.file);
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
     .help = "Takes it back: the entry, and a file or object that holds nothing else."},
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
        "that has a .khub or a .git), or with --user of the user.\n\n"
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
