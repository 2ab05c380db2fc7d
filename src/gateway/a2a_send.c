/* SendMessage and SendStreamingMessage: a message begins a session with an AI, or is said in one;
 * then the caller is told what becomes of it. */
#include <stdlib.h>
#include <string.h>

#include "gateway/a2a_inside.h"
#include "wire/shown.h"

#define DESCRIPTION_MAX 1000u /* bytes of the message's text that stand in the offer */

/* ── what is to be said ── */

static const char *member_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

/* NULL: the message is one. */
static const char *message_fault(const json_t *message)
{
    static const char *const texts[] = {"messageId", "contextId", "taskId"};
    if (!json_is_object(message))
        return "message must be an object";
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const json_t *text = json_object_get(message, texts[i]);
        if (text && !json_is_string(text) && !json_is_null(text))
            return "messageId, contextId and taskId of a message must be strings";
    }
    if (!*member_text(message, "messageId"))
        return "message.messageId is missing";
    if (strcmp(member_text(message, "role"), "ROLE_USER") != 0)
        return "message.role must be ROLE_USER (in 0.3 user)";
    const json_t *metadata = json_object_get(message, "metadata");
    if (metadata && !json_is_object(metadata) && !json_is_null(metadata))
        return "message.metadata must be an object";
    const char *context = member_text(message, "contextId");
    if (strlen(context) > A2A_CONTEXT_MAX)
        return "message.contextId is longer than 59 bytes";
    for (; *context; context++)
        if ((unsigned char)*context <= ' ' || (unsigned char)*context >= 0x7f)
            return "message.contextId must be of ASCII without blanks";
    return NULL;
}

/* A chat's payload, but for the session. Takes parts. */
static json_t *payload_new(const json_t *message, json_t *parts)
{
    static const char *const more[] = {"messageId", "metadata", "extensions", "referenceTaskIds"};
    json_t *a2a = json_object();
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        json_t *value = json_object_get(message, more[i]);
        if (value && !json_is_null(value))
            json_object_set(a2a, more[i], value);
    }
    json_t *text = a2a_parts_text(parts);
    json_object_set_new(a2a, "parts", parts);
    return json_pack("{s:o,s:o}", "text", text, "a2a", a2a);
}

/* False, and it was refused. */
static bool wishes_read(struct a2a_call *call)
{
    const json_t *wishes = json_object_get(call->params, "configuration");
    json_int_t history;
    if (wishes && !json_is_object(wishes) && !json_is_null(wishes)) {
        a2a_refuse(call, A2A_INVALID_PARAMS, "configuration must be an object");
        return false;
    }
    const json_t *push = json_object_get(wishes, "taskPushNotificationConfig");
    bool pushes = push && !json_is_null(push);
    if (pushes && !call->door->options.webhooks) {
        a2a_refuse(call, A2A_PUSH_NOT_SUPPORTED, "this agent sends no push notifications");
        return false;
    }
    const char *fault = pushes ? a2a_push_fault(call, push) : NULL;
    if (fault) {
        a2a_refuse(call, A2A_INVALID_PARAMS, "%s", fault);
        return false;
    }
    return a2a_whole(call, wishes, "historyLength", 0, INT32_MAX, &history);
}

/* ── whose it is ── */

/* How well what an AI can do fits: the skill that was named; or how much of it the text names. */
static unsigned fit_of(const json_t *member, const char *skill, const char *text)
{
    const json_t *one, *capabilities = json_object_get(member, "capabilities");
    unsigned fit = 0;
    size_t i;
    json_array_foreach(capabilities, i, one)
    {
        const char *name = json_string_value(one);
        if (!name || !*name || strcmp(name, A2A_WANTED) == 0)
            continue;
        fit += *skill ? strcmp(name, skill) == 0 : strcasestr(text, name) != NULL;
    }
    return fit;
}

/* The AI that fits best; of several the one with the fewest sessions. NULL: there is none. */
static const char *choose(const struct a2a_call *call)
{
    const json_t *message = json_object_get(call->params, "message");
    const char *skill = member_text(json_object_get(message, "metadata"), "skill");
    const char *ai_id, *best = NULL;
    unsigned best_fit = 0;
    json_int_t best_load = 0;
    json_t *member;
    json_object_foreach(call->members, ai_id, member)
    {
        unsigned fit = fit_of(member, skill, member_text(call->said, "text"));
        json_int_t load = json_integer_value(json_object_get(member, "sessions"));
        if (*skill && fit == 0)
            continue;
        if (best && (fit < best_fit || (fit == best_fit && load >= best_load)))
            continue;
        best = ai_id;
        best_fit = fit;
        best_load = load;
    }
    return best;
}

/* ── the session ── */

