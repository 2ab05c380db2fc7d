/* What an AI finds, and what others share: a subject's parameters, or the C of a whole module.
 *
 * A module runs in the probe's sandbox and nowhere else, whoever wrote it. So measuring it may fail
 * for a reason that says nothing of it (no compiler, no sandbox, no memory): probe_judged() tells
 * the two apart. */
#ifndef KHUB_BRAIN_POLICY_SOLUTION_H
#define KHUB_BRAIN_POLICY_SOLUTION_H

#include <jansson.h>

#include "probe/probe.h"

struct solution {
    json_t *source; /* a string; NULL: it is parameters. Shared by copies */
    double parameters[SUBJECT_PARAMETERS_MAX];
};

/* Parameters; nothing to free. */
struct solution solution_of(const struct subject *subject, const double *parameters);
/* Takes the place of what was there. */
void solution_copy(struct solution *solution, const struct solution *other);
void solution_free(struct solution *solution);
bool solution_same(const struct subject *subject, const struct solution *a,
                   const struct solution *b);
/* What a claim is of: its parameters, or without any its source. To be freed. 1 after a sentence:
 * it is none that can be run; -1: out of memory. */
int solution_read(const struct subject *subject, const json_t *thing, struct solution *ret_solution,
                  char *ret_why, size_t size);
/* {"parameters": {…}}, or {"source", "language"}; the caller's, with a text of its own. NULL when
 * out of memory. */
json_t *solution_json(const struct subject *subject, const struct solution *solution);
/* Runs it on these sets of workloads, a report for each; of parameters PROBE_RAN or PROBE_FAILED.
 * A ratio of what ran is finite. */
void solution_measure(const struct subject *subject, const struct solution *solution,
                      struct evaluation_set *const *sets, size_t count, const atomic_bool *stop,
                      struct probe_report *ret_reports);

#endif
