/* See mcp_fixtures.h. What each must do is told by the suite's own scenarios. */
#include "tests/npm/mcp_fixtures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "gateway/mcp_inside.h"

#define MISSING_CAPABILITY (-32021)
#define PNG                                                                                        \
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJg" \
    "gg=="
#define WAV            "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA="

#define TEXT(text)     "{\"type\":\"text\",\"text\":\"" text "\"}"
#define IMAGE          "{\"type\":\"image\",\"mimeType\":\"image/png\",\"data\":\"" PNG "\"}"
#define CONTENT(parts) "{\"content\":[" parts "]}"
#define SAID(part)     "{\"role\":\"user\",\"content\":" part "}"
#define ASK(message, name, type)                                                                   \
    "{\"method\":\"elicitation/create\",\"params\":{\"message\":\"" message                        \
    "\",\"requestedSchema\":{\"type\":\"object\",\"properties\":{\"" name "\":{\"type\":\"" type   \
    "\"}},\"required\":[\"" name "\"]}}}"
#define SAMPLE(text)                                                                               \
    "{\"method\":\"sampling/createMessage\",\"params\":{\"maxTokens\":100,\"messages\":[" SAID(    \
        TEXT(text)) "]}}"
#define ROOTS "{\"method\":\"roots/list\",\"params\":{}}"

static json_t *json_of(const char *text)
{
    return json_loads(text, JSON_DECODE_ANY, NULL);
}

static json_t *said(const char *text)
{
    return json_pack("{s:[{s:s,s:s}]}", "content", "type", "text", "text", text);
}

/* ── what is told during a call ── */

static void notify(struct mcp_call *call, const char *method, json_t *params)
{
    json_t *note = rpc_notification(method, params);
    if (note)
        call->outlet->send(call->outlet, note);
    json_decref(note);
}

static void run_progress(struct mcp_call *call)
{
    json_t *token = json_object_get(json_object_get(call->params, "_meta"), "progressToken");
    for (int i = 0; token && i <= 100; i += 50)
        notify(call, "notifications/progress",
               json_pack("{s:O,s:i,s:i}", "progressToken", token, "progress", i, "total", 100));
    call_result(call, said("done"));
}

/* In the later era to whom it asked for a level alone. */
static void run_logging(struct mcp_call *call)
{
    const json_t *meta = json_object_get(call->params, "_meta");
    bool wanted = !call->modern || json_object_get(meta, MCP_META "logLevel");
    static const char *const words[] = {"Tool execution started", "Tool processing data",
                                        "Tool execution completed"};
    for (size_t i = 0; wanted && i < 3; i++)
        notify(call, "notifications/message",
               json_pack("{s:s,s:s}", "level", "info", "data", words[i]));
    call_result(call, said("done"));
}

/* ── what the client is asked, in the earlier era: a request of ours ── */

struct question {
    struct mcp_call *call;
    json_int_t id;
    TAILQ_ENTRY(question) next;
};
static TAILQ_HEAD(, question) questions = TAILQ_HEAD_INITIALIZER(questions);

static void question_end(struct question *question, json_t *result)
{
    TAILQ_REMOVE(&questions, question, next);
    call_result(question->call, result);
    free(question);
}

static void on_cancel(struct mcp_call *call)
{
    struct question *question;
    TAILQ_FOREACH (question, &questions, next) {
        if (question->call == call) {
            question_end(question, said("nobody answered"));
            return;
        }
    }
}

static void answered(const json_t *id, const json_t *message)
{
    struct question *question;
    TAILQ_FOREACH (question, &questions, next) {
        if (json_is_integer(id) && json_integer_value(id) == question->id) {
            char *text = json_dumps(json_object_get(message, "result"), JSON_COMPACT);
            question_end(question, said(text ? text : "refused"));
            free(text);
            return;
        }
    }
}

