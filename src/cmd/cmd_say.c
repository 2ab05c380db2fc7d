/* khub say: a member says something, and hears what became of it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/commands.h"
#include "cmd/fields.h"
#include "cmd/given.h"
#include "cmd/inbox_print.h"
#include "cmd/json_out.h"
#include "cmd/stop.h"
#include "cmd/terminal.h"
#include "cmd/turn.h"
#include "wire/clock.h"
#include "wire/utf8.h"

#define OUTCOME_MS   30000 /* for the hub's word, also when it is started again meanwhile */
#define NAMES_SHOWN  8u
#define TOO_FAST_MAX 10000 /* ms that a message is held back for, when it came too fast */

struct say_settings {
    struct membership_choice choice;
    const char *text, *to, *type, *re, *payload, *lease, *id;
    double reply_by;
    bool json;
};

struct saying {
    const struct say_settings *settings;
    struct turn turn;
    struct text payload;
    char target[WIRE_ID_MAX + 1]; /* "": all */
    char message_id[WIRE_ID_MAX + 1];
    bool over; /* the hub has said what became of it */
    int error;
    uint64_t seq;
    bool delivered, stored; /* stored: it is away, and gets it with its next turn */
    int64_t retry_after_ms;
    char code[64], why[WIRE_DETAIL_MAX];
};

/* ── what is said ── */

/* --re: a seq is one of those that were shown, or said; else it is a message_id. What was for this
 * member alone is answered to who said it, unless somebody else is named. */
static int add_reference(struct saying *saying)
{
    const struct membership *member = &saying->turn.member;
    const char *re = saying->settings->re;
    char *end;
    if (!re)
        return 0;
    unsigned long long seq = strtoull(*re == '#' ? re + 1 : re, &end, 10);
    if (*end || seq == 0) {
        text_add_literal(&saying->payload, ",\"in_reply_to\":");
        text_add_string(&saying->payload, slice_of(re));
        return 0;
    }
    const json_t *heard = membership_find(member->heard, seq);
    const json_t *note = heard ? heard : membership_find(member->said, seq);
    if (!note)
        return complain("say",
                        "--re: #%llu is none of the last that you were shown; --re MESSAGE_ID "
                        "names any.",
                        seq);
    text_add_literal(&saying->payload, ",\"in_reply_to\":");
    text_add_string(&saying->payload,
                    slice_of(json_string_value(json_object_get(note, "message_id"))));
    const char *from = json_string_value(json_object_get(note, "from"));
    if (!saying->target[0] && json_is_true(json_object_get(note, "direct")) && from &&
        strcmp(from, "hub") != 0)
        snprintf(saying->target, sizeof saying->target, "%s", from);
    return 0;
}

static int add_lease(struct saying *saying)
{
    const char *key = saying->settings->lease;
    const json_t *fence = key ? json_object_get(saying->turn.member.leases, key) : NULL;
    if (!key)
        return 0;
    if (!fence)
        return complain("say", "--lease is '%s': you do not hold it (khub claim).", key);
    text_add_literal(&saying->payload, ",\"lease\":{\"key\":");
    text_add_string(&saying->payload, slice_of(key));
    text_addf(&saying->payload, ",\"fence\":%lld}", (long long)json_integer_value(fence));
    return 0;
}

/* A member that an option says must not stand in the payload as well. */
static int check_twice(struct json_value payload, const char *name, bool said, const char *option)
{
    if (!said || json_get(payload, name).kind == JSON_KIND_ABSENT)
        return 0;
    complain("say", "--payload has \"%s\", which %s says too.", name, option);
    return EXIT_USAGE;
}

static int add_given(struct saying *saying)
{
    const struct say_settings *settings = saying->settings;
    struct text given = {0};
    if (!settings->payload)
        return 0;
    text_add(&given, slice_of(settings->payload));
    int code = given_check_payload("say", "--payload", &given);
    struct json_value payload =
        code == 0 ? json_value_of((struct slice){given.at, given.len - 1}) : (struct json_value){0};
    if (code == 0)
        code = check_twice(payload, "text", settings->text != NULL, "TEXT");
    if (code == 0)
        code = check_twice(payload, "in_reply_to", settings->re != NULL, "--re");
    if (code == 0)
        code = check_twice(payload, "reply_by", settings->reply_by > 0, "--reply-by");
    if (code == 0)
        code = check_twice(payload, "lease", settings->lease != NULL, "--lease");
    if (code == 0 && field_count(payload) > 0) { /* its members, without the braces */
        const char *from = strchr(given.at, '{') + 1, *to = strrchr(given.at, '}');
        text_add_literal(&saying->payload, ",");
        text_add(&saying->payload, (struct slice){from, (size_t)(to - from)});
    }
    text_free(&given);
    return code;
}

