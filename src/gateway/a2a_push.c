/* Push notifications: what becomes of a task is posted to who asked for it, as it would be told in
 * a stream, beginning with the task as it is. What was asked for is kept here, and so no longer
 * than the gateway lives. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/a2a_inside.h"
#include "gateway/webhooks.h"

#define PUSHES_MAX     256u /* in all, */
#define PUSHES_OWN_MAX 16u  /* and of one task */
#define URL_MAX        2048u
#define SECRET_MAX     1024u

/* A configuration. */
struct a2a_push {
    struct a2a_door *door;
    struct caller who;
    json_t *config; /* a TaskPushNotificationConfig */
    bool old;
    struct observer *observer; /* held while it is followed */
    struct a2a_follow *follow; /* NULL: the task has ended */
    struct webhook *webhook;
    TAILQ_ENTRY(a2a_push) next;
};

static const char *text_in(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

/* ── posting ── */

static void follow_over(struct a2a_push *push)
{
    if (!push->follow)
        return;
    a2a_follow_end(push->follow);
    observer_release(push->observer);
    push->follow = NULL;
}

static void push_free(struct a2a_push *push)
{
    TAILQ_REMOVE(&push->door->pushes, push, next);
    push->door->push_count--;
    follow_over(push);
    webhook_end(push->webhook);
    json_decref(push->config);
    free(push);
}

/* Takes event. */
static void post(struct a2a_push *push, json_t *event)
{
    char *text = json_dumps(event, JSON_COMPACT);
    if (text)
        webhook_post(push->webhook, text);
    free(text);
    json_decref(event);
}

static void post_task(struct a2a_push *push)
{
    json_t *task = a2a_task_json(a2a_follow_task(push->follow), INT32_MAX, true);
    post(push, push->old ? a2a_old_task(task) : json_pack("{s:o}", "task", task));
}

static void on_ready(struct a2a_follow *follow, void *data)
{
    struct a2a_push *push = data;
    post_task(push);
    if (a2a_state_ends(a2a_follow_task(follow)->state))
        follow_over(push);
}

/* In 0.3 it is always the whole task. */
static void on_events(struct a2a_follow *follow, const json_t *events, void *data)
{
    struct a2a_push *push = data;
    json_t *event;
    size_t i;
    if (push->old)
        post_task(push);
    json_array_foreach(events, i, event)
    {
        if (!push->old)
            post(push, json_incref(event));
    }
    if (a2a_state_ends(a2a_follow_task(follow)->state))
        follow_over(push);
}

static void on_failed(struct a2a_follow *follow, const struct agent_answer *why, void *data)
{
    (void)follow, (void)why;
    follow_over(data);
}

/* ── what is asked for ── */

static bool has_control(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

/* NULL: it is a configuration. */
static const char *config_fault(const struct a2a_door *door, const json_t *config)
{
    const json_t *shows = json_object_get(config, "authentication");
    const char *url = text_in(config, "url"), *id = text_in(config, "id");
    const char *texts[] = {url, id, text_in(config, "token"), text_in(shows, "scheme"),
                           text_in(shows, "credentials")};
    if (!*url || strlen(url) > URL_MAX)
        return "url is missing, or longer than 2048 bytes";
    if (shows && !json_is_object(shows) && !json_is_null(shows))
        return "authentication must be an object";
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (has_control(texts[i]))
            return "no text of it may have control characters";
        if (i > 0 && strlen(texts[i]) > SECRET_MAX)
            return "no text of it but the url may be longer than 1024 bytes";
    }
    return webhooks_fault(door->options.webhooks, url);
}

static struct webhook *webhook_of(const struct a2a_push *push)
{
    char type[64], token[SECRET_MAX + 64], shown[2 * SECRET_MAX + 64];
    const char *headers[4] = {type}, *its_token = text_in(push->config, "token");
    const json_t *shows = json_object_get(push->config, "authentication");
    size_t count = 1;
    snprintf(type, sizeof type, "Content-Type: application/%sjson", push->old ? "" : "a2a+");
    if (*its_token) {
        snprintf(token, sizeof token, "X-A2A-Notification-Token: %s", its_token);
        headers[count++] = token;
    }
    if (*text_in(shows, "scheme")) {
        snprintf(shown, sizeof shown, "Authorization: %s %s", text_in(shows, "scheme"),
                 text_in(shows, "credentials"));
        headers[count++] = shown;
    }
    return webhook_new(push->door->options.webhooks, text_in(push->config, "url"), headers);
}

static bool is_of(const struct a2a_push *push, const struct caller *who, const char *task,
                  const char *id)
{
    return caller_same(&push->who, who) && strcmp(text_in(push->config, "taskId"), task) == 0 &&
           (!*id || strcmp(text_in(push->config, "id"), id) == 0);
}

/* One that has ended makes room. */
static bool room_make(struct a2a_door *door, const struct caller *who, const char *task)
{
    struct a2a_push *push, *ended = NULL;
    size_t own = 0;
    TAILQ_FOREACH (push, &door->pushes, next) {
        own += is_of(push, who, task, "");
        ended = ended || push->follow ? ended : push;
    }
    if (own >= PUSHES_OWN_MAX)
        return false;
    if (door->push_count >= PUSHES_MAX && ended)
        push_free(ended);
    return door->push_count < PUSHES_MAX;
}

/* What is wanted of it. */
static json_t *config_new(const struct a2a_call *call, const json_t *wish)
{
    static const char *const members[] = {"url", "token", "authentication"};
    unsigned char random[16];
    char made[UUID_SIZE] = "";
    const char *id = text_in(wish, "id");
    if (!*id && uv_random(NULL, NULL, random, sizeof random, 0, NULL) == 0)
        uuid_format(random, made);
    json_t *config = json_pack("{s:s,s:s}", "taskId", call->session, "id", *id ? id : made);
    if (call->tenant[0])
        json_object_set_new(config, "tenant", json_string(call->tenant));
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        json_t *value = json_object_get(wish, members[i]);
        if (value && !json_is_null(value))
            json_object_set(config, members[i], value);
    }
    return config;
}

