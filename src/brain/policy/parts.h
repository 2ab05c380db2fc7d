/* The policy brain's own parts, shared by its files: train.c (training), outside.c (who searches in
 * the place of CMA-ES), claims.c (what it makes of what it found), known.c (what it knows of
 * others, and what of all it would use), solution.c (parameters or a module), check.c (what others
 * claim), module.c (the C of their parameters), session.c and review.c (collaboration), referee.c
 * (`general`), standing.c (how far it is), answers.c (feature requests), learned.c (what is kept of
 * a run), evaluation.c (workloads), json.c.
 *
 * A score is made of workloads, and these of a split's name. "train/<AI>" are the workloads of
 * one AI: it trains on them, and others know them by its name, so that all can compare the same
 * candidates on the same workloads. "peer/<AI>/<salt>" are those on which it measures what others
 * send, which nobody else knows before it tells its salt,
 * "heldout/<AI>" those on which it shows how far it is, "test/<nonce>" those of a claim. */
#ifndef KHUB_BRAIN_POLICY_PARTS_H
#define KHUB_BRAIN_POLICY_PARTS_H

#include "brain/brain.h"
#include "brain/policy/solution.h"
#include "policy/measure.h"
#include "policy/optimise/search.h"
#include "policy/subject.h"
#include "search/asking.h"
#include "search/searcher.h"

#define AI_ID_MAX            PEER_ID_MAX
#define OWN_NAME_SIZE        (PEER_NAME_MAX + 48) /* the AI's id, and what its salt hashes to */
#define SPLIT_SIZE           (2 * AI_ID_MAX + 16 + OWN_NAME_SIZE)
#define TRAIN_SEEDS          16u
#define CHECK_SEEDS          PEER_WORKLOADS
#define HELDOUT_SEEDS        CLAIM_WORKLOADS
#define REVIEW_SEEDS         32u
#define MODULE_SEEDS         16u /* on which a component's C runs */
#define MUTUAL_SEEDS         8u  /* of each AI's workloads, to compare candidates */
#define COMMITMENT_MAX       64u
#define SUBJECTS_MAX         16u
#define PARENTS_MAX          8u
#define PATTERN_ID_MAX       256u
#define FEATURE_BYTES_MAX    128u
#define IMPLEMENTATION_MAX   (64u << 10)
#define PUBLISH_IMPROVEMENT  0.002 /* of the ratio, since the last pattern that was claimed */
#define RENDER_IMPROVEMENT   0.01  /* since the last component */
#define LAST_IMPROVEMENT     1e-4  /* since either, when training is over */
#define PUBLISH_EVALUATIONS  48u   /* at least, from one pattern that is claimed to the next */
#define ANSWER_EVALUATIONS   64u /* at least so many stand behind a component made for a request */
#define PULL_GENERATIONS     5u  /* from one look at what others found to the next */
#define PULL_MAX             3u  /* candidates of others that are run at each */
#define KNOWN_MAX            32u
#define KNOWN_OF_ONE_MAX     4u /* of one AI */
#define MUTUAL_WORKLOADS_MAX 9u /* of this AI and eight others */
#define MODULES_MAX          16u
#define TEST_SETS_MAX        4u
#define TAKEN_MAX            8u   /* AIs that are named as those whose work it has built on */
#define THINKING_MS          200u /* that a training job waits for an answer */
#define TRAINING_BUDGET      16u  /* evaluations of a training job */
#define SESSION_BUDGET       240u /* evaluations that all in a session spend together */

_Static_assert(SALT_DIGITS == PEER_SALT_MAX, "one name of an AI's own workloads");

/* The workloads of a nonce. A pattern and its component have the same, and so have claims of one
 * subject and epoch, but what others say in between is of other subjects: so a few are kept, of at
 * most 10 MB each. */
struct test_set {
    const struct subject *subject; /* NULL: none */
    unsigned long used;            /* when it was wanted last; 0: it is none */
    char nonce[NONCE_LENGTH + 1];
    struct evaluation_set *set;
    bool compared; /* the baselines were measured: */
    struct baselines baselines;
};

/* A candidate that another AI found. */
struct known {
    struct solution solution;
    char author[AI_ID_MAX + 1], id[PATTERN_ID_MAX];
    double ratio_own; /* when it was checked, on this AI's workloads for that */
    bool tried;       /* on its training workloads; by a referee: it could not be run here */
    double ratios[MUTUAL_WORKLOADS_MAX]; /* on each AI's workloads; NAN: not run there yet */
};

