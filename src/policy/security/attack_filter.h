/* The exact Bayes filter for attacked programs: it knows the program, how attacks choose and when
 * they begin and end, and tells from the calls so far what the last one is. */
#ifndef KHUB_POLICY_SECURITY_ATTACK_FILTER_H
#define KHUB_POLICY_SECURITY_ATTACK_FILTER_H

#include "policy/security/syscalls.h"

/* What may be going on: no attack; that is, none lately, or so many calls since the last one, less
 * one; an attack. */
enum {
    FREE,
    SETTLED,
    RECENT,
    ATTACKED = RECENT + AFTERMATH_CALLS,
    SITUATIONS = ATTACKED + ATTACKS
};

struct attack_filter {
    const struct program *program;
    const struct mimicry *mimicry;
    /* Of each situation with each state of the program (that in which it waits, when attacked), now
     * and a call ago. */
    double weight[2][SITUATIONS][PROGRAM_STATES];
    int latest;  /* of the two */
    double unit; /* weight * unit is a probability */
};
void attack_filter_start(struct attack_filter *filter, const struct program *program,
                         const struct mimicry *mimicry, uint8_t state);

/* How probable it is that the last call is a normal one, and an attack's; the rest is aftermath. */
struct belief {
    double normal, attack;
};
/* Takes the next call, before which the two earlier ones must lie. */
struct belief attack_filter_take(struct attack_filter *filter, const uint8_t *call);

#endif
