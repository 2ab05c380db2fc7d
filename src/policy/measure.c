#include "policy/measure.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

bool nonce_valid(const char *nonce)
{
    return nonce && strlen(nonce) == NONCE_LENGTH &&
           strspn(nonce, "0123456789abcdef") == NONCE_LENGTH;
}

void nonce_split(const char *nonce, char ret_split[NONCE_SPLIT_SIZE])
{
    snprintf(ret_split, NONCE_SPLIT_SIZE, "test/%.*s", (int)NONCE_LENGTH, nonce);
}

struct evaluation_set *nonce_workloads(const struct subject *subject, const char *nonce,
                                       size_t seeds)
{
    char split[NONCE_SPLIT_SIZE];
    nonce_split(nonce, split);
    return evaluation_set_new(subject, split, seeds);
}

struct evaluation_set *peer_workloads(const struct subject *subject, const char *peer, size_t seeds)
{
    char split[PEER_NAME_MAX + 8];
    snprintf(split, sizeof split, "peer/%s", peer);
    return evaluation_set_new(subject, split, seeds);
}

bool numbers_agree(double claimed, double measured)
{
    return isfinite(measured) &&
           fabs(claimed - measured) <= CLAIM_TOLERANCE * fmax(fabs(claimed), fabs(measured));
}

void baselines_measure(const struct subject *subject, const struct evaluation_set *set,
                       struct baselines *ret_baselines)
{
    struct baselines baselines = {.textbook_cost = evaluation_set_baseline(set, 0).cost,
                                  .bound_ratio = evaluation_set_bound(set).ratio,
                                  .practice_ratio = HUGE_VAL};
    for (int i = 1; i < subject->baseline_count; i++) {
        double ratio = evaluation_set_baseline(set, i).ratio;
        if (ratio < baselines.practice_ratio) {
            baselines.practice_ratio = ratio;
            baselines.practice = subject->baseline_names[i];
        }
    }
    *ret_baselines = baselines;
}

/* The index of the subject's parameter of that name; -1: none has it. */
static int parameter_index(const struct subject *subject, const char *name)
{
    for (int i = 0; i < subject->parameter_count; i++)
        if (strcmp(subject->parameters[i].name, name) == 0)
            return i;
    return -1;
}

int parameters_take(const struct subject *subject, const struct khub_parameter *given, size_t count,
                    double *ret_parameters, char *ret_why, size_t size)
{
    double taken[SUBJECT_PARAMETERS_MAX];
    bool there[SUBJECT_PARAMETERS_MAX] = {false};
    for (size_t i = 0; i < count; i++) {
        int at = parameter_index(subject, given[i].name);
        const struct parameter *p = at < 0 ? NULL : &subject->parameters[at];
        if (!p || there[at]) {
            snprintf(ret_why, size,
                     p ? "parameter %.64s of %s stands twice" : "'%.64s' is no parameter of %s",
                     given[i].name, subject->name);
            return -1;
        }
        if (!(given[i].value >= p->low && given[i].value <= p->high)) {
            snprintf(ret_why, size, "parameter %s is %.17g, which is outside %g..%g", p->name,
                     given[i].value, p->low, p->high);
            return -1;
        }
        taken[at] = given[i].value;
        there[at] = true;
    }
    for (int i = 0; i < subject->parameter_count; i++)
        if (!there[i]) {
            snprintf(ret_why, size, "parameter %s of %s is missing", subject->parameters[i].name,
                     subject->name);
            return -1;
        }
    memcpy(ret_parameters, taken, (size_t)subject->parameter_count * sizeof *taken);
    return 0;
}

/* ── include/khub_measure.h ── */

static int wrong(char *ret_why, const char *sentence)
{
    snprintf(ret_why, KHUB_WHY_SIZE, "%s", sentence);
    return KHUB_E_ARGUMENT;
}

/* The subject that is asked about; NULL after a sentence. */
static const struct subject *subject_asked(const struct khub_question *question, char *ret_why)
{
    const char *name = question->subject ? question->subject : "";
    const char *version = question->subject_version;
    const struct subject *subject = subject_find(name);
    if (!subject) {
        snprintf(ret_why, KHUB_WHY_SIZE, "no subject is called '%.64s'", name);
        return NULL;
    }
    const struct subject *found = version ? subject_of_version(name, version) : subject;
    if (found)
        return found;
    snprintf(ret_why, KHUB_WHY_SIZE, "version '%.64s' of %s is not built in here, but '%s'",
             version, name, subject->version);
    return NULL;
}