/* Candidates of one subject, on the workloads of all who found one. */
struct mutual {
    struct known known[KNOWN_MAX];
    size_t known_count;
    struct {
        char ai_id[AI_ID_MAX + 1];
        struct evaluation_set *set;    /* NULL: not made yet */
    } workloads[MUTUAL_WORKLOADS_MAX]; /* the first: this AI's own */
    size_t workload_count;
};

/* One subject as this AI knows it. */
struct record {
    const struct subject *subject;
    struct evaluation_set *checking; /* for what others send; NULL: not made yet */
    struct mutual mutual;
};

/* What came of compiling and running the C that parameters render to. */
enum module_outcome {
    MODULE_SAME,    /* it scores what its parameters score */
    MODULE_DIFFERS, /* it does not */
    MODULE_NO_COMPILER,
    MODULE_NOT_RUN /* for a reason that says nothing of it */
};
struct module {
    const struct subject *subject; /* NULL: none */
    double parameters[SUBJECT_PARAMETERS_MAX];
    enum module_outcome outcome;
    size_t bytes;
    char text[320]; /* for people */
};

struct joint_search {
    char id[AI_ID_MAX + 1]; /* "": free */
    uint64_t used;
    char names[BRAIN_CONTRIBUTORS_MAX][AI_ID_MAX + 1]; /* whose workloads */
    struct objective objective;
    struct search search;
    char by[AI_ID_MAX + 1]; /* who found what was shared last */
    bool shared;            /* another searched too */
    bool measured;          /* `last` was run, or reviewed: */
    double last[SUBJECT_PARAMETERS_MAX];
    json_t *review; /* this AI's, of `last`; NULL: none */
    const struct subject *reviewed;
    double claimed; /* the ratio that the candidate had then, by its own word */
};

/* A session's shared candidate, as it was read (candidate.h). */
struct candidate {
    const struct subject *subject;
    double parameters[SUBJECT_PARAMETERS_MAX];
    char names[BRAIN_CONTRIBUTORS_MAX][AI_ID_MAX + 1]; /* whose workloads */
    size_t name_count;
    char by[AI_ID_MAX + 1];
};

/* What it would use now: its own best, or another's. */
struct choice {
    bool made;
    struct solution solution;
    char author[AI_ID_MAX + 1], id[PATTERN_ID_MAX]; /* "": its own */
};

/* A solution with its held-out score. */
struct heldout_score {
    bool measured;
    struct solution solution;
    struct score score;
};

/* What an earlier run has left. */
struct resumed {
    bool there;
    struct solution solution;
    double ratio_train; /* of a module; parameters are run when the search begins */
    char author[AI_ID_MAX + 1], id[PATTERN_ID_MAX]; /* of the thing that they came from; "": none */
    unsigned evaluations;                           /* that went into it */
};

/* How far training has come. Ratios are to the textbook baseline's cost: below 1 is better. The
 * held-out workloads are this AI's own. */
struct policy_figures {
    unsigned evaluations, generations; /* of its own training */
    double ratio_train;                /* best so far, on its own workloads; 0: none yet */
    unsigned evaluations_alone;        /* until something of another's first came into its search */
    double ratio_alone; /* held-out, of the best by then; 0: it began with another's */
    double ratio_heldout, ci95,
        cost_heldout;     /* held-out, of what it would use now: own or another's */
    size_t wins, seeds;   /* seeds 0: not measured yet */
    const char *practice; /* name; NULL: none known */
    double textbook_cost, practice_ratio, bound_ratio, gap_closed;
    /* Whose work it has built on: trained on from, or would use now. With none, what it would
     * use is what it found alone. */
    unsigned taken;
    char taken_from[TAKEN_MAX][AI_ID_MAX + 1]; /* newest first; "": no more */
    /* The referee's: over the subjects of which it has seen a confirmed claim; the others count
     * as 1. 0: none yet. */
    double geometric_mean;
    unsigned subjects_seen;
};
struct figures_head {
    const char *subject, *version, *cost, *textbook;
    bool traced; /* its workloads are windows of traces */
    bool referee;
};

