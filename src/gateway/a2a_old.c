/* A2A 0.3: its parameters become those of 1.0, and what 1.0 answers becomes what it expects; for
 * agents that speak it the other way about. */
#include "gateway/a2a_old.h"

#include <string.h>

#include "gateway/a2a_inside.h"

static void rename_member(json_t *object, const char *name, const char *as)
{
    json_t *value = json_incref(json_object_get(object, name));
    json_object_del(object, name);
    if (value)
        json_object_set_new(object, as, value);
}

/* ── out ── */

/* What 0.3 can't write as data, which is an object there, is one's value. */
static json_t *data_old(json_t *data)
{
    return json_is_object(data) ? json_incref(data) : json_pack("{s:O}", "value", data);
}

static json_t *part_old(const json_t *part)
{
    json_t *raw = json_object_get(part, "raw"), *url = json_object_get(part, "url");
    json_t *data = json_object_get(part, "data"), *metadata = json_object_get(part, "metadata");
    if (raw || url)
        return json_pack("{s:s,s:{s:O*,s:O*,s:O*,s:O*},s:O*}", "kind", "file", "file", "bytes", raw,
                         "uri", url, "mimeType", json_object_get(part, "mediaType"), "name",
                         json_object_get(part, "filename"), "metadata", metadata);
    if (data)
        return json_pack("{s:s,s:o,s:O*}", "kind", "data", "data", data_old(data), "metadata",
                         metadata);
    return json_pack("{s:s,s:O,s:O*}", "kind", "text", "text", json_object_get(part, "text"),
                     "metadata", metadata);
}

/* A message, or an artifact. */
static json_t *with_parts_old(const json_t *whole)
{
    json_t *old = json_copy((json_t *)(uintptr_t)whole), *parts = json_array();
    const json_t *part;
    size_t i;
    json_array_foreach(json_object_get(whole, "parts"), i, part)
    {
        json_array_append_new(parts, part_old(part));
    }
    json_object_set_new(old, "parts", parts);
    return old;
}

json_t *a2a_old_message(const json_t *message)
{
    json_t *old = with_parts_old(message);
    const char *role = json_string_value(json_object_get(message, "role"));
    bool of_client = role && strcmp(role, "ROLE_USER") == 0;
    json_object_set_new(old, "kind", json_string("message"));
    json_object_set_new(old, "role", json_string(of_client ? "user" : "agent"));
    return old;
}

static json_t *status_old(const json_t *status, bool *ret_rests)
{
    json_t *old = json_copy((json_t *)(uintptr_t)status);
    const json_t *message = json_object_get(status, "message");
    enum a2a_state state = A2A_WORKING;
    a2a_state_find(json_string_value(json_object_get(status, "state")), &state);
    json_object_set_new(old, "state", json_string(a2a_state_old(state)));
    if (message)
        json_object_set_new(old, "message", a2a_old_message(message));
    *ret_rests = a2a_state_rests(state);
    return old;
}

/* Each of a list of a task's. */
static void list_old(json_t *task, const char *name, json_t *(*one_old)(const json_t *one))
{
    const json_t *one, *list = json_object_get(task, name);
    json_t *old = json_array();
    size_t i;
    json_array_foreach(list, i, one)
    {
        json_array_append_new(old, one_old(one));
    }
    if (list)
        json_object_set_new(task, name, old);
    else
        json_decref(old);
}

json_t *a2a_old_task(json_t *task)
{
    bool rests;
    json_object_set_new(task, "kind", json_string("task"));
    json_object_set_new(task, "status", status_old(json_object_get(task, "status"), &rests));
    list_old(task, "history", a2a_old_message);
    list_old(task, "artifacts", with_parts_old);
    return task;
}

json_t *a2a_old_event(json_t *event)
{
    json_t *task = json_object_get(event, "task"), *old;
    json_t *status = json_object_get(event, "statusUpdate");
    json_t *artifact = json_object_get(event, "artifactUpdate");
    bool rests;
    if (task) {
        old = a2a_old_task(json_incref(task));
    } else if (status) {
        old = json_copy(status);
        json_object_set_new(old, "kind", json_string("status-update"));
        json_object_set_new(old, "status", status_old(json_object_get(status, "status"), &rests));
        json_object_set_new(old, "final", json_boolean(rests));
    } else {
        old = json_copy(artifact);
        json_object_set_new(old, "kind", json_string("artifact-update"));
        json_object_set_new(old, "artifact", with_parts_old(json_object_get(artifact, "artifact")));
    }
    json_decref(event);
    return old;
}

/* Over HTTP+JSON 0.3 is spoken as its messages are written for gRPC. */
static json_t *part_bare(const json_t *part)
{
    json_t *raw = json_object_get(part, "raw"), *url = json_object_get(part, "url");
    json_t *data = json_object_get(part, "data");
    if (raw || url)
        return json_pack("{s:{s:O*,s:O*,s:O*,s:O*}}", "file", "fileWithBytes", raw, "fileWithUri",
                         url, "mimeType", json_object_get(part, "mediaType"), "name",
                         json_object_get(part, "filename"));
    if (data)
        return json_pack("{s:{s:o}}", "data", "data", data_old(data));
    return json_pack("{s:O}", "text", json_object_get(part, "text"));
}

