/* Socket files. What makes it hard is that the lock file is removed together with the socket. So a
 * lock may be obtained on a file that has just been removed; it counts only if the path still leads
 * to the locked file. */
#include "net/socket_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_PATH_SIZE (sizeof(((struct sockaddr_un *)0)->sun_path) + 8)

static void lock_path(const struct endpoint *endpoint, char path[LOCK_PATH_SIZE])
{
    snprintf(path, LOCK_PATH_SIZE, "%.*s.lock", (int)sizeof endpoint->local.sun_path,
             endpoint->local.sun_path);
}

static int fail_with(int error)
{
    errno = error;
    return -1;
}

static int say_holder(long pid, char *ret_hint, size_t size)
{
    if (pid > 0)
        snprintf(ret_hint, size,
                 "process %ld listens there: stop it, or choose another with --listen", pid);
    else
        snprintf(ret_hint, size,
                 "another hub listens there: stop it, or choose another with --listen");
    return fail_with(EADDRINUSE);
}

/* ── the lock ── */

/* Who holds the lock wrote its number into the file; 0 when it has not done so yet. */
static long holder_of(int lock)
{
    char text[24] = "";
    ssize_t len = pread(lock, text, sizeof text - 1, 0);
    return len > 0 ? strtol(text, NULL, 10) : 0;
}

static int lock_open(const char *path, char *ret_hint, size_t size)
{
    struct stat file;
    int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    int error = errno;
    if (lock < 0 && error == EACCES && stat(path, &file) == 0) {
        snprintf(ret_hint, size, "user %u has locked it (%s), whose hub may be running there",
                 (unsigned)file.st_uid, path);
        error = EADDRINUSE;
    }
    return lock < 0 ? fail_with(error) : lock;
}

static bool leads_to(const char *path, int lock)
{
    struct stat there, ours;
    return stat(path, &there) == 0 && fstat(lock, &ours) == 0 && there.st_dev == ours.st_dev &&
           there.st_ino == ours.st_ino;
}

/* A locked file that the path leads to, with this process's number in it; or -1. */
static int lock_take(const char *path, char *ret_hint, size_t size)
{
    for (;;) {
        int lock = lock_open(path, ret_hint, size);
        if (lock < 0)
            return -1;
        if (flock(lock, LOCK_EX | LOCK_NB) < 0) {
            int error = errno;
            long holder = holder_of(lock);
            close(lock);
            return error == EWOULDBLOCK ? say_holder(holder, ret_hint, size) : fail_with(error);
        }
        if (leads_to(path, lock)) {
            if (ftruncate(lock, 0) == 0)
                dprintf(lock, "%ld\n", (long)getpid()); /* a help for people: it may fail */
            return lock;
        }
        close(lock); /* its last holder removed it between our opening and locking it */
    }
}

/* ── the socket ── */

/* Whether somebody may be behind a socket that another file holds, and who. What can't be asked is
 * taken to live: only a refused connection shows that nobody listens. */
static bool is_dead(const struct endpoint *endpoint, long *ret_holder)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    *ret_holder = 0;
    if (fd < 0)
        return false;
    bool connected = connect(fd, &endpoint->any, endpoint->len) == 0;
    bool dead = !connected && errno == ECONNREFUSED;
    if (connected && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0)
        *ret_holder = peer.pid;
    close(fd);
    return dead;
}

static int bind_locked(int fd, const struct endpoint *endpoint, char *ret_hint, size_t size)
{
    const char *path = endpoint->local.sun_path;
    struct stat file;
    long holder;
    if (bind(fd, &endpoint->any, endpoint->len) == 0)
        return 0;
    if (errno != EADDRINUSE)
        return -1;
    if (lstat(path, &file) == 0 && !S_ISSOCK(file.st_mode)) {
        snprintf(ret_hint, size, "a file that is no socket is there");
        return fail_with(EADDRINUSE);
    }
    if (!is_dead(endpoint, &holder))
        return say_holder(holder, ret_hint, size);
    if (unlink(path) < 0 && errno != ENOENT)
        return -1;
    return bind(fd, &endpoint->any, endpoint->len);
}

static void lock_give(const struct endpoint *endpoint, int lock)
{
    char path[LOCK_PATH_SIZE];
    lock_path(endpoint, path);
    unlink(path); /* while it is locked: nobody else can hold it */
    close(lock);
}

int socket_file_bind(struct socket_file *file, int fd, const struct endpoint *endpoint,
                     char *ret_hint, size_t size)
{
    char path[LOCK_PATH_SIZE];
    struct stat made;
    assert(endpoint->any.sa_family == AF_UNIX);
    ret_hint[0] = '\0';
    lock_path(endpoint, path);
    int lock = lock_take(path, ret_hint, size);
    if (lock < 0)
        return -1;
    if (bind_locked(fd, endpoint, ret_hint, size) < 0 ||
        lstat(endpoint->local.sun_path, &made) < 0) {
        int error = errno;
        lock_give(endpoint, lock);
        return fail_with(error);
    }
    *file = (struct socket_file){
        .endpoint = *endpoint, .lock = lock, .device = made.st_dev, .inode = made.st_ino};
    return 0;
}

void socket_file_remove(struct socket_file *file)
{
    struct stat there;
    const char *path = file->endpoint.local.sun_path;
    if (file->lock < 0)
        return;
    if (lstat(path, &there) == 0 && there.st_dev == file->device && there.st_ino == file->inode)
        unlink(path);
    lock_give(&file->endpoint, file->lock);
    file->lock = -1;
}
