/* Resources: the same things to be looked at, and told of when they change. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/bounds.h"
#include "gateway/mcp_inside.h"
#include "gateway/quoted.h"
#include "gateway/rpc.h"

#define SCHEME "khub://"

/* How a resource is read: the hub's answer to a question, or what is known here. */
struct resource {
    const char *uri;                     /* of a template: what stands before its id */
    const char *name, *about, *template; /* template NULL: a resource by itself */
    void (*read)(struct mcp_call *call, struct agent *agent);
};

static const char *uri_of(const struct mcp_call *call)
{
    const char *uri = json_string_value(json_object_get(call->params, "uri"));
    return uri ? uri : "";
}

/* Takes contents. */
static void tell(struct mcp_call *call, json_t *contents)
{
    struct text text = {0};
    text_add_dumped(&text, contents);
    json_decref(contents);
    json_t *result = text.failed
                         ? NULL
                         : json_pack("{s:[{s:s,s:s,s:s%}]}", "contents", "uri", uri_of(call),
                                     "mimeType", "application/json", "text", text.at, text.len);
    text_free(&text);
    call_result(call, mcp_cached(call, result, 0, "private"));
}

void mcp_resource_not_found(struct mcp_call *call, const char *uri)
{
    call_error(call, call->modern ? RPC_INVALID_PARAMS : MCP_NOT_FOUND, "there is no such resource",
               json_pack("{s:s}", "uri", uri));
}

static void not_found(struct mcp_call *call)
{
    mcp_resource_not_found(call, uri_of(call));
}

static void on_answer(const struct agent_answer *answer, void *data)
{
    struct mcp_call *call = data;
    const json_t *entries = json_object_get(answer->payload, "entries");
    if (answer->good && (!entries || json_object_size(entries) > 0)) {
        json_t *contents = json_deep_copy(answer->payload);
        json_object_del(contents, "in_reply_to");
        tell(call, contents);
    } else if (answer->good || strcmp(answer->code, "not_found") == 0 ||
               strcmp(answer->code, "unknown_session") == 0) {
        not_found(call);
    } else {
        call_error(call, RPC_INTERNAL_ERROR, answer->why, NULL);
    }
}

/* What can be read by who has not joined. */
static void read_help(struct mcp_call *call, struct agent *agent)
{
    (void)agent;
    json_t *contents = json_pack("{s:s,s:s,s:s}", "uri", uri_of(call), "mimeType", "text/markdown",
                                 "text", mcp_instructions);
    json_t *result = contents ? json_pack("{s:[o]}", "contents", contents) : NULL;
    call_result(call, mcp_cached(call, result, MCP_LIST_TTL_MS, "public"));
}

static void read_inbox(struct mcp_call *call, struct agent *agent)
{
    struct mailbox *mailbox = agent_mailbox(agent);
    struct mail *message, *messages[INBOX_SHOW_MAX];
    size_t count = 0;
    TAILQ_FOREACH (message, &mailbox->messages, next) {
        if (count < INBOX_SHOW_MAX && !message->shown)
            messages[count++] = message;
    }
    tell(call, json_pack("{s:o,s:o}", "messages", mail_json(messages, count, INBOX_TOKENS_MAX),
                         "waiting", mailbox_rest(mailbox)));
}

static void read_members(struct mcp_call *call, struct agent *agent)
{
    agent_ask(agent, "member_query", json_object(), on_answer, call);
}

static void read_sessions(struct mcp_call *call, struct agent *agent)
{
    agent_ask(agent, "session_query", json_object(), on_answer, call);
}

static void read_work(struct mcp_call *call, struct agent *agent)
{
    (void)agent;
    tell(call, json_pack("{s:O}", "leases", call->mcp->leases));
}

/* What stands behind the scheme and the first word. */
static const char *id_of(const struct mcp_call *call)
{
    const char *slash = strchr(uri_of(call) + sizeof SCHEME - 1, '/');
    return slash ? slash + 1 : "";
}

static void read_session(struct mcp_call *call, struct agent *agent)
{
    agent_ask(agent, "session_query", json_pack("{s:s}", "id", id_of(call)), on_answer, call);
}

static void read_knowledge(struct mcp_call *call, struct agent *agent)
{
    agent_ask(agent, "knowledge_query", json_pack("{s:s}", "id", id_of(call)), on_answer, call);
}

