/* How a task is, and what becomes of it: what was said in its session, out of the hub's log, and
 * then what an observer hears, each once. When something may have been missed (the link broke, and
 * the hub can't tell all that was said meanwhile) the log is read on from what was taken last. What
 * it does not have is missed; but how the session stands now the hub says in any case.
 *
 *     go ──▶ session_query ──▶ log_query, a page after the other ──▶ what is remembered ──▶ live
 *                 ▲                                                                          │
 *                 └────────────────────────── torn: on from there ───────────────────────────┘
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/a2a_inside.h"
#include "wire/json.h"

#define PAGE_LIMIT 1000
#define AGAIN_MS   50   /* until what can't be read yet is asked for again */
#define TROUBLE_MS 1000 /* the same when the hub can't be asked */
#define BEGINS_MAX 4096u

struct a2a_follow {
    struct watcher watcher; /* first */
    struct a2a_door *door;  /* NULL: it is over, an answer of the hub's is awaited */
    struct observer *observer;
    const struct a2a_follower *follower;
    void *data;
    uv_timer_t timer;
    char id[UUID_SIZE];
    struct a2a_task *task; /* NULL: not known yet */
    uint64_t upto, wanted; /* all up to here was taken; has to be, before it is ready */
    bool asking, live, ready;
    bool again;          /* it was torn meanwhile */
    bool telling, ended; /* a callback is under way; which has ended it */
};

static void follow_begin(struct a2a_follow *follow);

/* ── telling ── */

static void on_timer_closed(uv_handle_t *handle)
{
    struct a2a_follow *follow = handle->data;
    a2a_task_free(follow->task);
    free(follow);
}

static void free_if_over(struct a2a_follow *follow)
{
    if (!follow->asking && !follow->telling)
        uv_close((uv_handle_t *)&follow->timer, on_timer_closed);
}

void a2a_follow_end(struct a2a_follow *follow)
{
    if (!follow)
        return;
    observer_unwatch(follow->observer, &follow->watcher);
    observer_release(follow->observer);
    follow->door = NULL;
    uv_timer_stop(&follow->timer);
    free_if_over(follow);
}

/* True: nobody waits for this answer any more. */
static bool is_over(struct a2a_follow *follow)
{
    follow->asking = false;
    if (!follow->door)
        free_if_over(follow);
    return !follow->door;
}

/* After a callback. False: it has ended it. */
static bool told(struct a2a_follow *follow)
{
    follow->telling = false;
    if (!follow->door)
        free_if_over(follow);
    return follow->door;
}

static void fail(struct a2a_follow *follow, const struct agent_answer *why)
{
    follow->telling = true;
    follow->follower->failed(follow, why, follow->data);
    told(follow);
}

/* What was taken makes events; those of before it was ready are in the task that is told first.
 * False: it was ended. */
static bool events_tell(struct a2a_follow *follow)
{
    json_t *events = a2a_task_events(follow->task);
    if (!events || !follow->ready) {
        json_decref(events);
        return true;
    }
    follow->telling = true;
    follow->follower->events(follow, events, follow->data);
    json_decref(events);
    return told(follow);
}

/* ── reading ── */

/* Numbers that jansson can't hold make a message unreadable: it is as one that says nothing. */
static void take(struct a2a_follow *follow, uint64_t seq, struct slice line)
{
    json_error_t fault;
    json_t *message = json_loadb(line.at, line.len, JSON_ALLOW_NUL, &fault);
    if (message)
        a2a_task_take(follow->task, seq, message);
    json_decref(message);
}

static bool is_ours(const struct a2a_follow *follow, struct slice line)
{
    struct json_value payload = json_get(json_value_of(line), "payload");
    return json_string_is(json_get(payload, "session_id"), slice_of(follow->id));
}

/* False: it was ended. */
static bool take_heard(struct a2a_follow *follow, const struct heard *heard)
{
    if (is_ours(follow, heard->line))
        take(follow, heard->seq, heard->line);
    else
        a2a_task_upto(follow->task, heard->seq);
    follow->upto = heard->seq;
    return events_tell(follow);
}

