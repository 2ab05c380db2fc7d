#include "search/wires.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define EVENT_BYTES_MAX  (1u << 20)
#define ANSWER_BYTES_MAX (4u << 20)

const char *const model_wires[] = {"openai", "anthropic", NULL};

const char *wire_path(enum model_wire wire)
{
    return wire == MODEL_OPENAI ? "/chat/completions" : "/messages";
}

/* ── the question ── */

static json_t *said_by(const char *role, const char *content)
{
    return json_pack("{s:s,s:s}", "role", role, "content", content);
}

char *wire_body(enum model_wire wire, const struct wire_question *question)
{
    json_t *root =
        wire == MODEL_OPENAI
            ? json_pack("{s:s,s:[o,o],s:I,s:b,s:{s:b}}", "model", question->model, "messages",
                        said_by("system", question->system), said_by("user", question->question),
                        "max_tokens", (json_int_t)question->most, "stream", 1, "stream_options",
                        "include_usage", 1)
            : json_pack("{s:s,s:s,s:[o],s:I,s:b}", "model", question->model, "system",
                        question->system, "messages", said_by("user", question->question),
                        "max_tokens", (json_int_t)question->most, "stream", 1);
    char *body = root ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    return body;
}

/* ── the answer ── */

static const char *member(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static void count(const json_t *usage, const char *name, uint64_t *ret_tokens)
{
    json_int_t tokens = json_integer_value(json_object_get(usage, name));
    if (tokens > 0)
        *ret_tokens = (uint64_t)tokens;
}

static void add_text(struct wire_answer *answer, const json_t *string)
{
    struct slice piece = {json_string_value(string), json_string_length(string)};
    if (piece.at && answer->text.len + piece.len <= ANSWER_BYTES_MAX)
        text_add(&answer->text, piece);
}

/* An error object, as both wires have it; some servers say a string. */
static void explain(const json_t *error, char ret_why[200])
{
    const char *type = member(error, "type"), *message = member(error, "message");
    if (json_is_string(error))
        message = json_string_value(error);
    snprintf(ret_why, 200, "%.40s%s%.140s", type ? type : "", type && message ? ": " : "",
             message ? message
             : type  ? ""
                     : "an error without a message");
}

/* Whether it may be gone in a while. */
static bool is_passing(const json_t *error)
{
    const char *type = member(error, "type");
    static const char *const passing[] = {"overloaded_error", "api_error", "rate_limit_error",
                                          "server_error", "timeout_error"};
    for (size_t i = 0; type && i < sizeof passing / sizeof *passing; i++)
        if (strcmp(type, passing[i]) == 0)
            return true;
    json_int_t code = json_integer_value(json_object_get(error, "code"));
    return code == 429 || (code >= 500 && code < 600);
}

static void fail(struct wire_answer *answer, const json_t *error)
{
    answer->failed = true;
    answer->passes = is_passing(error);
    explain(error, answer->why);
}

static void take_openai(struct wire_answer *answer, const json_t *event)
{
    const json_t *usage = json_object_get(event, "usage");
    const json_t *choice = json_array_get(json_object_get(event, "choices"), 0);
    add_text(answer, json_object_get(json_object_get(choice, "delta"), "content"));
    /* Some end the connection in place of saying [DONE]. */
    answer->ended = answer->ended || json_is_string(json_object_get(choice, "finish_reason"));
    count(usage, "prompt_tokens", &answer->in);
    count(usage, "completion_tokens", &answer->out);
}

static void take_anthropic(struct wire_answer *answer, const json_t *event)
{
    const char *type = member(event, "type");
    const json_t *delta = json_object_get(event, "delta");
    if (!type)
        return;
    if (strcmp(type, "message_start") == 0) {
        const json_t *usage = json_object_get(json_object_get(event, "message"), "usage");
        count(usage, "input_tokens", &answer->in);
        count(usage, "output_tokens", &answer->out);
    } else if (strcmp(type, "content_block_delta") == 0) {
        add_text(answer, json_object_get(delta, "text"));
    } else if (strcmp(type, "message_delta") == 0) {
        count(json_object_get(event, "usage"), "output_tokens", &answer->out);
    } else if (strcmp(type, "message_stop") == 0) {
        answer->ended = true;
    }
}

static void take_event(enum model_wire wire, struct wire_answer *answer, struct slice data)
{
    if (data.len == 6 && memcmp(data.at, "[DONE]", 6) == 0) {
        answer->ended = true;
        return;
    }
    json_t *event = json_loadb(data.at, data.len, 0, NULL);
    const json_t *error = json_object_get(event, "error");
    if (!json_is_object(event)) {
        answer->failed = answer->passes = true;
        snprintf(answer->why, sizeof answer->why, "the stream has what is no JSON: %.*s",
                 (int)(data.len < 100 ? data.len : 100), data.at);
    } else if (error && !json_is_null(error)) {
        fail(answer, error);
    } else if (wire == MODEL_OPENAI) {
        take_openai(answer, event);
    } else {
        take_anthropic(answer, event);
    }
    json_decref(event);
}

void wire_take(enum model_wire wire, struct wire_answer *answer, struct slice bytes)
{
    struct slice data;
    answer->events.most = EVENT_BYTES_MAX;
    while (!answer->failed) {
        int event = sse_next(&answer->events, &bytes, &data);
        if (event == 0)
            return;
        if (event > 0) {
            take_event(wire, answer, data);
            continue;
        }
        answer->failed = true;
        snprintf(answer->why, sizeof answer->why, "an event of more than %u bytes",
                 EVENT_BYTES_MAX);
    }
}

void wire_error(struct slice body, char ret_why[200])
{
    json_t *root = json_loadb(body.at ? body.at : "", body.len, 0, NULL);
    const json_t *error = json_object_get(root, "error");
    ret_why[0] = '\0';
    if (error)
        explain(error, ret_why);
    else if (member(root, "message") || member(root, "detail"))
        snprintf(ret_why, 200, "%.180s",
                 member(root, "message") ? member(root, "message") : member(root, "detail"));
    json_decref(root);
}

void wire_answer_free(struct wire_answer *answer)
{
    sse_reader_free(&answer->events);
    text_free(&answer->text);
    *answer = (struct wire_answer){0};
}
