/* The referee, `general`: it has no subject of its own, trains nothing and claims nothing. It
 * measures what others claim, of all subjects, and keeps for each a matrix: every candidate that
 * it found to be true, on the workloads of everyone who found one. So it knows what holds for
 * all and not only for its author, and how far all of them together are. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "brain/capabilities.h"
#include "brain/policy/parts.h"
#include "policy/elementary.h"

size_t referee_sets(struct policy_brain *brain, struct record *record,
                    struct evaluation_set **ret_sets)
{
    struct mutual *mutual = &record->mutual;
    assert(mutual->workload_count > 0); /* policy_record begins with its own */
    for (size_t i = 0; i < mutual->workload_count; i++) {
        ret_sets[i] = mutual_set(mutual, record->subject, i);
        if (!ret_sets[i])
            return 0;
    }
    brain->cells += mutual->workload_count;
    return mutual->workload_count;
}

/* Of all subjects, a candidate that was not run yet on somebody's workloads; NULL: the matrices
 * are full. What could not be run here once is not tried again. */
static struct known *referee_gap(struct policy_brain *brain, struct record **ret_record)
{
    for (size_t i = 0; i < SUBJECTS_MAX; i++) {
        struct mutual *mutual = &brain->records[i].mutual;
        for (size_t k = 0; k < mutual->known_count; k++)
            if (!mutual->known[k].tried && mutual_gap(mutual, &mutual->known[k])) {
                *ret_record = &brain->records[i];
                return &mutual->known[k];
            }
    }
    return NULL;
}

static int referee_train(void *state, unsigned evaluations, brain_stop *stop, json_t **ret_claims)
{
    struct policy_brain *brain = state;
    json_t *claims = json_array();
    int result = claims ? 0 : -1;
    for (unsigned done = 0; result == 0 && done < evaluations && !atomic_load(stop);) {
        struct record *record;
        struct known *known = referee_gap(brain, &record);
        if (!known)
            break;
        int cells = mutual_fill(&record->mutual, record->subject, known, evaluations - done, stop);
        known->tried = cells == 0 && !atomic_load(stop);
        result = cells < 0 ? -1 : 0;
        done += cells > 0 ? (unsigned)cells : 0;
        brain->cells += cells > 0 ? (unsigned)cells : 0;
    }
    if (result == 0)
        *ret_claims = claims;
    else
        json_decref(claims);
    return result;
}

/* The best mean of a subject's candidates; HUGE_VAL: none is known. */
static double referee_best(const struct mutual *mutual)
{
    double best = HUGE_VAL;
    for (size_t i = 0; i < mutual->known_count; i++)
        best = fmin(best, mutual_mean(mutual, &mutual->known[i]));
    return best;
}

void referee_figures(struct policy_brain *brain, struct policy_figures *ret_figures)
{
    struct policy_figures figures = {.evaluations = brain->cells};
    double logs = 0;
    unsigned trained = 0;
    for (size_t i = 0; trainer_specializations[i]; i++) {
        const struct subject *subject = subject_for(trainer_specializations[i]);
        if (strcmp(trainer_specializations[i], brain->specialization) == 0)
            continue;
        trained++;
        double best = subject ? referee_best(&policy_record(brain, subject)->mutual) : HUGE_VAL;
        if (!isfinite(best))
            continue; /* counts as 1 */
        figures.subjects_seen++;
        logs += elementary_log(best);
    }
    if (figures.subjects_seen > 0)
        figures.geometric_mean = elementary_exp(logs / trained);
    *ret_figures = figures;
}

static void referee_standing(void *state, struct brain_standing *ret_standing)
{
    struct policy_brain *brain = state;
    struct policy_figures figures;
    referee_figures(brain, &figures);
    double mean = figures.geometric_mean > 0 ? figures.geometric_mean : nan("");
    *ret_standing = (struct brain_standing){
        .spent = figures.evaluations,
        .title = "a referee of all subjects",
        .brief = {{.name = "subjects", .value = figures.subjects_seen, .unit = ""},
                  {.name = "geometric mean", .value = mean, .unit = "", .decimals = 3}},
        .brief_count = 2,
        .rows = {{.name = "subjects of which it saw a claim hold",
                  .value = figures.subjects_seen,
                  .unit = ""},
                 {.name = "geometric mean of the best ratios (the others count as 1)",
                  .value = mean,
                  .unit = "",
                  .decimals = 3},
                 {.name = "measured for the cross-evaluation",
                  .value = figures.evaluations,
                  .unit = ""}},
        .row_count = 3};
}

static json_t *referee_summary(void *state)
{
    struct policy_figures figures;
    referee_figures(state, &figures);
    return figures_json(
        &(struct figures_head){
            .subject = "all", .version = "", .cost = "", .textbook = "", .referee = true},
        &figures);
}

static json_t *referee_learned(void *state)
{
    (void)state;
    return NULL;
}

static bool referee_resume(void *state, const json_t *learned, char ret_why[BRAIN_TEXT_SIZE])
{
    (void)state, (void)learned;
    snprintf(ret_why, BRAIN_TEXT_SIZE, "a referee learns nothing");
    return false;
}

static bool referee_can_answer(const void *state, const char *feature,
                               char ret_why[BRAIN_TEXT_SIZE])
{
    (void)state, (void)feature;
    snprintf(ret_why, BRAIN_TEXT_SIZE, "it is a referee: it measures, and makes nothing");
    return false;
}

static json_t *referee_answer(void *state, const char *feature, const json_t *requirements,
                              brain_stop *stop)
{
    (void)state, (void)feature, (void)requirements, (void)stop;
    return NULL;
}

/* It shows no ratio of its own, and so has no held-out workloads. */
static void referee_measure_standing(void *state, brain_stop *stop)
{
    (void)state, (void)stop;
}

void referee_become(struct brain *brain)
{
    size_t count;
    subjects(&count);
    brain->referee = true;
    brain->subject = brain->subject_version = "";
    snprintf(
        brain->description, sizeof brain->description,
        "a referee: measures again what others claim, of all %zu subjects (synthetic workloads)",
        count);
    brain->can_answer = referee_can_answer;
    brain->summary = referee_summary;
    brain->learned = referee_learned;
    brain->resume = referee_resume;
    brain->train = referee_train;
    brain->standing = referee_standing;
    brain->measure_standing = referee_measure_standing;
    brain->answer = referee_answer;
}
