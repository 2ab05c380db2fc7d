/* What was said in a room: a page of it, which may be waited for, or a stream of events without a
 * gap or a double: the past by log_query, then what the observer hears.
 *
 * A place in the stream is a seq and how many messages of it were told, for the hub may say several
 * under one seq. An event's id is "seq", of the second of them "seq.2". What passes the filter is
 * counted alone: whoever resumes asks with the same one. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/bounds.h"
#include "gateway/rest_inside.h"
#include "wire/shown.h"

#define WHOLE        UINT32_MAX /* all messages of a seq */
#define PAGE_PRESET  200
#define AGAIN_MS     200          /* until what can't be read yet is asked for again */
#define TROUBLE_MS   1000         /* the same when the hub can't be asked */
#define STREAM_AHEAD (256u << 10) /* bytes that a reader of the past may be behind */
#define DRAIN_MS     20           /* until it is looked at again */

struct past {
    struct watcher watcher; /* first */
    struct rest_call *call; /* NULL: it is over, an answer of the hub's is awaited */
    struct observer *observer;
    struct message_filter filter;
    uv_timer_t timer;
    bool asking; /* a page is awaited */

    /* Of a page that waits. */
    uint64_t until; /* of the loop's clock */
    bool came;      /* something passed since it was asked for */

    /* Of a stream. */
    uint64_t seq;    /* told up to here, */
    uint32_t count;  /* of this seq so many, or WHOLE */
    uint64_t at_seq; /* the same of what is offered to it */
    uint32_t at_count;
    bool live;                     /* all that was heard was told */
    bool checked;                  /* the hub has come as far as that seq */
    char *page;                    /* being told; owned; NULL: none */
    struct json_iterator messages; /* of it, yet to be told */
    uint64_t upto;
};

/* ── what both share ── */

static int filter_read(struct rest_call *call, struct message_filter *filter)
{
    const json_t *types = json_object_get(call->arguments, "types"), *one;
    const struct {
        const char *name;
        char *to;
        size_t *len;
    } texts[] = {{"sender", filter->sender, &filter->sender_len},
                 {"target", filter->target, &filter->target_len},
                 {"session", filter->session, &filter->session_len}};
    size_t i;
    json_array_foreach(types, i, one)
    {
        enum message_type type;
        if (message_type_find(slice_of(json_string_value(one)), &type) < 0) {
            char shown[64];
            shown_format(slice_of(json_string_value(one)), shown, sizeof shown);
            rest_refuse(call, 400, "bad_request", "'types' has '%s', which is no message type",
                        shown);
            return -1;
        }
        message_types_add(&filter->types, type);
    }
    for (i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *text = rest_text(call, texts[i].name);
        *texts[i].len = strlen(text); /* at most WIRE_ID_MAX */
        memcpy(texts[i].to, text, *texts[i].len);
    }
    return 0;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct past *past = handle->data;
    free(past->page);
    free(past);
}

/* Of a request that is answered, or gone. What the hub has yet to answer comes to nothing. */
static void past_end(struct past *past)
{
    observer_unwatch(past->observer, &past->watcher);
    past->call->data = NULL;
    past->call = NULL;
    uv_timer_stop(&past->timer);
    if (!past->asking)
        uv_close((uv_handle_t *)&past->timer, on_timer_closed);
}

/* True: nobody waits for this answer any more. */
static bool past_is_over(struct past *past)
{
    past->asking = false;
    if (past->call)
        return false;
    uv_close((uv_handle_t *)&past->timer, on_timer_closed);
    return true;
}

static void on_gone(struct rest_call *call)
{
    past_end(call->data);
    rest_call_free(call);
}

/* NULL: it was answered. */
static struct past *past_new(struct rest_call *call)
{
    struct past *past = calloc(1, sizeof *past);
    if (!past) {
        rest_refuse(call, 503, "service_unavailable", "out of memory");
        return NULL;
    }
    if (filter_read(call, &past->filter) < 0) {
        free(past);
        return NULL;
    }
    past->call = call;
    past->observer = call->observer;
    call->data = past;
    call->gone = on_gone;
    uv_timer_init(call->door->loop, &past->timer);
    past->timer.data = past;
    return past; /* to be watched by */
}

/* after: in the place of the call's since. */
static void past_ask(struct past *past, uint64_t after, json_int_t limit, agent_callback *answered)
{
    static const char *const names[] = {"until", "sender", "target", "types", "session", NULL};
    json_t *payload = rest_pick(past->call, names);
    json_object_set_new(payload, "after", json_integer((json_int_t)after));
    json_object_set_new(payload, "limit", json_integer(limit));
    char *text = json_dumps(payload, JSON_COMPACT);
    past->asking = true;
    past->came = false;
    observer_ask_log(past->observer, text ? text : "{}", answered, past);
    free(text);
    json_decref(payload);
}

