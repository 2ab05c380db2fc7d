/* See scratch.h.
 *
 * A directory is in use exactly while somebody holds its flock, which the kernel lets go when the
 * process ends, however it does. So nobody has to guess from pids or ages. */
#include "process/scratch.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX_LEN 6u /* mkdtemp's XXXXXX */
#define TRIES_MAX  16u

static const char *temporary(void)
{
    const char *path = getenv("TMPDIR");
    return path && *path ? path : "/tmp";
}

/* Removes the files in the directory that fd is, and the directory. */
static void remove_held(int fd, int parent, const char *path)
{
    int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = again < 0 ? NULL : fdopendir(again);
    struct dirent *entry;
    while (directory && (entry = readdir(directory)))
        unlinkat(fd, entry->d_name, 0); /* . and .. refuse */
    if (directory)
        closedir(directory);
    else if (again >= 0)
        close(again);
    unlinkat(parent, path, AT_REMOVEDIR);
}

/* Opens and locks a directory. Its descriptor, or -1: somebody holds it, or it is not ours. */
static int hold(int parent, const char *path)
{
    struct stat held, named;
    int fd = openat(parent, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    /* Between the opening and the lock somebody may have swept it away. */
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &held) == 0 &&
        held.st_uid == geteuid() && fstatat(parent, path, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
        held.st_dev == named.st_dev && held.st_ino == named.st_ino)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Removes what killed processes left: names that begin so, with mkdtemp's letters behind. */
static void sweep(const char *prefix)
{
    DIR *directory = opendir(temporary());
    struct dirent *entry;
    size_t len = strlen(prefix);
    while (directory && (entry = readdir(directory))) {
        if (strncmp(entry->d_name, prefix, len) != 0 || strlen(entry->d_name) != len + SUFFIX_LEN)
            continue;
        int fd = hold(dirfd(directory), entry->d_name);
        if (fd < 0)
            continue;
        remove_held(fd, dirfd(directory), entry->d_name);
        close(fd);
    }
    if (directory)
        closedir(directory);
}

int scratch_make(const char *name, struct scratch *ret_scratch)
{
    char prefix[SCRATCH_PATH_MAX];
    struct scratch made = {.fd = -1};
    int prefix_len = snprintf(prefix, sizeof prefix, "khub-%s-", name);
    if (prefix_len < 0 || (size_t)prefix_len >= sizeof prefix) {
        errno = ENAMETOOLONG;
        return -1;
    }
    sweep(prefix);
    for (unsigned i = 0; i < TRIES_MAX; i++) {
        int len = snprintf(made.path, sizeof made.path, "%s/%sXXXXXX", temporary(), prefix);
        if (len < 0 || (size_t)len >= sizeof made.path) {
            errno = ENAMETOOLONG;
            return -1;
        }
        if (!mkdtemp(made.path))
            return -1;
        made.fd = hold(AT_FDCWD, made.path);
        if (made.fd >= 0) {
            *ret_scratch = made;
            return 0;
        }
        rmdir(made.path); /* another process swept it, or is about to: take another */
    }
    errno = EAGAIN;
    return -1;
}

void scratch_remove(struct scratch *scratch)
{
    if (!scratch->path[0])
        return;
    remove_held(scratch->fd, AT_FDCWD, scratch->path);
    close(scratch->fd);
    *scratch = (struct scratch){.fd = -1};
}

int scratch_keep(struct scratch *scratch)
{
    char kept[SCRATCH_PATH_MAX];
    assert(scratch->path[0] && scratch->fd >= 0);
    int len = snprintf(kept, sizeof kept, "%s.kept", scratch->path);
    if (len < 0 || (size_t)len >= sizeof kept) {
        errno = ENAMETOOLONG;
        return -1;
    }
    if (rename(scratch->path, kept) != 0)
        return -1;
    close(scratch->fd);
    memcpy(scratch->path, kept, (size_t)len + 1);
    scratch->fd = -1;
    return 0;
}