const char *a2a_push_fault(const struct a2a_call *call, const json_t *wish)
{
    return config_fault(call->door, wish);
}

json_t *a2a_push_begin(struct a2a_call *call, const json_t *wish)
{
    static const struct a2a_follower follower = {on_ready, on_events, on_failed};
    struct a2a_door *door = call->door;
    struct caller who = callers_who(door->options.callers, call->request);
    struct a2a_push *push = NULL, *one, *behind;
    json_t *config = config_new(call, wish);
    for (one = TAILQ_FIRST(&door->pushes); one; one = behind) {
        behind = TAILQ_NEXT(one, next);
        if (is_of(one, &who, call->session, text_in(config, "id")))
            push_free(one); /* another takes its place */
    }
    if (room_make(door, &who, call->session))
        push = calloc(1, sizeof *push);
    if (!push) {
        json_decref(config);
        return NULL;
    }
    *push = (struct a2a_push){
        .door = door, .who = who, .config = config, .old = call->old, .observer = call->observer};
    TAILQ_INSERT_TAIL(&door->pushes, push, next);
    door->push_count++;
    push->webhook = webhook_of(push);
    push->follow = push->webhook ? a2a_follow_new(door, call->observer, &follower, push) : NULL;
    if (!push->follow) {
        push_free(push);
        return NULL;
    }
    observer_hold_on(call->observer);
    a2a_follow_go(push->follow, call->session, 0);
    return config;
}

void a2a_pushes_end(struct a2a_door *door)
{
    while (!TAILQ_EMPTY(&door->pushes))
        push_free(TAILQ_FIRST(&door->pushes));
}

/* ── methods ── */

