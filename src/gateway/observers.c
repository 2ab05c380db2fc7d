#include "gateway/observers.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/agent_line.h"
#include "gateway/bounds.h"
#include "gateway/peer_json.h"
#include "wire/bounds.h"
#include "wire/clock.h"
#include "wire/json.h"
#include "wire/types.h"

#define TICK_MS 5000

TAILQ_HEAD(heard_list, heard);
TAILQ_HEAD(watcher_list, watcher);

struct observer {
    struct observers *observers;
    struct agent *agent;
    struct caller who;
    char room[65], *token; /* owned, a secret; NULL: it shows none */
    size_t holds;
    int64_t released; /* monotonic ms: since when nobody holds it */
    struct watcher_list watchers;
    struct heard_list remembered;
    size_t remembered_count, remembered_bytes;
    uint64_t complete_from, newest; /* newest: the highest seq that was heard, or told in a sync */
    bool joined;                    /* once */
    json_t *leases;                 /* {key: lease} */
    TAILQ_ENTRY(observer) next;
};
TAILQ_HEAD(observer_list, observer);

struct observers {
    uv_loop_t *loop;
    struct khub_options link;
    struct callers *callers;
    char name[101]; /* what they are called after */
    uv_timer_t timer;
    struct observer_list list;
    size_t count;
    unsigned made; /* ever: none has the name of one that may still be going */
};

/* ── what is remembered ── */

static void forget_first(struct observer *observer)
{
    struct heard *heard = TAILQ_FIRST(&observer->remembered);
    TAILQ_REMOVE(&observer->remembered, heard, next);
    observer->remembered_count--;
    observer->remembered_bytes -= heard->line.len;
    observer->complete_from = heard->seq;
    free(heard);
}

/* What comes behind upto is remembered anew. */
static void forget_all(struct observer *observer, uint64_t upto)
{
    while (!TAILQ_EMPTY(&observer->remembered))
        forget_first(observer);
    observer->complete_from = upto;
}

/* As its sender said it: the hub appends the seq as the last member. */
static struct slice line_said(struct slice line)
{
    static const char mark[] = ",\"seq\":";
    size_t len = line.len;
    while (len > 0 && line.at[len - 1] != ',')
        len--;
    if (len == 0 || line.len - len < sizeof mark - 1 ||
        memcmp(line.at + len - 1, mark, sizeof mark - 1) != 0)
        return line;
    return (struct slice){line.at, len - 1};
}

/* In one piece of memory; the line gets back the brace that the seq stood before. */
static struct heard *heard_of(const struct khub_message *message)
{
    enum message_type type;
    struct slice line = line_said((struct slice){message->line.at, message->line.len});
    if (message_type_find(slice_of(message->type.at), &type) < 0)
        return NULL; /* a newer hub's */
    struct heard *heard =
        malloc(sizeof *heard + message->sender_id.len + message->target_ai.len + line.len + 1);
    if (!heard)
        return NULL;
    char *at = (char *)(heard + 1);
    *heard = (struct heard){.seq = message->seq,
                            .type = type,
                            .sender = {at, message->sender_id.len},
                            .target = {at + message->sender_id.len, message->target_ai.len}};
    memcpy(at, message->sender_id.at, message->sender_id.len);
    at += message->sender_id.len;
    memcpy(at, message->target_ai.at, message->target_ai.len);
    at += message->target_ai.len;
    memcpy(at, line.at, line.len);
    bool cut = line.len < message->line.len;
    at[line.len] = '}';
    heard->line = (struct slice){at, line.len + cut};
    return heard;
}

/* What the hub says to an observer itself, in answer to it or on no message's account. */
static bool is_for_us(const struct observer *observer, const struct khub_message *message)
{
    enum message_type type;
    if (strcmp(message->sender_id.at, "hub") != 0 ||
        message_type_find(slice_of(message->type.at), &type) < 0)
        return false;
    return message_type_level(type) == 2 && !message_type_from_client(type)
               ? type == MESSAGE_ACK || type == MESSAGE_CAUGHT_UP ||
                     strcmp(message->target_ai.at, agent_id(observer->agent)) == 0
               : type == MESSAGE_ERROR || type == MESSAGE_HEARTBEAT ||
                     type == MESSAGE_TRAINING_SYNC;
}

bool heard_passes(const struct heard *heard, const struct message_filter *filter)
{
    struct json_value payload = {0};
    if (filter->session_len > 0)
        payload = json_get(json_value_of(heard->line), "payload");
    return message_filter_passes(filter, heard->type, heard->sender, heard->target, payload);
}

/* ── what the link says ── */

/* What was not heard up to this seq never will be. */
static void tell_torn(struct observer *observer, uint64_t upto)
{
    struct watcher *watcher = TAILQ_FIRST(&observer->watchers), *behind;
    forget_all(observer, upto);
    for (; watcher; watcher = behind) {
        behind = TAILQ_NEXT(watcher, next);
        watcher->torn(watcher, upto);
    }
}

