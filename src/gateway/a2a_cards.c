/* Cards: what an AI can do and where it is to be asked, as A2A 1.0 has it with what 0.3 wants
 * beside it; and the list of all. What AIs say of themselves is data in them, and nothing else. */
#include <stdio.h>
#include <string.h>

#include "gateway/a2a_inside.h"
#include "wire/text.h"

#define KEPT_S           60u
#define PLACE_SIZE       320u
#define CARD_TYPE        "application/json"
#define TEXT_TYPE        "text/plain"
#define JSON_TYPE        "application/json"

#define SERVER_CARD_TYPE "application/mcp-server-card+json"
#define SERVER_CARD_PATH "/mcp/server-card"

/* ── skills ── */

/* Takes tags. */
static json_t *skill_new(const char *id, const char *description, json_t *tags)
{
    return json_pack("{s:s,s:s,s:s,s:o}", "id", id, "name", id, "description", description, "tags",
                     tags);
}

static json_t *skill_find(const json_t *skills, const char *id)
{
    json_t *skill;
    size_t i;
    json_array_foreach(skills, i, skill)
    {
        if (strcmp(json_string_value(json_object_get(skill, "id")), id) == 0)
            return skill;
    }
    return NULL;
}

/* Another AI can do it. */
static void skill_add(json_t *skills, const char *id, const char *ai_id, const char *work)
{
    char text[2 * WIRE_ID_MAX];
    json_t *skill = skill_find(skills, id);
    if (!skill) {
        snprintf(text, sizeof text, "done by %s", ai_id);
        json_array_append_new(skills, skill_new(id, text, json_pack("[s]", work)));
        return;
    }
    json_t *tag, *tags = json_object_get(skill, "tags");
    size_t i;
    json_array_foreach(tags, i, tag)
    {
        if (strcmp(json_string_value(tag), work) == 0)
            return;
    }
    json_array_append_new(tags, json_string(work));
}

/* What an AI can do, by its capabilities; of one that names none, by what it works on. */
static void skills_add(json_t *skills, const char *ai_id, const json_t *member)
{
    const char *work = json_string_value(json_object_get(member, "specialization"));
    const json_t *one, *capabilities = json_object_get(member, "capabilities");
    size_t i, count = 0;
    work = work && *work ? work : "general";
    json_array_foreach(capabilities, i, one)
    {
        const char *id = json_string_value(one);
        if (!id || !*id || strcmp(id, A2A_WANTED) == 0)
            continue;
        skill_add(skills, id, ai_id, work);
        count++;
    }
    if (count == 0)
        skill_add(skills, work, ai_id, work);
}

/* ── cards ── */

/* As a path's segment. */
static void add_escaped(struct text *text, const char *segment)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";
    for (; *segment; segment++)
        text_addf(text, strchr(plain, *segment) ? "%c" : "%%%02X", (unsigned char)*segment);
}

/* Where the client finds us, at "/a2a" of an AI (NULL: of none), and what comes behind that. */
static json_t *url_new(const struct a2a_call *call, const char *path, const char *ai_id,
                       const char *tail)
{
    char place[PLACE_SIZE];
    struct text text = {0};
    text_addf(&text, "%s%s", a2a_place(call, place, sizeof place), path);
    if (ai_id)
        text_add_literal(&text, "/");
    add_escaped(&text, ai_id ? ai_id : "");
    text_add_literal(&text, tail);
    json_t *url = json_stringn(text.at, text.len);
    text_free(&text);
    return url;
}

/* Takes url. */
static json_t *interface_new(json_t *url, const char *binding, const char *version,
                             const char *tenant)
{
    return json_pack("{s:o,s:s,s:s,s:s*}", "url", url, "protocolBinding", binding,
                     "protocolVersion", version, "tenant", tenant);
}

