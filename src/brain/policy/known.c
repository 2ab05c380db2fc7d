/* What others found, and what of all this AI would use.
 *
 * Its own best was chosen on its own workloads, and so fits them better than any other's: that
 * is no reason to prefer it. All candidates are run on the workloads of all whose candidates are
 * known, each with the same weight, and the best mean is what it would use: its own over-fitting
 * loses to what holds for everyone. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "brain/policy/parts.h"
#include "brain/words.h"

/* The candidate that has to go for one of this author: the worst of the author's when it has its
 * share, else, when there is no room, the worst of the author who has most. -1: none has to. */
static int mutual_victim(const struct mutual *mutual, const char *author)
{
    size_t most = 0, own = 0, count[KNOWN_MAX] = {0};
    for (size_t i = 0; i < mutual->known_count; i++) {
        for (size_t k = 0; k < mutual->known_count; k++)
            count[i] += strcmp(mutual->known[i].author, mutual->known[k].author) == 0;
        most = count[i] > most ? count[i] : most;
        own += strcmp(mutual->known[i].author, author) == 0;
    }
    if (own < KNOWN_OF_ONE_MAX && mutual->known_count < KNOWN_MAX)
        return -1;
    int victim = -1;
    for (size_t i = 0; i < mutual->known_count; i++) {
        bool of_author = strcmp(mutual->known[i].author, author) == 0;
        if ((own >= KNOWN_OF_ONE_MAX ? of_author : count[i] == most) &&
            (victim < 0 || mutual->known[i].ratio_own > mutual->known[victim].ratio_own))
            victim = (int)i;
    }
    return victim;
}

static void mutual_add_workloads(struct mutual *mutual, const char *ai_id)
{
    for (size_t i = 0; i < mutual->workload_count; i++)
        if (strcmp(mutual->workloads[i].ai_id, ai_id) == 0)
            return;
    if (mutual->workload_count == MUTUAL_WORKLOADS_MAX)
        return;
    words_copy(mutual->workloads[mutual->workload_count].ai_id, ai_id);
    mutual->workload_count++;
}

bool mutual_add(struct mutual *mutual, const struct subject *subject, const struct known *known)
{
    for (size_t i = 0; i < mutual->known_count; i++)
        if (parameters_same(subject, mutual->known[i].parameters, known->parameters))
            return false;
    int victim = mutual_victim(mutual, known->author);
    if (victim >= 0 && strcmp(mutual->known[victim].author, known->author) == 0 &&
        mutual->known[victim].ratio_own <= known->ratio_own)
        return false;
    assert(victim >= 0 || mutual->known_count < KNOWN_MAX);
    struct known *place =
        victim >= 0 ? &mutual->known[victim] : &mutual->known[mutual->known_count++];
    *place = *known;
    for (size_t i = 0; i < MUTUAL_WORKLOADS_MAX; i++)
        place->ratios[i] = nan("");
    mutual_add_workloads(mutual, known->author);
    return true;
}

bool mutual_gap(const struct mutual *mutual, const struct known *known, size_t *ret_which)
{
    for (size_t i = 0; i < mutual->workload_count; i++)
        if (isnan(known->ratios[i])) {
            *ret_which = i;
            return true;
        }
    return false;
}

struct evaluation_set *mutual_set(struct mutual *mutual, const struct subject *subject,
                                  size_t which)
{
    assert(which < mutual->workload_count);
    struct evaluation_set **set = &mutual->workloads[which].set;
    if (!*set) {
        char split[SPLIT_SIZE];
        snprintf(split, sizeof split, "train/%s", mutual->workloads[which].ai_id);
        *set = evaluation_set_new(subject, split, MUTUAL_SEEDS);
    }
    return *set;
}

int mutual_fill(struct mutual *mutual, const struct subject *subject, struct known *known,
                size_t which)
{
    struct evaluation_set *set = mutual_set(mutual, subject, which);
    known->ratios[which] = set ? evaluation_set_score(set, known->parameters).ratio : nan("");
    return isnan(known->ratios[which]) ? -1 : 0;
}

double mutual_mean(const struct mutual *mutual, const struct known *known)
{
    double sum = 0;
    size_t count = 0;
    for (size_t i = 0; i < mutual->workload_count; i++)
        if (!isnan(known->ratios[i])) {
            sum += known->ratios[i];
            count++;
        }
    return count > 0 ? sum / (double)count : known->ratio_own;
}

void mutual_free(struct mutual *mutual)
{
    for (size_t i = 0; i < mutual->workload_count; i++)
        evaluation_set_free(mutual->workloads[i].set);
}

/* Of those that were not run yet, the one that was best when it was checked. */
static struct known *known_next(struct mutual *mutual)
{
    struct known *next = NULL;
    for (size_t i = 0; i < mutual->known_count; i++) {
        struct known *known = &mutual->known[i];
        if (!known->tried && (!next || known->ratio_own < next->ratio_own))
            next = known;
    }
    return next;
}

const struct known *policy_pull(struct policy_brain *brain, brain_stop *stop, double *ret_ratio,
                                unsigned *ret_evaluations)
{
    assert(brain->subject && brain->train.count > 0); /* policy_begin has been there */
    struct mutual *mutual = &policy_record(brain, brain->subject)->mutual;
    const struct known *best = NULL;
    double best_ratio = HUGE_VAL;
    unsigned count = 0;
    for (; count < PULL_MAX && !atomic_load(stop); count++) {
        struct known *known = known_next(mutual);
        if (!known)
            break;
        known->tried = true;
        double ratio = objective_ratio(&brain->train, known->parameters);
        if (ratio < best_ratio) {
            best = known;
            best_ratio = ratio;
        }
    }
    *ret_ratio = best_ratio;
    *ret_evaluations = count;
    return best;
}

