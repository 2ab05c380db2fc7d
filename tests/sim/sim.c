/* Runs seeds: each a world of its own, some thousand steps long, judged after every step. TAP.
 *
 *     sim     KHUB_SIM_SEEDS seeds (200) of KHUB_SIM_STEPS steps (2000), on a log that commits at
 *             once; and a third of them on logs that commit later, with restarts
 *     sim --seed N [--steps M] [--restarts] [--verbose]
 *             one seed; the state is compared whole after each step, so that the first step that
 *             went wrong is the one that is named */
#include <assert.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "async.h"

enum { SEEDS = 200, STEPS = 2000, STATE_EVERY = 64, BLOCK = 25, TWICE_EVERY = 10 };

/* ── if the hub dies ── */

static char last_words[256];

static void replay_command(const struct world *world, unsigned steps, char *buffer, size_t size)
{
    snprintf(buffer, size, "build/tests/sim/sim%s --seed %llu --steps %u --verbose", world->mode,
             (unsigned long long)world->seed, steps);
}

void remember(const struct world *world)
{
    char command[128];
    replay_command(world, world->step + 1, command, sizeof command);
    snprintf(last_words, sizeof last_words, "Bail out! seed %llu died at step %u; replay: %s\n",
             (unsigned long long)world->seed, world->step, command);
}

static void die(int number)
{
    (void)!write(STDOUT_FILENO, last_words, strlen(last_words));
    signal(number, SIG_DFL);
    raise(number);
}

/* ── steps ── */

/* A slot that is (or is not) in use; NOBODY when there is none. Some are picked more often, so that
 * something comes of them. */
int pick_link(struct world *world, bool open)
{
    unsigned start = chance_one_in(&world->chance, 4) ? 0 : chance_below(&world->chance, LINKS);
    for (unsigned i = 0; i < LINKS; i++) {
        int link = (int)((start + i) % LINKS);
        if (world->links[link].open == open)
            return link;
    }
    return NOBODY;
}

static void settle(struct world *world, const struct said *said)
{
    if (!world_failed(world))
        check_call(world, said);
    if (!world_failed(world))
        check_counts(world);
}

static bool step_connect(struct world *world)
{
    int at = pick_link(world, false);
    if (at == NOBODY)
        return false;
    struct link *link = &world->links[at];
    link->id = (peer_id)++link->generation << 32 | (unsigned)at;
    link->open = true;
    link->heard = world->clock;
    world_say(world, "link %d connects", at);
    hub_open(world->hub, link->id, world->now);
    settle(world, NULL);
    return true;
}

static void tell(const struct world *world)
{
    for (size_t i = 0; world->verbose && i < world->caused_count; i++)
        printf("#        → %d %.*s\n", world->caused[i].link,
               (int)(world->caused[i].len < 300 ? world->caused[i].len : 300),
               world->caused[i].line);
}

static bool step_say(struct world *world)
{
    int at = pick_link(world, true);
    struct said said;
    if (at == NOBODY)
        return false;
    traffic_say(world, at, &said);
    world_say(world, "link %d (%s) says %.*s", at,
              world->links[at].name < 0 ? "?" : names[world->links[at].name],
              (int)(said.len < 400 ? said.len : 400), said.line);
    /* bytes of exactly that length, so that a sanitizer sees who reads behind them */
    char *bytes = malloc(said.len);
    assert(bytes);
    memcpy(bytes, said.line, said.len);
    hub_line(world->hub, world->links[at].id, (struct slice){bytes, said.len}, world->now);
    free(bytes);
    check_lines(world);
    tell(world);
    if (!world_failed(world))
        model_line(world, &said);
    settle(world, &said);
    said_free(&said);
    return true;
}

static bool step_gone(struct world *world)
{
    static const enum close_reason reasons[] = {CLOSE_PEER_CLOSED, CLOSE_PEER_RESET,
                                                CLOSE_WRITE_FAILED};
    int at = pick_link(world, true);
    if (at == NOBODY)
        return false;
    enum close_reason reason = reasons[chance_below(&world->chance, 3)];
    world_say(world, "link %d goes: %s", at, close_reason_text(reason));
    world->closed[at] = -1; /* nothing can reach it any more */
    hub_gone(world->hub, world->links[at].id, reason, world->now);
    check_lines(world);
    tell(world);
    model_gone(world, at, reason);
    settle(world, NULL);
    return true;
}

static bool step_expel(struct world *world)
{
    int at = pick_link(world, true);
    if (at == NOBODY)
        return false;
    world_say(world, "link %d reads too slowly", at);
    hub_expel(world->hub, world->links[at].id, CLOSE_SLOW_CONSUMER, WIRE_SLOW_CONSUMER, world->now);
    check_lines(world);
    tell(world);
    model_expel(world, at, CLOSE_SLOW_CONSUMER, WIRE_SLOW_CONSUMER);
    settle(world, NULL);
    return true;
}

static bool step_too_long(struct world *world)
{
    int at = pick_link(world, true);
    if (at == NOBODY)
        return false;
    world_say(world, "link %d says a line that is too long", at);
    hub_line_too_long(world->hub, world->links[at].id, 1 << 20, world->now);
    check_lines(world);
    tell(world);
    model_too_long(world, at);
    settle(world, NULL);
    return true;
}

