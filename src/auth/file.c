#include "auth/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int file_path(const char *directory, const char *name, char *ret_path, size_t size, char *ret_why,
              size_t why_size)
{
    if (snprintf(ret_path, size, "%s/%s", directory, name) < (int)size)
        return 0;
    snprintf(ret_why, why_size, "%.64s…: %s", directory, strerror(ENAMETOOLONG));
    return -1;
}

/* What root made for a hub that runs as somebody else, that hub must be able to open. */
static int file_give(int file, const char *directory)
{
    struct stat found;
    if (geteuid() != 0 || stat(directory, &found) < 0 || found.st_uid == 0)
        return 0;
    return fchown(file, found.st_uid, found.st_gid);
}

int file_prepare(const char *directory, const char *path, bool make, char *ret_why, size_t why_size)
{
    struct stat found;
    int file = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | (make ? O_CREAT : 0), 0600);
    if (file < 0 && errno == ENOENT && !make)
        return 1;
    bool good = file >= 0 && fstat(file, &found) == 0 &&
                ((found.st_mode & 07777) == 0600 || fchmod(file, 0600) == 0) &&
                file_give(file, directory) == 0;
    if (!good)
        snprintf(ret_why, why_size, "%.400s: %s", path, strerror(errno));
    if (file >= 0)
        close(file);
    return good ? 0 : -1;
}
