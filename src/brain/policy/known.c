/* What others found, and what of all this AI would use.
 *
 * Its own best was chosen on its own workloads, and so fits them better than any other's: that is
 * no reason to prefer it. All candidates, parameters and modules, are run on the workloads of all
 * whose candidates are known, each with the same weight, and the best mean is what it would use:
 * its own over-fitting loses to what holds for everyone. */
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

void known_copy(struct known *known, const struct known *other)
{
    struct solution solution = known->solution;
    solution_copy(&solution, &other->solution);
    *known = *other;
    known->solution = solution;
}

void known_begin(struct known *known)
{
    for (size_t i = 0; i < MUTUAL_WORKLOADS_MAX; i++)
        known->ratios[i] = nan("");
}

bool mutual_add(struct mutual *mutual, const struct subject *subject, const struct known *known)
{
    for (size_t i = 0; i < mutual->known_count; i++)
        if (solution_same(subject, &mutual->known[i].solution, &known->solution))
            return false;
    int victim = mutual_victim(mutual, known->author);
    if (victim >= 0 && strcmp(mutual->known[victim].author, known->author) == 0 &&
        mutual->known[victim].ratio_own <= known->ratio_own)
        return false;
    assert(victim >= 0 || mutual->known_count < KNOWN_MAX);
    struct known *place =
        victim >= 0 ? &mutual->known[victim] : &mutual->known[mutual->known_count++];
    known_copy(place, known);
    known_begin(place);
    mutual_add_workloads(mutual, known->author);
    return true;
}

