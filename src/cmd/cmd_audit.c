/* khub audit: who did what with which token, out of a data directory. What was done to tokens
 * stands in tokens.db, and was written with it; all else in audit.db. Both are in the order of
 * their times, and are told as one. */
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "auth/audit.h"
#include "auth/tokens.h"
#include "cmd/commands.h"
#include "cmd/data_place.h"
#include "cmd/json_out.h"
#include "cmd/table.h"
#include "cmd/visit.h"
#include "core/memory.h"
#include "wire/clock.h"

struct audit_settings {
    const char *since, *until, *token, *ai_id, *data;
    bool json;
};

static const struct column columns[] = {
    {.title = "WHEN"},
    {.title = "WHAT"},
    {.title = "TOKEN", .shrinks = true},
    {.title = "ID", .shrinks = true},
    {.title = "ROOM", .shrinks = true},
    {.title = "FROM"},
    {.title = "TIMES", .right = true},
    {.title = "DETAIL", .wraps = true},
};

/* Something that was done to a token. */
struct done {
    int64_t time_ms;
    struct slice bytes, what, name, from, detail; /* parts of the first, which is owned */
};

struct listing {
    struct audit_filter filter;
    struct done *done; /* told up to the first that is not */
    size_t done_count, done_capacity, done_told;
    struct table table;
    json_t *rows; /* NULL: a table */
};

/* ── rows ── */

static json_t *text_json(struct slice text)
{
    struct slice copy = slice_copy(text);
    json_t *json = json_of_bytes(copy.at);
    slice_free(&copy);
    return json;
}

static void row_json(struct listing *listing, const struct audit_note *note)
{
    char time[TIMESTAMP_SIZE];
    timestamp_format(note->time_ms, time);
    json_array_append_new(listing->rows,
                          json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:I, s:o}", "time", time,
                                    "what", note->what, "token", text_json(note->token), "id",
                                    text_json(note->ai_id), "room", text_json(note->room), "from",
                                    text_json(note->from), "times", (json_int_t)note->times,
                                    "detail", text_json(note->detail)));
}

static void cell_add(struct listing *listing, struct slice text)
{
    struct slice copy = slice_copy(text);
    table_add(&listing->table, text.len ? copy.at : "-");
    slice_free(&copy);
}

static void row_add(struct listing *listing, const struct audit_note *note)
{
    char time[TIMESTAMP_SIZE];
    if (listing->rows) {
        row_json(listing, note);
        return;
    }
    timestamp_format(note->time_ms, time);
    table_addf(&listing->table, "%.10s %.8s", time, time + 11);
    table_add(&listing->table, note->what);
    cell_add(listing, note->token);
    cell_add(listing, note->ai_id);
    cell_add(listing, note->room);
    cell_add(listing, note->from);
    table_addf(&listing->table, "%" PRIu64, note->times);
    cell_add(listing, note->detail);
}

/* ── the two as one ── */

static void take_done(void *ctx, const struct token_act *act)
{
    struct listing *listing = ctx;
    const struct slice parts[] = {SLICE("token "),
                                  slice_of(act->what),
                                  {"", 1}, /* of which the first two are a text with its NUL */
                                  slice_of(act->name),
                                  SLICE("user "),
                                  slice_of(act->who),
                                  slice_of(act->detail)};
    struct slice bytes = slice_join(parts, sizeof parts / sizeof *parts);
    size_t what = parts[0].len + parts[1].len, from = parts[4].len + parts[5].len;
    const char *at = bytes.at;
    listing->done = memory_grow(listing->done, &listing->done_capacity, listing->done_count + 1,
                                sizeof *listing->done);
    listing->done[listing->done_count++] =
        (struct done){.time_ms = act->time_ms,
                      .bytes = bytes,
                      .what = {at, what},
                      .name = {at + what + 1, parts[3].len},
                      .from = {at + what + 1 + parts[3].len, *act->who ? from : 0},
                      .detail = {at + what + 1 + parts[3].len + from, parts[6].len}};
}

/* What was done to tokens until then. */
static void tell_done(struct listing *listing, int64_t until_ms)
{
    while (listing->done_told < listing->done_count &&
           listing->done[listing->done_told].time_ms <= until_ms) {
        const struct done *done = &listing->done[listing->done_told++];
        struct audit_note note = {.time_ms = done->time_ms,
                                  .what = done->what.at,
                                  .act = true,
                                  .token = done->name,
                                  .ai_id = {"", 0},
                                  .room = {"", 0},
                                  .from = done->from,
                                  .detail = done->detail,
                                  .times = 1};
        if (audit_filter_takes(&listing->filter, &note))
            row_add(listing, &note);
    }
}

static void take_note(void *ctx, const struct audit_note *note)
{
    struct listing *listing = ctx;
    tell_done(listing, note->time_ms);
    row_add(listing, note);
}

