/* The two bindings of A2A, JSON-RPC and HTTP+JSON: how a request names its method and parameters,
 * and how an answer, an error or a stream is written in each. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "gateway/a2a_inside.h"
#include "gateway/bounds.h"
#include "gateway/http_head.h"
#include "gateway/rpc.h"
#include "wire/json.h"
#include "wire/shown.h"

#define REST_TYPE    "application/a2a+json"
#define SENTENCE_MAX 512u

/* ── answers ── */

static const struct {
    int code;
    unsigned status;
    const char *grpc, *reason;
} errors[] = {
#define X(name, code, status, grpc, reason) [A2A_##name] = {code, status, grpc, reason},
    A2A_ERRORS(X)
#undef X
};

/* json is taken. */
static void reply(struct a2a_call *call, unsigned status, const char *type, json_t *json)
{
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    struct http_request *request = call->request;
    http_request_on_gone(request, NULL, NULL);
    if (text)
        http_reply(request, status, type, slice_of(text));
    else
        http_reply_error(request, 503, "out of memory");
    free(text);
    json_decref(json);
    a2a_call_free(call);
}

void a2a_reply_kept(struct a2a_call *call, const char *type, json_t *json, unsigned seconds)
{
    char *text = json ? json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS) : strdup("");
    unsigned char hash[16];
    char hex[2 * sizeof hash + 1], etag[sizeof hex + 2];
    crypto_generichash(hash, sizeof hash, (const unsigned char *)text, text ? strlen(text) : 0,
                       NULL, 0);
    hex_format(hash, sizeof hash, hex);
    snprintf(etag, sizeof etag, "\"%s\"", hex);
    free(text);
    http_reply_header(call->request, "Vary", slice_of("Authorization, Host"));
    if (!http_reply_tagged(call->request, etag, seconds)) {
        reply(call, 200, type, json);
        return;
    }
    json_decref(json);
    http_request_on_gone(call->request, NULL, NULL);
    http_reply(call->request, 304, NULL, (struct slice){NULL, 0});
    a2a_call_free(call);
}

void a2a_reply(struct a2a_call *call, json_t *result)
{
    if (call->binding == A2A_RPC)
        reply(call, 200, "application/json", rpc_result(call->id, result));
    else
        reply(call, 200, REST_TYPE, result);
}

void a2a_reply_task(struct a2a_call *call, json_t *task)
{
    if (call->old)
        task = a2a_old_task(task);
    else if (call->method->run == a2a_send)
        task = json_pack("{s:o}", "task", task);
    a2a_reply(call, task);
}

/* An ErrorInfo, in an array. */
static json_t *details_new(enum a2a_error error)
{
    return json_pack("[{s:s,s:s,s:s}]", "@type", "type.googleapis.com/google.rpc.ErrorInfo",
                     "reason", errors[error].reason, "domain", "a2a-protocol.org");
}

/* As the binding has it; of HTTP+JSON it is a google.rpc.Status. */
static json_t *error_new(const struct a2a_call *call, enum a2a_error error, const char *sentence)
{
    if (call->binding == A2A_RPC)
        return rpc_error(call->id, errors[error].code, sentence, details_new(error));
    return json_pack("{s:{s:i,s:s,s:s,s:o}}", "error", "code", (int)errors[error].status, "status",
                     errors[error].grpc, "message", sentence, "details", details_new(error));
}

void a2a_refuse(struct a2a_call *call, enum a2a_error error, const char *format, ...)
{
    char sentence[SENTENCE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    json_t *json = error_new(call, error, sentence);
    unsigned status = errors[error].status;
    if (call->streaming) {
        if (a2a_stream(call, json))
            a2a_stream_end(call);
        return;
    }
    if (status == 503 || status == 429)
        http_reply_header(call->request, "Retry-After", slice_of("1"));
    if (call->binding == A2A_RPC && error != A2A_CONTENT_TYPE_NOT_SUPPORTED)
        status = 200;
    reply(call, status, "application/json", json);
}

void a2a_refused(struct a2a_call *call, const struct agent_answer *answer)
{
    if (strcmp(answer->code, "unauthorized") == 0 && !call->streaming) {
        http_request_on_gone(call->request, NULL, NULL);
        http_reply_unauthorized(call->request, answer->why);
        a2a_call_free(call);
    } else {
        a2a_refuse(call, a2a_error_of(answer), "%s", answer->why);
    }
}

bool a2a_stream(struct a2a_call *call, json_t *event)
{
    bool error = json_object_get(event, "error");
    if (!error && call->old)
        event = a2a_old_event(event);
    if (!error && call->binding == A2A_RPC)
        event = rpc_result(call->id, event);
    char *text = event ? json_dumps(event, JSON_COMPACT) : NULL;
    json_decref(event);
    bool good = text && (call->streaming || http_stream_begin(call->request));
    call->streaming = true;
    good = good &&
           http_stream_event(call->request, error ? slice_of("error") : (struct slice){NULL, 0},
                             (struct slice){NULL, 0}, slice_of(text));
    free(text);
    if (!good)
        a2a_call_free(call); /* the request is no more */
    return good;
}

void a2a_stream_end(struct a2a_call *call)
{
    http_request_on_gone(call->request, NULL, NULL);
    http_stream_end(call->request);
    a2a_call_free(call);
}

/* ── what is asked for ── */

static const struct a2a_method methods[] = {
    {"SendMessage", "message/send", a2a_send, false},
    {"SendStreamingMessage", "message/stream", a2a_send, true},
    {"GetTask", "tasks/get", a2a_get, false},
    {"ListTasks", NULL, a2a_list, false},
    {"CancelTask", "tasks/cancel", a2a_cancel, false},
    {"SubscribeToTask", "tasks/resubscribe", a2a_subscribe, true},
    {"GetExtendedAgentCard", "agent/getAuthenticatedExtendedCard", a2a_extended_card, false},
    {"CreateTaskPushNotificationConfig", "tasks/pushNotificationConfig/set", a2a_push, false},
    {"GetTaskPushNotificationConfig", "tasks/pushNotificationConfig/get", a2a_push, false},
    {"ListTaskPushNotificationConfigs", "tasks/pushNotificationConfig/list", a2a_push, false},
    {"DeleteTaskPushNotificationConfig", "tasks/pushNotificationConfig/delete", a2a_push, false},
};

const struct a2a_method *a2a_method_find(const char *name, bool old)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        const char *its = old ? methods[i].old : methods[i].name;
        if (its && strcmp(its, name) == 0)
            return &methods[i];
    }
    return NULL;
}

