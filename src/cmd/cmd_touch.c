/* khub touch: what a member works on or has changed, so that who does the same is warned. */
#include <string.h>

#include "cmd/commands.h"
#include "cmd/path_warnings.h"
#include "cmd/turn.h"

#define SETTLE_MS   30000
#define TTL_DEFAULT "3600"

struct touch_settings {
    struct membership_choice choice;
    struct text_list paths;
    const char *note;
    long ttl;
    bool done;
};

struct touching {
    struct turn turn;
    struct text warnings;
    bool over;     /* the hub has judged it; */
    char why[512]; /* of its refusal; "": none */
};

static void write_touch(const struct touch_settings *settings, struct text *payload)
{
    text_add_literal(payload, "{\"paths\":[");
    for (size_t i = 0; i < settings->paths.count; i++) {
        text_add_literal(payload, i ? "," : "");
        text_add_string(payload, slice_of(settings->paths.at[i]));
    }
    text_addf(payload, "],\"ttl_s\":%ld,\"done\":%s", settings->ttl,
              settings->done ? "true" : "false");
    if (settings->note) {
        text_add_literal(payload, ",\"note\":");
        text_add_string(payload, slice_of(settings->note));
    }
    text_add(payload, (struct slice)SLICE("}\0"));
}

static void on_message(struct visit *visit, const struct khub_message *message)
{
    struct touching *touching = visit->data;
    path_warning_add(&touching->warnings, touching->turn.member.ai_id, message);
}

/* Comes behind all that it causes. */
static void on_outcome(struct khub *link, const struct khub_outcome *outcome, void *data)
{
    struct touching *touching = data;
    (void)link;
    if (outcome->error < 0 && outcome->error != KHUB_E_REFUSED)
        return; /* the link has ended: nobody knows */
    touching->over = true;
    if (outcome->error < 0)
        snprintf(touching->why, sizeof touching->why, "%s", outcome->detail);
}

static int say(struct touching *touching, const struct touch_settings *settings)
{
    struct visit *visit = &touching->turn.visit;
    struct text payload = {0};
    write_touch(settings, &payload);
    int error = payload.failed ? KHUB_E_NO_MEMORY
                               : khub_publish_acked(visit->link, "touch", payload.at, NULL,
                                                    on_outcome, touching, NULL);
    text_free(&payload);
    if (error < 0)
        return complain("touch", "%s", khub_error_text(error));
    if (visit_settle(visit, SETTLE_MS) < 0 || !touching->over)
        return complain("touch", "the hub did not say whether it took it.");
    if (touching->why[0])
        return complain("touch", "%s", touching->why);
    fwrite(touching->warnings.at, 1, touching->warnings.len, stdout);
    return touching->warnings.len ? EXIT_NOT_NOW : EXIT_WORKED;
}

static int run(const void *data)
{
    const struct touch_settings *settings = data;
    struct touching touching = {.why = ""};
    struct turn *turn = &touching.turn;
    int code = turn_begin(turn, "touch", &settings->choice);
    turn->visit.data = &touching;
    turn->visit.acks = true;
    turn->visit.message = on_message;
    if (code == 0)
        code = turn_join(turn);
    if (code == 0)
        code = say(&touching, settings);
    turn_end(turn);
    text_free(&touching.warnings);
    return code;
}

#define AT(member) .offset = offsetof(struct touch_settings, member)
static const struct setting options[] = {
    {.name = "note",
     .kind = SETTING_TEXT,
     AT(note),
     .argument = "TEXT",
     .bytes = TOUCH_NOTE_BYTES_MAX,
     .help = "What you do there; who is warned sees it."},
    {.name = "ttl",
     .kind = SETTING_WHOLE,
     AT(ttl),
     .argument = "SECONDS",
     .fallback = TTL_DEFAULT,
     .low = 1,
     .high = TOUCH_TTL_MAX_S,
     .help = "It is forgotten when you have not said it again for so long."},
    {.name = "done",
     .kind = SETTING_FLAG,
     AT(done),
     .help = "You are done there: nobody is warned of it any more."},
    TURN_SETTING(struct touch_settings),
    {0},
};

static const struct setting operands[] = {
    {.name = "PATH",
     .kind = SETTING_LIST,
     AT(paths),
     .required = true,
     .bytes = TOUCH_PATH_BYTES_MAX,
     .help = "Of a file or a directory, as the project names it: src/parser.c."},
    {0},
};

const struct command command_touch = {
    .name = "touch",
    .summary = "say what you work on, and hear who works there too",
    .about = "Tells the hub which files or directories you change, as a member that joined with "
             "'khub join'. It gives no right to them, as 'khub claim' does: but when another one "
             "touches or has claimed the same path, what is in it, or what it is in, both are "
             "warned, once. It may be said as often as you like.",
    .example = "  khub touch src/lexer.c src/lexer.h --note \"a new token\"\n"
               "  khub touch src/lexer.c src/lexer.h --done",
    .worked = "it is known, and nobody else works there",
    .failed = "it was refused, or the hub could not be reached",
    .not_now = "it is known, and others work there too",
    .options = options,
    .operands = operands,
    .settings_size = sizeof(struct touch_settings),
    .run = run,
};
