/* The memory of a compiled policy that has a state: `state_size` is its function 0, `state_reset` its function 1. */
#ifndef KHUB_POLICY_MODULE_STATE_H
#define KHUB_POLICY_MODULE_STATE_H

#include "policy/subject.h"

#define MODULE_STATE_MAX ((uint32_t)1 << 20)

/* As much as it asks for, up to MODULE_STATE_MAX, zeroed, then reset by the module. To be freed with free(); NULL when out of
 * memory. */
void *module_state_new(const module_function *functions);

#endif
