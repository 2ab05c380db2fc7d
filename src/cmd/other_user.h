/* Becoming another user, for good: only root can. */
#ifndef KHUB_CMD_OTHER_USER_H
#define KHUB_CMD_OTHER_USER_H

#include <stddef.h>
#include <sys/types.h>

#define OTHER_USER_SIZE 64u

struct other_user {
    char name[OTHER_USER_SIZE];
    uid_t uid;
    gid_t gid;
};

/* By name. 0, or -1 with half a sentence: there is none, or this process may not become it. */
int user_find(const char *name, struct other_user *ret_user, char *ret_why, size_t size);
/* Makes a directory that is its own, 0700; gives it one that is there, if that is empty and only
 * root, who asks, may write there. Any other stays whose it is. 0, or -1. */
int user_give(const struct other_user *user, const char *path, char *ret_why, size_t size);
/* Its groups, its group, itself; seen to be so, and that there is no way back. 0, or -1. */
int user_become(const struct other_user *user, char *ret_why, size_t size);

#endif