/* As 0.3 writes one. */
static json_t *config_told(const struct a2a_call *call, json_t *config)
{
    if (!call->old)
        return json_incref(config);
    const json_t *shows = json_object_get(config, "authentication");
    json_t *old =
        json_pack("{s:O,s:O,s:O*}", "id", json_object_get(config, "id"), "url",
                  json_object_get(config, "url"), "token", json_object_get(config, "token"));
    if (json_is_object(shows))
        json_object_set_new(old, "authentication",
                            json_pack("{s:[O*],s:O*}", "schemes", json_object_get(shows, "scheme"),
                                      "credentials", json_object_get(shows, "credentials")));
    return json_pack("{s:O,s:o}", "taskId", json_object_get(config, "taskId"),
                     "pushNotificationConfig", old);
}

static void create_found(struct a2a_call *call, struct a2a_task *task)
{
    a2a_task_free(task);
    json_t *config = a2a_push_begin(call, call->params);
    if (config)
        a2a_reply(call, config_told(call, config));
    else
        a2a_refuse(call, A2A_TOO_MUCH, "too many notifications are asked for");
}

/* Of the caller's, about that task. */
static struct a2a_push *find(const struct a2a_call *call, const char *id)
{
    struct caller who = callers_who(call->door->options.callers, call->request);
    struct a2a_push *push;
    TAILQ_FOREACH (push, &call->door->pushes, next)
        if (is_of(push, &who, call->session, id))
            return push;
    return NULL;
}

static void get_found(struct a2a_call *call, struct a2a_task *task)
{
    const struct a2a_push *push = find(call, a2a_text(call, "id"));
    a2a_task_free(task);
    if (push)
        a2a_reply(call, config_told(call, push->config));
    else
        a2a_refuse(call, A2A_TASK_NOT_FOUND, "there is no such configuration");
}

static void delete_found(struct a2a_call *call, struct a2a_task *task)
{
    struct a2a_push *push = find(call, a2a_text(call, "id"));
    a2a_task_free(task);
    if (push)
        push_free(push);
    a2a_reply(call, call->old ? json_null() : json_object()); /* once more is fine */
}

static void list_found(struct a2a_call *call, struct a2a_task *task)
{
    struct caller who = callers_who(call->door->options.callers, call->request);
    json_t *configs = json_array();
    const struct a2a_push *push;
    a2a_task_free(task);
    TAILQ_FOREACH (push, &call->door->pushes, next)
        if (is_of(push, &who, call->session, ""))
            json_array_append_new(configs, config_told(call, push->config));
    a2a_reply(call, call->old ? configs
                              : json_pack("{s:o,s:s}", "configs", configs, "nextPageToken", ""));
}

static void observed(struct a2a_call *call)
{
    static const struct {
        const char *begin;
        a2a_task_then *then;
    } meant[] = {{"Create", create_found},
                 {"Get", get_found},
                 {"List", list_found},
                 {"Delete", delete_found}};
    for (size_t i = 0; i < sizeof meant / sizeof *meant; i++)
        if (strncmp(call->method->name, meant[i].begin, strlen(meant[i].begin)) == 0)
            a2a_task_find(call, a2a_text(call, "taskId"), meant[i].then);
}

void a2a_push(struct a2a_call *call)
{
    bool creates = strncmp(call->method->name, "Create", 6) == 0;
    bool lists = strncmp(call->method->name, "List", 4) == 0;
    const char *fault = NULL;
    if (!call->door->options.webhooks) {
        a2a_refuse(call, A2A_PUSH_NOT_SUPPORTED, "this agent sends no push notifications");
        return;
    }
    if (!*a2a_text(call, "taskId"))
        fault = "taskId is missing";
    else if (creates)
        fault = config_fault(call->door, call->params);
    else if (!lists && !*a2a_text(call, "id"))
        fault = "id is missing: that of the configuration";
    if (fault)
        a2a_refuse(call, A2A_INVALID_PARAMS, "%s", fault);
    else
        a2a_observe(call, observed);
}
