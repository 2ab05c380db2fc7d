#include "gateway/a2a_agent.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fetch/sse_reader.h"
#include "gateway/a2a_old.h"
#include "gateway/bounds.h"
#include "wire/shown.h"
#include "wire/text.h"

#define CARD_PATH     "/.well-known/agent-card.json"
#define SHORT_S       15L  /* for what is known at once */
#define LONG_S        600L /* for an answer that somebody has to think about */
#define HEADERS_MAX   32u
#define HTTP_TOO_MUCH 429
#define HTTP_NOT_NOW  503

struct a2a_ask {
    const struct a2a_agent *agent;
    enum a2a_question question;
    bool streams;
    struct http_fetch *fetch;
    struct a2a_ask_callbacks callbacks;
    void *data;
    struct text body; /* of an answer that is no stream */
    struct sse_reader events;
    bool *gone;    /* set when it is ended by its owner, within a callback */
    bool streamed; /* a stream came, or its beginning */
    bool said, failed, refused, kept_back;
    char why[A2A_WHY_SIZE];
};

/* ── what goes out ── */

/* As a path's segment. */
static void add_escaped(struct text *text, const char *segment)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";
    for (; *segment; segment++)
        text_addf(text, strchr(plain, *segment) ? "%c" : "%%%02X", (unsigned char)*segment);
}

static void add_stripped(struct text *text, const char *url)
{
    size_t len = strlen(url);
    while (len > 0 && url[len - 1] == '/')
        len--;
    text_add(text, (struct slice){url, len});
}

static void card_url(const struct a2a_agent *agent, struct text *url)
{
    size_t len = strlen(agent->url);
    bool whole = len > 5 && strcmp(agent->url + len - 5, ".json") == 0;
    add_stripped(url, agent->url);
    text_add_literal(url, whole ? "" : CARD_PATH);
}

static void rest_url(const struct a2a_ask *ask, const char *task, struct text *url)
{
    const struct a2a_face *face = &ask->agent->face;
    add_stripped(url, face->url);
    text_add_literal(url, face->old ? "/v1" : "");
    if (face->tenant[0]) {
        text_add_literal(url, "/");
        add_escaped(url, face->tenant);
    }
    if (ask->question == A2A_SEND) {
        text_add_literal(url, ask->streams ? "/message:stream" : "/message:send");
        return;
    }
    text_add_literal(url, "/tasks/");
    add_escaped(url, task);
    text_add_literal(url, ask->question == A2A_CANCEL ? ":cancel" : "?historyLength=0");
}

static json_t *params_new(const struct a2a_ask *ask, const json_t *subject)
{
    const struct a2a_face *face = &ask->agent->face;
    json_t *one = (json_t *)(uintptr_t)subject, *params;
    if (ask->question != A2A_SEND) {
        params = json_pack("{s:O}", "id", one);
        if (ask->question == A2A_GET && !face->rest)
            json_object_set_new(params, "historyLength", json_integer(0));
    } else if (face->old) {
        params = json_pack("{s:o,s:{s:b}}", "message",
                           face->rest ? a2a_old_bare_message(one) : a2a_old_message(one),
                           "configuration", "blocking", 0);
    } else {
        params =
            json_pack("{s:O,s:{s:b}}", "message", one, "configuration", "returnImmediately", 1);
    }
    if (face->tenant[0])
        json_object_set_new(params, "tenant", json_string(face->tenant));
    return params;
}

static const char *rpc_method(const struct a2a_ask *ask)
{
    bool old = ask->agent->face.old;
    switch (ask->question) {
    case A2A_GET:
        return old ? "tasks/get" : "GetTask";
    case A2A_CANCEL:
        return old ? "tasks/cancel" : "CancelTask";
    default:
        return ask->streams ? old ? "message/stream" : "SendStreamingMessage"
               : old        ? "message/send"
                            : "SendMessage";
    }
}

/* Owned (jansson's); NULL: there is none, or out of memory. */
static char *body_new(const struct a2a_ask *ask, const json_t *subject)
{
    bool rest = ask->agent->face.rest;
    if (ask->question == A2A_CARD || (rest && ask->question == A2A_GET))
        return NULL;
    json_t *params = params_new(ask, subject);
    if (!rest)
        params = json_pack("{s:s,s:i,s:s,s:o}", "jsonrpc", "2.0", "id", 1, "method",
                           rpc_method(ask), "params", params);
    char *body = json_dumps(params, JSON_COMPACT);
    json_decref(params);
    return body;
}

/* ── what comes ── */

