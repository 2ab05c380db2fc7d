/* An AI node's own parts, shared by its files: node.c (the loop, the link, the end), dispatch.c
 * (messages, and who is there), sharing.c (training, and what goes out of it), proofs.c (how a
 * claim is proved), checks.c and elites.c (what others share, now and before), migrants.c (what was
 * confirmed in other rooms), features.c and feature_leases.c (feature requests, and whose they are
 * to answer), sessions.c and session_work.c (collaboration).
 *
 * All of it runs on the loop's thread. What brain.h calls jobs runs on workers, and nowhere
 * else. */
#ifndef KHUB_NODE_NODE_H
#define KHUB_NODE_NODE_H

#include <jansson.h>
#include <sys/queue.h>
#include <uv.h>

#include "brain/brain.h"
#include "brain/capabilities.h"
#include "brain/words.h"
#include "khub_uv.h"
#include "node/bounds.h"
#include "node/jobs.h"
#include "node/keeping.h"
#include "node/summary.h"
#include "node/trainer.h"
#include "wire/commitment.h"
#include "wire/shown.h"

/* See sessions.c. */
enum session_state {
    SESSION_FREE,
    SESSION_WAITING,
    SESSION_INVITED,
    SESSION_ACTIVE,
    SESSION_CONCLUDING,
    SESSION_STATES
};

#define SENT_REMEMBERED 6u

struct session {
    enum session_state state;
    bool initiator; /* this AI asked for it */
    char id[SESSION_ID_MAX + 1], type[64], initiator_id[ID_MAX + 1];
    char participants[BRAIN_CONTRIBUTORS_MAX][ID_MAX + 1];
    bool present[BRAIN_CONTRIBUTORS_MAX]; /* connected, as far as is known */
    size_t participant_count;
    json_t *candidate; /* as it lies in the workspace; NULL: nothing yet */
    uint64_t version;  /* of it; 0: nothing yet */
    uint64_t job_version;
    bool due;          /* its next step of search waits for its turn, */
    bool searches;     /* or is the one whose turn it is */
    unsigned searched; /* such steps, so far */
    bool working, writing,
        reconcile;   /* a job runs; a write is unanswered; join the current value at once */
    bool had_review; /* another has reviewed the candidate, or an earlier one */
    bool replace;    /* the current candidate can't be run: put this AI's own best in its place */
    unsigned unreadable;  /* candidates, of all that came */
    unsigned writes_lost; /* in a row */
    uint64_t since; /* when it was made, or when it became active; loop time, ms, as all of these */
    uint64_t moved; /* when it last did, or a partner said that it is at work on it */
    uint64_t told;  /* when this AI last spoke of it */
    uint64_t next_step, write_deadline, retry_at;
    uint64_t handed_in;             /* when its result went to the hub; 0: not yet */
    json_t *result;                 /* and which, owned; NULL: none */
    uint64_t spent_since;           /* 0: budget not spent yet */
    uint64_t changed;               /* when the candidate last did */
    uint64_t reviewed;              /* the version that this AI has seen to; 0: none */
    char sent[SENT_REMEMBERED][37]; /* message_ids, for errors that answer them */
    unsigned sent_next;
};

struct member {
    char id[ID_MAX + 1], specialization[64];
    json_t *capabilities;   /* strings, at most MEMBER_CAPABILITIES */
    unsigned held, refuted; /* claims that this AI has run; REFUTED_MAX refuted: it is shunned */
    bool suspect;           /* others have refuted it, though all held that this AI has run */
    bool present;
};

/* What a claim is made for, and so what becomes of it when it is proved. */
enum claim_purpose {
    CLAIM_TRAINED, /* shared with everyone */
    CLAIM_ANSWER,  /* sent to the one who asked for a feature */
    CLAIM_RESULT   /* ends a session */
};
struct claim_use {
    enum claim_purpose purpose;
    char requestor[ID_MAX + 1], feature[ID_MAX + 1]; /* of an answer */
    char session_id[SESSION_ID_MAX + 1];             /* of a result */
};