/* How a caller shows himself; both versions read what is theirs. */
static void add_security(const struct a2a_call *call, json_t *card)
{
    if (!call->door->options.wants_token)
        return;
    json_object_set_new(card, "securitySchemes",
                        json_pack("{s:{s:s,s:s,s:{s:s}}}", "bearer", "type", "http", "scheme",
                                  "bearer", "httpAuthSecurityScheme", "scheme", "Bearer"));
    json_object_set_new(card, "securityRequirements",
                        json_pack("[{s:{s:{s:[]}}}]", "schemes", "bearer", "list"));
    json_object_set_new(card, "security", json_pack("[{s:[]}]", "bearer"));
}

/* Takes skills. ai_id NULL: of the hub. 0.3 has no tenants: there the path says whose it is. */
static json_t *card_new(const struct a2a_call *call, const char *ai_id, const char *description,
                        json_t *skills)
{
    bool extended = call->door->options.wants_token && !ai_id;
    json_t *url = url_new(call, "/a2a", NULL, ""), *old_url = url_new(call, "/a2a", ai_id, "");
    json_t *modes = json_pack("[s,s]", TEXT_TYPE, JSON_TYPE), *interfaces = json_array();
    json_array_append_new(interfaces,
                          interface_new(json_incref(url), "JSONRPC", A2A_VERSION, ai_id));
    json_array_append_new(interfaces, interface_new(url, "HTTP+JSON", A2A_VERSION, ai_id));
    json_array_append_new(interfaces,
                          interface_new(json_incref(old_url), "JSONRPC", A2A_OLD_VERSION, NULL));
    json_t *card =
        json_pack("{s:s,s:s,s:s,s:o,s:{s:b,s:b,s:b},s:O,s:o,s:o}", "name", ai_id ? ai_id : "khub",
                  "description", description, "version", KHUB_VERSION, "supportedInterfaces",
                  interfaces, "capabilities", "streaming", 1, "pushNotifications",
                  call->door->options.webhooks != NULL, "extendedAgentCard", extended,
                  "defaultInputModes", modes, "defaultOutputModes", modes, "skills", skills);
    json_object_set_new(card, "protocolVersion", json_string("0.3.0"));
    json_object_set_new(card, "url", old_url);
    json_object_set_new(card, "preferredTransport", json_string("JSONRPC"));
    json_object_set_new(card, "supportsAuthenticatedExtendedCard", json_boolean(extended));
    add_security(call, card);
    return card;
}

json_t *a2a_card(const struct a2a_call *call, const char *ai_id, const json_t *member)
{
    char text[2 * WIRE_ID_MAX];
    const char *work = json_string_value(json_object_get(member, "specialization"));
    json_t *skills = json_array();
    skills_add(skills, ai_id, member);
    snprintf(text, sizeof text, "An AI of a khub that works on %s.", work ? work : "general");
    return card_new(call, ai_id, text, skills);
}

json_t *a2a_hub_card(const struct a2a_call *call)
{
    json_t *skills = json_array(), *member;
    const char *ai_id;
    json_array_append_new(skills,
                          skill_new("hand-on",
                                    "Hands a task to an AI of this hub that takes such: by the "
                                    "skill that the message's metadata names as \"skill\", or by "
                                    "what its text speaks of.",
                                    json_pack("[s,s]", "hub", "routing")));
    json_object_foreach(call->members, ai_id, member)
    {
        skills_add(skills, ai_id, member);
    }
    return card_new(call, NULL, "A hub where AIs meet: tasks for those that take them.", skills);
}

static void hub_tell(struct a2a_call *call)
{
    a2a_reply_kept(call, CARD_TYPE, a2a_hub_card(call), KEPT_S);
}

static void observed_members(struct a2a_call *call);

/* To strangers it is told that there is a hub, and what it wants of them; not who is there. */
static void hub_card(struct a2a_call *call)
{
    if (call->stranger)
        hub_tell(call);
    else
        a2a_observe(call, observed_members);
}

