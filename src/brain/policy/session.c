/* Collaboration: partners search on from one shared candidate, each in turn, on the workloads of
 * all of them.
 *
 * Workloads follow from the AIs' names, so every partner gets the same ratio for the same
 * parameters, to the bit: a candidate that another wrote is run before it is believed, the best
 * of both is kept, and no order of writes can make it worse. A partner of another subject has
 * nothing to search for, and reviews (review.c); once one has, and nobody else searches, the
 * candidate stands, and its owner waits for the other reviews.
 *
 * A session's candidate is always parameters: two who search among programs share what they find as
 * claims. One with a source in their place is none that can be run here, and is treated as such. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "brain/capabilities.h"
#include "brain/policy/candidate.h"
#include "brain/policy/parts.h"
#include "brain/words.h"

#define SESSION_SEEDS     12u /* over all partners; each has its share */
#define SESSION_SEEDS_MIN 2u  /* of each */
#define TYPE_BYTES_MAX    64u

size_t session_seeds(size_t partners)
{
    size_t each = SESSION_SEEDS / partners;
    return each < SESSION_SEEDS_MIN ? SESSION_SEEDS_MIN : each;
}

/* The candidate with which this AI opens a session: the best it has in its own subject. */
static void candidate_open(struct policy_brain *brain, const struct brain_session *session,
                           brain_stop *stop, struct candidate *ret_candidate)
{
    struct candidate candidate = {.subject = brain->subject,
                                  .name_count = session->participant_count};
    for (size_t i = 0; i < session->participant_count; i++)
        words_cut(session->participants[i], candidate.names[i], sizeof candidate.names[i]);
    for (int i = 0; i < brain->subject->parameter_count; i++)
        candidate.parameters[i] = brain->subject->parameters[i].textbook;
    if (policy_choose(brain, stop) && brain->tuned.made)
        memcpy(candidate.parameters, brain->tuned.solution.parameters, sizeof candidate.parameters);
    words_cut(brain->ai_id, candidate.by, sizeof candidate.by);
    *ret_candidate = candidate;
}

void joint_free(struct joint_search *joint)
{
    objective_free(&joint->objective);
    search_end(&joint->search);
    json_decref(joint->review);
    *joint = (struct joint_search){0};
}

struct joint_search *joint_find(struct policy_brain *brain, const char *id)
{
    for (size_t i = 0; i < BRAIN_SESSIONS_MAX; i++)
        if (brain->joints[i].id[0] && strcmp(brain->joints[i].id, id) == 0)
            return &brain->joints[i];
    return NULL;
}

struct joint_search *joint_take(struct policy_brain *brain)
{
    struct joint_search *oldest = &brain->joints[0];
    for (size_t i = 1; i < BRAIN_SESSIONS_MAX; i++)
        if (brain->joints[i].used < oldest->used)
            oldest = &brain->joints[i];
    joint_free(oldest);
    return oldest;
}

static bool joint_fits(const struct joint_search *joint, const struct candidate *candidate)
{
    if (joint->search.subject != candidate->subject ||
        joint->objective.count != candidate->name_count)
        return false;
    for (size_t i = 0; i < candidate->name_count; i++)
        if (strcmp(joint->names[i], candidate->names[i]) != 0)
            return false;
    return true;
}

/* The workloads and the search of a free place. 0, or -1 when out of memory: then it is free
 * again. */
static int joint_build(struct joint_search *joint, const char *ai_id, const char *session_id,
                       const struct candidate *candidate)
{
    char split[SPLIT_SIZE + AI_ID_MAX];
    size_t each = session_seeds(candidate->name_count);
    for (; joint->objective.count < candidate->name_count; joint->objective.count++) {
        size_t i = joint->objective.count;
        snprintf(split, sizeof split, "train/%s", candidate->names[i]);
        joint->objective.sets[i] = evaluation_set_new(candidate->subject, split, each);
        if (!joint->objective.sets[i]) {
            joint_free(joint);
            return -1;
        }
        memcpy(joint->names[i], candidate->names[i], sizeof joint->names[i]);
    }
    snprintf(split, sizeof split, "session/%s/%s", session_id, ai_id);
    uint64_t seed = subject_seed(candidate->subject, split, 0);
    if (search_begin(&joint->search, candidate->subject, seed, candidate->parameters) < 0) {
        joint_free(joint);
        return -1;
    }
    assert(joint->objective.count == candidate->name_count);
    words_cut(session_id, joint->id, sizeof joint->id);
    return 0;
}

