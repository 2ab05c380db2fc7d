/* The tool for sessions: joint work with a shared workspace. */
#include <string.h>

#include "gateway/mcp_inside.h"
#include "gateway/session_files.h"
#include "wire/shown.h"

/* An action: what it needs, what it says to the hub, and which question it is. */
struct action {
    const char *name;
    const char *needs[3]; /* arguments */
    void (*run)(struct mcp_call *call, struct agent *agent);
};

static json_t *given(const struct mcp_call *call, const char *name)
{
    return json_object_get(call->arguments, name);
}

/* The hub's answer as it is. */
static void on_answer(const struct agent_answer *answer, void *data)
{
    struct mcp_call *call = data;
    if (!answer->good) {
        const json_t *now = json_object_get(answer->payload, "value");
        char *value = now ? json_dumps(now, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
        if (value)
            call_fail(call, "%s: %s; version %lld is %s", answer->code, answer->why,
                      (long long)json_integer_value(json_object_get(answer->payload, "version")),
                      shown_format(slice_of(value), (char[600]){0}, 600));
        else
            call_refused(call, answer);
        free(value);
        return;
    }
    json_t *result = answer->payload ? json_deep_copy(answer->payload) : json_object();
    json_object_del(result, "in_reply_to");
    if (answer->seq)
        json_object_set_new(result, "seq", json_integer((json_int_t)answer->seq));
    call_tell(call, result, NULL);
}

static void run_list(struct mcp_call *call, struct agent *agent)
{
    agent_ask(agent, "session_query", json_object(), on_answer, call);
}

static void run_read(struct mcp_call *call, struct agent *agent)
{
    agent_ask(agent, "session_query", json_pack("{s:O}", "id", given(call, "session_id")),
              on_answer, call);
}

static void run_open(struct mcp_call *call, struct agent *agent)
{
    const char *type = argument_text(call, "type");
    agent_ask(agent, "collaboration_request",
              json_pack("{s:s,s:O,s:O*}", "type", type[0] ? type : "joint_work", "description",
                        given(call, "description"), "target_ai", given(call, "to")),
              on_answer, call);
}

static void respond(struct mcp_call *call, struct agent *agent, bool accepted)
{
    agent_say(agent, "collaboration_response",
              json_pack("{s:O,s:b,s:O*}", "session_id", given(call, "session_id"), "accepted",
                        accepted, "reason", given(call, "note")),
              NULL, on_answer, call);
}

static void run_join(struct mcp_call *call, struct agent *agent)
{
    respond(call, agent, true);
}

static void run_decline(struct mcp_call *call, struct agent *agent)
{
    respond(call, agent, false);
}

static void run_update(struct mcp_call *call, struct agent *agent)
{
    agent_say(agent, "collaboration_update",
              json_pack("{s:O,s:O*,s:O*,s:O*}", "session_id", given(call, "session_id"), "progress",
                        given(call, "progress"), "note", given(call, "note"), "status",
                        given(call, "status")),
              NULL, on_answer, call);
}

static void on_written(const struct agent_answer *answer, void *data)
{
    struct mcp_call *call = data;
    if (answer->good)
        call_tell(call,
                  json_pack("{s:O,s:O,s:I,s:I}", "session_id", given(call, "session_id"), "key",
                            given(call, "key"), "version",
                            argument_whole(call, "base_version", 0) + 1, "seq",
                            (json_int_t)answer->seq),
                  NULL);
    else
        on_answer(answer, data);
}

static void run_write(struct mcp_call *call, struct agent *agent)
{
    agent_say(agent, "workspace_update",
              json_pack("{s:O,s:O,s:O,s:I}", "session_id", given(call, "session_id"), "key",
                        given(call, "key"), "value", given(call, "value"), "base_version",
                        argument_whole(call, "base_version", 0)),
              NULL, on_written, call);
}

static void run_complete(struct mcp_call *call, struct agent *agent)
{
    agent_say(agent, "os_component_share",
              json_pack("{s:O,s:b,s:O}", "component", given(call, "value"),
                        "collaboration_complete", true, "session_id", given(call, "session_id")),
              NULL, on_answer, call);
}

static const struct action actions[] = {
    {"list", {0}, run_list},
    {"open", {"description"}, run_open},
    {"join", {"session_id"}, run_join},
    {"decline", {"session_id"}, run_decline},
    {"read", {"session_id"}, run_read},
    {"write", {"session_id", "key", "value"}, run_write},
    {"update", {"session_id"}, run_update},
    {"complete", {"session_id", "value"}, run_complete},
    {"put", {"session_id", "key", "value"}, session_put},
    {"get", {"session_id", "key"}, session_get},
};
#define ACTION_COUNT (sizeof actions / sizeof *actions)

static const struct action *action_find(const char *name)
{
    for (size_t i = 0; i < ACTION_COUNT; i++)
        if (strcmp(actions[i].name, name) == 0)
            return &actions[i];
    return NULL;
}

static void run_action(struct mcp_call *call, struct agent *agent)
{
    action_find(argument_text(call, "action"))->run(call, agent);
}

static void run_session(struct mcp_call *call)
{
    const struct action *action = action_find(argument_text(call, "action"));
    for (size_t i = 0; i < 3 && action->needs[i]; i++) {
        if (!given(call, action->needs[i])) {
            call_fail(call, "session: to %s, '%s' is needed", action->name, action->needs[i]);
            return;
        }
    }
    call_join(call, run_action);
}

static const char *const action_names[] = {"list",   "open",     "join", "decline", "read", "write",
                                           "update", "complete", "put",  "get",     NULL};
static const char *const ends[] = {"failed", "cancelled", NULL};

const struct tool tool_session = {
    .name = "session",
    .title = "Joint work",
    .about =
        "Work with others in a session: list; open one (for one AI, or whoever takes it); join "
        "or decline; read it with its workspace; write a key of the workspace; update "
        "progress, or end it by a status; complete it with a component as value; put a text there "
        "as a file (key is its name), get one.",
    .params =
        (const struct param[]){
            {"action", PARAM_TEXT, true, .choices = action_names},
            {"session_id", PARAM_TEXT, .low = 1, .high = 64},
            {"description", PARAM_TEXT, .about = "open", .low = 1, .high = 4096},
            {"type", PARAM_TEXT, .about = "open", .low = 1, .high = 64},
            {"to", PARAM_TEXT, .about = "open: one AI", .low = 1, .high = 128},
            {"key", PARAM_TEXT, .about = "write, put, get", .low = 1, .high = 256},
            {"value", PARAM_ANY, .about = "write, complete, put"},
            {"base_version", PARAM_WHOLE, .about = "write: the version that you read; 0: a new key",
             .low = 0, .high = 9007199254740992.},
            {"progress", PARAM_NUMBER, .low = 0, .high = 1},
            {"note", PARAM_TEXT, .high = 4096},
            {"status", PARAM_TEXT, .choices = ends},
            {0}},
    .results = (const struct param[]){{"session_id", PARAM_TEXT},
                                      {"status", PARAM_TEXT},
                                      {"session", PARAM_OBJECT},
                                      {"sessions", PARAM_OBJECTS},
                                      {"seq", PARAM_WHOLE},
                                      {"key", PARAM_TEXT},
                                      {"version", PARAM_WHOLE},
                                      {"sha256", PARAM_TEXT},
                                      {"value", PARAM_TEXT},
                                      {0}},
    .run = run_session,
};
