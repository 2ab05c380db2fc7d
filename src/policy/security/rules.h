/* How suspicious a system call is. The mechanism keeps a table of the n-grams seen in training and
 * tells how often each of those that end at this call was seen; the policy judges. It takes the
 * program for a Markov chain of variable order, and asks of each call how many bits more probable
 * it would be if somebody else made it: one to whom all calls are alike, or one who imitates what
 * the program does after its last few calls. Each of these two suspicions adds up its bits, never
 * below none (CUSUM), forgets them, since attacks end, and the greater one counts. */
#ifndef KHUB_POLICY_SECURITY_RULES_H
#define KHUB_POLICY_SECURITY_RULES_H

#include <stdint.h>

enum { SECURITY_GRAM_MOST = 12, SECURITY_COUNTS }; /* n-grams of 0..12 calls */

/* A bit of evidence is 65536. */
struct security_rules {
    uint32_t order;     /* calls before this one that are looked at; < SECURITY_GRAM_MOST */
    uint32_t doubt;     /* what fewer calls count for: as so many observations; 256 is one */
    uint32_t allowance; /* bits of surprise that are no evidence */
    uint32_t imitated;  /* calls before this one that an imitator looks at */
    uint32_t lead;      /* bits for the imitator at each call */
    uint32_t most;      /* evidence in one call, for a suspicion */
    uint32_t relief;    /* and against it */
    uint32_t keep;      /* of 65536, what is left of a suspicion at each call */
    uint32_t cap;       /* of a suspicion, < 256 bits */
};

/* Of somebody to whom all is alike, and of an imitator. */
enum { SECURITY_SUSPICIONS = 2 };
struct security_state {
    uint32_t before[SECURITY_COUNTS]; /* the counts at the last call */
    uint32_t suspicion[SECURITY_SUSPICIONS];
};

static inline void security_reset(struct security_state *state)
{
    for (uint32_t k = 0; k < SECURITY_COUNTS; k++)
        state->before[k] = 0;
    for (uint32_t k = 0; k < SECURITY_SUSPICIONS; k++)
        state->suspicion[k] = 0;
}

/* The place of the highest bit of n > 0; 0 for 0. */
static inline uint32_t security_highest_bit(uint32_t n)
{
    uint32_t bits = 0;
    for (uint32_t step = 16; step > 0; step /= 2)
        if (n >> (bits + step) > 0)
            bits += step;
    return bits;
}

/* log2(n) in 1/65536 for n > 0, to within 0.001: the highest bit, and f + f(1-f)(a - bf + cff) for
 * the fraction f. 0 for 0. */
static inline uint32_t security_log2(uint32_t n)
{
    uint32_t bits = security_highest_bit(n);
    uint32_t f = (n << (31 - bits) & 0x7fffffff) >> 15;
    uint32_t curve = 29013 - (f * (16214 - (f * 5466 >> 16)) >> 16);
    return (bits << 16) + f + ((f * (65536 - f) >> 16) * curve >> 16);
}

/* 2^63 / n for 2^31 <= n < 2^32, to within 1/2^16 of it and never more: Newton's way, since not all
 * kernels divide. */
static inline uint64_t security_inverse(uint32_t n)
{
    uint64_t inverse = 6063501000 - (n * UINT64_C(4042322161) >> 32); /* 48/17 - 32/17 n */
    for (int round = 0; round < 2; round++)
        inverse = inverse * (UINT32_MAX - (n * inverse >> 32)) >> 31;
    return inverse;
}

/* (count + doubt * shorter) / (before + doubt) in 1/2^31, to within 1/2^16 of it: how probable a
 * call is that came `count` times after what came `before` times, when it is `shorter` after less
 * of that. before > 0. */
static inline uint32_t security_probability(uint32_t doubt, uint32_t count, uint32_t before,
                                            uint32_t shorter)
{
    uint32_t scale = before >> 22 > 0 ? 10 : 0; /* so that all fits */
    uint32_t whole = (uint32_t)(((uint64_t)before * 256 + doubt) >> scale);
    uint64_t part = (uint64_t)(count < before ? count : before) << (39 - scale);
    part += (uint64_t)doubt * shorter >> scale;
    uint32_t bits = security_highest_bit(whole);
    return (uint32_t)((part >> bits) * security_inverse(whole << (31 - bits)) >> 32);
}

/* How improbable that is, in bits; at most 31. */
static inline int32_t security_surprise(uint32_t probability)
{
    return (int32_t)((31 << 16) - security_log2(probability));
}

/* A suspicion at the next call. */
static inline uint32_t security_add(const struct security_rules *rules, uint32_t suspicion,
                                    int32_t evidence)
{
    int32_t most = (int32_t)rules->most, relief = -(int32_t)rules->relief;
    evidence = evidence > most ? most : evidence < relief ? relief : evidence;
    int32_t sum = (int32_t)((uint64_t)suspicion * rules->keep >> 16) + evidence;
    if (sum < 0)
        return 0;
    return (uint32_t)sum < rules->cap ? (uint32_t)sum : rules->cap;
}

/* counts[k]: how often the last k calls came in training; counts[0] is how long that was. Returns
 * the suspicion, 256 for a bit, 0..65535. */
static inline uint32_t security_step(const struct security_rules *rules,
                                     struct security_state *state, const uint32_t *counts)
{
    uint32_t probability = 0x80000000 >> 8, imitation = probability; /* of what never came at all */
    state->before[0] = counts[0];
    for (uint32_t k = 0; k <= rules->order && state->before[k] > 0; k++) {
        probability =
            security_probability(rules->doubt, counts[k + 1], state->before[k], probability);
        if (k <= rules->imitated)
            imitation = probability;
    }
    for (uint32_t k = 1; k < SECURITY_COUNTS; k++)
        state->before[k] = counts[k];
    int32_t surprise = security_surprise(probability);
    state->suspicion[0] =
        security_add(rules, state->suspicion[0], surprise - (int32_t)rules->allowance);
    state->suspicion[1] = security_add(
        rules, state->suspicion[1], surprise - security_surprise(imitation) + (int32_t)rules->lead);
    uint32_t greater = state->suspicion[state->suspicion[1] > state->suspicion[0]];
    return greater >> 8;
}

#endif