/* Brings this AI's own best into its row among the candidates. False: it has none. */
static bool own_update(struct policy_brain *brain)
{
    const struct search *search = &brain->search;
    struct known *own = &brain->own;
    if (!search->cmaes || !isfinite(search->best_ratio))
        return false;
    if (own->author[0] && parameters_same(brain->subject, own->parameters, search->best))
        return true;
    *own = (struct known){0};
    words_copy(own->author, brain->ai_id);
    memcpy(own->parameters, search->best, sizeof own->parameters);
    for (size_t i = 0; i < MUTUAL_WORKLOADS_MAX; i++)
        own->ratios[i] = nan("");
    return true;
}

static bool row_fill(struct policy_brain *brain, struct mutual *mutual, struct known *known,
                     brain_stop *stop)
{
    size_t which;
    while (mutual_gap(mutual, known, &which))
        if (atomic_load(stop) || mutual_fill(mutual, brain->subject, known, which) < 0)
            return false;
    return true;
}

bool policy_choose(struct policy_brain *brain, brain_stop *stop)
{
    struct mutual *mutual = &policy_record(brain, brain->subject)->mutual;
    bool has_own = own_update(brain);
    if (has_own && !row_fill(brain, mutual, &brain->own, stop))
        return false;
    const struct known *best = has_own ? &brain->own : NULL;
    for (size_t i = 0; i < mutual->known_count; i++) {
        struct known *known = &mutual->known[i];
        if (!row_fill(brain, mutual, known, stop))
            return false;
        if (!best || mutual_mean(mutual, known) < mutual_mean(mutual, best))
            best = known;
    }
    if (!best)
        return false;
    struct choice choice = {.made = true};
    memcpy(choice.parameters, best->parameters, sizeof choice.parameters);
    if (best != &brain->own) {
        words_copy(choice.author, best->author);
        words_copy(choice.id, best->id);
    }
    brain->choice = choice;
    return true;
}

/* How what this AI has does on the workloads on which it checks others': HUGE_VAL when it has
 * nothing. */
static double ratio_have(struct policy_brain *brain, struct record *record)
{
    double have = HUGE_VAL;
    for (size_t i = 0; i < record->mutual.known_count; i++)
        have = fmin(have, record->mutual.known[i].ratio_own);
    if (record->subject == brain->subject && brain->search.cmaes &&
        isfinite(brain->search.best_ratio) && record_checking(brain, record) == 0)
        have = fmin(have, evaluation_set_score(record->checking, brain->search.best).ratio);
    return have;
}

bool policy_take_in(void *state, const char *author, const json_t *thing, const json_t *metrics)
{
    struct policy_brain *brain = state;
    const struct subject *subject = member_subject(thing);
    const char *id = member_string(thing, "id", PATTERN_ID_MAX - 1);
    struct known known = {0};
    char why[128];
    if (!subject || !author[0] || !json_is_true(json_object_get(metrics, "claim_holds")) ||
        !member_number(metrics, "ratio_own", &known.ratio_own) ||
        parameters_read(subject, json_object_get(thing, "parameters"), known.parameters, why,
                        sizeof why) < 0)
        return false;
    if (brain->subject && subject != brain->subject)
        return false; /* measured and reported, but of no use here */
    words_copy(known.author, author);
    words_copy(known.id, id ? id : "");
    struct record *record = policy_record(brain, subject);
    bool better = known.ratio_own < ratio_have(brain, record);
    return mutual_add(&record->mutual, subject, &known) && better;
}

/* ── what the hub knows ── */

static double positive(const json_t *number)
{
    double value = json_number_value(number);
    return value > 0 ? value : HUGE_VAL;
}

/* The mean over the own workloads of its verifiers, if their word counts and was given without
 * sight of the answer, and others can measure it again; HUGE_VAL: none says. */
static double verifiers_mean(const json_t *verification)
{
    const json_t *verifier;
    size_t i, count = 0;
    double sum = 0;
    json_array_foreach(json_object_get(verification, "verifiers"), i, verifier)
    {
        const char *profile = member_string(verifier, "profile", sizeof PRIVATE_PROFILE);
        if (json_is_false(json_object_get(verifier, "counts")) ||
            json_is_true(json_object_get(verifier, "in_sight")) ||
            (profile && strcmp(profile, PRIVATE_PROFILE) == 0))
            continue;
        double ratio = positive(json_object_get(verifier, "ratio_own"));
        count += isfinite(ratio);
        sum += isfinite(ratio) ? ratio : 0;
    }
    return count > 0 ? sum / (double)count : HUGE_VAL;
}

static int order(double a, double b)
{
    return a < b ? -1 : a > b;
}

int policy_compare(const struct brain_entry *a, const struct brain_entry *b)
{
    int verified = order(verifiers_mean(a->verification), verifiers_mean(b->verification));
    /* On the author's training workloads: the held-out ones select nothing. */
    return verified ? verified
                    : order(positive(json_object_get(a->thing, "ratio_train")),
                            positive(json_object_get(b->thing, "ratio_train")));
}
