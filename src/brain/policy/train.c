/* The policy brain: learns an OS policy on a simulated subsystem, its parameters by CMA-ES or a
 * whole module by another searcher, on its own workloads, and by what others found.
 *
 * What makes it hard is honesty. The search looks at the training workloads only; what is
 * claimed is measured on workloads that nobody could know when it was chosen; and
 * what came from another is tried, used, and named, but never claimed. */
#include "brain/policy/parts.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "brain/policy/candidate.h"
#include "brain/words.h"

double policy_best(const struct policy_brain *brain, struct solution *ret_best)
{
    const struct search *search = &brain->search;
    double tuned = search->cmaes ? search->best_ratio : HUGE_VAL;
    if (brain->module_ratio < tuned)
        *ret_best = brain->module;
    else if (isfinite(tuned))
        *ret_best = solution_of(brain->subject, search->best);
    return fmin(tuned, brain->module_ratio);
}

void policy_meet(struct policy_brain *brain)
{
    struct solution best;
    if (brain->met)
        return;
    brain->met = true;
    if (!isfinite(policy_best(brain, &best)))
        return;
    brain->found_alone = true;
    brain->evaluations_alone = brain->search.evaluations;
    solution_copy(&brain->alone, &best);
}

static void add_parent(struct policy_brain *brain, const char *id)
{
    assert(brain->parent_count <= PARENTS_MAX);
    if (brain->parent_count == PARENTS_MAX) {
        memmove(brain->parents[0], brain->parents[1],
                sizeof brain->parents - sizeof brain->parents[0]);
        brain->parent_count--;
    }
    words_copy(brain->parents[brain->parent_count], id);
    brain->parent_count++;
}

void policy_credit(struct policy_brain *brain, const char *author)
{
    if (!author[0] || strcmp(author, brain->ai_id) == 0)
        return;
    brain->taken++;
    size_t at = 0; /* its place is the front, whether it was in the list or not */
    while (at + 1 < TAKEN_MAX && brain->taken_from[at][0] &&
           strcmp(brain->taken_from[at], author) != 0)
        at++;
    memmove(brain->taken_from[1], brain->taken_from[0], at * sizeof brain->taken_from[0]);
    words_copy(brain->taken_from[0], author);
}

void policy_take(struct policy_brain *brain, double ratio, const char *author, const char *id)
{
    brain->pattern_ratio = fmin(brain->pattern_ratio, ratio);
    brain->component_ratio = fmin(brain->component_ratio, ratio);
    if (id[0])
        add_parent(brain, id);
    policy_credit(brain, author);
}

/* From where a search begins. parameters NULL: from scratch. */
struct start {
    const double *parameters;
    const char *author, *id;
    double ratio;
};

/* What others found before the first step is worth more than a hundred evaluations from scratch;
 * so is what this AI itself has found in an earlier run. */
static void start_choose(struct policy_brain *brain, struct pulled *pulled, struct start *ret_start)
{
    struct start start = {.author = "", .id = "", .ratio = 1};
    const struct known *elite = pulled->tuned.known;
    if (elite && pulled->tuned.ratio < 1) {
        start = (struct start){elite->solution.parameters, elite->author, elite->id,
                               pulled->tuned.ratio};
    }
    const struct resumed *resumed = &brain->resumed;
    if (resumed->there && !resumed->solution.source) {
        double ratio = objective_ratio(&brain->train, resumed->solution.parameters);
        pulled->evaluations++;
        if (ratio < start.ratio)
            start = (struct start){resumed->solution.parameters,
                                   resumed->author[0] ? resumed->author : brain->ai_id, resumed->id,
                                   ratio};
    }
    *ret_start = start;
}

/* A module of an earlier run: this AI's own is its best until it finds a better one; another's is
 * one of those that it knows. */
static void module_start(struct policy_brain *brain, brain_stop *stop)
{
    const struct resumed *resumed = &brain->resumed;
    struct record *record = policy_record(brain, brain->subject);
    struct probe_report report;
    if (!resumed->there || !resumed->solution.source)
        return;
    if (!resumed->author[0] || strcmp(resumed->author, brain->ai_id) == 0) {
        solution_copy(&brain->module, &resumed->solution);
        brain->module_ratio = resumed->ratio_train;
        return;
    }
    policy_meet(brain);
    policy_take(brain, resumed->ratio_train, resumed->author, resumed->id);
    if (record_checking(brain, record) < 0)
        return;
    solution_measure(brain->subject, &resumed->solution, &record->checking, 1, stop, &report);
    struct known known = {.solution = resumed->solution, .ratio_own = report.score.ratio};
    words_copy(known.author, resumed->author);
    words_copy(known.id, resumed->id);
    if (report.result == PROBE_RAN)
        mutual_add(&record->mutual, brain->subject, &known);
}

