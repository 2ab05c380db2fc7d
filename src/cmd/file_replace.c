/* See file_replace.h. */
#include "cmd/file_replace.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int write_whole(int file, struct slice content, mode_t mode)
{
    while (content.len > 0) {
        ssize_t count = write(file, content.at, content.len);
        if (count < 0 && errno != EINTR)
            return -1;
        content.at += count > 0 ? count : 0;
        content.len -= count > 0 ? (size_t)count : 0;
    }
    return fchmod(file, mode) < 0 ? -1 : fsync(file);
}

/* A name outlives a crash when its directory is on disk. */
static int directory_sync(const char *path)
{
    char *copy = strdup(path);
    int directory = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int error = directory < 0 ? -1 : fsync(directory);
    if (directory >= 0)
        close(directory);
    free(copy);
    return error;
}

int file_replace(const char *path, struct slice content, mode_t mode)
{
    char made[PATH_MAX];
    if (snprintf(made, sizeof made, "%s.khub-new", path) >= (int)sizeof made) {
        errno = ENAMETOOLONG;
        return -1;
    }
    unlink(made); /* of a writer that was killed */
    int file = open(made, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0)
        return -1;
    int error = write_whole(file, content, mode), number = errno;
    error |= close(file);
    if (error == 0 && rename(made, path) == 0)
        return directory_sync(path);
    number = error == 0 ? errno : number;
    unlink(made);
    errno = number;
    return -1;
}
