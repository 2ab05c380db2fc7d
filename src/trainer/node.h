/* An AI node's own parts, shared by its files: node.c (the loop, the link, the end), dispatch.c (messages and peers),
 * sharing.c (patterns, components, reports), features.c (feature requests), sessions.c and session_work.c (collaboration).
 *
 * All of it runs on the loop's thread. The brain is touched by jobs alone. */
#ifndef KHUB_TRAINER_NODE_H
#define KHUB_TRAINER_NODE_H

#include <jansson.h>
#include <uv.h>

#include "khub.h"
#include "trainer/brain.h"
#include "trainer/capabilities.h"
#include "trainer/jobs.h"
#include "trainer/limits.h"
#include "trainer/summary.h"
#include "trainer/trainer.h"
#include "trainer/words.h"

/*          own request              accept
 *    ┌──── WAITING                 INVITED ────┐
 *    │        │ active                │ active │ declined, expired, completed by a level 1 partner, …
 *    │        └───────► ACTIVE ◄──────┘        │
 *    │                    │ budget spent       │
 *    │                CONCLUDING               │
 *    └────────────────► (gone) ◄───────────────┘ */
enum session_state { SESSION_WAITING, SESSION_INVITED, SESSION_ACTIVE, SESSION_CONCLUDING };

#define SENT_REMEMBERED 6u

struct session {
    bool used;
    enum session_state state;
    bool initiator; /* this AI asked for it */
    char id[SESSION_ID_MAX + 1], type[64], initiator_id[ID_MAX + 1];
    char participants[BRAIN_CONTRIBUTORS_MAX][ID_MAX + 1];
    bool present[BRAIN_CONTRIBUTORS_MAX]; /* connected, as far as is known */
    size_t participant_count;
    json_t *candidate; /* as it lies in the workspace; NULL: nothing yet */
    uint64_t version;  /* of it; 0: nothing yet */
    uint64_t job_version;
    bool working, writing,
        reconcile; /* a job runs; a write is unanswered; join the current value at once */
    bool replace;  /* the current candidate can't be run: put this AI's own best in its place */
    unsigned unreadable;  /* candidates, of all that came */
    unsigned writes_lost; /* in a row */
    uint64_t since; /* when it was made, or when it became active; loop time, ms, as all of these */
    uint64_t next_step, write_deadline, retry_at, concluding_since;
    uint64_t spent_since;           /* 0: budget not spent yet */
    char sent[SENT_REMEMBERED][37]; /* message_ids, for errors that answer them */
    unsigned sent_next;
};

struct peer {
    char id[ID_MAX + 1], specialization[64];
    json_t *capabilities; /* strings, at most PEER_CAPABILITIES */
    unsigned refuted;
    bool present;
};

struct feature_seen {
    char requestor[ID_MAX + 1], feature[ID_MAX + 1];
    unsigned requests, responses, answered;
};

enum node_phase {
    NODE_RUNNING,
    NODE_ENDING,   /* no new work; sessions come to their end */
    NODE_FLUSHING, /* the last messages are being sent */
    NODE_ENDED
};

struct node {
    const struct trainer_options *options;
    const char *const *capabilities;
    const char *subject; /* on which it trains */
    uv_loop_t loop;
    uv_prepare_t prepare;
    uv_timer_t link_timer, tick, request;
    uv_signal_t interrupt, terminate;
    uv_poll_t *poll; /* of poll_fd; NULL: none */
    int poll_fd;
    struct khub *link;
    struct brain *brain;
    struct jobs jobs;
    struct summary count;
    enum node_phase phase;
    const char *ended;                          /* why */
    uint64_t started, deadline, phase_deadline; /* loop time, ms */
    bool joined, lost, refused;                 /* once; now, for good; by the hub */
    bool last_measured;                         /* the last training job has been asked for */
    struct session sessions[SESSIONS_TRACKED_MAX];
    struct peer *peers; /* PEERS_MAX */
    size_t peer_count;
    size_t others; /* AIs known to be here */
    struct feature_seen features[FEATURES_MAX];
    size_t feature_next;
    uint64_t seen[SEEN_THINGS_MAX]; /* hashes of contributor and id */
    size_t seen_next;
    json_t *last_pattern, *last_component; /* that this AI shared; NULL: none yet */
};