/* Who searches in the place of CMA-ES. */
struct outside {
    struct proposer proposer;                           /* state NULL: nobody, or no more */
    char name[sizeof(((struct proposer *)NULL)->name)]; /* stays when it has ended */
    char ended[256];                                    /* why it has; "": it has not */
    struct model_spent spent;                           /* by a language model, so far */
    char split[SPLIT_SIZE];                             /* of its judge's workloads */
    bool at_once;       /* it proposes without taking its time, and is asked until a job is over */
    struct judge judge; /* also what it is shown of others' */
    struct asking asking;              /* unless it proposes at once */
    struct trial asked[PROPOSALS_MAX]; /* what it has proposed and was not told of yet */
    size_t count, next;                /* next: the first that was not judged */
    uint64_t simulations;              /* that make no whole evaluation yet */
};

/* What this AI has found itself, among the candidates. */
enum own_row { OWN_PARAMETERS, OWN_MODULE, OWN_ROWS };

struct policy_brain {
    char ai_id[AI_ID_MAX + 1], specialization[64];
    /* Of whom its own workloads are: its id and its salt; and what others are told of that, its id
     * and what the salt hashes to. Its id alone: it has none. */
    char peer[OWN_NAME_SIZE], peer_shown[OWN_NAME_SIZE];
    const struct subject *subject; /* NULL: a referee */
    const struct subject *second;  /* of the same specialization, and solved once; NULL: none */
    uint64_t session_clock;
    unsigned made; /* ids given out */
    struct resumed resumed;
    struct objective train;
    struct search search;
    struct outside outside;
    struct solution
        module; /* the best that `outside` has found, a program's C too; source NULL: none */
    double module_ratio; /* its, on train; HUGE_VAL: none */
    unsigned pulled;     /* the generation at which it last looked at what others found */
    double pattern_ratio, component_ratio; /* on train, of what was claimed last; 1: nothing yet */
    bool claimed;
    unsigned claimed_evaluations; /* when it was claimed */
    char parents[PARENTS_MAX][PATTERN_ID_MAX];
    size_t parent_count;
    unsigned taken;
    char taken_from[TAKEN_MAX][AI_ID_MAX + 1];
    /* What it had found before anything of another's came into its search. */
    bool met, found_alone;
    struct solution alone;
    unsigned evaluations_alone;
    struct known own[OWN_ROWS]; /* its own best, as candidates beside those of others */
    struct choice choice;       /* of all */
    struct choice tuned;        /* of parameters alone: sessions search among these */
    struct evaluation_set *heldout;
    struct baselines baselines; /* on heldout */
    struct heldout_score heldout_choice, heldout_alone;
    char heldout_author[AI_ID_MAX + 1]; /* of heldout_choice; "": its own */
    struct test_set test_sets[TEST_SETS_MAX];
    unsigned long test_sets_used;
    struct module modules[MODULES_MAX];
    unsigned module_next;
    unsigned cells; /* a referee's: candidates that it ran on an AI's workloads */
    struct record records[SUBJECTS_MAX];
    struct joint_search joints[BRAIN_SESSIONS_MAX];
};

/* evaluation.c. Exams are made when first wanted. */
/* Never NULL for a subject of the table. */
struct record *policy_record(struct policy_brain *brain, const struct subject *subject);
/* Its workloads for what others send: 0, or -1 when out of memory. */
int record_checking(struct policy_brain *brain, struct record *record);
/* The workloads of "<kind>/<AI>". NULL when out of memory. */
struct evaluation_set *policy_evaluation_set(const struct policy_brain *brain,
                                             const struct subject *subject, const char *kind,
                                             size_t seeds);
/* The workloads of a nonce, the brain's; good until the next call. NULL when out of memory. */
struct test_set *policy_test_set(struct policy_brain *brain, const struct subject *subject,
                                 const char *nonce, size_t seeds);
const struct baselines *test_set_baselines(struct test_set *test_set);
/* The workloads on which it sees what a claim is worth to it, at most MUTUAL_WORKLOADS_MAX sets.
 * Returns how many; 0: out of memory. */
size_t own_sets(struct policy_brain *brain, struct record *record,
                struct evaluation_set **ret_sets);
/* The mean over reports, all of what ran. */
struct score reports_mean(const struct probe_report *reports, size_t count);
void test_set_end(struct test_set *test_set);

