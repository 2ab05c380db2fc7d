/* A forward filter: a weight for each pair of what may be going on and a state of the program. With
 * each call the weights flow along the program's transitions, and those the call rules out vanish.
 * `unit` rescales them, or they would underflow within a few hundred calls. */
#include "policy/security/attack_filter.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

void attack_filter_start(struct attack_filter *filter, const struct automaton *program,
                         const struct mimicry *mimicry, uint8_t state)
{
    *filter = (struct attack_filter){.program = program, .mimicry = mimicry, .unit = 1};
    filter->weight[0][FREE][state] = filter->weight[0][SETTLED][state] = 1;
}

/* The program's ways on a call: few of its states make it. */
struct ways {
    int count;
    struct {
        uint8_t from, to;
        double probability;
    } way[PROGRAM_STATES];
};

static struct ways ways_of(const struct automaton *program, uint8_t call)
{
    struct ways ways = {.count = 0};
    for (uint32_t state = 0; state < PROGRAM_STATES; state++)
        if (program->probability[state][call] > 0) {
            ways.way[ways.count].from = (uint8_t)state;
            ways.way[ways.count].to = program->next[state][call];
            ways.way[ways.count++].probability = program->probability[state][call];
        }
    return ways;
}

/* to += `share` of what is in `from`, on these ways. Returns the sum of what was added. */
static double follow(const struct ways *ways, const double *from, double share, double *to)
{
    double sum = 0;
    for (int i = 0; i < ways->count; i++) {
        double part = from[ways->way[i].from] * (share * ways->way[i].probability);
        to[ways->way[i].to] += part;
        sum += part;
    }
    return sum;
}

struct belief attack_filter_take(struct attack_filter *filter, const uint8_t *call)
{
    double(*old)[PROGRAM_STATES] = filter->weight[filter->latest];
    double(*next)[PROGRAM_STATES] = filter->weight[filter->latest ^= 1];
    memset(next, 0, sizeof filter->weight[0]);
    struct ways ways = ways_of(filter->program, *call);
    double unit = filter->unit, of[3] = {0}; /* by call kinds */
    follow(&ways, old[FREE], unit * (1 - ATTACK_START), next[FREE]);
    for (int situation = SETTLED; situation < ATTACKED; situation++) {
        bool settles = situation == SETTLED || situation + 1 == ATTACKED;
        of[settles ? CALL_NORMAL : CALL_AFTERMATH] +=
            follow(&ways, old[situation], unit * (1 - ATTACK_START),
                   next[settles ? SETTLED : situation + 1]);
    }
    for (int attack = 0; attack < ATTACKS; attack++) {
        uint32_t total;
        const uint16_t *counts = mimicry_counts(filter->mimicry, attack, call, &total);
        double chosen = unit * counts[*call] / total, *waiting = old[ATTACKED + attack];
        follow(&ways, waiting, unit * ATTACK_END, next[FREE]);
        of[CALL_AFTERMATH] += follow(&ways, waiting, unit * ATTACK_END, next[RECENT]);
        for (int state = 0; state < PROGRAM_STATES; state++) {
            double weight = chosen * (waiting[state] * (1 - ATTACK_END) +
                                      old[FREE][state] * (ATTACK_START / ATTACKS));
            next[ATTACKED + attack][state] = weight;
            of[CALL_ATTACK] += weight;
        }
    }
    double sum = of[CALL_NORMAL] + of[CALL_ATTACK] + of[CALL_AFTERMATH];
    assert(sum > 0); /* what the filter takes for impossible can't be called */
    filter->unit = 1 / sum;
    return (struct belief){of[CALL_NORMAL] * filter->unit, of[CALL_ATTACK] * filter->unit};
}
