/* A brain: what an AI node thinks with. The node (node.c) talks to the hub; the brain trains, makes, works and checks.
 *
 * All of a brain's work runs on one worker thread, one job after the other, never at the same time as another of its jobs; it
 * touches nothing of the node's. A job looks at `stop` between two evaluations (milliseconds; making a new set of workloads
 * takes up to half a second) and ends early, with what it has, when it is set. Results are JSON (jansson), owned by the caller,
 * that the node publishes as they are. JSON that is handed in may come from a peer: no content of it may do harm. */
#ifndef KHUB_TRAINER_BRAIN_H
#define KHUB_TRAINER_BRAIN_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

typedef atomic_bool brain_stop;

#define BRAIN_CONTRIBUTORS_MAX 8u   /* AIs in one session */
#define BRAIN_SESSIONS_MAX     16u  /* a brain keeps; the one longest untouched goes first */
#define BRAIN_SESSION_BUDGET   240u /* evaluations that all in a session spend together */

/* How far training has come. Ratios are to the textbook baseline's cost: below 1 is better. */
struct brain_standing {
    const char *subject, *subject_version; /* static, as all names here */
    const char *cost;                      /* what is measured, with its unit */
    bool own_subject;                      /* false: the nearest to the AI's specialization */
    unsigned evaluations;                  /* of its own training */
    double ratio_train;                    /* best so far, on its own workloads; 0: none yet */
    /* Measured on held-out workloads, of the best that was published; seeds 0: none yet. */
    double ratio_heldout, ci95, cost_heldout;
    size_t wins, seeds;
    const char *textbook, *practice; /* names; practice NULL: none known */
    double textbook_cost, practice_ratio, bound_ratio, gap_closed;
};

/* A session as the brain needs to know it. */
struct brain_session {
    const char *id, *type;
    const char *const *participants; /* ids of the AIs, this one among them */
    size_t participant_count;        /* 1..BRAIN_CONTRIBUTORS_MAX */
};

struct brain {
    const char *name; /* "policy" */
    void *state;
    /* One sentence on what it will train, and whether that is the AI's own subject or the nearest. Caller frees. */
    char *(*describe)(void *state);
    /* Trains for about `evaluations` more; 0: only measures and hands out what was not shared yet. *ret_patterns,
     * *ret_components: arrays of objects to share (may be empty), each with what was measured. 0 or -1 (out of memory). */
    int (*train)(void *state, unsigned evaluations, brain_stop *stop, json_t **ret_patterns,
                 json_t **ret_components);
    /* What is known without measuring anything. */
    void (*standing)(void *state, struct brain_standing *ret_standing);
    /* Makes a component for a feature request. NULL when it can't. */
    json_t *(*answer)(void *state, const char *feature, const json_t *requirements,
                      brain_stop *stop);
    /* One step of work on a session's shared candidate: about `evaluations` of search, after the candidate was run. 0: only
     * joins it with this brain's own best. candidate NULL: nothing is shared yet. *ret_candidate is a better or equal one
     * with its measured numbers, *ret_progress the share of the session's budget that is spent (0..1).
     * 0, or -1 when the candidate is none that this brain can run. */
    int (*collaborate)(void *state, const struct brain_session *session, const json_t *candidate,
                       unsigned evaluations, brain_stop *stop, json_t **ret_candidate,
                       double *ret_progress);
    /* Makes the session's final candidate into a component with the participants' names and measured numbers. NULL when it
     * can't be run. */
    json_t *(*conclude)(void *state, const struct brain_session *session, const json_t *candidate,
                        brain_stop *stop);
    /* The session is over: learns from its best (true: this was better than what it had), and lets go of its memory. */
    bool (*forget)(void *state, const char *session_id, brain_stop *stop);
    /* Runs somebody else's pattern or component. Returns metrics {score, integration_tested, …} to report, or NULL when it is
     * of no subject that this brain can run, or `stop` was set. A claim that does not hold gets score 0 and a reason. */
    json_t *(*check)(void *state, const json_t *thing, brain_stop *stop);
    /* Takes in a checked pattern or component, to train on from it when it is better than what it has. True when taken. */
    bool (*take_in)(void *state, const json_t *thing, const json_t *metrics);
    void (*free)(void *state);
};

/* The policy brain: CMA-ES on a simulated OS subsystem (policy/). NULL when out of memory. */
struct brain *brain_policy_new(const char *ai_id, const char *specialization);
void brain_free(struct brain *brain);

#endif
