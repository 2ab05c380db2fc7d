/* khub sent: what became of what a member said. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/fields.h"
#include "cmd/json_out.h"
#include "cmd/table.h"
#include "cmd/turn.h"
#include "core/bounds.h"
#include "wire/clock.h"

struct sent_settings {
    struct membership_choice choice;
    const char *id;
    long max;
    bool json;
};

static const struct column message_columns[] = {
    {.title = "SEQ", .right = true},  {.title = "SAID", .right = true},  {.title = "TYPE"},
    {.title = "TO", .shrinks = true}, {.title = "STATE", .wraps = true},
};

static const struct column receiver_columns[] = {
    {.title = "AI", .shrinks = true},
    {.title = "STATE"},
    {.title = "BY", .right = true},
    {.title = "WHEN", .right = true},
};

/* In the order in which they are told; as the hub calls them, and as people do. */
static const struct {
    const char *name, *shown;
} states[] = {
    {"acted_on", "acted on"}, {"seen", "seen"}, {"delivered", "delivered"},
    {"stored", "stored"},     {"dead", "dead"}, {"gone", "gone"},
};
#define STATE_COUNT (sizeof states / sizeof *states)

static const char *state_shown(const char *name)
{
    for (size_t i = 0; i < STATE_COUNT; i++)
        if (strcmp(states[i].name, name) == 0)
            return states[i].shown;
    return name;
}

/* ── asking ── */

/* A number is a seq, as recv and say tell it; all else a message_id. Members of a query, without
 * braces. */
static void add_named(const char *id, struct text *query)
{
    char *end;
    unsigned long long seq = strtoull(*id == '#' ? id + 1 : id, &end, 10);
    if (!*end && seq > 0) {
        text_addf(query, "\"seq\":%llu", seq);
        return;
    }
    text_add_literal(query, "\"message_id\":");
    text_add_string(query, slice_of(id));
}

static void add_elements(struct json_value array, struct text *text)
{
    if (array.kind != JSON_KIND_ARRAY || array.raw.len <= 2)
        return;
    text_add_literal(text, text->len ? "," : "");
    text_add(text, (struct slice){array.raw.at + 1, array.raw.len - 2});
}

/* The last of them, over all pages: elements of an array. 0, or an exit code after a sentence. */
static int ask_many(struct turn *turn, long max, struct text *messages)
{
    struct text before = {0};
    enum ask_result result;
    struct json_value next;
    do {
        struct text query = {0};
        text_addf(&query, "{\"limit\":%ld", max);
        text_add(&query, text_slice(&before));
        text_add(&query, (struct slice)SLICE("}\0"));
        result = ask(&turn->visit, MESSAGE_SENT_QUERY, &query);
        text_free(&query);
        if (result != ASK_ANSWERED)
            break;
        struct json_value page = json_get(turn->ask.answer, "messages");
        max -= (long)field_count(page);
        add_elements(page, messages);
        next = json_get(turn->ask.answer, "next");
        text_clear(&before);
        text_addf(&before, ",\"before\":%.*s", SLICE_FORMAT(next.raw));
    } while (max > 0 && next.kind == JSON_KIND_NUMBER);
    text_free(&before);
    return result == ASK_ANSWERED  ? 0
           : result == ASK_REFUSED ? ask_complain(&turn->visit)
                                   : EXIT_FAILED;
}

/* One, and all its receivers, over all pages: elements of an array. */
static int ask_one(struct turn *turn, const char *id, struct text *receivers)
{
    struct text after = {0};
    enum ask_result result;
    struct json_value message, next;
    do {
        struct text query = {0};
        text_addf(&query, "{\"limit\":%u,", QUERY_LIMIT);
        add_named(id, &query);
        text_add(&query, text_slice(&after));
        text_add(&query, (struct slice)SLICE("}\0"));
        result = ask(&turn->visit, MESSAGE_SENT_QUERY, &query);
        text_free(&query);
        if (result != ASK_ANSWERED)
            break;
        struct json_iterator messages = {.rest = json_get(turn->ask.answer, "messages").raw};
        if (json_next_element(&messages, &message))
            add_elements(json_get(message, "receivers"), receivers);
        next = json_get(turn->ask.answer, "next");
        OWNED char *name = field_text(next);
        text_clear(&after);
        text_add_literal(&after, ",\"after\":");
        text_add_string(&after, slice_of(name));
    } while (next.kind == JSON_KIND_STRING);
    text_free(&after);
    return result == ASK_ANSWERED  ? 0
           : result == ASK_REFUSED ? ask_complain(&turn->visit)
                                   : EXIT_FAILED;
}

/* ── telling ── */

static void add_receivers(struct table *table, struct json_value message)
{
    struct json_value receivers = json_get(message, "receivers"), receiver;
    struct json_iterator iterator = {.rest = receivers.raw};
    struct text names = {0};
    if (json_get(message, "to_all").kind == JSON_KIND_TRUE) {
        table_add(table, "all");
        return;
    }
    while (receivers.kind == JSON_KIND_ARRAY && json_next_element(&iterator, &receiver)) {
        OWNED char *name = field_string(receiver, "ai_id");
        text_addf(&names, "%s%s", names.len ? ", " : "", name);
    }
    table_addf(table, "%.*s", SLICE_FORMAT(text_slice(&names)));
    text_free(&names);
}

