/* A task as an agent reads it. What others wrote of it stands behind "| ", or is a title that ends
 * with its line. */
#include "cmd/task.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/fields.h"
#include "cmd/inbox_print.h"
#include "cmd/table.h"
#include "gateway/quoted.h"
#include "wire/clock.h"

static void add_name(struct text *text, const char *before, struct json_value object,
                     const char *name)
{
    OWNED char *value = field_string(object, name);
    if (!*value)
        return;
    text_add_literal(text, before);
    text_add_name(text, slice_of(value));
}

static void add_ids(struct text *text, const char *before, struct json_value object,
                    const char *name)
{
    OWNED char *ids = field_names(json_get(object, name));
    if (!*ids)
        return;
    text_add_literal(text, before);
    text_add_shown(text, slice_of(ids));
}

static void add_shown(struct text *text, const char *before, struct json_value object,
                      const char *name)
{
    OWNED char *value = field_string(object, name);
    if (!*value)
        return;
    text_add_literal(text, before);
    text_add_shown(text, slice_of(value));
}

static void add_quoted(struct text *text, struct json_value object, const char *name)
{
    OWNED char *value = field_string(object, name);
    struct slice said = slice_of(value);
    said.len -= said.len && said.at[said.len - 1] == '\n'; /* most of what is printed ends so */
    if (said.len)
        text_add_quoted(text, said);
}

static void print(struct text *text)
{
    struct slice made = text_slice(text);
    fwrite(made.at, 1, made.len, stdout);
    text_free(text);
}

/* "t17 claimed by bea, fence 19" */
static void add_head(struct text *text, struct json_value task)
{
    add_shown(text, "", task, "id");
    add_shown(text, " ", task, "status");
    add_name(text, " by ", task, "holder");
    add_name(text, " by ", task, "closed_by");
    add_shown(text, ", fence ", task, "fence");
    add_ids(text, ", waits for ", task, "blocked_by");
    add_shown(text, ", evidence ", task, "evidence_status");
}

void task_print_change(struct json_value change)
{
    struct text text = {0};
    struct json_value report = json_get(change, "report");
    add_head(&text, change);
    if (report.kind == JSON_KIND_OBJECT) {
        bool agrees = json_get(report, "agrees").kind == JSON_KIND_TRUE;
        bool counts = json_get(report, "counts").kind == JSON_KIND_TRUE;
        text_addf(&text, "\nyour report %s with it%s", agrees ? "agrees" : "does not agree",
                  counts ? "" : ", and does not count: you have a part in it");
    }
    add_ids(&text, "\nready by it: ", change, "ready");
    text_add_literal(&text, "\n");
    print(&text);
}

static void add_report(struct text *text, struct json_value report)
{
    add_name(text, "  ", report, "by");
    text_add_literal(text, json_get(report, "agrees").kind == JSON_KIND_TRUE ? " agrees"
                                                                             : " does not agree");
    if (json_get(report, "counts").kind == JSON_KIND_FALSE)
        text_add_literal(text, ", which does not count");
    add_shown(text, ": exit ", report, "exit");
    add_shown(text, ", sha256 ", report, "sha256");
    text_add_literal(text, "\n");
    add_quoted(text, report, "note");
}

static void add_item(struct text *text, struct json_value item, size_t index)
{
    struct json_value reports = json_get(item, "reports"), report;
    struct json_iterator iterator = {.rest = reports.raw};
    text_addf(text, "evidence %zu", index);
    add_shown(text, " ", item, "status");
    add_shown(text, ": exit ", item, "exit");
    add_shown(text, ", sha256 ", item, "sha256");
    add_shown(text, ", artifact ", item, "artifact");
    text_add_literal(text, ", of the command\n");
    add_quoted(text, item, "command");
    if (json_get(item, "printed").kind == JSON_KIND_STRING)
        text_add_literal(text, "it printed\n");
    add_quoted(text, item, "printed");
    while (reports.kind == JSON_KIND_ARRAY && json_next_element(&iterator, &report))
        add_report(text, report);
}

void task_print(struct json_value task)
{
    struct text text = {0};
    struct json_value evidence = json_get(task, "evidence"), item;
    struct json_iterator iterator = {.rest = evidence.raw};
    char ago[AGO_SIZE];
    add_head(&text, task);
    add_shown(&text, ": ", task, "title");
    add_name(&text, "\nof ", task, "author");
    field_ago(task, "changed", time_now_ms(), ago);
    text_addf(&text, ", changed: %s, version %.0f", ago, field_number(task, "version", 0));
    add_ids(&text, ", needs ", task, "needs");
    add_ids(&text, ", blocks ", task, "blocks");
    text_add_literal(&text, "\n");
    add_quoted(&text, task, "body");
    if (json_get(task, "why").kind == JSON_KIND_STRING)
        text_add_literal(&text, "why\n");
    add_quoted(&text, task, "why");
    for (size_t i = 0; evidence.kind == JSON_KIND_ARRAY && json_next_element(&iterator, &item); i++)
        add_item(&text, item, i);
    print(&text);
}

static const struct column columns[] = {
    {.title = "ID"},
    {.title = "STATUS"},
    {.title = "BY", .shrinks = true},
    {.title = "WAITS FOR", .shrinks = true},
    {.title = "CHANGED", .right = true},
    {.title = "EVIDENCE"},
    {.title = "TITLE", .wraps = true},
};

static void add_row(struct table *table, struct json_value task)
{
    OWNED char *waits = field_names(json_get(task, "blocked_by"));
    bool held = json_get(task, "holder").kind == JSON_KIND_STRING;
    char ago[AGO_SIZE];
    field_ago(task, "changed", time_now_ms(), ago);
    table_add_member(table, task, "id");
    table_add_member(table, task, "status");
    table_add_member(table, task, held ? "holder" : "closed_by");
    table_add(table, waits);
    table_add(table, ago);
    table_add_member(table, task, "evidence_status");
    table_add_member(table, task, "title");
}

void task_print_list(struct json_value tasks, struct json_value counts)
{
    struct terminal terminal = terminal_of(STDOUT_FILENO, "auto");
    struct json_iterator iterator = {.rest = tasks.raw};
    struct json_value task;
    struct table table;
    table_begin(&table, TABLE_COLUMNS(columns));
    while (json_next_element(&iterator, &task))
        add_row(&table, task);
    if (field_count(tasks))
        table_print(&table, &terminal, stdout);
    table_free(&table);
    printf("%.0f ready, %.0f blocked, %.0f claimed, %.0f done, %.0f dropped\n",
           field_number(counts, "ready", 0), field_number(counts, "blocked", 0),
           field_number(counts, "claimed", 0), field_number(counts, "done", 0),
           field_number(counts, "dropped", 0));
}
