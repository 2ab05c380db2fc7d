/* khub kb history, and get --revision: what an entry said before. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/fields.h"
#include "cmd/json_out.h"
#include "cmd/kb.h"
#include "cmd/table.h"

#define CHANGED_MAX 12u /* members named of one change */

static struct json_value body_of(struct json_value revision)
{
    struct json_value entry = json_get(revision, "entry");
    struct json_value code = json_get(entry, "code");
    return code.kind == JSON_KIND_OBJECT ? code : kb_body(entry);
}

static const char *kind_of(struct json_value revision)
{
    OWNED char *member = field_string(revision, "section");
    for (size_t i = 0; i < KB_SECTIONS; i++)
        if (strcmp(kb_sections[i].member, member) == 0)
            return kb_sections[i].one;
    return "?";
}

static void name_change(struct text *text, size_t *count, char sign, struct json_value name)
{
    OWNED char *called = field_text(name);
    if (++*count <= CHANGED_MAX)
        text_addf(text, "%s%c%s", text->len > 0 ? " " : "", sign, called);
}

/* "+new ~changed -gone": the members that differ, of two objects. Caller frees. */
static char *name_changes(struct json_value before, struct json_value after)
{
    struct text text = {0};
    struct json_iterator now = {.rest = after.raw}, then = {.rest = before.raw};
    struct json_value name, value;
    size_t count = 0;
    while (json_next_member(&now, &name, &value)) {
        OWNED char *called = field_text(name);
        struct json_value held = json_get(before, called);
        if (held.kind == JSON_KIND_ABSENT)
            name_change(&text, &count, '+', name);
        else if (held.kind != value.kind || !slice_equal(held.raw, value.raw))
            name_change(&text, &count, '~', name);
    }
    while (json_next_member(&then, &name, &value)) {
        OWNED char *called = field_text(name);
        if (json_get(after, called).kind == JSON_KIND_ABSENT)
            name_change(&text, &count, '-', name);
    }
    if (count > CHANGED_MAX)
        text_addf(&text, " and %zu more", count - CHANGED_MAX);
    if (count == 0)
        text_add_literal(&text, "nothing");
    char *named =
        field_text((struct json_value){.raw = text_slice(&text), .kind = JSON_KIND_NUMBER});
    text_free(&text);
    return named;
}

static bool same_entry(struct json_value one, struct json_value other)
{
    return slice_equal(json_get(one, "section").raw, json_get(other, "section").raw) &&
           slice_equal(json_get(one, "id").raw, json_get(other, "id").raw);
}

static void add_revision(struct table *table, struct json_value revision, struct json_value before)
{
    int64_t now = time_now_ms();
    struct json_value entry = json_get(revision, "entry");
    char said[AGO_SIZE], replaced[AGO_SIZE];
    field_ago(entry, "timestamp", now, said);
    field_ago(revision, "replaced", now, replaced);
    bool known = before.kind == JSON_KIND_OBJECT && same_entry(revision, before);
    OWNED char *changed = known ? name_changes(body_of(before), body_of(revision)) : NULL;
    bool first = field_number(revision, "revision", 0) == 1;
    table_add_member(table, revision, "revision");
    table_add(table, kind_of(revision));
    table_add_member(table, entry, "contributor");
    table_add(table, said);
    table_add(table, *replaced ? replaced : "in force");
    table_addf(table, "%zu", body_of(revision).raw.len);
    table_add(table, changed ? changed : first ? "(the first)" : "(former ones are not kept)");
}

int kb_history(const struct kb_settings *settings, struct json_value sync)
{
    static const struct column columns[] = {
        {.title = "REVISION", .right = true}, {.title = "KIND"},
        {.title = "AUTHOR", .shrinks = true}, {.title = "AGE", .right = true},
        {.title = "REPLACED", .right = true}, {.title = "BYTES", .right = true},
        {.title = "CHANGED", .wraps = true},
    };
    struct json_value all = json_get(sync, "revisions"), revision, before;
    struct json_iterator iterator = {.rest = all.raw}, ahead = {.rest = all.raw};
    if (settings->json) {
        json_print(stdout, all.raw, false);
        putchar('\n');
        return EXIT_WORKED;
    }
    struct terminal terminal = terminal_of(STDOUT_FILENO, "auto");
    struct table table;
    table_begin(&table, TABLE_COLUMNS(columns));
    json_next_element(&ahead, &before);
    while (json_next_element(&iterator, &revision)) {
        if (!json_next_element(&ahead, &before))
            before = (struct json_value){.kind = JSON_KIND_ABSENT};
        add_revision(&table, revision, before);
    }
    table_print(&table, &terminal, stdout);
    table_free(&table);
    return EXIT_WORKED;
}

int kb_get_revision(const struct kb_settings *settings, struct json_value sync)
{
    struct json_value all = json_get(sync, "revisions"), revision;
    struct json_iterator iterator = {.rest = all.raw};
    const char *between = "";
    if (settings->json) {
        json_print(stdout, all.raw, false);
        putchar('\n');
        return EXIT_WORKED;
    }
    while (json_next_element(&iterator, &revision)) {
        if (settings->source)
            return kb_print_source(json_get(revision, "entry"));
        OWNED char *number = field_string(revision, "revision");
        printf("%s%s, revision %s:\n", between, kind_of(revision), number);
        json_print(stdout, json_get(revision, "entry").raw, true);
        putchar('\n');
        between = "\n";
    }
    return EXIT_WORKED;
}
