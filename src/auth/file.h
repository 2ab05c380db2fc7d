/* The files of auth/: their owner's alone. Its own, not for other rooms. */
#ifndef KHUB_AUTH_FILE_H
#define KHUB_AUTH_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* The path of a file of the directory. 0, or -1 with a sentence: it is too long. */
int file_path(const char *directory, const char *name, char *ret_path, size_t size, char *ret_why,
              size_t why_size);
/* Makes the file if it is to be made, and sees to it that nobody else may read it. 0, 1 when there
 * is none and none is to be made, or -1 with a sentence. */
int file_prepare(const char *directory, const char *path, bool make, char *ret_why,
                 size_t why_size);

#endif