/* The same AI has the same luck, but for a run that goes on from another. */
static uint64_t search_seed(const struct policy_brain *brain)
{
    char split[SPLIT_SIZE];
    if (brain->resumed.there)
        snprintf(split, sizeof split, "search/%s/%u", brain->ai_id, brain->resumed.evaluations);
    else
        snprintf(split, sizeof split, "search/%s", brain->ai_id);
    return subject_seed(brain->subject, split, 0);
}

int train_begin(struct policy_brain *brain)
{
    assert(brain->subject); /* a referee trains by itself */
    if (brain->train.count > 0)
        return 0;
    struct evaluation_set *set = policy_evaluation_set(brain, brain->subject, "train", TRAIN_SEEDS);
    if (!set)
        return -1;
    brain->train = (struct objective){.sets = {set}, .count = 1};
    return 0;
}

/* Another's module, of which who searches has now been shown, is better than all that was found
 * here. */
static void module_taken(struct policy_brain *brain, const struct pulled_one *pulled)
{
    struct solution best;
    if (!pulled->known || pulled->ratio >= fmin(1, policy_best(brain, &best)))
        return;
    policy_meet(brain);
    policy_take(brain, pulled->ratio, pulled->known->author, pulled->known->id);
}

int policy_begin(struct policy_brain *brain, brain_stop *stop)
{
    if (train_begin(brain) < 0)
        return -1;
    if (brain->search.cmaes)
        return 0;
    struct start start;
    struct pulled pulled;
    policy_pull(brain, stop, &pulled);
    start_choose(brain, &pulled, &start);
    if (search_begin(&brain->search, brain->subject, search_seed(brain), start.parameters) < 0)
        return -1;
    brain->search.evaluations = pulled.evaluations;
    module_start(brain, stop);
    if (start.parameters) {
        bool own = strcmp(start.author, brain->ai_id) == 0;
        if (!own)
            policy_meet(brain);
        search_offer(&brain->search, start.parameters, start.ratio);
        if (!own)
            policy_take(brain, start.ratio, start.author, start.id);
    }
    module_taken(brain, &pulled.module);
    return 0;
}

/* Between two generations, every so often: the best of a few that others found is injected.
 * Returns the evaluations spent. */
static unsigned policy_look(struct policy_brain *brain, brain_stop *stop)
{
    struct search *search = &brain->search;
    struct pulled pulled;
    if (search->next != 0 || search->generations % PULL_GENERATIONS != 0 ||
        search->generations == brain->pulled)
        return 0;
    brain->pulled = search->generations;
    policy_pull(brain, stop, &pulled);
    const struct known *elite = pulled.tuned.known;
    if (elite && pulled.tuned.ratio < search->best_ratio) {
        /* a worse one would only steer the search away from the better */
        policy_meet(brain);
        search_offer(search, elite->solution.parameters, pulled.tuned.ratio);
        policy_take(brain, pulled.tuned.ratio, elite->author, elite->id);
    }
    module_taken(brain, &pulled.module);
    search->evaluations += pulled.evaluations;
    return pulled.evaluations;
}

static void policy_search(struct policy_brain *brain, unsigned evaluations, brain_stop *stop)
{
    struct search *search = &brain->search;
    unsigned done = 0;
    while (done < evaluations && !atomic_load(stop)) {
        done += policy_look(brain, stop);
        unsigned left = done < evaluations ? evaluations - done : 0;
        if (brain->outside.proposer.state) {
            unsigned spent = left > 0 ? outside_search(brain, left, stop) : 0;
            done += spent;
            if (spent == 0 || !brain->outside.at_once)
                break; /* nothing could be run, or it may take its time, and others wait */
            continue;
        }
        unsigned generation = (unsigned)(cmaes_lambda(search->cmaes) - search->next);
        done += search_run(search, &brain->train, left < generation ? left : generation, stop);
    }
}

static int policy_train(void *state, unsigned evaluations, brain_stop *stop, json_t **ret_claims)
{
    struct policy_brain *brain = state;
    json_t *claims = json_array();
    if (!claims || policy_begin(brain, stop) < 0)
        goto failed;
    policy_search(brain, evaluations, stop);
    if (!atomic_load(stop) && policy_claim(brain, evaluations == 0, claims) < 0)
        goto failed;
    if (!atomic_load(stop) && policy_solve(brain, claims) < 0)
        goto failed;
    *ret_claims = claims;
    return 0;
failed:
    json_decref(claims);
    return -1;
}

