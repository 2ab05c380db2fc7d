/* What is asked of tasks that are there: one, all, what becomes of one; and its end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/a2a_inside.h"
#include "wire/json.h"

#define PAGE_PRESET   50
#define PAGE_MAX      100
#define SESSIONS_PAGE 200
#define HISTORY_MAX   INT32_MAX

/* ── one ── */

/* How many messages of a task's history are wanted; nobody said: preset. */
static size_t history_of(const struct a2a_call *call, size_t preset)
{
    const json_t *wishes = json_object_get(call->params, "configuration");
    const json_t *length =
        json_object_get(json_is_object(wishes) ? wishes : call->params, "historyLength");
    return json_is_integer(length) ? (size_t)json_integer_value(length) : preset;
}

struct finding {
    struct a2a_call *call;
    a2a_task_then *then;
};

/* A tenant's card leads to its own tasks alone. */
static bool is_of(const struct a2a_call *call, const struct a2a_task *task)
{
    return task && (!call->tenant[0] || strcmp(call->tenant, task->tenant) == 0);
}

static void on_found(const struct agent_answer *answer, void *data)
{
    struct finding *finding = data;
    struct a2a_call *call = finding->call;
    a2a_task_then *then = finding->then;
    struct slice session = json_get(json_value_of(answer->text), "session").raw;
    json_error_t fault;
    free(finding);
    if (a2a_lost(call, answer))
        return;
    json_t *read = json_loadb(session.at, session.len, JSON_ALLOW_NUL, &fault);
    struct a2a_task *task = a2a_task_new(read);
    json_decref(read);
    if (is_of(call, task)) {
        snprintf(call->session, sizeof call->session, "%s", task->id);
        then(call, task);
        return;
    }
    a2a_task_free(task);
    a2a_refuse(call, A2A_TASK_NOT_FOUND, "there is no such task");
}

void a2a_task_find(struct a2a_call *call, const char *id, a2a_task_then *then)
{
    if (strlen(id) >= UUID_SIZE) {
        a2a_refuse(call, A2A_TASK_NOT_FOUND, "there is no such task");
        return;
    }
    struct finding *finding = malloc(sizeof *finding);
    json_t *payload = json_pack("{s:s}", "id", id);
    char *text = payload ? json_dumps(payload, JSON_COMPACT) : NULL;
    json_decref(payload);
    if (!finding) {
        free(text);
        a2a_refuse(call, A2A_UNAVAILABLE, "out of memory");
        return;
    }
    *finding = (struct finding){.call = call, .then = then};
    agent_ask_text(observer_agent(call->observer), "session_query", text, NULL, on_found, finding);
    free(text);
}

/* The task that params' id names; then `found`. */
static void find_by_id(struct a2a_call *call, a2a_task_then *found)
{
    const char *id = a2a_text(call, "id");
    if (*id)
        a2a_task_find(call, id, found);
    else
        a2a_refuse(call, A2A_INVALID_PARAMS, "id is missing: that of a task");
}

/* ── what becomes of it ── */

static void task_tell(struct a2a_call *call)
{
    a2a_reply_task(
        call, a2a_task_json(a2a_follow_task(call->follow), history_of(call, HISTORY_MAX), true));
}

static void on_ready(struct a2a_follow *follow, void *data)
{
    struct a2a_call *call = data;
    const struct a2a_task *task = a2a_follow_task(follow);
    bool rests = a2a_state_rests(task->state);
    if (!call->method->streams) {
        if (rests || !call->waits)
            task_tell(call);
        return;
    }
    json_t *json = a2a_task_json(task, history_of(call, HISTORY_MAX), true);
    if (a2a_stream(call, json_pack("{s:o}", "task", json)) && rests)
        a2a_stream_end(call);
}

static bool event_rests(const json_t *event)
{
    const json_t *status = json_object_get(json_object_get(event, "statusUpdate"), "status");
    enum a2a_state state;
    const char *text = json_string_value(json_object_get(status, "state"));
    return text && a2a_state_find(text, &state) == 0 && a2a_state_rests(state);
}