/* "seen"; "acted on by #44"; of several "2 seen, 1 stored". */
static void add_states(struct table *table, struct json_value message)
{
    struct json_value counts = json_get(message, "counts"), receiver;
    struct json_iterator receivers = {.rest = json_get(message, "receivers").raw};
    double total = field_number(message, "total", 0);
    struct text told = {0};
    if (total == 1 && json_next_element(&receivers, &receiver)) {
        OWNED char *state = field_string(receiver, "state");
        double by = field_number(receiver, "by_seq", 0);
        text_addf(&told, "%s", state_shown(state));
        if (by > 0)
            text_addf(&told, " by #%.0f", by);
    }
    for (size_t i = 0; total > 1 && i < STATE_COUNT; i++) {
        double count = field_number(counts, states[i].name, 0);
        if (count > 0)
            text_addf(&told, "%s%.0f %s", told.len ? ", " : "", count, states[i].shown);
    }
    if (total == 0)
        text_add_literal(&told, "nobody was there");
    table_addf(table, "%.*s", SLICE_FORMAT(text_slice(&told)));
    text_free(&told);
}

static void print_messages(struct json_value messages)
{
    struct terminal terminal = terminal_of(STDOUT_FILENO, "auto");
    struct json_iterator iterator = {.rest = messages.raw};
    struct json_value message;
    struct table table;
    char ago[AGO_SIZE];
    if (field_count(messages) == 0) {
        puts("nothing said");
        return;
    }
    table_begin(&table, TABLE_COLUMNS(message_columns));
    while (json_next_element(&iterator, &message)) {
        field_ago(message, "at", time_now_ms(), ago);
        table_add_member(&table, message, "seq");
        table_add(&table, ago);
        table_add_member(&table, message, "type");
        add_receivers(&table, message);
        add_states(&table, message);
    }
    table_print(&table, &terminal, stdout);
    table_free(&table);
}

static void print_receivers(struct json_value receivers)
{
    struct terminal terminal = terminal_of(STDOUT_FILENO, "auto");
    struct json_iterator iterator = {.rest = receivers.raw};
    struct json_value receiver;
    struct table table;
    char ago[AGO_SIZE];
    if (field_count(receivers) == 0) {
        puts("nobody was there");
        return;
    }
    table_begin(&table, TABLE_COLUMNS(receiver_columns));
    while (json_next_element(&iterator, &receiver)) {
        OWNED char *state = field_string(receiver, "state"), *why = field_string(receiver, "why");
        double by = field_number(receiver, "by_seq", 0);
        table_add_member(&table, receiver, "ai_id");
        table_addf(&table, "%s%s%s", state_shown(state), *why ? ", " : "", why);
        if (by > 0) {
            field_ago(receiver, "at", time_now_ms(), ago);
            table_addf(&table, "#%.0f", by);
            table_add(&table, ago);
        } else {
            table_add(&table, "");
            table_add(&table, "");
        }
    }
    table_print(&table, &terminal, stdout);
    table_free(&table);
}

/* The last messages, or the receivers of one. */
static int tell(struct turn *turn, const struct sent_settings *settings)
{
    struct text found = {0}, array = {0};
    int code =
        settings->id ? ask_one(turn, settings->id, &found) : ask_many(turn, settings->max, &found);
    text_add_literal(&array, "[");
    text_add(&array, text_slice(&found));
    text_add_literal(&array, "]");
    if (code == 0 && settings->json) {
        printf("{\"%s\":", settings->id ? "receivers" : "messages");
        json_print(stdout, text_slice(&array), false);
        fputs("}\n", stdout);
    } else if (code == 0) {
        (settings->id ? print_receivers : print_messages)(json_value_of(text_slice(&array)));
    }
    text_free(&found);
    text_free(&array);
    return code;
}

static int run(const void *data)
{
    const struct sent_settings *settings = data;
    struct turn turn;
    int code = turn_begin(&turn, "sent", &settings->choice);
    if (code == 0)
        code = turn_join(&turn);
    if (code == 0)
        code = tell(&turn, settings);
    turn_end(&turn);
    return code;
}

#define AT(member) .offset = offsetof(struct sent_settings, member)
static const struct setting options[] = {
    TURN_SETTING(struct sent_settings),
    {.name = "max",
     .letter = 'n',
     .kind = SETTING_WHOLE,
     AT(max),
     .argument = "N",
     .fallback = "20",
     .low = 1,
     .high = QUERY_LIMIT,
     .help = "So many of the last messages."},
    JSON_SETTING(
        struct sent_settings,
        "As JSON, as the hub tells it: {\"messages\": […]}, with ID {\"receivers\": […]}."),
    {0},
};

static const struct setting operands[] = {
    {.name = "ID",
     .kind = SETTING_TEXT,
     AT(id),
     .bytes = WIRE_ID_MAX + 1,
     .help =
         "One message, by its number (41) or its message_id: what became of it for each that it "
         "was for."},
    {0},
};

const struct command command_sent = {
    .name = "sent",
    .summary = "what became of what you said",
    .about =
        "For each of your last messages, who has it: stored (it waits: its receiver is away, or has "
        "not asked yet), delivered (in its client's hands; whether it was read nobody has said), "
        "seen (it said so, with ack), acted on (a message of its answers it, with --re), dead (khub "
        "dead has it) or gone (nothing brings it any more, and nobody said that it was read).",
    .example = "  khub sent\n  khub sent 41",
    .worked = "told",
    .failed = "no such message of yours is known, or the hub could not be reached",
    .options = options,
    .operands = operands,
    .settings_size = sizeof(struct sent_settings),
    .run = run,
};