/* Runs the shared candidate on all partners' workloads, unless this AI has just done so. */
static void joint_join(struct joint_search *joint, const struct candidate *candidate)
{
    if (!joint->measured ||
        !parameters_same(candidate->subject, joint->last, candidate->parameters))
        search_try(&joint->search, &joint->objective, candidate->parameters);
}

/* This AI's search for a session, on the candidate's subject and workloads, joined with the
 * candidate, and at first with what this AI would use itself. NULL when out of memory. */
static struct joint_search *joint_open(struct policy_brain *brain, const char *id,
                                       const struct candidate *candidate, brain_stop *stop)
{
    struct joint_search *joint = joint_find(brain, id);
    bool fits = joint && joint_fits(joint, candidate);
    if (!fits) {
        if (joint)
            joint_free(joint); /* work on another subject or other workloads is no part of it */
        else
            joint = joint_take(brain);
        if (joint_build(joint, brain->ai_id, id, candidate) < 0)
            return NULL;
    }
    joint->used = ++brain->session_clock;
    joint_join(joint, candidate);
    const struct choice *tuned = &brain->tuned;
    if (!fits && candidate->subject == brain->subject && policy_choose(brain, stop) &&
        tuned->made &&
        !parameters_same(brain->subject, tuned->solution.parameters, candidate->parameters))
        search_try(&joint->search, &joint->objective, tuned->solution.parameters);
    return joint;
}

static json_t *names_json(const struct joint_search *joint)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < joint->objective.count; i++)
        json_array_append_new(array, json_string(joint->names[i]));
    return array;
}

/* What all have spent: what the others say (bounded), and what this AI knows of itself. */
static json_t *spent_json(const char *self, unsigned own, const json_t *shared)
{
    json_t *all = json_pack("{s:i}", self, (int)own);
    const char *name;
    json_t *count;
    json_object_foreach(json_object_get(shared, "evaluations"), name, count)
    {
        if (!all || json_object_size(all) >= BRAIN_CONTRIBUTORS_MAX)
            break;
        size_t length = strlen(name);
        if (strcmp(name, self) != 0 && length >= 1 && length <= AI_ID_MAX)
            json_object_set_new(all, name, json_integer(candidate_evaluations(shared, name)));
    }
    return all;
}

static json_t *joint_json(const struct policy_brain *brain, const struct joint_search *joint,
                          const char *by, const json_t *shared)
{
    const struct search *search = &joint->search;
    const struct subject *subject = search->subject;
    assert(joint->objective.count > 0);
    size_t seeds = joint->objective.count * evaluation_set_size(joint->objective.sets[0]);
    return json_pack("{s:s,s:s,s:o,s:f,s:i,s:o,s:s,s:o,s:i}", "subject", subject->name,
                     "subject_version", subject->version, "parameters",
                     parameters_json(subject, search->best), "ratio", search->best_ratio, "seeds",
                     (int)seeds, "workloads", names_json(joint), "by", by, "evaluations",
                     spent_json(brain->ai_id, search->evaluations, shared), "budget",
                     (int)SESSION_BUDGET);
}

/* Adds the reviews that are of these very parameters. */
static void reviews_keep(json_t *result, const json_t *shared)
{
    json_t *reviews = candidate_reviews(shared);
    if (result && json_object_size(reviews) > 0)
        json_object_set(result, "reviews", reviews);
    json_decref(reviews);
}

/* The candidate after a step; *json is as it was shared, NULL when nothing usable is. */
static json_t *step_json(const struct policy_brain *brain, struct joint_search *joint,
                         const struct candidate *shared, const json_t *json)
{
    const struct search *search = &joint->search;
    if (!isfinite(search->best_ratio))
        return NULL;
    bool kept = json && parameters_same(search->subject, search->best, shared->parameters);
    const char *by = kept && shared->by[0] ? shared->by : brain->ai_id;
    json_t *result = joint_json(brain, joint, by, json);
    if (kept)
        reviews_keep(result, json);
    words_copy(joint->by, by);
    memcpy(joint->last, search->best, sizeof joint->last);
    joint->measured = true;
    return result;
}

/* Whether only this AI has searched, and the candidate, which is its own and has its true ratio,
 * was reviewed: then it stands. */
static bool joint_waits(const struct policy_brain *brain, const struct joint_search *joint,
                        const struct candidate *shared, const json_t *json)
{
    const struct search *search = &joint->search;
    return json && candidate_evaluations(json, brain->ai_id) > 0 && candidate_reviewed(json) &&
           candidate_ratio(json) == search->best_ratio &&
           parameters_same(search->subject, search->best, shared->parameters);
}

