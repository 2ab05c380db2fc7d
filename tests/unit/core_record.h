/* Logs that remember: the entries of a hub, in the order in which they were committed. */
#ifndef KHUB_TESTS_CORE_RECORD_H
#define KHUB_TESTS_CORE_RECORD_H

#include "core/hub.h"

struct recorded; /* an entry, and its room */

/* Begins as zeros. */
struct record {
    struct recorded *at;
    size_t count;
    bool full;  /* its logs can keep no message */
    bool holds; /* entries wait for record_commit before they are applied */
};

/* A log in memory whose entries go into the record too, which must outlive it. */
struct log record_log(struct record *record, struct slice room, struct commit commit);
/* Applies what waits, and lets the next ones wait no more. */
void record_commit(struct record *record);
/* The same, but messages that wait are lost. */
void record_lose(struct record *record);
/* Applies them to another hub, but those of rooms that were forgotten. */
void record_replay(const struct record *record, struct hub *hub);
/* What the entry of that seq brought, as long as it is not let go; at NULL: nothing. */
struct slice record_blob(const struct record *record, struct slice room, uint64_t seq);
void record_drop(struct record *record, struct slice room, uint64_t seq);
/* How many there are. */
size_t record_blobs(const struct record *record);
void record_free(struct record *record);

#endif
