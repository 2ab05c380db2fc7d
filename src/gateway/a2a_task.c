#include "gateway/a2a_task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ── states ── */

static const struct {
    const char *text, *old;
    bool interrupts, ends;
} states[A2A_STATE_COUNT] = {
#define X(name, old, interrupts, ends) [A2A_##name] = {"TASK_STATE_" #name, old, interrupts, ends},
    A2A_STATES(X)
#undef X
};

const char *a2a_state_text(enum a2a_state state)
{
    return states[state].text;
}

const char *a2a_state_old(enum a2a_state state)
{
    return states[state].old;
}

int a2a_state_find(const char *text, enum a2a_state *ret_state)
{
    for (unsigned i = 0; i < A2A_STATE_COUNT; i++) {
        if (strcmp(text, states[i].text) == 0 || strcmp(text, states[i].old) == 0) {
            *ret_state = (enum a2a_state)i;
            return 0;
        }
    }
    return -1;
}

bool a2a_state_ends(enum a2a_state state)
{
    return states[state].ends;
}

bool a2a_state_rests(enum a2a_state state)
{
    return states[state].ends || states[state].interrupts;
}

/* Of a session. */
static int state_of(const char *status, enum a2a_state *ret_state)
{
    static const struct {
        const char *status;
        enum a2a_state state;
    } meant[] = {
        {"pending", A2A_SUBMITTED}, {"active", A2A_WORKING},   {"completed", A2A_COMPLETED},
        {"failed", A2A_FAILED},     {"abandoned", A2A_FAILED}, {"cancelled", A2A_CANCELED},
        {"declined", A2A_REJECTED}, {"expired", A2A_REJECTED},
    };
    for (size_t i = 0; i < sizeof meant / sizeof *meant; i++) {
        if (strcmp(status, meant[i].status) == 0) {
            *ret_state = meant[i].state;
            return 0;
        }
    }
    return -1;
}

/* ── parts ── */

/* base64, of either alphabet. */
static bool is_base64(const json_t *raw)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_";
    const char *text = json_string_value(raw);
    size_t len = json_string_length(raw), count = strspn(text, digits);
    return count + strspn(text + count, "=") == len && len - count < 3 && count % 4 != 1;
}

static const char *part_fault(const json_t *part)
{
    static const char *const kinds[] = {"text", "raw", "url", "data"};
    static const char *const texts[] = {"text", "raw", "url", "filename", "mediaType"};
    unsigned found = 0;
    if (!json_is_object(part))
        return "a part must be an object";
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        found += json_object_get(part, kinds[i]) != NULL;
    if (found != 1)
        return "a part must have one of text, raw, url and data";
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const json_t *text = json_object_get(part, texts[i]);
        if (text && !json_is_string(text))
            return "text, raw, url, filename and mediaType of a part must be strings";
    }
    const json_t *raw = json_object_get(part, "raw"), *more = json_object_get(part, "metadata");
    if (raw && !is_base64(raw))
        return "raw of a part must be base64";
    return more && !json_is_object(more) ? "metadata of a part must be an object" : NULL;
}

static void copy(json_t *to, const json_t *from, const char *name)
{
    json_t *value = json_object_get(from, name);
    if (value)
        json_object_set(to, name, value);
}

json_t *a2a_parts_read(const json_t *parts, const char **ret_why)
{
    static const char *const known[] = {"text",     "raw",      "url",      "data",
                                        "metadata", "filename", "mediaType"};
    json_t *part, *read = json_array();
    size_t i;
    *ret_why = json_array_size(parts) ? NULL : "parts must be an array of at least one";
    json_array_foreach(parts, i, part)
    {
        if ((*ret_why = part_fault(part)))
            break;
        json_t *one = json_object();
        for (size_t j = 0; j < sizeof known / sizeof *known; j++)
            copy(one, part, known[j]);
        json_array_append_new(read, one);
    }
    if (!*ret_why)
        return read;
    json_decref(read);
    return NULL;
}

json_t *a2a_parts_text(const json_t *parts)
{
    struct text text = {0};
    const json_t *part;
    size_t i;
    json_array_foreach(parts, i, part)
    {
        const json_t *one = json_object_get(part, "text");
        if (!one)
            continue;
        text_add_literal(&text, text.len ? "\n" : "");
        text_add(&text, (struct slice){json_string_value(one), json_string_length(one)});
    }
    json_t *whole = json_stringn(text.at ? text.at : "", text.len);
    text_free(&text);
    return whole;
}

/* ── a task ── */

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

