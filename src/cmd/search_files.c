#include "cmd/search_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/file_replace.h"
#include "search/exchange.h"
#include "wire/text.h"

static int add_line(struct text *text, const struct subject *subject, const struct trial *trial)
{
    json_t *json = exchange_trial(subject, trial);
    char *line = json ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    if (line)
        text_addf(text, "%s\n", line);
    free(line);
    return line ? 0 : -1;
}

static int write_file(const char *directory, size_t number, const char *ending, struct slice text)
{
    char *path;
    if (asprintf(&path, "%s/%zu.%s", directory, number, ending) < 0) {
        errno = ENOMEM;
        return -1;
    }
    int failed = file_replace(path, text, 0644);
    free(path);
    return failed;
}

static int write_elites(const struct subject *subject, const struct archive *archive,
                        const char *directory, size_t number)
{
    struct text lines = {0};
    const struct trial **elites = calloc(archive->count, sizeof *elites);
    int failed = elites ? 0 : -1;
    size_t count = elites ? archive_list(archive, elites) : 0;
    for (size_t i = 0; !failed && i < count; i++)
        failed = add_line(&lines, subject, elites[i]);
    if (failed || lines.failed)
        errno = ENOMEM;
    failed = failed || lines.failed || write_file(directory, number, "jsonl", text_slice(&lines));
    free(elites);
    text_free(&lines);
    return failed ? -1 : 0;
}

int search_files_write(const struct subject *subject, const struct judge *judge,
                       const char *directory, size_t number)
{
    if (judge->best.stages == 0)
        return 0;
    char *source = trial_source(subject, &judge->best);
    if (!source) {
        errno = ENOMEM;
        return -1;
    }
    struct slice text = {source, strlen(source)};
    int failed = write_file(directory, number, "c", text) < 0 ||
                 write_elites(subject, &judge->archive, directory, number) < 0;
    free(source);
    return failed ? -1 : 0;
}