/* train.c */
/* Its training workloads, made if need be. 0, or -1 when out of memory. */
int train_begin(struct policy_brain *brain);
/* The same and the search, begun if need be; 0, or -1 when out of memory. */
int policy_begin(struct policy_brain *brain, brain_stop *stop);
/* Something of another's comes into the search: what was found alone is kept. */
void policy_meet(struct policy_brain *brain);
/* Remembers that what has this ratio came from another, and is no news of this AI's. */
void policy_take(struct policy_brain *brain, double ratio, const char *author, const char *id);
/* The best that it has to go on from, by its training workloads; borrowed. Its ratio; HUGE_VAL: it
 * has none. */
double policy_best(const struct policy_brain *brain, struct solution *ret_best);

/* An AI whose candidate came into the search, or is used: it is named for it. */
void policy_credit(struct policy_brain *brain, const char *author);

/* outside.c */
/* Asks it, when all that it has proposed is judged, and judges: for so many evaluations, or one C
 * source, for which a compiler works. Returns how many were spent; none while it thinks. */
unsigned outside_search(struct policy_brain *brain, unsigned evaluations, brain_stop *stop);
/* Puts what another found, which ran on the training workloads, among the elites that it is shown;
 * there is one, or nothing happens. */
void outside_show(struct policy_brain *brain, const struct solution *solution,
                  const struct probe_report *report);
/* Who searches: "cma-es", "exec: ./mine". The brain's. */
const char *outside_name(const struct policy_brain *brain);
/* When all jobs are told to end it need not think any more: what it has cost is known then. */
void outside_settle(struct policy_brain *brain);
void outside_end(struct policy_brain *brain);

/* standing.c */
void policy_figures(const struct policy_brain *brain, struct policy_figures *ret_figures);
/* As the summary has them. NULL when out of memory. */
json_t *figures_json(const struct figures_head *head, const struct policy_figures *figures);
/* Of a subject, in rows. */
void figures_show(const struct subject *subject, const struct policy_figures *figures,
                  struct brain_standing *ret_standing);
void policy_standing(void *state, struct brain_standing *ret_standing);
void policy_measure_standing(void *state, brain_stop *stop);
json_t *policy_summary(void *state);

/* learned.c */
json_t *policy_learned(void *state);
bool policy_resume(void *state, const json_t *learned, char ret_why[BRAIN_TEXT_SIZE]);

/* claims.c */
/* Appends claims of what is new. 0, or -1 when out of memory. */
int policy_claim(struct policy_brain *brain, bool all, json_t *claims);
/* The same for the specialization's second subject, which is computed, not searched. */
int policy_solve(struct policy_brain *brain, json_t *claims);
/* "<ai>_<unix seconds, in base 36>_<n>": short, and no other thing of this AI's has it. */
json_t *policy_id(struct policy_brain *brain);
/* What there is to claim. */
struct finding {
    const struct subject *subject;
    const struct solution *solution;
    double ratio_train;
    unsigned evaluations;
    const char *optimiser;
    json_t *parents; /* ids; taken over by the claim */
};
/* This AI's own best, as it is called in `solution`. */
struct finding finding_own(const struct policy_brain *brain, const struct solution *solution);
/* A component is named for what it is. NULL when out of memory. */
json_t *claim_component(struct policy_brain *brain, const struct finding *finding);

json_t *policy_prove(void *state, const json_t *claim, const char *commitment_id, const char *nonce,
                     brain_stop *stop);

/* answers.c */
void policy_tell(const json_t *thing, const json_t *metrics, char ret_text[BRAIN_TEXT_SIZE]);
json_t *policy_own_metrics(const json_t *component);
bool policy_can_answer(const void *state, const char *feature, char ret_why[BRAIN_TEXT_SIZE]);
json_t *policy_answer(void *state, const char *feature, const json_t *requirements,
                      brain_stop *stop);

/* known.c */
/* A copy that shares a module's text; what was there is let go of. */
void known_copy(struct known *known, const struct known *other);
/* It was run on nobody's workloads. */
void known_begin(struct known *known);
/* Adds a candidate of another's; false when it is known, or worse than those that it would have
 * to replace. */
bool mutual_add(struct mutual *mutual, const struct subject *subject, const struct known *known);
/* Whether a row of ratios has gaps. */
bool mutual_gap(const struct mutual *mutual, const struct known *known);
/* One AI's workloads, as far as they are used here. NULL when out of memory. */
struct evaluation_set *mutual_set(struct mutual *mutual, const struct subject *subject,
                                  size_t which);
/* Runs a candidate on the workloads of at most so many AIs on which it was not run yet: on how many
 * it was; 0: on none, or
 * it can't be run here, or was stopped; -1: out of memory. A module that breaks has HUGE_VAL
 * there. */
