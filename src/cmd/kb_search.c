/* khub kb search: what a hub found, in the order that it told. */
#include <stdio.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/fields.h"
#include "cmd/kb.h"
#include "cmd/terminal.h"

static const struct kb_section *section_of(const char *member)
{
    for (size_t i = 0; i < KB_SECTIONS; i++)
        if (strcmp(kb_sections[i].member, member) == 0)
            return &kb_sections[i];
    return NULL;
}

/* One that was found, {section, id, snippet}, with its entry out of the sync. False when the sync
 * has not what it names. */
static bool entry_of(struct json_value sync, struct json_value found, const char *id,
                     struct kb_entry *ret_entry)
{
    OWNED char *member = field_string(found, "section");
    *ret_entry = (struct kb_entry){.section = section_of(member), .id = id};
    if (!ret_entry->section)
        return false;
    struct json_value base = json_get(sync, "global_knowledge_base");
    ret_entry->value = json_get(json_get(base, ret_entry->section->member), id);
    return ret_entry->value.kind != JSON_KIND_ABSENT;
}

/* What was found stands at the odd places of a snippet. */
static void print_snippet(struct json_value snippet, struct line *line)
{
    struct json_iterator iterator = {.rest = snippet.raw};
    struct json_value part;
    bool matched = false;
    line_clear(line);
    line_addf(line, "    ");
    while (snippet.kind == JSON_KIND_ARRAY && json_next_element(&iterator, &part)) {
        OWNED char *text = field_text(part);
        line_style(line, matched ? STYLE_YELLOW : STYLE_PLAIN);
        line_add(line, slice_of(text));
        matched = !matched;
    }
    line_style(line, STYLE_PLAIN);
    line_print(line, stdout);
}

static void print_found(const struct kb_entry *entry, struct json_value snippet, struct line *line)
{
    OWNED char *author = field_string(entry->value, "contributor");
    line_clear(line);
    line_style(line, STYLE_BOLD);
    line_add(line, slice_of(entry->id));
    line_style(line, STYLE_PLAIN);
    line_addf(line, "  %s", entry->section->one);
    if (*author)
        line_addf(line, " of %s", author);
    line_print(line, stdout);
    print_snippet(snippet, line);
}

static size_t print_all(const struct kb_settings *settings, struct json_value sync)
{
    struct json_value all = json_get(sync, "found"), found;
    struct json_iterator iterator = {.rest = all.raw};
    struct terminal terminal = terminal_of(STDOUT_FILENO, "auto");
    struct line line;
    size_t count = 0;
    line_begin(&line, &terminal);
    while (all.kind == JSON_KIND_ARRAY && json_next_element(&iterator, &found)) {
        OWNED char *id = field_string(found, "id");
        struct json_value snippet = json_get(found, "snippet");
        struct kb_entry entry;
        if (!entry_of(sync, found, id, &entry))
            continue;
        if (settings->json) {
            fputs(count ? ",\n" : "", stdout);
            kb_print_entry(&entry, &snippet);
        } else {
            print_found(&entry, snippet, &line);
        }
        count++;
    }
    line_free(&line);
    return count;
}

/* "20 newest". */
static const char *foremost(const struct kb_settings *settings)
{
    if (!settings->order || strcmp(settings->order, "relevance") == 0)
        return "most relevant";
    return strcmp(settings->order, "id") == 0 ? "first" : settings->order;
}

int kb_found(const struct kb_settings *settings, struct json_value sync)
{
    fputs(settings->json ? "[" : "", stdout);
    size_t count = print_all(settings, sync);
    fputs(settings->json ? "]\n" : "", stdout);
    if (count == 0 && !settings->json)
        puts(kb_sifts(settings) ? "Nothing of that has all these words."
                                : "Nothing has all these words.");
    if (count > 0 && json_get(sync, "more").kind == JSON_KIND_TRUE && !settings->json) {
        output_flush();
        if (count == 1)
            complain("kb", "this is the %s; --limit shows more.", foremost(settings));
        else
            complain("kb", "these are the %zu %s; --limit shows more.", count, foremost(settings));
    }
    return EXIT_WORKED;
}
