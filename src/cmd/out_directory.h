/* The directory that --out names, into which a command writes when its work is done. */
#ifndef KHUB_CMD_OUT_DIRECTORY_H
#define KHUB_CMD_OUT_DIRECTORY_H

#include <stdbool.h>

/* Makes it, before the work: nobody wants to hear of it after. One that is there is taken if
 * `force`. An exit code; after a sentence, if it is not EXIT_WORKED. *ret_made: it was not there,
 * and who has nothing to write takes it away again. */
int out_directory_make(const char *command, const char *path, bool force, bool *ret_made);

#endif