static void log_ask(struct a2a_follow *follow);

static void on_time(uv_timer_t *timer)
{
    struct a2a_follow *follow = timer->data;
    if (follow->asking || follow->live)
        return;
    if (follow->task && !follow->again)
        log_ask(follow);
    else
        follow_begin(follow);
}

static void wait(struct a2a_follow *follow, uint64_t ms)
{
    uv_timer_start(&follow->timer, on_time, ms, 0);
}

/* What the observer remembers goes on where the log's pages ended, and far enough. */
static bool is_remembered(const struct a2a_follow *follow)
{
    return follow->upto >= observer_complete_from(follow->observer) &&
           (follow->upto >= follow->wanted || observer_newest(follow->observer) >= follow->wanted);
}

static void go_live(struct a2a_follow *follow)
{
    const struct heard *heard;
    uint64_t from = follow->upto;
    follow->live = true;
    for (heard = observer_first(follow->observer); heard; heard = TAILQ_NEXT(heard, next))
        if (heard->seq > from && !take_heard(follow, heard))
            return;
    a2a_task_settle(follow->task);
    if (!events_tell(follow) || follow->ready)
        return;
    follow->ready = follow->telling = true;
    follow->follower->ready(follow, follow->data);
    told(follow);
}

/* Where a session begins in the log. */
static void begin_keep(struct a2a_follow *follow, uint64_t seq)
{
    json_t *begins = follow->door->begins;
    if (json_object_size(begins) >= BEGINS_MAX)
        json_object_clear(begins);
    if (!json_object_get(begins, follow->id))
        json_object_set_new(begins, follow->id, json_integer((json_int_t)seq));
}

/* It may be another time. */
static bool is_trouble(const struct a2a_follow *follow, const struct agent_answer *answer)
{
    enum a2a_error error = a2a_error_of(answer);
    return (error == A2A_UNAVAILABLE || error == A2A_TOO_MUCH) &&
           !agent_ended(observer_agent(follow->observer));
}

static void on_log(const struct agent_answer *answer, void *data)
{
    struct a2a_follow *follow = data;
    struct json_value payload = json_value_of(answer->text), one;
    struct json_iterator messages = {.rest = json_get(payload, "messages").raw};
    uint64_t upto = 0, seq = 0;
    if (is_over(follow))
        return;
    if (follow->again) {
        follow_begin(follow);
        return;
    }
    if (!answer->good) {
        if (is_trouble(follow, answer))
            wait(follow, TROUBLE_MS);
        else
            fail(follow, answer);
        return;
    }
    while (json_next_element(&messages, &one)) {
        struct slice line = json_get(one, "message").raw;
        json_u64(json_get(one, "seq"), &seq);
        if (!is_ours(follow, line))
            continue;
        if (!follow->ready)
            begin_keep(follow, seq);
        take(follow, seq, line);
        if (!events_tell(follow))
            return;
    }
    bool kept = json_get(payload, "kept").kind == JSON_KIND_TRUE;
    bool whole = json_get(payload, "whole").kind == JSON_KIND_TRUE;
    json_u64(json_get(payload, "upto"), &upto);
    if (!kept) /* it knows what it hears */
        upto = observer_complete_from(follow->observer);
    bool came = upto > follow->upto;
    follow->upto = came ? upto : follow->upto;
    if (is_remembered(follow))
        go_live(follow);
    else if (came && !whole)
        log_ask(follow);
    else
        wait(follow, AGAIN_MS);
}

static void log_ask(struct a2a_follow *follow)
{
    char payload[160];
    snprintf(payload, sizeof payload, "{\"session\":\"%s\",\"after\":%" PRIu64 ",\"limit\":%d}",
             follow->id, follow->upto, PAGE_LIMIT);
    follow->asking = true;
    observer_ask_log(follow->observer, payload, on_log, follow);
}

/* Who was told of it already waits for more, as long as the hub is away. */
static void begin_failed(struct a2a_follow *follow, const struct agent_answer *answer)
{
    follow->again = follow->ready && is_trouble(follow, answer);
    if (follow->again)
        wait(follow, TROUBLE_MS);
    else
        fail(follow, answer);
}