static void ask(struct mcp_call *call, const char *method, json_t *params)
{
    static json_int_t last = 1000;
    struct question *question = calloc(1, sizeof *question);
    json_t *request = json_pack("{s:s,s:I,s:s,s:o}", "jsonrpc", "2.0", "id", ++last, "method",
                                method, "params", params);
    *question = (struct question){.call = call, .id = last};
    TAILQ_INSERT_TAIL(&questions, question, next);
    call->cancel = on_cancel;
    call->outlet->send(call->outlet, request);
    json_decref(request);
}

static const char *argument(const struct mcp_call *call, const char *name)
{
    const char *text =
        json_string_value(json_object_get(json_object_get(call->params, "arguments"), name));
    return text ? text : "";
}

static void run_sampling(struct mcp_call *call)
{
    ask(call, "sampling/createMessage",
        json_pack("{s:[{s:s,s:{s:s,s:s}}],s:i}", "messages", "role", "user", "content", "type",
                  "text", "text", argument(call, "prompt"), "maxTokens", 100));
}

static void elicit(struct mcp_call *call, const char *message, const char *properties)
{
    ask(call, "elicitation/create",
        json_pack("{s:s,s:{s:s,s:o}}", "message", message, "requestedSchema", "type", "object",
                  "properties", json_of(properties)));
}

static void run_elicitation(struct mcp_call *call)
{
    elicit(call, argument(call, "message"),
           "{\"username\":{\"type\":\"string\"},\"email\":{\"type\":\"string\"}}");
}

static void run_defaults(struct mcp_call *call)
{
    elicit(call, "all kinds, with defaults",
           "{\"name\":{\"type\":\"string\",\"default\":\"John Doe\"},"
           "\"age\":{\"type\":\"integer\",\"default\":30},"
           "\"score\":{\"type\":\"number\",\"default\":95.5},"
           "\"status\":{\"type\":\"string\",\"enum\":[\"active\",\"inactive\",\"pending\"],"
           "\"default\":\"active\"},\"verified\":{\"type\":\"boolean\",\"default\":true}}");
}

static void run_enums(struct mcp_call *call)
{
    elicit(call, "all kinds of choices",
           "{\"untitledSingle\":{\"type\":\"string\",\"enum\":[\"option1\",\"option2\"]},"
           "\"titledSingle\":{\"type\":\"string\",\"oneOf\":[{\"const\":\"value1\",\"title\":"
           "\"First Option\"},{\"const\":\"value2\",\"title\":\"Second Option\"}]},"
           "\"legacyEnum\":{\"type\":\"string\",\"enum\":[\"opt1\",\"opt2\"],\"enumNames\":"
           "[\"Option One\",\"Option Two\"]},"
           "\"untitledMulti\":{\"type\":\"array\",\"items\":{\"type\":\"string\",\"enum\":"
           "[\"option1\",\"option2\"]}},"
           "\"titledMulti\":{\"type\":\"array\",\"items\":{\"anyOf\":[{\"const\":\"value1\","
           "\"title\":\"First Choice\"},{\"const\":\"value2\",\"title\":\"Second Choice\"}]}}}");
}

/* ── what the client is asked, in the later era: a result that wants input ── */

#define ROUNDS_MAX 2u

