/* Collaboration: partners search on from one shared candidate, each in turn, on the workloads of all of them.
 *
 * Workloads follow from the AIs' names, so every partner gets the same ratio for the same parameters, to the bit: a candidate
 * that another wrote is run before it is believed, the best of both is kept, and no order of writes can make it worse. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trainer/brain_policy.h"
#include "trainer/candidate.h"
#include "trainer/capabilities.h"
#include "trainer/words.h"

#define SESSION_SEEDS     12u /* over all partners; each has its share */
#define SESSION_SEEDS_MIN 2u  /* of each */
#define TYPE_BYTES_MAX    64u

struct candidate {
    const struct subject *subject;
    double parameters[SUBJECT_PARAMETERS_MAX];
    char names[BRAIN_CONTRIBUTORS_MAX][AI_ID_MAX + 1]; /* whose workloads */
    size_t name_count;
    char by[AI_ID_MAX + 1];
};

static int names_read(const json_t *array, struct candidate *candidate)
{
    size_t count = json_array_size(array);
    if (count < 1 || count > BRAIN_CONTRIBUTORS_MAX)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const json_t *name = json_array_get(array, i);
        size_t length = json_string_length(name);
        if (!json_is_string(name) || length < 1 || length > AI_ID_MAX)
            return -1;
        memcpy(candidate->names[i], json_string_value(name), length + 1);
    }
    candidate->name_count = count;
    return 0;
}

static int candidate_read(const json_t *json, struct candidate *ret_candidate)
{
    char why[128];
    struct candidate candidate = {.subject = member_subject(json)};
    const char *by = member_string(json, "by", AI_ID_MAX);
    if (!candidate.subject || names_read(json_object_get(json, "workloads"), &candidate) < 0 ||
        parameters_read(candidate.subject, json_object_get(json, "parameters"),
                        candidate.parameters, why, sizeof why) < 0)
        return -1;
    words_cut(by ? by : "", candidate.by, sizeof candidate.by);
    *ret_candidate = candidate;
    return 0;
}

/* The candidate with which this AI opens a session: the best it has in its own subject. */
static void candidate_open(const struct policy_brain *brain, const struct brain_session *session,
                           struct candidate *ret_candidate)
{
    struct candidate candidate = {.subject = brain->subject,
                                  .name_count = session->participant_count};
    for (size_t i = 0; i < session->participant_count; i++)
        words_cut(session->participants[i], candidate.names[i], sizeof candidate.names[i]);
    for (int i = 0; i < brain->subject->parameter_count; i++)
        candidate.parameters[i] = brain->subject->parameters[i].textbook;
    if (isfinite(brain->search.best_ratio))
        memcpy(candidate.parameters, brain->search.best, sizeof candidate.parameters);
    words_cut(brain->ai_id, candidate.by, sizeof candidate.by);
    *ret_candidate = candidate;
}

void policy_session_free(struct session_slot *slot)
{
    panel_free(&slot->panel);
    search_end(&slot->search);
    *slot = (struct session_slot){0};
}

static struct session_slot *slot_find(struct policy_brain *brain, const char *id)
{
    for (size_t i = 0; i < BRAIN_SESSIONS_MAX; i++)
        if (brain->slots[i].id[0] && strcmp(brain->slots[i].id, id) == 0)
            return &brain->slots[i];
    return NULL;
}

