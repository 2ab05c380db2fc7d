/* The workloads of the policy brain: which of them, and what others do on them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "brain/policy/parts.h"
#include "brain/words.h"

struct bench *policy_bench(struct policy_brain *brain, const struct subject *subject)
{
    size_t count;
    const struct subject *const *all = subjects(&count);
    for (size_t i = 0; i < count && i < SUBJECTS_MAX; i++)
        if (all[i] == subject) {
            struct bench *bench = &brain->benches[i];
            if (!bench->subject) {
                bench->subject = subject;
                words_copy(bench->cross.workloads[0].ai_id, brain->ai_id);
                bench->cross.workload_count = 1;
            }
            return bench;
        }
    abort(); /* subjects come from the table, never from a peer */
}

struct evaluation_set *policy_exam(const struct policy_brain *brain, const struct subject *subject,
                                   const char *kind, size_t seeds)
{
    char split[SPLIT_SIZE];
    snprintf(split, sizeof split, "%s/%s", kind, brain->ai_id);
    return evaluation_set_new(subject, split, seeds);
}

int bench_peer(struct policy_brain *brain, struct bench *bench)
{
    if (!bench->peer)
        bench->peer = policy_exam(brain, bench->subject, "peer", PEER_SEEDS);
    return bench->peer ? 0 : -1;
}

void yardstick_measure(const struct subject *subject, const struct evaluation_set *exam,
                       struct yardstick *ret_yardstick)
{
    struct yardstick yardstick = {.textbook_cost = evaluation_set_baseline(exam, 0).cost,
                                  .bound_ratio = evaluation_set_bound(exam).ratio,
                                  .practice_ratio = HUGE_VAL};
    for (int i = 1; i < subject->baseline_count; i++) {
        double ratio = evaluation_set_baseline(exam, i).ratio;
        if (ratio < yardstick.practice_ratio) {
            yardstick.practice_ratio = ratio;
            yardstick.practice = subject->baseline_names[i];
        }
    }
    *ret_yardstick = yardstick;
}

bool nonce_valid(const char *nonce)
{
    return nonce && strlen(nonce) == NONCE_LENGTH &&
           strspn(nonce, "0123456789abcdef") == NONCE_LENGTH;
}

void trial_end(struct trial *trial)
{
    evaluation_set_free(trial->exam);
    *trial = (struct trial){0};
}

struct trial *policy_trial(struct policy_brain *brain, const struct subject *subject,
                           const char *nonce, size_t seeds)
{
    struct trial *trial = &brain->trial;
    if (trial->subject == subject && evaluation_set_size(trial->exam) == seeds &&
        strcmp(trial->nonce, nonce) == 0)
        return trial;
    trial_end(trial);
    char split[SPLIT_SIZE];
    snprintf(split, sizeof split, "test/%s", nonce);
    trial->exam = evaluation_set_new(subject, split, seeds);
    if (!trial->exam)
        return NULL;
    trial->subject = subject;
    snprintf(trial->nonce, sizeof trial->nonce, "%s", nonce);
    return trial;
}

const struct yardstick *trial_yardstick(struct trial *trial)
{
    if (!trial->compared)
        yardstick_measure(trial->subject, trial->exam, &trial->yardstick);
    trial->compared = true;
    return &trial->yardstick;
}
