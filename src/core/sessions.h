/* Collaboration sessions and their workspaces. */
#ifndef KHUB_CORE_SESSIONS_H
#define KHUB_CORE_SESSIONS_H

#include "core/artifacts.h"
#include "core/bounds.h"
#include "core/changes.h"
#include "core/index.h"
#include "wire/text.h"
#include <sys/queue.h>

struct room;

#define SESSION_STATES(X)                                                                          \
    X(PENDING, "pending")                                                                          \
    X(ACTIVE, "active")                                                                            \
    X(COMPLETED, "completed")                                                                      \
    X(FAILED, "failed")                                                                            \
    X(CANCELLED, "cancelled")                                                                      \
    X(DECLINED, "declined")                                                                        \
    X(EXPIRED, "expired")                                                                          \
    X(ABANDONED, "abandoned")

enum session_state {
#define X(name, text) SESSION_##name,
    SESSION_STATES(X)
#undef X
        SESSION_STATE_COUNT
};

struct cell { /* one key of a workspace */
    struct slice key;
    const struct session *session; /* whose workspace it is */
    struct slice value;
    uint64_t version;
    struct change change;
};

struct session {
    struct slice key;               /* session_id */
    struct slice initiator, target; /* target.len 0: offered to everyone */
    struct slice type, description; /* decoded */
    enum session_state state;
    int64_t created_ms;                          /* unix time */
    int64_t changed_ms;                          /* unix time at which it came into its state */
    int64_t since;                               /* hub clock at which it was made */
    struct slice participants[PARTICIPANTS_MAX]; /* the initiator first */
    size_t participant_count;
    double progress;
    struct index workspace;
    size_t workspace_bytes;
    struct artifact_list artifacts; /* the first offered first */
    uint64_t order;                 /* of its making, or end */
    struct change change;
    TAILQ_ENTRY(session) next; /* in room->live or room->ended */
};
TAILQ_HEAD(session_list, session);

/* "pending"; static storage. */
const char *session_state_text(enum session_state state);
/* Is there such an arrow in session.c's drawing? */
bool session_move_legal(enum session_state from, enum session_state to);
/* The room's own; NULL when there is none, or it is forgotten. */
struct session *session_find(const struct room *room, struct slice session_id);
/* Does the AI take part in it? */
bool session_has(const struct session *session, struct slice ai_id);
/* May it know of the session, and of what its participants say in it? They may, whom it was offered
 * to, and who observes as far as it sees that. */
bool session_shown(const struct room *room, const struct session *session,
                   const struct member *member);
/* Pending or active. */
bool session_live(const struct session *session);
/* A pending one, whose initiator takes part; the caller adds type and description. */
struct session *session_new(struct room *room, struct slice session_id, struct slice initiator,
                            struct slice target, int64_t now);
/* One more takes part; there are fewer than PARTICIPANTS_MAX. */
void session_add(struct room *room, struct session *session, struct slice ai_id);
/* A legal move. One that ends loses its workspace, and is freed when too many ended after it. */
void session_move(struct room *room, struct session *session, enum session_state to, int64_t now);
/* It is in no index and no list. */
void session_free(struct session *session);
/* For load.c: gives it its place behind all that are there; a key of its workspace, as it was. */
void session_restore(struct room *room, struct session *session);
void workspace_restore(struct room *room, struct session *session, struct slice key,
                       struct slice value, uint64_t version);
/* What is kept of it is not what it was. */
void session_changed(struct room *room, struct session *session);
/* The key of a workspace's row; owned by the caller. */
struct slice cell_row_key(const struct cell *cell);
/* The oldest pending session whose initiator is not connected: nobody waits for it. NULL when there
 * is none. */
struct session *session_unawaited(const struct room *room);
/* Of this AI's, the active ones. */
size_t session_count_active(const struct room *room, struct slice ai_id);
/* Proposes the end of those whose time has run out on this hub's clock. For admit: apply has no
 * clock. */
void sessions_propose_ends(struct room *room, int64_t now);
/* As an object; with its workspace and all else that a dump shows, or without. */
void session_write(const struct session *session, bool workspace, struct text *text);

#endif
