/* `khub train`: one AI node, from its connection to its summary. */
#ifndef KHUB_NODE_TRAINER_H
#define KHUB_NODE_TRAINER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct brain_standing; /* brain.h */
struct khub_tls;       /* khub.h */
struct searcher;       /* search/searcher.h */
struct summary;        /* summary.h */
struct summary_head;   /* the same */

/* How it goes, for a live line. */
struct trainer_progress {
    const struct brain_standing *standing;
    const struct summary *count;
    uint64_t left_ms; /* until its time is up */
    bool joined;      /* now */
    bool referee;     /* it measures what others claim, and trains nothing */
};

struct trainer_options {
    const char *address; /* of the hub */
    const struct khub_tls
        *tls;         /* how to know it at a khubs:// address; NULL: by the system's roots */
    char *token;      /* to show to it; NULL or "": none. Overwritten once the link has it */
    bool token_open;  /* without TLS to another machine, too */
    const char *room; /* NULL: main */
    const char *ai_id, *specialization;
    double minutes;
    /* Other rooms, at most MIGRANT_ROOMS_MAX (bounds.h): the best of what was confirmed in one
     * after the other is taken in, each time that so many evaluations were spent. */
    const char *const *migrant_rooms;
    size_t migrant_room_count;
    unsigned migrate_every;
    const struct searcher
        *searcher; /* who searches in the place of CMA-ES (search/searcher.h); NULL: nobody */
    /* Where it writes the summary as JSON too (summary.h), at its end and each time that it has
     * measured; NULL: nowhere. */
    const char *summary_path;
    const char
        *keep_path; /* keeps what it learns there, and goes on from it (keeping.h); NULL: not */
    const char *resume_token; /* of an earlier run of this AI; NULL: none */
    const char *acks_path;    /* appends a line for each message that the hub acked; NULL: not */
    bool json; /* the summary goes to `out` as JSON in place of being told to `summary` */
    FILE *out;
    /* All are called on the thread of trainer_run; NULL is fine. */
    void (*log)(const char *line, void *data); /* in place of stderr; without "[TRAINER] " */
    /* Four times a second; and with NULL once at the end, before the summary. */
    void (*progress)(const struct trainer_progress *progress, void *data);
    void (*summary)(const struct summary *count, const struct summary_head *head,
                    const struct brain_standing *standing, void *data);
    void *data;
};

/* Runs to the end, logging to stderr ("[TRAINER] …"), and tells its summary. SIGINT and
 * SIGTERM end it early and cleanly. Returns an exit code: 0 it worked; 1 the hub could not be
 * reached, refused it, or was lost for good; 2 bad options. */
int trainer_run(const struct trainer_options *options);

#endif