bool mutual_gap(const struct mutual *mutual, const struct known *known)
{
    for (size_t i = 0; i < mutual->workload_count; i++)
        if (isnan(known->ratios[i]))
            return true;
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
                size_t most, brain_stop *stop)
{
    struct evaluation_set *sets[MUTUAL_WORKLOADS_MAX];
    struct probe_report reports[MUTUAL_WORKLOADS_MAX];
    size_t count = 0, at = 0;
    int filled = 0;
    for (size_t i = 0; i < mutual->workload_count && count < most && !atomic_load(stop); i++) {
        if (!isnan(known->ratios[i]))
            continue;
        sets[count] = mutual_set(mutual, subject, i);
        if (!sets[count++])
            return -1;
    }
    if (count == 0 || atomic_load(stop))
        return 0;
    solution_measure(subject, &known->solution, sets, count, stop, reports);
    for (size_t i = 0; i < mutual->workload_count && at < count; i++) {
        if (!isnan(known->ratios[i]))
            continue;
        const struct probe_report *report = &reports[at++];
        if (!probe_judged(report->result))
            continue;
        /* What breaks on somebody's workloads nobody should use. */
        known->ratios[i] = report->result == PROBE_RAN ? report->score.ratio : HUGE_VAL;
        filled++;
    }
    return filled;
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
    for (size_t i = 0; i < mutual->known_count; i++)
        solution_free(&mutual->known[i].solution);
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

/* Runs what another found on the training workloads, and shows it to who searches in the place of
 * CMA-ES. CMA-ES has no use for a module. */
static void pull(struct policy_brain *brain, struct known *known, brain_stop *stop,
                 struct pulled *pulled)
{
    struct probe_report report;
    struct pulled_one *best = known->solution.source ? &pulled->module : &pulled->tuned;
    known->tried = true;
    if (known->solution.source && !brain->outside.proposer.state)
        return;
    pulled->evaluations++;
    solution_measure(brain->subject, &known->solution, brain->train.sets, 1, stop, &report);
    if (report.result != PROBE_RAN)
        return;
    outside_show(brain, &known->solution, &report);
    if (!best->known || report.score.ratio < best->ratio)
        *best = (struct pulled_one){known, report.score.ratio};
}

void policy_pull(struct policy_brain *brain, brain_stop *stop, struct pulled *ret_pulled)
{
    assert(brain->subject && brain->train.count > 0); /* policy_begin has been there */
    struct mutual *mutual = &policy_record(brain, brain->subject)->mutual;
    struct pulled pulled = {.tuned.ratio = HUGE_VAL, .module.ratio = HUGE_VAL};
    for (unsigned i = 0; i < PULL_MAX && !pulled.module.known && !atomic_load(stop); i++) {
        struct known *known = known_next(mutual);
        if (!known)
            break;
        pull(brain, known, stop, &pulled); /* one module: a compiler takes its time, others wait */
    }
    *ret_pulled = pulled;
}

/* Brings what this AI has found itself into its row among the candidates. */
static void own_row(struct policy_brain *brain, enum own_row which, const struct solution *best)
{
    struct known *own = &brain->own[which];
    if (own->author[0] && solution_same(brain->subject, &own->solution, best))
        return;
    struct known fresh = {.solution = *best};
    words_copy(fresh.author, brain->ai_id);
    known_begin(&fresh);
    known_copy(own, &fresh);
}

static void own_update(struct policy_brain *brain)
{
    const struct search *search = &brain->search;
    if (search->cmaes && isfinite(search->best_ratio)) {
        struct solution best = solution_of(brain->subject, search->best);
        own_row(brain, OWN_PARAMETERS, &best);
    }
    if (brain->module.source)
        own_row(brain, OWN_MODULE, &brain->module);
}

static void choice_make(struct policy_brain *brain, const struct known *best, struct choice *choice)
{
    bool own = best >= brain->own && best < brain->own + OWN_ROWS;
    choice->made = true;
    solution_copy(&choice->solution, &best->solution);
    words_copy(choice->author, own ? "" : best->author);
    words_copy(choice->id, own ? "" : best->id);
}

bool policy_choose(struct policy_brain *brain, brain_stop *stop)
{
    struct mutual *mutual = &policy_record(brain, brain->subject)->mutual;
    const struct known *best = NULL, *tuned = NULL;
    own_update(brain);
    for (size_t i = 0; i < OWN_ROWS + mutual->known_count; i++) {
        struct known *known = i < OWN_ROWS ? &brain->own[i] : &mutual->known[i - OWN_ROWS];
        if (!known->author[0])
            continue;
        if (mutual_fill(mutual, brain->subject, known, MUTUAL_WORKLOADS_MAX, stop) < 0 ||
            atomic_load(stop))
            return false;
        double mean = mutual_mean(mutual, known);
        if (mutual_gap(mutual, known) || !isfinite(mean))
            continue;
        if (!best || mean < mutual_mean(mutual, best))
            best = known;
        if (!known->solution.source && (!tuned || mean < mutual_mean(mutual, tuned)))
            tuned = known;
    }
    if (!best)
        return false;
    choice_make(brain, best, &brain->choice);
    if (tuned)
        choice_make(brain, tuned, &brain->tuned);
    return true;
}

void policy_reject(struct policy_brain *brain, const struct solution *solution)
{
    struct mutual *mutual = &policy_record(brain, brain->subject)->mutual;
    for (size_t i = 0; i < OWN_ROWS + mutual->known_count; i++) {
        struct known *known = i < OWN_ROWS ? &brain->own[i] : &mutual->known[i - OWN_ROWS];
        if (known->author[0] && solution_same(brain->subject, &known->solution, solution))
            known->ratios[0] = HUGE_VAL;
    }
}

/* How what this AI has does on the workloads on which it checks others': HUGE_VAL when it has
 * nothing. */
static double ratio_have(struct policy_brain *brain, struct record *record)
{
    double have = HUGE_VAL;
    struct solution best;
    struct probe_report report;
    for (size_t i = 0; i < record->mutual.known_count; i++)
        have = fmin(have, record->mutual.known[i].ratio_own);
    if (record->subject != brain->subject || !isfinite(policy_best(brain, &best)) ||
        record_checking(brain, record) < 0)
        return have;
    solution_measure(brain->subject, &best, &record->checking, 1, NULL, &report);
    return report.result == PROBE_RAN ? fmin(have, report.score.ratio) : have;
}

bool policy_take_in(void *state, const char *author, const json_t *thing, const json_t *metrics)
{
    struct policy_brain *brain = state;
    const struct subject *subject = member_subject(thing);
    const char *id = member_string(thing, "id", PATTERN_ID_MAX - 1);
    struct known known = {0};
    char why[128];
    if (!subject || !author[0] || !json_is_true(json_object_get(metrics, "claim_holds")) ||
        !member_number(metrics, "ratio_own", &known.ratio_own))
        return false;
    if (brain->subject && subject != brain->subject)
        return false; /* measured and reported, but of no use here */
    if (solution_read(subject, thing, &known.solution, why, sizeof why) != 0)
        return false;
    words_copy(known.author, author);
    words_copy(known.id, id ? id : "");
    struct record *record = policy_record(brain, subject);
    bool better = known.ratio_own < ratio_have(brain, record);
    better = mutual_add(&record->mutual, subject, &known) && better;
    solution_free(&known.solution);
    return better;
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
