/* What AIs gain by meeting: through a real hub, alone against together.
 *
 * Meeting: eight AIs of one subject, each with two workloads of its own, search alone; share what
 * they found; each runs what the others shared on its own two and reports the ratio; the one with
 * the best mean over all eight is the consensus. Held-out workloads judge what each had alone, and
 * the consensus.
 *
 * Equal compute: one AI, without a hub, that has the workloads of all eight and runs as many
 * simulations on them as all eight did together, those for each other's finds counted. That is what
 * meeting has to be held against where somebody could run it all himself: it takes eight times as
 * long, and all workloads in one place.
 *
 * Newcomer: at the hub are what four AIs found on eight workloads each, and how each did on those
 * on which the others run what they are sent (16 each, as trainers have them). An AI that has just
 * joined takes the best of these by the others' mean (never by the author's), and runs it once;
 * against what it would have by itself after 120 evaluations on its own four workloads.
 *
 * usage: meeting HUB [REPETITIONS [SUBJECT]]     (10, all) */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "khub.h"
#include "policy/optimise/search.h"

#define AIS         8u
#define OWN_SEEDS   2u
#define EVALUATIONS 160u
/* of one AI on the workloads of all, in as many simulations as all have run */
#define EVALUATIONS_ONE (EVALUATIONS + AIS - 1)
#define NEWCOMERS       10u
#define NEWCOMER_SEEDS  4u
#define NEWCOMER_ALONE  120u
#define ELITES          4u
#define ELITE_SEEDS     8u
#define PEER_SEEDS      16u
#define ELITE_SEARCH    500u
#define HELDOUT_SEEDS   64u
#define ID_SIZE         96u
#define TURN_MS         2
#define PATIENCE_TURNS  200000u

struct found {
    char id[ID_SIZE];
    double parameters[SUBJECT_PARAMETERS_MAX];
    double sum; /* of ratios on AIs' own workloads */
    unsigned runs;
};

struct meeting;

struct ai {
    struct meeting *meeting;
    struct khub *link;
    char name[64];
    struct objective own;  /* it learns on them */
    struct objective peer; /* it runs what others share on them; none: on its own */
    double best[SUBJECT_PARAMETERS_MAX], ratio;
    unsigned heard; /* patterns of others, all run */
};

struct meeting {
    const struct subject *subject;
    const char *hub;
    size_t count; /* of the AIs, at most AIS */
    struct ai ais[AIS];
    struct ai judge; /* an observer: it hears what everybody hears, and adds up */
    struct found found[AIS];
    unsigned found_count, reports;
};

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "meeting: %s\n", what);
    exit(1);
}

/* ── alone ── */

static void objective_make(struct objective *objective, const struct subject *subject,
                           const char *split, size_t seeds)
{
    *objective =
        (struct objective){.sets = {evaluation_set_new(subject, split, seeds)}, .count = 1};
    if (!objective->sets[0])
        die("out of memory");
}

/* The best after so many evaluations on its own workloads; its ratio on them. */
static double search_alone(const struct subject *subject, const struct objective *own,
                           unsigned evaluations, uint64_t seed, double *ret_best)
{
    struct search search;
    if (subject->solve) {
        if (evaluation_set_solve(own->sets[0], ret_best) < 0)
            die("out of memory");
        return objective_ratio(own, ret_best);
    }
    if (search_begin(&search, subject, seed, NULL) < 0)
        die("out of memory");
    search_run(&search, own, evaluations, NULL);
    memcpy(ret_best, search.best, sizeof search.best);
    double ratio = search.best_ratio;
    search_end(&search);
    return ratio;
}

/* ── at the hub ── */

static json_t *pattern_json(const struct subject *subject, const char *id, const double *parameters,
                            double ratio)
{
    json_t *values = json_object();
    for (int i = 0; i < subject->parameter_count; i++)
        json_object_set_new(values, subject->parameters[i].name, json_real(parameters[i]));
    return json_pack("{s:s,s:s,s:s,s:o,s:f}", "id", id, "subject", subject->name, "subject_version",
                     subject->version, "parameters", values, "ratio_train", ratio);
}

