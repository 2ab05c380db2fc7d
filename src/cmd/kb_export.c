/* khub kb export: all that a hub knows, an entry a line. */
#include <stdio.h>

#include "cmd/commands.h"
#include "cmd/fields.h"
#include "cmd/kb.h"

static void print_line(void *data, const struct kb_entry *entry)
{
    size_t *count = data;
    ++*count;
    kb_print_entry(entry, NULL);
    putchar('\n');
}

/* A file that looks whole and is not would be taken for a copy. */
int kb_export(const struct kb_settings *settings, struct json_value sync)
{
    struct json_value totals = json_get(sync, "knowledge_totals");
    size_t count = 0, total = 0;
    kb_each_entry(settings->section, sync, print_line, &count);
    for (size_t i = 0; i < KB_SECTIONS; i++)
        if (strcmp(settings->section, "all") == 0 ||
            strcmp(settings->section, kb_sections[i].name) == 0)
            total += (size_t)field_number(totals, kb_sections[i].member, 0);
    if (count == total)
        return EXIT_WORKED;
    return complain("kb",
                    "these are %zu of %zu entries: the hub does not tell all, or they changed "
                    "meanwhile; export again.",
                    count, total);
}
