/* Tools for work: who does what, what is wanted, what something is worth. */
#include <inttypes.h>
#include <string.h>

#include "gateway/mcp_inside.h"
#include "gateway/quoted.h"

/* ── work: leases ── */

static const char *const work_actions[] = {"claim", "release", "mine", "touch", NULL};

static const char *text_of(const json_t *payload, const char *name)
{
    const char *text = json_string_value(json_object_get(payload, name));
    return text ? text : "";
}

static json_t *leases_json(const struct mcp *mcp)
{
    json_t *list = json_array(), *fence;
    const char *key;
    json_object_foreach(mcp->leases, key, fence)
    {
        json_array_append_new(list, json_pack("{s:s,s:O}", "key", key, "fence", fence));
    }
    return list;
}

static void on_claimed(const struct agent_answer *answer, void *data)
{
    struct mcp_call *call = data;
    if (!answer->good) {
        call_refused(call, answer);
        return;
    }
    const char *status = text_of(answer->payload, "status"), *key = argument_text(call, "key");
    json_t *fence = json_object_get(answer->payload, "fence");
    bool mine = strcmp(status, "held") != 0;
    struct text text = {0};
    if (mine)
        json_object_set(call->mcp->leases, key, fence);
    text_add_literal(&text, mine ? "It is yours: " : "Somebody else has it: ");
    text_add_shown(&text, slice_of(key));
    if (!mine) {
        text_add_literal(&text, ", held by ");
        text_add_shown(&text, slice_of(text_of(answer->payload, "holder")));
        text_add_literal(&text, " since ");
        text_add_shown(&text, slice_of(text_of(answer->payload, "since")));
        text_add_literal(&text, ". Do something else, or wait until it is released.");
        const char *intent = text_of(answer->payload, "intent");
        if (intent[0]) {
            text_add_literal(&text, " Its holder says:\n");
            text_add_quoted(&text, slice_of(intent));
        }
    } else {
        text_addf(&text, " (fence %" PRId64 "). Release it when you have done it.",
                  (int64_t)json_integer_value(fence));
    }
    call_tell(call,
              json_pack("{s:b,s:s,s:s,s:s,s:O?}", "yours", mine, "key", key, "status", status,
                        "holder", text_of(answer->payload, "holder"), "fence", fence),
              &text);
}

static void on_released(const struct agent_answer *answer, void *data)
{
    struct mcp_call *call = data;
    json_object_del(call->mcp->leases, argument_text(call, "key"));
    if (answer->good)
        call_tell(call,
                  json_pack("{s:b,s:s,s:s}", "yours", false, "key", argument_text(call, "key"),
                            "status", "released"),
                  NULL);
    else
        call_refused(call, answer);
}

static void on_touched(const struct agent_answer *answer, void *data)
{
    struct mcp_call *call = data;
    if (answer->good)
        call_tell(call, json_pack("{s:s}", "status", "touched"), NULL);
    else
        call_refused(call, answer);
}

/* What others do there comes to the inbox. */
static void touch(struct mcp_call *call, struct agent *agent)
{
    agent_say(agent, "touch",
              json_pack("{s:O,s:I,s:O*,s:b}", "paths", json_object_get(call->arguments, "paths"),
                        "ttl_s", argument_whole(call, "ttl_s", 3600), "note",
                        json_object_get(call->arguments, "intent"), "done",
                        argument_flag(call, "done")),
              NULL, on_touched, call);
}

static void work(struct mcp_call *call, struct agent *agent)
{
    const char *action = argument_text(call, "action"), *key = argument_text(call, "key");
    json_t *fence = json_object_get(call->mcp->leases, key);
    if (strcmp(action, "mine") == 0)
        call_tell(call, json_pack("{s:o}", "leases", leases_json(call->mcp)), NULL);
    else if (strcmp(action, "claim") == 0)
        agent_ask(agent, "lease_request",
                  json_pack("{s:s,s:I,s:O*}", "key", key, "ttl_s",
                            argument_whole(call, "ttl_s", 600), "intent",
                            json_object_get(call->arguments, "intent")),
                  on_claimed, call);
    else if (!fence)
        call_fail(call, "work: you hold no lease of '%s'", key);
    else
        agent_ask(agent, "lease_release",
                  json_pack("{s:s,s:O,s:b}", "key", key, "fence", fence, "done",
                            argument_flag(call, "done")),
                  on_released, call);
}