static void fail(struct a2a_ask *ask, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The first word on it counts. */
static void fail(struct a2a_ask *ask, const char *format, ...)
{
    va_list arguments;
    if (ask->failed)
        return;
    ask->failed = true;
    va_start(arguments, format);
    vsnprintf(ask->why, sizeof ask->why, format, arguments);
    va_end(arguments);
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static void fail_error(struct a2a_ask *ask, const json_t *error, long status)
{
    const char *words = text_of(error, "message");
    json_int_t code = json_integer_value(json_object_get(error, "code"));
    ask->refused = true;
    fail(ask, "it answers with an error: %s (%lld)",
         *words ? SHOWN(words) : "it does not say which",
         code ? (long long)code : (long long)status);
}

/* Under the name that says what it is. Owned; NULL: it is nothing that is known. */
static json_t *event_new(const struct a2a_ask *ask, json_t *said)
{
    static const char *const kinds[][2] = {{"task", "task"},
                                           {"message", "message"},
                                           {"status-update", "statusUpdate"},
                                           {"artifact-update", "artifactUpdate"}};
    const char *kind = text_of(said, "kind");
    if (ask->question == A2A_CARD)
        return json_is_object(said) ? json_incref(said) : NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kind, kinds[i][0]) == 0)
            return json_pack("{s:O}", kinds[i][1], said);
        if (json_is_object(json_object_get(said, kinds[i][1])))
            return json_incref(said);
    }
    bool task = json_is_string(json_object_get(said, "id")) && json_object_get(said, "status");
    return task ? json_pack("{s:O}", "task", said) : NULL;
}

/* False: it was ended by its owner. */
static bool hand_on(struct a2a_ask *ask, const json_t *event)
{
    bool gone = false;
    ask->said = true;
    /* cppcheck-suppress autoVariables ; it is let go of below, or is gone itself */
    ask->gone = &gone;
    ask->callbacks.said(event, ask->data);
    if (!gone)
        ask->gone = NULL;
    return !gone;
}

/* An answer, or one event of a stream. False: it was ended by its owner. */
static bool take(struct a2a_ask *ask, struct slice text, long status)
{
    bool more = true, rpc = !ask->agent->face.rest && ask->question != A2A_CARD;
    json_t *read = json_loadb(text.at, text.len, JSON_ALLOW_NUL, NULL);
    json_t *error = json_object_get(read, "error"), *said = read;
    if (rpc)
        said = json_object_get(read, "result");
    if (json_is_object(error)) {
        fail_error(ask, error, status);
    } else if (status >= 300) {
        fail(ask, "it answers with HTTP status %ld%s%s", status,
             *text_of(read, "title") ? ": " : "", SHOWN(text_of(read, "title")));
    } else if (!read) {
        fail(ask, "what it answers is no JSON");
    } else {
        json_t *event = event_new(ask, said);
        if (!event)
            fail(ask, "it answers with what is no answer of A2A");
        else if (ask->agent->face.old && ask->question != A2A_CARD)
            a2a_old_read(event);
        more = !event || hand_on(ask, event);
        json_decref(event);
    }
    json_decref(read);
    return more;
}

static void finish(struct a2a_ask *ask, const struct a2a_end *end)
{
    struct a2a_ask_callbacks callbacks = ask->callbacks;
    struct a2a_end last = *end;
    char why[A2A_WHY_SIZE];
    void *data = ask->data;
    snprintf(why, sizeof why, "%s", end->why);
    last.why = why;
    ask->fetch = NULL;
    a2a_ask_end(ask);
    callbacks.done(&last, data);
}

/* Of a stream, that has to be cut. */
static void give_up(struct a2a_ask *ask)
{
    struct http_fetch *fetch = ask->fetch;
    http_fetch_end(fetch);
    finish(ask, &(struct a2a_end){.refused = ask->refused, .sent = true, .why = ask->why});
}

static void on_came(struct slice bytes, void *data)
{
    struct a2a_ask *ask = data;
    struct slice event;
    int got;
    if (strncmp(http_fetch_type(ask->fetch), "text/event-stream", 17) != 0) {
        text_add(&ask->body, bytes);
        if (ask->body.len > A2A_ANSWER_MAX || ask->body.failed) {
            fail(ask, "its answer has more than %u MiB", A2A_ANSWER_MAX >> 20);
            give_up(ask);
        }
        return;
    }
    ask->streamed = true;
    while (!ask->failed && (got = sse_next(&ask->events, &bytes, &event)) != 0) {
        if (got < 0)
            fail(ask, "an event of its stream has more than %u MiB", A2A_ANSWER_MAX >> 20);
        else if (!take(ask, event, 200))
            return;
    }
    if (ask->failed)
        give_up(ask);
}

