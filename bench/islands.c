/* Whether islands find more: the same nine AIs, each with the same name, luck and workloads, apart,
 * in rooms of three, on islands (the same rooms, with migrants), and all in one room. All spend as
 * many evaluations on their own search.
 *
 * The AIs are those of `khub train` (brain/), by CMA-ES. The hub is not there, and neither are
 * clocks: they take turns of one training job each, so a run can be made again, to the bit, on any
 * machine. What one claims the others of its room measure on their own workloads at once, and two
 * make it confirmed; nobody lies here, so nothing is measured on nonces. Migrants come as in
 * node/migrants.c: each time that an AI has spent so much, the best confirmed claim of the next
 * room that it has not had. Sessions, in which AIs spend evaluations in common, there are none.
 *
 * What an arm has found is chosen of what its nine AIs would use, on workloads that are for this
 * alone, and measured on held-out ones. Both are the same for all arms of a run, so arms are
 * compared within runs.
 *
 * usage: islands [EVALUATIONS [RUNS [SUBJECT [EVERY]]]]     (100, 10, audio and graphics, 25; of
 *        each AI; EVERY: from one migrant to the next) */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "brain/policy/parts.h"

#define AIS          9u
#define ISLAND       3u /* AIs: a claim is confirmed by two others */
#define CHOICE_SEEDS 64u
#define TEST_SEEDS   128u
#define CONFIRMERS   2u
#define CLAIMS_MAX   512u
#define RUNS_MOST    30u

/* AIs 0..size-1 are in room 0, and so on. */
static const struct arm {
    const char *name;
    unsigned size; /* of a room */
    bool migrants;
} arms[] = {{"apart", 1, false},
            {"rooms of 3", ISLAND, false},
            {"islands of 3", ISLAND, true},
            {"one room", AIS, false}};
enum { APART, ROOMS, ARMS = sizeof arms / sizeof *arms };

struct claim {
    json_t *thing;
    unsigned author;
    double sum; /* of the ratios on its confirmers' own workloads */
    unsigned confirmers;
    bool had[AIS]; /* who has run it */
};

struct archipelago {
    const struct subject *subject;
    const struct arm *arm;
    unsigned every;
    struct {
        struct brain *brain;
        char name[64];
        unsigned due, next_room;
    } ais[AIS];
    struct claim claims[CLAIMS_MAX];
    size_t claim_count;
    unsigned checks, migrants;
};

/* What came of an arm in one run. */
struct outcome {
    double found, mean; /* held-out ratios: of the best by choice; of the nine AIs */
    double evaluations, checks, migrants;
};

static brain_stop go; /* never set */

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "islands: %s\n", what);
    exit(1);
}

static unsigned spent(struct archipelago *sea, unsigned which)
{
    struct policy_figures figures;
    policy_figures(sea->ais[which].brain->state, &figures);
    return figures.evaluations;
}

static unsigned room_of(const struct archipelago *sea, unsigned which)
{
    return which / sea->arm->size;
}

/* Runs it on this AI's own workloads, and lets it have it under this name. Its ratio there. */
static double take(struct archipelago *sea, unsigned which, struct claim *claim, const char *name)
{
    struct brain *brain = sea->ais[which].brain;
    struct policy_brain *policy = brain->state;
    struct record *record = policy_record(policy, sea->subject);
    struct solution solution;
    struct probe_report report;
    char why[256];
    if (record_checking(policy, record) < 0 ||
        solution_read(sea->subject, claim->thing, &solution, why, sizeof why) != 0)
        die("a claim could not be read");
    solution_measure(sea->subject, &solution, &record->checking, 1, &go, &report);
    solution_free(&solution);
    json_t *metrics = json_pack("{s:b,s:f}", "claim_holds", 1, "ratio_own", report.score.ratio);
    if (report.result != PROBE_RAN || !metrics)
        die("a claim could not be run");
    brain->take_in(brain->state, name, claim->thing, metrics);
    json_decref(metrics);
    claim->had[which] = true;
    sea->checks++;
    return report.score.ratio;
}

/* All of its room hear it. A component says what its author's pattern has said already. */
static void share(struct archipelago *sea, unsigned author, json_t *thing)
{
    if (strcmp(json_string_value(json_object_get(thing, "kind")), "pattern") != 0)
        return;
    if (sea->claim_count == CLAIMS_MAX)
        die("too many claims");
    struct claim *claim = &sea->claims[sea->claim_count++];
    *claim = (struct claim){.thing = json_incref(thing), .author = author};
    for (unsigned i = 0; i < AIS; i++)
        if (i != author && room_of(sea, i) == room_of(sea, author)) {
            claim->sum += take(sea, i, claim, sea->ais[author].name);
            claim->confirmers++;
        }
}