/* The hub's word, as we come back, that it does not have all that we missed. */
static bool is_truncation(const struct khub_message *message, uint64_t *ret_upto)
{
    struct json_value payload =
        json_value_of((struct slice){message->payload.at, message->payload.len});
    uint64_t first = 0;
    if (strcmp(message->type.at, "error") != 0 || strcmp(message->sender_id.at, "hub") != 0 ||
        !json_string_is(json_get(payload, "code"),
                        slice_of(wire_error_code(WIRE_REPLAY_TRUNCATED))))
        return false;
    json_u64(json_get(payload, "first"), &first);
    *ret_upto = first > 0 ? first - 1 : message->seq;
    return true;
}

/* When it ends is told by another message, or by none: it is not kept. */
static void lease_keep(struct observer *observer, json_t *lease)
{
    static const char *const members[] = {"key", "holder", "fence", "intent", "ttl_s", "since"};
    const char *key = json_string_value(json_object_get(lease, "key"));
    json_t *kept = json_object();
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        json_object_set(kept, members[i], json_object_get(lease, members[i]));
    if (!key || json_object_set_new(observer->leases, key, kept) < 0)
        json_decref(kept);
}

static void lease_heard(struct observer *observer, const struct khub_message *message)
{
    json_t *lease = peer_json((struct slice){message->payload.at, message->payload.len});
    const char *key = json_string_value(json_object_get(lease, "key"));
    const char *status = json_string_value(json_object_get(lease, "status"));
    if (key && status && strcmp(status, "granted") == 0)
        lease_keep(observer, lease);
    else if (key && status)
        json_object_del(observer->leases, key);
    json_decref(lease);
}

static void on_heard(struct agent *agent, const struct khub_message *message, void *data)
{
    struct observer *observer = data;
    struct watcher *watcher, *behind;
    uint64_t upto;
    (void)agent;
    if (strcmp(message->type.at, "lease") == 0 && strcmp(message->sender_id.at, "hub") == 0)
        lease_heard(observer, message);
    if (message->seq > observer->newest)
        observer->newest = message->seq;
    if (is_truncation(message, &upto))
        tell_torn(observer, upto);
    if (TAILQ_EMPTY(&observer->watchers) || is_for_us(observer, message))
        return;
    struct heard *heard = heard_of(message);
    if (!heard)
        return;
    TAILQ_INSERT_TAIL(&observer->remembered, heard, next);
    observer->remembered_count++;
    observer->remembered_bytes += heard->line.len;
    for (watcher = TAILQ_FIRST(&observer->watchers); watcher; watcher = behind) {
        behind = TAILQ_NEXT(watcher, next);
        watcher->heard(watcher, heard);
    }
    while (observer->remembered_count > HEARD_MESSAGES_MAX ||
           (observer->remembered_bytes > HEARD_BYTES_MAX && observer->remembered_count > 1))
        forget_first(observer);
}

/* It has joined: again, perhaps a hub that began anew, and with it its seqs. */
static void on_changed(struct agent *agent, void *data)
{
    struct observer *observer = data;
    uint64_t seq = (uint64_t)json_integer_value(json_object_get(agent_sync(agent), "seq"));
    json_t *lease;
    size_t i;
    json_decref(observer->leases);
    observer->leases = json_object();
    json_array_foreach(json_object_get(agent_sync(agent), "leases"), i, lease)
    {
        lease_keep(observer, lease);
    }
    if (!observer->joined) {
        observer->joined = true;
        observer->newest = observer->complete_from = seq;
    } else if (seq < observer->newest) {
        observer->newest = seq;
        tell_torn(observer, seq);
    }
}

static void on_ended(struct agent *agent, void *data)
{
    struct observer *observer = data;
    struct watcher *watcher = TAILQ_FIRST(&observer->watchers), *behind;
    (void)agent;
    for (; watcher; watcher = behind) {
        behind = TAILQ_NEXT(watcher, next);
        watcher->ended(watcher);
    }
}

void observer_watch(struct observer *observer, struct watcher *watcher)
{
    if (TAILQ_EMPTY(&observer->watchers))
        observer->complete_from = observer->newest; /* until now nobody remembered */
    TAILQ_INSERT_TAIL(&observer->watchers, watcher, next);
}

void observer_unwatch(struct observer *observer, struct watcher *watcher)
{
    TAILQ_REMOVE(&observer->watchers, watcher, next);
    if (TAILQ_EMPTY(&observer->watchers))
        forget_all(observer, observer->newest);
}

uint64_t observer_complete_from(const struct observer *observer)
{
    return observer->complete_from;
}

const json_t *observer_leases(const struct observer *observer)
{
    return observer->leases;
}

uint64_t observer_newest(const struct observer *observer)
{
    return observer->newest;
}

const struct heard *observer_first(const struct observer *observer)
{
    return TAILQ_FIRST(&observer->remembered);
}

void observer_ask_log(struct observer *observer, const char *payload, agent_callback *callback,
                      void *data)
{
    agent_line_ask(agent_logs(observer->agent), payload, callback, data);
}

/* ── which there are ── */

