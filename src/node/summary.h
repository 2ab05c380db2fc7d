/* What a node did, counted, and as JSON. */
#ifndef KHUB_NODE_SUMMARY_H
#define KHUB_NODE_SUMMARY_H

#include <jansson.h>
#include <stdbool.h>

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
    X(migrants, checked, "claims of other rooms checked by running them")                          \
    X(migrants, refuted, "  of these: claim did not hold")                                         \
    X(migrants, taken_in, "  of these: taken in")                                                  \
    X(claims, committed, "claims committed to")                                                    \
    X(claims, proved, "  proved on the hub's nonce, and published")                                \
    X(claims, confirmed, "  of these: confirmed by two others")                                    \
    X(claims, refuted, "  of these: refuted by two others")                                        \
    X(claims, contested, "  of these: contested")                                                  \
    X(reports, sent, "performance reports sent")                                                   \
    X(reports, confirmed, "reports that an own claim holds")                                       \
    X(reports, refuted, "reports that an own claim does not hold")                                 \
    X(sessions, requested, "collaborations requested")                                             \
    X(sessions, accepted, "collaborations accepted")                                               \
    X(sessions, declined, "collaborations declined")                                               \
    X(sessions, active, "sessions that became active")                                             \
    X(sessions, steps, "steps of search in them")                                                  \
    X(sessions, reviews, "reviews given in them")                                                  \
    X(sessions, concluded, "sessions concluded by this AI")                                        \
    X(sessions, completed, "sessions completed")                                                   \
    X(sessions, learned, "sessions whose result was better than its own")                          \
    X(sessions, failed, "sessions failed, cancelled or abandoned")                                 \
    X(features, heard, "feature requests heard")                                                   \
    X(features, answered, "feature requests answered")                                             \
    X(features, declined, "feature requests declined")                                             \
    X(link, reconnects, "reconnects")                                                              \
    X(link, messages, "messages heard")                                                            \
    X(link, skipped, "messages skipped (unreadable, or queue full)")

struct summary {
#define X(group, name, label) unsigned group##_##name;
    SUMMARY_COUNTS(X)
#undef X
};

/* What the summary tells beside the counts. */
struct summary_head {
    const char *ai_id, *specialization, *hub;
    const char *ended; /* why: "time is up", "SIGINT", …; NULL: it still runs */
    bool joined;
    int exit_code;
    double seconds;
};

/* {"ai_id", "specialization", "hub", "joined", "ended" and "exit_code" (null while it runs),
 * "seconds", "training": the brain's own, "learned": what it would use, with its parameters and its
 * source, or null (both consumed), and a group of counts each for "patterns", "components",
 * "migrants", "claims", "reports", "sessions", "features" and "link": {"shared": n, …}}. NULL when
 * out of memory. */
json_t *summary_json(const struct summary *summary, const struct summary_head *head,
                     json_t *training, json_t *learned);

#endif