/* Which version it speaks: nothing means 0.3. False, and it was refused. */
static bool version_read(struct a2a_call *call)
{
    char query[16], version[16];
    struct slice said = http_request_header(call->request, "a2a-version");
    if (!said.len && http_request_query(call->request, "A2A-Version", query, sizeof query))
        said = slice_of(query);
    snprintf(version, sizeof version, "%.*s", SLICE_FORMAT(said));
    call->old = !version[0] || strcmp(version, A2A_OLD_VERSION) == 0;
    if (call->old ? call->binding == A2A_RPC : strcmp(version, A2A_VERSION) == 0)
        return true;
    a2a_refuse(call, A2A_VERSION_NOT_SUPPORTED,
               "A2A-Version %s is not spoken here: " A2A_VERSION
               " is, and over JSON-RPC " A2A_OLD_VERSION,
               version[0] ? SHOWN(version) : "(none, which means " A2A_OLD_VERSION ")");
    return false;
}

/* Whose it is, by its path and its parameters. */
static bool tenant_agree(struct a2a_call *call)
{
    const char *named = a2a_text(call, "tenant");
    if (strlen(named) > WIRE_ID_MAX ||
        (*named && call->tenant[0] && strcmp(named, call->tenant) != 0)) {
        a2a_refuse(call, A2A_INVALID_PARAMS, "tenant is too long, or another than in the path");
        return false;
    }
    if (*named)
        snprintf(call->tenant, sizeof call->tenant, "%s", named);
    return true;
}

static void run(struct a2a_call *call)
{
    if (tenant_agree(call))
        call->method->run(call);
}

/* ── JSON-RPC ── */

static void rpc_run(struct a2a_call *call, const char *method)
{
    const char *why = NULL;
    if (!version_read(call))
        return;
    call->method = a2a_method_find(method, call->old);
    if (!call->method) {
        a2a_refuse(call, A2A_METHOD_NOT_FOUND, "A2A %s has no method %s%s",
                   call->old ? A2A_OLD_VERSION : A2A_VERSION, SHOWN(method),
                   a2a_method_find(method, !call->old) ? ": A2A-Version says which is spoken" : "");
        return;
    }
    if (call->old)
        call->params = a2a_old_params(call->method, call->params, &why);
    if (why)
        a2a_refuse(call, A2A_INVALID_PARAMS, "%s", why);
    else
        run(call);
}

static void rpc(struct a2a_call *call)
{
    struct rpc_message message;
    json_t *error = NULL;
    call->binding = A2A_RPC;
    if (!http_type_is(http_request_header(call->request, "content-type"), "application/json")) {
        a2a_refuse(call, A2A_CONTENT_TYPE_NOT_SUPPORTED,
                   "the body's Content-Type must be application/json");
        return;
    }
    if (rpc_parse(http_request_body(call->request), &message, &error) < 0) {
        reply(call, 200, "application/json", error);
        return;
    }
    char *method = strdup(message.method ? message.method : "");
    call->id = json_incref(message.id);
    call->params = message.params ? json_incref(message.params) : json_object();
    rpc_free(&message);
    if (!call->id || !method || !*method)
        a2a_refuse(call, A2A_INVALID_REQUEST, "a request must have a method and an id");
    else
        rpc_run(call, method);
    free(method);
}

/* ── HTTP+JSON ── */

/* What may stand in a query. */
static const struct {
    const char *name;
    enum { AS_TEXT, AS_WHOLE, AS_FLAG } as;
} queries[] = {
    {"tenant", AS_TEXT},           {"contextId", AS_TEXT},
    {"status", AS_TEXT},           {"pageSize", AS_WHOLE},
    {"pageToken", AS_TEXT},        {"historyLength", AS_WHOLE},
    {"includeArtifacts", AS_FLAG}, {"statusTimestampAfter", AS_TEXT},
};

