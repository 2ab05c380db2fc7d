/* The exact Bayes filter for attacked programs. It knows the program, how attacks choose their
 * calls, and how often they begin and end; from the calls so far it tells what the last one is. */
#ifndef KHUB_POLICY_SECURITY_ATTACK_FILTER_H
#define KHUB_POLICY_SECURITY_ATTACK_FILTER_H

#include "policy/security/syscalls.h"

/* What may be going on. FREE: no attack. That is split into SETTLED, none lately, and RECENT + k,
 * where an attack ended k + 1 calls ago. ATTACKED + a: an attack of kind a. */
enum {
    FREE,
    SETTLED,
    RECENT,
    ATTACKED = RECENT + AFTERMATH_CALLS,
    SITUATIONS = ATTACKED + ATTACKS
};

struct attack_filter {
    const struct automaton *program;
    const struct mimicry *mimicry;
    /* Of each situation with each state of the program (that in which it waits, when attacked), now
     * and a call ago. */
    double weight[2][SITUATIONS][PROGRAM_STATES];
    int latest;  /* of the two */
    double unit; /* weight * unit is a probability */
};
/* The program is in this state, and no attack is on or has been lately. program and mimicry must
 * outlive the filter. */
void attack_filter_start(struct attack_filter *filter, const struct automaton *program,
                         const struct mimicry *mimicry, uint8_t state);

/* The probabilities that the last call is a normal one, and that it is an attack's. The rest is
 * that it belongs to the aftermath of an attack. */
struct belief {
    double normal, attack;
};
/* Takes in the next call; call[-2] and call[-1] must be the two before it. */
struct belief attack_filter_take(struct attack_filter *filter, const uint8_t *call);

#endif
