/* Genetic programming (Koza 1992) over expression trees, steady state: children of two tournaments
 * take the places of those who lose one.
 *
 * It begins with what is known already, in the frame's words, and with random trees of all sizes.
 * A child is a crossing of two, or a mutation of one: another number, another operation, another
 * subtree, or a subtree in the place of the whole, which keeps trees from growing. What was
 * proposed before, but for how it is written, is not proposed again; what turns out to do what
 * another did has no place in the population. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/elementary.h"
#include "search/novelty.h"
#include "search/proposer.h"

enum { POPULATION = 96, TOURNAMENT = 4, TRIES = 16, DEPTH_MAX = 5 };
#define CROSSINGS    0.4
#define FROM_ARCHIVE 0.15 /* of the parents */
#define NEXT_NUMBER  0.35 /* standard deviation of a number's change, as a power of e */

struct genetic {
    const struct subject *subject;
    struct random random;
    struct program first[POPULATION]; /* what it begins with */
    size_t first_count, first_next;
    struct trial population[POPULATION];
    size_t count;
    struct programs_seen seen;
    const struct archive *archive;
};

static void genetic_free(void *state)
{
    struct genetic *genetic = state;
    programs_seen_free(&genetic->seen);
    free(genetic);
}

/* ── random trees ── */

static int32_t random_number(struct random *random)
{
    int32_t number = (int32_t)random_log_between(random, 1, 1e6);
    return random_below(random, 8) == 0 ? -number : number;
}

static int32_t random_factor(struct random *random)
{
    return (int32_t)random_log_between(random, 16, 16384);
}

static struct program_node random_leaf(struct genetic *genetic)
{
    struct random *random = &genetic->random;
    if (random_uniform(random) < 0.8)
        return (struct program_node){
            PROGRAM_FEATURE, (int32_t)random_below(random, genetic->subject->frame->feature_count)};
    return (struct program_node){PROGRAM_NUMBER, random_number(random)};
}

static struct program_node random_branch(struct random *random)
{
    static const uint8_t drawn[] = {PROGRAM_ADD,   PROGRAM_ADD,   PROGRAM_SUBTRACT,
                                    PROGRAM_LEAST, PROGRAM_MOST,  PROGRAM_SCALE,
                                    PROGRAM_SCALE, PROGRAM_TIMES, PROGRAM_IF_MORE};
    uint8_t operation = drawn[random_below(random, sizeof drawn)];
    return (struct program_node){operation, operation == PROGRAM_SCALE ? random_factor(random) : 0};
}

/* A tree of at most this depth, in prefix order. False: it has too many nodes. */
static bool grow(struct genetic *genetic, unsigned depth, struct program *program)
{
    unsigned left[PROGRAM_NODES_MAX + 1] = {1}; /* how many trees each level still wants */
    unsigned level = 0;
    program->count = 0;
    for (;;) {
        while (left[level] == 0) {
            if (level == 0)
                return true;
            level--;
        }
        left[level]--;
        if (program->count == PROGRAM_NODES_MAX)
            return false;
        bool branches = level < depth && random_uniform(&genetic->random) < 0.7;
        struct program_node node =
            branches ? random_branch(&genetic->random) : random_leaf(genetic);
        program->nodes[program->count++] = node;
        if (branches)
            left[++level] = program_arguments[node.operation];
    }
}

static void random_program(struct genetic *genetic, unsigned depth, struct program *ret_program)
{
    while (!grow(genetic, depth, ret_program))
        ;
}

/* ── children ── */

/* `whole` with the tree at `at` replaced by `part`. False: it would be too large. */
static bool replace(const struct program *whole, size_t at, const struct program_node *part,
                    size_t part_count, struct program *ret_child)
{
    size_t end = program_end(whole, at), rest = whole->count - end;
    if (at + part_count + rest > PROGRAM_NODES_MAX)
        return false;
    struct program child = {.count = (uint32_t)(at + part_count + rest)};
    memcpy(child.nodes, whole->nodes, at * sizeof *child.nodes);
    memcpy(child.nodes + at, part, part_count * sizeof *part);
    memcpy(child.nodes + at + part_count, whole->nodes + end, rest * sizeof *child.nodes);
    *ret_child = child;
    return true;
}

static size_t any_node(struct genetic *genetic, const struct program *program)
{
    return (size_t)random_below(&genetic->random, program->count);
}

static bool cross(struct genetic *genetic, const struct program *mother,
                  const struct program *father, struct program *ret_child)
{
    size_t from = any_node(genetic, father);
    return replace(mother, any_node(genetic, mother), father->nodes + from,
                   program_end(father, from) - from, ret_child);
}

/* A number or factor, near to what it was. */
static void change_number(struct genetic *genetic, struct program_node *node)
{
    double change = elementary_exp(NEXT_NUMBER * random_normal(&genetic->random));
    double value = node->value * change + (random_uniform(&genetic->random) - 0.5) * 4;
    double most = node->operation == PROGRAM_SCALE ? 1048576 : 1e9;
    node->value = (int32_t)fmax(node->operation == PROGRAM_SCALE ? 0 : -most, fmin(most, value));
}