static const struct wish {
    const char *name;
    struct {
        const char *requests, *state; /* JSON; state NULL: it keeps none */
    } rounds[ROUNDS_MAX];
    const char *result; /* JSON, when all was answered */
} wishes[] = {
    {"test_input_required_result_elicitation",
     {{"{\"user_name\":" ASK("What is your name?", "name", "string") "}", NULL}},
     CONTENT(TEXT("Hello!"))},
    {"test_streaming_elicitation",
     {{"{\"user_name\":" ASK("What is your name?", "name", "string") "}", NULL}},
     CONTENT(TEXT("Hello!"))},
    {"test_input_required_result_sampling",
     {{"{\"capital_question\":" SAMPLE("What is the capital of France?") "}", NULL}},
     CONTENT(TEXT("Paris"))},
    {"test_input_required_result_list_roots",
     {{"{\"client_roots\":" ROOTS "}", NULL}},
     CONTENT(TEXT("seen"))},
    {"test_input_required_result_request_state",
     {{"{\"confirm\":" ASK("Please confirm", "ok", "boolean") "}", "sealed"}},
     CONTENT(TEXT("state-ok"))},
    {"test_input_required_result_tampered_state",
     {{"{\"confirm\":" ASK("Please confirm", "ok", "boolean") "}", "sealed"}},
     CONTENT(TEXT("state-ok"))},
    {"test_input_required_result_multiple_inputs",
     {{"{\"user_name\":" ASK("What is your name?", "name", "string") ",\"greeting\":" SAMPLE(
           "Generate a greeting") ",\"client_roots\":" ROOTS "}",
       "all"}},
     CONTENT(TEXT("all there"))},
    {"test_input_required_result_multi_round",
     {{"{\"step1\":" ASK("Step 1: What is your name?", "name", "string") "}", "round 1"},
      {"{\"step2\":" ASK("Step 2: What is your favorite color?", "color", "string") "}",
       "round 2"}},
     CONTENT(TEXT("both rounds done"))},
    {"test_input_required_result_capabilities",
     {{"{\"user_name\":" ASK("What is your name?", "name",
                             "string") ",\"greeting\":" SAMPLE("Generate a greeting") "}",
       NULL}},
     CONTENT(TEXT("done"))},
    {"test_input_required_result_prompt",
     {{"{\"user_context\":" ASK("What context should the prompt use?", "context", "string") "}",
       NULL}},
     "{\"messages\":[" SAID(TEXT("with that context")) "]}"},
};

/* "elicitation" of "elicitation/create". */
static bool can(const struct mcp_call *call, const char *method)
{
    const json_t *can =
        json_object_get(json_object_get(call->params, "_meta"), MCP_META "clientCapabilities");
    return json_object_getn(can, method, strcspn(method, "/"));
}

/* But for what the client can't answer. */
static json_t *requests_of(const struct mcp_call *call, const struct wish *wish, size_t round)
{
    json_t *requests = json_of(wish->rounds[round].requests), *request;
    const char *key;
    void *safe;
    json_object_foreach_safe(requests, safe, key, request)
    {
        if (!can(call, json_string_value(json_object_get(request, "method"))))
            json_object_del(requests, key);
    }
    return requests;
}

static bool all_answered(const struct mcp_call *call, json_t *requests)
{
    const json_t *answers = json_object_get(call->params, "inputResponses");
    const char *key;
    json_t *request;
    json_object_foreach(requests, key, request)
    {
        if (!json_is_object(json_object_get(answers, key)))
            return false;
    }
    return true;
}

static void run_wish(struct mcp_call *call, const struct wish *wish)
{
    const json_t *state = json_object_get(call->params, "requestState");
    const char *told = json_string_value(state);
    size_t round = 0;
    while (told && round < ROUNDS_MAX && wish->rounds[round].state &&
           strcmp(wish->rounds[round].state, told) != 0)
        round++;
    if (told && (round == ROUNDS_MAX || !wish->rounds[round].state)) {
        call_error(call, RPC_INVALID_PARAMS, "this requestState is none of ours", NULL);
        return;
    }
    json_t *requests = requests_of(call, wish, round);
    bool first = wish->rounds[round].state && !told;
    if (!first && all_answered(call, requests)) {
        json_decref(requests);
        if (++round == ROUNDS_MAX || !wish->rounds[round].requests) {
            call_result(call, json_of(wish->result));
            return;
        }
        requests = requests_of(call, wish, round);
    }
    json_t *result =
        json_pack("{s:s,s:o}", "resultType", "input_required", "inputRequests", requests);
    if (wish->rounds[round].state)
        json_object_set_new(result, "requestState", json_string(wish->rounds[round].state));
    call_result(call, result);
}

static void run_missing(struct mcp_call *call)
{
    if (can(call, "sampling/createMessage"))
        call_result(call, said("it can"));
    else
        call_error(call, MISSING_CAPABILITY, "this tool samples",
                   json_pack("{s:{s:{}}}", "requiredCapabilities", "sampling"));
}

