/* khub join: a member whose turns are commands. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/fields.h"
#include "cmd/inbox_print.h"
#include "cmd/stop.h"
#include "cmd/turn.h"
#include "wire/clock.h"

#define NAMES_SHOWN 12u
#define STAYS_S     7200 /* between two turns, where nobody says */

struct join_settings {
    struct membership_choice choice;
    const char *name, *hub, *token_file, *specialization;
    struct text_list capabilities;
    long stays; /* seconds; -1: not said */
    bool json;
};

struct joining {
    const struct join_settings *settings;
    struct turn turn;
    struct inbox inbox;
    bool back, caught_up;
    uint64_t told; /* up to here all that waits was counted */
};

static void on_message(struct visit *visit, const struct khub_message *message)
{
    struct joining *joining = visit->data;
    struct json_value payload =
        json_value_of((struct slice){message->payload.at, message->payload.len});
    if (!visit->joined)
        return;
    joining->inbox.read = khub_cursor(visit->link);
    inbox_take(&joining->inbox, message);
    if (strcmp(message->type.at, "caught_up") == 0 && strcmp(message->sender_id.at, "hub") == 0) {
        json_u64(json_get(payload, "seq"), &joining->told);
        joining->caught_up = true;
        inbox_close(&joining->inbox);
    }
}

/* ── what is kept ── */

/* A file that is named from here is found from elsewhere, too. */
static int set_file(struct membership *member, const char *name, const char *path)
{
    char whole[PATH_MAX];
    if (!path)
        return 0;
    return membership_set(member, name, realpath(path, whole) ? whole : path);
}

/* What was said on the command line, in place of what was kept. */
static int take_settings(struct membership *member, const struct join_settings *settings)
{
    const struct khub_tls *tls = &hub_tls_chosen;
    int error = 0;
    if (settings->specialization)
        error |= membership_set(member, "specialization", settings->specialization);
    if (settings->capabilities.count > 0)
        json_array_clear(member->capabilities);
    for (size_t i = 0; i < settings->capabilities.count; i++)
        error |=
            json_array_append_new(member->capabilities, json_string(settings->capabilities.at[i]));
    error |= set_file(member, "token_file", settings->token_file);
    if (tls->ca || tls->fingerprint) {
        error |= membership_set(member, "ca", NULL) |
                 membership_set(member, "fingerprint", tls->fingerprint) |
                 set_file(member, "ca", tls->ca);
    }
    error |= set_file(member, "cert", tls->cert) | set_file(member, "key", tls->key);
    member->insecure |= hub_token_open;
    if (settings->stays >= 0)
        member->stays_s = settings->stays;
    return error ? complain("join", "it can't be kept: some of what was said is no UTF-8.") : 0;
}

static int begin_new(struct joining *joining, const char *name)
{
    const struct join_settings *settings = joining->settings;
    struct membership *member = &joining->turn.member;
    const char *hub = settings->hub ? settings->hub : getenv("KHUB_HUB");
    const char *room = settings->choice.room ? settings->choice.room : ROOM_DEFAULT;
    if (!hub || !*hub)
        hub = HUB_DEFAULT;
    if (membership_new(member) < 0 || membership_set(member, "hub", hub) < 0 ||
        membership_set(member, "room", room) < 0 || membership_set(member, "ai_id", name) < 0)
        return complain("join", "'%s' can't be kept: a name must be UTF-8.", name);
    member->stays_s = STAYS_S;
    return take_settings(member, settings);
}

/* The file says who it is: the command line may say the same, or nothing. */
static int check_same(const struct joining *joining, const char *name)
{
    const struct join_settings *settings = joining->settings;
    const struct membership *member = &joining->turn.member;
    char place[PLACE_SIZE];
    bool same = (!*name || strcmp(member->ai_id, name) == 0) &&
                (!settings->hub || strcmp(settings->hub, member->hub) == 0) &&
                (!settings->choice.room || strcmp(settings->choice.room, member->room) == 0);
    if (same)
        return 0;
    return complain("join",
                    "%s is of %s at %s: leave there first ('khub leave'), or keep another one with "
                    "--state FILE.",
                    joining->turn.place.path, member->ai_id,
                    place_text(member->hub, member->room, place));
}

static int refuse_nameless(void)
{
    complain("join", "NAME is missing: give yourself one, such as 'khub join ada'.");
    return EXIT_USAGE;
}

/* Takes the turn, and what the file has or what becomes of one. */
static int begin(struct joining *joining, const char *name)
{
    struct turn *turn = &joining->turn;
    struct stat found;
    struct membership_choice choice = joining->settings->choice;
    choice.as = name;
    int code = place_make("join", &choice, &turn->place);
    stop_catch();
    if (code == 0)
        code = place_take_turn("join", &turn->place, time_monotonic_ms() + TURN_WAIT_MS);
    if (code < 0)
        code = complain("join", "another khub command in this name does not come to its end.");
    if (code != 0)
        return code;
    joining->back = lstat(turn->place.path, &found) == 0 || errno != ENOENT;
    if (!joining->back && !*name) {
        place_remove(&turn->place); /* its lock */
        return refuse_nameless();
    }
    if (!joining->back)
        return begin_new(joining, name);
    code = turn_read(turn);
    if (code == 0)
        code = check_same(joining, name);
    return code == 0 ? take_settings(&turn->member, joining->settings) : code;
}

