/* What an entry says, as text: what a search for words looks at; and of what subject it is. */
#include "core/bounds.h"
#include "core/knowledge.h"
#include "core/memory.h"

/* Control characters would end lines where there are none. */
static void add_plain(struct text *text, const char *at, size_t len)
{
    size_t from = text->len;
    text_add(text, (struct slice){at, len});
    for (size_t i = from; i < text->len; i++)
        if ((unsigned char)text->at[i] < 0x20 || text->at[i] == 0x7F)
            text->at[i] = ' ';
}

/* A string's letters, which are no longer than the string is with its escapes. */
static void add_string(struct text *text, struct slice raw)
{
    size_t from = text->len;
    if (!raw.len || !memchr(raw.at, '\\', raw.len)) {
        add_plain(text, raw.at, raw.len);
        return;
    }
    text_add(text, raw); /* makes the place */
    if (text->failed)
        return;
    struct json_value string = {.raw = raw, .kind = JSON_KIND_STRING, .escaped = true};
    long len = json_decode(string, text->at + from, raw.len);
    text->len = from + (len > 0 ? (size_t)len : 0);
    for (size_t i = from; i < text->len; i++)
        if ((unsigned char)text->at[i] < 0x20 || text->at[i] == 0x7F)
            text->at[i] = ' ';
}

/* Of an accepted text, `{"a":{"b":"x"},"c":[1,2]}`, what a person would read: `a: b: x, c: 1, 2`.
 * In one pass, however deep it is. */
static void add_json(struct text *text, struct slice json)
{
    for (size_t i = 0; i < json.len; i++) {
        char at = json.at[i];
        if (at == '"') {
            size_t from = ++i;
            while (json.at[i] != '"')
                i += json.at[i] == '\\' ? 2 : 1;
            add_string(text, (struct slice){json.at + from, i - from});
        } else if (at == ':') {
            text_add_literal(text, ": ");
        } else if (at == ',') {
            text_add_literal(text, ", ");
        } else if (!strchr("{}[] \t\r\n", at)) {
            text_add(text, (struct slice){&at, 1});
        }
    }
}

/* Of many reports the newest, which come first. */
static void add_reports(struct text *text, const struct knowledge_entry *entry)
{
    const struct report *report;
    TAILQ_FOREACH_REVERSE(report, &entry->reports, report_list, next)
    {
        if (text->len >= SEARCHED_REPORTS_MAX)
            return;
        if (report->seal)
            continue;
        text_add_literal(text, text->len ? "; " : "");
        text_add(text, report->reporter);
        text_add_literal(text, ": ");
        add_json(text, report->metrics);
    }
}

void knowledge_write_text(const struct knowledge_entry *entry, struct text *text)
{
    if (entry->section == SECTION_BENCHMARKS)
        add_reports(text, entry);
    else
        add_json(text, entry->body);
}

struct json_value knowledge_subject(const struct knowledge_entry *entry)
{
    if (entry->section == SECTION_BENCHMARKS)
        return (struct json_value){.kind = JSON_KIND_ABSENT};
    return json_get(json_value_of(entry->body), "subject");
}
