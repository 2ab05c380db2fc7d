/* Traces that somebody gives to a subcommand, and the subject that they make. */
#ifndef KHUB_CMD_TRACES_GIVEN_H
#define KHUB_CMD_TRACES_GIVEN_H

#include <jansson.h>

#include "cmd/options.h"
#include "policy/subject.h"

struct trace_settings {
    struct text_list files;
    const char *format, *cache;
};
/* Of a subcommand whose settings have `struct trace_settings traces`. meaning: what it does with
 * them. */
#define TRACE_SETTINGS_THAT(type, meaning)                                                         \
    {.name = "trace",                                                                              \
     .kind = SETTING_LIST,                                                                         \
     .offset = offsetof(type, traces.files),                                                       \
     .argument = "FILE",                                                                           \
     .help = meaning " May stand several times. Formats: docs/TRACES.md."},                        \
        {.name = "format",                                                                         \
         .kind = SETTING_TEXT,                                                                     \
         .offset = offsetof(type, traces.format),                                                  \
         .argument = "NAME",                                                                       \
         .help = "What --trace is; its beginning tells when nobody says."},                        \
    {                                                                                              \
        .name = "cache", .kind = SETTING_TEXT, .offset = offsetof(type, traces.cache),             \
        .argument = "PAGES|PERCENT",                                                               \
        .help = "Of file_system and --trace: how many pages the cache has, as '412', or a share "  \
                "of the distinct blocks of a workload, as '5%'. 1 to 10 % when nobody says."       \
    }
#define TRACE_SETTINGS(type)                                                                       \
    TRACE_SETTINGS_THAT(type, "Workloads are windows of this trace of a real machine, and none "   \
                              "is synthetic: what is learned on comes from its earlier half, "     \
                              "what is measured on from the later one.")

struct traces_given {
    struct trace *traces[SUBJECT_TRACES_MAX]; /* owned */
    size_t count;                             /* 0: none was given */
    struct traced_subject traced;
};
/* Reads them, and makes of *subject one whose workloads are windows of them; without --trace it
 * stays what it is. `given` must stay where it is, and is to be freed in any case. EXIT_WORKED, or
 * another code after a sentence on stderr. */
int traces_give(const char *command, const struct trace_settings *settings,
                struct traces_given *given, const struct subject **subject);
void traces_given_free(struct traces_given *given);
/* What a subject's workloads are windows of: SHA-256, format and records of each. NULL: they are
 * synthetic. */
json_t *traces_json(const struct subject *subject);

#endif