/* ── tools ── */

static const struct fixture {
    const char *name;
    const char *result; /* JSON; */
    void (*run)(struct mcp_call *call);
} fixtures[] = {
    {"test_simple_text", CONTENT(TEXT("This is a simple text response for testing.")), NULL},
    {"test_image_content", CONTENT(IMAGE), NULL},
    {"test_audio_content",
     CONTENT("{\"type\":\"audio\",\"mimeType\":\"audio/wav\",\"data\":\"" WAV "\"}"), NULL},
    {"test_embedded_resource",
     CONTENT(
         "{\"type\":\"resource\",\"resource\":{\"uri\":\"test://embedded-resource\",\"mimeType\":"
         "\"text/plain\",\"text\":\"This is an embedded resource content.\"}}"),
     NULL},
    {"test_multiple_content_types",
     CONTENT(TEXT(
         "Multiple content types test:") "," IMAGE
                                         ",{\"type\":\"resource\",\"resource\":{\"uri\":\"test://mixed-content-resource\","
                                         "\"mimeType\":\"application/json\",\"text\":\"{}\"}}"),
     NULL},
    {"test_error_handling",
     "{\"isError\":true,\"content\":[" TEXT(
         "This tool intentionally returns an error for testing") "]}",
     NULL},
    {"test_tool_with_progress", NULL, run_progress},
    {"test_tool_with_logging", NULL, run_logging},
    {"test_logging_tool", NULL, run_logging},
    {"test_missing_capability", NULL, run_missing},
    {"test_sampling", NULL, run_sampling},
    {"test_elicitation", NULL, run_elicitation},
    {"test_elicitation_sep1034_defaults", NULL, run_defaults},
    {"test_elicitation_sep1330_enums", NULL, run_enums},
};

static bool run_tool(struct mcp_call *call, const char *name)
{
    for (size_t i = 0; i < sizeof fixtures / sizeof *fixtures; i++) {
        if (strcmp(fixtures[i].name, name) != 0)
            continue;
        if (fixtures[i].run)
            fixtures[i].run(call);
        else
            call_result(call, json_of(fixtures[i].result));
        return true;
    }
    for (size_t i = 0; call->modern && i < sizeof wishes / sizeof *wishes; i++) {
        if (strcmp(wishes[i].name, name) != 0)
            continue;
        run_wish(call, &wishes[i]);
        return true;
    }
    return false;
}

/* ── resources and prompts ── */

static void tell_resource(struct mcp_call *call, const char *type, const char *kind,
                          const char *content)
{
    json_t *result =
        json_pack("{s:[{s:O,s:s,s:s}]}", "contents", "uri", json_object_get(call->params, "uri"),
                  "mimeType", type, kind, content);
    call_result(call, mcp_cached(call, result, MCP_LIST_TTL_MS, "public"));
}

static bool read_resource(struct mcp_call *call, const char *uri)
{
    char id[64], text[160];
    if (strcmp(uri, "test://static-text") == 0)
        tell_resource(call, "text/plain", "text",
                      "This is the content of the static text resource.");
    else if (strcmp(uri, "test://static-binary") == 0)
        tell_resource(call, "image/png", "blob", PNG);
    else if (sscanf(uri, "test://template/%63[^/]/data", id) == 1) {
        snprintf(text, sizeof text, "{\"id\":\"%s\",\"data\":\"Data for ID: %s\"}", id, id);
        tell_resource(call, "application/json", "text", text);
    } else
        return false;
    return true;
}

