/* Files that are whole at any time: the old one stays until the new one is on disk. */
#ifndef KHUB_CMD_FILE_REPLACE_H
#define KHUB_CMD_FILE_REPLACE_H

#include <sys/types.h>

#include "wire/slice.h"

/* Writes it as PATH.khub-new, and puts that in the place of the file at path, which need not be
 * there. 0, or -1 with errno: that file is as it was. */
int file_replace(const char *path, struct slice content, mode_t mode);

#endif
