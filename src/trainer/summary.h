/* What a node did, counted and told: a table for people, JSON for programs. */
#ifndef KHUB_TRAINER_SUMMARY_H
#define KHUB_TRAINER_SUMMARY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "trainer/brain.h"

/* X(group, name, label) in the order in which they are shown */
#define SUMMARY_COUNTS(X)                                                                          \
    X(patterns, shared, "patterns shared")                                                         \
    X(patterns, received, "patterns received")                                                     \
    X(patterns, checked, "patterns checked by running them")                                       \
    X(patterns, refuted, "  of these: claim did not hold")                                         \
    X(patterns, taken_in, "  of these: taken in")                                                  \
    X(components, shared, "components shared")                                                     \
    X(components, received, "components received")                                                 \
    X(components, checked, "components checked by running them")                                   \
    X(components, refuted, "  of these: claim did not hold")                                       \
    X(components, taken_in, "  of these: taken in")                                                \
    X(reports, sent, "performance reports sent")                                                   \
    X(reports, confirmed, "own claims that others confirmed")                                      \
    X(reports, refuted, "own claims that others refuted")                                          \
    X(sessions, requested, "collaborations requested")                                             \
    X(sessions, accepted, "collaborations accepted")                                               \
    X(sessions, declined, "collaborations declined")                                               \
    X(sessions, active, "sessions that became active")                                             \
    X(sessions, steps, "steps worked in them")                                                     \
    X(sessions, concluded, "sessions concluded by this AI")                                        \
    X(sessions, completed, "sessions completed")                                                   \
    X(sessions, learned, "sessions whose result was better than its own")                          \
    X(sessions, failed, "sessions failed, cancelled or abandoned")                                 \
    X(features, heard, "feature requests heard")                                                   \
    X(features, answered, "feature requests answered")                                             \
    X(link, reconnects, "reconnects")                                                              \
    X(link, messages, "messages heard")                                                            \
    X(link, skipped, "messages skipped (not to be read, or queue full)")

struct summary {
#define X(group, name, label) unsigned group##_##name;
    SUMMARY_COUNTS(X)
#undef X
};

/* What the summary tells beside the counts. */
struct summary_head {
    const char *ai_id, *specialization, *hub, *ended; /* why it ended: "time is up", "SIGINT", … */
    bool joined;
    int exit_code;
    double seconds;
};

/* {"ai_id", "specialization", "hub", "joined", "ended", "exit_code", "seconds",
 *  "training": {"subject", "subject_version", "own_subject", "cost", "synthetic", "evaluations", "ratio_train", "ratio_heldout",
 *               "ci95", "gain" (1 - ratio_heldout), "wins", "seeds", "textbook": {"name", "ratio", "cost"},
 *               "best_practice": {"name", "ratio"} or null, "bound_ratio", "gap_closed"},
 *  and a group of counts each for "patterns", "components", "reports", "sessions", "features" and "link": {"shared": n, …}}.
 * seeds 0: nothing was measured on held-out workloads. NULL when out of memory. */
json_t *summary_json(const struct summary *summary, const struct summary_head *head,
                     const struct brain_standing *standing);
void summary_print(const struct summary *summary, const struct summary_head *head,
                   const struct brain_standing *standing, FILE *out);

#endif
