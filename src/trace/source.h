/* The bytes of a file, decompressed: one stream for a plain or compressed file, one for each file
 * of a zip archive. */
#ifndef KHUB_TRACE_SOURCE_H
#define KHUB_TRACE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "trace/read.h"

struct archive;
struct archive_entry;

struct source {
    const char *path;
    int fd; /* -1: not open */
    struct stat was;
    struct archive *archive; /* NULL: the file is plain */
    const char *entry;       /* of a zip archive: which of its files; "" else */
    bool begun;
    uint64_t bytes; /* that came out so far */
    char *why;      /* TRACE_WHY_SIZE bytes: what went wrong */
};

/* Opens a regular file and gives its SHA-256. `source` is to be closed in any case. 0, or -1 and a
 * sentence in why. */
int source_open(struct source *source, const char *path, char why[TRACE_WHY_SIZE],
                char ret_digest[TRACE_DIGEST_SIZE]);
/* The next stream: 1, 0 at the end, or -1. Before the first read, too. */
int source_next(struct source *source);
/* Up to `size` of the stream's bytes; 0 at its end, -1 when it can't be read. */
ptrdiff_t source_read(struct source *source, void *buffer, size_t size);
/* Whether the file is still the one whose digest was taken. 0, or -1. */
int source_settled(struct source *source);
void source_close(struct source *source);

#endif
