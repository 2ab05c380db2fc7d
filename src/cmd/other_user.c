/* See other_user.h. */
#include "cmd/other_user.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(char *ret_why, size_t size, const char *what)
{
    snprintf(ret_why, size, "%s: %s", what, strerror(errno));
    return -1;
}

int user_find(const char *name, struct other_user *ret_user, char *ret_why, size_t size)
{
    errno = 0;
    const struct passwd *found = getpwnam(name);
    if (!found || strlen(found->pw_name) >= OTHER_USER_SIZE) {
        snprintf(ret_why, size, "this machine has no such user%s%s", errno ? ": " : "",
                 errno ? strerror(errno) : "");
        return -1;
    }
    if (geteuid() != 0 && found->pw_uid != geteuid()) {
        snprintf(ret_why, size, "only root can become another user, and this process is user %ld's",
                 (long)geteuid());
        return -1;
    }
    if (found->pw_uid == 0) {
        snprintf(ret_why, size, "that is root again, and gives up nothing");
        return -1;
    }
    *ret_user = (struct other_user){.uid = found->pw_uid, .gid = found->pw_gid};
    memcpy(ret_user->name, found->pw_name, strlen(found->pw_name) + 1);
    return 0;
}

/* Nothing but "." and ".."; the directory's offset is then at its end. */
static bool is_empty(int directory)
{
    unsigned count = 0;
    int copy = dup(directory);
    DIR *stream = copy < 0 ? NULL : fdopendir(copy);
    if (!stream)
        return false;
    while (count < 3 && readdir(stream))
        count++;
    closedir(stream);
    return count < 3;
}

static bool may_be_given(int directory)
{
    struct stat found;
    return fstat(directory, &found) == 0 && found.st_uid == 0 &&
           !(found.st_mode & (S_IWGRP | S_IWOTH)) && is_empty(directory);
}

int user_give(const struct other_user *user, const char *path, char *ret_why, size_t size)
{
    if (geteuid() != 0)
        return 0; /* it is this user already */
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return fail(ret_why, size, path);
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory < 0)
        return 0; /* the store says what is the matter with it */
    int error = may_be_given(directory) ? fchown(directory, user->uid, user->gid) : 0;
    if (error < 0)
        fail(ret_why, size, path);
    close(directory);
    return error;
}

/* None of it is root's, nor can be again. */
static bool is_left_behind(const struct other_user *user)
{
    uid_t uids[3];
    gid_t gids[3];
    if (getresuid(&uids[0], &uids[1], &uids[2]) < 0 || getresgid(&gids[0], &gids[1], &gids[2]) < 0)
        return false;
    for (int i = 0; i < 3; i++)
        if (uids[i] != user->uid || gids[i] != user->gid)
            return false;
    return setuid(0) < 0 && setgid(0) < 0;
}

int user_become(const struct other_user *user, char *ret_why, size_t size)
{
    if (geteuid() != 0)
        return 0;
    if (initgroups(user->name, user->gid) < 0)
        return fail(ret_why, size, "its groups could not be taken on");
    if (setresgid(user->gid, user->gid, user->gid) < 0 ||
        setresuid(user->uid, user->uid, user->uid) < 0)
        return fail(ret_why, size, "it could not be become");
    if (is_left_behind(user))
        return 0;
    snprintf(ret_why, size, "this process is still root's, or can be again");
    return -1;
}
