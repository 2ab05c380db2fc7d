/* See setup.h. */
#include "cmd/setup.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cmd/json_edit.h"
#include "cmd/toml_edit.h"

const char *const setup_client_ids[] = {"claude", "codex", "cursor", "gemini", "vscode", NULL};

static const struct setup_hook claude_hook = {.project = ".claude/settings.json",
                                              .event = "Stop",
                                              .grouped = true,
                                              .background = "asyncRewake",
                                              .empty = "{}\n"},
                               codex_hook = {.project = ".codex/hooks.json",
                                             .user = "hooks.json",
                                             .event = "Stop",
                                             .grouped = true,
                                             .empty = "{}\n"},
                               cursor_hook = {.project = ".cursor/hooks.json",
                                              .user = "hooks.json",
                                              .event = "stop",
                                              .empty = "{\n  \"version\": 1\n}\n"},
                               gemini_hook = {.project = ".gemini/settings.json",
                                              .user = "settings.json",
                                              .event = "AfterAgent",
                                              .grouped = true,
                                              .milliseconds = true,
                                              .empty = "{}\n"};

static const struct setup_client clients[] = {
    {.id = "claude",
     .hook = &claude_hook,
     .title = "Claude Code",
     .project = ".mcp.json",
     .servers = "mcpServers",
     .type_url = "http",
     .url = "url",
     .before = "${",
     .behind = "}",
     .hint = "Claude Code asks once whether it may use the servers of a project.",
     .no_user = "Claude Code keeps its own state in the user's file, ~/.claude.json, and writes it "
                "at any time: let it do so itself, with 'claude mcp add --scope user'"},
    {.id = "codex",
     .hook = &codex_hook,
     .title = "Codex",
     .project = ".codex/config.toml",
     .user = "config.toml",
     .user_variable = "CODEX_HOME",
     .user_home = ".codex",
     .servers = "mcp_servers",
     .toml = true,
     .url = "url",
     .token = "bearer_token_env_var",
     .hint = "Codex reads a project's files only when it trusts the project, and runs a hook once "
             "you have trusted it, with '/hooks'."},
    {.id = "cursor",
     .hook = &cursor_hook,
     .title = "Cursor",
     .project = ".cursor/mcp.json",
     .user = "mcp.json",
     .user_home = ".cursor",
     .servers = "mcpServers",
     .url = "url",
     .before = "${env:",
     .behind = "}",
     .hint = "Cursor shows it in its settings under MCP, where it is switched on."},
    {.id = "gemini",
     .hook = &gemini_hook,
     .title = "Gemini CLI",
     .project = ".gemini/settings.json",
     .user = "settings.json",
     .user_home = ".gemini",
     .servers = "mcpServers",
     .url = "httpUrl",
     .before = "${",
     .behind = "}",
     .hint = "'/mcp' in Gemini CLI shows it, when it was started anew."},
    {.id = "vscode",
     .title = "VS Code",
     .project = ".vscode/mcp.json",
     .user = "Code/User/mcp.json",
     .user_variable = "XDG_CONFIG_HOME",
     .user_home = ".config",
     .servers = "servers",
     .type_stdio = "stdio",
     .type_url = "http",
     .url = "url",
     .before = "${env:",
     .behind = "}",
     .hint = "VS Code asks whether it trusts the server when it starts it."},
};

const struct setup_client *setup_client_find(const char *id)
{
    for (size_t i = 0; i < sizeof clients / sizeof clients[0]; i++)
        if (strcmp(clients[i].id, id) == 0)
            return &clients[i];
    return NULL;
}

/* ── an entry ── */

/* All that khub writes into one, of whatever client. */
static const char *const entry_keys[] = {
    "type", "command", "args", "url", "httpUrl", "headers", "bearer_token_env_var", NULL};

static json_t *bearer(const struct setup_client *client, const char *variable)
{
    return json_pack("{s:o}", "Authorization",
                     json_sprintf("Bearer %s%s%s", client->before, variable, client->behind));
}