static bool others_searched(const struct policy_brain *brain, const struct candidate *shared,
                            const json_t *json)
{
    return candidate_spent(json) > candidate_evaluations(json, brain->ai_id) ||
           (shared->by[0] && strcmp(shared->by, brain->ai_id) != 0);
}

/* A step on a candidate of this AI's own subject. NULL when out of memory. */
static json_t *policy_step(struct policy_brain *brain, const struct brain_session *session,
                           const struct candidate *shared, const json_t *json, unsigned evaluations,
                           brain_stop *stop)
{
    struct joint_search *joint = joint_find(brain, session->id);
    if (json || !joint ||
        !joint->search.cmaes) /* else nothing usable is shared, but it has begun */
        joint = joint_open(brain, session->id, shared, stop);
    if (!joint)
        return NULL;
    joint->shared |= json && others_searched(brain, shared, json);
    if (joint_waits(brain, joint, shared, json))
        return json_deep_copy(json);
    unsigned spent = candidate_spent(json);
    unsigned left = spent < SESSION_BUDGET ? SESSION_BUDGET - spent : 0;
    search_run(&joint->search, &joint->objective, evaluations < left ? evaluations : left, stop);
    return step_json(brain, joint, shared, json);
}

/* Reads a candidate that is on the workloads of those who take part, and no others'. 0 or -1. */
static int session_read(const struct brain_session *session, const json_t *json,
                        struct candidate *ret_candidate)
{
    if (candidate_read(json, ret_candidate) < 0)
        return -1;
    for (size_t i = 0; i < ret_candidate->name_count; i++) {
        size_t k = 0;
        while (k < session->participant_count &&
               strcmp(ret_candidate->names[i], session->participants[k]) != 0)
            k++;
        if (k == session->participant_count)
            return -1;
    }
    return 0;
}

/* "0.8123, 57 of 240 evaluations" */
static void step_note(const json_t *candidate, char ret_note[BRAIN_TEXT_SIZE])
{
    snprintf(ret_note, BRAIN_TEXT_SIZE, "ratio %.4f, %u of %u evaluations",
             candidate_ratio(candidate), candidate_spent(candidate), SESSION_BUDGET);
}

int policy_collaborate(void *state, const struct brain_session *session, const json_t *candidate,
                       unsigned evaluations, brain_stop *stop, struct brain_step *ret_step)
{
    struct policy_brain *brain = state;
    struct candidate shared;
    struct brain_step step = {0};
    assert(session->participant_count >= 1 && session->participant_count <= BRAIN_CONTRIBUTORS_MAX);
    if (candidate && session_read(session, candidate, &shared) < 0)
        return -1;
    step.review = candidate && shared.subject != brain->subject;
    if (step.review) {
        if (policy_review(brain, session->id, candidate, &shared, stop, &step.candidate) < 0)
            return -1;
        snprintf(step.note, sizeof step.note, "reviewed: %s",
                 candidate_review_text(step.candidate, brain->ai_id));
    } else if (brain->subject) {
        if (!candidate)
            candidate_open(brain, session, stop, &shared);
        step.candidate = policy_step(brain, session, &shared, candidate, evaluations, stop);
        if (evaluations > 0) /* else it only joined with another's: no step of its own to tell of */
            step_note(step.candidate, step.note);
    }
    if (!step.candidate) /* a referee has nothing to open a session with */
        return -1;
    step.progress = candidate_progress(step.candidate);
    *ret_step = step;
    return 0;
}

void policy_view(const void *state, const struct brain_session *session, const json_t *candidate,
                 struct brain_view *ret_view)
{
    const struct policy_brain *brain = state;
    const char *subject = member_string(candidate, "subject", 64);
    bool own = subject && brain->subject && strcmp(subject, brain->subject->name) == 0;
    struct brain_view view = {.foreign = candidate && !own,
                              .progress = candidate_progress(candidate),
                              .reviewed = candidate_reviewed(candidate),
                              .has_reviews =
                                  json_object_size(json_object_get(candidate, "reviews")) > 0};
    for (size_t i = 0; i < session->participant_count; i++)
        view.worked[i] = candidate_evaluations(candidate, session->participants[i]) > 0;
    snprintf(view.text, sizeof view.text, "%u of %u evaluations spent%s",
             candidate_spent(candidate), SESSION_BUDGET, view.reviewed ? ", and reviewed" : "");
    *ret_view = view;
}

