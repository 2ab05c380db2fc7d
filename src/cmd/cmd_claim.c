/* khub claim and khub release: the exclusive right to work on something, as a member that joined
 * with khub join. */
#include <inttypes.h>
#include <string.h>

#include "cmd/commands.h"
#include "cmd/fields.h"
#include "cmd/inbox_print.h"
#include "cmd/json_out.h"
#include "cmd/path_warnings.h"
#include "cmd/turn.h"
#include "wire/clock.h"

#define TTL_DEFAULT "900"
#define SETTLE_MS   5000

struct claim_settings {
    struct membership_choice choice;
    const char *key, *intent;
    long ttl;
    bool done, json;
};

static void write_request(const struct claim_settings *settings, struct text *payload)
{
    text_add_literal(payload, "{\"key\":");
    text_add_string(payload, slice_of(settings->key));
    text_addf(payload, ",\"ttl_s\":%ld", settings->ttl);
    if (settings->intent) {
        text_add_literal(payload, ",\"intent\":");
        text_add_string(payload, slice_of(settings->intent));
    }
    text_add(payload, (struct slice)SLICE("}\0"));
}

/* What the hub says of the lease, in a line. */
static void tell(const struct claim_settings *settings, struct json_value lease, bool held)
{
    struct text text = {0};
    char ago[AGO_SIZE];
    OWNED char *holder = field_string(lease, "holder");
    OWNED char *status = field_string(lease, "status");
    OWNED char *intent = field_string(lease, "intent");
    if (settings->json) {
        json_print(stdout, lease.raw, false);
        putchar('\n');
        return;
    }
    field_ago(lease, "since", time_now_ms(), ago);
    text_add_name(&text, slice_of(settings->key));
    if (held) {
        text_add_literal(&text, " is held by ");
        text_add_name(&text, slice_of(holder));
        text_addf(&text, ", since %s", ago);
        text_add_literal(&text, *intent ? ": " : "");
        if (*intent)
            text_add_string(&text, slice_of(intent));
    } else {
        text_addf(&text, " is yours (%s), fence %.0f: until nothing is heard of you for %ld s",
                  status, field_number(lease, "fence", 0), settings->ttl);
    }
    struct slice made = text_slice(&text);
    fwrite(made.at, 1, made.len, stdout);
    putchar('\n');
    text_free(&text);
}

/* ── others who work there ── */

struct neighbours {
    const char *ai_id;
    struct text warnings;
};

static void on_other(struct visit *visit, const struct khub_message *message, void *data)
{
    struct neighbours *neighbours = data;
    (void)visit;
    path_warning_add(&neighbours->warnings, neighbours->ai_id, message);
}

/* What the hub says of them, it has said by the time that it answers the next question. */
static void tell_neighbours(struct turn *turn, struct neighbours *neighbours, FILE *out)
{
    if (visit_settle(&turn->visit, SETTLE_MS) == 0)
        fwrite(neighbours->warnings.at, 1, neighbours->warnings.len, out);
    text_free(&neighbours->warnings);
}

static int claim(struct turn *turn, const struct claim_settings *settings)
{
    struct neighbours neighbours = {.ai_id = turn->member.ai_id};
    struct text payload = {0};
    write_request(settings, &payload);
    turn->ask.other = on_other;
    turn->ask.data = &neighbours;
    enum ask_result result = ask(&turn->visit, MESSAGE_LEASE_REQUEST, &payload);
    text_free(&payload);
    if (result != ASK_ANSWERED)
        return result == ASK_REFUSED ? ask_complain(&turn->visit) : EXIT_FAILED;
    struct json_value lease = turn->ask.answer;
    bool held = json_string_is(json_get(lease, "status"), slice_of("held"));
    if (!held)
        lease_keep(turn, settings->key, lease);
    tell(settings, lease, held);
    if (!held)
        tell_neighbours(turn, &neighbours, settings->json ? stderr : stdout);
    return held ? EXIT_NOT_NOW : EXIT_WORKED;
}

