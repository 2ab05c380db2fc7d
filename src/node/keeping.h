/* What a trainer has learned, kept in a directory: learned.json and policy.c, as it would use
 * them now. A later run goes on from there. Beside them, readable for its owner alone, the hub's
 * resume_token. All else that a trainer had under way its hub knows. */
#ifndef KHUB_NODE_KEEPING_H
#define KHUB_NODE_KEEPING_H

#include <jansson.h>
#include <sys/types.h>

#include "brain/brain.h"

#define KEEPING_TOKEN_SIZE 257u /* libkhub's bound, and a NUL */

struct keeping {
    const char *path;
    int directory;                  /* open, and locked: one trainer at a time */
    json_t *learned;                /* as it lies there; NULL: nothing yet */
    char token[KEEPING_TOKEN_SIZE]; /* the same; "": none */
};

#define KEEPING_WHY_SIZE (BRAIN_TEXT_SIZE + 300)

/* Makes the directory if there is none, locks it, and has the brain go on from what lies there.
 * `path` must outlive it. 0, or -1 with a sentence: it can't be used, another trainer has it, or
 * it holds what this brain can't go on from (and which would be lost). */
int keeping_open(const char *path, struct brain *brain, struct keeping *ret_keeping,
                 char ret_why[KEEPING_WHY_SIZE]);
/* Writes what the brain has learned (borrowed; NULL: nothing), if it is not there already. Each
 * file is whole at any time. 0, or -1 with errno. */
int keeping_write(struct keeping *keeping, json_t *learned);
/* Writes the hub's resume_token, if it is not there already. 0, or -1 with errno. */
int keeping_write_token(struct keeping *keeping, const char *token);
/* Writes a file that is whole at any time, in place of one of that name in the directory (an fd, or
 * AT_FDCWD). 0, or -1 with errno. */
int keeping_write_file(int directory, const char *name, const char *text, mode_t mode);
void keeping_close(struct keeping *keeping);

#endif