/* 0, or -1 with a sentence. */
static int list(struct listing *listing, const char *place, char why[AUDIT_WHY_SIZE])
{
    struct tokens *tokens;
    if (tokens_open(place, TOKENS_IF_THERE, TOKENS_PATIENCE_MS, &tokens, why) < 0)
        return -1;
    int error = tokens ? tokens_acts(tokens, take_done, listing, why) : 0;
    tokens_close(tokens);
    if (error == 0)
        error = audit_each(place, &listing->filter, take_note, listing, why);
    tell_done(listing, INT64_MAX);
    return error;
}

/* ── the command ── */

static int when_read(const char *option, const char *text, int64_t *ret_ms)
{
    if (!text || when_parse(text, time_now_ms(), ret_ms) == 0)
        return EXIT_WORKED;
    complain("audit",
             "--%s is '%s': it must be how long ago (90s, 10m, 2h, 3d), or a time (2026-11-26, "
             "2026-11-26T05:00, 2026-11-26T05:00:00Z).",
             option, text);
    return EXIT_USAGE;
}

static int listing_print(struct listing *listing, const char *place)
{
    struct terminal terminal = terminal_of(STDOUT_FILENO, "auto");
    if (listing->rows)
        return json_print_result("audit", listing->rows);
    if (listing->table.count > 0)
        table_print(&listing->table, &terminal, stdout);
    else
        printf("Nothing like that stands in the audit of %s.\n", place);
    return EXIT_WORKED;
}

static int run(const void *data)
{
    const struct audit_settings *settings = data;
    struct listing listing = {.filter = {.since_ms = INT64_MIN,
                                         .until_ms = INT64_MAX,
                                         .token = settings->token,
                                         .ai_id = settings->ai_id}};
    char place[DATA_PLACE_SIZE], why[DATA_PLACE_SIZE + AUDIT_WHY_SIZE];
    int code = when_read("since", settings->since, &listing.filter.since_ms);
    if (code == EXIT_WORKED)
        code = when_read("until", settings->until, &listing.filter.until_ms);
    if (code != EXIT_WORKED)
        return code;
    if (data_place_choose(settings->data, false, place, why, sizeof why) < 0)
        return complain("audit", "%s; --data DIR names one.", why);
    listing.rows = settings->json ? json_array() : NULL;
    table_begin(&listing.table, TABLE_COLUMNS(columns));
    int error = list(&listing, place, why);
    code = error == 0 ? listing_print(&listing, place) : complain("audit", "%s", why);
    if (error != 0)
        json_decref(listing.rows);
    table_free(&listing.table);
    for (size_t i = 0; i < listing.done_count; i++)
        slice_free(&listing.done[i].bytes);
    free(listing.done);
    return code;
}

#define AT(member) .offset = offsetof(struct audit_settings, member)
static const struct setting options[] = {
    {.name = "since",
     .kind = SETTING_TEXT,
     AT(since),
     .argument = "WHEN",
     .help = "From then on: how long ago (90s, 10m, 2h, 3d), or a time, local unless it says "
             "otherwise (2026-11-26, 2026-11-26T05:00, 2026-11-26T05:00:00Z)."},
    {.name = "until",
     .kind = SETTING_TEXT,
     AT(until),
     .argument = "WHEN",
     .help = "Up to then, likewise; it is in it."},
    {.name = "token",
     .kind = SETTING_TEXT,
     AT(token),
     .argument = "NAME",
     .help = "Only what was done with that token, or to it."},
    {.name = "id",
     .kind = SETTING_TEXT,
     AT(ai_id),
     .argument = "AI_ID",
     .help = "Only what was done under that id."},
    {.name = "data",
     .kind = SETTING_TEXT,
     AT(data),
     .argument = "DIR",
     .help = "The directory of the hub's. Without it: where 'khub serve' would keep things."},
    JSON_SETTING(struct audit_settings,
                 "An array of {\"time\", \"what\", \"token\", \"id\", \"room\", \"from\", "
                 "\"times\", \"detail\"}."),
    {0},
};

const struct command command_audit = {
    .name = "audit",
    .summary = "see who did what with which token",
    .about =
        "Tells what is kept of it in a hub's data directory, also while the hub runs, the oldest "
        "first: each token that was added, rotated or revoked, and by which user of this machine; "
        "each connection that a token let in (login), under which id, into which room and from "
        "where, and its end (left), with the number that the hub's log knows it by; who was "
        "refused; what admins did; and what the hub warns of (loop).\n\n"
        "Rows are added and never changed. Of what a flood may cause all that is alike within a "
        "minute is one row more beside the first (TIMES); of too many that are unlike the rest is "
        "one. What anybody can cause is kept for the last 200,000 rows, what was done to tokens "
        "and by admins for good. A hub writes its rows within a second, and at its end. A hub with "
        "--memory has none. What was said stands in the log ('khub log').",
    .example = "  khub audit --since 1d\n"
               "  khub audit --token ci --json\n"
               "  khub audit --id ada --since 2026-11-26T05:00 --until 2026-11-26T06:00",
    .worked = "printed, be it nothing",
    .failed = "the directory, or a file in it, can't be read",
    .options = options,
    .settings_size = sizeof(struct audit_settings),
    .run = run,
};
