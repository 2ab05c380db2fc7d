/* The shared candidate of a session, as it lies in the workspace under "candidate":
 *
 *     {"subject", "subject_version", "parameters": {name: value}, "ratio": on the workloads of all named in
 *      "workloads": [AI, …], "by": AI that found it, "evaluations": {AI: how many it has spent}, "budget"}
 *
 * It may come from anyone, so nothing here trusts it. */
#ifndef KHUB_TRAINER_CANDIDATE_H
#define KHUB_TRAINER_CANDIDATE_H

#include <jansson.h>
#include <stdbool.h>

#define CANDIDATE_KEY "candidate"

/* Evaluations that one AI says it has spent: 0..BRAIN_SESSION_BUDGET, 0 for anything odd. */
unsigned candidate_evaluations(const json_t *candidate, const char *ai_id);
/* Of all AIs together, at most BRAIN_SESSION_BUDGET. */
unsigned candidate_spent(const json_t *candidate);
/* The share of the budget that is spent, 0..1. */
double candidate_progress(const json_t *candidate);
/* The ratio it says it has; 0 when it says none. */
double candidate_ratio(const json_t *candidate);

#endif
