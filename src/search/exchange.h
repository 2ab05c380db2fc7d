/* What a searcher outside is told and answers, as JSON (docs/SEARCH.md): the same for a program on
 * stdin and stdout and for a language model. What comes from outside may be anything. */
#ifndef KHUB_SEARCH_EXCHANGE_H
#define KHUB_SEARCH_EXCHANGE_H

#include <jansson.h>

#include "search/model.h"
#include "search/trial.h"

/* Each is the caller's; NULL when out of memory. */

/* {"type": "subject", …}: what is searched. seed: for its luck, so that a run can be made again. */
json_t *exchange_subject(const struct subject *subject, uint64_t seed, uint64_t budget);
/* {"type": "ask", "at_most", "left", "archive": […]}. */
json_t *exchange_ask(const struct subject *subject, const struct trial *const *elites, size_t count,
                     size_t most, uint64_t left);
/* {"type": "told", "results": […]}, from the answers of exchange_take, which it takes over, with
 * what came of the trials in the places of their nulls. */
json_t *exchange_told(json_t *answers, const struct trial *trials, size_t count);
/* One trial with what came of it: {"parameters" or "source", "ratio", "worst", "bytes",
 * "workloads"}, or {…, "refused": why}. */
json_t *exchange_trial(const struct subject *subject, const struct trial *trial);

/* {"requests", "repeated", "tokens_in", "tokens_out", "cost"}; null when nobody was asked. */
json_t *exchange_spent(const struct model_spent *spent);

/* Reads {"candidates": […]}: those that can be run go to ret_trials (at most `most`), each with a
 * null appended to `answers`; for one that can't, {"refused": why} is appended. Returns how many
 * can; -1 when out of memory. */
int exchange_take(const struct subject *subject, const json_t *answer, size_t most,
                  struct trial *ret_trials, json_t *answers);

#endif
