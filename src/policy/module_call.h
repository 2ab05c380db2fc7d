#ifndef KHUB_POLICY_MODULE_CALL_H
#define KHUB_POLICY_MODULE_CALL_H

#include <stdint.h>

/* A call of a policy, as it is asked. What is written here is also part of an adapter's text
 * (module.h): one layout on both sides. */
enum { MODULE_ARGUMENTS = 6, MODULE_BYTES = 256, MODULE_LANES = 64 };
enum { MODULE_STATE_NEW = 0xffff, MODULE_STATES_DROP };

struct module_call {
    uint32_t
        which; /* operation; MODULE_STATE_NEW: the result is a new state; _DROP: none is left */
    uint32_t state; /* its number */
    /* Which of MODULE_LANES simulations asks that go on side by side: each has states of its own,
     * and a share of the memory for them. Of one that goes on alone, both are 0. */
    uint32_t lane, side_by_side;
    uint64_t arguments[MODULE_ARGUMENTS]; /* the numbers, in their order */
    uint64_t result;
    _Alignas(16) unsigned char bytes[MODULE_BYTES]; /* the array */
};

#endif
