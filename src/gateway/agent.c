#include "gateway/agent_inside.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "gateway/bounds.h"
#include "gateway/peer_json.h"
#include "khub_uv.h"
#include "wire/clock.h"
#include "wire/concern.h"
#include "wire/json.h"
#include "wire/text.h"
#include "wire/types.h"

#define FLUSH_MS 3000 /* for what is queued when an agent is closed */
#define TICK_MS  250

/* ── what the hub says ── */

static void tell_changed(struct agent *agent)
{
    if (agent->callbacks.changed)
        agent->callbacks.changed(agent, agent->data);
}

static void on_known(const struct agent_answer *answer, void *data)
{
    (void)answer, (void)data;
}

static void keep_sync(struct agent *agent, const struct khub_message *message)
{
    json_t *sync = peer_json((struct slice){message->payload.at, message->payload.len});
    if (!sync)
        return;
    json_object_del(sync, "global_knowledge_base");
    json_decref(agent->sync);
    agent->sync = sync;
    uint64_t seq = (uint64_t)json_integer_value(json_object_get(sync, "seq"));
    uint64_t cursor = khub_cursor(agent->link);
    struct mailbox *mailbox = &agent->mailbox;
    if (mailbox->acked == 0 ||
        seq < mailbox->acked) { /* our first; or the hub's, which kept nothing */
        mailbox_free(mailbox);
        if (mailbox_init(mailbox, &(struct mail_past){.acked = cursor ? cursor : seq}) < 0)
            return;
    }
    mailbox_skip(mailbox, cursor);
    if (!agent->observer)
        khub_set_cursor(agent->link, mailbox->acked);
    const char *token = khub_resume_token(agent->link);
    snprintf(agent->resume_token, sizeof agent->resume_token, "%s", token);
    agent->joined = agent->joined_once = true;
    agent->why[0] = agent->code[0] = '\0';
    if (!agent->observer &&
        mailbox->acked > (uint64_t)json_integer_value(json_object_get(sync, "cursor")))
        agent_tell_cursor(agent, on_known, NULL); /* a hello tells less: what it has whole */
    tell_changed(agent);
    questions_say_again(agent);
    questions_end(agent, QUESTION_JOIN, NULL);
}

/* By the hub's last word on it. */
static bool is_unauthorized(const struct agent *agent)
{
    return strcmp(agent->code, wire_error_code(WIRE_UNAUTHORIZED)) == 0;
}

/* What becomes of a message that answers nothing. An error is of an earlier message's, or of
 * nothing we said. */
static enum concern concern(const struct agent *agent, const struct khub_message *message,
                            struct json_value payload)
{
    if (strcmp(message->type.at, "error") == 0)
        return agent->joined && !is_unauthorized(agent) ? CONCERN_OWN : CONCERN_NONE;
    return concern_of(slice_of(agent_id(agent)), slice_of(message->sender_id.at),
                      slice_of(message->type.at), slice_of(message->target_ai.at), payload);
}

/* Is it of who is there, of what one has a right to, or of a session? */
static bool is_notice(const struct khub_message *message)
{
    static const enum message_type types[] = {
        MESSAGE_HELLO,
        MESSAGE_PRESENCE,
        MESSAGE_LEASE,
        MESSAGE_COLLABORATION_REQUEST,
        MESSAGE_COLLABORATION_RESPONSE,
        MESSAGE_COLLABORATION_UPDATE,
        MESSAGE_WORKSPACE_UPDATE,
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(message->type.at, message_type_text(types[i])) == 0)
            return true;
    return false;
}

/* What the hub says before it closes the link, or refuses it. */
static void keep_code(struct agent *agent, struct json_value payload)
{
    struct json_value code = json_get(payload, "code");
    long len =
        code.kind == JSON_KIND_STRING ? json_decode(code, agent->code, sizeof agent->code - 1) : -1;
    agent->code[len > 0 ? len : 0] = '\0';
}

static void receive(struct agent *agent, const struct khub_message *message, bool directed)
{
    struct mail entry = {
        .seq = message->seq,
        .message_id = message->message_id.at,
        .sender = message->sender_id.at,
        .type = message->type.at,
        .target = message->target_ai.at,
        .timestamp = message->timestamp.at,
        .payload = message->payload.at,
        .payload_len = message->payload.len,
        .directed = directed,
    };
    if (mailbox_add(&agent->mailbox, &entry) == 0 && agent->callbacks.received)
        agent->callbacks.received(agent, &entry, agent->data);
}

static void on_message(struct khub *link, const struct khub_message *message, void *data)
{
    struct agent *agent = data;
    struct json_value payload =
        json_value_of((struct slice){message->payload.at, message->payload.len});
    (void)link;
    if (strcmp(message->type.at, "training_sync") == 0) {
        keep_sync(agent, message);
        return;
    }
    bool answer = questions_answered(agent, message, payload);
    if (answer && (!agent->observer || message->target_ai.len > 0))
        return; /* what is for all an observer's owner is told besides */
    if (!answer && strcmp(message->type.at, "error") == 0)
        keep_code(agent, payload);
    if (agent->observer) {
        if (agent->callbacks.heard)
            agent->callbacks.heard(agent, message, agent->data);
        return;
    }
    enum concern is = concern(agent, message, payload);
    if (is == CONCERN_ALL || is == CONCERN_OWN)
        receive(agent, message, is == CONCERN_OWN);
    if (is_notice(message) && agent->callbacks.noticed)
        agent->callbacks.noticed(agent, message, agent->data);
}

static void agent_free_begin(struct agent *agent);

