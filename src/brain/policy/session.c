/* Collaboration: partners search on from one shared candidate, each in turn, on the workloads of all of them.
 *
 * Workloads follow from the AIs' names, so every partner gets the same ratio for the same parameters, to the bit: a candidate
 * that another wrote is run before it is believed, the best of both is kept, and no order of writes can make it worse. A partner
 * of another subject has nothing to search for, and reviews (review.c); once one has, and nobody else searches, the candidate
 * stands, and its owner waits for the other reviews. */
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
    if (policy_choose(brain, stop))
        memcpy(candidate.parameters, brain->choice.parameters, sizeof candidate.parameters);
    words_cut(brain->ai_id, candidate.by, sizeof candidate.by);
    *ret_candidate = candidate;
}

void policy_session_free(struct session_slot *slot)
{
    objective_free(&slot->panel);
    search_end(&slot->search);
    json_decref(slot->review);
    *slot = (struct session_slot){0};
}

struct session_slot *slot_find(struct policy_brain *brain, const char *id)
{
    for (size_t i = 0; i < BRAIN_SESSIONS_MAX; i++)
        if (brain->slots[i].id[0] && strcmp(brain->slots[i].id, id) == 0)
            return &brain->slots[i];
    return NULL;
}

struct session_slot *slot_take(struct policy_brain *brain)
{
    struct session_slot *oldest = &brain->slots[0];
    for (size_t i = 1; i < BRAIN_SESSIONS_MAX; i++)
        if (brain->slots[i].used < oldest->used)
            oldest = &brain->slots[i];
    policy_session_free(oldest);
    return oldest;
}

static bool slot_fits(const struct session_slot *slot, const struct candidate *candidate)
{
    if (slot->search.subject != candidate->subject || slot->panel.count != candidate->name_count)
        return false;
    for (size_t i = 0; i < candidate->name_count; i++)
        if (strcmp(slot->names[i], candidate->names[i]) != 0)
            return false;
    return true;
}

/* The workloads and the search of a free slot. 0, or -1 when out of memory: then the slot is free again. */
static int slot_build(struct session_slot *slot, const char *ai_id, const char *session_id,
                      const struct candidate *candidate)
{
    char split[SPLIT_SIZE + AI_ID_MAX];
    size_t each = session_seeds(candidate->name_count);
    for (; slot->panel.count < candidate->name_count; slot->panel.count++) {
        size_t i = slot->panel.count;
        snprintf(split, sizeof split, "train/%s", candidate->names[i]);
        slot->panel.sets[i] = evaluation_set_new(candidate->subject, split, each);
        if (!slot->panel.sets[i]) {
            policy_session_free(slot);
            return -1;
        }
        memcpy(slot->names[i], candidate->names[i], sizeof slot->names[i]);
    }
    snprintf(split, sizeof split, "session/%s/%s", session_id, ai_id);
    uint64_t seed = subject_seed(candidate->subject, split, 0);
    if (search_begin(&slot->search, candidate->subject, seed, candidate->parameters) < 0) {
        policy_session_free(slot);
        return -1;
    }
    words_cut(session_id, slot->id, sizeof slot->id);
    return 0;
}

/* Runs the shared candidate on all partners' workloads, unless this AI has just done so. */
static void slot_join(struct session_slot *slot, const struct candidate *candidate)
{
    if (!slot->measured || !parameters_same(candidate->subject, slot->last, candidate->parameters))
        search_try(&slot->search, &slot->panel, candidate->parameters);
}

/* This AI's search for a session, on the candidate's subject and workloads, joined with the candidate, and at first with what this
 * AI would use itself. NULL when out of memory. */
static struct session_slot *slot_open(struct policy_brain *brain, const char *id,
                                      const struct candidate *candidate, brain_stop *stop)
{
    struct session_slot *slot = slot_find(brain, id);
    bool fits = slot && slot_fits(slot, candidate);
    if (!fits) {
        if (slot)
            policy_session_free(
                slot); /* work on another subject or other workloads is no part of it */
        else
            slot = slot_take(brain);
        if (slot_build(slot, brain->ai_id, id, candidate) < 0)
            return NULL;
    }
    slot->used = ++brain->session_clock;
    slot_join(slot, candidate);
    if (!fits && candidate->subject == brain->subject && policy_choose(brain, stop) &&
        !parameters_same(brain->subject, brain->choice.parameters, candidate->parameters))
        search_try(&slot->search, &slot->panel, brain->choice.parameters);
    return slot;
}

static json_t *names_json(const struct session_slot *slot)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < slot->panel.count; i++)
        json_array_append_new(array, json_string(slot->names[i]));
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

