/* Files for the tests of the readers of traces; and where real ones lie. */
#ifndef KHUB_TESTS_TRACE_FIXTURE_H
#define KHUB_TESTS_TRACE_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "own_folder.h"
#include "trace/read.h"
#include "wire/slice.h"

/* What the last reading said; "" when it went well. */
static char trace_why[TRACE_WHY_SIZE];

/* Reads `bytes` as a file of that name, in a folder that is gone again then. */
static inline struct trace *trace_of_bytes(const char *name, struct slice bytes,
                                           enum trace_kind kind, const char *format)
{
    char folder[OWN_FOLDER_SIZE], path[OWN_FOLDER_SIZE + 64];
    if (own_folder_make(folder) < 0)
        abort();
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "we");
    if (!file || (bytes.len > 0 && fwrite(bytes.at, 1, bytes.len, file) != bytes.len) ||
        fclose(file) != 0)
        abort();
    *trace_why = '\0';
    struct trace *trace = trace_read(path, kind, format, trace_why);
    unlink(path);
    rmdir(folder);
    return trace;
}

static inline struct trace *trace_of_text(const char *text, enum trace_kind kind)
{
    return trace_of_bytes("made", slice_of(text), kind, NULL);
}

/* Where real ones lie; NULL: nobody says. */
static inline const char *trace_folder(void)
{
    const char *folder = getenv("KHUB_TRACES");
    return folder && *folder ? folder : NULL;
}

/* One of that folder. It must be there. */
static inline struct trace *trace_of_folder(const char *name, enum trace_kind kind)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", trace_folder(), name);
    *trace_why = '\0';
    struct trace *trace = trace_read(path, kind, NULL, trace_why);
    if (!trace) {
        fprintf(stderr, "%s\n", trace_why);
        abort();
    }
    return trace;
}

#endif
