/* The tool for knowledge: what the room knows, searched, read and added to. */
#include <string.h>

#include "gateway/mcp_inside.h"
#include "gateway/quoted.h"

static const char *const knowledge_actions[] = {"search", "get", "share", NULL};
static const char *const sections[] = {"shared_patterns", "shared_components",
                                       "collective_features", "performance_benchmarks", NULL};
static const char *const kinds[] = {"pattern", "code", "component", NULL};

/* ── search ── */

/* A snippet's pieces, put together. */
static void add_snippet(struct text *text, const json_t *snippet)
{
    struct text whole = {0};
    const json_t *piece;
    size_t i;
    json_array_foreach(snippet, i, piece)
    {
        text_add_literal(&whole, json_is_string(piece) ? json_string_value(piece) : "");
    }
    text_add_quoted(text, text_slice(&whole));
    text_free(&whole);
}

static void on_found(const struct agent_answer *answer, void *data)
{
    struct mcp_call *call = data;
    const json_t *found = json_object_get(answer->payload, "found"), *one;
    const json_t *next = json_object_get(answer->payload, "next");
    struct text text = {0};
    size_t i;
    if (!answer->good) {
        call_refused(call, answer);
        return;
    }
    text_addf(&text, "%zu found%s.\n", json_array_size(found),
              json_is_string(next) ? " so far; there are more: give next as cursor" : "");
    json_array_foreach(found, i, one)
    {
        const char *section = json_string_value(json_object_get(one, "section"));
        const char *id = json_string_value(json_object_get(one, "id"));
        text_add_shown(&text, slice_of(section ? section : ""));
        text_add_literal(&text, " ");
        text_add_shown(&text, slice_of(id ? id : ""));
        text_add_literal(&text, "\n");
        add_snippet(&text, json_object_get(one, "snippet"));
    }
    call_tell(call, json_pack("{s:O?,s:O?}", "found", found, "next", next), &text);
}

static void search(struct mcp_call *call, struct agent *agent)
{
    agent_ask(agent, "knowledge_query",
              json_pack("{s:O,s:O*,s:O*,s:I}", "text", json_object_get(call->arguments, "text"),
                        "section", json_object_get(call->arguments, "section"), "cursor",
                        json_object_get(call->arguments, "cursor"), "limit",
                        argument_whole(call, "limit", 10)),
              on_found, call);
}

/* ── get ── */

static void on_got(const struct agent_answer *answer, void *data)
{
    struct mcp_call *call = data;
    if (!answer->good) {
        call_refused(call, answer);
        return;
    }
    const json_t *entries = json_object_get(answer->payload, "entries");
    char *json = json_dumps(entries, JSON_COMPACT);
    struct text text = {0};
    text_add_literal(&text, "What others shared; to run it is your own risk.\n");
    text_add_quoted_json(&text, slice_of(json ? json : "{}"));
    free(json);
    call_tell(call, json_pack("{s:O?}", "entries", entries), &text);
}

static void get(struct mcp_call *call, struct agent *agent)
{
    agent_ask(agent, "knowledge_query",
              json_pack("{s:O}", "id", json_object_get(call->arguments, "id")), on_got, call);
}

/* ── share ── */

static void on_shared(const struct agent_answer *answer, void *data)
{
    struct mcp_call *call = data;
    if (answer->good)
        call_tell(call, json_pack("{s:I}", "seq", (json_int_t)answer->seq), NULL);
    else
        call_refused(call, answer);
}

static void share(struct mcp_call *call, struct agent *agent)
{
    static const char *const types[] = {"pattern_share", "code_share", "os_component_share"};
    const char *kind = argument_text(call, "kind");
    size_t which = strcmp(kind, "pattern") == 0 ? 0 : strcmp(kind, "code") == 0 ? 1 : 2;
    json_t *lease = json_object_get(call->mcp->leases, argument_text(call, "lease"));
    json_t *payload = json_pack("{s:O}", kind, json_object_get(call->arguments, "body"));
    if (lease)
        json_object_set_new(
            payload, "lease",
            json_pack("{s:s,s:O}", "key", argument_text(call, "lease"), "fence", lease));
    agent_say(agent, types[which], payload, NULL, on_shared, call);
}

/* ── the tool ── */

static void run_knowledge(struct mcp_call *call)
{
    const char *action = argument_text(call, "action"), *lease = argument_text(call, "lease");
    bool searches = strcmp(action, "search") == 0, gets = strcmp(action, "get") == 0;
    const char *needed = searches ? "text" : gets ? "id" : "body";
    if (!json_object_get(call->arguments, needed))
        call_fail(call, "knowledge: to %s, '%s' is needed", action, needed);
    else if (!searches && !gets && !argument_text(call, "kind")[0])
        call_fail(call, "knowledge: to share, 'kind' is needed: pattern, code or component");
    else if (lease[0] && !json_object_get(call->mcp->leases, lease))
        call_fail(call,
                  "knowledge: 'lease' is '%s', and you hold no lease of that: claim the work "
                  "first",
                  lease);
    else
        call_join(call, searches ? search : gets ? get : share);
}

const struct tool tool_knowledge = {
    .name = "knowledge",
    .title = "What the room knows",
    .about = "Searches what was shared (words, \"phrases\", prefix*), gets an entry by its id, or "
             "shares a pattern, code or component of yours.",
    .params =
        (const struct param[]){
            {"action", PARAM_TEXT, true, .choices = knowledge_actions},
            {"text", PARAM_TEXT, .about = "search", .low = 1, .high = 256},
            {"section", PARAM_TEXT, .about = "search", .choices = sections},
            {"limit", PARAM_WHOLE, .about = "search: 10", .low = 1, .high = 200},
            {"cursor", PARAM_TEXT, .about = "search: next of the last answer", .high = 4096},
            {"id", PARAM_TEXT, .about = "get", .low = 1, .high = 256},
            {"kind", PARAM_TEXT, .about = "share", .choices = kinds},
            {"body", PARAM_OBJECT,
             .about =
                 "share: pattern {id, …}, code {id, language, source, …}, component {name, …}"},
            {"lease", PARAM_TEXT, .about = "share: key of the work that it is the result of",
             .high = 256},
            {0}},
    .results = (const struct param[]){{"found", PARAM_OBJECTS},
                                      {"next", PARAM_ANY},
                                      {"entries", PARAM_OBJECT},
                                      {"seq", PARAM_WHOLE},
                                      {0}},
    .run = run_knowledge,
};
