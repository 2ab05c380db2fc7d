/* khub leases: who has the right to work on what. */
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/fields.h"
#include "cmd/json_out.h"
#include "cmd/summary.h"
#include "cmd/table.h"
#include "cmd/visit.h"

struct leases_settings {
    const char *hub, *token_file, *room;
    bool json;
};

static const struct column columns[] = {
    {.title = "KEY", .shrinks = true},
    {.title = "HOLDER", .shrinks = true},
    {.title = "FENCE", .right = true},
    {.title = "SINCE", .right = true},
    {.title = "EXPIRES"},
    {.title = "INTENT", .shrinks = true},
};

/* When it ends if its holder stays away; of one who is there nobody can tell. */
static void add_end(struct table *table, struct json_value lease, int64_t now)
{
    OWNED char *text = field_string(lease, "expires");
    int64_t end;
    char left[AGO_SIZE];
    if (!*text) {
        table_addf(table, "%.0f s silent", field_number(lease, "ttl_s", 0));
    } else if (time_parse(text, &end) < 0) {
        table_add(table, "?");
    } else if (end <= now) {
        table_add(table, "now");
    } else {
        span_format(end - now, left);
        table_addf(table, "in %s", left);
    }
}

static void add_lease(struct table *table, struct json_value lease, int64_t now)
{
    char ago[AGO_SIZE];
    field_ago(lease, "since", now, ago);
    table_add_member(table, lease, "key");
    table_add_member(table, lease, "holder");
    table_add_member(table, lease, "fence");
    table_add(table, ago);
    add_end(table, lease, now);
    table_add_member(table, lease, "intent");
}

static void print_table(struct json_value leases, const struct leases_settings *settings)
{
    struct terminal terminal = terminal_of(STDOUT_FILENO, "auto");
    struct json_iterator iterator = {.rest = leases.raw};
    struct json_value lease;
    struct table table;
    if (field_count(leases) == 0) {
        char place[PLACE_SIZE];
        printf("Nobody holds a lease at %s.\n", place_text(settings->hub, settings->room, place));
        return;
    }
    table_begin(&table, TABLE_COLUMNS(columns));
    while (json_next_element(&iterator, &lease))
        add_lease(&table, lease, time_now_ms());
    table_print(&table, &terminal, stdout);
    table_free(&table);
}

static int run(const void *data)
{
    const struct leases_settings *settings = data;
    struct visit visit = {.command = "leases",
                          .address = settings->hub,
                          .token_file = settings->token_file,
                          .room = settings->room,
                          .observer = true};
    int code = visit_begin(&visit);
    struct json_value leases = {0};
    if (code == EXIT_WORKED) {
        leases = json_get(visit.sync, "leases");
        if (leases.kind != JSON_KIND_ARRAY)
            code = complain("leases", "the hub at %s does not tell of leases.", settings->hub);
    }
    if (code == EXIT_WORKED && settings->json) {
        json_print(stdout, leases.raw, false);
        putchar('\n');
    } else if (code == EXIT_WORKED) {
        print_table(leases, settings);
    }
    visit_end(&visit);
    return code;
}

static const struct setting options[] = {
    HUB_SETTING(struct leases_settings),
    JSON_SETTING(struct leases_settings, "As JSON: [{\"key\", \"holder\", \"fence\", …}, …]."),
    {0},
};

const struct command command_leases = {
    .name = "leases",
    .summary = "list who has the right to work on what",
    .about = "Lists the leases that are open at a hub: the key that somebody works on, who holds "
             "it, with what fence, since when, when it expires, and what it is for. A lease lasts "
             "while signs of life come from its holder: of one who is connected the column says "
             "how long a silence ends it. It looks on as an observer: the AIs do not notice.",
    .example = "  khub leases\n  khub leases --json | python3 -m json.tool",
    .worked = "listed",
    .failed = "the hub could not be reached",
    .options = options,
    .settings_size = sizeof(struct leases_settings),
    .run = run,
};