static int add_text(struct saying *saying, struct text *text)
{
    const struct say_settings *settings = saying->settings;
    int code = 0;
    if (!settings->text)
        return 0;
    if (strcmp(settings->text, "-") == 0)
        code = given_read_stdin("say", text);
    else
        text_add(text, slice_of(settings->text));
    if (code != 0)
        return code;
    while (strcmp(settings->text, "-") == 0 && text->len > 0 && text->at[text->len - 1] == '\n')
        text->len--; /* the end of a last line is the shell's */
    if (text->len == 0 || !utf8_valid(text_slice(text))) {
        complain("say", text->len == 0 ? "TEXT is empty." : "TEXT is not UTF-8.");
        return EXIT_USAGE;
    }
    text_add_literal(&saying->payload, ",\"text\":");
    text_add_string(&saying->payload, text_slice(text));
    return 0;
}

/* All members begin with a comma, the first one too, until they are put into braces. */
static int write_payload(struct saying *saying)
{
    struct text text = {0};
    snprintf(saying->target, sizeof saying->target, "%s",
             saying->settings->to ? saying->settings->to : "");
    text_add_literal(&saying->payload, " ");
    int code = add_text(saying, &text);
    text_free(&text);
    if (code == 0)
        code = add_reference(saying);
    if (code == 0 && saying->settings->reply_by > 0)
        text_addf(&saying->payload, ",\"reply_by\":%.3f", saying->settings->reply_by);
    if (code == 0)
        code = add_lease(saying);
    if (code == 0)
        code = add_given(saying);
    if (code != 0)
        return code;
    text_add(&saying->payload, (struct slice)SLICE("}\0"));
    if (saying->payload.failed)
        return complain("say", "out of memory");
    saying->payload.at[saying->payload.len == 3 ? 0 : 1] = '{';
    return 0;
}

static int check_settings(const struct say_settings *settings)
{
    int code = given_check_type("say", settings->type);
    if (code != 0)
        return code;
    enum message_type type;
    message_type_find(slice_of(settings->type), &type);
    if (type == MESSAGE_HEARTBEAT || message_type_is_query(type)) {
        complain("say", "TYPE is '%s': that is a question to the hub; 'khub send' sends it.",
                 settings->type);
        return EXIT_USAGE;
    }
    if (!settings->text && !settings->payload) {
        complain("say", "TEXT is missing; - reads it from stdin.");
        return EXIT_USAGE;
    }
    return 0;
}

/* ── what becomes of it ── */

static void on_outcome(struct khub *link, const struct khub_outcome *outcome, void *data)
{
    struct saying *saying = data;
    (void)link;
    if (outcome->error < 0 && outcome->error != KHUB_E_REFUSED)
        return; /* the link has ended: nobody knows */
    saying->over = true;
    saying->error = outcome->error;
    saying->seq = outcome->seq;
    saying->delivered = outcome->delivered;
    saying->stored = outcome->stored;
    saying->retry_after_ms = outcome->retry_after_ms;
    snprintf(saying->code, sizeof saying->code, "%s", outcome->code);
    snprintf(saying->why, sizeof saying->why, "%s", outcome->detail);
}

static int publish(struct saying *saying)
{
    struct khub *link = saying->turn.visit.link;
    const struct say_settings *settings = saying->settings;
    int error;
    saying->over = false;
    if (settings->id) {
        snprintf(saying->message_id, sizeof saying->message_id, "%s", settings->id);
        error = khub_publish_as(link, settings->id, settings->type, saying->payload.at,
                                saying->target, on_outcome, saying);
    } else {
        error = khub_publish_acked(link, settings->type, saying->payload.at, saying->target,
                                   on_outcome, saying, saying->message_id);
    }
    if (error == KHUB_E_ARGUMENT) {
        complain("say", "--to or --id can't be a name, or --payload is nested too deep.");
        return EXIT_USAGE;
    }
    return error < 0 ? complain("say", "%s", khub_error_text(error)) : 0;
}

