/* The conformance script's driver of libkhub: what it is told and what it prints is in README.md.
 * Links are in a loop of poll; a link's callbacks are its handler. */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "khub.h"

#define LINKS_MAX 32u
#define LIST_MAX  32u
#define ASKED_MAX 64u

/* A question of a link's: what the client has no call for, the driver matches itself. */
struct asked {
    char *tag;
    char message_id[37];
    bool claims;
};

struct driven {
    char *as;
    struct khub *link;
    char code[64];       /* of the last error that the hub sent */
    json_t *refusal;     /* its payload */
    const char *refused; /* what it answers */
    struct asked asked[ASKED_MAX];
};

static struct driven links[LINKS_MAX];

static const char *error_name(int error)
{
    switch (error) {
    case KHUB_E_ARGUMENT:
    case KHUB_E_ADDRESS:
        return "argument";
    case KHUB_E_TOO_LONG:
        return "too_long";
    case KHUB_E_FULL:
        return "full";
    case KHUB_E_REFUSED:
        return "refused";
    case KHUB_E_UNTRUSTED:
        return "untrusted";
    case KHUB_E_CLOSED:
        return "closed";
    default:
        return "unreachable";
    }
}

/* Prints and lets go. */
static void tell(const struct driven *driven, const char *event, json_t *members)
{
    json_object_set_new(members, "as", json_string(driven->as));
    json_object_set_new(members, "event", json_string(event));
    json_dumpf(members, stdout, JSON_COMPACT);
    putchar('\n');
    fflush(stdout);
    json_decref(members);
}

static void tell_failed(const struct driven *driven, const char *event, const char *tag, int error)
{
    tell(driven, event, json_pack("{s:s, s:s}", "tag", tag, "error", error_name(error)));
}

static struct driven *driven_find(const char *as)
{
    for (unsigned i = 0; i < LINKS_MAX; i++)
        if (as && links[i].as && strcmp(links[i].as, as) == 0)
            return &links[i];
    return NULL;
}

static json_t *position_of(const struct khub *link)
{
    unsigned part = khub_read_count(link);
    return json_pack("[I, i]", (json_int_t)khub_read_seq(link) + (part > 0), (int)part);
}

/* ── what comes ── */

static struct asked *asked_find(struct driven *driven, json_t *payload)
{
    const char *reply = json_string_value(json_object_get(payload, "in_reply_to"));
    for (unsigned i = 0; reply && i < ASKED_MAX; i++)
        if (driven->asked[i].tag && strcmp(driven->asked[i].message_id, reply) == 0)
            return &driven->asked[i];
    return NULL;
}

static void asked_done(struct asked *asked)
{
    free(asked->tag);
    asked->tag = NULL;
}

/* True: it answers this link, and is no message of others. */
static bool take_answer(struct driven *driven, const char *type, json_t *payload)
{
    struct asked *asked = asked_find(driven, payload);
    bool is_lease = strcmp(type, "lease") == 0, is_error = strcmp(type, "error") == 0;
    size_t len = strlen(type);
    if (asked && asked->claims && is_lease) {
        const char *holder = json_string_value(json_object_get(payload, "holder"));
        tell(driven, "claimed",
             json_pack("{s:s, s:b, s:s, s:O}", "tag", asked->tag, "mine",
                       strcmp(holder, khub_ai_id(driven->link)) == 0, "holder", holder, "fence",
                       json_object_get(payload, "fence")));
        asked_done(asked);
        return false; /* others see it as well */
    }
    if (asked && is_error) {
        tell(driven, asked->claims ? "claimed" : "answer",
             json_pack("{s:s, s:s, s:s, s:O}", "tag", asked->tag, "error", "refused", "code",
                       driven->code, "payload", payload));
        asked_done(asked);
        return true;
    }
    if (asked && len > 7 && strcmp(type + len - 7, "_result") == 0) {
        tell(driven, "answer", json_pack("{s:s, s:O}", "tag", asked->tag, "payload", payload));
        asked_done(asked);
        return true;
    }
    return false;
}

static void on_message(struct khub *link, const struct khub_message *message, void *data)
{
    struct driven *driven = data;
    const char *type = message->type.at;
    if (strcmp(type, "training_sync") == 0 || strcmp(type, "heartbeat") == 0 ||
        strcmp(type, "ack") == 0)
        return;
    json_t *payload = json_loads(message->payload.at, JSON_ALLOW_NUL, NULL);
    if (!payload) /* jansson can't read each number that libkhub hands on */
        payload = json_object();
    if (strcmp(type, "error") == 0) {
        const char *code = json_string_value(json_object_get(payload, "code"));
        snprintf(driven->code, sizeof driven->code, "%s", code ? code : "");
        json_decref(driven->refusal);
        driven->refusal = json_incref(payload);
        driven->refused = json_string_value(json_object_get(payload, "in_reply_to"));
    }
    bool answered = take_answer(driven, type, payload) ||
                    (strcmp(type, "error") == 0 && driven->refused && message->seq == 0);
    json_t *position = message->seq ? position_of(link) : json_null();
    if (!answered)
        tell(driven, "message",
             json_pack("{s:s, s:s, s:s*, s:O, s:I, s:o}", "type", type, "sender",
                       message->sender_id.at, "target",
                       message->target_ai.len ? message->target_ai.at : NULL, "payload", payload,
                       "seq", (json_int_t)message->seq, "position", position));
    json_decref(payload);
}

