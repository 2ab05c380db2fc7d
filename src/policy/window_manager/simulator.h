/* What the tests need of this subject beyond subject.h. */
#ifndef KHUB_POLICY_WINDOW_MANAGER_SIMULATOR_H
#define KHUB_POLICY_WINDOW_MANAGER_SIMULATOR_H

#include <stddef.h>

#include "policy/window_manager/window_tasks.h"

/* People learn where a window stands in the list: mean places by which one moves at a switch, under
 * the policy with these parameters, or under baseline `which` when they are NULL. NAN when out of
 * memory. */
double window_movement(const struct window_workload *load, const double *parameters, int which);

struct window_manager_rules;
/* The parameters in fixed point, as they are simulated and rendered. */
void window_manager_rules_of(const double *parameters, struct window_manager_rules *ret_rules);

/* struct subject's render; -1 when a parameter is out of range. */
int window_manager_render(const double *parameters, char *buffer, size_t size);

#endif