/* ── joining ── */

static int explain_refusal(const struct joining *joining)
{
    const struct visit *visit = &joining->turn.visit;
    if (visit->in_use && !joining->back)
        complain("join",
                 "'khub who' tells who is there. If it is somebody else, take another name. If it "
                 "is you: come back from where your file is, or leave from there; without the "
                 "file, take another name until the stay is over.");
    return EXIT_FAILED;
}

/* One whose file was lost comes back as far as the hub knows that it had read. */
static int join(struct joining *joining)
{
    struct turn *turn = &joining->turn;
    struct visit *visit = &turn->visit;
    joining->inbox = (struct inbox){.member = &turn->member};
    inbox_begin(&joining->inbox);
    *visit = (struct visit){.resumes = true,
                            .resumes_last = !joining->back,
                            .since = turn->member.acked,
                            .message = on_message,
                            .data = joining};
    int code = turn_join(turn);
    if (code != 0)
        return visit->joined ? code : explain_refusal(joining);
    if (turn->began_anew) {
        json_u64(json_get(visit->sync, "seq"), &joining->told);
        return 0;
    }
    while (!joining->caught_up) {
        if (visit_wait(visit, -1, NULL, 0) != VISIT_TURNED)
            return EXIT_FAILED;
        if (visit->lost)
            return complain("join", "lost the hub at %s: %s", visit->address, visit->why);
    }
    return joining->inbox.failed ? complain("join", "out of memory") : 0;
}

static uint64_t first_of(const json_t *seqs, uint64_t otherwise)
{
    const json_t *first = json_array_get(seqs, 0);
    uint64_t seq = first ? (uint64_t)json_integer_value(first) : otherwise;
    return seq < otherwise ? seq : otherwise;
}

/* What waits for a new one comes with its first recv. */
static int keep_new(struct joining *joining)
{
    struct membership *member = &joining->turn.member;
    uint64_t first = first_of(joining->inbox.rest_direct, joining->told + 1);
    member->acked = member->told = first_of(joining->inbox.rest, first) - 1;
    return turn_keep(&joining->turn);
}

/* ── what is told of it ── */

/* "here: ada, cid" of an array of names, or of objects that have one; but for our own. */
static void add_names(const struct joining *joining, const char *member, const char *title,
                      struct text *text)
{
    struct json_value all = json_get(joining->turn.visit.sync, member), element;
    struct json_iterator iterator = {.rest = all.raw};
    size_t count = 0;
    while (all.kind == JSON_KIND_ARRAY && json_next_element(&iterator, &element)) {
        bool object = element.kind == JSON_KIND_OBJECT;
        OWNED char *name = field_text(object ? json_get(element, "ai_id") : element);
        if (strcmp(name, joining->turn.member.ai_id) == 0 || ++count > NAMES_SHOWN)
            continue;
        text_add_literal(text, count == 1 ? title : ", ");
        text_add_name(text, slice_of(name));
    }
    if (count > NAMES_SHOWN)
        text_addf(text, " and %zu more", count - NAMES_SHOWN);
    text_add_literal(text, count > 0 ? "\n" : "");
}

static void add_others(const struct joining *joining, struct text *text)
{
    size_t len = text->len;
    add_names(joining, "active_ais", "here: ", text);
    add_names(joining, "away", "away: ", text);
    if (text->len == len)
        text_add_literal(text, "nobody else is here\n");
}

static void add_waiting(const struct inbox *inbox, struct text *text)
{
    size_t unacked = json_array_size(inbox->unacked);
    if (inbox_rest(inbox) > 0) {
        text_add_literal(text, "waiting for you: ");
        inbox_add_rest(inbox, text);
        text_add_literal(text, " (khub recv)\n");
    }
    if (unacked > 0)
        text_addf(text, "shown before, not acked: %zu (khub recv --again)\n", unacked);
}

static void print_text(const struct joining *joining)
{
    const struct membership *member = &joining->turn.member;
    struct text text = {0};
    text_add_literal(&text, joining->back ? "back as " : "joined as ");
    text_add_name(&text, slice_of(member->ai_id));
    text_addf(&text, " at %s, room ", member->hub);
    text_add_name(&text, slice_of(member->room));
    text_addf(&text, " (kept in %s)\n", joining->turn.place.path);
    add_others(joining, &text);
    add_waiting(&joining->inbox, &text);
    struct slice made = text_slice(&text);
    fwrite(made.at, 1, made.len, stdout);
    text_free(&text);
}