static double confirmers_mean(const struct claim *claim)
{
    return claim->sum / claim->confirmers;
}

/* Looks into the next of the other rooms. */
static void look(struct archipelago *sea, unsigned which)
{
    unsigned rooms = AIS / sea->arm->size;
    struct claim *best = NULL;
    do
        sea->ais[which].next_room = (sea->ais[which].next_room + 1) % rooms;
    while (sea->ais[which].next_room == room_of(sea, which));
    for (size_t i = 0; i < sea->claim_count; i++) {
        struct claim *claim = &sea->claims[i];
        if (room_of(sea, claim->author) == sea->ais[which].next_room && !claim->had[which] &&
            claim->confirmers >= CONFIRMERS &&
            (!best || confirmers_mean(claim) < confirmers_mean(best)))
            best = claim;
    }
    if (!best)
        return;
    char name[2 * sizeof sea->ais[0].name];
    snprintf(name, sizeof name, "%s@%u", sea->ais[best->author].name, sea->ais[which].next_room);
    take(sea, which, best, name);
    sea->migrants++;
}

/* A job, and what others hear of it. evaluations 0: only what it has not claimed yet. */
static void turn(struct archipelago *sea, unsigned which, unsigned evaluations)
{
    struct brain *brain = sea->ais[which].brain;
    json_t *claims, *claim;
    size_t i;
    if (brain->train(brain->state, evaluations, &go, &claims) < 0)
        die("out of memory");
    json_array_foreach(claims, i, claim)
    {
        share(sea, which, claim);
    }
    json_decref(claims);
    if (evaluations == 0 || !sea->arm->migrants || spent(sea, which) < sea->ais[which].due)
        return;
    sea->ais[which].due = spent(sea, which) + sea->every;
    look(sea, which);
}

static void search_all(struct archipelago *sea, unsigned evaluations)
{
    for (bool more = true; more;) {
        more = false;
        for (unsigned i = 0; i < AIS; i++) {
            unsigned done = spent(sea, i), left = done < evaluations ? evaluations - done : 0;
            if (left > 0)
                turn(sea, i, left < TRAINING_BUDGET ? left : TRAINING_BUDGET);
            more = more || left > 0;
        }
    }
    for (unsigned i = 0; i < AIS; i++)
        turn(sea, i, 0);
}

static void measure(struct archipelago *sea, const struct evaluation_set *choice,
                    const struct evaluation_set *test, struct outcome *ret_outcome)
{
    struct outcome outcome = {.checks = sea->checks, .migrants = sea->migrants};
    double least = HUGE_VAL;
    for (unsigned i = 0; i < AIS; i++) {
        struct policy_brain *policy = sea->ais[i].brain->state;
        if (!policy_choose(policy, &go) || policy->choice.solution.source)
            die("an AI has found nothing");
        const double *parameters = policy->choice.solution.parameters;
        double chosen = evaluation_set_score(choice, parameters).ratio;
        double ratio = evaluation_set_score(test, parameters).ratio;
        outcome.mean += ratio / AIS;
        outcome.evaluations += spent(sea, i);
        if (chosen < least)
            outcome.found = ratio;
        least = fmin(least, chosen);
    }
    *ret_outcome = outcome;
}

static void run_arm(const struct subject *subject, const struct arm *arm, unsigned run,
                    unsigned evaluations, unsigned every, const struct evaluation_set *choice,
                    const struct evaluation_set *test, struct outcome *ret_outcome)
{
    struct archipelago *sea = calloc(1, sizeof *sea);
    if (!sea)
        die("out of memory");
    *sea = (struct archipelago){.subject = subject, .arm = arm, .every = every};
    for (unsigned i = 0; i < AIS; i++) {
        snprintf(sea->ais[i].name, sizeof sea->ais[i].name, "island%u_%u", run, i);
        sea->ais[i].brain = brain_policy_new(sea->ais[i].name, subject->specialization);
        sea->ais[i].due = every;
        if (!sea->ais[i].brain)
            die("out of memory");
    }
    search_all(sea, evaluations);
    measure(sea, choice, test, ret_outcome);
    for (unsigned i = 0; i < AIS; i++)
        brain_free(sea->ais[i].brain);
    for (size_t i = 0; i < sea->claim_count; i++)
        json_decref(sea->claims[i].thing);
    free(sea);
}

/* ── all runs ── */

struct interval {
    double mean, half; /* 95 %, of Student's t */
};

static struct interval interval_of(const double *values, unsigned count)
{
    static const double student[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306,
                                     2.262,  2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
                                     2.110,  2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064,
                                     2.060,  2.056, 2.052, 2.048, 2.045};
    struct interval all = {0};
    double squares = 0;
    for (unsigned i = 0; i < count; i++)
        all.mean += values[i] / count;
    for (unsigned i = 0; i < count; i++)
        squares += (values[i] - all.mean) * (values[i] - all.mean);
    if (count > 1)
        all.half = student[count - 2] * sqrt(squares / (count - 1) / count);
    return all;
}