static void on_session(const struct agent_answer *answer, void *data)
{
    static const struct agent_answer none = {
        .type = "", .code = "unknown_session", .why = "there is no such task", .message_id = ""};
    struct a2a_follow *follow = data;
    json_error_t fault;
    if (is_over(follow))
        return;
    if (follow->again) {
        follow_begin(follow);
        return;
    }
    if (!answer->good) {
        begin_failed(follow, answer);
        return;
    }
    struct slice session = json_get(json_value_of(answer->text), "session").raw;
    json_t *read = json_loadb(session.at, session.len, JSON_ALLOW_NUL, &fault);
    bool first = !follow->task;
    if (first)
        follow->task = a2a_task_new(read);
    else
        a2a_task_now(follow->task, read);
    json_decref(read);
    if (!follow->task) {
        fail(follow, &none);
        return;
    }
    json_int_t begins = json_integer_value(json_object_get(follow->door->begins, follow->id));
    if (first)
        follow->upto = begins > 0 ? (uint64_t)begins - 1 : 0;
    log_ask(follow);
}

static void on_joined(const struct agent_answer *answer, void *data)
{
    struct a2a_follow *follow = data;
    if (is_over(follow))
        return;
    if (!answer->good) {
        begin_failed(follow, answer);
        return;
    }
    char payload[96];
    snprintf(payload, sizeof payload, "{\"id\":\"%s\"}", follow->id);
    follow->asking = true;
    agent_ask_text(observer_agent(follow->observer), "session_query", payload, NULL, on_session,
                   follow);
}

static void follow_begin(struct a2a_follow *follow)
{
    if (!follow->ready) { /* nobody was told of it: all is read anew */
        a2a_task_free(follow->task);
        follow->task = NULL;
        follow->upto = 0;
    }
    follow->live = follow->again = false;
    follow->asking = true;
    agent_join(observer_agent(follow->observer), on_joined, follow);
}

/* ── what the observer hears ── */

static void on_heard(struct watcher *watcher, const struct heard *heard)
{
    struct a2a_follow *follow = (struct a2a_follow *)watcher;
    if (follow->live)
        take_heard(follow, heard);
    else if (follow->task && !follow->asking)
        wait(follow, 0);
}

static void on_torn(struct watcher *watcher, uint64_t upto)
{
    struct a2a_follow *follow = (struct a2a_follow *)watcher;
    if (upto < follow->upto) /* a hub that began anew, and its seqs with it */
        follow->upto = upto;
    follow->live = false;
    follow->again = true;
    if (follow->id[0] && !follow->asking)
        wait(follow, 0);
}

static void on_ended(struct watcher *watcher)
{
    struct a2a_follow *follow = (struct a2a_follow *)watcher;
    const struct agent *agent = observer_agent(follow->observer);
    if (follow->id[0] && !follow->asking)
        fail(follow, &(struct agent_answer){
                         .type = "", .code = agent_code(agent), .why = agent_why(agent)});
}

struct a2a_follow *a2a_follow_new(struct a2a_door *door, struct observer *observer,
                                  const struct a2a_follower *follower, void *data)
{
    struct a2a_follow *follow = calloc(1, sizeof *follow);
    if (!follow)
        return NULL;
    follow->watcher = (struct watcher){on_heard, on_torn, on_ended, {0}};
    follow->door = door;
    follow->observer = observer;
    follow->follower = follower;
    follow->data = data;
    uv_timer_init(door->options.loop, &follow->timer);
    follow->timer.data = follow;
    observer_hold_on(observer);
    observer_watch(observer, &follow->watcher);
    return follow;
}

void a2a_follow_go(struct a2a_follow *follow, const char *session, uint64_t seq)
{
    snprintf(follow->id, sizeof follow->id, "%s", session);
    follow->wanted = seq;
    follow_begin(follow);
}

const struct a2a_task *a2a_follow_task(const struct a2a_follow *follow)
{
    return follow->task;
}
