/* Directories for what is needed only while this process lives. One that a killed process left
 * behind is removed by the next process that makes one of the same name. */
#ifndef KHUB_PROCESS_SCRATCH_H
#define KHUB_PROCESS_SCRATCH_H

#define SCRATCH_PATH_MAX 256u

struct scratch {
    char path[SCRATCH_PATH_MAX]; /* "": there is none */
    int fd;                      /* the directory, locked as long as it is in use */
};

/* Makes khub-NAME-XXXXXX in $TMPDIR (or /tmp), and removes those of the same name that nobody
 * holds any more. name: letters, digits and '-'. 0, or -1 with errno; then there is none. */
int scratch_make(const char *name, struct scratch *ret_scratch);
/* Removes it and the files in it (there are no directories in it). Does nothing when there is
 * none. */
void scratch_remove(struct scratch *scratch);
/* Lets go of it: renames it so that it stays (path is then the new name). 0, or -1 with errno. */
int scratch_keep(struct scratch *scratch);

#endif
