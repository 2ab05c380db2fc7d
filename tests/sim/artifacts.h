/* Files in workspaces, as the hub has told of them so far, and the disk with their bytes. */
#ifndef KHUB_TESTS_SIM_ARTIFACTS_H
#define KHUB_TESTS_SIM_ARTIFACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/hub.h"

struct effect;
struct maker;
struct world;

enum {
    SESSIONS = 8,
    UPLOADS = 16,
    FILES = 5,
    FILE_BYTES = 700,
    LINE_BYTES = 512
}; /* LINE_BYTES: line_max */

/* What somebody is sending; session "": nothing. */
struct upload_model {
    char session[40], by[160], name[32];
    int file;
    unsigned next, chunk;
};

/* What an entry brought; bytes.at NULL: it was let go. */
struct blob {
    uint64_t seq;
    struct slice bytes; /* owned */
};

/* A session that is under way; id "": none. */
struct working_model {
    char id[40];
    char participants[8 * 20]; /* names, a blank before and behind each */
};

struct artifacts_model {
    struct working_model working[SESSIONS]; /* the last that were told of */
    unsigned begun;
    struct upload_model uploads[UPLOADS]; /* the last that were told of */
    unsigned told;
    struct blob *disk;
    size_t count;
};

/* What an effect says of a file must go with what was said before. */
void artifacts_follow(struct world *world, const struct effect *effect);
/* The entry is on disk, with what it brings. */
void artifacts_keep(struct artifacts_model *artifacts, uint64_t seq, struct slice bytes);
void artifacts_drop(struct world *world, struct slice room, const uint64_t *seqs, size_t count);
void artifacts_clear(struct artifacts_model *artifacts);
/* On disk lies what the files of all rooms are made of, and nothing else; what is whole is what was
 * offered. */
void artifacts_check(struct world *world, const char *when);
/* What stands for a SHA-256 that can be gone on with. */
void artifacts_hash(struct hub_hash *hash, struct slice bytes, bool last);
/* Does it take part in a session that is under way, as far as is known? */
bool artifacts_at_work(const struct world *world, int room, int name);
/* Payloads. */
void make_artifact_offer(struct maker *maker);
void make_artifact_chunk(struct maker *maker);

#endif