static void on_events(struct a2a_follow *follow, const json_t *events, void *data)
{
    struct a2a_call *call = data;
    json_t *event;
    size_t i;
    if (!call->method->streams) {
        if (a2a_state_rests(a2a_follow_task(follow)->state))
            task_tell(call);
        return;
    }
    json_array_foreach(events, i, event)
    {
        bool last = event_rests(event);
        if (!a2a_stream(call, json_incref(event)))
            return;
        if (last) {
            a2a_stream_end(call);
            return;
        }
    }
}

static void on_failed(struct a2a_follow *follow, const struct agent_answer *why, void *data)
{
    (void)follow;
    a2a_refused(data, why);
}

void a2a_answer_task(struct a2a_call *call, uint64_t seq, bool waits)
{
    static const struct a2a_follower follower = {on_ready, on_events, on_failed};
    call->waits = waits;
    call->follow = a2a_follow_new(call->door, call->observer, &follower, call);
    if (!call->follow) {
        a2a_refuse(call, A2A_UNAVAILABLE, "out of memory");
        return;
    }
    call->following = true;
    a2a_follow_go(call->follow, call->session, seq);
}

static void get_found(struct a2a_call *call, struct a2a_task *task)
{
    a2a_task_free(task);
    a2a_answer_task(call, 0, false);
}

static void get_observed(struct a2a_call *call)
{
    find_by_id(call, get_found);
}

void a2a_get(struct a2a_call *call)
{
    json_int_t history;
    if (a2a_whole(call, call->params, "historyLength", 0, HISTORY_MAX, &history))
        a2a_observe(call, get_observed);
}

static void subscribe_found(struct a2a_call *call, struct a2a_task *task)
{
    bool ends = a2a_state_ends(task->told);
    a2a_task_free(task);
    if (ends)
        a2a_refuse(call, A2A_UNSUPPORTED_OPERATION, "the task has ended");
    else
        a2a_answer_task(call, 0, true);
}

static void subscribe_observed(struct a2a_call *call)
{
    find_by_id(call, subscribe_found);
}

void a2a_subscribe(struct a2a_call *call)
{
    a2a_observe(call, subscribe_observed);
}

/* ── its end ── */

static void on_canceled(const struct agent_answer *answer, void *data)
{
    struct a2a_call *call = data;
    bool ended = call->request && strcmp(answer->code, "conflict") == 0;
    a2a_spoken(call);
    if (ended)
        a2a_refuse(call, A2A_TASK_NOT_CANCELABLE, "the task has ended");
    else if (!a2a_lost(call, answer))
        a2a_answer_task(call, answer->seq, false);
}

static void cancel_say(struct a2a_call *call)
{
    agent_say(a2a_agent(call), "collaboration_update",
              json_pack("{s:s,s:s}", "session_id", call->session, "status", "cancelled"), NULL,
              on_canceled, call);
}

static void cancel_found(struct a2a_call *call, struct a2a_task *task)
{
    bool ends = a2a_state_ends(task->told);
    a2a_task_free(task);
    if (ends)
        a2a_refuse(call, A2A_TASK_NOT_CANCELABLE, "the task has ended");
    else
        a2a_speak(call, cancel_say);
}

static void cancel_observed(struct a2a_call *call)
{
    find_by_id(call, cancel_found);
}

void a2a_cancel(struct a2a_call *call)
{
    a2a_observe(call, cancel_observed);
}

/* ── all ── */

