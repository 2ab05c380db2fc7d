/* The policy brain's own parts, shared by its files: brain_policy.c (training, answers), brain_session.c (collaboration),
 * brain_check.c (what others claim), brain_search.c (the search in pieces), brain_json.c (parameters as JSON and back).
 *
 * A score is made of workloads, and these of a split's name: "train/<AI>" are the workloads of one AI, "peer/<AI>" those on which
 * it measures what others send, "test" the held-out ones on which every claim is made, so that anyone can re-measure it. */
#ifndef KHUB_TRAINER_BRAIN_POLICY_H
#define KHUB_TRAINER_BRAIN_POLICY_H

#include "policy/cmaes.h"
#include "policy/subject.h"
#include "trainer/brain.h"

#define AI_ID_MAX           128u
#define SPLIT_SIZE          (AI_ID_MAX + 8)
#define TRAIN_SEEDS         16u
#define PEER_SEEDS          16u
#define HELDOUT_SEEDS       64u
#define CLAIM_SEEDS_MIN     16u /* fewer prove nothing */
#define SUBJECTS_MAX        16u
#define PARENTS_MAX         8u
#define PATTERN_ID_MAX      256u
#define FEATURE_BYTES_MAX   128u
#define IMPLEMENTATION_MAX  (64u << 10)
#define CLAIM_TOLERANCE     1e-9  /* relative */
#define PUBLISH_IMPROVEMENT 0.002 /* of the ratio, since the last pattern that was shared */
#define RENDER_IMPROVEMENT  0.01  /* since the last component */
#define PUBLISH_EVALUATIONS 48u   /* at least, from one pattern that is shared to the next */
#define ANSWER_EVALUATIONS  64u   /* at least so many stand behind a component made for a request */

/* Workloads of up to 8 AIs; a score on them is the mean of each one's mean. Owns the exams. */
struct panel {
    struct exam *exams[BRAIN_CONTRIBUTORS_MAX];
    size_t count;
};
double panel_ratio(const struct panel *panel, const double *parameters);
void panel_free(struct panel *panel);

/* CMA-ES that can be left after any evaluation and gone on with. */
struct search {
    const struct subject *subject;
    struct cmaes *cmaes; /* NULL: not begun */
    double costs[64];
    int next;                             /* candidate of the generation that is due */
    bool offered;                         /* `offer` waits to be injected */
    double offer[SUBJECT_PARAMETERS_MAX]; /* in the unit cube */
    double best[SUBJECT_PARAMETERS_MAX];  /* in units */
    double best_ratio;                    /* HUGE_VAL: none yet */
    unsigned evaluations;
};
/* start (in units) may be NULL: from scratch, with the textbook's setting injected. 0, or -1 when out of memory. */
int search_begin(struct search *search, const struct subject *subject, uint64_t seed,
                 const double *start);
void search_end(struct search *search);
/* Runs about `evaluations` (fewer when stopped); returns how many. */
unsigned search_run(struct search *search, const struct panel *panel, unsigned evaluations,
                    brain_stop *stop);
/* Hands the search a point whose ratio on its panel is known: it becomes the best if it is, and is injected. */
void search_offer(struct search *search, const double *parameters, double ratio);
/* Evaluates one point and offers it. Returns its ratio. */
double search_try(struct search *search, const struct panel *panel, const double *parameters);

/* What holds on the held-out workloads. */
struct measured {
    struct score score;
    double practice_ratio, bound_ratio, gap_closed;
    const char *practice; /* NULL: none */
};

/* One subject as this AI knows it. Exams are made when first wanted. */
struct bench {
    const struct subject *subject;
    struct exam *peer, *heldout;
    double practice_ratio, bound_ratio, textbook_cost; /* on heldout */
    const char *practice;
    bool known;                                      /* the best of others, confirmed: */
    double best[SUBJECT_PARAMETERS_MAX], best_ratio; /* on peer */
    char best_id[PATTERN_ID_MAX];
};

struct session_slot {
    char id[AI_ID_MAX + 1]; /* "": free */
    uint64_t used;
    char names[BRAIN_CONTRIBUTORS_MAX][AI_ID_MAX + 1]; /* whose workloads */
    struct panel panel;
    struct search search;
    bool measured; /* `last` was run: */
    double last[SUBJECT_PARAMETERS_MAX];
};

struct policy_brain {
    char ai_id[AI_ID_MAX + 1], specialization[64];
    const struct subject *subject;
    bool own_subject;
    uint64_t seed, session_clock;
    unsigned made; /* ids given out */
    struct panel train;
    struct search search;
    double pattern_ratio,
        component_ratio;         /* on train, of what was shared last; HUGE_VAL: nothing yet */
    unsigned shared_evaluations; /* when it was shared */
    struct measured shared;      /* of the pattern shared last; seeds 0: none */
    char parents[PARENTS_MAX][PATTERN_ID_MAX];
    size_t parent_count;
    struct bench benches[SUBJECTS_MAX];
    struct session_slot slots[BRAIN_SESSIONS_MAX];
};

/* Never NULL for a subject of the table; its exams may be missing. */
struct bench *policy_bench(struct policy_brain *brain, const struct subject *subject);
/* Makes the bench's exams; 0, or -1 when out of memory. */
int bench_peer(struct policy_brain *brain, struct bench *bench);
int bench_heldout(struct bench *bench);
/* Runs parameters on the held-out workloads (bench_heldout first). */
void bench_measure(const struct bench *bench, const double *parameters,
                   struct measured *ret_measured);
/* Own workloads and search, begun if need be; 0, or -1 when out of memory. */
int policy_begin(struct policy_brain *brain);
/* Remembers where the current best came from. */
void policy_add_parent(struct policy_brain *brain, const char *id);
/* "<ai>_<middle>_<unix seconds>_<n>" */
json_t *policy_id(struct policy_brain *brain, const char *middle);

/* brain_json.c: parameters as {name: value}, exact to the bit. */
json_t *parameters_json(const struct subject *subject, const double *parameters);
/* 0, or -1 and a sentence on what is wrong (names the parameter). */
int parameters_read(const struct subject *subject, const json_t *json, double *ret_parameters,
                    char *ret_why, size_t size);
/* A finite number member; false when missing or of another type. */
bool member_number(const json_t *object, const char *name, double *ret_number);
/* A string member of at most `max` bytes; NULL when missing, longer or of another type. */
const char *member_string(const json_t *object, const char *name, size_t max);
/* The subject a thing says it is of; NULL when it says none, or another version of it. */
const struct subject *member_subject(const json_t *object);
/* The policy's C source. NULL when out of memory. */
json_t *implementation_json(const struct subject *subject, const double *parameters);
/* Adds subject, parameters, and what was measured on held-out workloads. 0 or -1. */
int measured_add(json_t *object, const struct bench *bench, const double *parameters,
                 const struct measured *measured);

/* The parts of struct brain that stand in other files. */
int policy_collaborate(void *state, const struct brain_session *session, const json_t *candidate,
                       unsigned evaluations, brain_stop *stop, json_t **ret_candidate,
                       double *ret_progress);
json_t *policy_conclude(void *state, const struct brain_session *session, const json_t *candidate,
                        brain_stop *stop);
bool policy_forget(void *state, const char *session_id, brain_stop *stop);
void policy_session_free(struct session_slot *slot);
json_t *policy_check(void *state, const json_t *thing, brain_stop *stop);
bool policy_take_in(void *state, const json_t *thing, const json_t *metrics);

#endif