/* Another of its kind in its place. */
static void change_node(struct genetic *genetic, struct program_node *node)
{
    if (node->operation == PROGRAM_NUMBER || node->operation == PROGRAM_SCALE) {
        change_number(genetic, node);
        return;
    }
    if (node->operation == PROGRAM_FEATURE) {
        *node = random_leaf(genetic);
        return;
    }
    unsigned arguments = program_arguments[node->operation];
    struct program_node other;
    do
        other = random_branch(&genetic->random);
    while (program_arguments[other.operation] != arguments);
    *node = other;
}

static bool mutate(struct genetic *genetic, const struct program *parent, struct program *ret_child)
{
    size_t at = any_node(genetic, parent);
    double choice = random_uniform(&genetic->random);
    struct program part;
    if (choice < 0.6) { /* in place, often more than one */
        *ret_child = *parent;
        do
            change_node(genetic, &ret_child->nodes[any_node(genetic, parent)]);
        while (random_uniform(&genetic->random) < 0.4);
        return true;
    }
    if (choice < 0.85) {
        random_program(genetic, 2, &part);
        return replace(parent, at, part.nodes, part.count, ret_child);
    }
    size_t count = program_end(parent, at) - at;
    *ret_child = (struct program){.count = (uint32_t)count};
    memcpy(ret_child->nodes, parent->nodes + at, count * sizeof *ret_child->nodes);
    return true;
}

/* ── who has children, and who makes room ── */

static size_t tournament(struct genetic *genetic, bool for_worst)
{
    size_t winner = (size_t)random_below(&genetic->random, genetic->count);
    for (int i = 1; i < TOURNAMENT; i++) {
        size_t other = (size_t)random_below(&genetic->random, genetic->count);
        int order = trial_compare(&genetic->population[other], &genetic->population[winner]);
        if (for_worst ? order > 0 : order < 0)
            winner = other;
    }
    return winner;
}

static const struct program *parent(struct genetic *genetic)
{
    const struct trial *elites[2];
    if (random_uniform(&genetic->random) < FROM_ARCHIVE) {
        size_t count = archive_sample(genetic->archive, &genetic->random, 2, elites);
        const struct trial *elite =
            count > 0 ? elites[random_below(&genetic->random, count)] : NULL;
        if (elite && elite->kind == TRIAL_PROGRAM)
            return &elite->program;
    }
    return &genetic->population[tournament(genetic, false)].program;
}

/* Whether none was proposed that differs in nothing but its writing; now there was one. */
static bool is_new(struct genetic *genetic, const struct program *program)
{
    return programs_seen_add(&genetic->seen, program) != 0;
}

static void child(struct genetic *genetic, struct program *ret_child)
{
    for (int i = 0; i < TRIES; i++) {
        bool made = random_uniform(&genetic->random) < CROSSINGS
                        ? cross(genetic, parent(genetic), parent(genetic), ret_child)
                        : mutate(genetic, parent(genetic), ret_child);
        if (made && is_new(genetic, ret_child))
            return;
    }
    for (int i = 0; i < TRIES; i++) {
        random_program(genetic, DEPTH_MAX, ret_child);
        if (is_new(genetic, ret_child))
            return;
    }
}

/* ── the searcher ── */

static int genetic_propose(struct proposer *proposer, const struct search_state *search,
                           size_t most, struct trial *ret_trials, char why[256])
{
    struct genetic *genetic = proposer->state;
    (void)why;
    genetic->archive = search->archive;
    for (size_t i = 0; i < most; i++) {
        ret_trials[i] = (struct trial){.kind = TRIAL_PROGRAM};
        if (genetic->first_next < genetic->first_count)
            ret_trials[i].program = genetic->first[genetic->first_next++];
        else
            child(genetic, &ret_trials[i].program);
    }
    return (int)most;
}

static int genetic_told(void *state, const struct trial *trials, size_t count, char why[256])
{
    struct genetic *genetic = state;
    (void)why;
    for (size_t i = 0; i < count; i++) {
        if (trials[i].repeats)
            continue; /* one that does the same is or was in the population */
        if (genetic->count < POPULATION) {
            genetic->population[genetic->count++] = trials[i];
            continue;
        }
        struct trial *loser = &genetic->population[tournament(genetic, true)];
        if (trial_compare(&trials[i], loser) <= 0)
            *loser = trials[i];
    }
    return 0;
}

int proposer_genetic(const struct subject *subject, uint64_t seed, struct proposer *ret_proposer,
                     char why[256])
{
    const struct program_frame *frame = subject->frame;
    struct genetic *genetic = frame ? calloc(1, sizeof *genetic) : NULL;
    if (!genetic) {
        if (frame)
            snprintf(why, 256, "out of memory");
        else
            snprintf(why, 256, "%s has no frame for programs yet", subject->name);
        return -1;
    }
    genetic->subject = subject;
    random_seed(&genetic->random, seed);
    for (size_t i = 0; i < POPULATION && frame->known[i]; i++) {
        int failed = program_read(frame, frame->known[i], &genetic->first[genetic->first_count]);
        assert(!failed);
        (void)failed;
        is_new(genetic, &genetic->first[genetic->first_count++]);
    }
    for (unsigned depth = 1; genetic->first_count < POPULATION; depth = depth % DEPTH_MAX + 1) {
        random_program(genetic, depth, &genetic->first[genetic->first_count]);
        genetic->first_count += is_new(genetic, &genetic->first[genetic->first_count]);
    }
    *ret_proposer = (struct proposer){.name = "genetic",
                                      .state = genetic,
                                      .propose = genetic_propose,
                                      .told = genetic_told,
                                      .free = genetic_free};
    return 0;
}