int mutual_fill(struct mutual *mutual, const struct subject *subject, struct known *known,
                size_t most, brain_stop *stop);
/* Its mean over the workloads on which it was run; ratio_own when on none. */
double mutual_mean(const struct mutual *mutual, const struct known *known);
void mutual_free(struct mutual *mutual);
/* The best of those of others that were run, of each kind. */
struct pulled {
    struct pulled_one {
        const struct known *known; /* NULL: none */
        double ratio;
    } tuned, module;
    unsigned evaluations; /* that were spent */
};
/* Runs those of others that were not run yet on the training workloads, at most PULL_MAX, and one
 * module. */
void policy_pull(struct policy_brain *brain, brain_stop *stop, struct pulled *ret_pulled);
/* Makes the choice anew. False when stopped or out of memory, and nothing has changed. */
bool policy_choose(struct policy_brain *brain, brain_stop *stop);
/* It broke: it is not chosen again. */
void policy_reject(struct policy_brain *brain, const struct solution *solution);
bool policy_take_in(void *state, const char *author, const json_t *thing, const json_t *metrics);
int policy_compare(const struct brain_entry *a, const struct brain_entry *b);

/* json.c */
/* Adds the members of `more`, which is taken over, as `object` is. NULL and nothing left when
 * either is NULL, or out of memory. */
json_t *merged(json_t *object, json_t *more);
/* Parameters as {name: value}, exact to the bit. */
json_t *parameters_json(const struct subject *subject, const double *parameters);
/* 0, or -1 and a sentence on what is wrong (names the parameter). */
int parameters_read(const struct subject *subject, const json_t *json, double *ret_parameters,
                    char *ret_why, size_t size);
bool parameters_same(const struct subject *subject, const double *a, const double *b);
/* A finite number member; false when missing or of another type. */
bool member_number(const json_t *object, const char *name, double *ret_number);
/* A string member of at most `max` bytes; NULL when missing, longer or of another type. */
const char *member_string(const json_t *object, const char *name, size_t max);
/* The subject a thing says it is of; NULL when it says none, or another version of it. */
const struct subject *member_subject(const json_t *object);
/* 0, or -1 when it is none that can be run. */
int candidate_read(const json_t *json, struct candidate *ret_candidate);
/* The policy's C source. NULL when out of memory. */
json_t *implementation_json(const struct subject *subject, const double *parameters);

/* module.c: compiles and runs the C that the parameters render to on MODULE_SEEDS workloads of a
 * split, unless that was done before. Good until the next call. */
const struct module *policy_module(struct policy_brain *brain, const struct subject *subject,
                                   const double *parameters, const char *split, brain_stop *stop);

/* check.c */
json_t *policy_check(void *state, const json_t *thing, brain_stop *stop);

/* session.c */
/* Workloads of each partner on which a session's candidates are run. */
size_t session_seeds(size_t partners);
int policy_collaborate(void *state, const struct brain_session *session, const json_t *candidate,
                       unsigned evaluations, brain_stop *stop, struct brain_step *ret_step);
json_t *policy_conclude(void *state, const struct brain_session *session, const json_t *candidate,
                        brain_stop *stop);
bool policy_forget(void *state, const char *session_id, brain_stop *stop);
void joint_free(struct joint_search *joint);
struct joint_search *joint_find(struct policy_brain *brain, const char *id);
void policy_view(const void *state, const struct brain_session *session, const json_t *candidate,
                 struct brain_view *ret_view);
/* A free place; the one longest untouched is given up for it. */
struct joint_search *joint_take(struct policy_brain *brain);

/* review.c */
/* A candidate's ratio on the workloads of one of those it names. NAN: out of memory. */
double candidate_ratio_on(const struct candidate *candidate, size_t which, size_t seeds);
/* The candidate with this AI's review of it. 0, or -1 when out of memory. */
int policy_review(struct policy_brain *brain, const char *session_id, const json_t *json,
                  const struct candidate *candidate, brain_stop *stop, json_t **ret_candidate);

/* referee.c */
void referee_become(struct brain *brain);
void referee_figures(struct policy_brain *brain, struct policy_figures *ret_figures);
/* The workloads of all who found a candidate for this subject, and its own, which are counted as
 * used. As own_sets. */
size_t referee_sets(struct policy_brain *brain, struct record *record,
                    struct evaluation_set **ret_sets);

#endif
