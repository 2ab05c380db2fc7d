/* What was asked, and what must hold of the answers. */
#include <stdlib.h>
#include <string.h>

#include "fuzz_mcp.h"
#include "gateway/bounds.h"
#include "gateway/rpc.h"
#include "mcp_lab.h"
#include "wire/json.h"
#include "wire/shown.h"

/* ── what was asked ── */

static json_t *load(struct slice text)
{
    size_t at;
    json_error_t error;
    return json_check(text, RPC_DEPTH_MAX, &at) == JSON_FINE
               ? json_loadb(text.at, text.len,
                            JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, &error)
               : NULL;
}

struct asked *asked_read(struct slice text)
{
    struct asked *asked = calloc(1, sizeof *asked);
    json_t *root = load(text);
    json_t *id = json_object_get(root, "id"), *params = json_object_get(root, "params");
    const char *version = json_string_value(json_object_get(root, "jsonrpc"));
    lab_expect(asked != NULL, "out of memory");
    bool usable = json_is_string(id) || json_is_integer(id);
    bool fine = version && strcmp(version, "2.0") == 0 && (!id || usable) &&
                (!params || json_is_object(params));
    *asked = (struct asked){.root = root,
                            .id = usable ? id : NULL,
                            .method = json_string_value(json_object_get(root, "method"))};
    asked->request = fine && asked->method && id;
    asked->notification = fine && asked->method && !id;
    asked->answers = fine && !asked->method &&
                     (json_object_get(root, "result") || json_object_get(root, "error"));
    return asked;
}

void asked_free(struct asked *asked)
{
    json_decref(asked->root);
    free(asked);
}

bool asked_is_cancelled(const struct asked *asked, const struct asked *notification)
{
    const json_t *params = json_object_get(notification->root, "params");
    return notification->notification &&
           strcmp(notification->method, "notifications/cancelled") == 0 &&
           json_equal(asked->id, json_object_get(params, "requestId"));
}

static bool wants_answer(const struct asked *asked)
{
    return asked->id && !asked->notification && !asked->answers;
}

bool asked_is_alone(const struct asked_list *list, const struct asked *asked)
{
    const struct asked *other;
    size_t count = 0;
    TAILQ_FOREACH (other, list, next)
        count += wants_answer(other) && json_equal(other->id, asked->id);
    return count == 1;
}

struct asked *asked_find(const struct asked_list *list, const json_t *id)
{
    struct asked *asked, *silent = NULL;
    TAILQ_FOREACH (asked, list, next) {
        if (!wants_answer(asked) || asked->answer_count > 0 || !json_equal(asked->id, id))
            continue;
        if (!asked->cancelled)
            return asked;
        silent = silent ? silent : asked;
    }
    return silent;
}

/* ── what comes back ── */

json_t *answer_read(struct slice text)
{
    size_t at;
    json_error_t error;
    lab_expect(json_check(text, 2 * RPC_DEPTH_MAX, &at) == JSON_FINE, "no JSON went out");
    lab_expect(!memchr(text.at, '\n', text.len), "a message has a line end in it");
    json_t *message = json_loadb(text.at, text.len, JSON_ALLOW_NUL, &error);
    lab_expect(json_is_object(message), "no object went out");
    lab_expect(slice_is((struct slice){json_string_value(json_object_get(message, "jsonrpc")),
                                       json_string_length(json_object_get(message, "jsonrpc"))},
                        "2.0"),
               "no JSON-RPC went out");
    bool told = json_object_get(message, "method"), good = json_object_get(message, "result");
    const json_t *error_of = json_object_get(message, "error");
    if (told) {
        lab_expect(!json_object_get(message, "id") && !good && !error_of,
                   "a notification is an answer, too");
        lab_expect(strncmp(json_string_value(json_object_get(message, "method")), "notifications/",
                           sizeof "notifications/" - 1) == 0,
                   "the client is asked something");
    } else {
        lab_expect(json_object_get(message, "id") && good != !!error_of,
                   "an answer is neither a result nor an error, or both");
    }
    if (error_of) {
        lab_expect(json_is_integer(json_object_get(error_of, "code")) &&
                       json_is_string(json_object_get(error_of, "message")),
                   "an error says nothing");
        lab_expect(
            strcmp(json_string_value(json_object_get(error_of, "message")), "out of memory") != 0,
            "an answer could not be made");
    }
    return message;
}