static void share(struct ai *ai, const char *id)
{
    json_t *pattern = pattern_json(ai->meeting->subject, id, ai->best, ai->ratio);
    char *text = json_dumps(pattern, JSON_COMPACT);
    if (!text || khub_share_pattern(ai->link, text) < 0)
        die("a pattern could not be shared");
    free(text);
    json_decref(pattern);
}

static void parameters_of(const struct subject *subject, const json_t *pattern, double *ret)
{
    const json_t *values = json_object_get(pattern, "parameters");
    int which;
    for (int i = 0; i < subject->parameter_count; i++)
        ret[i] = json_number_value(json_object_get(values, subject->parameters[i].name));
    if (!subject_valid(subject, ret, subject->parameter_count, &which))
        die("a pattern came out of range");
}

static void hear_pattern(struct ai *ai, const json_t *pattern)
{
    double parameters[SUBJECT_PARAMETERS_MAX];
    char metrics[96];
    const char *id = json_string_value(json_object_get(pattern, "id"));
    parameters_of(ai->meeting->subject, pattern, parameters);
    snprintf(metrics, sizeof metrics, "{\"ratio_own\": %.17g}",
             objective_ratio(ai->peer.count ? &ai->peer : &ai->own, parameters));
    if (khub_report_performance(ai->link, id, metrics) < 0)
        die("a report could not be sent");
    ai->heard++;
}

static struct found *found_by_id(struct meeting *meeting, const char *id)
{
    for (unsigned i = 0; i < meeting->found_count; i++)
        if (strcmp(meeting->found[i].id, id) == 0)
            return &meeting->found[i];
    return NULL;
}

/* The author's own workloads count as everybody's do. */
static void judge_pattern(struct meeting *meeting, const json_t *pattern)
{
    struct found *found = &meeting->found[meeting->found_count++];
    *found = (struct found){.sum = json_number_value(json_object_get(pattern, "ratio_train")),
                            .runs = 1};
    snprintf(found->id, sizeof found->id, "%s", json_string_value(json_object_get(pattern, "id")));
    parameters_of(meeting->subject, pattern, found->parameters);
}

static void judge_report(struct meeting *meeting, const json_t *payload)
{
    const char *id = json_string_value(json_object_get(payload, "component_id"));
    struct found *found = id ? found_by_id(meeting, id) : NULL;
    if (!found)
        return;
    found->sum +=
        json_number_value(json_object_get(json_object_get(payload, "performance"), "ratio_own"));
    found->runs++;
    meeting->reports++;
}

static void on_message(struct khub *link, const struct khub_message *message, void *data)
{
    (void)link;
    struct ai *ai = data;
    bool judge = ai == &ai->meeting->judge;
    bool pattern = strcmp(message->type.at, "pattern_share") == 0;
    bool report = strcmp(message->type.at, "performance_report") == 0;
    if (!pattern && !(report && judge))
        return;
    json_t *payload = json_loadb(message->payload.at, message->payload.len, 0, NULL);
    const json_t *shared = json_object_get(payload, "pattern");
    if (report)
        judge_report(ai->meeting, payload);
    else if (!judge)
        hear_pattern(ai, shared);
    else if (ai->meeting->found_count < AIS)
        judge_pattern(ai->meeting, shared);
    json_decref(payload);
}

static void join(struct ai *ai, bool observer)
{
    struct khub_options options = {.address = ai->meeting->hub,
                                   .ai_id = ai->name,
                                   .specialization = ai->meeting->subject->specialization,
                                   .observer = observer,
                                   .retries = 5,
                                   .data = ai};
    struct khub_callbacks callbacks = {.message = on_message};
    if (khub_new(&options, &callbacks, &ai->link) < 0)
        die("no link");
    while (khub_link_state(ai->link) != KHUB_JOINED)
        if (khub_run(ai->link, TURN_MS) < 0)
            die("the hub could not be joined");
}

