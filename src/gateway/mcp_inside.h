/* What the files of MCP share. */
#ifndef KHUB_GATEWAY_MCP_INSIDE_H
#define KHUB_GATEWAY_MCP_INSIDE_H

#include <sys/queue.h>

#include "gateway/mcp.h"
#include "gateway/params.h"
#include "wire/text.h"

#define MCP_MODERN        "2026-07-28"
#define MCP_META          "io.modelcontextprotocol/"
#define MCP_LIST_TTL_MS   3600000  /* for which a list of tools, prompts or resources is good */
#define MCP_NOT_FOUND     (-32002) /* a resource, in the earlier era */
#define MCP_WRONG_VERSION (-32022)

/* A request under way. It ends with one of the call_ functions, at once or later. */
struct mcp_call {
    struct mcp *mcp;
    struct mcp_outlet *outlet;
    json_t *root;      /* the message, owned */
    json_t *id;        /* of root */
    json_t *params;    /* of root; NULL: none */
    json_t *arguments; /* of a tool; of params, or NULL */
    bool tool;         /* it is of one: what goes wrong is a result, for a model to mend */
    bool modern;       /* of the later era */
    bool cancelled;    /* nobody wants the answer */
    size_t acked;      /* messages, by an ack that the hub is told of */
    /* What then: the agent has been taken. */
    void (*joined)(struct mcp_call *call, struct agent *agent);
    /* Ends what waits; may be NULL. */
    void (*cancel)(struct mcp_call *call);
    uv_timer_t *timer; /* of a wait; NULL: none */
    TAILQ_ENTRY(mcp_call) next;
};
TAILQ_HEAD(mcp_call_list, mcp_call);

/* Who wants to be told when a resource changes. */
struct subscription {
    json_t *id; /* of subscriptions/listen, in the later era; NULL: the earlier one */
    char *uri;  /* owned */
    struct mcp_outlet *outlet;
    TAILQ_ENTRY(subscription) next;
};
TAILQ_HEAD(subscription_list, subscription);

struct mcp {
    struct mcp_options options;
    struct agent *agent;        /* NULL: nobody has joined */
    char handle[33];            /* join tells it; "": it needs none */
    char client[65];            /* its name for itself; "": unknown */
    bool initialized;           /* of the earlier era */
    bool finishing;             /* nothing more will be asked: nobody waits for something to come */
    struct mcp_call_list calls; /* under way */
    size_t call_count;
    const json_t *synced; /* the sync of which leases are */
    json_t *leases;       /* {key: fence} of its AI */
    json_t *said;         /* {seq: message_id}: what may be replied to, the last ones */
    struct subscription_list subscriptions;
};

/* The end of a call. result, data and structured are taken; NULL: out of memory. */
void call_result(struct mcp_call *call, json_t *result);
void call_error(struct mcp_call *call, int code, const char *sentence, json_t *data);
/* Of a tool: what it found, as JSON and as text to read (NULL: the JSON; taken). */
void call_tell(struct mcp_call *call, json_t *structured, struct text *shown);
/* What went wrong: of a tool a result, for a model to mend; else an error. */
void call_fail(struct mcp_call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The hub's refusal. */
void call_refused(struct mcp_call *call, const struct agent_answer *answer);
/* Goes on with `joined` when the AI is in its room, which it joins if need be. */
void call_join(struct mcp_call *call, void (*joined)(struct mcp_call *call, struct agent *agent));
/* The same under another name than the one chosen before. options: NULL for the conversation's. */
void call_join_as(struct mcp_call *call, const struct khub_options *options,
                  void (*joined)(struct mcp_call *call, struct agent *agent));

/* The AI goes from the hub, and what waits for something to come has waited in vain. leaves: as
 * with agent_close. */
void mcp_give_up(struct mcp *mcp, bool leaves);

/* Arguments that params_check has passed. "" or 0: absent. */
const char *argument_text(const struct mcp_call *call, const char *name);
json_int_t argument_whole(const struct mcp_call *call, const char *name, json_int_t fallback);
bool argument_flag(const struct mcp_call *call, const char *name);

/* What a model is told of all this. */
extern const char mcp_instructions[];

/* Methods; each ends its call. */
void mcp_tools_list(struct mcp_call *call);
void mcp_tools_call(struct mcp_call *call);
void mcp_resources_list(struct mcp_call *call);
void mcp_resource_templates_list(struct mcp_call *call);
void mcp_resources_read(struct mcp_call *call);
void mcp_resources_subscribe(struct mcp_call *call);
void mcp_resources_unsubscribe(struct mcp_call *call);
void mcp_subscriptions_listen(struct mcp_call *call);
/* A file of that sha256, once the call's AI has joined (mcp_file.c). */
#define FILE_READ_MAX (1 << 20) /* bytes */
void mcp_file_read(struct mcp_call *call, struct agent *agent, const char *uri, const char *sha256);
/* There is no such resource. */
void mcp_resource_not_found(struct mcp_call *call, const char *uri);
void mcp_prompts_list(struct mcp_call *call);
void mcp_prompts_get(struct mcp_call *call);
/* Adds to a result of a list or a reading how long it is good and for whom, in the later era. */
json_t *mcp_cached(const struct mcp_call *call, json_t *result, int ttl_ms, const char *scope);

/* The end of a call for a list. Takes it. */
void mcp_listed(struct mcp_call *call, const char *what, json_t *list, int ttl_ms,
                const char *scope);

/* A tool. */
struct tool {
    const char *name, *title, *about;
    const struct param *params, *results; /* ended by name NULL */
    bool reads, destroys;                 /* annotations */
    void (*run)(struct mcp_call *call);
};
extern const struct tool tool_join, tool_who, tool_say, tool_inbox, tool_ack, tool_leave, tool_work,
    tool_task, tool_ask_feature, tool_report, tool_session, tool_knowledge;

/* Messages as a model reads them: each with who spoke, and its text quoted. */
void mail_write(struct text *text, struct mail *const *messages, size_t count, size_t tokens);
json_t *mail_json(struct mail *const *messages, size_t count, size_t tokens);
/* "3 more wait: 2 chat, 1 pattern_share, of 2 senders" and how to get them; nothing when none. */
void mail_rest_write(struct text *text, const json_t *rest);
/* Inbox waits look whether there is something now. */
void mcp_inbox_came(struct mcp *mcp);
/* Something that a resource shows has changed. */
void mcp_resource_changed(struct mcp *mcp, const char *uri);
void subscriptions_drop(struct mcp *mcp, const struct mcp_outlet *outlet);

#endif