/* 0, or an error after a sentence. */
static int check_workloads(const struct khub_question *question, char *ret_why)
{
    if (!question->nonce == !question->peer)
        return wrong(ret_why, "either a nonce or a peer says which workloads, and not both");
    if (question->nonce && !nonce_valid(question->nonce)) {
        snprintf(ret_why, KHUB_WHY_SIZE, "a nonce is %u lower-case hex digits, unlike '%.64s'",
                 NONCE_LENGTH, question->nonce);
        return KHUB_E_ARGUMENT;
    }
    if (question->peer && (!*question->peer || strlen(question->peer) > PEER_NAME_MAX)) {
        snprintf(ret_why, KHUB_WHY_SIZE, "a peer's id with its salt has 1 to %u bytes, and not %zu",
                 PEER_NAME_MAX, strlen(question->peer));
        return KHUB_E_ARGUMENT;
    }
    if (question->workloads > 0 &&
        (question->workloads < KHUB_WORKLOADS_MIN || question->workloads > KHUB_WORKLOADS_MAX)) {
        snprintf(ret_why, KHUB_WHY_SIZE, "%zu workloads: it must be between %d and %d",
                 question->workloads, KHUB_WORKLOADS_MIN, KHUB_WORKLOADS_MAX);
        return KHUB_E_ARGUMENT;
    }
    return 0;
}

int question_check(const struct khub_question *question, const struct subject **ret_subject,
                   char ret_why[KHUB_WHY_SIZE])
{
    const struct subject *subject = subject_asked(question, ret_why);
    if (!subject || check_workloads(question, ret_why) < 0)
        return KHUB_E_ARGUMENT;
    *ret_subject = subject;
    return 0;
}

struct evaluation_set *question_workloads(const struct khub_question *question,
                                          const struct subject *subject)
{
    size_t preset = question->nonce ? CLAIM_WORKLOADS : PEER_WORKLOADS;
    size_t count = question->workloads > 0 ? question->workloads : preset;
    return question->nonce ? nonce_workloads(subject, question->nonce, count)
                           : peer_workloads(subject, question->peer, count);
}

int score_beside(const struct score *score, const struct subject *subject,
                 const struct evaluation_set *set, struct khub_measured *ret_measured)
{
    struct baselines beside;
    baselines_measure(subject, set, &beside);
    if (isnan(score->ratio) || isnan(beside.bound_ratio) || isnan(beside.textbook_cost))
        return KHUB_E_NO_MEMORY;
    *ret_measured =
        (struct khub_measured){.subject = subject->name,
                               .subject_version = subject->version,
                               .workloads = score->seeds,
                               .wins = score->wins,
                               .ratio = score->ratio,
                               .ci95 = score->ci95,
                               .cost = score->cost,
                               .bound_ratio = beside.bound_ratio,
                               .gap_closed = gap_closed(score->ratio, beside.bound_ratio),
                               .baseline = subject->baseline_names[0],
                               .baseline_cost = beside.textbook_cost,
                               .practice = beside.practice,
                               .practice_ratio = beside.practice_ratio};
    return 0;
}

int khub_measure(const struct khub_question *question, struct khub_measured *ret_measured,
                 char ret_why[KHUB_WHY_SIZE])
{
    double parameters[SUBJECT_PARAMETERS_MAX];
    const struct subject *subject;
    if (question_check(question, &subject, ret_why) < 0 ||
        parameters_take(subject, question->parameters, question->parameter_count, parameters,
                        ret_why, KHUB_WHY_SIZE) < 0)
        return KHUB_E_ARGUMENT;
    struct evaluation_set *set = question_workloads(question, subject);
    if (!set)
        return KHUB_E_NO_MEMORY;
    struct score score = evaluation_set_score(set, parameters);
    int result = score_beside(&score, subject, set, ret_measured);
    evaluation_set_free(set);
    return result;
}
