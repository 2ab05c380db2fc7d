/* Collaboration across subjects: there is nothing in common to search for, so the partner verifies
 * and reviews.
 *
 * It runs the candidate on the workloads that its ratio is said to be of, and on fresh ones that
 * follow from the session's name, its own and its salt; renders the component, compiles it, runs
 * it; and says in one sentence what came of it. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "brain/policy/candidate.h"
#include "brain/policy/parts.h"
#include "brain/words.h"

double candidate_ratio_on(const struct candidate *candidate, size_t which, size_t seeds)
{
    char split[SPLIT_SIZE];
    snprintf(split, sizeof split, "train/%s", candidate->names[which]);
    struct evaluation_set *set = evaluation_set_new(candidate->subject, split, seeds);
    double ratio = set ? evaluation_set_score(set, candidate->parameters).ratio : nan("");
    evaluation_set_free(set);
    return ratio;
}

/* The mean over the workloads of those it names. NAN: out of memory. */
static double ratio_on_workloads(const struct candidate *candidate)
{
    double sum = 0;
    for (size_t i = 0; i < candidate->name_count; i++)
        sum += candidate_ratio_on(candidate, i, session_seeds(candidate->name_count));
    return sum / (double)candidate->name_count;
}

static json_t *review_json(const struct score *score, const char *split, double claimed,
                           double measured, const struct module *module)
{
    bool true_ratio = numbers_agree(claimed, measured);
    bool holds = true_ratio && module->outcome != MODULE_DIFFERS;
    char text[400], ratio[120] = "";
    if (!true_ratio)
        snprintf(ratio, sizeof ratio, " (the partners' workloads give %.4f, and %.4f was claimed)",
                 measured, claimed);
    snprintf(text, sizeof text,
             "%.3f ± %.3f of the textbook's cost on %zu fresh workloads%s; its C: %s", score->ratio,
             score->ci95, score->seeds, ratio, module->text);
    return json_pack("{s:f,s:f,s:i,s:s,s:b,s:s,s:s}", "ratio", score->ratio, "ci95", score->ci95,
                     "n", (int)score->seeds, "split", split, "holds", holds, "module", module->text,
                     "text", text);
}

/* NULL when stopped or out of memory. */
static json_t *review_make(struct policy_brain *brain, const char *session_id, const json_t *json,
                           const struct candidate *candidate, brain_stop *stop)
{
    char split[SPLIT_SIZE], shown[SPLIT_SIZE], session[AI_ID_MAX + 1];
    words_copy(session, session_id);
    snprintf(split, sizeof split, "review/%s/%s", session, brain->peer);
    snprintf(shown, sizeof shown, "review/%s/%s", session, brain->peer_shown);
    double measured = ratio_on_workloads(candidate);
    struct evaluation_set *set =
        atomic_load(stop) ? NULL : evaluation_set_new(candidate->subject, split, REVIEW_SEEDS);
    if (!set)
        return NULL;
    struct score score = evaluation_set_score(set, candidate->parameters);
    evaluation_set_free(set);
    const struct module *module =
        policy_module(brain, candidate->subject, candidate->parameters, split, stop);
    if (atomic_load(stop) || isnan(measured))
        return NULL;
    return review_json(&score, shown, candidate_ratio(json), measured, module);
}

/* This AI's review of just these parameters; made when there is none yet. NULL when stopped or
 * out of memory. */
static json_t *review_of(struct policy_brain *brain, const char *session_id, const json_t *json,
                         const struct candidate *candidate, brain_stop *stop)
{
    struct joint_search *joint = joint_find(brain, session_id);
    if (joint && joint->review && joint->reviewed == candidate->subject &&
        joint->claimed == candidate_ratio(json) &&
        parameters_same(candidate->subject, joint->last, candidate->parameters))
        return joint->review;
    json_t *review = review_make(brain, session_id, json, candidate, stop);
    if (!review)
        return NULL;
    if (joint)
        joint_free(joint);
    else
        joint = joint_take(brain);
    words_copy(joint->id, session_id);
    joint->used = ++brain->session_clock;
    joint->review = review;
    joint->reviewed = candidate->subject;
    joint->claimed = candidate_ratio(json);
    memcpy(joint->last, candidate->parameters, sizeof joint->last);
    return review;
}

int policy_review(struct policy_brain *brain, const char *session_id, const json_t *json,
                  const struct candidate *candidate, brain_stop *stop, json_t **ret_candidate)
{
    json_t *result = json_deep_copy(json);
    json_t *review = review_of(brain, session_id, json, candidate, stop);
    json_t *reviews = json_object_get(result, "reviews");
    if (review && !json_equal(json_object_get(reviews, brain->ai_id), review)) {
        reviews = candidate_reviews(json);
        json_object_set_new(reviews, brain->ai_id, json_deep_copy(review));
        json_object_set_new(result, "reviews", reviews);
    }
    if (!result)
        return -1;
    *ret_candidate = result;
    return 0;
}