static int run_claim(const void *data)
{
    const struct claim_settings *settings = data;
    struct turn turn;
    int code = turn_begin(&turn, "claim", &settings->choice);
    if (code == 0)
        code = turn_join(&turn);
    if (code == 0)
        code = claim(&turn, settings);
    turn_end(&turn);
    return code;
}

/* ── release ── */

static int release(struct turn *turn, const struct claim_settings *settings)
{
    uint64_t fence = lease_fence(turn, settings->key);
    int code = fence == 0 ? complain("release",
                                     "you do not hold '%s' (any more): 'khub leases' "
                                     "tells who does.",
                                     settings->key)
                          : lease_release(turn, settings->key, fence, settings->done);
    json_object_del(turn->member.leases, settings->key);
    turn_keep(turn);
    if (code != 0)
        return code;
    struct text text = {0};
    text_add_name(&text, slice_of(settings->key));
    if (settings->json)
        json_print(stdout, turn->ask.answer.raw, false);
    else
        printf("%.*s is given back%s", SLICE_FORMAT(text_slice(&text)),
               settings->done ? ", as done" : "");
    putchar('\n');
    text_free(&text);
    return EXIT_WORKED;
}

static int run_release(const void *data)
{
    const struct claim_settings *settings = data;
    struct turn turn;
    int code = turn_begin(&turn, "release", &settings->choice);
    if (code == 0)
        code = turn_join(&turn);
    if (code == 0)
        code = release(&turn, settings);
    turn_end(&turn);
    return code;
}

#define AT(member) .offset = offsetof(struct claim_settings, member)
static const struct setting claim_options[] = {
    TURN_SETTING(struct claim_settings),
    {.name = "ttl",
     .kind = SETTING_WHOLE,
     AT(ttl),
     .argument = "SECONDS",
     .fallback = TTL_DEFAULT,
     .low = 1,
     .high = LEASE_TTL_MAX_S,
     .help =
         "It ends when nothing was heard of you for so long; each command of yours is a sign of "
         "life."},
    {.name = "intent",
     .kind = SETTING_TEXT,
     AT(intent),
     .argument = "TEXT",
     .bytes = LEASE_INTENT_BYTES_MAX,
     .help = "What for, in a sentence; others see it."},
    JSON_SETTING(struct claim_settings,
                 "The hub's word on it, as JSON (docs/PROTOCOL.md, Leases)."),
    {0},
};

static const struct setting release_options[] = {
    TURN_SETTING(struct claim_settings),
    {.name = "done",
     .kind = SETTING_FLAG,
     AT(done),
     .help = "The work is finished: nobody need take it up."},
    JSON_SETTING(struct claim_settings,
                 "The hub's word on it, as JSON (docs/PROTOCOL.md, Leases)."),
    {0},
};

static const struct setting operands[] = {
    {.name = "KEY",
     .kind = SETTING_TEXT,
     AT(key),
     .required = true,
     .bytes = LEASE_KEY_BYTES_MAX,
     .help = "Of the work: a path, a feature, anything on which those in the room agree."},
    {0},
};

const struct command command_claim = {
    .name = "claim",
    .summary = "take the right to work on something, so that nobody else does",
    .about = "Asks the hub for a lease on a key, as a member that joined with 'khub join'. Claimed "
             "again it is renewed. 'khub leases' lists who has what.",
    .example = "  khub claim src/parser.c --intent \"rewriting the lexer\"",
    .worked = "it is yours",
    .failed = "it was refused, or the hub could not be reached",
    .not_now = "somebody else holds it",
    .options = claim_options,
    .operands = operands,
    .settings_size = sizeof(struct claim_settings),
    .run = run_claim,
};

const struct command command_release = {
    .name = "release",
    .summary = "give back what you claimed",
    .about = "Gives a lease back that 'khub claim' took, done or not.",
    .example = "  khub release src/parser.c --done",
    .worked = "it is given back",
    .failed = "you do not hold it, or the hub could not be reached",
    .options = release_options,
    .operands = operands,
    .settings_size = sizeof(struct claim_settings),
    .run = run_release,
};