json_t *setup_entry(const struct setup_client *client, const struct setup_wish *wish)
{
    json_t *entry = json_object();
    const char *type = wish->url ? client->type_url : client->type_stdio;
    int error = type ? json_object_set_new(entry, "type", json_string(type)) : 0;
    if (wish->url) {
        error |= json_object_set_new(entry, client->url, json_string(wish->url));
        if (wish->token_name && client->token)
            error |= json_object_set_new(entry, client->token, json_string(wish->token_name));
        else if (wish->token_name)
            error |= json_object_set_new(entry, "headers", bearer(client, wish->token_name));
    } else {
        json_t *arguments = json_pack("[s]", "mcp");
        error |= json_array_extend(arguments, wish->arguments);
        error |= json_object_set_new(entry, "command", json_string(wish->command));
        error |= json_object_set_new(entry, "args", arguments);
    }
    if (error == 0)
        return entry;
    json_decref(entry);
    return NULL;
}

static const char *text_of(const json_t *entry, const char *key)
{
    const char *text = json_string_value(json_object_get(entry, key));
    return text ? text : "";
}

/* Whether it is one of khub's: it runs khub mcp, or finds it over HTTP, by its name or address. */
static bool is_khubs(const struct setup_client *client, const struct setup_wish *wish,
                     const json_t *entry)
{
    const char *command = text_of(entry, "command"), *slash = strrchr(command, '/');
    const char *first = json_string_value(json_array_get(json_object_get(entry, "args"), 0));
    const char *url = text_of(entry, client->url);
    if (*command)
        return strcmp(slash ? slash + 1 : command, "khub") == 0 && first &&
               strcmp(first, "mcp") == 0;
    return *url && (strcmp(wish->name, "khub") == 0 || (wish->url && strcmp(url, wish->url) == 0));
}

/* ── in a file ── */

#define POINTER_SIZE 256u

