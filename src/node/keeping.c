#include "node/keeping.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "brain/words.h"

#define LEARNED      "learned.json"
#define SOURCE       "policy.c"
#define LEARNED_MAX  (2u << 20) /* bytes that are read: a module's source has at most 1.5 MiB so */
#define TOKEN        "resume_token"
#define KEEPING_MODE 0666
#define TOKEN_MODE   0600

/* The object that lies there. 0 (NULL when there is none), or -1 with a sentence. */
static int learned_read(int directory, json_t **ret_learned, char *ret_why)
{
    int fd = openat(directory, LEARNED, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return 0;
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
    if (!file) {
        snprintf(ret_why, KEEPING_WHY_SIZE, "its " LEARNED " can't be read: %s", strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    struct stat status;
    json_error_t error = {.text = "it is too long"};
    bool fits = fstat(fd, &status) == 0 && status.st_size <= LEARNED_MAX;
    json_t *learned = fits ? json_loadf(file, 0, &error) : NULL;
    fclose(file);
    if (!learned)
        snprintf(ret_why, KEEPING_WHY_SIZE, "its " LEARNED " can't be read: %s", error.text);
    *ret_learned = learned;
    return learned ? 0 : -1;
}

/* Without one the trainer joins as anybody does. */
static void token_read(struct keeping *keeping)
{
    int fd = openat(keeping->directory, TOKEN, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? 0 : read(fd, keeping->token, sizeof keeping->token - 1);
    keeping->token[len > 0 ? len : 0] = '\0';
    keeping->token[strcspn(keeping->token, "\n")] = '\0';
    if (fd >= 0)
        close(fd);
}

int keeping_open(const char *path, struct brain *brain, struct keeping *ret_keeping,
                 char ret_why[KEEPING_WHY_SIZE])
{
    struct keeping keeping = {.path = path, .directory = -1};
    char why[BRAIN_TEXT_SIZE];
    if (mkdir(path, 0777) == 0 || errno == EEXIST)
        keeping.directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (keeping.directory < 0) {
        snprintf(ret_why, KEEPING_WHY_SIZE, "%s", strerror(errno));
        return -1;
    }
    if (flock(keeping.directory, LOCK_EX | LOCK_NB) != 0) {
        snprintf(ret_why, KEEPING_WHY_SIZE, "%s",
                 errno == EWOULDBLOCK ? "another trainer keeps its own there" : strerror(errno));
        goto failed;
    }
    if (learned_read(keeping.directory, &keeping.learned, ret_why) < 0)
        goto failed;
    if (keeping.learned && !brain->resume(brain->state, keeping.learned, why)) {
        snprintf(ret_why, KEEPING_WHY_SIZE, "its " LEARNED " is nothing to go on from: %s", why);
        goto failed;
    }
    token_read(&keeping);
    *ret_keeping = keeping;
    return 0;
failed:
    keeping_close(&keeping);
    return -1;
}

/* Under another name first, so that nobody ever finds half of it. */
int keeping_write_file(int directory, const char *name, const char *text, mode_t mode)
{
    char unfinished[PATH_MAX];
    int length = snprintf(unfinished, sizeof unfinished, "%s.new", name);
    if (length >= (int)sizeof unfinished) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = openat(directory, unfinished, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0)
        return -1;
    size_t done = 0, len = strlen(text);
    while (done < len) {
        ssize_t written = write(fd, text + done, len - done);
        if (written < 0 && errno != EINTR)
            break;
        done += written > 0 ? (size_t)written : 0;
    }
    int cause = errno;
    bool whole = done == len;
    if (close(fd) != 0 && whole) {
        cause = errno;
        whole = false;
    }
    if (whole && renameat(directory, unfinished, directory, name) == 0)
        return 0;
    cause = whole ? errno : cause;
    unlinkat(directory, unfinished, 0);
    errno = cause;
    return -1;
}

int keeping_write(struct keeping *keeping, json_t *learned)
{
    const char *source = json_string_value(json_object_get(learned, "implementation"));
    if (!source) /* a module is its source */
        source = json_string_value(json_object_get(learned, "source"));
    assert(keeping->directory >= 0);
    if (!learned || (keeping->learned && json_equal(learned, keeping->learned)))
        return 0;
    char *text = json_dumps(learned, JSON_INDENT(2));
    errno = text ? 0 : ENOMEM;
    int failed =
        !text || keeping_write_file(keeping->directory, LEARNED, text, KEEPING_MODE) < 0 ||
        (source && keeping_write_file(keeping->directory, SOURCE, source, KEEPING_MODE) < 0);
    free(text);
    if (failed)
        return -1;
    json_decref(keeping->learned);
    keeping->learned = json_incref(learned);
    return 0;
}

int keeping_write_token(struct keeping *keeping, const char *token)
{
    assert(keeping->directory >= 0);
    if (strlen(token) >= sizeof keeping->token || strcmp(token, keeping->token) == 0)
        return 0;
    if (keeping_write_file(keeping->directory, TOKEN, token, TOKEN_MODE) < 0)
        return -1;
    words_copy(keeping->token, token);
    return 0;
}

void keeping_close(struct keeping *keeping)
{
    if (keeping->directory >= 0)
        close(keeping->directory);
    json_decref(keeping->learned);
    *keeping = (struct keeping){.directory = -1};
}
