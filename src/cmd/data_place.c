/* See data_place.h. */
#include "cmd/data_place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct surroundings surroundings_here(void)
{
    return (struct surroundings){.service = getenv("STATE_DIRECTORY"),
                                 .state_home = getenv("XDG_STATE_HOME"),
                                 .home = getenv("HOME"),
                                 .root = geteuid() == 0};
}

static bool is_absolute(const char *path)
{
    return path && *path == '/';
}

int data_place(const struct surroundings *surroundings, char ret_path[DATA_PLACE_SIZE],
               char *ret_why, size_t size)
{
    char path[DATA_PLACE_SIZE];
    int len;
    if (is_absolute(surroundings->service)) /* several stand with ':' between them */
        len = snprintf(path, sizeof path, "%.*s", (int)strcspn(surroundings->service, ":"),
                       surroundings->service);
    else if (is_absolute(surroundings->state_home))
        len = snprintf(path, sizeof path, "%s/khub", surroundings->state_home);
    else if (surroundings->root)
        len = snprintf(path, sizeof path, "/var/lib/khub");
    else if (is_absolute(surroundings->home))
        len = snprintf(path, sizeof path, "%s/.local/state/khub", surroundings->home);
    else
        len = -1;
    if (len < 0)
        snprintf(ret_why, size,
                 "no place to keep things: neither XDG_STATE_HOME nor HOME names a directory");
    else if (len >= (int)sizeof path)
        snprintf(ret_why, size, "the place to keep things has a path of %d bytes, more than %u",
                 len, DATA_PLACE_SIZE - 1);
    else
        memcpy(ret_path, path, (size_t)len + 1);
    return len < 0 || len >= (int)sizeof path ? -1 : 0;
}

int data_place_make(const char *path, char *ret_why, size_t size)
{
    char part[DATA_PLACE_SIZE];
    int error = 0;
    mode_t before = umask(0077);
    for (size_t end = 1; path[end - 1] && error == 0; end++) {
        end += strcspn(path + end, "/");
        snprintf(part, sizeof part, "%.*s", (int)end, path);
        error = mkdir(part, 0700) < 0 && errno != EEXIST ? -1 : 0;
    }
    if (error < 0)
        snprintf(ret_why, size, "could not make %s: %s", part, strerror(errno));
    umask(before);
    return error;
}

int data_place_choose(const char *said, bool make, char ret_path[DATA_PLACE_SIZE], char *ret_why,
                      size_t size)
{
    const struct surroundings surroundings = surroundings_here();
    if (!said && data_place(&surroundings, ret_path, ret_why, size) < 0)
        return -1;
    if (said && snprintf(ret_path, DATA_PLACE_SIZE, "%s", said) >= (int)DATA_PLACE_SIZE) {
        snprintf(ret_why, size, "the place to keep things has a path of more than %u bytes",
                 DATA_PLACE_SIZE - 1);
        return -1;
    }
    return make ? data_place_make(ret_path, ret_why, size) : 0;
}
