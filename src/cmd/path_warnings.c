/* See path_warnings.h. */
#include "cmd/path_warnings.h"

#include <string.h>

#include "cmd/fields.h"
#include "cmd/inbox_print.h"
#include "wire/clock.h"
#include "wire/json.h"

static void add_other(struct text *lines, struct json_value own, struct json_value other)
{
    OWNED char *path = field_string(own, "path");
    OWNED char *name = field_string(other, "ai_id");
    OWNED char *there = field_string(other, "path");
    OWNED char *note = field_string(other, "note");
    bool claimed = json_string_is(json_get(other, "how"), slice_of("lease"));
    char ago[AGO_SIZE];
    field_ago(other, "since", time_now_ms(), ago);
    text_add_literal(lines, "-- ");
    text_add_name(lines, slice_of(path));
    text_add_literal(lines, ": ");
    text_add_name(lines, slice_of(name));
    text_add_literal(lines, claimed ? " has claimed " : " works on ");
    text_add_name(lines, slice_of(there));
    text_addf(lines, " (%s)", ago);
    if (*note) {
        text_add_literal(lines, ": ");
        text_add_string(lines, slice_of(note));
    }
    text_add_literal(lines, "\n");
}

static bool is_of(struct json_value mark, const char *ai_id)
{
    return json_string_is(json_get(mark, "ai_id"), slice_of(ai_id));
}

void path_warning_add(struct text *lines, const char *ai_id, const struct khub_message *message)
{
    if (strcmp(message->type.at, "path_warning") != 0 || strcmp(message->sender_id.at, "hub") != 0)
        return;
    struct json_value payload =
        json_value_of((struct slice){message->payload.at, message->payload.len});
    struct json_value who = json_get(payload, "who"), with = json_get(payload, "with"), mark;
    struct json_iterator iterator = {.rest = with.raw};
    while (with.kind == JSON_KIND_ARRAY && json_next_element(&iterator, &mark)) {
        if (is_of(who, ai_id))
            add_other(lines, who, mark);
        else if (is_of(mark, ai_id))
            add_other(lines, mark, who);
    }
    double more = field_number(payload, "more", 0);
    if (is_of(who, ai_id) && more > 0)
        text_addf(lines, "-- and %.0f more there\n", more);
}