static void read_file(struct mcp_call *call, struct agent *agent)
{
    mcp_file_read(call, agent, uri_of(call), id_of(call));
}

static const struct resource resources[] = {
    {SCHEME "help", "help", "What khub is, and how an agent works with others there", NULL,
     read_help},
    {SCHEME "inbox", "inbox", "What others said that was not read yet", NULL, read_inbox},
    {SCHEME "members", "members", "Who is in the room, and on what", NULL, read_members},
    {SCHEME "sessions", "sessions", "The sessions in which you take part", NULL, read_sessions},
    {SCHEME "work", "work", "What you have claimed", NULL, read_work},
    {SCHEME "session/", "session", "A session with its workspace", SCHEME "session/{session_id}",
     read_session},
    {SCHEME "knowledge/", "knowledge", "An entry of what the room knows", SCHEME "knowledge/{id}",
     read_knowledge},
    {SCHEME "artifact/", "artifact", "A file of a session's workspace, up to 1 MiB: its bytes",
     SCHEME "artifact/{sha256}", read_file},
};
#define RESOURCE_COUNT (sizeof resources / sizeof *resources)

static const struct resource *resource_find(const char *uri)
{
    for (size_t i = 0; i < RESOURCE_COUNT; i++) {
        const struct resource *resource = &resources[i];
        size_t len = strlen(resource->uri);
        if (resource->template ? strncmp(uri, resource->uri, len) == 0 && uri[len]
                               : strcmp(uri, resource->uri) == 0)
            return resource;
    }
    return NULL;
}

static void list(struct mcp_call *call, bool templates)
{
    json_t *list = json_array();
    for (size_t i = 0; i < RESOURCE_COUNT; i++) {
        const struct resource *resource = &resources[i];
        if (!resource->template != !templates)
            continue;
        json_array_append_new(list,
                              json_pack("{s:s,s:s,s:s,s:s}", templates ? "uriTemplate" : "uri",
                                        templates ? resource->template : resource->uri, "name",
                                        resource->name, "description", resource->about, "mimeType",
                                        resource->read == read_help   ? "text/markdown"
                                        : resource->read == read_file ? "application/octet-stream"
                                                                      : "application/json"));
    }
    mcp_listed(call, templates ? "resourceTemplates" : "resources", list, MCP_LIST_TTL_MS,
               "public");
}

void mcp_resources_list(struct mcp_call *call)
{
    list(call, false);
}

void mcp_resource_templates_list(struct mcp_call *call)
{
    list(call, true);
}

static void read_joined(struct mcp_call *call, struct agent *agent)
{
    resource_find(uri_of(call))->read(call, agent);
}

void mcp_resources_read(struct mcp_call *call)
{
    const struct resource *resource = resource_find(uri_of(call));
    if (!resource)
        not_found(call);
    else if (resource->read == read_help)
        read_help(call, NULL);
    else
        call_join(call, read_joined);
}

/* ── subscriptions ── */

static void subscription_free(struct mcp *mcp, struct subscription *subscription)
{
    TAILQ_REMOVE(&mcp->subscriptions, subscription, next);
    json_decref(subscription->id);
    free(subscription->uri);
    free(subscription);
}

void subscriptions_drop(struct mcp *mcp, const struct mcp_outlet *outlet)
{
    struct subscription *subscription = TAILQ_FIRST(&mcp->subscriptions);
    while (subscription) {
        struct subscription *behind = TAILQ_NEXT(subscription, next);
        if (!outlet || subscription->outlet == outlet)
            subscription_free(mcp, subscription);
        subscription = behind;
    }
}

static int subscribe(struct mcp *mcp, const char *uri, json_t *id, struct mcp_outlet *outlet)
{
    struct subscription *subscription = calloc(1, sizeof *subscription);
    char *copy = strdup(uri);
    if (!subscription || !copy) {
        free(subscription);
        free(copy);
        return -1;
    }
    *subscription = (struct subscription){.uri = copy, .id = json_incref(id), .outlet = outlet};
    TAILQ_INSERT_TAIL(&mcp->subscriptions, subscription, next);
    return 0;
}

