/* What everybody shares who measures: trainers that claim and check (brain/), people (`khub
 * measure`, `khub kb top`), and programs with include/khub_measure.h, which measure.c is behind.
 * Which workloads follow from a nonce is said here alone. */
#ifndef KHUB_POLICY_MEASURE_H
#define KHUB_POLICY_MEASURE_H

#include "khub_measure.h"
#include "policy/optimise/evaluation.h"

#define NONCE_LENGTH    32u
#define CLAIM_WORKLOADS 64u  /* on which a claim is measured */
#define PEER_WORKLOADS  16u  /* an AI's own, on which it measures what others send */
#define PEER_ID_MAX     128u /* bytes of an AI's id */
#define PEER_SALT_MAX   32u
#define PEER_NAME_MAX   (PEER_ID_MAX + 1 + PEER_SALT_MAX) /* with "/" and its salt */
#define CLAIM_TOLERANCE 1e-9                              /* relative */
/* The profile of who measured on data that it keeps to itself. */
#define PRIVATE_PROFILE "private trace"

/* 32 lower-case hex digits, as the hub gives them. NULL is none. */
bool nonce_valid(const char *nonce);
/* The split of a nonce's workloads, "test/<nonce>". */
#define NONCE_SPLIT_SIZE (NONCE_LENGTH + 8)
void nonce_split(const char *nonce, char ret_split[NONCE_SPLIT_SIZE]);
/* The workloads of a valid nonce. To be freed; NULL when out of memory. */
struct evaluation_set *nonce_workloads(const struct subject *subject, const char *nonce,
                                       size_t seeds);
/* Those on which that AI measures what others send, "ada/" and its salt, or "ada" of one that has
 * none: at most PEER_NAME_MAX bytes. */
struct evaluation_set *peer_workloads(const struct subject *subject, const char *peer,
                                      size_t seeds);

/* Whether what was claimed is what was measured; NAN agrees with nothing. */
bool numbers_agree(double claimed, double measured);

/* What others do on a set of workloads, and what nobody can beat: what stands beside a score. */
struct baselines {
    double textbook_cost, practice_ratio, bound_ratio;
    const char *practice; /* NULL: no practice but the textbook's */
};
void baselines_measure(const struct subject *subject, const struct evaluation_set *set,
                       struct baselines *ret_baselines);

/* What a question is about, whoever decides on its workloads; its parameters are not looked at. 0,
 * or KHUB_E_ARGUMENT after a sentence. */
int question_check(const struct khub_question *question, const struct subject **ret_subject,
                   char ret_why[KHUB_WHY_SIZE]);
/* The workloads of a question that is in order. To be freed; NULL when out of memory. */
struct evaluation_set *question_workloads(const struct khub_question *question,
                                          const struct subject *subject);
/* A score on these workloads, beside what others do there. 0 or KHUB_E_NO_MEMORY. */
int score_beside(const struct score *score, const struct subject *subject,
                 const struct evaluation_set *set, struct khub_measured *ret_measured);

/* Parameters that anybody gave, put in the subject's order. 0, or -1 and a sentence on what is
 * wrong, which names the parameter, its value and its range. */
int parameters_take(const struct subject *subject, const struct khub_parameter *given, size_t count,
                    double *ret_parameters, char *ret_why, size_t size);

#endif
