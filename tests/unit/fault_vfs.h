/* A disk that fails when it is told to: SQLite's files as they are, but for one call. */
#ifndef KHUB_TESTS_FAULT_VFS_H
#define KHUB_TESTS_FAULT_VFS_H

#include <stdbool.h>

/* What becomes of the call, a write, sync, truncation or removal. */
enum fault {
    FAULT_IO,   /* it fails, once */
    FAULT_FULL, /* there is no room, once */
    FAULT_TORN, /* half of it is written, and it fails, once */
    /* The power goes: of what was written since a file's last sync, only the first part is there,
     * and nothing that is written from now on. */
    FAULT_CRASH,
    FAULT_COUNT
};
const char *fault_text(enum fault fault);

/* Every file that SQLite opens from now on is on such a disk. Once. */
void fault_install(void);
/* Does the disk write sectors whole or not at all? At the beginning not; of files that are opened
 * from now on. */
void fault_keep_sectors(bool keeps);
/* The call of that number from now on, from 1, is struck. How much a crash leaves is drawn from the
 * seed. */
void fault_arm(enum fault fault, unsigned at, unsigned seed);
/* The call that will be struck waits there until it is let go on. */
void fault_hold(void);
void fault_await_held(void);
void fault_let_go_on(void);
/* The disk is a good one again. Was a call struck? */
bool fault_disarm(void);

#endif
