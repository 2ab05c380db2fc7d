/* See token_list.h. */
#include "cmd/token_list.h"

#include <unistd.h>

#include "cmd/json_out.h"
#include "cmd/options.h"
#include "cmd/table.h"
#include "cmd/visit.h"
#include "wire/clock.h"

static const struct column columns[] = {
    {.title = "NAME"},
    {.title = "ROLE"},
    {.title = "IDS", .shrinks = true},
    {.title = "ROOMS", .shrinks = true},
    {.title = "MAY SAY", .wraps = true},
    {.title = "LIMITS", .wraps = true},
    {.title = "GIVEN OUT"},
    {.title = "STATE"},
};

struct listing {
    struct table table;
    json_t *tokens;
    int64_t now;
};

static const char *state_of(const struct token_grant *grant, int64_t now)
{
    return grant->revoked_ms                               ? "revoked"
           : grant->expires_ms && grant->expires_ms <= now ? "expired"
                                                           : "good";
}

static json_t *time_json(int64_t ms)
{
    char text[TIMESTAMP_SIZE];
    if (!ms)
        return json_null();
    timestamp_format(ms, text);
    return json_string(text);
}

static json_t *limits_json(const struct quota *quota)
{
    json_t *limits = json_object();
    for (enum limit limit = 0; limit < LIMIT_COUNT; limit++)
        if (quota->most[limit] > 0)
            json_object_set_new(limits, limit_text(limit), json_real(quota->most[limit]));
    return limits;
}

/* The types that it was given; null: all that its role may say. */
static json_t *types_json(struct message_types types)
{
    if (!message_types_any(types))
        return json_null();
    json_t *list = json_array();
    for (unsigned type = 0; type < MESSAGE_TYPE_COUNT; type++)
        if (message_types_has(types, (enum message_type)type))
            json_array_append_new(list, json_string(message_type_text((enum message_type)type)));
    return list;
}

static void list_json(void *ctx, const struct token_grant *grant)
{
    const struct listing *listing = ctx;
    json_array_append_new(
        listing->tokens,
        json_pack("{s:s, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s}", "name", grant->name,
                  "role", token_role_text(grant->role), "sees_direct",
                  token_may(grant, TOKEN_MAY_SEE_DIRECT) == TOKEN_YES, "ids",
                  json_of_bytes(grant->ids), "rooms", json_of_bytes(grant->rooms), "types",
                  types_json(grant->types), "limits", limits_json(&grant->quota), "created",
                  time_json(grant->created_ms), "expires", time_json(grant->expires_ms), "revoked",
                  time_json(grant->revoked_ms), "state", state_of(grant, listing->now)));
}

/* "5 messages a second, 3 connections at once". */
static void limits_cell(struct table *table, const struct quota *quota)
{
    struct text text = {0};
    for (enum limit limit = 0; limit < LIMIT_COUNT; limit++)
        if (quota->most[limit] > 0)
            text_addf(&text, "%s%.15g %s", text.len ? ", " : "", quota->most[limit],
                      limit_called(limit));
    text_add(&text, (struct slice){"", 1});
    table_add(table, text.failed ? "?" : *text.at ? text.at : "-");
    text_free(&text);
}

/* "chat, commitment"; a cell that wraps does so at spaces. */
static void types_cell(struct table *table, const struct token_grant *grant)
{
    struct text text = {0};
    for (unsigned type = 0; type < MESSAGE_TYPE_COUNT; type++)
        if (message_types_has(grant->types, (enum message_type)type))
            text_addf(&text, "%s%s", text.len ? ", " : "",
                      message_type_text((enum message_type)type));
    text_add(&text, (struct slice){"", 1});
    table_add(table, token_may(grant, TOKEN_MAY_SPEAK) == TOKEN_NO ? "-"
                     : text.failed                                 ? "?"
                     : *text.at                                    ? text.at
                                                                   : "all");
    text_free(&text);
}

static void list_row(void *ctx, const struct token_grant *grant)
{
    struct listing *listing = ctx;
    char created[TIMESTAMP_SIZE], expires[TIMESTAMP_SIZE];
    const char *state = state_of(grant, listing->now);
    timestamp_format(grant->created_ms, created);
    timestamp_format(grant->expires_ms, expires);
    table_add(&listing->table, grant->name);
    table_addf(&listing->table, "%s%s", token_role_text(grant->role),
               grant->sees_direct ? " +direct" : "");
    table_add(&listing->table, grant->ids);
    table_add(&listing->table, *grant->rooms ? grant->rooms : "all");
    types_cell(&listing->table, grant);
    limits_cell(&listing->table, &grant->quota);
    table_addf(&listing->table, "%.10s", created);
    if (strcmp(state, "good") == 0 && grant->expires_ms)
        table_addf(&listing->table, "until %.10s %.5s UTC", expires, expires + 11);
    else
        table_add(&listing->table, state);
}

int token_list(struct tokens *tokens, bool json, const char *place)
{
    struct listing listing = {.now = time_now_ms()};
    char why[TOKENS_WHY_SIZE];
    if (json) {
        listing.tokens = json_array();
        if (tokens && tokens_each(tokens, list_json, &listing, why) < 0) {
            json_decref(listing.tokens);
            return complain("token", "%s", why);
        }
        return json_print_result("token", listing.tokens);
    }
    if (!tokens || !tokens_any(tokens)) {
        printf("No token was given out for %s: a hub there takes peers of its own machine, and "
               "asks nobody.\n",
               place);
        return EXIT_WORKED;
    }
    struct terminal terminal = terminal_of(STDOUT_FILENO, "auto");
    table_begin(&listing.table, TABLE_COLUMNS(columns));
    int error = tokens_each(tokens, list_row, &listing, why);
    if (error == 0)
        table_print(&listing.table, &terminal, stdout);
    if (error == 0)
        printf(
            "\nHow much of it is used, the hub that runs knows alone: 'khub admin use' asks it.\n");
    table_free(&listing.table);
    return error == 0 ? EXIT_WORKED : complain("token", "%s", why);
}