/* Not a word of it stays unanswered there. */
static void nobody_waits(const struct agent_answer *answer, void *data)
{
    (void)answer, (void)data;
}

static void on_said(const struct agent_answer *answer, void *data)
{
    struct a2a_call *call = data;
    bool began = !*member_text(json_object_get(call->params, "message"), "taskId");
    if (!answer->good && began && !agent_ended(a2a_agent(call)))
        agent_say(a2a_agent(call), "collaboration_update",
                  json_pack("{s:s,s:s}", "session_id", call->session, "status", "cancelled"), NULL,
                  nobody_waits, NULL);
    a2a_spoken(call);
    if (a2a_lost(call, answer))
        return;
    const json_t *wishes = json_object_get(call->params, "configuration");
    const json_t *push = json_object_get(wishes, "taskPushNotificationConfig");
    if (json_is_object(push))
        a2a_push_begin(call, push); /* or, of too many, not */
    a2a_answer_task(call, answer->seq, !json_is_true(json_object_get(wishes, "returnImmediately")));
}

static void say(struct a2a_call *call)
{
    json_object_set_new(call->said, "session_id", json_string(call->session));
    agent_say(a2a_agent(call), "chat", json_incref(call->said), call->tenant, on_said, call);
}

static void on_opened(const struct agent_answer *answer, void *data)
{
    struct a2a_call *call = data;
    if (!answer->good)
        a2a_spoken(call);
    if (a2a_lost(call, answer))
        return;
    snprintf(call->session, sizeof call->session, "%s", member_text(answer->payload, "session_id"));
    say(call);
}

/* Cut where a character begins. */
static json_t *description_of(const struct a2a_call *call)
{
    const json_t *text = json_object_get(call->said, "text");
    const char *at = json_string_value(text);
    size_t len = json_string_length(text);
    if (len > DESCRIPTION_MAX)
        for (len = DESCRIPTION_MAX; len > 0 && ((unsigned char)at[len] & 0xc0) == 0x80;)
            len--;
    return json_stringn(at, len);
}

static void open_session(struct a2a_call *call)
{
    const json_t *message = json_object_get(call->params, "message");
    char type[sizeof A2A_SESSION_TYPE + A2A_CONTEXT_MAX], made[UUID_SIZE];
    const char *context = member_text(message, "contextId");
    unsigned char random[16];
    if (!*context && uv_random(NULL, NULL, random, sizeof random, 0, NULL) == 0) {
        uuid_format(random, made);
        context = made;
    }
    snprintf(type, sizeof type, A2A_SESSION_TYPE "%s", context);
    agent_ask(a2a_agent(call), "collaboration_request",
              json_pack("{s:s,s:o,s:s}", "type", type, "description", description_of(call),
                        "target_ai", call->tenant),
              on_opened, call);
}

static void members_known(struct a2a_call *call)
{
    const char *chosen = call->tenant[0] ? call->tenant : choose(call);
    if (!chosen) {
        a2a_refuse(call, A2A_UNSUPPORTED_OPERATION, "no AI is here that takes this task");
    } else if (!json_object_get(call->members, chosen)) {
        a2a_refuse(call, A2A_INVALID_PARAMS, "no AI %s is here and takes tasks", SHOWN(chosen));
    } else {
        if (!call->tenant[0])
            snprintf(call->tenant, sizeof call->tenant, "%s", chosen);
        a2a_speak(call, open_session);
    }
}

/* It is to be said in this one. */
static void on_task(struct a2a_call *call, struct a2a_task *task)
{
    const char *context = member_text(json_object_get(call->params, "message"), "contextId");
    bool ends = a2a_state_ends(task->told), same = !*context || !strcmp(context, task->context);
    snprintf(call->tenant, sizeof call->tenant, "%s", task->tenant);
    a2a_task_free(task);
    if (!same)
        a2a_refuse(call, A2A_INVALID_PARAMS, "message.contextId is not that of the task");
    else if (ends)
        a2a_refuse(call, A2A_UNSUPPORTED_OPERATION, "the task has ended: begin another");
    else
        a2a_speak(call, say);
}

static void observed(struct a2a_call *call)
{
    const char *task = member_text(json_object_get(call->params, "message"), "taskId");
    if (*task)
        a2a_task_find(call, task, on_task);
    else
        a2a_members(call, members_known);
}

void a2a_send(struct a2a_call *call)
{
    const json_t *message = json_object_get(call->params, "message");
    const char *why = message_fault(message);
    json_t *parts = why ? NULL : a2a_parts_read(json_object_get(message, "parts"), &why);
    if (!parts) {
        a2a_refuse(call, A2A_INVALID_PARAMS, "%s", why);
        return;
    }
    call->said = payload_new(message, parts);
    if (wishes_read(call))
        a2a_observe(call, observed);
}