static struct session_slot *slot_take(struct policy_brain *brain)
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
    size_t each = SESSION_SEEDS / candidate->name_count;
    each = each < SESSION_SEEDS_MIN ? SESSION_SEEDS_MIN : each;
    for (; slot->panel.count < candidate->name_count; slot->panel.count++) {
        size_t i = slot->panel.count;
        snprintf(split, sizeof split, "train/%s", candidate->names[i]);
        slot->panel.exams[i] = exam_new(candidate->subject, split, each);
        if (!slot->panel.exams[i]) {
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

/* This AI's search for a session, on the candidate's subject and workloads. NULL when out of memory. */
static struct session_slot *slot_open(struct policy_brain *brain, const char *id,
                                      const struct candidate *candidate)
{
    struct session_slot *slot = slot_find(brain, id);
    if (!slot || !slot_fits(slot, candidate)) {
        if (slot)
            policy_session_free(
                slot); /* work on another subject or other workloads is no part of it */
        else
            slot = slot_take(brain);
        if (slot_build(slot, brain->ai_id, id, candidate) < 0)
            return NULL;
    }
    slot->used = ++brain->session_clock;
    return slot;
}

/* Runs the shared candidate on all partners' workloads, unless this AI has just done so. */
static void slot_join(struct session_slot *slot, const struct candidate *candidate)
{
    size_t bytes = (size_t)candidate->subject->parameter_count * sizeof *candidate->parameters;
    if (slot->measured && memcmp(slot->last, candidate->parameters, bytes) == 0)
        return;
    search_try(&slot->search, &slot->panel, candidate->parameters);
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
    size_t seeds = slot->panel.count * exam_size(slot->panel.exams[0]);
    return json_pack("{s:s,s:s,s:o,s:f,s:i,s:o,s:s,s:o,s:i}", "subject", subject->name,
                     "subject_version", subject->version, "parameters",
                     parameters_json(subject, search->best), "ratio", search->best_ratio, "seeds",
                     (int)seeds, "workloads", names_json(slot), "by", by, "evaluations",
                     spent_json(brain->ai_id, search->evaluations, shared), "budget",
                     (int)BRAIN_SESSION_BUDGET);
}

int policy_collaborate(void *state, const struct brain_session *session, const json_t *candidate,
                       unsigned evaluations, brain_stop *stop, json_t **ret_candidate,
                       double *ret_progress)
{
    struct policy_brain *brain = state;
    struct candidate shared;
    struct session_slot *slot = slot_find(brain, session->id);
    bool own =
        !candidate && slot; /* nothing usable is shared, but this AI has begun: its own best */
    if (!candidate)
        candidate_open(brain, session, &shared);
    else if (candidate_read(candidate, &shared) < 0)
        return -1;
    if (!own) {
        slot = slot_open(brain, session->id, &shared);
        if (!slot)
            return -1;
        slot_join(slot, &shared);
    }
    struct search *search = &slot->search;
    double before = search->best_ratio;
    unsigned spent = candidate_spent(candidate);
    unsigned left = spent < BRAIN_SESSION_BUDGET ? BRAIN_SESSION_BUDGET - spent : 0;
    search_run(search, &slot->panel, evaluations < left ? evaluations : left, stop);
    size_t bytes = (size_t)search->subject->parameter_count * sizeof *search->best;
    bool kept = !own && memcmp(search->best, shared.parameters, bytes) == 0;
    json_t *result =
        isfinite(before) || isfinite(search->best_ratio)
            ? slot_json(brain, slot, kept && shared.by[0] ? shared.by : brain->ai_id, candidate)
            : NULL;
    if (!result)
        return -1;
    memcpy(slot->last, search->best, bytes);
    slot->measured = true;
    *ret_candidate = result;
    *ret_progress = candidate_progress(result);
    return 0;
}

static json_t *participants_json(const struct brain_session *session)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < session->participant_count; i++)
        json_array_append_new(array, json_string(session->participants[i]));
    return array;
}

json_t *policy_conclude(void *state, const struct brain_session *session, const json_t *candidate,
                        brain_stop *stop)
{
    struct policy_brain *brain = state;
    struct candidate shared;
    if (candidate_read(candidate, &shared) < 0)
        return NULL;
    struct session_slot *slot = slot_open(brain, session->id, &shared);
    struct bench *bench = policy_bench(brain, shared.subject);
    if (!slot || bench_heldout(bench) < 0 || atomic_load(stop))
        return NULL;
    slot_join(slot, &shared);
    const struct search *search = &slot->search;
    if (!isfinite(search->best_ratio))
        return NULL;
    struct measured measured;
    bench_measure(bench, search->best, &measured);
    char type[TYPE_BYTES_MAX + 1], session_part[AI_ID_MAX + 8];
    words_cut(session->type, type, sizeof type);
    snprintf(session_part, sizeof session_part, "collab_%s", session->id);
    json_t *component = json_pack(
        "{s:o,s:o,s:o,s:s,s:s,s:f,s:o,s:o,s:s,s:f,s:i,s:o,s:o}", "id",
        policy_id(brain, session_part), "name",
        json_sprintf("collaborative_%s", type[0] ? type : "session"), "contributors",
        participants_json(session), "session_id", session->id, "specialization",
        brain->specialization, "development_level", fmin(fmax(measured.gap_closed, 0), 1),
        "capabilities", capabilities_json(brain->specialization), "implementation",
        implementation_json(search->subject, search->best), "language", "c11", "ratio_session",
        search->best_ratio, "session_seeds",
        (int)(slot->panel.count * exam_size(slot->panel.exams[0])), "workloads", names_json(slot),
        "evaluations", spent_json(brain->ai_id, search->evaluations, candidate));
    if (component && measured_add(component, bench, search->best, &measured) < 0) {
        json_decref(component);
        return NULL;
    }
    return component;
}

bool policy_forget(void *state, const char *session_id, brain_stop *stop)
{
    struct policy_brain *brain = state;
    struct session_slot *slot = slot_find(brain, session_id);
    if (!slot)
        return false;
    bool better = false;
    if (slot->search.subject == brain->subject && isfinite(slot->search.best_ratio) &&
        !atomic_load(stop) && policy_begin(brain) == 0) {
        double before = brain->search.best_ratio;
        better = search_try(&brain->search, &brain->train, slot->search.best) < before;
        if (better) {
            char id[PATTERN_ID_MAX];
            snprintf(id, sizeof id, "session:%s", session_id);
            policy_add_parent(brain, id);
        }
    }
    policy_session_free(slot);
    return better;
}
