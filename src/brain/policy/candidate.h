/* The shared candidate of a session, as it lies in the workspace under "candidate":
 *
 *     {"subject", "subject_version", "parameters": {name: value},
 *      "ratio": on the workloads of all named in "workloads": [AI, …],
 *      "by": AI that found it, "evaluations": {AI: how many it has spent}, "budget",
 *      "reviews": {AI: {"ratio", "ci95", "n", "split", "holds", "module", "text"}}}
 *
 * Partners of its subject search on from it, and stand in "evaluations"; the others review it, and
 * stand in "reviews". It may come from anyone, so nothing here trusts it. */
#ifndef KHUB_BRAIN_POLICY_CANDIDATE_H
#define KHUB_BRAIN_POLICY_CANDIDATE_H

#include <jansson.h>
#include <stdbool.h>

/* Evaluations that one AI says it has spent: 0..SESSION_BUDGET, 0 for anything odd. */
unsigned candidate_evaluations(const json_t *candidate, const char *ai_id);
/* Of all AIs together, at most SESSION_BUDGET. */
unsigned candidate_spent(const json_t *candidate);
/* Whether only one AI searched, and another has reviewed what it found: then there is nothing in
 * common to search for. */
bool candidate_reviewed(const json_t *candidate);
/* The share of the work that is done, 0..1: of the reviews when it is reviewed, else of the
 * budget. */
double candidate_progress(const json_t *candidate);
/* The ratio it says it has; 0 when it says none. */
double candidate_ratio(const json_t *candidate);
/* What an AI's review says in words; "": nothing. Borrowed from the candidate. */
const char *candidate_review_text(const json_t *candidate, const char *ai_id);
/* Takes out the reviews that `writer` gave in another's name, but for those that were there
 * `before`, of the same parameters. */
void candidate_disown(json_t *candidate, const char *writer, const json_t *before);
/* What can be used of its reviews: bounded, with the members above and no others. NULL when out
 * of memory. */
json_t *candidate_reviews(const json_t *candidate);

#endif
