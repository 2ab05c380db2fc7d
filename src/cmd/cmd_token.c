/* khub token: gives out tokens, and takes them back. Works beside a hub that runs, and without
 * one. */
#include <assert.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "auth/tokens.h"
#include "cmd/commands.h"
#include "cmd/data_place.h"
#include "cmd/token_list.h"
#include "cmd/visit.h"
#include "wire/clock.h"
#include "wire/nearest.h"

struct token_settings {
    const char *action, *name, *role, *ids, *rooms, *types, *expires, *data;
    const char *limits[LIMIT_COUNT];
    bool sees_direct, json;
};

static const char *const actions[] = {"list", "add", "limit", "allow", "revoke", "rotate", NULL};
static const char *const roles[] = {
#define X(name, text) (text),
    TOKEN_ROLES(X)
#undef X
        NULL};

/* ── what it shall be ── */

/* Letters, digits and a few marks: a name stands in sentences and logs, and looks like no other. */
static bool name_fits(const char *name)
{
    static const char good[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@+-";
    size_t len = strlen(name);
    return len > 0 && len <= TOKEN_NAME_MAX && strspn(name, good) == len;
}

static bool rooms_fit(const char *rooms)
{
    size_t len = strlen(rooms);
    return len <= ROOM_LIST_MAX && rooms[0] != ',' && rooms[len - 1] != ',' && !strstr(rooms, ",,");
}

#define usage(...) (complain("token", __VA_ARGS__), EXIT_USAGE)

/* One limit as it is written: "0.5", "64K", "none". 0, or -1. */
static int limit_parse(const char *text, double *ret_most)
{
    size_t whole;
    char *end;
    if (strcmp(text, "none") == 0) {
        *ret_most = 0;
        return 0;
    }
    if (size_parse(text, &whole) == 0) {
        *ret_most = (double)whole;
    } else {
        *ret_most = strtod(text, &end);
        if (end == text || *end)
            return -1;
    }
    return *ret_most > 0 && *ret_most <= LIMIT_HIGH ? 0 : -1;
}

/* Those that were not given are negative. An exit code. */
static int quota_read(const struct token_settings *settings, struct quota *ret_quota)
{
    for (enum limit limit = 0; limit < LIMIT_COUNT; limit++) {
        const char *text = settings->limits[limit];
        ret_quota->most[limit] = -1;
        if (text && limit_parse(text, &ret_quota->most[limit]) < 0)
            return usage("--%s is '%s': it must be a number above 0 and at most 1e12, such as 5, "
                         "0.5 or 64K, or none.",
                         limit_option(limit), text);
    }
    return EXIT_WORKED;
}

/* An exit code. */
static int types_read(const struct token_settings *settings, struct message_types *ret_types)
{
    struct slice wrong = {NULL, 0};
    struct token_grant grant = {.role = TOKEN_ADMIN};
    char why[TOKENS_WHY_SIZE];
    *ret_types = (struct message_types){{0}};
    if (!settings->types || strcmp(settings->types, "all") == 0)
        return EXIT_WORKED;
    if (message_types_read(slice_of(settings->types), &grant.types, &wrong) == 0) {
        *ret_types = grant.types;
        return token_types_check(&grant, why) == 0
                   ? EXIT_WORKED
                   : usage("--types is '%s': %s.", settings->types, why);
    }
    struct nearest nearest = {.word = wrong};
    for (unsigned type = 0; type < MESSAGE_TYPE_COUNT; type++)
        if (message_type_is_published((enum message_type)type))
            nearest_offer(&nearest, slice_of(message_type_text((enum message_type)type)));
    if (nearest.count > 0)
        return usage("--types has '%.*s': did you mean '%.*s'?", SLICE_FORMAT(wrong),
                     SLICE_FORMAT(nearest.best[0].name));
    return usage("--types has '%.*s', which is no message type; 'khub token --help' lists them.",
                 SLICE_FORMAT(wrong));
}

/* An exit code. */
static int grant_read(const struct token_settings *settings, int64_t now,
                      struct token_grant *ret_grant)
{
    struct token_grant grant = {.created_ms = now};
    const struct quota hubs = {0};
    char why[TOKENS_WHY_SIZE];
    int64_t age = 0;
    assert(settings->name && settings->role && settings->ids); /* check, and the table */
    if (!name_fits(settings->name))
        return usage("NAME is '%s': it must be 1 to 64 letters, digits and . _ @ + -",
                     settings->name);
    if (strlen(settings->ids) > ID_PATTERN_MAX)
        return usage("--id is '%s': a pattern has at most 128 bytes.", settings->ids);
    if (settings->rooms && !rooms_fit(settings->rooms))
        return usage("--rooms is '%s': it must be names with commas between them, at most 1024 "
                     "bytes.",
                     settings->rooms);
    if (settings->expires && (age_parse(settings->expires, &age) < 0 || age == 0))
        return usage("--expires is '%s': it must be a time such as 30d, 12h, 90m or 45s.",
                     settings->expires);
    grant.sees_direct = settings->sees_direct;
    while (grant.role + 1 < TOKEN_ROLE_COUNT && strcmp(roles[grant.role], settings->role) != 0)
        grant.role++;
    if (grant.sees_direct && grant.role != TOKEN_OBSERVER)
        return usage("--sees-direct is for --role observer: %s %s.", settings->role,
                     grant.role == TOKEN_ADMIN ? "has that right" : "can't be given that right");
    snprintf(grant.name, sizeof grant.name, "%s", settings->name);
    snprintf(grant.ids, sizeof grant.ids, "%s", settings->ids);
    snprintf(grant.rooms, sizeof grant.rooms, "%s", settings->rooms ? settings->rooms : "");
    grant.expires_ms = age ? now + age : 0;
    int code = types_read(settings, &grant.types);
    if (code == EXIT_WORKED && token_types_check(&grant, why) < 0)
        code = usage("--types is '%s': %s.", settings->types, why);
    if (code == EXIT_WORKED)
        code = quota_read(settings, &grant.quota);
    grant.quota = quota_over(&grant.quota, &hubs);
    *ret_grant = grant;
    return code;
}

/* ── done ── */

/* On stdout stands the token and nothing else, so that it can be piped; it is not kept. */
static void print_token(char text[TOKEN_TEXT_SIZE])
{
    setvbuf(stdout, NULL, _IONBF, 0); /* no copy of it stays behind */
    printf("%s\n", text);
    token_wipe(text, TOKEN_TEXT_SIZE);
}

static int add(struct tokens *tokens, const struct token_grant *grant, bool first,
               const char *place)
{
    char text[TOKEN_TEXT_SIZE], why[TOKENS_WHY_SIZE];
    if (tokens_add(tokens, grant, text, why) < 0)
        return complain("token", "%s", why);
    print_token(text);
    complain("token", "that is the token of \"%s\"; it is shown this once, and kept nowhere.",
             grant->name);
    if (first)
        complain(
            "token",
            "it is the first for %s: a hub there asks everybody for one from now on, and takes "
            "those of other machines over TLS.",
            place);
    return EXIT_WORKED;
}

static int rotate(struct tokens *tokens, const char *name)
{
    char text[TOKEN_TEXT_SIZE], why[TOKENS_WHY_SIZE];
    if (tokens_rotate(tokens, name, time_now_ms(), text, why) < 0)
        return complain("token", "%s", why);
    print_token(text);
    complain("token",
             "that is the new token of \"%s\", shown this once; the old one is good no "
             "more.",
             name);
    return EXIT_WORKED;
}

static int limit_token(struct tokens *tokens, const struct token_settings *settings)
{
    struct quota quota;
    char why[TOKENS_WHY_SIZE];
    int code = quota_read(settings, &quota);
    if (code != EXIT_WORKED)
        return code;
    if (tokens_limit(tokens, settings->name, &quota, time_now_ms(), why) < 0)
        return complain("token", "%s", why);
    complain("token", "these are the limits of \"%s\" now; a hub that runs knows within a second.",
             settings->name);
    return EXIT_WORKED;
}

static int allow(struct tokens *tokens, const struct token_settings *settings)
{
    struct message_types types;
    char why[TOKENS_WHY_SIZE];
    int code = types_read(settings, &types);
    if (code != EXIT_WORKED)
        return code;
    if (tokens_allow(tokens, settings->name, types, time_now_ms(), why) < 0)
        return complain("token", "%s", why);
    complain("token", "that is what \"%s\" may say now; a hub that runs knows within a second.",
             settings->name);
    return EXIT_WORKED;
}

static int revoke_token(struct tokens *tokens, const char *name)
{
    char why[TOKENS_WHY_SIZE];
    if (tokens_revoke(tokens, name, time_now_ms(), why) < 0)
        return complain("token", "%s", why);
    complain("token",
             "the token of \"%s\" is good no more; a hub that runs closes its "
             "connections within a second.",
             name);
    return EXIT_WORKED;
}

static void identify(struct tokens *tokens)
{
    const struct passwd *user = getpwuid(getuid());
    char number[32];
    snprintf(number, sizeof number, "uid %ld", (long)getuid());
    tokens_act_as(tokens, user ? user->pw_name : number);
}

static int act(struct tokens *tokens, const struct token_settings *settings, const char *place)
{
    struct token_grant grant;
    if (strcmp(settings->action, "list") == 0)
        return token_list(tokens, settings->json, place);
    if (!tokens)
        return complain("token", "no token was given out for %s.", place);
    identify(tokens);
    if (strcmp(settings->action, "revoke") == 0)
        return revoke_token(tokens, settings->name);
    if (strcmp(settings->action, "rotate") == 0)
        return rotate(tokens, settings->name);
    if (strcmp(settings->action, "limit") == 0)
        return limit_token(tokens, settings);
    if (strcmp(settings->action, "allow") == 0)
        return allow(tokens, settings);
    int code = grant_read(settings, time_now_ms(), &grant);
    return code == EXIT_WORKED ? add(tokens, &grant, !tokens_any(tokens), place) : code;
}

static bool limits_any(const struct token_settings *settings)
{
    for (enum limit limit = 0; limit < LIMIT_COUNT; limit++)
        if (settings->limits[limit])
            return true;
    return false;
}

static int check(const struct token_settings *settings)
{
    struct token_grant ignored;
    bool adds = strcmp(settings->action, "add") == 0;
    bool limits = strcmp(settings->action, "limit") == 0;
    bool allows = strcmp(settings->action, "allow") == 0;
    struct message_types types;
    if (settings->name && token_is_whole(slice_of(settings->name)))
        return usage("NAME is what a token is known by, and was given a token: as an argument "
                     "everybody on this machine can read it, so rotate the one that it is of.");
    bool lists = strcmp(settings->action, "list") == 0;
    if (lists && settings->name)
        return usage("%s takes no NAME, such as '%s'.", settings->action, settings->name);
    if (!lists && !settings->name)
        return usage("%s wants a NAME; 'khub token' lists them.", settings->action);
    if (limits && !limits_any(settings))
        return usage("limit wants the limits that change, such as --rate 5; 'khub token --help' "
                     "lists them.");
    if (allows && !settings->types)
        return usage("allow wants the --types that it may publish from now on, such as chat, or "
                     "all; 'khub token --help' lists them.");
    if (settings->types && !adds && !allows)
        return usage("--types goes with add and allow, and not with %s.", settings->action);
    if (limits_any(settings) && !adds && !limits)
        return usage("limits go with add and limit, and not with %s.", settings->action);
    return adds     ? grant_read(settings, 0, &ignored)
           : limits ? quota_read(settings, &ignored.quota)
           : allows ? types_read(settings, &types)
                    : EXIT_WORKED;
}

static int run(const void *data)
{
    const struct token_settings *settings = data;
    bool adds = strcmp(settings->action, "add") == 0;
    char place[DATA_PLACE_SIZE], why[DATA_PLACE_SIZE + 256];
    struct tokens *tokens;
    int code = check(settings);
    if (code != EXIT_WORKED)
        return code;
    if (data_place_choose(settings->data, adds, place, why, sizeof why) < 0)
        return complain("token", "%s; --data DIR names one.", why);
    if (tokens_open(place, adds ? TOKENS_MAKE : TOKENS_IF_THERE, TOKENS_PATIENCE_MS, &tokens, why) <
        0)
        return complain("token", "%s", why);
    code = act(tokens, settings, place);
    tokens_close(tokens);
    return code;
}

/* Who may do what. */
static void rights_print(FILE *out)
{
    fprintf(out, "%-33s", "What a token may:");
    for (enum token_role role = 0; role < TOKEN_ROLE_COUNT; role++)
        fprintf(out, role + 1 < TOKEN_ROLE_COUNT ? "%-18s" : "%s\n", token_role_text(role));
    for (enum token_right right = 0; right < TOKEN_RIGHT_COUNT; right++) {
        fprintf(out, "  %-31s", token_right_text(right));
        for (enum token_role role = 0; role < TOKEN_ROLE_COUNT; role++)
            fprintf(out, role + 1 < TOKEN_ROLE_COUNT ? "%-18s" : "%s\n",
                    token_may_text(right, role));
    }
    fprintf(out, "\nWhat --types may name, each of which is a message type:");
    size_t at = HELP_WIDTH;
    for (unsigned type = 0; type < MESSAGE_TYPE_COUNT; type++) {
        const char *text = message_type_text((enum message_type)type);
        if (!message_type_is_published((enum message_type)type))
            continue;
        at += strlen(text) + 1;
        if (at >= HELP_WIDTH)
            at = (size_t)fprintf(out, "\n  %s", text) - 1;
        else
            fprintf(out, " %s", text);
    }
    fprintf(out, "\n");
}

#define AT(member) .offset = offsetof(struct token_settings, member)
#define LIMIT_SETTING(option, limit, what)                                                         \
    {                                                                                              \
        .name = (option), .kind = SETTING_TEXT, AT(limits[LIMIT_##limit]), .argument = "N",        \
        .help = what " (none: the hub's own limit holds)."                                         \
    }
static const struct setting options[] = {
    {.name = "role",
     .kind = SETTING_CHOICE,
     AT(role),
     .argument = "ROLE",
     .fallback = "member",
     .choices = roles,
     .help = "What it may: the table above."},
    {.name = "sees-direct",
     .kind = SETTING_FLAG,
     AT(sees_direct),
     .help = "Of an observer's token: it observes what is for some, too."},
    {.name = "id",
     .kind = SETTING_TEXT,
     AT(ids),
     .argument = "PATTERN",
     .fallback = "*",
     .help =
         "The ids (sender_id) that it may take: * is any characters, ? one, [abc] one of these; "
         "capitals count, and letters that only look alike are others. To look on, any id in ~ will do."},
    {.name = "rooms",
     .kind = SETTING_TEXT,
     AT(rooms),
     .argument = "A,B",
     .help = "The rooms that it may enter. Without it: all."},
    {.name = "types",
     .kind = SETTING_TEXT,
     AT(types),
     .argument = "A,B",
     .help = "The types of message that it may publish (the list above), or all. Whatever they "
             "are, it may say hello, give signs of life, and ask. Without it: all that its role "
             "may."},
    LIMIT_SETTING("rate", RATE,
                  "Messages a second, from all its connections together, in bursts of two "
                  "seconds' worth"),
    LIMIT_SETTING("rate-bytes", RATE_BYTES, "Bytes of messages a second, likewise"),
    LIMIT_SETTING("connections", CONNECTIONS, "Connections at once"),
    LIMIT_SETTING("sessions", SESSIONS, "Sessions offered and open, by all its AIs in all rooms"),
    LIMIT_SETTING("entries", ENTRIES, "Entries of knowledge, likewise"),
    LIMIT_SETTING("knowledge", KNOWLEDGE, "Bytes of knowledge, likewise"),
    LIMIT_SETTING("daily", DAILY, "Messages that are kept of them in a day (UTC), likewise"),
    {.name = "expires",
     .kind = SETTING_TEXT,
     AT(expires),
     .argument = "AGE",
     .help = "It is good for so long: 30d, 12h, 90m. Without it: until it is revoked."},
    {.name = "data",
     .kind = SETTING_TEXT,
     AT(data),
     .argument = "DIR",
     .help = "The directory of the hub's. Without it: where 'khub serve' would keep things."},
    JSON_SETTING(struct token_settings,
                 "list as JSON: an array of {\"name\", \"role\", \"sees_direct\", \"ids\", "
                 "\"rooms\", \"types\", \"limits\", \"created\", \"expires\", "
                 "\"revoked\", \"state\"}."),
    {0},
};

static const struct setting operands[] = {
    {.name = "ACTION",
     .kind = SETTING_CHOICE,
     AT(action),
     .fallback = "list",
     .choices = actions,
     .help = "What to do."},
    {.name = "NAME", .kind = SETTING_TEXT, AT(name), .help = "Whose token it is."},
    {0},
};

const struct command command_token = {
    .name = "token",
    .summary = "say who may come in: give out tokens, and take them back",
    .about =
        "A hub for whose data directory a token was ever given out asks everybody for one, and "
        "takes who shows it from other machines too, over TLS. add prints a new token, once, on "
        "stdout alone; of it the SHA-256 is kept, in tokens.db. All that holds one token is one owner, whatever "
        "ids it takes: its NAME.\n\n"
        "limit changes what the owner may do at the most, over all that shows the token; what is "
        "not named stays as it is. allow changes what it may publish, and takes a whole list. Both, "
        "and revoke and rotate, act at once, also while the hub runs: who is connected with an old "
        "token is closed within a second. A hub whose last token was revoked lets nobody in; to have one "
        "again that asks nobody, start it with 'khub serve --no-tokens'. 'khub audit' tells who did "
        "what with which token; what its owner says in a room stands in the log ('khub log'), after "
        "a hello that names the owner.\n\n"
        "What is for some is a message with a target, one that a session's participants say in it, "
        "and what is kept of these; its sender and those it is for see it, and who observes as the "
        "table says: \"of its own\" is what is from or to AIs of the same token.\n\n"
        "Give it to khub's commands and trainers by $KHUB_TOKEN, --token-file FILE, or a file that "
        "only you can read, named like the hub's address, in ~/.config/khub/tokens: "
        "127.0.0.1:6000.",
    .table = rights_print,
    .example = "  khub token add ada\n"
               "  khub token add ci --id 'ci/*' --rooms main,lab --expires 30d >ci.token\n"
               "  khub token add bot --types chat,feature_request\n"
               "  khub token limit ci --rate 20 --connections 4\n"
               "  khub token allow bot --types chat\n"
               "  khub token\n"
               "  khub token revoke ci",
    .worked = "done",
    .failed = "there is no such token, or there is one already, or tokens.db can't be opened",
    .options = options,
    .operands = operands,
    .settings_size = sizeof(struct token_settings),
    .run = run,
};
