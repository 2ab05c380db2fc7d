/* A file of somebody else's that khub setup changes: read whole, replaced whole. */
#ifndef KHUB_CMD_SETUP_FILE_H
#define KHUB_CMD_SETUP_FILE_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "wire/text.h"

struct setup_file {
    char path[PATH_MAX]; /* as it is named */
    char real[PATH_MAX]; /* where it lies: path may be a symbolic link */
    bool there;
    mode_t mode;
    struct text text; /* as it is to be; at first as it is. Never NULL */
    struct text was;
};

/* Reads the file at file->path, which need not be there. 0, or an exit code after a sentence; free
 * is due in any case. */
int setup_file_read(struct setup_file *file);
void setup_file_free(struct setup_file *file);
bool setup_file_changed(const struct setup_file *file);
/* Puts file->text in its place, mode and symbolic link kept; directories on the way are made. 0, or
 * an exit code after a sentence: the file is as it was. */
int setup_file_write(const struct setup_file *file);
/* Removes it, and if wished its directory, when nothing else is in that. The same. */
int setup_file_remove(const struct setup_file *file, bool directory_too);

#endif
