/* Where a hub keeps what it knows when nobody says. */
#ifndef KHUB_CMD_DATA_PLACE_H
#define KHUB_CMD_DATA_PLACE_H

#include <stdbool.h>
#include <stddef.h>

#define DATA_PLACE_SIZE 4096u

/* What a process is told by who started it. Texts may be NULL. */
struct surroundings {
    const char *service;    /* $STATE_DIRECTORY: systemd's word to its services */
    const char *state_home; /* $XDG_STATE_HOME */
    const char *home;       /* $HOME */
    bool root;
};
struct surroundings surroundings_here(void);

/* The first of these that there is: the service's state directory; khub in state_home;
 * /var/lib/khub for root; .local/state/khub in home. Paths that are not absolute do not count. 0,
 * or -1 with a sentence in ret_why. */
int data_place(const struct surroundings *surroundings, char ret_path[DATA_PLACE_SIZE],
               char *ret_why, size_t size);
/* `said` when somebody said where, else data_place of here, made if `make`: in ret_path. 0, or -1
 * with a sentence. */
int data_place_choose(const char *said, bool make, char ret_path[DATA_PLACE_SIZE], char *ret_why,
                      size_t size);
/* Makes it, and the folders above it, where they are not there, for their owner alone. 0, or -1
 * with a sentence. To be called while there is one thread. */
int data_place_make(const char *path, char *ret_why, size_t size);

#endif