static void tenant_tell(struct a2a_call *call)
{
    const json_t *member = json_object_get(call->members, call->tenant);
    if (member)
        a2a_reply_kept(call, CARD_TYPE, a2a_card(call, call->tenant, member), KEPT_S);
    else
        a2a_refuse(call, A2A_TASK_NOT_FOUND, "no AI of that id is here and takes tasks");
}

static void tenant_card(struct a2a_call *call)
{
    a2a_observe(call, observed_members);
}

/* ── the door for clients of MCP ── */

/* What MCP's clients read before they connect. Nobody's skills are in it. */
static void server_card(struct a2a_call *call)
{
    json_t *remotes = json_array();
    json_array_append_new(remotes, json_pack("{s:s,s:o}", "type", "streamable-http", "url",
                                             url_new(call, "/mcp", NULL, "")));
    a2a_reply_kept(
        call, SERVER_CARD_TYPE,
        json_pack("{s:s,s:s,s:s,s:s,s:s,s:o}", "$schema",
                  "https://static.modelcontextprotocol.io/schemas/v1/server-card.schema.json",
                  "name", "khub/hub", "title", "khub", "version", KHUB_VERSION, "description",
                  "A hub where AIs meet: join it, read and say, claim work, search what is known.",
                  "remotes", remotes),
        KEPT_S);
}

/* ── the list of all ── */

/* Of the hub (ai_id NULL), or of an AI. Takes url. */
static json_t *entry_new(const struct a2a_call *call, const char *space, const char *ai_id,
                         const char *type, json_t *url)
{
    struct slice host = http_request_header(call->request, "host");
    const char *colon = host.len && host.at[0] != '[' ? memchr(host.at, ':', host.len) : NULL;
    struct text urn = {0};
    text_addf(&urn, "urn:air:%.*s:%s:", (int)(colon ? colon - host.at : (long)host.len), host.at,
              space);
    add_escaped(&urn, ai_id ? ai_id : "hub");
    json_t *entry = json_pack("{s:s%,s:s,s:s,s:o}", "identifier", urn.at, urn.len, "displayName",
                              ai_id ? ai_id : "khub", "type", type, "url", url);
    text_free(&urn);
    return entry;
}

static json_t *agent_entry(const struct a2a_call *call, const char *ai_id)
{
    return entry_new(call, "khub", ai_id, "application/a2a-agent-card+json",
                     url_new(call, ai_id ? "/a2a" : "", ai_id, "/.well-known/agent-card.json"));
}

static void catalog_tell(struct a2a_call *call)
{
    const char *ai_id;
    json_t *member, *entries = json_array();
    json_array_append_new(entries, agent_entry(call, NULL));
    json_array_append_new(entries, entry_new(call, "mcp", NULL, SERVER_CARD_TYPE,
                                             url_new(call, SERVER_CARD_PATH, NULL, "")));
    json_object_foreach(call->members, ai_id, member)
    {
        json_t *tags = json_array(), *entry = agent_entry(call, ai_id);
        json_array_append(tags, json_object_get(member, "specialization"));
        json_object_set_new(entry, "tags", tags);
        json_array_append_new(entries, entry);
    }
    a2a_reply_kept(call, "application/ai-catalog+json",
                   json_pack("{s:s,s:{s:s},s:o}", "specVersion", "1.0", "host", "displayName",
                             "khub", "entries", entries),
                   KEPT_S);
}

static void catalog(struct a2a_call *call)
{
    if (call->stranger)
        catalog_tell(call);
    else
        a2a_observe(call, observed_members);
}

static void observed_members(struct a2a_call *call)
{
    a2a_members(call, call->route->run == catalog       ? catalog_tell
                      : call->route->run == tenant_card ? tenant_tell
                                                        : hub_tell);
}

const struct a2a_route a2a_card_routes[] = {
    {"GET", "/.well-known/agent-card.json", hub_card, true},
    {"GET", "/.well-known/ai-catalog.json", catalog, true},
    {"GET", SERVER_CARD_PATH, server_card, true},
    {"GET", "/a2a/{tenant}/.well-known/agent-card.json", tenant_card, false},
    {0},
};
