/* A folder for one test's files. */
#ifndef KHUB_TESTS_OWN_FOLDER_H
#define KHUB_TESTS_OWN_FOLDER_H

#include <stdio.h>
#include <stdlib.h>

#define OWN_FOLDER_SIZE 80 /* a socket's path must have room for more */

/* Makes one in $TMPDIR, where the runner looks for what is left of it. 0, or -1 with errno. */
static inline int own_folder_make(char ret_path[OWN_FOLDER_SIZE])
{
    const char *where = getenv("TMPDIR");
    snprintf(ret_path, OWN_FOLDER_SIZE, "%s/khub-XXXXXX", where && *where ? where : "/tmp");
    return mkdtemp(ret_path) ? 0 : -1;
}

#endif