static enum setup_result refuse(char ret_why[SETUP_WHY_SIZE], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static enum setup_result refuse(char ret_why[SETUP_WHY_SIZE], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(ret_why, SETUP_WHY_SIZE, format, arguments);
    va_end(arguments);
    return SETUP_REFUSED;
}

static enum setup_result refuse_others(const struct setup_wish *wish, char ret_why[SETUP_WHY_SIZE])
{
    return refuse(ret_why,
                  "its entry '%s' is none of khub's: it is not touched (--name NAME: another one)",
                  wish->name);
}

/* Where the entry is, or (key not NULL) a member of it. Names have 64 bytes at the most. */
static const char *pointer_to(const struct setup_client *client, const struct setup_wish *wish,
                              const char *key, char pointer[POINTER_SIZE])
{
    snprintf(pointer, POINTER_SIZE, "/%s/%.64s%s%s", client->servers, wish->name, key ? "/" : "",
             key ? key : "");
    return pointer;
}

/* Member by member, for others may have put their own beside khub's. */
static int members_set(const struct setup_client *client, const struct setup_wish *wish,
                       const json_t *entry, struct text *text)
{
    char pointer[POINTER_SIZE];
    int error = 0;
    for (size_t i = 0; entry_keys[i]; i++) {
        const json_t *value = json_object_get(entry, entry_keys[i]);
        if (value)
            error |= json_edit_set(text, pointer_to(client, wish, entry_keys[i], pointer), value);
    }
    for (size_t i = 0; entry_keys[i]; i++)
        if (!json_object_get(entry, entry_keys[i])) /* goes, where there is one */
            json_edit_remove(text, pointer_to(client, wish, entry_keys[i], pointer));
    return error;
}

/* khub's or another's. A new reference; NULL: there is none, or the text is not understood. */
static json_t *read_entry(const struct setup_client *client, const struct setup_wish *wish,
                          struct slice text)
{
    const struct toml_table table = {client->servers, wish->name};
    json_t *entry = NULL;
    int line;
    if (client->toml) {
        toml_edit_read(text, &table, entry_keys, &entry, &line);
        return entry;
    }
    json_t *root = json_loadb(text.at, text.len, 0, NULL);
    entry = json_incref(json_object_get(json_object_get(root, client->servers), wish->name));
    json_decref(root);
    return entry;
}

static enum setup_result edit_json(const struct setup_client *client, const struct setup_wish *wish,
                                   const json_t *entry, struct text *text,
                                   char ret_why[SETUP_WHY_SIZE])
{
    char fault[160], pointer[POINTER_SIZE];
    int line;
    if (text->len == 0)
        text_add_literal(text, "{}\n");
    if (json_edit_check(text_slice(text), &line, fault, sizeof fault) < 0)
        return refuse(ret_why, "line %d: %s: it has comments, which would be lost, or is no JSON",
                      line, fault);
    json_t *there = read_entry(client, wish, text_slice(text));
    bool ours = is_khubs(client, wish, there);
    bool found = there;
    json_decref(there);
    if (found && !ours)
        return refuse_others(wish, ret_why);
    if (!entry)
        return found && json_edit_remove(text, pointer_to(client, wish, NULL, pointer)) == 0
                   ? SETUP_DONE
                   : SETUP_ABSENT;
    int error = found ? members_set(client, wish, entry, text)
                      : json_edit_set(text, pointer_to(client, wish, NULL, pointer), entry);
    return error == 0 ? SETUP_DONE
                      : refuse(ret_why, "its \"%s\" is not what it should be", client->servers);
}

static enum setup_result edit_toml(const struct setup_client *client, const struct setup_wish *wish,
                                   const json_t *entry, struct text *text,
                                   char ret_why[SETUP_WHY_SIZE])
{
    const struct toml_table table = {client->servers, wish->name};
    json_t *there = NULL;
    int line;
    int error = toml_edit_read(text_slice(text), &table, entry_keys, &there, &line);
    bool found = there, ours = is_khubs(client, wish, there);
    json_decref(there);
    if (error == 0 && found && !ours)
        return refuse_others(wish, ret_why);
    if (error == 0 && !entry && !found)
        return SETUP_ABSENT;
    if (error == 0)
        error = entry ? toml_edit_set(text, &table, entry_keys, entry, &line)
                      : toml_edit_remove(text, &table, &line);
    if (error == 0)
        return SETUP_DONE;
    return refuse(ret_why, "line %d is not understood: khub follows tables, [%s.%s]", line,
                  table.outer, table.name);
}

enum setup_result setup_edit(const struct setup_client *client, const struct setup_wish *wish,
                             const json_t *entry, struct text *text, char ret_why[SETUP_WHY_SIZE])
{
    return client->toml ? edit_toml(client, wish, entry, text, ret_why)
                        : edit_json(client, wish, entry, text, ret_why);
}

json_t *setup_arguments(const struct setup_client *client, const struct setup_wish *wish,
                        struct slice text)
{
    json_t *entry = text.len ? read_entry(client, wish, text) : NULL;
    const json_t *all = json_object_get(entry, "args");
    json_t *arguments = is_khubs(client, wish, entry) && json_is_array(all) ? json_array() : NULL;
    for (size_t i = 1; arguments && i < json_array_size(all); i++)
        json_array_append(arguments, json_array_get(all, i));
    json_decref(entry);
    return arguments;
}

bool setup_is_empty(const struct setup_client *client, struct slice text)
{
    size_t blanks = 0;
    while (blanks < text.len && strchr(" \t\r\n", text.at[blanks]))
        blanks++;
    if (client->toml && blanks == text.len)
        return true;
    json_t *root = json_loadb(text.at, text.len, 0, NULL);
    json_t *least = json_loads(client->hook ? client->hook->empty : "{}", 0, NULL);
    bool empty = json_is_object(root) && (json_object_size(root) == 0 || json_equal(root, least));
    json_decref(root);
    json_decref(least);
    return empty;
}