static void print_json(const struct joining *joining)
{
    const struct membership *member = &joining->turn.member;
    struct json_value active = json_get(joining->turn.visit.sync, "active_ais"),
                      away = json_get(joining->turn.visit.sync, "away");
    struct text text = {0};
    text_add_literal(&text, "{\"ai_id\":");
    text_add_string(&text, slice_of(member->ai_id));
    text_add_literal(&text, ",\"hub\":");
    text_add_string(&text, slice_of(member->hub));
    text_add_literal(&text, ",\"room\":");
    text_add_string(&text, slice_of(member->room));
    text_add_literal(&text, ",\"state\":");
    text_add_string(&text, slice_of(joining->turn.place.path));
    text_addf(&text, ",\"stays_s\":%ld,\"back\":%s,\"here\":", member->stays_s,
              joining->back ? "true" : "false");
    text_add_json(&text, active.kind == JSON_KIND_ARRAY ? active.raw : slice_of("[]"), false);
    text_add_literal(&text, ",\"away\":");
    text_add_json(&text, away.kind == JSON_KIND_ARRAY ? away.raw : slice_of("[]"), false);
    text_addf(&text, ",\"waiting\":%zu,\"unacked\":%zu}\n", inbox_rest(&joining->inbox),
              json_array_size(joining->inbox.unacked));
    struct slice made = text_slice(&text);
    fwrite(made.at, 1, made.len, stdout);
    text_free(&text);
}

static int run(const void *data)
{
    const struct join_settings *settings = data;
    struct joining joining = {.settings = settings,
                              .turn = {.command = "join", .place = {.turn = -1, .wait = -1}}};
    char name[WIRE_ID_MAX + 1] = "";
    int code = 0;
    if (settings->name)
        snprintf(name, sizeof name, "%s", settings->name);
    else if (!settings->choice.state) /* else the file says it */
        code = place_only_name("join", settings->choice.room, name);
    if (code == 0 && !*name && !settings->choice.state)
        code = refuse_nameless();
    if (code == 0)
        code = begin(&joining, name);
    if (code == 0)
        code = join(&joining);
    if (code == 0 && !joining.back)
        code = keep_new(&joining);
    if (code == 0 && settings->json)
        print_json(&joining);
    else if (code == 0)
        print_text(&joining);
    turn_end(&joining.turn);
    inbox_free(&joining.inbox);
    return code;
}

#define AT(member) .offset = offsetof(struct join_settings, member)
static const struct setting options[] = {
    {.name = "hub",
     .letter = 'H',
     .kind = SETTING_TEXT,
     AT(hub),
     .argument = "ADDRESS",
     .help = "The hub: host:port, [ipv6]:port, unix:/path, or khubs://host:port for TLS. Without "
             "it: the one that the member joined before, else $KHUB_HUB, else " HUB_DEFAULT "."},
    HUB_TRUST_SETTING,
    TOKEN_SETTING(struct join_settings),
    {.name = "room",
     .letter = 'r',
     .kind = SETTING_TEXT,
     AT(choice.room),
     .argument = "ROOM",
     .bytes = ROOM_NAME_MAX,
     .help = "The room at the hub. Without it: the one that the member joined before, else "
             "main."},
    {.name = "specialization",
     .kind = SETTING_TEXT,
     AT(specialization),
     .argument = "WHAT",
     .bytes = WIRE_ID_MAX,
     .help = "What you are for, in a word or two; others see it."},
    {.name = "capability",
     .kind = SETTING_LIST,
     AT(capabilities),
     .argument = "WHAT",
     .bytes = CAPABILITY_BYTES_MAX,
     .help = "What you can do: who asks for a feature with such a name has you asked."},
    {.name = "stays",
     .kind = SETTING_WHOLE,
     AT(stays),
     .argument = "SECONDS",
     .fallback = "-1",
     .low = -1,
     .high = STAY_MAX_S,
     .help =
         "So long you are away between two turns, before you are gone: nobody has your name, and "
         "what is for you waits. 0: you are gone with each turn. Without it: as before, or two "
         "hours."},
    STATE_SETTING(struct join_settings),
    JSON_SETTING(struct join_settings, "As JSON: {\"ai_id\", \"hub\", \"room\", \"state\", "
                                       "\"stays_s\", \"back\", \"here\", \"away\", "
                                       "\"waiting\", \"unacked\"}."),
    {0},
};

static const struct setting operands[] = {
    {.name = "NAME",
     .kind = SETTING_TEXT,
     AT(name),
     .bytes = WIRE_ID_MAX,
     .help = "Your name at the hub. Without it: of the only member that joined from here."},
    {0},
};

const struct command command_join = {
    .name = "join",
    .summary = "join a hub as a member whose turns are commands",
    .about =
        "For an agent that has a shell and nothing else. Joins a hub, says who is there and what "
        "waits, and keeps in a file who you are and how far you have read; recv, say, ack, claim, "
        "release and leave come back as the same member. Joined again you are who you were, with "
        "all that has come since. The file is its owner's alone; git does not see it.",
    .example = "  khub join ada --specialization \"code review\"\n"
               "  khub recv --wait 60\n"
               "  khub say \"I have looked at it\" --re 17\n"
               "  khub ack",
    .worked = "joined",
    .failed = "the hub refused it or could not be reached, or what is kept could not be read or "
              "written",
    .options = options,
    .operands = operands,
    .settings_size = sizeof(struct join_settings),
    .run = run,
};
