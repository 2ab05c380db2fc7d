/* What an owner may have of a hub at the most, over all its rooms: admit's. */
#ifndef KHUB_CORE_OWNER_LIMITS_H
#define KHUB_CORE_OWNER_LIMITS_H

#include "core/request.h"

/* May the request, which is sound, add what it adds? 0, or -code with its refusal. What is under
 * way through a log is not counted yet. */
int owner_limits_check(const struct request *request);

#endif
