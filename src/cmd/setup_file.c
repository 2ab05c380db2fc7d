/* See setup_file.h. */
#include "cmd/setup_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/file_replace.h"
#include "cmd/visit.h"

#define BYTES_MAX (4u << 20)
#define NEW_MODE  0666 /* but for the umask */

static int fail(const struct setup_file *file, const char *why)
{
    return complain("setup", "%s: %s", file->path, why);
}

static int read_all(struct setup_file *file, int descriptor)
{
    ssize_t count = 1;
    while (count > 0 && file->was.len <= BYTES_MAX) {
        if (!text_reserve(&file->was, 65536))
            return fail(file, "out of memory");
        count = read(descriptor, file->was.at + file->was.len, 65536);
        if (count < 0 && errno == EINTR)
            count = 1;
        else if (count < 0)
            return fail(file, strerror(errno));
        else
            file->was.len += (size_t)count;
    }
    return count == 0 ? 0 : fail(file, "it is too large: it is left as it is");
}

int setup_file_read(struct setup_file *file)
{
    struct stat found;
    mode_t mask = umask(0);
    umask(mask);
    file->mode = NEW_MODE & ~mask;
    text_reserve(&file->text, 1);
    if (!realpath(file->path, file->real)) {
        memcpy(file->real, file->path, sizeof file->real);
        if (errno == ENOENT && lstat(file->path, &found) < 0)
            return 0;
    }
    int descriptor = open(file->real, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    int code = 0;
    if (descriptor < 0 || fstat(descriptor, &found) < 0)
        code = fail(file, strerror(errno));
    else if (!S_ISREG(found.st_mode))
        code = fail(file, "it is no file");
    else
        code = read_all(file, descriptor);
    if (descriptor >= 0)
        close(descriptor);
    if (code != 0)
        return code;
    file->there = true;
    file->mode = found.st_mode & 07777;
    text_add(&file->text, text_slice(&file->was));
    return file->text.failed ? fail(file, "out of memory") : 0;
}

void setup_file_free(struct setup_file *file)
{
    text_free(&file->text);
    text_free(&file->was);
}

bool setup_file_changed(const struct setup_file *file)
{
    return !file->there || !slice_equal(text_slice(&file->text), text_slice(&file->was));
}

/* All directories of a path. */
static int make_directories(const char *path)
{
    char part[PATH_MAX];
    for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
        if (mkdir(part, 0777) < 0 && errno != EEXIST)
            return -1;
    }
    return 0;
}

int setup_file_write(const struct setup_file *file)
{
    if (make_directories(file->real) == 0 &&
        file_replace(file->real, text_slice(&file->text), file->mode) == 0)
        return 0;
    return complain("setup", "%s can't be written: %s%s", file->path, strerror(errno),
                    file->there ? ": it is as it was" : "");
}

int setup_file_remove(const struct setup_file *file, bool directory_too)
{
    char directory[PATH_MAX];
    if (unlink(file->path) < 0)
        return complain("setup", "%s can't be removed: %s", file->path, strerror(errno));
    snprintf(directory, sizeof directory, "%s", file->path);
    if (directory_too)
        rmdir(dirname(directory)); /* which others may use: then it stays */
    return 0;
}