/* See proofs.c. */
enum proof_state { PROOF_FREE, PROOF_WAITING, PROOF_COMMITTED, PROOF_CHALLENGED, PROOF_STATES };
enum measuring { MEASURING_NONE, MEASURING_RUNNING, MEASURING_DONE, MEASURING_STATES };

/* A claim on its way to being published. */
struct proof {
    enum proof_state state;
    enum measuring measuring;
    unsigned serial; /* tells it from an earlier one in its place */
    struct claim_use use;
    json_t *claim;  /* the brain's, as it was made */
    json_t *result; /* what was proved for `nonce`; NULL but when MEASURING_DONE */
    json_t *shared; /* the same, less what the hub alone may read, while it is published */
    char subject[COMMITMENT_SUBJECT_MAX + 1], version[COMMITMENT_SUBJECT_MAX + 1],
        sha256[COMMITMENT_DIGEST_SIZE];
    char commitment_id[37], nonce[33]; /* "": none yet */
    bool counted;                      /* its commitment was */
    char sent[37];              /* message_id of the commitment on this connection; "": not sent */
    uint64_t sent_at, retry_at; /* loop time, ms */
};

/* What this AI shared last of a kind, for a hub that lost it. */
struct last_shared {
    json_t *claim; /* as it was before it was proved; NULL: nothing yet */
    char id[THING_ID_MAX + 1];
    bool untold; /* the hub has not said yet that it has it: the link sees to that */
};

struct node;
struct migrants; /* migrants.c */

/* What became of a message that is said once (once.c). */
enum once_end {
    ONCE_TAKEN,
    ONCE_REPEATED, /* the hub had it already, of this AI, before it was started anew */
    ONCE_UNKNOWN,  /* the hub does not know its commitment: it began anew */
    ONCE_REFUSED   /* or the link has ended */
};
typedef void once_told(struct node *node, const char *id, enum once_end end);
struct once_message {
    const char *const *parts; /* what it is for, NULL-terminated: its message_id is made of them */
    const char *type, *target;
    const json_t *payload;
    const char *id;  /* of the thing, for `told` */
    unsigned *count; /* raised when the hub takes it; NULL is fine, */
    once_told *told; /* and so it is here */
};
LIST_HEAD(once_list, once);

struct feature_seen {
    char requestor[ID_MAX + 1], feature[ID_MAX + 1];
    unsigned requests, responses, answered;
};

/* A feature request that is this AI's to answer, or another's: see feature_leases.c. */
enum wait_state { WAIT_FREE, WAIT_ASKED, WAIT_STANDBY, WAIT_BUILDING };