/* A brain's job for this node. The specific jobs have it first. */
struct node_job {
    struct job job;
    struct node *node;
};

/* node.c */
/* The options and the brain stay the caller's. 0 or KHUB_E_…. */
int node_new(const struct trainer_options *options, struct brain *brain, struct node **ret_node);
int node_run(struct node *node); /* the exit code */
void node_free(struct node *node);
/* One line of log, "[TRAINER] …". Peers' text goes through SAY first. */
void node_say(const struct node *node, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
#define SAY(text) words_printable((text), (char[WORDS_PRINTED_SIZE]){0})
uint64_t node_now(const struct node *node);  /* loop time, ms */
uint64_t node_left(const struct node *node); /* ms until the time is up */
/* Publishes an object (dumped exactly; not consumed). ret_message_id may be NULL. 0 or KHUB_E_… (logged). */
int node_publish(struct node *node, const char *type, const json_t *payload, const char *target,
                 char *ret_message_id);

/* dispatch.c */
void node_message(struct node *node, const struct khub_message *message);
struct peer *node_peer(struct node *node, const char *id,
                       bool make); /* NULL: unknown, or no room */
/* A string member of at most `max` bytes, "" when missing, longer or of another type. */
const char *payload_string(const json_t *payload, const char *name, size_t max);

/* sharing.c */
void sharing_train(struct node *node); /* the next training job */
void sharing_last(struct node *node);  /* measures and shares what was not shared yet */
void sharing_pattern(struct node *node, const char *sender, const json_t *pattern);
void sharing_component(struct node *node, const char *sender, const json_t *payload);
void sharing_code(struct node *node, const char *sender, const json_t *payload);
void sharing_report(struct node *node, const char *sender, const json_t *payload);
void sharing_sync(struct node *node, const json_t *knowledge, bool truncated);
void sharing_published(struct node *node, const json_t *thing); /* this AI's own, by its id */

/* features.c */
void feature_request(struct node *node, const char *sender, const json_t *payload);
void feature_response(struct node *node, const char *sender, const json_t *payload);

/* sessions.c */
void sessions_request(struct node *node);
void sessions_asked(struct node *node, const char *sender, const json_t *payload);
void sessions_updated(struct node *node, const json_t *payload);
void sessions_workspace(struct node *node, const char *sender, const json_t *payload);
void sessions_error(struct node *node, const char *code, const json_t *payload);
void sessions_presence(struct node *node, const char *ai_id, bool present);
size_t sessions_live(const struct node *node); /* that this AI takes part in */
/* Ends what has not come to its end, and says so to the others. */
void sessions_leave(struct node *node);
/* Forgets it, here and in the brain. */
void session_end(struct node *node, struct session *session);
void session_remember_sent(struct session *session, const char *message_id);
void session_current(struct session *session, json_t *value,
                     uint64_t version); /* value is borrowed */

/* session_work.c */
void sessions_tick(struct node *node);
/* Ends it, and says so to the hub. */
void session_fail(struct node *node, struct session *session, const char *note);
/* A write was of no avail. False: too many were, and the session has failed. */
bool session_write_lost(struct node *node, struct session *session);

/* The rules of collaboration, apart from any node so that they can be tested. */
/* NULL: accept; or the reason for declining. live: sessions this AI takes part in. */
const char *session_decline(const char *type, size_t live, uint64_t left_ms);
/* How many come before `self` in concluding, 0: it is self's turn at once. First the initiator, if it worked; then those who
 * worked, in the order of their ids; SIZE_MAX: not self's to do. Absent ones are passed over. */
size_t session_turn(const struct session *session, const char *self);

#endif