static void on_done(const struct http_end *end, void *data)
{
    struct a2a_ask *ask = data;
    bool busy = end->status == HTTP_TOO_MUCH || end->status == HTTP_NOT_NOW;
    ask->fetch = NULL; /* it goes by itself */
    if (ask->kept_back)
        fail(ask, "what is to be shown to it is not shown without TLS to another machine");
    if (end->whole && ask->streamed && !ask->said)
        fail(ask, "its stream ended before it said anything");
    else if (end->whole && (ask->body.len > 0 || !ask->said) &&
             !take(ask, text_slice(&ask->body), end->status))
        return;
    if (!end->whole)
        fail(ask, "%s", end->status || end->sent ? "it broke off" : end->why);
    finish(ask, &(struct a2a_end){.good = !ask->failed,
                                  .away = ask->failed && !ask->said && !ask->kept_back &&
                                          (!end->sent || busy),
                                  .refused = ask->refused && !busy,
                                  .sent = end->sent && !busy,
                                  .why = ask->why});
}

/* What is to be shown goes to others without TLS no more than a token does. */
static bool on_permit(const struct sockaddr *address, void *data)
{
    struct a2a_ask *ask = data;
    const char *url = ask->question == A2A_CARD ? ask->agent->url : ask->agent->face.url;
    if (!ask->agent->headers || !*ask->agent->headers || strncasecmp(url, "https:", 6) == 0)
        return true;
    const struct sockaddr_in *four = (const void *)address;
    const struct sockaddr_in6 *six = (const void *)address;
    bool near = address->sa_family == AF_INET    ? ntohl(four->sin_addr.s_addr) >> 24 == 127
                : address->sa_family == AF_INET6 ? IN6_IS_ADDR_LOOPBACK(&six->sin6_addr)
                                                 : false;
    ask->kept_back = ask->kept_back || !near;
    return near;
}

/* ── a question ── */

static void headers_fill(const struct a2a_ask *ask, const char *lines[HEADERS_MAX])
{
    bool card = ask->question == A2A_CARD;
    size_t count = 0;
    lines[count++] = ask->streams ? "Accept: text/event-stream, application/json"
                                  : "Accept: application/json, application/a2a+json";
    if (!card)
        lines[count++] = ask->agent->face.old ? "A2A-Version: 0.3" : "A2A-Version: 1.0";
    if (!card)
        lines[count++] = "Content-Type: application/json";
    const char *const *own = ask->agent->headers;
    while (own && *own && count < HEADERS_MAX - 1)
        lines[count++] = *own++;
    lines[count] = NULL;
}

struct a2a_ask *a2a_ask(const struct a2a_agent *agent, enum a2a_question question,
                        const json_t *subject, const struct a2a_ask_callbacks *callbacks,
                        void *data)
{
    struct a2a_ask *ask = calloc(1, sizeof *ask);
    const char *headers[HEADERS_MAX];
    struct text url = {0};
    if (!ask)
        return NULL;
    *ask = (struct a2a_ask){.agent = agent,
                            .question = question,
                            .streams = question == A2A_SEND && agent->face.streams,
                            .callbacks = *callbacks,
                            .data = data,
                            .events = {.most = A2A_ANSWER_MAX}};
    bool reads = question == A2A_CARD || (agent->face.rest && question == A2A_GET);
    char *body = body_new(ask, subject);
    if (question == A2A_CARD)
        card_url(agent, &url);
    else if (agent->face.rest)
        rest_url(ask, json_string_value(subject), &url);
    else
        text_add_literal(&url, agent->face.url);
    text_add(&url, (struct slice){"", 1});
    headers_fill(ask, headers);
    if (!url.failed && (reads || body))
        ask->fetch = http_fetch_new(agent->client,
                                    &(struct http_wish){.method = reads ? "GET" : "POST",
                                                        .url = url.at,
                                                        .headers = headers,
                                                        .body = body,
                                                        .ca = agent->ca,
                                                        .timeout_s = question != A2A_SEND ? SHORT_S
                                                                     : ask->streams       ? 0
                                                                                          : LONG_S,
                                                        .permit = on_permit,
                                                        .came = on_came,
                                                        .done = on_done,
                                                        .data = ask});
    text_free(&url);
    free(body);
    if (ask->fetch)
        return ask;
    free(ask);
    return NULL;
}

void a2a_ask_end(struct a2a_ask *ask)
{
    if (!ask)
        return;
    if (ask->gone)
        *ask->gone = true;
    http_fetch_end(ask->fetch);
    sse_reader_free(&ask->events);
    text_free(&ask->body);
    free(ask);
}