struct feature_wait {
    enum wait_state state;
    char requestor[ID_MAX + 1], feature[ID_MAX + 1], key[LEASE_KEY_MAX + 1];
    char request_id[ID_MAX + 1]; /* message_id of the request; "": not known */
    json_t *requirements;
    uint64_t fence; /* of this AI's lease; 0: it has none */
    bool done;      /* another has built it since it was asked for */
    bool lost;      /* another has taken it up while this AI built */
    char sent[37];  /* message_id of the last lease_request; "": none */
    uint64_t sent_at;
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
    struct brain_standing standing; /* as the last job found it */
    uv_loop_t loop;
    uv_timer_t tick, request, progress;
    uv_signal_t interrupt, terminate;
    struct khub *link;
    const struct khub_message *current; /* the one that is being taken */
    struct once_list onces;             /* said, and not answered */
    json_t *own_leases; /* as the hub had them at joining, until it has caught up; NULL: none */
    struct khub_uv *adapter; /* of the link in the loop; NULL: stopped */
    struct brain *brain;
    struct jobs jobs;
    struct keeping *keeping; /* the caller's; NULL: nothing is kept */
    FILE *acks;              /* the same, for node_acked; NULL: nobody wants to know */
    struct summary count;
    enum node_phase phase;
    const char *ended;                          /* why */
    uint64_t started, deadline, phase_deadline; /* loop time, ms */
    bool unwritten;                             /* the summary's file, once: it was said */
    bool joined, lost, refused;                 /* once; now, for good; by the hub */
    uint64_t away_said;               /* when it was said that the hub is away; 0: not yet */
    bool training, measuring;         /* a job for it is on its way */
    uint64_t trained_at, measured_at; /* when the last one was done */
    struct session sessions[SESSIONS_TRACKED_MAX];
    struct member *members; /* MEMBERS_MAX */
    size_t member_count;
    size_t others; /* AIs known to be here */
    struct feature_seen features[FEATURES_MAX];
    size_t feature_next;
    struct feature_wait waits[FEATURE_WAITS_MAX];
    uint64_t seen[SEEN_THINGS_MAX]; /* hashes of contributor and id */
    size_t seen_next;
    struct proof proofs[PROOFS_MAX];
    unsigned proof_serial;
    char salt[SALT_DIGITS + 1]; /* of its own workloads, until it is told; "": none */
    uint64_t epoch_ms;          /* for which the hub, as it said, may answer no commitment */
    struct last_shared last_pattern, last_component;
    struct migrants *migrants; /* NULL: other rooms are none of its concern */
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
/* One line of log, "[TRAINER] …". What other AIs wrote goes through SAY first. */
void node_say(const struct node *node, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
#define SAY(text) SHOWN(text)
uint64_t node_now(const struct node *node);  /* loop time, ms */
uint64_t node_left(const struct node *node); /* ms until the time is up */
/* Keeps what the brain has learned (taken over; NULL: nothing), if it should. 0, or -1, which is
 * logged. */
int node_keep(struct node *node, json_t *learned);
/* Publishes an object (dumped exactly; not consumed). type: static. ret_message_id may be NULL. 0
 * or KHUB_E_… (logged). */
int node_publish(struct node *node, const char *type, const json_t *payload, const char *target,
                 char *ret_message_id);
/* The same as khub_publish_as. */
int node_publish_as(struct node *node, const char *message_id, const char *type,
                    const json_t *payload, const char *target, khub_outcome_callback *callback,
                    void *data);

/* summary_told.c */
/* Writes the summary as it stands now to the summary's file (there must be one), unless that is no
 * regular one. Of the brain's: both are taken over. A failure is logged, once. */
void node_summarize_so_far(struct node *node, json_t *training, json_t *learned);
/* Tells it to all, and keeps what was learned. 0, or -1 (logged) when it could not be written where
 * it should. */
int node_summarize(struct node *node, int exit_code);

/* Notes what the hub has acked: a line "message_id seq type". */
void node_acked(struct node *node, const struct khub_outcome *outcome, const char *type);

/* once.c */
/* Publishes it, under a message_id that a trainer of this name gives to no other, now or later. 0
 * or KHUB_E_… (logged). */
int once_publish(struct node *node, const struct once_message *message);
/* Says again what came too fast, once the hub takes it. */
void onces_tick(struct node *node);

/* salt.c: its own workloads get one; and when it has measured on them, it is told. */
void salt_take(struct node *node);
void salt_reveal(struct node *node);
void onces_free(struct node *node);

/* dispatch.c */
void node_message(struct node *node, const struct khub_message *message);
struct member *node_member(struct node *node, const char *id,
                           bool make); /* NULL: unknown, or no room */
/* What the hub relayed, as jansson has it; in the outermost `levels` containers what that can't
 * take is left out alone. NULL: unreadable. */
json_t *payload_read(struct slice text, unsigned levels, json_error_t *ret_error);
/* A string member of at most `max` bytes, "" when missing, longer or of another type. */
const char *payload_string(const json_t *payload, const char *name, size_t max);

/* sharing.c */
void sharing_train(struct node *node); /* the next training job */
void sharing_last(struct node *node);  /* claims what was not claimed yet, measures the standing */
void sharing_tick(struct node *node);
/* A proved claim of training's goes out to everyone. */
void sharing_proved(struct node *node, const struct proof *proof);
/* What a hub that began anew has lost is claimed again. knowledge: the sync's. */
void sharing_again(struct node *node, const json_t *knowledge);
void sharing_report(struct node *node, const char *sender, const json_t *payload);
/* What somebody found of a thing that may be this AI's: a report's metrics, or a verifier. */
void sharing_measured(struct node *node, const char *sender, const char *id, const json_t *metrics);

/* proofs.c */
/* Commits to a claim (taken over), to publish it when it is proved. False, and a reason: there
 * is no room for it, or it is none. */
bool proofs_add(struct node *node, json_t *claim, const struct claim_use *use,
                const char **ret_reason);
bool proofs_move_legal(enum proof_state from, enum proof_state to);
bool proofs_measuring_legal(enum measuring from, enum measuring to);
bool proof_is_component(const struct proof *proof);
void proofs_challenge(struct node *node, const char *sender, const json_t *payload);
/* True when the error answers a commitment of this AI's. */
bool proofs_error(struct node *node, const char *code, const json_t *payload);
void proofs_joined(struct node *node); /* a new connection: all are committed to again */
void proofs_tick(struct node *node);
bool proofs_pending(const struct node *node);
bool proofs_has(const struct node *node, const json_t *claim); /* this very object is pending */
void proofs_drop(struct node *node);

/* checks.c */
/* What of whom has been seen: by contributor and id. */
bool seen_already(const struct node *node, const char *sender, const char *id);
/* Remembers it; false when it was seen before. What this AI itself shared is remembered under
 * its own id. */
bool seen_first(struct node *node, const char *sender, const char *id);
void checks_pattern(struct node *node, const char *sender, const json_t *pattern);
void checks_component(struct node *node, const char *sender, const json_t *component);
/* What was confirmed in another room, under a name that says so: nobody is told what came of it. */
void checks_migrant(struct node *node, const char *author, const json_t *thing, bool pattern);
void checks_code(struct node *node, const char *sender, const json_t *payload);
/* The hub's word on how a claim stands, and what all found of it. */
void checks_verification(struct node *node, const char *sender, const json_t *payload);
/* Nothing of this AI is checked any more, nor what of it waits. */
void checks_shun(struct node *node, struct member *member);

/* elites.c */
/* What of the hub's knowledge is this AI's own, from before it was started. */
void elites_own(struct node *node, json_t *knowledge);
/* Has the best of what the hub knows checked. ledger: {AI: its counts}, NULL: none. */
void elites_take(struct node *node, json_t *knowledge, json_t *ledger);

/* migrants.c */
/* Before the options' token is wiped. 0 or KHUB_E_…. */
int migrants_begin(struct node *node);
/* Looks into the next room when enough was spent on training, and ends a look that is over. */
void migrants_tick(struct node *node);
/* It is in the room that it looks into; and what the hub answers there. */
void migrants_joined(struct node *node);
void migrants_message(struct node *node, const char *type, const json_t *payload);
void migrants_end(struct node *node);

/* features.c */
void feature_request(struct node *node, const char *sender, const json_t *payload);
void feature_response(struct node *node, const char *sender, const json_t *payload);
void feature_proved(struct node *node, const struct proof *proof);
/* It will not be answered: the one who asked is told why. */
void feature_declined(struct node *node, const char *requestor, const char *feature,
                      const char *reason);

/* The same of what this AI had begun to build: another may take it up. */
void feature_failed(struct node *node, const char *requestor, const char *feature,
                    const char *reason);
/* Makes it. 0, or -1: there are too many such jobs. */
int feature_build(struct node *node, const char *requestor, const char *feature,
                  const json_t *requirements);

/* feature_leases.c */
/* Builds it once this AI has the lease of it. request_id: message_id of the request, or "". False:
 * too many wait, of that requestor or all. */
bool feature_wait_add(struct node *node, const char *requestor, const char *feature,
                      const char *request_id, const json_t *requirements);
/* False: another has the lease by now, and nothing is published. Else *ret_lease is what the
 * answer carries (NULL: nothing), and *ret_request_id as it was added. */
bool feature_lease(struct node *node, const char *requestor, const char *feature,
                   json_t **ret_lease, char ret_request_id[ID_MAX + 1]);
/* It was published (done), or will not be: the lease is given back. */
void feature_wait_over(struct node *node, const char *requestor, const char *feature, bool done);
void feature_lease_told(struct node *node, const char *sender, const json_t *payload);
/* True when the error answers a lease_request of this AI's. */
bool feature_lease_error(struct node *node, const json_t *payload);
void feature_leases_joined(struct node *node);
/* All that was said meanwhile is heard: what this AI was building when it was killed, it builds. */
void feature_leases_caught_up(struct node *node);
void feature_leases_tick(struct node *node);
/* Gives all back: this AI goes. */
void feature_leases_leave(struct node *node);

/* A thing's figures in the brain's words (struct brain's tell). */
#define TELL(node, thing, metrics) node_tell((node), (thing), (metrics), (char[BRAIN_TEXT_SIZE]){0})
const char *node_tell(const struct node *node, const json_t *thing, const json_t *metrics,
                      char buffer[BRAIN_TEXT_SIZE]);

/* sessions.c */
void sessions_request(struct node *node);
void sessions_asked(struct node *node, const char *sender, const json_t *payload);
void sessions_updated(struct node *node, const json_t *payload);
/* Those that the hub has of this AI: what it does not know of any more it goes on with. */
void sessions_taken_up(struct node *node, const json_t *sessions);
/* The link is there again. */
void sessions_joined(struct node *node);
void sessions_workspace(struct node *node, const char *sender, const json_t *payload);
void sessions_error(struct node *node, const char *code, const json_t *payload);
void sessions_presence(struct node *node, const char *ai_id, bool present);
size_t sessions_live(const struct node *node); /* that this AI takes part in */
/* Ends what has not come to its end, and says so to the others. */
void sessions_leave(struct node *node);
/* Forgets it, here and in the brain. */
void session_end(struct node *node, struct session *session);
/* What the brain sees in its candidate. */
struct brain_view session_view(const struct node *node, const struct session *session);
bool sessions_move_legal(enum session_state from, enum session_state to);
void sessions_move(struct session *session, enum session_state to);
void session_remember_sent(struct session *session, const char *message_id);
/* A value of the workspace, borrowed; writer "": nobody knows whose. */
void session_current(struct node *node, struct session *session, const char *writer, json_t *value,
                     uint64_t version);

/* session_work.c */
void sessions_tick(struct node *node);
/* Ends it, and says so to the hub. */
void session_fail(struct node *node, struct session *session, const char *note);
/* The final candidate is proved: the session's end, if it still is one. */
void session_proved(struct node *node, const struct proof *proof);
/* The hub took what this AI handed in, and no other's. */
void session_concluded(struct node *node, const struct session *session);
/* It will not be. */
void session_unproved(struct node *node, const char *session_id, const char *reason);
/* A write was of no avail. False: too many were, and the session has failed. */
bool session_write_lost(struct node *node, struct session *session);

/* The rules of collaboration, apart from any node so that they can be tested. */
/* NULL: accept; or the reason for declining. live: sessions this AI takes part in. */
const char *session_decline(const char *type, size_t live, uint64_t left_ms);
/* How many come before `self` in concluding, 0: it is self's turn at once. First the initiator,
 * if it worked; then those who worked, in the order of their ids; SIZE_MAX: not self's to do.
 * Absent ones are passed over. */
size_t session_turn(const struct session *session, const struct brain_view *view, const char *self);

#endif
