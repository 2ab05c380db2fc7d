/* What others found, and what of all this AI would use.
 *
 * Its own best was chosen on its own workloads, and so fits them better than any other's: that is no reason to prefer it. All
 * candidates are run on the workloads of all whose candidates are known, each with the same weight, and the best mean is what
 * it would use: its own over-fitting loses to what holds for everyone. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "brain/policy/parts.h"
#include "brain/words.h"

/* The candidate that has to go for one of this author: the worst of the author's when it has its share, else, when there is no
 * room, the worst of the author who has most. -1: none has to. */
static int cross_victim(const struct cross *cross, const char *author)
{
    size_t most = 0, own = 0, count[KNOWN_MAX] = {0};
    for (size_t i = 0; i < cross->known_count; i++) {
        for (size_t k = 0; k < cross->known_count; k++)
            count[i] += strcmp(cross->known[i].author, cross->known[k].author) == 0;
        most = count[i] > most ? count[i] : most;
        own += strcmp(cross->known[i].author, author) == 0;
    }
    if (own < KNOWN_OF_ONE_MAX && cross->known_count < KNOWN_MAX)
        return -1;
    int victim = -1;
    for (size_t i = 0; i < cross->known_count; i++) {
        bool of_author = strcmp(cross->known[i].author, author) == 0;
        if ((own >= KNOWN_OF_ONE_MAX ? of_author : count[i] == most) &&
            (victim < 0 || cross->known[i].ratio_own > cross->known[victim].ratio_own))
            victim = (int)i;
    }
    return victim;
}

static void cross_add_workloads(struct cross *cross, const char *ai_id)
{
    for (size_t i = 0; i < cross->workload_count; i++)
        if (strcmp(cross->workloads[i].ai_id, ai_id) == 0)
            return;
    if (cross->workload_count == CROSS_WORKLOADS_MAX)
        return;
    words_copy(cross->workloads[cross->workload_count].ai_id, ai_id);
    cross->workload_count++;
}

bool cross_add(struct cross *cross, const struct subject *subject, const struct known *known)
{
    for (size_t i = 0; i < cross->known_count; i++)
        if (parameters_same(subject, cross->known[i].parameters, known->parameters))
            return false;
    int victim = cross_victim(cross, known->author);
    if (victim >= 0 && strcmp(cross->known[victim].author, known->author) == 0 &&
        cross->known[victim].ratio_own <= known->ratio_own)
        return false;
    struct known *place = victim >= 0 ? &cross->known[victim] : &cross->known[cross->known_count++];
    *place = *known;
    for (size_t i = 0; i < CROSS_WORKLOADS_MAX; i++)
        place->ratios[i] = nan("");
    cross_add_workloads(cross, known->author);
    return true;
}

bool cross_gap(const struct cross *cross, const struct known *known, size_t *ret_which)
{
    for (size_t i = 0; i < cross->workload_count; i++)
        if (isnan(known->ratios[i])) {
            *ret_which = i;
            return true;
        }
    return false;
}

struct evaluation_set *cross_exam(struct cross *cross, const struct subject *subject, size_t which)
{
    struct evaluation_set **exam = &cross->workloads[which].exam;
    if (!*exam) {
        char split[SPLIT_SIZE];
        snprintf(split, sizeof split, "train/%s", cross->workloads[which].ai_id);
        *exam = evaluation_set_new(subject, split, CROSS_SEEDS);
    }
    return *exam;
}

int cross_fill(struct cross *cross, const struct subject *subject, struct known *known,
               size_t which)
{
    struct evaluation_set *exam = cross_exam(cross, subject, which);
    known->ratios[which] = exam ? evaluation_set_score(exam, known->parameters).ratio : nan("");
    return isnan(known->ratios[which]) ? -1 : 0;
}

double cross_mean(const struct cross *cross, const struct known *known)
{
    double sum = 0;
    size_t count = 0;
    for (size_t i = 0; i < cross->workload_count; i++)
        if (!isnan(known->ratios[i])) {
            sum += known->ratios[i];
            count++;
        }
    return count > 0 ? sum / (double)count : known->ratio_own;
}

void cross_free(struct cross *cross)
{
    for (size_t i = 0; i < cross->workload_count; i++)
        evaluation_set_free(cross->workloads[i].exam);
}

/* Of those that were not run yet, the one that was best when it was checked. */
static struct known *known_next(struct cross *cross)
{
    struct known *next = NULL;
    for (size_t i = 0; i < cross->known_count; i++) {
        struct known *known = &cross->known[i];
        if (!known->tried && (!next || known->ratio_own < next->ratio_own))
            next = known;
    }
    return next;
}

const struct known *policy_pull(struct policy_brain *brain, brain_stop *stop, double *ret_ratio,
                                unsigned *ret_evaluations)
{
    struct cross *cross = &policy_bench(brain, brain->subject)->cross;
    const struct known *best = NULL;
    double best_ratio = HUGE_VAL;
    unsigned count = 0;
    for (; count < PULL_MAX && !atomic_load(stop); count++) {
        struct known *known = known_next(cross);
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
    for (size_t i = 0; i < CROSS_WORKLOADS_MAX; i++)
        own->ratios[i] = nan("");
    return true;
}

static bool row_fill(struct policy_brain *brain, struct cross *cross, struct known *known,
                     brain_stop *stop)
{
    size_t which;
    while (cross_gap(cross, known, &which))
        if (atomic_load(stop) || cross_fill(cross, brain->subject, known, which) < 0)
            return false;
    return true;
}

bool policy_choose(struct policy_brain *brain, brain_stop *stop)
{
    struct cross *cross = &policy_bench(brain, brain->subject)->cross;
    bool has_own = own_update(brain);
    if (has_own && !row_fill(brain, cross, &brain->own, stop))
        return false;
    const struct known *best = has_own ? &brain->own : NULL;
    for (size_t i = 0; i < cross->known_count; i++) {
        struct known *known = &cross->known[i];
        if (!row_fill(brain, cross, known, stop))
            return false;
        if (!best || cross_mean(cross, known) < cross_mean(cross, best))
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

/* How what this AI has does on the workloads on which it checks others': HUGE_VAL when it has nothing. */
static double ratio_have(struct policy_brain *brain, struct bench *bench)
{
    double have = HUGE_VAL;
    for (size_t i = 0; i < bench->cross.known_count; i++)
        have = fmin(have, bench->cross.known[i].ratio_own);
    if (bench->subject == brain->subject && brain->search.cmaes &&
        isfinite(brain->search.best_ratio) && bench_peer(brain, bench) == 0)
        have = fmin(have, evaluation_set_score(bench->peer, brain->search.best).ratio);
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
    struct bench *bench = policy_bench(brain, subject);
    bool better = known.ratio_own < ratio_have(brain, bench);
    return cross_add(&bench->cross, subject, &known) && better;
}

/* ── what the hub knows ── */

static double positive(const json_t *number)
{
    double value = json_number_value(number);
    return value > 0 ? value : HUGE_VAL;
}

/* The mean over its verifiers' own workloads; HUGE_VAL: none says. */
static double verifiers_mean(const json_t *verification)
{
    const json_t *verifier;
    size_t i, count = 0;
    double sum = 0;
    json_array_foreach(json_object_get(verification, "verifiers"), i, verifier)
    {
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