/* Why it can't go on: the link is at its end. */
static struct agent_answer end_of(const struct past *past)
{
    const struct agent *agent = observer_agent(past->observer);
    return (struct agent_answer){.type = "", .code = agent_code(agent), .why = agent_why(agent)};
}

/* ── a page ── */

static void page_ask(struct past *past);

static void on_page_time(uv_timer_t *timer)
{
    struct past *past = timer->data;
    if (!past->asking)
        page_ask(past);
}

static void page_wait(struct past *past, uint64_t ms)
{
    uint64_t now = uv_now(past->timer.loop), left = past->until > now ? past->until - now : 0;
    uv_timer_start(&past->timer, on_page_time, ms < left ? ms : left, 0);
}

static void page_refuse(struct past *past, const struct agent_answer *answer)
{
    struct rest_call *call = past->call;
    past_end(past);
    rest_refused(call, answer);
}

static void page_tell(struct past *past, struct slice payload)
{
    static const char *const but[] = {"in_reply_to", NULL};
    struct rest_call *call = past->call;
    struct text text = {0};
    text_add_literal(&text, "{");
    rest_add_members(&text, "", payload, but);
    text_add_literal(&text, "}");
    past_end(past);
    rest_reply(call, &text);
}

/* Nothing is there yet, and something may come. */
static bool page_is_empty(struct json_value payload)
{
    struct json_iterator messages = {.rest = json_get(payload, "messages").raw};
    struct json_value one;
    return !json_next_element(&messages, &one) &&
           json_get(payload, "whole").kind == JSON_KIND_TRUE &&
           json_get(payload, "kept").kind == JSON_KIND_TRUE;
}

static void on_page(const struct agent_answer *answer, void *data)
{
    struct past *past = data;
    if (past_is_over(past))
        return;
    if (!answer->good)
        page_refuse(past, answer);
    else if (uv_now(past->timer.loop) >= past->until || !page_is_empty(json_value_of(answer->text)))
        page_tell(past, answer->text);
    else
        page_wait(past, past->came ? AGAIN_MS : UINT64_MAX);
}

static void page_ask(struct past *past)
{
    past_ask(past, (uint64_t)rest_whole(past->call, "since", 0),
             rest_whole(past->call, "limit", PAGE_PRESET), on_page);
}

static void page_heard(struct watcher *watcher, const struct heard *heard)
{
    struct past *past = (struct past *)watcher;
    if (!heard_passes(heard, &past->filter))
        return;
    past->came = true;
    if (!past->asking)
        page_wait(past, 0);
}

static void page_torn(struct watcher *watcher, uint64_t upto)
{
    struct past *past = (struct past *)watcher;
    (void)upto;
    if (!past->asking)
        page_wait(past, 0); /* it will tell what there is */
}

static void page_ended(struct watcher *watcher)
{
    struct past *past = (struct past *)watcher;
    struct agent_answer end = end_of(past);
    page_refuse(past, &end);
}

void rest_messages_list(struct rest_call *call)
{
    struct past *past = past_new(call);
    if (!past)
        return;
    past->watcher = (struct watcher){page_heard, page_torn, page_ended, {0}};
    past->until = uv_now(past->timer.loop) + (uint64_t)rest_whole(call, "wait_s", 0) * 1000;
    observer_watch(past->observer, &past->watcher);
    page_ask(past);
}

/* ── a stream ── */

static bool event_send(struct past *past, const char *event, const char *id, struct slice data)
{
    struct rest_call *call = past->call;
    if (http_stream_event(call->request, slice_of(event), id ? slice_of(id) : (struct slice){0},
                          data))
        return true;
    call->request = NULL; /* it will come back with the id of the last that it has */
    on_gone(call);
    return false;
}

/* Says that something is missing. False: the reader is gone. */
static bool gap_tell(struct past *past, uint64_t since, uint64_t first, uint64_t damaged)
{
    struct text text = {0};
    text_addf(&text, "{\"code\":\"replay_truncated\",\"since\":%" PRIu64 ",\"first\":%" PRIu64,
              since, first);
    if (damaged)
        text_addf(&text, ",\"damaged\":%" PRIu64, damaged);
    text_add_literal(&text, "}");
    bool sent = event_send(past, "replay_truncated", NULL, text_slice(&text));
    text_free(&text);
    return sent;
}