static void unsubscribe(struct mcp *mcp, const char *uri)
{
    struct subscription *subscription = TAILQ_FIRST(&mcp->subscriptions);
    while (subscription) {
        struct subscription *behind = TAILQ_NEXT(subscription, next);
        if (!subscription->id && strcmp(subscription->uri, uri) == 0)
            subscription_free(mcp, subscription);
        subscription = behind;
    }
}

#define SUBSCRIPTIONS_MAX 64u

static size_t subscription_count(const struct mcp *mcp)
{
    const struct subscription *subscription;
    size_t count = 0;
    TAILQ_FOREACH (subscription, &mcp->subscriptions, next)
        count++;
    return count;
}

static void subscribe_joined(struct mcp_call *call, struct agent *agent)
{
    struct mcp *mcp = call->mcp;
    (void)agent;
    unsubscribe(mcp, uri_of(call));
    if (subscription_count(mcp) >= SUBSCRIPTIONS_MAX ||
        subscribe(mcp, uri_of(call), NULL, mcp->options.outlet) < 0)
        call_error(call, RPC_INTERNAL_ERROR, "too many subscriptions", NULL);
    else
        call_result(call, json_object());
}

void mcp_resources_subscribe(struct mcp_call *call)
{
    if (resource_find(uri_of(call)))
        call_join(call, subscribe_joined);
    else
        not_found(call);
}

void mcp_resources_unsubscribe(struct mcp_call *call)
{
    unsubscribe(call->mcp, uri_of(call));
    call_result(call, json_object());
}

/* The later era's: one request that stays open. Its id names what is told by it. */
static void listen_end(struct mcp_call *call)
{
    struct mcp *mcp = call->mcp;
    struct subscription *subscription = TAILQ_FIRST(&mcp->subscriptions);
    while (subscription) {
        struct subscription *behind = TAILQ_NEXT(subscription, next);
        if (subscription->id && json_equal(subscription->id, call->id))
            subscription_free(mcp, subscription);
        subscription = behind;
    }
    call_result(call, json_object());
}

static json_t *meta_of(json_t *id)
{
    return json_pack("{s:O}", MCP_META "subscriptionId", id);
}

/* Takes message. */
static void tell_outlet(struct mcp_outlet *outlet, json_t *message)
{
    if (message)
        outlet->send(outlet, message);
    json_decref(message);
}

static void listen_joined(struct mcp_call *call, struct agent *agent)
{
    struct mcp *mcp = call->mcp;
    const json_t *wanted =
        json_object_get(json_object_get(call->params, "notifications"), "resourceSubscriptions");
    json_t *honored = json_array(), *uri;
    size_t i;
    (void)agent;
    json_array_foreach(wanted, i, uri)
    {
        if (json_is_string(uri) && resource_find(json_string_value(uri)) &&
            subscription_count(mcp) < SUBSCRIPTIONS_MAX &&
            subscribe(mcp, json_string_value(uri), call->id, call->outlet) == 0)
            json_array_append(honored, uri);
    }
    tell_outlet(call->outlet,
                rpc_notification("notifications/subscriptions/acknowledged",
                                 json_pack("{s:o,s:{s:o}}", "_meta", meta_of(call->id),
                                           "notifications", "resourceSubscriptions", honored)));
    call->cancel = listen_end;
    if (mcp->finishing)
        listen_end(call);
}

void mcp_subscriptions_listen(struct mcp_call *call)
{
    const json_t *wanted =
        json_object_get(json_object_get(call->params, "notifications"), "resourceSubscriptions");
    if (json_array_size(wanted) > 0)
        call_join(call, listen_joined);
    else
        listen_joined(call, NULL); /* lists never change, and nobody need join for that */
}

void mcp_resource_changed(struct mcp *mcp, const char *uri)
{
    struct subscription *subscription;
    TAILQ_FOREACH (subscription, &mcp->subscriptions, next) {
        bool of_it =
            strcmp(subscription->uri, uri) == 0 ||
            (strcmp(uri, SCHEME "sessions") == 0 &&
             strncmp(subscription->uri, SCHEME "session/", sizeof SCHEME "session/" - 1) == 0);
        if (!of_it)
            continue;
        json_t *params = json_pack("{s:s}", "uri", subscription->uri);
        if (subscription->id)
            json_object_set_new(params, "_meta", meta_of(subscription->id));
        tell_outlet(subscription->outlet,
                    rpc_notification("notifications/resources/updated", params));
    }
}
