/* khub kb search and export. */
#include <stdio.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/fields.h"
#include "cmd/kb.h"
#include "cmd/table.h"

#define AROUND 32u /* bytes shown before and behind what was found, at the least */

struct found {
    const struct kb_settings *settings;
    struct table table;
    size_t count;
};

static char small_letter(char letter)
{
    return (char)(letter >= 'A' && letter <= 'Z' ? letter + ('a' - 'A') : letter);
}

static bool begins(struct slice text, struct slice words)
{
    size_t same = 0;
    while (same < words.len && same < text.len &&
           small_letter(text.at[same]) == small_letter(words.at[same]))
        same++;
    return same == words.len;
}

/* The words with what stands around them, cut between characters; the beginning when they don't
 * stand there as they are (but in the id, or written with escapes). */
static struct slice around(struct slice body, struct slice words)
{
    size_t at = 0;
    if (body.len == 0) /* reports have none */
        return body;
    while (at < body.len && !begins((struct slice){body.at + at, body.len - at}, words))
        at++;
    if (at == body.len)
        at = 0;
    size_t from = at > AROUND ? at - AROUND : 0, to = at + words.len + AROUND;
    while (from > 0 && ((unsigned char)body.at[from] & 0xC0) == 0x80)
        from--;
    if (to > body.len)
        to = body.len;
    while (to < body.len && ((unsigned char)body.at[to] & 0xC0) == 0x80)
        to++;
    return (struct slice){body.at + from, to - from};
}

static struct slice body_of(const struct kb_entry *entry)
{
    struct json_value code = json_get(entry->value, "code"), body = kb_body(entry->value);
    return code.kind == JSON_KIND_OBJECT ? code.raw : body.raw;
}

static void add_found(void *data, const struct kb_entry *entry)
{
    struct found *found = data;
    found->count++;
    OWNED char *author = field_string(entry->value, "contributor");
    OWNED char *text = field_text(
        (struct json_value){.raw = around(body_of(entry), slice_of(found->settings->id)),
                            .kind = JSON_KIND_NUMBER}); /* as it stands, no escapes read */
    table_add(&found->table, entry->id);
    table_add(&found->table, entry->section->one);
    table_add(&found->table, *author ? author : "-");
    table_add(&found->table, text);
}

static void print_json(void *data, const struct kb_entry *entry)
{
    struct found *found = data;
    fputs(found->count++ ? ",\n" : "", stdout);
    kb_print_entry(entry);
}

static void print_line(void *data, const struct kb_entry *entry)
{
    struct found *found = data;
    found->count++;
    kb_print_entry(entry);
    putchar('\n');
}

int kb_found(const struct kb_settings *settings, struct json_value sync)
{
    static const struct column columns[] = {
        {.title = "ID", .wraps = true},
        {.title = "KIND"},
        {.title = "AUTHOR", .shrinks = true},
        {.title = "TEXT", .shrinks = true},
    };
    struct found found = {.settings = settings};
    if (settings->json) {
        putchar('[');
        kb_each_entry(settings->section, sync, print_json, &found);
        puts("]");
        return EXIT_WORKED;
    }
    struct terminal terminal = terminal_of(STDOUT_FILENO, "auto");
    table_begin(&found.table, TABLE_COLUMNS(columns));
    kb_each_entry(settings->section, sync, add_found, &found);
    if (found.count > 0)
        table_print(&found.table, &terminal, stdout);
    else
        puts("Nothing has that text.");
    table_free(&found.table);
    return EXIT_WORKED;
}

/* A file that looks whole and is not would be taken for a copy. */
int kb_export(const struct kb_settings *settings, struct json_value sync)
{
    struct found found = {.settings = settings};
    struct json_value totals = json_get(sync, "knowledge_totals");
    size_t total = 0;
    kb_each_entry(settings->section, sync, print_line, &found);
    for (size_t i = 0; i < KB_SECTIONS; i++)
        if (strcmp(settings->section, "all") == 0 ||
            strcmp(settings->section, kb_sections[i].name) == 0)
            total += (size_t)field_number(totals, kb_sections[i].member, 0);
    if (found.count == total)
        return EXIT_WORKED;
    return complain("kb",
                    "these are %zu of %zu entries: the hub does not tell all, or they changed "
                    "meanwhile; export again.",
                    found.count, total);
}