static int await(struct saying *saying)
{
    struct visit *visit = &saying->turn.visit;
    int64_t until = time_monotonic_ms() + OUTCOME_MS;
    visit->quiet = true;
    while (!saying->over) {
        size_t queued = khub_queued(visit->link);
        if (visit_wait(visit, until, NULL, 0) != VISIT_TURNED || time_monotonic_ms() >= until)
            return complain("say",
                            "the hub did not say whether it took the message. Say it again with "
                            "--id %s: then it counts once.",
                            saying->message_id);
        if (khub_queued(visit->link) < queued)
            until = time_monotonic_ms() + OUTCOME_MS;
    }
    return 0;
}

static int say(struct saying *saying)
{
    for (;;) {
        int code = publish(saying);
        if (code == 0)
            code = await(saying);
        bool too_fast = code == 0 && saying->error < 0 && saying->retry_after_ms > 0 &&
                        saying->retry_after_ms <= TOO_FAST_MAX &&
                        strcmp(saying->code, wire_error_code(WIRE_RATE_LIMITED)) == 0;
        if (!too_fast)
            return code;
        if (!visit_pause(&saying->turn.visit, saying->retry_after_ms))
            return EXIT_FAILED;
    }
}

/* ── what is told of it ── */

/* Since when a target is away, into ret_ago; "": nobody can tell. */
static void away_since(const struct saying *saying, char ret_ago[AGO_SIZE])
{
    struct json_value away = json_get(saying->turn.visit.sync, "away"), member;
    struct json_iterator iterator = {.rest = away.raw};
    ret_ago[0] = '\0';
    while (away.kind == JSON_KIND_ARRAY && json_next_element(&iterator, &member))
        if (json_string_is(json_get(member, "ai_id"), slice_of(saying->target)))
            field_ago(member, "away_since", time_now_ms(), ret_ago);
    if (ret_ago[0] == '?')
        ret_ago[0] = '\0';
}

/* Who is at the hub now, when it is for all. */
static void add_hearers(const struct saying *saying, struct text *text)
{
    struct json_value all = json_get(saying->turn.visit.sync, "active_ais"), element;
    struct json_iterator iterator = {.rest = all.raw};
    size_t count = 0;
    while (all.kind == JSON_KIND_ARRAY && json_next_element(&iterator, &element)) {
        OWNED char *name = field_text(element);
        if (strcmp(name, saying->turn.member.ai_id) == 0 || ++count > NAMES_SHOWN)
            continue;
        text_add_literal(text, count == 1 ? "; here: " : ", ");
        text_add_name(text, slice_of(name));
    }
    if (count > NAMES_SHOWN)
        text_addf(text, " and %zu more", count - NAMES_SHOWN);
    text_add_literal(text, count == 0 ? "; nobody else is here now" : "");
}

static void tell(const struct saying *saying)
{
    struct text text = {0};
    char ago[AGO_SIZE];
    const char *what = saying->delivered ? "delivered to " : "kept for ";
    text_addf(&text, "#%" PRIu64 " %s", saying->seq, saying->target[0] ? what : "said to all");
    if (!saying->target[0])
        add_hearers(saying, &text);
    else
        text_add_name(&text, slice_of(saying->target));
    if (saying->stored) {
        away_since(saying, ago);
        text_addf(&text, ", who is away (%s): it has it with its next turn", *ago ? ago : "now");
    } else if (saying->target[0] && !saying->delivered) {
        text_add_literal(&text, ", who has left: it has it if it comes back");
    }
    struct slice made = text_slice(&text);
    fwrite(made.at, 1, made.len, stdout);
    putchar('\n');
    text_free(&text);
}

static void tell_json(const struct saying *saying)
{
    printf("{\"message_id\":\"%s\",\"seq\":%" PRIu64 ",\"to\":", saying->message_id, saying->seq);
    if (saying->target[0])
        json_print_string(stdout, slice_of(saying->target));
    else
        fputs("null", stdout);
    printf(",\"delivered\":%s,\"stored\":%s}\n", saying->delivered ? "true" : "false",
           saying->stored ? "true" : "false");
}

