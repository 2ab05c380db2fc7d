/* A random program and its attackers. */
#include "policy/security/syscalls.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "policy/elementary.h"

/* Draws an index with these probabilities, which sum up to 1 but for rounding. */
static uint8_t law_draw(const double *law, struct random *random)
{
    double dice = random_uniform(random);
    uint32_t last = 0;
    for (uint32_t call = 0; call < SYSCALLS; call++) {
        if (law[call] <= 0)
            continue;
        last = call;
        if ((dice -= law[call]) < 0)
            break;
    }
    return (uint8_t)last;
}

static void normalise(double *law)
{
    double sum = 0;
    for (int call = 0; call < SYSCALLS; call++)
        sum += law[call];
    for (int call = 0; call < SYSCALLS; call++)
        law[call] /= sum;
}

/* Calls are as popular as words are, so that several states share one. Each state's first way out
 * leads to the next state: all are visited again and again. */
void program_draw(struct automaton *program, struct random *random)
{
    static const int ways_out[] = {1, 1, 2, 3};
    double popularity[SYSCALLS];
    for (int call = 0; call < SYSCALLS; call++)
        popularity[call] = elementary_power(call + 1, -1.25);
    normalise(popularity);
    *program = (struct automaton){0};
    for (int state = 0; state < PROGRAM_STATES; state++) {
        int ways = ways_out[random_below(random, 4)];
        for (int way = 0; way < ways; way++) {
            uint8_t call;
            do
                call = law_draw(popularity, random);
            while (program->probability[state][call] > 0);
            double weight = random_exponential(random, 1);
            program->probability[state][call] = weight * weight;
            program->next[state][call] = way == 0 ? (uint8_t)((state + 1) % PROGRAM_STATES)
                                                  : (uint8_t)random_below(random, PROGRAM_STATES);
        }
        normalise(program->probability[state]);
    }
}

void mimicry_learn(struct mimicry *mimicry, const uint8_t *calls, size_t count,
                   struct random *random)
{
    *mimicry = (struct mimicry){0};
    for (int call = 0; call < SYSCALLS; call++)
        mimicry->foreign[call] = (uint16_t)(1 + random_exponential(random, 1000));
    for (size_t i = 0; i < count; i++) {
        mimicry->single[calls[i]]++;
        if (i >= 1)
            mimicry->pairs[calls[i - 1]][calls[i]]++;
        if (i >= 2)
            mimicry->triples[calls[i - 2]][calls[i - 1]][calls[i]]++;
    }
}

static uint32_t total(const uint16_t *counts)
{
    uint32_t sum = 0;
    for (int call = 0; call < SYSCALLS; call++)
        sum += counts[call];
    return sum;
}

/* Calls that were never followed by any are no model; then fewer of them are. */
const uint16_t *mimicry_counts(const struct mimicry *mimicry, int attack, const uint8_t *next,
                               uint32_t *ret_total)
{
    const uint16_t *models[ATTACKS] = {
        attack == ATTACK_FOREIGN ? mimicry->foreign : mimicry->single, mimicry->pairs[next[-1]],
        mimicry->triples[next[-2]][next[-1]]};
    while ((*ret_total = total(models[attack])) == 0 && attack > 0)
        attack--;
    return models[attack];
}

uint8_t syscalls_normal(const struct automaton *program, uint8_t state, struct random *random,
                        uint8_t *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        calls[i] = law_draw(program->probability[state], random);
        state = program->next[state][calls[i]];
    }
    return state;
}

void syscalls_attacked(const struct automaton *program, const struct mimicry *mimicry,
                       uint8_t state, struct random *random, uint8_t *calls, uint8_t *kinds,
                       size_t count)
{
    int attack = ATTACKS, aftermath = 0; /* ATTACKS: none */
    for (size_t i = 0; i < count; i++) {
        if (attack == ATTACKS) {
            if (random_uniform(random) < ATTACK_START)
                attack = (int)random_below(random, ATTACKS);
        } else if (random_uniform(random) < ATTACK_END) {
            attack = ATTACKS;
            aftermath = AFTERMATH_CALLS;
        }
        if (attack != ATTACKS) {
            uint32_t total;
            const uint16_t *counts = mimicry_counts(mimicry, attack, &calls[i], &total);
            assert(total > 0);
            uint64_t dice = random_below(random, total);
            for (calls[i] = 0; dice >= counts[calls[i]]; calls[i]++)
                dice -= counts[calls[i]];
            kinds[i] = CALL_ATTACK;
        } else {
            state = syscalls_normal(program, state, random, &calls[i], 1);
            kinds[i] = aftermath > 0 ? CALL_AFTERMATH : CALL_NORMAL;
            aftermath -= aftermath > 0;
        }
    }
}

int syscalls_count(const uint8_t *calls, size_t training, size_t count, uint32_t (*ret_seen)[GRAMS])
{
    struct grams *grams = grams_new();
    uint32_t before[GRAMS];
    int result = grams ? 0 : -1;
    size_t first = training > GRAM_MOST ? training - GRAM_MOST : 0;
    for (size_t i = first; result == 0 && i < count; i++)
        result = grams_take(grams, calls[i], i < training ? before : ret_seen[i - training]);
    if (result == 0) {
        grams_start(grams);
        for (size_t i = 0; i < training; i++)
            grams_learn(grams, calls[i]);
        for (size_t i = training; i < count; i++)
            grams_count(grams, ret_seen[i - training]);
    }
    grams_free(grams);
    return result;
}
