/* A folder with the certificates of tests/tls/lab.h, for all tests of one program. */
#ifndef KHUB_TESTS_LAB_FOLDER_H
#define KHUB_TESTS_LAB_FOLDER_H

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/own_folder.h"
#include "tls/lab.h"

static char folder[OWN_FOLDER_SIZE];

/* Into path, which is returned. */
static inline const char *in_folder(const char *name, char path[256])
{
    snprintf(path, 256, "%s/%s", folder, name);
    return path;
}

/* Set-up and teardown of the group. */
static inline int lab_folder_make(void **state)
{
    (void)state;
    if (own_folder_make(folder) < 0)
        return -1;
    lab_make(folder);
    return 0;
}

static inline int lab_folder_remove(void **state)
{
    char command[OWN_FOLDER_SIZE + 16];
    (void)state;
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

#endif