/* By how much more an arm has found than another, run by run. */
static struct interval against(unsigned which, unsigned other, struct outcome (*outcomes)[ARMS],
                               unsigned runs)
{
    double differences[RUNS_MOST];
    for (unsigned i = 0; i < runs; i++)
        differences[i] = outcomes[i][which].found - outcomes[i][other].found;
    return interval_of(differences, runs);
}

static void print_arm(unsigned which, struct outcome (*outcomes)[ARMS], unsigned runs)
{
    double found[RUNS_MOST], mean[RUNS_MOST], evaluations = 0, checks = 0, migrants = 0;
    for (unsigned i = 0; i < runs; i++) {
        const struct outcome *outcome = &outcomes[i][which];
        found[i] = outcome->found;
        mean[i] = outcome->mean;
        evaluations += outcome->evaluations / runs;
        checks += outcome->checks / runs;
        migrants += outcome->migrants / runs;
    }
    struct interval f = interval_of(found, runs), m = interval_of(mean, runs),
                    apart = against(which, APART, outcomes, runs),
                    rooms = against(which, ROOMS, outcomes, runs);
    printf("  %-12s %6.4f +- %.4f %+8.4f +- %.4f %+8.4f +- %.4f %7.4f +- %.4f %6.0f %6.0f %8.1f\n",
           arms[which].name, f.mean, f.half, apart.mean, apart.half, rooms.mean, rooms.half, m.mean,
           m.half, evaluations, checks, migrants);
}

/* All arms of a run, and a line that says what they found. */
static void bench_run(const struct subject *subject, unsigned run, unsigned evaluations,
                      unsigned every, struct outcome ret_outcomes[ARMS])
{
    char split[64];
    snprintf(split, sizeof split, "islands/choice/%u", run);
    struct evaluation_set *choice = evaluation_set_new(subject, split, CHOICE_SEEDS);
    snprintf(split, sizeof split, "islands/heldout/%u", run);
    struct evaluation_set *test = evaluation_set_new(subject, split, TEST_SEEDS);
    if (!choice || !test)
        die("out of memory");
    printf("  run %u:", run + 1);
    for (unsigned i = 0; i < ARMS; i++) {
        run_arm(subject, &arms[i], run, evaluations, every, choice, test, &ret_outcomes[i]);
        printf(" %s %.4f%s", arms[i].name, ret_outcomes[i].found, i + 1 < ARMS ? "," : "\n");
        fflush(stdout);
    }
    evaluation_set_free(choice);
    evaluation_set_free(test);
}

static void bench(const struct subject *subject, unsigned evaluations, unsigned runs,
                  unsigned every)
{
    struct outcome outcomes[RUNS_MOST][ARMS];
    printf("\n%s: held-out ratio to %s\n", subject->name, subject->baseline_names[0]);
    for (unsigned run = 0; run < runs; run++)
        bench_run(subject, run, evaluations, every, outcomes[run]);
    printf("  %-12s %16s %18s %18s %17s %6s %6s %8s\n", "", "what they found", "against apart",
           "against rooms", "mean of the AIs", "evals", "checks", "migrants");
    for (unsigned i = 0; i < ARMS; i++)
        print_arm(i, outcomes, runs);
    fflush(stdout);
}

static unsigned whole(int argc, char **argv, int which, unsigned fallback)
{
    int given = argc > which ? atoi(argv[which]) : (int)fallback;
    return given > 0 ? (unsigned)given : 0;
}

int main(int argc, char **argv)
{
    unsigned evaluations = whole(argc, argv, 1, 100), runs = whole(argc, argv, 2, 10),
             every = whole(argc, argv, 4, 25);
    const char *names[] = {"audio", "graphics"};
    size_t count = sizeof names / sizeof *names;
    if (argc > 3) {
        names[0] = argv[3];
        count = 1;
    }
    const struct subject *first = subject_find(names[0]);
    if (argc > 5 || evaluations == 0 || runs == 0 || runs > RUNS_MOST || every == 0 || !first ||
        first->solve) {
        fprintf(stderr,
                "usage: %s [EVALUATIONS [RUNS [SUBJECT [EVERY]]]]; at most %u runs, and "
                "SUBJECT one that is searched for\n",
                argv[0], RUNS_MOST);
        return 2;
    }
    printf("%u AIs, each with %u evaluations of its own on %u workloads; a migrant each %u; "
           "synthetic workloads, 95 %% intervals over the runs\n",
           AIS, evaluations, TRAIN_SEEDS, every);
    for (size_t i = 0; i < count; i++)
        bench(subject_find(names[i]), evaluations, runs, every);
    return 0;
}
