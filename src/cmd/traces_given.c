/* Files, a format and the size of a cache become a subject. */
#include "cmd/traces_given.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/visit.h"
#include "trace/read.h"

/* "412" or "5%". An exit code. */
static int read_cache(const char *command, const char *text, struct trace_options *options)
{
    char *end;
    errno = 0;
    double number = strtod(text, &end);
    bool percent = strcmp(end, "%") == 0 && number > 0 && number <= 100;
    bool pages = *end == '\0' && number >= 1 && number <= UINT32_MAX &&
                 strspn(text, "0123456789") == strlen(text);
    if (errno || (!percent && !pages)) {
        complain(command,
                 "--cache is '%s': it must be a number of pages, as '412', between 1 and %u, or a "
                 "share, as '5%%', of up to 100%%.",
                 text, UINT32_MAX);
        return EXIT_USAGE;
    }
    if (pages)
        options->cache_pages = (uint32_t)number;
    else
        options->cache_share = number / 100;
    return EXIT_WORKED;
}

/* What can be said before a file is read. An exit code. */
static int check(const char *command, const struct subject *base,
                 const struct trace_settings *settings, struct trace_options *ret_options)
{
    if (settings->files.count == 0 && (settings->format || settings->cache)) {
        complain(command, "--%s is of a trace; name one with --trace.",
                 settings->format ? "format" : "cache");
        return EXIT_USAGE;
    }
    if (!settings->cache)
        return EXIT_WORKED;
    if (strcmp(base->name, "file_system") != 0) {
        complain(command, "--cache is of file_system; %s has none.", base->name);
        return EXIT_USAGE;
    }
    return read_cache(command, settings->cache, ret_options);
}

/* 0, or -1 and a sentence. */
static int read_files(const struct subject *base, const struct trace_settings *settings,
                      struct traces_given *given, struct subject_traces *traces,
                      char why[TRACE_WHY_SIZE])
{
    for (; given->count < settings->files.count; given->count++) {
        struct trace *trace =
            trace_read(settings->files.at[given->count], base->trace_kind, settings->format, why);
        if (!trace)
            return -1;
        traces->of[traces->count++] = given->traces[given->count] = trace;
    }
    return 0;
}

int traces_give(const char *command, const struct trace_settings *settings,
                struct traces_given *given, const struct subject **subject)
{
    struct subject_traces traces = {0};
    char identity[TRACE_DIGEST_SIZE] = "", why[TRACE_WHY_SIZE];
    _Static_assert(SUBJECT_TRACES_MAX >= LIST_MAX, "as many traces as --trace may stand");
    *given = (struct traces_given){0};
    int code = check(command, *subject, settings, &traces.options);
    if (code != EXIT_WORKED || settings->files.count == 0)
        return code;
    if ((*subject)->workload_read && read_files(*subject, settings, given, &traces, why) < 0)
        return complain(command, "%s", why);
    if (traces.count > 0 && trace_identity(traces.of, traces.count, identity) < 0)
        return complain(command, "out of memory");
    if (subject_of_traces(*subject, &traces, identity, &given->traced, why, sizeof why) < 0)
        return complain(command, "%s", why);
    *subject = &given->traced.subject;
    return EXIT_WORKED;
}

void traces_given_free(struct traces_given *given)
{
    for (size_t i = 0; i < given->count; i++)
        trace_free(given->traces[i]);
    given->count = 0;
}

json_t *traces_json(const struct subject *subject)
{
    json_t *list = subject->traces ? json_array() : NULL;
    for (size_t i = 0; list && i < subject->traces->count; i++) {
        const struct trace *trace = subject->traces->of[i];
        json_array_append_new(list, json_pack("{s:s,s:s,s:I}", "sha256", trace->digest, "format",
                                              trace->format, "records", (json_int_t)trace->count));
    }
    return list;
}
