/* The tool for tasks: the room's list of work, its claims, and evidence that something is done. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gateway/mcp_inside.h"
#include "gateway/quoted.h"

/* An action, and the arguments that it needs. */
struct action {
    const char *name;
    const char *needs[2];
    void (*run)(struct mcp_call *call, struct agent *agent);
};

static json_t *given(const struct mcp_call *call, const char *name)
{
    return json_object_get(call->arguments, name);
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

/* The key of the named task's lease. */
static const char *lease_key(const struct mcp_call *call, char key[256])
{
    snprintf(key, 256, "task:%s", argument_text(call, "id"));
    return key;
}

/* ── answers ── */

static void add_ids(struct text *text, const char *before, const json_t *task, const char *name)
{
    json_t *ids = json_object_get(task, name), *id;
    size_t at;
    json_array_foreach(ids, at, id)
    {
        text_add_literal(text, at ? ", " : before);
        text_add_shown(text, slice_of(json_string_value(id)));
    }
}

/* "t17 is claimed by bea (fence 19): its title", and what others wrote of it behind "| ". */
static void add_task(struct text *text, const json_t *task)
{
    const char *holder = text_of(task, "holder"), *closer = text_of(task, "closed_by");
    const char *evidence = text_of(task, "evidence_status");
    text_add_shown(text, slice_of(text_of(task, "id")));
    text_add_literal(text, " is ");
    text_add_shown(text, slice_of(text_of(task, "status")));
    if (holder[0] || closer[0]) {
        text_add_literal(text, " by ");
        text_add_shown(text, slice_of(holder[0] ? holder : closer));
    }
    if (json_is_integer(json_object_get(task, "fence")))
        text_addf(text, " (fence %" PRId64 ")",
                  (int64_t)json_integer_value(json_object_get(task, "fence")));
    add_ids(text, ", waits for ", task, "blocked_by");
    if (evidence[0])
        text_addf(text, ", evidence %s", evidence);
    add_ids(text, "; ready by it: ", task, "ready");
    text_add_literal(text, "\n");
    text_add_quoted(text, slice_of(text_of(task, "title")));
    if (text_of(task, "body")[0])
        text_add_quoted(text, slice_of(text_of(task, "body")));
}

static void add_json(struct text *text, const json_t *value)
{
    char *dumped = json_dumps(value, JSON_COMPACT);
    if (dumped)
        text_add_quoted_json(text, slice_of(dumped));
    free(dumped);
}

static void tell_task(struct mcp_call *call, const json_t *task)
{
    struct text text = {0};
    json_t *told = json_deep_copy(task), *evidence = json_object_get(told, "evidence");
    json_object_del(told, "in_reply_to");
    add_task(&text, told);
    if (json_array_size(evidence))
        add_json(&text, evidence);
    if (json_object_get(told, "report"))
        add_json(&text, json_object_get(told, "report"));
    call_tell(call, json_pack("{s:o}", "task", told), &text);
}

static void on_changed(const struct agent_answer *answer, void *data)
{
    struct mcp_call *call = data;
    if (answer->good)
        tell_task(call, answer->payload);
    else
        call_refused(call, answer);
}

static void on_shown(const struct agent_answer *answer, void *data)
{
    struct mcp_call *call = data;
    if (answer->good)
        tell_task(call, json_object_get(answer->payload, "task"));
    else
        call_refused(call, answer);
}

static void on_list(const struct agent_answer *answer, void *data)
{
    struct mcp_call *call = data;
    struct text text = {0};
    json_t *task;
    size_t at;
    if (!answer->good) {
        call_refused(call, answer);
        return;
    }
    json_t *counts = json_object_get(answer->payload, "counts");
    text_addf(&text,
              "%" PRId64 " ready, %" PRId64 " blocked, %" PRId64 " claimed, %" PRId64 " done\n",
              (int64_t)json_integer_value(json_object_get(counts, "ready")),
              (int64_t)json_integer_value(json_object_get(counts, "blocked")),
              (int64_t)json_integer_value(json_object_get(counts, "claimed")),
              (int64_t)json_integer_value(json_object_get(counts, "done")));
    json_array_foreach(json_object_get(answer->payload, "tasks"), at, task)
    {
        add_task(&text, task);
    }
    call_tell(call,
              json_pack("{s:O,s:O,s:O}", "tasks", json_object_get(answer->payload, "tasks"),
                        "counts", counts, "next", json_object_get(answer->payload, "next")),
              &text);
}

/* ── actions ── */

static void run_list(struct mcp_call *call, struct agent *agent)
{
    const char *status = argument_text(call, "status");
    json_t *query = json_pack("{s:I,s:O*}", "limit", (json_int_t)50, "after", given(call, "after"));
    if (strcmp(status, "all") != 0)
        json_object_set_new(query, "status", json_string(status[0] ? status : "open"));
    agent_ask(agent, "task_query", query, on_list, call);
}

static void run_show(struct mcp_call *call, struct agent *agent)
{
    agent_ask(agent, "task_query", json_pack("{s:O}", "id", given(call, "id")), on_shown, call);
}

static void run_add(struct mcp_call *call, struct agent *agent)
{
    agent_ask(agent, "task",
              json_pack("{s:O,s:O*,s:O*,s:O*,s:O*}", "title", given(call, "title"), "body",
                        given(call, "body"), "key", given(call, "key"), "needs",
                        given(call, "needs"), "blocks", given(call, "blocks")),
              on_changed, call);
}

static void on_claimed(const struct agent_answer *answer, void *data)
{
    struct mcp_call *call = data;
    char key[256];
    if (!answer->good) {
        call_refused(call, answer);
        return;
    }
    if (strcmp(text_of(answer->payload, "status"), "held") == 0) {
        struct text text = {0};
        text_add_literal(&text, "Somebody else has it: ");
        text_add_shown(&text, slice_of(text_of(answer->payload, "holder")));
        text_add_literal(&text, ". Take another that is ready.");
        call_tell(
            call,
            json_pack("{s:b,s:s}", "yours", false, "holder", text_of(answer->payload, "holder")),
            &text);
        return;
    }
    json_object_set(call->mcp->leases, lease_key(call, key),
                    json_object_get(answer->payload, "fence"));
    run_show(call, call->mcp->agent);
}

static void run_claim(struct mcp_call *call, struct agent *agent)
{
    char key[256];
    agent_ask(agent, "lease_request",
              json_pack("{s:s,s:I,s:O*}", "key", lease_key(call, key), "ttl_s",
                        argument_whole(call, "ttl_s", 900), "intent", given(call, "note")),
              on_claimed, call);
}

/* The fence of its claim; NULL, and the call has ended: it has none. */
static json_t *fence_of(struct mcp_call *call)
{
    char key[256];
    json_t *fence = json_object_get(call->mcp->leases, lease_key(call, key));
    if (!fence)
        call_fail(call, "task: you have not claimed '%s'", argument_text(call, "id"));
    return fence;
}

static void on_done(const struct agent_answer *answer, void *data)
{
    struct mcp_call *call = data;
    char key[256];
    if (answer->good || strcmp(answer->code, "stale_lease") == 0)
        json_object_del(call->mcp->leases, lease_key(call, key));
    on_changed(answer, data);
}

static void run_done(struct mcp_call *call, struct agent *agent)
{
    json_t *fence = fence_of(call);
    if (fence)
        agent_ask(agent, "task",
                  json_pack("{s:O,s:s,s:O,s:O*,s:O*}", "id", given(call, "id"), "status", "done",
                            "fence", fence, "evidence", given(call, "evidence"), "why",
                            given(call, "note")),
                  on_done, call);
}

static void on_released(const struct agent_answer *answer, void *data)
{
    struct mcp_call *call = data;
    char key[256];
    json_object_del(call->mcp->leases, lease_key(call, key));
    if (answer->good)
        run_show(call, call->mcp->agent);
    else
        call_refused(call, answer);
}

static void run_release(struct mcp_call *call, struct agent *agent)
{
    char key[256];
    json_t *fence = fence_of(call);
    if (fence)
        agent_ask(agent, "lease_release",
                  json_pack("{s:s,s:O}", "key", lease_key(call, key), "fence", fence), on_released,
                  call);
}

static void move(struct mcp_call *call, struct agent *agent, const char *status)
{
    agent_ask(agent, "task",
              json_pack("{s:O,s:s,s:O*}", "id", given(call, "id"), "status", status, "why",
                        given(call, "note")),
              on_changed, call);
}

static void run_drop(struct mcp_call *call, struct agent *agent)
{
    move(call, agent, "dropped");
}

static void run_reopen(struct mcp_call *call, struct agent *agent)
{
    move(call, agent, "open");
}

static void run_report(struct mcp_call *call, struct agent *agent)
{
    agent_ask(agent, "evidence_report",
              json_pack("{s:O,s:O*,s:O,s:O*,s:O*,s:O*}", "task", given(call, "id"), "index",
                        given(call, "index"), "exit", given(call, "exit"), "printed",
                        given(call, "printed"), "fence", given(call, "fence"), "note",
                        given(call, "note")),
              on_changed, call);
}

static const struct action actions[] = {
    {"list", {0}, run_list},          {"add", {"title"}, run_add},
    {"show", {"id"}, run_show},       {"claim", {"id"}, run_claim},
    {"done", {"id"}, run_done},       {"report", {"id", "exit"}, run_report},
    {"release", {"id"}, run_release}, {"drop", {"id", "note"}, run_drop},
    {"reopen", {"id"}, run_reopen},
};

static const struct action *action_of(const struct mcp_call *call)
{
    const struct action *action = actions;
    while (strcmp(action->name, argument_text(call, "action")) != 0)
        action++;
    return action;
}

static void run_action(struct mcp_call *call, struct agent *agent)
{
    action_of(call)->run(call, agent);
}

static void run_task(struct mcp_call *call)
{
    const struct action *action = action_of(call);
    for (size_t i = 0; i < 2 && action->needs[i]; i++) {
        if (!given(call, action->needs[i])) {
            call_fail(call, "task: to %s, '%s' is needed", action->name, action->needs[i]);
            return;
        }
    }
    call_join(call, run_action);
}

static const char *const action_names[] = {"list",   "add",     "show", "claim",  "done",
                                           "report", "release", "drop", "reopen", NULL};
static const char *const statuses[] = {"open", "ready",   "blocked", "claimed",
                                       "done", "dropped", "all",     NULL};

const struct tool tool_task = {
    .name = "task",
    .title = "The room's list of work",
    .about = "Tasks of the room: list what is ready; add one, with what it needs; claim it before "
             "you work on it; done with evidence: commands that you ran, and what came of them. "
             "Run those of others after you have read them, and report: two who saw the same "
             "confirm it.",
    .params =
        (const struct param[]){
            {"action", PARAM_TEXT, true, .choices = action_names},
            {"id", PARAM_TEXT, .low = 1, .high = 64},
            {"status", PARAM_TEXT, .about = "list: open", .choices = statuses},
            {"after", PARAM_WHOLE, .about = "list: next of the last page", .low = 0,
             .high = 9007199254740992.},
            {"title", PARAM_TEXT, .about = "add", .low = 1, .high = 256},
            {"body", PARAM_TEXT, .about = "add", .high = 16384},
            {"key", PARAM_TEXT, .about = "add: an id of your choice", .low = 1, .high = 64},
            {"needs", PARAM_TEXTS, .about = "add: ids that come first", .high = 64},
            {"blocks", PARAM_TEXTS, .about = "add: ids that wait for it", .high = 256},
            {"ttl_s", PARAM_WHOLE, .about = "claim: 900", .low = 1, .high = 3600},
            {"evidence", PARAM_ANY,
             .about = "done: [{command, exit, printed}]; without printed, what it prints does not "
                      "matter"},
            {"index", PARAM_WHOLE, .about = "report: which command, from 0", .low = 0, .high = 15},
            {"exit", PARAM_WHOLE, .about = "report", .low = 0, .high = 4294967295.},
            {"printed", PARAM_TEXT, .about = "report", .high = 4096},
            {"fence", PARAM_WHOLE, .about = "report: of the task as you read it", .low = 1,
             .high = 9007199254740992.},
            {"note", PARAM_TEXT, .about = "claim: how; drop: why; report", .high = 1024},
            {0}},
    .results = (const struct param[]){{"task", PARAM_OBJECT},
                                      {"tasks", PARAM_OBJECTS},
                                      {"counts", PARAM_OBJECT},
                                      {"next", PARAM_ANY},
                                      {"yours", PARAM_FLAG},
                                      {"holder", PARAM_TEXT},
                                      {0}},
    .run = run_task,
};
