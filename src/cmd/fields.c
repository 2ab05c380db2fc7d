/* See fields.h. */
#include "cmd/fields.h"

#include <stdio.h>
#include <string.h>

#include "cmd/options.h"
#include "cmd/terminal.h"

#define AHEAD_MS 60000 /* that another machine's clock may be ahead of ours */

static void *or_die(void *memory)
{
    if (!memory) {
        fputs("khub: out of memory\n", stderr);
        exit(EXIT_FAILED);
    }
    return memory;
}

char *field_text(struct json_value value)
{
    if (value.kind == JSON_KIND_NULL || value.kind == JSON_KIND_ABSENT)
        value.raw.len = 0;
    char *text = or_die(malloc(value.raw.len + 1));
    size_t len = value.raw.len;
    if (value.kind == JSON_KIND_STRING && value.escaped) {
        long decoded = json_decode(value, text, value.raw.len);
        len = decoded < 0 ? 0 : (size_t)decoded;
    } else if (len > 0) {
        memcpy(text, value.raw.at, len);
    }
    text[len] = '\0';
    return text;
}

char *field_string(struct json_value object, const char *name)
{
    return field_text(json_get(object, name));
}

double field_number(struct json_value object, const char *name, double otherwise)
{
    double number;
    return json_number(json_get(object, name), &number) == 0 ? number : otherwise;
}

size_t field_count(struct json_value value)
{
    struct json_iterator iterator = {.rest = value.raw};
    struct json_value name, element;
    size_t count = 0;
    while (value.kind == JSON_KIND_ARRAY    ? json_next_element(&iterator, &element)
           : value.kind == JSON_KIND_OBJECT ? json_next_member(&iterator, &name, &element)
                                            : false)
        count++;
    return count;
}

char *field_module(struct json_value body)
{
    struct json_value source = json_get(body, "source");
    bool module =
        json_get(body, "parameters").kind == JSON_KIND_ABSENT && source.kind == JSON_KIND_STRING;
    return field_text(module ? source : (struct json_value){.kind = JSON_KIND_ABSENT});
}

char *field_names(struct json_value array)
{
    struct json_iterator iterator = {.rest = array.raw};
    struct json_value element;
    struct text names = {0};
    while (array.kind == JSON_KIND_ARRAY && json_next_element(&iterator, &element)) {
        OWNED char *name = field_text(element);
        text_addf(&names, "%s%s", names.len > 0 ? ", " : "", name);
    }
    text_add(&names, (struct slice){"", 1}); /* its NUL */
    or_die(names.failed ? NULL : names.at);
    return names.at;
}

static void add_title(struct text *titles, const char *title, unsigned times)
{
    text_addf(titles, "%s%s", titles->len > 0 ? ", " : "", title);
    if (times > 1)
        text_addf(titles, " (%u)", times);
}

/* Of several in a row that are called the same, how many they are. */
static void add_titles(struct text *titles, struct json_value list, const char *name)
{
    struct json_iterator iterator = {.rest = list.raw};
    struct json_value one;
    char *before = NULL;
    unsigned times = 0;
    while (list.kind == JSON_KIND_ARRAY && json_next_element(&iterator, &one)) {
        char *title = field_string(one, name);
        if (before && strcmp(before, title) != 0) {
            add_title(titles, before, times);
            times = 0;
        }
        free(before);
        before = title;
        times++;
    }
    if (before)
        add_title(titles, before, times);
    free(before);
}

char *member_work(struct json_value member)
{
    struct json_value on = json_get(member, "on");
    struct text titles = {0};
    add_titles(&titles, json_get(on, "tasks"), "title");
    add_titles(&titles, json_get(on, "leases"), "key");
    add_titles(&titles, json_get(on, "sessions"), "type");
    if (titles.len == 0)
        text_add_literal(&titles, "-");
    text_add(&titles, (struct slice){"", 1}); /* its NUL */
    or_die(titles.failed ? NULL : titles.at);
    return titles.at;
}

/* Whether an ISO time says its offset from UTC: Z, or a sign and digits behind the time of day. */
static bool has_zone(const char *time)
{
    const char *clock = strpbrk(time, "Tt ");
    return clock && strpbrk(clock, "Zz+-") != NULL;
}

void field_ago(struct json_value object, const char *name, int64_t now_ms, char buffer[AGO_SIZE])
{
    OWNED char *text = field_string(object, name);
    int64_t then;
    buffer[0] = '\0';
    if (time_parse(text, &then) == 0 && has_zone(text) && then <= now_ms + AHEAD_MS)
        span_format(now_ms - then, buffer);
    else if (*text)
        memcpy(buffer, "?", 2);
}