static void on_state(struct khub *link, enum khub_state state, int error, const char *detail,
                     void *data)
{
    struct agent *agent = data;
    (void)link;
    if (error != 0) {
        agent->joined = false;
        if (error != KHUB_E_REFUSED)
            agent->code[0] = '\0';
        snprintf(agent->why, sizeof agent->why, "%s", *detail ? detail : khub_error_text(error));
    }
    if (error != 0)
        questions_lost(agent);
    /* a hub that was there may be back soon; this one not */
    if (error != 0 && state == KHUB_WAITING && !agent->joined_once)
        questions_end(agent, QUESTION_JOIN, agent->why);
    if (state != KHUB_ENDED)
        return;
    agent->ended = true;
    agent->joined = false;
    if (is_unauthorized(agent) && agent->callbacks.unauthorized)
        agent->callbacks.unauthorized(agent, agent->data);
    questions_fail(agent, agent->why[0] ? agent->why : "this AI has left the hub");
    if (agent->closing)
        agent_free_begin(agent);
    else if (agent->callbacks.ended)
        agent->callbacks.ended(agent, agent->data);
}

/* ── time ── */

static void on_tick(uv_timer_t *timer)
{
    struct agent *agent = timer->data;
    int64_t now = time_monotonic_ms();
    questions_expire(agent, now);
    if (agent->closing && now >= agent->close_until)
        agent_free_begin(agent);
    else if (!agent->closing && TAILQ_EMPTY(&agent->questions))
        uv_timer_stop(timer);
}

void agent_tick(struct agent *agent)
{
    uv_timer_start(&agent->timer, on_tick, TICK_MS, TICK_MS);
}

/* ── its beginning and end ── */

int agent_new(uv_loop_t *loop, const struct khub_options *options, const struct mail_past *past,
              const struct agent_callbacks *callbacks, void *data, struct agent **ret_seat)
{
    struct agent *agent = calloc(1, sizeof *agent);
    if (!agent)
        return KHUB_E_NO_MEMORY;
    struct khub_options own = *options;
    own.level = 2;
    own.acks = own.resume = true;
    own.since = past ? past->acked : 0;
    /* who was here by another door goes on where that was */
    own.resume_last = own.since == 0 && !own.observer;
    own.own_cursor = !own.observer; /* what lies in the mailbox nobody has read */
    own.sync_max = KHUB_SYNC_NONE;
    own.retries = 0;
    own.data = agent;
    agent->callbacks = *callbacks;
    agent->data = data;
    agent->observer = options->observer;
    TAILQ_INIT(&agent->questions);
    agent_line_init(&agent->logs, agent, "log_query");
    agent_line_init(&agent->chunks, agent, "artifact_query");
    snprintf(agent->room, sizeof agent->room, "%s", options->room ? options->room : "main");
    int error = mailbox_init(&agent->mailbox, past) < 0
                    ? KHUB_E_NO_MEMORY
                    : khub_new(&own, &(struct khub_callbacks){on_message, on_state}, &agent->link);
    if (error == 0 && (error = khub_uv_start(loop, agent->link, &agent->adapter)) < 0)
        khub_free(agent->link);
    if (error < 0) {
        mailbox_free(&agent->mailbox);
        free(agent);
        return error;
    }
    uv_timer_init(loop, &agent->timer);
    agent->timer.data = agent;
    *ret_seat = agent;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct agent *agent = handle->data;
    khub_free(agent->link);
    mailbox_free(&agent->mailbox);
    json_decref(agent->sync);
    free(agent);
}

/* Of the link's callbacks, too: it is freed when the loop has closed the timer. */
static void agent_free_begin(struct agent *agent)
{
    if (!agent->adapter)
        return; /* begun already */
    khub_uv_stop(agent->adapter);
    agent->adapter = NULL;
    uv_close((uv_handle_t *)&agent->timer, on_closed);
}

void agent_close(struct agent *agent, bool leaves)
{
    if (!agent || agent->closing)
        return;
    agent->closing = true;
    agent->callbacks = (struct agent_callbacks){0};
    questions_fail(agent, "this AI has left the hub");
    if (agent->ended || agent->observer) { /* who looks on has nothing that must yet be sent */
        agent_free_begin(agent);
        return;
    }
    agent->close_until = time_monotonic_ms() + FLUSH_MS;
    agent_tick(agent);
    if (leaves)
        khub_leave(agent->link);
    else
        khub_close(agent->link);
}

/* ── what an AI does ── */

struct agent_line *agent_logs(struct agent *agent)
{
    return &agent->logs;
}

struct agent_line *agent_chunks(struct agent *agent)
{
    return &agent->chunks;
}

struct mailbox *agent_mailbox(struct agent *agent)
{
    return &agent->mailbox;
}

void agent_showed(struct agent *agent)
{
    tell_changed(agent);
}

size_t agent_ack(struct agent *agent, uint64_t seq)
{
    uint64_t before = agent->mailbox.acked;
    size_t count = mailbox_ack(&agent->mailbox, seq);
    if (!agent->ended)
        khub_set_cursor(agent->link, agent->mailbox.acked);
    if (count > 0 || agent->mailbox.acked != before)
        tell_changed(agent);
    return count;
}

const char *agent_id(const struct agent *agent)
{
    return khub_ai_id(agent->link);
}

const char *agent_room(const struct agent *agent)
{
    return agent->room;
}

const char *agent_resume_token(const struct agent *agent)
{
    return agent->resume_token;
}

bool agent_joined(const struct agent *agent)
{
    return agent->joined;
}

bool agent_ended(const struct agent *agent)
{
    return agent->ended || agent->closing;
}

const char *agent_why(const struct agent *agent)
{
    return agent->joined ? "" : agent->why;
}

const char *agent_code(const struct agent *agent)
{
    return agent->ended || !agent->joined ? agent->code : "";
}

const json_t *agent_sync(const struct agent *agent)
{
    return agent->sync;
}