static json_t *participants_json(const struct brain_session *session)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < session->participant_count; i++)
        json_array_append_new(array, json_string(session->participants[i]));
    return array;
}

/* The best on each partner's own workloads. */
static json_t *ratios_json(const struct joint_search *joint)
{
    json_t *ratios = json_object();
    for (size_t i = 0; ratios && i < joint->objective.count; i++) {
        double ratio = evaluation_set_score(joint->objective.sets[i], joint->search.best).ratio;
        json_object_set_new(ratios, joint->names[i], json_real(ratio));
    }
    return ratios;
}

json_t *policy_conclude(void *state, const struct brain_session *session, const json_t *candidate,
                        brain_stop *stop)
{
    struct policy_brain *brain = state;
    struct candidate shared;
    if (session_read(session, candidate, &shared) < 0 || atomic_load(stop))
        return NULL;
    struct joint_search *joint = joint_open(brain, session->id, &shared, stop);
    if (!joint || !isfinite(joint->search.best_ratio))
        return NULL;
    const struct search *search = &joint->search;
    const struct subject *subject = search->subject;
    bool kept = parameters_same(subject, search->best, shared.parameters);
    bool reviewed = kept && candidate_reviewed(candidate);
    char type[TYPE_BYTES_MAX + 1];
    words_copy(type, session->type);
    json_t *claim = json_pack(
        "{s:s,s:o,s:o,s:s,s:s,s:o,s:s,s:s,s:o,s:s,s:s,s:o,s:s,s:b,s:f,s:i,s:o,s:o,s:o,s:s}", "kind",
        "component", "id", policy_id(brain), "name",
        json_sprintf("collaborative_%s", type[0] ? type : "session"), "title", subject->title,
        "type", reviewed ? "reviewed" : "collaborative", "contributors", participants_json(session),
        "session_id", session->id, "specialization", subject->specialization, "capabilities",
        capabilities_json(subject->specialization), "subject", subject->name, "subject_version",
        subject->version, "parameters", parameters_json(subject, search->best), "cost",
        subject->cost, "synthetic", !subject->traces, "ratio_session", search->best_ratio,
        "session_seeds",
        (int)(joint->objective.count * evaluation_set_size(joint->objective.sets[0])), "ratios",
        ratios_json(joint), "workloads", names_json(joint), "evaluations",
        spent_json(brain->ai_id, search->evaluations, candidate), "optimiser", "cma-es");
    if (claim && kept)
        reviews_keep(claim, candidate);
    return claim;
}

/* Takes the session's best to where it is compared with all else. True when it is better than
 * what this AI had. */
static bool joint_learn(struct policy_brain *brain, const struct joint_search *joint)
{
    assert(isfinite(joint->search.best_ratio));
    struct search *search = &brain->search;
    struct record *record = policy_record(brain, brain->subject);
    struct known known = {.tried = true};
    words_copy(known.author, joint->by[0] ? joint->by : brain->ai_id);
    snprintf(known.id, sizeof known.id, "session:%s", joint->id);
    known.solution = solution_of(brain->subject, joint->search.best);
    if (record_checking(brain, record) == 0) {
        known.ratio_own = evaluation_set_score(record->checking, joint->search.best).ratio;
        mutual_add(&record->mutual, brain->subject, &known);
    }
    double ratio = objective_ratio(&brain->train, joint->search.best);
    search->evaluations++;
    if (!(ratio < search->best_ratio))
        return false;
    if (joint->shared)
        policy_meet(brain);
    search_offer(search, joint->search.best, ratio);
    if (joint->shared)
        policy_take(brain, ratio, known.author, known.id);
    /* Its own last step, on what the others had found. */
    for (size_t i = 0;
         joint->shared && strcmp(known.author, brain->ai_id) == 0 && i < joint->objective.count;
         i++)
        policy_credit(brain, joint->names[i]);
    return true;
}

bool policy_forget(void *state, const char *session_id, brain_stop *stop)
{
    struct policy_brain *brain = state;
    struct joint_search *joint = joint_find(brain, session_id);
    if (!joint)
        return false;
    bool better = brain->subject && joint->search.subject == brain->subject &&
                  isfinite(joint->search.best_ratio) && !atomic_load(stop) &&
                  policy_begin(brain, stop) == 0 && joint_learn(brain, joint);
    joint_free(joint);
    return better;
}
