/* See ask.h. */
#include "cmd/ask.h"

#include <stdio.h>
#include <stdlib.h>

#include "cmd/fields.h"
#include "cmd/options.h"
#include "cmd/stop.h"
#include "wire/bounds.h"
#include "wire/clock.h"

#define ANSWER_MS 30000                  /* for the hub to answer one question */
#define DEPTH_MAX (WIRE_DEPTH_MAX + 16u) /* of the deepest payload inside an answer */

/* Whether it answers the open question; keeps it then. */
static bool take(struct ask *ask, const struct khub_message *message)
{
    size_t at;
    if (!ask->question[0] || strcmp(message->sender_id.at, "hub") != 0)
        return false;
    struct slice payload = {message->payload.at, message->payload.len};
    if (json_check(payload, DEPTH_MAX, &at) != JSON_FINE ||
        !json_string_is(json_get(json_value_of(payload), "in_reply_to"), slice_of(ask->question)))
        return false;
    text_clear(&ask->text);
    text_add(&ask->text, payload);
    ask->answer = (struct json_value){.kind = JSON_KIND_ABSENT};
    if (!ask->text.failed)
        ask->answer = json_value_of(text_slice(&ask->text));
    ask->refused = strcmp(message->type.at, "error") == 0;
    ask->question[0] = '\0';
    return true;
}

void ask_message(struct visit *visit, const struct khub_message *message)
{
    struct ask *ask = visit->data;
    if (!take(ask, message) && ask->other)
        ask->other(visit, message, ask->data);
}

static enum ask_result fail(const struct visit *visit, const char *why)
{
    if (!visit->ended && !stop_asked())
        complain(visit->command, "%s", why);
    return ASK_FAILED;
}

static enum ask_result ask_once(struct visit *visit, enum message_type type,
                                const struct text *payload)
{
    struct ask *ask = visit->data;
    int error = payload->failed ? KHUB_E_NO_MEMORY
                                : khub_publish(visit->link, message_type_text(type), payload->at,
                                               ask->target, ask->question);
    int64_t until = time_monotonic_ms() + ANSWER_MS;
    if (error < 0)
        return fail(visit, khub_error_text(error));
    while (ask->question[0]) {
        if (visit_wait(visit, until, NULL, 0) != VISIT_TURNED)
            return ASK_FAILED;
        if (time_monotonic_ms() >= until)
            return fail(visit, "the hub did not answer in time.");
    }
    if (!ask->refused)
        return ask->answer.kind == JSON_KIND_OBJECT ? ASK_ANSWERED : fail(visit, "out of memory");
    OWNED char *code = field_string(ask->answer, "code");
    OWNED char *detail = field_string(ask->answer, "detail");
    snprintf(ask->code, sizeof ask->code, "%s", code);
    snprintf(ask->why, sizeof ask->why, "%s", detail);
    ask->retry_after_ms = (int64_t)field_number(ask->answer, "retry_after_ms", 0);
    return ASK_REFUSED;
}

enum ask_result ask(struct visit *visit, enum message_type type, const struct text *payload)
{
    struct ask *ask = visit->data;
    for (;;) {
        enum ask_result result = ask_once(visit, type, payload);
        if (result != ASK_REFUSED || strcmp(ask->code, wire_error_code(WIRE_RATE_LIMITED)) != 0)
            return result;
        if (!visit_pause(visit, ask->retry_after_ms))
            return ASK_FAILED;
    }
}

void ask_take_page(struct json_value page, const char *member, struct text *array,
                   struct text *after)
{
    struct slice listed = json_get(page, member).raw; /* […] */
    struct json_value next = json_get(page, "next");
    if (listed.len > 2) {
        text_add_literal(array, array->len > 1 ? "," : "");
        text_add(array, (struct slice){listed.at + 1, listed.len - 2});
    }
    text_clear(after);
    if (next.kind == JSON_KIND_NUMBER || next.kind == JSON_KIND_STRING)
        text_addf(after, next.kind == JSON_KIND_STRING ? "\"%.*s\"" : "%.*s",
                  SLICE_FORMAT(next.raw));
}

enum ask_result ask_pages(struct visit *visit, enum message_type type, unsigned limit,
                          const char *member, struct text *array)
{
    return ask_pages_of(visit, type, limit, &(struct text){0}, member, array);
}

enum ask_result ask_pages_of(struct visit *visit, enum message_type type, unsigned limit,
                             const struct text *more, const char *member, struct text *array)
{
    const struct ask *asked = visit->data;
    struct text after = {0};
    enum ask_result result;
    size_t at;
    text_add_literal(array, "[");
    do {
        struct text query = {0};
        text_addf(&query, "{\"limit\":%u%s%.*s", limit, after.len ? ",\"after\":" : "",
                  SLICE_FORMAT(text_slice(&after)));
        text_add(&query, text_slice(more));
        text_add(&query, (struct slice)SLICE("}\0"));
        text_clear(&after);
        result = ask(visit, type, &query);
        text_free(&query);
        if (result == ASK_ANSWERED)
            ask_take_page(asked->answer, member, array, &after);
    } while (after.len);
    text_free(&after);
    text_add_literal(array, "]");
    if (result == ASK_ANSWERED && json_check(text_slice(array), DEPTH_MAX, &at) != JSON_FINE)
        return fail(visit, "out of memory");
    return result;
}

int ask_complain(const struct visit *visit)
{
    const struct ask *ask = visit->data;
    if (strcmp(ask->code, wire_error_code(WIRE_UNKNOWN_TYPE)) == 0)
        return complain(visit->command, "the hub at %s is of an earlier version: %s",
                        visit->address, ask->why);
    return complain(visit->command, "%s", ask->why);
}

void ask_free(struct ask *ask)
{
    text_free(&ask->text);
}
