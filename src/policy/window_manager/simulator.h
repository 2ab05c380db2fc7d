/* What this subject's own files and its tests share; everybody else uses subject.h. */
#ifndef KHUB_POLICY_WINDOW_MANAGER_SIMULATOR_H
#define KHUB_POLICY_WINDOW_MANAGER_SIMULATOR_H

#include <stddef.h>

#include "policy/window_manager/window_tasks.h"

/* People learn where a window stands in the list: mean places by which one moves at a switch, under
 * the policy with these parameters, or under baseline `which` when they are NULL. NAN when out of
 * memory. */
double window_movement(const struct window_workload *load, const double *parameters, int which);

#endif