static void on_state(struct khub *link, enum khub_state state, int error, const char *detail,
                     void *data)
{
    struct driven *driven = data;
    (void)link;
    tell(driven, "state",
         json_pack("{s:s, s:s?, s:s, s:s}", "state", khub_state_text(state), "error",
                   error ? error_name(error) : NULL, "code",
                   error == KHUB_E_REFUSED || error == KHUB_E_UNREACHABLE ? driven->code : "",
                   "detail", detail));
}

static void on_outcome(struct khub *link, const struct khub_outcome *outcome, void *data)
{
    struct driven *driven = khub_data(link);
    char *tag = data;
    if (outcome->error == 0)
        tell(driven, "outcome",
             json_pack("{s:s, s:I, s:b, s:b}", "tag", tag, "seq", (json_int_t)outcome->seq,
                       "delivered", outcome->delivered, "stored", outcome->stored));
    else
        tell(driven, "outcome",
             json_pack("{s:s, s:s, s:s, s:O?}", "tag", tag, "error", error_name(outcome->error),
                       "code", outcome->code, "payload",
                       outcome->error == KHUB_E_REFUSED ? driven->refusal : NULL));
    free(tag);
}

/* ── what is told ── */

static const char *text_of(json_t *command, const char *name)
{
    return json_string_value(json_object_get(command, name));
}

static unsigned number_of(json_t *command, const char *name)
{
    return (unsigned)json_integer_value(json_object_get(command, name));
}

/* NULL-terminated; the strings are the array's. */
static const char *const *list_of(json_t *array, const char *list[LIST_MAX])
{
    size_t count = json_array_size(array) < LIST_MAX - 1 ? json_array_size(array) : LIST_MAX - 1;
    for (size_t i = 0; i < count; i++)
        list[i] = json_string_value(json_array_get(array, i));
    list[count] = NULL;
    return list;
}

static void do_join(struct driven *driven, json_t *command)
{
    const char *capabilities[LIST_MAX], *address = text_of(command, "address");
    json_t *since = json_object_get(command, "since");
    unsigned part = (unsigned)json_integer_value(json_array_get(since, 1));
    const struct khub_tls tls = {.ca = text_of(command, "ca"),
                                 .fingerprint = text_of(command, "fingerprint")};
    struct khub_options options = {
        .address = address,
        .ai_id = text_of(command, "ai_id"),
        .room = text_of(command, "room"),
        .specialization = text_of(command, "specialization"),
        .capabilities = list_of(json_object_get(command, "capabilities"), capabilities),
        .observer = json_is_true(json_object_get(command, "observer")),
        .stays_s = number_of(command, "stays_s"),
        .resume_token = text_of(command, "resume_token"),
        .token = text_of(command, "token"),
        .tls = address && strncmp(address, "khubs:", 6) == 0 ? &tls : NULL,
        .retries = (int)number_of(command, "retries"),
        .retry_first_ms = number_of(command, "retry_first_ms"),
        .retry_max_ms = number_of(command, "retry_max_ms"),
        .heartbeat_ms = number_of(command, "heartbeat_ms"),
        .acks = true,
        .resume = true,
        .resume_last = json_is_string(since),
        .since = (uint64_t)json_integer_value(json_array_get(since, 0)) - (part > 0),
        .since_count = part,
        .data = driven,
    };
    const struct khub_callbacks callbacks = {.message = on_message, .state = on_state};
    int error = khub_new(&options, &callbacks, &driven->link);
    if (error < 0)
        tell(driven, "state",
             json_pack("{s:s, s:s, s:s, s:s}", "state", "ended", "error", error_name(error), "code",
                       "", "detail", khub_error_text(error)));
}

static void do_publish(struct driven *driven, json_t *command)
{
    char *payload = json_dumps(json_object_get(command, "payload"), JSON_COMPACT);
    char *tag = strdup(text_of(command, "tag"));
    const char *message_id = text_of(command, "message_id"), *type = text_of(command, "type");
    const char *target = text_of(command, "target");
    int error =
        message_id
            ? khub_publish_as(driven->link, message_id, type, payload, target, on_outcome, tag)
            : khub_publish_acked(driven->link, type, payload, target, on_outcome, tag, NULL);
    if (error < 0) {
        tell_failed(driven, "outcome", tag, error);
        free(tag);
    }
    free(payload);
}

static void do_ask(struct driven *driven, json_t *command, const char *type, json_t *body)
{
    bool claims = strcmp(type, "lease_request") == 0;
    struct asked *asked = driven->asked;
    while (asked->tag && asked < driven->asked + ASKED_MAX - 1)
        asked++;
    char *payload = json_dumps(body, JSON_COMPACT);
    asked_done(asked);
    asked->tag = strdup(text_of(command, "tag"));
    asked->claims = claims;
    int error = khub_publish(driven->link, type, payload, NULL, asked->message_id);
    if (error < 0) {
        tell_failed(driven, claims ? "claimed" : "answer", asked->tag, error);
        asked_done(asked);
    }
    free(payload);
}

