/* The tools: their list, and calling one. */
#include <stdio.h>
#include <string.h>

#include "gateway/mcp_inside.h"
#include "gateway/rpc.h"
#include "wire/shown.h"

/* In this order in the list. */
static const struct tool *const tools[] = {
    &tool_join, &tool_who,         &tool_say,    &tool_inbox,   &tool_ack,       &tool_work,
    &tool_task, &tool_ask_feature, &tool_report, &tool_session, &tool_knowledge, &tool_leave,
};
#define TOOL_COUNT (sizeof tools / sizeof *tools)

/* Requests of the later era over HTTP stand for themselves: each says whose it is. */
static json_t *arguments_schema(const struct tool *tool)
{
    json_t *schema = params_schema(tool->params),
           *properties = json_object_get(schema, "properties");
    if (!properties) {
        properties = json_object();
        json_object_set_new(schema, "properties", properties);
    }
    json_object_set_new(properties, "handle",
                        json_pack("{s:s,s:s}", "type", "string", "description",
                                  "What join told as handle, if it did"));
    return schema;
}

static json_t *tool_json(const struct tool *tool)
{
    return json_pack("{s:s,s:s,s:s,s:o,s:o,s:{s:b,s:b,s:b}}", "name", tool->name, "title",
                     tool->title, "description", tool->about, "inputSchema", arguments_schema(tool),
                     "outputSchema", params_schema(tool->results), "annotations", "readOnlyHint",
                     tool->reads, "destructiveHint", tool->destroys, "openWorldHint", true);
}

void mcp_tools_list(struct mcp_call *call)
{
    json_t *list = json_array();
    for (size_t i = 0; i < TOOL_COUNT; i++)
        json_array_append_new(list, tool_json(tools[i]));
    mcp_listed(call, "tools", list, MCP_LIST_TTL_MS, "public");
}

static const struct tool *tool_find(const char *name)
{
    for (size_t i = 0; i < TOOL_COUNT; i++)
        if (strcmp(tools[i]->name, name) == 0)
            return tools[i];
    return NULL;
}

void mcp_tools_call(struct mcp_call *call)
{
    char why[512];
    const char *name = json_string_value(json_object_get(call->params, "name"));
    const struct tool *tool = name ? tool_find(name) : NULL;
    if (!tool) {
        snprintf(why, sizeof why, "there is no tool '%s'", SHOWN(name ? name : ""));
        call_error(call, RPC_INVALID_PARAMS, why, NULL);
        return;
    }
    call->tool = true;
    call->arguments = json_object_get(call->params, "arguments");
    json_object_del(call->arguments, "handle"); /* it was looked at */
    if (params_check(tool->params, call->arguments, why, sizeof why) < 0)
        call_fail(call, "%s: %s", tool->name, why);
    else
        tool->run(call);
}