static void step_tick(struct world *world)
{
    world_say(world, "tick");
    int64_t next = hub_tick(world->hub, world->now);
    if (next < 0 || next > 1000)
        world_fail(world, "hub_tick asks for the next call in %lld ms", (long long)next);
    check_lines(world);
    tell(world);
    model_tick(world);
    settle(world, NULL);
}

/* A line, an end and an expulsion of a connection that is no more: nothing may come of it. */
static bool step_ghost(struct world *world)
{
    int at = pick_link(world, false);
    if (at == NOBODY || !world->links[at].generation)
        return false;
    peer_id ghost = (peer_id)world->links[at].generation << 32 | (unsigned)at;
    world_say(world, "link %d, long gone, stirs", at);
    hub_line(world->hub, ghost, slice_of("{}"), world->now);
    hub_line_too_long(world->hub, ghost, 1 << 20, world->now);
    hub_gone(world->hub, ghost, CLOSE_PEER_RESET, world->now);
    hub_expel(world->hub, ghost, CLOSE_SLOW_CONSUMER, WIRE_SLOW_CONSUMER, world->now);
    check_lines(world);
    settle(world, NULL);
    return true;
}

/* Mostly a busy hub; now and then nobody says much for minutes, and once in a while somebody sets
 * the clock. */
void step_time(struct world *world)
{
    struct chance *chance = &world->chance;
    int64_t passed = chance_one_in(chance, 4) ? 0 : chance_below(chance, 400);
    if (chance_one_in(chance, 200))
        world->sleepy = 5 + chance_below(chance, 40);
    if (world->sleepy) {
        world->sleepy--;
        passed = 1000 + chance_below(chance, CLOCK_STEP_MAX_MS - 1000);
    } else if (chance_one_in(chance, 200)) {
        int64_t jump = chance_below(chance, 100 * 3600 * 1000);
        passed = chance_one_in(chance, 2) ? -jump : jump;
        world_say(world, "the clock is set, %lld ms off", (long long)passed);
    }
    model_clock(world, world->now + passed);
}

static void step(struct world *world)
{
    static bool (*const rare[])(struct world *) = {step_gone, step_expel, step_too_long,
                                                   step_ghost};
    const unsigned *weights = &world->temper.weights[TYPE_WEIGHTS];
    unsigned open = 0, pick = chance_below(&world->chance, 100);
    bool done = false;
    for (int link = 0; link < LINKS; link++)
        open += world->links[link].open;
    world_begin(world);
    step_time(world);
    if (open < 2 + weights[5] && pick < 30)
        done = step_connect(world);
    else if (pick < 2 + weights[0])
        done = rare[chance_below(&world->chance, 4)](world);
    else if (pick >= 14 && (!world->sleepy || pick > 80))
        done = step_say(world);
    if (!done)
        step_tick(world);
}

static void stop(struct world *world)
{
    world_begin(world);
    world_say(world, "the hub stops");
    model_clock(world, world->now + 5);
    hub_stop(world->hub, world->now);
    check_lines(world);
    tell(world);
    model_stop(world);
    settle(world, NULL);
    if (!world_failed(world))
        check_state(world);
}

/* ── seeds ── */

struct outcome {
    bool good;
    unsigned step;
    uint64_t hash;
    char why[sizeof((struct world *)0)->why], command[128];
    uint64_t accepted, refused;
};

static void run_steps(struct world *world, unsigned steps, unsigned state_every)
{
    struct text running[ROOMS] = {{0}}, stopped[ROOMS] = {{0}};
    world_serve(world);
    while (world->step < steps && !world_failed(world)) {
        remember(world);
        step(world);
        if (!world_failed(world) && (world->step + 1) % state_every == 0)
            check_state(world);
        if (!world_failed(world) && chance_one_in(&world->faults, 400))
            reload_check(world);
        world->step++;
    }
    if (!world_failed(world)) {
        size_t before_stop = world->record.count;
        dump_rooms(world->hub, running);
        stop(world);
        dump_rooms(world->hub, stopped);
        if (!world_failed(world))
            replay(world, before_stop, running, stopped);
    }
    dump_free(running);
    dump_free(stopped);
}

static const struct mode {
    const char *option, *what;
    unsigned share; /* of the seeds, one in so many */
    void (*run)(struct world *world, unsigned steps, unsigned state_every);
} modes[] = {{"", "a log that commits at once", 1, run_steps},
             {" --restarts", "logs that commit later, crashes and restarts", 3, restart_run}};
enum { MODES = sizeof modes / sizeof *modes };

static struct outcome run(const struct mode *mode, uint64_t seed, unsigned steps,
                          unsigned state_every, bool verbose)
{
    struct world *world = malloc(sizeof *world);
    assert(world);
    world_new(world, seed, verbose);
    world->mode = mode->option;
    mode->run(world, steps, state_every);
    struct outcome outcome = {.good = !world_failed(world),
                              .step = world->step,
                              .hash = world->hash,
                              .accepted = world->accepted,
                              .refused = world->refused};
    memcpy(outcome.why, world->why, sizeof outcome.why);
    replay_command(world, world->step, outcome.command, sizeof outcome.command);
    world_free(world);
    free(world);
    return outcome;
}

