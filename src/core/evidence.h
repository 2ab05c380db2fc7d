/* Evidence that a task is done: commands that somebody ran, with what came of them, and what others
 * say who ran them again. This hub runs nothing. */
#ifndef KHUB_CORE_EVIDENCE_H
#define KHUB_CORE_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/slice.h"
#include "wire/text.h"

struct ledger;

/* X(NAME, text), the worst first: that of a task is its worst item's. */
#define EVIDENCE_STATUSES(X)                                                                       \
    X(REFUTED, "refuted")       /* two found the same other thing, and fewer than two agree */     \
    X(CONTESTED, "contested")   /* two have run it, and it is neither this nor that */             \
    X(UNVERIFIED, "unverified") /* fewer than two have run it */                                   \
    X(CONFIRMED, "confirmed")   /* two found the same, and no two the same other thing */          \
    X(NONE, "none")             /* there is none */

enum evidence_status {
#define X(name, text) EVIDENCE_##name,
    EVIDENCE_STATUSES(X)
#undef X
        EVIDENCE_STATUS_COUNT
};

#define DIGEST_SIZE 65u /* 64 lower-case hex digits of a SHA-256, and a NUL; "": none */

/* What came of a command. */
struct outcome {
    uint64_t exit;
    char sha256[DIGEST_SIZE]; /* of what it printed; "": that is not compared */
};

/* What somebody else says came of it. */
struct rerun {
    struct slice ai_id, owner, note;
    struct outcome outcome;
    bool agrees;
    bool counts;  /* it is no owner's who has a part in the task, and whose word counts */
    uint64_t seq; /* of its message */
};

struct item {
    struct slice command, printed; /* printed.len 0: it is not kept, or there was nothing */
    char artifact[DIGEST_SIZE];    /* of the files that it was run on */
    struct outcome outcome;
    struct rerun *reruns; /* each owner once, the latest last */
    size_t rerun_count, rerun_capacity;
};

struct evidence {
    struct item *items;
    size_t count, capacity;
};

void evidence_free(struct evidence *evidence); /* back to {0} */
size_t evidence_cost(const struct evidence *evidence);
const char *evidence_status_text(enum evidence_status status);
enum evidence_status item_status(const struct item *item);
enum evidence_status evidence_status(const struct evidence *evidence);
/* A copy of it becomes the last; it has no reruns. */
struct item *evidence_add(struct evidence *evidence, const struct item *item);
/* Is it what the item says? */
bool outcome_agrees(const struct item *item, const struct outcome *outcome);
/* The note that was said in the message of this seq is known no more; false: there is none. */
bool evidence_retract(struct evidence *evidence, uint64_t seq);
/* Can one more be kept of this owner? */
bool item_has_room(const struct item *item, struct slice owner);
/* Takes the place of its owner's earlier one; item_has_room. A copy. */
const struct rerun *item_put(struct item *item, const struct rerun *rerun);
/* [{…},…]; full: with what was printed and all reruns. */
void evidence_write(const struct evidence *evidence, bool full, struct text *text);
/* Its members, from "by" on, without braces. */
void rerun_write(const struct rerun *rerun, struct text *text);

#endif