static bool all_heard(const struct meeting *meeting)
{
    for (size_t i = 0; i < meeting->count; i++)
        if (meeting->ais[i].heard < meeting->count - 1)
            return false;
    return meeting->reports == meeting->count * (meeting->count - 1);
}

/* `name` tells meetings apart. */
static void meet(struct meeting *meeting, const char *name)
{
    snprintf(meeting->judge.name, sizeof meeting->judge.name, "judge_%s", name);
    meeting->judge.meeting = meeting;
    join(&meeting->judge, true);
    for (size_t i = 0; i < meeting->count; i++)
        join(&meeting->ais[i], false);
    for (size_t i = 0; i < meeting->count; i++) {
        char id[ID_SIZE];
        snprintf(id, sizeof id, "%s_best", meeting->ais[i].name);
        share(&meeting->ais[i], id);
    }
    for (unsigned turn = 0; !all_heard(meeting); turn++) {
        if (turn > PATIENCE_TURNS)
            die("the AIs did not hear each other");
        for (size_t i = 0; i <= meeting->count; i++)
            if (khub_run(i < meeting->count ? meeting->ais[i].link : meeting->judge.link, TURN_MS) <
                0)
                die("the hub was lost");
    }
    for (size_t i = 0; i < meeting->count; i++)
        khub_free(meeting->ais[i].link);
    khub_free(meeting->judge.link);
}

/* AIs with workloads of their own, each with the best that it finds by itself. */
static struct meeting *gather(const char *hub, const struct subject *subject, const char *name,
                              size_t count, size_t seeds, size_t peer_seeds, unsigned evaluations,
                              uint64_t luck)
{
    struct meeting *meeting = calloc(1, sizeof *meeting);
    if (!meeting)
        die("out of memory");
    *meeting = (struct meeting){.subject = subject, .hub = hub, .count = count};
    for (size_t i = 0; i < count; i++) {
        struct ai *ai = &meeting->ais[i];
        char split[ID_SIZE];
        ai->meeting = meeting;
        snprintf(ai->name, sizeof ai->name, "%s_%zu", name, i);
        snprintf(split, sizeof split, "train/%s", ai->name);
        objective_make(&ai->own, subject, split, seeds);
        snprintf(split, sizeof split, "peer/%s", ai->name);
        if (peer_seeds > 0)
            objective_make(&ai->peer, subject, split, peer_seeds);
        ai->ratio = search_alone(subject, &ai->own, evaluations, luck + i + 1, ai->best);
    }
    return meeting;
}

static void meeting_free(struct meeting *meeting)
{
    for (size_t i = 0; i < meeting->count; i++) {
        objective_free(&meeting->ais[i].own);
        objective_free(&meeting->ais[i].peer);
    }
    free(meeting);
}

/* ── one subject ── */

struct tally {
    double alone, met, one, hindsight; /* sums of held-out ratios over the repetitions */
    unsigned better, repetitions;
};

/* One AI with all workloads of those who meet; it searches with the luck of the first. */
static double search_one(const struct meeting *meeting, const char *name, uint64_t luck,
                         double *ret_best)
{
    const struct subject *subject = meeting->subject;
    struct objective all = {.count = 0};
    char split[ID_SIZE];
    if (!subject->solve) {
        for (; all.count < meeting->count; all.count++)
            all.sets[all.count] = meeting->ais[all.count].own.sets[0];
        return search_alone(subject, &all, EVALUATIONS_ONE, luck, ret_best);
    }
    /* solved exactly, for as many workloads: one set of them */
    snprintf(split, sizeof split, "train/%s_one", name);
    objective_make(&all, subject, split, (size_t)AIS * OWN_SEEDS);
    double ratio = search_alone(subject, &all, EVALUATIONS_ONE, luck, ret_best);
    objective_free(&all);
    return ratio;
}