bool answer_is_told(const json_t *message)
{
    return json_object_get(message, "method") != NULL;
}

/* But for line ends and tabs. */
static bool hides(struct slice text)
{
    while (text.len > 0) {
        struct shown shown = shown_next(&text);
        if (shown.spelt && shown.code != '\n' && shown.code != '\t')
            return true;
    }
    return false;
}

/* Lines that are khub's own words, not a peer's behind its mark. */
static size_t own_lines(struct slice text)
{
    size_t count = 0;
    while (text.len > 0) {
        const char *end = memchr(text.at, '\n', text.len);
        size_t len = end ? (size_t)(end - text.at) + 1 : text.len;
        bool quoted = len > 1 && (text.at[0] == '|' || text.at[0] == '+') && text.at[1] == ' ';
        count += !quoted;
        text = (struct slice){text.at + len, text.len - len};
    }
    return count;
}

static bool is_positive(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name)) > 0;
}

/* A line for each message, and for what else there is to say: so no peer's line is among them. */
static void check_inbox(const json_t *inbox, struct slice text)
{
    const json_t *messages = json_object_get(inbox, "messages"), *message;
    const json_t *rest = json_object_get(inbox, "rest");
    size_t i, wanted = json_array_size(messages) + (json_array_size(messages) == 0);
    json_array_foreach(messages, i, message)
    {
        wanted += json_object_get(message, "cut_from_bytes") != NULL;
        lab_expect(json_object_get(message, "text") || json_object_get(message, "payload"),
                   "a message says nothing");
    }
    wanted += is_positive(rest, "let_go");
    wanted += is_positive(rest, "count");
    lab_expect(own_lines(text) == wanted, "a peer's line stands among khub's own");
}

static bool is_called(const struct asked *asked, const char *tool)
{
    const json_t *params = json_object_get(asked->root, "params");
    const char *name = json_string_value(json_object_get(params, "name"));
    return strcmp(asked->method, "tools/call") == 0 && (!tool || (name && !strcmp(name, tool)));
}

static void check_called(const struct asked *asked, const json_t *result)
{
    const json_t *content = json_object_get(result, "content");
    const json_t *text = json_object_get(json_array_get(content, 0), "text");
    const json_t *data = json_object_get(result, "structuredContent");
    struct slice shown = {json_string_value(text), json_string_length(text)};
    lab_expect(json_array_size(content) == 1 && json_is_string(text), "a tool shows no text");
    lab_expect(json_is_true(json_object_get(result, "isError")) != json_is_object(data),
               "a tool says neither what it found nor what is wrong, or both");
    lab_expect(!hides(shown), "something hides in what a model reads");
    if (data && is_called(asked, "inbox"))
        check_inbox(data, shown);
}

/* What is read of a resource: JSON, or help. */
static void check_read(const json_t *result)
{
    const json_t *text =
        json_object_get(json_array_get(json_object_get(result, "contents"), 0), "text");
    lab_expect(json_is_string(text), "a resource shows no text");
    lab_expect(!hides((struct slice){json_string_value(text), json_string_length(text)}),
               "something hides in a resource");
}

void answer_check(const struct asked *asked, const json_t *message)
{
    const json_t *result = json_object_get(message, "result");
    lab_expect(json_equal(asked->id, json_object_get(message, "id")), "an answer of another id");
    lab_expect(!result || asked->request, "what is no request has a result");
    if (result && is_called(asked, NULL))
        check_called(asked, result);
    if (result && strcmp(asked->method, "resources/read") == 0)
        check_read(result);
}