static void do_claim(struct driven *driven, json_t *command)
{
    json_t *body =
        json_pack("{s:O, s:O, s:O*}", "key", json_object_get(command, "key"), "ttl_s",
                  json_object_get(command, "ttl_s"), "intent", json_object_get(command, "intent"));
    do_ask(driven, command, "lease_request", body);
    json_decref(body);
}

static void do_where(struct driven *driven)
{
    tell(driven, "where",
         json_pack("{s:o, s:s, s:i}", "position", position_of(driven->link), "resume_token",
                   khub_resume_token(driven->link), "stays", (int)khub_stays(driven->link)));
}

static void driven_free(struct driven *driven)
{
    khub_free(driven->link);
    for (unsigned i = 0; i < ASKED_MAX; i++)
        free(driven->asked[i].tag);
    json_decref(driven->refusal);
    free(driven->as);
    *driven = (struct driven){0};
}

/* The place of a link that is to be made: that of one that has ended, or of the same name, which
 * are let go. */
static struct driven *driven_new(const char *as)
{
    for (unsigned i = 0; i < LINKS_MAX; i++)
        if (links[i].as && (strcmp(links[i].as, as) == 0 || !links[i].link ||
                            khub_link_state(links[i].link) == KHUB_ENDED))
            driven_free(&links[i]);
    for (unsigned i = 0; i < LINKS_MAX; i++)
        if (!links[i].as) {
            links[i].as = strdup(as);
            return &links[i];
        }
    fprintf(stderr, "driver_c: too many links\n");
    exit(2);
}

static void obey(const char *line)
{
    json_t *command = json_loads(line, JSON_ALLOW_NUL, NULL);
    const char *what = text_of(command, "do"), *as = text_of(command, "as");
    if (!what || !as) {
        fprintf(stderr, "driver_c: what is %s?\n", line);
        exit(2);
    }
    struct driven *driven = strcmp(what, "join") == 0 ? driven_new(as) : driven_find(as);
    if (!driven || (!driven->link && strcmp(what, "join") != 0)) {
        fprintf(stderr, "driver_c: who is %s?\n", as);
        exit(2);
    }
    if (strcmp(what, "join") == 0)
        do_join(driven, command);
    else if (strcmp(what, "publish") == 0)
        do_publish(driven, command);
    else if (strcmp(what, "claim") == 0)
        do_claim(driven, command);
    else if (strcmp(what, "ask") == 0)
        do_ask(driven, command, text_of(command, "type"), json_object_get(command, "payload"));
    else if (strcmp(what, "where") == 0)
        do_where(driven);
    else if (strcmp(what, "close") == 0 && json_is_true(json_object_get(command, "leave")))
        khub_leave(driven->link);
    else if (strcmp(what, "close") == 0)
        khub_close(driven->link);
    json_decref(command);
}

/* ── the loop ── */

/* Obeys the whole lines that came. False at the end of stdin. */
static bool stdin_take(void)
{
    static char *kept;
    static size_t len, capacity;
    if (capacity - len < 65536) {
        capacity += len + 65536;
        kept = realloc(kept, capacity);
        if (!kept)
            exit(2);
    }
    ssize_t got = read(STDIN_FILENO, kept + len, capacity - len - 1);
    if (got <= 0) {
        free(kept);
        return got < 0 && errno == EINTR;
    }
    len += (size_t)got;
    kept[len] = '\0';
    char *line = kept, *end;
    while ((end = memchr(line, '\n', len - (size_t)(line - kept)))) {
        *end = '\0';
        obey(line);
        line = end + 1;
    }
    len -= (size_t)(line - kept);
    memmove(kept, line, len);
    return true;
}

int main(void)
{
    for (bool more = true; more;) {
        struct pollfd polled[LINKS_MAX + 1] = {{.fd = STDIN_FILENO, .events = POLLIN}};
        int timeout = -1;
        for (unsigned i = 0; i < LINKS_MAX; i++) {
            const struct khub *link = links[i].link;
            polled[i + 1].fd = -1;
            if (!link || khub_link_state(link) == KHUB_ENDED)
                continue;
            int wanted = khub_timeout_ms(link);
            polled[i + 1].fd = khub_fd(link);
            polled[i + 1].events = (short)(POLLIN | (khub_wants_write(link) ? POLLOUT : 0));
            if (wanted >= 0 && (timeout < 0 || wanted < timeout))
                timeout = wanted;
        }
        if (poll(polled, LINKS_MAX + 1, timeout) < 0 && errno != EINTR)
            return 2;
        for (unsigned i = 0; i < LINKS_MAX; i++)
            if (links[i].link)
                khub_turn(links[i].link);
        if (polled[0].revents)
            more = stdin_take();
    }
    for (unsigned i = 0; i < LINKS_MAX; i++)
        driven_free(&links[i]);
    return 0;
}