static void repeat(const char *hub, const struct subject *subject,
                   const struct evaluation_set *heldout, unsigned repetition, struct tally *tally)
{
    char name[48];
    snprintf(name, sizeof name, "%s_%u", subject->name, repetition);
    struct meeting *meeting =
        gather(hub, subject, name, AIS, OWN_SEEDS, 0, EVALUATIONS, (uint64_t)repetition * AIS);
    double mean = 0, least = HUGE_VAL, consensus_mean = HUGE_VAL, one[SUBJECT_PARAMETERS_MAX];
    const struct found *consensus = NULL;
    for (size_t i = 0; i < AIS; i++) {
        double ratio = evaluation_set_score(heldout, meeting->ais[i].best).ratio;
        mean += ratio / AIS;
        least = fmin(least, ratio);
    }
    meet(meeting, name);
    for (unsigned i = 0; i < meeting->found_count; i++) {
        const struct found *found = &meeting->found[i];
        if (found->sum / found->runs < consensus_mean) {
            consensus_mean = found->sum / found->runs;
            consensus = found;
        }
    }
    if (!consensus)
        die("nothing was shared");
    double met = evaluation_set_score(heldout, consensus->parameters).ratio;
    search_one(meeting, name, (uint64_t)repetition * AIS + 1, one);
    tally->one += evaluation_set_score(heldout, one).ratio;
    tally->alone += mean;
    tally->met += met;
    tally->hindsight += least;
    tally->better += met < mean;
    tally->repetitions++;
    meeting_free(meeting);
}

/* What a newcomer takes from its training_sync. */
struct arrival {
    const struct subject *subject;
    double parameters[SUBJECT_PARAMETERS_MAX], mean;
    bool found;
};

static double others_mean(const json_t *reports)
{
    const json_t *report;
    size_t i;
    double sum = 0;
    json_array_foreach(reports, i, report)
    {
        sum += json_number_value(json_object_get(json_object_get(report, "metrics"), "ratio_own"));
    }
    return i > 0 ? sum / (double)i : HUGE_VAL;
}

static void on_sync(struct khub *link, const struct khub_message *message, void *data)
{
    (void)link;
    struct arrival *arrival = data;
    if (strcmp(message->type.at, "training_sync") != 0)
        return;
    json_t *sync = json_loadb(message->payload.at, message->payload.len, 0, NULL);
    json_t *knowledge = json_object_get(sync, "global_knowledge_base"), *entry;
    const json_t *benchmarks = json_object_get(knowledge, "performance_benchmarks");
    const char *id;
    arrival->mean = HUGE_VAL;
    json_object_foreach(json_object_get(knowledge, "shared_patterns"), id, entry)
    {
        const json_t *pattern = json_object_get(entry, "pattern");
        const char *subject = json_string_value(json_object_get(pattern, "subject"));
        double mean = others_mean(json_object_get(benchmarks, id));
        if (!subject || strcmp(subject, arrival->subject->name) != 0 ||
            strncmp(id, "elite_", 6) != 0 || mean >= arrival->mean)
            continue;
        arrival->mean = mean;
        parameters_of(arrival->subject, pattern, arrival->parameters);
        arrival->found = true;
    }
    json_decref(sync);
}

static void arrive(const char *hub, const char *name, struct arrival *arrival)
{
    struct khub_options options = {.address = hub, .ai_id = name, .retries = 5, .data = arrival};
    struct khub_callbacks callbacks = {.message = on_sync};
    struct khub *link;
    if (khub_new(&options, &callbacks, &link) < 0)
        die("no link");
    for (unsigned turn = 0; !arrival->found; turn++)
        if (turn > PATIENCE_TURNS || khub_run(link, TURN_MS) < 0)
            die("the newcomer did not find the elite");
    khub_free(link);
}