json_t *a2a_old_bare_message(const json_t *message)
{
    json_t *old = json_copy((json_t *)(uintptr_t)message), *content = json_array();
    const json_t *part;
    size_t i;
    json_array_foreach(json_object_get(message, "parts"), i, part)
    {
        json_array_append_new(content, part_bare(part));
    }
    json_object_del(old, "parts");
    json_object_set_new(old, "content", content);
    return old;
}

/* ── in ── */

static json_t *part_new(const json_t *part)
{
    const json_t *file = json_object_get(part, "file");
    json_t *raw = json_object_get(file, "bytes"), *url = json_object_get(file, "uri");
    json_t *data = json_object_get(part, "data"), *metadata = json_object_get(part, "metadata");
    bool bare = !json_object_get(part, "kind"); /* as for gRPC */
    if (json_is_object(file))
        return json_pack("{s:O*,s:O*,s:O*,s:O*,s:O*}", "raw",
                         bare ? json_object_get(file, "fileWithBytes") : raw, "url",
                         bare ? json_object_get(file, "fileWithUri") : url, "mediaType",
                         json_object_get(file, "mimeType"), "filename",
                         json_object_get(file, "name"), "metadata", metadata);
    if (bare && json_is_object(data) && json_object_get(data, "data"))
        data = json_object_get(data, "data");
    return json_pack("{s:O*,s:O*,s:O*}", "text", json_object_get(part, "text"), "data", data,
                     "metadata", metadata);
}

/* Of a message, or an artifact. */
static void parts_new(json_t *whole)
{
    const json_t *part;
    json_t *parts = json_array();
    size_t i;
    const json_t *old = json_object_get(whole, "parts");
    json_array_foreach(old ? old : json_object_get(whole, "content"), i, part)
    {
        json_array_append_new(parts, part_new(part));
    }
    json_object_set_new(whole, "parts", parts);
}

static void message_new(json_t *message)
{
    const char *role = json_string_value(json_object_get(message, "role"));
    parts_new(message);
    if (role && strcmp(role, "user") == 0)
        json_object_set_new(message, "role", json_string("ROLE_USER"));
    else if (role && strcmp(role, "agent") == 0)
        json_object_set_new(message, "role", json_string("ROLE_AGENT"));
}

/* Of a task, or a status update. */
static void status_new(json_t *whole)
{
    json_t *status = json_object_get(whole, "status"),
           *message = json_object_get(status, "message");
    const char *text = json_string_value(json_object_get(status, "state"));
    enum a2a_state state;
    if (text && a2a_state_find(text, &state) == 0)
        json_object_set_new(status, "state", json_string(a2a_state_text(state)));
    if (json_is_object(message))
        message_new(message);
}

static void task_new(json_t *task)
{
    json_t *artifact;
    size_t i;
    status_new(task);
    json_array_foreach(json_object_get(task, "artifacts"), i, artifact)
    {
        if (json_is_object(artifact))
            parts_new(artifact);
    }
}

static void artifact_update_new(json_t *update)
{
    json_t *artifact = json_object_get(update, "artifact");
    if (json_is_object(artifact))
        parts_new(artifact);
}

void a2a_old_read(json_t *event)
{
    static const struct {
        const char *name;
        void (*renew)(json_t *one);
    } kinds[] = {{"task", task_new},
                 {"message", message_new},
                 {"statusUpdate", status_new},
                 {"artifactUpdate", artifact_update_new}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        json_t *one = json_object_get(event, kinds[i].name);
        if (json_is_object(one))
            kinds[i].renew(one);
    }
}

/* Of several schemes the first is taken. */
static void authentication_new(json_t *config)
{
    json_t *shows = json_object_get(config, "authentication");
    json_t *first = json_array_get(json_object_get(shows, "schemes"), 0);
    if (json_is_object(shows) && first)
        json_object_set(shows, "scheme", first);
    json_object_del(shows, "schemes");
}

/* To create one its members stand in an object of their own; else "id" is the task's. */
static void push_new(const struct a2a_method *method, json_t *params)
{
    json_t *config = json_object_get(params, "pushNotificationConfig");
    if (strncmp(method->name, "Create", 6) == 0) {
        authentication_new(config);
        json_object_update_missing(params, config);
        json_object_del(params, "pushNotificationConfig");
        return;
    }
    rename_member(params, "id", "taskId");
    rename_member(params, "pushNotificationConfigId", "id");
}

json_t *a2a_old_params(const struct a2a_method *method, json_t *params, const char **ret_why)
{
    json_t *message = json_object_get(params, "message");
    json_t *wishes = json_object_get(params, "configuration");
    const json_t *blocking = json_object_get(wishes, "blocking");
    *ret_why = message && !json_is_object(message) ? "message must be an object" : NULL;
    if (*ret_why) {
        json_decref(params);
        return NULL;
    }
    if (message)
        message_new(message);
    if (json_is_object(wishes))
        json_object_set_new(wishes, "returnImmediately",
                            json_boolean(blocking && !json_is_true(blocking)));
    rename_member(wishes, "pushNotificationConfig", "taskPushNotificationConfig");
    authentication_new(json_object_get(wishes, "taskPushNotificationConfig"));
    if (strstr(method->name, "PushNotification"))
        push_new(method, params);
    return params;
}
