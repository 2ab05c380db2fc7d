/* See admin_use.h. */
#include "cmd/admin_use.h"

#include <math.h>
#include <unistd.h>

#include "cmd/ask.h"
#include "cmd/fields.h"
#include "cmd/json_out.h"
#include "cmd/options.h"
#include "cmd/table.h"
#include "core/bounds.h"
#include "wire/quota.h"

/* Those of which there is an amount. */
static const enum limit shown[] = {LIMIT_CONNECTIONS, LIMIT_SESSIONS, LIMIT_ENTRIES,
                                   LIMIT_KNOWLEDGE, LIMIT_DAILY};
static const struct column columns[] = {
    {.title = "WHO", .shrinks = true},     {.title = "CONNECTIONS", .right = true},
    {.title = "SESSIONS", .right = true},  {.title = "ENTRIES", .right = true},
    {.title = "KNOWLEDGE", .right = true}, {.title = "TODAY", .right = true},
};

/* "2 of 5"; "2" where there is no limit. */
static void add_use(struct table *table, struct json_value of, enum limit limit)
{
    double use = field_number(json_get(of, "use"), limit_text(limit), (double)NAN);
    double most = field_number(json_get(of, "limits"), limit_text(limit), 0);
    if (isnan(use))
        table_add(table, "?");
    else if (most > 0)
        table_addf(table, "%.0f of %.15g", use, most);
    else
        table_addf(table, "%.0f", use);
}

static void add_row(struct table *table, const char *who, struct json_value of)
{
    table_add(table, who);
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        add_use(table, of, shown[i]);
}

static void print_table(const struct visit *visit, struct json_value owners, struct json_value room)
{
    struct terminal terminal = terminal_of(STDOUT_FILENO, "auto");
    struct json_iterator iterator = {.rest = owners.raw};
    struct json_value owner;
    struct table table;
    char name[sizeof "room " + ROOM_NAME_MAX];
    snprintf(name, sizeof name, "room %s", visit->room ? visit->room : "main");
    table_begin(&table, TABLE_COLUMNS(columns));
    while (json_next_element(&iterator, &owner)) {
        OWNED char *who = field_string(owner, "owner");
        add_row(&table, who, owner);
    }
    add_row(&table, name, room);
    table_print(&table, &terminal, stdout);
    table_free(&table);
}

int admin_use(struct visit *visit, bool json)
{
    const struct ask *asked = visit->data;
    struct text owners = {0};
    enum ask_result result =
        ask_pages(visit, MESSAGE_USAGE_QUERY, USAGE_SHOWN_MAX, "owners", &owners);
    struct json_value room = json_get(asked->answer, "room");
    if (result == ASK_ANSWERED && json) {
        fputs("{\"owners\":", stdout);
        json_print(stdout, text_slice(&owners), false);
        fputs(",\"room\":", stdout);
        json_print(stdout, room.raw, false);
        puts("}");
    } else if (result == ASK_ANSWERED) {
        print_table(visit, json_value_of(text_slice(&owners)), room);
    }
    text_free(&owners);
    return result == ASK_ANSWERED  ? EXIT_WORKED
           : result == ASK_REFUSED ? ask_complain(visit)
                                   : EXIT_FAILED;
}