static void stream_fail(struct past *past, const struct agent_answer *why)
{
    struct rest_call *call = past->call;
    struct text text = {0};
    rest_error_write(&text, why);
    bool sent = event_send(past, "error", NULL, text_slice(&text));
    text_free(&text);
    if (!sent)
        return;
    http_request_on_gone(call->request, NULL, NULL);
    http_stream_end(call->request);
    call->request = NULL;
    on_gone(call);
}

/* A message that passes; they come in order, but perhaps again. False: the reader is gone. */
static bool offer(struct past *past, uint64_t seq, const char *type, struct slice line)
{
    char id[2 * U64_SIZE];
    if (seq != past->at_seq)
        past->at_count = 0;
    past->at_seq = seq;
    past->at_count++;
    if (seq < past->seq || (seq == past->seq && past->at_count <= past->count))
        return true;
    past->seq = seq;
    past->count = past->at_count;
    snprintf(id, sizeof id, past->count > 1 ? "%" PRIu64 ".%u" : "%" PRIu64, seq, past->count);
    return event_send(past, type, id, line);
}

static void stream_go(struct past *past);

static void on_stream_time(uv_timer_t *timer)
{
    stream_go(timer->data);
}

/* Its reader has so much to take that the rest waits. */
static bool is_behind(struct past *past)
{
    if (http_stream_waiting(past->call->request) <= STREAM_AHEAD)
        return false;
    uv_timer_start(&past->timer, on_stream_time, DRAIN_MS, 0);
    return true;
}

/* What the observer remembers reaches back to where the reader is. */
static bool is_remembered(const struct past *past)
{
    uint64_t from = observer_complete_from(past->observer);
    return (past->checked || past->seq <= observer_newest(past->observer)) &&
           (past->seq > from || (past->seq == from && past->count == WHOLE));
}

/* False: not all of it yet. */
static bool tell_remembered(struct past *past)
{
    const struct heard *heard;
    past->at_seq = 0;
    for (heard = observer_first(past->observer); heard; heard = TAILQ_NEXT(heard, next)) {
        if (heard_passes(heard, &past->filter) &&
            !offer(past, heard->seq, message_type_text(heard->type), heard->line))
            return false;
        if (is_behind(past))
            return false;
    }
    past->live = true;
    return true;
}

/* Of the page that is under way. False: not all of it yet. */
static bool tell_page(struct past *past)
{
    struct json_value one;
    while (json_next_element(&past->messages, &one)) {
        struct json_value message = json_get(one, "message");
        struct json_value type = json_get(message, "message_type");
        char name[64];
        uint64_t seq = 0;
        long len = json_decode(type, name, sizeof name - 1);
        name[len > 0 ? len : 0] = '\0';
        json_u64(json_get(one, "seq"), &seq);
        if (!offer(past, seq, name, message.raw))
            return false;
        if (is_behind(past))
            return false;
    }
    if (past->upto >= past->seq) {
        past->seq = past->upto;
        past->count = WHOLE;
    }
    free(past->page);
    past->page = NULL;
    return true;
}

static uint64_t number_of(struct json_value payload, const char *name)
{
    uint64_t number = 0;
    json_u64(json_get(payload, name), &number);
    return number;
}

/* The seq behind which the reader's place is asked for. */
static uint64_t after_of(const struct past *past)
{
    return past->count == WHOLE || past->seq == 0 ? past->seq : past->seq - 1;
}

/* Goes to a place that is told whole. */
static void place_set(struct past *past, uint64_t seq)
{
    past->seq = seq;
    past->count = WHOLE;
}

/* What of the past is not to be had is said. False: the reader is gone. */
static bool page_judge(struct past *past, struct json_value payload)
{
    uint64_t after = after_of(past), first = number_of(payload, "first");
    uint64_t last = number_of(payload, "last"), damaged = number_of(payload, "damaged");
    if (past->seq > last) { /* a hub that began anew */
        uint64_t since = past->seq;
        place_set(past, last);
        return gap_tell(past, since, last + 1, 0);
    }
    if (json_get(payload, "kept").kind != JSON_KIND_TRUE) {
        uint64_t from = observer_complete_from(past->observer);
        place_set(past, from > after ? from : after);
        return from <= after || gap_tell(past, after, from + 1, 0);
    }
    return (first <= after + 1 && damaged <= after) || gap_tell(past, after, first, damaged);
}

