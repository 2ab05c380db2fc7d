/* A brain: what an AI node thinks with. The node (node.c) talks to the hub; the brain trains, makes, works and checks.
 *
 * All of a brain's work runs on one worker thread, one job after the other, never at the same time as another of its jobs; it
 * touches nothing of the node's. A job looks at `stop` between two evaluations (milliseconds; making a new set of workloads
 * takes up to a second) and ends early, with what it has, when it is set. Results are JSON (jansson), owned by the caller,
 * that the node publishes as they are. JSON that is handed in may come from a peer: no content of it may do harm.
 *
 * Nothing is shared on its word. What a brain makes is first a *claim*: an object with at least {kind: "pattern" or "component",
 * subject, subject_version, parameters}. The node commits to its parameters at the hub, which answers with a nonce that nobody
 * could know before; prove() measures the claim on the workloads that follow from the nonce, and gives what is published. Anyone
 * can measure the same again. */
#ifndef KHUB_BRAIN_BRAIN_H
#define KHUB_BRAIN_BRAIN_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

typedef atomic_bool brain_stop;

#define BRAIN_CONTRIBUTORS_MAX 8u   /* AIs in one session */
#define BRAIN_SESSIONS_MAX     16u  /* a brain keeps; the one longest untouched goes first */
#define BRAIN_SESSION_BUDGET   240u /* evaluations that all in a session spend together */
#define BRAIN_TAKEN_MAX        8u   /* AIs that are named as those from whom something was taken */

/* How far training has come. Ratios are to the textbook baseline's cost: below 1 is better. The held-out workloads are this
 * AI's own, for showing only: no choice is made by them. seeds 0: not measured yet. */
struct brain_standing {
    const char *subject, *subject_version; /* static, as all names here */
    const char *cost;                      /* what is measured, with its unit */
    bool referee;                      /* trains nothing: measures what others claim (general) */
    unsigned evaluations, generations; /* of its own training */
    double ratio_train;                /* best so far, on its own workloads; 0: none yet */
    unsigned evaluations_alone;        /* until something of another's first came into its search */
    double
        ratio_alone; /* held-out, of the best that it had found by then; 0: it began with another's */
    double ratio_heldout, ci95,
        cost_heldout; /* held-out, of what it would use now: own or another's */
    size_t wins, seeds;
    const char *textbook, *practice; /* names; practice NULL: none known */
    double textbook_cost, practice_ratio, bound_ratio, gap_closed;
    unsigned taken;                        /* patterns of others that it trains on from */
    char taken_from[BRAIN_TAKEN_MAX][129]; /* whose, newest first; "": no more */
    /* The referee's: over the subjects of which it has seen a confirmed claim; the others count as 1. 0: none yet. */
    double geometric_mean;
    unsigned subjects_seen;
};

/* A session as the brain needs to know it. */
struct brain_session {
    const char *id, *type;
    const char *const *participants; /* ids of the AIs, this one among them; the initiator first */
    size_t participant_count;        /* 1..BRAIN_CONTRIBUTORS_MAX */
};

struct brain {
    const char *name; /* "policy" */
    void *state;
    /* One sentence on what it will train, or that it is a referee. Caller frees. */
    char *(*describe)(void *state);
    /* Trains for about `evaluations` more; 0: only hands out what was not claimed yet. *ret_claims: array of claims (may be empty).
     * 0 or -1 (out of memory). */
    int (*train)(void *state, unsigned evaluations, brain_stop *stop, json_t **ret_claims);
    /* Measures a claim on the workloads of the nonce (32 hex digits). The result is what is shared: the claim with commitment_id, nonce,
     * ratio_heldout, ci95, wins, seeds, baseline, bound_ratio, gap_closed …, a component with its implementation. NULL: stopped or out
     * of memory. */
    json_t *(*prove)(void *state, const json_t *claim, const char *commitment_id, const char *nonce,
                     brain_stop *stop);
    /* What is known without measuring anything. */
    void (*standing)(void *state, struct brain_standing *ret_standing);
    /* Measures the held-out ratios of the standing again if what it would use has changed. */
    void (*measure_standing)(void *state, brain_stop *stop);
    /* A claim (kind component) for a feature request. NULL when it can't. */
    json_t *(*answer)(void *state, const char *feature, const json_t *requirements,
                      brain_stop *stop);
    /* One step of work on a session's shared candidate. Partners of one subject: about `evaluations` of search on all partners' workloads,
     * after the candidate was run; 0: only joins it with this brain's own best. Partners of different subjects: verifies the candidate on
     * fresh workloads, reviews its component, and says so in the candidate's `reviews`. candidate NULL: nothing is shared yet.
     * *ret_candidate is a better or equal one with its measured numbers, *ret_progress the share of the session's work that is done
     * (0..1): evaluations of the budget, or reviews of those wanted. 0, or -1 when the candidate is none that this brain can run. */
    int (*collaborate)(void *state, const struct brain_session *session, const json_t *candidate,
                       unsigned evaluations, brain_stop *stop, json_t **ret_candidate,
                       double *ret_progress);
    /* The session's final candidate as a claim (kind component) with the participants' names, its ratio on each one's workloads (or the
     * reviews). NULL when it can't be run. */
    json_t *(*conclude)(void *state, const struct brain_session *session, const json_t *candidate,
                        brain_stop *stop);
    /* The session is over: learns from its best (true: this was better than what it had), and lets go of its memory. */
    bool (*forget)(void *state, const char *session_id, brain_stop *stop);
    /* Measures somebody else's pattern or component again; its `kind` is what it was shared as. Returns metrics {claim_holds, ratio, n,
     * nonce, ratio_own, ci95_own, n_own, profile, score, integration_tested, …} to report, or NULL when it is of no subject that this
     * brain can run, proves nothing (no commitment and nonce), is on more workloads than it runs, or `stop` was set. A claim that does not
     * hold has score 0 and a `reason`. A component's C is compared with what its parameters render to, and only this AI's own rendering
     * is compiled and run (in a sandbox). */
    json_t *(*check)(void *state, const json_t *thing, brain_stop *stop);
    /* Takes in a checked pattern or component of `author`, to train on from it when it is better than what it has. True when taken. */
    bool (*take_in)(void *state, const char *author, const json_t *thing, const json_t *metrics);
    void (*free)(void *state);
};

/* The policy brain: CMA-ES on a simulated OS subsystem (policy/); for `general` the referee of all of them. NULL when out of memory, or
 * when no subject is of this specialization. */
struct brain *brain_policy_new(const char *ai_id, const char *specialization);
void brain_free(struct brain *brain);

#endif
