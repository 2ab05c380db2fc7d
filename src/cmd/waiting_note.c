/* See waiting_note.h. */
#include "cmd/waiting_note.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/membership_place.h"

#define ENDING    ".waiting"
#define BYTES_MAX 16384u

void waiting_free(struct waiting *waiting)
{
    json_decref(waiting->senders);
    *waiting = (struct waiting){0};
}

void waiting_add(struct waiting *waiting, uint64_t seq, const char *sender)
{
    size_t i;
    const json_t *name;
    waiting->count++;
    waiting->seq = seq > waiting->seq ? seq : waiting->seq;
    if (!waiting->senders)
        waiting->senders = json_array();
    json_array_foreach(waiting->senders, i, name)
    {
        if (strcmp(json_string_value(name), sender) == 0)
            return;
    }
    if (json_array_size(waiting->senders) < WAITING_SENDERS_MAX)
        json_array_append_new(waiting->senders, json_string(sender));
}

/* ── the bridge's side ── */

void waiting_note_begin(struct waiting_note *note, const char *membership)
{
    beside_path(membership, ENDING, note->path);
    note->lock = -1;
}

static char *note_text(const struct waiting *waiting)
{
    json_t *root = json_pack("{s:I,s:I,s:I,s:O}", "count", (json_int_t)waiting->count, "seq",
                             (json_int_t)waiting->seq, "newest", (json_int_t)waiting->newest,
                             "senders", waiting->senders ? waiting->senders : json_null());
    char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    return text;
}

static bool says(int file, const char *text)
{
    char there[BYTES_MAX];
    ssize_t len = file >= 0 ? pread(file, there, sizeof there, 0) : -1;
    return len == (ssize_t)strlen(text) && memcmp(there, text, (size_t)len) == 0;
}

/* A new file that is locked, whole, and in its place. */
static int put(struct waiting_note *note, const char *text)
{
    char made[PATH_MAX];
    size_t len = strlen(text);
    if (snprintf(made, sizeof made, "%s.new", note->path) >= (int)sizeof made) {
        errno = ENAMETOOLONG;
        return -1;
    }
    unlink(made); /* of a bridge that was killed */
    int file = open(made, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0)
        return -1;
    bool good = flock(file, LOCK_EX | LOCK_NB) == 0 && write(file, text, len) == (ssize_t)len &&
                rename(made, note->path) == 0;
    if (!good) {
        int error = errno;
        unlink(made);
        close(file);
        errno = error;
        return -1;
    }
    if (note->lock >= 0)
        close(note->lock);
    note->lock = file;
    return 0;
}

int waiting_note_write(struct waiting_note *note, const struct waiting *waiting)
{
    char *text = note_text(waiting);
    errno = ENOMEM;
    int error = !text || strlen(text) > BYTES_MAX ? -1 : 0;
    if (error == 0 && !says(note->lock, text))
        error = put(note, text);
    free(text);
    return error;
}

void waiting_note_end(struct waiting_note *note)
{
    if (note->lock < 0)
        return;
    unlink(note->path);
    close(note->lock);
    note->lock = -1;
}

/* ── who looks ── */

/* The file that is in its place while a bridge holds it; -1: there is none. */
static int open_held(const char *path)
{
    struct stat mine, there;
    for (;;) {
        int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (file < 0)
            return -1;
        if (flock(file, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK)
            return file;
        bool replaced = fstat(file, &mine) == 0 && stat(path, &there) == 0 &&
                        (mine.st_ino != there.st_ino || mine.st_dev != there.st_dev);
        close(file);
        if (!replaced)
            return -1;
    }
}

static bool note_parse(const char *text, size_t len, struct waiting *ret_waiting)
{
    json_t *root = json_loadb(text, len, 0, NULL);
    json_int_t count, seq, newest;
    json_t *senders;
    bool good = json_unpack(root, "{s:I,s:I,s:I,s:o}", "count", &count, "seq", &seq, "newest",
                            &newest, "senders", &senders) == 0 &&
                count >= 0;
    for (size_t i = 0; good && i < json_array_size(senders); i++)
        good = json_is_string(json_array_get(senders, i));
    if (good)
        *ret_waiting = (struct waiting){.count = (size_t)count,
                                        .seq = (uint64_t)seq,
                                        .newest = (uint64_t)newest,
                                        .senders = json_incref(senders)};
    json_decref(root);
    return good;
}

bool waiting_note_read(const char *membership, struct waiting *ret_waiting)
{
    char path[PATH_MAX], text[BYTES_MAX];
    beside_path(membership, ENDING, path);
    int file = open_held(path);
    if (file < 0)
        return false;
    ssize_t len = read(file, text, sizeof text);
    close(file);
    return len > 0 && note_parse(text, (size_t)len, ret_waiting);
}
