/* A brain: what an AI node thinks with. The node talks to the hub; the brain trains, makes, works
 * and checks. What its numbers mean is the brain's own affair: the node prints them, passes them
 * on, and reads none.
 *
 * Work runs in jobs on worker threads, never on the node's loop. A brain says how many of its jobs
 * may run at once (`workers`); one that says 1 needs no locks. A job looks at `stop` every few
 * milliseconds (making a new set of workloads takes up to a second) and ends early, with what it
 * has, when it is set. What a brain spends is counted in units of its own (`budget`).
 *
 * Results are JSON (jansson) and the caller's; the node publishes them as they are. JSON that is
 * handed in may come from another AI: no content of it may do harm.
 *
 * Nothing is shared on its word. What a brain makes is first a *claim*: an object with at least
 * {kind: "pattern" or "component", id, subject, subject_version}, and either parameters or the
 * source of a module. The node commits to these at the hub, which answers with a nonce that nobody
 * could know before;
 * prove() measures the claim on the workloads that follow from the nonce, and gives what is
 * published, and apart from it the figures that the hub alone may read until others have measured
 * too. Anyone can measure the same again. */
#ifndef KHUB_BRAIN_BRAIN_H
#define KHUB_BRAIN_BRAIN_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef atomic_bool brain_stop;

#define BRAIN_CONTRIBUTORS_MAX 8u  /* AIs in one session */
#define BRAIN_SESSIONS_MAX     16u /* a brain keeps; the one longest untouched goes first */
#define BRAIN_WORKERS_MAX      16u
#define SALT_DIGITS            32u /* of the salt of its own workloads */
#define BRAIN_ROWS_MAX         8u
#define BRAIN_BRIEF_MAX        4u
#define BRAIN_CELLS_MAX        3u
#define BRAIN_TEXT_SIZE        600u /* bytes of a sentence, its NUL among them */

/* A figure for people: "held-out", 0.813, "". */
struct brain_row {
    char name[80];
    double value;     /* NAN: not known yet, shown as "-" */
    const char *unit; /* static; "": none */
    int decimals;
    char cells[BRAIN_CELLS_MAX][48]; /* what else belongs to it, in further columns */
};

/* How far training has come, to be shown. Texts may hold names of other AIs: print them safely. */
struct brain_standing {
    uint64_t spent;  /* units, of its own training */
    char title[200]; /* what it trains */
    /* Of the columns of the table, name, value and cells: static; NULL: that one has none. */
    const char *titles[2 + BRAIN_CELLS_MAX];
    struct brain_row brief[BRAIN_BRIEF_MAX], rows[BRAIN_ROWS_MAX]; /* in a line; in a table */
    size_t brief_count, row_count;
    char remark[BRAIN_TEXT_SIZE]; /* whose work it has built on; "": nobody's */
    bool thinking; /* it waits for an answer from outside: another training job takes it */
};

/* A session as the brain needs to know it. */
struct brain_session {
    const char *id, *type;
    const char *const *participants; /* ids of the AIs, this one among them; the initiator first */
    size_t participant_count;        /* 1..BRAIN_CONTRIBUTORS_MAX */
};

/* What there is to see in a session's candidate, without running it. It says so itself: anyone may
 * have written it. */
struct brain_view {
    double progress;                     /* 0..1, of all the work that the session is for */
    bool worked[BRAIN_CONTRIBUTORS_MAX]; /* who has worked on it, in the participants' order */
    bool has_reviews;
    bool reviewed;  /* one has worked, another reviewed: there is nothing to do in common */
    bool foreign;   /* to this AI, which can review it but not work on it */
    char text[128]; /* what was spent, and what came of it */
};

/* One step of work in a session. */
struct brain_step {
    json_t *candidate;          /* a better or equal one, with its measured numbers; the caller's */
    double progress;            /* as in brain_view */
    bool review;                /* this AI has reviewed it, and done no more */
    char note[BRAIN_TEXT_SIZE]; /* what it did, for the partners; "": nothing to tell */
};

/* What the hub knows of a thing: the thing, and its verification (NULL: none). */
struct brain_entry {
    const json_t *thing, *verification;
};

struct brain {
    const char *name; /* "policy" */
    void *state;

    /* These never change while it lives: any thread may read them. */
    const char *subject, *subject_version; /* on which it trains; "": on none */
    char description[200];                 /* a sentence: what it will do */
    bool referee;     /* trains on none, and measures what others claim of all */
    unsigned workers; /* 1..BRAIN_WORKERS_MAX jobs at once */
    struct {
        const char *unit; /* "evaluations" */
        unsigned
            training;     /* of one training job: well below a second, so that others wait little */
        unsigned session; /* that all in a session spend together */
    } budget;

    /* Any thread may call these at any time: they run nothing and change nothing. */