static json_t *slot_json(const struct policy_brain *brain, const struct session_slot *slot,
                         const char *by, const json_t *shared)
{
    const struct search *search = &slot->search;
    const struct subject *subject = search->subject;
    size_t seeds = slot->panel.count * evaluation_set_size(slot->panel.sets[0]);
    return json_pack("{s:s,s:s,s:o,s:f,s:i,s:o,s:s,s:o,s:i}", "subject", subject->name,
                     "subject_version", subject->version, "parameters",
                     parameters_json(subject, search->best), "ratio", search->best_ratio, "seeds",
                     (int)seeds, "workloads", names_json(slot), "by", by, "evaluations",
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
static json_t *step_json(const struct policy_brain *brain, struct session_slot *slot,
                         const struct candidate *shared, const json_t *json)
{
    const struct search *search = &slot->search;
    if (!isfinite(search->best_ratio))
        return NULL;
    bool kept = json && parameters_same(search->subject, search->best, shared->parameters);
    const char *by = kept && shared->by[0] ? shared->by : brain->ai_id;
    json_t *result = slot_json(brain, slot, by, json);
    if (kept)
        reviews_keep(result, json);
    words_copy(slot->by, by);
    memcpy(slot->last, search->best, sizeof slot->last);
    slot->measured = true;
    return result;
}

/* Whether only this AI has searched, and the candidate, which is its own and has its true ratio, was reviewed: then it stands. */
static bool slot_waits(const struct policy_brain *brain, const struct session_slot *slot,
                       const struct candidate *shared, const json_t *json)
{
    const struct search *search = &slot->search;
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
    struct session_slot *slot = slot_find(brain, session->id);
    if (json || !slot || !slot->search.cmaes) /* else nothing usable is shared, but it has begun */
        slot = slot_open(brain, session->id, shared, stop);
    if (!slot)
        return NULL;
    slot->shared |= json && others_searched(brain, shared, json);
    if (slot_waits(brain, slot, shared, json))
        return json_deep_copy(json);
    unsigned spent = candidate_spent(json);
    unsigned left = spent < SESSION_BUDGET ? SESSION_BUDGET - spent : 0;
    search_run(&slot->search, &slot->panel, evaluations < left ? evaluations : left, stop);
    return step_json(brain, slot, shared, json);
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
static json_t *ratios_json(const struct session_slot *slot)
{
    json_t *ratios = json_object();
    for (size_t i = 0; ratios && i < slot->panel.count; i++) {
        double ratio = evaluation_set_score(slot->panel.sets[i], slot->search.best).ratio;
        json_object_set_new(ratios, slot->names[i], json_real(ratio));
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
    struct session_slot *slot = slot_open(brain, session->id, &shared, stop);
    if (!slot || !isfinite(slot->search.best_ratio))
        return NULL;
    const struct search *search = &slot->search;
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
        subject->cost, "synthetic", 1, "ratio_session", search->best_ratio, "session_seeds",
        (int)(slot->panel.count * evaluation_set_size(slot->panel.sets[0])), "ratios",
        ratios_json(slot), "workloads", names_json(slot), "evaluations",
        spent_json(brain->ai_id, search->evaluations, candidate), "optimiser", "cma-es");
    if (claim && kept)
        reviews_keep(claim, candidate);
    return claim;
}

/* Takes the session's best to where it is compared with all else. True when it is better than what this AI had. */
static bool slot_learn(struct policy_brain *brain, const struct session_slot *slot)
{
    struct search *search = &brain->search;
    struct bench *bench = policy_bench(brain, brain->subject);
    struct known known = {.tried = true};
    words_copy(known.author, slot->by[0] ? slot->by : brain->ai_id);
    snprintf(known.id, sizeof known.id, "session:%s", slot->id);
    memcpy(known.parameters, slot->search.best, sizeof known.parameters);
    if (bench_peer(brain, bench) == 0) {
        known.ratio_own = evaluation_set_score(bench->peer, known.parameters).ratio;
        cross_add(&bench->cross, brain->subject, &known);
    }
    double ratio = objective_ratio(&brain->train, known.parameters);
    search->evaluations++;
    if (!(ratio < search->best_ratio))
        return false;
    if (slot->shared)
        policy_meet(brain);
    search_offer(search, known.parameters, ratio);
    if (slot->shared)
        policy_take(brain, known.author, known.id);
    /* Its own last step, on what the others had found. */
    for (size_t i = 0;
         slot->shared && strcmp(known.author, brain->ai_id) == 0 && i < slot->panel.count; i++)
        policy_credit(brain, slot->names[i]);
    return true;
}

bool policy_forget(void *state, const char *session_id, brain_stop *stop)
{
    struct policy_brain *brain = state;
    struct session_slot *slot = slot_find(brain, session_id);
    if (!slot)
        return false;
    bool better = brain->subject && slot->search.subject == brain->subject &&
                  isfinite(slot->search.best_ratio) && !atomic_load(stop) &&
                  policy_begin(brain, stop) == 0 && slot_learn(brain, slot);
    policy_session_free(slot);
    return better;
}
