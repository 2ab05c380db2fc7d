/* From a file to a trace: which format is it, and then stream by stream. */
#include "trace/read.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "trace/alloc.h"
#include "trace/cache.h"
#include "trace/calls.h"
#include "trace/flent.h"
#include "trace/frames.h"
#include "trace/jobs.h"
#include "trace/mahimahi.h"
#include "wire/text.h"

const struct trace_format trace_formats[] = {
    {"oracleGeneral", TRACE_REFERENCES, cache_oracle_fits, cache_oracle_read},
    {"text", TRACE_REFERENCES, cache_text_fits, cache_text_read},
    {"u32le", TRACE_REFERENCES, cache_u32le_fits, cache_u32le_read},
    {"u32be", TRACE_REFERENCES, cache_u32be_fits, cache_u32be_read},
    {"flent", TRACE_DELAYS, flent_fits, flent_read},
    {"memory_replay", TRACE_ALLOCATIONS, alloc_replay_fits, alloc_replay_read},
    {"alloc_list", TRACE_ALLOCATIONS, alloc_list_fits, alloc_list_read},
    {"swf", TRACE_JOBS, jobs_swf_fits, jobs_swf_read},
    {"azure_llm", TRACE_JOBS, jobs_azure_fits, jobs_azure_read},
    {"ftrace", TRACE_JOBS, jobs_ftrace_fits, jobs_ftrace_read},
    {"mahimahi", TRACE_DELIVERIES, mahimahi_fits, mahimahi_read},
    {"presentmon", TRACE_FRAMES, frames_presentmon_fits, frames_presentmon_read},
    {"ADFA-LD", TRACE_CALLS, calls_adfa_fits, calls_adfa_read, calls_adfa_end},
    {0},
};

void trace_format_names(enum trace_kind kind, char *buffer, size_t size)
{
    size_t length = 0;
    *buffer = '\0';
    for (const struct trace_format *format = trace_formats; format->name; format++)
        if (format->kind == kind && length < size)
            length += (size_t)snprintf(buffer + length, size - length, "%s%s", length ? ", " : "",
                                       format->name);
}

/* NULL and a sentence when it is of none. */
static const struct trace_format *format_of(struct reading *reading, const char *name)
{
    char names[160];
    struct slice beginning = {0};
    bool whole = false;
    enum trace_kind kind = reading->trace->kind;
    if (!name && reading_peek(reading, &beginning, &whole) < 0)
        return NULL;
    for (const struct trace_format *format = trace_formats; format->name; format++)
        if (format->kind == kind &&
            (name ? slice_is(slice_of(name), format->name) : format->fits(beginning, whole)))
            return format;
    trace_format_names(kind, names, sizeof names);
    if (name)
        reading_failed(reading, "'%.64s' is no format of %s; they are %s", name,
                       trace_kind_plural(kind), names);
    else if (beginning.len == 0)
        reading_failed(reading, "it is empty");
    else
        reading_failed(reading, "it looks like no trace of %s; say --format if it is one of %s",
                       trace_kind_plural(kind), names);
    return NULL;
}

static int read_streams(struct reading *reading, const char *name)
{
    const struct trace_format *format = NULL;
    int more;
    while ((more = source_next(&reading->source)) > 0) {
        reading->begin = reading->end = 0;
        reading->ended = false;
        reading->line = 0;
        reading->streams++;
        if (!format && !(format = format_of(reading, name)))
            return -1;
        reading->trace->format = format->name;
        if (format->read(reading) < 0)
            return -1;
    }
    reading->source.entry = "";
    if (more == 0 && reading->trace->count == 0)
        return reading_failed(reading, "there are no %s in it",
                              trace_kind_plural(reading->trace->kind));
    if (more == 0 && format && format->end)
        return format->end(reading);
    return more;
}

struct trace *trace_read(const char *path, enum trace_kind kind, const char *format,
                         char ret_why[TRACE_WHY_SIZE])
{
    struct reading *reading = calloc(1, sizeof *reading);
    struct trace *trace = calloc(1, sizeof *trace);
    if (!reading || !trace) {
        snprintf(ret_why, TRACE_WHY_SIZE, "%.256s: out of memory", path);
        free(reading);
        free(trace);
        return NULL;
    }
    trace->kind = kind;
    reading->trace = trace;
    int result = source_open(&reading->source, path, ret_why, trace->digest);
    if (result == 0)
        result = read_streams(reading, format);
    if (result == 0)
        result = source_settled(&reading->source);
    source_close(&reading->source);
    free(reading);
    if (result == 0)
        return trace;
    trace_free(trace);
    return NULL;
}

void trace_free(struct trace *trace)
{
    if (!trace)
        return;
    free(trace->values);
    free(trace);
}

int trace_identity(const struct trace *const *traces, size_t count,
                   char ret_digest[TRACE_DIGEST_SIZE])
{
    struct text text = {0};
    unsigned char digest[EVP_MAX_MD_SIZE];
    if (count == 1) {
        memcpy(ret_digest, traces[0]->digest, TRACE_DIGEST_SIZE);
        return 0;
    }
    for (size_t i = 0; i < count; i++)
        text_add_literal(&text, traces[i]->digest);
    bool good =
        !text.failed && EVP_Digest(text.at, text.len, digest, NULL, EVP_sha256(), NULL) == 1;
    text_free(&text);
    if (good)
        hex_format(digest, 32, ret_digest);
    return good ? 0 : -1;
}