    /* What is in a candidate (NULL: none yet). */
    void (*view)(const void *state, const struct brain_session *session, const json_t *candidate,
                 struct brain_view *ret_view);
    /* Takes out of a candidate what `writer` put there in another's name, but for what was there
     * `before` (NULL: nothing). */
    void (*disown)(json_t *candidate, const char *writer, const json_t *before);
    /* Which of two promises more, by what others measured and then by its author's word: below 0
     * when it is `a`, 0 when there is nothing to choose. */
    int (*compare)(const struct brain_entry *a, const struct brain_entry *b);
    /* A thing's figures in a few words: as it claims them; with metrics, as those who checked it
     * found them; thing NULL: the metrics alone. Either may come from another AI. */
    void (*tell)(const json_t *thing, const json_t *metrics, char ret_text[BRAIN_TEXT_SIZE]);
    /* What the author of a proved component reports of it. NULL when out of memory. */
    json_t *(*own_metrics)(const json_t *component);
    /* Whether it can make something for a feature request; else, in a sentence, why not. */
    bool (*can_answer)(const void *state, const char *feature, char ret_why[BRAIN_TEXT_SIZE]);

    /* Before the first job: its own workloads, on which it measures what others send and reviews,
     * follow from this secret too (SALT_DIGITS lower-case hex digits), of which others are told the
     * SHA-256 (64) beside what it finds. Without it they follow from its name. */
    void (*salt)(void *state, const char *salt, const char *sha256);

    /* These are jobs. */

    /* Trains for about `budget` units; 0: only hands out what was not claimed yet. *ret_claims:
     * array of claims, which may be empty. 0 or -1 (out of memory). */
    int (*train)(void *state, unsigned budget, brain_stop *stop, json_t **ret_claims);
    /* Measures a claim on the workloads of the nonce (32 hex digits). The result is what is shared
     * (the claim with commitment_id, nonce and seeds, a component of parameters with its
     * implementation), and as
     * its member "measured", which is not shared with it, the figures: {ratio, …}. NULL: stopped,
     * out of memory, or not what the claim says. */
    json_t *(*prove)(void *state, const json_t *claim, const char *commitment_id, const char *nonce,
                     brain_stop *stop);
    /* What is known without measuring anything. */
    void (*standing)(void *state, struct brain_standing *ret_standing);
    /* Measures what the standing shows again, if what it would use has changed. */
    void (*measure_standing)(void *state, brain_stop *stop);
    /* A claim (kind component) for a feature request that can be answered, named for what it is.
     * NULL: stopped, or out of memory. */
    json_t *(*answer)(void *state, const char *feature, const json_t *requirements,
                      brain_stop *stop);
    /* A step on a session's candidate (NULL: nothing is shared yet), for about `budget` units; 0:
     * only joins it with this brain's own best. A foreign candidate is reviewed instead. 0, or -1
     * when it is none that this brain can run, or it has none to begin with. */
    int (*collaborate)(void *state, const struct brain_session *session, const json_t *candidate,
                       unsigned budget, brain_stop *stop, struct brain_step *ret_step);
    /* The session's final candidate as a claim (kind component), with those who took part. NULL
     * when it can't be run. */
    json_t *(*conclude)(void *state, const struct brain_session *session, const json_t *candidate,
                        brain_stop *stop);
    /* The session is over: learns from its best (true: this was better than what it had), and lets
     * go of its memory. */
    bool (*forget)(void *state, const char *session_id, brain_stop *stop);
    /* Measures somebody else's pattern or component again; its `kind` is what it was shared as.
     * Returns metrics to report: {claim_holds, reason (when it does not hold), score, ratio, n,
     * nonce, integration_tested, …}. NULL when it is of no subject that this brain can run, proves
     * nothing (no commitment and nonce), is on more workloads than it runs, is a module that this
     * machine can't run (no compiler, no sandbox), or `stop` was set. Another's source is run in
     * the probe's sandbox alone. */
    json_t *(*check)(void *state, const json_t *thing, brain_stop *stop);
    /* Takes in a checked pattern or component of `author`, to train on from it when it is better
     * than what it has. True when taken. */
    bool (*take_in)(void *state, const char *author, const json_t *thing, const json_t *metrics);
    /* What it would use now, whole: {subject, subject_version, …}, and either parameters and
     * implementation, or the source of a module. NULL: nothing yet, or out of memory. */
    json_t *(*learned)(void *state);
    /* Before the first job: goes on from what learned() gave in an earlier run. The object may hold
     * anything. False, with a reason: this brain can't. */
    bool (*resume)(void *state, const json_t *learned, char ret_why[BRAIN_TEXT_SIZE]);
    /* What the summary says of training, as an object. NULL when out of memory. */
    json_t *(*summary)(void *state);
    void (*free)(void *state);
};

/* The policy brain (policy/): learns the parameters of an OS policy on a simulated subsystem; for
 * `general` the referee of all of them. NULL when out of memory, or when no subject is of this
 * specialization. */
struct brain *brain_policy_new(const char *ai_id, const char *specialization);
struct searcher; /* search/searcher.h */
/* Of a policy brain that has not trained yet: this one searches in the place of CMA-ES
 * (docs/SEARCH.md). Its texts must outlive the brain. A program ends with the calling thread at the
 * latest. 0, or -1 after a sentence. */
int brain_policy_search_by(struct brain *brain, const struct searcher *searcher, char ret_why[256]);
/* NULL is fine. No job may be running. */
void brain_free(struct brain *brain);

#endif
