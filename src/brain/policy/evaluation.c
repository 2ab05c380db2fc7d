/* The workloads of the policy brain: which of them, and what others do on them. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "brain/policy/parts.h"
#include "brain/words.h"

struct record *policy_record(struct policy_brain *brain, const struct subject *subject)
{
    size_t count, at = 0;
    const struct subject *const *all = subjects(&count);
    int added = subject_added(subject);
    while (added < 0 && at < count && all[at] != subject)
        at++;
    if (added >= 0)
        at = count + (size_t)added;
    if (at >= SUBJECTS_MAX || (added < 0 && at == count))
        abort(); /* subjects are of the table or this process's traces, never from another AI */
    struct record *record = &brain->records[at];
    if (!record->subject) {
        record->subject = subject;
        words_copy(record->mutual.workloads[0].ai_id, brain->ai_id);
        record->mutual.workload_count = 1;
    }
    return record;
}

struct evaluation_set *policy_evaluation_set(const struct policy_brain *brain,
                                             const struct subject *subject, const char *kind,
                                             size_t seeds)
{
    char split[SPLIT_SIZE];
    snprintf(split, sizeof split, "%s/%s", kind, brain->ai_id);
    return evaluation_set_new(subject, split, seeds);
}

int record_checking(struct policy_brain *brain, struct record *record)
{
    if (!record->checking)
        record->checking = peer_workloads(subject_seen(record->subject), brain->peer, CHECK_SEEDS);
    return record->checking ? 0 : -1;
}

size_t own_sets(struct policy_brain *brain, struct record *record, struct evaluation_set **ret_sets)
{
    if (!brain->subject)
        return referee_sets(brain, record, ret_sets);
    if (record_checking(brain, record) < 0)
        return 0;
    ret_sets[0] = record->checking;
    return 1;
}

struct score reports_mean(const struct probe_report *reports, size_t count)
{
    struct score all = {0};
    double variance = 0;
    if (count == 1)
        return reports->score;
    for (size_t i = 0; i < count; i++) {
        const struct score *score = &reports[i].score;
        all.ratio += score->ratio;
        variance += score->ci95 * score->ci95;
        all.seeds += score->seeds;
    }
    all.ratio /= (double)count;
    all.ci95 = sqrt(variance) / (double)count;
    return all;
}

void test_set_end(struct test_set *test_set)
{
    evaluation_set_free(test_set->set);
    *test_set = (struct test_set){0};
}

struct test_set *policy_test_set(struct policy_brain *brain, const struct subject *subject,
                                 const char *nonce, size_t seeds)
{
    struct test_set *oldest = &brain->test_sets[0];
    assert(nonce_valid(nonce)); /* callers have looked */
    for (size_t i = 0; i < TEST_SETS_MAX; i++) {
        struct test_set *test_set = &brain->test_sets[i];
        if (test_set->subject == subject && evaluation_set_size(test_set->set) == seeds &&
            strcmp(test_set->nonce, nonce) == 0) {
            test_set->used = ++brain->test_sets_used;
            return test_set;
        }
        if (test_set->used < oldest->used)
            oldest = test_set;
    }
    test_set_end(oldest);
    oldest->set = nonce_workloads(subject, nonce, seeds);
    if (!oldest->set)
        return NULL;
    oldest->subject = subject;
    oldest->used = ++brain->test_sets_used;
    snprintf(oldest->nonce, sizeof oldest->nonce, "%s", nonce);
    return oldest;
}

const struct baselines *test_set_baselines(struct test_set *test_set)
{
    if (!test_set->compared)
        baselines_measure(test_set->subject, test_set->set, &test_set->baselines);
    test_set->compared = true;
    return &test_set->baselines;
}