static const char *text_in(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static const char *time_of(const json_t *task)
{
    return text_in(json_object_get(task, "status"), "timestamp");
}

/* The last change first; of equal ones by their ids, so that pages hold. */
static int compare(const char *time, const char *id, const char *other_time, const char *other_id)
{
    int order = strcmp(other_time, time);
    return order ? order : strcmp(id, other_id);
}

static int compare_tasks(const void *left, const void *right)
{
    const json_t *one = *(json_t *const *)left, *other = *(json_t *const *)right;
    return compare(time_of(one), text_in(one, "id"), time_of(other), text_in(other, "id"));
}

/* Sorted. Takes list. */
static json_t *sorted(json_t *list)
{
    size_t count = json_array_size(list);
    json_t **tasks = calloc(count + 1, sizeof *tasks), *result = json_array();
    for (size_t i = 0; tasks && i < count; i++)
        tasks[i] = json_array_get(list, i);
    if (tasks)
        qsort(tasks, count, sizeof *tasks, compare_tasks);
    for (size_t i = 0; tasks && i < count; i++)
        json_array_append(result, tasks[i]);
    free(tasks);
    json_decref(list);
    return result;
}

static bool is_wanted(const struct a2a_call *call, const json_t *task)
{
    const char *status = a2a_text(call, "status"), *context = a2a_text(call, "contextId");
    const char *since = a2a_text(call, "statusTimestampAfter");
    return (!*status || strcmp(status, text_in(json_object_get(task, "status"), "state")) == 0) &&
           (!*context || strcmp(context, text_in(task, "contextId")) == 0) &&
           (!*since || strcmp(time_of(task), since) > 0);
}

/* Does it stand behind the place that a token names, "time/id"? */
static bool is_behind(const json_t *task, const char *token)
{
    char time[TIMESTAMP_SIZE];
    const char *slash = strchr(token, '/');
    if (!*token)
        return true;
    snprintf(time, sizeof time, "%.*s", (int)(slash - token), token);
    return compare(time, slash + 1, time_of(task), text_in(task, "id")) < 0;
}

/* ── all: each as the log tells it ── */

static void fold_next(struct a2a_call *call);

static void fold_end(struct a2a_call *call)
{
    a2a_follow_end(call->follow);
    call->follow = NULL;
    call->following = false;
    call->at++;
    fold_next(call);
}

static void fold_ready(struct a2a_follow *follow, void *data)
{
    struct a2a_call *call = data;
    bool artifacts = json_is_true(json_object_get(call->params, "includeArtifacts"));
    json_array_set_new(call->list, call->at,
                       a2a_task_json(a2a_follow_task(follow), history_of(call, 0), artifacts));
    fold_end(call);
}

static void fold_events(struct a2a_follow *follow, const json_t *events, void *data)
{
    (void)follow, (void)events, (void)data;
}

/* It was let go meanwhile, or can't be read: it stays as the session tells it. */
static void fold_failed(struct a2a_follow *follow, const struct agent_answer *why, void *data)
{
    (void)follow, (void)why;
    fold_end(data);
}

static bool is_working(const json_t *task)
{
    const char *state = text_in(json_object_get(task, "status"), "state");
    return strcmp(state, a2a_state_text(A2A_WORKING)) == 0;
}

/* Of call->list: those that work, which may wait for somebody; of a page that is to have them, all
 * details. */
static void fold_next(struct a2a_call *call)
{
    static const struct a2a_follower follower = {fold_ready, fold_events, fold_failed};
    const json_t *task;
    while ((task = json_array_get(call->list, call->at)) && !call->waits && !is_working(task))
        call->at++;
    if (!task) {
        call->then(call);
        return;
    }
    call->follow = a2a_follow_new(call->door, call->observer, &follower, call);
    call->following = call->follow;
    if (call->follow)
        a2a_follow_go(call->follow, text_in(task, "id"), 0);
    else
        a2a_refuse(call, A2A_UNAVAILABLE, "out of memory");
}

static void list_reply(struct a2a_call *call)
{
    a2a_reply(call, json_incref(call->said));
}

/* Of call->list the page that is wanted. */
static void list_page(struct a2a_call *call)
{
    const json_t *size = json_object_get(call->params, "pageSize");
    size_t most = json_is_integer(size) ? (size_t)json_integer_value(size) : PAGE_PRESET, total = 0;
    json_t *tasks = json_array(), *task;
    char token[TIMESTAMP_SIZE + UUID_SIZE] = "";
    bool more = false;
    size_t i;
    call->list = sorted(call->list);
    json_array_foreach(call->list, i, task)
    {
        if (!is_wanted(call, task))
            continue;
        total++;
        if (!is_behind(task, a2a_text(call, "pageToken")))
            continue;
        more = json_array_size(tasks) == most;
        if (more)
            continue;
        json_array_append(tasks, task);
        snprintf(token, sizeof token, "%s/%s", time_of(task), text_in(task, "id"));
    }
    call->said = json_pack("{s:O,s:s,s:i,s:i}", "tasks", tasks, "nextPageToken", more ? token : "",
                           "pageSize", (int)most, "totalSize", (int)total);
    json_decref(call->list);
    call->list = tasks;
    call->at = 0;
    call->then = list_reply;
    call->waits =
        history_of(call, 0) > 0 || json_is_true(json_object_get(call->params, "includeArtifacts"));
    if (call->waits)
        fold_next(call);
    else
        list_reply(call);
}

static void list_ask(struct a2a_call *call, json_int_t after);

static void on_sessions(const struct agent_answer *answer, void *data)
{
    struct a2a_call *call = data;
    json_error_t fault;
    json_t *session;
    size_t i;
    if (a2a_lost(call, answer))
        return;
    json_t *read = json_loadb(answer->text.at, answer->text.len, JSON_ALLOW_NUL, &fault);
    json_array_foreach(json_object_get(read, "sessions"), i, session)
    {
        struct a2a_task *task = a2a_task_new(session);
        if (is_of(call, task)) {
            a2a_task_settle(task);
            json_array_append_new(call->list, a2a_task_json(task, 0, false));
        }
        a2a_task_free(task);
    }
    const json_t *next = json_object_get(read, "next");
    json_int_t after = json_is_integer(next) ? json_integer_value(next) : 0;
    json_decref(read);
    if (after > 0) {
        list_ask(call, after);
        return;
    }
    call->then = list_page;
    fold_next(call);
}

static void list_ask(struct a2a_call *call, json_int_t after)
{
    char payload[96];
    snprintf(payload, sizeof payload, "{\"after\":%lld,\"limit\":%d}", (long long)after,
             SESSIONS_PAGE);
    agent_ask_text(observer_agent(call->observer), "session_query", payload, NULL, on_sessions,
                   call);
}

static void list_observed(struct a2a_call *call)
{
    call->list = json_array();
    list_ask(call, 0);
}

void a2a_list(struct a2a_call *call)
{
    const char *status = a2a_text(call, "status"), *token = a2a_text(call, "pageToken");
    const char *slash = strchr(token, '/');
    enum a2a_state state;
    json_int_t number;
    if (!a2a_whole(call, call->params, "pageSize", 1, PAGE_MAX, &number) ||
        !a2a_whole(call, call->params, "historyLength", 0, HISTORY_MAX, &number))
        return;
    if (*status &&
        (a2a_state_find(status, &state) < 0 || strcmp(status, a2a_state_text(state)) != 0))
        a2a_refuse(call, A2A_INVALID_PARAMS, "status is no state of a task");
    else if (*token && (!slash || slash - token >= TIMESTAMP_SIZE))
        a2a_refuse(call, A2A_INVALID_PARAMS, "pageToken is none that was given");
    else
        a2a_observe(call, list_observed);
}

/* ── what else there is ── */

static void card_tell(struct a2a_call *call)
{
    const json_t *member = json_object_get(call->members, call->tenant);
    a2a_reply(call, member ? a2a_card(call, call->tenant, member) : a2a_hub_card(call));
}

static void card_observed(struct a2a_call *call)
{
    a2a_members(call, card_tell);
}

void a2a_extended_card(struct a2a_call *call)
{
    if (call->door->options.wants_token && !call->tenant[0])
        a2a_observe(call, card_observed);
    else
        a2a_refuse(call, A2A_NO_EXTENDED_CARD, "the card says all there is");
}