static bool get_prompt(struct mcp_call *call, const char *name)
{
    char text[512] = "";
    if (strcmp(name, "test_simple_prompt") == 0)
        snprintf(text, sizeof text, "{\"messages\":[%s]}",
                 SAID(TEXT("This is a simple prompt for testing.")));
    else if (strcmp(name, "test_prompt_with_arguments") == 0)
        snprintf(text, sizeof text,
                 "{\"messages\":[" SAID(TEXT("Prompt with arguments: arg1='%s', arg2='%s'")) "]}",
                 argument(call, "arg1"), argument(call, "arg2"));
    else if (strcmp(name, "test_prompt_with_embedded_resource") == 0)
        snprintf(text, sizeof text,
                 "{\"messages\":[" SAID(
                     "{\"type\":\"resource\",\"resource\":{\"uri\":\"%s\",\"mimeType\":"
                     "\"text/plain\",\"text\":\"Embedded resource content for testing.\"}}") "]}",
                 argument(call, "resourceUri"));
    else if (strcmp(name, "test_prompt_with_image") == 0)
        snprintf(text, sizeof text, "{\"messages\":[%s]}", SAID(IMAGE));
    else
        return run_tool(call, name); /* the one that wants input */
    call_result(call, json_of(text));
    return true;
}

/* ── the face ── */

static void announce(const struct mcp_call *call, json_t *capabilities)
{
    json_object_set_new(capabilities, "completions", json_object());
    if (!call->modern)
        json_object_set_new(capabilities, "logging", json_object());
}

static void list_tool(json_t *list, const char *name)
{
    if (strstr(name, "_prompt"))
        return;
    json_array_append_new(list,
                          json_pack("{s:s,s:s,s:{s:s}}", "name", name, "description",
                                    "Of the conformance suite", "inputSchema", "type", "object"));
}

static void list(const char *what, json_t *list)
{
    static const char *const prompts[] = {
        "test_simple_prompt", "test_prompt_with_arguments", "test_prompt_with_embedded_resource",
        "test_prompt_with_image", "test_input_required_result_prompt"};
    static const char *const uris[] = {"test://static-text", "test://static-binary",
                                       "test://watched-resource"};
    if (strcmp(what, "tools") == 0) {
        for (size_t i = 0; i < sizeof fixtures / sizeof *fixtures; i++)
            list_tool(list, fixtures[i].name);
        for (size_t i = 0; i < sizeof wishes / sizeof *wishes; i++)
            list_tool(list, wishes[i].name);
    } else if (strcmp(what, "prompts") == 0) {
        for (size_t i = 0; i < sizeof prompts / sizeof *prompts; i++)
            json_array_append_new(list, json_pack("{s:s,s:s}", "name", prompts[i], "description",
                                                  "Of the conformance suite"));
    } else if (strcmp(what, "resources") == 0) {
        for (size_t i = 0; i < sizeof uris / sizeof *uris; i++)
            json_array_append_new(list, json_pack("{s:s,s:s}", "uri", uris[i], "name", uris[i]));
    } else {
        json_array_append_new(list, json_pack("{s:s,s:s}", "uriTemplate",
                                              "test://template/{id}/data", "name", "template"));
    }
}

static bool run(struct mcp_call *call, const char *method)
{
    const char *name = json_string_value(json_object_get(call->params, "name"));
    const char *uri = json_string_value(json_object_get(call->params, "uri"));
    bool test = uri && strncmp(uri, "test://", 7) == 0;
    if (strcmp(method, "tools/call") == 0)
        return name && run_tool(call, name);
    if (strcmp(method, "prompts/get") == 0)
        return name && get_prompt(call, name);
    if (strcmp(method, "resources/read") == 0)
        return test && read_resource(call, uri);
    if (strcmp(method, "completion/complete") == 0)
        call_result(call,
                    json_of("{\"completion\":{\"values\":[],\"total\":0,\"hasMore\":false}}"));
    else if (!call->modern && (strcmp(method, "logging/setLevel") == 0 ||
                               (test && (strcmp(method, "resources/subscribe") == 0 ||
                                         strcmp(method, "resources/unsubscribe") == 0))))
        call_result(call, json_object());
    else
        return false;
    return true;
}

const struct mcp_more mcp_fixtures = {
    .announce = announce, .list = list, .run = run, .answered = answered};