/* "2026-11-22T08:00:00.123+00:00" as "2026-11-22T08:00:00.123Z"; what is no such thing, or not in
 * UTC, is left out. */
static void timestamp_take(const char *text, char to[TIMESTAMP_SIZE])
{
    static const char pattern[] = "dddd-dd-ddTdd:dd:dd";
    char fraction[4] = "000";
    for (size_t i = 0; i < sizeof pattern - 1; i++)
        if (pattern[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != pattern[i])
            return;
    const char *rest = text + sizeof pattern - 1;
    size_t digits = *rest == '.' ? strspn(rest + 1, "0123456789") : 0;
    memcpy(fraction, rest + 1, digits < 3 ? digits : 3);
    rest += digits ? digits + 1 : 0;
    if (strcmp(rest, "Z") == 0 || strcmp(rest, "+00:00") == 0)
        snprintf(to, TIMESTAMP_SIZE, "%.19s.%sZ", text, fraction);
}

/* That of a message, whose sender may have any clock: no state is older than the one before.
 * Written into buffer, which is returned. */
static const char *later(const struct a2a_task *task, const json_t *said,
                         char buffer[TIMESTAMP_SIZE])
{
    memcpy(buffer, task->timestamp, TIMESTAMP_SIZE);
    timestamp_take(text_of(said, "timestamp"), buffer);
    if (strcmp(buffer, task->timestamp) < 0)
        memcpy(buffer, task->timestamp, TIMESTAMP_SIZE);
    return buffer;
}

struct a2a_task *a2a_task_new(const json_t *session)
{
    const char *type = text_of(session, "type"), *id = text_of(session, "session_id");
    const char *context = type + strlen(A2A_SESSION_TYPE);
    enum a2a_state told;
    if (strncmp(type, A2A_SESSION_TYPE, strlen(A2A_SESSION_TYPE)) != 0 || !*context ||
        strlen(context) > A2A_CONTEXT_MAX || strlen(id) >= UUID_SIZE ||
        state_of(text_of(session, "status"), &told) < 0)
        return NULL;
    struct a2a_task *task = calloc(1, sizeof *task);
    if (!task)
        return NULL;
    snprintf(task->id, sizeof task->id, "%s", id);
    snprintf(task->context, sizeof task->context, "%s", context);
    snprintf(task->client, sizeof task->client, "%s", text_of(session, "initiator"));
    snprintf(task->tenant, sizeof task->tenant, "%s", text_of(session, "target"));
    task->told = told;
    timestamp_take(text_of(session, a2a_state_ends(told) ? "changed" : "created"), task->timestamp);
    task->history = json_array();
    task->artifacts = json_array();
    task->events = json_array();
    return task;
}

void a2a_task_now(struct a2a_task *task, const json_t *session)
{
    const char *changed = text_of(session, "changed");
    state_of(text_of(session, "status"), &task->told);
    timestamp_take(changed, task->changed);
}

void a2a_task_free(struct a2a_task *task)
{
    if (!task)
        return;
    json_decref(task->message);
    json_decref(task->history);
    json_decref(task->artifacts);
    json_decref(task->metadata);
    json_decref(task->events);
    free(task);
}

json_t *a2a_task_events(struct a2a_task *task)
{
    if (json_array_size(task->events) == 0)
        return NULL;
    json_t *events = task->events;
    task->events = json_array();
    return events;
}

static json_t *status_json(const struct a2a_task *task)
{
    return json_pack("{s:s,s:s*,s:O*}", "state", a2a_state_text(task->state), "timestamp",
                     task->timestamp[0] ? task->timestamp : NULL, "message", task->message);
}

json_t *a2a_task_json(const struct a2a_task *task, size_t history, bool artifacts)
{
    json_t *json = json_pack("{s:s,s:s,s:o,s:{s:s}}", "id", task->id, "contextId", task->context,
                             "status", status_json(task), "metadata", "tenant", task->tenant);
    size_t count = json_array_size(task->history);
    if (history > 0 && count > 0) {
        json_t *last = json_array();
        for (size_t i = count > history ? count - history : 0; i < count; i++)
            json_array_append(last, json_array_get(task->history, i));
        json_object_set_new(json, "history", last);
    }
    if (artifacts && json_array_size(task->artifacts) > 0)
        json_object_set_new(json, "artifacts", json_copy(task->artifacts));
    return json;
}

/* What the state's message was is history once there is another. message and metadata are taken;
 * NULL: none. */
static void state_set(struct a2a_task *task, enum a2a_state state, const char *timestamp,
                      json_t *message, json_t *metadata)
{
    if (a2a_state_ends(task->state)) {
        json_decref(message);
        json_decref(metadata);
        return;
    }
    if (task->message)
        json_array_append_new(task->history, task->message);
    json_decref(task->metadata);
    task->state = state;
    task->message = message;
    task->metadata = metadata;
    timestamp_take(timestamp, task->timestamp);
    json_array_append_new(task->events,
                          json_pack("{s:{s:s,s:s,s:o,s:O*}}", "statusUpdate", "taskId", task->id,
                                    "contextId", task->context, "status", status_json(task),
                                    "metadata", task->metadata));
}

/* Takes parts. */
static json_t *message_new(const struct a2a_task *task, const char *id, bool of_client,
                           json_t *parts)
{
    return json_pack("{s:s,s:s,s:s,s:s,s:o}", "messageId", id, "role",
                     of_client ? "ROLE_USER" : "ROLE_AGENT", "taskId", task->id, "contextId",
                     task->context, "parts", parts);
}

/* A sentence, as its AI's message; NULL: there is none. */
static json_t *note_new(const struct a2a_task *task, const json_t *said, const json_t *text)
{
    if (!json_is_string(text) || json_string_length(text) == 0)
        return NULL;
    return message_new(task, text_of(said, "message_id"), false,
                       json_pack("[{s:O}]", "text", text));
}

/* ── what is said ── */

/* What is more in a message than its text was put there by us, or by an AI: it is looked at. */
static json_t *chat_message(const struct a2a_task *task, const json_t *said, bool of_client)
{
    static const char *const lists[] = {"extensions", "referenceTaskIds"};
    const json_t *payload = json_object_get(said, "payload"),
                 *more = json_object_get(payload, "a2a");
    const char *why, *id = text_of(more, "messageId");
    json_t *parts = a2a_parts_read(json_object_get(more, "parts"), &why);
    json_t *text = json_object_get(payload, "text");
    if (!parts && json_is_string(text))
        parts = json_pack("[{s:O}]", "text", text);
    if (!parts)
        return NULL;
    json_t *message =
        message_new(task, of_client && *id ? id : text_of(said, "message_id"), of_client, parts);
    if (json_is_object(json_object_get(more, "metadata")))
        copy(message, more, "metadata");
    for (size_t i = 0; of_client && i < sizeof lists / sizeof *lists; i++)
        if (json_is_array(json_object_get(more, lists[i])))
            copy(message, more, lists[i]);
    return message;
}

static void take_chat(struct a2a_task *task, const json_t *said, bool of_client)
{
    json_t *message = chat_message(task, said, of_client);
    enum a2a_state state = task->state;
    char timestamp[TIMESTAMP_SIZE];
    const json_t *more = json_object_get(json_object_get(said, "payload"), "a2a");
    if (of_client) {
        if (a2a_state_rests(state))
            state_set(task, A2A_WORKING, later(task, said, timestamp), NULL, NULL);
        if (message)
            json_array_append_new(task->history, message);
        return;
    }
    /* before it has accepted, and at an end, what it says of the state is nothing to go by */
    enum a2a_state named;
    if (state != A2A_SUBMITTED && a2a_state_find(text_of(more, "state"), &named) == 0 &&
        !a2a_state_ends(named) && named != A2A_SUBMITTED)
        state = named;
    state_set(task, state, later(task, said, timestamp), message, NULL);
}

/* An artifact of that id is there, or is another now. */
static void artifact_set(struct a2a_task *task, const json_t *id, json_t *parts, json_t *metadata)
{
    json_t *artifact = json_pack("{s:O,s:O,s:o,s:o*}", "artifactId", id, "name", id, "parts", parts,
                                 "metadata", metadata);
    json_t *one;
    size_t i, at = json_array_size(task->artifacts);
    json_array_foreach(task->artifacts, i, one)
    {
        if (json_equal(json_object_get(one, "artifactId"), id))
            at = i;
    }
    if (!artifact)
        return;
    if (at < json_array_size(task->artifacts))
        json_array_set(task->artifacts, at, artifact);
    else
        json_array_append(task->artifacts, artifact);
    json_array_append_new(task->events,
                          json_pack("{s:{s:s,s:s,s:o,s:b,s:b}}", "artifactUpdate", "taskId",
                                    task->id, "contextId", task->context, "artifact", artifact,
                                    "append", 0, "lastChunk", 1));
}

/* A string is text, all else data. */
static json_t *value_parts(json_t *value)
{
    return json_pack("[{s:O}]", json_is_string(value) ? "text" : "data", value);
}

static void take_workspace(struct a2a_task *task, const json_t *payload)
{
    const json_t *key = json_object_get(payload, "key");
    json_t *value = json_object_get(payload, "value");
    if (json_is_string(key) && value)
        artifact_set(task, key, value_parts(value),
                     json_pack("{s:O?}", "version", json_object_get(payload, "version")));
}

static void take_component(struct a2a_task *task, const json_t *payload)
{
    json_t *component = json_object_get(payload, "component");
    json_t *name = json_object_get(component, "name"), *preset = json_string("component");
    if (component)
        artifact_set(task, json_is_string(name) && json_string_length(name) ? name : preset,
                     value_parts(component), NULL);
    json_decref(preset);
}

/* A file is there; what is in it, the hub is asked for. */
static void take_file(struct a2a_task *task, const json_t *payload)
{
    const json_t *name = json_object_get(payload, "name");
    json_t *size = json_object_get(payload, "size"), *hash = json_object_get(payload, "sha256");
    if (strcmp(text_of(payload, "status"), "kept") == 0 && json_is_string(name))
        artifact_set(task, name,
                     json_pack("[{s:{s:O?,s:O?}}]", "data", "size", size, "sha256", hash),
                     json_pack("{s:O?}", "version", json_object_get(payload, "version")));
}

/* The hub's word on the session. */
static void take_update(struct a2a_task *task, uint64_t seq, const json_t *said)
{
    const json_t *payload = json_object_get(said, "payload");
    const json_t *note = json_object_get(payload, "note");
    json_t *progress = json_object_get(payload, "progress");
    enum a2a_state state;
    bool of_client = strcmp(text_of(payload, "by"), task->client) == 0;
    if (state_of(text_of(payload, "status"), &state) < 0 || state == A2A_SUBMITTED)
        return;
    if (state == A2A_COMPLETED) { /* what completes it comes right behind */
        task->ending = seq;
        task->told = state;
        timestamp_take(text_of(said, "timestamp"), task->timestamp);
        return;
    }
    if (!note)
        note = json_object_get(payload, "reason");
    json_t *message = of_client ? NULL : note_new(task, said, note);
    if (strcmp(text_of(payload, "status"), "expired") == 0)
        message = message_new(task, text_of(said, "message_id"), false,
                              json_pack("[{s:s}]", "text", "nobody took the task in time"));
    task->told = state;
    state_set(task, state, text_of(said, "timestamp"), message,
              json_is_number(progress) ? json_pack("{s:O}", "progress", progress) : NULL);
}

static void complete(struct a2a_task *task)
{
    char timestamp[TIMESTAMP_SIZE];
    memcpy(timestamp, task->timestamp, sizeof timestamp);
    task->ending = 0;
    state_set(task, A2A_COMPLETED, timestamp, NULL, NULL);
}

void a2a_task_upto(struct a2a_task *task, uint64_t seq)
{
    if (task->ending && seq > task->ending)
        complete(task);
}

void a2a_task_settle(struct a2a_task *task)
{
    if (task->ending)
        complete(task);
    if (!a2a_state_ends(task->state) &&
        (a2a_state_ends(task->told) || (task->told == A2A_WORKING && task->state == A2A_SUBMITTED)))
        state_set(task, task->told, strcmp(task->changed, task->timestamp) > 0 ? task->changed : "",
                  NULL, NULL); /* else it has the time of it */
}

void a2a_task_take(struct a2a_task *task, uint64_t seq, const json_t *message)
{
    const char *type = text_of(message, "message_type"), *sender = text_of(message, "sender_id");
    const json_t *payload = json_object_get(message, "payload");
    bool hub = strcmp(sender, "hub") == 0, of_client = strcmp(sender, task->client) == 0;
    bool of_tenant = strcmp(sender, task->tenant) == 0;
    a2a_task_upto(task, seq);
    if (strcmp(text_of(payload, "session_id"), task->id) != 0 || a2a_state_ends(task->state))
        return;
    if (hub && strcmp(type, "collaboration_update") == 0) {
        take_update(task, seq, message);
    } else if (hub && strcmp(type, "artifact") == 0) {
        if (strcmp(text_of(payload, "by"), task->tenant) == 0)
            take_file(task, payload);
    } else if ((of_client || of_tenant) && strcmp(type, "chat") == 0) {
        take_chat(task, message, of_client);
    } else if (of_tenant && strcmp(type, "workspace_update") == 0) {
        take_workspace(task, payload);
    } else if (of_tenant && strcmp(type, "os_component_share") == 0) {
        take_component(task, payload);
        if (task->ending == seq)
            complete(task);
    }
}