static bool is_of(const struct observer *observer, const char *room, const struct caller *who)
{
    return caller_same(&observer->who, who) && strcmp(observer->room, room) == 0 &&
           !agent_ended(observer->agent);
}

static void observer_end(struct observer *observer)
{
    struct observers *observers = observer->observers;
    TAILQ_REMOVE(&observers->list, observer, next);
    observers->count--;
    forget_all(observer, observer->newest);
    json_decref(observer->leases);
    agent_close(observer->agent, false);
    callers_token_free(observer->token);
    free(observer);
}

/* The one that nobody has needed for longest, since `before` at the least. */
static bool end_one(struct observers *observers, int64_t before)
{
    struct observer *observer, *found = NULL;
    TAILQ_FOREACH (observer, &observers->list, next) {
        if (observer->holds == 0 && observer->released <= before &&
            (!found || observer->released < found->released))
            found = observer;
    }
    if (found)
        observer_end(found);
    return found;
}

static void on_tick(uv_timer_t *timer)
{
    struct observers *observers = timer->data;
    while (end_one(observers, time_monotonic_ms() - OBSERVER_IDLE_MS))
        ;
}

static void on_unauthorized(struct agent *agent, void *data)
{
    const struct observer *observer = data;
    (void)agent;
    callers_refused(observer->observers->callers, &observer->who);
}

/* Its link, as this caller's. False: out of memory. */
static bool link_begin(struct observer *observer, const struct http_request *request)
{
    static const struct agent_callbacks callbacks = {.heard = on_heard,
                                                     .changed = on_changed,
                                                     .ended = on_ended,
                                                     .unauthorized = on_unauthorized};
    struct observers *observers = observer->observers;
    struct khub_options link = observers->link;
    char id[WIRE_ID_MAX + 1];
    snprintf(id, sizeof id, "%s/%u", observers->name, ++observers->made);
    link.ai_id = id;
    link.room = observer->room;
    link.observer = true;
    link.not_ready = true;
    return callers_link(observers->callers, request, &link, &observer->token) &&
           agent_new(observers->loop, &link, NULL, &callbacks, observer, &observer->agent) == 0;
}

static struct observer *observer_new(struct observers *observers, const char *room,
                                     const struct http_request *request)
{
    if (observers->count == OBSERVERS_MAX && !end_one(observers, INT64_MAX))
        return NULL;
    struct observer *observer = calloc(1, sizeof *observer);
    if (!observer)
        return NULL;
    observer->observers = observers;
    observer->who = callers_who(observers->callers, request);
    snprintf(observer->room, sizeof observer->room, "%s", room);
    TAILQ_INIT(&observer->watchers);
    TAILQ_INIT(&observer->remembered);
    if (!link_begin(observer, request)) {
        callers_token_free(observer->token);
        free(observer);
        return NULL;
    }
    TAILQ_INSERT_TAIL(&observers->list, observer, next);
    observers->count++;
    return observer;
}

struct observer *observer_hold(struct observers *observers, const char *room,
                               const struct http_request *request)
{
    struct caller who = callers_who(observers->callers, request);
    struct observer *observer;
    if (!room)
        room = observers->link.room ? observers->link.room : "main";
    TAILQ_FOREACH (observer, &observers->list, next) {
        if (is_of(observer, room, &who))
            break;
    }
    if (!observer)
        observer = observer_new(observers, room, request);
    if (observer)
        observer->holds++;
    return observer;
}

void observer_hold_on(struct observer *observer)
{
    observer->holds++;
}

void observer_release(struct observer *observer)
{
    assert(observer->holds > 0);
    observer->released = time_monotonic_ms();
    if (--observer->holds == 0 && agent_ended(observer->agent))
        observer->released = 0; /* is of use to nobody, and the first to go */
}

struct agent *observer_agent(const struct observer *observer)
{
    return observer->agent;
}

size_t observers_count(const struct observers *observers)
{
    return observers->count;
}

/* ── their beginning and end ── */

struct observers *observers_new(uv_loop_t *loop, const struct khub_options *link,
                                struct callers *callers)
{
    struct observers *observers = calloc(1, sizeof *observers);
    if (!observers)
        return NULL;
    observers->loop = loop;
    observers->callers = callers;
    observers->link = *link;
    observers->link.ai_id = observers->link.token = NULL;
    snprintf(observers->name, sizeof observers->name, "%s", link->ai_id);
    TAILQ_INIT(&observers->list);
    uv_timer_init(loop, &observers->timer);
    observers->timer.data = observers;
    uv_timer_start(&observers->timer, on_tick, TICK_MS, TICK_MS);
    uv_unref((uv_handle_t *)&observers->timer);
    return observers;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void observers_close(struct observers *observers)
{
    struct observer *observer;
    if (!observers)
        return;
    TAILQ_FOREACH (observer, &observers->list, next)
        agent_close(observer->agent, false); /* answers what was asked: whoever waits lets go */
    while ((observer = TAILQ_FIRST(&observers->list)))
        observer_end(observer);
    uv_close((uv_handle_t *)&observers->timer, on_closed);
}
