/* Approvals: a question to a person, with choices, a time, and the choice that holds when nobody
 * answers in it.
 *
 *            approval_request              approval_answer
 *   (none) ───────────────────▶ pending ───────────────────▶ answered
 *                                 │ ├── its time is up ────▶ timed_out    the preset choice holds
 *                                 │ └── its asker ─────────▶ withdrawn    nothing is chosen
 *
 * It is decided once. */
#ifndef KHUB_CORE_APPROVALS_H
#define KHUB_CORE_APPROVALS_H

#include "core/changes.h"
#include "core/index.h"
#include "wire/text.h"
#include <sys/queue.h>

struct member;
struct room;

/* X(NAME, text) */
#define APPROVAL_STATUSES(X)                                                                       \
    X(PENDING, "pending")                                                                          \
    X(ANSWERED, "answered")                                                                        \
    X(TIMED_OUT, "timed_out")                                                                      \
    X(WITHDRAWN, "withdrawn")

enum approval_status {
#define X(name, text) APPROVAL_##name,
    APPROVAL_STATUSES(X)
#undef X
        APPROVAL_STATUS_COUNT
};

struct approval {
    struct slice key;           /* its id: "a", and the seq of the message that asked */
    struct slice asker, target; /* target.len 0: any person may answer */
    struct slice question, preset;
    struct slice choices; /* a JSON array of strings */
    int64_t wait_ms;
    int64_t since;                /* hub clock at which it was asked, or the hub began */
    int64_t asked_ms, changed_ms; /* unix time: of the question, of its present status, */
    uint64_t changed;             /* and the seq of that */
    enum approval_status status;
    struct slice choice, by, note; /* len 0: none; by: who answered */
    uint64_t order;                /* of the question, or the decision */
    bool proposed;                 /* its end is on its way through the log */
    struct change change;
    TAILQ_ENTRY(approval) next;
};
TAILQ_HEAD(approval_list, approval);

struct approvals {
    struct index all;                      /* by their ids */
    struct approval_list pending, decided; /* each in the order of `order` */
    size_t pending_count;
};

/* Static storage, as in the table. */
const char *approval_status_text(enum approval_status status);

void approvals_init(struct approvals *approvals);
void approvals_free(struct approvals *approvals);
/* May this member know of it? All may, of one that any person may answer. */
bool approval_shown(const struct room *room, const struct approval *approval,
                    const struct member *member);
/* Its members, from "approval_id" on, without braces. */
void approval_write(const struct approval *approval, struct text *text);
/* [{…},…], all of them, in the order of their ids. */
void approvals_write(const struct approvals *approvals, struct text *text);
/* Proposes the end of those whose time is up on this hub's clock. For admit: apply has no clock. */
void approvals_tick(struct room *room, int64_t now);

/* ── for save.c and load.c ── */

/* A new one, to be filled; NULL when the key is no id of one, or there already. */
struct approval *approval_new(struct room *room, struct slice key);
/* Its place, behind all that are there. */
void approval_restore(struct room *room, struct approval *approval);
/* Is `choice` one of the JSON array's? */
bool approval_offers(struct slice choices, struct slice choice);
bool approvals_whole(const struct room *room);

#endif
