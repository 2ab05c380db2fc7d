/* Whether modules can be tried here at all: without Landlock the probe runs nothing of others. */
#ifndef KHUB_TESTS_LANDLOCK_HERE_H
#define KHUB_TESTS_LANDLOCK_HERE_H

#include <linux/landlock.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NO_LANDLOCK "this machine has no Landlock, without which nothing of others is run"

static inline bool landlock_here(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) > 0;
}

#endif
