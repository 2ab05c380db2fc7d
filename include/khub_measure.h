/* libkhub-measure: how good the parameters of a policy are, measured as khub's own trainers
 * measure them when they claim and when they check. It needs no hub and no link.
 *
 *     struct khub_parameter given[] = {{"mean_gain", 0.002}, …};
 *     struct khub_question question = {.subject = "audio", .nonce = challenge_nonce,
 *                                      .parameters = given, .parameter_count = 6};
 *     struct khub_measured measured;
 *     char why[KHUB_WHY_SIZE];
 *     if (khub_measure(&question, &measured, why) < 0) …
 *
 * The same question gives the same numbers, to the last bit, on every machine. No globals, no
 * threads of its own; several threads may ask at once. It takes milliseconds to seconds. */
#ifndef KHUB_MEASURE_H
#define KHUB_MEASURE_H

#include <khub.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KHUB_WHY_SIZE      256
#define KHUB_WORKLOADS_MIN 16  /* fewer prove nothing */
#define KHUB_WORKLOADS_MAX 256 /* more take too long */

struct khub_parameter {
    const char *name;
    double value;
};

/* Exactly one of nonce and peer says on which workloads (docs/PROTOCOL.md, From a nonce to
 * workloads). The rest may be zero where a default is named. */
struct khub_question {
    const char *subject;
    const char *subject_version; /* NULL: the one that is built in */
    const char *nonce;           /* of a challenge or claim: 32 lower-case hex digits */
    const char *peer;            /* "ID/SALT" of an AI: those on which it measures what others send;
                                    "ID" of one that has no salt */
    size_t workloads;            /* 0: 64 of a nonce, 16 of a peer */
    const struct khub_parameter *parameters; /* all that the subject has, in any order */
    size_t parameter_count;
};

/* Costs are in the subject's unit; a ratio is a cost divided by the textbook policy's on the same
 * workload: below 1 is better. Texts are static. */
struct khub_measured {
    const char *subject, *subject_version;
    size_t workloads, wins; /* wins: workloads on which it beat the textbook's */
    double ratio;           /* the mean: that of a measurement, and of a report */
    double ci95;            /* 1.96 standard errors of it */
    double cost;            /* mean */
    double bound_ratio;     /* no policy can be below it on these workloads */
    double gap_closed;      /* of the way from the textbook to the bound */
    const char *baseline;   /* the textbook policy's name */
    double baseline_cost;   /* its mean cost */
    const char *practice;   /* the best ordinary practice on these workloads; NULL: none known */
    double practice_ratio;
};

/* 0; KHUB_E_ARGUMENT with a sentence that names what is wrong with the question; or
 * KHUB_E_NO_MEMORY. On an error *ret_measured is left as it was. */
KHUB_PUBLIC int khub_measure(const struct khub_question *question,
                             struct khub_measured *ret_measured, char ret_why[KHUB_WHY_SIZE]);

#ifdef __cplusplus
}
#endif
#endif
