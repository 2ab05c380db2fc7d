#include "policy/module_state.h"

#include <stdlib.h>

void *module_state_new(const module_function *functions)
{
    uint32_t (*state_size)(void) = (uint32_t(*)(void))functions[0];
    void (*state_reset)(void *) = (void (*)(void *))functions[1];
    uint32_t size = state_size();
    if (size == 0)
        size = 1;
    void *state = calloc(1, size < MODULE_STATE_MAX ? size : MODULE_STATE_MAX);
    if (state)
        state_reset(state);
    return state;
}