static void on_stream_page(const struct agent_answer *answer, void *data)
{
    struct past *past = data;
    if (past_is_over(past))
        return;
    if (!answer->good) {
        struct text text = {0};
        unsigned status = rest_error_write(&text, answer);
        text_free(&text);
        if ((status == 429 || status == 503) && !agent_ended(observer_agent(past->observer)))
            uv_timer_start(&past->timer, on_stream_time, TROUBLE_MS, 0);
        else
            stream_fail(past, answer);
        return;
    }
    struct json_value payload = json_value_of(answer->text);
    uint64_t before = past->seq, upto = number_of(payload, "upto");
    bool was_whole = past->count == WHOLE, kept = json_get(payload, "kept").kind == JSON_KIND_TRUE;
    past->checked = true;
    if (!page_judge(past, payload))
        return;
    if (kept && past->seq == before) {
        struct slice messages = json_get(payload, "messages").raw;
        past->page = malloc(messages.len);
        if (!past->page) {
            uv_timer_start(&past->timer, on_stream_time, TROUBLE_MS, 0);
            return;
        }
        memcpy(past->page, messages.at, messages.len);
        past->messages = (struct json_iterator){.rest = {past->page, messages.len}};
        past->upto = upto;
        past->at_seq = 0;
    }
    if (kept && upto <= before && was_whole && !is_remembered(past))
        uv_timer_start(&past->timer, on_stream_time, AGAIN_MS, 0); /* not readable yet */
    else
        stream_go(past);
}

static void stream_go(struct past *past)
{
    while (past->call && !past->live && !past->asking) {
        if (past->page) {
            if (!tell_page(past))
                return;
        } else if (is_remembered(past)) {
            if (!tell_remembered(past))
                return;
        } else {
            past_ask(past, after_of(past), PAGE_PRESET, on_stream_page);
        }
    }
}

static void stream_heard(struct watcher *watcher, const struct heard *heard)
{
    struct past *past = (struct past *)watcher;
    if (past->live && heard_passes(heard, &past->filter))
        offer(past, heard->seq, message_type_text(heard->type), heard->line);
}

static void stream_torn(struct watcher *watcher, uint64_t upto)
{
    struct past *past = (struct past *)watcher;
    uint64_t since = past->seq;
    past->checked = false;
    if (!past->live)
        return; /* its next page says so */
    place_set(past, upto);
    gap_tell(past, since, upto + 1, 0);
}

static void stream_ended(struct watcher *watcher)
{
    struct past *past = (struct past *)watcher;
    struct agent_answer end = end_of(past);
    stream_fail(past, &end);
}

/* Where the reader is: "41" (of 41 it has the first), "41.2", "41.end". -1: that is no place. */
static int place_read(struct past *past, struct slice id)
{
    char text[2 * U64_SIZE], *end;
    if (id.len == 0 || id.len >= sizeof text || id.at[0] < '0' || id.at[0] > '9')
        return -1;
    memcpy(text, id.at, id.len);
    text[id.len] = '\0';
    past->seq = strtoull(text, &end, 10);
    past->count = 1;
    if (strcmp(end, ".end") == 0)
        past->count = WHOLE;
    else if (*end == '.' && end[1] >= '1' && end[1] <= '9')
        past->count = (uint32_t)strtoul(end + 1, &end, 10);
    else if (*end)
        return -1;
    return past->count == WHOLE || !*end ? 0 : -1;
}

static int place_find(struct past *past)
{
    struct rest_call *call = past->call;
    struct slice last = http_request_header(call->request, "last-event-id");
    if (last.len == 0) {
        json_int_t since = rest_whole(call, "since", -1);
        place_set(past, since < 0 ? observer_newest(past->observer) : (uint64_t)since);
        return 0;
    }
    if (place_read(past, last) == 0)
        return 0;
    past_end(past);
    rest_refuse(call, 400, "bad_request", "Last-Event-ID is none that a stream of ours has given");
    return -1;
}

void rest_stream(struct rest_call *call)
{
    struct past *past = past_new(call);
    struct text text = {0};
    char id[2 * U64_SIZE];
    if (!past)
        return;
    past->watcher = (struct watcher){stream_heard, stream_torn, stream_ended, {0}};
    observer_watch(past->observer, &past->watcher);
    if (place_find(past) < 0)
        return;
    if (!http_stream_begin(call->request)) {
        call->request = NULL;
        on_gone(call);
        return;
    }
    snprintf(id, sizeof id, "%" PRIu64 ".end", past->seq);
    text_add_literal(&text, "{\"room\":");
    text_add_string(&text, slice_of(agent_room(observer_agent(past->observer))));
    text_addf(&text, ",\"seq\":%" PRIu64 "}", past->seq);
    bool sent = event_send(past, "begin", past->count == WHOLE ? id : NULL, text_slice(&text));
    text_free(&text);
    if (sent)
        stream_go(past);
}
