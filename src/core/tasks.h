/* Tasks: work that a room shares as a list. What waits for what, who works on it, and what shows
 * that it is done.
 *
 * A task is *blocked* while another that it needs is open, else *ready*; it is *claimed* while
 * somebody holds the lease of its key, "task:ID" (leases.h). So a claim has that lease's fence, and
 * ends as it does. Whose is done, or dropped, is *closed*. */
#ifndef KHUB_CORE_TASKS_H
#define KHUB_CORE_TASKS_H

#include "core/bounds.h"
#include "core/changes.h"
#include "core/evidence.h"
#include "core/index.h"
#include "wire/text.h"
#include <sys/queue.h>

struct lease;
struct loading;
struct request;
struct room;

enum task_state { TASK_OPEN, TASK_DONE, TASK_DROPPED };

/* As others are told. X(NAME, text) */
#define TASK_STATUSES(X)                                                                           \
    X(READY, "ready")                                                                              \
    X(BLOCKED, "blocked")                                                                          \
    X(CLAIMED, "claimed")                                                                          \
    X(DONE, "done")                                                                                \
    X(DROPPED, "dropped")

enum task_status {
#define X(name, text) TASK_IS_##name,
    TASK_STATUSES(X)
#undef X
        TASK_STATUS_COUNT
};

struct task_set { /* each once */
    struct task **at;
    size_t count, capacity;
};

struct task {
    struct slice key;    /* its id: "t17", or what its author called it */
    uint64_t seq;        /* of the entry that added it */
    struct slice author; /* ai_id, */
    struct slice owner;  /* and who stands behind it */
    struct slice title, body;
    uint64_t title_seq, body_seq; /* of the messages that said them, */
    uint64_t why_seq;             /* and that closed it or opened it again; 0: none */
    uint64_t version;             /* rises with each change of its texts and of what it needs */
    int64_t created_ms, changed_ms;
    struct task_set needs;  /* what it waits for, as it was said; */
    struct task_set blocks; /* what waits for it, by seq */
    size_t open_needs;
    enum task_state state;
    struct lease *lease; /* of its key; NULL: nobody holds it */
    /* of the last that closed it, or opened it again; len 0: nobody has */
    struct slice closer, closer_owner, why;
    uint64_t fence; /* under which it was done */
    struct evidence evidence;
    size_t bytes;   /* that it counts for */
    uint64_t order; /* in the list of those that are closed */
    struct change change;
    TAILQ_ENTRY(task) next, next_closed;
    /* of a search for circles (tasks.c) */
    uint64_t seen, aimed_at;
    struct task *via, *queued;
    struct slice needed; /* while rows are loaded: an array of ids; owned */
};
TAILQ_HEAD(task_list, task);

struct tasks {
    struct index index;
    struct task_list list;   /* in the order of their seqs */
    struct task_list closed; /* the longest closed first */
    size_t open_count, open_bytes, closed_count, closed_bytes;
    uint64_t searches;
};

void tasks_init(struct tasks *tasks);
void tasks_free(struct tasks *tasks);
/* NULL when there is none. */
struct task *task_find(const struct room *room, struct slice id);
/* The id in the key of a task's lease, "task:ID"; len 0: it is no such key. */
struct slice task_id_of(struct slice lease_key);
/* NULL when it is no task's. */
struct task *task_of_lease(const struct room *room, struct slice lease_key);
enum task_status task_status(const struct task *task);
const char *task_status_text(enum task_status status);
/* Of an owner's AIs: tasks that are open, and their bytes. */
void tasks_count_owned(const struct room *room, struct slice owner, size_t *ret_count,
                       size_t *ret_bytes);
size_t task_cost(const struct task *task);

/* ── changing them ── */

/* One more that needs nothing yet; its texts are copied. */
struct task *task_new(struct room *room, struct slice id, const struct task *texts, uint64_t seq);
/* Finds the lease of its key, of a row, or of a time when there was no such task. */
void task_link_lease(struct room *room, struct task *task);
/* It waits for that one as well; false: it did so already. */
bool task_wait_for(struct task *task, struct task *needed);
/* It waits for nothing. */
void task_wait_no_more(struct task *task);
/* Its row has to be written anew, and its bytes counted. */
void task_changed(struct room *room, struct task *task);
/* Those that became ready by it are put into *ret_ready, whose array is the caller's to free.
 * Nobody holds it. */
void task_close(struct room *room, struct task *task, enum task_state state,
                struct task_set *ret_ready);
/* Forgets those longest closed when there are too many. Only at the end of an entry. */
void tasks_trim(struct room *room);
/* It is open again. */
void task_open(struct room *room, struct task *task);
/* Would there be a circle if `waiting` (its needs aside) waited for all of `needs`, and all of
 * `blocks` for it? waiting NULL: one that is not there yet. The first of `needs` from which a way
 * leads there, each task's via being the next on it, up to one whose via is NULL: `waiting`, or
 * one of `blocks`. NULL: no circle. */
struct task *tasks_circle(struct room *room, struct task *waiting, const struct task_set *needs,
                          const struct task_set *blocks);
void task_set_add(struct task_set *set, struct task *task);
bool task_set_has(const struct task_set *set, const struct task *task);
void task_set_free(struct task_set *set);

/* ── as a row (task_row.c) ── */

void task_write_row(const struct task *task, struct text *text);
void load_task(struct loading *loading);
/* For load_lists.c: its place behind all that are there, and behind those that are closed, if it
 * is. */
void task_restore(struct room *room, void *object);
void task_restore_closed(struct room *room, void *object);
/* What rows say of each other: needs, and leases. 0, or -1 with a sentence. */
int tasks_link(struct room *room, char *ret_why, size_t size);

/* ── as JSON (task_query.c) ── */

/* Its members, from "id" on, without braces; whole: with its body and all of its evidence. */
void task_write(const struct task *task, bool whole, struct text *text);
/* ["t3","t4"] */
void task_ids_write(const struct task_set *set, bool open_alone, struct text *text);

/* What was said of tasks in the message of this seq is known no more. */
void tasks_retract(struct room *room, uint64_t seq);

/* ── telling (task_tell.c) ── */

struct rerun;
/* What became of a task. */
struct task_news {
    const char *change; /* "added" */
    enum task_status was;
    struct slice by;              /* len 0: nobody, a time was up */
    struct slice held_by;         /* whose claim ended by it; len 0: nobody's */
    bool whole;                   /* with its texts and evidence */
    const struct task_set *ready; /* those that became so by it; NULL: none */
    const struct rerun *rerun;    /* of the item `index`; NULL: none */
    size_t index;
    enum evidence_status evidence_was;
};
/* Tells all of level 2. */
void task_tell(struct request *request, const struct task *task, const struct task_news *news);
/* Those of its needs that are open, "t3 (claimed by bob), t4", cut when they are many. */
#define TASK_WAITS_SIZE 256u
const char *task_waits_for(const struct task *task, char buffer[TASK_WAITS_SIZE]);

/* ── claims: what leases.c asks and tells (task_tell.c) ── */

/* May it be claimed? A lease of its key is held by nobody. */
int task_claim_check(struct request *request, struct slice lease_key);
/* Its lease was granted. */
void task_claimed(struct request *request, struct task *task);
/* The lease is over by itself; how: "released" by who held it, or "expired". */
void task_unclaimed(struct request *request, struct task *task, struct slice holder,
                    const char *how);

#endif
