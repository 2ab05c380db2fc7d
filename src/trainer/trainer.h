/* `khub train`: one AI node, from its connection to its summary. */
#ifndef KHUB_TRAINER_TRAINER_H
#define KHUB_TRAINER_TRAINER_H

#include <stdbool.h>
#include <stdio.h>

struct trainer_options {
    const char *address; /* of the hub */
    const char *ai_id, *specialization;
    double minutes;
    const char *summary_path; /* writes the summary as JSON there too, see summary.h; NULL: not */
    bool json;                /* the summary on `out` as JSON in place of the table */
    FILE *out;
};

/* The eight specializations and `general`, NULL-terminated; and the seed's capabilities of one (NULL-terminated), NULL when unknown. */
extern const char *const trainer_specializations[];
const char *const *trainer_capabilities(const char *specialization);

/* Runs to the end, logging to stderr ("[TRAINER] …"); the summary goes to `out`. SIGINT and SIGTERM end it early and cleanly. Returns an exit code: 0 it worked; 1 the hub could not be reached, refused it, or was lost for good; 2 bad options. */
int trainer_run(const struct trainer_options *options);

#endif