static void policy_free(void *state)
{
    struct policy_brain *brain = state;
    objective_free(&brain->train);
    search_end(&brain->search);
    outside_end(brain);
    evaluation_set_free(brain->heldout);
    for (size_t i = 0; i < TEST_SETS_MAX; i++)
        test_set_end(&brain->test_sets[i]);
    struct solution *const solutions[] = {&brain->module,
                                          &brain->alone,
                                          &brain->choice.solution,
                                          &brain->tuned.solution,
                                          &brain->resumed.solution,
                                          &brain->heldout_choice.solution,
                                          &brain->heldout_alone.solution};
    for (size_t i = 0; i < sizeof solutions / sizeof *solutions; i++)
        solution_free(solutions[i]);
    for (size_t i = 0; i < OWN_ROWS; i++)
        solution_free(&brain->own[i].solution);
    for (size_t i = 0; i < SUBJECTS_MAX; i++) {
        evaluation_set_free(brain->records[i].checking);
        mutual_free(&brain->records[i].mutual);
    }
    for (size_t i = 0; i < BRAIN_SESSIONS_MAX; i++)
        joint_free(&brain->joints[i]);
    free(brain);
}

/* Another subject of the same specialization, for which the best can be computed. */
static const struct subject *second_subject(const struct subject *first)
{
    size_t count;
    const struct subject *const *all = subjects(&count);
    for (size_t i = 0; i < count; i++)
        if (all[i] != first && all[i]->solve &&
            strcmp(all[i]->specialization, first->specialization) == 0)
            return all[i];
    return NULL;
}

static void policy_salt(void *state, const char *salt, const char *sha256)
{
    struct policy_brain *brain = state;
    snprintf(brain->peer, sizeof brain->peer, "%s/%s", brain->ai_id, salt);
    snprintf(brain->peer_shown, sizeof brain->peer_shown, "%s/sha256:%s", brain->ai_id, sha256);
}

struct brain *brain_policy_new(const char *ai_id, const char *specialization)
{
    struct brain *brain = calloc(1, sizeof *brain);
    struct policy_brain *policy = calloc(1, sizeof *policy);
    if (!brain || !policy) {
        free(brain);
        free(policy);
        return NULL;
    }
    words_copy(policy->ai_id, ai_id);
    words_copy(policy->peer, policy->ai_id);
    words_copy(policy->peer_shown, policy->ai_id);
    words_copy(policy->specialization, specialization);
    policy->search.best_ratio = policy->module_ratio = HUGE_VAL;
    policy->pattern_ratio = policy->component_ratio = 1;
    *brain = (struct brain){
        .name = "policy",
        .state = policy,
        .workers = 1,
        .budget = {.unit = "evaluations", .training = TRAINING_BUDGET, .session = SESSION_BUDGET},
        .view = policy_view,
        .disown = candidate_disown,
        .compare = policy_compare,
        .tell = policy_tell,
        .own_metrics = policy_own_metrics,
        .can_answer = policy_can_answer,
        .salt = policy_salt,
        .train = policy_train,
        .prove = policy_prove,
        .standing = policy_standing,
        .measure_standing = policy_measure_standing,
        .summary = policy_summary,
        .learned = policy_learned,
        .resume = policy_resume,
        .answer = policy_answer,
        .collaborate = policy_collaborate,
        .conclude = policy_conclude,
        .forget = policy_forget,
        .check = policy_check,
        .take_in = policy_take_in,
        .free = policy_free};
    if (strcmp(specialization, "general") == 0) {
        referee_become(brain);
        return brain;
    }
    policy->subject = subject_trained(specialization);
    if (!policy->subject) { /* nothing to train; callers check the specialization */
        brain_free(brain);
        return NULL;
    }
    brain->subject = policy->subject->name;
    brain->subject_version = policy->subject->version;
    snprintf(brain->description, sizeof brain->description, "training %s (%s; %s)",
             policy->subject->name, policy->subject->cost,
             policy->subject->traces ? "windows of traces" : "synthetic workloads");
    policy->second = second_subject(policy->subject);
    return brain;
}

void brain_free(struct brain *brain)
{
    if (!brain)
        return;
    brain->free(brain->state);
    free(brain);
}
