/* A program that makes system calls, attacks that make other calls in its name, and how often each
 * n-gram was seen before. */
#ifndef KHUB_POLICY_SECURITY_SYSCALLS_H
#define KHUB_POLICY_SECURITY_SYSCALLS_H

#include <stddef.h>
#include <stdint.h>

#include "policy/random.h"
#include "policy/security/grams.h"

enum { SYSCALLS = 24, PROGRAM_STATES = 40 };
/* The calls right after an attack count for nothing: windows still reach back into it. */
enum { AFTERMATH_CALLS = 20 };

enum call_kind { CALL_NORMAL, CALL_ATTACK, CALL_AFTERMATH };

/* How an attack chooses its next call: from a law of its own, or as the program would by its last
 * call or its last two. */
enum { ATTACK_FOREIGN, ATTACK_BIGRAM, ATTACK_TRIGRAM, ATTACKS };
#define ATTACK_START (1.0 / 500) /* chance that an attack begins instead of a normal call */
#define ATTACK_END   (1.0 / 30)  /* and that it is over, before each call but its first */

/* A deterministic automaton with probabilities: state and call tell the next state. */
struct automaton {
    double probability[PROGRAM_STATES][SYSCALLS];
    uint8_t next[PROGRAM_STATES][SYSCALLS];
};
/* A random program (see syscalls.c). */
void program_draw(struct automaton *program, struct random *random);

/* What an attacker knows who has watched the program in training: how often each call, pair and
 * triple of calls occurred. */
struct mimicry {
    uint16_t foreign[SYSCALLS]; /* the law of ATTACK_FOREIGN, independent of the program */
    uint16_t single[SYSCALLS], pairs[SYSCALLS][SYSCALLS], triples[SYSCALLS][SYSCALLS][SYSCALLS];
};
void mimicry_learn(struct mimicry *mimicry, const uint8_t *calls, size_t count,
                   struct random *random);
/* How often an attack makes each call, of *ret_total, after the two calls before `next`. */
const uint16_t *mimicry_counts(const struct mimicry *mimicry, int attack, const uint8_t *next,
                               uint32_t *ret_total);

/* A stretch of the program's calls from `state` on; returns the state it ends in. */
uint8_t syscalls_normal(const struct automaton *program, uint8_t state, struct random *random,
                        uint8_t *calls, size_t count);
/* The same with attacks, which find two calls before the first. An attacked program waits and then
 * goes on where it was. */
void syscalls_attacked(const struct automaton *program, const struct mimicry *mimicry,
                       uint8_t state, struct random *random, uint8_t *calls, uint8_t *kinds,
                       size_t count);

/* For each of the calls after the first `training` ones and each n: how often the n-gram that ends
 * there occurs in training (n = 0: how long that is). 0, or -1 when out of memory. */
int syscalls_count(const uint8_t *calls, size_t training, size_t count,
                   uint32_t (*ret_seen)[GRAMS]);

#endif