static void report(const struct mode *mode, uint64_t seed, unsigned steps,
                   const struct outcome *outcome)
{
    /* the state is compared only now and then: look for the first step that shows it */
    struct outcome closer = run(mode, seed, steps, 1, false);
    const struct outcome *shown = closer.good ? outcome : &closer;
    printf("# seed %llu failed at step %u of %u: %s\n", (unsigned long long)seed, shown->step,
           steps, shown->why);
    printf("# replay: %s\n", shown->command);
}

static unsigned from_environment(const char *name, unsigned preset)
{
    const char *text = getenv(name);
    long number = text ? strtol(text, NULL, 10) : 0;
    return number > 0 && number < 100000000 ? (unsigned)number : preset;
}

static int run_one(const struct mode *mode, uint64_t seed, unsigned steps, bool verbose)
{
    struct outcome outcome = run(mode, seed, steps, 1, verbose);
    printf("1..1\n%s 1 - seed %llu, %u steps\n", outcome.good ? "ok" : "not ok",
           (unsigned long long)seed, steps);
    if (!outcome.good)
        printf("# step %u: %s\n", outcome.step, outcome.why);
    printf("# %llu messages accepted, %llu refused, hash %016llx\n",
           (unsigned long long)outcome.accepted, (unsigned long long)outcome.refused,
           (unsigned long long)outcome.hash);
    return outcome.good ? 0 : 1;
}

struct tally {
    unsigned test, failures, different;
    uint64_t accepted, refused;
};

static void run_seed(const struct mode *mode, uint64_t seed, unsigned steps, struct tally *tally)
{
    struct outcome outcome = run(mode, seed, steps, STATE_EVERY, false);
    tally->accepted += outcome.accepted;
    tally->refused += outcome.refused;
    if (!outcome.good) {
        tally->failures++;
        report(mode, seed, steps, &outcome);
    } else if (seed % TWICE_EVERY == 0 &&
               run(mode, seed, steps, STATE_EVERY, false).hash != outcome.hash) {
        tally->different++;
        printf("# seed %llu: two runs differ\n", (unsigned long long)seed);
    }
}

static void run_mode(const struct mode *mode, unsigned seeds, unsigned steps, struct tally *tally)
{
    for (unsigned first = 1; first <= seeds; first += BLOCK) {
        unsigned last = first + BLOCK - 1 < seeds ? first + BLOCK - 1 : seeds;
        unsigned before = tally->failures;
        for (unsigned seed = first; seed <= last; seed++)
            run_seed(mode, seed, steps, tally);
        printf("%s %u - %s: seeds %u to %u, %u steps each\n",
               tally->failures == before ? "ok" : "not ok", ++tally->test, mode->what, first, last,
               steps);
        fflush(stdout);
    }
}

static unsigned seeds_of(const struct mode *mode, unsigned seeds)
{
    return (seeds + mode->share - 1) / mode->share;
}

static int run_all(unsigned seeds, unsigned steps)
{
    struct tally tally = {0};
    unsigned tests = 1;
    for (size_t i = 0; i < MODES; i++)
        tests += (seeds_of(&modes[i], seeds) + BLOCK - 1) / BLOCK;
    printf("1..%u\n", tests);
    for (size_t i = 0; i < MODES; i++)
        run_mode(&modes[i], seeds_of(&modes[i], seeds), steps, &tally);
    printf("%s %u - two runs of one seed give the same bytes\n", tally.different ? "not ok" : "ok",
           ++tally.test);
    printf("# %llu messages accepted, %llu refused\n", (unsigned long long)tally.accepted,
           (unsigned long long)tally.refused);
    return tally.failures || tally.different ? 1 : 0;
}

int main(int count, char **arguments)
{
    static const struct option options[] = {{"seed", required_argument, NULL, 's'},
                                            {"steps", required_argument, NULL, 'n'},
                                            {"restarts", no_argument, NULL, 'r'},
                                            {"verbose", no_argument, NULL, 'v'},
                                            {NULL, 0, NULL, 0}};
    unsigned steps = from_environment("KHUB_SIM_STEPS", STEPS);
    unsigned seeds = from_environment("KHUB_SIM_SEEDS", SEEDS);
    uint64_t seed = 0;
    const struct mode *mode = &modes[0];
    bool verbose = false;
    for (int option; (option = getopt_long(count, arguments, "", options, NULL)) != -1;) {
        if (option == 's')
            seed = strtoull(optarg, NULL, 10);
        else if (option == 'n')
            steps = (unsigned)strtoul(optarg, NULL, 10);
        else if (option == 'r')
            mode = &modes[1];
        else if (option == 'v')
            verbose = true;
        else
            return 2;
    }
    signal(SIGABRT, die);
    signal(SIGSEGV, die);
    return seed ? run_one(mode, seed, steps, verbose) : run_all(seeds, steps);
}
