/* What owners use now of what they may have, as `khub admin use` shows it. */
#ifndef KHUB_CMD_ADMIN_USE_H
#define KHUB_CMD_ADMIN_USE_H

#include "cmd/visit.h"

/* Asks the hub, in a visit whose data is a struct ask, and prints it. An exit code. */
int admin_use(struct visit *visit, bool json);

#endif