static void query_read(struct a2a_call *call)
{
    char text[SENTENCE_MAX], *end;
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        json_t *value = NULL;
        if (!http_request_query(call->request, queries[i].name, text, sizeof text))
            continue;
        long long whole = strtoll(text, &end, 10);
        if (queries[i].as == AS_WHOLE && *text && !*end)
            value = json_integer(whole);
        else if (queries[i].as == AS_FLAG && (!strcmp(text, "true") || !strcmp(text, "false")))
            value = json_boolean(*text == 't');
        json_object_set_new(call->params, queries[i].name, value ? value : json_string(text));
    }
}

/* The body's object. False, and it was refused. */
static bool body_read(struct a2a_call *call)
{
    struct slice body = http_request_body(call->request);
    struct slice type = http_request_header(call->request, "content-type");
    json_error_t fault;
    size_t at;
    if (body.len == 0)
        return true;
    if (!http_type_is(type, "application/json") && !http_type_is(type, REST_TYPE)) {
        a2a_refuse(call, A2A_CONTENT_TYPE_NOT_SUPPORTED,
                   "the body's Content-Type must be application/json or " REST_TYPE);
        return false;
    }
    json_t *root =
        json_check(body, RPC_DEPTH_MAX, &at) == JSON_FINE
            ? json_loadb(body.at, body.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &fault)
            : NULL;
    if (json_is_object(root)) {
        json_object_update(call->params, root);
        json_decref(root);
        return true;
    }
    json_decref(root);
    a2a_refuse(call, A2A_INVALID_PARAMS, "the body must be one JSON object");
    return false;
}

/* What the path names: a task, what is to be done with it (behind a ':'), one of its
 * configurations. NULL: it can't be. */
static const char *path_read(struct a2a_call *call)
{
    unsigned at = strncmp(call->route->path, A2A_TENANT, strlen(A2A_TENANT)) == 0;
    struct slice id = http_request_param(call->request, at);
    struct slice config = http_request_param(call->request, at + 1);
    const char *name = call->route->name;
    const char *colon = id.len ? memchr(id.at, ':', id.len) : NULL;
    if (strcmp(name, ":") == 0) {
        struct slice verb = colon ? (struct slice){colon, (size_t)(id.at + id.len - colon)}
                                  : (struct slice){NULL, 0};
        bool get = strcmp(call->route->method, "GET") == 0;
        name = slice_is(verb, ":subscribe")        ? "SubscribeToTask"
               : slice_is(verb, ":cancel") && !get ? "CancelTask"
               : !colon && get                     ? "GetTask"
                                                   : NULL;
        id.len -= verb.len;
    }
    bool of_push = config.len || strstr(call->route->path, "pushNotificationConfigs");
    if (id.len)
        json_object_set_new(call->params, of_push ? "taskId" : "id", json_stringn(id.at, id.len));
    if (config.len)
        json_object_set_new(call->params, "id", json_stringn(config.at, config.len));
    return name;
}

static void rest(struct a2a_call *call)
{
    call->binding = A2A_REST;
    call->params = json_object();
    query_read(call);
    if (!version_read(call) || !body_read(call))
        return;
    const char *name = path_read(call);
    call->method = name ? a2a_method_find(name, false) : NULL;
    if (call->method)
        run(call);
    else
        a2a_refuse(call, A2A_METHOD_NOT_FOUND, "nothing is to be found there by this method");
}

/* Under both paths. The shorter one stands first: what it names is no tenant. */
#define BOTH(method, path, name)                                                                   \
    {method, "/a2a" path, rest, false, RPC_LINE_MAX, name},                                        \
    {                                                                                              \
        method, A2A_TENANT path, rest, false, RPC_LINE_MAX, name                                   \
    }
#define CONFIGS "/tasks/{id}/pushNotificationConfigs"

const struct a2a_route a2a_binding_routes[] = {
    {"POST", "/a2a", rpc, false, RPC_LINE_MAX, NULL},
    BOTH("POST", "/message:send", "SendMessage"),
    BOTH("POST", "/message:stream", "SendStreamingMessage"),
    BOTH("GET", "/tasks", "ListTasks"),
    BOTH("GET", "/tasks/{id}", ":"),
    BOTH("POST", "/tasks/{id}", ":"),
    BOTH("GET", "/extendedAgentCard", "GetExtendedAgentCard"),
    BOTH("POST", CONFIGS, "CreateTaskPushNotificationConfig"),
    BOTH("GET", CONFIGS, "ListTaskPushNotificationConfigs"),
    BOTH("GET", CONFIGS "/{config}", "GetTaskPushNotificationConfig"),
    BOTH("DELETE", CONFIGS "/{config}", "DeleteTaskPushNotificationConfig"),
    {"POST", A2A_TENANT, rpc, false, RPC_LINE_MAX, NULL},
    {0},
};
