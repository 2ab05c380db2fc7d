/* What an owner may have of a hub at the most, over all its rooms: admit's. */
#ifndef KHUB_CORE_OWNER_LIMITS_H
#define KHUB_CORE_OWNER_LIMITS_H

#include "core/principals.h"
#include "core/request.h"

/* May the request, which is sound, add what it adds? 0, or -code with its refusal. principal: who
 * stands behind its sender; NULL: itself. now: unix time in ms. What is under way through a log is
 * counted for the day alone. */
int owner_limits_check(const struct request *request, struct principal *principal, int64_t now);
/* The same, of what its room may have of the hub. */
int room_limits_check(const struct request *request, int64_t now);

#endif