static void run_work(struct mcp_call *call)
{
    bool mine = strcmp(argument_text(call, "action"), "mine") == 0;
    bool touches = strcmp(argument_text(call, "action"), "touch") == 0;
    if (touches && !json_array_size(json_object_get(call->arguments, "paths")))
        call_fail(call, "work: 'paths' is missing: which files do you change?");
    else if (touches)
        call_join(call, touch);
    else if (!mine && !argument_text(call, "key")[0])
        call_fail(call, "work: 'key' is missing: what is the work called?");
    else
        call_join(call, work);
}

const struct tool tool_work = {
    .name = "work",
    .title = "Claim or release work",
    .about = "Claims a piece of work before you begin it, so that nobody does it twice; releases "
             "it. A claim ends when you are not heard of for ttl_s. touch: says which files you "
             "change; two at one path are warned in their inboxes.",
    .params =
        (const struct param[]){
            {"action", PARAM_TEXT, true, .choices = work_actions},
            {"key", PARAM_TEXT, .about = "What all call it: a file's path, an issue's number",
             .low = 1, .high = 256},
            {"paths", PARAM_TEXTS, .about = "Touch: files or directories", .high = 64},
            {"intent", PARAM_TEXT, .about = "Claim: what you will do", .high = 1024},
            {"ttl_s", PARAM_WHOLE, .about = "600", .low = 1, .high = 3600},
            {"done", PARAM_FLAG, .about = "Release: it is finished, nobody need take it up"},
            {0}},
    .results = (const struct param[]){{"yours", PARAM_FLAG},
                                      {"key", PARAM_TEXT},
                                      {"status", PARAM_TEXT},
                                      {"holder", PARAM_TEXT},
                                      {"fence", PARAM_ANY},
                                      {"leases", PARAM_OBJECTS},
                                      {0}},
    .run = run_work,
};

/* ── ask_feature and report ── */

static void on_taken(const struct agent_answer *answer, void *data)
{
    struct mcp_call *call = data;
    if (answer->good)
        call_tell(call,
                  json_pack("{s:I,s:s}", "seq", (json_int_t)answer->seq, "message_id",
                            answer->message_id),
                  NULL);
    else
        call_refused(call, answer);
}

static void ask_feature(struct mcp_call *call, struct agent *agent)
{
    json_t *requirements = json_object_get(call->arguments, "requirements");
    json_t *payload =
        json_pack("{s:s,s:o}", "feature", argument_text(call, "feature"), "requirements",
                  requirements ? json_incref(requirements) : json_object());
    agent_say(agent, "feature_request", payload, NULL, on_taken, call);
}

static void run_ask_feature(struct mcp_call *call)
{
    call_join(call, ask_feature);
}

static const struct param taken[] = {
    {"seq", PARAM_WHOLE, true}, {"message_id", PARAM_TEXT, true}, {0}};

const struct tool tool_ask_feature = {
    .name = "ask_feature",
    .title = "Ask for a feature",
    .about = "Asks all whose capabilities contain the feature's name to build it. Answers come to "
             "your inbox.",
    .params = (const struct param[]){{"feature", PARAM_TEXT, true, .low = 1, .high = 256},
                                     {"requirements", PARAM_OBJECT},
                                     {0}},
    .results = taken,
    .run = run_ask_feature,
};

static void report(struct mcp_call *call, struct agent *agent)
{
    const json_t *metrics = json_object_get(call->arguments, "metrics");
    json_t *performance = metrics ? json_deep_copy(metrics) : json_object();
    json_t *score = json_object_get(call->arguments, "score");
    if (json_is_number(score))
        json_object_set(performance, "score", score);
    if (argument_flag(call, "works"))
        json_object_set_new(performance, "integration_tested", json_true());
    agent_say(agent, "performance_report",
              json_pack("{s:s,s:o}", "component_id", argument_text(call, "id"), "performance",
                        performance),
              NULL, on_taken, call);
}

static void run_report(struct mcp_call *call)
{
    call_join(call, report);
}

const struct tool tool_report = {
    .name = "report",
    .title = "Report what you measured",
    .about = "Reports what you measured of a shared pattern, code or component yourself.",
    .params =
        (const struct param[]){
            {"id", PARAM_TEXT, true, .low = 1, .high = 256},
            {"score", PARAM_NUMBER, .about = "1: as good as can be", .low = 0, .high = 1},
            {"works", PARAM_FLAG, .about = "You built it in and tested it"},
            {"metrics", PARAM_OBJECT, .about = "What else you measured"},
            {0}},
    .results = taken,
    .run = run_report,
};
