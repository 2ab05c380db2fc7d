/* MCP, the Model Context Protocol: an LLM's client finds the hub as a set of tools.
 *
 * A conversation speaks both eras of the protocol. The earlier one (2024-11-05 to 2025-11-25)
 * begins with `initialize`; in the later one (2026-07-28) each request stands for itself and says
 * its version. Messages come in and go out as JSON; who carries them (stdio, HTTP) is the host.
 *
 * An AI joins the hub with the first call that needs it, not before: clients start a bridge only to
 * see what it can do. */
#ifndef KHUB_GATEWAY_MCP_H
#define KHUB_GATEWAY_MCP_H

#include <uv.h>

#include "gateway/agent.h"
#include "gateway/rpc.h"
#include "khub.h"

struct mcp;

/* Where answers to a message go. The host's; until mcp_outlet_gone it must stay. */
struct mcp_outlet {
    void (*send)(struct mcp_outlet *outlet, const json_t *message);
};

/* What outlives a conversation: who its AI is, and how far it has read. The host's. */
struct mcp_keeper {
    /* What is known of the AI of options->ai_id, or (NULL) of a client of that name ("": unknown):
     * fills in what khub_new needs to come back, and how far it had read (what they point to stays
     * the keeper's). False: nothing. */
    bool (*recall)(struct mcp_keeper *keeper, const char *client, struct khub_options *options,
                   struct mail_past *ret_past);
    /* It has changed; or (gone) it leaves. */
    void (*keep)(struct mcp_keeper *keeper, struct agent *agent, bool gone);
    /* Something came for it alone, and waits. */
    void (*came)(struct mcp_keeper *keeper, struct agent *agent);
};

struct mcp_call;

/* What a host speaks beside khub's own; khub's programs have none. It is for tests: the protocol's
 * makers try servers by tools and prompts of theirs. All may be NULL. mcp_inside.h has what it
 * needs. */
struct mcp_more {
    /* Adds to what is announced, and to a list: "tools", "resources", "resourceTemplates",
     * "prompts". */
    void (*announce)(const struct mcp_call *call, json_t *capabilities);
    void (*list)(const char *what, json_t *list);
    /* A request, before khub looks at it. True: it is the host's, who ends it, now or later. */
    bool (*run)(struct mcp_call *call, const char *method);
    /* A response, to what the host asked the client. */
    void (*answered)(const json_t *id, const json_t *message);
};

struct mcp_options {
    uv_loop_t *loop;
    struct khub_options link; /* of agent_new; ai_id NULL: one is made of the client's name */
    struct mcp_keeper *keeper;
    struct mcp_outlet *outlet;   /* of what answers nothing: notifications */
    const struct mcp_more *more; /* NULL: nothing */
    bool nobody;                 /* has no AI: what needs one is refused */
    /* The hub takes the AI's token no more: it may be closed. NULL: whoever calls is told. */
    void (*unauthorized)(void *host);
    void *host;
};

/* options are copied, not what they point to. NULL: out of memory. */
struct mcp *mcp_new(const struct mcp_options *options);
/* One message of the client's. */
void mcp_take(struct mcp *mcp, struct slice text, struct mcp_outlet *outlet);
/* The same of one that was read; takes it. */
void mcp_take_message(struct mcp *mcp, struct rpc_message *message, struct mcp_outlet *outlet);
/* Is it a version of the earlier era that is spoken? */
bool mcp_version_spoken(struct slice version);
/* By which later requests name this conversation's AI; join tells it. */
void mcp_set_handle(struct mcp *mcp, const char *handle);
/* Nobody reads there any more: calls whose answers would go there are cancelled. */
void mcp_outlet_gone(struct mcp *mcp, const struct mcp_outlet *outlet);
/* Nothing more will be asked: what waits for something to come is answered with what there is. */
void mcp_finish(struct mcp *mcp);
/* Are calls under way? */
bool mcp_busy(const struct mcp *mcp);
/* The client is gone. Its AI goes from the hub; freed by the loop, later. */
void mcp_close(struct mcp *mcp);

#endif