static int report(struct saying *saying)
{
    if (saying->error < 0) {
        if (strcmp(saying->code, wire_error_code(WIRE_STALE_LEASE)) == 0)
            json_object_del(saying->turn.member.leases, saying->settings->lease);
        complain("say", "not said: %s", saying->why);
        turn_keep(&saying->turn);
        return EXIT_FAILED;
    }
    membership_note(&saying->turn.member, saying->seq, saying->message_id, NULL, false);
    turn_keep(&saying->turn); /* without it a later --re or recv knows less, and no more */
    if (saying->settings->json)
        tell_json(saying);
    else
        tell(saying);
    bool waits = saying->delivered || saying->stored || !saying->target[0];
    return waits ? EXIT_WORKED : EXIT_NOT_NOW;
}

static int run(const void *data)
{
    const struct say_settings *settings = data;
    struct saying saying = {.settings = settings};
    struct turn *turn = &saying.turn;
    int code = check_settings(settings);
    if (code != 0)
        return code;
    code = turn_begin(turn, "say", &settings->choice);
    if (code == 0)
        code = write_payload(&saying);
    if (code == 0) {
        turn->visit.acks = true;
        code = turn_join(turn);
    }
    if (code == 0)
        code = say(&saying);
    if (code == 0)
        code = report(&saying);
    turn_end(turn);
    text_free(&saying.payload);
    return code;
}

#define AT(member) .offset = offsetof(struct say_settings, member)
static const struct setting options[] = {
    TURN_SETTING(struct say_settings),
    {.name = "to",
     .kind = SETTING_TEXT,
     AT(to),
     .argument = "AI_ID",
     .bytes = WIRE_ID_MAX,
     .help = "The one that gets it. Without it: all, but for an answer (--re) to what was for you "
             "alone."},
    {.name = "re",
     .kind = SETTING_TEXT,
     AT(re),
     .argument = "SEQ",
     .bytes = WIRE_ID_MAX,
     .help = "What it answers: the number of a message that you were shown, or a message_id."},
    {.name = "reply-by",
     .kind = SETTING_NUMBER,
     AT(reply_by),
     .argument = "SECONDS",
     .low = 0,
     .high = REPLY_BY_MAX_S,
     .help = "With --to: if it is not answered by then, recv tells you."},
    {.name = "type",
     .kind = SETTING_TEXT,
     AT(type),
     .argument = "TYPE",
     .fallback = "chat",
     .help = "Another type of message: feature_request, pattern_share, code_share…"},
    {.name = "payload",
     .kind = SETTING_TEXT,
     AT(payload),
     .argument = "JSON",
     .help = "An object whose members are put beside the text, or, of other types, are it all."},
    {.name = "lease",
     .kind = SETTING_TEXT,
     AT(lease),
     .argument = "KEY",
     .help = "What you share is refused if you do not hold that claim any more."},
    {.name = "id",
     .kind = SETTING_TEXT,
     AT(id),
     .argument = "MESSAGE_ID",
     .bytes = 36,
     .help = "Of a message that is said again because nobody knows whether it was taken: it counts "
             "once."},
    JSON_SETTING(struct say_settings,
                 "As JSON: {\"message_id\", \"seq\", \"to\", \"delivered\", \"stored\"}."),
    {0},
};

static const struct setting operands[] = {
    {.name = "TEXT",
     .kind = SETTING_TEXT,
     AT(text),
     .help = "What you say, to be read by AIs and people; - reads it from stdin."},
    {0},
};

const struct command command_say = {
    .name = "say",
    .summary = "say something as a member that joined with 'khub join'",
    .about =
        "Says something to all, or to one, and tells what became of it: delivered; or kept for "
        "one that is away, and has it with its next turn; or kept for one that has left. What "
        "is for a name that was never there is refused, with the names most like it. It works "
        "while 'khub recv --wait' waits in the same name.",
    .example = "  khub say \"the parser is done; who reviews it?\"\n"
               "  khub say \"line 12 leaks\" --re 41\n"
               "  git diff | khub say - --to ada --reply-by 600",
    .worked = "said, and delivered or, to one that is away, kept",
    .failed = "it was refused, or the hub could not be reached",
    .not_now = "kept for one that has left",
    .options = options,
    .operands = operands,
    .settings_size = sizeof(struct say_settings),
    .run = run,
};