static void newcomers(const char *hub, const struct subject *subject,
                      const struct evaluation_set *heldout, double *ret_elite, double *ret_alone)
{
    char name[48], split[ID_SIZE];
    snprintf(name, sizeof name, "elite_%s", subject->name);
    struct meeting *meeting =
        gather(hub, subject, name, ELITES, ELITE_SEEDS, PEER_SEEDS, ELITE_SEARCH, 1000);
    meet(meeting, name);
    meeting_free(meeting);
    *ret_elite = *ret_alone = 0;
    for (unsigned i = 0; i < NEWCOMERS; i++) {
        struct arrival arrival = {.subject = subject};
        struct objective own;
        double alone[SUBJECT_PARAMETERS_MAX];
        snprintf(name, sizeof name, "newcomer_%s_%u", subject->name, i);
        snprintf(split, sizeof split, "train/%s", name);
        objective_make(&own, subject, split, NEWCOMER_SEEDS);
        arrive(hub, name, &arrival);
        search_alone(subject, &own, NEWCOMER_ALONE, i + 1, alone);
        *ret_elite += evaluation_set_score(heldout, arrival.parameters).ratio / NEWCOMERS;
        *ret_alone += evaluation_set_score(heldout, alone).ratio / NEWCOMERS;
        objective_free(&own);
    }
}

int main(int argc, char **argv)
{
    int repetitions = argc > 2 ? atoi(argv[2]) : 10;
    const char *only = argc > 3 ? argv[3] : NULL;
    if (argc < 2 || argc > 4 || repetitions < 1 || (only && !subject_find(only))) {
        fprintf(stderr, "usage: %s HUB [REPETITIONS [SUBJECT]]\n", argv[0]);
        return 2;
    }
    size_t count, newcomer_better = 0, done = 0;
    unsigned better = 0, all = 0;
    const struct subject *const *table = subjects(&count);
    printf("Held-out ratios to the textbook, synthetic workloads; lower is better.\n\n"
           "%-16s | %u AIs with %u workloads each, %u evaluations           | newcomer\n"
           "%-16s | %7s %9s %9s %9s %9s | %12s %14s\n",
           "", AIS, OWN_SEEDS, EVALUATIONS, "", "alone", "consensus", "one of 8x", "hindsight",
           "better in", "elite, 1 run", "alone, 120");
    for (size_t i = 0; i < count; i++) {
        const struct subject *subject = table[i];
        if (only && strcmp(only, subject->name) != 0)
            continue;
        struct evaluation_set *heldout = evaluation_set_new(subject, "bench", HELDOUT_SEEDS);
        struct tally tally = {0};
        double elite, alone;
        if (!heldout)
            die("out of memory");
        for (int k = 0; k < repetitions; k++)
            repeat(argv[1], subject, heldout, (unsigned)k, &tally);
        newcomers(argv[1], subject, heldout, &elite, &alone);
        printf("%-16s | %7.3f %9.3f %9.3f %9.3f %5u/%-3u | %12.3f %14.3f\n", subject->name,
               tally.alone / repetitions, tally.met / repetitions, tally.one / repetitions,
               tally.hindsight / repetitions, tally.better, tally.repetitions, elite, alone);
        fflush(stdout);
        evaluation_set_free(heldout);
        better += tally.better;
        all += tally.repetitions;
        newcomer_better += elite < alone;
        done++;
    }
    bool holds = better >= 0.95 * all && newcomer_better == done;
    printf(
        "\nThe consensus is better than the mean AI in %u of %u (%.0f %%; wanted 95), the newcomer "
        "with the elite in %zu of %zu subjects (wanted all): %s.\n",
        better, all, 100.0 * better / all, newcomer_better, done,
        holds ? "holds" : "does not hold");
    return holds ? 0 : 1;
}
