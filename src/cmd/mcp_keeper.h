/* What of an MCP client's AI outlives its bridge: a membership (membership.h), the same as that of
 * an agent with a shell. */
#ifndef KHUB_CMD_MCP_KEEPER_H
#define KHUB_CMD_MCP_KEEPER_H

#include "cmd/membership.h"
#include "cmd/membership_place.h"
#include "cmd/waiting_note.h"
#include "gateway/mcp.h"

struct membership_keeper {
    struct mcp_keeper face; /* first: it is the keeper */
    /* Set by the caller. */
    const char *command, *state; /* for sentences; --state, NULL: .khub/NAME.json */
    const char *hub;
    long stays_s;

    /* Its own. */
    struct place place;
    struct membership member;
    struct waiting_note note;
    uint64_t *unread; /* of the last recall */
    bool open, complained;
};

/* Fills in its face, and what else is its own. */
void membership_keeper_begin(struct membership_keeper *keeper);
/* Lets go of the place: another process may go on there. */
void membership_keeper_end(struct membership_keeper *keeper);

#endif
